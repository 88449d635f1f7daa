/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that check what no key alone can tell. */
#ifndef CMPSRV_CONF_CHECK_LOCAL_H
#define CMPSRV_CONF_CHECK_LOCAL_H

#include "conf/conf_local.h"

/* An error where the key stands, or else at the entry. */
#define complain_at(l, e, key, ...)                                                                \
    cmpsrv_conf_complain(l, cmpsrv_conf_pos(e, key), (e)->section->name, (e)->name, key,           \
                         __VA_ARGS__)

/* What there is to refer to, for an error. */
const char *cmpsrv_conf_known_names(CONF_LOAD *l, const char *section);
/* The object of that name. NULL with an error; or without one where there is no name: none was
 * given, or it was refused already. */
void *cmpsrv_conf_check_name(CONF_LOAD *l, const CONF_ENTRY *e, const char *key,
                             const char *section, const char *name);
void cmpsrv_conf_check_names(CONF_LOAD *l, const CONF_ENTRY *e, const char *key,
                             const char *section, const CMPSRV_CONF_LIST *names);

/* Whether a name that was given is that word. */
int cmpsrv_conf_is_word(const char *name, const char *word);
void cmpsrv_conf_check_alias(CONF_LOAD *l, CONF_ENTRY *e);
/* ca: the alias's in RA mode, or NULL where the request tells. */
void cmpsrv_conf_check_modules(CONF_LOAD *l, CONF_ENTRY *e, CMPSRV_CONF_ALIAS *a,
                               const CMPSRV_CONF_CA *ca);

#endif
