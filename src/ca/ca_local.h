/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ca share with each other and nobody else. */
#ifndef CMPSRV_CA_LOCAL_H
#define CMPSRV_CA_LOCAL_H

#include <sys/types.h>

#include "ca/ca.h"

#define CA_SERIAL      20 /* octets of the serials we make: */
#define CA_SERIAL_TIME 5  /* when, then random ones */
#define CA_KEY_ID      20 /* SHA-1, RFC 5280 4.2.1.2 method 1 */

/* Key identifier of a SubjectPublicKeyInfo TLV: SHA-1 of the BIT STRING's octets. 1/0. */
int cmpsrv_ca_key_id(CMPSRV_SLICE spki, unsigned char out[CA_KEY_ID], CMPSRV_REFUSAL *why);
/* The time and 120 random bits: positive, the first octet never zero, so that always 20 octets go
 * out. 1/0. */
int cmpsrv_ca_new_serial(unsigned char out[CA_SERIAL], CMPSRV_REFUSAL *why);
/* One Extension; value is what goes inside the OCTET STRING, its writer is emptied. */
void cmpsrv_ca_extension(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_DERW *value);
/* AuthorityKeyIdentifier with the issuer's key identifier, as an Extension. */
void cmpsrv_ca_aki(CMPSRV_DERW *w, const CMPSRV_CA *ca);
/* SEQUENCE { tbs, the CA's AlgorithmIdentifier, signature }: a Certificate or CertificateList. */
int cmpsrv_ca_sign(const CMPSRV_CA *ca, CMPSRV_SLICE tbs, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);

/* Writes a file whole and syncs it; flags: O_EXCL or O_TRUNC. What it made is removed if it cannot
 * be finished. 1/0. */
int cmpsrv_ca_write_file(const char *path, int flags, mode_t mode, CMPSRV_SLICE data,
                         CMPSRV_REFUSAL *why);

#endif
