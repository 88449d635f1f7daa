/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKIMessage and PKIHeader, RFC 9810 5.1, in both directions. The first stage of every request:
 * gives slices of the received buffer, or a refusal with as much of the header as an error answer
 * needs. Knows the types of header fields, not what values are allowed here; does not look into
 * bodies.
 */
#include "config.h"

#include "wire/wire_local.h"

#include <stddef.h>
#include <string.h>

static const char *const body_names[] = {
    "ir",     "ip",      "cr",     "cp",   "p10cr", "popdecc", "popdecr",  "kur",     "kup",
    "krr",    "krp",     "rr",     "rp",   "ccr",   "ccp",     "ckuann",   "cann",    "rann",
    "crlann", "pkiconf", "nested", "genm", "genp",  "error",   "certConf", "pollReq", "pollRep",
};
_Static_assert(CMPSRV_ARRAY_SIZE(body_names) == CMPSRV_BODY__COUNT, "one name a body");

/* id-it-implicitConfirm, id-it-confirmWaitTime: 1.3.6.1.5.5.7.4.13, .14 */
#define OID_IMPLICIT_CONFIRM  DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x04\x0d")
#define OID_CONFIRM_WAIT_TIME DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x04\x0e")
/* GeneralName directoryName with no RDNs */
#define NULL_DN DER_OID_SLICE("\xa4\x02\x30\x00")

const char *cmpsrv_body_name(int body_type)
{
    return body_type < 0 || body_type >= CMPSRV_BODY__COUNT ? "?" : body_names[body_type];
}

/* ---- the OPTIONAL fields of PKIHeader ---------------------------------------------------------
 */

typedef struct header_field_st HEADER_FIELD;
struct header_field_st {
    const char *name;
    /* in: content of the field's [n], which is EXPLICIT: exactly one element */
    int (*parse)(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why);
    /* of OCTET STRING fields: where to put it, limits, and the reason if it keeps to none */
    size_t slot, min, max;
    CMPSRV_REASON reason;
};

static int refuse_field(const HEADER_FIELD *f, CMPSRV_REFUSAL *why)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 9810 5.1.1: %s has a wrong type",
                         f->name);
}

static int parse_octets(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg,
                        CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE *slot = (void *)((unsigned char *)msg + f->slot);
    CMPSRV_SLICE octets;

    if (!cmpsrv_der_get(&in, DER_OCTET_STRING, &octets) || in.n > 0)
        return refuse_field(f, why);
    if (octets.n < f->min || octets.n > f->max)
        return cmpsrv_refuse(why, f->reason, "%s: want %zu to %zu octets, have %zu", f->name,
                             f->min, f->max, octets.n);
    *slot = octets;
    return 1;
}

static int parse_message_time(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg,
                              CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE time;

    if (!cmpsrv_der_get(&in, DER_GENERALIZEDTIME, &time) || in.n > 0 ||
        !cmpsrv_time_from_generalized(time, &msg->message_time))
        return refuse_field(f, why);
    msg->has_message_time = 1;
    return 1;
}

static int parse_protection_alg(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg,
                                CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE algid;

    if (!cmpsrv_algid_get(&in, f->name, &algid, why))
        return 0;
    if (in.n > 0)
        return refuse_field(f, why);
    msg->protection_alg = algid;
    return 1;
}

/* PKIFreeText ::= SEQUENCE SIZE (1..MAX) OF UTF8String */
static int parse_free_text(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg,
                           CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE tlv, texts;

    if (!cmpsrv_der_any(&in, NULL, &tlv, &texts) || tlv.p[0] != DER_SEQUENCE || in.n > 0 ||
        texts.n == 0)
        return refuse_field(f, why);
    while (texts.n > 0)
        if (!cmpsrv_der_get(&texts, DER_UTF8STRING, NULL))
            return refuse_field(f, why);
    msg->free_text = tlv;
    return 1;
}

/* The two items of generalInfo that every server has to know, RFC 9810 5.1.1.1 and 5.1.1.2;
 * value: TLV, or absent. */
static int check_info(CMPSRV_SLICE type, CMPSRV_SLICE value, int *implicit, int *wait,
                      CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE time;
    int64_t ms;

    if (cmpsrv_slice_eq(type, OID_IMPLICIT_CONFIRM)) {
        if (value.p != NULL && value.p[0] != DER_NULL)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_GENERAL_INFO,
                                 "RFC 9810 5.1.1.1: implicitConfirm: want NULL, have tag %02x",
                                 value.p[0]);
        ++*implicit;
    } else if (cmpsrv_slice_eq(type, OID_CONFIRM_WAIT_TIME)) {
        if (!cmpsrv_der_get(&value, DER_GENERALIZEDTIME, &time) ||
            !cmpsrv_time_from_generalized(time, &ms))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                                 "RFC 9810 5.1.1.2: confirmWaitTime is no GeneralizedTime");
        ++*wait;
    }
    if (*implicit + *wait > 1)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_GENERAL_INFO,
                             "RFC 9483 3.5: implicitConfirm and confirmWaitTime: %d and %d times",
                             *implicit, *wait);
    return 1;
}

/* SEQUENCE SIZE (1..MAX) OF InfoTypeAndValue ::= SEQUENCE { infoType OID, infoValue ANY OPTIONAL }
 */
static int parse_general_info(const HEADER_FIELD *f, CMPSRV_SLICE in, CMPSRV_PKIMSG *msg,
                              CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE items, rest;
    int implicit = 0, wait = 0;

    if (!cmpsrv_der_get(&in, DER_SEQUENCE, &items) || in.n > 0 || items.n == 0)
        return refuse_field(f, why);
    for (rest = items; rest.n > 0;) {
        CMPSRV_SLICE itav, type, value = {NULL, 0};

        if (!cmpsrv_der_get(&rest, DER_SEQUENCE, &itav) || !cmpsrv_der_get(&itav, DER_OID, &type) ||
            (itav.n > 0 && !cmpsrv_der_any(&itav, NULL, &value, NULL)) || itav.n > 0)
            return refuse_field(f, why);
        if (!check_info(type, value, &implicit, &wait, why))
            return 0;
    }
    msg->general_info = items;
    msg->implicit_confirm = implicit;
    return 1;
}

/* PKIHeader, RFC 9810 5.1.1: row n is the field [n]. */
#define OCTETS(name, field, min, max, reason)                                                      \
    {                                                                                              \
        name, parse_octets, offsetof(CMPSRV_PKIMSG, field), min, max, reason                       \
    }
#define OTHER(name, parse)                                                                         \
    {                                                                                              \
        name, parse, 0, 0, 0, CMPSRV_R_BAD_DATA_FORMAT                                             \
    }
static const HEADER_FIELD header_fields[] = {
    OTHER("messageTime", parse_message_time),
    OTHER("protectionAlg", parse_protection_alg),
    OCTETS("senderKID", sender_kid, 0, CMPSRV_MAX_SENDER_KID, CMPSRV_R_LIMIT_EXCEEDED),
    OCTETS("recipKID", recip_kid, 0, CMPSRV_MAX_SENDER_KID, CMPSRV_R_LIMIT_EXCEEDED),
    OCTETS("transactionID", transaction_id, 1, CMPSRV_MAX_TRANSACTION_ID,
           CMPSRV_R_BAD_TRANSACTION_ID),
    OCTETS("senderNonce", sender_nonce, 0, CMPSRV_MAX_NONCE, CMPSRV_R_LIMIT_EXCEEDED),
    OCTETS("recipNonce", recip_nonce, 0, CMPSRV_MAX_NONCE, CMPSRV_R_LIMIT_EXCEEDED),
    OTHER("freeText", parse_free_text),
    OTHER("generalInfo", parse_general_info),
};
#define FIELD_TRANSACTION_ID 4
#define FIELD_SENDER_NONCE   5

/* ---- parse ------------------------------------------------------------------------------------
 */

/*
 * What an error answer copies from a request that may be refused at any point: pvno, sender,
 * transactionID and senderNonce, each only if it is usable. Refuses nothing; runs over octets that
 * nobody has checked.
 */
static void salvage(CMPSRV_SLICE der, CMPSRV_PKIMSG *msg)
{
    CMPSRV_SLICE seq, header, field, sender, dn;
    int tag;

    if (!cmpsrv_der_get(&der, DER_SEQUENCE, &seq) || !cmpsrv_der_get(&seq, DER_SEQUENCE, &header) ||
        !cmpsrv_der_get_int64(&header, &msg->pvno))
        return;
    field = header;
    if (!cmpsrv_der_any(&header, NULL, NULL, NULL)) /* sender */
        return;
    /* it goes out again as recipient: only if it is DER down to the last element */
    if (cmpsrv_general_name_get_tlv(&field, &sender, &dn) &&
        cmpsrv_der_check(sender, CMPSRV_MAX_DEPTH, CMPSRV_MAX_ELEMENTS, NULL)) {
        msg->sender = sender;
        msg->sender_dn = dn;
    }
    while (cmpsrv_der_any(&header, &tag, NULL, &field)) {
        if (tag == DER_CONTEXT_CONSTRUCTED(FIELD_TRANSACTION_ID))
            parse_octets(&header_fields[FIELD_TRANSACTION_ID], field, msg, NULL);
        if (tag == DER_CONTEXT_CONSTRUCTED(FIELD_SENDER_NONCE))
            parse_octets(&header_fields[FIELD_SENDER_NONCE], field, msg, NULL);
    }
}

static int refuse_message(CMPSRV_REFUSAL *why, const char *what)
{
    return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 9810 5.1: %s", what);
}

static int parse_header(CMPSRV_SLICE *in, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE tlv = *in, header, field;

    if (!cmpsrv_der_get(in, DER_SEQUENCE, &header))
        return refuse_message(why, "the header is no SEQUENCE");
    msg->header = cmpsrv_slice(tlv.p, tlv.n - in->n);
    if (!cmpsrv_der_get_int64(&header, &msg->pvno))
        return refuse_message(why, "pvno is no INTEGER, or a very large one");
    if (!cmpsrv_general_name_get_tlv(&header, &msg->sender, &msg->sender_dn))
        return refuse_message(why, "sender is no GeneralName");
    if (!cmpsrv_general_name_get_tlv(&header, &msg->recipient, &msg->recipient_dn))
        return refuse_message(why, "recipient is no GeneralName");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(header_fields); i++) {
        const HEADER_FIELD *f = &header_fields[i];

        if (!cmpsrv_der_opt(&header, DER_CONTEXT_CONSTRUCTED((int)i), &field))
            return refuse_field(f, why);
        if (field.p != NULL && !f->parse(f, field, msg, why))
            return 0;
    }
    if (header.n > 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT,
                             "RFC 9810 5.1.1: header field with tag %02x is unknown, out of order "
                             "or there twice",
                             (unsigned)cmpsrv_der_peek(header));
    return 1;
}

static int parse_body(CMPSRV_SLICE *in, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE tlv, content, value;
    int tag;

    if (!cmpsrv_der_any(in, &tag, &tlv, &content) || tag < DER_CONTEXT_CONSTRUCTED(0) ||
        tag >= DER_CONTEXT_CONSTRUCTED(0) + CMPSRV_BODY__COUNT)
        return refuse_message(why, "no body of a known type");
    if (!cmpsrv_der_any(&content, NULL, &value, NULL) || content.n > 0)
        return refuse_message(why, "the body is not exactly one element");
    msg->body = tlv;
    msg->body_value = value;
    msg->body_type = tag - DER_CONTEXT_CONSTRUCTED(0);
    return 1;
}

static int parse_protection(CMPSRV_SLICE *in, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE field, octets;

    if (!cmpsrv_der_opt(in, DER_CONTEXT_CONSTRUCTED(0), &field))
        return refuse_message(why, "protection is damaged");
    if (field.p == NULL)
        return 1;
    if (!cmpsrv_der_get_octet_bits(&field, &octets) || field.n > 0)
        return refuse_message(why, "protection is no BIT STRING of whole octets");
    msg->protection = octets;
    return 1;
}

static int parse_extra_certs(CMPSRV_SLICE *in, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE field, certs, cert;

    if (!cmpsrv_der_opt(in, DER_CONTEXT_CONSTRUCTED(1), &field))
        return refuse_message(why, "extraCerts is damaged");
    if (field.p == NULL)
        return 1;
    if (!cmpsrv_der_get(&field, DER_SEQUENCE, &certs) || field.n > 0 || certs.n == 0)
        return refuse_message(why, "extraCerts is no SEQUENCE (1..) OF Certificate");
    while (certs.n > 0) {
        if (msg->extra_certs_n == CMPSRV_MAX_EXTRA_CERTS)
            return cmpsrv_refuse(why, CMPSRV_R_LIMIT_EXCEEDED, "more than %d extraCerts",
                                 CMPSRV_MAX_EXTRA_CERTS);
        if (!cmpsrv_der_get_tlv(&certs, DER_SEQUENCE, &cert))
            return refuse_message(why, "an element of extraCerts is no Certificate");
        msg->extra_certs[msg->extra_certs_n++] = cert;
    }
    return 1;
}

int cmpsrv_pkimsg_parse(CMPSRV_SLICE der, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = der, seq;

    memset(msg, 0, sizeof(*msg));
    msg->der = der;
    msg->body_type = -1;
    salvage(der, msg);
    if (!cmpsrv_der_check(der, CMPSRV_MAX_DEPTH, CMPSRV_MAX_ELEMENTS, why))
        return 0;
    if (!cmpsrv_der_get(&in, DER_SEQUENCE, &seq))
        return refuse_message(why, "the message is no SEQUENCE");
    if (!parse_header(&seq, msg, why) || !parse_body(&seq, msg, why) ||
        !parse_protection(&seq, msg, why) || !parse_extra_certs(&seq, msg, why))
        return 0;
    return seq.n == 0 || refuse_message(why, "unknown element at the end of the message");
}

/* ---- build ------------------------------------------------------------------------------------
 */

static void write_octets(CMPSRV_DERW *w, int n, CMPSRV_SLICE octets)
{
    if (octets.p == NULL)
        return;
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(n));
    cmpsrv_derw_put(w, DER_OCTET_STRING, octets);
    cmpsrv_derw_end(w);
}

static void write_general_info(CMPSRV_DERW *w, const CMPSRV_ANSWER_HEAD *head)
{
    if (!head->implicit_confirm && head->confirm_wait_until == 0)
        return;
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(8));
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    if (head->implicit_confirm) {
        cmpsrv_derw_oid(w, OID_IMPLICIT_CONFIRM);
        cmpsrv_derw_null(w);
    } else {
        cmpsrv_derw_oid(w, OID_CONFIRM_WAIT_TIME);
        cmpsrv_derw_generalized_time(w, head->confirm_wait_until);
    }
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static int build_header(const CMPSRV_ANSWER_HEAD *head, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, head->pvno);
    cmpsrv_derw_raw(&w, head->sender.p != NULL ? head->sender : NULL_DN);
    cmpsrv_derw_raw(&w, head->recipient.p != NULL ? head->recipient : NULL_DN);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_generalized_time(&w, head->message_time);
    cmpsrv_derw_end(&w);
    if (head->protection_alg.p != NULL)
        cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(1), head->protection_alg);
    write_octets(&w, 2, head->sender_kid);
    write_octets(&w, FIELD_TRANSACTION_ID, head->transaction_id);
    write_octets(&w, FIELD_SENDER_NONCE, head->sender_nonce);
    write_octets(&w, 6, head->recip_nonce);
    write_general_info(&w, head);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

int cmpsrv_pkimsg_build(const CMPSRV_ANSWER_HEAD *head, CMPSRV_SLICE body, CMPSRV_PROTECT_CB cb,
                        void *arg, const CMPSRV_SLICE *extra_certs, size_t extra_certs_n,
                        CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_BYTES header = {NULL, 0}, protection = {NULL, 0};
    CMPSRV_DERW w = {0};
    int ok = 0;

    if (head->implicit_confirm && head->confirm_wait_until != 0)
        return cmpsrv_fail(why, "RFC 9810 5.1.1.2: implicitConfirm with confirmWaitTime");
    if (!build_header(head, &header)) {
        cmpsrv_fail(why, "building a PKIHeader");
        goto end;
    }
    if (head->protection_alg.p != NULL &&
        !cb(arg, cmpsrv_bytes_slice(&header), body, &protection, why)) {
        cmpsrv_fail(why, "protecting an answer"); /* a refusal of cb's own stays */
        goto end;
    }
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&header));
    cmpsrv_derw_raw(&w, body);
    if (head->protection_alg.p != NULL) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
        cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&protection));
        cmpsrv_derw_end(&w);
    }
    if (extra_certs_n > 0) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        for (size_t i = 0; i < extra_certs_n; i++)
            cmpsrv_derw_raw(&w, extra_certs[i]);
        cmpsrv_derw_end(&w);
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_end(&w);
    ok = cmpsrv_derw_finish(&w, out) || cmpsrv_fail(why, "building a PKIMessage");
end:
    cmpsrv_derw_clear(&w);
    cmpsrv_bytes_clear(&header);
    cmpsrv_bytes_clear(&protection);
    return ok;
}
