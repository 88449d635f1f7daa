/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership of the types in model.h: what is freed with them. No behaviour.
 */
#include "config.h"

#include "base/model.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

void cmpsrv_decision_free(CMPSRV_DECISION *d)
{
    if (d == NULL)
        return;
    cmpsrv_bytes_clear(&d->subject);
    cmpsrv_bytes_clear(&d->spki);
    cmpsrv_bytes_clear(&d->extensions);
    EVP_PKEY_free(d->key);
    OPENSSL_free(d->end_entity);
    OPENSSL_free(d->end_entity_profile);
    OPENSSL_free(d->certificate_profile);
    OPENSSL_free(d);
}

void cmpsrv_issued_clear(CMPSRV_ISSUED *i)
{
    cmpsrv_bytes_clear(&i->der);
    memset(i, 0, sizeof(*i));
}

void cmpsrv_cert_row_clear(CMPSRV_CERT_ROW *r)
{
    cmpsrv_bytes_clear(&r->der);
    memset(r, 0, sizeof(*r));
}

void cmpsrv_end_entity_row_clear(CMPSRV_END_ENTITY_ROW *r)
{
    cmpsrv_bytes_clear(&r->subject);
    cmpsrv_bytes_wipe(&r->code);
    cmpsrv_bytes_clear(&r->san);
    memset(r, 0, sizeof(*r));
}

void cmpsrv_txn_clear(CMPSRV_TXN *t)
{
    cmpsrv_bytes_clear(&t->mac_alg);
    cmpsrv_bytes_clear(&t->answer);
    cmpsrv_bytes_clear(&t->signer);
    memset(t, 0, sizeof(*t));
}

int cmpsrv_txn_copy(CMPSRV_TXN *out, const CMPSRV_TXN *t)
{
    *out = *t;
    out->mac_alg = out->answer = out->signer = (CMPSRV_BYTES){NULL, 0};
    if (cmpsrv_bytes_set(&out->mac_alg, cmpsrv_bytes_slice(&t->mac_alg)) &&
        cmpsrv_bytes_set(&out->answer, cmpsrv_bytes_slice(&t->answer)) &&
        cmpsrv_bytes_set(&out->signer, cmpsrv_bytes_slice(&t->signer)))
        return 1;
    cmpsrv_txn_clear(out);
    return 0;
}

CMPSRV_CHANGE *cmpsrv_changes_add(CMPSRV_CHANGES *c, CMPSRV_CHANGE_TYPE type)
{
    if (c->n == c->cap) {
        size_t cap = c->cap == 0 ? 4 : c->cap * 2;
        CMPSRV_CHANGE *v = OPENSSL_realloc(c->v, cap * sizeof(*v));

        if (v == NULL)
            return NULL;
        c->v = v;
        c->cap = cap;
    }
    memset(&c->v[c->n], 0, sizeof(c->v[c->n]));
    c->v[c->n].type = type;
    return &c->v[c->n++];
}

void cmpsrv_changes_clear(CMPSRV_CHANGES *c)
{
    for (size_t i = 0; i < c->n; i++) {
        CMPSRV_CHANGE *ch = &c->v[i];

        switch (ch->type) {
        case CMPSRV_CHANGE_ENTITY_UPSERT:
        case CMPSRV_CHANGE_ENTITY_INSERT:
        case CMPSRV_CHANGE_ENTITY_UPDATE:
        case CMPSRV_CHANGE_ENTITY_DELETE:
        case CMPSRV_CHANGE_ENTITY_USE:
        case CMPSRV_CHANGE_ENTITY_ATTEMPTS:
        case CMPSRV_CHANGE_ENTITY_ERASE:
            cmpsrv_end_entity_row_clear(&ch->u.entity);
            break;
        case CMPSRV_CHANGE_CERT_INSERT:
        case CMPSRV_CHANGE_CERT_ALONE:
        case CMPSRV_CHANGE_TID_SPENT:
            cmpsrv_cert_row_clear(&ch->u.cert);
            break;
        case CMPSRV_CHANGE_TXN_INSERT:
        case CMPSRV_CHANGE_TXN_UPDATE:
        case CMPSRV_CHANGE_TXN_REPLACE:
        case CMPSRV_CHANGE_TXN_DELETE:
            cmpsrv_txn_clear(&ch->u.txn);
            break;
        case CMPSRV_CHANGE_CERT_STATUS:
            break;
        case CMPSRV_CHANGE_AUDIT:
            OPENSSL_free(ch->u.audit);
            break;
        }
    }
    OPENSSL_free(c->v);
    memset(c, 0, sizeof(*c));
}
