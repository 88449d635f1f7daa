noinst_LTLIBRARIES += src/policy/libpolicy.la
src_policy_libpolicy_la_SOURCES = src/policy/policy.h
