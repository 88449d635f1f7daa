/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the alias's modules in its order; the first that proves the message wins. Called once a
 * request, by the stage `authenticate`; nobody asks again. Rules H8-H11 of the header
 * (cmp-conformance.md 1.1) that concern every module stand here, what a module needs stands in its
 * own file.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <string.h>

static const struct {
    const char *name;
    CMPSRV_PROTECTION kind; /* of the protection it can prove */
    CMPSRV_AUTH_MODULE_FN run;
} modules[] = {
    {"HMAC", CMPSRV_PROTECTION_MAC, cmpsrv_auth_hmac},
    {"EndEntityCertificate", CMPSRV_PROTECTION_SIGNATURE, cmpsrv_auth_eecert},
};

static size_t find_module(const char *name)
{
    size_t i = 0;

    while (i < CMPSRV_ARRAY_SIZE(modules) && strcmp(modules[i].name, name) != 0)
        i++;
    return i;
}

int cmpsrv_auth_has_module(const char *name)
{
    return find_module(name) < CMPSRV_ARRAY_SIZE(modules);
}

void cmpsrv_auth_result_clear(CMPSRV_AUTH_RESULT *r)
{
    cmpsrv_mac_key_free(r->mac_key);
    cmpsrv_secret_free(r->secret);
    memset(r, 0, sizeof(*r));
}

/* H8: protectionAlg and protection come together, and they come. */
static int check_is_protected(const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    if (msg->protection.p == NULL && msg->protection_alg.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_PROTECTED, "RFC 9483 3.2: no protection");
    if (msg->protection.p == NULL || msg->protection_alg.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_PROTECTED, "RFC 9810 5.1.1: %s without %s",
                             msg->protection.p == NULL ? "protectionAlg" : "protection",
                             msg->protection.p == NULL ? "protection" : "protectionAlg");
    if (msg->protection.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "RFC 9810 5.1.3: empty protection");
    return 1;
}

/* H11 for MACs: senderKID names the secret. */
static int check_sender_kid(const CMPSRV_PKIMSG *msg, CMPSRV_PROTECTION kind, CMPSRV_REFUSAL *why)
{
    if (kind == CMPSRV_PROTECTION_MAC && (msg->sender_kid.p == NULL || msg->sender_kid.n == 0))
        return cmpsrv_refuse(why, CMPSRV_R_NO_SENDER_KID,
                             "RFC 9483 3.1: a MAC needs the reference of its secret in senderKID");
    return 1;
}

int cmpsrv_auth_run(const CMPSRV_AUTH_INPUT *in, CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_PROTECTION kind = cmpsrv_protection_kind(in->msg->protection_alg);
    CMPSRV_REFUSAL last = {0};
    int fits = 0;

    memset(out, 0, sizeof(*out));
    if (!check_is_protected(in->msg, why))
        return 0;
    if (kind == CMPSRV_PROTECTION_SIGNATURE &&
        !cmpsrv_sig_is_known(in->libctx, in->propq, in->msg->protection_alg))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481: protectionAlg is not known");
    for (size_t i = 0; i < in->alias->modules_n; i++) {
        size_t m = find_module(in->alias->modules[i].name);

        if (m == CMPSRV_ARRAY_SIZE(modules) || modules[m].kind != kind)
            continue;
        if (!fits++ && !check_sender_kid(in->msg, kind, why))
            return 0;
        memset(&last, 0, sizeof(last));
        if (modules[m].run(in, &in->alias->modules[i], out, &last))
            return 1;
    }
    if (!fits)
        return cmpsrv_refuse(why, CMPSRV_R_WRONG_INTEGRITY,
                             "no module of alias %s takes a %s-protected message", in->alias->name,
                             kind == CMPSRV_PROTECTION_MAC ? "MAC" : "signature");
    return cmpsrv_refuse(why, last.reason, "%s", last.detail);
}
