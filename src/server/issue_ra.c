/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of a registration authority: a new key, EKU id-kp-cmcRA (RFC 6402 2.10), in the
 * store as active, so that EndEntityCertificate takes it. Called by cmp-admin, not by the line:
 * nobody asks for such a certificate over the network.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define MINUTE INT64_C(60000)

/* basicConstraints (critical, no CA), keyUsage (critical, digitalSignature), extKeyUsage (cmcRA) */
static const unsigned char extensions[] =
    "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
    "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"
    "\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x1c";

static int fill_decision(const CMPSRV_CA *ca, const CMPSRV_RA_ISSUE *what, CMPSRV_DECISION *d,
                         CMPSRV_REFUSAL *why)
{
    int64_t now = cmpsrv_time_now() / 1000 * 1000;
    unsigned char *spki = NULL;
    int n = i2d_PUBKEY(d->key, &spki);

    if (n <= 0)
        return cmpsrv_fail(why, "cannot encode the key");
    d->spki = (CMPSRV_BYTES){spki, (size_t)n};
    d->not_before = now - MINUTE < ca->issuer.not_before ? ca->issuer.not_before : now - MINUTE;
    d->not_after =
        now + what->validity > ca->issuer.not_after ? ca->issuer.not_after : now + what->validity;
    d->key_usage = 1;
    return cmpsrv_name_parse(what->subject, &d->subject, why) &&
           cmpsrv_name_hash(cmpsrv_bytes_slice(&d->subject), d->subject_hash, why) &&
           ((cmpsrv_sha256(cmpsrv_bytes_slice(&d->spki), d->spki_hash) &&
             cmpsrv_bytes_set(&d->extensions, cmpsrv_slice(extensions, sizeof(extensions) - 1))) ||
            cmpsrv_fail(why, "out of memory"));
}

/* An RA may get another certificate, also of another CA; a name that is some device's stays its. An
 * RA has no end entity profile. 1/0. */
static int find_entity(CMPSRV_STORE *store, const char *name, CMPSRV_CHANGE *ch,
                       CMPSRV_REFUSAL *why)
{
    CMPSRV_END_ENTITY_ROW row = {0};
    int found = cmpsrv_store_entity_get(store, name, &row, why);

    if (found == 1 && row.end_entity_profile[0] == '\0')
        memcpy(ch->u.entity_from.ca_id, row.ca_id, CMPSRV_HASH);
    cmpsrv_end_entity_row_clear(&row);
    return found >= 0;
}

static int add_entity(CMPSRV_STORE *store, CMPSRV_CHANGES *changes, const CMPSRV_CA *ca,
                      const CMPSRV_RA_ISSUE *what, const CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_ENTITY_UPSERT);

    if (ch == NULL || !find_entity(store, what->name, ch, why))
        return 0;
    OPENSSL_strlcpy(ch->u.entity.name, what->name, sizeof(ch->u.entity.name));
    memcpy(ch->u.entity.subject_hash, d->subject_hash, CMPSRV_HASH);
    memcpy(ch->u.entity.ca_id, ca->id, CMPSRV_HASH);
    ch->u.entity.status = CMPSRV_ENTITY_GENERATED;
    ch->u.entity.updated_at = cmpsrv_time_now();
    return cmpsrv_bytes_set(&ch->u.entity.subject, cmpsrv_bytes_slice(&d->subject));
}

static int add_certificate(CMPSRV_CHANGES *changes, const CMPSRV_ISSUED *issued,
                           const CMPSRV_RA_ISSUE *what, const CMPSRV_DECISION *d)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_CERT_INSERT);
    CMPSRV_CERT_ROW *c;

    if (ch == NULL)
        return 0;
    c = &ch->u.cert;
    memcpy(c->ca_id, issued->ca_id, CMPSRV_HASH);
    memcpy(c->serial, issued->serial, issued->serial_len);
    c->serial_len = issued->serial_len;
    c->status = CMPSRV_CERT_ACTIVE;
    c->issued_at = cmpsrv_time_now();
    c->not_after = d->not_after;
    OPENSSL_strlcpy(c->end_entity, what->name, sizeof(c->end_entity));
    memcpy(c->subject_hash, d->subject_hash, CMPSRV_HASH);
    memcpy(c->spki_hash, d->spki_hash, CMPSRV_HASH);
    return cmpsrv_bytes_set(&c->der, cmpsrv_bytes_slice(&issued->der));
}

static int add_audit(CMPSRV_CHANGES *changes, const CMPSRV_CA *ca, const CMPSRV_ISSUED *issued,
                     const CMPSRV_RA_ISSUE *what)
{
    CMPSRV_AUDIT_EVENT e = {
        .event = "issued",
        .body_type = -1,
        .ca = ca->conf->name,
        .serial = cmpsrv_slice(issued->serial, issued->serial_len),
        .end_entity = what->name,
        .subject = what->subject,
        .reason = -1,
        .operator_ = what->operator_,
    };

    return cmpsrv_changes_audit(changes, &e);
}

static int commit(CMPSRV_STORE *store, const CMPSRV_CA *ca, const CMPSRV_ISSUED *issued,
                  const CMPSRV_RA_ISSUE *what, const CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_CHANGES changes = {0};
    CMPSRV_COMMIT outcome = CMPSRV_COMMIT_FAILED;

    if (cmpsrv_store_ca_register(store, ca->id, ca->conf->name, why) &&
        add_entity(store, &changes, ca, what, d, why) &&
        add_certificate(&changes, issued, what, d) && add_audit(&changes, ca, issued, what))
        outcome = cmpsrv_store_commit(store, &changes, why);
    else
        cmpsrv_fail(why, "out of memory");
    cmpsrv_changes_clear(&changes);
    if (outcome == CMPSRV_COMMIT_CONFLICT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST,
                             "%s is the name of an end entity that is no RA: take another",
                             what->name);
    return outcome == CMPSRV_COMMIT_DONE ||
           cmpsrv_fail(why, "the store did not take the certificate");
}

/* Key, then certificate with its chain; a half of it would stand in the way of the next try. */
static int write_files(const CMPSRV_CA *ca, const CMPSRV_RA_ISSUE *what, EVP_PKEY *key,
                       const CMPSRV_ISSUED *issued, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE certs[2 + CMPSRV_ARRAY_SIZE(ca->issuer.chain)] = {
        cmpsrv_bytes_slice(&issued->der), cmpsrv_bytes_slice(&ca->issuer.der)};
    size_t n = 2;

    for (size_t i = 0; i < ca->issuer.chain_n; i++)
        certs[n++] = cmpsrv_bytes_slice(&ca->issuer.chain[i]);
    if (!cmpsrv_setup_write_key(key, what->key_file, why))
        return 0;
    if (cmpsrv_setup_write_certs(certs, n, what->cert_file, why))
        return 1;
    unlink(what->key_file);
    return 0;
}

int cmpsrv_ra_issue(const CMPSRV_CA *ca, CMPSRV_STORE *store, const CMPSRV_RA_ISSUE *what,
                    CMPSRV_REFUSAL *why)
{
    CMPSRV_DECISION *d = OPENSSL_zalloc(sizeof(*d));
    CMPSRV_ISSUED issued = {0};
    int ok = d != NULL &&
             (d->key = cmpsrv_setup_key(ca->libctx, ca->propq, what->key_type, why)) != NULL &&
             fill_decision(ca, what, d, why) && cmpsrv_ca_issue(ca, d, &issued, why) &&
             write_files(ca, what, d->key, &issued, why);

    if (ok && !(ok = commit(store, ca, &issued, what, d, why))) {
        unlink(what->key_file);
        unlink(what->cert_file);
    }
    cmpsrv_issued_clear(&issued);
    cmpsrv_decision_free(d);
    return ok;
}
