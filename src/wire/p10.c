/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificationRequest of p10cr, RFC 2986, in the shape of a CRMF request, so that everything after
 * it is the same for both. Does not verify the signature.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <string.h>

#define REFUSE_FORMAT(why, ...) cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, __VA_ARGS__)

/* extensionRequest, PKCS #9: 1.2.840.113549.1.9.14, and the one of Microsoft's clients:
 * 1.3.6.1.4.1.311.2.1.14 */
static int is_extension_request(CMPSRV_SLICE oid)
{
    return cmpsrv_slice_eq(oid, DER_OID_SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e")) ||
           cmpsrv_slice_eq(oid, DER_OID_SLICE("\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e"));
}

/* The SET of an extensionRequest: exactly one Extensions. */
static int parse_extension_request(CMPSRV_SLICE values, CMPSRV_CERT_REQUEST *out,
                                   CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE extensions;

    if (out->extensions.p != NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 2985 5.4.2: more than one extensionRequest");
    if (!cmpsrv_der_get(&values, DER_SEQUENCE, &extensions))
        return REFUSE_FORMAT(why, "RFC 2985 5.4.2: extensionRequest is no Extensions");
    if (values.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 2985 5.4.2: extensionRequest has more than one value");
    out->extensions = extensions;
    return cmpsrv_extensions_check(extensions, CMPSRV_R_BAD_CERT_TEMPLATE, why);
}

/* SET OF Attribute ::= SEQUENCE { type OID, values SET SIZE (1..MAX) OF ANY } */
static int parse_attributes(CMPSRV_SLICE in, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    while (in.n > 0) {
        CMPSRV_SLICE attribute, type, values;

        if (!cmpsrv_der_get(&in, DER_SEQUENCE, &attribute) ||
            !cmpsrv_der_get(&attribute, DER_OID, &type) ||
            !cmpsrv_der_get(&attribute, DER_SET, &values) || attribute.n > 0 || values.n == 0)
            return REFUSE_FORMAT(why, "RFC 2986 4.1: an attribute is not well-formed");
        if (is_extension_request(type) && !parse_extension_request(values, out, why))
            return 0;
    }
    return 1;
}

/* CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes [0] } */
static int parse_info(CMPSRV_SLICE c, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE key, oid, parameters, attributes;
    int64_t version;

    if (!cmpsrv_der_get_int64(&c, &version))
        return REFUSE_FORMAT(why, "RFC 2986 4.1: version is no INTEGER");
    if (version != 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                             "RFC 2986 4.1: version: want 0, have %lld", (long long)version);
    if (!cmpsrv_name_get_tlv(&c, &out->subject))
        return REFUSE_FORMAT(why, "RFC 2986 4.1: subject is no Name");
    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &out->spki))
        return REFUSE_FORMAT(why, "RFC 2986 4.1: no subjectPKInfo");
    key = out->spki;
    if (!cmpsrv_der_get_algid(&key, &oid, &parameters) ||
        !cmpsrv_der_get(&key, DER_BIT_STRING, NULL) || key.n > 0)
        return REFUSE_FORMAT(why, "RFC 5280 4.1: subjectPKInfo is not well-formed");
    if (!cmpsrv_der_get(&c, DER_CONTEXT_CONSTRUCTED(0), &attributes) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 2986 4.1: attributes");
    return parse_attributes(attributes, out, why);
}

/* CertificationRequest ::= SEQUENCE { certificationRequestInfo, signatureAlgorithm, signature } */
int cmpsrv_p10_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_REQUEST request = {.cert_req_id = -1, .pop = CMPSRV_POP_PKCS10};
    CMPSRV_SLICE c, info, all;

    memset(out, 0, sizeof(*out));
    out->cert_req_id = -1; /* also when refused: the answer has it, RFC 9483 4.1.4 */
    if (!cmpsrv_der_get(&body_value, DER_SEQUENCE, &c) || body_value.n > 0)
        return REFUSE_FORMAT(why, "RFC 2986 4.2: CertificationRequest is no SEQUENCE");
    all = c;
    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &info))
        return REFUSE_FORMAT(why, "RFC 2986 4.2: no certificationRequestInfo");
    request.pop_signed = cmpsrv_slice(all.p, all.n - c.n);
    if (!parse_info(info, &request, why) ||
        !cmpsrv_algid_get(&c, "signatureAlgorithm", &request.pop_alg, why))
        return 0;
    if (!cmpsrv_der_get_octet_bits(&c, &request.pop_signature) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 2986 4.2: the signature is no BIT STRING of whole octets");
    *out = request;
    return 1;
}
