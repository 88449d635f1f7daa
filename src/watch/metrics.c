/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and histograms, and how Prometheus reads them (text format 0.0.4). Counters are found by
 * family and label values in a small hash table under a mutex; all labels come from the
 * configuration or from our own tables, never from a message, so that their number is bounded. What
 * a gauge shows is asked for when it is read: see the server layer.
 */
#include "config.h"

#include "watch/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

enum { BUCKETS = 1024, MAX_LABELS = 4, MAX_STAGES = 16 };

typedef struct counter_st {
    CMPSRV_METRIC metric;
    char *labels[MAX_LABELS];
    uint64_t value;
    struct counter_st *next;
} COUNTER;

/* Upper bounds in microseconds. */
static const int64_t bounds[] = {50,    100,   250,    500,    1000,   2500,    5000,    10000,
                                 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

typedef struct {
    atomic_uint_fast64_t counts[CMPSRV_ARRAY_SIZE(bounds) + 1]; /* the last: above all bounds */
    atomic_uint_fast64_t sum_us;
} HISTOGRAM;

struct cmpsrv_metrics_st {
    pthread_mutex_t lock; /* of counters */
    COUNTER *counters[BUCKETS];
    const char *stages[MAX_STAGES];
    size_t stages_n;
    HISTOGRAM seconds[MAX_STAGES];
};

static const struct {
    const char *name, *help;
    const char *labels[MAX_LABELS];
} families[] = {
    [CMPSRV_METRIC_REQUESTS] = {"cmpsrv_requests_total",
                                "CMP messages that were answered",
                                {"alias", "body", "result", "reason"}},
    [CMPSRV_METRIC_AUDIT] = {"cmpsrv_audit_records_total",
                             "Audit records that this process has written",
                             {"event"}},
    [CMPSRV_METRIC_ISSUED] = {"cmpsrv_certificates_issued_total",
                              "Certificates that this process has issued",
                              {"ca"}},
    [CMPSRV_METRIC_REVOKED] = {"cmpsrv_certificates_revoked_total",
                               "Certificates that this process has revoked",
                               {"ca"}},
};

CMPSRV_METRICS *cmpsrv_metrics_new(const char *(*stage)(size_t))
{
    CMPSRV_METRICS *m = OPENSSL_zalloc(sizeof(*m));

    if (m == NULL)
        return NULL;
    pthread_mutex_init(&m->lock, NULL);
    while (m->stages_n < MAX_STAGES && (m->stages[m->stages_n] = stage(m->stages_n)) != NULL)
        m->stages_n++;
    return m;
}

static void counter_free(COUNTER *c)
{
    for (size_t i = 0; i < MAX_LABELS; i++)
        OPENSSL_free(c->labels[i]);
    OPENSSL_free(c);
}

void cmpsrv_metrics_free(CMPSRV_METRICS *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        COUNTER *c;

        while ((c = m->counters[i]) != NULL) {
            m->counters[i] = c->next;
            counter_free(c);
        }
    }
    pthread_mutex_destroy(&m->lock);
    OPENSSL_free(m);
}

/* ---- counting ----------------------------------------------------------------------------------
 */

static size_t hash(CMPSRV_METRIC metric, const char *const *labels)
{
    uint32_t h = 2166136261U + (uint32_t)metric; /* FNV-1a */

    for (size_t i = 0; i < MAX_LABELS && families[metric].labels[i] != NULL; i++)
        for (const char *p = labels[i];; p++) {
            h = (h ^ (unsigned char)*p) * 16777619U;
            if (*p == '\0')
                break;
        }
    return h % BUCKETS;
}

static int is_it(const COUNTER *c, CMPSRV_METRIC metric, const char *const *labels)
{
    if (c->metric != metric)
        return 0;
    for (size_t i = 0; i < MAX_LABELS && families[metric].labels[i] != NULL; i++)
        if (strcmp(c->labels[i], labels[i]) != 0)
            return 0;
    return 1;
}

static COUNTER *counter_new(CMPSRV_METRIC metric, const char *const *labels)
{
    COUNTER *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    c->metric = metric;
    for (size_t i = 0; i < MAX_LABELS && families[metric].labels[i] != NULL; i++)
        if ((c->labels[i] = OPENSSL_strdup(labels[i])) == NULL) {
            counter_free(c);
            return NULL;
        }
    return c;
}

void cmpsrv_metrics_count(CMPSRV_METRICS *m, CMPSRV_METRIC metric, const char *const *labels)
{
    size_t at;
    COUNTER *c;

    if (m == NULL)
        return;
    at = hash(metric, labels);
    pthread_mutex_lock(&m->lock);
    for (c = m->counters[at]; c != NULL && !is_it(c, metric, labels); c = c->next)
        continue;
    if (c == NULL && (c = counter_new(metric, labels)) != NULL) {
        c->next = m->counters[at];
        m->counters[at] = c;
    }
    if (c != NULL)
        c->value++;
    pthread_mutex_unlock(&m->lock);
}

void cmpsrv_metrics_stages(CMPSRV_METRICS *m, const int64_t *us)
{
    for (size_t i = 0; m != NULL && i < m->stages_n; i++) {
        HISTOGRAM *h = &m->seconds[i];
        size_t b = 0;

        while (b < CMPSRV_ARRAY_SIZE(bounds) && us[i] > bounds[b])
            b++;
        atomic_fetch_add_explicit(&h->counts[b], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&h->sum_us, (uint64_t)us[i], memory_order_relaxed);
    }
}

/* ---- what Prometheus reads ---------------------------------------------------------------------
 */

void cmpsrv_metrics_head(CMPSRV_JSON *out, const char *name, const char *type, const char *help)
{
    cmpsrv_json_raw(out, "# HELP ");
    cmpsrv_json_raw(out, name);
    cmpsrv_json_raw(out, " ");
    cmpsrv_json_raw(out, help);
    cmpsrv_json_raw(out, "\n# TYPE ");
    cmpsrv_json_raw(out, name);
    cmpsrv_json_raw(out, " ");
    cmpsrv_json_raw(out, type);
    cmpsrv_json_raw(out, "\n");
}

/* "label values can be any sequence of UTF-8 characters, but the backslash, double-quote, and line
 * feed characters have to be escaped". */
static void put_label(CMPSRV_JSON *out, const char *name, const char *value)
{
    char one[3] = "";

    cmpsrv_json_raw(out, name);
    cmpsrv_json_raw(out, "=\"");
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            snprintf(one, sizeof(one), "\\n");
        else
            snprintf(one, sizeof(one), "%s%c", *value == '\\' || *value == '"' ? "\\" : "", *value);
        cmpsrv_json_raw(out, one);
    }
    cmpsrv_json_raw(out, "\"");
}

void cmpsrv_metrics_value(CMPSRV_JSON *out, const char *name, const CMPSRV_METRIC_LABEL *labels,
                          size_t n, double value)
{
    char number[40];

    cmpsrv_json_raw(out, name);
    for (size_t i = 0; i < n; i++) {
        cmpsrv_json_raw(out, i == 0 ? "{" : ",");
        put_label(out, labels[i].name, labels[i].value);
    }
    snprintf(number, sizeof(number), "%s %.17g\n", n > 0 ? "}" : "", value);
    cmpsrv_json_raw(out, number);
}

static void write_family(CMPSRV_METRICS *m, CMPSRV_METRIC metric, CMPSRV_JSON *out)
{
    CMPSRV_METRIC_LABEL labels[MAX_LABELS];

    cmpsrv_metrics_head(out, families[metric].name, "counter", families[metric].help);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const COUNTER *c = m->counters[i]; c != NULL; c = c->next) {
            size_t n = 0;

            for (; n < MAX_LABELS && families[metric].labels[n] != NULL; n++)
                labels[n] = (CMPSRV_METRIC_LABEL){families[metric].labels[n], c->labels[n]};
            if (c->metric == metric)
                cmpsrv_metrics_value(out, families[metric].name, labels, n, (double)c->value);
        }
}

void cmpsrv_metrics_histogram(CMPSRV_JSON *out, const char *name, const CMPSRV_METRIC_LABEL *label,
                              const double *upper, const uint64_t *counts, size_t n, double sum)
{
    CMPSRV_METRIC_LABEL labels[2] = {{0}};
    size_t labels_n = label == NULL ? 0 : 1;
    char bucket[80], le[32];
    uint64_t all = 0;

    if (label != NULL)
        labels[0] = *label;
    snprintf(bucket, sizeof(bucket), "%s_bucket", name);
    for (size_t i = 0; i <= n; i++) {
        all += counts[i];
        snprintf(le, sizeof(le), "%g", i < n ? upper[i] : 0);
        labels[labels_n] = (CMPSRV_METRIC_LABEL){"le", i < n ? le : "+Inf"};
        cmpsrv_metrics_value(out, bucket, labels, labels_n + 1, (double)all);
    }
    snprintf(bucket, sizeof(bucket), "%s_sum", name);
    cmpsrv_metrics_value(out, bucket, labels, labels_n, sum);
    snprintf(bucket, sizeof(bucket), "%s_count", name);
    cmpsrv_metrics_value(out, bucket, labels, labels_n, (double)all);
}

static void write_stages(CMPSRV_METRICS *m, CMPSRV_JSON *out)
{
    static const char name[] = "cmpsrv_stage_seconds";
    enum { N = CMPSRV_ARRAY_SIZE(bounds) };
    double upper[N];
    uint64_t counts[N + 1];

    cmpsrv_metrics_head(out, name, "histogram", "Time of a request in each stage of the line");
    for (size_t i = 0; i < N; i++)
        upper[i] = (double)bounds[i] / 1e6;
    for (size_t s = 0; s < m->stages_n; s++) {
        CMPSRV_METRIC_LABEL label = {"stage", m->stages[s]};

        for (size_t i = 0; i <= N; i++)
            counts[i] = atomic_load(&m->seconds[s].counts[i]);
        cmpsrv_metrics_histogram(out, name, &label, upper, counts, N,
                                 (double)atomic_load(&m->seconds[s].sum_us) / 1e6);
    }
}

void cmpsrv_metrics_write(CMPSRV_METRICS *m, CMPSRV_JSON *out)
{
    pthread_mutex_lock(&m->lock);
    for (int f = 0; f < (int)CMPSRV_ARRAY_SIZE(families); f++)
        write_family(m, (CMPSRV_METRIC)f, out);
    pthread_mutex_unlock(&m->lock);
    write_stages(m, out);
}
