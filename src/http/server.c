/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server as a whole (cmpsrv_http_*): the loop, the listeners, when connections are
 * accepted, the tick, and the orderly end. Called by the program. What happens on a connection is
 * conn.c's, what happens to a request pool.c's. Why not evhttp: see http.h.
 */
#include "config.h"

#include "http/http_local.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/thread.h>
#include <openssl/crypto.h>

#define ACCEPT_BURST 64  /* then the connections that are there get their turn */
#define ACCEPT_PAUSE 100 /* ms without accepting when descriptors or memory have run out */
#define SPARE_FDS    32  /* descriptors that connections leave to stores, logs and files */
#define MAX_HOST     255

/* ---- accepting ------------------------------------------------------------------------------- */

static struct timeval to_timeval(int64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
}

/* Listeners are in the loop only while there is room: a full house waits in the backlog. */
static void update_accepting(CMPSRV_HTTP *h)
{
    int want = h->running && !h->stopping && !h->paused && h->n_conns < h->max_conns;
    CMPSRV_HTTP_LISTENER *l;

    if (want == h->accepting)
        return;
    h->accepting = want;
    TAILQ_FOREACH(l, &h->listeners, link)
    {
        if (want)
            event_add(l->accept, NULL);
        else
            event_del(l->accept);
    }
}

static void pause_accepting(CMPSRV_HTTP *h, const char *problem)
{
    struct timeval tv = to_timeval(ACCEPT_PAUSE);

    if (!h->paused)
        cmpsrv_log(h->options.log, CMPSRV_LOG_WARNING, "http: no connection accepted for %d ms: %s",
                   ACCEPT_PAUSE, problem);
    h->paused = 1;
    update_accepting(h);
    event_add(h->pause, &tv);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    h->paused = 0;
    update_accepting(h);
}

static void add_connection(CMPSRV_HTTP *h, int fd)
{
    struct bufferevent *bev;
    int on = 1;

    /* An answer is written at once: nothing is won by holding back its last segment. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((bev = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE)) == NULL)
        close(fd);
    if (bev == NULL || cmpsrv_http_conn_new(h, bev) == NULL)
        pause_accepting(h, "out of memory");
    update_accepting(h);
}

/* 1 if there may be more to accept. */
static int accept_one(CMPSRV_HTTP_LISTENER *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        add_connection(l->http, fd);
        return 1;
    }
    switch (errno) {
    case EAGAIN:
        return 0;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(l->http, strerror(errno));
        return 0;
    default: /* that connection failed before it was ours: accept(2) */
        return 1;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP_LISTENER *l = arg;

    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPT_BURST && l->http->accepting; i++)
        if (!accept_one(l))
            return;
}

/* ---- listening ------------------------------------------------------------------------------- */

static void listener_free(CMPSRV_HTTP_LISTENER *l)
{
    if (l->accept != NULL)
        event_free(l->accept);
    close(l->fd);
    OPENSSL_free(l);
}

/* Puts the listening socket fd, which it takes, into the list. */
static int add_listener(CMPSRV_HTTP *h, int fd)
{
    CMPSRV_HTTP_LISTENER *l = OPENSSL_zalloc(sizeof(*l));
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);

    if (l == NULL || getsockname(fd, (struct sockaddr *)&ss, &n) != 0) {
        OPENSSL_free(l);
        close(fd);
        return 0;
    }
    l->http = h;
    l->fd = fd;
    if (ss.ss_family == AF_INET)
        l->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
    else if (ss.ss_family == AF_INET6)
        l->port = ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
    if ((l->accept = event_new(h->base, fd, EV_READ | EV_PERSIST, on_accept, l)) == NULL) {
        listener_free(l);
        return 0;
    }
    TAILQ_INSERT_TAIL(&h->listeners, l, link);
    return 1;
}

/* A listening socket on the address, or -1 with errno. v6_only: leaves IPv4 to another socket. */
static int open_socket(const struct addrinfo *a, int v6_only)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, problem;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

/* "http://HOST:PORT" apart; the brackets of an IPv6 address come off. */
static int split_url(const char *url, char host[MAX_HOST + 1], char port[6])
{
    static const char scheme[] = "http://";
    const char *colon, *digits;
    size_t n;

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return 0;
    url += sizeof(scheme) - 1;
    if ((colon = strrchr(url, ':')) == NULL)
        return 0;
    digits = colon + 1;
    n = (size_t)(colon - url);
    if (n > 2 && url[0] == '[' && url[n - 1] == ']') {
        url++;
        n -= 2;
    } else if (memchr(url, ':', n) != NULL) {
        return 0;
    }
    if (n == 0 || n > MAX_HOST || digits[0] == '\0' || strlen(digits) > 5 ||
        strspn(digits, "0123456789") != strlen(digits) || strtoul(digits, NULL, 10) > 65535)
        return 0;
    memcpy(host, url, n);
    host[n] = '\0';
    memcpy(port, digits, strlen(digits) + 1);
    return 1;
}

/* IPv6 switched off is no reason to fail where IPv4 is there too. */
static int is_absent_family(int problem)
{
    return problem == EADDRNOTAVAIL || problem == EAFNOSUPPORT;
}

/* All addresses of a name, on one port: a port that the kernel chose for the first is everybody's.
 * Returns how many, or -1 with errno. */
static int listen_on(CMPSRV_HTTP *h, struct addrinfo *list, int v6_only)
{
    int n = 0, fd, port = 0;

    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (port != 0 && a->ai_family == AF_INET)
            ((struct sockaddr_in *)a->ai_addr)->sin_port = htons((uint16_t)port);
        else if (port != 0)
            ((struct sockaddr_in6 *)a->ai_addr)->sin6_port = htons((uint16_t)port);
        if ((fd = open_socket(a, v6_only)) < 0) {
            if (is_absent_family(errno))
                continue;
            return -1;
        }
        if (!add_listener(h, fd))
            return -1;
        port = TAILQ_LAST(&h->listeners, cmpsrv_http_listeners)->port;
        n++;
    }
    return n;
}

/* host NULL: every address of the family. 1, 0 if there is no such address, or -1 with *problem. */
static int resolve_and_listen(CMPSRV_HTTP *h, const char *host, const char *port, int family,
                              const char **problem)
{
    struct addrinfo hints = {0}, *list = NULL;
    int n;

    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    if ((n = getaddrinfo(host, port, &hints, &list)) != 0) {
        *problem = gai_strerror(n);
        return -1;
    }
    if ((n = listen_on(h, list, host != NULL)) < 0)
        *problem = strerror(errno);
    freeaddrinfo(list);
    return n > 0 ? 1 : n;
}

int cmpsrv_http_listen(CMPSRV_HTTP *h, const char *url, CMPSRV_REFUSAL *why)
{
    char host[MAX_HOST + 1], port[6], shown[128];
    const char *problem = "no such address here";
    int ok;

    cmpsrv_escape(cmpsrv_slice_str(url), shown, sizeof(shown));
    if (!split_url(url, host, port))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "listen %s: want http://HOST:PORT", shown);
    if (strcmp(host, "*") == 0) {
        /* One socket for both families where the system can. */
        ok = resolve_and_listen(h, NULL, port, AF_INET6, &problem);
        if (ok == 0)
            ok = resolve_and_listen(h, NULL, port, AF_INET, &problem);
    } else {
        ok = resolve_and_listen(h, host, port, AF_UNSPEC, &problem);
    }
    if (ok <= 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "listen %s: %s", shown, problem);
    return 1;
}

int cmpsrv_http_port(const CMPSRV_HTTP *h, size_t i)
{
    const CMPSRV_HTTP_LISTENER *l;

    TAILQ_FOREACH(l, &h->listeners, link)
    if (i-- == 0)
        return l->port;
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void close_listeners(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_LISTENER *l;

    while ((l = TAILQ_FIRST(&h->listeners)) != NULL) {
        TAILQ_REMOVE(&h->listeners, l, link);
        listener_free(l);
    }
}

static void close_connections(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_CONN *c;

    while ((c = TAILQ_FIRST(&h->conns)) != NULL)
        cmpsrv_http_conn_free(c);
}

void cmpsrv_http_conn_gone(CMPSRV_HTTP *h)
{
    if (h->stopping && h->n_conns == 0)
        event_base_loopbreak(h->base);
    update_accepting(h);
}

static void begin_stop(CMPSRV_HTTP *h)
{
    struct timeval tv = to_timeval(h->options.message_timeout);
    CMPSRV_HTTP_CONN *c, *next;

    h->stopping = 1;
    h->stop_by = cmpsrv_time_mono() + h->options.message_timeout;
    update_accepting(h);
    close_listeners(h);
    event_del(h->tick);
    event_add(h->grace, &tv);
    for (c = TAILQ_FIRST(&h->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        cmpsrv_http_conn_stop(c);
    }
    cmpsrv_http_conn_gone(h);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    cmpsrv_log(h->options.log, CMPSRV_LOG_WARNING, "http: %zu connections closed without an answer",
               h->n_conns);
    close_connections(h);
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
    pthread_mutex_lock(&h->lock);
    h->next = *options;
    pthread_mutex_unlock(&h->lock);
    ask(h, ASKED_LIMITS);
}

/* max_connections, or fewer, so that stores and logs find a descriptor when the house is full. */
static size_t connection_cap(const CMPSRV_HTTP *h)
{
    struct rlimit limit;
    size_t cap = h->options.max_connections, fds;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return cap;
    fds = (size_t)limit.rlim_cur;
    fds = fds > 2 * SPARE_FDS ? fds - SPARE_FDS : (fds + 1) / 2;
    if (fds >= cap)
        return cap;
    cmpsrv_log(h->options.log, CMPSRV_LOG_WARNING,
               "http: at most %zu connections, not %zu: the limit of open files is %zu", fds, cap,
               (size_t)limit.rlim_cur);
    return fds;
}

static void take_limits(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_OPTIONS *o = &h->options;

    pthread_mutex_lock(&h->lock);
    o->max_body = h->next.max_body;
    o->max_connections = h->next.max_connections;
    o->message_timeout = h->next.message_timeout;
    o->idle_timeout = h->next.idle_timeout;
    pthread_mutex_unlock(&h->lock);
    h->max_conns = connection_cap(h);
    update_accepting(h);
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

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    CMPSRV_HTTP *h = arg;

    (void)fd;
    (void)what;
    cmpsrv_http_pool_tick(h->pool);
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
    h->max_conns = connection_cap(h);
    h->running = 1;
    event_add(h->wake, NULL);
    if (h->options.tick != NULL)
        event_add(h->tick, &second);
    update_accepting(h);
    ok = event_base_dispatch(h->base) >= 0;
    h->stopping = 1; /* also when the loop has failed */
    h->running = 0;
    close_connections(h);
    close_listeners(h);
    event_base_loop(h->base, EVLOOP_NONBLOCK); /* where bufferevents really close */
    cmpsrv_http_pool_close(h->pool, h->stop_by - cmpsrv_time_mono());
    return ok;
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
        pthread_mutex_init(&h->lock, NULL);
        TAILQ_INIT(&h->listeners);
        TAILQ_INIT(&h->conns);
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
    close_listeners(h);
    free_event(h->wake);
    free_event(h->tick);
    free_event(h->pause);
    free_event(h->grace);
    if (h->base != NULL)
        event_base_free(h->base);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    pthread_mutex_destroy(&h->lock);
    OPENSSL_free(h);
}
