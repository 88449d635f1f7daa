/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs and transactions of cmp-bench against a real server, one function call apart: every
 * workload to its end, distinct keys and salts, damaged packs refused with words, and wrong answers
 * found by the check that promises to find them.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "apps/bench_pack.h"
#include "server/server_local.h"
#include "test.h"

#define DAY_MS    INT64_C(86400000)
#define COUNT     20
#define PACK_HEAD 96 /* of the pack */

static char dir[64], pack_path[96], printed[512];
static CMPSRV_SERVER *srv;
static CMPSRV_SECRET *secret;
static X509 *ca, *root, *signer;
static EVP_PKEY *signer_key;

/* Of the other half, which has main(): here what is printed is kept. */
int bench_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(printed, sizeof(printed), fmt, ap);
    va_end(ap);
    return BENCH_FAILED;
}

static const char *in_dir(const char *name)
{
    static char path[4][96];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
    return path[i];
}

/* ---- the server --------------------------------------------------------------------------------
 */

static const char *ca_key_type;

static void setup_cert(const char *cert, const char *key, const char *subject, int is_ca,
                       int is_issued)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SETUP_CERT what = {.subject = subject,
                              .key_type = is_ca ? ca_key_type : "ec:P-256",
                              .is_ca = is_ca,
                              .validity = 30 * DAY_MS,
                              .cert_file = in_dir(cert),
                              .key_file = in_dir(key)};

    if (is_issued) {
        what.issuer_cert = what.append_chain = in_dir(is_ca ? "root.crt" : "ca.crt");
        what.issuer_key = in_dir(is_ca ? "root.key" : "ca.key");
    }
    if (!cmpsrv_setup_cert(NULL, NULL, &what, &why))
        fprintf(stderr, "%s\n", why.detail);
    CU_ASSERT_FATAL(why.reason == CMPSRV_R_NONE);
}

static X509 *read_cert(const char *name)
{
    BIO *b = BIO_new_file(in_dir(name), "r");
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

    BIO_free(b);
    CU_ASSERT_FATAL(x != NULL);
    return x;
}

static void write_yaml(const char *more)
{
    FILE *f = fopen(in_dir("cmp-server.yaml"), "w");

    CU_ASSERT_FATAL(f != NULL);
    fprintf(f,
            "server: {listen: ['http://127.0.0.1:0'], store: 'sqlite:store.db'}\n"
            "cas:\n  CA1: {certificate: ca.crt, key: 'file:ca.key', crl: {file: ca.crl},\n"
            "        cmp_signer: {certificate: cmp.crt, key: 'file:cmp.key'}}\n"
            "certificate_profiles: {P: {validity: 10d}}\n"
            "end_entity_profiles: {E: {}}\n"
            "aliases:\n  a: {operationmode: ra, authenticationmodule: [HMAC, "
            "EndEntityCertificate], authenticationparameters: [topsecret, CA1],\n"
            "      ra.endentityprofile: E, ra.certificateprofile: P, ra.caname: CA1%s}\n",
            more);
    fclose(f);
    if (!CMPSRV_SERVER_load(srv, in_dir("cmp-server.yaml")))
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(srv));
    CU_ASSERT_FATAL(cmpsrv_server_conf(srv) != NULL);
}

/* A certificate that the RA mode takes: issued by the CA, and in its store. */
static void issue_ra(void)
{
    CMPSRV_SNAPSHOT *snap = cmpsrv_server_get1_snapshot(srv);
    CMPSRV_RA_ISSUE what = {.name = "ra",
                            .subject = "CN=ra",
                            .key_type = "ec:P-256",
                            .validity = 10 * DAY_MS,
                            .cert_file = in_dir("ra.crt"),
                            .key_file = in_dir("ra.key"),
                            .operator_ = "test"};
    CMPSRV_REFUSAL why = {0};
    BIO *b;

    if (!cmpsrv_ra_issue(snap->cas[0], srv->store, &what, &why))
        fprintf(stderr, "%s\n", why.detail);
    CU_ASSERT_FATAL(why.reason == CMPSRV_R_NONE);
    cmpsrv_snapshot_free(snap);
    signer = read_cert("ra.crt");
    b = BIO_new_file(in_dir("ra.key"), "r");
    signer_key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
    BIO_free(b);
    CU_ASSERT_FATAL(signer_key != NULL);
}

static void begin(const char *key_type, const char *more)
{
    ca_key_type = key_type;
    strcpy(dir, "/tmp/cmpsrv-test-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    snprintf(pack_path, sizeof(pack_path), "%s/pack", dir);
    setup_cert("root.crt", "root.key", "CN=root", 1, 0);
    setup_cert("ca.crt", "ca.key", "CN=ca", 1, 1);
    setup_cert("cmp.crt", "cmp.key", "CN=cmp", 0, 1);
    CU_ASSERT_FATAL((srv = CMPSRV_SERVER_new(NULL, NULL)) != NULL);
    write_yaml(more);
    issue_ra();
    ca = read_cert("ca.crt");
    root = read_cert("root.crt");
    secret = cmpsrv_secret_new("topsecret", 9);
}

static void end(void)
{
    char line[96];

    CMPSRV_SERVER_free(srv);
    X509_free(ca);
    X509_free(root);
    X509_free(signer);
    EVP_PKEY_free(signer_key);
    cmpsrv_secret_free(secret);
    snprintf(line, sizeof(line), "rm -rf '%s'", dir);
    CU_ASSERT(system(line) == 0);
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

/* ---- packs -------------------------------------------------------------------------------------
 */

static void prepare(const char *workload, size_t n)
{
    const BENCH_RECIPE r = {.workload = bench_workload(workload),
                            .key_type = "ec:P-256",
                            .subject = "CN=bench-%d,O=100%",
                            .ref = "bench",
                            .recipient = "CN=ca",
                            .secret = secret,
                            .certs = &signer,
                            .certs_n = 1,
                            .key = signer_key};
    BENCH_WRITER *w;

    unlink(pack_path);
    CU_ASSERT_FATAL(r.workload != NULL);
    w = bench_writer_new(pack_path, r.workload, n, cmpsrv_secret_get0(secret));
    CU_ASSERT_FATAL(w != NULL);
    for (size_t i = n; i-- > 0;) { /* any order will do */
        BENCH_ENTRY entry;
        CMPSRV_BYTES data = {NULL, 0};
        CMPSRV_REFUSAL why = {0};

        if (!bench_message_make(&r, i, &entry, &data, &why))
            fprintf(stderr, "%s\n", why.detail);
        CU_ASSERT_FATAL(why.reason == CMPSRV_R_NONE);
        CU_ASSERT(bench_writer_put(w, i, &entry, cmpsrv_bytes_slice(&data)));
        cmpsrv_bytes_clear(&data);
    }
    CU_ASSERT(bench_writer_finish(w, 1));
}

static BENCH_CHECK open_check(void)
{
    BENCH_CHECK c = {
        .pack = bench_pack_open(pack_path), .ca = ca, .trusted = &root, .trusted_n = 1};

    if (c.pack == NULL)
        fprintf(stderr, "%s\n", printed);
    CU_ASSERT_FATAL(c.pack != NULL);
    return c;
}

static void close_check(BENCH_CHECK *c)
{
    bench_pack_free((BENCH_PACK *)(uintptr_t)c->pack);
}

/* The server's answer; the caller frees. */
static CMPSRV_BYTES ask(CMPSRV_SLICE message)
{
    CMPSRV_BYTES out = {NULL, 0};
    int status = 0;

    CU_ASSERT_FATAL(CMPSRV_process(srv, "/cmp/a", message.p, message.n, &out.p, &out.n, &status));
    CU_ASSERT_EQUAL(status, 200);
    return out;
}

/* A transaction to its end: messages sent, or 0 if it failed. */
static int transact(BENCH_TXN *t, size_t index, int fully)
{
    CMPSRV_SLICE message;
    int sent = 0, more = 2;

    CU_ASSERT_FATAL(bench_txn_start(t, index, fully, &message));
    while (more == 2) {
        CMPSRV_BYTES answer = ask(message);

        sent++;
        more = bench_txn_take(t, cmpsrv_bytes_slice(&answer), &message);
        cmpsrv_bytes_clear(&answer);
    }
    return more == 1 ? sent : 0;
}

static int has(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        return 1;
    fprintf(stderr, "want \"%s\" in \"%s\"\n", part, text);
    return 0;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void test_workloads(void)
{
    static const char *const key_types[] = {"ec:P-256", "rsa:2048", "ec:P-384", "ed25519"};

    for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(key_types); k++) {
        begin(key_types[k], "");
        for (size_t w = 0; w < bench_workloads_n; w++) {
            int before = count_status(CMPSRV_CERT_ACTIVE);
            BENCH_CHECK c;
            BENCH_TXN *t;

            prepare(bench_workloads[w].name, COUNT);
            c = open_check();
            CU_ASSERT_EQUAL(bench_pack_count(c.pack), COUNT);
            CU_ASSERT_PTR_EQUAL(bench_pack_workload(c.pack), &bench_workloads[w]);
            CU_ASSERT_FATAL((t = bench_txn_new(&c)) != NULL);
            for (size_t i = 0; i < COUNT; i++) {
                int sent = transact(t, i, i % 2 == 0);

                if (sent == 0)
                    fprintf(stderr, "%s: %s\n", bench_txn_workload(t)->name, bench_txn_error(t));
                CU_ASSERT_EQUAL(sent, bench_txn_workload(t)->confirms ? 2 : 1);
            }
            CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_ACTIVE), before + COUNT);
            CU_ASSERT_EQUAL(count_status(CMPSRV_CERT_UNCONFIRMED), 0);
            bench_txn_free(t);
            close_check(&c);
        }
        end();
    }
}

static void test_mix_has_its_shares(void)
{
    const BENCH_WORKLOAD *mix = bench_workload("mix");
    int n[16] = {0}, run = 0, total = 0;

    for (size_t i = 0; i < 100; i++) {
        const BENCH_WORKLOAD *w = bench_workload_at(mix, i);

        n[w - bench_workloads]++;
        CU_ASSERT_PTR_EQUAL(w, bench_workload_at(mix, i + 100));
        run = i > 0 && w == bench_workload_at(mix, i - 1) ? run + 1 : 0;
        CU_ASSERT(run < 2); /* interleaved */
    }
    for (size_t k = 0; k < bench_workloads_n; k++) {
        CU_ASSERT_EQUAL(n[k], bench_workloads[k].share);
        total += n[k];
    }
    CU_ASSERT_EQUAL(total, 100);
    CU_ASSERT_PTR_EQUAL(&bench_workloads[bench_workloads_n - 1], mix);
    CU_ASSERT_PTR_NULL(bench_workload("ir"));
}

/* Two slices a message: all keys, all salts (in protectionAlg), all transactionIDs differ; and what
 * is sent again differs only where it must. */
static void test_messages_differ(void)
{
    CMPSRV_BYTES first = {NULL, 0};
    CMPSRV_PKIMSG a, b;
    CMPSRV_SLICE message;
    BENCH_CHECK c;
    BENCH_TXN *t;

    begin("ec:P-256", "");
    prepare("ir-pbm-certconf", 2);
    c = open_check();
    t = bench_txn_new(&c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_FATAL(bench_txn_start(t, 0, 0, &message));
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&first, message) &&
                    cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&first), &a, NULL));
    CU_ASSERT(!a.has_message_time && !a.implicit_confirm);
    CU_ASSERT_FATAL(bench_txn_start(t, 0, 0, &message) && cmpsrv_pkimsg_parse(message, &b, NULL));
    CU_ASSERT(!cmpsrv_slice_eq(a.transaction_id, b.transaction_id));
    CU_ASSERT(!cmpsrv_slice_eq(a.sender_nonce, b.sender_nonce));
    CU_ASSERT(!cmpsrv_slice_eq(a.protection, b.protection));
    CU_ASSERT(cmpsrv_slice_eq(a.protection_alg, b.protection_alg));
    CU_ASSERT(cmpsrv_slice_eq(a.body, b.body));
    CU_ASSERT_FATAL(bench_txn_start(t, 1, 0, &message) && cmpsrv_pkimsg_parse(message, &b, NULL));
    CU_ASSERT(!cmpsrv_slice_eq(a.protection_alg, b.protection_alg));
    CU_ASSERT(!cmpsrv_slice_eq(a.body, b.body));
    CU_ASSERT(memcmp(bench_pack_entry(c.pack, 0)->first.key,
                     bench_pack_entry(c.pack, 0)->confirm.key, BENCH_KEY) != 0);
    CU_ASSERT(!cmpsrv_slice_eq(bench_pack_span(c.pack, bench_pack_entry(c.pack, 0)->spki),
                               bench_pack_span(c.pack, bench_pack_entry(c.pack, 1)->spki)));
    CU_ASSERT(!bench_txn_start(t, 2, 0, &message));
    CU_ASSERT(has(bench_txn_error(t), "2 transactions only"));
    bench_txn_free(t);
    close_check(&c);
    cmpsrv_bytes_clear(&first);
    end();
}

/* ---- damaged packs */

static CMPSRV_BYTES read_pack(void)
{
    CMPSRV_BYTES b = {NULL, 0};
    FILE *f = fopen(pack_path, "rb");
    struct stat st;

    CU_ASSERT_FATAL(f != NULL && fstat(fileno(f), &st) == 0);
    b = (CMPSRV_BYTES){OPENSSL_malloc((size_t)st.st_size), (size_t)st.st_size};
    CU_ASSERT_FATAL(b.p != NULL && fread(b.p, 1, b.n, f) == b.n);
    fclose(f);
    return b;
}

static int opens(const unsigned char *p, size_t n)
{
    FILE *f = fopen(in_dir("damaged"), "wb");
    BENCH_PACK *pack;

    CU_ASSERT_FATAL(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0);
    printed[0] = '\0';
    pack = bench_pack_open(in_dir("damaged"));
    CU_ASSERT((pack == NULL) == (printed[0] != '\0'));
    bench_pack_free(pack);
    return pack != NULL;
}

static void test_pack_file(void)
{
    struct stat st;
    BENCH_WRITER *w;

    begin("ec:P-256", "");
    prepare("ir-pbm", 1);
    CU_ASSERT(stat(pack_path, &st) == 0 && (st.st_mode & 07777) == 0600);
    CU_ASSERT_PTR_NULL(
        bench_writer_new(pack_path, bench_workload("ir-pbm"), 1, cmpsrv_slice(NULL, 0)));
    CU_ASSERT(has(printed, "File exists") && access(pack_path, F_OK) == 0);
    CU_ASSERT_PTR_NULL(bench_pack_open(in_dir("nothing")));
    CU_ASSERT(has(printed, "No such file"));
    CU_ASSERT_PTR_NULL(bench_pack_open(dir));
    CU_ASSERT(has(printed, "no pack"));
    CU_ASSERT_PTR_NULL(bench_pack_open(in_dir("ca.crt")));
    CU_ASSERT(has(printed, "no pack"));
    /* given up: nothing is left */
    w = bench_writer_new(in_dir("other"), bench_workload("ir-pbm"), 1, cmpsrv_slice(NULL, 0));
    CU_ASSERT(w != NULL && !bench_writer_finish(w, 0) && access(in_dir("other"), F_OK) != 0);
    end();
}

static void test_cut_packs(void)
{
    CMPSRV_BYTES b;

    begin("ec:P-256", "");
    prepare("ir-pbm-certconf", 2);
    b = read_pack();
    CU_ASSERT(opens(b.p, b.n));
    for (size_t n = 0; n < b.n; n++)
        CU_ASSERT(!opens(b.p, n));
    cmpsrv_bytes_clear(&b);
    end();
}

/* Octets that are any: derived keys. All others of the table say where something is. */
static int is_key(size_t at)
{
    size_t keys[] = {offsetof(BENCH_ENTRY, first.key), offsetof(BENCH_ENTRY, confirm.key)};

    for (size_t i = 0; i < 2; i++)
        if (at >= keys[i] && at - keys[i] < BENCH_KEY)
            return 1;
    return 0;
}

/* Whether a transaction of whatever pack that opens can be started. */
static void start_all(const char *path)
{
    BENCH_CHECK c = {.pack = bench_pack_open(path)};
    BENCH_TXN *t = bench_txn_new(&c);
    CMPSRV_SLICE message;

    CU_ASSERT_FATAL(c.pack != NULL && t != NULL);
    for (size_t k = 0; k < bench_pack_count(c.pack); k++)
        CU_ASSERT(bench_txn_start(t, k, 0, &message));
    bench_txn_free(t);
    close_check(&c);
}

/* Every bit of the table turned over by itself. Of a signed message and of one without certConf the
 * places of keys must be empty, too. */
static void test_damaged_tables(void)
{
    static const char *const workloads[] = {"ir-pbm", "ir-pbm-certconf", "ir-pbmac1", "cr-sig"};
    CMPSRV_BYTES b;

    begin("ec:P-256", "");
    for (size_t w = 0; w < CMPSRV_ARRAY_SIZE(workloads); w++) {
        prepare(workloads[w], 1);
        b = read_pack();
        for (size_t i = 0; i < sizeof(BENCH_ENTRY) * 8; i++) {
            unsigned char *octet = &b.p[b.n - sizeof(BENCH_ENTRY) + i / 8];

            *octet = (unsigned char)(*octet ^ 1 << i % 8);
            if (!is_key(i / 8))
                CU_ASSERT(!opens(b.p, b.n))
            else if (opens(b.p, b.n))
                start_all(in_dir("damaged"));
            *octet = (unsigned char)(*octet ^ 1 << i % 8);
        }
        cmpsrv_bytes_clear(&b);
    }
    end();
}

/* Of the head only the length of the secret may still be one. */
static void test_damaged_heads(void)
{
    CMPSRV_BYTES b;
    size_t taken = 0;

    begin("ec:P-256", "");
    prepare("ir-pbm", 1);
    b = read_pack();
    for (size_t i = 0; i < PACK_HEAD * 8; i++) {
        b.p[i / 8] = (unsigned char)(b.p[i / 8] ^ 1 << i % 8);
        if (opens(b.p, b.n)) {
            start_all(in_dir("damaged"));
            taken++;
        }
        b.p[i / 8] = (unsigned char)(b.p[i / 8] ^ 1 << i % 8);
    }
    CU_ASSERT(taken < 12);
    cmpsrv_bytes_clear(&b);
    end();
}

static void test_offsets_at_the_edge(void)
{
    BENCH_ENTRY *e;
    CMPSRV_BYTES b;
    size_t at;

    begin("ec:P-256", "");
    prepare("ir-pbm", 1);
    b = read_pack();
    at = b.n - sizeof(*e);
    e = (void *)(b.p + at);
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        BENCH_ENTRY kept = *e;                                                                     \
        e->field = value;                                                                          \
        CU_ASSERT(!opens(b.p, b.n));                                                               \
        CU_ASSERT(has(printed, "transaction 0 of the pack is damaged"));                           \
        *e = kept;                                                                                 \
    } while (0)
    REFUSED(first.header.off, UINT64_MAX);
    REFUSED(first.header.off, at);
    REFUSED(first.header.off, 0);
    REFUSED(first.header.n, UINT64_MAX);
    REFUSED(first.header.n, UINT64_MAX - e->first.header.off + 1);
    REFUSED(first.header.n, 0);
    REFUSED(first.body.n, e->first.body.n + 1);
    REFUSED(first.body.n, 0);
    REFUSED(first.body.off, e->first.header.off);
    REFUSED(spki.off, at - 1);
    REFUSED(spki.n, 0);
    REFUSED(spki, e->first.header); /* a SEQUENCE, too */
    REFUSED(first.tid, UINT32_MAX);
    REFUSED(first.tid, 0);
    REFUSED(first.tid, (uint32_t)e->first.header.n - 15);
    REFUSED(first.tid, e->first.sender_nonce);
    REFUSED(first.sender_nonce, e->first.sender_nonce + 1);
    REFUSED(first.sender_nonce, e->first.tid);
    REFUSED(first.has_key, 0);
    REFUSED(first.has_key, 2);
    REFUSED(workload, 1);
    REFUSED(workload, UINT32_MAX);
#undef REFUSED
    CU_ASSERT(opens(b.p, b.n));
    cmpsrv_bytes_clear(&b);
    end();
}

/* ---- wrong answers */

/* Where the octets are in the answer; they must be there. */
static unsigned char *find(CMPSRV_BYTES *answer, CMPSRV_SLICE what)
{
    for (size_t i = 0; what.n > 0 && i + what.n <= answer->n; i++)
        if (memcmp(answer->p + i, what.p, what.n) == 0)
            return answer->p + i;
    CU_FAIL_FATAL("not in the answer");
    return NULL;
}

typedef enum { FLIP_MAC, FLIP_TID, FLIP_NONCE, FLIP_KEY, FLIP_SIGNATURE, CUT, NO_HARM } HARM;

static void harm(CMPSRV_BYTES *answer, const BENCH_CHECK *c, size_t index, HARM what)
{
    CMPSRV_SLICE spki = bench_pack_span(c->pack, bench_pack_entry(c->pack, index)->spki);
    CMPSRV_PKIMSG msg;

    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(answer), &msg, NULL));
    if (what == FLIP_MAC)
        *find(answer, msg.protection) ^= 1;
    else if (what == FLIP_TID)
        *find(answer, msg.transaction_id) ^= 1;
    else if (what == FLIP_NONCE)
        *find(answer, msg.recip_nonce) ^= 1;
    else if (what == FLIP_KEY)
        find(answer, spki)[spki.n - 1] ^= 1;
    else if (what == FLIP_SIGNATURE) /* the last octet of the body is of the certificate's */
        find(answer, msg.body)[msg.body.n - 1] ^= 1;
    else if (what == CUT)
        answer->n--;
}

/* Whether the harmed answer is found out, with that in its words. */
static int is_found(const char *workload, HARM what, int fully, const char *words)
{
    CMPSRV_SLICE message;
    CMPSRV_BYTES answer;
    BENCH_CHECK c;
    BENCH_TXN *t;
    int result, found;

    prepare(workload, 1);
    c = open_check();
    t = bench_txn_new(&c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_FATAL(bench_txn_start(t, 0, fully, &message));
    answer = ask(message);
    harm(&answer, &c, 0, what);
    result = bench_txn_take(t, cmpsrv_bytes_slice(&answer), &message);
    found = result == 0 && has(bench_txn_error(t), words);
    if (result == 0) { /* it is over */
        CU_ASSERT_EQUAL(bench_txn_take(t, cmpsrv_bytes_slice(&answer), &message), 0);
    }
    cmpsrv_bytes_clear(&answer);
    bench_txn_free(t);
    close_check(&c);
    return found;
}

static void test_wrong_answers_cheaply(void)
{
    begin("ec:P-256", "");
    CU_ASSERT(is_found("ir-pbm", FLIP_TID, 0, "another transactionID"));
    CU_ASSERT(is_found("ir-pbm-certconf", FLIP_NONCE, 0, "recipNonce"));
    CU_ASSERT(is_found("cr-sig", FLIP_KEY, 0, "another key"));
    CU_ASSERT(is_found("p10cr-pbm", CUT, 0, "no PKIMessage"));
    CU_ASSERT(!is_found("ir-pbm", FLIP_MAC, 0, "")); /* what the full check is for */
    CU_ASSERT(!is_found("ir-pbm", NO_HARM, 0, ""));
    end();
}

static void test_wrong_answers_fully(void)
{
    static const char *const by_mac[] = {"ir-pbm", "ir-pbm-certconf", "ir-pbmac1", "p10cr-pbm"};

    begin("ec:P-256", "");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(by_mac); i++) {
        CU_ASSERT(!is_found(by_mac[i], NO_HARM, 1, ""));
        CU_ASSERT(is_found(by_mac[i], FLIP_MAC, 1, "the MAC of the answer does not match"));
        CU_ASSERT(is_found(by_mac[i], FLIP_SIGNATURE, 1, "the MAC of the answer does not match"));
    }
    CU_ASSERT(is_found("cr-sig", FLIP_MAC, 1, "verifies the signature of the answer"));
    CU_ASSERT(is_found("cr-sig", FLIP_SIGNATURE, 1, "verifies the signature of the answer"));
    end();
}

/* The checks of certificate and signer by themselves: behind a protection that holds. */
static void test_certificates_fully(void)
{
    CMPSRV_BYTES der = {NULL, 0}, spki = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    unsigned char hash[32];
    BENCH_CHECKER checker;
    BENCH_CHECK c;

    begin("ec:P-256", "");
    prepare("cr-sig", 1);
    c = open_check();
    der.n = (size_t)i2d_X509(signer, &der.p);
    spki.n = (size_t)i2d_X509_PUBKEY(X509_get_X509_PUBKEY(signer), &spki.p);
    CU_ASSERT_FATAL(bench_checker_init(&checker, &c));
    CU_ASSERT(bench_check_certificate(&checker, cmpsrv_bytes_slice(&der), cmpsrv_bytes_slice(&spki),
                                      &why));
    CU_ASSERT(cmpsrv_sha256(cmpsrv_bytes_slice(&der), hash));
    CU_ASSERT(bench_check_cert_hash(cmpsrv_bytes_slice(&der), cmpsrv_slice(hash, 32), &why));
    hash[31] ^= 1;
    CU_ASSERT(!bench_check_cert_hash(cmpsrv_bytes_slice(&der), cmpsrv_slice(hash, 32), &why));
    CU_ASSERT(has(why.detail, "certHash"));
    why = (CMPSRV_REFUSAL){0};
    der.p[der.n - 1] ^= 1; /* its signature */
    CU_ASSERT(!bench_check_certificate(&checker, cmpsrv_bytes_slice(&der),
                                       cmpsrv_bytes_slice(&spki), &why));
    CU_ASSERT(has(why.detail, "the signature of the certificate"));
    der.p[der.n - 1] ^= 1;
    why = (CMPSRV_REFUSAL){0};
    spki.p[spki.n - 1] ^= 1;
    CU_ASSERT(!bench_check_certificate(&checker, cmpsrv_bytes_slice(&der),
                                       cmpsrv_bytes_slice(&spki), &why));
    CU_ASSERT(has(why.detail, "another key"));
    spki.p[spki.n - 1] ^= 1;
    bench_checker_clear(&checker);
    why = (CMPSRV_REFUSAL){0};
    c.ca = root; /* another CA */
    CU_ASSERT_FATAL(bench_checker_init(&checker, &c));
    CU_ASSERT(!bench_check_certificate(&checker, cmpsrv_bytes_slice(&der),
                                       cmpsrv_bytes_slice(&spki), &why));
    CU_ASSERT(has(why.detail, "another issuer"));
    bench_checker_clear(&checker);
    cmpsrv_bytes_clear(&der);
    cmpsrv_bytes_clear(&spki);
    close_check(&c);
    end();
}

/* An answer whose signer chains to nobody we trust. */
static void test_untrusted_signer(void)
{
    CMPSRV_SLICE message;
    CMPSRV_BYTES answer;
    BENCH_CHECK c;
    BENCH_TXN *t;

    begin("ec:P-256", "");
    prepare("cr-sig", 1);
    c = open_check();
    setup_cert("other.crt", "other.key", "CN=other", 1, 0);
    c.ca = NULL;
    X509_free(root);
    root = read_cert("other.crt");
    t = bench_txn_new(&c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_FATAL(bench_txn_start(t, 0, 1, &message));
    answer = ask(message);
    CU_ASSERT_EQUAL(bench_txn_take(t, cmpsrv_bytes_slice(&answer), &message), 0);
    CU_ASSERT(has(bench_txn_error(t), "does not chain"));
    cmpsrv_bytes_clear(&answer);
    bench_txn_free(t);
    close_check(&c);
    end();
}

/* ---- refusals in words */

static void expect_refusal(const char *workload, const char *words)
{
    BENCH_CHECK c;
    BENCH_TXN *t;

    prepare(workload, 1);
    c = open_check();
    CU_ASSERT_FATAL((t = bench_txn_new(&c)) != NULL);
    CU_ASSERT_EQUAL(transact(t, 0, 0), 0);
    CU_ASSERT(has(bench_txn_error(t), words));
    bench_txn_free(t);
    close_check(&c);
}

static void test_refusals_in_words(void)
{
    begin("ec:P-256", "");
    cmpsrv_secret_free(secret);
    secret = cmpsrv_secret_new("wrong", 5);
    expect_refusal("ir-pbm", "badMessageCheck: the protection of the message");
    cmpsrv_secret_free(secret);
    secret = cmpsrv_secret_new("topsecret", 9);
    write_yaml(", implicit_confirm: no");
    expect_refusal("ir-pbm", "the server did not grant implicitConfirm: allow it");
    write_yaml(", pbm_iterations: 1000..2000");
    expect_refusal("ir-pbm", "badAlg");
    end();
}

static void test_unexpected_bodies(void)
{
    CMPSRV_SLICE message;
    CMPSRV_BYTES answer;
    BENCH_CHECK c;
    BENCH_TXN *t;

    begin("ec:P-256", "");
    prepare("mix", 1);
    c = open_check();
    CU_ASSERT_FATAL((t = bench_txn_new(&c)) != NULL);
    CU_ASSERT_EQUAL(bench_txn_take(t, cmpsrv_slice("x", 1), &message), 0);
    CU_ASSERT(has(bench_txn_error(t), "no answer is expected"));
    CU_ASSERT_FATAL(bench_txn_start(t, 0, 0, &message));
    answer = (CMPSRV_BYTES){OPENSSL_memdup(message.p, message.n), message.n};
    CU_ASSERT_EQUAL(bench_txn_take(t, cmpsrv_bytes_slice(&answer), &message), 0); /* an echo */
    CU_ASSERT(has(bench_txn_error(t), "answered with ir, want ip"));
    cmpsrv_bytes_clear(&answer);
    bench_txn_free(t);
    close_check(&c);
    end();
}

TEST_MAIN("bench_txn", TEST(test_workloads), TEST(test_mix_has_its_shares),
          TEST(test_messages_differ), TEST(test_pack_file), TEST(test_cut_packs),
          TEST(test_damaged_tables), TEST(test_damaged_heads), TEST(test_offsets_at_the_edge),
          TEST(test_wrong_answers_cheaply), TEST(test_wrong_answers_fully),
          TEST(test_certificates_fully), TEST(test_untrusted_signer), TEST(test_refusals_in_words),
          TEST(test_unexpected_bodies))
