/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names: one name in every encoding is one name, two names never are; what is
 * refused; text both ways. */
#include "config.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets) DER_OID_SLICE(octets)

/* A Name with one CN of that string type; at most 100 octets. */
static CMPSRV_BYTES one(int tag, CMPSRV_SLICE value)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SET);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid(&w, S("\x55\x04\x03"));
    cmpsrv_derw_put(&w, tag, value);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static CMPSRV_BYTES parse(const char *text)
{
    CMPSRV_BYTES out = {0};
    CMPSRV_REFUSAL why = {0};

    if (!cmpsrv_name_parse(text, &out, &why))
        fprintf(stderr, "%s: %s\n", text, why.detail);
    CU_ASSERT_FATAL(out.p != NULL);
    return out;
}

static int equal(CMPSRV_BYTES a, CMPSRV_BYTES b)
{
    int eq = cmpsrv_name_eq(cmpsrv_bytes_slice(&a), cmpsrv_bytes_slice(&b));
    unsigned char x[CMPSRV_HASH], y[CMPSRV_HASH];

    if (cmpsrv_name_hash(cmpsrv_bytes_slice(&a), x, NULL) &&
        cmpsrv_name_hash(cmpsrv_bytes_slice(&b), y, NULL))
        CU_ASSERT_EQUAL(memcmp(x, y, sizeof(x)) == 0, eq);
    cmpsrv_bytes_clear(&a);
    cmpsrv_bytes_clear(&b);
    return eq;
}

static void test_one_name_in_every_encoding(void)
{
    CU_ASSERT(equal(one(DER_UTF8STRING, S("Ab c")), one(DER_PRINTABLESTRING, S("aB C"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("Ab")), one(DER_IA5STRING, S("ab"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("ab")), one(DER_BMPSTRING, S("\0a\0b"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("ab")), one(DER_UNIVERSALSTRING, S("\0\0\0a\0\0\0b"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("\xc3\xa4")), one(DER_T61STRING, S("\xe4"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("\xe2\x82\xac")), one(DER_BMPSTRING, S("\x20\xac"))));
    CU_ASSERT(equal(one(DER_UTF8STRING, S("  a   b ")), one(DER_UTF8STRING, S("a b"))));
    CU_ASSERT(equal(parse("CN=a+O=b,C=DE"), parse("O=B+CN=A,C=de")));
    CU_ASSERT(equal(parse("CN=a,O=b"), parse("/O=b/CN=a")));
}

static void test_two_names(void)
{
    CU_ASSERT(!equal(parse("CN=a"), parse("CN=b")));
    CU_ASSERT(!equal(parse("CN=a"), parse("O=a")));
    CU_ASSERT(!equal(parse("CN=a,O=b"), parse("O=b,CN=a")));
    CU_ASSERT(!equal(parse("CN=a+O=b"), parse("CN=a,O=b")));
    CU_ASSERT(!equal(parse("CN=ab+O=c"), parse("CN=a+O=bc")));
    CU_ASSERT(!equal(parse("CN=a"), parse("CN=a,CN=a")));
    CU_ASSERT(!equal(one(DER_UTF8STRING, S("a b")), one(DER_UTF8STRING, S("ab"))));
    CU_ASSERT(!equal(one(DER_UTF8STRING, S("\xc3\xa4")),
                     one(DER_UTF8STRING, S("\xc3\x84")))); /* no Unicode folding */
    CU_ASSERT(
        !equal(one(DER_UTF8STRING, S("a")), one(DER_UTF8STRING, S("\xd0\xb0")))); /* a homoglyph */
}

static void refused(CMPSRV_BYTES name)
{
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT(!cmpsrv_name_check(cmpsrv_bytes_slice(&name), &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_NAME);
    CU_ASSERT(!cmpsrv_name_eq(cmpsrv_bytes_slice(&name), cmpsrv_bytes_slice(&name)));
    cmpsrv_bytes_clear(&name);
}

static void test_refused(void)
{
    char text[600] = "CN=x", big[5000];

    refused(one(DER_UTF8STRING, S("admin\0.evil")));
    refused(one(DER_BMPSTRING, S("\0a\0\0")));
    refused(one(DER_UTF8STRING, S("a\nb")));
    refused(one(DER_UTF8STRING, S("a\x7f")));
    refused(one(DER_UTF8STRING, S("\xc2\x85")));     /* a C1 control */
    refused(one(DER_UTF8STRING, S("\xc0\xaf")));     /* overlong */
    refused(one(DER_UTF8STRING, S("\xed\xa0\x80"))); /* a surrogate */
    refused(one(DER_BMPSTRING, S("\xd8\x00")));
    refused(one(DER_UTF8STRING, S("\xf4\x90\x80\x80"))); /* beyond Unicode */
    refused(one(DER_UTF8STRING, S("\xe2\x82")));         /* cut short */
    refused(one(DER_BMPSTRING, S("\0a\0")));
    refused(one(DER_IA5STRING, S("\x80")));
    refused(one(DER_OCTET_STRING, S("a")));
    refused(one(DER_UTF8STRING, S("")));
    memset(big, 'x', sizeof(big));
    refused(one(DER_UTF8STRING, cmpsrv_slice(big, sizeof(big))));
    for (int i = 1; i < 32; i++)
        strcat(text, ",OU=x");
    CU_ASSERT(equal(parse(text), parse(text)));
    strcat(text, ",OU=x"); /* 33 RDNs */
    CU_ASSERT(!cmpsrv_name_parse(text, &(CMPSRV_BYTES){0}, NULL));
}

static void test_text(void)
{
    static const char *const names[] = {
        "CN=a,O=b,C=DE",
        "CN=a\\,b",
        "CN=\\#a",
        "CN=\\ a\\ ",
        "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g",
        "serialNumber=12,CN=x+OU=y",
        "UID=4711,CN=a",
        "emailAddress=a@b,DC=example,DC=com",
        "CN=\xc3\xa4",
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(names); i++) {
        CMPSRV_BYTES der = parse(names[i]);
        char *text = cmpsrv_name_text(cmpsrv_bytes_slice(&der));

        CU_ASSERT_FATAL(text != NULL);
        CU_ASSERT(equal(der, parse(text))); /* what is printed is read as the same name */
        OPENSSL_free(text);
    }
}

/* As libcrypto prints it. */
static void test_text_against_libcrypto(void)
{
    CMPSRV_BYTES der = parse("CN=a\\,b,O=c d,C=DE");
    const unsigned char *p = der.p;
    X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.n);
    BIO *bio = BIO_new(BIO_s_mem());
    char *mine = cmpsrv_name_text(cmpsrv_bytes_slice(&der)), theirs[100] = "";

    CU_ASSERT_FATAL(name != NULL && mine != NULL);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    BIO_read(bio, theirs, sizeof(theirs) - 1);
    CU_ASSERT_STRING_EQUAL(mine, theirs);
    OPENSSL_free(mine);
    BIO_free(bio);
    X509_NAME_free(name);
    cmpsrv_bytes_clear(&der);
}

static void check_get(const CMPSRV_BYTES *der, const char *attribute, size_t i, const char *want)
{
    char *value = cmpsrv_name_get(cmpsrv_bytes_slice(der), attribute, i);

    CU_ASSERT((value == NULL) == (want == NULL));
    if (value != NULL && want != NULL)
        CU_ASSERT_STRING_EQUAL(value, want);
    OPENSSL_free(value);
}

static void test_get(void)
{
    CMPSRV_BYTES der = parse("CN=second,UID=7,CN=first,serialNumber=5");

    check_get(&der, "CN", 0, "first"); /* in the order of the DER */
    check_get(&der, "cn", 1, "second");
    check_get(&der, "CN", 2, NULL);
    check_get(&der, "UID", 0, "7");
    check_get(&der, "SN", 0, "5");
    check_get(&der, "2.5.4.5", 0, "5");
    check_get(&der, "O", 0, NULL);
    check_get(&der, "nothing", 0, NULL);
    CU_ASSERT(cmpsrv_name_has_attribute("uid") && !cmpsrv_name_has_attribute("nothing"));
    cmpsrv_bytes_clear(&der);
}

static void test_bad_text(void)
{
    static const char *const bad[] = {"",          "CN",     "CN=",   "=a", "X=a",     "CN=a,",
                                      "CN=a,,O=b", "CN=a\\", "CN=a+", "/",  "CN=a\\0a"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        CMPSRV_BYTES out = {0};
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT(!cmpsrv_name_parse(bad[i], &out, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_NAME);
        CU_ASSERT_PTR_NULL(out.p);
    }
}

static void test_damage(void)
{
    CMPSRV_BYTES der = parse("CN=a+O=b,C=DE");

    CU_ASSERT(cmpsrv_name_is_empty(S("\x30\x00")) &&
              !cmpsrv_name_is_empty(cmpsrv_bytes_slice(&der)));
    CU_ASSERT(cmpsrv_name_check(S("\x30\x00"), NULL));
    CU_ASSERT(!cmpsrv_name_check(S("\x30\x02\x31\x00"), NULL)); /* an empty RDN */
    CU_ASSERT(!cmpsrv_name_check(S("\x31\x00"), NULL));
    for (size_t n = 0; n < der.n; n++)
        CU_ASSERT(!cmpsrv_name_check(cmpsrv_slice(der.p, n), NULL));
    cmpsrv_bytes_clear(&der);
}

TEST_MAIN("names", TEST(test_one_name_in_every_encoding), TEST(test_two_names), TEST(test_refused),
          TEST(test_text), TEST(test_text_against_libcrypto), TEST(test_get), TEST(test_bad_text),
          TEST(test_damage))
