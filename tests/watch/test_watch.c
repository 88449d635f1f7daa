/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records and JSON: valid whatever goes in, the same fields in the same order. */
#include "config.h"

#include <openssl/crypto.h>

#include "test.h"
#include "watch/watch.h"

static void check_string(const char *in, const char *want)
{
    CMPSRV_JSON j = {0};
    char *out;

    cmpsrv_json_string(&j, in);
    out = cmpsrv_json_finish(&j);
    CU_ASSERT_FATAL(out != NULL);
    CU_ASSERT_STRING_EQUAL(out, want);
    OPENSSL_free(out);
}

static void test_strings(void)
{
    check_string("", "\"\"");
    check_string("a\"b\\c", "\"a\\\"b\\\\c\"");
    check_string("a\nb\x01\x7f", "\"a\\u000ab\\u0001\\u007f\"");
    check_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_string("\xff"
                 "a\xc3",
                 "\"\xef\xbf\xbd"
                 "a\xef\xbf\xbd\"");                                          /* no UTF-8 */
    check_string("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* overlong */
    check_string("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
}

static void test_a_record(void)
{
    CMPSRV_IDENTITY id = {.proven = 1, .module = "HMAC", .source = "alias", .name = "line\"1"};
    CMPSRV_REFUSAL why = {CMPSRV_R_BAD_POP, "RFC 4211 4.1: no"};
    CMPSRV_AUDIT_EVENT e = {.event = "refused",
                            .alias = "factory",
                            .tid = {(const unsigned char *)"\x01\xff", 2},
                            .body_type = CMPSRV_BODY_IR,
                            .body_name = "ir",
                            .identity = &id,
                            .ca = "CA1",
                            .serial = {(const unsigned char *)"\x05", 1},
                            .end_entity = "device",
                            .subject = "CN=device",
                            .refusal = &why,
                            .reason = -1};
    char *text = cmpsrv_audit_record(&e);

    CU_ASSERT_FATAL(text != NULL);
    CU_ASSERT_STRING_EQUAL(
        text,
        "{\"event\":\"refused\",\"alias\":\"factory\",\"tid\":\"01ff\",\"body\":\"ir\","
        "\"module\":\"HMAC\",\"source\":\"alias\",\"identity\":\"line\\\"1\",\"ca\":\"CA1\","
        "\"serial\":\"05\",\"entity\":\"device\",\"subject\":\"CN=device\",\"reason\":\"BAD_POP\","
        "\"failInfo\":\"badPOP\",\"detail\":\"RFC 4211 4.1: no\"}");
    OPENSSL_free(text);
}

static void test_what_is_not_known_is_left_out(void)
{
    CMPSRV_IDENTITY stranger = {.module = "HMAC", .source = "alias", .name = "who"};
    CMPSRV_AUDIT_EVENT e = {.event = "revoked",
                            .body_type = -1,
                            .identity = &stranger,
                            .reason = 1,
                            .operator_ = "root"};
    char *text = cmpsrv_audit_record(&e);

    CU_ASSERT_FATAL(text != NULL);
    CU_ASSERT_STRING_EQUAL(text, "{\"event\":\"revoked\",\"crlReason\":1,\"operator\":\"root\"}");
    OPENSSL_free(text);
}

TEST_MAIN("watch", TEST(test_strings), TEST(test_a_record),
          TEST(test_what_is_not_known_is_left_out))
