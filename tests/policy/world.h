/* SPDX-License-Identifier: Apache-2.0 */
/* A request, all that it borrows from and the configuration that it meets, good until a test spoils
 * it. */
#ifndef CMPSRV_TEST_POLICY_WORLD_H
#define CMPSRV_TEST_POLICY_WORLD_H

#include <regex.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "policy/policy.h"
#include "test.h"
#include "wire/der.h"

#define UNUSED  __attribute__((unused))
#define NOW     INT64_C(1800000000500)
#define DAY_MS  INT64_C(86400000)
#define S(text) cmpsrv_slice(text, sizeof(text) - 1)

struct world {
    CMPSRV_CONF_CA ca;
    CMPSRV_CONF_CERT_PROFILE profile;
    CMPSRV_CONF_EE_PROFILE ee;
    CMPSRV_CONF_ALIAS alias;
    CMPSRV_TARGET target;
    CMPSRV_CERT_REQUEST req;
    CMPSRV_POLICY_INPUT in;
    CMPSRV_BYTES subject, ca_subject, spki, alg, signature, extensions;
    unsigned char ca_subject_hash[CMPSRV_HASH];
    EVP_PKEY *key;
    CMPSRV_IDENTITY identity;
    CMPSRV_END_ENTITY_ROW row; /* of client mode, or of who has the name already */
    char detail[320];          /* of the last refusal */
};

static UNUSED char *algorithms[] = {"ec:P-256", "rsa:2048", "ed25519"};
static UNUSED char *ekus[] = {"1.3.6.1.5.5.7.3.2"};
static UNUSED char *cn[] = {"CN"};

static UNUSED void sign_request(struct world *w)
{
    w->req.pop_signed = S("the CertRequest");
    cmpsrv_sig_algid(w->key, 0, &w->alg, NULL);
    cmpsrv_sig_make(NULL, NULL, w->key, cmpsrv_bytes_slice(&w->alg), w->req.pop_signed,
                    &w->signature, NULL);
    w->req.pop = CMPSRV_POP_SIGNATURE;
    w->req.pop_alg = cmpsrv_bytes_slice(&w->alg);
    w->req.pop_signature = cmpsrv_bytes_slice(&w->signature);
}

static UNUSED void set_key(struct world *w, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    CMPSRV_SLICE s;

    EVP_PKEY_free(w->key);
    w->key = key;
    cmpsrv_bytes_clear(&w->spki);
    w->spki = (CMPSRV_BYTES){der, (size_t)n};
    s = cmpsrv_bytes_slice(&w->spki);
    CU_ASSERT_FATAL(cmpsrv_der_get(&s, DER_SEQUENCE, &w->req.spki));
    sign_request(w);
}

static UNUSED void set_subject(struct world *w, const char *text)
{
    CU_ASSERT_FATAL(cmpsrv_name_parse(text, &w->subject, NULL));
    w->req.subject = cmpsrv_bytes_slice(&w->subject);
}

static UNUSED void begin(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->ca.name = (char *)"CA1";
    w->profile = (CMPSRV_CONF_CERT_PROFILE){
        .name = (char *)"P", .validity = 100 * DAY_MS, .key_usage = 1 | 4};
    w->profile.key_algorithms = (CMPSRV_CONF_LIST){algorithms, 3};
    w->profile.extended_key_usage = (CMPSRV_CONF_LIST){ekus, 1};
    w->ee.name = (char *)"E";
    w->alias = (CMPSRV_CONF_ALIAS){
        .name = (char *)"a", .ra_mode = 1, .signature_digests = 4 | 8 | 16, .min_rsa_bits = 2048};
    w->alias.namegeneration_parameters = (CMPSRV_CONF_LIST){cn, 1};
    w->target = (CMPSRV_TARGET){&w->alias, &w->ee, &w->profile, &w->ca};
    CU_ASSERT_FATAL(cmpsrv_name_parse("CN=CA1", &w->ca_subject, NULL));
    w->in = (CMPSRV_POLICY_INPUT){.target = &w->target, .request = &w->req, .now = NOW};
    w->in.ca_subject = cmpsrv_bytes_slice(&w->ca_subject);
    CU_ASSERT_FATAL(cmpsrv_name_hash(w->in.ca_subject, w->ca_subject_hash, NULL));
    w->in.ca_subject_hash = w->ca_subject_hash;
    w->in.ca_not_before = NOW / 1000 * 1000 - 1000 * DAY_MS;
    w->in.ca_not_after = NOW / 1000 * 1000 + 1000 * DAY_MS;
    set_subject(w, "CN=device,O=Example");
    set_key(w, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
}

static UNUSED void end(struct world *w)
{
    EVP_PKEY_free(w->key);
    cmpsrv_bytes_clear(&w->subject);
    cmpsrv_bytes_clear(&w->ca_subject);
    cmpsrv_bytes_clear(&w->spki);
    cmpsrv_bytes_clear(&w->alg);
    cmpsrv_bytes_clear(&w->signature);
    cmpsrv_bytes_clear(&w->extensions);
    cmpsrv_end_entity_row_clear(&w->row);
}

/* The reason of a refusal, NONE for a decision (which is freed). */
static UNUSED CMPSRV_REASON judge(struct world *w)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_DECISION *d = cmpsrv_policy_decide_cert(&w->in, &why);

    CU_ASSERT((d != NULL) == (why.reason == CMPSRV_R_NONE));
    memcpy(w->detail, why.detail, sizeof(w->detail));
    cmpsrv_decision_free(d);
    return why.reason;
}

static UNUSED CMPSRV_DECISION *decide(struct world *w)
{
    CMPSRV_DECISION *d = cmpsrv_policy_decide_cert(&w->in, NULL);

    CU_ASSERT_FATAL(d != NULL);
    return d;
}

/* Client mode: end entity `name`, registered with that subject, asks. */
static UNUSED void be_entity(struct world *w, const char *name, const char *subject)
{
    w->alias.ra_mode = 0;
    w->alias.username_component = (char *)"CN";
    w->alias.namegeneration_prefix = w->alias.namegeneration_postfix = (char *)"";
    snprintf(w->row.name, sizeof(w->row.name), "%s", name);
    CU_ASSERT_FATAL(cmpsrv_name_parse(subject, &w->row.subject, NULL));
    w->identity = (CMPSRV_IDENTITY){.proven = 1};
    snprintf(w->identity.entity, sizeof(w->identity.entity), "%s", name);
    w->in.identity = &w->identity;
    w->in.entity = &w->row;
}

/* RA mode: an end entity of that subject has the name already. */
static UNUSED void has_entity(struct world *w, const char *name, const char *subject)
{
    snprintf(w->row.name, sizeof(w->row.name), "%s", name);
    CU_ASSERT_FATAL(cmpsrv_name_parse(subject, &w->row.subject, NULL));
    w->in.existing = &w->row;
}

static UNUSED int has(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        return 1;
    fprintf(stderr, "want \"%s\" in \"%s\"\n", part, text);
    return 0;
}

#define BROKEN(reason, ...)                                                                        \
    do {                                                                                           \
        begin(&w);                                                                                 \
        __VA_ARGS__;                                                                               \
        CU_ASSERT_EQUAL(judge(&w), CMPSRV_R_##reason);                                             \
        end(&w);                                                                                   \
    } while (0)

#define EXT_SAN(octets, n) "\x30" n "\x06\x03\x55\x1d\x11\x04" octets
#define SAN_DNS                                                                                    \
    "\x30\x0e\x06\x03\x55\x1d\x11\x04\x07\x30\x05\x82\x03"                                         \
    "a.b"
#define BASIC_CA          "\x30\x0c\x06\x03\x55\x1d\x13\x04\x05\x30\x03\x01\x01\xff"
#define BASIC_EE          "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
#define USAGE_SIGNS_CERTS "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x02\x04"
#define USAGE_SIGNS_CRLS  "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x01\x02"
#define USAGE_SIGNATURE   "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"
#define USAGE_REPUDIATION "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x06\x40"
#define UNKNOWN           "\x30\x07\x06\x02\x2a\x03\x04\x01x"

/* The decided extensions in a certificate of libcrypto's making. */
static UNUSED X509 *as_certificate(const CMPSRV_DECISION *d)
{
    CMPSRV_SLICE in = cmpsrv_bytes_slice(&d->extensions), tlv;
    X509 *x = X509_new();

    while (in.n > 0) {
        const unsigned char *p;
        X509_EXTENSION *e;

        CU_ASSERT_FATAL(cmpsrv_der_any(&in, NULL, &tlv, NULL));
        p = tlv.p;
        e = d2i_X509_EXTENSION(NULL, &p, (long)tlv.n);
        CU_ASSERT_FATAL(e != NULL && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
    }
    return x;
}

/* Asks for one extension more. */
static UNUSED void ask(struct world *w, const char *oid, int critical, CMPSRV_SLICE value)
{
    CMPSRV_DERW d = {0};

    cmpsrv_derw_raw(&d, cmpsrv_bytes_slice(&w->extensions));
    cmpsrv_derw_begin(&d, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&d, oid);
    if (critical)
        cmpsrv_derw_put(&d, DER_BOOLEAN, S("\xff"));
    cmpsrv_derw_put(&d, DER_OCTET_STRING, value);
    cmpsrv_derw_end(&d);
    cmpsrv_bytes_clear(&w->extensions);
    CU_ASSERT_FATAL(cmpsrv_derw_finish(&d, &w->extensions));
    w->req.extensions = cmpsrv_bytes_slice(&w->extensions);
}

/* Where the decision has that extension, counted from 0, with that value (absent: any); critical:
 * 1, 0; -1: it has not. By libcrypto. */
static UNUSED int place_of(const CMPSRV_DECISION *d, const char *oid, int critical,
                           CMPSRV_SLICE value)
{
    X509 *x = as_certificate(d);
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    int at = X509_get_ext_by_OBJ(x, o, -1);

    if (at >= 0) {
        X509_EXTENSION *e = X509_get_ext(x, at);
        const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(e);

        CU_ASSERT_EQUAL(X509_EXTENSION_get_critical(e), critical);
        CU_ASSERT(value.p == NULL || ((size_t)ASN1_STRING_length(v) == value.n &&
                                      memcmp(ASN1_STRING_get0_data(v), value.p, value.n) == 0));
        CU_ASSERT_EQUAL(X509_get_ext_by_OBJ(x, o, at), -1); /* once */
    }
    ASN1_OBJECT_free(o);
    X509_free(x);
    return at;
}

static UNUSED int has_extension(const CMPSRV_DECISION *d, const char *oid)
{
    X509 *x = as_certificate(d);
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    int at = X509_get_ext_by_OBJ(x, o, -1);

    ASN1_OBJECT_free(o);
    X509_free(x);
    return at >= 0;
}

/* A row of subject_dn or subject_alt_name, with its regex compiled as the loader does. */
static UNUSED CMPSRV_CONF_FIELD field(const char *name, int required, const char *value,
                                      const char *regex, int64_t max)
{
    CMPSRV_CONF_FIELD f = {.name = (char *)name,
                           .required = required,
                           .value = (char *)value,
                           .regex = (char *)regex,
                           .max = max};

    if (regex != NULL) {
        char whole[256];

        snprintf(whole, sizeof(whole), "^(%s)$", regex);
        f.pattern = OPENSSL_zalloc(sizeof(regex_t));
        CU_ASSERT_FATAL(f.pattern != NULL &&
                        regcomp(f.pattern, whole, REG_EXTENDED | REG_NOSUB) == 0);
    }
    return f;
}

static UNUSED void field_clear(CMPSRV_CONF_FIELD *f)
{
    if (f->pattern != NULL)
        regfree(f->pattern);
    OPENSSL_free(f->pattern);
    f->pattern = NULL;
}

#endif
