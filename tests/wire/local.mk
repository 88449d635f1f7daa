if HAVE_CUNIT
WIRE_TESTS = tests/wire/test_der
check_PROGRAMS += $(WIRE_TESTS)
check_PROGRAMS_RUN += $(WIRE_TESTS)
tests_wire_test_der_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_der_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
endif

if HAVE_CUNIT
WIRE_MESSAGE_TESTS = tests/wire/test_pkimsg tests/wire/test_body tests/wire/test_crmf
check_PROGRAMS += $(WIRE_MESSAGE_TESTS)
check_PROGRAMS_RUN += $(WIRE_MESSAGE_TESTS)
tests_wire_test_pkimsg_SOURCES = tests/wire/test_pkimsg.c tests/wire/hex.h tests/wire/vectors.h
tests_wire_test_pkimsg_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_pkimsg_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_body_SOURCES = tests/wire/test_body.c tests/wire/hex.h tests/wire/vectors.h
tests_wire_test_body_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_body_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_crmf_SOURCES = tests/wire/test_crmf.c tests/wire/hex.h tests/wire/vectors.h
tests_wire_test_crmf_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_crmf_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
endif

if HAVE_CUNIT
WIRE_CRYPTO_TESTS = tests/wire/test_crypto tests/wire/test_protect_sig tests/wire/test_cert tests/wire/test_names \
    tests/wire/test_pubkey tests/wire/test_popo tests/wire/test_protect_mac tests/wire/test_encrypt \
    tests/wire/test_san
check_PROGRAMS += $(WIRE_CRYPTO_TESTS)
check_PROGRAMS_RUN += $(WIRE_CRYPTO_TESTS)
tests_wire_test_crypto_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_crypto_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_protect_sig_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_protect_sig_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_cert_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_cert_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_names_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_names_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_pubkey_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_pubkey_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_popo_SOURCES = tests/wire/test_popo.c tests/wire/hex.h
tests_wire_test_popo_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_popo_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_encrypt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_encrypt_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_protect_mac_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_protect_mac_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
tests_wire_test_san_CPPFLAGS = $(TEST_CPPFLAGS)
tests_wire_test_san_LDADD = $(LIBS_wire) $(CUNIT_LIBS)
endif
