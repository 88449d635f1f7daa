/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: listeners, connections, the way back from the workers, the tick, and an end that leaves
 * nobody without an answer. All of it runs in the thread that calls cmpsrv_http_run().
 */
#include "config.h"

#include "http/http_local.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <event2/thread.h>
#include <openssl/crypto.h>

static const struct timeval accept_pause = {0, 100000};

/* ---- accepting
 * ----------------------------------------------------------------------------------------------------
 */

static void set_listening(CMPSRV_HTTP *h, int on)
{
    for (size_t i = 0; i < h->listeners_n; i++) {
        if (on)
            evconnlistener_enable(h->listeners[i]);
        else
            evconnlistener_disable(h->listeners[i]);
    }
}

void cmpsrv_http_count_changed(CMPSRV_HTTP *h)
{
    if (h->stopping) {
        if (h->conns_n == 0)
            event_base_loopbreak(h->base);
        return;
    }
    if (h->conns_n >= h->o.max_connections)
        set_listening(h, 0);
    else if (!evtimer_pending(h->resume, NULL))
        set_listening(h, 1);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len,
                      void *arg)
{
    (void)l, (void)a, (void)len;
    if (cmpsrv_http_conn_new(arg, fd) == NULL)
        evutil_closesocket(fd);
}

/* Out of descriptors or memory: a pause, instead of a loop that finds the same error again at once.
 */
static void on_accept_error(struct evconnlistener *l, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)l;
    cmpsrv_log(h->o.log, CMPSRV_LOG_WARNING, "http: accept: %s", strerror(errno));
    set_listening(h, 0);
    evtimer_add(h->resume, &accept_pause);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    cmpsrv_http_count_changed(arg);
}

/* ---- workers, tick, stop
 * ------------------------------------------------------------------------------------------------
 */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;
    HTTP_JOB *job = cmpsrv_http_pool_take(h->pool), *next;

    (void)fd, (void)what;
    for (; job != NULL; job = next) {
        next = job->next;
        if (job->is_tick)
            h->ticking = 0;
        else if (job->conn != NULL)
            cmpsrv_http_conn_answer(job->conn, job);
        cmpsrv_http_job_free(job);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;
    HTTP_JOB *job;

    (void)fd, (void)what;
    if (h->ticking || (job = OPENSSL_zalloc(sizeof(*job))) == NULL)
        return;
    job->is_tick = 1;
    h->ticking = cmpsrv_http_pool_put(h->pool, job);
    if (!h->ticking)
        cmpsrv_http_job_free(job);
}

static void on_give_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(((CMPSRV_HTTP *)arg)->base);
}

/* No new connections; idle ones go; the others end after their answer. */
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;
    struct timeval most = {(time_t)(h->o.message_timeout / 1000),
                           (suseconds_t)(h->o.message_timeout % 1000 * 1000)};
    HTTP_CONN *next;

    (void)fd, (void)what;
    if (h->stopping++)
        return;
    for (size_t i = 0; i < h->listeners_n; i++)
        evconnlistener_free(h->listeners[i]);
    h->listeners_n = 0;
    evtimer_del(h->ticker);
    evtimer_add(h->give_up, &most);
    for (HTTP_CONN *c = h->conns; c != NULL; c = next) {
        next = c->next;
        c->keep_alive = 0;
        if (c->state == CONN_IDLE)
            cmpsrv_http_conn_free(c);
    }
    cmpsrv_http_count_changed(h);
}

void cmpsrv_http_stop(CMPSRV_HTTP *h)
{
    int saved = errno;

    if (write(h->stop_pipe[1], "", 1) < 0)
        errno = saved; /* full: it has been told already */
    errno = saved;
}

/* ---- the object
 * ------------------------------------------------------------------------------------------------------------
 */

static int make_events(CMPSRV_HTTP *h)
{
    if ((h->base = event_base_new()) == NULL || pipe2(h->stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return 0;
    h->wake = event_new(h->base, -1, EV_PERSIST, on_wake, h);
    h->stop = event_new(h->base, h->stop_pipe[0], EV_READ, on_stop, h);
    h->ticker = event_new(h->base, -1, EV_PERSIST, on_tick, h);
    h->resume = evtimer_new(h->base, on_resume, h);
    h->give_up = evtimer_new(h->base, on_give_up, h);
    return h->wake != NULL && h->stop != NULL && h->ticker != NULL && h->resume != NULL &&
           h->give_up != NULL && event_add(h->stop, NULL) == 0 &&
           (h->pool = cmpsrv_http_pool_new(&h->o, h->wake)) != NULL;
}

CMPSRV_HTTP *cmpsrv_http_new(const CMPSRV_HTTP_OPTIONS *options, CMPSRV_REFUSAL *why)
{
    CMPSRV_HTTP *h = OPENSSL_zalloc(sizeof(*h));

    if (h == NULL || evthread_use_pthreads() != 0) {
        cmpsrv_fail(why, "no memory or no threads for http");
        OPENSSL_free(h);
        return NULL;
    }
    h->o = *options;
    h->stop_pipe[0] = h->stop_pipe[1] = -1;
    if (!make_events(h)) {
        cmpsrv_fail(why, "cannot set up the http loop");
        cmpsrv_http_free(h);
        return NULL;
    }
    return h;
}

void cmpsrv_http_free(CMPSRV_HTTP *h)
{
    struct event *events[] = {h == NULL ? NULL : h->wake, h == NULL ? NULL : h->stop,
                              h == NULL ? NULL : h->ticker, h == NULL ? NULL : h->resume,
                              h == NULL ? NULL : h->give_up};

    if (h == NULL)
        return;
    cmpsrv_http_pool_free(h->pool); /* first: workers wake the loop */
    h->stopping = 1;
    for (size_t i = 0; i < h->listeners_n; i++)
        evconnlistener_free(h->listeners[i]);
    while (h->conns != NULL) {
        h->conns->job = NULL; /* went with the pool */
        cmpsrv_http_conn_free(h->conns);
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (h->base != NULL)
        event_base_free(h->base);
    for (size_t i = 0; i < 2; i++)
        if (h->stop_pipe[i] >= 0)
            close(h->stop_pipe[i]);
    OPENSSL_free(h);
}

int cmpsrv_http_run(CMPSRV_HTTP *h)
{
    static const struct timeval second = {1, 0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore,
              NULL); /* a client that is gone is an error of write, not a signal */
    if (h->o.tick != NULL)
        event_add(h->ticker, &second);
    return event_base_dispatch(h->base) >= 0;
}

/* ---- listening
 * -----------------------------------------------------------------------------------------------------------------
 */

/* "http://HOST:PORT" apart; HOST may be an [address], or * for all. */
static int split_url(const char *url, char *host, size_t host_size, const char **port,
                     CMPSRV_REFUSAL *why)
{
    const char *from = url + 7, *colon = strrchr(url, ':'), *to = colon;

    if (strncmp(url, "http://", 7) != 0 || colon == NULL || colon <= from || colon[1] == '\0')
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "not http://HOST:PORT");
    if (*from == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    if (to <= from || (size_t)(to - from) >= host_size)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "not http://HOST:PORT");
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return 1;
}

static int listen_at(CMPSRV_HTTP *h, const struct addrinfo *a)
{
    const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    struct evconnlistener *l;

    if (h->listeners_n == HTTP_MAX_LISTENERS)
        return 0;
    l = evconnlistener_new_bind(h->base, on_accept, h, flags, 1024, a->ai_addr, (int)a->ai_addrlen);
    if (l == NULL)
        return 0;
    evconnlistener_set_error_cb(l, on_accept_error);
    h->listeners[h->listeners_n++] = l;
    return 1;
}

int cmpsrv_http_listen(CMPSRV_HTTP *h, const char *url, CMPSRV_REFUSAL *why)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    char host[256];
    const char *port;
    int rc, ok;

    if (!split_url(url, host, sizeof(host), &port, why))
        return 0;
    if ((rc = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found)) != 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "%s: %s", host, gai_strerror(rc));
    ok = listen_at(h, found);
    if (!ok)
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "%s",
                      h->listeners_n == HTTP_MAX_LISTENERS ? "more than 16 listeners"
                                                           : strerror(errno));
    freeaddrinfo(found);
    return ok;
}

int cmpsrv_http_port(const CMPSRV_HTTP *h, size_t i)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);

    if (i >= h->listeners_n ||
        getsockname(evconnlistener_get_fd(h->listeners[i]), (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}
