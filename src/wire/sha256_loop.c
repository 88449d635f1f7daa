/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 applied over and over, for PasswordBasedMac (RFC 9810 5.1.3.1), by OpenSSL's low-level
 * functions: EVP takes OpenSSL 3.0 close to three times as long, because each EVP_DigestInit_ex2()
 * makes its state anew. These functions are deprecated, so they are used in this file alone, and
 * not where the application wants FIPS algorithms. Called by protect_mac.c.
 */
#undef OPENSSL_NO_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"

#include <string.h>

#include <arpa/inet.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "wire/wire_local.h"

int cmpsrv_sha256_may_loop(void)
{
    return !EVP_default_properties_is_fips_enabled(NULL);
}

/* FIPS 180-4 5.1.1 and 6.2: 32 octets are one block with their padding, so each time is one call of
 * the compression function from the initial state. SHA256_Final() builds and wipes the block anew
 * each time, which is a sixth of it. */
int cmpsrv_sha256_loop(unsigned char k[CMPSRV_HASH], int64_t times)
{
    unsigned char block[SHA256_CBLOCK] = {0};
    SHA256_CTX start, c;
    uint32_t word;

    if (!SHA256_Init(&start))
        return 0;
    c = start;
    memcpy(block, k, CMPSRV_HASH);
    block[CMPSRV_HASH] = 0x80;
    block[SHA256_CBLOCK - 2] = CMPSRV_HASH * 8 >> 8; /* length in bits */
    for (; times > 0; times--) {
        memcpy(c.h, start.h, sizeof(c.h));
        SHA256_Transform(&c, block);
        for (size_t i = 0; i < CMPSRV_HASH / 4; i++) {
            word = htonl(c.h[i]);
            memcpy(block + 4 * i, &word, 4);
        }
    }
    memcpy(k, block, CMPSRV_HASH);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&c, sizeof(c));
    return 1;
}
