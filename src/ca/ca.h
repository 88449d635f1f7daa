/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca: the keys, and what they sign. Loads CAs and CMP signers (OSSL_STORE URIs), issues what a
 * decision says, lints it before the signature and parses it after, makes CRLs. Has no opinions and
 * writes to no store.
 */
#ifndef CMPSRV_CA_H
#define CMPSRV_CA_H

#include "base/model.h"
#include "conf/conf.h"
#include "store/store.h"
#include "wire/wire.h"

/* A certificate with its key and all that is taken from it once, at load. Immutable. */
typedef struct cmpsrv_signer_st {
    X509 *cert;
    EVP_PKEY *key;
    CMPSRV_BYTES der;      /* Certificate, and ... */
    CMPSRV_CERT_VIEW view; /* ... as slices of it */
    CMPSRV_BYTES subject;  /* Name TLV */
    CMPSRV_BYTES sender;   /* GeneralName TLV: directoryName subject */
    CMPSRV_BYTES ski;      /* octets of its subjectKeyIdentifier, or SHA-1 of its key */
    CMPSRV_BYTES sig_alg;  /* AlgorithmIdentifier TLV it signs messages with, ... */
    CMPSRV_SIG_KEY *sign;  /* ... and its key for that */
    /* SHA-256 of the canonical subject; zero if we would not take that name from others */
    unsigned char subject_hash[CMPSRV_HASH];
    int64_t not_before, not_after;
    CMPSRV_BYTES chain[10]; /* above it, without a self-signed root */
    size_t chain_n;
    CMPSRV_BYTES root; /* self-signed end of its chain; absent if it is not in the file */
} CMPSRV_SIGNER;

void cmpsrv_signer_free(CMPSRV_SIGNER *s);
/* The certificate and key of https, with the checks of a TLS server. NULL with errors. */
CMPSRV_SIGNER *cmpsrv_signer_load_tls(OSSL_LIB_CTX *libctx, const char *propq,
                                      const CMPSRV_CONF_SERVER *conf, CMPSRV_CONF_ERRORS *errors);

struct cmpsrv_ca_st {
    const CMPSRV_CONF_CA *conf;
    unsigned char id[CMPSRV_HASH]; /* SHA-256 of the certificate */
    CMPSRV_SIGNER issuer;
    CMPSRV_SIGNER *cmp_signer; /* its own, or == &issuer */
    CMPSRV_BYTES cert_sig_alg; /* AlgorithmIdentifier TLV for certificates and CRLs, ... */
    CMPSRV_SIG_KEY *cert_sign; /* ... and the issuer's key for that */
    OSSL_LIB_CTX *libctx;
    const char *propq; /* borrowed from the server */
};
typedef struct cmpsrv_ca_st CMPSRV_CA;

/* Loads certificate, chain and keys; a key that does not fit its certificate, a certificate that is
 * no CA or is expired: an error with file and line. NULL with at least one error. A CA that signs
 * messages without digitalSignature in its keyUsage is logged as a warning that names the fix
 * (cmp_signer). */
CMPSRV_CA *cmpsrv_ca_load(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CONF_CA *conf,
                          CMPSRV_LOG *log, CMPSRV_CONF_ERRORS *errors);
void cmpsrv_ca_free(CMPSRV_CA *ca);

/*
 * Signs the certificate that was decided: v3, random 20-octet serial if none was decided, SKI and
 * AKI added, cRLDistributionPoints and authorityInfoAccess from the CA's urls. Linted before,
 * parsed after. 1, or 0 with *why SYSTEM_FAILURE.
 */
int cmpsrv_ca_issue(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_ISSUED *out,
                    CMPSRV_REFUSAL *why);

/*
 * lint.c: a TBSCertificate against the decision and the CA, before anything is signed: v3; serial
 * 1-20 octets, positive, the decided one, not the CA's own; signature algorithm the CA's; issuer
 * byte-equal to the CA's subject; validity ordered and inside the CA's; the decided key and
 * subject; SKI, AKI, basicConstraints without cA; keyUsage that fits the key, never keyCertSign or
 * cRLSign; no extension twice; SAN critical if the subject is empty; extensions byte-equal to the
 * decided ones, and none but SKI, AKI, cRLDistributionPoints and authorityInfoAccess besides. 1, or
 * 0 with *why naming the rule.
 */
int cmpsrv_lint_tbs(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE tbs,
                    CMPSRV_REFUSAL *why);

/* A full CRL of this CA over the revoked, unexpired certificates of the store; number from the
 * store, written to conf->crl_file by rename under a file lock, so that a lower number never
 * replaces a higher. der (may be NULL) also gets it. 1/0. No crl_file and der NULL: nothing to
 * do, 1. */
int cmpsrv_ca_crl(const CMPSRV_CA *ca, CMPSRV_STORE *store, CMPSRV_BYTES *der, CMPSRV_REFUSAL *why);
/* Whether the CRL file is missing or more than half of its validity has passed at `now`. */
int cmpsrv_ca_crl_is_due(const CMPSRV_CA *ca, int64_t now);
/* Whether the CRL file is there, of this CA, and its nextUpdate not over. */
int cmpsrv_ca_crl_is_fresh(const CMPSRV_CA *ca, int64_t now);

/* CRLReason by its RFC 5280 name or number ("keyCompromise", "1"), -1 if unknown; and back
 * ("unspecified"). */
int cmpsrv_crl_reason_from_text(const char *text);
const char *cmpsrv_crl_reason_name(int reason);

/*
 * setup.c: makes what a throw-away or first deployment needs. Each writes files with mode 0600
 * (keys) or 0644 and fails if they exist. key_type: "ec:P-256", "ec:P-384", "rsa:2048", "rsa:3072",
 * "ed25519".
 */
typedef struct cmpsrv_setup_cert_st {
    const char *subject; /* "CN=..." */
    const char *key_type;
    int is_ca;        /* basicConstraints CA, keyCertSign + cRLSign */
    const char *eku;  /* dotted OID, or NULL */
    int64_t validity; /* ms */
    const char *cert_file, *key_file;
    const char *append_chain;             /* PEM file appended to cert_file, or NULL */
    const char *issuer_cert, *issuer_key; /* PEM files; NULL: self-signed */
} CMPSRV_SETUP_CERT;
int cmpsrv_setup_cert(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SETUP_CERT *what,
                      CMPSRV_REFUSAL *why);
/* A key of such a type, and a file of mode 0600 with one (PKCS #8, PEM), which must not exist. */
EVP_PKEY *cmpsrv_setup_key(OSSL_LIB_CTX *libctx, const char *propq, const char *key_type,
                           CMPSRV_REFUSAL *why);
int cmpsrv_setup_write_key(EVP_PKEY *key, const char *file, CMPSRV_REFUSAL *why);
/* A file with Certificates (DER) as PEM, in that order, which must not exist. */
int cmpsrv_setup_write_certs(const CMPSRV_SLICE *certs, size_t n, const char *file,
                             CMPSRV_REFUSAL *why);
/* 32 random octets as hex in a file of mode 0600. */
int cmpsrv_setup_secret(const char *file, CMPSRV_REFUSAL *why);

#endif
