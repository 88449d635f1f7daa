/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir, cr, p10cr: parse into one view, let policy decide, let the CA issue, collect what the store
 * shall keep. A client that lost our answer and starts over with a new transactionID gets the
 * certificate it did not confirm a second time, not a second certificate.
 */
#include "config.h"

#include "server/server_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

int cmpsrv_handle_cert_parse(CMPSRV_REQUEST *req)
{
    CMPSRV_CERT_REQUEST *cr = &req->view.cert;
    int ok;

    req->body_error = 1;
    ok = req->msg.body_type == CMPSRV_BODY_P10CR
             ? cmpsrv_p10_parse(req->msg.body_value, cr, &req->why)
             : cmpsrv_crmf_parse(req->msg.body_value, cr, &req->why);
    if (ok && req->subject.p != NULL)
        cr->subject = cmpsrv_bytes_slice(&req->subject);
    return ok;
}

int64_t cmpsrv_answer_cert_req_id(const CMPSRV_REQUEST *req)
{
    if (req->msg.body_type == CMPSRV_BODY_P10CR)
        return req->alias->p10cr_certreqid;
    return req->view.cert.cert_req_id;
}

static int check_cert_req_id(CMPSRV_REQUEST *req)
{
    const CMPSRV_CERT_REQUEST *cr = &req->view.cert;

    if (req->msg.body_type == CMPSRV_BODY_P10CR || cr->cert_req_id == 0 ||
        req->alias->certreqid_any)
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_REQ_ID,
                         "RFC 9483 4.1.1: certReqId %lld, want 0", (long long)cr->cert_req_id);
}

/* An empty subject is nobody's. */
static unsigned unique_of(const CMPSRV_REQUEST *req)
{
    const CMPSRV_CONF_ALIAS *a = req->alias;
    int has_subject = !cmpsrv_name_is_empty(cmpsrv_bytes_slice(&req->decision->subject));

    return (a->unique_public_key ? CMPSRV_UNIQUE_KEY : 0u) |
           (a->unique_subject_dn && has_subject ? CMPSRV_UNIQUE_SUBJECT : 0u);
}

/* Whether the certificate that goes out again has other extensions, serial number or end than this
 * request would get. */
static int differs(const CMPSRV_REQUEST *req)
{
    const CMPSRV_DECISION *d = req->decision;
    const CMPSRV_CERT_REQUEST *r = &req->view.cert;

    return memmem(req->cert.der.p, req->cert.der.n, d->extensions.p, d->extensions.n) == NULL ||
           (d->serial_len > 0 &&
            !cmpsrv_slice_eq(cmpsrv_slice(d->serial, d->serial_len),
                             cmpsrv_slice(req->cert.serial, req->cert.serial_len))) ||
           (r->has_not_after && r->not_after != req->cert.not_after);
}

/* The certificate is the one's whom it was made for: another end entity's subject may differ in
 * case only. */
static int set_owner(CMPSRV_REQUEST *req)
{
    char *owner = OPENSSL_strdup(req->cert.end_entity);

    if (owner == NULL)
        return cmpsrv_fail(&req->why, "out of memory");
    OPENSSL_free(req->decision->end_entity);
    req->decision->end_entity = owner;
    return 1;
}

/* Whether the commit may be the first to look for an unconfirmed certificate (it always looks):
 * nothing else depends on there being one, which is seldom. If there is, we come here again. */
static int may_skip_unconfirmed(const CMPSRV_REQUEST *req)
{
    return req->attempts == 0 && req->alias->ra_mode && unique_of(req) == 0 &&
           req->decision->serial_len == 0;
}

/* The same identity asks for the same key and name while its certificate waits for certConf. */
static int find_unconfirmed(CMPSRV_REQUEST *req)
{
    int found;

    req->cert_ca = req->ca;
    if (may_skip_unconfirmed(req))
        return 1;
    found = cmpsrv_store_cert_unconfirmed(
        req->srv->store, req->alias->name, req->ca->id, req->auth.identity.binding,
        req->decision->spki_hash, req->decision->subject_hash, req->now, &req->cert, &req->why);

    req->has_cert = req->is_reissue = found == 1;
    if (found != 1)
        return found == 0;
    req->decision->with_mods |= differs(req);
    return set_owner(req);
}

/* The status that lets an end entity enrol without a code: its own certificate, which expires
 * within the window of its profile, asks for the next one; that of its vendor does not. `EJBCA:`
 * there the code does, too; here it is gone by then. */
static int find_renewal(CMPSRV_REQUEST *req)
{
    const CMPSRV_CONF_EE_PROFILE *p = req->target.ee_profile;
    CMPSRV_CERT_VIEW view;

    req->is_renewal = req->entity.status == CMPSRV_ENTITY_GENERATED && p != NULL &&
                      p->renewal_window > 0 && req->auth.signer.p != NULL &&
                      cmpsrv_cert_view(req->auth.signer, &view, NULL) &&
                      view.not_after - req->now <= p->renewal_window &&
                      cmpsrv_request_issuer(req, &view, NULL, NULL) != NULL; /* no vendor's */
    return req->is_renewal;
}

/* A code that is used up opens no new transaction, but sends again what was not confirmed. The
 * answer is that to a wrong code, to the letter: nobody is known, nothing is kept. Who has a
 * certificate is known anyway, and is told. */
static int check_entity(CMPSRV_REQUEST *req)
{
    if (req->alias->ra_mode || req->is_reissue || cmpsrv_entity_may_enrol(&req->entity) ||
        find_renewal(req))
        return 1;
    if (req->auth.identity.kind == CMPSRV_PROTECTION_SIGNATURE)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NOT_AUTHORIZED,
                             "end entity %s has no requests left, or its status is %d",
                             req->entity.name, req->entity.status);
    cmpsrv_auth_result_clear(&req->auth);
    req->body_error = 0;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_MESSAGE_CHECK,
                         "the code of end entity %s is used up, or its status is %d",
                         req->entity.name, req->entity.status);
}

/* RA mode: the username, and who has it already; that must be one of ours to change. What is wrong
 * with the subject policy says. */
static int find_existing(CMPSRV_REQUEST *req, char **username)
{
    CMPSRV_SLICE subject = req->view.cert.subject;
    const CMPSRV_CA *ca;
    int found;

    if (!req->alias->ra_mode || subject.p == NULL || !cmpsrv_name_check(subject, NULL) ||
        (*username = cmpsrv_username_make(req->alias, subject, NULL)) == NULL)
        return 1;
    found = cmpsrv_store_entity_get(req->srv->store, *username, &req->existing, &req->why);
    req->has_existing = found == 1;
    if (found != 1)
        return found == 0;
    ca = cmpsrv_snapshot_ca_by_id(req->snap, req->existing.ca_id);
    return cmpsrv_policy_owns_entity(&req->auth.identity, &req->target, &req->existing,
                                     ca == NULL ? NULL : ca->conf, &req->why);
}

/* What nobody else of this CA may have, and a serial number that nobody may. */
static int check_unique(CMPSRV_REQUEST *req)
{
    const CMPSRV_DECISION *d = req->decision;
    unsigned unique = unique_of(req), taken = 0;
    CMPSRV_CERT_ROW like = {0};
    int found;

    if (req->is_reissue)
        return 1;
    OPENSSL_strlcpy(like.end_entity, d->end_entity, sizeof(like.end_entity));
    memcpy(like.spki_hash, d->spki_hash, CMPSRV_HASH);
    memcpy(like.subject_hash, d->subject_hash, CMPSRV_HASH);
    if (unique != 0 && cmpsrv_store_cert_taken(req->srv->store, req->ca->id, unique, &like, &taken,
                                               &req->why) != 1)
        return 0;
    if (taken != 0)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NOT_UNIQUE,
                             "%s: another end entity of CA %s has it",
                             taken & CMPSRV_UNIQUE_KEY ? "unique_public_key" : "unique_subject_dn",
                             req->ca->conf->name);
    if (d->serial_len == 0)
        return 1;
    found = cmpsrv_store_cert_get(req->srv->store, req->ca->id,
                                  cmpsrv_slice(d->serial, d->serial_len), &like, &req->why);
    cmpsrv_cert_row_clear(&like);
    return found == 0 || cmpsrv_refuse(&req->why, CMPSRV_R_DUPLICATE_CERT_REQ,
                                       "RFC 4211 5: the serialNumber asked for is taken");
}

int cmpsrv_handle_cert_decide(CMPSRV_REQUEST *req)
{
    CMPSRV_POLICY_INPUT in = {
        .libctx = req->srv->libctx,
        .propq = req->srv->propq,
        .curves = req->srv->curves,
        .target = &req->target,
        .request = &req->view.cert,
        .now = req->now,
        .identity = &req->auth.identity,
        .secret = req->auth.secret,
        .pvno = req->msg.pvno,
        .entity = req->alias->ra_mode ? NULL : &req->entity,
    };
    CMPSRV_CERT_VIEW signer;
    char *username = NULL;
    int ok;

    if (!check_cert_req_id(req))
        return 0;
    if (req->ca == NULL)
        return cmpsrv_refuse(&req->why, CMPSRV_R_WRONG_AUTHORITY, "no CA for this request");
    in.ca_subject = req->ca->issuer.view.subject;
    in.ca_subject_hash = req->ca->issuer.subject_hash;
    in.ca_not_before = req->ca->issuer.view.not_before;
    in.ca_not_after = req->ca->issuer.view.not_after;
    in.ca_spki = req->ca->issuer.view.spki;
    if (req->auth.signer.p != NULL && cmpsrv_cert_view(req->auth.signer, &signer, NULL))
        in.signer_subject = signer.subject;
    ok = find_existing(req, &username);
    in.username = username;
    in.existing = req->has_existing ? &req->existing : NULL;
    if (ok)
        req->decision = cmpsrv_policy_decide_cert(&in, &req->why);
    OPENSSL_free(username);
    return req->decision != NULL && find_unconfirmed(req) && check_entity(req) && check_unique(req);
}

/* Client mode: one certificate less that the code is good for. */
static int collect_use(CMPSRV_REQUEST *req)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_ENTITY_USE);

    if (ch == NULL)
        return 0;
    OPENSSL_strlcpy(ch->u.entity.name, req->decision->end_entity, sizeof(ch->u.entity.name));
    ch->u.entity.updated_at = req->now;
    ch->u.entity.remaining = req->ca->conf->finish_user ? 0 : -1;
    ch->u.entity.status = req->is_renewal ? CMPSRV_ENTITY_GENERATED : 0;
    return 1;
}

/* RA mode: what is left to the end entity itself after this certificate. Only with a code that
 * somebody knows is it anything: with a random one there is none. */
static int set_code(CMPSRV_REQUEST *req, CMPSRV_END_ENTITY_ROW *e)
{
    CMPSRV_SLICE password = cmpsrv_secret_get0(req->alias->password);
    int64_t allowed = req->target.ee_profile->allowed_requests;

    e->status = CMPSRV_ENTITY_GENERATED;
    e->remaining = 0;
    if (password.p == NULL || (allowed <= 1 && req->ca->conf->finish_user))
        return 1;
    e->status = CMPSRV_ENTITY_NEW;
    e->remaining = req->ca->conf->finish_user ? allowed - 1 : allowed;
    e->code_kind = CMPSRV_CODE_CLEAR;
    return cmpsrv_store_code_seal(req->srv->store, e->name, e->code_kind, password, &e->code,
                                  &req->why);
}

/* An older code of an end entity that is the RA's now. */
static int collect_erasure(CMPSRV_REQUEST *req)
{
    return !req->has_existing || req->existing.code.p == NULL ||
           cmpsrv_changes_erasure(&req->changes, req->existing.name, req->now);
}

/* RA mode: the end entity is what was asked for last. */
static int collect_end_entity(CMPSRV_REQUEST *req)
{
    const CMPSRV_DECISION *d = req->decision;
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_ENTITY_UPSERT);
    CMPSRV_END_ENTITY_ROW *e;
    CMPSRV_SLICE san;

    if (ch == NULL)
        return 0;
    e = &ch->u.entity;
    OPENSSL_strlcpy(e->name, d->end_entity, sizeof(e->name));
    OPENSSL_strlcpy(e->alias, req->alias->name, sizeof(e->alias));
    e->updated_at = req->now;
    OPENSSL_strlcpy(ch->u.entity_from.alias, req->existing.alias, sizeof(ch->u.entity_from.alias));
    OPENSSL_strlcpy(ch->u.entity_from.end_entity_profile, req->existing.end_entity_profile,
                    sizeof(ch->u.entity_from.end_entity_profile));
    memcpy(ch->u.entity_from.ca_id, req->existing.ca_id, CMPSRV_HASH);
    OPENSSL_strlcpy(e->end_entity_profile, d->end_entity_profile, sizeof(e->end_entity_profile));
    OPENSSL_strlcpy(e->certificate_profile, d->certificate_profile, sizeof(e->certificate_profile));
    memcpy(e->subject_hash, d->subject_hash, CMPSRV_HASH);
    memcpy(e->ca_id, req->ca->id, CMPSRV_HASH);
    if (cmpsrv_extension_find(cmpsrv_bytes_slice(&d->extensions), CMPSRV_OID_SUBJECT_ALT_NAME, NULL,
                              &san) != 1)
        san = cmpsrv_slice(NULL, 0);
    return cmpsrv_bytes_set(&e->subject, cmpsrv_bytes_slice(&d->subject)) &&
           cmpsrv_bytes_set(&e->san, san) && set_code(req, e) && collect_erasure(req);
}

static int collect_certificate(CMPSRV_REQUEST *req)
{
    const CMPSRV_DECISION *d = req->decision;
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_CERT_INSERT);
    CMPSRV_CERT_ROW *c;

    if (ch == NULL)
        return 0;
    c = &ch->u.cert;
    memcpy(c->ca_id, req->issued.ca_id, CMPSRV_HASH);
    memcpy(c->serial, req->issued.serial, req->issued.serial_len);
    c->serial_len = req->issued.serial_len;
    c->status = req->implicit ? CMPSRV_CERT_ACTIVE : CMPSRV_CERT_UNCONFIRMED;
    c->issued_at = req->now;
    c->not_after = d->not_after;
    OPENSSL_strlcpy(c->end_entity, d->end_entity, sizeof(c->end_entity));
    memcpy(c->subject_hash, d->subject_hash, CMPSRV_HASH);
    memcpy(c->spki_hash, d->spki_hash, CMPSRV_HASH);
    memcpy(c->identity, req->auth.identity.binding, CMPSRV_HASH);
    OPENSSL_strlcpy(c->alias, req->alias->name, sizeof(c->alias));
    memcpy(c->tid, req->msg.transaction_id.p, req->msg.transaction_id.n);
    c->tid_len = req->msg.transaction_id.n;
    ch->u.cert_unique = unique_of(req);
    return cmpsrv_bytes_set(&c->der, cmpsrv_bytes_slice(&req->issued.der));
}

/* The transaction that waits for certConf ends and the new transactionID is spent, for the one
 * certificate they share. */
static int collect_reissue(CMPSRV_REQUEST *req)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_TXN_REPLACE);

    if (ch == NULL)
        return 0;
    memcpy(ch->u.txn.ca_id, req->cert.ca_id, CMPSRV_HASH);
    memcpy(ch->u.txn.serial, req->cert.serial, req->cert.serial_len);
    ch->u.txn.serial_len = req->cert.serial_len;
    OPENSSL_strlcpy(ch->u.txn.alias, req->alias->name, sizeof(ch->u.txn.alias));
    ch->u.txn.expires = req->now + req->alias->transaction_retention;
    if ((ch = cmpsrv_changes_add(&req->changes, CMPSRV_CHANGE_TID_SPENT)) == NULL)
        return 0;
    memcpy(ch->u.cert.ca_id, req->cert.ca_id, CMPSRV_HASH);
    memcpy(ch->u.cert.serial, req->cert.serial, req->cert.serial_len);
    ch->u.cert.serial_len = req->cert.serial_len;
    OPENSSL_strlcpy(ch->u.cert.alias, req->alias->name, sizeof(ch->u.cert.alias));
    memcpy(ch->u.cert.tid, req->msg.transaction_id.p, req->msg.transaction_id.n);
    ch->u.cert.tid_len = req->msg.transaction_id.n;
    return !req->implicit || cmpsrv_collect_status(req, CMPSRV_CERT_ACTIVE, 0);
}

/* The certificate that goes out: a new one, or the one in the store again. */
static int make_certificate(CMPSRV_REQUEST *req)
{
    if (!req->is_reissue)
        return cmpsrv_ca_issue(req->ca, req->decision, &req->issued, &req->why);
    memcpy(req->issued.ca_id, req->cert.ca_id, CMPSRV_HASH);
    memcpy(req->issued.serial, req->cert.serial, req->cert.serial_len);
    req->issued.serial_len = req->cert.serial_len;
    return cmpsrv_bytes_set(&req->issued.der, cmpsrv_bytes_slice(&req->cert.der)) ||
           cmpsrv_fail(&req->why, "out of memory");
}

static int supersede_others(CMPSRV_REQUEST *req)
{
    CMPSRV_CERT_ROW cert = {.serial_len = req->issued.serial_len};

    memcpy(cert.ca_id, req->issued.ca_id, CMPSRV_HASH);
    memcpy(cert.serial, req->issued.serial, req->issued.serial_len);
    OPENSSL_strlcpy(cert.end_entity, req->decision->end_entity, sizeof(cert.end_entity));
    return cmpsrv_collect_superseded(req, &cert);
}

int cmpsrv_handle_cert_perform(CMPSRV_REQUEST *req)
{
    int ok;

    if (!make_certificate(req) || !cmpsrv_dispatch(req))
        return 0;
    ok = req->is_reissue        ? collect_reissue(req)
         : !req->alias->ra_mode ? collect_use(req) && collect_certificate(req)
                                : collect_end_entity(req) && collect_certificate(req);
    if (!ok)
        return cmpsrv_fail(&req->why, "out of memory");
    if (req->implicit && !supersede_others(req))
        return 0;
    req->event = req->is_reissue ? "resent" : "issued";
    req->next = req->implicit ? CMPSRV_TXN_DONE : CMPSRV_TXN_WAIT_CONF;
    req->end = req->implicit ? CMPSRV_END_IMPLICIT : CMPSRV_END_NONE;
    return 1;
}
