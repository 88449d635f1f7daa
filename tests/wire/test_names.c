/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: bytes by hand, and random names for which OpenSSL's X509_NAME_cmp, which folds as RFC 5280
 * 7.1 the same way as we do, says what is equal.
 */
#include "config.h"

#include <openssl/bio.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "test.h"
#include "wire/wire.h"

#define S(octets) DER_OID_SLICE(octets)

static CMPSRV_REASON check(CMPSRV_SLICE name)
{
    CMPSRV_REFUSAL why = {0};

    return cmpsrv_name_check(name, &why) ? CMPSRV_R_NONE : why.reason;
}

/* Name with one attribute CN of that string type. */
static CMPSRV_BYTES one_cn(int tag, CMPSRV_SLICE value)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SET);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, "2.5.4.3");
    cmpsrv_derw_put(&w, tag, value);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static CMPSRV_REASON check_cn(int tag, CMPSRV_SLICE value)
{
    CMPSRV_BYTES b = one_cn(tag, value);
    CMPSRV_REASON r = check(cmpsrv_bytes_slice(&b));

    cmpsrv_bytes_clear(&b);
    return r;
}

static void test_string_types(void)
{
    CU_ASSERT_EQUAL(check_cn(DER_UTF8STRING, S("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 0);
    CU_ASSERT_EQUAL(check_cn(DER_PRINTABLESTRING, S("a b")), 0);
    CU_ASSERT_EQUAL(check_cn(DER_IA5STRING, S("a@b")), 0);
    CU_ASSERT_EQUAL(check_cn(DER_T61STRING, S("\xe9")), 0);
    CU_ASSERT_EQUAL(check_cn(DER_BMPSTRING, S("\x00\x61\x20\xac")), 0);
    CU_ASSERT_EQUAL(check_cn(DER_UNIVERSALSTRING, S("\x00\x01\xf6\x00")), 0);
}

static void test_bad_values(void)
{
    static const struct {
        int tag;
        const char *p;
        size_t n;
    } bad[] = {
#define B(tag, s) {tag, s, sizeof(s) - 1}
        B(DER_UTF8STRING, ""),
        B(DER_UTF8STRING, "admin\0.evil"),
        B(DER_PRINTABLESTRING, "admin\0"),
        B(DER_IA5STRING, "\0"),
        B(DER_T61STRING, "a\0"),
        B(DER_BMPSTRING, "\0a\0\0"),
        B(DER_UNIVERSALSTRING, "\0\0\0\0"),
        B(DER_UTF8STRING, "a\nb"),
        B(DER_UTF8STRING, "a\x1f"),
        B(DER_UTF8STRING, "a\x7f"),
        B(DER_UTF8STRING, "\xc2\x80"), /* U+0080 */
        B(DER_UTF8STRING, "\xc2\x9f"),
        B(DER_T61STRING, "\x85"),
        B(DER_BMPSTRING, "\0\x85"),
        B(DER_UTF8STRING, "\xc0\x80"),         /* overlong NUL */
        B(DER_UTF8STRING, "\xc1\xa1"),         /* overlong a */
        B(DER_UTF8STRING, "\xe0\x81\xa1"),     /* overlong a */
        B(DER_UTF8STRING, "\xf0\x80\x81\xa1"), /* overlong a */
        B(DER_UTF8STRING, "\xed\xa0\x80"),     /* surrogate */
        B(DER_UTF8STRING, "\xf4\x90\x80\x80"), /* U+110000 */
        B(DER_UTF8STRING, "\xf8\x88\x80\x80\x80"),
        B(DER_UTF8STRING, "\x80"),
        B(DER_UTF8STRING, "\xc3"),
        B(DER_UTF8STRING, "\xc3("),
        B(DER_UTF8STRING, "\xff"),
        B(DER_PRINTABLESTRING, "\xe9"),
        B(DER_IA5STRING, "\xe9"),
        B(DER_BMPSTRING, "\xd8\x3d\xde\x00"), /* surrogate pair */
        B(DER_BMPSTRING, "\0a\0"),
        B(DER_UNIVERSALSTRING, "\0\0\xd8\0"),
        B(DER_UNIVERSALSTRING, "\0\x11\0\0"),
        B(DER_UNIVERSALSTRING, "\0\0\0"),
        B(DER_OCTET_STRING, "a"),
        B(DER_INTEGER, "\x01"),
        B(DER_NULL, ""),
        B(DER_SEQUENCE, ""),
        B(0x12, "1"), /* NumericString */
        B(0x1a, "a"), /* VisibleString */
        B(DER_CONTEXT(0), "a"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (check_cn(bad[i].tag, cmpsrv_slice(bad[i].p, bad[i].n)) != CMPSRV_R_BAD_NAME) {
            printf(" bad[%zu] ", i);
            CU_FAIL("accepted");
        }
}

static void test_bad_shapes(void)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
#undef B
#define B(s) {s, sizeof(s) - 1}
        B(""),
        B("\x31\x00"),
        B("\x30\x00\x00"),                                 /* trailing */
        B("\x30\x02\x31\x00"),                             /* empty RDN */
        B("\x30\x04\x31\x02\x30\x00"),                     /* empty attribute */
        B("\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03"), /* no value */
        B("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x83\x0c\x01"
          "a"), /* OID does not end */
        B("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x80\x03\x0c\x01"
          "a"), /* OID not minimal */
        B("\x30\x09\x31\x07\x30\x05\x06\x00\x0c\x01"
          "a"), /* no OID */
        B("\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x01"
          "a"
          "\x0c\x01"
          "b"), /* two values */
        B("\x30\x0c\x30\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
          "a"), /* SEQUENCE for SET */
        B("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x02"
          "a"), /* past its parent */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(check(cmpsrv_slice(bad[i].p, bad[i].n)), CMPSRV_R_BAD_NAME);
    CU_ASSERT_EQUAL(check(S("\x30\x00")), CMPSRV_R_NONE);
    CU_ASSERT(cmpsrv_name_is_empty(S("\x30\x00")));
    CU_ASSERT_FALSE(cmpsrv_name_is_empty(S("\x30\x02\x31\x00")));
    CU_ASSERT_FALSE(cmpsrv_name_is_empty(cmpsrv_slice(NULL, 0)));
}

/* n RDNs (or n attributes of one RDN) with values of `len` octets. */
static CMPSRV_REASON check_many(size_t rdns, size_t attrs, size_t len)
{
    static const char filler[5000] = {0};
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {0};
    CMPSRV_REASON r;

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    for (size_t i = 0; i < rdns; i++) {
        cmpsrv_derw_begin(&w, DER_SET);
        for (size_t k = 0; k < attrs; k++) {
            char *value = OPENSSL_memdup(filler, sizeof(filler));

            memset(value, 'a', len);
            cmpsrv_derw_begin(&w, DER_SEQUENCE);
            cmpsrv_derw_oid_text(&w, "2.5.4.3");
            cmpsrv_derw_put(&w, DER_UTF8STRING, cmpsrv_slice(value, len));
            cmpsrv_derw_end(&w);
            OPENSSL_free(value);
        }
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    r = check(cmpsrv_bytes_slice(&out));
    cmpsrv_bytes_clear(&out);
    return r;
}

static void test_limits(void)
{
    CU_ASSERT_EQUAL(check_many(32, 1, 10), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(check_many(33, 1, 10), CMPSRV_R_BAD_NAME);
    CU_ASSERT_EQUAL(check_many(500, 1, 1), CMPSRV_R_BAD_NAME);
    CU_ASSERT_EQUAL(check_many(32, 2, 10), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(check_many(1, 65, 10), CMPSRV_R_BAD_NAME);
    CU_ASSERT_EQUAL(check_many(1, 1, 4075), CMPSRV_R_NONE); /* 21 octets around it: 4096 */
    CU_ASSERT_EQUAL(check_many(1, 1, 4076), CMPSRV_R_BAD_NAME);
}

static int cn_eq(int tag_a, CMPSRV_SLICE a, int tag_b, CMPSRV_SLICE b)
{
    CMPSRV_BYTES x = one_cn(tag_a, a), y = one_cn(tag_b, b);
    unsigned char hx[CMPSRV_HASH], hy[CMPSRV_HASH];
    int eq = cmpsrv_name_eq(cmpsrv_bytes_slice(&x), cmpsrv_bytes_slice(&y));

    if (cmpsrv_name_hash(cmpsrv_bytes_slice(&x), hx, NULL) &&
        cmpsrv_name_hash(cmpsrv_bytes_slice(&y), hy, NULL))
        CU_ASSERT_EQUAL(eq, memcmp(hx, hy, sizeof(hx)) == 0);
    cmpsrv_bytes_clear(&x);
    cmpsrv_bytes_clear(&y);
    return eq;
}

static void test_equal_whatever_the_encoding(void)
{
    static const struct {
        int tag;
        const char *p;
        size_t n;
    } same[] = {
#undef B
#define B(tag, s) {tag, s, sizeof(s) - 1}
        B(DER_UTF8STRING, "Jos\xc3\xa9 X"),
        B(DER_T61STRING, "JOS\xe9 X"),
        B(DER_BMPSTRING, "\0j\0o\0s\0\xe9\0 \0x"),
        B(DER_UNIVERSALSTRING, "\0\0\0J\0\0\0o\0\0\0s\0\0\0\xe9\0\0\0 \0\0\0X"),
        B(DER_UTF8STRING, "  jos\xc3\xa9   x "),
    };

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        CU_ASSERT(cn_eq(same[0].tag, cmpsrv_slice(same[0].p, same[0].n), same[i].tag,
                        cmpsrv_slice(same[i].p, same[i].n)));
    CU_ASSERT(cn_eq(DER_PRINTABLESTRING, S("A"), DER_IA5STRING, S("a")));
    CU_ASSERT_FALSE(cn_eq(DER_UTF8STRING, S("ab"), DER_UTF8STRING, S("a b")));
    CU_ASSERT_FALSE(cn_eq(DER_UTF8STRING, S("\xc3\xa9"), DER_UTF8STRING, S("\xc3\x89"))); /* é É */
    CU_ASSERT_FALSE(cn_eq(DER_UTF8STRING, S("a"), DER_UTF8STRING, S("\xd0\xb0"))); /* cyrillic a */
    CU_ASSERT_FALSE(cn_eq(DER_UTF8STRING, S("a\0"), DER_UTF8STRING, S("a\0")));    /* not usable */
}

static CMPSRV_BYTES parse(const char *text)
{
    CMPSRV_BYTES out = {0};
    CMPSRV_REFUSAL why = {0};

    if (!cmpsrv_name_parse(text, &out, &why)) {
        printf(" \"%s\": %s ", text, why.detail);
        CU_FAIL("does not parse");
    }
    return out;
}

static int text_eq(const char *a, const char *b)
{
    CMPSRV_BYTES x = parse(a), y = parse(b);
    int eq = cmpsrv_name_eq(cmpsrv_bytes_slice(&x), cmpsrv_bytes_slice(&y));

    cmpsrv_bytes_clear(&x);
    cmpsrv_bytes_clear(&y);
    return eq;
}

static void test_order_counts(void)
{
    CU_ASSERT(text_eq("CN=a+UID=b,O=c", "UID=B+CN=A,O=C"));
    CU_ASSERT_FALSE(text_eq("CN=a,UID=b", "UID=b,CN=a"));
    CU_ASSERT_FALSE(text_eq("CN=a+UID=b", "CN=a,UID=b"));
    CU_ASSERT_FALSE(text_eq("CN=a", "O=a"));
    CU_ASSERT_FALSE(text_eq("CN=a", "CN=a,CN=a"));
    CU_ASSERT(text_eq("CN=b,O=a", "/O=a/CN=b"));
}

/* DER of the text; the bytes are from `openssl req -subj`. */
static void test_parse_bytes(void)
{
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "3000"},
        {"/", "3000"},
        {"CN=a", "300c310a300806035504030c0161"},
        {"/C=DE/CN=a", "3019310b3009060355040613024445310a300806035504030c0161"},
        {"CN=a, C=DE", "3019310b3009060355040613024445310a300806035504030c0161"},
        {"serialNumber=1", "300c310a30080603550405130131"},
        {"SERIALNUMBER=1", "300c310a30080603550405130131"},
        {"SN=1", "300c310a30080603550405130131"},
        {"surname=a", "300c310a300806035504040c0161"},
        {"DC=a", "3013311130 0f060a0992268993f22c640119160161"},
        {"E=a", "3012311030 0e06092a864886f70d010901160161"},
        {"uid=a", "30133111300f060a0992268993f22c6401010c0161"},
        {"2.5.4.3=a", "300c310a300806035504030c0161"},
        {"1.2.3.4=a", "300c310a300806032a03040c0161"},
        /* SET OF in order: the shorter CN first, whatever was written first */
        {"CN=ab+CN=a", "301731153008060355040 30c01613009060355 04030c026162"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CMPSRV_BYTES b = parse(rows[i].text);
        char have[200], want[200], *o = want;

        for (const char *p = rows[i].hex; *p != '\0'; p++)
            if (*p != ' ')
                *o++ = *p;
        *o = '\0';
        CU_ASSERT_STRING_EQUAL(cmpsrv_hex(cmpsrv_bytes_slice(&b), have, sizeof(have)), want);
        cmpsrv_bytes_clear(&b);
    }
}

static void test_parse_refuses(void)
{
    static const char *const bad[] = {
        "a",           "=a",         "CN",       "CN=",      "CN=a,",      "CN=a,,O=b",
        ",CN=a",       "CN=a+",      "CN=a\\",   "CN=a\\4",  "CN=a\\zz",   "CN=a\\00",
        "CN=a\\0a",    "CN=#0c0161", "CN=\"a\"", "CN=a;O=b", "CN=a<b",     "CN=\\c3",
        "CN=\xc3",     "foo=a",      "C=DEU",    "C=D",      "C=\xc3\xa9", "serialNumber=a_b",
        "DC=\xc3\xa9", "1.2.=a",     "1..2=a",   ".1=a",     "3.1=a",      "1=a",
        "/CN=a//O=b",  "/CN=a/",     "CN=a\tb",  "CN= ",     "1.99.1=a",   "CN=a\x7f",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CMPSRV_REFUSAL why = {0};
        CMPSRV_BYTES out = {0};

        if (cmpsrv_name_parse(bad[i], &out, &why)) {
            printf(" \"%s\" ", bad[i]);
            CU_FAIL("parsed");
        }
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_NAME);
        CU_ASSERT_PTR_NULL(out.p);
    }
}

static void test_text(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"/O=b/CN=a", "CN=a,O=b"},
        {"cn = a , o = b c ", "CN=a,O=b c"},
        {"CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h", "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h"},
        {"CN=\\#a#", "CN=\\#a#"},
        {"CN=\\ a \\ ", "CN=\\ a \\ "},
        {"CN=\\ ", "CN=\\ "},
        {"CN=a=b/c", "CN=a=b/c"},
        {"/CN=a\\/b, c", "CN=a/b\\, c"},
        {"CN=Jos\\c3\\A9", "CN=Jos\xc3\xa9"},
        {"UID=1+CN=2,O=3", "CN=2+UID=1,O=3"},
        {"SN=5", "serialNumber=5"},
        {"EMAIL=a@b", "emailAddress=a@b"},
        {"1.2.3=x", "1.2.3=x"},
        {"GN=g,surname=s", "givenName=g,surname=s"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CMPSRV_BYTES b = parse(rows[i].in);
        char *text = cmpsrv_name_text(cmpsrv_bytes_slice(&b));

        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].out);
        OPENSSL_free(text);
        cmpsrv_bytes_clear(&b);
    }
    CU_ASSERT_PTR_NULL(cmpsrv_name_text(S("\x30\x02\x31\x00")));
}

static int get_is(CMPSRV_SLICE name, const char *attribute, size_t i, const char *want)
{
    char *have = cmpsrv_name_get(name, attribute, i);
    int same = want == NULL || have == NULL ? want == have : strcmp(want, have) == 0;

    OPENSSL_free(have);
    return same;
}

static void test_get(void)
{
    CMPSRV_BYTES b = parse("/O=x/CN=first+UID=u/CN=\\#second/1.2.3=z/SN=7");
    CMPSRV_SLICE name = cmpsrv_bytes_slice(&b);
    CMPSRV_BYTES t61 = one_cn(DER_T61STRING, S("\xe9"));

    CU_ASSERT(get_is(name, "CN", 0, "first"));
    CU_ASSERT(get_is(name, "cn", 1, "#second"));
    CU_ASSERT(get_is(name, "2.5.4.3", 1, "#second"));
    CU_ASSERT(get_is(name, "CN", 2, NULL));
    CU_ASSERT(get_is(name, "uid", 0, "u"));
    CU_ASSERT(get_is(name, "serialnumber", 0, "7"));
    CU_ASSERT(get_is(name, "1.2.3", 0, "z"));
    CU_ASSERT(get_is(name, "OU", 0, NULL));
    CU_ASSERT(get_is(name, "nonsense", 0, NULL));
    CU_ASSERT(get_is(cmpsrv_bytes_slice(&t61), "CN", 0, "\xc3\xa9"));
    CU_ASSERT(cmpsrv_name_has_attribute("Ou"));
    CU_ASSERT(cmpsrv_name_has_attribute("1.2.3.4"));
    CU_ASSERT_FALSE(cmpsrv_name_has_attribute("nonsense"));
    CU_ASSERT_FALSE(cmpsrv_name_has_attribute(""));
    CU_ASSERT_FALSE(cmpsrv_name_has_attribute(NULL));
    cmpsrv_bytes_clear(&b);
    cmpsrv_bytes_clear(&t61);
}

/* ---- random names ------------------------------------------------------------------------------
 */

static unsigned seed = 1;

static unsigned draw(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

/* Few letters and short values, so that names are often equal but for case, spaces or encoding. */
static void add_random(X509_NAME *name, int joined)
{
    static const int nids[] = {NID_commonName, NID_organizationName, NID_userId};
    static const char letters[] = "aaAAb    ,+#\"\\<;=/\xe9";
    unsigned char v[16];
    int wide = draw(4) == 0, n = 1 + (int)draw(4);

    for (int i = 0; i < n; i++) {
        unsigned char c = (unsigned char)letters[draw(draw(4) ? 9 : sizeof(letters) - 1)];

        v[wide ? 2 * i : i] = wide ? 0 : c;
        v[wide ? 2 * i + 1 : i] = c;
    }
    X509_NAME_add_entry_by_NID(name, nids[draw(3)], wide ? V_ASN1_BMPSTRING : V_ASN1_T61STRING, v,
                               wide ? 2 * n : n, -1, joined ? -1 : 0);
}

static X509_NAME *random_name(unsigned char **der, CMPSRV_SLICE *s)
{
    X509_NAME *name = X509_NAME_new();
    unsigned n = draw(4);
    int len;

    for (unsigned i = 0; i < n; i++)
        add_random(name, i > 0 && draw(3) == 0);
    *der = NULL;
    len = i2d_X509_NAME(name, der);
    CU_ASSERT_FATAL(len > 0);
    *s = cmpsrv_slice(*der, (size_t)len);
    return name;
}

static void test_random_names(void)
{
    unsigned equal = 0;

    for (unsigned i = 0; i < 20000; i++) {
        unsigned char *der[2];
        CMPSRV_SLICE s[2];
        X509_NAME *a = random_name(&der[0], &s[0]), *b = random_name(&der[1], &s[1]);
        int want = X509_NAME_cmp(a, b) == 0;
        char *text = cmpsrv_name_text(s[0]);
        CMPSRV_BYTES back = {0}, canonical = {0};

        equal += (unsigned)want;
        if (cmpsrv_name_eq(s[0], s[1]) != want)
            CU_FAIL("differs from X509_NAME_cmp");
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        if (!cmpsrv_name_parse(text, &back, NULL) ||
            !cmpsrv_name_eq(cmpsrv_bytes_slice(&back), s[0]))
            CU_FAIL("parse(text(name)) is another name");
        CU_ASSERT_FATAL(cmpsrv_name_canonical(s[0], &canonical, NULL));
        if (cmpsrv_name_is_empty(s[0]) != cmpsrv_name_is_empty(cmpsrv_bytes_slice(&canonical)))
            CU_FAIL("canonical form of an empty name");
        OPENSSL_free(text);
        cmpsrv_bytes_clear(&back);
        cmpsrv_bytes_clear(&canonical);
        for (int k = 0; k < 2; k++)
            OPENSSL_free(der[k]);
        X509_NAME_free(a);
        X509_NAME_free(b);
    }
    CU_ASSERT(equal > 100 && equal < 15000);
}

static void test_hash_is_of_the_canonical_form(void)
{
    CMPSRV_BYTES b = parse("/CN=A  b"), c = {0};
    unsigned char have[CMPSRV_HASH], want[CMPSRV_HASH];

    CU_ASSERT(cmpsrv_name_canonical(cmpsrv_bytes_slice(&b), &c, NULL));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&c),
                              S("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"
                                "a b")));
    CU_ASSERT(cmpsrv_name_hash(cmpsrv_bytes_slice(&b), have, NULL));
    SHA256(c.p, c.n, want);
    CU_ASSERT_EQUAL(memcmp(have, want, sizeof(want)), 0);
    cmpsrv_bytes_clear(&b);
    cmpsrv_bytes_clear(&c);
}

TEST_MAIN("names", TEST(test_string_types), TEST(test_bad_values), TEST(test_bad_shapes),
          TEST(test_limits), TEST(test_equal_whatever_the_encoding), TEST(test_order_counts),
          TEST(test_parse_bytes), TEST(test_parse_refuses), TEST(test_text), TEST(test_get),
          TEST(test_random_names), TEST(test_hash_is_of_the_canonical_form))
