/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker threads. A job goes in from the loop, is handled, and comes back to the loop; a worker
 * never touches a connection.
 */
#include "config.h"

#include "http/http_local.h"

#include <signal.h>
#include <string.h>

#include <openssl/crypto.h>

struct http_pool_st {
    const CMPSRV_HTTP_OPTIONS *o;
    struct event *wake;
    pthread_mutex_t lock;
    pthread_cond_t work;
    HTTP_JOB *first, *last; /* waiting */
    HTTP_JOB *done;         /* come back */
    size_t waiting, limit;
    int stop;
    pthread_t *threads;
    unsigned threads_n;
};

void cmpsrv_http_job_free(HTTP_JOB *job)
{
    if (job == NULL)
        return;
    OPENSSL_free(job->path);
    cmpsrv_bytes_clear(&job->body);
    OPENSSL_free(job->rsp);
    OPENSSL_free(job);
}

static void handle(HTTP_POOL *p, HTTP_JOB *job)
{
    if (job->is_tick)
        p->o->tick(p->o->arg);
    else
        job->ok = p->o->handler(p->o->arg, job->path, job->body.p, job->body.n, &job->rsp,
                                &job->rsp_len, &job->status);
}

/* The next job, NULL when it is time to go. */
static HTTP_JOB *wait_for_job(HTTP_POOL *p)
{
    HTTP_JOB *job = NULL;

    pthread_mutex_lock(&p->lock);
    while (p->first == NULL && !p->stop)
        pthread_cond_wait(&p->work, &p->lock);
    if (!p->stop) {
        job = p->first;
        p->first = job->next;
        p->waiting--;
    }
    pthread_mutex_unlock(&p->lock);
    return job;
}

static void *work(void *arg)
{
    HTTP_POOL *p = arg;
    HTTP_JOB *job;

    while ((job = wait_for_job(p)) != NULL) {
        handle(p, job);
        pthread_mutex_lock(&p->lock);
        job->next = p->done;
        p->done = job;
        pthread_mutex_unlock(&p->lock);
        event_active(p->wake, EV_READ, 0);
    }
    OPENSSL_thread_stop();
    return NULL;
}

HTTP_POOL *cmpsrv_http_pool_new(const CMPSRV_HTTP_OPTIONS *o, struct event *wake)
{
    HTTP_POOL *p = OPENSSL_zalloc(sizeof(*p));
    sigset_t all, before;

    if (p == NULL || (p->threads = OPENSSL_zalloc(o->workers * sizeof(*p->threads))) == NULL) {
        OPENSSL_free(p);
        return NULL;
    }
    p->o = o;
    p->wake = wake;
    p->limit = 1024 + 4 * (size_t)o->workers;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    sigfillset(&all); /* signals are for the thread that runs the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->threads_n < o->workers &&
           pthread_create(&p->threads[p->threads_n], NULL, work, p) == 0)
        p->threads_n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (p->threads_n < o->workers) {
        cmpsrv_http_pool_free(p);
        return NULL;
    }
    return p;
}

int cmpsrv_http_pool_put(HTTP_POOL *p, HTTP_JOB *job)
{
    int ok;

    pthread_mutex_lock(&p->lock);
    if ((ok = p->waiting < p->limit) != 0) {
        job->next = NULL;
        if (p->first == NULL)
            p->first = job;
        else
            p->last->next = job;
        p->last = job;
        p->waiting++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}

HTTP_JOB *cmpsrv_http_pool_take(HTTP_POOL *p)
{
    HTTP_JOB *jobs;

    pthread_mutex_lock(&p->lock);
    jobs = p->done;
    p->done = NULL;
    pthread_mutex_unlock(&p->lock);
    return jobs;
}

static void free_list(HTTP_JOB *job)
{
    while (job != NULL) {
        HTTP_JOB *next = job->next;

        cmpsrv_http_job_free(job);
        job = next;
    }
}

void cmpsrv_http_pool_free(HTTP_POOL *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads_n; i++)
        pthread_join(p->threads[i], NULL);
    free_list(p->first);
    free_list(p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    OPENSSL_free(p->threads);
    OPENSSL_free(p);
}
