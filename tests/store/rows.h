/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, changes and stores for the tests of the store; and the database seen by plain SQLite. */
#ifndef CMPSRV_TEST_STORE_ROWS_H
#define CMPSRV_TEST_STORE_ROWS_H

#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sqlite3.h>

#include "store/store_local.h"

#define UNUSED __attribute__((unused))
#define CA     ((const unsigned char *)"0123456789abcdef0123456789abcdef")

typedef struct {
    char dir[32], path[64], url[80];
} PLACE;

static UNUSED void place_new(PLACE *p)
{
    strcpy(p->dir, "/tmp/cmpsrv-store-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/store.db", p->dir);
    snprintf(p->url, sizeof(p->url), "sqlite:%s", p->path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static UNUSED void place_free(PLACE *p)
{
    nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static UNUSED CMPSRV_STORE *open_at(const char *url, const CMPSRV_STORE_OPTIONS *options)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_STORE *s = cmpsrv_store_open(url, options, &why);

    if (s == NULL)
        fprintf(stderr, "open: %s\n", why.detail);
    return s;
}

/* A store with the CA in it. */
static UNUSED CMPSRV_STORE *open_new(PLACE *p)
{
    CMPSRV_STORE *s;

    place_new(p);
    s = open_at(p->url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_FATAL(cmpsrv_store_ca_register(s, CA, "Test CA", NULL));
    return s;
}

static UNUSED void number_to(unsigned char *out, size_t n, unsigned id)
{
    memset(out, 0x40, n);
    for (size_t i = 0; i < 4; i++)
        out[n - 1 - i] = (unsigned char)(id >> (8 * i));
}

/* Certificate number id, with its own transactionID. */
static UNUSED CMPSRV_CERT_ROW *add_cert(CMPSRV_CHANGES *c, CMPSRV_CHANGE_TYPE type, unsigned id)
{
    CMPSRV_CERT_ROW *r = &cmpsrv_changes_add(c, type)->u.cert;
    unsigned char der[600];

    memcpy(r->ca_id, CA, CMPSRV_HASH);
    number_to(r->serial, r->serial_len = 20, id);
    number_to(r->tid, r->tid_len = 16, id);
    number_to(der, sizeof(der), id);
    cmpsrv_bytes_set(&r->der, cmpsrv_slice(der, sizeof(der)));
    strcpy(r->alias, "factory");
    snprintf(r->end_entity, sizeof(r->end_entity), "device-%u", id);
    r->issued_at = 1000 + (int64_t)id;
    r->not_after = 900000 + (int64_t)id;
    memset(r->identity, 'i', CMPSRV_HASH);
    memset(r->subject_hash, 's', CMPSRV_HASH);
    number_to(r->spki_hash, CMPSRV_HASH_KEPT, id);
    return r;
}

static UNUSED CMPSRV_TXN *add_txn(CMPSRV_CHANGES *c, CMPSRV_CHANGE_TYPE type, unsigned id,
                                  int64_t version)
{
    CMPSRV_TXN *t = &cmpsrv_changes_add(c, type)->u.txn;

    strcpy(t->alias, "factory");
    number_to(t->tid, t->tid_len = 16, id);
    t->version = version;
    t->state = CMPSRV_TXN_WAIT_CONF;
    t->kind = CMPSRV_PROTECTION_MAC;
    t->pvno = 2;
    memset(t->identity, 'i', CMPSRV_HASH);
    memset(t->sender_nonce, 'n', sizeof(t->sender_nonce));
    memset(t->request_hash, 'r', CMPSRV_HASH);
    memcpy(t->ca_id, CA, CMPSRV_HASH);
    number_to(t->serial, t->serial_len = 20, id);
    cmpsrv_bytes_set(&t->mac_alg, cmpsrv_slice("\x30\x00", 2));
    cmpsrv_bytes_set(&t->answer, cmpsrv_slice("answer", 6));
    t->expires = 5000 + (int64_t)id;
    return t;
}

static UNUSED void add_audit(CMPSRV_CHANGES *c, const char *record)
{
    cmpsrv_changes_add(c, CMPSRV_CHANGE_AUDIT)->u.audit = OPENSSL_strdup(record);
}

static UNUSED void add_status(CMPSRV_CHANGES *c, unsigned id, CMPSRV_CERT_STATUS from,
                              CMPSRV_CERT_STATUS to)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(c, CMPSRV_CHANGE_CERT_STATUS);

    memcpy(ch->u.status.ca_id, CA, CMPSRV_HASH);
    number_to(ch->u.status.serial, ch->u.status.serial_len = 20, id);
    ch->u.status.from = from;
    ch->u.status.to = to;
    ch->u.status.revoked_at = to >= CMPSRV_CERT_REVOKED ? 77 : 0;
    ch->u.status.reason = to >= CMPSRV_CERT_REVOKED ? 4 : 0;
}

/* Commits and clears the list. */
static UNUSED CMPSRV_COMMIT commit(CMPSRV_STORE *s, CMPSRV_CHANGES *c)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_COMMIT out = cmpsrv_store_commit(s, c, &why);

    cmpsrv_changes_clear(c);
    return out;
}

/* One certificate, its transaction and a record: what an issuance writes. */
static UNUSED CMPSRV_COMMIT issue(CMPSRV_STORE *s, unsigned id)
{
    CMPSRV_CHANGES c = {0};

    add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, id);
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, id, 1);
    add_audit(&c, "{\"event\":\"issue\"}");
    return commit(s, &c);
}

static UNUSED CMPSRV_SLICE tid_of(unsigned id, unsigned char out[16])
{
    number_to(out, 16, id);
    return cmpsrv_slice(out, 16);
}

/* Whether (alias, tid) got a certificate or was spent; -1 the store failed. */
static UNUSED int tid_used(CMPSRV_STORE *s, const char *alias, CMPSRV_SLICE tid)
{
    CMPSRV_TXN t = {0};
    int used = 0, found = cmpsrv_store_txn_get(s, alias, tid, &t, &used, NULL);

    cmpsrv_txn_clear(&t);
    return found < 0 ? -1 : used;
}

/* ---- the database as another program sees it ---------------------------------------------------
 */

/* audit_text(record): what is packed, in SQL. */
static void audit_text(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    char *text = cmpsrv_audit_unpack(
        cmpsrv_slice(sqlite3_value_blob(v[0]), (size_t)sqlite3_value_bytes(v[0])));

    (void)n;
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
    OPENSSL_free(text);
}

static int open_plain(const char *path, sqlite3 **db)
{
    return sqlite3_open(path, db) == SQLITE_OK && sqlite3_busy_timeout(*db, 5000) == SQLITE_OK &&
           sqlite3_create_function(*db, "audit_text", 1, SQLITE_UTF8, NULL, audit_text, NULL,
                                   NULL) == SQLITE_OK;
}

/* One number by plain SQLite, -1 when the statement fails. */
static UNUSED int64_t ask(const PLACE *p, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t n = -1;

    if (open_plain(p->path, &db) && sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* Statements by plain SQLite, foreign keys not looked at. 1/0. */
static UNUSED int tamper(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *text = NULL;
    int ok = open_plain(path, &db) && sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK;

    if (!ok)
        fprintf(stderr, "%s: %s\n", sql, text == NULL ? "?" : text);
    sqlite3_free(text);
    sqlite3_close(db);
    return ok;
}

#endif
