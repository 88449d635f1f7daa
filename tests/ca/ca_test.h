/* SPDX-License-Identifier: Apache-2.0 */
/* A throw-away CA in a directory of its own, and decisions made by hand. */
#ifndef CMPSRV_CA_TEST_H
#define CMPSRV_CA_TEST_H

#include <stdio.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "ca/ca.h"
#include "test.h"

#define DAY_MS INT64_C(86400000)

typedef struct {
    char dir[64];
    CMPSRV_CONF_CA conf;
    char cert[96], key[112], signer[96], signer_key[112], crl[96], store[112];
} FIXTURE;

static inline int make(const char *dir, const char *name, const char *type, int is_ca,
                       const char *issuer)
{
    char cert[96], key[96], up_cert[96], up_key[96], subject[64];
    CMPSRV_SETUP_CERT what = {
        .subject = subject, .key_type = type, .is_ca = is_ca, .validity = 30 * DAY_MS};
    CMPSRV_REFUSAL why = {0};

    snprintf(cert, sizeof(cert), "%s/%s.crt", dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", dir, name);
    snprintf(up_cert, sizeof(up_cert), "%s/%s.crt", dir, issuer == NULL ? name : issuer);
    snprintf(up_key, sizeof(up_key), "%s/%s.key", dir, issuer == NULL ? name : issuer);
    snprintf(subject, sizeof(subject), "CN=%s", name);
    what.cert_file = cert;
    what.key_file = key;
    what.issuer_cert = issuer == NULL ? NULL : up_cert;
    what.issuer_key = issuer == NULL ? NULL : up_key;
    what.append_chain = issuer == NULL ? NULL : up_cert;
    return cmpsrv_setup_cert(NULL, NULL, &what, &why);
}

/* Root, issuing CA below it, signer below that. */
static inline void set_up(FIXTURE *f, const char *key_type)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->dir, "/tmp/cmpsrv-test-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(f->dir) != NULL);
    CU_ASSERT_FATAL(make(f->dir, "root", key_type, 1, NULL) &&
                    make(f->dir, "issuing", key_type, 1, "root") &&
                    make(f->dir, "signer", key_type, 0, "issuing"));
    snprintf(f->cert, sizeof(f->cert), "%s/issuing.crt", f->dir);
    snprintf(f->key, sizeof(f->key), "file:%s/issuing.key", f->dir);
    snprintf(f->signer, sizeof(f->signer), "%s/signer.crt", f->dir);
    snprintf(f->signer_key, sizeof(f->signer_key), "file:%s/signer.key", f->dir);
    snprintf(f->crl, sizeof(f->crl), "%s/issuing.crl", f->dir);
    snprintf(f->store, sizeof(f->store), "sqlite:%s/store.db", f->dir);
    f->conf =
        (CMPSRV_CONF_CA){.pos = {"test.yaml", 7}, .name = (char *)"CA1", .crl_validity = DAY_MS};
    f->conf.issuer =
        (CMPSRV_CONF_SIGNER){.certificate = f->cert, .key = f->key, .pos = {"test.yaml", 8}};
}

static inline void tear_down(FIXTURE *f)
{
    char line[128];

    snprintf(line, sizeof(line), "rm -rf '%s'", f->dir);
    CU_ASSERT(system(line) == 0); /* a test's own directory */
}

static inline CMPSRV_CA *load(FIXTURE *f)
{
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_CA *ca = cmpsrv_ca_load(NULL, NULL, &f->conf, NULL, &errors);

    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%s\n", errors.v[i]);
    cmpsrv_conf_errors_clear(&errors);
    return ca;
}

static inline EVP_PKEY *make_key(const char *type)
{
    return strncmp(type, "rsa:", 4) == 0
               ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 4))
           : strncmp(type, "ec:", 3) == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", type + 3)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* A decision for a key, as policy would make it; key usage digitalSignature. */
static inline CMPSRV_DECISION *decide(const CMPSRV_CA *ca, EVP_PKEY *key, const char *subject)
{
    static const unsigned char extensions[] =
        {
            0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01,
            0x01, 0xff, 0x04, 0x02, 0x30, 0x00, /* basicConstraints */
            0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01,
            0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x07, 0x80, /* keyUsage */
        };
    CMPSRV_DECISION *d = OPENSSL_zalloc(sizeof(*d));
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FATAL(d != NULL && n > 0);
    d->spki = (CMPSRV_BYTES){der, (size_t)n};
    d->key = key;
    CU_ASSERT_FATAL(cmpsrv_name_parse(subject, &d->subject, &why));
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&d->extensions, cmpsrv_slice(extensions, sizeof(extensions))));
    d->key_usage = 1;
    d->not_before = ca->issuer.not_before + 60000;
    d->not_after = ca->issuer.not_after - 60000;
    return d;
}

#endif
