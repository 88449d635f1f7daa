/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads, a full disk, a killed process, a disk that fails: what was acknowledged is there,
 * what was not is there whole or not at all.
 */
#include "config.h"

#include "rows.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 16
#define EACH    50

typedef struct {
    CMPSRV_STORE *store;
    unsigned first, n;
    unsigned outcomes[4];
} WORK;

static void *issue_many(void *arg)
{
    WORK *w = arg;

    for (unsigned i = 0; i < w->n; i++)
        w->outcomes[issue(w->store, w->first + i)]++;
    return NULL;
}

static void *insert_same(void *arg)
{
    WORK *w = arg;
    CMPSRV_CHANGES c = {0};

    number_to(add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, w->first)->tid, 16, 1);
    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 1, 1);
    w->outcomes[commit(w->store, &c)]++;
    return NULL;
}

static void run_threads(void *(*fn)(void *), WORK *w, size_t n)
{
    pthread_t t[64];

    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, fn, &w[i]), 0);
    for (size_t i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

static void test_threads(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    WORK w[THREADS] = {{0}};
    CMPSRV_STORE_STATS stats;
    int64_t records;

    for (unsigned i = 0; i < THREADS; i++)
        w[i] = (WORK){.store = s, .first = 1000 * i, .n = EACH};
    run_threads(issue_many, w, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(w[i].outcomes[CMPSRV_COMMIT_DONE], EACH);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), THREADS * EACH);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM txn"), THREADS * EACH);
    cmpsrv_store_stats(s, &stats);
    CU_ASSERT_EQUAL(stats.transactions, THREADS * EACH + 1);
    CU_ASSERT(stats.commits * 2 < stats.transactions);
    fprintf(stderr, "%d transactions in %d commits\n", (int)stats.transactions, (int)stats.commits);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, &records, NULL), 1);
    CU_ASSERT_EQUAL(records, THREADS * EACH + 1);
    cmpsrv_store_free(s);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), THREADS * EACH);
    place_free(&p);
}

static void test_same_transaction(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    WORK w[64] = {{0}};
    unsigned done = 0, conflict = 0;

    for (unsigned i = 0; i < 64; i++)
        w[i] = (WORK){.store = s, .first = i + 1};
    run_threads(insert_same, w, 64);
    for (unsigned i = 0; i < 64; i++) {
        done += w[i].outcomes[CMPSRV_COMMIT_DONE];
        conflict += w[i].outcomes[CMPSRV_COMMIT_CONFLICT];
    }
    CU_ASSERT_EQUAL(done, 1);
    CU_ASSERT_EQUAL(conflict, 63);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Two stores on one file, as cmp-server and cmp-admin: no write is lost. */
static void test_two_writers(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *t = open_at(p.url, NULL);
    WORK w[4] = {{0}};

    for (unsigned i = 0; i < 4; i++)
        w[i] = (WORK){.store = i % 2 == 0 ? s : t, .first = 1000 * i, .n = EACH};
    run_threads(issue_many, w, 4);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(w[i].outcomes[CMPSRV_COMMIT_DONE], EACH);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), 4 * EACH);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    cmpsrv_store_free(t);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Somebody holds the write lock for longer than we wait: FAILED, and works again after. */
static void test_locked(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    WORK w[8] = {{0}};
    sqlite3 *db = NULL;
    int64_t before = cmpsrv_time_mono();

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(p.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (unsigned i = 0; i < 8; i++)
        w[i] = (WORK){.store = s, .first = i + 1, .n = 1};
    run_threads(issue_many, w, 8);
    for (unsigned i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(w[i].outcomes[CMPSRV_COMMIT_FAILED], 1);
    CU_ASSERT(cmpsrv_time_mono() - before < 15000); /* one group waits once */
    sqlite3_close(db);
    CU_ASSERT_EQUAL(issue(s, 1), CMPSRV_COMMIT_DONE);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* ---- what becomes of the others in a group -----------------------------------------------------
 */

/* Writes an end entity and a record, then what the test is about. */
static void *commit_mixed(void *arg)
{
    WORK *w = arg;
    CMPSRV_CHANGES c = {0};
    CMPSRV_END_ENTITY_ROW *e = &cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_UPSERT)->u.entity;
    CMPSRV_TXN *t;

    snprintf(e->name, sizeof(e->name), "entity-%u", w->first);
    cmpsrv_bytes_set(&e->subject, cmpsrv_slice("\x30\x00", 2));
    add_audit(&c, "{\"event\":\"mixed\"}");
    t = add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, w->first % 2 == 0 ? w->first : 999, 1);
    if (w->n > 0) {
        unsigned char *huge = OPENSSL_zalloc(w->n);

        cmpsrv_bytes_set(&t->answer, cmpsrv_slice(huge, w->n));
        OPENSSL_free(huge);
    }
    w->outcomes[commit(w->store, &c)]++;
    return NULL;
}

/* Holds the write lock until all of w wait: the first alone, the others as one group after it. */
static void run_as_group(const PLACE *p, WORK *w, size_t n)
{
    const struct timespec a_little = {0, 100000000};
    pthread_t t[64];
    sqlite3 *db = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(p->path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, commit_mixed, &w[i]), 0);
        if (i == 0)
            nanosleep(&a_little, NULL);
    }
    nanosleep(&a_little, NULL);
    sqlite3_close(db);
    for (size_t i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

/* Every second one conflicts: its own changes go, those of its neighbours stay. */
static void test_conflicts_in_a_group(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    WORK w[20] = {{0}};
    CMPSRV_STORE_STATS stats;

    add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 999, 1);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    for (unsigned i = 0; i < 20; i++)
        w[i] = (WORK){.store = s, .first = i};
    run_as_group(&p, w, 20);
    for (unsigned i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(w[i].outcomes[i % 2 == 0 ? CMPSRV_COMMIT_DONE : CMPSRV_COMMIT_CONFLICT], 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity"), 10);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM audit WHERE audit_text(record) LIKE '%mixed%'"),
                    10);
    cmpsrv_store_stats(s, &stats);
    CU_ASSERT_EQUAL(stats.transactions, 12);
    CU_ASSERT(stats.commits < 8);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* One that does not fit takes the whole group down; the others are done one by one. */
static void test_full_in_a_group(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    WORK w[8] = {{0}};

    cmpsrv_store_free(s);
    s = open_at(p.url, &(CMPSRV_STORE_OPTIONS){.max_pages = 200});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (unsigned i = 0; i < 8; i++)
        w[i] = (WORK){.store = s, .first = 2 * i, .n = i == 4 ? 4000000 : 0};
    run_as_group(&p, w, 8);
    for (unsigned i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(w[i].outcomes[i == 4 ? CMPSRV_COMMIT_FAILED : CMPSRV_COMMIT_DONE], 1);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity"), 7);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    cmpsrv_store_free(s);
    place_free(&p);
}

static void check_whole(const PLACE *p, CMPSRV_STORE *s)
{
    CU_ASSERT_EQUAL(ask(p,
                        "SELECT count(*) FROM certificate c LEFT JOIN tid d ON d.certificate = c.n"
                        " LEFT JOIN txn t ON t.tid = d.tid WHERE t.tid IS NULL"),
                    0);
    CU_ASSERT_EQUAL(ask(p, "SELECT (SELECT count(*) FROM certificate) = (SELECT count(*) FROM txn)"
                           " AND (SELECT count(*) FROM txn) = (SELECT count(*) FROM audit WHERE"
                           " audit_text(record) LIKE '%issue%')"),
                    1);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(s, NULL, NULL, NULL), 1);
    CU_ASSERT_EQUAL(cmpsrv_store_check(s, NULL), 1);
}

static void test_full(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    WORK w[THREADS] = {{0}};
    unsigned done = 0, failed = 0;

    cmpsrv_store_free(s);
    s = open_at(p.url, &(CMPSRV_STORE_OPTIONS){.max_pages = 120});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (unsigned i = 0; i < THREADS; i++)
        w[i] = (WORK){.store = s, .first = 1000 * i, .n = EACH};
    run_threads(issue_many, w, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        done += w[i].outcomes[CMPSRV_COMMIT_DONE];
        failed += w[i].outcomes[CMPSRV_COMMIT_FAILED];
    }
    CU_ASSERT(done > 20 && failed > 20);
    CU_ASSERT_EQUAL(done + failed, THREADS * EACH);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), done);
    check_whole(&p, s);
    cmpsrv_store_free(s);
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(issue(s, 999999), CMPSRV_COMMIT_DONE);
    check_whole(&p, s);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* ---- a child that is killed --------------------------------------------------------------------
 */

typedef struct {
    CMPSRV_STORE *store;
    unsigned first;
    int out;
} CHILD;

/* Tells each outcome: the id as it is when DONE, with the top bit when not. */
static void *issue_and_tell(void *arg)
{
    const CHILD *c = arg;

    for (unsigned id = c->first;; id++) {
        unsigned told = issue(c->store, id) == CMPSRV_COMMIT_DONE ? id : id | 0x80000000U;

        if (write(c->out, &told, sizeof(told)) != sizeof(told))
            _exit(4);
    }
    return NULL;
}

static void child_main(const char *url, int out)
{
    CMPSRV_STORE *s = open_at(url, NULL);
    CHILD c[4];
    pthread_t t[4];

    alarm(120); /* a fault that never comes is a red test, not a hanging one */
    if (s == NULL || !cmpsrv_store_ca_register(s, CA, "Test CA", NULL))
        _exit(3);
    for (unsigned i = 0; i < 4; i++) {
        c[i] = (CHILD){s, 1000000 * (i + 1), out};
        if (pthread_create(&t[i], NULL, issue_and_tell, &c[i]) != 0)
            _exit(3);
    }
    pause();
}

typedef struct {
    sqlite3 *db;
    sqlite3_stmt *st;
} LOOKUP;

static void check_there(LOOKUP *l, unsigned id)
{
    unsigned char serial[20];

    number_to(serial, 20, id);
    sqlite3_bind_blob(l->st, 1, serial, 20, SQLITE_TRANSIENT);
    CU_ASSERT_EQUAL(sqlite3_step(l->st), SQLITE_ROW);
    CU_ASSERT_EQUAL(sqlite3_column_int(l->st, 0), 1);
    sqlite3_reset(l->st);
}

/* Reads acknowledgements up to the end: how many; each is looked up. */
static unsigned check_acknowledged(const PLACE *p, const unsigned *ids, size_t n)
{
    LOOKUP l = {0};
    unsigned acknowledged = 0;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(p->path, &l.db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(l.db,
                                             "SELECT count(*) FROM certificate c JOIN tid d"
                                             " ON d.certificate = c.n JOIN txn t ON t.tid = d.tid"
                                             " WHERE c.serial = ?1",
                                             -1, &l.st, NULL),
                          SQLITE_OK);
    for (size_t i = 0; i < n; i++)
        if ((ids[i] & 0x80000000U) == 0) {
            check_there(&l, ids[i]);
            acknowledged++;
        }
    sqlite3_finalize(l.st);
    sqlite3_close(l.db);
    return acknowledged;
}

static size_t read_ids(int fd, unsigned *ids, size_t max, size_t until)
{
    size_t n = 0;

    while (n < max && n < until && read(fd, &ids[n], sizeof(*ids)) == sizeof(*ids))
        n++;
    return n;
}

static void test_kill(void)
{
    static unsigned ids[100000];

    for (unsigned loop = 0; loop < 20; loop++) {
        int fd[2], status = 0;
        CMPSRV_STORE *s;
        size_t n;
        PLACE p;
        pid_t pid;

        place_new(&p);
        CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
        if ((pid = fork()) == 0) {
            close(fd[0]);
            child_main(p.url, fd[1]);
            _exit(5);
        }
        close(fd[1]);
        n = read_ids(fd[0], ids, 100000, 10 + loop * 7);
        kill(pid, SIGKILL);
        n += read_ids(fd[0], ids + n, 100000 - n, 100000);
        close(fd[0]);
        waitpid(pid, &status, 0);
        CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        s = open_at(p.url, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s);
        CU_ASSERT(check_acknowledged(&p, ids, n) >= 10);
        check_whole(&p, s);
        cmpsrv_store_free(s);
        place_free(&p);
    }
}

/* ---- a disk that fails -------------------------------------------------------------------------
 */

/* Starts this program again as a child under the shim; its acknowledgements come from *fd. */
static pid_t start_under_shim(const PLACE *p, const char *mode, const char *at, const char *file,
                              const char *flag, int *fd)
{
    int pipes[2];
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    if ((pid = fork()) == 0) {
        char number[16];

        close(pipes[0]);
        snprintf(number, sizeof(number), "%d", pipes[1]);
        setenv("LD_PRELOAD", FAULTSHIM, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        setenv("FS_MODE", mode, 1);
        setenv("FS_AT", at, 1);
        setenv("FS_FILE", file, 1);
        if (flag != NULL)
            setenv("FS_SWITCH", flag, 1);
        execl("/proc/self/exe", "test_faults", "child", p->url, number, (char *)NULL);
        _exit(6);
    }
    close(pipes[1]);
    *fd = pipes[0];
    return pid;
}

/* A sync that fails ends the process; nobody was told anything that is not there. */
static void test_eio(void)
{
    static const char *const at[] = {"8", "30", "77"};
    static unsigned ids[100000];

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        int fd, status = 0;
        CMPSRV_STORE *s;
        PLACE p;
        pid_t pid;
        size_t n;

        place_new(&p);
        pid = start_under_shim(&p, "eio", at[i], "store.db", NULL, &fd);
        n = read_ids(fd, ids, 100000, 100000);
        close(fd);
        waitpid(pid, &status, 0);
        CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        s = open_at(p.url, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s);
        CU_ASSERT_EQUAL(check_acknowledged(&p, ids, n), n);
        CU_ASSERT(i == 0 || n > 10);
        check_whole(&p, s);
        cmpsrv_store_free(s);
        place_free(&p);
    }
}

/* The WAL syncs, the database does not: found at the first checkpoint, which must not be taken for
 * done. */
static void test_eio_at_checkpoint(void)
{
    static unsigned ids[100000];
    int fd, status = 0;
    CMPSRV_STORE *s;
    PLACE p;
    pid_t pid;
    size_t n;

    s = open_new(&p); /* so that the child opens one whose header is synced */
    cmpsrv_store_free(s);
    pid = start_under_shim(&p, "eio", "1", "store.db$", NULL, &fd);
    n = read_ids(fd, ids, 100000, 100000);
    close(fd);
    waitpid(pid, &status, 0);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CU_ASSERT(n > 20);
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(check_acknowledged(&p, ids, n), n);
    check_whole(&p, s);
    cmpsrv_store_free(s);
    place_free(&p);
}

static size_t count_failed(const unsigned *ids, size_t n)
{
    size_t failed = 0;

    for (size_t i = 0; i < n; i++)
        failed += (ids[i] & 0x80000000U) != 0;
    return failed;
}

/* No room: FAILED; room again: DONE, in the same process. */
static void test_enospc(void)
{
    static unsigned ids[2000000];
    int fd, status = 0;
    char file[80];
    size_t n, full, m;
    CMPSRV_STORE *s;
    PLACE p;
    pid_t pid;

    place_new(&p);
    snprintf(file, sizeof(file), "%s/switch", p.dir);
    pid = start_under_shim(&p, "enospc", "1", "store.db", file, &fd);
    n = read_ids(fd, ids, 2000000, 100);
    CU_ASSERT_EQUAL(n, 100);
    CU_ASSERT_EQUAL(count_failed(ids, n), 0);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    full = read_ids(fd, ids + n, 2000000 - n, 300);
    CU_ASSERT_EQUAL(full, 300);
    CU_ASSERT(count_failed(ids + n, full) > 100);
    CU_ASSERT_EQUAL(count_failed(ids + n + 200, 100), 100); /* all of them by now */
    n += full;
    unlink(file);
    /* what is in the pipe was told before; then it works again */
    for (m = 1; m > 0 && n < 1900000; n += m) {
        m = read_ids(fd, ids + n, 2000000 - n, 100);
        if (m == 100 && count_failed(ids + n, m) == 0)
            break;
    }
    n += m;
    CU_ASSERT_EQUAL(count_failed(ids + n - 100, 100), 0);
    kill(pid, SIGKILL);
    n += read_ids(fd, ids + n, 2000000 - n, 2000000);
    close(fd);
    waitpid(pid, &status, 0);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    s = open_at(p.url, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    check_acknowledged(&p, ids, n);
    check_whole(&p, s);
    cmpsrv_store_free(s);
    place_free(&p);
}

int main(int argc, char **argv)
{
    static const CMPSRV_TEST tests[] = {
        TEST(test_threads),
        TEST(test_same_transaction),
        TEST(test_two_writers),
        TEST(test_locked),
        TEST(test_full),
        TEST(test_conflicts_in_a_group),
        TEST(test_full_in_a_group),
        TEST(test_kill),
        TEST(test_eio),
        TEST(test_eio_at_checkpoint),
        TEST(test_enospc),
    };

    if (argc == 4 && strcmp(argv[1], "child") == 0) {
        child_main(argv[2], atoi(argv[3]));
        return 5;
    }
    return run_tests("faults", tests, sizeof(tests) / sizeof(tests[0]));
}
