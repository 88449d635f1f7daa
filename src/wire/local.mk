noinst_LTLIBRARIES += src/wire/libwire.la
src_wire_libwire_la_SOURCES = src/wire/wire.h src/wire/der.h src/wire/der.c
