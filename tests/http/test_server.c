/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server on 127.0.0.1, with a handler whose path says what it does, against clients of
 * plain sockets. Nothing here sleeps to be in time: a test waits for what it needs to see (at most
 * GUARD), and only deadlines of the server take their time.
 */
#include "config.h"

#include "http/http.h"
#include "test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define GUARD 60000 /* ms */
#define T     "Host: t\r\nContent-Type: application/pkixcmp\r\n"

/* ---- the server under test ------------------------------------------------------------------- */

typedef struct {
    CMPSRV_HTTP *http;
    CMPSRV_HTTP_OPTIONS options;
    pthread_t thread;
    int port, fds_before, run_result;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: */
    int waiting, released, handled, ticks, ticking, tick_twice;
} SERVER;

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void wait_until_released(SERVER *s)
{
    s->waiting++;
    pthread_cond_broadcast(&s->changed);
    while (!s->released)
        pthread_cond_wait(&s->changed, &s->lock);
    s->waiting--;
}

/* /wait waits; /status/N refuses with N; /nothing says 200 without an answer; all others answer
 * PATH:BODY. */
static int handle(void *arg, const char *path, const unsigned char *req, size_t req_len,
                  unsigned char **rsp, size_t *rsp_len, int *status)
{
    SERVER *s = arg;
    size_t n = strlen(path);

    pthread_mutex_lock(&s->lock);
    s->handled++;
    if (strcmp(path, "/wait") == 0)
        wait_until_released(s);
    pthread_mutex_unlock(&s->lock);
    if (strcmp(path, "/nothing") == 0)
        return 1;
    if (sscanf(path, "/status/%d", status) == 1)
        return 0;
    *rsp_len = n + 1 + req_len;
    *rsp = OPENSSL_malloc(*rsp_len);
    memcpy(*rsp, path, n);
    (*rsp)[n] = ':';
    memcpy(*rsp + n + 1, req, req_len);
    return 1;
}

/* Longer than the time between two, to be there when the next is due. */
static void tick(void *arg)
{
    SERVER *s = arg;

    pthread_mutex_lock(&s->lock);
    s->tick_twice |= s->ticking;
    s->ticking = 1;
    s->ticks++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    poll(NULL, 0, 1200);
    pthread_mutex_lock(&s->lock);
    s->ticking = 0;
    pthread_mutex_unlock(&s->lock);
}

static void *run_server(void *arg)
{
    SERVER *s = arg;

    s->run_result = cmpsrv_http_run(s->http);
    return NULL;
}

static void init(SERVER *s)
{
    memset(s, 0, sizeof(*s));
    s->fds_before = count_fds();
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->options.handler = handle;
    s->options.arg = s;
    s->options.workers = 4;
    s->options.max_body = 1 << 20;
    s->options.max_connections = 64;
    s->options.message_timeout = 20000;
    s->options.idle_timeout = 20000;
}

static void start(SERVER *s)
{
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FATAL((s->http = cmpsrv_http_new(&s->options, &why)) != NULL);
    CU_ASSERT_FATAL(cmpsrv_http_listen(s->http, "http://127.0.0.1:0", &why));
    s->port = cmpsrv_http_port(s->http, 0);
    CU_ASSERT_FATAL(pthread_create(&s->thread, NULL, run_server, s) == 0);
}

static void release(SERVER *s)
{
    pthread_mutex_lock(&s->lock);
    s->released = 1;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void await_waiting(SERVER *s, int n)
{
    pthread_mutex_lock(&s->lock);
    while (s->waiting < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* How long run took to return after the stop, in ms. */
static int64_t stop(SERVER *s)
{
    int64_t begin = cmpsrv_time_mono();

    cmpsrv_http_stop(s->http);
    pthread_join(s->thread, NULL);
    CU_ASSERT(s->run_result == 1);
    return cmpsrv_time_mono() - begin;
}

/* The test must have closed its own descriptors. */
static void clear(SERVER *s)
{
    release(s);
    cmpsrv_http_free(s->http);
    CU_ASSERT_EQUAL(count_fds(), s->fds_before);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

/* ---- clients --------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    size_t n;
    char in[8192];
} CLIENT;

typedef struct {
    int status;
    char head[512], body[4096];
    size_t body_n;
} ANSWER;

static int connect_fd(int fd, int port)
{
    struct sockaddr_in a = {0};

    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static void open_client(CLIENT *c, const SERVER *s)
{
    c->n = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(c->fd >= 0 && connect_fd(c->fd, s->port));
}

static int send_all(CLIENT *c, const void *p, size_t n)
{
    const char *q = p;

    while (n > 0) {
        ssize_t k = send(c->fd, q, n, MSG_NOSIGNAL);

        if (k <= 0)
            return 0;
        q += k;
        n -= (size_t)k;
    }
    return 1;
}

static int send_text(CLIENT *c, const char *text)
{
    return send_all(c, text, strlen(text));
}

static int post(CLIENT *c, const char *path, const char *more, const char *body)
{
    char text[2048];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\n" T "%sContent-Length: %zu\r\n\r\n%s", path,
             more, strlen(body), body);
    return send_text(c, text);
}

static int is_readable(const CLIENT *c, int ms)
{
    struct pollfd p = {c->fd, POLLIN, 0};

    return poll(&p, 1, ms) == 1;
}

/* Reads some more: 1, 0 at the end, -1 on a reset or when nothing comes. */
static int fill(CLIENT *c)
{
    ssize_t k;

    if (c->n + 1 >= sizeof(c->in) || !is_readable(c, GUARD))
        return -1;
    k = recv(c->fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
    if (k > 0)
        c->n += (size_t)k;
    c->in[c->n] = '\0';
    return k > 0 ? 1 : (int)k;
}

static int is_at_end(CLIENT *c)
{
    return c->n == 0 && fill(c) == 0;
}

static void take(CLIENT *c, char *out, size_t size, size_t n)
{
    CU_ASSERT_FATAL(n < size && n <= c->n);
    memcpy(out, c->in, n);
    out[n] = '\0';
    memmove(c->in, c->in + n, c->n - n + 1);
    c->n -= n;
}

/* One answer, its head checked for what all have. 0 if it did not come whole. */
static int read_answer(CLIENT *c, ANSWER *a)
{
    char *end, *length;

    memset(a, 0, sizeof(*a));
    c->in[c->n] = '\0';
    while ((end = strstr(c->in, "\r\n\r\n")) == NULL)
        if (fill(c) <= 0)
            return 0;
    take(c, a->head, sizeof(a->head), (size_t)(end + 4 - c->in));
    if (sscanf(a->head, "HTTP/1.%*d %d", &a->status) != 1)
        return 0;
    if (a->status == 100)
        return 1;
    if ((length = strstr(a->head, "\r\nContent-Length: ")) == NULL ||
        strstr(a->head, "\r\nConnection: ") == NULL || strstr(a->head, "Transfer-Enc") != NULL)
        return 0;
    a->body_n = strtoul(length + 18, NULL, 10);
    while (c->n < a->body_n)
        if (fill(c) <= 0)
            return 0;
    take(c, a->body, sizeof(a->body), a->body_n);
    return 1;
}

static int is_answered(CLIENT *c, int status, const char *body)
{
    ANSWER a;

    return read_answer(c, &a) && a.status == status && strcmp(a.body, body) == 0;
}

static int has_head(const ANSWER *a, const char *text)
{
    return strstr(a->head, text) != NULL;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void test_good_answer(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    init(&s);
    start(&s);
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
    stop(&s);
    clear(&s);
}

static void test_http_1_0(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    init(&s);
    start(&s);
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
    stop(&s);
    clear(&s);
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

    init(&s);
    start(&s);
    open_client(&c, &s);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CU_ASSERT(post(&c, t[i].path, "", "x"));
        CU_ASSERT(read_answer(&c, &a) && a.status == t[i].status && has_head(&a, t[i].head));
        CU_ASSERT(has_head(&a, "\r\nContent-Type: text/plain\r\n"));
        CU_ASSERT(has_head(&a, "\r\nConnection: keep-alive\r\n"));
        CU_ASSERT_STRING_EQUAL(a.body, t[i].body);
    }
    close(c.fd);
    stop(&s);
    clear(&s);
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

    init(&s);
    start(&s);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        open_client(&c, &s);
        CU_ASSERT(send_text(&c, t[i].in));
        CU_ASSERT(read_answer(&c, &a) && a.status == t[i].status && has_head(&a, t[i].head));
        CU_ASSERT(has_head(&a, "\r\nConnection: close\r\n"));
        CU_ASSERT(strncmp(a.body, cmpsrv_http_phrase(t[i].status), a.body_n - 1) == 0);
        CU_ASSERT(is_at_end(&c));
        close(c.fd);
    }
    CU_ASSERT_EQUAL(s.handled, 0);
    stop(&s);
    clear(&s);
}

/* The client sends all of it before it reads, and must be able to read then. */
static void test_large_body(void)
{
    static char body[1 << 16];
    SERVER s;
    CLIENT c;
    ANSWER a;

    init(&s);
    s.options.max_body = 1000;
    start(&s);
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
    stop(&s);
    clear(&s);
}

/* One that does not stop sending is cut off in the end. */
static void test_linger_is_bounded(void)
{
    static char body[1 << 16];
    SERVER s;
    CLIENT c;
    int i;

    init(&s);
    s.options.message_timeout = GUARD;
    start(&s);
    open_client(&c, &s);
    CU_ASSERT(send_text(&c, "POST / HTTP/1.1\r\n" T "\r\n"));
    for (i = 0; i < 16384 && send_all(&c, body, sizeof(body)); i++)
        continue;
    CU_ASSERT(i < 16384);
    close(c.fd);
    stop(&s);
    clear(&s);
}

static void test_continue(void)
{
    SERVER s;
    CLIENT c;
    ANSWER a;

    init(&s);
    start(&s);
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
    stop(&s);
    clear(&s);
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

    init(&s);
    start(&s);
    for (int i = 0; i < 8; i++) {
        talkers[i] = (TALKER){&s, i, 0};
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, talk, &talkers[i]) == 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(talkers[i].good, 200);
    }
    CU_ASSERT_EQUAL(s.handled, 1600);
    stop(&s);
    clear(&s);
}

/* More than the input buffer takes, sent at once; answered one by one, in order. */
static void test_pipelined(void)
{
    enum { N = 1000 };
    static char text[N * 200];
    SERVER s;
    CLIENT c;
    size_t n = 0;

    init(&s);
    start(&s);
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
    stop(&s);
    clear(&s);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

/* Every octet comes soon, the message does not: start as it may, it is cut. */
static void trickle(const char *begin)
{
    SERVER s;
    CLIENT c;
    ANSWER a;
    int64_t at, took;

    init(&s);
    s.options.message_timeout = 300;
    start(&s);
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
    stop(&s);
    clear(&s);
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

    init(&s);
    s.options.message_timeout = 300;
    start(&s);
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
    stop(&s);
    clear(&s);
}

static void test_idle(void)
{
    SERVER s;
    CLIENT c;
    int64_t at;

    init(&s);
    s.options.idle_timeout = 300;
    start(&s);
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
    stop(&s);
    clear(&s);
}

/* Work is no idling, and its time is not the sender's. */
static void test_work_has_time(void)
{
    SERVER s;
    CLIENT c;

    init(&s);
    s.options.idle_timeout = s.options.message_timeout = 100;
    start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/wait", "", "x"));
    await_waiting(&s, 1);
    CU_ASSERT(!is_readable(&c, 300));
    release(&s);
    CU_ASSERT(is_answered(&c, 200, "/wait:x"));
    close(c.fd);
    stop(&s);
    clear(&s);
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

    init(&s);
    start(&s);
    for (int i = 0; i < 4; i++) {
        open_client(&c, &s);
        CU_ASSERT(i < 2 ? post(&c, "/wait", "", "x")
                        : send_text(&c, "POST /wait HTTP/1.1\r\n" T "Content-Length: 9\r\n\r\nx"));
        if (i < 2)
            await_waiting(&s, i + 1);
        if (i % 2)
            close(c.fd);
        else
            reset(&c);
    }
    release(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/a", "", "x"));
    CU_ASSERT(is_answered(&c, 200, "/a:x"));
    close(c.fd);
    stop(&s);
    CU_ASSERT_EQUAL(s.handled, 3);
    clear(&s);
}

/* Half a close is no close: the answer still goes to who waits for it. */
static void test_half_close(void)
{
    SERVER s;
    CLIENT c;

    init(&s);
    start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/a", "", "x"));
    CU_ASSERT(shutdown(c.fd, SHUT_WR) == 0);
    CU_ASSERT(is_answered(&c, 200, "/a:x"));
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    stop(&s);
    clear(&s);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void test_connection_cap(void)
{
    SERVER s;
    CLIENT c[3];

    init(&s);
    s.options.max_connections = 2;
    start(&s);
    for (int i = 0; i < 3; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/a", "", "x"));
        CU_ASSERT(i == 2 || is_answered(&c[i], 200, "/a:x"));
    }
    CU_ASSERT(!is_readable(&c[2], 200));
    close(c[0].fd);
    CU_ASSERT(is_answered(&c[2], 200, "/a:x"));
    close(c[1].fd);
    close(c[2].fd);
    stop(&s);
    clear(&s);
}

static int64_t cpu_ms(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (int64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Without a descriptor for the next connection the server neither spins nor gives up. */
static void test_no_descriptors(void)
{
    SERVER s;
    CLIENT c, warm;
    struct rlimit before, none;
    int64_t cpu;

    init(&s);
    start(&s);
    open_client(&warm, &s);
    CU_ASSERT(post(&warm, "/a", "", "x"));
    CU_ASSERT(is_answered(&warm, 200, "/a:x"));
    c.n = 0;
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = 0; /* nothing that is open is closed by this */
    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &none) == 0);
    cpu = cpu_ms();
    CU_ASSERT(connect_fd(c.fd, s.port));
    CU_ASSERT(post(&c, "/a", "", "x"));
    poll(NULL, 0, 500); /* is_readable would need the limit, too */
    CU_ASSERT(cpu_ms() - cpu < 200);
    CU_ASSERT(post(&warm, "/b", "", "x"));
    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CU_ASSERT(is_answered(&warm, 200, "/b:x"));
    CU_ASSERT(is_answered(&c, 200, "/a:x"));
    close(c.fd);
    close(warm.fd);
    stop(&s);
    clear(&s);
}

/* One in work and 4 * 1 + 1024 in the queue; the next is told to come back. */
static void test_full_queue(void)
{
    enum { N = 1 + 4 + 1024 + 1 };
    static CLIENT c[N];
    static struct pollfd p[N];
    SERVER s;
    struct rlimit before, more;
    ANSWER a;
    int good = 0, busy = 0;

    CU_ASSERT_FATAL(getrlimit(RLIMIT_NOFILE, &before) == 0);
    more = before;
    more.rlim_cur = before.rlim_max < 4096 ? before.rlim_max : 4096;
    CU_ASSERT_FATAL(more.rlim_cur >= 2500 && setrlimit(RLIMIT_NOFILE, &more) == 0);
    init(&s);
    s.options.workers = 1;
    s.options.max_connections = N;
    start(&s);
    open_client(&c[0], &s);
    CU_ASSERT(post(&c[0], "/wait", "", "x"));
    await_waiting(&s, 1);
    for (int i = 1; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/wait", "", "x"));
    }
    for (int i = 0; i < N; i++)
        p[i] = (struct pollfd){c[i].fd, POLLIN, 0};
    CU_ASSERT_EQUAL(poll(p, N, GUARD), 1);
    release(&s);
    for (int i = 0; i < N; i++) {
        CU_ASSERT(read_answer(&c[i], &a));
        good += a.status == 200;
        busy += a.status == 503 && has_head(&a, "Retry-After: 1\r\n") && p[i].revents != 0;
        close(c[i].fd);
    }
    CU_ASSERT(good == N - 1 && busy == 1);
    stop(&s);
    clear(&s);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void test_stop_answers(void)
{
    enum { N = 8 };
    SERVER s;
    CLIENT c[N], half;
    ANSWER a;

    init(&s);
    s.options.workers = N;
    start(&s);
    for (int i = 0; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/wait", "", "x"));
    }
    await_waiting(&s, N);
    open_client(&half, &s);
    CU_ASSERT(send_text(&half, "POST /h HTTP/1.1\r\n" T
                               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CU_ASSERT(read_answer(&half, &a) && a.status == 100);
    cmpsrv_http_stop(s.http);
    CU_ASSERT(send_text(&half, "hello"));
    release(&s);
    for (int i = 0; i < N; i++) {
        CU_ASSERT(read_answer(&c[i], &a) && a.status == 200 && strcmp(a.body, "/wait:x") == 0);
        CU_ASSERT(is_at_end(&c[i]));
        close(c[i].fd);
    }
    CU_ASSERT(read_answer(&half, &a) && a.status == 200 && strcmp(a.body, "/h:hello") == 0);
    CU_ASSERT(is_at_end(&half));
    close(half.fd);
    CU_ASSERT(stop(&s) < 5000);
    clear(&s);
}

static void test_stop_is_prompt(void)
{
    enum { N = 10 };
    SERVER s;
    CLIENT c[N];

    init(&s);
    start(&s);
    for (int i = 0; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/a", "", "x"));
        CU_ASSERT(is_answered(&c[i], 200, "/a:x"));
    }
    CU_ASSERT(stop(&s) < 5000); /* the timeouts are 20 s */
    for (int i = 0; i < N; i++) {
        CU_ASSERT(is_at_end(&c[i]));
        close(c[i].fd);
    }
    clear(&s);
}

/* Neither a handler that hangs nor a slow sender holds up run for longer than a message_timeout. */
static void test_stop_is_bounded(void)
{
    SERVER s;
    CLIENT c, slow;
    ANSWER a;
    int64_t took;

    init(&s);
    s.options.message_timeout = 300;
    start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, "/wait", "", "x"));
    await_waiting(&s, 1);
    open_client(&slow, &s);
    CU_ASSERT(send_text(&slow, "POST / HTTP/1.1\r\n" T
                               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CU_ASSERT(read_answer(&slow, &a) && a.status == 100);
    took = stop(&s);
    CU_ASSERT(took >= 280 && took < 5000);
    CU_ASSERT(is_at_end(&c));
    close(c.fd);
    close(slow.fd);
    clear(&s);
}

static void test_stop_first(void)
{
    SERVER s;

    init(&s);
    CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
    cmpsrv_http_stop(s.http);
    cmpsrv_http_stop(s.http);
    CU_ASSERT(cmpsrv_http_run(s.http));
    clear(&s);
}

static CMPSRV_HTTP *volatile to_stop;

static void on_signal(int number)
{
    (void)number;
    cmpsrv_http_stop(to_stop);
}

static void test_stop_by_signal(void)
{
    SERVER s;
    struct sigaction sa, before;

    init(&s);
    start(&s);
    to_stop = s.http;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_signal;
    CU_ASSERT_FATAL(sigaction(SIGTERM, &sa, &before) == 0);
    raise(SIGTERM);
    pthread_join(s.thread, NULL);
    CU_ASSERT_EQUAL(s.run_result, 1);
    sigaction(SIGTERM, &before, NULL);
    clear(&s);
}

static void test_tick(void)
{
    SERVER s;

    init(&s);
    s.options.tick = tick;
    start(&s);
    pthread_mutex_lock(&s.lock);
    while (s.ticks < 3)
        pthread_cond_wait(&s.changed, &s.lock);
    CU_ASSERT(!s.tick_twice);
    pthread_mutex_unlock(&s.lock);
    stop(&s);
    CU_ASSERT(!s.ticking); /* run has waited for it */
    clear(&s);
}

/* ---- configuration --------------------------------------------------------------------------- */

static void test_listen(void)
{
    static const char *const bad[] = {
        "",
        "127.0.0.1:80",
        "https://127.0.0.1:0",
        "http://127.0.0.1",
        "http://:0",
        "http://127.0.0.1:",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:-1",
        "http://127.0.0.1:0x1",
        "http://127.0.0.1:0/",
        "http://::1:0",
        "http://[]:0",
        "http://192.0.2.1:0",
        "http://no.such.host.invalid:0",
    };
    SERVER s;
    char url[64];
    CMPSRV_REFUSAL why;

    init(&s);
    CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        memset(&why, 0, sizeof(why));
        CU_ASSERT(!cmpsrv_http_listen(s.http, bad[i], &why));
        CU_ASSERT(why.reason == CMPSRV_R_BAD_CONFIG && why.detail[0] != '\0');
    }
    CU_ASSERT_EQUAL(cmpsrv_http_port(s.http, 0), 0);
    CU_ASSERT(cmpsrv_http_listen(s.http, "http://127.0.0.1:0", NULL));
    CU_ASSERT(cmpsrv_http_listen(s.http, "http://*:0", NULL));
    CU_ASSERT(cmpsrv_http_listen(s.http, "http://localhost:0", NULL));
    CU_ASSERT(cmpsrv_http_port(s.http, 0) > 0 && cmpsrv_http_port(s.http, 1) > 0);
    CU_ASSERT(cmpsrv_http_port(s.http, 2) > 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", cmpsrv_http_port(s.http, 0));
    memset(&why, 0, sizeof(why));
    CU_ASSERT(!cmpsrv_http_listen(s.http, url, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    clear(&s);
}

static void test_options(void)
{
    SERVER s;
    CMPSRV_REFUSAL why = {0};

    init(&s);
    s.options.workers = 0;
    CU_ASSERT_PTR_NULL(cmpsrv_http_new(&s.options, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    clear(&s);
}

TEST_MAIN("http server", TEST(test_good_answer), TEST(test_http_1_0), TEST(test_handler_refuses),
          TEST(test_parser_refuses), TEST(test_large_body), TEST(test_linger_is_bounded),
          TEST(test_continue), TEST(test_parallel), TEST(test_pipelined), TEST(test_slow_sender),
          TEST(test_slow_reader), TEST(test_idle), TEST(test_work_has_time), TEST(test_disconnect),
          TEST(test_half_close), TEST(test_connection_cap), TEST(test_no_descriptors),
          TEST(test_full_queue), TEST(test_stop_answers), TEST(test_stop_is_prompt),
          TEST(test_stop_is_bounded), TEST(test_stop_first), TEST(test_stop_by_signal),
          TEST(test_tick), TEST(test_listen), TEST(test_options))
