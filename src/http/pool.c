/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers: threads that call the handler and the tick, with a bounded queue of jobs towards
 * them and a list of finished ones back. Called by server.c and conn.c from the loop. The queue is
 * under a mutex, held for a few pointers at a time; finished jobs need none, and the loop learns of
 * them by its eventfd. Knows neither libevent nor HTTP but the statuses of a handler that has
 * failed.
 * Nobody waits for the store: a handler that has to gives its job back until it is called again.
 * Who is woken matters: the one that fell asleep last, whose stack and memory are warm, and one at
 * a time: it wakes the next when it is really up and finds more to do. While the cores are busy
 * those who are awake take the jobs, and nobody is woken to find nothing. Before one falls asleep
 * it looks a few times more: below full load the next job is as near as falling asleep and waking
 * is long.
 */
#include "config.h"

#include "http/http_local.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define LOOKS 20 /* for a job, before a worker sleeps; about 10 us */

typedef struct worker_st {
    SLIST_ENTRY(worker_st) link; /* while it sleeps */
    CMPSRV_HTTP_POOL *pool;
    pthread_t thread;
    pthread_cond_t wake;
    int asleep; /* in the list of those who are; under the lock */
} WORKER;

struct cmpsrv_http_pool_st {
    CMPSRV_HTTP_OPTIONS options;
    int wake_fd;
    WORKER *workers;
    unsigned n_threads;
    _Atomic(CMPSRV_HTTP_JOB *) done; /* the last one first */
    atomic_uint calling;             /* threads of others that are in cmpsrv_http_again() */
    pthread_mutex_t lock;
    pthread_cond_t quiet;
    /* under the lock: */
    SLIST_HEAD(, worker_st) asleep;
    int waking;                          /* one has been woken and is not up yet */
    struct cmpsrv_http_jobs todo, again; /* new ones; those that have waited */
    size_t n_todo, n_begun, max;         /* n_begun: and not at their end */
    unsigned busy;
    int tick_due, ticking;
    int closed, over; /* begins nothing more; nothing is left */
};

void cmpsrv_http_job_free(CMPSRV_HTTP_JOB *job)
{
    if (job == NULL)
        return;
    OPENSSL_free(job->path);
    cmpsrv_bytes_wipe(&job->body); /* it may have an enrolment code */
    cmpsrv_bytes_clear(&job->call.answer);
    OPENSSL_free(job);
}

static void free_jobs(struct cmpsrv_http_jobs *jobs)
{
    CMPSRV_HTTP_JOB *job;

    while ((job = STAILQ_FIRST(jobs)) != NULL) {
        STAILQ_REMOVE_HEAD(jobs, next);
        cmpsrv_http_job_free(job);
    }
}

CMPSRV_HTTP_POOL *cmpsrv_http_pool_new(const CMPSRV_HTTP_OPTIONS *options, int wake_fd)
{
    CMPSRV_HTTP_POOL *pool = OPENSSL_zalloc(sizeof(*pool));
    pthread_condattr_t attr;

    if (pool == NULL ||
        (pool->workers = OPENSSL_zalloc(options->workers * sizeof(WORKER))) == NULL) {
        OPENSSL_free(pool);
        return NULL;
    }
    pool->options = *options;
    pool->wake_fd = wake_fd;
    pool->max = 5 * (size_t)options->workers + 1024;
    STAILQ_INIT(&pool->todo);
    STAILQ_INIT(&pool->again);
    SLIST_INIT(&pool->asleep);
    atomic_init(&pool->done, NULL);
    atomic_init(&pool->calling, 0);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->quiet, &attr);
    pthread_condattr_destroy(&attr);
    return pool;
}

static int tick_is_due(const CMPSRV_HTTP_POOL *pool)
{
    return pool->tick_due && !pool->ticking && !pool->closed;
}

/* Whom to wake, once the lock is given back: NULL when there is nothing to do, nobody sleeps, or
 * somebody is about to come and see. */
static WORKER *next_to_wake(CMPSRV_HTTP_POOL *pool)
{
    int work = tick_is_due(pool) || !STAILQ_EMPTY(&pool->again) || !STAILQ_EMPTY(&pool->todo);
    WORKER *w = SLIST_FIRST(&pool->asleep);

    if (!work || pool->waking || w == NULL)
        return NULL;
    SLIST_REMOVE_HEAD(&pool->asleep, link);
    w->asleep = 0;
    pool->waking = 1;
    return w;
}

/* Gives the lock back first: whom we wake wants it. */
static void unlock_and_wake(CMPSRV_HTTP_POOL *pool)
{
    WORKER *w = next_to_wake(pool);

    pthread_mutex_unlock(&pool->lock);
    if (w != NULL)
        pthread_cond_signal(&w->wake);
}

/* ---- on the workers -------------------------------------------------------------------------- */

/* 1, or 0: it waits, and is not ours. */
static int call_handler(const CMPSRV_HTTP_OPTIONS *o, CMPSRV_HTTP_JOB *job)
{
    CMPSRV_HTTP_HANDLER handler = job->service == CMPSRV_HTTP_ADMIN ? o->admin : o->handler;
    CMPSRV_HTTP_CALL *call = &job->call;
    int answered = handler(o->arg, call);

    if (answered == CMPSRV_HTTP_WAITS)
        return 0;
    if (answered)
        call->status = call->answer.p != NULL && call->answer.n > 0 ? 200 : 500;
    else if (call->status < 400 || cmpsrv_http_phrase(job->service, call->status) == NULL)
        call->status = 500;
    if (call->status == 500 || (call->status != 200 && job->service == CMPSRV_HTTP_CMP))
        cmpsrv_bytes_clear(&call->answer);
    return 1;
}

static void wake_loop(const CMPSRV_HTTP_POOL *pool)
{
    uint64_t one = 1;

    if (write(pool->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: the loop is awake anyway */
}

/* The loop takes all of the list at once, and is woken by the first one only. */
static void hand_back(CMPSRV_HTTP_POOL *pool, CMPSRV_HTTP_JOB *job)
{
    CMPSRV_HTTP_JOB *before = atomic_load(&pool->done);

    do {
        STAILQ_NEXT(job, next) = before;
    } while (!atomic_compare_exchange_weak(&pool->done, &before, job));
    if (before == NULL)
        wake_loop(pool);
}

/* Those that have waited go first: their clients wait longest, and they are nearly done. NULL:
 * there is nothing to do. */
static CMPSRV_HTTP_JOB *next_job(CMPSRV_HTTP_POOL *pool)
{
    CMPSRV_HTTP_JOB *job = STAILQ_FIRST(&pool->again);

    if (job != NULL) {
        STAILQ_REMOVE_HEAD(&pool->again, next);
    } else if (!pool->closed && (job = STAILQ_FIRST(&pool->todo)) != NULL) {
        STAILQ_REMOVE_HEAD(&pool->todo, next);
        pool->n_todo--;
        pool->n_begun++;
    }
    return job;
}

/* Both are called with the lock held and give it back for the time of the call outside. */
static void run_job(CMPSRV_HTTP_POOL *pool, CMPSRV_HTTP_JOB *job)
{
    int over;

    unlock_and_wake(pool);
    if ((over = call_handler(&pool->options, job)))
        hand_back(pool, job);
    pthread_mutex_lock(&pool->lock);
    pool->n_begun -= (size_t)over;
}

static void run_tick(CMPSRV_HTTP_POOL *pool)
{
    pool->tick_due = 0;
    pool->ticking = 1;
    unlock_and_wake(pool);
    pool->options.tick(pool->options.arg);
    pthread_mutex_lock(&pool->lock);
    pool->ticking = 0;
}

/* Looks again when whoever wants its core has had it. */
static void let_others_run(CMPSRV_HTTP_POOL *pool)
{
    pthread_mutex_unlock(&pool->lock);
    sched_yield();
    pthread_mutex_lock(&pool->lock);
}

static void sleep_until_woken(WORKER *w)
{
    CMPSRV_HTTP_POOL *pool = w->pool;

    SLIST_INSERT_HEAD(&pool->asleep, w, link);
    w->asleep = 1;
    while (w->asleep)
        pthread_cond_wait(&w->wake, &pool->lock);
    pool->waking = 0;
}

static int is_busy(const CMPSRV_HTTP_POOL *pool)
{
    return pool->busy > 0 || pool->n_begun > 0;
}

/* The tick goes first: behind a full queue it would come too late to be one. */
static void *work(void *arg)
{
    WORKER *w = arg;
    CMPSRV_HTTP_POOL *pool = w->pool;
    CMPSRV_HTTP_JOB *job;
    int looks = 0;

    pthread_mutex_lock(&pool->lock);
    while (!pool->over) {
        job = NULL;
        if (!tick_is_due(pool) && (job = next_job(pool)) == NULL) {
            if (looks < LOOKS) {
                looks++;
                let_others_run(pool);
            } else {
                sleep_until_woken(w);
            }
            continue;
        }
        looks = 0;
        pool->busy++;
        if (job == NULL)
            run_tick(pool);
        else
            run_job(pool, job);
        pool->busy--;
        if (!is_busy(pool))
            pthread_cond_signal(&pool->quiet);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void cmpsrv_http_again(CMPSRV_HTTP_CALL *call)
{
    CMPSRV_HTTP_JOB *job =
        (CMPSRV_HTTP_JOB *)(void *)((char *)call - offsetof(CMPSRV_HTTP_JOB, call));
    CMPSRV_HTTP_POOL *pool = job->pool;

    atomic_fetch_add(&pool->calling, 1);
    pthread_mutex_lock(&pool->lock);
    STAILQ_INSERT_TAIL(&pool->again, job, next);
    unlock_and_wake(pool);
    atomic_fetch_sub(&pool->calling, 1);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static int start_worker(CMPSRV_HTTP_POOL *pool, WORKER *w)
{
    w->pool = pool;
    pthread_cond_init(&w->wake, NULL);
    if (pthread_create(&w->thread, NULL, work, w) == 0) {
        pthread_setname_np(w->thread, "worker"); /* for top -H, and who measures */
        return 1;
    }
    pthread_cond_destroy(&w->wake);
    return 0;
}

int cmpsrv_http_pool_start(CMPSRV_HTTP_POOL *pool)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_threads < pool->options.workers &&
           start_worker(pool, &pool->workers[pool->n_threads]))
        pool->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->n_threads > 0;
}

int cmpsrv_http_pool_submit(CMPSRV_HTTP_POOL *pool, CMPSRV_HTTP_JOB *job)
{
    static const unsigned char nothing[1] = {0};
    int room;

    job->pool = pool;
    job->call.path = job->path;
    job->call.body =
        job->body.p != NULL ? cmpsrv_bytes_slice(&job->body) : cmpsrv_slice(nothing, 0);
    pthread_mutex_lock(&pool->lock);
    room = !pool->closed && pool->n_todo + pool->n_begun < pool->max;
    if (room) {
        STAILQ_INSERT_TAIL(&pool->todo, job, next);
        pool->n_todo++;
    }
    unlock_and_wake(pool);
    return room;
}

void cmpsrv_http_pool_tick(CMPSRV_HTTP_POOL *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->tick_due = 1;
    unlock_and_wake(pool);
}

void cmpsrv_http_pool_done(CMPSRV_HTTP_POOL *pool, struct cmpsrv_http_jobs *jobs)
{
    CMPSRV_HTTP_JOB *job = atomic_exchange(&pool->done, NULL), *before;
    struct cmpsrv_http_jobs done = STAILQ_HEAD_INITIALIZER(done);

    for (; job != NULL; job = before) {
        before = STAILQ_NEXT(job, next);
        STAILQ_INSERT_HEAD(&done, job, next);
    }
    STAILQ_CONCAT(jobs, &done);
}

void cmpsrv_http_pool_close(CMPSRV_HTTP_POOL *pool, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    ms = ms > 0 ? ms : 0;
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&pool->lock);
    pool->closed = 1;
    while (is_busy(pool) && pthread_cond_timedwait(&pool->quiet, &pool->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&pool->lock);
}

static void wake_all(CMPSRV_HTTP_POOL *pool)
{
    WORKER *w;

    while ((w = SLIST_FIRST(&pool->asleep)) != NULL) {
        SLIST_REMOVE_HEAD(&pool->asleep, link);
        w->asleep = 0;
        pthread_cond_signal(&w->wake);
    }
}

void cmpsrv_http_pool_free(CMPSRV_HTTP_POOL *pool)
{
    if (pool == NULL)
        return;
    cmpsrv_http_pool_close(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (is_busy(pool))
        pthread_cond_wait(&pool->quiet, &pool->lock);
    pool->over = 1;
    wake_all(pool);
    pthread_mutex_unlock(&pool->lock);
    while (atomic_load(&pool->calling) >
           0) /* the last call is at its end: its caller is on his way out */
        sched_yield();
    for (unsigned i = 0; i < pool->n_threads; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        pthread_cond_destroy(&pool->workers[i].wake);
    }
    cmpsrv_http_pool_done(pool, &pool->todo);
    free_jobs(&pool->todo);
    pthread_cond_destroy(&pool->quiet);
    pthread_mutex_destroy(&pool->lock);
    OPENSSL_free(pool->workers);
    OPENSSL_free(pool);
}
