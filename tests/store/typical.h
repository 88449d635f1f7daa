/* SPDX-License-Identifier: Apache-2.0 */
/* What an ir in RA mode leaves in the store, in the sizes it has; for measuring. */
#ifndef CMPSRV_TEST_STORE_TYPICAL_H
#define CMPSRV_TEST_STORE_TYPICAL_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "store/store.h"

#define TYPICAL_CA ((const unsigned char *)"0123456789abcdef0123456789abcdef")

typedef struct {
    uint64_t state;
} TYPICAL_RANDOM;

/* splitmix64: the octets shall not repeat, and cost nothing. */
static inline uint64_t typical_next(TYPICAL_RANDOM *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void typical_octets(TYPICAL_RANDOM *r, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t z = typical_next(r);

        memcpy(out + i, &z, n - i < 8 ? n - i : 8);
    }
}

/* Certificates of a P-256 key under a P-256 CA with the usual extensions have about 500 octets. */
static inline void typical_certificate(CMPSRV_CERT_ROW *c, TYPICAL_RANDOM *r, int64_t now)
{
    unsigned char der[512];
    size_t n = 488 + (size_t)(typical_next(r) % 16);

    typical_octets(r, der, n);
    cmpsrv_bytes_set(&c->der, cmpsrv_slice(der, n));
    memcpy(c->ca_id, TYPICAL_CA, CMPSRV_HASH);
    typical_octets(r, c->serial, c->serial_len = 20);
    c->serial[0] = (unsigned char)((c->serial[0] & 0x3f) | 0x40);
    typical_octets(r, c->tid, c->tid_len = 16);
    typical_octets(r, c->subject_hash, CMPSRV_HASH);
    typical_octets(r, c->spki_hash, CMPSRV_HASH);
    memset(c->identity, 'i', CMPSRV_HASH);
    strcpy(c->alias, "factory");
    snprintf(c->end_entity, sizeof(c->end_entity), "device-%08x", (unsigned)typical_next(r));
    c->status = CMPSRV_CERT_ACTIVE;
    c->issued_at = now;
    c->not_after = now + 730 * 86400000LL;
}

static inline void typical_entity(CMPSRV_END_ENTITY_ROW *e, const CMPSRV_CERT_ROW *c)
{
    snprintf(e->name, sizeof(e->name), "%s", c->end_entity);
    cmpsrv_bytes_set(&e->subject, cmpsrv_slice(c->der.p, 28));
    memcpy(e->subject_hash, c->subject_hash, CMPSRV_HASH);
    memcpy(e->ca_id, c->ca_id, CMPSRV_HASH);
    strcpy(e->end_entity_profile, "EMPTY");
    strcpy(e->certificate_profile, "ENDUSER");
    strcpy(e->alias, c->alias);
    e->status = CMPSRV_ENTITY_GENERATED;
    e->updated_at = c->issued_at;
}

/* Its answer is confirmed (implicitConfirm) and forgotten in an hour. */
static inline void typical_txn(CMPSRV_TXN *t, const CMPSRV_CERT_ROW *c)
{
    unsigned char answer[1600] = {0x30};

    strcpy(t->alias, c->alias);
    memcpy(t->tid, c->tid, t->tid_len = c->tid_len);
    memcpy(answer + 500, c->der.p, c->der.n);
    t->version = 1;
    t->state = CMPSRV_TXN_DONE;
    t->end = CMPSRV_END_IMPLICIT;
    t->kind = CMPSRV_PROTECTION_MAC;
    t->pvno = 2;
    memcpy(t->identity, c->identity, CMPSRV_HASH);
    memcpy(t->sender_nonce, c->spki_hash, sizeof(t->sender_nonce));
    memcpy(t->request_hash, c->subject_hash, CMPSRV_HASH);
    memcpy(t->ca_id, c->ca_id, CMPSRV_HASH);
    memcpy(t->serial, c->serial, t->serial_len = c->serial_len);
    cmpsrv_bytes_set(&t->mac_alg, cmpsrv_slice(answer, 60));
    cmpsrv_bytes_set(&t->answer, cmpsrv_slice(answer, sizeof(answer)));
    t->expires = c->issued_at + 3600000;
}

static inline char *typical_record(const CMPSRV_CERT_ROW *c)
{
    char tid[33], serial[41], text[1024];

    snprintf(text, sizeof(text),
             "{\"event\":\"issued\",\"alias\":\"%s\",\"tid\":\"%s\",\"body\":\"ir\","
             "\"module\":\"HMAC\",\"source\":\"alias\",\"identity\":\"line1\",\"ca\":\"Issuing\","
             "\"serial\":\"%s\",\"entity\":\"%s\",\"subject\":\"CN=%s\"}",
             c->alias, cmpsrv_hex(cmpsrv_slice(c->tid, c->tid_len), tid, sizeof(tid)),
             cmpsrv_hex(cmpsrv_slice(c->serial, c->serial_len), serial, sizeof(serial)),
             c->end_entity, c->end_entity);
    return OPENSSL_strdup(text);
}

static inline void typical_issuance(CMPSRV_CHANGES *c, TYPICAL_RANDOM *r)
{
    CMPSRV_CERT_ROW cert = {0};

    typical_certificate(&cert, r, cmpsrv_time_now());
    typical_entity(&cmpsrv_changes_add(c, CMPSRV_CHANGE_ENTITY_UPSERT)->u.entity, &cert);
    cmpsrv_changes_add(c, CMPSRV_CHANGE_CERT_INSERT)->u.cert = cert;
    typical_txn(&cmpsrv_changes_add(c, CMPSRV_CHANGE_TXN_INSERT)->u.txn, &cert);
    cmpsrv_changes_add(c, CMPSRV_CHANGE_AUDIT)->u.audit = typical_record(&cert);
}

static inline int typical_forget(void *arg, const CMPSRV_TXN *row)
{
    CMPSRV_TXN *t = &cmpsrv_changes_add(arg, CMPSRV_CHANGE_TXN_DELETE)->u.txn;

    memcpy(t->alias, row->alias, sizeof(t->alias));
    memcpy(t->tid, row->tid, t->tid_len = row->tid_len);
    t->version = row->version;
    return 1;
}

/* Every stored answer expires. 1/0. */
static inline int typical_expire(CMPSRV_STORE *s)
{
    CMPSRV_CHANGES c = {0};
    size_t n;

    do {
        if (cmpsrv_store_txn_expired(s, INT64_MAX, 256, typical_forget, &c, NULL) != 1 ||
            cmpsrv_store_commit(s, &c, NULL) != CMPSRV_COMMIT_DONE)
            return 0;
        n = c.n;
        cmpsrv_changes_clear(&c);
    } while (n > 0);
    return 1;
}

#endif
