/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer checked to the last, by libcrypto: what the server computes with the code of this
 * project is computed here without it. Called for one transaction in a hundred, so it may cost.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <limits.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static int wrong(CMPSRV_REFUSAL *why, CMPSRV_REASON reason, const char *text)
{
    ERR_clear_error();
    return cmpsrv_refuse(why, reason, "%s", text);
}

int bench_checker_init(BENCH_CHECKER *c, const BENCH_CHECK *check)
{
    int ok = 1;

    *c = (BENCH_CHECKER){.check = check};
    if (check->ca == NULL && check->trusted_n == 0)
        return 1;
    if ((c->store = X509_STORE_new()) == NULL)
        return 0;
    X509_STORE_set_flags(c->store, X509_V_FLAG_PARTIAL_CHAIN);
    if (check->ca != NULL)
        ok = X509_STORE_add_cert(c->store, check->ca);
    for (size_t i = 0; ok && i < check->trusted_n; i++)
        ok = X509_STORE_add_cert(c->store, check->trusted[i]);
    if (!ok)
        bench_checker_clear(c);
    return ok;
}

void bench_checker_clear(BENCH_CHECKER *c)
{
    X509_STORE_free(c->store);
    c->store = NULL;
}

static X509 *read_cert(CMPSRV_SLICE der)
{
    const unsigned char *p = der.p;
    X509 *x = der.n > LONG_MAX ? NULL : d2i_X509(NULL, &p, (long)der.n);

    if (x != NULL && p == der.p + der.n)
        return x;
    X509_free(x);
    return NULL;
}

/* SEQUENCE { header, body } of the octets as they came. */
static int protected_part(const CMPSRV_PKIMSG *msg, CMPSRV_BYTES *out)
{
    int content = (int)(msg->header.n + msg->body.n);
    int n = ASN1_object_size(1, content, V_ASN1_SEQUENCE);
    unsigned char *p;

    if (n <= 0 || (out->p = OPENSSL_malloc((size_t)n)) == NULL)
        return 0;
    out->n = (size_t)n;
    p = out->p;
    ASN1_put_object(&p, 1, content, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, msg->header.p, msg->header.n);
    memcpy(p + msg->header.n, msg->body.p, msg->body.n);
    return 1;
}

static X509_ALGOR *read_algor(CMPSRV_SLICE tlv)
{
    const unsigned char *p = tlv.p;

    return d2i_X509_ALGOR(NULL, &p, (long)tlv.n);
}

/* ---- MAC ---------------------------------------------------------------------------------------
 */

/* libcrypto's own derivation and MAC. */
static int mac_by_pbm(const X509_ALGOR *alg, CMPSRV_SLICE secret, CMPSRV_SLICE part,
                      unsigned char *mac, size_t *n)
{
    const ASN1_OBJECT *oid;
    const void *value;
    const unsigned char *p;
    OSSL_CRMF_PBMPARAMETER *pbm;
    unsigned char *out = NULL;
    int type, ok;

    X509_ALGOR_get0(&oid, &type, &value, alg);
    if (type != V_ASN1_SEQUENCE)
        return 0;
    p = ASN1_STRING_get0_data(value);
    pbm = d2i_OSSL_CRMF_PBMPARAMETER(NULL, &p, ASN1_STRING_length(value));
    ok = pbm != NULL &&
         OSSL_CRMF_pbm_new(NULL, NULL, pbm, part.p, part.n, secret.p, secret.n, &out, n) &&
         *n <= EVP_MAX_MD_SIZE;
    if (ok)
        memcpy(mac, out, *n);
    OPENSSL_free(out);
    OSSL_CRMF_PBMPARAMETER_free(pbm);
    return ok;
}

/* libcrypto 3.0 has no PBMAC1: its parameters are read by our own reader, which computes nothing.
 */
static int mac_by_pbmac1(CMPSRV_SLICE alg, CMPSRV_SLICE secret, CMPSRV_SLICE part,
                         unsigned char *mac, size_t *n)
{
    static const CMPSRV_MAC_POLICY any = {
        .macs = UINT_MAX, .pbmac1_iterations_min = 1, .pbmac1_iterations_max = 10000000};
    unsigned char key[EVP_MAX_MD_SIZE];
    CMPSRV_MAC_PARAMS p;
    const EVP_MD *prf, *md;
    unsigned len = 0;
    int ok;

    if (!cmpsrv_mac_params_parse(alg, &any, &p, NULL) || p.key_len > sizeof(key))
        return 0;
    prf = EVP_get_digestbyname(cmpsrv_md_name(p.owf));
    md = EVP_get_digestbyname(cmpsrv_md_name(p.mac));
    ok = prf != NULL && md != NULL &&
         PKCS5_PBKDF2_HMAC((const char *)secret.p, (int)secret.n, p.salt.p, (int)p.salt.n,
                           (int)p.iterations, prf, (int)p.key_len, key) &&
         HMAC(md, key, (int)p.key_len, part.p, part.n, mac, &len) != NULL;
    OPENSSL_cleanse(key, sizeof(key));
    *n = len;
    return ok;
}

static int check_mac(const BENCH_CHECKER *c, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE part,
                     CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE secret = bench_pack_secret(c->check->pack);
    X509_ALGOR *alg = read_algor(msg->protection_alg);
    unsigned char mac[EVP_MAX_MD_SIZE];
    const ASN1_OBJECT *oid = NULL;
    size_t n = 0;
    int ok;

    if (secret.p == NULL) {
        X509_ALGOR_free(alg);
        return wrong(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                     "the answer is protected by MAC, and the pack has no secret");
    }
    if (alg != NULL)
        X509_ALGOR_get0(&oid, NULL, NULL, alg);
    ok = alg != NULL && (OBJ_obj2nid(oid) == NID_id_PasswordBasedMAC
                             ? mac_by_pbm(alg, secret, part, mac, &n)
                             : mac_by_pbmac1(msg->protection_alg, secret, part, mac, &n));
    X509_ALGOR_free(alg);
    if (!ok)
        return wrong(why, CMPSRV_R_BAD_ALG, "the MAC algorithm of the answer cannot be computed");
    if (msg->protection.n != n || CRYPTO_memcmp(msg->protection.p, mac, n) != 0)
        return wrong(why, CMPSRV_R_BAD_MESSAGE_CHECK, "the MAC of the answer does not match");
    return 1;
}

/* ---- signature ---------------------------------------------------------------------------------
 */

static int chains_up(const BENCH_CHECKER *c, X509 *cert, STACK_OF(X509) * untrusted)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int ok = ctx != NULL && X509_STORE_CTX_init(ctx, c->store, cert, untrusted) &&
             X509_verify_cert(ctx) == 1;

    X509_STORE_CTX_free(ctx);
    return ok;
}

static int signs(X509 *cert, const X509_ALGOR *alg, CMPSRV_SLICE part, CMPSRV_SLICE signature)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    ASN1_TYPE *data = ASN1_TYPE_new();
    ASN1_STRING *raw = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    int ok = bits != NULL && data != NULL && raw != NULL &&
             ASN1_STRING_set(bits, signature.p, (int)signature.n) &&
             ASN1_STRING_set(raw, part.p, (int)part.n);

    if (ok) {
        bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;
        ASN1_TYPE_set(data, V_ASN1_SEQUENCE, raw); /* encoded as it is */
        raw = NULL;
        ok = ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), alg, bits, data, X509_get0_pubkey(cert)) ==
             1;
    }
    ERR_clear_error();
    ASN1_STRING_free(raw);
    ASN1_TYPE_free(data);
    ASN1_BIT_STRING_free(bits);
    return ok;
}

static STACK_OF(X509) * extra_certs(const CMPSRV_PKIMSG *msg)
{
    STACK_OF(X509) *certs = sk_X509_new_null();

    for (size_t i = 0; certs != NULL && i < msg->extra_certs_n; i++) {
        X509 *x = read_cert(msg->extra_certs[i]);

        if (x != NULL && !sk_X509_push(certs, x))
            X509_free(x);
    }
    return certs;
}

/* The one whose key made the signature; of extraCerts, or the CA itself. */
static X509 *find_signer(const BENCH_CHECKER *c, const CMPSRV_PKIMSG *msg, STACK_OF(X509) * certs,
                         CMPSRV_SLICE part)
{
    X509_ALGOR *alg = read_algor(msg->protection_alg);
    X509 *found = NULL;

    for (int i = 0; alg != NULL && found == NULL && i < sk_X509_num(certs); i++)
        if (signs(sk_X509_value(certs, i), alg, part, msg->protection))
            found = sk_X509_value(certs, i);
    if (alg != NULL && found == NULL && c->check->ca != NULL &&
        signs(c->check->ca, alg, part, msg->protection))
        found = c->check->ca;
    X509_ALGOR_free(alg);
    return found;
}

static int check_signature(const BENCH_CHECKER *c, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE part,
                           CMPSRV_REFUSAL *why)
{
    STACK_OF(X509) *certs = extra_certs(msg);
    X509 *signer = certs == NULL ? NULL : find_signer(c, msg, certs, part);
    int ok;

    if (signer == NULL)
        ok = wrong(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                   "no certificate of extraCerts verifies the signature of the answer");
    else
        ok = c->store == NULL || chains_up(c, signer, certs) ||
             wrong(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                   "the signer of the answer does not chain to --ca or --trusted");
    sk_X509_pop_free(certs, X509_free);
    return ok;
}

int bench_check_protection(const BENCH_CHECKER *c, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES part = {NULL, 0};
    int ok;

    if (msg->protection_alg.p == NULL || msg->protection.p == NULL)
        return wrong(why, CMPSRV_R_NOT_PROTECTED, "the answer is not protected");
    if (!protected_part(msg, &part))
        return cmpsrv_fail(why, "out of memory");
    ok = (cmpsrv_protection_kind(msg->protection_alg) == CMPSRV_PROTECTION_MAC
              ? check_mac
              : check_signature)(c, msg, cmpsrv_bytes_slice(&part), why);
    cmpsrv_bytes_clear(&part);
    return ok;
}

/* ---- certificate -------------------------------------------------------------------------------
 */

static int has_key(X509 *cert, CMPSRV_SLICE spki)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    int same = n > 0 && cmpsrv_slice_eq(cmpsrv_slice(der, (size_t)n), spki);

    OPENSSL_free(der);
    return same;
}

static int check_issuer(const BENCH_CHECKER *c, X509 *cert, CMPSRV_REFUSAL *why)
{
    X509 *ca = c->check->ca;

    if (ca == NULL)
        return 1;
    if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(ca)) != 0)
        return wrong(why, CMPSRV_R_WRONG_AUTHORITY, "the certificate has another issuer than --ca");
    if (X509_verify(cert, X509_get0_pubkey(ca)) != 1)
        return wrong(why, CMPSRV_R_BAD_CERT_ID,
                     "the signature of the certificate is not that of --ca");
    return chains_up(c, cert, NULL) ||
           wrong(why, CMPSRV_R_BAD_CERT_ID, "the certificate does not verify: validity or chain");
}

int bench_check_certificate(const BENCH_CHECKER *c, CMPSRV_SLICE cert, CMPSRV_SLICE spki,
                            CMPSRV_REFUSAL *why)
{
    X509 *x = read_cert(cert);
    int ok;

    if (x == NULL)
        return wrong(why, CMPSRV_R_BAD_DATA_FORMAT, "the certificate cannot be decoded");
    ok = (spki.p == NULL || has_key(x, spki) ||
          wrong(why, CMPSRV_R_BAD_KEY, "the certificate is for another key")) &&
         check_issuer(c, x, why);
    X509_free(x);
    return ok;
}

int bench_check_cert_hash(CMPSRV_SLICE cert, CMPSRV_SLICE hash, CMPSRV_REFUSAL *why)
{
    X509 *x = read_cert(cert);
    ASN1_OCTET_STRING *want = x == NULL ? NULL : X509_digest_sig(x, NULL, NULL);
    int same =
        want != NULL && cmpsrv_slice_eq(hash, cmpsrv_slice(ASN1_STRING_get0_data(want),
                                                           (size_t)ASN1_STRING_length(want)));

    ASN1_OCTET_STRING_free(want);
    X509_free(x);
    return same || wrong(why, CMPSRV_R_BAD_CERT_ID, "certHash is not that of the certificate");
}
