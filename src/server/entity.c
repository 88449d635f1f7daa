/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End entities of client mode, as an operator adds, changes and deletes them: each a store
 * transaction with its audit record. Called by cmp-admin; the line itself only uses and erases
 * their codes.
 */
#include "config.h"

#include "server/server_local.h"

#include <openssl/crypto.h>

static int commit(CMPSRV_STORE *store, CMPSRV_CHANGES *changes, const char *event, const char *name,
                  const char *subject, const char *operator_, CMPSRV_REFUSAL *why)
{
    CMPSRV_AUDIT_EVENT e = {.event = event,
                            .body_type = -1,
                            .end_entity = name,
                            .subject = subject,
                            .reason = -1,
                            .operator_ = operator_};
    CMPSRV_COMMIT outcome;

    if (!cmpsrv_changes_audit(changes, &e))
        return cmpsrv_fail(why, "out of memory");
    outcome = cmpsrv_store_commit(store, changes, why);
    if (outcome == CMPSRV_COMMIT_CONFLICT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST,
                             "somebody else has just changed end entity %s; look again", name);
    return outcome == CMPSRV_COMMIT_DONE;
}

static int copy_row(CMPSRV_END_ENTITY_ROW *to, const CMPSRV_END_ENTITY_ROW *from)
{
    *to = *from;
    to->subject = to->code = to->san = (CMPSRV_BYTES){NULL, 0};
    return cmpsrv_bytes_set(&to->subject, cmpsrv_bytes_slice(&from->subject)) &&
           cmpsrv_bytes_set(&to->code, cmpsrv_bytes_slice(&from->code)) &&
           cmpsrv_bytes_set(&to->san, cmpsrv_bytes_slice(&from->san));
}

static int put(CMPSRV_STORE *store, CMPSRV_CHANGE_TYPE type, const CMPSRV_END_ENTITY_ROW *row,
               const char *event, const char *operator_, CMPSRV_REFUSAL *why)
{
    CMPSRV_CHANGES changes = {0};
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&changes, type);
    char *subject = cmpsrv_name_text(cmpsrv_bytes_slice(&row->subject));
    int64_t now = cmpsrv_time_now();
    int ok = ch != NULL && subject != NULL && copy_row(&ch->u.entity, row);

    if (ok) {
        ch->u.entity_seen = row->updated_at;
        ch->u.entity.updated_at = now > row->updated_at ? now : row->updated_at + 1;
        ok = commit(store, &changes, event, row->name, subject, operator_, why);
    } else {
        cmpsrv_fail(why, "out of memory");
    }
    OPENSSL_free(subject);
    cmpsrv_changes_clear(&changes);
    return ok;
}

int cmpsrv_entity_add(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row, const char *operator_,
                      CMPSRV_REFUSAL *why)
{
    return put(store, CMPSRV_CHANGE_ENTITY_INSERT, row, "entity added", operator_, why);
}

int cmpsrv_entity_change(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row,
                         const char *operator_, CMPSRV_REFUSAL *why)
{
    return put(store, CMPSRV_CHANGE_ENTITY_UPDATE, row, "entity changed", operator_, why);
}

int cmpsrv_entity_delete(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row,
                         const char *operator_, CMPSRV_REFUSAL *why)
{
    return put(store, CMPSRV_CHANGE_ENTITY_DELETE, row, "entity deleted", operator_, why);
}
