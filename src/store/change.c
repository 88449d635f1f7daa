/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes walk: each type of change is one function and one row of a table. A change names the
 * state it was decided on; when no row is in that state any more it is a conflict. Runs inside a
 * transaction that the database's file has begun and will undo unless all of it is DONE.
 */
#include "config.h"

#include "store/store_local.h"

static CMPSRV_COMMIT done_if_one(int64_t changed)
{
    if (changed < 0)
        return CMPSRV_COMMIT_FAILED;
    return changed == 1 ? CMPSRV_COMMIT_DONE : CMPSRV_COMMIT_CONFLICT;
}

/* Whether the end entity has a code: 1/0, -1 failed. */
static int64_t has_code(CMPSRV_TX *tx, const CMPSRV_END_ENTITY_ROW *e, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(e->name)};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_HAS_CODE, v, NULL, NULL, why);
}

/* Writes the subject into the certificates that had none of their own, before the end entity's
 * becomes another one, or goes (NULL). 1/0. */
static int keep_subject(CMPSRV_TX *tx, const char *name, const unsigned char *subject_hash,
                        CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(name), cmpsrv_sql_blob(subject_hash, CMPSRV_HASH)};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CERT_KEEP_SUBJECT, v, NULL, NULL, why) >=
           0;
}

static CMPSRV_COMMIT insert_row(CMPSRV_TX *tx, const CMPSRV_END_ENTITY_ROW *e, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[CMPSRV_ENTITY_COLS];

    cmpsrv_entity_to_sql(e, v);
    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_INSERT, v, NULL, NULL, why));
}

static CMPSRV_COMMIT upsert_entity(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    const CMPSRV_END_ENTITY_ROW *e = &c->u.entity;
    CMPSRV_SQLV v[CMPSRV_ENTITY_COLS + 3];
    CMPSRV_COMMIT out = insert_row(tx, e, why);
    int64_t replaced;

    if (out != CMPSRV_COMMIT_CONFLICT)
        return out;
    replaced = e->code.p == NULL ? 0 : has_code(tx, e, why);
    if (replaced < 0 || !keep_subject(tx, e->name, e->subject_hash, why))
        return CMPSRV_COMMIT_FAILED;
    tx->erased |= replaced > 0;
    cmpsrv_entity_to_sql(e, v);
    v[CMPSRV_ENTITY_COLS] = cmpsrv_sql_text_value(c->u.entity_from.alias);
    v[CMPSRV_ENTITY_COLS + 1] = cmpsrv_sql_blob(c->u.entity_from.ca_id, CMPSRV_HASH);
    v[CMPSRV_ENTITY_COLS + 2] = cmpsrv_sql_text_value(c->u.entity_from.end_entity_profile);
    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_UPSERT, v, NULL, NULL, why));
}

static CMPSRV_COMMIT insert_entity(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_COMMIT out = insert_row(tx, &c->u.entity, why);

    if (out != CMPSRV_COMMIT_CONFLICT)
        return out;
    cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST, "there is an end entity %s already", c->u.entity.name);
    return CMPSRV_COMMIT_REFUSED;
}

static CMPSRV_COMMIT update_entity(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[CMPSRV_ENTITY_COLS + 1];

    cmpsrv_entity_to_sql(&c->u.entity, v);
    v[CMPSRV_ENTITY_COLS] = cmpsrv_sql_int(c->u.entity_seen);
    tx->erased = 1; /* the code may be another one */
    if (!keep_subject(tx, c->u.entity.name, c->u.entity.subject_hash, why))
        return CMPSRV_COMMIT_FAILED;
    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_UPDATE, v, NULL, NULL, why));
}

static CMPSRV_COMMIT delete_entity(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(c->u.entity.name), cmpsrv_sql_int(c->u.entity_seen)};

    tx->erased = 1;
    if (!keep_subject(tx, c->u.entity.name, NULL, why))
        return CMPSRV_COMMIT_FAILED;
    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_DELETE, v, NULL, NULL, why));
}

static CMPSRV_COMMIT use_entity(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    const CMPSRV_END_ENTITY_ROW *e = &c->u.entity;
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(e->name), cmpsrv_sql_int(e->updated_at),
                       cmpsrv_sql_int(e->remaining >= 0)};

    if (e->status == CMPSRV_ENTITY_GENERATED) /* a renewal, which the code has no part in */
        return done_if_one(
            tx->store->ops->run(tx->conn, CMPSRV_ST_ENTITY_RENEW, v, 2, NULL, NULL, why));
    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_USE, v, NULL, NULL, why));
}

/* No such row, or it has changed since: then there is nobody to lock. */
static CMPSRV_COMMIT count_attempts(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(c->u.entity.name),
                       cmpsrv_sql_int(c->u.entity.attempts),
                       cmpsrv_sql_int(c->u.entity.updated_at)};
    int64_t changed =
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_ATTEMPTS, v, NULL, NULL, why);

    return changed < 0 ? CMPSRV_COMMIT_FAILED : CMPSRV_COMMIT_DONE;
}

/* No row: it is good for more, or somebody is still at it. */
static CMPSRV_COMMIT erase_code(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(c->u.entity.name),
                       cmpsrv_sql_int(c->u.entity.updated_at)};
    int64_t changed =
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ENTITY_ERASE, v, NULL, NULL, why);

    tx->erased |= changed > 0;
    return changed < 0 ? CMPSRV_COMMIT_FAILED : CMPSRV_COMMIT_DONE;
}

/* Whether this identity has a certificate for this key and subject that it has not confirmed:
 * found since the request was decided, it is to be sent again. 1/0, -1 failed. */
static int64_t is_unconfirmed(CMPSRV_TX *tx, const CMPSRV_CERT_ROW *r, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_kept(r->spki_hash),          cmpsrv_sql_text_value(r->alias),
        cmpsrv_sql_blob(r->ca_id, CMPSRV_HASH), cmpsrv_sql_blob(r->identity, CMPSRV_HASH),
        cmpsrv_sql_kept(r->subject_hash),       cmpsrv_sql_int(r->issued_at),
    };

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CERT_UNCONFIRMED, v, NULL, NULL, why);
}

/* Whether what must be unique in it is somebody else's by now. 1/0, -1 failed. */
static int64_t is_taken(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    unsigned taken = 0;

    if (cmpsrv_cert_taken(tx->store, tx->conn, c->u.cert.ca_id, c->u.cert_unique, &c->u.cert,
                          &taken, why) < 0)
        return -1;
    return taken != 0;
}

/* The transactionID is used from now on: DONE, CONFLICT when it is already. */
static CMPSRV_COMMIT spend(CMPSRV_TX *tx, const CMPSRV_CERT_ROW *r, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_text_value(r->alias),
        cmpsrv_sql_blob(r->tid, r->tid_len),
        cmpsrv_sql_blob(r->ca_id, CMPSRV_HASH),
        cmpsrv_sql_blob(r->serial, r->serial_len),
    };

    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_TID_INSERT, v, NULL, NULL, why));
}

/* Gives the alias a number, if it has none. 1/0. */
static int number_alias(CMPSRV_TX *tx, const char *name, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(name)};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_ALIAS_PUT, v, NULL, NULL, why) >= 0;
}

/* What it was decided on counts first, whatever its serial number is: then it is decided again. */
static CMPSRV_COMMIT insert_cert(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CERT_ROW *r = &c->u.cert;
    CMPSRV_SQLV v[CMPSRV_CERT_COLS];
    int64_t in_the_way = is_unconfirmed(tx, r, why), inserted;
    char serial[2 * CMPSRV_MAX_SERIAL + 1];

    if (in_the_way == 0)
        in_the_way = is_taken(tx, c, why);
    if (in_the_way != 0)
        return in_the_way < 0 ? CMPSRV_COMMIT_FAILED : CMPSRV_COMMIT_CONFLICT;
    if (!number_alias(tx, r->alias, why))
        return CMPSRV_COMMIT_FAILED;
    cmpsrv_cert_to_sql(r, v);
    v[CMPSRV_CERT_COLS - 1] = cmpsrv_sql_int(tx->chain.node);
    inserted = CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CERT_INSERT, v, NULL, NULL, why);
    if (inserted < 0)
        return CMPSRV_COMMIT_FAILED;
    if (inserted == 1)
        return r->tid_len == 0 ? CMPSRV_COMMIT_DONE : spend(tx, r, why);
    cmpsrv_refuse(why, CMPSRV_R_DUPLICATE_CERT_REQ, "serial number %s is taken",
                  cmpsrv_hex(cmpsrv_slice(r->serial, r->serial_len), serial, sizeof(serial)));
    return CMPSRV_COMMIT_REFUSED;
}

static CMPSRV_COMMIT check_alone(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CERT_ROW *r = &c->u.cert;
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_text_value(r->end_entity),
        cmpsrv_sql_blob(r->ca_id, CMPSRV_HASH),
        cmpsrv_sql_blob(r->serial, r->serial_len),
        cmpsrv_sql_int(r->not_after),
    };
    int64_t others = CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CERT_OTHERS, v, NULL, NULL, why);

    return others < 0    ? CMPSRV_COMMIT_FAILED
           : others == 0 ? CMPSRV_COMMIT_DONE
                         : CMPSRV_COMMIT_CONFLICT;
}

static CMPSRV_COMMIT move_status(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_blob(c->u.status.ca_id, CMPSRV_HASH),
        cmpsrv_sql_blob(c->u.status.serial, c->u.status.serial_len),
        cmpsrv_sql_int(c->u.status.from),
        cmpsrv_sql_int(c->u.status.to),
        cmpsrv_sql_int(c->u.status.revoked_at),
        cmpsrv_sql_int(c->u.status.reason),
    };

    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CERT_STATUS, v, NULL, NULL, why));
}

static CMPSRV_COMMIT write_txn(CMPSRV_TX *tx, CMPSRV_STMT st, const CMPSRV_TXN *t, int64_t version,
                               CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[CMPSRV_TXN_COLS];

    cmpsrv_txn_to_sql(t, v);
    v[2] = cmpsrv_sql_int(version);
    v[CMPSRV_TXN_COLS - 1] = cmpsrv_sql_int(tx->chain.node);
    return done_if_one(CMPSRV_SQL_RUN(tx->store, tx->conn, st, v, NULL, NULL, why));
}

static CMPSRV_COMMIT insert_txn(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    return write_txn(tx, CMPSRV_ST_TXN_INSERT, &c->u.txn, 1, why);
}

static CMPSRV_COMMIT update_txn(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    return write_txn(tx, CMPSRV_ST_TXN_UPDATE, &c->u.txn, c->u.txn.version, why);
}

static CMPSRV_COMMIT replace_txn(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    const CMPSRV_TXN *t = &c->u.txn;
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_blob(t->serial, t->serial_len),
        cmpsrv_sql_blob(t->ca_id, CMPSRV_HASH),
        cmpsrv_sql_text_value(t->alias),
        cmpsrv_sql_int(t->expires),
        cmpsrv_sql_int(tx->chain.node),
    };

    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_TXN_REPLACE, v, NULL, NULL, why));
}

static CMPSRV_COMMIT delete_txn(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_text_value(c->u.txn.alias),
        cmpsrv_sql_blob(c->u.txn.tid, c->u.txn.tid_len),
        cmpsrv_sql_int(c->u.txn.version),
    };

    return done_if_one(
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_TXN_DELETE, v, NULL, NULL, why));
}

static CMPSRV_COMMIT spend_tid(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    return number_alias(tx, c->u.cert.alias, why) ? spend(tx, &c->u.cert, why)
                                                  : CMPSRV_COMMIT_FAILED;
}

static CMPSRV_COMMIT append_audit(CMPSRV_TX *tx, const CMPSRV_CHANGE *c, CMPSRV_REFUSAL *why)
{
    return cmpsrv_chain_append(tx, c->u.audit, why) ? CMPSRV_COMMIT_DONE : CMPSRV_COMMIT_FAILED;
}

static CMPSRV_COMMIT (*const appliers[])(CMPSRV_TX *, const CMPSRV_CHANGE *, CMPSRV_REFUSAL *) = {
    [CMPSRV_CHANGE_ENTITY_INSERT] = insert_entity,
    [CMPSRV_CHANGE_ENTITY_UPDATE] = update_entity,
    [CMPSRV_CHANGE_ENTITY_DELETE] = delete_entity,
    [CMPSRV_CHANGE_ENTITY_USE] = use_entity,
    [CMPSRV_CHANGE_ENTITY_ERASE] = erase_code,
    [CMPSRV_CHANGE_ENTITY_UPSERT] = upsert_entity,
    [CMPSRV_CHANGE_ENTITY_ATTEMPTS] = count_attempts,
    [CMPSRV_CHANGE_CERT_INSERT] = insert_cert,
    [CMPSRV_CHANGE_CERT_ALONE] = check_alone,
    [CMPSRV_CHANGE_CERT_STATUS] = move_status,
    [CMPSRV_CHANGE_TXN_INSERT] = insert_txn,
    [CMPSRV_CHANGE_TXN_UPDATE] = update_txn,
    [CMPSRV_CHANGE_TXN_REPLACE] = replace_txn,
    [CMPSRV_CHANGE_TXN_DELETE] = delete_txn,
    [CMPSRV_CHANGE_TID_SPENT] = spend_tid,
    [CMPSRV_CHANGE_AUDIT] = append_audit,
};

CMPSRV_COMMIT cmpsrv_changes_apply(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CHANGES *list = arg;
    CMPSRV_COMMIT out = CMPSRV_COMMIT_DONE;

    for (size_t i = 0; i < list->n && out == CMPSRV_COMMIT_DONE; i++)
        out = appliers[list->v[i].type](tx, &list->v[i], why);
    return out;
}
