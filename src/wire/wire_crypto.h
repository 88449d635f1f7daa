/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of wire that do cryptography share. */
#ifndef CMPSRV_WIRE_CRYPTO_H
#define CMPSRV_WIRE_CRYPTO_H

#include "wire/wire.h"

#include <openssl/evp.h>

/* libcrypto's object for a digest, NULL if there is none. */
const EVP_MD *cmpsrv_md_evp(unsigned md);
/* OID content octets, absent if there is none. */
CMPSRV_SLICE cmpsrv_md_oid(unsigned md);

#endif
