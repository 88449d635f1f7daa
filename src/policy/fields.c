/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row of subject_dn or subject_alt_name of an end entity profile against what a request has of
 * it. Called by subject.c and san.c, which know what the rows are about.
 */
#include "config.h"

#include "policy/policy_local.h"

#include <regex.h>
#include <string.h>

static int not_fulfilled(const CMPSRV_CONF_EE_PROFILE *profile, const char *key, const char *row,
                         const char *what, CMPSRV_REFUSAL *why)
{
    return cmpsrv_refuse(why, CMPSRV_R_PROFILE_NOT_FULFILLED, "end entity profile %s: %s: %s: %s",
                         profile->name, key, row, what);
}

int cmpsrv_field_not_listed(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                            const char *what, CMPSRV_REFUSAL *why)
{
    return not_fulfilled(profile, key, what, "not listed", why);
}

/* The pattern is anchored (conf): 1, 0, or -1 without memory. */
static int matches(const regex_t *pattern, const char *value)
{
    int rc = regexec(pattern, value, 0, NULL, 0);

    return rc == 0 ? 1 : rc == REG_NOMATCH ? 0 : -1;
}

int cmpsrv_field_check_value(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                             const CMPSRV_CONF_FIELD *row, const char *value, CMPSRV_REFUSAL *why)
{
    int match = row->pattern == NULL ? 1 : matches(row->pattern, value);

    if (row->value != NULL && strcmp(row->value, value) != 0)
        return not_fulfilled(profile, key, row->name, "another value", why);
    if (match < 0)
        return cmpsrv_fail(why, "end entity profile %s: %s: %s: regex: out of memory",
                           profile->name, key, row->name);
    return match || not_fulfilled(profile, key, row->name, "does not match regex", why);
}

int cmpsrv_field_check_count(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                             const CMPSRV_CONF_FIELD *row, size_t n, CMPSRV_REFUSAL *why)
{
    if (row->required && n == 0)
        return not_fulfilled(profile, key, row->name, "required and missing", why);
    return (int64_t)n <= row->max ||
           not_fulfilled(profile, key, row->name, "more often than max", why);
}
