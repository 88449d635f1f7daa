/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRLReason (RFC 5280 5.3.1) by name and number, for cmp-admin, audit and CRLs. Whether a
 * certificate may be revoked is for policy, that it is revoked for the store.
 */
#include "config.h"

#include "ca/ca.h"

#include <stdio.h>
#include <strings.h>

static const struct {
    int number;
    const char *name;
} reasons[] = {
    {0, "unspecified"},        {1, "keyCompromise"}, {2, "cACompromise"},
    {3, "affiliationChanged"}, {4, "superseded"},    {5, "cessationOfOperation"},
    {6, "certificateHold"},    {8, "removeFromCRL"}, /* 7 is not used */
    {9, "privilegeWithdrawn"}, {10, "aACompromise"},
};

int cmpsrv_crl_reason_from_text(const char *text)
{
    for (size_t i = 0; text != NULL && i < CMPSRV_ARRAY_SIZE(reasons); i++) {
        char number[12];

        snprintf(number, sizeof(number), "%d", reasons[i].number);
        if (strcasecmp(text, reasons[i].name) == 0 || strcasecmp(text, number) == 0)
            return reasons[i].number;
    }
    return -1;
}

const char *cmpsrv_crl_reason_name(int reason)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(reasons); i++)
        if (reasons[i].number == reason)
            return reasons[i].name;
    return reasons[0].name;
}
