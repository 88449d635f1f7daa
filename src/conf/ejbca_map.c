/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EJBCA's ids and subjects of CAs to names of our configuration, and when two texts are the same
 * distinguished name. Called by ejbca.c and ejbca_auth.c.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_PARTS 64

typedef struct { /* type=value of a DN */
    const char *p;
    size_t n;
} PART;

/* Splits at commas and plus signs that neither a backslash nor quotes protect. 0: too many. */
static size_t split_dn(const char *dn, PART parts[MAX_PARTS])
{
    size_t n = 0;
    int in_quotes = 0;

    for (const char *start = dn, *p = dn;; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            continue;
        }
        in_quotes ^= *p == '"';
        if (*p != '\0' && (in_quotes || (*p != ',' && *p != '+')))
            continue;
        if (n == MAX_PARTS)
            return 0;
        start += strspn(start, " ");
        parts[n++] = (PART){start, start < p ? (size_t)(p - start) : 0};
        if (*p == '\0')
            return n;
        start = p + 1;
    }
}

/* One word for the names that an attribute has in EJBCA, OpenSSL and RFC 4514. */
static void read_type(PART part, char out[32])
{
    static const char *const same[][2] = {
        {"SN", "SERIALNUMBER"}, {"EMAIL", "E"},      {"EMAILADDRESS", "E"}, {"COMMONNAME", "CN"},
        {"TITLE", "T"},         {"GN", "GIVENNAME"}, {"S", "ST"},
    };
    size_t n = 0;

    for (; n < part.n && n < 31 && part.p[n] != '='; n++)
        out[n] = (char)toupper((unsigned char)part.p[n]);
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(same); i++)
        if (strcmp(out, same[i][0]) == 0)
            memcpy(out, same[i][1], strlen(same[i][1]) + 1);
}

static void skip(PART *value)
{
    value->p++;
    value->n--;
}

/* The next character of a value without escapes, quotes and case, runs of blanks as one; 0 at its
 * end. */
static int next_char(PART *value)
{
    int c;

    while (value->n > 0 && *value->p == '"')
        skip(value);
    if (value->n > 1 && *value->p == '\\')
        skip(value);
    if (value->n == 0)
        return 0;
    c = tolower((unsigned char)*value->p);
    skip(value);
    while (c == ' ' && value->n > 0 && *value->p == ' ')
        skip(value);
    return c == ' ' && value->n == 0 ? 0 : c;
}

static PART value_of(PART part)
{
    const char *equals = memchr(part.p, '=', part.n);
    PART value = {part.p, 0};

    if (equals == NULL)
        return value;
    value.p = equals + 1;
    value.n = part.n - (size_t)(value.p - part.p);
    while (value.n > 0 && *value.p == ' ')
        skip(&value);
    return value;
}

static int same_part(PART a, PART b)
{
    char type_a[32], type_b[32];
    PART va = value_of(a), vb = value_of(b);
    int c;

    read_type(a, type_a);
    read_type(b, type_b);
    if (strcmp(type_a, type_b) != 0)
        return 0;
    while ((c = next_char(&va)) == next_char(&vb))
        if (c == 0)
            return 1;
    return 0;
}

int cmpsrv_ejbca_same_dn(const char *a, const char *b)
{
    PART pa[MAX_PARTS], pb[MAX_PARTS];
    size_t n = split_dn(a, pa), forward = 0, backward = 0;

    if (n == 0 || split_dn(b, pb) != n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        forward += (size_t)same_part(pa[i], pb[i]);
        backward += (size_t)same_part(pa[i], pb[n - 1 - i]);
    }
    return forward == n || backward == n;
}

const char *cmpsrv_ejbca_map(const EJBCA_IMPORT *im, const char *kind, const char *from)
{
    const CMPSRV_IMPORT_OPTIONS *o = im->options;

    for (size_t i = 0; i < o->maps_n; i++)
        if (strcmp(o->maps[i].kind, kind) == 0 &&
            (strcmp(o->maps[i].from, from) == 0 ||
             (strchr(from, '=') != NULL && strchr(o->maps[i].from, '=') != NULL &&
              cmpsrv_ejbca_same_dn(o->maps[i].from, from))))
            return o->maps[i].to;
    return NULL;
}

int cmpsrv_conf_import_has_kind(const char *kind)
{
    return strcmp(kind, "ca") == 0 || strcmp(kind, "eep") == 0 || strcmp(kind, "vendorca") == 0;
}
