/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look at a TBSCertificate before it is signed: one function a rule, one row a function.
 * Reads what was written, not what was meant to be written; relies on nothing of issue.c but the
 * way key identifiers are made. Called by issue.c and by tests.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <openssl/evp.h>

#define MAX_EXTENSIONS (CMPSRV_MAX_EXTENSIONS + 16) /* with those of profile and CA */

typedef struct {
    const CMPSRV_CA *ca;
    const CMPSRV_DECISION *d;
    CMPSRV_CERT_VIEW v;
    CMPSRV_EXTENSION extensions[MAX_EXTENSIONS];
    size_t extensions_n;
    int has_key_usage; /* 1; 0: it is absent; -1: it is none */
    unsigned key_usage;
} LINT;

/* 1, or 0 with *want saying what should be there. */
typedef int (*RULE_FN)(const LINT *l, const char **want);

/* ---- fields ------------------------------------------------------------------------------------
 */

static int check_version(const LINT *l, const char **want)
{
    *want = "version 3";
    return l->v.version == 2;
}

static int check_serial_length(const LINT *l, const char **want)
{
    *want = "1 to 20 octets";
    return l->v.serial.n >= 1 && l->v.serial.n <= CMPSRV_MAX_SERIAL;
}

static int check_serial_positive(const LINT *l, const char **want)
{
    CMPSRV_SLICE s = l->v.serial;

    *want = "a positive number";
    return s.n > 0 && (s.p[0] & 0x80) == 0 && !(s.n == 1 && s.p[0] == 0);
}

static int check_serial_decided(const LINT *l, const char **want)
{
    *want = "the decided serial number";
    return l->d->serial_len == 0 ||
           cmpsrv_slice_eq(l->v.serial, cmpsrv_slice(l->d->serial, l->d->serial_len));
}

/* A root's own certificate is one of those that it issued. */
static int check_serial_not_own(const LINT *l, const char **want)
{
    const CMPSRV_CERT_VIEW *own = &l->ca->issuer.view;

    *want = "another one than the CA's own certificate has";
    return !(cmpsrv_slice_eq(own->issuer, l->v.issuer) &&
             cmpsrv_slice_eq(own->serial, l->v.serial));
}

static int check_signature_algorithm(const LINT *l, const char **want)
{
    *want = "the CA's algorithm";
    return cmpsrv_slice_eq(l->v.tbs_sig_alg, cmpsrv_bytes_slice(&l->ca->cert_sig_alg));
}

static int check_issuer(const LINT *l, const char **want)
{
    *want = "the CA's subject, byte for byte";
    return cmpsrv_slice_eq(l->v.issuer, cmpsrv_bytes_slice(&l->ca->issuer.subject));
}

static int check_validity_order(const LINT *l, const char **want)
{
    *want = "notBefore before notAfter";
    return l->v.not_before < l->v.not_after;
}

static int check_validity_inside(const LINT *l, const char **want)
{
    *want = "inside the CA's validity";
    return l->v.not_before >= l->ca->issuer.not_before && l->v.not_after <= l->ca->issuer.not_after;
}

static int check_validity_decided(const LINT *l, const char **want)
{
    *want = "the decided validity, in whole seconds";
    return l->v.not_before == l->d->not_before && l->v.not_after == l->d->not_after;
}

static int check_subject(const LINT *l, const char **want)
{
    *want = "the decided subject, byte for byte";
    return l->v.subject.n > 0 && cmpsrv_slice_eq(l->v.subject, cmpsrv_bytes_slice(&l->d->subject));
}

static int check_spki(const LINT *l, const char **want)
{
    *want = "the decided key, byte for byte";
    return l->v.spki.n > 0 && cmpsrv_slice_eq(l->v.spki, cmpsrv_bytes_slice(&l->d->spki));
}

/* ---- extensions --------------------------------------------------------------------------------
 */

static int read_extensions(LINT *l)
{
    CMPSRV_SLICE rest = l->v.extensions;

    while (rest.n > 0)
        if (l->extensions_n == MAX_EXTENSIONS ||
            !cmpsrv_extension_next(&rest, &l->extensions[l->extensions_n++]))
            return 0;
    return 1;
}

/* Content of the extension if it is there once: 1, else 0. */
static int find(const LINT *l, CMPSRV_SLICE oid, int *critical, CMPSRV_SLICE *value)
{
    size_t hits = 0;

    *critical = 0;
    for (size_t i = 0; i < l->extensions_n; i++) {
        if (!cmpsrv_slice_eq(l->extensions[i].oid, oid))
            continue;
        *critical = cmpsrv_extension_is_critical(&l->extensions[i]);
        *value = l->extensions[i].value;
        hits++;
    }
    return hits == 1;
}

static int is_absent(const LINT *l, CMPSRV_SLICE oid)
{
    for (size_t i = 0; i < l->extensions_n; i++)
        if (cmpsrv_slice_eq(l->extensions[i].oid, oid))
            return 0;
    return 1;
}

static int check_no_duplicates(const LINT *l, const char **want)
{
    *want = "each extension once";
    for (size_t i = 1; i < l->extensions_n; i++)
        for (size_t k = 0; k < i; k++)
            if (cmpsrv_slice_eq(l->extensions[i].oid, l->extensions[k].oid))
                return 0;
    return 1;
}

static int check_ski(const LINT *l, const char **want)
{
    unsigned char id[CA_KEY_ID];
    CMPSRV_SLICE value, octets;
    int critical;

    *want = "present, not critical, SHA-1 of the key";
    return find(l, CMPSRV_OID_SUBJECT_KEY_ID, &critical, &value) && !critical &&
           cmpsrv_der_get(&value, DER_OCTET_STRING, &octets) && value.n == 0 &&
           cmpsrv_ca_key_id(l->v.spki, id, NULL) &&
           cmpsrv_slice_eq(octets, cmpsrv_slice(id, sizeof(id)));
}

static int check_aki(const LINT *l, const char **want)
{
    CMPSRV_SLICE value, content, id;
    int critical;

    *want = "present, not critical, keyIdentifier is the CA's subjectKeyIdentifier";
    return find(l, CMPSRV_OID_AUTHORITY_KEY_ID, &critical, &value) && !critical &&
           cmpsrv_der_get(&value, DER_SEQUENCE, &content) && value.n == 0 &&
           cmpsrv_der_get(&content, DER_CONTEXT(0), &id) && content.n == 0 &&
           cmpsrv_slice_eq(id, cmpsrv_bytes_slice(&l->ca->issuer.ski));
}

/* An end entity's basicConstraints is an empty SEQUENCE: DER leaves cA FALSE out, and
 * pathLenConstraint is for CAs. */
static int check_basic_constraints(const LINT *l, const char **want)
{
    CMPSRV_SLICE value, content;
    int critical;

    *want = "neither cA nor pathLenConstraint";
    if (is_absent(l, CMPSRV_OID_BASIC_CONSTRAINTS))
        return 1;
    return find(l, CMPSRV_OID_BASIC_CONSTRAINTS, &critical, &value) &&
           cmpsrv_der_get(&value, DER_SEQUENCE, &content) && value.n == 0 && content.n == 0;
}

/* Named bits: bit 0 (digitalSignature) as 1 << 0. DER has no trailing zero bit, so an empty list
 * and more than nine bits are refused with it. */
static int read_key_usage(LINT *l)
{
    CMPSRV_SLICE value, content;
    unsigned unused, bits = 0;
    int critical;

    if (is_absent(l, CMPSRV_OID_KEY_USAGE))
        return 0;
    if (!find(l, CMPSRV_OID_KEY_USAGE, &critical, &value) ||
        !cmpsrv_der_get(&value, DER_BIT_STRING, &content) || value.n != 0 || content.n < 2 ||
        content.n > 3 || content.p[0] > 7)
        return -1;
    unused = content.p[0];
    for (unsigned i = 0; i < 8 * (content.n - 1); i++)
        if ((content.p[1 + i / 8] >> (7 - i % 8) & 1) != 0)
            bits |= 1U << i;
    l->key_usage = bits;
    return (content.p[content.n - 1] >> unused & 1) != 0 && bits < 1U << 9 ? 1 : -1;
}

enum {
    KU_BIT_KEY_ENCIPHERMENT = 1 << 2,
    KU_BIT_DATA_ENCIPHERMENT = 1 << 3,
    KU_BIT_KEY_AGREEMENT = 1 << 4,
    KU_BIT_KEY_CERT_SIGN = 1 << 5,
    KU_BIT_CRL_SIGN = 1 << 6
};

static int check_key_usage_form(const LINT *l, const char **want)
{
    *want = "a BIT STRING of one to nine named bits";
    return l->has_key_usage >= 0;
}

static int check_key_usage_decided(const LINT *l, const char **want)
{
    *want = "the decided key usage";
    return l->key_usage == l->d->key_usage;
}

static int check_key_usage_no_ca(const LINT *l, const char **want)
{
    *want = "neither keyCertSign nor cRLSign";
    return (l->key_usage & (KU_BIT_KEY_CERT_SIGN | KU_BIT_CRL_SIGN)) == 0;
}

/* RFC 8813 3 for EC, RFC 8410 5 for EdDSA. */
static int check_key_usage_fits(const LINT *l, const char **want)
{
    static const struct {
        const char *key_type;
        unsigned never;
    } t[] = {
        {"EC", KU_BIT_KEY_ENCIPHERMENT | KU_BIT_DATA_ENCIPHERMENT},
        {"ED25519", KU_BIT_KEY_ENCIPHERMENT | KU_BIT_DATA_ENCIPHERMENT | KU_BIT_KEY_AGREEMENT},
        {"ED448", KU_BIT_KEY_ENCIPHERMENT | KU_BIT_DATA_ENCIPHERMENT | KU_BIT_KEY_AGREEMENT},
    };

    *want = "a key usage that the key's algorithm can have";
    if (l->d->key == NULL)
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        if ((l->key_usage & t[i].never) != 0 && EVP_PKEY_is_a(l->d->key, t[i].key_type))
            return 0;
    return 1;
}

static int check_subject_alt_name(const LINT *l, const char **want)
{
    CMPSRV_SLICE value, names;
    int critical, no_subject = l->v.subject.n == 2; /* an empty SEQUENCE */

    *want = no_subject ? "present, critical and not empty, as the subject is empty" : "not empty";
    if (is_absent(l, CMPSRV_OID_SUBJECT_ALT_NAME))
        return !no_subject;
    return find(l, CMPSRV_OID_SUBJECT_ALT_NAME, &critical, &value) && (critical || !no_subject) &&
           cmpsrv_der_get(&value, DER_SEQUENCE, &names) && value.n == 0 && names.n > 0;
}

/* What the CA adds itself. */
static int is_of_ca(CMPSRV_SLICE oid)
{
    return cmpsrv_slice_eq(oid, CMPSRV_OID_SUBJECT_KEY_ID) ||
           cmpsrv_slice_eq(oid, CMPSRV_OID_AUTHORITY_KEY_ID) ||
           cmpsrv_slice_eq(oid, CMPSRV_OID_CRL_DISTRIBUTION_POINTS) ||
           cmpsrv_slice_eq(oid, CMPSRV_OID_AUTHORITY_INFO_ACCESS);
}

/* Walks both lists: the others must be those of the decision, all of them, in its order. */
static int check_extensions_decided(const LINT *l, const char **want)
{
    CMPSRV_SLICE rest = l->v.extensions, decided = cmpsrv_bytes_slice(&l->d->extensions);
    CMPSRV_SLICE have, must, tlv, content, oid;

    *want = "the decided extensions, byte for byte, and none but the CA's besides";
    while (rest.n > 0) {
        if (!cmpsrv_der_get_tlv(&rest, DER_SEQUENCE, &have))
            return 0;
        tlv = have;
        if (!cmpsrv_der_get(&tlv, DER_SEQUENCE, &content) ||
            !cmpsrv_der_get(&content, DER_OID, &oid))
            return 0;
        if (!is_of_ca(oid) &&
            (!cmpsrv_der_get_tlv(&decided, DER_SEQUENCE, &must) || !cmpsrv_slice_eq(have, must)))
            return 0;
    }
    return decided.n == 0;
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *section; /* of RFC 5280 */
    RULE_FN fn;
} rules[] = {
    {"version", "4.1.2.1", check_version},
    {"serialNumber length", "4.1.2.2", check_serial_length},
    {"serialNumber sign", "4.1.2.2", check_serial_positive},
    {"serialNumber", "4.1.2.2", check_serial_decided},
    {"serialNumber uniqueness", "4.1.2.2", check_serial_not_own},
    {"signature", "4.1.2.3", check_signature_algorithm},
    {"issuer", "4.1.2.4", check_issuer},
    {"validity order", "4.1.2.5", check_validity_order},
    {"validity bounds", "4.1.2.5", check_validity_inside},
    {"validity", "4.1.2.5", check_validity_decided},
    {"subject", "4.1.2.6", check_subject},
    {"subjectPublicKeyInfo", "4.1.2.7", check_spki},
    {"extensions", "4.2", check_no_duplicates},
    {"subjectKeyIdentifier", "4.2.1.2", check_ski},
    {"authorityKeyIdentifier", "4.2.1.1", check_aki},
    {"basicConstraints", "4.2.1.9", check_basic_constraints},
    {"keyUsage form", "4.2.1.3", check_key_usage_form},
    {"keyUsage of a CA", "4.2.1.3", check_key_usage_no_ca},
    {"keyUsage for the key", "4.2.1.3", check_key_usage_fits},
    {"keyUsage", "4.2.1.3", check_key_usage_decided},
    {"subjectAltName", "4.2.1.6", check_subject_alt_name},
    {"decided extensions", "4.2", check_extensions_decided},
};

int cmpsrv_lint_tbs(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE tbs,
                    CMPSRV_REFUSAL *why)
{
    LINT l;
    const char *want = "";

    l.ca = ca;
    l.d = d;
    l.extensions_n = 0;
    l.key_usage = 0;
    if (!cmpsrv_cert_view_tbs(tbs, &l.v, why))
        return 0;
    if (!read_extensions(&l))
        return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE,
                             "lint: extensions (RFC 5280 4.1): damaged, or more than %d",
                             MAX_EXTENSIONS);
    l.has_key_usage = read_key_usage(&l);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rules); i++)
        if (!rules[i].fn(&l, &want))
            return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE, "lint: %s (RFC 5280 %s): want %s",
                                 rules[i].name, rules[i].section, want);
    return 1;
}
