/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash functions we know: their names in the configuration, their OIDs, their sizes. Everybody
 * who needs a digest asks here; what is allowed is for the caller to say, as a set of bits.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

static const struct {
    unsigned md;
    const char *name;
    size_t size;
    CMPSRV_SLICE oid;
    const EVP_MD *(*get)(void);
} digests[] = {
    {CMPSRV_MD_SHA1, "sha1", 20, {(const unsigned char *)"\x2b\x0e\x03\x02\x1a", 5}, EVP_sha1},
    {CMPSRV_MD_SHA224,
     "sha224",
     28,
     {(const unsigned char *)"\x60\x86\x48\x01\x65\x03\x04\x02\x04", 9},
     EVP_sha224},
    {CMPSRV_MD_SHA256,
     "sha256",
     32,
     {(const unsigned char *)"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9},
     EVP_sha256},
    {CMPSRV_MD_SHA384,
     "sha384",
     48,
     {(const unsigned char *)"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9},
     EVP_sha384},
    {CMPSRV_MD_SHA512,
     "sha512",
     64,
     {(const unsigned char *)"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9},
     EVP_sha512},
};

static size_t find(unsigned md)
{
    size_t i = 0;

    while (i < CMPSRV_ARRAY_SIZE(digests) && digests[i].md != md)
        i++;
    return i;
}

unsigned cmpsrv_md_from_name(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (strcasecmp(digests[i].name, name) == 0)
            return digests[i].md;
    return 0;
}

const char *cmpsrv_md_name(unsigned md)
{
    size_t i = find(md);

    return i < CMPSRV_ARRAY_SIZE(digests) ? digests[i].name : "?";
}

size_t cmpsrv_md_size(unsigned md)
{
    size_t i = find(md);

    return i < CMPSRV_ARRAY_SIZE(digests) ? digests[i].size : 0;
}

const EVP_MD *cmpsrv_md_evp(unsigned md)
{
    size_t i = find(md);

    return i < CMPSRV_ARRAY_SIZE(digests) ? digests[i].get() : NULL;
}

CMPSRV_SLICE cmpsrv_md_oid(unsigned md)
{
    size_t i = find(md);

    return i < CMPSRV_ARRAY_SIZE(digests) ? digests[i].oid : cmpsrv_slice(NULL, 0);
}

unsigned cmpsrv_md_from_algid(CMPSRV_SLICE algid_tlv)
{
    CMPSRV_SLICE oid, params;

    if (!cmpsrv_der_get_algid(&algid_tlv, &oid, &params) || algid_tlv.n > 0 ||
        (params.p != NULL && params.p[0] != DER_NULL))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(digests); i++)
        if (cmpsrv_slice_eq(digests[i].oid, oid))
            return digests[i].md;
    return 0;
}

int cmpsrv_md_hash(unsigned md, CMPSRV_SLICE data, unsigned char *out)
{
    const EVP_MD *evp = cmpsrv_md_evp(md);

    return evp != NULL && EVP_Digest(data.p, data.n, out, NULL, evp, NULL) == 1;
}

int cmpsrv_sha256(CMPSRV_SLICE data, unsigned char out[CMPSRV_HASH])
{
    return cmpsrv_md_hash(CMPSRV_MD_SHA256, data, out);
}
