if HAVE_CUNIT
POLICY_TESTS = tests/policy/test_authority tests/policy/test_extensions tests/policy/test_keyid \
    tests/policy/test_policy tests/policy/test_popo_rules tests/policy/test_san \
    tests/policy/test_subject tests/policy/test_username tests/policy/test_validity
check_PROGRAMS += $(POLICY_TESTS)
check_PROGRAMS_RUN += $(POLICY_TESTS)
tests_policy_test_authority_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_authority_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_extensions_SOURCES = tests/policy/test_extensions.c tests/policy/world.h
tests_policy_test_extensions_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_extensions_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_keyid_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_keyid_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_policy_SOURCES = tests/policy/test_policy.c tests/policy/world.h
tests_policy_test_policy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_policy_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_popo_rules_SOURCES = tests/policy/test_popo_rules.c tests/policy/world.h
tests_policy_test_popo_rules_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_popo_rules_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_san_SOURCES = tests/policy/test_san.c tests/policy/world.h
tests_policy_test_san_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_san_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_subject_SOURCES = tests/policy/test_subject.c tests/policy/world.h
tests_policy_test_subject_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_subject_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_username_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_username_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_validity_SOURCES = tests/policy/test_validity.c tests/policy/world.h
tests_policy_test_validity_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_validity_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
endif
