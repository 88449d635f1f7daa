/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of possession (RFC 4211 4, RFC 9810 5.2.8): the signature of a CRMF request or of a PKCS#10
 * by the key that was asked for. Every other form is refused until it is served.
 */
#include "config.h"

#include "wire/wire.h"

int cmpsrv_popo_verify(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CERT_REQUEST *cr,
                       EVP_PKEY *key, unsigned digests, CMPSRV_REFUSAL *why)
{
    switch (cr->pop) {
    case CMPSRV_POP_SIGNATURE:
    case CMPSRV_POP_PKCS10:
        return cmpsrv_sig_verify(libctx, propq, key, cr->pop_alg, digests, cr->pop_signed,
                                 cr->pop_signature, CMPSRV_R_BAD_POP, why);
    case CMPSRV_POP_ABSENT:
        return cmpsrv_refuse(why, CMPSRV_R_BAD_POP, "RFC 9483 4.1.1: no proof of possession");
    case CMPSRV_POP_RA_VERIFIED:
        return cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED, "RFC 9483 5.1.1: raVerified");
    case CMPSRV_POP_SIGNATURE_INPUT:
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_POP,
            "RFC 9483 4.1.1: poposkInput although subject and key are in the template");
    case CMPSRV_POP_KEY_ENCIPHERMENT:
    case CMPSRV_POP_KEY_AGREEMENT:
        break;
    }
    return cmpsrv_refuse(why, CMPSRV_R_BAD_POP,
                         "RFC 4211 4.2: this method is not served, sign instead");
}
