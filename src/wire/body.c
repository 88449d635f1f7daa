/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKIBody contents other than certificate requests, RFC 9810 5.3: writes the bodies of answers
 * (rejections, error, pkiConf, rp, the certificate answer) and reads certConf, rr and error. Does
 * not know whether a certificate or a transaction exists.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <stdio.h>
#include <string.h>

#define REFUSE_FORMAT(why, ...) cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, __VA_ARGS__)

/* ---- PKIStatusInfo, RFC 9810 5.2.3 ------------------------------------------------------------
 */

typedef struct {
    int64_t status;
    CMPSRV_SLICE text;      /* first statusString, or absent */
    CMPSRV_SLICE fail_info; /* content of the BIT STRING, or absent */
} STATUS_INFO;

/* PKIStatusInfo ::= SEQUENCE { status, statusString PKIFreeText OPTIONAL, failInfo OPTIONAL };
 * content: that of the SEQUENCE. */
static int parse_status_info(CMPSRV_SLICE content, STATUS_INFO *out)
{
    CMPSRV_SLICE texts;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get_int64(&content, &out->status) ||
        !cmpsrv_der_opt(&content, DER_SEQUENCE, &texts))
        return 0;
    if (texts.p != NULL && !cmpsrv_der_get(&texts, DER_UTF8STRING, &out->text))
        return 0;
    while (texts.n > 0)
        if (!cmpsrv_der_get(&texts, DER_UTF8STRING, NULL))
            return 0;
    return cmpsrv_der_opt(&content, DER_BIT_STRING, &out->fail_info) && content.n == 0;
}

static void write_status(CMPSRV_DERW *w, int status)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_int64(w, status);
    cmpsrv_derw_end(w);
}

static void write_rejection(CMPSRV_DERW *w, int fail_info, const char *text)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_int64(w, CMPSRV_STATUS_REJECTION);
    if (text != NULL && text[0] != '\0') {
        cmpsrv_derw_begin(w, DER_SEQUENCE);
        cmpsrv_derw_utf8(w, text);
        cmpsrv_derw_end(w);
    }
    if (fail_info >= 0 && fail_info < 64)
        cmpsrv_derw_named_bits(w, UINT64_C(1) << fail_info);
    cmpsrv_derw_end(w);
}

/* ---- bodies of answers ------------------------------------------------------------------------
 */

static void begin_body(CMPSRV_DERW *w, int body_type)
{
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(body_type));
}

/* Ends all that is open. */
static int finish_body(CMPSRV_DERW *w, CMPSRV_BYTES *out)
{
    while (!w->failed && w->depth > 0)
        cmpsrv_derw_end(w);
    return cmpsrv_derw_finish(w, out);
}

/* ErrorMsgContent ::= SEQUENCE { pKIStatusInfo, errorCode OPTIONAL, errorDetails OPTIONAL } */
int cmpsrv_body_error(int fail_info, const char *text, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, CMPSRV_BODY_ERROR);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    write_rejection(&w, fail_info, text);
    return finish_body(&w, out);
}

/* CertRepMessage ::= SEQUENCE { caPubs [1] OPTIONAL, response SEQUENCE OF CertResponse } */
int cmpsrv_body_cert_rejection(int body_type, int64_t cert_req_id, int fail_info, const char *text,
                               CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, body_type);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, cert_req_id);
    write_rejection(&w, fail_info, text);
    return finish_body(&w, out);
}

/* RevRepContent ::= SEQUENCE { status SEQUENCE OF PKIStatusInfo, ... } */
int cmpsrv_body_rp_rejection(int fail_info, const char *text, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, CMPSRV_BODY_RP);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    write_rejection(&w, fail_info, text);
    return finish_body(&w, out);
}

/* RevRepContent with revCerts [0] SEQUENCE OF CertId; CertId ::= SEQUENCE { issuer GeneralName,
 * serialNumber } (RFC 4211 6.5) */
int cmpsrv_body_rp(CMPSRV_SLICE issuer, CMPSRV_SLICE serial, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, CMPSRV_BODY_RP);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    write_status(&w, CMPSRV_STATUS_ACCEPTED);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(4), issuer);
    cmpsrv_derw_put(&w, DER_INTEGER, serial);
    return finish_body(&w, out);
}

int cmpsrv_body_pkiconf(CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, CMPSRV_BODY_PKICONF);
    cmpsrv_derw_null(&w);
    return finish_body(&w, out);
}

/* ---- the certificate answer -------------------------------------------------------------------
 */

static void write_ca_pubs(CMPSRV_DERW *w, const CMPSRV_CERTREP *rep)
{
    if (rep->ca_pubs_n == 0)
        return;
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(1));
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    for (size_t i = 0; i < rep->ca_pubs_n; i++)
        cmpsrv_derw_raw(w, rep->ca_pubs[i]);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

/* CertifiedKeyPair ::= SEQUENCE { certOrEncCert CHOICE { certificate [0], encryptedCert [1]
 * EncryptedKey }, ... } */
static void write_pair(CMPSRV_DERW *w, const CMPSRV_CERTREP *rep)
{
    int is_encrypted = rep->encrypted_cert.p != NULL;

    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(w, DER_CONTEXT_CONSTRUCTED(is_encrypted),
                    is_encrypted ? rep->encrypted_cert : rep->cert);
    cmpsrv_derw_end(w);
}

/* CertResponse ::= SEQUENCE { certReqId, status, certifiedKeyPair OPTIONAL, rspInfo OPTIONAL } in
 * a CertRepMessage */
int cmpsrv_body_certrep(int body_type, const CMPSRV_CERTREP *rep, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    begin_body(&w, body_type);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    write_ca_pubs(&w, rep);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, rep->cert_req_id);
    write_status(&w, rep->status);
    write_pair(&w, rep);
    return finish_body(&w, out);
}

/* ---- certConf, RFC 9810 5.3.18 ----------------------------------------------------------------
 */

static int parse_conf_status(CMPSRV_SLICE content, CMPSRV_CERT_CONF *out, CMPSRV_REFUSAL *why)
{
    STATUS_INFO info;

    if (!parse_status_info(content, &info))
        return REFUSE_FORMAT(why, "RFC 9810 5.2.3: statusInfo of a CertStatus");
    if (info.status != CMPSRV_STATUS_ACCEPTED && info.status != CMPSRV_STATUS_REJECTION)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST,
                             "RFC 9483 4.1.1: want status accepted or rejection, have %lld",
                             (long long)info.status);
    if (info.status == CMPSRV_STATUS_ACCEPTED && info.fail_info.p != NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST,
                             "RFC 9483 4.1.1: status accepted with failInfo");
    out->status = (int)info.status;
    cmpsrv_escape(info.text, out->text, sizeof(out->text));
    return 1;
}

/* CertStatus ::= SEQUENCE { certHash, certReqId, statusInfo OPTIONAL, hashAlg [0] OPTIONAL } */
static int parse_cert_status(CMPSRV_SLICE c, CMPSRV_CERT_CONF *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE info, alg;

    if (!cmpsrv_der_get(&c, DER_OCTET_STRING, &out->cert_hash))
        return REFUSE_FORMAT(why, "RFC 9810 5.3.18: certHash is no OCTET STRING");
    if (!cmpsrv_cert_req_id_get(&c, &out->cert_req_id, why))
        return 0;
    if (!cmpsrv_der_opt(&c, DER_SEQUENCE, &info) ||
        !cmpsrv_der_opt(&c, DER_CONTEXT_CONSTRUCTED(0), &alg) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 9810 5.3.18: CertStatus is not well-formed");
    if (info.p != NULL && !parse_conf_status(info, out, why))
        return 0;
    if (alg.p != NULL && !cmpsrv_algid_get(&alg, "hashAlg", &out->hash_alg, why))
        return 0;
    if (alg.n > 0)
        return REFUSE_FORMAT(why, "RFC 9810 5.3.18: hashAlg is more than one element");
    out->present = 1;
    return 1;
}

int cmpsrv_certconf_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_CONF *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_CONF conf = {.status = CMPSRV_STATUS_ACCEPTED};
    CMPSRV_SLICE list, status;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get(&body_value, DER_SEQUENCE, &list) || body_value.n > 0)
        return REFUSE_FORMAT(why, "RFC 9810 5.3.18: certConf is no SEQUENCE");
    if (list.n == 0)
        return 1; /* rejects everything */
    if (!cmpsrv_der_get(&list, DER_SEQUENCE, &status))
        return REFUSE_FORMAT(why, "RFC 9810 5.3.18: CertStatus is no SEQUENCE");
    if (list.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_ONE_REQUEST_ONLY,
                             "RFC 9483 4.1.1: more than one CertStatus");
    if (!parse_cert_status(status, &conf, why))
        return 0;
    *out = conf;
    return 1;
}

/* ---- rr, RFC 9810 5.3.9 -----------------------------------------------------------------------
 */

#define OID_CRL_REASON DER_OID_SLICE("\x55\x1d\x15")

/* crlEntryDetails; of its extensions only reasonCode means something here. */
static int parse_crl_entry_details(CMPSRV_SLICE extensions, int *reason, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE value, code;

    if (!cmpsrv_extensions_check(extensions, CMPSRV_R_BAD_REQUEST, why))
        return 0;
    if (cmpsrv_extension_find(extensions, OID_CRL_REASON, NULL, &value) != 1)
        return 1;
    /* CRLReason ::= ENUMERATED, RFC 5280 5.3.1: there is no 7, none above 10 */
    if (!cmpsrv_der_get(&value, DER_ENUMERATED, &code) || value.n > 0 || code.n != 1 ||
        code.p[0] > 10 || code.p[0] == 7)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CRL_ENTRY_DETAILS,
                             "RFC 9483 4.2: reasonCode is none of 0-6, 8-10");
    *reason = code.p[0];
    return 1;
}

/* RevDetails ::= SEQUENCE { certDetails CertTemplate, crlEntryDetails Extensions OPTIONAL } */
static int parse_rev_details(CMPSRV_SLICE c, CMPSRV_REV_DETAILS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_REQUEST template = {0};
    CMPSRV_SLICE content, details;

    if (!cmpsrv_der_get(&c, DER_SEQUENCE, &content))
        return REFUSE_FORMAT(why, "RFC 9810 5.3.9: certDetails is no SEQUENCE");
    if (!cmpsrv_template_parse(content, &template, why))
        return 0;
    if (!cmpsrv_der_opt(&c, DER_SEQUENCE, &details) || c.n > 0)
        return REFUSE_FORMAT(why, "RFC 9810 5.3.9: crlEntryDetails");
    if (details.p != NULL && !parse_crl_entry_details(details, &out->reason, why))
        return 0;
    if (template.issuer.p == NULL || template.serial.p == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_ADD_INFO_NOT_AVAILABLE,
                             "RFC 9483 4.2: certDetails without %s",
                             template.issuer.p == NULL ? "issuer" : "serialNumber");
    out->issuer = template.issuer;
    out->serial = template.serial;
    out->subject = template.subject;
    out->spki = template.spki;
    return 1;
}

int cmpsrv_rr_parse(CMPSRV_SLICE body_value, CMPSRV_REV_DETAILS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_REV_DETAILS details = {0};
    CMPSRV_SLICE list, first;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get(&body_value, DER_SEQUENCE, &list) || body_value.n > 0)
        return REFUSE_FORMAT(why, "RFC 9810 5.3.9: RevReqContent is no SEQUENCE");
    if (list.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_ONE_REQUEST_ONLY, "RFC 9483 4.2: no RevDetails");
    if (!cmpsrv_der_get(&list, DER_SEQUENCE, &first))
        return REFUSE_FORMAT(why, "RFC 9810 5.3.9: RevDetails is no SEQUENCE");
    if (list.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_ONE_REQUEST_ONLY,
                             "RFC 9483 4.2: more than one RevDetails");
    if (!parse_rev_details(first, &details, why))
        return 0;
    *out = details;
    return 1;
}

/* ---- error ------------------------------------------------------------------------------------
 */

/* Appends to a text of limited size; what does not fit is cut. */
static void append(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);

    if (n < size)
        snprintf(out + n, size - n, "%s", text);
}

void cmpsrv_error_text(CMPSRV_SLICE body_value, char *out, size_t size)
{
    CMPSRV_SLICE content, info;
    STATUS_INFO status;
    char text[256];

    if (size == 0)
        return;
    out[0] = '\0';
    if (!cmpsrv_der_get(&body_value, DER_SEQUENCE, &content) ||
        !cmpsrv_der_get(&content, DER_SEQUENCE, &info) || !parse_status_info(info, &status))
        return;
    snprintf(out, size, "status %lld", (long long)status.status);
    /* The first octet of the content counts unused bits. 26 is the last bit there is. */
    for (int bit = 0; bit <= 26 && (size_t)bit / 8 + 1 < status.fail_info.n; bit++) {
        if (!(status.fail_info.p[1 + bit / 8] & 0x80 >> bit % 8))
            continue;
        append(out, size, " ");
        append(out, size, CMPSRV_failinfo_name(bit));
    }
    if (status.text.p == NULL)
        return;
    append(out, size, ": ");
    append(out, size, cmpsrv_escape(status.text, text, sizeof(text)));
}
