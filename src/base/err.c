/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reason table as data, and the two ways to say no: cmpsrv_refuse (the request is at fault) and
 * cmpsrv_fail (we are). Called by every layer; must not know what a request is.
 */
#include "config.h"

#include "base/base.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#define CMPSRV_EXPORT __attribute__((visibility("default")))

static const CMPSRV_REASON_INFO reasons[] = {
#define X(name, bit, http, cls, text) {#name, bit, http, cls, text},
    CMPSRV_REASONS(X)
#undef X
};

static const char *const failinfo_names[] = {
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "badDataFormat",
    "wrongAuthority",
    "incorrectData",
    "missingTimeStamp",
    "badPOP",
    "certRevoked",
    "certConfirmed",
    "wrongIntegrity",
    "badRecipientNonce",
    "timeNotAvailable",
    "unacceptedPolicy",
    "unacceptedExtension",
    "addInfoNotAvailable",
    "badSenderNonce",
    "badCertTemplate",
    "signerNotTrusted",
    "transactionIdInUse",
    "unsupportedVersion",
    "notAuthorized",
    "systemUnavail",
    "systemFailure",
    "duplicateCertReq",
};

CMPSRV_EXPORT const CMPSRV_REASON_INFO *CMPSRV_reason_info(CMPSRV_REASON reason)
{
    size_t i = (size_t)reason;

    return &reasons[i < CMPSRV_ARRAY_SIZE(reasons) ? i : CMPSRV_R_SYSTEM_FAILURE];
}

CMPSRV_EXPORT const char *CMPSRV_failinfo_name(int bit)
{
    if (bit < 0 || (size_t)bit >= CMPSRV_ARRAY_SIZE(failinfo_names))
        return "none";
    return failinfo_names[bit];
}

CMPSRV_PRINTF(3, 0)
static void fill(CMPSRV_REFUSAL *why, CMPSRV_REASON reason, const char *fmt, va_list ap)
{
    why->reason = reason;
    vsnprintf(why->detail, sizeof(why->detail), fmt, ap);
}

int cmpsrv_refuse(CMPSRV_REFUSAL *why, CMPSRV_REASON reason, const char *fmt, ...)
{
    va_list ap;

    if (why == NULL || why->reason != CMPSRV_R_NONE)
        return 0;
    va_start(ap, fmt);
    fill(why, reason, fmt, ap);
    va_end(ap);
    return 0;
}

int cmpsrv_fail(CMPSRV_REFUSAL *why, const char *fmt, ...)
{
    unsigned long code = ERR_get_error();
    va_list ap;
    size_t n;

    if (why != NULL && why->reason == CMPSRV_R_NONE) {
        va_start(ap, fmt);
        fill(why, CMPSRV_R_SYSTEM_FAILURE, fmt, ap);
        va_end(ap);
        n = strlen(why->detail);
        if (code != 0 && n + 3 < sizeof(why->detail)) {
            memcpy(why->detail + n, ": ", 3);
            ERR_error_string_n(code, why->detail + n + 2, sizeof(why->detail) - n - 2);
        }
    }
    ERR_clear_error();
    return 0;
}

#ifdef CMPSRV_FAULT_INJECTION
#include <stdlib.h>
int cmpsrv_fault(const char *name)
{
    const char *planted = getenv("CMPSRV_FAULT");

    return planted != NULL && strcmp(planted, name) == 0;
}
#endif
