/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases: whom they serve, with which CA and profiles, and what their keys need of each other.
 * Resolves the names in an alias to pointers. Called by check.c.
 */
#include "config.h"

#include "conf/check_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- DN attributes -----------------------------------------------------------------------------
 */

/* DN: the whole subject. */
int cmpsrv_conf_is_dn_attribute(const char *name)
{
    return OPENSSL_strcasecmp(name, "DN") == 0 || cmpsrv_conf_attribute_oid(name) != NULL;
}

/* ---- aliases: who serves ----------------------------------------------------------------------
 */

int cmpsrv_conf_is_word(const char *name, const char *word)
{
    return name != NULL && strcmp(name, word) == 0;
}

/* A name, rather than KeyId or ProfileDefault. */
static int is_name(const char *name)
{
    return name != NULL && strcmp(name, CONF_KEY_ID_REF) != 0 &&
           strcmp(name, CONF_DEFAULT_REF) != 0;
}

/* The alias's CA or certificate profile after ProfileDefault was looked up, for the checks; NULL
 * where the request tells. */
typedef struct effective_st {
    const CMPSRV_CONF_CA *ca;
    const CMPSRV_CONF_CERT_PROFILE *cert_profile;
} EFFECTIVE;

/* A key of an alias that may say ProfileDefault, and what that means. */
typedef struct defaulted_st {
    const char *key, *section;
    const char *dflt_key;
    size_t dflt; /* offset of a char * in CMPSRV_CONF_EE_PROFILE */
} DEFAULTED;

static const DEFAULTED ca_of = {"ra.caname", "cas", "default_ca",
                                offsetof(CMPSRV_CONF_EE_PROFILE, default_ca)};
static const DEFAULTED cert_profile_of = {
    "ra.certificateprofile", "certificate_profiles", "default_certificate_profile",
    offsetof(CMPSRV_CONF_EE_PROFILE, default_certificate_profile)};

static const char *get_default(const DEFAULTED *d, const CMPSRV_CONF_EE_PROFILE *ee)
{
    const char *name;

    memcpy(&name, (const char *)ee + d->dflt, sizeof(name));
    return name;
}

/* Of the end entity profile that the alias names. */
static const void *resolve_default(CONF_LOAD *l, const CONF_ENTRY *e, const DEFAULTED *d,
                                   const CMPSRV_CONF_EE_PROFILE *ee)
{
    const CONF_ENTRY *target;
    char quoted[80];

    if (ee == NULL) /* refused already */
        return NULL;
    if (get_default(d, ee) == NULL) {
        complain_at(l, e, d->key, "ProfileDefault, but end entity profile %s has no %s",
                    cmpsrv_conf_quote(ee->name, quoted), d->dflt_key);
        return NULL;
    }
    /* A name that leads nowhere was reported with the profile. */
    target = cmpsrv_conf_entry(l, d->section, get_default(d, ee));
    return target == NULL ? NULL : target->pub;
}

/* The request names the end entity profile: one at least must do. */
static void check_any_default(CONF_LOAD *l, const CONF_ENTRY *e, const DEFAULTED *d)
{
    for (size_t i = 0; i < l->conf->ee_profiles_n; i++)
        if (get_default(d, &l->conf->ee_profiles[i]) != NULL)
            return;
    complain_at(l, e, d->key, "ProfileDefault, but no end entity profile has a %s", d->dflt_key);
}

/* What `name` under the key means: itself, or what the end entity profile has for ProfileDefault.
 * NULL where the request tells, or with an error. */
static const void *resolve(CONF_LOAD *l, const CONF_ENTRY *e, const DEFAULTED *d, const char *name,
                           const CMPSRV_CONF_ALIAS *a)
{
    if (is_name(name))
        return cmpsrv_conf_check_name(l, e, d->key, d->section, name);
    if (!cmpsrv_conf_is_word(name, CONF_DEFAULT_REF))
        return NULL;
    if (!a->ee_profile_is_key_id)
        return resolve_default(l, e, d, a->ee_profile);
    check_any_default(l, e, d);
    return NULL;
}

/* An error at the key when what it names is not among those that the profile allows. */
static void check_available(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, const char *name,
                            const CMPSRV_CONF_LIST *list, const char *profile, const char *list_key)
{
    char quoted[80], quoted_profile[80];

    if (!cmpsrv_conf_is_listed(list, name))
        complain_at(l, e, key, "\"%s\" is not one of %s of profile %s",
                    cmpsrv_conf_quote(name, quoted), list_key,
                    cmpsrv_conf_quote(profile, quoted_profile));
}

static EFFECTIVE resolve_profiles(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a)
{
    const CONF_ALIAS_ENTRY *x = e->obj;
    EFFECTIVE eff;

    a->ee_profile_is_key_id = cmpsrv_conf_is_word(x->ee_profile, CONF_KEY_ID_REF);
    a->cert_profile_is_key_id = cmpsrv_conf_is_word(x->cert_profile, CONF_KEY_ID_REF);
    a->ca_is_key_id = cmpsrv_conf_is_word(x->ca, CONF_KEY_ID_REF);
    if (!a->ee_profile_is_key_id)
        a->ee_profile = cmpsrv_conf_check_name(l, e, "ra.endentityprofile", "end_entity_profiles",
                                               x->ee_profile);
    eff.ca = resolve(l, e, &ca_of, x->ca, a);
    eff.cert_profile = resolve(l, e, &cert_profile_of, x->cert_profile, a);
    a->ca = is_name(x->ca) ? eff.ca : NULL;
    a->cert_profile = is_name(x->cert_profile) ? eff.cert_profile : NULL;
    return eff;
}

static EFFECTIVE check_profiles(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a)
{
    EFFECTIVE eff = resolve_profiles(l, e, a);
    const CMPSRV_CONF_EE_PROFILE *ee = a->ee_profile;

    if (ee != NULL && a->ca != NULL)
        check_available(l, e, ca_of.key, a->ca->name, &ee->available_cas, ee->name,
                        "available_cas");
    if (ee != NULL && a->cert_profile != NULL)
        check_available(l, e, cert_profile_of.key, a->cert_profile->name,
                        &ee->available_certificate_profiles, ee->name,
                        "available_certificate_profiles");
    if (eff.ca != NULL && eff.cert_profile != NULL)
        check_available(l, e, ca_of.key, eff.ca->name, &eff.cert_profile->available_cas,
                        eff.cert_profile->name, "available_cas");
    return eff;
}

/* RA mode: the request and the ra.* keys tell whom it serves. */
static void check_ra_mode(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    if (a->cas.n > 0)
        complain_at(l, e, "cas", "for client mode; in RA mode ra.caname names the CA");
    if (a->end_entity_profiles.n > 0)
        complain_at(l, e, "end_entity_profiles",
                    "for client mode; in RA mode ra.endentityprofile names the profile");
}

/* ---- aliases: usernames -----------------------------------------------------------------------
 */

static void check_dn_scheme(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    char quoted[80];

    for (size_t i = 0; i < a->namegeneration_parameters.n; i++)
        if (!cmpsrv_conf_is_dn_attribute(a->namegeneration_parameters.v[i]))
            complain_at(l, e, "ra.namegenerationparameters",
                        "\"%s\" is no DN attribute; allowed: CN, UID, serialNumber, ... or a "
                        "dotted OID",
                        cmpsrv_conf_quote(a->namegeneration_parameters.v[i], quoted));
}

static void check_fixed_scheme(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    static const char key[] = "ra.namegenerationparameters";
    size_t n;

    if (cmpsrv_conf_given(e, key) == NULL) {
        complain_at(l, e, "ra.namegenerationscheme", "FIXED needs %s", key);
        return;
    }
    if (a->namegeneration_parameters.n != 1) {
        complain_at(l, e, key, "%zu names; allowed: one with FIXED",
                    a->namegeneration_parameters.n);
        return;
    }
    n = strlen(a->namegeneration_parameters.v[0]) + strlen(a->namegeneration_prefix) +
        strlen(a->namegeneration_postfix);
    if (n > CONF_MAX_USERNAME)
        complain_at(l, e, key, "with prefix and postfix %zu octets; allowed: %d", n,
                    CONF_MAX_USERNAME);
}

static void check_names_made(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    static const char *const keys[] = {"ra.namegenerationscheme", "ra.namegenerationparameters",
                                       "ra.namegenerationprefix", "ra.namegenerationpostfix"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        if (cmpsrv_conf_is_bad(e, keys[i]))
            return;
    if (a->namegeneration_scheme == CMPSRV_USERNAME_DN)
        check_dn_scheme(l, e, a);
    else if (a->namegeneration_scheme == CMPSRV_USERNAME_FIXED)
        check_fixed_scheme(l, e, a);
}

/* A name that is of no use here, but leads nowhere, is still a mistake. */
static void check_unused(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, const char *section,
                         const char *name)
{
    if (cmpsrv_conf_given(e, key) != NULL && is_name(name))
        cmpsrv_conf_check_name(l, e, key, section, name);
}

/* Client mode: CA and profiles are the end entity's. */
static void check_client(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    const CONF_ALIAS_ENTRY *x = e->obj;
    const CONF_ENTRY *server = cmpsrv_conf_entry(l, "server", NULL);
    char quoted[80];

    check_unused(l, e, "ra.endentityprofile", "end_entity_profiles", x->ee_profile);
    check_unused(l, e, "ra.certificateprofile", "certificate_profiles", x->cert_profile);
    check_unused(l, e, "ra.caname", "cas", x->ca);
    cmpsrv_conf_check_names(l, e, "cas", "cas", &a->cas);
    cmpsrv_conf_check_names(l, e, "end_entity_profiles", "end_entity_profiles",
                            &a->end_entity_profiles);
    if (a->response_protection == CMPSRV_RESPONSE_PBE)
        complain_at(l, e, "responseprotection",
                    "pbe in client mode, where EJBCA signs; allowed: signature or mirror");
    if (!cmpsrv_conf_is_bad(e, "extractusernamecomponent") &&
        !cmpsrv_conf_is_dn_attribute(a->username_component))
        complain_at(l, e, "extractusernamecomponent", "\"%s\" is no DN attribute",
                    cmpsrv_conf_quote(a->username_component, quoted));
    if (server == NULL || cmpsrv_conf_given(server, "store_key") == NULL)
        complain_at(l, e, "operationmode",
                    "client needs server.store_key, which protects the codes");
}

/* ---- aliases: vendor mode ---------------------------------------------------------------------
 */

static int has_module(const CMPSRV_CONF_ALIAS *a, const char *name)
{
    for (size_t i = 0; i < a->modules_n; i++)
        if (strcmp(a->modules[i].name, name) == 0)
            return 1;
    return 0;
}

/* A certificate of a vendor's CA stands for the end entity that an attribute of its subject names.
 */
static void check_vendor_mode(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    static const char key[] = "vendorcertificatemode";

    if (a->ra_mode) {
        complain_at(l, e, key, "yes in RA mode; allowed: operationmode client");
        return;
    }
    if (a->modules_n > 0 && !has_module(a, "EndEntityCertificate"))
        complain_at(l, e, key, "yes needs EndEntityCertificate among authenticationmodule");
    if (a->vendor_cas.n == 0 && !cmpsrv_conf_is_bad(e, "vendorca"))
        complain_at(l, e, key, "yes needs vendorca; allowed: any of vendor_cas: %s",
                    cmpsrv_conf_known_names(l, "vendor_cas"));
    if (!cmpsrv_conf_is_bad(e, "extractusernamecomponent") &&
        strcmp(a->username_component, "DN") == 0)
        complain_at(l, e,
                    cmpsrv_conf_given(e, "extractusernamecomponent") == NULL
                        ? key
                        : "extractusernamecomponent",
                    "vendorcertificatemode needs the attribute that is the username; allowed as "
                    "extractusernamecomponent: CN, UID, serialNumber, ... or a dotted OID");
}

static void check_vendor(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    cmpsrv_conf_check_names(l, e, "vendorca", "vendor_cas", &a->vendor_cas);
    if (cmpsrv_conf_is_bad(e, "vendorcertificatemode"))
        return;
    if (a->vendor_mode)
        check_vendor_mode(l, e, a);
    else if (a->vendor_cas.n > 0)
        complain_at(l, e, "vendorca", "stands without vendorcertificatemode: yes");
}

void cmpsrv_conf_check_alias(CONF_LOAD *l, CONF_ENTRY *e)
{
    CMPSRV_CONF_ALIAS *a = e->pub;
    EFFECTIVE eff = {NULL, NULL};

    if (cmpsrv_conf_is_bad(e, "operationmode"))
        return;
    if (a->ra_mode) {
        eff = check_profiles(l, e, a);
        check_ra_mode(l, e, a);
    } else {
        check_client(l, e, a);
    }
    cmpsrv_conf_check_name(l, e, "defaultca", "cas", a->default_ca);
    cmpsrv_conf_check_names(l, e, "response.capubsca", "cas", &a->capubs_cas);
    cmpsrv_conf_check_names(l, e, "response.extracertsca", "cas", &a->extracerts_cas);
    cmpsrv_conf_check_modules(l, e, a, eff.ca);
    check_names_made(l, e, a);
    check_vendor(l, e, a);
}
