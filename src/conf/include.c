/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a configuration is made of: the one that was named and, through `include`, others;
 * and what a relative path in each of them means. Called by load.c.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

int cmpsrv_conf_is_readable(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return 0;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return 0;
    }
    return access(path, R_OK) == 0;
}

/* The part before the last slash. */
static char *directory_of(CONF_LOAD *l, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return cmpsrv_conf_text(l, "", 0);
    return cmpsrv_conf_text(l, path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *join(CONF_LOAD *l, const char *dir, const char *path)
{
    if (path[0] == '/' || dir[0] == '\0')
        return path;
    return cmpsrv_conf_textf(l, "%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", path);
}

const char *cmpsrv_conf_path(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *path)
{
    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next)
        if (d->file == pos.file)
            return join(l, d->dir, path);
    return path;
}

/* A name that stays with the configuration: positions point to it. */
static const char *keep_name(CONF_LOAD *l, const char *file)
{
    CMPSRV_CONF_LIST *files = &l->conf->files;
    char **v = OPENSSL_realloc(files->v, (files->n + 1) * sizeof(*v));

    if (v != NULL)
        files->v = v;
    if (v == NULL || (v[files->n] = OPENSSL_strdup(file)) == NULL) {
        l->no_memory = 1;
        return NULL;
    }
    return v[files->n++];
}

static CONF_DOC *add_document(CONF_LOAD *l, const char *file, CONF_DOC *parent)
{
    CONF_DOC *d = cmpsrv_conf_alloc(l, sizeof(*d));
    char real[PATH_MAX];

    if (d == NULL || (d->file = keep_name(l, file)) == NULL)
        return NULL;
    /* A file that cannot be resolved cannot be read either: reading it reports that. */
    d->real = cmpsrv_conf_textf(l, "%s", realpath(file, real) == NULL ? file : real);
    if (d->real == NULL || (d->dir = directory_of(l, d->real)) == NULL)
        return NULL;
    d->parent = parent;
    d->depth = parent == NULL ? 0 : parent->depth + 1;
    if (l->last_doc == NULL)
        l->docs = d;
    else
        l->last_doc->next = d;
    l->last_doc = d;
    return d;
}

static void read_includes(CONF_LOAD *l, CONF_DOC *d);

static int refuse_include(CONF_LOAD *l, CMPSRV_CONF_POS from, const char *file, const char *what)
{
    l->is_incomplete = 1;
    return cmpsrv_conf_complain(l, from, "include", NULL, NULL, "%s: %s", file, what);
}

/* Whether the file may be read now; it must not be there already. */
static int may_include(CONF_LOAD *l, const CONF_DOC *parent, const char *file, CMPSRV_CONF_POS from)
{
    char real[PATH_MAX];

    if (parent->depth + 1 > CONF_MAX_INCLUDES)
        return refuse_include(l, from, file, "includes are nested too deep; allowed: 8");
    if (realpath(file, real) == NULL)
        return 1;
    for (const CONF_DOC *d = parent; d != NULL; d = d->parent)
        if (strcmp(d->real, real) == 0)
            return refuse_include(l, from, file, "the file includes itself");
    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next)
        if (strcmp(d->real, real) == 0)
            return refuse_include(l, from, file, "the file is included twice");
    return 1;
}

static void read_one(CONF_LOAD *l, const char *file, CONF_DOC *parent, CMPSRV_CONF_POS from)
{
    CONF_DOC *d;

    if (parent != NULL && !may_include(l, parent, file, from))
        return;
    if ((d = add_document(l, file, parent)) == NULL)
        return;
    if (from.file == NULL)
        from.file = d->file;
    if ((d->root = cmpsrv_conf_yaml(l, d->file, from)) == NULL)
        l->is_incomplete = 1;
    else
        read_includes(l, d);
}

/* The directory is no pattern, whatever its name. */
static char *as_pattern(CONF_LOAD *l, const char *dir, const char *pattern)
{
    char *out = cmpsrv_conf_alloc(l, 2 * strlen(dir) + strlen(pattern) + 2), *p = out;

    if (out == NULL)
        return NULL;
    if (pattern[0] != '/' && dir[0] != '\0') {
        for (; *dir != '\0'; dir++) {
            if (strchr("*?[\\", *dir) != NULL)
                *p++ = '\\';
            *p++ = *dir;
        }
        *p++ = '/';
    }
    memcpy(p, pattern, strlen(pattern) + 1);
    return out;
}

static void include_glob(CONF_LOAD *l, CONF_DOC *d, const CONF_NODE *item, const char *dir)
{
    glob_t g = {0};
    const char *pattern = as_pattern(l, dir, item->text);
    int rc;

    if (pattern == NULL)
        return;
    rc = glob(pattern, GLOB_ERR, NULL, &g);
    if (rc != 0 && rc != GLOB_NOMATCH)
        refuse_include(l, item->pos, item->text, "the directory cannot be read");
    for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++)
        read_one(l, g.gl_pathv[i], d, item->pos);
    globfree(&g);
}

static void include_item(CONF_LOAD *l, CONF_DOC *d, const CONF_NODE *item)
{
    const char *dir = directory_of(l, d->file), *file = NULL;

    if (item->kind != CONF_SCALAR || item->text[0] == '\0') {
        l->is_incomplete = 1;
        cmpsrv_conf_complain(l, item->pos, "include", NULL, NULL,
                             "must name a file; allowed: a file, a glob or a list of them");
    } else if (dir != NULL && strpbrk(item->text, "*?[") != NULL) {
        include_glob(l, d, item, dir);
    } else if (dir != NULL && (file = join(l, dir, item->text)) != NULL) {
        read_one(l, file, d, item->pos);
    }
}

static void read_includes(CONF_LOAD *l, CONF_DOC *d)
{
    for (size_t i = 0; i + 1 < d->root->n; i += 2) {
        const CONF_NODE *key = d->root->items[i], *value = d->root->items[i + 1];

        if (key->kind != CONF_SCALAR || strcmp(key->text, "include") != 0)
            continue;
        if (value->kind != CONF_LIST)
            include_item(l, d, value);
        for (size_t k = 0; value->kind == CONF_LIST && k < value->n; k++)
            include_item(l, d, value->items[k]);
    }
}

int cmpsrv_conf_read_all(CONF_LOAD *l, const char *file)
{
    read_one(l, file, NULL, (CMPSRV_CONF_POS){NULL, 1});
    return l->docs != NULL;
}
