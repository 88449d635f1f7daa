/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules RegTokenPwd and DnPartPwd, client mode: the end entity's code in the request itself, as
 * id-regCtrl-regToken or as an attribute of the subject. Protection that is there is verified as
 * HMAC and EndEntityCertificate do, and makes the identity; unprotected requests are taken where
 * the alias says so. `EJBCA:` there neither module looks at the protection. The messages that
 * follow carry no code: they have the protection of the first, or, if it had none, its
 * transactionID and our nonce.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* Whoever sent the unprotected message that opened this transaction. */
static int follow_unprotected(const CMPSRV_AUTH_INPUT *in, CMPSRV_IDENTITY *id, CMPSRV_REFUSAL *why)
{
    if (in->txn == NULL || in->txn->kind != CMPSRV_PROTECTION_NONE)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_PROTECTED,
                             "RFC 9483 3.2: no protection, and no transaction that began so");
    memcpy(id->binding, in->txn->identity, CMPSRV_HASH);
    return 1;
}

static int begin_unprotected(const CMPSRV_AUTH_INPUT *in, CMPSRV_SLICE code, CMPSRV_IDENTITY *id,
                             CMPSRV_REFUSAL *why)
{
    return cmpsrv_auth_bind(in, id, code) || cmpsrv_fail(why, "cannot bind the identity");
}

static int take_unprotected(const CMPSRV_AUTH_INPUT *in, CMPSRV_SLICE code, CMPSRV_AUTH_RESULT *out,
                            CMPSRV_REFUSAL *why)
{
    CMPSRV_IDENTITY *id = &out->identity;

    id->kind = CMPSRV_PROTECTION_NONE;
    snprintf(id->source, sizeof(id->source), "code");
    OPENSSL_strlcpy(id->entity, in->entity, sizeof(id->entity));
    cmpsrv_escape(cmpsrv_slice_str(in->entity), id->name, sizeof(id->name));
    id->module = "code";
    id->proven =
        in->is_first ? begin_unprotected(in, code, id, why) : follow_unprotected(in, id, why);
    return id->proven;
}

static int take_protected(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                          CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    return cmpsrv_protection_kind(in->msg->protection_alg) == CMPSRV_PROTECTION_MAC
               ? cmpsrv_auth_hmac(in, row, out, why)
               : cmpsrv_auth_eecert(in, row, out, why);
}

static int check_code(const CMPSRV_AUTH_INPUT *in, const char *module, CMPSRV_SLICE code,
                      CMPSRV_REFUSAL *why)
{
    return !in->is_first || in->ops->is_code(in->ops_arg, code) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "%s: %s", module,
                         in->entity[0] == '\0' ? "no such end entity"
                                               : "not the code of the end entity");
}

/* The code comes after the protection: a stranger whose message is refused for that would see by
 * the answer whether the code in it was right, and signatures that are wrong nobody counts. */
static int run(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row, const char *module,
               CMPSRV_SLICE code, const char *where, CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    int ok;

    if (in->is_first && code.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "%s: no code in %s", module, where);
    ok = in->msg->protection.p == NULL
             ? check_code(in, module, code, why) && take_unprotected(in, code, out, why)
             : take_protected(in, row, out, why) && check_code(in, module, code, why);
    if (ok)
        out->identity.module = module;
    else
        cmpsrv_auth_result_clear(out);
    return ok;
}

int cmpsrv_auth_reg_token(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                          CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    return run(in, row, "RegTokenPwd", in->reg_token, "regToken of regInfo or controls", out, why);
}

int cmpsrv_auth_dn_part(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                        CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    return run(in, row, "DnPartPwd", in->dn_part, "the subject", out, why);
}
