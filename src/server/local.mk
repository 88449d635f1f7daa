noinst_LTLIBRARIES += src/server/libserver.la
src_server_libserver_la_SOURCES = src/server/server.h src/server/server_local.h \
    include/cmpsrv/cmpsrv.h src/server/answer.c src/server/attempts.c src/server/body_types.c src/server/changes.c src/server/compat.c src/server/dispatch.c \
    src/server/entity.c src/server/handle_cert.c src/server/handle_conf.c src/server/handle_rr.c \
    src/server/header.c src/server/health.c src/server/issue_ra.c \
    src/server/record.c src/server/request.c src/server/resolve.c src/server/server.c src/server/snapshot.c \
    src/server/supersede.c src/server/tick.c src/server/transaction.c
