/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed reads: each borrows a connection, runs one statement and turns columns into rows of the
 * model. Writes nothing and decides nothing.
 */
#include "config.h"

#include "store/store_local.h"

#include <string.h>

/* What a row becomes, and whether that went well. */
typedef struct {
    CMPSRV_CERT_ROW *cert;
    CMPSRV_TXN *txn;
    CMPSRV_END_ENTITY_ROW *entity;
    size_t n;
    CMPSRV_ENTITY_CB entity_cb;
    CMPSRV_CERT_CB cert_cb;
    CMPSRV_TXN_CB txn_cb;
    void *arg;
    CMPSRV_REFUSAL *why;
    int found, used; /* of a transaction */
    int damaged;
} TAKER;

/* One statement on a borrowed connection: the number of rows, -1 failed. */
static int64_t read_rows(CMPSRV_STORE *s, CMPSRV_STMT st, const CMPSRV_SQLV *v, size_t n,
                         CMPSRV_ROW_CB cb, TAKER *taker, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = s->ops->reader(s, why);
    int64_t rows;

    if (conn == NULL)
        return -1;
    rows = s->ops->run(conn, st, v, n, cb, taker, why);
    s->ops->release(s, conn);
    return taker != NULL && taker->damaged ? -1 : rows;
}

static int take_txn(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;

    t->used = col[CMPSRV_TXN_COLS].kind != CMPSRV_SQL_NULL;
    t->found = col[0].kind != CMPSRV_SQL_NULL;
    t->damaged = t->found && !cmpsrv_txn_from_sql(col, t->txn, t->why);
    return 0;
}

static int take_cert(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;

    t->damaged = !cmpsrv_cert_from_sql(col, t->cert, t->why);
    return 0;
}

int cmpsrv_store_txn_get(CMPSRV_STORE *s, const char *alias, CMPSRV_SLICE tid, CMPSRV_TXN *out,
                         int *used, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(alias), cmpsrv_sql_blob(tid.p, tid.n)};
    TAKER t = {.txn = out, .why = why};

    if (read_rows(s, CMPSRV_ST_TXN_GET, v, CMPSRV_ARRAY_SIZE(v), take_txn, &t, why) < 0)
        return -1;
    if (used != NULL)
        *used = t.used;
    return t.found;
}

int cmpsrv_store_cert_get(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                          CMPSRV_SLICE serial, CMPSRV_CERT_ROW *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_blob(ca_id, CMPSRV_HASH), cmpsrv_sql_blob(serial.p, serial.n)};
    TAKER t = {.cert = out, .why = why};

    return (int)read_rows(s, CMPSRV_ST_CERT_GET, v, CMPSRV_ARRAY_SIZE(v), take_cert, &t, why);
}

int cmpsrv_store_cert_unconfirmed(CMPSRV_STORE *s, const char *alias,
                                  const unsigned char ca_id[CMPSRV_HASH],
                                  const unsigned char identity[CMPSRV_HASH],
                                  const unsigned char spki_hash[CMPSRV_HASH],
                                  const unsigned char subject_hash[CMPSRV_HASH], int64_t now,
                                  CMPSRV_CERT_ROW *cert, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_kept(spki_hash),          cmpsrv_sql_text_value(alias),
        cmpsrv_sql_blob(ca_id, CMPSRV_HASH), cmpsrv_sql_blob(identity, CMPSRV_HASH),
        cmpsrv_sql_kept(subject_hash),       cmpsrv_sql_int(now),
    };
    TAKER t = {.cert = cert, .why = why};

    return (int)read_rows(s, CMPSRV_ST_CERT_UNCONFIRMED, v, CMPSRV_ARRAY_SIZE(v), take_cert, &t,
                          why);
}

int cmpsrv_cert_taken(CMPSRV_STORE *s, CMPSRV_CONN *conn, const unsigned char ca_id[CMPSRV_HASH],
                      unsigned unique, const CMPSRV_CERT_ROW *like, unsigned *taken,
                      CMPSRV_REFUSAL *why)
{
    const struct {
        unsigned bit;
        CMPSRV_STMT statement;
        CMPSRV_SQLV hash;
    } looks[] = {
        {CMPSRV_UNIQUE_KEY, CMPSRV_ST_CERT_KEY_TAKEN, cmpsrv_sql_kept(like->spki_hash)},
        {CMPSRV_UNIQUE_SUBJECT, CMPSRV_ST_CERT_SUBJECT_TAKEN,
         cmpsrv_sql_blob(like->subject_hash, CMPSRV_HASH)},
    };
    unsigned found = 0;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(looks); i++) {
        CMPSRV_SQLV v[] = {cmpsrv_sql_blob(ca_id, CMPSRV_HASH),
                           cmpsrv_sql_text_value(like->end_entity), looks[i].hash};
        int64_t rows = 0;

        if (unique & looks[i].bit)
            rows = CMPSRV_SQL_RUN(s, conn, looks[i].statement, v, NULL, NULL, why);
        if (rows < 0)
            return -1;
        found |= rows > 0 ? looks[i].bit : 0;
    }
    *taken = found;
    return 1;
}

int cmpsrv_store_cert_taken(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                            unsigned unique, const CMPSRV_CERT_ROW *like, unsigned *taken,
                            CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = s->ops->reader(s, why);
    int ok;

    if (conn == NULL)
        return -1;
    ok = cmpsrv_cert_taken(s, conn, ca_id, unique, like, taken, why);
    s->ops->release(s, conn);
    return ok;
}

static int take_entity(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;

    t->damaged = !cmpsrv_entity_from_sql(col, t->entity, t->why);
    return 0;
}

int cmpsrv_store_entity_get(CMPSRV_STORE *s, const char *name, CMPSRV_END_ENTITY_ROW *out,
                            CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(name)};
    TAKER t = {.entity = out, .why = why};

    return (int)read_rows(s, CMPSRV_ST_ENTITY_GET, v, CMPSRV_ARRAY_SIZE(v), take_entity, &t, why);
}

/* The first row that counts is kept, a second one says that there are several. */
static int take_only_entity(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;
    CMPSRV_END_ENTITY_ROW row;

    if (!cmpsrv_entity_from_sql(col, &row, t->why)) {
        t->damaged = 1;
        return 0;
    }
    if (t->entity_cb(t->arg, &row) && t->n++ == 0)
        *t->entity = row;
    else
        cmpsrv_end_entity_row_clear(&row);
    return t->n < 2;
}

int cmpsrv_store_entity_by_subject(CMPSRV_STORE *s, const unsigned char subject_hash[CMPSRV_HASH],
                                   CMPSRV_ENTITY_CB cb, void *arg, CMPSRV_END_ENTITY_ROW *out,
                                   CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_blob(subject_hash, CMPSRV_HASH)};
    TAKER t = {.entity = out, .entity_cb = cb, .arg = arg, .why = why};
    int failed = read_rows(s, CMPSRV_ST_ENTITY_BY_SUBJECT, v, CMPSRV_ARRAY_SIZE(v),
                           take_only_entity, &t, why) < 0;

    if (failed || t.n == 2)
        cmpsrv_end_entity_row_clear(out);
    return failed ? -1 : (int)t.n;
}

static int take_count(void *arg, const CMPSRV_SQLV *col)
{
    *(int64_t *)((TAKER *)arg)->arg = col[0].i;
    return 0;
}

int cmpsrv_store_txn_count(CMPSRV_STORE *s, CMPSRV_TXN_STATE state, int64_t *n, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_int((int64_t)state)};
    TAKER t = {.arg = n, .why = why};

    return (int)read_rows(s, CMPSRV_ST_TXN_COUNT, v, CMPSRV_ARRAY_SIZE(v), take_count, &t, why);
}

/* ---- walks -------------------------------------------------------------------------------------
 */

static int give_cert(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;
    CMPSRV_CERT_ROW row;
    int go_on;

    if (!cmpsrv_cert_from_sql(col, &row, t->why)) {
        t->damaged = 1;
        return 0;
    }
    go_on = t->cert_cb(t->arg, &row);
    cmpsrv_cert_row_clear(&row);
    return go_on;
}

static int give_entity(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;
    CMPSRV_END_ENTITY_ROW row;
    int go_on;

    if (!cmpsrv_entity_from_sql(col, &row, t->why)) {
        t->damaged = 1;
        return 0;
    }
    go_on = t->entity_cb(t->arg, &row);
    cmpsrv_end_entity_row_clear(&row);
    return go_on;
}

int cmpsrv_store_entity_each(CMPSRV_STORE *s, CMPSRV_ENTITY_CB cb, void *arg, CMPSRV_REFUSAL *why)
{
    TAKER t = {.entity_cb = cb, .arg = arg, .why = why};

    return read_rows(s, CMPSRV_ST_ENTITY_EACH, NULL, 0, give_entity, &t, why) < 0 ? -1 : 1;
}

static int give_txn(void *arg, const CMPSRV_SQLV *col)
{
    TAKER *t = arg;
    CMPSRV_TXN row;
    int go_on;

    if (!cmpsrv_txn_from_sql(col, &row, t->why)) {
        t->damaged = 1;
        return 0;
    }
    go_on = t->txn_cb(t->arg, &row);
    cmpsrv_txn_clear(&row);
    return go_on;
}

/* The statement whose index serves the filter best; all of them take the same parameters. */
static CMPSRV_STMT pick_walk(const CMPSRV_CERT_FILTER *f)
{
    if (f->ca_id != NULL && f->serial.p != NULL)
        return CMPSRV_ST_CERT_EACH_SERIAL;
    if (f->end_entity != NULL)
        return CMPSRV_ST_CERT_EACH_ENTITY;
    if (f->ca_id != NULL && f->status >= CMPSRV_CERT_REVOKED)
        return CMPSRV_ST_CERT_EACH_REVOKED;
    return f->ca_id != NULL ? CMPSRV_ST_CERT_EACH_CA : CMPSRV_ST_CERT_EACH;
}

int cmpsrv_store_cert_each(CMPSRV_STORE *s, const CMPSRV_CERT_FILTER *filter, CMPSRV_CERT_CB cb,
                           void *arg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {
        cmpsrv_sql_blob(filter->ca_id, CMPSRV_HASH),
        cmpsrv_sql_blob(filter->serial.p, filter->serial.n),
        cmpsrv_sql_text_value(filter->end_entity),
        cmpsrv_sql_int(filter->status),
        cmpsrv_sql_int(filter->issued_since == 0 ? INT64_MIN : filter->issued_since),
        cmpsrv_sql_int(filter->not_expired_at == 0 ? INT64_MIN : filter->not_expired_at),
    };
    TAKER t = {.cert_cb = cb, .arg = arg, .why = why};

    return read_rows(s, pick_walk(filter), v, CMPSRV_ARRAY_SIZE(v), give_cert, &t, why) < 0 ? -1
                                                                                            : 1;
}

int cmpsrv_store_txn_expired(CMPSRV_STORE *s, int64_t now, int limit, CMPSRV_TXN_CB cb, void *arg,
                             CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(now), cmpsrv_sql_int(limit)};
    TAKER t = {.txn_cb = cb, .arg = arg, .why = why};

    return read_rows(s, CMPSRV_ST_TXN_EXPIRED, v, CMPSRV_ARRAY_SIZE(v), give_txn, &t, why) < 0 ? -1
                                                                                               : 1;
}

/* ---- CAs ---------------------------------------------------------------------------------------
 */

typedef struct {
    char *out;
    size_t size;
} NAME;

static int take_name(void *arg, const CMPSRV_SQLV *col)
{
    const NAME *name = arg;
    size_t n = col[0].n < name->size ? col[0].n : name->size - 1;

    if (n > 0)
        memcpy(name->out, col[0].p, n);
    name->out[n] = '\0';
    return 0;
}

int cmpsrv_store_ca_name(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH], char *name,
                         size_t size, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_blob(ca_id, CMPSRV_HASH)};
    CMPSRV_CONN *conn = s->ops->reader(s, why);
    NAME out = {name, size};
    int64_t n;

    if (conn == NULL)
        return -1;
    n = CMPSRV_SQL_RUN(s, conn, CMPSRV_ST_CA_GET, v, take_name, &out, why);
    s->ops->release(s, conn);
    return (int)n;
}
