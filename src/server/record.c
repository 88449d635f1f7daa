/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request leaves to be read: the audit record (with the changes, so that it is as durable as
 * they are) and its one line in the log. Attacker-supplied text is escaped before it gets here.
 */
#include "config.h"

#include "server/server_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

static CMPSRV_SLICE serial_of(const CMPSRV_REQUEST *req)
{
    if (req->issued.serial_len > 0)
        return cmpsrv_slice(req->issued.serial, req->issued.serial_len);
    return req->has_cert ? cmpsrv_slice(req->cert.serial, req->cert.serial_len)
                         : cmpsrv_slice(NULL, 0);
}

/* What happened, in one word; NULL: nothing that is worth a record. */
static const char *event_of(const CMPSRV_REQUEST *req)
{
    return req->why.reason != CMPSRV_R_NONE ? "refused" : req->event;
}

static const CMPSRV_CA *ca_of(const CMPSRV_REQUEST *req)
{
    return req->cert_ca != NULL ? req->cert_ca : req->ca;
}

/* One record for every issuance, confirmation, revocation, and refusal of somebody who is known. */
int cmpsrv_audit_collect(CMPSRV_REQUEST *req)
{
    int refused = req->why.reason != CMPSRV_R_NONE;
    const CMPSRV_CA *ca = ca_of(req);
    CMPSRV_AUDIT_EVENT e = {
        .event = event_of(req),
        .alias = req->alias == NULL ? NULL : req->alias->name,
        .tid = req->msg.transaction_id,
        .body_type = req->msg.body_type,
        .body_name = cmpsrv_body_name(req->msg.body_type),
        .identity = &req->auth.identity,
        .ca = ca == NULL ? NULL : ca->conf->name,
        .serial = serial_of(req),
        .end_entity = req->decision != NULL ? req->decision->end_entity
                      : req->has_cert       ? req->cert.end_entity
                                            : NULL,
        .refusal = refused ? &req->why : NULL,
        .reason = req->msg.body_type == CMPSRV_BODY_RR && !refused ? req->view.rev.reason : -1,
    };
    char *subject = req->decision == NULL
                        ? NULL
                        : cmpsrv_name_text(cmpsrv_bytes_slice(&req->decision->subject));
    int ok;

    if (e.event == NULL || !req->auth.identity.proven) {
        OPENSSL_free(subject);
        return 1;
    }
    e.subject = subject;
    ok = cmpsrv_changes_audit(&req->changes, &e);
    OPENSSL_free(subject);
    return ok || cmpsrv_fail(&req->why, "out of memory");
}

/* ---- the request's line in the log -------------------------------------------------------------
 */

typedef struct {
    CMPSRV_LOG_FIELD v[32];
    size_t n;
} FIELDS;

static void add(FIELDS *f, const char *key, const char *value)
{
    if (value != NULL && f->n < CMPSRV_ARRAY_SIZE(f->v))
        f->v[f->n++] = (CMPSRV_LOG_FIELD){.key = key, .value = value};
}

static const char *result_of(const CMPSRV_REQUEST *req)
{
    return req->is_replay                               ? "repeated"
           : req->why.reason == CMPSRV_R_NONE           ? "granted"
           : req->why.reason == CMPSRV_R_SYSTEM_FAILURE ? "failed"
                                                        : "refused";
}

static void add_result(FIELDS *f, const CMPSRV_REQUEST *req)
{
    const CMPSRV_REASON_INFO *info = CMPSRV_reason_info(req->why.reason);

    add(f, "result", result_of(req));
    if (req->is_replay)
        return;
    if (req->why.reason == CMPSRV_R_NONE) {
        add(f, "event", req->event);
        return;
    }
    add(f, "reason", info->name);
    add(f, "failInfo", CMPSRV_failinfo_name(info->fail_info));
    add(f, "detail", req->why.detail);
}

/* What the client said went wrong; escaped by wire. NULL: nothing. */
static const char *client_text(const CMPSRV_REQUEST *req, char *text, size_t size)
{
    text[0] = '\0';
    if (req->msg.body_type == CMPSRV_BODY_ERROR)
        cmpsrv_error_text(req->msg.body_value, text, size);
    else if (req->msg.body_type == CMPSRV_BODY_CERTCONF && req->has_cert && !req->accepted)
        snprintf(text, size, "%s", req->view.conf.text);
    return text[0] == '\0' ? NULL : text;
}

/* Keys and values of the stages' times, at debug. */
typedef struct {
    char key[16][24], value[16][16];
} TIMES;

static void add_times(FIELDS *f, const CMPSRV_REQUEST *req, TIMES *t)
{
    const char *name;

    for (size_t i = 0; (name = cmpsrv_stage_name(i)) != NULL; i++) {
        snprintf(t->key[i], sizeof(t->key[i]), "ms.%s", name);
        snprintf(t->value[i], sizeof(t->value[i]), "%.3f", (double)req->stage_us[i] / 1000.0);
        add(f, t->key[i], t->value[i]);
        f->v[f->n - 1].is_number = 1;
    }
}

void cmpsrv_log_request(const CMPSRV_REQUEST *req)
{
    CMPSRV_LOG *log = req->srv->log;
    const CMPSRV_IDENTITY *who = &req->auth.identity;
    char tid[2 * CMPSRV_MAX_TRANSACTION_ID + 1], serial[2 * CMPSRV_MAX_SERIAL + 1], text[256];
    CMPSRV_LOG_LEVEL level =
        req->why.reason == CMPSRV_R_SYSTEM_FAILURE ? CMPSRV_LOG_ERROR : CMPSRV_LOG_INFO;
    FIELDS f = {.n = 0};
    TIMES times;

    if (!cmpsrv_log_enabled(log, level))
        return;
    add(&f, "alias", req->alias == NULL ? NULL : req->alias->name);
    if (req->msg.transaction_id.p != NULL)
        add(&f, "transactionID", cmpsrv_hex(req->msg.transaction_id, tid, sizeof(tid)));
    add(&f, "in", cmpsrv_body_name(req->msg.body_type));
    add(&f, "out", req->is_replay ? "the same answer" : cmpsrv_body_name(req->answer_type));
    if (who->proven) {
        add(&f, "module", who->module);
        add(&f, "source", who->source);
        add(&f, "identity", who->name);
    }
    add_result(&f, req);
    if (serial_of(req).p != NULL)
        add(&f, "serial", cmpsrv_hex(serial_of(req), serial, sizeof(serial)));
    add(&f, "client_says", client_text(req, text, sizeof(text)));
    if (cmpsrv_log_enabled(log, CMPSRV_LOG_DEBUG))
        add_times(&f, req, &times);
    cmpsrv_log_fields(log, level, "request", f.v, f.n);
}

/* ---- the counters ------------------------------------------------------------------------------
 */

void cmpsrv_count_request(const CMPSRV_REQUEST *req)
{
    const CMPSRV_REASON_INFO *info = CMPSRV_reason_info(req->why.reason);
    const char *labels[] = {req->alias == NULL ? "" : req->alias->name,
                            req->msg.body_type < 0 ? "" : cmpsrv_body_name(req->msg.body_type),
                            result_of(req), req->why.reason == CMPSRV_R_NONE ? "" : info->name};

    cmpsrv_metrics_count(req->srv->metrics, CMPSRV_METRIC_REQUESTS, labels);
    cmpsrv_metrics_stages(req->srv->metrics, req->stage_us);
}

void cmpsrv_count_commit(const CMPSRV_REQUEST *req)
{
    CMPSRV_METRICS *m = req->srv->metrics;
    const char *ca = ca_of(req) == NULL ? "" : ca_of(req)->conf->name, *event = event_of(req),
               *superseded = "superseded";

    if (event != NULL && req->auth.identity.proven)
        cmpsrv_metrics_count(m, CMPSRV_METRIC_AUDIT, &event);
    if (req->why.reason == CMPSRV_R_NONE && req->issued.serial_len > 0 && !req->is_reissue)
        cmpsrv_metrics_count(m, CMPSRV_METRIC_ISSUED, &ca);
    if (req->revoked)
        cmpsrv_metrics_count(m, CMPSRV_METRIC_REVOKED, &ca);
    for (size_t i = 0; i < req->superseded; i++) {
        cmpsrv_metrics_count(m, CMPSRV_METRIC_AUDIT, &superseded);
        cmpsrv_metrics_count(m, CMPSRV_METRIC_REVOKED, &ca);
    }
}
