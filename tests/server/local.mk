if HAVE_CUNIT
SERVER_TESTS = tests/server/test_server
check_PROGRAMS += $(SERVER_TESTS)
check_PROGRAMS_RUN += $(SERVER_TESTS)
tests_server_test_server_CPPFLAGS = $(TEST_CPPFLAGS)
tests_server_test_server_LDADD = $(LIBS_server) $(CUNIT_LIBS)
endif
