/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module HMAC: in client mode a MAC under the end entity's code; in RA mode under a secret that the
 * RA shares with the alias, or with the CA when the alias names none ("-"). `EJBCA:` there the CA's
 * secret is tried even when the alias has its own; here the alias's secret overrides the CA's, as
 * EJBCA's documentation says. Unknown secret and wrong MAC cost and look the same.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

int cmpsrv_auth_bind(const CMPSRV_AUTH_INPUT *in, CMPSRV_IDENTITY *id, CMPSRV_SLICE secret)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES text = {0};
    int ok;

    cmpsrv_derw_utf8(&w, id->module);
    cmpsrv_derw_utf8(&w, id->source);
    cmpsrv_derw_utf8(&w, id->entity);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, in->msg->sender_kid);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, secret);
    if (!cmpsrv_derw_finish(&w, &text))
        return 0;
    ok = cmpsrv_hmac(CMPSRV_MD_SHA256, cmpsrv_slice(in->binding_key, CMPSRV_HASH),
                     cmpsrv_bytes_slice(&text), id->binding);
    cmpsrv_bytes_wipe(&text);
    return ok;
}

/* For the log; the client is told the same as with a wrong secret. */
static const char *no_secret(const CMPSRV_AUTH_INPUT *in)
{
    return in->alias->ra_mode ? "neither alias nor CA has a secret" : in->entity_problem;
}

/* The secret that counts for this message, and where it is from. NULL: there is none. */
static CMPSRV_SECRET *find_secret(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                                  CMPSRV_IDENTITY *id)
{
    if (!in->alias->ra_mode) {
        snprintf(id->source, sizeof(id->source), "code");
        OPENSSL_strlcpy(id->entity, in->entity, sizeof(id->entity));
        return in->entity_code;
    }
    if (row->parameter != NULL) {
        snprintf(id->source, sizeof(id->source), "alias");
        return row->parameter;
    }
    if (in->ca == NULL)
        return NULL;
    snprintf(id->source, sizeof(id->source), "ca:%.100s", in->ca->name);
    return in->ca->cmp_ra_auth_secret;
}

int cmpsrv_auth_hmac(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                     CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_ALIAS *alias = in->alias;
    CMPSRV_MAC_POLICY policy = {
        alias->macs,
        alias->pbm_owf,
        alias->pbm_iterations.min,
        alias->pbm_iterations.max,
        alias->pbmac1_iterations.min,
        alias->pbmac1_iterations.max,
    };
    CMPSRV_IDENTITY *id = &out->identity;
    CMPSRV_SECRET *secret = find_secret(in, row, id);
    CMPSRV_SECRET *dummy = NULL;

    if (!cmpsrv_mac_params_parse(in->msg->protection_alg, &policy, &out->mac_params, why))
        goto denied;
    if (secret == NULL && cmpsrv_fault("no-dummy-derivation")) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "%s", no_secret(in));
        goto denied;
    }
    if (secret == NULL && (secret = dummy = cmpsrv_secret_new("no secret", 9)) == NULL) {
        cmpsrv_fail(why, "out of memory");
        goto denied;
    }
    if ((out->mac_key = cmpsrv_mac_key_derive(&out->mac_params, secret)) == NULL) {
        cmpsrv_fail(why, "cannot derive the MAC key");
        goto denied;
    }
    if (!cmpsrv_mac_verify(out->mac_key, in->msg, dummy != NULL ? NULL : why) || dummy != NULL) {
        if (dummy != NULL)
            cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "%s", no_secret(in));
        goto denied;
    }
    id->kind = CMPSRV_PROTECTION_MAC;
    id->module = "HMAC";
    id->is_ra = alias->ra_mode;
    cmpsrv_escape(in->msg->sender_kid, id->name, sizeof(id->name));
    if (!cmpsrv_auth_bind(in, id, cmpsrv_secret_get0(secret))) {
        cmpsrv_fail(why, "cannot bind the identity");
        goto denied;
    }
    out->secret = cmpsrv_secret_up_ref(secret);
    id->proven = 1;
    return 1;
denied:
    cmpsrv_secret_free(dummy);
    cmpsrv_auth_result_clear(out);
    return 0;
}
