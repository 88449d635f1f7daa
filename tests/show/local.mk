if HAVE_CUNIT
SHOW_TESTS = tests/show/test_show
check_PROGRAMS += $(SHOW_TESTS)
check_PROGRAMS_RUN += $(SHOW_TESTS)
tests_show_test_show_SOURCES = tests/show/test_show.c tests/wire/hex.h
tests_show_test_show_CPPFLAGS = $(TEST_CPPFLAGS)
tests_show_test_show_LDADD = $(LIBS_show) $(CUNIT_LIBS)
endif
