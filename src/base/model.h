/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types that pass between layers which do not know each other: who asks (identity), how to
 * answer (plan), what was decided (decision), what the store keeps (rows) and what it shall change
 * (changes). Data only; each comes with a clear or free function where it owns something.
 */
#ifndef CMPSRV_MODEL_H
#define CMPSRV_MODEL_H

#include <openssl/types.h>

#include "base/base.h"

/* Limits of interfaces.md 3 that are not configurable. */
#define CMPSRV_MAX_ALIAS          32
#define CMPSRV_MAX_TRANSACTION_ID 64
#define CMPSRV_MAX_NONCE          64
#define CMPSRV_MIN_NONCE          16
#define CMPSRV_MAX_SENDER_KID     256
#define CMPSRV_MAX_EXTRA_CERTS    32
#define CMPSRV_MAX_SERIAL         20
#define CMPSRV_OUR_NONCE          16
#define CMPSRV_HASH               32 /* SHA-256 */
#define CMPSRV_HASH_KEPT          16 /* of it, where a certificate is only found by it */

/* PKIBody choices, RFC 9810 5.1.2. */
typedef enum {
    CMPSRV_BODY_IR = 0,
    CMPSRV_BODY_IP = 1,
    CMPSRV_BODY_CR = 2,
    CMPSRV_BODY_CP = 3,
    CMPSRV_BODY_P10CR = 4,
    CMPSRV_BODY_POPDECC = 5,
    CMPSRV_BODY_POPDECR = 6,
    CMPSRV_BODY_KUR = 7,
    CMPSRV_BODY_KUP = 8,
    CMPSRV_BODY_KRR = 9,
    CMPSRV_BODY_KRP = 10,
    CMPSRV_BODY_RR = 11,
    CMPSRV_BODY_RP = 12,
    CMPSRV_BODY_CCR = 13,
    CMPSRV_BODY_CCP = 14,
    CMPSRV_BODY_CKUANN = 15,
    CMPSRV_BODY_CANN = 16,
    CMPSRV_BODY_RANN = 17,
    CMPSRV_BODY_CRLANN = 18,
    CMPSRV_BODY_PKICONF = 19,
    CMPSRV_BODY_NESTED = 20,
    CMPSRV_BODY_GENM = 21,
    CMPSRV_BODY_GENP = 22,
    CMPSRV_BODY_ERROR = 23,
    CMPSRV_BODY_CERTCONF = 24,
    CMPSRV_BODY_POLLREQ = 25,
    CMPSRV_BODY_POLLREP = 26,
    CMPSRV_BODY__COUNT = 27
} CMPSRV_BODY;

/* ---- who: set once, by auth --------------------------------------------------------------------
 */

typedef enum {
    CMPSRV_PROTECTION_NONE,
    CMPSRV_PROTECTION_MAC,
    CMPSRV_PROTECTION_SIGNATURE
} CMPSRV_PROTECTION;

struct cmpsrv_conf_ra_st;
struct cmpsrv_conf_ca_st;
typedef struct cmpsrv_identity_st {
    int proven;                            /* starts 0 = denied; only auth sets it */
    int is_ra;                             /* may ask for others (RA mode), within the next two */
    const struct cmpsrv_conf_ra_st *ra;    /* the rights of its row of `ras`; NULL: has none */
    const struct cmpsrv_conf_ca_st *ra_ca; /* an RA for this CA only; NULL: for any */
    char entity[256];                      /* client mode: the end entity that it is; "": none */
    CMPSRV_PROTECTION kind;                /* how the request was protected */
    const char *module;                    /* "HMAC", ...; static */
    char source[128]; /* where the credential is from: "alias", "ca:NAME", ... */
    char name[560];   /* for log and audit, printable and escaped: the senderKID, ... */
    unsigned char
        binding[CMPSRV_HASH]; /* what a transaction is bound to: module, source, credential */
} CMPSRV_IDENTITY;

/* ---- what: decided by policy, obeyed by ca and server ------------------------------------------
 */

typedef struct cmpsrv_decision_st {
    CMPSRV_BYTES subject; /* DER Name */
    CMPSRV_BYTES spki;    /* DER SubjectPublicKeyInfo, checked */
    EVP_PKEY *key;        /* the same key, decoded once */
    int64_t not_before;   /* ms UTC, whole seconds */
    int64_t not_after;    /* ms UTC, whole seconds, inside the CA's */
    CMPSRV_BYTES
    extensions; /* concatenated DER Extension elements that policy decided (basicConstraints,
                   keyUsage, extKeyUsage, subjectAltName); the CA adds SKI, AKI, CDP, AIA */
    unsigned int
        key_usage; /* the keyUsage decided, bit 0 = digitalSignature; 0: extension absent */
    int with_mods; /* granted with other values than asked for */
    unsigned char serial[CMPSRV_MAX_SERIAL]; /* content octets of the INTEGER that was asked for */
    size_t serial_len;                       /* 0: a random one */
    int must_decrypt; /* the certificate goes out encrypted to its key; certConf proves possession
                         (RFC 9810 5.2.8.3.2) */
    char *end_entity; /* username */
    char *end_entity_profile;
    char *certificate_profile;
    unsigned char subject_hash[CMPSRV_HASH]; /* SHA-256 of the canonical subject */
    unsigned char spki_hash[CMPSRV_HASH];    /* SHA-256 of spki */
} CMPSRV_DECISION;
void cmpsrv_decision_free(CMPSRV_DECISION *d);

/* A certificate as the CA signed it, not yet in the store. */
typedef struct cmpsrv_issued_st {
    unsigned char ca_id[CMPSRV_HASH];
    unsigned char serial[CMPSRV_MAX_SERIAL]; /* content octets of the INTEGER */
    size_t serial_len;
    CMPSRV_BYTES der;
} CMPSRV_ISSUED;
void cmpsrv_issued_clear(CMPSRV_ISSUED *i);

/* ---- what the store keeps ----------------------------------------------------------------------
 */

typedef enum {
    CMPSRV_CERT_UNCONFIRMED = 0, /* sent, certConf not seen yet */
    CMPSRV_CERT_ACTIVE = 1,
    CMPSRV_CERT_REVOKED = 2,
    CMPSRV_CERT_HOLD = 3
} CMPSRV_CERT_STATUS;

typedef struct cmpsrv_cert_row_st {
    unsigned char ca_id[CMPSRV_HASH];
    unsigned char serial[CMPSRV_MAX_SERIAL];
    size_t serial_len;
    CMPSRV_BYTES der;
    CMPSRV_CERT_STATUS status;
    int64_t issued_at;  /* ms UTC */
    int64_t revoked_at; /* ms UTC, 0: not revoked */
    int reason;         /* CRLReason, when revoked */
    int64_t not_after;  /* ms UTC */
    char end_entity[256];
    unsigned char subject_hash[CMPSRV_HASH]; /* as read: the first CMPSRV_HASH_KEPT octets */
    unsigned char spki_hash[CMPSRV_HASH];    /* the same */
    char alias[CMPSRV_MAX_ALIAS + 1];
    /* To be inserted, not read again: */
    unsigned char identity[CMPSRV_HASH]; /* binding of who asked for it; its transaction has it */
    unsigned char tid[CMPSRV_MAX_TRANSACTION_ID]; /* (alias, tid) is unique, forever */
    size_t tid_len;
} CMPSRV_CERT_ROW;
void cmpsrv_cert_row_clear(CMPSRV_CERT_ROW *r);

/* States of a transaction; server/transaction.c has the table of allowed moves. */
typedef enum {
    CMPSRV_TXN_WAIT_CONF = 1, /* certificate sent, certConf expected */
    CMPSRV_TXN_POLLING = 2,   /* waiting answer sent, pollReq expected */
    CMPSRV_TXN_DONE = 3       /* tombstone */
} CMPSRV_TXN_STATE;

/* How a transaction that is DONE has ended. */
typedef enum {
    CMPSRV_END_NONE = 0,
    CMPSRV_END_CONFIRMED = 1, /* certConf accepted */
    CMPSRV_END_IMPLICIT = 2,  /* implicitConfirm granted */
    CMPSRV_END_REJECTED = 3,  /* the client rejected the certificate */
    CMPSRV_END_EXPIRED = 4,   /* no certConf in time */
    CMPSRV_END_REFUSED = 5,   /* an authenticated request was refused */
    CMPSRV_END_PERFORMED = 6, /* rr and the like: one message and its answer */
    CMPSRV_END_REPLACED = 7,  /* its certificate went out again under another transactionID */
    CMPSRV_END_ABORTED = 8    /* the client sent an error message */
} CMPSRV_TXN_END;

typedef struct cmpsrv_txn_st {
    char alias[CMPSRV_MAX_ALIAS + 1];
    unsigned char tid[CMPSRV_MAX_TRANSACTION_ID];
    size_t tid_len;
    int64_t version; /* 1 when inserted, +1 with each update */
    CMPSRV_TXN_STATE state;
    CMPSRV_TXN_END end;
    unsigned char identity[CMPSRV_HASH];
    CMPSRV_PROTECTION kind; /* of the first request: a transaction never changes it */
    CMPSRV_BODY body_type;  /* of the first request */
    int64_t cert_req_id;    /* that we sent and expect in certConf */
    int pvno;               /* of the first request */
    int must_confirm; /* the certificate counts only once it is confirmed, whatever the alias says
                         of unconfirmed ones */
    unsigned char sender_nonce[CMPSRV_OUR_NONCE]; /* of our last answer */
    CMPSRV_BYTES mac_alg; /* AlgorithmIdentifier of MAC answers; absent: signature */
    CMPSRV_BYTES signer;  /* certificate that signed the first request; absent: none did */
    unsigned char ca_id[CMPSRV_HASH];
    unsigned char serial[CMPSRV_MAX_SERIAL];
    size_t serial_len;                       /* 0: no certificate in this transaction */
    unsigned char request_hash[CMPSRV_HASH]; /* SHA-256 of the last request as received, whole */
    CMPSRV_BYTES answer;                     /* the protected answer to it, as sent */
    int64_t expires; /* ms UTC: WAIT_CONF: certConf too late; DONE: the tombstone goes */
} CMPSRV_TXN;
void cmpsrv_txn_clear(CMPSRV_TXN *t);
/* A copy with buffers of its own. 1, or 0 without memory: *out is empty then. */
int cmpsrv_txn_copy(CMPSRV_TXN *out, const CMPSRV_TXN *t);

/* Status of an end entity, as EJBCA numbers them. In client mode those up to INPROCESS, and
 * KEYRECOVERY, may enrol. */
typedef enum {
    CMPSRV_ENTITY_NEW = 10,
    CMPSRV_ENTITY_FAILED = 11,
    CMPSRV_ENTITY_INITIALIZED = 20,
    CMPSRV_ENTITY_INPROCESS = 30,
    CMPSRV_ENTITY_GENERATED = 40,
    CMPSRV_ENTITY_REVOKED = 50,
    CMPSRV_ENTITY_HISTORICAL = 60,
    CMPSRV_ENTITY_KEYRECOVERY = 70
} CMPSRV_ENTITY_STATUS;

/* How an enrolment code is kept; the numbers are stored. */
typedef enum {
    CMPSRV_CODE_NONE = 0,   /* there is none, or it is used up and erased */
    CMPSRV_CODE_CLEAR = 1,  /* AES-256-GCM: a MAC needs it in the clear */
    CMPSRV_CODE_HASHED = 2, /* HMAC-SHA-256: one that we made */
    CMPSRV_CODE_SCRYPT = 3  /* scrypt: one that somebody has chosen */
} CMPSRV_CODE_KIND;

typedef struct cmpsrv_end_entity_row_st {
    char name[256];
    CMPSRV_BYTES subject; /* DER Name */
    unsigned char subject_hash[CMPSRV_HASH];
    unsigned char ca_id[CMPSRV_HASH];
    char end_entity_profile[128];
    char certificate_profile[128];
    int status; /* CMPSRV_ENTITY_STATUS */
    int64_t updated_at;
    CMPSRV_CODE_KIND code_kind;
    CMPSRV_BYTES code; /* as cmpsrv_store_code_seal() made it */
    int64_t remaining; /* certificates that the code is still good for; -1: not limited */
    CMPSRV_BYTES san;  /* GeneralNames TLV of its certificates' subjectAltName; absent: none */
    char alias[CMPSRV_MAX_ALIAS + 1]; /* that made it, or last changed it; "": an operator */
    int64_t attempts;                 /* wrong codes since the last good one */
} CMPSRV_END_ENTITY_ROW;
void cmpsrv_end_entity_row_clear(CMPSRV_END_ENTITY_ROW *r);

enum { CMPSRV_UNIQUE_KEY = 1, CMPSRV_UNIQUE_SUBJECT = 2 };

/* ---- what shall change: collected by handlers, carried out by ONE store transaction -------------
 */

typedef enum {
    CMPSRV_CHANGE_ENTITY_UPSERT, /* RA mode: by name. What is there already must be of the same
                                    alias, CA and end entity profile as the new row, or as
                                    entity_from says, else CONFLICT. A row without a code leaves
                                    the code alone, to be erased when it is not needed any more */
    CMPSRV_CHANGE_ENTITY_INSERT, /* name taken: REFUSED */
    CMPSRV_CHANGE_ENTITY_UPDATE, /* all but the name; where it was last updated at
                                    entity_seen, else CONFLICT */
    CMPSRV_CHANGE_ENTITY_DELETE, /* the same */
    CMPSRV_CHANGE_ENTITY_USE, /* one certificate less that the code is good for, generated with the
                                 last, and no attempts; none left, or not in a status to enrol:
                                 CONFLICT. entity.remaining -1: not counted (finish_user: no).
                                 entity.status GENERATED: a renewal, where it is in that status */
    CMPSRV_CHANGE_ENTITY_ATTEMPTS, /* entity.attempts wrong codes more, if it is there as it was at
                                      entity.updated_at */
    CMPSRV_CHANGE_ENTITY_ERASE, /* the code, if it is used up and none of its transactions is open
                                 */
    CMPSRV_CHANGE_CERT_INSERT,  /* serial taken: REFUSED; (alias, tid) taken, or the same identity
                                   has a certificate to confirm for this key and subject, or what
                                   cert_unique asks for does not hold: CONFLICT */
    CMPSRV_CHANGE_CERT_ALONE,   /* another certificate of cert.(ca_id, end_entity) is active or on
                                   hold, and not_after is later: CONFLICT */
    CMPSRV_CHANGE_CERT_STATUS,  /* from the status it had when decided, else CONFLICT */
    CMPSRV_CHANGE_TXN_INSERT,   /* (alias, tid) taken: CONFLICT */
    CMPSRV_CHANGE_TXN_UPDATE,  /* whole row where version = txn.version; stored as version + 1; else
                                  CONFLICT */
    CMPSRV_CHANGE_TXN_REPLACE, /* whichever transaction waits for certConf of txn.(ca_id, serial) at
                                  txn.alias ends as REPLACED; no such, or the certificate is not
                                  UNCONFIRMED: CONFLICT */
    CMPSRV_CHANGE_TXN_DELETE,  /* where version = txn.version, else CONFLICT */
    CMPSRV_CHANGE_TID_SPENT,   /* a further (alias, tid) that was answered with an existing
                                  certificate */
    CMPSRV_CHANGE_AUDIT        /* append to the audit chain */
} CMPSRV_CHANGE_TYPE;

typedef struct cmpsrv_change_st {
    CMPSRV_CHANGE_TYPE type;
    union {
        struct {
            CMPSRV_END_ENTITY_ROW entity;
            int64_t entity_seen; /* UPDATE, DELETE: updated_at of the row that was decided on */
            struct {             /* UPSERT: of the row that was decided on */
                char alias[CMPSRV_MAX_ALIAS + 1];
                char end_entity_profile[128];
                unsigned char ca_id[CMPSRV_HASH];
            } entity_from;
        };
        struct {
            CMPSRV_CERT_ROW cert; /* CERT_INSERT; TID_SPENT uses ca_id, serial, alias, tid */
            unsigned cert_unique; /* CMPSRV_UNIQUE bits: no other end entity of this CA has it in a
                                     certificate that is not revoked */
        };
        struct {
            unsigned char ca_id[CMPSRV_HASH];
            unsigned char serial[CMPSRV_MAX_SERIAL];
            size_t serial_len;
            CMPSRV_CERT_STATUS from, to;
            int64_t revoked_at;
            int reason;
        } status;
        CMPSRV_TXN txn;
        char *audit; /* one JSON object, UTF-8, without newline */
    } u;
} CMPSRV_CHANGE;

/* An ordered list; owns what is in it. */
typedef struct cmpsrv_changes_st {
    CMPSRV_CHANGE *v;
    size_t n, cap;
} CMPSRV_CHANGES;
/* A zeroed element of that type at the end, to be filled in place; valid until the next add. NULL
 * without memory. */
CMPSRV_CHANGE *cmpsrv_changes_add(CMPSRV_CHANGES *c, CMPSRV_CHANGE_TYPE type);
void cmpsrv_changes_clear(CMPSRV_CHANGES *c);

/* Outcome of a store transaction. */
typedef enum {
    CMPSRV_COMMIT_DONE,     /* all of it is durable */
    CMPSRV_COMMIT_CONFLICT, /* somebody moved a row we decided on: nothing was written, decide again
                             */
    CMPSRV_COMMIT_REFUSED,  /* the serial is taken (later: the code is used up): nothing was written
                             */
    CMPSRV_COMMIT_FAILED    /* the store cannot: nothing was written */
} CMPSRV_COMMIT;

#endif
