/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and signatures against values and certificates that OpenSSL's own X.509 code made. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets) DER_OID_SLICE(octets)
#define RSA_OID   "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define SHA2      (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)
#define ALL       (SHA2 | CMPSRV_MD_SHA224 | CMPSRV_MD_SHA1)

static EVP_PKEY *rsa, *p256, *p384, *p521, *ed25519, *ed448;

static void make_keys(void)
{
    if (rsa != NULL)
        return;
    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    p521 = EVP_EC_gen("P-521");
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    CU_ASSERT_FATAL(rsa && p256 && p384 && p521 && ed25519 && ed448);
}

static void free_keys(void)
{
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(ed25519);
    EVP_PKEY_free(ed448);
    rsa = NULL;
}

static void test_md(void)
{
    unsigned char out[64], want[64];
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    CU_ASSERT_EQUAL(cmpsrv_md_from_name("SHA256"), CMPSRV_MD_SHA256);
    CU_ASSERT_EQUAL(cmpsrv_md_from_name("sha1"), CMPSRV_MD_SHA1);
    CU_ASSERT_EQUAL(cmpsrv_md_from_name("md5"), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_name(NULL), 0);
    CU_ASSERT_STRING_EQUAL(cmpsrv_md_name(CMPSRV_MD_SHA384), "sha384");
    CU_ASSERT_EQUAL(cmpsrv_md_size(CMPSRV_MD_SHA1), 20);
    CU_ASSERT_EQUAL(cmpsrv_md_size(CMPSRV_MD_SHA512), 64);
    CU_ASSERT_EQUAL(cmpsrv_md_size(CMPSRV_MD_SHA1 | CMPSRV_MD_SHA224), 0);
    CU_ASSERT_EQUAL(cmpsrv_unhex(abc, want, sizeof(want)), 32);
    CU_ASSERT(cmpsrv_sha256(cmpsrv_slice_str("abc"), out));
    CU_ASSERT_EQUAL(memcmp(out, want, 32), 0);
    CU_ASSERT(cmpsrv_md_hash(CMPSRV_MD_SHA1, cmpsrv_slice(NULL, 0), out));
    CU_ASSERT_EQUAL(cmpsrv_unhex("da39a3ee5e6b4b0d3255bfef95601890afd80709", want, 20), 20);
    CU_ASSERT_EQUAL(memcmp(out, want, 20), 0);
    CU_ASSERT_FALSE(cmpsrv_md_hash(3, cmpsrv_slice_str("abc"), out));
}

static void test_md_algid(void)
{
#define SHA2_OID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0b" SHA2_OID "\x01")), CMPSRV_MD_SHA256);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0d" SHA2_OID "\x02\x05\x00")), CMPSRV_MD_SHA384);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0b" SHA2_OID "\x03")), CMPSRV_MD_SHA512);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0b" SHA2_OID "\x04")), CMPSRV_MD_SHA224);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a")),
                    CMPSRV_MD_SHA1);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0d" SHA2_OID "\x01\x30\x00")), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0e" SHA2_OID "\x01\x02\x01\x05")), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0d" SHA2_OID "\x01\x04\x00")), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0b" SHA2_OID "\x0b")), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(S("\x30\x0b" SHA2_OID "\x01\x05\x00")), 0);
    CU_ASSERT_EQUAL(cmpsrv_md_from_algid(cmpsrv_slice(NULL, 0)), 0);
}

/* A certificate that OpenSSL builds and signs. */
static X509 *make_cert(EVP_PKEY *key, const EVP_MD *md)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();

    CU_ASSERT_FATAL(x != NULL && name != NULL);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"t", -1, -1, 0);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_set_subject_name(x, name);
    X509_set_issuer_name(x, name);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    CU_ASSERT_FATAL(X509_sign(x, key, md) > 0);
    X509_NAME_free(name);
    return x;
}

static CMPSRV_REASON verify(EVP_PKEY *key, CMPSRV_SLICE alg, unsigned mds, CMPSRV_SLICE data,
                            CMPSRV_SLICE sig)
{
    CMPSRV_REFUSAL why = {0};
    int ok =
        cmpsrv_sig_verify(NULL, NULL, key, alg, mds, data, sig, CMPSRV_R_BAD_MESSAGE_CHECK, &why);

    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    return why.reason;
}

/* What X509_sign made, our verifier accepts, and hash and signature are bound to the octets. */
static void check_openssl_signature(EVP_PKEY *key, const EVP_MD *md, unsigned bit, unsigned hash)
{
    X509 *x = make_cert(key, md);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v;

    CU_ASSERT_FATAL(len > 0 && cmpsrv_cert_view(cmpsrv_slice(der, (size_t)len), &v, &why));
    CU_ASSERT_EQUAL(verify(key, v.sig_alg, bit, v.tbs, v.signature), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify(key, v.sig_alg, ALL & ~bit, v.tbs, v.signature),
                    bit == 0 ? CMPSRV_R_NONE : CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(cmpsrv_certhash_md(v.der), hash);
    CU_ASSERT_EQUAL(
        verify(key, v.sig_alg, ALL, v.tbs, cmpsrv_slice(v.signature.p, v.signature.n - 1)),
        CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(verify(key, v.sig_alg, ALL, v.tbs, cmpsrv_slice("", 0)),
                    CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(verify(key, v.sig_alg, ALL, v.tbs, cmpsrv_slice(NULL, 0)),
                    CMPSRV_R_BAD_MESSAGE_CHECK);
    der[(size_t)(v.tbs.p - der) + v.tbs.n / 2] ^= 1;
    CU_ASSERT_EQUAL(verify(key, v.sig_alg, ALL, v.tbs, v.signature), CMPSRV_R_BAD_MESSAGE_CHECK);
    OPENSSL_free(der);
    X509_free(x);
}

static void test_verifies_openssl(void)
{
    make_keys();
    check_openssl_signature(rsa, EVP_sha1(), CMPSRV_MD_SHA1, CMPSRV_MD_SHA1);
    check_openssl_signature(rsa, EVP_sha224(), CMPSRV_MD_SHA224, CMPSRV_MD_SHA224);
    check_openssl_signature(rsa, EVP_sha256(), CMPSRV_MD_SHA256, CMPSRV_MD_SHA256);
    check_openssl_signature(rsa, EVP_sha384(), CMPSRV_MD_SHA384, CMPSRV_MD_SHA384);
    check_openssl_signature(rsa, EVP_sha512(), CMPSRV_MD_SHA512, CMPSRV_MD_SHA512);
    check_openssl_signature(p256, EVP_sha1(), CMPSRV_MD_SHA1, CMPSRV_MD_SHA1);
    check_openssl_signature(p256, EVP_sha224(), CMPSRV_MD_SHA224, CMPSRV_MD_SHA224);
    check_openssl_signature(p256, EVP_sha256(), CMPSRV_MD_SHA256, CMPSRV_MD_SHA256);
    check_openssl_signature(p384, EVP_sha384(), CMPSRV_MD_SHA384, CMPSRV_MD_SHA384);
    check_openssl_signature(p521, EVP_sha512(), CMPSRV_MD_SHA512, CMPSRV_MD_SHA512);
    check_openssl_signature(ed25519, NULL, 0, CMPSRV_MD_SHA512);
    check_openssl_signature(ed448, NULL, 0, 0);
}

/* The TBSCertificate of a certificate made by OpenSSL gets our signature; X509_verify decides. */
static void check_made(EVP_PKEY *key, unsigned md, const EVP_MD *same)
{
    X509 *x = make_cert(key, same), *ours = NULL;
    unsigned char *der = NULL;
    const unsigned char *p;
    CMPSRV_BYTES alg = {0}, sig = {0}, cert = {0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v;
    CMPSRV_DERW w = {0};
    int len = i2d_X509(x, &der);

    CU_ASSERT_FATAL(len > 0 && cmpsrv_cert_view(cmpsrv_slice(der, (size_t)len), &v, &why));
    CU_ASSERT_FATAL(cmpsrv_sig_algid(key, md, &alg, &why));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&alg), v.sig_alg));
    CU_ASSERT_FATAL(cmpsrv_sig_make(NULL, NULL, key, cmpsrv_bytes_slice(&alg), v.tbs, &sig, &why));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, v.tbs);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&alg));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&sig));
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &cert));
    p = cert.p;
    ours = d2i_X509(NULL, &p, (long)cert.n);
    CU_ASSERT_FATAL(ours != NULL);
    CU_ASSERT_EQUAL(X509_verify(ours, key), 1);
    X509_free(x);
    X509_free(ours);
    OPENSSL_free(der);
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&sig);
    cmpsrv_bytes_clear(&cert);
}

static void test_openssl_verifies_ours(void)
{
    make_keys();
    check_made(rsa, 0, EVP_sha256());
    check_made(rsa, CMPSRV_MD_SHA512, EVP_sha512());
    check_made(p256, 0, EVP_sha256());
    check_made(p256, CMPSRV_MD_SHA384, EVP_sha384());
    check_made(p384, 0, EVP_sha384());
    check_made(p521, 0, EVP_sha512());
    check_made(ed25519, 0, NULL);
    check_made(ed25519, CMPSRV_MD_SHA256, NULL);
    check_made(ed448, 0, NULL);
}

static void test_weak_digests_not_signed(void)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_BYTES out = {0};

    make_keys();
    CU_ASSERT_FALSE(cmpsrv_sig_algid(rsa, CMPSRV_MD_SHA1, &out, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
    CU_ASSERT_FALSE(cmpsrv_sig_algid(p256, CMPSRV_MD_SHA224, &out, &why));
    why.reason = CMPSRV_R_NONE;
    CU_ASSERT_FALSE(
        cmpsrv_sig_make(NULL, NULL, rsa, S("\x30\x0d" RSA_OID "\x05\x05\x00"), S("x"), &out, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
    CU_ASSERT_PTR_NULL(out.p);
}

static void test_algorithm_refused(void)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
#define B(s) {s, sizeof(s) - 1}
        B(""),
        B("\x30\x00"),
        B("\x30\x0d" RSA_OID "\x0b\x30\x00"),                  /* SEQUENCE for NULL */
        B("\x30\x0d" RSA_OID "\x0b\x04\x00"),                  /* OCTET STRING for NULL */
        B("\x30\x0e" RSA_OID "\x0b\x05\x01\x00"),              /* NULL with content */
        B("\x30\x0f" RSA_OID "\x0b\x05\x00\x05\x00"),          /* two parameters */
        B("\x30\x0d" RSA_OID "\x0b\x05\x00\x00"),              /* trailing */
        B("\x30\x0d" RSA_OID "\x04\x05\x00"),                  /* MD5 */
        B("\x30\x0b" RSA_OID "\x0a"),                          /* RSASSA-PSS without parameters */
        B("\x30\x0d" RSA_OID "\x01\x05\x00"),                  /* rsaEncryption */
        B("\x30\x0b" RSA_OID "\x01"),                          /* the same as a provider has it */
        B("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"), /* ECDSA, the key is RSA */
        B("\x30\x05\x06\x03\x2b\x65\x70"),                     /* Ed25519 */
        B("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d\x05\x00"), /* PasswordBasedMac */
    };

    make_keys();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(verify(rsa, cmpsrv_slice(bad[i].p, bad[i].n), ALL, S("x"), S("y")),
                        CMPSRV_R_BAD_ALG);
    /* parameters that must be absent */
    CU_ASSERT_EQUAL(verify(p256, S("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00"), ALL,
                           S("x"), S("y")),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify(ed25519, S("\x30\x07\x06\x03\x2b\x65\x70\x05\x00"), ALL, S("x"), S("y")),
                    CMPSRV_R_BAD_ALG);
    /* the other EdDSA */
    CU_ASSERT_EQUAL(verify(ed25519, S("\x30\x05\x06\x03\x2b\x65\x71"), ALL, S("x"), S("y")),
                    CMPSRV_R_BAD_ALG);
}

/* ---- RSASSA-PSS --------------------------------------------------------------------------------
 */

/* A certificate that OpenSSL signs with RSASSA-PSS. */
static X509 *make_pss_cert(EVP_PKEY *key, const char *md, const char *mgf1, int salt)
{
    X509 *x = make_cert(key, EVP_sha256());
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;

    CU_ASSERT_FATAL(EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, key, NULL) > 0);
    CU_ASSERT(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
    CU_ASSERT(EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, mgf1, NULL) > 0);
    CU_ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) > 0);
    CU_ASSERT_FATAL(X509_sign_ctx(x, ctx) > 0);
    EVP_MD_CTX_free(ctx);
    return x;
}

static CMPSRV_REASON verify_pss(EVP_PKEY *key, const char *md, const char *mgf1, int salt,
                                unsigned mds, unsigned *certhash)
{
    X509 *x = make_pss_cert(key, md, mgf1, salt);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    CMPSRV_CERT_VIEW v;
    CMPSRV_REASON r;

    CU_ASSERT_FATAL(len > 0 && cmpsrv_cert_view(cmpsrv_slice(der, (size_t)len), &v, NULL));
    r = verify(key, v.sig_alg, mds, v.tbs, v.signature);
    if (certhash != NULL)
        *certhash = cmpsrv_certhash_md(v.der);
    OPENSSL_free(der);
    X509_free(x);
    return r;
}

static void test_verifies_pss(void)
{
    EVP_PKEY *small = EVP_RSA_gen(1024);
    unsigned hash = 0;

    make_keys();
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA256", "SHA256", 32, SHA2, &hash), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(hash, CMPSRV_MD_SHA256);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA512", "SHA512", 64, SHA2, &hash), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(hash, CMPSRV_MD_SHA512);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA384", "SHA384", 20, SHA2, NULL), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA256", "SHA256", 222, SHA2, NULL), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA1", "SHA1", 20, ALL, NULL), CMPSRV_R_NONE);
    /* not allowed, another MGF1, no salt to speak of */
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA1", "SHA1", 20, SHA2, NULL), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA256", "SHA256", 32, CMPSRV_MD_SHA384, NULL),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA256", "SHA1", 32, ALL, NULL), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify_pss(rsa, "SHA256", "SHA256", 19, SHA2, NULL), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify_pss(small, "SHA512", "SHA512", 62, SHA2, NULL), CMPSRV_R_NONE);
    EVP_PKEY_free(small);
}

/* AlgorithmIdentifier of RSASSA-PSS with those parameters, for some octets. */
static CMPSRV_REASON with_parameters(EVP_PKEY *key, CMPSRV_SLICE parameters)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES alg = {0};
    CMPSRV_REASON r;

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, S(RSA_OID "\x0a"));
    cmpsrv_derw_raw(&w, parameters);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &alg));
    r = verify(key, cmpsrv_bytes_slice(&alg), ALL, S("x"), S("y"));
    cmpsrv_bytes_clear(&alg);
    return r;
}

static void test_pss_parameters(void)
{
#define SHA256_ALG "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
#define PSS_256                                                                                    \
    "\xa0\x0f" SHA256_ALG "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"               \
    "\x08" SHA256_ALG
    make_keys();
    /* as they must be: only the signature is wrong */
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x00")), CMPSRV_R_BAD_MESSAGE_CHECK); /* defaults */
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x34" PSS_256 "\xa2\x03\x02\x01\x20")),
                    CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(
        with_parameters(rsa, S("\x30\x39" PSS_256 "\xa2\x03\x02\x01\x20\xa3\x03\x02\x01\x01")),
        CMPSRV_R_BAD_MESSAGE_CHECK);
    /* trailerField 2; salt negative, larger than the key, not an INTEGER; order; something more */
    CU_ASSERT_EQUAL(
        with_parameters(rsa, S("\x30\x39" PSS_256 "\xa2\x03\x02\x01\x20\xa3\x03\x02\x01\x02")),
        CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x34" PSS_256 "\xa2\x03\x02\x01\xe0")),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x35" PSS_256 "\xa2\x04\x02\x02\x00\xdf")),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x35" PSS_256 "\xa2\x04\x02\x02\x00\xde")),
                    CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x34" PSS_256 "\xa2\x03\x04\x01\x20")),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x30\x34\xa2\x03\x02\x01\x20" PSS_256)),
                    CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(
        with_parameters(rsa, S("\x30\x39" PSS_256 "\xa2\x03\x02\x01\x20\xa4\x03\x02\x01\x01")),
        CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(with_parameters(rsa, S("\x05\x00")), CMPSRV_R_BAD_ALG);
    /* good for another key only */
    CU_ASSERT_EQUAL(with_parameters(p256, S("\x30\x34" PSS_256 "\xa2\x03\x02\x01\x20")),
                    CMPSRV_R_BAD_ALG);
}

/* The algorithm that `key` answers `like` with signs, and OpenSSL says the same of the signature.
 */
static void check_like(EVP_PKEY *key, CMPSRV_SLICE like, const char *md, int salt)
{
    CMPSRV_BYTES alg = {0}, sig = {0};
    CMPSRV_REFUSAL why = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;

    CU_ASSERT_FATAL(cmpsrv_sig_algid_like(key, like, &alg));
    CU_ASSERT_FATAL(cmpsrv_sig_make(NULL, NULL, key, cmpsrv_bytes_slice(&alg), S("x"), &sig, &why));
    CU_ASSERT_EQUAL(verify(key, cmpsrv_bytes_slice(&alg), SHA2, S("x"), cmpsrv_bytes_slice(&sig)),
                    CMPSRV_R_NONE);
    CU_ASSERT_FATAL(EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL, key, NULL) > 0);
    if (salt > 0) {
        CU_ASSERT(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
        CU_ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) > 0);
    }
    CU_ASSERT_EQUAL(EVP_DigestVerify(ctx, sig.p, sig.n, (const unsigned char *)"x", 1), 1);
    EVP_MD_CTX_free(ctx);
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&sig);
}

static EVP_PKEY *make_pss_key(const char *md, int salt)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    CU_ASSERT_FATAL(EVP_PKEY_keygen_init(ctx) > 0);
    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);
    if (md != NULL) {
        EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, md, NULL);
        EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, md);
        EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, salt);
    }
    CU_ASSERT_FATAL(EVP_PKEY_generate(ctx, &key) > 0);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void test_answers_like(void)
{
#define PSS_ALG "\x30\x41" RSA_OID "\x0a\x30\x34" PSS_256 "\xa2\x03\x02\x01\x20"
    CMPSRV_SLICE pss256 = S(PSS_ALG), pss1 = S("\x30\x0d" RSA_OID "\x0a\x30\x00");
    CMPSRV_SLICE rsa384 = S("\x30\x0d" RSA_OID "\x0c\x05\x00");
    CMPSRV_SLICE ecdsa512 = S("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04");
    EVP_PKEY *free_key = make_pss_key(NULL, 0), *tied = make_pss_key("SHA384", 40);
    CMPSRV_BYTES alg = {0};

    make_keys();
    check_like(rsa, pss256, "SHA256", 32);
    check_like(rsa, pss1, "SHA256", 32); /* SHA-1 is not followed */
    check_like(rsa, rsa384, "SHA384", 0);
    check_like(rsa, ecdsa512, "SHA512", 0);
    check_like(p256, pss256, "SHA256", 0);
    check_like(free_key, rsa384, "SHA384", 48); /* can do nothing else */
    check_like(free_key, pss256, "SHA256", 32);
    check_like(tied, pss256, "SHA384", 48); /* tied to its digest, and to 40 at least */
    CU_ASSERT_FALSE(cmpsrv_sig_algid_like(rsa, S("\x30\x00"), &alg));
    CU_ASSERT_EQUAL(verify(tied, pss256, ALL, S("x"), S("y")), CMPSRV_R_BAD_ALG);
    CU_ASSERT_EQUAL(verify(free_key, rsa384, ALL, S("x"), S("y")), CMPSRV_R_BAD_ALG);
    EVP_PKEY_free(free_key);
    EVP_PKEY_free(tied);
}

/* ---- what only a provider knows
 * ------------------------------------------------------------------ */

static void test_by_provider(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65"); /* OpenSSL 3.5 */

    ERR_clear_error();
    make_keys();
    /* OIDs of keys, which have digests to choose, are no signature algorithms */
    CU_ASSERT_EQUAL(
        verify(p256, S("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"), ALL, S("x"), S("y")),
        CMPSRV_R_BAD_ALG);
    if (key == NULL)
        return;
    check_openssl_signature(key, NULL, 0, 0);
    check_made(key, 0, NULL);
    CU_ASSERT_EQUAL(verify(p256, S("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12"), ALL,
                           S("x"), S("y")),
                    CMPSRV_R_BAD_ALG);
    EVP_PKEY_free(key);
}

static void test_rsa_absent_parameters(void)
{
    CMPSRV_SLICE with = S("\x30\x0d" RSA_OID "\x0b\x05\x00"),
                 without = S("\x30\x0b" RSA_OID "\x0b");
    CMPSRV_REFUSAL why = {0};
    CMPSRV_BYTES sig = {0};

    make_keys();
    CU_ASSERT_FATAL(cmpsrv_sig_make(NULL, NULL, rsa, with, S("data"), &sig, &why));
    CU_ASSERT_EQUAL(verify(rsa, without, SHA2, S("data"), cmpsrv_bytes_slice(&sig)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify(rsa, with, SHA2, S("date"), cmpsrv_bytes_slice(&sig)),
                    CMPSRV_R_BAD_MESSAGE_CHECK);
    cmpsrv_bytes_clear(&sig);
}

/* The refusal names the algorithm as libcrypto writes its OID. */
static void check_named(EVP_PKEY *key, const char *dotted)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES alg = {0};
    char want[200];

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, dotted);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &alg));
    CU_ASSERT_FALSE(cmpsrv_sig_verify(NULL, NULL, key, cmpsrv_bytes_slice(&alg), ~0u, S("data"),
                                      S("sig"), CMPSRV_R_BAD_POP, &why));
    snprintf(want, sizeof(want), "signature algorithm %s needs", dotted);
    CU_ASSERT(strncmp(why.detail, want, strlen(want)) == 0);
    cmpsrv_bytes_clear(&alg);
}

static void test_algorithm_named(void)
{
    static const char *const not_ed25519[] = {
        "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13",
        "1.2.840.113549.1.1.14", "1.2.840.113549.1.1.5",  "1.2.840.10045.4.3.2",
        "1.2.840.10045.4.3.3",   "1.2.840.10045.4.3.4",   "1.2.840.10045.4.3.1",
        "1.2.840.10045.4.1",     "1.3.101.113",           "1.2.3.4",
    };
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *ec = EVP_EC_gen("P-256");

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(not_ed25519); i++)
        check_named(ed, not_ed25519[i]);
    check_named(ec, "1.3.101.112");
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ec);
}

static void test_protected_part(void)
{
    CMPSRV_BYTES out = {0};

    CU_ASSERT_FATAL(cmpsrv_protected_part(S("\x30\x03\x02\x01\x02"), S("\xb3\x02\x05\x00"), &out));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&out),
                              S("\x30\x09\x30\x03\x02\x01\x02\xb3\x02\x05\x00")));
    cmpsrv_bytes_clear(&out);
}

static void test_end(void)
{
    free_keys();
    CU_ASSERT_EQUAL(cmpsrv_certhash_md(cmpsrv_slice(NULL, 0)), 0);
    CU_ASSERT_EQUAL(cmpsrv_certhash_md(S("\x30\x04\x30\x00\x30\x00")), 0);
}

TEST_MAIN("protect_sig", TEST(test_md), TEST(test_md_algid), TEST(test_verifies_openssl),
          TEST(test_openssl_verifies_ours), TEST(test_weak_digests_not_signed),
          TEST(test_algorithm_refused), TEST(test_algorithm_named),
          TEST(test_rsa_absent_parameters), TEST(test_verifies_pss), TEST(test_pss_parameters),
          TEST(test_answers_like), TEST(test_by_provider), TEST(test_protected_part),
          TEST(test_end))
