/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server.c (loop), listen.c (listeners), conn.c (one connection) and pool.c (workers) know of
 * each other.
 * Loop and connections live on one thread, the one in cmpsrv_http_run(); libevent is touched there
 * only, hence without locks. Between it and the workers go jobs, through the pool's two queues.
 */
#ifndef CMPSRV_HTTP_LOCAL_H
#define CMPSRV_HTTP_LOCAL_H

#include "http/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#define CMPSRV_HTTP_STATUSES 600 /* counters, by status */

typedef struct cmpsrv_http_conn_st CMPSRV_HTTP_CONN;
typedef struct cmpsrv_http_job_st CMPSRV_HTTP_JOB;
typedef struct cmpsrv_http_pool_st CMPSRV_HTTP_POOL;
typedef struct cmpsrv_http_listener_st CMPSRV_HTTP_LISTENER;

/* ---- server.c -------------------------------------------------------------------------------- */

/* States of a connection; see conn.c. */
enum {
    CONN_HANDSHAKE,
    CONN_IDLE,
    CONN_READING,
    CONN_WORKING,
    CONN_WRITING,
    CONN_LINGERING,
    CONN__STATES
};

TAILQ_HEAD(cmpsrv_http_conns, cmpsrv_http_conn_st);

/* The connections of one service, by state; whoever has been in it longest stands first. */
typedef struct {
    size_t n, max;
    struct cmpsrv_http_conns conns[CONN__STATES];
} CMPSRV_HTTP_HOUSE;

struct cmpsrv_http_listener_st {
    TAILQ_ENTRY(cmpsrv_http_listener_st) link;
    CMPSRV_HTTP *http;
    CMPSRV_HTTP_SERVICE service;
    int tls;
    struct event *accept;
    int accepting; /* whether it is in the loop */
    int fd, port;
    char *path; /* of a unix socket that we have made */
};

struct cmpsrv_http_st {
    CMPSRV_HTTP_OPTIONS options;
    struct event_base *base;
    CMPSRV_HTTP_POOL *pool;
    TAILQ_HEAD(cmpsrv_http_listeners, cmpsrv_http_listener_st) listeners;
    CMPSRV_HTTP_HOUSE houses[CMPSRV_HTTP__SERVICES];
    int paused;               /* accept had no descriptor or memory: wait a little */
    int running;              /* inside the loop */
    int wake_fd;              /* eventfd: answers are there, or something is asked for */
    atomic_int asked;         /* ASKED_...; from any thread or signal handler */
    pthread_mutex_t lock;     /* of next */
    CMPSRV_HTTP_OPTIONS next; /* the limits to come, when ASKED_LIMITS */
    int stopping;
    int64_t stop_by; /* of cmpsrv_time_mono */
    struct event *wake, *tick, *pause, *grace, *late;
    int64_t late_at; /* when `late` is due; of cmpsrv_time_mono, INT64_MAX: it is not in the loop */
    /* for metrics: */
    atomic_uint_fast64_t accepted[CMPSRV_HTTP__SERVICES], open[CMPSRV_HTTP__SERVICES];
    atomic_uint_fast64_t answers[CMPSRV_HTTP_STATUSES];
    atomic_int_fast64_t tls_not_after; /* ms UTC, 0: no TLS */
};

struct timeval cmpsrv_http_timeval(int64_t ms);
/* Called by a connection that has gone. */
void cmpsrv_http_conn_gone(CMPSRV_HTTP *h);
/* Called by a connection whose deadline that is. */
void cmpsrv_http_watch_for(CMPSRV_HTTP *h, int64_t deadline);

/* ---- listen.c -------------------------------------------------------------------------------- */

/* How many connections each service may have, by options and the limit of open files. */
void cmpsrv_http_set_caps(CMPSRV_HTTP *h);
/* Puts the listeners that have room into the loop, and takes the others out. */
void cmpsrv_http_update_accepting(CMPSRV_HTTP *h);
void cmpsrv_http_pause_over(CMPSRV_HTTP *h);
void cmpsrv_http_close_listeners(CMPSRV_HTTP *h);

/* ---- conn.c ---------------------------------------------------------------------------------- */

struct cmpsrv_http_conn_st {
    TAILQ_ENTRY(cmpsrv_http_conn_st) link; /* in the list of its state */
    CMPSRV_HTTP *http;
    CMPSRV_HTTP_SERVICE service;
    int tls;
    struct bufferevent *bev;
    CMPSRV_HTTP_PARSER *parser;
    CMPSRV_HTTP_JOB *job; /* while it is with the pool */
    unsigned state;
    int64_t since;  /* in this state; of cmpsrv_time_mono */
    int close;      /* after the answer */
    int at_end;     /* the peer sends no more, but may still read */
    size_t drained; /* octets thrown away while lingering */
};

/* A connection on bev, which it owns from now on, in its house. NULL without memory (bev freed). */
CMPSRV_HTTP_CONN *cmpsrv_http_conn_new(CMPSRV_HTTP *h, CMPSRV_HTTP_SERVICE service, int tls,
                                       struct bufferevent *bev);
/* Closes at once. An answer that is still in work is dropped when it comes. */
void cmpsrv_http_conn_free(CMPSRV_HTTP_CONN *c);
/* The server stops: an idle connection goes at once, the others after their answer. */
void cmpsrv_http_conn_stop(CMPSRV_HTTP_CONN *c);
/* Ends the connections of the house whose time is over, and watches for the next deadlines. */
void cmpsrv_http_conns_late(CMPSRV_HTTP *h, CMPSRV_HTTP_HOUSE *house);
/* A worker is done with the job: sends its answer if the connection is still there. Frees job. */
void cmpsrv_http_conn_answer(CMPSRV_HTTP_JOB *job);

/* ---- pool.c ---------------------------------------------------------------------------------- */

/* One request on its way through a worker. Only the loop touches conn; the rest belongs to whoever
 * has the job: connection, pool, connection. */
struct cmpsrv_http_job_st {
    STAILQ_ENTRY(cmpsrv_http_job_st) next;
    CMPSRV_HTTP_CONN *conn; /* NULL when it has gone */
    CMPSRV_HTTP_SERVICE service;
    CMPSRV_HTTP_POOL *pool;
    char *path;
    CMPSRV_BYTES body;
    CMPSRV_HTTP_CALL call;
};
STAILQ_HEAD(cmpsrv_http_jobs, cmpsrv_http_job_st);

void cmpsrv_http_job_free(CMPSRV_HTTP_JOB *job);

/* A pool without threads yet; wake_fd is the eventfd that it writes to when jobs are done. */
CMPSRV_HTTP_POOL *cmpsrv_http_pool_new(const CMPSRV_HTTP_OPTIONS *options, int wake_fd);
/* Starts the workers, all signals blocked in them. 1, or 0 when there was not even one. */
int cmpsrv_http_pool_start(CMPSRV_HTTP_POOL *pool);
/* Takes the job over: 1, or 0 when the queue is full. */
int cmpsrv_http_pool_submit(CMPSRV_HTTP_POOL *pool, CMPSRV_HTTP_JOB *job);
/* A tick is due. */
void cmpsrv_http_pool_tick(CMPSRV_HTTP_POOL *pool);
/* Moves the jobs that are done to the end of *jobs. */
void cmpsrv_http_pool_done(CMPSRV_HTTP_POOL *pool, struct cmpsrv_http_jobs *jobs);
/* Begins no more work and waits at most ms until none is running. */
void cmpsrv_http_pool_close(CMPSRV_HTTP_POOL *pool, int64_t ms);
/* Closes, and waits for the workers without a limit. */
void cmpsrv_http_pool_free(CMPSRV_HTTP_POOL *pool);

#endif
