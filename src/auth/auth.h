/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: who sent this. Runs the alias's modules in order, once, and leaves an identity; a result
 * starts as denied.
 */
#ifndef CMPSRV_AUTH_H
#define CMPSRV_AUTH_H

#include "base/model.h"
#include "conf/conf.h"
#include "wire/wire.h"

/* What auth has to ask others for. */
typedef struct cmpsrv_auth_ca_st {
    unsigned char id[CMPSRV_HASH];
    X509 *cert;           /* borrowed */
    CMPSRV_SLICE subject; /* Name TLV */
    int64_t not_after;    /* ms UTC */
    const CMPSRV_CONF_CA *conf;
} CMPSRV_AUTH_CA;
typedef struct cmpsrv_auth_ops_st {
    /* The CA of that configuration. 1/0. */
    int (*ca)(void *arg, const CMPSRV_CONF_CA *conf, CMPSRV_AUTH_CA *out);
    /* The CA that the certificate has as its issuer. 1/0. */
    int (*issuer)(void *arg, const CMPSRV_CERT_VIEW *cert, CMPSRV_AUTH_CA *out);
    /* Client mode: whether that is the code of the end entity; "no" always takes as long. 1/0. */
    int (*is_code)(void *arg, CMPSRV_SLICE code);
    /* The stored certificate, which the caller clears. 1, 0 there is none, -1 with *why. */
    int (*certificate)(void *arg, const unsigned char ca_id[CMPSRV_HASH], CMPSRV_SLICE serial,
                       CMPSRV_CERT_ROW *out, CMPSRV_REFUSAL *why);
} CMPSRV_AUTH_OPS;

/* ra.c: a row of `ras`, ready to be compared with a certificate. */
typedef struct cmpsrv_ra_st CMPSRV_RA;
/* NULL with an error: a file that is no certificate, a subject or ski that cannot be read. */
CMPSRV_RA *cmpsrv_ra_load(const CMPSRV_CONF_RA *conf, CMPSRV_CONF_ERRORS *errors);
void cmpsrv_ra_free(CMPSRV_RA *ra);

/* vendor.c: a row of `vendor_cas`, whose certificates are trusted as an alias says. */
typedef struct cmpsrv_vendor_ca_st CMPSRV_VENDOR_CA;
/* NULL with an error: a file whose first certificate is none, no CA, or not valid at `now` (ms
 * UTC), or that goes on with something else than its issuers. */
CMPSRV_VENDOR_CA *cmpsrv_vendor_ca_load(OSSL_LIB_CTX *libctx, const char *propq,
                                        const CMPSRV_CONF_VENDOR_CA *conf, int64_t now,
                                        CMPSRV_CONF_ERRORS *errors);
void cmpsrv_vendor_ca_free(CMPSRV_VENDOR_CA *ca);
/* Whether a certificate of a vendor may sign such a message: the alias is in vendor mode and it is
 * ir or cr, or goes on with a transaction (NULL: there is none) that one of those opened. */
int cmpsrv_vendor_may_sign(const CMPSRV_CONF_ALIAS *alias, int body, int is_first,
                           const CMPSRV_TXN *txn);

/* chain.c: certificates whose path has been checked, so that it is done once. Any thread. */
typedef struct cmpsrv_chains_st CMPSRV_CHAINS;
CMPSRV_CHAINS *cmpsrv_chains_new(void);
void cmpsrv_chains_free(CMPSRV_CHAINS *c);

typedef struct cmpsrv_auth_input_st {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    CMPSRV_CURVES *curves; /* of libctx, or NULL */
    const CMPSRV_PKIMSG *msg;
    const CMPSRV_CONF_ALIAS *alias;
    const CMPSRV_CONF_CA *ca; /* whose cmp_ra_auth_secret counts; may be NULL */
    /* client mode: */
    const char *entity;         /* the end entity that it should be; "": nobody was found. Of a
                                   signature with a vendor's certificate: the one that the alias
                                   names by the subject of it */
    CMPSRV_SECRET *entity_code; /* its code; NULL: there is none that a MAC could be checked with,
                                   for the reason in entity_problem */
    const char *entity_problem;
    const unsigned char *binding_key; /* CMPSRV_HASH octets: keys the binding, so that it tells
                                         nothing of the secret */
    int64_t now;                      /* ms UTC */
    const CMPSRV_AUTH_OPS *ops;
    void *ops_arg;
    CMPSRV_RA *const *ras; /* all of the configuration */
    size_t ras_n;
    CMPSRV_VENDOR_CA *const *vendor_cas; /* the same */
    size_t vendor_cas_n;
    CMPSRV_CHAINS *chains;
    int is_first;          /* the message opens a transaction */
    const CMPSRV_TXN *txn; /* the one that it goes on with, or NULL. Its signer counts where the
                              message brings no certificates */
    CMPSRV_SLICE reg_token, dn_part; /* client mode: codes in the request; absent: none */
} CMPSRV_AUTH_INPUT;

typedef struct cmpsrv_auth_result_st {
    CMPSRV_IDENTITY identity;
    CMPSRV_MAC_PARAMS mac_params; /* MAC only; borrowed from the message */
    CMPSRV_MAC_KEY *mac_key;      /* MAC only: proven; answers use it */
    CMPSRV_SECRET *secret;        /* MAC only, for a fresh salt */
    CMPSRV_SLICE signer;          /* signature only: the certificate; borrowed from message or
                                     transaction */
} CMPSRV_AUTH_RESULT;
void cmpsrv_auth_result_clear(CMPSRV_AUTH_RESULT *r);

/* The certificate that a signed message names as its signer's (H11, H12): the one of senderKID,
 * else extraCerts[0]; without extraCerts the transaction's. Nothing about it is proven. 1/0. */
int cmpsrv_auth_find_signer(const CMPSRV_PKIMSG *msg, const CMPSRV_TXN *txn, CMPSRV_CERT_VIEW *out,
                            CMPSRV_REFUSAL *why);

/* H8-H14 of cmp-conformance.md 1.1. 1 with identity.proven, or 0 with *why. */
int cmpsrv_auth_run(const CMPSRV_AUTH_INPUT *in, CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
/* Whether a module of that name exists; conf's list of names is checked against it by a test. */
int cmpsrv_auth_has_module(const char *name);

#endif
