noinst_LTLIBRARIES += src/conf/libconf.la
src_conf_libconf_la_SOURCES = src/conf/conf.h src/conf/conf_local.h src/conf/schema.c \
    src/conf/value.c src/conf/list.c src/conf/yaml.c src/conf/include.c src/conf/load.c src/conf/check.c src/conf/check_alias.c src/conf/check_modules.c src/conf/check_local.h \
    src/conf/errors.c src/conf/paths.c src/conf/ejbca.h src/conf/ejbca_local.h \
    src/conf/ejbca.c src/conf/ejbca_auth.c src/conf/ejbca_keys.c src/conf/ejbca_map.c \
    src/conf/ejbca_properties.c src/conf/ejbca_write.c src/conf/advice.h src/conf/advice.c \
    src/conf/field.c src/conf/show.c
