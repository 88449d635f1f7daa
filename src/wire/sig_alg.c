/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature AlgorithmIdentifiers, read and written: one table for those of RFC 9481 3, whose digest
 * the caller must be able to judge. Any other OID stands for whatever algorithm the providers know
 * a key by that has no digest to choose, as ML-DSA: none of those is named here. Which digests are
 * allowed, and whose key it is, the caller says.
 */
#include "config.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "wire/algs.h"

typedef enum { ABSENT, NULL_OR_ABSENT, PSS } PARAMETERS;

typedef struct {
    CMPSRV_SLICE oid;
    const char *dotted;    /* the same: libcrypto is slow to write it */
    const char *key_type;  /* as EVP_PKEY_is_a() knows it */
    unsigned md;           /* 0: the algorithm has its own, or its parameters say it */
    PARAMETERS parameters; /* written as NULL where that is allowed */
    unsigned certhash_md;  /* RFC 9810 5.3.18, RFC 9481 3.3; 0: md */
} SIG_ALG;

#define PKCS1(last, arc)                                                                           \
    OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01" last), "1.2.840.113549.1.1." arc
#define ECDSA2(last, arc) OID_INIT("\x2a\x86\x48\xce\x3d\x04\x03" last), "1.2.840.10045.4.3." arc

static const SIG_ALG sig_algs[] = {
    {PKCS1("\x0b", "11"), "RSA", CMPSRV_MD_SHA256, NULL_OR_ABSENT, 0},
    {PKCS1("\x0c", "12"), "RSA", CMPSRV_MD_SHA384, NULL_OR_ABSENT, 0},
    {PKCS1("\x0d", "13"), "RSA", CMPSRV_MD_SHA512, NULL_OR_ABSENT, 0},
    {PKCS1("\x0e", "14"), "RSA", CMPSRV_MD_SHA224, NULL_OR_ABSENT, 0},
    {PKCS1("\x05", "5"), "RSA", CMPSRV_MD_SHA1, NULL_OR_ABSENT, 0},
    {PKCS1("\x0a", "10"), "RSA", 0, PSS, 0},
    {PKCS1("\x0a", "10"), "RSA-PSS", 0, PSS, 0},
    {ECDSA2("\x02", "2"), "EC", CMPSRV_MD_SHA256, ABSENT, 0},
    {ECDSA2("\x03", "3"), "EC", CMPSRV_MD_SHA384, ABSENT, 0},
    {ECDSA2("\x04", "4"), "EC", CMPSRV_MD_SHA512, ABSENT, 0},
    {ECDSA2("\x01", "1"), "EC", CMPSRV_MD_SHA224, ABSENT, 0},
    {OID_INIT("\x2a\x86\x48\xce\x3d\x04\x01"), "1.2.840.10045.4.1", "EC", CMPSRV_MD_SHA1, ABSENT,
     0},
    {OID_INIT("\x2b\x65\x70"), "1.3.101.112", "ED25519", 0, ABSENT, CMPSRV_MD_SHA512},
    /* SHAKE256, which CMPSRV_MD lacks */
    {OID_INIT("\x2b\x65\x71"), "1.3.101.113", "ED448", 0, ABSENT, 0},
};

static const SIG_ALG *find_by_oid(CMPSRV_SLICE oid)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sig_algs); i++)
        if (cmpsrv_slice_eq(oid, sig_algs[i].oid))
            return &sig_algs[i];
    return NULL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static int read_parameters(const SIG_ALG *alg, CMPSRV_SLICE parameters, CMPSRV_SIG_SCHEME *s,
                           CMPSRV_REFUSAL *why)
{
    PARAMETERS want = alg == NULL ? ABSENT : alg->parameters;

    if (want == PSS)
        return cmpsrv_pss_read(parameters, &s->pss, why);
    return (want == ABSENT ? parameters.p == NULL : cmpsrv_params_absent_or_null(parameters)) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481 3: parameters of %s must be %s", s->oid,
                         want == ABSENT ? "absent" : "NULL");
}

int cmpsrv_sig_scheme_read(CMPSRV_SLICE algid, CMPSRV_SIG_SCHEME *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SIG_SCHEME s = {0};
    CMPSRV_SLICE oid, parameters;
    const SIG_ALG *alg;

    if (!cmpsrv_algid_read(algid, &oid, &parameters))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "signature AlgorithmIdentifier is not well-formed");
    alg = find_by_oid(oid);
    if (alg != NULL)
        OPENSSL_strlcpy(s.oid, alg->dotted, sizeof(s.oid));
    else
        cmpsrv_der_oid_text(oid, s.oid, sizeof(s.oid));
    if (!read_parameters(alg, parameters, &s, why))
        return 0;
    s.key_type = alg == NULL ? NULL : alg->key_type;
    s.md = s.pss.md != 0 ? s.pss.md : alg == NULL ? 0 : alg->md;
    s.certhash_md = alg != NULL && alg->certhash_md != 0 ? alg->certhash_md : s.md;
    *out = s;
    return 1;
}

/* A provider's algorithm with a digest to choose cannot be judged without a row in the table. */
static int has_own_digest(EVP_PKEY *key)
{
    char name[64] = "";

    if (EVP_PKEY_get_default_digest_name(key, name, sizeof(name)) <= 0)
        ERR_clear_error();
    return name[0] == '\0' || strcmp(name, "UNDEF") == 0;
}

int cmpsrv_sig_scheme_fits(const CMPSRV_SIG_SCHEME *s, EVP_PKEY *key)
{
    if (s->key_type == NULL)
        return EVP_PKEY_is_a(key, s->oid) && has_own_digest(key);
    return EVP_PKEY_is_a(key, s->key_type) || (s->pss.md != 0 && EVP_PKEY_is_a(key, "RSA-PSS"));
}

int cmpsrv_sig_is_known(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;
    EVP_SIGNATURE *offered;
    char text[128];

    if (!cmpsrv_algid_read(algid, &oid, &parameters))
        return 0;
    if (find_by_oid(oid) != NULL)
        return 1;
    offered = EVP_SIGNATURE_fetch(libctx, cmpsrv_der_oid_text(oid, text, sizeof(text)), propq);
    ERR_clear_error();
    EVP_SIGNATURE_free(offered);
    return offered != NULL;
}

unsigned cmpsrv_sig_md(CMPSRV_SLICE algid)
{
    CMPSRV_SIG_SCHEME s;

    return cmpsrv_sig_scheme_read(algid, &s, NULL) ? s.md : 0;
}

unsigned cmpsrv_certhash_md(CMPSRV_SLICE certificate)
{
    CMPSRV_SLICE content, tbs, algid;
    CMPSRV_SIG_SCHEME s;

    if (!cmpsrv_der_get(&certificate, DER_SEQUENCE, &content) ||
        !cmpsrv_der_get(&content, DER_SEQUENCE, &tbs) ||
        !cmpsrv_der_get_tlv(&content, DER_SEQUENCE, &algid) ||
        !cmpsrv_sig_scheme_read(algid, &s, NULL))
        return 0;
    return s.certhash_md;
}

/* ---- writing: what a key of ours signs with ----------------------------------------------------
 */

static unsigned default_md(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    if (!EVP_PKEY_is_a(key, "EC") || bits <= 256)
        return CMPSRV_MD_SHA256;
    return bits <= 384 ? CMPSRV_MD_SHA384 : CMPSRV_MD_SHA512;
}

/* Digest and salt of RSASSA-PSS: as a key that is tied to them says, else the digest asked for and
 * a salt of its size (RFC 4055 3.1). */
static void choose_pss(EVP_PKEY *key, unsigned md, CMPSRV_PSS *pss)
{
    char name[64] = "";
    int salt = 0;

    *pss = (CMPSRV_PSS){md, 0};
    if (EVP_PKEY_is_a(key, "RSA-PSS") &&
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_RSA_DIGEST, name, sizeof(name), NULL) &&
        EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt))
        pss->md = cmpsrv_md_from_evp_name(name);
    ERR_clear_error();
    pss->salt = (int64_t)cmpsrv_md_size(pss->md);
    if (salt > pss->salt)
        pss->salt = salt;
}

/* The row that `key` signs by, with that digest; NULL: only a provider knows the key. */
static const SIG_ALG *find_by_key(EVP_PKEY *key, unsigned md, int is_pss)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sig_algs); i++) {
        const SIG_ALG *alg = &sig_algs[i];

        if (!EVP_PKEY_is_a(key, alg->key_type))
            continue;
        if (alg->parameters == PSS ? is_pss || EVP_PKEY_is_a(key, "RSA-PSS")
                                   : alg->md == 0 || (alg->md == md && !is_pss))
            return alg;
    }
    return NULL;
}

/* The OID that the provider writes into the key's SubjectPublicKeyInfo, which names the signature
 * algorithm as well (as RFC 9881 2 has it for ML-DSA). */
static int write_own_oid(CMPSRV_DERW *w, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    CMPSRV_SLICE spki = cmpsrv_slice(der, n < 0 ? 0 : (size_t)n), seq, oid, parameters;
    int ok = cmpsrv_der_get(&spki, DER_SEQUENCE, &seq) &&
             cmpsrv_der_get_algid(&seq, &oid, &parameters) && parameters.p == NULL &&
             find_by_oid(oid) == NULL && has_own_digest(key);

    if (ok)
        cmpsrv_derw_oid(w, oid);
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}

static int is_known_key(EVP_PKEY *key)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sig_algs); i++)
        if (EVP_PKEY_is_a(key, sig_algs[i].key_type))
            return 1;
    return 0;
}

static int write_algid(EVP_PKEY *key, unsigned md, int is_pss, CMPSRV_BYTES *out,
                       CMPSRV_REFUSAL *why)
{
    const SIG_ALG *alg = find_by_key(key, md, is_pss);
    CMPSRV_DERW w = {0};
    CMPSRV_PSS pss;
    int ok = 1;

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    if (alg != NULL)
        cmpsrv_derw_oid(&w, alg->oid);
    else
        ok = !is_known_key(key) && write_own_oid(&w, key);
    if (alg != NULL && alg->parameters == NULL_OR_ABSENT)
        cmpsrv_derw_null(&w);
    if (alg != NULL && alg->parameters == PSS) {
        choose_pss(key, md, &pss);
        ok = (pss.md & CMPSRV_MDS_TO_SIGN) != 0;
        cmpsrv_pss_write(&w, &pss);
    }
    cmpsrv_derw_end(&w);
    if (!ok) {
        cmpsrv_derw_clear(&w);
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "no algorithm to sign with this key and %s",
                             cmpsrv_md_name(md));
    }
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

int cmpsrv_sig_algid(EVP_PKEY *key, unsigned md, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    if (md == 0)
        md = default_md(key);
    if ((md & CMPSRV_MDS_TO_SIGN) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "nothing is signed with %s",
                             cmpsrv_md_name(md));
    return write_algid(key, md, 0, out, why);
}

int cmpsrv_sig_algid_like(EVP_PKEY *key, CMPSRV_SLICE algid, CMPSRV_BYTES *out)
{
    CMPSRV_SIG_SCHEME s;

    if (!cmpsrv_sig_scheme_read(algid, &s, NULL))
        return 0;
    if ((s.md & CMPSRV_MDS_TO_SIGN) == 0)
        s.md = default_md(key);
    return write_algid(key, s.md, s.pss.md != 0 && EVP_PKEY_is_a(key, "RSA"), out, NULL);
}
