/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-admin: what its subcommands share. Each is a file and a row in cmp-admin.c; options and
 * printing stand here, what is done stands in the library.
 */
#ifndef CMPSRV_ADMIN_H
#define CMPSRV_ADMIN_H

#include <stdio.h>

#include "server/server.h"
#include "watch/watch.h"

enum { ADMIN_OK = 0, ADMIN_FAILED = 1, ADMIN_USAGE = 2 };

typedef struct admin_st {
    const char *config; /* --config */
    int json;           /* --json */
    int argc;           /* what follows command and verb: argv[0] is the verb's first argument */
    char **argv;
    CMPSRV_CONF *conf;   /* opened by admin_open */
    CMPSRV_STORE *store; /* the same */
} ADMIN;

/* Reads the configuration and, if `writes` is not -1, opens the store (0: for reading). 1, or 0
 * with the reason printed. */
int admin_open(ADMIN *a, int writes);
/* Prints "cmp-admin: ..." to stderr and returns ADMIN_FAILED. */
int admin_fail(const char *fmt, ...) CMPSRV_PRINTF(1, 2);
int admin_usage_error(const char *fmt, ...) CMPSRV_PRINTF(1, 2);
/* Takes "--name VALUE" (or, has_value 0, "--name") out of argv: the value (or ""), NULL if it is
 * not there; *bad is set if the value is missing. */
const char *admin_option(ADMIN *a, const char *name, int has_value, int *bad);
/* The same of an option that may be given again: all of them in their order, and how many; *bad
 * also if there are more than max. */
size_t admin_options(ADMIN *a, const char *name, const char **values, size_t max, int *bad);
/* Whether nothing but `n` plain arguments is left; else prints what is wrong. */
int admin_has_arguments(ADMIN *a, int n, const char *what);
/* "2026-11-23" or "2026-11-23T14:00:00Z" to ms UTC. 1/0. */
int admin_read_date(const char *text, int64_t *ms);
/* Who is at it, for audit records. */
const char *admin_operator(void);
/* A CA of the configuration loaded with its key, NULL with the reason printed. The caller frees. */
CMPSRV_CA *admin_load_ca(ADMIN *a, const char *name);

/* ---- output: one table, for people as columns, for programs as an array of objects
 * --------------- */

typedef struct admin_table_st ADMIN_TABLE;
ADMIN_TABLE *admin_table_new(const char *const *columns, size_t n);
/* Adds a row of n texts (copied). */
void admin_table_row(ADMIN_TABLE *t, const char *const *cells);
void admin_table_free(ADMIN_TABLE *t);
/* Prints and frees; ADMIN_OK or ADMIN_FAILED. */
int admin_table_print(ADMIN_TABLE *t, int json);

/* ---- verbs
 * -------------------------------------------------------------------------------------------- */
int admin_init(ADMIN *a);
int admin_alias_list(ADMIN *a);
int admin_alias_show(ADMIN *a);
int admin_alias_check(ADMIN *a);
int admin_alias_import(ADMIN *a);
int admin_ca_list(ADMIN *a);
int admin_ca_show(ADMIN *a);
int admin_crl_generate(ADMIN *a);
int admin_cert_list(ADMIN *a);
int admin_cert_show(ADMIN *a);
int admin_cert_revoke(ADMIN *a);
int admin_cert_unhold(ADMIN *a);
int admin_message_show(ADMIN *a);
int admin_entity_add(ADMIN *a);
int admin_entity_list(ADMIN *a);
int admin_entity_show(ADMIN *a);
int admin_entity_set(ADMIN *a);
int admin_entity_delete(ADMIN *a);
int admin_ra_issue(ADMIN *a);
int admin_audit_list(ADMIN *a);
int admin_audit_verify(ADMIN *a);
int admin_store_verify(ADMIN *a);
int admin_store_migrate(ADMIN *a);
int admin_store_backup(ADMIN *a);

#endif
