/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: idle, reading a message, waiting for its worker, writing the answer, and either
 * idle again or closing. One timer, set anew at each step; the one for a message runs from its
 * first octet and is never extended.
 */
#include "config.h"

#include "http/http_local.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <openssl/crypto.h>

enum { LINGER_OCTETS = 1 << 24, LINGER_MS = 2000, READ_HIGH_WATER = 65536 };

static void set_timer(HTTP_CONN *c, int64_t ms)
{
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

    evtimer_add(c->timer, &tv);
}

/* ---- answers
 * -----------------------------------------------------------------------------------------------------
 */

static void write_head(HTTP_CONN *c, int status, const char *type, size_t length, const char *more)
{
    evbuffer_add_printf(bufferevent_get_output(c->bev),
                        "HTTP/1.%d %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Cache-Control: no-cache\r\nPragma: no-cache\r\n%sConnection: %s\r\n\r\n",
                        cmpsrv_http_parser_request(c->parser)->http_1_0 ? 0 : 1, status,
                        cmpsrv_http_phrase(status), type, length, more,
                        c->keep_alive ? "keep-alive" : "close");
}

static void start_writing(HTTP_CONN *c)
{
    c->state = CONN_WRITING;
    bufferevent_disable(c->bev, EV_READ);
    bufferevent_enable(c->bev, EV_WRITE);
    set_timer(c, c->http->o.message_timeout);
}

/* An answer that is not CMP: the phrase, never anything of the request. */
static void answer_status(HTTP_CONN *c, int status)
{
    const char *phrase = cmpsrv_http_phrase(status);
    const char *more = status == 405   ? "Allow: POST\r\n"
                       : status == 503 ? "Retry-After: 1\r\n"
                                       : "";

    write_head(c, status, "text/plain", strlen(phrase) + 1, more);
    evbuffer_add_printf(bufferevent_get_output(c->bev), "%s\n", phrase);
    start_writing(c);
}

static void free_answer(const void *data, size_t n, void *arg)
{
    (void)n, (void)arg;
    OPENSSL_free((void *)(uintptr_t)data);
}

void cmpsrv_http_conn_answer(HTTP_CONN *c, HTTP_JOB *job)
{
    c->job = NULL;
    if (c->http->stopping)
        c->keep_alive = 0;
    if (!job->ok) {
        answer_status(c, job->status);
        return;
    }
    write_head(c, 200, "application/pkixcmp", job->rsp_len, "");
    if (evbuffer_add_reference(bufferevent_get_output(c->bev), job->rsp, job->rsp_len, free_answer,
                               NULL) == 0)
        job->rsp = NULL;
    start_writing(c);
}

/* ---- reading
 * ---------------------------------------------------------------------------------------------------------
 */

static void refuse(HTTP_CONN *c)
{
    const CMPSRV_HTTP_REQUEST *r = cmpsrv_http_parser_request(c->parser);

    cmpsrv_log(c->http->o.log, CMPSRV_LOG_INFO, "http: %d: %s", r->status, r->problem);
    c->keep_alive = 0; /* where the next message begins is not known */
    answer_status(c, r->status);
}

static void start_work(HTTP_CONN *c)
{
    CMPSRV_HTTP_REQUEST *r = cmpsrv_http_parser_request(c->parser);
    HTTP_JOB *job = OPENSSL_zalloc(sizeof(*job));

    evtimer_del(c->timer);
    bufferevent_disable(c->bev, EV_READ);
    c->keep_alive = r->keep_alive && !c->http->stopping;
    c->state = CONN_WORKING;
    if (job != NULL) {
        job->conn = c;
        job->path = r->path;
        job->body = r->body;
        r->path = NULL;
        r->body = (CMPSRV_BYTES){NULL, 0};
        if (cmpsrv_http_pool_put(c->http->pool, job)) {
            c->job = job;
            return;
        }
    }
    cmpsrv_http_job_free(job);
    answer_status(c, 503);
}

/* RFC 9110 10.1.1: the client waits for a word before it sends the body. */
static void say_continue(HTTP_CONN *c)
{
    if (!cmpsrv_http_parser_request(c->parser)->expect_continue || c->said_continue)
        return;
    c->said_continue = 1;
    evbuffer_add_printf(bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void read_message(HTTP_CONN *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    CMPSRV_HTTP_PARSE result = CMPSRV_HTTP_MORE;
    struct evbuffer_iovec v;
    size_t used;

    while (result == CMPSRV_HTTP_MORE && evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0) {
        if (c->state == CONN_IDLE) {
            c->state = CONN_READING;
            set_timer(c, c->http->o.message_timeout);
        }
        result = cmpsrv_http_parser_feed(c->parser, v.iov_base, v.iov_len, &used);
        evbuffer_drain(in, used);
    }
    if (result == CMPSRV_HTTP_DONE)
        start_work(c);
    else if (result == CMPSRV_HTTP_REFUSED)
        refuse(c);
    else
        say_continue(c);
}

/* What a refused client still sends is thrown away, so that it can read its answer before the
 * connection is reset. */
static void linger(HTTP_CONN *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);

    evbuffer_drain(in, n);
    c->lingered += n;
    if (c->lingered > LINGER_OCTETS)
        cmpsrv_http_conn_free(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    HTTP_CONN *c = arg;

    (void)bev;
    if (c->state == CONN_IDLE || c->state == CONN_READING)
        read_message(c);
    else if (c->state == CONN_LINGERING)
        linger(c);
}

/* ---- after the answer
 * -----------------------------------------------------------------------------------------------------
 */

static void go_idle(HTTP_CONN *c)
{
    cmpsrv_http_parser_reset(c->parser);
    c->said_continue = 0;
    c->state = CONN_IDLE;
    set_timer(c, c->http->o.idle_timeout);
    bufferevent_enable(c->bev, EV_READ);
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        read_message(c); /* the next message was sent before this answer */
}

static void start_lingering(HTTP_CONN *c)
{
    c->state = CONN_LINGERING;
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    set_timer(c, LINGER_MS);
    bufferevent_enable(c->bev, EV_READ);
    linger(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    HTTP_CONN *c = arg;

    if (c->state != CONN_WRITING || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
        return;
    if (c->keep_alive)
        go_idle(c);
    else
        start_lingering(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        cmpsrv_http_conn_free(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    HTTP_CONN *c = arg;

    (void)fd, (void)what;
    if (c->state != CONN_READING) {
        cmpsrv_http_conn_free(c);
        return;
    }
    cmpsrv_log(c->http->o.log, CMPSRV_LOG_INFO, "http: 408: the message did not arrive in time");
    c->keep_alive = 0;
    answer_status(c, 408);
}

/* ---- coming and going
 * -------------------------------------------------------------------------------------------------------
 */

HTTP_CONN *cmpsrv_http_conn_new(CMPSRV_HTTP *h, evutil_socket_t fd)
{
    HTTP_CONN *c = OPENSSL_zalloc(sizeof(*c));
    int on = 1;

    if (c == NULL || (c->parser = cmpsrv_http_parser_new(h->o.max_body)) == NULL ||
        (c->timer = evtimer_new(h->base, on_deadline, c)) == NULL ||
        (c->bev = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
        if (c != NULL && c->timer != NULL)
            event_free(c->timer);
        cmpsrv_http_parser_free(c == NULL ? NULL : c->parser);
        OPENSSL_free(c);
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->http = h;
    c->next = h->conns;
    if (h->conns != NULL)
        h->conns->prev = c;
    h->conns = c;
    h->conns_n++;
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH_WATER);
    set_timer(c, h->o.idle_timeout);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    cmpsrv_http_count_changed(h);
    return c;
}

void cmpsrv_http_conn_free(HTTP_CONN *c)
{
    CMPSRV_HTTP *h = c->http;

    if (c->job != NULL)
        c->job->conn = NULL; /* its answer goes nowhere */
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        h->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    h->conns_n--;
    event_free(c->timer);
    bufferevent_free(c->bev);
    cmpsrv_http_parser_free(c->parser);
    OPENSSL_free(c);
    cmpsrv_http_count_changed(h);
}
