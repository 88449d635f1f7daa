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

/* Bits of a module's row. */
enum {
    MAC = 1u << CMPSRV_PROTECTION_MAC,
    SIGNATURE = 1u << CMPSRV_PROTECTION_SIGNATURE,
    NONE = 1u << CMPSRV_PROTECTION_NONE, /* where the alias does not require protection */
    IR_CR = 1u << CMPSRV_BODY_IR | 1u << CMPSRV_BODY_CR,
    REQUESTS = IR_CR | 1u << CMPSRV_BODY_P10CR,
    ANY = ~0u
};

static const struct {
    const char *name;
    unsigned kinds;  /* of protection that it can prove */
    unsigned opened; /* bodies that open a transaction; it proves whatever follows in those */
    CMPSRV_AUTH_MODULE_FN run;
} modules[] = {
    {"HMAC", MAC, ANY, cmpsrv_auth_hmac},
    {"EndEntityCertificate", SIGNATURE, ANY, cmpsrv_auth_eecert},
    {"RegTokenPwd", MAC | SIGNATURE | NONE, IR_CR, cmpsrv_auth_reg_token},
    {"DnPartPwd", MAC | SIGNATURE | NONE, REQUESTS, cmpsrv_auth_dn_part},
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

/* H8: protectionAlg and protection come together, and they come, unless the alias says else. */
static int check_is_protected(const CMPSRV_AUTH_INPUT *in, CMPSRV_REFUSAL *why)
{
    const CMPSRV_PKIMSG *msg = in->msg;

    if (msg->protection.p == NULL && msg->protection_alg.p == NULL)
        return !in->alias->require_protection ||
               cmpsrv_refuse(why, CMPSRV_R_NOT_PROTECTED, "RFC 9483 3.2: no protection");
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

/* Whether that module has anything to say of such a message. */
static int fits(size_t module, const CMPSRV_AUTH_INPUT *in, CMPSRV_PROTECTION kind)
{
    return module < CMPSRV_ARRAY_SIZE(modules) && (modules[module].kinds & 1u << kind) != 0 &&
           (!in->is_first || (modules[module].opened & 1u << in->msg->body_type) != 0);
}

static int refuse_kind(const CMPSRV_AUTH_INPUT *in, CMPSRV_PROTECTION kind, CMPSRV_REFUSAL *why)
{
    if (kind == CMPSRV_PROTECTION_NONE)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_PROTECTED,
                             "RFC 9483 3.2: no protection, and no module of alias %s for such a "
                             "message without",
                             in->alias->name);
    return cmpsrv_refuse(why, CMPSRV_R_WRONG_INTEGRITY,
                         "no module of alias %s takes such a message under a %s", in->alias->name,
                         kind == CMPSRV_PROTECTION_MAC ? "MAC" : "signature");
}

int cmpsrv_auth_run(const CMPSRV_AUTH_INPUT *in, CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_PROTECTION kind = in->msg->protection.p == NULL
                                 ? CMPSRV_PROTECTION_NONE
                                 : cmpsrv_protection_kind(in->msg->protection_alg);
    CMPSRV_REFUSAL last = {0};
    int tried = 0;

    memset(out, 0, sizeof(*out));
    if (!check_is_protected(in, why))
        return 0;
    if (kind == CMPSRV_PROTECTION_SIGNATURE &&
        !cmpsrv_sig_is_known(in->libctx, in->propq, in->msg->protection_alg))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481: protectionAlg is not known");
    for (size_t i = 0; i < in->alias->modules_n; i++) {
        size_t m = find_module(in->alias->modules[i].name);

        if (!fits(m, in, kind))
            continue;
        if (!tried++ && !check_sender_kid(in->msg, kind, why))
            return 0;
        memset(&last, 0, sizeof(last));
        if (modules[m].run(in, &in->alias->modules[i], out, &last))
            return 1;
    }
    return tried ? cmpsrv_refuse(why, last.reason, "%s", last.detail) : refuse_kind(in, kind, why);
}
