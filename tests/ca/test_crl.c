/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs, read with OpenSSL's X509_CRL functions. */
#include "config.h"

#include "pki.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

typedef struct {
    PKI pki;
    CMPSRV_STORE *store;
    int64_t now; /* whole seconds */
} PLACE;

static void place_new(PLACE *p, const char *key_type)
{
    char url[64];
    CMPSRV_REFUSAL why = {0};

    pki_new(&p->pki, key_type);
    p->pki.conf.crl_file = p->pki.crl;
    snprintf(url, sizeof(url), "sqlite:%s/store.db", p->pki.dir);
    p->store = cmpsrv_store_open(url, &(CMPSRV_STORE_OPTIONS){.node = "test"}, &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->store);
    CU_ASSERT_FATAL(cmpsrv_store_ca_register(p->store, p->pki.ca->id, ca_name, &why));
    p->now = cmpsrv_time_now() / 1000 * 1000;
}

static void place_free(PLACE *p)
{
    cmpsrv_store_free(p->store);
    pki_free(&p->pki);
}

static void add(PLACE *p, const unsigned char *ca_id, unsigned char number,
                CMPSRV_CERT_STATUS status, int reason, int64_t not_after)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_CERT_ROW *r = &cmpsrv_changes_add(&c, CMPSRV_CHANGE_CERT_INSERT)->u.cert;

    memcpy(r->ca_id, ca_id, CMPSRV_HASH);
    r->serial[0] = 0x40;
    r->serial[19] = number;
    r->serial_len = 20;
    cmpsrv_bytes_set(&r->der, DER_OID_SLICE("\x30\x00"));
    r->status = status;
    r->reason = reason;
    r->issued_at = p->now - HOUR;
    r->revoked_at = status >= CMPSRV_CERT_REVOKED ? p->now - number * INT64_C(1000) : 0;
    r->not_after = not_after;
    strcpy(r->alias, "a");
    r->tid[0] = number;
    memcpy(r->tid + 1, ca_id, 4);
    r->tid_len = 16;
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_commit(p->store, &c, NULL), CMPSRV_COMMIT_DONE);
    cmpsrv_changes_clear(&c);
}

static X509_CRL *parse(const CMPSRV_BYTES *der)
{
    const unsigned char *q = der->p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &q, (long)der->n);

    CU_ASSERT_PTR_NOT_NULL_FATAL(crl);
    CU_ASSERT(q == der->p + der->n);
    return crl;
}

static X509_CRL *read_file(const char *path)
{
    BIO *b = BIO_new_file(path, "rb");
    X509_CRL *crl = b == NULL ? NULL : d2i_X509_CRL_bio(b, NULL);

    BIO_free(b);
    return crl;
}

static int64_t number_of(X509_CRL *crl)
{
    ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    int64_t v = -1;

    CU_ASSERT_FATAL(n != NULL && ASN1_INTEGER_get_int64(&v, n));
    ASN1_INTEGER_free(n);
    return v;
}

static int is_time(const ASN1_TIME *t, int64_t ms)
{
    return t != NULL && ASN1_TIME_cmp_time_t(t, (time_t)(ms / 1000)) == 0;
}

/* reason -1: no reasonCode. */
static void check_entry(const PLACE *p, X509_CRL *crl, unsigned char number, int reason)
{
    unsigned char serial[20] = {0x40};
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    ASN1_ENUMERATED *e;
    X509_REVOKED *r = NULL;

    serial[19] = number;
    ASN1_STRING_set(n, serial, 20);
    CU_ASSERT_FATAL(X509_CRL_get0_by_serial(crl, &r, n) == 1);
    CU_ASSERT(is_time(X509_REVOKED_get0_revocationDate(r), p->now - number * INT64_C(1000)));
    e = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
    CU_ASSERT_EQUAL(e == NULL ? -1 : (int)ASN1_ENUMERATED_get(e), reason);
    ASN1_ENUMERATED_free(e);
    ASN1_INTEGER_free(n);
}

static void test_content(void)
{
    static const unsigned char other_ca[CMPSRV_HASH] = "another CA";
    static const char *const keys[] = {"rsa:2048", "ec:P-256", "ec:P-384", "ed25519"};

    for (size_t k = 0; k < 4; k++) {
        PLACE p;
        CMPSRV_BYTES der = {NULL, 0};
        CMPSRV_REFUSAL why = {0};
        X509_CRL *crl;
        AUTHORITY_KEYID *aki;
        int64_t first;

        place_new(&p, keys[k]);
        CU_ASSERT_FATAL(cmpsrv_ca_crl(p.pki.ca, p.store, &der, &why)); /* nothing revoked */
        crl = parse(&der);
        CU_ASSERT_PTR_NULL(X509_CRL_get_REVOKED(crl));
        first = number_of(crl);
        X509_CRL_free(crl);
        CU_ASSERT(cmpsrv_store_ca_register(p.store, other_ca, "Other", NULL));
        add(&p, p.pki.ca->id, 1, CMPSRV_CERT_REVOKED, 1, p.now + HOUR);
        add(&p, p.pki.ca->id, 2, CMPSRV_CERT_REVOKED, 0, p.now + HOUR);
        add(&p, p.pki.ca->id, 3, CMPSRV_CERT_HOLD, 0, p.now + HOUR);
        add(&p, p.pki.ca->id, 4, CMPSRV_CERT_ACTIVE, 0, p.now + HOUR);
        add(&p, p.pki.ca->id, 5, CMPSRV_CERT_UNCONFIRMED, 0, p.now + HOUR);
        add(&p, p.pki.ca->id, 6, CMPSRV_CERT_REVOKED, 4, p.now - HOUR);      /* just over */
        add(&p, p.pki.ca->id, 7, CMPSRV_CERT_REVOKED, 4, p.now - 30 * HOUR); /* long over */
        add(&p, other_ca, 8, CMPSRV_CERT_REVOKED, 1, p.now + HOUR);
        CU_ASSERT_FATAL(cmpsrv_ca_crl(p.pki.ca, p.store, &der, &why));
        crl = parse(&der);
        CU_ASSERT_EQUAL(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
        CU_ASSERT_EQUAL(X509_CRL_verify(crl, X509_get0_pubkey(p.pki.ca->issuer.cert)), 1);
        CU_ASSERT(X509_NAME_cmp(X509_CRL_get_issuer(crl),
                                X509_get_subject_name(p.pki.ca->issuer.cert)) == 0);
        CU_ASSERT_EQUAL_FATAL(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 4);
        check_entry(&p, crl, 1, 1);
        check_entry(&p, crl, 2, -1);
        check_entry(&p, crl, 3, 6);
        check_entry(&p, crl, 6, 4);
        CU_ASSERT(number_of(crl) > first);
        CU_ASSERT_EQUAL(X509_CRL_get_ext_count(crl), 2);
        aki = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
        CU_ASSERT(aki != NULL &&
                  ASN1_OCTET_STRING_cmp(aki->keyid,
                                        X509_get0_subject_key_id(p.pki.ca->issuer.cert)) == 0);
        AUTHORITY_KEYID_free(aki);
        X509_CRL_free(crl);
        cmpsrv_bytes_clear(&der);
        place_free(&p);
    }
}

static void test_file_and_due(void)
{
    PLACE p;
    CMPSRV_BYTES der = {NULL, 0};
    X509_CRL *crl;
    struct stat st;
    char cmd[256];
    int64_t now;

    place_new(&p, "ec:P-256");
    CU_ASSERT(cmpsrv_ca_crl_is_due(p.pki.ca, p.now)); /* no file */
    CU_ASSERT(cmpsrv_ca_crl(p.pki.ca, p.store, NULL, NULL));
    now = cmpsrv_time_now();
    CU_ASSERT_FATAL((crl = read_file(p.pki.crl)) != NULL);
    CU_ASSERT(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl), (time_t)(now / 1000)) <= 0);
    CU_ASSERT(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl), (time_t)(now / 1000 - 5)) >= 0);
    X509_CRL_free(crl);
    CU_ASSERT(!cmpsrv_ca_crl_is_due(p.pki.ca, now));
    CU_ASSERT(!cmpsrv_ca_crl_is_due(p.pki.ca, now + 12 * HOUR - 10000));
    CU_ASSERT(cmpsrv_ca_crl_is_due(p.pki.ca, now + 12 * HOUR + 10000));
    CU_ASSERT(stat(p.pki.crl, &st) == 0 && (st.st_mode & 0777) == 0644);
    snprintf(cmd, sizeof(cmd), "test -z \"$(ls %s | grep new)\"", p.pki.dir);
    CU_ASSERT_EQUAL(system(cmd), 0);
    snprintf(cmd, sizeof(cmd),
             "openssl crl -inform DER -in %s -CAfile %s -noout 2>&1 | grep -q 'verify OK'",
             p.pki.crl, p.pki.cert);
    CU_ASSERT_EQUAL(system(cmd), 0);
    snprintf(cmd, sizeof(cmd), "echo junk >%s", p.pki.crl);
    CU_ASSERT(system(cmd) == 0 && cmpsrv_ca_crl_is_due(p.pki.ca, now));
    CU_ASSERT(cmpsrv_ca_crl(p.pki.ca, p.store, &der, NULL));
    CU_ASSERT((crl = read_file(p.pki.crl)) != NULL);
    X509_CRL_free(crl);
    p.pki.conf.crl_file = NULL; /* only on request, and never due */
    CU_ASSERT(cmpsrv_ca_crl(p.pki.ca, p.store, NULL, NULL));
    CU_ASSERT(cmpsrv_ca_crl(p.pki.ca, p.store, &der, NULL) && der.n > 0);
    CU_ASSERT(!cmpsrv_ca_crl_is_due(p.pki.ca, now));
    cmpsrv_bytes_clear(&der);
    place_free(&p);
}

/* The old file stays, *der too, and the text has the file's name. */
static void test_cannot_write(void)
{
    PLACE p;
    CMPSRV_BYTES der = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    char none[96], made[128];

    place_new(&p, "ec:P-256");
    snprintf(none, sizeof(none), "%s/none/ca.crl", p.pki.dir);
    p.pki.conf.crl_file = none;
    CU_ASSERT(!cmpsrv_ca_crl(p.pki.ca, p.store, &der, &why));
    CU_ASSERT(why.reason == CMPSRV_R_SYSTEM_FAILURE && has(why.detail, none));
    snprintf(none, sizeof(none), "%s/dir", p.pki.dir);
    snprintf(made, sizeof(made), "%s/x", none);
    CU_ASSERT_FATAL(mkdir(none, 0700) == 0 && mkdir(made, 0700) == 0);
    why = (CMPSRV_REFUSAL){0};
    CU_ASSERT(!cmpsrv_ca_crl(p.pki.ca, p.store, &der, &why)); /* rename onto a directory */
    CU_ASSERT(has(why.detail, "cannot rename"));
    CU_ASSERT_PTR_NULL(der.p);
    place_free(&p);
}

enum { THREADS = 4, ROUNDS = 12 };

static void *make_many(void *arg)
{
    PLACE *p = arg;

    for (int i = 0; i < ROUNDS; i++)
        if (!cmpsrv_ca_crl(p->pki.ca, p->store, NULL, NULL))
            return NULL;
    return p;
}

/* Watches the file: its number never goes back. */
static void test_threads(void)
{
    PLACE p;
    pthread_t t[THREADS];
    int64_t seen = 0, n = 0, deadline = cmpsrv_time_mono() + 60000;
    void *ok;

    place_new(&p, "ec:P-256");
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_FATAL(pthread_create(&t[i], NULL, make_many, &p) == 0);
    while (seen < THREADS * ROUNDS / 2 && cmpsrv_time_mono() < deadline) {
        X509_CRL *crl = read_file(p.pki.crl);

        if (crl != NULL) {
            n = number_of(crl);
            CU_ASSERT(n >= seen);
            seen = n;
        }
        X509_CRL_free(crl);
    }
    CU_ASSERT(seen > 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT(pthread_join(t[i], &ok) == 0 && ok != NULL);
    {
        X509_CRL *crl = read_file(p.pki.crl);

        CU_ASSERT_FATAL(crl != NULL && cmpsrv_store_crl_number(p.store, p.pki.ca->id, &n, NULL));
        CU_ASSERT_EQUAL(number_of(crl), n - 1); /* the highest that was given */
        X509_CRL_free(crl);
    }
    place_free(&p);
}

static void *make_one(void *arg)
{
    PLACE *p = arg;

    return cmpsrv_ca_crl(p->pki.ca, p->store, NULL, NULL) ? p : NULL;
}

/* While somebody else holds the lock no number is taken and nothing is written. */
static void test_waits_for_lock(void)
{
    PLACE p;
    char lock[80];
    pthread_t t;
    int fd;
    int64_t before, after;
    void *ok;

    place_new(&p, "ec:P-256");
    snprintf(lock, sizeof(lock), "%s.lock", p.pki.crl);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0 && flock(fd, LOCK_EX) == 0);
    CU_ASSERT_FATAL(cmpsrv_store_crl_number(p.store, p.pki.ca->id, &before, NULL));
    CU_ASSERT_FATAL(pthread_create(&t, NULL, make_one, &p) == 0);
    usleep(200000);
    CU_ASSERT(access(p.pki.crl, F_OK) != 0);
    CU_ASSERT(cmpsrv_store_crl_number(p.store, p.pki.ca->id, &after, NULL));
    CU_ASSERT_EQUAL(after, before + 1);
    close(fd);
    CU_ASSERT(pthread_join(t, &ok) == 0 && ok != NULL);
    CU_ASSERT(access(p.pki.crl, F_OK) == 0);
    place_free(&p);
}

static void test_reasons(void)
{
    static const struct {
        const char *text;
        int reason;
    } t[] = {{"unspecified", 0},
             {"keyCompromise", 1},
             {"keycompromise", 1},
             {"cACompromise", 2},
             {"affiliationChanged", 3},
             {"superseded", 4},
             {"cessationOfOperation", 5},
             {"certificateHold", 6},
             {"removeFromCRL", 8},
             {"privilegeWithdrawn", 9},
             {"aACompromise", 10},
             {"0", 0},
             {"10", 10},
             {"7", -1},
             {"11", -1},
             {"-1", -1},
             {"01", -1},
             {"", -1},
             {"key", -1},
             {NULL, -1}};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text(t[i].text), t[i].reason);
        if (t[i].reason >= 0)
            CU_ASSERT_EQUAL(cmpsrv_crl_reason_from_text(cmpsrv_crl_reason_name(t[i].reason)),
                            t[i].reason);
    }
    CU_ASSERT_STRING_EQUAL(cmpsrv_crl_reason_name(7), "unspecified");
    CU_ASSERT_STRING_EQUAL(cmpsrv_crl_reason_name(-1), "unspecified");
}

TEST_MAIN("crl", TEST(test_content), TEST(test_file_and_due), TEST(test_cannot_write),
          TEST(test_threads), TEST(test_waits_for_lock), TEST(test_reasons))
