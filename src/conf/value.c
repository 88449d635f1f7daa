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
static const char *scalar_text(const CONF_AT *at, const CONF_NODE *node)
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
    const char *text = scalar_text(at, at->node);
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

static const CONF_WORD *find_word(const CONF_WORD *words, const char *text)
{
    for (; words != NULL && words->text != NULL; words++)
        if (strcmp(words->text, text) == 0)
            return words;
    return NULL;
}

/* The word that a node says, of those of the type; NULL with an error. */
static const CONF_WORD *read_word(const CONF_AT *at, const CONF_NODE *node)
{
    const char *text = scalar_text(at, node);
    const CONF_WORD *word;
    char quoted[80];

    if (text == NULL)
        return NULL;
    if ((word = find_word(at->row->type->words, text)) == NULL)
        cmpsrv_conf_wrong(at, node, "\"%s\" is not known", cmpsrv_conf_quote(text, quoted));
    else if (word->is_later)
        cmpsrv_conf_wrong(at, node, "%s: not supported yet", text);
    return word == NULL || word->is_later ? NULL : word;
}

/* Fields are enums or int: all of one size, see the assertions of schema.c. */
int cmpsrv_conf_set_word(const CONF_AT *at, void *field)
{
    const CONF_WORD *word = read_word(at, at->node);

    if (word == NULL)
        return 0;
    memcpy(field, &word->value, sizeof(word->value));
    return 1;
}

/* Decimal digits from *p on; *p is left behind them. 0 if there are none or too many. */
static int read_digits(const char **p, int64_t *out)
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

int cmpsrv_conf_set_int(const CONF_AT *at, void *field)
{
    const char *text = scalar_text(at, at->node), *p = text;
    int is_negative;
    char quoted[80];
    int64_t v;

    if (text == NULL)
        return 0;
    is_negative = *p == '-';
    p += is_negative;
    if (!read_digits(&p, &v) || *p != '\0')
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a number",
                                 cmpsrv_conf_quote(text, quoted));
    v = is_negative ? -v : v;
    if (!in_bounds(at, v))
        return cmpsrv_conf_wrong(at, at->node, "%s is out of range", text);
    *(int64_t *)field = v;
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

    if (!read_digits(&p, &v))
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
    const char *text = scalar_text(at, at->node);
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
    const char *text = scalar_text(at, at->node), *p = text;
    CMPSRV_CONF_RANGE range;
    char quoted[80];

    if (text == NULL)
        return 0;
    cmpsrv_conf_quote(text, quoted);
    if (!read_digits(&p, &range.min) || strncmp(p, "..", 2) != 0)
        return cmpsrv_conf_wrong(at, at->node, "\"%s\" is not a range", quoted);
    p += 2;
    if (!read_digits(&p, &range.max) || *p != '\0')
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
static const char *plain_text(const CONF_AT *at, const CONF_NODE *node)
{
    const char *text = scalar_text(at, node);
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
    const char *text = plain_text(at, at->node);

    return text != NULL && store_string(at, field, text);
}

/* The name of a CA or profile; check.c finds out whether it exists. */
int cmpsrv_conf_set_reference(const CONF_AT *at, void *field)
{
    const CONF_WORD *word;
    const char *text = plain_text(at, at->node);

    if (text == NULL)
        return 0;
    if (text[0] == '\0')
        return 1;
    if ((word = find_word(at->row->type->words, text)) != NULL && word->is_later)
        return cmpsrv_conf_wrong(at, at->node, "%s: not supported yet", text);
    return store_string(at, field, text);
}

int cmpsrv_conf_set_file(const CONF_AT *at, void *field)
{
    const char *text = plain_text(at, at->node), *path;

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
    const char *text = plain_text(at, at->node), *path = text;
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
static const CONF_WORD *read_prefix(const CONF_AT *at, const CONF_NODE *node, const char *text)
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
    const char *text = plain_text(at, at->node), *path;
    const CONF_WORD *word;

    if (text == NULL || (word = read_prefix(at, at->node, text)) == NULL)
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
    const char *text = plain_text(at, at->node), *rest;
    const CONF_WORD *word;

    if (text == NULL || (word = read_prefix(at, at->node, text)) == NULL)
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

static CMPSRV_SECRET *read_secret(const CONF_AT *at, const CONF_NODE *node)
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
    CMPSRV_SECRET *s = read_secret(at, at->node), **to = field;

    if (s == NULL)
        return 0;
    cmpsrv_secret_free(*to);
    *to = s;
    return 1;
}

/* ---- lists ------------------------------------------------------------------------------------
 */

/* A list of the parts of a text. An empty text has none. */
static CONF_NODE *split(CONF_LOAD *l, const CONF_NODE *node, char separator)
{
    CONF_NODE *list = cmpsrv_conf_node(l, CONF_LIST, node->pos), *part;
    const char *p = node->text;

    while (list != NULL && node->text[0] != '\0') {
        const char *end = strchr(p, separator);
        size_t n = end == NULL ? strlen(p) : (size_t)(end - p);

        if ((part = cmpsrv_conf_scalar(l, node->pos, p, n)) == NULL ||
            !cmpsrv_conf_node_push(l, list, part))
            return NULL;
        part->is_default = node->is_default;
        if (end == NULL)
            return list;
        for (p = end + 1; *p == ' '; p++)
            ;
    }
    return list;
}

/* The node as a list: one value is a list of one. NULL with an error. */
static const CONF_NODE *as_list(const CONF_AT *at)
{
    unsigned flags = at->row->type->flags;
    CONF_NODE *list;

    if (at->node->kind == CONF_LIST)
        return at->node;
    if (at->node->kind == CONF_MAP && (flags & CONF_MAP_ITEM) == 0) {
        cmpsrv_conf_wrong(at, at->node, "must be a list, not a map");
        return NULL;
    }
    if (at->node->kind == CONF_SCALAR && at->node->is_default)
        return split(at->load, at->node, ',');
    if (at->node->kind == CONF_SCALAR && (flags & CONF_SEMICOLONS) != 0)
        return split(at->load, at->node, ';');
    if ((list = cmpsrv_conf_node(at->load, CONF_LIST, at->node->pos)) == NULL)
        return NULL;
    if (!at->node->is_null && !cmpsrv_conf_node_push(at->load, list, (CONF_NODE *)at->node))
        return NULL;
    return list;
}

/* The same, and it has items, unless it may be empty. */
static const CONF_NODE *as_filled_list(const CONF_AT *at)
{
    const CONF_NODE *list = as_list(at);

    if (list != NULL && list->n == 0 && (at->row->type->flags & CONF_EMPTY_OK) == 0) {
        cmpsrv_conf_wrong(at, at->node, "must not be empty");
        return NULL;
    }
    return list;
}

static int is_any(const CONF_AT *at, const CONF_NODE *list)
{
    return (at->row->type->flags & CONF_ANY) != 0 && list->n == 1 &&
           list->items[0]->kind == CONF_SCALAR && strcmp(list->items[0]->text, "any") == 0;
}

static int push_string(const CONF_AT *at, CMPSRV_CONF_LIST *list, const char *text)
{
    char **v = OPENSSL_realloc(list->v, (list->n + 1) * sizeof(*v));

    if (v != NULL)
        list->v = v;
    if (v == NULL || (v[list->n] = OPENSSL_strdup(text)) == NULL) {
        at->load->no_memory = 1;
        return 0;
    }
    list->n++;
    return 1;
}

int cmpsrv_conf_set_list(const CONF_AT *at, void *field)
{
    const CONF_NODE *list = as_filled_list(at);
    int ok = list != NULL;

    if (list == NULL || is_any(at, list))
        return ok;
    for (size_t i = 0; i < list->n; i++) {
        const char *text = at->row->type->item(at, list->items[i]);

        ok &= text != NULL && push_string(at, field, text);
    }
    return ok;
}

int cmpsrv_conf_set_bits(const CONF_AT *at, void *field)
{
    const CONF_NODE *list = as_filled_list(at);
    unsigned bits = 0;
    int ok = list != NULL;

    for (size_t i = 0; list != NULL && i < list->n; i++) {
        const CONF_WORD *word = read_word(at, list->items[i]);

        if (word == NULL)
            ok = 0;
        else
            bits |= (unsigned)word->value;
    }
    if (ok)
        *(unsigned *)field = bits;
    return ok;
}

/* Two of the eight sets that could be written are in use. */
int cmpsrv_conf_set_capubs(const CONF_AT *at, void *field)
{
    unsigned bits = 0;

    if (!cmpsrv_conf_set_bits(at, &bits))
        return 0;
    if (bits != 1 && bits != 7)
        return cmpsrv_conf_wrong(at, at->node, "this choice of messages is not served");
    *(CMPSRV_CAPUBS_IN *)field = bits == 1 ? CMPSRV_CAPUBS_IP : CMPSRV_CAPUBS_ALL;
    return 1;
}

int cmpsrv_conf_set_secrets(const CONF_AT *at, void *field)
{
    const CONF_NODE *list = as_filled_list(at);
    CONF_SECRETS *to = field;
    int ok = list != NULL;

    if (list == NULL || list->n == 0)
        return ok;
    if ((to->v = OPENSSL_zalloc(list->n * sizeof(CMPSRV_SECRET *))) == NULL) {
        at->load->no_memory = 1;
        return 0;
    }
    to->n = list->n;
    for (size_t i = 0; i < list->n; i++) {
        const CONF_NODE *item = list->items[i];

        if (item->kind != CONF_SCALAR || strcmp(item->text, "-") != 0)
            ok &= (to->v[i] = read_secret(at, item)) != NULL;
    }
    return ok;
}

/* ---- items of lists ---------------------------------------------------------------------------
 */

const char *cmpsrv_conf_item_text(const CONF_AT *at, const CONF_NODE *item)
{
    return plain_text(at, item);
}

/* HOST:PORT; HOST a name, an IPv4 address or [IPv6]. Port 0: any that is free. */
static int is_host_and_port(const char *p)
{
    const char *colon = strrchr(p, ':'), *end;
    int64_t port;

    if (colon == NULL || colon == p)
        return 0;
    end = colon + 1;
    if (!read_digits(&end, &port) || *end != '\0' || port > 65535)
        return 0;
    if (*p == '[')
        return colon - p > 2 && colon[-1] == ']' &&
               strspn(p + 1, "0123456789abcdefABCDEF:.") == (size_t)(colon - p - 2);
    for (; p < colon; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
            return 0;
    return 1;
}

const char *cmpsrv_conf_item_listen(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = plain_text(at, item);
    const CONF_WORD *word;

    if (text == NULL || (word = read_prefix(at, item, text)) == NULL)
        return NULL;
    if (is_host_and_port(text + strlen(word->text)))
        return text;
    cmpsrv_conf_wrong(at, item, "is not http://HOST:PORT");
    return NULL;
}

/* "rsa:N" where a request with such a key can be told apart: whole KiBit from 2048 on. */
static int is_rsa_size(const char *p)
{
    int64_t bits;

    return read_digits(&p, &bits) && *p == '\0' && bits >= 2048 && bits <= 16384 &&
           bits % 1024 == 0;
}

const char *cmpsrv_conf_item_key_algorithm(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = plain_text(at, item);
    char quoted[80];

    if (text == NULL || find_word(at->row->type->words, text) != NULL)
        return text;
    if (strncmp(text, "rsa:", 4) == 0 && is_rsa_size(text + 4))
        return text;
    cmpsrv_conf_wrong(at, item, "\"%s\" is not known", cmpsrv_conf_quote(text, quoted));
    return NULL;
}

int cmpsrv_conf_is_oid(const char *text)
{
    int64_t arc, first = -1;
    size_t arcs = 0;

    for (;; text++, arcs++) {
        if (*text == '0' && isdigit((unsigned char)text[1]))
            return 0;
        if (!read_digits(&text, &arc) || arc > UINT32_MAX)
            return 0;
        if (arcs == 0)
            first = arc;
        if ((arcs == 0 && arc > 2) || (arcs == 1 && first < 2 && arc > 39))
            return 0;
        if (*text != '.')
            return *text == '\0' && arcs >= 1;
    }
}

const char *cmpsrv_conf_item_eku(const CONF_AT *at, const CONF_NODE *item)
{
    static const struct {
        const char *name, *oid;
    } ekus[] = {
        {"serverAuth", "1.3.6.1.5.5.7.3.1"},   {"clientAuth", "1.3.6.1.5.5.7.3.2"},
        {"codeSigning", "1.3.6.1.5.5.7.3.3"},  {"emailProtection", "1.3.6.1.5.5.7.3.4"},
        {"timeStamping", "1.3.6.1.5.5.7.3.8"}, {"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
        {"cmcCA", "1.3.6.1.5.5.7.3.27"},       {"cmcRA", "1.3.6.1.5.5.7.3.28"},
        {"cmKGA", "1.3.6.1.5.5.7.3.32"},
    };
    const char *text = plain_text(at, item);
    char quoted[80];

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(ekus); i++)
        if (strcmp(text, ekus[i].name) == 0)
            return ekus[i].oid;
    if (cmpsrv_conf_is_oid(text))
        return text;
    cmpsrv_conf_wrong(at, item, "\"%s\" is not known", cmpsrv_conf_quote(text, quoted));
    return NULL;
}

/* Not quoted: who mixes up the two lists writes a secret here. */
const char *cmpsrv_conf_item_module(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = scalar_text(at, item);
    const CONF_WORD *word;

    if (text == NULL)
        return NULL;
    if ((word = find_word(at->row->type->words, text)) == NULL)
        cmpsrv_conf_wrong(at, item, "unknown module");
    else if (word->is_later)
        cmpsrv_conf_wrong(at, item, "%s: not supported yet", word->text);
    return word == NULL || word->is_later ? NULL : word->text;
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

void cmpsrv_conf_clear_secrets(void *field)
{
    CONF_SECRETS *s = field;

    for (size_t i = 0; i < s->n; i++)
        cmpsrv_secret_free(s->v[i]);
    OPENSSL_free(s->v);
    *s = (CONF_SECRETS){NULL, 0};
}

void cmpsrv_conf_clear_list(void *field)
{
    CMPSRV_CONF_LIST *list = field;

    for (size_t i = 0; i < list->n; i++)
        OPENSSL_free(list->v[i]);
    OPENSSL_free(list->v);
    *list = (CMPSRV_CONF_LIST){NULL, 0};
}
