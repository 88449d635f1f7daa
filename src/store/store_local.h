/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store share: the statements by name, values and rows in one form for every
 * database, and the operations that a database has to offer. SQL is spoken only in sql.c and in the
 * file of a database; everything above goes through cmpsrv_sql_run().
 */
#ifndef CMPSRV_STORE_LOCAL_H
#define CMPSRV_STORE_LOCAL_H

#include "store/store.h"

#include <openssl/types.h>

#define CMPSRV_CHAIN_ID 32 /* hex digits */
#define CMPSRV_STORE_ID 16 /* octets */
#define CMPSRV_MAX_NODE 64
#define CMPSRV_SQL_COLS 48 /* more than any statement returns */

/* ---- statements (sql.c) ------------------------------------------------------------------------
 */

typedef enum {
    CMPSRV_ST_META_GET,
    CMPSRV_ST_META_INSERT,
    CMPSRV_ST_META_UPDATE,
    CMPSRV_ST_NODE_UPSERT,
    CMPSRV_ST_NODE_GET,
    CMPSRV_ST_NODE_TOUCH,
    CMPSRV_ST_CA_GET,
    CMPSRV_ST_CA_UPSERT,
    CMPSRV_ST_CA_NEXT_CRL,
    CMPSRV_ST_CA_CRL_NUMBER,
    CMPSRV_ST_ENTITY_UPSERT,
    CMPSRV_ST_ENTITY_HAS_CODE,
    CMPSRV_ST_ENTITY_INSERT,
    CMPSRV_ST_ENTITY_UPDATE,
    CMPSRV_ST_ENTITY_DELETE,
    CMPSRV_ST_ENTITY_USE,
    CMPSRV_ST_ENTITY_RENEW,
    CMPSRV_ST_ENTITY_ATTEMPTS,
    CMPSRV_ST_ENTITY_ERASE,
    CMPSRV_ST_ENTITY_GET,
    CMPSRV_ST_ENTITY_BY_SUBJECT,
    CMPSRV_ST_ENTITY_EACH,
    CMPSRV_ST_CERT_INSERT,
    CMPSRV_ST_CERT_STATUS,
    CMPSRV_ST_CERT_GET,
    CMPSRV_ST_CERT_UNCONFIRMED,
    CMPSRV_ST_CERT_INDEX_KEYS,
    CMPSRV_ST_CERT_KEY_TAKEN,
    CMPSRV_ST_CERT_SUBJECT_TAKEN,
    CMPSRV_ST_CERT_KEEP_SUBJECT,
    CMPSRV_ST_CERT_OTHERS,
    CMPSRV_ST_CERT_EACH_SERIAL,
    CMPSRV_ST_CERT_EACH_ENTITY,
    CMPSRV_ST_CERT_EACH_REVOKED,
    CMPSRV_ST_CERT_EACH_CA,
    CMPSRV_ST_CERT_EACH,
    CMPSRV_ST_ALIAS_PUT,
    CMPSRV_ST_TID_INSERT,
    CMPSRV_ST_TXN_INSERT,
    CMPSRV_ST_TXN_UPDATE,
    CMPSRV_ST_TXN_REPLACE,
    CMPSRV_ST_TXN_DELETE,
    CMPSRV_ST_TXN_GET,
    CMPSRV_ST_TXN_EXPIRED,
    CMPSRV_ST_TXN_COUNT,
    CMPSRV_ST_CHAIN_INSERT,
    CMPSRV_ST_CHAIN_GET,
    CMPSRV_ST_AUDIT_INSERT,
    CMPSRV_ST_AUDIT_SINCE,
    CMPSRV_ST_AUDIT_ONE,
    CMPSRV_ST_AUDIT_WALK,
    CMPSRV_ST_AUDIT_OPENINGS,
    CMPSRV_ST_AUDIT_AT,
    CMPSRV_ST_HEAD_INSERT,
    CMPSRV_ST_HEAD_UPDATE,
    CMPSRV_ST_HEAD_GET,
    CMPSRV_ST_HEAD_EACH,
    CMPSRV_ST_HEAD_UNVOUCHED,
    CMPSRV_ST_HEAD_VOUCH,
    CMPSRV_ST_MEMBER, /* one of a group: undone alone */
    CMPSRV_ST_MEMBER_DONE,
    CMPSRV_ST__COUNT
} CMPSRV_STMT;

/* The text of a statement; parameters are $1, $2, ... */
const char *cmpsrv_sql_text(CMPSRV_STMT st);

/* One step of the schema: brings a store from version - 1 to version. */
typedef struct {
    int version;
    const char *sql;
} CMPSRV_MIGRATION;
extern const CMPSRV_MIGRATION cmpsrv_migrations[];
extern const size_t cmpsrv_migrations_count;
int cmpsrv_schema_version(void);
/* Whether a store of that version can be used: 1; 0 with *why naming both versions. */
int cmpsrv_schema_usable(int64_t version, int read_only, CMPSRV_REFUSAL *why);

/* ---- values and rows ---------------------------------------------------------------------------
 */

/* A parameter or a column. The octets are borrowed. An absent blob or text is NULL. */
typedef struct {
    enum { CMPSRV_SQL_NULL, CMPSRV_SQL_INT, CMPSRV_SQL_TEXT, CMPSRV_SQL_BLOB } kind;
    int64_t i;
    const void *p; /* text ends with NUL */
    size_t n;
} CMPSRV_SQLV;

CMPSRV_SQLV cmpsrv_sql_int(int64_t i);
CMPSRV_SQLV cmpsrv_sql_text_value(const char *s);
CMPSRV_SQLV cmpsrv_sql_blob(const void *p, size_t n);
/* What is kept of a key's or subject's hash. */
CMPSRV_SQLV cmpsrv_sql_kept(const unsigned char hash[CMPSRV_HASH]);

/* One row; the columns are valid until it returns; 0 stops. */
typedef int (*CMPSRV_ROW_CB)(void *arg, const CMPSRV_SQLV *col);

/* A connection: of one thread at a time. */
typedef struct cmpsrv_conn_st CMPSRV_CONN;

/* ---- the audit chain of a writing connection (audit.c) -----------------------------------------
 */

typedef struct {
    char id[CMPSRV_CHAIN_ID + 1];
    int64_t seq;                     /* of the last record, 0: not opened yet */
    int64_t head_seq;                /* where its head stands, 0: there is none yet */
    int64_t number;                  /* of the chain, valid once opened */
    int64_t node;                    /* row of our node, valid once opened */
    unsigned char head[CMPSRV_HASH]; /* hash of the last record */
} CMPSRV_CHAIN;

/* What a change is applied with. chain is a copy: the owner of the connection keeps it only when
 * the database has committed. */
typedef struct cmpsrv_tx_st {
    CMPSRV_STORE *store;
    CMPSRV_CONN *conn;
    CMPSRV_CHAIN chain;
    int erased; /* something that shall be in none of the database's files any more */
} CMPSRV_TX;

int cmpsrv_chain_init(CMPSRV_CHAIN *c);
/* Writes the node row and the first record, if that has not been done. 1/0. */
int cmpsrv_chain_open(CMPSRV_TX *tx, CMPSRV_REFUSAL *why);
int cmpsrv_chain_append(CMPSRV_TX *tx, const char *record, CMPSRV_REFUSAL *why);
/* Writes the head; before each commit. 1/0. */
int cmpsrv_chain_close(CMPSRV_TX *tx, CMPSRV_REFUSAL *why);

/* Records as they are kept (audit_text.c). */
/* Not longer than the text. 1, or 0 for a text with control characters, which JSON has none of. */
int cmpsrv_audit_pack(const char *text, unsigned char *out, size_t *n);
/* The text; the caller frees. NULL: damaged, or out of memory. */
char *cmpsrv_audit_unpack(CMPSRV_SLICE packed);

/* ---- what a database offers --------------------------------------------------------------------
 */

/* Applies something inside a transaction; anything but DONE undoes it. May run more than once. */
typedef CMPSRV_COMMIT (*CMPSRV_APPLY)(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why);

struct cmpsrv_store_ops {
    const char *scheme; /* "sqlite:" */
    /* Opens or makes the database, migrates it, fills s->store_id. 1/0. */
    int (*open)(CMPSRV_STORE *s, const char *where, CMPSRV_REFUSAL *why);
    void (*close)(CMPSRV_STORE *s);
    /* Runs job->apply in a transaction, and calls job->done when its outcome is durable. */
    void (*transact)(CMPSRV_STORE *s, CMPSRV_COMMIT_JOB *job);
    /* Borrows a connection for reading. */
    CMPSRV_CONN *(*reader)(CMPSRV_STORE *s, CMPSRV_REFUSAL *why);
    void (*release)(CMPSRV_STORE *s, CMPSRV_CONN *conn);
    /* Makes what follows on this reader one consistent view, or ends that. 1/0. */
    int (*snapshot)(CMPSRV_CONN *conn, int on, CMPSRV_REFUSAL *why);
    /* Runs a statement: the number of rows given to cb or changed, -1 when the database failed. */
    int64_t (*run)(CMPSRV_CONN *conn, CMPSRV_STMT st, const CMPSRV_SQLV *v, size_t n,
                   CMPSRV_ROW_CB cb, void *arg, CMPSRV_REFUSAL *why);
    int (*backup)(CMPSRV_STORE *s, const char *file, CMPSRV_REFUSAL *why);
    int (*check)(CMPSRV_STORE *s, CMPSRV_REFUSAL *why);
    void (*stats)(CMPSRV_STORE *s, CMPSRV_STORE_STATS *out);
};
extern const struct cmpsrv_store_ops cmpsrv_sqlite_ops;

struct cmpsrv_store_st {
    const struct cmpsrv_store_ops *ops;
    void *db; /* of ops */
    CMPSRV_LOG *log;
    CMPSRV_SECRET *key;     /* store_key or NULL */
    EVP_MAC_CTX *audit_mac; /* with a key derived from it, to be copied; NULL without one */
    char node[CMPSRV_MAX_NODE + 1];
    int read_only;
    int64_t max_pages;
    unsigned char store_id[CMPSRV_STORE_ID];
};

/* ops->run with the parameters as an array. */
#define CMPSRV_SQL_RUN(store, conn, st, v, cb, arg, why)                                           \
    (store)->ops->run(conn, st, v, CMPSRV_ARRAY_SIZE(v), cb, arg, why)

/* cmpsrv_store_cert_taken() on a connection (read.c). */
int cmpsrv_cert_taken(CMPSRV_STORE *s, CMPSRV_CONN *conn, const unsigned char ca_id[CMPSRV_HASH],
                      unsigned unique, const CMPSRV_CERT_ROW *like, unsigned *taken,
                      CMPSRV_REFUSAL *why);

/* The list as a CMPSRV_APPLY; arg is const CMPSRV_CHANGES * (change.c). */
CMPSRV_COMMIT cmpsrv_changes_apply(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why);

/* Rows (rows.c). Parameters in the order of the statements; columns from *col on. */
#define CMPSRV_CERT_COLS 13
#define CMPSRV_TXN_COLS  20
void cmpsrv_cert_to_sql(const CMPSRV_CERT_ROW *r, CMPSRV_SQLV v[CMPSRV_CERT_COLS]);
int cmpsrv_cert_from_sql(const CMPSRV_SQLV *col, CMPSRV_CERT_ROW *r, CMPSRV_REFUSAL *why);
#define CMPSRV_ENTITY_COLS 14
void cmpsrv_entity_to_sql(const CMPSRV_END_ENTITY_ROW *e, CMPSRV_SQLV v[CMPSRV_ENTITY_COLS]);
int cmpsrv_entity_from_sql(const CMPSRV_SQLV *col, CMPSRV_END_ENTITY_ROW *e, CMPSRV_REFUSAL *why);
void cmpsrv_txn_to_sql(const CMPSRV_TXN *t, CMPSRV_SQLV v[CMPSRV_TXN_COLS]);
int cmpsrv_txn_from_sql(const CMPSRV_SQLV *col, CMPSRV_TXN *t, CMPSRV_REFUSAL *why);

#endif
