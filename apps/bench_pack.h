/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the message half of cmp-bench share and the load half does not see: what a pack
 * holds of a transaction, how one is written, and the checks of an answer to the last.
 */
#ifndef CMPSRV_APPS_BENCH_PACK_H
#define CMPSRV_APPS_BENCH_PACK_H

#include "apps/bench.h"

enum {
    BENCH_TID = 16, /* octets of transactionID and of each nonce */
    BENCH_NONCE = 16,
    BENCH_SALT = 16,
    BENCH_KEY = 32, /* of HMAC-SHA256, derived from secret and salt */
    BENCH_MAX_HEADER = 4096
};

/* ---- bench_workload.c */

int bench_workload_is_mix(const BENCH_WORKLOAD *w);
/* The row of the transaction `index`: w itself, or of mix the one whose turn it is. */
const BENCH_WORKLOAD *bench_workload_at(const BENCH_WORKLOAD *w, size_t index);
/* Whether any of its transactions is protected so. */
int bench_workload_needs(const BENCH_WORKLOAD *w, BENCH_PROTECTION protection);

/* ---- bench_pack.c: what lies in the file. Octet order and sizes are those of the machine that
 * made it, which the head tells; offsets are from the start of the file. */

typedef struct bench_span_st {
    uint64_t off, n;
} BENCH_SPAN;

/* A message but for its frame and its MAC. The places are offsets in the header, each of the
 * content of an OCTET STRING of 16; 0: it has none. */
typedef struct bench_part_st {
    BENCH_SPAN header, body; /* TLVs; of certConf no body, it depends on the certificate */
    uint32_t tid, sender_nonce, recip_nonce;
    uint32_t has_key;
    unsigned char key[BENCH_KEY];
} BENCH_PART;

typedef struct bench_entry_st {
    uint32_t workload; /* row, never mix */
    uint32_t reserved;
    BENCH_SPAN whole; /* a signed message as it is sent, first.header being in it; else empty */
    BENCH_SPAN spki;  /* SubjectPublicKeyInfo TLV of the key */
    BENCH_PART first, confirm;
} BENCH_ENTRY;

const BENCH_ENTRY *bench_pack_entry(const BENCH_PACK *p, size_t index);
CMPSRV_SLICE bench_pack_span(const BENCH_PACK *p, BENCH_SPAN span);
/* What MACs of answers are checked with, which have salts of their own; absent: none. */
CMPSRV_SLICE bench_pack_secret(const BENCH_PACK *p);

/* A pack under way: transactions come in any order and from any thread, each once. */
typedef struct bench_writer_st BENCH_WRITER;
/* Creates the file, which must not exist, with mode 0600. secret may be absent. NULL with the error
 * printed. */
BENCH_WRITER *bench_writer_new(const char *path, const BENCH_WORKLOAD *w, size_t count,
                               CMPSRV_SLICE secret);
/* Offsets of the entry's spans are from the start of data. 1, or 0 with errno. */
int bench_writer_put(BENCH_WRITER *w, size_t index, const BENCH_ENTRY *entry, CMPSRV_SLICE data);
/* Ends the file and frees w; without keep, or on failure, removes the file. 1, or 0 with the error
 * printed. */
int bench_writer_finish(BENCH_WRITER *w, int keep);

/* ---- bench_message.c: the messages of one transaction */

/* What all transactions of a pack have in common. Immutable once it is made. */
typedef struct bench_recipe_st {
    const BENCH_WORKLOAD *workload;
    const char *key_type;  /* as cmpsrv_setup_key() has it */
    const char *subject;   /* text of a DN; every %d in it becomes the index */
    const char *ref;       /* senderKID of MAC messages, and CN of their sender */
    const char *recipient; /* text of a DN, or NULL: NULL-DN */
    CMPSRV_SECRET *secret; /* NULL: none is needed */
    int64_t iterations;    /* 0: of PasswordBasedMac 500, of PBMAC1 2048 */
    X509 *const *certs;    /* of the signer, its chain after it; certs_n 0: none is needed */
    size_t certs_n;
    EVP_PKEY *key;
} BENCH_RECIPE;

/* Makes the key and messages of the transaction `index`: *entry, its spans pointing into *data. 1,
 * or 0 with *why. */
int bench_message_make(const BENCH_RECIPE *r, size_t index, BENCH_ENTRY *entry, CMPSRV_BYTES *data,
                       CMPSRV_REFUSAL *why);
/* The whole message of header and body TLVs: MAC or signature as given. 1, or 0 without memory. */
int bench_message_frame(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_SLICE protection,
                        const CMPSRV_SLICE *certs, size_t certs_n, CMPSRV_BYTES *out);
/* The body of certConf that accepts the certificate with that hash. 1, or 0 without memory. */
int bench_message_certconf(CMPSRV_SLICE cert_hash, CMPSRV_BYTES *body);

/* ---- bench_check.c: an answer to the last, by libcrypto alone. On failure 0 with why->detail */

typedef struct bench_checker_st {
    const BENCH_CHECK *check;
    X509_STORE *store; /* check->ca and check->trusted; NULL: there are none */
} BENCH_CHECKER;

int bench_checker_init(BENCH_CHECKER *c, const BENCH_CHECK *check);
void bench_checker_clear(BENCH_CHECKER *c);
/* MAC by the secret of the pack, signature by a certificate of extraCerts that chains up. */
int bench_check_protection(const BENCH_CHECKER *c, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why);
/* Signature, issuer and validity of a Certificate, and that its key is `spki` (if that is not
 * NULL).
 */
int bench_check_certificate(const BENCH_CHECKER *c, CMPSRV_SLICE cert, CMPSRV_SLICE spki,
                            CMPSRV_REFUSAL *why);
/* That `hash` is the certHash of the Certificate. */
int bench_check_cert_hash(CMPSRV_SLICE cert, CMPSRV_SLICE hash, CMPSRV_REFUSAL *why);

#endif
