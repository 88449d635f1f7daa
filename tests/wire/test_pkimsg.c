/* SPDX-License-Identifier: Apache-2.0 */
/* PKIMessages, both ways: header fields written by hand one by one, a real ir, and damage to it. */
#include "config.h"

#include "hex.h"
#include "vectors.h"
#include "wire/wire.h"

#define PVNO   "020102"
#define EE_DN  "300d310b300906035504030c026565"
#define CA_DN  "300d310b300906035504030c026361"
#define EE     "a40f" EE_DN
#define CA     "a40f" CA_DN
#define TOP    PVNO EE CA
#define TID    "000102030405060708090a0b0c0d0e0f"
#define NONCE  "101112131415161718191a1b1c1d1e1f"
#define RNONCE "202122232425262728292a2b2c2d2e2f"
#define BODY   "b3020500"
#define TIME   1795447407000 /* 20261123152327Z */

static CMPSRV_BYTES buffer; /* what the last message borrows from */

/* The reason why cmpsrv_pkimsg_parse refuses those octets, 0: it does not. */
static int parse_octets(CMPSRV_BYTES octets, CMPSRV_PKIMSG *msg)
{
    CMPSRV_REFUSAL why = {0};
    int ok;

    cmpsrv_bytes_clear(&buffer);
    buffer = octets;
    ok = cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&buffer), msg, &why);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT(ok || why.detail[0] != '\0');
    return (int)why.reason;
}

/* The same for header fields and what comes after the header. */
static int parse(const char *header, const char *rest, CMPSRV_PKIMSG *msg)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES octets = {NULL, 0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_hex(&w, header);
    cmpsrv_derw_end(&w);
    put_hex(&w, rest);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &octets));
    return parse_octets(octets, msg);
}

static void test_smallest(void)
{
    CMPSRV_PKIMSG m;

    CU_ASSERT_EQUAL(parse(TOP, BODY, &m), 0);
    CU_ASSERT_EQUAL(m.pvno, 2);
    CU_ASSERT(is_hex(m.header, "3025" TOP));
    CU_ASSERT(is_hex(m.sender, EE));
    CU_ASSERT(is_hex(m.sender_dn, EE_DN));
    CU_ASSERT(is_hex(m.recipient, CA));
    CU_ASSERT(is_hex(m.recipient_dn, CA_DN));
    CU_ASSERT_EQUAL(m.body_type, CMPSRV_BODY_PKICONF);
    CU_ASSERT(is_hex(m.body, BODY));
    CU_ASSERT(is_hex(m.body_value, "0500"));
    CU_ASSERT(!m.has_message_time && !m.implicit_confirm && m.extra_certs_n == 0);
    CU_ASSERT(m.protection_alg.p == NULL && m.sender_kid.p == NULL && m.recip_kid.p == NULL);
    CU_ASSERT(m.transaction_id.p == NULL && m.sender_nonce.p == NULL && m.recip_nonce.p == NULL);
    CU_ASSERT(m.free_text.p == NULL && m.general_info.p == NULL && m.protection.p == NULL);
}

/* ---- optional fields --------------------------------------------------------------------------
 */

#define BAD CMPSRV_R_BAD_DATA_FORMAT

static const struct {
    const char *good;     /* the field */
    const char *wrong[8]; /* the same with other types: BAD_DATA_FORMAT */
} fields[] = {
    {"a011180f32303236313132333135323332375a",
     {"a00f170d3236313132333135323332375a", "800f32303236313132333135323332375a", "a000",
      "a013181132303236313132333135323332372e305a", "a010180e3230323631313233313532333237",
      "a011180f32303236313333333135323332375a", "a013180f32303236313132333135323332375a0500"}},
    {"a10c300a06082a8648ce3d040302",
     {"a10a06082a8648ce3d040302", "810c300a06082a8648ce3d040302", "a1023000", "a104 3002 0500",
      "a10e 300a06082a8648ce3d040302 0500", "a100"}},
    {"a206040472656631", {"a2060c0472656631", "820472656631", "a200", "a208040472656631 0400"}},
    {"a3040402aabb", {"a3040202 2abb", "8302aabb", "a300", "a306 0402aabb 0500"}},
    {"a4120410" TID, {"a4120c10" TID, "8410" TID, "a400", "a414 0410" TID "0500"}},
    {"a5120410" NONCE,
     {"a5120310"
      "00"
      "1112131415161718191a1b1c1d1e1f",
      "8510" NONCE, "a500"}},
    {"a6120410" RNONCE, {"a6120c10" RNONCE, "8610" RNONCE, "a600"}},
    {"a70630040c026869",
     {"a7040c026869", "a7023000", "a706300413026869", "8704 0c026869", "a70a3004 0c026869 30020400",
      "a700"}},
    {"a810300e300c06082b0601050507040d0500",
     {"a80e300c06082b0601050507040d0500", "a8023000", "a8043002 0500", "a806 3004 3002 0500",
      "a8123010300e06082b0601050507040d05000500", "a812300e300c06082b0601050507040d05000500",
      "a800"}},
};
#define N_FIELDS CMPSRV_ARRAY_SIZE(fields)

/* Where field n shows. */
static int is_present(const CMPSRV_PKIMSG *m, size_t n)
{
    const CMPSRV_SLICE *slots[N_FIELDS] = {NULL,
                                           &m->protection_alg,
                                           &m->sender_kid,
                                           &m->recip_kid,
                                           &m->transaction_id,
                                           &m->sender_nonce,
                                           &m->recip_nonce,
                                           &m->free_text,
                                           &m->general_info};

    return n == 0 ? m->has_message_time : slots[n]->p != NULL;
}

static void test_optional_fields(void)
{
    CMPSRV_PKIMSG m;
    char text[2000];

    for (size_t i = 0; i < N_FIELDS; i++) {
        snprintf(text, sizeof(text), TOP "%s", fields[i].good);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), 0);
        for (size_t j = 0; j < N_FIELDS; j++)
            CU_ASSERT_EQUAL(is_present(&m, j), i == j);
        strcpy(text, TOP);
        for (size_t j = 0; j < N_FIELDS; j++)
            strcat(text, i == j ? "" : fields[j].good);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), 0);
        for (size_t j = 0; j < N_FIELDS; j++)
            CU_ASSERT_EQUAL(is_present(&m, j), i != j);
        snprintf(text, sizeof(text), TOP "%s%s", fields[i].good, fields[i].good);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), BAD);
        snprintf(text, sizeof(text), TOP "%s%s", fields[(i + 1) % N_FIELDS].good, fields[i].good);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), i + 1 < N_FIELDS ? BAD : 0);
        for (size_t k = 0; k < 8 && fields[i].wrong[k] != NULL; k++) {
            snprintf(text, sizeof(text), TOP "%s", fields[i].wrong[k]);
            CU_ASSERT_EQUAL(parse(text, BODY, &m), BAD);
            CU_ASSERT(!is_present(&m, i));
        }
    }
}

static void test_field_values(void)
{
    CMPSRV_PKIMSG m;
    char text[2000] = TOP;

    for (size_t i = 0; i < N_FIELDS; i++)
        strcat(text, fields[i].good);
    CU_ASSERT_EQUAL(parse(text, BODY, &m), 0);
    CU_ASSERT_EQUAL(m.message_time, TIME);
    CU_ASSERT(is_hex(m.protection_alg, "300a06082a8648ce3d040302"));
    CU_ASSERT(is_hex(m.sender_kid, "72656631"));
    CU_ASSERT(is_hex(m.recip_kid, "aabb"));
    CU_ASSERT(is_hex(m.transaction_id, TID));
    CU_ASSERT(is_hex(m.sender_nonce, NONCE));
    CU_ASSERT(is_hex(m.recip_nonce, RNONCE));
    CU_ASSERT(is_hex(m.free_text, "30040c026869"));
    CU_ASSERT(is_hex(m.general_info, "300c06082b0601050507040d0500"));
    CU_ASSERT(m.implicit_confirm);
    strcat(text, "a9020500");
    CU_ASSERT_EQUAL(parse(text, BODY, &m), BAD);
}

/* An OCTET STRING field [n] of n_octets octets after TOP. */
static int parse_octet_field(int n, size_t n_octets, CMPSRV_PKIMSG *m)
{
    static const unsigned char octets[400];
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES b = {NULL, 0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_hex(&w, TOP);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(n));
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_slice(octets, n_octets));
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    put_hex(&w, BODY);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
    return parse_octets(b, m);
}

static void test_limits(void)
{
    static const struct {
        int n;
        size_t octets;
        int reason;
    } cases[] = {
        {2, 256, 0}, {2, 257, CMPSRV_R_LIMIT_EXCEEDED},    {2, 0, 0},
        {3, 256, 0}, {3, 257, CMPSRV_R_LIMIT_EXCEEDED},    {4, 64, 0},
        {4, 1, 0},   {4, 65, CMPSRV_R_BAD_TRANSACTION_ID}, {4, 0, CMPSRV_R_BAD_TRANSACTION_ID},
        {5, 64, 0},  {5, 65, CMPSRV_R_LIMIT_EXCEEDED},     {5, 0, 0},
        {6, 64, 0},  {6, 65, CMPSRV_R_LIMIT_EXCEEDED},
    };
    CMPSRV_PKIMSG m;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CU_ASSERT_EQUAL(parse_octet_field(cases[i].n, cases[i].octets, &m), cases[i].reason);
        CU_ASSERT_EQUAL(is_present(&m, (size_t)cases[i].n), cases[i].reason == 0);
    }
}

/* ---- names, algorithms, generalInfo -----------------------------------------------------------
 */

static void test_general_names(void)
{
    static const struct {
        const char *name;
        int reason;
    } cases[] = {
        {"a4023000", 0},                 /* NULL-DN */
        {"a0090603 2a0304 a0020500", 0}, /* otherName */
        {"a0050603 2a0304", BAD},
        {"8103614062", 0}, /* rfc822Name */
        {"8203612e62", 0},
        {"8200", BAD},
        {"8203610062", BAD},
        {"820361ff62", BAD},
        {"a3020500", 0},
        {"a300", BAD},
        {"a503a1 0161", BAD}, /* not DER inside */
        {"a505 a103 0c0161", 0},
        {"8603613a62", 0},
        {"87047f000001", 0},
        {"87037f0000", BAD},
        {"88032a0304", 0},
        {"88032a0384", BAD},
        {"8900", BAD},
        {EE_DN, BAD}, /* without the tag */
        {"0500", BAD},
        {"840f" EE_DN, BAD},
        {"a4020500", BAD},
        {"a4043002 3100", BAD},                        /* empty RDN */
        {"a4063004 3102 3000", BAD},                   /* empty attribute */
        {"a40b3009 3107 3005 0603550403", BAD},        /* no value */
        {"a40f300d310b3009 0603550403 05000500", BAD}, /* two values */
        {"a40f300d300b3009 0603550403 0c026565", BAD}, /* SEQUENCE for SET */
        {"a4043000 3000", BAD},                        /* two Names */
    };
    CMPSRV_PKIMSG m;
    char text[400];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        snprintf(text, sizeof(text), PVNO "%s" CA, cases[i].name);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), cases[i].reason);
        CU_ASSERT_EQUAL(m.sender.p != NULL, cases[i].reason == 0);
        snprintf(text, sizeof(text), PVNO EE "%s", cases[i].name);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), cases[i].reason);
        CU_ASSERT_EQUAL(m.recipient.p != NULL, cases[i].reason == 0);
    }
    CU_ASSERT_EQUAL(parse(PVNO "8203612e62" CA, BODY, &m), 0);
    CU_ASSERT(m.sender_dn.p == NULL);
}

#define PBM        "06092a864886f67d07420d"
#define PBMAC1     "06092a864886f70d01050e"
#define RSA        "06092a864886f70d01010b"
#define PSS        "06092a864886f70d01010a"
#define ECDSA      "06082a8648ce3d040302"
#define ED25519    "06032b6570"
#define UNKNOWN    "06032a0304"
#define SHA256     "300b0609608648016503040201"
#define HMAC       "300a06082b06010505080102"
#define WRONG_TYPE CMPSRV_R_BAD_ALG

static void test_protection_alg_parameters(void)
{
    static const struct {
        const char *oid, *parameters;
        int reason;
    } cases[] = {
        {PBM, "3023 0404aabbccdd" SHA256 "020201f4" HMAC, 0},
        {PBM, "", WRONG_TYPE},
        {PBM, "0500", WRONG_TYPE},
        {PBM, "0101ff", WRONG_TYPE},
        {PBM, "020105", WRONG_TYPE},
        {PBM, "06032a0304", WRONG_TYPE},
        {PBM, "0404aabbccdd", WRONG_TYPE},
        {PBM, "0a0101", WRONG_TYPE},
        {PBM, "0c0161", WRONG_TYPE},
        {PBM, "030200ff", WRONG_TYPE},
        {PBM, "3100", WRONG_TYPE},
        {PBM, "a000", WRONG_TYPE},
        {PBM, "8000", WRONG_TYPE},
        {PBM, "3000", WRONG_TYPE},
        {PBM, "3023 0c04aabbccdd" SHA256 "020201f4" HMAC, WRONG_TYPE}, /* salt */
        {PBM, "3018 0404aabbccdd 0500 020201f4" HMAC, WRONG_TYPE},     /* owf */
        {PBM,
         "3019 0404aabbccdd 300906016108 01010101"
         "0500",
         BAD},                                                         /* no DER */
        {PBM, "3023 0404aabbccdd" SHA256 "040201f4" HMAC, WRONG_TYPE}, /* count */
        {PBM, "3015 0404aabbccdd" SHA256 "0500", WRONG_TYPE},
        {PBM, "3017 0404aabbccdd" SHA256 "020201f4", WRONG_TYPE}, /* no mac */
        {PBM, "3025 0404aabbccdd" SHA256 "020201f4" HMAC "0500", WRONG_TYPE},
        {PBMAC1, "3019" SHA256 HMAC, 0},
        {PBMAC1, "300d" SHA256, WRONG_TYPE},
        {PBMAC1, "0500", WRONG_TYPE},
        {PBMAC1, "", WRONG_TYPE},
        {RSA, "0500", 0},
        {RSA, "", 0},
        {RSA, "3000", WRONG_TYPE},
        {RSA, "0101ff", WRONG_TYPE},
        {PSS, "3000", 0},
        {PSS, "0500", WRONG_TYPE},
        {PSS, "", WRONG_TYPE},
        {ECDSA, "", 0},
        {ECDSA, "0500", WRONG_TYPE},
        {ECDSA, "3000", WRONG_TYPE},
        {ED25519, "", 0},
        {ED25519, "0500", WRONG_TYPE},
        {UNKNOWN, "", 0},
        {UNKNOWN, "0500", 0},
        {UNKNOWN, "0101ff", 0},
        {UNKNOWN, "05000500", BAD},
    };
    CMPSRV_PKIMSG m;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_DERW w = {0};
        CMPSRV_BYTES b = {NULL, 0};

        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        put_hex(&w, TOP);
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        put_hex(&w, cases[i].oid);
        put_hex(&w, cases[i].parameters);
        cmpsrv_derw_end(&w);
        cmpsrv_derw_end(&w);
        put_hex(&w, "a4120410" TID "a5120410" NONCE);
        cmpsrv_derw_end(&w);
        put_hex(&w, BODY);
        cmpsrv_derw_end(&w);
        CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
        CU_ASSERT_EQUAL(parse_octets(b, &m), cases[i].reason);
        /* what comes later in the header serves the error answer all the same */
        CU_ASSERT(is_hex(m.transaction_id, TID));
        CU_ASSERT(is_hex(m.sender_nonce, NONCE));
        CU_ASSERT_EQUAL(m.protection_alg.p != NULL, cases[i].reason == 0);
    }
}

#define IMPLICIT        "300c06082b0601050507040d0500"
#define IMPLICIT_ABSENT "300a06082b0601050507040d"
#define WAIT            "301b06082b0601050507040e180f32303236313132333135323332375a"
#define WAIT_UTC        "301906082b0601050507040e170d3236313132333135323332375a"
#define OTHER_INFO      "300806032a0304020105"

static void test_general_info(void)
{
    static const struct {
        const char *items;
        int reason, implicit;
    } cases[] = {
        {IMPLICIT, 0, 1},
        {IMPLICIT_ABSENT, 0, 1},
        {OTHER_INFO IMPLICIT OTHER_INFO, 0, 1},
        {OTHER_INFO OTHER_INFO, 0, 0},
        {"300506032a0304", 0, 0},
        {WAIT, 0, 0},
        {"300d06082b0601050507040d020105", CMPSRV_R_BAD_GENERAL_INFO, 0},
        {"300d06082b0601050507040d0101ff", CMPSRV_R_BAD_GENERAL_INFO, 0},
        {IMPLICIT IMPLICIT, CMPSRV_R_BAD_GENERAL_INFO, 0},
        {IMPLICIT WAIT, CMPSRV_R_BAD_GENERAL_INFO, 0},
        {WAIT IMPLICIT, CMPSRV_R_BAD_GENERAL_INFO, 0},
        {WAIT WAIT, CMPSRV_R_BAD_GENERAL_INFO, 0},
        {WAIT_UTC, BAD, 0},
        {"300a06082b0601050507040e", BAD, 0},
        {"300c06082b0601050507040e0500", BAD, 0},
        {"0500", BAD, 0},
        {"3000", BAD, 0},
    };
    CMPSRV_PKIMSG m;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_BYTES list = element(DER_SEQUENCE, cases[i].items, "");
        char hex[400], text[800];

        cmpsrv_hex(cmpsrv_bytes_slice(&list), hex, sizeof(hex));
        snprintf(text, sizeof(text), TOP "a8%02x%s", (unsigned)list.n, hex);
        CU_ASSERT_EQUAL(parse(text, BODY, &m), cases[i].reason);
        CU_ASSERT_EQUAL(m.implicit_confirm, cases[i].implicit);
        cmpsrv_bytes_clear(&list);
    }
}

/* ---- body, protection, extraCerts -------------------------------------------------------------
 */

static void test_pvno(void)
{
    CMPSRV_PKIMSG m;

    CU_ASSERT_EQUAL(parse("02017f" EE CA, BODY, &m), 0);
    CU_ASSERT_EQUAL(m.pvno, 127);
    CU_ASSERT_EQUAL(parse("0201ff" EE CA, BODY, &m), 0);
    CU_ASSERT_EQUAL(m.pvno, -1);
    CU_ASSERT_EQUAL(parse("0209010000000000000000" EE CA, BODY, &m), BAD);
    CU_ASSERT_EQUAL(parse("0a0102" EE CA, BODY, &m), BAD);
    CU_ASSERT_EQUAL(parse(EE CA, BODY, &m), BAD);
    CU_ASSERT_EQUAL(parse(PVNO EE, BODY, &m), BAD);
    CU_ASSERT_EQUAL(parse(PVNO, BODY, &m), BAD);
}

static void test_body_tags(void)
{
    CMPSRV_PKIMSG m;
    char text[20];

    for (int n = 0; n < 31; n++) {
        snprintf(text, sizeof(text), "%02x020500", 0xa0 + n);
        CU_ASSERT_EQUAL(parse(TOP, text, &m), n <= 26 ? 0 : BAD);
        CU_ASSERT_EQUAL(m.body_type, n <= 26 ? n : -1);
    }
    CU_ASSERT_EQUAL(parse(TOP, "", &m), BAD);
    CU_ASSERT_EQUAL(parse(TOP, "0500", &m), BAD);
    CU_ASSERT_EQUAL(parse(TOP, "3000", &m), BAD);
    CU_ASSERT_EQUAL(parse(TOP, "80020500", &m), BAD);
    CU_ASSERT_EQUAL(parse(TOP, "b300", &m), BAD);
    CU_ASSERT_EQUAL(parse(TOP, "b30405000500", &m), BAD);
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(CMPSRV_BODY_IR), "ir");
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(CMPSRV_BODY_P10CR), "p10cr");
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(CMPSRV_BODY_CERTCONF), "certConf");
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(CMPSRV_BODY_POLLREP), "pollRep");
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(CMPSRV_BODY__COUNT), "?");
    CU_ASSERT_STRING_EQUAL(cmpsrv_body_name(-1), "?");
}

static void test_after_the_body(void)
{
    static const struct {
        const char *rest;
        int reason;
    } cases[] = {
        {"a004030200ff", 0},
        {"a003030100", 0},
        {"a004030201fe", BAD}, /* unused bits */
        {"a0040402 00ff", BAD},
        {"a0020500", BAD},
        {"800200ff", BAD},
        {"a000", BAD},
        {"a008 030200ff 030200ff", BAD},
        {"a004030200ffa004030200ff", BAD},
        {"a1043002 3000", 0},
        {"a1023000", BAD}, /* no certificate */
        {"a1043002 0500", BAD},
        {"a1063004 3000 3100", BAD},
        {"a1020500", BAD},
        {"a1063002 3000 0500", BAD},
        {"a10430023000 a004030200ff", BAD}, /* order */
        {"a10430023000 a10430023000", BAD},
        {"a10430023000 a2020500", BAD},
        {"0500", BAD},
    };
    CMPSRV_PKIMSG m;
    char text[100];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        snprintf(text, sizeof(text), BODY "%s", cases[i].rest);
        CU_ASSERT_EQUAL(parse(TOP, text, &m), cases[i].reason);
    }
    CU_ASSERT_EQUAL(parse(TOP, BODY "a004030200ff a10830063000 3002 0500", &m), 0);
    CU_ASSERT(is_hex(m.protection, "ff"));
    CU_ASSERT_EQUAL(m.extra_certs_n, 2);
    CU_ASSERT(is_hex(m.extra_certs[0], "3000"));
    CU_ASSERT(is_hex(m.extra_certs[1], "30020500"));
}

static void test_extra_certs_limit(void)
{
    CMPSRV_PKIMSG m;
    char text[400] = BODY "a1423040";

    for (int i = 0; i < 32; i++)
        strcat(text, "3000");
    CU_ASSERT_EQUAL(parse(TOP, text, &m), 0);
    CU_ASSERT_EQUAL(m.extra_certs_n, 32);
    memcpy(text + strlen(BODY), "a1443042", 8);
    strcat(text, "3000");
    CU_ASSERT_EQUAL(parse(TOP, text, &m), CMPSRV_R_LIMIT_EXCEEDED);
}

/* ---- what an error answer needs ---------------------------------------------------------------
 */

static int parse_hex(const char *text, CMPSRV_PKIMSG *m)
{
    return parse_octets(from_hex(text), m);
}

static void test_salvage(void)
{
    CMPSRV_PKIMSG m;

    /* something that is not DER in the body */
    CU_ASSERT_EQUAL(parse(TOP "a4120410" TID "a5120410" NONCE, "b303010105", &m), BAD);
    CU_ASSERT_EQUAL(m.pvno, 2);
    CU_ASSERT(is_hex(m.sender, EE));
    CU_ASSERT(is_hex(m.transaction_id, TID));
    CU_ASSERT(is_hex(m.sender_nonce, NONCE));
    CU_ASSERT_EQUAL(m.body_type, -1);
    /* a wrong field before them */
    CU_ASSERT_EQUAL(parse(TOP "a0020500 a4120410" TID "a5120410" NONCE, BODY, &m), BAD);
    CU_ASSERT(is_hex(m.transaction_id, TID));
    CU_ASSERT(is_hex(m.sender_nonce, NONCE));
    /* what is damaged itself does not go into an answer */
    CU_ASSERT_EQUAL(parse(PVNO "a40e300c310a30080603550403 050161" CA "a4120410" TID, BODY, &m),
                    BAD);
    CU_ASSERT(m.sender.p == NULL);
    CU_ASSERT(is_hex(m.transaction_id, TID));
    CU_ASSERT_EQUAL(parse(TOP "a4120c10" TID, BODY, &m), BAD);
    CU_ASSERT(m.transaction_id.p == NULL);
    /* octets after the message */
    CU_ASSERT_EQUAL(parse_hex("303f3039" TOP "a41204 10" TID "b3020500 00", &m), BAD);
    CU_ASSERT(is_hex(m.transaction_id, TID));
}

static void test_not_a_message(void)
{
    static const char *const texts[] = {"",     "00",       "30",   "3000",
                                        "0500", "30023000", "3080", "a0020500"};
    CMPSRV_PKIMSG m;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++) {
        CU_ASSERT_EQUAL(parse_hex(texts[i], &m), BAD);
        CU_ASSERT_EQUAL(m.body_type, -1);
        CU_ASSERT(m.transaction_id.p == NULL && m.sender.p == NULL);
    }
}

/* ---- real messages ----------------------------------------------------------------------------
 */

static void test_real_ir(void)
{
    CMPSRV_PKIMSG m;

    CU_ASSERT_EQUAL(parse_hex(VECTOR_IR, &m), 0);
    CU_ASSERT_EQUAL(m.pvno, 2);
    CU_ASSERT_EQUAL(m.body_type, CMPSRV_BODY_IR);
    CU_ASSERT_EQUAL(m.message_time, TIME);
    CU_ASSERT(is_hex(m.sender, EE));
    CU_ASSERT(is_hex(m.recipient_dn, CA_DN));
    CU_ASSERT(is_hex(m.sender_kid, "72656631"));
    CU_ASSERT(is_hex(m.transaction_id, "d45a84a3f8ab60f313a4430394f02b08"));
    CU_ASSERT(is_hex(m.sender_nonce, "031d5f4b234d1fa3fe91177c69af22b3"));
    CU_ASSERT_EQUAL(m.protection_alg.n, 62);
    CU_ASSERT_EQUAL(m.protection.n, 20);
    CU_ASSERT_EQUAL(m.header.n, 171);
    CU_ASSERT_EQUAL(m.body.n, 276);
    CU_ASSERT_EQUAL(m.body_value.n, 272);
    CU_ASSERT_EQUAL(parse_hex(VECTOR_P10CR, &m), 0);
    CU_ASSERT_EQUAL(m.body_type, CMPSRV_BODY_P10CR);
    CU_ASSERT(m.implicit_confirm);
    CU_ASSERT_EQUAL(parse_hex(VECTOR_CERTCONF, &m), 0);
    CU_ASSERT_EQUAL(m.body_type, CMPSRV_BODY_CERTCONF);
    CU_ASSERT(is_hex(m.recip_nonce, "13c6c60c6bd625f3d05c0d3bf09b2a37"));
    CU_ASSERT_EQUAL(parse_hex(VECTOR_RR, &m), 0);
    CU_ASSERT_EQUAL(m.body_type, CMPSRV_BODY_RR);
    CU_ASSERT(is_hex(m.protection_alg, "300a06082a8648ce3d040302"));
    CU_ASSERT_EQUAL(m.extra_certs_n, 1);
    CU_ASSERT_EQUAL(m.extra_certs[0].n, 280);
}

/* Parses a copy whose end a sanitizer watches, and what is in its body. */
static int parse_all(CMPSRV_SLICE s)
{
    unsigned char *p = exact(s);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_PKIMSG m;
    int ok = cmpsrv_pkimsg_parse(cmpsrv_slice(p, s.n), &m, &why);

    if (ok && m.body_type == CMPSRV_BODY_P10CR)
        cmpsrv_p10_parse(m.body_value, &cr, &why);
    else if (ok)
        cmpsrv_crmf_parse(m.body_value, &cr, &why);
    free(p);
    return ok;
}

static void test_truncated(void)
{
    static const char *const texts[] = {VECTOR_IR, VECTOR_P10CR, VECTOR_RR};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++) {
        CMPSRV_BYTES b = from_hex(texts[i]);
        size_t taken = 0;

        for (size_t n = 0; n < b.n; n++)
            taken += (size_t)parse_all(cmpsrv_slice(b.p, n));
        CU_ASSERT_EQUAL(taken, 0);
        CU_ASSERT(parse_all(cmpsrv_bytes_slice(&b)));
        cmpsrv_bytes_clear(&b);
    }
}

static void test_flipped(void)
{
    static const char *const texts[] = {VECTOR_IR, VECTOR_P10CR};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(texts); i++) {
        CMPSRV_BYTES b = from_hex(texts[i]);
        size_t refused = 0;

        for (size_t n = 0; n < b.n; n++)
            for (unsigned bit = 0; bit < 8; bit++) {
                b.p[n] ^= (unsigned char)(1u << bit);
                refused += !parse_all(cmpsrv_bytes_slice(&b));
                b.p[n] ^= (unsigned char)(1u << bit);
            }
        /* every tag and length counts; nonces, names and keys are any octets */
        CU_ASSERT(refused > b.n);
        cmpsrv_bytes_clear(&b);
    }
}

/* ---- build ------------------------------------------------------------------------------------
 */

typedef struct {
    CMPSRV_BYTES header, body;
    int calls, fail;
} PROTECTOR;

static int protect(void *arg, CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *out,
                   CMPSRV_REFUSAL *why)
{
    PROTECTOR *p = arg;

    p->calls++;
    if (p->fail)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "planted");
    return cmpsrv_bytes_set(&p->header, header) && cmpsrv_bytes_set(&p->body, body) &&
           cmpsrv_bytes_set(out, DER_OID_SLICE("\xde\xad"));
}

static CMPSRV_SLICE body_slice(void)
{
    return DER_OID_SLICE("\xb3\x02\x05\x00");
}

static void test_build_smallest(void)
{
    CMPSRV_ANSWER_HEAD head = {.pvno = 2, .message_time = TIME};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_BYTES out = {NULL, 0};

    CU_ASSERT(cmpsrv_pkimsg_build(&head, body_slice(), NULL, NULL, NULL, 0, &out, &why));
    CU_ASSERT(is_hex(cmpsrv_bytes_slice(&out), "3024 301e 020102 a4023000 a4023000"
                                               "a011180f32303236313132333135323332375a b3020500"));
    cmpsrv_bytes_clear(&out);
}

static void test_build_all(void)
{
    CMPSRV_BYTES sender = from_hex(CA), recipient = from_hex(EE), tid = from_hex(TID),
                 nonce = from_hex(NONCE), rnonce = from_hex(RNONCE),
                 alg = from_hex("300a06082a8648ce3d040302"), kid = from_hex("aabb"),
                 out = {NULL, 0};
    CMPSRV_ANSWER_HEAD head = {.pvno = 3,
                               .sender = cmpsrv_bytes_slice(&sender),
                               .recipient = cmpsrv_bytes_slice(&recipient),
                               .message_time = TIME,
                               .protection_alg = cmpsrv_bytes_slice(&alg),
                               .sender_kid = cmpsrv_bytes_slice(&kid),
                               .transaction_id = cmpsrv_bytes_slice(&tid),
                               .sender_nonce = cmpsrv_bytes_slice(&nonce),
                               .recip_nonce = cmpsrv_bytes_slice(&rnonce),
                               .implicit_confirm = 1};
    CMPSRV_SLICE certs[2] = {DER_OID_SLICE("\x30\x00"), DER_OID_SLICE("\x30\x02\x05\x00")};
    PROTECTOR p = {.calls = 0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_PKIMSG m;

#define HEADER                                                                                     \
    "30819a 020103" CA EE "a011180f32303236313132333135323332375a a10c300a06082a8648ce3d040302"    \
    "a2040402aabb a4120410" TID "a5120410" NONCE "a6120410" RNONCE                                 \
    "a810300e300c06082b0601050507040d0500"
    CU_ASSERT(cmpsrv_pkimsg_build(&head, body_slice(), protect, &p, certs, 2, &out, &why));
    CU_ASSERT(is_hex(cmpsrv_bytes_slice(&p.header), HEADER));
    CU_ASSERT(is_hex(cmpsrv_bytes_slice(&p.body), BODY));
    CU_ASSERT(is_hex(cmpsrv_bytes_slice(&out),
                     "3081b2" HEADER BODY "a005030300dead a1083006300030020500"));
    CU_ASSERT_EQUAL(parse_octets(out, &m), 0);
    CU_ASSERT_EQUAL(m.pvno, 3);

    out = (CMPSRV_BYTES){NULL, 0};
    head.implicit_confirm = 0;
    head.confirm_wait_until = TIME;
    CU_ASSERT(cmpsrv_pkimsg_build(&head, body_slice(), protect, &p, NULL, 0, &out, &why));
    CU_ASSERT(p.header.n > 31 &&
              is_hex(cmpsrv_slice(p.header.p + p.header.n - 33, 33), "a81f301d" WAIT));
    CU_ASSERT_EQUAL(p.calls, 2);
    cmpsrv_bytes_clear(&out);

    head.implicit_confirm = 1;
    CU_ASSERT(!cmpsrv_pkimsg_build(&head, body_slice(), protect, &p, NULL, 0, &out, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    head.implicit_confirm = 0;
    p.fail = 1;
    why.reason = CMPSRV_R_NONE;
    CU_ASSERT(!cmpsrv_pkimsg_build(&head, body_slice(), protect, &p, NULL, 0, &out, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_ALG);
    CU_ASSERT(out.p == NULL);
    cmpsrv_bytes_clear(&p.header);
    cmpsrv_bytes_clear(&p.body);
    cmpsrv_bytes_clear(&sender);
    cmpsrv_bytes_clear(&recipient);
    cmpsrv_bytes_clear(&tid);
    cmpsrv_bytes_clear(&nonce);
    cmpsrv_bytes_clear(&rnonce);
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&kid);
}

static void test_leaves_nothing(void)
{
    cmpsrv_bytes_clear(&buffer);
}

TEST_MAIN("wire/pkimsg", TEST(test_smallest), TEST(test_optional_fields), TEST(test_field_values),
          TEST(test_limits), TEST(test_general_names), TEST(test_protection_alg_parameters),
          TEST(test_general_info), TEST(test_pvno), TEST(test_body_tags), TEST(test_after_the_body),
          TEST(test_extra_certs_limit), TEST(test_salvage), TEST(test_not_a_message),
          TEST(test_real_ir), TEST(test_truncated), TEST(test_flipped), TEST(test_build_smallest),
          TEST(test_build_all), TEST(test_leaves_nothing))
