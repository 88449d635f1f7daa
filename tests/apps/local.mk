if HAVE_CUNIT
APPS_TESTS = tests/apps/test_bench_txn
check_PROGRAMS += $(APPS_TESTS)
check_PROGRAMS_RUN += $(APPS_TESTS)
tests_apps_test_bench_txn_SOURCES = tests/apps/test_bench_txn.c $(BENCH_MESSAGE_SOURCES)
tests_apps_test_bench_txn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_apps_test_bench_txn_LDADD = $(LIBS_server) $(CUNIT_LIBS)
endif
