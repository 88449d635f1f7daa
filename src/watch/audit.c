/* SPDX-License-Identifier: Apache-2.0 */
/* What an audit record says: one JSON object, the same fields in the same order for every event. */
#include "config.h"

#include "watch/watch.h"

static void put_hex(CMPSRV_JSON *j, const char *key, CMPSRV_SLICE octets)
{
    char hex[2 * CMPSRV_MAX_TRANSACTION_ID + 1];

    if (octets.p != NULL)
        cmpsrv_json_field(j, key, cmpsrv_hex(octets, hex, sizeof(hex)));
}

static void put_identity(CMPSRV_JSON *j, const CMPSRV_IDENTITY *id)
{
    if (id == NULL || !id->proven)
        return;
    cmpsrv_json_field(j, "module", id->module);
    cmpsrv_json_field(j, "source", id->source);
    cmpsrv_json_field(j, "identity", id->name);
}

static void put_refusal(CMPSRV_JSON *j, const CMPSRV_REFUSAL *r)
{
    const CMPSRV_REASON_INFO *info;

    if (r == NULL)
        return;
    info = CMPSRV_reason_info(r->reason);
    cmpsrv_json_field(j, "reason", info->name);
    cmpsrv_json_field(j, "failInfo", CMPSRV_failinfo_name(info->fail_info));
    cmpsrv_json_field(j, "detail", r->detail);
}

char *cmpsrv_audit_record(const CMPSRV_AUDIT_EVENT *e)
{
    CMPSRV_JSON j = {0};

    cmpsrv_json_raw(&j, "{");
    cmpsrv_json_field(&j, "event", e->event);
    cmpsrv_json_field(&j, "alias", e->alias);
    put_hex(&j, "tid", e->tid);
    if (e->body_type >= 0)
        cmpsrv_json_field(&j, "body", e->body_name);
    put_identity(&j, e->identity);
    cmpsrv_json_field(&j, "ca", e->ca);
    put_hex(&j, "serial", e->serial);
    cmpsrv_json_field(&j, "entity", e->end_entity);
    cmpsrv_json_field(&j, "subject", e->subject);
    put_refusal(&j, e->refusal);
    if (e->reason >= 0)
        cmpsrv_json_field_int(&j, "crlReason", e->reason);
    cmpsrv_json_field(&j, "operator", e->operator_);
    cmpsrv_json_raw(&j, "}");
    return cmpsrv_json_finish(&j);
}
