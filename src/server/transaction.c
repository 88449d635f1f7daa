/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: the table of moves a state may make, and the row that a request leaves behind, with
 * its protected answer in it for a retransmission. One message, one row, one version.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

/* From none (0) or a state, to a state. What is not here does not happen. */
static const struct {
    int from;
    CMPSRV_TXN_STATE to;
} moves[] = {
    {0, CMPSRV_TXN_WAIT_CONF},               /* certificate sent */
    {0, CMPSRV_TXN_DONE},                    /* implicitly confirmed, rr, refused */
    {CMPSRV_TXN_WAIT_CONF, CMPSRV_TXN_DONE}, /* confirmed, rejected, aborted, refused, expired */
};

int cmpsrv_transaction_may_move(CMPSRV_TXN_STATE from, CMPSRV_TXN_STATE to)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(moves); i++)
        if (moves[i].from == (int)from && moves[i].to == to)
            return 1;
    return 0;
}

/* Whether this request moves its transaction. An unproven or foreign message never does, nor does
 * one whose header was refused while a row stands: it may be an old message of the owner, sent by
 * somebody else. */
static int leaves_row(const CMPSRV_REQUEST *req)
{
    if ((!req->auth.identity.proven && !cmpsrv_fault("keep-refused")) || req->type == NULL)
        return 0;
    if (req->why.reason == CMPSRV_R_NONE)
        return req->next != 0;
    if (req->type->is_first)
        return !req->has_txn;
    return req->has_txn && req->owns_txn && req->has_cert; /* refused after decide had begun */
}

static void fill_opening(CMPSRV_REQUEST *req, CMPSRV_TXN *t)
{
    OPENSSL_strlcpy(t->alias, req->alias->name, sizeof(t->alias));
    memcpy(t->tid, req->msg.transaction_id.p, req->msg.transaction_id.n);
    t->tid_len = req->msg.transaction_id.n;
    memcpy(t->identity, req->auth.identity.binding, CMPSRV_HASH);
    t->kind = req->auth.identity.kind;
    t->body_type = (CMPSRV_BODY)req->msg.body_type;
    t->pvno = (int)req->msg.pvno;
    t->must_confirm = req->decision != NULL && req->decision->must_decrypt;
    if (req->issued.serial_len > 0) {
        t->cert_req_id = cmpsrv_answer_cert_req_id(req);
        memcpy(t->ca_id, req->issued.ca_id, CMPSRV_HASH);
        memcpy(t->serial, req->issued.serial, req->issued.serial_len);
        t->serial_len = req->issued.serial_len;
    }
}

/* The first message brought it; the others need not. */
static int fill_signer(const CMPSRV_REQUEST *req, CMPSRV_TXN *t)
{
    CMPSRV_SLICE first = cmpsrv_bytes_slice(&req->txn.signer);

    return cmpsrv_bytes_set(&t->signer, first.p != NULL ? first : req->auth.signer);
}

/* What the last message and its answer leave, whichever it was. */
static int fill_answer(CMPSRV_REQUEST *req, CMPSRV_TXN *t)
{
    int refused = req->why.reason != CMPSRV_R_NONE;

    t->state = refused ? CMPSRV_TXN_DONE : req->next;
    t->end = refused ? CMPSRV_END_REFUSED : req->end;
    memcpy(t->sender_nonce, req->nonce, CMPSRV_OUR_NONCE);
    memcpy(t->request_hash, req->hash, CMPSRV_HASH);
    t->expires = req->now + (t->state == CMPSRV_TXN_WAIT_CONF ? req->alias->confirm_wait_time
                                                              : req->alias->transaction_retention);
    return cmpsrv_bytes_set(&t->answer, cmpsrv_bytes_slice(&req->answer)) &&
           cmpsrv_bytes_set(&t->mac_alg, cmpsrv_bytes_slice(&req->mac_alg));
}

/* A negative answer ends the transaction (RFC 9483 3.6.4), and the certificate that waited counts
 * as rejected. */
static int end_certificate(CMPSRV_REQUEST *req)
{
    int keep = req->alias->unconfirmed == CMPSRV_UNCONFIRMED_KEEP && !req->txn.must_confirm;

    if (req->why.reason == CMPSRV_R_NONE || req->type->is_first ||
        req->cert.status != CMPSRV_CERT_UNCONFIRMED)
        return 1;
    return cmpsrv_collect_status(req, keep ? CMPSRV_CERT_ACTIVE : CMPSRV_CERT_REVOKED, 0) &&
           (!keep || cmpsrv_collect_superseded(req, &req->cert));
}

int cmpsrv_transaction_collect(CMPSRV_REQUEST *req)
{
    int update = req->type != NULL && !req->type->is_first;
    CMPSRV_CHANGE *ch;
    CMPSRV_TXN *t;
    CMPSRV_TXN_STATE to;

    if (!leaves_row(req))
        return 1;
    if (!end_certificate(req))
        return cmpsrv_fail(&req->why, "out of memory");
    ch = cmpsrv_changes_add(&req->changes,
                            update ? CMPSRV_CHANGE_TXN_UPDATE : CMPSRV_CHANGE_TXN_INSERT);
    if (ch == NULL)
        return cmpsrv_fail(&req->why, "out of memory");
    t = &ch->u.txn;
    if (update) { /* the row as it was read, its buffers left with req */
        *t = req->txn;
        t->answer = t->mac_alg = t->signer = (CMPSRV_BYTES){NULL, 0};
    } else {
        fill_opening(req, t);
    }
    if (!fill_signer(req, t) || !fill_answer(req, t))
        return cmpsrv_fail(&req->why, "out of memory");
    to = t->state; /* adding a change moves the list */
    if (to == CMPSRV_TXN_DONE && req->has_entity &&
        !cmpsrv_changes_erasure(&req->changes, req->entity.name, req->now))
        return cmpsrv_fail(&req->why, "out of memory");
    if (!cmpsrv_transaction_may_move(update ? req->txn.state : (CMPSRV_TXN_STATE)0, to))
        return cmpsrv_fail(&req->why, "no move from state %d to %d",
                           update ? (int)req->txn.state : 0, (int)to);
    return 1;
}
