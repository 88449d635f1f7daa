/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may bring into a certificate, and what it never may, whatever is allowed. */
#include "config.h"

#include "world.h"

#define KEY_USAGE "2.5.29.15"
#define EKU       "2.5.29.37"
#define POLICIES  "2.5.29.32"
#define PRIVATE   "1.2.3"

#define CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define OCSP        "1.3.6.1.5.5.7.3.9"
#define CMC_CA      "1.3.6.1.5.5.7.3.27"
#define CMC_RA      "1.3.6.1.5.5.7.3.28"
#define CM_KGA      "1.3.6.1.5.5.7.3.32"
#define ANY_USE     "2.5.29.37.0"

static void allow_all(struct world *w)
{
    w->profile.allow_validity_override = w->profile.allow_key_usage_override =
        w->profile.allow_extension_override = w->profile.allow_dn_override =
            w->profile.allow_serial_override = 1;
    w->alias.allow_custom_serial = w->alias.allow_ra_verified = 1;
}

/* Also an end entity, or an RA that was told from others. */
static void be_ra(struct world *w)
{
    w->identity = (CMPSRV_IDENTITY){.proven = 1, .is_ra = 1, .kind = CMPSRV_PROTECTION_SIGNATURE};
    w->in.identity = &w->identity;
}

/* ---- without overrides
 * --------------------------------------------------------------------------------------- */

static void test_as_the_profile_says(void)
{
    struct world w;
    CMPSRV_DECISION *d;
    ASN1_BIT_STRING *usage;
    EXTENDED_KEY_USAGE *eku;
    int critical = -1;
    X509 *x;

    begin(&w);
    w.req.extensions = S(SAN_DNS);
    d = decide(&w);
    CU_ASSERT_EQUAL(d->with_mods, 0); /* granted as asked */
    x = as_certificate(d);
    usage = X509_get_ext_d2i(x, NID_key_usage, &critical, NULL);
    CU_ASSERT_FATAL(usage != NULL && critical == 1 && ASN1_STRING_length(usage) == 1);
    CU_ASSERT_EQUAL(ASN1_STRING_get0_data(usage)[0], 0x80); /* digitalSignature alone */
    ASN1_BIT_STRING_free(usage);
    eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    CU_ASSERT_FATAL(eku != NULL && sk_ASN1_OBJECT_num(eku) == 1);
    CU_ASSERT_EQUAL(OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, 0)), NID_client_auth);
    EXTENDED_KEY_USAGE_free(eku);
    CU_ASSERT_EQUAL(X509_check_ca(x), 0);
    CU_ASSERT_EQUAL(X509_get_ext_count(x), 4);
    X509_free(x);
    cmpsrv_decision_free(d);
    end(&w);
}

static void test_requested(void)
{
    static const struct {
        CMPSRV_SLICE octets;
        CMPSRV_REASON reason;
        int with_mods;
    } t[] = {
#define E(octets, reason, mods)                                                                    \
    {{(const unsigned char *)(octets), sizeof(octets) - 1}, CMPSRV_R_##reason, mods}
        E(BASIC_CA, BAD_CERT_TEMPLATE, 0),
        E(SAN_DNS BASIC_CA, BAD_CERT_TEMPLATE, 0),
        E(BASIC_EE, NONE, 0),
        E(USAGE_SIGNS_CERTS, BAD_CERT_TEMPLATE, 0),
        E(USAGE_SIGNS_CRLS, BAD_CERT_TEMPLATE, 0),
        E(USAGE_SIGNATURE, NONE, 0),
        E(USAGE_REPUDIATION, NONE, 1),
        E(UNKNOWN, NONE, 1),
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        struct world w;
        CMPSRV_REFUSAL why = {0};
        CMPSRV_DECISION *d;

        begin(&w);
        w.req.extensions = t[i].octets;
        d = cmpsrv_policy_decide_cert(&w.in, &why);
        CU_ASSERT_EQUAL(why.reason, t[i].reason);
        CU_ASSERT(d == NULL || d->with_mods == t[i].with_mods);
        CU_ASSERT(d == NULL || !has_extension(d, PRIVATE));
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* ---- keyUsage
 * ------------------------------------------------------------------------------------------------
 */

#define U(octets)                                                                                  \
    {                                                                                              \
        (const unsigned char *)(octets), sizeof(octets) - 1                                        \
    }

static void test_key_usage(void)
{
    enum {
        SIGN = 1,
        REPUDIATION = 2,
        ENCIPHER = 4,
        DATA = 8,
        AGREE = 16,
        ENC_ONLY = 128,
        DEC_ONLY = 256,
        BAD = -1
    };
    static const CMPSRV_SLICE repudiation = U("\x03\x02\x06\x40"), all = U("\x03\x03\x07\xf9\x80"),
                              encipher = U("\x03\x02\x05\x20"),
                              agree_enc_only = U("\x03\x02\x00\x09"),
                              enc_only = U("\x03\x02\x00\x81"), none = U("\x03\x01\x00"),
                              padded = U("\x03\x02\x00\x40"), certs = U("\x03\x02\x02\x84"),
                              crls = U("\x03\x02\x01\x02"), ten = U("\x03\x03\x06\x80\x40"),
                              bits_left = U("\x03\x02\x07\xc0"), no_bits = U("\x03\x00"),
                              text = U("\x04\x01x"), trailing = U("\x03\x02\x06\x40\x05\x00"),
                              absent = {NULL, 0};
    static const struct {
        const char *key;
        int may;
        const CMPSRV_SLICE *asked;
        int want; /* BAD: BAD_CERT_TEMPLATE */
        int with_mods;
    } t[] = {
        {"EC", 1, &absent, SIGN, 0},
        {"EC", 0, &repudiation, SIGN, 1},
        {"EC", 1, &repudiation, REPUDIATION, 0},
        {"EC", 1, &encipher, SIGN, 1}, /* nothing is left: the profile's */
        {"RSA", 1, &encipher, ENCIPHER, 0},
        {"RSA", 0, &encipher, SIGN | ENCIPHER, 1},
        {"RSA", 1, &all, SIGN | REPUDIATION | ENCIPHER | DATA, 1},
        {"EC", 1, &all, SIGN | REPUDIATION | AGREE | ENC_ONLY | DEC_ONLY, 1},
        {"ED25519", 1, &all, SIGN | REPUDIATION, 1},
        {"EC", 1, &agree_enc_only, AGREE | ENC_ONLY, 0},
        {"EC", 1, &enc_only, SIGN, 1}, /* it is only of keyAgreement */
        {"EC", 1, &none, SIGN, 1},
        {"EC", 1, &padded, REPUDIATION, 1}, /* in DER, as it was not asked */
        {"EC", 1, &certs, BAD, 0},
        {"EC", 0, &certs, BAD, 0},
        {"EC", 1, &crls, BAD, 0},
        {"EC", 1, &ten, BAD, 0},
        {"EC", 1, &bits_left, BAD, 0},
        {"EC", 1, &no_bits, BAD, 0},
        {"EC", 1, &text, BAD, 0},
        {"EC", 1, &trailing, BAD, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_REFUSAL why = {0};
        CMPSRV_DECISION *d;
        struct world w;

        begin(&w);
        if (strcmp(t[i].key, "EC") != 0)
            set_key(&w, strcmp(t[i].key, "RSA") == 0
                            ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                            : EVP_PKEY_Q_keygen(NULL, NULL, t[i].key));
        w.profile.allow_key_usage_override = t[i].may;
        if (t[i].asked->p != NULL)
            ask(&w, KEY_USAGE, 0, *t[i].asked);
        d = cmpsrv_policy_decide_cert(&w.in, &why);
        CU_ASSERT_EQUAL(why.reason, t[i].want == BAD ? CMPSRV_R_BAD_CERT_TEMPLATE : CMPSRV_R_NONE);
        if (d != NULL) {
            X509 *x = as_certificate(d);
            ASN1_BIT_STRING *usage = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);

            if (d->key_usage != (unsigned)t[i].want)
                fprintf(stderr, "key usage %zu: %x\n", i, d->key_usage);
            CU_ASSERT_EQUAL(d->key_usage, (unsigned)t[i].want);
            CU_ASSERT_EQUAL(d->with_mods, t[i].with_mods);
            for (int bit = 0; bit < 9; bit++)
                CU_ASSERT_EQUAL(ASN1_BIT_STRING_get_bit(usage, bit), t[i].want >> bit & 1);
            ASN1_BIT_STRING_free(usage);
            X509_free(x);
        }
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* It is no extension like others: its own switch is the only one that counts. */
static void test_key_usage_has_its_own_switch(void)
{
    char *listed[] = {KEY_USAGE};

    for (int how = 0; how < 4; how++) {
        CMPSRV_DECISION *d;
        struct world w;

        begin(&w);
        w.profile.allow_extension_override = 1;
        if (how & 1)
            w.profile.overridable_extensions = (CMPSRV_CONF_LIST){listed, 1};
        ask(&w, KEY_USAGE, (how & 2) != 0, S("\x03\x02\x06\x40"));
        d = decide(&w);
        CU_ASSERT(place_of(d, KEY_USAGE, 1, S("\x03\x02\x07\x80")) >= 0);
        CU_ASSERT_EQUAL(d->with_mods, 1);
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* The profile's own is cut to the key's measure, too. */
static void test_key_usage_of_profile(void)
{
    static const struct {
        const char *type;
        unsigned profile, want;
    } t[] = {{"RSA", 1 | 4 | 8 | 16 | 128, 1 | 4 | 8},
             {"EC", 1 | 4 | 8 | 16 | 128, 1 | 16 | 128},
             {"ED25519", 0x19f, 1 | 2},
             {"EC", 32 | 64, 0}};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_DECISION *d;
        struct world w;

        begin(&w);
        if (strcmp(t[i].type, "EC") != 0)
            set_key(&w, strcmp(t[i].type, "RSA") == 0
                            ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                            : EVP_PKEY_Q_keygen(NULL, NULL, t[i].type));
        w.profile.key_usage = t[i].profile;
        d = decide(&w);
        CU_ASSERT_EQUAL(d->key_usage, t[i].want);
        CU_ASSERT_EQUAL(has_extension(d, KEY_USAGE), t[i].want != 0);
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* ---- extKeyUsage
 * --------------------------------------------------------------------------------------------- */

static char *eku_oid[] = {EKU}, *policies_oid[] = {POLICIES}, *private_oid[] = {PRIVATE};

/* A list of purposes, asked for; up to two. */
static void ask_eku(struct world *w, int critical, const char *a, const char *b)
{
    CMPSRV_DERW d = {0};
    CMPSRV_BYTES value = {0};

    cmpsrv_derw_begin(&d, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&d, a);
    if (b != NULL)
        cmpsrv_derw_oid_text(&d, b);
    cmpsrv_derw_end(&d);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&d, &value));
    ask(w, EKU, critical, cmpsrv_bytes_slice(&value));
    cmpsrv_bytes_clear(&value);
}

/* The only purpose in the decision, as libcrypto knows it. */
static int purpose(const CMPSRV_DECISION *d)
{
    X509 *x = as_certificate(d);
    EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    int nid = sk_ASN1_OBJECT_num(eku) == 1 ? OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, 0)) : NID_undef;

    EXTENDED_KEY_USAGE_free(eku);
    X509_free(x);
    return nid;
}

static void test_eku_override(void)
{
    static const struct {
        int may;
        CMPSRV_CONF_LIST over, non_over;
        int is_requested; /* comes out, else the profile's */
    } t[] = {
        {0, {0}, {0}, 0},
        {1, {0}, {0}, 1},
        {1, {eku_oid, 1}, {0}, 1},
        {1, {policies_oid, 1}, {0}, 0},
        {1, {0}, {eku_oid, 1}, 0},
        {1, {eku_oid, 1}, {eku_oid, 1}, 0}, /* the one that says no wins */
        {1, {0}, {policies_oid, 1}, 1},
        {0, {eku_oid, 1}, {0}, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int critical = 0; critical < 2; critical++) {
            CMPSRV_DECISION *d;
            struct world w;

            begin(&w);
            w.profile.allow_extension_override = t[i].may;
            w.profile.overridable_extensions = t[i].over;
            w.profile.non_overridable_extensions = t[i].non_over;
            ask_eku(&w, critical, SERVER_AUTH, NULL);
            d = decide(&w);
            CU_ASSERT_EQUAL(purpose(d), t[i].is_requested ? NID_server_auth : NID_client_auth);
            CU_ASSERT(place_of(d, EKU, t[i].is_requested && critical, cmpsrv_slice(NULL, 0)) >= 0);
            CU_ASSERT_EQUAL(d->with_mods, !t[i].is_requested);
            cmpsrv_decision_free(d);
            end(&w);
        }
}

static void test_eku_shape(void)
{
    struct world w;

    for (int may = 0; may < 2; may++) {
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask(&w, EKU, 0, S("\x30\x00")));
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask(&w, EKU, 0, S("\x05\x00")));
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask(&w, EKU, 0, S("\x30\x02\x05\x00")));
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask(&w, EKU, 0, S("\x30\x04\x06\x02\x2a\x83"))); /* no OID */
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask(&w, EKU, 0, S("\x30\x04\x06\x02\x2a\x03\x05\x00")));
        BROKEN(BAD_CERT_TEMPLATE, w.profile.allow_extension_override = may;
               ask_eku(&w, 0, SERVER_AUTH, SERVER_AUTH));
        CU_ASSERT(has(w.detail, "extKeyUsage: a purpose twice"));
        BROKEN(NONE, w.profile.allow_extension_override = may;
               ask_eku(&w, 0, SERVER_AUTH, CLIENT_AUTH));
    }
}

/* Purposes above an end entity's: what the profile lists, whether it lets choose, who asks. */
static void test_eku_above(void)
{
    enum { ANYBODY, RA, ENTITY, OTHER_ENTITY, UNPROVEN };
    static const struct {
        const char *purpose;
        int is_listed, may, who;
        CMPSRV_REASON reason;
        int is_granted; /* comes out */
    } t[] = {
        {CMC_RA, 0, 0, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CMC_RA, 0, 1, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CMC_CA, 0, 0, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CMC_CA, 0, 1, ENTITY, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CM_KGA, 0, 0, ENTITY, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CM_KGA, 0, 1, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {CMC_RA, 1, 1, RA, CMPSRV_R_NONE, 1},
        {CMC_RA, 1, 0, RA, CMPSRV_R_NONE, 1}, /* by the profile */
        {CMC_CA, 1, 1, ENTITY, CMPSRV_R_NONE, 1},
        {CM_KGA, 1, 1, ENTITY, CMPSRV_R_NONE, 1},
        {CMC_RA, 1, 1, ANYBODY, CMPSRV_R_NOT_AUTHORIZED, 0},
        {CMC_RA, 1, 0, ANYBODY, CMPSRV_R_NOT_AUTHORIZED, 0},
        {CMC_CA, 1, 1, UNPROVEN, CMPSRV_R_NOT_AUTHORIZED, 0},
        {CMC_CA, 1, 1, OTHER_ENTITY, CMPSRV_R_NOT_AUTHORIZED, 0},
        {ANY_USE, 0, 0, RA, CMPSRV_R_NONE, 0}, /* dropped */
        {ANY_USE, 0, 1, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {ANY_USE, 1, 1, ANYBODY, CMPSRV_R_NONE, 1},
        {OCSP, 0, 0, RA, CMPSRV_R_NONE, 0},
        {OCSP, 0, 1, RA, CMPSRV_R_BAD_CERT_TEMPLATE, 0},
        {OCSP, 1, 1, ANYBODY, CMPSRV_R_NONE, 1},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        char *listed[] = {(char *)CLIENT_AUTH, (char *)t[i].purpose};
        CMPSRV_REFUSAL why = {0};
        CMPSRV_DECISION *d;
        struct world w;

        begin(&w);
        w.profile.extended_key_usage = (CMPSRV_CONF_LIST){listed, t[i].is_listed ? 2 : 1};
        w.profile.allow_extension_override = t[i].may;
        if (t[i].who == ENTITY || t[i].who == OTHER_ENTITY)
            be_entity(&w, "device", "CN=device,O=Example");
        if (t[i].who == OTHER_ENTITY)
            strcpy(w.identity.entity, "other");
        if (t[i].who == RA || t[i].who == UNPROVEN)
            be_ra(&w);
        if (t[i].who == UNPROVEN)
            w.identity.proven = 0;
        ask_eku(&w, 0, CLIENT_AUTH, t[i].purpose);
        d = cmpsrv_policy_decide_cert(&w.in, &why);
        if (why.reason != t[i].reason)
            fprintf(stderr, "purpose %zu: %s\n", i, why.detail);
        CU_ASSERT_EQUAL(why.reason, t[i].reason);
        if (d != NULL) {
            X509 *x = as_certificate(d);
            EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

            CU_ASSERT_EQUAL(sk_ASN1_OBJECT_num(eku), t[i].is_granted ? 2 : 1);
            CU_ASSERT_EQUAL(d->with_mods, !t[i].is_granted);
            EXTENDED_KEY_USAGE_free(eku);
            X509_free(x);
        }
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* ---- others
 * --------------------------------------------------------------------------------------------------
 */

#define POLICIES_VALUE "\x30\x05\x30\x03\x06\x01\x2a"

static void test_copied(void)
{
    static const struct {
        int may;
        CMPSRV_CONF_LIST over, non_over;
        int plain, critical; /* comes out when it is asked for so */
    } t[] = {
        {0, {0}, {0}, 0, 0},
        {0, {policies_oid, 1}, {0}, 0, 0},
        {1, {0}, {0}, 1, 0}, /* nobody has said to know it */
        {1, {policies_oid, 1}, {0}, 1, 1},
        {1, {private_oid, 1}, {0}, 0, 0},
        {1, {0}, {policies_oid, 1}, 0, 0},
        {1, {policies_oid, 1}, {policies_oid, 1}, 0, 0},
        {1, {0}, {private_oid, 1}, 1, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int critical = 0; critical < 2; critical++) {
            int want = critical ? t[i].critical : t[i].plain;
            CMPSRV_DECISION *d;
            struct world w;

            begin(&w);
            w.profile.allow_extension_override = t[i].may;
            w.profile.overridable_extensions = t[i].over;
            w.profile.non_overridable_extensions = t[i].non_over;
            ask(&w, POLICIES, critical, S(POLICIES_VALUE));
            d = decide(&w);
            CU_ASSERT_EQUAL(has_extension(d, POLICIES), want);
            if (want)
                CU_ASSERT(place_of(d, POLICIES, critical, S(POLICIES_VALUE)) >= 0);
            CU_ASSERT_EQUAL(d->with_mods, !want);
            cmpsrv_decision_free(d);
            end(&w);
        }
}

/* Those of the request in its order, after those of the profile. */
static void test_order(void)
{
    struct world w;
    CMPSRV_DECISION *d;
    CMPSRV_SLICE any = {NULL, 0};

    begin(&w);
    allow_all(&w);
    ask(&w, PRIVATE, 0, S("\x05\x00"));
    ask_eku(&w, 0, SERVER_AUTH, NULL);
    ask(&w, "2.5.29.17", 0,
        S("\x30\x05\x82\x03"
          "a.b"));
    ask(&w, POLICIES, 0, S(POLICIES_VALUE));
    ask(&w, KEY_USAGE, 0, S("\x03\x02\x06\x40"));
    d = decide(&w);
    CU_ASSERT_EQUAL(place_of(d, "2.5.29.19", 1, S("\x30\x00")), 0);
    CU_ASSERT_EQUAL(place_of(d, KEY_USAGE, 1, S("\x03\x02\x06\x40")), 1);
    CU_ASSERT_EQUAL(place_of(d, "2.5.29.17", 0, any), 2);
    CU_ASSERT_EQUAL(place_of(d, PRIVATE, 0, any), 3);
    CU_ASSERT_EQUAL(place_of(d, EKU, 0, any), 4);
    CU_ASSERT_EQUAL(place_of(d, POLICIES, 0, any), 5);
    CU_ASSERT_EQUAL(purpose(d), NID_server_auth);
    CU_ASSERT_EQUAL(d->with_mods, 0);
    cmpsrv_decision_free(d);
    end(&w);
}

/* What is copied is DER; what is not copied nobody looks into. */
static void test_values(void)
{
    static const CMPSRV_SLICE bad[] = {U(""),
                                       U("x"),
                                       U("\x30\x80\x00\x00"),
                                       U("\x05\x00\x05\x00"),
                                       U("\x30\x81\x00"),
                                       U("\x01\x01\x01"),
                                       U("\x02\x02\x00\x01"),
                                       U("\x30\x05\x02\x01\x01")};
    struct world w;
    CMPSRV_DECISION *d;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); ask(&w, PRIVATE, 0, bad[i]));
        CU_ASSERT(has(w.detail, "the value of extension 1.2.3 is no DER"));
        begin(&w);
        ask(&w, PRIVATE, 0, bad[i]);
        d = decide(&w);
        CU_ASSERT(!has_extension(d, PRIVATE) && d->with_mods == 1);
        cmpsrv_decision_free(d);
        end(&w);
    }
    /* an OID that is none */
    begin(&w);
    allow_all(&w);
    w.req.extensions = S("\x30\x08\x06\x02\x2a\x83\x04\x02\x05\x00");
    d = decide(&w);
    CU_ASSERT(d->extensions.n > 0 && d->with_mods == 1);
    X509_free(as_certificate(d)); /* libcrypto reads all of it */
    cmpsrv_decision_free(d);
    end(&w);
}

/* ---- escalation
 * ---------------------------------------------------------------------------------------------- */

/* With everything allowed, and with each of them listed by name, critical or not, for an RA and for
 * an end entity: never as it was asked for. */
static void test_never(void)
{
    static const struct {
        const char *oid;
        CMPSRV_SLICE value;
        int is_ours; /* the decision may have one, with another value */
    } t[] = {
        {"2.5.29.14",
         U("\x04\x04"
           "evil"),
         0},
        {"2.5.29.35",
         U("\x30\x06\x80\x04"
           "evil"),
         0},
        {"2.5.29.19", U("\x30\x00\x05\x00"), 1},
        {"2.5.29.30", U("\x30\x00"), 0},
        {"2.5.29.36", U("\x30\x03\x80\x01\x00"), 0},
        {"2.5.29.33", U("\x30\x08\x30\x06\x06\x01\x2a\x06\x01\x2b"), 0},
        {"2.5.29.54", U("\x02\x01\x00"), 0},
        {"2.5.29.31", U("\x30\x00"), 0},
        {"2.5.29.46", U("\x30\x00"), 0},
        {"1.3.6.1.5.5.7.1.1", U("\x30\x00"), 0},
        {"1.3.6.1.5.5.7.1.11", U("\x30\x00"), 0},
        {"1.3.6.1.4.1.11129.2.4.2", U("\x04\x02\x00\x00"), 0},
        {"1.3.6.1.4.1.11129.2.4.3", U("\x05\x00"), 0},
        {"1.3.6.1.5.5.7.48.1.5", U("\x05\x00"), 0},
        {"2.16.840.1.113730.1.1", U("\x03\x02\x00\x07"), 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int how = 0; how < 8; how++) {
            char *listed[] = {(char *)t[i].oid};
            CMPSRV_DECISION *d;
            struct world w;

            begin(&w);
            allow_all(&w);
            if (how & 1)
                w.profile.overridable_extensions = (CMPSRV_CONF_LIST){listed, 1};
            if (how & 2)
                be_entity(&w, "device", "CN=device");
            else
                be_ra(&w);
            ask(&w, t[i].oid, (how & 4) != 0, t[i].value);
            d = decide(&w);
            CU_ASSERT(d->with_mods);
            CU_ASSERT_EQUAL(has_extension(d, t[i].oid), t[i].is_ours);
            if (t[i].is_ours)
                CU_ASSERT(place_of(d, t[i].oid, 1, S("\x30\x00")) >= 0);
            cmpsrv_decision_free(d);
            end(&w);
        }
}

static void test_refused_whatever_is_allowed(void)
{
    static const char *const purposes_of_others[] = {CMC_CA, CMC_RA, CM_KGA, ANY_USE, OCSP};
    static char *all_oids[] = {"2.5.29.19", KEY_USAGE, EKU};
    struct world w;

    for (int listed = 0; listed < 2; listed++) {
        CMPSRV_CONF_LIST list = {listed ? all_oids : NULL, listed ? 3 : 0};

        BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_ra(&w); w.profile.overridable_extensions = list;
               ask(&w, "2.5.29.19", 1, S("\x30\x03\x01\x01\xff")));
        BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_ra(&w); w.profile.overridable_extensions = list;
               ask(&w, "2.5.29.19", 1, S("\x30\x03\x02\x01\x00"))); /* pathLenConstraint */
        BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_ra(&w); w.profile.overridable_extensions = list;
               w.profile.key_usage = 0x1ff; ask(&w, KEY_USAGE, 1, S("\x03\x02\x02\x04")));
        BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_ra(&w); w.profile.overridable_extensions = list;
               w.profile.key_usage = 0x1ff; ask(&w, KEY_USAGE, 1, S("\x03\x02\x01\x02")));
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(purposes_of_others); i++) {
            BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_ra(&w);
                   w.profile.overridable_extensions = list;
                   ask_eku(&w, 0, purposes_of_others[i], NULL));
            BROKEN(BAD_CERT_TEMPLATE, allow_all(&w); be_entity(&w, "device", "CN=device");
                   w.profile.overridable_extensions = list;
                   ask_eku(&w, 1, CLIENT_AUTH, purposes_of_others[i]));
        }
    }
}

/* A profile that says keyCertSign does not get it either. */
static void test_never_signs_certificates(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    allow_all(&w);
    w.profile.key_usage = 0x1ff;
    d = decide(&w);
    CU_ASSERT_EQUAL(d->key_usage & (32 | 64), 0);
    cmpsrv_decision_free(d);
    end(&w);
}

TEST_MAIN("extensions", TEST(test_as_the_profile_says), TEST(test_requested), TEST(test_key_usage),
          TEST(test_key_usage_of_profile), TEST(test_key_usage_has_its_own_switch),
          TEST(test_eku_override), TEST(test_eku_shape), TEST(test_eku_above), TEST(test_copied),
          TEST(test_order), TEST(test_values), TEST(test_never),
          TEST(test_refused_whatever_is_allowed), TEST(test_never_signs_certificates))
