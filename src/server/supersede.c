/* SPDX-License-Identifier: Apache-2.0 */
/*
 * single_active_certificate: when a certificate becomes active, the older ones of its end entity
 * and CA are revoked as superseded (RFC 5280 5.3.1). Called by the handlers that make one active;
 * the store refuses the whole when there is one more by then, and it is decided again.
 */
#include "config.h"

#include "server/server_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

enum { REASON_SUPERSEDED = 4 };

struct walk {
    CMPSRV_REQUEST *req;
    CMPSRV_SLICE except;
    int ok;
};

static int add_status(CMPSRV_REQUEST *req, const CMPSRV_CERT_ROW *cert)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_CERT_STATUS);

    if (ch == NULL)
        return 0;
    memcpy(ch->u.status.ca_id, cert->ca_id, CMPSRV_HASH);
    memcpy(ch->u.status.serial, cert->serial, cert->serial_len);
    ch->u.status.serial_len = cert->serial_len;
    ch->u.status.from = cert->status;
    ch->u.status.to = CMPSRV_CERT_REVOKED;
    ch->u.status.revoked_at = req->now;
    ch->u.status.reason = REASON_SUPERSEDED;
    req->superseded++;
    req->crl_due = 1;
    return 1;
}

static int add_audit(CMPSRV_REQUEST *req, const CMPSRV_CERT_ROW *cert)
{
    const CMPSRV_CA *ca = cmpsrv_snapshot_ca_by_id(req->snap, cert->ca_id);
    CMPSRV_AUDIT_EVENT e = {
        .event = "superseded",
        .alias = req->alias->name,
        .tid = req->msg.transaction_id,
        .body_type = req->msg.body_type,
        .body_name = cmpsrv_body_name(req->msg.body_type),
        .identity = &req->auth.identity,
        .ca = ca == NULL ? NULL : ca->conf->name,
        .serial = cmpsrv_slice(cert->serial, cert->serial_len),
        .end_entity = cert->end_entity,
        .reason = REASON_SUPERSEDED,
    };
    char *text = cmpsrv_audit_record(&e);
    CMPSRV_CHANGE *ch =
        text == NULL ? NULL : cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_AUDIT);

    if (ch == NULL) {
        OPENSSL_free(text);
        return 0;
    }
    ch->u.audit = text;
    return 1;
}

static int take_one(void *arg, const CMPSRV_CERT_ROW *cert)
{
    struct walk *w = arg;

    if ((cert->status != CMPSRV_CERT_ACTIVE && cert->status != CMPSRV_CERT_HOLD) ||
        cmpsrv_slice_eq(cmpsrv_slice(cert->serial, cert->serial_len), w->except))
        return 1;
    return w->ok = add_status(w->req, cert) && add_audit(w->req, cert);
}

int cmpsrv_collect_superseded(CMPSRV_REQUEST *req, const unsigned char ca_id[CMPSRV_HASH],
                              const char *end_entity, CMPSRV_SLICE serial)
{
    CMPSRV_CERT_FILTER filter = {
        .ca_id = ca_id, .end_entity = end_entity, .status = -1, .not_expired_at = req->now};
    struct walk w = {.req = req, .except = serial, .ok = 1};
    CMPSRV_CHANGE *ch;

    if (!req->alias->single_active_certificate)
        return 1;
    if (cmpsrv_store_cert_each(req->srv->store, &filter, take_one, &w, &req->why) != 1)
        return 0;
    if (!w.ok || (ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_CERT_ALONE)) == NULL)
        return cmpsrv_fail(&req->why, "out of memory");
    memcpy(ch->u.cert.ca_id, ca_id, CMPSRV_HASH);
    memcpy(ch->u.cert.serial, serial.p, serial.n);
    ch->u.cert.serial_len = serial.n;
    ch->u.cert.not_after = req->now;
    snprintf(ch->u.cert.end_entity, sizeof(ch->u.cert.end_entity), "%s", end_entity);
    return 1;
}
