/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of wire share among themselves and show to nobody else: checks of the ASN.1 types
 * that occur in more than one message.
 */
#ifndef CMPSRV_WIRE_LOCAL_H
#define CMPSRV_WIRE_LOCAL_H

#include "wire/wire.h"

/* ---- algid.c */

/*
 * The next element must be an AlgorithmIdentifier (else BAD_DATA_FORMAT) whose parameters have the
 * type that its OID asks for (else BAD_ALG; unknown OIDs may have any). Gives its TLV. `what` is
 * the field's name for the log. 1/0.
 */
int cmpsrv_algid_get(CMPSRV_SLICE *in, const char *what, CMPSRV_SLICE *tlv, CMPSRV_REFUSAL *why);

/* ---- general_name.c */

/* The next element must be SEQUENCE OF SET (1..) OF SEQUENCE { OID, ANY }; gives its TLV. 1/0. */
int cmpsrv_name_get_tlv(CMPSRV_SLICE *in, CMPSRV_SLICE *name);
/* The next element must be a GeneralName of the right shape; gives its TLV, and in *dn the Name TLV
 * if it is a directoryName, else an absent slice. 1/0. */
int cmpsrv_general_name_get_tlv(CMPSRV_SLICE *in, CMPSRV_SLICE *tlv, CMPSRV_SLICE *dn);

/* ---- crmf.c */

/* A certReqId: BAD_DATA_FORMAT if there is no INTEGER, BAD_CERT_REQ_ID if it does not fit. 1/0. */
int cmpsrv_cert_req_id_get(CMPSRV_SLICE *in, int64_t *id, CMPSRV_REFUSAL *why);
/* Content of a CertTemplate into the template's fields of *out. 1/0. */
int cmpsrv_template_parse(CMPSRV_SLICE content, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why);

/* ---- protect_mac.c */

/* Whether `mac` is the MAC over those octets; compares in constant time. 1, or 0 with *why. */
int cmpsrv_mac_check(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE data, CMPSRV_SLICE mac, int *same,
                     CMPSRV_REFUSAL *why);

/* ---- sha256_loop.c */

/* Whether the loop below may stand in for SHA-256 of the providers. */
int cmpsrv_sha256_may_loop(void);
/* k = SHA-256(k), so many times. 1/0. */
int cmpsrv_sha256_loop(unsigned char k[CMPSRV_HASH], int64_t times);

/* ---- extension.c */

/*
 * Content of an Extensions SEQUENCE: at least one (BAD_DATA_FORMAT), at most 64 (LIMIT_EXCEEDED),
 * each well-formed (BAD_DATA_FORMAT), no OID twice and no encoded DEFAULT (`reason`). 1/0.
 */
int cmpsrv_extensions_check(CMPSRV_SLICE content, CMPSRV_REASON reason, CMPSRV_REFUSAL *why);

#endif
