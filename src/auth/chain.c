/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path validation of a signer's certificate (RFC 5280 6), and a table of those that have passed, so
 * that it is done once a certificate. What may change after, the dates and the status in the store,
 * is looked at every time; a reload starts with an empty table. Certificates of our own CAs come
 * here from the store, those of vendors after vendor.c has verified their signatures: no stranger's
 * octets.
 */
#include "config.h"

#include "auth/auth_local.h"

#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#define SLOTS 4096 /* one certificate each; the newer one stays */

struct cmpsrv_chains_st {
    pthread_mutex_t lock;
    struct slot {
        unsigned char key[CMPSRV_HASH]; /* of the CA, the certificate, and whatever else counted */
        X509 *cert;
        int64_t from, until; /* ms UTC: when all of its path is valid */
    } slots[SLOTS];
};

CMPSRV_CHAINS *cmpsrv_chains_new(void)
{
    CMPSRV_CHAINS *c = OPENSSL_zalloc(sizeof(*c));

    if (c != NULL)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void cmpsrv_chains_free(CMPSRV_CHAINS *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        X509_free(c->slots[i].cert);
    pthread_mutex_destroy(&c->lock);
    OPENSSL_free(c);
}

static struct slot *slot_of(CMPSRV_CHAINS *c, const unsigned char key[CMPSRV_HASH])
{
    return &c->slots[(key[0] << 8 | key[1]) % SLOTS];
}

X509 *cmpsrv_chains_get1(CMPSRV_CHAINS *c, const unsigned char key[CMPSRV_HASH], int64_t now)
{
    struct slot *s = slot_of(c, key);
    X509 *found = NULL;

    pthread_mutex_lock(&c->lock);
    if (s->cert != NULL && memcmp(s->key, key, CMPSRV_HASH) == 0 && s->from <= now &&
        now <= s->until && X509_up_ref(s->cert))
        found = s->cert;
    pthread_mutex_unlock(&c->lock);
    return found;
}

void cmpsrv_chains_put(CMPSRV_CHAINS *c, const unsigned char key[CMPSRV_HASH], X509 *cert,
                       int64_t from, int64_t until)
{
    struct slot *s = slot_of(c, key);

    if (!X509_up_ref(cert))
        return;
    pthread_mutex_lock(&c->lock);
    X509_free(s->cert);
    s->cert = cert;
    s->from = from;
    s->until = until;
    memcpy(s->key, key, CMPSRV_HASH);
    pthread_mutex_unlock(&c->lock);
}

static int make_key(const CMPSRV_AUTH_CA *ca, CMPSRV_SLICE der, unsigned char key[CMPSRV_HASH])
{
    unsigned char both[2 * CMPSRV_HASH];

    memcpy(both, ca->id, CMPSRV_HASH);
    return cmpsrv_sha256(der, both + CMPSRV_HASH) &&
           cmpsrv_sha256(cmpsrv_slice(both, sizeof(both)), key);
}

int cmpsrv_chain_check_dates(const CMPSRV_AUTH_INPUT *in, const CMPSRV_CERT_VIEW *view,
                             CMPSRV_REFUSAL *why)
{
    char when[25];

    if (in->now < view->not_before || in->now > view->not_after)
        return cmpsrv_refuse(
            why, CMPSRV_R_SIGNER_NOT_TRUSTED,
            "RFC 5280 6.1.3: the signer's certificate is not valid %s %s",
            in->now < view->not_before ? "before" : "after",
            cmpsrv_time_iso(in->now < view->not_before ? view->not_before : view->not_after, when));
    return 1;
}

static int check_ca_dates(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                          CMPSRV_REFUSAL *why)
{
    return in->now <= ca->not_after ||
           cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED, "the signer's CA has expired");
}

int cmpsrv_chain_verify(const CMPSRV_AUTH_INPUT *in, X509 *anchor, STACK_OF(X509) * between,
                        X509 *cert, CMPSRV_REFUSAL *why)
{
    X509_STORE *anchors = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(in->libctx, in->propq);
    int ok = 0;

    if (anchors == NULL || ctx == NULL || !X509_STORE_add_cert(anchors, anchor) ||
        !X509_STORE_CTX_init(ctx, anchors, cert, between)) {
        cmpsrv_fail(why, "cannot set up path validation");
        goto end;
    }
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(in->now / 1000));
    ok = X509_verify_cert(ctx) == 1 ||
         cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED,
                       "RFC 5280 6: no path from the signer's certificate to its CA: %s",
                       X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
end:
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(anchors);
    ERR_clear_error();
    return ok;
}

X509 *cmpsrv_chain_decode(const CMPSRV_AUTH_INPUT *in, CMPSRV_SLICE der)
{
    const unsigned char *p = der.p;
    X509 *cert = X509_new_ex(in->libctx, in->propq);

    if (cert != NULL && d2i_X509(&cert, &p, (long)der.n) != NULL)
        return cert;
    X509_free(cert);
    ERR_clear_error();
    return NULL;
}

X509 *cmpsrv_chain_check(const CMPSRV_AUTH_INPUT *in, const CMPSRV_AUTH_CA *ca,
                         const CMPSRV_CERT_VIEW *view, CMPSRV_REFUSAL *why)
{
    unsigned char key[CMPSRV_HASH];
    X509 *cert;

    if (!cmpsrv_chain_check_dates(in, view, why) || !check_ca_dates(in, ca, why))
        return NULL;
    if (!make_key(ca, view->der, key)) {
        cmpsrv_fail(why, "cannot hash a certificate");
        return NULL;
    }
    if ((cert = cmpsrv_chains_get1(in->chains, key, in->now)) != NULL)
        return cert;
    if ((cert = cmpsrv_chain_decode(in, view->der)) == NULL) {
        cmpsrv_refuse(why, CMPSRV_R_SIGNER_NOT_TRUSTED, "the signer's certificate is not readable");
        return NULL;
    }
    /* The CA is the anchor and there is nothing between: so it has issued the certificate itself.
     */
    if (cmpsrv_chain_verify(in, ca->cert, NULL, cert, why)) {
        cmpsrv_chains_put(in->chains, key, cert, view->not_before,
                          view->not_after < ca->not_after ? view->not_after : ca->not_after);
        return cert;
    }
    X509_free(cert);
    return NULL;
}
