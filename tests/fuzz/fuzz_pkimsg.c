/* SPDX-License-Identifier: Apache-2.0 */
/* The PKIMessage decoder: what it takes lies inside the message and is what libcrypto reads, too.
 */
#include "config.h"

#include <openssl/cmp.h>
#include <openssl/err.h>

#include "fuzz/fuzz.h"
#include "wire/wire.h"

static void check_inside(CMPSRV_SLICE outer, CMPSRV_SLICE s)
{
    MUST(s.p == NULL || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n));
}

/* Bodies that only we take apart later may be anything to us, so libcrypto may refuse them. */
static void check_with_libcrypto(CMPSRV_SLICE der, const CMPSRV_PKIMSG *msg)
{
    const unsigned char *p = der.p;
    OSSL_CMP_MSG *other = d2i_OSSL_CMP_MSG(NULL, &p, (long)der.n);

    if (other != NULL) {
        ASN1_OCTET_STRING *tid = OSSL_CMP_HDR_get0_transactionID(OSSL_CMP_MSG_get0_header(other));

        MUST(OSSL_CMP_MSG_get_bodytype(other) == msg->body_type);
        MUST((tid == NULL) == (msg->transaction_id.p == NULL));
        MUST(tid == NULL ||
             cmpsrv_slice_eq(msg->transaction_id, cmpsrv_slice(ASN1_STRING_get0_data(tid),
                                                               (size_t)ASN1_STRING_length(tid))));
    }
    OSSL_CMP_MSG_free(other);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CMPSRV_SLICE der = cmpsrv_slice(data, size);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_PKIMSG msg;

    if (!cmpsrv_pkimsg_parse(der, &msg, &why)) {
        MUST(why.reason != CMPSRV_R_NONE && why.detail[0] != '\0');
        return 0;
    }
    MUST(msg.body_type >= 0 && msg.body_type < CMPSRV_BODY__COUNT);
    MUST(msg.transaction_id.n <= CMPSRV_MAX_TRANSACTION_ID);
    check_inside(der, msg.header);
    check_inside(der, msg.body);
    check_inside(msg.body, msg.body_value);
    check_inside(msg.header, msg.protection_alg);
    check_inside(msg.header, msg.transaction_id);
    check_inside(msg.header, msg.general_info);
    check_inside(der, msg.protection);
    for (size_t i = 0; i < msg.extra_certs_n; i++) {
        CMPSRV_CERT_VIEW v;

        check_inside(der, msg.extra_certs[i]);
        cmpsrv_cert_view(msg.extra_certs[i], &v, &why);
    }
    check_with_libcrypto(der, &msg);
    return 0;
}
