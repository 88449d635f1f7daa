/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template's fields that a requester has no business with, or only with leave: version,
 * signingAlg, unique identifiers, and the serialNumber. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

static int template_error(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE, "RFC 4211 5: %s", what);
}

int cmpsrv_check_template(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CERT_REQUEST *r = in->request;

    (void)d;
    if (r->has_version && r->version != 2)
        return template_error(why, "version is not 2");
    if (r->signing_alg.p != NULL)
        return template_error(why, "signingAlg must be absent");
    if (r->has_unique_ids)
        return template_error(why, "issuerUID and subjectUID must be absent");
    if (r->has_validity && !r->has_not_before && !r->has_not_after)
        return template_error(why, "validity with neither notBefore nor notAfter");
    if (r->has_not_before && r->has_not_after && r->not_before >= r->not_after)
        return template_error(why, "notBefore is not before notAfter");
    if (r->subject.p == NULL)
        return template_error(why, "no subject");
    if (r->spki.p == NULL)
        return template_error(why, "no publicKey");
    return 1;
}

/* ---- serialNumber ------------------------------------------------------------------------------
 */

/* RFC 5280 4.1.2.2: positive, at most 20 octets; and the shortest that says it. */
static int is_serial(CMPSRV_SLICE s)
{
    if (s.n < 1 || s.n > CMPSRV_MAX_SERIAL || (s.p[0] & 0x80) != 0)
        return 0;
    return s.p[0] != 0 || (s.n > 1 && (s.p[1] & 0x80) != 0);
}

/* EJBCA: looks at it only where an RA may choose it, and then wants the profile's leave, too. */
int cmpsrv_decide_serial(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_ALIAS *alias = in->target->alias;
    CMPSRV_SLICE serial = in->request->serial;
    int counts = in->entity == NULL && alias->allow_custom_serial;

    if (serial.p == NULL)
        return 1;
    if (!counts && alias->ejbca_conformance) {
        d->with_mods = 1;
        return 1;
    }
    if (!counts || !in->target->cert_profile->allow_serial_override)
        return template_error(why, "serialNumber must be absent");
    if (!is_serial(serial))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 5280 4.1.2.2: serialNumber is not positive, or longer than %d "
                             "octets",
                             CMPSRV_MAX_SERIAL);
    memcpy(d->serial, serial.p, serial.n);
    d->serial_len = serial.n;
    return 1;
}
