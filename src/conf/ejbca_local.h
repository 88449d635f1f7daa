/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files that import EJBCA's aliases: ejbca_properties.c reads the file into aliases,
 * ejbca.c walks the table of EJBCA's keys (ejbca_keys.c) over each, ejbca_auth.c translates the
 * modules, ejbca_map.c finds names, ejbca_write.c writes YAML and report. All texts live in the
 * pool, which is wiped.
 */
#ifndef CMPSRV_CONF_EJBCA_LOCAL_H
#define CMPSRV_CONF_EJBCA_LOCAL_H

#include "conf/conf_local.h"
#include "conf/ejbca.h"

typedef struct ejbca_property_st {
    const char *key, *value;
    int line;
    int is_again; /* stood in the file before: Java takes the last */
    int is_known; /* a key of the table */
    struct ejbca_property_st *next;
} EJBCA_PROPERTY;

typedef struct ejbca_alias_st {
    const char *name;
    EJBCA_PROPERTY *properties;
    struct ejbca_alias_st *next; /* by name */
} EJBCA_ALIAS;

typedef struct ejbca_line_st { /* of the YAML */
    const char *text;
    struct ejbca_line_st *next;
} EJBCA_LINE;

typedef struct ejbca_import_st {
    CMPSRV_IMPORT pub; /* stays first */
    CONF_LOAD pool;
    const CMPSRV_IMPORT_OPTIONS *options;
    EJBCA_ALIAS *aliases;
    EJBCA_LINE *lines, *last_line;
} EJBCA_IMPORT;

typedef struct ejbca_key_st EJBCA_KEY;

/* One property that is being translated. */
typedef struct ejbca_at_st {
    EJBCA_IMPORT *im;
    const EJBCA_ALIAS *alias;
    const EJBCA_KEY *key;
    const EJBCA_PROPERTY *p; /* NULL: not in the file */
    int is_ra;
} EJBCA_AT;

enum {                   /* EJBCA_KEY.flags */
       EJBCA_RA = 1,     /* has an effect in RA mode */
       EJBCA_CLIENT = 2, /* in client mode */
       EJBCA_BOTH = 3,
       EJBCA_SECRET = 4, /* its value is not shown */
       EJBCA_STRAY = 8,  /* no key of an alias, although it looks like one */
};

struct ejbca_key_st {
    const char *key;
    void (*translate)(const EJBCA_AT *at);
    unsigned flags;
    const char *arg; /* of translate: our name of the key, or why it is dropped */
};

/* ejbca_keys.c: the table, in the order of the YAML. */
const EJBCA_KEY *cmpsrv_ejbca_keys(size_t *n);
/* The row of the table, NULL: unknown. */
const EJBCA_KEY *cmpsrv_ejbca_key(const char *key);
/* The longest key of the table that `text` ("ALIAS.KEY") ends with, NULL: none. */
const EJBCA_KEY *cmpsrv_ejbca_key_of(const char *text);
const EJBCA_PROPERTY *cmpsrv_ejbca_property(const EJBCA_ALIAS *alias, const char *key);
/* Value of a key that is in the file, else `dflt`. */
const char *cmpsrv_ejbca_value(const EJBCA_ALIAS *alias, const char *key, const char *dflt);
/* Java's boolean: the word true in either case. */
int cmpsrv_ejbca_bool(const char *value);
/* Whether this version loads `key: value` in an alias. */
int cmpsrv_ejbca_is_served(const char *key, const char *value);
/* The parts between semicolons; Java's split() drops empty ones at the end. */
int cmpsrv_ejbca_split(EJBCA_IMPORT *im, const char *text, int is_java, CMPSRV_CONF_LIST *out);

/* ejbca_properties.c: into im->aliases and im->pub.skipped. 0: no memory. */
int cmpsrv_ejbca_read(EJBCA_IMPORT *im, CMPSRV_SLICE file);
/* Octets of the UTF-8 sequence at p, 0 if there is none; NUL is none. */
size_t cmpsrv_ejbca_utf8(const unsigned char *p, size_t left);

/* ejbca_map.c: our name, or NULL. */
const char *cmpsrv_ejbca_map(const EJBCA_IMPORT *im, const char *kind, const char *from);
/* Same attributes and values in the same or the reverse order. */
int cmpsrv_ejbca_same_dn(const char *a, const char *b);

/* ejbca_auth.c: authenticationmodule and authenticationparameters. The number of modules that are
 * left. */
size_t cmpsrv_ejbca_modules(const EJBCA_AT *at);

/* ejbca_write.c. Lines of the YAML: */
void cmpsrv_ejbca_line(EJBCA_IMPORT *im, const char *fmt, ...) CMPSRV_PRINTF(2, 3);
/* A scalar as it may stand in YAML, quoted where it must be; in the pool. */
const char *cmpsrv_ejbca_scalar(EJBCA_IMPORT *im, const char *text);
/* [a, b] */
const char *cmpsrv_ejbca_list(EJBCA_IMPORT *im, const CMPSRV_CONF_LIST *items);
/* Rows of the report. What goes into fmt from outside is escaped by the caller: reasons are printed
 * as they are. `yaml` is the value of our `key` (NULL: EJBCA's) as YAML; the line goes to
 * the YAML, too. */
void cmpsrv_ejbca_taken(const EJBCA_AT *at, const char *yaml, const char *why);
void cmpsrv_ejbca_translated(const EJBCA_AT *at, const char *key, const char *yaml, const char *fmt,
                             ...) CMPSRV_PRINTF(4, 5);
void cmpsrv_ejbca_dropped(const EJBCA_AT *at, const char *fmt, ...) CMPSRV_PRINTF(2, 3);
/* Leaves a comment in the YAML. */
void cmpsrv_ejbca_refused(const EJBCA_AT *at, const char *fmt, ...) CMPSRV_PRINTF(2, 3);
/* A row and nothing else; to may be NULL. */
void cmpsrv_ejbca_row(const EJBCA_AT *at, CMPSRV_IMPORT_OUTCOME outcome, const char *to,
                      const char *fmt, ...) CMPSRV_PRINTF(4, 5);

#endif
