/* SPDX-License-Identifier: Apache-2.0 */
/* A message in words: names of everything, unknown OIDs dotted, damage with its offset. */
#include "config.h"

#include "show/show.h"
#include "wire/hex.h"

#define HEADER "300b 020102 a4023000 a4023000"

/* What is shown of the octets in hex; the caller frees. */
static char *shown(const char *hex, int json, size_t *damaged)
{
    CMPSRV_BYTES b = from_hex(hex);
    unsigned char *copy = exact(cmpsrv_bytes_slice(&b));
    CMPSRV_JSON out = {0};

    *damaged = cmpsrv_show_message(cmpsrv_slice(copy, b.n), json, &out);
    free(copy);
    cmpsrv_bytes_clear(&b);
    return cmpsrv_json_finish(&out);
}

static void check(const char *hex, size_t damaged, const char *want)
{
    size_t n;
    char *text = shown(hex, 0, &n);

    CU_ASSERT_FATAL(text != NULL);
    CU_ASSERT_EQUAL(n, damaged);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
    if (n != damaged || strstr(text, want) == NULL)
        fprintf(stderr, "wanted %zu damages and \"%s\":\n%s", damaged, want, text);
    OPENSSL_free(text);
}

/* A message with that body (hex of its [n] element). */
static void check_body(const char *body, size_t damaged, const char *want)
{
    CMPSRV_BYTES b = element(DER_SEQUENCE, HEADER, body);
    char *hex = OPENSSL_malloc(2 * b.n + 1);

    check(cmpsrv_hex(cmpsrv_bytes_slice(&b), hex, 2 * b.n + 1), damaged, want);
    OPENSSL_free(hex);
    cmpsrv_bytes_clear(&b);
}

static void test_every_body_has_a_name(void)
{
    static const char *const names[] = {
        "ir",   "ip",     "cr",    "cp",       "p10cr",   "popdecc", "popdecr",
        "kur",  "kup",    "krr",   "krp",      "rr",      "rp",      "ccr",
        "ccp",  "ckuann", "cann",  "rann",     "crlann",  "pkiconf", "nested",
        "genm", "genp",   "error", "certConf", "pollReq", "pollRep"};
    char body[16], want[64];

    for (unsigned i = 0; i < CMPSRV_ARRAY_SIZE(names); i++) {
        snprintf(body, sizeof(body), "%02x03020100", 0xa0 | i);
        snprintf(want, sizeof(want), "\n  body:\n    %s: DAMAGED at offset 17: want ", names[i]);
        check_body(body, 1, want);
        snprintf(want, sizeof(want), "\n  message: %s\n", names[i]);
        check_body(body, 1, want);
    }
    check_body("bb 03 020100", 1, "body: DAMAGED at offset 15: want PKIBody, have tag bb");
}

static void test_words(void)
{
    /* error { status 2, "no", badAlg + systemFailure } */
    check_body("b714 3012 3010 020102 3004 0c026e6f 0305 06 80000040", 0,
               "\n    error:\n      pKIStatusInfo:\n        status: rejection (2)\n"
               "        statusString:\n          [0]: no\n        failInfo:\n"
               "          [0]: badAlg\n          [1]: systemFailure\n");
    /* genm with an OID that nobody knows, one that is known, and a value of any kind */
    check_body("b50c 300a 3008 0603 2a0304 020105", 0,
               "[0]:\n        infoType: 1.2.3.4\n        infoValue: 5\n");
    check_body("b50f 300d 300b 0603 2a0304 3004 8002ff00", 0, "[0]: ff00  tag 80 ([0])\n");
    check_body("b50e 300c 300a 0608 2b06010505070402", 0,
               "infoType: signKeyPairTypes (1.3.6.1.5.5.7.4.2)\n");
    check_body("b302 0500", 0, "pkiconf: NULL\n");
    check_body("b907 3005 3003 0201ff", 0, "certReqId: -1\n");
}

/* Whatever is in a text, it is one line of what a terminal shows as it stands. */
static void test_escapes(void)
{
    check_body("b71a 3018 3016 020102 3011 0c0f 6e0a1b5b324a c3a4 ff e280ae 7f 78 78", 0,
               "[0]: n\\x0a\\x1b[2J\xc3\xa4\\xff\\xe2\\x80\\xae\\x7fxx\n");
}

static void test_damage(void)
{
    check("", 1, "message: DAMAGED at offset 0: no octets");
    check("31 00", 1, "message: DAMAGED at offset 0: want PKIMessage, have SET");
    check("30 02 0500", 2, "header: DAMAGED at offset 2: want PKIHeader, have NULL: 0500");
    check("30 80 0000", 1, "an indefinite length (BER)");
    check("30 8111 300b 020102 a4023000 a4023000 b302 0500", 1,
          "message_length: DAMAGED at offset 0: a length that is not minimal (BER): 3081");
    check("30 11 300b 010100 a4023000 a4023000 b302 0500", 1,
          "pvno: DAMAGED at offset 4: want INTEGER, have BOOLEAN: 010100");
    check("30 0d 3007 020102 a4023000 b302 0500 0102", 2,
          "recipient: DAMAGED at offset 11: missing, want GeneralName");
    check("30 11 300b 020102 a4023000 a4023000 b302 0500 0000", 1,
          "rest: DAMAGED at offset 19: 2 octets behind the message: 0000");
    check("30 11 300b 020102 a4023000 a4023000 b3", 1,
          "body: DAMAGED at offset 15: an element without a length");
    check("30 12 300b 020102 a4023000 a4023000 b303 0501 00", 1,
          "pkiconf: DAMAGED at offset 17: a NULL with content");
    check("30 13 300b 020102 a4023000 a4023000 b304 0500 0500", 1,
          "pkiconf_rest: DAMAGED at offset 19: more than one element: 0500");
    check("30 7f 300b 020102 a4023000 a4023000", 1,
          "end: DAMAGED at offset 15: cut off between two elements");
    check("30 7f 300b 020102 a4023000 a4 04 3000", 1, "end: DAMAGED at offset 15");
    check("1f 8101 00", 1, "a tag number above 30");
}

static void test_depth(void)
{
    CMPSRV_BYTES inner = from_hex("0500"), outer;
    char *hex;

    for (int i = 0; i < 300; i++) { /* infoValue, of a type that nobody knows */
        hex = OPENSSL_malloc(2 * inner.n + 1);
        cmpsrv_hex(cmpsrv_bytes_slice(&inner), hex, 2 * inner.n + 1);
        outer = element(DER_SEQUENCE, hex, "");
        OPENSSL_free(hex);
        cmpsrv_bytes_clear(&inner);
        inner = outer;
    }
    hex = OPENSSL_malloc(2 * inner.n + 1);
    cmpsrv_hex(cmpsrv_bytes_slice(&inner), hex, 2 * inner.n + 1);
    outer = element(DER_SEQUENCE, "06032a0304", hex);
    OPENSSL_free(hex);
    hex = OPENSSL_malloc(2 * outer.n + 1);
    cmpsrv_hex(cmpsrv_bytes_slice(&outer), hex, 2 * outer.n + 1);
    cmpsrv_bytes_clear(&inner);
    inner = element(DER_SEQUENCE, hex, "");
    OPENSSL_free(hex);
    hex = OPENSSL_malloc(2 * inner.n + 1);
    cmpsrv_hex(cmpsrv_bytes_slice(&inner), hex, 2 * inner.n + 1);
    cmpsrv_bytes_clear(&outer);
    outer = element(0xb5, hex, "");
    OPENSSL_free(hex);
    hex = OPENSSL_malloc(2 * outer.n + 1);
    check_body(cmpsrv_hex(cmpsrv_bytes_slice(&outer), hex, 2 * outer.n + 1), 1, "nested too deep");
    OPENSSL_free(hex);
    cmpsrv_bytes_clear(&inner);
    cmpsrv_bytes_clear(&outer);
}

static void test_json(void)
{
    size_t n;
    char *text = shown("30 11 " HEADER " b302 0500", 1, &n);

    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_STRING_EQUAL(
        text, "{\"summary\":{\"message\":\"pkiconf\",\"from\":\"NULL-DN\",\"to\":\"NULL-DN\","
              "\"protection\":\"none\"},\"message\":{\"header\":{\"pvno\":\"cmp2000 (2)\","
              "\"sender\":{\"directoryName\":\"NULL-DN\"},"
              "\"recipient\":{\"directoryName\":\"NULL-DN\"}},\"body\":{\"pkiconf\":null}}}");
    OPENSSL_free(text);
    text = shown("30 7f 020102", 1, &n);
    CU_ASSERT(n > 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "\"header\":{\"damaged\":\"want PKIHeader, have INTEGER\",\"offset\":2,"
                     "\"octets\":\"020102\"}"));
    OPENSSL_free(text);
}

TEST_MAIN("show", TEST(test_every_body_has_a_name), TEST(test_words), TEST(test_escapes),
          TEST(test_damage), TEST(test_depth), TEST(test_json))
