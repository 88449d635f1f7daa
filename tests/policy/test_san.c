/* SPDX-License-Identifier: Apache-2.0 */
/* subjectAltName: which names may be in a certificate, rows of subject_alt_name, and whose names an
 * end entity gets. */
#include "config.h"

#include "world.h"

#define SAN_OID "2.5.29.17"
#define DNS                                                                                        \
    "\x82\x09"                                                                                     \
    "a.example"
#define DNS_B                                                                                      \
    "\x82\x09"                                                                                     \
    "b.example"
#define EMAIL                                                                                      \
    "\x81\x05"                                                                                     \
    "a@b.c"
#define URI_NAME                                                                                   \
    "\x86\x07"                                                                                     \
    "urn:a:b"
#define IP4 "\x87\x04\x0a\x00\x00\x01"
#define IP6 "\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define DIRECTORY                                                                                  \
    "\xa4\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"                                 \
    "d"
#define OTHER                                                                                      \
    "\xa0\x09\x06\x02\x2a\x03\xa0\x03\x0c\x01"                                                     \
    "u"
#define ID "\x88\x02\x2a\x03"

/* GeneralNames of these octets, asked for. */
static void ask_san(struct world *w, CMPSRV_SLICE names)
{
    CMPSRV_DERW d = {0};
    CMPSRV_BYTES value = {0};

    cmpsrv_derw_put(&d, DER_SEQUENCE, names);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&d, &value));
    ask(w, SAN_OID, 0, cmpsrv_bytes_slice(&value));
    cmpsrv_bytes_clear(&value);
}

static void register_san(struct world *w, CMPSRV_SLICE names)
{
    CMPSRV_DERW d = {0};

    cmpsrv_derw_put(&d, DER_SEQUENCE, names);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&d, &w->row.san));
}

static void test_name_types(void)
{
    static const struct {
        CMPSRV_SLICE names;
        int is_good;
    } t[] = {
#define N(octets, good) {{(const unsigned char *)(octets), sizeof(octets) - 1}, good}
        N(DNS, 1),
        N(EMAIL, 1),
        N(URI_NAME, 1),
        N(IP4, 1),
        N(IP6, 1),
        N(DIRECTORY, 1),
        N(OTHER, 1),
        N(ID, 1),
        N(DNS EMAIL URI_NAME IP4 IP6 DIRECTORY OTHER ID, 1),
        N("\x82\x01\x00", 0),
        N("\x82\x00", 0),
        N("\x82\x03"
          "a b",
          0),
        N("\x82\x02\xc3\xa9", 0),
        N("\x87\x03\x0a\x00\x00", 0),
        N("\x87\x05\x0a\x00\x00\x01\x01", 0),
        N("\xa4\x02\x30\x00", 0),
        N("\xa4\x02\x05\x00", 0),
        N("\xa0\x04\x06\x02\x2a\x03", 0), /* no value */
        N("\xa0\x05\xa0\x03\x0c\x01"
          "u",
          0),                                     /* no type */
        N("\xa0\x06\x06\x02\x2a\x03\xa0\x00", 0), /* nothing in it */
        N("\xa0\x09\x06\x02\x2a\x03\xa1\x03\x0c\x01"
          "u",
          0), /* [1] */
        N("\xa0\x0b\x06\x02\x2a\x03\xa0\x05\x05\x00\x0c\x01"
          "u",
          0), /* two values */
        N("\xa0\x0b\x06\x02\x2a\x03\xa0\x03\x0c\x01"
          "u\x05\x00",
          0), /* and more */
        N("\xa0\x09\x06\x02\x2a\x83\xa0\x03\x0c\x01"
          "u",
          0), /* no OID */
        N("\x88\x00", 0),
        N("\x88\x02\x2a\x83", 0),
        N("\x88\x02\x80\x01", 0),
        N("\xa3\x02\x30\x00", 0), /* x400Address */
        N("\xa5\x05\xa1\x03\x0c\x01"
          "p",
          0), /* ediPartyName */
        N("\x89\x01"
          "x",
          0),
        N("", 0),
        N(DNS "\x82\x00", 0),
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        struct world w;
        CMPSRV_REASON reason;

        begin(&w);
        ask_san(&w, t[i].names);
        reason = judge(&w);
        if (reason != (t[i].is_good ? CMPSRV_R_NONE : CMPSRV_R_BAD_CERT_TEMPLATE))
            fprintf(stderr, "names %zu: %s\n", i, w.detail);
        CU_ASSERT_EQUAL(reason, t[i].is_good ? CMPSRV_R_NONE : CMPSRV_R_BAD_CERT_TEMPLATE);
        end(&w);
    }
}

static void test_how_many(void)
{
    unsigned char names[101 * 3];
    struct world w;

    for (size_t i = 0; i < 101; i++)
        memcpy(names + 3 * i,
               "\x82\x01"
               "a",
               3);
    BROKEN(NONE, ask_san(&w, cmpsrv_slice(names, 300)));
    BROKEN(BAD_CERT_TEMPLATE, ask_san(&w, cmpsrv_slice(names, 303)));
    CU_ASSERT(has(w.detail, "more than 100 names"));
}

static void test_no_general_names(void)
{
    struct world w;

    BROKEN(BAD_CERT_TEMPLATE, ask(&w, SAN_OID, 0, S("\x05\x00")));
    BROKEN(BAD_CERT_TEMPLATE, ask(&w, SAN_OID, 0, S("")));
    BROKEN(BAD_CERT_TEMPLATE, ask(&w, SAN_OID, 0, S("\x30\x03" ID "x"))); /* one too many */
    BROKEN(BAD_CERT_TEMPLATE, ask(&w, SAN_OID, 0, S("\x30\x80" ID "\x00\x00")));
}

/* As libcrypto reads what comes out; critical where it is all that names the holder. */
static void test_read_by_libcrypto(void)
{
    struct world w;
    CMPSRV_DECISION *d;
    GENERAL_NAMES *san;
    int critical = -1;
    X509 *x;

    begin(&w);
    ask_san(&w, S(DNS IP4 IP6 OTHER ID));
    d = decide(&w);
    CU_ASSERT_EQUAL(d->with_mods, 0);
    x = as_certificate(d);
    san = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    CU_ASSERT_FATAL(san != NULL && sk_GENERAL_NAME_num(san) == 5 && critical == 0);
    CU_ASSERT_EQUAL(X509_check_host(x, "a.example", 9, 0, NULL), 1);
    CU_ASSERT_EQUAL(X509_check_ip_asc(x, "10.0.0.1", 0), 1);
    CU_ASSERT_EQUAL(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
    CU_ASSERT_EQUAL(sk_GENERAL_NAME_value(san, 3)->type, GEN_OTHERNAME);
    CU_ASSERT_EQUAL(sk_GENERAL_NAME_value(san, 4)->type, GEN_RID);
    GENERAL_NAMES_free(san);
    X509_free(x);
    cmpsrv_decision_free(d);
    w.req.subject = S("\x30\x00"); /* the user name is random here */
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

/* ---- rows
 * ----------------------------------------------------------------------------------------------------
 */

static void test_rows(void)
{
    static const struct {
        CMPSRV_SLICE names; /* absent: no subjectAltName */
        const char *type;
        int required;
        const char *value, *regex;
        int64_t max;
        const char *detail; /* NULL: fulfilled */
    } t[] = {
#define R(octets) {(const unsigned char *)(octets), sizeof(octets) - 1}
        {R(DNS), "dNSName", 1, NULL, NULL, 1, NULL},
        {R(DNS), "dnsname", 1, NULL, NULL, 1, NULL},
        {{NULL, 0}, "dNSName", 0, NULL, NULL, 1, NULL},
        {{NULL, 0},
         "dNSName",
         1,
         NULL,
         NULL,
         1,
         "end entity profile E: subject_alt_name: dNSName: required and missing"},
        {R(EMAIL), "dNSName", 0, NULL, NULL, 1,
         "end entity profile E: subject_alt_name: rfc822Name: not listed"},
        {R(DNS EMAIL), "dNSName", 0, NULL, NULL, 1, "rfc822Name: not listed"},
        {R(DNS DNS_B), "dNSName", 0, NULL, NULL, 1, "dNSName: more often than max"},
        {R(DNS DNS_B), "dNSName", 0, NULL, NULL, 2, NULL},
        {R(DNS DNS_B), "dNSName", 0, "a.example", NULL, 2, "dNSName: another value"},
        {R(DNS_B), "dNSName", 0, NULL, "[a-z]\\.example", 1, NULL},
        {R(DNS_B), "dNSName", 0, NULL, "\\.example", 1, "dNSName: does not match regex"},
        {R(DNS_B), "dNSName", 0, NULL, "a\\.example", 1, "dNSName: does not match regex"},
        /* each type by its text */
        {R(EMAIL), "rfc822Name", 1, "a@b.c", NULL, 1, NULL},
        {R(URI_NAME), "URI", 1, "urn:a:b", NULL, 1, NULL},
        {R(URI_NAME), "uniformResourceIdentifier", 1, "urn:a:b", NULL, 1, NULL},
        {R(IP4), "iPAddress", 1, "10.0.0.1", NULL, 1, NULL},
        {R(IP4), "iPAddress", 1, "10.0.0.2", NULL, 1, "iPAddress: another value"},
        {R(IP6), "iPAddress", 1, "2001:db8::1", NULL, 1, NULL},
        {R(IP4 IP6), "iPAddress", 1, NULL, "[0-9a-f.:]+", 2, NULL},
        {R(DIRECTORY), "directoryName", 1, "CN=d", NULL, 1, NULL},
        {R(OTHER), "otherName", 1, "1.2.3", NULL, 1, NULL},
        {R(OTHER), "otherName", 1, "1.2.4", NULL, 1, "otherName: another value"},
        {R(ID), "registeredID", 1, "1.2.3", NULL, 1, NULL},
        {R(ID), "otherName", 0, NULL, NULL, 1, "registeredID: not listed"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_CONF_FIELD row = field(t[i].type, t[i].required, t[i].value, t[i].regex, t[i].max);
        struct world w;

        begin(&w);
        w.ee.subject_alt_name = (CMPSRV_CONF_FIELDS){&row, 1};
        if (t[i].names.p != NULL)
            ask_san(&w, t[i].names);
        CU_ASSERT_EQUAL(judge(&w),
                        t[i].detail == NULL ? CMPSRV_R_NONE : CMPSRV_R_PROFILE_NOT_FULFILLED);
        CU_ASSERT(has(w.detail, t[i].detail == NULL ? "" : t[i].detail));
        field_clear(&row);
        end(&w);
    }
}

static void test_rows_of_several_types(void)
{
    CMPSRV_CONF_FIELD rows[] = {field("dNSName", 1, NULL, NULL, 2),
                                field("iPAddress", 0, NULL, NULL, 1)};
    struct world w;

    BROKEN(NONE, ask_san(&w, S(DNS IP4 DNS_B));
           w.ee.subject_alt_name = ((CMPSRV_CONF_FIELDS){rows, 2}));
    BROKEN(PROFILE_NOT_FULFILLED, ask_san(&w, S(IP4));
           w.ee.subject_alt_name = ((CMPSRV_CONF_FIELDS){rows, 2}));
    BROKEN(PROFILE_NOT_FULFILLED, ask_san(&w, S(DNS IP4 IP6));
           w.ee.subject_alt_name = ((CMPSRV_CONF_FIELDS){rows, 2}));
}

/* ---- client mode
 * --------------------------------------------------------------------------------------------- */

static char *san_oid[] = {SAN_OID}, *eku_oid[] = {"2.5.29.37"};

/* What is asked for, what is registered, and what an override makes of them. */
static void test_client_mode(void)
{
    enum { NONE, A, B };
    static const struct {
        int asked, registered, may;
        const CMPSRV_CONF_LIST over, non_over;
        int want, with_mods;
    } t[] = {
        {NONE, NONE, 0, {0}, {0}, NONE, 0}, {A, NONE, 0, {0}, {0}, NONE, 1},
        {NONE, B, 0, {0}, {0}, B, 0},       {A, B, 0, {0}, {0}, B, 1},
        {B, B, 0, {0}, {0}, B, 0},          {A, B, 1, {0}, {0}, A, 0},
        {A, NONE, 1, {0}, {0}, A, 0},       {NONE, B, 1, {0}, {0}, B, 0},
        {A, B, 1, {san_oid, 1}, {0}, A, 0}, {A, B, 1, {eku_oid, 1}, {0}, B, 1},
        {A, B, 1, {0}, {san_oid, 1}, B, 1}, {A, B, 1, {san_oid, 1}, {san_oid, 1}, B, 1},
        {A, B, 0, {san_oid, 1}, {0}, B, 1},
    };
    static const CMPSRV_SLICE names[] = {{NULL, 0}, R(DNS), R(DNS_B)};
    static const CMPSRV_SLICE values[] = {{NULL, 0}, R("\x30\x0b" DNS), R("\x30\x0b" DNS_B)};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        struct world w;
        CMPSRV_DECISION *d;

        begin(&w);
        be_entity(&w, "device", "CN=device,O=Example");
        w.profile.allow_extension_override = t[i].may;
        w.profile.overridable_extensions = t[i].over;
        w.profile.non_overridable_extensions = t[i].non_over;
        if (t[i].asked != NONE)
            ask_san(&w, names[t[i].asked]);
        if (t[i].registered != NONE)
            register_san(&w, names[t[i].registered]);
        d = decide(&w);
        CU_ASSERT_EQUAL(place_of(d, SAN_OID, 0, values[t[i].want]) >= 0, t[i].want != NONE);
        CU_ASSERT_EQUAL(d->with_mods, t[i].with_mods);
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* An RA's goes by the rows alone. */
static void test_ra_mode_lists(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    w.profile.allow_extension_override = 1;
    w.profile.non_overridable_extensions = (CMPSRV_CONF_LIST){san_oid, 1};
    ask_san(&w, S(DNS));
    d = decide(&w);
    CU_ASSERT(place_of(d, SAN_OID, 0, S("\x30\x0b" DNS)) >= 0);
    CU_ASSERT_EQUAL(d->with_mods, 0);
    cmpsrv_decision_free(d);
    end(&w);
}

/* What is wrong is wrong for everybody; what is damaged in the store is our fault. */
static void test_client_mode_refused(void)
{
    struct world w;

    BROKEN(BAD_CERT_TEMPLATE, be_entity(&w, "device", "CN=device");
           ask_san(&w, S("\xa3\x02\x30\x00")));
    BROKEN(BAD_CERT_TEMPLATE, be_entity(&w, "device", "CN=device");
           w.profile.allow_extension_override = 1; ask_san(&w, S("\xa3\x02\x30\x00")));
    BROKEN(SYSTEM_FAILURE, be_entity(&w, "device", "CN=device");
           cmpsrv_bytes_set(&w.row.san, S("\x30\x00")));
    BROKEN(BAD_CERT_TEMPLATE, be_entity(&w, "device", ""));
}

TEST_MAIN("san", TEST(test_name_types), TEST(test_how_many), TEST(test_no_general_names),
          TEST(test_read_by_libcrypto), TEST(test_rows), TEST(test_rows_of_several_types),
          TEST(test_client_mode), TEST(test_ra_mode_lists), TEST(test_client_mode_refused))
