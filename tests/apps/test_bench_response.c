/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of HTTP servers, whole and octet by octet. */
#include "config.h"

#include "apps/bench_load.h"
#include "test.h"

typedef struct {
    const char *text, *body;
    int ended, status, closes, is_cmp;
} ANSWER;

static const ANSWER good[] = {
    {"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: 5\r\n\r\nhello",
     "hello", 0, 200, 0, 1},
    {"HTTP/1.1 200 OK\r\ncontent-length:0\r\nCONNECTION: Close\r\n\r\n", "", 0, 200, 1, 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 0, 200, 1, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", 0, 200, 0,
     0},
    {"HTTP/1.1 503 Busy\nContent-Length: 1\n\n!", "!", 0, 503, 0, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n"
     "\r\n",
     "abc0123456789", 0, 200, 0, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nTrailer: t\r\n\r\n", "z",
     0, 200, 0, 0},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", 1, 200, 1, 0},
};

static unsigned char buffer[512];

static int parse(const char *text, size_t n, int ended, BENCH_RESPONSE *r, const char **why)
{
    memcpy(buffer, text, n);
    return bench_response_parse(buffer, n, ended, r, why);
}

static void whole_answers(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(good); i++) {
        const ANSWER *a = &good[i];
        BENCH_RESPONSE r;
        const char *why = NULL;

        CU_ASSERT_EQUAL_FATAL(parse(a->text, strlen(a->text), a->ended, &r, &why), 1);
        CU_ASSERT_EQUAL(r.status, a->status);
        CU_ASSERT_EQUAL(r.closes, a->closes);
        CU_ASSERT_EQUAL(r.is_cmp, a->is_cmp);
        CU_ASSERT_EQUAL(r.n, strlen(a->text));
        CU_ASSERT_EQUAL_FATAL(r.body.n, strlen(a->body));
        CU_ASSERT_EQUAL(memcmp(r.body.p, a->body, r.body.n), 0);
    }
}

/* No beginning of an answer is taken for all of it, nor for a wrong one. */
static void beginnings_wait(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(good); i++)
        for (size_t n = 0; n < strlen(good[i].text); n++) {
            BENCH_RESPONSE r;
            const char *why = NULL;

            CU_ASSERT_EQUAL(parse(good[i].text, n, 0, &r, &why), 0);
        }
}

static void wrong_ones_are_refused(void)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n",
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        BENCH_RESPONSE r;
        const char *why = NULL;

        CU_ASSERT_EQUAL(parse(bad[i], strlen(bad[i]), 0, &r, &why), -1);
        CU_ASSERT_PTR_NOT_NULL(why);
    }
}

TEST_MAIN("bench_response", TEST(whole_answers), TEST(beginnings_wait),
          TEST(wrong_ones_are_refused))
