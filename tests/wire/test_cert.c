/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate reader against certificates that OpenSSL builds, and against damaged ones. */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets) DER_OID_SLICE(octets)

typedef struct {
    X509 *x;
    unsigned char *der;
    size_t n;
} CERT;

static void set_name(X509_NAME *name, const char *cn)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

static CERT make_cert(int version, int with_extensions)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CERT c = {X509_new(), NULL, 0};
    X509_EXTENSION *e;
    int len;

    CU_ASSERT_FATAL(key != NULL && c.x != NULL);
    X509_set_version(c.x, version);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), 0xabcdef);
    set_name(X509_get_subject_name(c.x), "subject");
    set_name(X509_get_issuer_name(c.x), "issuer");
    ASN1_TIME_set_string(X509_getm_notBefore(c.x), "200102030405Z");
    ASN1_TIME_set_string(X509_getm_notAfter(c.x), "20991231235959Z");
    X509_set_pubkey(c.x, key);
    if (with_extensions) {
        e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(c.x, e, -1);
        X509_EXTENSION_free(e);
    }
    CU_ASSERT_FATAL(X509_sign(c.x, key, EVP_sha256()) > 0);
    len = i2d_X509(c.x, &c.der);
    CU_ASSERT_FATAL(len > 0);
    c.n = (size_t)len;
    EVP_PKEY_free(key);
    return c;
}

static void free_cert(CERT *c)
{
    X509_free(c->x);
    OPENSSL_free(c->der);
}

static int is_der(CMPSRV_SLICE s, unsigned char *der, int len)
{
    int same = len > 0 && cmpsrv_slice_eq(s, cmpsrv_slice(der, (size_t)len));

    OPENSSL_free(der);
    return same;
}

static void test_fields(void)
{
    CERT c = make_cert(2, 1);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v, t;
    const ASN1_BIT_STRING *sig;
    unsigned char *der = NULL;
    int len;

    CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    CU_ASSERT_EQUAL(v.version, 2);
    CU_ASSERT(cmpsrv_slice_eq(v.serial, S("\x00\xab\xcd\xef")));
    len = i2d_X509_NAME(X509_get_subject_name(c.x), &der);
    CU_ASSERT(is_der(v.subject, der, len));
    der = NULL;
    len = i2d_X509_NAME(X509_get_issuer_name(c.x), &der);
    CU_ASSERT(is_der(v.issuer, der, len));
    der = NULL;
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c.x), &der);
    CU_ASSERT(is_der(v.spki, der, len));
    der = NULL;
    len = i2d_re_X509_tbs(c.x, &der);
    CU_ASSERT(is_der(v.tbs, der, len));
    der = NULL;
    len = i2d_X509_EXTENSIONS(X509_get0_extensions(c.x), &der);
    CU_ASSERT_FATAL(len > 4);
    CU_ASSERT(cmpsrv_slice_eq(v.extensions, cmpsrv_slice(der + 2, (size_t)len - 2)));
    OPENSSL_free(der);
    X509_get0_signature(&sig, NULL, c.x);
    CU_ASSERT(cmpsrv_slice_eq(v.signature, cmpsrv_slice(sig->data, (size_t)sig->length)));
    CU_ASSERT_EQUAL(v.not_before, 1577934245000); /* date -u -d 2020-01-02T03:04:05Z +%s */
    CU_ASSERT_EQUAL(v.not_after, 4102444799000);  /* date -u -d 2099-12-31T23:59:59Z +%s */
    CU_ASSERT(cmpsrv_slice_eq(v.sig_alg, S("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")));

    CU_ASSERT_FATAL(cmpsrv_cert_view_tbs(v.tbs, &t, &why));
    CU_ASSERT(cmpsrv_slice_eq(t.subject, v.subject));
    CU_ASSERT(cmpsrv_slice_eq(t.extensions, v.extensions));
    CU_ASSERT_PTR_NULL(t.der.p);
    CU_ASSERT_PTR_NULL(t.sig_alg.p);
    CU_ASSERT_PTR_NULL(t.signature.p);
    CU_ASSERT_FALSE(cmpsrv_cert_view_tbs(v.der, &t, &why));
    free_cert(&c);
}

static void test_versions(void)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v;
    CERT c = make_cert(0, 0);
    size_t version;

    CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    CU_ASSERT_EQUAL(v.version, 0);
    CU_ASSERT_PTR_NULL(v.extensions.p);
    free_cert(&c);
    c = make_cert(2, 1); /* extensions belong to v3; newer libcryptos sign no others */
    CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    version = (size_t)(v.serial.p - c.der) - 3; /* the serial number's TLV comes after it */
    CU_ASSERT_FATAL(c.der[version] == 2);
    c.der[version] = 1;
    CU_ASSERT_FALSE(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_DATA_FORMAT);
    free_cert(&c);
}

/* Whatever one octet becomes, the answer is yes or BAD_DATA_FORMAT, and a truncated one is no. */
static void test_damage(void)
{
    CERT c = make_cert(2, 1);
    CMPSRV_CERT_VIEW v;

    for (size_t i = 0; i < c.n; i++) {
        unsigned char keep = c.der[i];
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT_FALSE(cmpsrv_cert_view(cmpsrv_slice(c.der, i), &v, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_DATA_FORMAT);
        for (int bit = 0; bit < 8; bit++) {
            CMPSRV_REFUSAL flipped = {0};
            int ok;

            c.der[i] = (unsigned char)(keep ^ 1 << bit);
            ok = cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &flipped);
            CU_ASSERT_EQUAL(flipped.reason, ok ? CMPSRV_R_NONE : CMPSRV_R_BAD_DATA_FORMAT);
        }
        c.der[i] = keep;
    }
    free_cert(&c);
}

static void test_algorithms_must_agree(void)
{
    CERT c = make_cert(2, 1);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v;

    CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    c.der[(size_t)(v.sig_alg.p - c.der) + v.sig_alg.n - 1] = 3;
    CU_ASSERT_FALSE(cmpsrv_cert_view(cmpsrv_slice(c.der, c.n), &v, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_DATA_FORMAT);
    free_cert(&c);
}

static void test_oids(void)
{
    static const struct {
        const CMPSRV_SLICE *oid;
        const char *text;
    } rows[] = {
        {&CMPSRV_OID_SUBJECT_KEY_ID, "2.5.29.14"},
        {&CMPSRV_OID_AUTHORITY_KEY_ID, "2.5.29.35"},
        {&CMPSRV_OID_KEY_USAGE, "2.5.29.15"},
        {&CMPSRV_OID_EXT_KEY_USAGE, "2.5.29.37"},
        {&CMPSRV_OID_BASIC_CONSTRAINTS, "2.5.29.19"},
        {&CMPSRV_OID_SUBJECT_ALT_NAME, "2.5.29.17"},
        {&CMPSRV_OID_CRL_DISTRIBUTION_POINTS, "2.5.29.31"},
        {&CMPSRV_OID_AUTHORITY_INFO_ACCESS, "1.3.6.1.5.5.7.1.1"},
        {&CMPSRV_OID_CRL_REASON, "2.5.29.21"},
    };
    char text[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CU_ASSERT_STRING_EQUAL(cmpsrv_der_oid_text(*rows[i].oid, text, sizeof(text)), rows[i].text);
}

TEST_MAIN("cert", TEST(test_fields), TEST(test_versions), TEST(test_damage),
          TEST(test_algorithms_must_agree), TEST(test_oids))
