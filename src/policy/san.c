/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subjectAltName (RFC 5280 4.2.1.6): which names may be in a certificate at all, which of them the
 * end entity profile takes from who may choose, and what an end entity is registered with. Called
 * by subject.c and extensions.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <openssl/crypto.h>

enum { MAX_SAN = 100, MAX_DEPTH = 16, MAX_ELEMENTS = 1000, MAX_OID_TEXT = 256 };

static const char KEY[] = "subject_alt_name";

static int bad_san(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE, "RFC 5280 4.2.1.6: %s", what);
}

/* ---- the choices of GeneralName ----------------------------------------------------------------
 */

/* Each check: 1, or 0 with *what. Each text: of a name that was checked, OPENSSL_malloc'ed. */

/* Visible ASCII only: no NUL, no control characters, no spaces. */
static int check_plain(CMPSRV_SLICE s, const char **what)
{
    *what = "a name that is empty or has odd characters";
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return 0;
    return s.n > 0;
}

static char *plain_text(CMPSRV_SLICE s)
{
    return OPENSSL_strndup((const char *)s.p, s.n);
}

static int check_ip(CMPSRV_SLICE s, const char **what)
{
    *what = "an IP address of neither 4 nor 16 octets";
    return s.n == 4 || s.n == 16;
}

/* Dotted, or as RFC 5952 has it. */
static char *ip_text(CMPSRV_SLICE s)
{
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(s.n == 4 ? AF_INET : AF_INET6, s.p, text, sizeof(text)) == NULL)
        return NULL;
    return OPENSSL_strdup(text);
}

static int check_directory(CMPSRV_SLICE s, const char **what)
{
    *what = "a directoryName that is no good name";
    return cmpsrv_name_check(s, NULL) && !cmpsrv_name_is_empty(s);
}

static int is_oid(CMPSRV_SLICE oid)
{
    char text[MAX_OID_TEXT];

    return strcmp(cmpsrv_der_oid_text(oid, text, sizeof(text)), "?") != 0;
}

static char *oid_text(CMPSRV_SLICE oid)
{
    char text[MAX_OID_TEXT];

    return OPENSSL_strdup(cmpsrv_der_oid_text(oid, text, sizeof(text)));
}

static int check_registered_id(CMPSRV_SLICE s, const char **what)
{
    *what = "a registeredID that is no OID";
    return is_oid(s);
}

/* OtherName ::= SEQUENCE { type-id OID, value [0] EXPLICIT ANY DEFINED BY type-id } */
static int check_other(CMPSRV_SLICE s, const char **what)
{
    CMPSRV_SLICE type, value;

    *what = "a damaged otherName";
    return cmpsrv_der_get(&s, DER_OID, &type) && is_oid(type) &&
           cmpsrv_der_get(&s, DER_CONTEXT_CONSTRUCTED(0), &value) && s.n == 0 &&
           cmpsrv_der_any(&value, NULL, NULL, NULL) && value.n == 0;
}

static char *other_text(CMPSRV_SLICE s)
{
    CMPSRV_SLICE type;

    return cmpsrv_der_get(&s, DER_OID, &type) ? oid_text(type) : NULL;
}

typedef struct {
    int tag;
    const char *name; /* as rows of a profile have it */
    int (*check)(CMPSRV_SLICE content, const char **what);
    char *(*text)(CMPSRV_SLICE content); /* what a row's value and regex are about */
} NAME_TYPE;

static const NAME_TYPE types[] = {
    {DER_CONTEXT_CONSTRUCTED(0), "otherName", check_other, other_text},
    {DER_CONTEXT(1), "rfc822Name", check_plain, plain_text},
    {DER_CONTEXT(2), "dNSName", check_plain, plain_text},
    {DER_CONTEXT_CONSTRUCTED(4), "directoryName", check_directory, cmpsrv_name_text},
    {DER_CONTEXT(6), "URI", check_plain, plain_text},
    {DER_CONTEXT(7), "iPAddress", check_ip, ip_text},
    {DER_CONTEXT(8), "registeredID", check_registered_id, oid_text},
};

/* The next name of a GeneralNames' content; NULL: none that is granted. */
static const NAME_TYPE *next_name(CMPSRV_SLICE *names, CMPSRV_SLICE *content)
{
    int tag;

    if (!cmpsrv_der_any(names, &tag, NULL, content))
        return NULL;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (types[i].tag == tag)
            return &types[i];
    return NULL;
}

int cmpsrv_check_san(CMPSRV_SLICE names, CMPSRV_REFUSAL *why)
{
    const NAME_TYPE *type;
    CMPSRV_SLICE content;
    const char *what;
    size_t n = 0;

    if (names.n == 0)
        return bad_san(why, "empty subjectAltName");
    while (names.n > 0) {
        if ((type = next_name(&names, &content)) == NULL)
            return bad_san(why, "damaged, or a name type that is not granted; allowed: rfc822Name, "
                                "dNSName, URI, iPAddress, directoryName, otherName, registeredID");
        if (++n > MAX_SAN)
            return bad_san(why, "more than 100 names");
        if (!type->check(content, &what))
            return bad_san(why, what);
    }
    return 1;
}

/* ---- against the rows of the end entity profile ------------------------------------------------
 */

/* EJBCA and openssl.cnf write URI, RFC 5280 uniformResourceIdentifier. */
static int is_row_of(const CMPSRV_CONF_FIELD *row, const NAME_TYPE *type)
{
    return strcasecmp(row->name, type->name) == 0 ||
           (type->tag == DER_CONTEXT(6) && strcasecmp(row->name, "uniformResourceIdentifier") == 0);
}

static int check_name(const CMPSRV_CONF_EE_PROFILE *profile, const CMPSRV_CONF_FIELD *row,
                      const NAME_TYPE *type, CMPSRV_SLICE content, CMPSRV_REFUSAL *why)
{
    char *text = type->text(content);
    int ok = text != NULL ? cmpsrv_field_check_value(profile, KEY, row, text, why)
                          : cmpsrv_fail(why, "out of memory");

    OPENSSL_free(text);
    return ok;
}

/* All names of the row's type, and how many there are. */
static int check_row(const CMPSRV_CONF_EE_PROFILE *profile, const CMPSRV_CONF_FIELD *row,
                     CMPSRV_SLICE names, CMPSRV_REFUSAL *why)
{
    const NAME_TYPE *type;
    CMPSRV_SLICE content;
    size_t n = 0;

    while (names.n > 0 && (type = next_name(&names, &content)) != NULL) {
        if (!is_row_of(row, type))
            continue;
        if (!check_name(profile, row, type, content, why))
            return 0;
        n++;
    }
    return cmpsrv_field_check_count(profile, KEY, row, n, why);
}

static int check_all_listed(const CMPSRV_CONF_EE_PROFILE *profile, CMPSRV_SLICE names,
                            CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_FIELDS *rows = &profile->subject_alt_name;
    const NAME_TYPE *type;
    CMPSRV_SLICE content;
    size_t i;

    while (names.n > 0 && (type = next_name(&names, &content)) != NULL) {
        for (i = 0; i < rows->n && !is_row_of(&rows->v[i], type); i++)
            ;
        if (i == rows->n)
            return cmpsrv_field_not_listed(profile, KEY, type->name, why);
    }
    return 1;
}

/* san: a TLV that was checked, or absent: required rows miss it then. */
static int check_rows(const CMPSRV_CONF_EE_PROFILE *profile, CMPSRV_SLICE san, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE names = {NULL, 0};

    if (profile->subject_alt_name.n == 0)
        return 1;
    if (san.p != NULL)
        cmpsrv_der_get(&san, DER_SEQUENCE, &names);
    for (size_t i = 0; i < profile->subject_alt_name.n; i++)
        if (!check_row(profile, &profile->subject_alt_name.v[i], names, why))
            return 0;
    return check_all_listed(profile, names, why);
}

/* ---- what is asked for, what is granted --------------------------------------------------------
 */

static int check_value(CMPSRV_SLICE value, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE names;

    if (!cmpsrv_der_check(value, MAX_DEPTH, MAX_ELEMENTS, NULL) ||
        !cmpsrv_der_get(&value, DER_SEQUENCE, &names))
        return bad_san(why, "no GeneralNames in subjectAltName");
    return cmpsrv_check_san(names, why);
}

static int find_requested(const CMPSRV_CERT_REQUEST *request, CMPSRV_SLICE *san,
                          CMPSRV_REFUSAL *why)
{
    *san = cmpsrv_slice(NULL, 0);
    if (request->extensions.p == NULL ||
        cmpsrv_extension_find(request->extensions, CMPSRV_OID_SUBJECT_ALT_NAME, NULL, san) == 0)
        return 1;
    return check_value(*san, why);
}

int cmpsrv_granted_san(const CMPSRV_POLICY_INPUT *in, CMPSRV_SLICE *san, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked;

    if (!find_requested(in->request, &asked, why))
        return 0;
    *san = asked;
    if (in->entity == NULL)
        return check_rows(in->target->ee_profile, asked, why);
    if (asked.p != NULL &&
        cmpsrv_may_override(in->target->cert_profile, CMPSRV_OID_SUBJECT_ALT_NAME))
        return check_rows(in->target->ee_profile, asked, why);
    *san = cmpsrv_bytes_slice(&in->entity->san);
    return san->p == NULL || check_value(*san, NULL) ||
           cmpsrv_fail(why, "the subjectAltName that end entity %s is registered with is damaged",
                       in->entity->name);
}
