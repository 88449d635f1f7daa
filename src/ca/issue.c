/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate from a decision: TBSCertificate written, linted, signed, and parsed again by
 * libcrypto before anybody sees it. Holds no lock and writes nothing.
 */
#include "config.h"

#include "ca/ca.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* RFC 5280 4.2.1.2 method 1: SHA-1 of the octets of subjectPublicKey. */
static void put_subject_key_id(CMPSRV_DERW *w, const CMPSRV_DECISION *d)
{
    CMPSRV_SLICE spki = cmpsrv_bytes_slice(&d->spki), seq, oid, params, bits;
    unsigned char hash[20];
    CMPSRV_DERW v = {0};

    if (!cmpsrv_der_get(&spki, DER_SEQUENCE, &seq) || !cmpsrv_der_get_algid(&seq, &oid, &params) ||
        !cmpsrv_der_get_octet_bits(&seq, &bits) || !cmpsrv_md_hash(CMPSRV_MD_SHA1, bits, hash)) {
        w->failed = 1;
        return;
    }
    cmpsrv_derw_put(&v, DER_OCTET_STRING, cmpsrv_slice(hash, sizeof(hash)));
    cmpsrv_extension_put_built(w, CMPSRV_OID_SUBJECT_KEY_ID, 0, &v);
}

static void put_authority_key_id(CMPSRV_DERW *w, const CMPSRV_CA *ca)
{
    CMPSRV_DERW v = {0};

    cmpsrv_derw_begin(&v, DER_SEQUENCE);
    cmpsrv_derw_put(&v, DER_CONTEXT(0), cmpsrv_bytes_slice(&ca->issuer.ski));
    cmpsrv_derw_end(&v);
    cmpsrv_extension_put_built(w, CMPSRV_OID_AUTHORITY_KEY_ID, 0, &v);
}

/* GeneralName uniformResourceIdentifier */
static void put_uri(CMPSRV_DERW *w, const char *url)
{
    cmpsrv_derw_put(w, DER_CONTEXT(6), cmpsrv_slice_str(url));
}

static void put_crl_distribution_point(CMPSRV_DERW *w, const char *url)
{
    CMPSRV_DERW v = {0};

    if (url == NULL)
        return;
    cmpsrv_derw_begin(&v, DER_SEQUENCE);               /* CRLDistributionPoints */
    cmpsrv_derw_begin(&v, DER_SEQUENCE);               /* DistributionPoint */
    cmpsrv_derw_begin(&v, DER_CONTEXT_CONSTRUCTED(0)); /* distributionPoint */
    cmpsrv_derw_begin(&v, DER_CONTEXT_CONSTRUCTED(0)); /* fullName */
    put_uri(&v, url);
    for (int i = 0; i < 4; i++)
        cmpsrv_derw_end(&v);
    cmpsrv_extension_put_built(w, CMPSRV_OID_CRL_DISTRIBUTION_POINTS, 0, &v);
}

static void put_access(CMPSRV_DERW *v, const char *method, const char *url)
{
    if (url == NULL)
        return;
    cmpsrv_derw_begin(v, DER_SEQUENCE);
    cmpsrv_derw_oid_text(v, method);
    put_uri(v, url);
    cmpsrv_derw_end(v);
}

static void put_authority_info_access(CMPSRV_DERW *w, const CMPSRV_CONF_CA *conf)
{
    CMPSRV_DERW v = {0};

    if (conf->url_ocsp == NULL && conf->url_issuer == NULL)
        return;
    cmpsrv_derw_begin(&v, DER_SEQUENCE);
    put_access(&v, "1.3.6.1.5.5.7.48.1", conf->url_ocsp);
    put_access(&v, "1.3.6.1.5.5.7.48.2", conf->url_issuer);
    cmpsrv_derw_end(&v);
    cmpsrv_extension_put_built(w, CMPSRV_OID_AUTHORITY_INFO_ACCESS, 0, &v);
}

static int make_tbs(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, const CMPSRV_ISSUED *out,
                    CMPSRV_BYTES *tbs)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_int64(&w, 2); /* v3 */
    cmpsrv_derw_end(&w);
    cmpsrv_derw_put(&w, DER_INTEGER, cmpsrv_slice(out->serial, out->serial_len));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->cert_sig_alg));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->issuer.subject));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_time(&w, d->not_before);
    cmpsrv_derw_time(&w, d->not_after);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&d->subject));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&d->spki));
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(3));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_subject_key_id(&w, d);
    put_authority_key_id(&w, ca);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&d->extensions));
    put_crl_distribution_point(&w, ca->conf->url_crl);
    put_authority_info_access(&w, ca->conf);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, tbs);
}

static int sign(const CMPSRV_CA *ca, const CMPSRV_BYTES *tbs, CMPSRV_BYTES *out,
                CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES signature = {0};
    CMPSRV_DERW w = {0};
    int ok;

    if (!cmpsrv_sig_make(ca->libctx, ca->propq, ca->issuer.key,
                         cmpsrv_bytes_slice(&ca->cert_sig_alg), cmpsrv_bytes_slice(tbs), &signature,
                         why))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(tbs));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&ca->cert_sig_alg));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&signature));
    cmpsrv_derw_end(&w);
    ok = cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
    cmpsrv_bytes_clear(&signature);
    return ok;
}

/* Somebody else's parser reads what we wrote. */
static int parse_again(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_ISSUED *out,
                       CMPSRV_REFUSAL *why)
{
    const unsigned char *p = out->der.p;
    X509 *x = X509_new_ex(ca->libctx, ca->propq);

    if (x == NULL || d2i_X509(&x, &p, (long)out->der.n) == NULL || p != out->der.p + out->der.n)
        return cmpsrv_fail(why, "the certificate that was made is not readable");
    out->cert = x;
    if (X509_get_version(x) != X509_VERSION_3 ||
        X509_check_issued(ca->issuer.cert, x) != X509_V_OK ||
        EVP_PKEY_eq(X509_get0_pubkey(x), d->key) != 1)
        return cmpsrv_fail(why, "the certificate that was made is not the one decided");
    return 1;
}

/* 159 random bits: the first octet is 01..7f, so that the number is positive and all 20 octets
 * stand. */
static int make_serial(CMPSRV_ISSUED *out)
{
    do {
        if (!cmpsrv_random(out->serial, CMPSRV_MAX_SERIAL))
            return 0;
        out->serial[0] &= 0x7f;
    } while (out->serial[0] == 0);
    out->serial_len = CMPSRV_MAX_SERIAL;
    return 1;
}

int cmpsrv_ca_issue(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_ISSUED *out,
                    CMPSRV_REFUSAL *why)
{
    CMPSRV_ISSUED made = {0};
    CMPSRV_BYTES tbs = {0};
    int ok = 0;

    memcpy(made.ca_id, ca->id, CMPSRV_HASH);
    if (!make_serial(&made))
        cmpsrv_fail(why, "no random octets for a serial number");
    else if (!make_tbs(ca, d, &made, &tbs))
        cmpsrv_fail(why, "out of memory");
    else
        ok = cmpsrv_lint_tbs(ca, d, cmpsrv_bytes_slice(&tbs), why) &&
             sign(ca, &tbs, &made.der, why) && parse_again(ca, d, &made, why);
    cmpsrv_bytes_clear(&tbs);
    if (!ok) {
        cmpsrv_issued_clear(&made);
        return 0;
    }
    *out = made;
    return 1;
}
