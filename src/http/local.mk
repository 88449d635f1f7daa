noinst_LTLIBRARIES += src/http/libhttp.la
src_http_libhttp_la_SOURCES = src/http/http.h src/http/http_local.h src/http/conn.c \
    src/http/listen.c src/http/parser.c src/http/pool.c src/http/server.c src/http/tls.c
