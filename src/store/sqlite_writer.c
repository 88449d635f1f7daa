/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that writes to SQLite. Takes what is queued as one group, so that many callers
 * share one sync; nobody is told before COMMIT has returned. Runs
 * cmpsrv_changes_apply() and the store's own transactions without knowing what they do.
 */
#include "config.h"

#include "store/sqlite_local.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#define MAX_GROUP         64    /* 1 << (CMPSRV_STORE_GROUPS - 1) */
#define LARGE_GROUP       16    /* which is worth its sync */
#define PACE_US           1000  /* from one commit to the next while groups are smaller than that */
#define CHECKPOINT_FRAMES 16000 /* of the WAL, 4 KiB each */
#define ERASE_IDLE_MS     50    /* without work: then what was erased goes from the WAL, too */
#define ERASE_MS          1000  /* at the latest; also how often it is tried */
#define READERS_MS        10    /* how long commits wait for readers to leave a WAL that is moved */
#define CLOSE_MS          200   /* how long closing waits for that */

struct cmpsrv_sqlite_writer_st {
    CMPSRV_STORE *store;
    CMPSRV_SQLITE_CHECKPOINTER *checkpointer;
    CMPSRV_CONN *conn; /* from here to erased_at: the writer thread's alone */
    CMPSRV_CHAIN chain;
    size_t group;         /* members of the last one, ... */
    struct timespec next; /* ... and when another may begin, monotonic */
    int frames;           /* in the WAL */
    int checkpoint_at;    /* frames at which to move them */
    int moving;           /* the checkpointer was told */
    int erased;           /* something is still in the WAL that should not be */
    int64_t erased_at;    /* ms, monotonic: when that began, or was last tried */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under the lock: */
    CMPSRV_COMMIT_JOB *first, *last;
    int stop;
    CMPSRV_STORE_STATS stats;
};

/* ---- one group ---------------------------------------------------------------------------------
 */

static int has_transaction(const CMPSRV_SQLITE_WRITER *w)
{
    return !sqlite3_get_autocommit(w->conn->db);
}

static void roll_back(CMPSRV_SQLITE_WRITER *w)
{
    if (has_transaction(w))
        cmpsrv_sqlite_exec(w->conn, "ROLLBACK", NULL);
}

/* Nothing of theirs may be touched after this. */
static void tell(CMPSRV_COMMIT_JOB **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i]->done(v[i]->arg);
}

static void fail_all(CMPSRV_COMMIT_JOB **v, size_t n, const CMPSRV_REFUSAL *why)
{
    for (size_t i = 0; i < n; i++) {
        v[i]->outcome = CMPSRV_COMMIT_FAILED;
        v[i]->why = *why;
    }
}

/* Undoes one member; when even that fails the whole group has to go. */
static void undo_member(CMPSRV_SQLITE_WRITER *w)
{
    if (has_transaction(w) && (!cmpsrv_sqlite_exec(w->conn, "ROLLBACK TO member", NULL) ||
                               !cmpsrv_sqlite_exec(w->conn, "RELEASE member", NULL)))
        roll_back(w);
}

static void run_member(CMPSRV_TX *tx, CMPSRV_COMMIT_JOB *job)
{
    memset(&job->why, 0, sizeof(job->why));
    job->outcome = job->apply(tx, job->apply_arg, &job->why);
}

/* In a savepoint of its own, so that it can be undone without the others. */
static void run_member_apart(CMPSRV_SQLITE_WRITER *w, CMPSRV_TX *tx, CMPSRV_COMMIT_JOB *job)
{
    CMPSRV_CHAIN before = tx->chain;

    memset(&job->why, 0, sizeof(job->why));
    job->outcome = CMPSRV_COMMIT_FAILED;
    if (cmpsrv_sqlite_run(w->conn, CMPSRV_ST_MEMBER, NULL, 0, NULL, NULL, &job->why) < 0) {
        roll_back(w);
        return;
    }
    job->outcome = job->apply(tx, job->apply_arg, &job->why);
    if (job->outcome == CMPSRV_COMMIT_DONE && has_transaction(w)) {
        if (cmpsrv_sqlite_run(w->conn, CMPSRV_ST_MEMBER_DONE, NULL, 0, NULL, NULL, &job->why) >= 0)
            return;
        job->outcome = CMPSRV_COMMIT_FAILED;
    }
    tx->chain = before;
    undo_member(w);
}

/* Planted fault: answers what is not durable yet. 1 when it did, and nobody waits any more. */
static int answer_before_commit(CMPSRV_COMMIT_JOB **v, size_t n)
{
    const struct timespec a_little = {0, 20000000};

    if (!cmpsrv_fault("answer-before-commit"))
        return 0;
    tell(v, n);
    nanosleep(&a_little, NULL);
    return 1;
}

typedef enum {
    GROUP_SETTLED, /* every member has its outcome */
    GROUP_TOLD,    /* and knows it */
    GROUP_APART,   /* rolled back: a member is to be undone, so they need savepoints */
    GROUP_GONE     /* rolled back as a whole: nobody has an outcome */
} GROUP_END;

static void count_group(CMPSRV_SQLITE_WRITER *w, size_t n)
{
    size_t i = 0;

    while (i + 1 < CMPSRV_STORE_GROUPS && n > (size_t)1 << i)
        i++;
    pthread_mutex_lock(&w->lock);
    w->stats.transactions += n;
    w->stats.commits++;
    w->stats.groups[i]++;
    pthread_mutex_unlock(&w->lock);
}

static GROUP_END end_group(CMPSRV_SQLITE_WRITER *w, CMPSRV_TX *tx, CMPSRV_COMMIT_JOB **v, size_t n,
                           CMPSRV_REFUSAL *why)
{
    size_t done = 0;
    int told;

    for (size_t i = 0; i < n; i++)
        done += v[i]->outcome == CMPSRV_COMMIT_DONE;
    if (done == 0) {
        roll_back(w);
        return GROUP_SETTLED;
    }
    told = answer_before_commit(v, n);
    if (!cmpsrv_chain_close(tx, why) || !cmpsrv_sqlite_exec(w->conn, "COMMIT", why)) {
        roll_back(w);
        return told ? GROUP_TOLD : GROUP_GONE;
    }
    w->chain = tx->chain;
    if (tx->erased && !w->erased)
        w->erased_at = cmpsrv_time_mono();
    w->erased |= tx->erased;
    count_group(w, done);
    return told ? GROUP_TOLD : GROUP_SETTLED;
}

/* A savepoint costs a copy of every page that its member touches, and nearly all members come
 * through: so a group goes without first, and with them only when a member has to be undone. */
static GROUP_END try_group(CMPSRV_SQLITE_WRITER *w, CMPSRV_COMMIT_JOB **v, size_t n, int apart)
{
    CMPSRV_TX tx = {.store = w->store, .conn = w->conn, .chain = w->chain};
    CMPSRV_REFUSAL why = {0};
    GROUP_END end;

    /* Trying one by one would not help here, only wait for the lock once more for each. */
    if (!cmpsrv_sqlite_exec(w->conn, "BEGIN IMMEDIATE", &why) || !cmpsrv_chain_open(&tx, &why)) {
        roll_back(w);
        fail_all(v, n, &why);
        return GROUP_SETTLED;
    }
    for (size_t i = 0; i < n; i++) {
        if (apart)
            run_member_apart(w, &tx, v[i]);
        else
            run_member(&tx, v[i]);
        if (!has_transaction(w)) {
            why = v[i]->why;
            fail_all(v, n, &why);
            return GROUP_GONE;
        }
        if (!apart && n > 1 && v[i]->outcome != CMPSRV_COMMIT_DONE) {
            roll_back(w);
            return GROUP_APART;
        }
    }
    end = end_group(w, &tx, v, n, &why);
    if (end == GROUP_GONE)
        fail_all(v, n, &why);
    return end;
}

static void run_group(CMPSRV_SQLITE_WRITER *w, CMPSRV_COMMIT_JOB **v, size_t n)
{
    GROUP_END end = try_group(w, v, n, 0);

    if (end == GROUP_APART)
        end = try_group(w, v, n, 1);
    if (end == GROUP_GONE && n > 1) {
        for (size_t i = 0; i < n; i++)
            run_group(w, v + i, 1);
        return;
    }
    if (end != GROUP_TOLD)
        tell(v, n);
}

/* ---- the WAL -----------------------------------------------------------------------------------
 */

static int note_frames(void *arg, sqlite3 *db, const char *name, int frames)
{
    CMPSRV_SQLITE_WRITER *w = arg;

    (void)db;
    (void)name;
    if (frames < w->frames) { /* the WAL began anew */
        w->checkpoint_at = CHECKPOINT_FRAMES;
        w->moving = 0;
    }
    w->frames = frames;
    return SQLITE_OK;
}

/* Most of a long WAL is moved beside us; then, in a moment without a commit, what came meanwhile.
 * The WAL begins anew only if nobody reads it then: workers leave it at once. */
static void keep_wal_short(CMPSRV_SQLITE_WRITER *w)
{
    if (w->frames < w->checkpoint_at || cmpsrv_sqlite_checkpointer_is_busy(w->checkpointer))
        return;
    if (!w->moving) {
        cmpsrv_sqlite_checkpointer_start(w->checkpointer);
    } else {
        cmpsrv_sqlite_checkpoint(w->conn, SQLITE_CHECKPOINT_RESTART, READERS_MS, NULL, NULL);
        w->checkpoint_at = w->frames + CHECKPOINT_FRAMES;
    }
    w->moving = !w->moving;
}

/* Pages are overwritten with zeros (secure_delete), but the WAL has what they were: it is written
 * back and cut. A reader in it makes it wait for the next time. */
static void empty_wal(CMPSRV_SQLITE_WRITER *w)
{
    w->erased =
        !cmpsrv_sqlite_checkpoint(w->conn, SQLITE_CHECKPOINT_TRUNCATE, READERS_MS, NULL, NULL);
    w->erased_at = cmpsrv_time_mono();
}

/* ---- the thread --------------------------------------------------------------------------------
 */

/* Waits for work, under the lock; not long while the WAL is to be emptied. */
static void wait_for_work(CMPSRV_SQLITE_WRITER *w)
{
    int64_t until = cmpsrv_time_mono() + ERASE_IDLE_MS;
    struct timespec at = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};

    while (w->first == NULL && !w->stop)
        if (!w->erased)
            pthread_cond_wait(&w->work, &w->lock);
        else if (pthread_cond_timedwait(&w->work, &w->lock, &at) != 0)
            return;
}

/* How much was taken; *stop is set when there will be no more. */
static size_t take_jobs(CMPSRV_SQLITE_WRITER *w, CMPSRV_COMMIT_JOB *v[MAX_GROUP], int *stop)
{
    size_t n = 0;

    pthread_mutex_lock(&w->lock);
    wait_for_work(w);
    *stop = w->stop && w->first == NULL;
    while (w->first != NULL && n < MAX_GROUP) {
        v[n++] = w->first;
        w->first = w->first->next;
    }
    w->stats.queued -= n;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* A group of two touches and syncs nearly as many pages as one of ten: who does not come alone
 * waits a little for more. Nobody waits for somebody who is not there. */
static void wait_for_company(const CMPSRV_SQLITE_WRITER *w)
{
    if (w->group > 1 && w->group < LARGE_GROUP)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &w->next, NULL);
}

static void begin_group(CMPSRV_SQLITE_WRITER *w, size_t n)
{
    const long second = 1000000000;

    w->group = n;
    clock_gettime(CLOCK_MONOTONIC, &w->next);
    w->next.tv_nsec += PACE_US * 1000L;
    w->next.tv_sec += w->next.tv_nsec / second;
    w->next.tv_nsec %= second;
}

static void *write_all(void *arg)
{
    CMPSRV_SQLITE_WRITER *w = arg;
    CMPSRV_COMMIT_JOB *v[MAX_GROUP];
    size_t n;
    int stop;

    for (;;) {
        wait_for_company(w);
        n = take_jobs(w, v, &stop);
        begin_group(w, n);
        if (n > 0)
            run_group(w, v, n);
        else if (stop)
            return NULL;
        keep_wal_short(w);
        if (w->erased && (n == 0 || cmpsrv_time_mono() - w->erased_at >= ERASE_MS))
            empty_wal(w);
    }
}

void cmpsrv_sqlite_write(CMPSRV_SQLITE_WRITER *w, CMPSRV_COMMIT_JOB *job)
{
    job->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->first == NULL)
        w->first = job;
    else
        w->last->next = job;
    w->last = job;
    w->stats.queued++;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void cmpsrv_sqlite_writer_stats(CMPSRV_SQLITE_WRITER *w, CMPSRV_STORE_STATS *out)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    pthread_mutex_unlock(&w->lock);
}

CMPSRV_SQLITE_WRITER *cmpsrv_sqlite_writer_new(CMPSRV_STORE *s, CMPSRV_CONN *conn,
                                               CMPSRV_CONN *beside, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLITE_WRITER *w = OPENSSL_zalloc(sizeof(*w));
    pthread_condattr_t monotonic;

    if (w == NULL) {
        cmpsrv_sqlite_disconnect(beside);
        cmpsrv_fail(why, "out of memory");
        return NULL;
    }
    w->store = s;
    w->conn = conn;
    w->checkpoint_at = CHECKPOINT_FRAMES;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sqlite3_wal_hook(conn->db, note_frames, w);
    empty_wal(w); /* who was here before may have had no time for it */
    w->checkpointer = cmpsrv_sqlite_checkpointer_new(beside, why);
    if (w->checkpointer != NULL && cmpsrv_chain_init(&w->chain) &&
        cmpsrv_sqlite_thread(&w->thread, "writer", write_all, w))
        return w;
    cmpsrv_sqlite_checkpointer_free(w->checkpointer);
    cmpsrv_fail(why, "store: cannot start the writer");
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    OPENSSL_free(w);
    return NULL;
}

void cmpsrv_sqlite_writer_free(CMPSRV_SQLITE_WRITER *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = 1;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    cmpsrv_sqlite_checkpointer_free(w->checkpointer);
    cmpsrv_sqlite_checkpoint(w->conn, SQLITE_CHECKPOINT_TRUNCATE, CLOSE_MS, NULL, NULL);
    cmpsrv_sqlite_disconnect(w->conn);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    OPENSSL_free(w);
}
