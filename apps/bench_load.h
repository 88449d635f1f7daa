/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of cmp-bench's load half share: where to send (target), one connection, the load
 * itself, what a server process costs, and the report.
 */
#ifndef CMPSRV_APPS_BENCH_LOAD_H
#define CMPSRV_APPS_BENCH_LOAD_H

#include <stdatomic.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "apps/bench.h"

/* Nanoseconds of a clock that only goes forward. */
int64_t bench_now(void);

/* ---- bench_target.c: a URL, resolved once ------------------------------------------------------
 */

typedef struct bench_target_st {
    char host[256], port[8], path[512];
    char head[1024]; /* of every request, up to the number of Content-Length */
    struct sockaddr_storage address;
    socklen_t address_n;
    SSL_CTX *tls; /* NULL: http */
} BENCH_TARGET;
/* Files are PEM or NULL. 1, or 0 with the error printed. bench_target_clear takes a zeroed one. */
int bench_target_init(BENCH_TARGET *t, const char *url, const char *tls_ca, const char *tls_cert,
                      const char *tls_key);
void bench_target_clear(BENCH_TARGET *t);

/* ---- bench_response.c: the answers of an HTTP server -------------------------------------------
 */

typedef struct bench_response_st {
    int status;        /* 200 */
    int closes;        /* the server closes after it */
    int is_cmp;        /* Content-Type: application/pkixcmp */
    CMPSRV_SLICE body; /* into the buffer, which chunks are moved together in */
    size_t n;          /* octets of the whole answer */
} BENCH_RESPONSE;
/* 1: whole; 0: not yet; -1: *why says what is wrong. ended: the server has closed. */
int bench_response_parse(unsigned char *p, size_t n, int ended, BENCH_RESPONSE *r,
                         const char **why);

/* ---- bench_conn.c: one connection, one transaction at a time -----------------------------------
 */

typedef struct bench_conn_st BENCH_CONN;
typedef struct bench_thread_st BENCH_THREAD; /* bench_load.c */

BENCH_CONN *bench_conn_new(BENCH_THREAD *th, struct event_base *base, const BENCH_TARGET *target,
                           const BENCH_CHECK *check);
void bench_conn_free(BENCH_CONN *c);
/* Starts a transaction; bench_thread_done is called at its end (never from inside here). 1, or 0
 * without memory. `scheduled` is when it should have begun, bench_now(). */
int bench_conn_begin(BENCH_CONN *c, size_t index, int fully, int64_t scheduled);
/* Fails its transaction if nothing has moved since `before`. */
void bench_conn_expire(BENCH_CONN *c, int64_t before);
int64_t bench_conn_scheduled(const BENCH_CONN *c);
int bench_conn_fully(const BENCH_CONN *c);
const BENCH_WORKLOAD *bench_conn_workload(const BENCH_CONN *c);
uint64_t bench_conn_reconnects(const BENCH_CONN *c);
/* How a transaction ended: why NULL is well; transport: the connection failed, not the answer. */
void bench_thread_done(BENCH_THREAD *th, BENCH_CONN *c, const char *why, int transport);

/* ---- bench_load.c: threads, arrivals, rounds ---------------------------------------------------
 */

enum { BENCH_REASONS = 8, BENCH_MAX_WORKLOADS = 16 };

typedef struct bench_result_st { /* of one round */
    uint64_t done, failed, fully;
    uint64_t reconnects;
    uint64_t not_started; /* arrivals of an open loop that found no connection until its end */
    uint64_t by_workload[BENCH_MAX_WORKLOADS];
    double seconds; /* from its begin until the last answer */
    int complete;   /* 0: the pack was used up, or it was stopped */
    BENCH_HIST latency;
    struct {
        char text[200];
        uint64_t n;
    } reasons[BENCH_REASONS]; /* why transactions failed */
} BENCH_RESULT;

typedef struct bench_load_options_st {
    const BENCH_TARGET *target;
    const BENCH_CHECK *check;
    size_t connections, threads;
    size_t check_every; /* 0: none fully */
    int64_t timeout_ms; /* of one message */
    int progress;       /* a line each second */
} BENCH_LOAD_OPTIONS;

typedef struct bench_plan_st { /* of one round */
    const char *name;          /* for the progress line */
    double rate;               /* 0: closed loop */
    double seconds;            /* 0: no limit */
    size_t requests;           /* 0: no limit */
} BENCH_PLAN;

typedef struct bench_load_st BENCH_LOAD;
/* NULL with the error printed. */
BENCH_LOAD *bench_load_new(const BENCH_LOAD_OPTIONS *options);
void bench_load_free(BENCH_LOAD *l);
/* From idle to idle, so what the server spends in between is all for the transactions of the
 * round. 1; 0 if it was stopped (printed), *result has what there was. */
int bench_load_round(BENCH_LOAD *l, const BENCH_PLAN *plan, BENCH_RESULT *result);
/* Transactions of the pack that are left. */
size_t bench_load_left(BENCH_LOAD *l);

/* ---- bench_process.c: what the server costs ----------------------------------------------------
 */

typedef struct bench_process_st {
    int pid;                     /* 0: none */
    const BENCH_TARGET *metrics; /* NULL: none */
} BENCH_PROCESS;

typedef struct bench_sample_st { /* -1: not known */
    int64_t cpu_ns, rss_kb, peak_kb, descriptors, threads, switches;
} BENCH_SAMPLE;
/* 1, or 0 with the error printed. */
int bench_process_sample(const BENCH_PROCESS *p, BENCH_SAMPLE *s);

/* ---- bench_sync.c: what the disk takes ---------------------------------------------------------
 */

/* Writes and syncs 4 KiB in the directory over and over for about `ms`. 1, or 0 with the error
 * printed. */
int bench_sync_measure(const char *dir, int ms, BENCH_HIST *h);

/* A sanitizer slows libcrypto's calls down (its allocations and locks) two- to threefold: a limit
 * that such a build measures is too high, and every ratio to it too good. */
#if defined(__has_feature)
#define BENCH_HAS_FEATURE(x) __has_feature(x)
#else
#define BENCH_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    BENCH_HAS_FEATURE(address_sanitizer) || BENCH_HAS_FEATURE(thread_sanitizer)
enum { BENCH_IS_INSTRUMENTED = 1 };
#else
enum { BENCH_IS_INSTRUMENTED = 0 };
#endif

/* ---- bench_report.c: what is printed -----------------------------------------------------------
 */

typedef struct bench_round_st {
    double rate;     /* asked for; 0: closed loop */
    double limit_us; /* -1: not measured */
    double cpu_us;   /* of the server a transaction; -1: not known */
    double ratio;    /* -1: not known */
    int64_t switches;
    BENCH_SAMPLE after;
    BENCH_RESULT result;
} BENCH_ROUND;

typedef struct bench_report_st {
    const char *url, *pack;
    const BENCH_WORKLOAD *workload;
    size_t connections, threads;
    double must;        /* 0: none */
    uint64_t warmed_up; /* transactions done before the first round */
    BENCH_ROUND *rounds;
    size_t rounds_n;
    BENCH_ROUND *steps; /* of a sweep over rates */
    size_t steps_n;
    BENCH_LIMIT *limit; /* NULL: not measured */
    int limit_threads;
    BENCH_HIST sync;     /* n 0: not measured */
    int repeated;        /* the rounds are those of a second try */
    int any_certificate; /* the key in it was not checked */
} BENCH_REPORT;

enum { BENCH_NOISE_PERCENT = 25 };
typedef struct bench_verdict_st {
    double ratio, ratio_spread, limit, limit_spread; /* medians; (max - min) / median in percent */
    int known;                                       /* there is a ratio */
    int noisy;                                       /* the limit's spread is too wide */
} BENCH_VERDICT;
void bench_verdict(const BENCH_REPORT *r, BENCH_VERDICT *v);
/* BENCH_OK, or BENCH_FAILED with the error printed. */
int bench_report_print(const BENCH_REPORT *r, int json);

#endif
