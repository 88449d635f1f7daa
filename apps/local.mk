bin_PROGRAMS += cmp-server cmp-admin
cmp_server_SOURCES = apps/serving.h apps/cmp-server.c apps/admin_pages.c apps/serving.c \
    apps/systemd.c
cmp_server_LDADD = $(LIBS_http)
cmp_admin_SOURCES = apps/admin.h apps/options.h apps/options.c apps/cmp-admin.c apps/admin_alias.c apps/admin_audit.c \
    apps/admin_ca.c apps/admin_cert.c apps/admin_check.c apps/admin_entity.c \
    apps/admin_import.c apps/admin_init.c apps/admin_message.c \
    apps/admin_ra.c apps/admin_table.c
cmp_admin_LDADD = src/show/libshow.la $(LIBS_server)
# The half of cmp-bench that knows CMP; its tests link it without sockets and options.
BENCH_MESSAGE_SOURCES = apps/bench.h apps/bench_pack.h apps/bench_workload.c apps/bench_pack.c \
    apps/bench_message.c apps/bench_check.c apps/bench_txn.c
bin_PROGRAMS += cmp-bench
cmp_bench_SOURCES = $(BENCH_MESSAGE_SOURCES) apps/bench_prepare.c apps/cmp-bench.c apps/options.h apps/options.c \
    apps/bench_load.h apps/bench_conn.c apps/bench_hist.c apps/bench_limit.c apps/bench_load.c \
    apps/bench_process.c apps/bench_report.c apps/bench_response.c apps/bench_run.c \
    apps/bench_sync.c apps/bench_target.c
cmp_bench_LDADD = $(LIBS_server) $(EVENT_LIBS) -lm
