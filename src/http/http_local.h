/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privates of http. Everything but the pool belongs to the loop's thread; workers see jobs only.
 */
#ifndef CMPSRV_HTTP_LOCAL_H
#define CMPSRV_HTTP_LOCAL_H

#include <pthread.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "http/http.h"

typedef struct http_conn_st HTTP_CONN;

/* One message on its way to a worker and back. conn is NULL when the client has gone meanwhile. */
typedef struct http_job_st {
    struct http_job_st *next;
    HTTP_CONN *conn; /* the loop's */
    int is_tick;
    char *path;
    CMPSRV_BYTES body;
    unsigned char *rsp;
    size_t rsp_len;
    int ok, status;
} HTTP_JOB;
void cmpsrv_http_job_free(HTTP_JOB *job);

/* ---- pool.c: workers and the two queues between them and the loop
 * ---------------------------------- */

typedef struct http_pool_st HTTP_POOL;
/* `wake` is made active in the loop whenever a job has come back. */
HTTP_POOL *cmpsrv_http_pool_new(const CMPSRV_HTTP_OPTIONS *o, struct event *wake);
/* Takes the job: 1, or 0 when the queue is full (the job stays the caller's). */
int cmpsrv_http_pool_put(HTTP_POOL *p, HTTP_JOB *job);
/* The jobs that have come back, as a list. */
HTTP_JOB *cmpsrv_http_pool_take(HTTP_POOL *p);
/* Waits for jobs under way, drops those that wait. NULL is fine. */
void cmpsrv_http_pool_free(HTTP_POOL *p);

/* ---- conn.c
 * -------------------------------------------------------------------------------------------- */

struct http_conn_st {
    CMPSRV_HTTP *http;
    HTTP_CONN *prev, *next;
    struct bufferevent *bev;
    struct event *timer;
    CMPSRV_HTTP_PARSER *parser;
    HTTP_JOB *job; /* in work */
    enum { CONN_IDLE, CONN_READING, CONN_WORKING, CONN_WRITING, CONN_LINGERING } state;
    int keep_alive, said_continue;
    size_t lingered; /* octets thrown away */
};
HTTP_CONN *cmpsrv_http_conn_new(CMPSRV_HTTP *h, evutil_socket_t fd);
void cmpsrv_http_conn_free(HTTP_CONN *c);
/* The worker's answer. */
void cmpsrv_http_conn_answer(HTTP_CONN *c, HTTP_JOB *job);

/* ---- server.c
 * ------------------------------------------------------------------------------------------ */

enum { HTTP_MAX_LISTENERS = 16 };

struct cmpsrv_http_st {
    CMPSRV_HTTP_OPTIONS o;
    struct event_base *base;
    struct evconnlistener *listeners[HTTP_MAX_LISTENERS];
    size_t listeners_n;
    struct event *wake, *stop, *ticker, *resume, *give_up;
    int stop_pipe[2];
    int stopping, ticking;
    HTTP_POOL *pool;
    HTTP_CONN *conns;
    size_t conns_n;
};
/* A connection has come or gone: listen or not, and end when stopping and nobody is left. */
void cmpsrv_http_count_changed(CMPSRV_HTTP *h);

#endif
