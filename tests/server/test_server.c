/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server object and the line by themselves, with OpenSSL's own CMP client on the other end of a
 * function call: load and reload, 404 and 400, the moves of transactions, the stages, answers as
 * the stored rows say, housekeeping.
 */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include <openssl/cmp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "server/server_local.h"
#include "test.h"

#define DAY_MS INT64_C(86400000)

static char dir[64], yaml[96];
static const char *alias = "a";
static CMPSRV_SERVER *srv;
static CMPSRV_BYTES last_request, last_answer;

static int setup_cert(const char *name, int is_ca, const char *issuer)
{
    char cert[96], key[96], up_cert[96], up_key[96], subject[64];
    CMPSRV_SETUP_CERT what = {
        .subject = subject, .key_type = "ec:P-256", .is_ca = is_ca, .validity = 30 * DAY_MS};

    snprintf(cert, sizeof(cert), "%s/%s.crt", dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", dir, name);
    snprintf(up_cert, sizeof(up_cert), "%s/%s.crt", dir, issuer == NULL ? "" : issuer);
    snprintf(up_key, sizeof(up_key), "%s/%s.key", dir, issuer == NULL ? "" : issuer);
    snprintf(subject, sizeof(subject), "CN=%s", name);
    what.cert_file = cert;
    what.key_file = key;
    if (issuer != NULL) {
        what.issuer_cert = up_cert;
        what.issuer_key = up_key;
        what.append_chain = up_cert;
    }
    return cmpsrv_setup_cert(NULL, NULL, &what, NULL);
}

static void write_yaml(const char *more)
{
    FILE *f = fopen(yaml, "w");

    CU_ASSERT_FATAL(f != NULL);
    fprintf(f,
            "server: {listen: ['http://127.0.0.1:0'], store: 'sqlite:store.db'}\n"
            "cas:\n  CA1: {certificate: issuing.crt, key: 'file:issuing.key', crl: {file: "
            "issuing.crl},\n"
            "        cmp_signer: {certificate: signer.crt, key: 'file:signer.key'}}\n"
            "certificate_profiles: {P: {validity: 10d}}\n"
            "end_entity_profiles: {E: {}}\n"
            "aliases:\n  %s: {operationmode: ra, authenticationmodule: [HMAC], "
            "authenticationparameters: [topsecret],\n"
            "      ra.endentityprofile: E, ra.certificateprofile: P, ra.caname: CA1%s}\n",
            alias, more);
    fclose(f);
}

static void begin(const char *more)
{
    strcpy(dir, "/tmp/cmpsrv-test-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    snprintf(yaml, sizeof(yaml), "%s/cmp-server.yaml", dir);
    CU_ASSERT_FATAL(setup_cert("root", 1, NULL) && setup_cert("issuing", 1, "root") &&
                    setup_cert("signer", 0, "issuing"));
    write_yaml(more);
    srv = CMPSRV_SERVER_new(NULL, NULL);
    CU_ASSERT_FATAL(srv != NULL);
    if (!CMPSRV_SERVER_load(srv, yaml))
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(srv));
    CU_ASSERT_FATAL(cmpsrv_server_conf(srv) != NULL);
}

static void end(void)
{
    char line[96];

    CMPSRV_SERVER_free(srv);
    cmpsrv_bytes_clear(&last_request);
    cmpsrv_bytes_clear(&last_answer);
    snprintf(line, sizeof(line), "rm -rf '%s'", dir);
    CU_ASSERT(system(line) == 0);
}

/* Client and server, one function call apart; keeps what went over. */
static OSSL_CMP_MSG *transfer(OSSL_CMP_CTX *ctx, const OSSL_CMP_MSG *req)
{
    unsigned char *der = NULL, *rsp = NULL;
    const unsigned char *p;
    size_t rsp_len = 0;
    int n = i2d_OSSL_CMP_MSG(req, &der), status = 0;
    OSSL_CMP_MSG *msg = NULL;

    (void)ctx;
    cmpsrv_bytes_clear(&last_request);
    last_request = (CMPSRV_BYTES){der, (size_t)n};
    cmpsrv_bytes_clear(&last_answer);
    if (CMPSRV_process(srv, "/cmp/a", der, (size_t)n, &rsp, &rsp_len, &status)) {
        CU_ASSERT_EQUAL(status, 200);
        last_answer = (CMPSRV_BYTES){rsp, rsp_len};
        p = rsp;
        msg = d2i_OSSL_CMP_MSG(NULL, &p, (long)rsp_len);
    }
    return msg;
}

/* ir with OpenSSL's client; certConf is left out with OSSL_CMP_OPT_DISABLE_CONFIRM. 1 with a
 * certificate. */
static int enrol(const char *secret, int implicit, int confirm)
{
    OSSL_CMP_CTX *ctx = OSSL_CMP_CTX_new(NULL, NULL);
    X509_NAME *subject = X509_NAME_new();
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    int ok;

    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"device", -1, -1,
                               0);
    CU_ASSERT_FATAL(
        OSSL_CMP_CTX_set_transfer_cb(ctx, transfer) &&
        OSSL_CMP_CTX_set1_referenceValue(ctx, (const unsigned char *)"me", 2) &&
        OSSL_CMP_CTX_set1_secretValue(ctx, (const unsigned char *)secret, (int)strlen(secret)) &&
        OSSL_CMP_CTX_set1_subjectName(ctx, subject) && OSSL_CMP_CTX_set0_newPkey(ctx, 1, key) &&
        OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_IMPLICIT_CONFIRM, implicit) &&
        OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_DISABLE_CONFIRM, !confirm));
    ok = OSSL_CMP_exec_IR_ses(ctx) != NULL;
    X509_NAME_free(subject);
    OSSL_CMP_CTX_free(ctx);
    return ok;
}

static int count(void *arg, const CMPSRV_CERT_ROW *row)
{
    (void)row;
    ++*(int *)arg;
    return 1;
}

static int count_status(int status)
{
    CMPSRV_CERT_FILTER filter = {.status = status};
    int n = 0;

    CU_ASSERT_EQUAL(cmpsrv_store_cert_each(srv->store, &filter, count, &n, NULL), 1);
    return n;
}

static void test_enrolment(void)
{
    begin("");
    CU_ASSERT(enrol("topsecret", 0, 1));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_ACTIVE), 1);
    CU_ASSERT(enrol("topsecret", 1, 1));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_ACTIVE), 2);
    CU_ASSERT(!enrol("wrong", 0, 1));
    CU_ASSERT_EQUAL(count_status(-1), 2);
    CU_ASSERT_EQUAL(cmpsrv_store_audit_verify(srv->store, NULL, &(int64_t){0}, NULL), 1);
    end();
}

static void test_retransmission(void)
{
    CMPSRV_BYTES first = {0};
    unsigned char *rsp = NULL;
    size_t n = 0;

    begin("");
    CU_ASSERT(enrol("topsecret", 1, 1));
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&first, cmpsrv_bytes_slice(&last_answer)));
    CU_ASSERT_FATAL(CMPSRV_process(srv, "/cmp/a", last_request.p, last_request.n, &rsp, &n, NULL));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_slice(rsp, n), cmpsrv_bytes_slice(&first)));
    CU_ASSERT_EQUAL(count_status(-1), 1);
    OPENSSL_free(rsp);
    cmpsrv_bytes_clear(&first);
    end();
}

static void test_paths_without_an_answer(void)
{
    static const struct {
        const char *path;
        int status;
    } t[] = {
        {"/cmp/b", 404}, {"/", 404}, {"/cmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 400}, {"", 404}};
    unsigned char *rsp = NULL;
    size_t n = 0;
    int status = 0;

    begin("");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CU_ASSERT(
            !CMPSRV_process(srv, t[i].path, (const unsigned char *)"x", 1, &rsp, &n, &status));
        CU_ASSERT_EQUAL(status, t[i].status);
        CU_ASSERT_PTR_NULL(rsp);
    }
    end();
    srv = CMPSRV_SERVER_new(NULL, NULL); /* not loaded */
    CU_ASSERT(!CMPSRV_process(srv, "/cmp/a", (const unsigned char *)"x", 1, &rsp, &n, &status));
    CU_ASSERT_EQUAL(status, 503);
    CU_ASSERT(!CMPSRV_tick(srv));
    CMPSRV_SERVER_free(srv);
}

static void test_reload_is_all_or_nothing(void)
{
    begin("");
    write_yaml(", implicit_confirm: no");
    CU_ASSERT(CMPSRV_SERVER_load(srv, yaml));
    CU_ASSERT_STRING_EQUAL(CMPSRV_SERVER_get0_error(srv), "");
    CU_ASSERT(enrol("topsecret", 1, 1)); /* asked for, not granted: certConf */
    write_yaml(", implicit_confirm: perhaps");
    CU_ASSERT(!CMPSRV_SERVER_load(srv, yaml));
    CU_ASSERT_PTR_NOT_NULL(strstr(CMPSRV_SERVER_get0_error(srv), "cmp-server.yaml:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(CMPSRV_SERVER_get0_error(srv), "implicit_confirm"));
    CU_ASSERT(enrol("topsecret", 0, 1));
    end();
}

/* The clock of a test: the expiry of every transaction is moved into the past. */
static void expire_all(void)
{
    char command[200];

    snprintf(command, sizeof(command), "sqlite3 %s/store.db 'UPDATE txn SET expires = 1'", dir);
    CU_ASSERT(system(command) == 0);
}

static void test_housekeeping(void)
{
    begin("");
    enrol("topsecret", 0, 0);
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_UNCONFIRMED), 1);
    CU_ASSERT(CMPSRV_tick(srv));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_UNCONFIRMED), 1); /* there is time left */
    expire_all();
    CU_ASSERT(CMPSRV_tick(srv));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_REVOKED), 1);
    expire_all(); /* the tombstone */
    CU_ASSERT(CMPSRV_tick(srv));
    CU_ASSERT_EQUAL(
        cmpsrv_store_txn_get(srv->store, "a", cmpsrv_slice("x", 1), &(CMPSRV_TXN){0}, NULL, NULL),
        0);
    end();
    begin(", unconfirmed: keep");
    enrol("topsecret", 0, 0);
    expire_all();
    CU_ASSERT(CMPSRV_tick(srv));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_ACTIVE), 1);
    end();
}

/* Nobody can say any more that it should be kept. */
static void test_housekeeping_of_an_alias_that_is_gone(void)
{
    begin(", unconfirmed: keep");
    enrol("topsecret", 0, 0);
    alias = "b";
    write_yaml("");
    CU_ASSERT(CMPSRV_SERVER_load(srv, yaml));
    alias = "a";
    expire_all();
    CU_ASSERT(CMPSRV_tick(srv));
    CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_REVOKED), 1);
    end();
}

static void test_moves(void)
{
    static const CMPSRV_TXN_STATE states[] = {CMPSRV_TXN_WAIT_CONF, CMPSRV_TXN_POLLING,
                                              CMPSRV_TXN_DONE};

    CU_ASSERT(cmpsrv_transaction_may_move((CMPSRV_TXN_STATE)0, CMPSRV_TXN_WAIT_CONF));
    CU_ASSERT(cmpsrv_transaction_may_move((CMPSRV_TXN_STATE)0, CMPSRV_TXN_DONE));
    CU_ASSERT(cmpsrv_transaction_may_move(CMPSRV_TXN_WAIT_CONF, CMPSRV_TXN_DONE));
    for (size_t i = 0; i < 3; i++) { /* a tombstone stays, nothing goes back */
        CU_ASSERT(!cmpsrv_transaction_may_move(CMPSRV_TXN_DONE, states[i]));
        CU_ASSERT(!cmpsrv_transaction_may_move(states[i], CMPSRV_TXN_WAIT_CONF));
    }
}

static void test_tables(void)
{
    static const int served[] = {CMPSRV_BODY_IR, CMPSRV_BODY_CR,    CMPSRV_BODY_P10CR,
                                 CMPSRV_BODY_RR, CMPSRV_BODY_ERROR, CMPSRV_BODY_CERTCONF};
    size_t n = 0, stages = 0;

    for (int b = -1; b < CMPSRV_BODY__COUNT + 3; b++)
        n += cmpsrv_body_type(b) != NULL;
    CU_ASSERT_EQUAL(n, CMPSRV_ARRAY_SIZE(served));
    for (size_t i = 0; i < n; i++)
        CU_ASSERT_FATAL(cmpsrv_body_type(served[i]) != NULL &&
                        cmpsrv_body_type(served[i])->body == served[i]);
    while (cmpsrv_stage_name(stages) != NULL)
        stages++;
    CU_ASSERT_EQUAL(stages, 12);
    CU_ASSERT_STRING_EQUAL(cmpsrv_stage_name(11), "commit");
}

TEST_MAIN("server", TEST(test_enrolment), TEST(test_retransmission),
          TEST(test_paths_without_an_answer), TEST(test_reload_is_all_or_nothing),
          TEST(test_housekeeping), TEST(test_housekeeping_of_an_alias_that_is_gone),
          TEST(test_moves), TEST(test_tables))
