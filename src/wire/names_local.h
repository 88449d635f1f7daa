/* SPDX-License-Identifier: Apache-2.0 */
/* What names.c and names_text.c share: walking the attributes of a Name. */
#ifndef CMPSRV_NAMES_LOCAL_H
#define CMPSRV_NAMES_LOCAL_H

#include "wire/wire.h"

typedef struct {
    CMPSRV_SLICE rdns, rdn; /* what is left */
    size_t index;           /* of the current RDN, from 1 */
} CMPSRV_NAME_WALK;

typedef struct {
    size_t rdn;         /* its RDN, from 1 */
    CMPSRV_SLICE type;  /* OID content octets */
    int tag;            /* of the value */
    CMPSRV_SLICE value; /* content octets */
} CMPSRV_NAME_ATTRIBUTE;

int cmpsrv_name_start(CMPSRV_SLICE name, CMPSRV_NAME_WALK *w); /* 1/0 */
int cmpsrv_name_next(CMPSRV_NAME_WALK *w,
                     CMPSRV_NAME_ATTRIBUTE *out); /* 1, 0 at the end, -1 damaged */
/* The value as UTF-8 with a NUL behind it; 0 if it is no string or has control characters. */
int cmpsrv_name_value(const CMPSRV_NAME_ATTRIBUTE *a, CMPSRV_BYTES *out);

#endif
