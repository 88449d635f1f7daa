/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between sqlite.c (connections, reading), sqlite_writer.c (the one thread that writes) and
 * sqlite_checkpoint.c (the thread beside it).
 */
#ifndef CMPSRV_SQLITE_LOCAL_H
#define CMPSRV_SQLITE_LOCAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store_local.h"

#define CMPSRV_SQLITE_BUSY_MS 5000 /* how long another process may hold the write lock */

struct cmpsrv_conn_st {
    CMPSRV_STORE *store;
    sqlite3 *db;
    sqlite3_stmt *st[CMPSRV_ST__COUNT]; /* prepared when first used */
    CMPSRV_CONN *next;                  /* in the pool */
};

void cmpsrv_sqlite_disconnect(CMPSRV_CONN *conn);
/* Runs fixed SQL without parameters. 1/0. A COMMIT that fails with an I/O error ends the process,
 * as does a failed sync anywhere. */
int cmpsrv_sqlite_exec(CMPSRV_CONN *conn, const char *sql, CMPSRV_REFUSAL *why);
/* The operation `run`. */
int64_t cmpsrv_sqlite_run(CMPSRV_CONN *conn, CMPSRV_STMT st, const CMPSRV_SQLV *v, size_t n,
                          CMPSRV_ROW_CB cb, void *arg, CMPSRV_REFUSAL *why);
/* Ends the process when rc says that a sync failed: what is on disk is not known any more, and a
 * second sync that succeeds would prove nothing. */
void cmpsrv_sqlite_sync_or_die(CMPSRV_CONN *conn, int rc);

/* ---- sqlite_vfs.c */

/* Name of the VFS that a store's connections are opened with; NULL (the system's) if there is none.
 */
const char *cmpsrv_sqlite_vfs(void);
/* How a checkpoint by this file of a database syncs its pages: all at its end, as SQLite does; a
 * few at a time; or so that it also rests each time, as long as it has worked, which only the
 * thread that works says; the others any. */
typedef enum { CMPSRV_PIECES_NONE, CMPSRV_PIECES, CMPSRV_PIECES_RESTING } CMPSRV_PIECES_MODE;
void cmpsrv_sqlite_pieces(sqlite3_file *file, CMPSRV_PIECES_MODE mode);

/* ---- sqlite_checkpoint.c */

/* A thread of that name (at most 15 characters), without signals. 1/0. */
int cmpsrv_sqlite_thread(pthread_t *thread, const char *name, void *(*body)(void *), void *arg);
/* SQLite's own automatic checkpoint drops its errors, and the next one would take a failed sync for
 * done; this one ends the process. Any mode but PASSIVE waits so long for readers of what is moved,
 * and for other writers. Of the WAL then: its frames, and those that are in the database; both may
 * be NULL. 1, or 0 when it was not done (which the log says unless somebody was in the way). */
int cmpsrv_sqlite_checkpoint(CMPSRV_CONN *conn, int mode, int wait_ms, int *frames, int *done);
typedef struct cmpsrv_sqlite_checkpointer_st CMPSRV_SQLITE_CHECKPOINTER;
/* Takes over conn, also when it fails. */
CMPSRV_SQLITE_CHECKPOINTER *cmpsrv_sqlite_checkpointer_new(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why);
void cmpsrv_sqlite_checkpointer_free(CMPSRV_SQLITE_CHECKPOINTER *c);
/* Begins to move what is in the WAL; for the writer, and not while it is busy. */
void cmpsrv_sqlite_checkpointer_start(CMPSRV_SQLITE_CHECKPOINTER *c);
int cmpsrv_sqlite_checkpointer_is_busy(CMPSRV_SQLITE_CHECKPOINTER *c);

/* ---- sqlite_writer.c */

typedef struct cmpsrv_sqlite_writer_st CMPSRV_SQLITE_WRITER;
/* Takes over conn when it succeeds, and `beside`, the checkpointer's, in any case. */
CMPSRV_SQLITE_WRITER *cmpsrv_sqlite_writer_new(CMPSRV_STORE *s, CMPSRV_CONN *conn,
                                               CMPSRV_CONN *beside, CMPSRV_REFUSAL *why);
/* Does what is queued, moves the WAL into the database, closes conn. */
void cmpsrv_sqlite_writer_free(CMPSRV_SQLITE_WRITER *w);
/* The operation `transact`. */
void cmpsrv_sqlite_write(CMPSRV_SQLITE_WRITER *w, CMPSRV_COMMIT_JOB *job);
void cmpsrv_sqlite_writer_stats(CMPSRV_SQLITE_WRITER *w,
                                CMPSRV_STORE_STATS *out); /* w may be NULL */

#endif
