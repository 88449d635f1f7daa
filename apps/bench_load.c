/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load: threads with a loop each, rounds that go from idle to idle, and arrivals. In a closed
 * loop a connection takes its next transaction as soon as one is done. In an open loop arrivals
 * come at a fixed rate whatever the server does; one that has to wait for a connection counts from
 * when it was due, so a slow server cannot slow down the clock it is measured with.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { MANY_FAILURES = 100 };

/* Arrivals that are closer together than that begin together, the first of them so much late: to
 * wake up for each would cost a machine that the server shares more than the request. Each counts
 * from when it was due. */
#define ARRIVAL_NS 400000

struct bench_thread_st {
    BENCH_LOAD *l;
    size_t number;
    pthread_t id;
    int started, wake_fd;
    struct event_base *base;
    struct event *wake, *tick, *arrival;
    BENCH_CONN **conns, **idle;
    size_t conns_n, idle_n;
    uint64_t arrivals;   /* of the open loop, this thread's share */
    int active, over;    /* a round is on; nothing more is begun in it */
    size_t failing;      /* connections in a row that failed */
    BENCH_RESULT result; /* of this thread in this round */
};

struct bench_load_st {
    BENCH_LOAD_OPTIONS o;
    BENCH_THREAD *threads;
    atomic_size_t next, tickets; /* of the pack; of the round */
    atomic_uint_fast64_t done, failed;
    atomic_int used_up, stop;
    /* of the round; set while all threads are idle */
    BENCH_PLAN plan;
    int64_t begun, ends, gives_up; /* INT64_MAX: never */
    uint64_t reconnects_before;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t running;
    int quit;
};

/* ---- in a thread -------------------------------------------------------------------------------
 */

/* When arrival n of this thread is due: the threads take turns. */
static int64_t due(const BENCH_THREAD *th, uint64_t n)
{
    double k = (double)n * (double)th->l->o.threads + (double)th->number;

    return th->l->begun + (int64_t)(k / th->l->plan.rate * 1e9);
}

/* A transaction that may begin now: its index in the pack. 0: the round is over. */
static int take_ticket(BENCH_LOAD *l, size_t *index)
{
    if (atomic_load(&l->stop))
        return 0;
    if (l->plan.requests > 0 && atomic_fetch_add(&l->tickets, 1) >= l->plan.requests)
        return 0;
    *index = atomic_fetch_add(&l->next, 1);
    if (*index < bench_pack_count(l->o.check->pack))
        return 1;
    atomic_store(&l->used_up, 1);
    return 0;
}

static void begin_one(BENCH_THREAD *th, size_t index, int64_t scheduled)
{
    BENCH_LOAD *l = th->l;
    int fully = l->o.check_every > 0 && index % l->o.check_every == 0;

    if (bench_conn_begin(th->idle[th->idle_n - 1], index, fully, scheduled)) {
        th->idle_n--;
        return;
    }
    bench_fail("out of memory");
    atomic_store(&l->stop, 1);
}

/* Arrivals that nobody will serve count with what they have waited so far. */
static void give_up_arrivals(BENCH_THREAD *th, int64_t now)
{
    for (int64_t at; (at = due(th, th->arrivals)) < th->l->ends; th->arrivals++) {
        bench_hist_add(&th->result.latency, (now - at) / 1000);
        th->result.not_started++;
    }
}

static void pump_closed(BENCH_THREAD *th, int64_t now)
{
    size_t index;

    while (!th->over && th->idle_n > 0) {
        if ((th->over = now >= th->l->ends || !take_ticket(th->l, &index)))
            return;
        begin_one(th, index, now);
    }
}

static void wait_for_arrival(BENCH_THREAD *th, int64_t ns)
{
    struct timeval wait;

    if (due(th, th->arrivals + 1) - due(th, th->arrivals) < ARRIVAL_NS)
        ns += ARRIVAL_NS;
    wait.tv_sec = ns / 1000000000;
    wait.tv_usec = ns % 1000000000 / 1000 + 1;
    event_add(th->arrival, &wait);
}

static void pump_open(BENCH_THREAD *th, int64_t now)
{
    size_t index;

    if (!th->over && now >= th->l->gives_up) {
        give_up_arrivals(th, now);
        th->over = 1;
    }
    while (!th->over && th->idle_n > 0) {
        int64_t at = due(th, th->arrivals);

        if ((th->over = at >= th->l->ends))
            return;
        if (at > now) {
            wait_for_arrival(th, at - now);
            return;
        }
        if ((th->over = !take_ticket(th->l, &index)))
            return;
        th->arrivals++;
        begin_one(th, index, at);
    }
}

static void end_round(BENCH_THREAD *th)
{
    BENCH_LOAD *l = th->l;

    th->active = 0;
    event_del(th->arrival);
    pthread_mutex_lock(&l->lock);
    if (--l->running == 0)
        pthread_cond_signal(&l->idle);
    pthread_mutex_unlock(&l->lock);
}

static void pump(BENCH_THREAD *th)
{
    int64_t now = bench_now();

    if (!th->active)
        return;
    if (atomic_load(&th->l->stop))
        th->over = 1;
    if (th->l->plan.rate > 0)
        pump_open(th, now);
    else
        pump_closed(th, now);
    if (th->over && th->idle_n == th->conns_n)
        end_round(th);
}

static void note_reason(BENCH_RESULT *r, const char *text, uint64_t n)
{
    for (size_t i = 0; i < BENCH_REASONS; i++) {
        if (r->reasons[i].n == 0)
            snprintf(r->reasons[i].text, sizeof(r->reasons[i].text), "%s", text);
        else if (strncmp(r->reasons[i].text, text, sizeof(r->reasons[i].text) - 1) != 0)
            continue;
        r->reasons[i].n += n;
        return;
    }
}

static void stop(BENCH_LOAD *l, const char *why)
{
    if (atomic_exchange(&l->stop, 1) == 0)
        bench_fail("stopped: %s", why);
}

static void count_failure(BENCH_THREAD *th, const char *why, int transport)
{
    BENCH_LOAD *l = th->l;
    uint64_t failed = atomic_fetch_add(&l->failed, 1) + 1;

    th->result.failed++;
    note_reason(&th->result, why == NULL || *why == '\0' ? "no reason given" : why, 1);
    th->failing = transport ? th->failing + 1 : 0;
    if (th->failing > 2 * th->conns_n + 10)
        stop(l, why);
    if (failed >= MANY_FAILURES && failed > atomic_load(&l->done))
        stop(l, "more transactions fail than succeed");
}

void bench_thread_done(BENCH_THREAD *th, BENCH_CONN *c, const char *why, int transport)
{
    const BENCH_WORKLOAD *w = bench_conn_workload(c);
    size_t row = w == NULL ? bench_workloads_n : (size_t)(w - bench_workloads);

    if (why != NULL) {
        count_failure(th, why, transport);
    } else {
        th->failing = 0;
        th->result.done++;
        th->result.fully += bench_conn_fully(c) != 0;
        if (row < BENCH_MAX_WORKLOADS)
            th->result.by_workload[row]++;
        bench_hist_add(&th->result.latency, (bench_now() - bench_conn_scheduled(c)) / 1000);
        atomic_fetch_add_explicit(&th->l->done, 1, memory_order_relaxed);
    }
    th->idle[th->idle_n++] = c;
    pump(th);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    BENCH_THREAD *th = arg;
    uint64_t n;
    int quit;

    (void)what;
    if (read((int)fd, &n, sizeof(n)) != sizeof(n))
        return;
    pthread_mutex_lock(&th->l->lock);
    quit = th->l->quit;
    pthread_mutex_unlock(&th->l->lock);
    if (quit) {
        event_base_loopbreak(th->base);
        return;
    }
    memset(&th->result, 0, sizeof(th->result));
    th->arrivals = 0;
    th->failing = 0;
    th->over = 0;
    th->active = 1;
    pump(th);
}

static void on_arrival(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    BENCH_THREAD *th = arg;
    int64_t before = bench_now() - th->l->o.timeout_ms * 1000000;

    (void)fd;
    (void)what;
    for (size_t i = 0; th->active && i < th->conns_n; i++)
        bench_conn_expire(th->conns[i], before);
}

static void *run_thread(void *arg)
{
    BENCH_THREAD *th = arg;

    event_base_loop(th->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

/* ---- setting up --------------------------------------------------------------------------------
 */

/* Arrivals want microseconds: without the flag timers are good to a millisecond. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int set_up_events(BENCH_THREAD *th)
{
    static const struct timeval second = {.tv_sec = 1};

    if ((th->base = new_base()) == NULL || (th->wake_fd = eventfd(0, EFD_CLOEXEC)) < 0)
        return 0;
    th->wake = event_new(th->base, th->wake_fd, EV_READ | EV_PERSIST, on_wake, th);
    th->tick = event_new(th->base, -1, EV_PERSIST, on_tick, th);
    th->arrival = evtimer_new(th->base, on_arrival, th);
    return th->wake != NULL && th->tick != NULL && th->arrival != NULL &&
           event_add(th->wake, NULL) == 0 && event_add(th->tick, &second) == 0;
}

static int set_up_thread(BENCH_LOAD *l, BENCH_THREAD *th, size_t conns)
{
    th->l = l;
    if (!set_up_events(th) || (th->conns = OPENSSL_zalloc(conns * sizeof(*th->conns))) == NULL ||
        (th->idle = OPENSSL_zalloc(conns * sizeof(*th->idle))) == NULL)
        return 0;
    for (; th->conns_n < conns; th->conns_n++) {
        BENCH_CONN *c = bench_conn_new(th, th->base, l->o.target, l->o.check);

        if (c == NULL)
            return 0;
        th->conns[th->conns_n] = th->idle[th->idle_n++] = c;
    }
    return th->started = pthread_create(&th->id, NULL, run_thread, th) == 0;
}

static void free_thread(BENCH_THREAD *th)
{
    for (size_t i = 0; i < th->conns_n; i++)
        bench_conn_free(th->conns[i]);
    OPENSSL_free(th->conns);
    OPENSSL_free(th->idle);
    if (th->wake != NULL)
        event_free(th->wake);
    if (th->tick != NULL)
        event_free(th->tick);
    if (th->arrival != NULL)
        event_free(th->arrival);
    if (th->base != NULL)
        event_base_free(th->base);
    if (th->wake_fd >= 0)
        close(th->wake_fd);
}

static void wake(BENCH_THREAD *th)
{
    static const uint64_t one = 1;

    if (write(th->wake_fd, &one, sizeof(one)) != sizeof(one))
        bench_fail("eventfd: %s", strerror(errno));
}

static int init_lock(BENCH_LOAD *l)
{
    pthread_condattr_t attr;

    return pthread_mutex_init(&l->lock, NULL) == 0 && pthread_condattr_init(&attr) == 0 &&
           pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&l->idle, &attr) == 0;
}

BENCH_LOAD *bench_load_new(const BENCH_LOAD_OPTIONS *options)
{
    BENCH_LOAD *l = OPENSSL_zalloc(sizeof(*l));
    size_t n = options->threads, each = options->connections / n;

    if (l == NULL || !init_lock(l) ||
        (l->threads = OPENSSL_zalloc(n * sizeof(*l->threads))) == NULL) {
        bench_fail("out of memory");
        OPENSSL_free(l);
        return NULL;
    }
    l->o = *options;
    for (size_t i = 0; i < n; i++) {
        l->threads[i].number = i;
        l->threads[i].wake_fd = -1;
    }
    for (size_t i = 0; i < n; i++)
        if (!set_up_thread(l, &l->threads[i], each + (i < options->connections % n))) {
            bench_fail("cannot set up a thread of load: %s", strerror(errno));
            bench_load_free(l);
            return NULL;
        }
    return l;
}

void bench_load_free(BENCH_LOAD *l)
{
    if (l == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    l->quit = 1;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->o.threads; i++) {
        if (l->threads[i].started) {
            wake(&l->threads[i]);
            pthread_join(l->threads[i].id, NULL);
        }
        free_thread(&l->threads[i]);
    }
    pthread_cond_destroy(&l->idle);
    pthread_mutex_destroy(&l->lock);
    OPENSSL_free(l->threads);
    OPENSSL_free(l);
}

/* ---- a round -----------------------------------------------------------------------------------
 */

static uint64_t count_reconnects(const BENCH_LOAD *l)
{
    uint64_t n = 0;

    for (size_t i = 0; i < l->o.threads; i++)
        for (size_t c = 0; c < l->threads[i].conns_n; c++)
            n += bench_conn_reconnects(l->threads[i].conns[c]);
    return n;
}

static void begin_round(BENCH_LOAD *l, const BENCH_PLAN *plan)
{
    int64_t length = (int64_t)(plan->seconds * 1e9);

    pthread_mutex_lock(&l->lock);
    l->plan = *plan;
    l->running = l->o.threads;
    l->reconnects_before = count_reconnects(l);
    atomic_store(&l->tickets, 0);
    atomic_store(&l->done, 0);
    atomic_store(&l->failed, 0);
    l->begun = bench_now();
    l->ends = length > 0 ? l->begun + length : INT64_MAX;
    l->gives_up = length > 0 ? l->ends + length / 10 : INT64_MAX;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->o.threads; i++)
        wake(&l->threads[i]);
}

static void print_progress(BENCH_LOAD *l, uint64_t *before)
{
    uint64_t done = atomic_load(&l->done);

    fprintf(stderr, "%s%s: %.0f s, %llu done, %llu/s, %llu failed%s", isatty(2) ? "\r" : "",
            l->plan.name, (double)(bench_now() - l->begun) / 1e9, (unsigned long long)done,
            (unsigned long long)(done - *before), (unsigned long long)atomic_load(&l->failed),
            isatty(2) ? "   " : "\n");
    *before = done;
}

static void wait_until_idle(BENCH_LOAD *l)
{
    uint64_t before = 0;
    struct timespec until;
    int printed = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    pthread_mutex_lock(&l->lock);
    for (until.tv_sec++; l->running > 0;) {
        if (pthread_cond_timedwait(&l->idle, &l->lock, &until) != ETIMEDOUT)
            continue;
        until.tv_sec++;
        if (l->o.progress) {
            print_progress(l, &before);
            printed = 1;
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (printed && isatty(2))
        fputs("\r\033[K", stderr);
}

static void add_result(BENCH_RESULT *to, const BENCH_RESULT *r)
{
    to->done += r->done;
    to->failed += r->failed;
    to->fully += r->fully;
    to->not_started += r->not_started;
    for (size_t i = 0; i < BENCH_MAX_WORKLOADS; i++)
        to->by_workload[i] += r->by_workload[i];
    for (size_t i = 0; i < BENCH_REASONS && r->reasons[i].n > 0; i++)
        note_reason(to, r->reasons[i].text, r->reasons[i].n);
    bench_hist_merge(&to->latency, &r->latency);
}

int bench_load_round(BENCH_LOAD *l, const BENCH_PLAN *plan, BENCH_RESULT *result)
{
    int stopped;

    memset(result, 0, sizeof(*result));
    begin_round(l, plan);
    wait_until_idle(l);
    result->seconds = (double)(bench_now() - l->begun) / 1e9;
    result->reconnects = count_reconnects(l) - l->reconnects_before;
    for (size_t i = 0; i < l->o.threads; i++)
        add_result(result, &l->threads[i].result);
    stopped = atomic_load(&l->stop);
    result->complete = !stopped && !atomic_load(&l->used_up);
    return !stopped;
}

size_t bench_load_left(BENCH_LOAD *l)
{
    size_t count = bench_pack_count(l->o.check->pack), next = atomic_load(&l->next);

    return next < count ? count - next : 0;
}
