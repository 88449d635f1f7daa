/* SPDX-License-Identifier: Apache-2.0 */
/* What cmpsrv_ca_issue makes, seen by OpenSSL's X509 functions and its command line. */
#include "config.h"

#include "pki.h"

#include <time.h>

/* cRLDistributionPoints, empty */
#define EXT_CDP "\x30\x09\x06\x03\x55\x1d\x1f\x04\x02\x30\x00"

static int64_t to_ms(const ASN1_TIME *t)
{
    struct tm tm;

    CU_ASSERT_FATAL(ASN1_TIME_to_tm(t, &tm));
    return (int64_t)timegm(&tm) * 1000;
}

/* As libcrypto reads it, to the last octet. */
static X509 *x509_of(const CMPSRV_ISSUED *i)
{
    const unsigned char *der = i->der.p;
    X509 *x = d2i_X509(NULL, &der, (long)i->der.n);

    CU_ASSERT_FATAL(x != NULL && der == i->der.p + i->der.n);
    return x;
}

static int signature_nid(const CMPSRV_ISSUED *i)
{
    X509 *x = x509_of(i);
    int nid = X509_get_signature_nid(x);

    X509_free(x);
    return nid;
}

static int verifies(const PKI *p, const CMPSRV_ISSUED *i)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(p->libctx, NULL);
    X509 *x = x509_of(i);
    int ok;

    X509_STORE_add_cert(store, p->ca->issuer.cert);
    X509_STORE_CTX_init(ctx, store, x, NULL);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    ok = X509_verify_cert(ctx);
    if (ok != 1)
        fprintf(stderr, "verify: %s\n",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(x);
    return ok == 1;
}

/* `openssl x509` reads it as its own text says, `openssl verify` agrees. */
static int command_line_accepts(const PKI *p, const CMPSRV_ISSUED *i)
{
    char file[80], cmd[512];
    X509 *x = x509_of(i);
    FILE *f;

    snprintf(file, sizeof(file), "%s/issued.pem", p->dir);
    f = fopen(file, "w");
    CU_ASSERT_FATAL(f != NULL && PEM_write_X509(f, x));
    fclose(f);
    X509_free(x);
    snprintf(cmd, sizeof(cmd),
             "openssl x509 -in %s -noout -text >/dev/null && openssl verify -x509_strict -purpose "
             "sslclient -CAfile %s %s >/dev/null",
             file, p->cert, file);
    return system(cmd) == 0;
}

static void check_fields(const PKI *p, const CMPSRV_DECISION *d, const CMPSRV_ISSUED *i)
{
    X509 *x = x509_of(i);
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
    const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(x);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    unsigned char sha1[20], *name = NULL;
    int n;

    CU_ASSERT_EQUAL(X509_get_version(x), X509_VERSION_3);
    CU_ASSERT(X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(p->ca->issuer.cert)) ==
              0);
    n = i2d_X509_NAME(X509_get_subject_name(x), &name);
    CU_ASSERT(n == (int)d->subject.n && memcmp(name, d->subject.p, d->subject.n) == 0);
    OPENSSL_free(name);
    CU_ASSERT_EQUAL(to_ms(X509_get0_notBefore(x)), d->not_before);
    CU_ASSERT_EQUAL(to_ms(X509_get0_notAfter(x)), d->not_after);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(X509_get0_pubkey(x), d->key), 1);
    CU_ASSERT_EQUAL(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    CU_ASSERT_EQUAL(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
    CU_ASSERT_EQUAL(X509_check_ca(x), 0);
    CU_ASSERT_EQUAL(X509_check_host(x, "a.example", 0, 0, NULL), 1);
    X509_pubkey_digest(x, EVP_sha1(), sha1, NULL);
    CU_ASSERT(ski != NULL && ASN1_STRING_length(ski) == 20 &&
              memcmp(ASN1_STRING_get0_data(ski), sha1, 20) == 0);
    CU_ASSERT(aki != NULL &&
              ASN1_OCTET_STRING_cmp(aki, X509_get0_subject_key_id(p->ca->issuer.cert)) == 0);
    CU_ASSERT(ASN1_STRING_length(serial) == (int)i->serial_len &&
              memcmp(ASN1_STRING_get0_data(serial), i->serial, i->serial_len) == 0);
    CU_ASSERT_EQUAL(X509_get_ext_count(x), 6);
    CU_ASSERT(memcmp(i->ca_id, p->ca->id, CMPSRV_HASH) == 0);
    X509_free(x);
}

static void test_all_keys(void)
{
    static const char *const cas[] = {"rsa:2048", "ec:P-256", "ec:P-384", "ed25519"};
    static const int nids[] = {NID_sha256WithRSAEncryption, NID_ecdsa_with_SHA256,
                               NID_ecdsa_with_SHA384, NID_ED25519};
    static const char *const subjects[] = {"rsa:2048", "ec:P-256", "ed25519"};

    for (size_t c = 0; c < 4; c++) {
        PKI p;

        pki_new(&p, cas[c]);
        for (size_t s = 0; s < 3; s++) {
            EVP_PKEY *key = new_key(p.libctx, subjects[s]);
            CMPSRV_DECISION *d = decide(&p, key, "CN=device 1,O=Test");
            CMPSRV_ISSUED i = {0};
            CMPSRV_REFUSAL why = {0};

            CU_ASSERT_FATAL(cmpsrv_ca_issue(p.ca, d, &i, &why));
            CU_ASSERT(verifies(&p, &i));
            CU_ASSERT_EQUAL(signature_nid(&i), nids[c]);
            check_fields(&p, d, &i);
            CU_ASSERT(command_line_accepts(&p, &i));
            cmpsrv_issued_clear(&i);
            cmpsrv_decision_free(d);
            EVP_PKEY_free(key);
        }
        pki_free(&p);
    }
}

static int has_uri(const GENERAL_NAME *g, const char *uri)
{
    int type;
    const ASN1_STRING *s = GENERAL_NAME_get0_value(g, &type);

    return type == GEN_URI && (size_t)ASN1_STRING_length(s) == strlen(uri) &&
           memcmp(ASN1_STRING_get0_data(s), uri, strlen(uri)) == 0;
}

static void test_urls_and_digest(void)
{
    char crl[] = "http://crl.example/a.crl", ocsp[] = "http://ocsp.example/",
         issuer[] = "http://ca.example/ca.cer";
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;
    CMPSRV_ISSUED i = {0};
    X509 *x;
    STACK_OF(DIST_POINT) * cdp;
    AUTHORITY_INFO_ACCESS *aia;

    pki_new(&p, "rsa:2048");
    p.conf.url_crl = crl;
    p.conf.url_ocsp = ocsp;
    p.conf.url_issuer = issuer;
    p.conf.signature_digest = CMPSRV_MD_SHA512;
    CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(&p));
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "CN=x");
    CU_ASSERT_FATAL(cmpsrv_ca_issue(p.ca, d, &i, NULL));
    CU_ASSERT(verifies(&p, &i));
    CU_ASSERT_EQUAL(signature_nid(&i), NID_sha512WithRSAEncryption);
    x = x509_of(&i);
    cdp = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
    aia = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);
    CU_ASSERT_FATAL(sk_DIST_POINT_num(cdp) == 1 && sk_ACCESS_DESCRIPTION_num(aia) == 2);
    CU_ASSERT(has_uri(
        sk_GENERAL_NAME_value(sk_DIST_POINT_value(cdp, 0)->distpoint->name.fullname, 0), crl));
    CU_ASSERT(OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(aia, 0)->method) == NID_ad_OCSP);
    CU_ASSERT(has_uri(sk_ACCESS_DESCRIPTION_value(aia, 0)->location, ocsp));
    CU_ASSERT(OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(aia, 1)->method) == NID_ad_ca_issuers);
    CU_ASSERT(has_uri(sk_ACCESS_DESCRIPTION_value(aia, 1)->location, issuer));
    CRL_DIST_POINTS_free(cdp);
    AUTHORITY_INFO_ACCESS_free(aia);
    X509_free(x);
    cmpsrv_issued_clear(&i);
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

static int compare_serials(const void *a, const void *b)
{
    return memcmp(a, b, 20);
}

/* As serials count: in units of 1/128 s, 38 bits. */
static int64_t clock_bits(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec * 128 + now.tv_nsec / 7812500) % (INT64_C(1) << 38);
}

/* 2000 serials: unique, positive, 20 octets; the time (serials are made of milliseconds, so it may
 * be a unit behind), and then every bit about half the time. */
static void test_serials(void)
{
    enum { N = 2000 };
    static unsigned char serials[N][20];
    unsigned ones[160] = {0};
    int64_t begun, made;
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "CN=x");
    begun = clock_bits();
    for (size_t n = 0; n < N; n++) {
        CMPSRV_ISSUED i = {0};
        X509 *x;

        CU_ASSERT_FATAL(cmpsrv_ca_issue(p.ca, d, &i, NULL));
        CU_ASSERT_FATAL(i.serial_len == 20 && i.serial[0] >= 0x40 && i.serial[0] <= 0x7f);
        x = x509_of(&i);
        CU_ASSERT(ASN1_STRING_type(X509_get0_serialNumber(x)) == V_ASN1_INTEGER);
        X509_free(x);
        memcpy(serials[n], i.serial, 20);
        made = 0;
        for (size_t b = 0; b < 5; b++)
            made = made << 8 | i.serial[b];
        made %= INT64_C(1) << 38;
        CU_ASSERT(made >= begun - 1 && made <= clock_bits());
        for (size_t b = 0; b < 160; b++)
            ones[b] += (i.serial[b / 8] >> (7 - b % 8)) & 1;
        cmpsrv_issued_clear(&i);
    }
    qsort(serials, N, 20, compare_serials);
    for (size_t n = 1; n < N; n++)
        CU_ASSERT(memcmp(serials[n - 1], serials[n], 20) != 0);
    for (size_t b = 40; b < 160; b++) /* after the time; seven standard deviations of 22.4 */
        CU_ASSERT(ones[b] > N / 2 - 157 && ones[b] < N / 2 + 157);
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

/* A serial that was decided stands in the certificate as it is, small or as long as one may be. */
static void test_decided_serial(void)
{
    static const struct {
        const char *octets;
        size_t n;
        const char *decimal; /* NULL: refused */
    } t[] = {
        {"\x05", 1, "5"},
        {"\x00\xff", 2, "255"},
        {"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20,
         "730750818665451459101842416358141509827966271487"},
        {"\x00", 1, NULL},
        {"\x80", 1, NULL},
    };
    PKI p;
    EVP_PKEY *key;

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_DECISION *d = decide(&p, key, "CN=x");
        CMPSRV_ISSUED issued = {0};
        CMPSRV_REFUSAL why = {0};

        memcpy(d->serial, t[i].octets, t[i].n);
        d->serial_len = t[i].n;
        CU_ASSERT_EQUAL(cmpsrv_ca_issue(p.ca, d, &issued, &why), t[i].decimal != NULL);
        if (t[i].decimal != NULL) {
            X509 *x = x509_of(&issued);
            BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
            char *text = BN_bn2dec(bn);

            CU_ASSERT_STRING_EQUAL(text, t[i].decimal);
            CU_ASSERT(issued.serial_len == t[i].n &&
                      memcmp(issued.serial, t[i].octets, t[i].n) == 0);
            CU_ASSERT(verifies(&p, &issued));
            OPENSSL_free(text);
            BN_free(bn);
            X509_free(x);
        } else {
            CU_ASSERT(has(why.detail, "lint: serialNumber sign"));
        }
        cmpsrv_issued_clear(&issued);
        cmpsrv_decision_free(d);
    }
    EVP_PKEY_free(key);
    pki_free(&p);
}

/* An extension that the CA adds itself is none that policy may decide. */
static void test_undecided_extension(void)
{
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;
    CMPSRV_ISSUED i = {0};
    CMPSRV_REFUSAL why = {0};

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "CN=x");
    cmpsrv_bytes_set(&d->extensions, DER_OID_SLICE(EXT_BC EXT_KU EXT_CDP));
    CU_ASSERT(!cmpsrv_ca_issue(p.ca, d, &i, &why));
    CU_ASSERT(has(why.detail, "lint: decided extensions (RFC 5280 4.2)"));
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

/* Our own fault whatever is wrong, with the CA and the rule in the text; nothing comes out. */
static void test_refused_is_our_failure(void)
{
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;
    CMPSRV_ISSUED i = {0};
    CMPSRV_REFUSAL why = {0};

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "CN=x");
    d->not_after = p.ca->issuer.not_after + 1000;
    CU_ASSERT(!cmpsrv_ca_issue(p.ca, d, &i, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    CU_ASSERT(has(why.detail, "CA Test CA: lint: validity bounds (RFC 5280 4.1.2.5)"));
    CU_ASSERT(i.der.p == NULL && i.serial_len == 0);
    cmpsrv_decision_free(d);
    d = decide(&p, key, "CN=x");
    cmpsrv_bytes_set(&d->spki, DER_OID_SLICE("\x30\x00"));
    why = (CMPSRV_REFUSAL){0};
    CU_ASSERT(!cmpsrv_ca_issue(p.ca, d, &i, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    cmpsrv_decision_free(d);
    d = decide(&p, key, "CN=x");
    cmpsrv_bytes_set(&d->extensions, DER_OID_SLICE("\x05\x00")); /* BAD_DATA_FORMAT inside */
    why = (CMPSRV_REFUSAL){0};
    CU_ASSERT(!cmpsrv_ca_issue(p.ca, d, &i, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

/* An empty subject with a critical subjectAltName. */
static void test_empty_subject(void)
{
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;
    CMPSRV_ISSUED i = {0};

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "");
    CU_ASSERT(!cmpsrv_ca_issue(p.ca, d, &i, NULL));
    cmpsrv_bytes_set(&d->extensions, DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN_CRITICAL));
    CU_ASSERT(cmpsrv_ca_issue(p.ca, d, &i, NULL));
    CU_ASSERT(verifies(&p, &i));
    cmpsrv_issued_clear(&i);
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

TEST_MAIN("issue", TEST(test_all_keys), TEST(test_urls_and_digest), TEST(test_serials),
          TEST(test_decided_serial), TEST(test_undecided_extension),
          TEST(test_refused_is_our_failure), TEST(test_empty_subject))
