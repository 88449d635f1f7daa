EXTRA_DIST += tests/test.h
TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CUNIT_CFLAGS)

# Scripts that check the tree itself.
AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)'; export srcdir; top_builddir='$(top_builddir)'; \
    export top_builddir; CC='$(CC)'; export CC; SANITIZE='$(AM_LDFLAGS)'; export SANITIZE; \
    CHECK_LIBS='$(CRYPTO_LIBS) $(YAML_LIBS) $(SQLITE_LIBS) $(EVENT_LIBS)'; export CHECK_LIBS;
dist_check_SCRIPTS += tests/check-layers.sh tests/check-symbols.sh tests/check-docs.sh \
    tests/check-operations.sh tests/check-completion.sh tests/check-systemd.sh
EXTRA_DIST += tests/embed/embed.c tests/embed/run.sh scripts/lib.sh scripts/demo scripts/check \
    scripts/bench scripts/bench-plot scripts/check-demo scripts/check-suite
