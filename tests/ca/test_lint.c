/* SPDX-License-Identifier: Apache-2.0 */
/* One planted defect a rule: each is refused with a text that names the rule. */
#include "config.h"

#include "ca_test.h"

/* What a TBSCertificate is made of; NULL fields are taken from the decision. */
struct tbs {
    int64_t version;
    const char *serial;
    size_t serial_n;
    const char *sig_alg;
    size_t sig_alg_n;
    const char *issuer, *subject;
    int64_t not_before, not_after;
    EVP_PKEY *key;
    const char *extensions;
    size_t extensions_n;
    int no_extensions;
};

#define KEY_IDS                                                                                    \
    "\x30\x0b\x06\x03\x55\x1d\x0e\x04\x04\x04\x02\x01\x02"                                         \
    "\x30\x0d\x06\x03\x55\x1d\x23\x04\x06\x30\x04\x80\x02\x01\x02"
#define BASIC "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
#define USAGE "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"
#define GOOD  KEY_IDS BASIC USAGE

static void put_name(CMPSRV_DERW *w, const char *text, const CMPSRV_BYTES *otherwise)
{
    CMPSRV_BYTES name = {0};

    if (text == NULL)
        cmpsrv_derw_raw(w, cmpsrv_bytes_slice(otherwise));
    else if (text[0] == '\0')
        cmpsrv_derw_put(w, DER_SEQUENCE, cmpsrv_slice("", 0));
    else if (cmpsrv_name_parse(text, &name, NULL))
        cmpsrv_derw_raw(w, cmpsrv_bytes_slice(&name));
    cmpsrv_bytes_clear(&name);
}

static void put_key(CMPSRV_DERW *w, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    cmpsrv_derw_raw(w, cmpsrv_slice(der, (size_t)n));
    OPENSSL_free(der);
}

static void build(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, const struct tbs *t,
                  CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_int64(&w, t->version == 0 ? 2 : t->version);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_put(&w, DER_INTEGER,
                    t->serial == NULL ? cmpsrv_slice("\x05", 1)
                                      : cmpsrv_slice(t->serial, t->serial_n));
    cmpsrv_derw_raw(&w, t->sig_alg == NULL ? cmpsrv_bytes_slice(&ca->cert_sig_alg)
                                           : cmpsrv_slice(t->sig_alg, t->sig_alg_n));
    put_name(&w, t->issuer, &ca->issuer.subject);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_time(&w, t->not_before == 0 ? d->not_before : t->not_before);
    cmpsrv_derw_time(&w, t->not_after == 0 ? d->not_after : t->not_after);
    cmpsrv_derw_end(&w);
    put_name(&w, t->subject, &d->subject);
    put_key(&w, t->key == NULL ? d->key : t->key);
    if (!t->no_extensions) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(3));
        cmpsrv_derw_put(&w, DER_SEQUENCE,
                        t->extensions == NULL ? cmpsrv_slice(GOOD, sizeof(GOOD) - 1)
                                              : cmpsrv_slice(t->extensions, t->extensions_n));
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, out));
}

/* "" when it passes, else the refusal's text. */
static const char *lint(const CMPSRV_CA *ca, const CMPSRV_DECISION *d, struct tbs t)
{
    static CMPSRV_REFUSAL why;
    CMPSRV_BYTES der = {0};
    int ok;

    memset(&why, 0, sizeof(why));
    build(ca, d, &t, &der);
    ok = cmpsrv_lint_tbs(ca, d, cmpsrv_bytes_slice(&der), &why);
    cmpsrv_bytes_clear(&der);
    CU_ASSERT(ok == (why.reason == CMPSRV_R_NONE));
    return why.detail;
}

#define REFUSED(rule, ...)                                                                         \
    CU_ASSERT_PTR_NOT_NULL(strstr(lint(ca, d, (struct tbs){__VA_ARGS__}), rule))
#define EXT(octets) .extensions = octets, .extensions_n = sizeof(octets) - 1

static void test_every_rule(void)
{
    FIXTURE f;
    CMPSRV_CA *ca;
    CMPSRV_DECISION *d, *empty;
    EVP_PKEY *other = make_key("ec:P-256");

    set_up(&f, "ec:P-256");
    ca = load(&f);
    CU_ASSERT_FATAL(ca != NULL);
    d = decide(ca, make_key("ec:P-256"), "CN=device");
    CU_ASSERT_STRING_EQUAL(lint(ca, d, (struct tbs){0}), "");
    REFUSED("4.1.2.1", .version = 1, .no_extensions = 1);
    REFUSED("4.1.2.2", .serial = "\0", .serial_n = 1);
    REFUSED("4.1.2.2", .serial = "\x85", .serial_n = 1);
    REFUSED("4.1.2.2", .serial = "123456789012345678901", .serial_n = 21);
    REFUSED("4.1.2.3", .sig_alg = "\x30\x05\x06\x03\x2b\x65\x70", .sig_alg_n = 7);
    REFUSED("4.1.2.4", .issuer = "CN=somebody");
    REFUSED("4.1.2.5", .not_after = d->not_before - 1000);
    REFUSED("4.1.2.5", .not_after = ca->issuer.not_after + DAY_MS);
    REFUSED("4.1.2.5", .not_before = ca->issuer.not_before - DAY_MS);
    REFUSED("4.1.2.6", .subject = "CN=device,O=x");
    REFUSED("4.1.2.7", .key = other);
    REFUSED("4.2: ", .no_extensions = 1);
    REFUSED("4.2: ", EXT(GOOD BASIC));
    REFUSED("4.2.1.1", EXT(BASIC USAGE));
    REFUSED("4.2.1.9", EXT(KEY_IDS USAGE));
    REFUSED("4.2.1.9", EXT(KEY_IDS USAGE
                           "\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff"));
    REFUSED("4.2.1.3", EXT(KEY_IDS BASIC)); /* decided, missing */
    REFUSED(
        "4.2.1.3",
        EXT(KEY_IDS BASIC
            "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x02\x84")); /* keyCertSign */
    REFUSED(
        "4.2.1.3",
        EXT(KEY_IDS BASIC
            "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x05\xa0")); /* EC,
                                                                                     encipherment */
    empty = decide(ca, make_key("ec:P-256"), "CN=device");
    cmpsrv_bytes_set(&empty->subject, cmpsrv_slice("\x30\x00", 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(lint(ca, empty, (struct tbs){0}), "4.2.1.6"));
    cmpsrv_decision_free(empty);
    cmpsrv_decision_free(d);
    EVP_PKEY_free(other);
    cmpsrv_ca_free(ca);
    tear_down(&f);
}

TEST_MAIN("lint", TEST(test_every_rule))
