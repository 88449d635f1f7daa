noinst_LTLIBRARIES += src/ca/libca.la
src_ca_libca_la_SOURCES = src/ca/ca.h src/ca/ca_local.h src/ca/cakey.c src/ca/crl.c \
    src/ca/file.c src/ca/issue.c src/ca/lint.c src/ca/revoke.c src/ca/setup.c
