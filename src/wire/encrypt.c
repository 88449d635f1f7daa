/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate encrypted to its own key, for encrCert (RFC 9810 5.2.8.3.2): who can confirm it
 * has decrypted it, and so has the key. Encrypts only: nothing in this server decrypts what a
 * client has made. Called by the server after issuing; which keys may have this is asked by popo.c.
 */
#include "config.h"

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "wire/algs.h"

#define KEY_SIZE 32 /* AES-256 */
#define IV_SIZE  16

/* RSAES-OAEP with SHA-256 takes 66 octets of an RSA key away, and 32 are to be encrypted: smaller
 * keys than these have no room, or are none. */
#define RSA_MIN_BITS 1024

/* ---- EnvelopedData: RFC 5652 6.1 ---------------------------------------------------------------
 */

/* RFC 9481 4.2.2: RSAES-OAEP; SHA-256 in it and in MGF1. */
static int set_rsa(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

/* RFC 9481 4.1.2: ephemeral-static ECDH, dhSinglePass-stdDH-sha256kdf; libcrypto's default is
 * SHA-1. It wraps with AES of the content's key size by itself. */
static int set_ec(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
}

static const struct {
    const char *type;
    int64_t pvno; /* from which on */
    int min_bits;
    int (*set)(EVP_PKEY_CTX *ctx);
} keys[] = {
    {"RSA", 2, RSA_MIN_BITS, set_rsa},
    {"EC", 3, 0, set_ec},
};

int cmpsrv_can_encrypt_to(const EVP_PKEY *key, int64_t pvno)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        if (EVP_PKEY_is_a(key, keys[i].type))
            return pvno >= keys[i].pvno && EVP_PKEY_get_bits(key) >= keys[i].min_bits;
    return 0;
}

static int set_recipient(CMS_RecipientInfo *ri, const EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = ri == NULL ? NULL : CMS_RecipientInfo_get0_pkey_ctx(ri);

    for (size_t i = 0; ctx != NULL && i < CMPSRV_ARRAY_SIZE(keys); i++)
        if (EVP_PKEY_is_a(key, keys[i].type))
            return keys[i].set(ctx);
    return 0;
}

/* A ContentInfo with it. RFC 9810 5.2.2: one recipient, who has the key of the certificate and is
 * named by its subjectKeyIdentifier; the certificate is the content itself, so that its type is
 * id-data. */
static CMS_ContentInfo *make_enveloped(OSSL_LIB_CTX *libctx, const char *propq, X509 *cert,
                                       CMPSRV_SLICE der)
{
    CMS_ContentInfo *cms = CMS_EnvelopedData_create_ex(EVP_aes_256_cbc(), libctx, propq);
    BIO *in = BIO_new_mem_buf(der.p, (int)der.n);
    CMS_RecipientInfo *ri = NULL;
    int ok = 0;

    if (cms != NULL && in != NULL)
        ri = CMS_add1_recipient_cert(cms, cert, CMS_USE_KEYID | CMS_KEY_PARAM);
    ok = ri != NULL && set_recipient(ri, X509_get0_pubkey(cert)) && CMS_set_detached(cms, 0) &&
         CMS_final(cms, in, NULL, CMS_BINARY);
    BIO_free(in);
    if (ok)
        return cms;
    CMS_ContentInfo_free(cms);
    return NULL;
}

/* ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT EnvelopedData } becomes EncryptedKey
 * ::= CHOICE { ..., envelopedData [0] IMPLICIT EnvelopedData } */
static int put_enveloped(CMPSRV_SLICE content_info, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};
    CMPSRV_SLICE seq, content, enveloped;

    if (!cmpsrv_der_get(&content_info, DER_SEQUENCE, &seq) ||
        !cmpsrv_der_get(&seq, DER_OID, NULL) ||
        !cmpsrv_der_get(&seq, DER_CONTEXT_CONSTRUCTED(0), &content) ||
        !cmpsrv_der_get(&content, DER_SEQUENCE, &enveloped))
        return 0;
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(0), enveloped);
    return cmpsrv_derw_finish(&w, out);
}

static int encrypt_enveloped(OSSL_LIB_CTX *libctx, const char *propq, X509 *cert, CMPSRV_SLICE der,
                             CMPSRV_BYTES *out)
{
    CMS_ContentInfo *cms = make_enveloped(libctx, propq, cert, der);
    unsigned char *made = NULL;
    int len = cms == NULL ? -1 : i2d_CMS_ContentInfo(cms, &made), ok;

    ok = len > 0 && put_enveloped(cmpsrv_slice(made, (size_t)len), out);
    OPENSSL_free(made);
    CMS_ContentInfo_free(cms);
    return ok;
}

/* ---- EncryptedValue: RFC 4211 2.1 --------------------------------------------------------------
 */

static const CMPSRV_SLICE aes256_cbc = OID_INIT("\x60\x86\x48\x01\x65\x03\x04\x01\x2a");
static const CMPSRV_SLICE rsa_encryption = OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");

/* What is random in it; wiped by who makes it. */
typedef struct {
    unsigned char key[KEY_SIZE], iv[IV_SIZE];
} CONTENT_KEY;

/* PKCS #1 v1.5, as keyAlg rsaEncryption says: clients with pvno 2 know no other. */
static int encrypt_key(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *rsa, const CONTENT_KEY *k,
                       CMPSRV_BYTES *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, rsa, propq);
    size_t n = 0;
    int ok;

    ok = ctx != NULL && EVP_PKEY_encrypt_init(ctx) > 0 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
         EVP_PKEY_encrypt(ctx, NULL, &n, k->key, sizeof(k->key)) > 0 &&
         (out->p = OPENSSL_malloc(n)) != NULL &&
         EVP_PKEY_encrypt(ctx, out->p, &n, k->key, sizeof(k->key)) > 0;
    out->n = ok ? n : 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* AES-256-CBC with the padding of RFC 5652 6.3. */
static int encrypt_content(OSSL_LIB_CTX *libctx, const char *propq, const CONTENT_KEY *k,
                           CMPSRV_SLICE der, CMPSRV_BYTES *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-CBC", propq);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0, ok;

    ok = cipher != NULL && ctx != NULL && (out->p = OPENSSL_malloc(der.n + IV_SIZE)) != NULL &&
         EVP_EncryptInit_ex2(ctx, cipher, k->key, k->iv, NULL) &&
         EVP_EncryptUpdate(ctx, out->p, &n, der.p, (int)der.n) &&
         EVP_EncryptFinal_ex(ctx, out->p + n, &last);
    out->n = ok ? (size_t)(n + last) : 0;
    EVP_CIPHER_CTX_free(ctx); /* wipes its state */
    EVP_CIPHER_free(cipher);
    return ok;
}

/* A BIT STRING under [2] IMPLICIT */
static void put_enc_symm_key(CMPSRV_DERW *w, CMPSRV_SLICE octets)
{
    cmpsrv_derw_begin(w, DER_CONTEXT(2));
    cmpsrv_derw_raw(w, DER_OID_SLICE("\x00"));
    cmpsrv_derw_raw(w, octets);
    cmpsrv_derw_end(w);
}

/* EncryptedValue ::= SEQUENCE { intendedAlg [0] OPTIONAL, symmAlg [1] AlgorithmIdentifier OPTIONAL,
 * encSymmKey [2] BIT STRING OPTIONAL, keyAlg [3] AlgorithmIdentifier OPTIONAL, valueHint [4]
 * OPTIONAL, encValue BIT STRING }, tags IMPLICIT */
static int put_encrypted_value(const CONTENT_KEY *k, CMPSRV_SLICE enc_key, CMPSRV_SLICE enc_value,
                               CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
    cmpsrv_derw_oid(&w, aes256_cbc);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_slice(k->iv, sizeof(k->iv)));
    cmpsrv_derw_end(&w);
    put_enc_symm_key(&w, enc_key);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(3));
    cmpsrv_derw_oid(&w, rsa_encryption);
    cmpsrv_derw_null(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_bits(&w, enc_value);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

static int encrypt_value(OSSL_LIB_CTX *libctx, const char *propq, X509 *cert, CMPSRV_SLICE der,
                         CMPSRV_BYTES *out)
{
    CMPSRV_BYTES enc_key = {0}, enc_value = {0};
    CONTENT_KEY k;
    int ok;

    ok = cmpsrv_random(k.key, sizeof(k.key)) && cmpsrv_random(k.iv, sizeof(k.iv)) &&
         encrypt_key(libctx, propq, X509_get0_pubkey(cert), &k, &enc_key) &&
         encrypt_content(libctx, propq, &k, der, &enc_value) &&
         put_encrypted_value(&k, cmpsrv_bytes_slice(&enc_key), cmpsrv_bytes_slice(&enc_value), out);
    OPENSSL_cleanse(&k, sizeof(k));
    cmpsrv_bytes_clear(&enc_key);
    cmpsrv_bytes_clear(&enc_value);
    return ok;
}

/* ---- both --------------------------------------------------------------------------------------
 */

static X509 *parse_x509(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE der)
{
    X509 *x = X509_new_ex(libctx, propq);
    const unsigned char *p = der.p;

    if (x != NULL && d2i_X509(&x, &p, (long)der.n) != NULL && p == der.p + der.n)
        return x;
    X509_free(x);
    return NULL;
}

int cmpsrv_encrypt_cert(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE der, int64_t pvno,
                        CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    X509 *cert = parse_x509(libctx, propq, der);
    EVP_PKEY *key = cert == NULL ? NULL : X509_get0_pubkey(cert);
    CMPSRV_BYTES made = {0};
    int ok;

    if (key == NULL || !cmpsrv_can_encrypt_to(key, pvno))
        ok = cmpsrv_fail(why, "no certificate can be encrypted to this key with pvno %lld",
                         (long long)pvno);
    else
        ok = (pvno >= 3 ? encrypt_enveloped : encrypt_value)(libctx, propq, cert, der, &made) ||
             cmpsrv_fail(why, "cannot encrypt the certificate");
    if (ok) {
        cmpsrv_bytes_clear(out);
        *out = made;
        made = (CMPSRV_BYTES){NULL, 0};
    }
    cmpsrv_bytes_clear(&made);
    X509_free(cert);
    return ok;
}
