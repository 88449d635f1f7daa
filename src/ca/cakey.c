/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAs and signers from their certificates and OSSL_STORE URIs, once at load: what does not fit is
 * an error with file and line, never a surprise at the first request.
 */
#include "config.h"

#include "ca/ca.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

/* What is being loaded, for errors. */
struct loading {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    const CMPSRV_CONF_CA *ca;
    const CMPSRV_CONF_SIGNER *conf;
    const char *key;  /* "key", "cmp_signer.key" */
    const char *cert; /* "certificate", "cmp_signer.certificate" */
    CMPSRV_CONF_ERRORS *errors;
};

static int load_error(const struct loading *l, const char *setting, const char *what,
                      const char *file)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    cmpsrv_conf_error(l->errors, l->conf->pos.file == NULL ? l->ca->pos : l->conf->pos, "cas",
                      l->ca->name, setting, "%s%s%s%s%s", what, file == NULL ? "" : " ",
                      file == NULL ? "" : file, reason == NULL ? "" : ": ",
                      reason == NULL ? "" : reason);
    ERR_clear_error();
    return 0;
}

/* ---- certificates
 * ------------------------------------------------------------------------------------------- */

static int get_der(const X509 *x, CMPSRV_BYTES *out)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);

    if (n <= 0)
        return 0;
    *out = (CMPSRV_BYTES){der, (size_t)n};
    return 1;
}

/* One certificate above `below`: it must have issued it. The self-signed end is the root, not part
 * of the chain. */
static int add_to_chain(const struct loading *l, CMPSRV_SIGNER *s, X509 *below, X509 *x)
{
    if (X509_check_issued(x, below) != X509_V_OK || X509_verify(below, X509_get0_pubkey(x)) != 1)
        return load_error(l, l->cert, "the chain is out of order, or does not link, in",
                          l->conf->certificate);
    if (X509_check_issued(x, x) == X509_V_OK)
        return get_der(x, &s->root);
    if (s->chain_n == CMPSRV_ARRAY_SIZE(s->chain))
        return load_error(l, l->cert, "more than 10 certificates in the chain in",
                          l->conf->certificate);
    return get_der(x, &s->chain[s->chain_n++]);
}

static int read_certificates(const struct loading *l, CMPSRV_SIGNER *s)
{
    BIO *bio = BIO_new_file(l->conf->certificate, "r");
    X509 *below = NULL, *x;
    int ok = 1;

    if (bio == NULL)
        return load_error(l, l->cert, "cannot read", l->conf->certificate);
    while (ok && (x = X509_new_ex(l->libctx, l->propq)) != NULL) {
        if (PEM_read_bio_X509(bio, &x, NULL, NULL) == NULL) {
            X509_free(x);
            break;
        }
        if (s->cert == NULL) {
            s->cert = x;
            ok = X509_up_ref(x) && get_der(x, &s->der);
        } else {
            ok = add_to_chain(l, s, below, x);
        }
        X509_free(below);
        below = x;
    }
    X509_free(below);
    BIO_free(bio);
    if (ok && s->cert == NULL)
        return load_error(l, l->cert, "no certificate in", l->conf->certificate);
    ERR_clear_error(); /* the end of the file */
    return ok;
}

/* What is taken from the certificate for good. */
static int read_fields(const struct loading *l, CMPSRV_SIGNER *s)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(s->cert);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    CMPSRV_CERT_VIEW view;
    CMPSRV_DERW w = {0};
    CMPSRV_REFUSAL why = {0};

    if (!cmpsrv_cert_view(cmpsrv_bytes_slice(&s->der), &view, &why))
        return load_error(l, l->cert, why.detail, NULL);
    s->not_before = view.not_before;
    s->not_after = view.not_after;
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(4));
    cmpsrv_derw_raw(&w, view.subject);
    cmpsrv_derw_end(&w);
    if (s->root.p == NULL && X509_check_issued(s->cert, s->cert) == X509_V_OK &&
        !cmpsrv_bytes_set(&s->root, cmpsrv_bytes_slice(&s->der)))
        return load_error(l, l->cert, "out of memory", NULL);
    if (ski != NULL) /* else RFC 5280 4.2.1.2 method 1 */
        n = (unsigned)ASN1_STRING_length(ski);
    else if (!X509_pubkey_digest(s->cert, EVP_sha1(), hash, &n))
        return load_error(l, l->cert, "cannot hash its key", NULL);
    if (cmpsrv_derw_finish(&w, &s->sender) && cmpsrv_bytes_set(&s->subject, view.subject) &&
        cmpsrv_bytes_set(&s->ski, cmpsrv_slice(ski == NULL ? hash : ASN1_STRING_get0_data(ski), n)))
        return 1;
    return load_error(l, l->cert, "out of memory", NULL);
}

/* ---- keys
 * -----------------------------------------------------------------------------------------------------
 */

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
    CMPSRV_SLICE s = cmpsrv_secret_get0(arg);

    (void)rwflag;
    if (s.p == NULL || s.n > (size_t)size)
        return -1;
    memcpy(buf, s.p, s.n);
    return (int)s.n;
}

static EVP_PKEY *read_key(const struct loading *l)
{
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
    OSSL_STORE_CTX *store = ui == NULL ? NULL
                                       : OSSL_STORE_open_ex(l->conf->key, l->libctx, l->propq, ui,
                                                            l->conf->passphrase, NULL, NULL, NULL);
    OSSL_STORE_INFO *info;
    EVP_PKEY *key = NULL;

    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
        while (key == NULL && !OSSL_STORE_eof(store) && (info = OSSL_STORE_load(store)) != NULL) {
            key = OSSL_STORE_INFO_get1_PKEY(info);
            OSSL_STORE_INFO_free(info);
        }
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    return key;
}

static int load_signer(const struct loading *l, CMPSRV_SIGNER *s)
{
    CMPSRV_REFUSAL why = {0};

    if (!read_certificates(l, s) || !read_fields(l, s))
        return 0;
    if ((s->key = read_key(l)) == NULL)
        return load_error(l, l->key, "no private key at", l->conf->key);
    if (!X509_check_private_key(s->cert, s->key))
        return load_error(l, l->key, "the key does not fit its certificate", l->conf->certificate);
    if (s->not_after < cmpsrv_time_now())
        return load_error(l, l->cert, "the certificate has expired:", l->conf->certificate);
    if (EVP_PKEY_is_a(s->key, "RSA") && EVP_PKEY_get_bits(s->key) < 2048)
        return load_error(l, l->key, "RSA key below 2048 bits", NULL);
    return cmpsrv_sig_algid(s->key, 0, &s->sig_alg, &why) ||
           load_error(l, l->key, why.detail, NULL);
}

static void clear_signer(CMPSRV_SIGNER *s)
{
    X509_free(s->cert);
    EVP_PKEY_free(s->key);
    cmpsrv_bytes_clear(&s->der);
    cmpsrv_bytes_clear(&s->subject);
    cmpsrv_bytes_clear(&s->sender);
    cmpsrv_bytes_clear(&s->ski);
    cmpsrv_bytes_clear(&s->sig_alg);
    cmpsrv_bytes_clear(&s->root);
    for (size_t i = 0; i < s->chain_n; i++)
        cmpsrv_bytes_clear(&s->chain[i]);
}

/* ---- the CA
 * ------------------------------------------------------------------------------------------------------
 */

static int check_ca(const struct loading *l, const CMPSRV_CA *ca)
{
    X509 *x = ca->issuer.cert;

    if (X509_check_ca(x) != 1)
        return load_error(l, l->cert, "no CA certificate (basicConstraints) in",
                          l->conf->certificate);
    if ((X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0)
        return load_error(l, l->cert, "keyUsage without keyCertSign in", l->conf->certificate);
    return 1;
}

static int load_cmp_signer(struct loading l, CMPSRV_CA *ca, CMPSRV_LOG *log)
{
    if (ca->conf->cmp_signer.certificate == NULL) {
        ca->cmp_signer = &ca->issuer;
        if ((X509_get_key_usage(ca->issuer.cert) & KU_DIGITAL_SIGNATURE) == 0)
            cmpsrv_log(log, CMPSRV_LOG_WARNING,
                       "cas %s: the CA signs messages without digitalSignature in its keyUsage, "
                       "which clients "
                       "refuse: configure cmp_signer",
                       ca->conf->name);
        return 1;
    }
    l.conf = &ca->conf->cmp_signer;
    l.cert = "cmp_signer.certificate";
    l.key = "cmp_signer.key";
    if ((ca->cmp_signer = OPENSSL_zalloc(sizeof(*ca->cmp_signer))) == NULL ||
        !load_signer(&l, ca->cmp_signer))
        return 0;
    if ((X509_get_key_usage(ca->cmp_signer->cert) & KU_DIGITAL_SIGNATURE) == 0)
        return load_error(&l, l.cert, "keyUsage without digitalSignature in", l.conf->certificate);
    return 1;
}

CMPSRV_CA *cmpsrv_ca_load(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CONF_CA *conf,
                          CMPSRV_LOG *log, CMPSRV_CONF_ERRORS *errors)
{
    struct loading l = {libctx, propq, conf, &conf->issuer, "key", "certificate", errors};
    CMPSRV_CA *ca = OPENSSL_zalloc(sizeof(*ca));
    CMPSRV_REFUSAL why = {0};

    if (ca == NULL) {
        load_error(&l, NULL, "out of memory", NULL);
        return NULL;
    }
    ERR_clear_error();
    ca->conf = conf;
    ca->libctx = libctx;
    ca->propq = propq;
    if (load_signer(&l, &ca->issuer) && check_ca(&l, ca) && load_cmp_signer(l, ca, log)) {
        if (cmpsrv_sha256(cmpsrv_bytes_slice(&ca->issuer.der), ca->id) &&
            cmpsrv_sig_algid(ca->issuer.key, conf->signature_digest, &ca->cert_sig_alg, &why))
            return ca;
        load_error(&l, "signature_digest", why.detail, NULL);
    }
    cmpsrv_ca_free(ca);
    return NULL;
}

void cmpsrv_ca_free(CMPSRV_CA *ca)
{
    if (ca == NULL)
        return;
    if (ca->cmp_signer != NULL && ca->cmp_signer != &ca->issuer) {
        clear_signer(ca->cmp_signer);
        OPENSSL_free(ca->cmp_signer);
    }
    clear_signer(&ca->issuer);
    cmpsrv_bytes_clear(&ca->cert_sig_alg);
    OPENSSL_free(ca);
}
