/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as text: RFC 4514 out and in, the slash form of `openssl -subj` in, single
 * attributes by name. The attribute table is here; comparing is in names.c.
 */
#include "config.h"

#include "wire/algs.h"
#include "wire/names.h"

#include <string.h>
#include <strings.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#define MAX_TEXT (4 * CMPSRV_NAME_MAX_SIZE)

typedef struct {
    const char *name; /* the first row of an OID has the name we write */
    CMPSRV_SLICE oid;
    int tag;        /* string type we write */
    size_t exactly; /* octets of the value, 0: any */
} ATTR_TYPE;

#define X520(last)  OID_INIT("\x55\x04" last)
#define PKCS9(last) OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09" last)
#define PILOT(last) OID_INIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01" last)

/* EJBCA: SN is serialNumber there, not surname as in RFC 4519. */
static const ATTR_TYPE attr_types[] = {
    {"CN", X520("\x03"), DER_UTF8STRING, 0},
    {"commonName", X520("\x03"), DER_UTF8STRING, 0},
    {"surname", X520("\x04"), DER_UTF8STRING, 0},
    {"serialNumber", X520("\x05"), DER_PRINTABLESTRING, 0},
    {"SN", X520("\x05"), DER_PRINTABLESTRING, 0},
    {"C", X520("\x06"), DER_PRINTABLESTRING, 2},
    {"L", X520("\x07"), DER_UTF8STRING, 0},
    {"ST", X520("\x08"), DER_UTF8STRING, 0},
    {"street", X520("\x09"), DER_UTF8STRING, 0},
    {"O", X520("\x0a"), DER_UTF8STRING, 0},
    {"OU", X520("\x0b"), DER_UTF8STRING, 0},
    {"title", X520("\x0c"), DER_UTF8STRING, 0},
    {"T", X520("\x0c"), DER_UTF8STRING, 0},
    {"description", X520("\x0d"), DER_UTF8STRING, 0},
    {"businessCategory", X520("\x0f"), DER_UTF8STRING, 0},
    {"postalCode", X520("\x11"), DER_UTF8STRING, 0},
    {"givenName", X520("\x2a"), DER_UTF8STRING, 0},
    {"GN", X520("\x2a"), DER_UTF8STRING, 0},
    {"initials", X520("\x2b"), DER_UTF8STRING, 0},
    {"dnQualifier", X520("\x2e"), DER_PRINTABLESTRING, 0},
    {"pseudonym", X520("\x41"), DER_UTF8STRING, 0},
    {"organizationIdentifier", X520("\x61"), DER_UTF8STRING, 0},
    {"UID", PILOT("\x01"), DER_UTF8STRING, 0},
    {"DC", PILOT("\x19"), DER_IA5STRING, 0},
    {"emailAddress", PKCS9("\x01"), DER_IA5STRING, 0},
    {"E", PKCS9("\x01"), DER_IA5STRING, 0},
    {"EMAIL", PKCS9("\x01"), DER_IA5STRING, 0},
    {"unstructuredName", PKCS9("\x02"), DER_UTF8STRING, 0},
    {"unstructuredAddress", PKCS9("\x08"), DER_UTF8STRING, 0},
};

static const ATTR_TYPE *type_by_oid(CMPSRV_SLICE oid)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(attr_types); i++)
        if (cmpsrv_slice_eq(oid, attr_types[i].oid))
            return &attr_types[i];
    return NULL;
}

int cmpsrv_oid_from_text(const char *dotted, unsigned char buf[CMPSRV_MAX_OID], CMPSRV_SLICE *oid)
{
    ASN1_OBJECT *o;
    size_t n = strlen(dotted);

    /* OBJ_txt2obj() takes empty arcs for zero. */
    if (n == 0 || strspn(dotted, "0123456789.") != n || dotted[0] == '.' || dotted[n - 1] == '.' ||
        strstr(dotted, "..") != NULL)
        return 0;
    if ((o = OBJ_txt2obj(dotted, 1)) == NULL) {
        ERR_clear_error();
        return 0;
    }
    n = OBJ_length(o);
    if (n > 0 && n <= CMPSRV_MAX_OID) {
        memcpy(buf, OBJ_get0_data(o), n);
        *oid = cmpsrv_slice(buf, n);
    }
    ASN1_OBJECT_free(o);
    return n > 0 && n <= CMPSRV_MAX_OID;
}

/* OID content octets of "CN" or "2.5.4.3"; they are static or in buf. */
static int find_type(const char *name, unsigned char buf[CMPSRV_MAX_OID], CMPSRV_SLICE *oid)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(attr_types); i++)
        if (strcasecmp(name, attr_types[i].name) == 0) {
            *oid = attr_types[i].oid;
            return 1;
        }
    return cmpsrv_oid_from_text(name, buf, oid);
}

int cmpsrv_name_has_attribute(const char *attribute)
{
    unsigned char buf[CMPSRV_MAX_OID];
    CMPSRV_SLICE oid;

    return attribute != NULL && find_type(attribute, buf, &oid);
}

/* ---- out ---------------------------------------------------------------------------------------
 */

/* The writer serves as a growing buffer of text. */
static void put_text(CMPSRV_DERW *w, const char *text)
{
    cmpsrv_derw_raw(w, cmpsrv_slice_str(text));
}

static char *finish_text(CMPSRV_DERW *w)
{
    CMPSRV_BYTES out = {0};

    cmpsrv_derw_raw(w, cmpsrv_slice("", 1));
    return cmpsrv_derw_finish(w, &out) ? (char *)out.p : NULL;
}

/* RFC 4514 2.4. */
static void put_escaped(CMPSRV_DERW *w, const CMPSRV_NAME_ATTR *a)
{
    CMPSRV_SLICE rest = a->value;
    int first = 1;
    uint32_t c;

    while (cmpsrv_name_char(a->tag, &rest, &c)) {
        int special = c < 0x80 && strchr(",+\"\\<>;", (int)c) != NULL;

        if (special || (first && c == '#') || ((first || rest.n == 0) && c == ' '))
            put_text(w, "\\");
        cmpsrv_name_put_char(w, c);
        first = 0;
    }
}

static void put_attribute(CMPSRV_DERW *w, const CMPSRV_NAME_ATTR *a)
{
    const ATTR_TYPE *type = type_by_oid(a->type);
    char dotted[256];

    put_text(w, type != NULL ? type->name : cmpsrv_der_oid_text(a->type, dotted, sizeof(dotted)));
    put_text(w, "=");
    put_escaped(w, a);
}

char *cmpsrv_name_text(CMPSRV_SLICE name)
{
    CMPSRV_NAME_ATTRS attrs;
    CMPSRV_DERW w = {0};

    if (!cmpsrv_name_read(name, &attrs, NULL))
        return NULL;
    for (size_t r = attrs.rdns; r > 0; r--) {
        const char *separator = r == attrs.rdns ? "" : ",";

        for (size_t i = 0; i < attrs.n; i++) {
            if (attrs.v[i].rdn != r - 1)
                continue;
            put_text(&w, separator);
            put_attribute(&w, &attrs.v[i]);
            separator = "+";
        }
    }
    return finish_text(&w);
}

char *cmpsrv_name_get(CMPSRV_SLICE name, const char *attribute, size_t i)
{
    unsigned char buf[CMPSRV_MAX_OID];
    CMPSRV_NAME_ATTRS attrs;
    CMPSRV_SLICE oid, rest;
    CMPSRV_DERW w = {0};
    uint32_t c;

    if (!find_type(attribute, buf, &oid) || !cmpsrv_name_read(name, &attrs, NULL))
        return NULL;
    for (size_t k = 0; k < attrs.n; k++) {
        if (!cmpsrv_slice_eq(attrs.v[k].type, oid) || i-- > 0)
            continue;
        for (rest = attrs.v[k].value; cmpsrv_name_char(attrs.v[k].tag, &rest, &c);)
            cmpsrv_name_put_char(&w, c);
        return finish_text(&w);
    }
    return NULL;
}

int cmpsrv_name_cut(CMPSRV_SLICE name, const char *attribute, CMPSRV_BYTES *rest)
{
    unsigned char buf[CMPSRV_MAX_OID];
    CMPSRV_NAME_ATTRS attrs;
    CMPSRV_NAME_PIECES pieces = {0};
    CMPSRV_SLICE oid;

    if (!find_type(attribute, buf, &oid) || !cmpsrv_name_read(name, &attrs, NULL))
        return 0;
    for (size_t k = 0; k < attrs.n; k++) {
        const CMPSRV_NAME_ATTR *a = &attrs.v[k];

        if (cmpsrv_slice_eq(a->type, oid) || !cmpsrv_name_piece_begin(&pieces, a->rdn))
            continue;
        cmpsrv_derw_oid(&pieces.w, a->type);
        cmpsrv_derw_put(&pieces.w, a->tag, a->value);
        cmpsrv_name_piece_end(&pieces);
    }
    return cmpsrv_name_assemble(&pieces, 0, rest);
}

/* ---- in ----------------------------------------------------------------------------------------
 */

typedef struct {
    const char *p;
    char separator; /* ',' or '/' */
    size_t rdn;
    CMPSRV_NAME_PIECES pieces;
    CMPSRV_REFUSAL *why;
} PARSER;

static void skip_spaces(PARSER *s)
{
    while (*s->p == ' ')
        s->p++;
}

/* The attribute type before "="; its OID is static or in buf. */
static int parse_type(PARSER *s, unsigned char buf[CMPSRV_MAX_OID], CMPSRV_SLICE *oid)
{
    char name[128], shown[160];
    size_t n;

    skip_spaces(s);
    n = strcspn(s->p, "=,+/\\\"");
    if (s->p[n] != '=' || n >= sizeof(name))
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "RFC 4514 3: want TYPE=VALUE at \"%s\"",
                             cmpsrv_escape(cmpsrv_slice_str(s->p), shown, 40));
    memcpy(name, s->p, n);
    s->p += n + 1;
    while (n > 0 && name[n - 1] == ' ')
        n--;
    name[n] = '\0';
    return find_type(name, buf, oid) ||
           cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "unknown attribute type \"%s\"",
                         cmpsrv_escape(cmpsrv_slice_str(name), shown, sizeof(shown)));
}

/* After a backslash: one special character, or two hex digits of an octet (RFC 4514 3). */
static int parse_escape(PARSER *s, CMPSRV_DERW *value)
{
    char hex[3] = {s->p[1], '\0', '\0'};
    unsigned char octet;

    if (hex[0] != '\0' && strchr(",+\"\\<>;#= /", hex[0]) != NULL) {
        cmpsrv_derw_raw(value, cmpsrv_slice(s->p + 1, 1));
        s->p += 2;
        return 1;
    }
    if (hex[0] != '\0')
        hex[1] = s->p[2];
    if (cmpsrv_unhex(hex, &octet, 1) != 1)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "RFC 4514 3: bad escape after \\");
    cmpsrv_derw_raw(value, cmpsrv_slice(&octet, 1));
    s->p += 3;
    return 1;
}

/* Octets of a value, up to a separator, '+' or the end; spaces around it that are not escaped are
 * dropped. */
static int parse_value(PARSER *s, CMPSRV_DERW *value)
{
    const char *forbidden = s->separator == ',' ? "\"<>;" : "";
    size_t keep = 0;

    skip_spaces(s);
    if (s->separator == ',' && *s->p == '#')
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME,
                             "RFC 4514 2.4: values as #hex are not supported");
    while (*s->p != '\0' && *s->p != s->separator && *s->p != '+') {
        if (strchr(forbidden, *s->p) != NULL)
            return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "RFC 4514 2.4: %c must be escaped",
                                 *s->p);
        if (*s->p == '\\') {
            if (!parse_escape(s, value))
                return 0;
            keep = value->n;
            continue;
        }
        cmpsrv_derw_raw(value, cmpsrv_slice(s->p, 1));
        if (*s->p++ != ' ')
            keep = value->n;
    }
    value->n = keep;
    return 1;
}

static int is_printable(CMPSRV_SLICE value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789 '()+,-./:=?";

    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == 0 || strchr(allowed, value.p[i]) == NULL)
            return 0;
    return 1;
}

/* The string type for a value: what its attribute asks for, else UTF8String. */
static int check_type(PARSER *s, CMPSRV_SLICE oid, CMPSRV_SLICE value, int *tag)
{
    const ATTR_TYPE *type = type_by_oid(oid);

    *tag = type == NULL ? DER_UTF8STRING : type->tag;
    if (*tag == DER_PRINTABLESTRING && !is_printable(value))
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME,
                             "RFC 5280 A.1: %s must be a PrintableString", type->name);
    if (type != NULL && type->exactly != 0 && value.n != type->exactly)
        return cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "RFC 5280 A.1: %s must have %zu characters",
                             type->name, type->exactly);
    return 1;
}

/* TYPE=VALUE to one more piece. */
static int parse_attribute(PARSER *s)
{
    unsigned char buf[CMPSRV_MAX_OID];
    CMPSRV_DERW value = {0};
    CMPSRV_SLICE oid, octets;
    int ok = 0, tag;

    if (!parse_type(s, buf, &oid) || !parse_value(s, &value))
        goto end;
    octets = cmpsrv_slice(value.p, value.n);
    if (value.failed) {
        cmpsrv_fail(s->why, "out of memory");
        goto end;
    }
    if (!check_type(s, oid, octets, &tag))
        goto end;
    if (!cmpsrv_name_piece_begin(&s->pieces, s->rdn)) {
        cmpsrv_refuse(s->why, CMPSRV_R_BAD_NAME, "name of more than %d attributes",
                      CMPSRV_NAME_MAX_ATTRS);
        goto end;
    }
    cmpsrv_derw_oid(&s->pieces.w, oid);
    cmpsrv_derw_put(&s->pieces.w, tag, octets);
    cmpsrv_name_piece_end(&s->pieces);
    ok = 1;
end:
    cmpsrv_derw_clear(&value);
    return ok;
}

static int parse_attributes(PARSER *s)
{
    skip_spaces(s);
    if (*s->p == '\0')
        return 1;
    while (parse_attribute(s)) {
        if (*s->p == '\0')
            return 1;
        if (*s->p++ == s->separator)
            s->rdn++;
    }
    return 0;
}

int cmpsrv_name_parse(const char *text, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    PARSER s = {.p = text, .separator = ',', .why = why};
    CMPSRV_BYTES name = {0};
    int ok = 0;

    if (strlen(text) > MAX_TEXT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name longer than %d characters", MAX_TEXT);
    if (*s.p == '/') {
        s.separator = '/';
        s.p++;
    }
    if (!parse_attributes(&s))
        cmpsrv_derw_clear(&s.pieces.w);
    else if (!cmpsrv_name_assemble(&s.pieces, s.separator == ',', &name))
        cmpsrv_fail(why, "out of memory");
    else
        ok = cmpsrv_name_check(cmpsrv_bytes_slice(&name), why);
    if (ok) {
        cmpsrv_bytes_clear(out);
        *out = name;
    } else {
        cmpsrv_bytes_clear(&name);
    }
    return ok;
}
