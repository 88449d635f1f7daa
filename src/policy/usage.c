/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the key may be used for: keyUsage and extKeyUsage (RFC 5280 4.2.1.3, 4.2.1.12), of the
 * certificate profile or of a request that may choose. A use that would make the requester more
 * than an end entity is refused whatever may be overridden (RFC 9810 8.10). Called by extensions.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

#include <openssl/evp.h>

enum {
    SIGN = 1 | 2, /* digitalSignature, nonRepudiation */
    ENCIPHER = 4 | 8,
    AGREE = 16,
    SIGNS_CERTS = 32 | 64,
    ONLY = 128 | 256, /* encipherOnly, decipherOnly: of keyAgreement */
    MAX_PURPOSES = 100
};

static int asked_for(const CMPSRV_POLICY_INPUT *in, CMPSRV_SLICE oid, CMPSRV_SLICE *value)
{
    return in->request->extensions.p != NULL &&
           cmpsrv_extension_find(in->request->extensions, oid, NULL, value) == 1;
}

/* ---- keyUsage ----------------------------------------------------------------------------------
 */

/* Less what a key of this type cannot do (RFC 8813, RFC 8410, RFC 3279). */
static unsigned fitting(unsigned usage, const EVP_PKEY *key)
{
    unsigned can = SIGN;

    if (EVP_PKEY_is_a(key, "RSA"))
        can |= ENCIPHER;
    if (EVP_PKEY_is_a(key, "EC"))
        can |= AGREE | ONLY;
    if ((usage & AGREE) == 0)
        can &= ~(unsigned)ONLY;
    return usage & can;
}

/* Named bits: bit 0 (digitalSignature) as 1 << 0. */
static int read_key_usage(CMPSRV_SLICE value, unsigned *usage)
{
    CMPSRV_SLICE bits;

    *usage = 0;
    if (!cmpsrv_der_check(value, 1, 1, NULL) || !cmpsrv_der_get(&value, DER_BIT_STRING, &bits) ||
        bits.n < 1 || bits.n > 3)
        return 0;
    for (unsigned i = 0; i < 8 * (bits.n - 1); i++)
        if ((bits.p[1 + i / 8] >> (7 - i % 8) & 1) != 0)
            *usage |= 1u << i;
    return *usage < 1u << 9;
}

int cmpsrv_decide_key_usage(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_CERT_PROFILE *profile = in->target->cert_profile;
    CMPSRV_SLICE value;
    unsigned usage = 0;

    if (asked_for(in, CMPSRV_OID_KEY_USAGE, &value) &&
        (!read_key_usage(value, &usage) || (usage & SIGNS_CERTS) != 0))
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_CERT_TEMPLATE,
            "RFC 9810 8.10: keyCertSign or cRLSign is asked for, or damaged keyUsage");
    d->key_usage = profile->allow_key_usage_override ? fitting(usage, d->key) : 0;
    if (d->key_usage == 0)
        d->key_usage = fitting(profile->key_usage, d->key);
    return 1;
}

/* ---- extKeyUsage -------------------------------------------------------------------------------
 */

/* Purposes that are more than an end entity's. */
static const struct {
    const char *oid, *name;
    int is_authority; /* of the PKI itself */
} restricted[] = {
    {"1.3.6.1.5.5.7.3.27", "cmcCA", 1},      {"1.3.6.1.5.5.7.3.28", "cmcRA", 1},
    {"1.3.6.1.5.5.7.3.32", "cmKGA", 1},      {"2.5.29.37.0", "anyExtendedKeyUsage", 0},
    {"1.3.6.1.5.5.7.3.9", "OCSPSigning", 0},
};

static int is_known_requester(const CMPSRV_POLICY_INPUT *in)
{
    const CMPSRV_IDENTITY *id = in->identity;

    if (id == NULL || !id->proven)
        return 0;
    return id->is_ra || (in->entity != NULL && strcmp(id->entity, in->entity->name) == 0);
}

static int check_purpose(const CMPSRV_POLICY_INPUT *in, const char *oid, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_CERT_PROFILE *profile = in->target->cert_profile;
    int may_choose = cmpsrv_may_override(profile, CMPSRV_OID_EXT_KEY_USAGE);

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(restricted); i++) {
        if (strcmp(restricted[i].oid, oid) != 0)
            continue;
        if (!cmpsrv_policy_is_in(&profile->extended_key_usage, oid))
            return !(restricted[i].is_authority || may_choose) ||
                   cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                                 "RFC 9810 8.10: %s is asked for, and not in extended_key_usage of "
                                 "profile %s",
                                 restricted[i].name, profile->name);
        if (restricted[i].is_authority && !is_known_requester(in))
            return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                                 "RFC 9810 8.10: %s is asked for by neither an RA nor the end "
                                 "entity",
                                 restricted[i].name);
    }
    return 1;
}

/* Whether the list has that OID. */
static int has_purpose(CMPSRV_SLICE list, CMPSRV_SLICE oid)
{
    CMPSRV_SLICE other;

    while (list.n > 0 && cmpsrv_der_get(&list, DER_OID, &other))
        if (cmpsrv_slice_eq(other, oid))
            return 1;
    return 0;
}

static int damaged(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE, "RFC 5280 4.2.1.12: extKeyUsage: %s",
                         what);
}

int cmpsrv_check_ext_key_usage(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE value, list, oid;
    char text[256];

    if (!asked_for(in, CMPSRV_OID_EXT_KEY_USAGE, &value))
        return 1;
    if (!cmpsrv_der_check(value, 1, 1 + MAX_PURPOSES, NULL) ||
        !cmpsrv_der_get(&value, DER_SEQUENCE, &list))
        return damaged(why, "no SEQUENCE of 1 to 100 OIDs");
    if (list.n == 0)
        return damaged(why, "no purpose in it");
    while (list.n > 0) {
        if (!cmpsrv_der_get(&list, DER_OID, &oid) ||
            strcmp(cmpsrv_der_oid_text(oid, text, sizeof(text)), "?") == 0)
            return damaged(why, "a purpose that is no OID");
        if (has_purpose(list, oid))
            return damaged(why, "a purpose twice");
        if (!check_purpose(in, text, why))
            return 0;
    }
    return 1;
}
