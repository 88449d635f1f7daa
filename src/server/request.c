/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE LINE. One message in, one message out, stage by stage as the table says. The first stage that
 * returns 0 has filled req->why and jumps to the tail, which always runs: respond to commit.
 * Stages up to decide have no side effects, perform has no opinions, only what was collected is
 * written. Nobody waits for the store: the request leaves its thread before commit and goes on from
 * there on another. The alias comes before decode: an unknown path is a 404 whatever the body, and
 * an error about the body must know whose CA signs it.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

static int stage_alias(CMPSRV_REQUEST *req)
{
    req->alias = cmpsrv_conf_alias_by_path(req->snap->conf, req->path, &req->operation, &req->why);
    return req->alias != NULL;
}

static int stage_decode(CMPSRV_REQUEST *req)
{
    if (!cmpsrv_pkimsg_parse(req->der, &req->msg, &req->why))
        return 0;
    if (!cmpsrv_sha256(req->der, req->hash))
        return cmpsrv_fail(&req->why, "cannot hash the message");
    req->type = cmpsrv_body_type(req->msg.body_type);
    return 1;
}

/* Nested messages get their outer protection off here; until that is served, rule H4 refuses them.
 */
static int stage_unwrap(CMPSRV_REQUEST *req)
{
    return cmpsrv_header_check_form(req);
}

/* Looks only: a retransmission gets the stored answer, everything else goes on and is judged after
 * authentication. */
static int stage_transaction(CMPSRV_REQUEST *req)
{
    int found = cmpsrv_store_txn_get(req->srv->store, req->alias->name, req->msg.transaction_id,
                                     &req->txn, &req->tid_used, &req->why);

    req->has_txn = found == 1;
    if (found < 0)
        return 0;
    if (req->has_txn && req->txn.answer.p != NULL &&
        memcmp(req->txn.request_hash, req->hash, CMPSRV_HASH) == 0) {
        req->is_replay = 1;
        return 0;
    }
    return 1;
}

/* ---- what auth asks ----------------------------------------------------------------------------
 */

static int give_ca(void *arg, const CMPSRV_CONF_CA *conf, CMPSRV_AUTH_CA *out)
{
    const CMPSRV_REQUEST *req = arg;
    const CMPSRV_CA *ca = cmpsrv_snapshot_ca(req->snap, conf);

    if (ca == NULL)
        return 0;
    memcpy(out->id, ca->id, CMPSRV_HASH);
    out->cert = ca->issuer.cert;
    out->subject = cmpsrv_bytes_slice(&ca->issuer.subject);
    out->not_after = ca->issuer.not_after;
    out->conf = ca->conf;
    return 1;
}

/* Of several CAs with that name the one whose certificate it is. */
static int give_issuer(void *arg, const CMPSRV_CERT_VIEW *cert, CMPSRV_AUTH_CA *out)
{
    CMPSRV_REQUEST *req = arg;
    const CMPSRV_CA *ca = cmpsrv_request_issuer(req, cert, NULL, NULL);

    return ca != NULL && give_ca(arg, ca->conf, out);
}

static int is_code(void *arg, CMPSRV_SLICE code)
{
    static const CMPSRV_END_ENTITY_ROW nobody = {.code_kind = CMPSRV_CODE_NONE};
    const CMPSRV_REQUEST *req = arg;

    int counts = req->has_entity && !req->is_locked;

    return cmpsrv_store_code_matches(req->srv->store, counts ? &req->entity : &nobody, code) &&
           counts;
}

static int give_certificate(void *arg, const unsigned char ca_id[CMPSRV_HASH], CMPSRV_SLICE serial,
                            CMPSRV_CERT_ROW *out, CMPSRV_REFUSAL *why)
{
    return cmpsrv_store_cert_get(((CMPSRV_REQUEST *)arg)->srv->store, ca_id, serial, out, why);
}

static const CMPSRV_AUTH_OPS auth_ops = {give_ca, give_issuer, is_code, give_certificate};

static int is_signed(const CMPSRV_REQUEST *req)
{
    return req->msg.protection_alg.p != NULL &&
           cmpsrv_protection_kind(req->msg.protection_alg) == CMPSRV_PROTECTION_SIGNATURE;
}

static int stage_authenticate(CMPSRV_REQUEST *req)
{
    CMPSRV_AUTH_INPUT in = {
        .libctx = req->srv->libctx,
        .propq = req->srv->propq,
        .curves = req->srv->curves,
        .msg = &req->msg,
        .alias = req->alias,
        .ca = req->target.ca,
        .entity = req->has_entity ? req->entity.name : "",
        .entity_code = req->code,
        .entity_problem = req->code_problem,
        .binding_key = req->srv->binding_key,
        .now = req->now,
        .ops = &auth_ops,
        .ops_arg = req,
        .ras = req->snap->ras,
        .ras_n = req->snap->conf->ras_n,
        .vendor_cas = req->snap->vendor_cas,
        .vendor_cas_n = req->snap->conf->vendor_cas_n,
        .chains = req->snap->chains,
        .is_first = req->type->is_first,
        .txn = req->has_txn ? &req->txn : NULL,
        .reg_token = req->reg_token,
        .dn_part = cmpsrv_secret_get0(req->dn_part),
    };

    if (cmpsrv_auth_run(&in, &req->auth, &req->why))
        return 1;
    if (req->has_entity && !req->is_locked && req->why.reason == CMPSRV_R_BAD_MESSAGE_CHECK &&
        req->alias->login_attempts >= 0 && !is_signed(req))
        cmpsrv_attempts_add(req->srv->attempts, &req->entity);
    return 0;
}

/* May they? What exactly, the body's own decision says. */
static int authorize(CMPSRV_REQUEST *req)
{
    return cmpsrv_policy_authorize(&req->auth.identity, req->msg.body_type, &req->target,
                                   &req->why);
}

static int stage_decide(CMPSRV_REQUEST *req)
{
    return cmpsrv_header_check_policy(req) && cmpsrv_header_check_transaction(req) &&
           req->type->parse(req) && authorize(req) && req->type->decide(req);
}

static int stage_perform(CMPSRV_REQUEST *req)
{
    return req->type->perform(req);
}

/* ---- commit
 * ----------------------------------------------------------------------------------------- */

/* Revocations become visible before the answer leaves; a CRL that fails does not undo them (tick
 * tries again). */
static void publish_crl(CMPSRV_REQUEST *req)
{
    CMPSRV_REFUSAL why = {0};

    if (!req->crl_due || req->cert_ca == NULL ||
        cmpsrv_ca_crl(req->cert_ca, req->srv->store, NULL, &why))
        return;
    atomic_store(&req->srv->crl_failed, 1);
    cmpsrv_log(req->srv->log, CMPSRV_LOG_ERROR, "CRL of %s: %s", req->cert_ca->conf->name,
               why.detail);
}

/* What is to be kept: the changes, the transaction row with the protected answer in it, the audit
 * record. */
static int stage_collect(CMPSRV_REQUEST *req)
{
    if (!req->is_replay && req->why.reason != CMPSRV_R_SYSTEM_FAILURE)
        return cmpsrv_transaction_collect(req) && cmpsrv_audit_collect(req);
    cmpsrv_changes_clear(
        &req->changes); /* after a failure of ours the same message may try again */
    return 1;
}

/* ONE store transaction has taken all of that, or has not. */
static int stage_commit(CMPSRV_REQUEST *req)
{
    if (req->job.outcome == CMPSRV_COMMIT_DONE) {
        cmpsrv_count_commit(req);
        publish_crl(req);
    } else if (req->job.outcome != CMPSRV_COMMIT_CONFLICT) {
        req->why = req->job.why;
    }
    return req->job.outcome == CMPSRV_COMMIT_DONE;
}

/* ---- the line
 * ----------------------------------------------------------------------------------------- */

/* With every conflict somebody else has got on; as many can be in the way as messages are under way
 * for one end entity. */
enum { AGAIN_FROM = 3, TAIL_FROM = 8, COMMIT = 11, ATTEMPTS = 64 };

static const struct {
    const char *name;
    int (*run)(CMPSRV_REQUEST *req);
} stages[] = {
    {"alias", stage_alias},
    {"decode", stage_decode},
    {"unwrap", stage_unwrap},
    {"transaction", stage_transaction}, /* AGAIN_FROM: here again after a conflict */
    {"resolve", cmpsrv_stage_resolve},
    {"authenticate", stage_authenticate},
    {"decide", stage_decide},
    {"perform", stage_perform},
    {"respond", cmpsrv_stage_respond}, /* TAIL_FROM: always */
    {"protect", cmpsrv_stage_protect},
    {"collect", stage_collect},
    {"commit", stage_commit}, /* COMMIT: when the store has said */
};

const char *cmpsrv_stage_name(size_t i)
{
    return i < CMPSRV_ARRAY_SIZE(stages) ? stages[i].name : NULL;
}

static int run_stages(CMPSRV_REQUEST *req, size_t from, size_t to)
{
    int64_t start = from == COMMIT ? req->commit_us : cmpsrv_time_mono_us(), end;
    int ok = 1;

    for (size_t i = from; ok && i < to; i++, start = end) {
        ok = stages[i].run(req);
        end = cmpsrv_time_mono_us();
        req->stage_us[i] += end - start;
    }
    return ok;
}

/* Forgets what decide and perform found; what the message says stays. */
static void drop_results(CMPSRV_REQUEST *req)
{
    cmpsrv_issued_clear(&req->issued);
    cmpsrv_changes_clear(&req->changes);
    req->implicit = req->revoked = req->crl_due = 0;
    req->superseded = 0;
    req->event = NULL;
    req->next = 0;
    req->end = 0;
}

/* Nobody else has its key: what verifies with it and looks at it has come to its end. */
static void drop_decision(CMPSRV_REQUEST *req)
{
    if (req->decision == NULL)
        return;
    cmpsrv_pubkey_release(req->srv->curves, req->decision->key);
    req->decision->key = NULL;
    cmpsrv_decision_free(req->decision);
    req->decision = NULL;
}

/* Forgets all that came after the message was read, to decide anew. */
static void rewind_request(CMPSRV_REQUEST *req)
{
    drop_results(req);
    drop_decision(req);
    cmpsrv_cert_row_clear(&req->cert);
    cmpsrv_txn_clear(&req->txn);
    cmpsrv_auth_result_clear(&req->auth);
    cmpsrv_end_entity_row_clear(&req->entity);
    cmpsrv_secret_free(req->code);
    cmpsrv_secret_free(req->dn_part);
    req->code = req->dn_part = NULL;
    req->reg_token = cmpsrv_slice(NULL, 0);
    cmpsrv_bytes_wipe(&req->subject);
    cmpsrv_bytes_wipe(&req->recipient);
    req->ca = NULL;
    cmpsrv_bytes_clear(&req->body);
    cmpsrv_bytes_clear(&req->answer);
    req->has_txn = req->tid_used = req->is_replay = req->owns_txn = 0;
    cmpsrv_end_entity_row_clear(&req->existing);
    req->has_entity = req->is_locked = req->has_existing = req->is_renewal = 0;
    req->has_cert = req->is_reissue = req->accepted = req->body_error = 0;
    req->cert_ca = NULL;
    memset(&req->why, 0, sizeof(req->why));
}

/* The answer of a request that could not be kept: our own failure, which leaves nothing in the
 * store. */
static void answer_failure(CMPSRV_REQUEST *req)
{
    drop_results(req);
    cmpsrv_refuse(&req->why, CMPSRV_R_SYSTEM_FAILURE, "the store did not take the changes");
    req->why.reason = CMPSRV_R_SYSTEM_FAILURE;
    req->body_error = 0;
    if (!run_stages(req, TAIL_FROM, TAIL_FROM + 2))
        cmpsrv_bytes_clear(&req->answer);
}

static int has_no_answer(const CMPSRV_REQUEST *req)
{
    return req->alias == NULL; /* HTTP says it all */
}

/* Down the line as far as it goes without the store. 1, or 0 when there is nothing to commit. */
static int run_to_commit(CMPSRV_REQUEST *req)
{
    if (!run_stages(req, req->from, TAIL_FROM))
        drop_results(req);
    if (has_no_answer(req))
        return 0;
    if (run_stages(req, TAIL_FROM, COMMIT))
        return req->changes.n > 0;
    answer_failure(req);
    return 0;
}

/* The rest of it. 1, or 0 to go again. */
static int run_from_commit(CMPSRV_REQUEST *req)
{
    int conflict;

    if (run_stages(req, COMMIT, CMPSRV_ARRAY_SIZE(stages)))
        return 1;
    conflict =
        req->job.outcome == CMPSRV_COMMIT_CONFLICT || req->job.outcome == CMPSRV_COMMIT_REFUSED;
    if (!conflict || ++req->attempts == ATTEMPTS) {
        answer_failure(req);
        return 1;
    }
    rewind_request(req);
    req->from = AGAIN_FROM;
    return 0;
}

/* The request may be somebody else's before commit_start has returned. */
static void wait_for_commit(CMPSRV_REQUEST *req)
{
    drop_decision(req); /* the next request has use for its key meanwhile */
    ERR_clear_error();
    req->waits = 1;
    req->commit_us = cmpsrv_time_mono_us();
    cmpsrv_store_commit_start(req->srv->store, &req->changes, &req->job);
}

int cmpsrv_request_run(CMPSRV_REQUEST *req)
{
    int over;

    ERR_clear_error();
    over = req->waits && run_from_commit(req);
    req->waits = 0;
    if (!over && run_to_commit(req)) {
        wait_for_commit(req);
        return 0;
    }
    cmpsrv_log_request(req);
    cmpsrv_count_request(req);
    ERR_clear_error();
    return 1;
}

CMPSRV_REQUEST *cmpsrv_request_new(CMPSRV_SERVER *srv, const char *path, CMPSRV_SLICE der,
                                   void (*wake)(void *arg), void *arg)
{
    CMPSRV_REQUEST *req = OPENSSL_zalloc(sizeof(*req));

    if (req == NULL || (req->snap = cmpsrv_server_get1_snapshot(srv)) == NULL) {
        OPENSSL_free(req);
        return NULL;
    }
    req->srv = srv;
    req->path = path;
    req->der = der;
    req->now = cmpsrv_time_now();
    req->operation = "";
    req->msg.body_type = req->answer_type = -1;
    req->job.done = wake;
    req->job.arg = arg;
    return req;
}

int cmpsrv_request_end(CMPSRV_REQUEST *req, CMPSRV_BYTES *answer, int *http_status)
{
    int ok = req->answer.p != NULL;

    *http_status = ok                   ? 200
                   : has_no_answer(req) ? CMPSRV_reason_info(req->why.reason)->http_status
                                        : 503;
    *answer = req->answer;
    req->answer = (CMPSRV_BYTES){NULL, 0};
    rewind_request(req);
    cmpsrv_bytes_clear(&req->mac_alg);
    cmpsrv_bytes_clear(&req->sig_alg);
    cmpsrv_snapshot_free(req->snap);
    OPENSSL_free(req);
    return ok;
}
