/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectPublicKeyInfo of strangers: shape, sizes and curves are checked by tables before libcrypto
 * does any arithmetic, then the key is built from its numbers (EVP_PKEY_fromdata), which on
 * OpenSSL 3.0 costs a tenth of decoding it.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { RSA_MIN_BITS = 512, RSA_MAX_BITS = 16384, RSA_MAX_EXPONENT = 8 };

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

struct key_parts {
    CMPSRV_SLICE params; /* TLV, or absent */
    CMPSRV_SLICE bits;   /* octets of subjectPublicKey */
};

static int bad_key(CMPSRV_REFUSAL *why, const char *what)
{
    ERR_clear_error();
    return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY, "public key: %s", what);
}

/* Builds a key from parameters; the provider checks that a point is on its curve. */
static EVP_PKEY *build(OSSL_LIB_CTX *libctx, const char *propq, const char *type,
                       OSSL_PARAM_BLD *bld)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, propq);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY *key = NULL;

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* ---- RSA
 * -------------------------------------------------------------------------------------------- */

static size_t count_bits(CMPSRV_SLICE number)
{
    size_t n = number.n * 8;

    for (unsigned char top = number.p[0]; n > 0 && (top & 0x80) == 0;
         top = (unsigned char)(top << 1))
        n--;
    return n;
}

/* A positive INTEGER without its leading zero octet. */
static int read_positive(CMPSRV_SLICE *in, CMPSRV_SLICE *out)
{
    if (!cmpsrv_der_get(in, DER_INTEGER, out) || out->n == 0 || (out->p[0] & 0x80) != 0)
        return 0;
    if (out->n > 1 && out->p[0] == 0) {
        out->p++;
        out->n--;
    }
    return out->p[0] != 0;
}

static int decode_rsa(OSSL_LIB_CTX *libctx, const char *propq, const struct key_parts *k,
                      EVP_PKEY **key, char name[32], CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = k->bits, seq, n, e;
    OSSL_PARAM_BLD *bld;
    BIGNUM *bn, *be;

    if (k->params.p != NULL && (k->params.n != 2 || k->params.p[0] != DER_NULL))
        return bad_key(why, "RFC 3279 2.3.1: parameters of rsaEncryption are not NULL");
    if (!cmpsrv_der_get(&in, DER_SEQUENCE, &seq) || in.n > 0 || !read_positive(&seq, &n) ||
        !read_positive(&seq, &e) || seq.n > 0)
        return bad_key(why, "RFC 8017 A.1.1: no RSAPublicKey");
    if (n.n > RSA_MAX_BITS / 8 || count_bits(n) < RSA_MIN_BITS)
        return bad_key(why, "RSA modulus outside 512 to 16384 bits");
    if ((n.p[n.n - 1] & 1) == 0)
        return bad_key(why, "RSA modulus is even");
    if (e.n > RSA_MAX_EXPONENT || (e.p[e.n - 1] & 1) == 0 || (e.n == 1 && e.p[0] < 3))
        return bad_key(why, "RSA exponent is even, below 3 or above 64 bits");
    bld = OSSL_PARAM_BLD_new();
    bn = BN_bin2bn(n.p, (int)n.n, NULL);
    be = BN_bin2bn(e.p, (int)e.n, NULL);
    if (bld != NULL && bn != NULL && be != NULL &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be))
        *key = build(libctx, propq, "RSA", bld);
    BN_free(bn);
    BN_free(be);
    OSSL_PARAM_BLD_free(bld);
    snprintf(name, 32, "rsa:%zu", count_bits(n));
    return *key != NULL || bad_key(why, "RSA key is not usable");
}

/* ---- EC
 * ---------------------------------------------------------------------------------------------- */

static const struct {
    CMPSRV_SLICE oid;
    const char *name;  /* as configured */
    const char *group; /* as libcrypto calls it */
    size_t octets;     /* of a coordinate */
} curves[] = {
    {OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), "ec:P-256", "P-256", 32},
    {OID("\x2b\x81\x04\x00\x22"), "ec:P-384", "P-384", 48},
    {OID("\x2b\x81\x04\x00\x23"), "ec:P-521", "P-521", 66},
};

static int is_point(CMPSRV_SLICE bits, size_t octets)
{
    if (bits.n == 0)
        return 0;
    return (bits.p[0] == 4 && bits.n == 1 + 2 * octets) ||
           ((bits.p[0] == 2 || bits.p[0] == 3) && bits.n == 1 + octets);
}

static int decode_ec(OSSL_LIB_CTX *libctx, const char *propq, const struct key_parts *k,
                     EVP_PKEY **key, char name[32], CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = k->params, oid;
    OSSL_PARAM_BLD *bld;
    size_t i = 0;

    if (!cmpsrv_der_get(&in, DER_OID, &oid) || in.n > 0)
        return bad_key(why, "RFC 5480 2.1.1: EC parameters are not a named curve");
    while (i < CMPSRV_ARRAY_SIZE(curves) && !cmpsrv_slice_eq(curves[i].oid, oid))
        i++;
    if (i == CMPSRV_ARRAY_SIZE(curves))
        return bad_key(why, "curve is not P-256, P-384 or P-521");
    if (!is_point(k->bits, curves[i].octets))
        return bad_key(why, "RFC 5480 2.2: EC point of a wrong form or length");
    bld = OSSL_PARAM_BLD_new();
    if (bld != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, k->bits.p, k->bits.n))
        *key = build(libctx, propq, "EC", bld);
    OSSL_PARAM_BLD_free(bld);
    snprintf(name, 32, "%s", curves[i].name);
    return *key != NULL || bad_key(why, "EC point is not on its curve");
}

/* ---- EdDSA
 * ------------------------------------------------------------------------------------------- */

static int decode_raw(OSSL_LIB_CTX *libctx, const char *propq, const struct key_parts *k,
                      const char *type, size_t octets, EVP_PKEY **key, CMPSRV_REFUSAL *why)
{
    if (k->params.p != NULL)
        return bad_key(why, "RFC 8410 3: parameters must be absent");
    if (k->bits.n != octets)
        return bad_key(why, "RFC 8410 4: key of a wrong length");
    *key = EVP_PKEY_new_raw_public_key_ex(libctx, type, propq, k->bits.p, k->bits.n);
    return *key != NULL || bad_key(why, "key is not usable");
}

static int decode_ed25519(OSSL_LIB_CTX *libctx, const char *propq, const struct key_parts *k,
                          EVP_PKEY **key, char name[32], CMPSRV_REFUSAL *why)
{
    snprintf(name, 32, "ed25519");
    return decode_raw(libctx, propq, k, "ED25519", 32, key, why);
}

static int decode_ed448(OSSL_LIB_CTX *libctx, const char *propq, const struct key_parts *k,
                        EVP_PKEY **key, char name[32], CMPSRV_REFUSAL *why)
{
    snprintf(name, 32, "ed448");
    return decode_raw(libctx, propq, k, "ED448", 57, key, why);
}

/* ---- all
 * ---------------------------------------------------------------------------------------------- */

static const struct {
    CMPSRV_SLICE oid;
    int (*decode)(OSSL_LIB_CTX *, const char *, const struct key_parts *, EVP_PKEY **, char *,
                  CMPSRV_REFUSAL *);
} types[] = {
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), decode_rsa},
    {OID("\x2a\x86\x48\xce\x3d\x02\x01"), decode_ec},
    {OID("\x2b\x65\x70"), decode_ed25519},
    {OID("\x2b\x65\x71"), decode_ed448},
};

int cmpsrv_pubkey_decode(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE spki, EVP_PKEY **key,
                         char name[32], CMPSRV_REFUSAL *why)
{
    struct key_parts parts;
    CMPSRV_SLICE oid;
    char text[80];

    *key = NULL;
    name[0] = '\0';
    if (!cmpsrv_der_get_algid(&spki, &oid, &parts.params) ||
        !cmpsrv_der_get_octet_bits(&spki, &parts.bits) || spki.n > 0)
        return bad_key(why, "RFC 5280 4.1: no SubjectPublicKeyInfo");
    if (parts.bits.n == 0)
        return bad_key(why, "it is empty");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (cmpsrv_slice_eq(types[i].oid, oid))
            return types[i].decode(libctx, propq, &parts, key, name, why);
    return cmpsrv_refuse(why, CMPSRV_R_UNKNOWN_KEY_ALG, "public key of algorithm %s",
                         cmpsrv_der_oid_text(oid, text, sizeof(text)));
}
