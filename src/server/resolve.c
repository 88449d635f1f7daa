/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request is aimed at: in RA mode the alias says it, in client mode the end entity that
 * asks, which is looked for here before anybody is known. Reads only, and tells nobody: whoever is
 * not found, or has no code, goes on to be refused as one with a wrong code is.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

enum {
    MAC = 1u << CMPSRV_PROTECTION_MAC,
    SIGNATURE = 1u << CMPSRV_PROTECTION_SIGNATURE,
    NONE = 1u << CMPSRV_PROTECTION_NONE
};

/* ---- what the request says of itself
 * -------------------------------------------------------------
 */

/* The attribute that holds the code of DnPartPwd, which is there once at most; NULL: it is not. */
static const char *code_attribute(const CMPSRV_CONF_ALIAS *alias)
{
    const char *found = NULL;

    for (size_t i = 0; i < alias->modules_n; i++)
        if (alias->modules[i].attribute != NULL)
            found = alias->modules[i].attribute;
    return found;
}

/* The code leaves the subject before anybody looks at that, whichever module will do. */
static int cut_subject(CMPSRV_REQUEST *req, const char *attribute)
{
    char *code = cmpsrv_name_get(req->asked, attribute, 0);

    if (code == NULL)
        return 1;
    req->dn_part = cmpsrv_secret_new(code, strlen(code));
    OPENSSL_clear_free(code, strlen(code));
    if (req->dn_part == NULL || !cmpsrv_name_cut(req->asked, attribute, &req->subject))
        return cmpsrv_fail(&req->why, "out of memory");
    req->asked = cmpsrv_bytes_slice(&req->subject);
    return 1;
}

/* Clients have the same name as sender, which would come back in the answer, and so be kept. */
static int cut_sender(CMPSRV_REQUEST *req, const char *attribute)
{
    char *code = cmpsrv_name_get(req->msg.sender_dn, attribute, 0);
    CMPSRV_BYTES name = {0};
    CMPSRV_DERW w = {0};
    int ok;

    if (code == NULL)
        return 1;
    OPENSSL_clear_free(code, strlen(code));
    if (!cmpsrv_name_cut(req->msg.sender_dn, attribute, &name))
        return cmpsrv_fail(&req->why, "out of memory");
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(4), cmpsrv_bytes_slice(&name));
    ok = cmpsrv_derw_finish(&w, &req->recipient) || cmpsrv_fail(&req->why, "out of memory");
    cmpsrv_bytes_clear(&name);
    return ok;
}

/* Read again when it is decided: what is wrong with it is said after authentication only. */
static int read_request(CMPSRV_REQUEST *req)
{
    const char *attribute = code_attribute(req->alias);
    CMPSRV_CERT_REQUEST cr = {0};
    int ok = 0;

    if (req->msg.body_type == CMPSRV_BODY_IR || req->msg.body_type == CMPSRV_BODY_CR)
        ok = cmpsrv_crmf_parse(req->msg.body_value, &cr, NULL);
    else if (req->msg.body_type == CMPSRV_BODY_P10CR)
        ok = cmpsrv_p10_parse(req->msg.body_value, &cr, NULL);
    req->asked = cmpsrv_slice(NULL, 0);
    if (ok) {
        req->asked = cr.subject;
        req->reg_token = cmpsrv_crmf_reg_token(&cr);
    }
    return attribute == NULL || (cut_subject(req, attribute) && cut_sender(req, attribute));
}

/* ---- whose code the sender should have ---------------------------------------------------------
 */

/* Whether the alias serves the end entity that was found: of others it knows as little as of those
 * that do not exist. */
static int is_served(void *arg, const CMPSRV_END_ENTITY_ROW *e)
{
    const CMPSRV_REQUEST *req = arg;
    const CMPSRV_CA *ca = cmpsrv_snapshot_ca_by_id(req->snap, e->ca_id);

    return cmpsrv_conf_is_listed(&req->alias->cas, ca == NULL ? "" : ca->conf->name) &&
           cmpsrv_conf_is_listed(&req->alias->end_entity_profiles, e->end_entity_profile);
}

/* Each: 1 found, 0 not, -1 the store failed. */

/* One that is not served is left aside, so that the other ways are gone as if it did not exist. */
static int by_name(CMPSRV_REQUEST *req, const char *name)
{
    int found = cmpsrv_store_entity_get(req->srv->store, name, &req->entity, &req->why);

    if (found != 1 || is_served(req, &req->entity))
        return found;
    cmpsrv_end_entity_row_clear(&req->entity);
    return 0;
}

/* Of a message that goes on with a transaction: the certificate that it is about has its owner's
 * name. */
static int by_transaction(CMPSRV_REQUEST *req)
{
    CMPSRV_CERT_ROW cert = {0};
    int found;

    if (req->type->is_first || !req->has_txn || req->txn.serial_len == 0)
        return 0;
    found =
        cmpsrv_store_cert_get(req->srv->store, req->txn.ca_id,
                              cmpsrv_slice(req->txn.serial, req->txn.serial_len), &cert, &req->why);
    if (found == 1)
        found = by_name(req, cert.end_entity);
    cmpsrv_cert_row_clear(&cert);
    return found;
}

/* senderKID is the name (RFC 9483 3.1: the reference of the secret). */
static int by_sender_kid(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE kid = req->msg.sender_kid;
    char name[sizeof(req->entity.name)];

    if (kid.n == 0 || kid.n >= sizeof(name) || memchr(kid.p, 0, kid.n) != NULL)
        return 0;
    memcpy(name, kid.p, kid.n);
    name[kid.n] = '\0';
    return by_name(req, name);
}

/* By the attribute that is the username, else by the whole subject. */
static int by_subject(CMPSRV_REQUEST *req, CMPSRV_SLICE subject)
{
    unsigned char hash[CMPSRV_HASH];
    char *name;
    int found = 0;

    if (subject.p == NULL || cmpsrv_name_is_empty(subject) || !cmpsrv_name_check(subject, NULL))
        return 0;
    if ((name = cmpsrv_username_of(req->alias, subject)) != NULL)
        found = by_name(req, name);
    OPENSSL_free(name);
    if (found != 0 || !cmpsrv_name_hash(subject, hash, NULL))
        return found;
    found = cmpsrv_store_entity_by_subject(req->srv->store, hash, is_served, req, &req->entity,
                                           &req->why);
    if (found == 2)
        cmpsrv_log(req->srv->log, CMPSRV_LOG_WARNING,
                   "several end entities have the subject of a request: none is taken");
    return found == 2 ? 0 : found;
}

static int by_request(CMPSRV_REQUEST *req)
{
    return by_subject(req, req->asked);
}

const CMPSRV_CA *cmpsrv_request_issuer(CMPSRV_REQUEST *req, const CMPSRV_CERT_VIEW *cert,
                                       CMPSRV_CERT_ROW *row, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_ROW found = {0};
    const CMPSRV_CA *ca = NULL;

    for (size_t i = 0; i < req->snap->cas_n && ca == NULL; i++) {
        const CMPSRV_CA *c = req->snap->cas[i];

        if (!cmpsrv_name_eq(cert->issuer, cmpsrv_bytes_slice(&c->issuer.subject)))
            continue;
        switch (cmpsrv_store_cert_get(req->srv->store, c->id, cert->serial, &found, why)) {
        case 1:
            if (cmpsrv_slice_eq(cmpsrv_bytes_slice(&found.der), cert->der))
                ca = c;
            break;
        case -1:
            return NULL;
        }
        if (ca != NULL && row != NULL)
            *row = found;
        else
            cmpsrv_cert_row_clear(&found);
    }
    return ca;
}

/* By the attribute of a vendor's certificate that is the username, and by nothing else: its subject
 * as a whole is the vendor's choice. */
static int by_vendor_subject(CMPSRV_REQUEST *req, CMPSRV_SLICE subject)
{
    char *name;
    int found;

    if (!cmpsrv_name_check(subject, NULL) ||
        (name = cmpsrv_username_of(req->alias, subject)) == NULL)
        return 0;
    found = by_name(req, name);
    OPENSSL_free(name);
    return found;
}

/* Whose certificate the message is signed with; what is wrong with it auth says. One of a CA that
 * the alias does not serve is nobody's: its owner's name may be another's by now. */
static int by_signer(CMPSRV_REQUEST *req)
{
    const CMPSRV_TXN *txn = req->has_txn ? &req->txn : NULL;
    CMPSRV_CERT_VIEW view;
    CMPSRV_CERT_ROW row = {0};
    const CMPSRV_CA *ca;
    int found = 0;

    if (!cmpsrv_auth_find_signer(&req->msg, txn, &view, NULL))
        return 0;
    if ((ca = cmpsrv_request_issuer(req, &view, &row, &req->why)) != NULL)
        found = cmpsrv_conf_is_listed(&req->alias->cas, ca->conf->name)
                    ? by_name(req, row.end_entity)
                    : 0;
    else if (req->why.reason == CMPSRV_R_NONE &&
             cmpsrv_vendor_may_sign(req->alias, req->msg.body_type, req->type->is_first, txn))
        found = by_vendor_subject(req, view.subject);
    cmpsrv_cert_row_clear(&row);
    return req->why.reason == CMPSRV_R_NONE ? found : -1;
}

static int by_certificate(CMPSRV_REQUEST *req)
{
    CMPSRV_REV_DETAILS rev;
    CMPSRV_CERT_ROW cert = {0};
    int found = 0;

    if (req->msg.body_type != CMPSRV_BODY_RR || !cmpsrv_rr_parse(req->msg.body_value, &rev, NULL))
        return 0;
    for (size_t i = 0; i < req->snap->cas_n && found == 0; i++)
        if (cmpsrv_name_eq(rev.issuer, cmpsrv_bytes_slice(&req->snap->cas[i]->issuer.subject)))
            found = cmpsrv_store_cert_get(req->srv->store, req->snap->cas[i]->id, rev.serial, &cert,
                                          &req->why);
    if (found == 1)
        found = by_name(req, cert.end_entity);
    cmpsrv_cert_row_clear(&cert);
    return found;
}

/* A signature has its owner, whatever the message asks for. */
static int find_entity(CMPSRV_REQUEST *req)
{
    static const struct {
        unsigned kinds;
        int (*find)(CMPSRV_REQUEST *);
    } ways[] = {{MAC | NONE, by_transaction},
                {MAC, by_sender_kid},
                {MAC | NONE, by_request},
                {MAC, by_certificate},
                {SIGNATURE, by_signer}};
    unsigned kind =
        1u << (req->msg.protection_alg.p == NULL ? CMPSRV_PROTECTION_NONE
                                                 : cmpsrv_protection_kind(req->msg.protection_alg));
    int found = 0;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(ways) && found == 0; i++)
        if ((ways[i].kinds & kind) != 0)
            found = ways[i].find(req);
    req->has_entity = found == 1;
    return found >= 0;
}

/* ---- its code ----------------------------------------------------------------------------------
 */

/* As much work whether there is a code or not. */
static int open_code(CMPSRV_REQUEST *req)
{
    static const unsigned char nothing[48] = {0};
    CMPSRV_END_ENTITY_ROW nobody = {.code_kind = CMPSRV_CODE_CLEAR};
    CMPSRV_REFUSAL why = {0};

    req->is_locked =
        req->has_entity && cmpsrv_attempts_locked(req->srv->attempts, req->alias, &req->entity);
    req->code_problem = !req->has_entity                            ? "no such end entity"
                        : req->is_locked                            ? "too many wrong codes"
                        : req->entity.code_kind == CMPSRV_CODE_NONE ? "the end entity has no code"
                        : req->entity.code_kind != CMPSRV_CODE_CLEAR
                            ? "the end entity has a hashed code only, a MAC needs one in the clear"
                            : NULL;
    if (req->code_problem != NULL) {
        if (!cmpsrv_bytes_set(&nobody.code, cmpsrv_slice(nothing, sizeof(nothing))))
            return cmpsrv_fail(&req->why, "out of memory");
        cmpsrv_secret_free(cmpsrv_store_code_open(req->srv->store, &nobody, NULL));
        cmpsrv_end_entity_row_clear(&nobody);
        return 1;
    }
    req->code = cmpsrv_store_code_open(req->srv->store, &req->entity, &why);
    if (req->code == NULL) {
        req->code_problem = "the code of the end entity cannot be decrypted";
        cmpsrv_log(req->srv->log, CMPSRV_LOG_ERROR, "%s", why.detail);
    }
    return 1;
}

int cmpsrv_entity_may_enrol(const CMPSRV_END_ENTITY_ROW *e)
{
    return e->remaining != 0 &&
           (e->status == CMPSRV_ENTITY_NEW || e->status == CMPSRV_ENTITY_FAILED ||
            e->status == CMPSRV_ENTITY_INITIALIZED || e->status == CMPSRV_ENTITY_INPROCESS ||
            e->status == CMPSRV_ENTITY_KEYRECOVERY);
}

int cmpsrv_stage_resolve(CMPSRV_REQUEST *req)
{
    int goes_on = !req->type->is_first && req->has_txn;
    int body = goes_on ? (int)req->txn.body_type : req->msg.body_type;

    if (req->alias->ra_mode) { /* what goes on with a transaction is aimed at where that began */
        cmpsrv_policy_resolve(req->snap->conf, req->alias, body, req->msg.sender_kid, &req->target);
        req->ca = cmpsrv_snapshot_ca(req->snap, req->target.ca);
        return 1; /* what could not be resolved is refused by decide, after authentication */
    }
    req->target = (CMPSRV_TARGET){.alias = req->alias};
    if (!read_request(req) || !find_entity(req) || !open_code(req))
        return 0;
    if (!req->has_entity)
        return 1;
    req->ca = cmpsrv_snapshot_ca_by_id(req->snap, req->entity.ca_id);
    cmpsrv_policy_resolve_entity(req->snap->conf, req->alias, &req->entity,
                                 req->ca == NULL ? NULL : req->ca->conf, &req->target);
    return 1;
}
