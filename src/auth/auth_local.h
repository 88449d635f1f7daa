/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of auth share: one function a module, one row a module in auth.c. */
#ifndef CMPSRV_AUTH_LOCAL_H
#define CMPSRV_AUTH_LOCAL_H

#include "auth/auth.h"

/*
 * Proves the protection of in->msg with what the module's row in the alias says. 1 with
 * out->identity filled and proven, or 0 with *why; nothing in *out is left behind then.
 */
typedef int (*CMPSRV_AUTH_MODULE_FN)(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                                     CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);

/* The certificate, decoded, with a path to `ca` at in->now: a reference for the caller. NULL with
 * *why (SIGNER_NOT_TRUSTED). */
X509 *cmpsrv_chain_check(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                         const CMPSRV_CERT_VIEW *view, CMPSRV_REFUSAL *why);

/* Makes the identity an RA, if a row of `ras` for this alias names its certificate, or EKU cmcRA
 * makes it one for the alias's own CA, `ca`. */
void cmpsrv_ra_find(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                    const CMPSRV_CONF_CA *ca, CMPSRV_IDENTITY *id);

int cmpsrv_auth_eecert(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                       CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
/* Ties the identity to source, end entity, senderKID and the secret itself, without telling
 * anything of it. 1/0. */
int cmpsrv_auth_bind(const CMPSRV_AUTH_INPUT *in, CMPSRV_IDENTITY *id, CMPSRV_SLICE secret);

int cmpsrv_auth_dn_part(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                        CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
int cmpsrv_auth_reg_token(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                          CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);
int cmpsrv_auth_hmac(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                     CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why);

#endif
