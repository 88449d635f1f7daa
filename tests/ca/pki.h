/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with a CA in it, loaded, and decisions for it to obey. */
#ifndef CMPSRV_TEST_CA_PKI_H
#define CMPSRV_TEST_CA_PKI_H

#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ca/ca.h"

#define UNUSED __attribute__((unused))
#define HOUR   INT64_C(3600000)

typedef struct {
    char dir[32], cert[64], key[64], uri[80], crl[64];
    OSSL_LIB_CTX *libctx;
    CMPSRV_CONF_CA conf;
    CMPSRV_CONF_ERRORS errors;
    CMPSRV_CA *ca;
} PKI;

static char ca_name[] = "Test CA";

static UNUSED int has(const char *text, const char *part)
{
    if (text != NULL && strstr(text, part) != NULL)
        return 1;
    fprintf(stderr, "want \"%s\" in \"%s\"\n", part, text == NULL ? "(nothing)" : text);
    return 0;
}

static UNUSED int setup(OSSL_LIB_CTX *libctx, CMPSRV_SETUP_CERT what)
{
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_setup_cert(libctx, NULL, &what, &why);

    if (!ok)
        fprintf(stderr, "setup: %s\n", why.detail);
    return ok;
}

/* An empty directory and a configuration that points into it. */
static UNUSED void pki_place(PKI *p)
{
    memset(p, 0, sizeof(*p));
    strcpy(p->dir, "/tmp/cmpsrv-ca-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p->dir));
    snprintf(p->cert, sizeof(p->cert), "%s/ca.pem", p->dir);
    snprintf(p->key, sizeof(p->key), "%s/ca.key", p->dir);
    snprintf(p->uri, sizeof(p->uri), "file:%s", p->key);
    snprintf(p->crl, sizeof(p->crl), "%s/ca.crl", p->dir);
    p->libctx = OSSL_LIB_CTX_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->libctx);
    p->conf.name = ca_name;
    p->conf.pos = (CMPSRV_CONF_POS){"cmpsrv.yaml", 7};
    p->conf.issuer.pos = (CMPSRV_CONF_POS){"cmpsrv.yaml", 8};
    p->conf.cmp_signer.pos = (CMPSRV_CONF_POS){"cmpsrv.yaml", 9};
    p->conf.issuer.certificate = p->cert;
    p->conf.issuer.key = p->uri;
    p->conf.crl_validity = 24 * HOUR;
}

static UNUSED CMPSRV_CA *pki_load(PKI *p)
{
    cmpsrv_conf_errors_clear(&p->errors);
    cmpsrv_ca_free(p->ca);
    p->ca = cmpsrv_ca_load(p->libctx, NULL, &p->conf, NULL, &p->errors);
    for (size_t i = 0; i < p->errors.n && getenv("SHOW_ERRORS") != NULL; i++)
        fprintf(stderr, "%s\n", p->errors.v[i]);
    return p->ca;
}

/* A self-signed CA, loaded. */
static UNUSED void pki_new(PKI *p, const char *key_type)
{
    pki_place(p);
    CU_ASSERT_FATAL(setup(p->libctx, (CMPSRV_SETUP_CERT){.subject = "CN=Test CA,O=Test",
                                                         .key_type = key_type,
                                                         .is_ca = 1,
                                                         .validity = 1000 * HOUR,
                                                         .cert_file = p->cert,
                                                         .key_file = p->key}));
    CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(p));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static UNUSED void pki_free(PKI *p)
{
    cmpsrv_ca_free(p->ca);
    cmpsrv_conf_errors_clear(&p->errors);
    OSSL_LIB_CTX_free(p->libctx);
    nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* basicConstraints (critical, empty), keyUsage (critical, digitalSignature), extKeyUsage
 * (clientAuth), subjectAltName (DNS:a.example): octets by hand. */
#define EXT_BC "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
#define EXT_KU "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"
#define EXT_EKU                                                                                    \
    "\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
#define EXT_SAN                                                                                    \
    "\x30\x14\x06\x03\x55\x1d\x11\x04\x0d\x30\x0b\x82\x09"                                         \
    "a.example"
#define EXT_SAN_CRITICAL                                                                           \
    "\x30\x17\x06\x03\x55\x1d\x11\x01\x01\xff\x04\x0d\x30\x0b\x82\x09"                             \
    "a.example"

static UNUSED EVP_PKEY *new_key(OSSL_LIB_CTX *libctx, const char *type)
{
    if (strcmp(type, "rsa:2048") == 0)
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048);
    if (strcmp(type, "ec:P-256") == 0)
        return EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    return EVP_PKEY_Q_keygen(libctx, NULL, "ED25519");
}

static UNUSED CMPSRV_DECISION *decide(const PKI *p, EVP_PKEY *key, const char *subject)
{
    CMPSRV_DECISION *d = OPENSSL_zalloc(sizeof(*d));
    unsigned char *spki = NULL;
    int n = i2d_PUBKEY(key, &spki);

    CU_ASSERT_FATAL(d != NULL && n > 0 && EVP_PKEY_up_ref(key));
    d->key = key;
    d->spki = (CMPSRV_BYTES){spki, (size_t)n};
    if (*subject == '\0')
        CU_ASSERT_FATAL(cmpsrv_bytes_set(&d->subject, DER_OID_SLICE("\x30\x00")))
    else
        CU_ASSERT_FATAL(cmpsrv_name_parse(subject, &d->subject, NULL));
    d->not_before = p->ca->issuer.not_before;
    d->not_after = d->not_before + 24 * HOUR;
    d->key_usage = 1;
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&d->extensions, DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU EXT_SAN)));
    return d;
}

#endif
