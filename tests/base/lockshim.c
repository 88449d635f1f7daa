/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD module that times what waits for locks: mutexes and read-write locks of the program
 * and of the libraries it uses. A lock that is free is taken at once and only counted. At the end
 * of the process $LOCKSHIM_REPORT gets one JSON object: locks, waits, wait_s (of all threads),
 * cpu_s. Not seen are malloc's own locks, and a mutex that pthread_cond_wait() takes again.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Each thread counts for itself, and adds up when there are many: a shared counter for every lock
 * would be what the threads wait for. */
enum { OFTEN = 256 };
static _Thread_local unsigned taken;
static atomic_llong locks, waits, wait_ns, wait_cpu_ns;

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void count_lock(void)
{
    if (++taken % OFTEN == 0)
        atomic_fetch_add_explicit(&locks, OFTEN, memory_order_relaxed);
}

/* Who waits: few places, so a table that is searched from its begin; what does not fit is in the
 * sums alone. */
enum { PLACES = 64 };
static struct {
    _Atomic(void *) caller;
    atomic_llong waits, wait_ns;
} places[PLACES];

static void count_wait(void *caller, int64_t ns, int64_t cpu_ns)
{
    atomic_fetch_add_explicit(&waits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&wait_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&wait_cpu_ns, cpu_ns, memory_order_relaxed);
    for (int i = 0; i < PLACES; i++) {
        void *there = NULL;

        if (atomic_compare_exchange_strong(&places[i].caller, &there, caller) || there == caller) {
            atomic_fetch_add_explicit(&places[i].waits, 1, memory_order_relaxed);
            atomic_fetch_add_explicit(&places[i].wait_ns, ns, memory_order_relaxed);
            return;
        }
    }
}

/* name(lock) tries first, and times the call that it stands before only if that has to wait. The
 * union is there because ISO C has no such conversion. */
#define TIMED(name, try, type)                                                                     \
    int name(type *lock)                                                                           \
    {                                                                                              \
        static _Atomic(void *) found;                                                              \
        void *p = atomic_load_explicit(&found, memory_order_relaxed);                              \
        union {                                                                                    \
            void *p;                                                                               \
            int (*f)(type *);                                                                      \
        } next;                                                                                    \
        int64_t begun, cpu;                                                                        \
        int rc;                                                                                    \
                                                                                                   \
        count_lock();                                                                              \
        if (try(lock) == 0)                                                                        \
            return 0;                                                                              \
        if (p == NULL)                                                                             \
            atomic_store(&found, p = dlsym(RTLD_NEXT, #name));                                     \
        next.p = p;                                                                                \
        begun = now_ns(CLOCK_MONOTONIC);                                                           \
        cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);                                                     \
        rc = next.f(lock);                                                                         \
        count_wait(__builtin_return_address(0), now_ns(CLOCK_MONOTONIC) - begun,                   \
                   now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);                                         \
        return rc;                                                                                 \
    }

TIMED(pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_t)
TIMED(pthread_rwlock_rdlock, pthread_rwlock_tryrdlock, pthread_rwlock_t)
TIMED(pthread_rwlock_wrlock, pthread_rwlock_trywrlock, pthread_rwlock_t)

static void report_places(FILE *f)
{
    const char *comma = "";

    for (int i = 0; i < PLACES && atomic_load(&places[i].caller) != NULL; i++) {
        char *at = atomic_load(&places[i].caller);
        Dl_info info = {.dli_fname = "?"};

        if (dladdr(at, &info) == 0)
            info.dli_fbase = NULL;
        fprintf(f, "%s\n  {\"object\": \"%s\", \"offset\": \"%#tx\", \"function\": \"%s\", ", comma,
                info.dli_fname, at - (char *)info.dli_fbase,
                info.dli_sname == NULL ? "" : info.dli_sname);
        fprintf(f, "\"waits\": %lld, \"wait_s\": %.6f}", atomic_load(&places[i].waits),
                (double)atomic_load(&places[i].wait_ns) / 1e9);
        comma = ",";
    }
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("LOCKSHIM_REPORT");
    FILE *f = path == NULL ? NULL : fopen(path, "w");

    if (f == NULL)
        return;
    fprintf(f,
            "{\"locks\": %lld, \"waits\": %lld, \"wait_s\": %.6f, \"wait_cpu_s\": %.6f, \"cpu_s\": "
            "%.6f, \"callers\": [",
            atomic_load(&locks), atomic_load(&waits), (double)atomic_load(&wait_ns) / 1e9,
            (double)atomic_load(&wait_cpu_ns) / 1e9,
            (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
    report_places(f);
    fputs("]}\n", f);
    fclose(f);
}
