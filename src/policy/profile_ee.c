/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end entity profile's side: subject and subjectAltName as they may be. The profile takes any
 * subject and any of the name types below; what is refused here is refused for everybody.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

#include <openssl/crypto.h>

enum { MAX_SAN = 100, OTHER_NAME = 0, RFC822 = 1, DNS = 2, DIRECTORY = 4, URI = 6, IP = 7 };

static int bad_san(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE, "RFC 5280 4.2.1.6: %s", what);
}

/* Visible ASCII only: no NUL, no control characters, no spaces. */
static int is_plain(CMPSRV_SLICE s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return 0;
    return s.n > 0;
}

static int check_general_name(int tag, CMPSRV_SLICE content, CMPSRV_REFUSAL *why)
{
    CMPSRV_REFUSAL name = {0};

    switch (tag) {
    case DER_CONTEXT(RFC822):
    case DER_CONTEXT(DNS):
    case DER_CONTEXT(URI):
        return is_plain(content) || bad_san(why, "a name that is empty or has odd characters");
    case DER_CONTEXT(IP):
        return content.n == 4 || content.n == 16 ||
               bad_san(why, "an IP address of neither 4 nor 16 octets");
    case DER_CONTEXT_CONSTRUCTED(DIRECTORY):
        if (!cmpsrv_name_check(content, &name) || cmpsrv_name_is_empty(content))
            return bad_san(why, "a directoryName that is no good name");
        return 1;
    default:
        return bad_san(
            why, "a name type that is not granted; allowed: rfc822Name, dNSName, URI, iPAddress, "
                 "directoryName");
    }
}

int cmpsrv_check_san(CMPSRV_SLICE names, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE content;
    size_t n = 0;
    int tag;

    if (names.n == 0)
        return bad_san(why, "empty subjectAltName");
    while (names.n > 0) {
        if (!cmpsrv_der_any(&names, &tag, NULL, &content))
            return bad_san(why, "damaged subjectAltName");
        if (++n > MAX_SAN)
            return bad_san(why, "more than 100 names");
        if (!check_general_name(tag, content, why))
            return 0;
    }
    return 1;
}

int cmpsrv_requested_san(const CMPSRV_CERT_REQUEST *request, CMPSRV_SLICE *san, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE value = {0}, names;

    *san = cmpsrv_slice(NULL, 0);
    if (request->extensions.p == NULL ||
        cmpsrv_extension_find(request->extensions, CMPSRV_OID_SUBJECT_ALT_NAME, NULL, &value) == 0)
        return 1;
    *san = value;
    if (!cmpsrv_der_check(value, 16, 1000, NULL) || !cmpsrv_der_get(&value, DER_SEQUENCE, &names) ||
        value.n > 0)
        return bad_san(why, "no GeneralNames in subjectAltName");
    return cmpsrv_check_san(names, why);
}

/* What is asked for must be this end entity's, if anybody's: cmp-conformance.md 2.2. */
static int decide_registered(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE asked = in->request->subject, own = cmpsrv_bytes_slice(&in->entity->subject);
    char *name;
    int is_own = cmpsrv_name_is_empty(asked) || cmpsrv_name_eq(asked, own);

    if (!is_own && (name = cmpsrv_username_of(in->target->alias, asked)) != NULL) {
        is_own = strcmp(name, in->entity->name) == 0;
        OPENSSL_free(name);
    }
    if (!is_own)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                             "RFC 9483 3.5: the subject is not end entity %s's", in->entity->name);
    d->with_mods |= !cmpsrv_slice_eq(asked, own);
    return cmpsrv_bytes_set(&d->subject, own) || cmpsrv_fail(why, "out of memory");
}

int cmpsrv_decide_subject(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE subject = in->request->subject, san;

    if (in->entity != NULL)
        return cmpsrv_name_check(subject, why) && decide_registered(in, d, why);

    if (!cmpsrv_name_check(subject, why) || !cmpsrv_requested_san(in->request, &san, why))
        return 0;
    if (cmpsrv_name_is_empty(subject) && san.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 5280 4.1.2.6: an empty subject needs a subjectAltName");
    if (cmpsrv_name_eq(subject, in->ca_subject))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_NAME, "the subject is the CA's");
    return cmpsrv_bytes_set(&d->subject, subject) || cmpsrv_fail(why, "out of memory");
}
