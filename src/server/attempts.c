/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong codes of end entities: counted in memory as they come, so that a stranger's message writes
 * nothing, and put into the store by tick. An end entity with as many as its alias's login_attempts
 * is locked: its code is as good as a wrong one, until it gets a new one from an operator. The
 * count is of the row as it was read: a row that has changed since starts anew.
 */
#include "config.h"

#include "server/server_local.h"

#include <search.h>
#include <string.h>

#include <openssl/crypto.h>

typedef struct count_st {
    char name[256];
    int64_t updated_at; /* of the row */
    int64_t n;          /* that the store does not know of */
    struct count_st *next;
} COUNT;

typedef struct { /* each is in both */
    void *tree;  /* of tsearch(3), by name */
    COUNT *list;
} COUNTS;

struct cmpsrv_attempts_st {
    pthread_mutex_t lock;
    COUNTS counts;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const COUNT *)a)->name, ((const COUNT *)b)->name);
}

CMPSRV_ATTEMPTS *cmpsrv_attempts_new(void)
{
    CMPSRV_ATTEMPTS *a = OPENSSL_zalloc(sizeof(*a));

    if (a != NULL)
        pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void free_counts(COUNTS *counts)
{
    COUNT *next;

    for (COUNT *e = counts->list; e != NULL; e = next) {
        next = e->next;
        tdelete(e, &counts->tree, compare_names);
        OPENSSL_free(e);
    }
    *counts = (COUNTS){NULL, NULL};
}

void cmpsrv_attempts_free(CMPSRV_ATTEMPTS *a)
{
    if (a == NULL)
        return;
    free_counts(&a->counts);
    pthread_mutex_destroy(&a->lock);
    OPENSSL_free(a);
}

static COUNT *add(COUNTS *counts, const COUNT *key)
{
    COUNT *e = OPENSSL_memdup(key, sizeof(*key));

    if (e == NULL || tsearch(e, &counts->tree, compare_names) == NULL) {
        OPENSSL_free(e);
        return NULL;
    }
    e->next = counts->list;
    return counts->list = e;
}

/* That of the row; `make`: a new one if there is none. NULL: none, or no memory. */
static COUNT *find(COUNTS *counts, const CMPSRV_END_ENTITY_ROW *row, int make)
{
    COUNT key = {.updated_at = row->updated_at}, *e;
    void *node;

    OPENSSL_strlcpy(key.name, row->name, sizeof(key.name));
    if ((node = tfind(&key, &counts->tree, compare_names)) == NULL)
        return make ? add(counts, &key) : NULL;
    e = *(COUNT **)node;
    if (e->updated_at != row->updated_at) {
        e->updated_at = row->updated_at;
        e->n = 0;
    }
    return e;
}

int cmpsrv_attempts_locked(CMPSRV_ATTEMPTS *a, const CMPSRV_CONF_ALIAS *alias,
                           const CMPSRV_END_ENTITY_ROW *row)
{
    int64_t n = row->attempts;
    COUNT *e;

    if (alias->login_attempts < 0)
        return 0;
    pthread_mutex_lock(&a->lock);
    if ((e = find(&a->counts, row, 0)) != NULL)
        n += e->n;
    pthread_mutex_unlock(&a->lock);
    return n >= alias->login_attempts;
}

void cmpsrv_attempts_add(CMPSRV_ATTEMPTS *a, const CMPSRV_END_ENTITY_ROW *row)
{
    COUNT *e;

    pthread_mutex_lock(&a->lock);
    if ((e = find(&a->counts, row, 1)) != NULL)
        e->n++;
    pthread_mutex_unlock(&a->lock);
}

static int collect(const COUNT *e, CMPSRV_CHANGES *changes)
{
    CMPSRV_CHANGE *ch;

    if (e->n == 0)
        return 1;
    if ((ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_ENTITY_ATTEMPTS)) == NULL)
        return 0;
    OPENSSL_strlcpy(ch->u.entity.name, e->name, sizeof(ch->u.entity.name));
    ch->u.entity.updated_at = e->updated_at;
    ch->u.entity.attempts = e->n;
    return 1;
}

/* Between taking them out and the commit there seem to be fewer attempts than there were; the other
 * order would lock somebody out whose attempts count twice. */
int cmpsrv_attempts_flush(CMPSRV_ATTEMPTS *a, CMPSRV_STORE *store, CMPSRV_REFUSAL *why)
{
    CMPSRV_CHANGES changes = {0};
    COUNTS taken;
    int ok = 1;

    pthread_mutex_lock(&a->lock);
    taken = a->counts;
    a->counts = (COUNTS){NULL, NULL};
    pthread_mutex_unlock(&a->lock);
    for (const COUNT *e = taken.list; e != NULL && ok; e = e->next)
        ok = collect(e, &changes) || cmpsrv_fail(why, "out of memory");
    ok = ok && (changes.n == 0 || cmpsrv_store_commit(store, &changes, why) == CMPSRV_COMMIT_DONE);
    cmpsrv_changes_clear(&changes);
    free_counts(&taken);
    return ok;
}
