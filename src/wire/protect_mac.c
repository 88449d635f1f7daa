/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message protection by a shared secret: from the secret to a key (PasswordBasedMac, RFC
 * 9810 5.1.3.1; PBMAC1, RFC 8018 7.1), and from the key to a MAC. Also tells MAC from signature for
 * the whole server. Parameters are read and bounded in mac_params.c.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "wire/algs.h"
#include "wire/wire_local.h"

#define ENTRUST(last) OID_INIT("\x2a\x86\x48\x86\xf6\x7d\x07\x42" last)

static const CMPSRV_SLICE mac_protections[] = {
    ENTRUST("\x0d"),                                  /* PasswordBasedMac */
    ENTRUST("\x1e"),                                  /* DHBasedMac */
    ENTRUST("\x10"),                                  /* KemBasedMac */
    OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"), /* PBMAC1 */
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

/* ---- key and MAC -------------------------------------------------------------------------------
 */

/* BASEKEY: the one-way function applied exactly iterationCount times to secret || salt. */
static int derive_pbm(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE secret, unsigned char *k,
                      size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok;

    ok = ctx != NULL && EVP_DigestInit_ex2(ctx, cmpsrv_md_evp(params->owf), NULL) &&
         EVP_DigestUpdate(ctx, secret.p, secret.n) &&
         EVP_DigestUpdate(ctx, params->salt.p, params->salt.n) && EVP_DigestFinal_ex(ctx, k, NULL);
    if (ok && params->owf == CMPSRV_MD_SHA256 && cmpsrv_sha256_may_loop())
        ok = cmpsrv_sha256_loop(k, params->iterations - 1);
    else
        for (int64_t i = 1; ok && i < params->iterations; i++)
            ok = EVP_DigestInit_ex2(ctx, NULL, NULL) && EVP_DigestUpdate(ctx, k, n) &&
                 EVP_DigestFinal_ex(ctx, k, NULL);
    EVP_MD_CTX_free(ctx); /* wipes its state */
    return ok;
}

static int derive_pbkdf2(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE secret, unsigned char *k,
                         size_t n)
{
    return PKCS5_PBKDF2_HMAC((const char *)secret.p, (int)secret.n, params->salt.p,
                             (int)params->salt.n, (int)params->iterations,
                             cmpsrv_md_evp(params->owf), (int)n, k);
}

CMPSRV_MAC_KEY *cmpsrv_mac_key_derive(const CMPSRV_MAC_PARAMS *params, const CMPSRV_SECRET *secret)
{
    CMPSRV_SLICE s = cmpsrv_secret_get0(secret);
    int is_pbm = params->scheme == CMPSRV_MAC_PBM;
    size_t n = is_pbm ? cmpsrv_md_size(params->owf) : params->key_len;
    CMPSRV_MAC_KEY *k;

    /* An empty secret would let everybody in. */
    if (s.n == 0 || s.n > INT_MAX || params->iterations < 1 || params->iterations > INT_MAX ||
        cmpsrv_md_size(params->owf) == 0 || cmpsrv_md_size(params->mac) == 0 || n == 0 ||
        n > sizeof(k->k) || (k = OPENSSL_zalloc(sizeof(*k))) == NULL)
        return NULL;
    k->md = params->mac;
    k->n = n;
    if (!(is_pbm ? derive_pbm : derive_pbkdf2)(params, s, k->k, k->n)) {
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
static int compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE data, unsigned char *mac,
                   CMPSRV_REFUSAL *why)
{
    return cmpsrv_hmac(k->md, cmpsrv_slice(k->k, k->n), data, mac) ||
           cmpsrv_fail(why, "cannot compute the MAC");
}

int cmpsrv_mac_compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                       CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    CMPSRV_BYTES part = {0};
    int ok;

    if (!cmpsrv_protected_part(header, body, &part))
        return cmpsrv_fail(why, "out of memory");
    ok = compute(k, cmpsrv_bytes_slice(&part), mac, why) &&
         (cmpsrv_bytes_set(out, cmpsrv_slice(mac, cmpsrv_md_size(k->md))) ||
          cmpsrv_fail(why, "out of memory"));
    cmpsrv_bytes_clear(&part);
    return ok;
}

int cmpsrv_mac_check(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE data, CMPSRV_SLICE mac, int *same,
                     CMPSRV_REFUSAL *why)
{
    unsigned char want[EVP_MAX_MD_SIZE];
    size_t n = cmpsrv_md_size(k->md);

    if (!compute(k, data, want, why))
        return 0;
    *same = mac.n == n && CRYPTO_memcmp(mac.p, want, n) == 0;
    OPENSSL_cleanse(want, sizeof(want));
    return 1;
}

int cmpsrv_mac_verify(const CMPSRV_MAC_KEY *k, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES part = {0};
    int same = 0, ok;

    if (!cmpsrv_protected_part(msg->header, msg->body, &part))
        return cmpsrv_fail(why, "out of memory");
    ok = cmpsrv_mac_check(k, cmpsrv_bytes_slice(&part), msg->protection, &same, why);
    cmpsrv_bytes_wipe(&part); /* a request may have an enrolment code */
    if (!ok)
        return 0;
    same |= cmpsrv_fault("no-mac");
    return same || cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                                 "RFC 9810 5.1.3: the MAC of the message does not match");
}
