/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Housekeeping: transactions that nobody confirmed in time, tombstones that have done their work,
 * CRLs that are due. Every step is a store transaction of its own, guarded by the row's version, so
 * that it may run on several nodes at once.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

enum { BATCH = 256 };

struct batch {
    CMPSRV_TXN rows[BATCH];
    size_t n;
};

static int take_row(void *arg, const CMPSRV_TXN *row)
{
    struct batch *b = arg;

    return cmpsrv_txn_copy(&b->rows[b->n], row) && ++b->n < BATCH;
}

/* What becomes of a certificate that nobody confirmed in time. */
typedef struct {
    CMPSRV_CHANGES changes;
    const char *event; /* one of the next two; NULL: there was nothing to confirm */
    char owner[256];   /* of the certificate */
    size_t superseded;
} EXPIRY;

static const char revoked_event[] = "expired", kept_event[] = "kept unconfirmed";

static int collect_expiry_audit(CMPSRV_CHANGES *changes, const CMPSRV_TXN *t,
                                const CMPSRV_CERT_ROW *cert, const char *event)
{
    CMPSRV_AUDIT_EVENT e = {
        .event = event,
        .alias = t->alias,
        .tid = cmpsrv_slice(t->tid, t->tid_len),
        .body_type = -1,
        .serial = cmpsrv_slice(cert->serial, cert->serial_len),
        .end_entity = cert->end_entity,
        .reason = event == revoked_event ? 0 : -1,
    };

    return cmpsrv_changes_audit(changes, &e);
}

/* A certificate that is kept supersedes as one that is confirmed does. */
static int collect_superseded(CMPSRV_SERVER *srv, const CMPSRV_CONF_ALIAS *alias,
                              const CMPSRV_TXN *t, const CMPSRV_CERT_ROW *cert, int64_t now,
                              CMPSRV_CHANGES *changes, size_t *superseded, CMPSRV_REFUSAL *why)
{
    CMPSRV_AUDIT_EVENT e = {
        .alias = t->alias, .tid = cmpsrv_slice(t->tid, t->tid_len), .body_type = -1};

    return !alias->single_active_certificate ||
           cmpsrv_changes_superseded(srv->store, changes, cert, &e, now, superseded, why);
}

/* The certificate nobody confirmed: revoked, or kept where the alias says so; of an alias that is
 * gone: revoked. */
static int collect_unconfirmed(CMPSRV_SERVER *srv, const CMPSRV_CONF_ALIAS *alias,
                               const CMPSRV_TXN *t, int64_t now, EXPIRY *x, CMPSRV_REFUSAL *why)
{
    int keep = alias != NULL && alias->unconfirmed == CMPSRV_UNCONFIRMED_KEEP && !t->must_confirm;
    CMPSRV_CERT_ROW cert = {0};
    int found = cmpsrv_store_cert_get(srv->store, t->ca_id, cmpsrv_slice(t->serial, t->serial_len),
                                      &cert, why);
    int ok = found >= 0;

    if (found == 1)
        OPENSSL_strlcpy(x->owner, cert.end_entity, sizeof(x->owner));
    if (found == 1 && cert.status == CMPSRV_CERT_UNCONFIRMED) {
        x->event = keep ? kept_event : revoked_event;
        ok = cmpsrv_changes_status(&x->changes, &cert,
                                   keep ? CMPSRV_CERT_ACTIVE : CMPSRV_CERT_REVOKED, 0, now) &&
             collect_expiry_audit(&x->changes, t, &cert, x->event) &&
             (!keep ||
              collect_superseded(srv, alias, t, &cert, now, &x->changes, &x->superseded, why));
    }
    cmpsrv_cert_row_clear(&cert);
    return ok;
}

static void count_expiry(CMPSRV_SERVER *srv, const CMPSRV_CA *ca, const EXPIRY *x)
{
    const char *name = ca == NULL ? "" : ca->conf->name, *superseded = "superseded";

    if (x->event != NULL)
        cmpsrv_metrics_count(srv->metrics, CMPSRV_METRIC_AUDIT, &x->event);
    if (x->event == revoked_event)
        cmpsrv_metrics_count(srv->metrics, CMPSRV_METRIC_REVOKED, &name);
    for (size_t i = 0; i < x->superseded; i++) {
        cmpsrv_metrics_count(srv->metrics, CMPSRV_METRIC_AUDIT, &superseded);
        cmpsrv_metrics_count(srv->metrics, CMPSRV_METRIC_REVOKED, &name);
    }
}

/* One expired row; hands its buffers over. Gives whether a certificate was revoked. */
static int expire_row(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, CMPSRV_TXN *t, int64_t now,
                      int *revoked, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_ALIAS *alias = cmpsrv_conf_alias(snap->conf, t->alias, strlen(t->alias));
    const CMPSRV_CA *ca = cmpsrv_snapshot_ca_by_id(snap, t->ca_id);
    int open = t->state != CMPSRV_TXN_DONE;
    EXPIRY x = {.event = NULL};
    CMPSRV_CHANGE *ch;
    CMPSRV_COMMIT outcome = CMPSRV_COMMIT_FAILED;

    *revoked = 0;
    if (!open || collect_unconfirmed(srv, alias, t, now, &x, why)) {
        ch = cmpsrv_changes_add(&x.changes,
                                open ? CMPSRV_CHANGE_TXN_UPDATE : CMPSRV_CHANGE_TXN_DELETE);
        if (ch != NULL) {
            ch->u.txn = *t;
            memset(t, 0, sizeof(*t));
            if (open) {
                ch->u.txn.state = CMPSRV_TXN_DONE;
                ch->u.txn.end = CMPSRV_END_EXPIRED;
                ch->u.txn.expires = now + (alias == NULL ? 0 : alias->transaction_retention);
            }
            if (x.owner[0] == '\0' || cmpsrv_changes_erasure(&x.changes, x.owner, now))
                outcome = cmpsrv_store_commit(srv->store, &x.changes, why);
        }
    }
    cmpsrv_changes_clear(&x.changes);
    if (outcome == CMPSRV_COMMIT_DONE) {
        count_expiry(srv, ca, &x);
        *revoked = x.event == revoked_event || x.superseded > 0;
    }
    return outcome == CMPSRV_COMMIT_DONE ||
           outcome == CMPSRV_COMMIT_CONFLICT; /* somebody else was faster */
}

static int expire_transactions(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, int64_t now,
                               int *revoked, CMPSRV_REFUSAL *why)
{
    struct batch *b = OPENSSL_zalloc(sizeof(*b));
    int ok = b != NULL && cmpsrv_store_txn_expired(srv->store, now, BATCH, take_row, b, why) == 1;

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        int one = 0;

        ok = ok && expire_row(srv, snap, &b->rows[i], now, &one, why);
        *revoked |= one;
        cmpsrv_txn_clear(&b->rows[i]);
    }
    OPENSSL_free(b);
    return ok;
}

static int renew_crls(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, int64_t now, int all,
                      CMPSRV_REFUSAL *why)
{
    int ok = 1;

    for (size_t i = 0; i < snap->cas_n; i++)
        if (snap->cas[i]->conf->crl_file != NULL &&
            (all || cmpsrv_ca_crl_is_due(snap->cas[i], now)))
            ok &= cmpsrv_ca_crl(snap->cas[i], srv->store, NULL, why);
    return ok;
}

CMPSRV_EXPORT int CMPSRV_tick(CMPSRV_SERVER *srv)
{
    CMPSRV_SNAPSHOT *snap = cmpsrv_server_get1_snapshot(srv);
    CMPSRV_REFUSAL why = {0};
    int64_t now = cmpsrv_time_now();
    int revoked = 0, ok;

    if (snap == NULL)
        return 0;
    ok = expire_transactions(srv, snap, now, &revoked, &why) &&
         cmpsrv_attempts_flush(srv->attempts, srv->store, &why);
    revoked |= atomic_exchange(&srv->crl_failed, 0);
    if (!renew_crls(srv, snap, now, revoked, &why)) {
        atomic_store(&srv->crl_failed, 1);
        ok = 0;
    }
    if (!ok)
        cmpsrv_log(srv->log, CMPSRV_LOG_ERROR, "housekeeping: %s", why.detail);
    cmpsrv_snapshot_free(snap);
    return ok;
}
