# Man pages, the guide, shell completion, systemd units.
dist_man_MANS = docs/man/cmp-server.8 docs/man/cmp-admin.8 docs/man/cmp-server.yaml.5 \
    docs/man/cmp-bench.1
dist_doc_DATA = README.md docs/operations.md docs/errors.md docs/design.md docs/ejbca.md \
    docs/performance.md
examplesdir = $(docdir)/examples
dist_examples_DATA = docs/examples/3gpp-base-stations.yaml

# bash-completion finds a file by the name of the command.
EXTRA_DIST += docs/completion/cmp-admin.bash docs/completion/cmp-bench.bash \
    docs/completion/cmp-server.bash
completiondir = $(datadir)/bash-completion/completions
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(completiondir)'
	$(INSTALL_DATA) $(srcdir)/docs/completion/cmp-admin.bash '$(DESTDIR)$(completiondir)/cmp-admin'
	$(INSTALL_DATA) $(srcdir)/docs/completion/cmp-bench.bash '$(DESTDIR)$(completiondir)/cmp-bench'
	$(INSTALL_DATA) $(srcdir)/docs/completion/cmp-server.bash '$(DESTDIR)$(completiondir)/cmp-server'
uninstall-local:
	rm -f '$(DESTDIR)$(completiondir)/cmp-admin' '$(DESTDIR)$(completiondir)/cmp-bench' \
	    '$(DESTDIR)$(completiondir)/cmp-server'

EXTRA_DIST += docs/systemd/cmp-server.service.in docs/systemd/cmp-server.socket
noinst_DATA = docs/systemd/cmp-server.service
CLEANFILES += docs/systemd/cmp-server.service
docs/systemd/cmp-server.service: docs/systemd/cmp-server.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) docs/systemd && sed -e 's|@bindir[@]|$(bindir)|' -e 's|@sysconfdir[@]|$(sysconfdir)|' \
	    $(srcdir)/docs/systemd/cmp-server.service.in >$@
if INSTALL_UNITS
systemdunitdir = $(systemdsystemunitdir)
systemdunit_DATA = docs/systemd/cmp-server.service docs/systemd/cmp-server.socket
endif
AM_DISTCHECK_CONFIGURE_FLAGS = --with-systemdsystemunitdir
