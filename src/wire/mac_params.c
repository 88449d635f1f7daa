/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of MAC protection: PasswordBasedMac (RFC 9810 5.1.3.1) and PBMAC1 (RFC 8018 A.5, RFC
 * 9481 6.1). They come from somebody not yet known, so every one is bounded before any of the work
 * that it asks for. A scheme is a row: how its parameters are read, judged and written.
 */
#include "config.h"

#include <openssl/evp.h>

#include "wire/algs.h"

#define MIN_SALT    8
#define MAX_SALT    64
#define MIN_KEY_LEN 20 /* RFC 9579 5 */
#define MAX_KEY_LEN EVP_MAX_MD_SIZE

#define HMAC_SHA(last) OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x02" last)

/* RFC 9481 6; HMAC-SHA1 has two names. What we write is the first of a digest. */
static const struct {
    CMPSRV_SLICE oid;
    unsigned md;
} hmacs[] = {
    {OID_INIT("\x2b\x06\x01\x05\x05\x08\x01\x02"), CMPSRV_MD_SHA1},
    {HMAC_SHA("\x07"), CMPSRV_MD_SHA1},
    {HMAC_SHA("\x08"), CMPSRV_MD_SHA224},
    {HMAC_SHA("\x09"), CMPSRV_MD_SHA256},
    {HMAC_SHA("\x0a"), CMPSRV_MD_SHA384},
    {HMAC_SHA("\x0b"), CMPSRV_MD_SHA512},
};

/* PBMAC1 is young: nobody needs SHA-1 in it. */
#define PBMAC1_MDS (CMPSRV_MD_SHA224 | CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

static unsigned hmac_from_algid(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;

    if (!cmpsrv_algid_read(algid, &oid, &parameters) || !cmpsrv_params_absent_or_null(parameters))
        return 0;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(hmacs); i++)
        if (cmpsrv_slice_eq(oid, hmacs[i].oid))
            return hmacs[i].md;
    return 0;
}

/* The last row of a digest is PKCS #5's name, which PBMAC1 goes by; the first is CMP's own. */
static CMPSRV_SLICE hmac_oid(unsigned md, int pkcs5)
{
    CMPSRV_SLICE found = {NULL, 0};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(hmacs); i++)
        if (hmacs[i].md == md && (found.p == NULL || pkcs5))
            found = hmacs[i].oid;
    return found;
}

/* ---- what every scheme has ---------------------------------------------------------------------
 */

/* Of which scheme, and as what the parameters are told of. */
typedef struct {
    const char *name, *hash; /* "PBMAC1", "prf HMAC-" */
    unsigned mds, macs;      /* allowed */
    int64_t min, max;        /* iterations */
} BOUNDS;

/* Whatever does not fit int64_t is out of any bounds too. */
static int check_bounds(const BOUNDS *b, const CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE iterations,
                        CMPSRV_REFUSAL *why)
{
    int64_t n;

    if (p->salt.n < MIN_SALT || p->salt.n > MAX_SALT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "%s: salt of %zu octets, want %d to %d",
                             b->name, p->salt.n, MIN_SALT, MAX_SALT);
    if ((p->owf & b->mds) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "%s: %s%s is not allowed", b->name, b->hash,
                             cmpsrv_md_name(p->owf));
    if ((p->mac & b->macs) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "%s: mac HMAC-%s is not allowed", b->name,
                             cmpsrv_md_name(p->mac));
    if (!cmpsrv_der_int64(iterations, &n) || n < 1 || n < b->min || n > b->max)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "%s: iterationCount out of bounds, want %lld to %lld", b->name,
                             (long long)b->min, (long long)b->max);
    return 1;
}

static void put_algid(CMPSRV_DERW *w, CMPSRV_SLICE oid)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, oid);
    cmpsrv_derw_end(w);
}

/* RFC 8018 B.1.2: the HMACs of PKCS #5 have NULL. */
static void put_pkcs5_hmac(CMPSRV_DERW *w, unsigned md)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, hmac_oid(md, 1));
    cmpsrv_derw_null(w);
    cmpsrv_derw_end(w);
}

/* ---- PasswordBasedMac --------------------------------------------------------------------------
 */

/* PBMParameter ::= SEQUENCE { salt, owf, iterationCount, mac } */
static int read_pbm(CMPSRV_SLICE parameters, const CMPSRV_MAC_POLICY *policy, CMPSRV_MAC_PARAMS *p,
                    CMPSRV_REFUSAL *why)
{
    BOUNDS bounds = {.name = "PBM",
                     .hash = "owf ",
                     .mds = policy->pbm_owf,
                     .macs = policy->macs,
                     .min = policy->pbm_iterations_min,
                     .max = policy->pbm_iterations_max};
    CMPSRV_SLICE seq, owf, mac, iterations;

    if (!cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OCTET_STRING, &p->salt) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &owf) ||
        !cmpsrv_der_get(&seq, DER_INTEGER, &iterations) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &mac) || seq.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 9810 5.1.3.1: damaged PBMParameter");
    p->owf = cmpsrv_md_from_algid(owf);
    p->mac = hmac_from_algid(mac);
    return check_bounds(&bounds, p, iterations, why) &&
           cmpsrv_der_int64(iterations, &p->iterations);
}

static void write_pbm(CMPSRV_DERW *w, const CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE salt)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(w, DER_OCTET_STRING, salt);
    put_algid(w, cmpsrv_md_oid(p->owf));
    cmpsrv_derw_int64(w, p->iterations);
    put_algid(w, hmac_oid(p->mac, 0));
    cmpsrv_derw_end(w);
}

/* ---- PBMAC1 ------------------------------------------------------------------------------------
 */

static const CMPSRV_SLICE pbkdf2 = OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c");

/* PBKDF2-params ::= SEQUENCE { salt CHOICE { specified OCTET STRING, otherSource }, iterationCount,
 * keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 }, RFC 8018 A.2 */
static int read_pbkdf2(CMPSRV_SLICE algid, CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE *iterations,
                       CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE oid, parameters, seq, length, prf;
    int64_t n = 0;
    char text[128];

    if (!cmpsrv_algid_read(algid, &oid, &parameters))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 8018 A.5: damaged keyDerivationFunc");
    if (!cmpsrv_slice_eq(oid, pbkdf2))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "PBMAC1: keyDerivationFunc %s, want PBKDF2",
                             cmpsrv_der_oid_text(oid, text, sizeof(text)));
    if (!cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OCTET_STRING, &p->salt) ||
        !cmpsrv_der_get(&seq, DER_INTEGER, iterations))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 8018 A.2: damaged PBKDF2-params");
    if (!cmpsrv_der_get(&seq, DER_INTEGER, &length) || !cmpsrv_der_int64(length, &n) ||
        n < MIN_KEY_LEN || n > MAX_KEY_LEN)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 9579 5: PBMAC1 keyLength absent or out of bounds, want %d to %d",
                             MIN_KEY_LEN, MAX_KEY_LEN);
    if (!cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &prf) || seq.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 9579 5: PBMAC1 without a prf, which is HMAC-SHA1 then");
    p->key_len = (size_t)n;
    p->owf = hmac_from_algid(prf);
    return 1;
}

/* PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme } */
static int read_pbmac1(CMPSRV_SLICE parameters, const CMPSRV_MAC_POLICY *policy,
                       CMPSRV_MAC_PARAMS *p, CMPSRV_REFUSAL *why)
{
    BOUNDS bounds = {.name = "PBMAC1",
                     .hash = "prf HMAC-",
                     .mds = policy->macs & PBMAC1_MDS,
                     .macs = policy->macs & PBMAC1_MDS,
                     .min = policy->pbmac1_iterations_min,
                     .max = policy->pbmac1_iterations_max};
    CMPSRV_SLICE seq, kdf, mac, iterations;

    if (!cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &kdf) ||
        !cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &mac) || seq.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 8018 A.5: damaged PBMAC1-params");
    if (!read_pbkdf2(kdf, p, &iterations, why))
        return 0;
    p->mac = hmac_from_algid(mac);
    return check_bounds(&bounds, p, iterations, why) &&
           cmpsrv_der_int64(iterations, &p->iterations);
}

static void write_pbmac1(CMPSRV_DERW *w, const CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE salt)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, pbkdf2);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(w, DER_OCTET_STRING, salt);
    cmpsrv_derw_int64(w, p->iterations);
    cmpsrv_derw_int64(w, (int64_t)p->key_len);
    put_pkcs5_hmac(w, p->owf);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    put_pkcs5_hmac(w, p->mac);
    cmpsrv_derw_end(w);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static const struct {
    CMPSRV_SLICE oid;
    int (*read)(CMPSRV_SLICE parameters, const CMPSRV_MAC_POLICY *policy, CMPSRV_MAC_PARAMS *p,
                CMPSRV_REFUSAL *why);
    void (*write)(CMPSRV_DERW *w, const CMPSRV_MAC_PARAMS *p, CMPSRV_SLICE salt);
} schemes[] = {
    [CMPSRV_MAC_PBM] = {OID_INIT("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"), read_pbm, write_pbm},
    [CMPSRV_MAC_PBMAC1] = {OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"), read_pbmac1,
                           write_pbmac1},
};

int cmpsrv_mac_params_parse(CMPSRV_SLICE protection_alg, const CMPSRV_MAC_POLICY *policy,
                            CMPSRV_MAC_PARAMS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE oid, parameters;
    char text[128];

    if (!cmpsrv_algid_read(protection_alg, &oid, &parameters))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "protectionAlg is not well-formed");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(schemes); i++) {
        CMPSRV_MAC_PARAMS p = {.scheme = (CMPSRV_MAC_SCHEME)i};

        if (!cmpsrv_slice_eq(oid, schemes[i].oid))
            continue;
        if (!schemes[i].read(parameters, policy, &p, why))
            return 0;
        *out = p;
        return 1;
    }
    return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "MAC algorithm %s is not supported",
                         cmpsrv_der_oid_text(oid, text, sizeof(text)));
}

int cmpsrv_mac_algid(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE salt, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, schemes[params->scheme].oid);
    schemes[params->scheme].write(&w, params, salt);
    cmpsrv_derw_end(&w);
    if (cmpsrv_md_size(params->owf) == 0 || cmpsrv_md_size(params->mac) == 0)
        w.failed = 1;
    return cmpsrv_derw_finish(&w, out);
}
