/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of one transaction, made once by `prepare` with a key of their own: everything in
 * them that costs (key, proof of possession, derivation or signature) is done here. Called from any
 * number of threads. What changes from run to run stays at places that the entry names.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ca/ca.h"

#define OID_IMPLICIT_CONFIRM DER_OID_SLICE("\x2b\x06\x01\x05\x05\x07\x04\x0d")

/* One transaction in the making. */
typedef struct {
    const BENCH_RECIPE *recipe;
    const BENCH_WORKLOAD *workload;
    BENCH_ENTRY *entry;
    EVP_PKEY *key;
    CMPSRV_BYTES spki, subject, sender, recipient, body;
    CMPSRV_DERW data; /* what goes into the pack, one after the other */
    CMPSRV_REFUSAL *why;
} MAKING;

static int no_memory(MAKING *m)
{
    return cmpsrv_fail(m->why, "out of memory");
}

static BENCH_SPAN store(MAKING *m, CMPSRV_SLICE s)
{
    BENCH_SPAN span = {m->data.n, s.n};

    cmpsrv_derw_raw(&m->data, s);
    return span;
}

/* ---- key and names -----------------------------------------------------------------------------
 */

/* Every %d of the pattern becomes the index; nothing else in it means anything. */
static int make_subject(MAKING *m, size_t index)
{
    const char *p = m->recipe->subject;
    char text[1024];
    size_t n = 0;

    while (*p != '\0' && n < sizeof(text) - 24) {
        if (p[0] == '%' && p[1] == 'd') {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%zu", index);
            p += 2;
        } else {
            text[n++] = *p++;
        }
    }
    text[n] = '\0';
    if (*p != '\0')
        return cmpsrv_refuse(m->why, CMPSRV_R_BAD_NAME, "the subject is longer than 1000 octets");
    return cmpsrv_name_parse(text, &m->subject, m->why);
}

static int general_name(CMPSRV_SLICE name, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(4));
    cmpsrv_derw_raw(&w, name);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* RFC 9483 3.1: the commonName of who protects by MAC is its senderKID. */
static int ref_name(const char *ref, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SET);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_oid_text(&w, "2.5.4.3");
    cmpsrv_derw_utf8(&w, ref);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

static int cert_subject(const X509 *cert, CMPSRV_BYTES *out)
{
    const unsigned char *der;
    size_t n;

    return X509_NAME_get0_der(X509_get_subject_name(cert), &der, &n) &&
           cmpsrv_bytes_set(out, cmpsrv_slice(der, n));
}

static int make_ends(MAKING *m)
{
    const BENCH_RECIPE *r = m->recipe;
    CMPSRV_BYTES name = {NULL, 0};
    int is_signed = m->workload->protection == BENCH_SIGNATURE, ok;

    ok = (is_signed ? cert_subject(r->certs[0], &name) : ref_name(r->ref, &name)) &&
         general_name(cmpsrv_bytes_slice(&name), &m->sender);
    cmpsrv_bytes_clear(&name);
    if (ok && r->recipient == NULL)
        ok = cmpsrv_bytes_set(&name, DER_OID_SLICE("\x30\x00"));
    else if (ok && !cmpsrv_name_parse(r->recipient, &name, m->why))
        return 0;
    ok = ok && general_name(cmpsrv_bytes_slice(&name), &m->recipient);
    cmpsrv_bytes_clear(&name);
    return ok || no_memory(m);
}

static int make_key(MAKING *m)
{
    unsigned char *der = NULL;
    int n;

    if ((m->key = cmpsrv_setup_key(NULL, NULL, m->recipe->key_type, m->why)) == NULL)
        return 0;
    if ((n = i2d_PUBKEY(m->key, &der)) <= 0)
        return cmpsrv_fail(m->why, "cannot encode the public key");
    m->spki = (CMPSRV_BYTES){der, (size_t)n};
    return 1;
}

/* ---- bodies ------------------------------------------------------------------------------------
 */

/* CertRequest ::= SEQUENCE { certReqId, certTemplate { subject [5], publicKey [6] } } */
static int cert_request(const MAKING *m, CMPSRV_BYTES *out)
{
    CMPSRV_SLICE spki = cmpsrv_bytes_slice(&m->spki), content;
    CMPSRV_DERW w = {0};

    if (!cmpsrv_der_get(&spki, DER_SEQUENCE, &content))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, 0);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(5), cmpsrv_bytes_slice(&m->subject));
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(6), content);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes [0] } */
static int p10_info(const MAKING *m, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, 0);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&m->subject));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&m->spki));
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* What is signed, then algorithm and signature: in a CertReqMsg under popo's [1] (RFC 4211 4), in a
 * CertificationRequest beside it (RFC 2986 4.2). */
static int put_request(MAKING *m, CMPSRV_SLICE to_sign, CMPSRV_SLICE alg, CMPSRV_SLICE signature)
{
    int is_p10 = m->workload->body == CMPSRV_BODY_P10CR;
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(m->workload->body));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    if (!is_p10)
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, to_sign);
    if (!is_p10)
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
    cmpsrv_derw_raw(&w, alg);
    cmpsrv_derw_bits(&w, signature);
    while (!w.failed && w.depth > 0)
        cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, &m->body);
}

static int make_body(MAKING *m)
{
    CMPSRV_BYTES to_sign = {NULL, 0}, alg = {NULL, 0}, signature = {NULL, 0};
    int ok;

    ok = m->workload->body == CMPSRV_BODY_P10CR ? p10_info(m, &to_sign) : cert_request(m, &to_sign);
    ok = (ok || no_memory(m)) && cmpsrv_sig_algid(m->key, 0, &alg, m->why) &&
         cmpsrv_sig_make(NULL, NULL, m->key, cmpsrv_bytes_slice(&alg), cmpsrv_bytes_slice(&to_sign),
                         &signature, m->why) &&
         (put_request(m, cmpsrv_bytes_slice(&to_sign), cmpsrv_bytes_slice(&alg),
                      cmpsrv_bytes_slice(&signature)) ||
          no_memory(m));
    cmpsrv_bytes_clear(&to_sign);
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&signature);
    return ok;
}

/* CertConfirmContent ::= SEQUENCE OF SEQUENCE { certHash, certReqId, ... } */
int bench_message_certconf(CMPSRV_SLICE cert_hash, CMPSRV_BYTES *body)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(CMPSRV_BODY_CERTCONF));
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_put(&w, DER_OCTET_STRING, cert_hash);
    cmpsrv_derw_int64(&w, 0);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, body);
}

/* ---- header and frame --------------------------------------------------------------------------
 */

static void put_octets(CMPSRV_DERW *w, int n, CMPSRV_SLICE octets)
{
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(n));
    cmpsrv_derw_put(w, DER_OCTET_STRING, octets);
    cmpsrv_derw_end(w);
}

static void put_implicit_confirm(CMPSRV_DERW *w)
{
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(8));
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, OID_IMPLICIT_CONFIRM);
    cmpsrv_derw_null(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
}

/* Without messageTime, so that a pack does not grow old. */
static int make_header(MAKING *m, CMPSRV_SLICE alg, CMPSRV_SLICE kid, int is_confirm,
                       CMPSRV_BYTES *out)
{
    unsigned char fresh[BENCH_TID + 2 * BENCH_NONCE];
    CMPSRV_DERW w = {0};

    if (!cmpsrv_random(fresh, sizeof(fresh)))
        return 0;
    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_int64(&w, 2);
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&m->sender));
    cmpsrv_derw_raw(&w, cmpsrv_bytes_slice(&m->recipient));
    cmpsrv_derw_put(&w, DER_CONTEXT_CONSTRUCTED(1), alg);
    if (kid.n > 0)
        put_octets(&w, 2, kid);
    put_octets(&w, 4, cmpsrv_slice(fresh, BENCH_TID));
    put_octets(&w, 5, cmpsrv_slice(fresh + BENCH_TID, BENCH_NONCE));
    if (is_confirm)
        put_octets(&w, 6, cmpsrv_slice(fresh + BENCH_TID + BENCH_NONCE, BENCH_NONCE));
    else if (!m->workload->confirms)
        put_implicit_confirm(&w);
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

int bench_message_frame(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_SLICE protection,
                        const CMPSRV_SLICE *certs, size_t certs_n, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    cmpsrv_derw_begin(&w, DER_SEQUENCE);
    cmpsrv_derw_raw(&w, header);
    cmpsrv_derw_raw(&w, body);
    cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(0));
    cmpsrv_derw_bits(&w, protection);
    cmpsrv_derw_end(&w);
    if (certs_n > 0) {
        cmpsrv_derw_begin(&w, DER_CONTEXT_CONSTRUCTED(1));
        cmpsrv_derw_begin(&w, DER_SEQUENCE);
        for (size_t i = 0; i < certs_n; i++)
            cmpsrv_derw_raw(&w, certs[i]);
        cmpsrv_derw_end(&w);
        cmpsrv_derw_end(&w);
    }
    cmpsrv_derw_end(&w);
    return cmpsrv_derw_finish(&w, out);
}

/* Where in the header the octets stand, as the server's own parser finds them: so the message is
 * one that it can read, too. */
static int find_places(MAKING *m, CMPSRV_SLICE message, BENCH_PART *part)
{
    CMPSRV_PKIMSG msg;

    if (!cmpsrv_pkimsg_parse(message, &msg, m->why))
        return 0;
    part->tid = (uint32_t)(msg.transaction_id.p - msg.header.p);
    part->sender_nonce = (uint32_t)(msg.sender_nonce.p - msg.header.p);
    if (msg.recip_nonce.p != NULL)
        part->recip_nonce = (uint32_t)(msg.recip_nonce.p - msg.header.p);
    if (msg.header.n > BENCH_MAX_HEADER)
        return cmpsrv_refuse(m->why, CMPSRV_R_LIMIT_EXCEEDED,
                             "the names make a header of more than %d octets", BENCH_MAX_HEADER);
    return 1;
}

/* ---- protection by MAC -------------------------------------------------------------------------
 */

static CMPSRV_MAC_PARAMS mac_params(const MAKING *m, CMPSRV_SLICE salt)
{
    int is_pbm = m->workload->protection == BENCH_PBM;
    CMPSRV_MAC_PARAMS p = {.salt = salt,
                           .owf = CMPSRV_MD_SHA256,
                           .mac = CMPSRV_MD_SHA256,
                           .iterations = m->recipe->iterations,
                           .scheme = is_pbm ? CMPSRV_MAC_PBM : CMPSRV_MAC_PBMAC1,
                           .key_len = BENCH_KEY};

    if (p.iterations == 0)
        p.iterations = is_pbm ? 500 : 2048;
    return p;
}

/* The octets of PBM's BASEKEY or PBMAC1's key, which cmpsrv_mac_key_derive() does not give away. */
static int derive(const MAKING *m, const CMPSRV_MAC_PARAMS *p, unsigned char key[BENCH_KEY])
{
    CMPSRV_SLICE secret = cmpsrv_secret_get0(m->recipe->secret);
    EVP_MD_CTX *ctx;
    int ok;

    if (p->scheme == CMPSRV_MAC_PBMAC1)
        return PKCS5_PBKDF2_HMAC((const char *)secret.p, (int)secret.n, p->salt.p, (int)p->salt.n,
                                 (int)p->iterations, EVP_sha256(), BENCH_KEY, key);
    ctx = EVP_MD_CTX_new();
    ok = ctx != NULL && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) &&
         EVP_DigestUpdate(ctx, secret.p, secret.n) && EVP_DigestUpdate(ctx, p->salt.p, p->salt.n) &&
         EVP_DigestFinal_ex(ctx, key, NULL);
    for (int64_t i = 1; ok && i < p->iterations; i++)
        ok = EVP_DigestInit_ex2(ctx, NULL, NULL) && EVP_DigestUpdate(ctx, key, BENCH_KEY) &&
             EVP_DigestFinal_ex(ctx, key, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* body absent: certConf, which gets one when there is a certificate to confirm. */
static int make_mac_part(MAKING *m, CMPSRV_SLICE body, BENCH_PART *part)
{
    static const unsigned char zeros[BENCH_KEY];
    CMPSRV_SLICE zero = cmpsrv_slice(zeros, sizeof(zeros));
    unsigned char salt[BENCH_SALT];
    CMPSRV_MAC_PARAMS params = mac_params(m, cmpsrv_slice(salt, sizeof(salt)));
    CMPSRV_BYTES alg = {NULL, 0}, header = {NULL, 0}, message = {NULL, 0}, confirm = {NULL, 0};
    int is_confirm = body.p == NULL, ok;

    ok = cmpsrv_random(salt, sizeof(salt)) && derive(m, &params, part->key) &&
         cmpsrv_mac_algid(&params, params.salt, &alg) &&
         make_header(m, cmpsrv_bytes_slice(&alg), cmpsrv_slice_str(m->recipe->ref), is_confirm,
                     &header) &&
         bench_message_certconf(zero, &confirm) &&
         bench_message_frame(cmpsrv_bytes_slice(&header),
                             is_confirm ? cmpsrv_bytes_slice(&confirm) : body, zero, NULL, 0,
                             &message);
    ok = (ok || cmpsrv_fail(m->why, "cannot protect a message by MAC")) &&
         find_places(m, cmpsrv_bytes_slice(&message), part);
    if (ok) {
        part->has_key = 1;
        part->header = store(m, cmpsrv_bytes_slice(&header));
        if (!is_confirm)
            part->body = store(m, body);
    }
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&header);
    cmpsrv_bytes_clear(&message);
    cmpsrv_bytes_clear(&confirm);
    return ok;
}

static int make_mac_messages(MAKING *m)
{
    return make_mac_part(m, cmpsrv_bytes_slice(&m->body), &m->entry->first) &&
           (!m->workload->confirms || make_mac_part(m, cmpsrv_slice(NULL, 0), &m->entry->confirm));
}

/* ---- protection by signature -------------------------------------------------------------------
 */

static CMPSRV_SLICE key_id(X509 *cert)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(cert);

    return ski == NULL ? cmpsrv_slice(NULL, 0)
                       : cmpsrv_slice(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski));
}

static int sign_message(MAKING *m, CMPSRV_SLICE alg, CMPSRV_SLICE header, CMPSRV_BYTES *message)
{
    const BENCH_RECIPE *r = m->recipe;
    CMPSRV_SLICE certs[CMPSRV_MAX_EXTRA_CERTS], body = cmpsrv_bytes_slice(&m->body);
    unsigned char *der[CMPSRV_MAX_EXTRA_CERTS] = {NULL};
    CMPSRV_BYTES part = {NULL, 0}, signature = {NULL, 0};
    int ok = r->certs_n <= CMPSRV_MAX_EXTRA_CERTS;

    for (size_t i = 0; ok && i < r->certs_n; i++) {
        int n = i2d_X509(r->certs[i], &der[i]);

        ok = n > 0;
        certs[i] = cmpsrv_slice(der[i], ok ? (size_t)n : 0);
    }
    ok = ok && cmpsrv_protected_part(header, body, &part) &&
         cmpsrv_sig_make(NULL, NULL, r->key, alg, cmpsrv_bytes_slice(&part), &signature, m->why) &&
         bench_message_frame(header, body, cmpsrv_bytes_slice(&signature), certs, r->certs_n,
                             message);
    for (size_t i = 0; i < CMPSRV_MAX_EXTRA_CERTS; i++)
        OPENSSL_free(der[i]);
    cmpsrv_bytes_clear(&part);
    cmpsrv_bytes_clear(&signature);
    return ok || cmpsrv_fail(m->why, "cannot sign a message");
}

/* Signed as a whole: transactionID and nonce stay as they are. */
static int make_signed_message(MAKING *m)
{
    BENCH_ENTRY *e = m->entry;
    CMPSRV_BYTES alg = {NULL, 0}, header = {NULL, 0}, message = {NULL, 0};
    CMPSRV_PKIMSG msg;
    int ok;

    ok = cmpsrv_sig_algid(m->recipe->key, 0, &alg, m->why) &&
         (make_header(m, cmpsrv_bytes_slice(&alg), key_id(m->recipe->certs[0]), 0, &header) ||
          no_memory(m)) &&
         sign_message(m, cmpsrv_bytes_slice(&alg), cmpsrv_bytes_slice(&header), &message) &&
         find_places(m, cmpsrv_bytes_slice(&message), &e->first) &&
         cmpsrv_pkimsg_parse(cmpsrv_bytes_slice(&message), &msg, m->why);
    if (ok) {
        e->whole = store(m, cmpsrv_bytes_slice(&message));
        e->first.header =
            (BENCH_SPAN){e->whole.off + (uint64_t)(msg.header.p - message.p), msg.header.n};
    }
    cmpsrv_bytes_clear(&alg);
    cmpsrv_bytes_clear(&header);
    cmpsrv_bytes_clear(&message);
    return ok;
}

int bench_message_make(const BENCH_RECIPE *r, size_t index, BENCH_ENTRY *entry, CMPSRV_BYTES *data,
                       CMPSRV_REFUSAL *why)
{
    MAKING m = {.recipe = r, .entry = entry, .why = why};
    int ok;

    m.workload = bench_workload_at(r->workload, index);
    memset(entry, 0, sizeof(*entry));
    entry->workload = (uint32_t)(m.workload - bench_workloads);
    ok = make_subject(&m, index) && make_ends(&m) && make_key(&m) && make_body(&m) &&
         (m.workload->protection == BENCH_SIGNATURE ? make_signed_message(&m)
                                                    : make_mac_messages(&m));
    if (ok) {
        entry->spki = store(&m, cmpsrv_bytes_slice(&m.spki));
        ok = cmpsrv_derw_finish(&m.data, data) || no_memory(&m);
    }
    cmpsrv_derw_clear(&m.data);
    cmpsrv_bytes_clear(&m.spki);
    cmpsrv_bytes_clear(&m.subject);
    cmpsrv_bytes_clear(&m.sender);
    cmpsrv_bytes_clear(&m.recipient);
    cmpsrv_bytes_clear(&m.body);
    EVP_PKEY_free(m.key);
    return ok;
}
