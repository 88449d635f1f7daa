/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on SQLite: connections and the pool of those that read, statements, making and
 * migrating the schema, backup and check. In WAL mode the readers here run beside the writer
 * (sqlite_writer.c). Knows statements and values, not what the rows mean.
 */
#include "config.h"

#include "store/sqlite_local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define MAX_IDLE 64 /* reading connections kept open */

typedef struct {
    char *path;
    pthread_mutex_t lock; /* of idle, n_idle */
    CMPSRV_CONN *idle;
    size_t n_idle;
    CMPSRV_SQLITE_WRITER *writer; /* NULL: read only */
} SQLITE_STORE;

/* ---- errors ------------------------------------------------------------------------------------
 */

void cmpsrv_sqlite_sync_or_die(CMPSRV_CONN *conn, int rc)
{
    if (rc != SQLITE_IOERR_FSYNC && rc != SQLITE_IOERR_DIR_FSYNC)
        return;
    cmpsrv_log(conn->store->log, CMPSRV_LOG_ERROR,
               "store: sync failed (%s): what is on disk is unknown, ending", strerror(errno));
    abort();
}

/* At COMMIT any I/O error leaves the outcome open, but for a file that could not grow: nothing of
 * the commit counts before its last frame is written. */
static void commit_or_die(CMPSRV_CONN *conn, int rc)
{
    int err = sqlite3_system_errno(conn->db);

    if ((rc & 0xff) != SQLITE_IOERR ||
        (rc == SQLITE_IOERR_WRITE && (err == ENOSPC || err == EDQUOT || err == EFBIG)))
        return;
    cmpsrv_log(conn->store->log, CMPSRV_LOG_ERROR,
               "store: I/O error %d while committing: what is on disk is unknown, ending", rc);
    abort();
}

static int conn_fail(CMPSRV_CONN *conn, int rc, CMPSRV_REFUSAL *why)
{
    cmpsrv_sqlite_sync_or_die(conn, rc);
    return cmpsrv_fail(why, "store: %s (SQLite %d)",
                       conn->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(conn->db), rc);
}

/* ---- statements --------------------------------------------------------------------------------
 */

int cmpsrv_sqlite_exec(CMPSRV_CONN *conn, const char *sql, CMPSRV_REFUSAL *why)
{
    int rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        return 1;
    if (strcmp(sql, "COMMIT") == 0)
        commit_or_die(conn, rc);
    return conn_fail(conn, rc, why);
}

/* $1 is a name to SQLite, ?1 a number. */
static sqlite3_stmt *prepared(CMPSRV_CONN *conn, CMPSRV_STMT st, CMPSRV_REFUSAL *why)
{
    char sql[2048];
    int rc;

    if (conn->st[st] != NULL)
        return conn->st[st];
    snprintf(sql, sizeof(sql), "%s", cmpsrv_sql_text(st));
    for (char *p = sql; (p = strchr(p, '$')) != NULL;)
        *p = '?';
    rc = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &conn->st[st], NULL);
    if (rc != SQLITE_OK)
        conn_fail(conn, rc, why);
    return conn->st[st];
}

/* The values outlive the statement's run, so SQLite needs no copy. */
static int bind_values(sqlite3_stmt *stmt, const CMPSRV_SQLV *v, size_t n)
{
    int rc = (size_t)sqlite3_bind_parameter_count(stmt) == n ? SQLITE_OK : SQLITE_MISUSE;

    for (int i = 0; i < (int)n && rc == SQLITE_OK; i++)
        switch (v[i].kind) {
        case CMPSRV_SQL_NULL:
            rc = sqlite3_bind_null(stmt, i + 1);
            break;
        case CMPSRV_SQL_INT:
            rc = sqlite3_bind_int64(stmt, i + 1, v[i].i);
            break;
        case CMPSRV_SQL_TEXT:
            rc = sqlite3_bind_text64(stmt, i + 1, v[i].p, v[i].n, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case CMPSRV_SQL_BLOB:
            rc = sqlite3_bind_blob64(stmt, i + 1, v[i].p, v[i].n, SQLITE_STATIC);
            break;
        }
    return rc;
}

static void take_columns(sqlite3_stmt *stmt, CMPSRV_SQLV *col)
{
    int n = sqlite3_column_count(stmt);

    for (int i = 0; i < n && i < CMPSRV_SQL_COLS; i++) {
        memset(&col[i], 0, sizeof(col[i]));
        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_INTEGER:
            col[i] = cmpsrv_sql_int(sqlite3_column_int64(stmt, i));
            break;
        case SQLITE_TEXT:
            col[i].kind = CMPSRV_SQL_TEXT;
            col[i].p = sqlite3_column_text(stmt, i);
            col[i].n = (size_t)sqlite3_column_bytes(stmt, i);
            break;
        case SQLITE_BLOB:
            col[i].kind = CMPSRV_SQL_BLOB;
            col[i].p = sqlite3_column_blob(stmt, i);
            col[i].n = (size_t)sqlite3_column_bytes(stmt, i);
            break;
        default: /* NULL; a REAL is in none of our tables */
            break;
        }
    }
}

int64_t cmpsrv_sqlite_run(CMPSRV_CONN *conn, CMPSRV_STMT st, const CMPSRV_SQLV *v, size_t n,
                          CMPSRV_ROW_CB cb, void *arg, CMPSRV_REFUSAL *why)
{
    sqlite3_stmt *stmt = prepared(conn, st, why);
    CMPSRV_SQLV col[CMPSRV_SQL_COLS];
    int64_t rows = 0;
    int rc;

    if (stmt == NULL)
        return -1;
    rc = bind_values(stmt, v, n);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        if ((rc = sqlite3_step(stmt)) != SQLITE_ROW)
            break;
        take_columns(stmt, col);
        rows++;
        if (cb != NULL && !cb(arg, col))
            rc = SQLITE_DONE;
    }
    if (rc == SQLITE_DONE && !sqlite3_stmt_readonly(stmt))
        rows = sqlite3_changes(conn->db);
    if (rc != SQLITE_DONE)
        rows = conn_fail(conn, rc, why) - 1;
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rows;
}

/* ---- connections -------------------------------------------------------------------------------
 */

void cmpsrv_sqlite_disconnect(CMPSRV_CONN *conn)
{
    if (conn == NULL)
        return;
    for (size_t i = 0; i < CMPSRV_ST__COUNT; i++)
        sqlite3_finalize(conn->st[i]);
    sqlite3_close(conn->db);
    OPENSSL_free(conn);
}

static CMPSRV_CONN *connect_to(CMPSRV_STORE *s, const char *path, int flags, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = OPENSSL_zalloc(sizeof(*conn));
    int rc;

    if (conn == NULL) {
        cmpsrv_fail(why, "out of memory");
        return NULL;
    }
    conn->store = s;
    rc = sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX, cmpsrv_sqlite_vfs());
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(conn->db, 1);
        sqlite3_busy_timeout(conn->db, CMPSRV_SQLITE_BUSY_MS);
        /* Closing must not move the WAL: SQLite would not tell us that a sync has failed. */
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        /* Pages that a reader keeps are good until the next commit only: a few will do. */
        if (cmpsrv_sqlite_exec(conn, "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256", why))
            return conn;
    } else {
        conn_fail(conn, rc, why);
    }
    cmpsrv_sqlite_disconnect(conn);
    return NULL;
}

static CMPSRV_CONN *sqlite_reader(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    SQLITE_STORE *db = s->db;
    CMPSRV_CONN *conn;

    pthread_mutex_lock(&db->lock);
    if ((conn = db->idle) != NULL) {
        db->idle = conn->next;
        db->n_idle--;
    }
    pthread_mutex_unlock(&db->lock);
    /* Never waits for another reader: a walk's callback may read. */
    return conn != NULL ? conn : connect_to(s, db->path, SQLITE_OPEN_READONLY, why);
}

static void sqlite_release(CMPSRV_STORE *s, CMPSRV_CONN *conn)
{
    SQLITE_STORE *db = s->db;

    pthread_mutex_lock(&db->lock);
    if (db->n_idle < MAX_IDLE) {
        conn->next = db->idle;
        db->idle = conn;
        db->n_idle++;
        conn = NULL;
    }
    pthread_mutex_unlock(&db->lock);
    cmpsrv_sqlite_disconnect(conn);
}

static int sqlite_snapshot(CMPSRV_CONN *conn, int on, CMPSRV_REFUSAL *why)
{
    return cmpsrv_sqlite_exec(conn, on ? "BEGIN" : "ROLLBACK", why);
}

/* ---- schema ------------------------------------------------------------------------------------
 */

/* The first column of the first row of fixed SQL: 1/0. */
static int one_int(CMPSRV_CONN *conn, const char *sql, int64_t *out, CMPSRV_REFUSAL *why)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    if (rc != SQLITE_ROW)
        conn_fail(conn, rc, why);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW;
}

typedef struct {
    int64_t version;
    CMPSRV_STORE *store;
    int whole;
} META;

static int take_meta(void *arg, const CMPSRV_SQLV *col)
{
    META *m = arg;

    m->version = col[0].i;
    if ((m->whole = col[1].kind == CMPSRV_SQL_BLOB && col[1].n == CMPSRV_STORE_ID))
        memcpy(m->store->store_id, col[1].p, CMPSRV_STORE_ID);
    return 0;
}

/* The schema version, 0 of an empty database. Fails for a database that is not ours. */
static int read_version(CMPSRV_CONN *conn, int64_t *version, CMPSRV_REFUSAL *why)
{
    META m = {.store = conn->store};
    int64_t tables = 0, ours = 0;

    if (!one_int(conn, "SELECT count(*) FROM sqlite_master", &tables, why) ||
        !one_int(conn,
                 "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
                 " AND name IN ('meta', 'certificate', 'txn', 'audit', 'audit_head')",
                 &ours, why))
        return 0;
    *version = 0;
    if (tables == 0)
        return 1;
    if (ours != 5)
        return cmpsrv_fail(why, "store: this database is not a store of cmpsrv");
    if (cmpsrv_sqlite_run(conn, CMPSRV_ST_META_GET, NULL, 0, take_meta, &m, why) < 0)
        return 0;
    *version = m.version;
    return m.whole || cmpsrv_fail(why, "store: the table meta is damaged");
}

static int write_meta(CMPSRV_CONN *conn, int64_t from, CMPSRV_REFUSAL *why)
{
    unsigned char *id = conn->store->store_id;
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(cmpsrv_schema_version()),
                       cmpsrv_sql_blob(id, CMPSRV_STORE_ID)};

    if (from > 0)
        return cmpsrv_sqlite_run(conn, CMPSRV_ST_META_UPDATE, v, 1, NULL, NULL, why) == 1;
    if (!cmpsrv_random(id, CMPSRV_STORE_ID))
        return cmpsrv_fail(why, "no random octets");
    return cmpsrv_sqlite_run(conn, CMPSRV_ST_META_INSERT, v, 2, NULL, NULL, why) == 1;
}

/* Inside a transaction: another process may have migrated since the version was read. */
static int migrate_inside(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why)
{
    int64_t from;

    if (!read_version(conn, &from, why) || !cmpsrv_schema_usable(from, 0, why))
        return 0;
    if (from == cmpsrv_schema_version())
        return 1;
    for (size_t i = 0; i < cmpsrv_migrations_count; i++)
        if (cmpsrv_migrations[i].version > from &&
            !cmpsrv_sqlite_exec(conn, cmpsrv_migrations[i].sql, why))
            return 0;
    return write_meta(conn, from, why);
}

static int migrate(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why)
{
    if (!cmpsrv_sqlite_exec(conn, "BEGIN IMMEDIATE", why))
        return 0;
    if (migrate_inside(conn, why) && cmpsrv_sqlite_exec(conn, "COMMIT", why))
        return 1;
    if (!sqlite3_get_autocommit(conn->db))
        cmpsrv_sqlite_exec(conn, "ROLLBACK", NULL);
    return 0;
}

/* Going to WAL needs the database alone for a moment, and SQLite does not wait for that. */
static int use_wal(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why)
{
    int64_t until = cmpsrv_time_mono() + CMPSRV_SQLITE_BUSY_MS;
    int rc;

    while (((rc = sqlite3_exec(conn->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) & 0xff) ==
               SQLITE_BUSY &&
           cmpsrv_time_mono() < until)
        sqlite3_sleep(10);
    return rc == SQLITE_OK || conn_fail(conn, rc, why);
}

/* The limit cuts a WAL that a reader kept from beginning anew. Not one as long as a full load makes
 * it: to cut it takes tens of milliseconds, and to grow again makes every sync slower. */
static int configure_writer(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why)
{
    char limit[64];

    if (!use_wal(conn, why) ||
        !cmpsrv_sqlite_exec(
            conn,
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            "PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8000;"
            "PRAGMA journal_size_limit = 1073741824",
            why))
        return 0;
    if (conn->store->max_pages == 0)
        return 1;
    /* PRAGMA takes no parameters; the number is the tests', not a client's. */
    snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %" PRId64, conn->store->max_pages);
    return cmpsrv_sqlite_exec(conn, limit, why);
}

/* ---- open and close ----------------------------------------------------------------------------
 */

/* The database and what SQLite puts beside it is for us alone: it may keep enrolment codes. */
static int make_private(const char *path, CMPSRV_REFUSAL *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST || cmpsrv_fail(why, "store: %s", strerror(errno));
    close(fd);
    return 1;
}

static int open_for_reading(CMPSRV_STORE *s, SQLITE_STORE *db, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = connect_to(s, db->path, SQLITE_OPEN_READONLY, why);
    int64_t version;
    int ok =
        conn != NULL && read_version(conn, &version, why) && cmpsrv_schema_usable(version, 1, why);

    if (ok)
        sqlite_release(s, conn);
    else
        cmpsrv_sqlite_disconnect(conn);
    return ok;
}

static CMPSRV_CONN *connect_beside(CMPSRV_STORE *s, SQLITE_STORE *db, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = connect_to(s, db->path, SQLITE_OPEN_READWRITE, why);

    if (conn != NULL &&
        cmpsrv_sqlite_exec(conn, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0", why))
        return conn;
    cmpsrv_sqlite_disconnect(conn);
    return NULL;
}

/* Looks whose database it is before anything in it is changed. */
static int open_for_writing(CMPSRV_STORE *s, SQLITE_STORE *db, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = NULL, *beside;
    int64_t version;

    if (make_private(db->path, why) &&
        (conn = connect_to(s, db->path, SQLITE_OPEN_READWRITE, why)) != NULL &&
        read_version(conn, &version, why) && cmpsrv_schema_usable(version, 0, why) &&
        configure_writer(conn, why) && (version == cmpsrv_schema_version() || migrate(conn, why)) &&
        (beside = connect_beside(s, db, why)) != NULL &&
        (db->writer = cmpsrv_sqlite_writer_new(s, conn, beside, why)) != NULL)
        return 1;
    cmpsrv_sqlite_disconnect(conn);
    return 0;
}

/* SQLite's count of the memory in use takes one lock for the whole process at each allocation: all
 * readers would wait for each other there. Refused where SQLite is in use already, and then it is
 * somebody else's to say. */
static void count_no_memory(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int sqlite_open(CMPSRV_STORE *s, const char *path, CMPSRV_REFUSAL *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    SQLITE_STORE *db = OPENSSL_zalloc(sizeof(*db));
    CMPSRV_REFUSAL inner = {0};

    pthread_once(&once, count_no_memory);
    if (db == NULL)
        return cmpsrv_fail(why, "out of memory");
    if (pthread_mutex_init(&db->lock, NULL) != 0) {
        OPENSSL_free(db);
        return cmpsrv_fail(why, "store: no mutex");
    }
    s->db = db;
    if ((db->path = OPENSSL_strdup(path)) == NULL)
        return cmpsrv_fail(why, "out of memory");
    if (s->read_only ? open_for_reading(s, db, &inner) : open_for_writing(s, db, &inner))
        return 1;
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "%s: %s", path, inner.detail);
}

static void sqlite_close(CMPSRV_STORE *s)
{
    SQLITE_STORE *db = s->db;

    if (db == NULL)
        return;
    while (db->idle != NULL) {
        CMPSRV_CONN *conn = db->idle;

        db->idle = conn->next;
        cmpsrv_sqlite_disconnect(conn);
    }
    cmpsrv_sqlite_writer_free(db->writer);
    pthread_mutex_destroy(&db->lock);
    OPENSSL_free(db->path);
    OPENSSL_free(db);
    s->db = NULL;
}

static void sqlite_transact(CMPSRV_STORE *s, CMPSRV_COMMIT_JOB *job)
{
    cmpsrv_sqlite_write(((SQLITE_STORE *)s->db)->writer, job);
}

static void sqlite_stats(CMPSRV_STORE *s, CMPSRV_STORE_STATS *out)
{
    cmpsrv_sqlite_writer_stats(((SQLITE_STORE *)s->db)->writer, out);
}

/* ---- backup and check --------------------------------------------------------------------------
 */

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static int vacuum_into(CMPSRV_CONN *conn, const char *file, CMPSRV_REFUSAL *why)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->db, "VACUUM INTO ?1", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, file, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE)
        conn_fail(conn, rc, why);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

/* The file is made here, empty and private: VACUUM INTO takes an empty one. */
static int sqlite_backup(CMPSRV_STORE *s, const char *file, CMPSRV_REFUSAL *why)
{
    int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), ok = 0;
    char *folder = OPENSSL_strdup(file);
    CMPSRV_CONN *conn = NULL;

    if (fd < 0) {
        OPENSSL_free(folder);
        return cmpsrv_fail(why, "store: cannot make %s: %s", file, strerror(errno));
    }
    close(fd);
    if (folder != NULL && (conn = sqlite_reader(s, why)) != NULL && vacuum_into(conn, file, why)) {
        ok = sync_path(file, O_RDWR) && sync_path(dirname(folder), O_RDONLY | O_DIRECTORY);
        if (!ok)
            cmpsrv_fail(why, "store: cannot sync %s: %s", file, strerror(errno));
    }
    if (conn != NULL)
        sqlite_release(s, conn);
    if (!ok)
        unlink(file);
    OPENSSL_free(folder);
    return ok;
}

static int sqlite_check(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = sqlite_reader(s, why);
    sqlite3_stmt *whole = NULL, *foreign = NULL;
    int result = -1, rc;

    if (conn == NULL)
        return -1;
    rc = sqlite3_prepare_v2(conn->db, "PRAGMA integrity_check(1)", -1, &whole, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(conn->db, "PRAGMA foreign_key_check", -1, &foreign, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(whole)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(whole, 0);

        if (text == NULL || strcmp(text, "ok") != 0)
            result = cmpsrv_fail(why, "store: integrity_check: %s", text == NULL ? "" : text);
        else if ((rc = sqlite3_step(foreign)) == SQLITE_ROW)
            result = cmpsrv_fail(why, "store: foreign_key_check: a row of %s points nowhere",
                                 (const char *)sqlite3_column_text(foreign, 0));
        else if (rc == SQLITE_DONE)
            result = 1;
    }
    /* A file so damaged that it cannot be walked is damaged, not unreachable. */
    if (result < 0 && ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB))
        result = 0;
    if (result != 1)
        conn_fail(conn, rc, why);
    sqlite3_finalize(whole);
    sqlite3_finalize(foreign);
    sqlite_release(s, conn);
    return result;
}

const struct cmpsrv_store_ops cmpsrv_sqlite_ops = {
    .scheme = "sqlite:",
    .open = sqlite_open,
    .close = sqlite_close,
    .transact = sqlite_transact,
    .reader = sqlite_reader,
    .release = sqlite_release,
    .snapshot = sqlite_snapshot,
    .run = cmpsrv_sqlite_run,
    .backup = sqlite_backup,
    .check = sqlite_check,
    .stats = sqlite_stats,
};
