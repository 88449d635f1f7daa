if HAVE_CUNIT
HTTP_TESTS = tests/http/test_parser tests/http/test_conn tests/http/test_server
check_PROGRAMS += $(HTTP_TESTS)
check_PROGRAMS_RUN += $(HTTP_TESTS)
HTTP_TEST_LIBS = $(LIBS_http) $(CUNIT_LIBS)
HTTP_HARNESS = tests/http/harness.c tests/http/harness.h
tests_http_test_parser_CPPFLAGS = $(TEST_CPPFLAGS)
tests_http_test_parser_LDADD = $(HTTP_TEST_LIBS)
tests_http_test_conn_SOURCES = tests/http/test_conn.c $(HTTP_HARNESS)
tests_http_test_conn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_http_test_conn_LDADD = $(HTTP_TEST_LIBS)
tests_http_test_server_SOURCES = tests/http/test_server.c $(HTTP_HARNESS)
tests_http_test_server_CPPFLAGS = $(TEST_CPPFLAGS)
tests_http_test_server_LDADD = $(HTTP_TEST_LIBS)
endif
