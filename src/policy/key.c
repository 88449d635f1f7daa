/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public key against the certificate profile and the alias: what it is, and whether it is good
 * enough. Called by policy.c.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <openssl/evp.h>

static int make_spki(CMPSRV_SLICE content, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_put(&w, DER_SEQUENCE, content);
    return cmpsrv_derw_finish(&w, out);
}

int cmpsrv_decide_key(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why)
{
    const CMPSRV_TARGET *t = in->target;
    char name[32];

    if (!make_spki(in->request->spki, &d->spki))
        return cmpsrv_fail(why, "out of memory");
    if (cmpsrv_slice_eq(cmpsrv_bytes_slice(&d->spki), in->ca_spki))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY, "public key: it is the CA's");
    if (!cmpsrv_pubkey_decode(in->libctx, in->propq, in->curves, in->request->spki, &d->key, name,
                              why))
        return 0;
    if (cmpsrv_key_is_rsa(d->key) && EVP_PKEY_get_bits(d->key) < t->alias->min_rsa_bits)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY, "public key: %s, and min_rsa_bits is %lld",
                             name, (long long)t->alias->min_rsa_bits);
    if (!cmpsrv_policy_is_in(&t->cert_profile->key_algorithms, name))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_KEY,
                             "public key: %s is not in key_algorithms of profile %s", name,
                             t->cert_profile->name);
    return 1;
}
