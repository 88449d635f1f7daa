/* SPDX-License-Identifier: Apache-2.0 */
/* Privates of conf: YAML values with their lines, the schema's rows, the load under way. */
#ifndef CMPSRV_CONF_LOCAL_H
#define CMPSRV_CONF_LOCAL_H

#include <yaml.h>

#include "conf/conf.h"

/* ---- yaml.c: documents
 * ------------------------------------------------------------------------------ */

typedef struct conf_doc_st {
    const char *file; /* as named; owned by the configuration */
    char *dir;        /* relative paths in it start here */
    yaml_document_t yaml;
} CONF_DOC;

/* Reads one document; 0 with an error. */
int cmpsrv_conf_read(CONF_DOC *doc, CMPSRV_CONF_ERRORS *errors);
yaml_node_t *cmpsrv_conf_root(CONF_DOC *doc);
CMPSRV_CONF_POS cmpsrv_conf_pos(const CONF_DOC *doc, const yaml_node_t *node);
const char *cmpsrv_conf_scalar(const yaml_node_t *node); /* NULL: no scalar, or has a NUL inside */
/* A path made absolute by the directory of the file it stands in. OPENSSL_malloc'ed. */
char *cmpsrv_conf_path(const CONF_DOC *doc, const char *path);

/* One value of a setting: a scalar, or the items of a list; what was written, or the default's
 * text. */
typedef struct conf_item_st {
    char *text;        /* scalar; NULL: a map */
    yaml_node_t *node; /* of a map; NULL for defaults */
    CMPSRV_CONF_POS pos;
} CONF_ITEM;
typedef struct conf_value_st {
    CONF_DOC *doc; /* NULL for defaults */
    int is_list, is_map;
    CONF_ITEM *v;
    size_t n;
    CMPSRV_CONF_POS pos;
} CONF_VALUE;

/* ---- schema.c
 * ------------------------------------------------------------------------------------------ */

typedef struct conf_row_st CONF_ROW;
typedef struct conf_load_st CONF_LOAD;

/* Puts a value into the object; 0 with an error about what is allowed. */
typedef int (*CONF_SET)(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);

struct conf_row_st {
    const char *section, *key;
    CONF_SET set;      /* NULL: not supported yet */
    size_t offset;     /* of the field */
    const char *dflt;  /* default as text; NULL none; "" with `required` below */
    const char *ejbca; /* default under conformance: ejbca, NULL: the same */
    int required;
    const char *off;   /* not supported yet: values that are taken all the same, "a|b" */
    const char *words; /* of sets and enums: "word=number|word=number" */
    int64_t min, max;  /* of integers and durations */
    const char *type;  /* what is allowed, in words */
    const char *help;
};
extern const CONF_ROW cmpsrv_conf_rows[];
extern const size_t cmpsrv_conf_rows_n;
const CONF_ROW *cmpsrv_conf_row(const char *section, const char *key, size_t len);

/* ---- set.c: one function a type
 * ---------------------------------------------------------------------- */
int cmpsrv_set_string(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_file(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_existing_file(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_key_uri(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_store(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_listen(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_secret(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_bool(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_integer(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_duration(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_range(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_word(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out); /* int */
int cmpsrv_set_number_word(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v,
                           void *out); /* int64_t */
int cmpsrv_set_words(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v,
                     void *out); /* unsigned bits */
int cmpsrv_set_list(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_names(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v,
                     void *out); /* "any": empty */
int cmpsrv_set_key_algorithms(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_eku(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_modules(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_parameters(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_reference(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);
int cmpsrv_set_capubs(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out);

/* ---- load.c
 * ---------------------------------------------------------------------------------------------- */

/* An object of the configuration before references are resolved: what the struct of conf.h does not
 * keep. */
typedef struct conf_alias_extra_st {
    CMPSRV_CONF_POS mode_pos, modules_pos, parameters_pos, ee_profile_pos, cert_profile_pos, ca_pos,
        scheme_pos;
    char *ee_profile, *cert_profile, *ca; /* names, ProfileDefault */
    int mode;                             /* 1 ra, 0 client */
    CMPSRV_SECRET **parameters;
    size_t parameters_n;
    int has_parameters;
} CONF_ALIAS_EXTRA;

/* alias and extra side by side, so that rows reach both by one offset. */
typedef struct conf_alias_st {
    CMPSRV_CONF_ALIAS alias;
    CONF_ALIAS_EXTRA extra;
} CONF_ALIAS;

struct conf_load_st {
    CMPSRV_CONF *conf;
    CMPSRV_CONF_ERRORS *errors;
    CONF_DOC docs[64];
    size_t docs_n;
    CONF_ALIAS *aliases; /* conf->aliases is filled from them at the end */
    size_t aliases_n;
    const char *name; /* of the object being read, NULL: none */
};

/* An error about the setting being read. Returns 0. */
int cmpsrv_load_error(CONF_LOAD *l, const CONF_ROW *row, CMPSRV_CONF_POS pos, const char *fmt, ...)
    CMPSRV_PRINTF(4, 5);

/* ---- check.c: references and settings that must fit each other
 * ------------------------------------------ */
int cmpsrv_conf_check(CONF_LOAD *l);

void cmpsrv_conf_list_clear(CMPSRV_CONF_LIST *list);
int cmpsrv_conf_list_add(CMPSRV_CONF_LIST *list, const char *text);

#endif
