/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-server at work: puts the two libraries together (http carries the messages, the server object
 * answers them), listens, and reloads. What a load needs beside the server object, the TLS of
 * https, is built while the load can still fail, and put to use only when all of it was fine.
 */
#include "config.h"

#include "apps/serving.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

typedef struct {
    CMPSRV_SERVER *srv;
    CMPSRV_HTTP *http;
    const char *file;
    CMPSRV_LOG *log;
    SSL_CTX *tls;            /* of the load that is going on, or of the last one */
    int64_t watchdog, alive; /* ms */
} SERVING;

static CMPSRV_HTTP *running; /* for the signal handlers only */
static atomic_int reload_asked;

/* ---- loading -----------------------------------------------------------------------------------
 */

/* A CMPSRV_PREPARE. */
static int prepare_tls(void *arg, const CMPSRV_CONF *conf, CMPSRV_CONF_ERRORS *errors)
{
    SERVING *s = arg;
    const CMPSRV_CONF_SERVER *c = &conf->server;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SIGNER *signer;

    SSL_CTX_free(s->tls);
    s->tls = NULL;
    if (c->tls.certificate == NULL)
        return 1;
    if ((signer = cmpsrv_signer_load_tls(NULL, NULL, c, errors)) == NULL)
        return 0;
    s->tls =
        cmpsrv_http_tls_new(NULL, NULL, signer, c->tls_client_ca, c->tls_client_required, &why);
    if (s->tls == NULL)
        cmpsrv_conf_error(errors, c->tls.pos, "server", NULL, "tls", "%s", why.detail);
    cmpsrv_signer_free(signer);
    return s->tls != NULL;
}

/* What a reload can change, too. */
static void set_limits(const SERVING *s, CMPSRV_HTTP_OPTIONS *o)
{
    const CMPSRV_CONF_SERVER *conf = cmpsrv_server_conf(s->srv);

    o->max_body = (size_t)conf->max_body;
    o->max_connections = (size_t)conf->max_connections;
    o->message_timeout = conf->message_timeout;
    o->idle_timeout = conf->idle_timeout;
    o->tls = s->tls;
}

static void log_lines(CMPSRV_LOG *log, const char *text)
{
    for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        cmpsrv_log(log, CMPSRV_LOG_ERROR, "%.*s", (int)n, text);
    }
}

static void reload(SERVING *s)
{
    CMPSRV_HTTP_OPTIONS limits = {0};
    char state[64];

    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)cmpsrv_time_mono() * 1000);
    systemd_notify(state);
    if (CMPSRV_SERVER_load(s->srv, s->file)) {
        set_limits(s, &limits);
        cmpsrv_http_set_limits(s->http, &limits);
        cmpsrv_log(s->log, CMPSRV_LOG_INFO, "%s reloaded", s->file);
    } else {
        log_lines(s->log, CMPSRV_SERVER_get0_error(s->srv));
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "%s not reloaded: the old configuration goes on",
                   s->file);
    }
    systemd_notify("READY=1");
}

/* ---- what http calls ---------------------------------------------------------------------------
 */

static void go_on(void *call)
{
    cmpsrv_http_again(call);
}

static int handle_message(void *arg, CMPSRV_HTTP_CALL *call)
{
    CMPSRV_REQUEST *req = call->state;

    call->status = 503;
    if (req == NULL)
        req = cmpsrv_request_new(((SERVING *)arg)->srv, call->path, call->body, go_on, call);
    if ((call->state = req) == NULL)
        return 0;
    if (!cmpsrv_request_run(req))
        return CMPSRV_HTTP_WAITS;
    return cmpsrv_request_end(req, &call->answer, &call->status);
}

static int handle_admin(void *arg, CMPSRV_HTTP_CALL *call)
{
    SERVING *s = arg;
    const ADMIN_PAGE *page = admin_page(call->path);
    CMPSRV_JSON out = {0};
    int ok;

    call->status = 404;
    if (page == NULL)
        return 0;
    ok = page->answer(s->srv, s->http, &out);
    call->status = 503;
    call->answer.n = out.n;
    call->answer.p = (unsigned char *)cmpsrv_json_finish(&out);
    return ok && call->answer.p != NULL;
}

static void handle_tick(void *arg)
{
    SERVING *s = arg;
    int64_t now = cmpsrv_time_mono();

    if (atomic_exchange(&reload_asked, 0))
        reload(s);
    CMPSRV_tick(s->srv);
    if (s->watchdog > 0 && now - s->alive >= s->watchdog) {
        systemd_notify("WATCHDOG=1");
        s->alive = now;
    }
}

/* ---- serving -----------------------------------------------------------------------------------
 */

/* Workers wait for nobody but a token with keys, so they need not be more than the cores: each more
 * takes its turn from one that may hold a lock. Two, so that the tick stops nobody. */
static unsigned count_workers(const CMPSRV_CONF_SERVER *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers > 0)
        return (unsigned)conf->workers;
    return cores > 2 ? (unsigned)cores : 2;
}

static int listen_one(SERVING *s, CMPSRV_HTTP_SERVICE service, const char *url, size_t i)
{
    CMPSRV_REFUSAL why = {0};
    int port;

    if (!cmpsrv_http_listen(s->http, service, url, &why)) {
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "cannot %s", why.detail);
        return 0;
    }
    port = cmpsrv_http_port(s->http, i);
    cmpsrv_log(s->log, CMPSRV_LOG_INFO, port > 0 ? "listening on %s (port %d)" : "listening on %s",
               url, port);
    return 1;
}

/* Sockets that were handed over take the place of those of the configuration. */
static int listen_all(SERVING *s)
{
    const CMPSRV_CONF_SERVER *conf = cmpsrv_server_conf(s->srv);
    CMPSRV_REFUSAL why = {0};
    int given = systemd_listen(s->http, &why);
    size_t n = 0;

    if (given < 0)
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "%s", why.detail);
    if (given != 0) {
        cmpsrv_log(s->log, CMPSRV_LOG_INFO, "listening on %d sockets of LISTEN_FDS", given);
        return given > 0;
    }
    for (; n < conf->listen.n; n++)
        if (!listen_one(s, CMPSRV_HTTP_CMP, conf->listen.v[n], n))
            return 0;
    return conf->admin_listen == NULL || listen_one(s, CMPSRV_HTTP_ADMIN, conf->admin_listen, n);
}

static void on_stop_signal(int sig)
{
    (void)sig;
    cmpsrv_http_stop(running);
}

static void on_reload_signal(int sig)
{
    (void)sig;
    atomic_store(&reload_asked, 1);
    cmpsrv_http_tick(running);
}

static void set_signals(int going)
{
    struct sigaction stop = {.sa_handler = going ? on_stop_signal : SIG_IGN};
    struct sigaction again = {.sa_handler = going ? on_reload_signal : SIG_IGN};

    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGHUP, &again, NULL);
}

static int serve(SERVING *s)
{
    CMPSRV_HTTP_OPTIONS options = {
        .handler = handle_message,
        .admin = handle_admin,
        .arg = s,
        .tick = handle_tick,
        .log = s->log,
        .workers = count_workers(cmpsrv_server_conf(s->srv)),
    };
    CMPSRV_REFUSAL why = {0};
    int ok;

    set_limits(s, &options);
    if ((s->http = running = cmpsrv_http_new(&options, &why)) == NULL) {
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "%s", why.detail);
        return 0;
    }
    set_signals(1);
    if ((ok = listen_all(s)) != 0) {
        systemd_notify("READY=1");
        ok = cmpsrv_http_run(s->http);
        systemd_notify("STOPPING=1");
    }
    set_signals(0);
    cmpsrv_http_free(s->http);
    return ok;
}

int serving_run(const char *file, CMPSRV_LOG *log)
{
    SERVING s = {.srv = CMPSRV_SERVER_new(NULL, NULL), .file = file, .log = log};
    int ok = 0;

    if (s.srv == NULL)
        return EXIT_CANNOT_START;
    signal(SIGHUP, SIG_IGN); /* until there is something to reload */
    s.watchdog = systemd_watchdog();
    cmpsrv_server_set_log(s.srv, log);
    cmpsrv_server_set_prepare(s.srv, prepare_tls, &s);
    if (CMPSRV_SERVER_load(s.srv, file)) {
        cmpsrv_log(log, CMPSRV_LOG_INFO, "cmp-server %s with %s", CMPSRV_version(), file);
        CMPSRV_tick(s.srv); /* the CRLs are there before the first request */
        ok = serve(&s);
        if (ok)
            cmpsrv_log(log, CMPSRV_LOG_INFO, "stopped");
    } else {
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(s.srv));
    }
    CMPSRV_SERVER_free(s.srv);
    SSL_CTX_free(s.tls);
    return ok ? EXIT_SUCCESS : EXIT_CANNOT_START;
}

int serving_check(const char *file, CMPSRV_LOG *log)
{
    SERVING s = {.srv = CMPSRV_SERVER_new(NULL, NULL), .file = file, .log = log};
    CMPSRV_CONF_ERRORS errors = {0};
    int ok;

    if (s.srv == NULL)
        return EXIT_CANNOT_START;
    cmpsrv_server_set_log(s.srv, log);
    cmpsrv_server_set_prepare(s.srv, prepare_tls, &s);
    ok = cmpsrv_server_check(s.srv, file, &errors);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%s\n", errors.v[i]);
    cmpsrv_conf_errors_clear(&errors);
    if (ok)
        printf("%s: the configuration is fine\n", file);
    CMPSRV_SERVER_free(s.srv);
    SSL_CTX_free(s.tls);
    return ok ? EXIT_SUCCESS : EXIT_CANNOT_START;
}
