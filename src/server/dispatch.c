/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of OSSL_CMP_SRV_CTX. A request that has been authenticated and decided is written
 * anew in one canonical form (pvno 2, NULL-DN names, one request, certReqId 0, raVerified: proof of
 * possession was checked before) and given to a fresh core, which keeps the order of messages,
 * matches transactionID and nonces, dispatches to the callbacks below and grants implicitConfirm.
 * It gets neither a secret nor a trust store, and never a byte that was not checked here first. Nor
 * does it get keys and certificates, which it would decode once more (OpenSSL 3.0 takes longer for
 * that than for the cryptography): stand-ins go in and out, and answer.c writes what is sent. A
 * core that has to take a certConf is primed: it believes in a transaction only after a request.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/cmp.h>
#include <openssl/err.h>

/* Content of a SubjectPublicKeyInfo, the stand-in for cores that want one with octets in it. Its
 * algorithm (the arc id-pkix) is none, so that libcrypto does not try to build a key. */
static const unsigned char any_key[] = {0x30, 0x08, 0x06, 0x06, 0x2b, 0x06, 0x01,
                                        0x05, 0x05, 0x07, 0x03, 0x02, 0x00, 0x00};

/* ---- canonical messages -------------------------------------------------------------------------
 */

static void put_explicit_octets(CMPSRV_DERW *w, int n, CMPSRV_SLICE octets)
{
    if (octets.p == NULL)
        return;
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(n));
    cmpsrv_derw_put(w, DER_OCTET_STRING, octets);
    cmpsrv_derw_end(w);
}

static int asks_implicit_confirm(const CMPSRV_REQUEST *req)
{
    return req->type->is_first && req->msg.implicit_confirm;
}

static void put_header(CMPSRV_DERW *w, const CMPSRV_REQUEST *req, int implicit_confirm)
{
    static const unsigned char null_dn[] = {0xa4, 0x02, 0x30, 0x00};
    static const unsigned char implicit[] = {0x30, 0x0c, 0x06, 0x08, 0x2b, 0x06, 0x01,
                                             0x05, 0x05, 0x07, 0x04, 0x0d, 0x05, 0x00};

    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_int64(w, 2);
    cmpsrv_derw_raw(w, cmpsrv_slice(null_dn, sizeof(null_dn)));
    cmpsrv_derw_raw(w, cmpsrv_slice(null_dn, sizeof(null_dn)));
    put_explicit_octets(w, 4, req->msg.transaction_id);
    put_explicit_octets(w, 5, req->msg.sender_nonce);
    put_explicit_octets(w, 6, req->msg.recip_nonce);
    if (implicit_confirm) {
        cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(8));
        cmpsrv_derw_begin(w, DER_SEQUENCE);
        cmpsrv_derw_raw(w, cmpsrv_slice(implicit, sizeof(implicit)));
        cmpsrv_derw_end(w);
        cmpsrv_derw_end(w);
    }
    cmpsrv_derw_end(w);
}

/* CertReqMessages with one request, raVerified. */
static void put_cert_request(CMPSRV_DERW *w)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* CertReqMessages */
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* CertReqMsg */
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* CertRequest */
    cmpsrv_derw_int64(w, 0);
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* CertTemplate */
    if (cmpsrv_core_wants_key())
        cmpsrv_derw_put(w, DER_CONTEXT_CONSTRUCTED(6), cmpsrv_slice(any_key, sizeof(any_key)));
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_put(w, DER_CONTEXT(0), cmpsrv_slice("", 0)); /* raVerified */
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static void put_status(CMPSRV_DERW *w, int64_t status)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_int64(w, status);
    cmpsrv_derw_end(w);
}

static void put_cert_conf(CMPSRV_DERW *w, const CMPSRV_REQUEST *req)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_put(w, DER_OCTET_STRING,
                    req->view.conf.present ? req->view.conf.cert_hash : cmpsrv_slice("", 0));
    cmpsrv_derw_int64(w, 0);
    put_status(w, req->accepted ? CMPSRV_STATUS_ACCEPTED : CMPSRV_STATUS_REJECTION);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static void put_rev_details(CMPSRV_DERW *w, const CMPSRV_REQUEST *req)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* RevReqContent */
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* RevDetails */
    cmpsrv_derw_begin(w, DER_SEQUENCE); /* CertTemplate */
    cmpsrv_derw_put(w, DER_CONTEXT(1), req->view.rev.serial);
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(3));
    cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&req->cert_ca->issuer.subject));
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static void put_error(CMPSRV_DERW *w)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    put_status(w, CMPSRV_STATUS_REJECTION);
    cmpsrv_derw_end(w);
}

/* p10cr goes as cr: both are answered with cp, and the PKCS#10 itself has done its work. */
static int canonical_body(int body)
{
    return body == CMPSRV_BODY_P10CR ? CMPSRV_BODY_CR : body;
}

static int make_canonical(const CMPSRV_REQUEST *req, CMPSRV_BYTES *out)
{
    int body = canonical_body(req->msg.body_type);
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_header(&w, req, asks_implicit_confirm(req));
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(body));
    if (body == CMPSRV_BODY_CERTCONF)
        put_cert_conf(&w, req);
    else if (body == CMPSRV_BODY_RR)
        put_rev_details(&w, req);
    else if (body == CMPSRV_BODY_ERROR)
        put_error(&w);
    else
        put_cert_request(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* The request that a certConf follows, as far as the core needs to know it. */
static int make_priming(const CMPSRV_REQUEST *req, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_header(&w, req, 0);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(CMPSRV_BODY_IR));
    put_cert_request(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* ---- callbacks: what was decided, nothing else
 * --------------------------------------------------- */

/* The request, which the core passes on to us. */
static CMPSRV_REQUEST *asked(const OSSL_CMP_SRV_CTX *ctx)
{
    CMPSRV_REQUEST *req = OSSL_CMP_SRV_CTX_get0_custom_ctx(ctx);

    req->core_has_asked = 1;
    return req;
}

static OSSL_CMP_PKISI *on_cert_request(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg,
                                       int cert_req_id, const OSSL_CRMF_MSG *crm,
                                       const X509_REQ *p10cr, X509 **cert, STACK_OF(X509) * *chain,
                                       STACK_OF(X509) * *ca_pubs)
{
    X509 *any = asked(ctx)->snap->cas[0]->issuer.cert;

    (void)msg, (void)cert_req_id, (void)crm, (void)p10cr;
    *chain = *ca_pubs = NULL;
    if (!X509_up_ref(any))
        return NULL;
    *cert = any;
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

static OSSL_CMP_PKISI *on_rr(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg,
                             const X509_NAME *issuer, const ASN1_INTEGER *serial)
{
    asked(ctx);
    (void)msg, (void)issuer, (void)serial;
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

static int on_genm(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg,
                   const STACK_OF(OSSL_CMP_ITAV) * in, STACK_OF(OSSL_CMP_ITAV) * *out)
{
    (void)ctx, (void)msg, (void)in;
    *out = NULL;
    return 0; /* genm is not served: rule H4 */
}

static void on_error(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg, const OSSL_CMP_PKISI *status,
                     const ASN1_INTEGER *code, const OSSL_CMP_PKIFREETEXT *details)
{
    asked(ctx);
    (void)msg, (void)status, (void)code, (void)details;
}

static int on_cert_conf(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg, int cert_req_id,
                        const ASN1_OCTET_STRING *hash, const OSSL_CMP_PKISI *status)
{
    asked(ctx);
    (void)msg, (void)cert_req_id, (void)hash, (void)status;
    return 1; /* certHash and status were decided on before */
}

static int on_poll_req(OSSL_CMP_SRV_CTX *ctx, const OSSL_CMP_MSG *msg, int cert_req_id,
                       OSSL_CMP_MSG **req, int64_t *check_after)
{
    (void)ctx, (void)msg, (void)cert_req_id;
    *req = NULL; /* OpenSSL 3.0 leaves both uninitialised before it calls */
    *check_after = 0;
    return 0;
}

/* ---- the core
 * -------------------------------------------------------------------------------------- */

/* Who the core sends as: no name and no senderKID will not do, and to copy a name takes longer. */
static int set_sender(OSSL_CMP_CTX *ctx)
{
    static const unsigned char kid[] = {0};

    return OSSL_CMP_CTX_set1_referenceValue(ctx, kid, sizeof(kid));
}

/* Never where certConf is the proof of possession (RFC 9810 5.2.8.3.2). */
static int may_confirm_implicitly(const CMPSRV_REQUEST *req)
{
    return req->alias->implicit_confirm && !(req->decision != NULL && req->decision->must_decrypt);
}

static OSSL_CMP_SRV_CTX *new_core(CMPSRV_REQUEST *req)
{
    OSSL_CMP_SRV_CTX *core = NULL;
    OSSL_CMP_CTX *ctx;

    /* Not an assert: the one place that lets an unprotected message in makes sure that ours was
     * proven. */
    if (!req->auth.identity.proven || (!req->type->is_first && req->has_txn && !req->owns_txn))
        return NULL;
    if ((core = OSSL_CMP_SRV_CTX_new(req->srv->libctx, req->srv->propq)) == NULL)
        return NULL;
    ctx = OSSL_CMP_SRV_CTX_get0_cmp_ctx(core);
    if (OSSL_CMP_SRV_CTX_init(core, req, on_cert_request, on_rr, on_genm, on_error, on_cert_conf,
                              on_poll_req) &&
        OSSL_CMP_SRV_CTX_set_accept_unprotected(core, 1) &&
        OSSL_CMP_SRV_CTX_set_accept_raverified(core, 1) &&
        OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(core, may_confirm_implicitly(req)) &&
        OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_UNPROTECTED_SEND, 1) && set_sender(ctx))
        return core;
    OSSL_CMP_SRV_CTX_free(core);
    return NULL;
}

/* Gives the core one DER message: its answer, or NULL. */
static OSSL_CMP_MSG *feed(OSSL_CMP_SRV_CTX *core, const CMPSRV_BYTES *der)
{
    const unsigned char *p = der->p;
    OSSL_CMP_MSG *msg = d2i_OSSL_CMP_MSG(NULL, &p, (long)der->n), *answer = NULL;

    ERR_clear_error(); /* the oldest queued error would become the text of the answer */
    if (msg != NULL)
        answer = OSSL_CMP_SRV_process_request(core, msg);
    OSSL_CMP_MSG_free(msg);
    return answer;
}

/* Brings a fresh core to where it waits for the next message of this transaction. */
static int prime(OSSL_CMP_SRV_CTX *core, const CMPSRV_REQUEST *req)
{
    OSSL_CMP_CTX *ctx = OSSL_CMP_SRV_CTX_get0_cmp_ctx(core);
    OSSL_CMP_MSG *answer = NULL;
    ASN1_OCTET_STRING *tid = ASN1_OCTET_STRING_new(), *nonce = ASN1_OCTET_STRING_new();
    CMPSRV_BYTES der = {0};
    int ok = 0;

    if (tid != NULL && nonce != NULL && make_priming(req, &der) &&
        (answer = feed(core, &der)) != NULL &&
        ASN1_OCTET_STRING_set(tid, req->txn.tid, (int)req->txn.tid_len) &&
        ASN1_OCTET_STRING_set(nonce, req->txn.sender_nonce, CMPSRV_OUR_NONCE))
        ok = OSSL_CMP_CTX_set1_transactionID(ctx, tid) && OSSL_CMP_CTX_set1_senderNonce(ctx, nonce);
    OSSL_CMP_MSG_free(answer);
    cmpsrv_bytes_clear(&der);
    ASN1_OCTET_STRING_free(tid);
    ASN1_OCTET_STRING_free(nonce);
    return ok;
}

/* What of the core's answer counts: that it is one of the right type to a question that it has
 * passed on to us, and whether it grants implicitConfirm. That the core keeps as an option of its
 * context, from which it writes the header and knows that the transaction has ended. Header and
 * body of what is sent are ours. */
static int read_answer(CMPSRV_REQUEST *req, const OSSL_CMP_SRV_CTX *core,
                       const OSSL_CMP_MSG *answer)
{
    const OSSL_CMP_CTX *ctx = OSSL_CMP_SRV_CTX_get0_cmp_ctx(core);
    int type = answer == NULL ? -1 : OSSL_CMP_MSG_get_bodytype(answer);

    if (type != req->type->answer || !req->core_has_asked)
        return cmpsrv_fail(&req->why, "the core answered %s to %s", cmpsrv_body_name(type),
                           cmpsrv_body_name(req->msg.body_type));
    req->implicit = asks_implicit_confirm(req) &&
                    OSSL_CMP_CTX_get_option(ctx, OSSL_CMP_OPT_IMPLICIT_CONFIRM) == 1;
    return 1;
}

int cmpsrv_dispatch(CMPSRV_REQUEST *req)
{
    OSSL_CMP_SRV_CTX *core = new_core(req);
    OSSL_CMP_MSG *answer = NULL;
    CMPSRV_BYTES der = {0};
    int ok = 0;

    if (core == NULL)
        cmpsrv_fail(&req->why, "no core for this request");
    else if (req->msg.body_type == CMPSRV_BODY_CERTCONF && !prime(core, req))
        cmpsrv_fail(&req->why, "the core cannot be primed");
    else if (!make_canonical(req, &der))
        cmpsrv_fail(&req->why, "out of memory");
    else {
        req->core_has_asked = 0;
        answer = feed(core, &der);
        ok = read_answer(req, core, answer);
    }
    ERR_clear_error();
    OSSL_CMP_MSG_free(answer);
    OSSL_CMP_SRV_CTX_free(core);
    cmpsrv_bytes_clear(&der);
    return ok;
}
