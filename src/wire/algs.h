/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of wire that name algorithms share among themselves; no other layer includes it.
 */
#ifndef CMPSRV_WIRE_ALGS_H
#define CMPSRV_WIRE_ALGS_H

#include "wire/wire.h"

/* OID content octets as an initializer in a static table, where C11 takes no compound literal. */
#define OID_INIT(octets)                                                                           \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

/* libcrypto's object for one CMPSRV_MD bit; static, NULL if unknown. */
const EVP_MD *cmpsrv_md_evp(unsigned md);
/* OID content octets of one CMPSRV_MD bit; absent if unknown. */
CMPSRV_SLICE cmpsrv_md_oid(unsigned md);

/* All of `tlv` is one AlgorithmIdentifier: its OID and parameters TLV (absent: p == NULL). 1/0. */
int cmpsrv_algid_read(CMPSRV_SLICE tlv, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters);
int cmpsrv_params_absent_or_null(CMPSRV_SLICE parameters);

/* Key type ("RSA", "EC", "ED25519", "ED448") that a signature AlgorithmIdentifier needs; static,
 * NULL if the algorithm is unknown. */
const char *cmpsrv_sig_key_type(CMPSRV_SLICE algid);

#endif
