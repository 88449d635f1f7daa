if HAVE_CUNIT
APPS_TESTS = tests/apps/test_bench_txn tests/apps/test_bench_hist tests/apps/test_bench_response
check_PROGRAMS += $(APPS_TESTS)
check_PROGRAMS_RUN += $(APPS_TESTS)
tests_apps_test_bench_txn_SOURCES = tests/apps/test_bench_txn.c $(BENCH_MESSAGE_SOURCES)
tests_apps_test_bench_txn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_apps_test_bench_txn_LDADD = $(LIBS_server) $(CUNIT_LIBS)
tests_apps_test_bench_hist_SOURCES = tests/apps/test_bench_hist.c apps/bench.h apps/bench_hist.c
tests_apps_test_bench_hist_CPPFLAGS = $(TEST_CPPFLAGS)
tests_apps_test_bench_hist_LDADD = $(LIBS_wire) $(CUNIT_LIBS) -lm
tests_apps_test_bench_response_SOURCES = tests/apps/test_bench_response.c apps/bench_load.h \
    apps/bench_response.c
tests_apps_test_bench_response_CPPFLAGS = $(TEST_CPPFLAGS)
tests_apps_test_bench_response_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
endif
