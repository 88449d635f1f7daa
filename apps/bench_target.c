/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests go: a URL taken apart and resolved once, with the TLS context of https. */
#include "config.h"

#include "apps/bench_load.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>

static int copy_part(char *to, size_t size, const char *from, size_t n)
{
    if (n == 0 || n >= size)
        return 0;
    memcpy(to, from, n);
    to[n] = '\0';
    return 1;
}

/* "host[:port]" or "[v6]:port". */
static int split_authority(BENCH_TARGET *t, const char *at, size_t n)
{
    const char *end = at + n, *host = at, *stop;

    if (*at == '[') {
        host++;
        if ((stop = memchr(at, ']', n)) == NULL)
            return 0;
        at = stop + 1;
    } else {
        if ((stop = memchr(at, ':', n)) == NULL)
            stop = end;
        at = stop;
    }
    if (!copy_part(t->host, sizeof(t->host), host, (size_t)(stop - host)))
        return 0;
    return at == end ||
           (*at == ':' && copy_part(t->port, sizeof(t->port), at + 1, (size_t)(end - at - 1)));
}

/* *tls is whether it is https. */
static int split_url(BENCH_TARGET *t, const char *url, int *tls)
{
    size_t n;

    *tls = strncasecmp(url, "https://", 8) == 0;
    if (!*tls && strncasecmp(url, "http://", 7) != 0)
        return 0;
    url += *tls ? 8 : 7;
    n = strcspn(url, "/");
    snprintf(t->port, sizeof(t->port), "%d", *tls ? 443 : 80);
    return split_authority(t, url, n) &&
           copy_part(t->path, sizeof(t->path), url[n] == '\0' ? "/" : url + n,
                     url[n] == '\0' ? 1 : strlen(url + n)) &&
           strpbrk(t->path, " \r\n") == NULL && strpbrk(t->host, " \r\n") == NULL;
}

static int resolve(BENCH_TARGET *t)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(t->host, t->port, &hints, &found);

    if (code != 0) {
        bench_fail("%s: %s", t->host, gai_strerror(code));
        return 0;
    }
    memcpy(&t->address, found->ai_addr, found->ai_addrlen);
    t->address_n = found->ai_addrlen;
    freeaddrinfo(found);
    return 1;
}

static int tls_failed(const char *what, const char *file)
{
    bench_fail("%s %s: %s", what, file, ERR_reason_error_string(ERR_peek_last_error()));
    return 0;
}

static int set_up_tls(BENCH_TARGET *t, const char *ca, const char *cert, const char *key)
{
    if (ca == NULL) {
        bench_usage_error("https needs --tls-ca FILE: the server's certificate is always checked");
        return 0;
    }
    if ((t->tls = SSL_CTX_new(TLS_client_method())) == NULL)
        return tls_failed("no TLS for", t->host);
    SSL_CTX_set_verify(t->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(t->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_load_verify_file(t->tls, ca) != 1)
        return tls_failed("--tls-ca", ca);
    if (cert != NULL && SSL_CTX_use_certificate_chain_file(t->tls, cert) != 1)
        return tls_failed("--tls-cert", cert);
    if (cert != NULL &&
        SSL_CTX_use_PrivateKey_file(t->tls, key == NULL ? cert : key, SSL_FILETYPE_PEM) != 1)
        return tls_failed("--tls-key", key == NULL ? cert : key);
    return 1;
}

int bench_target_init(BENCH_TARGET *t, const char *url, const char *tls_ca, const char *tls_cert,
                      const char *tls_key)
{
    int tls, v6;

    if (!split_url(t, url, &tls)) {
        bench_usage_error("%s is no URL like http://HOST[:PORT]/PATH", url);
        return 0;
    }
    if (!resolve(t) || (tls && !set_up_tls(t, tls_ca, tls_cert, tls_key)))
        return 0;
    v6 = strchr(t->host, ':') != NULL;
    snprintf(t->head, sizeof(t->head),
             "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: application/pkixcmp\r\n"
             "Connection: keep-alive\r\nContent-Length: ",
             t->path, v6 ? "[" : "", t->host, v6 ? "]" : "", t->port);
    return 1;
}

void bench_target_clear(BENCH_TARGET *t)
{
    SSL_CTX_free(t->tls);
    t->tls = NULL;
}
