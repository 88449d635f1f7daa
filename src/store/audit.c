/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit chain: appends records inside the transaction they tell of, and checks what is there. A
 * chain belongs to one writing connection, so that appending needs no lock between nodes; its first
 * record names the heads of the chains before it, so that the chains vouch for each other.
 *
 * hash = SHA-256(prev || L(chain_id) || N(seq) || N(time) || L(node) || L(record)), where N is 8
 * octets big-endian and L the length as N followed by the octets; prev, the hash of the record
 * before, is 32 zero octets for the first. mac = HMAC-SHA-256(key derived from store_key, hash).
 * Kept are the first octets of hash, which tell where a chain begins to be wrong, and of mac. What
 * proves that nothing was changed is the head, kept whole: it follows from all records before it.
 */
#include "config.h"

#include "store/store_local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define MAX_PREDECESSORS 64 /* what is left over is named by the chain after */
#define PREDECESSORS     ",\"predecessor\":["
#define HASH_KEPT        8
#define MAC_KEPT         16

typedef struct {
    const char *chain, *node, *record;
    int64_t seq, time;
} LINK;

static int add_number(EVP_MD_CTX *ctx, uint64_t n)
{
    unsigned char be[8];

    for (size_t i = 0; i < sizeof(be); i++)
        be[i] = (unsigned char)(n >> (56 - 8 * i));
    return EVP_DigestUpdate(ctx, be, sizeof(be));
}

static int add_text(EVP_MD_CTX *ctx, const char *s)
{
    size_t n = strlen(s);

    return add_number(ctx, n) && EVP_DigestUpdate(ctx, s, n);
}

static int link_hash(const LINK *l, const unsigned char prev[CMPSRV_HASH],
                     unsigned char out[CMPSRV_HASH])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
             EVP_DigestUpdate(ctx, prev, CMPSRV_HASH) && add_text(ctx, l->chain) &&
             add_number(ctx, (uint64_t)l->seq) && add_number(ctx, (uint64_t)l->time) &&
             add_text(ctx, l->node) && add_text(ctx, l->record) &&
             EVP_DigestFinal_ex(ctx, out, NULL);

    EVP_MD_CTX_free(ctx);
    return ok;
}

static int link_mac(const CMPSRV_STORE *s, const unsigned char hash[CMPSRV_HASH],
                    unsigned char out[CMPSRV_HASH])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(s->audit_mac);
    size_t n = 0;
    int ok = ctx != NULL && EVP_MAC_update(ctx, hash, CMPSRV_HASH) &&
             EVP_MAC_final(ctx, out, &n, CMPSRV_HASH) && n == CMPSRV_HASH;

    EVP_MAC_CTX_free(ctx);
    return ok;
}

/* ---- appending ---------------------------------------------------------------------------------
 */

int cmpsrv_chain_init(CMPSRV_CHAIN *c)
{
    unsigned char id[CMPSRV_CHAIN_ID / 2];

    memset(c, 0, sizeof(*c));
    if (!cmpsrv_random(id, sizeof(id)))
        return 0;
    cmpsrv_hex(cmpsrv_slice(id, sizeof(id)), c->id, sizeof(c->id));
    return 1;
}

static int append(CMPSRV_TX *tx, const char *record, CMPSRV_REFUSAL *why)
{
    const CMPSRV_STORE *s = tx->store;
    LINK l = {tx->chain.id, s->node, record, tx->chain.seq + 1, cmpsrv_time_now()};
    unsigned char hash[CMPSRV_HASH], mac[CMPSRV_HASH], *packed = OPENSSL_malloc(strlen(record) + 1);
    size_t n = 0;
    int ok = 0;

    if (packed == NULL || !cmpsrv_audit_pack(record, packed, &n) ||
        !link_hash(&l, tx->chain.head, hash) || (s->audit_mac != NULL && !link_mac(s, hash, mac))) {
        cmpsrv_fail(why, "store: cannot hash an audit record");
    } else {
        CMPSRV_SQLV v[] = {
            cmpsrv_sql_int(tx->chain.number),
            cmpsrv_sql_int(l.seq),
            cmpsrv_sql_int(l.time),
            cmpsrv_sql_blob(packed, n),
            cmpsrv_sql_blob(hash, HASH_KEPT),
            cmpsrv_sql_blob(s->audit_mac == NULL ? NULL : mac, MAC_KEPT),
        };

        ok = CMPSRV_SQL_RUN(s, tx->conn, CMPSRV_ST_AUDIT_INSERT, v, NULL, NULL, why) == 1;
    }
    OPENSSL_free(packed);
    if (!ok)
        return 0;
    tx->chain.seq = l.seq;
    memcpy(tx->chain.head, hash, CMPSRV_HASH);
    return 1;
}

int cmpsrv_chain_append(CMPSRV_TX *tx, const char *record, CMPSRV_REFUSAL *why)
{
    return cmpsrv_chain_open(tx, why) && append(tx, record, why);
}

/* A head that is not where we left it was moved by somebody who is not us. */
int cmpsrv_chain_close(CMPSRV_TX *tx, CMPSRV_REFUSAL *why)
{
    CMPSRV_CHAIN *c = &tx->chain;
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(c->number), cmpsrv_sql_int(c->seq),
                       cmpsrv_sql_blob(c->head, CMPSRV_HASH), cmpsrv_sql_int(c->head_seq)};
    int64_t moved;

    if (c->head_seq == c->seq)
        return 1;
    moved = c->head_seq == 0
                ? tx->store->ops->run(tx->conn, CMPSRV_ST_HEAD_INSERT, v, 3, NULL, NULL, why)
                : tx->store->ops->run(tx->conn, CMPSRV_ST_HEAD_UPDATE, v, 4, NULL, NULL, why);
    if (moved == 1)
        c->head_seq = c->seq;
    return moved == 1 ||
           (moved == 0 && cmpsrv_fail(why, "store: the head of audit chain %s is not at %" PRId64,
                                      c->id, c->head_seq));
}

/* ---- opening -----------------------------------------------------------------------------------
 */

typedef struct {
    size_t n;
    struct predecessor {
        char chain[CMPSRV_CHAIN_ID + 1];
        int64_t seq;
        char head[2 * CMPSRV_HASH + 1];
    } v[MAX_PREDECESSORS];
} PREDECESSORS_SEEN;

static int note_predecessor(void *arg, const CMPSRV_SQLV *col)
{
    PREDECESSORS_SEEN *seen = arg;
    struct predecessor *p = &seen->v[seen->n];

    if (col[0].kind != CMPSRV_SQL_TEXT || col[0].n != CMPSRV_CHAIN_ID)
        return 1; /* damaged: verify tells, we do not vouch for it */
    memcpy(p->chain, col[0].p, CMPSRV_CHAIN_ID + 1);
    p->seq = col[1].i;
    cmpsrv_hex(cmpsrv_slice(col[2].p, col[2].n), p->head, sizeof(p->head));
    return ++seen->n < MAX_PREDECESSORS;
}

/* The first record. Only ours and hex go in, so nothing needs escaping (see cmpsrv_store_open). */
static char *opening_record(const CMPSRV_TX *tx, const PREDECESSORS_SEEN *seen)
{
    size_t size = 160 + CMPSRV_MAX_NODE + seen->n * (CMPSRV_CHAIN_ID + 2 * CMPSRV_HASH + 64), at;
    char *text = OPENSSL_malloc(size);

    if (text == NULL)
        return NULL;
    at = (size_t)snprintf(text, size, "{\"event\":\"chain\",\"node\":\"%s\"" PREDECESSORS,
                          tx->store->node);
    for (size_t i = 0; i < seen->n; i++)
        at += (size_t)snprintf(
            text + at, size - at, "%s{\"chain\":\"%s\",\"seq\":%" PRId64 ",\"head\":\"%s\"}",
            i == 0 ? "" : ",", seen->v[i].chain, seen->v[i].seq, seen->v[i].head);
    snprintf(text + at, size - at, "]}");
    return text;
}

static int take_int(void *arg, const CMPSRV_SQLV *col)
{
    *(int64_t *)arg = col[0].i;
    return 0;
}

static int register_node(CMPSRV_TX *tx, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV put[] = {cmpsrv_sql_text_value(tx->store->node), cmpsrv_sql_int(cmpsrv_time_now())};
    CMPSRV_SQLV get[] = {put[0]};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_NODE_UPSERT, put, NULL, NULL, why) >= 0 &&
           CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_NODE_GET, get, take_int, &tx->chain.node,
                          why) == 1;
}

static int register_chain(CMPSRV_TX *tx, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(tx->chain.id), cmpsrv_sql_text_value(tx->store->node)};
    CMPSRV_SQLV get[] = {v[0]};

    return CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CHAIN_INSERT, v, NULL, NULL, why) == 1 &&
           CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_CHAIN_GET, get, take_int,
                          &tx->chain.number, why) == 1;
}

static int vouch(CMPSRV_TX *tx, const PREDECESSORS_SEEN *seen, CMPSRV_REFUSAL *why)
{
    for (size_t i = 0; i < seen->n; i++) {
        CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(seen->v[i].chain), cmpsrv_sql_int(seen->v[i].seq)};

        if (CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_HEAD_VOUCH, v, NULL, NULL, why) < 0)
            return 0;
    }
    return 1;
}

int cmpsrv_chain_open(CMPSRV_TX *tx, CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV limit[] = {cmpsrv_sql_int(MAX_PREDECESSORS)};
    PREDECESSORS_SEEN seen;
    char *record = NULL;
    int ok = 0;

    if (tx->chain.seq > 0)
        return 1;
    seen.n = 0;
    if (!register_node(tx, why) || !register_chain(tx, why) ||
        CMPSRV_SQL_RUN(tx->store, tx->conn, CMPSRV_ST_HEAD_UNVOUCHED, limit, note_predecessor,
                       &seen, why) < 0)
        return 0;
    if ((record = opening_record(tx, &seen)) == NULL)
        cmpsrv_fail(why, "out of memory");
    else
        ok = append(tx, record, why) && vouch(tx, &seen, why);
    OPENSSL_free(record);
    return ok;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

typedef struct {
    CMPSRV_STORE *store;
    CMPSRV_CONN *conn;
    CMPSRV_AUDIT_CB cb;
    void *arg;
    CMPSRV_REFUSAL *why;
    int failed, stop;
} EACH;

static int give_record(void *arg, const CMPSRV_SQLV *col)
{
    EACH *each = arg;
    char *record = col[5].kind == CMPSRV_SQL_BLOB
                       ? cmpsrv_audit_unpack(cmpsrv_slice(col[5].p, col[5].n))
                       : NULL;
    CMPSRV_AUDIT_ROW row = {.chain = col[0].p, .seq = col[1].i, .time = col[3].i};

    row.node = col[4].p;
    row.record = record;
    if (row.chain == NULL || row.node == NULL || record == NULL) {
        each->failed = 1;
        return cmpsrv_fail(each->why, "store: an audit record is damaged, or out of memory");
    }
    each->stop = !each->cb(each->arg, &row);
    OPENSSL_free(record);
    return 0;
}

/* Sorting needs memory: so it is the numbers that are sorted, and not the records. */
static int give_by_id(void *arg, const CMPSRV_SQLV *col)
{
    EACH *each = arg;
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(col[0].i)};

    if (CMPSRV_SQL_RUN(each->store, each->conn, CMPSRV_ST_AUDIT_ONE, v, give_record, each,
                       each->why) < 0)
        each->failed = 1;
    return !each->failed && !each->stop;
}

int cmpsrv_store_audit_each(CMPSRV_STORE *s, int64_t since, CMPSRV_AUDIT_CB cb, void *arg,
                            CMPSRV_REFUSAL *why)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(since)};
    EACH each = {.store = s, .cb = cb, .arg = arg, .why = why};

    if ((each.conn = s->ops->reader(s, why)) == NULL)
        return -1;
    if (CMPSRV_SQL_RUN(s, each.conn, CMPSRV_ST_AUDIT_SINCE, v, give_by_id, &each, why) < 0)
        each.failed = 1;
    s->ops->release(s, each.conn);
    return each.failed ? -1 : 1;
}

static int give_head(void *arg, const CMPSRV_SQLV *col)
{
    const EACH *each = arg;
    CMPSRV_AUDIT_ROW row = {.chain = col[0].p, .seq = col[1].i};

    if (col[2].n == CMPSRV_HASH)
        memcpy(row.hash, col[2].p, CMPSRV_HASH);
    return each->cb(each->arg, &row);
}

int cmpsrv_store_audit_heads(CMPSRV_STORE *s, CMPSRV_AUDIT_CB cb, void *arg, CMPSRV_REFUSAL *why)
{
    CMPSRV_CONN *conn = s->ops->reader(s, why);
    CMPSRV_SQLV v[] = {cmpsrv_sql_int(INT32_MAX)};
    EACH each = {.cb = cb, .arg = arg};
    int64_t n;

    if (conn == NULL)
        return -1;
    n = CMPSRV_SQL_RUN(s, conn, CMPSRV_ST_HEAD_UNVOUCHED, v, give_head, &each, why);
    s->ops->release(s, conn);
    return n < 0 ? -1 : 1;
}

/* ---- checking ----------------------------------------------------------------------------------
 */

/* An opening record says that this record is there. */
typedef struct {
    char chain[CMPSRV_CHAIN_ID + 1];
    int64_t seq;
    unsigned char hash[CMPSRV_HASH];
    int seen;
} CLAIM;

typedef struct {
    CMPSRV_STORE *store;
    CMPSRV_CONN *conn;
    CMPSRV_REFUSAL *why;
    CLAIM *claims;                      /* by chain and seq */
    size_t n_claims, max_claims, claim; /* the first that is not before the last record */
    int result;                         /* 1 good so far, 0 bad, -1 failed */
    char chain[CMPSRV_CHAIN_ID + 1];    /* "": before the first */
    int64_t seq;                        /* last good record of it */
    unsigned char hash[CMPSRV_HASH];    /* of that record */
    int64_t records;
    const unsigned char *wanted; /* hash of a record that must be there, NULL: none */
    int has_wanted;
} WALK;

static int bad(WALK *w, const char *chain, int64_t seq, const char *what)
{
    char name[4 * CMPSRV_CHAIN_ID + 1];

    w->result = 0;
    return cmpsrv_refuse(w->why, CMPSRV_R_SYSTEM_FAILURE, "audit chain %s, record %" PRId64 ": %s",
                         cmpsrv_escape(cmpsrv_slice_str(chain), name, sizeof(name)), seq, what);
}

static int is_kept(const CMPSRV_SQLV *col, const unsigned char *octets, size_t n)
{
    return col->kind == CMPSRV_SQL_BLOB && col->n == n && CRYPTO_memcmp(col->p, octets, n) == 0;
}

typedef struct {
    int64_t seq;
    unsigned char hash[CMPSRV_HASH];
    int whole;
} FOUND;

static int take_head(void *arg, const CMPSRV_SQLV *col)
{
    FOUND *f = arg;

    f->seq = col[0].i;
    if ((f->whole = col[1].kind == CMPSRV_SQL_BLOB && col[1].n == CMPSRV_HASH))
        memcpy(f->hash, col[1].p, CMPSRV_HASH);
    return 0;
}

/* A head whose chain is gone altogether is seen by nobody else. */
static int check_record_at(WALK *w, const char *chain, int64_t seq)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(chain), cmpsrv_sql_int(seq)};
    int64_t n = CMPSRV_SQL_RUN(w->store, w->conn, CMPSRV_ST_AUDIT_AT, v, NULL, NULL, w->why);

    if (n < 0)
        w->result = -1;
    return n > 0 || (n == 0 && bad(w, chain, seq, "missing: the head names it"));
}

/* The head of the chain that ends here is its last record. */
static int check_end(WALK *w)
{
    CMPSRV_SQLV v[] = {cmpsrv_sql_text_value(w->chain)};
    FOUND f = {0};
    int64_t n;

    if (w->chain[0] == '\0')
        return 1;
    n = CMPSRV_SQL_RUN(w->store, w->conn, CMPSRV_ST_HEAD_GET, v, take_head, &f, w->why);
    if (n < 0) {
        w->result = -1;
        return 0;
    }
    if (n == 0)
        return bad(w, w->chain, w->seq, "the chain has no head");
    if (f.seq > w->seq)
        return bad(w, w->chain, w->seq + 1, "missing: the head says that the chain goes on");
    if (f.seq < w->seq || !f.whole || memcmp(f.hash, w->hash, CMPSRV_HASH) != 0)
        return bad(w, w->chain, w->seq, "is not what the head says");
    return 1;
}

/* ---- what opening records say of other chains --------------------------------------------------
 */

static int add_claim(WALK *w, const CLAIM *claim)
{
    if (w->n_claims == w->max_claims) {
        size_t max = w->max_claims == 0 ? 64 : 2 * w->max_claims;
        CLAIM *more = OPENSSL_realloc(w->claims, max * sizeof(*more));

        if (more == NULL) {
            w->result = -1;
            return cmpsrv_fail(w->why, "out of memory");
        }
        w->claims = more;
        w->max_claims = max;
    }
    w->claims[w->n_claims++] = *claim;
    return 1;
}

/* Notes each predecessor. 1; 0: this is no opening record, or there is no memory. */
static int note_claims(WALK *w, const char *record)
{
    const char *p = strstr(record, PREDECESSORS);

    if (strncmp(record, "{\"event\":\"chain\"", 16) != 0 || p == NULL)
        return 0;
    for (p += strlen(PREDECESSORS); *p != ']'; p += *p == ',') {
        CLAIM c = {.seen = 0};
        char hex[2 * CMPSRV_HASH + 1];
        int used = 0;

        if (sscanf(p, "{\"chain\":\"%32[0-9a-f]\",\"seq\":%" SCNd64 ",\"head\":\"%64[0-9a-f]\"}%n",
                   c.chain, &c.seq, hex, &used) != 3 ||
            used == 0 || cmpsrv_unhex(hex, c.hash, sizeof(c.hash)) != CMPSRV_HASH ||
            !add_claim(w, &c))
            return 0;
        p += used;
    }
    return 1;
}

/* One that is damaged is told of when the walk comes to it. */
static int take_opening(void *arg, const CMPSRV_SQLV *col)
{
    WALK *w = arg;
    char *record = cmpsrv_audit_unpack(cmpsrv_slice(col[0].p, col[0].n));

    if (record != NULL)
        note_claims(w, record);
    OPENSSL_free(record);
    return w->result == 1;
}

static int by_chain(const void *a, const void *b)
{
    const CLAIM *x = a, *y = b;
    int order = strcmp(x->chain, y->chain);

    return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

static int read_claims(WALK *w)
{
    if (w->store->ops->run(w->conn, CMPSRV_ST_AUDIT_OPENINGS, NULL, 0, take_opening, w, w->why) < 0)
        w->result = -1;
    if (w->n_claims > 0)
        qsort(w->claims, w->n_claims, sizeof(CLAIM), by_chain);
    return w->result == 1;
}

/* The claims of the chain that begins now. */
static void find_claims(WALK *w)
{
    size_t from = 0, to = w->n_claims;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (strcmp(w->claims[mid].chain, w->chain) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    w->claim = from;
}

static int check_claims(WALK *w, int64_t seq, const unsigned char hash[CMPSRV_HASH])
{
    for (; w->claim < w->n_claims; w->claim++) {
        CLAIM *c = &w->claims[w->claim];

        if (strcmp(c->chain, w->chain) != 0 || c->seq > seq)
            return 1;
        if (c->seq == seq && memcmp(c->hash, hash, CMPSRV_HASH) != 0)
            return bad(w, w->chain, seq, "has not the hash that a later record names");
        c->seen = c->seq == seq;
    }
    return 1;
}

static int check_all_seen(WALK *w)
{
    for (size_t i = 0; i < w->n_claims; i++)
        if (!w->claims[i].seen)
            return bad(w, w->claims[i].chain, w->claims[i].seq, "missing: a later chain names it");
    return 1;
}

static int opens_chain(WALK *w, const char *record)
{
    WALK none = {.store = w->store, .why = w->why, .result = 1};
    int ok = note_claims(&none, record);

    OPENSSL_free(none.claims);
    return ok || bad(w, w->chain, 1, "does not open a chain");
}

static int check_mac(WALK *w, const LINK *l, const unsigned char hash[CMPSRV_HASH],
                     const CMPSRV_SQLV *col)
{
    unsigned char mac[CMPSRV_HASH];

    if (w->store->audit_mac == NULL)
        return 1;
    if (!link_mac(w->store, hash, mac)) {
        w->result = -1;
        return cmpsrv_fail(w->why, "store: cannot make an HMAC");
    }
    if (col->kind == CMPSRV_SQL_NULL)
        return bad(w, l->chain, l->seq, "has no HMAC: it was written without store_key");
    return is_kept(col, mac, MAC_KEPT) || bad(w, l->chain, l->seq, "the HMAC is wrong");
}

static int begin_chain(WALK *w, const LINK *l)
{
    if (!check_end(w))
        return 0;
    if (strlen(l->chain) != CMPSRV_CHAIN_ID)
        return bad(w, l->chain, l->seq, "is in a chain with no proper id");
    memcpy(w->chain, l->chain, sizeof(w->chain));
    w->seq = 0;
    memset(w->hash, 0, sizeof(w->hash));
    find_claims(w);
    return 1;
}

static int check_record(WALK *w, const LINK *l, const CMPSRV_SQLV *col)
{
    unsigned char hash[CMPSRV_HASH];

    if (strcmp(l->chain, w->chain) != 0 && !begin_chain(w, l))
        return 0;
    if (l->seq != w->seq + 1)
        return bad(w, w->chain, w->seq + 1, "missing");
    if (!link_hash(l, w->hash, hash)) {
        w->result = -1;
        return cmpsrv_fail(w->why, "store: cannot hash an audit record");
    }
    if (!is_kept(&col[2], hash, HASH_KEPT))
        return bad(w, w->chain, l->seq, "was changed: its hash is wrong");
    if (!check_mac(w, l, hash, &col[6]) || (l->seq == 1 && !opens_chain(w, l->record)) ||
        !check_claims(w, l->seq, hash))
        return 0;
    w->seq = l->seq;
    memcpy(w->hash, hash, CMPSRV_HASH);
    w->records++;
    w->has_wanted |= w->wanted != NULL && memcmp(w->wanted, hash, CMPSRV_HASH) == 0;
    return 1;
}

static int check_link(void *arg, const CMPSRV_SQLV *col)
{
    WALK *w = arg;
    char *record = cmpsrv_audit_unpack(cmpsrv_slice(col[5].p, col[5].n));
    LINK l = {col[0].p, col[4].p, record, col[1].i, col[3].i};
    int ok;

    if (col[0].kind != CMPSRV_SQL_TEXT || col[4].kind != CMPSRV_SQL_TEXT || record == NULL ||
        col[5].kind != CMPSRV_SQL_BLOB || col[4].n != strlen(l.node))
        ok = bad(w, w->chain, w->seq + 1, "is not text, or its chain is not known");
    else
        ok = check_record(w, &l, col);
    OPENSSL_free(record);
    return ok;
}

static int check_head(void *arg, const CMPSRV_SQLV *col)
{
    WALK *w = arg;
    char none[] = "";

    if (col[0].kind != CMPSRV_SQL_TEXT || col[2].n != CMPSRV_HASH)
        return bad(w, col[0].kind == CMPSRV_SQL_TEXT ? col[0].p : none, col[1].i,
                   "the head is damaged");
    return check_record_at(w, col[0].p, col[1].i);
}

static void check_all(WALK *w)
{
    const struct cmpsrv_store_ops *ops = w->store->ops;

    if (!read_claims(w))
        return;
    if (ops->run(w->conn, CMPSRV_ST_AUDIT_WALK, NULL, 0, check_link, w, w->why) < 0)
        w->result = -1;
    if (w->result != 1 || !check_end(w) || !check_all_seen(w))
        return;
    if (ops->run(w->conn, CMPSRV_ST_HEAD_EACH, NULL, 0, check_head, w, w->why) < 0)
        w->result = -1;
    if (w->result == 1 && w->wanted != NULL && !w->has_wanted)
        w->result = cmpsrv_refuse(w->why, CMPSRV_R_SYSTEM_FAILURE,
                                  "audit: no record has the hash that was the head: records are "
                                  "missing, or the store was replaced");
}

int cmpsrv_store_audit_verify(CMPSRV_STORE *s, const unsigned char *head, int64_t *records,
                              CMPSRV_REFUSAL *why)
{
    WALK w = {.store = s, .why = why, .result = 1, .wanted = head};

    if ((w.conn = s->ops->reader(s, why)) == NULL)
        return -1;
    if (s->ops->snapshot(w.conn, 1, why)) {
        check_all(&w);
        s->ops->snapshot(w.conn, 0, NULL);
    } else {
        w.result = -1;
    }
    s->ops->release(s, w.conn);
    OPENSSL_free(w.claims);
    if (w.result == 1 && records != NULL)
        *records = w.records;
    return w.result;
}
