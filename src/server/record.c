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

/* One record for every issuance, confirmation, revocation, and refusal of somebody who is known. */
int cmpsrv_audit_collect(CMPSRV_REQUEST *req)
{
    int refused = req->why.reason != CMPSRV_R_NONE;
    const CMPSRV_CA *ca = req->cert_ca != NULL ? req->cert_ca : req->ca;
    CMPSRV_AUDIT_EVENT e = {
        .event = refused ? "refused" : req->event,
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
    CMPSRV_CHANGE *ch;
    char *text;

    if (e.event == NULL || !req->auth.identity.proven) {
        OPENSSL_free(subject);
        return 1;
    }
    e.subject = subject;
    text = cmpsrv_audit_record(&e);
    OPENSSL_free(subject);
    if (text == NULL || (ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_AUDIT)) == NULL) {
        OPENSSL_free(text);
        return cmpsrv_fail(&req->why, "out of memory");
    }
    ch->u.audit = text;
    return 1;
}

static void append(char *out, size_t size, const char *fmt, ...) CMPSRV_PRINTF(3, 4);
static void append(char *out, size_t size, const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out + n, size - n, fmt, ap);
    va_end(ap);
}

static void append_result(const CMPSRV_REQUEST *req, char *line, size_t size)
{
    const CMPSRV_REASON_INFO *info = CMPSRV_reason_info(req->why.reason);
    char serial[2 * CMPSRV_MAX_SERIAL + 1];

    if (req->is_replay)
        append(line, size, " repeated");
    else if (req->why.reason == CMPSRV_R_NONE)
        append(line, size, " granted%s%s", req->event == NULL ? "" : " ",
               req->event == NULL ? "" : req->event);
    else
        append(line, size, " %s %s %s: %s",
               req->why.reason == CMPSRV_R_SYSTEM_FAILURE ? "failed" : "refused", info->name,
               CMPSRV_failinfo_name(info->fail_info), req->why.detail);
    if (serial_of(req).p != NULL)
        append(line, size, " serial=%s", cmpsrv_hex(serial_of(req), serial, sizeof(serial)));
}

/* What the client said went wrong; escaped by wire. */
static void append_client_text(const CMPSRV_REQUEST *req, char *line, size_t size)
{
    char text[256] = "";

    if (req->msg.body_type == CMPSRV_BODY_ERROR)
        cmpsrv_error_text(req->msg.body_value, text, sizeof(text));
    else if (req->msg.body_type == CMPSRV_BODY_CERTCONF && req->has_cert && !req->accepted)
        snprintf(text, sizeof(text), "%s", req->view.conf.text);
    if (text[0] != '\0')
        append(line, size, " client says \"%s\"", text);
}

static void append_times(const CMPSRV_REQUEST *req, char *line, size_t size)
{
    const char *name;

    append(line, size, " ms:");
    for (size_t i = 0; (name = cmpsrv_stage_name(i)) != NULL; i++)
        append(line, size, " %s=%.2f", name, (double)req->stage_us[i] / 1000.0);
}

void cmpsrv_log_request(const CMPSRV_REQUEST *req)
{
    CMPSRV_LOG *log = req->srv->log;
    char line[2000] = "", tid[2 * CMPSRV_MAX_TRANSACTION_ID + 1];
    int failed = req->why.reason == CMPSRV_R_SYSTEM_FAILURE;

    if (!cmpsrv_log_enabled(log, failed ? CMPSRV_LOG_ERROR : CMPSRV_LOG_INFO))
        return;
    append(
        line, sizeof(line), "alias=%s tid=%s %s -> %s", req->alias == NULL ? "?" : req->alias->name,
        cmpsrv_hex(req->msg.transaction_id, tid, sizeof(tid)), cmpsrv_body_name(req->msg.body_type),
        req->is_replay ? "same answer" : cmpsrv_body_name(req->answer_type));
    if (req->auth.identity.proven)
        append(line, sizeof(line), " %s:%s \"%s\"", req->auth.identity.module,
               req->auth.identity.source, req->auth.identity.name);
    append_result(req, line, sizeof(line));
    append_client_text(req, line, sizeof(line));
    if (cmpsrv_log_enabled(log, CMPSRV_LOG_DEBUG))
        append_times(req, line, sizeof(line));
    cmpsrv_log(log, failed ? CMPSRV_LOG_ERROR : CMPSRV_LOG_INFO, "%s", line);
}
