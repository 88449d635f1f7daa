/* SPDX-License-Identifier: Apache-2.0 */
/* What a run found: medians and spreads, for people and as one JSON object. */
#include "config.h"

#include "apps/bench_load.h"
#include "cmpsrv/cmpsrv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures -----------------------------------------------------------------------------------
 */

enum { MAX_ROUNDS = 1000 };
typedef double (*FIGURE)(const BENCH_ROUND *);

static double limit_of(const BENCH_ROUND *r)
{
    return r->limit_us;
}

static double ratio_of(const BENCH_ROUND *r)
{
    return r->ratio;
}

static double cpu_of(const BENCH_ROUND *r)
{
    return r->cpu_us;
}

static double throughput_of(const BENCH_ROUND *r)
{
    return r->result.seconds > 0 ? (double)r->result.done / r->result.seconds : -1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Whether any round went through: those that did not only count if none did. */
static int is_counted(const BENCH_REPORT *r, size_t i)
{
    for (size_t k = 0; k < r->rounds_n; k++)
        if (r->rounds[k].result.complete)
            return r->rounds[i].result.complete;
    return 1;
}

/* The median of a figure over the rounds, -1 if none has it; *spread in percent of it. */
static double median(const BENCH_REPORT *r, FIGURE f, double *spread)
{
    double v[MAX_ROUNDS], m;
    size_t n = 0;

    for (size_t i = 0; i < r->rounds_n && n < MAX_ROUNDS; i++)
        if (is_counted(r, i) && f(&r->rounds[i]) >= 0)
            v[n++] = f(&r->rounds[i]);
    *spread = 0;
    if (n == 0)
        return -1;
    qsort(v, n, sizeof(v[0]), compare);
    m = n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    if (m > 0)
        *spread = (v[n - 1] - v[0]) / m * 100;
    return m;
}

void bench_verdict(const BENCH_REPORT *r, BENCH_VERDICT *v)
{
    v->limit = median(r, limit_of, &v->limit_spread);
    v->ratio = median(r, ratio_of, &v->ratio_spread);
    v->known = v->ratio >= 0;
    v->noisy = v->limit_spread > (double)BENCH_NOISE_PERCENT;
}

/* All rounds in one. */
static void sum_up(const BENCH_REPORT *r, BENCH_RESULT *all)
{
    memset(all, 0, sizeof(*all));
    for (size_t i = 0; i < r->rounds_n; i++) {
        const BENCH_RESULT *one = &r->rounds[i].result;

        all->done += one->done;
        all->failed += one->failed;
        all->fully += one->fully;
        all->reconnects += one->reconnects;
        all->not_started += one->not_started;
        for (size_t k = 0; k < BENCH_MAX_WORKLOADS; k++)
            all->by_workload[k] += one->by_workload[k];
        bench_hist_merge(&all->latency, &one->latency);
    }
}

static const struct {
    const char *name, *key;
    double percent;
} percentiles[] = {
    {"p50", "p50_us", 50},      {"p90", "p90_us", 90},  {"p99", "p99_us", 99},
    {"p99.9", "p999_us", 99.9}, {"max", "max_us", 100},
};

/* Why there is no verdict, in a word for programs; NULL if there is one. */
static const char *no_verdict(const BENCH_VERDICT *v)
{
    if (!v->known)
        return "unknown";
    if (BENCH_IS_INSTRUMENTED)
        return "instrumented";
    return v->noisy ? "noisy" : NULL;
}

/* ---- for people --------------------------------------------------------------------------------
 */

static void print_latency(const char *what, const BENCH_HIST *h)
{
    printf("%-13s", what);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(percentiles); i++)
        printf("%s %.2f ms  ", percentiles[i].name,
               (double)bench_hist_percentile(h, percentiles[i].percent) / 1000);
    putchar('\n');
}

static void print_head(const BENCH_REPORT *r, const BENCH_RESULT *all)
{
    double spread, rate = r->rounds_n > 0 ? r->rounds[0].rate : 0;
    double throughput = median(r, throughput_of, &spread);

    printf("workload     %s to %s, %zu connections, %zu rounds, ", r->workload->name, r->url,
           r->connections, r->rounds_n);
    if (rate > 0)
        printf("%g arrivals a second\n", rate);
    else
        puts("closed loop");
    printf("transactions %llu done, %llu failed, %llu checked fully, %llu reconnects\n",
           (unsigned long long)all->done, (unsigned long long)all->failed,
           (unsigned long long)all->fully, (unsigned long long)all->reconnects);
    if (r->any_certificate)
        puts("             no certificate was checked for its key (--any-certificate)");
    if (all->not_started > 0)
        printf("             %llu arrivals were never begun: the server does not hold this rate\n",
               (unsigned long long)all->not_started);
    printf("throughput   %.0f a second (spread %.0f %%)\n", throughput < 0 ? 0 : throughput,
           spread);
    if (all->latency.n > 0)
        print_latency("latency", &all->latency);
}

static void print_server(const BENCH_REPORT *r)
{
    const BENCH_SAMPLE *s = &r->rounds[r->rounds_n - 1].after;
    double spread, cpu = median(r, cpu_of, &spread);

    if (cpu >= 0)
        printf("server CPU   %.1f us a transaction (spread %.0f %%)\n", cpu, spread);
    if (s->rss_kb >= 0)
        printf("memory       %.1f MB", (double)s->rss_kb / 1024);
    if (s->peak_kb >= 0)
        printf(", at most %.1f MB so far", (double)s->peak_kb / 1024);
    if (s->threads >= 0)
        printf("; %lld threads, %lld descriptors", (long long)s->threads,
               (long long)s->descriptors);
    if (s->rss_kb >= 0)
        putchar('\n');
}

static void print_limit(const BENCH_REPORT *r)
{
    const char *name;
    double times, us;

    printf("\nThe cryptography of one transaction, CPU us on %d threads (last round):\n",
           r->limit_threads);
    for (size_t i = 0; bench_limit_item(r->limit, i, &name, &times, &us); i++)
        printf("  %4.2f x %8.2f = %8.2f  %s\n", times, us, times * us, name);
    puts("\nround   limit us  server us  ratio");
    for (size_t i = 0; i < r->rounds_n; i++)
        printf("%5zu  %9.1f  %9.1f  %5.2f%s\n", i + 1, r->rounds[i].limit_us, r->rounds[i].cpu_us,
               r->rounds[i].ratio, is_counted(r, i) ? "" : "  (not complete, not counted)");
}

static void print_verdict(const BENCH_REPORT *r)
{
    BENCH_VERDICT v;

    bench_verdict(r, &v);
    printf("limit        %.1f us (spread %.0f %%)\n", v.limit, v.limit_spread);
    if (!v.known)
        puts("ratio        not known");
    else if (BENCH_IS_INSTRUMENTED)
        puts("ratio        no verdict: this cmp-bench is built with a sanitizer, the limit is too "
             "high");
    else if (v.noisy)
        printf("ratio        no verdict: the limit itself spreads by %.0f %% (above %d %%)\n",
               v.limit_spread, BENCH_NOISE_PERCENT);
    else
        printf("ratio        %.2f, the median of the rounds (spread %.0f %%)%s\n", v.ratio,
               v.ratio_spread, r->repeated ? ", second try" : "");
    if (v.known && !v.noisy && r->must > 0)
        printf("must         at most %.2f: %s\n", r->must,
               v.ratio <= r->must ? "held" : "NOT held");
}

static void print_steps(const BENCH_REPORT *r)
{
    puts("\n rate/s   done/s  p50 ms  p99 ms p99.9 ms  not begun");
    for (size_t i = 0; i < r->steps_n; i++) {
        const BENCH_RESULT *one = &r->steps[i].result;

        printf("%7.0f  %7.0f %7.2f %7.2f  %7.2f  %9llu\n", r->steps[i].rate,
               throughput_of(&r->steps[i]), (double)bench_hist_percentile(&one->latency, 50) / 1000,
               (double)bench_hist_percentile(&one->latency, 99) / 1000,
               (double)bench_hist_percentile(&one->latency, 99.9) / 1000,
               (unsigned long long)one->not_started);
    }
}

static int print_text(const BENCH_REPORT *r, const BENCH_RESULT *all)
{
    print_head(r, all);
    print_server(r);
    if (r->sync.n > 0)
        print_latency("fdatasync", &r->sync);
    if (r->limit != NULL) {
        print_limit(r);
        print_verdict(r);
    }
    if (r->steps_n > 0)
        print_steps(r);
    return fflush(stdout) == 0 ? BENCH_OK : BENCH_FAILED;
}

/* ---- for programs ------------------------------------------------------------------------------
 */

/* A number with three decimals, null below zero. */
static void add_number(CMPSRV_JSON *j, const char *key, double v)
{
    char text[64] = "null";

    if (v >= 0)
        snprintf(text, sizeof(text), "%.3f", v);
    cmpsrv_json_field_raw(j, key, text);
}

static void add_count(CMPSRV_JSON *j, const char *key, uint64_t n)
{
    cmpsrv_json_field_int(j, key, (int64_t)n);
}

/* Takes what was written of an inner object into the outer one. */
static void add_object(CMPSRV_JSON *j, const char *key, CMPSRV_JSON *inner)
{
    char *text = cmpsrv_json_finish(inner);

    if (text == NULL)
        j->failed = 1;
    else
        cmpsrv_json_field_raw(j, key, text);
    OPENSSL_free(text);
}

static void add_latency(CMPSRV_JSON *j, const char *key, const BENCH_HIST *h)
{
    CMPSRV_JSON o = {0};

    cmpsrv_json_raw(&o, "{");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(percentiles); i++)
        cmpsrv_json_field_int(&o, percentiles[i].key,
                              bench_hist_percentile(h, percentiles[i].percent));
    add_number(&o, "mean_us", h->n == 0 ? 0 : h->sum / (double)h->n);
    cmpsrv_json_raw(&o, "}");
    add_object(j, key, &o);
}

static void add_result(CMPSRV_JSON *j, const BENCH_RESULT *r)
{
    add_count(j, "done", r->done);
    add_count(j, "failed", r->failed);
    add_count(j, "checked_fully", r->fully);
    add_count(j, "reconnects", r->reconnects);
    add_count(j, "not_begun", r->not_started);
    add_latency(j, "latency", &r->latency);
}

static void add_known(CMPSRV_JSON *j, const char *key, int64_t v)
{
    if (v >= 0)
        cmpsrv_json_field_int(j, key, v);
}

static void add_round(CMPSRV_JSON *j, const BENCH_ROUND *r)
{
    cmpsrv_json_raw(j, "{");
    add_number(j, "rate", r->rate > 0 ? r->rate : -1);
    cmpsrv_json_field_raw(j, "complete", r->result.complete ? "true" : "false");
    add_number(j, "seconds", r->result.seconds);
    add_number(j, "throughput", throughput_of(r));
    add_number(j, "limit_us", r->limit_us);
    add_number(j, "server_cpu_us", r->cpu_us);
    add_number(j, "ratio", r->ratio);
    add_known(j, "server_rss_kb", r->after.rss_kb);
    add_known(j, "server_peak_kb", r->after.peak_kb);
    add_known(j, "server_threads", r->after.threads);
    add_known(j, "server_descriptors", r->after.descriptors);
    add_known(j, "server_voluntary_switches", r->switches);
    add_result(j, &r->result);
    cmpsrv_json_raw(j, "}");
}

static void add_rounds(CMPSRV_JSON *j, const char *key, const BENCH_ROUND *rounds, size_t n)
{
    CMPSRV_JSON o = {0};

    cmpsrv_json_raw(&o, "[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            cmpsrv_json_raw(&o, ",\n");
        add_round(&o, &rounds[i]);
    }
    cmpsrv_json_raw(&o, "]");
    add_object(j, key, &o);
}

static void add_limit(CMPSRV_JSON *j, const BENCH_REPORT *r)
{
    CMPSRV_JSON o = {0};
    const char *name;
    double times, us;

    cmpsrv_json_raw(&o, "[");
    for (size_t i = 0; bench_limit_item(r->limit, i, &name, &times, &us); i++) {
        cmpsrv_json_raw(&o, i == 0 ? "{" : ",{");
        cmpsrv_json_field(&o, "call", name);
        add_number(&o, "times", times);
        add_number(&o, "us", us);
        cmpsrv_json_raw(&o, "}");
    }
    cmpsrv_json_raw(&o, "]");
    add_object(j, "limit", &o);
    cmpsrv_json_field_int(j, "limit_threads", r->limit_threads);
}

static void add_verdict(CMPSRV_JSON *j, const BENCH_REPORT *r)
{
    BENCH_VERDICT v;
    const char *none;

    bench_verdict(r, &v);
    none = no_verdict(&v);
    add_number(j, "limit_us", v.limit);
    add_number(j, "limit_spread_percent", v.limit_spread);
    add_number(j, "ratio", v.ratio);
    add_number(j, "ratio_spread_percent", v.ratio_spread);
    add_number(j, "must", r->must > 0 ? r->must : -1);
    cmpsrv_json_field_raw(j, "second_try", r->repeated ? "true" : "false");
    if (none != NULL) {
        cmpsrv_json_field_raw(j, "verdict", "null");
        cmpsrv_json_field(j, "no_verdict", none);
    } else {
        cmpsrv_json_field(j, "verdict",
                          r->must <= 0         ? "measured"
                          : v.ratio <= r->must ? "held"
                                               : "not held");
        cmpsrv_json_field_raw(j, "no_verdict", "null");
    }
    cmpsrv_json_field_raw(j, "instrumented", BENCH_IS_INSTRUMENTED ? "true" : "false");
}

static void add_workloads(CMPSRV_JSON *j, const BENCH_RESULT *all)
{
    CMPSRV_JSON o = {0};

    cmpsrv_json_raw(&o, "{");
    for (size_t i = 0; i < bench_workloads_n && i < BENCH_MAX_WORKLOADS; i++)
        if (all->by_workload[i] > 0)
            add_count(&o, bench_workloads[i].name, all->by_workload[i]);
    cmpsrv_json_raw(&o, "}");
    add_object(j, "done_by_workload", &o);
}

static void add_head(CMPSRV_JSON *j, const BENCH_REPORT *r)
{
    cmpsrv_json_field(j, "version", CMPSRV_version());
    cmpsrv_json_field(j, "openssl", OpenSSL_version(OPENSSL_VERSION));
    cmpsrv_json_field(j, "url", r->url);
    cmpsrv_json_field(j, "pack", r->pack);
    cmpsrv_json_field(j, "workload", r->workload->name);
    add_count(j, "connections", r->connections);
    add_count(j, "threads", r->threads);
    add_count(j, "warmed_up", r->warmed_up);
    cmpsrv_json_field_raw(j, "any_certificate", r->any_certificate ? "true" : "false");
}

static int print_json(const BENCH_REPORT *r, const BENCH_RESULT *all)
{
    CMPSRV_JSON j = {0};
    double spread;
    char *text;

    cmpsrv_json_raw(&j, "{");
    add_head(&j, r);
    add_result(&j, all);
    add_workloads(&j, all);
    add_number(&j, "throughput", median(r, throughput_of, &spread));
    add_number(&j, "server_cpu_us", median(r, cpu_of, &spread));
    if (r->sync.n > 0)
        add_latency(&j, "fdatasync", &r->sync);
    if (r->limit != NULL) {
        add_limit(&j, r);
        add_verdict(&j, r);
    }
    add_rounds(&j, "rounds", r->rounds, r->rounds_n);
    if (r->steps_n > 0)
        add_rounds(&j, "steps", r->steps, r->steps_n);
    cmpsrv_json_raw(&j, "}");
    if ((text = cmpsrv_json_finish(&j)) == NULL)
        return bench_fail("out of memory");
    puts(text);
    OPENSSL_free(text);
    return BENCH_OK;
}

int bench_report_print(const BENCH_REPORT *r, int json)
{
    BENCH_RESULT *all;
    int status;

    if (r->rounds_n == 0)
        return BENCH_OK;
    if ((all = OPENSSL_malloc(sizeof(*all))) == NULL)
        return bench_fail("out of memory");
    sum_up(r, all);
    status = json ? print_json(r, all) : print_text(r, all);
    OPENSSL_free(all);
    return status;
}
