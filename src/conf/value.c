/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each type of the schema is read from a node into its field, and freed again. Called through
 * the table only. Values are quoted in errors where no password can hide in them: not of secrets,
 * URIs, stores and modules (which stand beside secrets).
 */
#include "config.h"

#include "conf/conf_local.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static const char *kind_name(CONF_KIND kind)
{
    static const char *const names[] = {"one value", "a list", "a map"};

    return names[kind];
}

/* The text of a node that must be one value; NULL with an error. */
const char *cmpsrv_conf_read_scalar(const CONF_AT *at, const CONF_NODE *node)
{
    if (node->kind == CONF_SCALAR)
        return node->text;
    cmpsrv_conf_wrong(at, node, "must be one value, not %s", kind_name(node->kind));
    return NULL;
}

static int store_string(const CONF_AT *at, char **field, const char *text)
{
    char *copy = OPENSSL_strdup(text);

    if (copy == NULL) {
        at->load->no_memory = 1;
        return 0;
    }
    OPENSSL_free(*field);
    *field = copy;
    return 1;
}

/* ---- words and numbers ------------------------------------------------------------------------
 */

int cmpsrv_conf_bool(const char *text)
{
    static const CONF_WORD words[] = {{"yes", 1, 0}, {"true", 1, 0}, {"no", 0, 0}, {"false", 0, 0}};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(words); i++)
        if (OPENSSL_strcasecmp(text, words[i].text) == 0)
            return words[i].value;
    return -1;
}

int cmpsrv_conf_set_bool(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_scalar(at, at->node);
    char quoted[80];
    int value;

    if (text == NULL)
        return 0;
    if ((value = cmpsrv_conf_bool(text)) < 0)
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is neither yes nor no",
                                 cmpsrv_conf_quote(text, quoted));
    *(int *)field = value;
    return 1;
}

const CONF_WORD *cmpsrv_conf_find_word(const CONF_WORD *words, const char *text)
{
    for (; words != NULL && words->text != NULL; words++)
        if (strcmp(words->text, text) == 0)
            return words;
    return NULL;
}

/* The word that a node says, of those of the type; NULL with an error. */
const CONF_WORD *cmpsrv_conf_read_word(const CONF_AT *at, const CONF_NODE *node)
{
    const char *text = cmpsrv_conf_read_scalar(at, node);
    const CONF_WORD *word;
    char quoted[80];

    if (text == NULL)
        return NULL;
    if ((word = cmpsrv_conf_find_word(at->row->type->words, text)) == NULL)
        cmpsrv_conf_wrong(at, node, "\"%s\" is not known", cmpsrv_conf_quote(text, quoted));
    else if (word->is_later)
        cmpsrv_conf_wrong(at, node, "%s: not supported yet", text);
    return word == NULL || word->is_later ? NULL : word;
}

/* Fields are enums or int: all of one size, see the assertions of schema.c. */
int cmpsrv_conf_set_word(const CONF_AT *at, void *field)
{
    const CONF_WORD *word = cmpsrv_conf_read_word(at, at->node);

    if (word == NULL)
        return 0;
    memcpy(field, &word->value, sizeof(word->value));
    return 1;
}

/* Decimal digits from *p on; *p is left behind them. 0 if there are none or too many. */
int cmpsrv_conf_read_digits(const char **p, int64_t *out)
{
    int64_t v = 0;

    if (!isdigit((unsigned char)**p))
        return 0;
    for (; isdigit((unsigned char)**p); (*p)++) {
        int digit = **p - '0';

        if (v > (INT64_MAX - digit) / 10)
            return 0;
        v = v * 10 + digit;
    }
    *out = v;
    return 1;
}

static int in_bounds(const CONF_AT *at, int64_t v)
{
    return v >= at->row->type->min && v <= at->row->type->max;
}

static int may_be_minus_one(const CONF_AT *at, int64_t v)
{
    return v == -1 && (at->row->type->flags & CONF_MINUS_ONE) != 0;
}

int cmpsrv_conf_set_int(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_scalar(at, at->node), *p = text;
    int is_negative;
    char quoted[80];
    int64_t v;

    if (text == NULL)
        return 0;
    is_negative = *p == '-';
    p += is_negative;
    if (!cmpsrv_conf_read_digits(&p, &v) || *p != '\0')
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a number",
                                 cmpsrv_conf_quote(text, quoted));
    v = is_negative ? -v : v;
    if (!in_bounds(at, v) && !may_be_minus_one(at, v))
        return cmpsrv_conf_wrong(at, at->node, "%s is out of range", text);
    *(int64_t *)field = v;
    return 1;
}

int cmpsrv_conf_set_days(const CONF_AT *at, void *field)
{
    int64_t days;

    if (!cmpsrv_conf_set_int(at, &days))
        return 0;
    *(int64_t *)field = days * 86400000;
    return 1;
}

/* "7d", "300s", "300" to ms; 0 if it is neither. */
static int read_duration(const char *p, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t v;

    if (!cmpsrv_conf_read_digits(&p, &v))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(units); i++)
        if (strcmp(p, units[i].unit) == 0 && v <= INT64_MAX / units[i].ms) {
            *out = v * units[i].ms;
            return 1;
        }
    return 0;
}

int cmpsrv_conf_set_duration(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_scalar(at, at->node);
    char quoted[80];
    int64_t v;

    if (text == NULL)
        return 0;
    if ((at->row->type->flags & CONF_OFF) != 0 && strcmp(text, "off") == 0) {
        *(int64_t *)field = -1;
        return 1;
    }
    cmpsrv_conf_quote(text, quoted);
    if (!read_duration(text, &v))
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a duration", quoted);
    if (!in_bounds(at, v))
        return cmpsrv_conf_wrong(at, at->node, "%s is out of range", quoted);
    *(int64_t *)field = v;
    return 1;
}

int cmpsrv_conf_set_range(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_scalar(at, at->node), *p = text;
    CMPSRV_CONF_RANGE range;
    char quoted[80];

    if (text == NULL)
        return 0;
    cmpsrv_conf_quote(text, quoted);
    if (!cmpsrv_conf_read_digits(&p, &range.min) || strncmp(p, "..", 2) != 0)
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a range", quoted);
    p += 2;
    if (!cmpsrv_conf_read_digits(&p, &range.max) || *p != '\0')
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a range", quoted);
    if (range.min > range.max)
        return cmpsrv_conf_wrong(at, at->node, "%s: the minimum is above the maximum", quoted);
    if (!in_bounds(at, range.min) || !in_bounds(at, range.max))
        return cmpsrv_conf_wrong(at, at->node, "%s is out of range", quoted);
    *(CMPSRV_CONF_RANGE *)field = range;
    return 1;
}

/* ---- text -------------------------------------------------------------------------------------
 */

/* Text without control characters, within the type's length; NULL with an error. */
const char *cmpsrv_conf_read_text(const CONF_AT *at, const CONF_NODE *node)
{
    const char *text = cmpsrv_conf_read_scalar(at, node);
    int64_t max = at->row->type->max;

    if (text == NULL)
        return NULL;
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            cmpsrv_conf_wrong(at, node, "a control character in it");
            return NULL;
        }
    if (text[0] == '\0' && (at->row->type->flags & CONF_EMPTY_OK) == 0) {
        cmpsrv_conf_wrong(at, node, "must not be empty");
        return NULL;
    }
    if (max > 0 && strlen(text) > (size_t)max) {
        cmpsrv_conf_wrong(at, node, "is too long");
        return NULL;
    }
    return text;
}

int cmpsrv_conf_set_string(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node);

    return text != NULL && store_string(at, field, text);
}

int cmpsrv_conf_set_hex(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node);
    size_t n = text == NULL ? 0 : strlen(text);

    if (text == NULL)
        return 0;
    if (n % 2 != 0 || strspn(text, "0123456789abcdefABCDEF") != n)
        return cmpsrv_conf_wrong(at, at->node, "is not hex");
    return store_string(at, field, text);
}

int cmpsrv_conf_set_address(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_item_listen(at, at->node);

    return text != NULL && store_string(at, field, text);
}

/* The name of a CA or profile; check.c finds out whether it exists. */
int cmpsrv_conf_set_reference(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node);

    if (text == NULL)
        return 0;
    return text[0] == '\0' || store_string(at, field, text);
}

int cmpsrv_conf_set_file(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node), *path;

    if (text == NULL || (path = cmpsrv_conf_path(at->load, at->node->pos, text)) == NULL)
        return 0;
    if ((at->row->type->flags & CONF_MUST_EXIST) != 0 && !cmpsrv_conf_is_readable(path))
        return cmpsrv_conf_wrong(at, at->node, "cannot read %s: %s", path, strerror(errno));
    return store_string(at, field, path);
}

/* The length of "scheme:", RFC 3986 3.1, or 0. */
static size_t scheme_length(const char *text)
{
    size_t n = 0;

    if (!isalpha((unsigned char)text[0]))
        return 0;
    while (isalnum((unsigned char)text[n]) || (text[n] != '\0' && strchr("+-.", text[n]) != NULL))
        n++;
    return text[n] == ':' ? n + 1 : 0;
}

/* file: URIs as OSSL_STORE reads them: file:PATH, file:///PATH, file://localhost/PATH. Others may
 * carry a PIN and are neither looked into nor quoted. */
int cmpsrv_conf_set_key_uri(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node), *path = text;
    size_t scheme;

    if (text == NULL)
        return 0;
    scheme = scheme_length(text);
    if (scheme > 0 && (scheme != 5 || OPENSSL_strncasecmp(text, "file:", 5) != 0))
        return store_string(at, field, text);
    path += scheme;
    if (scheme > 0 && strncmp(path, "//localhost/", 12) == 0)
        path += 11;
    else if (scheme > 0 && strncmp(path, "///", 3) == 0)
        path += 2;
    if ((path = cmpsrv_conf_path(at->load, at->node->pos, path)) == NULL)
        return 0;
    if (!cmpsrv_conf_is_readable(path))
        return cmpsrv_conf_wrong(at, at->node, "cannot read %s: %s", path, strerror(errno));
    path = cmpsrv_conf_textf(at->load, "file:%s", path);
    return path != NULL && store_string(at, field, path);
}

/* Whether text begins with one of the prefixes that are words of the type; NULL with an error. The
 * text is not quoted: it may hold a password. */
const CONF_WORD *cmpsrv_conf_read_prefix(const CONF_AT *at, const CONF_NODE *node, const char *text)
{
    const CONF_WORD *word = at->row->type->words;

    for (; word->text != NULL; word++)
        if (strncmp(text, word->text, strlen(word->text)) == 0)
            break;
    if (word->text == NULL)
        cmpsrv_conf_wrong(at, node, "begins with nothing that is known");
    else if (word->is_later)
        cmpsrv_conf_wrong(at, node, "%s: not supported yet", word->text);
    return word->text == NULL || word->is_later ? NULL : word;
}

int cmpsrv_conf_set_store(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node), *path;
    const CONF_WORD *word;

    if (text == NULL || (word = cmpsrv_conf_read_prefix(at, at->node, text)) == NULL)
        return 0;
    path = text + strlen(word->text);
    if (path[0] == '\0')
        return cmpsrv_conf_wrong(at, at->node, "the path is missing");
    if ((path = cmpsrv_conf_path(at->load, at->node->pos, path)) == NULL ||
        (path = cmpsrv_conf_textf(at->load, "%s%s", word->text, path)) == NULL)
        return 0;
    return store_string(at, field, path);
}

int cmpsrv_conf_set_url(const CONF_AT *at, void *field)
{
    const char *text = cmpsrv_conf_read_text(at, at->node), *rest;
    const CONF_WORD *word;

    if (text == NULL || (word = cmpsrv_conf_read_prefix(at, at->node, text)) == NULL)
        return 0;
    rest = text + strlen(word->text);
    for (const char *p = text; *p != '\0'; p++)
        if (*p == ' ' || (unsigned char)*p > 0x7e || strchr("\"<>\\^`{|}", *p) != NULL)
            return cmpsrv_conf_wrong(at, at->node, "a character that does not belong in a URL");
    if (rest[0] == '\0' || rest[0] == '/')
        return cmpsrv_conf_wrong(at, at->node, "the host is missing");
    return store_string(at, field, text);
}

/* ---- secrets ----------------------------------------------------------------------------------
 */

static CMPSRV_SECRET *secret_from_file(const CONF_AT *at, const CONF_NODE *node)
{
    const char *path = cmpsrv_conf_path(at->load, node->pos, node->text);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SECRET *s = NULL;

    if (path != NULL && (s = cmpsrv_secret_from_file(path, &why)) == NULL)
        cmpsrv_conf_wrong(at, node, "%s", why.detail);
    return s;
}

/* Not even the name is quoted: it is where a careless hand puts the secret itself. */
static CMPSRV_SECRET *secret_from_env(const CONF_AT *at, const CONF_NODE *node)
{
    const char *value = getenv(node->text);
    CMPSRV_SECRET *s = NULL;

    if (value == NULL)
        cmpsrv_conf_wrong(at, node, "the environment variable that it names is not set");
    else if ((s = cmpsrv_secret_new(value, strlen(value))) == NULL)
        at->load->no_memory = 1;
    return s;
}

static CMPSRV_SECRET *secret_from_map(const CONF_AT *at, const CONF_NODE *map)
{
    static const struct {
        const char *key;
        CMPSRV_SECRET *(*read)(const CONF_AT *at, const CONF_NODE *node);
    } sources[] = {{"file", secret_from_file}, {"env", secret_from_env}};

    if (map->n == 2 && map->items[0]->kind == CONF_SCALAR && map->items[1]->kind == CONF_SCALAR &&
        map->items[1]->text[0] != '\0')
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sources); i++)
            if (strcmp(map->items[0]->text, sources[i].key) == 0)
                return sources[i].read(at, map->items[1]);
    cmpsrv_conf_wrong(at, map, "is not a map of that kind");
    return NULL;
}

CMPSRV_SECRET *cmpsrv_conf_read_secret(const CONF_AT *at, const CONF_NODE *node)
{
    CMPSRV_SECRET *s = NULL;

    if (node->kind == CONF_LIST) {
        cmpsrv_conf_wrong(at, node, "must not be a list");
        return NULL;
    }
    if (node->kind == CONF_MAP)
        s = secret_from_map(at, node);
    else if ((s = cmpsrv_secret_new(node->text, strlen(node->text))) == NULL)
        at->load->no_memory = 1;
    if (s != NULL && cmpsrv_secret_get0(s).n == 0) {
        cmpsrv_conf_wrong(at, node, "the secret is empty");
        cmpsrv_secret_free(s);
        s = NULL;
    }
    return s;
}

int cmpsrv_conf_set_secret(const CONF_AT *at, void *field)
{
    CMPSRV_SECRET *s = cmpsrv_conf_read_secret(at, at->node), **to = field;

    if (s == NULL)
        return 0;
    cmpsrv_secret_free(*to);
    *to = s;
    return 1;
}

/* EJBCA's ra.passwordgenparams: the word random, or the code itself. */
int cmpsrv_conf_set_password(const CONF_AT *at, void *field)
{
    CMPSRV_SECRET **to = field;

    if (at->node->kind == CONF_SCALAR && strcmp(at->node->text, "random") == 0)
        return 1;
    if (!cmpsrv_conf_set_secret(at, field))
        return 0;
    if (cmpsrv_secret_get0(*to).n <= (size_t)at->row->type->max)
        return 1;
    return cmpsrv_conf_wrong(at, at->node, "the secret is longer than %lld octets",
                             (long long)at->row->type->max);
}

/* ---- freeing ----------------------------------------------------------------------------------
 */

void cmpsrv_conf_clear_string(void *field)
{
    char **s = field;

    OPENSSL_free(*s);
    *s = NULL;
}

void cmpsrv_conf_clear_secret(void *field)
{
    CMPSRV_SECRET **s = field;

    cmpsrv_secret_free(*s);
    *s = NULL;
}
