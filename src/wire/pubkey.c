/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectPublicKeyInfo of a stranger to an EVP_PKEY. The shape is checked here by table before
 * libcrypto sees any of it, and keys are built from their numbers: decoding a whole
 * SubjectPublicKeyInfo takes OpenSSL 3.0 about ten times as long. What the table does not have may
 * be a key that a provider knows by its OID. Which keys are allowed is policy.
 */
#include "config.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "wire/algs.h"

#define RSA_MIN_BITS     512
#define RSA_MAX_BITS     16384
#define RSA_MAX_EXPONENT 8 /* octets */

typedef struct {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    CMPSRV_CURVES *curves;
    CMPSRV_SLICE parameters; /* TLV, or absent */
    CMPSRV_SLICE octets;     /* of subjectPublicKey */
    CMPSRV_REFUSAL *why;
} SPKI;

/* A key of `type` from its parameters; `selection` EVP_PKEY_PUBLIC_KEY, or _KEY_PARAMETERS for one
 * without a point. NULL with the error queue filled. */
static EVP_PKEY *key_from_params(OSSL_LIB_CTX *libctx, const char *propq, const char *type,
                                 int selection, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, propq);
    EVP_PKEY *key = NULL;

    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0)
        EVP_PKEY_fromdata(ctx, &key, selection, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* ---- RSA: RFC 8017 A.1.1 -----------------------------------------------------------------------
 */

/* A positive INTEGER: its magnitude. */
static int get_magnitude(CMPSRV_SLICE *in, CMPSRV_SLICE *magnitude)
{
    CMPSRV_SLICE c;

    if (!cmpsrv_der_get(in, DER_INTEGER, &c) || c.n == 0 || (c.p[0] & 0x80) != 0)
        return 0;
    if (c.n > 1 && c.p[0] == 0) {
        if (c.p[1] < 0x80)
            return 0;
        c.p++;
        c.n--;
    }
    *magnitude = c;
    return c.p[0] != 0;
}

static size_t bit_length(CMPSRV_SLICE magnitude)
{
    size_t bits = magnitude.n * 8;

    for (unsigned top = magnitude.p[0]; top < 0x80; top <<= 1)
        bits--;
    return bits;
}

/* RFC 4055 3.1: what a key of id-RSASSA-PSS may be used with; without parameters it is free. */
static int push_pss(OSSL_PARAM_BLD *bld, const CMPSRV_PSS *pss)
{
    return pss->md == 0 ||
           (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_RSA_DIGEST,
                                            cmpsrv_md_name(pss->md), 0) &&
            OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST,
                                            cmpsrv_md_name(pss->md), 0) &&
            OSSL_PARAM_BLD_push_int(bld, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, (int)pss->salt));
}

static EVP_PKEY *build_rsa(const SPKI *s, const char *type, CMPSRV_SLICE n, CMPSRV_SLICE e,
                           const CMPSRV_PSS *pss)
{
    BIGNUM *bn_n = BN_bin2bn(n.p, (int)n.n, NULL), *bn_e = BN_bin2bn(e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (bld != NULL && bn_n != NULL && bn_e != NULL &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) && push_pss(bld, pss) &&
        (params = OSSL_PARAM_BLD_to_param(bld)) != NULL)
        key = key_from_params(s->libctx, s->propq, type, EVP_PKEY_PUBLIC_KEY, params);
    if (key == NULL)
        cmpsrv_fail(s->why, "cannot build the %s key", type);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(bn_n);
    BN_free(bn_e);
    return key;
}

static int decode_rsa_numbers(const SPKI *s, const char *type, const CMPSRV_PSS *pss,
                              EVP_PKEY **key, size_t *bits)
{
    CMPSRV_SLICE all = s->octets, seq, n, e;

    if (!cmpsrv_der_get(&all, DER_SEQUENCE, &seq) || all.n > 0 || !get_magnitude(&seq, &n) ||
        !get_magnitude(&seq, &e) || seq.n > 0)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RFC 8017 A.1.1: not an RSAPublicKey");
    *bits = bit_length(n);
    if (*bits < RSA_MIN_BITS || *bits > RSA_MAX_BITS)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RSA modulus of %zu bits, want %d to %d",
                             *bits, RSA_MIN_BITS, RSA_MAX_BITS);
    if ((n.p[n.n - 1] & 1) == 0)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RSA modulus is even");
    if (e.n > RSA_MAX_EXPONENT || (e.p[e.n - 1] & 1) == 0 || (e.n == 1 && e.p[0] < 3))
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY,
                             "RFC 8017 3.1: RSA exponent must be odd, 3 to 2^64-1");
    return (*key = build_rsa(s, type, n, e, pss)) != NULL;
}

static int decode_rsa(const SPKI *s, EVP_PKEY **key, char name[32])
{
    static const CMPSRV_PSS none = {0, 0};
    size_t bits;

    if (!cmpsrv_params_absent_or_null(s->parameters))
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RFC 3279 2.3.1: RSA parameters not NULL");
    if (!decode_rsa_numbers(s, "RSA", &none, key, &bits))
        return 0;
    snprintf(name, 32, "rsa:%zu", bits);
    return 1;
}

static int decode_rsa_pss(const SPKI *s, EVP_PKEY **key, char name[32])
{
    CMPSRV_PSS pss = {0, 0};
    CMPSRV_REFUSAL wrong = {0};
    size_t bits;

    if (s->parameters.p != NULL && !cmpsrv_pss_read(s->parameters, &pss, &wrong))
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "%s", wrong.detail);
    if (!decode_rsa_numbers(s, "RSA-PSS", &pss, key, &bits))
        return 0;
    snprintf(name, 32, "rsa-pss:%zu", bits);
    return 1;
}

/* ---- EC: RFC 5480 ------------------------------------------------------------------------------
 */

static const struct {
    CMPSRV_SLICE oid; /* TLV */
    const char *name;
    int bits; /* of a coordinate */
} curves[] = {
    {OID_INIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), "P-256", 256},
    {OID_INIT("\x06\x05\x2b\x81\x04\x00\x22"), "P-384", 384},
    {OID_INIT("\x06\x05\x2b\x81\x04\x00\x23"), "P-521", 521},
};

/* RFC 5480 2.2: 04 x y, or 02/03 x. Infinity and the hybrid forms 06/07 are no public keys. */
static int is_point(CMPSRV_SLICE point, int bits)
{
    size_t field = ((size_t)bits + 7) / 8;

    if (point.p[0] == 0x04)
        return point.n == 1 + 2 * field;
    return (point.p[0] == 0x02 || point.p[0] == 0x03) && point.n == 1 + field;
}

/* Keys of one curve that nobody uses; they still have their last point. */
typedef struct {
    EVP_PKEY *keys[64];
    size_t n;
} IDLE_KEYS;

struct cmpsrv_curves_st {
    EVP_PKEY *empty[CMPSRV_ARRAY_SIZE(curves)]; /* without a point; NULL: no provider has it */
    pthread_mutex_t lock;                       /* of idle */
    IDLE_KEYS idle[CMPSRV_ARRAY_SIZE(curves)];
};

static EVP_PKEY *new_curve(OSSL_LIB_CTX *libctx, const char *propq, const char *curve)
{
    char group[8];
    OSSL_PARAM params[2];

    OPENSSL_strlcpy(group, curve, sizeof(group));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_end();
    return key_from_params(libctx, propq, "EC", EVP_PKEY_KEY_PARAMETERS, params);
}

CMPSRV_CURVES *cmpsrv_curves_new(OSSL_LIB_CTX *libctx, const char *propq)
{
    CMPSRV_CURVES *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(curves); i++)
        c->empty[i] = new_curve(libctx, propq, curves[i].name);
    ERR_clear_error();
    return c;
}

void cmpsrv_curves_free(CMPSRV_CURVES *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(curves); i++) {
        EVP_PKEY_free(c->empty[i]);
        while (c->idle[i].n > 0)
            EVP_PKEY_free(c->idle[i].keys[--c->idle[i].n]);
    }
    pthread_mutex_destroy(&c->lock);
    OPENSSL_free(c);
}

/* A key on the curve that is the caller's alone, with whatever point. NULL with the error queue
 * filled. */
static EVP_PKEY *take_key(const SPKI *s, size_t curve)
{
    EVP_PKEY *key = NULL;

    if (s->curves == NULL || s->curves->empty[curve] == NULL)
        return new_curve(s->libctx, s->propq, curves[curve].name);
    pthread_mutex_lock(&s->curves->lock);
    if (s->curves->idle[curve].n > 0)
        key = s->curves->idle[curve].keys[--s->curves->idle[curve].n];
    pthread_mutex_unlock(&s->curves->lock);
    return key != NULL ? key : EVP_PKEY_dup(s->curves->empty[curve]);
}

/* 1, or 0: there are enough. */
static int keep_key(CMPSRV_CURVES *c, size_t curve, EVP_PKEY *key)
{
    IDLE_KEYS *idle = &c->idle[curve];
    int has_room;

    pthread_mutex_lock(&c->lock);
    has_room = idle->n < CMPSRV_ARRAY_SIZE(idle->keys);
    if (has_room)
        idle->keys[idle->n++] = key;
    pthread_mutex_unlock(&c->lock);
    return has_room;
}

/* The size tells the curve: decode_ec makes keys on no others. */
void cmpsrv_pubkey_release(CMPSRV_CURVES *c, EVP_PKEY *key)
{
    if (c != NULL && key != NULL && EVP_PKEY_is_a(key, "EC"))
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(curves); i++)
            if (EVP_PKEY_get_bits(key) == curves[i].bits && keep_key(c, i, key))
                return;
    EVP_PKEY_free(key);
}

/* `curve`: of the table. A key that did not take the point is not used again. */
static int build_ec(const SPKI *s, size_t curve, EVP_PKEY **key)
{
    EVP_PKEY *made = take_key(s, curve);

    if (made != NULL && EVP_PKEY_set1_encoded_public_key(made, s->octets.p, s->octets.n) > 0) {
        *key = made;
        return 1;
    }
    EVP_PKEY_free(made);
    ERR_clear_error();
    return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "the EC point is not on %s", curves[curve].name);
}

static int decode_ec(const SPKI *s, EVP_PKEY **key, char name[32])
{
    if (cmpsrv_der_peek(s->parameters) != DER_OID)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY,
                             "RFC 5480 2.1.1: EC parameters must be a namedCurve");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(curves); i++) {
        if (!cmpsrv_slice_eq(s->parameters, curves[i].oid))
            continue;
        if (!is_point(s->octets, curves[i].bits))
            return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY,
                                 "RFC 5480 2.2: EC point of %zu octets does not fit %s",
                                 s->octets.n, curves[i].name);
        if (!build_ec(s, i, key))
            return 0;
        snprintf(name, 32, "ec:%s", curves[i].name);
        return 1;
    }
    return cmpsrv_refuse(s->why, CMPSRV_R_UNKNOWN_KEY_ALG, "the curve is not supported");
}

/* ---- EdDSA: RFC 8410 ---------------------------------------------------------------------------
 */

static int decode_raw(const SPKI *s, const char *type, size_t size, EVP_PKEY **key)
{
    if (s->parameters.p != NULL)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RFC 8410 3: %s has no parameters", type);
    if (s->octets.n != size)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY, "RFC 8410 4: %s key of %zu octets, want %zu",
                             type, s->octets.n, size);
    *key = EVP_PKEY_new_raw_public_key_ex(s->libctx, type, s->propq, s->octets.p, size);
    return *key != NULL || cmpsrv_fail(s->why, "cannot build the %s key", type);
}

static int decode_ed25519(const SPKI *s, EVP_PKEY **key, char name[32])
{
    snprintf(name, 32, "ed25519");
    return decode_raw(s, "ED25519", 32, key);
}

static int decode_ed448(const SPKI *s, EVP_PKEY **key, char name[32])
{
    snprintf(name, 32, "ed448");
    return decode_raw(s, "ED448", 57, key);
}

/* ---- whatever a provider knows by the OID -------------------------------------------------------
 */

/* The provider's own name in lower case, as configurations have it: "ml-dsa-44". */
static void lower_name(const char *from, char name[32])
{
    size_t i = 0;

    for (; i < 31 && from != NULL && from[i] != '\0'; i++)
        name[i] = (char)tolower((unsigned char)from[i]);
    name[i] = '\0';
}

/* Keys that are octets and nothing else (RFC 9881 4): no decoder of libcrypto sees them. */
static int decode_by_provider(const SPKI *s, const char *oid, EVP_PKEY **key, char name[32])
{
    EVP_KEYMGMT *offered = EVP_KEYMGMT_fetch(s->libctx, oid, s->propq);

    EVP_KEYMGMT_free(offered);
    if (offered != NULL && s->parameters.p == NULL)
        *key = EVP_PKEY_new_raw_public_key_ex(s->libctx, oid, s->propq, s->octets.p, s->octets.n);
    ERR_clear_error();
    if (offered == NULL)
        return cmpsrv_refuse(s->why, CMPSRV_R_UNKNOWN_KEY_ALG,
                             "public key algorithm %s is not supported", oid);
    if (*key == NULL)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_KEY,
                             "the crypto provider takes no such public key of %s", oid);
    lower_name(EVP_PKEY_get0_type_name(*key), name);
    return 1;
}

int cmpsrv_key_is_rsa(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
}

int cmpsrv_pubkey_is_offered(OSSL_LIB_CTX *libctx, const char *propq, const char *name)
{
    EVP_KEYMGMT *offered = EVP_KEYMGMT_fetch(libctx, name, propq);
    char known[32] = "";

    if (offered != NULL)
        lower_name(EVP_KEYMGMT_get0_name(offered), known);
    EVP_KEYMGMT_free(offered);
    ERR_clear_error();
    return strcmp(known, name) == 0;
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static const struct {
    CMPSRV_SLICE oid;
    int (*decode)(const SPKI *s, EVP_PKEY **key, char name[32]);
} key_algs[] = {
    {OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), decode_rsa},
    {OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), decode_rsa_pss},
    {OID_INIT("\x2a\x86\x48\xce\x3d\x02\x01"), decode_ec},
    {OID_INIT("\x2b\x65\x70"), decode_ed25519},
    {OID_INIT("\x2b\x65\x71"), decode_ed448},
};

int cmpsrv_pubkey_decode(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_CURVES *curves_of,
                         CMPSRV_SLICE spki_content, EVP_PKEY **key, char name[32],
                         CMPSRV_REFUSAL *why)
{
    SPKI s = {.libctx = libctx, .propq = propq, .curves = curves_of, .why = why};
    EVP_PKEY *made = NULL;
    char made_name[32], text[128];
    CMPSRV_SLICE oid;
    int ok = -1;

    if (!cmpsrv_der_get_algid(&spki_content, &oid, &s.parameters) ||
        !cmpsrv_der_get_octet_bits(&spki_content, &s.octets) || spki_content.n > 0 ||
        s.octets.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY,
                             "RFC 5280 4.1.2.7: damaged SubjectPublicKeyInfo");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(key_algs); i++) {
        if (!cmpsrv_slice_eq(oid, key_algs[i].oid))
            continue;
        ok = key_algs[i].decode(&s, &made, made_name);
        break;
    }
    if (ok < 0)
        ok = decode_by_provider(&s, cmpsrv_der_oid_text(oid, text, sizeof(text)), &made, made_name);
    if (!ok)
        return 0;
    snprintf(name, 32, "%s", made_name);
    *key = made;
    return 1;
}
