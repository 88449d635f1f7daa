if HAVE_CUNIT
POLICY_TESTS = tests/policy/test_authority tests/policy/test_policy tests/policy/test_username
check_PROGRAMS += $(POLICY_TESTS)
check_PROGRAMS_RUN += $(POLICY_TESTS)
tests_policy_test_authority_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_authority_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_policy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_policy_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
tests_policy_test_username_CPPFLAGS = $(TEST_CPPFLAGS)
tests_policy_test_username_LDADD = $(LIBS_policy) $(CUNIT_LIBS)
endif
