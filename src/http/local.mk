noinst_LTLIBRARIES += src/http/libhttp.la
src_http_libhttp_la_SOURCES = src/http/http.h
