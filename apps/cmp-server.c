/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-server: options, signals, and the two libraries put together: http carries the messages, the
 * server object answers them. Runs in the foreground and logs to stderr.
 */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "server/server.h"

enum { EXIT_CANNOT_START = 1, EXIT_USAGE = 2 };

static CMPSRV_HTTP *running; /* for the signal handlers only */
static atomic_int reload_asked;

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

static int usage(FILE *to, int status)
{
    fputs("Usage: cmp-server --config FILE [--check-config]\n"
          "       cmp-server --version | --help\n\n"
          "A CMP server (RFC 9810, RFC 9483) over HTTP. Runs in the foreground, logs to stderr.\n\n"
          "  --config FILE    the configuration (YAML, see cmp-server.yaml(5))\n"
          "  --check-config   read configuration, certificates and keys, print every error, and "
          "exit\n"
          "  --version        print the version and exit\n"
          "  --help           print this and exit\n\n"
          "SIGHUP reloads the configuration, all of it or nothing; SIGTERM and SIGINT stop.\n\n"
          "Exit status: 0 after SIGTERM or SIGINT, 1 cannot start, 2 usage.\n",
          to);
    return status;
}

/* What a reload can change, too. */
static void set_limits(CMPSRV_HTTP_OPTIONS *o, const CMPSRV_CONF_SERVER *conf)
{
    o->max_body = (size_t)conf->max_body;
    o->max_connections = (size_t)conf->max_connections;
    o->message_timeout = conf->message_timeout;
    o->idle_timeout = conf->idle_timeout;
}

/* What the handlers of http work with. */
typedef struct {
    CMPSRV_SERVER *srv;
    const char *file;
    CMPSRV_LOG *log;
} SERVING;

static int handle_message(void *arg, const char *path, const unsigned char *req, size_t req_len,
                          unsigned char **rsp, size_t *rsp_len, int *status)
{
    return CMPSRV_process(((SERVING *)arg)->srv, path, req, req_len, rsp, rsp_len, status);
}

static void log_lines(CMPSRV_LOG *log, const char *text)
{
    for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        cmpsrv_log(log, CMPSRV_LOG_ERROR, "%.*s", (int)n, text);
    }
}

static void reload(const SERVING *s)
{
    CMPSRV_HTTP_OPTIONS limits = {0};

    if (!CMPSRV_SERVER_load(s->srv, s->file)) {
        log_lines(s->log, CMPSRV_SERVER_get0_error(s->srv));
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "%s not reloaded: the old configuration goes on",
                   s->file);
        return;
    }
    set_limits(&limits, cmpsrv_server_conf(s->srv));
    cmpsrv_http_set_limits(running, &limits);
    cmpsrv_log(s->log, CMPSRV_LOG_INFO, "%s reloaded", s->file);
}

static void handle_tick(void *arg)
{
    const SERVING *s = arg;

    if (atomic_exchange(&reload_asked, 0))
        reload(s);
    CMPSRV_tick(s->srv);
}

static int check_config(const char *file, CMPSRV_LOG *log)
{
    CMPSRV_CONF_ERRORS errors = {0};
    int ok = cmpsrv_server_check(NULL, NULL, file, log, &errors);

    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%s\n", errors.v[i]);
    cmpsrv_conf_errors_clear(&errors);
    if (ok)
        printf("%s: the configuration is fine\n", file);
    return ok ? EXIT_SUCCESS : EXIT_CANNOT_START;
}

/* As many workers as make groups for the store's commits while cryptography keeps the cores busy.
 */
static unsigned count_workers(const CMPSRV_CONF_SERVER *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers > 0)
        return (unsigned)conf->workers;
    return (unsigned)(cores > 0 ? cores : 1) * 16;
}

static int listen_all(CMPSRV_HTTP *http, const CMPSRV_CONF_SERVER *conf, CMPSRV_LOG *log)
{
    for (size_t i = 0; i < conf->listen.n; i++) {
        CMPSRV_REFUSAL why = {0};

        if (!cmpsrv_http_listen(http, conf->listen.v[i], &why)) {
            cmpsrv_log(log, CMPSRV_LOG_ERROR, "cannot listen on %s: %s", conf->listen.v[i],
                       why.detail);
            return 0;
        }
        cmpsrv_log(log, CMPSRV_LOG_INFO, "listening on %s (port %d)", conf->listen.v[i],
                   cmpsrv_http_port(http, i));
    }
    return 1;
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
    const CMPSRV_CONF_SERVER *conf = cmpsrv_server_conf(s->srv);
    CMPSRV_LOG *log = s->log;
    CMPSRV_HTTP_OPTIONS options = {
        .handler = handle_message,
        .arg = s,
        .tick = handle_tick,
        .log = log,
        .workers = count_workers(conf),
    };
    CMPSRV_REFUSAL why = {0};
    int ok;

    set_limits(&options, conf);
    if ((running = cmpsrv_http_new(&options, &why)) == NULL) {
        cmpsrv_log(log, CMPSRV_LOG_ERROR, "%s", why.detail);
        return EXIT_CANNOT_START;
    }
    set_signals(1);
    ok = listen_all(running, conf, log) && cmpsrv_http_run(running);
    set_signals(0);
    cmpsrv_http_free(running);
    if (ok)
        cmpsrv_log(log, CMPSRV_LOG_INFO, "stopped");
    return ok ? EXIT_SUCCESS : EXIT_CANNOT_START;
}

static int run(const char *file, CMPSRV_LOG *log)
{
    CMPSRV_SERVER *srv = CMPSRV_SERVER_new(NULL, NULL);
    int status = EXIT_CANNOT_START;

    if (srv == NULL)
        return status;
    signal(SIGHUP, SIG_IGN); /* until there is something to reload */
    cmpsrv_server_set_log(srv, log);
    if (CMPSRV_SERVER_load(srv, file)) {
        cmpsrv_log(log, CMPSRV_LOG_INFO, "cmp-server %s with %s", CMPSRV_version(), file);
        CMPSRV_tick(srv); /* the CRLs are there before the first request */
        status = serve(&(SERVING){srv, file, log});
    } else {
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(srv));
    }
    CMPSRV_SERVER_free(srv);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file = NULL;
    int check = 0, c, status;
    CMPSRV_LOG *log;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'c')
            file = optarg;
        else if (c == 'k')
            check = 1;
        else if (c == 'v')
            return printf("cmp-server %s\n", CMPSRV_version()) < 0;
        else
            return usage(c == 'h' ? stdout : stderr, c == 'h' ? EXIT_SUCCESS : EXIT_USAGE);
    }
    if (file == NULL || optind != argc)
        return usage(stderr, EXIT_USAGE);
    if ((log = cmpsrv_log_new(CMPSRV_LOG_INFO, STDERR_FILENO)) == NULL)
        return EXIT_CANNOT_START;
    status = check ? check_config(file, log) : run(file, log);
    cmpsrv_log_free(log);
    return status;
}
