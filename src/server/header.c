/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header rules H1-H17 of a received message (RFC 9483 3.1 and 3.5), a function each, in tables
 * that are walked in order: the first that fails names the one failInfo bit of the answer. H0 is
 * wire's (the message is DER), H8-H14 are auth's; what needs to know who asks comes after
 * authentication, so that a stranger learns nothing of transactions.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

typedef int (*RULE)(CMPSRV_REQUEST *req);

static int walk(const RULE *rules, size_t n, CMPSRV_REQUEST *req)
{
    for (size_t i = 0; i < n; i++)
        if (!rules[i](req))
            return 0;
    return 1;
}

/* ---- before authentication: form only ----------------------------------------------------------
 */

static int h1_pvno(CMPSRV_REQUEST *req)
{
    if (req->msg.pvno != 2 && req->msg.pvno != 3)
        return cmpsrv_refuse(&req->why, CMPSRV_R_UNSUPPORTED_VERSION,
                             "RFC 9810 7: pvno %lld, want 2 or 3", (long long)req->msg.pvno);
    return 1;
}

static int h2_sender(CMPSRV_REQUEST *req)
{
    const CMPSRV_PKIMSG *m = &req->msg;
    int null_dn = m->sender_dn.p != NULL && cmpsrv_name_is_empty(m->sender_dn);

    if (null_dn && m->sender_kid.p == NULL && m->protection_alg.p != NULL &&
        cmpsrv_protection_kind(m->protection_alg) == CMPSRV_PROTECTION_MAC)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NO_SENDER_KID,
                             "RFC 9810 5.1.1: NULL-DN sender without senderKID");
    /* without protection there is no secret or certificate that the two would name */
    if (null_dn && m->sender_kid.p == NULL &&
        (m->protection_alg.p != NULL || req->alias->require_protection))
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_SENDER,
                             "RFC 9810 5.1.1: NULL-DN sender without senderKID");
    if (m->sender_dn.p != NULL && !null_dn) {
        CMPSRV_REFUSAL name = {0};

        if (!cmpsrv_name_check(m->sender_dn, &name))
            return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_SENDER, "sender: %s", name.detail);
    }
    return 1;
}

static int h4_body_type(CMPSRV_REQUEST *req)
{
    if (req->type == NULL)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BODY_NOT_SERVED, "RFC 9483 3.5: %s is not served",
                             cmpsrv_body_name(req->msg.body_type));
    if (req->operation[0] != '\0' && req->type->operation != NULL &&
        strcmp(req->operation, req->type->operation) != 0)
        return cmpsrv_refuse(&req->why, CMPSRV_R_WRONG_PATH_OPERATION,
                             "RFC 9811 3.6: %s at the path of %s",
                             cmpsrv_body_name(req->type->body), req->operation);
    return 1;
}

static int h5_transaction_id(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE tid = req->msg.transaction_id;

    if (tid.p == NULL)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NO_TRANSACTION_ID,
                             "RFC 9483 3.5: no transactionID");
    if (tid.n < (size_t)req->alias->transaction_id_min || tid.n > CMPSRV_MAX_TRANSACTION_ID)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_TRANSACTION_ID,
                             "RFC 9483 3.1: transactionID of %zu octets, want %d to %d", tid.n,
                             (int)req->alias->transaction_id_min, CMPSRV_MAX_TRANSACTION_ID);
    return 1;
}

static int h6_sender_nonce(CMPSRV_REQUEST *req)
{
    if (req->msg.sender_nonce.p == NULL || req->msg.sender_nonce.n < CMPSRV_MIN_NONCE)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_SENDER_NONCE,
                             "RFC 9483 3.5: senderNonce of %zu octets, want at least %d",
                             req->msg.sender_nonce.n, CMPSRV_MIN_NONCE);
    return 1;
}

static int h7a_no_recip_nonce(CMPSRV_REQUEST *req)
{
    if (req->type->is_first && req->msg.recip_nonce.p != NULL)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_RECIPIENT_NONCE,
                             "RFC 9483 3.1: recipNonce in the first message of a transaction");
    return 1;
}

int cmpsrv_header_check_form(CMPSRV_REQUEST *req)
{
    static const RULE rules[] = {h1_pvno,           h2_sender,       h4_body_type,
                                 h5_transaction_id, h6_sender_nonce, h7a_no_recip_nonce};

    return walk(rules, CMPSRV_ARRAY_SIZE(rules), req);
}

/* ---- after authentication: the transaction ------------------------------------------------------
 */

/* The transaction belongs to the identity that opened it; only then may anything about it change.
 */
static int owner(CMPSRV_REQUEST *req)
{
    req->owns_txn = req->has_txn && req->auth.identity.kind == req->txn.kind &&
                    memcmp(req->txn.identity, req->auth.identity.binding, CMPSRV_HASH) == 0;
    if (req->type->is_first || !req->has_txn || req->owns_txn)
        return 1;
    if (req->auth.identity.kind != req->txn.kind)
        return cmpsrv_refuse(&req->why, CMPSRV_R_WRONG_INTEGRITY,
                             "RFC 9483 3.5: protection of another kind than the first message's");
    return cmpsrv_refuse(&req->why, CMPSRV_R_FOREIGN_TRANSACTION,
                         "RFC 9483 3.5: the transaction was opened by another identity");
}

/* H10: RFC 9483 3.2, the algorithm is constant through a transaction; salt and count may change. */
static int h10_same_mac(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE now = req->msg.protection_alg, first = cmpsrv_bytes_slice(&req->txn.mac_alg);
    CMPSRV_SLICE now_oid, first_oid, parameters;

    if (!req->owns_txn || first.p == NULL ||
        (cmpsrv_der_get_algid(&now, &now_oid, &parameters) &&
         cmpsrv_der_get_algid(&first, &first_oid, &parameters) &&
         cmpsrv_slice_eq(now_oid, first_oid)))
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_MESSAGE_CHECK,
                         "RFC 9483 3.2: not the MAC algorithm the transaction began with");
}

static int h5c_id_not_in_use(CMPSRV_REQUEST *req)
{
    if (req->type->is_first && (req->has_txn || req->tid_used))
        return cmpsrv_refuse(&req->why, CMPSRV_R_TRANSACTION_ID_IN_USE,
                             "RFC 9483 5.1: transactionID %s",
                             req->has_txn ? "of another request" : "was used for a certificate");
    return 1;
}

static int h5d_id_is_known(CMPSRV_REQUEST *req)
{
    if (req->msg.body_type != CMPSRV_BODY_CERTCONF)
        return 1;
    if (!req->has_txn)
        return cmpsrv_refuse(&req->why, CMPSRV_R_NO_SUCH_TRANSACTION,
                             "RFC 9483 3.5: certConf without a transaction");
    if (req->txn.state == CMPSRV_TXN_DONE && req->txn.end == CMPSRV_END_CONFIRMED)
        return cmpsrv_refuse(&req->why, CMPSRV_R_ALREADY_CONFIRMED,
                             "RFC 9810 5.3.18: second certConf");
    if (req->txn.state != CMPSRV_TXN_WAIT_CONF || req->txn.expires <= req->now)
        return cmpsrv_refuse(&req->why, CMPSRV_R_WRONG_STATE, "RFC 9483 4.1.1: certConf %s",
                             req->txn.state == CMPSRV_TXN_WAIT_CONF ? "too late" : "not expected");
    return 1;
}

static int h7b_recip_nonce(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE want = cmpsrv_slice(req->txn.sender_nonce, CMPSRV_OUR_NONCE);

    if (req->type->is_first || !req->has_txn || cmpsrv_slice_eq(req->msg.recip_nonce, want))
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_RECIPIENT_NONCE,
                         "RFC 9483 3.5: recipNonce is not the senderNonce of our last message");
}

int cmpsrv_header_check_transaction(CMPSRV_REQUEST *req)
{
    static const RULE rules[] = {owner, h10_same_mac, h5c_id_not_in_use, h5d_id_is_known,
                                 h7b_recip_nonce};

    return walk(rules, CMPSRV_ARRAY_SIZE(rules), req);
}

/* ---- after authentication: what the alias wants
 * -------------------------------------------------- */

static int h9_kind_for_operation(CMPSRV_REQUEST *req)
{
    if (req->msg.body_type == CMPSRV_BODY_RR && !req->alias->allow_mac_rr &&
        req->auth.identity.kind == CMPSRV_PROTECTION_MAC)
        return cmpsrv_refuse(&req->why, CMPSRV_R_WRONG_INTEGRITY,
                             "RFC 9483 4.2: rr under a MAC, and allow_mac_rr is no");
    return 1;
}

/* EJBCA: profiles that anybody has are not for an RA that may name one. */
static int h11_key_id(CMPSRV_REQUEST *req)
{
    const CMPSRV_CONF_ALIAS *a = req->alias;
    char name[CMPSRV_KEY_ID_SIZE];

    if (!a->ra_mode || req->auth.identity.kind != CMPSRV_PROTECTION_MAC)
        return 1;
    cmpsrv_key_id(req->msg.sender_kid, name);
    if (!(a->ee_profile_is_key_id && strcmp(name, "EMPTY") == 0) &&
        !(a->cert_profile_is_key_id && strcmp(name, "ENDUSER") == 0))
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_KEY_ID_NOT_ACCEPTED,
                         "senderKID %s names a profile that is for everybody", name);
}

static int h15_message_time(CMPSRV_REQUEST *req)
{
    int64_t off = req->msg.message_time - req->now, tolerance = req->alias->message_time_tolerance;

    /* messageTime has whole seconds, our clock does not */
    if (!req->msg.has_message_time || tolerance < 0 ||
        (off <= tolerance && off >= -tolerance - 999))
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_TIME, "RFC 9483 3.5: messageTime is %lld s off",
                         (long long)(off / 1000));
}

int cmpsrv_header_check_policy(CMPSRV_REQUEST *req)
{
    static const RULE rules[] = {h9_kind_for_operation, h11_key_id, h15_message_time};

    return walk(rules, CMPSRV_ARRAY_SIZE(rules), req);
}
