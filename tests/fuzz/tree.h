/* SPDX-License-Identifier: Apache-2.0 */
/* DER with one element replaced and the lengths around it mended: for mutators. */
#ifndef CMPSRV_FUZZ_TREE_H
#define CMPSRV_FUZZ_TREE_H

#include "wire/der.h"

/* How many elements are in there, constructed ones and what is in them counted. */
size_t tree_count(CMPSRV_SLICE der);
/* The element with that number, from 0 on in the order of their octets; absent if there is none. */
CMPSRV_SLICE tree_get(CMPSRV_SLICE der, size_t i);
/* `der` with the element that is at `at` (from tree_get) replaced by any octets. 1/0. */
int tree_replace(CMPSRV_SLICE der, CMPSRV_SLICE at, CMPSRV_SLICE by, CMPSRV_BYTES *out);

#endif
