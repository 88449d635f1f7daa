/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject_dn and subject_alt_name of end entity profiles: a list of rows, each a map of what may
 * stand in one attribute or one type of name; and the attributes that a DN can have. Called through
 * the table, and by check.c for what names an attribute elsewhere. Whether a request fits is for
 * policy to say.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include <openssl/crypto.h>

enum {
    MAX_ROWS = 100,
    MAX_TEXT = 500,   /* octets of a value or a regular expression */
    MAX_DEPTH = 32,   /* of groups in a regular expression */
    MAX_STATES = 2000 /* of one, counted as if every repetition were written out */
};

/* ---- attributes -------------------------------------------------------------------------------
 */

/* Those that wire can name (names_text.c), SN as in EJBCA; two names of one OID are one attribute.
 */
static const struct {
    const char *name, *oid;
} attributes[] = {
    {"CN", "2.5.4.3"},
    {"commonName", "2.5.4.3"},
    {"surname", "2.5.4.4"},
    {"serialNumber", "2.5.4.5"},
    {"SN", "2.5.4.5"},
    {"C", "2.5.4.6"},
    {"L", "2.5.4.7"},
    {"ST", "2.5.4.8"},
    {"street", "2.5.4.9"},
    {"O", "2.5.4.10"},
    {"OU", "2.5.4.11"},
    {"title", "2.5.4.12"},
    {"T", "2.5.4.12"},
    {"description", "2.5.4.13"},
    {"businessCategory", "2.5.4.15"},
    {"postalCode", "2.5.4.17"},
    {"givenName", "2.5.4.42"},
    {"GN", "2.5.4.42"},
    {"initials", "2.5.4.43"},
    {"dnQualifier", "2.5.4.46"},
    {"pseudonym", "2.5.4.65"},
    {"organizationIdentifier", "2.5.4.97"},
    {"UID", "0.9.2342.19200300.100.1.1"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"emailAddress", "1.2.840.113549.1.9.1"},
    {"E", "1.2.840.113549.1.9.1"},
    {"EMAIL", "1.2.840.113549.1.9.1"},
    {"unstructuredName", "1.2.840.113549.1.9.2"},
    {"unstructuredAddress", "1.2.840.113549.1.9.8"},
};

const char *cmpsrv_conf_attribute_oid(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(attributes); i++)
        if (OPENSSL_strcasecmp(name, attributes[i].name) == 0)
            return attributes[i].oid;
    return cmpsrv_conf_is_oid(name) ? name : NULL;
}

/* ---- regular expressions ----------------------------------------------------------------------
 */

/* The next character behind a bracket expression that begins at p. */
static const char *skip_bracket(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    if (*p == ']')
        p++;
    for (; *p != '\0' && *p != ']'; p++)
        if (*p == '[' && p[1] != '\0' && strchr(".:=", p[1]) != NULL) {
            char kind = p[1];

            for (p += 2; *p != '\0' && (*p != kind || p[1] != ']'); p++)
                ;
            if (*p == '\0')
                return p;
            p++;
        }
    return *p == ']' ? p + 1 : p;
}

/* How often "{2,5}" at *p has its atom written out; *p is left at the end of it. */
static int64_t repetitions(const char **p)
{
    int64_t n = 1, max;

    (*p)++;
    if (!cmpsrv_conf_read_digits(p, &n))
        n = 1;
    if (**p == ',') {
        (*p)++;
        n = cmpsrv_conf_read_digits(p, &max) ? max : n + 1;
    }
    *p += **p == '}';
    return n < 1 ? 1 : n > MAX_STATES ? MAX_STATES + 1 : n;
}

/*
 * What is wrong with a pattern before regcomp() sees it; NULL: nothing. A group that is closed
 * before it is opened would end the one that we put around all of it. Back-references take
 * exponential time, and regcomp() writes repetitions out: "((x{255}){255}){255}" takes all memory.
 * What is no repetition but looks like one counts, too.
 */
static const char *refuse_pattern(const char *p)
{
    int64_t outer[MAX_DEPTH], size = 0, last = 0;
    size_t depth = 0;

    while (*p != '\0') {
        int64_t times = 1;

        switch (*p) {
        case '(':
            if (depth == MAX_DEPTH)
                return "groups too deep in each other";
            outer[depth++] = size;
            size = last = 0;
            p++;
            continue;
        case ')':
            if (depth == 0)
                return "unmatched )";
            last = size + 1;
            size = outer[--depth] + last;
            p++;
            continue;
        case '{':
            times = repetitions(&p);
            break;
        case '+':
            times = 2;
            p++;
            break;
        case '*':
        case '?':
            p++;
            break;
        case '[':
            p = skip_bracket(p);
            size += last = 1;
            break;
        case '\\':
            if (p[1] == '\0')
                return "trailing backslash";
            if (isdigit((unsigned char)p[1]))
                return "back-reference";
            p++;
            /* fall through */
        default:
            p++;
            size += last = 1;
        }
        size += last * (times - 1);
        last *= times;
        if (size > MAX_STATES)
            return "repeats too much";
    }
    return NULL;
}

static void pattern_free(void *pattern)
{
    if (pattern != NULL)
        regfree(pattern);
    OPENSSL_free(pattern);
}

/* regcomp() of the whole value; NULL with an error at the row. */
static regex_t *pattern_new(const CONF_AT *at, const CONF_NODE *row, const char *regex)
{
    const char *wrong = refuse_pattern(regex);
    const char *whole = cmpsrv_conf_textf(at->load, "^(%s)$", regex);
    char quoted[80], text[128];
    regex_t *out;
    int rc = 0;

    if (whole == NULL || (out = OPENSSL_zalloc(sizeof(*out))) == NULL) {
        at->load->no_memory = 1;
        return NULL;
    }
    if (wrong == NULL && (rc = regcomp(out, whole, REG_EXTENDED | REG_NOSUB)) == 0)
        return out;
    if (wrong == NULL)
        regerror(rc, out, text, sizeof(text));
    cmpsrv_conf_wrong(at, row, "\"%s\" is no regular expression: %s",
                      cmpsrv_conf_quote(regex, quoted), wrong == NULL ? text : wrong);
    OPENSSL_free(out); /* regcomp() has freed its part */
    return NULL;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static int is_dn(const CONF_AT *at)
{
    return at->row->type->words == NULL;
}

static int keep(const CONF_AT *at, char **field, const char *text)
{
    if ((*field = OPENSSL_strdup(text)) == NULL)
        at->load->no_memory = 1;
    return *field != NULL;
}

static int set_name(const CONF_AT *at, const CONF_NODE *row, const char *text, CMPSRV_CONF_FIELD *f)
{
    char quoted[80];

    if (is_dn(at) ? cmpsrv_conf_attribute_oid(text) == NULL
                  : cmpsrv_conf_find_word(at->row->type->words, text) == NULL)
        return cmpsrv_conf_wrong(at, row, "\"%s\" is no %s", cmpsrv_conf_quote(text, quoted),
                                 is_dn(at) ? "DN attribute" : "type of name");
    return keep(at, &f->name, text);
}

static int set_required(const CONF_AT *at, const CONF_NODE *row, const char *text,
                        CMPSRV_CONF_FIELD *f)
{
    char quoted[80];
    int value = cmpsrv_conf_bool(text);

    if (value < 0)
        return cmpsrv_conf_wrong(at, row, "required: \"%s\" is neither yes nor no",
                                 cmpsrv_conf_quote(text, quoted));
    f->required = value;
    return 1;
}

static int set_value(const CONF_AT *at, const CONF_NODE *row, const char *text,
                     CMPSRV_CONF_FIELD *f)
{
    (void)row;
    return keep(at, &f->value, text);
}

static int set_regex(const CONF_AT *at, const CONF_NODE *row, const char *text,
                     CMPSRV_CONF_FIELD *f)
{
    return (f->pattern = pattern_new(at, row, text)) != NULL && keep(at, &f->regex, text);
}

static int set_max(const CONF_AT *at, const CONF_NODE *row, const char *text, CMPSRV_CONF_FIELD *f)
{
    char quoted[80];
    const char *p = text;
    int64_t n;

    if (!cmpsrv_conf_read_digits(&p, &n) || *p != '\0' || n < 1 || n > 100)
        return cmpsrv_conf_wrong(at, row, "max: \"%s\" is not 1 to 100",
                                 cmpsrv_conf_quote(text, quoted));
    f->max = n;
    return 1;
}

static const struct subkey_st {
    const char *name; /* NULL: attribute, or type */
    int (*set)(const CONF_AT *at, const CONF_NODE *row, const char *text, CMPSRV_CONF_FIELD *f);
} subkeys[] = {{NULL, set_name},
               {"required", set_required},
               {"value", set_value},
               {"regex", set_regex},
               {"max", set_max}};

static const char *subkey_name(const CONF_AT *at, size_t i)
{
    return subkeys[i].name != NULL ? subkeys[i].name : is_dn(at) ? "attribute" : "type";
}

/* Which key of a row that is; the number of keys with an error. */
static size_t find_subkey(const CONF_AT *at, const CONF_NODE *row, const CONF_NODE *key)
{
    char quoted[80];
    size_t i = 0;

    if (key->kind != CONF_SCALAR) {
        cmpsrv_conf_wrong(at, row, "a key of a row must be a word");
        return CMPSRV_ARRAY_SIZE(subkeys);
    }
    while (i < CMPSRV_ARRAY_SIZE(subkeys) && strcmp(key->text, subkey_name(at, i)) != 0)
        i++;
    if (i == CMPSRV_ARRAY_SIZE(subkeys))
        cmpsrv_conf_wrong(at, row, "unknown key \"%s\" in a row",
                          cmpsrv_conf_quote(key->text, quoted));
    return i;
}

/* The text that a key of a row has; NULL with an error. */
static const char *subkey_text(const CONF_AT *at, const CONF_NODE *row, const char *name,
                               const CONF_NODE *value)
{
    if (value->kind != CONF_SCALAR) {
        cmpsrv_conf_wrong(at, row, "%s: must be one value", name);
        return NULL;
    }
    for (const char *p = value->text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            cmpsrv_conf_wrong(at, row, "%s: a control character in it", name);
            return NULL;
        }
    if (value->text[0] != '\0' && strlen(value->text) <= MAX_TEXT)
        return value->text;
    cmpsrv_conf_wrong(at, row, "%s: %zu octets, not 1 to %d", name, strlen(value->text), MAX_TEXT);
    return NULL;
}

/* What takes more than one key of the row, or more than one row. */
static int check_row(const CONF_AT *at, const CONF_NODE *row, const CMPSRV_CONF_FIELDS *before,
                     const CMPSRV_CONF_FIELD *f)
{
    char quoted[80];

    if (f->name == NULL)
        return cmpsrv_conf_wrong(at, row, "%s is missing in a row", subkey_name(at, 0));
    for (size_t i = 0; i < before->n; i++)
        if (is_dn(at) ? strcmp(cmpsrv_conf_attribute_oid(before->v[i].name),
                               cmpsrv_conf_attribute_oid(f->name)) == 0
                      : strcmp(before->v[i].name, f->name) == 0)
            return cmpsrv_conf_wrong(at, row, "%s has a row already; max says how often it may be",
                                     f->name);
    if (f->value != NULL && f->pattern != NULL && regexec(f->pattern, f->value, 0, NULL, 0) != 0)
        return cmpsrv_conf_wrong(at, row, "value \"%s\" does not match regex",
                                 cmpsrv_conf_quote(f->value, quoted));
    return 1;
}

static int read_row(const CONF_AT *at, const CONF_NODE *row, const CMPSRV_CONF_FIELDS *before,
                    CMPSRV_CONF_FIELD *f)
{
    unsigned seen = 0;
    int ok = 1;

    if (row->kind != CONF_MAP)
        return cmpsrv_conf_wrong(at, row, "a row must be a map");
    for (size_t i = 0; i + 1 < row->n; i += 2) {
        size_t k = find_subkey(at, row, row->items[i]);
        const char *text;

        if (k == CMPSRV_ARRAY_SIZE(subkeys))
            ok = 0;
        else if ((seen & 1u << k) != 0)
            ok = cmpsrv_conf_wrong(at, row, "%s twice in a row", subkey_name(at, k));
        else if ((text = subkey_text(at, row, subkey_name(at, k), row->items[i + 1])) == NULL)
            ok = 0;
        else
            ok &= subkeys[k].set(at, row, text, f);
        seen |= k < CMPSRV_ARRAY_SIZE(subkeys) ? 1u << k : 0;
    }
    return ok && check_row(at, row, before, f);
}

static void clear_field(CMPSRV_CONF_FIELD *f)
{
    OPENSSL_free(f->name);
    OPENSSL_free(f->value);
    OPENSSL_free(f->regex);
    pattern_free(f->pattern);
}

static int push_row(const CONF_AT *at, const CONF_NODE *row, CMPSRV_CONF_FIELDS *to)
{
    CMPSRV_CONF_FIELD f = {.max = 1}, *v;

    if (!read_row(at, row, to, &f)) {
        clear_field(&f);
        return 0;
    }
    if ((v = OPENSSL_realloc(to->v, (to->n + 1) * sizeof(*v))) == NULL) {
        at->load->no_memory = 1;
        clear_field(&f);
        return 0;
    }
    to->v = v;
    to->v[to->n++] = f;
    return 1;
}

static int is_any(const CONF_NODE *node)
{
    return node->kind == CONF_SCALAR && strcmp(node->text, "any") == 0;
}

int cmpsrv_conf_set_fields(const CONF_AT *at, void *field)
{
    const CONF_NODE *node = at->node;
    int ok = 1;

    if (is_any(node) || (node->kind == CONF_LIST && node->n == 1 && is_any(node->items[0])))
        return 1;
    if (node->kind == CONF_MAP) /* a list of one */
        return push_row(at, node, field);
    if (node->kind == CONF_SCALAR)
        return cmpsrv_conf_wrong(at, node, "is neither any nor a list");
    if (node->n == 0 || node->n > MAX_ROWS)
        return cmpsrv_conf_wrong(at, node, "%zu rows, not 1 to %d", node->n, MAX_ROWS);
    for (size_t i = 0; i < node->n; i++)
        ok &= push_row(at, node->items[i], field);
    return ok;
}

void cmpsrv_conf_clear_fields(void *field)
{
    CMPSRV_CONF_FIELDS *fields = field;

    for (size_t i = 0; i < fields->n; i++)
        clear_field(&fields->v[i]);
    OPENSSL_free(fields->v);
    *fields = (CMPSRV_CONF_FIELDS){NULL, 0};
}
