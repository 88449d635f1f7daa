/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests this server knows, one table: configuration name, CMPSRV_MD bit, size, OID. Every
 * other file of wire asks here. Which of them an alias allows is not known here.
 */
#include "config.h"

#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "wire/algs.h"

static const struct {
    unsigned md;
    const char *name;
    size_t size;
    const EVP_MD *(*evp)(void);
    CMPSRV_SLICE oid;
} digests[] = {
    {CMPSRV_MD_SHA1, "sha1", 20, EVP_sha1, OID_INIT("\x2b\x0e\x03\x02\x1a")},
    {CMPSRV_MD_SHA224, "sha224", 28, EVP_sha224, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x04")},
    {CMPSRV_MD_SHA256, "sha256", 32, EVP_sha256, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01")},
    {CMPSRV_MD_SHA384, "sha384", 48, EVP_sha384, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02")},
    {CMPSRV_MD_SHA512, "sha512", 64, EVP_sha512, OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03")},
};

unsigned cmpsrv_md_from_name(const char *name)
{
    for (size_t i = 0; name != NULL && i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (strcasecmp(name, digests[i].name) == 0)
            return digests[i].md;
    return 0;
}

unsigned cmpsrv_md_from_evp_name(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (EVP_MD_is_a(digests[i].evp(), name))
            return digests[i].md;
    return 0;
}

const char *cmpsrv_md_name(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].name;
    return "?";
}

size_t cmpsrv_md_size(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].size;
    return 0;
}

const EVP_MD *cmpsrv_md_evp(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].evp();
    return NULL;
}

CMPSRV_SLICE cmpsrv_md_oid(unsigned md)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (digests[i].md == md)
            return digests[i].oid;
    return cmpsrv_slice(NULL, 0);
}

int cmpsrv_algid_read(CMPSRV_SLICE tlv, CMPSRV_SLICE *oid, CMPSRV_SLICE *parameters)
{
    return cmpsrv_der_get_algid(&tlv, oid, parameters) && tlv.n == 0;
}

int cmpsrv_params_absent_or_null(CMPSRV_SLICE parameters)
{
    return parameters.p == NULL || cmpsrv_slice_eq(parameters, DER_OID_SLICE("\x05\x00"));
}

unsigned cmpsrv_md_from_algid(CMPSRV_SLICE algid_tlv)
{
    CMPSRV_SLICE oid, parameters;

    if (!cmpsrv_algid_read(algid_tlv, &oid, &parameters) ||
        !cmpsrv_params_absent_or_null(parameters))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (cmpsrv_slice_eq(oid, digests[i].oid))
            return digests[i].md;
    return 0;
}

int cmpsrv_md_hash(unsigned md, CMPSRV_SLICE data, unsigned char *out)
{
    const EVP_MD *evp = cmpsrv_md_evp(md);
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t size = cmpsrv_md_size(md);

    if (evp == NULL ||
        !EVP_Digest(data.n == 0 ? "" : (const void *)data.p, data.n, hash, NULL, evp, NULL)) {
        ERR_clear_error();
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        out[i] = hash[i];
    return 1;
}

int cmpsrv_sha256(CMPSRV_SLICE data, unsigned char out[CMPSRV_HASH])
{
    return cmpsrv_md_hash(CMPSRV_MD_SHA256, data, out);
}
