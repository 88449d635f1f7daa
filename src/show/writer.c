/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways of writing what the walker finds: indented lines for people, JSON for programs.
 * Nothing that stood in a message reaches a terminal as it is: what is not printable is escaped.
 */
#include "config.h"

#include "show/show_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#define TEXT_OCTETS 32 /* of a long octet string that text shows */

/* ---- places ------------------------------------------------------------------------------------
 */

static void indent(SHOW *s)
{
    for (size_t i = 1; i < s->depth; i++)
        cmpsrv_json_raw(s->out, "  ");
}

/* What stands in front of a value: comma and key, or indentation and name. */
static void begin(SHOW *s, const char *name)
{
    int in_array = s->depth > 0 && s->level[s->depth - 1].is_array;
    char number[24];

    if (s->json) {
        if (s->depth > 0 && s->level[s->depth - 1].n > 0)
            cmpsrv_json_raw(s->out, ",");
        if (s->depth > 0 && !in_array) {
            cmpsrv_json_string(s->out, name);
            cmpsrv_json_raw(s->out, ":");
        }
    } else if (s->depth > 0) {
        indent(s);
        if (in_array) {
            snprintf(number, sizeof(number), "[%zu]", s->level[s->depth - 1].n);
            cmpsrv_json_raw(s->out, number);
        } else {
            cmpsrv_json_raw(s->out, name);
        }
        cmpsrv_json_raw(s->out, ":");
    }
    if (s->depth > 0)
        s->level[s->depth - 1].n++;
}

int show_open(SHOW *s, const char *name, int is_array)
{
    if (s->depth == SHOW_MAX_DEPTH)
        return 0;
    begin(s, name);
    if (s->json)
        cmpsrv_json_raw(s->out, is_array ? "[" : "{");
    else if (s->depth > 0)
        cmpsrv_json_raw(s->out, "\n");
    s->level[s->depth].is_array = is_array;
    s->level[s->depth].n = 0;
    s->depth++;
    return 1;
}

void show_close(SHOW *s)
{
    s->depth--;
    if (s->json)
        cmpsrv_json_raw(s->out, s->level[s->depth].is_array ? "]" : "}");
}

/* ---- values ------------------------------------------------------------------------------------
 */

/* The code point of a valid UTF-8 sequence and its length; 0 if there is none. */
static size_t read_utf8(const unsigned char *p, uint32_t *c)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;

    *c = n == 1 ? p[0] : n == 0 ? 0 : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (p[i] & 0x3f);
    }
    return n;
}

/* Control characters of all kinds, and those that turn the direction of writing. */
static int is_unprintable(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
           (c >= 0xd800 && c < 0xe000);
}

static void put_escaped(SHOW *s, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    char one[8];
    uint32_t c;

    while (*p != '\0') {
        size_t n = read_utf8(p, &c);

        if (n == 0 || is_unprintable(c)) {
            snprintf(one, sizeof(one), "\\x%02x", *p);
            n = 1;
        } else {
            memcpy(one, p, n);
            one[n] = '\0';
        }
        cmpsrv_json_raw(s->out, one);
        p += n;
    }
}

void show_text(SHOW *s, const char *name, const char *text)
{
    begin(s, name);
    if (s->json) {
        cmpsrv_json_string(s->out, text);
        return;
    }
    cmpsrv_json_raw(s->out, " ");
    put_escaped(s, text);
    cmpsrv_json_raw(s->out, "\n");
}

void show_raw(SHOW *s, const char *name, const char *literal)
{
    begin(s, name);
    cmpsrv_json_raw(s->out, s->json ? "" : " ");
    cmpsrv_json_raw(s->out, literal);
    cmpsrv_json_raw(s->out, s->json ? "" : "\n");
}

/* At most `max` octets, and how many there are if that was not all. */
static void put_hex(SHOW *s, CMPSRV_SLICE octets, size_t max)
{
    char hex[2 * TEXT_OCTETS + 1], n[48];
    CMPSRV_SLICE rest = octets;

    while (rest.n > 0 && octets.n - rest.n < max) {
        size_t take = rest.n < TEXT_OCTETS ? rest.n : TEXT_OCTETS;

        cmpsrv_json_raw(s->out, cmpsrv_hex(cmpsrv_slice(rest.p, take), hex, sizeof(hex)));
        rest = cmpsrv_slice(rest.p + take, rest.n - take);
    }
    if (rest.n > 0) {
        snprintf(n, sizeof(n), "... (%zu octets)", octets.n);
        cmpsrv_json_raw(s->out, n);
    }
}

void show_hex(SHOW *s, const char *name, CMPSRV_SLICE octets, const char *text)
{
    begin(s, name);
    if (s->json) {
        cmpsrv_json_raw(s->out, "\"");
        put_hex(s, octets, SIZE_MAX);
        cmpsrv_json_raw(s->out, "\"");
        return;
    }
    cmpsrv_json_raw(s->out, " ");
    put_hex(s, octets, TEXT_OCTETS);
    if (text != NULL) {
        cmpsrv_json_raw(s->out, octets.n > 0 ? "  " : "");
        put_escaped(s, text);
    }
    cmpsrv_json_raw(s->out, "\n");
}

void show_damage(SHOW *s, const char *name, CMPSRV_SLICE at, const char *fmt, ...)
{
    char what[256], offset[40];
    va_list ap;

    s->damaged++;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    begin(s, name);
    snprintf(offset, sizeof(offset), "%zu", (size_t)(at.p - s->base));
    if (s->json) {
        cmpsrv_json_raw(s->out, "{\"damaged\":");
        cmpsrv_json_string(s->out, what);
        cmpsrv_json_raw(s->out, ",\"offset\":");
        cmpsrv_json_raw(s->out, offset);
        cmpsrv_json_raw(s->out, ",\"octets\":\"");
        put_hex(s, at, SIZE_MAX);
        cmpsrv_json_raw(s->out, "\"}");
        return;
    }
    cmpsrv_json_raw(s->out, " DAMAGED at offset ");
    cmpsrv_json_raw(s->out, offset);
    cmpsrv_json_raw(s->out, ": ");
    put_escaped(s, what);
    if (at.n > 0) {
        cmpsrv_json_raw(s->out, ": ");
        put_hex(s, at, TEXT_OCTETS);
    }
    cmpsrv_json_raw(s->out, "\n");
}
