/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One keep-alive connection, plain or TLS, that carries one transaction after the other. A socket
 * and two events: everything that happens ends in drive(), which goes on from the state there is.
 * Knows nothing of rates and rounds: bench_load.c is told how each transaction ended.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

typedef enum { CLOSED, CONNECTING, HANDSHAKE, IDLE, SENDING, RECEIVING, BROKEN } STATE;

struct bench_conn_st {
    BENCH_THREAD *th;
    struct event_base *base;
    const BENCH_TARGET *target;
    int fd;
    SSL *tls;
    struct event *reader, *writer;
    STATE state;
    uint64_t opened, answers; /* connections so far; answers on this one */
    int64_t moved;
    /* the transaction */
    BENCH_TXN *txn;
    CMPSRV_SLICE message;
    int busy, fully, again; /* again: this message has been sent before */
    int64_t scheduled;
    char why[480];
    unsigned char *out, *in;
    size_t out_n, out_at, out_size, in_n, in_size;
};

enum { GOES_ON = 1, WAITS = 0, FAILS = -1 };

static void drive(BENCH_CONN *c);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    drive(arg);
}

static void close_socket(BENCH_CONN *c)
{
    if (c->reader != NULL)
        event_free(c->reader);
    if (c->writer != NULL)
        event_free(c->writer);
    SSL_free(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    c->reader = c->writer = NULL;
    c->tls = NULL;
    c->fd = -1;
    c->state = CLOSED;
    c->answers = 0;
    c->in_n = 0;
}

static int fails(BENCH_CONN *c, const char *what, const char *why)
{
    snprintf(c->why, sizeof(c->why), "%s:%s: %s%s%s", c->target->host, c->target->port, what,
             why == NULL ? "" : ": ", why == NULL ? "" : why);
    return FAILS;
}

/* ---- reading and writing, plain or TLS ---------------------------------------------------------
 */

static int tls_waits(BENCH_CONN *c, int result, const char *what)
{
    int error = SSL_get_error(c->tls, result);
    long verified = SSL_get_verify_result(c->tls);
    unsigned long code = ERR_peek_last_error();
    const char *why = ERR_reason_error_string(code);

    if (error == SSL_ERROR_WANT_WRITE)
        event_add(c->writer, NULL);
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
        return WAITS;
    if (verified != X509_V_OK)
        why = X509_verify_cert_error_string(verified);
    else if (error == SSL_ERROR_ZERO_RETURN || why == NULL)
        why = "closed by the server";
    fails(c, what, why);
    ERR_clear_error();
    return FAILS;
}

/* As write(2): octets, 0 to wait, -1 with c->why. */
static ssize_t put(BENCH_CONN *c, const unsigned char *p, size_t n)
{
    ssize_t wrote;

    if (c->tls != NULL) {
        int done;

        ERR_clear_error();
        done = SSL_write(c->tls, p, (int)n);
        return done > 0 ? done : tls_waits(c, done, "cannot send");
    }
    if ((wrote = send(c->fd, p, n, MSG_NOSIGNAL)) >= 0)
        return wrote;
    if (errno != EAGAIN && errno != EINTR)
        return fails(c, "cannot send", strerror(errno));
    event_add(c->writer, NULL);
    return WAITS;
}

/* The same; at the end of the stream -1 and *ended. */
static ssize_t take(BENCH_CONN *c, unsigned char *p, size_t n, int *ended)
{
    ssize_t got;

    if (c->tls != NULL) {
        int done;

        ERR_clear_error();
        if ((done = SSL_read(c->tls, p, (int)n)) > 0)
            return done;
        *ended = SSL_get_error(c->tls, done) == SSL_ERROR_ZERO_RETURN;
        return tls_waits(c, done, "no answer");
    }
    if ((got = recv(c->fd, p, n, 0)) > 0)
        return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return WAITS;
    *ended = got == 0;
    return fails(c, "no answer", got == 0 ? "closed by the server" : strerror(errno));
}

/* ---- from connecting to the answer -------------------------------------------------------------
 */

static int open_socket(BENCH_CONN *c)
{
    int on = 1;

    close_socket(c);
    c->fd = socket(c->target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return fails(c, "no socket", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->reader = event_new(c->base, c->fd, EV_READ | EV_PERSIST, on_event, c);
    c->writer = event_new(c->base, c->fd, EV_WRITE, on_event, c);
    if (c->reader == NULL || c->writer == NULL)
        return fails(c, "out of memory", NULL);
    c->state = CONNECTING;
    if (connect(c->fd, (const struct sockaddr *)&c->target->address, c->target->address_n) != 0 &&
        errno != EINPROGRESS)
        return fails(c, "cannot connect", strerror(errno));
    event_add(c->writer, NULL);
    return WAITS;
}

/* The host name of the URL is what the certificate has to have: a DNS name or an IP address. */
static int start_tls(BENCH_CONN *c)
{
    const char *host = c->target->host;
    X509_VERIFY_PARAM *param;

    if ((c->tls = SSL_new(c->target->tls)) == NULL || SSL_set_fd(c->tls, c->fd) != 1)
        return fails(c, "out of memory", NULL);
    param = SSL_get0_param(c->tls);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1 &&
        (X509_VERIFY_PARAM_set1_host(param, host, 0) != 1 ||
         SSL_set_tlsext_host_name(c->tls, host) != 1))
        return fails(c, "no name to check", NULL);
    SSL_set_connect_state(c->tls);
    c->state = HANDSHAKE;
    return GOES_ON;
}

static int finish_connect(BENCH_CONN *c)
{
    int error = 0;
    socklen_t n = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error != 0)
        return fails(c, "cannot connect", strerror(error));
    c->opened++;
    event_add(c->reader, NULL);
    if (c->target->tls != NULL)
        return start_tls(c);
    c->state = SENDING;
    return GOES_ON;
}

static int finish_handshake(BENCH_CONN *c)
{
    int done;

    ERR_clear_error();
    if ((done = SSL_do_handshake(c->tls)) != 1)
        return tls_waits(c, done, "TLS");
    c->state = SENDING;
    return GOES_ON;
}

static int send_out(BENCH_CONN *c)
{
    while (c->out_at < c->out_n) {
        ssize_t n = put(c, c->out + c->out_at, c->out_n - c->out_at);

        if (n <= 0)
            return (int)n;
        c->out_at += (size_t)n;
    }
    c->state = RECEIVING;
    return WAITS; /* the answer comes with an event */
}

static int make_room(BENCH_CONN *c)
{
    size_t size = c->in_size == 0 ? 8192 : 2 * c->in_size;
    unsigned char *p;

    if (c->in_n < c->in_size)
        return 1;
    if (size > 32 << 20 || (p = OPENSSL_realloc(c->in, size)) == NULL)
        return 0;
    c->in = p;
    c->in_size = size;
    return 1;
}

/* GOES_ON: *r is an answer. */
static int receive(BENCH_CONN *c, BENCH_RESPONSE *r)
{
    const char *why = NULL;
    int whole = 0, ended = 0;

    while (whole == 0) {
        ssize_t n;

        if (!make_room(c))
            return fails(c, "the answer is too long", NULL);
        if ((n = take(c, c->in + c->in_n, c->in_size - c->in_n, &ended)) == WAITS)
            return WAITS;
        if (n < 0 && (!ended || c->in_n == 0))
            return FAILS;
        c->in_n += n > 0 ? (size_t)n : 0;
        if ((whole = bench_response_parse(c->in, c->in_n, ended, r, &why)) < 0)
            return fails(c, why, NULL);
        if (whole == 0 && ended)
            return FAILS;
    }
    return GOES_ON;
}

/* ---- the transaction ---------------------------------------------------------------------------
 */

static int put_message(BENCH_CONN *c)
{
    size_t head = strlen(c->target->head), want = head + c->message.n + 32;

    if (want > c->out_size) {
        unsigned char *p = OPENSSL_realloc(c->out, want + 1024);

        if (p == NULL)
            return 0;
        c->out = p;
        c->out_size = want + 1024;
    }
    memcpy(c->out, c->target->head, head);
    head += (size_t)snprintf((char *)c->out + head, 32, "%zu\r\n\r\n", c->message.n);
    memcpy(c->out + head, c->message.p, c->message.n);
    c->out_n = head + c->message.n;
    c->out_at = 0;
    return 1;
}

static void finish(BENCH_CONN *c, const char *why, int transport)
{
    c->busy = 0;
    bench_thread_done(c->th, c, why, transport);
}

/* A server may close a connection that was idle just when the next message is under way: once, the
 * message goes out again, on a new connection. */
static void broken(BENCH_CONN *c)
{
    int retry = c->busy && c->answers > 0 && c->in_n == 0 && !c->again;

    close_socket(c);
    c->out_at = 0;
    c->again = 1;
    if (retry && open_socket(c) != FAILS)
        return;
    close_socket(c);
    if (c->busy)
        finish(c, c->why, 1);
}

/* Sends what put_message made; an error waits for the loop, so that nobody is called back from
 * here. */
static void start_sending(BENCH_CONN *c)
{
    int result;

    c->again = 0;
    c->in_n = 0;
    if (c->state == CLOSED) {
        result = open_socket(c);
    } else {
        c->state = SENDING;
        result = send_out(c);
    }
    if (result != FAILS)
        return;
    c->state = BROKEN;
    if (c->reader != NULL)
        event_del(c->reader);
    if (c->writer != NULL)
        event_del(c->writer);
    if (event_base_once(c->base, -1, EV_TIMEOUT, on_event, c, NULL) != 0)
        broken(c);
}

static void take_answer(BENCH_CONN *c, const BENCH_RESPONSE *r)
{
    char why[64];
    int result;

    c->answers++;
    c->state = IDLE;
    if (r->status != 200 && !r->is_cmp) {
        snprintf(why, sizeof(why), "HTTP status %d", r->status);
        close_socket(c);
        finish(c, why, 0);
        return;
    }
    result = bench_txn_take(c->txn, r->body, &c->message);
    c->in_n = 0;
    if (r->closes)
        close_socket(c);
    if (result == 2 && put_message(c))
        start_sending(c);
    else
        finish(c, result == 1 ? NULL : result == 2 ? "out of memory" : bench_txn_error(c->txn), 0);
}

/* The server says something unasked, which can only be that it closes. */
static int read_idle(BENCH_CONN *c)
{
    unsigned char octet;
    int ended = 0;

    return take(c, &octet, 1, &ended) == WAITS ? WAITS : FAILS;
}

static void drive(BENCH_CONN *c)
{
    BENCH_RESPONSE r;
    int result = c->state == BROKEN ? FAILS : GOES_ON;

    if (c->state == CLOSED)
        return;
    c->moved = bench_now();
    if (c->state == IDLE)
        result = read_idle(c);
    if (c->state == CONNECTING)
        result = finish_connect(c);
    if (result == GOES_ON && c->state == HANDSHAKE)
        result = finish_handshake(c);
    if (result == GOES_ON && c->state == SENDING)
        result = send_out(c);
    else if (result == GOES_ON && c->state == RECEIVING && (result = receive(c, &r)) == GOES_ON)
        take_answer(c, &r);
    if (result == FAILS)
        broken(c);
}

/* ---- what bench_load.c calls -------------------------------------------------------------------
 */

BENCH_CONN *bench_conn_new(BENCH_THREAD *th, struct event_base *base, const BENCH_TARGET *target,
                           const BENCH_CHECK *check)
{
    BENCH_CONN *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL || (c->txn = bench_txn_new(check)) == NULL) {
        OPENSSL_free(c);
        return NULL;
    }
    c->th = th;
    c->base = base;
    c->target = target;
    c->fd = -1;
    return c;
}

void bench_conn_free(BENCH_CONN *c)
{
    if (c == NULL)
        return;
    close_socket(c);
    bench_txn_free(c->txn);
    OPENSSL_free(c->in);
    OPENSSL_free(c->out);
    OPENSSL_free(c);
}

int bench_conn_begin(BENCH_CONN *c, size_t index, int fully, int64_t scheduled)
{
    if (!bench_txn_start(c->txn, index, fully, &c->message) || !put_message(c))
        return 0;
    c->busy = 1;
    c->fully = fully;
    c->scheduled = scheduled;
    c->moved = bench_now();
    start_sending(c);
    return 1;
}

void bench_conn_expire(BENCH_CONN *c, int64_t before)
{
    if (!c->busy || c->moved >= before || c->state == BROKEN)
        return;
    fails(c, "no answer in time", NULL);
    close_socket(c);
    finish(c, c->why, 1);
}

int64_t bench_conn_scheduled(const BENCH_CONN *c)
{
    return c->scheduled;
}

int bench_conn_fully(const BENCH_CONN *c)
{
    return c->fully;
}

const BENCH_WORKLOAD *bench_conn_workload(const BENCH_CONN *c)
{
    return bench_txn_workload(c->txn);
}

uint64_t bench_conn_reconnects(const BENCH_CONN *c)
{
    return c->opened == 0 ? 0 : c->opened - 1;
}
