/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin alias: what each alias does. Secrets are never shown, only where they are from. */
#include "config.h"

#include "apps/admin.h"

#include <string.h>

#include <openssl/crypto.h>

static const char *protection_name(const CMPSRV_CONF_ALIAS *al)
{
    return al->response_protection == CMPSRV_RESPONSE_PBE         ? "pbe"
           : al->response_protection == CMPSRV_RESPONSE_SIGNATURE ? "signature"
                                                                  : "mirror";
}

/* Whose credential a module takes, never what it is. */
static void put_credential(const CMPSRV_CONF_ALIAS *al, const CMPSRV_CONF_MODULE *m, char *out,
                           size_t size)
{
    if (m->attribute != NULL)
        snprintf(out, size, "code of the end entity in %.64s", m->attribute);
    else if (m->ca != NULL)
        snprintf(out, size, "RAs of CA %.64s", m->ca->name);
    else if (strcmp(m->name, "EndEntityCertificate") == 0)
        snprintf(out, size, "the end entity's own");
    else if (!al->ra_mode)
        snprintf(out, size, "code of the end entity");
    else
        snprintf(out, size, "secret of the %s", m->parameter == NULL ? "CA" : "alias");
}

static void join_modules(const CMPSRV_CONF_ALIAS *al, char *out, size_t size)
{
    char whose[128];

    out[0] = '\0';
    for (size_t i = 0; i < al->modules_n; i++) {
        put_credential(al, &al->modules[i], whose, sizeof(whose));
        snprintf(out + strlen(out), size - strlen(out), "%s%s (%s)", i > 0 ? ", " : "",
                 al->modules[i].name, whose);
    }
}

static const char *ca_name(const CMPSRV_CONF_ALIAS *al)
{
    return al->ca_is_key_id ? "KeyId" : al->ca == NULL ? "ProfileDefault" : al->ca->name;
}

int admin_alias_list(ADMIN *a)
{
    static const char *const columns[] = {"Name", "Mode", "Modules", "CA", "Response protection"};
    ADMIN_TABLE *t;

    if (!admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (!admin_open(a, -1))
        return ADMIN_FAILED;
    t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    for (size_t i = 0; i < a->conf->aliases_n; i++) {
        const CMPSRV_CONF_ALIAS *al = &a->conf->aliases[i];
        char modules[256];
        const char *cells[] = {al->name, al->ra_mode ? "ra" : "client", modules,
                               !al->ra_mode ? "the end entity's" : ca_name(al),
                               protection_name(al)};

        join_modules(al, modules, sizeof(modules));
        admin_table_row(t, cells);
    }
    return admin_table_print(t, a->json);
}

/* ---- show -------------------------------------------------------------------------------------
 */

static const char *ee_profile_name(const CMPSRV_CONF_ALIAS *al)
{
    return al->ee_profile_is_key_id ? "KeyId" : al->ee_profile == NULL ? "-" : al->ee_profile->name;
}

static const char *cert_profile_name(const CMPSRV_CONF_ALIAS *al)
{
    return al->cert_profile_is_key_id ? "KeyId"
           : al->cert_profile == NULL ? "ProfileDefault"
                                      : al->cert_profile->name;
}

enum { RA = 1, CLIENT = 2 };

/* Keys that say nothing in one of the modes, and those that an alias keeps in another form. */
static const struct special_st {
    const char *key;
    int modes;
    const char *(*name)(const CMPSRV_CONF_ALIAS *al); /* NULL: as the file has it */
} specials[] = {
    {"authenticationparameters", 0, NULL}, /* beside the modules */
    {"extendedvalidation", 0, NULL},       /* changes nothing */
    {"extractusernamecomponent", CLIENT, NULL},
    {"cas", CLIENT, NULL},
    {"end_entity_profiles", CLIENT, NULL},
    {"ra.namegenerationscheme", RA, NULL},
    {"ra.namegenerationparameters", RA, NULL},
    {"ra.passwordgenparams", RA, NULL},
    {"ra.allowcustomcertserno", RA, NULL},
    {"ra.endentityprofile", RA, ee_profile_name},
    {"ra.certificateprofile", RA, cert_profile_name},
    {"ra.caname", RA, ca_name},
};

static const struct special_st *find_special(const char *key)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(specials); i++)
        if (strcmp(key, specials[i].key) == 0)
            return &specials[i];
    return NULL;
}

static void text(ADMIN_TABLE *t, const char *key, const char *value)
{
    const char *cells[] = {key, value == NULL || value[0] == '\0' ? "-" : value};

    admin_table_row(t, cells);
}

static void show_setting(ADMIN_TABLE *t, const CMPSRV_CONF_ALIAS *al, const char *key)
{
    const struct special_st *s = find_special(key);
    char modules[256], *value;

    if (s != NULL && (s->modes & (al->ra_mode ? RA : CLIENT)) == 0)
        return;
    if (strcmp(key, "authenticationmodule") == 0) {
        join_modules(al, modules, sizeof(modules));
        text(t, key, modules);
    } else if (s != NULL && s->name != NULL) {
        text(t, key, s->name(al));
    } else {
        value = cmpsrv_conf_alias_value(al, key);
        text(t, key, value);
        OPENSSL_free(value);
    }
}

int admin_alias_show(ADMIN *a)
{
    static const char *const columns[] = {"Setting", "Value"};
    const CMPSRV_CONF_ALIAS *al;
    const CMPSRV_CONF_KEY *k;
    ADMIN_TABLE *t;
    size_t n;

    if (!admin_has_arguments(a, 1, "the name of an alias"))
        return ADMIN_USAGE;
    if (!admin_open(a, -1))
        return ADMIN_FAILED;
    if ((al = cmpsrv_conf_alias(a->conf, a->argv[0], strlen(a->argv[0]))) == NULL)
        return admin_fail("no alias %s in %s", a->argv[0], a->config);
    if ((k = cmpsrv_conf_schema(&n)) == NULL)
        return admin_fail("out of memory");
    t = admin_table_new(columns, 2);
    text(t, "name", al->name);
    for (size_t i = 0; i < n; i++)
        if (strcmp(k[i].section, "aliases") == 0 && k[i].supported)
            show_setting(t, al, k[i].key);
    return admin_table_print(t, a->json);
}
