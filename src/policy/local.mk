noinst_LTLIBRARIES += src/policy/libpolicy.la
src_policy_libpolicy_la_SOURCES = src/policy/policy.h src/policy/policy_local.h \
    src/policy/authority.c src/policy/extensions.c src/policy/fields.c src/policy/key.c \
    src/policy/keyid.c src/policy/policy.c src/policy/popo_rules.c src/policy/san.c \
    src/policy/subject.c src/policy/template.c src/policy/usage.c src/policy/username.c \
    src/policy/validity.c
