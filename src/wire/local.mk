noinst_LTLIBRARIES += src/wire/libwire.la
src_wire_libwire_la_SOURCES = src/wire/wire.h src/wire/der.h src/wire/der.c
src_wire_libwire_la_SOURCES += src/wire/wire_local.h src/wire/algid.c src/wire/body.c \
    src/wire/crmf.c src/wire/extension.c src/wire/general_name.c src/wire/p10.c src/wire/pkimsg.c
