/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May they, and what exactly: what a request is aimed at, and ir, cr and p10cr as a checklist.
 * Takes const in, gives a decision out; writes nothing, reads no clock and no store. The one thing
 * that is not a function of its input is a random user name.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

#include <openssl/crypto.h>

static const CMPSRV_CONF_CERT_PROFILE *find_cert_profile(const CMPSRV_CONF *conf, const char *name)
{
    for (size_t i = 0; name != NULL && i < conf->cert_profiles_n; i++)
        if (strcmp(conf->cert_profiles[i].name, name) == 0)
            return &conf->cert_profiles[i];
    return NULL;
}

static const CMPSRV_CONF_EE_PROFILE *find_ee_profile(const CMPSRV_CONF *conf, const char *name)
{
    for (size_t i = 0; i < conf->ee_profiles_n; i++)
        if (strcmp(conf->ee_profiles[i].name, name) == 0)
            return &conf->ee_profiles[i];
    return NULL;
}

void cmpsrv_policy_resolve_entity(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias,
                                  const CMPSRV_END_ENTITY_ROW *entity, const CMPSRV_CONF_CA *ca,
                                  CMPSRV_TARGET *out)
{
    *out = (CMPSRV_TARGET){.alias = alias,
                           .ca = ca,
                           .ee_profile = find_ee_profile(conf, entity->end_entity_profile),
                           .cert_profile = find_cert_profile(conf, entity->certificate_profile)};
}

/* EJBCA: p10cr names no issuer, and goes to the default CA. */
static const CMPSRV_CONF_CA *resolve_ca(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias,
                                        int body, const char *key_id,
                                        const CMPSRV_CONF_EE_PROFILE *ee)
{
    if (body == CMPSRV_BODY_P10CR && alias->default_ca != NULL)
        return cmpsrv_conf_ca(conf, alias->default_ca);
    if (alias->ca_is_key_id)
        return cmpsrv_conf_ca(conf, key_id);
    if (alias->ca != NULL || ee == NULL)
        return alias->ca;
    return cmpsrv_conf_ca(conf, ee->default_ca);
}

static const CMPSRV_CONF_CERT_PROFILE *resolve_cert_profile(const CMPSRV_CONF *conf,
                                                            const CMPSRV_CONF_ALIAS *alias,
                                                            const char *key_id,
                                                            const CMPSRV_CONF_EE_PROFILE *ee)
{
    if (alias->cert_profile_is_key_id)
        return find_cert_profile(conf, key_id);
    if (alias->cert_profile != NULL || ee == NULL)
        return alias->cert_profile;
    return find_cert_profile(conf, ee->default_certificate_profile);
}

void cmpsrv_policy_resolve(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias, int body,
                           CMPSRV_SLICE sender_kid, CMPSRV_TARGET *out)
{
    char key_id[CMPSRV_KEY_ID_SIZE];

    cmpsrv_key_id(sender_kid, key_id);
    *out = (CMPSRV_TARGET){.alias = alias, .ee_profile = alias->ee_profile};
    if (alias->ee_profile_is_key_id)
        out->ee_profile = find_ee_profile(conf, key_id);
    out->ca = resolve_ca(conf, alias, body, key_id, out->ee_profile);
    out->cert_profile = resolve_cert_profile(conf, alias, key_id, out->ee_profile);
}

/* ---- checks
 * -------------------------------------------------------------------------------------------------
 */

static int check_target(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_TARGET *t = in->target;

    (void)d;
    if (t->ee_profile == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NO_SUCH_PROFILE, "no end entity profile of that name");
    if (t->ca == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_WRONG_AUTHORITY, "no CA for this request");
    if (t->cert_profile == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NO_SUCH_PROFILE, "no certificate profile of that name");
    if (!cmpsrv_conf_is_listed(&t->ee_profile->available_cas, t->ca->name) ||
        !cmpsrv_conf_is_listed(&t->cert_profile->available_cas, t->ca->name))
        return cmpsrv_refuse(why, CMPSRV_R_WRONG_AUTHORITY,
                             "CA %s is not available in the profiles", t->ca->name);
    if (!cmpsrv_conf_is_listed(&t->ee_profile->available_certificate_profiles,
                               t->cert_profile->name))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "certificate profile %s is not available", t->cert_profile->name);
    return 1;
}

static int check_issuer(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE issuer = in->request->issuer;

    (void)d;
    if (issuer.p == NULL || cmpsrv_name_is_empty(issuer) || cmpsrv_name_eq(issuer, in->ca_subject))
        return 1;
    return cmpsrv_refuse(why, CMPSRV_R_WRONG_AUTHORITY, "the template's issuer is not CA %s",
                         in->target->ca->name);
}

/* regInfo certReq would replace the template (RFC 4211 7.2); what else is in controls and regInfo
 * is not acted upon. */
static int check_reg_info(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    static const CMPSRV_SLICE cert_req = DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x05\x02\x02");
    CMPSRV_SLICE list = in->request->reg_info, seq, type;

    (void)d;
    while (list.n > 0) {
        if (!cmpsrv_der_get(&list, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_OID, &type))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 4211 3: damaged regInfo");
        if (cmpsrv_slice_eq(type, cert_req))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST,
                                 "RFC 4211 7.2: regInfo certReq is not taken");
    }
    return 1;
}

/* The name is made of what was asked for: what is merged into the subject makes it nobody else's.
 */
static char *choose_name(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    const char *known = in->entity != NULL ? in->entity->name : in->username;
    char *name;

    if (known == NULL)
        return cmpsrv_username_make(in->target->alias, in->request->subject, why);
    if ((name = OPENSSL_strdup(known)) == NULL)
        cmpsrv_fail(why, "out of memory");
    return name;
}

/* Who the certificate is for, in the terms of the store. */
static int decide_names(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    if ((d->end_entity = choose_name(in, why)) == NULL)
        return 0;
    d->end_entity_profile = OPENSSL_strdup(in->target->ee_profile->name);
    d->certificate_profile = OPENSSL_strdup(in->target->cert_profile->name);
    if (d->end_entity_profile == NULL || d->certificate_profile == NULL)
        return cmpsrv_fail(why, "out of memory");
    return cmpsrv_sha256(cmpsrv_bytes_slice(&d->spki), d->spki_hash) ||
           cmpsrv_fail(why, "cannot hash the key");
}

CMPSRV_DECISION *cmpsrv_policy_decide_cert(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why)
{
    static int (*const checks[])(const CMPSRV_POLICY_INPUT *, CMPSRV_DECISION *,
                                 CMPSRV_REFUSAL *) = {
        check_target,           cmpsrv_check_template,    check_issuer,      check_reg_info,
        cmpsrv_decide_serial,   cmpsrv_decide_subject,    cmpsrv_decide_key, cmpsrv_check_pop,
        cmpsrv_decide_validity, cmpsrv_decide_extensions, decide_names,
    };
    CMPSRV_DECISION *d = OPENSSL_zalloc(sizeof(*d));

    if (d == NULL)
        cmpsrv_fail(why, "out of memory");
    for (size_t i = 0; d != NULL && i < CMPSRV_ARRAY_SIZE(checks); i++)
        if (!checks[i](in, d, why)) {
            cmpsrv_decision_free(d);
            d = NULL;
        }
    return d;
}
