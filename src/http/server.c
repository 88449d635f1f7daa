/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server as a whole (cmpsrv_http_*): the loop, what others ask it for, the tick, and the
 * orderly end. Called by the program. How connections come is listen.c's, what happens on one
 * conn.c's, what happens to a request pool.c's. Why not evhttp: see http.h.
 */
#include "config.h"

#include "http/http_local.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/thread.h>
#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

struct timeval cmpsrv_http_timeval(int64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Every connection, whichever it is next: the one it is called with may go. */
static void for_all(CMPSRV_HTTP *h, void (*call)(CMPSRV_HTTP_CONN *))
{
    for (int i = 0; i < CMPSRV_HTTP__SERVICES; i++)
        for (int state = 0; state < CONN__STATES; state++) {
            CMPSRV_HTTP_CONN *c, *next;

            for (c = TAILQ_FIRST(&h->houses[i].conns[state]); c != NULL; c = next) {
                next = TAILQ_NEXT(c, link);
                call(c);
            }
        }
}

static size_t count_connections(const CMPSRV_HTTP *h)
{
    size_t n = 0;

    for (int i = 0; i < CMPSRV_HTTP__SERVICES; i++)
        n += h->houses[i].n;
    return n;
}

void cmpsrv_http_conn_gone(CMPSRV_HTTP *h)
{
    if (h->stopping && count_connections(h) == 0)
        event_base_loopbreak(h->base);
    cmpsrv_http_update_accepting(h);
}

static void begin_stop(CMPSRV_HTTP *h)
{
    struct timeval tv = cmpsrv_http_timeval(h->options.message_timeout);

    h->stopping = 1;
    h->stop_by = cmpsrv_time_mono() + h->options.message_timeout;
    cmpsrv_http_close_listeners(h);
    event_del(h->tick);
    event_add(h->grace, &tv);
    for_all(h, cmpsrv_http_conn_stop);
    cmpsrv_http_conn_gone(h);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    cmpsrv_log(h->options.log, CMPSRV_LOG_WARNING, "http: %zu connections closed without an answer",
               count_connections(h));
    for_all(h, cmpsrv_http_conn_free);
}

/* ---- deadlines --------------------------------------------------------------------------------
 */

/* One event for all connections: it is set to the earliest deadline, and seldom moves, as those of
 * one state come in the order of its list. It may come for one that has long been kept. */
void cmpsrv_http_watch_for(CMPSRV_HTTP *h, int64_t deadline)
{
    int64_t now;
    struct timeval tv;

    if (deadline >= h->late_at)
        return;
    now = cmpsrv_time_mono();
    tv = cmpsrv_http_timeval(deadline > now ? deadline - now : 0);
    h->late_at = deadline;
    event_add(h->late, &tv);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    h->late_at = INT64_MAX;
    for (int i = 0; i < CMPSRV_HTTP__SERVICES; i++)
        cmpsrv_http_conns_late(h, &h->houses[i]);
}

/* ---- what others ask the loop for ------------------------------------------------------------ */

enum { ASKED_STOP = 1, ASKED_TICK = 2, ASKED_LIMITS = 4 };

static void ask(CMPSRV_HTTP *h, int what)
{
    uint64_t one = 1;
    int before = errno;

    atomic_fetch_or(&h->asked, what);
    if (write(h->wake_fd, &one, sizeof(one)) < 0)
        errno = EAGAIN; /* the counter is full: the loop wakes anyway */
    errno = before;
}

void cmpsrv_http_stop(CMPSRV_HTTP *h)
{
    ask(h, ASKED_STOP);
}

void cmpsrv_http_tick(CMPSRV_HTTP *h)
{
    ask(h, ASKED_TICK);
}

void cmpsrv_http_set_limits(CMPSRV_HTTP *h, const CMPSRV_HTTP_OPTIONS *options)
{
    if (options->tls != NULL)
        SSL_CTX_up_ref(options->tls);
    pthread_mutex_lock(&h->lock);
    SSL_CTX_free(h->next.tls); /* one that was never taken */
    h->next = *options;
    pthread_mutex_unlock(&h->lock);
    ask(h, ASKED_LIMITS);
}

static void note_tls(CMPSRV_HTTP *h)
{
    X509 *x = h->options.tls == NULL ? NULL : SSL_CTX_get0_certificate(h->options.tls);
    int days, seconds;

    if (x != NULL && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)))
        atomic_store(&h->tls_not_after,
                     cmpsrv_time_now() + (days * INT64_C(86400) + seconds) * 1000);
}

/* Connections that are there keep the TLS and the size of a body that they began with. */
static void take_limits(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_OPTIONS *o = &h->options;

    pthread_mutex_lock(&h->lock);
    o->max_body = h->next.max_body;
    o->max_connections = h->next.max_connections;
    o->message_timeout = h->next.message_timeout;
    o->idle_timeout = h->next.idle_timeout;
    if (h->next.tls != NULL) {
        SSL_CTX_free(o->tls);
        o->tls = h->next.tls;
        h->next.tls = NULL;
    }
    pthread_mutex_unlock(&h->lock);
    cmpsrv_http_set_caps(h);
    cmpsrv_http_update_accepting(h);
    note_tls(h);
}

static void do_what_was_asked(CMPSRV_HTTP *h)
{
    int asked = atomic_exchange(&h->asked, 0);

    if (asked & ASKED_LIMITS)
        take_limits(h);
    if (asked & ASKED_TICK)
        cmpsrv_http_pool_tick(h->pool);
    if (asked & ASKED_STOP && !h->stopping)
        begin_stop(h);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* The eventfd is read before the queue and the flag: what comes after the read wakes us again. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;
    struct cmpsrv_http_jobs done = STAILQ_HEAD_INITIALIZER(done);
    CMPSRV_HTTP_JOB *job;
    uint64_t count;

    (void)what;
    if (read((int)fd, &count, sizeof(count)) < 0)
        return;
    cmpsrv_http_pool_done(h->pool, &done);
    while ((job = STAILQ_FIRST(&done)) != NULL) {
        STAILQ_REMOVE_HEAD(&done, next);
        cmpsrv_http_conn_answer(job);
    }
    do_what_was_asked(h);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    cmpsrv_http_pause_over(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    cmpsrv_http_pool_tick(h->pool);
    cmpsrv_http_update_accepting(h); /* somebody may be slow enough by now to make room */
}

static void ignore_sigpipe(void)
{
    struct sigaction sa;

    if (sigaction(SIGPIPE, NULL, &sa) == 0 && !(sa.sa_flags & SA_SIGINFO) &&
        sa.sa_handler == SIG_DFL) {
        sa.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &sa, NULL);
    }
}

int cmpsrv_http_run(CMPSRV_HTTP *h)
{
    struct timeval second = {1, 0};
    int ok;

    ignore_sigpipe();
    if (!cmpsrv_http_pool_start(h->pool)) {
        cmpsrv_log(h->options.log, CMPSRV_LOG_ERROR, "http: no worker could be started");
        return 0;
    }
    cmpsrv_http_set_caps(h);
    h->running = 1;
    event_add(h->wake, NULL);
    if (h->options.tick != NULL)
        event_add(h->tick, &second);
    cmpsrv_http_update_accepting(h);
    ok = event_base_dispatch(h->base) >= 0;
    h->stopping = 1; /* also when the loop has failed */
    h->running = 0;
    for_all(h, cmpsrv_http_conn_free);
    cmpsrv_http_close_listeners(h);
    event_base_loop(h->base, EVLOOP_NONBLOCK); /* where bufferevents really close */
    cmpsrv_http_pool_close(h->pool, h->stop_by - cmpsrv_time_mono());
    return ok;
}

/* ---- metrics --------------------------------------------------------------------------------- */

static const char *const service_names[CMPSRV_HTTP__SERVICES] = {
    [CMPSRV_HTTP_CMP] = "cmp",
    [CMPSRV_HTTP_ADMIN] = "admin",
};

static void write_by_service(const char *name, const char *type, const char *help,
                             atomic_uint_fast64_t *values, CMPSRV_JSON *out)
{
    cmpsrv_metrics_head(out, name, type, help);
    for (int i = 0; i < CMPSRV_HTTP__SERVICES; i++) {
        CMPSRV_METRIC_LABEL label = {"service", service_names[i]};

        cmpsrv_metrics_value(out, name, &label, 1, (double)atomic_load(&values[i]));
    }
}

void cmpsrv_http_metrics(CMPSRV_HTTP *h, CMPSRV_JSON *out)
{
    static const char answers[] = "cmpsrv_http_answers_total",
                      expiry[] = "cmpsrv_tls_certificate_expiry_days";
    int64_t not_after = atomic_load(&h->tls_not_after);
    char status[4];

    write_by_service("cmpsrv_http_accepted_total", "counter", "Connections accepted", h->accepted,
                     out);
    write_by_service("cmpsrv_http_connections", "gauge", "Connections open now", h->open, out);
    cmpsrv_metrics_head(out, answers, "counter", "HTTP answers by status");
    for (int i = 100; i < CMPSRV_HTTP_STATUSES; i++) {
        CMPSRV_METRIC_LABEL label = {"status", status};
        uint64_t n = atomic_load(&h->answers[i]);

        snprintf(status, sizeof(status), "%d", i % 1000);
        if (n > 0)
            cmpsrv_metrics_value(out, answers, &label, 1, (double)n);
    }
    if (not_after == 0)
        return;
    cmpsrv_metrics_head(out, expiry, "gauge", "Days until the certificate of https expires");
    cmpsrv_metrics_value(out, expiry, NULL, 0, (double)(not_after - cmpsrv_time_now()) / 86400000);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int check_options(const CMPSRV_HTTP_OPTIONS *o, CMPSRV_REFUSAL *why)
{
    if (o->handler == NULL || o->workers == 0 || o->max_body == 0 || o->max_connections == 0 ||
        o->message_timeout <= 0 || o->idle_timeout <= 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "http: workers, sizes, connections and timeouts must be above 0");
    return 1;
}

/* One thread has the loop, so it needs no locks; what libevent keeps for the whole process does, in
 * a program with more loops than ours. */
static void init_libevent(void)
{
    evthread_use_pthreads();
}

static struct event_base *new_base(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct event_config *config;
    struct event_base *base = NULL;

    pthread_once(&once, init_libevent);
    if ((config = event_config_new()) == NULL)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int init(CMPSRV_HTTP *h)
{
    return (h->base = new_base()) != NULL &&
           (h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0 &&
           (h->wake = event_new(h->base, h->wake_fd, EV_READ | EV_PERSIST, on_wake, h)) != NULL &&
           (h->tick = event_new(h->base, -1, EV_PERSIST, on_tick, h)) != NULL &&
           (h->pause = evtimer_new(h->base, on_pause_over, h)) != NULL &&
           (h->grace = evtimer_new(h->base, on_grace_over, h)) != NULL &&
           (h->late = evtimer_new(h->base, on_late, h)) != NULL &&
           (h->pool = cmpsrv_http_pool_new(&h->options, h->wake_fd)) != NULL;
}

CMPSRV_HTTP *cmpsrv_http_new(const CMPSRV_HTTP_OPTIONS *options, CMPSRV_REFUSAL *why)
{
    CMPSRV_HTTP *h;

    if (!check_options(options, why))
        return NULL;
    if ((h = OPENSSL_zalloc(sizeof(*h))) != NULL) {
        h->options = *options;
        h->wake_fd = -1;
        h->late_at = INT64_MAX;
        pthread_mutex_init(&h->lock, NULL);
        TAILQ_INIT(&h->listeners);
        for (int i = 0; i < CMPSRV_HTTP__SERVICES; i++)
            for (int state = 0; state < CONN__STATES; state++)
                TAILQ_INIT(&h->houses[i].conns[state]);
        if (h->options.tls != NULL)
            SSL_CTX_up_ref(h->options.tls);
        note_tls(h);
        if (init(h))
            return h;
        cmpsrv_http_free(h);
    }
    cmpsrv_fail(why, "http: no memory or descriptor for the loop");
    return NULL;
}

static void free_event(struct event *ev)
{
    if (ev != NULL)
        event_free(ev);
}

void cmpsrv_http_free(CMPSRV_HTTP *h)
{
    if (h == NULL)
        return;
    cmpsrv_http_pool_free(h->pool);
    cmpsrv_http_close_listeners(h);
    free_event(h->wake);
    free_event(h->tick);
    free_event(h->pause);
    free_event(h->grace);
    free_event(h->late);
    if (h->base != NULL)
        event_base_free(h->base);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    SSL_CTX_free(h->options.tls);
    SSL_CTX_free(h->next.tls);
    pthread_mutex_destroy(&h->lock);
    OPENSSL_free(h);
}
