/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin alias: what each alias does. Secrets are never shown, only where they are from. */
#include "config.h"

#include "apps/admin.h"

#include <string.h>

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

static const char *name_or(const char *name, const char *otherwise)
{
    return name == NULL ? otherwise : name;
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
        const char *cells[] = {
            al->name, al->ra_mode ? "ra" : "client", modules,
            !al->ra_mode ? "the end entity's"
                         : name_or(al->ca == NULL ? NULL : al->ca->name, "ProfileDefault"),
            protection_name(al)};

        join_modules(al, modules, sizeof(modules));
        admin_table_row(t, cells);
    }
    return admin_table_print(t, a->json);
}

static void seconds(ADMIN_TABLE *t, const char *key, int64_t ms)
{
    char text[32];
    const char *cells[] = {key, text};

    snprintf(text, sizeof(text), ms < 0 ? "off" : "%llds", (long long)(ms / 1000));
    admin_table_row(t, cells);
}

static void text(ADMIN_TABLE *t, const char *key, const char *value)
{
    const char *cells[] = {key, value};

    admin_table_row(t, cells);
}

static void range(ADMIN_TABLE *t, const char *key, CMPSRV_CONF_RANGE r)
{
    char value[64];

    snprintf(value, sizeof(value), "%lld..%lld", (long long)r.min, (long long)r.max);
    text(t, key, value);
}

static void list(ADMIN_TABLE *t, const char *key, const CMPSRV_CONF_LIST *names)
{
    char out[512] = "";

    for (size_t i = 0; i < names->n; i++)
        snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i > 0 ? ", " : "",
                 names->v[i]);
    text(t, key, names->n == 0 ? "-" : out);
}

static void digests(ADMIN_TABLE *t, const char *key, unsigned set)
{
    char out[128] = "";

    for (unsigned bit = CMPSRV_MD_SHA1; bit <= CMPSRV_MD_SHA512; bit <<= 1)
        if (set & bit)
            snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", out[0] ? " " : "",
                     cmpsrv_md_name(bit));
    text(t, key, out);
}

static void show_switches(ADMIN_TABLE *t, const CMPSRV_CONF_ALIAS *al)
{
    text(t, "conformance", al->ejbca_conformance ? "ejbca" : "rfc9483");
    text(t, "implicit_confirm", al->implicit_confirm ? "yes" : "no");
    seconds(t, "confirm_wait_time", al->confirm_wait_time);
    seconds(t, "transaction_retention", al->transaction_retention);
    text(t, "unconfirmed", al->unconfirmed == CMPSRV_UNCONFIRMED_KEEP ? "keep" : "revoke");
    text(t, "allow_mac_rr", al->allow_mac_rr ? "yes" : "no");
    text(t, "require_protection", al->require_protection ? "yes" : "no");
    text(t, "response.capubsissuingca", al->capubs_issuing_ca ? "yes" : "no");
    list(t, "response.capubsca", &al->capubs_cas);
    list(t, "response.extracertsca", &al->extracerts_cas);
    text(t, "capubs_in", al->capubs_in == CMPSRV_CAPUBS_ALL ? "ip, cp, kup" : "ip");
    text(t, "p10cr_certreqid", al->p10cr_certreqid == 0 ? "0" : "-1");
    seconds(t, "message_time_tolerance", al->message_time_tolerance);
    range(t, "pbm_iterations", al->pbm_iterations);
    range(t, "pbmac1_iterations", al->pbmac1_iterations);
    digests(t, "macs", al->macs);
    digests(t, "pbm_owf", al->pbm_owf);
    digests(t, "signature_digests", al->signature_digests);
    text(t, "mac_parameters", al->mac_parameters_fresh ? "fresh" : "request");
    text(t, "sign_errors_to_mac", al->sign_errors_to_mac ? "yes" : "no");
}

int admin_alias_show(ADMIN *a)
{
    static const char *const columns[] = {"Setting", "Value"};
    const CMPSRV_CONF_ALIAS *al;
    char modules[256];
    ADMIN_TABLE *t;

    if (!admin_has_arguments(a, 1, "the name of an alias"))
        return ADMIN_USAGE;
    if (!admin_open(a, -1))
        return ADMIN_FAILED;
    if ((al = cmpsrv_conf_alias(a->conf, a->argv[0], strlen(a->argv[0]))) == NULL)
        return admin_fail("no alias %s in %s", a->argv[0], a->config);
    join_modules(al, modules, sizeof(modules));
    t = admin_table_new(columns, 2);
    text(t, "name", al->name);
    text(t, "operationmode", al->ra_mode ? "ra" : "client");
    text(t, "authenticationmodule", modules);
    text(t, "responseprotection", protection_name(al));
    text(t, "defaultca", name_or(al->default_ca, "-"));
    if (al->ra_mode) {
        text(t, "ra.endentityprofile", al->ee_profile->name);
        text(t, "ra.certificateprofile",
             name_or(al->cert_profile == NULL ? NULL : al->cert_profile->name, "ProfileDefault"));
        text(t, "ra.caname", name_or(al->ca == NULL ? NULL : al->ca->name, "ProfileDefault"));
    } else {
        text(t, "extractusernamecomponent", al->username_component);
    }
    show_switches(t, al);
    return admin_table_print(t, a->json);
}
