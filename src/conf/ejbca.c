/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EJBCA's aliases to ours: reads the file, walks the table of EJBCA's keys over each alias, and
 * puts the YAML together. Nothing is lost without a row in the report, and what cannot be kept is
 * refused rather than weakened. Called by cmp-admin alias import.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- one alias --------------------------------------------------------------------------------
 */

static void translate_key(EJBCA_AT *at)
{
    unsigned mode = at->is_ra ? EJBCA_RA : EJBCA_CLIENT;

    if (at->key->translate == NULL || at->p == NULL)
        return;
    if ((at->key->flags & mode) == 0)
        cmpsrv_ejbca_dropped(at, "has no effect in %s mode", at->is_ra ? "RA" : "client");
    else
        at->key->translate(at);
}

static void refuse_unknown(EJBCA_AT *at)
{
    at->key = NULL;
    for (at->p = at->alias->properties; at->p != NULL; at->p = at->p->next)
        if (!at->p->is_known)
            cmpsrv_ejbca_refused(at, "unknown; take it out of the file if you can do without it");
    at->p = NULL;
}

/* In place of its lines, which begin at `from`. */
static void refuse_alias(EJBCA_AT *at, EJBCA_LINE *from, const char *why)
{
    char name[80];

    at->p = NULL;
    at->key = NULL;
    at->im->last_line = from;
    if (from == NULL)
        at->im->lines = NULL;
    else
        from->next = NULL;
    cmpsrv_ejbca_row(at, CMPSRV_IMPORT_REFUSED, NULL, "%s", why);
    cmpsrv_ejbca_line(at->im, "  # %s: refused: %s", cmpsrv_conf_quote(at->alias->name, name), why);
}

static int is_alias_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n > 0 && n <= CMPSRV_MAX_ALIAS && name[n] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static void translate_alias(EJBCA_IMPORT *im, const EJBCA_ALIAS *alias)
{
    EJBCA_AT at = {.im = im, .alias = alias};
    EJBCA_LINE *before = im->last_line;
    size_t modules = 0, n;
    const EJBCA_KEY *keys = cmpsrv_ejbca_keys(&n);

    at.is_ra = OPENSSL_strcasecmp(cmpsrv_ejbca_value(alias, "operationmode", ""), "ra") == 0;
    cmpsrv_ejbca_line(im, "  %s:", cmpsrv_ejbca_scalar(im, alias->name));
    cmpsrv_ejbca_line(im, "    conformance: ejbca");
    for (size_t i = 0; i < n; i++) {
        at.key = &keys[i];
        at.p = cmpsrv_ejbca_property(alias, keys[i].key);
        if (strcmp(keys[i].key, "authenticationmodule") == 0)
            modules = cmpsrv_ejbca_modules(&at);
        else
            translate_key(&at);
    }
    refuse_unknown(&at);
    if (!is_alias_name(alias->name))
        refuse_alias(&at, before, "an alias has 1 to 32 of A-Za-z0-9._-; rename it in the file");
    else if (modules == 0)
        refuse_alias(&at, before, "it could authenticate nobody: no module is left");
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int join_lines(EJBCA_IMPORT *im)
{
    size_t n = 1;
    char *text, *out;

    for (const EJBCA_LINE *line = im->lines; line != NULL; line = line->next)
        n += strlen(line->text) + 1;
    if ((text = out = cmpsrv_conf_alloc(&im->pool, n)) == NULL)
        return 0;
    for (const EJBCA_LINE *line = im->lines; line != NULL; line = line->next)
        out += snprintf(out, n - (size_t)(out - text), "%s\n", line->text);
    im->pub.yaml = text;
    return 1;
}

CMPSRV_IMPORT *cmpsrv_conf_import(CMPSRV_SLICE file, const CMPSRV_IMPORT_OPTIONS *options,
                                  CMPSRV_REFUSAL *why)
{
    EJBCA_IMPORT *im = OPENSSL_zalloc(sizeof(*im));

    if (im == NULL) {
        cmpsrv_fail(why, "out of memory");
        return NULL;
    }
    im->options = options;
    cmpsrv_ejbca_line(im, "aliases:");
    if (cmpsrv_ejbca_read(im, file))
        for (const EJBCA_ALIAS *a = im->aliases; a != NULL; a = a->next)
            if (options->alias == NULL || strcmp(options->alias, a->name) == 0) {
                im->pub.aliases_n++;
                translate_alias(im, a);
            }
    if (im->pool.no_memory || !join_lines(im)) {
        cmpsrv_fail(why, "out of memory");
        cmpsrv_conf_import_free(&im->pub);
        return NULL;
    }
    return &im->pub;
}

void cmpsrv_conf_import_free(CMPSRV_IMPORT *pub)
{
    EJBCA_IMPORT *im = (EJBCA_IMPORT *)pub;

    if (im == NULL)
        return;
    OPENSSL_free(im->pub.rows);
    cmpsrv_conf_pool_free(&im->pool);
    OPENSSL_free(im);
}

const char *cmpsrv_conf_import_word(CMPSRV_IMPORT_OUTCOME outcome)
{
    static const char *const words[] = {"taken", "translated", "dropped", "refused"};

    return outcome < CMPSRV_IMPORT__COUNT ? words[outcome] : "?";
}
