/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PasswordBasedMac (RFC 9810 5.1.3.1): parameters checked before any work is done, the derivation
 * as a bounded loop of our own, the MAC compared in constant time. A derived key serves the request
 * and its answer.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SALT_MIN = 8, SALT_MAX = 64 };

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }
static const CMPSRV_SLICE oid_pbm = OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d");
static const CMPSRV_SLICE mac_oids[] = {
    OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"), /* PasswordBasedMac */
    OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"), /* PBMAC1 */
    OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x1e"), /* DHBasedMac */
    OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x10"), /* KemBasedMac */
};
static const struct {
    CMPSRV_SLICE oid;
    unsigned md;
} hmacs[] = {
    {OID("\x2b\x06\x01\x05\x05\x08\x01\x02"), CMPSRV_MD_SHA1}, /* what stock clients send */
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x07"), CMPSRV_MD_SHA1},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x08"), CMPSRV_MD_SHA224},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x09"), CMPSRV_MD_SHA256},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0a"), CMPSRV_MD_SHA384},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0b"), CMPSRV_MD_SHA512},
};

struct cmpsrv_mac_key_st {
    unsigned mac;
    size_t n;
    unsigned char v[EVP_MAX_MD_SIZE];
};

CMPSRV_PROTECTION cmpsrv_protection_kind(CMPSRV_SLICE protection_alg)
{
    CMPSRV_SLICE oid, params;

    if (protection_alg.p == NULL || !cmpsrv_der_get_algid(&protection_alg, &oid, &params))
        return CMPSRV_PROTECTION_NONE;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(mac_oids); i++)
        if (cmpsrv_slice_eq(mac_oids[i], oid))
            return CMPSRV_PROTECTION_MAC;
    return CMPSRV_PROTECTION_SIGNATURE;
}

/* ---- parameters
 * ------------------------------------------------------------------------------------ */

static unsigned hmac_from_algid(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, params;

    if (!cmpsrv_der_get_algid(&algid, &oid, &params) ||
        (params.p != NULL && params.p[0] != DER_NULL))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(hmacs); i++)
        if (cmpsrv_slice_eq(hmacs[i].oid, oid))
            return hmacs[i].md;
    return 0;
}

/* PBMParameter ::= SEQUENCE { salt OCTET STRING, owf AlgorithmIdentifier, iterationCount INTEGER,
 * mac AlgorithmIdentifier } */
static int read_params(CMPSRV_SLICE params, CMPSRV_MAC_PARAMS *out, CMPSRV_SLICE *count)
{
    CMPSRV_SLICE seq, owf, mac;

    if (!cmpsrv_der_get(&params, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OCTET_STRING, &out->salt) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &owf) ||
        !cmpsrv_der_get(&seq, DER_INTEGER, count) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &mac) || seq.n > 0)
        return 0;
    out->owf = cmpsrv_md_from_algid(owf);
    out->mac = hmac_from_algid(mac);
    return 1;
}

int cmpsrv_mac_params_parse(CMPSRV_SLICE protection_alg, const CMPSRV_MAC_POLICY *policy,
                            CMPSRV_MAC_PARAMS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE oid, params, count;

    if (!cmpsrv_der_get_algid(&protection_alg, &oid, &params) || !cmpsrv_slice_eq(oid, oid_pbm))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 9481 6: MAC algorithm is not PasswordBasedMac");
    if (!read_params(params, out, &count))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9810 5.1.3.1: no PBMParameter");
    if (out->salt.n < SALT_MIN || out->salt.n > SALT_MAX)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 9810 5.1.3.1: salt of %zu octets, want %d to %d", out->salt.n,
                             SALT_MIN, SALT_MAX);
    if ((out->owf & policy->pbm_owf) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "PasswordBasedMac: one-way function not known or not allowed");
    if ((out->mac & policy->macs) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "PasswordBasedMac: MAC not known or not allowed");
    if (!cmpsrv_der_int64(count, &out->iterations) ||
        out->iterations < policy->pbm_iterations_min ||
        out->iterations > policy->pbm_iterations_max)
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_ALG, "PasswordBasedMac: iterationCount outside %lld to %lld",
            (long long)policy->pbm_iterations_min, (long long)policy->pbm_iterations_max);
    return 1;
}

int cmpsrv_mac_algid(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE salt, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};
    size_t i = CMPSRV_ARRAY_SIZE(hmacs);

    while (i > 0 && hmacs[i - 1].md != params->mac)
        i--;
    if (i == 0)
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, oid_pbm);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, salt);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, cmpsrv_md_oid(params->owf));
    cmpsrv_derw_end(&w);
    cmpsrv_derw_int64(&w, params->iterations);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, hmacs[i - 1].oid);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* ---- derivation
 * ------------------------------------------------------------------------------------- */

/* BASEKEY = OWF applied `iterations` times, in all, to secret || salt. */
static int derive(EVP_MD_CTX *ctx, const EVP_MD *owf, CMPSRV_SLICE secret,
                  const CMPSRV_MAC_PARAMS *params, CMPSRV_MAC_KEY *k)
{
    unsigned n = 0;

    if (!EVP_DigestInit_ex2(ctx, owf, NULL) || !EVP_DigestUpdate(ctx, secret.p, secret.n) ||
        !EVP_DigestUpdate(ctx, params->salt.p, params->salt.n) ||
        !EVP_DigestFinal_ex(ctx, k->v, &n))
        return 0;
    for (int64_t i = 1; i < params->iterations; i++)
        if (!EVP_DigestInit_ex2(ctx, NULL, NULL) || !EVP_DigestUpdate(ctx, k->v, n) ||
            !EVP_DigestFinal_ex(ctx, k->v, &n))
            return 0;
    k->n = n;
    return 1;
}

CMPSRV_MAC_KEY *cmpsrv_mac_key_derive(const CMPSRV_MAC_PARAMS *params, const CMPSRV_SECRET *secret)
{
    CMPSRV_MAC_KEY *k = OPENSSL_zalloc(sizeof(*k));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *owf = cmpsrv_md_evp(params->owf);
    int ok = k != NULL && ctx != NULL && owf != NULL && secret != NULL &&
             derive(ctx, owf, cmpsrv_secret_get0(secret), params, k);

    EVP_MD_CTX_free(ctx);
    if (!ok) {
        cmpsrv_mac_key_free(k);
        return NULL;
    }
    k->mac = params->mac;
    return k;
}

void cmpsrv_mac_key_free(CMPSRV_MAC_KEY *k)
{
    OPENSSL_clear_free(k, sizeof(*k));
}

/* ---- the MAC
 * ------------------------------------------------------------------------------------------ */

static int compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                   unsigned char out[EVP_MAX_MD_SIZE], size_t *n)
{
    CMPSRV_BYTES part = {0};
    unsigned len = 0;
    int ok = cmpsrv_protected_part(header, body, &part) &&
             HMAC(cmpsrv_md_evp(k->mac), k->v, (int)k->n, part.p, part.n, out, &len) != NULL;

    cmpsrv_bytes_clear(&part);
    *n = len;
    return ok;
}

int cmpsrv_mac_compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                       CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t n;

    if (!compute(k, header, body, mac, &n) || !cmpsrv_bytes_set(out, cmpsrv_slice(mac, n)))
        return cmpsrv_fail(why, "cannot compute the MAC");
    return 1;
}

int cmpsrv_mac_verify(const CMPSRV_MAC_KEY *k, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t n;
    int ok;

    if (!compute(k, msg->header, msg->body, mac, &n))
        return cmpsrv_fail(why, "cannot compute the MAC");
    ok = msg->protection.n == n && n > 0 && CRYPTO_memcmp(mac, msg->protection.p, n) == 0;
    OPENSSL_cleanse(
        mac, sizeof(mac)); /* a right MAC must not lie about: somebody else may be sending this */
    return ok || cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "RFC 9810 5.1.3: the MAC is wrong");
}
