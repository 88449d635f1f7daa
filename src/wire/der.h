/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER, both ways, without allocation on the way in. The reader walks slices of the received buffer;
 * the writer appends to one growing buffer. X.690 DER only: definite minimal lengths, minimal
 * integers, low tag numbers (CMP and X.509 need no others).
 */
#ifndef CMPSRV_DER_H
#define CMPSRV_DER_H

#include "base/base.h"

/* Identifier octets. */
enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8STRING = 0x0c,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_PRINTABLESTRING = 0x13,
    DER_T61STRING = 0x14,
    DER_IA5STRING = 0x16,
    DER_UTCTIME = 0x17,
    DER_GENERALIZEDTIME = 0x18,
    DER_UNIVERSALSTRING = 0x1c,
    DER_BMPSTRING = 0x1e
};
#define DER_CONTEXT(n) (0x80 | (n)) /* [n] primitive, IMPLICIT */
#define DER_CONTEXT_CONSTRUCTED(n)                                                                 \
    (0xa0 | (n)) /* [n] constructed: EXPLICIT, or IMPLICIT of a SEQUENCE */

/* ---- reading: each takes from the front of *in; 1, or 0 with *in unchanged --------------------
 */

/* The next element of any type: its identifier octet, all of it, and its content. Outputs may be
 * NULL. */
int cmpsrv_der_any(CMPSRV_SLICE *in, int *tag, CMPSRV_SLICE *tlv, CMPSRV_SLICE *content);
/* The next element, which must have that identifier octet. */
int cmpsrv_der_get(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *content);
/* The same, giving the whole TLV. */
int cmpsrv_der_get_tlv(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *tlv);
/* The next element if it has that identifier octet, else an absent slice. 0 only if it is damaged.
 */
int cmpsrv_der_opt(CMPSRV_SLICE *in, int tag, CMPSRV_SLICE *content);
/* Identifier octet of the next element, or -1 at the end. */
int cmpsrv_der_peek(CMPSRV_SLICE in);
/* INTEGER in the range of int64_t. */
int cmpsrv_der_get_int64(CMPSRV_SLICE *in, int64_t *value);
/* The value of INTEGER content octets (already checked to be minimal), if it fits. */
int cmpsrv_der_int64(CMPSRV_SLICE content, int64_t *value);
/* BIT STRING with 0 unused bits; gives the octets. */
int cmpsrv_der_get_octet_bits(CMPSRV_SLICE *in, CMPSRV_SLICE *octets);
/* Time ::= CHOICE { UTCTime, GeneralizedTime } as ms UTC. */
int cmpsrv_der_get_time(CMPSRV_SLICE *in, int64_t *ms);
/* AlgorithmIdentifier: its OID content, and its parameters' TLV (absent slice: none). */
int cmpsrv_der_get_algid(CMPSRV_SLICE *in, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters);

/* Dotted text of OID content octets ("1.2.840.113549"), for logs. Returns out; "?" if it is none.
 */
char *cmpsrv_der_oid_text(CMPSRV_SLICE oid, char *out, size_t size);

/*
 * Walks all of `in`, which must be exactly one element, and everything constructed in it: minimal
 * definite lengths, low tags, BOOLEAN 00/FF, minimal INTEGER, NULL empty, BIT STRING padding zero,
 * no element past its parent. Without recursion. 1, or 0 with *why BAD_DATA_FORMAT, or
 * LIMIT_EXCEEDED when nesting exceeds max_depth or the number of elements max_elements; names the
 * offset.
 */
int cmpsrv_der_check(CMPSRV_SLICE in, size_t max_depth, size_t max_elements, CMPSRV_REFUSAL *why);

/* ---- writing ----------------------------------------------------------------------------------
 */

/* A growing buffer. Start with {0}. After any failure `failed` stays set and every call is a no-op,
 * so a builder checks once, at the end. */
typedef struct {
    unsigned char *p;
    size_t n, cap;
    int failed;
    struct {
        size_t start; /* offset of the content */
    } open[24];
    size_t depth;
} CMPSRV_DERW;

void cmpsrv_derw_raw(CMPSRV_DERW *w, CMPSRV_SLICE tlv);              /* as it is */
void cmpsrv_derw_put(CMPSRV_DERW *w, int tag, CMPSRV_SLICE content); /* one element */
void cmpsrv_derw_begin(CMPSRV_DERW *w, int tag);                     /* constructed: ... */
void cmpsrv_derw_end(CMPSRV_DERW *w);                                /* ... until here */
void cmpsrv_derw_int64(CMPSRV_DERW *w, int64_t value);
void cmpsrv_derw_uint_octets(CMPSRV_DERW *w, const unsigned char *p,
                             size_t n);                     /* big-endian, unsigned */
void cmpsrv_derw_bits(CMPSRV_DERW *w, CMPSRV_SLICE octets); /* BIT STRING, 0 unused bits */
/* BIT STRING with named bits: bit 0 is the most significant of `bits` counted as 1 << 0; trailing
 * zeros dropped. */
void cmpsrv_derw_named_bits(CMPSRV_DERW *w, uint64_t bits);
void cmpsrv_derw_utf8(CMPSRV_DERW *w, const char *text);
void cmpsrv_derw_null(CMPSRV_DERW *w);
void cmpsrv_derw_oid(CMPSRV_DERW *w, CMPSRV_SLICE oid); /* content octets */
void cmpsrv_derw_oid_text(CMPSRV_DERW *w, const char *dotted);
void cmpsrv_derw_time(CMPSRV_DERW *w, int64_t ms); /* RFC 5280: UTCTime till 2049 */
void cmpsrv_derw_generalized_time(CMPSRV_DERW *w, int64_t ms);
/* Ends: moves the buffer to *out. 1, or 0 if anything failed or is still open (the buffer is
 * freed). */
int cmpsrv_derw_finish(CMPSRV_DERW *w, CMPSRV_BYTES *out);
void cmpsrv_derw_clear(CMPSRV_DERW *w);

/* OID content octets as a slice constant: DER_OID_SLICE("\x2a\x86..."). */
#define DER_OID_SLICE(octets) ((CMPSRV_SLICE){(const unsigned char *)(octets), sizeof(octets) - 1})

#endif
