/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message protection by a shared secret: PasswordBasedMac, RFC 9810 5.1.3.1. Parameters come from
 * somebody not yet known, so every one is bounded before any of the work that it asks for. Also
 * tells MAC from signature for the whole server.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "wire/algs.h"

#define MIN_SALT 8
#define MAX_SALT 64

#define ENTRUST(last) OID_INIT("\x2a\x86\x48\x86\xf6\x7d\x07\x42" last)

static const CMPSRV_SLICE password_based_mac = ENTRUST("\x0d");

static const CMPSRV_SLICE mac_protections[] = {
    ENTRUST("\x0d"),                                  /* PasswordBasedMac */
    ENTRUST("\x1e"),                                  /* DHBasedMac */
    ENTRUST("\x10"),                                  /* KemBasedMac */
    OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"), /* PBMAC1 */
};

#define HMAC_SHA(last) OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x02" last)

/* RFC 9481 6; HMAC-SHA1 has two names. What we write is the first of a digest. */
static const struct {
    CMPSRV_SLICE oid;
    unsigned md;
} hmacs[] = {
    {OID_INIT("\x2b\x06\x01\x05\x05\x08\x01\x02"), CMPSRV_MD_SHA1},
    {HMAC_SHA("\x07"), CMPSRV_MD_SHA1},
    {HMAC_SHA("\x08"), CMPSRV_MD_SHA224},
    {HMAC_SHA("\x09"), CMPSRV_MD_SHA256},
    {HMAC_SHA("\x0a"), CMPSRV_MD_SHA384},
    {HMAC_SHA("\x0b"), CMPSRV_MD_SHA512},
};

struct cmpsrv_mac_key_st {
    unsigned md; /* of the HMAC */
    size_t n;
    unsigned char k[EVP_MAX_MD_SIZE];
};

CMPSRV_PROTECTION cmpsrv_protection_kind(CMPSRV_SLICE protection_alg)
{
    CMPSRV_SLICE oid, parameters;

    if (protection_alg.p == NULL)
        return CMPSRV_PROTECTION_NONE;
    if (cmpsrv_algid_read(protection_alg, &oid, &parameters))
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(mac_protections); i++)
            if (cmpsrv_slice_eq(oid, mac_protections[i]))
                return CMPSRV_PROTECTION_MAC;
    return CMPSRV_PROTECTION_SIGNATURE;
}

/* ---- parameters --------------------------------------------------------------------------------
 */

static unsigned hmac_from_algid(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;

    if (!cmpsrv_algid_read(algid, &oid, &parameters) || !cmpsrv_params_absent_or_null(parameters))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(hmacs); i++)
        if (cmpsrv_slice_eq(oid, hmacs[i].oid))
            return hmacs[i].md;
    return 0;
}

/* PBMParameter ::= SEQUENCE { salt, owf, iterationCount, mac }, shape only. */
static int read_params(CMPSRV_SLICE protection_alg, CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE *iterations,
                       CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE oid, parameters, seq, owf, mac;
    char text[128];

    if (!cmpsrv_algid_read(protection_alg, &oid, &parameters))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "protectionAlg is not well-formed");
    if (!cmpsrv_slice_eq(oid, password_based_mac))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "MAC algorithm %s is not supported",
                             cmpsrv_der_oid_text(oid, text, sizeof(text)));
    if (!cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OCTET_STRING, &p->salt) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &owf) ||
        !cmpsrv_der_get(&seq, DER_INTEGER, iterations) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &mac) || seq.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9810 5.1.3.1: damaged PBMParameter");
    p->owf = cmpsrv_md_from_algid(owf);
    p->mac = hmac_from_algid(mac);
    return 1;
}

int cmpsrv_mac_params_parse(CMPSRV_SLICE protection_alg, const CMPSRV_MAC_POLICY *policy,
                            CMPSRV_MAC_PARAMS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_MAC_PARAMS p = {0};
    CMPSRV_SLICE iterations;

    if (!read_params(protection_alg, &p, &iterations, why))
        return 0;
    if (p.salt.n < MIN_SALT || p.salt.n > MAX_SALT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "PBM salt of %zu octets, want %d to %d",
                             p.salt.n, MIN_SALT, MAX_SALT);
    if ((p.owf & policy->pbm_owf) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "PBM owf %s is not allowed",
                             cmpsrv_md_name(p.owf));
    if ((p.mac & policy->macs) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "PBM mac HMAC-%s is not allowed",
                             cmpsrv_md_name(p.mac));
    /* Whatever does not fit int64_t is out of any bounds too. */
    if (!cmpsrv_der_int64(iterations, &p.iterations) || p.iterations < 1 ||
        p.iterations < policy->pbm_iterations_min || p.iterations > policy->pbm_iterations_max)
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_ALG, "PBM iterationCount out of bounds, want %lld to %lld",
            (long long)policy->pbm_iterations_min, (long long)policy->pbm_iterations_max);
    *out = p;
    return 1;
}

static CMPSRV_SLICE hmac_oid(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(hmacs); i++)
        if (hmacs[i].md == md)
            return hmacs[i].oid;
    return cmpsrv_slice(NULL, 0);
}

int cmpsrv_mac_algid(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE salt, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, password_based_mac);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, salt);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, cmpsrv_md_oid(params->owf));
    cmpsrv_derw_end(&w);
    cmpsrv_derw_int64(&w, params->iterations);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, hmac_oid(params->mac));
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    if (cmpsrv_md_size(params->owf) == 0 || cmpsrv_md_size(params->mac) == 0)
        w.failed = 1;
    return cmpsrv_derw_finish(&w, out);
}

/* ---- key and MAC -------------------------------------------------------------------------------
 */

/* BASEKEY: the one-way function applied exactly iterationCount times to secret || salt. */
static int derive(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE secret, unsigned char *k, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok;

    ok = ctx != NULL && EVP_DigestInit_ex2(ctx, cmpsrv_md_evp(params->owf), NULL) &&
         EVP_DigestUpdate(ctx, secret.p, secret.n) &&
         EVP_DigestUpdate(ctx, params->salt.p, params->salt.n) && EVP_DigestFinal_ex(ctx, k, NULL);
    for (int64_t i = 1; ok && i < params->iterations; i++)
        ok = EVP_DigestInit_ex2(ctx, NULL, NULL) && EVP_DigestUpdate(ctx, k, n) &&
             EVP_DigestFinal_ex(ctx, k, NULL);
    EVP_MD_CTX_free(ctx); /* wipes its state */
    return ok;
}

CMPSRV_MAC_KEY *cmpsrv_mac_key_derive(const CMPSRV_MAC_PARAMS *params, const CMPSRV_SECRET *secret)
{
    CMPSRV_SLICE s = cmpsrv_secret_get0(secret);
    CMPSRV_MAC_KEY *k;

    /* An empty secret would let everybody in. */
    if (s.n == 0 || params->iterations < 1 || cmpsrv_md_size(params->owf) == 0 ||
        cmpsrv_md_size(params->mac) == 0 || (k = OPENSSL_zalloc(sizeof(*k))) == NULL)
        return NULL;
    k->md = params->mac;
    k->n = cmpsrv_md_size(params->owf);
    if (!derive(params, s, k->k, k->n)) {
        ERR_clear_error();
        cmpsrv_mac_key_free(k);
        return NULL;
    }
    return k;
}

void cmpsrv_mac_key_free(CMPSRV_MAC_KEY *k)
{
    OPENSSL_clear_free(k, sizeof(*k));
}

/* mac has room for EVP_MAX_MD_SIZE octets. */
static int compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                   unsigned char *mac, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES part = {0};
    int ok;

    if (!cmpsrv_protected_part(header, body, &part))
        return cmpsrv_fail(why, "out of memory");
    ok = HMAC(cmpsrv_md_evp(k->md), k->k, (int)k->n, part.p, part.n, mac, NULL) != NULL ||
         cmpsrv_fail(why, "cannot compute the MAC");
    cmpsrv_bytes_clear(&part);
    return ok;
}

int cmpsrv_mac_compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                       CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    unsigned char mac[EVP_MAX_MD_SIZE];

    return compute(k, header, body, mac, why) &&
           (cmpsrv_bytes_set(out, cmpsrv_slice(mac, cmpsrv_md_size(k->md))) ||
            cmpsrv_fail(why, "out of memory"));
}

int cmpsrv_mac_verify(const CMPSRV_MAC_KEY *k, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t n = cmpsrv_md_size(k->md);
    int same;

    if (!compute(k, msg->header, msg->body, mac, why))
        return 0;
    same = msg->protection.n == n && CRYPTO_memcmp(msg->protection.p, mac, n) == 0;
    same |= cmpsrv_fault("no-mac");
    OPENSSL_cleanse(mac, sizeof(mac));
    return same || cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                                 "RFC 9810 5.1.3: the MAC of the message does not match");
}
