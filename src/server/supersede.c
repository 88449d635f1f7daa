/* SPDX-License-Identifier: Apache-2.0 */
/*
 * single_active_certificate: when a certificate becomes active, the older ones of its end entity
 * and CA are revoked as superseded (RFC 5280 5.3.1). Called by the handlers that make one active,
 * and by tick for one that is kept unconfirmed; the store refuses the whole when there is one more
 * by then, and it is decided again.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

enum { REASON_SUPERSEDED = 4 };

struct walk {
    CMPSRV_CHANGES *changes;
    CMPSRV_AUDIT_EVENT event; /* of each */
    CMPSRV_SLICE except;
    int64_t now;
    size_t n;
    int ok;
};

static int take_one(void *arg, const CMPSRV_CERT_ROW *cert)
{
    struct walk *w = arg;

    if ((cert->status != CMPSRV_CERT_ACTIVE && cert->status != CMPSRV_CERT_HOLD) ||
        cmpsrv_slice_eq(cmpsrv_slice(cert->serial, cert->serial_len), w->except))
        return 1;
    w->n++;
    w->event.serial = cmpsrv_slice(cert->serial, cert->serial_len);
    w->event.end_entity = cert->end_entity;
    return w->ok = cmpsrv_changes_status(w->changes, cert, CMPSRV_CERT_REVOKED, REASON_SUPERSEDED,
                                         w->now) &&
                   cmpsrv_changes_audit(w->changes, &w->event);
}

static int add_alone(CMPSRV_CHANGES *changes, const CMPSRV_CERT_ROW *cert, int64_t now)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_CERT_ALONE);

    if (ch == NULL)
        return 0;
    memcpy(ch->u.cert.ca_id, cert->ca_id, CMPSRV_HASH);
    memcpy(ch->u.cert.serial, cert->serial, cert->serial_len);
    ch->u.cert.serial_len = cert->serial_len;
    ch->u.cert.not_after = now;
    OPENSSL_strlcpy(ch->u.cert.end_entity, cert->end_entity, sizeof(ch->u.cert.end_entity));
    return 1;
}

int cmpsrv_changes_superseded(CMPSRV_STORE *store, CMPSRV_CHANGES *changes,
                              const CMPSRV_CERT_ROW *cert, const CMPSRV_AUDIT_EVENT *event,
                              int64_t now, size_t *n, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_FILTER filter = {
        .ca_id = cert->ca_id, .end_entity = cert->end_entity, .status = -1, .not_expired_at = now};
    struct walk w = {.changes = changes,
                     .event = *event,
                     .except = cmpsrv_slice(cert->serial, cert->serial_len),
                     .now = now,
                     .ok = 1};

    w.event.event = "superseded";
    w.event.reason = REASON_SUPERSEDED;
    if (cmpsrv_store_cert_each(store, &filter, take_one, &w, why) != 1)
        return 0;
    if (!w.ok || !add_alone(changes, cert, now))
        return cmpsrv_fail(why, "out of memory");
    *n += w.n;
    return 1;
}

int cmpsrv_collect_superseded(CMPSRV_REQUEST *req, const CMPSRV_CERT_ROW *cert)
{
    const CMPSRV_CA *ca = cmpsrv_snapshot_ca_by_id(req->snap, cert->ca_id);
    CMPSRV_AUDIT_EVENT event = {
        .alias = req->alias->name,
        .tid = req->msg.transaction_id,
        .body_type = req->msg.body_type,
        .body_name = cmpsrv_body_name(req->msg.body_type),
        .identity = &req->auth.identity,
        .ca = ca == NULL ? NULL : ca->conf->name,
    };

    if (!req->alias->single_active_certificate)
        return 1;
    if (!cmpsrv_changes_superseded(req->srv->store, &req->changes, cert, &event, req->now,
                                   &req->superseded, &req->why))
        return 0;
    req->crl_due |= req->superseded > 0;
    return 1;
}
