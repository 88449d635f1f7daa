/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of messages through the whole line, against a throw-away deployment. An input is a list
 * of messages, each with what shall be done to it before it is sent: a fresh transactionID, the
 * transactionID, nonce and certHash of the answer before it, a MAC that is right. The mutator knows
 * this form and changes one element of one message, mending the lengths; so what is behind the MAC
 * is reached, too. Whatever comes: an answer that is a PKIMessage, never our own failure, and a
 * certificate only for the name and key that its request asks for.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "ca/ca.h"
#include "cmpsrv/cmpsrv.h"
#include "fuzz/fuzz.h"
#include "fuzz/tree.h"
#include "store/store.h"
#include "wire/wire.h"

#define MAX_MESSAGES 8
#define MAX_MESSAGE  8192
#define ANEW_AFTER   3000 /* inputs: the store is thrown away, so that it stays fast */
#define SECRET       "secret of the fuzzer"

enum { FRESH_ID = 1, FOLLOW = 2, PROTECT = 4, SET_HASH = 8 };

/* ---- the deployment ----------------------------------------------------------------------------
 */

static char dir[64];
static CMPSRV_SERVER *server;

static const char *in_dir(const char *file)
{
    static char paths[8][96];
    static unsigned i;

    i = (i + 1) % 8;
    snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, file);
    return paths[i];
}

static void make_cert(const char *cert, const char *key, int is_ca, const char *issuer,
                      const char *issuer_key)
{
    CMPSRV_SETUP_CERT what = {
        .subject = is_ca ? "CN=CA" : "CN=Signer",
        .key_type = "ec:P-256",
        .is_ca = is_ca,
        .eku = is_ca ? NULL : "1.3.6.1.5.5.7.3.27",
        .validity = INT64_C(86400000) * 365,
        .cert_file = in_dir(cert),
        .key_file = in_dir(key),
        .issuer_cert = issuer == NULL ? NULL : in_dir(issuer),
        .issuer_key = issuer_key == NULL ? NULL : in_dir(issuer_key),
    };
    CMPSRV_REFUSAL why = {0};

    if (!cmpsrv_setup_cert(NULL, NULL, &what, &why)) {
        fprintf(stderr, "%s\n", why.detail);
        abort();
    }
}

static void remove_deployment(void)
{
    static const char *const files[] = {"ca.crt", "ca.key", "signer.crt", "signer.key",
                                        "c.yaml", "s.db",   "s.db-wal",   "s.db-shm"};

    CMPSRV_SERVER_free(server);
    server = NULL;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(files); i++)
        unlink(in_dir(files[i]));
    rmdir(dir);
}

static void make_deployment(void)
{
    static const char text[] =
        "server: {store: 'sqlite:s.db', log.level: error}\n"
        "cas: {CA: {certificate: ca.crt, key: 'file:ca.key', cmp_signer: {certificate: signer.crt,"
        " key: 'file:signer.key'}}}\n"
        "certificate_profiles: {ENDUSER: {}}\n"
        "end_entity_profiles: {EMPTY: {default_ca: CA, default_certificate_profile: ENDUSER}}\n"
        "aliases: {a: {operationmode: ra, authenticationmodule: HMAC, authenticationparameters: ["
        "'" SECRET "'], ra.caname: CA, allow_mac_rr: yes, message_time_tolerance: off,"
        " transaction_id_min: 1, pbm_iterations: 100..1000}}\n";
    FILE *f;

    snprintf(dir, sizeof(dir), "%s/cmpsrv-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(dir) != NULL);
    make_cert("ca.crt", "ca.key", 1, NULL, NULL);
    make_cert("signer.crt", "signer.key", 0, "ca.crt", "ca.key");
    MUST((f = fopen(in_dir("c.yaml"), "w")) != NULL);
    fputs(text, f);
    fclose(f);
    MUST((server = CMPSRV_SERVER_new(NULL, NULL)) != NULL);
    if (!CMPSRV_SERVER_load(server, in_dir("c.yaml"))) {
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(server));
        abort();
    }
}

static unsigned long granted; /* certificates: a target that gets none looks at nothing */

static void say_how_much(void)
{
    fprintf(stderr, "%lu certificates granted\n", granted);
    remove_deployment();
}

static void renew_deployment(void)
{
    static unsigned n;

    if (n++ % ANEW_AFTER != 0)
        return;
    if (server == NULL)
        atexit(say_how_much);
    else
        remove_deployment();
    make_deployment();
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

static void protect(RUN *r)
{
    const CMPSRV_MAC_POLICY policy = {.macs = 31, .pbm_owf = 31, 100, 1000, 1, 1000};
    CMPSRV_SLICE der = cmpsrv_bytes_slice(&r->der), header = element(der, 0),
                 body = element(der, 1), old = element(der, 2), field, alg;
    CMPSRV_BYTES mac = {NULL, 0}, by = {NULL, 0};
    CMPSRV_MAC_PARAMS params;
    CMPSRV_SECRET *secret;
    CMPSRV_MAC_KEY *key;
    CMPSRV_DERW w = {0};

    if (header.p == NULL || old.p == NULL || (field = header_field(header, 1)).p == NULL)
        return;
    if (!cmpsrv_der_get(&field, DER_CONTEXT_CONSTRUCTED(1), &alg) ||
        !cmpsrv_mac_params_parse(alg, &policy, &params, NULL))
        return;
    secret = cmpsrv_secret_new(SECRET, strlen(SECRET));
    MUST((key = cmpsrv_mac_key_derive(&params, secret)) != NULL);
    MUST(cmpsrv_mac_compute(key, header, body, &mac, NULL));
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_bits(&w, cmpsrv_bytes_slice(&mac));
    cmpsrv_derw_end(&w);
    MUST(cmpsrv_derw_finish(&w, &by));
    replace(r, old, cmpsrv_bytes_slice(&by));
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&by);
    cmpsrv_mac_key_free(key);
    cmpsrv_secret_free(secret);
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
    if (what & PROTECT)
        protect(r);
}

/* ---- what must hold of an answer ---------------------------------------------------------------
 */

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

/* The name stands in the request, however written (one that waits for certConf is sent again), and
 * the key, octet for octet. */
static void check_certificate(CMPSRV_SLICE request, CMPSRV_SLICE cert)
{
    CMPSRV_SLICE content, value, spki, tlv;
    CMPSRV_CERT_VIEW v;
    int has_name = 0, has_key = 0;

    MUST(cmpsrv_cert_view(cert, &v, NULL) && v.version == 2);
    spki = v.spki;
    MUST(cmpsrv_der_get(&spki, DER_SEQUENCE, &content));
    for (size_t i = 0; (tlv = tree_get(request, i)).p != NULL; i++)
        has_name |= tlv.p[0] == DER_SEQUENCE && cmpsrv_name_eq(tlv, v.subject);
    for (size_t i = 0; i + content.n <= request.n; i++)
        has_key |= memcmp(request.p + i, content.p, content.n) == 0;
    MUST(has_name && has_key);
    if (cmpsrv_extension_find(v.extensions, CMPSRV_OID_BASIC_CONSTRAINTS, NULL, &value) == 1)
        MUST(value.n == 2 && value.p[1] == 0); /* an empty SEQUENCE */
}

static void check_no_failure(const CMPSRV_PKIMSG *msg)
{
    static const unsigned char system_failure[] = {0x03, 0x05, 0x06, 0, 0, 0, 0x40};
    CMPSRV_SLICE tlv;

    for (size_t i = 0; (tlv = tree_get(msg->body, i)).p != NULL; i++)
        MUST(!cmpsrv_slice_eq(tlv, cmpsrv_slice(system_failure, sizeof(system_failure))));
}

static void send_message(RUN *r)
{
    unsigned char *answer = NULL;
    size_t n = 0;
    int status = 0;
    CMPSRV_PKIMSG msg;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SLICE cert;

    MUST(CMPSRV_process(server, "/cmp/a", r->der.p, r->der.n, &answer, &n, &status));
    MUST(status == 200 && cmpsrv_pkimsg_parse(cmpsrv_slice(answer, n), &msg, &why));
    MUST(msg.protection.p != NULL);
    check_no_failure(&msg);
    r->nonce_n = msg.sender_nonce.n;
    memcpy(r->nonce, msg.sender_nonce.p, msg.sender_nonce.n);
    if (msg.body_type == CMPSRV_BODY_IP || msg.body_type == CMPSRV_BODY_CP) {
        cert = find_certificate(msg.body);
        if (cert.p != NULL) {
            check_certificate(cmpsrv_bytes_slice(&r->der), cert);
            granted++;
            MUST(cmpsrv_sha256(cert, r->hash));
        }
    }
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

    renew_deployment();
    for (size_t i = 0; i < n; i++) {
        cmpsrv_bytes_clear(&r.der);
        if (m[i].octets.n > 0 && cmpsrv_bytes_set(&r.der, m[i].octets)) {
            prepare(&r, m[i].what);
            send_message(&r);
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
        one->what ^= 1 << seed / 256 % 4;
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
