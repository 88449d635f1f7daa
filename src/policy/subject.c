/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose name the certificate has. An RA asks for any that the end entity profile takes; an end
 * entity gets the one it is registered with, or, where the certificate profile lets it choose,
 * another that is still its own and that the end entity profile takes. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"
#include "wire/names.h"

#include <string.h>

#include <openssl/crypto.h>

static const char KEY[] = "subject_dn";

/* ---- against the rows of the end entity profile ------------------------------------------------
 */

/* Every value of the row's attribute, and how many there are. */
static int check_row(const CMPSRV_CONF_EE_PROFILE *profile, const CMPSRV_CONF_FIELD *row,
                     CMPSRV_SLICE subject, CMPSRV_REFUSAL *why)
{
    char *value;
    size_t n = 0;
    int ok = 1;

    for (; ok && (value = cmpsrv_name_get(subject, row->name, n)) != NULL; n++) {
        ok = cmpsrv_field_check_value(profile, KEY, row, value, why);
        OPENSSL_free(value);
    }
    return ok && cmpsrv_field_check_count(profile, KEY, row, n, why);
}

/* What is left when all that is listed has gone. */
static int check_rest(const CMPSRV_CONF_EE_PROFILE *profile, CMPSRV_SLICE rest, CMPSRV_REFUSAL *why)
{
    char shown[160], *text;

    if (cmpsrv_name_is_empty(rest))
        return 1;
    if ((text = cmpsrv_name_text(rest)) == NULL)
        return cmpsrv_fail(why, "out of memory");
    cmpsrv_field_not_listed(profile, KEY,
                            cmpsrv_escape(cmpsrv_slice_str(text), shown, sizeof(shown)), why);
    OPENSSL_free(text);
    return 0;
}

static int check_no_multi_value(const CMPSRV_CONF_EE_PROFILE *profile, CMPSRV_SLICE subject,
                                CMPSRV_REFUSAL *why)
{
    CMPSRV_NAME_ATTRS attrs;

    return profile->allow_multi_value_rdns ||
           (cmpsrv_name_read(subject, &attrs, why) && attrs.n == attrs.rdns) ||
           cmpsrv_refuse(why, CMPSRV_R_PROFILE_NOT_FULFILLED,
                         "end entity profile %s: allow_multi_value_rdns: several attributes in "
                         "one RDN",
                         profile->name);
}

static int check_rows(const CMPSRV_CONF_EE_PROFILE *profile, CMPSRV_SLICE subject,
                      CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES rest = {0};
    int ok;

    if (profile->subject_dn.n == 0)
        return 1;
    ok = check_no_multi_value(profile, subject, why) &&
         (cmpsrv_bytes_set(&rest, subject) || cmpsrv_fail(why, "out of memory"));
    for (size_t i = 0; ok && i < profile->subject_dn.n; i++) {
        const CMPSRV_CONF_FIELD *row = &profile->subject_dn.v[i];
        CMPSRV_BYTES less = {0};

        ok = check_row(profile, row, subject, why) &&
             (cmpsrv_name_cut(cmpsrv_bytes_slice(&rest), row->name, &less) ||
              cmpsrv_fail(why, "end entity profile %s: %s: %s: cannot be cut", profile->name, KEY,
                          row->name));
        cmpsrv_bytes_clear(&rest);
        rest = less;
    }
    ok = ok && check_rest(profile, cmpsrv_bytes_slice(&rest), why);
    cmpsrv_bytes_clear(&rest);
    return ok;
}

/* ---- RA mode -----------------------------------------------------------------------------------
 */

static int has_type(const CMPSRV_NAME_ATTRS *attrs, CMPSRV_SLICE type)
{
    for (size_t i = 0; i < attrs->n; i++)
        if (cmpsrv_slice_eq(attrs->v[i].type, type))
            return 1;
    return 0;
}

/* One attribute more; 0 when there is no room. */
static int put_attribute(CMPSRV_NAME_PIECES *pieces, size_t rdn, const CMPSRV_NAME_ATTR *a)
{
    if (!cmpsrv_name_piece_begin(pieces, rdn))
        return 0;
    cmpsrv_derw_oid(&pieces->w, a->type);
    cmpsrv_derw_put(&pieces->w, a->tag, a->value);
    cmpsrv_name_piece_end(pieces);
    return 1;
}

/* What is asked for, and after it the attributes of types that only the other name has. */
static int put_merged(CMPSRV_NAME_PIECES *pieces, const CMPSRV_NAME_ATTRS *asked,
                      const CMPSRV_NAME_ATTRS *old)
{
    for (size_t i = 0; i < asked->n; i++)
        if (!put_attribute(pieces, asked->v[i].rdn, &asked->v[i]))
            return 0;
    for (size_t i = 0; i < old->n; i++)
        if (!has_type(asked, old->v[i].type) &&
            !put_attribute(pieces, asked->rdns + old->v[i].rdn, &old->v[i]))
            return 0;
    return 1;
}

/* EJBCA: "Allow merge DN". */
static int merge(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_NAME_PIECES pieces = {0};
    CMPSRV_NAME_ATTRS asked, old;

    if (!cmpsrv_name_read(in->request->subject, &asked, why))
        return 0;
    if (!cmpsrv_name_read(cmpsrv_bytes_slice(&in->existing->subject), &old, NULL))
        return cmpsrv_fail(why, "the subject of an end entity in the store is damaged");
    if (!put_merged(&pieces, &asked, &old)) {
        cmpsrv_derw_clear(&pieces.w);
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "merged name of more than %d attributes",
                             CMPSRV_NAME_MAX_ATTRS);
    }
    d->with_mods |= pieces.n > asked.n;
    if (!cmpsrv_name_assemble(&pieces, 0, &d->subject))
        return cmpsrv_fail(why, "out of memory");
    return cmpsrv_name_check(cmpsrv_bytes_slice(&d->subject), why);
}

static int choose_requested(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_EE_PROFILE *profile = in->target->ee_profile;
    int ok = profile->allow_merge_dn && in->existing != NULL && in->existing->subject.p != NULL
                 ? merge(in, d, why)
                 : cmpsrv_bytes_set(&d->subject, in->request->subject) ||
                       cmpsrv_fail(why, "out of memory");

    return ok && check_rows(profile, cmpsrv_bytes_slice(&d->subject), why);
}

/* ---- client mode -------------------------------------------------------------------------------
 */

/* What is asked for must be this end entity's, if anybody's: cmp-conformance.md 2.2. */
static int check_own(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->subject, own = cmpsrv_bytes_slice(&in->entity->subject);
    char *name;
    int is_own = cmpsrv_name_is_empty(asked) || cmpsrv_name_eq(asked, own);

    if (!is_own && (name = cmpsrv_username_of(in->target->alias, asked)) != NULL) {
        is_own = strcmp(name, in->entity->name) == 0;
        OPENSSL_free(name);
    }
    return is_own ||
           cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                         "RFC 9483 3.5: the subject is not end entity %s's", in->entity->name);
}

static int choose_registered(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->subject, chosen = cmpsrv_bytes_slice(&in->entity->subject);

    if (!check_own(in, why))
        return 0;
    if (in->target->cert_profile->allow_dn_override && !cmpsrv_name_is_empty(asked)) {
        if (!cmpsrv_name_eq(asked, chosen) && !check_rows(in->target->ee_profile, asked, why))
            return 0;
        chosen = asked;
    }
    d->with_mods |= !cmpsrv_slice_eq(asked, chosen);
    return cmpsrv_bytes_set(&d->subject, chosen) || cmpsrv_fail(why, "out of memory");
}

/* ---- both --------------------------------------------------------------------------------------
 */

int cmpsrv_decide_subject(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE san;

    if (!cmpsrv_name_check(in->request->subject, why) ||
        !(in->entity != NULL ? choose_registered : choose_requested)(in, d, why) ||
        !cmpsrv_granted_san(in, &san, why))
        return 0;
    if (cmpsrv_name_is_empty(cmpsrv_bytes_slice(&d->subject)) && san.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 5280 4.1.2.6: an empty subject needs a subjectAltName");
    if (!cmpsrv_name_hash(cmpsrv_bytes_slice(&d->subject), d->subject_hash, why))
        return 0;
    if (memcmp(d->subject_hash, in->ca_subject_hash, CMPSRV_HASH) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "the subject is the CA's");
    return 1;
}
