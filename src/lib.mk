# libcmpsrv: base to server, without http; an embedding product needs no libevent.
lib_LTLIBRARIES += libcmpsrv.la
libcmpsrv_la_SOURCES =
libcmpsrv_la_LIBADD = $(LIBS_server)
libcmpsrv_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
    -Wl,--version-script=$(top_srcdir)/src/cmpsrv.map
libcmpsrv_la_DEPENDENCIES = $(LIBS_server_only) src/cmpsrv.map
LIBS_server_only = src/server/libserver.la src/auth/libauth.la src/policy/libpolicy.la \
    src/ca/libca.la src/watch/libwatch.la src/wire/libwire.la src/store/libstore.la \
    src/conf/libconf.la src/base/libbase.la
pkginclude_HEADERS = include/cmpsrv/cmpsrv.h include/cmpsrv/err.h
pkgconfig_DATA = src/cmpsrv.pc
EXTRA_DIST += src/cmpsrv.map
