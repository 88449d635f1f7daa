/* SPDX-License-Identifier: Apache-2.0 */
/* Proof of possession over PKCS#10 requests that OpenSSL signs, and every other kind refused. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define SHA2 (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

static CMPSRV_REASON verify(const CMPSRV_CERT_REQUEST *cr, EVP_PKEY *key, unsigned mds)
{
    CMPSRV_POPO_RULES rules = {.digests = mds};
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_popo_verify(NULL, NULL, cr, key, &rules, &why);

    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    return why.reason;
}

/* A request in DER, signed by X509_REQ_sign, as what is verified of it. */
static unsigned char *make_request(EVP_PKEY *key, const EVP_MD *md, CMPSRV_CERT_REQUEST *cr)
{
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    CMPSRV_SLICE all, seq;
    int len;

    CU_ASSERT_FATAL(req != NULL && key != NULL);
    X509_REQ_set_pubkey(req, key);
    CU_ASSERT_FATAL(X509_REQ_sign(req, key, md) > 0);
    len = i2d_X509_REQ(req, &der);
    CU_ASSERT_FATAL(len > 0);
    all = cmpsrv_slice(der, (size_t)len);
    memset(cr, 0, sizeof(*cr));
    cr->pop = CMPSRV_POP_PKCS10;
    CU_ASSERT_FATAL(cmpsrv_der_get(&all, DER_SEQUENCE, &seq) &&
                    cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &cr->pop_signed) &&
                    cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &cr->pop_alg) &&
                    cmpsrv_der_get_octet_bits(&seq, &cr->pop_signature));
    X509_REQ_free(req);
    return der;
}

static void check_key(EVP_PKEY *key, const EVP_MD *md, EVP_PKEY *same_type, EVP_PKEY *other_type)
{
    CMPSRV_CERT_REQUEST cr;
    unsigned char *der = make_request(key, md, &cr);

    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_NONE);
    cr.pop = CMPSRV_POP_SIGNATURE;
    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify(&cr, same_type, SHA2), CMPSRV_R_BAD_POP);
    CU_ASSERT_EQUAL(verify(&cr, other_type, SHA2), CMPSRV_R_BAD_POP);
    CU_ASSERT_EQUAL(verify(&cr, key, CMPSRV_MD_SHA1),
                    md == NULL ? CMPSRV_R_NONE : CMPSRV_R_BAD_ALG);
    der[(size_t)(cr.pop_signed.p - der) + cr.pop_signed.n - 1] ^= 1;
    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_BAD_POP);
    OPENSSL_free(der);
}

static void test_signatures(void)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *rsa2 = EVP_RSA_gen(2048);
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *ec2 = EVP_EC_gen("P-256");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *ed2 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    check_key(rsa, EVP_sha256(), rsa2, ec);
    check_key(ec, EVP_sha384(), ec2, ed);
    check_key(ed, NULL, ed2, rsa);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa2);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec2);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ed2);
}

static void test_other_kinds(void)
{
    static const struct {
        CMPSRV_POP_KIND kind;
        CMPSRV_REASON want;
    } rows[] = {
        {CMPSRV_POP_ABSENT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_RA_VERIFIED, CMPSRV_R_NOT_AUTHORIZED},
        {CMPSRV_POP_SIGNATURE_INPUT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_KEY_ENCIPHERMENT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_KEY_AGREEMENT, CMPSRV_R_BAD_POP},
        {(CMPSRV_POP_KIND)99, CMPSRV_R_BAD_POP},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CMPSRV_CERT_REQUEST cr;
    unsigned char *der = make_request(key, EVP_sha256(), &cr);
    CMPSRV_CERT_REQUEST damaged = cr;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr.pop = rows[i].kind; /* though there is a good signature beside it */
        CU_ASSERT_EQUAL(verify(&cr, key, SHA2), rows[i].want);
    }
    damaged.pop_alg = DER_OID_SLICE("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00");
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_ALG); /* MD5 */
    damaged.pop_alg = cmpsrv_slice(NULL, 0);
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_ALG);
    damaged = cr;
    damaged.pop = CMPSRV_POP_SIGNATURE;
    damaged.pop_signed = cmpsrv_slice(NULL, 0);
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_POP);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

TEST_MAIN("popo", TEST(test_signatures), TEST(test_other_kinds))
