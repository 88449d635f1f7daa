/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a dump of EJBCA's aliases: a properties file of Java, or what its command line prints,
 * which is the same without escapes and with lines of the log among it. A line that is no property
 * of an alias is counted and skipped. Called by ejbca.c.
 */
#include "config.h"

#include "conf/ejbca_local.h"

#include <string.h>

/* ---- octets -----------------------------------------------------------------------------------
 */

size_t cmpsrv_ejbca_utf8(const unsigned char *p, size_t left)
{
    size_t n = p[0] == 0                     ? 0
               : p[0] < 0x80                 ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;

    for (size_t i = 1; i < n; i++)
        if (i >= left || (p[i] & 0xc0) != 0x80)
            return 0;
    if ((n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))) ||
        (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))))
        return 0;
    return n;
}

static int is_utf8(CMPSRV_SLICE s)
{
    size_t n;

    for (size_t i = 0; i < s.n; i += n)
        if (s.p[i] == 0)
            n = 1;
        else if ((n = cmpsrv_ejbca_utf8(s.p + i, s.n - i)) == 0)
            return 0;
    return 1;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* The file as UTF-8 text: Java's files were ISO 8859-1 for long. A NUL ends nothing: it becomes a
 * control character, which no value may have. */
static char *make_text(EJBCA_IMPORT *im, CMPSRV_SLICE file)
{
    int utf8 = is_utf8(file);
    char *text = cmpsrv_conf_alloc(&im->pool, 2 * file.n + 1), *out = text;

    for (size_t i = 0; text != NULL && i < file.n; i++)
        if (file.p[i] == 0)
            *out++ = '\x01';
        else if (utf8)
            *out++ = (char)file.p[i];
        else
            out = put_utf8(out, file.p[i]);
    return text;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

typedef struct reader_st {
    const char *p; /* what is not read yet */
    int line;      /* number of the line at p */
    char *buf;     /* of one logical line */
} READER;

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\f");
}

static const char *skip_newline(const char *p)
{
    if (p[0] == '\r' && p[1] == '\n')
        return p + 2;
    return *p == '\0' ? p : p + 1;
}

/* Whether a line ends with an odd number of backslashes. */
static int is_continued(const char *line, size_t n)
{
    size_t backslashes = 0;

    while (backslashes < n && line[n - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

/* The next logical line into r->buf (continued ones joined, escapes still in it) with the number of
 * its first line; 0 at the end. Comments and empty lines are none. */
static int next_line(READER *r, int *line)
{
    size_t used = 0, n;
    int more = 0, found = 0;

    while (*r->p != '\0') {
        const char *start = skip_blanks(r->p), *end = start + strcspn(start, "\r\n");
        n = (size_t)(end - start);
        r->p = skip_newline(end);
        r->line++;
        if (!found && (n == 0 || *start == '#' || *start == '!'))
            continue;
        *line = found ? *line : r->line - 1;
        found = 1;
        more = is_continued(start, n);
        memcpy(r->buf + used, start, more ? n - 1 : n);
        used += more ? n - 1 : n;
        if (!more)
            break;
    }
    r->buf[used] = '\0';
    return found;
}

/* ---- one property -----------------------------------------------------------------------------
 */

static int hex4(const char *p, unsigned *out)
{
    unsigned char b[2];
    char digits[5] = "";

    memcpy(digits, p, strnlen(p, 4));
    if (cmpsrv_unhex(digits, b, sizeof(b)) != 2)
        return 0;
    *out = (unsigned)b[0] << 8 | b[1];
    return 1;
}

/* \uXXXX at *p, or two of them that are one character. */
static int read_unicode(const char **p, char **out)
{
    const char *q = *p;
    unsigned c, low;

    if (q[1] != 'u' || !hex4(q + 2, &c) || c == 0)
        return 0;
    q += 6;
    if (c >= 0xd800 && c < 0xe000) {
        if (c >= 0xdc00 || q[0] != '\\' || q[1] != 'u' || !hex4(q + 2, &low) || low < 0xdc00 ||
            low > 0xdfff)
            return 0;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        q += 6;
    }
    *out = put_utf8(*out, c);
    *p = q;
    return 1;
}

/* Java's escapes, of those that Java writes. Any other backslash stays: EJBCA's command line prints
 * values as they are, and DNs have backslashes. */
static char *unescape(EJBCA_IMPORT *im, const char *p, size_t n)
{
    static const char from[] = "tnrf\\=:#! ", to[] = "\t\n\r\f\\=:#! ";
    char *text = cmpsrv_conf_text(&im->pool, p, n), *out = text;
    const char *in, *found;

    if (text == NULL || (in = cmpsrv_conf_text(&im->pool, p, n)) == NULL)
        return NULL;
    while (*in != '\0') {
        if (*in != '\\') {
            *out++ = *in++;
        } else if (in[1] != '\0' && (found = strchr(from, in[1])) != NULL) {
            *out++ = to[found - from];
            in += 2;
        } else if (!read_unicode(&in, &out)) {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return text;
}

/* Length of the key at p: up to a blank, "=" or ":" that no backslash stands before. */
static size_t key_length(const char *p)
{
    size_t n = 0;

    while (p[n] != '\0' && strchr(" \t\f=:", p[n]) == NULL)
        n += p[n] == '\\' && p[n + 1] != '\0' ? 2 : 1;
    return n;
}

/* Takes "KEY = VALUE" apart. */
static int read_property(EJBCA_IMPORT *im, const char *p, char **key, char **value)
{
    size_t n = key_length(p);
    const char *rest = skip_blanks(p + n);

    if (*rest == '=' || *rest == ':')
        rest = skip_blanks(rest + 1);
    *key = unescape(im, p, n);
    *value = unescape(im, rest, strlen(rest));
    return *key != NULL && *value != NULL;
}

/* A word of the line that is ALIAS.KEY with a known key and has "=" behind it: what stands before
 * it is of the log. NULL: there is none. */
static const char *find_behind_noise(const char *line)
{
    for (const char *p = line; *p != '\0'; p = skip_blanks(p + strcspn(p, " \t\f"))) {
        size_t n = key_length(p);
        char word[256];

        if (n >= sizeof(word) || *skip_blanks(p + n) != '=')
            continue;
        memcpy(word, p, n);
        word[n] = '\0';
        if (cmpsrv_ejbca_key_of(word) != NULL)
            return p;
        if (p == line && strchr(word, '.') != NULL) /* an unknown key */
            return NULL;
    }
    return NULL;
}

/* ---- aliases ----------------------------------------------------------------------------------
 */

static int compare_name(const EJBCA_ALIAS *alias, const char *name, size_t n)
{
    int c = strncmp(alias->name, name, n);

    return c != 0 ? c : alias->name[n] != '\0';
}

static EJBCA_ALIAS *get_alias(EJBCA_IMPORT *im, const char *name, size_t n)
{
    EJBCA_ALIAS **at = &im->aliases, *alias;

    while (*at != NULL && compare_name(*at, name, n) < 0)
        at = &(*at)->next;
    if (*at != NULL && compare_name(*at, name, n) == 0)
        return *at;
    if ((alias = cmpsrv_conf_alloc(&im->pool, sizeof(*alias))) == NULL ||
        (alias->name = cmpsrv_conf_text(&im->pool, name, n)) == NULL)
        return NULL;
    alias->next = *at;
    *at = alias;
    return alias;
}

static int add_property(EJBCA_IMPORT *im, EJBCA_ALIAS *alias, EJBCA_PROPERTY property)
{
    EJBCA_PROPERTY **at = &alias->properties;

    while (*at != NULL && strcmp((*at)->key, property.key) != 0)
        at = &(*at)->next;
    if (*at != NULL) {
        property.is_again = 1;
        property.next = (*at)->next;
    } else if ((*at = cmpsrv_conf_alloc(&im->pool, sizeof(**at))) == NULL) {
        return 0;
    }
    **at = property;
    return 1;
}

/* Files the property under its alias. Of an unknown key the alias is what stands before the first
 * dot. 0: no memory. */
static int file_property(EJBCA_IMPORT *im, const char *name, const char *value, int line)
{
    const EJBCA_KEY *known = cmpsrv_ejbca_key_of(name);
    const char *dot = strchr(name, '.');
    size_t n = known != NULL ? strlen(name) - strlen(known->key) - 1
               : dot == NULL ? 0
                             : (size_t)(dot - name);
    EJBCA_PROPERTY property = {.value = value, .line = line, .is_known = known != NULL};
    EJBCA_ALIAS *alias;

    if (n == 0 || name[n + 1] == '\0') {
        im->pub.skipped++;
        return 1;
    }
    property.key = name + n + 1;
    return (alias = get_alias(im, name, n)) != NULL && add_property(im, alias, property);
}

/* A line of the log can look like a property. An alias has a key that EJBCA knows. */
static void drop_what_is_no_alias(EJBCA_IMPORT *im)
{
    for (EJBCA_ALIAS **at = &im->aliases; *at != NULL;) {
        int is_alias = 0;
        size_t n = 0;

        for (const EJBCA_PROPERTY *p = (*at)->properties; p != NULL; p = p->next, n++) {
            const EJBCA_KEY *key = p->is_known ? cmpsrv_ejbca_key(p->key) : NULL;

            is_alias |= key != NULL && (key->flags & EJBCA_STRAY) == 0;
        }
        if (is_alias) {
            at = &(*at)->next;
            continue;
        }
        im->pub.skipped += n;
        *at = (*at)->next;
    }
}

int cmpsrv_ejbca_read(EJBCA_IMPORT *im, CMPSRV_SLICE file)
{
    READER r = {make_text(im, file), 1, cmpsrv_conf_alloc(&im->pool, 2 * file.n + 1)};
    const char *behind;
    char *key, *value;
    int line = 0;

    if (r.p == NULL || r.buf == NULL)
        return 0;
    if (strncmp(r.p, "\xef\xbb\xbf", 3) == 0)
        r.p += 3;
    while (next_line(&r, &line)) {
        behind = find_behind_noise(r.buf);
        if (!read_property(im, behind == NULL ? r.buf : behind, &key, &value) ||
            !file_property(im, key, value, line))
            return 0;
    }
    drop_what_is_no_alias(im);
    return 1;
}
