/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import of EJBCA's aliases writes: lines of YAML and rows of the report. Callers give no
 * secret to what goes into rows and comments. Used by ejbca.c and ejbca_auth.c.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/* ---- YAML -------------------------------------------------------------------------------------
 */

static char *vtext(CONF_LOAD *pool, const char *fmt, va_list ap) CMPSRV_PRINTF(2, 0);

static char *vtext(CONF_LOAD *pool, const char *fmt, va_list ap)
{
    va_list again;
    char *p = NULL;
    int n;

    va_copy(again, ap);
    if ((n = vsnprintf(NULL, 0, fmt, ap)) >= 0 &&
        (p = cmpsrv_conf_alloc(pool, (size_t)n + 1)) != NULL)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void cmpsrv_ejbca_line(EJBCA_IMPORT *im, const char *fmt, ...)
{
    EJBCA_LINE *line = cmpsrv_conf_alloc(&im->pool, sizeof(*line));
    va_list ap;

    va_start(ap, fmt);
    if (line != NULL)
        line->text = vtext(&im->pool, fmt, ap);
    va_end(ap);
    if (line == NULL || line->text == NULL)
        return;
    if (im->last_line == NULL)
        im->lines = line;
    else
        im->last_line->next = line;
    im->last_line = line;
}

/* Whether the text is the same to every reader of YAML without quotes. */
static int is_plain(const char *text)
{
    static const char *const reserved[] = {"y",   "n",    "yes",   "no",  "on",
                                           "off", "true", "false", "null"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(reserved); i++)
        if (strcasecmp(text, reserved[i]) == 0)
            return 0;
    return isalpha((unsigned char)text[0]) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
               strlen(text);
}

/* One character at p: how many octets it has, and which it is. What is no UTF-8 (names on the
 * command line) is taken for ISO 8859-1; a NUL ends every sequence. */
static size_t read_utf8(const unsigned char *p, unsigned *c)
{
    size_t n = cmpsrv_ejbca_utf8(p, 4);

    *c = n <= 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | (p[i] & 0x3f);
    return n;
}

/* What YAML takes as it is between double quotes (YAML 1.1 5.1), line breaks and the like apart. */
static int is_printable(unsigned c)
{
    return (c >= 0x20 && c < 0x7f) ||
           (c > 0xa0 && c < 0xfff0 && c != 0x2028 && c != 0x2029 && c != 0xfeff) || c >= 0x10000;
}

const char *cmpsrv_ejbca_scalar(EJBCA_IMPORT *im, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    char *quoted, *out;
    unsigned c;
    size_t n;

    if (is_plain(text))
        return text;
    if ((quoted = cmpsrv_conf_alloc(&im->pool, 6 * strlen(text) + 3)) == NULL)
        return "\"\"";
    out = quoted;
    *out++ = '"';
    for (; *p != '\0'; p += n) {
        n = read_utf8(p, &c);
        if (n == 0 || !is_printable(c)) {
            out += snprintf(out, 7, "\\u%04x", c);
            n += n == 0;
            continue;
        }
        if (c == '"' || c == '\\')
            *out++ = '\\';
        memcpy(out, p, n);
        out += n;
    }
    *out = '"';
    return quoted;
}

const char *cmpsrv_ejbca_list(EJBCA_IMPORT *im, const CMPSRV_CONF_LIST *items)
{
    const char *out = "[";

    for (size_t i = 0; i < items->n && out != NULL; i++)
        out = cmpsrv_conf_textf(&im->pool, "%s%s%s", out, i == 0 ? "" : ", ",
                                cmpsrv_ejbca_scalar(im, items->v[i]));
    out = out == NULL ? NULL : cmpsrv_conf_textf(&im->pool, "%s]", out);
    return out == NULL ? "[]" : out;
}

/* ---- report -----------------------------------------------------------------------------------
 */

static void add_row(const EJBCA_AT *at, CMPSRV_IMPORT_OUTCOME outcome, const char *to,
                    const char *why)
{
    CMPSRV_IMPORT *pub = &at->im->pub;
    CMPSRV_IMPORT_ROW *rows;
    /* Of an unknown key nobody knows whether its value is a secret. */
    int is_shown = at->p != NULL && at->key != NULL && (at->key->flags & EJBCA_SECRET) == 0;

    if (why == NULL ||
        (rows = OPENSSL_realloc(pub->rows, (pub->rows_n + 1) * sizeof(*rows))) == NULL) {
        at->im->pool.no_memory = 1;
        return;
    }
    if (at->p != NULL && at->p->is_again)
        why = cmpsrv_conf_textf(&at->im->pool, "%s%sthe last of several in the file, as in Java",
                                why, why[0] == '\0' ? "" : "; ");
    pub->rows = rows;
    rows[pub->rows_n++] = (CMPSRV_IMPORT_ROW){
        .outcome = outcome,
        .line = at->p == NULL ? 0 : at->p->line,
        .alias = at->alias->name,
        .key = at->p != NULL     ? at->p->key
               : at->key != NULL ? at->key->key
                                 : NULL,
        .from = is_shown ? at->p->value : NULL,
        .to = to,
        .why = why == NULL ? "" : why,
    };
    pub->counts[outcome]++;
}

void cmpsrv_ejbca_row(const EJBCA_AT *at, CMPSRV_IMPORT_OUTCOME outcome, const char *to,
                      const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_row(at, outcome, to, vtext(&at->im->pool, fmt, ap));
    va_end(ap);
}

/* What the report shows of a line of the YAML. */
static const char *shown(const EJBCA_AT *at, const char *key, const char *yaml)
{
    int is_secret = (at->key->flags & EJBCA_SECRET) != 0;

    return cmpsrv_conf_textf(&at->im->pool, "%s: %s", key, is_secret ? "(not shown)" : yaml);
}

void cmpsrv_ejbca_taken(const EJBCA_AT *at, const char *yaml, const char *why)
{
    cmpsrv_ejbca_line(at->im, "    %s: %s", at->key->key, yaml);
    add_row(at, CMPSRV_IMPORT_TAKEN, shown(at, at->key->key, yaml), why);
}

void cmpsrv_ejbca_translated(const EJBCA_AT *at, const char *key, const char *yaml, const char *fmt,
                             ...)
{
    char escaped[80];
    va_list ap;

    if ((at->key->flags & EJBCA_SECRET) != 0 || at->p == NULL)
        cmpsrv_ejbca_line(at->im, "    %s: %s", key, yaml);
    else
        cmpsrv_ejbca_line(at->im, "    %s: %s # %s = %s", key, yaml, at->p->key,
                          cmpsrv_conf_quote(at->p->value, escaped));
    va_start(ap, fmt);
    add_row(at, CMPSRV_IMPORT_TRANSLATED, shown(at, key, yaml), vtext(&at->im->pool, fmt, ap));
    va_end(ap);
}

void cmpsrv_ejbca_dropped(const EJBCA_AT *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_row(at, CMPSRV_IMPORT_DROPPED, NULL, vtext(&at->im->pool, fmt, ap));
    va_end(ap);
}

void cmpsrv_ejbca_refused(const EJBCA_AT *at, const char *fmt, ...)
{
    const char *why, *key = at->p != NULL ? at->p->key : at->key->key;
    char quoted[80];
    va_list ap;

    va_start(ap, fmt);
    why = vtext(&at->im->pool, fmt, ap);
    va_end(ap);
    add_row(at, CMPSRV_IMPORT_REFUSED, NULL, why);
    if (why != NULL)
        cmpsrv_ejbca_line(at->im, "    # %s: refused: %s", cmpsrv_conf_quote(key, quoted), why);
}
