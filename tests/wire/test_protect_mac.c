/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PasswordBasedMac against OSSL_CRMF_pbm_new, against values computed elsewhere (Python's hashlib
 * and hmac), and parameters that must be refused without any work.
 */
#include "config.h"

#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>

#include "test.h"
#include <openssl/hmac.h>

#include "wire/wire.h"

#define S(octets)  DER_OID_SLICE(octets)
#define PBM        "1.2.840.113533.7.66.13"
#define SHA256_OID "2.16.840.1.101.3.4.2.1"
#define HMAC1_OID  "1.3.6.1.5.5.8.1.2"
#define SALT16     S("0123456789abcdef")
#define ALL                                                                                        \
    (CMPSRV_MD_SHA1 | CMPSRV_MD_SHA224 | CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

static const CMPSRV_MAC_POLICY any = {ALL, ALL, 100, 100000, 1, 100000};

/* What goes into a PasswordBasedMac AlgorithmIdentifier; parameter TLVs as they are. */
typedef struct {
    const char *oid, *owf, *mac;
    CMPSRV_SLICE salt, iterations; /* content octets */
    CMPSRV_SLICE owf_params, mac_params, extra;
} ALG;

static CMPSRV_BYTES make_alg(const ALG *a)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, a->oid);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, a->salt);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, a->owf);
    cmpsrv_derw_raw(&w, a->owf_params);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_put(&w, DER_INTEGER, a->iterations);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, a->mac);
    cmpsrv_derw_raw(&w, a->mac_params);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_raw(&w, a->extra);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static ALG usual(void)
{
    return (ALG){.oid = PBM,
                 .owf = SHA256_OID,
                 .mac = HMAC1_OID,
                 .salt = SALT16,
                 .iterations = S("\x01\xf4")};
}

static CMPSRV_REASON parse_with(const ALG *a, const CMPSRV_MAC_POLICY *policy,
                                CMPSRV_MAC_PARAMS *out)
{
    CMPSRV_BYTES b = make_alg(a);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_MAC_PARAMS p = {.iterations = -7};
    int ok = cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&b), policy, &p, &why);

    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(ok, p.iterations != -7);
    p.salt = cmpsrv_slice(NULL, 0); /* borrowed from b */
    if (out != NULL)
        *out = p;
    cmpsrv_bytes_clear(&b);
    return why.reason;
}

static CMPSRV_REASON parse(const ALG *a)
{
    return parse_with(a, &any, NULL);
}

static void test_iterations(void)
{
    static const struct {
        const char *p;
        size_t n;
        CMPSRV_REASON want;
    } rows[] = {
#define I(s, want) {s, sizeof(s) - 1, want}
        I("\xff", CMPSRV_R_BAD_ALG), /* -1 */
        I("\x00", CMPSRV_R_BAD_ALG),
        I("\x01", CMPSRV_R_BAD_ALG),
        I("\x63", CMPSRV_R_BAD_ALG),         /* 99 */
        I("\x64", CMPSRV_R_NONE),            /* 100 */
        I("\x01\x86\xa0", CMPSRV_R_NONE),    /* 100000 */
        I("\x01\x86\xa1", CMPSRV_R_BAD_ALG), /* 100001 */
        I("\x00\x7f\xff\xff\xff", CMPSRV_R_BAD_ALG),
        I("\x00\x80\x00\x00\x00", CMPSRV_R_BAD_ALG),                 /* 2^31 */
        I("\x01\x00\x00\x01\xf4", CMPSRV_R_BAD_ALG),                 /* 2^32 + 500 */
        I("\x7f\xff\xff\xff\xff\xff\xff\xff", CMPSRV_R_BAD_ALG),     /* 2^63 - 1 */
        I("\x80\x00\x00\x00\x00\x00\x00\x00", CMPSRV_R_BAD_ALG),     /* -2^63 */
        I("\x00\x80\x00\x00\x00\x00\x00\x00\x00", CMPSRV_R_BAD_ALG), /* 2^63 */
        I("\x01\x00\x00\x00\x00\x00\x00\x01\xf4", CMPSRV_R_BAD_ALG), /* 2^64 + 500 */
        I("", CMPSRV_R_BAD_ALG),
    };
    static const CMPSRV_MAC_POLICY careless = {
        .macs = ALL, .pbm_owf = ALL, .pbm_iterations_min = -5, .pbm_iterations_max = INT64_MAX};
    ALG a = usual();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        a.iterations = cmpsrv_slice(rows[i].p, rows[i].n);
        CU_ASSERT_EQUAL(parse(&a), rows[i].want);
    }
    /* never below 1, whatever the policy says */
    a.iterations = S("\x00");
    CU_ASSERT_EQUAL(parse_with(&a, &careless, NULL), CMPSRV_R_BAD_ALG);
    a.iterations = S("\xff");
    CU_ASSERT_EQUAL(parse_with(&a, &careless, NULL), CMPSRV_R_BAD_ALG);
}

static void test_salt(void)
{
    static const unsigned char salt[65] = {1};
    static const struct {
        size_t n;
        CMPSRV_REASON want;
    } rows[] = {{0, CMPSRV_R_BAD_ALG},
                {7, CMPSRV_R_BAD_ALG},
                {8, CMPSRV_R_NONE},
                {64, CMPSRV_R_NONE},
                {65, CMPSRV_R_BAD_ALG}};
    ALG a = usual();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        a.salt = cmpsrv_slice(salt, rows[i].n);
        CU_ASSERT_EQUAL(parse(&a), rows[i].want);
    }
}

static void test_algorithms(void)
{
    static const struct {
        const char *oid;
        unsigned md;
    } owfs[] = {{"1.3.14.3.2.26", CMPSRV_MD_SHA1},
                {"2.16.840.1.101.3.4.2.4", CMPSRV_MD_SHA224},
                {SHA256_OID, CMPSRV_MD_SHA256},
                {"2.16.840.1.101.3.4.2.2", CMPSRV_MD_SHA384},
                {"2.16.840.1.101.3.4.2.3", CMPSRV_MD_SHA512},
                {"1.2.840.113549.2.5", 0}, /* MD5 */
                {"2.16.840.1.101.3.4.2.11", 0},
                {HMAC1_OID, 0}},
      macs[] = {{HMAC1_OID, CMPSRV_MD_SHA1},
                {"1.2.840.113549.2.7", CMPSRV_MD_SHA1},
                {"1.2.840.113549.2.8", CMPSRV_MD_SHA224},
                {"1.2.840.113549.2.9", CMPSRV_MD_SHA256},
                {"1.2.840.113549.2.10", CMPSRV_MD_SHA384},
                {"1.2.840.113549.2.11", CMPSRV_MD_SHA512},
                {"1.2.840.113549.2.6", 0},
                {"1.3.6.1.5.5.8.1.1", 0}, /* HMAC-MD5 */
                {SHA256_OID, 0}};
    CMPSRV_MAC_PARAMS p;

    for (size_t i = 0; i < sizeof(owfs) / sizeof(owfs[0]); i++) {
        CMPSRV_MAC_POLICY others = {.macs = ALL,
                                    .pbm_owf = ALL & ~owfs[i].md,
                                    .pbm_iterations_min = 100,
                                    .pbm_iterations_max = 1000};
        ALG a = usual();

        a.owf = owfs[i].oid;
        CU_ASSERT_EQUAL(parse_with(&a, &any, &p), owfs[i].md ? CMPSRV_R_NONE : CMPSRV_R_BAD_ALG);
        CU_ASSERT_EQUAL(p.owf, owfs[i].md);
        CU_ASSERT_EQUAL(parse_with(&a, &others, NULL), CMPSRV_R_BAD_ALG);
    }
    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        CMPSRV_MAC_POLICY others = {.macs = ALL & ~macs[i].md,
                                    .pbm_owf = ALL,
                                    .pbm_iterations_min = 100,
                                    .pbm_iterations_max = 1000};
        ALG a = usual();

        a.mac = macs[i].oid;
        CU_ASSERT_EQUAL(parse_with(&a, &any, &p), macs[i].md ? CMPSRV_R_NONE : CMPSRV_R_BAD_ALG);
        CU_ASSERT_EQUAL(p.mac, macs[i].md);
        CU_ASSERT_EQUAL(parse_with(&a, &others, NULL), CMPSRV_R_BAD_ALG);
    }
}

static void test_inner_parameters(void)
{
    static const struct {
        const char *p;
        size_t n;
        CMPSRV_REASON want;
    } rows[] = {
        I("\x05\x00", CMPSRV_R_NONE),        I("\x30\x00", CMPSRV_R_BAD_ALG),
        I("\x04\x00", CMPSRV_R_BAD_ALG),     I("\x02\x01\x05", CMPSRV_R_BAD_ALG),
        I("\x06\x01\x2a", CMPSRV_R_BAD_ALG), I("\x01\x01\xff", CMPSRV_R_BAD_ALG),
        I("\x05\x01\x00", CMPSRV_R_BAD_ALG), I("\x05\x00\x05\x00", CMPSRV_R_BAD_ALG),
        I("\x0c\x01x", CMPSRV_R_BAD_ALG),    I("\x05", CMPSRV_R_BAD_ALG),
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ALG a = usual();

        a.owf_params = cmpsrv_slice(rows[i].p, rows[i].n);
        CU_ASSERT_EQUAL(parse(&a), rows[i].want);
        a.mac_params = a.owf_params;
        a.owf_params = cmpsrv_slice(NULL, 0);
        CU_ASSERT_EQUAL(parse(&a), rows[i].want);
    }
}

static void test_damaged(void)
{
    ALG a = usual();
    CMPSRV_BYTES b = make_alg(&a);
    CMPSRV_MAC_PARAMS p;

    for (size_t n = 0; n < b.n; n++) {
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT_FALSE(cmpsrv_mac_params_parse(cmpsrv_slice(b.p, n), &any, &p, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
    }
    cmpsrv_bytes_clear(&b);
    a.extra = S("\x05\x00");
    CU_ASSERT_EQUAL(parse(&a), CMPSRV_R_BAD_ALG);
    a = usual();
    a.oid = "1.2.840.113549.1.5.14";
    CU_ASSERT_EQUAL(parse(&a), CMPSRV_R_BAD_ALG);
    a.oid = "1.2.840.113533.7.66.30";
    CU_ASSERT_EQUAL(parse(&a), CMPSRV_R_BAD_ALG);
}

static void test_kind(void)
{
    static const struct {
        const char *oid;
        CMPSRV_PROTECTION want;
    } rows[] = {
        {PBM, CMPSRV_PROTECTION_MAC},
        {"1.2.840.113549.1.5.14", CMPSRV_PROTECTION_MAC},
        {"1.2.840.113533.7.66.30", CMPSRV_PROTECTION_MAC},
        {"1.2.840.113533.7.66.16", CMPSRV_PROTECTION_MAC},
        {"1.2.840.113549.1.1.11", CMPSRV_PROTECTION_SIGNATURE},
        {"1.3.101.112", CMPSRV_PROTECTION_SIGNATURE},
        {"1.2.3", CMPSRV_PROTECTION_SIGNATURE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ALG a = usual();
        CMPSRV_BYTES b;

        a.oid = rows[i].oid;
        b = make_alg(&a);
        CU_ASSERT_EQUAL(cmpsrv_protection_kind(cmpsrv_bytes_slice(&b)), rows[i].want);
        cmpsrv_bytes_clear(&b);
    }
    CU_ASSERT_EQUAL(cmpsrv_protection_kind(cmpsrv_slice(NULL, 0)), CMPSRV_PROTECTION_NONE);
}

/* ---- values ------------------------------------------------------------------------------------
 */

#define HEADER S("\x30\x03\x02\x01\x02")
#define BODY   S("\xb3\x02\x05\x00")
#define PART   S("\x30\x09\x30\x03\x02\x01\x02\xb3\x02\x05\x00")

static CMPSRV_MAC_KEY *derive(unsigned owf, unsigned mac, int64_t iterations, CMPSRV_SLICE salt,
                              const char *secret)
{
    CMPSRV_MAC_PARAMS p = {.salt = salt, .owf = owf, .mac = mac, .iterations = iterations};
    CMPSRV_SECRET *s = cmpsrv_secret_new(secret, strlen(secret));
    CMPSRV_MAC_KEY *k = cmpsrv_mac_key_derive(&p, s);

    cmpsrv_secret_free(s);
    return k;
}

static void test_vectors(void)
{
    static const struct {
        unsigned owf, mac;
        int64_t iterations;
        const char *hex;
    } rows[] = {
        {CMPSRV_MD_SHA256, CMPSRV_MD_SHA1, 500, "822e53d2f15e95be0782261df09d7cfe922aebbd"},
        {CMPSRV_MD_SHA256, CMPSRV_MD_SHA256, 1000,
         "40a198e5f1c4414514ea2467af4ed778e0cc9d77c05d3e50b9fb485c64de7922"},
        {CMPSRV_MD_SHA1, CMPSRV_MD_SHA1, 100, "d5775a16317e60eb9a2702df223ee070b9126409"},
        {CMPSRV_MD_SHA512, CMPSRV_MD_SHA512, 100,
         "80a64d2670cb36985dc95da871c504160ec55961da3e43d18c5764b80db01b11"
         "a72a9d73e7a064f815ec452e5151aa1786111753fee42c0f0d0c1862b7d23a0a"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CMPSRV_MAC_KEY *k = derive(rows[i].owf, rows[i].mac, rows[i].iterations, SALT16, "insta");
        CMPSRV_BYTES mac = {0};
        CMPSRV_REFUSAL why = {0};
        char hex[200];

        CU_ASSERT_FATAL(k != NULL && cmpsrv_mac_compute(k, HEADER, BODY, &mac, &why));
        CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_bytes_slice(&mac), hex, sizeof(hex)), rows[i].hex);
        cmpsrv_bytes_clear(&mac);
        cmpsrv_mac_key_free(k);
    }
}

/* OpenSSL makes parameters and MAC; ours parses the one and must come to the other. */
static void check_openssl(int owf_nid, int mac_nid, size_t iterations, size_t salt_n)
{
    OSSL_CRMF_PBMPARAMETER *pbm = OSSL_CRMF_pbmp_new(NULL, salt_n, owf_nid, iterations, mac_nid);
    unsigned char *der = NULL, *want = NULL;
    size_t want_n = 0;
    int len = i2d_OSSL_CRMF_PBMPARAMETER(pbm, &der);
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES alg = {0}, mac = {0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_MAC_PARAMS p;
    CMPSRV_SECRET *secret = cmpsrv_secret_new("insta", 5);
    CMPSRV_MAC_KEY *k;

    CU_ASSERT_FATAL(len > 0 &&
                    OSSL_CRMF_pbm_new(NULL, NULL, pbm, PART.p, PART.n,
                                      (const unsigned char *)"insta", 5, &want, &want_n));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, PBM);
    cmpsrv_derw_raw(&w, cmpsrv_slice(der, (size_t)len));
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &alg));
    CU_ASSERT_FATAL(cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&alg), &any, &p, &why));
    k = cmpsrv_mac_key_derive(&p, secret);
    CU_ASSERT_FATAL(k != NULL && cmpsrv_mac_compute(k, HEADER, BODY, &mac, &why));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&mac), cmpsrv_slice(want, want_n)));
    cmpsrv_mac_key_free(k);
    cmpsrv_secret_free(secret);
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&alg);
    OPENSSL_free(want);
    OPENSSL_free(der);
    OSSL_CRMF_PBMPARAMETER_free(pbm);
}

static void test_openssl_agrees(void)
{
    static const int owfs[] = {NID_sha1, NID_sha224, NID_sha256, NID_sha384, NID_sha512};
    static const int macs[] = {NID_hmac_sha1,      NID_hmacWithSHA1,   NID_hmacWithSHA224,
                               NID_hmacWithSHA256, NID_hmacWithSHA384, NID_hmacWithSHA512};

    for (size_t i = 0; i < sizeof(owfs) / sizeof(owfs[0]); i++)
        for (size_t k = 0; k < sizeof(macs) / sizeof(macs[0]); k++)
            check_openssl(owfs[i], macs[k], 100 + i, 8 + k);
    check_openssl(NID_sha256, NID_hmac_sha1, 500, 16); /* what `openssl cmp` sends */
    check_openssl(NID_sha512, NID_hmacWithSHA512, 100000, 64);
}

static CMPSRV_REASON verify(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE protection)
{
    CMPSRV_PKIMSG msg = {.header = HEADER, .body = BODY, .protection = protection};
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_mac_verify(k, &msg, &why);

    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    return why.reason;
}

static void test_verify(void)
{
    CMPSRV_MAC_KEY *k = derive(CMPSRV_MD_SHA256, CMPSRV_MD_SHA256, 500, SALT16, "insta");
    CMPSRV_MAC_KEY *other = derive(CMPSRV_MD_SHA256, CMPSRV_MD_SHA256, 500, SALT16, "instb");
    CMPSRV_MAC_KEY *less = derive(CMPSRV_MD_SHA256, CMPSRV_MD_SHA256, 499, SALT16, "insta");
    CMPSRV_BYTES mac = {0};
    CMPSRV_REFUSAL why = {0};
    unsigned char longer[33] = {0};

    CU_ASSERT_FATAL(k != NULL && other != NULL && less != NULL);
    CU_ASSERT_FATAL(cmpsrv_mac_compute(k, HEADER, BODY, &mac, &why));
    CU_ASSERT_EQUAL(verify(k, cmpsrv_bytes_slice(&mac)), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify(other, cmpsrv_bytes_slice(&mac)), CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(verify(less, cmpsrv_bytes_slice(&mac)), CMPSRV_R_BAD_MESSAGE_CHECK);
    for (size_t n = 0; n < mac.n; n++)
        CU_ASSERT_EQUAL(verify(k, cmpsrv_slice(mac.p, n)), CMPSRV_R_BAD_MESSAGE_CHECK);
    CU_ASSERT_EQUAL(verify(k, cmpsrv_slice(NULL, 0)), CMPSRV_R_BAD_MESSAGE_CHECK);
    memcpy(longer, mac.p, mac.n);
    CU_ASSERT_EQUAL(verify(k, cmpsrv_slice(longer, 33)), CMPSRV_R_BAD_MESSAGE_CHECK);
    for (size_t i = 0; i < mac.n; i++) {
        mac.p[i] ^= 0x80;
        CU_ASSERT_EQUAL(verify(k, cmpsrv_bytes_slice(&mac)), CMPSRV_R_BAD_MESSAGE_CHECK);
        mac.p[i] ^= 0x80;
    }
    cmpsrv_bytes_clear(&mac);
    cmpsrv_mac_key_free(k);
    cmpsrv_mac_key_free(other);
    cmpsrv_mac_key_free(less);
    cmpsrv_mac_key_free(NULL);
}

static void test_key_refused(void)
{
    CU_ASSERT_PTR_NULL(derive(CMPSRV_MD_SHA256, CMPSRV_MD_SHA1, 500, SALT16, ""));
    CU_ASSERT_PTR_NULL(derive(CMPSRV_MD_SHA256, CMPSRV_MD_SHA1, 0, SALT16, "x"));
    CU_ASSERT_PTR_NULL(derive(0, CMPSRV_MD_SHA1, 500, SALT16, "x"));
    CU_ASSERT_PTR_NULL(derive(CMPSRV_MD_SHA256, 0, 500, SALT16, "x"));
}

/* What we write is what we read, for every pair. */
static void test_algid(void)
{
    static const unsigned mds[] = {CMPSRV_MD_SHA1, CMPSRV_MD_SHA224, CMPSRV_MD_SHA256,
                                   CMPSRV_MD_SHA384, CMPSRV_MD_SHA512};
    CMPSRV_MAC_PARAMS bad = {.salt = SALT16, .mac = CMPSRV_MD_SHA1, .iterations = 500};
    CMPSRV_BYTES out = {0}, want;
    ALG a = usual();

    for (size_t i = 0; i < 25; i++) {
        CMPSRV_MAC_PARAMS p = {.salt = S("other salt"),
                               .owf = mds[i / 5],
                               .mac = mds[i % 5],
                               .iterations = 1234},
                          back;
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT_FATAL(cmpsrv_mac_algid(&p, SALT16, &out));
        CU_ASSERT_FATAL(cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&out), &any, &back, &why));
        CU_ASSERT(cmpsrv_slice_eq(back.salt, SALT16));
        CU_ASSERT_EQUAL(back.owf, p.owf);
        CU_ASSERT_EQUAL(back.mac, p.mac);
        CU_ASSERT_EQUAL(back.iterations, 1234);
        cmpsrv_bytes_clear(&out);
    }
    want = make_alg(&a);
    CU_ASSERT_FATAL(cmpsrv_mac_algid(
        &(CMPSRV_MAC_PARAMS){.owf = CMPSRV_MD_SHA256, .mac = CMPSRV_MD_SHA1, .iterations = 500},
        SALT16, &out));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&out), cmpsrv_bytes_slice(&want)));
    cmpsrv_bytes_clear(&out);
    cmpsrv_bytes_clear(&want);
    CU_ASSERT_FALSE(cmpsrv_mac_algid(&bad, SALT16, &out));
    CU_ASSERT_PTR_NULL(out.p);
}

/* PBMAC1 of the vector in RFC 7914 11 (PBKDF2-HMAC-SHA256 of "passwd" and "salt", once), and what
 * its own parameters are worth when written and read again. The salt there is too short for us. */
static void test_pbmac1(void)
{
    static const unsigned char key[64] =
        "\x55\xac\x04\x6e\x56\xe3\x08\x9f\xec\x16\x91\xc2\x25\x44\xb6\x05"
        "\xf9\x41\x85\x21\x6d\xde\x04\x65\xe6\x8b\x9d\x57\xc2\x0d\xac\xbc"
        "\x49\xca\x9c\xcc\xf1\x79\xb6\x45\x99\x16\x64\xb3\x9d\x77\xef\x31"
        "\x7c\x71\xb8\x45\xb1\xe3\x0b\xd5\x09\x11\x20\x41\xd3\xa1\x97\x83";
    CMPSRV_MAC_PARAMS p = {S("salt"), CMPSRV_MD_SHA256, CMPSRV_MD_SHA512, 1, CMPSRV_MAC_PBMAC1, 64};
    CMPSRV_SECRET *secret = cmpsrv_secret_new("passwd", 6);
    CMPSRV_MAC_KEY *k = cmpsrv_mac_key_derive(&p, secret);
    CMPSRV_SLICE header = S("\x30\x00"), body = S("\xb3\x02\x05\x00");
    CMPSRV_BYTES mac = {0}, alg = {0};
    unsigned char want[EVP_MAX_MD_SIZE];
    CMPSRV_MAC_PARAMS back;

    CU_ASSERT_FATAL(k != NULL && cmpsrv_mac_compute(k, header, body, &mac, NULL));
    HMAC(EVP_sha512(), key, sizeof(key), (const unsigned char *)"\x30\x06\x30\x00\xb3\x02\x05\x00",
         8, want, NULL);
    CU_ASSERT_EQUAL(mac.n, 64);
    CU_ASSERT_EQUAL(memcmp(mac.p, want, 64), 0);
    cmpsrv_mac_key_free(k);
    CU_ASSERT_FATAL(cmpsrv_mac_algid(&p, S("saltsalt"), &alg));
    CU_ASSERT_FATAL(cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&alg), &any, &back, NULL));
    CU_ASSERT(back.owf == p.owf && back.mac == p.mac && back.key_len == 64 &&
              back.iterations == 1 && back.scheme == CMPSRV_MAC_PBMAC1 && back.salt.n == 8);
    /* every octet of it counts, or is not read as PBMAC1 any more */
    for (size_t n = 0; n < alg.n; n++)
        CU_ASSERT_FALSE(cmpsrv_mac_params_parse(cmpsrv_slice(alg.p, n), &any, &back, NULL));
    p.key_len = 65;
    CU_ASSERT_PTR_NULL(cmpsrv_mac_key_derive(&p, secret));
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&alg);
    cmpsrv_secret_free(secret);
}

/* A thread with a default context of its own gets that one's algorithms, whatever was fetched from
 * the other before. */
static void test_default_context(void)
{
    CMPSRV_MAC_PARAMS p = {S("salt"), CMPSRV_MD_SHA256, CMPSRV_MD_SHA512, 2, CMPSRV_MAC_PBM, 0};
    CMPSRV_SECRET *secret = cmpsrv_secret_new("passwd", 6);
    CMPSRV_MAC_KEY *k = cmpsrv_mac_key_derive(&p, secret);
    OSSL_LIB_CTX *empty = OSSL_LIB_CTX_new(), *before;
    OSSL_PROVIDER *none = OSSL_PROVIDER_load(empty, "null");
    CMPSRV_SLICE header = S("\x30\x00"), body = S("\xb3\x02\x05\x00");
    CMPSRV_BYTES mac = {0};
    unsigned char hash[CMPSRV_HASH];

    CU_ASSERT_FATAL(k != NULL && none != NULL && cmpsrv_sha256(S("data"), hash));
    CU_ASSERT_FATAL(cmpsrv_mac_compute(k, header, body, &mac, NULL));
    before = OSSL_LIB_CTX_set0_default(empty);
    CU_ASSERT_FALSE(cmpsrv_sha256(S("data"), hash));
    CU_ASSERT_FALSE(cmpsrv_mac_compute(k, header, body, &mac, NULL));
    CU_ASSERT_PTR_NULL(cmpsrv_mac_key_derive(&p, secret));
    ERR_clear_error();
    OSSL_LIB_CTX_set0_default(before);
    CU_ASSERT(cmpsrv_sha256(S("data"), hash));
    CU_ASSERT(cmpsrv_mac_compute(k, header, body, &mac, NULL));
    OSSL_PROVIDER_unload(none);
    OSSL_LIB_CTX_free(empty);
    cmpsrv_bytes_clear(&mac);
    cmpsrv_mac_key_free(k);
    cmpsrv_secret_free(secret);
}

TEST_MAIN("protect_mac", TEST(test_pbmac1), TEST(test_iterations), TEST(test_salt),
          TEST(test_algorithms), TEST(test_inner_parameters), TEST(test_damaged), TEST(test_kind),
          TEST(test_vectors), TEST(test_openssl_agrees), TEST(test_verify), TEST(test_key_refused),
          TEST(test_algid), TEST(test_default_context))
