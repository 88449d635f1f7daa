noinst_LTLIBRARIES += src/base/libbase.la
src_base_libbase_la_SOURCES = src/base/base.h src/base/model.h src/base/base.c src/base/err.c \
    src/base/json.c src/base/log.c src/base/model.c src/base/secret.c include/cmpsrv/err.h
