if HAVE_CUNIT
WIRE_TESTS = tests/wire/test_der
check_PROGRAMS += $(WIRE_TESTS)
check_PROGRAMS_RUN += $(WIRE_TESTS)
tests_wire_test_der_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_der_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
endif
