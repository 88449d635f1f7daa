/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rr: revocation by the RA (RFC 9810 5.3.9, RFC 9483 4.2). The mark on the certificate row is the
 * revocation; the CRL that tells of it is made after the commit, before rp leaves.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

enum { REASON_HOLD = 6, REASON_REMOVE_FROM_CRL = 8 };

int cmpsrv_handle_rr_parse(CMPSRV_REQUEST *req)
{
    req->body_error = 1;
    return cmpsrv_rr_parse(req->msg.body_value, &req->view.rev, &req->why);
}

/* The certificate, of the CAs that the template's issuer names: after a rollover there are several
 * of one name. */
static int load_certificate(CMPSRV_REQUEST *req)
{
    char serial[2 * CMPSRV_MAX_SERIAL + 1];
    CMPSRV_SLICE s = req->view.rev.serial;
    int known = 0;

    for (size_t i = 0; i < req->snap->cas_n && !req->has_cert; i++) {
        const CMPSRV_CA *ca = req->snap->cas[i];
        int found;

        if (!cmpsrv_name_eq(req->view.rev.issuer, cmpsrv_bytes_slice(&ca->issuer.subject)))
            continue;
        if ((found = cmpsrv_store_cert_get(req->srv->store, ca->id, s, &req->cert, &req->why)) < 0)
            return 0;
        known = 1;
        req->has_cert = found;
        req->cert_ca = found ? ca : NULL;
    }
    if (req->has_cert)
        return 1;
    if (!known)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 9483 4.2: issuer is no CA of ours");
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                         "RFC 9483 4.2: no certificate with serial %s",
                         cmpsrv_hex(s, serial, sizeof(serial)));
}

/* Whose certificate it is must be one that this RA may act for at this alias. */
static int check_entity(CMPSRV_REQUEST *req)
{
    const CMPSRV_CONF_RA *ra = req->auth.identity.ra;
    CMPSRV_TARGET t = req->target;
    const CMPSRV_CA *ca;
    int found =
        cmpsrv_store_entity_get(req->srv->store, req->cert.end_entity, &req->existing, &req->why);

    if (found < 0)
        return 0;
    if (found == 0 && strcmp(req->cert.alias, req->alias->name) == 0 &&
        (ra == NULL || ra->end_entity_profiles.n == 0))
        return 1;
    if (found == 0)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NOT_AUTHORIZED,
                             "the end entity of the certificate, which alias %s issued, is gone",
                             req->cert.alias);
    t.ca = req->cert_ca->conf;
    ca = cmpsrv_snapshot_ca_by_id(req->snap, req->existing.ca_id);
    return cmpsrv_policy_owns_entity(&req->auth.identity, &t, &req->existing,
                                     ca == NULL ? NULL : ca->conf, &req->why);
}

/* The CA of the alias's p10cr, if the RA has its rights there; whose MAC is under another CA's
 * secret has none. */
static int is_default_ca(const CMPSRV_REQUEST *req)
{
    const CMPSRV_IDENTITY *id = &req->auth.identity;
    CMPSRV_TARGET t = req->target;

    t.ca = req->cert_ca->conf;
    return id->is_ra && req->alias->default_ca != NULL &&
           strcmp(req->alias->default_ca, t.ca->name) == 0 &&
           (id->kind != CMPSRV_PROTECTION_MAC || strcmp(id->source, "alias") == 0) &&
           cmpsrv_policy_authorize(id, req->msg.body_type, &t, NULL);
}

/* An end entity may revoke its own certificates, an RA what its alias's CA issued: what it may do
 * there is no authority over another CA's certificates. */
static int check_ca(CMPSRV_REQUEST *req)
{
    const CMPSRV_IDENTITY *id = &req->auth.identity;

    if (!id->is_ra && strcmp(id->entity, req->cert.end_entity) != 0)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NOT_AUTHORIZED,
                             "RFC 9810 5.3.9: the certificate is not end entity %s's", id->entity);
    if (req->cert_ca != req->ca && !is_default_ca(req))
        return cmpsrv_refuse(&req->why, CMPSRV_R_NOT_AUTHORIZED,
                             "RFC 9810 5.3.9: this RA is none for CA %s", req->cert_ca->conf->name);
    return !id->is_ra || check_entity(req);
}

/* What else stands in the template must be the certificate's. */
static int check_template(CMPSRV_REQUEST *req)
{
    const CMPSRV_REV_DETAILS *rev = &req->view.rev;
    CMPSRV_CERT_VIEW view;
    CMPSRV_SLICE spki, content;

    if (!cmpsrv_cert_view(cmpsrv_bytes_slice(&req->cert.der), &view, &req->why))
        return 0;
    if (rev->subject.p != NULL && !cmpsrv_name_eq(rev->subject, view.subject))
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 9483 4.2: subject is another one");
    spki = view.spki;
    if (rev->spki.p != NULL &&
        (!cmpsrv_der_get(&spki, DER_SEQUENCE, &content) || !cmpsrv_slice_eq(rev->spki, content)))
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 9483 4.2: publicKey is another one");
    return 1;
}

static int check_status(CMPSRV_REQUEST *req)
{
    int reason = req->view.rev.reason;
    CMPSRV_CERT_STATUS status = req->cert.status;

    if (status == CMPSRV_CERT_REVOKED || req->cert.not_after < req->now)
        return cmpsrv_refuse(&req->why, CMPSRV_R_CERT_REVOKED, "RFC 9483 4.2: %s already",
                             status == CMPSRV_CERT_REVOKED ? "revoked" : "expired");
    if (reason == REASON_HOLD && status == CMPSRV_CERT_UNCONFIRMED)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 5280 5.3.1: certificateHold of a certificate that was not "
                             "confirmed: off hold it would be");
    if (reason == REASON_REMOVE_FROM_CRL && status != CMPSRV_CERT_HOLD)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 5280 5.3.1: removeFromCRL of a certificate that is not on hold");
    if (reason == REASON_HOLD && status == CMPSRV_CERT_HOLD)
        return cmpsrv_refuse(&req->why, CMPSRV_R_CERT_REVOKED, "on hold already");
    return 1;
}

int cmpsrv_handle_rr_decide(CMPSRV_REQUEST *req)
{
    return load_certificate(req) && check_ca(req) && check_template(req) && check_status(req);
}

int cmpsrv_handle_rr_perform(CMPSRV_REQUEST *req)
{
    int reason = req->view.rev.reason;
    CMPSRV_CERT_STATUS to = reason == REASON_REMOVE_FROM_CRL ? CMPSRV_CERT_ACTIVE
                            : reason == REASON_HOLD          ? CMPSRV_CERT_HOLD
                                                             : CMPSRV_CERT_REVOKED;

    if (!cmpsrv_dispatch(req))
        return 0;
    if (!cmpsrv_collect_status(req, to, reason))
        return cmpsrv_fail(&req->why, "out of memory");
    req->event = to == CMPSRV_CERT_ACTIVE ? "unheld" : "revoked";
    req->next = CMPSRV_TXN_DONE;
    req->end = CMPSRV_END_PERFORMED;
    return 1;
}
