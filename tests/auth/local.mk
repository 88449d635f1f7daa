if HAVE_CUNIT
AUTH_TESTS = tests/auth/test_auth tests/auth/test_vendor
check_PROGRAMS += $(AUTH_TESTS)
check_PROGRAMS_RUN += $(AUTH_TESTS)
tests_auth_test_auth_CPPFLAGS = $(TEST_CPPFLAGS)
tests_auth_test_auth_LDADD = $(LIBS_auth) $(CUNIT_LIBS)
tests_auth_test_vendor_CPPFLAGS = $(TEST_CPPFLAGS)
tests_auth_test_vendor_LDADD = $(LIBS_auth) $(CUNIT_LIBS)
endif
