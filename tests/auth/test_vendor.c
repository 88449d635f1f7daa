/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of vendors: which paths are found without libcrypto's X.509, what that costs at
 * most, which messages they may sign, and what is remembered of a path. */
#include "config.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/auth_local.h"
#include "test.h"

#define DAY INT64_C(86400000)
#define NOW (INT64_C(1700000000) * 1000)
#define CA  "critical,CA:TRUE"

/* ---- making certificates
 * -------------------------------------------------------------------------
 */

typedef struct {
    EVP_PKEY *key;
    CMPSRV_BYTES der;
} MADE;

static MADE made[64]; /* all of a test */
static size_t made_n;

typedef struct {
    const char *subject, *issuer, *basic, *usage; /* NULL: without the extension */
    const MADE *by;                               /* whose key signs; NULL: its own */
    int64_t until;                                /* days after NOW; 0: 100 */
} WANTED;

static void add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = value == NULL ? NULL : X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    if (e != NULL)
        X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static void set_name(X509 *x, const char *cn, int (*set)(X509 *, const X509_NAME *))
{
    X509_NAME *n = X509_NAME_new();

    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    set(x, n);
    X509_NAME_free(n);
}

static const MADE *make(WANTED w)
{
    MADE *m = &made[made_n++];
    X509 *x = X509_new();
    unsigned char *der = NULL;
    int n;

    m->key = EVP_EC_gen("P-256");
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), (long)made_n);
    set_name(x, w.subject, X509_set_subject_name);
    set_name(x, w.issuer, X509_set_issuer_name);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)((NOW - 9 * DAY) / 1000));
    ASN1_TIME_set(X509_getm_notAfter(x),
                  (time_t)((NOW + (w.until == 0 ? 100 : w.until) * DAY) / 1000));
    X509_set_pubkey(x, m->key);
    add_extension(x, NID_basic_constraints, w.basic);
    add_extension(x, NID_key_usage, w.usage);
    CU_ASSERT_FATAL(X509_sign(x, w.by == NULL ? m->key : w.by->key, EVP_sha256()) > 0);
    n = i2d_X509(x, &der);
    CU_ASSERT_FATAL(n > 0);
    m->der = (CMPSRV_BYTES){der, (size_t)n};
    X509_free(x);
    return m;
}

static CMPSRV_CERT_VIEW view_of(const MADE *m)
{
    CMPSRV_CERT_VIEW v;

    CU_ASSERT_FATAL(cmpsrv_cert_view(cmpsrv_bytes_slice(&m->der), &v, NULL));
    return v;
}

/* ---- a message with certificates, and an anchor
 * ---------------------------------------------------
 */

struct world {
    CMPSRV_CONF_ALIAS alias;
    CMPSRV_PKIMSG msg;
    CMPSRV_AUTH_INPUT in;
    const MADE *root;
    CMPSRV_PATH_CERT anchor;
    CMPSRV_PATHS paths;
};

static void begin(struct world *w)
{
    CMPSRV_CERT_VIEW v;

    memset(w, 0, sizeof(*w));
    w->alias.signature_digests = CMPSRV_MD_SHA256;
    w->in = (CMPSRV_AUTH_INPUT){.msg = &w->msg, .alias = &w->alias, .now = NOW};
    w->root = make((WANTED){"root", "root", .basic = CA});
    v = view_of(w->root);
    CU_ASSERT_FATAL(cmpsrv_path_cert_read(&v, &w->anchor) &&
                    cmpsrv_path_cert_decode_key(&w->in, &w->anchor, NULL));
}

static void send(struct world *w, const MADE *m)
{
    w->msg.extra_certs[w->msg.extra_certs_n++] = cmpsrv_bytes_slice(&m->der);
}

/* Certificates between signer and anchor; -1: there is no path. */
static int find(struct world *w, const MADE *signer)
{
    CMPSRV_CERT_VIEW v = view_of(signer);
    int n = -1;

    cmpsrv_paths_clear(&w->paths);
    CU_ASSERT_FATAL(cmpsrv_paths_init(&w->paths, &w->in, &v));
    if (cmpsrv_paths_find(&w->paths, &w->anchor)) {
        const CMPSRV_PATH_CERT *c = w->paths.v[0].by;

        for (n = 0; c != &w->anchor; c = c->by)
            n++;
    }
    w->msg.extra_certs_n = 0;
    return n;
}

static void end(struct world *w)
{
    cmpsrv_paths_clear(&w->paths);
    EVP_PKEY_free(w->anchor.key);
    for (; made_n > 0; made_n--) {
        EVP_PKEY_free(made[made_n - 1].key);
        cmpsrv_bytes_clear(&made[made_n - 1].der);
    }
}

/* ---- paths
 * -----------------------------------------------------------------------------------------
 */

static void test_levels(void)
{
    struct world w;
    const MADE *sub, *subsub, *device;

    begin(&w);
    sub = make((WANTED){"sub", "root", .basic = CA, .by = w.root});
    subsub = make((WANTED){"subsub", "sub", .basic = CA, .usage = "keyCertSign", .by = sub});
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "root", .by = w.root})), 0);
    device = make((WANTED){"d", "subsub", .by = subsub});
    CU_ASSERT_EQUAL(find(&w, device), -1); /* nothing sent */
    send(&w, w.root), send(&w, sub), send(&w, subsub), send(&w, device);
    CU_ASSERT_EQUAL(find(&w, device), 2);
    send(&w, device), send(&w, subsub), send(&w, w.root), send(&w, sub);
    CU_ASSERT_EQUAL(find(&w, device), 2);
    send(&w, subsub);
    CU_ASSERT_EQUAL(find(&w, device), -1);
    end(&w);
}

/* Whoever stands between must be a CA; libcrypto never sees it otherwise. */
static void test_between(void)
{
    static const struct {
        WANTED ca;
        int found;
    } cases[] = {
        {{"sub", "root", .basic = CA}, 1},
        {{"sub", "root", .basic = CA, .usage = "keyCertSign"}, 1},
        {{"sub", "root", .basic = CA, .usage = "digitalSignature,cRLSign"}, -1},
        {{"sub", "root", .basic = "CA:FALSE"}, -1},
        {{"sub", "root", .usage = "keyCertSign"}, -1},
        {{"sub", "root", .basic = CA, .until = -1}, -1},
        {{"other", "root", .basic = CA}, -1},
        {{"sub", "other", .basic = CA}, -1},
    };
    struct world w;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        WANTED wanted = cases[i].ca;
        const MADE *sub;

        begin(&w);
        wanted.by = w.root;
        sub = make(wanted);
        send(&w, sub);
        CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "sub", .by = sub})), cases[i].found);
        end(&w);
    }
}

static void test_signatures(void)
{
    struct world w;
    const MADE *sub, *forged;

    begin(&w);
    sub = make((WANTED){"sub", "root", .basic = CA, .by = w.root});
    forged = make((WANTED){"sub", "root", .basic = CA}); /* by itself */
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "root", .by = NULL})), -1);
    send(&w, forged);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "sub", .by = forged})), -1);
    send(&w, sub);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "sub", .by = forged})), -1);
    send(&w, forged), send(&w, sub);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "sub", .by = sub})), 1);
    CU_ASSERT(w.paths.v[0].by->view.der.p == sub->der.p);
    for (size_t i = 0; i < w.paths.n; i++) /* no key of a stranger was decoded */
        CU_ASSERT((w.paths.v[i].key != NULL) == (w.paths.v[i].view.der.p != forged->der.p));
    w.alias.signature_digests = CMPSRV_MD_SHA384;
    send(&w, sub);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "sub", .by = sub})), -1);
    end(&w);
}

static void test_loops_end(void)
{
    struct world w;
    const MADE *a, *b, *ab, *ba;

    begin(&w);
    a = make((WANTED){"a", "b", .basic = CA});
    b = make((WANTED){"b", "a", .basic = CA, .by = a});
    send(&w, a), send(&w, b), send(&w, w.root);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "a", .by = a})), -1);
    /* one of the loop is the root's as well */
    ab = make((WANTED){"a", "root", .basic = CA, .by = w.root});
    ba = make((WANTED){"root", "a", .basic = CA, .by = ab});
    send(&w, ba), send(&w, ab), send(&w, a), send(&w, b);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "a", .by = ab})), 1);
    end(&w);
}

static void test_depth(void)
{
    struct world w;
    const MADE *cas[10], *by;

    begin(&w);
    by = w.root;
    for (int i = 0; i < 10; i++) {
        char name[8], above[8] = "root";

        snprintf(name, sizeof(name), "ca%d", i);
        if (i > 0)
            snprintf(above, sizeof(above), "ca%d", i - 1);
        by = cas[i] = make((WANTED){name, above, .basic = CA, .by = by});
    }
    for (size_t i = 0; i < 10; i++)
        send(&w, cas[i]);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "ca8", .by = cas[8]})), 9);
    for (size_t i = 0; i < 10; i++)
        send(&w, cas[i]);
    CU_ASSERT_EQUAL(find(&w, make((WANTED){"d", "ca9", .by = cas[9]})), -1);
    end(&w);
}

static void test_work(void)
{
    struct world w;
    const MADE *device;
    size_t n;

    begin(&w);
    device = make((WANTED){"d", "sub", .by = w.root});
    for (n = 0; n < CMPSRV_MAX_EXTRA_CERTS; n++)
        send(&w, make((WANTED){"sub", "root", .basic = CA}));
    CU_ASSERT_EQUAL(find(&w, device), -1);
    CU_ASSERT_EQUAL(w.paths.left, 0);
    CU_ASSERT(!cmpsrv_paths_find(&w.paths, &w.anchor)); /* another anchor has no more either */
    CU_ASSERT_EQUAL(w.paths.left, 0);
    end(&w);
    begin(&w);
    device = make((WANTED){"d", "sub", .by = w.root});
    for (n = 0; n < CMPSRV_MAX_EXTRA_CERTS; n++) /* what cannot belong there costs no signature */
        send(&w, make((WANTED){"other", "root", .basic = CA, .by = w.root}));
    CU_ASSERT_EQUAL(find(&w, device), -1);
    CU_ASSERT_EQUAL(w.paths.left, 32);
    end(&w);
}

/* ---- messages and the table
 * ------------------------------------------------------------------------
 */

static void test_may_sign(void)
{
    static const int initial[] = {CMPSRV_BODY_IR, CMPSRV_BODY_CR};
    static const int others[] = {CMPSRV_BODY_P10CR, CMPSRV_BODY_KUR, CMPSRV_BODY_RR};
    CMPSRV_CONF_ALIAS alias = {.vendor_mode = 1}, off = {0}, ra = {.vendor_mode = 1, .ra_mode = 1};
    CMPSRV_TXN txn = {0};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(initial); i++) {
        txn.body_type = (CMPSRV_BODY)initial[i];
        CU_ASSERT(cmpsrv_vendor_may_sign(&alias, initial[i], 1, NULL));
        CU_ASSERT(cmpsrv_vendor_may_sign(&alias, CMPSRV_BODY_CERTCONF, 0, &txn));
        CU_ASSERT(!cmpsrv_vendor_may_sign(&off, initial[i], 1, NULL));
        CU_ASSERT(!cmpsrv_vendor_may_sign(&off, CMPSRV_BODY_CERTCONF, 0, &txn));
        CU_ASSERT(!cmpsrv_vendor_may_sign(&ra, initial[i], 1, NULL));
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(others); i++) {
        CU_ASSERT(!cmpsrv_vendor_may_sign(&alias, others[i], 1, &txn));
        txn.body_type = (CMPSRV_BODY)others[i];
        CU_ASSERT(!cmpsrv_vendor_may_sign(&alias, CMPSRV_BODY_CERTCONF, 0, &txn));
        txn.body_type = CMPSRV_BODY_IR;
    }
    CU_ASSERT(!cmpsrv_vendor_may_sign(&alias, CMPSRV_BODY_CERTCONF, 0, NULL));
}

static CMPSRV_REASON check(struct world *w, const MADE *signer)
{
    CMPSRV_CERT_VIEW v = view_of(signer);
    const CMPSRV_CONF_VENDOR_CA *vendor;
    CMPSRV_REFUSAL why = {0};
    X509 *cert = cmpsrv_vendor_check(&w->in, &v, &vendor, &why);

    CU_ASSERT_EQUAL(cert == NULL, why.reason != CMPSRV_R_NONE);
    CU_ASSERT(vendor == NULL || cert == NULL);
    X509_free(cert);
    return why.reason;
}

/* Without a vendor CA in sight, only the transaction that it opened speaks for a certificate. */
static void test_the_transaction_speaks(void)
{
    struct world w;
    CMPSRV_TXN txn = {.body_type = CMPSRV_BODY_IR, .kind = CMPSRV_PROTECTION_SIGNATURE};
    const MADE *device, *old, *other;

    begin(&w);
    w.in.chains = cmpsrv_chains_new();
    w.in.txn = &txn;
    device = make((WANTED){"d", "sub", .by = NULL});
    old = make((WANTED){"d", "sub", .until = -1});
    other = make((WANTED){"d", "sub", .by = NULL});
    CU_ASSERT_EQUAL(check(&w, device), CMPSRV_R_SIGNER_NOT_TRUSTED);
    txn.signer = device->der;
    CU_ASSERT_EQUAL(check(&w, device), CMPSRV_R_SIGNER_NOT_TRUSTED); /* another's transaction */
    CU_ASSERT_FATAL(cmpsrv_sha256(cmpsrv_bytes_slice(&device->der), txn.identity));
    CU_ASSERT_EQUAL(check(&w, device), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(check(&w, other), CMPSRV_R_SIGNER_NOT_TRUSTED);
    txn.kind = CMPSRV_PROTECTION_MAC;
    CU_ASSERT_EQUAL(check(&w, device), CMPSRV_R_SIGNER_NOT_TRUSTED);
    txn.kind = CMPSRV_PROTECTION_SIGNATURE;
    w.in.is_first = 1;
    CU_ASSERT_EQUAL(check(&w, device), CMPSRV_R_SIGNER_NOT_TRUSTED);
    w.in.is_first = 0;
    txn.signer = old->der;
    CU_ASSERT_FATAL(cmpsrv_sha256(cmpsrv_bytes_slice(&old->der), txn.identity));
    CU_ASSERT_EQUAL(check(&w, old), CMPSRV_R_SIGNER_NOT_TRUSTED); /* it has expired since */
    cmpsrv_chains_free(w.in.chains);
    end(&w);
}

static void test_the_table_minds_dates(void)
{
    static const unsigned char key[CMPSRV_HASH] = {1}, other[CMPSRV_HASH] = {1, 0, 1};
    CMPSRV_CHAINS *c = cmpsrv_chains_new();
    X509 *cert = X509_new(), *got;

    cmpsrv_chains_put(c, key, cert, NOW, NOW + DAY);
    for (int64_t at = NOW - 1; at <= NOW + DAY + 1; at += DAY / 2 + 1) {
        got = cmpsrv_chains_get1(c, key, at);
        CU_ASSERT_EQUAL(got == cert, at >= NOW && at <= NOW + DAY);
        X509_free(got);
    }
    CU_ASSERT_PTR_NULL(cmpsrv_chains_get1(c, key, NOW + DAY + 1));
    CU_ASSERT_PTR_NULL(cmpsrv_chains_get1(c, other, NOW));
    X509_free(cert);
    cmpsrv_chains_free(c);
}

TEST_MAIN("vendor", TEST(test_levels), TEST(test_between), TEST(test_signatures),
          TEST(test_loops_end), TEST(test_depth), TEST(test_work), TEST(test_may_sign),
          TEST(test_the_transaction_speaks), TEST(test_the_table_minds_dates))
