/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of RA mode: template, key and proof of possession, each rule broken once with its exact
 * reason. */
#include "config.h"

#include "world.h"

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

    BROKEN(NONE, w.req.has_version = 1; w.req.version = 2);
    BROKEN(BAD_CERT_TEMPLATE, w.req.has_version = 1; w.req.version = 1);
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
    BROKEN(NO_SUCH_PROFILE, w.target.cert_profile = NULL);
    BROKEN(NO_SUCH_PROFILE, w.target.ee_profile = NULL);
    BROKEN(NO_SUCH_PROFILE, w.target.ee_profile = NULL; w.target.ca = NULL);
    BROKEN(NONE, w.req.pop = CMPSRV_POP_SIGNATURE; w.req.input.is_only_key = 1);
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

/* ---- serialNumber
 * -------------------------------------------------------------------------------------------- */

#define OCTETS_20 "\x7f\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10\x11\x12\x13\x14"

static void allow_serial(struct world *w)
{
    w->alias.allow_custom_serial = 1;
    w->profile.allow_serial_override = 1;
    w->req.serial = S("\5");
}

static void test_serial_needs_leave(void)
{
    struct world w;

    BROKEN(NONE, allow_serial(&w));
    BROKEN(BAD_CERT_TEMPLATE, w.req.serial = S("\5"));
    CU_ASSERT(has(w.detail, "serialNumber must be absent"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.alias.allow_custom_serial = 0);
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.profile.allow_serial_override = 0);
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.profile.allow_serial_override = 0;
           w.alias.ejbca_conformance = 1);
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); be_entity(&w, "device", "CN=device,O=Example"));
}

static void test_serial_values(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    BROKEN(NONE, allow_serial(&w); w.req.serial = S("\x00\x80"));
    BROKEN(NONE, allow_serial(&w); w.req.serial = S(OCTETS_20));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S(OCTETS_20 "\x15"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S("\x00"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S("\x80"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S("\xff\x01"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S("\x00\x05"));
    BROKEN(BAD_CERT_TEMPLATE, allow_serial(&w); w.req.serial = S(""));
    begin(&w);
    allow_serial(&w);
    w.req.serial = S(OCTETS_20);
    d = decide(&w);
    CU_ASSERT(d->serial_len == 20 && memcmp(d->serial, OCTETS_20, 20) == 0);
    CU_ASSERT_EQUAL(d->with_mods, 0);
    cmpsrv_decision_free(d);
    end(&w);
}

/* EJBCA does not even look at it. */
static void test_serial_ignored(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    w.alias.ejbca_conformance = 1;
    w.req.serial = S("\x00");
    d = decide(&w);
    CU_ASSERT(d->serial_len == 0 && d->with_mods == 1);
    cmpsrv_decision_free(d);
    end(&w);
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
          TEST(test_pop), TEST(test_serial_needs_leave), TEST(test_serial_values),
          TEST(test_serial_ignored), TEST(test_one_subject_one_hash))
