noinst_LTLIBRARIES += src/show/libshow.la
src_show_libshow_la_SOURCES = src/show/show.h src/show/show_local.h src/show/leaf.c src/show/oids.c \
    src/show/show.c src/show/types_cms.c src/show/types_crmf.c src/show/types_msg.c \
    src/show/types_x509.c src/show/writer.c
