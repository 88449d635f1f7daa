/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that moves the WAL into the database beside the writer, which would have to stop for
 * as long: tens of milliseconds in a large store, where each certificate touches pages of its own.
 * What is committed meanwhile is the next, smaller pass; the last few pages are left to the writer,
 * because the WAL begins anew only when nothing is left in it. Knows no SQL and no rows.
 */
#include "config.h"

#include "store/sqlite_local.h"

#include <pthread.h>
#include <signal.h>

#include <openssl/crypto.h>

#define PASSES      8     /* at most, for a writer that is as fast as we are */
#define MANY_FRAMES 4000  /* a pass over so many rests, as long as the WAL may grow: until ... */
#define LONG_WAL    32000 /* ... it has so many */
#define FEW_FRAMES  100   /* that a pass found: what the writer has added since is as little */

struct cmpsrv_sqlite_checkpointer_st {
    CMPSRV_CONN *conn;  /* the thread's alone */
    sqlite3_file *file; /* of the database */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under the lock: */
    int busy, stop;
};

int cmpsrv_sqlite_checkpoint(CMPSRV_CONN *conn, int mode, int wait_ms, int *frames, int *done)
{
    int rc;

    sqlite3_busy_timeout(conn->db, wait_ms);
    rc = sqlite3_wal_checkpoint_v2(conn->db, NULL, mode, frames, done);
    sqlite3_busy_timeout(conn->db, CMPSRV_SQLITE_BUSY_MS);
    cmpsrv_sqlite_sync_or_die(conn, rc);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        cmpsrv_log(conn->store->log, CMPSRV_LOG_WARNING, "store: checkpoint: %s (SQLite %d)",
                   sqlite3_errmsg(conn->db), rc);
    return rc == SQLITE_OK;
}

/* SQLite syncs the database only when nothing is left in the WAL, which is the writer's part: it
 * would find all our pages to sync. */
static void run_pass(CMPSRV_SQLITE_CHECKPOINTER *c, int *frames, int *done)
{
    cmpsrv_sqlite_checkpoint(c->conn, SQLITE_CHECKPOINT_PASSIVE, 0, frames, done);
    cmpsrv_sqlite_sync_or_die(c->conn, c->file->pMethods->xSync(c->file, SQLITE_SYNC_NORMAL));
}

/* Not for whoever stops us: he waits for the pass. */
static void set_rest(CMPSRV_SQLITE_CHECKPOINTER *c, int on)
{
    pthread_mutex_lock(&c->lock);
    cmpsrv_sqlite_pieces(c->file, on && !c->stop ? CMPSRV_PIECES_RESTING : CMPSRV_PIECES);
    pthread_mutex_unlock(&c->lock);
}

static void run_passes(CMPSRV_SQLITE_CHECKPOINTER *c)
{
    int frames = 0, done = 0, moved = MANY_FRAMES;

    for (int i = 0; i < PASSES && moved >= FEW_FRAMES; i++) {
        int before = done;

        set_rest(c, moved >= MANY_FRAMES && frames < LONG_WAL);
        run_pass(c, &frames, &done);
        moved = done - before;
    }
}

static void *run(void *arg)
{
    CMPSRV_SQLITE_CHECKPOINTER *c = arg;

    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->busy && !c->stop)
            pthread_cond_wait(&c->work, &c->lock);
        if (c->stop)
            break;
        pthread_mutex_unlock(&c->lock);
        run_passes(c);
        pthread_mutex_lock(&c->lock);
        c->busy = 0;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Signals are for the threads that know what to do with them. */
int cmpsrv_sqlite_thread(pthread_t *thread, const char *name, void *(*body)(void *), void *arg)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(thread, NULL, body, arg);
    if (rc == 0)
        pthread_setname_np(*thread, name);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0;
}

CMPSRV_SQLITE_CHECKPOINTER *cmpsrv_sqlite_checkpointer_new(CMPSRV_CONN *conn, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLITE_CHECKPOINTER *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL) {
        cmpsrv_sqlite_disconnect(conn);
        cmpsrv_fail(why, "out of memory");
        return NULL;
    }
    c->conn = conn;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->work, NULL);
    sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &c->file);
    if (c->file != NULL && c->file->pMethods != NULL &&
        cmpsrv_sqlite_thread(&c->thread, "checkpointer", run, c))
        return c;
    cmpsrv_fail(why, "store: cannot start the thread for checkpoints");
    cmpsrv_sqlite_disconnect(conn);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    OPENSSL_free(c);
    return NULL;
}

void cmpsrv_sqlite_checkpointer_free(CMPSRV_SQLITE_CHECKPOINTER *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = 1;
    cmpsrv_sqlite_pieces(c->file, CMPSRV_PIECES);
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    cmpsrv_sqlite_disconnect(c->conn);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    OPENSSL_free(c);
}

void cmpsrv_sqlite_checkpointer_start(CMPSRV_SQLITE_CHECKPOINTER *c)
{
    pthread_mutex_lock(&c->lock);
    c->busy = 1;
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
}

int cmpsrv_sqlite_checkpointer_is_busy(CMPSRV_SQLITE_CHECKPOINTER *c)
{
    int busy;

    pthread_mutex_lock(&c->lock);
    busy = c->busy;
    pthread_mutex_unlock(&c->lock);
    return busy;
}
