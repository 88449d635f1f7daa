/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU of the cryptography that a transaction cannot avoid: a fixed list of calls for each
 * workload, run over and over. Whatever a good server prepares once (fetched algorithms, the
 * contexts of the CA's key) is prepared once here, so the limit is not flattered.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crmf.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

enum { TBS = 500, REQUEST = 400, SECRET = 16, POINT = 65, MAX_SIG = 1024 };
enum { PBM_ITERATIONS = 500, PBMAC1_ITERATIONS = 2048, RANDOM = 52 };

typedef struct { /* one key and a signature of it, ready to verify */
    EVP_PKEY *key;
    const EVP_MD *md; /* NULL: the key has its own digest */
    unsigned char sig[MAX_SIG];
    size_t sig_n;
} SIGNED;

typedef struct { /* what a thread works with */
    const BENCH_LIMIT *l;
    EVP_MD_CTX *md;
    EVP_PKEY_CTX *sign, *from_data;
    EVP_MAC_CTX *hmac;
    EVP_KDF_CTX *pbkdf2;
    unsigned char sig[MAX_SIG];
} WORK;

typedef enum { PBM, PBKDF2, HMAC_, KEY, VERIFY, VERIFY_CA, SIGN, RANDOM_, HASH, CALLS } CALL;

struct bench_limit_st {
    EVP_MD *sha256;
    EVP_MAC *mac;
    EVP_KDF *kdf;
    OSSL_CRMF_PBMPARAMETER *pbm;
    SIGNED client, ca;
    unsigned char data[TBS], point[POINT];
    double times[CALLS], us[CALLS];
};

/* ---- the calls ---------------------------------------------------------------------------------
 */

static int call_pbm(WORK *w)
{
    unsigned char *mac = NULL;
    size_t n;
    int ok = OSSL_CRMF_pbm_new(NULL, NULL, w->l->pbm, w->l->data, REQUEST, w->l->point, SECRET,
                               &mac, &n);

    OPENSSL_free(mac);
    return ok;
}

static int call_pbkdf2(WORK *w)
{
    unsigned char key[32];
    unsigned iterations = PBMAC1_ITERATIONS;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)w->l->point, SECRET),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)w->l->data, 16),
        OSSL_PARAM_uint(OSSL_KDF_PARAM_ITER, &iterations), OSSL_PARAM_END};

    return EVP_KDF_derive(w->pbkdf2, key, sizeof(key), params) == 1;
}

static int call_hmac(WORK *w)
{
    unsigned char out[32];
    size_t n;

    return EVP_MAC_init(w->hmac, w->l->point, 32, NULL) == 1 &&
           EVP_MAC_update(w->hmac, w->l->data, REQUEST) == 1 &&
           EVP_MAC_final(w->hmac, out, &n, sizeof(out)) == 1;
}

static int call_key(WORK *w)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"prime256v1", 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)w->l->point, POINT),
        OSSL_PARAM_END};
    int ok = EVP_PKEY_fromdata(w->from_data, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;

    EVP_PKEY_free(key);
    return ok;
}

/* A context that was not reset would keep its old key. */
static int verify(WORK *w, const SIGNED *s)
{
    const char *md = s->md == NULL ? NULL : "SHA256";

    return EVP_MD_CTX_reset(w->md) == 1 &&
           EVP_DigestVerifyInit_ex(w->md, NULL, md, NULL, NULL, s->key, NULL) == 1 &&
           EVP_DigestVerify(w->md, s->sig, s->sig_n, w->l->data, TBS) == 1;
}

static int call_verify(WORK *w)
{
    return verify(w, &w->l->client);
}

static int call_verify_ca(WORK *w)
{
    return verify(w, &w->l->ca);
}

static int call_sign(WORK *w)
{
    unsigned char hash[32];
    size_t n = sizeof(w->sig);

    if (w->sign == NULL)
        return EVP_MD_CTX_reset(w->md) == 1 &&
               EVP_DigestSignInit_ex(w->md, NULL, NULL, NULL, NULL, w->l->ca.key, NULL) == 1 &&
               EVP_DigestSign(w->md, w->sig, &n, w->l->data, TBS) == 1;
    return EVP_Digest(w->l->data, TBS, hash, NULL, w->l->sha256, NULL) == 1 &&
           EVP_PKEY_sign(w->sign, w->sig, &n, hash, sizeof(hash)) == 1;
}

static int call_random(WORK *w)
{
    return RAND_bytes(w->sig, RANDOM) == 1;
}

static int call_hash(WORK *w)
{
    unsigned char hash[32];

    return EVP_Digest(w->l->data, TBS, hash, NULL, w->l->sha256, NULL) == 1;
}

static const struct {
    const char *name;
    int (*run)(WORK *);
} calls[CALLS] = {
    [PBM] = {"PasswordBasedMac by OSSL_CRMF_pbm_new: 500 x SHA-256, and its HMAC", call_pbm},
    [PBKDF2] = {"PBKDF2-HMAC-SHA256, 2048 iterations", call_pbkdf2},
    [HMAC_] = {"HMAC-SHA256 of 400 octets", call_hmac},
    [KEY] = {"P-256 key from its bytes by EVP_PKEY_fromdata", call_key},
    [VERIFY] = {"verify with a P-256 key", call_verify},
    [VERIFY_CA] = {"verify with a key of the CA's type", call_verify_ca},
    [SIGN] = {"sign with a key of the CA's type", call_sign},
    [RANDOM_] = {"52 random octets", call_random},
    [HASH] = {"SHA-256 of 500 octets", call_hash},
};

/* ---- which of them a workload has --------------------------------------------------------------
 */

/* A PasswordBasedMac call has its HMAC in it: HMAC_ stands only with PBKDF2. */
static void add_workload(BENCH_LIMIT *l, const BENCH_WORKLOAD *w, double share)
{
    double macs = w->confirms ? 4 : 2;

    l->times[KEY] += share;
    if (w->protection == BENCH_SIGNATURE) { /* protection and POP; chain; certificate and answer */
        l->times[VERIFY] += 2 * share;
        l->times[VERIFY_CA] += share;
        l->times[SIGN] += 2 * share;
        return;
    }
    l->times[w->protection == BENCH_PBM ? PBM : PBKDF2] += macs * share;
    if (w->protection == BENCH_PBMAC1)
        l->times[HMAC_] += macs * share;
    l->times[VERIFY] += share;
    l->times[SIGN] += share;
    l->times[RANDOM_] += share;
    l->times[HASH] += w->confirms ? share : 0;
}

static void choose_calls(BENCH_LIMIT *l, const BENCH_WORKLOAD *w)
{
    if (w != &bench_workloads[bench_workloads_n - 1]) {
        add_workload(l, w, 1);
        return;
    }
    for (size_t i = 0; i + 1 < bench_workloads_n; i++)
        add_workload(l, &bench_workloads[i], bench_workloads[i].share / 100.0);
}

/* ---- setting up --------------------------------------------------------------------------------
 */

static EVP_PKEY *new_key_like(const EVP_PKEY *like)
{
    EVP_PKEY_CTX *ctx;
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_is_a(like, "RSA"))
        return EVP_RSA_gen((unsigned)EVP_PKEY_get_bits(like));
    /* libcrypto only takes a reference, but not from a const one */
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)(uintptr_t)like, NULL);
    if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1)
        EVP_PKEY_keygen(ctx, &key);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static int make_signed(BENCH_LIMIT *l, SIGNED *s)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char md[32];
    int ok;

    s->md =
        EVP_PKEY_get_default_digest_name(s->key, md, sizeof(md)) == 2 && strcmp(md, "UNDEF") == 0
            ? NULL
            : l->sha256;
    s->sig_n = sizeof(s->sig);
    ok = ctx != NULL &&
         EVP_DigestSignInit_ex(ctx, NULL, s->md == NULL ? NULL : "SHA256", NULL, NULL, s->key,
                               NULL) == 1 &&
         EVP_DigestSign(ctx, s->sig, &s->sig_n, l->data, TBS) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static int set_up(BENCH_LIMIT *l, const EVP_PKEY *ca_key)
{
    size_t n;

    l->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    l->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    l->kdf = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    l->pbm = OSSL_CRMF_pbmp_new(NULL, 16, NID_sha256, PBM_ITERATIONS, NID_hmacWithSHA256);
    l->client.key = EVP_EC_gen("P-256");
    l->ca.key = new_key_like(ca_key);
    return l->sha256 != NULL && l->mac != NULL && l->kdf != NULL && l->pbm != NULL &&
           l->client.key != NULL && l->ca.key != NULL && RAND_bytes(l->data, TBS) == 1 &&
           EVP_PKEY_get_octet_string_param(l->client.key, OSSL_PKEY_PARAM_PUB_KEY, l->point, POINT,
                                           &n) == 1 &&
           n == POINT && make_signed(l, &l->client) && make_signed(l, &l->ca);
}

BENCH_LIMIT *bench_limit_new(const BENCH_WORKLOAD *w, const EVP_PKEY *ca_key)
{
    BENCH_LIMIT *l = OPENSSL_zalloc(sizeof(*l));

    if (l == NULL || !set_up(l, ca_key)) {
        bench_fail("cannot prepare the limit");
        bench_limit_free(l);
        return NULL;
    }
    choose_calls(l, w);
    return l;
}

void bench_limit_free(BENCH_LIMIT *l)
{
    if (l == NULL)
        return;
    EVP_MD_free(l->sha256);
    EVP_MAC_free(l->mac);
    EVP_KDF_free(l->kdf);
    OSSL_CRMF_PBMPARAMETER_free(l->pbm);
    EVP_PKEY_free(l->client.key);
    EVP_PKEY_free(l->ca.key);
    OPENSSL_free(l);
}

/* ---- measuring ---------------------------------------------------------------------------------
 */

typedef struct {
    WORK work;
    int64_t until;
    int64_t ns[CALLS], n[CALLS];
    int ok, started;
    pthread_t id;
} MEASURER;

static int set_up_work(WORK *w, const BENCH_LIMIT *l)
{
    OSSL_PARAM digest[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                           OSSL_PARAM_END};

    w->l = l;
    w->md = EVP_MD_CTX_new();
    w->from_data = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    w->hmac = EVP_MAC_CTX_new(l->mac);
    w->pbkdf2 = EVP_KDF_CTX_new(l->kdf);
    if (w->md == NULL || w->from_data == NULL || w->hmac == NULL || w->pbkdf2 == NULL ||
        EVP_PKEY_fromdata_init(w->from_data) != 1 || EVP_MAC_CTX_set_params(w->hmac, digest) != 1)
        return 0;
    if (l->ca.md == NULL)
        return 1;
    w->sign = EVP_PKEY_CTX_new_from_pkey(NULL, l->ca.key, NULL);
    return w->sign != NULL && EVP_PKEY_sign_init(w->sign) == 1 &&
           EVP_PKEY_CTX_set_signature_md(w->sign, l->ca.md) == 1;
}

static void clear_work(WORK *w)
{
    EVP_MD_CTX_free(w->md);
    EVP_PKEY_CTX_free(w->from_data);
    EVP_PKEY_CTX_free(w->sign);
    EVP_MAC_CTX_free(w->hmac);
    EVP_KDF_CTX_free(w->pbkdf2);
}

static int64_t thread_cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Calls of one kind come eight at a time: reading the clock is small against that. */
static int measure_call(MEASURER *m, CALL c)
{
    enum { BATCH = 8 };
    int64_t before = thread_cpu();

    for (int i = 0; i < BATCH; i++)
        if (!calls[c].run(&m->work))
            return 0;
    m->ns[c] += thread_cpu() - before;
    m->n[c] += BATCH;
    return 1;
}

static void *measure(void *arg)
{
    MEASURER *m = arg;

    m->ok = 1;
    do
        for (CALL c = 0; c < CALLS && m->ok; c++)
            if (m->work.l->times[c] > 0)
                m->ok = measure_call(m, c);
    while (m->ok && bench_now() < m->until);
    return NULL;
}

static int run_measurers(BENCH_LIMIT *l, MEASURER *m, int threads, int ms)
{
    int64_t until = bench_now() + (int64_t)ms * 1000000;
    int ok = 1;

    for (int i = 0; i < threads && ok; i++) {
        m[i].until = until;
        ok = set_up_work(&m[i].work, l) && pthread_create(&m[i].id, NULL, measure, &m[i]) == 0;
        m[i].started = ok;
    }
    for (int i = 0; i < threads; i++) {
        if (m[i].started) {
            pthread_join(m[i].id, NULL);
            ok &= m[i].ok;
        }
        clear_work(&m[i].work);
    }
    return ok;
}

double bench_limit_measure(BENCH_LIMIT *l, int threads, int ms)
{
    MEASURER *m = OPENSSL_zalloc((size_t)threads * sizeof(*m));
    double total = 0;
    int ok = m != NULL && run_measurers(l, m, threads, ms);

    for (CALL c = 0; ok && c < CALLS; c++) {
        int64_t ns = 0, n = 0;

        for (int i = 0; i < threads; i++) {
            ns += m[i].ns[c];
            n += m[i].n[c];
        }
        l->us[c] = n == 0 ? 0 : (double)ns / (double)n / 1000;
        total += l->us[c] * l->times[c];
    }
    OPENSSL_free(m);
    if (ok)
        return total;
    bench_fail("a call of the limit failed");
    return -1;
}

int bench_limit_item(const BENCH_LIMIT *l, size_t i, const char **name, double *times, double *us)
{
    for (CALL c = 0; c < CALLS; c++) {
        if (l->times[c] <= 0 || i-- > 0)
            continue;
        *name = calls[c].name;
        *times = l->times[c];
        *us = l->us[c];
        return 1;
    }
    return 0;
}
