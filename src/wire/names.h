/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Name taken apart, and one put together from attributes: what names.c and names_text.c share,
 * and who merges names uses.
 */
#ifndef CMPSRV_WIRE_NAMES_H
#define CMPSRV_WIRE_NAMES_H

#include "wire/wire.h"

#define CMPSRV_NAME_MAX_RDNS  32
#define CMPSRV_NAME_MAX_ATTRS 64 /* in all RDNs together */
#define CMPSRV_NAME_MAX_SIZE  4096
#define CMPSRV_MAX_OID        64 /* content octets that we read from text */

/* AttributeTypeAndValue, RFC 5280 4.1.2.4. */
typedef struct {
    size_t rdn;        /* which RelativeDistinguishedName it is in, from 0 */
    CMPSRV_SLICE type; /* OID content octets */
    int tag;           /* string type of the value */
    CMPSRV_SLICE value;
} CMPSRV_NAME_ATTR;

typedef struct {
    CMPSRV_NAME_ATTR v[CMPSRV_NAME_MAX_ATTRS];
    size_t n, rdns;
} CMPSRV_NAME_ATTRS;

/* Takes a Name TLV apart and checks all that cmpsrv_name_check() promises. */
int cmpsrv_name_read(CMPSRV_SLICE name, CMPSRV_NAME_ATTRS *out, CMPSRV_REFUSAL *why);

/* A dotted OID to content octets, which are in buf. 1/0. */
int cmpsrv_oid_from_text(const char *dotted, unsigned char buf[CMPSRV_MAX_OID], CMPSRV_SLICE *oid);

/* The next character of a value that was read by cmpsrv_name_read(): 1, or 0 at its end or if it is
 * not of that string type. */
int cmpsrv_name_char(int tag, CMPSRV_SLICE *in, uint32_t *c);
/* Appends a character as UTF-8. */
void cmpsrv_name_put_char(CMPSRV_DERW *w, uint32_t c);

/* DER of AttributeTypeAndValues one after the other; the builder of a Name. Start with {0}. */
typedef struct {
    CMPSRV_DERW w;
    struct {
        size_t rdn, start, n;
    } v[CMPSRV_NAME_MAX_ATTRS];
    size_t n;
} CMPSRV_NAME_PIECES;

/* Begins and ends an element; between them the caller writes type and value to pieces->w. 0: too
 * many. RDN numbers must not go down. */
int cmpsrv_name_piece_begin(CMPSRV_NAME_PIECES *pieces, size_t rdn);
void cmpsrv_name_piece_end(CMPSRV_NAME_PIECES *pieces);
/* The Name, attributes of an RDN in the order of DER's SET OF (X.690 11.6), RDNs as numbered or the
 * other way round. Frees the pieces. 1, or 0 without memory. */
int cmpsrv_name_assemble(CMPSRV_NAME_PIECES *pieces, int reverse, CMPSRV_BYTES *out);

#endif
