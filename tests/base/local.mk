if HAVE_CUNIT
BASE_TESTS = tests/base/test_base
check_PROGRAMS += $(BASE_TESTS)
check_PROGRAMS_RUN += $(BASE_TESTS)
tests_base_test_base_CPPFLAGS = $(TEST_CPPFLAGS)
tests_base_test_base_LDADD = $(LIBS_base) $(CUNIT_LIBS)
endif
