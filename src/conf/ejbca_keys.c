/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of EJBCA's keys of an alias, with what each becomes here. Walked by ejbca.c; the two
 * keys of authentication, which take each other, are translated by ejbca_auth.c.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <string.h>

#include <openssl/crypto.h>

/* ---- what the translators share ---------------------------------------------------------------
 */

int cmpsrv_ejbca_bool(const char *value)
{
    return OPENSSL_strcasecmp(value, "true") == 0;
}

int cmpsrv_ejbca_is_served(const char *key, const char *value)
{
    size_t i;
    const CONF_ROW *row = cmpsrv_conf_row(cmpsrv_conf_section("aliases"), key, &i);
    int b = cmpsrv_conf_bool(value);

    if (row == NULL)
        return 0;
    return row->offset != CONF_NOWHERE ||
           (row->off != NULL &&
            (strcmp(row->off, value) == 0 || (b >= 0 && b == cmpsrv_conf_bool(row->off))));
}

int cmpsrv_ejbca_split(EJBCA_IMPORT *im, const char *text, int is_java, CMPSRV_CONF_LIST *out)
{
    size_t n = 1;

    for (const char *p = text; *p != '\0'; p++)
        n += *p == ';';
    *out = (CMPSRV_CONF_LIST){cmpsrv_conf_alloc(&im->pool, n * sizeof(char *)), 0};
    while (out->v != NULL && out->n < n) {
        size_t length = strcspn(text, ";");

        if ((out->v[out->n++] = cmpsrv_conf_text(&im->pool, text, length)) == NULL)
            return 0;
        text += length + (text[length] == ';');
    }
    while (is_java && out->n > 1 && out->v[out->n - 1][0] == '\0')
        out->n--;
    return out->v != NULL;
}

/* A text of the file as it may stand in our configuration: NULL with the key refused. */
static const char *fitting(const EJBCA_AT *at, const char *text, size_t max)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            cmpsrv_ejbca_refused(at, "a control character in it; correct it in the file");
            return NULL;
        }
    if (strlen(text) <= max)
        return text;
    cmpsrv_ejbca_refused(at, "longer than %zu octets; correct it in the file", max);
    return NULL;
}

/* Empty is EJBCA's default, and ours: there is nothing to write. */
static int is_empty(const EJBCA_AT *at)
{
    if (at->p->value[0] != '\0')
        return 0;
    cmpsrv_ejbca_row(at, CMPSRV_IMPORT_TAKEN, NULL, "empty, as by default: nothing to write");
    return 1;
}

/* ---- translators ------------------------------------------------------------------------------
 */

static void drop(const EJBCA_AT *at)
{
    cmpsrv_ejbca_dropped(at, "%s", at->key->arg);
}

static void translate_mode(const EJBCA_AT *at)
{
    const char *mode = at->is_ra ? "ra" : "client";

    if (OPENSSL_strcasecmp(at->p->value, mode) == 0)
        cmpsrv_ejbca_taken(at, mode, "");
    else
        cmpsrv_ejbca_translated(at, at->key->key, mode, "EJBCA takes all but ra for client");
}

static void translate_bool(const EJBCA_AT *at)
{
    const char *text = at->p->value, *yaml = cmpsrv_ejbca_bool(text) ? "yes" : "no";

    if (!cmpsrv_ejbca_is_served(at->key->key, yaml))
        cmpsrv_ejbca_refused(at, "%s: not supported yet; leave it out, or wait for it", yaml);
    else if (cmpsrv_ejbca_bool(text) || OPENSSL_strcasecmp(text, "false") == 0)
        cmpsrv_ejbca_taken(at, yaml, "");
    else
        cmpsrv_ejbca_translated(at, at->key->key, yaml, "EJBCA takes all but true for false");
}

static void translate_protection(const EJBCA_AT *at)
{
    const char *text = at->p->value, *key = at->key->key;
    int is_pbe = strcmp(text, "pbe") == 0;

    if (is_pbe && !at->is_ra)
        cmpsrv_ejbca_translated(at, key, "signature",
                                "EJBCA signs in client mode, whatever it says");
    else if (is_pbe || strcmp(text, "signature") == 0)
        cmpsrv_ejbca_taken(at, is_pbe ? "pbe" : "signature", "");
    else
        cmpsrv_ejbca_translated(at, key, "signature", "EJBCA signs for all but pbe");
}

/* A DN, or the name of a CA. */
static void translate_default_ca(const EJBCA_AT *at)
{
    const char *name, *text = at->p->value;
    char shown[512];

    if (is_empty(at))
        return;
    if ((name = cmpsrv_ejbca_map(at->im, "ca", text)) != NULL)
        cmpsrv_ejbca_translated(at, at->key->key, cmpsrv_ejbca_scalar(at->im, name),
                                "a CA goes by its name here");
    else if (strchr(text, '=') != NULL)
        cmpsrv_ejbca_refused(at,
                             "no CA of --config FILE has this subject; give --map \"ca:%s=NAME\"",
                             cmpsrv_escape(cmpsrv_slice_str(text), shown, sizeof(shown)));
    else if (fitting(at, text, CONF_MAX_NAME) != NULL)
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, text), "");
}

/* The names for a list of ids; NULL with the key refused. */
static const char *map_list(const EJBCA_AT *at, const char *kind)
{
    CMPSRV_CONF_LIST ids, names;
    const char *missing = NULL;
    char quoted[80];

    if (!cmpsrv_ejbca_split(at->im, at->p->value, 1, &ids) ||
        !cmpsrv_ejbca_split(at->im, at->p->value, 1, &names))
        return NULL;
    for (size_t i = 0; i < ids.n; i++) {
        const char *name = cmpsrv_ejbca_map(at->im, kind, ids.v[i]);

        if (name == NULL && strcmp(kind, "ca") != 0)
            name = cmpsrv_ejbca_map(at->im, "ca", ids.v[i]);
        if (name == NULL)
            missing = cmpsrv_conf_textf(&at->im->pool, "%s --map %s:%s=NAME",
                                        missing == NULL ? "" : missing, kind,
                                        cmpsrv_conf_quote(ids.v[i], quoted));
        names.v[i] = (char *)name;
    }
    if (missing == NULL)
        return cmpsrv_ejbca_list(at->im, &names);
    cmpsrv_ejbca_refused(at, "CAs go by their names here; give%s", missing);
    return NULL;
}

static void translate_ca_ids(const EJBCA_AT *at)
{
    const char *yaml;

    if (!is_empty(at) && (yaml = map_list(at, "ca")) != NULL)
        cmpsrv_ejbca_translated(at, at->key->key, yaml, "CAs go by their names here");
}

static void translate_vendor_ids(const EJBCA_AT *at)
{
    const char *yaml;

    if (is_empty(at))
        return;
    if (!cmpsrv_ejbca_bool(cmpsrv_ejbca_value(at->alias, "vendorcertificatemode", "")))
        cmpsrv_ejbca_dropped(at, "vendorcertificatemode is off");
    else if (!cmpsrv_ejbca_is_served("vendorca", "x"))
        cmpsrv_ejbca_refused(at, "vendorca: not supported yet; leave it out, or wait for it");
    else if ((yaml = map_list(at, "vendorca")) != NULL)
        cmpsrv_ejbca_translated(at, "vendorca", yaml, "names of the section vendor_cas");
}

/* Before EJBCA 7.11: names. */
static void translate_vendor_names(const EJBCA_AT *at)
{
    CMPSRV_CONF_LIST names;

    if (is_empty(at))
        return;
    if (cmpsrv_ejbca_value(at->alias, "vendorcaids", "")[0] != '\0')
        cmpsrv_ejbca_dropped(at, "deprecated; vendorcaids is there, and counts");
    else if (!cmpsrv_ejbca_bool(cmpsrv_ejbca_value(at->alias, "vendorcertificatemode", "")))
        cmpsrv_ejbca_dropped(at, "vendorcertificatemode is off");
    else if (!cmpsrv_ejbca_is_served("vendorca", "x"))
        cmpsrv_ejbca_refused(at, "not supported yet; leave it out, or wait for it");
    else if (cmpsrv_ejbca_split(at->im, at->p->value, 1, &names)) {
        for (size_t i = 0; i < names.n; i++) {
            const char *mapped = cmpsrv_ejbca_map(at->im, "vendorca", names.v[i]);

            names.v[i] = mapped == NULL ? names.v[i] : (char *)mapped;
        }
        cmpsrv_ejbca_translated(at, "vendorca", cmpsrv_ejbca_list(at->im, &names),
                                "names of the section vendor_cas");
    }
}

static void translate_component(const EJBCA_AT *at)
{
    const char *text = at->p->value;

    if (text[0] == '\0')
        cmpsrv_ejbca_translated(at, at->key->key, "DN", "EJBCA looks for the whole subject then");
    else if (!cmpsrv_conf_is_dn_attribute(text))
        cmpsrv_ejbca_refused(at, "no DN attribute that is known here; a dotted OID is one");
    else
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, text), "");
}

static void translate_scheme(const EJBCA_AT *at)
{
    static const char *const schemes[] = {"DN", "RANDOM", "USERNAME", "FIXED"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(schemes); i++)
        if (strcmp(at->p->value, schemes[i]) == 0) {
            cmpsrv_ejbca_taken(at, schemes[i], "");
            return;
        }
    cmpsrv_ejbca_refused(at, "none of DN, RANDOM, USERNAME, FIXED: EJBCA answers HTTP 500 to every "
                             "request; correct it in the file");
}

static void translate_dn_attributes(const EJBCA_AT *at)
{
    CMPSRV_CONF_LIST names;

    if (at->p->value[0] == '\0') {
        cmpsrv_ejbca_dropped(at, "empty: EJBCA calls every end entity \"null\"; here it is CN, the "
                                 "default");
        return;
    }
    if (!cmpsrv_ejbca_split(at->im, at->p->value, 1, &names))
        return;
    for (size_t i = 0; i < names.n; i++)
        if (!cmpsrv_conf_is_dn_attribute(names.v[i])) {
            cmpsrv_ejbca_refused(at,
                                 "part %zu is no DN attribute that is known here; a dotted OID "
                                 "is one",
                                 i + 1);
            return;
        }
    cmpsrv_ejbca_taken(at, cmpsrv_ejbca_list(at->im, &names), "");
}

static void translate_name_parameters(const EJBCA_AT *at)
{
    const char *scheme = cmpsrv_ejbca_value(at->alias, "ra.namegenerationscheme", "DN");
    char *text = (char *)at->p->value;
    CMPSRV_CONF_LIST one = {&text, 1};

    if (strcmp(scheme, "RANDOM") == 0 || strcmp(scheme, "USERNAME") == 0)
        cmpsrv_ejbca_dropped(at, "this ra.namegenerationscheme has no parameters");
    else if (strcmp(scheme, "FIXED") != 0)
        translate_dn_attributes(at);
    else if (text[0] == '\0')
        cmpsrv_ejbca_refused(at, "FIXED without a name; write one into the file");
    else if (fitting(at, text, CONF_MAX_USERNAME) != NULL)
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_list(at->im, &one), "");
}

static void translate_affix(const EJBCA_AT *at)
{
    if (!is_empty(at) && fitting(at, at->p->value, 100) != NULL)
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, at->p->value), "");
}

static void translate_password(const EJBCA_AT *at)
{
    const char *text = at->p->value;

    if (strcmp(text, "random") == 0)
        cmpsrv_ejbca_taken(at, "random", "");
    else if (text[0] == '\0')
        cmpsrv_ejbca_dropped(at, "empty; it is random here");
    else if (!cmpsrv_ejbca_is_served(at->key->key, "x"))
        cmpsrv_ejbca_refused(at, "a code for all end entities: not supported yet; it is random");
    else
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, text),
                           "in the clear, as in the file; {file: FILE} is better");
}

/* Without the key the default would be in force, which may allow more: a name that does not exist
 * keeps the configuration from loading until somebody has seen to it. */
static void refuse_reference(const EJBCA_AT *at, const char *key, const char *why)
{
    const char *name =
        cmpsrv_conf_textf(&at->im->pool, "refused: %s %s", at->key->key, at->p->value);

    cmpsrv_ejbca_refused(at, "%s", why);
    if (name != NULL)
        cmpsrv_ejbca_line(at->im, "    %s: %s", key, cmpsrv_ejbca_scalar(at->im, name));
}

static void translate_ee_profile_id(const EJBCA_AT *at)
{
    static const char key[] = "ra.endentityprofile";
    const char *text = at->p->value, *name = cmpsrv_ejbca_map(at->im, "eep", text);

    if (name != NULL)
        cmpsrv_ejbca_translated(at, key, cmpsrv_ejbca_scalar(at->im, name),
                                "a profile goes by its name here");
    else if (strcmp(text, "KeyId") == 0)
        cmpsrv_ejbca_translated(at, key, text, "the same under its other name");
    else if (strcmp(text, "1") == 0)
        cmpsrv_ejbca_translated(at, key, "EMPTY", "EJBCA's profile 1");
    else if (text[0] != '\0' && strspn(text, "-0123456789") == strlen(text))
        refuse_reference(
            at, key,
            cmpsrv_conf_textf(&at->im->pool,
                              "a profile goes by its name here; give --map eep:%s=NAME", text));
    else
        refuse_reference(at, key, "neither a number nor KeyId; correct it in the file");
}

/* Before the ids: the name. */
static void translate_ee_profile_name(const EJBCA_AT *at)
{
    if (cmpsrv_ejbca_property(at->alias, "ra.endentityprofileid") != NULL)
        cmpsrv_ejbca_dropped(at, "deprecated; ra.endentityprofileid is there, and counts");
    else if (at->p->value[0] == '\0')
        cmpsrv_ejbca_dropped(at, "empty");
    else if (fitting(at, at->p->value, CONF_MAX_NAME) != NULL)
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, at->p->value), "");
}

/* The name of a CA or of a certificate profile, KeyId, ProfileDefault. */
static void translate_reference(const EJBCA_AT *at)
{
    const char *name, *text = at->p->value;

    if (at->key->arg != NULL && (name = cmpsrv_ejbca_map(at->im, at->key->arg, text)) != NULL)
        cmpsrv_ejbca_translated(at, at->key->key, cmpsrv_ejbca_scalar(at->im, name),
                                "the name of --map");
    else if (text[0] == '\0')
        refuse_reference(at, at->key->key,
                         "empty: EJBCA refuses every request; correct it in the file");
    else if (fitting(at, text, CONF_MAX_NAME) != NULL)
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, text), "");
}

static void translate_ra_path(const EJBCA_AT *at)
{
    if (is_empty(at) || fitting(at, at->p->value, 4096) == NULL)
        return;
    if (cmpsrv_ejbca_is_served(at->key->key, "x"))
        cmpsrv_ejbca_taken(at, cmpsrv_ejbca_scalar(at->im, at->p->value),
                           "bring the certificates of the RAs from EJBCA's host");
    else
        cmpsrv_ejbca_refused(at,
                             "nested messages: not supported yet; leave it out, or wait for it");
}

static void translate_handler(const EJBCA_AT *at)
{
    if (at->p->value[0] == '\0')
        cmpsrv_ejbca_dropped(at, "empty, and deprecated");
    else
        cmpsrv_ejbca_refused(at,
                             "a class of Java that changes requests cannot run here; do what it "
                             "does before they come, then take the key out of the file");
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* clang-format off */
#define RA_ONLY     EJBCA_RA
#define CLIENT_ONLY EJBCA_CLIENT
#define TCP         "CMP over TCP went with EJBCA 6; it is HTTP here, too"
/* In the order of the YAML. translate NULL: ejbca_auth.c. */
static const EJBCA_KEY keys[] = {
    {"operationmode",              translate_mode,            EJBCA_BOTH,  NULL},
    {"authenticationmodule",       NULL,                      EJBCA_BOTH,  NULL},
    {"authenticationparameters",   NULL,                      EJBCA_BOTH | EJBCA_SECRET, NULL},
    {"responseprotection",         translate_protection,      EJBCA_BOTH,  NULL},
    {"defaultca",                  translate_default_ca,      EJBCA_BOTH,  NULL},
    {"extractusernamecomponent",   translate_component,       CLIENT_ONLY, NULL},
    {"vendorcertificatemode",      translate_bool,            CLIENT_ONLY, NULL},
    {"vendorcaids",                translate_vendor_ids,      CLIENT_ONLY, NULL},
    {"vendorca",                   translate_vendor_names,    CLIENT_ONLY, NULL},
    {"response.capubsca",          translate_ca_ids,          EJBCA_BOTH,  NULL},
    {"response.capubsissuingca",   translate_bool,            EJBCA_BOTH,  NULL},
    {"response.extracertsca",      translate_ca_ids,          EJBCA_BOTH,  NULL},
    {"allowraverifypopo",          translate_bool,            EJBCA_BOTH,  NULL},
    {"allowautomatickeyupdate",    translate_bool,            EJBCA_BOTH,  NULL},
    {"allowupdatewithsamekey",     translate_bool,            EJBCA_BOTH,  NULL},
    {"allowservergenkeys",         translate_bool,            EJBCA_BOTH,  NULL},
    {"extendedvalidation",         drop,                      EJBCA_BOTH,  "every message is validated here"},
    {"ra.namegenerationscheme",    translate_scheme,          RA_ONLY,     NULL},
    {"ra.namegenerationparameters", translate_name_parameters, RA_ONLY,    NULL},
    {"ra.namegenerationprefix",    translate_affix,           EJBCA_BOTH,  NULL},
    {"ra.namegenerationpostfix",   translate_affix,           EJBCA_BOTH,  NULL},
    {"ra.passwordgenparams",       translate_password,        RA_ONLY | EJBCA_SECRET, NULL},
    {"ra.allowcustomcertserno",    translate_bool,            RA_ONLY,     NULL},
    {"ra.endentityprofileid",      translate_ee_profile_id,   RA_ONLY,     NULL},
    {"ra.endentityprofile",        translate_ee_profile_name, RA_ONLY,     NULL},
    {"ra.certificateprofile",      translate_reference,       RA_ONLY,     NULL},
    {"ra.caname",                  translate_reference,       RA_ONLY,     "ca"},
    {"racertificatepath",          translate_ra_path,         EJBCA_BOTH,  NULL},
    {"ra.endentitycertificate.omitverifications", translate_bool, RA_ONLY, NULL},
    {"certreqhandler.class",       translate_handler,         RA_ONLY,     NULL},
    {"uniddatasource",             drop,                      EJBCA_BOTH,  "of no use since EJBCA 6.12"},
    {"tcp.enabled",                drop,     EJBCA_BOTH | EJBCA_STRAY, TCP},
    {"tcp.portno",                 drop,     EJBCA_BOTH | EJBCA_STRAY, TCP},
    {"tcp.bindadress",             drop,     EJBCA_BOTH | EJBCA_STRAY, TCP},
    {"tcp.logdir",                 drop,     EJBCA_BOTH | EJBCA_STRAY, TCP},
    {"tcp.conffile",               drop,     EJBCA_BOTH | EJBCA_STRAY, TCP},
};
/* clang-format on */

const EJBCA_KEY *cmpsrv_ejbca_keys(size_t *n)
{
    *n = CMPSRV_ARRAY_SIZE(keys);
    return keys;
}

const EJBCA_KEY *cmpsrv_ejbca_key(const char *key)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i].key, key) == 0)
            return &keys[i];
    return NULL;
}

const EJBCA_KEY *cmpsrv_ejbca_key_of(const char *text)
{
    const EJBCA_KEY *best = NULL;
    size_t n = strlen(text);

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++) {
        size_t m = strlen(keys[i].key);

        if (n > m + 1 && text[n - m - 1] == '.' && strcmp(text + n - m, keys[i].key) == 0 &&
            (best == NULL || m > strlen(best->key)))
            best = &keys[i];
    }
    return best;
}

const EJBCA_PROPERTY *cmpsrv_ejbca_property(const EJBCA_ALIAS *alias, const char *key)
{
    for (const EJBCA_PROPERTY *p = alias->properties; p != NULL; p = p->next)
        if (strcmp(p->key, key) == 0)
            return p;
    return NULL;
}

const char *cmpsrv_ejbca_value(const EJBCA_ALIAS *alias, const char *key, const char *dflt)
{
    const EJBCA_PROPERTY *p = cmpsrv_ejbca_property(alias, key);

    return p == NULL ? dflt : p->value;
}
