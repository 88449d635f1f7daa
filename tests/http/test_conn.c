/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sees of a connection: answers, refusals, many requests, deadlines. */
#include "config.h"

#include "harness.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ---- answers --------------------------------------------------------------------------------- */

static void test_good_answer(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/a", "", "hello"));
    CU_ASSERT_FATAL(read_answer(&c, &a));
    CU_ASSERT_STRING_EQUAL(a.head, "HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\n"
                                   "Cache-Control: no-cache\r\nPragma: no-cache\r\n"
                                   "Content-Length: 8\r\nConnection: keep-alive\r\n\r\n");
    CU_ASSERT_STRING_EQUAL(a.body, "/a:hello");
    CU_ASSERT(send_text(&c, "POST /b HTTP/1.1\r\n" T "Transfer-Encoding: chunked\r\n\r\n"
                            "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
    CU_ASSERT(is_answered(&c, 200, "/b:hello"));
    CU_ASSERT(post(&c, "/c", "Connection: close\r\n", ""));
    CU_ASSERT(read_answer(&c, &a) && has_head(&a, "Connection: close\r\n"));
    CU_ASSERT_STRING_EQUAL(a.body, "/c:");
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

static void test_http_1_0(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(send_text(&c, "POST /a HTTP/1.0\r\n" T "Connection: keep-alive\r\n"
                            "Content-Length: 1\r\n\r\nx"));
    CU_ASSERT(read_answer(&c, &a) && strcmp(a.body, "/a:x") == 0);
    CU_ASSERT(has_head(&a, "HTTP/1.0 200 OK\r\n") && has_head(&a, "Connection: keep-alive\r\n"));
    CU_ASSERT(send_text(&c, "POST /b HTTP/1.0\r\n" T "Content-Length: 1\r\n\r\nx"));
    CU_ASSERT(read_answer(&c, &a) && strcmp(a.body, "/b:x") == 0);
    CU_ASSERT(has_head(&a, "HTTP/1.0 200 OK\r\n") && has_head(&a, "Connection: close\r\n"));
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

/* What the handler refuses ends no connection. */
static void test_handler_refuses(void)
{
    static const struct {
        const char *path, *head, *body;
        int status;
    } t[] = {
        {"/status/404", "HTTP/1.1 404 No such CMP alias\r\n", "No such CMP alias\n", 404},
        {"/status/400", "HTTP/1.1 400 Bad Request\r\n", "Bad Request\n", 400},
        {"/status/503", "\r\nRetry-After: 1\r\n", "Service Unavailable\n", 503},
        {"/status/200", "HTTP/1.1 500 ", "Internal Server Error\n", 500},
        {"/status/999", "HTTP/1.1 500 ", "Internal Server Error\n", 500},
        {"/nothing", "HTTP/1.1 500 ", "Internal Server Error\n", 500},
    };
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CU_ASSERT(post(&c, t[i].path, "", "x"));
        CU_ASSERT(read_answer(&c, &a) && a.status == t[i].status && has_head(&a, t[i].head));
        CU_ASSERT(has_head(&a, "\r\nContent-Type: text/plain\r\n"));
        CU_ASSERT(has_head(&a, "\r\nConnection: keep-alive\r\n"));
        CU_ASSERT_STRING_EQUAL(a.body, t[i].body);
    }
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

static void test_parser_refuses(void)
{
    static const struct {
        const char *in;
        int status;
        const char *head;
    } t[] = {
        {"POST / HTTP/1.1\r\nHost: evil\n", 400, "400 Bad Request\r\n"},
        {"GET /x HTTP/1.1\r\nHost: t\r\n\r\n", 405, "\r\nAllow: POST\r\n"},
        {"GET /x HTTP/1.0\r\n\r\n", 405, "HTTP/1.0 405 "},
        {"POST / HTTP/1.1\r\n" T "\r\n", 411, "411 "},
        {"POST / HTTP/1.1\r\n" T "Content-Length: 99999999\r\n\r\n", 413, "413 "},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n", 415, "415 "},
        {"POST / HTTP/1.1\r\n" T "Expect: x\r\nContent-Length: 9\r\n\r\n", 417, "417 "},
        {"BREW / HTTP/1.1\r\nHost: t\r\n\r\n", 501, "501 "},
        {"POST / HTTP/2.0\r\n", 505, "505 "},
    };
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    server_start(&s);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        open_client(&c, &s);
        CU_ASSERT(send_text(&c, t[i].in));
        CU_ASSERT(read_answer(&c, &a) && a.status == t[i].status && has_head(&a, t[i].head));
        CU_ASSERT(has_head(&a, "\r\nConnection: close\r\n"));
        CU_ASSERT(strncmp(a.body, cmpsrv_http_phrase(CMPSRV_HTTP_CMP, t[i].status), a.body_n - 1) ==
                  0);
        CU_ASSERT(is_at_end(&c));
        close(c.fd);
    }
    CU_ASSERT_EQUAL(s.handled, 0);
    server_stop(&s);
    server_clear(&s);
}

/* The client sends all of it before it reads, and must be able to read then. */
static void test_large_body(void)
{
    static char body[1 << 16];
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    s.options.max_body = 1000;
    server_start(&s);
    for (int chunked = 0; chunked < 2; chunked++) {
        open_client(&c, &s);
        CU_ASSERT(send_text(&c, chunked
                                    ? "POST / HTTP/1.1\r\n" T "Transfer-Encoding: chunked\r\n\r\n"
                                      "400000\r\n"
                                    : "POST / HTTP/1.1\r\n" T "Content-Length: 4194304\r\n\r\n"));
        for (int i = 0; i < 64; i++)
            CU_ASSERT(send_all(&c, body, sizeof(body)));
        CU_ASSERT(read_answer(&c, &a) && a.status == 413);
        CU_ASSERT(is_at_end(&c));
        close(c.fd);
    }
    server_stop(&s);
    server_clear(&s);
}

/* One that does not stop sending is cut off in the end. */
static void test_linger_is_bounded(void)
{
    static char body[1 << 16];
    SERVER s;
    CLIENT c;
    int i;

    server_init(&s);
    s.options.message_timeout = GUARD;
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(send_text(&c, "POST / HTTP/1.1\r\n" T "\r\n"));
    for (i = 0; i < 16384 && send_all(&c, body, sizeof(body)); i++)
        continue;
    CU_ASSERT(i < 16384);
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

static void test_continue(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT(send_text(&c, "POST /a HTTP/1.1\r\n" T
                                "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
        CU_ASSERT(read_answer(&c, &a) && a.status == 100);
        CU_ASSERT_STRING_EQUAL(a.head, "HTTP/1.1 100 Continue\r\n\r\n");
        CU_ASSERT(send_text(&c, "hello"));
        CU_ASSERT(is_answered(&c, 200, "/a:hello"));
    }
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

/* ---- many ------------------------------------------------------------------------------------ */

typedef struct {
    const SERVER *server;
    int number, good;
} TALKER;

static void *talk(void *arg)
{
    TALKER *t = arg;
    CLIENT c;

    c.n = 0;
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!connect_fd(c.fd, t->server->port))
        return NULL;
    for (int i = 0; i < 200; i++) {
        char path[32], body[1024], want[1100];
        int n = snprintf(path, sizeof(path), "/%d/%d", t->number, i);

        memset(body, 'a' + i % 26, sizeof(body));
        body[i * 5] = '\0';
        snprintf(want, sizeof(want), "%.*s:%s", n, path, body);
        t->good += post(&c, path, "", body) && is_answered(&c, 200, want);
    }
    close(c.fd);
    return NULL;
}

static void test_parallel(void)
{
    SERVER s;
    pthread_t threads[8];
    TALKER talkers[8];

    server_init(&s);
    server_start(&s);
    for (int i = 0; i < 8; i++) {
        talkers[i] = (TALKER){&s, i, 0};
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, talk, &talkers[i]) == 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(talkers[i].good, 200);
    }
    CU_ASSERT_EQUAL(s.handled, 1600);
    server_stop(&s);
    server_clear(&s);
}

/* More than the input buffer takes, sent at once; answered one by one, in order. */
static void test_pipelined(void)
{
    enum { N = 1000 };
    static char text[N * 200];
    SERVER s;
    CLIENT c;
    size_t n = 0;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "POST /%d HTTP/1.1\r\n" T "Content-Length: 5\r\n\r\nhello", i);
    CU_ASSERT(send_all(&c, text, n));
    for (int i = 0; i < N; i++) {
        char want[32];

        snprintf(want, sizeof(want), "/%d:hello", i);
        CU_ASSERT(is_answered(&c, 200, want));
    }
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

/* Every octet comes soon, the message does not: start as it may, it is cut. */
static void trickle(const char *begin)
{
    SERVER s;
    CLIENT c;
    ANSWER a;
    int64_t at, took;

    server_init(&s);
    s.options.message_timeout = 300;
    server_start(&s);
    open_client(&c, &s);
    at = cmpsrv_time_mono();
    CU_ASSERT(send_text(&c, begin));
    while (!is_readable(&c, 20) && cmpsrv_time_mono() - at < GUARD)
        CU_ASSERT(send_text(&c, "x"));
    took = cmpsrv_time_mono() - at;
    CU_ASSERT(read_answer(&c, &a) && a.status == 408 && has_head(&a, "Connection: close\r\n"));
    CU_ASSERT(took >= 280 && took < 5000);
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    CU_ASSERT_EQUAL(s.handled, 0);
    server_stop(&s);
    server_clear(&s);
}

static void test_slow_sender(void)
{
    trickle("P");
    trickle("POST / HTTP/1.1\r\n" T "X: ");
    trickle("POST / HTTP/1.1\r\n" T "Content-Length: 100000\r\n\r\n");
    trickle("POST / HTTP/1.1\r\n" T "Transfer-Encoding: chunked\r\n\r\n5;");
}

/* A client that does not take its answer does not keep the connection. */
static void test_slow_reader(void)
{
    static char body[1 << 20];
    SERVER s;
    CLIENT c;
    int small = 4096;

    server_init(&s);
    s.options.message_timeout = 300;
    server_start(&s);
    c.n = 0;
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    CU_ASSERT_FATAL(connect_fd(c.fd, s.port));
    CU_ASSERT(fcntl(c.fd, F_SETFL, O_NONBLOCK) == 0);
    for (int64_t at = cmpsrv_time_mono(); cmpsrv_time_mono() - at < GUARD;) {
        struct pollfd p = {c.fd, POLLOUT, 0};

        if (poll(&p, 1, 1000) == 1 && (p.revents & (POLLERR | POLLHUP)))
            break;
        if (!send_text(&c, "POST / HTTP/1.1\r\n" T "Content-Length: 1048576\r\n\r\n") ||
            !send_all(&c, body, sizeof(body)))
            continue;
    }
    CU_ASSERT(send(c.fd, "x", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN);
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

static void test_idle(void)
{
    SERVER s;
    CLIENT c;
    int64_t at;

    server_init(&s);
    s.options.idle_timeout = 300;
    server_start(&s);
    for (int used = 0; used < 2; used++) {
        open_client(&c, &s);
        at = cmpsrv_time_mono();
        if (used) {
            CU_ASSERT(post(&c, "/a", "", ""));
            CU_ASSERT(is_answered(&c, 200, "/a:"));
        }
        CU_ASSERT(is_at_end(&c));
        CU_ASSERT(cmpsrv_time_mono() - at >= 280);
        close(c.fd);
    }
    server_stop(&s);
    server_clear(&s);
}

/* Work is no idling, and its time is not the sender's. */
static void test_work_has_time(void)
{
    SERVER s;
    CLIENT c;

    server_init(&s);
    s.options.idle_timeout = s.options.message_timeout = 100;
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/wait", "", "x"));
    server_await(&s, 1);
    CU_ASSERT(!is_readable(&c, 300));
    server_release(&s);
    CU_ASSERT(is_answered(&c, 200, "/wait:x"));
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

/* ---- clients that go ------------------------------------------------------------------------- */

static void reset(CLIENT *c)
{
    struct linger hard = {1, 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(c->fd);
}

static void test_disconnect(void)
{
    SERVER s;
    CLIENT c;

    server_init(&s);
    server_start(&s);
    for (int i = 0; i < 4; i++) {
        open_client(&c, &s);
        CU_ASSERT(i < 2 ? post(&c, "/wait", "", "x")
                        : send_text(&c, "POST /wait HTTP/1.1\r\n" T "Content-Length: 9\r\n\r\nx"));
        if (i < 2)
            server_await(&s, i + 1);
        if (i % 2)
            close(c.fd);
        else
            reset(&c);
    }
    server_release(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/a", "", "x"));
    CU_ASSERT(is_answered(&c, 200, "/a:x"));
    close(c.fd);
    server_stop(&s);
    CU_ASSERT_EQUAL(s.handled, 3);
    server_clear(&s);
}

/* Half a close is no close: the answer still goes to who waits for it. */
static void test_half_close(void)
{
    SERVER s;
    CLIENT c;

    server_init(&s);
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/a", "", "x"));
    CU_ASSERT(shutdown(c.fd, SHUT_WR) == 0);
    CU_ASSERT(is_answered(&c, 200, "/a:x"));
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    server_stop(&s);
    server_clear(&s);
}

static int has_no_connection(CMPSRV_HTTP *http)
{
    CMPSRV_JSON out = {0};
    char *text;
    int has_none;

    cmpsrv_http_metrics(http, &out);
    text = cmpsrv_json_finish(&out);
    CU_ASSERT_FATAL(text != NULL);
    has_none = strstr(text, "\ncmpsrv_http_connections{service=\"cmp\"} 0\n") != NULL;
    OPENSSL_free(text);
    return has_none;
}

/* The end comes while a worker has the first of two: both are answered, then the connection goes,
 * whether the last one says close or not, and does not linger for what cannot come. */
static void test_half_close_at_work(void)
{
    static const char *const last[] = {"", "Connection: close\r\n"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(last); i++) {
        SERVER s;
        CLIENT c;

        server_init(&s);
        server_start(&s);
        open_client(&c, &s);
        CU_ASSERT(post(&c, "/wait", "", "x"));
        server_await(&s, 1);
        CU_ASSERT(!has_no_connection(s.http));
        CU_ASSERT(post(&c, "/b", last[i], "y"));
        CU_ASSERT(shutdown(c.fd, SHUT_WR) == 0);
        server_release(&s);
        CU_ASSERT(is_answered(&c, 200, "/wait:x"));
        CU_ASSERT(is_answered(&c, 200, "/b:y"));
        CU_ASSERT(is_at_end(&c));
        CU_ASSERT(has_no_connection(s.http));
        close(c.fd);
        server_stop(&s);
        server_clear(&s);
    }
}

TEST_MAIN("http connections", TEST(test_good_answer), TEST(test_http_1_0),
          TEST(test_handler_refuses), TEST(test_parser_refuses), TEST(test_large_body),
          TEST(test_linger_is_bounded), TEST(test_continue), TEST(test_parallel),
          TEST(test_pipelined), TEST(test_slow_sender), TEST(test_slow_reader), TEST(test_idle),
          TEST(test_work_has_time), TEST(test_disconnect), TEST(test_half_close),
          TEST(test_half_close_at_work))
