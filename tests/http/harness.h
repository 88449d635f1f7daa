/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server on 127.0.0.1, with a handler whose path says what it does, and clients of plain
 * sockets. Nothing sleeps to be in time: a test waits for what it needs to see (at most GUARD), and
 * only deadlines of the server take their time.
 */
#ifndef CMPSRV_HTTP_HARNESS_H
#define CMPSRV_HTTP_HARNESS_H

#include "http/http.h"

#include <pthread.h>

#include <CUnit/Basic.h>

#define GUARD 60000 /* ms */
#define T     "Host: t\r\nContent-Type: application/pkixcmp\r\n"

typedef struct {
    CMPSRV_HTTP *http;
    CMPSRV_HTTP_OPTIONS options;
    pthread_t thread;
    int port, fds_before, run_result;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: */
    int waiting, released, handled, ticks, ticking, tick_twice;
    CMPSRV_HTTP_CALL *later[2048];
    int n_later;
} SERVER;

/* Fills in options that a test may change before the start. The handler: /wait waits for the
 * release; /later gives the call back until then, /again for nothing; /status/N refuses with N;
 * /nothing says 200 without an answer; all others answer PATH:BODY. */
void server_init(SERVER *s);
void server_start(SERVER *s);
/* Until n requests are in /wait or /later. */
void server_await(SERVER *s, int n);
/* Lets them go on. */
void server_release(SERVER *s);
/* How long run took to return after the stop, in ms. */
int64_t server_stop(SERVER *s);
/* Frees, and checks that all descriptors are closed: the test must have closed its own. */
void server_clear(SERVER *s);
int count_fds(void);

typedef struct {
    int fd;
    size_t n;
    char in[8192];
} CLIENT;

typedef struct {
    int status;
    char head[512], body[4096];
    size_t body_n;
} ANSWER;

int connect_fd(int fd, int port);
void open_client(CLIENT *c, const SERVER *s);
int send_all(CLIENT *c, const void *p, size_t n);
int send_text(CLIENT *c, const char *text);
/* `more`: header lines. */
int post(CLIENT *c, const char *path, const char *more, const char *body);
int is_readable(const CLIENT *c, int ms);
int is_at_end(CLIENT *c);
/* One answer, its head checked for what all have. 0 if it did not come whole. */
int read_answer(CLIENT *c, ANSWER *a);
int is_answered(CLIENT *c, int status, const char *body);
int has_head(const ANSWER *a, const char *text);

#endif
