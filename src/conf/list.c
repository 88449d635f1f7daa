/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of the schema that are lists: how a list, one value or EJBCA's "a;b" becomes one, and
 * what may be an item. Called through the table only, like value.c, whose readers it uses.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>

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
        const CONF_WORD *word = cmpsrv_conf_read_word(at, list->items[i]);

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
            ok &= (to->v[i] = cmpsrv_conf_read_secret(at, item)) != NULL;
    }
    return ok;
}

/* ---- items of lists ---------------------------------------------------------------------------
 */

const char *cmpsrv_conf_item_text(const CONF_AT *at, const CONF_NODE *item)
{
    return cmpsrv_conf_read_text(at, item);
}

/* HOST:PORT; HOST a name, an IPv4 address or [IPv6]. Port 0: any that is free. */
static int is_host_and_port(const char *p)
{
    const char *colon = strrchr(p, ':'), *end;
    int64_t port;

    if (colon == NULL || colon == p)
        return 0;
    end = colon + 1;
    if (!cmpsrv_conf_read_digits(&end, &port) || *end != '\0' || port > 65535)
        return 0;
    if (*p == '[')
        return colon - p > 2 && colon[-1] == ']' &&
               strspn(p + 1, "0123456789abcdefABCDEF:.") == (size_t)(colon - p - 2);
    for (; p < colon; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
            return 0;
    return 1;
}

/* "unix:PATH" becomes absolute. */
const char *cmpsrv_conf_item_listen(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = cmpsrv_conf_read_text(at, item), *rest, *path;
    const CONF_WORD *word;

    if (text == NULL || (word = cmpsrv_conf_read_prefix(at, item, text)) == NULL)
        return NULL;
    rest = text + strlen(word->text);
    if (strcmp(word->text, "unix:") != 0) {
        if (is_host_and_port(rest))
            return text;
        cmpsrv_conf_wrong(at, item, "is not %sHOST:PORT", word->text);
        return NULL;
    }
    if (rest[0] == '\0' || (path = cmpsrv_conf_path(at->load, item->pos, rest)) == NULL) {
        cmpsrv_conf_wrong(at, item, "is not unix:PATH");
        return NULL;
    }
    if (strlen(path) < CONF_MAX_SOCKET)
        return cmpsrv_conf_textf(at->load, "unix:%s", path);
    cmpsrv_conf_wrong(at, item, "is a path of %zu octets; a socket's has at most %d", strlen(path),
                      CONF_MAX_SOCKET - 1);
    return NULL;
}

/* "rsa:N" where a request with such a key can be told apart: whole KiBit from 2048 on. */
static int is_rsa_size(const char *p)
{
    int64_t bits;

    return cmpsrv_conf_read_digits(&p, &bits) && *p == '\0' && bits >= 2048 && bits <= 16384 &&
           bits % 1024 == 0;
}

/* What a provider may call an algorithm; whether one does is asked when the server loads. */
static int is_provider_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return islower((unsigned char)text[0]) && text[n] == '\0' && n >= 2 && n <= 31;
}

const char *cmpsrv_conf_item_key_algorithm(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = cmpsrv_conf_read_text(at, item);
    char quoted[80];

    if (text == NULL || cmpsrv_conf_find_word(at->row->type->words, text) != NULL)
        return text;
    if (strncmp(text, "rsa:", 4) == 0 && is_rsa_size(text + 4))
        return text;
    if (strncmp(text, "rsa-pss:", 8) == 0 && is_rsa_size(text + 8))
        return text;
    if (is_provider_name(text))
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
        if (!cmpsrv_conf_read_digits(&text, &arc) || arc > UINT32_MAX)
            return 0;
        if (arcs == 0)
            first = arc;
        if ((arcs == 0 && arc > 2) || (arcs == 1 && first < 2 && arc > 39))
            return 0;
        if (*text != '.')
            return *text == '\0' && arcs >= 1;
    }
}

typedef struct named_oid_st {
    const char *name, *oid;
} NAMED_OID;

/* The dotted OID that an item names, or is; NULL with an error. */
static const char *read_oid(const CONF_AT *at, const CONF_NODE *item, const NAMED_OID *known,
                            size_t n)
{
    const char *text = cmpsrv_conf_read_text(at, item);
    char quoted[80];

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, known[i].name) == 0)
            return known[i].oid;
    if (cmpsrv_conf_is_oid(text))
        return text;
    cmpsrv_conf_wrong(at, item, "\"%s\" is not known", cmpsrv_conf_quote(text, quoted));
    return NULL;
}

const char *cmpsrv_conf_item_eku(const CONF_AT *at, const CONF_NODE *item)
{
    static const NAMED_OID ekus[] = {
        {"serverAuth", "1.3.6.1.5.5.7.3.1"},   {"clientAuth", "1.3.6.1.5.5.7.3.2"},
        {"codeSigning", "1.3.6.1.5.5.7.3.3"},  {"emailProtection", "1.3.6.1.5.5.7.3.4"},
        {"timeStamping", "1.3.6.1.5.5.7.3.8"}, {"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
        {"cmcCA", "1.3.6.1.5.5.7.3.27"},       {"cmcRA", "1.3.6.1.5.5.7.3.28"},
        {"cmKGA", "1.3.6.1.5.5.7.3.32"},
    };

    return read_oid(at, item, ekus, CMPSRV_ARRAY_SIZE(ekus));
}

const char *cmpsrv_conf_item_extension(const CONF_AT *at, const CONF_NODE *item)
{
    static const NAMED_OID extensions[] = {
        {"subjectAltName", "2.5.29.17"},      {"certificatePolicies", "2.5.29.32"},
        {"extKeyUsage", "2.5.29.37"},         {"qcStatements", "1.3.6.1.5.5.7.1.3"},
        {"tlsFeature", "1.3.6.1.5.5.7.1.24"},
    };

    return read_oid(at, item, extensions, CMPSRV_ARRAY_SIZE(extensions));
}

/* Not quoted: who mixes up the two lists writes a secret here. */
const char *cmpsrv_conf_item_module(const CONF_AT *at, const CONF_NODE *item)
{
    const char *text = cmpsrv_conf_read_scalar(at, item);
    const CONF_WORD *word;

    if (text == NULL)
        return NULL;
    if ((word = cmpsrv_conf_find_word(at->row->type->words, text)) == NULL)
        cmpsrv_conf_wrong(at, item, "unknown module");
    else if (word->is_later)
        cmpsrv_conf_wrong(at, item, "%s: not supported yet", word->text);
    return word == NULL || word->is_later ? NULL : word->text;
}

/* ---- freeing ----------------------------------------------------------------------------------
 */

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
