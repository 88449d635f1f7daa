/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EJBCA's CMP aliases, as its command line prints them (`config cmp dumpalias`, `dumpall`) or as a
 * properties file, in our YAML. Pure: text and options in, YAML and a report out. cmp-admin alias
 * import prints both.
 */
#ifndef CMPSRV_CONF_EJBCA_H
#define CMPSRV_CONF_EJBCA_H

#include "conf/conf.h"

typedef enum {
    CMPSRV_IMPORT_TAKEN,      /* as it was */
    CMPSRV_IMPORT_TRANSLATED, /* says the same in other words, or what EJBCA makes of it */
    CMPSRV_IMPORT_DROPPED,    /* has no effect here */
    CMPSRV_IMPORT_REFUSED,    /* would have one, and cannot */
    CMPSRV_IMPORT__COUNT
} CMPSRV_IMPORT_OUTCOME;

/* What stands in the file is called otherwise here. */
typedef struct {
    const char *kind; /* "ca", "eep", "vendorca" */
    const char *from; /* an id, the subject or the name of a CA */
    const char *to;   /* the name in our configuration */
} CMPSRV_IMPORT_MAP;

typedef struct {
    const CMPSRV_IMPORT_MAP *maps; /* the first that fits counts */
    size_t maps_n;
    const char *secret_file; /* of HMAC in RA mode, as the YAML shall name it; NULL: none */
    const char *alias;       /* this one only; NULL: all */
} CMPSRV_IMPORT_OPTIONS;

/* One key of an alias, or (key NULL) the alias as a whole. No secret is in any of the texts; alias,
 * key and from are as in the file, to and why fit to be printed. */
typedef struct {
    CMPSRV_IMPORT_OUTCOME outcome;
    int line; /* in the file; 0: not of one line */
    const char *alias, *key;
    const char *from; /* value in the file; NULL: not shown */
    const char *to;   /* "key: value" of the YAML; NULL: nothing there */
    const char *why;  /* and, where it was refused, what to do; may be "" */
} CMPSRV_IMPORT_ROW;

typedef struct cmpsrv_import_st {
    const char *yaml; /* the map `aliases`; holds the secrets that were in the file */
    CMPSRV_IMPORT_ROW *rows;
    size_t rows_n;
    size_t counts[CMPSRV_IMPORT__COUNT]; /* rows by outcome */
    size_t aliases_n;                    /* that were found (and chosen) */
    size_t skipped;                      /* lines that are no property of an alias */
    const char *secret_user;             /* the alias that secret_file went to; NULL: none */
} CMPSRV_IMPORT;

/* NULL with *why: no memory. A file without an alias is one with aliases_n 0. */
CMPSRV_IMPORT *cmpsrv_conf_import(CMPSRV_SLICE file, const CMPSRV_IMPORT_OPTIONS *options,
                                  CMPSRV_REFUSAL *why);
void cmpsrv_conf_import_free(CMPSRV_IMPORT *im);
/* "taken", "translated", "dropped", "refused". */
const char *cmpsrv_conf_import_word(CMPSRV_IMPORT_OUTCOME outcome);
/* Whether there can be a map of that kind. */
int cmpsrv_conf_import_has_kind(const char *kind);

#endif
