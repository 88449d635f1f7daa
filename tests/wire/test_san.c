/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject alternative names as text: octets by hand, what OpenSSL makes of the same text, and each
 * form that is refused with what it says is allowed.
 */
#include "config.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include "test.h"
#include "wire/wire.h"

/* One name's GeneralNames, freed by the caller; absent if it is refused. */
static CMPSRV_BYTES parse(const char *text)
{
    CMPSRV_BYTES out = {0};

    cmpsrv_san_parse(&text, 1, &out, NULL);
    return out;
}

static const struct {
    const char *text, *again; /* again: as we write it */
    CMPSRV_SLICE der;         /* what is in the SEQUENCE */
} good[] = {
#define ROW(text, again, der)                                                                      \
    {                                                                                              \
        text, again,                                                                               \
        {                                                                                          \
            (const unsigned char *)(der), sizeof(der) - 1                                          \
        }                                                                                          \
    }
    ROW("DNS:a.example", "dNSName:a.example",
        "\x82\x09"
        "a.example"),
    ROW("dnsname:*.B_1.example", "dNSName:*.B_1.example", "\x82\x0d*.B_1.example"),
    ROW("dNSName:host", "dNSName:host", "\x82\x04host"),
    ROW("dNSName:1.2.3a", "dNSName:1.2.3a",
        "\x82\x06"
        "1.2.3a"),
    ROW("email:a+b@c.example", "rfc822Name:a+b@c.example",
        "\x81\x0d"
        "a+b@c.example"),
    ROW("rfc822Name:a@host", "rfc822Name:a@host",
        "\x81\x06"
        "a@host"),
    ROW("URI:urn:x", "uniformResourceIdentifier:urn:x", "\x86\x05urn:x"),
    ROW("uniformResourceIdentifier:https://[2001:db8::1]:8/a?b=%20,c#d",
        "uniformResourceIdentifier:https://[2001:db8::1]:8/a?b=%20,c#d",
        "\x86\x23https://[2001:db8::1]:8/a?b=%20,c#d"),
    ROW("IP:192.0.2.1", "iPAddress:192.0.2.1", "\x87\x04\xc0\x00\x02\x01"),
    ROW("iPAddress:2001:DB8:0::1", "iPAddress:2001:db8::1",
        "\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
    ROW("dirName:CN=a, C=DE", "directoryName:CN=a,C=DE",
        "\xa4\x1b\x30\x19\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02"
        "DE\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
        "a"),
    ROW("RID:1.2.840.113549", "registeredID:1.2.840.113549", "\x88\x06\x2a\x86\x48\x86\xf7\x0d"),
    ROW("otherName:1.2.3;UTF8:\xc3\xa4;b", "otherName:1.2.3;UTF8:\xc3\xa4;b",
        "\xa0\x0c\x06\x02\x2a\x03\xa0\x06\x0c\x04\xc3\xa4;b"),
    ROW("upn:u@d", "upn:u@d",
        "\xa0\x13\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x05\x0c\x03u@d"),
    ROW("otherName:1.3.6.1.4.1.311.20.2.3;utf8:u@d", "upn:u@d",
        "\xa0\x13\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x05\x0c\x03u@d"),
};

static void test_good(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(good); i++) {
        CMPSRV_BYTES san = parse(good[i].text), again;
        char *text = cmpsrv_san_text(cmpsrv_bytes_slice(&san));

        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        if (strcmp(text, good[i].again) != 0)
            fprintf(stderr, "%s became %s\n", good[i].text, text);
        CU_ASSERT_STRING_EQUAL(text, good[i].again);
        CU_ASSERT(san.n == good[i].der.n + 2 && san.p[0] == 0x30 && san.p[1] == good[i].der.n &&
                  memcmp(san.p + 2, good[i].der.p, good[i].der.n) == 0);
        again = parse(text);
        CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&san), cmpsrv_bytes_slice(&again)));
        OPENSSL_free(text);
        cmpsrv_bytes_clear(&san);
        cmpsrv_bytes_clear(&again);
    }
}

/* OpenSSL's own reading of its own words. */
static void test_as_openssl(void)
{
    static const char *const texts[] = {
        "DNS:a.example",  "email:a@b.example", "URI:http://a/b",           "IP:192.0.2.1",
        "IP:2001:db8::1", "RID:1.2.3.4",       "otherName:1.2.3;UTF8:text"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++) {
        X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, texts[i]);
        CMPSRV_BYTES san = parse(texts[i]);
        ASN1_OCTET_STRING *value;

        CU_ASSERT_PTR_NOT_NULL_FATAL(ext);
        value = X509_EXTENSION_get_data(ext);
        CU_ASSERT(cmpsrv_slice_eq(
            cmpsrv_bytes_slice(&san),
            cmpsrv_slice(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value))));
        X509_EXTENSION_free(ext);
        cmpsrv_bytes_clear(&san);
    }
}

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static void test_bad(void)
{
    static const struct {
        const char *text, *allowed;
    } bad[] = {
        {"", "TYPE:VALUE"},
        {"a.example", "TYPE:VALUE"},
        {":a.example", "TYPE:VALUE"},
        {"DN:a.example", "dNSName (DNS)"},
        {"DNSx:a", "rfc822Name (email)"},
        {"x400Address:a", "iPAddress (IP)"},
        {"DNS:", "host name"},
        {"DNS:a..b", "host name"},
        {"DNS:a.", "host name"},
        {"DNS:.a", "host name"},
        {"DNS:-a", "host name"},
        {"DNS:a-.b", "host name"},
        {"DNS:a b", "host name"},
        {"DNS:*", "host name"},
        {"DNS:a.*", "host name"},
        {"DNS:*.*.a", "host name"},
        {"DNS:\xc3\xa4.example", "host name of ASCII"},
        {"DNS:a\nb", "host name"},
        {"DNS:192.0.2.1", "no number"},
        {"DNS:" L63 "a", "at most 63"},
        {"DNS:" L63 "." L63 "." L63 "." L63, "253"},
        {"DNS:*." L63 "." L63 "." L63 "." L63, "253"},
        {"email:", "user@host"},
        {"email:a", "user@host"},
        {"email:@b", "user@host"},
        {"email:a@", "user@host"},
        {"email:a@b@c", "user@host"},
        {"email:a b@c", "user@host"},
        {"email:<a@b>", "user@host"},
        {"email:a@*.b", "user@host"},
        {"email:\xc3\xa4@b", "user@host in ASCII"},
        {"URI:", "scheme:"},
        {"URI:a", "scheme:"},
        {"URI:http:", "scheme:"},
        {"URI:://a", "scheme:"},
        {"URI:1a:b", "scheme:"},
        {"URI:-a:b", "scheme:"},
        {"URI:/a:b", "scheme:"},
        {"URI:http://a b", "RFC 3986"},
        {"URI:http://<a>", "RFC 3986"},
        {"URI:http://\xc3\xa4", "RFC 3986"},
        {"IP:", "IPv4 or IPv6"},
        {"IP:192.0.2", "IPv4 or IPv6"},
        {"IP:192.0.2.256", "IPv4 or IPv6"},
        {"IP:192.0.2.1/24", "IPv4 or IPv6"},
        {"IP:fe80::1%eth0", "IPv4 or IPv6"},
        {"IP: 192.0.2.1", "IPv4 or IPv6"},
        {"dirName:", "CN=a,O=b"},
        {"dirName:nonsense", "CN=a,O=b"},
        {"dirName:XX=a", "CN=a,O=b"},
        {"RID:", "OID as 1.2.3"},
        {"RID:1", "OID as 1.2.3"},
        {"RID:1..2", "OID as 1.2.3"},
        {"RID:3.1", "OID as 1.2.3"},
        {"RID:commonName", "OID as 1.2.3"},
        {"upn:", "text in UTF-8"},
        {"upn:a\x01", "text in UTF-8"},
        {"upn:\xc3", "text in UTF-8"},
        {"otherName:1.2.3", "OID;UTF8:text"},
        {"otherName:;UTF8:a", "OID;UTF8:text"},
        {"otherName:1.2.3;UTF8:", "OID;UTF8:text"},
        {"otherName:1.2.3;IA5:a", "OID;UTF8:text"},
        {"otherName:1.2.3;UTF8:a\x7f", "OID;UTF8:text"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        const char *texts[] = {"DNS:fine", bad[i].text};
        unsigned char before[] = "before";
        CMPSRV_BYTES out = {before, 6};
        CMPSRV_REFUSAL why = {0};

        CU_ASSERT(!cmpsrv_san_parse(texts, 2, &out, &why));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_NAME);
        if (strstr(why.detail, bad[i].allowed) == NULL)
            fprintf(stderr, "%s: %s\n", bad[i].text, why.detail);
        CU_ASSERT_PTR_NOT_NULL(strstr(why.detail, bad[i].allowed));
        CU_ASSERT(strchr(why.detail, '\n') == NULL && why.detail[sizeof(why.detail) - 2] == '\0');
        CU_ASSERT(out.p == before && out.n == 6);
    }
}

static void test_long(void)
{
    static char text[5000] = "upn:";
    const char *one = text;
    CMPSRV_BYTES out = {0};

    CU_ASSERT(cmpsrv_san_parse(&(const char *){"DNS:" L63 "." L63 "." L63}, 1, &out, NULL));
    memset(text + 4, 'a', 4092);
    CU_ASSERT(cmpsrv_san_parse(&one, 1, &out, NULL));
    CU_ASSERT_EQUAL(out.n, 4092 + 4 + 4 + 12 + 4 + 4);
    text[4096] = 'a';
    CU_ASSERT(!cmpsrv_san_parse(&one, 1, &out, NULL));
    cmpsrv_bytes_clear(&out);
}

static void test_how_many(void)
{
    const char *texts[CMPSRV_MAX_SAN + 1];
    CMPSRV_BYTES out = {0};
    CMPSRV_REFUSAL why = {0};
    char *text;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++)
        texts[i] = i % 2 == 0 ? "DNS:a" : "IP:192.0.2.1";
    CU_ASSERT(!cmpsrv_san_parse(texts, 0, &out, &why));
    CU_ASSERT(!cmpsrv_san_parse(texts, 101, &out, NULL));
    CU_ASSERT_PTR_NOT_NULL(strstr(why.detail, "1 to 100"));
    CU_ASSERT(cmpsrv_san_parse(texts, 100, &out, NULL));
    CU_ASSERT_EQUAL(out.n, 4 + 50 * 3 + 50 * 6);
    CU_ASSERT(cmpsrv_san_parse(texts, 3, &out, NULL)); /* replaces */
    text = cmpsrv_san_text(cmpsrv_bytes_slice(&out));
    CU_ASSERT_STRING_EQUAL(text, "dNSName:a, iPAddress:192.0.2.1, dNSName:a");
    OPENSSL_free(text);
    cmpsrv_bytes_clear(&out);
}

/* What a request may bring and we do not make. */
static void test_text_of_others(void)
{
    static const struct {
        CMPSRV_SLICE der;
        const char *text; /* NULL: no GeneralNames */
    } t[] = {
#define DER(der, text) {{(const unsigned char *)(der), sizeof(der) - 1}, text}
        DER("\x30\x00", ""),
        DER("\x30\x05\x82\x03"
            "a\nb",
            "dNSName:a\\x0ab"),
        DER("\x30\x05\x81\x03\x1b[m", "rfc822Name:\\x1b[m"),
        DER("\x30\x0a\xa0\x08\x06\x01\x2a\xa0\x03\x0c\x01\x07", "otherName:1.2;#0c0107"),
        DER("\x30\x0a\xa0\x08\x06\x01\x2a\xa0\x03\x16\x01"
            "a",
            "otherName:1.2;#160161"),
        DER("\x30\x13\xa0\x11\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x03\x16\x01"
            "a",
            "otherName:1.3.6.1.4.1.311.20.2.3;#160161"),
        DER("\x30\x04\xa3\x02\x05\x00", "x400Address:#0500"),
        DER("\x30\x04\xa5\x02\x05\x00", "ediPartyName:#0500"),
        DER("\x30\x04\xa4\x02\x30\x00", "directoryName:"),
        DER("\x30\x10\xa4\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01\x07",
            "directoryName:#300c310a300806035504030c0107"),
        DER("", NULL),
        DER("\x30", NULL),
        DER("\x30\x00\x00", NULL),
        DER("\x31\x00", NULL),
        DER("\x30\x02\x82\x00", NULL),
        DER("\x30\x04\x87\x02\x01\x02", NULL),
        DER("\x30\x03\x89\x01\x01", NULL),
        DER("\x30\x06\x82\x01\x61\x82\x05\x61", NULL),
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        char *text = cmpsrv_san_text(t[i].der);

        if ((text == NULL) != (t[i].text == NULL) || (text != NULL && strcmp(text, t[i].text) != 0))
            fprintf(stderr, "row %zu: %s\n", i, text == NULL ? "none" : text);
        CU_ASSERT((text == NULL) == (t[i].text == NULL));
        if (text != NULL && t[i].text != NULL)
            CU_ASSERT_STRING_EQUAL(text, t[i].text);
        OPENSSL_free(text);
    }
    CU_ASSERT_PTR_NULL(cmpsrv_san_text(cmpsrv_slice(NULL, 0)));
}

TEST_MAIN("san", TEST(test_good), TEST(test_as_openssl), TEST(test_bad), TEST(test_long),
          TEST(test_how_many), TEST(test_text_of_others))
