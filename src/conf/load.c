/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load: files and what they include into documents, documents through the schema's rows into
 * structs. Goes on after an error, so that one load tells all of them. What must fit together is
 * looked at by check.c.
 */
#include "config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/conf_local.h"

enum { MAX_DOCS = 64, MAX_ROWS = 128, MAX_KEY = 96 };

/* ---- errors
 * ---------------------------------------------------------------------------------------------- */

/* The line of "FILE:LINE: ..." if it is of that file, else -1. */
static int error_line(const char *text, const char *file)
{
    size_t n = strlen(file);

    return strncmp(text, file, n) == 0 && text[n] == ':' ? atoi(text + n + 1) : -1;
}

/* Where a new error goes: after those of its file with no greater line. */
static size_t error_place(const CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos)
{
    size_t place = e->n;

    for (size_t i = e->n; i > 0; i--) {
        int line = error_line(e->v[i - 1], pos.file);

        if (line > pos.line)
            place = i - 1;
        else if (line >= 0)
            break;
    }
    return place;
}

static void add_error(CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos, char *text)
{
    char **v = OPENSSL_realloc(e->v, (e->n + 1) * sizeof(*v));
    size_t at;

    if (v == NULL || text == NULL) {
        OPENSSL_free(text);
        return;
    }
    e->v = v;
    at = error_place(e, pos);
    memmove(v + at + 1, v + at, (e->n - at) * sizeof(*v));
    v[at] = text;
    e->n++;
}

CMPSRV_PRINTF(6, 0)
static void vadd_error(CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos, const char *kind,
                       const char *name, const char *key, const char *fmt, va_list ap)
{
    char text[1024];
    size_t n = (size_t)snprintf(
        text, sizeof(text), "%.300s:%d: %s%s%s%s%s%s", pos.file == NULL ? "?" : pos.file, pos.line,
        kind == NULL ? "" : kind, name == NULL ? "" : " ", name == NULL ? "" : name,
        kind == NULL ? "" : ": ", key == NULL ? "" : key, key == NULL ? "" : ": ");

    if (n < sizeof(text))
        vsnprintf(text + n, sizeof(text) - n, fmt, ap);
    add_error(e, pos, OPENSSL_strdup(text));
}

void cmpsrv_conf_error(CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos, const char *kind,
                       const char *name, const char *key, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vadd_error(e, pos, kind, name, key, fmt, ap);
    va_end(ap);
}

int cmpsrv_load_error(CONF_LOAD *l, const CONF_ROW *row, CMPSRV_CONF_POS pos, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vadd_error(l->errors, pos, row->section, l->name, row->key, fmt, ap);
    va_end(ap);
    return 0;
}

void cmpsrv_conf_errors_clear(CMPSRV_CONF_ERRORS *e)
{
    for (size_t i = 0; i < e->n; i++)
        OPENSSL_free(e->v[i]);
    OPENSSL_free(e->v);
    memset(e, 0, sizeof(*e));
}

/* ---- values
 * ------------------------------------------------------------------------------------------------
 */

static int add_item(CONF_VALUE *v, yaml_node_t *node, const char *text, CMPSRV_CONF_POS pos)
{
    CONF_ITEM *items = OPENSSL_realloc(v->v, (v->n + 1) * sizeof(*items));

    if (items == NULL)
        return 0;
    v->v = items;
    items[v->n] = (CONF_ITEM){text == NULL ? NULL : OPENSSL_strdup(text), node, pos};
    return ++v->n > 0 && (text == NULL || items[v->n - 1].text != NULL);
}

static void clear_value(CONF_VALUE *v)
{
    for (size_t i = 0; i < v->n; i++)
        OPENSSL_free(v->v[i].text);
    OPENSSL_free(v->v);
}

static int add_node(CONF_VALUE *v, CONF_DOC *doc, yaml_node_t *node)
{
    return add_item(v, node->type == YAML_MAPPING_NODE ? node : NULL, cmpsrv_conf_scalar(node),
                    cmpsrv_conf_pos(doc, node));
}

/* Settings that are ;-lists in EJBCA may be written so. */
static int add_split(CONF_VALUE *v, const char *text, const char *separators, CMPSRV_CONF_POS pos)
{
    char item[512];

    while (*text != '\0') {
        size_t n = strcspn(text, separators);

        if (n >= sizeof(item))
            return 0;
        memcpy(item, text, n);
        item[n] = '\0';
        if (!add_item(v, NULL, item, pos))
            return 0;
        text += n;
        text += strspn(text, separators);
    }
    return 1;
}

static int is_semicolon_list(const CONF_ROW *row)
{
    return strcmp(row->key, "authenticationmodule") == 0 ||
           strcmp(row->key, "authenticationparameters") == 0 ||
           strcmp(row->key, "ra.namegenerationparameters") == 0;
}

static int read_value(CONF_DOC *doc, yaml_node_t *node, const CONF_ROW *row, CONF_VALUE *v)
{
    const char *text = cmpsrv_conf_scalar(node);
    int ok = 1;

    *v = (CONF_VALUE){.doc = doc, .pos = cmpsrv_conf_pos(doc, node)};
    v->is_list = node->type == YAML_SEQUENCE_NODE;
    v->is_map = node->type == YAML_MAPPING_NODE;
    if (text != NULL && is_semicolon_list(row) && strchr(text, ';') != NULL)
        return add_split(v, text, ";", v->pos);
    if (!v->is_list)
        return add_node(v, doc, node);
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         ok && i < node->data.sequence.items.top; i++)
        ok = add_node(v, doc, yaml_document_get_node(&doc->yaml, *i));
    return ok;
}

/* ---- one object
 * ------------------------------------------------------------------------------------------ */

struct object {
    const char *section;
    void *base;
    unsigned char seen[MAX_ROWS]; /* by row */
};

static int is_off(const CONF_ROW *row, const CONF_VALUE *v)
{
    const char *off = row->off;
    size_t n;

    if (off == NULL || v->n != 1 || v->v[0].text == NULL)
        return 0;
    for (n = strlen(v->v[0].text); *off != '\0'; off += strcspn(off, "|"), off += *off == '|')
        if (strcspn(off, "|") == n && memcmp(off, v->v[0].text, n) == 0)
            return 1;
    return 0;
}

static void set_row(CONF_LOAD *l, struct object *o, const CONF_ROW *row, CONF_DOC *doc,
                    yaml_node_t *key, yaml_node_t *node)
{
    size_t index = (size_t)(row - cmpsrv_conf_rows);
    CONF_VALUE v;

    if (o->seen[index]++) {
        cmpsrv_load_error(l, row, cmpsrv_conf_pos(doc, key), "given twice");
        return;
    }
    if (!read_value(doc, node, row, &v))
        cmpsrv_load_error(l, row, v.pos, "too long, or out of memory");
    else if (row->set == NULL && !is_off(row, &v))
        cmpsrv_load_error(l, row, v.pos, "not supported yet; allowed: %s",
                          row->off == NULL ? "nothing" : row->off);
    else if (row->set != NULL)
        row->set(l, row, &v, (char *)o->base + row->offset);
    clear_value(&v);
}

/* Whether some setting of the section is below "prefix.". */
static int is_prefix(const char *section, const char *prefix)
{
    size_t n = strlen(prefix);

    for (size_t i = 0; i < cmpsrv_conf_rows_n; i++)
        if (strcmp(cmpsrv_conf_rows[i].section, section) == 0 &&
            strncmp(cmpsrv_conf_rows[i].key, prefix, n) == 0 && cmpsrv_conf_rows[i].key[n] == '.')
            return 1;
    return 0;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_KEY], n = strlen(b), last, up;

    if (n >= MAX_KEY)
        return MAX_KEY;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        last = row[0]++;
        for (size_t j = 1; j <= n; j++) {
            up = row[j];
            row[j] = a[i] == b[j - 1] ? last
                                      : 1 + (last < up ? (last < row[j - 1] ? last : row[j - 1])
                                                       : (up < row[j - 1] ? up : row[j - 1]));
            last = up;
        }
    }
    return row[n];
}

static void unknown_key(CONF_LOAD *l, const char *section, CMPSRV_CONF_POS pos, const char *key)
{
    const char *nearest = NULL;
    size_t best = 4;

    for (size_t i = 0; i < cmpsrv_conf_rows_n; i++)
        if (strcmp(cmpsrv_conf_rows[i].section, section) == 0 &&
            distance(key, cmpsrv_conf_rows[i].key) < best) {
            best = distance(key, cmpsrv_conf_rows[i].key);
            nearest = cmpsrv_conf_rows[i].key;
        }
    cmpsrv_conf_error(l->errors, pos, section, l->name, key, "unknown setting%s%s%s",
                      nearest == NULL ? "" : " (do you mean ", nearest == NULL ? "" : nearest,
                      nearest == NULL ? "" : "?)");
}

/* Pairs of a map; `outer` is the key of a map within the object ("crl"), or "". */
static void load_pairs(CONF_LOAD *l, struct object *o, CONF_DOC *doc, yaml_node_t *map,
                       const char *outer)
{
    yaml_node_pair_t *p = map->data.mapping.pairs.start;

    for (; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *key = yaml_document_get_node(&doc->yaml, p->key);
        yaml_node_t *node = yaml_document_get_node(&doc->yaml, p->value);
        const char *text = cmpsrv_conf_scalar(key);
        const CONF_ROW *row;
        char full[2 * MAX_KEY];

        if (text == NULL || strlen(text) >= MAX_KEY) {
            unknown_key(l, o->section, cmpsrv_conf_pos(doc, key),
                        text == NULL ? "?" : "(very long)");
            continue;
        }
        snprintf(full, sizeof(full), "%s%s%s", outer, outer[0] == '\0' ? "" : ".", text);
        if ((row = cmpsrv_conf_row(o->section, full, strlen(full))) != NULL)
            set_row(l, o, row, doc, key, node);
        else if (outer[0] == '\0' && is_prefix(o->section, full) && node->type == YAML_MAPPING_NODE)
            load_pairs(l, o, doc, node, full);
        else if (outer[0] == '\0' && is_prefix(o->section, full))
            cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), o->section, l->name, full,
                              "want a map of settings");
        else
            unknown_key(l, o->section, cmpsrv_conf_pos(doc, key), full);
    }
}

/* Defaults of what was not given; what is required and missing is an error at the object's line. */
static void set_defaults(CONF_LOAD *l, struct object *o, CMPSRV_CONF_POS pos, int ejbca)
{
    for (size_t i = 0; i < cmpsrv_conf_rows_n; i++) {
        const CONF_ROW *row = &cmpsrv_conf_rows[i];
        const char *text = ejbca && row->ejbca != NULL ? row->ejbca : row->dflt;
        CONF_VALUE v = {.pos = pos};

        if (o->seen[i] || row->set == NULL || strcmp(row->section, o->section) != 0)
            continue;
        if (row->required)
            cmpsrv_load_error(l, row, pos, "missing; allowed: %s", row->type);
        if (text == NULL)
            continue;
        if (text[0] == '\0' ? add_item(&v, NULL, "", pos) : add_split(&v, text, ", ", pos))
            row->set(l, row, &v, (char *)o->base + row->offset);
        clear_value(&v);
    }
}

static void load_object(CONF_LOAD *l, const char *section, void *base, CONF_DOC *doc,
                        yaml_node_t *node)
{
    struct object o = {.section = section, .base = base};
    int ejbca = 0;

    if (node->type == YAML_MAPPING_NODE)
        load_pairs(l, &o, doc, node, "");
    else
        cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), section, l->name, NULL,
                          "want a map of settings");
    if (strcmp(section, "aliases") == 0)
        ejbca = ((CONF_ALIAS *)base)->alias.ejbca_conformance;
    set_defaults(l, &o, cmpsrv_conf_pos(doc, node), ejbca);
}

/* ---- sections
 * --------------------------------------------------------------------------------------------- */

/* Of sections that are maps of named objects: their size, and where position and name are in it. */
static const struct section {
    const char *name;
    size_t size, pos, field;
    size_t array, count; /* in CMPSRV_CONF, or of CONF_LOAD for aliases */
    int of_load;
} sections[] = {
#define SECTION(text, type, arr, cnt)                                                              \
    {                                                                                              \
        text, sizeof(type), offsetof(type, pos), offsetof(type, name), offsetof(CMPSRV_CONF, arr), \
            offsetof(CMPSRV_CONF, cnt), 0                                                          \
    }
    SECTION("cas", CMPSRV_CONF_CA, cas, cas_n),
    SECTION("certificate_profiles", CMPSRV_CONF_CERT_PROFILE, cert_profiles, cert_profiles_n),
    SECTION("end_entity_profiles", CMPSRV_CONF_EE_PROFILE, ee_profiles, ee_profiles_n),
    {"aliases", sizeof(CONF_ALIAS), offsetof(CONF_ALIAS, alias.pos),
     offsetof(CONF_ALIAS, alias.name), offsetof(CONF_LOAD, aliases), offsetof(CONF_LOAD, aliases_n),
     1},
};

static const struct section *find_section(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sections); i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

static void *section_base(CONF_LOAD *l, const struct section *s)
{
    return s->of_load ? (void *)l : (void *)l->conf;
}

static char *object_name(const struct section *s, const char *array, size_t i)
{
    char *name;

    memcpy(&name, array + i * s->size + s->field, sizeof(name));
    return name;
}

/* Room for one more object; NULL with an error when its name is taken. */
static void *add_object(CONF_LOAD *l, const struct section *s, const char *name,
                        CMPSRV_CONF_POS pos)
{
    char *base = section_base(l, s), *array, *copy, *object;
    size_t n;

    memcpy(&array, base + s->array, sizeof(array));
    memcpy(&n, base + s->count, sizeof(n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(object_name(s, array, i), name) == 0) {
            cmpsrv_conf_error(l->errors, pos, s->name, name, NULL, "given twice");
            return NULL;
        }
    if ((array = OPENSSL_realloc(array, (n + 1) * s->size)) == NULL)
        return NULL;
    memcpy(base + s->array, &array, sizeof(array));
    object = array + n * s->size;
    memset(object, 0, s->size);
    if ((copy = OPENSSL_strdup(name)) == NULL)
        return NULL;
    memcpy(object + s->field, &copy, sizeof(copy));
    memcpy(object + s->pos, &pos, sizeof(pos));
    n++;
    memcpy(base + s->count, &n, sizeof(n));
    return object;
}

static void load_section(CONF_LOAD *l, const struct section *s, CONF_DOC *doc, yaml_node_t *node)
{
    yaml_node_pair_t *p;

    if (node->type != YAML_MAPPING_NODE) {
        cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), s->name, NULL, NULL,
                          "want a map of names");
        return;
    }
    for (p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        yaml_node_t *key = yaml_document_get_node(&doc->yaml, p->key);
        const char *name = cmpsrv_conf_scalar(key);
        void *object;

        if (name == NULL || name[0] == '\0' || strlen(name) > 100) {
            cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, key), s->name, NULL, NULL,
                              "a name is 1 to 100 characters of text");
            continue;
        }
        if ((object = add_object(l, s, name, cmpsrv_conf_pos(doc, key))) == NULL)
            continue;
        l->name = name;
        load_object(l, s->name, object, doc, yaml_document_get_node(&doc->yaml, p->value));
        l->name = NULL;
    }
}

static void load_server(CONF_LOAD *l, CONF_DOC *doc, yaml_node_t *key, yaml_node_t *node)
{
    if (l->conf->server.pos.file != NULL) {
        cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, key), "server", NULL, NULL,
                          "given twice");
        return;
    }
    l->conf->server.pos = cmpsrv_conf_pos(doc, key);
    load_object(l, "server", &l->conf->server, doc, node);
}

static void load_top(CONF_LOAD *l, CONF_DOC *doc)
{
    yaml_node_t *root = cmpsrv_conf_root(doc);
    yaml_node_pair_t *p = root->data.mapping.pairs.start;

    for (; p < root->data.mapping.pairs.top; p++) {
        yaml_node_t *key = yaml_document_get_node(&doc->yaml, p->key);
        yaml_node_t *node = yaml_document_get_node(&doc->yaml, p->value);
        const char *text = cmpsrv_conf_scalar(key);

        if (text != NULL && strcmp(text, "include") == 0)
            continue; /* was read before */
        if (text != NULL && strcmp(text, "server") == 0)
            load_server(l, doc, key, node);
        else if (text != NULL && find_section(text) != NULL)
            load_section(l, find_section(text), doc, node);
        else if (text != NULL && strcmp(text, "ras") == 0)
            cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, key), "ras", NULL, NULL,
                              "not supported yet");
        else
            cmpsrv_conf_error(
                l->errors, cmpsrv_conf_pos(doc, key), NULL, NULL, text,
                "unknown section; allowed: server, cas, certificate_profiles, end_entity_profiles, "
                "aliases, include");
    }
}

/* ---- files
 * ------------------------------------------------------------------------------------------------
 */

static CONF_DOC *add_doc(CONF_LOAD *l, const char *file)
{
    CONF_DOC *doc = &l->docs[l->docs_n];

    if (!cmpsrv_conf_list_add(&l->conf->files, file))
        return NULL;
    doc->file = l->conf->files.v[l->conf->files.n - 1];
    if (!cmpsrv_conf_read(doc, l->errors))
        return NULL;
    l->docs_n++;
    return doc;
}

static int is_loaded(const CONF_LOAD *l, const char *file)
{
    char *a = realpath(file, NULL), *b;
    int found = 0;

    for (size_t i = 0; a != NULL && i < l->docs_n && !found; i++) {
        b = realpath(l->docs[i].file, NULL);
        found = b != NULL && strcmp(a, b) == 0;
        free(b);
    }
    free(a);
    return found;
}

static void include_pattern(CONF_LOAD *l, CONF_DOC *doc, yaml_node_t *node)
{
    const char *text = cmpsrv_conf_scalar(node);
    char *pattern = text == NULL ? NULL : cmpsrv_conf_path(doc, text);
    glob_t found = {0};
    int rc = pattern == NULL ? GLOB_NOMATCH : glob(pattern, 0, NULL, &found);

    if (rc == GLOB_NOMATCH && (text == NULL || strpbrk(text, "*?[") == NULL))
        cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), "include", NULL, NULL,
                          "cannot read %.200s", text == NULL ? "a map" : text);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
        if (is_loaded(l, found.gl_pathv[i]))
            cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), "include", NULL, NULL,
                              "%s is read already: a cycle, or included twice", found.gl_pathv[i]);
        else if (l->docs_n == MAX_DOCS)
            cmpsrv_conf_error(l->errors, cmpsrv_conf_pos(doc, node), "include", NULL, NULL,
                              "more than 64 files");
        else
            add_doc(l, found.gl_pathv[i]);
    }
    globfree(&found);
    OPENSSL_free(pattern);
}

static void read_includes(CONF_LOAD *l, CONF_DOC *doc)
{
    yaml_node_t *root = cmpsrv_conf_root(doc);
    yaml_node_pair_t *p = root->data.mapping.pairs.start;

    for (; p < root->data.mapping.pairs.top; p++) {
        yaml_node_t *node = yaml_document_get_node(&doc->yaml, p->value);
        const char *key = cmpsrv_conf_scalar(yaml_document_get_node(&doc->yaml, p->key));

        if (key == NULL || strcmp(key, "include") != 0)
            continue;
        if (node->type != YAML_SEQUENCE_NODE) {
            include_pattern(l, doc, node);
            continue;
        }
        for (yaml_node_item_t *i = node->data.sequence.items.start;
             i < node->data.sequence.items.top; i++)
            include_pattern(l, doc, yaml_document_get_node(&doc->yaml, *i));
    }
}

static void free_extra(CONF_ALIAS_EXTRA *x)
{
    for (size_t i = 0; i < x->parameters_n; i++)
        cmpsrv_secret_free(x->parameters[i]);
    OPENSSL_free(x->parameters);
    OPENSSL_free(x->ee_profile);
    OPENSSL_free(x->cert_profile);
    OPENSSL_free(x->ca);
}

/* The aliases into the configuration, which owns them from here. */
static void hand_over_aliases(CONF_LOAD *l)
{
    CMPSRV_CONF *c = l->conf;

    c->aliases = OPENSSL_zalloc(l->aliases_n * sizeof(*c->aliases) + 1);
    for (size_t i = 0; i < l->aliases_n; i++) {
        if (c->aliases != NULL)
            c->aliases[c->aliases_n++] = l->aliases[i].alias;
        free_extra(&l->aliases[i].extra);
    }
    OPENSSL_free(l->aliases);
}

CMPSRV_CONF *cmpsrv_conf_load(const char *file, CMPSRV_CONF_ERRORS *errors)
{
    CONF_LOAD *l = OPENSSL_zalloc(sizeof(*l));
    CMPSRV_CONF *c = OPENSSL_zalloc(sizeof(*c));
    size_t before = errors->n;

    if (l == NULL || c == NULL) {
        OPENSSL_free(l);
        OPENSSL_free(c);
        return NULL;
    }
    l->conf = c;
    l->errors = errors;
    if (add_doc(l, file) != NULL) {
        for (size_t i = 0; i < l->docs_n; i++) /* grows while it is walked */
            read_includes(l, &l->docs[i]);
        for (size_t i = 0; i < l->docs_n; i++)
            load_top(l, &l->docs[i]);
        cmpsrv_conf_check(l);
    }
    hand_over_aliases(l);
    for (size_t i = 0; i < l->docs_n; i++) {
        yaml_document_delete(&l->docs[i].yaml);
        OPENSSL_free(l->docs[i].dir);
    }
    OPENSSL_free(l);
    if (errors->n > before) {
        cmpsrv_conf_free(c);
        return NULL;
    }
    return c;
}
