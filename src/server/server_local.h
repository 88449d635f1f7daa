/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privates of the server layer: the request that runs down the line, the snapshot it holds, and
 * what each file offers the others.
 */
#ifndef CMPSRV_SERVER_LOCAL_H
#define CMPSRV_SERVER_LOCAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/auth.h"
#include "ca/ca.h"
#include "policy/policy.h"
#include "server/server.h"
#include "store/store.h"
#include "watch/watch.h"
#include "wire/wire.h"

#define CMPSRV_EXPORT __attribute__((visibility("default")))

/* ---- snapshot.c: all that one load made, immutable, counted ------------------------------------
 */

typedef struct cmpsrv_snapshot_st {
    atomic_int refs;
    CMPSRV_CONF *conf;
    CMPSRV_CA **cas; /* cas[i] belongs to conf->cas[i] */
    size_t cas_n;
    CMPSRV_RA **ras;               /* as many as conf->ras */
    CMPSRV_VENDOR_CA **vendor_cas; /* as many as conf->vendor_cas */
    CMPSRV_CHAINS *chains;
} CMPSRV_SNAPSHOT;

/* current: the configuration in use, at a reload. */
CMPSRV_SNAPSHOT *cmpsrv_snapshot_load(CMPSRV_SERVER *srv, const char *file,
                                      const CMPSRV_CONF *current, CMPSRV_CONF_ERRORS *errors);
void cmpsrv_snapshot_free(CMPSRV_SNAPSHOT *s); /* drops a reference */
/* NULL if there is none. */
const CMPSRV_CA *cmpsrv_snapshot_ca(const CMPSRV_SNAPSHOT *s, const CMPSRV_CONF_CA *conf);
const CMPSRV_CA *cmpsrv_snapshot_ca_by_id(const CMPSRV_SNAPSHOT *s, const unsigned char *id);

typedef struct cmpsrv_attempts_st CMPSRV_ATTEMPTS;

struct cmpsrv_server_st {
    OSSL_LIB_CTX *libctx;
    char *propq;
    CMPSRV_CURVES *curves; /* of libctx */
    pthread_mutex_t lock;  /* of snapshot */
    CMPSRV_SNAPSHOT *snapshot;
    CMPSRV_STORE *store;
    CMPSRV_METRICS *metrics;
    CMPSRV_ATTEMPTS *attempts;
    CMPSRV_LOG *log;
    CMPSRV_PREPARE prepare; /* may be NULL */
    void *prepare_arg;
    char *node;  /* name of this writer in the store */
    char *error; /* of the last load */
    unsigned char binding_key[CMPSRV_HASH];
    atomic_int crl_failed; /* a CRL could not be made: tick tries again */
};

/* The current snapshot with a reference for the caller, NULL before the first load. */
CMPSRV_SNAPSHOT *cmpsrv_server_get1_snapshot(CMPSRV_SERVER *srv);

/* ---- compat.c: what differs between versions of OpenSSL ----------------------------------------
 */

/* Whether the core refuses a request without a public key unless it is for a key that the server
 * shall make: since 3.5. */
int cmpsrv_core_wants_key(void);

/* ---- attempts.c: wrong codes of end entities
 * -----------------------------------------------------
 */

CMPSRV_ATTEMPTS *cmpsrv_attempts_new(void);
void cmpsrv_attempts_free(CMPSRV_ATTEMPTS *a);
/* One more for the end entity of that row. */
void cmpsrv_attempts_add(CMPSRV_ATTEMPTS *a, const CMPSRV_END_ENTITY_ROW *row);
/* Whether there were as many as the alias allows. */
int cmpsrv_attempts_locked(CMPSRV_ATTEMPTS *a, const CMPSRV_CONF_ALIAS *alias,
                           const CMPSRV_END_ENTITY_ROW *row);
/* Into the store. 1/0. */
int cmpsrv_attempts_flush(CMPSRV_ATTEMPTS *a, CMPSRV_STORE *store, CMPSRV_REFUSAL *why);

/* ---- the request -------------------------------------------------------------------------------
 */

/* What is particular to a message type; one row each in body_types.c. */
typedef struct cmpsrv_body_type_st {
    int body;
    const char *operation;            /* RFC 9811 path label; NULL: any */
    int is_first;                     /* opens a transaction; else it follows one */
    int answer;                       /* body of a success, CMPSRV_BODY_... */
    int (*parse)(CMPSRV_REQUEST *);   /* the body into its view */
    int (*decide)(CMPSRV_REQUEST *);  /* pure: may they, and what */
    int (*perform)(CMPSRV_REQUEST *); /* through the core; collects changes */
} CMPSRV_BODY_TYPE;
const CMPSRV_BODY_TYPE *cmpsrv_body_type(int body); /* NULL: not served */

struct cmpsrv_request_st {
    CMPSRV_SERVER *srv;
    CMPSRV_SNAPSHOT *snap;
    const char *path;
    CMPSRV_SLICE der;
    int64_t now; /* ms UTC, one clock for all stages */
    CMPSRV_REFUSAL why;
    int body_error; /* the refusal concerns the body: ip, cp, rp with status rejection */

    /* alias, decode */
    const CMPSRV_CONF_ALIAS *alias;
    const char *operation;
    CMPSRV_PKIMSG msg;
    const CMPSRV_BODY_TYPE *type;
    unsigned char hash[CMPSRV_HASH]; /* SHA-256 of the whole message */
    union {
        CMPSRV_CERT_REQUEST cert;
        CMPSRV_CERT_CONF conf;
        CMPSRV_REV_DETAILS rev;
    } view; /* by body type, after decide has parsed it */

    /* transaction */
    int has_txn;
    CMPSRV_TXN txn;
    int tid_used;  /* (alias, transactionID) has got a certificate once */
    int is_replay; /* the stored answer goes out again */

    /* resolve, authenticate */
    CMPSRV_TARGET target;
    const CMPSRV_CA *ca; /* of target */
    int has_entity;      /* client mode: `entity` is who should be asking */
    CMPSRV_END_ENTITY_ROW entity;
    int is_locked;            /* it had too many wrong codes */
    CMPSRV_SECRET *code;      /* its code; NULL: none, because of ... */
    const char *code_problem; /* static */
    CMPSRV_SLICE asked;       /* subject of the request */
    CMPSRV_SLICE reg_token;   /* a code in the request: RegTokenPwd, ... */
    CMPSRV_SECRET *dn_part;   /* ... DnPartPwd, which is cut out of subject and sender: */
    CMPSRV_BYTES subject;     /* Name TLV that counts instead of the request's; absent: that one */
    CMPSRV_BYTES recipient;   /* GeneralName TLV: the request's sender, the same */
    CMPSRV_AUTH_RESULT auth;
    int owns_txn; /* the identity is the one that opened the transaction */

    /* decide */
    CMPSRV_DECISION *decision;
    int has_existing; /* RA mode: `existing` has the username already */
    CMPSRV_END_ENTITY_ROW existing;
    int is_renewal; /* client mode: of a certificate that expires soon */
    int has_cert;   /* `cert` is the row concerned: sent again, to be confirmed, to be revoked */
    CMPSRV_CERT_ROW cert;
    const CMPSRV_CA *cert_ca; /* its CA */
    int is_reissue;           /* `cert` goes out again under this transactionID */
    int accepted;             /* certConf: the client takes the certificate */

    /* perform */
    CMPSRV_ISSUED issued;
    CMPSRV_CHANGES changes;
    int core_has_asked;    /* the core took the request and called back */
    int implicit;          /* the core granted implicitConfirm */
    int revoked;           /* the changes revoke something */
    size_t superseded;     /* they revoke so many older certificates */
    int crl_due;           /* they do, or take it back */
    const char *event;     /* for the audit record */
    CMPSRV_TXN_STATE next; /* state the transaction moves to */
    CMPSRV_TXN_END end;

    /* respond, protect, collect, commit */
    int answer_type;      /* CMPSRV_BODY of the answer */
    CMPSRV_BYTES body;    /* its [n] TLV */
    CMPSRV_BYTES answer;  /* the PKIMessage as it will be sent */
    CMPSRV_BYTES mac_alg; /* AlgorithmIdentifier when it is MAC-protected */
    CMPSRV_BYTES sig_alg; /* the same when it is signed */
    unsigned char nonce[CMPSRV_OUR_NONCE];
    CMPSRV_COMMIT_JOB job;
    int64_t stage_us[16];

    /* where on the line it is */
    size_t from;
    int waits; /* for the store, since: */
    int64_t commit_us;
    int attempts; /* that came to nothing */
};

/* ---- header.c: rules of cmp-conformance.md 1.1, a table each ------------------------------------
 */
int cmpsrv_header_check_form(CMPSRV_REQUEST *req); /* H1-H7a: stateless, before authentication */
int cmpsrv_header_check_transaction(
    CMPSRV_REQUEST *req); /* H5c, H5d, H7b, owner: after authentication */
int cmpsrv_header_check_policy(CMPSRV_REQUEST *req); /* H9 by operation, H15 */

/* ---- resolve.c
 * -------------------------------------------------------------------------------------------------
 */
int cmpsrv_stage_resolve(CMPSRV_REQUEST *req);
/* The CA that has issued that certificate, as the store knows; its row to *row, which the caller
 * clears, if not NULL. NULL, with *why if the store failed. */
const CMPSRV_CA *cmpsrv_request_issuer(CMPSRV_REQUEST *req, const CMPSRV_CERT_VIEW *cert,
                                       CMPSRV_CERT_ROW *row, CMPSRV_REFUSAL *why);
/* Whether its status and what is left of its code allow another certificate. */
int cmpsrv_entity_may_enrol(const CMPSRV_END_ENTITY_ROW *e);

/* ---- supersede.c: single_active_certificate
 * ------------------------------------------------------
 */
/* The other certificates of its end entity and CA are revoked as superseded, each with its audit
 * record, which is otherwise as `event`; *n counts them. 1/0. */
int cmpsrv_changes_superseded(CMPSRV_STORE *store, CMPSRV_CHANGES *changes,
                              const CMPSRV_CERT_ROW *cert, const CMPSRV_AUDIT_EVENT *event,
                              int64_t now, size_t *n, CMPSRV_REFUSAL *why);
/* The same by a request that makes the certificate active, if the alias says so. 1/0. */
int cmpsrv_collect_superseded(CMPSRV_REQUEST *req, const CMPSRV_CERT_ROW *cert);

/* ---- changes.c ----------------------------------------------------------------------------------
 */
/* The certificate of that row, from the status it has to another. 1, or 0 without memory. */
int cmpsrv_changes_status(CMPSRV_CHANGES *changes, const CMPSRV_CERT_ROW *cert,
                          CMPSRV_CERT_STATUS to, int reason, int64_t now);
/* The end entity's code, if this was the last transaction that it is good for. The same. */
int cmpsrv_changes_erasure(CMPSRV_CHANGES *changes, const char *end_entity, int64_t now);
int cmpsrv_changes_audit(CMPSRV_CHANGES *changes, const CMPSRV_AUDIT_EVENT *event);

/* ---- transaction.c: states as a table, rows for commit ------------------------------------------
 */
int cmpsrv_transaction_may_move(CMPSRV_TXN_STATE from, CMPSRV_TXN_STATE to);
/* Adds the transaction row with the protected answer in it, if this request leaves one. */
int cmpsrv_transaction_collect(CMPSRV_REQUEST *req);

/* ---- dispatch.c: the only user of OSSL_CMP_SRV_CTX ----------------------------------------------
 */
/* Hands the decided request to a fresh core in canonical form; `implicit` of req is filled. 1, or 0
 * with req->why if the core does not agree. */
int cmpsrv_dispatch(CMPSRV_REQUEST *req);

/* ---- handlers: parse, decide, perform of each body type
 * ------------------------------------------ */
int cmpsrv_handle_cert_parse(CMPSRV_REQUEST *req);
int cmpsrv_handle_cert_decide(CMPSRV_REQUEST *req);
int cmpsrv_handle_cert_perform(CMPSRV_REQUEST *req);
int cmpsrv_handle_conf_parse(CMPSRV_REQUEST *req);
int cmpsrv_handle_conf_decide(CMPSRV_REQUEST *req);
int cmpsrv_handle_conf_perform(CMPSRV_REQUEST *req);
int cmpsrv_handle_rr_parse(CMPSRV_REQUEST *req);
int cmpsrv_handle_rr_decide(CMPSRV_REQUEST *req);
int cmpsrv_handle_rr_perform(CMPSRV_REQUEST *req);
int cmpsrv_handle_error_parse(CMPSRV_REQUEST *req);
int cmpsrv_handle_error_decide(CMPSRV_REQUEST *req);
int cmpsrv_handle_error_perform(CMPSRV_REQUEST *req);
/* The certificate `cert` of req goes from the status it has to another; 0 without memory. */
int cmpsrv_collect_status(CMPSRV_REQUEST *req, CMPSRV_CERT_STATUS to, int reason);
/* certReqId that answers this request (and that certConf must carry). */
int64_t cmpsrv_answer_cert_req_id(const CMPSRV_REQUEST *req);

/* ---- answer.c: respond and protect
 * ---------------------------------------------------------------- */
int cmpsrv_stage_respond(CMPSRV_REQUEST *req);
int cmpsrv_stage_protect(CMPSRV_REQUEST *req);

/* ---- record.c: the audit record and the log line
 * --------------------------------------------------- */
int cmpsrv_audit_collect(CMPSRV_REQUEST *req);
void cmpsrv_log_request(const CMPSRV_REQUEST *req);
/* Counts the request; counts what its commit made durable. */
void cmpsrv_count_request(const CMPSRV_REQUEST *req);
void cmpsrv_count_commit(const CMPSRV_REQUEST *req);

#endif
