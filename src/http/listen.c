/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners, and who gets in: sockets of every kind, accepting, and what happens when the house is
 * full: then the connection that has been idle longest makes room, or one that takes its time over
 * a message, so that slow and idle clients cannot keep the others out. Each service has a house of
 * its own. Called by server.c, on the loop or before it runs.
 */
#include "config.h"

#include "http/http_local.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define ACCEPT_BURST      64            /* then the connections that are there get their turn */
#define ACCEPT_PAUSE      INT64_C(100)  /* ms without accepting: no descriptors or memory */
#define SPARE_FDS         64            /* left to stores, logs, files and the admin listener */
#define ADMIN_CONNECTIONS 16            /* at a time */
#define SLOW_MS           INT64_C(1000) /* a message that has taken longer may have to make room */
#define NO_TLS            "no certificate is configured for TLS"
#define MAX_HOST          255

/* ---- the houses --------------------------------------------------------------------------------
 */

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

void cmpsrv_http_set_caps(CMPSRV_HTTP *h)
{
    h->houses[CMPSRV_HTTP_CMP].max = connection_cap(h);
    h->houses[CMPSRV_HTTP_ADMIN].max = ADMIN_CONNECTIONS;
}

/* Who has to make room: NULL when everybody is being served. */
static CMPSRV_HTTP_CONN *find_guest_to_leave(const CMPSRV_HTTP_HOUSE *house)
{
    static const int order[] = {CONN_IDLE, CONN_LINGERING, CONN_HANDSHAKE, CONN_READING};
    int64_t now = cmpsrv_time_mono();

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(order); i++) {
        CMPSRV_HTTP_CONN *c = TAILQ_FIRST(&house->conns[order[i]]);

        if (c != NULL && (order[i] == CONN_IDLE || now - c->since > SLOW_MS))
            return c;
    }
    return NULL;
}

static int has_room(const CMPSRV_HTTP_HOUSE *house)
{
    return house->n < house->max || find_guest_to_leave(house) != NULL;
}

/* Listeners are in the loop only while there is room: a full house waits in the backlog. */
void cmpsrv_http_update_accepting(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_LISTENER *l;

    TAILQ_FOREACH(l, &h->listeners, link)
    {
        int want = h->running && !h->stopping && !h->paused && has_room(&h->houses[l->service]);

        if (want == l->accepting)
            continue;
        l->accepting = want;
        if (want)
            event_add(l->accept, NULL);
        else
            event_del(l->accept);
    }
}

static void pause_accepting(CMPSRV_HTTP *h, const char *problem)
{
    struct timeval tv = cmpsrv_http_timeval(ACCEPT_PAUSE);

    if (!h->paused)
        cmpsrv_log(h->options.log, CMPSRV_LOG_WARNING, "http: no connection accepted for %d ms: %s",
                   (int)ACCEPT_PAUSE, problem);
    h->paused = 1;
    cmpsrv_http_update_accepting(h);
    event_add(h->pause, &tv);
}

void cmpsrv_http_pause_over(CMPSRV_HTTP *h)
{
    h->paused = 0;
    cmpsrv_http_update_accepting(h);
}

/* ---- accepting ---------------------------------------------------------------------------------
 */

static struct bufferevent *new_bufferevent(const CMPSRV_HTTP_LISTENER *l, int fd)
{
    struct event_base *base = l->http->base;
    SSL *ssl;

    if (!l->tls)
        return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (l->http->options.tls == NULL || (ssl = SSL_new(l->http->options.tls)) == NULL)
        return NULL;
    /* Frees ssl with itself, and when it fails. */
    return bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

static void add_connection(CMPSRV_HTTP_LISTENER *l, int fd)
{
    CMPSRV_HTTP *h = l->http;
    CMPSRV_HTTP_HOUSE *house = &h->houses[l->service];
    CMPSRV_HTTP_CONN *leaving;
    struct bufferevent *bev;
    int on = 1;

    if (house->n >= house->max && (leaving = find_guest_to_leave(house)) != NULL)
        cmpsrv_http_conn_free(leaving);
    /* An answer is written at once: nothing is won by holding back its last segment. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((bev = new_bufferevent(l, fd)) == NULL)
        close(fd);
    if (bev == NULL || cmpsrv_http_conn_new(h, l->service, l->tls, bev) == NULL)
        pause_accepting(h, "out of memory");
    ERR_clear_error();
    atomic_fetch_add(&h->accepted[l->service], 1);
    cmpsrv_http_update_accepting(h);
}

/* 1 if there may be more to accept. */
static int accept_one(CMPSRV_HTTP_LISTENER *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        add_connection(l, fd);
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
    for (int i = 0; i < ACCEPT_BURST && l->accepting; i++) {
        if (!has_room(&l->http->houses[l->service])) /* they are all being served by now */
            cmpsrv_http_update_accepting(l->http);
        else if (!accept_one(l))
            return;
    }
}

/* ---- the list of listeners ---------------------------------------------------------------------
 */

static void listener_free(CMPSRV_HTTP_LISTENER *l)
{
    if (l->accept != NULL)
        event_free(l->accept);
    close(l->fd);
    if (l->path != NULL)
        unlink(l->path);
    OPENSSL_free(l->path);
    OPENSSL_free(l);
}

void cmpsrv_http_close_listeners(CMPSRV_HTTP *h)
{
    CMPSRV_HTTP_LISTENER *l;

    while ((l = TAILQ_FIRST(&h->listeners)) != NULL) {
        TAILQ_REMOVE(&h->listeners, l, link);
        listener_free(l);
    }
}

/* Puts the listening socket fd, which it takes, into the list. */
static CMPSRV_HTTP_LISTENER *add_listener(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls,
                                          int fd)
{
    CMPSRV_HTTP_LISTENER *l = OPENSSL_zalloc(sizeof(*l));
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);

    if (l == NULL || getsockname(fd, (struct sockaddr *)&ss, &n) != 0) {
        OPENSSL_free(l);
        close(fd);
        return NULL;
    }
    l->http = h;
    l->service = service;
    l->tls = tls;
    l->fd = fd;
    if (ss.ss_family == AF_INET)
        l->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
    else if (ss.ss_family == AF_INET6)
        l->port = ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
    if ((l->accept = event_new(h->base, fd, EV_READ | EV_PERSIST, on_accept, l)) == NULL) {
        listener_free(l);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&h->listeners, l, link);
    return l;
}

int cmpsrv_http_port(const CMPSRV_HTTP *h, size_t i)
{
    const CMPSRV_HTTP_LISTENER *l;

    TAILQ_FOREACH(l, &h->listeners, link)
    if (i-- == 0)
        return l->port;
    return 0;
}

/* ---- TCP ---------------------------------------------------------------------------------------
 */

typedef struct {
    CMPSRV_HTTP_SERVICE service;
    int tls;
    char host[MAX_HOST + 1], port[6];
} PLACE;

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

/* "HOST:PORT" apart; the brackets of an IPv6 address come off. */
static int split_host(const char *text, PLACE *place)
{
    const char *colon, *digits;
    size_t n;

    if ((colon = strrchr(text, ':')) == NULL)
        return 0;
    digits = colon + 1;
    n = (size_t)(colon - text);
    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n) != NULL) {
        return 0;
    }
    if (n == 0 || n > MAX_HOST || digits[0] == '\0' || strlen(digits) > 5 ||
        strspn(digits, "0123456789") != strlen(digits) || strtoul(digits, NULL, 10) > 65535)
        return 0;
    memcpy(place->host, text, n);
    place->host[n] = '\0';
    memcpy(place->port, digits, strlen(digits) + 1);
    return 1;
}

/* IPv6 switched off is no reason to fail where IPv4 is there too. */
static int is_absent_family(int problem)
{
    return problem == EADDRNOTAVAIL || problem == EAFNOSUPPORT;
}

/* All addresses of a name, on one port: a port that the kernel chose for the first is everybody's.
 * Returns how many, or -1 with errno. */
static int listen_on(CMPSRV_HTTP *h, const PLACE *place, struct addrinfo *list, int v6_only)
{
    CMPSRV_HTTP_LISTENER *l;
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
        if ((l = add_listener(h, place->service, place->tls, fd)) == NULL)
            return -1;
        port = l->port;
        n++;
    }
    return n;
}

/* is_any: every address of the family. 1, 0 if there is no such address, or -1 with *problem. */
static int resolve_and_listen(CMPSRV_HTTP *h, const PLACE *place, int is_any, int family,
                              const char **problem)
{
    struct addrinfo hints = {0}, *list = NULL;
    int n;

    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    if ((n = getaddrinfo(is_any ? NULL : place->host, place->port, &hints, &list)) != 0) {
        *problem = gai_strerror(n);
        return -1;
    }
    if ((n = listen_on(h, place, list, !is_any)) < 0)
        *problem = strerror(errno);
    freeaddrinfo(list);
    return n > 0 ? 1 : n;
}

static int listen_tcp(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls, const char *text,
                      const char **problem)
{
    PLACE place = {.service = service, .tls = tls};
    int ok;

    if (!split_host(text, &place)) {
        *problem = "want HOST:PORT";
        return 0;
    }
    if (strcmp(place.host, "*") != 0)
        return resolve_and_listen(h, &place, 0, AF_UNSPEC, problem) > 0;
    /* One socket for both families where the system can. */
    ok = resolve_and_listen(h, &place, 1, AF_INET6, problem);
    if (ok == 0)
        ok = resolve_and_listen(h, &place, 1, AF_INET, problem);
    return ok > 0;
}

/* ---- unix sockets ------------------------------------------------------------------------------
 */

/* A socket that somebody still listens on is not ours to remove. */
static int remove_stale(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), in_use;
    struct stat st;

    if (fd < 0)
        return 0;
    in_use = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
    close(fd);
    if (in_use) {
        errno = EADDRINUSE;
        return 0;
    }
    if (lstat(a->sun_path, &st) != 0)
        return errno == ENOENT;
    if (S_ISSOCK(st.st_mode))
        return unlink(a->sun_path) == 0;
    errno = EEXIST;
    return 0;
}

static int listen_unix(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls, const char *path,
                       const char **problem)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    CMPSRV_HTTP_LISTENER *l;
    int fd = -1;

    if (path[0] == '\0' || strlen(path) >= sizeof(a.sun_path)) {
        *problem = "the path is empty or too long";
        return 0;
    }
    strcpy(a.sun_path, path);
    if (!remove_stale(&a) ||
        (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0 ||
        fchmod(fd, 0660) != 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        chmod(path, 0660) != 0 || listen(fd, SOMAXCONN) != 0) {
        *problem = strerror(errno);
        if (fd >= 0)
            close(fd);
        return 0;
    }
    if ((l = add_listener(h, service, tls, fd)) == NULL ||
        (l->path = OPENSSL_strdup(path)) == NULL) {
        *problem = "out of memory";
        return 0;
    }
    return 1;
}

/* ---- by URL, by descriptor ---------------------------------------------------------------------
 */

int cmpsrv_http_listen(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, const char *url,
                       CMPSRV_REFUSAL *why)
{
    static const struct {
        const char *scheme;
        int tls;
        int (*listen)(CMPSRV_HTTP *, CMPSRV_HTTP_SERVICE, int, const char *, const char **);
    } schemes[] = {
        {"http://", 0, listen_tcp}, {"https://", 1, listen_tcp}, {"unix:", 0, listen_unix}};
    const char *problem = "no such address here";
    char shown[128];

    cmpsrv_escape(cmpsrv_slice_str(url), shown, sizeof(shown));
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(schemes); i++) {
        size_t n = strlen(schemes[i].scheme);

        if (strncmp(url, schemes[i].scheme, n) != 0)
            continue;
        if (schemes[i].tls && h->options.tls == NULL)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "listen %s: " NO_TLS, shown);
        return schemes[i].listen(h, service, schemes[i].tls, url + n, &problem) ||
               cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "listen %s: %s", shown, problem);
    }
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                         "listen %s: want http://HOST:PORT, https://HOST:PORT or unix:PATH", shown);
}

int cmpsrv_http_listen_fd(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls, int fd,
                          CMPSRV_REFUSAL *why)
{
    int is_listening = 0;
    socklen_t n = sizeof(is_listening);

    if (tls && h->options.tls == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "descriptor %d: " NO_TLS, fd);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n) != 0 || !is_listening)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "descriptor %d is not a listening socket",
                             fd);
    if (evutil_make_socket_nonblocking(fd) != 0 || evutil_make_socket_closeonexec(fd) != 0 ||
        add_listener(h, service, tls, fd) == NULL)
        return cmpsrv_fail(why, "descriptor %d: %s", fd, strerror(errno));
    return 1;
}
