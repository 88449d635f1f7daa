if HAVE_CUNIT
STORE_TESTS = tests/store/test_store tests/store/test_entity tests/store/test_audit tests/store/test_faults \
    tests/store/test_vfs
check_PROGRAMS += $(STORE_TESTS)
check_PROGRAMS_RUN += $(STORE_TESTS)
STORE_TEST_CPPFLAGS = $(TEST_CPPFLAGS) \
    -DFAULTSHIM='"$(abs_top_builddir)/tests/store/.libs/faultshim.so"'
tests_store_test_store_SOURCES = tests/store/test_store.c tests/store/rows.h tests/store/typical.h
tests_store_test_store_CPPFLAGS = $(STORE_TEST_CPPFLAGS)
tests_store_test_store_LDADD = $(LIBS_store) $(CUNIT_LIBS)
tests_store_test_entity_SOURCES = tests/store/test_entity.c tests/store/rows.h
tests_store_test_entity_CPPFLAGS = $(STORE_TEST_CPPFLAGS)
tests_store_test_entity_LDADD = $(LIBS_store) $(CUNIT_LIBS)
tests_store_test_audit_SOURCES = tests/store/test_audit.c tests/store/rows.h
tests_store_test_audit_CPPFLAGS = $(STORE_TEST_CPPFLAGS)
tests_store_test_audit_LDADD = $(LIBS_store) $(CUNIT_LIBS)
tests_store_test_faults_SOURCES = tests/store/test_faults.c tests/store/rows.h
tests_store_test_faults_CPPFLAGS = $(STORE_TEST_CPPFLAGS)
tests_store_test_faults_LDADD = $(LIBS_store) $(CUNIT_LIBS)
tests_store_test_vfs_SOURCES = tests/store/test_vfs.c tests/store/rows.h
tests_store_test_vfs_CPPFLAGS = $(STORE_TEST_CPPFLAGS)
tests_store_test_vfs_LDADD = $(LIBS_store) $(CUNIT_LIBS)
endif

# For measuring by hand.
check_PROGRAMS += tests/store/bench_store
tests_store_bench_store_SOURCES = tests/store/bench_store.c tests/store/typical.h
tests_store_bench_store_CPPFLAGS = $(TEST_CPPFLAGS)
tests_store_bench_store_LDADD = $(LIBS_store)

# LD_PRELOAD module that makes disks fail; without the sanitizers, to load into any program.
check_LTLIBRARIES += tests/store/faultshim.la
tests_store_faultshim_la_SOURCES = tests/store/faultshim.c
tests_store_faultshim_la_CFLAGS = $(WARN_CFLAGS) $(werror) -fno-optimize-sibling-calls
tests_store_faultshim_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
