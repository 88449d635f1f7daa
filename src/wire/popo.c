/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of possession, RFC 4211 4 and RFC 9810 5.2.8: signatures of POPOSigningKey and PKCS#10,
 * raVerified, and whether encrCert can prove it later. The key comes decoded from pubkey.c; what
 * may prove it, and for whom, comes in as rules. That a template has a subject is not asked here.
 */
#include "config.h"

#include <openssl/evp.h>

#include "wire/algs.h"
#include "wire/wire_local.h"

typedef struct {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    const CMPSRV_CERT_REQUEST *cr;
    EVP_PKEY *key;
    const CMPSRV_POPO_RULES *rules;
    CMPSRV_REFUSAL *why;
} PROOF;

#define REFUSE(p, ...) cmpsrv_refuse((p)->why, CMPSRV_R_BAD_POP, __VA_ARGS__)

static int refuse_absent(const PROOF *p)
{
    return REFUSE(p, "RFC 4211 4: proof of possession is missing");
}

static int check_ra_verified(const PROOF *p)
{
    return p->rules->allow_ra_verified || cmpsrv_refuse(p->why, CMPSRV_R_NOT_AUTHORIZED,
                                                        "RFC 9483 5.1.1: raVerified is for an RA");
}

/* ---- signatures -------------------------------------------------------------------------------
 */

static int check_signature(const PROOF *p, CMPSRV_SLICE data)
{
    CMPSRV_SIG_SCHEME s;

    /* An algorithm for another kind of key proves nothing about this one. */
    if (!cmpsrv_sig_scheme_read(p->cr->pop_alg, &s, p->why))
        return 0;
    if (s.key_type != NULL && !cmpsrv_sig_scheme_fits(&s, p->key))
        return REFUSE(p,
                      "RFC 4211 4.1: the signature is by a key of type %s, not by the one in the "
                      "request",
                      s.key_type);
    if (cmpsrv_fault("no-pop"))
        return 1;
    return cmpsrv_sig_verify(p->libctx, p->propq, p->key, p->cr->pop_alg, p->rules->digests, data,
                             p->cr->pop_signature, CMPSRV_R_BAD_POP, p->why);
}

static int verify_request(const PROOF *p)
{
    return p->cr->pop_signed.n == 0 ? REFUSE(p, "RFC 4211 4.1: nothing is signed")
                                    : check_signature(p, p->cr->pop_signed);
}

/* ---- poposkInput: RFC 4211 4.1 -----------------------------------------------------------------
 */

/* An element with tag 30 around that content, as it is signed and MACed whatever tag it has on the
 * wire. */
static int put_sequence(CMPSRV_SLICE content, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_put(&w, DER_SEQUENCE, content);
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

static int has_both(const CMPSRV_CERT_REQUEST *cr)
{
    return cr->subject.p != NULL && !cr->input.is_only_key;
}

/* RFC 9810 5.2.8.2: it stands for what the template does not have. */
static int check_input_wanted(const PROOF *p)
{
    return !has_both(p->cr) || p->rules->input_identical ||
           REFUSE(p, "RFC 9810 5.2.8.2: poposkInput beside subject and publicKey in the template");
}

static int check_input_key(const PROOF *p)
{
    return cmpsrv_slice_eq(p->cr->input.spki, p->cr->spki) ||
           REFUSE(p, "RFC 4211 4.1: publicKey of poposkInput is not the template's");
}

/* The MAC instead of a sender is judged by check_input_mac. */
static int check_input_sender(const PROOF *p)
{
    CMPSRV_SLICE sender = p->cr->input.sender_dn;

    if (p->cr->input.mac_alg.p != NULL)
        return 1;
    if (sender.p == NULL)
        return REFUSE(p, "RFC 4211 4.1: sender of poposkInput is no directoryName");
    if (has_both(p->cr) && cmpsrv_name_eq(sender, p->cr->subject))
        return 1;
    /* the empty name is nobody's */
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(p->rules->senders); i++)
        if (p->rules->senders[i].p != NULL && !cmpsrv_name_is_empty(sender) &&
            cmpsrv_name_eq(sender, p->rules->senders[i]))
            return 1;
    return REFUSE(p, "RFC 4211 4.1: sender of poposkInput is not who asks");
}

static int check_input_signature(const PROOF *p)
{
    CMPSRV_BYTES data = {0};
    int ok;

    if (!put_sequence(p->cr->input.content, &data, p->why))
        return 0;
    ok = check_signature(p, cmpsrv_bytes_slice(&data));
    cmpsrv_bytes_clear(&data);
    return ok;
}

static int check_mac_value(const PROOF *p, const CMPSRV_MAC_KEY *mac_key)
{
    CMPSRV_BYTES data = {0};
    int same = 0, ok;

    if (!put_sequence(p->cr->input.spki, &data, p->why))
        return 0;
    ok = cmpsrv_mac_check(mac_key, cmpsrv_bytes_slice(&data), p->cr->input.mac, &same, p->why);
    cmpsrv_bytes_clear(&data);
    return ok && (same || REFUSE(p, "RFC 4211 4.4: publicKeyMAC does not match"));
}

/* RFC 4211 4.4: a MAC over the SubjectPublicKeyInfo says who has the key. */
static int check_input_mac(const PROOF *p)
{
    CMPSRV_MAC_PARAMS params;
    CMPSRV_MAC_KEY *mac_key;
    int ok;

    if (p->cr->input.mac_alg.p == NULL)
        return 1;
    if (p->rules->secret == NULL || p->rules->macs == NULL)
        return REFUSE(p, "RFC 4211 4.4: publicKeyMAC, and there is no shared secret");
    if (!cmpsrv_mac_params_parse(p->cr->input.mac_alg, p->rules->macs, &params, p->why))
        return 0;
    if ((mac_key = cmpsrv_mac_key_derive(&params, p->rules->secret)) == NULL)
        return cmpsrv_fail(p->why, "cannot derive the key of publicKeyMAC");
    ok = check_mac_value(p, mac_key);
    cmpsrv_mac_key_free(mac_key);
    return ok;
}

/* The one that may take long, a derivation, comes last. */
static int verify_input(const PROOF *p)
{
    return check_input_wanted(p) && check_input_key(p) && check_input_sender(p) &&
           check_input_signature(p) && check_input_mac(p);
}

/* ---- keyEncipherment, keyAgreement: RFC 9810 5.2.8.3 -------------------------------------------
 */

static const char *const methods[] = {
    [CMPSRV_POP_THIS_MESSAGE] = "thisMessage",
    [CMPSRV_POP_CHALLENGE_RESP] = "challengeResp",
    [CMPSRV_POP_DH_MAC] = "dhMAC",
    [CMPSRV_POP_AGREE_MAC] = "agreeMAC",
    [CMPSRV_POP_ENCRYPTED_KEY] = "encryptedKey",
};

/* What would do for a key of that type; the first that fits. */
static const struct {
    const char *key_type; /* NULL: any */
    const char *detail;
} wants[] = {
    {"RSA", "an RSA key needs 1024 bits, and pvno 2 or 3"},
    {"EC", "an EC key needs pvno 3"},
    {NULL, "want an RSA key, or an EC key and pvno 3; others prove possession by a signature"},
};

static int refuse_key(const PROOF *p)
{
    size_t i = 0;

    while (wants[i].key_type != NULL && !EVP_PKEY_is_a(p->key, wants[i].key_type))
        i++;
    return REFUSE(p, "RFC 9810 5.2.8.3.2: no certificate can be encrypted to this key: %s",
                  wants[i].detail);
}

/* That the key is theirs shows when they decrypt the certificate and confirm it. RFC 4211 4 has
 * keyAgreement for EC and keyEncipherment for RSA; the stock client says keyEncipherment of any
 * key, so either is taken for either. */
static int check_decryption(const PROOF *p)
{
    size_t method = (size_t)p->cr->pop_method;

    if (p->cr->pop_method != CMPSRV_POP_ENCR_CERT)
        return REFUSE(p, "RFC 9810 5.2.8.3: %s is not supported, want encrCert or a signature",
                      method < CMPSRV_ARRAY_SIZE(methods) ? methods[method] : "?");
    return cmpsrv_can_encrypt_to(p->key, p->rules->pvno) || refuse_key(p);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static const struct {
    CMPSRV_POP_KIND kind;
    int (*verify)(const PROOF *p);
} kinds[] = {
    {CMPSRV_POP_ABSENT, refuse_absent},
    {CMPSRV_POP_RA_VERIFIED, check_ra_verified},
    {CMPSRV_POP_SIGNATURE, verify_request},
    {CMPSRV_POP_SIGNATURE_INPUT, verify_input},
    {CMPSRV_POP_KEY_ENCIPHERMENT, check_decryption},
    {CMPSRV_POP_KEY_AGREEMENT, check_decryption},
    {CMPSRV_POP_PKCS10, verify_request},
};

int cmpsrv_popo_verify(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CERT_REQUEST *cr,
                       EVP_PKEY *key, const CMPSRV_POPO_RULES *rules, CMPSRV_REFUSAL *why)
{
    const PROOF p = {
        .libctx = libctx, .propq = propq, .cr = cr, .key = key, .rules = rules, .why = why};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(kinds); i++)
        if (cr->pop == kinds[i].kind)
            return kinds[i].verify(&p);
    return REFUSE(&p, "unknown kind of proof of possession");
}
