/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over octets, made and verified: used for message protection, proof of possession and
 * certificates alike. What an AlgorithmIdentifier means stands in sig_alg.c.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "wire/algs.h"

static int check_fits(const CMPSRV_SIG_SCHEME *s, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    const char *have = EVP_PKEY_get0_type_name(key);

    return cmpsrv_sig_scheme_fits(s, key) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                         "signature algorithm %s needs a key of type %s, have %s", s->oid,
                         s->key_type == NULL ? s->oid : s->key_type, have == NULL ? "?" : have);
}

/* RFC 4055 3.1: a salt that does not fit into the key with its digest. */
static int check_salt(const CMPSRV_PSS *pss, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    int64_t room = (EVP_PKEY_get_bits(key) + 6) / 8 - (int64_t)cmpsrv_md_size(pss->md) - 2;

    return pss->md == 0 || pss->salt <= room ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                         "RFC 4055 3.1: saltLength %lld, the key has room for %lld",
                         (long long)pss->salt, (long long)room);
}

static const char *md_name(const CMPSRV_SIG_SCHEME *s)
{
    return s->md == 0 ? NULL : cmpsrv_md_name(s->md);
}

/* Padding and salt of RSASSA-PSS; MGF1 has the message's digest by itself. */
static int set_pss(EVP_MD_CTX *ctx, const CMPSRV_PSS *pss)
{
    char mode[] = OSSL_PKEY_RSA_PAD_MODE_PSS;
    int salt = (int)pss->salt;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, mode, 0),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
        OSSL_PARAM_construct_end(),
    };

    return pss->md == 0 || EVP_PKEY_CTX_set_params(EVP_MD_CTX_get_pkey_ctx(ctx), params) > 0;
}

struct cmpsrv_sig_key_st {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    EVP_PKEY *key;
    CMPSRV_SIG_SCHEME scheme;
    EVP_MD_CTX *ready; /* copied for each signature: a third of the cost of setting it up */
};

/* A context that wants data to sign. NULL with the error queue filled. */
static EVP_MD_CTX *begin_signature(const CMPSRV_SIG_KEY *k)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, NULL, md_name(&k->scheme), k->libctx, k->propq, k->key, NULL) &&
        set_pss(ctx, &k->scheme.pss))
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

/* The same from the one that is ready; a provider need not be able to copy. */
static EVP_MD_CTX *copy_ready(const CMPSRV_SIG_KEY *k)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx != NULL && EVP_MD_CTX_copy_ex(ctx, k->ready))
        return ctx;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return begin_signature(k);
}

static int end_signature(EVP_MD_CTX *ctx, EVP_PKEY *key, CMPSRV_SLICE data, CMPSRV_BYTES *signature,
                         CMPSRV_REFUSAL *why)
{
    int size = EVP_PKEY_get_size(key);
    size_t len = size > 0 ? (size_t)size : 0;
    unsigned char *sig = len == 0 ? NULL : OPENSSL_malloc(len);

    if (ctx == NULL || sig == NULL || EVP_DigestSign(ctx, sig, &len, data.p, data.n) <= 0) {
        OPENSSL_free(sig);
        return cmpsrv_fail(why, "cannot sign");
    }
    cmpsrv_bytes_clear(signature);
    *signature = (CMPSRV_BYTES){sig, len};
    return 1;
}

/* Borrows the key. */
static int set_up(CMPSRV_SIG_KEY *k, OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key,
                  CMPSRV_SLICE algid, CMPSRV_REFUSAL *why)
{
    *k = (CMPSRV_SIG_KEY){.libctx = libctx, .propq = propq, .key = key};
    if (!cmpsrv_sig_scheme_read(algid, &k->scheme, why) || !check_fits(&k->scheme, key, why))
        return 0;
    return k->scheme.md == 0 || (k->scheme.md & CMPSRV_MDS_TO_SIGN) != 0 ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "nothing is signed with %s",
                         cmpsrv_md_name(k->scheme.md));
}

CMPSRV_SIG_KEY *cmpsrv_sig_key_new(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key,
                                   CMPSRV_SLICE algid, CMPSRV_REFUSAL *why)
{
    CMPSRV_SIG_KEY k, *out = NULL;

    if (!set_up(&k, libctx, propq, key, algid, why))
        return NULL;
    if ((k.ready = begin_signature(&k)) == NULL || (out = OPENSSL_malloc(sizeof(*out))) == NULL ||
        !EVP_PKEY_up_ref(key)) {
        EVP_MD_CTX_free(k.ready);
        OPENSSL_free(out);
        cmpsrv_fail(why, "cannot sign");
        return NULL;
    }
    *out = k;
    return out;
}

void cmpsrv_sig_key_free(CMPSRV_SIG_KEY *k)
{
    if (k == NULL)
        return;
    EVP_MD_CTX_free(k->ready);
    EVP_PKEY_free(k->key);
    OPENSSL_free(k);
}

int cmpsrv_sig_key_make(const CMPSRV_SIG_KEY *k, CMPSRV_SLICE data, CMPSRV_BYTES *signature,
                        CMPSRV_REFUSAL *why)
{
    EVP_MD_CTX *ctx = copy_ready(k);
    int ok = end_signature(ctx, k->key, data, signature, why);

    EVP_MD_CTX_free(ctx);
    return ok;
}

int cmpsrv_sig_make(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                    CMPSRV_SLICE data, CMPSRV_BYTES *signature, CMPSRV_REFUSAL *why)
{
    CMPSRV_SIG_KEY k;
    EVP_MD_CTX *ctx;
    int ok;

    if (!set_up(&k, libctx, propq, key, algid, why))
        return 0;
    ctx = begin_signature(&k);
    ok = end_signature(ctx, key, data, signature, why);
    EVP_MD_CTX_free(ctx);
    return ok;
}

int cmpsrv_sig_verify(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                      unsigned digests, CMPSRV_SLICE data, CMPSRV_SLICE signature,
                      CMPSRV_REASON bad, CMPSRV_REFUSAL *why)
{
    CMPSRV_SIG_SCHEME s;
    EVP_MD_CTX *ctx;
    int ok = 0;

    if (!cmpsrv_sig_scheme_read(algid, &s, why) || !check_fits(&s, key, why) ||
        !check_salt(&s.pss, key, why))
        return 0;
    if (s.md != 0 && (s.md & digests) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "signatures with %s are not allowed",
                             cmpsrv_md_name(s.md));
    if (signature.n == 0)
        return cmpsrv_refuse(why, bad, "the signature is empty");
    if ((ctx = EVP_MD_CTX_new()) == NULL)
        return cmpsrv_fail(why, "out of memory");
    /* A provider that does not do the algorithm (FIPS and SHA-1), and a key that is tied to other
     * parameters, say so here. */
    if (!EVP_DigestVerifyInit_ex(ctx, NULL, md_name(&s), libctx, propq, key, NULL) ||
        !set_pss(ctx, &s.pss))
        cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "key or provider refuses the signature algorithm");
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
