noinst_LTLIBRARIES += src/ca/libca.la
src_ca_libca_la_SOURCES = src/ca/ca.h
