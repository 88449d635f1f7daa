/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures: one table of the AlgorithmIdentifiers of RFC 9481 3 that this server makes and
 * verifies, used for message protection, proof of possession and certificates alike. Which digests
 * are allowed and whose key it is, the caller says.
 */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "wire/algs.h"

typedef struct {
    CMPSRV_SLICE oid;
    const char *key_type; /* as EVP_PKEY_is_a() knows it */
    unsigned md;          /* 0: the algorithm has its own */
    int has_null; /* parameters are NULL when written, NULL or absent when read; else absent */
    unsigned certhash_md; /* RFC 9810 5.3.18, RFC 9481 3.3 */
} SIG_ALG;

#define PKCS1(last)  OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01" last)
#define ECDSA2(last) OID_INIT("\x2a\x86\x48\xce\x3d\x04\x03" last)

static const SIG_ALG sig_algs[] = {
    {PKCS1("\x0b"), "RSA", CMPSRV_MD_SHA256, 1, CMPSRV_MD_SHA256},
    {PKCS1("\x0c"), "RSA", CMPSRV_MD_SHA384, 1, CMPSRV_MD_SHA384},
    {PKCS1("\x0d"), "RSA", CMPSRV_MD_SHA512, 1, CMPSRV_MD_SHA512},
    {PKCS1("\x0e"), "RSA", CMPSRV_MD_SHA224, 1, CMPSRV_MD_SHA224},
    {PKCS1("\x05"), "RSA", CMPSRV_MD_SHA1, 1, CMPSRV_MD_SHA1},
    {ECDSA2("\x02"), "EC", CMPSRV_MD_SHA256, 0, CMPSRV_MD_SHA256},
    {ECDSA2("\x03"), "EC", CMPSRV_MD_SHA384, 0, CMPSRV_MD_SHA384},
    {ECDSA2("\x04"), "EC", CMPSRV_MD_SHA512, 0, CMPSRV_MD_SHA512},
    {ECDSA2("\x01"), "EC", CMPSRV_MD_SHA224, 0, CMPSRV_MD_SHA224},
    {OID_INIT("\x2a\x86\x48\xce\x3d\x04\x01"), "EC", CMPSRV_MD_SHA1, 0, CMPSRV_MD_SHA1},
    {OID_INIT("\x2b\x65\x70"), "ED25519", 0, 0, CMPSRV_MD_SHA512},
    {OID_INIT("\x2b\x65\x71"), "ED448", 0, 0, 0}, /* SHAKE256, which CMPSRV_MD does not have */
};

/* What we sign with ourselves never goes below SHA-256. */
#define MDS_TO_SIGN (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

static const SIG_ALG *find_by_oid(CMPSRV_SLICE oid)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sig_algs); i++)
        if (cmpsrv_slice_eq(oid, sig_algs[i].oid))
            return &sig_algs[i];
    return NULL;
}

int cmpsrv_sig_is_known(CMPSRV_SLICE algid)
{
    return cmpsrv_sig_key_type(algid) != NULL;
}

/* The row of an AlgorithmIdentifier with the parameters it must have. */
static const SIG_ALG *read_algid(CMPSRV_SLICE algid, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE oid, parameters;
    const SIG_ALG *alg;
    char text[128];

    if (!cmpsrv_algid_read(algid, &oid, &parameters)) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "signature AlgorithmIdentifier is not well-formed");
        return NULL;
    }
    if ((alg = find_by_oid(oid)) == NULL) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481 3: signature algorithm %s is not supported",
                      cmpsrv_der_oid_text(oid, text, sizeof(text)));
        return NULL;
    }
    if (alg->has_null ? !cmpsrv_params_absent_or_null(parameters) : parameters.p != NULL) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481 3: parameters of %s must be %s",
                      cmpsrv_der_oid_text(oid, text, sizeof(text)),
                      alg->has_null ? "NULL" : "absent");
        return NULL;
    }
    return alg;
}

static int check_key_type(const SIG_ALG *alg, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    const char *have = EVP_PKEY_get0_type_name(key);

    return EVP_PKEY_is_a(key, alg->key_type) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                         "the signature algorithm needs a key of type %s, have %s", alg->key_type,
                         have == NULL ? "?" : have);
}

const char *cmpsrv_sig_key_type(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;
    const SIG_ALG *alg = NULL;

    if (cmpsrv_algid_read(algid, &oid, &parameters))
        alg = find_by_oid(oid);
    return alg == NULL ? NULL : alg->key_type;
}

unsigned cmpsrv_sig_md(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;
    const SIG_ALG *alg = NULL;

    if (cmpsrv_algid_read(algid, &oid, &parameters))
        alg = find_by_oid(oid);
    return alg == NULL ? 0 : alg->md;
}

static unsigned default_md(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    if (!EVP_PKEY_is_a(key, "EC") || bits <= 256)
        return CMPSRV_MD_SHA256;
    return bits <= 384 ? CMPSRV_MD_SHA384 : CMPSRV_MD_SHA512;
}

int cmpsrv_sig_algid(EVP_PKEY *key, unsigned md, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    const SIG_ALG *alg = NULL;
    CMPSRV_DERW w = {0};

    if (md == 0)
        md = default_md(key);
    for (size_t i = 0; alg == NULL && i < CMPSRV_ARRAY_SIZE(sig_algs); i++)
        if (EVP_PKEY_is_a(key, sig_algs[i].key_type) &&
            (sig_algs[i].md == 0 || sig_algs[i].md == (md & MDS_TO_SIGN)))
            alg = &sig_algs[i];
    if (alg == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "no algorithm to sign with this key and %s",
                             cmpsrv_md_name(md));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, alg->oid);
    if (alg->has_null)
        cmpsrv_derw_null(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

int cmpsrv_sig_make(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                    CMPSRV_SLICE data, CMPSRV_BYTES *signature, CMPSRV_REFUSAL *why)
{
    const SIG_ALG *alg = read_algid(algid, why);
    EVP_MD_CTX *ctx = NULL;
    unsigned char *sig = NULL;
    const char *md;
    size_t len = 0;
    int ok = 0;

    if (alg == NULL || !check_key_type(alg, key, why))
        return 0;
    if (alg->md != 0 && (alg->md & MDS_TO_SIGN) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "nothing is signed with %s",
                             cmpsrv_md_name(alg->md));
    md = alg->md == 0 ? NULL : cmpsrv_md_name(alg->md);
    if ((ctx = EVP_MD_CTX_new()) == NULL ||
        !EVP_DigestSignInit_ex(ctx, NULL, md, libctx, propq, key, NULL) ||
        EVP_DigestSign(ctx, NULL, &len, data.p, data.n) <= 0 ||
        (sig = OPENSSL_malloc(len)) == NULL ||
        EVP_DigestSign(ctx, sig, &len, data.p, data.n) <= 0) {
        cmpsrv_fail(why, "cannot sign");
        goto end;
    }
    cmpsrv_bytes_clear(signature);
    *signature = (CMPSRV_BYTES){sig, len};
    sig = NULL;
    ok = 1;
end:
    OPENSSL_free(sig);
    EVP_MD_CTX_free(ctx);
    return ok;
}

int cmpsrv_sig_verify(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                      unsigned digests, CMPSRV_SLICE data, CMPSRV_SLICE signature,
                      CMPSRV_REASON bad, CMPSRV_REFUSAL *why)
{
    const SIG_ALG *alg = read_algid(algid, why);
    EVP_MD_CTX *ctx = NULL;
    int ok = 0;

    if (alg == NULL || !check_key_type(alg, key, why))
        return 0;
    if (alg->md != 0 && (alg->md & digests) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "signatures with %s are not allowed",
                             cmpsrv_md_name(alg->md));
    if (signature.n == 0)
        return cmpsrv_refuse(why, bad, "the signature is empty");
    if ((ctx = EVP_MD_CTX_new()) == NULL)
        return cmpsrv_fail(why, "out of memory");
    /* A provider that does not do the algorithm (FIPS and SHA-1) says so here. */
    if (!EVP_DigestVerifyInit_ex(ctx, NULL, alg->md == 0 ? NULL : cmpsrv_md_name(alg->md), libctx,
                                 propq, key, NULL))
        cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "the crypto provider refuses the signature algorithm");
    else if (EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) != 1)
        cmpsrv_refuse(why, bad, "the signature does not verify");
    else
        ok = 1;
    if (!ok)
        ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    return ok;
}

int cmpsrv_protected_part(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, header);
    cmpsrv_derw_raw(&w, body);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

unsigned cmpsrv_certhash_md(CMPSRV_SLICE certificate)
{
    CMPSRV_SLICE content, tbs, oid, parameters;
    const SIG_ALG *alg;

    if (!cmpsrv_der_get(&certificate, DER_SEQUENCE, &content) ||
        !cmpsrv_der_get(&content, DER_SEQUENCE, &tbs) ||
        !cmpsrv_der_get_algid(&content, &oid, &parameters))
        return 0;
    alg = find_by_oid(oid);
    return alg == NULL ? 0 : alg->certhash_md;
}
