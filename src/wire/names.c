/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as DER: shape and limits, the canonical form for comparison, its hash. Names
 * as text are in names_text.c. `Deviation:` of RFC 5280 7.1: ASCII case folding only.
 */
#include "config.h"

#include "wire/names_local.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

enum { MAX_RDNS = 32, MAX_OCTETS = 4096, MAX_ATTRIBUTES = 64 };

static int bad_name(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name: %s", what);
}

/* ---- string types to UTF-8
 * ------------------------------------------------------------------------- */

/* One code point from UTF-8, strictly (no overlong forms, no surrogates). */
static int next_utf8(CMPSRV_SLICE *in, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = in->p[0];
    size_t n = c < 0x80             ? 1
               : (c & 0xe0) == 0xc0 ? 2
               : (c & 0xf0) == 0xe0 ? 3
               : (c & 0xf8) == 0xf0 ? 4
                                    : 0;

    if (n == 0 || in->n < n)
        return 0;
    *cp = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((in->p[i] & 0xc0) != 0x80)
            return 0;
        *cp = *cp << 6 | (in->p[i] & 0x3f);
    }
    in->p += n;
    in->n -= n;
    return *cp >= least[n] && *cp <= 0x10ffff && (*cp < 0xd800 || *cp > 0xdfff);
}

/* One code point from big-endian units of `unit` octets (1: Latin-1, 2: UCS-2, 4: UCS-4). */
static int next_unit(CMPSRV_SLICE *in, size_t unit, uint32_t *cp)
{
    if (in->n < unit)
        return 0;
    *cp = 0;
    for (size_t i = 0; i < unit; i++)
        *cp = *cp << 8 | in->p[i];
    in->p += unit;
    in->n -= unit;
    return *cp <= 0x10ffff && (*cp < 0xd800 || *cp > 0xdfff);
}

static int next_code_point(int tag, CMPSRV_SLICE *in, uint32_t *cp)
{
    switch (tag) {
    case DER_UTF8STRING:
        return next_utf8(in, cp);
    case DER_T61STRING:
        return next_unit(in, 1, cp);
    case DER_BMPSTRING:
        return next_unit(in, 2, cp);
    case DER_UNIVERSALSTRING:
        return next_unit(in, 4, cp);
    case DER_PRINTABLESTRING:
    case DER_IA5STRING:
        return next_unit(in, 1, cp) && *cp < 0x80;
    default:
        return 0;
    }
}

static size_t put_utf8(uint32_t cp, unsigned char out[4])
{
    if (cp < 0x80) {
        out[0] = (unsigned char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (unsigned char)(0xc0 | cp >> 6);
        out[1] = (unsigned char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (unsigned char)(0xe0 | cp >> 12);
        out[1] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | cp >> 18);
    out[1] = (unsigned char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (cp & 0x3f));
    return 4;
}

static int is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* Writes the value as UTF-8 (out may be NULL: check only); at most 4 octets a code point. */
static int to_utf8(int tag, CMPSRV_SLICE value, unsigned char *out, size_t *n)
{
    uint32_t cp;

    *n = 0;
    while (value.n > 0) {
        unsigned char octets[4];
        size_t len;

        if (!next_code_point(tag, &value, &cp) || is_control(cp))
            return 0;
        len = put_utf8(cp, octets);
        if (out != NULL)
            memcpy(out + *n, octets, len);
        *n += len;
    }
    return 1;
}

int cmpsrv_name_value(const CMPSRV_NAME_ATTRIBUTE *a, CMPSRV_BYTES *out)
{
    unsigned char *buf = OPENSSL_malloc(a->value.n * 4 + 1);
    size_t n;

    if (buf == NULL || !to_utf8(a->tag, a->value, buf, &n)) {
        OPENSSL_free(buf);
        return 0;
    }
    buf[n] = '\0';
    out->p = buf;
    out->n = n;
    return 1;
}

/* ---- walking
 * --------------------------------------------------------------------------------------------- */

int cmpsrv_name_start(CMPSRV_SLICE name, CMPSRV_NAME_WALK *w)
{
    memset(w, 0, sizeof(*w));
    return cmpsrv_der_get(&name, DER_SEQUENCE, &w->rdns) && name.n == 0;
}

int cmpsrv_name_next(CMPSRV_NAME_WALK *w, CMPSRV_NAME_ATTRIBUTE *out)
{
    CMPSRV_SLICE seq;

    if (w->rdn.n == 0) {
        if (w->rdns.n == 0)
            return 0;
        if (!cmpsrv_der_get(&w->rdns, DER_SET, &w->rdn) || w->rdn.n == 0)
            return -1;
        w->index++;
    }
    if (!cmpsrv_der_get(&w->rdn, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OID, &out->type) || out->type.n == 0 ||
        !cmpsrv_der_any(&seq, &out->tag, NULL, &out->value) || seq.n > 0)
        return -1;
    out->rdn = w->index;
    return 1;
}

int cmpsrv_name_check(CMPSRV_SLICE name, CMPSRV_REFUSAL *why)
{
    CMPSRV_NAME_WALK w;
    CMPSRV_NAME_ATTRIBUTE a;
    size_t n, attributes = 0;
    int more;

    if (name.n > MAX_OCTETS)
        return bad_name(why, "longer than 4096 octets");
    if (!cmpsrv_name_start(name, &w))
        return bad_name(why, "no SEQUENCE of RDNs");
    while ((more = cmpsrv_name_next(&w, &a)) == 1) {
        if (w.index > MAX_RDNS || ++attributes > MAX_ATTRIBUTES)
            return bad_name(why, "more than 32 RDNs or 64 attributes");
        if (a.value.n == 0)
            return bad_name(why, "an empty attribute value");
        if (!to_utf8(a.tag, a.value, NULL, &n))
            return bad_name(
                why, "an attribute value that is no string, or has NUL or control characters");
    }
    return more == 0 || bad_name(why, "a damaged RDN");
}

int cmpsrv_name_is_empty(CMPSRV_SLICE name)
{
    CMPSRV_NAME_WALK w;

    return cmpsrv_name_start(name, &w) && w.rdns.n == 0;
}

/* ---- canonical form
 * -------------------------------------------------------------------------------------- */

/* Folds ASCII case, drops white space at the ends, collapses runs of it; in place. */
static void fold(CMPSRV_BYTES *v)
{
    size_t o = 0;
    int space = 0;

    for (size_t i = 0; i < v->n; i++) {
        unsigned char c = v->p[i];

        if (c == ' ') {
            space = o > 0;
            continue;
        }
        if (space)
            v->p[o++] = ' ';
        space = 0;
        v->p[o++] = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
    }
    v->n = o;
}

static int compare_bytes(const void *a, const void *b)
{
    const CMPSRV_BYTES *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = memcmp(x->p, y->p, n);

    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

/* SEQUENCE { type, OCTET STRING folded value }, which sorts and cannot be read in two ways. */
static int canonical_attribute(const CMPSRV_NAME_ATTRIBUTE *a, CMPSRV_BYTES *out)
{
    CMPSRV_BYTES value = {0};
    CMPSRV_DERW w = {0};
    int ok;

    if (!cmpsrv_name_value(a, &value))
        return 0;
    fold(&value);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, a->type);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_bytes_slice(&value));
    cmpsrv_derw_end(&w);
    ok = cmpsrv_derw_finish(&w, out);
    cmpsrv_bytes_clear(&value);
    return ok;
}

/* Writes the attributes of one RDN sorted, and forgets them. */
static void flush_rdn(CMPSRV_DERW *w, CMPSRV_BYTES *rdn, size_t *n)
{
    if (*n == 0)
        return;
    qsort(rdn, *n, sizeof(*rdn), compare_bytes);
    cmpsrv_derw_begin(w, DER_SET);
    for (size_t i = 0; i < *n; i++) {
        cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&rdn[i]));
        cmpsrv_bytes_clear(&rdn[i]);
    }
    cmpsrv_derw_end(w);
    *n = 0;
}

int cmpsrv_name_canonical(CMPSRV_SLICE name, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES rdn[MAX_ATTRIBUTES] = {{0}};
    CMPSRV_NAME_WALK walk;
    CMPSRV_NAME_ATTRIBUTE a;
    CMPSRV_DERW w = {0};
    size_t n = 0, index = 0;

    if (!cmpsrv_name_check(name, why) || !cmpsrv_name_start(name, &walk))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    while (cmpsrv_name_next(&walk, &a) == 1) {
        if (a.rdn != index)
            flush_rdn(&w, rdn, &n);
        index = a.rdn;
        if (!canonical_attribute(&a, &rdn[n++]))
            w.failed = 1;
    }
    flush_rdn(&w, rdn, &n);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

int cmpsrv_name_hash(CMPSRV_SLICE name, unsigned char out[CMPSRV_HASH], CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES canonical = {0};
    int ok;

    if (!cmpsrv_name_canonical(name, &canonical, why))
        return 0;
    ok = cmpsrv_sha256(cmpsrv_bytes_slice(&canonical), out);
    cmpsrv_bytes_clear(&canonical);
    return ok || cmpsrv_fail(why, "cannot hash a name");
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
