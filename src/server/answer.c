/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages respond and protect: the body that the core's answer allows, or our refusal, under a
 * header of ours (cmp-conformance.md 1.3), protected as the identity and the alias say.
 * These run for every request, however far it came.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

/* ---- lists of certificates, each once
 * ------------------------------------------------------------
 */

typedef struct {
    CMPSRV_SLICE v[CMPSRV_MAX_EXTRA_CERTS];
    size_t n;
} CERTS;

static void add_cert(CERTS *c, const CMPSRV_BYTES *der)
{
    for (size_t i = 0; i < c->n; i++)
        if (cmpsrv_slice_eq(c->v[i], cmpsrv_bytes_slice(der)))
            return;
    if (der->p != NULL && c->n < CMPSRV_ARRAY_SIZE(c->v))
        c->v[c->n++] = cmpsrv_bytes_slice(der);
}

static void add_with_chain(CERTS *c, const CMPSRV_SIGNER *s)
{
    int is_root = cmpsrv_slice_eq(cmpsrv_bytes_slice(&s->der), cmpsrv_bytes_slice(&s->root));

    if (!is_root)
        add_cert(c, &s->der);
    for (size_t i = 0; i < s->chain_n; i++)
        add_cert(c, &s->chain[i]);
}

/* The certificates of the CAs that the alias names, in its order. */
static void add_named(CERTS *c, const CMPSRV_REQUEST *req, const CMPSRV_CONF_LIST *names)
{
    for (size_t i = 0; i < names->n; i++) {
        const CMPSRV_CA *ca =
            cmpsrv_snapshot_ca(req->snap, cmpsrv_conf_ca(req->snap->conf, names->v[i]));

        if (ca != NULL)
            add_cert(c, &ca->issuer.der);
    }
}

/* ---- respond: the body
 * --------------------------------------------------------------------------- */

static int respond_refusal(CMPSRV_REQUEST *req)
{
    const CMPSRV_REASON_INFO *info = CMPSRV_reason_info(req->why.reason);
    int body = req->body_error && req->type != NULL ? req->type->answer : CMPSRV_BODY_ERROR;
    int ok;

    if (body == CMPSRV_BODY_RP)
        ok = cmpsrv_body_rp_rejection(info->fail_info, info->text, &req->body);
    else if (body == CMPSRV_BODY_ERROR || body == CMPSRV_BODY_PKICONF)
        ok = cmpsrv_body_error(info->fail_info, info->text, &req->body);
    else
        ok = cmpsrv_body_cert_rejection(body, cmpsrv_answer_cert_req_id(req), info->fail_info,
                                        info->text, &req->body);
    req->answer_type = body;
    return ok;
}

/* caPubs: in ip only, the trust anchor of the new certificate (RFC 9483 4.1.1); `EJBCA:` the
 * issuing CA, in cp and kup too. Then the CAs that the alias names. */
static void choose_ca_pubs(const CMPSRV_REQUEST *req, CERTS *out)
{
    int all = req->alias->capubs_in == CMPSRV_CAPUBS_ALL;

    if (!all && req->answer_type != CMPSRV_BODY_IP)
        return;
    if (req->alias->capubs_issuing_ca)
        add_cert(out, all ? &req->ca->issuer.der : &req->ca->issuer.root);
    add_named(out, req, &req->alias->capubs_cas);
}

static int respond_cert(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE cert = cmpsrv_bytes_slice(&req->issued.der);
    CMPSRV_BYTES encrypted = {0};
    CERTS ca_pubs = {0};
    CMPSRV_CERTREP rep;
    int ok;

    if (req->decision->must_decrypt && !cmpsrv_encrypt_cert(req->srv->libctx, req->srv->propq, cert,
                                                            req->msg.pvno, &encrypted, &req->why))
        return 0;
    choose_ca_pubs(req, &ca_pubs);
    rep = (CMPSRV_CERTREP){
        .cert_req_id = cmpsrv_answer_cert_req_id(req),
        .status =
            req->decision->with_mods ? CMPSRV_STATUS_GRANTED_WITH_MODS : CMPSRV_STATUS_ACCEPTED,
        .cert = cert,
        .encrypted_cert = cmpsrv_bytes_slice(&encrypted),
        .ca_pubs = ca_pubs.v,
        .ca_pubs_n = ca_pubs.n,
    };
    ok = cmpsrv_body_certrep(req->answer_type, &rep, &req->body);
    cmpsrv_bytes_clear(&encrypted);
    return ok;
}

static int respond_rp(CMPSRV_REQUEST *req)
{
    return cmpsrv_body_rp(cmpsrv_bytes_slice(&req->cert_ca->issuer.subject), req->view.rev.serial,
                          &req->body);
}

int cmpsrv_stage_respond(CMPSRV_REQUEST *req)
{
    if (req->is_replay) { /* byte for byte what was sent before */
        req->answer = req->txn.answer;
        req->txn.answer = (CMPSRV_BYTES){NULL, 0};
        return 1;
    }
    if (req->why.reason != CMPSRV_R_NONE)
        return respond_refusal(req);
    req->answer_type = req->type->answer;
    if (req->answer_type == CMPSRV_BODY_PKICONF)
        return cmpsrv_body_pkiconf(&req->body);
    return req->answer_type == CMPSRV_BODY_RP ? respond_rp(req) : respond_cert(req);
}

/* ---- protect: header and protection
 * --------------------------------------------------------------- */

/* The CA whose name the request has as its recipient, if it is one of the alias's. */
static const CMPSRV_CA *recipient_ca(const CMPSRV_REQUEST *req)
{
    for (size_t i = 0; i < req->snap->cas_n; i++)
        if (req->msg.recipient_dn.p != NULL &&
            cmpsrv_conf_is_listed(&req->alias->cas, req->snap->cas[i]->conf->name) &&
            cmpsrv_name_eq(req->msg.recipient_dn,
                           cmpsrv_bytes_slice(&req->snap->cas[i]->issuer.subject)))
            return req->snap->cas[i];
    return NULL;
}

/* The CA that speaks where the request's must not be told. */
static const CMPSRV_CA *default_speaker(const CMPSRV_REQUEST *req)
{
    const CMPSRV_CA *ca = recipient_ca(req);

    if (ca != NULL || req->alias->default_ca == NULL)
        return ca;
    return cmpsrv_snapshot_ca(req->snap, cmpsrv_conf_ca(req->snap->conf, req->alias->default_ca));
}

/* The CA that speaks: the request's, else the alias's, else the alias's default. In client mode the
 * end entity's CA speaks to nobody else: that would tell of it. */
static const CMPSRV_CA *speaking_ca(const CMPSRV_REQUEST *req)
{
    CMPSRV_TARGET t = {0};

    if (req->alias != NULL && !req->alias->ra_mode) {
        if (req->auth.identity.proven && req->ca != NULL)
            return req->ca;
        return default_speaker(req);
    }
    if (req->alias != NULL && req->alias->ca_is_key_id && !req->auth.identity.proven)
        return default_speaker(req); /* which CAs there are nobody is told */
    if (req->ca != NULL || req->alias == NULL)
        return req->ca;
    cmpsrv_policy_resolve(req->snap->conf, req->alias, req->msg.body_type, req->msg.sender_kid, &t);
    if (t.ca == NULL && req->alias->default_ca != NULL)
        t.ca = cmpsrv_conf_ca(req->snap->conf, req->alias->default_ca);
    return cmpsrv_snapshot_ca(req->snap, t.ca);
}

/*
 * How to answer. Proven: as the transaction began, else as the alias says. Not proven: signed,
 * never with a MAC under a secret that was not proven (it would be a sample to guess against); an
 * alias can have errors to such MACs unprotected, as EJBCA's page describes.
 */
static CMPSRV_PROTECTION choose_protection(const CMPSRV_REQUEST *req)
{
    if (req->auth.identity.proven && req->auth.identity.kind == CMPSRV_PROTECTION_MAC) {
        if (req->owns_txn)
            return req->txn.mac_alg.n > 0 ? CMPSRV_PROTECTION_MAC : CMPSRV_PROTECTION_SIGNATURE;
        return req->alias->response_protection == CMPSRV_RESPONSE_SIGNATURE
                   ? CMPSRV_PROTECTION_SIGNATURE
                   : CMPSRV_PROTECTION_MAC;
    }
    if (!req->auth.identity.proven && !req->alias->sign_errors_to_mac &&
        cmpsrv_protection_kind(req->msg.protection_alg) == CMPSRV_PROTECTION_MAC)
        return CMPSRV_PROTECTION_NONE;
    return CMPSRV_PROTECTION_SIGNATURE;
}

struct protector {
    CMPSRV_REQUEST *req;
    CMPSRV_MAC_KEY *key;         /* MAC */
    const CMPSRV_SIGNER *signer; /* signature */
};

static int protect_with_mac(void *arg, CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *out,
                            CMPSRV_REFUSAL *why)
{
    return cmpsrv_mac_compute(((struct protector *)arg)->key, header, body, out, why);
}

static int protect_with_signature(void *arg, CMPSRV_SLICE header, CMPSRV_SLICE body,
                                  CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    const struct protector *p = arg;
    const CMPSRV_SERVER *srv = p->req->srv;
    CMPSRV_SLICE alg = cmpsrv_bytes_slice(&p->req->sig_alg), data;
    CMPSRV_BYTES part = {0};
    int ok;

    if (!cmpsrv_protected_part(header, body, &part))
        return cmpsrv_fail(why, "out of memory");
    data = cmpsrv_bytes_slice(&part);
    ok = cmpsrv_slice_eq(alg, cmpsrv_bytes_slice(&p->signer->sig_alg))
             ? cmpsrv_sig_key_make(p->signer->sign, data, out, why)
             : cmpsrv_sig_make(srv->libctx, srv->propq, p->signer->key, alg, data, out, why);
    cmpsrv_bytes_clear(&part);
    return ok;
}

/* The MAC of the answer: the request's parameters and the key derived from them, or a fresh salt.
 */
static int set_up_mac(CMPSRV_REQUEST *req, CMPSRV_ANSWER_HEAD *head, struct protector *p,
                      CMPSRV_MAC_KEY **fresh)
{
    CMPSRV_MAC_PARAMS params = req->auth.mac_params;
    unsigned char salt[16];

    p->key = req->auth.mac_key;
    if (!req->alias->mac_parameters_fresh) {
        if (!cmpsrv_bytes_set(&req->mac_alg, req->msg.protection_alg))
            return 0;
    } else {
        params.salt = cmpsrv_slice(salt, sizeof(salt));
        if (!cmpsrv_random(salt, sizeof(salt)) ||
            !cmpsrv_mac_algid(&params, params.salt, &req->mac_alg) ||
            (p->key = *fresh = cmpsrv_mac_key_derive(&params, req->auth.secret)) == NULL)
            return 0;
    }
    head->protection_alg = cmpsrv_bytes_slice(&req->mac_alg);
    head->sender_kid = req->msg.sender_kid;
    return 1;
}

static void fill_head(CMPSRV_REQUEST *req, const CMPSRV_CA *ca, CMPSRV_ANSWER_HEAD *head)
{
    int64_t pvno = req->msg.pvno;

    head->pvno = pvno < 2 ? 2 : pvno > 3 ? 3 : pvno;
    if (ca != NULL)
        head->sender = cmpsrv_bytes_slice(&ca->issuer.sender);
    head->recipient =
        req->recipient.p != NULL ? cmpsrv_bytes_slice(&req->recipient) : req->msg.sender;
    head->message_time = req->now;
    head->transaction_id = req->msg.transaction_id;
    head->sender_nonce = cmpsrv_slice(req->nonce, sizeof(req->nonce));
    head->recip_nonce = req->msg.sender_nonce;
    head->implicit_confirm = req->implicit && req->why.reason == CMPSRV_R_NONE;
    if (req->next == CMPSRV_TXN_WAIT_CONF && req->why.reason == CMPSRV_R_NONE)
        head->confirm_wait_until = req->now + req->alias->confirm_wait_time;
}

/* As the request was signed, on our key; without a signature to go by, or with a key that has a
 * choice of one, what the signer signs with by itself. */
static int choose_sig_alg(CMPSRV_REQUEST *req, const CMPSRV_SIGNER *signer)
{
    CMPSRV_SLICE own = cmpsrv_bytes_slice(&signer->sig_alg);

    if (cmpsrv_sig_md(own) != 0 && cmpsrv_sig_md(req->msg.protection_alg) != 0 &&
        cmpsrv_sig_algid_like(signer->key, req->msg.protection_alg, &req->sig_alg))
        return 1;
    return cmpsrv_bytes_set(&req->sig_alg, own);
}

static int set_up_signature(const CMPSRV_CA *ca, CMPSRV_ANSWER_HEAD *head, struct protector *p,
                            CERTS *certs)
{
    p->signer = ca->cmp_signer;
    if (!choose_sig_alg(p->req, p->signer))
        return 0;
    head->sender = cmpsrv_bytes_slice(&p->signer->sender);
    head->sender_kid = cmpsrv_bytes_slice(&p->signer->ski);
    head->protection_alg = cmpsrv_bytes_slice(&p->req->sig_alg);
    add_with_chain(certs, p->signer);
    return 1;
}

/* Puts the message together under its header; `p` makes the protection, if there is any. */
static int build(CMPSRV_REQUEST *req, CMPSRV_ANSWER_HEAD *head, struct protector *p, CERTS *certs)
{
    CMPSRV_PROTECT_CB cb = p->key != NULL      ? protect_with_mac
                           : p->signer != NULL ? protect_with_signature
                                               : NULL;
    unsigned char tid[16];

    if (head->transaction_id.p == NULL) { /* the request has none to repeat */
        if (!cmpsrv_random(tid, sizeof(tid)))
            return cmpsrv_fail(&req->why, "no random octets");
        head->transaction_id = cmpsrv_slice(tid, sizeof(tid));
    }
    if (req->issued.serial_len > 0 && req->why.reason == CMPSRV_R_NONE) {
        add_with_chain(certs, &req->ca->issuer);
        if (req->alias->root_in_ip_extracerts && req->answer_type == CMPSRV_BODY_IP)
            add_cert(certs, &req->ca->issuer.root);
        add_named(certs, req, &req->alias->extracerts_cas);
    }
    return cmpsrv_pkimsg_build(head, cmpsrv_bytes_slice(&req->body), cb, p, certs->v, certs->n,
                               &req->answer, &req->why);
}

int cmpsrv_stage_protect(CMPSRV_REQUEST *req)
{
    const CMPSRV_CA *ca = speaking_ca(req);
    CMPSRV_PROTECTION kind = choose_protection(req);
    CMPSRV_ANSWER_HEAD head = {0};
    struct protector p = {.req = req};
    CMPSRV_MAC_KEY *fresh = NULL;
    CERTS certs = {0};
    int ok;

    if (req->is_replay)
        return 1;
    cmpsrv_bytes_clear(&req->mac_alg);
    if (!cmpsrv_random(req->nonce, sizeof(req->nonce)))
        return cmpsrv_fail(&req->why, "no random octets");
    fill_head(req, ca, &head);
    if ((kind == CMPSRV_PROTECTION_SIGNATURE && ca != NULL &&
         !set_up_signature(ca, &head, &p, &certs)) ||
        (kind == CMPSRV_PROTECTION_MAC && !set_up_mac(req, &head, &p, &fresh)))
        ok = cmpsrv_fail(&req->why, "cannot set up the protection of the answer");
    else
        ok = build(req, &head, &p, &certs);
    cmpsrv_mac_key_free(fresh);
    return ok;
}
