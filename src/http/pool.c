/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers: threads that call the handler and the tick, with a bounded queue of jobs towards
 * them and a list of finished ones back. Called by server.c and conn.c from the loop. Everything
 * here is under one mutex, held for a few pointers at a time; the loop learns of finished jobs by
 * its eventfd. Knows neither libevent nor HTTP but the statuses of a handler that has failed.
 */
#include "config.h"

#include "http/http_local.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

struct cmpsrv_http_pool_st {
    CMPSRV_HTTP_OPTIONS options;
    int wake_fd;
    pthread_t *threads;
    unsigned n_threads;
    pthread_mutex_t lock;
    pthread_cond_t work, quiet;
    /* under the lock: */
    struct cmpsrv_http_jobs todo, done;
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
        (pool->threads = OPENSSL_zalloc(options->workers * sizeof(pthread_t))) == NULL) {
        OPENSSL_free(pool);
        return NULL;
    }
    pool->options = *options;
    pool->wake_fd = wake_fd;
    pool->max_todo = 4 * (size_t)options->workers + 1024;
    STAILQ_INIT(&pool->todo);
    STAILQ_INIT(&pool->done);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->quiet, &attr);
    pthread_condattr_destroy(&attr);
    return pool;
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

/* Both are called with the lock held and give it back for the time of the call outside. */
static void run_job(CMPSRV_HTTP_POOL *pool)
{
    CMPSRV_HTTP_JOB *job = STAILQ_FIRST(&pool->todo);
    int first;

    STAILQ_REMOVE_HEAD(&pool->todo, next);
    pool->n_todo--;
    pthread_mutex_unlock(&pool->lock);
    call_handler(&pool->options, job);
    pthread_mutex_lock(&pool->lock);
    first = STAILQ_EMPTY(&pool->done);
    STAILQ_INSERT_TAIL(&pool->done, job, next);
    if (first)
        wake_loop(pool);
}

static void run_tick(CMPSRV_HTTP_POOL *pool)
{
    pool->tick_due = 0;
    pool->ticking = 1;
    pthread_mutex_unlock(&pool->lock);
    pool->options.tick(pool->options.arg);
    pthread_mutex_lock(&pool->lock);
    pool->ticking = 0;
}

/* The tick goes first: behind a full queue it would come too late to be one. */
static void *work(void *arg)
{
    CMPSRV_HTTP_POOL *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (!pool->closed) {
        int tick = pool->tick_due && !pool->ticking;

        if (!tick && STAILQ_EMPTY(&pool->todo)) {
            pthread_cond_wait(&pool->work, &pool->lock);
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

int cmpsrv_http_pool_start(CMPSRV_HTTP_POOL *pool)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_threads < pool->options.workers &&
           pthread_create(&pool->threads[pool->n_threads], NULL, work, pool) == 0)
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
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return room;
}

void cmpsrv_http_pool_tick(CMPSRV_HTTP_POOL *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->tick_due = 1;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

void cmpsrv_http_pool_done(CMPSRV_HTTP_POOL *pool, struct cmpsrv_http_jobs *jobs)
{
    pthread_mutex_lock(&pool->lock);
    STAILQ_CONCAT(jobs, &pool->done);
    pthread_mutex_unlock(&pool->lock);
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
    pthread_cond_broadcast(&pool->work);
    while (pool->busy > 0 && pthread_cond_timedwait(&pool->quiet, &pool->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&pool->lock);
}

void cmpsrv_http_pool_free(CMPSRV_HTTP_POOL *pool)
{
    if (pool == NULL)
        return;
    cmpsrv_http_pool_close(pool, 0);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    free_jobs(&pool->todo);
    free_jobs(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->quiet);
    pthread_mutex_destroy(&pool->lock);
    OPENSSL_free(pool->threads);
    OPENSSL_free(pool);
}
