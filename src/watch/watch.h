/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: what an audit record says. One JSON object a record; made here, chained and kept by store.
 */
#ifndef CMPSRV_WATCH_H
#define CMPSRV_WATCH_H

#include "base/model.h"

typedef struct cmpsrv_audit_event_st {
    const char *event; /* "issued", "confirmed", "rejected", "expired", "revoked", "refused", ... */
    const char *alias; /* NULL: left out; the same for all below */
    CMPSRV_SLICE tid;
    int body_type; /* -1: left out */
    const char *body_name;
    const CMPSRV_IDENTITY *identity;
    const char *ca;
    CMPSRV_SLICE serial;
    const char *end_entity;
    const char *subject; /* RFC 4514 text */
    const CMPSRV_REFUSAL *refusal;
    int reason;            /* CRLReason, -1: left out */
    const char *operator_; /* of cmp-admin */
} CMPSRV_AUDIT_EVENT;
/* OPENSSL_malloc'ed JSON without newline; NULL without memory. */
char *cmpsrv_audit_record(const CMPSRV_AUDIT_EVENT *e);
/* Appends text as a JSON string with its quotes to a growing buffer; for records and --json output.
 */
typedef struct {
    char *p;
    size_t n, cap;
    int failed;
} CMPSRV_JSON;
void cmpsrv_json_raw(CMPSRV_JSON *j, const char *text);
void cmpsrv_json_string(CMPSRV_JSON *j, const char *text); /* invalid UTF-8 becomes U+FFFD */
/* ,"key":"value" with the comma only if something stands before; value NULL: nothing. */
void cmpsrv_json_field(CMPSRV_JSON *j, const char *key, const char *value);
void cmpsrv_json_field_int(CMPSRV_JSON *j, const char *key, int64_t value);
/* Ends: the NUL-terminated buffer, or NULL if anything failed. */
char *cmpsrv_json_finish(CMPSRV_JSON *j);

#endif
