/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certConf, and an error message in its place: the client says what became of its certificate (RFC
 * 9810 5.3.18, RFC 9483 4.1.1). Accepted: active. Rejected, or given up with an error: revoked.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

int cmpsrv_handle_conf_parse(CMPSRV_REQUEST *req)
{
    return cmpsrv_certconf_parse(req->msg.body_value, &req->view.conf, &req->why);
}

/* The certificate of the transaction into req->cert. */
static int load_certificate(CMPSRV_REQUEST *req)
{
    int found = cmpsrv_store_cert_get(req->srv->store, req->txn.ca_id,
                                      cmpsrv_slice(req->txn.serial, req->txn.serial_len),
                                      &req->cert, &req->why);

    if (found < 0)
        return 0;
    if (found == 0)
        return cmpsrv_fail(&req->why, "the certificate of the transaction is not in the store");
    req->has_cert = 1;
    req->cert_ca = cmpsrv_snapshot_ca_by_id(req->snap, req->cert.ca_id);
    return 1;
}

static int check_cert_req_id(CMPSRV_REQUEST *req)
{
    int64_t have = req->view.conf.cert_req_id, want = req->txn.cert_req_id;
    int p10cr = req->txn.body_type == CMPSRV_BODY_P10CR;

    /* RFC 9483 4.1.1 says 0, erratum 8806 and RFC 9810 say -1 for p10cr: both are taken */
    if (have == want || (p10cr && (have == 0 || have == -1)))
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_REQ_ID,
                         "RFC 9483 4.1.1: certReqId %lld, want %lld", (long long)have,
                         (long long)want);
}

/* The digest of certHash: hashAlg, only with pvno 3, else that of the certificate's signature. */
static int find_digest(CMPSRV_REQUEST *req, unsigned *md)
{
    CMPSRV_SLICE alg = req->view.conf.hash_alg;

    if (alg.p != NULL && req->msg.pvno != 3)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                             "RFC 9810 5.3.18: hashAlg with pvno %lld", (long long)req->msg.pvno);
    if (alg.p == NULL) {
        if ((*md = cmpsrv_certhash_md(cmpsrv_bytes_slice(&req->cert.der))) == 0)
            return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                                 "RFC 9810 5.3.18: this certificate needs hashAlg");
        return 1;
    }
    *md = cmpsrv_md_from_algid(alg);
    if ((*md & (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)) == 0)
        return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_ALG,
                             "hashAlg is not SHA-256, SHA-384 or SHA-512");
    return 1;
}

static int check_hash(CMPSRV_REQUEST *req)
{
    unsigned char hash[64];
    unsigned md = 0;

    if (!find_digest(req, &md))
        return 0;
    if (!cmpsrv_md_hash(md, cmpsrv_bytes_slice(&req->cert.der), hash))
        return cmpsrv_fail(&req->why, "cannot hash the certificate");
    if (req->view.conf.cert_hash.n == cmpsrv_md_size(md) &&
        CRYPTO_memcmp(req->view.conf.cert_hash.p, hash, cmpsrv_md_size(md)) == 0)
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_CERT_ID,
                         "RFC 9810 5.3.18: certHash is not the %s of the certificate",
                         cmpsrv_md_name(md));
}

int cmpsrv_handle_conf_decide(CMPSRV_REQUEST *req)
{
    if (!load_certificate(req))
        return 0;
    if (req->view.conf.present && (!check_cert_req_id(req) || !check_hash(req)))
        return 0;
    req->accepted = req->view.conf.present && req->view.conf.status == CMPSRV_STATUS_ACCEPTED;
    return 1;
}

int cmpsrv_collect_status(CMPSRV_REQUEST *req, CMPSRV_CERT_STATUS to, int reason)
{
    if (!cmpsrv_changes_status(&req->changes, &req->cert, to, reason, req->now))
        return 0;
    req->revoked |= to == CMPSRV_CERT_REVOKED || to == CMPSRV_CERT_HOLD;
    req->crl_due |= req->revoked || req->cert.status == CMPSRV_CERT_HOLD;
    return 1;
}

/* What becomes of a certificate that waited; one that an operator has revoked meanwhile stays
 * revoked. */
static int collect_end(CMPSRV_REQUEST *req)
{
    if (req->cert.status != CMPSRV_CERT_UNCONFIRMED)
        return 1;
    if (!cmpsrv_collect_status(req, req->accepted ? CMPSRV_CERT_ACTIVE : CMPSRV_CERT_REVOKED, 0))
        return cmpsrv_fail(&req->why, "out of memory");
    return !req->accepted || cmpsrv_collect_superseded(req, &req->cert);
}

int cmpsrv_handle_conf_perform(CMPSRV_REQUEST *req)
{
    if (!cmpsrv_dispatch(req))
        return 0;
    if (!collect_end(req))
        return 0;
    req->event = req->accepted ? "confirmed" : "rejected";
    req->next = CMPSRV_TXN_DONE;
    req->end = req->accepted ? CMPSRV_END_CONFIRMED : CMPSRV_END_REJECTED;
    return 1;
}

/* ---- error message from the client (RFC 9810 5.3.21)
 * --------------------------------------------- */

int cmpsrv_handle_error_parse(CMPSRV_REQUEST *req)
{
    CMPSRV_SLICE in = req->msg.body_value, content;

    if (cmpsrv_der_get(&in, DER_SEQUENCE, &content) && content.n > 0)
        return 1;
    return cmpsrv_refuse(&req->why, CMPSRV_R_BAD_DATA_FORMAT,
                         "RFC 9810 5.3.21: no ErrorMsgContent");
}

int cmpsrv_handle_error_decide(CMPSRV_REQUEST *req)
{
    /* nothing open: pkiConf, and nothing changes */
    return !req->has_txn || req->txn.state != CMPSRV_TXN_WAIT_CONF || load_certificate(req);
}

int cmpsrv_handle_error_perform(CMPSRV_REQUEST *req)
{
    if (!cmpsrv_dispatch(req))
        return 0;
    if (!req->has_cert)
        return 1;
    if (!collect_end(req))
        return 0;
    req->event = "aborted";
    req->next = CMPSRV_TXN_DONE;
    req->end = CMPSRV_END_ABORTED;
    return 1;
}
