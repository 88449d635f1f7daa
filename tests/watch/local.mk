if HAVE_CUNIT
WATCH_TESTS = tests/watch/test_watch
check_PROGRAMS += $(WATCH_TESTS)
check_PROGRAMS_RUN += $(WATCH_TESTS)
tests_watch_test_watch_CPPFLAGS = $(TEST_CPPFLAGS)
tests_watch_test_watch_LDADD = $(LIBS_watch) $(CUNIT_LIBS)
endif
