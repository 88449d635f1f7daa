/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that this server knows about versions of OpenSSL. Asked of the library that is loaded, not of
 * the headers: a program built with 3.0 runs with 3.5.
 */
#include "config.h"

#include "server/server_local.h"

#include <openssl/crypto.h>

int cmpsrv_core_wants_key(void)
{
    unsigned major = OPENSSL_version_major(), minor = OPENSSL_version_minor();

    return major > 3 || (major == 3 && minor >= 5);
}
