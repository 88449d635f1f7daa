/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: who sent this. Runs the alias's modules in order, once, and leaves an identity; a result
 * starts as denied.
 */
#ifndef CMPSRV_AUTH_H
#define CMPSRV_AUTH_H

#include "base/model.h"
#include "conf/conf.h"
#include "wire/wire.h"

typedef struct cmpsrv_auth_input_st {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    const CMPSRV_PKIMSG *msg;
    const CMPSRV_CONF_ALIAS *alias;
    const CMPSRV_CONF_CA *ca;         /* whose cmp_ra_auth_secret counts; may be NULL */
    const unsigned char *binding_key; /* CMPSRV_HASH octets: keys the binding, so that it tells
                                         nothing of the secret */
} CMPSRV_AUTH_INPUT;

typedef struct cmpsrv_auth_result_st {
    CMPSRV_IDENTITY identity;
    CMPSRV_MAC_PARAMS mac_params; /* MAC only; borrowed from the message */
    CMPSRV_MAC_KEY *mac_key;      /* MAC only: proven; answers use it */
    CMPSRV_SECRET *secret;        /* MAC only, for a fresh salt */
} CMPSRV_AUTH_RESULT;
void cmpsrv_auth_result_clear(CMPSRV_AUTH_RESULT *r);

/* H8-H14 of cmp-conformance.md 1.1. 1 with identity.proven, or 0 with *why. */
int cmpsrv_auth_run(const CMPSRV_AUTH_INPUT *in, CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
/* Whether a module of that name exists; conf's list of names is checked against it by a test. */
int cmpsrv_auth_has_module(const char *name);

#endif
