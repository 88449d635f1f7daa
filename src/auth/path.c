/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds how a stranger's certificate comes from a CA that is trusted, through the certificates that
 * the message brings along. Called by vendor.c, and works on slices: names and key identifiers say
 * what may belong together, then signatures are verified from the trusted CA downwards, each
 * certificate once, so that no key is decoded and nothing reaches libcrypto's X.509 that the CA, or
 * a CA below it, has not signed. Loops end by that, and the work has a bound whatever is sent. What
 * else RFC 5280 6 asks of a path is left to libcrypto, which sees this one path only.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <string.h>

#include <openssl/evp.h>

enum {
    MAX_DEPTH = 10,         /* certificates below the trusted CA */
    MAX_VERIFICATIONS = 32, /* of signatures of certificates, for one message */
    KEY_CERT_SIGN = 0x04    /* keyUsage bit 5, in the first octet */
};

/* ---- one certificate ---------------------------------------------------------------------------
 */

/* basicConstraints with cA, RFC 5280 4.2.1.9: 1, 0, -1 it is damaged. */
static int has_ca_flag(const CMPSRV_CERT_VIEW *view)
{
    CMPSRV_SLICE value, seq, flag;
    int critical;
    int found =
        cmpsrv_extension_find(view->extensions, CMPSRV_OID_BASIC_CONSTRAINTS, &critical, &value);

    if (found != 1)
        return found;
    if (!cmpsrv_der_get(&value, DER_SEQUENCE, &seq) || value.n > 0 ||
        !cmpsrv_der_opt(&seq, DER_BOOLEAN, &flag))
        return -1;
    return flag.n == 1 && flag.p[0] != 0;
}

int cmpsrv_path_may_be_ca(const CMPSRV_CERT_VIEW *view)
{
    return has_ca_flag(view) != 0;
}

/* RFC 5280 4.2.1.3: without the extension it may everything. */
static int may_sign_certificates(const CMPSRV_CERT_VIEW *view)
{
    CMPSRV_SLICE value, bits;
    int critical;
    int found = cmpsrv_extension_find(view->extensions, CMPSRV_OID_KEY_USAGE, &critical, &value);

    return found == 0 || (found == 1 && cmpsrv_der_get(&value, DER_BIT_STRING, &bits) &&
                          bits.n >= 2 && (bits.p[1] & KEY_CERT_SIGN) != 0);
}

static CMPSRV_SLICE authority_key_id(const CMPSRV_CERT_VIEW *view)
{
    CMPSRV_SLICE value, seq, id;
    int critical;

    if (cmpsrv_extension_find(view->extensions, CMPSRV_OID_AUTHORITY_KEY_ID, &critical, &value) ==
            1 &&
        cmpsrv_der_get(&value, DER_SEQUENCE, &seq) && cmpsrv_der_opt(&seq, DER_CONTEXT(0), &id))
        return id;
    return cmpsrv_slice(NULL, 0);
}

int cmpsrv_path_cert_read(const CMPSRV_CERT_VIEW *view, CMPSRV_PATH_CERT *out)
{
    memset(out, 0, sizeof(*out));
    out->view = *view;
    out->aki = authority_key_id(view);
    if (!cmpsrv_cert_ski(view, &out->ski))
        out->ski = cmpsrv_slice(NULL, 0);
    return cmpsrv_name_hash(view->subject, out->subject, NULL) &&
           cmpsrv_name_hash(view->issuer, out->issuer, NULL);
}

int cmpsrv_path_cert_decode_key(const CMPSRV_AUTH_INPUT *in, CMPSRV_PATH_CERT *cert,
                                CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE spki = cert->view.spki, content;
    char name[32];

    return cmpsrv_der_get(&spki, DER_SEQUENCE, &content) &&
           cmpsrv_pubkey_decode(in->libctx, in->propq, in->curves, content, &cert->key, name, why);
}

/* ---- what may belong together ------------------------------------------------------------------
 */

/* By names, and by key identifiers where both have one. */
static int may_have_issued(const CMPSRV_PATH_CERT *ca, const CMPSRV_PATH_CERT *cert)
{
    return memcmp(ca->subject, cert->issuer, CMPSRV_HASH) == 0 &&
           (ca->ski.n == 0 || cert->aki.n == 0 || cmpsrv_slice_eq(ca->ski, cert->aki));
}

static int may_stand_between(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view)
{
    return has_ca_flag(view) == 1 && may_sign_certificates(view) && view->not_before <= in->now &&
           in->now <= view->not_after;
}

/* Leaves those that the signer may come from. */
static void keep_ancestors(CMPSRV_PATHS *p)
{
    size_t kept = 1;

    for (size_t i = 0; i < kept; i++)
        for (size_t k = kept; k < p->n; k++)
            if (may_have_issued(&p->v[k], &p->v[i])) {
                CMPSRV_PATH_CERT other = p->v[kept];

                p->v[kept++] = p->v[k];
                p->v[k] = other;
            }
    p->n = kept;
}

int cmpsrv_paths_init(CMPSRV_PATHS *p, const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *signer)
{
    CMPSRV_CERT_VIEW view;

    memset(p, 0, sizeof(*p));
    p->in = in;
    p->left = MAX_VERIFICATIONS;
    if (!cmpsrv_path_cert_read(signer, &p->v[0]))
        return 0;
    p->n = 1;
    for (size_t i = 0; i < in->msg->extra_certs_n; i++)
        if (!cmpsrv_slice_eq(in->msg->extra_certs[i], signer->der) &&
            cmpsrv_cert_view(in->msg->extra_certs[i], &view, NULL) &&
            may_stand_between(in, &view) && cmpsrv_path_cert_read(&view, &p->v[p->n]))
            p->n++;
    keep_ancestors(p);
    return 1;
}

/* ---- from the trusted CA downwards -------------------------------------------------------------
 */

static void forget(CMPSRV_PATHS *p)
{
    for (size_t i = 0; i < p->n; i++) {
        cmpsrv_pubkey_release(p->in->curves, p->v[i].key);
        p->v[i].key = NULL;
        p->v[i].by = NULL;
    }
}

void cmpsrv_paths_clear(CMPSRV_PATHS *p)
{
    forget(p);
    p->n = 0;
}

static int check_ca_key(const CMPSRV_PATHS *p, const CMPSRV_PATH_CERT *cert, CMPSRV_REFUSAL *why)
{
    int bits = EVP_PKEY_get_bits(cert->key);

    return cert == p->v || !cmpsrv_key_is_rsa(cert->key) || bits >= p->in->alias->min_rsa_bits ||
           cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                         "a CA between has an RSA key of %d bits, want %d", bits,
                         (int)p->in->alias->min_rsa_bits);
}

/* Proves that the CA, which is proven itself, has signed the certificate. */
static int prove(CMPSRV_PATHS *p, const CMPSRV_PATH_CERT *ca, CMPSRV_PATH_CERT *cert)
{
    const CMPSRV_CERT_VIEW *v = &cert->view;
    CMPSRV_REFUSAL why = {0};
    int ok;

    if (p->left == 0)
        return cmpsrv_refuse(&p->problem, CMPSRV_R_SIGNER_NOT_TRUSTED,
                             "more than %d certificates that may be of the CA", MAX_VERIFICATIONS);
    p->left--;
    ok = cmpsrv_sig_verify(p->in->libctx, p->in->propq, ca->key, v->sig_alg,
                           p->in->alias->signature_digests, v->tbs, v->signature,
                           CMPSRV_R_SIGNER_NOT_TRUSTED, &why) &&
         cmpsrv_path_cert_decode_key(p->in, cert, &why) && check_ca_key(p, cert, &why);
    if (!ok) {
        cmpsrv_pubkey_release(p->in->curves, cert->key);
        cert->key = NULL;
        p->problem = why;
        return 0;
    }
    cert->by = ca;
    cert->depth = ca->depth + 1;
    return 1;
}

int cmpsrv_paths_find(CMPSRV_PATHS *p, const CMPSRV_PATH_CERT *anchor)
{
    const CMPSRV_PATH_CERT *proven[1 + CMPSRV_MAX_EXTRA_CERTS] = {anchor};
    size_t n = 1;

    forget(p);
    for (size_t done = 0; done < n; done++)
        for (size_t i = 0; i < p->n && proven[done]->depth < MAX_DEPTH; i++) {
            CMPSRV_PATH_CERT *cert = &p->v[i];

            if (cert->by != NULL || !may_have_issued(proven[done], cert) ||
                cmpsrv_slice_eq(cert->view.der, anchor->view.der) || !prove(p, proven[done], cert))
                continue;
            if (i == 0)
                return 1;
            proven[n++] = cert;
        }
    return 0;
}
