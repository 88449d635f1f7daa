/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a CA: what is taken over, and every way in which files do not fit. */
#include "config.h"

#include "pki.h"

#include <fcntl.h>
#include <sys/stat.h>

static char path_buf[8][96];

/* DIR/name; lives until the eighth call after it. */
static char *at(const PKI *p, const char *name)
{
    static unsigned n;
    char *s = path_buf[n++ % 8];

    snprintf(s, sizeof(path_buf[0]), "%s/%s", p->dir, name);
    return s;
}

static char *uri(const PKI *p, const char *name)
{
    static char s[2][96];
    static unsigned n;

    n++;
    snprintf(s[n % 2], sizeof(s[0]), "file:%s/%s", p->dir, name);
    return s[n % 2];
}

/* NAME.pem and NAME.key, issued by ISSUER.pem (NULL: self-signed), with CHAIN after it. */
static void make(PKI *p, const char *name, const char *issuer, const char *chain, int is_ca)
{
    char cert[16], key[16], icert[16], ikey[16], subject[32];

    snprintf(cert, sizeof(cert), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    snprintf(icert, sizeof(icert), "%s.pem", issuer == NULL ? "" : issuer);
    snprintf(ikey, sizeof(ikey), "%s.key", issuer == NULL ? "" : issuer);
    snprintf(subject, sizeof(subject), "CN=%s", name);
    CU_ASSERT_FATAL(
        setup(p->libctx, (CMPSRV_SETUP_CERT){.subject = subject,
                                             .key_type = "ec:P-256",
                                             .is_ca = is_ca,
                                             .eku = is_ca ? NULL : "1.3.6.1.5.5.7.3.27",
                                             .validity = 100 * HOUR,
                                             .cert_file = at(p, cert),
                                             .key_file = at(p, key),
                                             .append_chain = chain == NULL ? NULL : at(p, chain),
                                             .issuer_cert = issuer == NULL ? NULL : at(p, icert),
                                             .issuer_key = issuer == NULL ? NULL : at(p, ikey)}));
}

static EVP_PKEY *read_key(const char *file)
{
    BIO *b = BIO_new_file(file, "r");
    EVP_PKEY *k = b == NULL ? NULL : PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

    BIO_free(b);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    return k;
}

static X509 *read_x509(const char *file)
{
    BIO *b = BIO_new_file(file, "r");
    X509 *x = b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);

    BIO_free(b);
    CU_ASSERT_PTR_NOT_NULL_FATAL(x);
    return x;
}

static void replace_extension(X509 *x, int nid, const char *value)
{
    int i = X509_get_ext_by_NID(x, nid, -1);
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    if (i >= 0)
        X509_EXTENSION_free(X509_delete_ext(x, i));
    if (value == NULL)
        return;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CU_ASSERT_FATAL(e != NULL && X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

/* Signs x again with key and writes both over the CA's files. */
static void write_ca(const PKI *p, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(p->cert, "w");

    CU_ASSERT_FATAL(X509_sign(x, key, EVP_sha256()) > 0);
    CU_ASSERT_FATAL(f != NULL && PEM_write_X509(f, x));
    fclose(f);
    f = fopen(p->key, "w");
    CU_ASSERT_FATAL(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
}

/* Loading fails with exactly one error, which has these parts. */
static void fails(PKI *p, const char *where, const char *what)
{
    CU_ASSERT_PTR_NULL(pki_load(p));
    CU_ASSERT_EQUAL(p->errors.n, 1);
    CU_ASSERT(has(p->errors.n > 0 ? p->errors.v[0] : NULL, where));
    CU_ASSERT(has(p->errors.n > 0 ? p->errors.v[0] : NULL, what));
}

/* ---- what is taken over -------------------------------------------------------------------------
 */

static void check_signer(const CMPSRV_SIGNER *s, const char *file)
{
    X509 *x = read_x509(file);
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    GENERAL_NAME *g;
    const unsigned char *q = s->sender.p;

    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&s->der), cmpsrv_slice(der, (size_t)n)));
    OPENSSL_free(der);
    der = NULL;
    n = i2d_X509_NAME(X509_get_subject_name(x), &der);
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&s->subject), cmpsrv_slice(der, (size_t)n)));
    OPENSSL_free(der);
    g = d2i_GENERAL_NAME(NULL, &q, (long)s->sender.n);
    CU_ASSERT_FATAL(g != NULL && q == s->sender.p + s->sender.n && g->type == GEN_DIRNAME);
    CU_ASSERT(X509_NAME_cmp(g->d.directoryName, X509_get_subject_name(x)) == 0);
    GENERAL_NAME_free(g);
    CU_ASSERT(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), (time_t)(s->not_before / 1000)) == 0);
    CU_ASSERT(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), (time_t)(s->not_after / 1000)) == 0);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(s->key, X509_get0_pubkey(x)), 1);
    CU_ASSERT(s->ski.n == 20 &&
              memcmp(s->ski.p, ASN1_STRING_get0_data(X509_get0_subject_key_id(x)), 20) == 0);
    X509_free(x);
}

static int is_cert(const CMPSRV_BYTES *b, const char *file)
{
    X509 *x = read_x509(file);
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der),
        ok = cmpsrv_slice_eq(cmpsrv_bytes_slice(b), cmpsrv_slice(der, (size_t)n));

    OPENSSL_free(der);
    X509_free(x);
    return ok;
}

static void test_fields(void)
{
    PKI p;
    X509 *x;
    EVP_PKEY *key;
    unsigned char id[32], sha1[20];

    pki_new(&p, "ec:P-384");
    check_signer(&p.ca->issuer, p.cert);
    CU_ASSERT(p.ca->cmp_signer == &p.ca->issuer && p.ca->conf == &p.conf);
    CU_ASSERT(cmpsrv_sha256(cmpsrv_bytes_slice(&p.ca->issuer.der), id) &&
              memcmp(id, p.ca->id, 32) == 0);
    CU_ASSERT_EQUAL(p.ca->issuer.chain_n, 0);
    CU_ASSERT(is_cert(&p.ca->issuer.root, p.cert));
    x = read_x509(p.cert); /* without subjectKeyIdentifier: SHA-1 of its key */
    key = read_key(p.key);
    replace_extension(x, NID_subject_key_identifier, NULL);
    write_ca(&p, x, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(&p));
    X509_pubkey_digest(x, EVP_sha1(), sha1, NULL);
    CU_ASSERT(p.ca->issuer.ski.n == 20 && memcmp(p.ca->issuer.ski.p, sha1, 20) == 0);
    EVP_PKEY_free(key);
    X509_free(x);
    pki_free(&p);
}

static void test_chain(void)
{
    PKI p;

    pki_place(&p);
    make(&p, "root", NULL, NULL, 1);
    make(&p, "mid", "root", "root.pem", 1);
    make(&p, "ca", "mid", "mid.pem", 1);
    make(&p, "signer", "ca", "ca.pem", 0);
    p.conf.cmp_signer.certificate = at(&p, "signer.pem");
    p.conf.cmp_signer.key = uri(&p, "signer.key");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(&p));
    check_signer(&p.ca->issuer, p.cert);
    CU_ASSERT_EQUAL_FATAL(p.ca->issuer.chain_n, 1);
    CU_ASSERT(is_cert(&p.ca->issuer.chain[0], at(&p, "mid.pem")));
    CU_ASSERT(is_cert(&p.ca->issuer.root, at(&p, "root.pem")));
    CU_ASSERT_FATAL(p.ca->cmp_signer != &p.ca->issuer);
    check_signer(p.ca->cmp_signer, at(&p, "signer.pem"));
    CU_ASSERT_EQUAL_FATAL(p.ca->cmp_signer->chain_n, 2);
    CU_ASSERT(is_cert(&p.ca->cmp_signer->chain[0], p.cert));
    CU_ASSERT(is_cert(&p.ca->cmp_signer->chain[1], at(&p, "mid.pem")));
    CU_ASSERT(is_cert(&p.ca->cmp_signer->root, at(&p, "root.pem")));
    pki_free(&p);
}

static void test_bad_chains(void)
{
    PKI p;
    char cmd[400];

    pki_place(&p);
    make(&p, "root", NULL, NULL, 1);
    make(&p, "other", NULL, NULL, 1);
    make(&p, "mid", "root", NULL, 1);
    make(&p, "ca", "mid", "root.pem", 1); /* mid is missing */
    fails(&p, "cmpsrv.yaml:8: cas Test CA: certificate:", "certificate 2 is not the issuer");
    snprintf(cmd, sizeof(cmd), "cd %s && rm ca.*", p.dir);
    CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
    snprintf(cmd, sizeof(cmd), "cd %s && cat root.pem other.pem >two.pem", p.dir);
    CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
    make(&p, "ca", "root", "two.pem", 1);
    fails(&p, ": certificate:", "after the self-signed one");
    /* the right name, another key */
    snprintf(cmd, sizeof(cmd), "cd %s && rm ca.* && mv root.pem old.pem && rm root.key", p.dir);
    CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
    make(&p, "root", NULL, NULL, 1);
    make(&p, "ca", "root", "old.pem", 1);
    fails(&p, ": certificate:", "certificate 2 is not the issuer");
    snprintf(cmd, sizeof(cmd),
             "cd %s && rm ca.* && (echo '-----BEGIN CERTIFICATE-----'; echo MIIB;"
             " echo '-----END CERTIFICATE-----') >junk.pem",
             p.dir);
    CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
    make(&p, "ca", "root", "junk.pem", 1);
    fails(&p, ": certificate:", "damaged certificate in the chain");
    pki_free(&p);
}

static void test_long_chain(void)
{
    PKI p;
    char name[16] = "c0", above[16], chain[24];

    pki_place(&p);
    make(&p, "c0", NULL, NULL, 1);
    for (int i = 1; i <= 12; i++) {
        strcpy(above, name);
        snprintf(name, sizeof(name), "c%d", i);
        snprintf(chain, sizeof(chain), "%s.pem", above);
        make(&p, name, above, chain, 1);
    }
    p.conf.issuer.certificate = at(&p, "c11.pem"); /* ten above it and the root */
    p.conf.issuer.key = uri(&p, "c11.key");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pki_load(&p));
    CU_ASSERT(p.ca->issuer.chain_n == 10 && p.ca->issuer.root.p != NULL);
    p.conf.issuer.certificate = at(&p, "c12.pem");
    p.conf.issuer.key = uri(&p, "c12.key");
    fails(&p, ": certificate:", "more than 10 certificates");
    pki_free(&p);
}

/* ---- what does not fit --------------------------------------------------------------------------
 */

static void test_files(void)
{
    PKI p;
    FILE *f;

    pki_new(&p, "ec:P-256");
    p.conf.issuer.key = uri(&p, "none.key");
    fails(&p, "cmpsrv.yaml:8: cas Test CA: key:", "none.key");
    p.conf.issuer.key = uri(&p, "ca.pem"); /* a certificate is no key */
    fails(&p, ": key:", "cannot load a private key");
    p.conf.issuer.key = p.uri;
    p.conf.issuer.certificate = at(&p, "none.pem");
    fails(&p, ": certificate:", "No such file");
    p.conf.issuer.certificate = p.key;
    fails(&p, ": certificate:", "no certificate in it");
    CU_ASSERT_FATAL((f = fopen(at(&p, "junk.pem"), "w")) != NULL);
    fputs("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", f);
    fclose(f);
    p.conf.issuer.certificate = at(&p, "junk.pem");
    fails(&p, ": certificate:", "damaged");
    p.conf.issuer.certificate = p.cert;
    CU_ASSERT_PTR_NOT_NULL(pki_load(&p));
    CU_ASSERT_EQUAL(p.errors.n, 0);
    make(&p, "other", NULL, NULL, 1);
    p.conf.issuer.key = uri(&p, "other.key");
    fails(&p, ": key:", "does not match the certificate");
    pki_free(&p);
}

static void test_all_errors_at_once(void)
{
    PKI p;

    pki_place(&p);
    p.conf.cmp_signer.certificate = at(&p, "none.pem");
    p.conf.cmp_signer.key = uri(&p, "none.key");
    CU_ASSERT_PTR_NULL(pki_load(&p));
    CU_ASSERT_EQUAL_FATAL(p.errors.n, 2);
    CU_ASSERT(has(p.errors.v[0], "cmpsrv.yaml:8: cas Test CA: certificate:"));
    CU_ASSERT(has(p.errors.v[1], "cmpsrv.yaml:9: cas Test CA: cmp_signer.certificate:"));
    pki_free(&p);
}

static void not_yet(X509 *x)
{
    X509_gmtime_adj(X509_getm_notBefore(x), 3600);
}
static void expired(X509 *x)
{
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), -3600);
}
static void no_ca(X509 *x)
{
    replace_extension(x, NID_basic_constraints, "critical,CA:FALSE");
}
static void no_constraints(X509 *x)
{
    replace_extension(x, NID_basic_constraints, NULL);
}
static void no_cert_sign(X509 *x)
{
    replace_extension(x, NID_key_usage, "critical,digitalSignature,cRLSign");
}
static void no_crl_sign(X509 *x)
{
    replace_extension(x, NID_key_usage, "critical,keyCertSign");
}

static void test_unfit_certificates(void)
{
    static const struct {
        void (*spoil)(X509 *x);
        const char *text;
    } t[] = {{not_yet, "not valid before"},
             {expired, "expired at"},
             {no_ca, "not a CA"},
             {no_constraints, "not a CA"},
             {no_cert_sign, "without keyCertSign"},
             {no_crl_sign, "without cRLSign"}};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        PKI p;
        X509 *x;
        EVP_PKEY *key;

        pki_new(&p, "ec:P-256");
        x = read_x509(p.cert);
        key = read_key(p.key);
        t[i].spoil(x);
        write_ca(&p, x, key);
        p.conf.crl_file = p.crl;
        fails(&p, ": certificate:", t[i].text);
        X509_free(x);
        EVP_PKEY_free(key);
        pki_free(&p);
    }
}

static void test_short_rsa(void)
{
    PKI p;
    X509 *x;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);

    pki_new(&p, "ec:P-256");
    x = read_x509(p.cert);
    CU_ASSERT_FATAL(key != NULL && X509_set_pubkey(x, key));
    write_ca(&p, x, key);
    fails(&p, ": key:", "RSA with 1024 bits");
    X509_free(x);
    EVP_PKEY_free(key);
    pki_free(&p);
}

static void test_cmp_signer_usage(void)
{
    PKI p;

    pki_new(&p, "ec:P-256");
    make(&p, "sub", "ca", NULL, 1); /* keyCertSign and cRLSign only */
    p.conf.cmp_signer.certificate = at(&p, "sub.pem");
    p.conf.cmp_signer.key = uri(&p, "sub.key");
    fails(&p, "cmpsrv.yaml:9: cas Test CA: cmp_signer.certificate:", "must have digitalSignature");
    p.conf.cmp_signer.key = p.uri;
    p.conf.cmp_signer.certificate = at(&p, "signer.pem");
    make(&p, "signer", "ca", NULL, 0);
    fails(&p, "cmpsrv.yaml:9: cas Test CA: cmp_signer.key:", "does not match");
    pki_free(&p);
}

/* ---- passphrases --------------------------------------------------------------------------------
 */

static void test_passphrase(void)
{
    PKI p;
    EVP_PKEY *key;
    FILE *f;
    char pass[] = "correct horse";

    pki_new(&p, "rsa:2048");
    key = read_key(p.key);
    f = fopen(p.key, "w");
    CU_ASSERT_FATAL(f != NULL && PEM_write_PKCS8PrivateKey(f, key, EVP_aes_256_cbc(), pass,
                                                           (int)strlen(pass), NULL, NULL));
    fclose(f);
    p.conf.issuer.passphrase = cmpsrv_secret_new(pass, strlen(pass));
    CU_ASSERT_PTR_NOT_NULL(pki_load(&p));
    CU_ASSERT_EQUAL(p.errors.n, 0);
    cmpsrv_secret_free(p.conf.issuer.passphrase);
    p.conf.issuer.passphrase = cmpsrv_secret_new("wrong horse", 11);
    fails(&p, ": key:", "is the passphrase right?");
    CU_ASSERT_PTR_NULL(strstr(p.errors.v[0], "horse"));
    cmpsrv_secret_free(p.conf.issuer.passphrase);
    p.conf.issuer.passphrase = NULL;
    fails(&p, ": key:", "no passphrase is configured");
    EVP_PKEY_free(key);
    pki_free(&p);
}

/* ---- the warning --------------------------------------------------------------------------------
 */

/* What is logged when the CA is loaded. */
static void load_logged(PKI *p, char *text, size_t size)
{
    int fd = open(at(p, "log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CMPSRV_LOG *log = cmpsrv_log_new(CMPSRV_LOG_INFO, fd);
    ssize_t n;

    cmpsrv_ca_free(p->ca);
    p->ca = cmpsrv_ca_load(p->libctx, NULL, &p->conf, log, &p->errors);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->ca);
    cmpsrv_log_free(log);
    n = pread(fd, text, size - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    close(fd);
}

static void test_warning(void)
{
    PKI p;
    X509 *x;
    EVP_PKEY *key;
    char text[512];

    pki_new(&p, "ec:P-256");
    load_logged(&p, text, sizeof(text));
    CU_ASSERT(has(text, "Test CA") && has(text, "digitalSignature") &&
              has(text, "configure cmp_signer"));
    make(&p, "signer", "ca", NULL, 0);
    p.conf.cmp_signer.certificate = at(&p, "signer.pem");
    p.conf.cmp_signer.key = uri(&p, "signer.key");
    load_logged(&p, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    p.conf.cmp_signer = (CMPSRV_CONF_SIGNER){0};
    x = read_x509(p.cert);
    key = read_key(p.key);
    replace_extension(x, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign");
    write_ca(&p, x, key);
    load_logged(&p, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    X509_free(x);
    EVP_PKEY_free(key);
    pki_free(&p);
}

TEST_MAIN("cakey", TEST(test_fields), TEST(test_chain), TEST(test_bad_chains),
          TEST(test_long_chain), TEST(test_files), TEST(test_all_errors_at_once),
          TEST(test_unfit_certificates), TEST(test_short_rsa), TEST(test_cmp_signer_usage),
          TEST(test_passphrase), TEST(test_warning))
