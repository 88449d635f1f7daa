/* SPDX-License-Identifier: Apache-2.0 */
/* See harness.h. */
#include "config.h"

#include "harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ---- the server under test ------------------------------------------------------------------- */

int count_fds(void)
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

/* Under the lock. */
static int put_off(SERVER *s, CMPSRV_HTTP_CALL *call)
{
    call->state = s;
    s->waiting++;
    s->later[s->n_later++] = call;
    pthread_cond_broadcast(&s->changed);
    return CMPSRV_HTTP_WAITS;
}

/* /wait waits, /later and /again are put off; /status/N refuses with N; /nothing says 200 without
 * an answer; all others answer PATH:BODY. */
static int handle(void *arg, CMPSRV_HTTP_CALL *call)
{
    SERVER *s = arg;
    size_t n = strlen(call->path);
    int later = 0;

    pthread_mutex_lock(&s->lock);
    s->handled++;
    if (strcmp(call->path, "/wait") == 0)
        wait_until_released(s);
    if (call->state == NULL && !s->released && strcmp(call->path, "/later") == 0)
        later = put_off(s, call);
    pthread_mutex_unlock(&s->lock);
    if (later != 0)
        return later;
    if (call->state == NULL && strcmp(call->path, "/again") == 0) {
        call->state = s;
        cmpsrv_http_again(call);
        return CMPSRV_HTTP_WAITS;
    }
    if (strcmp(call->path, "/nothing") == 0)
        return 1;
    if (sscanf(call->path, "/status/%d", &call->status) == 1)
        return 0;
    call->answer.n = n + 1 + call->body.n;
    call->answer.p = OPENSSL_malloc(call->answer.n);
    memcpy(call->answer.p, call->path, n);
    call->answer.p[n] = ':';
    memcpy(call->answer.p + n + 1, call->body.p, call->body.n);
    return 1;
}

static void *run_server(void *arg)
{
    SERVER *s = arg;

    s->run_result = cmpsrv_http_run(s->http);
    return NULL;
}

void server_init(SERVER *s)
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

void server_start(SERVER *s)
{
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FATAL((s->http = cmpsrv_http_new(&s->options, &why)) != NULL);
    CU_ASSERT_FATAL(cmpsrv_http_listen(s->http, CMPSRV_HTTP_CMP, "http://127.0.0.1:0", &why));
    s->port = cmpsrv_http_port(s->http, 0);
    CU_ASSERT_FATAL(pthread_create(&s->thread, NULL, run_server, s) == 0);
}

void server_release(SERVER *s)
{
    int n;

    pthread_mutex_lock(&s->lock);
    s->released = 1;
    n = s->n_later;
    s->n_later = 0;
    s->waiting -= n;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < n; i++)
        cmpsrv_http_again(s->later[i]);
}

void server_await(SERVER *s, int n)
{
    pthread_mutex_lock(&s->lock);
    while (s->waiting < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* How long run took to return after the stop, in ms. */
int64_t server_stop(SERVER *s)
{
    int64_t begin = cmpsrv_time_mono();

    cmpsrv_http_stop(s->http);
    pthread_join(s->thread, NULL);
    CU_ASSERT(s->run_result == 1);
    return cmpsrv_time_mono() - begin;
}

/* The test must have closed its own descriptors. */
void server_clear(SERVER *s)
{
    server_release(s);
    cmpsrv_http_free(s->http);
    CU_ASSERT_EQUAL(count_fds(), s->fds_before);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

/* ---- clients --------------------------------------------------------------------------------- */

int connect_fd(int fd, int port)
{
    struct sockaddr_in a = {0};

    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

void open_client(CLIENT *c, const SERVER *s)
{
    c->n = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(c->fd >= 0 && connect_fd(c->fd, s->port));
}

int send_all(CLIENT *c, const void *p, size_t n)
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

int send_text(CLIENT *c, const char *text)
{
    return send_all(c, text, strlen(text));
}

int post(CLIENT *c, const char *path, const char *more, const char *body)
{
    char text[2048];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\n" T "%sContent-Length: %zu\r\n\r\n%s", path,
             more, strlen(body), body);
    return send_text(c, text);
}

int is_readable(const CLIENT *c, int ms)
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

int is_at_end(CLIENT *c)
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
int read_answer(CLIENT *c, ANSWER *a)
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

int is_answered(CLIENT *c, int status, const char *body)
{
    ANSWER a;

    return read_answer(c, &a) && a.status == status && strcmp(a.body, body) == 0;
}

int has_head(const ANSWER *a, const char *text)
{
    return strstr(a->head, text) != NULL;
}
