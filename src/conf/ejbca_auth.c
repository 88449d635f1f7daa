/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EJBCA's authentication modules and their parameters, two lists that belong together, to ours. A
 * module that could not be what it was is left out: an alias never takes another credential than it
 * did. No parameter is ever shown: it may be a secret, even in the wrong place. Called by ejbca.c.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <string.h>

#include <openssl/crypto.h>

#define MODULES    "authenticationmodule"
#define PARAMETERS "authenticationparameters"

typedef struct auth_st {
    EJBCA_AT module, parameter; /* where rows of either key belong */
    CMPSRV_CONF_LIST names, parameters;
    int is_unreadable; /* all parameters: encrypted as a whole */
    const char *yaml_modules, *yaml_parameters;
    size_t kept;
    const char *attribute; /* of DnPartPwd, once it was there */
} AUTH;

/* How EJBCA encrypts and obfuscates. */
static int is_unreadable(const char *text)
{
    return strncmp(text, "encv1:", 6) == 0 || strncmp(text, "OBF:", 4) == 0;
}

static int is_none(const char *parameter)
{
    return parameter[0] == '\0' || strcmp(parameter, "-") == 0;
}

static void keep(AUTH *a, const char *module, const char *yaml)
{
    CONF_LOAD *pool = &a->module.im->pool;
    const char *comma = a->kept++ == 0 ? "" : ", ";

    a->yaml_modules = cmpsrv_conf_textf(
        pool, "%s%s%s", a->yaml_modules == NULL ? "" : a->yaml_modules, comma, module);
    a->yaml_parameters = cmpsrv_conf_textf(
        pool, "%s%s%s", a->yaml_parameters == NULL ? "" : a->yaml_parameters, comma, yaml);
}

/* ---- the lists --------------------------------------------------------------------------------
 */

static int all_none(const CMPSRV_CONF_LIST *parameters)
{
    for (size_t i = 0; i < parameters->n; i++)
        if (!is_none(parameters->v[i]))
            return 0;
    return 1;
}

/* As many times "-" as there are modules. */
static int fill_with_none(AUTH *a)
{
    static char none[] = "-";

    a->parameters.v = cmpsrv_conf_alloc(&a->module.im->pool, (a->names.n + 1) * sizeof(char *));
    for (a->parameters.n = 0; a->parameters.v != NULL && a->parameters.n < a->names.n;)
        a->parameters.v[a->parameters.n++] = none;
    return a->parameters.v != NULL;
}

#define EVERY_REQUEST "EJBCA refuses every request (\"CMP module configuration error.\")"

/* One parameter for each module, or 0 with the key refused. */
static int pair_up(AUTH *a, const char *text)
{
    EJBCA_IMPORT *im = a->module.im;
    size_t given;

    a->is_unreadable = is_unreadable(text) && strchr(text, ';') == NULL;
    if (a->is_unreadable)
        return fill_with_none(a);
    if (!cmpsrv_ejbca_split(im, text, 1, &a->parameters))
        return 0;
    if ((given = a->parameters.n) == a->names.n)
        return 1;
    if (all_none(&a->parameters)) {
        cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TRANSLATED, NULL,
                         "%zu for %zu modules, where " EVERY_REQUEST "; here one \"-\" for each",
                         given, a->names.n);
        return fill_with_none(a);
    }
    if (!cmpsrv_ejbca_split(im, text, 0, &a->parameters))
        return 0;
    if (a->parameters.n == a->names.n) {
        cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TRANSLATED, NULL,
                         "Java drops empty ones at the end, so that there are %zu for %zu modules "
                         "and " EVERY_REQUEST "; here they are \"-\"",
                         given, a->names.n);
        return 1;
    }
    cmpsrv_ejbca_refused(&a->parameter,
                         "%zu for %zu modules: " EVERY_REQUEST "; correct it in the file", given,
                         a->names.n);
    return 0;
}

/* ---- modules ----------------------------------------------------------------------------------
 */

/* The alias's secret: where it comes from, in YAML; NULL with the key refused. */
static const char *find_secret(AUTH *a, const char *text)
{
    EJBCA_IMPORT *im = a->module.im;
    char user[80];
    const char *file = im->options->secret_file, *alias = a->module.alias->name;

    if (file != NULL && im->pub.secret_user == NULL) {
        im->pub.secret_user = alias;
        cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TRANSLATED, NULL,
                         "the secret of HMAC is that of --secret");
        return cmpsrv_conf_textf(&im->pool, "{file: %s}", cmpsrv_ejbca_scalar(im, file));
    }
    if (file != NULL) {
        cmpsrv_ejbca_refused(&a->parameter,
                             "--secret is the secret of one alias, and %s has it; import each "
                             "with --alias NAME",
                             cmpsrv_conf_quote(im->pub.secret_user, user));
        return NULL;
    }
    if (a->is_unreadable || is_unreadable(text)) {
        cmpsrv_ejbca_refused(&a->parameter,
                             "encrypted by EJBCA: the secret of HMAC cannot be read; "
                             "write it to a file and give --secret file:FILE");
        return NULL;
    }
    cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TAKEN, NULL,
                     "the secret of HMAC is in the clear, as in the file; --secret file:FILE is "
                     "better");
    return cmpsrv_ejbca_scalar(im, text);
}

static void hmac_of_ra(AUTH *a, const char *text)
{
    const char *yaml;

    if (!a->is_unreadable && is_none(text)) {
        cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TAKEN, NULL,
                         "%sHMAC has the secret of the CA: set its cmp_ra_auth_secret",
                         text[0] == '\0' ? "EJBCA takes an empty secret, too, which is none here; "
                                         : "");
        keep(a, "HMAC", "\"-\"");
    } else if ((yaml = find_secret(a, text)) != NULL) {
        keep(a, "HMAC", yaml);
    }
}

/* The parameter is the CA whose certificates RAs sign with. */
static void certificate_of_ra(AUTH *a, const char *text)
{
    static const char name[] = "EndEntityCertificate";
    EJBCA_IMPORT *im = a->module.im;
    const char *mapped = cmpsrv_ejbca_map(im, "ca", name);
    int unreadable = a->is_unreadable || is_unreadable(text);

    if (!unreadable && is_none(text) &&
        cmpsrv_ejbca_bool(
            cmpsrv_ejbca_value(a->module.alias, "ra.endentitycertificate.omitverifications", "")) &&
        cmpsrv_ejbca_is_served("ra.endentitycertificate.omitverifications", "yes")) {
        keep(a, name, "\"-\"");
        return;
    }
    if (!unreadable && is_none(text)) {
        cmpsrv_ejbca_row(&a->module, CMPSRV_IMPORT_DROPPED, NULL,
                         "EndEntityCertificate has no CA in authenticationparameters: it "
                         "authenticates nobody in RA mode");
        return;
    }
    if (unreadable && mapped == NULL) {
        cmpsrv_ejbca_refused(&a->parameter,
                             "encrypted by EJBCA: the CA of EndEntityCertificate cannot be read; "
                             "give --map ca:EndEntityCertificate=NAME");
        return;
    }
    if (!unreadable) {
        mapped = cmpsrv_ejbca_map(im, "ca", text);
        mapped = mapped == NULL ? text : mapped;
    }
    keep(a, name, cmpsrv_ejbca_scalar(im, mapped));
}

/* Client mode: what an end entity has itself. */
static void own_credential(AUTH *a, const char *name, const char *text)
{
    if (a->is_unreadable || !is_none(text))
        cmpsrv_ejbca_row(&a->parameter, CMPSRV_IMPORT_TRANSLATED, NULL,
                         "EJBCA ignores the parameter of %s in client mode; here it is \"-\"",
                         name);
    keep(a, name, "\"-\"");
}

static void hmac_of_client(AUTH *a, const char *text)
{
    own_credential(a, "HMAC", text);
}

static void certificate_of_client(AUTH *a, const char *text)
{
    own_credential(a, "EndEntityCertificate", text);
}

static void token_of_client(AUTH *a, const char *text)
{
    own_credential(a, "RegTokenPwd", text);
}

static void dn_part_of_client(AUTH *a, const char *text)
{
    const char *username = cmpsrv_ejbca_value(a->module.alias, "extractusernamecomponent", "DN");

    if (a->is_unreadable || is_unreadable(text))
        cmpsrv_ejbca_refused(&a->parameter, "encrypted by EJBCA: the attribute of DnPartPwd cannot "
                                            "be read; write it into the file");
    else if (a->attribute != NULL)
        cmpsrv_ejbca_refused(&a->module, "DnPartPwd twice; take one out of the file");
    else if (!cmpsrv_conf_is_dn_attribute(text))
        cmpsrv_ejbca_refused(&a->parameter, "that of DnPartPwd is no DN attribute that is known "
                                            "here; a dotted OID is one");
    else if (OPENSSL_strcasecmp(text, username) == 0)
        cmpsrv_ejbca_refused(&a->module, "the attribute of DnPartPwd is extractusernamecomponent, "
                                         "too: a code is no username; correct it in the file");
    else
        keep(a, "DnPartPwd", cmpsrv_ejbca_scalar(a->module.im, a->attribute = text));
}

static void translate_module(AUTH *a, const char *name, const char *parameter)
{
    static const struct {
        const char *name;
        void (*ra)(AUTH *, const char *parameter); /* NULL: of no use there */
        void (*client)(AUTH *, const char *parameter);
    } modules[] = {{"HMAC", hmac_of_ra, hmac_of_client},
                   {"EndEntityCertificate", certificate_of_ra, certificate_of_client},
                   {"RegTokenPwd", NULL, token_of_client},
                   {"DnPartPwd", NULL, dn_part_of_client}};
    char quoted[80];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(modules); i++) {
        if (strcmp(modules[i].name, name) != 0)
            continue;
        if (!a->module.is_ra)
            modules[i].client(a, parameter);
        else if (modules[i].ra != NULL)
            modules[i].ra(a, parameter);
        else
            cmpsrv_ejbca_row(&a->module, CMPSRV_IMPORT_DROPPED, NULL,
                             "%s authenticates nobody in RA mode", name);
        return;
    }
    cmpsrv_ejbca_row(&a->module, CMPSRV_IMPORT_DROPPED, NULL,
                     "%s is no module that EJBCA knows: it authenticates nobody",
                     cmpsrv_conf_quote(name, quoted));
}

/* ---- both keys --------------------------------------------------------------------------------
 */

static int has_row(const AUTH *a, size_t from, const char *key)
{
    const CMPSRV_IMPORT *pub = &a->module.im->pub;

    for (; from < pub->rows_n; from++)
        if (strcmp(pub->rows[from].key, key) == 0)
            return 1;
    return 0;
}

/* What is written, and a row for either key, unless rows say already what became of it. */
static void finish(AUTH *a, size_t rows)
{
    CMPSRV_IMPORT_OUTCOME outcome = a->kept > 0 ? CMPSRV_IMPORT_TAKEN : CMPSRV_IMPORT_DROPPED;
    const char *to = NULL, *why = a->kept > 0 ? "" : "no module is left";

    if (a->kept > 0) {
        cmpsrv_ejbca_line(a->module.im, "    " MODULES ": [%s]", a->yaml_modules);
        cmpsrv_ejbca_line(a->module.im, "    " PARAMETERS ": [%s]", a->yaml_parameters);
        to = cmpsrv_conf_textf(&a->module.im->pool, MODULES ": [%s]", a->yaml_modules);
    }
    if (a->module.p != NULL && !has_row(a, rows, MODULES))
        cmpsrv_ejbca_row(&a->module, outcome, to, "%s", why);
    if (a->parameter.p != NULL && !has_row(a, rows, PARAMETERS))
        cmpsrv_ejbca_row(&a->parameter, outcome, NULL, "%s", why);
}

size_t cmpsrv_ejbca_modules(const EJBCA_AT *at)
{
    AUTH a = {.module = *at, .parameter = *at};
    size_t rows = at->im->pub.rows_n;

    a.parameter.key = cmpsrv_ejbca_key(PARAMETERS);
    a.parameter.p = cmpsrv_ejbca_property(at->alias, PARAMETERS);
    if (cmpsrv_ejbca_split(at->im, cmpsrv_ejbca_value(at->alias, MODULES, "RegTokenPwd;HMAC"), 1,
                           &a.names) &&
        pair_up(&a, cmpsrv_ejbca_value(at->alias, PARAMETERS, "-;-")))
        for (size_t i = 0; i < a.names.n; i++)
            translate_module(&a, a.names.v[i], a.parameters.v[i]);
    finish(&a, rows);
    return a.kept;
}
