/* SPDX-License-Identifier: Apache-2.0 */
/* Throw-away PKI: what is in the files, who may read them, and that none is overwritten. */
#include "config.h"

#include "pki.h"

#include <sys/stat.h>

static int mode_of(const char *file)
{
    struct stat st;

    return stat(file, &st) == 0 ? (int)(st.st_mode & 0777) : -1;
}

static int shell(const char *fmt, const char *dir)
{
    char cmd[512];

    snprintf(cmd, sizeof(cmd), "cd %s && %s", dir, fmt);
    return system(cmd);
}

/* Root, issuing CA, CMP signer and TLS server of every key type, as `openssl verify` sees them. */
static void test_hierarchy(void)
{
    static const char *const types[] = {"ec:P-256", "ec:P-384", "rsa:2048", "rsa:3072", "ed25519"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++) {
        PKI p;
        char f[6][64];
        static const char *const names[] = {"root.pem", "root.key", "tls.pem", "tls.key"};
        CMPSRV_SETUP_CERT ca, tls;

        pki_place(&p);
        for (size_t k = 0; k < 4; k++)
            snprintf(f[k], sizeof(f[k]), "%s/%s", p.dir, names[k]);
        CU_ASSERT(setup(p.libctx, (CMPSRV_SETUP_CERT){.subject = "CN=Root",
                                                      .key_type = types[i],
                                                      .is_ca = 1,
                                                      .validity = 200 * HOUR,
                                                      .cert_file = f[0],
                                                      .key_file = f[1]}));
        ca = (CMPSRV_SETUP_CERT){.subject = "/O=x/CN=Issuing",
                                 .key_type = types[i],
                                 .is_ca = 1,
                                 .validity = 300 * HOUR, /* longer than the root: cut */
                                 .cert_file = p.cert,
                                 .key_file = p.key,
                                 .append_chain = f[0],
                                 .issuer_cert = f[0],
                                 .issuer_key = f[1]};
        CU_ASSERT(setup(p.libctx, ca));
        tls = (CMPSRV_SETUP_CERT){.subject = "CN=localhost",
                                  .key_type = types[i],
                                  .eku = "1.3.6.1.5.5.7.3.1",
                                  .validity = HOUR,
                                  .cert_file = f[2],
                                  .key_file = f[3],
                                  .append_chain = p.cert,
                                  .issuer_cert = p.cert,
                                  .issuer_key = p.key};
        CU_ASSERT(setup(p.libctx, tls));
        CU_ASSERT(mode_of(p.key) == 0600 && mode_of(f[1]) == 0600 && mode_of(p.cert) == 0644);
        CU_ASSERT_EQUAL(shell("openssl verify -x509_strict -purpose sslserver -CAfile root.pem "
                              "-untrusted tls.pem tls.pem >/dev/null",
                              p.dir),
                        0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(&p));
        CU_ASSERT(p.ca->issuer.root.p != NULL && p.ca->issuer.chain_n == 0);
        CU_ASSERT_EQUAL(X509_get_key_usage(p.ca->issuer.cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        CU_ASSERT(p.ca->issuer.not_after - p.ca->issuer.not_before < 201 * HOUR);
        CU_ASSERT_EQUAL(shell("openssl x509 -in tls.pem -noout -ext keyUsage,extendedKeyUsage |"
                              " grep -q 'TLS Web Server' && openssl x509 -in tls.pem -noout"
                              " -ext keyUsage | grep -qx ' *Digital Signature'",
                              p.dir),
                        0);
        CU_ASSERT_EQUAL(
            shell("test $(openssl x509 -in tls.pem -noout -serial | wc -c) = 48", p.dir), 0);
        pki_free(&p);
    }
}

/* Nothing that exists is touched, and a half-made pair does not stay. */
static void test_exclusive(void)
{
    PKI p;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SETUP_CERT what = {.subject = "CN=x", .key_type = "ed25519", .validity = HOUR};

    pki_place(&p);
    what.cert_file = p.cert;
    what.key_file = p.key;
    CU_ASSERT_EQUAL(shell("echo mine >ca.key", p.dir), 0);
    CU_ASSERT(!cmpsrv_setup_cert(p.libctx, NULL, &what, &why));
    CU_ASSERT(has(why.detail, p.key));
    CU_ASSERT_EQUAL(shell("grep -qx mine ca.key && test ! -e ca.pem", p.dir), 0);
    CU_ASSERT_EQUAL(shell("mv ca.key ca.pem", p.dir), 0);
    why = (CMPSRV_REFUSAL){0};
    CU_ASSERT(!cmpsrv_setup_cert(p.libctx, NULL, &what, &why));
    CU_ASSERT(has(why.detail, p.cert));
    CU_ASSERT_EQUAL(shell("grep -qx mine ca.pem && test ! -e ca.key", p.dir), 0);
    pki_free(&p);
}

static void test_wrong_input(void)
{
    PKI p;
    CMPSRV_SETUP_CERT good = {.subject = "CN=x", .key_type = "ed25519", .validity = HOUR}, bad;
    static const char *const texts[] = {"key type dsa", "", "none.pem", "none.key", "1.2.bad"};

    pki_new(&p, "ec:P-256");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++) {
        CMPSRV_REFUSAL why = {0};
        char cert[64], key[64];

        bad = good;
        snprintf(cert, sizeof(cert), "%s/new.pem", p.dir);
        snprintf(key, sizeof(key), "%s/new.key", p.dir);
        bad.cert_file = cert;
        bad.key_file = key;
        bad.key_type = i == 0 ? "dsa" : good.key_type;
        bad.subject = i == 1 ? "nonsense" : good.subject;
        bad.issuer_cert = i == 2 ? "/nowhere/none.pem" : p.cert;
        bad.issuer_key = i == 3 ? "/nowhere/none.key" : p.key;
        bad.eku = i == 4 ? "1.2.bad" : NULL;
        CU_ASSERT(!cmpsrv_setup_cert(p.libctx, NULL, &bad, &why));
        CU_ASSERT(why.reason != CMPSRV_R_NONE && why.detail[0] != '\0');
        CU_ASSERT(i == 4 || has(why.detail, texts[i]));
        CU_ASSERT(access(cert, F_OK) != 0 && access(key, F_OK) != 0);
    }
    pki_free(&p);
}

static void test_secret(void)
{
    PKI p;
    char file[64], again[64], hex[65] = "";
    CMPSRV_SECRET *a, *b;
    unsigned char octets[32];
    CMPSRV_REFUSAL why = {0};

    pki_place(&p);
    snprintf(file, sizeof(file), "%s/secret", p.dir);
    snprintf(again, sizeof(again), "%s/secret2", p.dir);
    CU_ASSERT_FATAL(cmpsrv_setup_secret(file, NULL) && cmpsrv_setup_secret(again, NULL));
    CU_ASSERT_EQUAL(mode_of(file), 0600);
    a = cmpsrv_secret_from_file(file, NULL);
    b = cmpsrv_secret_from_file(again, NULL);
    CU_ASSERT_FATAL(a != NULL && b != NULL);
    CU_ASSERT_EQUAL(cmpsrv_secret_get0(a).n, 64);
    memcpy(hex, cmpsrv_secret_get0(a).p, 64);
    CU_ASSERT_EQUAL(cmpsrv_unhex(hex, octets, 32), 32);
    CU_ASSERT(!cmpsrv_secret_eq(a, b));
    CU_ASSERT(!cmpsrv_setup_secret(file, &why) && has(why.detail, file));
    cmpsrv_secret_free(b);
    b = cmpsrv_secret_from_file(file, NULL);
    CU_ASSERT(cmpsrv_secret_eq(a, b)); /* untouched */
    cmpsrv_secret_free(a);
    cmpsrv_secret_free(b);
    pki_free(&p);
}

TEST_MAIN("setup", TEST(test_hierarchy), TEST(test_exclusive), TEST(test_wrong_input),
          TEST(test_secret))
