/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's interface: finds the database by the scheme of its URL, and says every read and write
 * in terms of the statements of sql.c and the operations of that database. Must not know which
 * database it is, nor what a message is.
 */
#include "config.h"

#include "store/store_local.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static const struct cmpsrv_store_ops *const databases[] = {&cmpsrv_sqlite_ops};

/* ---- open and close ----------------------------------------------------------------------------
 */

/* The node's name goes into JSON and logs as it is. */
static int take_node(CMPSRV_STORE *s, const char *node, CMPSRV_REFUSAL *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.:@/ ";
    size_t n;

    if (node == NULL)
        node = "cmp-server";
    n = strlen(node);
    if (n == 0 || n > CMPSRV_MAX_NODE || strspn(node, allowed) != n)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "node name: 1 to %d letters, digits, blanks or -_.:@/ expected",
                             CMPSRV_MAX_NODE);
    memcpy(s->node, node, n + 1);
    return 1;
}

static int take_options(CMPSRV_STORE *s, const CMPSRV_STORE_OPTIONS *o, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE key = cmpsrv_secret_get0(o->key);

    s->log = o->log;
    s->read_only = o->read_only;
    s->max_pages = o->max_pages;
    if (!take_node(s, o->node, why))
        return 0;
    if (o->key != NULL && (s->key = cmpsrv_secret_new(key.p, key.n)) == NULL)
        return cmpsrv_fail(why, "out of memory");
    return 1;
}

static int make_audit_mac(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
                           OSSL_PARAM_construct_end()};
    unsigned char key[CMPSRV_HASH];
    EVP_MAC *hmac;
    int ok;

    if (s->key == NULL)
        return 1;
    cmpsrv_store_derive_key(s, "audit chain", key);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->audit_mac = EVP_MAC_CTX_new(hmac);
    ok = s->audit_mac != NULL && EVP_MAC_init(s->audit_mac, key, sizeof(key), params);
    EVP_MAC_free(hmac);
    OPENSSL_cleanse(key, sizeof(key));
    return ok || cmpsrv_fail(why, "store: no HMAC for the audit");
}

CMPSRV_STORE *cmpsrv_store_open(const char *url, const CMPSRV_STORE_OPTIONS *options,
                                CMPSRV_REFUSAL *why)
{
    static const CMPSRV_STORE_OPTIONS none = {0};
    CMPSRV_STORE *s = OPENSSL_zalloc(sizeof(*s));
    const char *where = NULL;

    if (s == NULL) {
        cmpsrv_fail(why, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(databases) && s->ops == NULL; i++) {
        size_t n = strlen(databases[i]->scheme);

        if (strncmp(url, databases[i]->scheme, n) == 0) {
            s->ops = databases[i];
            where = url + n;
        }
    }
    if (where == NULL || *where == '\0') {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "store: \"sqlite:PATH\" expected");
        goto err;
    }
    if (!take_options(s, options == NULL ? &none : options, why) || !s->ops->open(s, where, why) ||
        !make_audit_mac(s, why))
        goto err;
    return s;
err:
    cmpsrv_store_free(s);
    return NULL;
}

void cmpsrv_store_free(CMPSRV_STORE *s)
{
    if (s == NULL)
        return;
    if (s->ops != NULL)
        s->ops->close(s);
    cmpsrv_secret_free(s->key);
    EVP_MAC_CTX_free(s->audit_mac);
    OPENSSL_free(s);
}

void cmpsrv_store_stats(CMPSRV_STORE *s, CMPSRV_STORE_STATS *out)
{
    memset(out, 0, sizeof(*out));
    s->ops->stats(s, out);
}

/* OSSL_PARAM wants pointers that are not const, but only reads. */
static OSSL_PARAM octets(const char *name, const void *p, size_t n)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)p, n);
}

void cmpsrv_store_derive_key(const CMPSRV_STORE *s, const char *purpose,
                             unsigned char out[CMPSRV_HASH])
{
    CMPSRV_SLICE key = cmpsrv_secret_get0(s->key);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        s->key == NULL ? octets(OSSL_KDF_PARAM_KEY, s->store_id, sizeof(s->store_id))
                       : octets(OSSL_KDF_PARAM_KEY, key.p, key.n),
        octets(OSSL_KDF_PARAM_SALT, s->store_id, sizeof(s->store_id)),
        octets(OSSL_KDF_PARAM_INFO, purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };

    /* The caller has no way to go on with a key that is not one. */
    if (ctx == NULL || EVP_KDF_derive(ctx, out, CMPSRV_HASH, params) != 1) {
        cmpsrv_log(s->log, CMPSRV_LOG_ERROR, "store: HKDF-SHA256 failed");
        abort();
    }
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
}

/* ---- writes ------------------------------------------------------------------------------------
 */

static void start(CMPSRV_STORE *s, CMPSRV_APPLY apply, void *arg, CMPSRV_COMMIT_JOB *job)
{
    job->apply = apply;
    job->apply_arg = arg;
    memset(&job->why, 0, sizeof(job->why));
    if (!s->read_only) {
        s->ops->transact(s, job);
        return;
    }
    job->outcome = CMPSRV_COMMIT_FAILED;
    cmpsrv_fail(&job->why, "store: opened for reading only");
    job->done(job->arg);
}

static CMPSRV_COMMIT transact(CMPSRV_STORE *s, CMPSRV_APPLY apply, void *arg, CMPSRV_REFUSAL *why)
{
    sem_t told;
    CMPSRV_COMMIT_JOB job = {.done = cmpsrv_sem_post, .arg = &told};

    if (sem_init(&told, 0, 0) != 0) {
        cmpsrv_fail(why, "store: no semaphore");
        return CMPSRV_COMMIT_FAILED;
    }
    start(s, apply, arg, &job);
    cmpsrv_sem_wait(&told);
    sem_destroy(&told);
    if (job.outcome == CMPSRV_COMMIT_REFUSED || job.outcome == CMPSRV_COMMIT_FAILED)
        cmpsrv_refuse(why, job.why.reason, "%s", job.why.detail);
    return job.outcome;
}

void cmpsrv_store_commit_start(CMPSRV_STORE *s, const CMPSRV_CHANGES *changes,
                               CMPSRV_COMMIT_JOB *job)
{
    start(s, cmpsrv_changes_apply, (void *)(uintptr_t)changes, job);
}

CMPSRV_COMMIT cmpsrv_store_commit(CMPSRV_STORE *s, const CMPSRV_CHANGES *changes,
                                  CMPSRV_REFUSAL *why)
{
    if (changes->n == 0)
        return CMPSRV_COMMIT_DONE;
    return transact(s, cmpsrv_changes_apply, (void *)(uintptr_t)changes, why);
}

typedef struct {
    const unsigned char *ca_id;
    const char *name;
    int64_t number;
} CA_JOB;

static CMPSRV_COMMIT apply_register(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why)
{
    const CA_JOB *job = arg;
    CMPSRV_SQLV v[] = {cmpsrv_sql_blob(job->ca_id, CMPSRV_HASH), cmpsrv_sql_text_value(job->name)};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CA_UPSERT, v, NULL, NULL, why) < 0
               ? CMPSRV_COMMIT_FAILED
               : CMPSRV_COMMIT_DONE;
}

int cmpsrv_store_ca_register(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                             const char *name, CMPSRV_REFUSAL *why)
{
    CA_JOB job = {ca_id, name, 0};
    char known[256];
    int found = cmpsrv_store_ca_name(s, ca_id, known, sizeof(known), why);

    /* Most starts find it as it is: nothing to write then, which also serves a read-only store. */
    if (found < 0 || (found == 1 && strcmp(known, name) == 0))
        return found == 1;
    return transact(s, apply_register, &job, why) == CMPSRV_COMMIT_DONE;
}

static CMPSRV_COMMIT apply_index_keys(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why)
{
    (void)arg;
    return tx->store->ops->run(tx->conn, CMPSRV_ST_CERT_INDEX_KEYS, NULL, 0, NULL, NULL, why) < 0
               ? CMPSRV_COMMIT_FAILED
               : CMPSRV_COMMIT_DONE;
}

int cmpsrv_store_index_keys(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    return transact(s, apply_index_keys, NULL, why) == CMPSRV_COMMIT_DONE;
}

static int take_number(void *arg, const CMPSRV_SQLV *col)
{
    *(int64_t *)arg = col[0].i;
    return 0;
}

static CMPSRV_COMMIT apply_crl_number(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why)
{
    CA_JOB *job = arg;
    CMPSRV_SQLV v[] = {cmpsrv_sql_blob(job->ca_id, CMPSRV_HASH)};
    int64_t n = CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CA_NEXT_CRL, v, NULL, NULL, why);

    if (n == 0)
        cmpsrv_fail(why, "store: no such CA is registered");
    if (n == 1)
        n = CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CA_CRL_NUMBER, v, take_number,
                           &job->number, why);
    return n == 1 ? CMPSRV_COMMIT_DONE : CMPSRV_COMMIT_FAILED;
}

int cmpsrv_store_crl_number(CMPSRV_STORE *s, const unsigned char ca_id[CMPSRV_HASH],
                            int64_t *number, CMPSRV_REFUSAL *why)
{
    CA_JOB job = {ca_id, NULL, 0};

    if (transact(s, apply_crl_number, &job, why) != CMPSRV_COMMIT_DONE)
        return 0;
    *number = job.number;
    return 1;
}

/* The row of this node, as it is: the page is written all the same. */
static CMPSRV_COMMIT apply_touch(CMPSRV_TX *tx, void *arg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(tx->store->node)};

    (void)arg;
    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_NODE_TOUCH, v, NULL, NULL, why) == 1
               ? CMPSRV_COMMIT_DONE
               : CMPSRV_COMMIT_FAILED;
}

int cmpsrv_store_probe(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    return transact(s, apply_touch, NULL, why) == CMPSRV_COMMIT_DONE;
}

int cmpsrv_store_backup(CMPSRV_STORE *s, const char *file, CMPSRV_REFUSAL *why)
{
    return s->ops->backup(s, file, why);
}

int cmpsrv_store_check(CMPSRV_STORE *s, CMPSRV_REFUSAL *why)
{
    return s->ops->check(s, why);
}
