noinst_LTLIBRARIES += src/auth/libauth.la
src_auth_libauth_la_SOURCES = src/auth/auth.h src/auth/auth_local.h src/auth/auth.c src/auth/chain.c src/auth/eecert.c src/auth/hmac.c src/auth/password.c src/auth/path.c src/auth/ra.c src/auth/vendor.c
