/* SPDX-License-Identifier: Apache-2.0 */
/* Slices, hex, escaping, time, secrets, log and the reason table. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/model.h"
#include "test.h"

static void test_hex_and_escape(void)
{
    char out[64];
    unsigned char octets[8];

    CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_slice("\x00\xff\x1a", 3), out, sizeof(out)), "00ff1a");
    CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_slice("\x00\xff\x1a", 3), out, 5), "00ff");
    CU_ASSERT_EQUAL(cmpsrv_unhex("00fF1a", octets, sizeof(octets)), 3);
    CU_ASSERT_EQUAL(octets[1], 0xff);
    CU_ASSERT_EQUAL(cmpsrv_unhex("0", octets, sizeof(octets)), 0);
    CU_ASSERT_EQUAL(cmpsrv_unhex("zz", octets, sizeof(octets)), 0);
    CU_ASSERT_EQUAL(cmpsrv_unhex("000000000000000000", octets, sizeof(octets)), 0);
    CU_ASSERT_STRING_EQUAL(cmpsrv_escape(cmpsrv_slice("a\n\"\x80\\%n", 7), out, sizeof(out)),
                           "a\\x0a\\x22\\x80\\x5c%n");
    CU_ASSERT_STRING_EQUAL(cmpsrv_escape(cmpsrv_slice("ab\ncd", 5), out, 6), "ab");
}

static void test_time(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } t[] = {{"19700101000000Z", 0},
             {"20000229235959Z", INT64_C(951868799000)},
             {"20261123141958Z", INT64_C(1795443598000)},
             {"99991231235959Z", INT64_C(253402300799000)}};
    static const char *const bad[] = {"20261123141958",    "2026112314195Z",  "20261323141958Z",
                                      "20260229000000Z",   "20261123141960Z", "20261123241958Z",
                                      "20261123141958.5Z", "2026112314195xZ", ""};
    char out[16], iso[25];
    int64_t ms;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CU_ASSERT(cmpsrv_time_from_generalized(cmpsrv_slice_str(t[i].text), &ms));
        CU_ASSERT_EQUAL(ms, t[i].ms);
        CU_ASSERT(cmpsrv_time_to_generalized(t[i].ms, out));
        CU_ASSERT_STRING_EQUAL(out, t[i].text);
    }
    CU_ASSERT(!cmpsrv_time_to_generalized(INT64_C(253402300800000), out));
    CU_ASSERT_STRING_EQUAL(cmpsrv_time_iso(t[2].ms + 7, iso), "2026-11-23T14:19:58.007Z");
    CU_ASSERT_STRING_EQUAL(cmpsrv_time_iso(-1, iso), "1969-12-31T23:59:59.999Z");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++)
        CU_ASSERT(!cmpsrv_time_from_generalized(cmpsrv_slice_str(bad[i]), &ms));
    CU_ASSERT(cmpsrv_time_from_utc(cmpsrv_slice_str("491231235959Z"), &ms) && ms > 0);
    CU_ASSERT(cmpsrv_time_from_utc(cmpsrv_slice_str("500101000000Z"), &ms) && ms < 0);
}

static void test_refusals(void)
{
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_EQUAL(cmpsrv_refuse(&why, CMPSRV_R_BAD_POP, "RFC 4211 4.1: %d", 7), 0);
    CU_ASSERT_EQUAL(cmpsrv_refuse(&why, CMPSRV_R_BAD_TIME, "later"), 0); /* the first stays */
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_POP);
    CU_ASSERT_STRING_EQUAL(why.detail, "RFC 4211 4.1: 7");
    CU_ASSERT_EQUAL(cmpsrv_fail(NULL, "nobody listens"), 0);
}

/* Names of RFC 9810 5.2.3 in the order of their bits; a row with an answer has a bit, and a text
 * without detail of ours. */
static void test_reason_table(void)
{
    for (int r = 0; r < CMPSRV_R__COUNT; r++) {
        const CMPSRV_REASON_INFO *i = CMPSRV_reason_info((CMPSRV_REASON)r);

        CU_ASSERT(i->http_status != 200 || r == CMPSRV_R_NONE || i->fail_info >= 0);
        CU_ASSERT(i->fail_info <= 26 && i->cls[0] != '\0' && strlen(i->text) <= 200);
    }
    CU_ASSERT_STRING_EQUAL(CMPSRV_failinfo_name(0), "badAlg");
    CU_ASSERT_STRING_EQUAL(CMPSRV_failinfo_name(9), "badPOP");
    CU_ASSERT_STRING_EQUAL(CMPSRV_failinfo_name(21), "transactionIdInUse");
    CU_ASSERT_STRING_EQUAL(CMPSRV_failinfo_name(26), "duplicateCertReq");
    CU_ASSERT_STRING_EQUAL(CMPSRV_failinfo_name(27), "none");
    CU_ASSERT_EQUAL(CMPSRV_reason_info((CMPSRV_REASON)999)->fail_info, 25);
}

static void test_secrets(void)
{
    char file[] = "/tmp/cmpsrv-test-XXXXXX";
    int fd = mkstemp(file);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SECRET *a, *b, *none;

    CU_ASSERT_FATAL(fd >= 0 && write(fd, "topsecret\n", 10) == 10 && close(fd) == 0);
    a = cmpsrv_secret_from_file(file, &why);
    b = cmpsrv_secret_new("topsecret", 9);
    CU_ASSERT_FATAL(a != NULL && b != NULL);
    CU_ASSERT(cmpsrv_secret_eq(a, b));
    CU_ASSERT_EQUAL(cmpsrv_secret_get0(a).n, 9);
    cmpsrv_secret_free(cmpsrv_secret_up_ref(a));
    CU_ASSERT(cmpsrv_secret_eq(a, b));
    unlink(file);
    none = cmpsrv_secret_from_file(file, &why);
    CU_ASSERT(none == NULL && why.reason == CMPSRV_R_BAD_CONFIG &&
              strstr(why.detail, file) != NULL);
    cmpsrv_secret_free(a);
    cmpsrv_secret_free(b);
}

static void test_log_is_one_line(void)
{
    int fds[2];
    char line[512] = "";
    CMPSRV_LOG *log;

    CU_ASSERT_FATAL(pipe(fds) == 0);
    log = cmpsrv_log_new(CMPSRV_LOG_INFO, fds[1]);
    cmpsrv_log(log, CMPSRV_LOG_DEBUG, "too quiet");
    cmpsrv_log(log, CMPSRV_LOG_INFO, "a\nb %s", "c\r\x1b[2J");
    CU_ASSERT(read(fds[0], line, sizeof(line) - 1) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " INFO  a\\x0ab c\\x0d\\x1b[2J\n"));
    CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
    cmpsrv_log_free(log);
    close(fds[0]);
    close(fds[1]);
}

/* What one call writes. */
static void logged(CMPSRV_LOG_FORMAT format, const char *message, const CMPSRV_LOG_FIELD *fields,
                   size_t n, char line[512])
{
    int fds[2];
    CMPSRV_LOG *log;

    memset(line, 0, 512);
    CU_ASSERT_FATAL(pipe(fds) == 0);
    log = cmpsrv_log_new(CMPSRV_LOG_ERROR, fds[1]);
    cmpsrv_log_set(log, CMPSRV_LOG_INFO, format, 0);
    cmpsrv_log_fields(log, CMPSRV_LOG_DEBUG, "too quiet", NULL, 0);
    cmpsrv_log_fields(log, CMPSRV_LOG_INFO, message, fields, n);
    CU_ASSERT(read(fds[0], line, 511) > 0);
    cmpsrv_log_free(log);
    close(fds[0]);
    close(fds[1]);
}

static void test_log_fields(void)
{
    const CMPSRV_LOG_FIELD fields[] = {{"a", "plain", 0},
                                       {"b", "two words", 0},
                                       {"c", NULL, 0},
                                       {"d", "x=\"\n{", 0},
                                       {"e", "1.5", 1}};
    char line[512];

    logged(CMPSRV_LOG_TEXT, "m", fields, CMPSRV_ARRAY_SIZE(fields), line);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(line, "Z INFO  m a=plain b=\"two words\" d=\"x=\\x22\\x0a{\" e=1.5\n"));
    logged(CMPSRV_LOG_JSON, "\xff\"", fields, CMPSRV_ARRAY_SIZE(fields), line);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(line, "\",\"level\":\"info\",\"message\":\"\xef\xbf\xbd\\\"\",\"a\":\"plain\","
                     "\"b\":\"two words\",\"d\":\"x=\\\"\\u000a{\",\"e\":1.5}\n"));
    CU_ASSERT(strncmp(line, "{\"time\":\"20", 11) == 0);
    CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
}

TEST_MAIN("base", TEST(test_hex_and_escape), TEST(test_time), TEST(test_refusals),
          TEST(test_reason_table), TEST(test_secrets), TEST(test_log_is_one_line),
          TEST(test_log_fields))
