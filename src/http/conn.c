/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: reads a request, hands it to the pool, writes the answer, and again. A table says
 * for each state whether input is read and which deadline runs; deadlines are absolute for the
 * state, so that a peer cannot buy time by the octet. Called by libevent and server.c, on the loop
 * only. Knows nothing of sockets but the bufferevent, and nothing of CMP.
 */
#include "config.h"

#include "http/http_local.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define INPUT_BUFFER   16384         /* octets that wait unparsed, for instance pipelined */
#define LINGER_OCTETS  (8UL << 20)   /* what a refused sender may still send before it listens */
#define LINGER_MS      INT64_C(5000) /* and for how long */
#define LINGER_STOP_MS INT64_C(500)  /* the same while the server stops */
#define CONTINUE       "HTTP/1.1 100 Continue\r\n\r\n"
#define MAX_HEAD       512 /* octets of the head of an answer, all of them ours */
#define NO_CACHE       "Cache-Control: no-cache\r\nPragma: no-cache\r\n"
#define TEXT_FIELDS    "Content-Type: text/plain\r\n"

static int64_t idle_ms(const CMPSRV_HTTP *h)
{
    return h->options.idle_timeout;
}

static int64_t message_ms(const CMPSRV_HTTP *h)
{
    return h->options.message_timeout;
}

static int64_t linger_ms(const CMPSRV_HTTP *h)
{
    int64_t ms = h->stopping ? LINGER_STOP_MS : LINGER_MS;

    return ms < message_ms(h) ? ms : message_ms(h);
}

static void refuse_late(CMPSRV_HTTP_CONN *c);
static void give_up(CMPSRV_HTTP_CONN *c);
static void end_answer(CMPSRV_HTTP_CONN *c);

/* WORKING has no deadline: a worker cannot be called back, and no octet is waited for. What comes
 * in a state that does not read waits in the input, at most INPUT_BUFFER octets: to take the socket
 * out of the loop and back would be two system calls a request. */
static const struct {
    int reads;
    int64_t (*deadline)(const CMPSRV_HTTP *h);
    void (*late)(CMPSRV_HTTP_CONN *c);
} states[] = {
    [CONN_HANDSHAKE] = {1, message_ms, give_up},
    [CONN_IDLE] = {1, idle_ms, cmpsrv_http_conn_free},
    [CONN_READING] = {1, message_ms, refuse_late},
    [CONN_WORKING] = {0, NULL, NULL},
    [CONN_WRITING] = {0, message_ms, cmpsrv_http_conn_free},
    [CONN_LINGERING] = {1, linger_ms, cmpsrv_http_conn_free},
};

/* Its time in this state begins. */
static void begin_time(CMPSRV_HTTP_CONN *c)
{
    c->since = cmpsrv_time_mono();
    if (states[c->state].deadline != NULL)
        cmpsrv_http_watch_for(c->http, c->since + states[c->state].deadline(c->http));
}

static CMPSRV_HTTP_HOUSE *house_of(const CMPSRV_HTTP_CONN *c)
{
    return &c->http->houses[c->service];
}

static void enter(CMPSRV_HTTP_CONN *c, unsigned state)
{
    TAILQ_REMOVE(&house_of(c)->conns[c->state], c, link);
    TAILQ_INSERT_TAIL(&house_of(c)->conns[state], c, link);
    c->state = state;
    begin_time(c);
    if (state == CONN_IDLE && house_of(c)->n >= house_of(c)->max)
        cmpsrv_http_update_accepting(c->http); /* it could make room now */
}

/* ---- answers --------------------------------------------------------------------------------- */

/* What the answers of each service say of themselves. */
static const struct {
    const char *fields, *allow;
} services[CMPSRV_HTTP__SERVICES] = {
    [CMPSRV_HTTP_CMP] = {"Content-Type: application/pkixcmp\r\n" NO_CACHE, "Allow: POST\r\n"},
    [CMPSRV_HTTP_ADMIN] = {"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" NO_CACHE,
                           "Allow: GET\r\n"},
};

static const char *fields_of(const CMPSRV_HTTP_CONN *c, int status)
{
    switch (status) {
    case 405:
        return services[c->service].allow;
    case 503:
        return "Retry-After: 1\r\n";
    default:
        return "";
    }
}

/* Begins the answer. Returns the length of its head. */
static size_t make_head(CMPSRV_HTTP_CONN *c, int status, size_t length, const char *fields,
                        char head[MAX_HEAD])
{
    const CMPSRV_HTTP_REQUEST *r = cmpsrv_http_parser_request(c->parser);

    c->close |= c->http->stopping || !r->keep_alive;
    atomic_fetch_add(&c->http->answers[status], 1);
    enter(c, CONN_WRITING);
    return (size_t)snprintf(
        head, MAX_HEAD, "HTTP/1.%d %d %s\r\n%s%sContent-Length: %zu\r\nConnection: %s\r\n\r\n",
        r->http_1_0 ? 0 : 1, status, cmpsrv_http_phrase(c->service, status), fields,
        fields_of(c, status), length, c->close ? "close" : "keep-alive");
}

static void free_body(const void *p, size_t n, void *body)
{
    (void)p;
    (void)n;
    OPENSSL_free(body);
}

/* What the socket takes at once, which is nearly always all: so the answer is one system call, and
 * the loop need not wait for the socket. A broken one is seen by the bufferevent. */
static size_t send_now(CMPSRV_HTTP_CONN *c, const char *head, size_t head_n,
                       const CMPSRV_BYTES *body)
{
    struct iovec parts[] = {{(void *)(uintptr_t)head, head_n}, {body->p, body->n}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = CMPSRV_ARRAY_SIZE(parts)};
    ssize_t n;

    if (c->tls || evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
        return 0;
    n = sendmsg(bufferevent_getfd(c->bev), &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

/* Takes the octets of *body. */
static void answer_body(CMPSRV_HTTP_CONN *c, int status, CMPSRV_BYTES *body)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    char head[MAX_HEAD];
    size_t head_n = make_head(c, status, body->n, services[c->service].fields, head);
    size_t sent = send_now(c, head, head_n, body), skip = sent > head_n ? sent - head_n : 0;

    if (sent == head_n + body->n) {
        end_answer(c);
        return;
    }
    if ((sent < head_n && evbuffer_add(out, head + sent, head_n - sent) != 0) ||
        evbuffer_add_reference(out, body->p + skip, body->n - skip, free_body, body->p) != 0) {
        cmpsrv_http_conn_free(c);
        return;
    }
    *body = (CMPSRV_BYTES){NULL, 0};
}

/* The text is the phrase: nothing of the request comes back. */
static void answer_error(CMPSRV_HTTP_CONN *c, int status)
{
    const char *phrase = cmpsrv_http_phrase(c->service, status);
    char head[MAX_HEAD];
    size_t n = make_head(c, status, strlen(phrase) + 1, TEXT_FIELDS, head);

    if (evbuffer_add_printf(bufferevent_get_output(c->bev), "%.*s%s\n", (int)n, head, phrase) < 0)
        cmpsrv_http_conn_free(c);
}

static void log_refusal(const CMPSRV_HTTP_CONN *c, int status, const char *problem)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);
    char host[64] = "?", port[8] = "?";

    if (!cmpsrv_log_enabled(c->http->options.log, CMPSRV_LOG_INFO))
        return;
    if (getpeername(bufferevent_getfd(c->bev), (struct sockaddr *)&ss, &n) == 0)
        getnameinfo((struct sockaddr *)&ss, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV);
    if (status == 0)
        cmpsrv_log(c->http->options.log, CMPSRV_LOG_INFO, "http: %s port %s: %s", host, port,
                   problem);
    else
        cmpsrv_log(c->http->options.log, CMPSRV_LOG_INFO, "http: %s port %s: %d: %s", host, port,
                   status, problem);
}

static void log_tls_failure(const CMPSRV_HTTP_CONN *c)
{
    const char *reason = ERR_reason_error_string(bufferevent_get_openssl_error(c->bev));
    char problem[160];

    snprintf(problem, sizeof(problem), "TLS handshake: %s",
             reason == NULL ? "the client has gone" : reason);
    log_refusal(c, 0, problem);
}

/* Where the request ends is not known, so the connection cannot go on. */
static void refuse(CMPSRV_HTTP_CONN *c, int status, const char *problem)
{
    log_refusal(c, status, problem);
    c->close = 1;
    answer_error(c, status);
}

/* Nobody to talk to: there is no TLS yet to talk in. */
static void give_up(CMPSRV_HTTP_CONN *c)
{
    log_refusal(c, 0, "TLS handshake not complete within the time for a message");
    cmpsrv_http_conn_free(c);
}

static void refuse_late(CMPSRV_HTTP_CONN *c)
{
    refuse(c, 408, "message not complete within the time for one");
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Path and body change hands, they are not copied. */
static CMPSRV_HTTP_JOB *take_job(CMPSRV_HTTP_CONN *c)
{
    CMPSRV_HTTP_REQUEST *r = cmpsrv_http_parser_request(c->parser);
    CMPSRV_HTTP_JOB *job = OPENSSL_zalloc(sizeof(*job));

    if (job == NULL)
        return NULL;
    job->conn = c;
    job->service = c->service;
    job->path = r->path;
    job->body = r->body;
    r->path = NULL;
    r->body = (CMPSRV_BYTES){NULL, 0};
    return job;
}

static void dispatch(CMPSRV_HTTP_CONN *c)
{
    CMPSRV_HTTP_JOB *job = take_job(c);

    enter(c, CONN_WORKING);
    if (job != NULL && cmpsrv_http_pool_submit(c->http->pool, job)) {
        c->job = job;
        return;
    }
    cmpsrv_http_job_free(job);
    log_refusal(c, 503, "the queue is full");
    answer_error(c, 503);
}

void cmpsrv_http_conn_answer(CMPSRV_HTTP_JOB *job)
{
    CMPSRV_HTTP_CONN *c = job->conn;

    if (c != NULL) {
        c->job = NULL;
        if (job->call.answer.p != NULL)
            answer_body(c, job->call.status, &job->call.answer);
        else
            answer_error(c, job->call.status);
    }
    cmpsrv_http_job_free(job);
}

/* Requests may have enrolment codes: their octets do not stay behind in memory that is free. The
 * first n are contiguous. */
static void wipe_input(struct evbuffer *in, size_t n)
{
    OPENSSL_cleanse(evbuffer_pullup(in, (ev_ssize_t)n), n);
    evbuffer_drain(in, n);
}

static void wipe_all_input(CMPSRV_HTTP_CONN *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n;

    while ((n = evbuffer_get_contiguous_space(in)) > 0)
        wipe_input(in, n);
}

/* Feeds what has come until a request is complete; the rest of the input waits for its turn. */
static CMPSRV_HTTP_PARSE feed(CMPSRV_HTTP_CONN *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    CMPSRV_HTTP_PARSE outcome = CMPSRV_HTTP_MORE;
    size_t n, used;

    while (outcome == CMPSRV_HTTP_MORE && (n = evbuffer_get_contiguous_space(in)) > 0) {
        outcome = cmpsrv_http_parser_feed(c->parser, evbuffer_pullup(in, (ev_ssize_t)n), n, &used);
        wipe_input(in, used);
    }
    return outcome;
}

static void read_request(CMPSRV_HTTP_CONN *c)
{
    CMPSRV_HTTP_PARSE outcome = feed(c);
    CMPSRV_HTTP_REQUEST *r = cmpsrv_http_parser_request(c->parser);

    if (outcome == CMPSRV_HTTP_DONE) {
        dispatch(c);
        return;
    }
    if (outcome == CMPSRV_HTTP_REFUSED) {
        refuse(c, r->status, r->problem);
        return;
    }
    if (c->at_end) {
        cmpsrv_http_conn_free(c);
        return;
    }
    if (c->state == CONN_IDLE && cmpsrv_http_parser_started(c->parser))
        enter(c, CONN_READING);
    if (r->expect_continue) {
        r->expect_continue = 0;
        bufferevent_write(c->bev, CONTINUE, sizeof(CONTINUE) - 1);
    }
}

/* ---- the end of an answer -------------------------------------------------------------------- */

/* Tells the peer that this was all, as far as the socket takes it. */
static void close_tls(CMPSRV_HTTP_CONN *c)
{
    if (!c->tls || c->state == CONN_HANDSHAKE)
        return;
    SSL_shutdown(bufferevent_openssl_get_ssl(c->bev));
    ERR_clear_error();
}

/* A close with unread input would make the kernel reset the connection, and the peer lose the
 * answer: so only our half is closed, and what still comes is thrown away for a while. Nothing
 * comes from a peer that is at its end. */
static void linger(CMPSRV_HTTP_CONN *c)
{
    if (c->at_end) {
        cmpsrv_http_conn_free(c);
        return;
    }
    close_tls(c);
    if (shutdown(bufferevent_getfd(c->bev), SHUT_WR) != 0) {
        cmpsrv_http_conn_free(c);
        return;
    }
    cmpsrv_http_parser_reset(c->parser);
    enter(c, CONN_LINGERING);
}

static void throw_away(CMPSRV_HTTP_CONN *c)
{
    c->drained += evbuffer_get_length(bufferevent_get_input(c->bev));
    wipe_all_input(c);
    if (c->drained > LINGER_OCTETS)
        cmpsrv_http_conn_free(c);
}

static void end_answer(CMPSRV_HTTP_CONN *c)
{
    if (c->close || c->http->stopping) {
        linger(c);
        return;
    }
    cmpsrv_http_parser_reset(c->parser);
    enter(c, CONN_IDLE);
    read_request(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    CMPSRV_HTTP_CONN *c = arg;

    if (c->state == CONN_WRITING && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        end_answer(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    CMPSRV_HTTP_CONN *c = arg;

    (void)bev;
    if (c->state == CONN_LINGERING)
        throw_away(c);
    else if (states[c->state].reads)
        read_request(c);
}

/* The handshake is done; or the peer has closed, or the socket failed: then nobody is left to talk
 * to, but a peer that has only ended its half still reads the answers to what it has sent. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    CMPSRV_HTTP_CONN *c = arg;

    (void)bev;
    if (what == BEV_EVENT_CONNECTED) {
        if (c->state == CONN_HANDSHAKE)
            enter(c, CONN_IDLE);
        return;
    }
    if (what == (BEV_EVENT_EOF | BEV_EVENT_READING) &&
        (c->state == CONN_WORKING || c->state == CONN_WRITING)) {
        c->at_end = 1;
        return;
    }
    if (c->state == CONN_HANDSHAKE)
        log_tls_failure(c);
    c->tls = 0; /* nothing can be said any more */
    cmpsrv_http_conn_free(c);
    ERR_clear_error();
}

void cmpsrv_http_conns_late(CMPSRV_HTTP *h, CMPSRV_HTTP_HOUSE *house)
{
    int64_t now = cmpsrv_time_mono();

    for (size_t i = 0; i < CONN__STATES; i++) {
        CMPSRV_HTTP_CONN *c;
        int64_t ms;

        if (states[i].deadline == NULL)
            continue;
        ms = states[i].deadline(h);
        while ((c = TAILQ_FIRST(&house->conns[i])) != NULL && c->since + ms <= now)
            states[i].late(c);
        if (c != NULL)
            cmpsrv_http_watch_for(h, c->since + ms);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

CMPSRV_HTTP_CONN *cmpsrv_http_conn_new(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls,
                                       struct bufferevent *bev)
{
    CMPSRV_HTTP_CONN *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL || (c->parser = cmpsrv_http_parser_new(service, h->options.max_body)) == NULL) {
        OPENSSL_free(c);
        bufferevent_free(bev);
        return NULL;
    }
    c->http = h;
    c->service = service;
    c->tls = tls;
    c->bev = bev;
    c->state = tls ? CONN_HANDSHAKE : CONN_IDLE;
    TAILQ_INSERT_TAIL(&house_of(c)->conns[c->state], c, link);
    house_of(c)->n++;
    atomic_fetch_add(&h->open[service], 1);
    bufferevent_setwatermark(bev, EV_READ, 0, INPUT_BUFFER);
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_enable(bev, EV_READ);
    begin_time(c);
    return c;
}

void cmpsrv_http_conn_free(CMPSRV_HTTP_CONN *c)
{
    CMPSRV_HTTP *h = c->http;

    close_tls(c);
    if (c->job != NULL)
        c->job->conn = NULL;
    TAILQ_REMOVE(&house_of(c)->conns[c->state], c, link);
    house_of(c)->n--;
    atomic_fetch_sub(&h->open[c->service], 1);
    wipe_all_input(c);
    bufferevent_free(c->bev);
    cmpsrv_http_parser_free(c->parser);
    OPENSSL_free(c);
    cmpsrv_http_conn_gone(h);
}

void cmpsrv_http_conn_stop(CMPSRV_HTTP_CONN *c)
{
    if (c->state == CONN_IDLE || c->state == CONN_HANDSHAKE)
        cmpsrv_http_conn_free(c);
    else if (c->state == CONN_LINGERING)
        begin_time(c); /* a shorter one */
}
