/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot is all that one load made: the configuration, its CAs with their keys, its RAs, its
 * vendors' CAs. Immutable, but for the table of certificates that have been checked, and counted; a
 * request holds the one it began with to its end.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

void cmpsrv_snapshot_free(CMPSRV_SNAPSHOT *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (size_t i = 0; i < s->cas_n; i++)
        cmpsrv_ca_free(s->cas[i]);
    OPENSSL_free(s->cas);
    for (size_t i = 0; s->ras != NULL && i < s->conf->ras_n; i++)
        cmpsrv_ra_free(s->ras[i]);
    OPENSSL_free(s->ras);
    for (size_t i = 0; s->vendor_cas != NULL && i < s->conf->vendor_cas_n; i++)
        cmpsrv_vendor_ca_free(s->vendor_cas[i]);
    OPENSSL_free(s->vendor_cas);
    cmpsrv_chains_free(s->chains);
    cmpsrv_conf_free(s->conf);
    OPENSSL_free(s);
}

/* Key algorithms that only a provider knows: whether one does. */
static int check_key_algorithms(const CMPSRV_CONF_CERT_PROFILE *p, CMPSRV_SERVER *srv,
                                CMPSRV_CONF_ERRORS *errors)
{
    int ok = 1;

    for (size_t i = 0; i < p->key_algorithms.n; i++) {
        const char *name = p->key_algorithms.v[i];

        if (strchr(name, ':') != NULL || cmpsrv_pubkey_is_offered(srv->libctx, srv->propq, name))
            continue;
        cmpsrv_conf_error(errors, p->pos, "certificate_profiles", p->name, "key_algorithms",
                          "no crypto provider offers keys called \"%s\"", name);
        ok = 0;
    }
    return ok;
}

/* Codes that anybody on the way can read, and requests that anybody can change. */
static void warn_of_unprotected(const CMPSRV_CONF *conf, CMPSRV_LOG *log)
{
    int plain = 0;

    for (size_t i = 0; i < conf->server.listen.n; i++)
        plain |= strncmp(conf->server.listen.v[i], "http://", 7) == 0;
    for (size_t i = 0; plain && i < conf->aliases_n; i++) {
        const CMPSRV_CONF_ALIAS *a = &conf->aliases[i];

        for (size_t m = 0; !a->require_protection && m < a->modules_n; m++)
            if (strcmp(a->modules[m].name, "RegTokenPwd") == 0 || a->modules[m].attribute != NULL)
                cmpsrv_log(log, CMPSRV_LOG_WARNING,
                           "alias %s takes codes in unprotected requests (require_protection: no) "
                           "and the server listens on http://: use https:// only",
                           a->name);
    }
}

/* Everything is tried, so that one load tells all that is wrong. */
static int load_rest(CMPSRV_SNAPSHOT *s, CMPSRV_SERVER *srv, CMPSRV_CONF_ERRORS *errors)
{
    size_t n = s->conf->cas_n;
    int ok = srv->prepare == NULL || srv->prepare(srv->prepare_arg, s->conf, errors);

    if ((s->cas = OPENSSL_zalloc(n * sizeof(CMPSRV_CA *) + 1)) == NULL ||
        (s->ras = OPENSSL_zalloc(s->conf->ras_n * sizeof(CMPSRV_RA *) + 1)) == NULL ||
        (s->vendor_cas = OPENSSL_zalloc(s->conf->vendor_cas_n * sizeof(CMPSRV_VENDOR_CA *) + 1)) ==
            NULL ||
        (s->chains = cmpsrv_chains_new()) == NULL)
        return 0;
    s->cas_n = n;
    warn_of_unprotected(s->conf, srv->log);
    for (size_t i = 0; i < n; i++) {
        s->cas[i] = cmpsrv_ca_load(srv->libctx, srv->propq, &s->conf->cas[i], srv->log, errors);
        ok &= s->cas[i] != NULL;
    }
    for (size_t i = 0; i < s->conf->cert_profiles_n; i++)
        ok &= check_key_algorithms(&s->conf->cert_profiles[i], srv, errors);
    for (size_t i = 0; i < s->conf->ras_n; i++)
        ok &= (s->ras[i] = cmpsrv_ra_load(&s->conf->ras[i], errors)) != NULL;
    for (size_t i = 0; i < s->conf->vendor_cas_n; i++)
        ok &= (s->vendor_cas[i] =
                   cmpsrv_vendor_ca_load(srv->libctx, srv->propq, &s->conf->vendor_cas[i],
                                         cmpsrv_time_now(), errors)) != NULL;
    return ok;
}

CMPSRV_SNAPSHOT *cmpsrv_snapshot_load(CMPSRV_SERVER *srv, const char *file,
                                      const CMPSRV_CONF *current, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_SNAPSHOT *s = OPENSSL_zalloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    atomic_init(&s->refs, 1);
    if ((s->conf = cmpsrv_conf_load(file, current, errors)) == NULL || !load_rest(s, srv, errors)) {
        cmpsrv_snapshot_free(s);
        return NULL;
    }
    return s;
}

const CMPSRV_CA *cmpsrv_snapshot_ca(const CMPSRV_SNAPSHOT *s, const CMPSRV_CONF_CA *conf)
{
    for (size_t i = 0; conf != NULL && i < s->cas_n; i++)
        if (s->cas[i]->conf == conf)
            return s->cas[i];
    return NULL;
}

const CMPSRV_CA *cmpsrv_snapshot_ca_by_id(const CMPSRV_SNAPSHOT *s, const unsigned char *id)
{
    for (size_t i = 0; i < s->cas_n; i++)
        if (memcmp(s->cas[i]->id, id, CMPSRV_HASH) == 0)
            return s->cas[i];
    return NULL;
}
