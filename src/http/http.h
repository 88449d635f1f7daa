/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: RFC 9811 over HTTP/1.0 and 1.1, plain or in TLS, on TCP and unix sockets; beside it the
 * admin service (GET). One libevent loop accepts and parses, a pool of workers calls the handlers,
 * the loop answers. Strict parser of its own: evhttp cannot refuse a request before its body is
 * there (411) and takes lengths that it should not.
 */
#ifndef CMPSRV_HTTP_H
#define CMPSRV_HTTP_H

#include <openssl/types.h>

#include "ca/ca.h"
#include "watch/watch.h"

typedef struct cmpsrv_http_st CMPSRV_HTTP;

/* What a listener serves. CMP: POST of application/pkixcmp. ADMIN: GET, answers in text. */
typedef enum { CMPSRV_HTTP_CMP, CMPSRV_HTTP_ADMIN, CMPSRV_HTTP__SERVICES } CMPSRV_HTTP_SERVICE;

/* One request while it is answered. */
typedef struct cmpsrv_http_call_st {
    const char *path;
    CMPSRV_SLICE body; /* p is not NULL */
    CMPSRV_BYTES answer;
    int status;
    void *state; /* the handler's own, NULL at first */
} CMPSRV_HTTP_CALL;

/* Answers one request, on a worker thread: 1 with `answer` for a 200, or 0 with `status`, and for
 * ADMIN `answer` if there is one. CMPSRV_HTTP_WAITS: not yet, somebody will call
 * cmpsrv_http_again(), and has perhaps: the call is not the handler's any more. */
#define CMPSRV_HTTP_WAITS (-1)
typedef int (*CMPSRV_HTTP_HANDLER)(void *arg, CMPSRV_HTTP_CALL *call);
/* From any thread, once for each CMPSRV_HTTP_WAITS: the handler is called again, by whatever worker
 * is free. */
void cmpsrv_http_again(CMPSRV_HTTP_CALL *call);

typedef struct cmpsrv_http_options_st {
    CMPSRV_HTTP_HANDLER handler, admin; /* of each service */
    void *arg;
    /* Once a second and when asked for, on a worker thread, never twice at once; may be NULL. */
    void (*tick)(void *arg);
    CMPSRV_LOG *log;
    unsigned workers; /* threads; at least 1 */
    size_t max_body;  /* octets */
    size_t max_connections;
    int64_t message_timeout, idle_timeout; /* ms; message_timeout also of a TLS handshake */
    SSL_CTX *tls; /* of https listeners, see cmpsrv_http_tls_new; http takes a reference */
} CMPSRV_HTTP_OPTIONS;

CMPSRV_HTTP *cmpsrv_http_new(const CMPSRV_HTTP_OPTIONS *options, CMPSRV_REFUSAL *why);
/* "http://HOST:PORT", "https://HOST:PORT" (HOST an address, a name, [v6] or *; PORT 0: any),
 * "unix:PATH" (made anew, mode 0660, removed at the end). 1, or 0 with *why BAD_CONFIG. */
int cmpsrv_http_listen(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, const char *url,
                       CMPSRV_REFUSAL *why);
/* The same on a listening socket that somebody else has made; takes fd when it succeeds. */
int cmpsrv_http_listen_fd(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls, int fd,
                          CMPSRV_REFUSAL *why);
/* The port that the i-th listener is bound to, 0 if there is none. */
int cmpsrv_http_port(const CMPSRV_HTTP *h, size_t i);
/* Runs until cmpsrv_http_stop(): then listeners close, requests in flight are answered (at most
 * `message_timeout`), and it returns. 1/0. Ignores SIGPIPE from here on, unless the program handles
 * it: libevent writes with writev(2), which has no MSG_NOSIGNAL. The workers block all signals. */
int cmpsrv_http_run(CMPSRV_HTTP *h);
/* From any thread or a signal handler: stop; tick now. */
void cmpsrv_http_stop(CMPSRV_HTTP *h);
void cmpsrv_http_tick(CMPSRV_HTTP *h);
/* Takes max_body, max_connections, the timeouts and tls of *options for what comes from now on.
 * From any thread. */
void cmpsrv_http_set_limits(CMPSRV_HTTP *h, const CMPSRV_HTTP_OPTIONS *options);
/* Not while run is running. Waits for calls that have outlived the `message_timeout` of run. */
void cmpsrv_http_free(CMPSRV_HTTP *h);

/* Connections, answers and the TLS certificate, for /metrics. Any thread. */
void cmpsrv_http_metrics(CMPSRV_HTTP *h, CMPSRV_JSON *out);

/* ---- tls.c --------------------------------------------------------------------------------------
 */

/* TLS 1.2 and 1.3 with that certificate, its chain and key. client_ca: PEM file of the CAs whose
 * client certificates are taken (NULL: none is asked for); client_required: nobody gets in without
 * one. NULL with *why. Free with SSL_CTX_free. */
SSL_CTX *cmpsrv_http_tls_new(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SIGNER *signer,
                             const char *client_ca, int client_required, CMPSRV_REFUSAL *why);

/* ---- parser.c: incremental, strict HTTP/1.x request parser --------------------------------------
 */

#define CMPSRV_HTTP_MAX_HEADER 8192

typedef enum { CMPSRV_HTTP_MORE, CMPSRV_HTTP_DONE, CMPSRV_HTTP_REFUSED } CMPSRV_HTTP_PARSE;
typedef struct cmpsrv_http_request_st {
    char *path; /* request target without scheme and host, NUL-terminated, no control characters */
    CMPSRV_BYTES body;
    int keep_alive; /* the client wants the connection to go on */
    int http_1_0;
    int expect_continue; /* 100-continue is due before the body comes */
    int status;          /* REFUSED: 400, 405, 411, 413, 415, 417, 501, 503 (no memory), 505 */
    const char *problem; /* REFUSED: for the log; static */
} CMPSRV_HTTP_REQUEST;
typedef struct cmpsrv_http_parser_st CMPSRV_HTTP_PARSER;
CMPSRV_HTTP_PARSER *cmpsrv_http_parser_new(CMPSRV_HTTP_SERVICE service, size_t max_body);
void cmpsrv_http_parser_free(CMPSRV_HTTP_PARSER *p);
/* Takes what it can of data[0..n); *used says how much. DONE: the request is complete in *out
 * (which lives in the parser until the next reset). */
CMPSRV_HTTP_PARSE cmpsrv_http_parser_feed(CMPSRV_HTTP_PARSER *p, const unsigned char *data,
                                          size_t n, size_t *used);
CMPSRV_HTTP_REQUEST *cmpsrv_http_parser_request(CMPSRV_HTTP_PARSER *p);
/* Whether the first octet of a request has been seen. */
int cmpsrv_http_parser_started(const CMPSRV_HTTP_PARSER *p);
void cmpsrv_http_parser_reset(CMPSRV_HTTP_PARSER *p);
/* Reason phrase of a status (404 of CMP is "No such CMP alias", see interfaces.md 4); NULL for one
 * that this server does not send. */
const char *cmpsrv_http_phrase(CMPSRV_HTTP_SERVICE service, int status);

#endif
