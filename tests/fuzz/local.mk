# Fuzz targets. With --enable-fuzzers (clang) libFuzzer drives them: scripts/fuzz. Without, each runs
# its seeds once, in make check.
FUZZ_TARGETS = tests/fuzz/fuzz_pkimsg tests/fuzz/fuzz_body tests/fuzz/fuzz_cert \
    tests/fuzz/fuzz_name tests/fuzz/fuzz_protection tests/fuzz/fuzz_http tests/fuzz/fuzz_conf \
    tests/fuzz/fuzz_line tests/fuzz/fuzz_show tests/fuzz/fuzz_import
check_PROGRAMS += $(FUZZ_TARGETS)
dist_check_SCRIPTS += tests/fuzz/run-seeds.sh
EXTRA_DIST += tests/fuzz/make-seeds tests/fuzz/seeds scripts/fuzz
FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
FUZZ_COMMON = tests/fuzz/fuzz.h
if FUZZERS
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_LINK = $(AM_LDFLAGS)
FUZZ_COMMON += tests/fuzz/replay.c
endif
tests_fuzz_fuzz_pkimsg_SOURCES = tests/fuzz/fuzz_pkimsg.c $(FUZZ_COMMON)
tests_fuzz_fuzz_pkimsg_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_pkimsg_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pkimsg_LDADD = $(LIBS_wire)
tests_fuzz_fuzz_body_SOURCES = tests/fuzz/fuzz_body.c $(FUZZ_COMMON)
tests_fuzz_fuzz_body_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_body_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_body_LDADD = $(LIBS_wire)
tests_fuzz_fuzz_cert_SOURCES = tests/fuzz/fuzz_cert.c $(FUZZ_COMMON)
tests_fuzz_fuzz_cert_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_cert_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cert_LDADD = $(LIBS_wire)
tests_fuzz_fuzz_name_SOURCES = tests/fuzz/fuzz_name.c $(FUZZ_COMMON)
tests_fuzz_fuzz_name_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_name_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_name_LDADD = $(LIBS_wire)
tests_fuzz_fuzz_protection_SOURCES = tests/fuzz/fuzz_protection.c $(FUZZ_COMMON)
tests_fuzz_fuzz_protection_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_protection_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_protection_LDADD = $(LIBS_wire)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(FUZZ_COMMON)
tests_fuzz_fuzz_http_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_http_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_LDADD = $(LIBS_http)
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c $(FUZZ_COMMON)
tests_fuzz_fuzz_conf_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_conf_LDADD = $(LIBS_conf)
tests_fuzz_fuzz_line_SOURCES = tests/fuzz/fuzz_line.c tests/fuzz/tree.c tests/fuzz/tree.h $(FUZZ_COMMON)
tests_fuzz_fuzz_line_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_line_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_line_LDADD = $(LIBS_server)
tests_fuzz_fuzz_show_SOURCES = tests/fuzz/fuzz_show.c $(FUZZ_COMMON)
tests_fuzz_fuzz_show_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_show_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_show_LDADD = $(LIBS_show)
tests_fuzz_fuzz_import_SOURCES = tests/fuzz/fuzz_import.c $(FUZZ_COMMON)
tests_fuzz_fuzz_import_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_import_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_import_LDADD = $(LIBS_conf)
