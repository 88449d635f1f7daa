# The documentation against the tables and programs that it tells of.
check_PROGRAMS += tests/docs/print_tables
tests_docs_print_tables_LDADD = $(LIBS_conf)
