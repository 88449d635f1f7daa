/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON: one growing buffer, strings that are valid whatever goes in. */
#include "config.h"

#include "base/base.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

static void put(CMPSRV_JSON *j, const char *text, size_t n)
{
    if (j->failed)
        return;
    if (j->n + n + 1 > j->cap) {
        size_t cap = j->cap == 0 ? 256 : j->cap;
        char *p;

        while (cap < j->n + n + 1)
            cap *= 2;
        if ((p = OPENSSL_realloc(j->p, cap)) == NULL) {
            j->failed = 1;
            return;
        }
        j->p = p;
        j->cap = cap;
    }
    memcpy(j->p + j->n, text, n);
    j->n += n;
    j->p[j->n] = '\0';
}

void cmpsrv_json_raw(CMPSRV_JSON *j, const char *text)
{
    put(j, text, strlen(text));
}

/* Octets of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : (s[0] & 0xf0) == 0xe0       ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) ||
        (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))))
        return 0;
    return n;
}

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What is not plain, at the beginning of s; returns how many octets of s that was. */
static size_t put_special(CMPSRV_JSON *j, const unsigned char *s)
{
    size_t n = utf8_length(s);
    char escaped[8];

    if (n == 0) {
        put(j, "\xef\xbf\xbd", 3);
        return 1;
    }
    if (*s == '"' || *s == '\\') {
        snprintf(escaped, sizeof(escaped), "\\%c", *s);
        put(j, escaped, 2);
    } else if (*s < 0x20 || *s == 0x7f) {
        snprintf(escaped, sizeof(escaped), "\\u%04x", *s);
        put(j, escaped, 6);
    } else {
        put(j, (const char *)s, n);
    }
    return n;
}

void cmpsrv_json_string(CMPSRV_JSON *j, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n;

    put(j, "\"", 1);
    while (*s != '\0') {
        for (n = 0; is_plain(s[n]); n++)
            ;
        put(j, (const char *)s, n);
        s += n;
        if (*s != '\0')
            s += put_special(j, s);
    }
    put(j, "\"", 1);
}

static void put_key(CMPSRV_JSON *j, const char *key)
{
    if (j->n > 0 && j->p[j->n - 1] != '{')
        put(j, ",", 1);
    cmpsrv_json_string(j, key);
    put(j, ":", 1);
}

void cmpsrv_json_field(CMPSRV_JSON *j, const char *key, const char *value)
{
    if (value == NULL)
        return;
    put_key(j, key);
    cmpsrv_json_string(j, value);
}

void cmpsrv_json_field_int(CMPSRV_JSON *j, const char *key, int64_t value)
{
    char number[24];

    put_key(j, key);
    snprintf(number, sizeof(number), "%lld", (long long)value);
    cmpsrv_json_raw(j, number);
}

void cmpsrv_json_field_raw(CMPSRV_JSON *j, const char *key, const char *json)
{
    put_key(j, key);
    cmpsrv_json_raw(j, json);
}

char *cmpsrv_json_finish(CMPSRV_JSON *j)
{
    char *p = j->p;

    if (j->failed) {
        OPENSSL_free(p);
        p = NULL;
    }
    memset(j, 0, sizeof(*j));
    return p;
}
