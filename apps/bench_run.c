/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-bench run: reads the options, makes what the rounds need, and goes round by round: limit,
 * disk, load, so that each ratio is of two measures that stand next to each other.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

enum { LIMIT_MS = 400, SYNC_MS = 300, MAX_TRUSTED = 64, MAX_ROUNDS = 1000, MAX_STEPS = 100 };

typedef struct {
    const char *pack, *url, *metrics, *ca, *trusted, *tls_ca, *tls_cert, *tls_key, *sync;
    int64_t connections, threads, requests, rounds, pid, limit_threads, check_every, steps;
    double rate, seconds, warmup, timeout, must;
    int limit, progress, any_certificate;
} OPTIONS;

typedef struct {
    OPTIONS o;
    int json;
    BENCH_PACK *pack;
    BENCH_TARGET target, metrics;
    X509 *ca, *trusted[MAX_TRUSTED];
    BENCH_CHECK check;
    BENCH_PROCESS process;
    BENCH_LOAD *load;
    BENCH_REPORT report;
    int failed; /* a round was stopped or had failures; the pack was used up */
} RUN;

/* ---- options -----------------------------------------------------------------------------------
 */

static double option_number(BENCH_ARGS *a, const char *name, double otherwise, int *bad)
{
    const char *text = bench_option(a, name, 1, bad);
    char *end;
    double v;

    if (text == NULL)
        return otherwise;
    v = strtod(text, &end);
    if (*text != '\0' && *end == '\0' && v >= 0 && v <= 1e9)
        return v;
    *bad = 1;
    bench_usage_error("%s %s: want a number from 0 to 1e9", name, text);
    return otherwise;
}

static void read_texts(BENCH_ARGS *a, OPTIONS *o, int *bad)
{
    const struct {
        const char *name, **value;
    } rows[] = {
        {"--pack", &o->pack},       {"--url", &o->url},
        {"--against", &o->url},     {"--metrics", &o->metrics},
        {"--ca", &o->ca},           {"--trusted", &o->trusted},
        {"--tls-ca", &o->tls_ca},   {"--tls-cert", &o->tls_cert},
        {"--tls-key", &o->tls_key}, {"--fdatasync", &o->sync},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        const char *value = bench_option(a, rows[i].name, 1, bad);

        if (value != NULL)
            *rows[i].value = value;
    }
}

static void read_numbers(BENCH_ARGS *a, OPTIONS *o, int *bad)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    o->connections = bench_option_int(a, "--connections", 64, 1, 100000, bad);
    o->threads = bench_option_int(a, "--threads", 1, 1, 256, bad);
    o->requests = bench_option_int(a, "--requests", 0, 0, 1000000000, bad);
    o->rounds = bench_option_int(a, "--rounds", 7, 1, MAX_ROUNDS, bad);
    o->pid = bench_option_int(a, "--pid", 0, 1, INT_MAX, bad);
    o->limit_threads = bench_option_int(a, "--limit-threads", cores < 1 ? 1 : cores, 1, 1024, bad);
    o->check_every = bench_option_int(a, "--check-every", 100, 0, 1000000000, bad);
    o->steps = bench_option_int(a, "--steps", 0, 1, MAX_STEPS, bad);
    o->rate = option_number(a, "--rate", 0, bad);
    o->seconds = option_number(a, "--seconds", 0, bad);
    o->warmup = option_number(a, "--warmup", 1, bad);
    o->timeout = option_number(a, "--timeout", 30, bad);
    o->must = option_number(a, "--must", 0, bad);
}

/* What is not allowed together, or missing; NULL if all is well. */
static const char *find_conflict(const OPTIONS *o)
{
    if (o->pack == NULL || o->url == NULL)
        return "want --pack FILE and --url URL";
    if (o->threads > o->connections)
        return "more --threads than --connections";
    if (o->pid > 0 && o->metrics != NULL)
        return "--pid and --metrics are two ways to say the same: give one";
    if (o->limit && o->pid == 0 && o->metrics == NULL)
        return "--limit is compared with the server's CPU: give --pid or --metrics";
    if (o->limit && o->ca == NULL)
        return "--limit signs with a key of the CA's type: give --ca";
    if (o->must > 0 && !o->limit)
        return "--must is about the ratio of --limit";
    if (o->must > 0 && BENCH_IS_INSTRUMENTED)
        return "--must: this cmp-bench is built with a sanitizer, its limit would be too high";
    if (o->steps > 0 && o->rate > 0)
        return "--steps goes through rates by itself: no --rate";
    return o->timeout <= 0 ? "--timeout has to be above 0" : NULL;
}

static int read_options(BENCH_ARGS *a, OPTIONS *o)
{
    const char *conflict;
    int bad = 0;

    read_texts(a, o, &bad);
    read_numbers(a, o, &bad);
    o->limit = bench_option(a, "--limit", 0, &bad) != NULL;
    o->any_certificate = bench_option(a, "--any-certificate", 0, &bad) != NULL;
    o->progress = bench_option(a, "--progress", 0, &bad) != NULL || isatty(STDERR_FILENO);
    if (bad || !bench_no_more(a))
        return 0;
    if ((conflict = find_conflict(o)) != NULL)
        bench_usage_error("%s", conflict);
    return conflict == NULL;
}

/* ---- setting up --------------------------------------------------------------------------------
 */

/* All certificates of a PEM file, at most max; how many, 0 with the error printed. */
static size_t read_certs(const char *path, X509 **certs, size_t max)
{
    BIO *in = BIO_new_file(path, "r");
    size_t n = 0;

    while (in != NULL && n < max && (certs[n] = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
        n++;
    BIO_free(in);
    if (n == 0)
        bench_fail("%s: no certificate in PEM", path);
    return n;
}

static int set_up_check(RUN *r)
{
    if ((r->pack = bench_pack_open(r->o.pack)) == NULL)
        return 0;
    if (r->o.ca != NULL && read_certs(r->o.ca, &r->ca, 1) == 0)
        return 0;
    if (r->o.trusted != NULL &&
        (r->check.trusted_n = read_certs(r->o.trusted, r->trusted, MAX_TRUSTED)) == 0)
        return 0;
    r->check.pack = r->pack;
    r->check.any_certificate = r->o.any_certificate;
    r->check.ca = r->ca;
    r->check.trusted = r->trusted;
    return 1;
}

static int set_up_server(RUN *r)
{
    const OPTIONS *o = &r->o;
    BENCH_SAMPLE s;

    if (!bench_target_init(&r->target, o->url, o->tls_ca, o->tls_cert, o->tls_key))
        return 0;
    r->process.pid = (int)o->pid;
    if (o->metrics != NULL) {
        if (strncmp(o->metrics, "http://", 7) != 0) {
            bench_usage_error("--metrics is an http:// URL");
            return 0;
        }
        if (!bench_target_init(&r->metrics, o->metrics, NULL, NULL, NULL))
            return 0;
        r->process.metrics = &r->metrics;
    }
    return bench_process_sample(&r->process, &s); /* better now than after the warm-up */
}

static int set_up_load(RUN *r)
{
    const OPTIONS *o = &r->o;
    BENCH_LOAD_OPTIONS options = {.target = &r->target,
                                  .check = &r->check,
                                  .connections = (size_t)o->connections,
                                  .threads = (size_t)o->threads,
                                  .check_every = (size_t)o->check_every,
                                  .timeout_ms = (int64_t)(o->timeout * 1000),
                                  .progress = o->progress};

    return (r->load = bench_load_new(&options)) != NULL;
}

static int set_up_report(RUN *r)
{
    BENCH_REPORT *p = &r->report;

    p->url = r->o.url;
    p->pack = r->o.pack;
    p->workload = bench_pack_workload(r->pack);
    p->connections = (size_t)r->o.connections;
    p->threads = (size_t)r->o.threads;
    p->must = r->o.must;
    p->any_certificate = r->o.any_certificate;
    p->limit_threads = (int)r->o.limit_threads;
    p->rounds = OPENSSL_zalloc((size_t)r->o.rounds * sizeof(*p->rounds));
    p->steps = OPENSSL_zalloc(((size_t)r->o.steps + 1) * sizeof(*p->steps));
    if (p->rounds == NULL || p->steps == NULL) {
        bench_fail("out of memory");
        return 0;
    }
    return !r->o.limit ||
           (p->limit = bench_limit_new(p->workload, X509_get0_pubkey(r->ca))) != NULL;
}

static void clear(RUN *r)
{
    bench_load_free(r->load);
    bench_limit_free(r->report.limit);
    OPENSSL_free(r->report.rounds);
    OPENSSL_free(r->report.steps);
    bench_target_clear(&r->target);
    bench_target_clear(&r->metrics);
    X509_free(r->ca);
    for (size_t i = 0; i < r->check.trusted_n; i++)
        X509_free(r->trusted[i]);
    bench_pack_free(r->pack);
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

/* Says why a round was not all well. 0: no further round. */
static int judge_round(RUN *r, const BENCH_RESULT *result, int stopped)
{
    for (size_t i = 0; i < BENCH_REASONS && result->reasons[i].n > 0; i++)
        bench_fail("%llu failed: %s", (unsigned long long)result->reasons[i].n,
                   result->reasons[i].text);
    if (!stopped && !result->complete)
        bench_fail("pack used up after %zu transactions: prepare more", bench_pack_count(r->pack));
    if (result->failed > 0 || !result->complete)
        r->failed = 1;
    return result->complete;
}

/* A round of load with the server's cost before and after. 0: no further round. */
static int load_round(RUN *r, const BENCH_PLAN *plan, BENCH_ROUND *round)
{
    BENCH_SAMPLE before;
    int went;

    round->rate = plan->rate;
    round->cpu_us = round->ratio = -1;
    if (!bench_process_sample(&r->process, &before)) {
        r->failed = 1;
        return 0;
    }
    went = bench_load_round(r->load, plan, &round->result);
    if (!bench_process_sample(&r->process, &round->after)) {
        r->failed = 1;
        went = 0;
    } else if (before.cpu_ns >= 0 && round->result.done > 0) {
        round->cpu_us =
            (double)(round->after.cpu_ns - before.cpu_ns) / 1000 / (double)round->result.done;
    }
    round->switches = before.switches < 0 ? -1 : round->after.switches - before.switches;
    if (round->limit_us > 0 && round->cpu_us >= 0)
        round->ratio = round->cpu_us / round->limit_us;
    return judge_round(r, &round->result, !went) && went;
}

/* What is measured while the server is idle. */
static int measure_idle(RUN *r, BENCH_ROUND *round)
{
    round->limit_us = -1;
    if (r->report.limit != NULL && (round->limit_us = bench_limit_measure(
                                        r->report.limit, r->report.limit_threads, LIMIT_MS)) < 0)
        return 0;
    return r->o.sync == NULL || bench_sync_measure(r->o.sync, SYNC_MS, &r->report.sync);
}

/* Transactions a round has if nobody says: what the pack gives, with a second try or a sweep in
 * mind. */
static size_t share_of_pack(const RUN *r)
{
    size_t parts = (size_t)r->o.rounds * (r->o.must > 0 ? 2 : 1) * (r->o.steps > 0 ? 2 : 1);
    size_t n = bench_load_left(r->load) / parts;

    return n == 0 ? 1 : n;
}

static int run_rounds(RUN *r, size_t share)
{
    BENCH_REPORT *p = &r->report;
    char name[32];
    BENCH_PLAN plan = {.name = name, .rate = r->o.rate, .seconds = r->o.seconds};

    plan.requests = (size_t)r->o.requests;
    if (plan.requests == 0 && plan.seconds <= 0)
        plan.requests = share;
    if (plan.rate > 0 && plan.seconds <= 0)
        plan.seconds = (double)plan.requests / plan.rate;
    memset(&p->sync, 0, sizeof(p->sync));
    for (p->rounds_n = 0; p->rounds_n < (size_t)r->o.rounds;) {
        BENCH_ROUND *round = &p->rounds[p->rounds_n];

        memset(round, 0, sizeof(*round));
        snprintf(name, sizeof(name), "round %zu", p->rounds_n + 1);
        if (!measure_idle(r, round)) {
            r->failed = 1;
            return 0;
        }
        p->rounds_n++;
        if (!load_round(r, &plan, round))
            return 0;
    }
    return 1;
}

/* Connections, caches and the store's file are warm when the first round begins; at most a tenth of
 * the pack goes into that. */
static int warm_up(RUN *r)
{
    size_t tenth = bench_pack_count(r->pack) / 10;
    BENCH_PLAN plan = {.name = "warm-up", .seconds = r->o.warmup, .requests = tenth};
    BENCH_RESULT *result;
    int ok;

    if (r->o.warmup <= 0 || tenth == 0)
        return 1;
    if ((result = OPENSSL_zalloc(sizeof(*result))) == NULL)
        return 0;
    ok = bench_load_round(r->load, &plan, result);
    ok = judge_round(r, result, !ok) && ok && result->done > 0;
    r->report.warmed_up = result->done;
    OPENSSL_free(result);
    return ok;
}

/* Rates in equal steps up to what the closed loop reached, each as long as the others. */
static void run_steps(RUN *r)
{
    BENCH_REPORT *p = &r->report;
    double top = 0, rates = 0, seconds = r->o.seconds;
    BENCH_PLAN plan = {.name = "step"};

    for (size_t i = 0; i < p->rounds_n; i++) {
        double rate = (double)p->rounds[i].result.done / p->rounds[i].result.seconds;

        top = rate > top ? rate : top;
    }
    for (int64_t i = 1; i <= r->o.steps; i++)
        rates += top * (double)i / (double)r->o.steps;
    if (seconds <= 0)
        seconds = (double)bench_load_left(r->load) / (rates * 1.01);
    plan.seconds = seconds;
    for (p->steps_n = 0; p->steps_n < (size_t)r->o.steps;) {
        BENCH_ROUND *step = &p->steps[p->steps_n++];

        plan.rate = top * (double)p->steps_n / (double)r->o.steps;
        step->limit_us = -1;
        if (!load_round(r, &plan, step))
            return;
    }
}

/* A verdict on a noisy machine is none: with --must the rounds are done once more. */
static int run_again_if_noisy(RUN *r, size_t share)
{
    BENCH_VERDICT v;

    bench_verdict(&r->report, &v);
    if (r->o.must <= 0 || !v.noisy)
        return 1;
    bench_fail("the limit spreads by %.0f %%: once more", v.limit_spread);
    r->report.repeated = 1;
    return run_rounds(r, share);
}

static int must_is_held(const RUN *r)
{
    BENCH_VERDICT v;

    bench_verdict(&r->report, &v);
    return r->o.must <= 0 || v.noisy || (v.known && v.ratio <= r->o.must);
}

static int measure(RUN *r)
{
    size_t share;
    int status;

    if (!warm_up(r))
        return BENCH_FAILED;
    share = share_of_pack(r);
    if (run_rounds(r, share) && run_again_if_noisy(r, share) && r->o.steps > 0)
        run_steps(r);
    status = bench_report_print(&r->report, r->json);
    return status != BENCH_OK || r->failed || !must_is_held(r) ? BENCH_FAILED : BENCH_OK;
}

int bench_run(BENCH_ARGS *a)
{
    RUN *r = OPENSSL_zalloc(sizeof(*r));
    int status = BENCH_FAILED;

    if (r == NULL)
        return bench_fail("out of memory");
    signal(SIGPIPE, SIG_IGN);
    r->json = a->json;
    if (!read_options(a, &r->o))
        status = BENCH_USAGE;
    else if (set_up_check(r) && set_up_server(r) && set_up_load(r) && set_up_report(r))
        status = measure(r);
    clear(r);
    OPENSSL_free(r);
    return status;
}
