/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys: what OpenSSL writes is read back as the same key; damaged ones never get through. */
#include "config.h"

#include <pthread.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets)   DER_OID_SLICE(octets)
#define RSA_ALG     "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define EC_OID      "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define P256_OID    "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define P256_ALG    "\x30\x13" EC_OID P256_OID
#define ED25519_ALG "\x30\x05\x06\x03\x2b\x65\x70"

static CMPSRV_REASON decode(CMPSRV_SLICE content, EVP_PKEY **key, char name[32])
{
    CMPSRV_REFUSAL why = {0};
    EVP_PKEY *k = NULL;
    char n[32] = "untouched";
    int ok = cmpsrv_pubkey_decode(NULL, NULL, NULL, content, &k, n, &why);

    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(ok, k != NULL);
    CU_ASSERT_EQUAL(ok, strcmp(n, "untouched") != 0);
    if (name != NULL)
        memcpy(name, n, sizeof(n));
    if (key != NULL)
        *key = k;
    else
        EVP_PKEY_free(k);
    return why.reason;
}

/* AlgorithmIdentifier TLV and key octets to the content of a SubjectPublicKeyInfo. */
static CMPSRV_REASON decode_parts(CMPSRV_SLICE alg, CMPSRV_SLICE octets)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES b = {0};
    CMPSRV_REASON r;

    cmpsrv_derw_raw(&w, alg);
    cmpsrv_derw_bits(&w, octets);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    r = decode(cmpsrv_bytes_slice(&b), NULL, NULL);
    cmpsrv_bytes_clear(&b);
    return r;
}

static void check_round_trip(EVP_PKEY *key, const char *want)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    CMPSRV_SLICE tlv = cmpsrv_slice(der, (size_t)(len > 0 ? len : 0)), content;
    EVP_PKEY *back = NULL;
    char name[32];

    CU_ASSERT_FATAL(cmpsrv_der_get(&tlv, DER_SEQUENCE, &content));
    CU_ASSERT_EQUAL(decode(content, &back, name), CMPSRV_R_NONE);
    CU_ASSERT_STRING_EQUAL(name, want);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(back, key), 1);
    EVP_PKEY_free(back);
    /* cut short at each octet */
    for (size_t n = 0; n < content.n; n++)
        CU_ASSERT_EQUAL(decode(cmpsrv_slice(content.p, n), NULL, NULL), CMPSRV_R_BAD_KEY);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static EVP_PKEY *compressed(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    CU_ASSERT_FATAL(key != NULL);
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    return key;
}

static void test_round_trips(void)
{
    check_round_trip(EVP_RSA_gen(1024), "rsa:1024");
    check_round_trip(EVP_RSA_gen(2048), "rsa:2048");
    check_round_trip(EVP_RSA_gen(2050), "rsa:2050");
    check_round_trip(EVP_EC_gen("P-256"), "ec:P-256");
    check_round_trip(EVP_EC_gen("P-384"), "ec:P-384");
    check_round_trip(EVP_EC_gen("P-521"), "ec:P-521");
    check_round_trip(compressed("P-256"), "ec:P-256");
    check_round_trip(compressed("P-521"), "ec:P-521");
    check_round_trip(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed25519");
    check_round_trip(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), "ed448");
}

static void check_openssl_refused(EVP_PKEY *key, CMPSRV_REASON want)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    CMPSRV_SLICE tlv = cmpsrv_slice(der, (size_t)(len > 0 ? len : 0)), content;

    CU_ASSERT_FATAL(cmpsrv_der_get(&tlv, DER_SEQUENCE, &content));
    CU_ASSERT_EQUAL(decode(content, NULL, NULL), want);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void test_unknown(void)
{
    EVP_PKEY *explicit_key = EVP_EC_gen("P-256");

    check_openssl_refused(EVP_EC_gen("P-224"), CMPSRV_R_UNKNOWN_KEY_ALG);
    check_openssl_refused(EVP_EC_gen("secp256k1"), CMPSRV_R_UNKNOWN_KEY_ALG);
    CU_ASSERT_FATAL(explicit_key != NULL);
    CU_ASSERT(EVP_PKEY_set_utf8_string_param(explicit_key, OSSL_PKEY_PARAM_EC_ENCODING,
                                             OSSL_PKEY_EC_ENCODING_EXPLICIT));
    check_openssl_refused(explicit_key, CMPSRV_R_BAD_KEY);
    /* DSA, which is more than octets; a name that nobody has */
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x09\x06\x07\x2a\x86\x48\xce\x38\x04\x01"), S("x")),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x06\x06\x04\x2a\x03\x04\x05"), S("x")),
                    CMPSRV_R_UNKNOWN_KEY_ALG);
}

static void test_by_provider(void)
{
    EVP_PKEY *ml_dsa = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-44");

    check_round_trip(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "x25519");
    CU_ASSERT(cmpsrv_pubkey_is_offered(NULL, NULL, "x25519"));
    CU_ASSERT_FALSE(cmpsrv_pubkey_is_offered(NULL, NULL, "X25519"));
    CU_ASSERT_FALSE(cmpsrv_pubkey_is_offered(NULL, NULL, "x25518"));
    /* parameters, and octets of another length */
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x07\x06\x03\x2b\x65\x6e\x05\x00"),
                                 S("12345678901234567890123456789012")),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x05\x06\x03\x2b\x65\x6e"), S("123")), CMPSRV_R_BAD_KEY);
    ERR_clear_error();
    if (ml_dsa != NULL) /* OpenSSL 3.5 */
        check_round_trip(ml_dsa, "ml-dsa-44");
}

static EVP_PKEY *rsa_pss(const char *digest, int salt)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    CU_ASSERT_FATAL(ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0);
    CU_ASSERT(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
    if (digest != NULL) {
        CU_ASSERT(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, digest, NULL) > 0);
        CU_ASSERT(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, digest) > 0);
        CU_ASSERT(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, salt) > 0);
    }
    CU_ASSERT_FATAL(EVP_PKEY_generate(ctx, &key) > 0);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void test_rsa_pss(void)
{
    EVP_PKEY *tied = rsa_pss("SHA384", 40), *back = NULL;
    unsigned char *der = NULL;
    CMPSRV_SLICE tlv, content;
    char name[64] = "";
    int len, salt = 0;

    check_round_trip(rsa_pss(NULL, 0), "rsa-pss:2048");
    len = i2d_PUBKEY(tied, &der);
    tlv = cmpsrv_slice(der, (size_t)(len > 0 ? len : 0));
    CU_ASSERT_FATAL(cmpsrv_der_get(&tlv, DER_SEQUENCE, &content));
    CU_ASSERT_EQUAL(decode(content, &back, NULL), CMPSRV_R_NONE);
    CU_ASSERT(
        EVP_PKEY_get_utf8_string_param(back, OSSL_PKEY_PARAM_RSA_DIGEST, name, sizeof(name), NULL));
    CU_ASSERT(EVP_MD_is_a(EVP_sha384(), name));
    CU_ASSERT(EVP_PKEY_get_int_param(back, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt));
    CU_ASSERT_EQUAL(salt, 40);
    EVP_PKEY_free(back);
    OPENSSL_free(der);
    check_round_trip(tied, "rsa-pss:2048");
    /* parameters that are none, and those with MD5 */
    CU_ASSERT_EQUAL(
        decode_parts(S("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x05\x00"), S("x")),
        CMPSRV_R_BAD_KEY);
}

/* RSAPublicKey with a modulus of `bits` bits and that exponent. */
static CMPSRV_REASON rsa(size_t bits, int even, const unsigned char *e, size_t e_n)
{
    size_t n = (bits + 7) / 8;
    unsigned char *m = OPENSSL_zalloc(n);
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES b = {0};
    CMPSRV_REASON r;

    CU_ASSERT_FATAL(m != NULL);
    m[0] = (unsigned char)(1 << (bits - 1) % 8);
    m[n - 1] |= even ? 2 : 1;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_uint_octets(&w, m, n);
    cmpsrv_derw_uint_octets(&w, e, e_n);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    r = decode_parts(S(RSA_ALG), cmpsrv_bytes_slice(&b));
    cmpsrv_bytes_clear(&b);
    OPENSSL_free(m);
    return r;
}

#define E(octets) (const unsigned char *)(octets), sizeof(octets) - 1

static void test_rsa_limits(void)
{
    clock_t start;

    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x01\x00\x01")), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(rsa(512, 0, E("\x03")), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(rsa(511, 0, E("\x03")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(8, 0, E("\x03")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 1, E("\x01\x00\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x00")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x02")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x01\x00\x00")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\xff\xff\xff\xff\xff\xff\xff\xff")), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(rsa(2048, 0, E("\x01\x00\x00\x00\x00\x00\x00\x00\x01")), CMPSRV_R_BAD_KEY);
    start = clock();
    CU_ASSERT_EQUAL(rsa(16384, 0, E("\x01\x00\x01")), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(rsa(16385, 0, E("\x01\x00\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(1000000, 0, E("\x01\x00\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT(clock() - start < CLOCKS_PER_SEC / 10); /* of CPU */
}

static void test_rsa_shapes(void)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
#define B(s) {s, sizeof(s) - 1}
        B("\x30\x00"),
        B("\x31\x06\x02\x01\x03\x02\x01\x03"),
        B("\x30\x03\x02\x01\x03"),
        B("\x30\x06\x02\x01\x00\x02\x01\x03"),             /* modulus 0 */
        B("\x30\x06\x02\x01\xff\x02\x01\x03"),             /* modulus -1 */
        B("\x30\x05\x02\x00\x02\x01\x03"),                 /* empty INTEGER */
        B("\x30\x09\x02\x01\x03\x02\x01\x03\x02\x01\x03"), /* three numbers */
        B("\x30\x06\x02\x01\x03\x02\x01\x03\x00"),         /* trailing */
        B("\x30\x07\x02\x02\x00\x03\x02\x01\x03"),         /* not minimal */
        B("\x04\x02\x30\x00"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(decode_parts(S(RSA_ALG), cmpsrv_slice(bad[i].p, bad[i].n)),
                        CMPSRV_R_BAD_KEY);
}

/* A good RSA key with other parameters: only NULL and absent pass. */
static void test_parameters(void)
{
#define RSA_OID "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
    static const struct {
        const char *alg;
        size_t n;
        CMPSRV_REASON want;
    } rows[] = {
        {"\x30\x0d" RSA_OID "\x05\x00", 15, CMPSRV_R_NONE},
        {"\x30\x0b" RSA_OID, 13, CMPSRV_R_NONE},
        {"\x30\x0d" RSA_OID "\x30\x00", 15, CMPSRV_R_BAD_KEY},
        {"\x30\x0d" RSA_OID "\x04\x00", 15, CMPSRV_R_BAD_KEY},
        {"\x30\x0e" RSA_OID "\x05\x01\x00", 16, CMPSRV_R_BAD_KEY},
        {"\x30\x0e" RSA_OID "\x02\x01\x05", 16, CMPSRV_R_BAD_KEY},
        {"\x30\x0f" RSA_OID "\x05\x00\x05\x00", 17, CMPSRV_R_BAD_KEY},
    };
    EVP_PKEY *key = EVP_RSA_gen(1024);
    unsigned char *der = NULL;
    int len = i2d_PublicKey(key, &der);

    CU_ASSERT_FATAL(len > 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CU_ASSERT_EQUAL(
            decode_parts(cmpsrv_slice(rows[i].alg, rows[i].n), cmpsrv_slice(der, (size_t)len)),
            rows[i].want);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x07\x06\x03\x2b\x65\x70\x05\x00"),
                                 S("0123456789abcdef0123456789abcdef")),
                    CMPSRV_R_BAD_KEY);
}

static void test_ec_points(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char pt[80] = {0};
    size_t n = 0;
    int off_curve = 0;

    CU_ASSERT_FATAL(
        key != NULL &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pt, sizeof(pt), &n) &&
        n == 65);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 65)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 64)), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 66)), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 33)), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), S("\x00")), CMPSRV_R_BAD_KEY); /* infinity */
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), S("")), CMPSRV_R_BAD_KEY);
    for (unsigned f = 0; f < 256; f++) {
        pt[0] = (unsigned char)f;
        if (f != 4)
            CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 65)), CMPSRV_R_BAD_KEY);
    }
    pt[0] = 4;
    for (size_t i = 1; i < 65; i++) { /* any one bit of a coordinate */
        pt[i] ^= 1;
        CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 65)), CMPSRV_R_BAD_KEY);
        pt[i] ^= 1;
    }
    memset(pt + 1, 0xff, 64); /* beyond the field */
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 65)), CMPSRV_R_BAD_KEY);
    memset(pt + 1, 0, 64);
    CU_ASSERT_EQUAL(decode_parts(S(P256_ALG), cmpsrv_slice(pt, 65)), CMPSRV_R_BAD_KEY);
    pt[0] = 2; /* half of all x have no y: some of these must be refused, and some must not */
    for (unsigned x = 0; x < 64; x++) {
        pt[32] = (unsigned char)x;
        off_curve += decode_parts(S(P256_ALG), cmpsrv_slice(pt, 33)) == CMPSRV_R_BAD_KEY;
    }
    CU_ASSERT(off_curve > 10 && off_curve < 54);
    EVP_PKEY_free(key);
}

static void test_ec_parameters(void)
{
    unsigned char pt[65] = {4};
    CMPSRV_SLICE point = cmpsrv_slice(pt, sizeof(pt));

    CU_ASSERT_EQUAL(decode_parts(S("\x30\x09" EC_OID), point), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x0b" EC_OID "\x05\x00"), point), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x0b" EC_OID "\x30\x00"), point), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S("\x30\x15" EC_OID P256_OID "\x05\x00"), point),
                    CMPSRV_R_BAD_KEY);
    /* P-192 */
    CU_ASSERT_EQUAL(
        decode_parts(S("\x30\x13" EC_OID "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x01"), point),
        CMPSRV_R_UNKNOWN_KEY_ALG);
}

static void test_bit_string(void)
{
    CU_ASSERT_EQUAL(decode(S(ED25519_ALG "\x03\x01\x00"), NULL, NULL), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S(ED25519_ALG "\x03\x00"), NULL, NULL), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S(ED25519_ALG "\x03\x21\x01"
                                         "0123456789abcdef0123456789abcdef"),
                           NULL, NULL),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S(ED25519_ALG "\x03\x21\x00"
                                         "0123456789abcdef0123456789abcdef\x05\x00"),
                           NULL, NULL),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S(ED25519_ALG "\x04\x21\x00"
                                         "0123456789abcdef0123456789abcdef"),
                           NULL, NULL),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S(ED25519_ALG), S("0123456789abcdef0123456789abcde")),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode_parts(S(ED25519_ALG), S("0123456789abcdef0123456789abcdefg")),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(cmpsrv_slice(NULL, 0), NULL, NULL), CMPSRV_R_BAD_KEY);
}

/* ---- keys that are used again ------------------------------------------------------------------
 */

typedef struct {
    EVP_PKEY *key; /* private */
    unsigned char *spki, sig[200];
    size_t n, sig_n;
    CMPSRV_SLICE content;
} SIGNER;

static void make_signer(SIGNER *s, const char *curve)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CMPSRV_SLICE all;
    int n = 0;

    s->spki = NULL;
    s->sig_n = sizeof(s->sig);
    CU_ASSERT_FATAL((s->key = EVP_EC_gen(curve)) != NULL && (n = i2d_PUBKEY(s->key, &s->spki)) > 0);
    all = cmpsrv_slice(s->spki, (size_t)n);
    CU_ASSERT_FATAL(cmpsrv_der_get(&all, DER_SEQUENCE, &s->content));
    CU_ASSERT_FATAL(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, s->key, NULL) &&
                    EVP_DigestSign(ctx, s->sig, &s->sig_n, (const unsigned char *)"data", 4));
    EVP_MD_CTX_free(ctx);
}

static void clear_signer(SIGNER *s)
{
    EVP_PKEY_free(s->key);
    OPENSSL_free(s->spki);
}

static int verifies(EVP_PKEY *key, const SIGNER *by)
{
    CMPSRV_BYTES alg = {0};
    int ok;

    CU_ASSERT_FATAL(cmpsrv_sig_algid(key, CMPSRV_MD_SHA256, &alg, NULL));
    ok = cmpsrv_sig_verify(NULL, NULL, key, cmpsrv_bytes_slice(&alg), CMPSRV_MD_SHA256, S("data"),
                           cmpsrv_slice(by->sig, by->sig_n), CMPSRV_R_BAD_POP, NULL);
    cmpsrv_bytes_clear(&alg);
    return ok;
}

static EVP_PKEY *decode_with(CMPSRV_CURVES *c, CMPSRV_SLICE content)
{
    EVP_PKEY *key = NULL;
    char name[32];

    CU_ASSERT_FATAL(cmpsrv_pubkey_decode(NULL, NULL, c, content, &key, name, NULL));
    return key;
}

/* The same object with another point verifies as that one, and as that one alone. */
static void check_used_again(const char *curve)
{
    CMPSRV_CURVES *c = cmpsrv_curves_new(NULL, NULL);
    SIGNER a, b;
    EVP_PKEY *key, *again, *fresh;

    make_signer(&a, curve);
    make_signer(&b, curve);
    key = decode_with(c, a.content);
    CU_ASSERT(verifies(key, &a) && !verifies(key, &b) && EVP_PKEY_eq(key, a.key) == 1);
    cmpsrv_pubkey_release(c, key);
    again = decode_with(c, b.content);
    CU_ASSERT_PTR_EQUAL(again, key);
    fresh = decode_with(c, a.content); /* while the other is in use */
    CU_ASSERT_PTR_NOT_EQUAL(fresh, key);
    CU_ASSERT(!verifies(again, &a) && verifies(again, &b) && EVP_PKEY_eq(again, b.key) == 1);
    CU_ASSERT(verifies(fresh, &a) && !verifies(fresh, &b));
    cmpsrv_pubkey_release(c, again);
    cmpsrv_pubkey_release(c, fresh);
    cmpsrv_curves_free(c);
    clear_signer(&a);
    clear_signer(&b);
}

static void test_used_again(void)
{
    check_used_again("P-256");
    check_used_again("P-384");
    check_used_again("P-521");
}

/* A key that has failed to take a point is gone: the next one is as good as any. */
static void test_failed_is_not_used_again(void)
{
    CMPSRV_CURVES *c = cmpsrv_curves_new(NULL, NULL);
    CMPSRV_REFUSAL why = {0};
    SIGNER a;
    EVP_PKEY *key;
    unsigned char *last;
    char name[32];

    make_signer(&a, "P-256");
    cmpsrv_pubkey_release(c, decode_with(c, a.content));
    last = a.spki + (a.content.p - a.spki) + a.content.n - 1;
    *last ^= 1;
    CU_ASSERT_FALSE(cmpsrv_pubkey_decode(NULL, NULL, c, a.content, &key, name, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_KEY);
    *last ^= 1;
    key = decode_with(c, a.content);
    CU_ASSERT(verifies(key, &a));
    cmpsrv_pubkey_release(c, key);
    cmpsrv_curves_free(c);
    clear_signer(&a);
}

/* More than are kept, of other kinds, and nothing at all. */
static void test_release(void)
{
    CMPSRV_CURVES *c = cmpsrv_curves_new(NULL, NULL);
    EVP_PKEY *keys[100], *rsa = EVP_RSA_gen(1024), *last;
    SIGNER a;

    make_signer(&a, "P-256");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        keys[i] = decode_with(c, a.content);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        cmpsrv_pubkey_release(c, keys[i]);
    cmpsrv_pubkey_release(c, rsa);
    cmpsrv_pubkey_release(c, NULL);
    last = decode_with(c, a.content);
    CU_ASSERT(verifies(last, &a));
    cmpsrv_pubkey_release(NULL, last);
    cmpsrv_curves_free(c);
    clear_signer(&a);
}

enum { THREADS = 4, ROUNDS = 200 };

typedef struct {
    CMPSRV_CURVES *curves;
    SIGNER own, other;
    int wrong;
} CROWD;

static void *use_curves(void *arg)
{
    CROWD *t = arg;

    for (int i = 0; i < ROUNDS; i++) {
        const SIGNER *by = i % 2 == 0 ? &t->own : &t->other;
        EVP_PKEY *key = decode_with(t->curves, by->content);

        t->wrong += EVP_PKEY_eq(key, by->key) != 1 || (i % 10 == 0 && !verifies(key, by));
        cmpsrv_pubkey_release(t->curves, key);
    }
    return NULL;
}

/* No thread finds another's point in the key that it was given. */
static void test_threads(void)
{
    CMPSRV_CURVES *c = cmpsrv_curves_new(NULL, NULL);
    CROWD crowd[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (CROWD){.curves = c};
        make_signer(&crowd[i].own, "P-256");
        make_signer(&crowd[i].other, "P-256");
    }
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, use_curves, &crowd[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(crowd[i].wrong, 0);
        clear_signer(&crowd[i].own);
        clear_signer(&crowd[i].other);
    }
    cmpsrv_curves_free(c);
}

TEST_MAIN("pubkey", TEST(test_round_trips), TEST(test_unknown), TEST(test_by_provider),
          TEST(test_rsa_pss), TEST(test_rsa_limits), TEST(test_rsa_shapes), TEST(test_parameters),
          TEST(test_ec_points), TEST(test_ec_parameters), TEST(test_bit_string),
          TEST(test_used_again), TEST(test_failed_is_not_used_again), TEST(test_release),
          TEST(test_threads))
