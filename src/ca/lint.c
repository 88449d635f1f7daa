/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look before a signature: a TBSCertificate against the decision and the CA, a rule a
 * function. Reads the bytes that will be signed, not the values they were made from. A certificate
 * that fails is our bug, not the client's.
 */
#include "config.h"

#include "ca/ca.h"

#include <openssl/evp.h>

struct lint {
    const CMPSRV_CA *ca;
    const CMPSRV_DECISION *d;
    CMPSRV_CERT_VIEW v;
};

enum { KU_ENCIPHER = 4 | 8, KU_AGREE = 16, KU_KEY_CERT_SIGN_BIT = 32, KU_CRL_SIGN_BIT = 64 };

static int is_equal(CMPSRV_SLICE a, const CMPSRV_BYTES *b)
{
    return cmpsrv_slice_eq(a, cmpsrv_bytes_slice(b));
}

static int version(const struct lint *l)
{
    return l->v.version == 2;
}

static int serial(const struct lint *l)
{
    return l->v.serial.n >= 1 && l->v.serial.n <= CMPSRV_MAX_SERIAL &&
           (l->v.serial.p[0] & 0x80) == 0 && !(l->v.serial.n == 1 && l->v.serial.p[0] == 0);
}

static int signature_algorithm(const struct lint *l)
{
    return is_equal(l->v.tbs_sig_alg, &l->ca->cert_sig_alg);
}

static int issuer(const struct lint *l)
{
    return is_equal(l->v.issuer, &l->ca->issuer.subject);
}

static int validity(const struct lint *l)
{
    return l->v.not_before < l->v.not_after && l->v.not_before == l->d->not_before &&
           l->v.not_after == l->d->not_after && l->v.not_before >= l->ca->issuer.not_before &&
           l->v.not_after <= l->ca->issuer.not_after;
}

static int subject(const struct lint *l)
{
    return is_equal(l->v.subject, &l->d->subject);
}

static int key(const struct lint *l)
{
    return is_equal(l->v.spki, &l->d->spki);
}

/* No extension twice; each is SEQUENCE { OID, BOOLEAN DEFAULT FALSE, OCTET STRING }. */
static int extensions_once(const struct lint *l)
{
    CMPSRV_SLICE in = l->v.extensions, seq, oid;

    if (in.p == NULL)
        return 0;
    while (in.n > 0)
        if (!cmpsrv_der_get(&in, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_OID, &oid) ||
            cmpsrv_extension_find(l->v.extensions, oid, NULL, NULL) != 1)
            return 0;
    return 1;
}

static int has_extension(const struct lint *l, CMPSRV_SLICE oid)
{
    CMPSRV_SLICE value;

    return cmpsrv_extension_find(l->v.extensions, oid, NULL, &value) == 1 && value.n > 0;
}

static int key_identifiers(const struct lint *l)
{
    return has_extension(l, CMPSRV_OID_SUBJECT_KEY_ID) &&
           has_extension(l, CMPSRV_OID_AUTHORITY_KEY_ID);
}

/* An empty SEQUENCE: cA is FALSE. */
static int basic_constraints(const struct lint *l)
{
    CMPSRV_SLICE value, content;

    return cmpsrv_extension_find(l->v.extensions, CMPSRV_OID_BASIC_CONSTRAINTS, NULL, &value) ==
               1 &&
           cmpsrv_der_get(&value, DER_SEQUENCE, &content) && content.n == 0 && value.n == 0;
}

/* keyUsage as bits, 0 if it is absent, -1 if it is damaged. */
static int read_key_usage(const struct lint *l)
{
    CMPSRV_SLICE value, bits;
    int usage = 0,
        found = cmpsrv_extension_find(l->v.extensions, CMPSRV_OID_KEY_USAGE, NULL, &value);

    if (found != 1)
        return found;
    if (!cmpsrv_der_get(&value, DER_BIT_STRING, &bits) || bits.n < 2 || bits.n > 3)
        return -1;
    for (int i = 0; i < 8 * (int)(bits.n - 1); i++)
        if (bits.p[1 + i / 8] & (0x80 >> (i % 8)))
            usage |= 1 << i;
    return usage == 0 ? -1 : usage;
}

static int key_usage(const struct lint *l)
{
    int usage = read_key_usage(l), unfit = KU_KEY_CERT_SIGN_BIT | KU_CRL_SIGN_BIT;

    if (!EVP_PKEY_is_a(l->d->key, "RSA"))
        unfit |= KU_ENCIPHER;
    if (!EVP_PKEY_is_a(l->d->key, "RSA") && !EVP_PKEY_is_a(l->d->key, "EC"))
        unfit |= KU_AGREE;
    return usage >= 0 && (usage & unfit) == 0 && (unsigned)usage == l->d->key_usage;
}

static int subject_alt_name(const struct lint *l)
{
    int critical = 0, found;

    if (!cmpsrv_name_is_empty(l->v.subject))
        return 1;
    found = cmpsrv_extension_find(l->v.extensions, CMPSRV_OID_SUBJECT_ALT_NAME, &critical, NULL);
    return found == 1 && critical;
}

static const struct {
    int (*holds)(const struct lint *);
    const char *rule;
} rules[] = {
    {version, "RFC 5280 4.1.2.1: version is not v3"},
    {serial, "RFC 5280 4.1.2.2: serialNumber is not positive with 1 to 20 octets"},
    {signature_algorithm, "RFC 5280 4.1.2.3: signature is not the CA's algorithm"},
    {issuer, "RFC 5280 4.1.2.4: issuer is not the CA's subject"},
    {validity, "RFC 5280 4.1.2.5: validity is not the decided one, inside the CA's"},
    {subject, "RFC 5280 4.1.2.6: subject is not the decided one"},
    {key, "RFC 5280 4.1.2.7: key is not the decided one"},
    {extensions_once, "RFC 5280 4.2: extensions are missing, damaged, or one stands twice"},
    {key_identifiers, "RFC 5280 4.2.1.1, 4.2.1.2: a key identifier is missing"},
    {basic_constraints, "RFC 5280 4.2.1.9: basicConstraints is missing or says CA"},
    {key_usage, "RFC 5280 4.2.1.3: keyUsage does not fit the key or the decision"},
    {subject_alt_name, "RFC 5280 4.2.1.6: empty subject without a critical subjectAltName"},
};

int cmpsrv_lint_tbs(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE tbs,
                    CMPSRV_REFUSAL *why)
{
    struct lint l = {.ca = ca, .d = d};
    CMPSRV_REFUSAL damage = {0};

    if (!cmpsrv_cert_view_tbs(tbs, &l.v, &damage))
        return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE, "lint: %s", damage.detail);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rules); i++)
        if (!rules[i].holds(&l))
            return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE, "lint: %s", rules[i].rule);
    return 1;
}
