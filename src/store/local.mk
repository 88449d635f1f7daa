noinst_LTLIBRARIES += src/store/libstore.la
src_store_libstore_la_SOURCES = src/store/store.h
