/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of policy share: the checks of decide_cert, each on the input and the decision
 * under way. */
#ifndef CMPSRV_POLICY_LOCAL_H
#define CMPSRV_POLICY_LOCAL_H

#include "policy/policy.h"

/* ---- authority.c -------------------------------------------------------------------------------
 */
/* Whether the list has the name. */
int cmpsrv_policy_is_in(const CMPSRV_CONF_LIST *list, const char *name);

/* ---- template.c: fields that a requester has no business with ----------------------------------
 */
int cmpsrv_check_template(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_decide_serial(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);

/* ---- fields.c: against a row of subject_dn or subject_alt_name; key is which of the two --------
 */
/* 1, or 0 with PROFILE_NOT_FULFILLED that names profile, key and row. */
int cmpsrv_field_check_value(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                             const CMPSRV_CONF_FIELD *row, const char *value, CMPSRV_REFUSAL *why);
int cmpsrv_field_check_count(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                             const CMPSRV_CONF_FIELD *row, size_t n, CMPSRV_REFUSAL *why);
/* 0. what: the attribute or name type, escaped. */
int cmpsrv_field_not_listed(const CMPSRV_CONF_EE_PROFILE *profile, const char *key,
                            const char *what, CMPSRV_REFUSAL *why);

/* ---- subject.c, key.c, popo_rules.c, validity.c
 * ------------------------------------------------ */
int cmpsrv_decide_subject(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_decide_key(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_check_pop(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
int cmpsrv_decide_validity(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
/* The rules that the request's proof of possession is judged by, borrowed from in and *macs. */
CMPSRV_POPO_RULES cmpsrv_popo_rules(const CMPSRV_POLICY_INPUT *in, CMPSRV_MAC_POLICY *macs);
/* encrCert: that the answer can be decrypted is the proof. */
int cmpsrv_popo_is_indirect(const CMPSRV_CERT_REQUEST *request);

/* ---- san.c -------------------------------------------------------------------------------------
 */
/* Content octets of a GeneralNames SEQUENCE as a subjectAltName may have it. 1/0. */
int cmpsrv_check_san(CMPSRV_SLICE names, CMPSRV_REFUSAL *why);
/* The subjectAltName that the certificate gets, as GeneralNames TLV; absent slice: none. 1/0. */
int cmpsrv_granted_san(const CMPSRV_POLICY_INPUT *in, CMPSRV_SLICE *san, CMPSRV_REFUSAL *why);

/* ---- usage.c: keyUsage and extKeyUsage ---------------------------------------------------------
 */
/* Into d->key_usage; 0 with *why when a usage of CAs is asked for. */
int cmpsrv_decide_key_usage(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d, CMPSRV_REFUSAL *why);
/* The purposes that are asked for, if any are: well-formed, and none above the requester. */
int cmpsrv_check_ext_key_usage(const CMPSRV_POLICY_INPUT *in, CMPSRV_REFUSAL *why);

/* ---- extensions.c ------------------------------------------------------------------------------
 */
/* Whether the certificate profile lets a request choose the value of that extension. */
int cmpsrv_may_override(const CMPSRV_CONF_CERT_PROFILE *profile, CMPSRV_SLICE oid);
int cmpsrv_decide_extensions(const CMPSRV_POLICY_INPUT *in, CMPSRV_DECISION *d,
                             CMPSRV_REFUSAL *why);

#endif
