/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no key alone can tell: references between sections, keys that need each other, an alias that
 * could authenticate nobody. Resolves the names in an alias to pointers. Runs after every value was
 * read and moved; keeps quiet about keys that were refused already.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#define complain_at(l, e, key, ...)                                                                \
    cmpsrv_conf_complain(l, cmpsrv_conf_pos(e, key), (e)->section->name, (e)->name, key,           \
                         __VA_ARGS__)

/* ---- references -------------------------------------------------------------------------------
 */

/* What there is to refer to, for the error. */
static const char *known_names(CONF_LOAD *l, const char *section)
{
    const char *out = NULL;
    size_t n = 0;

    for (const CONF_ENTRY *e = l->entries; e != NULL && n < 8; e = e->next)
        if (strcmp(e->section->name, section) == 0) {
            char quoted[80];

            out = cmpsrv_conf_textf(l, "%s%s%s", out == NULL ? "" : out, out == NULL ? "" : ", ",
                                    cmpsrv_conf_quote(e->name, quoted));
            n++;
        }
    return out == NULL ? "(there is none)" : out;
}

/* The object of that name; NULL with an error at `pos`. */
static void *find_named(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, CMPSRV_CONF_POS pos,
                        const char *section, const char *name)
{
    const CONF_ENTRY *target = cmpsrv_conf_entry(l, section, name);
    char quoted[80];

    if (target != NULL)
        return target->pub;
    cmpsrv_conf_complain(
        l, pos, e->section->name, e->name, key, "\"%s\" does not exist%s; allowed: any of %s: %s",
        cmpsrv_conf_quote(name, quoted), cmpsrv_conf_given(e, key) == NULL ? " (the default)" : "",
        section, known_names(l, section));
    return NULL;
}

/* NULL without an error where there is no name: none was given, or it was refused already. */
static void *check_name(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, const char *section,
                        const char *name)
{
    if (name == NULL)
        return NULL;
    return find_named(l, e, key, cmpsrv_conf_pos(e, key), section, name);
}

static void check_names(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, const char *section,
                        const CMPSRV_CONF_LIST *names)
{
    const CONF_NODE *node = cmpsrv_conf_given(e, key);

    if (node == NULL || cmpsrv_conf_is_bad(e, key))
        return;
    for (size_t i = 0; i < names->n; i++)
        find_named(l, e, key, node->kind == CONF_LIST ? node->items[i]->pos : node->pos, section,
                   names->v[i]);
}

/* ---- the sections -----------------------------------------------------------------------------
 */

/* A certificate without its key is of no use, nor is the reverse. */
static void check_signer(CONF_LOAD *l, const CONF_ENTRY *e, CMPSRV_CONF_SIGNER *signer,
                         const char *certificate, const char *key, const char *passphrase)
{
    const char *has = NULL, *lacks = NULL;

    signer->pos = cmpsrv_conf_pos(e, certificate);
    if (cmpsrv_conf_given(e, certificate) == NULL) {
        lacks = certificate;
        has = cmpsrv_conf_given(e, key) != NULL ? key : passphrase;
    } else if (cmpsrv_conf_given(e, key) == NULL) {
        has = certificate;
        lacks = key;
    }
    if (has != NULL && cmpsrv_conf_given(e, has) != NULL)
        complain_at(l, e, has, "stands without %s", lacks);
}

static void check_ca(CONF_LOAD *l, CONF_ENTRY *e)
{
    CMPSRV_CONF_CA *ca = e->pub;

    ca->issuer.pos = cmpsrv_conf_pos(e, "certificate");
    check_signer(l, e, &ca->cmp_signer, "cmp_signer.certificate", "cmp_signer.key",
                 "cmp_signer.passphrase");
}

static void check_cert_profile(CONF_LOAD *l, CONF_ENTRY *e)
{
    const CMPSRV_CONF_CERT_PROFILE *p = e->pub;

    check_names(l, e, "available_cas", "cas", &p->available_cas);
    if (p->overridable_extensions.n > 0 && !p->allow_extension_override &&
        !cmpsrv_conf_is_bad(e, "allow_extension_override"))
        complain_at(l, e, "overridable_extensions", "stands without allow_extension_override: yes");
}

static void check_ee_profile(CONF_LOAD *l, CONF_ENTRY *e)
{
    const CMPSRV_CONF_EE_PROFILE *p = e->pub;
    const CMPSRV_CONF_CERT_PROFILE *cp =
        check_name(l, e, "default_certificate_profile", "certificate_profiles",
                   p->default_certificate_profile);
    const CMPSRV_CONF_CA *ca = check_name(l, e, "default_ca", "cas", p->default_ca);

    check_names(l, e, "available_cas", "cas", &p->available_cas);
    check_names(l, e, "available_certificate_profiles", "certificate_profiles",
                &p->available_certificate_profiles);
    if (ca != NULL && !cmpsrv_conf_is_listed(&p->available_cas, ca->name))
        complain_at(l, e, "default_ca", "is not one of available_cas");
    if (cp != NULL && !cmpsrv_conf_is_listed(&p->available_certificate_profiles, cp->name))
        complain_at(l, e, "default_certificate_profile",
                    "is not one of available_certificate_profiles");
}

/* ---- aliases: who serves ----------------------------------------------------------------------
 */

static int is_word(const char *name, const char *word)
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
        return check_name(l, e, d->key, d->section, name);
    if (!is_word(name, CONF_DEFAULT_REF))
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

    a->ee_profile_is_key_id = is_word(x->ee_profile, CONF_KEY_ID_REF);
    a->cert_profile_is_key_id = is_word(x->cert_profile, CONF_KEY_ID_REF);
    a->ca_is_key_id = is_word(x->ca, CONF_KEY_ID_REF);
    if (!a->ee_profile_is_key_id)
        a->ee_profile =
            check_name(l, e, "ra.endentityprofile", "end_entity_profiles", x->ee_profile);
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

/* ---- DN attributes -----------------------------------------------------------------------------
 */

/* DN: the whole subject. */
int cmpsrv_conf_is_dn_attribute(const char *name)
{
    return OPENSSL_strcasecmp(name, "DN") == 0 || cmpsrv_conf_attribute_oid(name) != NULL;
}

/* ---- aliases: who may ask ---------------------------------------------------------------------
 */

/* Pairs modules and parameters up; the secrets move. */
static int make_modules(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a)
{
    CONF_ALIAS_ENTRY *x = e->obj;
    size_t n = x->modules.n;

    if (cmpsrv_conf_is_bad(e, "authenticationmodule") ||
        cmpsrv_conf_is_bad(e, "authenticationparameters"))
        return 0;
    if (x->parameters.n > 0 && x->parameters.n != n)
        return complain_at(l, e, "authenticationparameters",
                           "%zu parameters for %zu modules; allowed: one for each", x->parameters.n,
                           n);
    if ((a->modules = OPENSSL_zalloc(n * sizeof(*a->modules))) == NULL) {
        l->no_memory = 1;
        return 0;
    }
    a->modules_n = n;
    for (size_t i = 0; i < n; i++) {
        a->modules[i].name = x->modules.v[i];
        x->modules.v[i] = NULL;
        if (x->parameters.n == 0)
            continue;
        a->modules[i].parameter = x->parameters.v[i];
        x->parameters.v[i] = NULL;
    }
    return 1;
}

/* Where the parameters stand, or would. */
static const char *parameters_key(const CONF_ENTRY *e)
{
    return cmpsrv_conf_given(e, "authenticationparameters") == NULL ? "authenticationmodule"
                                                                    : "authenticationparameters";
}

static int has_ca_secret(const CONF_LOAD *l, const char *name)
{
    const CONF_ENTRY *ca = cmpsrv_conf_entry(l, "cas", name);

    return ca != NULL && cmpsrv_conf_given(ca, "cmp_ra_auth_secret") != NULL;
}

static int has_any_ca_secret(const CONF_LOAD *l)
{
    for (size_t i = 0; i < l->conf->cas_n; i++)
        if (has_ca_secret(l, l->conf->cas[i].name))
            return 1;
    return 0;
}

/* No default at all was reported as such. */
static int has_any_default_secret(const CONF_LOAD *l)
{
    size_t defaults = 0;

    for (size_t i = 0; i < l->conf->ee_profiles_n; i++) {
        const char *name = l->conf->ee_profiles[i].default_ca;

        if (name != NULL && has_ca_secret(l, name))
            return 1;
        defaults += name != NULL;
    }
    return defaults == 0;
}

/* Whether the CA is not known before there is a request, and none that it can lead to has a secret.
 */
static int lacks_every_secret(const CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_ALIAS *a)
{
    const CONF_ALIAS_ENTRY *x = e->obj;

    if (a->ca_is_key_id)
        return !has_any_ca_secret(l);
    return a->ee_profile_is_key_id && is_word(x->ca, CONF_DEFAULT_REF) &&
           !has_any_default_secret(l);
}

/* No secret, no alias: it could authenticate nobody. */
static void check_hmac(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_MODULE *m, const CMPSRV_CONF_CA *ca)
{
    const CMPSRV_CONF_ALIAS *a = e->pub;
    char quoted[80];

    if (!a->ra_mode) {
        if (m->parameter != NULL)
            complain_at(l, e, "authenticationparameters",
                        "HMAC takes the end entity's code in client mode; allowed: \"-\"");
        return;
    }
    if (m->parameter != NULL)
        return;
    if (ca != NULL && !has_ca_secret(l, ca->name))
        complain_at(l, e, parameters_key(e),
                    "HMAC has no secret: there is none here, and CA %s has no cmp_ra_auth_secret",
                    cmpsrv_conf_quote(ca->name, quoted));
    else if (lacks_every_secret(l, e, a))
        complain_at(l, e, parameters_key(e),
                    "HMAC has no secret: there is none here, and no CA that requests can lead to "
                    "has a cmp_ra_auth_secret");
}

/* The text of a parameter, which may be a secret that somebody wrote in the wrong place: it is
 * never quoted. 0: longer than any name. */
static int parameter_text(const CMPSRV_CONF_MODULE *m, char text[CONF_MAX_NAME + 1])
{
    CMPSRV_SLICE s = cmpsrv_secret_get0(m->parameter);

    if (s.n > CONF_MAX_NAME)
        return 0;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return 1;
}

/* RA mode: the parameter is the CA whose certificates RAs sign with. Client mode: own certificates
 * only, of whichever CA. */
static void check_eecert(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_MODULE *m,
                         const CMPSRV_CONF_CA *ca)
{
    const CONF_ENTRY *target = NULL;
    char text[CONF_MAX_NAME + 1];

    (void)ca;
    if (!((const CMPSRV_CONF_ALIAS *)e->pub)->ra_mode) {
        if (m->parameter != NULL)
            complain_at(l, e, "authenticationparameters",
                        "EndEntityCertificate takes the end entity's own certificate in client "
                        "mode; allowed: \"-\"");
        return;
    }
    if (m->parameter == NULL) {
        complain_at(l, e, parameters_key(e),
                    "EndEntityCertificate needs the name of the CA whose certificates sign; "
                    "allowed: any of cas: %s",
                    known_names(l, "cas"));
        return;
    }
    if (parameter_text(m, text))
        target = cmpsrv_conf_entry(l, "cas", text);
    OPENSSL_cleanse(text, sizeof(text));
    if (target != NULL)
        m->ca = target->pub;
    else
        complain_at(l, e, parameters_key(e),
                    "the parameter of EndEntityCertificate is the name of no CA; allowed: any of "
                    "cas: %s",
                    known_names(l, "cas"));
}

/* Both look for a code in the request of an end entity; an RA has none. */
static int check_is_client(CONF_LOAD *l, CONF_ENTRY *e, const CMPSRV_CONF_MODULE *m)
{
    if (!((const CMPSRV_CONF_ALIAS *)e->pub)->ra_mode)
        return 1;
    complain_at(l, e, "authenticationmodule", "%s in RA mode; allowed: HMAC, EndEntityCertificate",
                m->name);
    return 0;
}

static void check_reg_token(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_MODULE *m,
                            const CMPSRV_CONF_CA *ca)
{
    (void)ca;
    if (check_is_client(l, e, m) && m->parameter != NULL)
        complain_at(l, e, "authenticationparameters",
                    "RegTokenPwd takes no parameter; allowed: \"-\"");
}

static void check_dn_part(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_MODULE *m,
                          const CMPSRV_CONF_CA *ca)
{
    const CMPSRV_CONF_ALIAS *a = e->pub;
    char text[CONF_MAX_NAME + 1] = "";

    (void)ca;
    if (!check_is_client(l, e, m))
        return;
    if (m->parameter == NULL || !parameter_text(m, text) || !cmpsrv_conf_is_dn_attribute(text)) {
        complain_at(l, e, parameters_key(e),
                    "DnPartPwd needs the DN attribute that holds the code; allowed: OU, UID, "
                    "serialNumber, ... or a dotted OID");
        OPENSSL_cleanse(text, sizeof(text));
        return;
    }
    for (const CMPSRV_CONF_MODULE *other = a->modules; other < m; other++)
        if (other->attribute != NULL)
            complain_at(l, e, "authenticationmodule", "DnPartPwd twice; allowed: once");
    if ((m->attribute = OPENSSL_strdup(text)) == NULL)
        l->no_memory = 1;
    if (OPENSSL_strcasecmp(text, a->username_component) == 0)
        complain_at(l, e, "extractusernamecomponent",
                    "%s holds the code of DnPartPwd, it cannot be the username", text);
}

static void check_modules(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a,
                          const CMPSRV_CONF_CA *ca)
{
    static const struct {
        const char *module;
        void (*check)(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_MODULE *m, const CMPSRV_CONF_CA *ca);
    } checks[] = {{"HMAC", check_hmac},
                  {"EndEntityCertificate", check_eecert},
                  {"RegTokenPwd", check_reg_token},
                  {"DnPartPwd", check_dn_part}};

    if (!make_modules(l, e, a))
        return;
    for (size_t i = 0; i < a->modules_n; i++)
        for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(checks); k++)
            if (strcmp(a->modules[i].name, checks[k].module) == 0)
                checks[k].check(l, e, &a->modules[i], ca);
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
        check_name(l, e, key, section, name);
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
    check_names(l, e, "cas", "cas", &a->cas);
    check_names(l, e, "end_entity_profiles", "end_entity_profiles", &a->end_entity_profiles);
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
                    known_names(l, "vendor_cas"));
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
    check_names(l, e, "vendorca", "vendor_cas", &a->vendor_cas);
    if (cmpsrv_conf_is_bad(e, "vendorcertificatemode"))
        return;
    if (a->vendor_mode)
        check_vendor_mode(l, e, a);
    else if (a->vendor_cas.n > 0)
        complain_at(l, e, "vendorca", "stands without vendorcertificatemode: yes");
}

static void check_alias(CONF_LOAD *l, CONF_ENTRY *e)
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
    check_name(l, e, "defaultca", "cas", a->default_ca);
    check_names(l, e, "response.capubsca", "cas", &a->capubs_cas);
    check_names(l, e, "response.extracertsca", "cas", &a->extracerts_cas);
    check_modules(l, e, a, eff.ca);
    check_names_made(l, e, a);
    check_vendor(l, e, a);
}

/* ---- RAs --------------------------------------------------------------------------------------
 */

static void check_ra(CONF_LOAD *l, CONF_ENTRY *e)
{
    static const char *const who[] = {"certificate", "subject", "ski"};
    const CMPSRV_CONF_RA *ra = e->pub;
    size_t given = 0;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(who); i++)
        given += cmpsrv_conf_given(e, who[i]) != NULL;
    if (given != 1)
        cmpsrv_conf_complain(l, e->pos, e->section->name, e->name, NULL,
                             "%zu of certificate, subject, ski are given; allowed: one", given);
    check_names(l, e, "cas", "cas", &ra->cas);
    check_names(l, e, "end_entity_profiles", "end_entity_profiles", &ra->end_entity_profiles);
    check_names(l, e, "aliases", "aliases", &ra->aliases);
}

/* ---- the server -------------------------------------------------------------------------------
 */

static int same_listen(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    if (a->listen.n != b->listen.n)
        return 0;
    for (size_t i = 0; i < a->listen.n; i++)
        if (strcmp(a->listen.v[i], b->listen.v[i]) != 0)
            return 0;
    return 1;
}

static int same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int same_admin(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return same_text(a->admin_listen, b->admin_listen);
}

static int same_store(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return strcmp(a->store, b->store) == 0;
}

static int same_store_key(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    if (a->store_key == NULL || b->store_key == NULL)
        return a->store_key == b->store_key;
    return cmpsrv_secret_eq(a->store_key, b->store_key);
}

static int same_workers(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return a->workers == b->workers;
}

static int is_https(const char *url)
{
    return url != NULL && strncmp(url, "https://", 8) == 0;
}

static void check_https(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_SERVER *s)
{
    int wanted = 0;

    for (size_t i = 0; i < s->listen.n; i++)
        wanted |= is_https(s->listen.v[i]);
    if (cmpsrv_conf_given(e, "tls.certificate") == NULL && (wanted || is_https(s->admin_listen)))
        complain_at(l, e, wanted ? "listen" : "admin_listen", "https:// needs tls.certificate");
    if (s->tls_client_required && cmpsrv_conf_given(e, "tls.client_ca") == NULL)
        complain_at(l, e, "tls.require_client_certificate", "stands without tls.client_ca");
}

/* What a running server has built itself on. */
static void check_server(CONF_LOAD *l, CONF_ENTRY *e)
{
    static const struct {
        const char *key;
        int (*same)(const CMPSRV_CONF_SERVER *, const CMPSRV_CONF_SERVER *);
    } fixed[] = {{"listen", same_listen},
                 {"admin_listen", same_admin},
                 {"store", same_store},
                 {"store_key", same_store_key},
                 {"workers", same_workers}};
    CMPSRV_CONF_SERVER *s = e->pub;

    check_signer(l, e, &s->tls, "tls.certificate", "tls.key", "tls.passphrase");
    check_https(l, e, s);
    for (size_t i = 0; l->current != NULL && i < CMPSRV_ARRAY_SIZE(fixed); i++)
        if (!cmpsrv_conf_is_bad(e, fixed[i].key) && !fixed[i].same(&l->current->server, e->pub))
            complain_at(l, e, fixed[i].key, "a reload cannot change it; restart the server");
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int has_section(const CONF_LOAD *l, const char *name)
{
    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next)
        for (size_t i = 0; i + 1 < d->root->n; i += 2)
            if (d->root->items[i]->kind == CONF_SCALAR &&
                strcmp(d->root->items[i]->text, name) == 0 && d->root->items[i + 1]->n > 0)
                return 1;
    return 0;
}

void cmpsrv_conf_check(CONF_LOAD *l)
{
    static const struct {
        const char *section;
        void (*check)(CONF_LOAD *l, CONF_ENTRY *e);
    } checks[] = {{"server", check_server},
                  {"cas", check_ca},
                  {"certificate_profiles", check_cert_profile},
                  {"end_entity_profiles", check_ee_profile},
                  {"aliases", check_alias},
                  {"ras", check_ra}};

    for (CONF_ENTRY *e = l->entries; e != NULL; e = e->next)
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(checks); i++)
            if (strcmp(e->section->name, checks[i].section) == 0)
                checks[i].check(l, e);
    if (!has_section(l, "aliases"))
        cmpsrv_conf_complain(l, (CMPSRV_CONF_POS){l->docs->file, 1}, "aliases", NULL, NULL,
                             "there is none: nobody could ask for anything");
}
