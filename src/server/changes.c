/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that several parts of the server ask of the store: a certificate in another status, a
 * code that has done its work, a record of what happened. Each adds to the list that one commit
 * carries out. 1, or 0 without memory.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

int cmpsrv_changes_status(CMPSRV_CHANGES *changes, const CMPSRV_CERT_ROW *cert,
                          CMPSRV_CERT_STATUS to, int reason, int64_t now)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_CERT_STATUS);

    if (ch == NULL)
        return 0;
    memcpy(ch->u.status.ca_id, cert->ca_id, CMPSRV_HASH);
    memcpy(ch->u.status.serial, cert->serial, cert->serial_len);
    ch->u.status.serial_len = cert->serial_len;
    ch->u.status.from = cert->status;
    ch->u.status.to = to;
    if (to == CMPSRV_CERT_REVOKED || to == CMPSRV_CERT_HOLD) {
        ch->u.status.revoked_at = now;
        ch->u.status.reason = reason;
    }
    return 1;
}

int cmpsrv_changes_erasure(CMPSRV_CHANGES *changes, const char *end_entity, int64_t now)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_ENTITY_ERASE);

    if (ch == NULL)
        return 0;
    OPENSSL_strlcpy(ch->u.entity.name, end_entity, sizeof(ch->u.entity.name));
    ch->u.entity.updated_at = now;
    return 1;
}

int cmpsrv_changes_audit(CMPSRV_CHANGES *changes, const CMPSRV_AUDIT_EVENT *event)
{
    char *text = cmpsrv_audit_record(event);
    CMPSRV_CHANGE *ch = text == NULL ? NULL : cmpsrv_changes_add(changes, CMPSRV_CHANGE_AUDIT);

    if (ch == NULL) {
        OPENSSL_free(text);
        return 0;
    }
    ch->u.audit = text;
    return 1;
}
