/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the certificate that was decided (RFC 5280 4.1): writes the TBSCertificate, has it linted,
 * signs, and reads the result back before anybody sees it. No X509 object is made: decoding the key
 * in it once more would cost OpenSSL 3.0 more than signing. Called by the issuing handlers; must
 * not know who asked.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <string.h>

/* ---- parts, also for crl.c ---------------------------------------------------------------------
 */

int cmpsrv_ca_key_id(CMPSRV_SLICE spki, unsigned char out[CA_KEY_ID], CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE content, oid, parameters, bits;

    if (!cmpsrv_der_get(&spki, DER_SEQUENCE, &content) ||
        !cmpsrv_der_get_algid(&content, &oid, &parameters) ||
        !cmpsrv_der_get_octet_bits(&content, &bits))
        return cmpsrv_fail(why, "RFC 5280 4.1.2.7: not a SubjectPublicKeyInfo");
    return cmpsrv_md_hash(CMPSRV_MD_SHA1, bits, out) ||
           cmpsrv_fail(why, "RFC 5280 4.2.1.2: no SHA-1 for key identifiers");
}

/* With the time in front the newest are neighbours in the store's index: random ones would each
 * touch a page of their own, to be written, synced and written once more. Its unit is so short that
 * a page holds what is issued in it, however fast that is. */
int cmpsrv_ca_new_serial(unsigned char out[CA_SERIAL], CMPSRV_REFUSAL *why)
{
    uint64_t time = (uint64_t)cmpsrv_time_now() * 128 / 1000; /* in units of 1/128 s */

    for (size_t i = 0; i < CA_SERIAL_TIME; i++)
        out[i] = (unsigned char)(time >> (8 * (CA_SERIAL_TIME - 1 - i)));
    out[0] = (unsigned char)((out[0] & 0x3f) | 0x40); /* positive whatever the clock says */
    return cmpsrv_random(out + CA_SERIAL_TIME, CA_SERIAL - CA_SERIAL_TIME) ||
           cmpsrv_fail(why, "no random octets for a serial number");
}

void cmpsrv_ca_extension(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_DERW *value)
{
    CMPSRV_BYTES octets = {NULL, 0};

    if (!cmpsrv_derw_finish(value, &octets))
        w->failed = 1;
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, oid);
    if (critical)
        cmpsrv_derw_put(w, DER_BOOLEAN, DER_OID_SLICE("\xff"));
    cmpsrv_derw_put(w, DER_OCTET_STRING, cmpsrv_bytes_slice(&octets));
    cmpsrv_derw_end(w);
    cmpsrv_bytes_clear(&octets);
}

void cmpsrv_ca_aki(CMPSRV_DERW *w, const CMPSRV_CA *ca)
{
    CMPSRV_DERW value = {0};

    cmpsrv_derw_begin(&value, DER_SEQUENCE);
    cmpsrv_derw_put(&value, DER_CONTEXT(0), cmpsrv_bytes_slice(&ca->issuer.ski));
    cmpsrv_derw_end(&value);
    cmpsrv_ca_extension(w, CMPSRV_OID_AUTHORITY_KEY_ID, 0, &value);
}

int cmpsrv_ca_sign(const CMPSRV_CA *ca, CMPSRV_SLICE tbs, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE algid = cmpsrv_bytes_slice(&ca->cert_sig_alg);
    CMPSRV_BYTES signature = {NULL, 0};
    CMPSRV_DERW w = {0};
    int ok;

    if (!cmpsrv_sig_key_make(ca->cert_sign, tbs, &signature, why))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, tbs);
    cmpsrv_derw_raw(&w, algid);
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&signature));
    cmpsrv_derw_end(&w);
    ok = cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
    cmpsrv_bytes_clear(&signature);
    return ok;
}

/* ---- TBSCertificate ----------------------------------------------------------------------------
 */

static void write_uri(CMPSRV_DERW *w, const char *uri)
{
    cmpsrv_derw_put(w, DER_CONTEXT(6), cmpsrv_slice_str(uri));
}

static void write_ski(CMPSRV_DERW *w, const unsigned char key_id[CA_KEY_ID])
{
    CMPSRV_DERW value = {0};

    cmpsrv_derw_put(&value, DER_OCTET_STRING, cmpsrv_slice(key_id, CA_KEY_ID));
    cmpsrv_ca_extension(w, CMPSRV_OID_SUBJECT_KEY_ID, 0, &value);
}

/* RFC 5280 4.2.1.13: one DistributionPoint with one fullName. */
static void write_crl_distribution_point(CMPSRV_DERW *w, const char *uri)
{
    static const int tags[] = {DER_SEQUENCE, DER_SEQUENCE, DER_CONTEXT_CONSTRUCTED(0),
                               DER_CONTEXT_CONSTRUCTED(0)};
    CMPSRV_DERW value = {0};

    if (uri == NULL)
        return;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(tags); i++)
        cmpsrv_derw_begin(&value, tags[i]);
    write_uri(&value, uri);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(tags); i++)
        cmpsrv_derw_end(&value);
    cmpsrv_ca_extension(w, CMPSRV_OID_CRL_DISTRIBUTION_POINTS, 0, &value);
}

/* RFC 5280 4.2.2.1: id-ad-ocsp and id-ad-caIssuers. */
static void write_authority_info_access(CMPSRV_DERW *w, const CMPSRV_CONF_CA *conf)
{
    const struct {
        const char *uri;
        CMPSRV_SLICE method;
    } t[] = {
        {conf->url_ocsp, DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x30\x01")},
        {conf->url_issuer, DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x30\x02")},
    };
    CMPSRV_DERW value = {0};

    if (conf->url_ocsp == NULL && conf->url_issuer == NULL)
        return;
    cmpsrv_derw_begin(&value, DER_SEQUENCE);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        if (t[i].uri == NULL)
            continue;
        cmpsrv_derw_begin(&value, DER_SEQUENCE);
        cmpsrv_derw_oid(&value, t[i].method);
        write_uri(&value, t[i].uri);
        cmpsrv_derw_end(&value);
    }
    cmpsrv_derw_end(&value);
    cmpsrv_ca_extension(w, CMPSRV_OID_AUTHORITY_INFO_ACCESS, 0, &value);
}

static int make_tbs(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE serial,
                    CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    unsigned char key_id[CA_KEY_ID];
    CMPSRV_DERW w = {0};

    if (!cmpsrv_ca_key_id(cmpsrv_bytes_slice(&d->spki), key_id, why))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_int64(&w, 2); /* v3 */
    cmpsrv_derw_end(&w);
    cmpsrv_derw_put(&w, DER_INTEGER, serial);
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
    write_ski(&w, key_id);
    cmpsrv_ca_aki(&w, ca);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&d->extensions));
    write_crl_distribution_point(&w, ca->conf->url_crl);
    write_authority_info_access(&w, ca->conf);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "out of memory");
}

/* ---- the certificate ---------------------------------------------------------------------------
 */

/* What went out must be what was linted and decided, whoever wrote the octets in between. */
static int check_result(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE tbs,
                        CMPSRV_SLICE der, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_VIEW v;

    if (!cmpsrv_cert_view(der, &v, why)) /* both AlgorithmIdentifiers equal, too */
        return 0;
    if (!cmpsrv_slice_eq(v.tbs, tbs) || v.signature.n == 0 ||
        !cmpsrv_slice_eq(v.sig_alg, cmpsrv_bytes_slice(&ca->cert_sig_alg)) ||
        !cmpsrv_slice_eq(v.issuer, cmpsrv_bytes_slice(&ca->issuer.subject)) ||
        !cmpsrv_slice_eq(v.subject, cmpsrv_bytes_slice(&d->subject)) ||
        !cmpsrv_slice_eq(v.spki, cmpsrv_bytes_slice(&d->spki)))
        return cmpsrv_fail(why, "the certificate is not what was decided");
    return 1;
}

static int sign_certificate(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_SLICE tbs,
                            CMPSRV_ISSUED *out, CMPSRV_REFUSAL *why)
{
    return cmpsrv_ca_sign(ca, tbs, &out->der, why) &&
           check_result(ca, d, tbs, cmpsrv_bytes_slice(&out->der), why);
}

/* The one that was asked for, as octets of an INTEGER, or a random one. */
static int choose_serial(const CMPSRV_DECISION *d, CMPSRV_ISSUED *issued, CMPSRV_REFUSAL *why)
{
    if (d->serial_len == 0) {
        issued->serial_len = CA_SERIAL;
        return cmpsrv_ca_new_serial(issued->serial, why);
    }
    if (d->serial_len > sizeof(issued->serial))
        return cmpsrv_fail(why, "a serial number of %zu octets was decided", d->serial_len);
    memcpy(issued->serial, d->serial, d->serial_len);
    issued->serial_len = d->serial_len;
    return 1;
}

int cmpsrv_ca_issue(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, CMPSRV_ISSUED *out,
                    CMPSRV_REFUSAL *why)
{
    CMPSRV_ISSUED issued = {0};
    CMPSRV_REFUSAL inner = {CMPSRV_R_NONE, ""};
    CMPSRV_BYTES tbs = {NULL, 0};
    int ok;

    memcpy(issued.ca_id, ca->id, CMPSRV_HASH);
    ok = choose_serial(d, &issued, &inner) &&
         make_tbs(ca, d, cmpsrv_slice(issued.serial, issued.serial_len), &tbs, &inner) &&
         cmpsrv_lint_tbs(ca, d, cmpsrv_bytes_slice(&tbs), &inner) &&
         sign_certificate(ca, d, cmpsrv_bytes_slice(&tbs), &issued, &inner);
    cmpsrv_bytes_clear(&tbs);
    if (!ok) {
        cmpsrv_issued_clear(&issued);
        /* Whatever is wrong here is our fault, not the client's, whichever reason it came with. */
        return cmpsrv_refuse(why, CMPSRV_R_SYSTEM_FAILURE, "CA %s: %s", ca->conf->name,
                             inner.detail);
    }
    *out = issued;
    return 1;
}
