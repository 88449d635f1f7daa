/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message types that are served, one row each; a body without a row is refused by rule H4. A
 * new message type is a row here and a handler file.
 */
#include "config.h"

#include "server/server_local.h"

#define CERT cmpsrv_handle_cert_parse, cmpsrv_handle_cert_decide, cmpsrv_handle_cert_perform
#define CONF cmpsrv_handle_conf_parse, cmpsrv_handle_conf_decide, cmpsrv_handle_conf_perform
#define RR   cmpsrv_handle_rr_parse, cmpsrv_handle_rr_decide, cmpsrv_handle_rr_perform
#define ERR  cmpsrv_handle_error_parse, cmpsrv_handle_error_decide, cmpsrv_handle_error_perform

static const CMPSRV_BODY_TYPE types[] = {
    {CMPSRV_BODY_IR, "initialization", 1, CMPSRV_BODY_IP, CERT},
    {CMPSRV_BODY_CR, "certification", 1, CMPSRV_BODY_CP, CERT},
    {CMPSRV_BODY_P10CR, "pkcs10", 1, CMPSRV_BODY_CP, CERT},
    {CMPSRV_BODY_RR, "revocation", 1, CMPSRV_BODY_RP, RR},
    {CMPSRV_BODY_CERTCONF, NULL, 0, CMPSRV_BODY_PKICONF, CONF},
    {CMPSRV_BODY_ERROR, NULL, 0, CMPSRV_BODY_PKICONF, ERR},
};

const CMPSRV_BODY_TYPE *cmpsrv_body_type(int body)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++)
        if (types[i].body == body)
            return &types[i];
    return NULL;
}
