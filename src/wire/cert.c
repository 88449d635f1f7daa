/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as slices, RFC 5280 4.1, without libcrypto: enough for hashes, names, serial numbers
 * and extensions. Whether a certificate is good for anything is not asked here.
 */
#include "config.h"

#include "wire/wire.h"

#define MAX_DEPTH    32
#define MAX_ELEMENTS 20000

/* Version ::= [0] EXPLICIT INTEGER DEFAULT v1; DER does not write the default. */
static int read_version(CMPSRV_SLICE *tbs, int64_t *version)
{
    CMPSRV_SLICE explicit_tag;

    *version = 0;
    if (!cmpsrv_der_opt(tbs, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag))
        return 0;
    if (explicit_tag.p == NULL)
        return 1;
    return cmpsrv_der_get_int64(&explicit_tag, version) && explicit_tag.n == 0 && *version >= 1 &&
           *version <= 2;
}

static int read_validity(CMPSRV_SLICE *tbs, CMPSRV_CERT_VIEW *v)
{
    CMPSRV_SLICE validity;

    return cmpsrv_der_get(tbs, DER_SEQUENCE, &validity) &&
           cmpsrv_der_get_time(&validity, &v->not_before) &&
           cmpsrv_der_get_time(&validity, &v->not_after) && validity.n == 0;
}

static int is_extensions(CMPSRV_SLICE list)
{
    CMPSRV_SLICE extension, oid, critical, value;

    if (list.n == 0)
        return 0;
    while (list.n > 0)
        if (!cmpsrv_der_get(&list, DER_SEQUENCE, &extension) ||
            !cmpsrv_der_get(&extension, DER_OID, &oid) ||
            !cmpsrv_der_opt(&extension, DER_BOOLEAN, &critical) ||
            !cmpsrv_der_get(&extension, DER_OCTET_STRING, &value) || extension.n > 0)
            return 0;
    return 1;
}

/* issuerUniqueID, subjectUniqueID (skipped) and extensions: what may follow the key. */
static int read_tail(CMPSRV_SLICE *tbs, CMPSRV_CERT_VIEW *v)
{
    CMPSRV_SLICE unique_id, explicit_tag;

    if (!cmpsrv_der_opt(tbs, DER_CONTEXT(1), &unique_id) ||
        !cmpsrv_der_opt(tbs, DER_CONTEXT(2), &unique_id) ||
        !cmpsrv_der_opt(tbs, DER_CONTEXT_CONSTRUCTED(3), &explicit_tag) || tbs->n > 0)
        return 0;
    if (explicit_tag.p == NULL)
        return 1;
    return v->version == 2 && cmpsrv_der_get(&explicit_tag, DER_SEQUENCE, &v->extensions) &&
           explicit_tag.n == 0 && is_extensions(v->extensions);
}

static int is_algid(CMPSRV_SLICE tlv)
{
    CMPSRV_SLICE oid, parameters;

    return cmpsrv_der_get_algid(&tlv, &oid, &parameters) && tlv.n == 0;
}

static int is_spki(CMPSRV_SLICE tlv)
{
    CMPSRV_SLICE content, oid, parameters, key;

    return cmpsrv_der_get(&tlv, DER_SEQUENCE, &content) &&
           cmpsrv_der_get_algid(&content, &oid, &parameters) &&
           cmpsrv_der_get_octet_bits(&content, &key) && content.n == 0;
}

static int read_tbs(CMPSRV_SLICE tlv, CMPSRV_CERT_VIEW *v)
{
    CMPSRV_SLICE tbs, rest = tlv;

    v->tbs = tlv;
    return cmpsrv_der_get(&rest, DER_SEQUENCE, &tbs) && rest.n == 0 &&
           read_version(&tbs, &v->version) && cmpsrv_der_get(&tbs, DER_INTEGER, &v->serial) &&
           cmpsrv_der_get_tlv(&tbs, DER_SEQUENCE, &v->tbs_sig_alg) && is_algid(v->tbs_sig_alg) &&
           cmpsrv_der_get_tlv(&tbs, DER_SEQUENCE, &v->issuer) && read_validity(&tbs, v) &&
           cmpsrv_der_get_tlv(&tbs, DER_SEQUENCE, &v->subject) &&
           cmpsrv_der_get_tlv(&tbs, DER_SEQUENCE, &v->spki) && is_spki(v->spki) &&
           read_tail(&tbs, v);
}

int cmpsrv_cert_view_tbs(CMPSRV_SLICE tbs, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_VIEW v = {0};

    if (!cmpsrv_der_check(tbs, MAX_DEPTH, MAX_ELEMENTS, why))
        return 0;
    if (!read_tbs(tbs, &v))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 5280 4.1: not a TBSCertificate");
    *out = v;
    return 1;
}

int cmpsrv_cert_view(CMPSRV_SLICE der, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_VIEW v = {0};
    CMPSRV_SLICE rest = der, content, tbs;

    if (!cmpsrv_der_check(der, MAX_DEPTH, MAX_ELEMENTS, why))
        return 0;
    v.der = der;
    if (!cmpsrv_der_get(&rest, DER_SEQUENCE, &content) ||
        !cmpsrv_der_get_tlv(&content, DER_SEQUENCE, &tbs) || !read_tbs(tbs, &v) ||
        !cmpsrv_der_get_tlv(&content, DER_SEQUENCE, &v.sig_alg) || !is_algid(v.sig_alg) ||
        !cmpsrv_der_get_octet_bits(&content, &v.signature) || content.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 5280 4.1: not a Certificate");
    if (!cmpsrv_slice_eq(v.tbs_sig_alg, v.sig_alg))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                             "RFC 5280 4.1.1.2: the two signature algorithms differ");
    *out = v;
    return 1;
}

int cmpsrv_cert_ski(const CMPSRV_CERT_VIEW *view, CMPSRV_SLICE *ski)
{
    CMPSRV_SLICE value;
    int critical;

    return cmpsrv_extension_find(view->extensions, CMPSRV_OID_SUBJECT_KEY_ID, &critical, &value) ==
               1 &&
           cmpsrv_der_get(&value, DER_OCTET_STRING, ski) && ski->n > 0;
}
