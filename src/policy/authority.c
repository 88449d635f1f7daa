/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask for what: a body is a row, and one without a row nobody may send. Called by the
 * decisions of each body; knows identities, not how they were proven.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <string.h>

/* What a body takes, once its sender is known. */
typedef enum {
    NOBODY = 0,
    ASKER, /* an RA with the right to this operation, for the target's CA and profile; in client
              mode an end entity, for itself */
    OWNER  /* who opened the transaction, which the rules of the header have seen to */
} TAKES;

static const TAKES bodies[CMPSRV_BODY__COUNT] = {
    [CMPSRV_BODY_IR] = ASKER, [CMPSRV_BODY_CR] = ASKER,       [CMPSRV_BODY_P10CR] = ASKER,
    [CMPSRV_BODY_RR] = ASKER, [CMPSRV_BODY_CERTCONF] = OWNER, [CMPSRV_BODY_ERROR] = OWNER,
};

int cmpsrv_policy_is_in(const CMPSRV_CONF_LIST *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0)
            return 1;
    return 0;
}

static int check_rights(const CMPSRV_CONF_RA *ra, int body, const CMPSRV_TARGET *t,
                        CMPSRV_REFUSAL *why)
{
    if ((ra->operations & 1u << body) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "ras %s: operations has no %s", ra->name,
                             cmpsrv_body_name(body));
    if (!cmpsrv_conf_is_listed(&ra->cas, t->ca->name))
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "ras %s: cas has no %s", ra->name,
                             t->ca->name);
    if (t->ee_profile == NULL
            ? ra->end_entity_profiles.n > 0
            : !cmpsrv_conf_is_listed(&ra->end_entity_profiles, t->ee_profile->name))
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "ras %s: end_entity_profiles has no %s",
                             ra->name, t->ee_profile == NULL ? "such" : t->ee_profile->name);
    return 1;
}

static int check_asker(const CMPSRV_IDENTITY *id, int body, const CMPSRV_TARGET *t,
                       CMPSRV_REFUSAL *why)
{
    int is_client = !t->alias->ra_mode && id->entity[0] != '\0';

    if (!id->is_ra && !is_client)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "RFC 9483 5.1.1: the sender is no RA");
    if (t->alias->ra_mode && t->ee_profile == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NO_SUCH_PROFILE, "no end entity profile of that name");
    if (t->ca == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_WRONG_AUTHORITY, "no CA for this request");
    if (!id->is_ra)
        return 1;
    if (id->ra_ca != NULL && id->ra_ca != t->ca)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                             "the sender is an RA of CA %s, not of %s", id->ra_ca->name,
                             t->ca->name);
    return id->ra == NULL || check_rights(id->ra, body, t, why);
}

int cmpsrv_policy_authorize(const CMPSRV_IDENTITY *id, int body, const CMPSRV_TARGET *t,
                            CMPSRV_REFUSAL *why)
{
    TAKES takes = body >= 0 && body < CMPSRV_BODY__COUNT ? bodies[body] : NOBODY;

    if (id->proven && takes == OWNER)
        return 1;
    if (id->proven && takes == ASKER)
        return check_asker(id, body, t, why);
    return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "nobody may send %s",
                         cmpsrv_body_name(body));
}

/* What an RA's row or its CA keeps it from, whatever the alias is. */
static int check_limits(const CMPSRV_IDENTITY *id, const CMPSRV_END_ENTITY_ROW *e,
                        const CMPSRV_CONF_CA *ca, CMPSRV_REFUSAL *why)
{
    if (id->ra_ca != NULL && ca != NULL && ca != id->ra_ca)
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                             "the sender is an RA of CA %s, not of %s", id->ra_ca->name, ca->name);
    if (id->ra == NULL)
        return 1;
    if (ca != NULL && !cmpsrv_conf_is_listed(&id->ra->cas, ca->name))
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "ras %s: cas has no %s", id->ra->name,
                             ca->name);
    return cmpsrv_conf_is_listed(&id->ra->end_entity_profiles, e->end_entity_profile) ||
           cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "ras %s: end_entity_profiles has no %s",
                         id->ra->name, e->end_entity_profile);
}

int cmpsrv_policy_owns_entity(const CMPSRV_IDENTITY *id, const CMPSRV_TARGET *t,
                              const CMPSRV_END_ENTITY_ROW *e, const CMPSRV_CONF_CA *ca,
                              CMPSRV_REFUSAL *why)
{
    char shown[160];

    if (!check_limits(id, e, ca, why))
        return 0;
    if (e->alias[0] != '\0' && strcmp(e->alias, t->alias->name) == 0)
        return 1;
    if ((ca == NULL || ca == t->ca) && t->ee_profile != NULL &&
        strcmp(e->end_entity_profile, t->ee_profile->name) == 0)
        return 1;
    return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                         "end entity %s is of another alias, and of another CA or profile",
                         cmpsrv_escape(cmpsrv_slice_str(e->name), shown, sizeof(shown)));
}
