/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures under AlgorithmIdentifiers (RFC 9481 3): of messages, proofs of possession,
 * certificates and CRLs. One table of the algorithms; parameters are checked by it before libcrypto
 * sees anything.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

typedef enum { PARAMS_NULL, PARAMS_ABSENT } PARAMS;

static const struct {
    CMPSRV_SLICE oid;
    const char *key; /* as EVP_PKEY_is_a names it */
    unsigned md;     /* 0: the algorithm has its own */
    PARAMS params;
} algs[] = {
#define ALG(octets, key, md, params)                                                               \
    {                                                                                              \
        {(const unsigned char *)(octets), sizeof(octets) - 1}, key, md, params                     \
    }
#define RSA_OID   "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define ECDSA_OID "\x2a\x86\x48\xce\x3d\x04"
    ALG(RSA_OID "\x05", "RSA", CMPSRV_MD_SHA1, PARAMS_NULL),
    ALG(RSA_OID "\x0e", "RSA", CMPSRV_MD_SHA224, PARAMS_NULL),
    ALG(RSA_OID "\x0b", "RSA", CMPSRV_MD_SHA256, PARAMS_NULL),
    ALG(RSA_OID "\x0c", "RSA", CMPSRV_MD_SHA384, PARAMS_NULL),
    ALG(RSA_OID "\x0d", "RSA", CMPSRV_MD_SHA512, PARAMS_NULL),
    ALG(ECDSA_OID "\x01", "EC", CMPSRV_MD_SHA1, PARAMS_ABSENT),
    ALG(ECDSA_OID "\x03\x01", "EC", CMPSRV_MD_SHA224, PARAMS_ABSENT),
    ALG(ECDSA_OID "\x03\x02", "EC", CMPSRV_MD_SHA256, PARAMS_ABSENT),
    ALG(ECDSA_OID "\x03\x03", "EC", CMPSRV_MD_SHA384, PARAMS_ABSENT),
    ALG(ECDSA_OID "\x03\x04", "EC", CMPSRV_MD_SHA512, PARAMS_ABSENT),
    ALG("\x2b\x65\x70", "ED25519", 0, PARAMS_ABSENT),
    ALG("\x2b\x65\x71", "ED448", 0, PARAMS_ABSENT),
};
#define NONE CMPSRV_ARRAY_SIZE(algs)

static size_t find_oid(CMPSRV_SLICE oid)
{
    size_t i = 0;

    while (i < NONE && !cmpsrv_slice_eq(algs[i].oid, oid))
        i++;
    return i;
}

/* The row of an AlgorithmIdentifier whose parameters are of the right type; NONE otherwise. */
static size_t find_algid(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, params;
    size_t i;

    if (!cmpsrv_der_get_algid(&algid, &oid, &params) || algid.n > 0 || (i = find_oid(oid)) == NONE)
        return NONE;
    if (params.p == NULL) /* RFC 4055 5: NULL; some leave it out */
        return i;
    return algs[i].params == PARAMS_NULL && params.n == 2 && params.p[0] == DER_NULL ? i : NONE;
}

int cmpsrv_sig_is_known(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, params;

    return cmpsrv_der_get_algid(&algid, &oid, &params) && find_oid(oid) < NONE;
}

/* RFC 9481 3.2 pairs curves and digests; never below SHA-256. */
static unsigned default_digest(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    if (!EVP_PKEY_is_a(key, "EC") || bits <= 256)
        return CMPSRV_MD_SHA256;
    return bits <= 384 ? CMPSRV_MD_SHA384 : CMPSRV_MD_SHA512;
}

int cmpsrv_sig_algid(EVP_PKEY *key, unsigned md, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_DERW w = {0};

    if (md == 0)
        md = default_digest(key);
    for (size_t i = 0; i < NONE; i++) {
        if (!EVP_PKEY_is_a(key, algs[i].key) || (algs[i].md != md && algs[i].md != 0))
            continue;
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        cmpsrv_derw_oid(&w, algs[i].oid);
        if (algs[i].params == PARAMS_NULL)
            cmpsrv_derw_null(&w);
        cmpsrv_derw_end(&w);
        return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
    }
    return cmpsrv_fail(why, "no signature algorithm for a key of type %s",
                       EVP_PKEY_get0_type_name(key));
}

int cmpsrv_sig_make(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                    CMPSRV_SLICE data, CMPSRV_BYTES *signature, CMPSRV_REFUSAL *why)
{
    size_t i = find_algid(algid), n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *buf = NULL;

    if (ctx != NULL && i < NONE && EVP_PKEY_is_a(key, algs[i].key) &&
        EVP_DigestSignInit_ex(ctx, NULL, algs[i].md == 0 ? NULL : cmpsrv_md_name(algs[i].md),
                              libctx, propq, key, NULL) > 0 &&
        EVP_DigestSign(ctx, NULL, &n, data.p, data.n) > 0 && (buf = OPENSSL_malloc(n)) != NULL &&
        EVP_DigestSign(ctx, buf, &n, data.p, data.n) > 0) {
        EVP_MD_CTX_free(ctx);
        cmpsrv_bytes_clear(signature);
        *signature = (CMPSRV_BYTES){buf, n};
        return 1;
    }
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(buf);
    return cmpsrv_fail(why, "cannot sign");
}

int cmpsrv_sig_verify(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                      unsigned digests, CMPSRV_SLICE data, CMPSRV_SLICE signature,
                      CMPSRV_REASON bad, CMPSRV_REFUSAL *why)
{
    size_t i = find_algid(algid);
    EVP_MD_CTX *ctx;
    int ok;

    if (i == NONE)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 9481 3: unknown signature algorithm or parameters");
    if (algs[i].md != 0 && (algs[i].md & digests) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "signatures with %s are not allowed",
                             cmpsrv_md_name(algs[i].md));
    if (!EVP_PKEY_is_a(key, algs[i].key))
        return cmpsrv_refuse(why, bad, "%s signature for a key of another type", algs[i].key);
    ctx = EVP_MD_CTX_new();
    ok = ctx != NULL &&
         EVP_DigestVerifyInit_ex(ctx, NULL, algs[i].md == 0 ? NULL : cmpsrv_md_name(algs[i].md),
                                 libctx, propq, key, NULL) > 0 &&
         EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok || cmpsrv_refuse(why, bad, "the signature does not verify");
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
    static const CMPSRV_SLICE ed25519 = {(const unsigned char *)"\x2b\x65\x70", 3};
    CMPSRV_CERT_VIEW view;
    CMPSRV_SLICE alg, oid, params;
    size_t i;

    if (!cmpsrv_cert_view(certificate, &view, NULL))
        return 0;
    alg = view.sig_alg;
    if (!cmpsrv_der_get_algid(&alg, &oid, &params))
        return 0;
    if (cmpsrv_slice_eq(oid, ed25519)) /* RFC 9481 3.3 */
        return CMPSRV_MD_SHA512;
    return (i = find_oid(oid)) < NONE ? algs[i].md : 0;
}
