/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads what a CA signs with: certificate and chain from a PEM file, private key by OSSL_STORE URI,
 * and whether they fit each other and their task. Called when a configuration is put to use;
 * everything wrong is a configuration error with its place. A key never leaves its EVP_PKEY.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define MIN_RSA_BITS 2048

/* What a signer is for, which its certificate must allow. */
typedef enum { USE_ISSUER, USE_CMP, USE_TLS } SIGNER_USE;

typedef struct {
    OSSL_LIB_CTX *libctx;
    const char *propq;
    const char *section, *name; /* of the configuration, for errors */
    CMPSRV_CONF_ERRORS *errors;
    int64_t now;
    /* the signer being loaded */
    const CMPSRV_CONF_SIGNER *part;
    const char *certificate, *key; /* as the configuration calls them */
    SIGNER_USE use;
    int signs_crls;
    CMPSRV_SIGNER *signer;
} LOAD;

/* ---- errors ------------------------------------------------------------------------------------
 */

static int wrong(const LOAD *l, const char *key, const char *fmt, ...) CMPSRV_PRINTF(3, 4);
static int wrong(const LOAD *l, const char *key, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cmpsrv_conf_error(l->errors, l->part->pos, l->section, l->name, key, "%s", text);
    ERR_clear_error();
    return 0;
}

/* Why libcrypto did not like it, in its words; empties the error queue. */
static const char *crypto_reason(char out[160])
{
    unsigned long e = ERR_peek_last_error();
    const char *text;

    if (e == 0)
        text = "nothing usable in it";
    else if (ERR_SYSTEM_ERROR(e))
        text = strerror(ERR_GET_REASON(e));
    else if ((text = ERR_reason_error_string(e)) == NULL)
        text = "unknown error";
    snprintf(out, 160, "%s", text);
    ERR_clear_error();
    return out;
}

/* ---- certificates ------------------------------------------------------------------------------
 */

/* The next certificate of the file: 1, 0 at its end, -1 if it is damaged. */
static int read_cert(const LOAD *l, BIO *b, X509 **out)
{
    X509 *x = X509_new_ex(l->libctx, l->propq);
    unsigned long e;

    if (x != NULL && PEM_read_bio_X509(b, &x, NULL, NULL) != NULL) {
        *out = x;
        return 1;
    }
    X509_free(x);
    e = ERR_peek_last_error();
    if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
        return -1;
    ERR_clear_error();
    return 0;
}

static int to_der(X509 *x, CMPSRV_BYTES *out)
{
    unsigned char *p = NULL;
    int n = i2d_X509(x, &p);

    if (n <= 0)
        return 0;
    cmpsrv_bytes_clear(out);
    *out = (CMPSRV_BYTES){p, (size_t)n};
    return 1;
}

/* GeneralName directoryName: [4], EXPLICIT because Name is a CHOICE. */
static int make_sender(CMPSRV_SLICE subject, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(4), subject);
    return cmpsrv_derw_finish(&w, out);
}

static int take_ski(const LOAD *l, CMPSRV_SLICE spki)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(l->signer->cert);
    unsigned char id[CA_KEY_ID];

    if (ski != NULL && ASN1_STRING_length(ski) > 0)
        return cmpsrv_bytes_set(&l->signer->ski, cmpsrv_slice(ASN1_STRING_get0_data(ski),
                                                              (size_t)ASN1_STRING_length(ski)));
    return cmpsrv_ca_key_id(spki, id, NULL) &&
           cmpsrv_bytes_set(&l->signer->ski, cmpsrv_slice(id, sizeof(id)));
}

/* What is needed of the certificate again and again. */
static int take_fields(const LOAD *l)
{
    CMPSRV_SIGNER *s = l->signer;
    CMPSRV_REFUSAL why = {CMPSRV_R_NONE, ""};
    const CMPSRV_CERT_VIEW *v = &s->view;

    if (!to_der(s->cert, &s->der) || !cmpsrv_cert_view(cmpsrv_bytes_slice(&s->der), &s->view, &why))
        return wrong(l, l->certificate, "%s: not a certificate: %s", l->part->certificate,
                     why.detail);
    s->not_before = v->not_before;
    s->not_after = v->not_after;
    (void)cmpsrv_name_hash(v->subject, s->subject_hash, NULL);
    return (cmpsrv_bytes_set(&s->subject, v->subject) && make_sender(v->subject, &s->sender) &&
            take_ski(l, v->spki)) ||
           wrong(l, l->certificate, "out of memory");
}

/* One more certificate of the file, issued to whoever signed `below`. */
static int take_above(const LOAD *l, X509 *below, X509 *x)
{
    CMPSRV_SIGNER *s = l->signer;
    CMPSRV_BYTES *to;
    const char *file = l->part->certificate;

    if (s->root.p != NULL)
        return wrong(l, l->certificate,
                     "%s: a certificate after the self-signed one, which ends "
                     "the chain",
                     file);
    if (x != below && (X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(x)) != 0 ||
                       X509_verify(below, X509_get0_pubkey(x)) != 1))
        return wrong(l, l->certificate,
                     "%s: certificate %zu is not the issuer of the one before it (RFC 5280 6.1)",
                     file, s->chain_n + 2);
    if (X509_self_signed(x, 1) == 1)
        to = &s->root;
    else if (x == below)
        return 1;
    else if (s->chain_n == CMPSRV_ARRAY_SIZE(s->chain))
        return wrong(l, l->certificate, "%s: more than %zu certificates in the chain", file,
                     CMPSRV_ARRAY_SIZE(s->chain));
    else
        to = &s->chain[s->chain_n++];
    ERR_clear_error();
    return to_der(x, to) || wrong(l, l->certificate, "out of memory");
}

static int read_chain(const LOAD *l, BIO *b)
{
    X509 *below = l->signer->cert, *x = NULL;
    int ok = take_above(l, below, below), got = 1;

    X509_up_ref(below);
    while (ok && (got = read_cert(l, b, &x)) == 1) {
        ok = take_above(l, below, x);
        X509_free(below);
        below = x;
        x = NULL;
    }
    X509_free(below);
    if (got < 0)
        return wrong(l, l->certificate, "%s: a damaged certificate in the chain",
                     l->part->certificate);
    return ok;
}

static int read_certificates(const LOAD *l)
{
    const char *file = l->part->certificate;
    BIO *b = BIO_new_file(file, "r");
    char reason[160];
    int ok;

    if (b == NULL)
        return wrong(l, l->certificate, "cannot read %s: %s", file, strerror(errno));
    if ((ok = read_cert(l, b, &l->signer->cert)) == 0)
        wrong(l, l->certificate, "%s: no certificate in it, want PEM", file);
    else if (ok < 0)
        ok = wrong(l, l->certificate, "%s: damaged: %s", file, crypto_reason(reason));
    ok = ok && take_fields(l) && read_chain(l, b);
    BIO_free(b);
    return ok;
}

/* ---- what a certificate must be ----------------------------------------------------------------
 */

static int check_dates(const LOAD *l)
{
    const CMPSRV_SIGNER *s = l->signer;
    char when[25];

    if (l->now < s->not_before)
        return wrong(l, l->certificate, "%s: not valid before %s", l->part->certificate,
                     cmpsrv_time_iso(s->not_before, when));
    if (l->now > s->not_after)
        return wrong(l, l->certificate, "%s: expired at %s", l->part->certificate,
                     cmpsrv_time_iso(s->not_after, when));
    return 1;
}

/* keyUsage; a certificate without the extension may everything. */
static int has_usage(const LOAD *l, uint32_t bit)
{
    return (X509_get_key_usage(l->signer->cert) & bit) != 0;
}

static int check_is_ca(const LOAD *l)
{
    const char *file = l->part->certificate;

    if ((X509_get_extension_flags(l->signer->cert) & EXFLAG_CA) == 0)
        return wrong(l, l->certificate,
                     "%s: not a CA: RFC 5280 4.2.1.9 wants basicConstraints "
                     "with cA",
                     file);
    if (!has_usage(l, KU_KEY_CERT_SIGN))
        return wrong(l, l->certificate, "%s: RFC 5280 4.2.1.3: keyUsage without keyCertSign", file);
    if (l->signs_crls && !has_usage(l, KU_CRL_SIGN))
        return wrong(l, l->certificate,
                     "%s: RFC 5280 4.2.1.3: keyUsage without cRLSign, but crl.file is set", file);
    return 1;
}

static int check_signs_messages(const LOAD *l)
{
    return has_usage(l, KU_DIGITAL_SIGNATURE) ||
           wrong(l, l->certificate,
                 "%s: RFC 9483 3.5: a CMP signer's keyUsage must have digitalSignature",
                 l->part->certificate);
}

/* RFC 5280 4.2.1.12: with extKeyUsage, it has to name what the certificate is used for. */
static int check_serves_tls(const LOAD *l)
{
    uint32_t eku = X509_get_extended_key_usage(l->signer->cert);

    if (!has_usage(l, KU_DIGITAL_SIGNATURE))
        return wrong(l, l->certificate, "%s: a TLS server's keyUsage must have digitalSignature",
                     l->part->certificate);
    return (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0 ||
           wrong(l, l->certificate, "%s: RFC 5280 4.2.1.12: extKeyUsage without serverAuth",
                 l->part->certificate);
}

static int (*const use_checks[])(const LOAD *) = {
    [USE_ISSUER] = check_is_ca,
    [USE_CMP] = check_signs_messages,
    [USE_TLS] = check_serves_tls,
};

static int check_certificate(const LOAD *l)
{
    if ((X509_get_extension_flags(l->signer->cert) & EXFLAG_INVALID) != 0)
        return wrong(l, l->certificate, "%s: damaged extensions", l->part->certificate);
    if (!check_dates(l))
        return 0;
    return use_checks[l->use](l);
}

/* ---- the private key ---------------------------------------------------------------------------
 */

/* Gives the configured passphrase; nothing is ever asked at a terminal. */
static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
    CMPSRV_SLICE s = cmpsrv_secret_get0(arg);

    (void)rwflag;
    if (s.p == NULL || s.n > (size_t)size)
        return -1;
    memcpy(buf, s.p, s.n);
    return (int)s.n;
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

static EVP_PKEY *find_key(OSSL_STORE_CTX *store)
{
    EVP_PKEY *key = NULL;

    if (!OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
        return NULL;
    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
        if (info == NULL && OSSL_STORE_error(store))
            break;
    }
    return key;
}

/* libcrypto reports a wrong passphrase as whatever the wrong octets made it stumble over. */
static const char *passphrase_hint(const LOAD *l)
{
    if (ERR_SYSTEM_ERROR(ERR_peek_last_error()) || ERR_peek_last_error() == 0)
        return "";
    return l->part->passphrase == NULL ? " (no passphrase is configured)"
                                       : " (is the passphrase right?)";
}

static int load_key(const LOAD *l)
{
    CMPSRV_SECRET *pass = l->part->passphrase;
    UI_METHOD *ui =
        UI_UTIL_wrap_read_pem_callback(pass == NULL ? no_passphrase : give_passphrase, 0);
    OSSL_STORE_CTX *store = NULL;
    char reason[160];

    if (ui == NULL)
        return wrong(l, l->key, "out of memory");
    store = OSSL_STORE_open_ex(l->part->key, l->libctx, l->propq, ui, pass, NULL, NULL, NULL);
    if (store != NULL)
        l->signer->key = find_key(store);
    if (l->signer->key == NULL) {
        const char *hint = passphrase_hint(l);

        wrong(l, l->key, "cannot load a private key from %s: %s%s", l->part->key,
              crypto_reason(reason), hint);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    ERR_clear_error(); /* decoders that tried and gave up */
    return l->signer->key != NULL;
}

/* A private half that does not fit, or a token that refuses, shows only when it signs. */
static int check_it_signs(const LOAD *l)
{
    static const unsigned char probe[] = "cmpsrv: does this key sign for this certificate?";
    CMPSRV_SIGNER *s = l->signer;
    CMPSRV_SLICE alg = cmpsrv_bytes_slice(&s->sig_alg), data = cmpsrv_slice(probe, sizeof(probe));
    CMPSRV_BYTES sig = {NULL, 0};
    CMPSRV_REFUSAL why = {CMPSRV_R_NONE, ""};
    int ok =
        (s->sign = cmpsrv_sig_key_new(l->libctx, l->propq, s->key, alg, &why)) != NULL &&
        cmpsrv_sig_key_make(s->sign, data, &sig, &why) &&
        cmpsrv_sig_verify(l->libctx, l->propq, X509_get0_pubkey(s->cert), alg,
                          CMPSRV_MD_SHA224 | CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512,
                          data, cmpsrv_bytes_slice(&sig), CMPSRV_R_BAD_MESSAGE_CHECK, &why);

    cmpsrv_bytes_clear(&sig);
    return ok || wrong(l, l->key, "%s does not sign for %s: %s", l->part->key, l->part->certificate,
                       why.detail);
}

static int check_key(const LOAD *l)
{
    CMPSRV_SIGNER *s = l->signer;
    CMPSRV_REFUSAL why = {CMPSRV_R_NONE, ""};
    EVP_PKEY *public_key = X509_get0_pubkey(s->cert);

    if (public_key == NULL || EVP_PKEY_eq(public_key, s->key) != 1)
        return wrong(l, l->key, "%s does not match the certificate %s", l->part->key,
                     l->part->certificate);
    if (cmpsrv_key_is_rsa(s->key) && EVP_PKEY_get_bits(s->key) < MIN_RSA_BITS)
        return wrong(l, l->key, "%s: RSA with %d bits, want at least %d", l->part->key,
                     EVP_PKEY_get_bits(s->key), MIN_RSA_BITS);
    if (!cmpsrv_sig_algid(s->key, 0, &s->sig_alg, &why))
        return wrong(l, l->key, "%s: %s", l->part->key, why.detail);
    return check_it_signs(l);
}

/* ---- signers and CAs ---------------------------------------------------------------------------
 */

static void clear_signer(CMPSRV_SIGNER *s)
{
    X509_free(s->cert);
    EVP_PKEY_free(s->key);
    cmpsrv_bytes_clear(&s->der);
    cmpsrv_bytes_clear(&s->subject);
    cmpsrv_bytes_clear(&s->sender);
    cmpsrv_bytes_clear(&s->ski);
    cmpsrv_bytes_clear(&s->sig_alg);
    cmpsrv_sig_key_free(s->sign);
    for (size_t i = 0; i < s->chain_n; i++)
        cmpsrv_bytes_clear(&s->chain[i]);
    cmpsrv_bytes_clear(&s->root);
}

void cmpsrv_signer_free(CMPSRV_SIGNER *s)
{
    if (s == NULL)
        return;
    clear_signer(s);
    OPENSSL_free(s);
}

/* The certificate is judged before the key is looked for: its errors explain the key's. */
static int load_signer(const LOAD *l)
{
    return read_certificates(l) && check_certificate(l) && load_key(l) && check_key(l);
}

static int load_issuer(LOAD *l, const CMPSRV_CONF_CA *conf, CMPSRV_CA *ca)
{
    CMPSRV_REFUSAL why = {CMPSRV_R_NONE, ""};

    l->part = &conf->issuer;
    l->certificate = "certificate";
    l->key = "key";
    l->use = USE_ISSUER;
    l->signs_crls = conf->crl_file != NULL;
    l->signer = &ca->issuer;
    if (!load_signer(l))
        return 0;
    if (!cmpsrv_sig_algid(ca->issuer.key, conf->signature_digest, &ca->cert_sig_alg, &why) ||
        (ca->cert_sign = cmpsrv_sig_key_new(l->libctx, l->propq, ca->issuer.key,
                                            cmpsrv_bytes_slice(&ca->cert_sig_alg), &why)) == NULL)
        return wrong(l, "signature_digest", "%s", why.detail);
    return cmpsrv_sha256(cmpsrv_bytes_slice(&ca->issuer.der), ca->id) ||
           wrong(l, l->certificate, "no SHA-256");
}

/* A signer of its own, as l says: allocated, or NULL. */
static CMPSRV_SIGNER *new_signer(LOAD *l)
{
    CMPSRV_SIGNER *s = OPENSSL_zalloc(sizeof(*s));

    l->signer = s;
    if (s == NULL) {
        wrong(l, l->certificate, "out of memory");
        return NULL;
    }
    if (load_signer(l))
        return s;
    cmpsrv_signer_free(s);
    return NULL;
}

static int load_cmp_signer(LOAD *l, const CMPSRV_CONF_CA *conf, CMPSRV_CA *ca)
{
    l->part = &conf->cmp_signer;
    l->certificate = "cmp_signer.certificate";
    l->key = "cmp_signer.key";
    l->use = USE_CMP;
    ca->cmp_signer = l->part->certificate == NULL ? &ca->issuer : new_signer(l);
    return ca->cmp_signer != NULL;
}

static void warn_of_own_signatures(const CMPSRV_CA *ca, CMPSRV_LOG *log)
{
    if (ca->cmp_signer == &ca->issuer &&
        (X509_get_key_usage(ca->issuer.cert) & KU_DIGITAL_SIGNATURE) == 0)
        cmpsrv_log(log, CMPSRV_LOG_WARNING,
                   "CA %s signs CMP messages, but the keyUsage of its certificate has no "
                   "digitalSignature, and clients may refuse them: configure cmp_signer",
                   ca->conf->name);
}

CMPSRV_CA *cmpsrv_ca_load(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CONF_CA *conf,
                          CMPSRV_LOG *log, CMPSRV_CONF_ERRORS *errors)
{
    LOAD l = {.libctx = libctx,
              .propq = propq,
              .section = "cas",
              .name = conf->name,
              .errors = errors,
              .now = cmpsrv_time_now()};
    CMPSRV_CA *ca = OPENSSL_zalloc(sizeof(*ca));
    int ok;

    if (ca == NULL) {
        cmpsrv_conf_error(errors, conf->pos, "cas", conf->name, NULL, "out of memory");
        return NULL;
    }
    ca->conf = conf;
    ca->libctx = libctx;
    ca->propq = propq;
    ok = load_issuer(&l, conf, ca);
    ok = load_cmp_signer(&l, conf, ca) && ok; /* also after an error: one load reports all */
    if (!ok) {
        cmpsrv_ca_free(ca);
        return NULL;
    }
    warn_of_own_signatures(ca, log);
    return ca;
}

void cmpsrv_ca_free(CMPSRV_CA *ca)
{
    if (ca == NULL)
        return;
    if (ca->cmp_signer != &ca->issuer)
        cmpsrv_signer_free(ca->cmp_signer);
    clear_signer(&ca->issuer);
    cmpsrv_bytes_clear(&ca->cert_sig_alg);
    cmpsrv_sig_key_free(ca->cert_sign);
    OPENSSL_free(ca);
}

CMPSRV_SIGNER *cmpsrv_signer_load_tls(OSSL_LIB_CTX *libctx, const char *propq,
                                      const CMPSRV_CONF_SERVER *conf, CMPSRV_CONF_ERRORS *errors)
{
    LOAD l = {.libctx = libctx,
              .propq = propq,
              .section = "server",
              .errors = errors,
              .now = cmpsrv_time_now(),
              .part = &conf->tls,
              .certificate = "tls.certificate",
              .key = "tls.key",
              .use = USE_TLS};

    return new_signer(&l);
}
