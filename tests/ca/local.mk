EXTRA_DIST += tests/ca/ca_test.h
if HAVE_CUNIT
CA_TESTS = tests/ca/test_cakey tests/ca/test_crl tests/ca/test_issue tests/ca/test_lint
check_PROGRAMS += $(CA_TESTS)
check_PROGRAMS_RUN += $(CA_TESTS)
tests_ca_test_cakey_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_srcdir)/tests/ca
tests_ca_test_cakey_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_crl_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_srcdir)/tests/ca
tests_ca_test_crl_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_issue_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_srcdir)/tests/ca
tests_ca_test_issue_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_lint_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_srcdir)/tests/ca
tests_ca_test_lint_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
endif
