/* SPDX-License-Identifier: Apache-2.0 */
/* Loading CAs: what fits loads with all that is taken from it, what does not is an error with file
 * and line. */
#include "config.h"

#include "ca_test.h"

#include <openssl/pem.h>

/* The first error of a load that must fail. */
static const char *load_fails(FIXTURE *f)
{
    static char text[1024];
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_CA *ca = cmpsrv_ca_load(NULL, NULL, &f->conf, NULL, &errors);

    CU_ASSERT_PTR_NULL(ca);
    CU_ASSERT_FATAL(errors.n >= 1);
    snprintf(text, sizeof(text), "%s", errors.v[0]);
    CU_ASSERT(strncmp(text, "test.yaml:", 10) == 0);
    cmpsrv_ca_free(ca);
    cmpsrv_conf_errors_clear(&errors);
    return text;
}

static void test_a_ca_with_its_signer(void)
{
    FIXTURE f;
    CMPSRV_CA *ca;

    set_up(&f, "ec:P-256");
    f.conf.cmp_signer =
        (CMPSRV_CONF_SIGNER){.certificate = f.signer, .key = f.signer_key, .pos = {"test.yaml", 9}};
    ca = load(&f);
    CU_ASSERT_FATAL(ca != NULL);
    CU_ASSERT_EQUAL(ca->issuer.chain_n, 0);
    CU_ASSERT(ca->issuer.root.n > 0 && ca->cmp_signer != &ca->issuer);
    CU_ASSERT_EQUAL(ca->cmp_signer->chain_n, 1); /* the issuing CA; the root is no part of it */
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&ca->cmp_signer->chain[0]),
                              cmpsrv_bytes_slice(&ca->issuer.der)));
    CU_ASSERT_EQUAL(ca->issuer.ski.n,
                    (size_t)ASN1_STRING_length(X509_get0_subject_key_id(ca->issuer.cert)));
    CU_ASSERT_EQUAL(ca->issuer.sender.p[0], 0xa4);
    cmpsrv_ca_free(ca);
    tear_down(&f);
}

static void test_what_does_not_fit(void)
{
    char root_key[112], nothing[96];
    FIXTURE f;

    set_up(&f, "ec:P-256");
    snprintf(root_key, sizeof(root_key), "file:%s/root.key", f.dir);
    snprintf(nothing, sizeof(nothing), "%s/nothing", f.dir);
    f.conf.issuer.key = root_key;
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "does not fit"));
    f.conf.issuer.key = nothing;
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "no private key"));
    f.conf.issuer.key = f.key;
    f.conf.issuer.certificate = nothing;
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "cannot read"));
    f.conf.issuer.certificate = f.key + 5; /* a file without a certificate */
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "no certificate"));
    f.conf.issuer.certificate = f.signer;
    f.conf.issuer.key = f.signer_key;
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "no CA"));
    tear_down(&f);
}

static void test_an_expired_ca(void)
{
    char cert[96], key[112];
    CMPSRV_SETUP_CERT what = {
        .subject = "CN=old", .key_type = "ec:P-256", .is_ca = 1, .validity = -DAY_MS};
    FIXTURE f;

    set_up(&f, "ec:P-256");
    snprintf(cert, sizeof(cert), "%s/old.crt", f.dir);
    snprintf(key, sizeof(key), "file:%s/old.key", f.dir);
    what.cert_file = cert;
    what.key_file = key + 5;
    CU_ASSERT_FATAL(cmpsrv_setup_cert(NULL, NULL, &what, NULL));
    f.conf.issuer.certificate = cert;
    f.conf.issuer.key = key;
    CU_ASSERT_PTR_NOT_NULL(strstr(load_fails(&f), "expired"));
    tear_down(&f);
}

static void test_passphrase(void)
{
    FIXTURE f;
    CMPSRV_CA *ca;
    EVP_PKEY *key;
    char file[112];
    BIO *bio;

    set_up(&f, "ec:P-256");
    bio = BIO_new_file(f.key + 5, "r");
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    snprintf(file, sizeof(file), "file:%s/locked.key", f.dir);
    bio = BIO_new_file(file + 5, "w");
    CU_ASSERT_FATAL(
        PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), "open sesame", 11, NULL, NULL));
    BIO_free(bio);
    EVP_PKEY_free(key);
    f.conf.issuer.key = file;
    f.conf.issuer.passphrase = cmpsrv_secret_new("open sesame", 11);
    ca = load(&f);
    CU_ASSERT_PTR_NOT_NULL(ca);
    cmpsrv_ca_free(ca);
    cmpsrv_secret_free(f.conf.issuer.passphrase);
    f.conf.issuer.passphrase = cmpsrv_secret_new("canary-wrong", 12);
    CU_ASSERT_PTR_NULL(strstr(load_fails(&f), "canary"));
    cmpsrv_secret_free(f.conf.issuer.passphrase);
    f.conf.issuer.passphrase = NULL;
    load_fails(&f);
    tear_down(&f);
}

static void test_setup_keeps_what_is_there(void)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SECRET *s;
    char file[96];
    FIXTURE f;

    set_up(&f, "ed25519");
    CU_ASSERT(!make(f.dir, "root", "ed25519", 1, NULL));
    snprintf(file, sizeof(file), "%s/secret", f.dir);
    CU_ASSERT(cmpsrv_setup_secret(file, &why));
    CU_ASSERT(!cmpsrv_setup_secret(file, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_CONFIG);
    s = cmpsrv_secret_from_file(file, NULL);
    CU_ASSERT_EQUAL(cmpsrv_secret_get0(s).n, 64);
    cmpsrv_secret_free(s);
    tear_down(&f);
}

TEST_MAIN("cakey", TEST(test_a_ca_with_its_signer), TEST(test_what_does_not_fit),
          TEST(test_an_expired_ca), TEST(test_passphrase), TEST(test_setup_keeps_what_is_there))
