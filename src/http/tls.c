/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS of https listeners: one SSL_CTX from a signer and the CAs of client certificates. Called
 * when a configuration is put to use; what it holds is immutable after that. Versions and ciphers
 * are OpenSSL's choice at security level 2, from TLS 1.2 on. No session outlives its connection, so
 * there is neither a cache nor a ticket key to keep.
 */
#include "config.h"

#include "http/http.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define SECURITY_LEVEL 2 /* 112 bit */

static int use_signer(SSL_CTX *ctx, const CMPSRV_SIGNER *s)
{
    if (SSL_CTX_use_certificate(ctx, s->cert) != 1 || SSL_CTX_use_PrivateKey(ctx, s->key) != 1)
        return 0;
    for (size_t i = 0; i < s->chain_n; i++) {
        const unsigned char *p = s->chain[i].p;
        X509 *x = d2i_X509(NULL, &p, (long)s->chain[i].n);

        if (x == NULL || SSL_CTX_add0_chain_cert(ctx, x) != 1) {
            X509_free(x);
            return 0;
        }
    }
    return 1;
}

static int use_client_ca(SSL_CTX *ctx, const char *file, int required)
{
    static const unsigned char id[] = "cmpsrv"; /* wanted with client certificates */
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

    if (names == NULL || sk_X509_NAME_num(names) == 0 || SSL_CTX_load_verify_file(ctx, file) != 1 ||
        SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return 0;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    return 1;
}

SSL_CTX *cmpsrv_http_tls_new(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_SIGNER *signer,
                             const char *client_ca, int client_required, CMPSRV_REFUSAL *why)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, propq, TLS_server_method());

    ERR_clear_error();
    if (ctx == NULL) {
        cmpsrv_fail(why, "TLS: no memory");
        return NULL;
    }
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 || !use_signer(ctx, signer))
        cmpsrv_fail(why, "TLS: the certificate or key cannot be used");
    else if (client_ca != NULL && !use_client_ca(ctx, client_ca, client_required))
        cmpsrv_fail(why, "TLS: %s has no CA certificates", client_ca);
    else
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}
