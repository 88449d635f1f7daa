/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcmpsrv: a CMP server (RFC 9810, RFC 9483) as a library. One server object holds a
 * configuration, its CAs and its store; CMPSRV_process() takes one PKIMessage and gives the one
 * that answers it. Whatever carries the messages (HTTP, a socket, a test) is the caller's.
 */
#ifndef CMPSRV_H
#define CMPSRV_H

#include <stddef.h>

#include <openssl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmpsrv_server_st CMPSRV_SERVER;

/*
 * A new server without configuration. `libctx` (NULL: the default one) and `propq` (NULL: none) say
 * where algorithms and keys come from; libctx must outlive the server, propq is copied.
 * Returns NULL when memory is short.
 */
CMPSRV_SERVER *CMPSRV_SERVER_new(OSSL_LIB_CTX *libctx, const char *propq);

/*
 * Reads `yaml_file`, its CAs, keys and store; call it once before the first message, and again to
 * reload: all or nothing, messages under way end with the configuration they began with. The store
 * stays the one of the first load. Returns 1, or 0 with CMPSRV_SERVER_get0_error() telling every
 * error as "FILE:LINE: kind name: key: what is wrong, what is allowed", one a line.
 */
int CMPSRV_SERVER_load(CMPSRV_SERVER *srv, const char *yaml_file);

/* Why the last CMPSRV_SERVER_load() failed; "" when it did not. Valid until the next load. */
const char *CMPSRV_SERVER_get0_error(const CMPSRV_SERVER *srv);

/* Closes the store, wipes secrets and keys. No message may be under way. NULL is fine. */
void CMPSRV_SERVER_free(CMPSRV_SERVER *srv);

/*
 * One message in, one message out. `path` is an HTTP path that names the alias
 * ("/cmp/factory", "/.well-known/cmp/p/factory", "/ejbca/publicweb/cmp/factory").
 * Returns 1 with the answer in *rsp (OPENSSL_malloc'ed, the caller frees) and *rsp_len, also when
 * it is a CMP error message, and *http_status 200. Returns 0 if there is no answer: *http_status
 * says why (404 no such alias, 400 alias too long, 503 out of memory or not loaded). http_status
 * may be NULL. The answer is durable in the store when the call returns. Thread-safe.
 */
int CMPSRV_process(CMPSRV_SERVER *srv, const char *path, const unsigned char *req, size_t req_len,
                   unsigned char **rsp, size_t *rsp_len, int *http_status);

/*
 * Housekeeping: ends transactions that nobody confirmed in time (as the alias says), removes
 * finished ones, renews CRLs. Call it about once a second; it is cheap when there is nothing to do,
 * and safe from any thread and on several nodes at once. Returns 1, or 0 when something failed (it
 * is logged and tried again with the next call).
 */
int CMPSRV_tick(CMPSRV_SERVER *srv);

/* The version of this library, "0.1.0". Static storage. */
const char *CMPSRV_version(void);

#ifdef __cplusplus
}
#endif
#endif
