/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP parser, rule by rule. Each row is fed whole, octet by octet, and cut in two at every
 * position: the outcome must be the same.
 */
#include "config.h"

#include "http/http.h"
#include "test.h"

#include <stdio.h>

#define P   "POST /cmp HTTP/1.1\r\n"
#define P0  "POST /cmp HTTP/1.0\r\n"
#define H   "Host: ca.example:8080\r\n"
#define T   "Content-Type: application/pkixcmp\r\n"
#define L   "Content-Length: 5\r\n"
#define C   "Transfer-Encoding: chunked\r\n"
#define E   "\r\n"
#define X10 "xxxxxxxxxx"
#define X80 X10 X10 X10 X10 X10 X10 X10 X10
#define MAX 100

typedef struct {
    CMPSRV_SLICE in;
    int status;       /* 0: complete */
    const char *path; /* of a complete one; NULL is /cmp */
    const char *body; /* NULL is hello */
    int close, http_1_0;
} ROW;

typedef struct {
    int status, keep_alive, http_1_0, expect;
    size_t used;
    char path[64], body[256];
} OUTCOME;

#define S(text)                                                                                    \
    {                                                                                              \
        (const unsigned char *)text, sizeof(text) - 1                                              \
    }
#define OK(text)                                                                                   \
    {                                                                                              \
        S(text), 0, NULL, NULL, 0, 0                                                               \
    }
#define NO(status, text)                                                                           \
    {                                                                                              \
        S(text), status, NULL, NULL, 0, 0                                                          \
    }

/* Feeds in pieces: `first` octets, then `step` at a time. -1 in status: not complete. */
static OUTCOME run(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE in, size_t first, size_t step)
{
    CMPSRV_HTTP_PARSE r = CMPSRV_HTTP_MORE;
    CMPSRV_HTTP_REQUEST *q = cmpsrv_http_parser_request(p);
    OUTCOME o;
    size_t n = first, used;

    memset(&o, 0, sizeof(o));
    cmpsrv_http_parser_reset(p);
    CU_ASSERT(!cmpsrv_http_parser_started(p));
    for (; o.used < in.n && r == CMPSRV_HTTP_MORE; n = step) {
        /* a copy of the exact size, so that a read beyond it is seen by a sanitizer */
        unsigned char *piece;

        n = n < in.n - o.used ? n : in.n - o.used;
        if (n == 0)
            continue;
        piece = malloc(n);
        memcpy(piece, in.p + o.used, n);
        r = cmpsrv_http_parser_feed(p, piece, n, &used);
        free(piece);
        CU_ASSERT(r != CMPSRV_HTTP_MORE || used == n);
        CU_ASSERT(cmpsrv_http_parser_started(p));
        o.used += used;
        o.expect |= q->expect_continue;
    }
    o.status = r == CMPSRV_HTTP_MORE ? -1 : (r == CMPSRV_HTTP_DONE ? 0 : q->status);
    CU_ASSERT(r != CMPSRV_HTTP_REFUSED || q->problem != NULL);
    CU_ASSERT(r != CMPSRV_HTTP_REFUSED || cmpsrv_http_phrase(CMPSRV_HTTP_CMP, q->status) != NULL);
    o.keep_alive = q->keep_alive;
    o.http_1_0 = q->http_1_0;
    snprintf(o.path, sizeof(o.path), "%s", q->path != NULL ? q->path : "");
    if (q->body.n > 0)
        memcpy(o.body, q->body.p, q->body.n);
    return o;
}

/* expect_continue depends on what came at once; the rest must not. */
static int same(OUTCOME a, OUTCOME b)
{
    a.expect = b.expect = 0;
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static OUTCOME run_all_ways(CMPSRV_SLICE in)
{
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);
    OUTCOME whole;

    CU_ASSERT_FATAL(p != NULL);
    whole = run(p, in, in.n, 1);
    CU_ASSERT(same(whole, run(p, in, 1, 1)));
    for (size_t i = 1; i < in.n; i++)
        CU_ASSERT(same(whole, run(p, in, i, in.n)));
    cmpsrv_http_parser_free(p);
    return whole;
}

static void check(const ROW *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        OUTCOME o = run_all_ways(rows[i].in);

        if (o.status != rows[i].status)
            printf("\nrow %zu: status %d, want %d: %.*s", i, o.status, rows[i].status,
                   (int)rows[i].in.n, (const char *)rows[i].in.p);
        CU_ASSERT_EQUAL(o.status, rows[i].status);
        if (rows[i].status != 0)
            continue;
        CU_ASSERT_EQUAL(o.used, rows[i].in.n);
        CU_ASSERT_STRING_EQUAL(o.path, rows[i].path != NULL ? rows[i].path : "/cmp");
        CU_ASSERT_STRING_EQUAL(o.body, rows[i].body != NULL ? rows[i].body : "hello");
        CU_ASSERT_EQUAL(o.keep_alive, !rows[i].close);
        CU_ASSERT_EQUAL(o.http_1_0, rows[i].http_1_0);
    }
}

static void test_request_line(void)
{
    static const ROW rows[] = {
        OK(P H T L E "hello"),
        OK("\r\n" P H T L E "hello"), /* one empty line before it */
        OK("POST /cmp HTTP/1.9\r\n" H T L E "hello"),
        {S("POST / HTTP/1.1\r\n" H T L E "hello"), 0, "/", NULL, 0, 0},
        {S("POST /a%2fb?x=%00 HTTP/1.1\r\n" H T L E "hello"), 0, "/a%2fb?x=%00", NULL, 0, 0},
        {S("POST http://h:80/p/q HTTP/1.1\r\n" H T L E "hello"), 0, "/p/q", NULL, 0, 0},
        {S("POST HTTP://[::1]:8080 HTTP/1.1\r\n" H T L E "hello"), 0, "/", NULL, 0, 0},
        {S("POST https://h?x HTTP/1.1\r\n" H T L E "hello"), 0, "/?x", NULL, 0, 0},
        NO(400, "\r\n\r\n" P),
        NO(400, "POST /cmp\r\n"),
        NO(400, "POST /cmp \r\n"),
        NO(400, "POST  /cmp HTTP/1.1\r\n"),
        NO(400, "POST /cmp  HTTP/1.1\r\n"),
        NO(400, "POST /cmp HTTP/1.1 \r\n"),
        NO(400, " POST /cmp HTTP/1.1\r\n"),
        NO(400, "POST\t/cmp HTTP/1.1\r\n"),
        NO(400, "POST /cmp HTTP/1.1\n"),
        NO(400, "POST /cmp HTTP/1.1\r\r\n"),
        NO(400, "POST /cmp\rHTTP/1.1\r\n"),
        NO(400, "P(ST /cmp HTTP/1.1\r\n"),
        NO(400, "POST /c#mp HTTP/1.1\r\n"),
        NO(400, "POST /c mp HTTP/1.1\r\n"),
        NO(400, "POST /c\0mp HTTP/1.1\r\n"),
        NO(400, "POST /c\x01mp HTTP/1.1\r\n"),
        NO(400, "POST /c\x7fmp HTTP/1.1\r\n"),
        NO(400, "POST /c\xc3\xa4 HTTP/1.1\r\n"),
        NO(400, "POST /c\\mp HTTP/1.1\r\n"),
        NO(400, "POST cmp HTTP/1.1\r\n"),
        NO(400, "POST * HTTP/1.1\r\n"),
        NO(400, "POST ftp://h/cmp HTTP/1.1\r\n"),
        NO(400, "POST http:///cmp HTTP/1.1\r\n"),
        NO(400, "POST http:// HTTP/1.1\r\n"),
        NO(400, "POST http HTTP/1.1\r\n"),
        NO(400, "POST http://user@h/cmp HTTP/1.1\r\n"),
        NO(400, "POST /cmp http/1.1\r\n"),
        NO(400, "POST /cmp HTTP/1.10\r\n"),
        NO(400, "POST /cmp HTTP/1\r\n"),
        NO(400, "POST /cmp HTTP/0.9\r\n"),
        NO(400, "POST /cmp HTTX/1.1\r\n"),
        NO(400, "GET /\r\n"),
        NO(400, "\x16\x03\x01\x02"),
        NO(400, "\x30\x82\x01\x00"),
        NO(505, "POST /cmp HTTP/2.0\r\n"),
        NO(505, "PRI * HTTP/2.0\r\n"),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_methods(void)
{
    static const ROW rows[] = {
        NO(405, "GET / HTTP/1.1\r\n" H E),      NO(405, "HEAD / HTTP/1.1\r\n" H E),
        NO(405, "PUT / HTTP/1.1\r\n" H T L E),  NO(405, "DELETE / HTTP/1.1\r\n" H E),
        NO(405, "OPTIONS * HTTP/1.1\r\n" H E),  NO(405, "PATCH / HTTP/1.1\r\n" H E),
        NO(405, "TRACE / HTTP/1.1\r\n" H E),    NO(405, "CONNECT h:443 HTTP/1.1\r\n" H E),
        NO(405, "GET / HTTP/1.0\r\n" E),        NO(501, "BREW / HTTP/1.1\r\n" H E),
        NO(501, "post / HTTP/1.1\r\n" H T L E), NO(501, "POSTS / HTTP/1.1\r\n" H T L E),
        NO(400, "GET x HTTP/1.1\r\n"),          NO(400, "GET * HTTP/1.1\r\n"),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_header_lines(void)
{
    static const ROW rows[] = {
        OK(P "hOST:h\r\n" T L "X-a_b!: \t a:b \xff\"\\ \t \r\n" E "hello"),
        OK(P H T L "X:\r\n" E "hello"),
        NO(400, P H "X : y\r\n"),
        NO(400, P H "X y\r\n"),
        NO(400, P H ": y\r\n"),
        NO(400, P H "X\t: y\r\n"),
        NO(400, P H "X@: y\r\n"),
        NO(400, P H "X: y\r\n z\r\n"),
        NO(400, P H "X: y\r\n\tz\r\n"),
        NO(400, P " X: y\r\n"),
        NO(400, P H "X: y\n"),
        NO(400, P H "X: y\rz\r\n"),
        NO(400, P H "X: y\0z\r\n"),
        NO(400, P H "X\0: y\r\n"),
        NO(400, P H "X: \x1b[2J\r\n"),
        NO(400, P H T L "\n"),
        NO(400, P H T L "\rx"),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_host(void)
{
    static const ROW rows[] = {
        {S(P0 T L E "hello"), 0, NULL, NULL, 1, 1},
        OK(P "Host:\r\n" T L E "hello"),
        OK(P "Host: [2001:db8::1]:80\r\n" T L E "hello"),
        NO(400, P T L E),
        NO(400, P H H),
        NO(400, P0 H H),
        NO(400, P H "host: other\r\n"),
        NO(400, P "Host: a b\r\n"),
        NO(400, P "Host: a/b\r\n"),
        NO(400, "GET / HTTP/1.1\r\n" E), /* malformed before the method */
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_length(void)
{
    static const ROW rows[] = {
        OK(P H T "Content-Length: 000000000000000005\r\n" E "hello"),
        {S(P H T "Content-Length: 0\r\n" E), 0, NULL, "", 0, 0},
        NO(411, P H T E),
        NO(411, P0 T E),
        NO(413, P H T "Content-Length: 101\r\n" E),
        NO(413, P H T "Content-Length: 999999999999999999\r\n" E),
        NO(-1, P H T "Content-Length: 100\r\n" E),
        NO(-1, P H T L E "hell"),
        NO(400, P H T "Content-Length: 0000000000000000005\r\n"),
        NO(400, P H T "Content-Length: 18446744073709551616\r\n"),
        NO(400, P H T "Content-Length: 18446744073709551621\r\n"),
        NO(400, P H T "Content-Length: 5, 5\r\n"),
        NO(400, P H T "Content-Length: 5,\r\n"),
        NO(400, P H T "Content-Length: +5\r\n"),
        NO(400, P H T "Content-Length: -1\r\n"),
        NO(400, P H T "Content-Length: 0x5\r\n"),
        NO(400, P H T "Content-Length: 5 5\r\n"),
        NO(400, P H T "Content-Length: 5.0\r\n"),
        NO(400, P H T "Content-Length:\r\n"),
        NO(400, P H T "Content-Length : 5\r\n"),
        NO(400, P H T "Content-Length:\r\n 5\r\n"),
        NO(400, P H T L L),
        NO(400, P H T L "Content-length: 6\r\n"),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_coding(void)
{
    static const ROW rows[] = {
        OK(P H T C E "5\r\nhello\r\n0\r\n\r\n"),
        OK(P H T "transfer-encoding:CHUNKED\r\n" E "5\r\nhello\r\n0\r\n\r\n"),
        NO(400, P H T C L E),
        NO(400, P H T L C E),
        NO(400, P H T "Transfer-Encoding: xchunked\r\n" L E),
        NO(400, P H T C C),
        NO(400, P H T C "Transfer-Encoding: identity\r\n"),
        NO(400, P H T "Transfer-Encoding : chunked\r\n"),
        NO(400, P H T "Transfer-Encoding:\r\n chunked\r\n"),
        NO(400, P H T "Transfer-Encoding: chunked\0\r\n"),
        NO(400, P H T "Transfer-Encoding: \x0b"
                      "chunked\r\n"),
        NO(400, P0 T C E),
        NO(501, P H T "Transfer-Encoding: xchunked\r\n" E),
        NO(501, P H T "Transfer-Encoding: chunked, identity\r\n" E),
        NO(501, P H T "Transfer-Encoding: gzip, chunked\r\n" E),
        NO(501, P H T "Transfer-Encoding: identity\r\n" E),
        NO(501, P H T "Transfer-Encoding: \"chunked\"\r\n" E),
        NO(501, P H T "Transfer-Encoding:\r\n" E),
        NO(411, P H T "Transfer_Encoding: chunked\r\n" E),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_chunks(void)
{
    static const ROW rows[] = {
        OK(P H T C E "1\r\nh\r\n00000004;a=\"b\"\r\nello\r\n000\r\n\r\n"),
        OK(P H T C E "5 ;x\r\nhello\r\n0\r\nX: y\r\nContent-Length: 9\r\n\r\n"),
        {S(P H T C E "0\r\n\r\n"), 0, NULL, "", 0, 0},
        {S(P H T C E "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), 0, NULL,
         "01234567890123456789", 0, 0},
        OK(P H T C E "5;" X80 X80 X80 X10 "12345\r\nhello\r\n0\r\n\r\n"), /* 256 octets */
        NO(400, P H T C E "5;" X80 X80 X80 X10 "123456\r\n"),
        NO(400, P H T C E "1;" X80 X80 "\r\nh\r\n1;" X80 X80 "\r\n"), /* over all chunks */
        NO(-1, P H T C E "64\r\n"),
        NO(413, P H T C E "65\r\n"),
        NO(413, P H T C E "32\r\n" X10 X10 X10 X10 X10 "\r\n33\r\n"),
        NO(413, P H T C E "ffffffff\r\n"),
        NO(400, P H T C E "000000005\r\n"),
        NO(400, P H T C E "100000000\r\n"),
        NO(400, P H T C E "fffffffffffffffff\r\n"),
        NO(400, P H T C E "+5\r\n"),
        NO(400, P H T C E "-5\r\n"),
        NO(400, P H T C E "0x5\r\n"),
        NO(400, P H T C E " 5\r\n"),
        NO(400, P H T C E "5 \r\n"),
        NO(400, P H T C E "5 x\r\n"),
        NO(400, P H T C E "g\r\n"),
        NO(400, P H T C E "\r\n"),
        NO(400, P H T C E ";x\r\n"),
        NO(400, P H T C E "5\n"),
        NO(400, P H T C E "5;x\0\r\n"),
        NO(400, P H T C E "5;x\ry\r\n"),
        NO(400, P H T C E "5\r\nhelloxyz"),
        NO(400, P H T C E "5\r\nhello\n"),
        NO(400, P H T C E "5\r\nhello0\r\n"),
        NO(400, P H T C E "0\r\nX y\r\n"),
        NO(400, P H T C E "0\r\n X: y\r\n"),
        NO(400, P H T C E "0\r\n\n"),
        NO(-1, P H T C E "0\r\n"),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_type(void)
{
    static const ROW rows[] = {
        OK(P H L "Content-Type: APPLICATION/PkixCmp; charset=x\r\n" E "hello"),
        OK(P H L "Content-Type:application/pkixcmp ;x\r\n" E "hello"),
        OK(P H L "Content-Type: application/pkixcmp-poll\r\n" E "hello"),
        NO(415, P H L E),
        NO(415, P H L "Content-Type:\r\n" E),
        NO(415, P H L "Content-Type: application/pkixcmp-polls\r\n" E),
        NO(415, P H L "Content-Type: application/pkixcm\r\n" E),
        NO(415, P H L "Content-Type: text/plain; application/pkixcmp\r\n" E),
        NO(415, P H L "Content-Type: text/plain, application/pkixcmp\r\n" E),
        NO(400, P H L T T),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_connection(void)
{
    static const ROW rows[] = {
        {S(P H T L "Connection: close\r\n" E "hello"), 0, NULL, NULL, 1, 0},
        {S(P H T L "Connection: x , CLOSE,\r\n" E "hello"), 0, NULL, NULL, 1, 0},
        {S(P H T L "Connection: keep-alive\r\nConnection: close\r\n" E "hello"), 0, NULL, NULL, 1,
         0},
        OK(P H T L "Connection: keep-alive\r\n" E "hello"),
        OK(P H T L "Connection: closed\r\n" E "hello"),
        {S(P0 T L E "hello"), 0, NULL, NULL, 1, 1},
        {S(P0 T L "Connection: keep-alive\r\n" E "hello"), 0, NULL, NULL, 0, 1},
        {S(P0 T L "Connection: keep-alive, close\r\n" E "hello"), 0, NULL, NULL, 1, 1},
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

static void test_expect(void)
{
    static const ROW rows[] = {
        OK(P H T L "Expect: 100-Continue\r\n" E "hello"),
        {S(P0 T L "Expect: x\r\n" E "hello"), 0, NULL, NULL, 1, 1},
        NO(417, P H T L "Expect: 200-ok\r\n" E),
        NO(417, P H T L "Expect: 100-continue\r\nExpect: x\r\n" E),
    };
    static const struct {
        CMPSRV_SLICE in;
        int expect;
    } due[] = {
        {S(P H T L "Expect: 100-continue\r\n" E), 1},
        {S(P H T C "Expect: 100-continue\r\n" E), 1},
        {S(P H T L "Expect: 100-continue\r\n" E "h"), 0},
        {S(P H T "Content-Length: 0\r\nExpect: 100-continue\r\n" E), 0},
        {S(P0 H T L "Expect: 100-continue\r\n" E), 0},
        {S(P H L "Expect: 100-continue\r\n" E), 0}, /* 415 */
        {S(P H T L E), 0},
    };
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);

    check(rows, CMPSRV_ARRAY_SIZE(rows));
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(due); i++)
        CU_ASSERT_EQUAL(run(p, due[i].in, due[i].in.n, 1).expect, due[i].expect);
    cmpsrv_http_parser_free(p);
}

/* Malformed first, then the method, the length, the type, the expectation. */
static void test_order(void)
{
    static const ROW rows[] = {
        NO(400, "BREW / HTTP/1.1\r\n" H "X y\r\n"),
        NO(400, "BREW / HTTP/1.1\r\n" H L C E),
        NO(405, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: x\r\n" E),
        NO(405, "GET / HTTP/1.1\r\n" H "Content-Length: 1000\r\n" E),
        NO(501, P H "Transfer-Encoding: x\r\nExpect: x\r\n" E),
        NO(411, P H "Content-Type: text/plain\r\nExpect: x\r\n" E),
        NO(413, P H "Content-Type: text/plain\r\nContent-Length: 1000\r\nExpect: x\r\n" E),
        NO(415, P H L "Expect: x\r\n" E),
    };

    check(rows, CMPSRV_ARRAY_SIZE(rows));
}

/* A request with one header line that brings request line and headers to `total` octets. */
static size_t fill_headers(char *out, size_t size, size_t total)
{
    static const char before[] = P H T L "X: ", after[] = "\r\n" E;
    size_t n = sizeof(before) - 1, m = sizeof(after) - 1;

    CU_ASSERT_FATAL(total + 5 < size);
    memcpy(out, before, n);
    memset(out + n, 'x', total - n - m);
    memcpy(out + total - m, after, m);
    memcpy(out + total, "hello", 5);
    return total + 5;
}

static void test_oversized(void)
{
    static char big[1 << 20];
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);
    static const char *const starts[] = {
        "", "POST /", P H "X: ", P H "X", P H T C E "0\r\nX: ", P H T C E "5;"};
    OUTCOME o;
    size_t n;

    for (int over = 0; over < 2; over++) {
        n = fill_headers(big, sizeof(big), CMPSRV_HTTP_MAX_HEADER + (size_t)over);
        for (size_t step = 1; step < 10000; step = step * 3 + 1)
            CU_ASSERT_EQUAL(run(p, cmpsrv_slice(big, n), step, step).status, over ? 400 : 0);
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(starts); i++) {
        n = strlen(starts[i]);
        memset(big, 'x', sizeof(big));
        memcpy(big, starts[i], n);
        o = run(p, cmpsrv_slice(big, sizeof(big)), 4096, 4096);
        CU_ASSERT_EQUAL(o.status, 400);
        CU_ASSERT(o.used <= 2 * CMPSRV_HTTP_MAX_HEADER + 300);
    }
    for (n = 0; n + 4 < sizeof(big); n += 4)
        memcpy(big + n, "X:\r\n", 4);
    memcpy(big, P, sizeof(P) - 1);
    memcpy(big + sizeof(P) - 1, "Y: yyy\r\n", 8); /* to where a line begins again */
    o = run(p, cmpsrv_slice(big, sizeof(big)), 4096, 4096);
    CU_ASSERT_EQUAL(o.status, 400);
    cmpsrv_http_parser_free(p);
}

/* Several requests in one stream: each stops exactly where the next begins. */
static void test_sequence(void)
{
    static const char stream[] = P H T L E "hello" P H T C E "5\r\nhello\r\n0\r\n\r\n" P H T L E
                                           "hello\r\n" P H T L E "hello";
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);
    size_t at = 0;

    for (int i = 0; i < 4; i++) {
        OUTCOME o = run(p, cmpsrv_slice(stream + at, sizeof(stream) - 1 - at), sizeof(stream), 1);

        CU_ASSERT_EQUAL(o.status, 0);
        CU_ASSERT_STRING_EQUAL(o.body, "hello");
        at += o.used;
    }
    CU_ASSERT_EQUAL(at, sizeof(stream) - 1);
    cmpsrv_http_parser_free(p);
}

/* Nothing is taken after the end of a request or a refusal, until a reset. */
static void test_stays(void)
{
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);
    size_t used;

    run(p, cmpsrv_slice_str(P H T L E "hello"), 1000, 1);
    CU_ASSERT_EQUAL(cmpsrv_http_parser_feed(p, (const unsigned char *)"x", 1, &used),
                    CMPSRV_HTTP_DONE);
    CU_ASSERT_EQUAL(used, 0);
    run(p, cmpsrv_slice_str("x\n"), 1000, 1);
    CU_ASSERT_EQUAL(cmpsrv_http_parser_feed(p, (const unsigned char *)"x", 1, &used),
                    CMPSRV_HTTP_REFUSED);
    CU_ASSERT_EQUAL(used, 0);
    cmpsrv_http_parser_free(p);
    cmpsrv_http_parser_free(NULL);
}

/* Every single-octet change of a good request ends, is one of the outcomes, and does not depend on
 * the cut. */
static void test_mutations(void)
{
    static const char *const good[] = {P H T L E "hello",
                                       P H T C E "2;x\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"};
    static const unsigned char octets[] = "\0\n\r \t:;,0f+-x\x7f\x80\xff";
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(CMPSRV_HTTP_CMP, MAX);

    for (size_t g = 0; g < CMPSRV_ARRAY_SIZE(good); g++)
        for (size_t i = 0; i < strlen(good[g]); i++)
            for (size_t k = 0; k < sizeof(octets) - 1; k++) {
                char text[512];
                size_t n = strlen(good[g]);
                OUTCOME whole;

                memcpy(text, good[g], n);
                text[i] = (char)octets[k];
                whole = run(p, cmpsrv_slice(text, n), n, 1);
                CU_ASSERT(same(whole, run(p, cmpsrv_slice(text, n), 1, 1)));
                CU_ASSERT(same(whole, run(p, cmpsrv_slice(text, n), i + 1, n)));
                CU_ASSERT(whole.status == -1 || whole.status == 0 ||
                          cmpsrv_http_phrase(CMPSRV_HTTP_CMP, whole.status) != NULL);
            }
    cmpsrv_http_parser_free(p);
}

static void test_phrases(void)
{
    CU_ASSERT_STRING_EQUAL(cmpsrv_http_phrase(CMPSRV_HTTP_CMP, 404), "No such CMP alias");
    CU_ASSERT_STRING_EQUAL(cmpsrv_http_phrase(CMPSRV_HTTP_CMP, 503), "Service Unavailable");
    CU_ASSERT_STRING_EQUAL(cmpsrv_http_phrase(CMPSRV_HTTP_CMP, 200), "OK");
    CU_ASSERT_PTR_NULL(cmpsrv_http_phrase(CMPSRV_HTTP_CMP, 299));
}

TEST_MAIN("http parser", TEST(test_request_line), TEST(test_methods), TEST(test_header_lines),
          TEST(test_host), TEST(test_length), TEST(test_coding), TEST(test_chunks), TEST(test_type),
          TEST(test_connection), TEST(test_expect), TEST(test_order), TEST(test_oversized),
          TEST(test_sequence), TEST(test_stays), TEST(test_mutations), TEST(test_phrases))
