/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the line that a request runs down, and the server object around it. Beside the public
 * header, what the programs of this project need of it.
 */
#ifndef CMPSRV_SERVER_H
#define CMPSRV_SERVER_H

#include "ca/ca.h"
#include "cmpsrv/cmpsrv.h"
#include "conf/conf.h"
#include "store/store.h"

/* Before the first load: where the log goes (up_to the caller to free after the server), and the
 * name of this writer in the store ("cmp-server" by default). 1/0. */
void cmpsrv_server_set_log(CMPSRV_SERVER *srv, CMPSRV_LOG *log);
int cmpsrv_server_set_node(CMPSRV_SERVER *srv, const char *node);

/*
 * What a program builds of a configuration beside the server object (TLS): called at each load and
 * check once the file has been read, returns 1, or 0 with errors; then the load fails as a whole.
 */
typedef int (*CMPSRV_PREPARE)(void *arg, const CMPSRV_CONF *conf, CMPSRV_CONF_ERRORS *errors);
void cmpsrv_server_set_prepare(CMPSRV_SERVER *srv, CMPSRV_PREPARE prepare, void *arg);

/* The section `server:` of the current configuration; valid until the next load. NULL before the
 * first. */
const CMPSRV_CONF_SERVER *cmpsrv_server_conf(CMPSRV_SERVER *srv);

/*
 * For --check-config: reads configuration, CAs and keys as a load would, opens no store and changes
 * nothing. 1, or 0 with the errors.
 */
int cmpsrv_server_check(CMPSRV_SERVER *srv, const char *file, CMPSRV_CONF_ERRORS *errors);

/* issue_ra.c: a certificate for a new key of a registration authority, in the store as active. */
typedef struct cmpsrv_ra_issue_st {
    const char *name;                 /* of its end entity */
    const char *subject;              /* text of a DN */
    const char *key_type;             /* as in CMPSRV_SETUP_CERT */
    int64_t validity;                 /* ms, cut at the CA's */
    const char *cert_file, *key_file; /* must not exist; the chain goes into cert_file, too */
    const char *operator_;            /* for the audit record */
} CMPSRV_RA_ISSUE;
int cmpsrv_ra_issue(const CMPSRV_CA *ca, CMPSRV_STORE *store, const CMPSRV_RA_ISSUE *what,
                    CMPSRV_REFUSAL *why);

/*
 * entity.c: an operator's work on end entities, with an audit record each. change and delete take
 * the row as it was read, updated_at untouched: somebody who was faster is BAD_REQUEST. 1/0.
 */
int cmpsrv_entity_add(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row, const char *operator_,
                      CMPSRV_REFUSAL *why);
int cmpsrv_entity_change(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row,
                         const char *operator_, CMPSRV_REFUSAL *why);
int cmpsrv_entity_delete(CMPSRV_STORE *store, const CMPSRV_END_ENTITY_ROW *row,
                         const char *operator_, CMPSRV_REFUSAL *why);

/*
 * request.c: one message down the line, for who must not wait for the store (else CMPSRV_process).
 * path and der stay until the end; wake(arg) is called on a thread of the store's. NULL: no memory,
 * or nothing loaded.
 */
typedef struct cmpsrv_request_st CMPSRV_REQUEST;
CMPSRV_REQUEST *cmpsrv_request_new(CMPSRV_SERVER *srv, const char *path, CMPSRV_SLICE der,
                                   void (*wake)(void *arg), void *arg);
/* 1: it is at its end. 0: it waits for its commit, and is to be run again, on whatever thread, when
 * wake was called, which may be before this returns: it is not the caller's any more. */
int cmpsrv_request_run(CMPSRV_REQUEST *req);
/* The answer as of CMPSRV_process (answer empty for 0); frees req. */
int cmpsrv_request_end(CMPSRV_REQUEST *req, CMPSRV_BYTES *answer, int *http_status);

/* For the admin listener: appends a line for each check (store, keys, CRLs); 1 if all are fine.
 * Takes as long as the store does. The current values of all metrics, in Prometheus' format. */
int cmpsrv_server_ready(CMPSRV_SERVER *srv, CMPSRV_JSON *out);
void cmpsrv_server_metrics(CMPSRV_SERVER *srv, CMPSRV_JSON *out);

/* The stages of the line in order, for logs and metrics; NULL after the last. */
const char *cmpsrv_stage_name(size_t i);

#endif
