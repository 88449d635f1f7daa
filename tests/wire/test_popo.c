/* SPDX-License-Identifier: Apache-2.0 */
/* Proof of possession over requests that OpenSSL signs and MACs: PKCS#10 and CRMF, every kind. */
#include "config.h"

#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "hex.h"
#include "wire/wire.h"

#define SHA2 (CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512)

static CMPSRV_REASON verify(const CMPSRV_CERT_REQUEST *cr, EVP_PKEY *key, unsigned mds)
{
    CMPSRV_POPO_RULES rules = {.digests = mds};
    CMPSRV_REFUSAL why = {0};
    int ok = cmpsrv_popo_verify(NULL, NULL, cr, key, &rules, &why);

    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    return why.reason;
}

/* A request in DER, signed by X509_REQ_sign, as what is verified of it. */
static unsigned char *make_request(EVP_PKEY *key, const EVP_MD *md, CMPSRV_CERT_REQUEST *cr)
{
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    CMPSRV_SLICE all, seq;
    int len;

    CU_ASSERT_FATAL(req != NULL && key != NULL);
    X509_REQ_set_pubkey(req, key);
    CU_ASSERT_FATAL(X509_REQ_sign(req, key, md) > 0);
    len = i2d_X509_REQ(req, &der);
    CU_ASSERT_FATAL(len > 0);
    all = cmpsrv_slice(der, (size_t)len);
    memset(cr, 0, sizeof(*cr));
    cr->pop = CMPSRV_POP_PKCS10;
    CU_ASSERT_FATAL(cmpsrv_der_get(&all, DER_SEQUENCE, &seq) &&
                    cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &cr->pop_signed) &&
                    cmpsrv_der_get_tlv(&seq, DER_SEQUENCE, &cr->pop_alg) &&
                    cmpsrv_der_get_octet_bits(&seq, &cr->pop_signature));
    X509_REQ_free(req);
    return der;
}

static void check_key(EVP_PKEY *key, const EVP_MD *md, EVP_PKEY *same_type, EVP_PKEY *other_type)
{
    CMPSRV_CERT_REQUEST cr;
    unsigned char *der = make_request(key, md, &cr);

    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_NONE);
    cr.pop = CMPSRV_POP_SIGNATURE;
    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_NONE);
    CU_ASSERT_EQUAL(verify(&cr, same_type, SHA2), CMPSRV_R_BAD_POP);
    CU_ASSERT_EQUAL(verify(&cr, other_type, SHA2), CMPSRV_R_BAD_POP);
    CU_ASSERT_EQUAL(verify(&cr, key, CMPSRV_MD_SHA1),
                    md == NULL ? CMPSRV_R_NONE : CMPSRV_R_BAD_ALG);
    der[(size_t)(cr.pop_signed.p - der) + cr.pop_signed.n - 1] ^= 1;
    CU_ASSERT_EQUAL(verify(&cr, key, SHA2), CMPSRV_R_BAD_POP);
    OPENSSL_free(der);
}

static void test_signatures(void)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *rsa2 = EVP_RSA_gen(2048);
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *ec2 = EVP_EC_gen("P-256");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *ed2 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    check_key(rsa, EVP_sha256(), rsa2, ec);
    check_key(ec, EVP_sha384(), ec2, ed);
    check_key(ed, NULL, ed2, rsa);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa2);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec2);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ed2);
}

static void test_other_kinds(void)
{
    static const struct {
        CMPSRV_POP_KIND kind;
        CMPSRV_REASON want;
    } rows[] = {
        {CMPSRV_POP_ABSENT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_RA_VERIFIED, CMPSRV_R_NOT_AUTHORIZED},
        {CMPSRV_POP_SIGNATURE_INPUT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_KEY_ENCIPHERMENT, CMPSRV_R_BAD_POP},
        {CMPSRV_POP_KEY_AGREEMENT, CMPSRV_R_BAD_POP},
        {(CMPSRV_POP_KIND)99, CMPSRV_R_BAD_POP},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CMPSRV_CERT_REQUEST cr;
    unsigned char *der = make_request(key, EVP_sha256(), &cr);
    CMPSRV_CERT_REQUEST damaged = cr;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr.pop = rows[i].kind; /* though there is a good signature beside it */
        CU_ASSERT_EQUAL(verify(&cr, key, SHA2), rows[i].want);
    }
    damaged.pop_alg = DER_OID_SLICE("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00");
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_ALG); /* MD5 */
    damaged.pop_alg = cmpsrv_slice(NULL, 0);
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_ALG);
    damaged = cr;
    damaged.pop = CMPSRV_POP_SIGNATURE;
    damaged.pop_signed = cmpsrv_slice(NULL, 0);
    CU_ASSERT_EQUAL(verify(&damaged, key, SHA2), CMPSRV_R_BAD_POP);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void test_ra_verified(void)
{
    CMPSRV_CERT_REQUEST cr = {.pop = CMPSRV_POP_RA_VERIFIED};
    CMPSRV_POPO_RULES rules = {.digests = SHA2, .allow_ra_verified = 1};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT(cmpsrv_popo_verify(NULL, NULL, &cr, key, &rules, &why));
    cr.pop = CMPSRV_POP_ABSENT; /* nothing is not raVerified */
    CU_ASSERT(!cmpsrv_popo_verify(NULL, NULL, &cr, key, &rules, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_BAD_POP);
    EVP_PKEY_free(key);
}

/* ---- poposkInput ------------------------------------------------------------------------------
 */

#define SECRET           "a shared secret"
#define ECDSA_SHA256     "300a 06082a8648ce3d040302"
#define SALT             "0408 0001020304050607"
#define HMAC_SHA256      "300c 06082a864886f70d0209 0500"
#define HMAC_SHA256_BARE "300a 06082a864886f70d0209"
#define PBM(count)                                                                                 \
    "3034 06092a864886f67d07420d 3027" SALT "300b 0609608648016503040201" count HMAC_SHA256_BARE
#define PBMAC1                                                                                     \
    "3049 06092a864886f70d01050e 303c"                                                             \
    "302c 06092a864886f70d01050c 301f" SALT "020203e8 020120" HMAC_SHA256 HMAC_SHA256

typedef enum { SENDER, DNS_NAME, MAC } AUTH;
typedef enum { TAG_30, TAG_A0 } SIGNED_AS;

/* A request with poposkInput, as it shall be. */
typedef struct {
    const char *subject; /* CN in the template; NULL: none */
    EVP_PKEY *key;       /* in the template; NULL: none */
    EVP_PKEY *input_key; /* in poposkInput, and ... */
    EVP_PKEY *signer;    /* ... what signs it */
    AUTH auth;
    const char *sender;  /* CN; "": the empty name */
    const char *mac_alg; /* hex */
    CMPSRV_SLICE mac;
    SIGNED_AS signed_as;
} INPUT_CASE;

static void put_name(CMPSRV_DERW *w, const char *cn)
{
    X509_NAME *name = X509_NAME_new();
    unsigned char *der = NULL;
    int n;

    if (cn[0] != '\0')
        CU_ASSERT_FATAL(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                   (const unsigned char *)cn, -1, -1, 0));
    n = i2d_X509_NAME(name, &der);
    CU_ASSERT_FATAL(n > 0);
    cmpsrv_derw_raw(w, cmpsrv_slice(der, (size_t)n));
    OPENSSL_free(der);
    X509_NAME_free(name);
}

/* SubjectPublicKeyInfo under that tag; the caller frees it. */
static unsigned char *make_spki(EVP_PKEY *key, int tag, CMPSRV_SLICE *out)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    CU_ASSERT_FATAL(n > 0 && der[0] == 0x30);
    der[0] = (unsigned char)tag;
    *out = cmpsrv_slice(der, (size_t)n);
    return der;
}

static void put_spki(CMPSRV_DERW *w, EVP_PKEY *key, int tag)
{
    CMPSRV_SLICE spki;
    unsigned char *der = make_spki(key, tag, &spki);

    cmpsrv_derw_raw(w, spki);
    OPENSSL_free(der);
}

static void put_auth(CMPSRV_DERW *w, const INPUT_CASE *c)
{
    cmpsrv_derw_begin(w, c->auth == MAC ? 0x30 : 0xa0);
    if (c->auth == MAC) {
        put_hex(w, c->mac_alg);
        cmpsrv_derw_bits(w, c->mac);
    } else if (c->auth == DNS_NAME) {
        put_hex(w, "8202 6565");
    } else {
        cmpsrv_derw_begin(w, 0xa4);
        put_name(w, c->sender);
        cmpsrv_derw_end(w);
    }
    cmpsrv_derw_end(w);
}

/* POPOSigningKeyInput under that tag. */
static CMPSRV_BYTES make_input(const INPUT_CASE *c, int tag)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {NULL, 0};

    cmpsrv_derw_begin(&w, tag);
    put_auth(&w, c);
    put_spki(&w, c->input_key, 0x30);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

static void put_signature(CMPSRV_DERW *w, EVP_PKEY *key, CMPSRV_BYTES *data)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[512];
    size_t n = sizeof(sig);

    CU_ASSERT_FATAL(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) > 0 &&
                    EVP_DigestSign(ctx, sig, &n, data->p, data->n) > 0);
    put_hex(w, ECDSA_SHA256);
    cmpsrv_derw_bits(w, cmpsrv_slice(sig, n));
    EVP_MD_CTX_free(ctx);
}

static void put_template(CMPSRV_DERW *w, const INPUT_CASE *c)
{
    cmpsrv_derw_begin(w, 0x30);
    if (c->subject != NULL) {
        cmpsrv_derw_begin(w, 0xa5);
        put_name(w, c->subject);
        cmpsrv_derw_end(w);
    }
    if (c->key != NULL)
        put_spki(w, c->key, 0xa6);
    cmpsrv_derw_end(w);
}

/* CertReqMessages */
static CMPSRV_BYTES make_messages(const INPUT_CASE *c)
{
    CMPSRV_BYTES to_sign = make_input(c, c->signed_as == TAG_30 ? 0x30 : 0xa0);
    CMPSRV_BYTES input = make_input(c, 0xa0), out = {NULL, 0};
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, 0x30);
    cmpsrv_derw_begin(&w, 0x30);
    cmpsrv_derw_begin(&w, 0x30);
    cmpsrv_derw_int64(&w, 0);
    put_template(&w, c);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_begin(&w, 0xa1);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&input));
    put_signature(&w, c->signer, &to_sign);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    cmpsrv_bytes_clear(&to_sign);
    cmpsrv_bytes_clear(&input);
    return out;
}

static CMPSRV_REASON verify_input_case(const INPUT_CASE *c, const CMPSRV_POPO_RULES *rules)
{
    CMPSRV_BYTES der = make_messages(c);
    CMPSRV_CERT_REQUEST cr;
    CMPSRV_REFUSAL why = {0};
    EVP_PKEY *key = NULL;
    char name[32];
    int ok;

    CU_ASSERT_FATAL(cmpsrv_crmf_parse(cmpsrv_bytes_slice(&der), &cr, &why));
    CU_ASSERT_FATAL(cmpsrv_pubkey_decode(NULL, NULL, NULL, cr.spki, &key, name, &why));
    ok = cmpsrv_popo_verify(NULL, NULL, &cr, key, rules, &why);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, why.reason == CMPSRV_R_NONE);
    EVP_PKEY_free(key);
    cmpsrv_bytes_clear(&der);
    return why.reason;
}

static CMPSRV_BYTES make_name(const char *cn)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {NULL, 0};

    put_name(&w, cn);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

#define OK    CMPSRV_R_NONE
#define BAD   CMPSRV_R_BAD_POP
#define YES   1
#define NO    0
#define OTHER 2 /* another key than in poposkInput */

static void test_input_sender(void)
{
    static const struct {
        const char *subject;
        int has_key; /* in the template */
        const char *sender;
        const char *senders[2]; /* of the rules; NULL: absent */
        int input_identical;
        CMPSRV_REASON want;
    } rows[] = {
        /* the template lacks the key */
        {"ee", NO, "ra", {"ra", NULL}, NO, OK},
        {"ee", NO, "ra", {NULL, "ra"}, NO, OK},
        {"ee", NO, " RA ", {"x", "ra"}, NO, OK},
        {"ee", NO, "ra", {NULL, NULL}, NO, BAD},
        {"ee", NO, "ra", {"x", "y"}, YES, BAD},
        {"ee", NO, "ee", {"ra", NULL}, YES, BAD}, /* the subject is not who asks */
        {"ee", NO, "", {"", ""}, NO, BAD},
        {"ee", NO, NULL, {"ra", NULL}, NO, BAD}, /* a dNSName */
        /* it lacks the subject, or both */
        {NULL, YES, "ra", {"ra", NULL}, NO, OK},
        {NULL, YES, "x", {"ra", NULL}, NO, BAD},
        {NULL, OTHER, "ra", {"ra", NULL}, NO, BAD},
        {NULL, NO, "ra", {"ra", NULL}, NO, OK},
        {NULL, NO, "x", {"ra", NULL}, NO, BAD},
        {NULL, YES, "", {NULL, NULL}, NO, BAD},
        /* it has both */
        {"ee", YES, "ee", {"ee", NULL}, NO, BAD},
        {"ee", YES, "ee", {NULL, NULL}, YES, OK},
        {"ee", YES, "EE", {NULL, NULL}, YES, OK},
        {"ee", YES, "ra", {NULL, "ra"}, YES, OK},
        {"ee", YES, "x", {"ra", NULL}, YES, BAD},
        {"ee", YES, NULL, {"ra", NULL}, YES, BAD},
        {"ee", OTHER, "ee", {"ee", NULL}, YES, BAD},
        {"", YES, "", {NULL, NULL}, YES, OK}, /* identical is identical */
    };
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    EVP_PKEY *in_template[] = {NULL, key, other};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        CMPSRV_BYTES senders[2] = {{NULL, 0}, {NULL, 0}};
        CMPSRV_POPO_RULES rules = {.digests = SHA2, .input_identical = rows[i].input_identical};
        INPUT_CASE c = {.subject = rows[i].subject,
                        .key = in_template[rows[i].has_key],
                        .input_key = key,
                        .signer = key,
                        .auth = rows[i].sender == NULL ? DNS_NAME : SENDER,
                        .sender = rows[i].sender};

        for (size_t j = 0; j < 2; j++) {
            if (rows[i].senders[j] != NULL)
                senders[j] = make_name(rows[i].senders[j]);
            rules.senders[j] = cmpsrv_bytes_slice(&senders[j]);
        }
        CU_ASSERT_EQUAL(verify_input_case(&c, &rules), rows[i].want);
        if (rows[i].has_key == OTHER) { /* nor if the template's key has signed */
            c.signer = other;
            CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
        }
        cmpsrv_bytes_clear(&senders[0]);
        cmpsrv_bytes_clear(&senders[1]);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_input_signature(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    CMPSRV_BYTES sender = make_name("ra");
    CMPSRV_POPO_RULES rules = {.digests = SHA2, .senders = {cmpsrv_bytes_slice(&sender)}};
    INPUT_CASE c = {
        .subject = "ee", .input_key = key, .signer = key, .auth = SENDER, .sender = "ra"};

    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), OK);
    c.signed_as = TAG_A0; /* RFC 4211 4.1: not as it is on the wire */
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.signed_as = TAG_30;
    c.signer = other;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.signer = key;
    rules.digests = CMPSRV_MD_SHA384;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), CMPSRV_R_BAD_ALG);
    cmpsrv_bytes_clear(&sender);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* The MAC of PasswordBasedMac as libcrypto makes it. */
static CMPSRV_BYTES make_pbm(const char *alg, EVP_PKEY *key, int tag)
{
    CMPSRV_BYTES der = from_hex(alg);
    const unsigned char *p = der.p + 13; /* the parameters */
    OSSL_CRMF_PBMPARAMETER *pbm = d2i_OSSL_CRMF_PBMPARAMETER(NULL, &p, (long)der.n - 13);
    CMPSRV_SLICE spki;
    unsigned char *encoded = make_spki(key, tag, &spki);
    CMPSRV_BYTES mac = {NULL, 0};

    CU_ASSERT_FATAL(pbm != NULL && OSSL_CRMF_pbm_new(NULL, NULL, pbm, spki.p, spki.n,
                                                     (const unsigned char *)SECRET, strlen(SECRET),
                                                     &mac.p, &mac.n));
    OSSL_CRMF_PBMPARAMETER_free(pbm);
    OPENSSL_free(encoded);
    cmpsrv_bytes_clear(&der);
    return mac;
}

static CMPSRV_BYTES make_pbmac1(EVP_PKEY *key)
{
    CMPSRV_SLICE spki;
    unsigned char *encoded = make_spki(key, 0x30, &spki), k[32];
    CMPSRV_BYTES mac = {OPENSSL_malloc(32), 32};

    CU_ASSERT_FATAL(PKCS5_PBKDF2_HMAC(SECRET, -1, (const unsigned char *)"\0\1\2\3\4\5\6\7", 8,
                                      1000, EVP_sha256(), sizeof(k), k) &&
                    HMAC(EVP_sha256(), k, sizeof(k), spki.p, spki.n, mac.p, NULL) != NULL);
    OPENSSL_free(encoded);
    return mac;
}

static const CMPSRV_MAC_POLICY mac_policy = {.macs = CMPSRV_MD_SHA256,
                                             .pbm_owf = CMPSRV_MD_SHA256,
                                             .pbm_iterations_min = 100,
                                             .pbm_iterations_max = 1000,
                                             .pbmac1_iterations_min = 1000,
                                             .pbmac1_iterations_max = 1000};

static void test_input_mac(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    CMPSRV_SECRET *secret = cmpsrv_secret_new(SECRET, strlen(SECRET));
    CMPSRV_SECRET *wrong = cmpsrv_secret_new("another", 7);
    CMPSRV_POPO_RULES rules = {.digests = SHA2, .secret = secret, .macs = &mac_policy};
    CMPSRV_MAC_POLICY sha512 = mac_policy;
    CMPSRV_BYTES mac = make_pbm(PBM("020201f4"), key, 0x30), empty = {NULL, 0};
    CMPSRV_BYTES wire = make_pbm(PBM("020201f4"), key, 0xa6);
    CMPSRV_BYTES others = make_pbm(PBM("020201f4"), other, 0x30), pbmac1 = make_pbmac1(key);
    unsigned char longer[EVP_MAX_MD_SIZE + 1] = "";
    INPUT_CASE c = {.subject = "ee",
                    .input_key = key,
                    .signer = key,
                    .auth = MAC,
                    .mac_alg = PBM("020201f4"),
                    .mac = cmpsrv_bytes_slice(&mac)};

    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), OK);
    rules.secret = wrong;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    rules.secret = NULL;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    rules.secret = secret;
    rules.macs = NULL;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    sha512.macs = CMPSRV_MD_SHA512;
    rules.macs = &sha512;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), CMPSRV_R_BAD_ALG);
    rules.macs = &mac_policy;
    c.signer = other; /* the MAC alone does not do */
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.signer = key;
    /* other MACs */
    c.mac = cmpsrv_slice(mac.p, mac.n - 1);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    memcpy(longer, mac.p, mac.n);
    c.mac = cmpsrv_slice(longer, mac.n + 1);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.mac = cmpsrv_bytes_slice(&empty);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.mac = cmpsrv_bytes_slice(&wire);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.mac = cmpsrv_bytes_slice(&others);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    /* other algorithms */
    c.mac = cmpsrv_bytes_slice(&pbmac1);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.mac_alg = PBMAC1;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), OK);
    c.mac = cmpsrv_bytes_slice(&mac);
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    c.mac_alg = PBM("020203e9"); /* 1001 */
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), CMPSRV_R_BAD_ALG);
    c.mac_alg = HMAC_SHA256;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), CMPSRV_R_BAD_ALG);
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&wire);
    cmpsrv_bytes_clear(&others);
    cmpsrv_bytes_clear(&pbmac1);
    cmpsrv_secret_free(secret);
    cmpsrv_secret_free(wrong);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Beside subject and key in the template only the key is compared. */
static void test_input_mac_identical(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    CMPSRV_SECRET *secret = cmpsrv_secret_new(SECRET, strlen(SECRET));
    CMPSRV_POPO_RULES rules = {.digests = SHA2, .secret = secret, .macs = &mac_policy};
    CMPSRV_BYTES mac = make_pbm(PBM("020201f4"), key, 0x30);
    INPUT_CASE c = {.subject = "ee",
                    .key = key,
                    .input_key = key,
                    .signer = key,
                    .auth = MAC,
                    .mac_alg = PBM("020201f4"),
                    .mac = cmpsrv_bytes_slice(&mac)};

    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    rules.input_identical = 1;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), OK);
    c.key = other;
    CU_ASSERT_EQUAL(verify_input_case(&c, &rules), BAD);
    cmpsrv_bytes_clear(&mac);
    cmpsrv_secret_free(secret);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* ---- keyEncipherment, keyAgreement -------------------------------------------------------------
 */

static void test_decryption(void)
{
    static const struct {
        size_t key; /* of keys */
        int64_t pvno;
        CMPSRV_POP_METHOD method;
        const char *detail; /* NULL: taken */
    } rows[] = {
        {0, 2, CMPSRV_POP_ENCR_CERT, NULL},
        {0, 3, CMPSRV_POP_ENCR_CERT, NULL},
        {0, 0, CMPSRV_POP_ENCR_CERT, "pvno 2 or 3"}, /* rules that nobody has filled */
        {1, 3, CMPSRV_POP_ENCR_CERT, NULL},
        {1, 2, CMPSRV_POP_ENCR_CERT, "an EC key needs pvno 3"},
        {2, 3, CMPSRV_POP_ENCR_CERT, "want an RSA key, or an EC key and pvno 3"},
        {3, 3, CMPSRV_POP_ENCR_CERT, "want an RSA key, or an EC key and pvno 3"},
        {4, 3, CMPSRV_POP_ENCR_CERT, "an RSA key needs 1024 bits"},
        {0, 3, CMPSRV_POP_THIS_MESSAGE, "thisMessage is not supported, want encrCert"},
        {0, 3, CMPSRV_POP_CHALLENGE_RESP, "challengeResp is not supported, want encrCert"},
        {0, 3, CMPSRV_POP_DH_MAC, "dhMAC is not supported, want encrCert"},
        {0, 3, CMPSRV_POP_AGREE_MAC, "agreeMAC is not supported, want encrCert"},
        {0, 3, CMPSRV_POP_ENCRYPTED_KEY, "encryptedKey is not supported, want encrCert"},
        {0, 3, (CMPSRV_POP_METHOD)99, "want encrCert"},
    };
    static const CMPSRV_POP_KIND kinds[] = {CMPSRV_POP_KEY_ENCIPHERMENT, CMPSRV_POP_KEY_AGREEMENT};
    EVP_PKEY *keys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "RSA-PSS", (size_t)2048), EVP_RSA_gen(768)};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++)
        for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(kinds); k++) { /* either tag for either key */
            CMPSRV_CERT_REQUEST cr = {.pop = kinds[k], .pop_method = rows[i].method};
            CMPSRV_POPO_RULES rules = {.digests = SHA2, .pvno = rows[i].pvno};
            CMPSRV_REFUSAL why = {0};

            CU_ASSERT_EQUAL(cmpsrv_popo_verify(NULL, NULL, &cr, keys[rows[i].key], &rules, &why),
                            rows[i].detail == NULL);
            CU_ASSERT_EQUAL(why.reason, rows[i].detail == NULL ? OK : BAD);
            CU_ASSERT(rows[i].detail == NULL || strstr(why.detail, rows[i].detail) != NULL);
        }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++)
        EVP_PKEY_free(keys[i]);
}

TEST_MAIN("popo", TEST(test_signatures), TEST(test_other_kinds), TEST(test_ra_verified),
          TEST(test_input_sender), TEST(test_input_signature), TEST(test_input_mac),
          TEST(test_input_mac_identical), TEST(test_decryption))
