noinst_LTLIBRARIES += src/conf/libconf.la
src_conf_libconf_la_SOURCES = src/conf/conf.h
