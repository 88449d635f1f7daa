/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of an alias and their parameters: each must be able to authenticate somebody. No
 * secret, no alias. Called by check_alias.c; quotes no parameter, which may be a secret.
 */
#include "config.h"

#include "conf/check_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- modules and parameters ---------------------------------------------------------------------
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
    return a->ee_profile_is_key_id && cmpsrv_conf_is_word(x->ca, CONF_DEFAULT_REF) &&
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
                    cmpsrv_conf_known_names(l, "cas"));
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
                    cmpsrv_conf_known_names(l, "cas"));
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

void cmpsrv_conf_check_modules(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a,
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
