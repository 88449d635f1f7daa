/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction of a pack, message by message. Sending costs next to nothing: fresh
 * transactionID and nonces are put into a copy of the prepared header, and one HMAC is made with
 * the key that `prepare` derived. Answers are checked cheaply here, to the last by bench_check.c.
 * Knows no sockets.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

typedef int (*TAKE)(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE *message);

struct bench_txn_st {
    BENCH_CHECKER checker;
    EVP_MAC_CTX *mac;
    const BENCH_ENTRY *entry;
    const BENCH_WORKLOAD *workload;
    int fully;
    TAKE take;   /* what comes next; NULL: the transaction is over */
    int expects; /* body of the answer */
    unsigned char tid[BENCH_TID], nonce[BENCH_NONCE]; /* of our last message */
    unsigned char header[BENCH_MAX_HEADER];
    CMPSRV_BYTES message;
    unsigned char random[1024]; /* fetched in blocks: a call costs more than its octets */
    size_t random_left;
    char error[512];
};

static int take_certificate(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE *message);
static int take_pkiconf(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE *message);

static int fail(BENCH_TXN *t, const char *fmt, ...) CMPSRV_PRINTF(2, 3);
static int fail(BENCH_TXN *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->error, sizeof(t->error), fmt, ap);
    va_end(ap);
    t->take = NULL;
    return 0;
}

/* The HMAC with its digest, fetched once; each message only sets the key. */
static EVP_MAC_CTX *new_hmac(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac);
    if (ctx != NULL && !EVP_MAC_CTX_set_params(ctx, params)) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

BENCH_TXN *bench_txn_new(const BENCH_CHECK *check)
{
    BENCH_TXN *t = OPENSSL_zalloc(sizeof(*t));

    if (t != NULL && bench_checker_init(&t->checker, check) && (t->mac = new_hmac()) != NULL)
        return t;
    bench_txn_free(t);
    return NULL;
}

void bench_txn_free(BENCH_TXN *t)
{
    if (t == NULL)
        return;
    bench_checker_clear(&t->checker);
    EVP_MAC_CTX_free(t->mac);
    cmpsrv_bytes_clear(&t->message);
    OPENSSL_clear_free(t, sizeof(*t));
}

const char *bench_txn_error(const BENCH_TXN *t)
{
    return t->error;
}

const BENCH_WORKLOAD *bench_txn_workload(const BENCH_TXN *t)
{
    return t->workload;
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static int fresh(BENCH_TXN *t, unsigned char *out, size_t n)
{
    if (t->random_left < n) {
        if (RAND_bytes(t->random, sizeof(t->random)) != 1)
            return 0;
        t->random_left = sizeof(t->random);
    }
    t->random_left -= n;
    memcpy(out, t->random + t->random_left, n);
    return 1;
}

static int compute_mac(BENCH_TXN *t, const unsigned char *key, CMPSRV_SLICE header,
                       CMPSRV_SLICE body, unsigned char mac[BENCH_KEY])
{
    CMPSRV_BYTES part = {NULL, 0};
    size_t n = 0;
    int ok = cmpsrv_protected_part(header, body, &part) &&
             EVP_MAC_init(t->mac, key, BENCH_KEY, NULL) && EVP_MAC_update(t->mac, part.p, part.n) &&
             EVP_MAC_final(t->mac, mac, &n, BENCH_KEY) && n == BENCH_KEY;

    cmpsrv_bytes_clear(&part);
    return ok;
}

/* The prepared header with what is new in it, this body, and a MAC over both. */
static int send_part(BENCH_TXN *t, const BENCH_PART *part, CMPSRV_SLICE body,
                     CMPSRV_SLICE recip_nonce, CMPSRV_SLICE *message)
{
    CMPSRV_SLICE header = bench_pack_span(t->checker.check->pack, part->header);
    unsigned char mac[BENCH_KEY];

    memcpy(t->header, header.p, header.n);
    memcpy(t->header + part->tid, t->tid, BENCH_TID);
    memcpy(t->header + part->sender_nonce, t->nonce, BENCH_NONCE);
    if (recip_nonce.n == BENCH_NONCE && part->recip_nonce != 0)
        memcpy(t->header + part->recip_nonce, recip_nonce.p, BENCH_NONCE);
    header.p = t->header;
    cmpsrv_bytes_clear(&t->message);
    if (!compute_mac(t, part->key, header, body, mac) ||
        !bench_message_frame(header, body, cmpsrv_slice(mac, sizeof(mac)), NULL, 0, &t->message)) {
        ERR_clear_error();
        return fail(t, "a message cannot be made: out of memory, or no HMAC");
    }
    *message = cmpsrv_bytes_slice(&t->message);
    return 1;
}

/* transactionID and nonce of a signed message are those it was signed with. */
static int send_signed(BENCH_TXN *t, CMPSRV_SLICE *message)
{
    const BENCH_PACK *pack = t->checker.check->pack;
    CMPSRV_SLICE header = bench_pack_span(pack, t->entry->first.header);

    memcpy(t->tid, header.p + t->entry->first.tid, BENCH_TID);
    memcpy(t->nonce, header.p + t->entry->first.sender_nonce, BENCH_NONCE);
    *message = bench_pack_span(pack, t->entry->whole);
    return 1;
}

int bench_txn_start(BENCH_TXN *t, size_t index, int fully, CMPSRV_SLICE *message)
{
    const BENCH_PACK *pack = t->checker.check->pack;

    t->error[0] = '\0';
    if (index >= bench_pack_count(pack))
        return fail(t, "the pack has %zu transactions only", bench_pack_count(pack));
    t->entry = bench_pack_entry(pack, index);
    t->workload = &bench_workloads[t->entry->workload];
    t->fully = fully;
    t->take = take_certificate;
    t->expects = t->workload->body == CMPSRV_BODY_IR ? CMPSRV_BODY_IP : CMPSRV_BODY_CP;
    if (t->workload->protection == BENCH_SIGNATURE)
        return send_signed(t, message);
    if (!fresh(t, t->tid, BENCH_TID) || !fresh(t, t->nonce, BENCH_NONCE))
        return fail(t, "no random octets");
    return send_part(t, &t->entry->first, bench_pack_span(pack, t->entry->first.body),
                     cmpsrv_slice(NULL, 0), message);
}

/* ---- the certificate ---------------------------------------------------------------------------
 */

/* What a CertRepMessage with one CertResponse says, RFC 9810 5.3.4. */
typedef struct {
    int64_t cert_req_id, status;
    CMPSRV_SLICE status_info; /* TLV */
    CMPSRV_SLICE cert;        /* Certificate TLV; absent: none, or encrypted */
} CERT_REP;

/* certifiedKeyPair SEQUENCE { certOrEncCert CHOICE { certificate [0], ... }, ... } */
static int read_key_pair(CMPSRV_SLICE response, CMPSRV_SLICE *cert)
{
    CMPSRV_SLICE pair, choice;

    if (!cmpsrv_der_opt(&response, DER_SEQUENCE, &pair))
        return 0;
    if (pair.p == NULL || cmpsrv_der_peek(pair) != DER_CONTEXT_CONSTRUCTED(0))
        return 1;
    return cmpsrv_der_get(&pair, DER_CONTEXT_CONSTRUCTED(0), &choice) &&
           cmpsrv_der_get_tlv(&choice, DER_SEQUENCE, cert) && choice.n == 0;
}

static int read_cert_rep(CMPSRV_SLICE body, CERT_REP *out)
{
    CMPSRV_SLICE message, ca_pubs, responses, response, info;

    memset(out, 0, sizeof(*out));
    if (!cmpsrv_der_get(&body, DER_SEQUENCE, &message) ||
        !cmpsrv_der_opt(&message, DER_CONTEXT_CONSTRUCTED(1), &ca_pubs) ||
        !cmpsrv_der_get(&message, DER_SEQUENCE, &responses) ||
        !cmpsrv_der_get(&responses, DER_SEQUENCE, &response) || responses.n > 0 ||
        !cmpsrv_der_get_int64(&response, &out->cert_req_id) ||
        !cmpsrv_der_get_tlv(&response, DER_SEQUENCE, &out->status_info))
        return 0;
    message = out->status_info;
    return cmpsrv_der_get(&message, DER_SEQUENCE, &info) &&
           cmpsrv_der_get_int64(&info, &out->status) && read_key_pair(response, &out->cert);
}

/* PKIStatusInfo in words; it is put where an error body has it. */
static int fail_with_status(BENCH_TXN *t, const char *body, CMPSRV_SLICE status_info)
{
    CMPSRV_BYTES as_error = {NULL, 0};
    CMPSRV_DERW w = {0};
    char text[400] = "";

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, status_info);
    cmpsrv_derw_end(&w);
    if (cmpsrv_derw_finish(&w, &as_error))
        cmpsrv_error_text(cmpsrv_bytes_slice(&as_error), text, sizeof(text));
    cmpsrv_bytes_clear(&as_error);
    return fail(t, "the server answered with %s: %s", body, text[0] == '\0' ? "damaged" : text);
}

static int is_granted(int64_t status)
{
    return status == CMPSRV_STATUS_ACCEPTED || status == CMPSRV_STATUS_GRANTED_WITH_MODS;
}

static int has_octets(CMPSRV_SLICE in, CMPSRV_SLICE what)
{
    const unsigned char *p = in.p;
    size_t left = in.n;

    while (what.n > 0 && left >= what.n && (p = memchr(p, what.p[0], left - what.n + 1)) != NULL) {
        if (memcmp(p, what.p, what.n) == 0)
            return 1;
        p++;
        left = in.n - (size_t)(p - in.p);
    }
    return 0;
}

/* p10cr has no certReqId: -1 by RFC 9810 5.3.4, 0 by older servers. */
static int is_our_request(const BENCH_TXN *t, int64_t cert_req_id)
{
    return cert_req_id == 0 || (t->workload->body == CMPSRV_BODY_P10CR && cert_req_id == -1);
}

static int confirm(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE cert, CMPSRV_SLICE *message)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned md = cmpsrv_certhash_md(cert);
    CMPSRV_SLICE h = cmpsrv_slice(hash, cmpsrv_md_size(md));
    CMPSRV_BYTES body = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    int ok;

    if (msg->sender_nonce.n != BENCH_NONCE)
        return fail(t, "the answer's senderNonce has %zu octets, want %d", msg->sender_nonce.n,
                    BENCH_NONCE);
    if (md == 0 || !cmpsrv_md_hash(md, cert, hash))
        return fail(t, "the certificate's signature algorithm defines no certHash");
    if (t->fully && !bench_check_cert_hash(cert, h, &why))
        return fail(t, "%s", why.detail);
    if (!fresh(t, t->nonce, BENCH_NONCE) || !bench_message_certconf(h, &body))
        return fail(t, "out of memory, or of random octets");
    ok = send_part(t, &t->entry->confirm, cmpsrv_bytes_slice(&body), msg->sender_nonce, message);
    cmpsrv_bytes_clear(&body);
    t->take = take_pkiconf;
    t->expects = CMPSRV_BODY_PKICONF;
    return ok ? 2 : 0;
}

static int take_certificate(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE *message)
{
    CMPSRV_SLICE spki = bench_pack_span(t->checker.check->pack, t->entry->spki);
    CMPSRV_REFUSAL why = {0};
    CERT_REP rep;

    if (!read_cert_rep(msg->body_value, &rep))
        return fail(t, "%s: this is no CertRepMessage with one CertResponse",
                    cmpsrv_body_name(msg->body_type));
    if (!is_granted(rep.status))
        return fail_with_status(t, cmpsrv_body_name(msg->body_type), rep.status_info);
    if (!is_our_request(t, rep.cert_req_id))
        return fail(t, "certReqId of the answer is %lld", (long long)rep.cert_req_id);
    if (rep.cert.p == NULL)
        return fail(t, "the answer has no certificate in the clear");
    if (t->checker.check->any_certificate)
        spki = cmpsrv_slice(NULL, 0);
    else if (!has_octets(rep.cert, spki))
        return fail(t, "the certificate is for another key");
    if (t->fully && !bench_check_certificate(&t->checker, rep.cert, spki, &why))
        return fail(t, "%s", why.detail);
    if (t->workload->confirms)
        return confirm(t, msg, rep.cert, message);
    if (!msg->implicit_confirm)
        return fail(t, "the server did not grant implicitConfirm: allow it at the alias or use "
                       "ir-pbm-certconf");
    return 1;
}

static int take_pkiconf(BENCH_TXN *t, const CMPSRV_PKIMSG *msg, CMPSRV_SLICE *message)
{
    (void)t;
    (void)msg;
    (void)message;
    return 1; /* that it is a pkiConf says all */
}

/* ---- any answer --------------------------------------------------------------------------------
 */

static int fail_with_error(BENCH_TXN *t, const CMPSRV_PKIMSG *msg)
{
    char text[400];

    cmpsrv_error_text(msg->body_value, text, sizeof(text));
    return fail(t, "the server answered with error: %s", text[0] == '\0' ? "damaged" : text);
}

static int check_answer(BENCH_TXN *t, const CMPSRV_PKIMSG *msg)
{
    CMPSRV_REFUSAL why = {0};

    if (msg->body_type == CMPSRV_BODY_ERROR)
        return fail_with_error(t, msg);
    if (msg->body_type != t->expects)
        return fail(t, "the server answered with %s, want %s", cmpsrv_body_name(msg->body_type),
                    cmpsrv_body_name(t->expects));
    if (!cmpsrv_slice_eq(msg->transaction_id, cmpsrv_slice(t->tid, BENCH_TID)))
        return fail(t, "the answer has another transactionID");
    if (!cmpsrv_slice_eq(msg->recip_nonce, cmpsrv_slice(t->nonce, BENCH_NONCE)))
        return fail(t, "recipNonce of the answer is not our senderNonce");
    if (t->fully && !bench_check_protection(&t->checker, msg, &why))
        return fail(t, "%s", why.detail);
    return 1;
}

int bench_txn_take(BENCH_TXN *t, CMPSRV_SLICE answer, CMPSRV_SLICE *message)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_PKIMSG msg;
    int more;

    if (t->take == NULL)
        return fail(t, "no answer is expected");
    if (!cmpsrv_pkimsg_parse(answer, &msg, &why))
        return fail(t, "the answer is no PKIMessage: %s", why.detail);
    if (!check_answer(t, &msg))
        return 0;
    more = t->take(t, &msg, message);
    if (more != 2)
        t->take = NULL;
    return more;
}
