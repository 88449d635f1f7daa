/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must fit together: references, lists of equal length, secrets that somebody must have.
 * Errors here name the line of the setting that is at fault.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>

#include "conf/conf_local.h"

static int is_any(const char *name)
{
    return name != NULL && strcmp(name, "ProfileDefault") == 0;
}

static const CMPSRV_CONF_CERT_PROFILE *find_cert_profile(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->cert_profiles_n; i++)
        if (strcmp(c->cert_profiles[i].name, name) == 0)
            return &c->cert_profiles[i];
    return NULL;
}

static const CMPSRV_CONF_EE_PROFILE *find_ee_profile(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->ee_profiles_n; i++)
        if (strcmp(c->ee_profiles[i].name, name) == 0)
            return &c->ee_profiles[i];
    return NULL;
}

static int is_available(const CMPSRV_CONF_LIST *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0)
            return 1;
    return list->n == 0;
}

/* Every name of a list is a CA, or (profiles) a certificate profile. */
static void check_names(CONF_LOAD *l, const char *section, const char *name, CMPSRV_CONF_POS pos,
                        const char *key, const CMPSRV_CONF_LIST *list, int profiles)
{
    for (size_t i = 0; i < list->n; i++)
        if (profiles ? find_cert_profile(l->conf, list->v[i]) == NULL
                     : cmpsrv_conf_ca(l->conf, list->v[i]) == NULL)
            cmpsrv_conf_error(l->errors, pos, section, name, key, "there is no %s %s",
                              profiles ? "certificate profile" : "CA", list->v[i]);
}

static void check_ca(CONF_LOAD *l, const CMPSRV_CONF_CA *ca)
{
    if ((ca->cmp_signer.certificate == NULL) != (ca->cmp_signer.key == NULL))
        cmpsrv_conf_error(l->errors, ca->pos, "cas", ca->name, "cmp_signer", "%s is missing",
                          ca->cmp_signer.key == NULL ? "key" : "certificate");
}

static void check_ee_profile(CONF_LOAD *l, const CMPSRV_CONF_EE_PROFILE *p)
{
    const char *cp = p->default_certificate_profile, *ca = p->default_ca;

    check_names(l, "end_entity_profiles", p->name, p->pos, "available_cas", &p->available_cas, 0);
    check_names(l, "end_entity_profiles", p->name, p->pos, "available_certificate_profiles",
                &p->available_certificate_profiles, 1);
    if (cp != NULL && (find_cert_profile(l->conf, cp) == NULL ||
                       !is_available(&p->available_certificate_profiles, cp)))
        cmpsrv_conf_error(l->errors, p->pos, "end_entity_profiles", p->name,
                          "default_certificate_profile",
                          "there is no available certificate profile %s", cp);
    if (ca != NULL && (cmpsrv_conf_ca(l->conf, ca) == NULL || !is_available(&p->available_cas, ca)))
        cmpsrv_conf_error(l->errors, p->pos, "end_entity_profiles", p->name, "default_ca",
                          "there is no available CA %s", ca);
}

/* ---- aliases
 * ---------------------------------------------------------------------------------------------- */

static void alias_error(CONF_LOAD *l, const CONF_ALIAS *a, const char *key, const char *what,
                        const char *name)
{
    cmpsrv_conf_error(l->errors, a->alias.pos, "aliases", a->alias.name, key, "%s%s%s", what,
                      name == NULL ? "" : " ", name == NULL ? "" : name);
}

static void check_alias_name(CONF_LOAD *l, const CONF_ALIAS *a)
{
    const char *name = a->alias.name;

    if (strlen(name) > CMPSRV_MAX_ALIAS || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
            strlen(name))
        alias_error(l, a, NULL, "a name of an alias is 1 to 32 characters of A-Za-z0-9._-", NULL);
}

/* Names to pointers; ProfileDefault needs a default in the end entity profile. */
static void resolve(CONF_LOAD *l, CONF_ALIAS *a)
{
    CMPSRV_CONF_ALIAS *al = &a->alias;
    const CMPSRV_CONF_EE_PROFILE *ee = find_ee_profile(l->conf, a->extra.ee_profile);

    al->ee_profile = ee;
    if (ee == NULL)
        alias_error(l, a, "ra.endentityprofile", "there is no end entity profile",
                    a->extra.ee_profile);
    al->cert_profile =
        is_any(a->extra.cert_profile) ? NULL : find_cert_profile(l->conf, a->extra.cert_profile);
    al->ca = is_any(a->extra.ca) ? NULL : cmpsrv_conf_ca(l->conf, a->extra.ca);
    if (al->cert_profile == NULL && !is_any(a->extra.cert_profile))
        alias_error(l, a, "ra.certificateprofile", "there is no certificate profile",
                    a->extra.cert_profile);
    if (al->ca == NULL && !is_any(a->extra.ca))
        alias_error(l, a, "ra.caname", "there is no CA", a->extra.ca);
    if (ee != NULL && is_any(a->extra.cert_profile) && ee->default_certificate_profile == NULL)
        alias_error(l, a, "ra.certificateprofile",
                    "ProfileDefault, but no default_certificate_profile in", ee->name);
    if (ee != NULL && is_any(a->extra.ca) && ee->default_ca == NULL)
        alias_error(l, a, "ra.caname", "ProfileDefault, but no default_ca in", ee->name);
    if (al->default_ca != NULL && cmpsrv_conf_ca(l->conf, al->default_ca) == NULL)
        alias_error(l, a, "defaultca", "there is no CA", al->default_ca);
}

static void check_availability(CONF_LOAD *l, const CONF_ALIAS *a)
{
    const CMPSRV_CONF_ALIAS *al = &a->alias;
    const CMPSRV_CONF_EE_PROFILE *ee = al->ee_profile;

    if (ee != NULL && al->cert_profile != NULL &&
        !is_available(&ee->available_certificate_profiles, al->cert_profile->name))
        alias_error(l, a, "ra.certificateprofile", "not available in end entity profile", ee->name);
    if (ee != NULL && al->ca != NULL && !is_available(&ee->available_cas, al->ca->name))
        alias_error(l, a, "ra.caname", "not available in end entity profile", ee->name);
    if (al->cert_profile != NULL && al->ca != NULL &&
        !is_available(&al->cert_profile->available_cas, al->ca->name))
        alias_error(l, a, "ra.caname", "not available in certificate profile",
                    al->cert_profile->name);
}

/* Parameters to their modules: as many as modules, or none at all. */
static void match_parameters(CONF_LOAD *l, CONF_ALIAS *a)
{
    CMPSRV_CONF_ALIAS *al = &a->alias;

    if (a->extra.has_parameters && a->extra.parameters_n != al->modules_n)
        cmpsrv_conf_error(l->errors, a->extra.parameters_pos, "aliases", al->name,
                          "authenticationparameters",
                          "%zu parameters for %zu modules; allowed: one each, - for none",
                          a->extra.parameters_n, al->modules_n);
    for (size_t i = 0; i < al->modules_n && i < a->extra.parameters_n; i++) {
        al->modules[i].parameter = a->extra.parameters[i];
        a->extra.parameters[i] = NULL;
    }
}

/* No secret, no alias. */
static void check_secrets(CONF_LOAD *l, const CONF_ALIAS *a)
{
    const CMPSRV_CONF_ALIAS *al = &a->alias;
    const CMPSRV_CONF_CA *ca = al->ca;

    if (ca == NULL && al->ee_profile != NULL && al->ee_profile->default_ca != NULL)
        ca = cmpsrv_conf_ca(l->conf, al->ee_profile->default_ca);
    for (size_t i = 0; i < al->modules_n; i++)
        if (al->modules[i].parameter == NULL && ca != NULL && ca->cmp_ra_auth_secret == NULL)
            cmpsrv_conf_error(
                l->errors, a->extra.has_parameters ? a->extra.parameters_pos : al->pos, "aliases",
                al->name, "authenticationparameters",
                "HMAC without a secret, and CA %s has no cmp_ra_auth_secret", ca->name);
}

static void check_alias(CONF_LOAD *l, CONF_ALIAS *a)
{
    a->alias.ra_mode = a->extra.mode;
    check_alias_name(l, a);
    if (!a->alias.ra_mode)
        alias_error(l, a, "operationmode", "client is not supported yet; allowed: ra", NULL);
    resolve(l, a);
    check_availability(l, a);
    match_parameters(l, a);
    check_secrets(l, a);
    if (a->alias.namegeneration_scheme == CMPSRV_USERNAME_FIXED &&
        a->alias.namegeneration_parameters.n != 1)
        alias_error(l, a, "ra.namegenerationparameters", "FIXED needs one name", NULL);
}

int cmpsrv_conf_check(CONF_LOAD *l)
{
    CMPSRV_CONF *c = l->conf;
    CMPSRV_CONF_POS top = {c->files.v[0], 1};

    if (c->server.pos.file == NULL)
        cmpsrv_conf_error(l->errors, top, "server", NULL, NULL, "the section is missing");
    if (l->aliases_n == 0)
        cmpsrv_conf_error(l->errors, top, "aliases", NULL, NULL, "no alias at all");
    for (size_t i = 0; i < c->cas_n; i++)
        check_ca(l, &c->cas[i]);
    for (size_t i = 0; i < c->cert_profiles_n; i++)
        check_names(l, "certificate_profiles", c->cert_profiles[i].name, c->cert_profiles[i].pos,
                    "available_cas", &c->cert_profiles[i].available_cas, 0);
    for (size_t i = 0; i < c->ee_profiles_n; i++)
        check_ee_profile(l, &c->ee_profiles[i]);
    for (size_t i = 0; i < l->aliases_n; i++)
        check_alias(l, &l->aliases[i]);
    return l->errors->n == 0;
}
