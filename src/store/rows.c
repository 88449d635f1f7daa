/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the model as parameters and columns of statements, both ways, in the order of sql.c. What
 * comes back is checked for length: a damaged store gives a failure, not a wrong answer.
 */
#include "config.h"

#include "store/store_local.h"

#include <string.h>

CMPSRV_SQLV cmpsrv_sql_int(int64_t i)
{
    CMPSRV_SQLV v = {.kind = CMPSRV_SQL_INT, .i = i};

    return v;
}

CMPSRV_SQLV cmpsrv_sql_text_value(const char *s)
{
    CMPSRV_SQLV v = {.kind = s == NULL ? CMPSRV_SQL_NULL : CMPSRV_SQL_TEXT, .p = s};

    v.n = s == NULL ? 0 : strlen(s);
    return v;
}

CMPSRV_SQLV cmpsrv_sql_blob(const void *p, size_t n)
{
    CMPSRV_SQLV v = {.kind = p == NULL ? CMPSRV_SQL_NULL : CMPSRV_SQL_BLOB, .p = p, .n = n};

    return v;
}

CMPSRV_SQLV cmpsrv_sql_kept(const unsigned char hash[CMPSRV_HASH])
{
    return cmpsrv_sql_blob(hash, CMPSRV_HASH_KEPT);
}

/* Octets in a fixed array whose length says whether they are there. */
static CMPSRV_SQLV optional(const unsigned char *p, size_t n)
{
    return cmpsrv_sql_blob(n == 0 ? NULL : p, n);
}

static CMPSRV_SQLV hash_value(const unsigned char h[CMPSRV_HASH])
{
    return cmpsrv_sql_blob(h, CMPSRV_HASH);
}

static int take_fixed(const CMPSRV_SQLV *col, unsigned char *out, size_t n)
{
    if (col->kind != CMPSRV_SQL_BLOB || col->n != n)
        return 0;
    memcpy(out, col->p, n);
    return 1;
}

static int take_optional(const CMPSRV_SQLV *col, unsigned char *out, size_t max, size_t *len)
{
    if (col->kind == CMPSRV_SQL_NULL) {
        *len = 0;
        return 1;
    }
    if (col->kind != CMPSRV_SQL_BLOB || col->n > max)
        return 0;
    *len = col->n;
    return col->n == 0 || take_fixed(col, out, col->n);
}

static int take_text(const CMPSRV_SQLV *col, char *out, size_t size)
{
    if (col->kind != CMPSRV_SQL_TEXT || col->n >= size)
        return 0;
    memcpy(out, col->p, col->n);
    out[col->n] = '\0';
    return 1;
}

static int take_bytes(const CMPSRV_SQLV *col, CMPSRV_BYTES *out)
{
    return col->kind == CMPSRV_SQL_NULL || cmpsrv_bytes_set(out, cmpsrv_slice(col->p, col->n));
}

void cmpsrv_cert_to_sql(const CMPSRV_CERT_ROW *r, CMPSRV_SQLV v[CMPSRV_CERT_COLS])
{
    v[0] = hash_value(r->ca_id);
    v[1] = cmpsrv_sql_blob(r->serial, r->serial_len);
    v[2] = cmpsrv_sql_blob(r->der.p, r->der.n);
    v[3] = cmpsrv_sql_int(r->status);
    v[4] = cmpsrv_sql_int(r->issued_at);
    v[5] = cmpsrv_sql_int(r->revoked_at);
    v[6] = cmpsrv_sql_int(r->reason);
    v[7] = cmpsrv_sql_int(r->not_after);
    v[8] = cmpsrv_sql_text_value(r->end_entity);
    v[9] = cmpsrv_sql_kept(r->subject_hash);
    v[10] = cmpsrv_sql_kept(r->spki_hash);
    v[11] = cmpsrv_sql_text_value(r->alias);
    v[12] = cmpsrv_sql_int(0);
}

int cmpsrv_cert_from_sql(const CMPSRV_SQLV *col, CMPSRV_CERT_ROW *r, CMPSRV_REFUSAL *why)
{
    memset(r, 0, sizeof(*r));
    r->status = (CMPSRV_CERT_STATUS)col[3].i;
    r->issued_at = col[4].i;
    r->revoked_at = col[5].i;
    r->reason = (int)col[6].i;
    r->not_after = col[7].i;
    if (take_fixed(&col[0], r->ca_id, CMPSRV_HASH) &&
        take_optional(&col[1], r->serial, sizeof(r->serial), &r->serial_len) &&
        take_text(&col[8], r->end_entity, sizeof(r->end_entity)) &&
        take_fixed(&col[9], r->subject_hash, CMPSRV_HASH_KEPT) &&
        take_fixed(&col[10], r->spki_hash, CMPSRV_HASH_KEPT) &&
        take_text(&col[11], r->alias, sizeof(r->alias)) && take_bytes(&col[2], &r->der))
        return 1;
    cmpsrv_cert_row_clear(r);
    return cmpsrv_fail(why, "store: a certificate row is damaged, or out of memory");
}

void cmpsrv_txn_to_sql(const CMPSRV_TXN *t, CMPSRV_SQLV v[CMPSRV_TXN_COLS])
{
    v[0] = cmpsrv_sql_text_value(t->alias);
    v[1] = cmpsrv_sql_blob(t->tid, t->tid_len);
    v[2] = cmpsrv_sql_int(t->version);
    v[3] = cmpsrv_sql_int(t->state);
    v[4] = cmpsrv_sql_int(t->end);
    v[5] = hash_value(t->identity);
    v[6] = cmpsrv_sql_int(t->kind);
    v[7] = cmpsrv_sql_int(t->body_type);
    v[8] = cmpsrv_sql_int(t->cert_req_id);
    v[9] = cmpsrv_sql_int(t->pvno);
    v[10] = cmpsrv_sql_blob(t->sender_nonce, sizeof(t->sender_nonce));
    v[11] = cmpsrv_sql_blob(t->mac_alg.p, t->mac_alg.n);
    v[12] = hash_value(t->ca_id);
    v[13] = optional(t->serial, t->serial_len);
    v[14] = hash_value(t->request_hash);
    v[15] = cmpsrv_sql_blob(t->answer.p, t->answer.n);
    v[16] = cmpsrv_sql_int(t->expires);
    v[17] = cmpsrv_sql_blob(t->signer.p, t->signer.n);
    v[18] = cmpsrv_sql_int(t->must_confirm);
    v[19] = cmpsrv_sql_int(0);
}

int cmpsrv_txn_from_sql(const CMPSRV_SQLV *col, CMPSRV_TXN *t, CMPSRV_REFUSAL *why)
{
    memset(t, 0, sizeof(*t));
    t->version = col[2].i;
    t->state = (CMPSRV_TXN_STATE)col[3].i;
    t->end = (CMPSRV_TXN_END)col[4].i;
    t->kind = (CMPSRV_PROTECTION)col[6].i;
    t->body_type = (CMPSRV_BODY)col[7].i;
    t->cert_req_id = col[8].i;
    t->pvno = (int)col[9].i;
    t->expires = col[16].i;
    t->must_confirm = col[18].i != 0;
    if (take_text(&col[0], t->alias, sizeof(t->alias)) &&
        take_optional(&col[1], t->tid, sizeof(t->tid), &t->tid_len) &&
        take_fixed(&col[5], t->identity, CMPSRV_HASH) &&
        take_fixed(&col[10], t->sender_nonce, sizeof(t->sender_nonce)) &&
        take_fixed(&col[12], t->ca_id, CMPSRV_HASH) &&
        take_optional(&col[13], t->serial, sizeof(t->serial), &t->serial_len) &&
        take_fixed(&col[14], t->request_hash, CMPSRV_HASH) && take_bytes(&col[11], &t->mac_alg) &&
        take_bytes(&col[15], &t->answer) && take_bytes(&col[17], &t->signer))
        return 1;
    cmpsrv_txn_clear(t);
    return cmpsrv_fail(why, "store: a transaction row is damaged, or out of memory");
}

void cmpsrv_entity_to_sql(const CMPSRV_END_ENTITY_ROW *e, CMPSRV_SQLV v[CMPSRV_ENTITY_COLS])
{
    static const CMPSRV_SQLV none = {.kind = CMPSRV_SQL_NULL};

    v[0] = cmpsrv_sql_text_value(e->name);
    v[1] = cmpsrv_sql_blob(e->subject.p, e->subject.n);
    v[2] = hash_value(e->subject_hash);
    v[3] = hash_value(e->ca_id);
    v[4] = cmpsrv_sql_text_value(e->end_entity_profile);
    v[5] = cmpsrv_sql_text_value(e->certificate_profile);
    v[6] = cmpsrv_sql_int(e->status);
    v[7] = cmpsrv_sql_int(e->updated_at);
    v[8] = cmpsrv_sql_int(e->code_kind);
    v[9] = cmpsrv_sql_blob(e->code.p, e->code.n);
    v[10] = e->remaining < 0 ? none : cmpsrv_sql_int(e->remaining);
    v[11] = cmpsrv_sql_blob(e->san.p, e->san.n);
    v[12] = cmpsrv_sql_text_value(e->alias);
    v[13] = cmpsrv_sql_int(e->attempts);
}

int cmpsrv_entity_from_sql(const CMPSRV_SQLV *col, CMPSRV_END_ENTITY_ROW *e, CMPSRV_REFUSAL *why)
{
    memset(e, 0, sizeof(*e));
    e->status = (int)col[6].i;
    e->updated_at = col[7].i;
    e->code_kind = (CMPSRV_CODE_KIND)col[8].i;
    e->remaining = col[10].kind == CMPSRV_SQL_NULL ? -1 : col[10].i;
    e->attempts = col[13].i;
    if (take_text(&col[0], e->name, sizeof(e->name)) && take_bytes(&col[1], &e->subject) &&
        take_fixed(&col[2], e->subject_hash, CMPSRV_HASH) &&
        take_fixed(&col[3], e->ca_id, CMPSRV_HASH) &&
        take_text(&col[4], e->end_entity_profile, sizeof(e->end_entity_profile)) &&
        take_text(&col[5], e->certificate_profile, sizeof(e->certificate_profile)) &&
        take_bytes(&col[9], &e->code) && take_bytes(&col[11], &e->san) &&
        take_text(&col[12], e->alias, sizeof(e->alias)))
        return 1;
    cmpsrv_end_entity_row_clear(e);
    return cmpsrv_fail(why, "store: an end entity's row is damaged, or out of memory");
}
