/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit chain: its hash computed here a second time from its description, and each way to
 * tamper with it, done by plain SQLite, found and named.
 */
#include "config.h"

#include "rows.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ONLY_CHAIN "(SELECT chain_id FROM audit_head LIMIT 1)"

static CMPSRV_SECRET *key;

static CMPSRV_STORE *open_keyed(const PLACE *p, const char *node)
{
    CMPSRV_STORE_OPTIONS o = {.key = key, .node = node};

    return open_at(p->url, &o);
}

static void append(CMPSRV_STORE *s, const char *record)
{
    CMPSRV_CHANGES c = {0};

    add_audit(&c, record);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
}

/* A chain of five: its opening and four records. */
static CMPSRV_STORE *chain_of_five(PLACE *p)
{
    CMPSRV_STORE *s;

    place_new(p);
    s = open_keyed(p, "cmp-server");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (int i = 0; i < 4; i++)
        append(s, "{\"event\":\"test\"}");
    return s;
}

static void check_verify(CMPSRV_STORE *s, int expected, const char *a, const char *b)
{
    CMPSRV_REFUSAL why = {0};
    int got = cmpsrv_store_audit_verify(s, NULL, NULL, &why);

    if (got != expected || strstr(why.detail, a) == NULL || strstr(why.detail, b) == NULL)
        fprintf(stderr, "verify: %d %s; expected %d %s %s\n", got, why.detail, expected, a, b);
    CU_ASSERT_EQUAL(got, expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.detail, a));
    CU_ASSERT_PTR_NOT_NULL(strstr(why.detail, b));
}

static void test_chain(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p);
    int64_t n = 0;

    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, &n, NULL), 1);
    CU_ASSERT_EQUAL(n, 5);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit WHERE node = 'cmp-server'"), 5);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit WHERE seq = 1 AND record ="
                            " '{\"event\":\"chain\",\"node\":\"cmp-server\",\"predecessor\":[]}'"),
                    1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT seq FROM audit_head"), 5);
    cmpsrv_store_free(s);
    place_free(&p);
}

static int take_head(void *arg, const CMPSRV_AUDIT_ROW *row)
{
    memcpy(arg, row->hash, CMPSRV_HASH);
    return 1;
}

/* What a chain's head was stays in it; another's does not come in. */
static void test_head(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p);
    unsigned char head[CMPSRV_HASH] = {0};

    CU_ASSERT_EQUAL(cmpsrv_store_audit_heads(s, take_head, head, NULL), 1);
    append(s, "{\"event\":\"test\"}");
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, head, NULL, NULL), 1);
    head[CMPSRV_HASH - 1] ^= 1;
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, head, NULL, NULL), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

static size_t put_number(unsigned char *p, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(n >> (8 * (7 - i)));
    return 8;
}

static size_t put_text(unsigned char *p, const char *s)
{
    size_t n = strlen(s);

    put_number(p, n);
    memcpy(p + 8, s, n);
    return 8 + n;
}

/* By the description in audit.c, with nothing of it. */
static void test_hash_and_mac(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p);
    unsigned char derived[CMPSRV_HASH], buf[1024], hash[CMPSRV_HASH], mac[CMPSRV_HASH];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int rows = 0;

    cmpsrv_store_derive_key(s, "audit chain", derived);
    memset(hash, 0, sizeof(hash));
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(p.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_prepare_v2(db,
                           "SELECT chain_id, seq, prev, hash, time, node, record, mac FROM audit"
                           " ORDER BY seq",
                           -1, &st, NULL),
        SQLITE_OK);
    for (; sqlite3_step(st) == SQLITE_ROW; rows++) {
        size_t n = 32;

        memcpy(buf, hash, 32);
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 0));
        n += put_number(buf + n, (uint64_t)sqlite3_column_int64(st, 1));
        n += put_number(buf + n, (uint64_t)sqlite3_column_int64(st, 4));
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 5));
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 6));
        EVP_Digest(buf, n, hash, NULL, EVP_sha256(), NULL);
        HMAC(EVP_sha256(), derived, sizeof(derived), hash, sizeof(hash), mac, NULL);
        CU_ASSERT_EQUAL(memcmp(sqlite3_column_blob(st, 3), hash, 32), 0);
        CU_ASSERT_EQUAL(memcmp(sqlite3_column_blob(st, 7), mac, 32), 0);
    }
    CU_ASSERT_EQUAL(rows, 5);
    sqlite3_finalize(st);
    sqlite3_close(db);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void test_tampering(void)
{
    static const struct {
        const char *sql, *where, *what;
    } cases[] = {
        {"UPDATE audit SET record = '{}' WHERE seq = 3", "record 3", "hash is wrong"},
        {"UPDATE audit SET time = time + 1 WHERE seq = 2", "record 2", "hash is wrong"},
        {"UPDATE audit SET node = 'x' WHERE seq = 5", "record 5", "hash is wrong"},
        {"DELETE FROM audit WHERE seq = 3", "record 3", "missing"},
        {"DELETE FROM audit WHERE seq = 1", "record 1", "missing"},
        {"DELETE FROM audit WHERE seq = 5", "record 5", "missing"},
        {"DELETE FROM audit", "record 5", "missing"},
        {"DELETE FROM audit_head", "record 5", "no head"},
        {"UPDATE audit_head SET seq = 4", "record 5", "not what the head says"},
        {"UPDATE audit_head SET hash = zeroblob(32)", "record 5", "not what the head says"},
        {"UPDATE audit SET seq = seq + 100; UPDATE audit SET seq = CASE seq WHEN 103 THEN 4"
         " WHEN 104 THEN 3 ELSE seq - 100 END",
         "record 3", "does not continue"},
        {"UPDATE audit SET mac = zeroblob(32) WHERE seq = 2", "record 2", "HMAC is wrong"},
        {"UPDATE audit SET mac = NULL WHERE seq = 2", "record 2", "no HMAC"},
        {"UPDATE audit SET record = x'00' WHERE seq = 2", "record 2", "not text"},
        {"UPDATE audit SET prev = NULL || x'' WHERE 0; UPDATE audit SET hash = x'00' WHERE seq = 4",
         "record 4", "hash is wrong"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        PLACE p;
        CMPSRV_STORE *s = chain_of_five(&p);

        check_verify(s, 1, "", "");
        CU_ASSERT(tamper(p.path, cases[i].sql));
        check_verify(s, 0, cases[i].where, cases[i].what);
        cmpsrv_store_free(s);
        place_free(&p);
    }
}

/* Who knows the hash but not the key cannot make a record. */
static void test_keys(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p), *t;
    CMPSRV_SECRET *wrong = cmpsrv_secret_new("wrong", 5);

    cmpsrv_store_free(s);
    t = open_at(p.url, &(CMPSRV_STORE_OPTIONS){.key = wrong});
    check_verify(t, 0, "record 1", "HMAC is wrong");
    cmpsrv_store_free(t);
    t = open_at(p.url, NULL); /* the plain chain needs no key */
    check_verify(t, 1, "", "");
    append(t, "{}");
    check_verify(t, 1, "", "");
    cmpsrv_store_free(t);
    s = open_keyed(&p, NULL);
    check_verify(s, 0, "record 1", "without store_key");
    cmpsrv_store_free(s);
    cmpsrv_secret_free(wrong);
    place_free(&p);
}

/* A store that is only opened or read writes nothing; the next chain names the one before. */
static void test_predecessors(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p), *admin, *third;
    int64_t n = 0;

    admin = open_keyed(&p, "cmp-admin");
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit_head"), 1);
    append(admin, "{}");
    append(s, "{}");
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit_head"), 2);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM node"), 2);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit a JOIN audit h ON a.record LIKE"
                            " '%\"chain\":\"' || h.chain_id || '\",\"seq\":5,\"head\":\"' ||"
                            " lower(hex(h.hash)) || '\"%' WHERE a.node = 'cmp-admin'"
                            " AND h.node = 'cmp-server' AND h.seq = 5"),
                    1);
    third = open_keyed(&p, "cmp-server"); /* both have gone on since */
    append(third, "{}");
    CU_ASSERT_EQUAL(ask(&p,
                        "SELECT (length(record) - length(replace(record, '\"head\"', '')))"
                        " / 6 FROM audit WHERE seq = 1 ORDER BY time DESC, length(record) DESC"),
                    2);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, &n, NULL), 1);
    CU_ASSERT_EQUAL(n, 10);
    /* a whole chain gone, head and all */
    CU_ASSERT(tamper(p.path, "DELETE FROM audit WHERE node = 'cmp-admin';"
                             "DELETE FROM audit_head WHERE chain_id NOT IN"
                             " (SELECT chain_id FROM audit)"));
    check_verify(s, 0, "record 2", "missing: a later chain names it");
    cmpsrv_store_free(third);
    cmpsrv_store_free(admin);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* A writer whose head was moved under it stops instead of forking the chain. */
static void test_moved_head(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT(tamper(p.path, "DELETE FROM audit WHERE seq = 5; UPDATE audit_head SET seq = 4"));
    add_audit(&c, "{}");
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_FAILED);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit"), 4);
    cmpsrv_store_free(s);
    place_free(&p);
}

static int count_record(void *arg, const CMPSRV_AUDIT_ROW *row)
{
    int64_t *n = arg;

    CU_ASSERT_EQUAL(row->seq, *n + 1);
    CU_ASSERT_STRING_EQUAL(row->node, "cmp-server");
    CU_ASSERT_EQUAL(strlen(row->chain), CMPSRV_CHAIN_ID);
    CU_ASSERT(row->record[0] == '{' && row->time > 0);
    return ++*n < 4;
}

static void test_each(void)
{
    PLACE p;
    CMPSRV_STORE *s = chain_of_five(&p);
    int64_t n = 0;

    CU_ASSERT_EQUAL(cmpsrv_store_audit_each(s, 0, count_record, &n, NULL), 1);
    CU_ASSERT_EQUAL(n, 4);
    n = 0;
    CU_ASSERT_EQUAL(cmpsrv_store_audit_each(s, cmpsrv_time_now() + 1000, count_record, &n, NULL),
                    1);
    CU_ASSERT_EQUAL(n, 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

int main(void)
{
    static const CMPSRV_TEST tests[] = {
        TEST(test_chain), TEST(test_head),         TEST(test_hash_and_mac), TEST(test_tampering),
        TEST(test_keys),  TEST(test_predecessors), TEST(test_moved_head),   TEST(test_each),
    };
    int rc;

    key = cmpsrv_secret_new("store key of the tests", 22);
    rc = run_tests("audit", tests, sizeof(tests) / sizeof(tests[0]));
    cmpsrv_secret_free(key);
    return rc;
}
