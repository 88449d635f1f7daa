/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vendor certificate mode, 3GPP TS 33.310: a device signs its first request with the certificate
 * that its vendor gave it. This file owns the vendors' CAs of a configuration and says whether a
 * signer's certificate is of one of them; eecert.c calls it for certificates that are none of ours.
 * Octets of strangers come to libcrypto after path.c has verified their signatures only. Vendors'
 * CRLs are not asked for, as EJBCA does not.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct cmpsrv_vendor_ca_st {
    const CMPSRV_CONF_VENDOR_CA *conf;
    unsigned char id[CMPSRV_HASH]; /* SHA-256 of the certificate */
    X509 *cert;
    CMPSRV_BYTES der;
    CMPSRV_PATH_CERT anchor; /* the same in slices of `der`, with its key */
};

/* ---- loading -----------------------------------------------------------------------------------
 */

typedef struct load_st {
    const CMPSRV_AUTH_INPUT *in; /* libctx, propq and now only */
    CMPSRV_VENDOR_CA *ca;
    CMPSRV_CONF_ERRORS *errors;
} LOAD;

#define wrong(l, fmt, ...)                                                                         \
    (cmpsrv_conf_error((l)->errors, (l)->ca->conf->pos, "vendor_cas", (l)->ca->conf->name,         \
                       "certificate", "%s: " fmt, (l)->ca->conf->certificate, __VA_ARGS__),        \
     ERR_clear_error(), 0)

/* 1, 0 at the end of the file, -1 a certificate that is damaged. */
static int read_cert(const LOAD *l, BIO *b, X509 **out)
{
    X509 *x = X509_new_ex(l->in->libctx, l->in->propq);

    if (x != NULL && PEM_read_bio_X509(b, &x, NULL, NULL) != NULL) {
        *out = x;
        return 1;
    }
    X509_free(x);
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0 : -1;
}

static int take_certificate(const LOAD *l)
{
    CMPSRV_VENDOR_CA *ca = l->ca;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW view;
    unsigned char *der = NULL;
    int n = i2d_X509(ca->cert, &der);

    if (n <= 0)
        return wrong(l, "%s", "out of memory");
    ca->der = (CMPSRV_BYTES){der, (size_t)n};
    if (!cmpsrv_cert_view(cmpsrv_bytes_slice(&ca->der), &view, &why) ||
        !cmpsrv_path_cert_read(&view, &ca->anchor) ||
        !cmpsrv_path_cert_decode_key(l->in, &ca->anchor, &why))
        return wrong(l, "cannot be used: %s", why.reason ? why.detail : "its names are damaged");
    return cmpsrv_sha256(cmpsrv_bytes_slice(&ca->der), ca->id) ||
           wrong(l, "%s", "cannot be hashed");
}

/* What follows in the file: each the issuer of the one before. Nothing is built on it. */
static int check_above(const LOAD *l, BIO *b)
{
    X509 *below = l->ca->cert, *x = NULL;
    int got = 1, ok = 1;

    X509_up_ref(below);
    for (int n = 2; ok && (got = read_cert(l, b, &x)) == 1; n++) {
        if (X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(x)) != 0 ||
            X509_verify(below, X509_get0_pubkey(x)) != 1)
            ok =
                wrong(l, "certificate %d is not the issuer of the one before it (RFC 5280 6.1)", n);
        X509_free(below);
        below = x;
        x = NULL;
    }
    X509_free(below);
    ERR_clear_error();
    return ok && (got == 0 || wrong(l, "%s", "a damaged certificate after the first"));
}

static int read_file(const LOAD *l)
{
    BIO *b = BIO_new_file(l->ca->conf->certificate, "r");
    int ok;

    if (b == NULL)
        return wrong(l, "cannot be read: %s", strerror(errno));
    ok = read_cert(l, b, &l->ca->cert) == 1 || wrong(l, "%s", "no PEM certificate in the file");
    ok = ok && take_certificate(l) && check_above(l, b);
    BIO_free(b);
    return ok;
}

static int check_is_ca(const LOAD *l)
{
    const CMPSRV_CERT_VIEW *view = &l->ca->anchor.view;
    uint32_t flags = X509_get_extension_flags(l->ca->cert);
    char when[25];

    if ((flags & EXFLAG_INVALID) != 0)
        return wrong(l, "%s", "damaged extensions");
    if ((flags & EXFLAG_CA) == 0)
        return wrong(l, "%s", "not a CA: RFC 5280 4.2.1.9 wants basicConstraints with cA");
    if ((X509_get_key_usage(l->ca->cert) & KU_KEY_CERT_SIGN) == 0)
        return wrong(l, "%s", "RFC 5280 4.2.1.3: keyUsage without keyCertSign");
    if (l->in->now < view->not_before)
        return wrong(l, "not valid before %s", cmpsrv_time_iso(view->not_before, when));
    return l->in->now <= view->not_after ||
           wrong(l, "expired at %s", cmpsrv_time_iso(view->not_after, when));
}

CMPSRV_VENDOR_CA *cmpsrv_vendor_ca_load(OSSL_LIB_CTX *libctx, const char *propq,
                                        const CMPSRV_CONF_VENDOR_CA *conf, int64_t now,
                                        CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_AUTH_INPUT in = {.libctx = libctx, .propq = propq, .now = now};
    LOAD l = {.in = &in, .ca = OPENSSL_zalloc(sizeof(*l.ca)), .errors = errors};

    if (l.ca == NULL) {
        cmpsrv_conf_error(errors, conf->pos, "vendor_cas", conf->name, NULL, "out of memory");
        return NULL;
    }
    l.ca->conf = conf;
    if (read_file(&l) && check_is_ca(&l))
        return l.ca;
    cmpsrv_vendor_ca_free(l.ca);
    return NULL;
}

void cmpsrv_vendor_ca_free(CMPSRV_VENDOR_CA *ca)
{
    if (ca == NULL)
        return;
    EVP_PKEY_free(ca->anchor.key);
    X509_free(ca->cert);
    cmpsrv_bytes_clear(&ca->der);
    OPENSSL_free(ca);
}

/* ---- which messages ----------------------------------------------------------------------------
 */

static int is_initial(int body)
{
    return body == CMPSRV_BODY_IR || body == CMPSRV_BODY_CR;
}

int cmpsrv_vendor_may_sign(const CMPSRV_CONF_ALIAS *alias, int body, int is_first,
                           const CMPSRV_TXN *txn)
{
    if (!alias->vendor_mode || alias->ra_mode)
        return 0;
    return is_first ? is_initial(body) : txn != NULL && is_initial((int)txn->body_type);
}

/* The certificate has opened the transaction, so its path was good then; the message that goes on
 * may come without what stands between. */
static int is_proven_by_transaction(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view)
{
    const CMPSRV_TXN *txn = in->txn;
    unsigned char hash[CMPSRV_HASH];

    return !in->is_first && txn != NULL && txn->kind == CMPSRV_PROTECTION_SIGNATURE &&
           cmpsrv_slice_eq(cmpsrv_bytes_slice(&txn->signer), view->der) &&
           cmpsrv_sha256(view->der, hash) && memcmp(hash, txn->identity, CMPSRV_HASH) == 0;
}

/* ---- whose certificate it is -------------------------------------------------------------------
 */

/* The i-th vendor CA of the alias, NULL behind the last. */
static const CMPSRV_VENDOR_CA *vendor_of(const CMPSRV_AUTH_INPUT *in, size_t i)
{
    for (size_t k = 0; i < in->alias->vendor_cas.n && k < in->vendor_cas_n; k++)
        if (strcmp(in->vendor_cas[k]->conf->name, in->alias->vendor_cas.v[i]) == 0)
            return in->vendor_cas[k];
    return NULL;
}

/* A place in the table of paths for what the path was judged by: aliases differ in it. */
static int make_key(const CMPSRV_AUTH_INPUT *in, const CMPSRV_VENDOR_CA *ca, CMPSRV_SLICE der,
                    unsigned char key[CMPSRV_HASH])
{
    struct {
        unsigned char ca[CMPSRV_HASH], cert[CMPSRV_HASH];
        int64_t digests, rsa_bits;
    } all = {.digests = in->alias->signature_digests, .rsa_bits = in->alias->min_rsa_bits};

    memcpy(all.ca, ca->id, CMPSRV_HASH);
    return cmpsrv_sha256(der, all.cert) &&
           cmpsrv_sha256(cmpsrv_slice((const unsigned char *)&all, sizeof(all)), key);
}

static X509 *get1_known(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                        const CMPSRV_VENDOR_CA **ca)
{
    unsigned char key[CMPSRV_HASH];
    X509 *cert = NULL;

    for (size_t i = 0; cert == NULL && (*ca = vendor_of(in, i)) != NULL; i++)
        if (make_key(in, *ca, view->der, key))
            cert = cmpsrv_chains_get1(in->chains, key, in->now);
    return cert;
}

/* The CAs between, decoded. */
static STACK_OF(X509) * decode_between(const CMPSRV_PATHS *p, const CMPSRV_PATH_CERT *anchor)
{
    STACK_OF(X509) *between = sk_X509_new_null();
    X509 *x;

    for (const CMPSRV_PATH_CERT *c = p->v[0].by; between != NULL && c != anchor; c = c->by)
        if ((x = cmpsrv_chain_decode(p->in, c->view.der)) == NULL || !sk_X509_push(between, x)) {
            X509_free(x);
            sk_X509_pop_free(between, X509_free);
            return NULL;
        }
    return between;
}

/* When all certificates of the path are valid. */
static void find_validity(const CMPSRV_PATHS *p, int64_t *from, int64_t *until)
{
    *from = p->v[0].view.not_before;
    *until = p->v[0].view.not_after;
    for (const CMPSRV_PATH_CERT *c = p->v[0].by; c != NULL; c = c->by) {
        if (c->view.not_before > *from)
            *from = c->view.not_before;
        if (c->view.not_after < *until)
            *until = c->view.not_after;
    }
}

/* All signatures of the path are good: the rest of RFC 5280 6. */
static X509 *validate(CMPSRV_PATHS *p, const CMPSRV_VENDOR_CA *ca)
{
    const CMPSRV_CERT_VIEW *view = &p->v[0].view;
    STACK_OF(X509) *between = decode_between(p, &ca->anchor);
    X509 *cert = cmpsrv_chain_decode(p->in, view->der);
    CMPSRV_REFUSAL why = {0};
    unsigned char key[CMPSRV_HASH];
    int64_t from, until;
    int ok = 0;

    if (cert == NULL || between == NULL || (X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
        cmpsrv_refuse(&why, CMPSRV_R_SIGNER_NOT_TRUSTED, "a certificate is not readable");
    else
        ok = cmpsrv_chain_verify(p->in, ca->cert, between, cert, &why);
    find_validity(p, &from, &until);
    if (ok && make_key(p->in, ca, view->der, key))
        cmpsrv_chains_put(p->in->chains, key, cert, from, until);
    sk_X509_pop_free(between, X509_free);
    if (ok)
        return cert;
    X509_free(cert);
    p->problem = why;
    return NULL;
}

static int is_valid_now(const CMPSRV_AUTH_INPUT *in, const CMPSRV_VENDOR_CA *ca)
{
    return ca->anchor.view.not_before <= in->now && in->now <= ca->anchor.view.not_after;
}

static X509 *search(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                    const CMPSRV_VENDOR_CA **ca, CMPSRV_REFUSAL *why)
{
    CMPSRV_PATHS paths;
    X509 *cert = NULL;

    if (!cmpsrv_paths_init(&paths, in, view)) {
        cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                      "the names in the signer's certificate are damaged");
        return NULL;
    }
    for (size_t i = 0; cert == NULL && (*ca = vendor_of(in, i)) != NULL; i++)
        if (is_valid_now(in, *ca) && cmpsrv_paths_find(&paths, &(*ca)->anchor))
            cert = validate(&paths, *ca);
    if (cert == NULL && paths.problem.reason == CMPSRV_R_SYSTEM_FAILURE)
        *why = paths.problem;
    else if (cert == NULL)
        cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                      "RFC 5280 6: no path from the signer's certificate to a vendor CA of alias "
                      "%s%s%.200s",
                      in->alias->name, paths.problem.reason != CMPSRV_R_NONE ? ": " : "",
                      paths.problem.detail);
    cmpsrv_paths_clear(&paths);
    return cert;
}

X509 *cmpsrv_vendor_check(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                          const CMPSRV_CONF_VENDOR_CA **vendor, CMPSRV_REFUSAL *why)
{
    const CMPSRV_VENDOR_CA *ca = NULL;
    X509 *cert;

    if (cmpsrv_path_may_be_ca(view)) {
        cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                      "the signer is a CA of a vendor, want a device");
        return NULL;
    }
    if (!cmpsrv_chain_check_dates(in, view, why))
        return NULL;
    if ((cert = get1_known(in, view, &ca)) == NULL)
        cert = is_proven_by_transaction(in, view) ? cmpsrv_chain_decode(in, view->der)
                                                  : search(in, view, &ca, why);
    *vendor = cert == NULL || ca == NULL ? NULL : ca->conf;
    return cert;
}
