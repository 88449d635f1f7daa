/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin message show: reads CMP messages, DER or PEM, and has them shown. Needs no server. */
#include "config.h"

#include "apps/admin.h"

#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "show/show.h"

#define MAX_FILE (16 << 20)

/* More than MAX_FILE octets if there are more. Nearly all messages are small. */
static int read_all(FILE *f, CMPSRV_BYTES *b)
{
    unsigned char *p;

    for (size_t size = 16384; (p = OPENSSL_realloc(b->p, size)) != NULL; size *= 2) {
        b->p = p;
        b->n += fread(p + b->n, 1, size - b->n, f);
        if (b->n < size || b->n > MAX_FILE)
            return !ferror(f);
    }
    return 0;
}

static int read_file(const char *name, CMPSRV_BYTES *out)
{
    int is_stdin = strcmp(name, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(name, "rb");
    int ok = f != NULL && read_all(f, out) && out->n <= MAX_FILE;

    if (!ok)
        admin_fail("%s: %s", name, out->n > MAX_FILE ? "more than 16 MiB" : strerror(errno));
    if (f != NULL && !is_stdin)
        fclose(f);
    if (!ok)
        cmpsrv_bytes_clear(out);
    return ok;
}

/* PEM of any name; what is none is taken as it is. */
static void strip_pem(CMPSRV_BYTES *b)
{
    BIO *bio = BIO_new_mem_buf(b->p, (int)b->n);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n;

    if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &n)) {
        cmpsrv_bytes_clear(b);
        *b = (CMPSRV_BYTES){der, (size_t)n};
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    BIO_free(bio);
    ERR_clear_error();
}

static int show_file(const char *name, const ADMIN *a)
{
    CMPSRV_BYTES der = {NULL, 0};
    CMPSRV_JSON out = {0};
    size_t damaged;
    char *text;

    if (!read_file(name, &der))
        return ADMIN_FAILED;
    strip_pem(&der);
    damaged = cmpsrv_show_message(cmpsrv_bytes_slice(&der), a->json, &out);
    cmpsrv_bytes_clear(&der);
    if ((text = cmpsrv_json_finish(&out)) == NULL)
        return admin_fail("%s: out of memory", name);
    fputs(text, stdout);
    OPENSSL_free(text);
    if (damaged > 0)
        admin_fail("%s: damaged in %zu place%s", name, damaged, damaged == 1 ? "" : "s");
    return damaged > 0 ? ADMIN_FAILED : ADMIN_OK;
}

int admin_message_show(ADMIN *a)
{
    int status = ADMIN_OK;

    for (int i = 0; i < a->argc; i++)
        if (strncmp(a->argv[i], "--", 2) == 0)
            return admin_usage_error("unknown option %s", a->argv[i]);
    if (a->argc == 0)
        return admin_usage_error("want FILE..., - for standard input");
    if (a->json && a->argc > 1)
        putchar('[');
    for (int i = 0; i < a->argc; i++) {
        if (i > 0)
            puts(a->json ? "," : "");
        if (!a->json && a->argc > 1)
            printf("%s\n", a->argv[i]);
        if (show_file(a->argv[i], a) != ADMIN_OK)
            status = ADMIN_FAILED;
    }
    if (a->json)
        puts(a->argc > 1 ? "]" : "");
    return status;
}
