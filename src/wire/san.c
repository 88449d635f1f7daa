/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject alternative names as text, both ways, for operators: GeneralName of RFC 5280 4.2.1.6 as
 * "TYPE:VALUE", with the names of types that RFC, OpenSSL and EJBCA have. What goes in is held to
 * what the RFC asks of each type; what comes out may be from a request and has no control
 * characters.
 */
#include "config.h"

#include "wire/algs.h"
#include "wire/names.h"
#include "wire/wire_local.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#define MAX_TEXT 4096
#define MAX_HOST 253 /* RFC 1035 2.3.4, without the dot at the end */

/* id-ms-UPN, 1.3.6.1.4.1.311.20.2.3 */
static const CMPSRV_SLICE upn = OID_INIT("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03");

/* ---- in: each writes what stands in the GeneralName's [n], or gives 0 --------------------------
 */

static int is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

/* UTF-8 without control characters, at least one. */
static int is_text(CMPSRV_SLICE s)
{
    uint32_t c;

    if (s.n == 0)
        return 0;
    while (s.n > 0)
        if (!cmpsrv_name_char(DER_UTF8STRING, &s, &c) || is_control(c))
            return 0;
    return 1;
}

static int is_label(const char *p, size_t n)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-_";

    return n >= 1 && n <= 63 && strspn(p, allowed) >= n && p[0] != '-' && p[n - 1] != '-';
}

/* Underscores are no part of a host name, and are in use. A number at the end is an address. */
static int is_host(const char *p)
{
    size_t n;

    if (strlen(p) > MAX_HOST)
        return 0;
    for (;; p += n + 1) {
        n = strcspn(p, ".");
        if (!is_label(p, n))
            return 0;
        if (p[n] == '\0')
            return strspn(p, "0123456789") < n;
    }
}

static int put_dns(CMPSRV_DERW *w, const char *value)
{
    if (strlen(value) > MAX_HOST || !is_host(strncmp(value, "*.", 2) == 0 ? value + 2 : value))
        return 0;
    cmpsrv_derw_raw(w, cmpsrv_slice_str(value));
    return 1;
}

/* Visible ASCII that is none of `but`. */
static int is_visible(const char *p, size_t n, const char *but)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= 0x20 || p[i] >= 0x7f || strchr(but, p[i]) != NULL)
            return 0;
    return n > 0;
}

/* RFC 5280: a Mailbox, without name and angle brackets. */
static int put_email(CMPSRV_DERW *w, const char *value)
{
    const char *at = strrchr(value, '@');

    if (at == NULL || at - value > 64 ||
        !is_visible(value, (size_t)(at - value), "@<>()[],;:\\\"") || !is_host(at + 1))
        return 0;
    cmpsrv_derw_raw(w, cmpsrv_slice_str(value));
    return 1;
}

/* RFC 3986 3: scheme and something after it. */
static int put_uri(CMPSRV_DERW *w, const char *value)
{
    static const char scheme[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789+-.";
    size_t n = strspn(value, scheme);

    if ((value[0] | 0x20) < 'a' || (value[0] | 0x20) > 'z' || value[n] != ':' ||
        !is_visible(value + n + 1, strlen(value + n + 1), "\"<>\\^`{|}"))
        return 0;
    cmpsrv_derw_raw(w, cmpsrv_slice_str(value));
    return 1;
}

static int put_ip(CMPSRV_DERW *w, const char *value)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, value, address) == 1)
        cmpsrv_derw_raw(w, cmpsrv_slice(address, 4));
    else if (inet_pton(AF_INET6, value, address) == 1)
        cmpsrv_derw_raw(w, cmpsrv_slice(address, 16));
    else
        return 0;
    return 1;
}

static int put_directory(CMPSRV_DERW *w, const char *value)
{
    CMPSRV_BYTES name = {0};
    int ok =
        cmpsrv_name_parse(value, &name, NULL) && !cmpsrv_name_is_empty(cmpsrv_bytes_slice(&name));

    if (ok)
        cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&name));
    cmpsrv_bytes_clear(&name);
    return ok;
}

static int put_registered(CMPSRV_DERW *w, const char *value)
{
    unsigned char buf[CMPSRV_MAX_OID];
    CMPSRV_SLICE oid;

    if (!cmpsrv_oid_from_text(value, buf, &oid))
        return 0;
    cmpsrv_derw_raw(w, oid);
    return 1;
}

/* type-id and value [0] EXPLICIT UTF8String */
static int put_utf8_name(CMPSRV_DERW *w, CMPSRV_SLICE oid, const char *text)
{
    if (!is_text(cmpsrv_slice_str(text)))
        return 0;
    cmpsrv_derw_oid(w, oid);
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_utf8(w, text);
    cmpsrv_derw_end(w);
    return 1;
}

static int put_upn(CMPSRV_DERW *w, const char *value)
{
    return put_utf8_name(w, upn, value);
}

static int put_other(CMPSRV_DERW *w, const char *value)
{
    unsigned char buf[CMPSRV_MAX_OID];
    char dotted[4 * CMPSRV_MAX_OID];
    size_t n = strcspn(value, ";");
    CMPSRV_SLICE oid;

    if (n >= sizeof(dotted) || strncasecmp(value + n, ";UTF8:", 6) != 0)
        return 0;
    memcpy(dotted, value, n);
    dotted[n] = '\0';
    return cmpsrv_oid_from_text(dotted, buf, &oid) && put_utf8_name(w, oid, value + n + 6);
}

/* ---- out: the content of a GeneralName's [n], whose shape has been checked ---------------------
 */

static void put_text(CMPSRV_DERW *w, const char *text)
{
    cmpsrv_derw_raw(w, cmpsrv_slice_str(text));
}

static void write_hex(CMPSRV_DERW *w, CMPSRV_SLICE s)
{
    char octet[3];

    put_text(w, "#");
    for (size_t i = 0; i < s.n; i++)
        put_text(w, cmpsrv_hex(cmpsrv_slice(s.p + i, 1), octet, sizeof(octet)));
}

static void write_ia5(CMPSRV_DERW *w, CMPSRV_SLICE s)
{
    char hex[8];

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f) {
            cmpsrv_derw_raw(w, cmpsrv_slice(s.p + i, 1));
            continue;
        }
        snprintf(hex, sizeof(hex), "\\x%02x", s.p[i]);
        put_text(w, hex);
    }
}

static void write_ip(CMPSRV_DERW *w, CMPSRV_SLICE s)
{
    char text[INET6_ADDRSTRLEN] = "?";

    inet_ntop(s.n == 4 ? AF_INET : AF_INET6, s.p, text, sizeof(text));
    put_text(w, text);
}

/* One that is no good name has no text. */
static void write_directory(CMPSRV_DERW *w, CMPSRV_SLICE s)
{
    char *text = cmpsrv_name_text(s);

    if (text == NULL)
        write_hex(w, s);
    else
        put_text(w, text);
    OPENSSL_free(text);
}

static void write_oid(CMPSRV_DERW *w, CMPSRV_SLICE s)
{
    char dotted[256];

    put_text(w, cmpsrv_der_oid_text(s, dotted, sizeof(dotted)));
}

/* ---- the types ---------------------------------------------------------------------------------
 */

typedef struct {
    const char *name;     /* as RFC 5280 has it: what we write */
    const char *names[3]; /* as others have it */
    int tag;
    int (*put)(CMPSRV_DERW *w, const char *value); /* NULL: only written, not read */
    void (*write)(CMPSRV_DERW *w, CMPSRV_SLICE content);
    const char *allowed;
} SAN_TYPE;

static const SAN_TYPE types[] = {
    {"dNSName",
     {"DNS"},
     DER_CONTEXT(2),
     put_dns,
     write_ia5,
     "a host name of ASCII letters, digits, - and _; labels of at most 63, in all 253; the first "
     "may be *, the last no number"},
    {"rfc822Name", {"email"}, DER_CONTEXT(1), put_email, write_ia5, "user@host in ASCII"},
    {"uniformResourceIdentifier",
     {"URI", "URL"},
     DER_CONTEXT(6),
     put_uri,
     write_ia5,
     "scheme:... in the characters of RFC 3986"},
    {"iPAddress", {"IP"}, DER_CONTEXT(7), put_ip, write_ip, "an address of IPv4 or IPv6"},
    {"directoryName",
     {"dirName"},
     DER_CONTEXT_CONSTRUCTED(4),
     put_directory,
     write_directory,
     "a name as CN=a,O=b"},
    {"registeredID", {"RID"}, DER_CONTEXT(8), put_registered, write_oid, "an OID as 1.2.3"},
    {"upn", {NULL}, DER_CONTEXT_CONSTRUCTED(0), put_upn, NULL, "a text in UTF-8, as user@domain"},
    {"otherName", {NULL}, DER_CONTEXT_CONSTRUCTED(0), put_other, NULL, "OID;UTF8:text"},
    {"x400Address", {NULL}, DER_CONTEXT_CONSTRUCTED(3), NULL, write_hex, NULL},
    {"ediPartyName", {NULL}, DER_CONTEXT_CONSTRUCTED(5), NULL, write_hex, NULL},
};

static int is_type(const SAN_TYPE *t, const char *name, size_t n)
{
    if (strlen(t->name) == n && strncasecmp(t->name, name, n) == 0)
        return 1;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t->names) && t->names[i] != NULL; i++)
        if (strlen(t->names[i]) == n && strncasecmp(t->names[i], name, n) == 0)
            return 1;
    return 0;
}

static int parse_one(const char *text, CMPSRV_DERW *w, CMPSRV_REFUSAL *why)
{
    size_t n = strcspn(text, ":");
    char shown[64];

    if (strlen(text) > MAX_TEXT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "name longer than %d characters", MAX_TEXT);
    for (size_t i = 0; text[n] == ':' && i < CMPSRV_ARRAY_SIZE(types); i++) {
        if (types[i].put == NULL || !is_type(&types[i], text, n))
            continue;
        cmpsrv_derw_begin(w, types[i].tag);
        if (!types[i].put(w, text + n + 1))
            return cmpsrv_refuse(
                why, CMPSRV_R_BAD_NAME, "RFC 5280 4.2.1.6: %s \"%s\": want %s", types[i].name,
                cmpsrv_escape(cmpsrv_slice_str(text + n + 1), shown, sizeof(shown)),
                types[i].allowed);
        cmpsrv_derw_end(w);
        return 1;
    }
    return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME,
                         "\"%s\": want TYPE:VALUE with TYPE one of dNSName (DNS), rfc822Name "
                         "(email), uniformResourceIdentifier (URI), iPAddress (IP), directoryName "
                         "(dirName), registeredID (RID), upn, otherName",
                         cmpsrv_escape(cmpsrv_slice_str(text), shown, sizeof(shown)));
}

int cmpsrv_san_parse(const char *const *texts, size_t n, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES san = {0};

    if (n < 1 || n > CMPSRV_MAX_SAN)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "%zu names: want 1 to %d", n, CMPSRV_MAX_SAN);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    for (size_t i = 0; i < n; i++)
        if (!parse_one(texts[i], &w, why)) {
            cmpsrv_derw_clear(&w);
            return 0;
        }
    cmpsrv_derw_end(&w);
    if (!cmpsrv_derw_finish(&w, &san))
        return cmpsrv_fail(why, "out of memory");
    cmpsrv_bytes_clear(out);
    *out = san;
    return 1;
}

/* otherName, which is upn if it is one: only UTF8String has a text. */
static void write_other(CMPSRV_DERW *w, CMPSRV_SLICE content)
{
    CMPSRV_SLICE oid, value, text = {0};

    if (!cmpsrv_der_get(&content, DER_OID, &oid) ||
        !cmpsrv_der_get(&content, DER_CONTEXT_CONSTRUCTED(0), &value))
        return;
    cmpsrv_der_opt(&(CMPSRV_SLICE){value.p, value.n}, DER_UTF8STRING, &text);
    if (!is_text(text))
        text = cmpsrv_slice(NULL, 0);
    if (text.p != NULL && cmpsrv_slice_eq(oid, upn)) {
        put_text(w, "upn:");
    } else {
        put_text(w, "otherName:");
        write_oid(w, oid);
        put_text(w, text.p == NULL ? ";" : ";UTF8:");
    }
    if (text.p == NULL)
        write_hex(w, value);
    else
        cmpsrv_derw_raw(w, text);
}

static void write_one(CMPSRV_DERW *w, int tag, CMPSRV_SLICE content)
{
    if (tag == DER_CONTEXT_CONSTRUCTED(0))
        write_other(w, content);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (types[i].tag == tag && types[i].write != NULL) {
            put_text(w, types[i].name);
            put_text(w, ":");
            types[i].write(w, content);
        }
}

char *cmpsrv_san_text(CMPSRV_SLICE san)
{
    CMPSRV_SLICE names, tlv, dn, content;
    CMPSRV_BYTES out = {0};
    CMPSRV_DERW w = {0};
    int tag;

    if (!cmpsrv_der_get(&san, DER_SEQUENCE, &names) || san.n > 0)
        return NULL;
    while (names.n > 0) {
        if (!cmpsrv_general_name_get_tlv(&names, &tlv, &dn) ||
            !cmpsrv_der_any(&tlv, &tag, NULL, &content)) {
            cmpsrv_derw_clear(&w);
            return NULL;
        }
        put_text(&w, w.n == 0 ? "" : ", ");
        write_one(&w, tag, content);
    }
    cmpsrv_derw_raw(&w, cmpsrv_slice("", 1));
    return cmpsrv_derw_finish(&w, &out) ? (char *)out.p : NULL;
}
