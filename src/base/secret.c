/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only owner of passwords and symmetric keys. What is in here is wiped when it goes; nobody
 * copies it into a log, an error or an argument list.
 */
#include "config.h"

#include "base/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

struct cmpsrv_secret_st {
    atomic_int refs;
    size_t n;
    unsigned char v[];
};

CMPSRV_SECRET *cmpsrv_secret_new(const void *p, size_t n)
{
    CMPSRV_SECRET *s = OPENSSL_malloc(sizeof(*s) + n + 1);

    if (s == NULL)
        return NULL;
    atomic_init(&s->refs, 1);
    s->n = n;
    if (n > 0)
        memcpy(s->v, p, n);
    s->v[n] = 0;
    return s;
}

CMPSRV_SECRET *cmpsrv_secret_up_ref(CMPSRV_SECRET *s)
{
    if (s != NULL)
        atomic_fetch_add(&s->refs, 1);
    return s;
}

void cmpsrv_secret_free(CMPSRV_SECRET *s)
{
    if (s != NULL && atomic_fetch_sub(&s->refs, 1) == 1)
        OPENSSL_clear_free(s, sizeof(*s) + s->n + 1);
}

CMPSRV_SLICE cmpsrv_secret_get0(const CMPSRV_SECRET *s)
{
    return s == NULL ? cmpsrv_slice(NULL, 0) : cmpsrv_slice(s->v, s->n);
}

int cmpsrv_secret_eq(const CMPSRV_SECRET *a, const CMPSRV_SECRET *b)
{
    return a != NULL && b != NULL && a->n == b->n && CRYPTO_memcmp(a->v, b->v, a->n) == 0;
}

CMPSRV_SECRET *cmpsrv_secret_from_file(const char *path, CMPSRV_REFUSAL *why)
{
    enum { MAX = 65536 };
    unsigned char *buf = OPENSSL_malloc(MAX + 1);
    CMPSRV_SECRET *s = NULL;
    FILE *f = NULL;
    size_t n;

    if (buf == NULL) {
        cmpsrv_fail(why, "out of memory");
        goto end;
    }
    if ((f = fopen(path, "rb")) == NULL) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "cannot read %s: %s", path, strerror(errno));
        goto end;
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy of the secret in a stdio buffer */
    n = fread(buf, 1, MAX + 1, f);
    if (ferror(f) || n > MAX) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "cannot read %s: %s", path,
                      n > MAX ? "larger than 64 KiB" : strerror(errno));
        goto end;
    }
    if (n > 0 && buf[n - 1] == '\n')
        n--;
    if ((s = cmpsrv_secret_new(buf, n)) == NULL)
        cmpsrv_fail(why, "out of memory");
end:
    if (f != NULL)
        fclose(f);
    OPENSSL_clear_free(buf, MAX + 1);
    return s;
}
