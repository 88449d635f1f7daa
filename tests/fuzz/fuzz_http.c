/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP parser: however the octets are cut, the outcome is the same. The first two choose. */
#include "config.h"

#include <string.h>

#include "fuzz/fuzz.h"
#include "http/http.h"

#define MAX_BODY 4096

typedef struct {
    CMPSRV_HTTP_PARSE outcome;
    int status;
    size_t used;
    char path[600];
    unsigned char body[MAX_BODY];
    size_t body_n;
} RESULT;

static void parse(CMPSRV_HTTP_SERVICE service, const uint8_t *data, size_t size, size_t step,
                  RESULT *r)
{
    CMPSRV_HTTP_PARSER *p = cmpsrv_http_parser_new(service, MAX_BODY);
    CMPSRV_HTTP_REQUEST *q = cmpsrv_http_parser_request(p);
    size_t at = 0, used;

    memset(r, 0, sizeof(*r));
    while (r->outcome == CMPSRV_HTTP_MORE && at < size) {
        size_t n = step < size - at ? step : size - at;

        r->outcome = cmpsrv_http_parser_feed(p, data + at, n, &used);
        MUST(used <= n);
        at += used;
        if (r->outcome == CMPSRV_HTTP_MORE)
            MUST(used == n);
    }
    r->used = r->outcome == CMPSRV_HTTP_REFUSED ? 0 : at;
    if (r->outcome == CMPSRV_HTTP_REFUSED) {
        r->status = q->status;
        MUST(cmpsrv_http_phrase(service, q->status) != NULL && q->problem != NULL);
    } else if (r->outcome == CMPSRV_HTTP_DONE) {
        MUST(q->path[0] == '/' && q->body.n <= MAX_BODY);
        snprintf(r->path, sizeof(r->path), "%s", q->path);
        r->body_n = q->body.n;
        if (q->body.n > 0)
            memcpy(r->body, q->body.p, q->body.n);
    }
    cmpsrv_http_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RESULT whole, pieces;
    CMPSRV_HTTP_SERVICE service;

    if (size < 2)
        return 0;
    service = data[0] % 2 == 0 ? CMPSRV_HTTP_CMP : CMPSRV_HTTP_ADMIN;
    parse(service, data + 2, size - 2, size, &whole);
    parse(service, data + 2, size - 2, 1U + data[1] % 64, &pieces);
    MUST(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    return 0;
}
