/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as libcrypto sees them: every CA key with every subject key, every field as decided.
 */
#include "config.h"

#include "ca_test.h"

#include <openssl/err.h>

static const char *const ca_keys[] = {"ec:P-256", "ec:P-384", "rsa:2048", "ed25519"};
static const char *const subject_keys[] = {"ec:P-256", "ec:P-384", "rsa:2048", "ed25519"};

/* A whole path validation against the root, by OpenSSL. */
static int verifies(const FIXTURE *f, const CMPSRV_CA *ca, X509 *x)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    char root[96];
    int ok;

    snprintf(root, sizeof(root), "%s/root.crt", f->dir);
    sk_X509_push(untrusted, ca->issuer.cert);
    ok = X509_STORE_load_file(store, root) && X509_STORE_CTX_init(ctx, store, x, untrusted) &&
         X509_STORE_CTX_set_default(ctx, "default") && X509_verify_cert(ctx) == 1;
    sk_X509_free(untrusted);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return ok;
}

static void check_fields(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, X509 *x)
{
    const unsigned char *p = d->subject.p;
    X509_NAME *want = d2i_X509_NAME(NULL, &p, (long)d->subject.n);
    time_t from = (time_t)(d->not_before / 1000), to = (time_t)(d->not_after / 1000);

    CU_ASSERT_EQUAL(X509_get_version(x), X509_VERSION_3);
    CU_ASSERT_EQUAL(X509_NAME_cmp(X509_get_subject_name(x), want), 0);
    CU_ASSERT_EQUAL(X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(ca->issuer.cert)),
                    0);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(X509_get0_pubkey(x), d->key), 1);
    CU_ASSERT_EQUAL(X509_cmp_time(X509_get0_notBefore(x), &from), -1); /* equal counts as before */
    from--;
    CU_ASSERT_EQUAL(X509_cmp_time(X509_get0_notBefore(x), &from), 1);
    CU_ASSERT_EQUAL(X509_cmp_time(X509_get0_notAfter(x), &to), -1);
    CU_ASSERT_EQUAL(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    CU_ASSERT_EQUAL(X509_check_ca(x), 0);
    CU_ASSERT_PTR_NOT_NULL(X509_get0_subject_key_id(x));
    CU_ASSERT_EQUAL(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x),
                                          X509_get0_subject_key_id(ca->issuer.cert)),
                    0);
    X509_NAME_free(want);
}

static void test_every_key_under_every_ca(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(ca_keys); i++) {
        FIXTURE f;
        CMPSRV_CA *ca;

        set_up(&f, ca_keys[i]);
        ca = load(&f);
        CU_ASSERT_FATAL(ca != NULL);
        for (size_t j = 0; j < CMPSRV_ARRAY_SIZE(subject_keys); j++) {
            CMPSRV_DECISION *d = decide(ca, make_key(subject_keys[j]), "CN=device,O=Example");
            CMPSRV_ISSUED out = {0};
            CMPSRV_REFUSAL why = {0};

            CU_ASSERT_FATAL(cmpsrv_ca_issue(ca, d, &out, &why));
            CU_ASSERT(verifies(&f, ca, out.cert));
            check_fields(ca, d, out.cert);
            CU_ASSERT_EQUAL(memcmp(out.ca_id, ca->id, CMPSRV_HASH), 0);
            cmpsrv_issued_clear(&out);
            cmpsrv_decision_free(d);
        }
        cmpsrv_ca_free(ca);
        tear_down(&f);
    }
}

static void test_urls(void)
{
    FIXTURE f;
    CMPSRV_CA *ca;
    CMPSRV_DECISION *d;
    CMPSRV_ISSUED out = {0};
    STACK_OF(OPENSSL_STRING) * ocsp;
    CRL_DIST_POINTS *points;

    set_up(&f, "ec:P-256");
    f.conf.url_crl = (char *)"http://pki.example/issuing.crl";
    f.conf.url_ocsp = (char *)"http://ocsp.example";
    f.conf.url_issuer = (char *)"http://pki.example/issuing.crt";
    ca = load(&f);
    CU_ASSERT_FATAL(ca != NULL);
    d = decide(ca, make_key("ec:P-256"), "CN=x");
    CU_ASSERT_FATAL(cmpsrv_ca_issue(ca, d, &out, NULL));
    ocsp = X509_get1_ocsp(out.cert);
    CU_ASSERT_FATAL(ocsp != NULL && sk_OPENSSL_STRING_num(ocsp) == 1);
    CU_ASSERT_STRING_EQUAL(sk_OPENSSL_STRING_value(ocsp, 0), "http://ocsp.example");
    points = X509_get_ext_d2i(out.cert, NID_crl_distribution_points, NULL, NULL);
    CU_ASSERT_FATAL(points != NULL && sk_DIST_POINT_num(points) == 1);
    CU_ASSERT(sk_GENERAL_NAME_num(sk_DIST_POINT_value(points, 0)->distpoint->name.fullname) == 1);
    CRL_DIST_POINTS_free(points);
    X509_email_free(ocsp);
    cmpsrv_issued_clear(&out);
    cmpsrv_decision_free(d);
    cmpsrv_ca_free(ca);
    tear_down(&f);
}

static int compare_serials(const void *a, const void *b)
{
    return memcmp(a, b, CMPSRV_MAX_SERIAL);
}

/* Unique, positive, 20 octets, and no bit that is nearly always the same. */
static void test_serials(void)
{
    enum { N = 2000 };
    static unsigned char serials[N][CMPSRV_MAX_SERIAL];
    FIXTURE f;
    CMPSRV_CA *ca;
    CMPSRV_DECISION *d;
    unsigned ones[8 * CMPSRV_MAX_SERIAL] = {0};

    set_up(&f, "ed25519");
    ca = load(&f);
    CU_ASSERT_FATAL(ca != NULL);
    d = decide(ca, make_key("ed25519"), "CN=x");
    for (size_t i = 0; i < N; i++) {
        CMPSRV_ISSUED out = {0};

        CU_ASSERT_FATAL(cmpsrv_ca_issue(ca, d, &out, NULL));
        CU_ASSERT_EQUAL(out.serial_len, CMPSRV_MAX_SERIAL);
        memcpy(serials[i], out.serial, CMPSRV_MAX_SERIAL);
        CU_ASSERT(serials[i][0] > 0 && serials[i][0] < 0x80);
        for (size_t b = 0; b < 8 * CMPSRV_MAX_SERIAL; b++)
            ones[b] += serials[i][b / 8] >> (7 - b % 8) & 1;
        cmpsrv_issued_clear(&out);
    }
    for (size_t b = 1; b < 8 * CMPSRV_MAX_SERIAL; b++)
        CU_ASSERT(ones[b] > N / 2 - 250 &&
                  ones[b] < N / 2 + 250); /* more than 11 standard deviations */
    qsort(serials, N, CMPSRV_MAX_SERIAL, compare_serials);
    for (size_t i = 1; i < N; i++)
        CU_ASSERT(memcmp(serials[i - 1], serials[i], CMPSRV_MAX_SERIAL) != 0);
    cmpsrv_decision_free(d);
    cmpsrv_ca_free(ca);
    tear_down(&f);
}

TEST_MAIN("issue", TEST(test_every_key_under_every_ca), TEST(test_urls), TEST(test_serials))
