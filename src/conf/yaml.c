/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML file to a tree of nodes with line numbers. The only file that knows libyaml. Takes plain
 * YAML: no anchors, no tags, one document, bounded in size and depth. Errors never quote the text:
 * it may be a secret.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <yaml.h>

typedef struct reader_st {
    CONF_LOAD *load;
    const char *file;
    const unsigned char *text;
    yaml_parser_t parser;
} READER;

CONF_NODE *cmpsrv_conf_node(CONF_LOAD *l, CONF_KIND kind, CMPSRV_CONF_POS pos)
{
    CONF_NODE *n = cmpsrv_conf_alloc(l, sizeof(*n));

    if (n != NULL) {
        n->kind = kind;
        n->pos = pos;
    }
    return n;
}

CONF_NODE *cmpsrv_conf_scalar(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *text, size_t n)
{
    CONF_NODE *node = cmpsrv_conf_node(l, CONF_SCALAR, pos);

    if (node != NULL && (node->text = cmpsrv_conf_text(l, text, n)) == NULL)
        return NULL;
    return node;
}

/* Room doubles when n is a power of two; what is left behind goes with the pool. */
int cmpsrv_conf_node_push(CONF_LOAD *l, CONF_NODE *list, CONF_NODE *item)
{
    if (item == NULL)
        return 0;
    if ((list->n & (list->n - 1)) == 0) {
        CONF_NODE **v = cmpsrv_conf_alloc(l, (list->n == 0 ? 1 : 2 * list->n) * sizeof(*v));

        if (v == NULL)
            return 0;
        if (list->n > 0)
            memcpy(v, list->items, list->n * sizeof(*v));
        list->items = v;
    }
    list->items[list->n++] = item;
    return 1;
}

static CMPSRV_CONF_POS pos_at(const READER *r, size_t line)
{
    return (CMPSRV_CONF_POS){r->file, (int)line + 1};
}

static void *refuse_yaml(READER *r, size_t line, const char *what)
{
    cmpsrv_conf_complain(r->load, pos_at(r, line), NULL, NULL, NULL, "%s", what);
    return NULL;
}

/* libyaml gives no line for octets that are no text. */
static size_t problem_line(const READER *r)
{
    size_t line = 0;

    if (r->parser.error != YAML_READER_ERROR)
        return r->parser.problem_mark.line;
    for (size_t i = 0; i < r->parser.problem_offset; i++)
        line += r->text[i] == '\n';
    return line;
}

static int next_event(READER *r, yaml_event_t *ev)
{
    if (yaml_parser_parse(&r->parser, ev))
        return 1;
    cmpsrv_conf_complain(r->load, pos_at(r, problem_line(r)), NULL, NULL, NULL, "not YAML: %s",
                         r->parser.problem == NULL ? "cannot be read" : r->parser.problem);
    return 0;
}

/* The event's copy of the text may be a secret. */
static void drop_event(yaml_event_t *ev)
{
    if (ev->type == YAML_SCALAR_EVENT)
        OPENSSL_cleanse(ev->data.scalar.value, ev->data.scalar.length);
    yaml_event_delete(ev);
}

static CONF_NODE *read_scalar(READER *r, const yaml_event_t *ev)
{
    const char *text = (const char *)ev->data.scalar.value;
    size_t n = ev->data.scalar.length, line = ev->start_mark.line;
    CONF_NODE *node;

    if (ev->data.scalar.anchor != NULL || ev->data.scalar.tag != NULL)
        return refuse_yaml(r, line, "YAML anchors and tags are not supported: write it out");
    if (memchr(text, 0, n) != NULL)
        return refuse_yaml(r, line, "a NUL character in a value");
    if ((node = cmpsrv_conf_scalar(r->load, pos_at(r, line), text, n)) != NULL)
        node->is_null = n == 0 && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return node;
}

static CONF_NODE *read_node(READER *r, const yaml_event_t *ev, int depth);

/* The events up to the end of the list or map that `ev` began. */
static CONF_NODE *read_items(READER *r, const yaml_event_t *ev, CONF_KIND kind, int depth)
{
    CONF_NODE *list = cmpsrv_conf_node(r->load, kind, pos_at(r, ev->start_mark.line));
    yaml_event_t next;
    int ok = list != NULL;

    while (ok) {
        if (!next_event(r, &next))
            return NULL;
        if (next.type == YAML_SEQUENCE_END_EVENT || next.type == YAML_MAPPING_END_EVENT) {
            drop_event(&next);
            return list;
        }
        ok = cmpsrv_conf_node_push(r->load, list, read_node(r, &next, depth));
        drop_event(&next);
    }
    return NULL;
}

static CONF_NODE *read_node(READER *r, const yaml_event_t *ev, int depth)
{
    int is_map = ev->type == YAML_MAPPING_START_EVENT;

    if (ev->type == YAML_SCALAR_EVENT)
        return read_scalar(r, ev);
    if (ev->type == YAML_ALIAS_EVENT)
        return refuse_yaml(r, ev->start_mark.line,
                           "YAML aliases (*name) are not supported: write it out");
    if (is_map ? ev->data.mapping_start.anchor != NULL || ev->data.mapping_start.tag != NULL
               : ev->data.sequence_start.anchor != NULL || ev->data.sequence_start.tag != NULL)
        return refuse_yaml(r, ev->start_mark.line,
                           "YAML anchors and tags are not supported: write it out");
    if (depth >= CONF_MAX_NESTING)
        return refuse_yaml(r, ev->start_mark.line, "lists and maps are nested too deep");
    return read_items(r, ev, is_map ? CONF_MAP : CONF_LIST, depth + 1);
}

/* Passes over stream and document starts to the document's node. A file without one is an empty
 * map. */
static CONF_NODE *read_document(READER *r)
{
    yaml_event_t ev;
    yaml_event_type_t type;
    CONF_NODE *node = NULL;

    do {
        if (!next_event(r, &ev))
            return NULL;
        type = ev.type;
        if (type == YAML_STREAM_END_EVENT)
            node = cmpsrv_conf_node(r->load, CONF_MAP, pos_at(r, 0));
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT)
            node = read_node(r, &ev, 0);
        drop_event(&ev);
    } while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
    if (node == NULL || type == YAML_STREAM_END_EVENT)
        return node;
    do {
        if (!next_event(r, &ev))
            return NULL;
        type = ev.type;
        if (type == YAML_DOCUMENT_START_EVENT)
            node = refuse_yaml(r, ev.start_mark.line, "more than one YAML document");
        drop_event(&ev);
    } while (type == YAML_DOCUMENT_END_EVENT);
    return node;
}

static int read_octets(CONF_LOAD *l, const char *file, CMPSRV_CONF_POS from, unsigned char *buf,
                       size_t *n)
{
    FILE *f = NULL;
    int ok;

    if (!cmpsrv_conf_is_readable(file) || (f = fopen(file, "rb")) == NULL)
        return cmpsrv_conf_complain(l, from, NULL, NULL, NULL, "cannot read %s: %s", file,
                                    strerror(errno));
    setvbuf(f, NULL, _IONBF, 0); /* secrets may stand in it: no copy in a stdio buffer */
    *n = fread(buf, 1, CONF_MAX_DOCUMENT + 1, f);
    ok = !ferror(f);
    if (!ok)
        cmpsrv_conf_complain(l, from, NULL, NULL, NULL, "cannot read %s: %s", file,
                             strerror(errno));
    else if (*n > CONF_MAX_DOCUMENT)
        ok = cmpsrv_conf_complain(l, from, NULL, NULL, NULL, "%s is larger than 1 MiB", file);
    fclose(f);
    return ok;
}

static CONF_NODE *parse(CONF_LOAD *l, const char *file, const unsigned char *text, size_t n)
{
    READER r = {.load = l, .file = file, .text = text};
    CONF_NODE *root;

    if (!yaml_parser_initialize(&r.parser)) {
        l->no_memory = 1;
        return NULL;
    }
    yaml_parser_set_input_string(&r.parser, text, n);
    root = read_document(&r);
    yaml_parser_delete(&r.parser);
    if (root != NULL && root->is_null) /* nothing but comments after "---" */
        root->kind = CONF_MAP;
    if (root != NULL && root->kind != CONF_MAP)
        return refuse_yaml(&r, 0, "the file must be a map of sections");
    return root;
}

CONF_NODE *cmpsrv_conf_yaml(CONF_LOAD *l, const char *file, CMPSRV_CONF_POS from)
{
    unsigned char *text = OPENSSL_malloc(CONF_MAX_DOCUMENT + 1);
    CONF_NODE *root = NULL;
    size_t n = 0;

    if (text == NULL)
        l->no_memory = 1;
    else if (read_octets(l, file, from, text, &n))
        root = parse(l, file, text, n);
    OPENSSL_clear_free(text, CONF_MAX_DOCUMENT + 1);
    return root;
}
