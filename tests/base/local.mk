if HAVE_CUNIT
BASE_TESTS = tests/base/test_base
check_PROGRAMS += $(BASE_TESTS)
check_PROGRAMS_RUN += $(BASE_TESTS)
tests_base_test_base_CPPFLAGS = $(TEST_CPPFLAGS)
tests_base_test_base_LDADD = $(LIBS_base) $(CUNIT_LIBS)
endif

# LD_PRELOAD module that times what waits for locks, for scripts/bench; without the sanitizers, to load into any program.
check_LTLIBRARIES += tests/base/lockshim.la
tests_base_lockshim_la_SOURCES = tests/base/lockshim.c
tests_base_lockshim_la_CFLAGS = $(WARN_CFLAGS) $(werror) -fno-optimize-sibling-calls
tests_base_lockshim_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
