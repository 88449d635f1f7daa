/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pack: a file of prepared transactions. A head, the secret, the messages, and at the end a
 * table with an entry for each transaction. It holds a secret and keys derived from it, so only its
 * owner may read it. Reading maps the file and checks every offset once; after that nobody asks
 * again.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define MAGIC           "CMPBENCH"
#define PACK_VERSION    1
#define BYTE_ORDER_MARK UINT32_C(0x01020304)
#define MAX_COUNT       UINT64_C(100000000)

/* Of a PKIHeader (RFC 9810, 5.1.1). */
enum { TRANSACTION_ID = 4, SENDER_NONCE, RECIP_NONCE };

typedef struct {
    char magic[8]; /* written last: a file that was left unfinished has none */
    uint32_t version, byte_order, entry_size, reserved;
    uint64_t size, count, table;
    BENCH_SPAN secret;
    char workload[32];
} HEAD;

struct bench_pack_st {
    const unsigned char *map;
    size_t size;
    HEAD head;
    const BENCH_ENTRY *entries;
    const BENCH_WORKLOAD *workload;
};

/* ---- reading -----------------------------------------------------------------------------------
 */

static int is_inside(const HEAD *h, BENCH_SPAN s)
{
    return s.off >= sizeof(HEAD) && s.off <= h->table && s.n <= h->table - s.off;
}

/* It comes first, if there is one. */
static int is_good_secret(const HEAD *h)
{
    return h->secret.n == 0 ? h->secret.off == 0
                            : h->secret.off == sizeof(HEAD) && is_inside(h, h->secret);
}

/* Filled up with zeros. */
static int is_good_name(const HEAD *h)
{
    size_t n = strnlen(h->workload, sizeof(h->workload));

    for (size_t i = n; i < sizeof(h->workload); i++)
        if (h->workload[i] != '\0')
            return 0;
    return n < sizeof(h->workload);
}

/* All of the span is one element with that identifier octet; gives its content if asked. */
static int is_element(const BENCH_PACK *p, BENCH_SPAN s, int tag, CMPSRV_SLICE *content)
{
    CMPSRV_SLICE in;

    if (s.n == 0 || !is_inside(&p->head, s))
        return 0;
    in = bench_pack_span(p, s);
    return cmpsrv_der_get(&in, tag, content) && in.n == 0;
}

static int is_spki(const BENCH_PACK *p, BENCH_SPAN s)
{
    CMPSRV_SLICE in;

    return is_element(p, s, DER_SEQUENCE, &in) && cmpsrv_der_get(&in, DER_SEQUENCE, NULL) &&
           cmpsrv_der_get(&in, DER_BIT_STRING, NULL) && in.n == 0;
}

/* That field of the header, an OCTET STRING of 16 octets, has its content there. */
static int is_place(const BENCH_PACK *p, BENCH_SPAN header, uint32_t at, int field)
{
    const unsigned char start[] = {(unsigned char)DER_CONTEXT_CONSTRUCTED(field), BENCH_NONCE + 2,
                                   DER_OCTET_STRING, BENCH_NONCE};

    return at >= sizeof(start) && at <= header.n && header.n - at >= BENCH_NONCE &&
           memcmp(bench_pack_span(p, header).p + at - sizeof(start), start, sizeof(start)) == 0;
}

static int is_good_part(const BENCH_PACK *p, const BENCH_PART *part)
{
    return is_element(p, part->header, DER_SEQUENCE, NULL) && part->header.n <= BENCH_MAX_HEADER &&
           is_place(p, part->header, part->tid, TRANSACTION_ID) &&
           is_place(p, part->header, part->sender_nonce, SENDER_NONCE);
}

/* What a transaction does not have is all zero. */
static int is_absent(const void *p, size_t n)
{
    static const unsigned char zeros[sizeof(BENCH_PART)];

    return memcmp(p, zeros, n) == 0;
}

static int is_good_signed(const BENCH_PACK *p, const BENCH_ENTRY *e)
{
    return is_element(p, e->whole, DER_SEQUENCE, NULL) && !e->first.has_key &&
           is_absent(&e->first.body, sizeof(BENCH_SPAN)) &&
           is_absent(e->first.key, sizeof(e->first.key));
}

static int is_good_mac(const BENCH_PACK *p, const BENCH_ENTRY *e, int body)
{
    return is_absent(&e->whole, sizeof(e->whole)) && e->first.has_key == 1 &&
           is_element(p, e->first.body, DER_CONTEXT_CONSTRUCTED(body), NULL);
}

static int is_good_confirm(const BENCH_PACK *p, const BENCH_PART *part)
{
    return is_good_part(p, part) && part->has_key == 1 &&
           is_place(p, part->header, part->recip_nonce, RECIP_NONCE) &&
           is_absent(&part->body, sizeof(part->body));
}

/* What the row of an entry says that it has, and nothing else. */
static int is_good_entry(const BENCH_PACK *p, size_t index)
{
    const BENCH_ENTRY *e = &p->entries[index];
    const BENCH_WORKLOAD *w = bench_workload_at(p->workload, index);

    return e->workload == (size_t)(w - bench_workloads) && e->reserved == 0 &&
           is_spki(p, e->spki) && is_good_part(p, &e->first) && e->first.recip_nonce == 0 &&
           (w->protection == BENCH_SIGNATURE ? is_good_signed(p, e) : is_good_mac(p, e, w->body)) &&
           (w->confirms ? is_good_confirm(p, &e->confirm)
                        : is_absent(&e->confirm, sizeof(e->confirm)));
}

/* NULL: the head is that of a whole pack. */
static const char *wrong_with_head(const HEAD *h, size_t size)
{
    if (size < sizeof(*h) || memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0)
        return "this is no pack, or one whose preparation did not end";
    if (h->byte_order != BYTE_ORDER_MARK || h->entry_size != sizeof(BENCH_ENTRY))
        return "the pack was made on a machine of another kind: prepare it here";
    if (h->version != PACK_VERSION)
        return "the pack is of another version of cmp-bench: prepare it again";
    if (h->size != size)
        return "the pack is cut off or has something behind it: prepare it again";
    if (h->reserved != 0 || h->count == 0 || h->count > MAX_COUNT || h->table < sizeof(*h) ||
        h->table > size || h->table % _Alignof(BENCH_ENTRY) != 0 ||
        size - h->table != h->count * sizeof(BENCH_ENTRY) || !is_good_secret(h) || !is_good_name(h))
        return "the head of the pack is damaged: prepare it again";
    return NULL;
}

static int check_pack(BENCH_PACK *p, const char *path)
{
    const char *wrong;

    if (p->size >= sizeof(p->head))
        memcpy(&p->head, p->map, sizeof(p->head));
    if ((wrong = wrong_with_head(&p->head, p->size)) != NULL) {
        bench_fail("%s: %s", path, wrong);
        return 0;
    }
    if ((p->workload = bench_workload(p->head.workload)) == NULL) {
        bench_fail("%s: the head of the pack is damaged: prepare it again", path);
        return 0;
    }
    p->entries = (const void *)(p->map + p->head.table);
    for (size_t i = 0; i < p->head.count; i++)
        if (!is_good_entry(p, i)) {
            bench_fail("%s: transaction %zu of the pack is damaged: prepare it again", path, i);
            return 0;
        }
    return 1;
}

static int map_file(BENCH_PACK *p, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *map = MAP_FAILED;

    if (fd < 0 || fstat(fd, &st) != 0) {
        bench_fail("cannot open %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        bench_fail("%s: this is no pack, or one whose preparation did not end", path);
    } else {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            bench_fail("cannot map %s: %s", path, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return 0;
    p->map = map;
    p->size = (size_t)st.st_size;
    return 1;
}

BENCH_PACK *bench_pack_open(const char *path)
{
    BENCH_PACK *p = OPENSSL_zalloc(sizeof(*p));

    if (p == NULL)
        bench_fail("out of memory");
    else if (map_file(p, path) && check_pack(p, path))
        return p;
    bench_pack_free(p);
    return NULL;
}

void bench_pack_free(BENCH_PACK *p)
{
    if (p == NULL)
        return;
    if (p->map != NULL)
        munmap((void *)(uintptr_t)p->map, p->size);
    OPENSSL_free(p);
}

const BENCH_WORKLOAD *bench_pack_workload(const BENCH_PACK *p)
{
    return p->workload;
}

size_t bench_pack_count(const BENCH_PACK *p)
{
    return (size_t)p->head.count;
}

const BENCH_ENTRY *bench_pack_entry(const BENCH_PACK *p, size_t index)
{
    return &p->entries[index];
}

CMPSRV_SLICE bench_pack_span(const BENCH_PACK *p, BENCH_SPAN span)
{
    return span.n == 0 ? cmpsrv_slice(NULL, 0) : cmpsrv_slice(p->map + span.off, (size_t)span.n);
}

CMPSRV_SLICE bench_pack_secret(const BENCH_PACK *p)
{
    return bench_pack_span(p, p->head.secret);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

struct bench_writer_st {
    char *path;
    int fd;
    HEAD head;
    BENCH_ENTRY *entries;
    _Atomic uint64_t end; /* where the next one writes */
};

static int write_at(int fd, const void *data, size_t n, uint64_t off)
{
    const unsigned char *p = data;

    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, (off_t)off);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return 0;
        p += done;
        n -= (size_t)done;
        off += (uint64_t)done;
    }
    return 1;
}

static int start_file(BENCH_WRITER *w, CMPSRV_SLICE secret)
{
    uint64_t at = sizeof(HEAD);

    if ((w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0) {
        bench_fail("cannot create %s: %s", w->path, strerror(errno));
        return 0;
    }
    if (!write_at(w->fd, secret.p, secret.n, at)) {
        bench_fail("cannot write %s: %s", w->path, strerror(errno));
        return 0;
    }
    if (secret.n > 0)
        w->head.secret = (BENCH_SPAN){at, secret.n};
    atomic_init(&w->end, at + secret.n);
    return 1;
}

BENCH_WRITER *bench_writer_new(const char *path, const BENCH_WORKLOAD *workload, size_t count,
                               CMPSRV_SLICE secret)
{
    BENCH_WRITER *w = OPENSSL_zalloc(sizeof(*w));

    if (w == NULL || count == 0 || count > MAX_COUNT) {
        OPENSSL_free(w);
        bench_fail(w == NULL ? "out of memory" : "a pack has 1 to 100000000 transactions");
        return NULL;
    }
    w->fd = -1;
    w->head.version = PACK_VERSION;
    w->head.byte_order = BYTE_ORDER_MARK;
    w->head.entry_size = sizeof(BENCH_ENTRY);
    w->head.count = count;
    OPENSSL_strlcpy(w->head.workload, workload->name, sizeof(w->head.workload));
    w->path = OPENSSL_strdup(path);
    w->entries = OPENSSL_zalloc(count * sizeof(BENCH_ENTRY));
    if (w->path == NULL || w->entries == NULL)
        bench_fail("out of memory");
    else if (start_file(w, secret))
        return w;
    bench_writer_finish(w, 0);
    return NULL;
}

static void move_span(BENCH_SPAN *s, uint64_t by)
{
    if (s->n > 0)
        s->off += by;
}

int bench_writer_put(BENCH_WRITER *w, size_t index, const BENCH_ENTRY *entry, CMPSRV_SLICE data)
{
    uint64_t at = atomic_fetch_add(&w->end, data.n);
    BENCH_ENTRY *e = &w->entries[index];

    *e = *entry;
    move_span(&e->whole, at);
    move_span(&e->spki, at);
    move_span(&e->first.header, at);
    move_span(&e->first.body, at);
    move_span(&e->confirm.header, at);
    move_span(&e->confirm.body, at);
    return write_at(w->fd, data.p, data.n, at);
}

static int end_file(BENCH_WRITER *w)
{
    uint64_t end = atomic_load(&w->end), align = _Alignof(BENCH_ENTRY);
    size_t table_n = (size_t)w->head.count * sizeof(BENCH_ENTRY);

    w->head.table = (end + align - 1) / align * align;
    w->head.size = w->head.table + table_n;
    memcpy(w->head.magic, MAGIC, sizeof(w->head.magic));
    return write_at(w->fd, w->entries, table_n, w->head.table) &&
           write_at(w->fd, &w->head, sizeof(w->head), 0);
}

int bench_writer_finish(BENCH_WRITER *w, int keep)
{
    int ok, created;

    if (w == NULL)
        return 0;
    created = w->fd >= 0;
    ok = keep && created && end_file(w);
    if (created && close(w->fd) != 0)
        ok = 0;
    if (keep && !ok)
        bench_fail("cannot write %s: %s", w->path, strerror(errno));
    if (created && !ok)
        unlink(w->path);
    if (w->entries != NULL)
        OPENSSL_clear_free(w->entries, (size_t)w->head.count * sizeof(BENCH_ENTRY));
    OPENSSL_free(w->path);
    OPENSSL_free(w);
    return ok;
}
