/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate profile's side: key, validity, extensions. Nothing that was asked for can be
 * overridden yet, but for the subjectAltName; what was asked for and is given otherwise makes the
 * answer grantedWithMods.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

#include <openssl/evp.h>

#define MINUTE INT64_C(60000)

enum { KU_ENCIPHER = 4 | 8, KU_AGREE = 16, KU_SIGNS_CERTS = 32 | 64 };

/* ---- key
 * ---------------------------------------------------------------------------------------------------------
 */

static int make_spki(CMPSRV_SLICE content, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_put(&w, DER_SEQUENCE, content);
    return cmpsrv_derw_finish(&w, out);
}

static int is_listed(const CMPSRV_CONF_LIST *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0)
            return 1;
    return 0;
}

int cmpsrv_decide_key(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_TARGET *t = in->target;
    char name[32];

    if (!make_spki(in->request->spki, &d->spki))
        return cmpsrv_fail(why, "out of memory");
    if (cmpsrv_slice_eq(cmpsrv_bytes_slice(&d->spki), in->ca_spki))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY, "public key: it is the CA's");
    if (!cmpsrv_pubkey_decode(in->libctx, in->propq, in->request->spki, &d->key, name, why))
        return 0;
    if (cmpsrv_key_is_rsa(d->key) && EVP_PKEY_get_bits(d->key) < t->alias->min_rsa_bits)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY, "public key: %s, and min_rsa_bits is %lld",
                             name, (long long)t->alias->min_rsa_bits);
    if (!is_listed(&t->cert_profile->key_algorithms, name))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY,
                             "public key: %s is not in key_algorithms of profile %s", name,
                             t->cert_profile->name);
    return 1;
}

/* ---- validity
 * -----------------------------------------------------------------------------------------------------
 */

static int64_t whole_seconds(int64_t ms)
{
    return ms - ms % 1000;
}

int cmpsrv_decide_validity(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CERT_REQUEST *r = in->request;
    int64_t from = whole_seconds(in->now - 10 * MINUTE); /* clocks of devices are late */
    int64_t to = whole_seconds(in->now + in->target->cert_profile->validity);

    if (in->now < in->ca_not_before || in->now >= in->ca_not_after)
        return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_UNAVAIL, "CA %s is not valid now",
                             in->target->ca->name);
    d->not_before = from < in->ca_not_before ? in->ca_not_before : from;
    d->not_after = to > in->ca_not_after ? in->ca_not_after : to;
    if ((r->has_not_before && r->not_before != d->not_before) ||
        (r->has_not_after && r->not_after != d->not_after))
        d->with_mods = 1;
    return 1;
}

/* ---- extensions
 * ---------------------------------------------------------------------------------------------------
 */

/* The profile's key usage less what a key of this type cannot do (RFC 8813, RFC 8410, RFC 3279). */
static unsigned fitting_key_usage(const CMPSRV_POLICY_INPUT *in, const EVP_PKEY *key)
{
    unsigned usage = in->target->cert_profile->key_usage & ~(unsigned)KU_SIGNS_CERTS;

    if (!EVP_PKEY_is_a(key, "RSA"))
        usage &= ~(unsigned)KU_ENCIPHER;
    if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC"))
        usage &= ~(unsigned)KU_AGREE;
    return usage;
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

static void put_extensions(CMPSRV_DERW *w, const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d,
                           CMPSRV_SLICE san)
{
    CMPSRV_DERW v = {0};

    cmpsrv_extension_put(w, CMPSRV_OID_BASIC_CONSTRAINTS, 1, cmpsrv_slice("\x30\x00", 2));
    if ((d->key_usage = fitting_key_usage(in, d->key)) != 0) {
        cmpsrv_derw_named_bits(&v, d->key_usage);
        cmpsrv_extension_put_built(w, CMPSRV_OID_KEY_USAGE, 1, &v);
    }
    put_extended_key_usage(w, &in->target->cert_profile->extended_key_usage);
    if (san.p != NULL)
        cmpsrv_extension_put(w, CMPSRV_OID_SUBJECT_ALT_NAME,
                             cmpsrv_name_is_empty(cmpsrv_bytes_slice(&d->subject)), san);
}

/* Asking to become a CA is refused, not overlooked: basicConstraints cA, and keyUsage that signs
 * certificates or CRLs. */
static int check_escalation(CMPSRV_SLICE extensions, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE value, seq, ca, bits;

    if (cmpsrv_extension_find(extensions, CMPSRV_OID_BASIC_CONSTRAINTS, NULL, &value) == 1 &&
        (!cmpsrv_der_get(&value, DER_SEQUENCE, &seq) || !cmpsrv_der_opt(&seq, DER_BOOLEAN, &ca) ||
         (ca.n == 1 && ca.p[0] != 0) || seq.n > 0))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 9810 8.10: basicConstraints of a CA is asked for");
    if (cmpsrv_extension_find(extensions, CMPSRV_OID_KEY_USAGE, NULL, &value) == 1 &&
        (!cmpsrv_der_get(&value, DER_BIT_STRING, &bits) || bits.n < 1 ||
         (bits.n > 1 && (bits.p[1] & 0x06) != 0)))
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_CERT_TEMPLATE,
            "RFC 9810 8.10: keyCertSign or cRLSign is asked for, or damaged keyUsage");
    return 1;
}

/* Whether every extension that is asked for stands in the decision with the same value. */
static int all_granted(CMPSRV_SLICE asked, CMPSRV_SLICE given)
{
    CMPSRV_SLICE seq, oid, want, have;

    while (asked.n > 0) {
        CMPSRV_SLICE one = asked;

        if (!cmpsrv_der_get(&asked, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_OID, &oid) ||
            cmpsrv_extension_find(cmpsrv_slice(one.p, (size_t)(asked.p - one.p)), oid, NULL,
                                  &want) != 1 ||
            cmpsrv_extension_find(given, oid, NULL, &have) != 1 || !cmpsrv_slice_eq(want, have))
            return 0;
    }
    return 1;
}

int cmpsrv_decide_extensions(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->extensions, san;
    CMPSRV_DERW w = {0};

    if ((asked.p != NULL && !check_escalation(asked, why)) ||
        !cmpsrv_requested_san(in->request, &san, why))
        return 0;
    if (in->entity != NULL) /* as registered, which has none yet */
        san = cmpsrv_slice(NULL, 0);
    put_extensions(&w, in, d, san);
    if (!cmpsrv_derw_finish(&w, &d->extensions))
        return cmpsrv_fail(why, "out of memory");
    if (asked.p != NULL && !all_granted(asked, cmpsrv_bytes_slice(&d->extensions)))
        d->with_mods = 1;
    return 1;
}
