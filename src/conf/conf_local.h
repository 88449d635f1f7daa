/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of conf only. A load goes: include.c reads all documents (yaml.c) into nodes,
 * load.c sorts the nodes into entries by the table of schema.c and has value.c read each, check.c
 * looks at what no single key can tell. Nodes, names and texts live in the pool of the load, which
 * is wiped at its end: secrets pass through it.
 */
#ifndef CMPSRV_CONF_LOCAL_H
#define CMPSRV_CONF_LOCAL_H

#include "conf/conf.h"

#define CONF_MAX_DOCUMENT (1024 * 1024) /* octets of one file */
#define CONF_MAX_INCLUDES 8             /* depth */
#define CONF_MAX_NESTING  16            /* of YAML collections */
#define CONF_MAX_NAME     120           /* of a CA or profile; an alias has CMPSRV_MAX_ALIAS */
#define CONF_MAX_KEYS     96            /* of one section */
#define CONF_MAX_USERNAME 255           /* CMPSRV_END_ENTITY_ROW.name */
#define CONF_MAX_SOCKET   108           /* sun_path */
#define CONF_NOWHERE      SIZE_MAX      /* offset of a key that is not supported yet */
#define CONF_REQUIRED     "required"
#define CONF_DEFAULT_REF  "ProfileDefault"
#define CONF_KEY_ID_REF   "KeyId"

typedef struct conf_load_st CONF_LOAD;
typedef struct conf_row_st CONF_ROW;

/* ---- nodes ------------------------------------------------------------------------------------
 */

typedef enum { CONF_SCALAR, CONF_LIST, CONF_MAP } CONF_KIND;

typedef struct conf_node_st {
    CONF_KIND kind;
    int is_null;    /* a plain scalar without text: "aliases:" and nothing after it */
    int is_default; /* made of the table's default, not written by anybody */
    CMPSRV_CONF_POS pos;
    const char *text;            /* scalar: without NUL inside */
    struct conf_node_st **items; /* list: its items; map: key, value, key, value, ... */
    size_t n;                    /* number of items (a map: twice its pairs) */
} CONF_NODE;

/* Reads one file; NULL with an error in `l`, at `from` if the file cannot be read at all. */
CONF_NODE *cmpsrv_conf_yaml(CONF_LOAD *l, const char *file, CMPSRV_CONF_POS from);
CONF_NODE *cmpsrv_conf_node(CONF_LOAD *l, CONF_KIND kind, CMPSRV_CONF_POS pos);
/* A scalar of `n` octets of text. */
CONF_NODE *cmpsrv_conf_scalar(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *text, size_t n);
int cmpsrv_conf_node_push(CONF_LOAD *l, CONF_NODE *list, CONF_NODE *item);

/* ---- schema -----------------------------------------------------------------------------------
 */

typedef struct conf_section_st {
    const char *name;
    int is_named;        /* a map of names to maps; otherwise one map */
    size_t size;         /* of an entry's object while it is loaded */
    size_t public_size;  /* of its first part, which ends up in CMPSRV_CONF */
    size_t array, count; /* offsets in CMPSRV_CONF; of one that is not named: array only */
    size_t max_name;
} CONF_SECTION;

/* The object of an alias while it is loaded: names, before they are resolved. */
typedef struct conf_alias_entry_st {
    CMPSRV_CONF_ALIAS a; /* stays first: the public part */
    CMPSRV_CONF_LIST modules;
    struct conf_secrets_st {
        CMPSRV_SECRET **v; /* NULL: "-" */
        size_t n;
    } parameters;
    char *ca, *ee_profile, *cert_profile;
    int extended_validation; /* every value means the same: all messages are validated */
} CONF_ALIAS_ENTRY;
typedef struct conf_secrets_st CONF_SECRETS;

/* One section's map, or one named map of it, gathered from all files. */
typedef struct conf_entry_st {
    const CONF_SECTION *section;
    const char *name; /* NULL: the section has no names */
    CMPSRV_CONF_POS pos;
    void *obj; /* section->size octets; the public part moves to where pub points */
    void *pub;
    const CONF_NODE *given[CONF_MAX_KEYS]; /* by the key's place in its section */
    unsigned char is_bad[CONF_MAX_KEYS];   /* refused already: later checks keep quiet */
    struct conf_entry_st *next;
} CONF_ENTRY;

/* One value that is being read. */
typedef struct conf_at_st {
    CONF_LOAD *load;
    const CONF_ENTRY *entry;
    const CONF_ROW *row;
    const CONF_NODE *node;
} CONF_AT;

typedef struct conf_word_st {
    const char *text;
    int value;
    int is_later; /* known, not supported yet */
} CONF_WORD;

enum {                       /* CONF_TYPE.flags */
       CONF_EMPTY_OK = 1,    /* an empty text or list may stand there, and is stored */
       CONF_SEMICOLONS = 2,  /* EJBCA's "a;b" is a list */
       CONF_ANY = 4,         /* the word "any" is the empty list */
       CONF_OFF = 8,         /* the word "off" is -1 */
       CONF_MAP_ITEM = 16,   /* a map is a list of one */
       CONF_MUST_EXIST = 32, /* the file must be readable */
       CONF_MINUS_ONE = 64,  /* -1 is taken besides min to max */
};

typedef struct conf_type_st {
    const char *allowed; /* in words, for people */
    /* Reads at->node into the field; 0 with an error in at->load. NULL: for documentation only. */
    int (*set)(const CONF_AT *at, void *field);
    void (*clear)(void *field); /* NULL: owns nothing */
    /* Of lists: the item as it is stored (in the pool), NULL with an error. */
    const char *(*item)(const CONF_AT *at, const CONF_NODE *item);
    const CONF_WORD *words; /* ends with text NULL */
    int64_t min, max;       /* of numbers, durations in ms, lengths of text (max 0: no limit) */
    unsigned flags;
} CONF_TYPE;

struct conf_row_st {
    const char *section, *key;
    const CONF_TYPE *type;
    const char *shown;      /* the default as documentation has it */
    const char *dflt;       /* NULL: required; "": none */
    const char *dflt_ejbca; /* under conformance: ejbca */
    const char *off;        /* of a key that is not supported yet; "a|b"; NULL: no such value */
    size_t offset;          /* in the entry's object; CONF_NOWHERE: not supported yet */
    const char *help;
};

const CONF_ROW *cmpsrv_conf_rows(size_t *n);
const CONF_SECTION *cmpsrv_conf_section(const char *name);
const CONF_SECTION *cmpsrv_conf_sections(size_t *n);
/* The rows of a section stand together: the first one, and how many. */
const CONF_ROW *cmpsrv_conf_section_rows(const CONF_SECTION *s, size_t *n);
const CONF_ROW *cmpsrv_conf_row(const CONF_SECTION *s, const char *key, size_t *index);
/* Whether some key of the section starts with "prefix.". */
int cmpsrv_conf_has_prefix(const CONF_SECTION *s, const char *prefix);
/* The known key or section (s NULL) that `key` may have meant, or NULL. */
const char *cmpsrv_conf_nearest(const CONF_SECTION *s, const char *key);

/* value.c, list.c: the readers that the types of the table name. */
int cmpsrv_conf_set_bool(const CONF_AT *at, void *field);
int cmpsrv_conf_set_int(const CONF_AT *at, void *field);
int cmpsrv_conf_set_days(const CONF_AT *at, void *field); /* to ms */
int cmpsrv_conf_set_duration(const CONF_AT *at, void *field);
int cmpsrv_conf_set_range(const CONF_AT *at, void *field);
int cmpsrv_conf_set_word(const CONF_AT *at, void *field);
int cmpsrv_conf_set_bits(const CONF_AT *at, void *field);
int cmpsrv_conf_set_capubs(const CONF_AT *at, void *field);
int cmpsrv_conf_set_string(const CONF_AT *at, void *field);
int cmpsrv_conf_set_hex(const CONF_AT *at, void *field);
int cmpsrv_conf_set_reference(const CONF_AT *at, void *field);
int cmpsrv_conf_set_file(const CONF_AT *at, void *field);
int cmpsrv_conf_set_key_uri(const CONF_AT *at, void *field);
int cmpsrv_conf_set_store(const CONF_AT *at, void *field);
int cmpsrv_conf_set_address(const CONF_AT *at, void *field);
int cmpsrv_conf_set_url(const CONF_AT *at, void *field);
int cmpsrv_conf_set_secret(const CONF_AT *at, void *field);
int cmpsrv_conf_set_password(const CONF_AT *at, void *field); /* random: NULL */
int cmpsrv_conf_set_secrets(const CONF_AT *at, void *field);
int cmpsrv_conf_set_list(const CONF_AT *at, void *field);
void cmpsrv_conf_clear_string(void *field);
void cmpsrv_conf_clear_secret(void *field);
void cmpsrv_conf_clear_secrets(void *field);
void cmpsrv_conf_clear_list(void *field);
const char *cmpsrv_conf_item_text(const CONF_AT *at, const CONF_NODE *item);
const char *cmpsrv_conf_item_listen(const CONF_AT *at, const CONF_NODE *item);
const char *cmpsrv_conf_item_key_algorithm(const CONF_AT *at, const CONF_NODE *item);
const char *cmpsrv_conf_item_eku(const CONF_AT *at, const CONF_NODE *item);
const char *cmpsrv_conf_item_extension(const CONF_AT *at, const CONF_NODE *item);
const char *cmpsrv_conf_item_module(const CONF_AT *at, const CONF_NODE *item);
/* yes, true: 1; no, false: 0; anything else: -1. */
int cmpsrv_conf_bool(const char *text);
/* 1.2.3: only digits and single dots, at least two arcs, the first 0..2. */
int cmpsrv_conf_is_oid(const char *text);
/* CN, UID, ... or an OID. */
int cmpsrv_conf_is_dn_attribute(const char *name);

/* field.c: the rows of an end entity profile. Of DNs the type has no words, of names their types.
 */
int cmpsrv_conf_set_fields(const CONF_AT *at, void *field);
void cmpsrv_conf_clear_fields(void *field);
/* The dotted OID of "CN" or "2.5.4.3"; NULL: no attribute that a DN can have. */
const char *cmpsrv_conf_attribute_oid(const char *name);

/* What the readers share. Each gives NULL with an error, unless it says otherwise. */
const char *cmpsrv_conf_read_scalar(const CONF_AT *at, const CONF_NODE *node);
/* Text without control characters, within the type's length. */
const char *cmpsrv_conf_read_text(const CONF_AT *at, const CONF_NODE *node);
CMPSRV_SECRET *cmpsrv_conf_read_secret(const CONF_AT *at, const CONF_NODE *node);
/* The word of the type that the node says, or that its text begins with (the text is not quoted: it
 * may hold a password). */
const CONF_WORD *cmpsrv_conf_read_word(const CONF_AT *at, const CONF_NODE *node);
const CONF_WORD *cmpsrv_conf_read_prefix(const CONF_AT *at, const CONF_NODE *node,
                                         const char *text);
/* NULL: none such; no error. */
const CONF_WORD *cmpsrv_conf_find_word(const CONF_WORD *words, const char *text);
/* Decimal digits from *p on; *p is left behind them. 0 if there are none or too many; no error. */
int cmpsrv_conf_read_digits(const char **p, int64_t *out);

/* ---- one load ---------------------------------------------------------------------------------
 */

typedef struct conf_doc_st {
    const char *file;       /* as errors name it */
    const char *real, *dir; /* absolute, of the file and its directory */
    CONF_NODE *root;        /* NULL: could not be read */
    size_t depth;
    struct conf_doc_st *parent, *next;
} CONF_DOC;

typedef struct conf_complaint_st {
    CMPSRV_CONF_POS pos;
    char *text;
} CONF_COMPLAINT;

struct conf_load_st {
    CMPSRV_CONF *conf;
    const CMPSRV_CONF *current; /* a reload: what is in use; else NULL */
    struct conf_block_st *pool;
    CONF_DOC *docs, *last_doc; /* in the order they were read */
    CONF_ENTRY *entries, *last_entry;
    CONF_COMPLAINT *complaints;
    size_t complaints_n;
    int is_incomplete; /* a file is missing: what is not there may stand in it */
    int no_memory;
};

/* Zeroed memory that lives as long as the load; NULL (and l->no_memory) without memory. */
void *cmpsrv_conf_alloc(CONF_LOAD *l, size_t n);
char *cmpsrv_conf_text(CONF_LOAD *l, const char *text, size_t n);
char *cmpsrv_conf_textf(CONF_LOAD *l, const char *fmt, ...) CMPSRV_PRINTF(2, 3);
void cmpsrv_conf_pool_free(CONF_LOAD *l);
/* Notes an error; returns 0. */
int cmpsrv_conf_complain(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *kind, const char *name,
                         const char *key, const char *fmt, ...) CMPSRV_PRINTF(6, 7);
/* The same for a value that is not what its type wants; adds what is allowed. */
int cmpsrv_conf_wrong(const CONF_AT *at, const CONF_NODE *node, const char *fmt, ...)
    CMPSRV_PRINTF(3, 4);
/* Hands the errors over, by file and line. */
void cmpsrv_conf_complaints_sort(CONF_LOAD *l, CMPSRV_CONF_ERRORS *out);
/* For quoting what somebody wrote; never for secrets. Returns out. */
char *cmpsrv_conf_quote(const char *text, char out[80]);

/* Reads the file and what it includes into l->docs. */
int cmpsrv_conf_read_all(CONF_LOAD *l, const char *file);
/* What a path in the file of `pos` means: absolute, in the pool. */
const char *cmpsrv_conf_path(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *path);
/* Whether a file can be read; 0 with errno. */
int cmpsrv_conf_is_readable(const char *path);

const CONF_NODE *cmpsrv_conf_given(const CONF_ENTRY *e, const char *key);
int cmpsrv_conf_is_bad(const CONF_ENTRY *e, const char *key);
/* Where the key stands, or else the entry. */
CMPSRV_CONF_POS cmpsrv_conf_pos(const CONF_ENTRY *e, const char *key);
const CONF_ENTRY *cmpsrv_conf_entry(const CONF_LOAD *l, const char *section, const char *name);
/* References and whatever else takes more than one key. */
void cmpsrv_conf_check(CONF_LOAD *l);

#endif
