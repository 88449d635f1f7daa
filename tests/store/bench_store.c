/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store costs: threads that commit what an ir in RA mode commits (end entity, certificate,
 * transaction, audit record), each its own names, keys and transactionIDs; then, if asked, reads as
 * the line does them, and the end of all stored answers. Prints CPU time, wall time and the mean
 * group. Not part of `make check`: `tests/store/bench_store FILE COUNT THREADS [reads] [expire]`.
 */
#include "config.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

#include "typical.h"

typedef struct {
    CMPSRV_STORE *store;
    unsigned seed, count;
    int read; /* 0: commits */
    atomic_int *failed;
} WORK;

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* What the line asks before it answers a first ir in RA mode. */
static int read_one(CMPSRV_STORE *s, TYPICAL_RANDOM *r)
{
    CMPSRV_END_ENTITY_ROW e;
    CMPSRV_CERT_ROW cert;
    CMPSRV_TXN t;
    unsigned char tid[16], hash[CMPSRV_HASH];
    char name[32];
    int used;

    typical_octets(r, tid, sizeof(tid));
    typical_octets(r, hash, sizeof(hash));
    snprintf(name, sizeof(name), "nobody-%08x", (unsigned)typical_next(r));
    return cmpsrv_store_txn_get(s, "factory", cmpsrv_slice(tid, 16), &t, &used, NULL) == 0 &&
           !used &&
           cmpsrv_store_cert_unconfirmed(s, "factory", TYPICAL_CA, hash, hash, hash, 1, &cert,
                                         NULL) == 0 &&
           cmpsrv_store_entity_get(s, name, &e, NULL) == 0;
}

static void *work(void *arg)
{
    const WORK *w = arg;
    TYPICAL_RANDOM r = {w->seed};
    CMPSRV_CHANGES c = {0};

    for (unsigned i = 0; i < w->count; i++) {
        int ok;

        if (w->read) {
            ok = read_one(w->store, &r);
        } else {
            typical_issuance(&c, &r);
            ok = cmpsrv_store_commit(w->store, &c, NULL) == CMPSRV_COMMIT_DONE;
            cmpsrv_changes_clear(&c);
        }
        if (!ok)
            atomic_store(w->failed, 1);
    }
    return NULL;
}

static int run(CMPSRV_STORE *s, const char *what, unsigned count, unsigned threads, int read)
{
    static unsigned seed;
    pthread_t id[256];
    WORK w[256];
    atomic_int failed = 0;
    double cpu = cpu_us();
    int64_t begun = cmpsrv_time_mono();
    CMPSRV_STORE_STATS before, after;

    cmpsrv_store_stats(s, &before);
    if (seed == 0)
        cmpsrv_random((unsigned char *)&seed, sizeof(seed));
    for (unsigned i = 0; i < threads; i++) {
        w[i] = (WORK){s, seed++, count / threads, read, &failed};
        pthread_create(&id[i], NULL, work, &w[i]);
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
    cmpsrv_store_stats(s, &after);
    printf("%-8s %7u in %2u threads: %6.1f us CPU each, %6.0f a second", what, count, threads,
           (cpu_us() - cpu) / count, count * 1000.0 / (double)(cmpsrv_time_mono() - begun));
    if (after.commits > before.commits)
        printf(", %.1f a commit", (double)(after.transactions - before.transactions) /
                                      (double)(after.commits - before.commits));
    printf("\n");
    return !failed;
}

int main(int argc, char **argv)
{
    char url[512];
    CMPSRV_SECRET *key = cmpsrv_secret_new("store key of the bench", 22);
    CMPSRV_STORE_OPTIONS o = {.key = key};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_STORE *s;
    int64_t begun = cmpsrv_time_mono();
    int ok;

    if (argc < 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > 256) {
        fprintf(stderr, "usage: bench_store FILE COUNT THREADS [reads] [expire]\n");
        return 2;
    }
    snprintf(url, sizeof(url), "sqlite:%s", argv[1]);
    s = cmpsrv_store_open(url, &o, &why);
    ok = s != NULL && cmpsrv_store_ca_register(s, TYPICAL_CA, "Issuing", &why);
    if (ok)
        printf("open: %" PRId64 " ms\n", cmpsrv_time_mono() - begun);
    ok = ok && run(s, "commit", (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), 0);
    for (int i = 4; ok && i < argc; i++)
        ok = strcmp(argv[i], "reads") == 0
                 ? run(s, "reads", (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), 1)
                 : typical_expire(s);
    if (!ok)
        fprintf(stderr, "failed: %s\n", why.detail);
    cmpsrv_store_free(s);
    cmpsrv_secret_free(key);
    return !ok;
}
