/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of policy share: the checks of decide_cert, each on the input and the decision
 * under way. */
#ifndef CMPSRV_POLICY_LOCAL_H
#define CMPSRV_POLICY_LOCAL_H

#include "policy/policy.h"

/* Whether the list has the name. */
int cmpsrv_policy_is_in(const CMPSRV_CONF_LIST *list, const char *name);
/* The same, or it is empty: any. */
int cmpsrv_policy_is_listed(const CMPSRV_CONF_LIST *list, const char *name);

/* ---- profile_cert.c: against the certificate profile
 * ------------------------------------------------ */
int cmpsrv_decide_key(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_decide_validity(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_decide_extensions(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d,
                             CMPSRV_REFUSAL *why);

/* ---- profile_ee.c: against the end entity profile
 * ----------------------------------------------------- */
int cmpsrv_decide_subject(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
/* Content octets of a GeneralNames SEQUENCE as a subjectAltName may have it. 1/0. */
int cmpsrv_check_san(CMPSRV_SLICE names, CMPSRV_REFUSAL *why);
/* The subjectAltName that is asked for as GeneralNames TLV; absent slice: none. 1/0. */
int cmpsrv_requested_san(const CMPSRV_CERT_REQUEST *request, CMPSRV_SLICE *san,
                         CMPSRV_REFUSAL *why);

#endif
