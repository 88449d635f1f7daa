/* SPDX-License-Identifier: Apache-2.0 */
/* CertReqMessages and CertificationRequests: every template field by hand, real ones, and damage.
 */
#include "config.h"

#include "hex.h"
#include "vectors.h"
#include "wire/wire.h"

#define BAD      CMPSRV_R_BAD_DATA_FORMAT
#define TEMPLATE CMPSRV_R_BAD_CERT_TEMPLATE
#define ONE      CMPSRV_R_ONE_REQUEST_ONLY

#define EE_DN   "300d310b300906035504030c026565"
#define CA_DN   "300d310b300906035504030c026361"
#define ALG     "300a06082a8648ce3d040302"
#define SAN     "3012 0603551d11 040b 3009820765652e74657374"
#define SUBJECT "a50f" EE_DN
#define SPKI    "3005 06032b6570 0302 00ff" /* content */
#define KEY     "a60b" SPKI
#define POP     "a112" ALG "0304 00aabbcc"

static CMPSRV_BYTES buffer; /* what the last request borrows from */

/* SEQUENCE { SEQUENCE { CertRequest { id, template, controls }, after } more } */
static int parse(const char *id, const char *template, const char *controls, const char *after,
                 const char *more, CMPSRV_CERT_REQUEST *cr)
{
    CMPSRV_DERW w = {0};
    CMPSRV_REFUSAL why = {0};
    int ok;

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_hex(&w, id);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_hex(&w, template);
    cmpsrv_derw_end(&w);
    put_hex(&w, controls);
    cmpsrv_derw_end(&w);
    put_hex(&w, after);
    cmpsrv_derw_end(&w);
    put_hex(&w, more);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &buffer));
    /* that a case is refused shall not come from a length miscounted here */
    CU_ASSERT(cmpsrv_der_check(cmpsrv_bytes_slice(&buffer), 20, 1000, NULL));
    ok = cmpsrv_crmf_parse(cmpsrv_bytes_slice(&buffer), cr, &why);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT(ok || (cr->spki.p == NULL && cr->subject.p == NULL && cr->pop_signed.p == NULL));
    return (int)why.reason;
}

static int parse_template(const char *template, CMPSRV_CERT_REQUEST *cr)
{
    return parse("020100", template, "", "", "", cr);
}

/* ---- template ---------------------------------------------------------------------------------
 */

static const struct {
    const char *good, *wrong[8];
} fields[] = {
    {"800102", {"8000", "80020002", "a003020102", "020102", "8009010000000000000000"}},
    {"8102 1234", {"8100", "8102007f", "8102ff80", "a10402021234"}},
    {"a20a06082a8648ce3d040302",
     {"a200", "a2020500", "820a06082a8648ce3d040302", "a20e06082a8648ce3d04030205000500"}},
    {"a30f" CA_DN,
     {"a30d310b300906035504030c026361", "a300", "830f" CA_DN, "a3043000 3000", "a3020500"}},
    {"a422 a00f170d3236313132333135323332375a a10f170d3236313230333135323332375a",
     {"a40f170d3236313132333135323332375a", "a4110c0f170d3236313132333135323332375a",
      "a411800f170d3236313132333135323332375a", "a411a00f0c0d3236313132333135323332375a",
      "a422 a10f170d3236313132333135323332375a a00f170d3236313230333135323332375a",
      "a410a00e170c32363131323331353233325a", "a413a011170d3236313132333135323332375a0500"}},
    {SUBJECT, {"a50d310b300906035504030c026565", "850f" EE_DN, "a511" EE_DN "0500", "a500"}},
    {KEY,
     {"a60d300b" SPKI, "a600", "a6020500", "a6073005 06032b6570", "a60d" SPKI "0500", "860b" SPKI}},
    {"870200ff", {"8700", "870201ff", "870101", "87020800", "a704030200ff"}},
    {"880200ff", {"8800", "880209ff", "a804030200ff"}},
    {"a914" SAN,
     {"a916 3014" SAN, "a900", "a9020500", "8914" SAN, "a9093007 0603551d11 0500",
      "a907 3005 0603551d11"}},
};
#define N_FIELDS CMPSRV_ARRAY_SIZE(fields)

static int is_present(const CMPSRV_CERT_REQUEST *c, size_t n)
{
    const int there[N_FIELDS] = {
        c->has_version,    c->serial.p != NULL,    c->signing_alg.p != NULL, c->issuer.p != NULL,
        c->has_validity,   c->subject.p != NULL,   c->spki.p != NULL,        c->has_unique_ids,
        c->has_unique_ids, c->extensions.p != NULL};

    return there[n];
}

static void test_template_fields(void)
{
    CMPSRV_CERT_REQUEST cr;
    char text[1000];

    for (size_t i = 0; i < N_FIELDS; i++) {
        CU_ASSERT_EQUAL(parse_template(fields[i].good, &cr), 0);
        for (size_t j = 0; j < N_FIELDS; j++)
            if (i == j || (i != 7 && i != 8))
                CU_ASSERT_EQUAL(is_present(&cr, j), i == j);
        snprintf(text, sizeof(text), "%s%s", fields[i].good, fields[i].good);
        CU_ASSERT_EQUAL(parse_template(text, &cr), BAD);
        if (i + 1 < N_FIELDS) {
            snprintf(text, sizeof(text), "%s%s", fields[i + 1].good, fields[i].good);
            CU_ASSERT_EQUAL(parse_template(text, &cr), BAD);
        }
        for (size_t k = 0; k < 8 && fields[i].wrong[k] != NULL; k++)
            CU_ASSERT_EQUAL(parse_template(fields[i].wrong[k], &cr), BAD);
    }
    CU_ASSERT_EQUAL(parse_template("", &cr), 0);
    CU_ASSERT_EQUAL(parse_template("aa020500", &cr), BAD);
}

static void test_template_values(void)
{
    CMPSRV_CERT_REQUEST cr;
    char text[2000] = "";

    for (size_t i = 0; i < N_FIELDS; i++)
        strcat(text, fields[i].good);
    CU_ASSERT_EQUAL(parse_template(text, &cr), 0);
    CU_ASSERT_EQUAL(cr.cert_req_id, 0);
    CU_ASSERT(cr.has_version && cr.version == 2);
    CU_ASSERT(is_hex(cr.serial, "1234"));
    CU_ASSERT(is_hex(cr.signing_alg, "06082a8648ce3d040302"));
    CU_ASSERT(is_hex(cr.issuer, CA_DN));
    CU_ASSERT(cr.has_not_before && cr.not_before == 1795447407000);
    CU_ASSERT(cr.has_not_after && cr.not_after == 1796311407000);
    CU_ASSERT(is_hex(cr.subject, EE_DN));
    CU_ASSERT(is_hex(cr.spki, SPKI));
    CU_ASSERT(cr.has_unique_ids);
    CU_ASSERT(is_hex(cr.extensions, SAN));
    CU_ASSERT_EQUAL(cr.pop, CMPSRV_POP_ABSENT);
    CU_ASSERT(cr.pop_signed.p == NULL);
    CU_ASSERT_EQUAL(parse_template("a413a111180f32303531313132333135323332375a", &cr), 0);
    CU_ASSERT(!cr.has_not_before && cr.has_not_after && cr.not_after == 2584365807000);
    CU_ASSERT_EQUAL(parse_template("a400", &cr), 0);
    CU_ASSERT(cr.has_validity && !cr.has_not_before && !cr.has_not_after);
    CU_ASSERT_EQUAL(parse_template("8001ff", &cr), 0);
    CU_ASSERT_EQUAL(cr.version, -1);
}

/* ---- extensions -------------------------------------------------------------------------------
 */

#define BASIC_CRITICAL "300c 0603551d13 0101ff 0402 3000"
#define BASIC_FALSE    "300c 0603551d13 010100 0402 3000"
#define BASIC          "3009 0603551d13 0402 3000"
#define OID_BASIC      DER_OID_SLICE("\x55\x1d\x13")
#define OID_SAN        DER_OID_SLICE("\x55\x1d\x11")

static int parse_extensions(const char *list, CMPSRV_CERT_REQUEST *cr)
{
    CMPSRV_BYTES b = element(DER_CONTEXT_CONSTRUCTED(9), list, "");
    char *hex = OPENSSL_malloc(b.n * 2 + 3);
    int reason;

    CU_ASSERT_FATAL(hex != NULL);
    reason = parse_template(cmpsrv_hex(cmpsrv_bytes_slice(&b), hex, b.n * 2 + 3), cr);
    OPENSSL_free(hex);
    cmpsrv_bytes_clear(&b);
    return reason;
}

static void test_extensions(void)
{
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_SLICE value = {NULL, 0};
    int critical = 42;

    CU_ASSERT_EQUAL(parse_extensions(SAN BASIC_CRITICAL, &cr), 0);
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cr.extensions, OID_BASIC, &critical, &value), 1);
    CU_ASSERT_EQUAL(critical, 1);
    CU_ASSERT(is_hex(value, "3000"));
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cr.extensions, OID_SAN, &critical, &value), 1);
    CU_ASSERT_EQUAL(critical, 0);
    CU_ASSERT(is_hex(value, "3009820765652e74657374"));
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cr.extensions, OID_SAN, NULL, NULL), 1);
    CU_ASSERT_EQUAL(
        cmpsrv_extension_find(cr.extensions, DER_OID_SLICE("\x55\x1d\x0f"), &critical, &value), 0);
    CU_ASSERT_EQUAL(parse_extensions(BASIC_FALSE, &cr), TEMPLATE);
    CU_ASSERT_EQUAL(parse_extensions(BASIC SAN BASIC, &cr), TEMPLATE);
    CU_ASSERT_EQUAL(parse_extensions(BASIC_CRITICAL BASIC, &cr), TEMPLATE);
    CU_ASSERT_EQUAL(parse_extensions(BASIC "3000", &cr), BAD);
    CU_ASSERT_EQUAL(parse_extensions("300b 0603551d13 0402 3000 0500", &cr), BAD);
    CU_ASSERT_EQUAL(parse_extensions("300a 0603551d13 0303 003000", &cr), BAD);
}

static void test_extension_find_refuses(void)
{
    CMPSRV_BYTES twice = from_hex(BASIC SAN BASIC), damaged = from_hex(SAN "30090603");

    CU_ASSERT_EQUAL(cmpsrv_extension_find(cmpsrv_bytes_slice(&twice), OID_BASIC, NULL, NULL), -1);
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cmpsrv_bytes_slice(&twice), OID_SAN, NULL, NULL), 1);
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cmpsrv_bytes_slice(&damaged), OID_SAN, NULL, NULL), -1);
    CU_ASSERT_EQUAL(cmpsrv_extension_find(cmpsrv_slice(NULL, 0), OID_SAN, NULL, NULL), 0);
    cmpsrv_bytes_clear(&twice);
    cmpsrv_bytes_clear(&damaged);
}

static void test_extensions_limit(void)
{
    CMPSRV_CERT_REQUEST cr;
    char text[65 * 20 + 1] = "";

    for (unsigned i = 0; i < 65; i++) {
        char one[32];

        snprintf(one, sizeof(one), "3007 0603551d%02x0400", i);
        strcat(text, one);
        if (i >= 63)
            CU_ASSERT_EQUAL(parse_extensions(text, &cr), i == 63 ? 0 : CMPSRV_R_LIMIT_EXCEEDED);
    }
}

/* ---- CertReqMsg -------------------------------------------------------------------------------
 */

#define REQUEST_2 "3007 3005 020101 3000" /* a second CertReqMsg, almost */
#define CONTROL   "3008 06032a0304 020105"

static void test_messages(void)
{
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_EQUAL(parse("0201ff", KEY, "", "", "", &cr), 0);
    CU_ASSERT_EQUAL(cr.cert_req_id, -1);
    CU_ASSERT_EQUAL(parse("02020100", KEY, "300a" CONTROL, POP "3014" CONTROL CONTROL, "", &cr), 0);
    CU_ASSERT_EQUAL(cr.cert_req_id, 256);
    CU_ASSERT(is_hex(cr.controls, CONTROL));
    CU_ASSERT(is_hex(cr.reg_info, CONTROL CONTROL));
    CU_ASSERT_EQUAL(parse("020107", "", "3000", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(cr.cert_req_id, 7); /* the answer repeats it */
    CU_ASSERT_EQUAL(parse("020107", "aa00", "", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(cr.cert_req_id, 7);
    CU_ASSERT_EQUAL(parse("020107", "", "", "3000", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "3007 3005 06032a0304", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "300c 300a 06032a0304 020105 0500", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "0500", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "", "3002 0500", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "", "0500", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("020100", "", "", "300a" CONTROL POP, "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("040100", "", "", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("", "", "", "", "", &cr), BAD);
    CU_ASSERT_EQUAL(parse("0209010000000000000000", "", "", "", "", &cr), CMPSRV_R_BAD_CERT_REQ_ID);
    CU_ASSERT_EQUAL(parse("020103", KEY, "", POP, REQUEST_2, &cr), ONE);
    CU_ASSERT_EQUAL(cr.cert_req_id, 3);
    CU_ASSERT(!cmpsrv_crmf_parse(DER_OID_SLICE("\x30\x00"), &cr, &why));
    CU_ASSERT_EQUAL(why.reason, ONE);
    why.reason = CMPSRV_R_NONE;
    CU_ASSERT(!cmpsrv_crmf_parse(DER_OID_SLICE("\x30\x00\x05\x00"), &cr, &why));
    CU_ASSERT_EQUAL(why.reason, BAD);
    why.reason = CMPSRV_R_NONE;
    CU_ASSERT(!cmpsrv_crmf_parse(DER_OID_SLICE("\x31\x00"), &cr, &why));
    CU_ASSERT_EQUAL(why.reason, BAD);
    why.reason = CMPSRV_R_NONE;
    CU_ASSERT(!cmpsrv_crmf_parse(DER_OID_SLICE("\x30\x02\x05\x00"), &cr, &why));
    CU_ASSERT_EQUAL(why.reason, BAD);
}

/* ---- proof of possession ----------------------------------------------------------------------
 */

#define SIGNER "a011 a40f" EE_DN
#define INPUT  "a020" SIGNER "300b" SPKI
#define MAC    "3012" ALG "030400aabbcc"

static void test_pop(void)
{
    static const struct {
        const char *popo;
        int reason;
        CMPSRV_POP_KIND kind;
    } cases[] = {
        {"", 0, CMPSRV_POP_ABSENT},
        {"8000", 0, CMPSRV_POP_RA_VERIFIED},
        {"80020500", BAD, 0},
        {"a0020500", BAD, 0},
        {POP, 0, CMPSRV_POP_SIGNATURE},
        {"8112" ALG "0304 00aabbcc", BAD, 0},
        {"a112" ALG "0304 04aabbc0", BAD, 0}, /* unused bits */
        {"a112" ALG "0404 00aabbcc", BAD, 0},
        {"a114" ALG "0304 00aabbcc 0500", BAD, 0},
        {"a10c" ALG, BAD, 0},
        {"a1020500", BAD, 0},
        {"a100", BAD, 0},
        {"a114 300c06082a8648ce3d0403020500 0304 00aabbcc", CMPSRV_R_BAD_ALG, 0},
        {"a113 300b06092a864886f70d01010b 0304 00aabbcc", 0, CMPSRV_POP_SIGNATURE},
        {"a115 300d06092a864886f70d01010b0500 0304 00aabbcc", 0, CMPSRV_POP_SIGNATURE},
        {"a115 300d06092a864886f67d07420d0500 0304 00aabbcc", CMPSRV_R_BAD_ALG, 0},
        {"a134" INPUT ALG "0304 00aabbcc", 0, CMPSRV_POP_SIGNATURE_INPUT},
        {"a135 a021" MAC "300b" SPKI ALG "0304 00aabbcc", 0, CMPSRV_POP_SIGNATURE_INPUT},
        {"a114 a000" ALG "0304 00aabbcc", BAD, 0},
        {"a127 a013" SIGNER ALG "0304 00aabbcc", BAD, 0},
        {"a136 a022 a013 a40f" EE_DN "0500 300b" SPKI ALG "0304 00aabbcc", BAD, 0},
        {"a137 a023 3014" ALG "030400aabbcc 0500 300b" SPKI ALG "0304 00aabbcc", BAD, 0},
        {"a4020500", BAD, 0},
        {POP POP, BAD, 0},
    };
    CMPSRV_CERT_REQUEST cr;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CU_ASSERT_EQUAL(parse("020100", KEY, "", cases[i].popo, "", &cr), cases[i].reason);
        CU_ASSERT_EQUAL(cr.pop, cases[i].kind);
        CU_ASSERT_EQUAL(cr.pop_signed.p != NULL, cr.pop == CMPSRV_POP_SIGNATURE);
    }
    CU_ASSERT_EQUAL(parse("020100", KEY, "", POP, "", &cr), 0);
    CU_ASSERT(is_hex(cr.pop_signed, "3012 020100 300d" KEY));
    CU_ASSERT(is_hex(cr.pop_alg, ALG));
    CU_ASSERT(is_hex(cr.pop_signature, "aabbcc"));
}

#define TAIL      ALG "0304 00aabbcc"
#define OTHER_KEY "3005 06032b6571 0302 00ee"
#define DNS       "a004 8202 6565"

static void test_pop_input_refuses(void)
{
    static const struct {
        const char *popo; /* content of POPOSigningKey */
        int reason;
    } cases[] = {
        {"a020" SIGNER "300b" SPKI TAIL, 0},
        {"8020" SIGNER "300b" SPKI TAIL, BAD}, /* a SEQUENCE is constructed */
        {"3020" SIGNER "300b" SPKI TAIL, BAD},
        {"a000" TAIL, BAD},
        {"a00d 300b" SPKI TAIL, BAD}, /* no authInfo: the key is taken for a PKMACValue */
        {"a013" SIGNER TAIL, BAD},    /* no publicKey */
        {"a022" SIGNER "300b" SPKI "0500" TAIL, BAD},
        {"a01e a00f" EE_DN "300b" SPKI TAIL, BAD}, /* no GeneralName */
        {"a020 a111 a40f" EE_DN "300b" SPKI TAIL, BAD},
        {"a022 a013 a40f" EE_DN "0500 300b" SPKI TAIL, BAD},
        {"a00f a000 300b" SPKI TAIL, BAD},
        {"a013" DNS "300b" SPKI TAIL, 0},
        {"a017" SIGNER "3002 0500" TAIL, BAD},
        {"a015" SIGNER "3000" TAIL, BAD},
        {"a01c" SIGNER "3007 3005 06032b6570" TAIL, BAD},
        {"a020" SIGNER "310b" SPKI TAIL, BAD},
        {"a022" SIGNER "300d" SPKI "0500" TAIL, BAD},
        {"a020" SIGNER "300b" SPKI, BAD},
        /* publicKeyMAC */
        {"a021" MAC "300b" SPKI TAIL, 0},
        {"a021 b012" ALG "0304 00aabbcc 300b" SPKI TAIL, BAD},
        {"a023 3014" ALG "0304 00aabbcc 0500 300b" SPKI TAIL, BAD},
        {"a01b 300c" ALG "300b" SPKI TAIL, BAD},
        {"a00f 3000 300b" SPKI TAIL, BAD},
        {"a021 3012" ALG "0304 01aabbcc 300b" SPKI TAIL, BAD},
        {"a021 3012" ALG "0404 00aabbcc 300b" SPKI TAIL, BAD},
        {"a024 3015 300d 06092a864886f67d07420d 0500 0304 00aabbcc 300b" SPKI TAIL,
         CMPSRV_R_BAD_ALG},
        {"a024 3015 300d 06092a864886f70d01050e 0500 0304 00aabbcc 300b" SPKI TAIL,
         CMPSRV_R_BAD_ALG},
    };
    CMPSRV_CERT_REQUEST cr;
    char hex[512];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_BYTES popo = element(0xa1, cases[i].popo, "");

        cmpsrv_hex(cmpsrv_bytes_slice(&popo), hex, sizeof(hex));
        CU_ASSERT_EQUAL(parse("020100", KEY, "", hex, "", &cr), cases[i].reason);
        CU_ASSERT_EQUAL(cr.pop,
                        cases[i].reason == 0 ? CMPSRV_POP_SIGNATURE_INPUT : CMPSRV_POP_ABSENT);
        CU_ASSERT_EQUAL(cr.input.content.p != NULL, cases[i].reason == 0);
        cmpsrv_bytes_clear(&popo);
    }
}

static void test_pop_input(void)
{
    CMPSRV_CERT_REQUEST cr;

    CU_ASSERT_EQUAL(parse("020100", KEY, "", "a134" INPUT TAIL, "", &cr), 0);
    CU_ASSERT(is_hex(cr.input.content, SIGNER "300b" SPKI));
    CU_ASSERT(is_hex(cr.input.sender_dn, EE_DN));
    CU_ASSERT(is_hex(cr.input.spki, SPKI));
    CU_ASSERT(cr.input.mac_alg.p == NULL && cr.input.mac.p == NULL);
    CU_ASSERT(!cr.input.is_only_key && is_hex(cr.spki, SPKI));
    CU_ASSERT(cr.pop_signed.p == NULL);
    CU_ASSERT(is_hex(cr.pop_alg, ALG));
    CU_ASSERT(is_hex(cr.pop_signature, "aabbcc"));
    CU_ASSERT_EQUAL(parse("020100", KEY, "", "a135 a021" MAC "300b" OTHER_KEY TAIL, "", &cr), 0);
    CU_ASSERT(is_hex(cr.input.mac_alg, ALG));
    CU_ASSERT(is_hex(cr.input.mac, "aabbcc"));
    CU_ASSERT(cr.input.sender_dn.p == NULL);
    /* both keys as they are: which one counts is not decided here */
    CU_ASSERT(is_hex(cr.input.spki, OTHER_KEY) && is_hex(cr.spki, SPKI));
    CU_ASSERT(!cr.input.is_only_key);
    CU_ASSERT_EQUAL(parse("020100", SUBJECT, "", "a134" INPUT TAIL, "", &cr), 0);
    CU_ASSERT(cr.input.is_only_key);
    CU_ASSERT(is_hex(cr.spki, SPKI) && cr.spki.p == cr.input.spki.p);
    CU_ASSERT_EQUAL(parse("020100", "", "", "a127 a013" DNS "300b" SPKI TAIL, "", &cr), 0);
    CU_ASSERT(cr.input.sender_dn.p == NULL && cr.input.mac_alg.p == NULL);
    CU_ASSERT_EQUAL(parse("020100", KEY, "", POP, "", &cr), 0);
    CU_ASSERT(cr.input.content.p == NULL && cr.input.spki.p == NULL && !cr.input.is_only_key);
}

#define ENVELOPED "020102 3102 0500 3002 0500" /* outer shape */

/* POPOPrivKey, which has the same choices under both tags. */
static void test_pop_methods(void)
{
    static const struct {
        const char *choice;
        int reason;
        CMPSRV_POP_METHOD method;
    } cases[] = {
        {"8002 00ff", 0, CMPSRV_POP_THIS_MESSAGE},
        {"8001 00", 0, CMPSRV_POP_THIS_MESSAGE},
        {"8000", BAD, 0},
        {"8001 01", BAD, 0},
        {"8002 08ff", BAD, 0},
        {"8002 01ff", BAD, 0},
        {"a002 0500", BAD, 0},
        {"8101 00", 0, CMPSRV_POP_ENCR_CERT},
        {"8101 01", 0, CMPSRV_POP_CHALLENGE_RESP},
        {"8101 02", BAD, 0},
        {"8101 ff", BAD, 0},
        {"8100", BAD, 0},
        {"8102 0001", BAD, 0},
        {"8102 0100", BAD, 0},
        {"a103 020100", BAD, 0},
        {"0201 00", BAD, 0},
        {"8202 00ff", 0, CMPSRV_POP_DH_MAC},
        {"8200", BAD, 0},
        {"a312" ALG "0304 00aabbcc", 0, CMPSRV_POP_AGREE_MAC},
        {"a30c" ALG, BAD, 0},
        {"a314" ALG "0304 00aabbcc 0500", BAD, 0},
        {"a315 300d 06092a864886f67d07420d 0500 0304 00aabbcc", CMPSRV_R_BAD_ALG, 0},
        {"8302 00ff", BAD, 0},
        {"a40b" ENVELOPED, 0, CMPSRV_POP_ENCRYPTED_KEY},
        {"a40f 020102 a000 3102 0500 3002 0500 a100", 0, CMPSRV_POP_ENCRYPTED_KEY},
        {"a40d" ENVELOPED "0500", BAD, 0},
        {"a40b 040102 3102 0500 3002 0500", BAD, 0},
        {"a407 020102 3002 0500", BAD, 0},
        {"a407 020102 3102 0500", BAD, 0},
        {"a400", BAD, 0},
        {"a502 0500", BAD, 0},
        {"8502 00ff", BAD, 0},
        {"8101 00 8101 00", BAD, 0},
        {"", BAD, 0},
    };
    static const struct {
        int tag;
        CMPSRV_POP_KIND kind;
    } kinds[] = {{0xa2, CMPSRV_POP_KEY_ENCIPHERMENT}, {0xa3, CMPSRV_POP_KEY_AGREEMENT}};
    CMPSRV_CERT_REQUEST cr;
    char hex[256];

    for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(kinds); k++)
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
            CMPSRV_BYTES popo = element(kinds[k].tag, cases[i].choice, "");

            cmpsrv_hex(cmpsrv_bytes_slice(&popo), hex, sizeof(hex));
            CU_ASSERT_EQUAL(parse("020100", KEY, "", hex, "", &cr), cases[i].reason);
            CU_ASSERT_EQUAL(cr.pop, cases[i].reason == 0 ? kinds[k].kind : CMPSRV_POP_ABSENT);
            CU_ASSERT_EQUAL(cr.pop_method, cases[i].method);
            cmpsrv_bytes_clear(&popo);
        }
    CU_ASSERT_EQUAL(parse("020100", KEY, "", "8203 810100", "", &cr), BAD); /* primitive */
    CU_ASSERT_EQUAL(parse("020100", KEY, "", "8303 810100", "", &cr), BAD);
}

/* ---- PKCS #10 ---------------------------------------------------------------------------------
 */

#define P10_TOP  "020100" EE_DN "300b" SPKI
#define P10_TAIL ALG "0304 00aabbcc"
#define EXT_REQ  "06092a864886f70d01090e"
#define MS_ATTR  "3024 060a2b06010401823702010e 3116 3014" SAN
#define EXT_ATTR "3023" EXT_REQ "3116 3014" SAN

/* SEQUENCE { SEQUENCE { info } tail } */
static int parse_p10(const char *info, const char *tail, CMPSRV_CERT_REQUEST *cr)
{
    CMPSRV_DERW w = {0};
    CMPSRV_REFUSAL why = {0};
    int ok;

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    put_hex(&w, info);
    cmpsrv_derw_end(&w);
    put_hex(&w, tail);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &buffer));
    /* that a case is refused shall not come from a length miscounted here */
    CU_ASSERT(cmpsrv_der_check(cmpsrv_bytes_slice(&buffer), 20, 1000, NULL));
    ok = cmpsrv_p10_parse(cmpsrv_bytes_slice(&buffer), cr, &why);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    CU_ASSERT(ok || (cr->spki.p == NULL && cr->pop_signed.p == NULL));
    CU_ASSERT_EQUAL(cr->cert_req_id, -1);
    return (int)why.reason;
}

static void test_p10(void)
{
    CMPSRV_CERT_REQUEST cr;

    CU_ASSERT_EQUAL(parse_p10(P10_TOP "a000", P10_TAIL, &cr), 0);
    CU_ASSERT_EQUAL(cr.pop, CMPSRV_POP_PKCS10);
    CU_ASSERT(is_hex(cr.pop_signed, "3021" P10_TOP "a000"));
    CU_ASSERT(is_hex(cr.pop_alg, ALG));
    CU_ASSERT(is_hex(cr.pop_signature, "aabbcc"));
    CU_ASSERT(is_hex(cr.subject, EE_DN));
    CU_ASSERT(is_hex(cr.spki, SPKI));
    CU_ASSERT(cr.extensions.p == NULL);
    CU_ASSERT_EQUAL(parse_p10(P10_TOP "a025" EXT_ATTR, P10_TAIL, &cr), 0);
    CU_ASSERT(is_hex(cr.extensions, SAN));
    CU_ASSERT_EQUAL(parse_p10(P10_TOP "a026" MS_ATTR, P10_TAIL, &cr), 0);
    CU_ASSERT(is_hex(cr.extensions, SAN));
}

static void test_p10_refuses(void)
{
    static const struct {
        const char *info, *tail;
        int reason;
    } cases[] = {
        {"020101" EE_DN "300b" SPKI "a000", P10_TAIL, TEMPLATE},
        {"0401 00" EE_DN "300b" SPKI "a000", P10_TAIL, BAD},
        {"020100 0500 300b" SPKI "a000", P10_TAIL, BAD},
        {"020100" EE_DN "0500 a000", P10_TAIL, BAD},
        {"020100" EE_DN "3000 a000", P10_TAIL, BAD},
        {P10_TOP, P10_TAIL, BAD},
        {P10_TOP "8000", P10_TAIL, BAD},
        {P10_TOP "a0020500", P10_TAIL, BAD},
        {P10_TOP "a000 0500", P10_TAIL, BAD},
        {P10_TOP "a009 3007 06032a0304 3100", P10_TAIL, BAD}, /* no value */
        {P10_TOP "a009 3007 06032a0304 3000", P10_TAIL, BAD},
        {P10_TOP "a00b 3009 06032a0304 3102 0500", P10_TAIL, 0},
        {P10_TOP "a00d 300b 06032a0304 3102 0500 0500", P10_TAIL, BAD},
        {"020100" EE_DN "300d" SPKI "0500 a000", P10_TAIL, BAD},
        {P10_TOP "a04a" EXT_ATTR EXT_ATTR, P10_TAIL, TEMPLATE},
        {P10_TOP "a04b" EXT_ATTR MS_ATTR, P10_TAIL, TEMPLATE},
        {P10_TOP "a03b 3039" EXT_REQ "312c 3014" SAN "3014" SAN, P10_TAIL, TEMPLATE},
        {P10_TOP "a011 300f" EXT_REQ "3102 0500", P10_TAIL, BAD},
        {P10_TOP "a011 300f" EXT_REQ "3102 3000", P10_TAIL, BAD},
        {P10_TOP "a039 3037" EXT_REQ "312a 3028" SAN SAN, P10_TAIL, TEMPLATE},
        {P10_TOP "a000", "", BAD},
        {P10_TOP "a000", ALG, BAD},
        {P10_TOP "a000", P10_TAIL "0500", BAD},
        {P10_TOP "a000", ALG "0302 01fe", BAD},
        {P10_TOP "a000", "300c06082a8648ce3d0403020500 0302 00ff", CMPSRV_R_BAD_ALG},
    };
    CMPSRV_CERT_REQUEST cr;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(parse_p10(cases[i].info, cases[i].tail, &cr), cases[i].reason);
}

static void test_p10_is_one_element(void)
{
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_BYTES more = {NULL, 0};
    CMPSRV_DERW w = {0};
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_EQUAL(parse_p10(P10_TOP "a000", P10_TAIL, &cr), 0);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&buffer));
    cmpsrv_derw_null(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &more));
    CU_ASSERT(!cmpsrv_p10_parse(cmpsrv_bytes_slice(&more), &cr, &why));
    CU_ASSERT_EQUAL(why.reason, BAD);
    cmpsrv_bytes_clear(&more);
}

/* ---- real messages ----------------------------------------------------------------------------
 */

static void test_real(void)
{
    CMPSRV_BYTES ir = from_hex(VECTOR_IR), p10 = from_hex(VECTOR_P10CR);
    CMPSRV_PKIMSG m;
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&ir), &m, &why));
    CU_ASSERT(cmpsrv_crmf_parse(m.body_value, &cr, &why));
    CU_ASSERT_EQUAL(cr.cert_req_id, 0);
    CU_ASSERT(is_hex(cr.subject, EE_DN));
    CU_ASSERT(cr.not_before == 1795447407000 && cr.not_after == 1796311407000);
    CU_ASSERT_EQUAL(cr.spki.n, 89);
    CU_ASSERT(is_hex(cr.extensions, SAN));
    CU_ASSERT_EQUAL(cr.pop, CMPSRV_POP_SIGNATURE);
    CU_ASSERT(cr.pop_signed.p == ir.p + 187 && cr.pop_signed.n == 175);
    CU_ASSERT_EQUAL(cr.pop_signature.n, 72);
    CU_ASSERT_FATAL(cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&p10), &m, &why));
    CU_ASSERT(cmpsrv_p10_parse(m.body_value, &cr, &why));
    CU_ASSERT(is_hex(cr.subject, EE_DN));
    CU_ASSERT_EQUAL(cr.spki.n, 89);
    CU_ASSERT(is_hex(cr.extensions, SAN));
    CU_ASSERT(cr.pop_signed.p == p10.p + 186 && cr.pop_signed.n == 151);
    CU_ASSERT(!cmpsrv_crmf_parse(m.body_value, &cr, NULL));
    cmpsrv_bytes_clear(&ir);
    cmpsrv_bytes_clear(&p10);
}

/* Content cut anywhere, in well-formed elements around it: the lengths outside are right, so that
 * the cut is met by the parser of the part. */
static void test_truncated_inside(void)
{
    CMPSRV_BYTES ir = from_hex(VECTOR_IR);
    const size_t first = 187, end = 451; /* content of the CertReqMsg */

    for (size_t n = 0; first + n < end; n++) {
        CMPSRV_DERW w = {0};
        CMPSRV_BYTES b = {NULL, 0};
        CMPSRV_CERT_REQUEST cr;
        unsigned char *p;
        int ok;

        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        cmpsrv_derw_put(&w, DER_SEQUENCE, cmpsrv_slice(ir.p + first, n));
        cmpsrv_derw_end(&w);
        CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &b));
        p = exact(cmpsrv_bytes_slice(&b));
        ok = cmpsrv_crmf_parse(cmpsrv_slice(p, b.n), &cr, NULL);
        CU_ASSERT_EQUAL(ok, n == 175); /* the CertRequest alone: without popo */
        free(p);
        cmpsrv_bytes_clear(&b);
    }
    cmpsrv_bytes_clear(&ir);
}

static void test_leaves_nothing(void)
{
    cmpsrv_bytes_clear(&buffer);
}

TEST_MAIN("wire/crmf", TEST(test_template_fields), TEST(test_template_values),
          TEST(test_extensions), TEST(test_extension_find_refuses), TEST(test_extensions_limit),
          TEST(test_messages), TEST(test_pop), TEST(test_pop_input), TEST(test_pop_input_refuses),
          TEST(test_pop_methods), TEST(test_p10), TEST(test_p10_refuses),
          TEST(test_p10_is_one_element), TEST(test_real), TEST(test_truncated_inside),
          TEST(test_leaves_nothing))
