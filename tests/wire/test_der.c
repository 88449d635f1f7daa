/* SPDX-License-Identifier: Apache-2.0 */
/* The DER reader, checker and writer against bytes written by hand. */
#include "config.h"

#include "test.h"
#include "wire/der.h"

#define S(octets) DER_OID_SLICE(octets)

static int check(CMPSRV_SLICE s)
{
    CMPSRV_REFUSAL why = {0};

    return cmpsrv_der_check(s, 4, 10, &why) ? 0 : (int)why.reason;
}

static void test_check_takes_der(void)
{
    CU_ASSERT_EQUAL(check(S("\x30\x00")), 0);
    CU_ASSERT_EQUAL(check(S("\x30\x06\x02\x01\x05\x31\x01\x00")), CMPSRV_R_BAD_DATA_FORMAT);
    CU_ASSERT_EQUAL(check(S("\x30\x07\x02\x01\x05\x05\x00\x31\x00")), 0);
    CU_ASSERT_EQUAL(check(S("\x03\x02\x04\xf0")), 0);
}

static void test_check_refuses(void)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
#define B(s) {s, sizeof(s) - 1}
        B(""),
        B("\x30\x80\x00\x00"), /* indefinite */
        B("\x30\x81\x01\x05"), /* length not minimal */
        B("\x30\x82\x00\x80"), /* leading zero in the length */
        B("\x02\x02\x00\x05"), /* integer not minimal */
        B("\x02\x02\xff\x85"),
        B("\x02\x00"),
        B("\x01\x01\x01"), /* BOOLEAN neither 00 nor FF */
        B("\x05\x01\x00"),
        B("\x03\x02\x04\xff"), /* padding bits set */
        B("\x03\x01\x01"),
        B("\x03\x00"),
        B("\x24\x03\x04\x01\x00"), /* constructed OCTET STRING */
        B("\x10\x00"),             /* primitive SEQUENCE */
        B("\x1f\x81\x01\x00"),     /* high tag number */
        B("\x30\x03\x02\x02\x00"), /* past its parent */
        B("\x30\x00\x00"),         /* trailing */
        B("\x06\x01\x80"),         /* OID that does not end */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(check(cmpsrv_slice(bad[i].p, bad[i].n)), CMPSRV_R_BAD_DATA_FORMAT);
}

static void test_check_limits(void)
{
    CU_ASSERT_EQUAL(check(S("\x30\x08\x30\x06\x30\x04\x30\x02\x30\x00")), CMPSRV_R_LIMIT_EXCEEDED);
    CU_ASSERT_EQUAL(check(S("\x30\x06\x30\x04\x30\x02\x30\x00")), 0);
    CU_ASSERT_EQUAL(check(S("\x30\x14\x05\x00\x05\x00\x05\x00\x05\x00\x05\x00\x05\x00\x05\x00\x05"
                            "\x00\x05\x00\x05\x00")),
                    CMPSRV_R_LIMIT_EXCEEDED);
}

static void test_integers(void)
{
    static const int64_t values[] = {0,    1,   -1,  127,       128,      -128,
                                     -129, 255, 256, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        CMPSRV_DERW w = {0};
        CMPSRV_BYTES b = {0};
        CMPSRV_SLICE s;
        int64_t back = 42;

        cmpsrv_derw_int64(&w, values[i]);
        CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
        s = cmpsrv_bytes_slice(&b);
        CU_ASSERT_EQUAL(check(s), 0);
        CU_ASSERT(cmpsrv_der_get_int64(&s, &back));
        CU_ASSERT_EQUAL(back, values[i]);
        CU_ASSERT_EQUAL(s.n, 0);
        cmpsrv_bytes_clear(&b);
    }
}

static void test_writer(void)
{
    static const unsigned char small[] = "\x30\x0c\x03\x02\x07\x80\x02\x02\x00\x80\xa1\x02\x05\x00";
    static const unsigned char head[] = "\x30\x82\x01\x04\x04\x82\x01\x00";
    unsigned char block[256] = {0};
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES b = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_named_bits(&w, 1);
    cmpsrv_derw_uint_octets(&w, (const unsigned char *)"\x00\x80", 2);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
    cmpsrv_derw_null(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&b), cmpsrv_slice(small, sizeof(small) - 1)));

    cmpsrv_derw_begin(&w, DER_SEQUENCE); /* a length that needs three octets */
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_slice(block, sizeof(block)));
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    CU_ASSERT(b.n == 4 + 4 + 256 && memcmp(b.p, head, 8) == 0);
    CU_ASSERT_EQUAL(check(cmpsrv_bytes_slice(&b)), 0);

    cmpsrv_derw_begin(&w, DER_SEQUENCE); /* still open */
    CU_ASSERT(!cmpsrv_derw_finish(&w, &b));
    cmpsrv_bytes_clear(&b);
}

/* PKIFailureInfo encodings of cmp-conformance.md 8.4. */
static void test_named_bits(void)
{
    static const struct {
        unsigned bit;
        const char *der;
        size_t n;
    } t[] = {{0, "\x03\x02\x07\x80", 4},
             {7, "\x03\x02\x00\x01", 4},
             {9, "\x03\x03\x06\x00\x40", 5},
             {21, "\x03\x04\x02\x00\x00\x04", 6},
             {25, "\x03\x05\x06\x00\x00\x00\x40", 7}};

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        CMPSRV_DERW w = {0};
        CMPSRV_BYTES b = {0};

        cmpsrv_derw_named_bits(&w, UINT64_C(1) << t[i].bit);
        CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
        CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&b), cmpsrv_slice(t[i].der, t[i].n)));
        cmpsrv_bytes_clear(&b);
    }
}

static void test_oid_and_time(void)
{
    char text[64];
    CMPSRV_SLICE s = S("\x17\x0d"
                       "500101000000Z"),
                 g = S("\x18\x0f"
                       "20500229000000Z");
    int64_t ms;
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES b = {0};

    CU_ASSERT_STRING_EQUAL(
        cmpsrv_der_oid_text(S("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"), text, sizeof(text)),
        "1.2.840.113533.7.66.13");
    /* an arc of 100 bits; one that does not fit is no other OID */
    CU_ASSERT_STRING_EQUAL(cmpsrv_der_oid_text(S("\x69\x83\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                                 "\xff\xff\xff\xff\x7f"),
                                               text, sizeof(text)),
                           "2.25.1267650600228229401496703205375");
    CU_ASSERT_STRING_EQUAL(cmpsrv_der_oid_text(S("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"), text, 12),
                           "?");
    CU_ASSERT_STRING_EQUAL(cmpsrv_der_oid_text(S("\x2a\x86"), text, sizeof(text)), "?");
    CU_ASSERT(cmpsrv_der_get_time(&s, &ms) && ms == INT64_C(-631152000000));
    CU_ASSERT(!cmpsrv_der_get_time(&g, &ms));     /* 2050 is no leap year */
    cmpsrv_derw_time(&w, INT64_C(2524608000000)); /* 2050-01-01 */
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&b), S("\x18\x0f"
                                                        "20500101000000Z")));
    cmpsrv_bytes_clear(&b);
}

TEST_MAIN("der", TEST(test_check_takes_der), TEST(test_check_refuses), TEST(test_check_limits),
          TEST(test_integers), TEST(test_writer), TEST(test_named_bits), TEST(test_oid_and_time))
