/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates and secrets for a first or throw-away deployment, with OpenSSL's own
 * certificate functions. For cmp-admin; never called while serving.
 */
#include "config.h"

#include "ca/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A new file, never over an old one. */
static BIO *new_file(const char *file, mode_t mode, CMPSRV_REFUSAL *why)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    BIO *bio = f == NULL ? NULL : BIO_new_fp(f, BIO_CLOSE);

    if (bio == NULL)
        cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG, "cannot make %s: %s", file, strerror(errno));
    return bio;
}

static EVP_PKEY *make_key(OSSL_LIB_CTX *libctx, const char *propq, const char *type)
{
    if (strncmp(type, "rsa:", 4) == 0)
        return EVP_PKEY_Q_keygen(libctx, propq, "RSA", (size_t)strtoul(type + 4, NULL, 10));
    if (strncmp(type, "ec:", 3) == 0)
        return EVP_PKEY_Q_keygen(libctx, propq, "EC", type + 3);
    if (strcmp(type, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(libctx, propq, "ED25519");
    return NULL;
}

static int add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    int ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok;
}

static int add_extensions(X509 *x, X509 *issuer, const CMPSRV_SETUP_CERT *what)
{
    return add_extension(x, issuer, NID_basic_constraints,
                         what->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_extension(x, issuer, NID_key_usage,
                         what->is_ca ? "critical,keyCertSign,cRLSign"
                                     : "critical,digitalSignature") &&
           (what->eku == NULL || add_extension(x, issuer, NID_ext_key_usage, what->eku)) &&
           add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
           (what->issuer_cert == NULL ||
            add_extension(x, issuer, NID_authority_key_identifier, "keyid:always"));
}

static int set_serial(X509 *x)
{
    unsigned char octets[CMPSRV_MAX_SERIAL];
    BIGNUM *bn;
    int ok;

    if (!cmpsrv_random(octets, sizeof(octets)))
        return 0;
    octets[0] = (unsigned char)((octets[0] & 0x7f) | 0x40);
    bn = BN_bin2bn(octets, sizeof(octets), NULL);
    ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
    BN_free(bn);
    return ok;
}

static int set_subject(X509 *x, const char *text, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES der = {0};
    const unsigned char *p;
    X509_NAME *name;
    int ok;

    if (!cmpsrv_name_parse(text, &der, why))
        return 0;
    p = der.p;
    name = d2i_X509_NAME(NULL, &p, (long)der.n);
    ok = name != NULL && X509_set_subject_name(x, name);
    X509_NAME_free(name);
    cmpsrv_bytes_clear(&der);
    return ok;
}

static int sign(X509 *x, EVP_PKEY *key)
{
    int has_own_digest = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");

    return X509_sign(x, key, has_own_digest ? NULL : EVP_sha256()) > 0;
}

static X509 *make_cert(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SETUP_CERT *what,
                       EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, CMPSRV_REFUSAL *why)
{
    X509 *x = X509_new_ex(libctx, propq), *by = issuer == NULL ? x : issuer;
    long days = (long)(what->validity / 86400000);

    if (x != NULL && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
        set_subject(x, what->subject, why) && X509_set_issuer_name(x, X509_get_subject_name(by)) &&
        X509_set_pubkey(x, key) && X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) != NULL &&
        add_extensions(x, by, what) && sign(x, issuer_key == NULL ? key : issuer_key))
        return x;
    X509_free(x);
    cmpsrv_fail(why, "cannot make the certificate of %s", what->subject);
    return NULL;
}

static int append_file(BIO *out, const char *file, CMPSRV_REFUSAL *why)
{
    BIO *in = BIO_new_file(file, "r");
    char buf[4096];
    int n, ok = in != NULL;

    while (ok && (n = BIO_read(in, buf, sizeof(buf))) > 0)
        ok = BIO_write(out, buf, n) == n;
    BIO_free(in);
    return ok || cmpsrv_fail(why, "cannot append %s", file);
}

static int write_files(const CMPSRV_SETUP_CERT *what, X509 *x, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    BIO *out = new_file(what->key_file, 0600, why);
    int ok = out != NULL && (PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) ||
                             cmpsrv_fail(why, "cannot write %s", what->key_file));

    BIO_free(out);
    if (!ok || (out = new_file(what->cert_file, 0644, why)) == NULL)
        return 0;
    ok = (PEM_write_bio_X509(out, x) || cmpsrv_fail(why, "cannot write %s", what->cert_file)) &&
         (what->append_chain == NULL || append_file(out, what->append_chain, why));
    BIO_free(out);
    return ok;
}

static int read_issuer(const CMPSRV_SETUP_CERT *what, X509 **cert, EVP_PKEY **key,
                       CMPSRV_REFUSAL *why)
{
    BIO *c = BIO_new_file(what->issuer_cert, "r"), *k = BIO_new_file(what->issuer_key, "r");

    if (c != NULL && k != NULL) {
        *cert = PEM_read_bio_X509(c, NULL, NULL, NULL);
        *key = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
    }
    BIO_free(c);
    BIO_free(k);
    return (*cert != NULL && *key != NULL) ||
           cmpsrv_fail(why, "cannot read %s and its key", what->issuer_cert);
}

int cmpsrv_setup_cert(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SETUP_CERT *what,
                      CMPSRV_REFUSAL *why)
{
    EVP_PKEY *key = make_key(libctx, propq, what->key_type), *issuer_key = NULL;
    X509 *issuer = NULL, *x = NULL;
    int ok = 0;

    if (key == NULL) {
        ERR_clear_error();
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "key type %s is not usable; allowed: ec:P-256, ec:P-384, "
                             "rsa:2048, rsa:3072, ed25519",
                             what->key_type);
    }
    if ((what->issuer_cert == NULL || read_issuer(what, &issuer, &issuer_key, why)) &&
        (x = make_cert(libctx, propq, what, key, issuer, issuer_key, why)) != NULL)
        ok = write_files(what, x, key, why);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
    ERR_clear_error();
    return ok;
}

int cmpsrv_setup_secret(const char *file, CMPSRV_REFUSAL *why)
{
    unsigned char octets[32];
    char hex[2 * sizeof(octets) + 1];
    BIO *out;
    int ok;

    if (!cmpsrv_random(octets, sizeof(octets)))
        return cmpsrv_fail(why, "no random octets");
    if ((out = new_file(file, 0600, why)) == NULL)
        return 0;
    cmpsrv_hex(cmpsrv_slice(octets, sizeof(octets)), hex, sizeof(hex));
    ok = BIO_printf(out, "%s\n", hex) > 0;
    BIO_free(out);
    OPENSSL_cleanse(octets, sizeof(octets));
    OPENSSL_cleanse(hex, sizeof(hex));
    return ok || cmpsrv_fail(why, "cannot write %s", file);
}
