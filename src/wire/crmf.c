/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertReqMessages of ir, cr and kur, RFC 4211: slices of the one request in them. Knows the grammar
 * (IMPLICIT tags, but for the CHOICEs Name and Time), not which templates are acceptable and not
 * how proof of possession is verified.
 */
#include "config.h"

#include "wire/algs.h"
#include "wire/wire_local.h"

#include <string.h>

#define REFUSE_FORMAT(why, ...) cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, __VA_ARGS__)

/* ---- CertTemplate, RFC 4211 5 -----------------------------------------------------------------
 */

/* Content of an IMPLICIT INTEGER, which the strict check of the message could not see. */
static int is_integer(CMPSRV_SLICE c)
{
    return c.n == 1 ||
           (c.n > 1 && !(c.p[0] == 0x00 && c.p[1] < 0x80) && !(c.p[0] == 0xff && c.p[1] >= 0x80));
}

static int parse_version(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->has_version = 1;
    return is_integer(c) && cmpsrv_der_int64(c, &out->version);
}

static int parse_serial(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->serial = c;
    return is_integer(c);
}

static int parse_signing_alg(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->signing_alg = c;
    return cmpsrv_der_get(&c, DER_OID, NULL) &&
           (c.n == 0 || cmpsrv_der_any(&c, NULL, NULL, NULL)) && c.n == 0;
}

static int parse_issuer(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    return cmpsrv_name_get_tlv(&c, &out->issuer) && c.n == 0;
}

static int parse_subject(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    return cmpsrv_name_get_tlv(&c, &out->subject) && c.n == 0;
}

static int parse_time(CMPSRV_SLICE *in, int tag, int *has, int64_t *ms)
{
    CMPSRV_SLICE field;

    if (!cmpsrv_der_opt(in, tag, &field))
        return 0;
    *has = field.p != NULL;
    return !*has || (cmpsrv_der_get_time(&field, ms) && field.n == 0);
}

/* OptionalValidity ::= SEQUENCE { notBefore [0] Time OPTIONAL, notAfter [1] Time OPTIONAL } */
static int parse_validity(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->has_validity = 1;
    return parse_time(&c, DER_CONTEXT_CONSTRUCTED(0), &out->has_not_before, &out->not_before) &&
           parse_time(&c, DER_CONTEXT_CONSTRUCTED(1), &out->has_not_after, &out->not_after) &&
           c.n == 0;
}

/* Content of a SubjectPublicKeyInfo. What the key is like is pubkey.c's; here only that it is two
 * elements of the right type. */
static int is_public_key(CMPSRV_SLICE c)
{
    CMPSRV_SLICE oid, parameters;

    return cmpsrv_der_get_algid(&c, &oid, &parameters) &&
           cmpsrv_der_get(&c, DER_BIT_STRING, NULL) && c.n == 0;
}

static int parse_public_key(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->spki = c;
    return is_public_key(c);
}

/* Content of an IMPLICIT BIT STRING. */
static int is_bit_string(CMPSRV_SLICE c)
{
    return c.n > 0 && c.p[0] <= 7 &&
           (c.n == 1 ? c.p[0] == 0 : (c.p[c.n - 1] & ((1U << c.p[0]) - 1)) == 0);
}

static int parse_unique_id(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->has_unique_ids = 1;
    return is_bit_string(c);
}

static int parse_extensions(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out)
{
    out->extensions = c;
    return 1; /* cmpsrv_template_parse checks them: it can say what is wrong */
}

static const struct {
    int tag;
    const char *name;
    int (*parse)(CMPSRV_SLICE content, CMPSRV_CERT_REQUEST *out);
} template_fields[] = {
    {DER_CONTEXT(0), "version", parse_version},
    {DER_CONTEXT(1), "serialNumber", parse_serial},
    {DER_CONTEXT_CONSTRUCTED(2), "signingAlg", parse_signing_alg},
    {DER_CONTEXT_CONSTRUCTED(3), "issuer", parse_issuer},
    {DER_CONTEXT_CONSTRUCTED(4), "validity", parse_validity},
    {DER_CONTEXT_CONSTRUCTED(5), "subject", parse_subject},
    {DER_CONTEXT_CONSTRUCTED(6), "publicKey", parse_public_key},
    {DER_CONTEXT(7), "issuerUID", parse_unique_id},
    {DER_CONTEXT(8), "subjectUID", parse_unique_id},
    {DER_CONTEXT_CONSTRUCTED(9), "extensions", parse_extensions},
};

int cmpsrv_template_parse(CMPSRV_SLICE content, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(template_fields); i++) {
        CMPSRV_SLICE field;

        if (!cmpsrv_der_opt(&content, template_fields[i].tag, &field) ||
            (field.p != NULL && !template_fields[i].parse(field, out)))
            return REFUSE_FORMAT(why, "RFC 4211 5: %s in the template", template_fields[i].name);
    }
    if (content.n > 0)
        return REFUSE_FORMAT(why,
                             "RFC 4211 5: template field with tag %02x is unknown, out of order, "
                             "there twice or of another type",
                             (unsigned)cmpsrv_der_peek(content));
    return out->extensions.p == NULL ||
           cmpsrv_extensions_check(out->extensions, CMPSRV_R_BAD_CERT_TEMPLATE, why);
}

/* ---- CertRequest, RFC 4211 4 ------------------------------------------------------------------
 */

int cmpsrv_cert_req_id_get(CMPSRV_SLICE *in, int64_t *id, CMPSRV_REFUSAL *why)
{
    if (cmpsrv_der_get_int64(in, id))
        return 1;
    if (cmpsrv_der_peek(*in) == DER_INTEGER)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_REQ_ID, "certReqId of more than 64 bits");
    return REFUSE_FORMAT(why, "certReqId is no INTEGER");
}

/* The next element, if there is one, as SEQUENCE SIZE (1..MAX) OF AttributeTypeAndValue ::=
 * SEQUENCE { type OID, value ANY }: controls, regInfo. */
static int get_attributes(CMPSRV_SLICE *in, CMPSRV_SLICE *out)
{
    CMPSRV_SLICE list, pair;

    if (!cmpsrv_der_opt(in, DER_SEQUENCE, out))
        return 0;
    if (out->p == NULL)
        return 1;
    if (out->n == 0)
        return 0;
    for (list = *out; list.n > 0;)
        if (!cmpsrv_der_get(&list, DER_SEQUENCE, &pair) || !cmpsrv_der_get(&pair, DER_OID, NULL) ||
            !cmpsrv_der_any(&pair, NULL, NULL, NULL) || pair.n > 0)
            return 0;
    return 1;
}

/* CertRequest ::= SEQUENCE { certReqId, certTemplate, controls OPTIONAL } */
static int parse_cert_request(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE template;

    if (!cmpsrv_cert_req_id_get(&c, &out->cert_req_id, why))
        return 0;
    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &template))
        return REFUSE_FORMAT(why, "RFC 4211 4: no certTemplate");
    if (!cmpsrv_template_parse(template, out, why))
        return 0;
    if (!get_attributes(&c, &out->controls) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 4211 4: controls");
    return 1;
}

/* ---- ProofOfPossession, RFC 4211 4 ------------------------------------------------------------
 */

static int refuse_pop(CMPSRV_REFUSAL *why, const char *what)
{
    return REFUSE_FORMAT(why, "RFC 4211 4: popo: %s", what);
}

/* raVerified [0] IMPLICIT NULL */
static int parse_ra_verified(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    out->pop = CMPSRV_POP_RA_VERIFIED;
    return c.n == 0 || refuse_pop(why, "raVerified is no NULL");
}

/* PKMACValue ::= SEQUENCE { algId, value BIT STRING }; content: that of the SEQUENCE. */
static int parse_mac_value(CMPSRV_SLICE c, const char *what, CMPSRV_SLICE *alg, CMPSRV_SLICE *mac,
                           CMPSRV_REFUSAL *why)
{
    if (!cmpsrv_algid_get(&c, what, alg, why))
        return 0;
    return (cmpsrv_der_get_octet_bits(&c, mac) && c.n == 0) || refuse_pop(why, what);
}

/* authInfo CHOICE { sender [0] GeneralName, publicKeyMAC PKMACValue }: the tag of a CHOICE is
 * EXPLICIT. */
static int parse_auth_info(CMPSRV_SLICE *in, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE c, tlv;
    int tag;

    if (!cmpsrv_der_any(in, &tag, NULL, &c))
        return refuse_pop(why, "poposkInput without authInfo");
    if (tag == DER_SEQUENCE)
        return parse_mac_value(c, "publicKeyMAC", &out->input.mac_alg, &out->input.mac, why);
    return (tag == DER_CONTEXT_CONSTRUCTED(0) &&
            cmpsrv_general_name_get_tlv(&c, &tlv, &out->input.sender_dn) && c.n == 0) ||
           refuse_pop(why, "authInfo");
}

/* POPOSigningKeyInput ::= SEQUENCE { authInfo, publicKey }; content: that of the SEQUENCE. */
static int parse_signing_key_input(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    out->pop = CMPSRV_POP_SIGNATURE_INPUT;
    out->input.content = c;
    if (!parse_auth_info(&c, out, why))
        return 0;
    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &out->input.spki) || !is_public_key(out->input.spki) ||
        c.n > 0)
        return refuse_pop(why, "publicKey of poposkInput");
    if (out->spki.p == NULL) {
        out->spki = out->input.spki;
        out->input.is_only_key = 1;
    }
    return 1;
}

/* POPOSigningKey ::= SEQUENCE { poposkInput [0] IMPLICIT OPTIONAL, algorithmIdentifier, signature }
 */
static int parse_signature(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE input;

    out->pop = CMPSRV_POP_SIGNATURE;
    if (!cmpsrv_der_opt(&c, DER_CONTEXT_CONSTRUCTED(0), &input))
        return refuse_pop(why, "poposkInput");
    if (input.p != NULL && !parse_signing_key_input(input, out, why))
        return 0;
    if (!cmpsrv_algid_get(&c, "popo", &out->pop_alg, why))
        return 0;
    if (!cmpsrv_der_get_octet_bits(&c, &out->pop_signature) || c.n > 0)
        return refuse_pop(why, "the signature is no BIT STRING of whole octets");
    return 1;
}

/* thisMessage [0], dhMAC [2]: IMPLICIT BIT STRING */
static int parse_bits(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    (void)out;
    return is_bit_string(c) || refuse_pop(why, "POPOPrivKey is no BIT STRING");
}

/* SubsequentMessage ::= INTEGER { encrCert (0), challengeResp (1) } */
static int parse_subsequent(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    if (c.n != 1 || c.p[0] > 1)
        return refuse_pop(why, "subsequentMessage is neither encrCert nor challengeResp");
    if (c.p[0] == 1)
        out->pop_method = CMPSRV_POP_CHALLENGE_RESP;
    return 1;
}

static int parse_agree_mac(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE alg, mac;

    (void)out;
    return parse_mac_value(c, "agreeMAC", &alg, &mac, why);
}

/* EnvelopedData ::= SEQUENCE { version, originatorInfo [0] OPTIONAL, recipientInfos SET,
 * encryptedContentInfo SEQUENCE, unprotectedAttrs [1] OPTIONAL }, RFC 5652 6.1. Nothing here ever
 * decrypts one: only its outer shape matters. */
static int parse_enveloped(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE ignored;

    (void)out;
    return (cmpsrv_der_get(&c, DER_INTEGER, NULL) &&
            cmpsrv_der_opt(&c, DER_CONTEXT_CONSTRUCTED(0), &ignored) &&
            cmpsrv_der_get(&c, DER_SET, NULL) && cmpsrv_der_get(&c, DER_SEQUENCE, NULL) &&
            cmpsrv_der_opt(&c, DER_CONTEXT_CONSTRUCTED(1), &ignored) && c.n == 0) ||
           refuse_pop(why, "encryptedKey is no EnvelopedData");
}

static const struct {
    int tag;
    CMPSRV_POP_METHOD method;
    int (*parse)(CMPSRV_SLICE content, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why);
} pop_methods[] = {
    {DER_CONTEXT(0), CMPSRV_POP_THIS_MESSAGE, parse_bits},
    {DER_CONTEXT(1), CMPSRV_POP_ENCR_CERT, parse_subsequent},
    {DER_CONTEXT(2), CMPSRV_POP_DH_MAC, parse_bits},
    {DER_CONTEXT_CONSTRUCTED(3), CMPSRV_POP_AGREE_MAC, parse_agree_mac},
    {DER_CONTEXT_CONSTRUCTED(4), CMPSRV_POP_ENCRYPTED_KEY, parse_enveloped},
};

/* POPOPrivKey, a CHOICE: the tag is EXPLICIT. */
static int parse_priv_key(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE content;
    int tag;

    if (!cmpsrv_der_any(&c, &tag, NULL, &content) || c.n > 0)
        return refuse_pop(why, "POPOPrivKey");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(pop_methods); i++) {
        if (tag != pop_methods[i].tag)
            continue;
        out->pop_method = pop_methods[i].method;
        return pop_methods[i].parse(content, out, why);
    }
    return refuse_pop(why, "POPOPrivKey of an unknown kind");
}

static int parse_key_encipherment(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    out->pop = CMPSRV_POP_KEY_ENCIPHERMENT;
    return parse_priv_key(c, out, why);
}

static int parse_key_agreement(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    out->pop = CMPSRV_POP_KEY_AGREEMENT;
    return parse_priv_key(c, out, why);
}

static const struct {
    int tag;
    int (*parse)(CMPSRV_SLICE content, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why);
} pop_kinds[] = {
    {DER_CONTEXT(0), parse_ra_verified},
    {DER_CONTEXT_CONSTRUCTED(1), parse_signature},
    {DER_CONTEXT_CONSTRUCTED(2), parse_key_encipherment},
    {DER_CONTEXT_CONSTRUCTED(3), parse_key_agreement},
};

/* The next element if it is a ProofOfPossession; anything else is left for the caller. */
static int parse_pop(CMPSRV_SLICE *in, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    int tag = cmpsrv_der_peek(*in);
    CMPSRV_SLICE content;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(pop_kinds); i++) {
        if (pop_kinds[i].tag != tag)
            continue;
        if (!cmpsrv_der_any(in, NULL, NULL, &content))
            return refuse_pop(why, "damaged");
        return pop_kinds[i].parse(content, out, why);
    }
    return 1;
}

/* ---- CertReqMessages --------------------------------------------------------------------------
 */

/* CertReqMsg ::= SEQUENCE { certReq, popo OPTIONAL, regInfo OPTIONAL } */
static int parse_message(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE request, all = c;

    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &request))
        return REFUSE_FORMAT(why, "RFC 4211 3: no CertRequest");
    out->pop_signed = cmpsrv_slice(all.p, all.n - c.n);
    if (!parse_cert_request(request, out, why) || !parse_pop(&c, out, why))
        return 0;
    if (!get_attributes(&c, &out->reg_info) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 4211 3: popo or regInfo");
    /* What poposkInput signs is another thing: nobody shall verify over this by accident. */
    if (out->pop != CMPSRV_POP_SIGNATURE)
        out->pop_signed = cmpsrv_slice(NULL, 0);
    return 1;
}

int cmpsrv_crmf_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_REQUEST request = {0};
    CMPSRV_SLICE list, message;
    int ok;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get(&body_value, DER_SEQUENCE, &list) || body_value.n > 0)
        return REFUSE_FORMAT(why, "RFC 4211 3: CertReqMessages is no SEQUENCE");
    if (list.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_ONE_REQUEST_ONLY, "RFC 9483 4.1.1: no CertReqMsg");
    if (!cmpsrv_der_get(&list, DER_SEQUENCE, &message))
        return REFUSE_FORMAT(why, "RFC 4211 3: CertReqMsg is no SEQUENCE");
    ok = parse_message(message, &request, why);
    /* also when refused: the answer repeats it */
    out->cert_req_id = request.cert_req_id;
    if (!ok)
        return 0;
    if (list.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_ONE_REQUEST_ONLY,
                             "RFC 9483 4.1.1: more than one CertReqMsg");
    if (cmpsrv_fault("absent-optional") &&
        request.spki.p[0] == 0) /* planted: it need not be there */
        return 0;
    *out = request;
    return 1;
}

/* ---- id-regCtrl-regToken ------------------------------------------------------------------------
 */

static CMPSRV_SLICE find_token(CMPSRV_SLICE list)
{
    static const CMPSRV_SLICE reg_token = OID_INIT("\x2b\x06\x01\x05\x05\x07\x05\x01\x01");
    CMPSRV_SLICE pair, type, token;

    while (cmpsrv_der_get(&list, DER_SEQUENCE, &pair) && cmpsrv_der_get(&pair, DER_OID, &type))
        if (cmpsrv_slice_eq(type, reg_token) && cmpsrv_der_get(&pair, DER_UTF8STRING, &token))
            return token;
    return cmpsrv_slice(NULL, 0);
}

CMPSRV_SLICE cmpsrv_crmf_reg_token(const CMPSRV_CERT_REQUEST *cr)
{
    CMPSRV_SLICE token = find_token(cr->reg_info);

    return token.p != NULL ? token : find_token(cr->controls);
}
