noinst_LTLIBRARIES += src/store/libstore.la
src_store_libstore_la_SOURCES = src/store/store.h src/store/store_local.h src/store/store.c \
    src/store/code.c src/store/sql.c src/store/rows.c src/store/change.c src/store/read.c src/store/audit.c src/store/audit_text.c src/store/sqlite.c \
    src/store/sqlite_checkpoint.c src/store/sqlite_local.h src/store/sqlite_vfs.c \
    src/store/sqlite_writer.c
