if HAVE_CUNIT
CA_TESTS = tests/ca/test_issue tests/ca/test_lint tests/ca/test_crl tests/ca/test_cakey \
    tests/ca/test_setup
check_PROGRAMS += $(CA_TESTS)
check_PROGRAMS_RUN += $(CA_TESTS)
tests_ca_test_issue_SOURCES = tests/ca/test_issue.c tests/ca/pki.h
tests_ca_test_issue_CPPFLAGS = $(TEST_CPPFLAGS)
tests_ca_test_issue_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_lint_SOURCES = tests/ca/test_lint.c tests/ca/pki.h
tests_ca_test_lint_CPPFLAGS = $(TEST_CPPFLAGS)
tests_ca_test_lint_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_crl_SOURCES = tests/ca/test_crl.c tests/ca/pki.h
tests_ca_test_crl_CPPFLAGS = $(TEST_CPPFLAGS)
tests_ca_test_crl_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_cakey_SOURCES = tests/ca/test_cakey.c tests/ca/pki.h
tests_ca_test_cakey_CPPFLAGS = $(TEST_CPPFLAGS)
tests_ca_test_cakey_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
tests_ca_test_setup_SOURCES = tests/ca/test_setup.c tests/ca/pki.h
tests_ca_test_setup_CPPFLAGS = $(TEST_CPPFLAGS)
tests_ca_test_setup_LDADD = $(LIBS_ca) $(CUNIT_LIBS)
endif
