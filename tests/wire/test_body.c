/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of answers octet by octet; certConf, rr and error of clients. */
#include "config.h"

#include "hex.h"
#include "vectors.h"
#include "wire/wire.h"

#define BAD    CMPSRV_R_BAD_DATA_FORMAT
#define CA_DN  "300d310b300906035504030c026361"
#define HASH   "0404 deadbeef"
#define REASON "300a 0603551d15 0403 0a01"

static int is_out(CMPSRV_BYTES *out, const char *hex)
{
    int same = is_hex(cmpsrv_bytes_slice(out), hex);

    cmpsrv_bytes_clear(out);
    return same;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void test_rejections(void)
{
    CMPSRV_BYTES out = {NULL, 0};

    CU_ASSERT(cmpsrv_body_error(9, "no", &out));
    CU_ASSERT(is_out(&out, "b712 3010 300e 020102 30040c026e6f 0303060040"));
    CU_ASSERT(cmpsrv_body_error(-1, NULL, &out));
    CU_ASSERT(is_out(&out, "b707 3005 3003 020102"));
    CU_ASSERT(cmpsrv_body_error(0, "", &out));
    CU_ASSERT(is_out(&out, "b70b 3009 3007 020102 03020780"));
    CU_ASSERT(cmpsrv_body_cert_rejection(CMPSRV_BODY_CP, -1, 26, "no", &out));
    CU_ASSERT(is_out(&out, "a31b 3019 3017 3015 0201ff 3010 020102 30040c026e6f 03050500000020"));
    CU_ASSERT(cmpsrv_body_cert_rejection(CMPSRV_BODY_KUP, 5, 2, NULL, &out));
    CU_ASSERT(is_out(&out, "a812 3010 300e 300c 020105 3007 020102 03020520"));
    CU_ASSERT(cmpsrv_body_rp_rejection(4, NULL, &out));
    CU_ASSERT(is_out(&out, "ac0d 300b 3009 3007 020102 03020308"));
    CU_ASSERT(cmpsrv_body_pkiconf(&out));
    CU_ASSERT(is_out(&out, "b3020500"));
}

/* failInfo of every reason that has one: RFC 9810 5.2.3, encodings from the reference table. */
static void test_fail_infos(void)
{
    static const char *const bits[] = {
        "03020780",       "03020640",       "03020520",     "03020410",     "03020308",
        "03020204",       "03020102",       "03020001",     "0303070080",   "0303060040",
        "0303050020",     "0303040010",     "0303030008",   "0303020004",   "0303010002",
        "0303000001",     "030407000080",   "030406000040", "030405000020", "030404000010",
        "030403000008",   "030402000004",   "030401000002", "030400000001", "03050700000080",
        "03050600000040", "03050500000020",
    };
    CMPSRV_BYTES out = {NULL, 0};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bits); i++) {
        size_t n = strlen(bits[i]) / 2;

        CU_ASSERT(cmpsrv_body_error((int)i, NULL, &out));
        CU_ASSERT_EQUAL_FATAL(out.n, 9 + n);
        CU_ASSERT(is_hex(cmpsrv_slice(out.p + 9, n), bits[i]));
        cmpsrv_bytes_clear(&out);
    }
}

/* ---- the certificate answer -------------------------------------------------------------------
 */

#define PAIR "3007 a005 3003 020107"

static void test_certrep(void)
{
    CMPSRV_SLICE pubs[2] = {DER_OID_SLICE("\x30\x00"), DER_OID_SLICE("\x30\x02\x05\x00")};
    CMPSRV_SLICE cert = DER_OID_SLICE("\x30\x03\x02\x01\x07");
    CMPSRV_SLICE encrypted = DER_OID_SLICE("\xa0\x03\x04\x01\xee");
    const struct {
        int body;
        CMPSRV_CERTREP rep;
        const char *want;
    } rows[] = {
        {CMPSRV_BODY_CP,
         {-1, 1, cert, {0}, NULL, 0},
         "a317 3015 3013 3011 0201ff 3003 020101" PAIR},
        {CMPSRV_BODY_IP, {0, 0, cert, {0}, NULL, 0}, "a117 3015 3013 3011 020100 3003 020100" PAIR},
        {CMPSRV_BODY_KUP,
         {300, 0, cert, {0}, NULL, 0},
         "a818 3016 3014 3012 0202012c 3003 020100" PAIR},
        {CMPSRV_BODY_IP,
         {0, 0, cert, {0}, pubs, 2},
         "a121 301f a108 3006 3000 30020500 3013 3011 020100 3003 020100" PAIR},
        /* encryptedCert [1] instead of certificate [0] */
        {CMPSRV_BODY_CP,
         {5, 1, cert, encrypted, NULL, 0},
         "a317 3015 3013 3011 020105 3003 020101 3007 a105 a003 0401ee"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        CMPSRV_BYTES out = {NULL, 0};

        CU_ASSERT(cmpsrv_body_certrep(rows[i].body, &rows[i].rep, &out));
        CU_ASSERT(is_out(&out, rows[i].want));
    }
}

/* RFC 9810 5.3.10: one status and one CertId, whose issuer is a GeneralName. */
static void test_rp(void)
{
    CMPSRV_SLICE issuer = DER_OID_SLICE("\x30\x02\x31\x00"), serial = DER_OID_SLICE("\x01\x02");
    CMPSRV_BYTES out = {NULL, 0};

    CU_ASSERT(cmpsrv_body_rp(issuer, serial, &out));
    CU_ASSERT(is_out(&out, "ac19 3017 3005 3003 020100 a00e 300c 300a a404 30023100 02020102"));
}

/* The Certificate in a CertRepMessage. */
static CMPSRV_SLICE cert_of(CMPSRV_SLICE body)
{
    CMPSRV_SLICE content, message, ca_pubs, responses, response, pair, cert = {0};

    CU_ASSERT_FATAL(cmpsrv_der_get(&body, DER_CONTEXT_CONSTRUCTED(1), &content));
    CU_ASSERT_FATAL(cmpsrv_der_get(&content, DER_SEQUENCE, &message));
    CU_ASSERT_FATAL(cmpsrv_der_opt(&message, DER_CONTEXT_CONSTRUCTED(1), &ca_pubs));
    CU_ASSERT_FATAL(cmpsrv_der_get(&message, DER_SEQUENCE, &responses));
    CU_ASSERT_FATAL(cmpsrv_der_get(&responses, DER_SEQUENCE, &response));
    CU_ASSERT_FATAL(cmpsrv_der_get(&response, DER_INTEGER, NULL));
    CU_ASSERT_FATAL(cmpsrv_der_get(&response, DER_SEQUENCE, NULL));
    CU_ASSERT_FATAL(cmpsrv_der_get(&response, DER_SEQUENCE, &pair));
    CU_ASSERT_FATAL(cmpsrv_der_get(&pair, DER_CONTEXT_CONSTRUCTED(0), &cert));
    return cert;
}

/* As OpenSSL's own server makes it, to the octet. */
static void test_certrep_real(void)
{
    CMPSRV_BYTES ip = from_hex(VECTOR_IP), out = {NULL, 0};
    CMPSRV_SLICE ca_pubs = cmpsrv_slice(ip.p + 198, 372);
    CMPSRV_CERTREP rep = {.ca_pubs = &ca_pubs, .ca_pubs_n = 1};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_PKIMSG m;

    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&ip), &m, &why));
    rep.cert = cert_of(m.body);
    CU_ASSERT(cmpsrv_body_certrep(CMPSRV_BODY_IP, &rep, &out));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&out), m.body));
    cmpsrv_bytes_clear(&ip);
    cmpsrv_bytes_clear(&out);
}

/* ---- certConf ---------------------------------------------------------------------------------
 */

static CMPSRV_BYTES buffer;

/* The body value is a SEQUENCE around that; well-formed, so that no case is refused because of a
 * length miscounted here. */
static CMPSRV_SLICE list_of(const char *content)
{
    cmpsrv_bytes_clear(&buffer);
    buffer = element(DER_SEQUENCE, content, "");
    CU_ASSERT(cmpsrv_der_check(cmpsrv_bytes_slice(&buffer), 20, 100, NULL));
    return cmpsrv_bytes_slice(&buffer);
}

static int parse_conf(const char *content, CMPSRV_CERT_CONF *out)
{
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_certconf_parse(list_of(content), out, &why);

    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT(ok || !out->present);
    return (int)why.reason;
}

static void test_certconf(void)
{
    CMPSRV_CERT_CONF c;

    CU_ASSERT_EQUAL(parse_conf("", &c), 0);
    CU_ASSERT(!c.present);
    CU_ASSERT_EQUAL(parse_conf("3009" HASH "020100", &c), 0);
    CU_ASSERT(c.present);
    CU_ASSERT(is_hex(c.cert_hash, "deadbeef"));
    CU_ASSERT(c.cert_req_id == 0 && c.status == CMPSRV_STATUS_ACCEPTED);
    CU_ASSERT(c.hash_alg.p == NULL && c.text[0] == '\0');
    CU_ASSERT_EQUAL(parse_conf("300e" HASH "0201ff 3003 020100", &c), 0);
    CU_ASSERT(c.cert_req_id == -1 && c.status == CMPSRV_STATUS_ACCEPTED);
    CU_ASSERT_EQUAL(parse_conf("3029" HASH "020100 300f 020102 3006 0c04 6e6f0a22 03020780"
                               "a00d 300b 0609608648016503040201",
                               &c),
                    0);
    CU_ASSERT_EQUAL(c.status, CMPSRV_STATUS_REJECTION);
    CU_ASSERT_STRING_EQUAL(c.text, "no\\x0a\\x22");
    CU_ASSERT(is_hex(c.hash_alg, "300b 0609608648016503040201"));
}

static void test_certconf_refuses(void)
{
    static const struct {
        const char *content;
        int reason;
    } cases[] = {
        {"3009" HASH "020100 3009" HASH "020100", CMPSRV_R_ONE_REQUEST_ONLY},
        {"300e" HASH "020100 3003 020101", CMPSRV_R_BAD_REQUEST},
        {"300e" HASH "020100 3003 020103", CMPSRV_R_BAD_REQUEST},
        {"300e" HASH "020100 3003 0201ff", CMPSRV_R_BAD_REQUEST},
        {"3012" HASH "020100 3007 020100 03020780", CMPSRV_R_BAD_REQUEST},
        {"3013" HASH "0209010000000000000000 0500", CMPSRV_R_BAD_CERT_REQ_ID},
        {"0500", BAD},
        {"3000", BAD},
        {"3006" HASH, BAD},
        {"3009 0c04deadbeef 020100", BAD},
        {"3009" HASH "040100", BAD},
        {"300b" HASH "020100 0500", BAD},
        {"300b" HASH "020100 3000", BAD},
        {"3010" HASH "020100 3005 020102 3000", BAD},               /* PKIFreeText of none */
        {"3013" HASH "020100 3008 020102 3003 040161", BAD},        /* of a wrong type */
        {"3016" HASH "020100 300b 020102 3006 0c0161 040162", BAD}, /* the second one */
        {"3012" HASH "020100 3007 020102 04020780", BAD},
        {"3014" HASH "020100 3009 020102 03020780 0500", BAD},
        {"300b" HASH "020100 a000", BAD},
        {"300d" HASH "020100 a002 0500", BAD},
        {"301a" HASH "020100 a00f 300b 0609608648016503040201 0500", BAD},
        {"301d" HASH "020100 a00d 300b 0609608648016503040201 3003 020100", BAD}, /* order */
    };
    CMPSRV_CERT_CONF c;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(parse_conf(cases[i].content, &c), cases[i].reason);
    CU_ASSERT(!cmpsrv_certconf_parse(DER_OID_SLICE("\x31\x00"), &c, NULL));
    CU_ASSERT(!cmpsrv_certconf_parse(DER_OID_SLICE("\x30\x00\x05\x00"), &c, NULL));
}

/* ---- rr ---------------------------------------------------------------------------------------
 */

#define ISSUER  "a30f" CA_DN
#define SERIAL  "81027f34"
#define DETAILS "3015" SERIAL ISSUER

static int parse_rr(const char *content, CMPSRV_REV_DETAILS *out)
{
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_rr_parse(list_of(content), out, &why);

    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT(ok || out->serial.p == NULL);
    return (int)why.reason;
}

static void test_rr(void)
{
    CMPSRV_REV_DETAILS d;
    char text[200];

    CU_ASSERT_EQUAL(parse_rr("3017" DETAILS, &d), 0);
    CU_ASSERT(is_hex(d.issuer, CA_DN));
    CU_ASSERT(is_hex(d.serial, "7f34"));
    CU_ASSERT(d.subject.p == NULL && d.spki.p == NULL && d.reason == 0);
    CU_ASSERT_EQUAL(
        parse_rr("3035 3033" SERIAL ISSUER "a50f" CA_DN "a60b 3005 06032b6570 0302 00ff", &d), 0);
    CU_ASSERT(is_hex(d.subject, CA_DN));
    CU_ASSERT(is_hex(d.spki, "3005 06032b6570 0302 00ff"));
    for (unsigned r = 0; r < 256; r++) {
        snprintf(text, sizeof(text), "3025" DETAILS "300c" REASON "%02x", r);
        CU_ASSERT_EQUAL(parse_rr(text, &d), r <= 10 && r != 7 ? 0 : CMPSRV_R_BAD_CRL_ENTRY_DETAILS);
        CU_ASSERT_EQUAL(d.reason, r <= 10 && r != 7 ? (int)r : 0);
    }
    /* an invalidityDate beside it */
    CU_ASSERT_EQUAL(parse_rr("302e" DETAILS "3015 3007 0603551d180400" REASON "01", &d), 0);
    CU_ASSERT_EQUAL(d.reason, 1);
}

static void test_rr_refuses(void)
{
    static const struct {
        const char *content;
        int reason;
    } cases[] = {
        {"", CMPSRV_R_ONE_REQUEST_ONLY},
        {"3017" DETAILS "3017" DETAILS, CMPSRV_R_ONE_REQUEST_ONLY},
        {"3006 3004" SERIAL, CMPSRV_R_ADD_INFO_NOT_AVAILABLE},
        {"3013 3011" ISSUER, CMPSRV_R_ADD_INFO_NOT_AVAILABLE},
        {"3002 3000", CMPSRV_R_ADD_INFO_NOT_AVAILABLE},
        {"3031" DETAILS "3018" REASON "01" REASON "01", CMPSRV_R_BAD_REQUEST},
        {"3028" DETAILS "300f 300d 0603551d15 010100 0403 0a0101", CMPSRV_R_BAD_REQUEST},
        {"3025" DETAILS "300c 300a 0603551d15 0403 020101", CMPSRV_R_BAD_CRL_ENTRY_DETAILS},
        {"3026" DETAILS "300d 300b 0603551d15 0404 0a020001", CMPSRV_R_BAD_CRL_ENTRY_DETAILS},
        {"3027" DETAILS "300e 300c 0603551d15 0405 0a0101 0500", CMPSRV_R_BAD_CRL_ENTRY_DETAILS},
        {"3022" DETAILS "3009 3007 0603551d15 0400", CMPSRV_R_BAD_CRL_ENTRY_DETAILS},
        {"3019" DETAILS "3000", BAD},
        {"3019" DETAILS "0500", BAD},
        {"301b" DETAILS "3002 0500", BAD},
        {"0500", BAD},
        {"3000", BAD},
        {"3002 0500", BAD},
        {"3017 3015" ISSUER SERIAL, BAD}, /* order */
    };
    CMPSRV_REFUSAL why = {0};
    CMPSRV_REV_DETAILS d;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(parse_rr(cases[i].content, &d), cases[i].reason);
    CU_ASSERT(!cmpsrv_rr_parse(DER_OID_SLICE("\x05\x00"), &d, NULL));
    CU_ASSERT(!cmpsrv_rr_parse(DER_OID_SLICE("\x30\x00\x05\x00"), &d, &why));
    CU_ASSERT_EQUAL(why.reason, BAD);
}

static void test_real(void)
{
    CMPSRV_BYTES rr = from_hex(VECTOR_RR), conf = from_hex(VECTOR_CERTCONF);
    CMPSRV_PKIMSG m;
    CMPSRV_REV_DETAILS d;
    CMPSRV_CERT_CONF c;
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&rr), &m, &why));
    CU_ASSERT(cmpsrv_rr_parse(m.body_value, &d, &why));
    CU_ASSERT_EQUAL(d.reason, 1);
    CU_ASSERT(is_hex(d.serial, "253acee6a1843e5db1c61091dc2232110ffd5f1d"));
    CU_ASSERT(is_hex(d.issuer, CA_DN));
    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&conf), &m, &why));
    CU_ASSERT(cmpsrv_certconf_parse(m.body_value, &c, &why));
    CU_ASSERT(c.present && c.cert_hash.n == 32 && c.status == CMPSRV_STATUS_ACCEPTED);
    cmpsrv_bytes_clear(&rr);
    cmpsrv_bytes_clear(&conf);
}

/* ---- error ------------------------------------------------------------------------------------
 */

static void test_error_text(void)
{
    static const struct {
        const char *content, *text;
    } cases[] = {
        {"3003 020102", "status 2"},
        {"300d 020102 30040c026e6f 03020640", "status 2 badMessageCheck: no"},
        {"300e 020102 30050c03 6e220a 0302 0640", "status 2 badMessageCheck: n\\x22\\x0a"},
        {"3009 020102 0304 00804001", "status 2 badAlg badPOP notAuthorized"},
        {"300c 020102 0307 00 0000000000ff", "status 2"},
        {"3003 020102 020105 30040c026e6f", "status 2"},
        {"0500", ""},
        {"", ""},
        {"3002 0500", ""},
    };
    char out[100], small[12];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        strcpy(out, "stale");
        cmpsrv_error_text(list_of(cases[i].content), out, sizeof(out));
        CU_ASSERT_STRING_EQUAL(out, cases[i].text);
    }
    cmpsrv_error_text(list_of("300d 020102 30040c026e6f 03020640"), small, sizeof(small));
    CU_ASSERT_STRING_EQUAL(small, "status 2 ba");
    cmpsrv_error_text(cmpsrv_slice(NULL, 0), out, sizeof(out));
    CU_ASSERT_STRING_EQUAL(out, "");
    cmpsrv_error_text(cmpsrv_slice(NULL, 0), NULL, 0);
}

static void test_leaves_nothing(void)
{
    cmpsrv_bytes_clear(&buffer);
}

TEST_MAIN("wire/body", TEST(test_rejections), TEST(test_fail_infos), TEST(test_certrep),
          TEST(test_certrep_real), TEST(test_rp), TEST(test_certconf), TEST(test_certconf_refuses),
          TEST(test_rr), TEST(test_rr_refuses), TEST(test_real), TEST(test_error_text),
          TEST(test_leaves_nothing))
