/* SPDX-License-Identifier: Apache-2.0 */
/* Primitives: how each ASN.1 type without parts of its own reads. */
#include "config.h"

#include "show/show_local.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "wire/wire.h"

#define LEAF_ARGS SHOW *s, const SHOW_TYPE *t, const char *name, const SHOW_ELEMENT *e

static const char *find_word(const SHOW_WORD *words, int64_t value)
{
    for (; words != NULL && words->name != NULL; words++)
        if (words->value == value)
            return words->name;
    return NULL;
}

void show_write_integer(LEAF_ARGS)
{
    const char *word;
    int64_t value;
    char text[96];

    (void)t;
    if (e->content.n == 0) {
        show_damage(s, name, e->tlv, "an INTEGER without octets");
    } else if (!cmpsrv_der_int64(e->content, &value)) {
        show_hex(s, name, e->content, NULL); /* large: a serial number */
    } else if ((word = find_word(t->words, value)) != NULL) {
        snprintf(text, sizeof(text), "%s (%lld)", word, (long long)value);
        show_text(s, name, text);
    } else {
        snprintf(text, sizeof(text), "%lld", (long long)value);
        show_raw(s, name, text);
    }
}

static void write_serial(LEAF_ARGS)
{
    (void)t;
    if (e->content.n == 0)
        show_damage(s, name, e->tlv, "an INTEGER without octets");
    else
        show_hex(s, name, e->content, NULL);
}

static void write_boolean(LEAF_ARGS)
{
    (void)t;
    if (e->content.n != 1 || (e->content.p[0] != 0 && e->content.p[0] != 0xff))
        show_damage(s, name, e->tlv, "a BOOLEAN that is neither 00 nor ff");
    else
        show_raw(s, name, e->content.p[0] ? "true" : "false");
}

static void write_null(LEAF_ARGS)
{
    (void)t;
    if (e->content.n != 0)
        show_damage(s, name, e->tlv, "a NULL with content");
    else
        show_raw(s, name, s->json ? "null" : "NULL");
}

static void write_oid(LEAF_ARGS)
{
    char dotted[512], text[640];
    const char *known;

    (void)t;
    cmpsrv_der_oid_text(e->content, dotted, sizeof(dotted));
    if (strcmp(dotted, "?") == 0) {
        show_damage(s, name, e->tlv, "not an OBJECT IDENTIFIER");
        return;
    }
    known = show_oid_name(dotted);
    if (known[0] == '\0')
        snprintf(text, sizeof(text), "%s", dotted);
    else
        snprintf(text, sizeof(text), "%s (%s)", known, dotted);
    show_text(s, name, text);
}

static void write_octets(LEAF_ARGS)
{
    char text[80] = "\"";
    size_t n = 1;
    int is_text = e->content.n > 0 && e->content.n < 64;

    (void)t;
    for (size_t i = 0; is_text && i < e->content.n; i++) {
        is_text = e->content.p[i] >= 0x20 && e->content.p[i] < 0x7f;
        text[n++] = (char)e->content.p[i];
    }
    snprintf(text + (is_text ? n : 0), sizeof(text) - (is_text ? n : 0), "\"");
    show_hex(s, name, e->content, is_text ? text : NULL);
}

/* The names of the bits that are set; unnamed ones by number. */
static void write_named_bits(LEAF_ARGS)
{
    char number[24];

    if (!show_open(s, name, 1))
        return;
    for (size_t i = 0; i < 8 * (e->content.n - 1) && i < 256; i++) {
        const char *word = find_word(t->words, (int64_t)i);

        if (!(e->content.p[1 + i / 8] >> (7 - i % 8) & 1))
            continue;
        snprintf(number, sizeof(number), "bit %zu", i);
        show_text(s, "bit", word == NULL ? number : word);
    }
    show_close(s);
}

void show_write_bits(LEAF_ARGS)
{
    char unused[32];

    (void)t;
    if (e->content.n == 0 || e->content.p[0] > 7 || (e->content.n == 1 && e->content.p[0] > 0)) {
        show_damage(s, name, e->tlv, "a BIT STRING with a wrong number of unused bits");
        return;
    }
    if (t->words != NULL) {
        write_named_bits(s, t, name, e);
        return;
    }
    snprintf(unused, sizeof(unused), "%d unused bits", e->content.p[0]);
    show_hex(s, name, cmpsrv_slice(e->content.p + 1, e->content.n - 1),
             e->content.p[0] > 0 ? unused : NULL);
}

/* BMPString and UniversalString as UTF-8. */
static void put_utf8(char *out, size_t *n, uint32_t c)
{
    if (c < 0x80) {
        out[(*n)++] = (char)c;
    } else if (c < 0x800) {
        out[(*n)++] = (char)(0xc0 | c >> 6);
        out[(*n)++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out[(*n)++] = (char)(0xe0 | c >> 12);
        out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[(*n)++] = (char)(0x80 | (c & 0x3f));
    } else {
        out[(*n)++] = (char)(0xf0 | (c >> 18 & 7));
        out[(*n)++] = (char)(0x80 | (c >> 12 & 0x3f));
        out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[(*n)++] = (char)(0x80 | (c & 0x3f));
    }
}

static void write_string(LEAF_ARGS)
{
    size_t width = e->tag == DER_BMPSTRING ? 2 : e->tag == DER_UNIVERSALSTRING ? 4 : 1, n = 0;
    char *text = OPENSSL_malloc(4 * e->content.n + 1);

    (void)t;
    if (text == NULL || e->content.n % width != 0 ||
        memchr(e->content.p, 0, width == 1 ? e->content.n : 0)) {
        show_damage(s, name, e->tlv, "not a %s", t->name);
        OPENSSL_free(text);
        return;
    }
    for (size_t i = 0; i < e->content.n; i += width) {
        uint32_t c = 0;

        for (size_t k = 0; k < width; k++)
            c = c << 8 | e->content.p[i + k];
        if (width == 1)
            text[n++] = (char)c; /* Latin-1 in a T61String is escaped when it is written */
        else
            put_utf8(text, &n, c == 0 ? 0xfffd : c);
    }
    text[n] = '\0';
    show_text(s, name, text);
    OPENSSL_free(text);
}

static void write_time(LEAF_ARGS)
{
    char iso[25], raw[64];
    int64_t ms;

    (void)t;
    if (cmpsrv_time_from_generalized(e->content, &ms) || cmpsrv_time_from_utc(e->content, &ms)) {
        cmpsrv_time_iso(ms, iso);
        memcpy(iso + 19, "Z", 2); /* whole seconds */
        show_text(s, name, iso);
        return;
    }
    show_damage(s, name, e->tlv,
                "not YYYYMMDDHHMMSSZ (GeneralizedTime) or YYMMDDHHMMSSZ (UTCTime): %s",
                cmpsrv_escape(e->content, raw, sizeof(raw)));
}

/* RFC 4514; one that cannot be written so, by its parts. */
static void write_name(LEAF_ARGS)
{
    static const SHOW_FIELD attribute[] = {{"type", U, &show_oid}, {"value", U, &show_any}, END};
    static const SHOW_TYPE t_attribute = SHOW_SEQUENCE_WITH("AttributeTypeAndValue", attribute),
                           t_rdn = SHOW_SET_WITH("RelativeDistinguishedName", t_attribute),
                           t_rdns = SHOW_LIST_OF("Name", t_rdn);
    char *text = e->tag == DER_SEQUENCE ? cmpsrv_name_text(e->tlv) : NULL;

    (void)t;
    if (text == NULL)
        show_element(s, name, &t_rdns, e, cmpsrv_slice(NULL, 0));
    else
        show_text(s, name, text[0] == '\0' ? "NULL-DN" : text);
    OPENSSL_free(text);
}

static void write_ip(LEAF_ARGS)
{
    char text[2 * INET6_ADDRSTRLEN + 2] = "", mask[INET6_ADDRSTRLEN];
    size_t half = e->content.n == 8 || e->content.n == 32 ? e->content.n / 2 : e->content.n;
    int family = half == 4 ? AF_INET : AF_INET6;

    (void)t;
    if ((half != 4 && half != 16) ||
        inet_ntop(family, e->content.p, text, INET6_ADDRSTRLEN) == NULL) {
        show_damage(s, name, e->tlv, "an iPAddress of %zu octets, want 4, 16, 8 or 32",
                    e->content.n);
        return;
    }
    if (half != e->content.n &&
        inet_ntop(family, e->content.p + half, mask, sizeof(mask)) != NULL) {
        OPENSSL_strlcat(text, "/", sizeof(text));
        OPENSSL_strlcat(text, mask, sizeof(text));
    }
    show_text(s, name, text);
}

static int accepts_time(int tag)
{
    return tag == DER_UTCTIME || tag == DER_GENERALIZEDTIME;
}

static int accepts_string(int tag)
{
    return tag == DER_UTF8STRING || tag == DER_PRINTABLESTRING || tag == DER_T61STRING ||
           tag == DER_IA5STRING || tag == DER_UNIVERSALSTRING || tag == DER_BMPSTRING ||
           tag == 0x12 || tag == 0x1a || tag == 0x1b; /* Numeric, Visible, General */
}

#define LEAF(variable, name_, tag_, write_)                                                        \
    const SHOW_TYPE variable = {.kind = SHOW_LEAF, .name = name_, .tag = tag_, .write = write_}

LEAF(show_integer, "INTEGER", DER_INTEGER, show_write_integer);
LEAF(show_serial, "INTEGER", DER_INTEGER, write_serial);
LEAF(show_boolean, "BOOLEAN", DER_BOOLEAN, write_boolean);
LEAF(show_null, "NULL", DER_NULL, write_null);
LEAF(show_oid, "OBJECT IDENTIFIER", DER_OID, write_oid);
LEAF(show_octets, "OCTET STRING", DER_OCTET_STRING, write_octets);
LEAF(show_bits, "BIT STRING", DER_BIT_STRING, show_write_bits);
LEAF(show_utf8, "UTF8String", DER_UTF8STRING, write_string);
LEAF(show_generalized_time, "GeneralizedTime", DER_GENERALIZEDTIME, write_time);
LEAF(show_name, "Name", DER_SEQUENCE, write_name);
LEAF(show_ip, "iPAddress", DER_OCTET_STRING, write_ip);
const SHOW_TYPE show_string = {.kind = SHOW_LEAF,
                               .name = "character string",
                               .accepts = accepts_string,
                               .write = write_string};
const SHOW_TYPE show_time = {
    .kind = SHOW_LEAF, .name = "Time", .accepts = accepts_time, .write = write_time};
static LEAF(enumerated, "ENUMERATED", DER_ENUMERATED, show_write_integer);

const SHOW_TYPE *show_universal(int tag)
{
    static const SHOW_TYPE *const types[] = {
        &show_boolean, &show_integer, &show_bits, &show_octets, &show_null,
        &show_oid,     &enumerated,   &show_utf8, &show_time,   &show_string};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (types[i]->accepts != NULL ? types[i]->accepts(tag) : types[i]->tag == tag)
            return types[i];
    return NULL;
}
