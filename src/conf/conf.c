/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded configuration: looking things up in it, and freeing it. */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>

#include "conf/conf_local.h"

void cmpsrv_conf_list_clear(CMPSRV_CONF_LIST *list)
{
    for (size_t i = 0; i < list->n; i++)
        OPENSSL_free(list->v[i]);
    OPENSSL_free(list->v);
    memset(list, 0, sizeof(*list));
}

int cmpsrv_conf_list_add(CMPSRV_CONF_LIST *list, const char *text)
{
    char **v = OPENSSL_realloc(list->v, (list->n + 1) * sizeof(*v));

    if (v == NULL)
        return 0;
    list->v = v;
    if ((v[list->n] = OPENSSL_strdup(text)) == NULL)
        return 0;
    list->n++;
    return 1;
}

static void free_signer(CMPSRV_CONF_SIGNER *s)
{
    OPENSSL_free(s->certificate);
    OPENSSL_free(s->key);
    cmpsrv_secret_free(s->passphrase);
}

static void free_ca(CMPSRV_CONF_CA *ca)
{
    OPENSSL_free(ca->name);
    free_signer(&ca->issuer);
    free_signer(&ca->cmp_signer);
    cmpsrv_secret_free(ca->cmp_ra_auth_secret);
    OPENSSL_free(ca->crl_file);
    OPENSSL_free(ca->url_crl);
    OPENSSL_free(ca->url_ocsp);
    OPENSSL_free(ca->url_issuer);
}

static void free_alias(CMPSRV_CONF_ALIAS *a)
{
    for (size_t i = 0; i < a->modules_n; i++) {
        OPENSSL_free(a->modules[i].name);
        cmpsrv_secret_free(a->modules[i].parameter);
    }
    OPENSSL_free(a->modules);
    OPENSSL_free(a->name);
    OPENSSL_free(a->default_ca);
    cmpsrv_conf_list_clear(&a->namegeneration_parameters);
    OPENSSL_free(a->namegeneration_prefix);
    OPENSSL_free(a->namegeneration_postfix);
}

void cmpsrv_conf_free(CMPSRV_CONF *c)
{
    if (c == NULL)
        return;
    cmpsrv_conf_list_clear(&c->server.listen);
    OPENSSL_free(c->server.store);
    cmpsrv_secret_free(c->server.store_key);
    for (size_t i = 0; i < c->cas_n; i++)
        free_ca(&c->cas[i]);
    for (size_t i = 0; i < c->cert_profiles_n; i++) {
        OPENSSL_free(c->cert_profiles[i].name);
        cmpsrv_conf_list_clear(&c->cert_profiles[i].key_algorithms);
        cmpsrv_conf_list_clear(&c->cert_profiles[i].extended_key_usage);
        cmpsrv_conf_list_clear(&c->cert_profiles[i].available_cas);
    }
    for (size_t i = 0; i < c->ee_profiles_n; i++) {
        OPENSSL_free(c->ee_profiles[i].name);
        OPENSSL_free(c->ee_profiles[i].default_ca);
        OPENSSL_free(c->ee_profiles[i].default_certificate_profile);
        cmpsrv_conf_list_clear(&c->ee_profiles[i].available_cas);
        cmpsrv_conf_list_clear(&c->ee_profiles[i].available_certificate_profiles);
    }
    for (size_t i = 0; i < c->aliases_n; i++)
        free_alias(&c->aliases[i]);
    OPENSSL_free(c->cas);
    OPENSSL_free(c->cert_profiles);
    OPENSSL_free(c->ee_profiles);
    OPENSSL_free(c->aliases);
    cmpsrv_conf_list_clear(&c->files);
    OPENSSL_free(c);
}

const CMPSRV_CONF_CA *cmpsrv_conf_ca(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->cas_n; i++)
        if (strcmp(c->cas[i].name, name) == 0)
            return &c->cas[i];
    return NULL;
}

const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias(const CMPSRV_CONF *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->aliases_n; i++)
        if (strlen(c->aliases[i].name) == len && memcmp(c->aliases[i].name, name, len) == 0)
            return &c->aliases[i];
    return NULL;
}
