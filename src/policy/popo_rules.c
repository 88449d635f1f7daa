/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What proves possession of the private key, by who asks and at which alias (RFC 4211 4, RFC 9810
 * 5.2.8). The proof itself is verified by wire/popo.c. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"

/* RFC 9810 5.2.8.1: raVerified is the word of an RA that can be told from others. Who has a shared
 * secret is one that only with the alias's leave. */
static int may_say_ra_verified(const CMPSRV_POLICY_INPUT *in)
{
    const CMPSRV_IDENTITY *id = in->identity;

    if (in->target->alias->allow_ra_verified)
        return 1;
    return id != NULL && id->proven && id->is_ra && id->kind == CMPSRV_PROTECTION_SIGNATURE;
}

/* A name that is empty is nobody's. */
static CMPSRV_SLICE name_of_somebody(CMPSRV_SLICE name)
{
    return name.p == NULL || cmpsrv_name_is_empty(name) ? cmpsrv_slice(NULL, 0) : name;
}

CMPSRV_POPO_RULES cmpsrv_popo_rules(const CMPSRV_POLICY_INPUT *in, CMPSRV_MAC_POLICY *macs)
{
    const CMPSRV_CONF_ALIAS *alias = in->target->alias;
    CMPSRV_POPO_RULES rules = {
        .digests = alias->signature_digests,
        .allow_ra_verified = may_say_ra_verified(in),
        .input_identical = alias->popo_input_identical,
        .secret = in->secret,
        .macs = macs,
        .pvno = in->pvno,
    };

    *macs = (CMPSRV_MAC_POLICY){
        .macs = alias->macs,
        .pbm_owf = alias->pbm_owf,
        .pbm_iterations_min = alias->pbm_iterations.min,
        .pbm_iterations_max = alias->pbm_iterations.max,
        .pbmac1_iterations_min = alias->pbmac1_iterations.min,
        .pbmac1_iterations_max = alias->pbmac1_iterations.max,
    };
    if (in->entity == NULL) { /* the RA's own name proves nothing about the device's key */
        rules.senders[0] = name_of_somebody(in->request->subject);
    } else {
        rules.senders[0] = name_of_somebody(cmpsrv_bytes_slice(&in->entity->subject));
        rules.senders[1] = name_of_somebody(in->signer_subject);
    }
    return rules;
}

int cmpsrv_popo_is_indirect(const CMPSRV_CERT_REQUEST *r)
{
    return (r->pop == CMPSRV_POP_KEY_ENCIPHERMENT || r->pop == CMPSRV_POP_KEY_AGREEMENT) &&
           r->pop_method == CMPSRV_POP_ENCR_CERT;
}

int cmpsrv_check_pop(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    CMPSRV_MAC_POLICY macs;
    CMPSRV_POPO_RULES rules = cmpsrv_popo_rules(in, &macs);

    d->must_decrypt = cmpsrv_popo_is_indirect(in->request);
    return cmpsrv_popo_verify(in->libctx, in->propq, in->request, d->key, &rules, why);
}
