/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full CRLs (RFC 5280 5), as DER, the form in which HTTP serves them. A file lock is held from
 * taking the number to the rename: whoever has the higher number reads the store later and writes
 * the file later, in this process and in cmp-admin next to it. Called after a revocation, by a
 * timer and by cmp-admin.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#define OID_CRL_NUMBER DER_OID_SLICE("\x55\x1d\x14")

/* ---- entries -----------------------------------------------------------------------------------
 */

typedef struct {
    unsigned char n;
    unsigned char octets[CMPSRV_MAX_SERIAL]; /* zeros behind n */
} SERIAL;

typedef struct {
    CMPSRV_DERW w;
    SERIAL *held; /* certificates on hold, sorted once all are read */
    size_t held_n, held_cap;
    int reading_held;
} ENTRIES;

static int compare_serials(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(SERIAL));
}

static SERIAL serial_of(const CMPSRV_CERT_ROW *row)
{
    SERIAL s = {0};

    s.n = (unsigned char)row->serial_len;
    memcpy(s.octets, row->serial, row->serial_len);
    return s;
}

static int push_held(ENTRIES *e, SERIAL s)
{
    if (e->held_n == e->held_cap) {
        size_t cap = e->held_cap == 0 ? 16 : e->held_cap * 2;
        SERIAL *v = OPENSSL_realloc(e->held, cap * sizeof(*v));

        if (v == NULL)
            return 0;
        e->held = v;
        e->held_cap = cap;
    }
    e->held[e->held_n++] = s;
    return 1;
}

/* RFC 5280 5.3.1: "the reason code CRL entry extension SHOULD be absent instead of using the
 * unspecified (0) reasonCode value". */
static void write_reason(CMPSRV_DERW *w, int reason)
{
    unsigned char octet = (unsigned char)reason;
    CMPSRV_DERW value = {0};

    if (reason <= 0)
        return;
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(&value, DER_ENUMERATED, cmpsrv_slice(&octet, 1));
    cmpsrv_ca_extension(w, CMPSRV_OID_CRL_REASON, 0, &value);
    cmpsrv_derw_end(w);
}

static int take_row(void *arg, const CMPSRV_CERT_ROW *row)
{
    ENTRIES *e = arg;
    SERIAL s = serial_of(row);

    if (e->reading_held) {
        if (!push_held(e, s))
            e->w.failed = 1;
    } else if (e->held_n > 0 &&
               bsearch(&s, e->held, e->held_n, sizeof(s), compare_serials) != NULL) {
        return 1; /* revoked for good since it was read as held: once is enough */
    }
    cmpsrv_derw_begin(&e->w, DER_SEQUENCE);
    cmpsrv_derw_put(&e->w, DER_INTEGER, cmpsrv_slice(row->serial, row->serial_len));
    cmpsrv_derw_time(&e->w, row->revoked_at);
    write_reason(&e->w, row->status == CMPSRV_CERT_HOLD ? 6 : row->reason);
    cmpsrv_derw_end(&e->w);
    return !e->w.failed;
}

/*
 * Two walks, each over an index of few rows. Held ones first: a certificate that moves from hold to
 * revoked in between is then seen twice, never missed. RFC 5280 3.3: an entry stays until it was on
 * one CRL issued after the certificate's end, so one validity of the CRL longer.
 */
static int read_entries(const CMPSRV_CA *ca, CMPSRV_STORE *store, int64_t now, CMPSRV_BYTES *out,
                        CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_FILTER f = {.ca_id = ca->id, .not_expired_at = now - ca->conf->crl_validity};
    ENTRIES e = {.reading_held = 1};
    int ok;

    f.status = CMPSRV_CERT_HOLD;
    ok = cmpsrv_store_cert_each(store, &f, take_row, &e, why) == 1;
    if (e.held_n > 0)
        qsort(e.held, e.held_n, sizeof(*e.held), compare_serials);
    e.reading_held = 0;
    f.status = CMPSRV_CERT_REVOKED;
    ok = ok && cmpsrv_store_cert_each(store, &f, take_row, &e, why) == 1;
    OPENSSL_free(e.held);
    if (!ok)
        cmpsrv_derw_clear(&e.w);
    return ok ? cmpsrv_derw_finish(&e.w, out) || cmpsrv_fail(why, "out of memory")
              : cmpsrv_fail(why, "the store cannot say what is revoked");
}

/* ---- TBSCertList, RFC 5280 5.1.2 ---------------------------------------------------------------
 */

static int make_tbs(const CMPSRV_CA *ca, int64_t number, int64_t now, CMPSRV_SLICE entries,
                    CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_DERW w = {0}, value = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, 1); /* v2 */
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->cert_sig_alg));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->issuer.subject));
    cmpsrv_derw_time(&w, now);
    cmpsrv_derw_time(&w, now + ca->conf->crl_validity);
    if (entries.n > 0) /* "absent when there are no revoked certificates" */
        cmpsrv_derw_put(&w, DER_SEQUENCE, entries);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_ca_aki(&w, ca);
    cmpsrv_derw_int64(&value, number);
    cmpsrv_ca_extension(&w, OID_CRL_NUMBER, 0, &value);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

static int make_crl(const CMPSRV_CA *ca, CMPSRV_STORE *store, CMPSRV_BYTES *out,
                    CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES entries = {NULL, 0}, tbs = {NULL, 0};
    int64_t number, now;
    int ok;

    if (!cmpsrv_store_crl_number(store, ca->id, &number, why))
        return 0;
    now = cmpsrv_time_now();
    ok = read_entries(ca, store, now, &entries, why) &&
         make_tbs(ca, number, now, cmpsrv_bytes_slice(&entries), &tbs, why) &&
         cmpsrv_ca_sign(ca, cmpsrv_bytes_slice(&tbs), out, why);
    cmpsrv_bytes_clear(&entries);
    cmpsrv_bytes_clear(&tbs);
    return ok;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* Every caller opens it anew: flock() excludes threads, too. The file stays. */
static int lock_file(const char *path, CMPSRV_REFUSAL *why)
{
    char lock[PATH_MAX];
    int fd, rc;

    if (snprintf(lock, sizeof(lock), "%s.lock", path) >= (int)sizeof(lock)) {
        cmpsrv_fail(why, "%s: the name is too long", path);
        return -1;
    }
    if ((fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
        cmpsrv_fail(why, "cannot open %s: %s", lock, strerror(errno));
        return -1;
    }
    while ((rc = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    if (rc != 0) {
        cmpsrv_fail(why, "cannot lock %s: %s", lock, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

/* Makes the rename itself durable. */
static int sync_directory_of(const char *path, CMPSRV_REFUSAL *why)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX] = ".";
    int fd, ok;

    if (slash != NULL) /* path fits: the lock's name did */
        snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return cmpsrv_fail(why, "cannot open %s: %s", dir, strerror(errno));
    ok = fsync(fd) == 0 || cmpsrv_fail(why, "cannot sync %s: %s", dir, strerror(errno));
    close(fd);
    return ok;
}

/* The lock is held, so one name is enough for what is not finished yet. */
static int replace_file(const char *path, CMPSRV_SLICE data, CMPSRV_REFUSAL *why)
{
    char tmp[PATH_MAX];

    if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
        return cmpsrv_fail(why, "%s: the name is too long", path);
    if (!cmpsrv_ca_write_file(tmp, O_TRUNC, 0644, data, why))
        return 0;
    if (rename(tmp, path) != 0) {
        cmpsrv_fail(why, "cannot rename %s to %s: %s", tmp, path, strerror(errno));
        unlink(tmp);
        return 0;
    }
    return sync_directory_of(path, why);
}

int cmpsrv_ca_crl(const CMPSRV_CA *ca, CMPSRV_STORE *store, CMPSRV_BYTES *der, CMPSRV_REFUSAL *why)
{
    const char *path = ca->conf->crl_file;
    CMPSRV_BYTES crl = {NULL, 0};
    int lock = -1, ok;

    if (path == NULL && der == NULL)
        return 1;
    if (path != NULL && (lock = lock_file(path, why)) < 0)
        return 0;
    ok = make_crl(ca, store, &crl, why) &&
         (path == NULL || replace_file(path, cmpsrv_bytes_slice(&crl), why));
    if (lock >= 0)
        close(lock);
    if (ok && der != NULL) {
        cmpsrv_bytes_clear(der);
        *der = crl;
        return 1;
    }
    cmpsrv_bytes_clear(&crl);
    return ok;
}

/* ---- when the next one is due ------------------------------------------------------------------
 */

static int to_ms(const ASN1_TIME *t, int64_t *ms)
{
    struct tm tm;

    if (t == NULL || !ASN1_TIME_to_tm(t, &tm))
        return 0;
    *ms = (int64_t)timegm(&tm) * 1000;
    return 1;
}

static X509_CRL *read_crl(const char *path)
{
    BIO *b = BIO_new_file(path, "rb");
    X509_CRL *crl = b == NULL ? NULL : d2i_X509_CRL_bio(b, NULL);

    BIO_free(b);
    ERR_clear_error();
    return crl;
}

/* thisUpdate and nextUpdate of the file; one of another CA (a rollover) or with damage is as good
 * as none. 1/0. */
static int read_times(const CMPSRV_CA *ca, int64_t *from, int64_t *to)
{
    X509_CRL *crl = ca->conf->crl_file == NULL ? NULL : read_crl(ca->conf->crl_file);
    int ok = crl != NULL &&
             X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca->issuer.cert)) == 0 &&
             to_ms(X509_CRL_get0_lastUpdate(crl), from) && to_ms(X509_CRL_get0_nextUpdate(crl), to);

    X509_CRL_free(crl);
    return ok;
}

int cmpsrv_ca_crl_is_due(const CMPSRV_CA *ca, int64_t now)
{
    int64_t from, to;

    return ca->conf->crl_file != NULL &&
           (!read_times(ca, &from, &to) || now - from > (to - from) / 2);
}

int cmpsrv_ca_crl_is_fresh(const CMPSRV_CA *ca, int64_t now)
{
    int64_t from, to;

    return read_times(ca, &from, &to) && now <= to;
}
