noinst_LTLIBRARIES += src/server/libserver.la
src_server_libserver_la_SOURCES = 
