/* SPDX-License-Identifier: Apache-2.0 */
/*
 * senderKID as the name of a profile or CA, where an alias says KeyId. Whoever sends the message
 * chooses it: it is good for looking something up, and proves nothing.
 */
#include "config.h"

#include "policy/policy.h"

#include <string.h>

enum { MAX_KID = (CMPSRV_KEY_ID_SIZE - 1) / 2 };

static int is_printable(CMPSRV_SLICE s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return 0;
    return 1;
}

/* EJBCA: cuts first, and judges what is left. */
char *cmpsrv_key_id(CMPSRV_SLICE sender_kid, char out[CMPSRV_KEY_ID_SIZE])
{
    if (sender_kid.n > MAX_KID)
        sender_kid.n = MAX_KID;
    if (!is_printable(sender_kid))
        return cmpsrv_hex(sender_kid, out, CMPSRV_KEY_ID_SIZE);
    if (sender_kid.n > 0)
        memcpy(out, sender_kid.p, sender_kid.n);
    out[sender_kid.n] = '\0';
    return out;
}
