/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit chain: its hash computed here a second time from its description, and each way to
 * tamper with it, done by plain SQLite, found and named.
 */
#include "config.h"

#include "rows.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SEQ   "id % 4294967296"
#define CHAIN "id / 4294967296"

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
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit JOIN audit_chain c ON c.n = id / 4294967296"
                            " WHERE node = 'cmp-server'"),
                    5);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit WHERE " SEQ " = 1"
                            " AND audit_text(record) ="
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
    CU_ASSERT_FATAL(open_plain(p.path, &db));
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_prepare_v2(db,
                           "SELECT chain_id, id % 4294967296, hash, time, node,"
                           " audit_text(record), mac FROM audit JOIN audit_chain c"
                           " ON c.n = id / 4294967296 ORDER BY id",
                           -1, &st, NULL),
        SQLITE_OK);
    for (; sqlite3_step(st) == SQLITE_ROW; rows++) {
        size_t n = 32;

        memcpy(buf, hash, 32);
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 0));
        n += put_number(buf + n, (uint64_t)sqlite3_column_int64(st, 1));
        n += put_number(buf + n, (uint64_t)sqlite3_column_int64(st, 3));
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 4));
        n += put_text(buf + n, (const char *)sqlite3_column_text(st, 5));
        EVP_Digest(buf, n, hash, NULL, EVP_sha256(), NULL);
        HMAC(EVP_sha256(), derived, sizeof(derived), hash, sizeof(hash), mac, NULL);
        CU_ASSERT(sqlite3_column_bytes(st, 2) == 8 && sqlite3_column_bytes(st, 6) == 16);
        CU_ASSERT_EQUAL(memcmp(sqlite3_column_blob(st, 2), hash, 8), 0);
        CU_ASSERT_EQUAL(memcmp(sqlite3_column_blob(st, 6), mac, 16), 0);
    }
    CU_ASSERT_EQUAL(ask(&p, "SELECT length(hash) FROM audit_head"), 32);
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
        {"UPDATE audit SET record = x'7b7d' WHERE " SEQ " = 3", "record 3", "hash is wrong"},
        {"UPDATE audit SET time = time + 1 WHERE " SEQ " = 2", "record 2", "hash is wrong"},
        {"UPDATE audit_chain SET node = 'x'", "record 1", "hash is wrong"},
        {"DELETE FROM audit WHERE " SEQ " = 3", "record 3", "missing"},
        {"DELETE FROM audit WHERE " SEQ " = 1", "record 1", "missing"},
        {"DELETE FROM audit WHERE " SEQ " = 5", "record 5", "missing"},
        {"DELETE FROM audit", "record 5", "missing"},
        {"DELETE FROM audit_head", "record 5", "no head"},
        {"UPDATE audit_head SET seq = 4", "record 5", "not what the head says"},
        {"UPDATE audit_head SET hash = zeroblob(32)", "record 5", "not what the head says"},
        {"UPDATE audit SET id = id + 100; UPDATE audit SET id = CASE " SEQ " WHEN 103 THEN id - 99"
         " WHEN 104 THEN id - 101 ELSE id - 100 END",
         "record 3", "hash is wrong"},
        {"DELETE FROM audit_chain", "record 1", "its chain is not known"},
        {"UPDATE audit_chain SET chain_id = replace(chain_id, substr(chain_id, 1, 1), 'g')",
         "record 1", "hash is wrong"},
        {"UPDATE audit SET mac = zeroblob(32) WHERE " SEQ " = 2", "record 2", "HMAC is wrong"},
        {"UPDATE audit SET mac = NULL WHERE " SEQ " = 2", "record 2", "no HMAC"},
        {"UPDATE audit SET record = x'00' WHERE " SEQ " = 2", "record 2", "not text"},
        {"UPDATE audit SET hash = x'00' WHERE " SEQ " = 4", "record 4", "hash is wrong"},
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
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit a JOIN audit h ON audit_text(a.record) LIKE"
                            " '%\"chain\":\"' || (SELECT chain_id FROM audit_chain WHERE n = 1)"
                            " || '\",\"seq\":5,\"head\":\"' || lower(hex(h.hash)) || '%\"%'"
                            " WHERE a.id = 2 * 4294967296 + 1 AND h.id = 4294967296 + 5"),
                    1);
    third = open_keyed(&p, "cmp-server"); /* both have gone on since */
    append(third, "{}");
    CU_ASSERT_EQUAL(ask(&p, "SELECT (length(audit_text(record)) -"
                            " length(replace(audit_text(record), '\"head\"', ''))) / 6"
                            " FROM audit WHERE " SEQ " = 1 ORDER BY id DESC"),
                    2);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, &n, NULL), 1);
    CU_ASSERT_EQUAL(n, 10);
    /* a whole chain gone, head and all */
    CU_ASSERT(tamper(p.path, "DELETE FROM audit WHERE " CHAIN " = 2;"
                             "DELETE FROM audit_head WHERE chain = 2;"
                             "DELETE FROM audit_chain WHERE n = 2"));
    check_verify(s, 0, "record 2", "missing: a later chain names it");
    cmpsrv_store_free(third);
    cmpsrv_store_free(admin);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* What is packed is read again as it was, and what is damaged is not read at all. */
static void test_text(void)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{\"event\":\"issued\",\"alias\":\"factory\",\"tid\":\"00ff\"}",
        "{\"event\":\"x\",\"serial\":\"0123456789abcdef0123456789ABCDEF\",\"entity\":"
        "\"K\303\274hler\","
        "\"subject\":\"CN=K\303\274hler,O=K\303\274hler\"}",
        "{\"event\":\"chain\",\"node\":\"n\",\"predecessor\":[{\"chain\":\"abcdef0123\"}]}",
        "0123456 01234567 012345678 abcdefg aaaaaaaa\",\"ca\":\"aaaaaaaa\",\"ca\":\"aaaaaaaa\"}"};
    static const char *const damaged[] = {"\x1f",          "\x1f\x02x",        "\x1e\x01\x01",
                                          "a\x1e\x02\x01", "abcd\x1e\x02\x03", "\x1d",
                                          "\x1f\x00\x01"};
    unsigned char packed[512];
    char *text;
    size_t n;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT(cmpsrv_audit_pack(texts[i], packed, &n) && n <= strlen(texts[i]));
        CU_ASSERT_PTR_NOT_NULL_FATAL(text = cmpsrv_audit_unpack(cmpsrv_slice(packed, n)));
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
        OPENSSL_free(text);
    }
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
        CU_ASSERT_PTR_NULL(cmpsrv_audit_unpack(cmpsrv_slice_str(damaged[i])));
    CU_ASSERT(!cmpsrv_audit_pack("a\nb", packed, &n));
}

/* A writer whose head was moved under it, or taken away, stops instead of forking the chain. */
static void test_moved_head(void)
{
    static const char *const moves[] = {"UPDATE audit_head SET seq = 4", "DELETE FROM audit_head"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(moves); i++) {
        PLACE p;
        CMPSRV_STORE *s = chain_of_five(&p);
        CMPSRV_CHANGES c = {0};

        CU_ASSERT(tamper(p.path, "DELETE FROM audit WHERE " SEQ " = 5"));
        CU_ASSERT(tamper(p.path, moves[i]));
        add_audit(&c, "{}");
        CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_FAILED);
        CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit"), 4);
        cmpsrv_store_free(s);
        place_free(&p);
    }
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
        TEST(test_chain),      TEST(test_head), TEST(test_hash_and_mac),
        TEST(test_tampering),  TEST(test_keys), TEST(test_predecessors),
        TEST(test_moved_head), TEST(test_each), TEST(test_text),
    };
    int rc;

    key = cmpsrv_secret_new("store key of the tests", 22);
    rc = run_tests("audit", tests, sizeof(tests) / sizeof(tests[0]));
    cmpsrv_secret_free(key);
    return rc;
}
