/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers: threads that call the handler and the tick, with a bounded queue of jobs towards
 * them and a list of finished ones back. Called by server.c and conn.c from the loop. The queue is
 * under a mutex, held for a few pointers at a time; finished jobs need none, and the loop learns of
 * them by its eventfd. Knows neither libevent nor HTTP but the statuses of a handler that has
 * failed.
 * There are more workers than cores, as most wait for their commit, so who is woken matters: the
 * one that fell asleep last, whose stack and memory are warm, and one at a time: it wakes the next
 * when it is really up and finds more to do. While the cores are busy those who are awake take the
 * jobs, and nobody is woken to find nothing.
 */
#include "config.h"

#include "http/http_local.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

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
    pthread_mutex_t lock;
    pthread_cond_t quiet;
    /* under the lock: */
    SLIST_HEAD(, worker_st) asleep;
    int waking; /* one has been woken and is not up yet */
    struct cmpsrv_http_jobs todo;
    size_t n_todo, max_todo;
    unsigned busy;
    int tick_due, ticking, closed;
};

void cmpsrv_http_job_free(CMPSRV_HTTP_JOB *job)
{
    if (job == NULL)
        return;
    OPENSSL_free(job->path);
    cmpsrv_bytes_wipe(&job->body); /* it may have an enrolment code */
    cmpsrv_bytes_clear(&job->answer);
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
    pool->max_todo = 4 * (size_t)options->workers + 1024;
    STAILQ_INIT(&pool->todo);
    SLIST_INIT(&pool->asleep);
    atomic_init(&pool->done, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->quiet, &attr);
    pthread_condattr_destroy(&attr);
    return pool;
}

/* Whom to wake, once the lock is given back: NULL when there is nothing to do, nobody sleeps, or
 * somebody is about to come and see. */
static WORKER *next_to_wake(CMPSRV_HTTP_POOL *pool)
{
    int work = (pool->tick_due && !pool->ticking) || !STAILQ_EMPTY(&pool->todo);
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

static void call_handler(const CMPSRV_HTTP_OPTIONS *o, CMPSRV_HTTP_JOB *job)
{
    static const unsigned char nothing[1] = {0};
    CMPSRV_HTTP_HANDLER handler = job->service == CMPSRV_HTTP_ADMIN ? o->admin : o->handler;
    const unsigned char *body = job->body.p != NULL ? job->body.p : nothing;

    if (handler(o->arg, job->path, body, job->body.n, &job->answer.p, &job->answer.n, &job->status))
        job->status = job->answer.p != NULL && job->answer.n > 0 ? 200 : 500;
    else if (job->status < 400 || cmpsrv_http_phrase(job->service, job->status) == NULL)
        job->status = 500;
    if (job->status == 500 || (job->status != 200 && job->service == CMPSRV_HTTP_CMP))
        cmpsrv_bytes_clear(&job->answer);
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

/* Both are called with the lock held and give it back for the time of the call outside. */
static void run_job(CMPSRV_HTTP_POOL *pool)
{
    CMPSRV_HTTP_JOB *job = STAILQ_FIRST(&pool->todo);

    STAILQ_REMOVE_HEAD(&pool->todo, next);
    pool->n_todo--;
    unlock_and_wake(pool);
    call_handler(&pool->options, job);
    hand_back(pool, job);
    pthread_mutex_lock(&pool->lock);
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

static void sleep_until_woken(WORKER *w)
{
    CMPSRV_HTTP_POOL *pool = w->pool;

    SLIST_INSERT_HEAD(&pool->asleep, w, link);
    w->asleep = 1;
    while (w->asleep && !pool->closed)
        pthread_cond_wait(&w->wake, &pool->lock);
    pool->waking = 0;
}

/* The tick goes first: behind a full queue it would come too late to be one. */
static void *work(void *arg)
{
    WORKER *w = arg;
    CMPSRV_HTTP_POOL *pool = w->pool;

    pthread_mutex_lock(&pool->lock);
    while (!pool->closed) {
        int tick = pool->tick_due && !pool->ticking;

        if (!tick && STAILQ_EMPTY(&pool->todo)) {
            sleep_until_woken(w);
            continue;
        }
        pool->busy++;
        if (tick)
            run_tick(pool);
        else
            run_job(pool);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->quiet);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
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
    int room;

    pthread_mutex_lock(&pool->lock);
    room = !pool->closed && pool->n_todo < pool->max_todo;
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
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_cond_signal(&pool->workers[i].wake);
    while (pool->busy > 0 && pthread_cond_timedwait(&pool->quiet, &pool->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&pool->lock);
}

void cmpsrv_http_pool_free(CMPSRV_HTTP_POOL *pool)
{
    if (pool == NULL)
        return;
    cmpsrv_http_pool_close(pool, 0);
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
