/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER reader, strict checker and writer. Everything in wire stands on it; it knows no ASN.1 type
 * beyond the universal ones. The checker runs over every received message before anything else
 * looks at it.
 */
#include "config.h"

#include "wire/der.h"

#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>

/* Reads identifier and length octets at p[0..n); gives the header size and content length. Inline,
 * so that its results need no stack and the callers no guard for one. */
static inline int read_header(const unsigned char *p, size_t n, size_t *head, size_t *len)
{
    size_t octets, value = 0;

    if (n < 2 || (p[0] & 0x1f) == 0x1f)
        return 0;
    if (p[1] < 0x80) {
        *head = 2;
        *len = p[1];
        return p[1] <= n - 2;
    }
    octets = p[1] & 0x7f;
    if (octets == 0 || octets > 4 || n < 2 + octets || p[2] == 0)
        return 0;
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | p[2 + i];
    if (value < 0x80)
        return 0;
    *head = 2 + octets;
    *len = value;
    return value <= n - 2 - octets;
}

int cmpsrv_der_any(CMPSRV_SLICE *in, int *tag, CMPSRV_SLICE *tlv, CMPSRV_SLICE *content)
{
    size_t head, len;

    if (in->p == NULL || !read_header(in->p, in->n, &head, &len))
        return 0;
    if (tag != NULL)
        *tag = in->p[0];
    if (tlv != NULL)
        *tlv = cmpsrv_slice(in->p, head + len);
    if (content != NULL)
        *content = cmpsrv_slice(in->p + head, len);
    in->p += head + len;
    in->n -= head + len;
    return 1;
}

int cmpsrv_der_peek(CMPSRV_SLICE in)
{
    return in.p == NULL || in.n == 0 ? -1 : in.p[0];
}

/* Half of all reading is this, so it does not go through cmpsrv_der_any. */
int cmpsrv_der_get(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *content)
{
    size_t head, len;

    if (cmpsrv_der_peek(*in) != tag || !read_header(in->p, in->n, &head, &len))
        return 0;
    if (content != NULL)
        *content = cmpsrv_slice(in->p + head, len);
    in->p += head + len;
    in->n -= head + len;
    return 1;
}

int cmpsrv_der_get_tlv(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *tlv)
{
    return cmpsrv_der_peek(*in) == tag && cmpsrv_der_any(in, NULL, tlv, NULL);
}

int cmpsrv_der_opt(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *content)
{
    *content = cmpsrv_slice(NULL, 0);
    return cmpsrv_der_peek(*in) != tag || cmpsrv_der_get(in, tag, content);
}

static int is_minimal_integer(CMPSRV_SLICE c)
{
    if (c.n == 0)
        return 0;
    return c.n == 1 || !((c.p[0] == 0 && c.p[1] < 0x80) || (c.p[0] == 0xff && c.p[1] >= 0x80));
}

int cmpsrv_der_int64(CMPSRV_SLICE c, int64_t *value)
{
    uint64_t v;

    if (c.n == 0 || c.n > 8)
        return 0;
    v = c.p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < c.n; i++)
        v = v << 8 | c.p[i];
    *value = (int64_t)v;
    return 1;
}

int cmpsrv_der_get_int64(CMPSRV_SLICE *in, int64_t *value)
{
    CMPSRV_SLICE rest = *in, c;

    if (!cmpsrv_der_get(&rest, DER_INTEGER, &c) || !is_minimal_integer(c) ||
        !cmpsrv_der_int64(c, value))
        return 0;
    *in = rest;
    return 1;
}

int cmpsrv_der_get_octet_bits(CMPSRV_SLICE *in, CMPSRV_SLICE *octets)
{
    CMPSRV_SLICE rest = *in, c;

    if (!cmpsrv_der_get(&rest, DER_BIT_STRING, &c) || c.n == 0 || c.p[0] != 0)
        return 0;
    *octets = cmpsrv_slice(c.p + 1, c.n - 1);
    *in = rest;
    return 1;
}

int cmpsrv_der_get_time(CMPSRV_SLICE *in, int64_t *ms)
{
    CMPSRV_SLICE rest = *in, c;
    int tag = cmpsrv_der_peek(rest);

    if ((tag != DER_UTCTIME && tag != DER_GENERALIZEDTIME) || !cmpsrv_der_get(&rest, tag, &c) ||
        !(tag == DER_UTCTIME ? cmpsrv_time_from_utc(c, ms) : cmpsrv_time_from_generalized(c, ms)))
        return 0;
    *in = rest;
    return 1;
}

int cmpsrv_der_get_algid(CMPSRV_SLICE *in, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters)
{
    CMPSRV_SLICE rest = *in, seq;

    *parameters = cmpsrv_slice(NULL, 0);
    if (!cmpsrv_der_get(&rest, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_OID, oid) ||
        oid->n == 0)
        return 0;
    if (seq.n > 0 && !cmpsrv_der_any(&seq, NULL, parameters, NULL))
        return 0;
    if (seq.n > 0)
        return 0;
    *in = rest;
    return 1;
}

/* By libcrypto, which knows arcs of any size (2.25.UUID). Never a part of it: that would be another
 * OID. */
char *cmpsrv_der_oid_text(CMPSRV_SLICE oid, char *out, size_t size)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES tlv = {NULL, 0};
    ASN1_OBJECT *o = NULL;
    const unsigned char *p;
    int n;

    cmpsrv_derw_put(&w, DER_OID, oid);
    if (cmpsrv_derw_finish(&w, &tlv)) {
        p = tlv.p;
        o = d2i_ASN1_OBJECT(NULL, &p, (long)tlv.n);
    }
    n = o == NULL ? 0 : OBJ_obj2txt(out, (int)size, o, 1);
    if (n <= 0 || (size_t)n >= size)
        snprintf(out, size, "?");
    ASN1_OBJECT_free(o);
    cmpsrv_bytes_clear(&tlv);
    ERR_clear_error();
    return out;
}

/* ---- the strict check -------------------------------------------------------------------------
 */

static const char *bad_primitive(int tag, CMPSRV_SLICE c)
{
    switch (tag) {
    case DER_BOOLEAN:
        return c.n == 1 && (c.p[0] == 0 || c.p[0] == 0xff) ? NULL : "BOOLEAN";
    case DER_INTEGER:
    case DER_ENUMERATED:
        return is_minimal_integer(c) ? NULL : "INTEGER";
    case DER_NULL:
        return c.n == 0 ? NULL : "NULL";
    case DER_OID:
        return c.n > 0 && !(c.p[c.n - 1] & 0x80) ? NULL : "OBJECT IDENTIFIER";
    case DER_BIT_STRING:
        if (c.n == 0 || c.p[0] > 7 || (c.n == 1 && c.p[0] != 0))
            return "BIT STRING";
        return (c.p[c.n - 1] & ((1u << c.p[0]) - 1)) == 0 || c.n == 1 ? NULL : "BIT STRING padding";
    case DER_SEQUENCE & ~0x20:
    case DER_SET & ~0x20:
        return "primitive SEQUENCE or SET";
    default:
        return NULL;
    }
}

static int is_universal_string(int tag)
{
    return tag == (DER_OCTET_STRING | 0x20) || tag == (DER_BIT_STRING | 0x20) ||
           (tag >= (DER_UTF8STRING | 0x20) && tag <= (DER_BMPSTRING | 0x20) &&
            tag != DER_SEQUENCE && tag != DER_SET);
}

int cmpsrv_der_check(CMPSRV_SLICE in, size_t max_depth, size_t max_elements, CMPSRV_REFUSAL *why)
{
    enum { STACK = 64 };
    size_t ends[STACK], depth = 0, at = 0, elements = 0;

    if (max_depth > STACK)
        max_depth = STACK;
    while (at < in.n || depth > 0) {
        size_t head, len, end = depth > 0 ? ends[depth - 1] : in.n;
        const char *bad;
        int tag;

        if (at == end) {
            if (depth == 0)
                break;
            depth--;
            continue;
        }
        if (depth == 0 && at > 0)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                                 "RFC 9483 3.5: trailing octets after the message at offset %zu",
                                 at);
        if (!read_header(in.p + at, end - at, &head, &len))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "X.690: no DER at offset %zu", at);
        if (++elements > max_elements)
            return cmpsrv_refuse(why, CMPSRV_R_LIMIT_EXCEEDED, "more than %zu ASN.1 elements",
                                 max_elements);
        tag = in.p[at];
        if (is_universal_string(tag))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                                 "X.690 10.2: constructed string at offset %zu", at);
        if (tag & 0x20) {
            if (depth == max_depth)
                return cmpsrv_refuse(why, CMPSRV_R_LIMIT_EXCEEDED,
                                     "ASN.1 nested deeper than %zu at offset %zu", max_depth, at);
            ends[depth++] = at + head + len;
            at += head;
            continue;
        }
        if ((bad = bad_primitive(tag, cmpsrv_slice(in.p + at + head, len))) != NULL)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "X.690: bad %s at offset %zu", bad,
                                 at);
        at += head + len;
    }
    return elements > 0 || cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "empty");
}

/* ---- writer -----------------------------------------------------------------------------------
 */

static unsigned char *grow(CMPSRV_DERW *w, size_t more)
{
    if (w->failed)
        return NULL;
    if (w->n + more > w->cap) {
        size_t cap = w->cap == 0 ? 1024 : w->cap;
        unsigned char *p;

        while (cap < w->n + more)
            cap *= 2;
        /* whoever wipes what was written means all of it */
        if ((p = OPENSSL_clear_realloc(w->p, w->cap, cap)) == NULL) {
            w->failed = 1;
            return NULL;
        }
        w->p = p;
        w->cap = cap;
    }
    w->n += more;
    return w->p + w->n - more;
}

void cmpsrv_derw_raw(CMPSRV_DERW *w, CMPSRV_SLICE tlv)
{
    unsigned char *p = tlv.n == 0 ? NULL : grow(w, tlv.n);

    if (p != NULL)
        memcpy(p, tlv.p, tlv.n);
}

/* Octets of a length field for `len`. */
static size_t length_octets(size_t len)
{
    return len < 0x80 ? 1 : len < 0x100 ? 2 : len < 0x10000 ? 3 : len < 0x1000000 ? 4 : 5;
}

static void write_length(unsigned char *p, size_t len, size_t octets)
{
    if (octets == 1) {
        p[0] = (unsigned char)len;
        return;
    }
    p[0] = (unsigned char)(0x80 | (octets - 1));
    for (size_t i = octets - 1; i > 0; i--, len >>= 8)
        p[i] = (unsigned char)(len & 0xff);
}

void cmpsrv_derw_put(CMPSRV_DERW *w, int tag, CMPSRV_SLICE content)
{
    size_t octets = length_octets(content.n);
    unsigned char *p = grow(w, 1 + octets + content.n);

    if (p == NULL)
        return;
    p[0] = (unsigned char)tag;
    write_length(p + 1, content.n, octets);
    if (content.n > 0)
        memcpy(p + 1 + octets, content.p, content.n);
}

void cmpsrv_derw_begin(CMPSRV_DERW *w, int tag)
{
    unsigned char *p =
        grow(w, 2); /* room for a short length; end() moves the content if it is longer */

    if (p == NULL)
        return;
    if (w->depth == CMPSRV_ARRAY_SIZE(w->open)) {
        w->failed = 1;
        return;
    }
    p[0] = (unsigned char)tag;
    w->open[w->depth++].start = w->n;
}

void cmpsrv_derw_end(CMPSRV_DERW *w)
{
    size_t start, len, octets;

    if (w->failed)
        return;
    if (w->depth == 0) {
        w->failed = 1;
        return;
    }
    start = w->open[--w->depth].start;
    len = w->n - start;
    octets = length_octets(len);
    if (octets > 1) {
        if (grow(w, octets - 1) == NULL)
            return;
        memmove(w->p + start + octets - 1, w->p + start, len);
    }
    write_length(w->p + start - 1, len, octets);
}

void cmpsrv_derw_int64(CMPSRV_DERW *w, int64_t value)
{
    unsigned char b[8];
    size_t skip = 0;

    for (size_t i = 0; i < 8; i++)
        b[i] = (unsigned char)((uint64_t)value >> (8 * (7 - i)) & 0xff);
    while (skip < 7 &&
           ((b[skip] == 0 && b[skip + 1] < 0x80) || (b[skip] == 0xff && b[skip + 1] >= 0x80)))
        skip++;
    cmpsrv_derw_put(w, DER_INTEGER, cmpsrv_slice(b + skip, 8 - skip));
}

void cmpsrv_derw_uint_octets(CMPSRV_DERW *w, const unsigned char *p, size_t n)
{
    unsigned char *o;
    int pad;

    while (n > 1 && p[0] == 0) {
        p++;
        n--;
    }
    pad = n == 0 || (p[0] & 0x80) != 0;
    cmpsrv_derw_begin(w, DER_INTEGER);
    if ((o = grow(w, n + (size_t)pad)) != NULL) {
        o[0] = 0;
        memcpy(o + pad, p, n);
    }
    cmpsrv_derw_end(w);
}

void cmpsrv_derw_bits(CMPSRV_DERW *w, CMPSRV_SLICE octets)
{
    cmpsrv_derw_begin(w, DER_BIT_STRING);
    cmpsrv_derw_raw(w, cmpsrv_slice("", 1));
    cmpsrv_derw_raw(w, octets);
    cmpsrv_derw_end(w);
}

void cmpsrv_derw_named_bits(CMPSRV_DERW *w, uint64_t bits)
{
    unsigned char b[9] = {0};
    size_t n = 1;

    for (unsigned i = 0; i < 64; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        b[1 + i / 8] |= (unsigned char)(0x80 >> (i % 8));
        n = 2 + i / 8;
        b[0] = (unsigned char)(7 - i % 8);
    }
    cmpsrv_derw_put(w, DER_BIT_STRING, cmpsrv_slice(b, n));
}

void cmpsrv_derw_utf8(CMPSRV_DERW *w, const char *text)
{
    cmpsrv_derw_put(w, DER_UTF8STRING, cmpsrv_slice_str(text));
}

void cmpsrv_derw_null(CMPSRV_DERW *w)
{
    cmpsrv_derw_put(w, DER_NULL, cmpsrv_slice("", 0));
}

void cmpsrv_derw_oid(CMPSRV_DERW *w, CMPSRV_SLICE oid)
{
    cmpsrv_derw_put(w, DER_OID, oid);
}

void cmpsrv_derw_oid_text(CMPSRV_DERW *w, const char *dotted)
{
    ASN1_OBJECT *o = OBJ_txt2obj(dotted, 1);

    if (o == NULL)
        w->failed = 1;
    else
        cmpsrv_derw_oid(w, cmpsrv_slice(OBJ_get0_data(o), OBJ_length(o)));
    ASN1_OBJECT_free(o);
}

void cmpsrv_derw_generalized_time(CMPSRV_DERW *w, int64_t ms)
{
    char t[16];

    if (!cmpsrv_time_to_generalized(ms, t))
        w->failed = 1;
    else
        cmpsrv_derw_put(w, DER_GENERALIZEDTIME, cmpsrv_slice(t, 15));
}

void cmpsrv_derw_time(CMPSRV_DERW *w, int64_t ms)
{
    char t[16];

    if (!cmpsrv_time_to_generalized(ms, t))
        w->failed = 1;
    else if (memcmp(t, "1950", 4) >= 0 && memcmp(t, "2050", 4) < 0)
        cmpsrv_derw_put(w, DER_UTCTIME, cmpsrv_slice(t + 2, 13));
    else
        cmpsrv_derw_put(w, DER_GENERALIZEDTIME, cmpsrv_slice(t, 15));
}

int cmpsrv_derw_finish(CMPSRV_DERW *w, CMPSRV_BYTES *out)
{
    if (w->failed || w->depth != 0) {
        cmpsrv_derw_clear(w);
        return 0;
    }
    OPENSSL_free(out->p);
    out->p = w->p;
    out->n = w->n;
    memset(w, 0, sizeof(*w));
    return 1;
}

void cmpsrv_derw_clear(CMPSRV_DERW *w)
{
    OPENSSL_free(w->p);
    memset(w, 0, sizeof(*w));
}
