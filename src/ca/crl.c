/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRLs (RFC 5280 5): the revoked certificates of the store that have not expired, signed, and put
 * in place by rename. The number comes from the store, and number, reading and rename stand under
 * one file lock, so that a lower number never replaces a higher one, whichever process makes it.
 */
#include "config.h"

#include "ca/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/crypto.h>

static const CMPSRV_SLICE oid_crl_number = {(const unsigned char *)"\x55\x1d\x14", 3};

/* ---- entries
 * --------------------------------------------------------------------------------------------------
 */

static int put_entry(void *arg, const CMPSRV_CERT_ROW *row)
{
    CMPSRV_DERW *w = arg, v = {0};
    unsigned char reason = (unsigned char)row->reason;

    if (row->status != CMPSRV_CERT_REVOKED && row->status != CMPSRV_CERT_HOLD)
        return 1;
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(w, DER_INTEGER, cmpsrv_slice(row->serial, row->serial_len));
    cmpsrv_derw_time(w, row->revoked_at);
    if (row->reason != 0) { /* RFC 5280 5.3.1: unspecified is left out */
        cmpsrv_derw_begin(w, DER_SEQUENCE);
        cmpsrv_derw_put(&v, DER_ENUMERATED, cmpsrv_slice(&reason, 1));
        cmpsrv_extension_put_built(w, CMPSRV_OID_CRL_REASON, 0, &v);
        cmpsrv_derw_end(w);
    }
    cmpsrv_derw_end(w);
    return !w->failed;
}

/* revokedCertificates, or nothing when there are none. */
static int read_entries(const CMPSRV_CA *ca, CMPSRV_STORE *store, int64_t now, CMPSRV_BYTES *out,
                        CMPSRV_REFUSAL *why)
{
    static const CMPSRV_CERT_STATUS revoked[] = {CMPSRV_CERT_REVOKED, CMPSRV_CERT_HOLD};
    CMPSRV_CERT_FILTER filter = {.ca_id = ca->id, .not_expired_at = now};
    CMPSRV_DERW w = {0};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(revoked); i++) {
        filter.status = (int)revoked[i];
        if (cmpsrv_store_cert_each(store, &filter, put_entry, &w, why) != 1) {
            cmpsrv_derw_clear(&w);
            return 0;
        }
    }
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

/* ---- the list
 * ---------------------------------------------------------------------------------------------------
 */

static void put_extensions(CMPSRV_DERW *w, const CMPSRV_CA *ca, int64_t number)
{

    CMPSRV_DERW v = {0};

    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(&v, DER_SEQUENCE);
    cmpsrv_derw_put(&v, DER_CONTEXT(0), cmpsrv_bytes_slice(&ca->issuer.ski));
    cmpsrv_derw_end(&v);
    cmpsrv_extension_put_built(w, CMPSRV_OID_AUTHORITY_KEY_ID, 0, &v);
    cmpsrv_derw_int64(&v, number);
    cmpsrv_extension_put_built(w, oid_crl_number, 0, &v);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static int make_tbs(const CMPSRV_CA *ca, int64_t now, int64_t number, const CMPSRV_BYTES *entries,
                    CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, 1); /* v2 */
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->cert_sig_alg));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->issuer.subject));
    cmpsrv_derw_time(&w, now);
    cmpsrv_derw_time(&w, now + ca->conf->crl_validity);
    if (entries->n > 0)
        cmpsrv_derw_put(&w, DER_SEQUENCE, cmpsrv_bytes_slice(entries));
    put_extensions(&w, ca, number);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

static int make_crl(const CMPSRV_CA *ca, CMPSRV_STORE *store, CMPSRV_BYTES *out,
                    CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES entries = {0}, tbs = {0}, signature = {0};
    int64_t now = cmpsrv_time_now(), number = 0;
    CMPSRV_DERW w = {0};
    int ok = 0;

    if (!cmpsrv_store_crl_number(store, ca->id, &number, why) ||
        !read_entries(ca, store, now, &entries, why))
        goto end;
    if (!make_tbs(ca, now, number, &entries, &tbs)) {
        cmpsrv_fail(why, "out of memory");
        goto end;
    }
    if (!cmpsrv_sig_make(ca->libctx, ca->propq, ca->issuer.key,
                         cmpsrv_bytes_slice(&ca->cert_sig_alg), cmpsrv_bytes_slice(&tbs),
                         &signature, why))
        goto end;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&tbs));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->cert_sig_alg));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&signature));
    cmpsrv_derw_end(&w);
    ok = cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
end:
    cmpsrv_bytes_clear(&entries);
    cmpsrv_bytes_clear(&tbs);
    cmpsrv_bytes_clear(&signature);
    return ok;
}

/* ---- the file
 * ----------------------------------------------------------------------------------------------------
 */

static int write_all(int fd, const CMPSRV_BYTES *der)
{
    size_t done = 0;

    while (done < der->n) {
        ssize_t n = write(fd, der->p + done, der->n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        done += (size_t)n;
    }
    return fsync(fd) == 0;
}

/* The rename is durable when the directory is. */
static int sync_directory(const char *file)
{
    char *dir = OPENSSL_strdup(file), *slash = dir == NULL ? NULL : strrchr(dir, '/');
    int fd, ok;

    if (slash != NULL)
        slash[slash == dir] = '\0';
    fd = dir == NULL ? -1 : open(slash == NULL ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    OPENSSL_free(dir);
    return ok;
}

static int replace_file(const char *file, const CMPSRV_BYTES *der, CMPSRV_REFUSAL *why)
{
    size_t n = strlen(file) + 5;
    char *tmp = OPENSSL_malloc(n);
    int fd = -1, ok = 0;

    if (tmp != NULL) {
        snprintf(tmp, n, "%s.new", file);
        fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    }
    if (fd >= 0) {
        ok = write_all(fd, der);
        ok = close(fd) == 0 && ok && rename(tmp, file) == 0 && sync_directory(file);
    }
    if (!ok)
        cmpsrv_fail(why, "cannot write %s: %s", file, strerror(errno));
    OPENSSL_free(tmp);
    return ok;
}

/* The lock file beside the CRL; closing it unlocks. */
static int lock_file(const char *file, CMPSRV_REFUSAL *why)
{
    size_t n = strlen(file) + 6;
    char *path = OPENSSL_malloc(n);
    int fd = -1;

    if (path != NULL) {
        snprintf(path, n, "%s.lock", file);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    while (fd >= 0 && flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            close(fd);
            fd = -1;
        }
    if (fd < 0)
        cmpsrv_fail(why, "cannot lock %s: %s", path == NULL ? file : path, strerror(errno));
    OPENSSL_free(path);
    return fd;
}

int cmpsrv_ca_crl(const CMPSRV_CA *ca, CMPSRV_STORE *store, CMPSRV_BYTES *der, CMPSRV_REFUSAL *why)
{
    const char *file = ca->conf->crl_file;
    CMPSRV_BYTES crl = {0};
    int lock = -1, ok;

    if (file == NULL && der == NULL)
        return 1;
    if (file != NULL && (lock = lock_file(file, why)) < 0)
        return 0;
    ok = make_crl(ca, store, &crl, why) && (file == NULL || replace_file(file, &crl, why));
    if (lock >= 0)
        close(lock);
    if (ok && der != NULL) {
        cmpsrv_bytes_clear(der);
        *der = crl;
        crl = (CMPSRV_BYTES){NULL, 0};
    }
    cmpsrv_bytes_clear(&crl);
    return ok;
}

/* thisUpdate and nextUpdate of the CRL in the file; 0 if there is none that can be read. */
static int read_times(const char *file, int64_t *from, int64_t *to)
{
    unsigned char head[4096];
    FILE *f = fopen(file, "rb");
    size_t n = f == NULL ? 0 : fread(head, 1, sizeof(head), f);
    CMPSRV_SLICE in = cmpsrv_slice(head, n), skipped;

    if (f != NULL)
        fclose(f);
    /* two headers whose content may go on beyond what was read */
    for (int i = 0; i < 2; i++) {
        size_t octets = in.n < 2 || in.p[0] != DER_SEQUENCE ? 0
                        : in.p[1] < 0x80                    ? 2
                                                            : 2 + (size_t)(in.p[1] & 0x7f);

        if (octets == 0 || octets > 6 || octets > in.n)
            return 0;
        in.p += octets;
        in.n -= octets;
    }
    return cmpsrv_der_get(&in, DER_INTEGER, &skipped) &&
           cmpsrv_der_get(&in, DER_SEQUENCE, &skipped) &&
           cmpsrv_der_get(&in, DER_SEQUENCE, &skipped) && cmpsrv_der_get_time(&in, from) &&
           cmpsrv_der_get_time(&in, to);
}

int cmpsrv_ca_crl_is_due(const CMPSRV_CA *ca, int64_t now)
{
    int64_t from, to;

    if (ca->conf->crl_file == NULL)
        return 0;
    return !read_times(ca->conf->crl_file, &from, &to) || now > from + (to - from) / 2;
}
