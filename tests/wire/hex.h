/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs as hex text, and elements around them, for the tests of wire. */
#ifndef CMPSRV_TEST_WIRE_HEX_H
#define CMPSRV_TEST_WIRE_HEX_H

#include <string.h>

#include "test.h"
#include "wire/der.h"

#include <openssl/crypto.h>

/* Octets of hex text; blanks are skipped. The caller clears them. */
static inline CMPSRV_BYTES from_hex(const char *text)
{
    size_t n = strlen(text), o = 0;
    char *digits = OPENSSL_malloc(n + 1);
    CMPSRV_BYTES b = {OPENSSL_malloc(n / 2 + 1), 0};

    CU_ASSERT_FATAL(digits != NULL && b.p != NULL);
    for (; *text != 0; text++)
        if (*text != ' ')
            digits[o++] = *text;
    digits[o] = 0;
    b.n = cmpsrv_unhex(digits, b.p, n / 2 + 1);
    CU_ASSERT_EQUAL_FATAL(b.n, o / 2);
    OPENSSL_free(digits);
    return b;
}

static inline void put_hex(CMPSRV_DERW *w, const char *text)
{
    CMPSRV_BYTES b = from_hex(text);

    cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&b));
    cmpsrv_bytes_clear(&b);
}

/* One element with that tag around the concatenation of a and b (hex). */
static inline CMPSRV_BYTES element(int tag, const char *a, const char *b)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {NULL, 0};

    cmpsrv_derw_begin(&w, tag);
    put_hex(&w, a);
    put_hex(&w, b);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static inline int is_hex(CMPSRV_SLICE s, const char *text)
{
    CMPSRV_BYTES b = from_hex(text);
    int same = s.p != NULL && s.n == b.n && (s.n == 0 || memcmp(s.p, b.p, s.n) == 0);

    cmpsrv_bytes_clear(&b);
    return same;
}

/* A copy in a block of exactly its size, so that a sanitizer sees every octet read past the end. */
static inline unsigned char *exact(CMPSRV_SLICE s)
{
    unsigned char *p = malloc(s.n > 0 ? s.n : 1);

    CU_ASSERT_FATAL(p != NULL);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

#endif
