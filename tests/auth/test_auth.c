/* SPDX-License-Identifier: Apache-2.0 */
/* The module HMAC in RA mode: whose secret counts, what is denied and how, and what an identity is
 * bound to. */
#include "config.h"

#include <openssl/crypto.h>

#include "auth/auth.h"
#include "test.h"

#define S(octets) DER_OID_SLICE(octets)

static const unsigned char binding_key[CMPSRV_HASH] = {1, 2, 3};
static const CMPSRV_SLICE header = {(const unsigned char *)"\x30\x03\x02\x01\x02", 5};
static const CMPSRV_SLICE body = {(const unsigned char *)"\xa0\x02\x05\x00", 4};

/* A message that is protected under `secret`, and the alias it meets. */
struct world {
    CMPSRV_CONF_MODULE module;
    CMPSRV_CONF_ALIAS alias;
    CMPSRV_CONF_CA ca;
    CMPSRV_PKIMSG msg;
    CMPSRV_AUTH_INPUT in;
    CMPSRV_BYTES alg, mac;
};

static void protect(struct world *w, const char *secret)
{
    CMPSRV_MAC_PARAMS params = {.salt = S("0123456789abcdef"),
                                .owf = CMPSRV_MD_SHA256,
                                .mac = CMPSRV_MD_SHA1,
                                .iterations = 500};
    CMPSRV_SECRET *s = cmpsrv_secret_new(secret, strlen(secret));
    CMPSRV_MAC_KEY *k = cmpsrv_mac_key_derive(&params, s);

    CU_ASSERT_FATAL(cmpsrv_mac_algid(&params, params.salt, &w->alg) &&
                    cmpsrv_mac_compute(k, header, body, &w->mac, NULL));
    w->msg.protection_alg = cmpsrv_bytes_slice(&w->alg);
    w->msg.protection = cmpsrv_bytes_slice(&w->mac);
    cmpsrv_mac_key_free(k);
    cmpsrv_secret_free(s);
}

/* NULL: the alias has "-", the CA no secret. */
static void begin(struct world *w, const char *alias_secret, const char *ca_secret,
                  const char *used)
{
    memset(w, 0, sizeof(*w));
    w->module.name = (char *)"HMAC";
    w->module.parameter =
        alias_secret == NULL ? NULL : cmpsrv_secret_new(alias_secret, strlen(alias_secret));
    w->alias = (CMPSRV_CONF_ALIAS){.name = (char *)"a",
                                   .ra_mode = 1,
                                   .modules = &w->module,
                                   .modules_n = 1,
                                   .macs = 31,
                                   .pbm_owf = 31};
    w->alias.pbm_iterations = (CMPSRV_CONF_RANGE){100, 100000};
    w->ca.name = (char *)"CA1";
    w->ca.cmp_ra_auth_secret =
        ca_secret == NULL ? NULL : cmpsrv_secret_new(ca_secret, strlen(ca_secret));
    w->msg = (CMPSRV_PKIMSG){.header = header, .body = body, .sender_kid = S("line1")};
    w->in = (CMPSRV_AUTH_INPUT){
        .msg = &w->msg, .alias = &w->alias, .ca = &w->ca, .binding_key = binding_key};
    protect(w, used);
}

static void end(struct world *w)
{
    cmpsrv_secret_free(w->module.parameter);
    cmpsrv_secret_free(w->ca.cmp_ra_auth_secret);
    cmpsrv_bytes_clear(&w->alg);
    cmpsrv_bytes_clear(&w->mac);
}

static CMPSRV_REASON judge(struct world *w)
{
    CMPSRV_AUTH_RESULT r;
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_auth_run(&w->in, &r, &why);

    CU_ASSERT(ok == r.identity.proven && ok == (why.reason == CMPSRV_R_NONE));
    CU_ASSERT(ok == (r.mac_key != NULL));
    cmpsrv_auth_result_clear(&r);
    return why.reason;
}

static void test_whose_secret_counts(void)
{
    static const struct {
        const char *alias, *ca, *used;
        CMPSRV_REASON reason;
        const char *source;
    } t[] = {
        {"alias", "ca", "alias", CMPSRV_R_NONE, "alias"},
        {"alias", "ca", "ca", CMPSRV_R_BAD_MESSAGE_CHECK, NULL}, /* the alias's overrides */
        {NULL, "ca", "ca", CMPSRV_R_NONE, "ca:CA1"},
        {NULL, "ca", "other", CMPSRV_R_BAD_MESSAGE_CHECK, NULL},
        {NULL, NULL, "x", CMPSRV_R_BAD_MESSAGE_CHECK, NULL}, /* nobody has a secret */
        {NULL, NULL, "no secret", CMPSRV_R_BAD_MESSAGE_CHECK,
         NULL}, /* not even the one of the dummy derivation */
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        struct world w;
        CMPSRV_AUTH_RESULT r;
        CMPSRV_REFUSAL why = {0};

        begin(&w, t[i].alias, t[i].ca, t[i].used);
        cmpsrv_auth_run(&w.in, &r, &why);
        CU_ASSERT_EQUAL(why.reason, t[i].reason);
        if (t[i].source != NULL) {
            CU_ASSERT_STRING_EQUAL(r.identity.source, t[i].source);
            CU_ASSERT_STRING_EQUAL(r.identity.module, "HMAC");
            CU_ASSERT_STRING_EQUAL(r.identity.name, "line1");
            CU_ASSERT(r.identity.is_ra && r.identity.kind == CMPSRV_PROTECTION_MAC);
        }
        cmpsrv_auth_result_clear(&r);
        end(&w);
    }
}

static void test_denied(void)
{
    struct world w;

#define DENIED(reason, ...)                                                                        \
    begin(&w, "s", NULL, "s");                                                                     \
    __VA_ARGS__;                                                                                   \
    CU_ASSERT_EQUAL(judge(&w), CMPSRV_R_##reason);                                                 \
    end(&w)
    DENIED(NONE, (void)0);
    DENIED(NOT_PROTECTED, w.msg.protection = w.msg.protection_alg = cmpsrv_slice(NULL, 0));
    DENIED(NOT_PROTECTED, w.msg.protection = cmpsrv_slice(NULL, 0));
    DENIED(NOT_PROTECTED, w.msg.protection_alg = cmpsrv_slice(NULL, 0));
    DENIED(BAD_MESSAGE_CHECK, w.msg.protection.n = 0);
    DENIED(BAD_MESSAGE_CHECK, w.msg.protection.n--);
    DENIED(BAD_MESSAGE_CHECK, w.msg.body = S("\xa2\x02\x05\x00"));
    DENIED(NO_SENDER_KID, w.msg.sender_kid = cmpsrv_slice(NULL, 0));
    DENIED(NO_SENDER_KID, w.msg.sender_kid.n = 0);
    DENIED(WRONG_INTEGRITY,
           w.msg.protection_alg = S("\x30\x05\x06\x03\x2b\x65\x70")); /* a signature */
    DENIED(WRONG_INTEGRITY, w.alias.modules_n = 0);
    DENIED(BAD_ALG, w.msg.protection_alg = S("\x30\x03\x06\x01\x2a")); /* unknown */
    DENIED(BAD_ALG, w.msg.protection_alg =
                        S("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e")); /* PBMAC1 */
    DENIED(BAD_ALG, w.alias.pbm_owf = CMPSRV_MD_SHA512);
    DENIED(BAD_ALG, w.alias.macs = CMPSRV_MD_SHA256);
    DENIED(BAD_ALG, w.alias.pbm_iterations.min = 501);
}

static void bind(struct world *w, unsigned char out[CMPSRV_HASH])
{
    CMPSRV_AUTH_RESULT r;

    CU_ASSERT_FATAL(cmpsrv_auth_run(&w->in, &r, NULL));
    memcpy(out, r.identity.binding, CMPSRV_HASH);
    cmpsrv_auth_result_clear(&r);
}

static void test_binding(void)
{
    unsigned char a[CMPSRV_HASH], b[CMPSRV_HASH];
    static const unsigned char other_key[CMPSRV_HASH] = {9};
    struct world w;

    begin(&w, "s", NULL, "s");
    bind(&w, a);
    bind(&w, b);
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    w.msg.sender_kid = S("line2");
    bind(&w, b);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    w.msg.sender_kid = S("line1");
    w.in.binding_key = other_key;
    bind(&w, b);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    end(&w);
    begin(&w, "t", NULL, "t"); /* another secret */
    bind(&w, b);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    end(&w);
    begin(&w, NULL, "s", "s"); /* the same secret, of the CA */
    bind(&w, b);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    end(&w);
}

static void test_modules(void)
{
    CU_ASSERT(cmpsrv_auth_has_module("HMAC"));
    CU_ASSERT(!cmpsrv_auth_has_module("hmac"));
    CU_ASSERT(cmpsrv_auth_has_module("EndEntityCertificate"));
    CU_ASSERT(cmpsrv_auth_has_module("RegTokenPwd"));
    CU_ASSERT(cmpsrv_auth_has_module("DnPartPwd"));
    CU_ASSERT(!cmpsrv_auth_has_module("Certificate"));
}

TEST_MAIN("auth", TEST(test_whose_secret_counts), TEST(test_denied), TEST(test_binding),
          TEST(test_modules))
