/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: what can be seen of the server. What an audit record says (one JSON object; chained and
 * kept by store), and metrics in Prometheus' text format.
 */
#ifndef CMPSRV_WATCH_H
#define CMPSRV_WATCH_H

#include "base/model.h"

typedef struct cmpsrv_audit_event_st {
    const char *event; /* "issued", "confirmed", "rejected", "expired", "revoked", "refused", ... */
    const char *alias; /* NULL: left out; the same for all below */
    CMPSRV_SLICE tid;
    int body_type; /* -1: left out */
    const char *body_name;
    const CMPSRV_IDENTITY *identity;
    const char *ca;
    CMPSRV_SLICE serial;
    const char *end_entity;
    const char *subject; /* RFC 4514 text */
    const CMPSRV_REFUSAL *refusal;
    int reason;            /* CRLReason, -1: left out */
    const char *operator_; /* of cmp-admin */
} CMPSRV_AUDIT_EVENT;
/* OPENSSL_malloc'ed JSON without newline; NULL without memory. */
char *cmpsrv_audit_record(const CMPSRV_AUDIT_EVENT *e);

/* ---- metrics -----------------------------------------------------------------------------------
 */

typedef struct cmpsrv_metrics_st CMPSRV_METRICS;

/* Counters, and the labels whose values they want. */
typedef enum {
    CMPSRV_METRIC_REQUESTS, /* alias, body, result, reason */
    CMPSRV_METRIC_AUDIT,    /* event */
    CMPSRV_METRIC_ISSUED,   /* ca */
    CMPSRV_METRIC_REVOKED   /* ca */
} CMPSRV_METRIC;

/* stage(0), stage(1), ... name the stages of a request (borrowed, at most 16) until NULL. NULL
 * without memory. */
CMPSRV_METRICS *cmpsrv_metrics_new(const char *(*stage)(size_t));
void cmpsrv_metrics_free(CMPSRV_METRICS *m);
/* Adds one. Any thread; m may be NULL. */
void cmpsrv_metrics_count(CMPSRV_METRICS *m, CMPSRV_METRIC metric, const char *const *labels);
/* How long each stage of one request took, in microseconds. */
void cmpsrv_metrics_stages(CMPSRV_METRICS *m, const int64_t *us);
/* All of it as text, appended. */
void cmpsrv_metrics_write(CMPSRV_METRICS *m, CMPSRV_JSON *out);

/* For what is not counted here: a family's head, one value of it, one histogram of it (counts has
 * n + 1 elements, the last above all of upper). */
typedef struct {
    const char *name, *value;
} CMPSRV_METRIC_LABEL;
void cmpsrv_metrics_head(CMPSRV_JSON *out, const char *name, const char *type, const char *help);
void cmpsrv_metrics_value(CMPSRV_JSON *out, const char *name, const CMPSRV_METRIC_LABEL *labels,
                          size_t n, double value);
void cmpsrv_metrics_histogram(CMPSRV_JSON *out, const char *name, const CMPSRV_METRIC_LABEL *label,
                              const double *upper, const uint64_t *counts, size_t n, double sum);
/* CPU time, memory and descriptors of this process. */
void cmpsrv_metrics_process(CMPSRV_JSON *out);

#endif
