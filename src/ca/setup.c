/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the certificates, keys and secrets of a throw-away or first deployment: files that exist
 * are never touched. Called by `cmp-admin init` and by tests; the server itself never comes here.
 * Written with libcrypto's X509 functions, so that tests of issue.c meet certificates of another
 * hand.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define SECRET_OCTETS 32
#define BACKDATED     60 /* s */

typedef struct {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    const CMPSRV_SETUP_CERT *what;
    EVP_PKEY *key;
    X509 *cert;
    X509 *issuer; /* == cert when self-signed */
    EVP_PKEY *issuer_key;
} SETUP;

/* ---- keys --------------------------------------------------------------------------------------
 */

EVP_PKEY *cmpsrv_setup_key(OSSL_LIB_CTX *libctx, const char *propq, const char *key_type,
                           CMPSRV_REFUSAL *why)
{
    static const struct {
        const char *name, *type, *curve;
        size_t bits;
    } t[] = {
        {"ec:P-256", "EC", "P-256", 0},  {"ec:P-384", "EC", "P-384", 0},
        {"ec:P-521", "EC", "P-521", 0},  {"rsa:2048", "RSA", NULL, 2048},
        {"rsa:3072", "RSA", NULL, 3072}, {"rsa:4096", "RSA", NULL, 4096},
        {"ed25519", "ED25519", NULL, 0}, {"ed448", "ED448", NULL, 0},
    };
    EVP_PKEY *key;
    size_t i = 0;

    while (i < CMPSRV_ARRAY_SIZE(t) && strcasecmp(t[i].name, key_type) != 0)
        i++;
    if (i == CMPSRV_ARRAY_SIZE(t)) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                      "key type %s: want ec:P-256, ec:P-384, ec:P-521, rsa:2048, rsa:3072, "
                      "rsa:4096, ed25519 or ed448",
                      key_type);
        return NULL;
    }
    if (t[i].bits != 0)
        key = EVP_PKEY_Q_keygen(libctx, propq, t[i].type, t[i].bits);
    else if (t[i].curve != NULL)
        key = EVP_PKEY_Q_keygen(libctx, propq, t[i].type, t[i].curve);
    else
        key = EVP_PKEY_Q_keygen(libctx, propq, t[i].type);
    if (key == NULL)
        cmpsrv_fail(why, "cannot make a key %s", key_type);
    return key;
}

static int load_issuer(SETUP *s, CMPSRV_REFUSAL *why)
{
    const char *cert_file = s->what->issuer_cert, *key_file = s->what->issuer_key;
    BIO *b;

    if (cert_file == NULL || key_file == NULL) { /* self-signed */
        s->issuer = s->cert;
        s->issuer_key = s->key;
        return X509_up_ref(s->cert) && EVP_PKEY_up_ref(s->key);
    }
    s->issuer = X509_new_ex(s->libctx, s->propq);
    b = BIO_new_file(cert_file, "r");
    if (b == NULL || s->issuer == NULL || PEM_read_bio_X509(b, &s->issuer, NULL, NULL) == NULL)
        cmpsrv_fail(why, "cannot read the issuer's certificate %s", cert_file);
    BIO_free(b);
    b = BIO_new_file(key_file, "r");
    if (b != NULL)
        s->issuer_key = PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, s->libctx, s->propq);
    BIO_free(b);
    if (s->issuer_key == NULL)
        return cmpsrv_fail(why, "cannot read the issuer's key %s", key_file);
    if (s->issuer == NULL || X509_check_private_key(s->issuer, s->issuer_key) != 1)
        return cmpsrv_fail(why, "%s does not match %s", key_file, cert_file);
    return 1;
}

/* ---- fields ------------------------------------------------------------------------------------
 */

static int set_serial(const SETUP *s, CMPSRV_REFUSAL *why)
{
    unsigned char octets[CA_SERIAL];
    BIGNUM *n = NULL;
    int ok = cmpsrv_ca_new_serial(octets, why) &&
             (n = BN_bin2bn(octets, sizeof(octets), NULL)) != NULL &&
             BN_to_ASN1_INTEGER(n, X509_get_serialNumber(s->cert)) != NULL;

    BN_free(n);
    return ok;
}

static int set_subject(const SETUP *s, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES der = {NULL, 0};
    const unsigned char *p;
    X509_NAME *name = NULL;
    int ok = 0;

    if (cmpsrv_name_parse(s->what->subject, &der, why)) {
        p = der.p;
        name = d2i_X509_NAME(NULL, &p, (long)der.n);
        ok = name != NULL && X509_set_subject_name(s->cert, name);
    }
    X509_NAME_free(name);
    cmpsrv_bytes_clear(&der);
    return ok;
}

/* From a minute ago on, but never longer than the issuer. */
static int set_validity(const SETUP *s)
{
    time_t now = (time_t)(cmpsrv_time_now() / 1000);
    time_t end = now + (time_t)(s->what->validity / 1000);
    const ASN1_TIME *last = s->issuer == s->cert ? NULL : X509_get0_notAfter(s->issuer);

    /* time(2) may lag a tick behind our clock, and other machines behind both */
    return ASN1_TIME_adj(X509_getm_notBefore(s->cert), now, 0, -BACKDATED) != NULL &&
           (last != NULL && ASN1_TIME_cmp_time_t(last, end) < 0
                ? X509_set1_notAfter(s->cert, last)
                : ASN1_TIME_adj(X509_getm_notAfter(s->cert), end, 0, 0) != NULL);
}

static int add_extensions(const SETUP *s)
{
    const struct {
        int nid;
        const char *value; /* NULL: left out */
    } t[] = {
        {NID_basic_constraints, s->what->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"},
        {NID_key_usage,
         s->what->is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_ext_key_usage, s->what->eku},
    };
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, s->issuer, s->cert, NULL, NULL, 0);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        X509_EXTENSION *e;
        int ok;

        if (t[i].value == NULL)
            continue;
        e = X509V3_EXT_conf_nid(NULL, &ctx, t[i].nid, t[i].value);
        ok = e != NULL && X509_add_ext(s->cert, e, -1);
        X509_EXTENSION_free(e);
        if (!ok)
            return 0;
    }
    return 1;
}

static int sign(const SETUP *s)
{
    int own_digest =
        EVP_PKEY_is_a(s->issuer_key, "ED25519") || EVP_PKEY_is_a(s->issuer_key, "ED448");
    EVP_MD *md = own_digest ? NULL : EVP_MD_fetch(s->libctx, "SHA256", s->propq);
    int ok = (own_digest || md != NULL) && X509_sign(s->cert, s->issuer_key, md) > 0;

    EVP_MD_free(md);
    return ok;
}

static int make_cert(SETUP *s, CMPSRV_REFUSAL *why)
{
    return (X509_set_version(s->cert, X509_VERSION_3) && set_serial(s, why) &&
            set_subject(s, why) && set_validity(s) &&
            X509_set_issuer_name(s->cert, X509_get_subject_name(s->issuer)) &&
            X509_set_pubkey(s->cert, s->key) && add_extensions(s) && sign(s)) ||
           cmpsrv_fail(why, "cannot make the certificate %s", s->what->cert_file);
}

/* ---- files -------------------------------------------------------------------------------------
 */

static int write_bio(BIO *b, const char *path, mode_t mode, CMPSRV_REFUSAL *why)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);

    return n > 0 ? cmpsrv_ca_write_file(path, O_EXCL, mode, cmpsrv_slice(p, (size_t)n), why)
                 : cmpsrv_fail(why, "nothing to write to %s", path);
}

int cmpsrv_setup_write_key(EVP_PKEY *key, const char *file, CMPSRV_REFUSAL *why)
{
    BIO *b = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
    int ok = b != NULL && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);

    ok = ok ? write_bio(b, file, 0600, why) : cmpsrv_fail(why, "cannot write a key");
    BIO_free(b);
    return ok;
}

int cmpsrv_setup_write_certs(const CMPSRV_SLICE *certs, size_t n, const char *file,
                             CMPSRV_REFUSAL *why)
{
    BIO *b = BIO_new(BIO_s_mem());
    int ok = b != NULL;

    for (size_t i = 0; i < n && ok; i++)
        ok = PEM_write_bio(b, PEM_STRING_X509, "", certs[i].p, (long)certs[i].n) > 0;
    ok = ok ? write_bio(b, file, 0644, why) : cmpsrv_fail(why, "out of memory");
    BIO_free(b);
    return ok;
}

static int append_file(BIO *to, const char *path, CMPSRV_REFUSAL *why)
{
    BIO *from = BIO_new_file(path, "r");
    char block[4096];
    int n = 0, ok = from != NULL;

    while (ok && (n = BIO_read(from, block, sizeof(block))) > 0)
        ok = BIO_write(to, block, n) == n;
    BIO_free(from);
    return ok || cmpsrv_fail(why, "cannot read the chain %s", path);
}

static int write_cert(const SETUP *s, CMPSRV_REFUSAL *why)
{
    BIO *b = BIO_new(BIO_s_mem());
    const char *chain = s->what->append_chain;
    int ok = b != NULL && PEM_write_bio_X509(b, s->cert) ? 1 : cmpsrv_fail(why, "out of memory");

    ok = ok && (chain == NULL || append_file(b, chain, why)) &&
         write_bio(b, s->what->cert_file, 0644, why);
    BIO_free(b);
    return ok;
}

/* A key without its certificate would stand in the way of the next try. */
static int write_both(const SETUP *s, CMPSRV_REFUSAL *why)
{
    if (!cmpsrv_setup_write_key(s->key, s->what->key_file, why))
        return 0;
    if (write_cert(s, why))
        return 1;
    unlink(s->what->key_file);
    return 0;
}

int cmpsrv_setup_cert(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SETUP_CERT *what,
                      CMPSRV_REFUSAL *why)
{
    SETUP s = {.libctx = libctx, .propq = propq, .what = what};
    int ok;

    ok = (s.key = cmpsrv_setup_key(libctx, propq, what->key_type, why)) != NULL &&
         ((s.cert = X509_new_ex(libctx, propq)) != NULL || cmpsrv_fail(why, "out of memory")) &&
         load_issuer(&s, why) && make_cert(&s, why) && write_both(&s, why);
    EVP_PKEY_free(s.key);
    EVP_PKEY_free(s.issuer_key);
    X509_free(s.cert);
    X509_free(s.issuer);
    return ok;
}

int cmpsrv_setup_secret(const char *file, CMPSRV_REFUSAL *why)
{
    unsigned char octets[SECRET_OCTETS];
    char hex[2 * SECRET_OCTETS + 2];
    int ok;

    if (!cmpsrv_random(octets, sizeof(octets)))
        return cmpsrv_fail(why, "no random octets for a secret");
    cmpsrv_hex(cmpsrv_slice(octets, sizeof(octets)), hex, sizeof(hex) - 1);
    hex[sizeof(hex) - 2] = '\n';
    ok = cmpsrv_ca_write_file(file, O_EXCL, 0600, cmpsrv_slice(hex, sizeof(hex) - 1), why);
    OPENSSL_cleanse(octets, sizeof(octets));
    OPENSSL_cleanse(hex, sizeof(hex));
    return ok;
}
