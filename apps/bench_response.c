/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the answer of an HTTP server as far as a client that POSTs needs it: status, the length
 * given, in chunks or by closing, and whether the connection stays. Knows no sockets.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct {
    CMPSRV_SLICE name, value;
} FIELD;

typedef struct {
    int64_t length; /* -1: not given */
    int chunked, version_1_0, keeps, closes;
} HEAD;

enum { MAX_BODY = 16 << 20 };

static int slice_is(CMPSRV_SLICE s, const char *word)
{
    return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static int slice_starts(CMPSRV_SLICE s, const char *word)
{
    return s.n >= strlen(word) && strncasecmp((const char *)s.p, word, strlen(word)) == 0;
}

/* A line without its CRLF or LF; 0 if there is none yet. */
static int next_line(const unsigned char *p, size_t n, size_t *at, CMPSRV_SLICE *line)
{
    const unsigned char *end = *at < n ? memchr(p + *at, '\n', n - *at) : NULL;

    if (end == NULL)
        return 0;
    *line = cmpsrv_slice(p + *at, (size_t)(end - (p + *at)));
    *at = (size_t)(end - p) + 1;
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return 1;
}

static int64_t number(CMPSRV_SLICE s, int base)
{
    int64_t v = 0;
    size_t i = 0;

    for (; i < s.n && isxdigit(s.p[i]); i++) {
        int c = tolower(s.p[i]), digit = c <= '9' ? c - '0' : c - 'a' + 10;

        if (digit >= base || (v = v * base + digit) > MAX_BODY)
            return -1;
    }
    return i == 0 ? -1 : v;
}

static FIELD split_field(CMPSRV_SLICE line)
{
    const unsigned char *colon = memchr(line.p, ':', line.n);
    FIELD f = {.name = line};

    if (colon == NULL)
        return f;
    f.name.n = (size_t)(colon - line.p);
    f.value = cmpsrv_slice(colon + 1, line.n - f.name.n - 1);
    for (; f.value.n > 0 && isspace(f.value.p[0]); f.value.n--)
        f.value.p++;
    for (; f.value.n > 0 && isspace(f.value.p[f.value.n - 1]); f.value.n--)
        ;
    return f;
}

static int read_field(FIELD f, HEAD *h, BENCH_RESPONSE *r, const char **why)
{
    if (slice_is(f.name, "content-length")) {
        if ((h->length = number(f.value, 10)) < 0) {
            *why = "the Content-Length of the answer is no number or above 16 MiB";
            return 0;
        }
    } else if (slice_is(f.name, "transfer-encoding")) {
        if (!slice_is(f.value, "chunked")) {
            *why = "the answer has a Transfer-Encoding other than chunked";
            return 0;
        }
        h->chunked = 1;
    } else if (slice_is(f.name, "connection")) {
        h->closes = slice_is(f.value, "close");
        h->keeps = slice_is(f.value, "keep-alive");
    } else if (slice_is(f.name, "content-type")) {
        r->is_cmp = slice_starts(f.value, "application/pkixcmp");
    }
    return 1;
}

static int read_status(CMPSRV_SLICE line, HEAD *h, BENCH_RESPONSE *r, const char **why)
{
    if (!slice_starts(line, "HTTP/1.") || line.n < 12) {
        *why = "the answer is not HTTP/1";
        return 0;
    }
    h->version_1_0 = line.p[7] == '0';
    r->status = (int)number(cmpsrv_slice(line.p + 9, 3), 10);
    return 1;
}

/* 1: *at stands behind the empty line; 0: not yet; -1. */
static int read_head(const unsigned char *p, size_t n, size_t *at, HEAD *h, BENCH_RESPONSE *r,
                     const char **why)
{
    CMPSRV_SLICE line;

    if (!next_line(p, n, at, &line))
        return 0;
    if (!read_status(line, h, r, why))
        return -1;
    while (next_line(p, n, at, &line)) {
        if (line.n == 0)
            return 1;
        if (!read_field(split_field(line), h, r, why))
            return -1;
    }
    return 0;
}

/* Whether all chunks are there: from `at` of the buffer on, moved together if `move`. */
static int read_chunks(unsigned char *p, size_t n, size_t at, int move, BENCH_RESPONSE *r,
                       const char **why)
{
    unsigned char *to = p + at;
    CMPSRV_SLICE line;
    int64_t size;

    r->body = cmpsrv_slice(to, 0);
    for (;;) {
        if (!next_line(p, n, &at, &line))
            return 0;
        if ((size = number(line, 16)) < 0) {
            *why = "a chunk of the answer has no length";
            return -1;
        }
        if (size == 0)
            break;
        if (n - at < (size_t)size + 2)
            return 0;
        if (move)
            memmove(to, p + at, (size_t)size);
        to += size;
        r->body.n += (size_t)size;
        at += (size_t)size + 2;
    }
    while (next_line(p, n, &at, &line))
        if (line.n == 0) {
            r->n = at;
            return 1;
        }
    return 0;
}

static int read_body(unsigned char *p, size_t n, size_t at, int ended, const HEAD *h,
                     BENCH_RESPONSE *r, const char **why)
{
    int whole;

    if (h->chunked) {
        if ((whole = read_chunks(p, n, at, 0, r, why)) == 1)
            read_chunks(p, n, at, 1, r, why);
        return whole;
    }
    if (h->length >= 0) {
        r->body = cmpsrv_slice(p + at, (size_t)h->length);
        r->n = at + (size_t)h->length;
        return n >= r->n;
    }
    r->body = cmpsrv_slice(p + at, n - at);
    r->n = n;
    r->closes = 1;
    return ended;
}

int bench_response_parse(unsigned char *p, size_t n, int ended, BENCH_RESPONSE *r, const char **why)
{
    HEAD h = {.length = -1};
    size_t at = 0;
    int whole;

    memset(r, 0, sizeof(*r));
    if ((whole = read_head(p, n, &at, &h, r, why)) != 1)
        return whole;
    r->closes = h.closes || (h.version_1_0 && !h.keeps);
    return read_body(p, n, at, ended, &h, r, why);
}
