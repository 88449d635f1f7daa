/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of messages through the whole line, against a throw-away deployment. An input is a list
 * of messages, each with the alias it goes to and what shall be done to it before it is sent: a
 * fresh transactionID, the transactionID, nonce and certHash of the answer before it, protection
 * that is right. The mutator knows this form and changes one element of one message, mending the
 * lengths; so what is behind the protection is reached, too. Whatever comes: an answer that is a
 * PKIMessage, never our own failure, and a certificate only for an authenticated message, for the
 * name and key that it asks for, as often as its end entity may have one, and with nothing in it
 * that only the CA's operator may give.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ca/ca.h"
#include "cmpsrv/cmpsrv.h"
#include "fuzz/fuzz.h"
#include "fuzz/tree.h"
#include "server/server.h"
#include "store/store.h"
#include "wire/wire.h"

#define MAX_MESSAGES 8
#define MAX_MESSAGE  8192
#define ANEW_AFTER   3000 /* inputs: the store is thrown away, so that it stays fast */
#define SECRET       "secret of the fuzzer"
#define STORE_KEY    "0123456789abcdef0123456789abcdef"
#define REQUESTS     2  /* that the code of an end entity is good for */
#define COUNT_EVERY  64 /* inputs: what the end entities have got is counted */

/* Of a message: what is done to it; the alias is in the bits above. */
enum { FRESH_ID = 1, FOLLOW = 2, PROTECT = 4, SET_HASH = 8, ALIAS_SHIFT = 4 };

typedef enum { OF_RA, OF_CLIENT, OF_VENDOR } KIND;

/* The order is that of make-seeds. */
static const struct {
    const char *name;
    KIND kind;
    const char *settings; /* besides those that all of that kind have */
} aliases[] = {
    {"a", OF_RA, "ra.caname: CA"},
    {"client", OF_CLIENT, "defaultca: CA, login_attempts: 5, extractusernamecomponent: CN"},
    {"open", OF_RA, "ra.caname: CA, ra.certificateprofile: OPEN, ra.allowcustomcertserno: yes"},
    {"keyid", OF_RA,
     "ra.caname: KeyId, ra.endentityprofile: KeyId, ra.certificateprofile: KeyId, defaultca: CA"},
    {"verified", OF_RA, "ra.caname: CA, allowraverifypopo: yes"},
    {"identical", OF_RA, "ra.caname: CA, popo_input: identical"},
    {"unique", OF_RA, "ra.caname: CA, unique_public_key: yes, unique_subject_dn: yes"},
    {"single", OF_RA, "ra.caname: CA, single_active_certificate: yes"},
    {"vendor", OF_VENDOR, "defaultca: CA, ra.namegenerationprefix: v-"},
    {"subject", OF_CLIENT, "defaultca: CA"},
};
static const char *const kinds[] = {
    [OF_RA] =
        "operationmode: ra, authenticationmodule: HMAC, authenticationparameters: ['" SECRET "']",
    [OF_CLIENT] = "operationmode: client, authenticationmodule: HMAC, authenticationparameters: "
                  "['-']",
    [OF_VENDOR] = "operationmode: client, authenticationmodule: EndEntityCertificate, "
                  "vendorcertificatemode: yes, vendorca: V, extractusernamecomponent: serialNumber",
};

/* Registered end entities; their profile is none of an RA's. */
typedef struct {
    const char *name, *subject, *profile;
    int64_t allowed; /* certificates, ever */
} ENTITY;
static ENTITY entities[] = {{"client", "CN=client,O=Registered", "OPEN", 0},
                            {"other", "CN=other", "ENDUSER", 0},
                            {"v-4711", "CN=station", "OPEN", 0}};

/* ---- the deployment ----------------------------------------------------------------------------
 */

static char dir[64];
static CMPSRV_SERVER *server;
static CMPSRV_STORE *store;  /* the same, read and filled from here */
static X509 *cas[2];         /* of the deployment */
static X509 *device_cert;    /* of a vendor's device */
static EVP_PKEY *device_key; /* which signs the messages to a vendor's alias */

static const char *in_dir(const char *file)
{
    static char paths[8][160];
    static unsigned i;

    i = (i + 1) % 8;
    snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, file);
    return paths[i];
}

/* NAME.crt and NAME.key. */
static X509 *make_cert(const char *subject, const char *name, const char *issuer, int is_ca,
                       const char *eku)
{
    char files[4][64];
    CMPSRV_SETUP_CERT what = {.subject = subject,
                              .key_type = "ec:P-256",
                              .is_ca = is_ca,
                              .eku = eku,
                              .validity = INT64_C(86400000) * 365};
    CMPSRV_REFUSAL why = {0};
    X509 *made;
    FILE *f;

    for (int i = 0; i < 4; i++)
        snprintf(files[i], sizeof(files[i]), "%s%s", i < 2 || issuer == NULL ? name : issuer,
                 i % 2 == 0 ? ".crt" : ".key");
    what.cert_file = in_dir(files[0]);
    what.key_file = in_dir(files[1]);
    what.issuer_cert = issuer == NULL ? NULL : in_dir(files[2]);
    what.issuer_key = issuer == NULL ? NULL : in_dir(files[3]);
    if (!cmpsrv_setup_cert(NULL, NULL, &what, &why)) {
        fprintf(stderr, "%s\n", why.detail);
        abort();
    }
    MUST((f = fopen(in_dir(files[0]), "r")) != NULL);
    MUST((made = PEM_read_X509(f, NULL, NULL, NULL)) != NULL);
    fclose(f);
    return made;
}

static void make_certs(void)
{
    FILE *f;

    cas[0] = make_cert("CN=CA", "ca", NULL, 1, NULL);
    cas[1] = make_cert("CN=Another CA", "another", NULL, 1, NULL);
    X509_free(make_cert("CN=Signer", "signer", "ca", 0, "1.3.6.1.5.5.7.3.27"));
    X509_free(make_cert("CN=Vendor", "vendor", NULL, 1, NULL));
    device_cert = make_cert("CN=device,2.5.4.5=4711", "device", "vendor", 0, NULL);
    MUST((f = fopen(in_dir("device.key"), "r")) != NULL);
    MUST((device_key = PEM_read_PrivateKey(f, NULL, NULL, NULL)) != NULL);
    fclose(f);
}

static void write_configuration(void)
{
    static const char text[] =
        "server: {store: 'sqlite:s.db', log.level: error, store_key: '" STORE_KEY "'}\n"
        "cas:\n"
        "  CA: {certificate: ca.crt, key: 'file:ca.key', cmp_signer: {certificate: signer.crt,"
        " key: 'file:signer.key'}}\n"
        "  KeyId1: {certificate: another.crt, key: 'file:another.key'}\n"
        "vendor_cas: {V: {certificate: vendor.crt}}\n"
        "certificate_profiles:\n"
        "  ENDUSER: {key_usage: [digitalSignature, keyEncipherment, keyAgreement]}\n"
        "  KeyId1: {allow_validity_override: yes}\n"
        "  OPEN: {key_usage: [digitalSignature, keyEncipherment, keyAgreement],"
        " allow_validity_override: yes, allow_key_usage_override: yes,"
        " allow_extension_override: yes, allow_dn_override: yes, allow_serial_override: yes}\n"
        "end_entity_profiles:\n"
        "  EMPTY: {default_ca: CA, default_certificate_profile: ENDUSER}\n"
        "  KeyId1: {default_ca: KeyId1, default_certificate_profile: KeyId1}\n"
        "  REGISTERED: {default_ca: CA, default_certificate_profile: ENDUSER}\n"
        "aliases:\n";
    FILE *f;

    MUST((f = fopen(in_dir("c.yaml"), "w")) != NULL);
    fputs(text, f);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(aliases); i++)
        fprintf(f,
                "  %s: {%s, %s, allow_mac_rr: %s, message_time_tolerance: off, transaction_id_min: "
                "1, pbm_iterations: 100..1000, pbmac1_iterations: 1000..1000}\n",
                aliases[i].name, kinds[aliases[i].kind], aliases[i].settings,
                aliases[i].kind == OF_VENDOR ? "no" : "yes");
    fclose(f);
}

static void open_store(void)
{
    CMPSRV_SECRET *key = cmpsrv_secret_new(STORE_KEY, strlen(STORE_KEY));
    CMPSRV_STORE_OPTIONS options = {.key = key, .node = "fuzz"};
    char url[192];
    CMPSRV_REFUSAL why = {0};

    snprintf(url, sizeof(url), "sqlite:%s", in_dir("s.db"));
    MUST((store = cmpsrv_store_open(url, &options, &why)) != NULL);
    cmpsrv_secret_free(key);
}

/* Fills what is not there yet, or renews what is used up or locked. */
static void register_entity(ENTITY *e)
{
    CMPSRV_END_ENTITY_ROW row = {0};
    CMPSRV_REFUSAL why = {0};
    int is_new = cmpsrv_store_entity_get(store, e->name, &row, &why) == 0;
    unsigned char *der = NULL;
    int n;

    if (!is_new && row.remaining == REQUESTS && row.status == CMPSRV_ENTITY_NEW &&
        row.attempts == 0) {
        cmpsrv_end_entity_row_clear(&row);
        return;
    }
    MUST(is_new || row.remaining >= 0);
    e->allowed = is_new ? REQUESTS : e->allowed + REQUESTS - row.remaining;
    cmpsrv_end_entity_row_clear(&row);
    if (is_new || cmpsrv_store_entity_get(store, e->name, &row, &why) != 1) {
        memset(&row, 0, sizeof(row));
        snprintf(row.name, sizeof(row.name), "%s", e->name);
        MUST(cmpsrv_name_parse(e->subject, &row.subject, &why));
        MUST(cmpsrv_name_hash(cmpsrv_bytes_slice(&row.subject), row.subject_hash, &why));
        MUST((n = i2d_X509(cas[0], &der)) > 0);
        MUST(cmpsrv_sha256(cmpsrv_slice(der, (size_t)n), row.ca_id));
        OPENSSL_free(der);
        snprintf(row.end_entity_profile, sizeof(row.end_entity_profile), "REGISTERED");
        snprintf(row.certificate_profile, sizeof(row.certificate_profile), "%s", e->profile);
    }
    cmpsrv_bytes_clear(&row.code);
    row.status = CMPSRV_ENTITY_NEW;
    row.remaining = REQUESTS;
    row.attempts = 0;
    row.code_kind = CMPSRV_CODE_CLEAR;
    MUST(cmpsrv_store_code_seal(store, row.name, row.code_kind, cmpsrv_slice_str(SECRET), &row.code,
                                &why));
    MUST(is_new ? cmpsrv_entity_add(store, &row, "fuzz", &why)
                : cmpsrv_entity_change(store, &row, "fuzz", &why));
    cmpsrv_end_entity_row_clear(&row);
}

static int count(void *arg, const CMPSRV_CERT_ROW *row)
{
    (void)row;
    ++*(int64_t *)arg;
    return 1;
}

static void count_certificates(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(entities); i++) {
        CMPSRV_CERT_FILTER filter = {.end_entity = entities[i].name, .status = -1};
        int64_t n = 0;

        MUST(cmpsrv_store_cert_each(store, &filter, count, &n, NULL) == 1);
        MUST(n <= entities[i].allowed);
    }
}

static void remove_deployment(void)
{
    static const char *const files[] = {"ca",     "another", "signer", "vendor",
                                        "device", "s.db",    "c.yaml"};
    static const char *const endings[] = {"", ".crt", ".key", "-wal", "-shm"};
    char file[64];

    count_certificates();
    cmpsrv_store_free(store);
    CMPSRV_SERVER_free(server);
    server = NULL;
    X509_free(cas[0]);
    X509_free(cas[1]);
    X509_free(device_cert);
    EVP_PKEY_free(device_key);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(files); i++)
        for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(endings); k++) {
            snprintf(file, sizeof(file), "%s%s", files[i], endings[k]);
            unlink(in_dir(file));
        }
    rmdir(dir);
}

static void make_deployment(void)
{
    snprintf(dir, sizeof(dir), "%s/cmpsrv-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(dir) != NULL);
    make_certs();
    write_configuration();
    MUST((server = CMPSRV_SERVER_new(NULL, NULL)) != NULL);
    if (!CMPSRV_SERVER_load(server, in_dir("c.yaml"))) {
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(server));
        abort();
    }
    open_store();
}

/* Certificates, and at which aliases: a target that gets none looks at nothing. */
static unsigned long granted, encrypted, granted_at[CMPSRV_ARRAY_SIZE(aliases)];

static void say_how_much(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(aliases); i++)
        fprintf(stderr, "%s: %lu\n", aliases[i].name, granted_at[i]);
    fprintf(stderr, "%lu certificates granted, %lu encrypted\n", granted, encrypted);
    remove_deployment();
}

static void renew_deployment(void)
{
    static unsigned n;

    if (n++ % ANEW_AFTER != 0)
        return;
    if (server != NULL)
        remove_deployment();
    make_deployment();
    if (n == 1)
        atexit(say_how_much); /* before libcrypto's own, which is there by now */
}

/* ---- what is done to a message before it is sent -----------------------------------------------
 */

typedef struct {
    CMPSRV_BYTES der;                      /* of the message */
    unsigned char tid[16];                 /* of the transaction that goes on */
    unsigned char nonce[CMPSRV_MAX_NONCE]; /* of the last answer */
    size_t nonce_n;
    unsigned char hash[CMPSRV_HASH]; /* of the last certificate */
} RUN;

/* The i-th element of a SEQUENCE: its TLV; absent if it is not there. */
static CMPSRV_SLICE element(CMPSRV_SLICE seq, size_t i)
{
    CMPSRV_SLICE content, tlv = {NULL, 0};

    if (!cmpsrv_der_get(&seq, DER_SEQUENCE, &content))
        return tlv;
    do {
        if (!cmpsrv_der_any(&content, NULL, &tlv, NULL))
            return (CMPSRV_SLICE){NULL, 0};
    } while (i-- > 0);
    return tlv;
}

/* The optional field [n] of a header: behind pvno, sender and recipient, which have tags like it.
 */
static CMPSRV_SLICE header_field(CMPSRV_SLICE header, int n)
{
    CMPSRV_SLICE tlv;

    for (size_t i = 3; (tlv = element(header, i)).p != NULL; i++)
        if (tlv.p[0] == DER_CONTEXT_CONSTRUCTED(n))
            return tlv;
    return tlv;
}

static void replace(RUN *r, CMPSRV_SLICE at, CMPSRV_SLICE by)
{
    CMPSRV_BYTES out = {NULL, 0};

    if (at.p == NULL || !tree_replace(cmpsrv_bytes_slice(&r->der), at, by, &out))
        return;
    cmpsrv_bytes_clear(&r->der);
    r->der = out;
}

static void set_header_octets(RUN *r, int field, const unsigned char *p, size_t n)
{
    CMPSRV_SLICE header = element(cmpsrv_bytes_slice(&r->der), 0);
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES by = {NULL, 0};

    if (header.p == NULL)
        return;
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(field));
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cmpsrv_slice(p, n));
    cmpsrv_derw_end(&w);
    MUST(cmpsrv_derw_finish(&w, &by));
    replace(r, header_field(header, field), cmpsrv_bytes_slice(&by));
    cmpsrv_bytes_clear(&by);
}

/* The first OCTET STRING of 32 octets in the body. */
static void set_hash(RUN *r)
{
    CMPSRV_SLICE body = element(cmpsrv_bytes_slice(&r->der), 1), tlv;
    unsigned char by[2 + CMPSRV_HASH] = {DER_OCTET_STRING, CMPSRV_HASH};

    if (body.p == NULL)
        return;
    memcpy(by + 2, r->hash, CMPSRV_HASH);
    for (size_t i = 0; (tlv = tree_get(body, i)).p != NULL; i++)
        if (tlv.p[0] == DER_OCTET_STRING && tlv.n == sizeof(by)) {
            replace(r, tlv, cmpsrv_slice(by, sizeof(by)));
            return;
        }
}

/* The MAC that the message's protectionAlg asks for. 0: it asks for none that is served. */
static int make_mac(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *mac)
{
    const CMPSRV_MAC_POLICY policy = {.macs = 31, .pbm_owf = 31, 100, 1000, 1, 1000};
    CMPSRV_SLICE field, alg;
    CMPSRV_MAC_PARAMS params;
    CMPSRV_SECRET *secret;
    CMPSRV_MAC_KEY *key;

    if ((field = header_field(header, 1)).p == NULL ||
        !cmpsrv_der_get(&field, DER_CONTEXT_CONSTRUCTED(1), &alg) ||
        !cmpsrv_mac_params_parse(alg, &policy, &params, NULL))
        return 0;
    secret = cmpsrv_secret_new(SECRET, strlen(SECRET));
    MUST((key = cmpsrv_mac_key_derive(&params, secret)) != NULL);
    MUST(cmpsrv_mac_compute(key, header, body, mac, NULL));
    cmpsrv_mac_key_free(key);
    cmpsrv_secret_free(secret);
    return 1;
}

/* The protection of a message, its octets; absent: it has none. */
static CMPSRV_SLICE protection_of(CMPSRV_SLICE der)
{
    CMPSRV_SLICE tlv = element(der, 2), octets = {NULL, 0}, bits;

    if (tlv.p != NULL && cmpsrv_der_get(&tlv, DER_CONTEXT_CONSTRUCTED(0), &bits))
        cmpsrv_der_get_octet_bits(&bits, &octets);
    return octets;
}

static void protect_by_mac(RUN *r)
{
    CMPSRV_SLICE der = cmpsrv_bytes_slice(&r->der), header = element(der, 0),
                 body = element(der, 1), old = element(der, 2);
    CMPSRV_BYTES mac = {NULL, 0}, by = {NULL, 0};
    CMPSRV_DERW w = {0};

    if (header.p == NULL || old.p == NULL || !make_mac(header, body, &mac))
        return;
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&mac));
    cmpsrv_derw_end(&w);
    MUST(cmpsrv_derw_finish(&w, &by));
    replace(r, old, cmpsrv_bytes_slice(&by));
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&by);
}

static void put_in(CMPSRV_DERW *w, int outer, int tag, CMPSRV_SLICE content)
{
    cmpsrv_derw_begin(w, outer);
    cmpsrv_derw_put(w, tag, content);
    cmpsrv_derw_end(w);
}

/* A header as the device has it: sender, protectionAlg and senderKID are its own. */
static void put_device_header(CMPSRV_DERW *w, CMPSRV_SLICE header)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(device_cert);
    unsigned char *name = NULL;
    int n = i2d_X509_NAME(X509_get_subject_name(device_cert), &name);
    CMPSRV_SLICE tlv;

    MUST(n > 0 && ski != NULL);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    for (size_t i = 0; (tlv = element(header, i)).p != NULL; i++) {
        if (i == 1) {
            cmpsrv_derw_put(w, DER_CONTEXT_CONSTRUCTED(4), cmpsrv_slice(name, (size_t)n));
        } else if (i > 2 && tlv.p[0] == DER_CONTEXT_CONSTRUCTED(1)) {
            cmpsrv_derw_begin(w, tlv.p[0]);
            cmpsrv_derw_begin(w, DER_SEQUENCE);
            cmpsrv_derw_oid_text(w, "1.2.840.10045.4.3.2");
            cmpsrv_derw_end(w);
            cmpsrv_derw_end(w);
        } else if (i > 2 && tlv.p[0] == DER_CONTEXT_CONSTRUCTED(2)) {
            put_in(w, tlv.p[0], DER_OCTET_STRING,
                   cmpsrv_slice(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)));
        } else {
            cmpsrv_derw_raw(w, tlv);
        }
    }
    cmpsrv_derw_end(w);
    OPENSSL_free(name);
}

static void sign(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES part = {NULL, 0};
    unsigned char signature[256];
    size_t n = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, header);
    cmpsrv_derw_raw(&w, body);
    cmpsrv_derw_end(&w);
    MUST(cmpsrv_derw_finish(&w, &part));
    MUST(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, device_key) == 1 &&
         EVP_DigestSign(ctx, signature, &n, part.p, part.n) == 1 &&
         cmpsrv_bytes_set(out, cmpsrv_slice(signature, n)));
    EVP_MD_CTX_free(ctx);
    cmpsrv_bytes_clear(&part);
}

static void protect_by_device(RUN *r)
{
    CMPSRV_SLICE der = cmpsrv_bytes_slice(&r->der), body = element(der, 1);
    CMPSRV_BYTES header = {NULL, 0}, signature = {NULL, 0};
    CMPSRV_DERW w = {0};
    unsigned char *cert = NULL;
    int n = i2d_X509(device_cert, &cert);

    MUST(n > 0);
    if (body.p != NULL) {
        put_device_header(&w, element(der, 0));
        MUST(cmpsrv_derw_finish(&w, &header));
        sign(cmpsrv_bytes_slice(&header), body, &signature);
        w = (CMPSRV_DERW){0};
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&header));
        cmpsrv_derw_raw(&w, body);
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
        cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&signature));
        cmpsrv_derw_end(&w);
        put_in(&w, DER_CONTEXT_CONSTRUCTED(1), DER_SEQUENCE, cmpsrv_slice(cert, (size_t)n));
        cmpsrv_derw_end(&w);
        cmpsrv_bytes_clear(&r->der);
        MUST(cmpsrv_derw_finish(&w, &r->der));
    }
    OPENSSL_free(cert);
    cmpsrv_bytes_clear(&header);
    cmpsrv_bytes_clear(&signature);
}

static size_t alias_of(int what)
{
    return (size_t)(what >> ALIAS_SHIFT) % CMPSRV_ARRAY_SIZE(aliases);
}

static void prepare(RUN *r, int what)
{
    if (what & FRESH_ID)
        MUST(cmpsrv_random(r->tid, sizeof(r->tid)));
    if (what & (FRESH_ID | FOLLOW))
        set_header_octets(r, 4, r->tid, sizeof(r->tid));
    if (what & FOLLOW && r->nonce_n > 0)
        set_header_octets(r, 6, r->nonce, r->nonce_n);
    if (what & SET_HASH)
        set_hash(r);
    if (what & PROTECT && aliases[alias_of(what)].kind == OF_VENDOR)
        protect_by_device(r);
    else if (what & PROTECT)
        protect_by_mac(r);
}

/* ---- what must hold of an answer ---------------------------------------------------------------
 */

static int contains(CMPSRV_SLICE in, CMPSRV_SLICE what)
{
    for (size_t i = 0; i + what.n <= in.n; i++)
        if (memcmp(in.p + i, what.p, what.n) == 0)
            return 1;
    return 0;
}

/* The Certificate in a CertRepMessage that is granted: the one that is not the CA's. */
static CMPSRV_SLICE find_certificate(CMPSRV_SLICE body)
{
    CMPSRV_SLICE tlv, none = {NULL, 0};
    CMPSRV_CERT_VIEW v;

    for (size_t i = 0; (tlv = tree_get(body, i)).p != NULL; i++)
        if (tlv.p[0] == DER_SEQUENCE && cmpsrv_cert_view(tlv, &v, NULL) &&
            !cmpsrv_slice_eq(v.issuer, v.subject))
            return tlv;
    return none;
}

/* Whoever sent this knows the secret, or has the device's key. */
static void check_authenticated(CMPSRV_SLICE request, KIND kind)
{
    CMPSRV_SLICE header = element(request, 0), body = element(request, 1),
                 protection = protection_of(request);
    CMPSRV_BYTES mac = {NULL, 0};
    CMPSRV_DERW w = {0};
    EVP_MD_CTX *ctx;

    MUST(protection.p != NULL);
    if (kind != OF_VENDOR) {
        MUST(make_mac(header, body, &mac) && cmpsrv_slice_eq(cmpsrv_bytes_slice(&mac), protection));
        cmpsrv_bytes_clear(&mac);
        return;
    }
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, header);
    cmpsrv_derw_raw(&w, body);
    cmpsrv_derw_end(&w);
    MUST(cmpsrv_derw_finish(&w, &mac));
    MUST((ctx = EVP_MD_CTX_new()) != NULL);
    MUST(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, device_key) == 1 &&
         EVP_DigestVerify(ctx, protection.p, protection.n, mac.p, mac.n) == 1);
    EVP_MD_CTX_free(ctx);
    cmpsrv_bytes_clear(&mac);
}

/* What libcrypto reads in it. */
static void check_extensions(const X509 *x)
{
    static const char *const never[] = {"2.5.29.18",
                                        "2.5.29.30",
                                        "2.5.29.36",
                                        "2.5.29.33",
                                        "2.5.29.54",
                                        "2.5.29.31",
                                        "2.5.29.46",
                                        "1.3.6.1.5.5.7.1.1",
                                        "1.3.6.1.5.5.7.1.11",
                                        "1.3.6.1.4.1.11129.2.4.2",
                                        "1.3.6.1.4.1.11129.2.4.3",
                                        "1.3.6.1.5.5.7.48.1.5",
                                        "2.16.840.1.113730.1.1"};
    char oid[128];

    for (int i = 0; i < X509_get_ext_count(x); i++) {
        const ASN1_OBJECT *o = X509_EXTENSION_get_object(X509_get_ext(x, i));

        MUST(X509_get_ext_by_OBJ(x, o, i) == -1); /* not once more */
        OBJ_obj2txt(oid, sizeof(oid), o, 1);
        for (size_t k = 0; k < CMPSRV_ARRAY_SIZE(never); k++)
            MUST(strcmp(oid, never[k]) != 0);
    }
}

static void check_purposes(X509 *x)
{
    static const char *const purposes[] = {"1.3.6.1.5.5.7.3.27", "1.3.6.1.5.5.7.3.28",
                                           "1.3.6.1.5.5.7.3.32", "2.5.29.37.0",
                                           "1.3.6.1.5.5.7.3.9"};
    int at = X509_get_ext_by_NID(x, NID_ext_key_usage, -1);
    const ASN1_OCTET_STRING *value;
    CMPSRV_BYTES oid = {NULL, 0};
    CMPSRV_DERW w = {0};

    MUST((X509_get_extension_flags(x) & (EXFLAG_BCONS | EXFLAG_CA)) == EXFLAG_BCONS);
    if (X509_get_extension_flags(x) & EXFLAG_KUSAGE)
        MUST((X509_get_key_usage(x) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) == 0);
    if (at < 0)
        return;
    value = X509_EXTENSION_get_data(X509_get_ext(x, at));
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(purposes); i++) {
        cmpsrv_derw_oid_text(&w, purposes[i]);
        MUST(cmpsrv_derw_finish(&w, &oid));
        MUST(
            !contains(cmpsrv_slice(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)),
                      cmpsrv_bytes_slice(&oid)));
        cmpsrv_bytes_clear(&oid);
        w = (CMPSRV_DERW){0};
    }
}

/* From a CA of ours, within its validity, with the identifier of its key. */
static void check_issuer(X509 *x)
{
    X509 *ca = X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(cas[0])) == 0 ? cas[0]
                                                                                          : cas[1];
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    MUST(X509_verify(x, X509_get0_pubkey(ca)) == 1);
    MUST(ASN1_TIME_compare(X509_get0_notBefore(x), X509_get0_notBefore(ca)) >= 0);
    MUST(ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)) <= 0);
    MUST(ASN1_TIME_compare(X509_get0_notBefore(x), X509_get0_notAfter(x)) < 0);
    MUST(X509_pubkey_digest(x, EVP_sha1(), digest, &n) == 1 && ski != NULL);
    MUST(ASN1_STRING_length(ski) == (int)n && memcmp(ASN1_STRING_get0_data(ski), digest, n) == 0);
}

static int is_registered(CMPSRV_SLICE subject, const char *text)
{
    CMPSRV_BYTES name = {NULL, 0};
    int is;

    MUST(cmpsrv_name_parse(text, &name, NULL));
    is = cmpsrv_name_eq(cmpsrv_bytes_slice(&name), subject);
    cmpsrv_bytes_clear(&name);
    return is;
}

/* The name is the registered one, or stands in the request, however written (one that waits for
 * certConf is sent again), and of an end entity it names that one. */
static void check_subject(CMPSRV_SLICE request, CMPSRV_SLICE subject, KIND kind, const char *entity)
{
    CMPSRV_SLICE tlv;
    int has_name = 0;

    for (size_t i = 0; (tlv = tree_get(request, i)).p != NULL; i++)
        has_name |= tlv.p[0] == DER_SEQUENCE && cmpsrv_name_eq(tlv, subject);
    if (kind == OF_RA) {
        MUST(has_name);
        return;
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(entities); i++)
        if (strcmp(entities[i].name, entity) == 0) {
            MUST(is_registered(subject, entities[i].subject) ||
                 (has_name && strcmp(entities[i].profile, "OPEN") == 0));
            return;
        }
    MUST(0); /* it is none of ours */
}

/* Of a new certificate: it is in the store, and `row` is that. */
static void check_certificate(CMPSRV_SLICE request, KIND kind, const CMPSRV_CERT_ROW *row)
{
    const unsigned char *p = row->der.p;
    X509 *x = d2i_X509(NULL, &p, (long)row->der.n);
    CMPSRV_SLICE content, spki;
    CMPSRV_CERT_VIEW v;

    MUST(x != NULL && cmpsrv_cert_view(cmpsrv_bytes_slice(&row->der), &v, NULL) && v.version == 2);
    spki = v.spki;
    MUST(cmpsrv_der_get(&spki, DER_SEQUENCE, &content));
    MUST(contains(request, content));
    check_authenticated(request, kind);
    check_subject(request, v.subject, kind, row->end_entity);
    check_extensions(x);
    check_purposes(x);
    check_issuer(x);
    X509_free(x);
}

/* The certificate that the transaction of this answer is about. */
static int find_row(size_t alias, const CMPSRV_PKIMSG *answer, CMPSRV_CERT_ROW *row,
                    int *must_confirm)
{
    CMPSRV_TXN t = {0};
    int found = 0;

    if (cmpsrv_store_txn_get(store, aliases[alias].name, answer->transaction_id, &t, NULL, NULL) !=
        1)
        return 0;
    *must_confirm = t.must_confirm;
    if (t.serial_len > 0)
        MUST((found = cmpsrv_store_cert_get(store, t.ca_id, cmpsrv_slice(t.serial, t.serial_len),
                                            row, NULL)) == 1);
    cmpsrv_txn_clear(&t);
    return found;
}

/* The status of the one CertResponse is accepted or grantedWithMods. */
static int is_granted(CMPSRV_SLICE rep)
{
    CMPSRV_SLICE responses = element(rep, 0), status;
    int64_t n;

    if (responses.p != NULL && responses.p[0] == DER_CONTEXT_CONSTRUCTED(1))
        responses = element(rep, 1); /* behind caPubs */
    status = element(element(element(responses, 0), 1), 0);
    MUST(cmpsrv_der_get_int64(&status, &n));
    return n < 2;
}

/* An encrypted one does not stand in the answer, any other does, and none if it is refused. */
static void check_granted(RUN *r, size_t alias, CMPSRV_SLICE whole, const CMPSRV_PKIMSG *answer)
{
    CMPSRV_CERT_ROW row = {0};
    int must_confirm = 0;

    if (is_granted(answer->body_value)) {
        MUST(find_row(alias, answer, &row, &must_confirm));
        MUST(contains(whole, cmpsrv_bytes_slice(&row.der)) == !must_confirm);
        check_certificate(cmpsrv_bytes_slice(&r->der), aliases[alias].kind, &row);
        MUST(cmpsrv_sha256(cmpsrv_bytes_slice(&row.der), r->hash));
        granted++;
        encrypted += (unsigned long)must_confirm;
        granted_at[alias]++;
    } else {
        MUST(find_certificate(answer->body).p == NULL);
    }
    cmpsrv_cert_row_clear(&row);
}

static void check_no_failure(const CMPSRV_PKIMSG *msg)
{
    static const unsigned char system_failure[] = {0x03, 0x05, 0x06, 0, 0, 0, 0x40};
    CMPSRV_SLICE tlv;

    for (size_t i = 0; (tlv = tree_get(msg->body, i)).p != NULL; i++)
        MUST(!cmpsrv_slice_eq(tlv, cmpsrv_slice(system_failure, sizeof(system_failure))));
}

static void send_message(RUN *r, size_t alias)
{
    unsigned char *answer = NULL;
    size_t n = 0;
    int status = 0;
    char path[64];
    CMPSRV_PKIMSG msg;
    CMPSRV_REFUSAL why = {0};

    snprintf(path, sizeof(path), "/cmp/%s", aliases[alias].name);
    MUST(CMPSRV_process(server, path, r->der.p, r->der.n, &answer, &n, &status));
    MUST(status == 200 && cmpsrv_pkimsg_parse(cmpsrv_slice(answer, n), &msg, &why));
    MUST(msg.protection.p != NULL);
    check_no_failure(&msg);
    r->nonce_n = msg.sender_nonce.n;
    memcpy(r->nonce, msg.sender_nonce.p, msg.sender_nonce.n);
    if (msg.body_type == CMPSRV_BODY_IP || msg.body_type == CMPSRV_BODY_CP)
        check_granted(r, alias, cmpsrv_slice(answer, n), &msg);
    OPENSSL_free(answer);
}

/* ---- the input: { what, length (2 octets, big-endian), octets } ...
 * ------------------------------
 */

typedef struct {
    int what;
    CMPSRV_SLICE octets;
} MESSAGE;

static size_t split(const uint8_t *data, size_t size, MESSAGE m[MAX_MESSAGES])
{
    size_t n = 0;

    while (n < MAX_MESSAGES && size >= 3) {
        size_t length = (size_t)data[1] << 8 | data[2];

        length = length < size - 3 ? length : size - 3;
        m[n++] = (MESSAGE){data[0], cmpsrv_slice(data + 3, length)};
        data += 3 + length;
        size -= 3 + length;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MESSAGE m[MAX_MESSAGES];
    size_t n = split(data, size, m);
    RUN r = {{NULL, 0}, {0}, {0}, 0, {0}};
    static unsigned inputs;

    renew_deployment();
    if (inputs++ % COUNT_EVERY == 0)
        count_certificates();
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(entities); i++)
        register_entity(&entities[i]);
    for (size_t i = 0; i < n; i++) {
        cmpsrv_bytes_clear(&r.der);
        if (m[i].octets.n > 0 && cmpsrv_bytes_set(&r.der, m[i].octets)) {
            prepare(&r, m[i].what);
            send_message(&r, alias_of(m[i].what));
        }
    }
    cmpsrv_bytes_clear(&r.der);
    return 0;
}

/* ---- the mutator -------------------------------------------------------------------------------
 */

#ifdef CMPSRV_FUZZERS

static size_t join(const MESSAGE *m, size_t n, uint8_t *data, size_t max)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (at + 3 + m[i].octets.n > max || m[i].octets.n > 0xffff)
            break;
        data[at++] = (uint8_t)m[i].what;
        data[at++] = (uint8_t)(m[i].octets.n >> 8);
        data[at++] = (uint8_t)m[i].octets.n;
        if (m[i].octets.n > 0)
            memcpy(data + at, m[i].octets.p, m[i].octets.n);
        at += m[i].octets.n;
    }
    return at;
}

/* What stands in the place of an element: nothing, another type, twice itself, zeros, another
 * element of the message, or its content mutated. */
static size_t make_replacement(CMPSRV_SLICE der, CMPSRV_SLICE at, unsigned choice,
                               uint8_t out[MAX_MESSAGE])
{
    static const char *const constants[] = {
        "\x05\x00", "\x01\x01\xff", "\x02\x01\x07",     "\x06\x03\x2a\x03\x04",
        "\x30\x00", "\x31\x00",     "\x04\x02\x00\x01", "\x03\x02\x00\x80",
        "\x0c\x01x"};
    static const size_t sizes[] = {2, 3, 3, 5, 2, 2, 4, 4, 3};
    CMPSRV_SLICE other = tree_get(der, choice / 16 % tree_count(der)), rest = at, content;
    CMPSRV_DERW w = {0};
    CMPSRV_BYTES tlv = {NULL, 0};
    size_t n = choice / 16 % CMPSRV_ARRAY_SIZE(sizes);

    switch (choice % 8) {
    case 0:
        return 0;
    case 1:
        memcpy(out, constants[n], sizes[n]);
        return sizes[n];
    case 2:
        if (2 * at.n > MAX_MESSAGE)
            return 0;
        memcpy(out, at.p, at.n);
        memcpy(out + at.n, at.p, at.n);
        return 2 * at.n;
    case 3:
        if (other.p == NULL || other.n > MAX_MESSAGE)
            return 0;
        memcpy(out, other.p, other.n);
        return other.n;
    default:
        if (!cmpsrv_der_any(&rest, NULL, NULL, &content) || content.n > MAX_MESSAGE / 2)
            return 0;
        if (content.n > 0)
            memcpy(out, content.p, content.n);
        n = LLVMFuzzerMutate(out, content.n, MAX_MESSAGE / 2);
        cmpsrv_derw_put(&w, at.p[0], cmpsrv_slice(out, n));
        MUST(cmpsrv_derw_finish(&w, &tlv));
        n = tlv.n;
        memcpy(out, tlv.p, n);
        cmpsrv_bytes_clear(&tlv);
        return n;
    }
}

static int mutate_element(MESSAGE *m, unsigned seed, CMPSRV_BYTES *out)
{
    static uint8_t by[MAX_MESSAGE + 8];
    size_t count = tree_count(m->octets);
    CMPSRV_SLICE at = {NULL, 0};

    if (count > 0)
        at = tree_get(m->octets, seed / 64 % count);
    if (at.p == NULL)
        return 0;
    seed = seed * 2654435761U + 1;
    return tree_replace(m->octets, at,
                        cmpsrv_slice(by, make_replacement(m->octets, at, seed >> 8, by)), out);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
    MESSAGE m[MAX_MESSAGES];
    size_t n = split(data, size, m), made;
    CMPSRV_BYTES out = {NULL, 0};
    uint8_t *copy;
    MESSAGE *one;

    if (n == 0 || seed % 16 == 0)
        return LLVMFuzzerMutate(data, size, max);
    one = &m[seed / 16 % n];
    if (seed % 16 == 1)
        one->what ^= 1 << seed / 256 % 8;
    else if (seed % 16 == 2 && n < MAX_MESSAGES)
        m[n++] = *one; /* once more, at the end */
    else if (mutate_element(one, seed / 16, &out))
        one->octets = cmpsrv_bytes_slice(&out);
    MUST((copy = malloc(max)) != NULL);
    made = join(m, n, copy, max);
    memcpy(data, copy, made);
    free(copy);
    cmpsrv_bytes_clear(&out);
    return made;
}

#endif
