/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From documents to one configuration: sorts what stands in them into entries by the schema, has
 * each value read, moves the results to where they stay, and frees them again. Walks the table;
 * knows no key by name but the one that chooses between defaults.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* What every named object begins with. */
typedef struct named_head_st {
    CMPSRV_CONF_POS pos;
    char *name;
} NAMED_HEAD;

/* ---- entries ----------------------------------------------------------------------------------
 */

const CONF_ENTRY *cmpsrv_conf_entry(const CONF_LOAD *l, const char *section, const char *name)
{
    for (const CONF_ENTRY *e = l->entries; e != NULL; e = e->next)
        if (strcmp(e->section->name, section) == 0 && (name == NULL || strcmp(e->name, name) == 0))
            return e;
    return NULL;
}

const CONF_NODE *cmpsrv_conf_given(const CONF_ENTRY *e, const char *key)
{
    size_t i;

    return cmpsrv_conf_row(e->section, key, &i) == NULL ? NULL : e->given[i];
}

int cmpsrv_conf_is_bad(const CONF_ENTRY *e, const char *key)
{
    size_t i;

    return cmpsrv_conf_row(e->section, key, &i) == NULL || e->is_bad[i];
}

CMPSRV_CONF_POS cmpsrv_conf_pos(const CONF_ENTRY *e, const char *key)
{
    const CONF_NODE *node = cmpsrv_conf_given(e, key);

    return node == NULL ? e->pos : node->pos;
}

static CONF_ENTRY *add_entry(CONF_LOAD *l, const CONF_SECTION *s, const char *name,
                             CMPSRV_CONF_POS pos)
{
    CONF_ENTRY *e = cmpsrv_conf_alloc(l, sizeof(*e));

    if (e == NULL || (e->obj = cmpsrv_conf_alloc(l, s->size)) == NULL)
        return NULL;
    e->section = s;
    e->name = name;
    e->pos = pos;
    if (l->last_entry == NULL)
        l->entries = e;
    else
        l->last_entry->next = e;
    l->last_entry = e;
    return e;
}

/* ---- gathering: which node is which key's value -----------------------------------------------
 */

static int unknown_key(CONF_LOAD *l, const CONF_ENTRY *e, const CONF_NODE *key, const char *dotted)
{
    const char *near = cmpsrv_conf_nearest(e->section, dotted);
    char quoted[80];

    cmpsrv_conf_quote(dotted, quoted);
    if (near == NULL)
        return cmpsrv_conf_complain(l, key->pos, e->section->name, e->name, quoted, "unknown key");
    return cmpsrv_conf_complain(l, key->pos, e->section->name, e->name, quoted,
                                "unknown key; did you mean %s?", near);
}

static int gather(CONF_LOAD *l, CONF_ENTRY *e, const char *prefix, const CONF_NODE *map);

static int gather_key(CONF_LOAD *l, CONF_ENTRY *e, const char *dotted, const CONF_NODE *key,
                      CONF_NODE *value)
{
    const CONF_SECTION *s = e->section;
    size_t i;

    if (cmpsrv_conf_row(s, dotted, &i) != NULL) {
        if (e->given[i] != NULL)
            return cmpsrv_conf_complain(l, key->pos, s->name, e->name, dotted,
                                        "given twice; first at %s:%d", e->given[i]->pos.file,
                                        e->given[i]->pos.line);
        value->pos = key->pos; /* errors name the key's line */
        e->given[i] = value;
        return 1;
    }
    if (!cmpsrv_conf_has_prefix(s, dotted))
        return unknown_key(l, e, key, dotted);
    if (value->kind == CONF_MAP)
        return gather(l, e, dotted, value);
    return cmpsrv_conf_complain(l, key->pos, s->name, e->name, dotted, "must be a map of keys");
}

static int gather(CONF_LOAD *l, CONF_ENTRY *e, const char *prefix, const CONF_NODE *map)
{
    int ok = 1;

    for (size_t i = 0; i + 1 < map->n; i += 2) {
        const CONF_NODE *key = map->items[i];
        const char *dotted;

        if (key->kind != CONF_SCALAR) {
            ok = cmpsrv_conf_complain(l, key->pos, e->section->name, e->name, NULL,
                                      "a key must be a word");
            continue;
        }
        dotted = cmpsrv_conf_textf(l, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key->text);
        if (dotted == NULL)
            return 0;
        ok &= gather_key(l, e, dotted, key, map->items[i + 1]);
    }
    return ok;
}

static int is_alias_name(const char *name)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return strspn(name, alphabet) == strlen(name) && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* Whether an entry may have that name, and nobody else has it. */
static int check_name(CONF_LOAD *l, const CONF_SECTION *s, const CONF_NODE *key)
{
    int is_alias = s->max_name == CMPSRV_MAX_ALIAS;
    const CONF_ENTRY *other;
    int ok;

    if (key->kind != CONF_SCALAR)
        return cmpsrv_conf_complain(l, key->pos, s->name, NULL, NULL, "a name must be a word");
    ok = key->text[0] != '\0' && strlen(key->text) <= s->max_name;
    for (const char *p = key->text; *p != '\0'; p++)
        ok &= (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (!ok || (is_alias && !is_alias_name(key->text)))
        return cmpsrv_conf_complain(l, key->pos, s->name, key->text, NULL,
                                    "not a name; allowed: 1 to %zu %s", s->max_name,
                                    is_alias ? "of A-Za-z0-9._-, neither . nor .." : "octets");
    if (!is_alias &&
        (strcmp(key->text, CONF_DEFAULT_REF) == 0 || strcmp(key->text, CONF_KEY_ID_REF) == 0))
        return cmpsrv_conf_complain(l, key->pos, s->name, key->text, NULL,
                                    "this name has a meaning of its own");
    if ((other = cmpsrv_conf_entry(l, s->name, key->text)) != NULL)
        return cmpsrv_conf_complain(l, key->pos, s->name, key->text, NULL,
                                    "given twice; first at %s:%d", other->pos.file,
                                    other->pos.line);
    return 1;
}

static void gather_named(CONF_LOAD *l, const CONF_SECTION *s, const CONF_NODE *map)
{
    for (size_t i = 0; i + 1 < map->n; i += 2) {
        const CONF_NODE *key = map->items[i], *value = map->items[i + 1];
        CONF_ENTRY *e;

        if (!check_name(l, s, key) || (e = add_entry(l, s, key->text, key->pos)) == NULL)
            continue;
        if (value->kind == CONF_MAP)
            gather(l, e, "", value);
        else if (!value->is_null)
            cmpsrv_conf_complain(l, key->pos, s->name, e->name, NULL, "must be a map of keys");
    }
}

static void gather_single(CONF_LOAD *l, const CONF_SECTION *s, const CONF_NODE *key,
                          const CONF_NODE *map)
{
    CONF_ENTRY *e = (CONF_ENTRY *)cmpsrv_conf_entry(l, s->name, NULL);

    if (e != NULL || (e = add_entry(l, s, NULL, key->pos)) != NULL)
        gather(l, e, "", map);
}

static void gather_section(CONF_LOAD *l, const CONF_NODE *key, const CONF_NODE *value)
{
    const CONF_SECTION *s = cmpsrv_conf_section(key->text);
    const char *near = cmpsrv_conf_nearest(NULL, key->text);
    char quoted[80];

    if (s == NULL)
        cmpsrv_conf_complain(l, key->pos, cmpsrv_conf_quote(key->text, quoted), NULL, NULL,
                             "unknown section%s%s%s", near == NULL ? "" : "; did you mean ",
                             near == NULL ? "" : near, near == NULL ? "" : "?");
    else if (value->kind != CONF_MAP && !value->is_null)
        cmpsrv_conf_complain(l, key->pos, s->name, NULL, NULL, "must be a map of %s",
                             s->is_named ? "names" : "keys");
    else if (s->is_named)
        gather_named(l, s, value);
    else
        gather_single(l, s, key, value);
}

static int is_repeated(const CONF_NODE *map, size_t at)
{
    for (size_t i = 0; i < at; i += 2)
        if (map->items[i]->kind == CONF_SCALAR &&
            strcmp(map->items[i]->text, map->items[at]->text) == 0)
            return 1;
    return 0;
}

static void gather_document(CONF_LOAD *l, const CONF_NODE *root)
{
    char quoted[80];

    for (size_t i = 0; i + 1 < root->n; i += 2) {
        const CONF_NODE *key = root->items[i];

        if (key->kind != CONF_SCALAR)
            cmpsrv_conf_complain(l, key->pos, NULL, NULL, NULL, "a section must be a word");
        else if (is_repeated(root, i))
            cmpsrv_conf_complain(l, key->pos, cmpsrv_conf_quote(key->text, quoted), NULL, NULL,
                                 "given twice in this file");
        else if (strcmp(key->text, "include") != 0) /* include.c has seen to it */
            gather_section(l, key, root->items[i + 1]);
    }
}

/* ---- reading: each key's value into its field --------------------------------------------------
 */

/* Of aliases, the first field that is read: it chooses the defaults of the others. */
static const char *default_of(const CONF_ENTRY *e, const CONF_ROW *row)
{
    int is_ejbca = strcmp(e->section->name, "aliases") == 0 &&
                   ((const CONF_ALIAS_ENTRY *)e->obj)->a.ejbca_conformance;

    return is_ejbca ? row->dflt_ejbca : row->dflt;
}

/* A scalar's text, a list's items with ", " between them; NULL: neither. */
static const char *flat_text(CONF_LOAD *l, const CONF_NODE *node)
{
    const char *out = "";

    if (node->kind == CONF_SCALAR)
        return node->text;
    for (size_t i = 0; i < node->n && out != NULL; i++) {
        if (node->kind == CONF_MAP || node->items[i]->kind != CONF_SCALAR)
            return NULL;
        out = cmpsrv_conf_textf(l, "%s%s%s", out, i == 0 ? "" : ", ", node->items[i]->text);
    }
    return out;
}

/* Whether text is one of "a|b|c"; yes and true are the same. */
static int is_off(const char *text, const char *off)
{
    int b = cmpsrv_conf_bool(text);

    for (;;) {
        size_t n = strcspn(off, "|");

        if (strlen(text) == n && strncmp(text, off, n) == 0)
            return 1;
        if (off[n] == '\0')
            return b >= 0 && b == cmpsrv_conf_bool(off);
        off += n + 1;
    }
}

/* A key of a feature to come: fine with the value that says that it is not wanted. Not quoted: it
 * may be a password. */
static int read_later(CONF_LOAD *l, const CONF_ENTRY *e, const CONF_ROW *row, const CONF_NODE *node)
{
    const char *text = flat_text(l, node), *dflt = default_of(e, row);

    if (text != NULL && row->off != NULL && (is_off(text, row->off) || is_off(text, dflt)))
        return 1;
    if (row->off == NULL)
        return cmpsrv_conf_complain(l, node->pos, e->section->name, e->name, row->key,
                                    "not supported yet; allowed: to leave it out");
    return cmpsrv_conf_complain(l, node->pos, e->section->name, e->name, row->key,
                                "not supported yet; allowed: %s",
                                row->off[0] == '\0' ? "\"\"" : row->off);
}

static int read_key(CONF_LOAD *l, const CONF_ENTRY *e, const CONF_ROW *row, const CONF_NODE *given)
{
    CONF_AT at = {l, e, row, given};
    CONF_NODE *node;

    if (row->offset == CONF_NOWHERE)
        return given == NULL || read_later(l, e, row, given);
    if (given == NULL) {
        const char *dflt = default_of(e, row);

        if (dflt == NULL && l->is_incomplete) /* it may stand in the file that is not there */
            return 0;
        if (dflt == NULL)
            return cmpsrv_conf_complain(l, e->pos, e->section->name, e->name, row->key,
                                        "missing; allowed: %s", row->type->allowed);
        if (dflt[0] == '\0' && (row->type->flags & CONF_EMPTY_OK) == 0)
            return 1;
        if ((node = cmpsrv_conf_scalar(l, e->pos, dflt, strlen(dflt))) == NULL)
            return 0;
        node->is_default = 1;
        at.node = node;
    }
    return row->type->set(&at, (char *)e->obj + row->offset);
}

static void read_entry(CONF_LOAD *l, CONF_ENTRY *e)
{
    size_t n;
    const CONF_ROW *rows = cmpsrv_conf_section_rows(e->section, &n);

    for (size_t i = 0; i < n; i++)
        e->is_bad[i] = !read_key(l, e, &rows[i], e->given[i]);
}

/* ---- moving and freeing -----------------------------------------------------------------------
 */

/* Frees what the fields of an object own, those between two offsets. */
static void clear_object(const CONF_SECTION *s, void *obj, size_t from, size_t to)
{
    size_t n;
    const CONF_ROW *rows = cmpsrv_conf_section_rows(s, &n);

    for (size_t i = 0; i < n; i++)
        if (rows[i].type->clear != NULL && rows[i].offset >= from && rows[i].offset < to)
            rows[i].type->clear((char *)obj + rows[i].offset);
}

/* The array of a section's objects in a configuration. */
static char *get_array(const CMPSRV_CONF *c, const CONF_SECTION *s)
{
    char *array;

    memcpy(&array, (const char *)c + s->array, sizeof(array));
    return array;
}

static size_t *get_count(CMPSRV_CONF *c, const CONF_SECTION *s)
{
    return (size_t *)(void *)((char *)c + s->count);
}

static int make_array(CONF_LOAD *l, const CONF_SECTION *s)
{
    size_t n = 0;
    char *array;

    for (const CONF_ENTRY *e = l->entries; e != NULL; e = e->next)
        n += e->section == s;
    if (n == 0)
        return 1;
    if ((array = OPENSSL_zalloc(n * s->public_size)) == NULL) {
        l->no_memory = 1;
        return 0;
    }
    memcpy((char *)l->conf + s->array, &array, sizeof(array));
    return 1;
}

/* Moves the public part; what it owned is the configuration's from here on. */
static int move_entry(CONF_LOAD *l, CONF_ENTRY *e)
{
    const CONF_SECTION *s = e->section;
    NAMED_HEAD head = {e->pos, NULL};

    if (s->is_named) {
        size_t *n = get_count(l->conf, s);

        e->pub = get_array(l->conf, s) + *n * s->public_size;
        (*n)++;
        memcpy(e->pub, e->obj, s->public_size);
        memset(e->obj, 0, s->public_size);
        if ((head.name = OPENSSL_strdup(e->name)) == NULL)
            l->no_memory = 1;
        memcpy(e->pub, &head, sizeof(head));
        return head.name != NULL;
    }
    e->pub = (char *)l->conf + s->array;
    memcpy(e->pub, e->obj, s->public_size);
    memset(e->obj, 0, s->public_size);
    memcpy(e->pub, &head.pos, sizeof(head.pos));
    return 1;
}

static int move_entries(CONF_LOAD *l)
{
    size_t n;
    const CONF_SECTION *s = cmpsrv_conf_sections(&n);
    int ok = 1;

    for (size_t i = 0; i < n && ok; i++)
        ok = !s[i].is_named || make_array(l, &s[i]);
    for (CONF_ENTRY *e = l->entries; e != NULL && ok; e = e->next)
        ok = move_entry(l, e);
    return ok;
}

static void free_modules(CMPSRV_CONF_ALIAS *a)
{
    for (size_t i = 0; i < a->modules_n; i++) {
        OPENSSL_free(a->modules[i].name);
        cmpsrv_secret_free(a->modules[i].parameter);
        OPENSSL_free(a->modules[i].attribute);
    }
    OPENSSL_free(a->modules);
}

void cmpsrv_conf_free(CMPSRV_CONF *c)
{
    size_t n;
    const CONF_SECTION *s = cmpsrv_conf_sections(&n);

    if (c == NULL)
        return;
    for (size_t i = 0; i < c->aliases_n; i++)
        free_modules(&c->aliases[i]);
    for (size_t i = 0; i < n; i++) {
        char *array = s[i].is_named ? get_array(c, &s[i]) : NULL;

        if (!s[i].is_named)
            clear_object(&s[i], (char *)c + s[i].array, 0, s[i].public_size);
        for (size_t k = 0; array != NULL && k < *get_count(c, &s[i]); k++) {
            NAMED_HEAD *head = (NAMED_HEAD *)(void *)(array + k * s[i].public_size);

            clear_object(&s[i], head, 0, s[i].public_size);
            OPENSSL_free(head->name);
        }
        OPENSSL_free(array);
    }
    cmpsrv_conf_clear_list(&c->files);
    OPENSSL_free(c);
}

/* ---- the load ---------------------------------------------------------------------------------
 */

/* `server` is read even where nobody wrote it: it has required keys. */
static void load_entries(CONF_LOAD *l)
{
    const CONF_SECTION *server = cmpsrv_conf_section("server");

    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next)
        if (d->root != NULL)
            gather_document(l, d->root);
    if (!l->is_incomplete && cmpsrv_conf_entry(l, server->name, NULL) == NULL)
        add_entry(l, server, NULL, (CMPSRV_CONF_POS){l->docs->file, 1});
    for (CONF_ENTRY *e = l->entries; e != NULL; e = e->next)
        read_entry(l, e);
    if (move_entries(l) && !l->is_incomplete)
        cmpsrv_conf_check(l);
}

CMPSRV_CONF *cmpsrv_conf_load(const char *file, const CMPSRV_CONF *current,
                              CMPSRV_CONF_ERRORS *errors)
{
    CONF_LOAD l = {.conf = OPENSSL_zalloc(sizeof(*l.conf)), .current = current};
    CMPSRV_CONF *c = l.conf;
    size_t before = errors->n;

    if (c == NULL)
        l.no_memory = 1;
    else if (cmpsrv_conf_read_all(&l, file))
        load_entries(&l);
    for (CONF_ENTRY *e = l.entries; e != NULL; e = e->next)
        clear_object(e->section, e->obj, 0, e->section->size);
    cmpsrv_conf_complaints_sort(&l, errors);
    if (l.no_memory)
        cmpsrv_conf_error(errors, (CMPSRV_CONF_POS){file, 1}, NULL, NULL, NULL, "out of memory");
    cmpsrv_conf_pool_free(&l);
    if (errors->n > before || l.no_memory) {
        cmpsrv_conf_free(c);
        c = NULL;
    }
    return c;
}

const CMPSRV_CONF_CA *cmpsrv_conf_ca(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->cas_n; i++)
        if (strcmp(c->cas[i].name, name) == 0)
            return &c->cas[i];
    return NULL;
}

int cmpsrv_conf_is_listed(const CMPSRV_CONF_LIST *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0)
            return 1;
    return list->n == 0;
}
