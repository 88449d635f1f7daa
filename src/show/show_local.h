/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of show share: types as tables (types_*.c), the walker (show.c), the primitives
 * (leaf.c), the two ways of writing (writer.c).
 */
#ifndef CMPSRV_SHOW_LOCAL_H
#define CMPSRV_SHOW_LOCAL_H

#include "show/show.h"
#include "wire/der.h"

#define SHOW_MAX_DEPTH 100 /* of what is written, several for one element */

typedef struct show_st SHOW;
typedef struct show_type_st SHOW_TYPE;

typedef struct {
    int tag;
    CMPSRV_SLICE tlv, content;
} SHOW_ELEMENT;

/* ---- types -------------------------------------------------------------------------------------
 */

typedef enum {
    SHOW_SEQUENCE,
    SHOW_SEQUENCE_OF,
    SHOW_SET_OF,
    SHOW_CHOICE,
    SHOW_LEAF,
    SHOW_ANY,      /* by its own tags */
    SHOW_BY_OID,   /* of the type that the OID before it in the SEQUENCE says */
    SHOW_IN_OCTETS /* the same, inside an OCTET STRING */
} SHOW_KIND;

enum { SHOW_OPTIONAL = 1, SHOW_EXPLICIT = 2 };

typedef struct {
    const char *name;
    int tag; /* identifier octet; 0: the type's own */
    int flags;
    const SHOW_TYPE *type;
} SHOW_FIELD;

typedef struct {
    int64_t value;
    const char *name;
} SHOW_WORD;

typedef struct {
    const char *oid; /* dotted */
    const SHOW_TYPE *type;
} SHOW_OID_TYPE;

struct show_type_st {
    SHOW_KIND kind;
    const char *name;         /* of the ASN.1 type, for damage */
    int tag;                  /* LEAF: identifier octet; 0: see `accepts` */
    const SHOW_FIELD *fields; /* SEQUENCE, CHOICE; ends with name NULL */
    const SHOW_TYPE *of;      /* SEQUENCE_OF, SET_OF */
    int (*accepts)(int tag);  /* LEAF of several tags */
    void (*write)(SHOW *s, const SHOW_TYPE *t, const char *name, const SHOW_ELEMENT *e); /* LEAF */
    const SHOW_WORD *words;    /* LEAF: names of values or bits */
    const SHOW_OID_TYPE *oids; /* BY_OID, IN_OCTETS */
    void (*after)(SHOW *s, const SHOW_TYPE *t, CMPSRV_SLICE content); /* SEQUENCE: a remark */
};

extern const SHOW_TYPE show_any;
/* types_x509.c */
extern const SHOW_TYPE show_algorithm, show_spki, show_extensions, show_certificate, show_crl,
    show_pkcs10, show_general_name, show_general_names, show_attributes;
/* types_crmf.c */
extern const SHOW_TYPE show_cert_req_messages, show_cert_template, show_encrypted_key,
    show_publication_info, show_cert_id, show_controls;
/* types_cms.c */
extern const SHOW_TYPE show_enveloped_data;
/* types_msg.c */
extern const SHOW_TYPE show_pki_message;

/* ---- leaf.c: primitives ------------------------------------------------------------------------
 */

extern const SHOW_TYPE show_integer, show_serial, show_boolean, show_null, show_oid, show_octets,
    show_bits, show_utf8, show_string, show_time, show_generalized_time, show_name, show_ip;
void show_write_integer(SHOW *s, const SHOW_TYPE *t, const char *name, const SHOW_ELEMENT *e);
void show_write_bits(SHOW *s, const SHOW_TYPE *t, const char *name, const SHOW_ELEMENT *e);
/* The primitive type of a universal tag, or NULL. */
const SHOW_TYPE *show_universal(int tag);
/* Name of an OID by its dotted text, "" if unknown (oids.c). */
const char *show_oid_name(const char *dotted);

#define SHOW_INTEGER_WITH(words_)                                                                  \
    {                                                                                              \
        .kind = SHOW_LEAF, .name = "INTEGER", .tag = DER_INTEGER, .write = show_write_integer,     \
        .words = (words_)                                                                          \
    }
#define SHOW_BITS_WITH(words_)                                                                     \
    {                                                                                              \
        .kind = SHOW_LEAF, .name = "BIT STRING", .tag = DER_BIT_STRING, .write = show_write_bits,  \
        .words = (words_)                                                                          \
    }
#define SHOW_SEQUENCE_WITH(name_, fields_)                                                         \
    {                                                                                              \
        .kind = SHOW_SEQUENCE, .name = (name_), .tag = DER_SEQUENCE, .fields = (fields_)           \
    }
#define SHOW_CHOICE_WITH(name_, fields_)                                                           \
    {                                                                                              \
        .kind = SHOW_CHOICE, .name = (name_), .fields = (fields_)                                  \
    }
#define SHOW_LIST_OF(name_, type_)                                                                 \
    {                                                                                              \
        .kind = SHOW_SEQUENCE_OF, .name = (name_), .tag = DER_SEQUENCE, .of = &(type_)             \
    }
#define SHOW_SET_WITH(name_, type_)                                                                \
    {                                                                                              \
        .kind = SHOW_SET_OF, .name = (name_), .tag = DER_SET, .of = &(type_)                       \
    }
#define E(n)  DER_CONTEXT_CONSTRUCTED(n), SHOW_EXPLICIT
#define EO(n) DER_CONTEXT_CONSTRUCTED(n), SHOW_EXPLICIT | SHOW_OPTIONAL
#define I(n)  DER_CONTEXT(n), 0 /* IMPLICIT of a primitive */
#define IO(n) DER_CONTEXT(n), SHOW_OPTIONAL
#define C(n)  DER_CONTEXT_CONSTRUCTED(n), 0 /* IMPLICIT of a constructed type */
#define CO(n) DER_CONTEXT_CONSTRUCTED(n), SHOW_OPTIONAL
#define U     0, 0 /* untagged */
#define UO    0, SHOW_OPTIONAL
#define END                                                                                        \
    {                                                                                              \
        NULL, 0, 0, NULL                                                                           \
    }

/* ---- writer.c ----------------------------------------------------------------------------------
 */

struct show_st {
    CMPSRV_JSON *out;
    int json;
    const unsigned char *base;
    size_t damaged;
    int is_cut; /* the octets have ended too early: what is missing then is no more news */
    size_t depth;
    struct {
        int is_array;
        size_t n; /* elements written */
    } level[SHOW_MAX_DEPTH + 1];
};

/* A group of named values, or a list. 1, or 0 if it is nested too deep (then nothing was opened).
 */
int show_open(SHOW *s, const char *name, int is_array);
void show_close(SHOW *s);
/* One value. Any octets: what cannot be shown is escaped. */
void show_text(SHOW *s, const char *name, const char *text);
/* One that JSON has without quotes: a number, true, false, null. */
void show_raw(SHOW *s, const char *name, const char *literal);
/* Hex; text shortens it, JSON does not. `text`, if not NULL, is what the octets say. */
void show_hex(SHOW *s, const char *name, CMPSRV_SLICE octets, const char *text);
/* What is wrong at `at`, and the octets there. */
void show_damage(SHOW *s, const char *name, CMPSRV_SLICE at, const char *fmt, ...)
    CMPSRV_PRINTF(4, 5);

/* ---- show.c ------------------------------------------------------------------------------------
 */

/* The next element of *in: 1; or a damage that takes the rest of it: 0. One that is cut off is what
 * is left of it. */
int show_next(SHOW *s, const char *name, CMPSRV_SLICE *in, SHOW_ELEMENT *e);
/* An element by its type; `oid` is the OID that stands before it, for BY_OID. */
void show_element(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                  CMPSRV_SLICE oid);

#endif
