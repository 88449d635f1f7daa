/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as DER: shape, limits, canonical form, equality. What a Name means is decided
 * here once, for every string type, so that two encodings of one name never get two answers. Text
 * is in names_text.c.
 */
#include "config.h"

#include "wire/names.h"

#include <string.h>

/* ---- string types ------------------------------------------------------------------------------
 */

static int ascii_char(CMPSRV_SLICE *in, uint32_t *c)
{
    *c = *in->p++;
    in->n--;
    return *c < 0x80;
}

/* T.61 was never used as T.61; what is in certificates under this tag is Latin-1. */
static int latin1_char(CMPSRV_SLICE *in, uint32_t *c)
{
    *c = *in->p++;
    in->n--;
    return 1;
}

static int is_scalar(uint32_t c)
{
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static int wide_char(CMPSRV_SLICE *in, size_t octets, uint32_t *c)
{
    if (in->n < octets)
        return 0;
    *c = 0;
    for (size_t i = 0; i < octets; i++)
        *c = *c << 8 | in->p[i];
    in->p += octets;
    in->n -= octets;
    return is_scalar(*c);
}

static int bmp_char(CMPSRV_SLICE *in, uint32_t *c)
{
    return wide_char(in, 2, c);
}

static int universal_char(CMPSRV_SLICE *in, uint32_t *c)
{
    return wide_char(in, 4, c);
}

/* RFC 3629: shortest form only, no surrogates, nothing above U+10FFFF. */
static int utf8_char(CMPSRV_SLICE *in, uint32_t *c)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char b = in->p[0];
    size_t more = b < 0x80 ? 0 : (b & 0xe0) == 0xc0 ? 1 : (b & 0xf0) == 0xe0 ? 2 : 3;

    if ((b >= 0x80 && b < 0xc0) || b >= 0xf8 || in->n < 1 + more)
        return 0;
    *c = more == 0 ? b : b & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((in->p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (in->p[i] & 0x3f);
    }
    in->p += 1 + more;
    in->n -= 1 + more;
    return *c >= least[more] && is_scalar(*c);
}

static const struct {
    int tag;
    int (*next)(CMPSRV_SLICE *in, uint32_t *c);
} string_types[] = {
    {DER_UTF8STRING, utf8_char},  {DER_PRINTABLESTRING, ascii_char},
    {DER_IA5STRING, ascii_char},  {DER_BMPSTRING, bmp_char},
    {DER_T61STRING, latin1_char}, {DER_UNIVERSALSTRING, universal_char},
};

int cmpsrv_name_char(int tag, CMPSRV_SLICE *in, uint32_t *c)
{
    if (in->n == 0)
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(string_types); i++)
        if (string_types[i].tag == tag)
            return string_types[i].next(in, c);
    return 0;
}

void cmpsrv_name_put_char(CMPSRV_DERW *w, uint32_t c)
{
    unsigned char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        b[i] = (unsigned char)(0x80 | (c & 0x3f));
    b[0] = (unsigned char)(lead[n] | c);
    cmpsrv_derw_raw(w, cmpsrv_slice(b, n));
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static int is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

static int check_value(const CMPSRV_NAME_ATTR *a, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE rest = a->value;
    uint32_t c;
    char oid[64];

    if (rest.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "RFC 5280 4.1.2.4: empty value of %s",
                             cmpsrv_der_oid_text(a->type, oid, sizeof(oid)));
    while (rest.n > 0) {
        if (!cmpsrv_name_char(a->tag, &rest, &c))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME,
                                 "RFC 5280 4.1.2.4: value of %s is no string of its type %02x",
                                 cmpsrv_der_oid_text(a->type, oid, sizeof(oid)), (unsigned)a->tag);
        if (is_control(c))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME,
                                 "control character U+%04X in the value of %s", (unsigned)c,
                                 cmpsrv_der_oid_text(a->type, oid, sizeof(oid)));
    }
    return 1;
}

/* X.690 8.19: the last subidentifier ends, none begins with a zero digit. */
static int is_oid(CMPSRV_SLICE oid)
{
    int first = 1;

    for (size_t i = 0; i < oid.n; i++) {
        if (first && oid.p[i] == 0x80)
            return 0;
        first = (oid.p[i] & 0x80) == 0;
    }
    return oid.n > 0 && first;
}

/* One RelativeDistinguishedName: content of the SET. */
static int read_rdn(CMPSRV_SLICE set, CMPSRV_NAME_ATTRS *out, CMPSRV_REFUSAL *why)
{
    if (set.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "RFC 5280 4.1.2.4: empty RDN");
    while (set.n > 0) {
        CMPSRV_NAME_ATTR *a = &out->v[out->n];
        CMPSRV_SLICE seq;

        if (out->n == CMPSRV_NAME_MAX_ATTRS)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name of more than %d attributes",
                                 CMPSRV_NAME_MAX_ATTRS);
        if (!cmpsrv_der_get(&set, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_OID, &a->type) ||
            !is_oid(a->type) || !cmpsrv_der_any(&seq, &a->tag, NULL, &a->value) || seq.n > 0)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME,
                                 "RFC 5280 4.1.2.4: damaged AttributeTypeAndValue");
        if (!check_value(a, why))
            return 0;
        a->rdn = out->rdns;
        out->n++;
    }
    out->rdns++;
    return 1;
}

int cmpsrv_name_read(CMPSRV_SLICE name, CMPSRV_NAME_ATTRS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE rdns, set;

    out->n = out->rdns = 0;
    if (name.n > CMPSRV_NAME_MAX_SIZE)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name of %zu octets, at most %d", name.n,
                             CMPSRV_NAME_MAX_SIZE);
    if (!cmpsrv_der_get(&name, DER_SEQUENCE, &rdns) || name.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "RFC 5280 4.1.2.4: not a Name");
    while (rdns.n > 0) {
        if (out->rdns == CMPSRV_NAME_MAX_RDNS)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name of more than %d RDNs",
                                 CMPSRV_NAME_MAX_RDNS);
        if (!cmpsrv_der_get(&rdns, DER_SET, &set))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "RFC 5280 4.1.2.4: damaged RDN");
        if (!read_rdn(set, out, why))
            return 0;
    }
    return 1;
}

int cmpsrv_name_check(CMPSRV_SLICE name, CMPSRV_REFUSAL *why)
{
    CMPSRV_NAME_ATTRS attrs;

    return cmpsrv_name_read(name, &attrs, why);
}

int cmpsrv_name_is_empty(CMPSRV_SLICE name)
{
    return cmpsrv_slice_eq(name, DER_OID_SLICE("\x30\x00"));
}

/* ---- building ----------------------------------------------------------------------------------
 */

int cmpsrv_name_piece_begin(CMPSRV_NAME_PIECES *pieces, size_t rdn)
{
    if (pieces->n == CMPSRV_NAME_MAX_ATTRS)
        return 0;
    pieces->v[pieces->n].rdn = rdn;
    pieces->v[pieces->n].start = pieces->w.n;
    cmpsrv_derw_begin(&pieces->w, DER_SEQUENCE);
    return 1;
}

void cmpsrv_name_piece_end(CMPSRV_NAME_PIECES *pieces)
{
    cmpsrv_derw_end(&pieces->w);
    pieces->v[pieces->n].n = pieces->w.n - pieces->v[pieces->n].start;
    pieces->n++;
}

static CMPSRV_SLICE piece(const CMPSRV_NAME_PIECES *pieces, size_t i)
{
    return cmpsrv_slice(pieces->w.p + pieces->v[i].start, pieces->v[i].n);
}

/* X.690 11.6: compared as octet strings. No encoding is the beginning of another one. */
static int is_before(CMPSRV_SLICE a, CMPSRV_SLICE b)
{
    return memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) < 0;
}

/* Writes pieces from..to-1 as one SET. */
static void put_rdn(CMPSRV_DERW *w, const CMPSRV_NAME_PIECES *pieces, size_t from, size_t to)
{
    size_t order[CMPSRV_NAME_MAX_ATTRS], n = 0;

    for (size_t i = from; i < to; i++) {
        size_t at = n++;

        for (; at > 0 && is_before(piece(pieces, i), piece(pieces, order[at - 1])); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    cmpsrv_derw_begin(w, DER_SET);
    for (size_t i = 0; i < n; i++)
        cmpsrv_derw_raw(w, piece(pieces, order[i]));
    cmpsrv_derw_end(w);
}

int cmpsrv_name_assemble(CMPSRV_NAME_PIECES *pieces, int reverse, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};
    size_t starts[CMPSRV_NAME_MAX_ATTRS + 1], rdns = 0;

    if (pieces->w.failed)
        w.failed = 1;
    for (size_t i = 0; i < pieces->n; i++)
        if (i == 0 || pieces->v[i].rdn != pieces->v[i - 1].rdn)
            starts[rdns++] = i;
    starts[rdns] = pieces->n;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    for (size_t i = 0; i < rdns && !w.failed; i++) {
        size_t r = reverse ? rdns - 1 - i : i;

        put_rdn(&w, pieces, starts[r], starts[r + 1]);
    }
    cmpsrv_derw_end(&w);
    cmpsrv_derw_clear(&pieces->w);
    return cmpsrv_derw_finish(&w, out);
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

/* A value folded: ASCII case, spaces at the ends and in runs. */
static void put_folded(CMPSRV_DERW *w, const CMPSRV_NAME_ATTR *a)
{
    CMPSRV_SLICE rest = a->value;
    int started = 0, space = 0;
    uint32_t c;

    while (cmpsrv_name_char(a->tag, &rest, &c)) {
        if (c == ' ') {
            space = started;
            continue;
        }
        if (space)
            cmpsrv_name_put_char(w, ' ');
        cmpsrv_name_put_char(w, c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        started = 1;
        space = 0;
    }
}

/* The canonical form is itself a Name in DER, of folded UTF8Strings: lengths everywhere, so that no
 * two names share one. */
int cmpsrv_name_canonical(CMPSRV_SLICE name, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_NAME_PIECES pieces = {0};
    CMPSRV_NAME_ATTRS attrs;

    if (!cmpsrv_name_read(name, &attrs, why))
        return 0;
    for (size_t i = 0; i < attrs.n; i++) {
        cmpsrv_name_piece_begin(&pieces, attrs.v[i].rdn);
        cmpsrv_derw_oid(&pieces.w, attrs.v[i].type);
        cmpsrv_derw_begin(&pieces.w, DER_UTF8STRING);
        put_folded(&pieces.w, &attrs.v[i]);
        cmpsrv_derw_end(&pieces.w);
        cmpsrv_name_piece_end(&pieces);
    }
    return cmpsrv_name_assemble(&pieces, 0, out) || cmpsrv_fail(why, "out of memory");
}

int cmpsrv_name_hash(CMPSRV_SLICE name, unsigned char out[CMPSRV_HASH], CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES canonical = {0};
    int ok;

    if (!cmpsrv_name_canonical(name, &canonical, why))
        return 0;
    ok = cmpsrv_sha256(cmpsrv_bytes_slice(&canonical), out) || cmpsrv_fail(why, "cannot hash");
    cmpsrv_bytes_clear(&canonical);
    return ok;
}

int cmpsrv_name_eq(CMPSRV_SLICE a, CMPSRV_SLICE b)
{
    CMPSRV_BYTES x = {0}, y = {0};
    int equal = cmpsrv_name_canonical(a, &x, NULL) && cmpsrv_name_canonical(b, &y, NULL) &&
                cmpsrv_slice_eq(cmpsrv_bytes_slice(&x), cmpsrv_bytes_slice(&y));

    cmpsrv_bytes_clear(&x);
    cmpsrv_bytes_clear(&y);
    return equal;
}
