/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's VFS hands on to the system's: a VFS of ours is the system's here and keeps
 * count. What is in the database is read back by SQLite itself, without any of it.
 */
#include "config.h"

#include "rows.h"

#include "store/sqlite_local.h"

#include <time.h>

#define WAL_PAGE 4120 /* octets of a frame: the page and 24 before it */

typedef struct {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real;
    int is_wal;
} SEEN;

static sqlite3_vfs *system_vfs, counting;
static struct {
    int writes, largest;         /* of the WAL */
    int unsynced, unsynced_most; /* octets of the database */
    int syncs;
    int sync_ms; /* that each takes */
} count;

static SEEN *seen(sqlite3_file *file)
{
    return (SEEN *)(void *)((char *)file + (system_vfs->szOsFile + 7) / 8 * 8);
}

static int count_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    if (seen(file)->is_wal) {
        count.writes++;
        count.largest = n > count.largest ? n : count.largest;
    } else {
        count.unsynced += n;
        if (count.unsynced > count.unsynced_most)
            count.unsynced_most = count.unsynced;
    }
    return seen(file)->real->xWrite(file, p, n, at);
}

static int count_sync(sqlite3_file *file, int flags)
{
    if (!seen(file)->is_wal) {
        count.unsynced = 0;
        count.syncs++;
        nanosleep(&(struct timespec){.tv_nsec = count.sync_ms * 1000000L}, NULL);
    }
    return seen(file)->real->xSync(file, flags);
}

static int count_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int rc = system_vfs->xOpen(system_vfs, name, file, flags, out);
    SEEN *s = seen(file);

    (void)vfs;
    if (rc != SQLITE_OK || (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) == 0)
        return rc;
    *s = (SEEN){.methods = *file->pMethods, .real = file->pMethods};
    s->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    s->methods.xWrite = count_write;
    s->methods.xSync = count_sync;
    file->pMethods = &s->methods;
    return rc;
}

/* Before anybody has asked for the store's VFS. */
static void count_what_is_written(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    counting = *system_vfs;
    counting.pNext = NULL;
    counting.zName = "counting";
    counting.szOsFile = (system_vfs->szOsFile + 7) / 8 * 8 + (int)sizeof(SEEN);
    counting.xOpen = count_open;
    sqlite3_vfs_register(&counting, 1);
}

static void run(sqlite3 *db, const char *sql)
{
    char *error = NULL;

    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, &error), SQLITE_OK);
    if (error != NULL)
        fprintf(stderr, "%s: %s\n", sql, error);
    sqlite3_free(error);
}

/* A database in WAL mode that is moved only when we say so. */
static sqlite3 *open_db(PLACE *p)
{
    sqlite3 *db = NULL;

    place_new(p);
    CU_ASSERT_EQUAL(sqlite3_open_v2(p->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                    cmpsrv_sqlite_vfs()),
                    SQLITE_OK);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
            "CREATE TABLE t(n INTEGER PRIMARY KEY, v BLOB)");
    return db;
}

/* As many rows as pages. */
static void add_pages(sqlite3 *db, int n)
{
    char sql[200];

    snprintf(sql, sizeof(sql),
             "INSERT INTO t(v) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"
             " WHERE i < %d) SELECT zeroblob(3900) || i FROM c",
             n);
    run(db, sql);
}

static void expect_value(sqlite3 *db, const char *sql, const char *value)
{
    sqlite3_stmt *st = NULL;
    const char *is = NULL;

    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    if (sqlite3_step(st) == SQLITE_ROW)
        is = (const char *)sqlite3_column_text(st, 0);
    CU_ASSERT_PTR_NOT_NULL(is);
    CU_ASSERT_STRING_EQUAL(is != NULL ? is : "no row", value);
    sqlite3_finalize(st);
}

/* By SQLite alone. */
static void expect_rows(const PLACE *p, int rows)
{
    sqlite3 *db = NULL;
    char n[16];

    snprintf(n, sizeof(n), "%d", rows);
    CU_ASSERT_EQUAL(sqlite3_open_v2(p->path, &db, SQLITE_OPEN_READWRITE, system_vfs->zName),
                    SQLITE_OK);
    expect_value(db, "SELECT COUNT(*) FROM t", n);
    expect_value(db, "PRAGMA integrity_check(1)", "ok");
    sqlite3_close(db);
}

static void test_frames_at_once(void)
{
    PLACE p;
    sqlite3 *db = open_db(&p);

    memset(&count, 0, sizeof(count));
    add_pages(db, 20);
    CU_ASSERT_EQUAL(count.writes, 1);
    CU_ASSERT(count.largest >= 20 * WAL_PAGE);
    expect_rows(&p, 20);

    /* SQLite's xWrite counts with 17 bits: 128 KiB at once would be none. */
    memset(&count, 0, sizeof(count));
    add_pages(db, 300);
    CU_ASSERT(count.writes >= 10 && count.writes < 14);
    CU_ASSERT(count.largest < 128 * 1024);
    expect_rows(&p, 320);
    sqlite3_close(db);
    place_free(&p);
}

/* A transaction that is larger than the cache reads its own frames, before they count. */
static void test_spill(void)
{
    PLACE p;
    sqlite3 *db = open_db(&p);

    run(db, "PRAGMA cache_size = 10; BEGIN");
    add_pages(db, 500);
    run(db, "UPDATE t SET v = v || 'x' WHERE n BETWEEN 470 AND 490");
    run(db, "UPDATE t SET v = v || 'x' WHERE n % 7 = 0");
    expect_rows(&p, 0);
    run(db, "ROLLBACK");
    expect_rows(&p, 0);

    run(db, "BEGIN");
    add_pages(db, 500);
    run(db, "SAVEPOINT a; DELETE FROM t WHERE n > 400");
    run(db, "ROLLBACK TO a; DELETE FROM t WHERE n > 450; COMMIT");
    expect_rows(&p, 450);
    sqlite3_close(db);
    expect_rows(&p, 450);
    place_free(&p);
}

/* The same place in the WAL is another connection's after that. */
static void test_spill_then_another(void)
{
    PLACE p;
    sqlite3 *db = open_db(&p), *other = NULL;

    run(db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = 10; BEGIN");
    add_pages(db, 15);
    run(db, "ROLLBACK");
    CU_ASSERT_EQUAL(sqlite3_open_v2(p.path, &other, SQLITE_OPEN_READWRITE, system_vfs->zName),
                    SQLITE_OK);
    run(other, "PRAGMA wal_autocheckpoint = 0");
    add_pages(other, 30);
    add_pages(db, 1);
    expect_rows(&p, 31);
    sqlite3_close(other);
    sqlite3_close(db);
    expect_rows(&p, 31);
    place_free(&p);
}

/* Out of WAL mode and back, on one connection. */
static void test_without_wal(void)
{
    PLACE p;
    sqlite3 *db = open_db(&p);

    add_pages(db, 40);
    run(db, "PRAGMA journal_mode = DELETE");
    add_pages(db, 40);
    run(db, "PRAGMA journal_mode = WAL");
    add_pages(db, 40);
    expect_rows(&p, 120);
    sqlite3_close(db);
    expect_rows(&p, 120);
    place_free(&p);
}

/* Also when the one who does it rests; and not when he is not asked to. */
static void test_database_in_pieces(void)
{
    static const CMPSRV_PIECES_MODE modes[] = {CMPSRV_PIECES_NONE, CMPSRV_PIECES,
                                               CMPSRV_PIECES_RESTING};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(modes); i++) {
        PLACE p;
        sqlite3 *db = open_db(&p);
        sqlite3_file *file = NULL;

        add_pages(db, 1000);
        memset(&count, 0, sizeof(count));
        CU_ASSERT_EQUAL(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file),
                        SQLITE_OK);
        cmpsrv_sqlite_pieces(file, modes[i]);
        CU_ASSERT_EQUAL(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                        SQLITE_OK);
        if (modes[i] == CMPSRV_PIECES_NONE) {
            CU_ASSERT(count.unsynced_most >= 1000 * 4096);
            CU_ASSERT(count.syncs >= 1 && count.syncs <= 2);
        } else {
            CU_ASSERT(count.unsynced_most <= 128 * 1024);
            CU_ASSERT(count.syncs >= 31 && count.syncs <= 34);
        }
        CU_ASSERT_EQUAL(count.unsynced, 0);
        expect_rows(&p, 1000);
        sqlite3_close(db);
        place_free(&p);
    }
}

/* Who rests does so as long as he works, here at syncs of 2 ms: in all it takes twice that. */
static void test_rest(void)
{
    enum { PIECES = 20, WORK_MS = 2 };
    PLACE p;
    sqlite3 *db = open_db(&p);
    sqlite3_file *file = NULL;
    unsigned char page[4096] = {0};
    int64_t began;

    CU_ASSERT_EQUAL(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    cmpsrv_sqlite_pieces(file, CMPSRV_PIECES_RESTING);
    count.sync_ms = WORK_MS;
    began = cmpsrv_time_mono();
    for (int i = 0; i < PIECES * 32; i++)
        file->pMethods->xWrite(file, page, sizeof(page), (sqlite3_int64)(i + 100) * 4096);
    CU_ASSERT(cmpsrv_time_mono() - began >= 2 * PIECES * WORK_MS);
    count.sync_ms = 0;
    sqlite3_close(db);
    place_free(&p);
}

int main(void)
{
    static const CMPSRV_TEST tests[] = {
        TEST(test_frames_at_once),     TEST(test_spill),
        TEST(test_spill_then_another), TEST(test_without_wal),
        TEST(test_database_in_pieces), TEST(test_rest),
    };

    count_what_is_written();
    return run_tests("vfs", tests, sizeof(tests) / sizeof(tests[0]));
}
