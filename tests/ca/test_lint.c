/* SPDX-License-Identifier: Apache-2.0 */
/* One planted defect for each rule; the refusal must name that rule. */
#include "config.h"

#include "pki.h"

/* A TBSCertificate to be written, right until a case spoils it. */
typedef struct {
    int64_t version, not_before, not_after;
    CMPSRV_SLICE serial;     /* content octets as they are */
    CMPSRV_SLICE own_serial; /* of the CA's certificate */
    CMPSRV_SLICE sig_alg, issuer, subject, spki;
    CMPSRV_SLICE extensions; /* of the decision */
    int no_ski, no_aki;
    CMPSRV_SLICE ski, aki; /* octets */
    int ski_critical;
    int not_decided;    /* the extensions are others than the decision's */
    CMPSRV_SLICE of_ca; /* more extensions, after those */
    CMPSRV_DECISION *d;
} TBS;

static void put_extension(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, int outer, int inner,
                          CMPSRV_SLICE octets)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, oid);
    if (critical)
        cmpsrv_derw_put(w, DER_BOOLEAN, DER_OID_SLICE("\xff"));
    cmpsrv_derw_begin(w, DER_OCTET_STRING);
    if (outer != 0)
        cmpsrv_derw_begin(w, outer);
    cmpsrv_derw_put(w, inner, octets);
    if (outer != 0)
        cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

static CMPSRV_BYTES write_tbs(const TBS *t)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES out = {NULL, 0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    if (t->version != 0) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
        cmpsrv_derw_int64(&w, t->version);
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_put(&w, DER_INTEGER, t->serial);
    cmpsrv_derw_raw(&w, t->sig_alg);
    cmpsrv_derw_raw(&w, t->issuer);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_time(&w, t->not_before);
    cmpsrv_derw_time(&w, t->not_after);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_raw(&w, t->subject);
    cmpsrv_derw_raw(&w, t->spki);
    if (t->version == 2) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(3));
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        if (!t->no_ski)
            put_extension(&w, CMPSRV_OID_SUBJECT_KEY_ID, t->ski_critical, 0, DER_OCTET_STRING,
                          t->ski);
        if (!t->no_aki)
            put_extension(&w, CMPSRV_OID_AUTHORITY_KEY_ID, 0, DER_SEQUENCE, DER_CONTEXT(0), t->aki);
        cmpsrv_derw_raw(&w, t->extensions);
        cmpsrv_derw_raw(&w, t->of_ca);
        cmpsrv_derw_end(&w);
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_end(&w);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&w, &out));
    return out;
}

#define EXT_BC_CA      "\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff"
#define EXT_BC_PATHLEN "\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x02\x01\x00"
#define EXT_BC_JUNK    "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x05\x00"
/* keyUsage with one octet of bits; two octets */
#define KU(unused, bits)  "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02" unused bits
#define KU2(unused, bits) "\x30\x0f\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x05\x03\x03" unused bits
#define EXT_SAN_EMPTY     "\x30\x09\x06\x03\x55\x1d\x11\x04\x02\x30\x00"
#define EXT_POLICY        "\x30\x0d\x06\x03\x55\x1d\x20\x04\x06\x30\x04\x30\x02\x06\x00"
#define EXT_SAN_OTHER                                                                              \
    "\x30\x14\x06\x03\x55\x1d\x11\x04\x0d\x30\x0b\x82\x09"                                         \
    "b.example"
#define EXT_EKU_RA                                                                                 \
    "\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x1c"
#define EXT_CDP "\x30\x09\x06\x03\x55\x1d\x1f\x04\x02\x30\x00"
#define EXT_AIA "\x30\x0e\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x01\x04\x02\x30\x00"
#define SERIAL_21                                                                                  \
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"

static void v1(TBS *t)
{
    t->version = 0;
}
static void serial_long(TBS *t)
{
    t->serial = DER_OID_SLICE(SERIAL_21);
}
static void serial_zero(TBS *t)
{
    t->serial = DER_OID_SLICE("\x00");
}
static void serial_negative(TBS *t)
{
    t->serial = DER_OID_SLICE("\x85\x01");
}
static void other_alg(TBS *t)
{
    t->sig_alg = DER_OID_SLICE("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03");
}
static void other_issuer(TBS *t)
{
    t->issuer = cmpsrv_bytes_slice(&t->d->subject);
}
static void ends_first(TBS *t)
{
    t->not_after = t->not_before;
}
static void too_early(TBS *t)
{
    t->d->not_before = t->not_before -= 1000;
}
static void too_late(TBS *t)
{
    t->d->not_after = t->not_after += 2000 * HOUR;
}
static void one_second_more(TBS *t)
{
    t->not_after += 1000;
}
static void one_second_less(TBS *t)
{
    t->not_before += 1000;
}
static void fraction(TBS *t)
{
    t->d->not_after += 500;
}
static void other_subject(TBS *t)
{
    t->subject = t->issuer;
}
static void no_subject(TBS *t)
{
    t->subject = DER_OID_SLICE("\x30\x00");
}
static void other_key(TBS *t)
{
    static unsigned char spki[600];

    memcpy(spki, t->spki.p, t->spki.n);
    spki[t->spki.n - 1] ^= 1;
    t->spki.p = spki;
}
static void twice(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU EXT_EKU);
}
static void no_ski(TBS *t)
{
    t->no_ski = 1;
}
static void critical_ski(TBS *t)
{
    t->ski_critical = 1;
}
static void other_ski(TBS *t)
{
    t->ski = t->aki;
}
static void no_aki(TBS *t)
{
    t->no_aki = 1;
}
static void other_aki(TBS *t)
{
    t->aki = t->ski;
}
static void is_ca(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC_CA EXT_KU);
}
static void has_path_length(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC_PATHLEN EXT_KU);
}
static void constraints_junk(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC_JUNK EXT_KU);
}
static void usage(TBS *t, CMPSRV_SLICE extension, unsigned decided)
{
    t->extensions = extension;
    t->d->key_usage = decided;
}
static void usage_empty(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x00", "\x00")), 0);
}
static void usage_padded(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x00", "\x80")), 1);
}
static void usage_long(TBS *t)
{
    usage(t, DER_OID_SLICE(KU2("\x06", "\x80\x40")), 1);
}
static void usage_certs(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x02", "\x84")), 1 | 1 << 5);
}
static void usage_crls(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x01", "\x82")), 1 | 1 << 6);
}
static void usage_key_enc(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x05", "\xa0")), 1 | 1 << 2);
}
static void usage_data_enc(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x04", "\x90")), 1 | 1 << 3);
}
static void usage_agree(TBS *t)
{
    usage(t, DER_OID_SLICE(KU("\x03", "\x88")), 1 | 1 << 4);
}
static void usage_other(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC KU("\x06", "\xc0"));
}
static void usage_missing(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC);
}
static void usage_not_decided(TBS *t)
{
    t->d->key_usage = 0;
}
static void san_missing(TBS *t)
{
    t->subject = DER_OID_SLICE("\x30\x00");
    cmpsrv_bytes_set(&t->d->subject, t->subject);
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU);
}
static void san_not_critical(TBS *t)
{
    san_missing(t);
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN);
}
static void san_critical(TBS *t)
{
    san_missing(t);
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN_CRITICAL);
}
static void san_empty(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN_EMPTY);
}
static void nothing(TBS *t)
{
    (void)t;
}
static void no_usage_no_constraints(TBS *t)
{
    usage(t, DER_OID_SLICE(EXT_EKU), 0);
}
static void encipher_only(TBS *t)
{
    usage(t, DER_OID_SLICE(KU2("\x07", "\x08\x80")), 1 << 4 | 1 << 8);
}
static void serial_small(TBS *t)
{
    t->serial = DER_OID_SLICE("\x01");
}

static void serial_decided(TBS *t)
{
    t->d->serial[0] = 0x12;
    t->d->serial[1] = 0x34;
    t->d->serial_len = 2;
}
static void serial_not_decided(TBS *t)
{
    serial_decided(t);
    t->d->serial[1] = 0x35;
}
static void serial_shorter(TBS *t)
{
    serial_decided(t);
    t->d->serial_len = 1;
}
static void serial_of_the_ca(TBS *t)
{
    t->serial = t->own_serial;
}
static void extensions(TBS *t, CMPSRV_SLICE are, CMPSRV_SLICE decided)
{
    t->extensions = are;
    t->not_decided = 1;
    cmpsrv_bytes_set(&t->d->extensions, decided);
}
static void one_more(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU EXT_POLICY),
               DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU));
}
static void one_more_before(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_POLICY EXT_BC EXT_KU), DER_OID_SLICE(EXT_BC EXT_KU));
}
static void one_less(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU), DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU));
}
static void other_name(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN_OTHER), DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN));
}
static void other_purpose(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU_RA), DER_OID_SLICE(EXT_BC EXT_KU EXT_EKU));
}
static void more_critical(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN_CRITICAL),
               DER_OID_SLICE(EXT_BC EXT_KU EXT_SAN));
}
static void other_order(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_KU EXT_BC), DER_OID_SLICE(EXT_BC EXT_KU));
}
/* One of the CA's that the decision brings is there once, but not as the decision's. */
static void decided_for_the_ca(TBS *t)
{
    extensions(t, DER_OID_SLICE(EXT_BC EXT_KU EXT_AIA), DER_OID_SLICE(EXT_BC EXT_KU EXT_AIA));
}
static void with_policy(TBS *t)
{
    t->extensions = DER_OID_SLICE(EXT_BC EXT_KU EXT_POLICY);
}
static void with_many(TBS *t, size_t n)
{
    static const unsigned char one[9] = {0x30, 0x07, 0x06, 0x02, 0x2a, 0, 0x04, 0x01, 0x00};
    static unsigned char all[100 * sizeof(one)];

    for (size_t i = 0; i < n; i++) {
        memcpy(all + i * sizeof(one), one, sizeof(one));
        all[i * sizeof(one) + 5] = (unsigned char)i;
    }
    usage(t, cmpsrv_slice(all, n * sizeof(one)), 0);
    t->of_ca = DER_OID_SLICE(EXT_CDP EXT_AIA);
}
static void as_many_as_may_be(TBS *t)
{
    with_many(t, CMPSRV_MAX_EXTENSIONS);
}
static void too_many(TBS *t)
{
    with_many(t, 100);
}
static void with_the_cas(TBS *t)
{
    t->of_ca = DER_OID_SLICE(EXT_CDP EXT_AIA);
}

static const struct {
    const char *key, *rule; /* NULL: nothing wrong */
    void (*spoil)(TBS *t);
} cases[] = {
    {"ec:P-256", NULL, nothing},
    {"ed25519", NULL, nothing},
    {"rsa:2048", NULL, nothing},
    {"rsa:2048", NULL, usage_key_enc},
    {"rsa:2048", NULL, usage_data_enc},
    {"ec:P-256", NULL, usage_agree},
    {"ec:P-256", NULL, encipher_only},
    {"ec:P-256", NULL, san_critical},
    {"ec:P-256", NULL, no_usage_no_constraints},
    {"ec:P-256", NULL, serial_small},
    {"ec:P-256", "version", v1},
    {"ec:P-256", NULL, nothing},
    {"ec:P-256", "serialNumber length", serial_long},
    {"ec:P-256", "serialNumber sign", serial_zero},
    {"ec:P-256", "serialNumber sign", serial_negative},
    {"ec:P-256", NULL, serial_decided},
    {"ec:P-256", "serialNumber", serial_not_decided},
    {"ec:P-256", "serialNumber", serial_shorter},
    {"ec:P-256", "serialNumber uniqueness", serial_of_the_ca},
    {"ec:P-256", "signature", other_alg},
    {"ec:P-256", "issuer", other_issuer},
    {"ec:P-256", "validity order", ends_first},
    {"ec:P-256", "validity bounds", too_early},
    {"ec:P-256", "validity bounds", too_late},
    {"ec:P-256", "validity", one_second_more},
    {"ec:P-256", "validity", one_second_less},
    {"ec:P-256", "validity", fraction},
    {"ec:P-256", "subject", other_subject},
    {"ec:P-256", "subject", no_subject},
    {"ec:P-256", "subjectPublicKeyInfo", other_key},
    {"ec:P-256", "extensions", twice},
    {"ec:P-256", "extensions", too_many},
    {"ec:P-256", NULL, as_many_as_may_be},
    {"ec:P-256", "subjectKeyIdentifier", no_ski},
    {"ec:P-256", "subjectKeyIdentifier", critical_ski},
    {"ec:P-256", "subjectKeyIdentifier", other_ski},
    {"ec:P-256", "authorityKeyIdentifier", no_aki},
    {"ec:P-256", "authorityKeyIdentifier", other_aki},
    {"ec:P-256", "basicConstraints", is_ca},
    {"ec:P-256", "basicConstraints", has_path_length},
    {"ec:P-256", "basicConstraints", constraints_junk},
    {"ec:P-256", "keyUsage form", usage_empty},
    {"ec:P-256", "keyUsage form", usage_padded},
    {"ec:P-256", "keyUsage form", usage_long},
    {"ec:P-256", "keyUsage of a CA", usage_certs},
    {"ec:P-256", "keyUsage of a CA", usage_crls},
    {"ec:P-256", "keyUsage for the key", usage_key_enc},
    {"ec:P-256", "keyUsage for the key", usage_data_enc},
    {"ed25519", "keyUsage for the key", usage_key_enc},
    {"ed25519", "keyUsage for the key", usage_data_enc},
    {"ed25519", "keyUsage for the key", usage_agree},
    {"ec:P-256", "keyUsage", usage_other},
    {"ec:P-256", "keyUsage", usage_missing},
    {"ec:P-256", "keyUsage", usage_not_decided},
    {"ec:P-256", "subjectAltName", san_missing},
    {"ec:P-256", "subjectAltName", san_not_critical},
    {"ec:P-256", "subjectAltName", san_empty},
    {"ec:P-256", NULL, with_policy},
    {"ec:P-256", NULL, with_the_cas},
    {"ec:P-256", "decided extensions", one_more},
    {"ec:P-256", "decided extensions", one_more_before},
    {"ec:P-256", "decided extensions", one_less},
    {"ec:P-256", "decided extensions", other_name},
    {"ec:P-256", "decided extensions", other_purpose},
    {"ec:P-256", "decided extensions", more_critical},
    {"ec:P-256", "decided extensions", other_order},
    {"ec:P-256", "decided extensions", decided_for_the_ca},
};

static void check_case(const PKI *p, EVP_PKEY *key, size_t i)
{
    unsigned char sha1[20];
    X509 *x = X509_new();
    CMPSRV_DECISION *d = decide(p, key, "CN=device");
    const ASN1_INTEGER *own = X509_get0_serialNumber(p->ca->issuer.cert);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_BYTES tbs;
    char text[80];
    TBS t;
    int ok;

    /* the key identifier, by other hands */
    CU_ASSERT_FATAL(X509_set_pubkey(x, key) && X509_pubkey_digest(x, EVP_sha1(), sha1, NULL));
    X509_free(x);
    d->not_before += 1000 * (cases[i].spoil == too_early ? 0 : 1);
    t = (TBS){.version = 2,
              .not_before = d->not_before,
              .not_after = d->not_after,
              .serial = DER_OID_SLICE("\x12\x34"),
              .sig_alg = cmpsrv_bytes_slice(&p->ca->cert_sig_alg),
              .issuer = cmpsrv_bytes_slice(&p->ca->issuer.subject),
              .subject = cmpsrv_bytes_slice(&d->subject),
              .spki = cmpsrv_bytes_slice(&d->spki),
              .extensions = cmpsrv_bytes_slice(&d->extensions),
              .ski = cmpsrv_slice(sha1, 20),
              .aki = cmpsrv_bytes_slice(&p->ca->issuer.ski),
              .own_serial =
                  cmpsrv_slice(ASN1_STRING_get0_data(own), (size_t)ASN1_STRING_length(own)),
              .d = d};
    cases[i].spoil(&t);
    tbs = write_tbs(&t);
    if (!t.not_decided) /* what else is wrong with them is another rule's */
        CU_ASSERT_FATAL(cmpsrv_bytes_set(&d->extensions, t.extensions));
    ok = cmpsrv_lint_tbs(p->ca, d, cmpsrv_bytes_slice(&tbs), &why);
    CU_ASSERT_EQUAL(ok, cases[i].rule == NULL);
    if (ok != (cases[i].rule == NULL))
        fprintf(stderr, "case %zu (%s): \"%s\"\n", i, cases[i].rule == NULL ? "" : cases[i].rule,
                why.detail);
    if (cases[i].rule != NULL) {
        snprintf(text, sizeof(text), "lint: %s (RFC 5280 4.", cases[i].rule);
        CU_ASSERT(has(why.detail, text));
        CU_ASSERT_EQUAL(why.reason, CMPSRV_R_SYSTEM_FAILURE);
    }
    cmpsrv_bytes_clear(&tbs);
    cmpsrv_decision_free(d);
}

static void test_each_rule(void)
{
    PKI p;

    pki_new(&p, "ec:P-256");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        EVP_PKEY *key = new_key(p.libctx, cases[i].key);

        check_case(&p, key, i);
        EVP_PKEY_free(key);
    }
    pki_free(&p);
}

static void test_not_a_tbs(void)
{
    PKI p;
    EVP_PKEY *key;
    CMPSRV_DECISION *d;
    CMPSRV_REFUSAL why = {0};

    pki_new(&p, "ec:P-256");
    key = new_key(p.libctx, "ec:P-256");
    d = decide(&p, key, "CN=device");
    CU_ASSERT(!cmpsrv_lint_tbs(p.ca, d, DER_OID_SLICE("\x30\x00"), &why));
    CU_ASSERT_NOT_EQUAL(why.reason, CMPSRV_R_NONE);
    CU_ASSERT(!cmpsrv_lint_tbs(p.ca, d, cmpsrv_bytes_slice(&p.ca->issuer.der), NULL));
    cmpsrv_decision_free(d);
    EVP_PKEY_free(key);
    pki_free(&p);
}

TEST_MAIN("lint", TEST(test_each_rule), TEST(test_not_a_tbs))
