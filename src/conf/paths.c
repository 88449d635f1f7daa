/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alias that an HTTP path names (interfaces.md 4, RFC 9811 3.3). Called by the HTTP layer
 * before it reads a body. Only the alphabet of alias names is matched, so that there is nothing to
 * decode: a percent sign names no alias.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <string.h>

#define DEFAULT_ALIAS "cmp"

/* Where an alias name follows. */
static const struct {
    const char *prefix;
    int may_have_operation; /* "/OPERATION" after the alias */
} bases[] = {
    {"/ejbca/publicweb/cmp/", 0},
    {"/.well-known/cmp/p/", 1},
    {"/cmp/", 0},
};

/* Paths that mean the default alias. */
static const struct {
    const char *path;
    int may_have_operation;
} bare[] = {
    {"/ejbca/publicweb/cmp/", 0},
    {"/ejbca/publicweb/cmp", 0},
    {"/.well-known/cmp/", 1},
    {"/.well-known/cmp", 0},
    {"/cmp/", 0},
    {"/cmp", 0},
    {"/pkix/", 0},
    {"/", 0},
};

/* The label with which a path ends; NULL: there is no such one. */
static const char *find_operation(CMPSRV_SLICE s)
{
    static const char *const labels[] = {
        "initialization", "certification", "keyupdate",          "pkcs10",  "revocation",
        "getcacerts",     "getrootupdate", "getcertreqtemplate", "getcrls", "nested",
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(labels); i++)
        if (cmpsrv_slice_eq(s, cmpsrv_slice_str(labels[i])))
            return labels[i];
    return NULL;
}

/* What stands behind a prefix of the path; absent if it does not begin so. */
static CMPSRV_SLICE behind(CMPSRV_SLICE path, const char *prefix)
{
    size_t n = strlen(prefix);

    if (path.n < n || memcmp(path.p, prefix, n) != 0)
        return cmpsrv_slice(NULL, 0);
    return cmpsrv_slice(path.p + n, path.n - n);
}

static const CMPSRV_CONF_ALIAS *no_such_alias(CMPSRV_SLICE path, CMPSRV_REFUSAL *why)
{
    char quoted[200];

    cmpsrv_refuse(why, CMPSRV_R_NO_SUCH_ALIAS, "path \"%s\"",
                  cmpsrv_escape(path, quoted, sizeof(quoted)));
    return NULL;
}

const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias(const CMPSRV_CONF *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->aliases_n; i++)
        if (cmpsrv_slice_eq(cmpsrv_slice_str(c->aliases[i].name), cmpsrv_slice(name, len)))
            return &c->aliases[i];
    return NULL;
}

/* Whether the path names no alias; *label then is its operation. */
static int is_bare(CMPSRV_SLICE path, const char **label)
{
    const char *operation;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bare); i++) {
        CMPSRV_SLICE rest = behind(path, bare[i].path);

        if (rest.p != NULL && rest.n == 0)
            return 1;
        operation = rest.p == NULL || !bare[i].may_have_operation ? NULL : find_operation(rest);
        if (operation != NULL) {
            *label = operation;
            return 1;
        }
    }
    return 0;
}

/* The alias in the path, as written; absent if there is no place for one. */
static CMPSRV_SLICE split_name(CMPSRV_SLICE path, const char **label)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bases); i++) {
        CMPSRV_SLICE rest = behind(path, bases[i].prefix);
        const unsigned char *slash = rest.n == 0 ? NULL : memchr(rest.p, '/', rest.n);
        const char *operation;

        if (rest.n == 0)
            continue;
        if (slash == NULL)
            return rest;
        operation = find_operation(cmpsrv_slice(slash + 1, rest.n - (size_t)(slash + 1 - rest.p)));
        if (!bases[i].may_have_operation || operation == NULL)
            break;
        *label = operation;
        return cmpsrv_slice(rest.p, (size_t)(slash - rest.p));
    }
    return cmpsrv_slice(NULL, 0);
}

const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias_by_path(const CMPSRV_CONF *c, const char *path,
                                                   const char **operation, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE p = cmpsrv_slice(path, strcspn(path, "?")), name;
    const CMPSRV_CONF_ALIAS *alias;
    const char *label = "";

    name = is_bare(p, &label) ? cmpsrv_slice_str(DEFAULT_ALIAS) : split_name(p, &label);
    if (name.n > CMPSRV_MAX_ALIAS) {
        cmpsrv_refuse(why, CMPSRV_R_ALIAS_TOO_LONG, "%zu characters", name.n);
        return NULL;
    }
    if (name.p == NULL || (alias = cmpsrv_conf_alias(c, (const char *)name.p, name.n)) == NULL)
        return no_such_alias(p, why);
    *operation = label;
    return alias;
}
