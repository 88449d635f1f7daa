/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: what outlives the process. Typed reads, and one write: cmpsrv_store_commit(), which
 * carries out a list of changes as one transaction and returns when it is durable. Owns the schema,
 * its migrations and the audit chain. Knows nothing of messages; times are milliseconds UTC.
 */
#ifndef CMPSRV_STORE_H
#define CMPSRV_STORE_H

#include "base/model.h"

typedef struct cmpsrv_store_st CMPSRV_STORE;

typedef struct cmpsrv_store_options_st {
    const CMPSRV_SECRET *key; /* store_key: keys the audit chain's HMAC; NULL: none */
    CMPSRV_LOG *log;          /* may be NULL */
    const char *node;  /* name of this node and writer ("cmp-server", "cmp-admin"); each has its own
                          audit chain */
    int read_only;     /* no writer thread, no migration */
    int64_t max_pages; /* tests: PRAGMA max_page_count; 0: no limit */
} CMPSRV_STORE_OPTIONS;

/*
 * Opens "sqlite:PATH", makes or migrates the schema, starts the writer, opens the audit chain. NULL
 * with *why (BAD_CONFIG): cannot open, newer schema than this program knows, damaged.
 */
CMPSRV_STORE *cmpsrv_store_open(const char *url, const CMPSRV_STORE_OPTIONS *options,
                                CMPSRV_REFUSAL *why);
/* Waits for what is queued, closes. NULL is fine. */
void cmpsrv_store_free(CMPSRV_STORE *s);

/* HMAC-SHA-256 key for `purpose` derived from store_key (HKDF), or from store_id without one. 32
 * octets. */
void cmpsrv_store_derive_key(const CMPSRV_STORE *s, const char *purpose,
                             unsigned char out[CMPSRV_HASH]);

/*
 * All changes or none, durable when it returns DONE. Blocks the caller; safe from any thread. Many
 * callers at once share one fsync. An I/O error while syncing ends the process (abort): what is on
 * disk is unknown then, and restart recovers. A full disk is FAILED, and works again when there is
 * room. *why gets detail for REFUSED and FAILED; CONFLICT leaves it alone. The list is read, not
 * changed.
 */
CMPSRV_COMMIT cmpsrv_store_commit(CMPSRV_STORE *s, const CMPSRV_CHANGES *changes,
                                  CMPSRV_REFUSAL *why);

/* A commit that nobody waits for. The caller's memory, which it shall not touch until done(arg) is
 * called: once, with outcome and why as above, on a thread of the store, which it must not keep
 * waiting; perhaps before cmpsrv_store_commit_start() has returned. */
struct cmpsrv_tx_st;
typedef struct cmpsrv_commit_job_st {
    void (*done)(void *arg);
    void *arg;
    CMPSRV_COMMIT outcome;
    CMPSRV_REFUSAL why;
    /* the store's: */
    CMPSRV_COMMIT (*apply)(struct cmpsrv_tx_st *tx, void *arg, CMPSRV_REFUSAL *why);
    void *apply_arg;
    struct cmpsrv_commit_job_st *next;
} CMPSRV_COMMIT_JOB;
/* The caller sets done and arg. The list stays as it is until then. */
void cmpsrv_store_commit_start(CMPSRV_STORE *s, const CMPSRV_CHANGES *changes,
                               CMPSRV_COMMIT_JOB *job);

/* ---- reads: 1 found, 0 not there, -1 the store failed (*why, if not NULL). Any thread. ----------
 */

/* The caller clears *out. *used, unless it is NULL or the store failed: whether (alias, tid) ever
 * got a certificate, or was spent; whatever is left of the transaction. */
int cmpsrv_store_txn_get(CMPSRV_STORE *s, const char *alias, CMPSRV_SLICE tid, CMPSRV_TXN *out,
                         int *used, CMPSRV_REFUSAL *why);
int cmpsrv_store_cert_get(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                          CMPSRV_SLICE serial, CMPSRV_CERT_ROW *out, CMPSRV_REFUSAL *why);
/* The newest UNCONFIRMED certificate of this identity, alias, CA, key and subject whose transaction
 * waits for certConf and has not expired at `now`. The caller clears it. */
int cmpsrv_store_cert_unconfirmed(CMPSRV_STORE *s, const char *alias,
                                  const unsigned char ca_id[CMPSRV_HASH],
                                  const unsigned char identity[CMPSRV_HASH],
                                  const unsigned char spki_hash[CMPSRV_HASH],
                                  const unsigned char subject_hash[CMPSRV_HASH], int64_t now,
                                  CMPSRV_CERT_ROW *cert, CMPSRV_REFUSAL *why);

/* Which of these CMPSRV_UNIQUE bits another end entity of that CA has in a certificate that is not
 * revoked: key and subject of `like`, whose end entity is the one that may. Only a view:
 * CERT_INSERT with cert_unique is what holds. 1, -1 the store failed. */
int cmpsrv_store_cert_taken(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                            unsigned unique, const CMPSRV_CERT_ROW *like, unsigned *taken,
                            CMPSRV_REFUSAL *why);

/* Makes the look for CMPSRV_UNIQUE_KEY a short one, from now on; takes seconds in a large store
 * when it was not so before. Without it, it reads all certificates. 1/0. */
int cmpsrv_store_index_keys(CMPSRV_STORE *s, CMPSRV_REFUSAL *why);

/* By name; the caller clears it. */
int cmpsrv_store_entity_get(CMPSRV_STORE *s, const char *name, CMPSRV_END_ENTITY_ROW *out,
                            CMPSRV_REFUSAL *why);

/* Walks rows in order; the callback returns 0 to stop. The row is the walker's. Result: 1 walked,
 * -1 the store failed. */
typedef int (*CMPSRV_CERT_CB)(void *arg, const CMPSRV_CERT_ROW *row);
typedef struct cmpsrv_cert_filter_st {
    const unsigned char *ca_id; /* NULL: any */
    CMPSRV_SLICE serial;        /* absent: any */
    const char *end_entity;     /* NULL: any */
    int status;                 /* -1: any */
    int64_t issued_since;       /* ms UTC, 0: any */
    int64_t not_expired_at;     /* ms UTC: only not_after >= this; 0: any */
} CMPSRV_CERT_FILTER;
typedef int (*CMPSRV_ENTITY_CB)(void *arg, const CMPSRV_END_ENTITY_ROW *row);
int cmpsrv_store_entity_each(CMPSRV_STORE *s, CMPSRV_ENTITY_CB cb, void *arg, CMPSRV_REFUSAL *why);
/* The one with that SHA-256 of the canonical subject that the callback says 1 to. 1 found, 0 not,
 * 2: there are several, and *out is empty; -1 failed. */
int cmpsrv_store_entity_by_subject(CMPSRV_STORE *s, const unsigned char subject_hash[CMPSRV_HASH],
                                   CMPSRV_ENTITY_CB cb, void *arg, CMPSRV_END_ENTITY_ROW *out,
                                   CMPSRV_REFUSAL *why);
int cmpsrv_store_cert_each(CMPSRV_STORE *s, const CMPSRV_CERT_FILTER *filter, CMPSRV_CERT_CB cb,
                           void *arg, CMPSRV_REFUSAL *why);
/* Transactions with expires <= now, oldest first, at most limit. */
typedef int (*CMPSRV_TXN_CB)(void *arg, const CMPSRV_TXN *row);
int cmpsrv_store_txn_expired(CMPSRV_STORE *s, int64_t now, int limit, CMPSRV_TXN_CB cb, void *arg,
                             CMPSRV_REFUSAL *why);
/* Names of CAs that have been used: id and name. */
int cmpsrv_store_ca_name(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH], char *name,
                         size_t size, CMPSRV_REFUSAL *why);

/* ---- enrolment codes (code.c) ------------------------------------------------------------------
 */

#define CMPSRV_NEW_CODE 20 /* characters, 100 bits */
/* A new code: letters and digits that are not taken for each other. 1/0. */
int cmpsrv_store_code_new(char out[CMPSRV_NEW_CODE + 1]);
/*
 * The code as it is kept, under a key of store_key and tied to the end entity's name; `kind` says
 * how. 1, or 0 with *why: without store_key nothing is sealed.
 */
int cmpsrv_store_code_seal(const CMPSRV_STORE *s, const char *entity, CMPSRV_CODE_KIND kind,
                           CMPSRV_SLICE code, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* The code in the clear, of kind CLEAR only; the caller frees. NULL with *why. */
CMPSRV_SECRET *cmpsrv_store_code_open(const CMPSRV_STORE *s, const CMPSRV_END_ENTITY_ROW *row,
                                      CMPSRV_REFUSAL *why);
/* Whether `code` is the row's; "no" costs the same for any row, also for one without a code. */
int cmpsrv_store_code_matches(const CMPSRV_STORE *s, const CMPSRV_END_ENTITY_ROW *row,
                              CMPSRV_SLICE code);

/* ---- own transactions ---------------------------------------------------------------------------
 */

/* Registers a CA (name may change later, id never does). 1/0. */
int cmpsrv_store_ca_register(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                             const char *name, CMPSRV_REFUSAL *why);
/* The next CRL number of that CA, durable before it is returned. 1/0. */
int cmpsrv_store_crl_number(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                            int64_t *number, CMPSRV_REFUSAL *why);
/* Copies the live store to a file that must not exist (VACUUM INTO). 1/0. */
int cmpsrv_store_backup(CMPSRV_STORE *s, const char *file, CMPSRV_REFUSAL *why);

/* Writes something, durably: whether the store can. 1/0. */
int cmpsrv_store_probe(CMPSRV_STORE *s, CMPSRV_REFUSAL *why);

/* ---- what it does ------------------------------------------------------------------------------
 */

#define CMPSRV_STORE_GROUPS 7
typedef struct cmpsrv_store_stats_st {
    uint64_t transactions;                /* that have been committed */
    uint64_t commits;                     /* that it took */
    uint64_t groups[CMPSRV_STORE_GROUPS]; /* commits of up to 1, 2, 4, ... 64 transactions */
    uint64_t queued;                      /* transactions that wait now */
} CMPSRV_STORE_STATS;
void cmpsrv_store_stats(CMPSRV_STORE *s, CMPSRV_STORE_STATS *out);
/* How many transactions are in that state. 1, -1 the store failed. */
int cmpsrv_store_txn_count(CMPSRV_STORE *s, CMPSRV_TXN_STATE state, int64_t *n,
                           CMPSRV_REFUSAL *why);

/* ---- audit chain --------------------------------------------------------------------------------
 */

typedef struct cmpsrv_audit_row_st {
    const char *chain; /* id of the chain */
    const char *node;
    int64_t seq, time;
    const char *record;              /* JSON */
    unsigned char hash[CMPSRV_HASH]; /* of heads only */
} CMPSRV_AUDIT_ROW;
typedef int (*CMPSRV_AUDIT_CB)(void *arg, const CMPSRV_AUDIT_ROW *row);
/* By time; looks at every record, whatever `since` is. */
int cmpsrv_store_audit_each(CMPSRV_STORE *s, int64_t since, CMPSRV_AUDIT_CB cb, void *arg,
                            CMPSRV_REFUSAL *why);
/*
 * Checks every chain from its first record to its head: no gap, hashes and (with store_key) HMACs
 * right, the head is the last record; and that a record with the hash `head` (NULL: any) is among
 * them. 1: all right, *records counts them; 0: *why names chain and seq of the first bad record;
 * -1: the store failed.
 */
int cmpsrv_store_audit_verify(CMPSRV_STORE *s, const unsigned char *head, int64_t *records,
                              CMPSRV_REFUSAL *why);
/* The ends of the chains that no later chain names, so that together they vouch for every record;
 * node, time and record are not filled. 1, -1 the store failed. */
int cmpsrv_store_audit_heads(CMPSRV_STORE *s, CMPSRV_AUDIT_CB cb, void *arg, CMPSRV_REFUSAL *why);
/* Checks the database itself (integrity, foreign keys). 1 fine, 0 *why says what, -1 failed. */
int cmpsrv_store_check(CMPSRV_STORE *s, CMPSRV_REFUSAL *why);

#endif
