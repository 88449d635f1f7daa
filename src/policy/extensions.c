/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions of the certificate: those of the certificate profile, and what a request may bring
 * itself. What was asked for and is given otherwise, or not at all, makes the answer
 * grantedWithMods. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

enum { MAX_DEPTH = 16, MAX_ELEMENTS = 1000, MAX_OID_TEXT = 256 };

/* What a request never brings, whatever the profile lists: the CA's own word, what makes a CA or
 * limits one, and what has a switch of its own. */
static const CMPSRV_SLICE never[] = {
    OID("\x55\x1d\x0e"),                             /* subjectKeyIdentifier */
    OID("\x55\x1d\x23"),                             /* authorityKeyIdentifier */
    OID("\x55\x1d\x13"),                             /* basicConstraints */
    OID("\x55\x1d\x0f"),                             /* keyUsage: allow_key_usage_override */
    OID("\x55\x1d\x11"),                             /* subjectAltName: san.c */
    OID("\x55\x1d\x12"),                             /* issuerAltName */
    OID("\x55\x1d\x1e"),                             /* nameConstraints */
    OID("\x55\x1d\x24"),                             /* policyConstraints */
    OID("\x55\x1d\x21"),                             /* policyMappings */
    OID("\x55\x1d\x36"),                             /* inhibitAnyPolicy */
    OID("\x55\x1d\x1f"),                             /* cRLDistributionPoints */
    OID("\x55\x1d\x2e"),                             /* freshestCRL */
    OID("\x2b\x06\x01\x05\x05\x07\x01\x01"),         /* authorityInfoAccess */
    OID("\x2b\x06\x01\x05\x05\x07\x01\x0b"),         /* subjectInfoAccess */
    OID("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"), /* list of SCTs, RFC 6962 3.3 */
    OID("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"), /* poison, RFC 6962 3.1 */
    OID("\x2b\x06\x01\x05\x05\x07\x30\x01\x05"),     /* OCSP no-check, RFC 6960 4.2.2.2.1 */
    OID("\x60\x86\x48\x01\x86\xf8\x42\x01\x01"),     /* Netscape cert type */
};

/* ---- what a request may bring ------------------------------------------------------------------
 */

int cmpsrv_may_override(const CMPSRV_CONF_CERT_PROFILE *profile, CMPSRV_SLICE oid)
{
    char text[MAX_OID_TEXT];

    if (!profile->allow_extension_override ||
        strcmp(cmpsrv_der_oid_text(oid, text, sizeof(text)), "?") == 0)
        return 0;
    return cmpsrv_conf_is_listed(&profile->overridable_extensions, text) &&
           !cmpsrv_policy_is_in(&profile->non_overridable_extensions, text);
}

/* Whoever reads a certificate must understand what is critical in it; so must we, or the operator
 * who listed it. */
static int is_understood(const CMPSRV_CONF_CERT_PROFILE *profile, CMPSRV_SLICE oid)
{
    char text[MAX_OID_TEXT];

    return cmpsrv_slice_eq(oid, CMPSRV_OID_EXT_KEY_USAGE) ||
           cmpsrv_policy_is_in(&profile->overridable_extensions,
                               cmpsrv_der_oid_text(oid, text, sizeof(text)));
}

static int is_never(CMPSRV_SLICE oid)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(never); i++)
        if (cmpsrv_slice_eq(oid, never[i]))
            return 1;
    return 0;
}

typedef struct {
    CMPSRV_SLICE oid, value;
    int critical;
} EXTENSION;

/* Takes the next one off a list that is not empty. */
static int next_extension(CMPSRV_SLICE *list, EXTENSION *e)
{
    CMPSRV_SLICE tlv, seq, rest;

    if (!cmpsrv_der_get_tlv(list, DER_SEQUENCE, &tlv))
        return 0;
    rest = tlv;
    return cmpsrv_der_get(&rest, DER_SEQUENCE, &seq) && cmpsrv_der_get(&seq, DER_OID, &e->oid) &&
           cmpsrv_extension_find(tlv, e->oid, &e->critical, &e->value) == 1;
}

static int is_copied(const CMPSRV_CONF_CERT_PROFILE *profile, const EXTENSION *e)
{
    return !is_never(e->oid) && cmpsrv_may_override(profile, e->oid) &&
           (!e->critical || is_understood(profile, e->oid));
}

/* In the request's order, each as critical as it was. */
static int copy_requested(CMPSRV_DERW *w, const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->extensions;
    char oid[MAX_OID_TEXT];
    EXTENSION e;

    while (asked.n > 0) {
        if (!next_extension(&asked, &e))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 5280 4.1: damaged extension");
        if (!is_copied(in->target->cert_profile, &e))
            continue;
        if (!cmpsrv_der_check(e.value, MAX_DEPTH, MAX_ELEMENTS, NULL))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                                 "RFC 5280 4.2: the value of extension %s is no DER",
                                 cmpsrv_der_oid_text(e.oid, oid, sizeof(oid)));
        cmpsrv_extension_put(w, e.oid, e.critical, e.value);
    }
    return 1;
}

/* Asking to become a CA is refused, not overlooked. */
static int check_basic_constraints(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE value, seq, ca;

    if (in->request->extensions.p != NULL &&
        cmpsrv_extension_find(in->request->extensions, CMPSRV_OID_BASIC_CONSTRAINTS, NULL,
                              &value) == 1 &&
        (!cmpsrv_der_get(&value, DER_SEQUENCE, &seq) || !cmpsrv_der_opt(&seq, DER_BOOLEAN, &ca) ||
         (ca.n == 1 && ca.p[0] != 0) || seq.n > 0))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 9810 8.10: basicConstraints of a CA is asked for");
    return 1;
}

/* ---- the profile's -----------------------------------------------------------------------------
 */

static void put_key_usage(CMPSRV_DERW *w, unsigned usage)
{
    CMPSRV_DERW v = {0};

    if (usage == 0)
        return;
    cmpsrv_derw_named_bits(&v, usage);
    cmpsrv_extension_put_built(w, CMPSRV_OID_KEY_USAGE, 1, &v);
}

static void put_extended_key_usage(CMPSRV_DERW *w, const CMPSRV_CONF_LIST *oids)
{
    CMPSRV_DERW v = {0};

    if (oids->n == 0)
        return;
    cmpsrv_derw_begin(&v, DER_SEQUENCE);
    for (size_t i = 0; i < oids->n; i++)
        cmpsrv_derw_oid_text(&v, oids->v[i]);
    cmpsrv_derw_end(&v);
    cmpsrv_extension_put_built(w, CMPSRV_OID_EXT_KEY_USAGE, 0, &v);
}

/* Without extKeyUsage where the request's is copied. */
static void put_decided(CMPSRV_DERW *w, const CMPSRV_POLICY_INPUT *in, const CMPSRV_DECISION *d,
                        CMPSRV_SLICE san)
{
    const CMPSRV_CONF_CERT_PROFILE *profile = in->target->cert_profile;
    CMPSRV_SLICE asked = in->request->extensions;

    cmpsrv_extension_put(w, CMPSRV_OID_BASIC_CONSTRAINTS, 1, cmpsrv_slice("\x30\x00", 2));
    put_key_usage(w, d->key_usage);
    if (asked.p == NULL || !cmpsrv_may_override(profile, CMPSRV_OID_EXT_KEY_USAGE) ||
        cmpsrv_extension_find(asked, CMPSRV_OID_EXT_KEY_USAGE, NULL, NULL) != 1)
        put_extended_key_usage(w, &profile->extended_key_usage);
    if (san.p != NULL)
        cmpsrv_extension_put(w, CMPSRV_OID_SUBJECT_ALT_NAME,
                             cmpsrv_name_is_empty(cmpsrv_bytes_slice(&d->subject)), san);
}

/* ---- all together ------------------------------------------------------------------------------
 */

/* Whether every extension that is asked for stands in the decision with the same value. */
static int all_granted(CMPSRV_SLICE asked, CMPSRV_SLICE given)
{
    CMPSRV_SLICE have;
    EXTENSION want;

    while (asked.n > 0)
        if (!next_extension(&asked, &want) ||
            cmpsrv_extension_find(given, want.oid, NULL, &have) != 1 ||
            !cmpsrv_slice_eq(want.value, have))
            return 0;
    return 1;
}

int cmpsrv_decide_extensions(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->extensions, san;
    CMPSRV_DERW w = {0};

    if (!check_basic_constraints(in, why) || !cmpsrv_decide_key_usage(in, d, why) ||
        !cmpsrv_check_ext_key_usage(in, why) || !cmpsrv_granted_san(in, &san, why))
        return 0;
    put_decided(&w, in, d, san);
    if (!copy_requested(&w, in, why)) {
        cmpsrv_derw_clear(&w);
        return 0;
    }
    if (!cmpsrv_derw_finish(&w, &d->extensions))
        return cmpsrv_fail(why, "out of memory");
    if (asked.p != NULL && !all_granted(asked, cmpsrv_bytes_slice(&d->extensions)))
        d->with_mods = 1;
    return 1;
}
