/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong codes of end entities: counted in memory as they come, so that a stranger's message writes
 * nothing, and put into the store by tick. An end entity with as many as its alias's login_attempts
 * is locked: its code is as good as a wrong one, until it gets a new one from an operator. The
 * count is of the row as it was read: a row that has changed since starts anew.
 */
#include "config.h"

#include "server/server_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/lhash.h>

typedef struct entry_st {
    char name[256];
    int64_t updated_at; /* of the row */
    int64_t n;          /* that the store does not know of */
} ENTRY;

DEFINE_LHASH_OF(ENTRY);

struct cmpsrv_attempts_st {
    pthread_mutex_t lock;
    LHASH_OF(ENTRY) * entries;
};

static unsigned long hash_entry(const ENTRY *e)
{
    return OPENSSL_LH_strhash(e->name);
}

static int compare_entries(const ENTRY *a, const ENTRY *b)
{
    return strcmp(a->name, b->name);
}

CMPSRV_ATTEMPTS *cmpsrv_attempts_new(void)
{
    CMPSRV_ATTEMPTS *a = OPENSSL_zalloc(sizeof(*a));

    if (a == NULL)
        return NULL;
    if ((a->entries = lh_ENTRY_new(hash_entry, compare_entries)) == NULL) {
        OPENSSL_free(a);
        return NULL;
    }
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void free_entry(ENTRY *e)
{
    OPENSSL_free(e);
}

static void free_entries(LHASH_OF(ENTRY) * entries)
{
    lh_ENTRY_doall(entries, free_entry);
    lh_ENTRY_free(entries);
}

void cmpsrv_attempts_free(CMPSRV_ATTEMPTS *a)
{
    if (a == NULL)
        return;
    free_entries(a->entries);
    pthread_mutex_destroy(&a->lock);
    OPENSSL_free(a);
}

/* The entry of that row; `make`: a new one if there is none. NULL: none, or no memory. */
static ENTRY *find(CMPSRV_ATTEMPTS *a, const CMPSRV_END_ENTITY_ROW *row, int make)
{
    ENTRY key = {.updated_at = row->updated_at}, *e;

    snprintf(key.name, sizeof(key.name), "%s", row->name);
    if ((e = lh_ENTRY_retrieve(a->entries, &key)) == NULL && make &&
        (e = OPENSSL_memdup(&key, sizeof(key))) != NULL)
        lh_ENTRY_insert(a->entries, e);
    if (e != NULL && e->updated_at != row->updated_at)
        *e = key;
    return e;
}

int cmpsrv_attempts_locked(CMPSRV_ATTEMPTS *a, const CMPSRV_CONF_ALIAS *alias,
                           const CMPSRV_END_ENTITY_ROW *row)
{
    int64_t n = row->attempts;
    ENTRY *e;

    if (alias->login_attempts < 0)
        return 0;
    pthread_mutex_lock(&a->lock);
    if ((e = find(a, row, 0)) != NULL)
        n += e->n;
    pthread_mutex_unlock(&a->lock);
    return n >= alias->login_attempts;
}

void cmpsrv_attempts_add(CMPSRV_ATTEMPTS *a, const CMPSRV_END_ENTITY_ROW *row)
{
    ENTRY *e;

    pthread_mutex_lock(&a->lock);
    if ((e = find(a, row, 1)) != NULL)
        e->n++;
    pthread_mutex_unlock(&a->lock);
}

static void collect(ENTRY *e, CMPSRV_CHANGES *changes)
{
    CMPSRV_CHANGE *ch =
        e->n == 0 ? NULL : cmpsrv_changes_add(changes, CMPSRV_CHANGE_ENTITY_ATTEMPTS);

    if (ch == NULL)
        return;
    snprintf(ch->u.entity.name, sizeof(ch->u.entity.name), "%s", e->name);
    ch->u.entity.updated_at = e->updated_at;
    ch->u.entity.attempts = e->n;
}

IMPLEMENT_LHASH_DOALL_ARG(ENTRY, CMPSRV_CHANGES);

/* Between the exchange and the commit there seem to be fewer attempts than there were; the other
 * order would lock somebody out whose attempts count twice. */
int cmpsrv_attempts_flush(CMPSRV_ATTEMPTS *a, CMPSRV_STORE *store, CMPSRV_REFUSAL *why)
{
    LHASH_OF(ENTRY) *fresh = lh_ENTRY_new(hash_entry, compare_entries), *old = fresh;
    CMPSRV_CHANGES changes = {0};
    int ok;

    if (fresh == NULL)
        return cmpsrv_fail(why, "out of memory");
    pthread_mutex_lock(&a->lock);
    if (lh_ENTRY_num_items(a->entries) > 0) {
        old = a->entries;
        a->entries = fresh;
    }
    pthread_mutex_unlock(&a->lock);
    lh_ENTRY_doall_CMPSRV_CHANGES(old, collect, &changes);
    ok = changes.n == 0 || cmpsrv_store_commit(store, &changes, why) == CMPSRV_COMMIT_DONE;
    cmpsrv_changes_clear(&changes);
    free_entries(old);
    return ok;
}
