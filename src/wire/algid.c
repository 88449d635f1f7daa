/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of AlgorithmIdentifiers in received messages: parameters of a type that the OID does
 * not have are refused here, by table, before anything interprets them. (Parsers that took the type
 * of a PasswordBasedMac's parameters for granted have crashed.) Which algorithms are allowed is not
 * decided here.
 */
#include "config.h"

#include "wire/wire_local.h"

#ifdef CMPSRV_FAULT_INJECTION
#include <openssl/x509.h>
#endif

/* Each says whether the parameters' TLV (absent slice: none) has the right type. */

static int is_absent(CMPSRV_SLICE parameters)
{
    return parameters.p == NULL;
}

static int is_null_or_absent(CMPSRV_SLICE parameters)
{
    CMPSRV_SLICE content;

    return parameters.p == NULL ||
           (cmpsrv_der_get(&parameters, DER_NULL, &content) && content.n == 0);
}

static int is_sequence(CMPSRV_SLICE parameters)
{
    return cmpsrv_der_get(&parameters, DER_SEQUENCE, NULL);
}

/* PBMParameter ::= SEQUENCE { salt OCTET STRING, owf AlgorithmIdentifier, iterationCount INTEGER,
 * mac AlgorithmIdentifier }, RFC 9810 5.1.3.1 */
static int is_pbm_parameter(CMPSRV_SLICE parameters)
{
    CMPSRV_SLICE seq, oid, any;

    return cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) &&
           cmpsrv_der_get(&seq, DER_OCTET_STRING, NULL) && cmpsrv_der_get_algid(&seq, &oid, &any) &&
           cmpsrv_der_get(&seq, DER_INTEGER, NULL) && cmpsrv_der_get_algid(&seq, &oid, &any) &&
           seq.n == 0;
}

/* PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme }, RFC 8018 A.5; DHBMParameter
 * ::= SEQUENCE { owf, mac }, RFC 9810 5.1.3.2: both are two AlgorithmIdentifiers. */
static int is_two_algids(CMPSRV_SLICE parameters)
{
    CMPSRV_SLICE seq, oid, any;

    return cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) &&
           cmpsrv_der_get_algid(&seq, &oid, &any) && cmpsrv_der_get_algid(&seq, &oid, &any) &&
           seq.n == 0;
}

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

static const struct {
    CMPSRV_SLICE oid;
    const char *name;
    int (*fits)(CMPSRV_SLICE parameters);
} algorithms[] = {
    {OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"), "PasswordBasedMac", is_pbm_parameter},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"), "PBMAC1", is_two_algids},
    {OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x1e"), "DHBasedMac", is_two_algids},
    {OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x10"), "KemBasedMac", is_sequence},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), "md5WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), "sha1WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"), "sha224WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), "sha256WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), "sha384WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), "sha512WithRSA", is_null_or_absent},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), "RSASSA-PSS", is_sequence},
    {OID("\x2a\x86\x48\xce\x3d\x04\x01"), "ecdsa-with-SHA1", is_absent},
    {OID("\x2a\x86\x48\xce\x3d\x04\x03\x01"), "ecdsa-with-SHA224", is_absent},
    {OID("\x2a\x86\x48\xce\x3d\x04\x03\x02"), "ecdsa-with-SHA256", is_absent},
    {OID("\x2a\x86\x48\xce\x3d\x04\x03\x03"), "ecdsa-with-SHA384", is_absent},
    {OID("\x2a\x86\x48\xce\x3d\x04\x03\x04"), "ecdsa-with-SHA512", is_absent},
    {OID("\x2b\x65\x70"), "Ed25519", is_absent},
    {OID("\x2b\x65\x71"), "Ed448", is_absent},
};

static int check_parameters(CMPSRV_SLICE oid, CMPSRV_SLICE parameters, const char *what,
                            CMPSRV_REFUSAL *why)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(algorithms); i++) {
        if (!cmpsrv_slice_eq(oid, algorithms[i].oid) || algorithms[i].fits(parameters))
            continue;
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9481: parameters of %s in %s: wrong type",
                             algorithms[i].name, what);
    }
    return 1;
}

#ifdef CMPSRV_FAULT_INJECTION
/* Planted fault: libcrypto's CMP code before 3.0.22 took the parameters of a PasswordBasedMac for a
 * SEQUENCE, whatever they were. */
static void take_for_sequence(CMPSRV_SLICE algid)
{
    const unsigned char *p = algid.p;
    X509_ALGOR *alg = d2i_X509_ALGOR(NULL, &p, (long)algid.n);
    const void *parameters = NULL;
    volatile unsigned char first = 0;
    int type = V_ASN1_UNDEF;

    if (alg != NULL)
        X509_ALGOR_get0(NULL, &type, &parameters, alg);
    if (parameters != NULL && ASN1_STRING_length(parameters) > 0)
        first = *ASN1_STRING_get0_data(parameters);
    (void)first;
    X509_ALGOR_free(alg);
}
#else
#define take_for_sequence(algid) (void)0
#endif

int cmpsrv_algid_get(CMPSRV_SLICE *in, const char *what, CMPSRV_SLICE *tlv, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE rest = *in, oid, parameters;

    if (!cmpsrv_der_get_algid(&rest, &oid, &parameters))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                             "RFC 5280 4.1.1.2: %s is no AlgorithmIdentifier", what);
    if (cmpsrv_fault("no-parameter-check"))
        take_for_sequence(*in);
    else if (!check_parameters(oid, parameters, what, why))
        return 0;
    return cmpsrv_der_get_tlv(in, DER_SEQUENCE, tlv);
}
