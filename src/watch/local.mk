noinst_LTLIBRARIES += src/watch/libwatch.la
src_watch_libwatch_la_SOURCES = src/watch/watch.h src/watch/audit.c src/watch/metrics.c \
    src/watch/process.c
