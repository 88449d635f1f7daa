/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit records as they are kept. A record is JSON, which has no octets below 0x20, so these stand
 * for more: one octet for each of our own words; 0x1f, a length and octets for hexadecimal digits,
 * twice as many; 0x1e, a distance and a length for what stood in the text that far before. A record
 * that was never packed reads as it is. What is hashed is the text (audit.c); knows nothing of what
 * a record says.
 */
#include "config.h"

#include "store/store_local.h"

#include <string.h>

#include <openssl/crypto.h>

#define HEX      0x1f
#define COPY     0x1e
#define MIN_HEX  8   /* digits: fewer are not worth it */
#define MIN_COPY 4   /* octets */
#define MAX_ONE  255 /* what a distance or length octet can say */
#define MAX_BACK 8   /* values that are looked at again */

/* words[i] is the octet i + 1. Stores have these octets in them: words may be added at the end, up
 * to 0x1d, and never changed. Of two words with the same beginning the longer one stands first. */
static const char *const words[] = {
    "{\"event\":\"issued\",\"alias\":\"",
    "{\"event\":\"confirmed\",\"alias\":\"",
    "{\"event\":\"",
    "\",\"alias\":\"",
    "\",\"tid\":\"",
    "\",\"body\":\"",
    "\",\"module\":\"HMAC\",\"source\":\"alias\",\"identity\":\"",
    "\",\"module\":\"EndEntityCertificate\",\"source\":\"",
    "\",\"module\":\"",
    "\",\"source\":\"",
    "\",\"identity\":\"",
    "\",\"ca\":\"",
    "\",\"serial\":\"",
    "\",\"entity\":\"",
    "\",\"subject\":\"CN=",
    "\",\"subject\":\"",
    "\",\"reason\":\"",
    "\",\"failInfo\":\"",
    "\",\"detail\":\"",
    "\",\"crlReason\":",
    "\",\"operator\":\"",
    "\"}",
};

/* The word that s begins with: its octet, 0 if there is none. */
static unsigned char word_at(const char *s, size_t *n)
{
    if (*s != '"' && *s != '{')
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(words); i++)
        if (strncmp(s, words[i], *n = strlen(words[i])) == 0)
            return (unsigned char)(i + 1);
    return 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many digits s begins with: an even number, no more than a length octet can say. */
static size_t digits_at(const char *s)
{
    size_t n = 0;

    while (n < (size_t)2 * MAX_ONE && digit(s[n]) >= 0)
        n++;
    return n < MIN_HEX ? 0 : n & ~(size_t)1;
}

/* Where values began, that the next one may repeat: a name that is the subject's, too. */
typedef struct {
    const char *v[MAX_BACK];
    size_t n;
} VALUES;

/* How much of an earlier value s, where a value begins, repeats; *back is how far before it is. */
static size_t repeat_at(VALUES *values, const char *s, size_t *back)
{
    size_t best = 0;

    for (size_t i = 0; i < values->n; i++) {
        const char *from = values->v[i];
        size_t n = 0;

        if (s - from > MAX_ONE)
            continue;
        while (n < MAX_ONE && from + n < s && s[n] != '\0' && s[n] == from[n])
            n++;
        if (n > best) {
            best = n;
            *back = (size_t)(s - from);
        }
    }
    if (values->n < MAX_BACK)
        values->v[values->n++] = s;
    else
        values->v[MAX_BACK - 1] = s;
    return best < MIN_COPY ? 0 : best;
}

static unsigned char *put_hex(unsigned char *p, const char *text, size_t len)
{
    *p++ = HEX;
    *p++ = (unsigned char)(len / 2);
    for (size_t i = 0; i < len; i += 2)
        *p++ = (unsigned char)(digit(text[i]) << 4 | digit(text[i + 1]));
    return p;
}

int cmpsrv_audit_pack(const char *text, unsigned char *out, size_t *n)
{
    unsigned char *p = out, word = 0;
    VALUES values = {.n = 0};
    size_t len, back = 0;
    int is_value = 0;

    for (; *text != '\0'; text += len, is_value = word != 0) {
        if ((unsigned char)*text < 0x20)
            return 0;
        if ((word = word_at(text, &len)) != 0) {
            *p++ = word;
        } else if (is_value && (len = repeat_at(&values, text, &back)) > 0) {
            *p++ = COPY;
            *p++ = (unsigned char)back;
            *p++ = (unsigned char)len;
        } else if ((len = digits_at(text)) > 0) {
            p = put_hex(p, text, len);
        } else {
            *p++ = (unsigned char)*text;
            len = 1;
        }
    }
    *n = (size_t)(p - out);
    return 1;
}

/* Each of the next: how many octets of text `in` begins with, which go to out, unless that is NULL.
 * `so_far` are before it. *took: octets of `in`. 0: it is damaged. */
static size_t unpack_hex(CMPSRV_SLICE in, char *out, size_t *took)
{
    if (in.n < 2 || in.p[1] == 0 || in.n - 2 < in.p[1])
        return 0;
    *took = (size_t)2 + in.p[1];
    if (out != NULL)
        cmpsrv_hex(cmpsrv_slice(in.p + 2, in.p[1]), out, (size_t)2 * in.p[1] + 1);
    return (size_t)2 * in.p[1];
}

static size_t unpack_copy(CMPSRV_SLICE in, size_t so_far, char *out, size_t *took)
{
    size_t back = in.n < 3 ? 0 : in.p[1], n = in.n < 3 ? 0 : in.p[2];

    if (n == 0 || n > back || back > so_far)
        return 0;
    *took = 3;
    if (out != NULL)
        memcpy(out, out - back, n);
    return n;
}

static size_t unpack_one(CMPSRV_SLICE in, size_t so_far, char *out, size_t *took)
{
    unsigned char first = in.p[0];
    size_t n;

    *took = 1;
    if (first == HEX)
        return unpack_hex(in, out, took);
    if (first == COPY)
        return unpack_copy(in, so_far, out, took);
    if (first >= 0x20) {
        if (out != NULL)
            *out = (char)first;
        return 1;
    }
    if (first == 0 || first > CMPSRV_ARRAY_SIZE(words))
        return 0;
    n = strlen(words[first - 1]);
    if (out != NULL)
        memcpy(out, words[first - 1], n);
    return n;
}

char *cmpsrv_audit_unpack(CMPSRV_SLICE packed)
{
    size_t total = 0, at = 0, took, n;
    char *text;

    for (CMPSRV_SLICE in = packed; in.n > 0; in.p += took, in.n -= took) {
        if ((n = unpack_one(in, total, NULL, &took)) == 0)
            return NULL;
        total += n;
    }
    if ((text = OPENSSL_malloc(total + 1)) == NULL)
        return NULL;
    for (CMPSRV_SLICE in = packed; in.n > 0; in.p += took, in.n -= took)
        at += unpack_one(in, at, text + at, &took);
    text[at] = '\0';
    return text;
}
