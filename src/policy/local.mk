noinst_LTLIBRARIES += src/policy/libpolicy.la
src_policy_libpolicy_la_SOURCES = src/policy/policy.h src/policy/policy_local.h \
    src/policy/authority.c src/policy/policy.c src/policy/profile_cert.c src/policy/profile_ee.c src/policy/username.c
