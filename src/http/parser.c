/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict, incremental parser of HTTP/1.x requests (RFC 9112) as RFC 9811 needs them: POST with a
 * DER body. No I/O. Our own and not evhttp's, which waits for a body that has no length (411 comes
 * too late), takes the first of two lengths, signed lengths, and bare line feeds. What is ambiguous
 * is refused, not repaired: that is what request smuggling lives on.
 */
#include "config.h"

#include "http/http.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

typedef enum { HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, END, REFUSED } STATE;

enum { MAX_LINE = 256, MAX_TRAILER = 1024 };

struct cmpsrv_http_parser_st {
    STATE state;
    size_t max_body;
    char head[CMPSRV_HTTP_MAX_HEADER + 1];
    size_t head_n;
    char line[MAX_LINE + 1]; /* of a chunk size or trailer */
    size_t line_n, trailer_n;
    size_t want; /* octets of the body, or of the chunk, still to come */
    size_t body_cap;
    int wrong_type; /* Content-Type is not ours */
    CMPSRV_HTTP_REQUEST req;
};

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *cmpsrv_http_phrase(int status)
{
    if (status == 404)
        return CMPSRV_reason_info(CMPSRV_R_NO_SUCH_ALIAS)->text;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

CMPSRV_HTTP_PARSER *cmpsrv_http_parser_new(size_t max_body)
{
    CMPSRV_HTTP_PARSER *p = OPENSSL_zalloc(sizeof(*p));

    if (p != NULL)
        p->max_body = max_body;
    return p;
}

void cmpsrv_http_parser_reset(CMPSRV_HTTP_PARSER *p)
{
    OPENSSL_free(p->req.path);
    cmpsrv_bytes_clear(&p->req.body);
    memset(&p->req, 0, sizeof(p->req));
    p->state = HEAD;
    p->head_n = p->line_n = p->trailer_n = p->want = p->body_cap = 0;
    p->wrong_type = 0;
}

void cmpsrv_http_parser_free(CMPSRV_HTTP_PARSER *p)
{
    if (p != NULL)
        cmpsrv_http_parser_reset(p);
    OPENSSL_free(p);
}

CMPSRV_HTTP_REQUEST *cmpsrv_http_parser_request(CMPSRV_HTTP_PARSER *p)
{
    return &p->req;
}

int cmpsrv_http_parser_started(const CMPSRV_HTTP_PARSER *p)
{
    return p->head_n > 0;
}

static int refuse(CMPSRV_HTTP_PARSER *p, int status, const char *problem)
{
    p->state = REFUSED;
    p->req.status = status;
    p->req.problem = problem;
    return 0;
}

/* ---- the request line
 * ---------------------------------------------------------------------------------------- */

static int is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                   s[i]) == NULL ||
            s[i] == '\0')
            return 0;
    return n > 0;
}

/* Visible ASCII only; the scheme and host of an absolute target are dropped. */
static int read_target(CMPSRV_HTTP_PARSER *p, char *target)
{
    char *path = target;

    for (char *c = target; *c != '\0'; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || *c == '#')
            return refuse(p, 400, "odd character in the request target");
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        path = strchr(strchr(target, ':') + 3, '/');
        if (path == NULL)
            return refuse(p, 400, "request target without a path");
    }
    if (path[0] != '/')
        return refuse(p, 400, "request target is no path");
    if ((p->req.path = OPENSSL_strdup(path)) == NULL)
        return refuse(p, 503, "out of memory");
    return 1;
}

static int read_version(CMPSRV_HTTP_PARSER *p, const char *version)
{
    if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.' ||
        strspn(version + 5, "0123456789.") != 3)
        return refuse(p, 400, "no HTTP version");
    if (version[5] != '1')
        return refuse(p, 505, "HTTP version is not 1.x");
    p->req.http_1_0 = version[7] == '0';
    p->req.keep_alive = !p->req.http_1_0;
    return 1;
}

/* Whether the method is POST is judged after the headers: a malformed message is 400 whatever it
 * wants. */
static int read_request_line(CMPSRV_HTTP_PARSER *p, char *line, char **method)
{
    char *target = strchr(line, ' '), *version = target == NULL ? NULL : strchr(target + 1, ' ');

    if (version == NULL)
        return refuse(p, 400, "no request line");
    *target++ = *version++ = '\0';
    if (!is_token(line, strlen(line)))
        return refuse(p, 400, "method is no token");
    *method = line;
    return read_version(p, version) && read_target(p, target);
}

/* ---- headers
 * -----------------------------------------------------------------------------------------------------
 */

struct headers {
    int host, length, chunked, te, expect, has_type;
    size_t length_value;
    int length_too_large;
};

static int on_content_length(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    size_t n = strlen(value);

    if (h->length++)
        return refuse(p, 400, "two Content-Lengths");
    if (n == 0 || strspn(value, "0123456789") != n)
        return refuse(p, 400, "Content-Length is no number");
    for (size_t i = 0; i < n; i++) {
        if (h->length_value > p->max_body)
            h->length_too_large = 1;
        else
            h->length_value = h->length_value * 10 + (size_t)(value[i] - '0');
    }
    h->length_too_large |= h->length_value > p->max_body;
    return 1;
}

static int on_transfer_encoding(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    if (h->te++)
        return refuse(p, 400, "two Transfer-Encodings");
    h->chunked = strcasecmp(value, "chunked") == 0;
    return 1;
}

static int on_content_type(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    static const char *const ours[] = {"application/pkixcmp", "application/pkixcmp-poll"};
    size_t n = strcspn(value, "; \t");

    if (h->has_type++)
        return refuse(p, 400, "two Content-Types");
    p->wrong_type = 1;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(ours); i++)
        if (strlen(ours[i]) == n && strncasecmp(ours[i], value, n) == 0)
            p->wrong_type = 0;
    return 1;
}

/* Whether a comma-separated list has the token. */
static int has_token(const char *list, const char *token)
{
    for (size_t n; *list != '\0'; list += n) {
        list += strspn(list, ", \t");
        n = strcspn(list, ", \t");
        if (n == strlen(token) && strncasecmp(list, token, n) == 0)
            return 1;
    }
    return 0;
}

static int on_connection(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    (void)h;
    if (has_token(value, "close"))
        p->req.keep_alive = 0;
    else if (has_token(value, "keep-alive"))
        p->req.keep_alive = 1;
    return 1;
}

static int on_host(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    (void)value;
    return !h->host++ || refuse(p, 400, "two Hosts");
}

static int on_expect(CMPSRV_HTTP_PARSER *p, struct headers *h, const char *value)
{
    (void)p;
    h->expect = strcasecmp(value, "100-continue") == 0 ? 1 : -1;
    return 1;
}

static const struct {
    const char *name;
    int (*on)(CMPSRV_HTTP_PARSER *, struct headers *, const char *);
} known_headers[] = {
    {"Content-Length", on_content_length},
    {"Transfer-Encoding", on_transfer_encoding},
    {"Content-Type", on_content_type},
    {"Connection", on_connection},
    {"Host", on_host},
    {"Expect", on_expect},
};

static int read_header(CMPSRV_HTTP_PARSER *p, struct headers *h, char *line)
{
    char *colon = strchr(line, ':'), *value, *end;

    if (colon == NULL || !is_token(line, (size_t)(colon - line)))
        return refuse(p, 400, "header without a name"); /* also a folded line */
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';
    for (const char *c = value; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return refuse(p, 400, "control character in a header");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(known_headers); i++)
        if (strcasecmp(known_headers[i].name, line) == 0)
            return known_headers[i].on(p, h, value);
    return 1;
}

/* The head is whole: how the body comes, or why not. First what is malformed, then method, length,
 * type. */
static int judge_head(CMPSRV_HTTP_PARSER *p, const struct headers *h, const char *method)
{
    static const char *const known[] = {"GET",     "HEAD",  "PUT",   "DELETE",
                                        "OPTIONS", "PATCH", "TRACE", "CONNECT"};

    if (!p->req.http_1_0 && !h->host)
        return refuse(p, 400, "no Host");
    if (h->te && (h->length || p->req.http_1_0))
        return refuse(p, 400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0");
    if (strcmp(method, "POST") != 0) {
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(known); i++)
            if (strcmp(known[i], method) == 0)
                return refuse(p, 405, "method is not POST");
        return refuse(p, 501, "unknown method");
    }
    if (h->te && !h->chunked)
        return refuse(p, 501, "Transfer-Encoding is not chunked");
    if (!h->te && !h->length)
        return refuse(p, 411, "neither Content-Length nor chunked");
    if (h->length_too_large)
        return refuse(p, 413, "Content-Length is too large");
    if (!h->has_type || p->wrong_type)
        return refuse(p, 415, "Content-Type is not application/pkixcmp");
    if (h->expect < 0)
        return refuse(p, 417, "unknown expectation");
    p->req.expect_continue = h->expect > 0;
    p->want = h->length_value;
    p->state = h->chunked ? CHUNK_SIZE : p->want > 0 ? BODY : END;
    return 1;
}

static int parse_head(CMPSRV_HTTP_PARSER *p)
{
    struct headers h = {0};
    char *line = p->head, *next, *method = NULL;

    p->head[p->head_n - 2] = '\0'; /* the empty line */
    next = strstr(line, "\r\n");
    *next = '\0';
    if (!read_request_line(p, line, &method))
        return 0;
    for (line = next + 2; *line != '\0'; line = next + 2) {
        next = strstr(line, "\r\n");
        *next = '\0';
        if (!read_header(p, &h, line))
            return 0;
    }
    return judge_head(p, &h, method);
}

static int take_head(CMPSRV_HTTP_PARSER *p, unsigned char c)
{
    if (p->head_n == CMPSRV_HTTP_MAX_HEADER)
        return refuse(p, 400, "headers over 8 KiB");
    if (c == '\0' || (c == '\n' && (p->head_n == 0 || p->head[p->head_n - 1] != '\r')) ||
        (p->head_n > 0 && p->head[p->head_n - 1] == '\r' && c != '\n'))
        return refuse(p, 400, "NUL, or CR and LF not together");
    p->head[p->head_n++] = (char)c;
    p->head[p->head_n] = '\0';
    if (p->head_n == 2 && memcmp(p->head, "\r\n", 2) == 0)
        return refuse(p, 400, "no request line");
    if (p->head_n >= 4 && memcmp(p->head + p->head_n - 4, "\r\n\r\n", 4) == 0)
        return parse_head(p);
    return 1;
}

/* ---- bodies
 * ---------------------------------------------------------------------------------------------------------
 */

static int append_body(CMPSRV_HTTP_PARSER *p, const unsigned char *data, size_t n)
{
    CMPSRV_BYTES *b = &p->req.body;

    if (b->n + n > p->body_cap) {
        size_t cap = b->n + (p->want > n ? p->want : n);
        unsigned char *grown = OPENSSL_realloc(b->p, cap + 1);

        if (grown == NULL)
            return refuse(p, 503, "out of memory");
        b->p = grown;
        p->body_cap = cap;
    }
    memcpy(b->p + b->n, data, n);
    b->n += n;
    return 1;
}

static size_t take_body(CMPSRV_HTTP_PARSER *p, const unsigned char *data, size_t n)
{
    size_t take = n < p->want ? n : p->want;

    if (!append_body(p, data, take))
        return n;
    p->want -= take;
    if (p->want == 0)
        p->state = p->state == BODY ? END : CHUNK_END;
    return take;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef",
               *at = strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

    return at == NULL || c == '\0' ? -1 : (int)(at - digits);
}

/* chunk-size [ chunk-ext ], without its CRLF */
static int read_chunk_size(CMPSRV_HTTP_PARSER *p)
{
    size_t size = 0, i = 0;

    for (; hex_digit(p->line[i]) >= 0; i++) {
        if (i == 8)
            return refuse(p, 400, "chunk size of more than 8 digits");
        size = size << 4 | (size_t)hex_digit(p->line[i]);
    }
    if (i == 0 || (p->line[i] != '\0' && p->line[i] != ';'))
        return refuse(p, 400, "no chunk size");
    if (size > p->max_body - p->req.body.n)
        return refuse(p, 413, "chunks are too large together");
    p->want = size;
    p->state = size == 0 ? TRAILER : CHUNK_DATA;
    return 1;
}

/* A line of the chunked coding ends: a size, the empty line after a chunk, a trailer or the end. */
static int end_line(CMPSRV_HTTP_PARSER *p)
{
    size_t n = p->line_n;

    p->line[n] = '\0';
    p->line_n = 0;
    switch (p->state) {
    case CHUNK_SIZE:
        return read_chunk_size(p);
    case CHUNK_END:
        if (n != 0)
            return refuse(p, 400, "chunk is longer than it says");
        p->state = CHUNK_SIZE;
        return 1;
    default:
        if (n == 0)
            p->state = END;
        return 1;
    }
}

static int take_line(CMPSRV_HTTP_PARSER *p, unsigned char c)
{
    int after_cr = p->line_n > 0 && p->line[p->line_n - 1] == '\r';

    if (c == '\n' && after_cr) {
        p->line_n--;
        return end_line(p);
    }
    if (c == '\n' || c == '\0' || after_cr)
        return refuse(p, 400, "NUL, or CR and LF not together");
    if (p->line_n == MAX_LINE || (p->state == TRAILER && ++p->trailer_n > MAX_TRAILER))
        return refuse(p, 400, "chunk line or trailer is too long");
    p->line[p->line_n++] = (char)c;
    return 1;
}

CMPSRV_HTTP_PARSE cmpsrv_http_parser_feed(CMPSRV_HTTP_PARSER *p, const unsigned char *data,
                                          size_t n, size_t *used)
{
    size_t i = 0;

    while (i < n && p->state != END && p->state != REFUSED) {
        if (p->state == BODY || p->state == CHUNK_DATA)
            i += take_body(p, data + i, n - i);
        else if (p->state == HEAD)
            take_head(p, data[i++]);
        else
            take_line(p, data[i++]);
    }
    *used = i;
    if (p->state == REFUSED)
        return CMPSRV_HTTP_REFUSED;
    return p->state == END ? CMPSRV_HTTP_DONE : CMPSRV_HTTP_MORE;
}
