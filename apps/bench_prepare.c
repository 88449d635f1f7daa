/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-bench prepare: makes a pack, on all cores. Options, files and threads; what a message looks
 * like is bench_message.c's.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define MAX_THREADS    256
#define PROGRESS_EVERY 500 /* ms */

typedef struct {
    const BENCH_RECIPE *recipe;
    BENCH_WRITER *writer;
    size_t count;
    atomic_size_t next, done;
    atomic_int failed;
    CMPSRV_REFUSAL why; /* of the one that set failed */
} JOB;

/* ---- threads -----------------------------------------------------------------------------------
 */

static int make_one(JOB *job, size_t index, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES data = {NULL, 0};
    BENCH_ENTRY entry;
    int ok = bench_message_make(job->recipe, index, &entry, &data, why) &&
             (bench_writer_put(job->writer, index, &entry, cmpsrv_bytes_slice(&data)) ||
              cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE, "cannot write: %s", strerror(errno)));

    OPENSSL_cleanse(&entry, sizeof(entry));
    cmpsrv_bytes_clear(&data);
    return ok;
}

static void *make_some(void *arg)
{
    JOB *job = arg;
    size_t index;

    while (!atomic_load(&job->failed) && (index = atomic_fetch_add(&job->next, 1)) < job->count) {
        CMPSRV_REFUSAL why = {0};

        if (make_one(job, index, &why))
            atomic_fetch_add(&job->done, 1);
        else if (!atomic_exchange(&job->failed, 1))
            job->why = why;
    }
    return NULL;
}

/* This thread only watches; with a terminal on standard error it says how far things are. */
static void watch(JOB *job)
{
    int tty = isatty(STDERR_FILENO);
    struct timespec pause = {0, PROGRESS_EVERY * 1000000L};
    size_t done;

    while (tty && !atomic_load(&job->failed) && (done = atomic_load(&job->done)) < job->count) {
        fprintf(stderr, "\r%zu of %zu prepared", done, job->count);
        nanosleep(&pause, NULL);
    }
    if (tty)
        fprintf(stderr, "\r\033[K");
}

static int run_threads(JOB *job, int threads)
{
    pthread_t ids[MAX_THREADS];
    int n = 0;

    while (n < threads && pthread_create(&ids[n], NULL, make_some, job) == 0)
        n++;
    if (n == 0)
        make_some(job);
    else
        watch(job);
    while (n > 0)
        pthread_join(ids[--n], NULL);
    if (atomic_load(&job->failed))
        bench_fail("%s", job->why.detail);
    return !atomic_load(&job->failed);
}

static int make_pack(const BENCH_RECIPE *r, const char *path, size_t count, int threads)
{
    CMPSRV_SLICE secret = {NULL, 0};
    JOB job = {.recipe = r, .count = count};
    int ok;

    if (r->secret != NULL)
        secret = cmpsrv_secret_get0(r->secret);
    if ((job.writer = bench_writer_new(path, r->workload, count, secret)) == NULL)
        return BENCH_FAILED;
    ok = run_threads(&job, threads);
    if (!bench_writer_finish(job.writer, ok))
        return BENCH_FAILED;
    printf("%s: %zu transactions of %s\n", path, count, r->workload->name);
    return BENCH_OK;
}

/* ---- files -------------------------------------------------------------------------------------
 */

/* pass:TEXT, file:PATH or env:NAME, nothing else: missing() has looked. */
static CMPSRV_SECRET *read_secret(const char *from)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SECRET *s = NULL;
    const char *text = NULL;

    if (strncmp(from, "file:", 5) == 0) {
        if ((s = cmpsrv_secret_from_file(from + 5, &why)) == NULL)
            bench_fail("--secret: %s", why.detail);
        return s;
    }
    text = strncmp(from, "pass:", 5) == 0 ? from + 5 : getenv(from + 4);
    if (text == NULL)
        bench_fail("--secret: there is no environment variable %s", from + 4);
    if (text != NULL && (s = cmpsrv_secret_new(text, strlen(text))) == NULL)
        bench_fail("out of memory");
    return s;
}

static STACK_OF(X509) * read_certs(const char *path)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *b = BIO_new_file(path, "r");
    X509 *x;

    while (b != NULL && certs != NULL && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL)
        if (!sk_X509_push(certs, x))
            X509_free(x);
    BIO_free(b);
    ERR_clear_error(); /* the end of the file is one */
    if (sk_X509_num(certs) > 0)
        return certs;
    bench_fail("--cert: %s has no certificate (PEM)", path);
    sk_X509_pop_free(certs, X509_free);
    return NULL;
}

static EVP_PKEY *read_key(const char *path)
{
    BIO *b = BIO_new_file(path, "r");
    char no_password[] = "";
    EVP_PKEY *key = b == NULL ? NULL : PEM_read_bio_PrivateKey(b, NULL, NULL, no_password);

    BIO_free(b);
    ERR_clear_error();
    if (key == NULL)
        bench_fail("--key: %s has no private key (PEM, not encrypted)", path);
    return key;
}

/* ---- options -----------------------------------------------------------------------------------
 */

typedef struct {
    const char *workload, *out, *secret, *cert, *key;
    size_t count;
    int threads;
    BENCH_RECIPE recipe;
} OPTIONS;

static const char *option_or(BENCH_ARGS *a, const char *name, const char *otherwise, int *bad)
{
    const char *value = bench_option(a, name, 1, bad);

    return value == NULL ? otherwise : value;
}

static int read_options(BENCH_ARGS *a, OPTIONS *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int bad = 0;

    memset(o, 0, sizeof(*o));
    o->workload = bench_option(a, "--workload", 1, &bad);
    o->out = bench_option(a, "--out", 1, &bad);
    o->secret = bench_option(a, "--secret", 1, &bad);
    o->cert = bench_option(a, "--cert", 1, &bad);
    o->key = bench_option(a, "--key", 1, &bad);
    o->recipe.key_type = option_or(a, "--key-type", "ec:P-256", &bad);
    o->recipe.subject = option_or(a, "--subject", "CN=bench-%d,O=cmp-bench", &bad);
    o->recipe.ref = option_or(a, "--ref", "bench", &bad);
    o->recipe.recipient = bench_option(a, "--recipient", 1, &bad);
    o->recipe.iterations = bench_option_int(a, "--iterations", 0, 0, 10000000, &bad);
    o->count = (size_t)bench_option_int(a, "--count", 10000, 1, 100000000, &bad);
    o->threads = (int)bench_option_int(a, "--threads",
                                       cores < 1             ? 1
                                       : cores > MAX_THREADS ? MAX_THREADS
                                                             : cores,
                                       1, MAX_THREADS, &bad);
    return !bad && bench_no_more(a);
}

/* What is missing, in words; NULL: nothing. */
static const char *missing(const OPTIONS *o)
{
    const BENCH_WORKLOAD *w = o->recipe.workload;
    int by_mac = bench_workload_needs(w, BENCH_PBM) || bench_workload_needs(w, BENCH_PBMAC1);
    int by_key = bench_workload_needs(w, BENCH_SIGNATURE);

    if (o->out == NULL)
        return "want --out FILE";
    if (by_mac && o->secret == NULL)
        return "the workload is protected by MAC: want --secret pass:TEXT, file:PATH or env:NAME";
    if (o->secret != NULL && strncmp(o->secret, "pass:", 5) != 0 &&
        strncmp(o->secret, "file:", 5) != 0 && strncmp(o->secret, "env:", 4) != 0)
        return "--secret: want pass:TEXT, file:PATH or env:NAME";
    if (by_key && (o->cert == NULL || o->key == NULL))
        return "the workload is signed: want --cert FILE and --key FILE";
    return NULL;
}

static int check_options(OPTIONS *o)
{
    const char *what;

    if (o->workload == NULL)
        return bench_usage_error("want --workload NAME");
    if ((o->recipe.workload = bench_workload(o->workload)) == NULL)
        return bench_usage_error("there is no workload %s", o->workload);
    if ((what = missing(o)) != NULL)
        return bench_usage_error("%s", what);
    return BENCH_OK;
}

static int load_signer(OPTIONS *o, STACK_OF(X509) * certs, X509 *v[CMPSRV_MAX_EXTRA_CERTS])
{
    if (sk_X509_num(certs) > CMPSRV_MAX_EXTRA_CERTS) {
        bench_fail("--cert: more than %d certificates", CMPSRV_MAX_EXTRA_CERTS);
        return 0;
    }
    for (int i = 0; i < sk_X509_num(certs); i++)
        v[i] = sk_X509_value(certs, i);
    o->recipe.certs = v;
    o->recipe.certs_n = (size_t)sk_X509_num(certs);
    if (X509_check_private_key(v[0], o->recipe.key) == 1)
        return 1;
    ERR_clear_error();
    bench_fail("--key: %s is not the key of the first certificate in %s", o->key, o->cert);
    return 0;
}

static int load_and_make(OPTIONS *o)
{
    X509 *v[CMPSRV_MAX_EXTRA_CERTS];
    STACK_OF(X509) *certs = NULL;
    int needs_key = bench_workload_needs(o->recipe.workload, BENCH_SIGNATURE);
    int status = BENCH_FAILED;

    if (o->secret != NULL && (o->recipe.secret = read_secret(o->secret)) == NULL)
        goto end;
    if (o->recipe.secret != NULL && cmpsrv_secret_get0(o->recipe.secret).n == 0) {
        bench_fail("--secret: it is empty");
        goto end;
    }
    if (needs_key && ((certs = read_certs(o->cert)) == NULL ||
                      (o->recipe.key = read_key(o->key)) == NULL || !load_signer(o, certs, v)))
        goto end;
    status = make_pack(&o->recipe, o->out, o->count, o->threads);
end:
    cmpsrv_secret_free(o->recipe.secret);
    EVP_PKEY_free(o->recipe.key);
    sk_X509_pop_free(certs, X509_free);
    return status;
}

int bench_prepare(BENCH_ARGS *a)
{
    OPTIONS o;
    int status;

    if (!read_options(a, &o))
        return BENCH_USAGE;
    if ((status = check_options(&o)) != BENCH_OK)
        return status;
    return load_and_make(&o);
}
