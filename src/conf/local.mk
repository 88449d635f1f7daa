noinst_LTLIBRARIES += src/conf/libconf.la
src_conf_libconf_la_SOURCES = src/conf/conf.h src/conf/conf_local.h src/conf/check.c \
    src/conf/conf.c src/conf/load.c src/conf/paths.c src/conf/schema.c src/conf/set.c \
    src/conf/yaml.c
