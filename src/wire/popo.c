/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of possession by signature: POPOSigningKey of RFC 4211 4.1 and the signature of a PKCS#10
 * request. The key comes decoded from pubkey.c; whether a request may do without is not asked here.
 */
#include "config.h"

#include <openssl/evp.h>

#include "wire/algs.h"

/* What is said of a proof that is not a signature over the request. */
static const struct {
    CMPSRV_POP_KIND kind;
    CMPSRV_REASON reason;
    const char *detail;
} refused[] = {
    {CMPSRV_POP_ABSENT, CMPSRV_R_BAD_POP, "RFC 4211 4: proof of possession is missing"},
    {CMPSRV_POP_RA_VERIFIED, CMPSRV_R_NOT_AUTHORIZED, "RFC 9483 5.1.1: raVerified is for an RA"},
    {CMPSRV_POP_SIGNATURE_INPUT, CMPSRV_R_BAD_POP, "RFC 4211 4.1: poposkInput is not supported"},
    {CMPSRV_POP_KEY_ENCIPHERMENT, CMPSRV_R_BAD_POP,
     "RFC 4211 4.2: keyEncipherment is not supported"},
    {CMPSRV_POP_KEY_AGREEMENT, CMPSRV_R_BAD_POP, "RFC 4211 4.3: keyAgreement is not supported"},
};

int cmpsrv_popo_verify(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CERT_REQUEST *cr,
                       EVP_PKEY *key, const CMPSRV_POPO_RULES *rules, CMPSRV_REFUSAL *why)
{
    CMPSRV_SIG_SCHEME s;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(refused); i++)
        if (cr->pop == refused[i].kind)
            return cmpsrv_refuse(why, refused[i].reason, "%s", refused[i].detail);
    if (cr->pop != CMPSRV_POP_SIGNATURE && cr->pop != CMPSRV_POP_PKCS10)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_POP, "unknown kind of proof of possession");
    if (cr->pop_signed.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_POP, "RFC 4211 4.1: nothing is signed");
    /* An algorithm for another kind of key proves nothing about this one. */
    if (!cmpsrv_sig_scheme_read(cr->pop_alg, &s, why))
        return 0;
    if (s.key_type != NULL && !cmpsrv_sig_scheme_fits(&s, key))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_POP,
                             "RFC 4211 4.1: the signature is by a key of type %s, not by the one "
                             "in the request",
                             s.key_type);
    if (cmpsrv_fault("no-pop"))
        return 1;
    return cmpsrv_sig_verify(libctx, propq, key, cr->pop_alg, rules->digests, cr->pop_signed,
                             cr->pop_signature, CMPSRV_R_BAD_POP, why);
}
