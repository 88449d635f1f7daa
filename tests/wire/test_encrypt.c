/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates encrypted to their keys, decrypted again by libcrypto as a client does. Only this
 * test decrypts: the server does not have the code.
 */
#include "config.h"

#include <openssl/cms.h>
#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "test.h"
#include "wire/wire.h"

static const unsigned char key_id[20] = "an identifier of 20";

/* A certificate for that key, signed by another one. */
static X509 *make_cert(OSSL_LIB_CTX *libctx, EVP_PKEY *key, int with_ski)
{
    EVP_PKEY *ca = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    X509 *cert = X509_new_ex(libctx, NULL);
    ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
    X509_NAME *name;

    CU_ASSERT_FATAL(ca != NULL && cert != NULL && ski != NULL && key != NULL);
    name = X509_get_subject_name(cert);
    CU_ASSERT_FATAL(X509_set_version(cert, X509_VERSION_3) &&
                    ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711) &&
                    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                               (const unsigned char *)"ee", -1, -1, 0) &&
                    X509_set_issuer_name(cert, name) &&
                    X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
                    X509_gmtime_adj(X509_getm_notAfter(cert), 3600) && X509_set_pubkey(cert, key) &&
                    ASN1_OCTET_STRING_set(ski, key_id, sizeof(key_id)) &&
                    (!with_ski || X509_add1_ext_i2d(cert, NID_subject_key_identifier, ski, 0, 0)) &&
                    X509_sign(cert, ca, EVP_sha256()));
    ASN1_OCTET_STRING_free(ski);
    EVP_PKEY_free(ca);
    return cert;
}

static int encrypt(OSSL_LIB_CTX *libctx, X509 *cert, int64_t pvno, CMPSRV_BYTES *out)
{
    CMPSRV_REFUSAL why = {0};
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    int ok = cmpsrv_encrypt_cert(libctx, NULL, cmpsrv_slice(der, (size_t)n), pvno, out, &why);

    CU_ASSERT_EQUAL(why.reason, ok ? CMPSRV_R_NONE : CMPSRV_R_SYSTEM_FAILURE);
    OPENSSL_free(der);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(out->p != NULL, ok);
    /* one element, in DER to the last octet */
    CU_ASSERT(!ok || cmpsrv_der_check(cmpsrv_bytes_slice(out), 20, 1000, NULL));
    return ok;
}

static int is_der_of(const unsigned char *p, size_t n, X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    int same = len > 0 && (size_t)len == n && memcmp(p, der, n) == 0;

    OPENSSL_free(der);
    return same;
}

/* ---- EnvelopedData, pvno 3 ---------------------------------------------------------------------
 */

/* The ContentInfo around what has the tag [0] in an EncryptedKey. */
static CMS_ContentInfo *read_enveloped(CMPSRV_SLICE encrypted_key)
{
    static const CMPSRV_SLICE enveloped_data = {
        (const unsigned char *)"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9};
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES der = {NULL, 0};
    CMPSRV_SLICE content;
    CMS_ContentInfo *cms;
    const unsigned char *p;

    CU_ASSERT_FATAL(cmpsrv_der_get(&encrypted_key, 0xa0, &content) && encrypted_key.n == 0);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, enveloped_data);
    cmpsrv_derw_begin(&w, 0xa0);
    cmpsrv_derw_put(&w, DER_SEQUENCE, content);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &der));
    p = der.p;
    cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
    CU_ASSERT_FATAL(cms != NULL && p == der.p + der.n);
    cmpsrv_bytes_clear(&der);
    return cms;
}

/* cert NULL: as a client does that has no certificate yet. */
static int decrypts_to(CMPSRV_SLICE encrypted_key, EVP_PKEY *key, X509 *recipient, X509 *cert)
{
    CMS_ContentInfo *cms = read_enveloped(encrypted_key);
    BIO *out = BIO_new(BIO_s_mem());
    char *p = NULL;
    int ok = CMS_decrypt(cms, key, recipient, NULL, out, 0);
    long n = BIO_get_mem_data(out, &p);

    ok = ok && is_der_of((unsigned char *)p, (size_t)n, cert);
    ERR_clear_error();
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    return ok;
}

static int nid_of(const X509_ALGOR *alg)
{
    const ASN1_OBJECT *oid;

    X509_ALGOR_get0(&oid, NULL, NULL, alg);
    return OBJ_obj2nid(oid);
}

static int is_key_id(ASN1_OCTET_STRING *id)
{
    return id != NULL && ASN1_STRING_length(id) == (int)sizeof(key_id) &&
           memcmp(ASN1_STRING_get0_data(id), key_id, sizeof(key_id)) == 0;
}

/* RSAES-OAEP with SHA-256, in MGF1 too. */
static void check_oaep(const ASN1_STRING *sequence)
{
    const unsigned char *p = ASN1_STRING_get0_data(sequence);
    RSA_OAEP_PARAMS *params = d2i_RSA_OAEP_PARAMS(NULL, &p, ASN1_STRING_length(sequence));
    X509_ALGOR *mgf1_hash = NULL;
    const void *value = NULL;
    int type = 0;

    CU_ASSERT_FATAL(params != NULL && params->hashFunc != NULL && params->maskGenFunc != NULL);
    CU_ASSERT_EQUAL(nid_of(params->hashFunc), NID_sha256);
    CU_ASSERT_EQUAL(nid_of(params->maskGenFunc), NID_mgf1);
    X509_ALGOR_get0(NULL, &type, &value, params->maskGenFunc);
    CU_ASSERT_FATAL(type == V_ASN1_SEQUENCE);
    p = ASN1_STRING_get0_data(value);
    mgf1_hash = d2i_X509_ALGOR(NULL, &p, ASN1_STRING_length(value));
    CU_ASSERT_FATAL(mgf1_hash != NULL);
    CU_ASSERT_EQUAL(nid_of(mgf1_hash), NID_sha256);
    CU_ASSERT_PTR_NULL(params->pSourceFunc);
    X509_ALGOR_free(mgf1_hash);
    RSA_OAEP_PARAMS_free(params);
}

static void check_ktri(CMS_RecipientInfo *ri)
{
    ASN1_OCTET_STRING *id = NULL;
    X509_ALGOR *alg = NULL;
    const void *value = NULL;
    int type = 0;

    CU_ASSERT(CMS_RecipientInfo_ktri_get0_algs(ri, NULL, NULL, &alg));
    CU_ASSERT_EQUAL(nid_of(alg), NID_rsaesOaep);
    X509_ALGOR_get0(NULL, &type, &value, alg);
    CU_ASSERT_FATAL(type == V_ASN1_SEQUENCE);
    check_oaep(value);
    CU_ASSERT(CMS_RecipientInfo_ktri_get0_signer_id(ri, &id, NULL, NULL));
    CU_ASSERT(is_key_id(id));
}

/* A fresh key of the originator; the SHA-256 KDF, AES-256 wrap. */
static void check_kari(CMS_RecipientInfo *ri)
{
    static const unsigned char wrap[] = {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
                                         0x01, 0x65, 0x03, 0x04, 0x01, 0x2d};
    STACK_OF(CMS_RecipientEncryptedKey) *reks = CMS_RecipientInfo_kari_get0_reks(ri);
    ASN1_OCTET_STRING *id = NULL, *originator_id = NULL;
    ASN1_BIT_STRING *originator = NULL;
    X509_ALGOR *alg = NULL, *originator_alg = NULL;
    const void *value = NULL;
    int type = 0;

    CU_ASSERT(CMS_RecipientInfo_kari_get0_alg(ri, &alg, NULL));
    CU_ASSERT_EQUAL(nid_of(alg), NID_dhSinglePass_stdDH_sha256kdf_scheme);
    X509_ALGOR_get0(NULL, &type, &value, alg);
    CU_ASSERT_FATAL(type == V_ASN1_SEQUENCE);
    CU_ASSERT(ASN1_STRING_length(value) == (int)sizeof(wrap) &&
              memcmp(ASN1_STRING_get0_data(value), wrap, sizeof(wrap)) == 0);
    CU_ASSERT(CMS_RecipientInfo_kari_get0_orig_id(ri, &originator_alg, &originator, &originator_id,
                                                  NULL, NULL));
    CU_ASSERT(originator != NULL && originator_id == NULL);
    CU_ASSERT_EQUAL_FATAL(sk_CMS_RecipientEncryptedKey_num(reks), 1);
    CU_ASSERT(CMS_RecipientEncryptedKey_get0_id(sk_CMS_RecipientEncryptedKey_value(reks, 0), &id,
                                                NULL, NULL, NULL, NULL));
    CU_ASSERT(is_key_id(id));
}

/* version, recipientInfos, encryptedContentInfo { id-data, aes256-CBC, ... } and no more. */
static void check_parts(CMPSRV_SLICE encrypted_key)
{
    CMPSRV_SLICE c, info, content, oid, parameters;
    int64_t version = 0;

    CU_ASSERT_FATAL(cmpsrv_der_get(&encrypted_key, 0xa0, &c));
    CU_ASSERT(cmpsrv_der_get_int64(&c, &version) && version == 2);
    CU_ASSERT(cmpsrv_der_get(&c, DER_SET, NULL));
    CU_ASSERT_FATAL(cmpsrv_der_get(&c, DER_SEQUENCE, &info) && c.n == 0);
    CU_ASSERT(cmpsrv_der_get(&info, DER_OID, &content) &&
              cmpsrv_slice_eq(content, DER_OID_SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")));
    CU_ASSERT(cmpsrv_der_get_algid(&info, &oid, &parameters) &&
              cmpsrv_slice_eq(oid, DER_OID_SLICE("\x60\x86\x48\x01\x65\x03\x04\x01\x2a")));
    CU_ASSERT(cmpsrv_der_get(&info, 0x80, NULL) && info.n == 0);
}

static void check_enveloped(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *other, int type,
                            void (*check)(CMS_RecipientInfo *))
{
    X509 *cert = make_cert(libctx, key, 1);
    CMPSRV_BYTES out = {NULL, 0}, again = {NULL, 0};
    CMS_ContentInfo *cms;
    CMS_RecipientInfo *ri;

    CU_ASSERT(cmpsrv_can_encrypt_to(key, 3));
    CU_ASSERT_FATAL(encrypt(libctx, cert, 3, &out));
    check_parts(cmpsrv_bytes_slice(&out));
    cms = read_enveloped(cmpsrv_bytes_slice(&out));
    CU_ASSERT_EQUAL_FATAL(sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)), 1);
    ri = sk_CMS_RecipientInfo_value(CMS_get0_RecipientInfos(cms), 0);
    CU_ASSERT_EQUAL_FATAL(CMS_RecipientInfo_type(ri), type);
    check(ri);
    CMS_ContentInfo_free(cms);
    CU_ASSERT(decrypts_to(cmpsrv_bytes_slice(&out), key, cert, cert));
    CU_ASSERT(decrypts_to(cmpsrv_bytes_slice(&out), key, NULL, cert));
    CU_ASSERT(!decrypts_to(cmpsrv_bytes_slice(&out), other, NULL, cert));
    CU_ASSERT_FATAL(encrypt(libctx, cert, 3, &again));
    CU_ASSERT(!cmpsrv_slice_eq(cmpsrv_bytes_slice(&out), cmpsrv_bytes_slice(&again)));
    CU_ASSERT(decrypts_to(cmpsrv_bytes_slice(&again), key, NULL, cert));
    cmpsrv_bytes_clear(&out);
    cmpsrv_bytes_clear(&again);
    X509_free(cert);
}

static void check_enveloped_keys(OSSL_LIB_CTX *libctx)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048);
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");

    check_enveloped(libctx, rsa, ec, CMS_RECIPINFO_TRANS, check_ktri);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(curves); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx, NULL, "EC", curves[i]);
        EVP_PKEY *other = EVP_PKEY_Q_keygen(libctx, NULL, "EC", curves[i]);

        check_enveloped(libctx, key, other, CMS_RECIPINFO_AGREE, check_kari);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

static void test_enveloped(void)
{
    check_enveloped_keys(NULL);
}

/* As the server has it: a library context of its own. */
static void test_enveloped_libctx(void)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(libctx, "default");

    CU_ASSERT_FATAL(libctx != NULL && provider != NULL);
    check_enveloped_keys(libctx);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
}

/* ---- EncryptedValue, pvno 2 --------------------------------------------------------------------
 */

/* RFC 4211 2.1 as a pvno 2 client reads it. */
static int value_decrypts_to(CMPSRV_SLICE encrypted_key, EVP_PKEY *key, X509 *cert)
{
    const unsigned char *p = encrypted_key.p;
    OSSL_CRMF_ENCRYPTEDVALUE *value = d2i_OSSL_CRMF_ENCRYPTEDVALUE(NULL, &p, (long)encrypted_key.n);
    X509 *got;
    int ok;

    CU_ASSERT_FATAL(value != NULL && p == encrypted_key.p + encrypted_key.n);
    got = OSSL_CRMF_ENCRYPTEDVALUE_get1_encCert(value, NULL, NULL, key);
    ok = got != NULL && X509_cmp(got, cert) == 0;
    ERR_clear_error();
    X509_free(got);
    OSSL_CRMF_ENCRYPTEDVALUE_free(value);
    return ok;
}

static void check_value_parts(CMPSRV_SLICE encrypted_key, size_t cert_n)
{
    CMPSRV_SLICE c, alg, oid, iv, bits, parameters;

    CU_ASSERT_FATAL(cmpsrv_der_get(&encrypted_key, DER_SEQUENCE, &c));
    CU_ASSERT_FATAL(cmpsrv_der_get(&c, 0xa1, &alg));
    CU_ASSERT(cmpsrv_der_get(&alg, DER_OID, &oid) &&
              cmpsrv_slice_eq(oid, DER_OID_SLICE("\x60\x86\x48\x01\x65\x03\x04\x01\x2a")));
    CU_ASSERT(cmpsrv_der_get(&alg, DER_OCTET_STRING, &iv) && iv.n == 16 && alg.n == 0);
    CU_ASSERT(cmpsrv_der_get(&c, 0x82, &bits) && bits.n == 257 && bits.p[0] == 0);
    CU_ASSERT_FATAL(cmpsrv_der_get(&c, 0xa3, &alg));
    CU_ASSERT(cmpsrv_der_get(&alg, DER_OID, &oid) &&
              cmpsrv_slice_eq(oid, DER_OID_SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")));
    CU_ASSERT(cmpsrv_der_get_tlv(&alg, DER_NULL, &parameters) && alg.n == 0);
    CU_ASSERT(cmpsrv_der_get_octet_bits(&c, &bits) && c.n == 0);
    CU_ASSERT(bits.n > cert_n && bits.n <= cert_n + 16 && bits.n % 16 == 0);
}

/* The AES key in it. */
static CMPSRV_BYTES content_key(CMPSRV_SLICE encrypted_key, EVP_PKEY *rsa)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa, NULL);
    CMPSRV_BYTES key = {OPENSSL_malloc(256), 256};
    CMPSRV_SLICE c, bits;

    CU_ASSERT_FATAL(cmpsrv_der_get(&encrypted_key, DER_SEQUENCE, &c) &&
                    cmpsrv_der_get(&c, 0xa1, NULL) && cmpsrv_der_get(&c, 0x82, &bits));
    CU_ASSERT(EVP_PKEY_decrypt_init(ctx) > 0 &&
              EVP_PKEY_decrypt(ctx, key.p, &key.n, bits.p + 1, bits.n - 1) > 0);
    CU_ASSERT_EQUAL(key.n, 32);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void check_keys_differ(CMPSRV_SLICE a, CMPSRV_SLICE b, EVP_PKEY *rsa)
{
    CMPSRV_BYTES key_a = content_key(a, rsa), key_b = content_key(b, rsa);

    CU_ASSERT(!cmpsrv_slice_eq(cmpsrv_bytes_slice(&key_a), cmpsrv_bytes_slice(&key_b)));
    cmpsrv_bytes_clear(&key_a);
    cmpsrv_bytes_clear(&key_b);
}

static void test_value(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    X509 *cert = make_cert(NULL, key, 1);
    CMPSRV_BYTES out = {NULL, 0}, again = {NULL, 0};

    CU_ASSERT(cmpsrv_can_encrypt_to(key, 2));
    CU_ASSERT_FATAL(encrypt(NULL, cert, 2, &out) && encrypt(NULL, cert, 2, &again));
    check_value_parts(cmpsrv_bytes_slice(&out), (size_t)i2d_X509(cert, NULL));
    CU_ASSERT(value_decrypts_to(cmpsrv_bytes_slice(&out), key, cert));
    CU_ASSERT(value_decrypts_to(cmpsrv_bytes_slice(&again), key, cert));
    CU_ASSERT(!value_decrypts_to(cmpsrv_bytes_slice(&out), other, cert));
    check_keys_differ(cmpsrv_bytes_slice(&out), cmpsrv_bytes_slice(&again), key);
    CU_ASSERT(!cmpsrv_slice_eq(cmpsrv_bytes_slice(&out), cmpsrv_bytes_slice(&again)));
    cmpsrv_bytes_clear(&out);
    cmpsrv_bytes_clear(&again);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Whatever the length of the last block. */
static void test_value_lengths(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    for (int i = 0; i < 16; i++) {
        X509 *cert = make_cert(NULL, key, 1);
        EVP_PKEY *ca = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        char text[17] = "";
        CMPSRV_BYTES out = {NULL, 0};

        memset(text, 'x', (size_t)i + 1);
        CU_ASSERT_FATAL(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "OU", MBSTRING_ASC,
                                                   (unsigned char *)text, -1, -1, 0) &&
                        X509_sign(cert, ca, NULL));
        CU_ASSERT_FATAL(encrypt(NULL, cert, 2, &out));
        CU_ASSERT(value_decrypts_to(cmpsrv_bytes_slice(&out), key, cert));
        cmpsrv_bytes_clear(&out);
        EVP_PKEY_free(ca);
        X509_free(cert);
    }
    EVP_PKEY_free(key);
}

/* ---- keys that cannot --------------------------------------------------------------------------
 */

static void test_keys(void)
{
    static const struct {
        const char *type, *arg;
        size_t bits;
        int64_t pvno;
        int can;
    } rows[] = {
        {"RSA", NULL, 1024, 2, 1},
        {"RSA", NULL, 1024, 3, 1},
        {"RSA", NULL, 1016, 2, 0},
        {"RSA", NULL, 1016, 3, 0}, /* no room for OAEP from 784 down; a limit of its own above */
        {"RSA", NULL, 2048, 1, 0},
        {"RSA", NULL, 2048, 0, 0},
        {"RSA-PSS", NULL, 2048, 3, 0}, /* signs, and nothing else */
        {"EC", "P-256", 0, 2, 0},
        {"EC", "P-256", 0, 3, 1},
        {"ED25519", NULL, 0, 2, 0},
        {"ED25519", NULL, 0, 3, 0},
        {"ED448", NULL, 0, 3, 0},
        {"X25519", NULL, 0, 3, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, rows[i].type, NULL);
        EVP_PKEY *key = NULL;
        CMPSRV_BYTES out = {NULL, 0};
        X509 *cert;

        CU_ASSERT_FATAL(
            EVP_PKEY_keygen_init(ctx) > 0 &&
            (rows[i].bits == 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)rows[i].bits) > 0) &&
            (rows[i].arg == NULL || EVP_PKEY_CTX_set_group_name(ctx, rows[i].arg) > 0) &&
            EVP_PKEY_generate(ctx, &key) > 0);
        cert = make_cert(NULL, key, 1);
        CU_ASSERT_EQUAL(cmpsrv_can_encrypt_to(key, rows[i].pvno), rows[i].can);
        CU_ASSERT_EQUAL(encrypt(NULL, cert, rows[i].pvno, &out), rows[i].can);
        cmpsrv_bytes_clear(&out);
        X509_free(cert);
        EVP_PKEY_free(key);
        EVP_PKEY_CTX_free(ctx);
    }
}

/* The recipient is named by an identifier that must be there: ours have one. */
static void test_no_key_id(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(NULL, key, 0);
    CMPSRV_BYTES out = {NULL, 0};

    CU_ASSERT(!encrypt(NULL, cert, 3, &out));
    X509_free(cert);
    EVP_PKEY_free(key);
}

TEST_MAIN("encrypt", TEST(test_enveloped), TEST(test_enveloped_libctx), TEST(test_value),
          TEST(test_value_lengths), TEST(test_keys), TEST(test_no_key_id))
