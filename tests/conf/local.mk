if HAVE_CUNIT
CONF_TESTS = tests/conf/test_load tests/conf/test_schema tests/conf/test_check \
    tests/conf/test_include tests/conf/test_paths tests/conf/test_ejbca tests/conf/test_advice tests/conf/test_field
check_PROGRAMS += $(CONF_TESTS)
check_PROGRAMS_RUN += $(CONF_TESTS)
EXTRA_DIST += tests/conf/conf_test.h
tests_conf_test_load_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_load_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_schema_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_schema_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_check_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_check_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_include_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_include_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_field_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_field_LDADD = $(LIBS_conf) src/wire/libwire.la $(LIBS_base) $(CUNIT_LIBS)
tests_conf_test_paths_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_paths_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_ejbca_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_ejbca_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
tests_conf_test_advice_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conf_test_advice_LDADD = $(LIBS_conf) $(CUNIT_LIBS)
endif
