/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as text: RFC 4514 both ways, and one attribute by its name. For
 * configuration, logs and user names; comparison never goes through text.
 */
#include "config.h"

#include "wire/names_local.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }
/* The first name of a type is the one we print; EJBCA's SN is the serialNumber, not the surname. */
static const struct {
    const char *name;
    CMPSRV_SLICE oid;
    int tag; /* of values made from text */
} types[] = {
    {"CN", OID("\x55\x04\x03"), DER_UTF8STRING},
    {"O", OID("\x55\x04\x0a"), DER_UTF8STRING},
    {"OU", OID("\x55\x04\x0b"), DER_UTF8STRING},
    {"C", OID("\x55\x04\x06"), DER_PRINTABLESTRING},
    {"L", OID("\x55\x04\x07"), DER_UTF8STRING},
    {"ST", OID("\x55\x04\x08"), DER_UTF8STRING},
    {"street", OID("\x55\x04\x09"), DER_UTF8STRING},
    {"serialNumber", OID("\x55\x04\x05"), DER_PRINTABLESTRING},
    {"SN", OID("\x55\x04\x05"), DER_PRINTABLESTRING},
    {"surname", OID("\x55\x04\x04"), DER_UTF8STRING},
    {"givenName", OID("\x55\x04\x2a"), DER_UTF8STRING},
    {"GN", OID("\x55\x04\x2a"), DER_UTF8STRING},
    {"initials", OID("\x55\x04\x2b"), DER_UTF8STRING},
    {"title", OID("\x55\x04\x0c"), DER_UTF8STRING},
    {"description", OID("\x55\x04\x0d"), DER_UTF8STRING},
    {"businessCategory", OID("\x55\x04\x0f"), DER_UTF8STRING},
    {"postalCode", OID("\x55\x04\x11"), DER_UTF8STRING},
    {"dnQualifier", OID("\x55\x04\x2e"), DER_PRINTABLESTRING},
    {"pseudonym", OID("\x55\x04\x41"), DER_UTF8STRING},
    {"organizationIdentifier", OID("\x55\x04\x61"), DER_UTF8STRING},
    {"UID", OID("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"), DER_UTF8STRING},
    {"DC", OID("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"), DER_IA5STRING},
    {"emailAddress", OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"), DER_IA5STRING},
    {"E", OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"), DER_IA5STRING},
    {"EMAIL", OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"), DER_IA5STRING},
    {"unstructuredName", OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02"), DER_UTF8STRING},
    {"unstructuredAddress", OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08"), DER_UTF8STRING},
};

static size_t find_type(const char *name, size_t n)
{
    size_t i = 0;

    while (i < CMPSRV_ARRAY_SIZE(types) &&
           (strlen(types[i].name) != n || strncasecmp(types[i].name, name, n) != 0))
        i++;
    return i;
}

int cmpsrv_name_has_attribute(const char *attribute)
{
    return find_type(attribute, strlen(attribute)) < CMPSRV_ARRAY_SIZE(types);
}

/* ---- to text
 * ------------------------------------------------------------------------------------------- */

static const char *type_text(CMPSRV_SLICE oid, char *dotted, size_t size)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (cmpsrv_slice_eq(types[i].oid, oid))
            return types[i].name;
    return cmpsrv_der_oid_text(oid, dotted, size);
}

/* RFC 4514 2.4: which characters need a backslash where. */
static int needs_escape(const CMPSRV_BYTES *v, size_t i)
{
    unsigned char c = v->p[i];

    if (c == ' ')
        return i == 0 || i + 1 == v->n;
    return strchr(",+\"\\<>;", c) != NULL || (c == '#' && i == 0);
}

/* "TYPE=value" of one attribute, or NULL. */
static char *attribute_text(const CMPSRV_NAME_ATTRIBUTE *a)
{
    char dotted[128];
    const char *type = type_text(a->type, dotted, sizeof(dotted));
    CMPSRV_BYTES v = {0};
    char *out = NULL;
    size_t o;

    if (!cmpsrv_name_value(a, &v))
        return NULL;
    if ((out = OPENSSL_malloc(strlen(type) + 2 + 2 * v.n)) != NULL) {
        o = strlen(type);
        memcpy(out, type, o);
        out[o++] = '=';
        for (size_t i = 0; i < v.n; i++) {
            if (needs_escape(&v, i))
                out[o++] = '\\';
            out[o++] = (char)v.p[i];
        }
        out[o] = '\0';
    }
    cmpsrv_bytes_clear(&v);
    return out;
}

/* Puts `part` and a separator before what is there already: RFC 4514 begins with the last RDN. */
static char *prepend(char *text, char *part, char separator)
{
    size_t n = strlen(part), m = text == NULL ? 0 : strlen(text);
    char *out = OPENSSL_malloc(n + m + 2);

    if (out != NULL) {
        memcpy(out, part, n + 1);
        if (text != NULL) {
            out[n] = separator;
            memcpy(out + n + 1, text, m + 1);
        }
    }
    OPENSSL_free(text);
    OPENSSL_free(part);
    return out;
}

char *cmpsrv_name_text(CMPSRV_SLICE name)
{
    CMPSRV_NAME_WALK w;
    CMPSRV_NAME_ATTRIBUTE a;
    size_t last = 0;
    char *out = NULL, *part;

    if (!cmpsrv_name_check(name, NULL) || !cmpsrv_name_start(name, &w))
        return NULL;
    if (w.rdns.n == 0)
        return OPENSSL_strdup("");
    while (cmpsrv_name_next(&w, &a) == 1) {
        if ((part = attribute_text(&a)) == NULL ||
            (out = prepend(out, part, a.rdn == last ? '+' : ',')) == NULL) {
            OPENSSL_free(out);
            return NULL;
        }
        last = a.rdn;
    }
    return out;
}

static int is_type(CMPSRV_SLICE oid, const char *attribute)
{
    size_t i = find_type(attribute, strlen(attribute));
    char dotted[128];

    if (i < CMPSRV_ARRAY_SIZE(types))
        return cmpsrv_slice_eq(types[i].oid, oid);
    return strcmp(cmpsrv_der_oid_text(oid, dotted, sizeof(dotted)), attribute) == 0;
}

char *cmpsrv_name_get(CMPSRV_SLICE name, const char *attribute, size_t i)
{
    CMPSRV_NAME_WALK w;
    CMPSRV_NAME_ATTRIBUTE a;
    CMPSRV_BYTES v = {0};

    if (!cmpsrv_name_check(name, NULL) || !cmpsrv_name_start(name, &w))
        return NULL;
    while (cmpsrv_name_next(&w, &a) == 1)
        if (is_type(a.type, attribute) && i-- == 0)
            return cmpsrv_name_value(&a, &v) ? (char *)v.p : NULL;
    return NULL;
}

/* ---- from text
 * ------------------------------------------------------------------------------------------ */

enum { MAX_PARTS = 64, MAX_TEXT = 4096 };

struct parser {
    const char *p;
    char separator; /* ',' RFC 4514, '/' OpenSSL */
    struct {
        CMPSRV_BYTES attribute; /* AttributeTypeAndValue */
        int joined;             /* in the RDN of the one before */
    } v[MAX_PARTS];
    size_t n;
};

static int bad_text(CMPSRV_REFUSAL *why, const char *what, const char *at)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name: %s at \"%.40s\"", what, at);
}

/* The value up to the next separator, backslashes taken off; spaces around it do not count. */
static int read_value(struct parser *s, char *out, size_t size)
{
    size_t o = 0, keep = 0; /* what is before keep was escaped and stays */

    while (*s->p == ' ')
        s->p++;
    for (; *s->p != '\0' && *s->p != s->separator && *s->p != '+'; s->p++) {
        unsigned char octet;
        char hex[3] = {s->p[0] == '\\' ? s->p[1] : '\0', '\0', '\0'};

        if (o + 1 >= size)
            return 0;
        if (*s->p != '\\') {
            out[o++] = *s->p;
            continue;
        }
        if (hex[0] != '\0')
            hex[1] = s->p[2];
        if (cmpsrv_unhex(hex, &octet, 1) == 1) {
            out[o++] = (char)octet;
            s->p += 2;
        } else if (s->p[1] != '\0') {
            out[o++] = *++s->p;
        } else {
            return 0;
        }
        keep = o;
    }
    while (o > keep && out[o - 1] == ' ')
        o--;
    out[o] = '\0';
    return o > 0 && strlen(out) == o;
}

static int read_attribute(struct parser *s, int joined, CMPSRV_REFUSAL *why)
{
    const char *start, *eq;
    char value[MAX_TEXT];
    CMPSRV_DERW w = {0};
    size_t i, n;

    while (*s->p == ' ')
        s->p++;
    start = s->p;
    if ((eq = strchr(start, '=')) == NULL)
        return bad_text(why, "no '='", start);
    for (n = (size_t)(eq - start); n > 0 && start[n - 1] == ' ';)
        n--;
    if ((i = find_type(start, n)) == CMPSRV_ARRAY_SIZE(types))
        return bad_text(why, "unknown attribute", start);
    s->p = eq + 1;
    if (s->n == MAX_PARTS || !read_value(s, value, sizeof(value)))
        return bad_text(why, "no good value", start);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, types[i].oid);
    cmpsrv_derw_put(&w, types[i].tag, cmpsrv_slice_str(value));
    cmpsrv_derw_end(&w);
    s->v[s->n].joined = joined;
    return cmpsrv_derw_finish(&w, &s->v[s->n++].attribute) || cmpsrv_fail(why, "out of memory");
}

static int compare_attributes(const CMPSRV_BYTES *x, const CMPSRV_BYTES *y)
{
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

/* One RDN from v[from] to v[to): a SET OF, which DER sorts. */
static void write_rdn(struct parser *s, CMPSRV_DERW *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        for (size_t j = i + 1; j < to; j++)
            if (compare_attributes(&s->v[j].attribute, &s->v[i].attribute) < 0) {
                CMPSRV_BYTES t = s->v[i].attribute;

                s->v[i].attribute = s->v[j].attribute;
                s->v[j].attribute = t;
            }
    cmpsrv_derw_begin(w, DER_SET);
    for (size_t i = from; i < to; i++)
        cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&s->v[i].attribute));
    cmpsrv_derw_end(w);
}

static size_t rdn_end(const struct parser *s, size_t from)
{
    size_t to = from + 1;

    while (to < s->n && s->v[to].joined)
        to++;
    return to;
}

static int write_name(struct parser *s, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};
    size_t starts[MAX_PARTS], n = 0;

    for (size_t from = 0; from < s->n; from = rdn_end(s, from))
        starts[n++] = from;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    for (size_t i = 0; i < n; i++) {
        size_t from = starts[s->separator == '/' ? i : n - 1 - i];

        write_rdn(s, &w, from, rdn_end(s, from));
    }
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

static int read_all(struct parser *s, CMPSRV_REFUSAL *why)
{
    int joined = 0;

    while (*s->p != '\0') {
        if (!read_attribute(s, joined, why))
            return 0;
        joined = *s->p == '+';
        if (*s->p != '\0' && *++s->p == '\0')
            return bad_text(why, "ends with a separator", s->p - 1);
    }
    return s->n > 0 || bad_text(why, "empty", "");
}

int cmpsrv_name_parse(const char *text, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    struct parser *s = OPENSSL_zalloc(sizeof(*s));
    CMPSRV_BYTES der = {0};
    int ok = 0;

    if (s == NULL)
        return cmpsrv_fail(why, "out of memory");
    s->separator = text[0] == '/' ? '/' : ',';
    s->p = text + (text[0] == '/');
    if (read_all(s, why) && (write_name(s, &der) || cmpsrv_fail(why, "out of memory")) &&
        cmpsrv_name_check(cmpsrv_bytes_slice(&der), why)) {
        cmpsrv_bytes_clear(out);
        *out = der;
        der = (CMPSRV_BYTES){NULL, 0};
        ok = 1;
    }
    cmpsrv_bytes_clear(&der);
    for (size_t i = 0; i < s->n; i++)
        cmpsrv_bytes_clear(&s->v[i].attribute);
    OPENSSL_free(s);
    return ok;
}
