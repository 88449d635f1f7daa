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

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "wire/wire_local.h"

int cmpsrv_sha256_may_loop(void)
{
    return !EVP_default_properties_is_fips_enabled(NULL);
}

int cmpsrv_sha256_loop(unsigned char k[CMPSRV_HASH], int64_t times)
{
    SHA256_CTX start, c;
    int ok = SHA256_Init(&start);

    for (; ok && times > 0; times--) {
        c = start;
        ok = SHA256_Update(&c, k, CMPSRV_HASH) && SHA256_Final(k, &c);
    }
    OPENSSL_cleanse(&c, sizeof(c));
    return ok;
}
