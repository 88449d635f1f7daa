/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module EndEntityCertificate: a signature with a certificate that is in our store and active; in
 * RA mode one that the named CA issued, whose owner is an RA as ra.c says, in client mode the end
 * entity's own. The certificate is looked for in the store before anything of it reaches libcrypto,
 * so that only what we issued ourselves is ever decoded; vendor.c sees to certificates of vendors.
 * `EJBCA:` there the signer is the last certificate of extraCerts that is no CA, and any CA below
 * the same root will do; here it is the one that senderKID names, else the first, and its issuer is
 * the named CA itself.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* ---- which certificate signed ------------------------------------------------------------------
 */

int cmpsrv_auth_find_signer(const CMPSRV_PKIMSG *m, const CMPSRV_TXN *txn, CMPSRV_CERT_VIEW *out,
                            CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE der = cmpsrv_slice(NULL, 0), ski;

    if (m->extra_certs_n > 0)
        der = m->extra_certs[0];
    else if (txn != NULL)
        der = cmpsrv_bytes_slice(&txn->signer);
    for (size_t i = 0; i < m->extra_certs_n && m->sender_kid.p != NULL; i++)
        if (cmpsrv_cert_view(m->extra_certs[i], out, NULL) && cmpsrv_cert_ski(out, &ski) &&
            cmpsrv_slice_eq(ski, m->sender_kid)) {
            der = m->extra_certs[i];
            break;
        }
    if (der.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                             "RFC 9483 3.3: no certificate in extraCerts");
    return cmpsrv_cert_view(der, out, NULL) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                         "RFC 9483 3.3: the signer's certificate in extraCerts is damaged");
}

/* H2, H11: sender and senderKID are the certificate's. */
static int check_header(const CMPSRV_PKIMSG *m, const CMPSRV_CERT_VIEW *view, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE ski;
    int has_ski = cmpsrv_cert_ski(view, &ski);

    if (has_ski && m->sender_kid.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_NO_SENDER_KID,
                             "RFC 9483 3.1: a signature needs the signer's subjectKeyIdentifier in "
                             "senderKID");
    if (has_ski && !cmpsrv_slice_eq(m->sender_kid, ski))
        return cmpsrv_refuse(
            why, CMPSRV_R_BAD_MESSAGE_CHECK,
            "RFC 9483 3.1: senderKID is not the subjectKeyIdentifier of the signer");
    return cmpsrv_name_eq(m->sender_dn, view->subject) ||
           cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK,
                         "RFC 9483 3.1: sender is not the subject of the signer");
}

/* ---- whether it may be trusted -----------------------------------------------------------------
 */

/* Who answers for the signer, and for whom it acts. */
typedef struct origin_st {
    const CMPSRV_CONF_CA *ca; /* that issued its certificate; NULL: a vendor's did */
    char source[128];
    char owner[256];
} ORIGIN;

/* It is ours, octet by octet, and active; gives its owner. */
static int check_status(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                        const CMPSRV_CERT_VIEW *view, char owner[256], CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_ROW row = {0};
    CMPSRV_CERT_STATUS status;
    int found = cmpsrv_name_eq(view->issuer, ca->subject)
                    ? in->ops->certificate(in->ops_arg, ca->id, view->serial, &row, why)
                    : 0;

    if (found < 0)
        return 0;
    if (!found || !cmpsrv_slice_eq(cmpsrv_bytes_slice(&row.der), view->der)) {
        cmpsrv_cert_row_clear(&row);
        return cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                             "RFC 9483 3.5: the signer's certificate is none of this CA's");
    }
    status = row.status;
    snprintf(owner, 256, "%s", row.end_entity);
    cmpsrv_cert_row_clear(&row);
    if (status == CMPSRV_CERT_REVOKED || status == CMPSRV_CERT_HOLD)
        return cmpsrv_refuse(why, CMPSRV_R_CERT_REVOKED,
                             "RFC 9483 3.5: the signer's certificate is revoked");
    return status == CMPSRV_CERT_ACTIVE ||
           cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                         "RFC 9483 3.5: the signer's certificate was not confirmed yet");
}

static X509 *check_own(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                       const CMPSRV_CERT_VIEW *view, ORIGIN *o, CMPSRV_REFUSAL *why)
{
    if (!check_status(in, ca, view, o->owner, why))
        return NULL;
    o->ca = ca->conf;
    snprintf(o->source, sizeof(o->source), "ca:%.100s", ca->conf->name);
    return cmpsrv_chain_check(in, ca, view, why);
}

/* The end entity was looked for by the name that the subject of this certificate gives it. */
static X509 *check_vendors(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view, ORIGIN *o,
                           CMPSRV_REFUSAL *why)
{
    const CMPSRV_CONF_VENDOR_CA *vendor;
    X509 *cert = cmpsrv_vendor_check(in, view, &vendor, why);

    if (cert == NULL)
        return NULL;
    o->ca = NULL;
    snprintf(o->source, sizeof(o->source), "vendor%s%.100s", vendor == NULL ? "" : ":",
             vendor == NULL ? "" : vendor->name);
    OPENSSL_strlcpy(o->owner, in->entity, sizeof(o->owner));
    return cert;
}

/* The certificate, decoded, once it may be trusted. RA mode: it is of the CA that the alias names.
 * Client mode: of whichever has issued it, or of a vendor. */
static X509 *check_origin(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                          const CMPSRV_CERT_VIEW *view, ORIGIN *o, CMPSRV_REFUSAL *why)
{
    CMPSRV_AUTH_CA ca;

    if (in->alias->ra_mode && !in->ops->ca(in->ops_arg, row->ca, &ca)) {
        cmpsrv_fail(why, "CA %s is not loaded", row->ca->name);
        return NULL;
    }
    if (in->alias->ra_mode || in->ops->issuer(in->ops_arg, view, &ca))
        return check_own(in, &ca, view, o, why);
    if (cmpsrv_vendor_may_sign(in->alias, in->msg->body_type, in->is_first, in->txn))
        return check_vendors(in, view, o, why);
    cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                  "RFC 9483 3.5: the signer's certificate is of no CA of ours");
    return NULL;
}

static int check_key(const CMPSRV_AUTH_INPUT *in, X509 *cert, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    if (key == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "the signer's key cannot be used");
    if ((X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                             "RFC 9483 3.5: keyUsage of the signer has no digitalSignature");
    if (cmpsrv_key_is_rsa(key) && EVP_PKEY_get_bits(key) < in->alias->min_rsa_bits)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "the signer has an RSA key of %d bits, want %d",
                             EVP_PKEY_get_bits(key), (int)in->alias->min_rsa_bits);
    return 1;
}

/* A device of a vendor that nobody has registered is a stranger, who leaves nothing in the store.
 */
static int check_registered(const CMPSRV_AUTH_INPUT *in, const ORIGIN *o, CMPSRV_REFUSAL *why)
{
    return o->ca != NULL || in->entity[0] != '\0' ||
           cmpsrv_refuse(why, CMPSRV_R_NOT_AUTHORIZED,
                         "no end entity is registered for the device of the vendor");
}

static int verify_signature(const CMPSRV_AUTH_INPUT *in, EVP_PKEY *key, CMPSRV_REFUSAL *why)
{
    const CMPSRV_PKIMSG *m = in->msg;
    CMPSRV_BYTES part = {0};
    int ok;

    if (!cmpsrv_protected_part(m->header, m->body, &part))
        return cmpsrv_fail(why, "out of memory");
    ok = cmpsrv_sig_verify(in->libctx, in->propq, key, m->protection_alg,
                           in->alias->signature_digests, cmpsrv_bytes_slice(&part), m->protection,
                           CMPSRV_R_BAD_MESSAGE_CHECK, why);
    cmpsrv_bytes_wipe(&part); /* it may have an enrolment code */
    return ok;
}

/* ---- the module --------------------------------------------------------------------------------
 */

/* Client mode: it acts for its owner, if that is an end entity; RA mode: for others, if it may. */
static void fill_role(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view, const ORIGIN *o,
                      CMPSRV_IDENTITY *id)
{
    if (in->alias->ra_mode)
        cmpsrv_ra_find(in, view, o->ca, id);
    else if (strcmp(o->owner, in->entity) == 0)
        OPENSSL_strlcpy(id->entity, o->owner, sizeof(id->entity));
}

static int fill_identity(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view, const ORIGIN *o,
                         CMPSRV_IDENTITY *id, CMPSRV_REFUSAL *why)
{
    char *subject = cmpsrv_name_text(view->subject);

    if (subject == NULL || !cmpsrv_sha256(view->der, id->binding)) {
        OPENSSL_free(subject);
        return cmpsrv_fail(why, "cannot bind the identity");
    }
    id->kind = CMPSRV_PROTECTION_SIGNATURE;
    id->module = "EndEntityCertificate";
    OPENSSL_strlcpy(id->source, o->source, sizeof(id->source));
    cmpsrv_escape(cmpsrv_slice_str(subject), id->name, sizeof(id->name));
    OPENSSL_free(subject);
    fill_role(in, view, o, id);
    id->proven = 1;
    return 1;
}

int cmpsrv_auth_eecert(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CONF_MODULE *row,
                       CMPSRV_AUTH_RESULT *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_VIEW view;
    ORIGIN origin;
    X509 *cert = NULL;
    EVP_PKEY *key;
    int ok = 0;

    if (!cmpsrv_auth_find_signer(in->msg, in->txn, &view, why) ||
        !check_header(in->msg, &view, why) ||
        (cert = check_origin(in, row, &view, &origin, why)) == NULL)
        goto end;
    key = X509_get0_pubkey(cert);
    ok = check_key(in, cert, key, why) && verify_signature(in, key, why) &&
         check_registered(in, &origin, why) &&
         fill_identity(in, &view, &origin, &out->identity, why);
    out->signer = view.der;
end:
    X509_free(cert);
    if (!ok)
        cmpsrv_auth_result_clear(out);
    return ok;
}
