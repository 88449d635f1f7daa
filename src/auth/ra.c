/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may act as a registration authority: the rows of `ras`, by certificate, subject or
 * subjectKeyIdentifier; and certificates with EKU id-kp-cmcRA (RFC 6402 2.10), for the alias's own
 * CA. What an RA may do is judged by policy.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct cmpsrv_ra_st {
    const CMPSRV_CONF_RA *conf;
    /* the one that is given */
    unsigned char certificate[CMPSRV_HASH]; /* SHA-256 */
    CMPSRV_BYTES subject;                   /* Name TLV */
    CMPSRV_BYTES ski;
};

static int wrong(const CMPSRV_CONF_RA *conf, const char *key, const char *what,
                 CMPSRV_CONF_ERRORS *errors)
{
    cmpsrv_conf_error(errors, conf->pos, "ras", conf->name, key, "%s", what);
    ERR_clear_error();
    return 0;
}

static int load_certificate(CMPSRV_RA *ra, CMPSRV_CONF_ERRORS *errors)
{
    BIO *b = BIO_new_file(ra->conf->certificate, "rb");
    X509 *cert = b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int n = cert == NULL ? -1 : i2d_X509(cert, &der), ok;

    ok = n > 0 && cmpsrv_sha256(cmpsrv_slice(der, (size_t)n), ra->certificate);
    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(b);
    return ok || wrong(ra->conf, "certificate", "no PEM certificate in the file", errors);
}

static int load_subject(CMPSRV_RA *ra, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_REFUSAL why = {0};

    if (cmpsrv_name_parse(ra->conf->subject, &ra->subject, &why))
        return !cmpsrv_name_is_empty(cmpsrv_bytes_slice(&ra->subject)) ||
               wrong(ra->conf, "subject", "is empty", errors);
    return wrong(ra->conf, "subject", why.detail, errors);
}

static int load_ski(CMPSRV_RA *ra, CMPSRV_CONF_ERRORS *errors)
{
    unsigned char octets[64];
    size_t n = cmpsrv_unhex(ra->conf->ski, octets, sizeof(octets));

    if (n == 0)
        return wrong(ra->conf, "ski", "is not hex; allowed: 1 to 64 octets in hex", errors);
    return cmpsrv_bytes_set(&ra->ski, cmpsrv_slice(octets, n)) ||
           wrong(ra->conf, "ski", "out of memory", errors);
}

CMPSRV_RA *cmpsrv_ra_load(const CMPSRV_CONF_RA *conf, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_RA *ra = OPENSSL_zalloc(sizeof(*ra));
    int ok;

    if (ra == NULL) {
        wrong(conf, NULL, "out of memory", errors);
        return NULL;
    }
    ra->conf = conf;
    ok = conf->certificate != NULL ? load_certificate(ra, errors)
         : conf->subject != NULL   ? load_subject(ra, errors)
                                   : load_ski(ra, errors);
    if (ok)
        return ra;
    cmpsrv_ra_free(ra);
    return NULL;
}

void cmpsrv_ra_free(CMPSRV_RA *ra)
{
    if (ra == NULL)
        return;
    cmpsrv_bytes_clear(&ra->subject);
    cmpsrv_bytes_clear(&ra->ski);
    OPENSSL_free(ra);
}

/* ---- who is one --------------------------------------------------------------------------------
 */

static int is_named(const CMPSRV_RA *ra, const CMPSRV_CERT_VIEW *view)
{
    unsigned char hash[CMPSRV_HASH];
    CMPSRV_SLICE ski;

    if (ra->conf->certificate != NULL)
        return cmpsrv_sha256(view->der, hash) && memcmp(hash, ra->certificate, CMPSRV_HASH) == 0;
    if (ra->conf->subject != NULL)
        return cmpsrv_name_eq(view->subject, cmpsrv_bytes_slice(&ra->subject));
    return cmpsrv_cert_ski(view, &ski) && cmpsrv_slice_eq(ski, cmpsrv_bytes_slice(&ra->ski));
}

static int is_for_alias(const CMPSRV_CONF_RA *conf, const CMPSRV_CONF_ALIAS *alias)
{
    for (size_t i = 0; i < conf->aliases.n; i++)
        if (strcmp(conf->aliases.v[i], alias->name) == 0)
            return 1;
    return conf->aliases.n == 0;
}

static int has_cmc_ra(const CMPSRV_CERT_VIEW *view)
{
    static const CMPSRV_SLICE cmc_ra = DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x03\x1c");
    CMPSRV_SLICE value, list, oid;
    int critical;

    if (cmpsrv_extension_find(view->extensions, CMPSRV_OID_EXT_KEY_USAGE, &critical, &value) != 1 ||
        !cmpsrv_der_get(&value, DER_SEQUENCE, &list))
        return 0;
    while (cmpsrv_der_get(&list, DER_OID, &oid))
        if (cmpsrv_slice_eq(oid, cmc_ra))
            return 1;
    return 0;
}

/* A row that names the certificate is the last word, also where it leaves the alias out. */
void cmpsrv_ra_find(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                    const CMPSRV_CONF_CA *ca, CMPSRV_IDENTITY *id)
{
    int is_listed = 0;

    for (size_t i = 0; i < in->ras_n && !id->is_ra; i++) {
        if (!is_named(in->ras[i], view))
            continue;
        is_listed = 1;
        if (is_for_alias(in->ras[i]->conf, in->alias)) {
            id->is_ra = 1;
            id->ra = in->ras[i]->conf;
        }
    }
    if (!is_listed && ca == in->ca && has_cmc_ra(view)) {
        id->is_ra = 1;
        id->ra_ca = ca;
    }
}
