/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML documents with the lines of their nodes, by libyaml. Every scalar is text here: what `no`
 * means is for the type of its setting to say.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/conf_local.h"

enum { MAX_FILE = 1048576 };

static CMPSRV_CONF_POS line_of(const CONF_DOC *doc, size_t line)
{
    return (CMPSRV_CONF_POS){doc->file, (int)line + 1};
}

CMPSRV_CONF_POS cmpsrv_conf_pos(const CONF_DOC *doc, const yaml_node_t *node)
{
    return line_of(doc, node->start_mark.line);
}

yaml_node_t *cmpsrv_conf_root(CONF_DOC *doc)
{
    return yaml_document_get_root_node(&doc->yaml);
}

const char *cmpsrv_conf_scalar(const yaml_node_t *node)
{
    const char *text;

    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

char *cmpsrv_conf_path(const CONF_DOC *doc, const char *path)
{
    size_t n;
    char *out;

    if (path[0] == '/' || doc == NULL)
        return OPENSSL_strdup(path);
    n = strlen(doc->dir) + strlen(path) + 2;
    if ((out = OPENSSL_malloc(n)) != NULL)
        snprintf(out, n, "%s/%s", doc->dir, path);
    return out;
}

static char *directory_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *dir = slash == NULL ? OPENSSL_strdup(".")
                              : OPENSSL_strndup(file, (size_t)(slash - file + (slash == file)));
    char *full = dir == NULL ? NULL : realpath(dir, NULL),
         *out = full == NULL ? NULL : OPENSSL_strdup(full);

    free(full);
    OPENSSL_free(dir);
    return out;
}

static unsigned char *read_file(const CONF_DOC *doc, size_t *n, CMPSRV_CONF_ERRORS *errors)
{
    FILE *f = fopen(doc->file, "rb");
    unsigned char *buf = f == NULL ? NULL : OPENSSL_malloc(MAX_FILE + 1);

    if (buf != NULL)
        *n = fread(buf, 1, MAX_FILE + 1, f);
    if (buf == NULL || ferror(f) || *n > MAX_FILE) {
        cmpsrv_conf_error(errors, line_of(doc, 0), NULL, NULL, NULL, "cannot read the file: %s",
                          buf != NULL && *n > MAX_FILE ? "larger than 1 MiB" : strerror(errno));
        OPENSSL_free(buf);
        buf = NULL;
    }
    if (f != NULL)
        fclose(f);
    return buf;
}

/* One document, and nothing after it. */
static int parse(yaml_parser_t *parser, CONF_DOC *doc, CMPSRV_CONF_ERRORS *errors)
{
    yaml_document_t next;
    int more;

    if (!yaml_parser_load(parser, &doc->yaml)) {
        cmpsrv_conf_error(errors, line_of(doc, parser->problem_mark.line), NULL, NULL, NULL,
                          "no YAML: %s", parser->problem);
        return 0;
    }
    if (cmpsrv_conf_root(doc) == NULL || cmpsrv_conf_root(doc)->type != YAML_MAPPING_NODE) {
        cmpsrv_conf_error(
            errors, line_of(doc, 0), NULL, NULL, NULL,
            "the file is no map of sections; allowed: server, cas, certificate_profiles, "
            "end_entity_profiles, aliases, include");
        yaml_document_delete(&doc->yaml);
        return 0;
    }
    more = yaml_parser_load(parser, &next);
    if (more) {
        if (yaml_document_get_root_node(&next) == NULL) {
            yaml_document_delete(&next);
            return 1;
        }
        yaml_document_delete(&next);
    }
    cmpsrv_conf_error(errors, line_of(doc, more ? next.start_mark.line : parser->problem_mark.line),
                      NULL, NULL, NULL, "more than one document, or damage after the first");
    yaml_document_delete(&doc->yaml);
    return 0;
}

int cmpsrv_conf_read(CONF_DOC *doc, CMPSRV_CONF_ERRORS *errors)
{
    yaml_parser_t parser;
    size_t n = 0;
    unsigned char *buf = read_file(doc, &n, errors);
    int ok = 0;

    if (buf == NULL)
        return 0;
    if ((doc->dir = directory_of(doc->file)) != NULL && yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_string(&parser, buf, n);
        ok = parse(&parser, doc, errors);
        yaml_parser_delete(&parser);
    }
    if (!ok) {
        OPENSSL_free(doc->dir);
        doc->dir = NULL;
    }
    OPENSSL_clear_free(buf, MAX_FILE + 1);
    return ok;
}
