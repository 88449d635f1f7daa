/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read out of a Certificate (RFC 5280 4.1) without libcrypto: slices of its fields. For
 * certificates of our own that were checked when they were made or loaded, and for what a lint
 * looks at.
 */
#include "config.h"

#include "wire/wire.h"

#include <string.h>

#define OID(octets)                                                                                \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }
const CMPSRV_SLICE CMPSRV_OID_SUBJECT_KEY_ID = OID("\x55\x1d\x0e");
const CMPSRV_SLICE CMPSRV_OID_KEY_USAGE = OID("\x55\x1d\x0f");
const CMPSRV_SLICE CMPSRV_OID_SUBJECT_ALT_NAME = OID("\x55\x1d\x11");
const CMPSRV_SLICE CMPSRV_OID_BASIC_CONSTRAINTS = OID("\x55\x1d\x13");
const CMPSRV_SLICE CMPSRV_OID_CRL_REASON = OID("\x55\x1d\x15");
const CMPSRV_SLICE CMPSRV_OID_CRL_DISTRIBUTION_POINTS = OID("\x55\x1d\x1f");
const CMPSRV_SLICE CMPSRV_OID_AUTHORITY_KEY_ID = OID("\x55\x1d\x23");
const CMPSRV_SLICE CMPSRV_OID_EXT_KEY_USAGE = OID("\x55\x1d\x25");
const CMPSRV_SLICE CMPSRV_OID_AUTHORITY_INFO_ACCESS = OID("\x2b\x06\x01\x05\x05\x07\x01\x01");

enum { DEPTH = 32, ELEMENTS = 20000 };

static int damaged(CMPSRV_REFUSAL *why, const char *field)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                         "RFC 5280 4.1: certificate without a good %s", field);
}

static int read_version(CMPSRV_SLICE *in, CMPSRV_CERT_VIEW *out)
{
    CMPSRV_SLICE version;

    if (!cmpsrv_der_opt(in, DER_CONTEXT_CONSTRUCTED(0), &version))
        return 0;
    return version.p == NULL || (cmpsrv_der_get_int64(&version, &out->version) && version.n == 0);
}

static int read_validity(CMPSRV_SLICE *in, CMPSRV_CERT_VIEW *out)
{
    CMPSRV_SLICE seq;

    return cmpsrv_der_get(in, DER_SEQUENCE, &seq) && cmpsrv_der_get_time(&seq, &out->not_before) &&
           cmpsrv_der_get_time(&seq, &out->not_after) && seq.n == 0;
}

/* issuerUniqueID and subjectUniqueID are skipped. */
static int read_extensions(CMPSRV_SLICE *in, CMPSRV_CERT_VIEW *out)
{
    CMPSRV_SLICE skipped, explicit;

    if (!cmpsrv_der_opt(in, DER_CONTEXT(1), &skipped) ||
        !cmpsrv_der_opt(in, DER_CONTEXT(2), &skipped) ||
        !cmpsrv_der_opt(in, DER_CONTEXT_CONSTRUCTED(3), &explicit))
        return 0;
    if (explicit.p != NULL &&
        (!cmpsrv_der_get(&explicit, DER_SEQUENCE, &out->extensions) || explicit.n > 0))
        return 0;
    return in->n == 0;
}

int cmpsrv_cert_view_tbs(CMPSRV_SLICE tbs, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = tbs, seq;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_check(tbs, DEPTH, ELEMENTS, why))
        return 0;
    if (!cmpsrv_der_get(&in, DER_SEQUENCE, &seq) || in.n > 0)
        return damaged(why, "tbsCertificate");
    out->tbs = tbs;
    if (!read_version(&seq, out))
        return damaged(why, "version");
    if (!cmpsrv_der_get(&seq, DER_INTEGER, &out->serial))
        return damaged(why, "serialNumber");
    if (!cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &out->tbs_sig_alg))
        return damaged(why, "signature");
    if (!cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &out->issuer))
        return damaged(why, "issuer");
    if (!read_validity(&seq, out))
        return damaged(why, "validity");
    if (!cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &out->subject))
        return damaged(why, "subject");
    if (!cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &out->spki))
        return damaged(why, "subjectPublicKeyInfo");
    return read_extensions(&seq, out) || damaged(why, "extensions");
}

int cmpsrv_cert_view(CMPSRV_SLICE der, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = der, seq, tbs, alg, signature;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get(&in, DER_SEQUENCE, &seq) || in.n > 0 ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &tbs) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &alg) ||
        !cmpsrv_der_get_octet_bits(&seq, &signature) || seq.n > 0)
        return damaged(why, "outer SEQUENCE");
    if (!cmpsrv_cert_view_tbs(tbs, out, why))
        return 0;
    out->der = der;
    out->sig_alg = alg;
    out->signature = signature;
    return 1;
}
