/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs as libcrypto reads them: exactly the revoked, growing numbers, and never an older one over a
 * newer. */
#include "config.h"

#include "ca_test.h"

#include <pthread.h>

#include <openssl/x509.h>

struct world {
    FIXTURE f;
    CMPSRV_CA *ca;
    CMPSRV_STORE *store;
};

static void begin(struct world *w)
{
    CMPSRV_STORE_OPTIONS options = {.node = "test"};

    set_up(&w->f, "ec:P-256");
    w->f.conf.crl_file = w->f.crl;
    w->ca = load(&w->f);
    w->store = cmpsrv_store_open(w->f.store, &options, NULL);
    CU_ASSERT_FATAL(w->ca != NULL && w->store != NULL);
    CU_ASSERT_FATAL(cmpsrv_store_ca_register(w->store, w->ca->id, "CA1", NULL));
}

static void end(struct world *w)
{
    cmpsrv_store_free(w->store);
    cmpsrv_ca_free(w->ca);
    tear_down(&w->f);
}

static void add(struct world *w, unsigned char serial, CMPSRV_CERT_STATUS status, int reason,
                int64_t not_after)
{
    CMPSRV_CHANGES changes = {0};
    CMPSRV_CERT_ROW *r = &cmpsrv_changes_add(&changes, CMPSRV_CHANGE_CERT_INSERT)->u.cert;

    memcpy(r->ca_id, w->ca->id, CMPSRV_HASH);
    r->serial[0] = serial;
    r->serial_len = 1;
    r->status = status;
    r->reason = reason;
    r->revoked_at = cmpsrv_time_now() - 5000;
    r->not_after = not_after;
    strcpy(r->alias, "a");
    r->tid[0] = serial;
    r->tid_len = 1;
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&r->der, cmpsrv_slice("\x30\x00", 2)));
    CU_ASSERT_EQUAL(cmpsrv_store_commit(w->store, &changes, NULL), CMPSRV_COMMIT_DONE);
    cmpsrv_changes_clear(&changes);
}

static X509_CRL *read_crl(const struct world *w)
{
    BIO *bio = BIO_new_file(w->f.crl, "rb");
    X509_CRL *crl = d2i_X509_CRL_bio(bio, NULL);

    BIO_free(bio);
    return crl;
}

static long number_of(X509_CRL *crl)
{
    ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    long value = ASN1_INTEGER_get(n);

    ASN1_INTEGER_free(n);
    return value;
}

/* The reason of a serial number: -1 not on the CRL, 0 without a reason. */
static long reason_of(X509_CRL *crl, long serial)
{
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    ASN1_ENUMERATED *e;
    X509_REVOKED *entry = NULL;
    long reason = 0;

    ASN1_INTEGER_set(n, serial);
    if (X509_CRL_get0_by_serial(crl, &entry, n) == 0)
        reason = -1;
    else if ((e = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL)) != NULL) {
        reason = ASN1_ENUMERATED_get(e);
        ASN1_ENUMERATED_free(e);
    }
    ASN1_INTEGER_free(n);
    return reason;
}

static void test_the_revoked_are_on_it(void)
{
    struct world w;
    X509_CRL *crl;
    int64_t later = cmpsrv_time_now() + DAY_MS;
    CMPSRV_BYTES der = {0};
    long first;

    begin(&w);
    CU_ASSERT(cmpsrv_ca_crl_is_due(w.ca, cmpsrv_time_now()));
    CU_ASSERT_FATAL(cmpsrv_ca_crl(w.ca, w.store, NULL, NULL));
    crl = read_crl(&w);
    CU_ASSERT_FATAL(crl != NULL && X509_CRL_get_REVOKED(crl) == NULL);
    first = number_of(crl);
    X509_CRL_free(crl);
    add(&w, 1, CMPSRV_CERT_ACTIVE, 0, later);
    add(&w, 2, CMPSRV_CERT_REVOKED, 1, later);
    add(&w, 3, CMPSRV_CERT_REVOKED, 0, later);
    add(&w, 4, CMPSRV_CERT_HOLD, 6, later);
    add(&w, 5, CMPSRV_CERT_REVOKED, 1, cmpsrv_time_now() - DAY_MS); /* expired */
    add(&w, 6, CMPSRV_CERT_UNCONFIRMED, 0, later);
    CU_ASSERT_FATAL(cmpsrv_ca_crl(w.ca, w.store, &der, NULL));
    crl = read_crl(&w);
    CU_ASSERT_FATAL(crl != NULL);
    CU_ASSERT_EQUAL(X509_CRL_verify(crl, w.ca->issuer.key), 1);
    CU_ASSERT_EQUAL(X509_CRL_get_version(crl), 1);
    CU_ASSERT(number_of(crl) > first && der.n > 0);
    CU_ASSERT_EQUAL(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 3);
    CU_ASSERT_EQUAL(reason_of(crl, 1), -1);
    CU_ASSERT_EQUAL(reason_of(crl, 2), 1);
    CU_ASSERT_EQUAL(reason_of(crl, 3), 0);
    CU_ASSERT_EQUAL(reason_of(crl, 4), 6);
    CU_ASSERT_EQUAL(reason_of(crl, 5), -1);
    CU_ASSERT(!cmpsrv_ca_crl_is_due(w.ca, cmpsrv_time_now()));
    CU_ASSERT(cmpsrv_ca_crl_is_due(w.ca, cmpsrv_time_now() + DAY_MS / 2 + 5000));
    X509_CRL_free(crl);
    cmpsrv_bytes_clear(&der);
    end(&w);
}

static void *make_many(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < 20; i++)
        if (!cmpsrv_ca_crl(w->ca, w->store, NULL, NULL))
            return "failed";
    return NULL;
}

static void test_the_newest_stays(void)
{
    pthread_t threads[4];
    struct world w;
    X509_CRL *crl;
    void *result;

    begin(&w);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, make_many, &w) == 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        CU_ASSERT_PTR_NULL(result);
    }
    crl = read_crl(&w);
    CU_ASSERT_FATAL(crl != NULL);
    CU_ASSERT_EQUAL(number_of(crl), 80);
    X509_CRL_free(crl);
    end(&w);
}

static void test_a_file_that_cannot_be_written(void)
{
    CMPSRV_REFUSAL why = {0};
    struct world w;

    begin(&w);
    w.f.conf.crl_file = (char *)"/nonexistent/issuing.crl";
    CU_ASSERT(!cmpsrv_ca_crl(w.ca, w.store, NULL, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    w.f.conf.crl_file = NULL;
    CU_ASSERT(cmpsrv_ca_crl(w.ca, w.store, NULL, NULL)); /* nowhere to put it: nothing to do */
    end(&w);
}

static void test_reasons(void)
{
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("keyCompromise"), 1);
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("KEYCOMPROMISE"), 1);
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("10"), 10);
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("0"), 0);
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("7"), -1);
    CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text("11"), -1);
    CU_ASSERT_STRING_EQUAL(cmpsrv_crl_reason_name(6), "certificateHold");
    CU_ASSERT_STRING_EQUAL(cmpsrv_crl_reason_name(7), "unknown");
}

TEST_MAIN("crl", TEST(test_the_revoked_are_on_it), TEST(test_the_newest_stays),
          TEST(test_a_file_that_cannot_be_written), TEST(test_reasons))
