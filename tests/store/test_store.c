/* SPDX-License-Identifier: Apache-2.0 */
/* Every change and every read of the store, with the outcome looked up by plain SQLite. */
#include "config.h"

#include "rows.h"
#include "typical.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include <sys/stat.h>

static void test_cert_insert(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    CMPSRV_REFUSAL why = {0};
    unsigned char tid[16];

    add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate WHERE end_entity = 'device-1' AND"
                            " length(der) = 600 AND node = 1 AND status = 0"),
                    1);
    /* the same transactionID */
    number_to(add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 1)->serial, 20, 2);
    CU_ASSERT_EQUAL(cmpsrv_store_commit(s, &c, &why), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_NONE);
    cmpsrv_changes_clear(&c);
    /* the same serial number */
    number_to(add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 1)->tid, 16, 2);
    CU_ASSERT_EQUAL(cmpsrv_store_commit(s, &c, &why), CMPSRV_COMMIT_REFUSED);
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_DUPLICATE_CERT_REQ);
    cmpsrv_changes_clear(&c);
    /* a transactionID that was spent */
    number_to(add_cert(&c, CMPSRV_CHANGE_TID_SPENT, 1)->tid, 16, 3);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    number_to(add_cert(&c, CMPSRV_CHANGE_TID_SPENT, 1)->tid, 16, 3);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_cert(&c, CMPSRV_CHANGE_TID_SPENT, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 3);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(1, tid)), 1);
    CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(3, tid)), 1);
    CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(4, tid)), 0);
    CU_ASSERT_EQUAL(tid_used(s, "other", tid_of(1, tid)), 0);
    /* without a transaction there may be many */
    for (unsigned i = 5; i < 7; i++)
        add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, i)->tid_len = 0;
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    /* a CA that is not registered */
    memset(add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 8)->ca_id, 9, CMPSRV_HASH);
    CU_ASSERT_EQUAL(cmpsrv_store_commit(s, &c, &(CMPSRV_REFUSAL){0}), CMPSRV_COMMIT_FAILED);
    cmpsrv_changes_clear(&c);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), 3);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_cert_status(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT_EQUAL(issue(s, 1), CMPSRV_COMMIT_DONE);
    add_status(&c, 1, CMPSRV_CERT_ACTIVE, CMPSRV_CERT_REVOKED);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_status(&c, 2, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_REVOKED);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_status(&c, 1, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_REVOKED);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate WHERE status = 2 AND revoked_at = 77"
                            " AND reason = 4"),
                    1);
    add_status(&c, 1, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_ACTIVE);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_txn(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    CMPSRV_TXN got;
    unsigned char tid[16];

    CU_ASSERT_EQUAL(cmpsrv_store_txn_get(s, "factory", tid_of(1, tid), &got, NULL, NULL), 0);
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 1, 7); /* stored as 1 whatever it says */
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 1, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_txn(&c, CMPSRV_CHANGE_TXN_UPDATE, 1, 2);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_txn(&c, CMPSRV_CHANGE_TXN_UPDATE, 1, 1)->state = CMPSRV_TXN_DONE;
    c.v[0].u.txn.end = CMPSRV_END_EXPIRED;
    c.v[0].u.txn.serial_len = 0;
    cmpsrv_bytes_clear(&c.v[0].u.txn.mac_alg);
    cmpsrv_bytes_set(&c.v[0].u.txn.signer, cmpsrv_slice("signer", 6));
    c.v[0].u.txn.must_confirm = 1;
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_txn_get(s, "factory", tid_of(1, tid), &got, NULL, NULL), 1);
    CU_ASSERT(got.signer.n == 6 && memcmp(got.signer.p, "signer", 6) == 0);
    CU_ASSERT_EQUAL(got.must_confirm, 1);
    CU_ASSERT_EQUAL(got.version, 2);
    CU_ASSERT_EQUAL(got.state, CMPSRV_TXN_DONE);
    CU_ASSERT_EQUAL(got.end, CMPSRV_END_EXPIRED);
    CU_ASSERT_EQUAL(got.kind, CMPSRV_PROTECTION_MAC);
    CU_ASSERT_EQUAL(got.pvno, 2);
    CU_ASSERT_EQUAL(got.serial_len, 0);
    CU_ASSERT_PTR_NULL(got.mac_alg.p);
    CU_ASSERT(got.answer.n == 6 && memcmp(got.answer.p, "answer", 6) == 0);
    CU_ASSERT_EQUAL(got.expires, 5001);
    CU_ASSERT_EQUAL(got.sender_nonce[15], 'n');
    CU_ASSERT_EQUAL(got.request_hash[31], 'r');
    cmpsrv_txn_clear(&got);
    add_txn(&c, CMPSRV_CHANGE_TXN_DELETE, 1, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    add_txn(&c, CMPSRV_CHANGE_TXN_DELETE, 1, 2);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM txn"), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void add_entity(CMPSRV_CHANGES *c, int status)
{
    CMPSRV_END_ENTITY_ROW *e = &cmpsrv_changes_add(c, CMPSRV_CHANGE_ENTITY_UPSERT)->u.entity;

    strcpy(e->name, "device");
    cmpsrv_bytes_set(&e->subject, cmpsrv_slice("\x30\x00", 2));
    strcpy(e->end_entity_profile, "EMPTY");
    e->status = status;
    e->updated_at = status;
}

static void test_entity(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};

    add_entity(&c, 10);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    add_entity(&c, 40);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(ask(&p, "SELECT status FROM end_entity WHERE name = 'device'"), 40);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE updated_at = 40"), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* A conflict in the middle takes what stands before it along, audit record included. */
static void test_all_or_nothing(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT_EQUAL(issue(s, 1), CMPSRV_COMMIT_DONE);
    add_entity(&c, 10);
    add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 2);
    add_audit(&c, "{\"event\":\"never\"}");
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 1, 1);
    add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 3);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity"), 0);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit WHERE audit_text(record) LIKE '%never%'"),
                    0);
    CU_ASSERT_EQUAL(issue(s, 2), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    CU_ASSERT_EQUAL(cmpsrv_store_commit(s, &c, NULL), CMPSRV_COMMIT_DONE); /* nothing is done */
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_cert_get(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CERT_ROW got;
    unsigned char serial[20];

    CU_ASSERT_EQUAL(issue(s, 0x010203), CMPSRV_COMMIT_DONE);
    number_to(serial, 20, 0x010203);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_cert_get(s, CA, cmpsrv_slice(serial, 20), &got, NULL), 1);
    CU_ASSERT_EQUAL(memcmp(got.ca_id, CA, CMPSRV_HASH), 0);
    CU_ASSERT(got.serial_len == 20 && memcmp(got.serial, serial, 20) == 0);
    CU_ASSERT(got.der.n == 600 && got.der.p[599] == 3 && got.der.p[0] == 0x40);
    CU_ASSERT_EQUAL(got.issued_at, 1000 + 0x010203);
    CU_ASSERT_EQUAL(got.not_after, 900000 + 0x010203);
    CU_ASSERT_EQUAL(got.status, CMPSRV_CERT_UNCONFIRMED);
    CU_ASSERT_STRING_EQUAL(got.end_entity, "device-66051");
    CU_ASSERT_STRING_EQUAL(got.alias, "factory");
    CU_ASSERT(got.subject_hash[0] == 's' && got.spki_hash[CMPSRV_HASH_KEPT - 1] == 3);
    cmpsrv_cert_row_clear(&got);
    CU_ASSERT_EQUAL(cmpsrv_store_cert_get(s, CA, cmpsrv_slice(serial, 19), &got, NULL), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* The number of the certificate that waits for certConf, 0 if there is none. */
static int unconfirmed(CMPSRV_STORE *s, unsigned key, int64_t now)
{
    unsigned char identity[CMPSRV_HASH], subject[CMPSRV_HASH], spki[CMPSRV_HASH];
    CMPSRV_CERT_ROW cert;
    int found;

    memset(identity, 'i', CMPSRV_HASH);
    memset(subject, 's', CMPSRV_HASH);
    number_to(spki, CMPSRV_HASH_KEPT, key);
    found =
        cmpsrv_store_cert_unconfirmed(s, "factory", CA, identity, spki, subject, now, &cert, NULL);
    if (found == 1) {
        found = cert.serial[19];
        cmpsrv_cert_row_clear(&cert);
    }
    return found;
}

/* Certificate id of key number 1 with its transaction, decided at `now`. */
static CMPSRV_COMMIT issue_key_1(CMPSRV_STORE *s, unsigned id, int64_t now)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_CERT_ROW *r = add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, id);

    number_to(r->spki_hash, CMPSRV_HASH_KEPT, 1);
    r->issued_at = now;
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, id, 1)->expires = now + 1000;
    return commit(s, &c);
}

static void test_unconfirmed(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT_EQUAL(issue_key_1(s, 1, 4000), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(unconfirmed(s, 1, 4999), 1);
    CU_ASSERT_EQUAL(unconfirmed(s, 1, 5000), 0); /* expired */
    CU_ASSERT_EQUAL(unconfirmed(s, 2, 4999), 0); /* another key */
    /* another one was decided on before the first was there: decide again */
    CU_ASSERT_EQUAL(issue_key_1(s, 2, 4999), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(issue_key_1(s, 2, 5000), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(unconfirmed(s, 1, 5000), 2);
    CU_ASSERT_EQUAL(unconfirmed(s, 1, 4999), 2); /* both wait: the newest */
    add_status(&c, 2, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_ACTIVE);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(unconfirmed(s, 1, 4999), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Certificate 1 goes out again under transaction id. */
static CMPSRV_COMMIT send_again(CMPSRV_STORE *s, unsigned id)
{
    CMPSRV_CHANGES c = {0};

    add_txn(&c, CMPSRV_CHANGE_TXN_REPLACE, 1, 0)->expires = 7777;
    number_to(add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, id, 1)->serial, 20, 1);
    number_to(add_cert(&c, CMPSRV_CHANGE_TID_SPENT, 1)->tid, 16, id);
    return commit(s, &c);
}

/* Any number of starts at once replace each other in turn; none depends on which came before. */
static void test_replace(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    CMPSRV_TXN t;

    CU_ASSERT_EQUAL(send_again(s, 2), CMPSRV_COMMIT_CONFLICT); /* nothing to replace */
    CU_ASSERT_EQUAL(issue(s, 1), CMPSRV_COMMIT_DONE);
    for (unsigned id = 2; id <= 5; id++)
        CU_ASSERT_EQUAL(send_again(s, id), CMPSRV_COMMIT_DONE);
    for (unsigned id = 1; id <= 5; id++) {
        unsigned char tid[16];

        number_to(tid, sizeof(tid), id);
        CU_ASSERT_EQUAL_FATAL(
            cmpsrv_store_txn_get(s, "factory", cmpsrv_slice(tid, sizeof(tid)), &t, NULL, NULL), 1);
        CU_ASSERT_EQUAL(t.state, id < 5 ? CMPSRV_TXN_DONE : CMPSRV_TXN_WAIT_CONF);
        CU_ASSERT_EQUAL(t.end, id < 5 ? CMPSRV_END_REPLACED : CMPSRV_END_NONE);
        CU_ASSERT_EQUAL(t.version, id < 5 ? 2 : 1);
        CU_ASSERT_EQUAL(t.expires, id < 5 ? 7777 : 5005);
        CU_ASSERT_PTR_NOT_NULL(t.answer.p);
        cmpsrv_txn_clear(&t);
    }
    add_status(&c, 1, CMPSRV_CERT_UNCONFIRMED,
               CMPSRV_CERT_REVOKED); /* while its owner starts over */
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(send_again(s, 6), CMPSRV_COMMIT_CONFLICT);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void plan_of(const char *path, CMPSRV_STMT statement, char *plan, size_t size)
{
    char sql[2048];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    plan[0] = '\0';
    snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", cmpsrv_sql_text(statement));
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW)
        snprintf(plan + strlen(plan), size - strlen(plan), "%s;",
                 (const char *)sqlite3_column_text(st, 3));
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* What requests ask: the first must go by the key, then by the serial number. */
static void test_plans(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    char plan[1024];

    plan_of(p.path, CMPSRV_ST_CERT_UNCONFIRMED, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "c USING INDEX certificate_unconfirmed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "t USING INDEX txn_open (serial=? AND ca_id=?)"));
    plan_of(p.path, CMPSRV_ST_TXN_REPLACE, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "txn USING INDEX txn_open (serial=? AND ca_id=?)"));
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM sqlite_master WHERE name = 'certificate_spki'"),
                    0);
    CU_ASSERT(cmpsrv_store_index_keys(s, NULL));
    CU_ASSERT(cmpsrv_store_index_keys(s, NULL)); /* it is there */
    plan_of(p.path, CMPSRV_ST_CERT_KEY_TAKEN, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "c USING INDEX certificate_spki (<expr>=?)"));
    plan_of(p.path, CMPSRV_ST_CERT_SUBJECT_TAKEN, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "c USING INDEX certificate_subject (<expr>=?)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "e USING INDEX end_entity_subject (<expr>=?)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "c USING INDEX certificate_end_entity (end_entity=?)"));
    plan_of(p.path, CMPSRV_ST_ENTITY_BY_SUBJECT, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "e USING INDEX end_entity_subject (<expr>=?)"));
    plan_of(p.path, CMPSRV_ST_CERT_KEEP_SUBJECT, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(plan, "certificate USING INDEX certificate_end_entity (end_entity=?)"));
    plan_of(p.path, CMPSRV_ST_TXN_GET, plan, sizeof(plan));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "txn USING COVERING INDEX txn_apart (tid=? AND alias=?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "tid USING PRIMARY KEY (tid=? AND alias=?)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan, "t USING INTEGER PRIMARY KEY (rowid=?)"));
    CU_ASSERT_PTR_NULL(strstr(plan, "SCAN t"));
    cmpsrv_store_free(s);
    place_free(&p);
}

typedef struct {
    char seen[64];
    size_t n, stop_at;
    CMPSRV_STORE *reads; /* what the callback reads while it walks */
} SEEN;

static int see(void *arg, unsigned id)
{
    SEEN *seen = arg;
    unsigned char tid[16];

    if (seen->reads != NULL)
        CU_ASSERT_EQUAL(tid_used(seen->reads, "factory", tid_of(1, tid)), 1);
    seen->n += (size_t)snprintf(seen->seen + seen->n, sizeof(seen->seen) - seen->n, "%u ", id);
    return seen->stop_at == 0 || seen->n < seen->stop_at;
}

static int see_cert(void *arg, const CMPSRV_CERT_ROW *row)
{
    return see(arg, row->serial[19]);
}

static int see_txn(void *arg, const CMPSRV_TXN *row)
{
    return see(arg, row->tid[15]);
}

static void check_walk(CMPSRV_STORE *s, CMPSRV_CERT_FILTER f, const char *expected)
{
    SEEN seen = {.reads = s};

    CU_ASSERT_EQUAL(cmpsrv_store_cert_each(s, &f, see_cert, &seen, NULL), 1);
    if (strcmp(seen.seen, expected) != 0)
        fprintf(stderr, "walk gave %s, expected %s\n", seen.seen, expected);
    CU_ASSERT_STRING_EQUAL(seen.seen, expected);
}

static void test_walks(void)
{
    static const unsigned char other[CMPSRV_HASH] = "another CA";
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    SEEN seen = {.stop_at = 4};
    CMPSRV_CERT_FILTER any = {.status = -1};
    unsigned char serial[20];

    for (unsigned i = 6; i > 0; i--)
        CU_ASSERT_EQUAL(issue(s, i), CMPSRV_COMMIT_DONE);
    add_status(&c, 5, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_REVOKED);
    add_status(&c, 2, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_REVOKED);
    add_status(&c, 3, CMPSRV_CERT_UNCONFIRMED, CMPSRV_CERT_HOLD);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    number_to(serial, 20, 4);
    check_walk(s, any, "1 2 3 4 5 6 ");
#define WITH(...) (CMPSRV_CERT_FILTER){__VA_ARGS__}
    check_walk(s, WITH(.ca_id = CA, .status = CMPSRV_CERT_REVOKED), "2 5 ");
    check_walk(s, WITH(.ca_id = CA, .status = CMPSRV_CERT_HOLD), "3 ");
    check_walk(s, WITH(.ca_id = CA, .status = CMPSRV_CERT_REVOKED, .not_expired_at = 900005), "5 ");
    check_walk(s, WITH(.status = CMPSRV_CERT_UNCONFIRMED), "1 4 6 ");
    check_walk(s, WITH(.ca_id = CA, .status = -1, .issued_since = 1004), "4 5 6 ");
    check_walk(s, WITH(.ca_id = CA, .status = -1, .serial = cmpsrv_slice(serial, 20)), "4 ");
    check_walk(s, WITH(.status = -1, .serial = cmpsrv_slice(serial, 20)), "4 ");
    check_walk(s, WITH(.end_entity = "device-3", .status = -1), "3 ");
    check_walk(s, WITH(.end_entity = "device-3", .status = 0), "");
    check_walk(s, WITH(.ca_id = other, .status = -1), "");
    CU_ASSERT_EQUAL(cmpsrv_store_cert_each(s, &any, see_cert, &seen, NULL), 1);
    CU_ASSERT_STRING_EQUAL(seen.seen, "1 2 ");
    memset(&seen, 0, sizeof(seen));
    CU_ASSERT_EQUAL(cmpsrv_store_txn_expired(s, 5004, 3, see_txn, &seen, NULL), 1);
    CU_ASSERT_STRING_EQUAL(seen.seen, "1 2 3 ");
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_ca(void)
{
    static const unsigned char unknown[CMPSRV_HASH] = "unknown";
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *ro;
    char name[16];
    int64_t n = 0;

    CU_ASSERT(cmpsrv_store_crl_number(s, CA, &n, NULL) && n == 1);
    CU_ASSERT(cmpsrv_store_ca_register(s, CA, "Renamed", NULL));
    CU_ASSERT(cmpsrv_store_crl_number(s, CA, &n, NULL) && n == 2);
    CU_ASSERT_EQUAL(ask(&p, "SELECT crl_number FROM ca"), 2);
    CU_ASSERT(!cmpsrv_store_crl_number(s, unknown, &n, NULL));
    CU_ASSERT_EQUAL(cmpsrv_store_ca_name(s, CA, name, sizeof(name), NULL), 1);
    CU_ASSERT_STRING_EQUAL(name, "Renamed");
    CU_ASSERT_EQUAL(cmpsrv_store_ca_name(s, unknown, name, sizeof(name), NULL), 0);
    ro = open_at(p.url, &(CMPSRV_STORE_OPTIONS){.read_only = 1});
    CU_ASSERT_PTR_NOT_NULL_FATAL(ro);
    CU_ASSERT(cmpsrv_store_ca_register(ro, CA, "Renamed", NULL));
    CU_ASSERT(!cmpsrv_store_ca_register(ro, CA, "Again", NULL));
    CU_ASSERT_EQUAL(issue(ro, 1), CMPSRV_COMMIT_FAILED);
    cmpsrv_store_free(ro);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_derive_key(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *keyed;
    CMPSRV_SECRET *key = cmpsrv_secret_new("secret", 6);
    unsigned char a[CMPSRV_HASH], b[CMPSRV_HASH];

    cmpsrv_store_derive_key(s, "one", a);
    cmpsrv_store_derive_key(s, "two", b);
    CU_ASSERT(memcmp(a, b, CMPSRV_HASH) != 0);
    cmpsrv_store_free(s);
    s = open_at(p.url, NULL);
    cmpsrv_store_derive_key(s, "one", b);
    CU_ASSERT(memcmp(a, b, CMPSRV_HASH) == 0);
    keyed = open_at(p.url, &(CMPSRV_STORE_OPTIONS){.key = key});
    cmpsrv_store_derive_key(keyed, "one", b);
    CU_ASSERT(memcmp(a, b, CMPSRV_HASH) != 0);
    cmpsrv_store_free(keyed);
    cmpsrv_store_free(s);
    cmpsrv_secret_free(key);
    place_free(&p);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static void check_refused(const char *url, int read_only, const char *a, const char *b)
{
    CMPSRV_STORE_OPTIONS o = {.read_only = read_only};
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_PTR_NULL(cmpsrv_store_open(url, &o, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    if (strstr(why.detail, a) == NULL || strstr(why.detail, b) == NULL)
        fprintf(stderr, "refused with: %s\n", why.detail);
    CU_ASSERT(strstr(why.detail, a) != NULL && strstr(why.detail, b) != NULL);
}

static void test_open_refuses(void)
{
    PLACE p;
    CMPSRV_STORE *s;
    FILE *f;

    check_refused("oracle:x", 0, "sqlite:", "");
    check_refused("sqlite:", 0, "sqlite:", "");
    check_refused("sqlite:/nowhere/at/all.db", 0, "/nowhere/at/all.db", "No such file");
    place_new(&p);
    check_refused(p.url, 1, "store.db", "");
    CU_ASSERT(tamper(p.path, "CREATE TABLE meta(x); CREATE TABLE poetry(line)"));
    check_refused(p.url, 0, "not a store", "");
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
                    0); /* left as it was */
    CU_ASSERT_PTR_NOT_NULL_FATAL(f = fopen(p.path, "w"));
    for (int i = 0; i < 100; i++)
        fputs("this is a text, not a database. ", f);
    fclose(f);
    check_refused(p.url, 0, "not a database", "");
    place_free(&p);
    s = open_new(&p);
    cmpsrv_store_free(s);
    CU_ASSERT(tamper(p.path, "UPDATE meta SET schema_version = 99"));
    check_refused(p.url, 0, "99", "up to 7");
    check_refused(p.url, 1, "99", "up to 7");
    place_free(&p);
}

/* A store as the first schema made it, with a row in it. */
static void test_migration(void)
{
    PLACE p;
    CMPSRV_STORE *s;
    struct stat st;

    place_new(&p);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_migrations[0].version, 1);
    CU_ASSERT(tamper(p.path, cmpsrv_migrations[0].sql));
    CU_ASSERT(tamper(p.path, "INSERT INTO meta VALUES(1, x'000102030405060708090a0b0c0d0e0f');"
                             "INSERT INTO end_entity VALUES('old', x'3000', x'00', x'00', '', '',"
                             " 10, 1)"));
    check_refused(p.url, 1, "cmp-admin store migrate", "needs 7");
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(ask(&p, "SELECT schema_version FROM meta WHERE hex(store_id) LIKE '0001%'"), 7);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE name = 'old' AND attempts = 0"
                            " AND remaining = 0 AND code_kind = 0"),
                    1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
                    1);
    cmpsrv_store_free(s);
    place_free(&p);
    /* an empty file is a new store, for us alone */
    s = open_new(&p);
    CU_ASSERT(stat(p.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Version 4: an end entity of RA mode had no counter, one of client mode keeps what it has. */
static void test_migration_from_4(void)
{
    PLACE p;
    CMPSRV_STORE *s;
    CMPSRV_TXN t;

    place_new(&p);
    for (int i = 0; i < 4; i++)
        CU_ASSERT(tamper(p.path, cmpsrv_migrations[i].sql));
    CU_ASSERT(tamper(
        p.path,
        "INSERT INTO meta VALUES(4, x'000102030405060708090a0b0c0d0e0f');"
        "INSERT INTO end_entity(name, subject, subject_hash, ca_id, end_entity_profile,"
        " certificate_profile, status, updated_at)"
        " VALUES('ra', x'3000', x'00', x'00', 'EMPTY', 'ENDUSER', 40, 5);"
        "INSERT INTO end_entity VALUES('limited', x'3000', x'00', x'00', 'EMPTY', 'ENDUSER', 10, 5,"
        " x'0102', 1, 3, 2);"
        "INSERT INTO end_entity VALUES('unlimited', x'3000', x'00', x'00', 'EMPTY', 'ENDUSER', 10,"
        " 5, x'0102', 2, NULL, 0);"
        "INSERT INTO txn SELECT 'factory', x'01', 1, 1, 0, zeroblob(32), 1, 0, 0, 2,"
        " zeroblob(16), NULL, zeroblob(32), NULL, zeroblob(32), NULL, 9, 1, NULL;"));
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(ask(&p, "SELECT schema_version FROM meta"), 7);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE alias = '' AND san IS NULL AND"
                            " updated_at = 5"),
                    3);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE name = 'ra' AND remaining = 0"
                            " AND code_kind = 0 AND code IS NULL"),
                    1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE name = 'limited' AND"
                            " remaining = 3 AND code_kind = 1 AND code = x'0102' AND attempts = 2"),
                    1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity WHERE name = 'unlimited' AND"
                            " remaining IS NULL AND code_kind = 2 AND code = x'0102'"),
                    1);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_txn_get(s, "factory", cmpsrv_slice("\1", 1), &t, NULL, NULL),
                          1);
    CU_ASSERT(t.must_confirm == 0 && t.expires == 9 && t.state == CMPSRV_TXN_WAIT_CONF);
    cmpsrv_txn_clear(&t);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* A migration that cannot be done leaves the store at the version it had. */
static void test_migration_all_or_nothing(void)
{
    PLACE p;

    place_new(&p);
    CU_ASSERT(tamper(p.path, cmpsrv_migrations[0].sql));
    CU_ASSERT(tamper(p.path, "INSERT INTO meta VALUES(1, x'000102030405060708090a0b0c0d0e0f');"
                             "ALTER TABLE end_entity ADD COLUMN attempts"));
    check_refused(p.url, 0, "attempts", "");
    CU_ASSERT_EQUAL(ask(&p, "SELECT schema_version FROM meta"), 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(code) FROM end_entity"), -1);
    place_free(&p);
}

/* One chain of version 5, by its description in audit.c. */
static void add_chain_5(const PLACE *p, const char *chain, const char *const *records, size_t n,
                        unsigned char head[CMPSRV_HASH])
{
    char sql[1024], hex[2 * CMPSRV_HASH + 1], prev[2 * CMPSRV_HASH + 1];

    memset(head, 0, CMPSRV_HASH);
    for (size_t i = 0; i < n; i++) {
        unsigned char buf[512];
        const unsigned long long numbers[] = {32, i + 1, 1000 + i, 4, strlen(records[i])};
        const char *const texts[] = {chain, NULL, NULL, "node", records[i]};
        size_t at = CMPSRV_HASH;

        cmpsrv_hex(cmpsrv_slice(head, CMPSRV_HASH), prev, sizeof(prev));
        memcpy(buf, head, CMPSRV_HASH);
        for (size_t k = 0; k < 5; k++) {
            for (int b = 56; b >= 0; b -= 8)
                buf[at++] = (unsigned char)(numbers[k] >> b);
            if (texts[k] != NULL) {
                memcpy(buf + at, texts[k], strlen(texts[k]));
                at += strlen(texts[k]);
            }
        }
        EVP_Digest(buf, at, head, NULL, EVP_sha256(), NULL);
        cmpsrv_hex(cmpsrv_slice(head, CMPSRV_HASH), hex, sizeof(hex));
        snprintf(sql, sizeof(sql),
                 "INSERT INTO audit VALUES('%s', %zu, x'%s', x'%s', %zu, 'node', '%s', NULL);",
                 chain, i + 1, prev, hex, 1000 + i, records[i]);
        CU_ASSERT(tamper(p->path, sql));
    }
    snprintf(sql, sizeof(sql), "INSERT INTO audit_head VALUES('%s', %zu, x'%s', 0);", chain, n,
             hex);
    CU_ASSERT(tamper(p->path, sql));
}

static int next_record(void *arg, const CMPSRV_AUDIT_ROW *row)
{
    const char *const **next = arg;

    CU_ASSERT_STRING_EQUAL(row->record, **next);
    CU_ASSERT_STRING_EQUAL(row->node, "node");
    return *++*next != NULL;
}

/* Version 5: everything is found again, and a head that was printed then still vouches. */
static void test_migration_from_5(void)
{
    static const char *const records[] = {
        "{\"event\":\"chain\",\"node\":\"node\",\"predecessor\":[]}",
        "{\"event\":\"issued\",\"serial\":\"0102030405060708\",\"entity\":\"K\303\274hler\"}",
        "{\"event\":\"confirmed\"}", NULL};
    static const unsigned char ca_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                               spki[] = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
                               subject[] = "ssssssssssssssssssssssssssssssss",
                               identity[] = "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii";
    const char *const *next = records;
    unsigned char head[CMPSRV_HASH];
    CMPSRV_CERT_ROW cert;
    CMPSRV_STORE *s;
    int64_t n = 0;
    PLACE p;

    place_new(&p);
    for (int i = 0; i < 5; i++)
        CU_ASSERT(tamper(p.path, cmpsrv_migrations[i].sql));
    CU_ASSERT(tamper(
        p.path,
        "INSERT INTO meta VALUES(5, x'000102030405060708090a0b0c0d0e0f');"
        "INSERT INTO ca VALUES(CAST('cccccccccccccccccccccccccccccccc' AS BLOB), 'C', 7);"
        "INSERT INTO ca VALUES(CAST('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' AS BLOB), 'B', 3);"
        "INSERT INTO certificate SELECT id, x'01', x'3000', 0, 500, 0, 0, 9000, 'device',"
        " CAST('ssssssssssssssssssssssssssssssss' AS BLOB), "
        "CAST('kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk' AS BLOB),"
        " CAST('iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii' AS BLOB), 'factory', x'aa01', 1 FROM ca WHERE "
        "name = 'B';"
        "INSERT INTO certificate SELECT ca_id, x'02', x'300100', 2, 600, 700, 4, 9000, 'other',"
        " subject_hash, zeroblob(32), identity, 'line', NULL, 1 FROM certificate;"
        "INSERT INTO tid_spent SELECT 'factory', x'aa02', ca_id, serial FROM certificate WHERE "
        "serial = x'01';"
        "INSERT INTO txn SELECT 'factory', x'aa02', 1, 1, 0, identity, 1, 0, 0, 2, zeroblob(16),"
        " NULL, ca_id, serial, zeroblob(32), x'01', 9000, 1, NULL, 0 FROM certificate"
        " WHERE serial = x'01';"));
    add_chain_5(&p, "0123456789abcdef0123456789abcdef", records, 3, head);
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(cmpsrv_store_check(s, NULL), 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate JOIN ca ON ca.n = certificate.ca"
                            " WHERE ca.name = 'B'"),
                    2);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM tid"), 2);
    CU_ASSERT_EQUAL(tid_used(s, "factory", cmpsrv_slice("\xaa\x01", 2)), 1);
    CU_ASSERT_EQUAL(tid_used(s, "factory", cmpsrv_slice("\xaa\x02", 2)), 1);
    CU_ASSERT_EQUAL(tid_used(s, "line", cmpsrv_slice("\xaa\x01", 2)), 0);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_cert_get(s, ca_b, cmpsrv_slice("\2", 1), &cert, NULL), 1);
    CU_ASSERT(cert.der.n == 3 && cert.status == CMPSRV_CERT_REVOKED && cert.revoked_at == 700 &&
              cert.reason == 4 && cert.issued_at == 600 && cert.not_after == 9000 &&
              memcmp(cert.ca_id, ca_b, CMPSRV_HASH) == 0);
    CU_ASSERT_STRING_EQUAL(cert.alias, "line");
    cmpsrv_cert_row_clear(&cert);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_cert_unconfirmed(s, "factory", ca_b, identity, spki, subject,
                                                        8999, &cert, NULL),
                          1);
    CU_ASSERT_STRING_EQUAL(cert.end_entity, "device");
    cmpsrv_cert_row_clear(&cert);
    CU_ASSERT(cmpsrv_store_crl_number(s, ca_b, &n, NULL) && n == 4);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, head, &n, NULL), 1);
    CU_ASSERT_EQUAL(n, 4); /* ours names the old one */
    CU_ASSERT_EQUAL(cmpsrv_store_audit_each(s, 0, next_record, &next, NULL), 1);
    CU_ASSERT_PTR_EQUAL(next, records + 3);
    CU_ASSERT(tamper(p.path,
                     "DELETE FROM audit WHERE id = 4294967296 + 3; UPDATE audit_head SET seq = 2,"
                     " hash = zeroblob(32) WHERE chain = 1"));
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* A transaction stands under the number of its certificate, or apart. Who asks sees no difference.
 */
static int64_t number_of(const PLACE *p, unsigned id)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SELECT n FROM txn WHERE hex(tid) LIKE '%%000000%02X'", id);
    return ask(p, sql);
}

static int version_of(CMPSRV_STORE *s, unsigned id)
{
    unsigned char tid[16];
    CMPSRV_TXN t = {0};
    int found = cmpsrv_store_txn_get(s, "factory", tid_of(id, tid), &t, NULL, NULL);

    int version = (int)t.version;

    CU_ASSERT(found != 1 || t.tid[15] == id);
    cmpsrv_txn_clear(&t);
    return found == 1 ? version : found;
}

static CMPSRV_COMMIT change_txn(CMPSRV_STORE *s, CMPSRV_CHANGE_TYPE type, unsigned id,
                                int64_t version)
{
    CMPSRV_CHANGES c = {0};

    add_txn(&c, type, id, version);
    return commit(s, &c);
}

static void test_txn_number(void)
{
    const CMPSRV_CHANGE_TYPE ADD = CMPSRV_CHANGE_TXN_INSERT, SET = CMPSRV_CHANGE_TXN_UPDATE;
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    unsigned char tid[16];

    CU_ASSERT_EQUAL(change_txn(s, ADD, 0x12, 1), CMPSRV_COMMIT_DONE); /* without a certificate */
    CU_ASSERT_EQUAL(issue(s, 0x10), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue(s, 0x11), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(change_txn(s, ADD, 0x13, 1), CMPSRV_COMMIT_DONE);
    number_to(add_cert(&c, CMPSRV_CHANGE_TID_SPENT, 0x14)->serial, 20, 0x10); /* one that shares */
    add_txn(&c, ADD, 0x14, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(number_of(&p, 0x10), 1);
    CU_ASSERT_EQUAL(number_of(&p, 0x11), 2);
    CU_ASSERT_EQUAL(number_of(&p, 0x12), -1);
    CU_ASSERT_EQUAL(number_of(&p, 0x13), -2);
    CU_ASSERT_EQUAL(number_of(&p, 0x14), -3);

    for (unsigned id = 0x10; id < 0x15; id++) {
        CU_ASSERT_EQUAL(change_txn(s, ADD, id, 1), CMPSRV_COMMIT_CONFLICT);
        CU_ASSERT_EQUAL(change_txn(s, SET, id, 2), CMPSRV_COMMIT_CONFLICT);
        CU_ASSERT_EQUAL(change_txn(s, SET, id, 1), CMPSRV_COMMIT_DONE);
        CU_ASSERT_EQUAL(version_of(s, id), 2);
    }
    CU_ASSERT_EQUAL(issue(s, 0x12), CMPSRV_COMMIT_CONFLICT); /* it was faster */
    CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(0x12, tid)), 0);
    strcpy(add_txn(&c, ADD, 0x10, 1)->alias, "line");
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(version_of(s, 0x10), 2);
    for (unsigned id = 0x10; id < 0x15; id++) {
        CU_ASSERT_EQUAL(change_txn(s, CMPSRV_CHANGE_TXN_DELETE, id, 1), CMPSRV_COMMIT_CONFLICT);
        CU_ASSERT_EQUAL(change_txn(s, CMPSRV_CHANGE_TXN_DELETE, id, 2), CMPSRV_COMMIT_DONE);
        CU_ASSERT_EQUAL(version_of(s, id), 0);
        CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(id, tid)), id != 0x12 && id != 0x13);
    }
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM txn WHERE alias = 'line' AND n = -4"), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Version 6: transactions under way go on, and stand apart. */
static void test_migration_from_6(void)
{
    PLACE p;
    CMPSRV_STORE *s;
    unsigned char tid[16];

    place_new(&p);
    for (int i = 0; i < 6; i++)
        CU_ASSERT(tamper(p.path, cmpsrv_migrations[i].sql));
    CU_ASSERT(tamper(
        p.path,
        "INSERT INTO meta VALUES(6, x'000102030405060708090a0b0c0d0e0f');"
        "INSERT INTO ca(id, name) VALUES(CAST('caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' AS BLOB), 'C');"
        "INSERT INTO alias(name) VALUES('factory');"
        "INSERT INTO certificate SELECT 1, 1, x'01', x'3000', 0, 500, 0, 0, 9000, 'device',"
        " zeroblob(16), zeroblob(16), 1, 1;"
        "INSERT INTO tid SELECT x'40404040404040404040404000000001', 1, 1;"
        "INSERT INTO txn SELECT 'factory', x'40404040404040404040404000000001', 7, 1, 0,"
        " zeroblob(32), 1, 0, 0, 2, zeroblob(16), NULL, id, x'01', zeroblob(32), x'01', 9000, 1,"
        " NULL, 0 FROM ca;"
        "INSERT INTO txn SELECT 'factory', x'40404040404040404040404000000002', 1, 1, 0,"
        " zeroblob(32), 1, 0, 0, 2, zeroblob(16), NULL, id, NULL, zeroblob(32), x'01', 8000, 1,"
        " NULL, 0 FROM ca;"));
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_FATAL(cmpsrv_store_ca_register(s, CA, "Test CA", NULL));
    CU_ASSERT_EQUAL(cmpsrv_store_check(s, NULL), 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM txn WHERE n < 0"), 2);
    CU_ASSERT_EQUAL(version_of(s, 1), 7);
    CU_ASSERT_EQUAL(version_of(s, 2), 1);
    CU_ASSERT_EQUAL(tid_used(s, "factory", tid_of(1, tid)), 1);
    CU_ASSERT_EQUAL(change_txn(s, CMPSRV_CHANGE_TXN_UPDATE, 1, 7), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(version_of(s, 1), 8);
    CU_ASSERT_EQUAL(issue(s, 0x20), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(number_of(&p, 0x20), 2);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* ---- what it takes -----------------------------------------------------------------------------
 */

enum { THREADS = 20, CERTIFICATES = 20000 };

typedef struct {
    CMPSRV_STORE *store;
    unsigned seed;
    size_t der;
} FILLER;

static void *fill(void *arg)
{
    FILLER *f = arg;
    TYPICAL_RANDOM r = {f->seed};

    for (int i = 0; i < CERTIFICATES / THREADS; i++) {
        CMPSRV_CHANGES c = {0};

        typical_issuance(&c, &r);
        f->der += c.v[1].u.cert.der.n;
        if (commit(f->store, &c) != CMPSRV_COMMIT_DONE)
            abort();
    }
    return NULL;
}

static CMPSRV_STORE *open_typical(PLACE *p, const CMPSRV_SECRET *key)
{
    CMPSRV_STORE *s;

    place_new(p);
    s = open_at(p->url, &(CMPSRV_STORE_OPTIONS){.key = key});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_FATAL(cmpsrv_store_ca_register(s, TYPICAL_CA, "Issuing", NULL));
    return s;
}

/* CERTIFICATES of them, committed by many at once; the octets of all. */
static size_t fill_by_many(CMPSRV_STORE *s)
{
    pthread_t id[THREADS];
    FILLER f[THREADS];
    size_t der = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        f[i] = (FILLER){s, i + 1, 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&id[i], NULL, fill, &f[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        der += f[i].der;
    }
    return der;
}

/* The promise: DER and 450 octets a certificate, once the answers are gone. End entities are apart.
 * And callers at once share commits, as the counters tell. */
static void test_size(void)
{
    CMPSRV_SECRET *key = cmpsrv_secret_new("secret", 6);
    PLACE p;
    CMPSRV_STORE *s = open_typical(&p, key);
    size_t der = fill_by_many(s);
    CMPSRV_STORE_STATS stats;
    int64_t bytes;

    cmpsrv_store_stats(s, &stats);
    CU_ASSERT_EQUAL(stats.transactions, CERTIFICATES + 1);
    CU_ASSERT(stats.commits * 4 < stats.transactions);
    CU_ASSERT(typical_expire(s));
    cmpsrv_store_free(s);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM txn"), 0);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM tid"), CERTIFICATES);
    bytes = ask(&p, "SELECT sum(pgsize) FROM dbstat WHERE name NOT LIKE '%end_entity%'"
                    " OR name = 'certificate_end_entity'");
    if (bytes < 0) {
        fprintf(stderr, "not measured: this SQLite has no dbstat\n");
    } else if (bytes - (int64_t)der > 450LL * CERTIFICATES) {
        fprintf(stderr, "%jd octets more than the DER of %d certificates\n",
                (intmax_t)(bytes - (int64_t)der), CERTIFICATES);
        CU_FAIL("too large");
    }
    cmpsrv_secret_free(key);
    place_free(&p);
}

/* ---- the WAL -----------------------------------------------------------------------------------
 */

typedef struct {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    atomic_int stop;
} READER;

/* One short read after the other, as workers do. */
static void *read_on(void *arg)
{
    READER *r = arg;

    while (!atomic_load(&r->stop)) {
        while (sqlite3_step(r->stmt) == SQLITE_ROW)
            ;
        sqlite3_reset(r->stmt);
    }
    return NULL;
}

/* How often the WAL began anew: its header counts that (SQLite's file format, 4.1). */
static unsigned wal_sequence(const PLACE *p)
{
    unsigned char header[32] = {0};
    char path[80];
    FILE *f;

    snprintf(path, sizeof(path), "%s-wal", p->path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f = fopen(path, "rb"));
    CU_ASSERT_EQUAL(fread(header, sizeof(header), 1, f), 1);
    fclose(f);
    return (unsigned)header[12] << 24 | (unsigned)header[13] << 16 | (unsigned)header[14] << 8 |
           header[15];
}

/* The WAL begins anew although somebody reads at any moment: else it would grow as long as that
 * lasts. */
static void test_readers_do_not_keep_the_wal(void)
{
    enum { READERS = 2 };
    CMPSRV_SECRET *key = cmpsrv_secret_new("secret", 6);
    PLACE p;
    CMPSRV_STORE *s = open_typical(&p, key);
    READER r[READERS] = {0};
    pthread_t id[READERS];
    unsigned before;

    for (int i = 0; i < READERS; i++) {
        CU_ASSERT_FATAL(open_plain(p.path, &r[i].db));
        CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(r[i].db, "SELECT 1 FROM certificate LIMIT 1000",
                                                 -1, &r[i].stmt, NULL),
                              SQLITE_OK);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&id[i], NULL, read_on, &r[i]), 0);
    }
    before = wal_sequence(&p);
    fill_by_many(s);
    CU_ASSERT(wal_sequence(&p) > before);
    for (int i = 0; i < READERS; i++) {
        atomic_store(&r[i].stop, 1);
        pthread_join(id[i], NULL);
        sqlite3_finalize(r[i].stmt);
        sqlite3_close(r[i].db);
    }
    cmpsrv_store_free(s);
    cmpsrv_secret_free(key);
    place_free(&p);
}

static void test_backup_and_check(void)
{
    PLACE p, q;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_REFUSAL why = {0};
    struct stat st;

    CU_ASSERT_EQUAL(issue(s, 1), CMPSRV_COMMIT_DONE);
    place_new(&q);
    CU_ASSERT(cmpsrv_store_backup(s, q.path, NULL));
    CU_ASSERT(!cmpsrv_store_backup(s, q.path, NULL)); /* it exists */
    CU_ASSERT(stat(q.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CU_ASSERT_EQUAL(ask(&q, "SELECT count(*) FROM certificate"), 1);
    CU_ASSERT_EQUAL(cmpsrv_store_check(s, NULL), 1);
    cmpsrv_store_free(s);
    s = open_at(q.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    CU_ASSERT(tamper(q.path, "DELETE FROM ca"));
    CU_ASSERT_EQUAL(cmpsrv_store_check(s, &why), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.detail, "certificate"));
    cmpsrv_store_free(s);
    place_free(&p);
    place_free(&q);
}

TEST_MAIN("store", TEST(test_cert_insert), TEST(test_cert_status), TEST(test_txn),
          TEST(test_entity), TEST(test_all_or_nothing), TEST(test_cert_get), TEST(test_unconfirmed),
          TEST(test_replace), TEST(test_plans), TEST(test_walks), TEST(test_ca),
          TEST(test_derive_key), TEST(test_open_refuses), TEST(test_migration),
          TEST(test_migration_from_4), TEST(test_migration_from_5), TEST(test_migration_from_6),
          TEST(test_txn_number), TEST(test_migration_all_or_nothing), TEST(test_size),
          TEST(test_readers_do_not_keep_the_wal), TEST(test_backup_and_check))
