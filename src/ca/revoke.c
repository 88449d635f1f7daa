/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of revocation by name and number (RFC 5280 5.3.1). */
#include "config.h"

#include "ca/ca.h"

#include <stdlib.h>
#include <strings.h>

static const char *const names[] = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", NULL,
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise",
};

int cmpsrv_crl_reason_from_text(const char *text)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(names); i++) {
        char number[4] = {(char)('0' + i), '\0'};

        if (i == 10) {
            number[0] = '1';
            number[1] = '0';
        }
        if (names[i] != NULL && (strcasecmp(names[i], text) == 0 || strcasecmp(number, text) == 0))
            return (int)i;
    }
    return -1;
}

const char *cmpsrv_crl_reason_name(int reason)
{
    if (reason < 0 || (size_t)reason >= CMPSRV_ARRAY_SIZE(names) || names[reason] == NULL)
        return "unknown";
    return names[reason];
}
