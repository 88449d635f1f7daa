/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show: a CMP message in words. Tables of the ASN.1 types say what each element is called and how
 * it reads; one walker reads the octets by them and writes text or JSON. Made for messages that are
 * wrong, too: it goes as far as it can and says where the damage is. Knows nothing of the server.
 */
#ifndef CMPSRV_SHOW_H
#define CMPSRV_SHOW_H

#include "base/base.h"

/*
 * Appends the PKIMessage in `der` to *out: as text, lines of "name: value", indented; as JSON (json
 * not 0), one object. Offsets of damage count from the start of `der`. Returns how many places are
 * damaged: 0 is a message in DER by RFC 9810's ASN.1, as far as it is known here (an unknown OID is
 * no damage; neither is a wrong protection, which takes a secret to see).
 */
size_t cmpsrv_show_message(CMPSRV_SLICE der, int json, CMPSRV_JSON *out);

#endif
