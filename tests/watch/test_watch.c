/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records and JSON: valid whatever goes in, the same fields in the same order. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const char *stage(size_t i)
{
    static const char *const names[] = {"one", "two"};

    return i < CMPSRV_ARRAY_SIZE(names) ? names[i] : NULL;
}

static void count(CMPSRV_METRICS *m, const char *alias, const char *reason, int times)
{
    const char *labels[] = {alias, "ir", "granted", reason};

    while (times-- > 0)
        cmpsrv_metrics_count(m, CMPSRV_METRIC_REQUESTS, labels);
}

static void test_metrics(void)
{
    CMPSRV_METRICS *m = cmpsrv_metrics_new(stage);
    const int64_t us[][2] = {{50, 51}, {0, 6000000}};
    const char *ca = "a\"b\\c\nd";
    CMPSRV_JSON out = {0};
    char *text;

    cmpsrv_metrics_count(NULL, CMPSRV_METRIC_ISSUED, &ca);
    count(m, "a", "", 2);
    count(m, "", "a", 3); /* other labels, the same letters */
    for (int i = 0; i < 5000; i++) {
        char alias[8];

        snprintf(alias, sizeof(alias), "x%d", i); /* more than there are buckets */
        count(m, alias, "", 1 + (i == 4999));
    }
    cmpsrv_metrics_count(m, CMPSRV_METRIC_ISSUED, &ca);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(us); i++)
        cmpsrv_metrics_stages(m, us[i]);
    cmpsrv_metrics_write(m, &out);
    text = cmpsrv_json_finish(&out);
    CU_ASSERT_FATAL(text != NULL);
#define HAS(line) CU_ASSERT_PTR_NOT_NULL(strstr(text, line "\n"))
    HAS("\n# TYPE cmpsrv_requests_total counter");
    HAS("\ncmpsrv_requests_total{alias=\"a\",body=\"ir\",result=\"granted\",reason=\"\"} 2");
    HAS("\ncmpsrv_requests_total{alias=\"\",body=\"ir\",result=\"granted\",reason=\"a\"} 3");
    HAS("\ncmpsrv_requests_total{alias=\"x4999\",body=\"ir\",result=\"granted\",reason=\"\"} 2");
    HAS("\ncmpsrv_certificates_issued_total{ca=\"a\\\"b\\\\c\\nd\"} 1");
    HAS("\ncmpsrv_stage_seconds_bucket{stage=\"one\",le=\"5e-05\"} 2");
    HAS("\ncmpsrv_stage_seconds_bucket{stage=\"two\",le=\"5e-05\"} 0");
    HAS("\ncmpsrv_stage_seconds_bucket{stage=\"two\",le=\"0.0001\"} 1");
    HAS("\ncmpsrv_stage_seconds_bucket{stage=\"two\",le=\"5\"} 1");
    HAS("\ncmpsrv_stage_seconds_bucket{stage=\"two\",le=\"+Inf\"} 2");
    HAS("\ncmpsrv_stage_seconds_count{stage=\"two\"} 2");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\ncmpsrv_stage_seconds_sum{stage=\"two\"} 6.00005"));
    OPENSSL_free(text);
    cmpsrv_metrics_free(m);
}

static double process_figure(const char *name)
{
    CMPSRV_JSON out = {0};
    char *text, *line, start[64];
    double value = -1;

    cmpsrv_metrics_process(&out);
    text = cmpsrv_json_finish(&out);
    CU_ASSERT_FATAL(text != NULL);
    snprintf(start, sizeof(start), "\n%s ", name);
    if ((line = strstr(text, start)) != NULL)
        value = strtod(line + strlen(start), NULL);
    OPENSSL_free(text);
    return value;
}

/* Against what this process does: it burns time, touches memory, opens files. */
static void test_process(void)
{
    const size_t size = 64U << 20;
    double cpu = process_figure("process_cpu_seconds_total");
    double memory = process_figure("process_resident_memory_bytes");
    double fds = process_figure("process_open_fds");
    char *p = malloc(size);
    int fd[2];

    CU_ASSERT(cpu > 0);
    CU_ASSERT(memory > 1e6);
    CU_ASSERT(fds >= 3);
    CU_ASSERT_FATAL(p != NULL && pipe(fd) == 0);
    for (int i = 0; i < 10; i++)
        memset(p, i, size);
    CU_ASSERT_EQUAL(p[size - 1], 9);
    CU_ASSERT(process_figure("process_cpu_seconds_total") > cpu);
    CU_ASSERT(process_figure("process_resident_memory_bytes") > memory + 0.9 * (double)size);
    CU_ASSERT_EQUAL(process_figure("process_open_fds"), fds + 2);
    close(fd[0]);
    close(fd[1]);
    free(p);
    CU_ASSERT_EQUAL(process_figure("process_open_fds"), fds);
}

TEST_MAIN("watch", TEST(test_strings), TEST(test_a_record),
          TEST(test_what_is_not_known_is_left_out), TEST(test_metrics), TEST(test_process))
