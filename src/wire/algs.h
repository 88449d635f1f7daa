/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of wire that name algorithms share among themselves; no other layer includes it.
 */
#ifndef CMPSRV_WIRE_ALGS_H
#define CMPSRV_WIRE_ALGS_H

#include "wire/der.h"
#include "wire/wire.h"

/* OID content octets as an initializer in a static table, where C11 takes no compound literal. */
#define OID_INIT(octets)                                                                           \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

/* libcrypto's object for one CMPSRV_MD bit; static, NULL if unknown. */
const EVP_MD *cmpsrv_md_evp(unsigned md);
/* OID content octets of one CMPSRV_MD bit; absent if unknown. */
CMPSRV_SLICE cmpsrv_md_oid(unsigned md);

/* All of `tlv` is one AlgorithmIdentifier: its OID and parameters TLV (absent: p == NULL). 1/0. */
int cmpsrv_algid_read(CMPSRV_SLICE tlv, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters);
int cmpsrv_params_absent_or_null(CMPSRV_SLICE parameters);

/* CMPSRV_MD bit of a digest by whatever name libcrypto has for it; 0 if unknown. */
unsigned cmpsrv_md_from_evp_name(const char *name);

/* What we sign with ourselves never goes below SHA-256. */
#define CMPSRV_MDS_TO_SIGN (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

/* ---- pss.c: RFC 4055 3.1 ------------------------------------------------------------------------
 */
typedef struct {
    unsigned md;  /* of the message and of MGF1; 0: this is no RSASSA-PSS */
    int64_t salt; /* octets */
} CMPSRV_PSS;
/* `parameters` is the TLV; BAD_ALG. */
int cmpsrv_pss_read(CMPSRV_SLICE parameters, CMPSRV_PSS *out, CMPSRV_REFUSAL *why);
void cmpsrv_pss_write(CMPSRV_DERW *w, const CMPSRV_PSS *p);

/* ---- sig_alg.c ----------------------------------------------------------------------------------
 */
/* What a signature AlgorithmIdentifier says, with parameters as they must be. */
typedef struct {
    char oid[128];        /* dotted */
    const char *key_type; /* static, as EVP_PKEY_is_a() knows it; NULL: a key that goes by `oid` */
    unsigned md;          /* 0: the algorithm has its own */
    unsigned certhash_md; /* 0: it defines none */
    CMPSRV_PSS pss;
} CMPSRV_SIG_SCHEME;
/* BAD_ALG; whether anybody knows the algorithm is not asked. */
int cmpsrv_sig_scheme_read(CMPSRV_SLICE algid, CMPSRV_SIG_SCHEME *out, CMPSRV_REFUSAL *why);
/* Whether that key makes such signatures. */
int cmpsrv_sig_scheme_fits(const CMPSRV_SIG_SCHEME *s, EVP_PKEY *key);

#endif
