/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.x request parser (RFC 9112): octets in, one request of the service out (a POST with
 * its body, or a GET), or the status that refuses it. Called by conn.c; does no I/O and knows no
 * clock. A table of states: some collect a line and hand it to a function, the others take counted
 * octets. Every decision falls on an octet or a line, never on how much happened to arrive, so how
 * the input is cut cannot change the outcome. Where the RFC lets a server repair, this one refuses:
 * two readings of one request are what smuggling lives on.
 */
#include "config.h"

#include "http/http.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#define MAX_CHUNK_DIGITS    8
#define MAX_CHUNK_EXTENSION 256 /* octets, over all chunks of a message */
#define MAX_LENGTH_DIGITS   18

enum state {
    REQUEST_LINE,
    HEADER,
    BODY,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END,
    TRAILER,
    DONE,
    REFUSED
};
enum field { HOST, LENGTH, CODING, TYPE, CONNECTION, EXPECT };

typedef struct {
    unsigned char *p;
    size_t n, cap;
} GROWING;

struct cmpsrv_http_parser_st {
    CMPSRV_HTTP_SERVICE service;
    size_t max_body;
    enum state state;
    int started;
    CMPSRV_HTTP_REQUEST req;
    GROWING line, body;
    size_t budget;         /* octets that the lines of this part may still have */
    size_t extension_left; /* the same for chunk extensions */
    uint64_t left;         /* octets still to come of the body or the chunk */
    int skipped_line;  /* the one empty line before a request that RFC 9112 2.2 asks to ignore */
    int method_status; /* 0 for the method of the service */
    unsigned seen;     /* 1 << enum field */
    uint64_t length;
    int chunked, type_ok, close, keep, expect, expect_other;
};

static const struct {
    int status;
    const char *text;
} phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

/* What each service takes. */
static const struct {
    const char *method;
    int has_body; /* which then has the type of CMP */
} services[CMPSRV_HTTP__SERVICES] = {
    [CMPSRV_HTTP_CMP] = {"POST", 1},
    [CMPSRV_HTTP_ADMIN] = {"GET", 0},
};

const char *cmpsrv_http_phrase(CMPSRV_HTTP_SERVICE service, int status)
{
    if (service == CMPSRV_HTTP_CMP && status == 404)
        return CMPSRV_reason_info(CMPSRV_R_NO_SUCH_ALIAS)->text;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return NULL;
}

static int refuse(CMPSRV_HTTP_PARSER *p, int status, const char *problem)
{
    p->state = REFUSED;
    p->req.status = status;
    p->req.problem = problem;
    p->req.expect_continue = 0;
    return 0;
}

/* Grows by doubling with what really came: an announced length alone costs no memory. */
static int append(CMPSRV_HTTP_PARSER *p, GROWING *b, const unsigned char *data, size_t n)
{
    if (n > b->cap - b->n) {
        size_t cap = b->cap < 256 ? 512 : 2 * b->cap;
        unsigned char *q;

        if (cap < b->n + n)
            cap = b->n + n;
        if ((q = OPENSSL_clear_realloc(b->p, b->cap, cap)) == NULL)
            return refuse(p, 503, "out of memory");
        b->p = q;
        b->cap = cap;
    }
    memcpy(b->p + b->n, data, n);
    b->n += n;
    return 1;
}

static void drop(GROWING *b)
{
    OPENSSL_clear_free(b->p, b->n);
    *b = (GROWING){NULL, 0, 0};
}

/* ---- octets and slices; of ASCII, whatever the locale ---------------------------------------- */

static int is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static int is_alnum(unsigned char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_one_of(unsigned char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Whether s is not empty and consists of letters, digits and the others. */
static int is_made_of(CMPSRV_SLICE s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], others))
            return 0;
    return s.n > 0;
}

static int is_token(CMPSRV_SLICE s)
{
    return is_made_of(s, "!#$%&'*+-.^_`|~");
}

static int is_word(CMPSRV_SLICE s, const char *word)
{
    return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static CMPSRV_SLICE skip(CMPSRV_SLICE s, size_t n)
{
    return (CMPSRV_SLICE){s.p + n, s.n - n};
}

static CMPSRV_SLICE trim(CMPSRV_SLICE s)
{
    while (s.n > 0 && is_one_of(s.p[0], " \t"))
        s = skip(s, 1);
    while (s.n > 0 && is_one_of(s.p[s.n - 1], " \t"))
        s.n--;
    return s;
}

/* Splits *rest at the first `at`: *head is before it, *rest after it. 0 if there is none. */
static int cut(CMPSRV_SLICE *rest, char at, CMPSRV_SLICE *head)
{
    const unsigned char *q = rest->n > 0 ? memchr(rest->p, at, rest->n) : NULL;

    if (q == NULL)
        return 0;
    *head = (CMPSRV_SLICE){rest->p, (size_t)(q - rest->p)};
    *rest = skip(*rest, head->n + 1);
    return 1;
}

/* ---- request line ---------------------------------------------------------------------------- */

static int take_version(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE s)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || !is_digit(s.p[5]) || s.p[6] != '.' ||
        !is_digit(s.p[7]) || s.p[5] == '0')
        return refuse(p, 400, "not an HTTP version");
    if (s.p[5] != '1')
        return refuse(p, 505, "not HTTP/1.x");
    p->req.http_1_0 = s.p[7] == '0';
    return 1;
}

static int is_method(CMPSRV_SLICE s, const char *name)
{
    return cmpsrv_slice_eq(s, cmpsrv_slice_str(name));
}

/* 0 for the one that is served, else the status that refuses it, after the headers have been found
 * well-formed. */
static int method_status(CMPSRV_HTTP_SERVICE service, CMPSRV_SLICE method)
{
    static const char *const known[] = {"GET",     "POST",  "HEAD",  "PUT",    "DELETE",
                                        "OPTIONS", "PATCH", "TRACE", "CONNECT"};

    if (is_method(method, services[service].method))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(known); i++)
        if (is_method(method, known[i]))
            return 405;
    return 501;
}

/* Takes scheme and authority off an absolute-form target. 0 if they are not well-formed. */
static int strip_authority(CMPSRV_SLICE *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    size_t n, host, i;

    for (i = 0; i < CMPSRV_ARRAY_SIZE(schemes); i++) {
        n = strlen(schemes[i]);
        if (target->n > n && is_word((CMPSRV_SLICE){target->p, n}, schemes[i]))
            break;
    }
    if (i == CMPSRV_ARRAY_SIZE(schemes))
        return 0;
    *target = skip(*target, n);
    for (host = 0; host < target->n && !is_one_of(target->p[host], "/?"); host++)
        if (target->p[host] == '@')
            return 0;
    *target = skip(*target, host);
    return host > 0;
}

/* Origin-form and absolute-form; "*" and host:port only with the methods that have them, which are
 * refused later for what they are. */
static int take_target(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE method, CMPSRV_SLICE target)
{
    int special =
        (is_method(method, "OPTIONS") && is_word(target, "*")) || is_method(method, "CONNECT");
    size_t slash;

    if (!is_made_of(target, "-._~:/?[]@!$&'()*+,;=%"))
        return refuse(p, 400, "request target has characters that a URI has not");
    if (target.p[0] != '/' && !special && !strip_authority(&target))
        return refuse(p, 400, "request target is neither a path nor http://host/path");
    slash = target.n == 0 || target.p[0] != '/';
    if ((p->req.path = OPENSSL_malloc(slash + target.n + 1)) == NULL)
        return refuse(p, 503, "out of memory");
    p->req.path[0] = '/';
    memcpy(p->req.path + slash, target.p, target.n);
    p->req.path[slash + target.n] = '\0';
    return 1;
}

static int take_request_line(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line)
{
    CMPSRV_SLICE method, target;

    if (line.n == 0 && !p->skipped_line) {
        p->skipped_line = 1;
        return 1;
    }
    if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || !is_token(method))
        return refuse(p, 400, "request line is not METHOD SP target SP version");
    if (!take_version(p, line) || !take_target(p, method, target))
        return 0;
    p->method_status = method_status(p->service, method);
    p->state = HEADER;
    return 1;
}

/* ---- header fields --------------------------------------------------------------------------- */

static int take_host(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    if (value.n > 0 && !is_made_of(value, "-._~:[]!$&'()*+,;=%"))
        return refuse(p, 400, "Host is not host[:port]");
    return 1;
}

static int take_length(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    if (value.n == 0 || value.n > MAX_LENGTH_DIGITS)
        return refuse(p, 400, "Content-Length is empty or too long");
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i]))
            return refuse(p, 400, "Content-Length is not made of digits");
        p->length = 10 * p->length + (uint64_t)(value.p[i] - '0');
    }
    return 1;
}

static int take_coding(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    p->chunked = is_word(value, "chunked");
    return 1;
}

static int take_type(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    CMPSRV_SLICE type = value;

    cut(&value, ';', &type);
    type = trim(type);
    p->type_ok = is_word(type, "application/pkixcmp") || is_word(type, "application/pkixcmp-poll");
    return 1;
}

static int take_connection(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    CMPSRV_SLICE option;
    int more;

    do {
        more = cut(&value, ',', &option);
        option = trim(more ? option : value);
        p->close |= is_word(option, "close");
        p->keep |= is_word(option, "keep-alive");
    } while (more);
    return 1;
}

static int take_expect(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value)
{
    if (is_word(value, "100-continue"))
        p->expect = 1;
    else
        p->expect_other = 1;
    return 1;
}

static const struct {
    const char *name;
    int once; /* a second one is a second reading of the request: 400 */
    int (*take)(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE value);
} fields[] = {
    [HOST] = {"Host", 1, take_host},
    [LENGTH] = {"Content-Length", 1, take_length},
    [CODING] = {"Transfer-Encoding", 1, take_coding},
    [TYPE] = {"Content-Type", 1, take_type},
    [CONNECTION] = {"Connection", 0, take_connection},
    [EXPECT] = {"Expect", 0, take_expect},
};

static int has(const CMPSRV_HTTP_PARSER *p, enum field f)
{
    return (p->seen >> f & 1) != 0;
}

/* field-name ":" OWS value OWS, without a space before the colon and without obs-fold. */
static int split_field(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line, CMPSRV_SLICE *name,
                       CMPSRV_SLICE *value)
{
    if (is_one_of(line.p[0], " \t"))
        return refuse(p, 400, "folded header line");
    if (!cut(&line, ':', name) || !is_token(*name))
        return refuse(p, 400, "header line is not name: value");
    *value = trim(line);
    return 1;
}

static void enter_lines(CMPSRV_HTTP_PARSER *p, enum state state, size_t budget)
{
    p->state = state;
    p->budget = budget;
}

static int finish(CMPSRV_HTTP_PARSER *p)
{
    p->req.body = (CMPSRV_BYTES){p->body.p, p->body.n};
    p->body = (GROWING){NULL, 0, 0};
    p->state = DONE;
    return 1;
}

static void enter_chunk_size(CMPSRV_HTTP_PARSER *p)
{
    enter_lines(p, CHUNK_SIZE, MAX_CHUNK_DIGITS + p->extension_left + 2);
}

static int begin_body(CMPSRV_HTTP_PARSER *p)
{
    p->req.keep_alive = !p->close && (!p->req.http_1_0 || p->keep);
    /* HTTP/1.0 knows no interim answers: RFC 9110 10.1.1 */
    p->req.expect_continue = p->expect && !p->req.http_1_0 && (p->chunked || p->length > 0);
    if (p->chunked) {
        enter_chunk_size(p);
        return 1;
    }
    p->state = BODY;
    p->left = p->length;
    return p->left > 0 || finish(p);
}

/* What the headers say as a whole: malformed first, then the method, the length, the type. */
static int end_headers(CMPSRV_HTTP_PARSER *p)
{
    if (!has(p, HOST) && !p->req.http_1_0)
        return refuse(p, 400, "HTTP/1.1 without Host");
    if (has(p, LENGTH) && has(p, CODING))
        return refuse(p, 400, "Content-Length and Transfer-Encoding");
    if (has(p, CODING) && p->req.http_1_0)
        return refuse(p, 400, "Transfer-Encoding with HTTP/1.0");
    if (p->method_status != 0)
        return refuse(p, p->method_status, "not the method that is served here");
    if (has(p, CODING) && !p->chunked)
        return refuse(p, 501, "Transfer-Encoding is not chunked");
    if (!services[p->service].has_body)
        return has(p, CODING) || p->length > 0 ? refuse(p, 413, "a body where none belongs")
                                               : begin_body(p);
    if (!has(p, LENGTH) && !has(p, CODING))
        return refuse(p, 411, "neither Content-Length nor chunked");
    if (p->length > p->max_body)
        return refuse(p, 413, "Content-Length over the limit");
    if (!p->type_ok)
        return refuse(p, 415, "Content-Type is not application/pkixcmp");
    if (p->expect_other && !p->req.http_1_0)
        return refuse(p, 417, "Expect is not 100-continue");
    return begin_body(p);
}

static int take_header(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line)
{
    CMPSRV_SLICE name, value;

    if (line.n == 0)
        return end_headers(p);
    if (!split_field(p, line, &name, &value))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(fields); i++) {
        if (!is_word(name, fields[i].name))
            continue;
        if (fields[i].once && has(p, (enum field)i))
            return refuse(p, 400, "a header field that may come once came twice");
        p->seen |= 1U << i;
        return fields[i].take(p, value);
    }
    return 1;
}

/* ---- body ------------------------------------------------------------------------------------ */

static int hex_value(unsigned char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_chunk_size(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line)
{
    CMPSRV_SLICE extension;
    uint64_t size = 0;
    size_t i;

    for (i = 0; i < line.n && i < MAX_CHUNK_DIGITS && hex_value(line.p[i]) >= 0; i++)
        size = 16 * size + (uint64_t)hex_value(line.p[i]);
    extension = skip(line, i);
    if (i == 0 || extension.n > p->extension_left)
        return refuse(p, 400, "chunk without a size, or its extension is too long");
    if (extension.n > 0 && (trim(extension).n == 0 || trim(extension).p[0] != ';'))
        return refuse(p, 400, "chunk size is not hex of at most 8 digits");
    p->extension_left -= extension.n;
    if (size > p->max_body - p->body.n)
        return refuse(p, 413, "chunks over the limit");
    p->left = size;
    p->state = CHUNK_DATA;
    if (size == 0)
        enter_lines(p, TRAILER, CMPSRV_HTTP_MAX_HEADER);
    return 1;
}

static int take_chunk_end(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line)
{
    if (line.n > 0)
        return refuse(p, 400, "chunk longer than its size");
    enter_chunk_size(p);
    return 1;
}

/* Trailers are checked like headers and mean nothing. */
static int take_trailer(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line)
{
    CMPSRV_SLICE name, value;

    return line.n == 0 ? finish(p) : split_field(p, line, &name, &value);
}

static size_t take_counted(CMPSRV_HTTP_PARSER *p, const unsigned char *data, size_t n)
{
    if (n > p->left)
        n = (size_t)p->left;
    if (!append(p, &p->body, data, n))
        return n;
    p->left -= n;
    if (p->left == 0 && p->state == BODY)
        finish(p);
    else if (p->left == 0)
        enter_lines(p, CHUNK_END, 2);
    return n;
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* The states that take lines; the others take counted octets. */
static int (*const line_states[])(CMPSRV_HTTP_PARSER *p, CMPSRV_SLICE line) = {
    [REQUEST_LINE] = take_request_line, [HEADER] = take_header,   [CHUNK_SIZE] = take_chunk_size,
    [CHUNK_END] = take_chunk_end,       [TRAILER] = take_trailer,
};

static int take_octet(CMPSRV_HTTP_PARSER *p, unsigned char c)
{
    int after_cr = p->line.n > 0 && p->line.p[p->line.n - 1] == '\r';
    CMPSRV_SLICE line;

    if (p->budget == 0)
        return refuse(p, 400, "lines longer than allowed");
    p->budget--;
    if (after_cr != (c == '\n'))
        return refuse(p, 400, "CR or LF that does not end a line");
    if ((c < 0x20 && !is_one_of(c, "\t\r\n")) || c == 0x7f)
        return refuse(p, 400, "control character");
    if (c != '\n')
        return append(p, &p->line, &c, 1);
    line = (CMPSRV_SLICE){p->line.p, p->line.n - 1};
    p->line.n = 0;
    return line_states[p->state](p, line);
}

CMPSRV_HTTP_PARSE cmpsrv_http_parser_feed(CMPSRV_HTTP_PARSER *p, const unsigned char *data,
                                          size_t n, size_t *used)
{
    size_t i = 0;

    while (i < n && p->state < DONE) {
        p->started = 1;
        if (p->state > HEADER)
            p->req.expect_continue = 0; /* it did not wait */
        if (p->state == BODY || p->state == CHUNK_DATA)
            i += take_counted(p, data + i, n - i);
        else
            take_octet(p, data[i++]);
    }
    *used = i;
    return p->state < DONE ? CMPSRV_HTTP_MORE
                           : (p->state == DONE ? CMPSRV_HTTP_DONE : CMPSRV_HTTP_REFUSED);
}

CMPSRV_HTTP_PARSER *cmpsrv_http_parser_new(CMPSRV_HTTP_SERVICE service, size_t max_body)
{
    CMPSRV_HTTP_PARSER *p = OPENSSL_zalloc(sizeof(*p));

    if (p != NULL) {
        p->service = service;
        p->max_body = max_body;
        cmpsrv_http_parser_reset(p);
    }
    return p;
}

/* Gives all memory back, so that an idle connection holds next to nothing. */
void cmpsrv_http_parser_reset(CMPSRV_HTTP_PARSER *p)
{
    CMPSRV_HTTP_PARSER kept = {.service = p->service, .max_body = p->max_body};

    OPENSSL_free(p->req.path);
    cmpsrv_bytes_wipe(&p->req.body);
    drop(&p->line);
    drop(&p->body);
    *p = kept;
    p->extension_left = MAX_CHUNK_EXTENSION;
    enter_lines(p, REQUEST_LINE, CMPSRV_HTTP_MAX_HEADER);
}

void cmpsrv_http_parser_free(CMPSRV_HTTP_PARSER *p)
{
    if (p == NULL)
        return;
    cmpsrv_http_parser_reset(p);
    OPENSSL_free(p);
}

CMPSRV_HTTP_REQUEST *cmpsrv_http_parser_request(CMPSRV_HTTP_PARSER *p)
{
    return &p->req;
}

int cmpsrv_http_parser_started(const CMPSRV_HTTP_PARSER *p)
{
    return p->started;
}
