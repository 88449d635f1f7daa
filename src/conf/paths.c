/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP paths to aliases (RFC 9811 3.3, EJBCA's paths). No percent-decoding: names of aliases need
 * none, so what has a `%` in it names nobody.
 */
#include "config.h"

#include <string.h>

#include "conf/conf.h"

static const char *const operations[] = {
    "initialization", "certification", "keyupdate",          "pkcs10",  "revocation",
    "getcacerts",     "getrootupdate", "getcertreqtemplate", "getcrls", "nested",
};

/* Roots below which a name stands; `labels`: an operation may follow, or stand in its place. */
static const struct {
    const char *root;
    int named, labels;
} roots[] = {
    {"/ejbca/publicweb/cmp/", 1, 0},
    {"/ejbca/publicweb/cmp", 0, 0},
    {"/.well-known/cmp/p/", 1, 1},
    {"/.well-known/cmp/", 0, 1},
    {"/.well-known/cmp", 0, 0},
    {"/cmp/", 1, 0},
    {"/cmp", 0, 0},
    {"/pkix/", 0, 0},
    {"/pkix", 0, 0},
    {"/", 0, 0},
};

static const char *find_operation(const char *text, size_t n)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(operations); i++)
        if (strlen(operations[i]) == n && memcmp(operations[i], text, n) == 0)
            return operations[i];
    return NULL;
}

/* What follows a root: NAME, NAME/OPERATION, OPERATION or nothing. 0 if it is none of what the root
 * takes. */
static int split(const char *rest, size_t n, int named, int labels, const char **name,
                 size_t *name_n, const char **operation)
{
    const char *slash = memchr(rest, '/', n);

    *name = "cmp";
    *name_n = 3;
    *operation = "";
    if (n == 0)
        return 1;
    if (!named)
        return labels && (*operation = find_operation(rest, n)) != NULL;
    *name = rest;
    *name_n = slash == NULL ? n : (size_t)(slash - rest);
    if (slash == NULL)
        return 1;
    return labels && (*operation = find_operation(slash + 1, n - *name_n - 1)) != NULL;
}

const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias_by_path(const CMPSRV_CONF *c, const char *path,
                                                   const char **operation, CMPSRV_REFUSAL *why)
{
    size_t n = strcspn(path, "?"), root_n, name_n;
    const CMPSRV_CONF_ALIAS *alias = NULL;
    const char *name, *label = "";
    char shown[64];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(roots); i++) {
        root_n = strlen(roots[i].root);
        if (n < root_n || memcmp(path, roots[i].root, root_n) != 0)
            continue;
        if (roots[i].root[root_n - 1] != '/' && n != root_n)
            continue; /* "/cmp" is not a prefix of "/cmpx" */
        if (!split(path + root_n, n - root_n, roots[i].named, roots[i].labels, &name, &name_n,
                   &label))
            break;
        if (name_n > CMPSRV_MAX_ALIAS) {
            cmpsrv_refuse(why, CMPSRV_R_ALIAS_TOO_LONG, "alias of %zu characters", name_n);
            return NULL;
        }
        alias = cmpsrv_conf_alias(c, name, name_n);
        break;
    }
    if (alias == NULL)
        cmpsrv_refuse(why, CMPSRV_R_NO_SUCH_ALIAS, "no alias at \"%s\"",
                      cmpsrv_escape(cmpsrv_slice(path, n), shown, sizeof(shown)));
    else if (operation != NULL)
        *operation = label;
    return alias;
}
