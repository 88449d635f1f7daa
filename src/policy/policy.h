/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: may they, and what exactly. Takes const in, gives a decision or a refusal, writes
 * nothing, reads no clock.
 */
#ifndef CMPSRV_POLICY_H
#define CMPSRV_POLICY_H

#include "base/model.h"
#include "conf/conf.h"
#include "wire/wire.h"

/* What a request is aimed at: found before authentication, told to nobody. */
typedef struct cmpsrv_target_st {
    const CMPSRV_CONF_ALIAS *alias;
    const CMPSRV_CONF_EE_PROFILE *ee_profile;
    const CMPSRV_CONF_CERT_PROFILE *cert_profile;
    const CMPSRV_CONF_CA *ca;
} CMPSRV_TARGET;

/* Resolves KeyId, ProfileDefault and defaults (EE profile, then CA, then certificate profile;
 * ejbca-behaviour.md 7.3) for a message of that body and senderKID; p10cr goes to the alias's
 * defaultca, if it has one. What cannot be resolved leaves a NULL: decide refuses it after
 * authentication. */
void cmpsrv_policy_resolve(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias, int body,
                           CMPSRV_SLICE sender_kid, CMPSRV_TARGET *out);

/* A senderKID as EJBCA reads it for KeyId: its text if it is printable ASCII, else lower-case hex,
 * of at most its first 128 octets. Returns out; "" without senderKID. */
enum { CMPSRV_KEY_ID_SIZE = 257 };
char *cmpsrv_key_id(CMPSRV_SLICE sender_kid, char out[CMPSRV_KEY_ID_SIZE]);

/* The same in client mode, where the end entity says it; ca is the one of its row, or NULL. */
void cmpsrv_policy_resolve_entity(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias,
                                  const CMPSRV_END_ENTITY_ROW *entity, const CMPSRV_CONF_CA *ca,
                                  CMPSRV_TARGET *out);

/*
 * Whether this identity may send a message of that body for that target: NOT_AUTHORIZED, or
 * WRONG_AUTHORITY without a CA. A body that the table in authority.c does not have nobody may send.
 */
int cmpsrv_policy_authorize(const CMPSRV_IDENTITY *id, int body, const CMPSRV_TARGET *target,
                            CMPSRV_REFUSAL *why);

typedef struct cmpsrv_policy_input_st {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    CMPSRV_CURVES *curves; /* of libctx, or NULL */
    const CMPSRV_TARGET *target;
    const CMPSRV_CERT_REQUEST *request;
    const CMPSRV_IDENTITY *identity;       /* who asks */
    const CMPSRV_SECRET *secret;           /* of its MAC, for publicKeyMAC; NULL: it has none */
    CMPSRV_SLICE signer_subject;           /* Name TLV of its certificate; absent: it has none */
    int64_t pvno;                          /* of the message */
    const CMPSRV_END_ENTITY_ROW *entity;   /* client mode: who asks; NULL: RA mode */
    const char *username;                  /* RA mode: of the end entity; NULL: policy makes it */
    const CMPSRV_END_ENTITY_ROW *existing; /* RA mode: who has that username; NULL: nobody yet */
    int64_t now;                           /* ms UTC */
    CMPSRV_SLICE ca_subject;               /* Name TLV of the target CA, ... */
    const unsigned char *ca_subject_hash;  /* ... and SHA-256 of its canonical form */
    int64_t ca_not_before, ca_not_after;
    CMPSRV_SLICE ca_spki; /* TLV: nobody gets a certificate for the CA's own key */
} CMPSRV_POLICY_INPUT;

/*
 * ir, cr, p10cr, once they are authorized, in this order: profiles and CA (NO_SUCH_PROFILE,
 * WRONG_AUTHORITY), template rules of cmp-conformance.md 2.2 and serialNumber (BAD_CERT_TEMPLATE),
 * issuer if given must be the target CA (WRONG_AUTHORITY), subject and subjectAltName (BAD_NAME,
 * BAD_CERT_TEMPLATE; RA mode: as the end entity profile has them, PROFILE_NOT_FULFILLED; client
 * mode: as registered, or the end entity's own, NOT_AUTHORIZED), key against the certificate
 * profile (BAD_KEY, UNKNOWN_KEY_ALG), proof of possession (BAD_POP; raVerified NOT_AUTHORIZED),
 * validity inside the CA's, extensions: of the profile, and of the request as far as the profile
 * lets it choose; usages and constraints of CAs, RAs and the like are refused
 * (BAD_CERT_TEMPLATE). What else was asked for is left out (with_mods). Gives a decision the caller
 * frees, or NULL.
 */
CMPSRV_DECISION *cmpsrv_policy_decide_cert(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why);

/* Client mode: the username that a subject has by the alias's extractusernamecomponent, between
 * prefix and postfix. OPENSSL_malloc'ed; NULL: it has none, or two. */
char *cmpsrv_username_of(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject);
/* Username of an end entity in RA mode (ejbca-behaviour.md 7.1). OPENSSL_malloc'ed, NULL with *why.
 */
char *cmpsrv_username_make(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject,
                           CMPSRV_REFUSAL *why);

/*
 * Whether an RA at this alias may act for an end entity that exists: its own rights (its row of
 * `ras`, or the CA that it is an RA of) cover the end entity's CA and profile; and the alias made
 * it, or it is of the target's CA and end entity profile. ca: of the end entity; NULL: none of ours
 * any more, as after a rollover. Else NOT_AUTHORIZED.
 */
int cmpsrv_policy_owns_entity(const CMPSRV_IDENTITY *id, const CMPSRV_TARGET *target,
                              const CMPSRV_END_ENTITY_ROW *entity, const CMPSRV_CONF_CA *ca,
                              CMPSRV_REFUSAL *why);

#endif
