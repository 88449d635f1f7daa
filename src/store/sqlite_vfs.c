/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's VFS with two ways of its own to write. Frames of the WAL are gathered and written at
 * once, when they are synced: SQLite writes each in two parts, and a group has a hundred. Pages of
 * the database are synced a few at a time while a checkpoint beside the writer writes them, and who
 * has time rests as long as that took: a sync of all of them would keep the disk busy for
 * milliseconds, and the syncs of the WAL, that clients wait for, behind it.
 *
 * A file is the system's own file, with our data behind it and its methods in a table of our own.
 * Readers never see what is gathered: a frame counts when the wal-index says so, which is after the
 * sync (synchronous = FULL).
 */
#include "config.h"

#include "store/sqlite_local.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#define WAL_BUFFER   (127 * 1024) /* SQLite's own xWrite takes less than 128 KiB at once */
#define DB_SYNC_SIZE (128 * 1024) /* what a sync of the WAL may have to wait for: about 1 ms */
#define MAX_REST_US  20000

/* Offset of the lock that who writes frames holds (SQLite's WAL file format, 2.3). */
#define WAL_WRITE_LOCK 0

typedef struct {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real;
    unsigned char *buf; /* WAL: not handed over yet */
    size_t n;
    sqlite3_int64 at;    /* of its first octet */
    int unsynced;        /* database: octets */
    atomic_int pieces;   /* database: CMPSRV_PIECES_MODE */
    int64_t since;       /* us: when the work began that he rests from */
    sqlite3_file *other; /* of the same connection: the WAL, NULL if it is not open; the database */
} EXTRA;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs our_vfs;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t extra_at(void)
{
    const size_t align = sizeof(sqlite3_int64);

    return ((size_t)real_vfs->szOsFile + align - 1) / align * align;
}

static EXTRA *extra(sqlite3_file *file)
{
    return (EXTRA *)(void *)((char *)file + extra_at());
}

/* ---- the WAL -----------------------------------------------------------------------------------
 */

/* What could not be written is given up with the transaction it belongs to. */
static int wal_flush(sqlite3_file *file)
{
    EXTRA *x = extra(file);
    int n = (int)x->n;

    x->n = 0;
    return n == 0 ? SQLITE_OK : x->real->xWrite(file, x->buf, n, x->at);
}

static int wal_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    EXTRA *x = extra(file);
    int rc = SQLITE_OK;

    if (at != x->at + (sqlite3_int64)x->n || x->n + (size_t)n > WAL_BUFFER)
        rc = wal_flush(file);
    if (rc != SQLITE_OK)
        return rc;
    if (x->buf == NULL)
        x->buf = OPENSSL_malloc(WAL_BUFFER);
    if (x->buf == NULL || n > WAL_BUFFER)
        return x->real->xWrite(file, p, n, at);
    if (x->n == 0)
        x->at = at;
    memcpy(x->buf + x->n, p, (size_t)n);
    x->n += (size_t)n;
    return SQLITE_OK;
}

static int wal_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    int rc = wal_flush(file);

    return rc != SQLITE_OK ? rc : extra(file)->real->xRead(file, p, n, at);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    int rc = wal_flush(file);

    return rc != SQLITE_OK ? rc : extra(file)->real->xSync(file, flags);
}

/* What was not synced is not committed either. The connection closes its WAL before its database.
 */
static int wal_close(sqlite3_file *file)
{
    EXTRA *x = extra(file);

    OPENSSL_clear_free(x->buf, WAL_BUFFER);
    x->buf = NULL;
    extra(x->other)->other = NULL;
    return x->real->xClose(file);
}

/* ---- the database ------------------------------------------------------------------------------
 */

static int db_sync(sqlite3_file *file, int flags)
{
    EXTRA *x = extra(file);

    x->unsynced = 0;
    return x->real->xSync(file, flags);
}

/* As long as the work took, on whatever disk. */
static void rest(EXTRA *x)
{
    int64_t us = cmpsrv_time_mono_us() - x->since;
    struct timespec ts = {.tv_nsec = (long)(us < MAX_REST_US ? us : MAX_REST_US) * 1000};

    nanosleep(&ts, NULL);
    x->since = cmpsrv_time_mono_us();
}

static int db_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    EXTRA *x = extra(file);
    int rc = x->real->xWrite(file, p, n, at), pieces = atomic_load(&x->pieces);

    if (rc != SQLITE_OK || pieces == CMPSRV_PIECES_NONE || (x->unsynced += n) < DB_SYNC_SIZE)
        return rc;
    rc = db_sync(file, SQLITE_SYNC_NORMAL);
    if (pieces == CMPSRV_PIECES_RESTING)
        rest(x);
    return rc;
}

void cmpsrv_sqlite_pieces(sqlite3_file *file, CMPSRV_PIECES_MODE mode)
{
    if (file->pMethods == NULL || file->pMethods->xWrite != db_write)
        return;
    if (mode == CMPSRV_PIECES_RESTING)
        extra(file)->since = cmpsrv_time_mono_us();
    atomic_store(&extra(file)->pieces, mode);
}

/* A transaction that was rolled back may have spilled frames: they go where they would have gone
 * before another connection, of whatever process, may write there. */
static int db_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    EXTRA *x = extra(file);

    if (offset == WAL_WRITE_LOCK && (flags & SQLITE_SHM_UNLOCK) != 0 && x->other != NULL)
        wal_flush(x->other);
    return x->real->xShmLock(file, offset, n, flags);
}

/* ---- the VFS -----------------------------------------------------------------------------------
 */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int rc = real_vfs->xOpen(real_vfs, name, file, flags, out);
    EXTRA *x = extra(file);

    (void)vfs;
    if (rc != SQLITE_OK || (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) == 0)
        return rc;
    memset(x, 0, sizeof(*x));
    x->real = file->pMethods;
    x->methods = *x->real;
    if ((flags & SQLITE_OPEN_WAL) != 0) {
        x->methods.xClose = wal_close;
        x->methods.xRead = wal_read;
        x->methods.xWrite = wal_write;
        x->methods.xSync = wal_sync;
        x->other = sqlite3_database_file_object(name);
        extra(x->other)->other = file;
    } else {
        x->methods.xWrite = db_write;
        x->methods.xSync = db_sync;
        x->methods.xShmLock = db_shm_lock;
    }
    file->pMethods = &x->methods;
    return rc;
}

static void make_vfs(void)
{
    if ((real_vfs = sqlite3_vfs_find(NULL)) == NULL)
        return;
    our_vfs = *real_vfs;
    our_vfs.pNext = NULL;
    our_vfs.zName = "cmpsrv";
    our_vfs.szOsFile = (int)(extra_at() + sizeof(EXTRA));
    our_vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&our_vfs, 0) != SQLITE_OK)
        our_vfs.zName = NULL;
}

const char *cmpsrv_sqlite_vfs(void)
{
    pthread_once(&once, make_vfs);
    return our_vfs.zName;
}
