/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of auth share: one function a module, one row a module in auth.c. */
#ifndef CMPSRV_AUTH_LOCAL_H
#define CMPSRV_AUTH_LOCAL_H

#include "auth/auth.h"

#include <openssl/x509.h>

/*
 * Proves the protection of in->msg with what the module's row in the alias says. 1 with
 * out->identity filled and proven, or 0 with *why; nothing in *out is left behind then.
 */
typedef int (*CMPSRV_AUTH_MODULE_FN)(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                                     CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);

/* The certificate, decoded, with a path to `ca` at in->now: a reference for the caller. NULL with
 * *why (SIGNER_NOT_TRUSTED). */
X509 *cmpsrv_chain_check(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                         const CMPSRV_CERT_VIEW *view, CMPSRV_REFUSAL *why);

/* ---- chain.c: what vendor.c shares -------------------------------------------------------------
 */

/* Of the certificate alone: SIGNER_NOT_TRUSTED outside of its validity. */
int cmpsrv_chain_check_dates(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                             CMPSRV_REFUSAL *why);
/* For the caller; NULL: libcrypto does not read it. */
X509 *cmpsrv_chain_decode(const CMPSRV_AUTH_INPUT *in, CMPSRV_SLICE der);
/* RFC 5280 6 at in->now, through `between` (may be NULL) to the anchor. 1/0. */
int cmpsrv_chain_verify(const CMPSRV_AUTH_INPUT *in, X509 *anchor, STACK_OF(X509) * between,
                        X509 *cert, CMPSRV_REFUSAL *why);
/* The certificate that was put there under that key, with a reference, if its path is valid now. */
X509 *cmpsrv_chains_get1(CMPSRV_CHAINS *c, const unsigned char key[CMPSRV_HASH], int64_t now);
void cmpsrv_chains_put(CMPSRV_CHAINS *c, const unsigned char key[CMPSRV_HASH], X509 *cert,
                       int64_t from, int64_t until);

/* ---- path.c ------------------------------------------------------------------------------------
 */

/* A certificate on the way from a signer to a CA. */
typedef struct cmpsrv_path_cert_st {
    CMPSRV_CERT_VIEW view;
    unsigned char subject[CMPSRV_HASH], issuer[CMPSRV_HASH]; /* canonical names, hashed */
    CMPSRV_SLICE ski, aki;                                   /* absent: there is none */
    EVP_PKEY *key;                        /* owned; of the anchor, and of what is proven */
    const struct cmpsrv_path_cert_st *by; /* proven: whose key has signed it; NULL: not, or the
                                             anchor */
    int depth;                            /* below the anchor */
} CMPSRV_PATH_CERT;

/* One search: the signer, then certificates of the message that it may come from. */
typedef struct cmpsrv_paths_st {
    const CMPSRV_AUTH_INPUT *in;
    CMPSRV_PATH_CERT v[1 + CMPSRV_MAX_EXTRA_CERTS];
    size_t n;
    int left;               /* signatures that may still be verified */
    CMPSRV_REFUSAL problem; /* with the last that was of no use */
} CMPSRV_PATHS;

/* Names and key identifiers; the key is not touched. 1, 0: its names are damaged. */
int cmpsrv_path_cert_read(const CMPSRV_CERT_VIEW *view, CMPSRV_PATH_CERT *out);
int cmpsrv_path_cert_decode_key(const CMPSRV_AUTH_INPUT *in, CMPSRV_PATH_CERT *cert,
                                CMPSRV_REFUSAL *why);
/* cA in basicConstraints, or an extension that cannot be read. */
int cmpsrv_path_may_be_ca(const CMPSRV_CERT_VIEW *view);
/* 1/0 (the names of the signer are damaged). */
int cmpsrv_paths_init(CMPSRV_PATHS *p, const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *signer);
/* 1: p->v[0].by and so on lead to the anchor, each signature verified; 0: there is no path. May be
 * called for one anchor after the other. */
int cmpsrv_paths_find(CMPSRV_PATHS *p, const CMPSRV_PATH_CERT *anchor);
void cmpsrv_paths_clear(CMPSRV_PATHS *p);

/* ---- vendor.c ----------------------------------------------------------------------------------
 */

/* The certificate, decoded, that a vendor CA of the alias has issued to a device: a reference for
 * the caller, the CA to *vendor (NULL: it was found when the transaction was opened). NULL with
 * *why (SIGNER_NOT_TRUSTED). */
X509 *cmpsrv_vendor_check(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                          const CMPSRV_CONF_VENDOR_CA **vendor, CMPSRV_REFUSAL *why);

/* Makes the identity an RA, if a row of `ras` for this alias names its certificate, or EKU cmcRA
 * makes it one for the alias's own CA, `ca`. */
void cmpsrv_ra_find(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                    const CMPSRV_CONF_CA *ca, CMPSRV_IDENTITY *id);

int cmpsrv_auth_eecert(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                       CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
/* Ties the identity to source, end entity, senderKID and the secret itself, without telling
 * anything of it. 1/0. */
int cmpsrv_auth_bind(const CMPSRV_AUTH_INPUT *in, CMPSRV_IDENTITY *id, CMPSRV_SLICE secret);

int cmpsrv_auth_dn_part(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                        CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
int cmpsrv_auth_reg_token(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                          CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
int cmpsrv_auth_hmac(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                     CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);

#endif
