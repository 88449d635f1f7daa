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

#endif
