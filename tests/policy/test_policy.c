/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of RA mode: each rule broken once with its exact reason, and what a good request gets,
 * read by libcrypto. */
#include "config.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "policy/policy.h"
#include "test.h"

#define NOW     INT64_C(1800000000500)
#define DAY_MS  INT64_C(86400000)
#define S(text) cmpsrv_slice(text, sizeof(text) - 1)

/* A request, all that it borrows from, and the configuration it meets. */
struct world {
    CMPSRV_CONF_CA ca;
    CMPSRV_CONF_CERT_PROFILE profile;
    CMPSRV_CONF_EE_PROFILE ee;
    CMPSRV_CONF_ALIAS alias;
    CMPSRV_TARGET target;
    CMPSRV_CERT_REQUEST req;
    CMPSRV_POLICY_INPUT in;
    CMPSRV_BYTES subject, ca_subject, spki, alg, signature;
    EVP_PKEY *key;
};

static char *algorithms[] = {"ec:P-256", "rsa:2048", "ed25519"};
static char *ekus[] = {"1.3.6.1.5.5.7.3.2"};
static char *cn[] = {"CN"};

static void sign_request(struct world *w)
{
    w->req.pop_signed = S("the CertRequest");
    cmpsrv_sig_algid(w->key, 0, &w->alg, NULL);
    cmpsrv_sig_make(NULL, NULL, w->key, cmpsrv_bytes_slice(&w->alg), w->req.pop_signed,
                    &w->signature, NULL);
    w->req.pop = CMPSRV_POP_SIGNATURE;
    w->req.pop_alg = cmpsrv_bytes_slice(&w->alg);
    w->req.pop_signature = cmpsrv_bytes_slice(&w->signature);
}

static void set_key(struct world *w, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    CMPSRV_SLICE s;

    EVP_PKEY_free(w->key);
    w->key = key;
    cmpsrv_bytes_clear(&w->spki);
    w->spki = (CMPSRV_BYTES){der, (size_t)n};
    s = cmpsrv_bytes_slice(&w->spki);
    CU_ASSERT_FATAL(cmpsrv_der_get(&s, DER_SEQUENCE, &w->req.spki));
    sign_request(w);
}

static void set_subject(struct world *w, const char *text)
{
    CU_ASSERT_FATAL(cmpsrv_name_parse(text, &w->subject, NULL));
    w->req.subject = cmpsrv_bytes_slice(&w->subject);
}

static void begin(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->ca.name = (char *)"CA1";
    w->profile = (CMPSRV_CONF_CERT_PROFILE){
        .name = (char *)"P", .validity = 100 * DAY_MS, .key_usage = 1 | 4};
    w->profile.key_algorithms = (CMPSRV_CONF_LIST){algorithms, 3};
    w->profile.extended_key_usage = (CMPSRV_CONF_LIST){ekus, 1};
    w->ee.name = (char *)"E";
    w->alias = (CMPSRV_CONF_ALIAS){
        .name = (char *)"a", .ra_mode = 1, .signature_digests = 4 | 8 | 16, .min_rsa_bits = 2048};
    w->alias.namegeneration_parameters = (CMPSRV_CONF_LIST){cn, 1};
    w->target = (CMPSRV_TARGET){&w->alias, &w->ee, &w->profile, &w->ca};
    CU_ASSERT_FATAL(cmpsrv_name_parse("CN=CA1", &w->ca_subject, NULL));
    w->in = (CMPSRV_POLICY_INPUT){.target = &w->target, .request = &w->req, .now = NOW};
    w->in.ca_subject = cmpsrv_bytes_slice(&w->ca_subject);
    w->in.ca_not_before = NOW / 1000 * 1000 - 1000 * DAY_MS;
    w->in.ca_not_after = NOW / 1000 * 1000 + 1000 * DAY_MS;
    set_subject(w, "CN=device,O=Example");
    set_key(w, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
}

static void end(struct world *w)
{
    EVP_PKEY_free(w->key);
    cmpsrv_bytes_clear(&w->subject);
    cmpsrv_bytes_clear(&w->ca_subject);
    cmpsrv_bytes_clear(&w->spki);
    cmpsrv_bytes_clear(&w->alg);
    cmpsrv_bytes_clear(&w->signature);
}

/* The reason of a refusal, NONE for a decision (which is freed). */
static CMPSRV_REASON judge(struct world *w)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_DECISION *d = cmpsrv_policy_decide_cert(&w->in, &why);

    CU_ASSERT((d != NULL) == (why.reason == CMPSRV_R_NONE));
    cmpsrv_decision_free(d);
    return why.reason;
}

static CMPSRV_DECISION *decide(struct world *w)
{
    CMPSRV_DECISION *d = cmpsrv_policy_decide_cert(&w->in, NULL);

    CU_ASSERT_FATAL(d != NULL);
    return d;
}

static void test_a_good_request(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    d = decide(&w);
    CU_ASSERT_STRING_EQUAL(d->end_entity, "device");
    CU_ASSERT_STRING_EQUAL(d->end_entity_profile, "E");
    CU_ASSERT_STRING_EQUAL(d->certificate_profile, "P");
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&d->subject), w.req.subject));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&d->spki), cmpsrv_bytes_slice(&w.spki)));
    CU_ASSERT_EQUAL(EVP_PKEY_eq(d->key, w.key), 1);
    CU_ASSERT_EQUAL(d->not_before, INT64_C(1800000000000) - 600000);
    CU_ASSERT_EQUAL(d->not_after, INT64_C(1800000000000) + 100 * DAY_MS);
    CU_ASSERT_EQUAL(d->key_usage, 1); /* keyEncipherment does not fit an EC key */
    CU_ASSERT_EQUAL(d->with_mods, 0);
    cmpsrv_decision_free(d);
    set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
    d = decide(&w);
    CU_ASSERT_EQUAL(d->key_usage, 1 | 4);
    cmpsrv_decision_free(d);
    end(&w);
}

static void test_template_rules(void)
{
    struct world w;

#define BROKEN(reason, ...)                                                                        \
    do {                                                                                           \
        begin(&w);                                                                                 \
        __VA_ARGS__;                                                                               \
        CU_ASSERT_EQUAL(judge(&w), CMPSRV_R_##reason);                                             \
        end(&w);                                                                                   \
    } while (0)
    BROKEN(NONE, w.req.has_version = 1; w.req.version = 2);
    BROKEN(BAD_CERT_TEMPLATE, w.req.has_version = 1; w.req.version = 1);
    BROKEN(BAD_CERT_TEMPLATE, w.req.serial = S("\5"));
    BROKEN(BAD_CERT_TEMPLATE, w.req.signing_alg = S("\x06\x01\x2a"));
    BROKEN(BAD_CERT_TEMPLATE, w.req.has_unique_ids = 1);
    BROKEN(BAD_CERT_TEMPLATE, w.req.has_validity = 1);
    BROKEN(BAD_CERT_TEMPLATE, w.req.has_validity = w.req.has_not_before = w.req.has_not_after = 1;
           w.req.not_before = 5; w.req.not_after = 5);
    BROKEN(BAD_CERT_TEMPLATE, w.req.subject = cmpsrv_slice(NULL, 0));
    BROKEN(BAD_CERT_TEMPLATE, w.req.subject = S("\x30\x00"));
    BROKEN(BAD_CERT_TEMPLATE, w.req.spki = cmpsrv_slice(NULL, 0));
    BROKEN(BAD_NAME, w.req.subject = w.in.ca_subject);
    BROKEN(BAD_NAME, w.req.subject = S("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01\x00"));
    BROKEN(NONE, w.req.issuer = w.in.ca_subject);
    BROKEN(NONE, w.req.issuer = S("\x30\x00"));
    BROKEN(WRONG_AUTHORITY, w.req.issuer = w.req.subject);
    BROKEN(WRONG_AUTHORITY, w.target.ca = NULL);
    BROKEN(BAD_CERT_TEMPLATE, w.target.cert_profile = NULL);
    BROKEN(WRONG_AUTHORITY, w.profile.available_cas = ((CMPSRV_CONF_LIST){cn, 1}));
    BROKEN(WRONG_AUTHORITY, w.ee.available_cas = ((CMPSRV_CONF_LIST){cn, 1}));
    BROKEN(BAD_CERT_TEMPLATE, w.ee.available_certificate_profiles = ((CMPSRV_CONF_LIST){cn, 1}));
    BROKEN(BAD_REQUEST,
           w.req.reg_info = S("\x30\x0d\x06\x08\x2b\x06\x01\x05\x05\x07\x05\x02\x0c\x01x"
                              "\x30\x0b\x06\x09\x2b\x06\x01\x05\x05\x07\x05\x02\x02"));
    BROKEN(SYSTEM_UNAVAIL, w.in.ca_not_after = NOW - 1);
    BROKEN(SYSTEM_UNAVAIL, w.in.ca_not_before = NOW + 1);
}

static void test_keys(void)
{
    struct world w;

    BROKEN(BAD_KEY,
           set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"))); /* not in the profile */
    BROKEN(BAD_KEY, set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072)));
    BROKEN(BAD_KEY, set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)));
    BROKEN(BAD_KEY, w.alias.min_rsa_bits = 4096;
           set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)));
    BROKEN(NONE, set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")));
    BROKEN(BAD_KEY, w.in.ca_spki = cmpsrv_bytes_slice(&w.spki));
    BROKEN(BAD_KEY, set_key(&w, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
           w.req.pop = CMPSRV_POP_SIGNATURE);
}

static void test_pop(void)
{
    struct world w;

    BROKEN(BAD_POP, w.req.pop = CMPSRV_POP_ABSENT);
    BROKEN(NOT_AUTHORIZED, w.req.pop = CMPSRV_POP_RA_VERIFIED);
    BROKEN(BAD_POP, w.req.pop = CMPSRV_POP_KEY_ENCIPHERMENT);
    BROKEN(BAD_POP, w.req.pop = CMPSRV_POP_KEY_AGREEMENT);
    BROKEN(BAD_POP, w.req.pop = CMPSRV_POP_SIGNATURE_INPUT);
    BROKEN(BAD_POP, w.req.pop_signed = S("another CertRequest"));
    BROKEN(BAD_POP, w.req.pop_signature.n--);
    BROKEN(BAD_ALG, w.alias.signature_digests = 16); /* SHA-512 only */
    BROKEN(NONE, w.req.pop = CMPSRV_POP_PKCS10);
}

static void test_validity(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    w.in.ca_not_before = INT64_C(1799999999000);
    w.in.ca_not_after = INT64_C(1800000000000) + DAY_MS;
    d = decide(&w);
    CU_ASSERT_EQUAL(d->not_before, w.in.ca_not_before);
    CU_ASSERT_EQUAL(d->not_after, w.in.ca_not_after);
    CU_ASSERT_EQUAL(d->with_mods, 0);
    cmpsrv_decision_free(d);
    w.req.has_validity = w.req.has_not_after = 1;
    w.req.not_after = INT64_C(1800000000000) + 5 * DAY_MS;
    d = decide(&w);
    CU_ASSERT_EQUAL(d->not_after, w.in.ca_not_after);
    CU_ASSERT_EQUAL(d->with_mods, 1); /* asked for, not given */
    cmpsrv_decision_free(d);
    end(&w);
}

/* ---- extensions
 * ---------------------------------------------------------------------------------------------- */

#define EXT_SAN(octets, n) "\x30" n "\x06\x03\x55\x1d\x11\x04" octets
#define SAN_DNS                                                                                    \
    "\x30\x0e\x06\x03\x55\x1d\x11\x04\x07\x30\x05\x82\x03"                                         \
    "a.b"
#define BASIC_CA          "\x30\x0c\x06\x03\x55\x1d\x13\x04\x05\x30\x03\x01\x01\xff"
#define BASIC_EE          "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
#define USAGE_SIGNS_CERTS "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x02\x04"
#define USAGE_SIGNS_CRLS  "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x01\x02"
#define USAGE_SIGNATURE   "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"
#define USAGE_REPUDIATION "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x06\x40"
#define UNKNOWN           "\x30\x07\x06\x02\x2a\x03\x04\x01x"

/* The decided extensions in a certificate of libcrypto's making. */
static X509 *as_certificate(const CMPSRV_DECISION *d)
{
    CMPSRV_SLICE in = cmpsrv_bytes_slice(&d->extensions), tlv;
    X509 *x = X509_new();

    while (in.n > 0) {
        const unsigned char *p;
        X509_EXTENSION *e;

        CU_ASSERT_FATAL(cmpsrv_der_any(&in, NULL, &tlv, NULL));
        p = tlv.p;
        e = d2i_X509_EXTENSION(NULL, &p, (long)tlv.n);
        CU_ASSERT_FATAL(e != NULL && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
    }
    return x;
}

static void test_extensions_as_libcrypto_reads_them(void)
{
    struct world w;
    CMPSRV_DECISION *d;
    GENERAL_NAMES *san;
    ASN1_BIT_STRING *usage;
    EXTENDED_KEY_USAGE *eku;
    int critical = -1;
    X509 *x;

    begin(&w);
    w.req.extensions = S(SAN_DNS);
    d = decide(&w);
    CU_ASSERT_EQUAL(d->with_mods, 0); /* granted as asked */
    x = as_certificate(d);
    usage = X509_get_ext_d2i(x, NID_key_usage, &critical, NULL);
    CU_ASSERT_FATAL(usage != NULL && critical == 1 && ASN1_STRING_length(usage) == 1);
    CU_ASSERT_EQUAL(ASN1_STRING_get0_data(usage)[0], 0x80); /* digitalSignature alone */
    ASN1_BIT_STRING_free(usage);
    eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    CU_ASSERT_FATAL(eku != NULL && sk_ASN1_OBJECT_num(eku) == 1);
    CU_ASSERT_EQUAL(OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, 0)), NID_client_auth);
    EXTENDED_KEY_USAGE_free(eku);
    CU_ASSERT_EQUAL(X509_check_ca(x), 0);
    san = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    CU_ASSERT_FATAL(san != NULL && sk_GENERAL_NAME_num(san) == 1);
    CU_ASSERT_EQUAL(critical, 0);
    CU_ASSERT_EQUAL(X509_check_host(x, "a.b", 3, 0, NULL), 1);
    GENERAL_NAMES_free(san);
    X509_free(x);
    cmpsrv_decision_free(d);
    w.req.subject =
        S("\x30\x00"); /* an empty subject makes it critical; the user name is random here */
    w.alias.namegeneration_scheme = CMPSRV_USERNAME_RANDOM;
    d = decide(&w);
    x = as_certificate(d);
    san = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    CU_ASSERT_EQUAL(critical, 1);
    GENERAL_NAMES_free(san);
    X509_free(x);
    cmpsrv_decision_free(d);
    end(&w);
}

static void test_requested_extensions(void)
{
    static const struct {
        CMPSRV_SLICE octets;
        CMPSRV_REASON reason;
        int with_mods;
    } t[] = {
#define E(octets, reason, mods)                                                                    \
    {{(const unsigned char *)(octets), sizeof(octets) - 1}, CMPSRV_R_##reason, mods}
        E(BASIC_CA, BAD_CERT_TEMPLATE, 0),
        E(SAN_DNS BASIC_CA, BAD_CERT_TEMPLATE, 0),
        E(BASIC_EE, NONE, 0),
        E(USAGE_SIGNS_CERTS, BAD_CERT_TEMPLATE, 0),
        E(USAGE_SIGNS_CRLS, BAD_CERT_TEMPLATE, 0),
        E(USAGE_SIGNATURE, NONE, 0),
        E(USAGE_REPUDIATION, NONE, 1),
        E(UNKNOWN, NONE, 1),
        E(EXT_SAN("\x02\x30\x00", "\x09"), BAD_CERT_TEMPLATE, 0), /* empty */
        E(EXT_SAN("\x06\x30\x04\x82\x02\x00"
                  "b",
                  "\x0d"),
          BAD_CERT_TEMPLATE, 0),                                             /* NUL in a name */
        E(EXT_SAN("\x06\x30\x04\x82\x02 b", "\x0d"), BAD_CERT_TEMPLATE, 0),  /* blank */
        E(EXT_SAN("\x08\x30\x06\x87\x04\x7f\x00\x00\x01", "\x0f"), NONE, 0), /* IPv4 */
        E(EXT_SAN("\x07\x30\x05\x87\x03\x7f\x00\x00", "\x0e"), BAD_CERT_TEMPLATE, 0),
        E(EXT_SAN("\x06\x30\x04\xa4\x02\x30\x00", "\x0d"), BAD_CERT_TEMPLATE,
          0), /* empty directoryName */
        E(EXT_SAN("\x05\x30\x03\x88\x01\x2a", "\x0c"), BAD_CERT_TEMPLATE, 0), /* registeredID */
        E(EXT_SAN("\x02\x05\x00", "\x09"), BAD_CERT_TEMPLATE, 0),             /* no GeneralNames */
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        struct world w;
        CMPSRV_REFUSAL why = {0};
        CMPSRV_DECISION *d;

        begin(&w);
        w.req.extensions = t[i].octets;
        d = cmpsrv_policy_decide_cert(&w.in, &why);
        CU_ASSERT_EQUAL(why.reason, t[i].reason);
        CU_ASSERT(d == NULL || d->with_mods == t[i].with_mods);
        cmpsrv_decision_free(d);
        end(&w);
    }
}

static void test_resolve(void)
{
    CMPSRV_CONF_CA ca = {.name = (char *)"CA1"};
    CMPSRV_CONF_CERT_PROFILE profile = {.name = (char *)"P"};
    CMPSRV_CONF_EE_PROFILE ee = {.name = (char *)"E",
                                 .default_ca = (char *)"CA1",
                                 .default_certificate_profile = (char *)"P"};
    CMPSRV_CONF conf = {.cas = &ca, .cas_n = 1, .cert_profiles = &profile, .cert_profiles_n = 1};
    CMPSRV_CONF_ALIAS alias = {.ee_profile = &ee};
    CMPSRV_TARGET t;

    cmpsrv_policy_resolve(&conf, &alias, CMPSRV_BODY_IR, cmpsrv_slice(NULL, 0), &t);
    CU_ASSERT(t.ca == &ca && t.cert_profile == &profile && t.ee_profile == &ee &&
              t.alias == &alias);
    ee.default_ca = (char *)"CA2";
    ee.default_certificate_profile = NULL;
    cmpsrv_policy_resolve(&conf, &alias, CMPSRV_BODY_IR, cmpsrv_slice(NULL, 0), &t);
    CU_ASSERT(t.ca == NULL && t.cert_profile == NULL);
}

static void test_one_subject_one_hash(void)
{
    static const CMPSRV_SLICE printable = {
        (const unsigned char *)"\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x13\x06"
                               "Device",
        19};
    static const CMPSRV_SLICE bmp = {
        (const unsigned char
             *)"\x30\x17\x31\x15\x30\x13\x06\x03\x55\x04\x03\x1e\x0c\0d\0e\0v\0i\0c\0e",
        25};
    struct world w;
    CMPSRV_DECISION *a, *b;

    begin(&w);
    w.req.subject = printable;
    a = decide(&w);
    w.req.subject = bmp;
    b = decide(&w);
    CU_ASSERT_EQUAL(memcmp(a->subject_hash, b->subject_hash, CMPSRV_HASH), 0);
    CU_ASSERT_EQUAL(memcmp(a->spki_hash, b->spki_hash, CMPSRV_HASH), 0);
    cmpsrv_decision_free(a);
    cmpsrv_decision_free(b);
    end(&w);
}

TEST_MAIN("policy", TEST(test_a_good_request), TEST(test_template_rules), TEST(test_keys),
          TEST(test_pop), TEST(test_validity), TEST(test_extensions_as_libcrypto_reads_them),
          TEST(test_requested_extensions), TEST(test_resolve), TEST(test_one_subject_one_hash))
