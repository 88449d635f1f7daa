/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest, protect_mac, protect_sig, pubkey and popo against libcrypto: its own PasswordBasedMac,
 * its own certificates and signatures, keys it made. Bytes are written by hand.
 */
#include "config.h"

#include <openssl/crmf.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets) DER_OID_SLICE(octets)
#define OID_PBM   "\x06\x09\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"
#define SHA256    "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define HMAC_SHA1 "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x08\x01\x02"

static const CMPSRV_MAC_POLICY policy = {CMPSRV_MD_SHA1 | CMPSRV_MD_SHA256,
                                         CMPSRV_MD_SHA256 | CMPSRV_MD_SHA512,
                                         100,
                                         100000,
                                         1000,
                                         100000};

/* ---- PasswordBasedMac
 * ---------------------------------------------------------------------------------------- */

/* An AlgorithmIdentifier of parts; `salt` octets of zero, count as INTEGER content. */
static CMPSRV_BYTES pbm(size_t salt, CMPSRV_SLICE owf, CMPSRV_SLICE count, CMPSRV_SLICE mac)
{
    static const unsigned char zeros[128];
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, S(OID_PBM));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_slice(zeros, salt));
    cmpsrv_derw_raw(&w, owf);
    cmpsrv_derw_put(&w, DER_INTEGER, count);
    cmpsrv_derw_raw(&w, mac);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static CMPSRV_REASON parse_pbm(size_t salt, CMPSRV_SLICE owf, CMPSRV_SLICE count, CMPSRV_SLICE mac)
{
    CMPSRV_BYTES alg = pbm(salt, owf, count, mac);
    CMPSRV_MAC_PARAMS params;
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&alg), &policy, &params, &why);

    CU_ASSERT(ok == (why.reason == CMPSRV_R_NONE));
    cmpsrv_bytes_clear(&alg);
    return why.reason;
}

static void test_mac_parameters(void)
{
    static const CMPSRV_SLICE bad_counts[] = {
        {(const unsigned char *)"\xff", 1},                                 /* -1 */
        {(const unsigned char *)"\x00", 1},                                 /* 0 */
        {(const unsigned char *)"\x63", 1},                                 /* 99 */
        {(const unsigned char *)"\x01\x86\xa1", 3},                         /* 100001 */
        {(const unsigned char *)"\x00\x80\x00\x00\x00", 5},                 /* 2^31 */
        {(const unsigned char *)"\x01\x00\x00\x00\x64", 5},                 /* 2^32 + 100 */
        {(const unsigned char *)"\x00\x80\x00\x00\x00\x00\x00\x00\x64", 9}, /* 2^63 + 100 */
    };
    CMPSRV_SLICE count = S("\x01\xf4");

    CU_ASSERT_EQUAL(parse_pbm(16, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(parse_pbm(16, S(SHA256), S("\x64"), S(HMAC_SHA1)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(parse_pbm(16, S(SHA256), S("\x01\x86\xa0"), S(HMAC_SHA1)), CMPSRV_R_NONE);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad_counts); i++)
        CU_ASSERT_EQUAL(parse_pbm(16, S(SHA256), bad_counts[i], S(HMAC_SHA1)), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(8, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(parse_pbm(64, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(parse_pbm(0, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(7, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(65, S(SHA256), count, S(HMAC_SHA1)), CMPSRV_R_BAD_ALG);
    /* the other OID of HMAC-SHA1, and NULL parameters */
    CU_ASSERT_EQUAL(parse_pbm(16, S("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"),
                              count, S("\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x07\x05\x00")),
                    CMPSRV_R_NONE);
    /* MD5, SHA-384 (known, not allowed here), HMAC-SHA512 (the same), parameters of a wrong type */
    CU_ASSERT_EQUAL(
        parse_pbm(16, S("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05"), count, S(HMAC_SHA1)),
        CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(16, S("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"), count,
                              S(HMAC_SHA1)),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(
        parse_pbm(16, S(SHA256), count, S("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x0b")),
        CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(16,
                              S("\x30\x0e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x02\x01\x00"),
                              count, S(HMAC_SHA1)),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(parse_pbm(16, S("\x05\x00"), count, S(HMAC_SHA1)), CMPSRV_R_BAD_ALG);
}

static void test_mac_parameters_of_wrong_types(void)
{
    static const CMPSRV_SLICE algs[] = {
        {(const unsigned char *)"\x30\x0b" OID_PBM, 13},
        {(const unsigned char *)"\x30\x0d" OID_PBM "\x05\x00", 15},
        {(const unsigned char *)"\x30\x0d" OID_PBM "\x30\x00", 15},
        {(const unsigned char *)"\x30\x0e" OID_PBM "\x02\x01\x05", 16},
        {(const unsigned char *)"\x30\x0e" OID_PBM "\x04\x01\x05", 16},
        {(const unsigned char *)"\x30\x0e" OID_PBM "\x06\x01\x2a", 16},
        {(const unsigned char *)"\x30\x05\x06\x03\x2b\x65\x70", 7}, /* Ed25519 */
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(algs); i++) {
        CMPSRV_MAC_PARAMS params;
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT(!cmpsrv_mac_params_parse(algs[i], &policy, &params, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
    }
    CU_ASSERT_EQUAL(cmpsrv_protection_kind(algs[0]), CMPSRV_PROTECTION_MAC);
    CU_ASSERT_EQUAL(cmpsrv_protection_kind(algs[6]), CMPSRV_PROTECTION_SIGNATURE);
    CU_ASSERT_EQUAL(cmpsrv_protection_kind(cmpsrv_slice(NULL, 0)), CMPSRV_PROTECTION_NONE);
}

/* Our MAC is libcrypto's, which has its own derivation. */
static void test_mac_against_libcrypto(void)
{
    static const int mac_nids[] = {NID_hmac_sha1, NID_hmacWithSHA256};
    static const unsigned macs[] = {CMPSRV_MD_SHA1, CMPSRV_MD_SHA256};
    CMPSRV_SLICE header = S("\x30\x03\x02\x01\x02"), body = S("\xa0\x02\x05\x00");
    CMPSRV_SECRET *secret = cmpsrv_secret_new("topsecret", 9),
                  *other = cmpsrv_secret_new("topsecreT", 9);

    for (size_t i = 0; i < 2; i++) {
        OSSL_CRMF_PBMPARAMETER *p = OSSL_CRMF_pbmp_new(NULL, 16, NID_sha256, 777, mac_nids[i]);
        unsigned char *der = NULL, *want = NULL, salt[16];
        int n = i2d_OSSL_CRMF_PBMPARAMETER(p, &der);
        CMPSRV_SLICE in = cmpsrv_slice(der, (size_t)n), seq, octets;
        CMPSRV_MAC_PARAMS params = {.owf = CMPSRV_MD_SHA256, .mac = macs[i], .iterations = 777};
        CMPSRV_BYTES part = {0}, mine = {0};
        CMPSRV_MAC_KEY *k, *wrong;
        CMPSRV_PKIMSG msg = {.header = header, .body = body};
        CMPSRV_REFUSAL why = {0};
        size_t want_n = 0;

        CU_ASSERT_FATAL(cmpsrv_der_get(&in, DER_SEQUENCE, &seq) &&
                        cmpsrv_der_get(&seq, DER_OCTET_STRING, &octets));
        memcpy(salt, octets.p, 16);
        params.salt = cmpsrv_slice(salt, 16);
        CU_ASSERT_FATAL(cmpsrv_protected_part(header, body, &part));
        CU_ASSERT_EQUAL(part.n, 2 + header.n + body.n);
        CU_ASSERT_FATAL(OSSL_CRMF_pbm_new(NULL, NULL, p, part.p, part.n,
                                          (const unsigned char *)"topsecret", 9, &want, &want_n));
        k = cmpsrv_mac_key_derive(&params, secret);
        wrong = cmpsrv_mac_key_derive(&params, other);
        CU_ASSERT_FATAL(k != NULL && wrong != NULL &&
                        cmpsrv_mac_compute(k, header, body, &mine, NULL));
        CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&mine), cmpsrv_slice(want, want_n)));
        msg.protection = cmpsrv_slice(want, want_n);
        CU_ASSERT(cmpsrv_mac_verify(k, &msg, NULL));
        CU_ASSERT(!cmpsrv_mac_verify(wrong, &msg, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_MESSAGE_CHECK);
        msg.protection.n--;
        CU_ASSERT(!cmpsrv_mac_verify(k, &msg, NULL));
        msg.protection.n = 0;
        CU_ASSERT(!cmpsrv_mac_verify(k, &msg, NULL));
        cmpsrv_mac_key_free(k);
        cmpsrv_mac_key_free(wrong);
        cmpsrv_bytes_clear(&part);
        cmpsrv_bytes_clear(&mine);
        OPENSSL_free(der);
        OPENSSL_free(want);
        OSSL_CRMF_PBMPARAMETER_free(p);
    }
    cmpsrv_secret_free(secret);
    cmpsrv_secret_free(other);
}

static void test_mac_algid(void)
{
    CMPSRV_MAC_PARAMS params = {.owf = CMPSRV_MD_SHA256, .mac = CMPSRV_MD_SHA1, .iterations = 500},
                      back;
    CMPSRV_SLICE salt = S("0123456789abcdef");
    CMPSRV_BYTES out = {0};

    CU_ASSERT_FATAL(cmpsrv_mac_algid(&params, salt, &out));
    CU_ASSERT_FATAL(cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&out), &policy, &back, NULL));
    CU_ASSERT(cmpsrv_slice_eq(back.salt, salt) && back.owf == params.owf &&
              back.mac == params.mac && back.iterations == 500);
    cmpsrv_bytes_clear(&out);
}

/* ---- signatures
 * ------------------------------------------------------------------------------------------------
 */

static EVP_PKEY *keygen(const char *type)
{
    return strcmp(type, "RSA") == 0      ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
           : strncmp(type, "P-", 2) == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", type)
                                         : EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static const char *const key_types[] = {"RSA", "P-256", "P-384", "P-521", "ED25519", "ED448"};

/* A certificate that libcrypto signed: its signature is taken, a changed one is not. */
static void test_libcrypto_signs_we_verify(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(key_types); i++) {
        EVP_PKEY *key = keygen(key_types[i]);
        X509 *x = X509_new();
        unsigned char *der = NULL;
        CMPSRV_CERT_VIEW v;
        CMPSRV_REFUSAL why = {0};
        int n;

        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 5);
        X509_gmtime_adj(X509_getm_notBefore(x), 0);
        X509_gmtime_adj(X509_getm_notAfter(x), 1000);
        X509_set_pubkey(x, key);
        CU_ASSERT_FATAL(X509_sign(x, key, key_types[i][0] == 'E' ? NULL : EVP_sha384()) > 0);
        n = i2d_X509(x, &der);
        CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_slice(der, (size_t)n), &v, NULL));
        CU_ASSERT(cmpsrv_sig_is_known(NULL, NULL, v.sig_alg));
        CU_ASSERT(cmpsrv_sig_verify(NULL, NULL, key, v.sig_alg, CMPSRV_MD_SHA384, v.tbs,
                                    v.signature, CMPSRV_R_BAD_POP, NULL));
        CU_ASSERT(!cmpsrv_sig_verify(NULL, NULL, key, v.sig_alg, CMPSRV_MD_SHA384, v.issuer,
                                     v.signature, CMPSRV_R_BAD_POP, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_POP);
        memset(&why, 0, sizeof(why));
        if (key_types[i][0] != 'E') {
            CU_ASSERT(!cmpsrv_sig_verify(NULL, NULL, key, v.sig_alg, CMPSRV_MD_SHA256, v.tbs,
                                         v.signature, CMPSRV_R_BAD_POP, &why));
            CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
        }
        CU_ASSERT_EQUAL(cmpsrv_certhash_md(cmpsrv_slice(der, (size_t)n)),
                        i == 5   ? 0 /* Ed448: SHAKE */
                        : i == 4 ? CMPSRV_MD_SHA512
                                 : CMPSRV_MD_SHA384);
        OPENSSL_free(der);
        X509_free(x);
        EVP_PKEY_free(key);
    }
}

static void test_we_sign_libcrypto_verifies(void)
{
    static const char *const md[] = {"SHA256", "SHA256", "SHA384", "SHA512", NULL, NULL};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(key_types); i++) {
        EVP_PKEY *key = keygen(key_types[i]);
        CMPSRV_BYTES alg = {0}, sig = {0};
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        CU_ASSERT_FATAL(cmpsrv_sig_algid(key, 0, &alg, NULL));
        CU_ASSERT_FATAL(
            cmpsrv_sig_make(NULL, NULL, key, cmpsrv_bytes_slice(&alg), S("data"), &sig, NULL));
        CU_ASSERT(EVP_DigestVerifyInit_ex(ctx, NULL, md[i], NULL, NULL, key, NULL) == 1);
        CU_ASSERT_EQUAL(EVP_DigestVerify(ctx, sig.p, sig.n, (const unsigned char *)"data", 4), 1);
        EVP_MD_CTX_free(ctx);
        cmpsrv_bytes_clear(&alg);
        cmpsrv_bytes_clear(&sig);
        EVP_PKEY_free(key);
    }
}

static void test_signature_algorithms(void)
{
    EVP_PKEY *rsa = keygen("RSA"), *ec = keygen("P-256");
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SLICE ecdsa_null = S("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00");
    CMPSRV_SLICE rsa_int = S("\x30\x0e\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x02\x01\x05");
    CMPSRV_SLICE rsa_sha256 = S("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
    CMPSRV_SLICE md5 = S("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00");
    CMPSRV_BYTES alg = {0};

    CU_ASSERT(!cmpsrv_sig_is_known(NULL, NULL, md5));
#define REFUSED(key, alg, reason_)                                                                 \
    memset(&why, 0, sizeof(why));                                                                  \
    CU_ASSERT(                                                                                     \
        !cmpsrv_sig_verify(NULL, NULL, key, alg, 31, S("x"), S("y"), CMPSRV_R_BAD_POP, &why));     \
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_##reason_)
    REFUSED(ec, ecdsa_null, BAD_ALG);
    REFUSED(rsa, rsa_int, BAD_ALG);
    REFUSED(rsa, md5, BAD_ALG);
    REFUSED(ec, rsa_sha256, BAD_ALG); /* a key of another type */
    REFUSED(rsa, rsa_sha256, BAD_POP);
    REFUSED(rsa, cmpsrv_slice(NULL, 0), BAD_ALG);
    CU_ASSERT(cmpsrv_sig_algid(rsa, CMPSRV_MD_SHA256, &alg, NULL));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&alg), rsa_sha256));
    cmpsrv_bytes_clear(&alg);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

/* ---- keys
 * -------------------------------------------------------------------------------------------------------
 */

static CMPSRV_REASON decode(CMPSRV_SLICE content, EVP_PKEY *want, const char *name)
{
    CMPSRV_REFUSAL why = {0};
    EVP_PKEY *key = NULL;
    char have[32];
    int ok = cmpsrv_pubkey_decode(NULL, NULL, NULL, content, &key, have, &why);

    CU_ASSERT(ok == (key != NULL) && ok == (why.reason == CMPSRV_R_NONE));
    if (want != NULL) {
        CU_ASSERT_FATAL(ok);
        CU_ASSERT_EQUAL(EVP_PKEY_eq(key, want), 1);
        CU_ASSERT_STRING_EQUAL(have, name);
    }
    EVP_PKEY_free(key);
    return why.reason;
}

/* Content octets of a SubjectPublicKeyInfo; *der is to be freed. */
static CMPSRV_SLICE spki(EVP_PKEY *key, unsigned char **der)
{
    int n = i2d_PUBKEY(key, der);
    CMPSRV_SLICE s = cmpsrv_slice(*der, (size_t)n), content = {0};

    CU_ASSERT_FATAL(cmpsrv_der_get(&s, DER_SEQUENCE, &content));
    return content;
}

static void test_good_keys(void)
{
    static const char *const names[] = {"rsa:2048", "ec:P-256", "ec:P-384",
                                        "ec:P-521", "ed25519",  "ed448"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(key_types); i++) {
        EVP_PKEY *key = keygen(key_types[i]);
        unsigned char *der = NULL;

        CU_ASSERT_EQUAL(decode(spki(key, &der), key, names[i]), CMPSRV_R_NONE);
        OPENSSL_free(der);
        if (key_types[i][0] == 'P') { /* the compressed form is the same key */
            der = NULL;
            EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed");
            CU_ASSERT_EQUAL(decode(spki(key, &der), key, names[i]), CMPSRV_R_NONE);
            OPENSSL_free(der);
        }
        EVP_PKEY_free(key);
    }
}

static void test_damaged_keys(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(key_types); i++) {
        EVP_PKEY *key = keygen(key_types[i]);
        unsigned char *der = NULL;
        CMPSRV_SLICE s = spki(key, &der);

        for (size_t n = 0; n < s.n; n++)
            CU_ASSERT_NOT_EQUAL(decode(cmpsrv_slice(s.p, n), NULL, NULL), CMPSRV_R_NONE);
        if (key_types[i][0] == 'P') {
            der[(size_t)(s.p - der) + s.n - 1] ^= 1; /* off the curve, for an uncompressed point */
            CU_ASSERT_EQUAL(decode(s, NULL, NULL), CMPSRV_R_BAD_KEY);
        }
        if (key_types[i][0] == 'R') {
            der[(size_t)(s.p - der) + s.n - 6] ^= 1; /* the modulus is even */
            CU_ASSERT_EQUAL(decode(s, NULL, NULL), CMPSRV_R_BAD_KEY);
        }
        OPENSSL_free(der);
        EVP_PKEY_free(key);
    }
}

/* rsaEncryption with a modulus of n octets of 0xff (odd) and an exponent. */
static CMPSRV_REASON rsa(size_t n, CMPSRV_SLICE exponent)
{
    static unsigned char ones[4096];
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES der = {0}, bits = {0};
    CMPSRV_REASON reason;

    memset(ones, 0xff, sizeof(ones));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_uint_octets(&w, ones, n);
    cmpsrv_derw_put(&w, DER_INTEGER, exponent);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &bits));
    cmpsrv_derw_raw(&w, S("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&bits));
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &der));
    reason = decode(cmpsrv_bytes_slice(&der), NULL, NULL);
    cmpsrv_bytes_clear(&der);
    cmpsrv_bytes_clear(&bits);
    return reason;
}

static void test_odd_keys(void)
{
    CU_ASSERT_EQUAL(rsa(256, S("\x01\x00\x01")), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(rsa(256, S("\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(256, S("\x04")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(256, S("\xff")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(256, S("\x01\x00\x00\x00\x00\x00\x00\x00\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(2049, S("\x01\x00\x01")), CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(rsa(63, S("\x01\x00\x01")), CMPSRV_R_BAD_KEY);
    /* explicit EC parameters, secp256k1, an unknown algorithm, an empty key, parameters of Ed25519
     */
    CU_ASSERT_EQUAL(
        decode(S("\x30\x0b\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x00\x03\x02\x00\x04"), NULL,
               NULL),
        CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00"
                             "\x0a\x03\x02\x00\x04"),
                           NULL, NULL),
                    CMPSRV_R_UNKNOWN_KEY_ALG);
    CU_ASSERT_EQUAL(decode(S("\x30\x04\x06\x02\x2a\x03\x03\x02\x00\x04"), NULL, NULL),
                    CMPSRV_R_UNKNOWN_KEY_ALG);
    CU_ASSERT_EQUAL(decode(S("\x30\x05\x06\x03\x2b\x65\x70\x03\x01\x00"), NULL, NULL),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S("\x30\x07\x06\x03\x2b\x65\x70\x05\x00\x03\x02\x00\x04"), NULL, NULL),
                    CMPSRV_R_BAD_KEY);
    CU_ASSERT_EQUAL(decode(S("\x30\x05\x06\x03\x2b\x65\x70\x03\x02\x01\x04"), NULL, NULL),
                    CMPSRV_R_BAD_KEY); /* unused bits */
}

static void test_pop_kinds(void)
{
    static const struct {
        CMPSRV_POP_KIND kind;
        CMPSRV_REASON reason;
    } t[] = {{CMPSRV_POP_ABSENT, CMPSRV_R_BAD_POP},
             {CMPSRV_POP_RA_VERIFIED, CMPSRV_R_NOT_AUTHORIZED},
             {CMPSRV_POP_SIGNATURE_INPUT, CMPSRV_R_BAD_POP},
             {CMPSRV_POP_KEY_ENCIPHERMENT, CMPSRV_R_BAD_POP},
             {CMPSRV_POP_KEY_AGREEMENT, CMPSRV_R_BAD_POP}};
    EVP_PKEY *key = keygen("P-256");
    CMPSRV_BYTES alg = {0}, sig = {0};
    CMPSRV_CERT_REQUEST cr = {.pop_signed = S("data")};

    cmpsrv_sig_algid(key, 0, &alg, NULL);
    cmpsrv_sig_make(NULL, NULL, key, cmpsrv_bytes_slice(&alg), cr.pop_signed, &sig, NULL);
    cr.pop_alg = cmpsrv_bytes_slice(&alg);
    cr.pop_signature = cmpsrv_bytes_slice(&sig);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_REFUSAL why = {0};

        cr.pop = t[i].kind;
        CU_ASSERT(
            !cmpsrv_popo_verify(NULL, NULL, &cr, key, &(CMPSRV_POPO_RULES){.digests = 31}, &why));
        CU_ASSERT_EQUAL(why.reason, t[i].reason);
    }
    cr.pop = CMPSRV_POP_SIGNATURE;
    CU_ASSERT(cmpsrv_popo_verify(NULL, NULL, &cr, key, &(CMPSRV_POPO_RULES){.digests = 31}, NULL));
    cr.pop = CMPSRV_POP_PKCS10;
    CU_ASSERT(cmpsrv_popo_verify(NULL, NULL, &cr, key, &(CMPSRV_POPO_RULES){.digests = 31}, NULL));
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&sig);
    EVP_PKEY_free(key);
}

static void test_digests(void)
{
    unsigned char out[64];
    char hex[129];

    CU_ASSERT_EQUAL(cmpsrv_md_from_name("SHA256"), CMPSRV_MD_SHA256);
    CU_ASSERT_EQUAL(cmpsrv_md_from_name("md5"), 0);
    CU_ASSERT_STRING_EQUAL(cmpsrv_md_name(CMPSRV_MD_SHA384), "sha384");
    CU_ASSERT_EQUAL(cmpsrv_md_size(CMPSRV_MD_SHA512), 64);
    CU_ASSERT_EQUAL(cmpsrv_md_size(3), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S(SHA256)), CMPSRV_MD_SHA256);
    CU_ASSERT_EQUAL(
        cmpsrv_md_from_algid(S("\x30\x0e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x02\x01\x00")),
        0);
    CU_ASSERT(cmpsrv_md_hash(CMPSRV_MD_SHA1, S("abc"), out)); /* FIPS 180-4 */
    CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_slice(out, 20), hex, sizeof(hex)),
                           "a9993e364706816aba3e25717850c26c9cd0d89d");
    CU_ASSERT(!cmpsrv_md_hash(3, S("abc"), out));
    CU_ASSERT(cmpsrv_hmac(CMPSRV_MD_SHA256, S("Jefe"), S("what do ya want for nothing?"),
                          out)); /* RFC 4231 */
    CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_slice(out, CMPSRV_HASH), hex, sizeof(hex)),
                           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_MAIN("crypto", TEST(test_mac_parameters), TEST(test_mac_parameters_of_wrong_types),
          TEST(test_mac_against_libcrypto), TEST(test_mac_algid),
          TEST(test_libcrypto_signs_we_verify), TEST(test_we_sign_libcrypto_verifies),
          TEST(test_signature_algorithms), TEST(test_good_keys), TEST(test_damaged_keys),
          TEST(test_odd_keys), TEST(test_pop_kinds), TEST(test_digests))
