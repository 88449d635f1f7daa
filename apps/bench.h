/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of cmp-bench share. Two halves: the messages (bench_workload, bench_pack,
 * bench_prepare, bench_txn), which know CMP and nothing of sockets, and the load (bench_load,
 * bench_hist, bench_process, bench_limit, bench_report, bench_run), which knows sockets, clocks
 * and percentiles and nothing of CMP.
 */
#ifndef CMPSRV_APPS_BENCH_H
#define CMPSRV_APPS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "wire/wire.h"

enum { BENCH_OK = 0, BENCH_FAILED = 1, BENCH_USAGE = 2 };

/* Options left of a subcommand's command line, as cmp-admin has them. */
typedef struct bench_args_st {
    int argc;
    char **argv;
    int json;
} BENCH_ARGS;

/* The value of --name (taken out of the arguments; "" for one without a value), or NULL. *bad is
 * set, and the error printed, if the value is missing. */
const char *bench_option(BENCH_ARGS *a, const char *name, int has_value, int *bad);
/* An integer option with its default and bounds; *bad is set, and the error printed, outside. */
int64_t bench_option_int(BENCH_ARGS *a, const char *name, int64_t otherwise, int64_t min,
                         int64_t max, int *bad);
/* Nothing may be left of the command line. 1, or 0 with the error printed. */
int bench_no_more(BENCH_ARGS *a);
/* "cmp-bench: ..." to standard error. Return BENCH_FAILED and BENCH_USAGE. */
int bench_fail(const char *fmt, ...) CMPSRV_PRINTF(1, 2);
int bench_usage_error(const char *fmt, ...) CMPSRV_PRINTF(1, 2);

int bench_prepare(BENCH_ARGS *a); /* the subcommands */
int bench_run(BENCH_ARGS *a);

/* ---- bench_workload.c: the kinds of transactions, a table --------------------------------------
 */

typedef enum { BENCH_PBM, BENCH_PBMAC1, BENCH_SIGNATURE } BENCH_PROTECTION;

typedef struct bench_workload_st {
    const char *name; /* "ir-pbm" */
    const char *help; /* one line */
    int body;         /* CMPSRV_BODY_IR, ... of the first message */
    BENCH_PROTECTION protection;
    int confirms; /* a certConf follows; 0: asks for implicitConfirm */
    int share;    /* of `mix`, in percent; `mix` itself is the last row and has no body */
} BENCH_WORKLOAD;

extern const BENCH_WORKLOAD bench_workloads[];
extern const size_t bench_workloads_n;
/* NULL if there is none of that name. */
const BENCH_WORKLOAD *bench_workload(const char *name);

/* ---- bench_pack.c: a file of prepared transactions ---------------------------------------------
 */

/* Mapped and read-only, so any number of threads may use it. */
typedef struct bench_pack_st BENCH_PACK;
/* NULL with the error printed. */
BENCH_PACK *bench_pack_open(const char *path);
void bench_pack_free(BENCH_PACK *p);
const BENCH_WORKLOAD *bench_pack_workload(const BENCH_PACK *p); /* may be mix */
size_t bench_pack_count(const BENCH_PACK *p);

/* ---- bench_txn.c: one transaction, message by message ------------------------------------------
 */

/* What answers are checked against. Immutable, shared by threads. */
typedef struct bench_check_st {
    const BENCH_PACK *pack;
    X509 *ca;             /* issuer that certificates are checked against; NULL: not checked */
    X509 *const *trusted; /* what signatures of answers are checked against, with ca */
    size_t trusted_n;
    int any_certificate; /* of a server that issues one fixed certificate: its key is not ours */
} BENCH_CHECK;

/* A transaction under way, with its buffers; used again for the next one. One thread at a time. */
typedef struct bench_txn_st BENCH_TXN;
BENCH_TXN *bench_txn_new(const BENCH_CHECK *check);
void bench_txn_free(BENCH_TXN *t);
/*
 * Starts the transaction `index` of the pack: *message is the first message with fresh
 * transactionID and nonces (signed ones as they were prepared); it stays until the next call on t.
 * fully: answers are checked to the last (protection, signature and chain of the certificate, its
 * key), else cheaply (body, status, transactionID, recipNonce, a certificate with that key). 1, or
 * 0 without memory.
 */
int bench_txn_start(BENCH_TXN *t, size_t index, int fully, CMPSRV_SLICE *message);
/*
 * Takes the answer. 1: the transaction is done; 2: *message is to be sent next; 0: it failed, and
 * bench_txn_error() says why (static text or text of t, for people).
 */
int bench_txn_take(BENCH_TXN *t, CMPSRV_SLICE answer, CMPSRV_SLICE *message);
const char *bench_txn_error(const BENCH_TXN *t);
/* The row of the workload this transaction is of (in a pack of `mix`: which of them). */
const BENCH_WORKLOAD *bench_txn_workload(const BENCH_TXN *t);

/* ---- bench_limit.c: the cryptography that a transaction cannot avoid ---------------------------
 */

typedef struct bench_limit_st BENCH_LIMIT;
/* Prepares keys and data for the workload (for mix: its parts by share) and a CA with a key of the
 * type of ca_key. NULL with the error printed. */
BENCH_LIMIT *bench_limit_new(const BENCH_WORKLOAD *w, const EVP_PKEY *ca_key);
void bench_limit_free(BENCH_LIMIT *l);
/* Runs all the calls of one transaction over and over for about `ms` on `threads` threads; CPU
 * microseconds a transaction, or a negative number on failure (printed). */
double bench_limit_measure(BENCH_LIMIT *l, int threads, int ms);
/* The i-th call of the list: its name and how often a transaction has it (per cent for mix), and
 * its CPU microseconds as the last measure found. 0 past the end. */
int bench_limit_item(const BENCH_LIMIT *l, size_t i, const char **name, double *times, double *us);

/* ---- bench_hist.c: a log-linear histogram ------------------------------------------------------
 */

enum { BENCH_HIST_SUB = 64, BENCH_HIST_SLOTS = 64 * 40 };
/* Microseconds; 64 linear slots for each power of two, so at most 1.6 % off. */
typedef struct bench_hist_st {
    uint64_t n, slots[BENCH_HIST_SLOTS];
    double sum;
    int64_t max;
} BENCH_HIST;
void bench_hist_add(BENCH_HIST *h, int64_t us);
void bench_hist_merge(BENCH_HIST *into, const BENCH_HIST *h);
/* The value that `percent` of all are at most; 0 if there are none. */
int64_t bench_hist_percentile(const BENCH_HIST *h, double percent);

#endif
