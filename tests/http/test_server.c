/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: limits, the tick, the orderly end, configuration. */
#include "config.h"

#include "harness.h"
#include "http/http_local.h"
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ---- limits ---------------------------------------------------------------------------------- */

/* Who is being served keeps the others waiting. */
static void test_connection_cap(void)
{
    SERVER s;
    CLIENT c[3];

    server_init(&s);
    s.options.max_connections = 2;
    server_start(&s);
    for (int i = 0; i < 3; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], i < 2 ? "/wait" : "/a", "", "x"));
        if (i < 2)
            server_await(&s, i + 1);
    }
    CU_ASSERT(!is_readable(&c[2], 200));
    server_release(&s);
    CU_ASSERT(is_answered(&c[0], 200, "/wait:x"));
    CU_ASSERT(is_answered(&c[1], 200, "/wait:x"));
    CU_ASSERT(is_answered(&c[2], 200, "/a:x"));
    for (int i = 0; i < 3; i++)
        close(c[i].fd);
    server_stop(&s);
    server_clear(&s);
}

/* Who is idle makes room, the longest first; then who takes his time over a message. */
static void test_making_room(void)
{
    SERVER s;
    CLIENT c[5];

    server_init(&s);
    s.options.max_connections = 2;
    s.options.message_timeout = GUARD;
    server_start(&s);
    for (int i = 0; i < 3; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/a", "", "x") && is_answered(&c[i], 200, "/a:x"));
    }
    CU_ASSERT(is_at_end(&c[0]));
    CU_ASSERT(send_text(&c[1], "POST /a HTT"));
    CU_ASSERT(!is_readable(&c[1], 1200)); /* slow by now */
    CU_ASSERT(send_text(&c[2], "POST /a HTT"));
    CU_ASSERT(!is_readable(&c[2], 200)); /* not yet */
    open_client(&c[3], &s);
    CU_ASSERT(post(&c[3], "/a", "", "x") && is_answered(&c[3], 200, "/a:x"));
    CU_ASSERT(is_at_end(&c[1]));
    open_client(&c[4], &s);
    CU_ASSERT(post(&c[4], "/a", "", "x") && is_answered(&c[4], 200, "/a:x"));
    CU_ASSERT(is_at_end(&c[3])); /* idle goes before slow */
    CU_ASSERT(send_text(&c[2], "P/1.1\r\n" T "Content-Length: 1\r\n\r\nx"));
    CU_ASSERT(is_answered(&c[2], 200, "/a:x"));
    for (int i = 0; i < 5; i++)
        close(c[i].fd);
    server_stop(&s);
    server_clear(&s);
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

    server_init(&s);
    server_start(&s);
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
    server_stop(&s);
    server_clear(&s);
}

/* One in work and 4 * 1 + 1024 in the queue, or as many put off; the next is told to come back. */
static void fill_queue(const char *path)
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
    server_init(&s);
    s.options.workers = 1;
    s.options.max_connections = N;
    server_start(&s);
    open_client(&c[0], &s);
    CU_ASSERT(post(&c[0], path, "", "x"));
    server_await(&s, 1);
    for (int i = 1; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], path, "", "x"));
    }
    for (int i = 0; i < N; i++)
        p[i] = (struct pollfd){c[i].fd, POLLIN, 0};
    CU_ASSERT_EQUAL(poll(p, N, GUARD), 1);
    server_release(&s);
    for (int i = 0; i < N; i++) {
        CU_ASSERT(read_answer(&c[i], &a));
        good += a.status == 200;
        busy += a.status == 503 && has_head(&a, "Retry-After: 1\r\n") && p[i].revents != 0;
        close(c[i].fd);
    }
    CU_ASSERT(good == N - 1 && busy == 1);
    server_stop(&s);
    server_clear(&s);
    setrlimit(RLIMIT_NOFILE, &before);
}

static void test_full_queue(void)
{
    fill_queue("/wait");
    fill_queue("/later");
}

/* Calls that are put off keep no worker from the others, and are answered when they are called
 * again, which may be before they were put off. */
static void test_put_off(void)
{
    enum { N = 8 };
    SERVER s;
    CLIENT c[N], other;

    server_init(&s);
    s.options.workers = 1;
    server_start(&s);
    for (int i = 0; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/later", "", "x"));
    }
    server_await(&s, N);
    open_client(&other, &s);
    CU_ASSERT(post(&other, "/a", "", "x"));
    CU_ASSERT(is_answered(&other, 200, "/a:x"));
    for (int i = 0; i < 100; i++) {
        CU_ASSERT(post(&other, "/again", "", "x"));
        CU_ASSERT(is_answered(&other, 200, "/again:x"));
    }
    close(c[0].fd); /* whose answer comes to nobody */
    server_release(&s);
    for (int i = 1; i < N; i++) {
        CU_ASSERT(is_answered(&c[i], 200, "/later:x"));
        close(c[i].fd);
    }
    close(other.fd);
    server_stop(&s);
    CU_ASSERT_EQUAL(s.handled, 2 * N + 1 + 200);
    server_clear(&s);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void stop_while_in(const char *path, const char *answer, unsigned workers)
{
    enum { N = 8 };
    SERVER s;
    CLIENT c[N], half;
    ANSWER a;

    server_init(&s);
    s.options.workers = workers;
    server_start(&s);
    for (int i = 0; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], path, "", "x"));
    }
    server_await(&s, N);
    open_client(&half, &s);
    CU_ASSERT(send_text(&half, "POST /h HTTP/1.1\r\n" T
                               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CU_ASSERT(read_answer(&half, &a) && a.status == 100);
    cmpsrv_http_stop(s.http);
    CU_ASSERT(send_text(&half, "hello"));
    server_release(&s);
    for (int i = 0; i < N; i++) {
        CU_ASSERT(read_answer(&c[i], &a) && a.status == 200 && strcmp(a.body, answer) == 0);
        CU_ASSERT(is_at_end(&c[i]));
        close(c[i].fd);
    }
    CU_ASSERT(read_answer(&half, &a) && a.status == 200 && strcmp(a.body, "/h:hello") == 0);
    CU_ASSERT(is_at_end(&half));
    close(half.fd);
    CU_ASSERT(server_stop(&s) < 5000);
    server_clear(&s);
}

static void test_stop_answers(void)
{
    stop_while_in("/wait", "/wait:x", 8);
    stop_while_in("/later", "/later:x", 2);
}

static void test_stop_is_prompt(void)
{
    enum { N = 10 };
    SERVER s;
    CLIENT c[N];

    server_init(&s);
    server_start(&s);
    for (int i = 0; i < N; i++) {
        open_client(&c[i], &s);
        CU_ASSERT(post(&c[i], "/a", "", "x"));
        CU_ASSERT(is_answered(&c[i], 200, "/a:x"));
    }
    CU_ASSERT(server_stop(&s) < 5000); /* the timeouts are 20 s */
    for (int i = 0; i < N; i++) {
        CU_ASSERT(is_at_end(&c[i]));
        close(c[i].fd);
    }
    server_clear(&s);
}

/* Neither a handler that hangs or never comes back nor a slow sender holds up run for longer than a
 * message_timeout. */
static void stop_in_time(const char *path, int stays, int handled)
{
    SERVER s;
    CLIENT c, slow;
    ANSWER a;
    int64_t took;

    server_init(&s);
    s.options.message_timeout = 300;
    server_start(&s);
    open_client(&c, &s);
    CU_ASSERT(post(&c, path, "", "x"));
    server_await(&s, 1);
    open_client(&slow, &s);
    CU_ASSERT(send_text(&slow, "POST / HTTP/1.1\r\n" T
                               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CU_ASSERT(read_answer(&slow, &a) && a.status == 100);
    if (!stays)
        close(c.fd);
    took = server_stop(&s);
    CU_ASSERT(took >= 280 && took < 5000);
    if (stays) {
        CU_ASSERT(is_at_end(&c));
        close(c.fd);
    }
    close(slow.fd);
    server_clear(&s);
    CU_ASSERT_EQUAL(s.handled, handled); /* to its end, whoever waits for it */
}

static void test_stop_is_bounded(void)
{
    stop_in_time("/wait", 1, 1);
    stop_in_time("/later", 1, 2);
    stop_in_time("/later", 0, 2);
}

static void *release(void *arg)
{
    server_release(arg);
    return NULL;
}

/* The last call comes back while the server ends; who brings it back may be behind it. */
static void test_stop_and_call(void)
{
    for (int i = 0; i < 100; i++) {
        SERVER s;
        CLIENT c;
        pthread_t thread;

        server_init(&s);
        s.options.message_timeout = 1;
        server_start(&s);
        open_client(&c, &s);
        CU_ASSERT(post(&c, "/later", "", "x"));
        server_await(&s, 1);
        close(c.fd);
        CU_ASSERT_FATAL(pthread_create(&thread, NULL, release, &s) == 0);
        server_stop(&s);
        cmpsrv_http_free(s.http);
        s.http = NULL;
        pthread_join(thread, NULL);
        CU_ASSERT_EQUAL(s.handled, 2);
        server_clear(&s);
    }
}

static void test_stop_first(void)
{
    SERVER s;

    server_init(&s);
    CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
    cmpsrv_http_stop(s.http);
    cmpsrv_http_stop(s.http);
    CU_ASSERT(cmpsrv_http_run(s.http));
    server_clear(&s);
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

    server_init(&s);
    server_start(&s);
    to_stop = s.http;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_signal;
    CU_ASSERT_FATAL(sigaction(SIGTERM, &sa, &before) == 0);
    raise(SIGTERM);
    pthread_join(s.thread, NULL);
    CU_ASSERT_EQUAL(s.run_result, 1);
    sigaction(SIGTERM, &before, NULL);
    server_clear(&s);
}

/* The default action of SIGPIPE would end the program; what the program has chosen stays. */
static void test_sigpipe(void)
{
    SERVER s;
    struct sigaction sa, before;

    memset(&sa, 0, sizeof(sa));
    CU_ASSERT_FATAL(sigaction(SIGPIPE, NULL, &before) == 0);
    for (int own = 0; own < 2; own++) {
        sa.sa_handler = own ? on_signal : SIG_DFL;
        CU_ASSERT_FATAL(sigaction(SIGPIPE, &sa, NULL) == 0);
        server_init(&s);
        CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
        cmpsrv_http_stop(s.http);
        CU_ASSERT(cmpsrv_http_run(s.http));
        server_clear(&s);
        CU_ASSERT_FATAL(sigaction(SIGPIPE, NULL, &sa) == 0);
        CU_ASSERT(sa.sa_handler == (own ? on_signal : SIG_IGN));
    }
    sigaction(SIGPIPE, &before, NULL);
}

/* An answer that comes after its connection has gone is dropped. */
static void test_late_answer(void)
{
    SERVER s;
    CMPSRV_HTTP_CONN *c;
    CMPSRV_HTTP_JOB *job = OPENSSL_zalloc(sizeof(*job));
    struct bufferevent *bev;

    server_init(&s);
    CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
    bev = bufferevent_socket_new(s.http->base, -1, BEV_OPT_CLOSE_ON_FREE);
    CU_ASSERT_FATAL((c = cmpsrv_http_conn_new(s.http, CMPSRV_HTTP_CMP, 0, bev)) != NULL);
    c->job = job;
    job->conn = c;
    job->call.status = 404;
    cmpsrv_http_conn_free(c);
    CU_ASSERT_PTR_NULL(job->conn);
    cmpsrv_http_conn_answer(job);
    server_clear(&s);
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

static void test_tick(void)
{
    SERVER s;

    server_init(&s);
    s.options.tick = tick;
    server_start(&s);
    pthread_mutex_lock(&s.lock);
    while (s.ticks < 3)
        pthread_cond_wait(&s.changed, &s.lock);
    CU_ASSERT(!s.tick_twice);
    pthread_mutex_unlock(&s.lock);
    server_stop(&s);
    CU_ASSERT(!s.ticking); /* run has waited for it */
    server_clear(&s);
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
    };
    SERVER s;
    char url[64];
    CMPSRV_REFUSAL why;

    server_init(&s);
    CU_ASSERT_FATAL((s.http = cmpsrv_http_new(&s.options, NULL)) != NULL);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        memset(&why, 0, sizeof(why));
        CU_ASSERT(!cmpsrv_http_listen(s.http, CMPSRV_HTTP_CMP, bad[i], &why));
        CU_ASSERT(why.reason == CMPSRV_R_BAD_CONFIG && why.detail[0] != '\0');
    }
    CU_ASSERT_EQUAL(cmpsrv_http_port(s.http, 0), 0);
    CU_ASSERT(cmpsrv_http_listen(s.http, CMPSRV_HTTP_CMP, "http://127.0.0.1:0", NULL));
    CU_ASSERT(cmpsrv_http_listen(s.http, CMPSRV_HTTP_CMP, "http://*:0", NULL));
    CU_ASSERT(cmpsrv_http_listen(s.http, CMPSRV_HTTP_CMP, "http://localhost:0", NULL));
    CU_ASSERT(cmpsrv_http_port(s.http, 0) > 0 && cmpsrv_http_port(s.http, 1) > 0);
    CU_ASSERT(cmpsrv_http_port(s.http, 2) > 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", cmpsrv_http_port(s.http, 0));
    memset(&why, 0, sizeof(why));
    CU_ASSERT(!cmpsrv_http_listen(s.http, CMPSRV_HTTP_CMP, url, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    server_clear(&s);
}

static void test_options(void)
{
    SERVER s;
    CMPSRV_REFUSAL why = {0};

    server_init(&s);
    s.options.workers = 0;
    CU_ASSERT_PTR_NULL(cmpsrv_http_new(&s.options, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    server_clear(&s);
}

TEST_MAIN("http server", TEST(test_connection_cap), TEST(test_making_room),
          TEST(test_no_descriptors), TEST(test_full_queue), TEST(test_put_off),
          TEST(test_stop_answers), TEST(test_stop_is_prompt), TEST(test_stop_is_bounded),
          TEST(test_stop_and_call), TEST(test_stop_first), TEST(test_stop_by_signal),
          TEST(test_sigpipe), TEST(test_late_answer), TEST(test_tick), TEST(test_listen),
          TEST(test_options))
