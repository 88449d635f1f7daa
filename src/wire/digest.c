/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests this server knows, one table: configuration name, CMPSRV_MD bit, size, OID. Every
 * other file of wire asks here, and for their HMAC too. Which of them an alias allows is not known
 * here.
 */
#include "config.h"

#include <pthread.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "wire/algs.h"

static const struct {
    unsigned md;
    const char *name;
    size_t size;
    const EVP_MD *(*evp)(void);
    CMPSRV_SLICE oid;
} digests[] = {
    {CMPSRV_MD_SHA1, "sha1", 20, EVP_sha1, OID_INIT("\x2b\x0e\x03\x02\x1a")},
    {CMPSRV_MD_SHA224, "sha224", 28, EVP_sha224, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x04")},
    {CMPSRV_MD_SHA256, "sha256", 32, EVP_sha256, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01")},
    {CMPSRV_MD_SHA384, "sha384", 48, EVP_sha384, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02")},
    {CMPSRV_MD_SHA512, "sha512", 64, EVP_sha512, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03")},
};

unsigned cmpsrv_md_from_name(const char *name)
{
    for (size_t i = 0; name != NULL && i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (strcasecmp(name, digests[i].name) == 0)
            return digests[i].md;
    return 0;
}

unsigned cmpsrv_md_from_evp_name(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (EVP_MD_is_a(digests[i].evp(), name))
            return digests[i].md;
    return 0;
}

const char *cmpsrv_md_name(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].name;
    return "?";
}

size_t cmpsrv_md_size(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].size;
    return 0;
}

/* ---- from libcrypto's default context ----------------------------------------------------------
 */

/* Fetched by the first who asks: EVP_sha256() has OpenSSL look for its provider each time that it
 * is used, which costs as much as to hash half a kilobyte. */
static struct {
    pthread_once_t once;
    int fips;
    EVP_MD *md[CMPSRV_ARRAY_SIZE(digests)];
    EVP_MAC_CTX *hmac[CMPSRV_ARRAY_SIZE(digests)]; /* want a key; are copied */
} fetched = {.once = PTHREAD_ONCE_INIT};

/* HMAC with that digest, which wants a key. NULL with the error queue filled. */
static EVP_MAC_CTX *begin_hmac(const char *digest)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    char name[16];
    OSSL_PARAM params[2];

    OPENSSL_strlcpy(name, digest, sizeof(name));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    params[1] = OSSL_PARAM_construct_end();
    EVP_MAC_free(hmac);
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

/* What the providers do not have stays NULL. */
static void fetch_all(void)
{
    ERR_set_mark();
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++) {
        fetched.md[i] = EVP_MD_fetch(NULL, digests[i].name, NULL);
        fetched.hmac[i] = begin_hmac(digests[i].name);
    }
    fetched.fips = EVP_default_properties_is_fips_enabled(NULL);
    ERR_pop_to_mark();
}

/* Not for a thread that has a default context of its own, nor when the application has turned to
 * FIPS algorithms since: libcrypto looks anew for them. */
static int is_fetched(void)
{
    pthread_once(&fetched.once, fetch_all);
    return OSSL_LIB_CTX_set0_default(NULL) == OSSL_LIB_CTX_get0_global_default() &&
           EVP_default_properties_is_fips_enabled(NULL) == fetched.fips;
}

const EVP_MD *cmpsrv_md_evp(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return is_fetched() && fetched.md[i] != NULL ? fetched.md[i] : digests[i].evp();
    return NULL;
}

/* Wants a key. NULL with the error queue filled. */
static EVP_MAC_CTX *hmac_new(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return is_fetched() && fetched.hmac[i] != NULL ? EVP_MAC_CTX_dup(fetched.hmac[i])
                                                           : begin_hmac(digests[i].name);
    return NULL;
}

/* ---- names and OIDs ----------------------------------------------------------------------------
 */

CMPSRV_SLICE cmpsrv_md_oid(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].oid;
    return cmpsrv_slice(NULL, 0);
}

int cmpsrv_algid_read(CMPSRV_SLICE tlv, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters)
{
    return cmpsrv_der_get_algid(&tlv, oid, parameters) && tlv.n == 0;
}

int cmpsrv_params_absent_or_null(CMPSRV_SLICE parameters)
{
    return parameters.p == NULL || cmpsrv_slice_eq(parameters, DER_OID_SLICE("\x05\x00"));
}

unsigned cmpsrv_md_from_algid(CMPSRV_SLICE algid_tlv)
{
    CMPSRV_SLICE oid, parameters;

    if (!cmpsrv_algid_read(algid_tlv, &oid, &parameters) ||
        !cmpsrv_params_absent_or_null(parameters))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (cmpsrv_slice_eq(oid, digests[i].oid))
            return digests[i].md;
    return 0;
}

int cmpsrv_md_hash(unsigned md, CMPSRV_SLICE data, unsigned char *out)
{
    const EVP_MD *evp = cmpsrv_md_evp(md);
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t size = cmpsrv_md_size(md);

    if (evp == NULL ||
        !EVP_Digest(data.n == 0 ? "" : (const void *)data.p, data.n, hash, NULL, evp, NULL)) {
        ERR_clear_error();
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        out[i] = hash[i];
    return 1;
}

int cmpsrv_hmac(unsigned md, CMPSRV_SLICE key, CMPSRV_SLICE data, unsigned char *out)
{
    EVP_MAC_CTX *ctx = hmac_new(md);
    size_t n;
    int ok = ctx != NULL && EVP_MAC_init(ctx, key.p, key.n, NULL) &&
             EVP_MAC_update(ctx, data.p, data.n) && EVP_MAC_final(ctx, out, &n, cmpsrv_md_size(md));

    EVP_MAC_CTX_free(ctx); /* wipes its state */
    if (!ok)
        ERR_clear_error();
    return ok;
}

int cmpsrv_sha256(CMPSRV_SLICE data, unsigned char out[CMPSRV_HASH])
{
    return cmpsrv_md_hash(CMPSRV_MD_SHA256, data, out);
}
