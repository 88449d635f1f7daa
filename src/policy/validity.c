/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From when to when: the certificate profile's validity, or what a request wants of it, never
 * outside the CA's. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#define MINUTE INT64_C(60000)

static int64_t whole_seconds(int64_t ms)
{
    return ms - ms % 1000;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* EJBCA: swaps dates that come in the wrong order, and takes an end that is over for an error of
 * the CA. */
int cmpsrv_decide_validity(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CERT_REQUEST *r = in->request;
    int may = in->target->cert_profile->allow_validity_override;
    int64_t from = whole_seconds(in->now - 10 * MINUTE); /* clocks of devices are late */
    int64_t to = whole_seconds(in->now + in->target->cert_profile->validity);

    if (in->now < in->ca_not_before || in->now >= in->ca_not_after)
        return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_UNAVAIL, "CA %s is not valid now",
                             in->target->ca->name);
    if (may && r->has_not_before)
        from = r->not_before;
    if (may && r->has_not_after)
        to = earlier(r->not_after, to);
    d->not_before = from < in->ca_not_before ? in->ca_not_before : from;
    d->not_after = earlier(to, in->ca_not_after);
    if (may && d->not_after <= in->now)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 5280 4.1.2.5: notAfter is not after now");
    if (may && d->not_before >= d->not_after)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 5280 4.1.2.5: notBefore is not before the latest notAfter of "
                             "profile %s",
                             in->target->cert_profile->name);
    if ((r->has_not_before && r->not_before != d->not_before) ||
        (r->has_not_after && r->not_after != d->not_after))
        d->with_mods = 1;
    return 1;
}
