/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no key alone can tell: references between sections, keys that need each other, what a
 * running server is built on. Runs after every value was read and moved; keeps quiet about keys
 * that were refused already. Aliases have files of their own.
 */
#include "config.h"

#include "conf/check_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- references -------------------------------------------------------------------------------
 */

/* What there is to refer to, for the error. */
const char *cmpsrv_conf_known_names(CONF_LOAD *l, const char *section)
{
    const char *out = NULL;
    size_t n = 0;

    for (const CONF_ENTRY *e = l->entries; e != NULL && n < 8; e = e->next)
        if (strcmp(e->section->name, section) == 0) {
            char quoted[80];

            out = cmpsrv_conf_textf(l, "%s%s%s", out == NULL ? "" : out, out == NULL ? "" : ", ",
                                    cmpsrv_conf_quote(e->name, quoted));
            n++;
        }
    return out == NULL ? "(there is none)" : out;
}

/* The object of that name; NULL with an error at `pos`. */
static void *find_named(CONF_LOAD *l, const CONF_ENTRY *e, const char *key, CMPSRV_CONF_POS pos,
                        const char *section, const char *name)
{
    const CONF_ENTRY *target = cmpsrv_conf_entry(l, section, name);
    char quoted[80];

    if (target != NULL)
        return target->pub;
    cmpsrv_conf_complain(
        l, pos, e->section->name, e->name, key, "\"%s\" does not exist%s; allowed: any of %s: %s",
        cmpsrv_conf_quote(name, quoted), cmpsrv_conf_given(e, key) == NULL ? " (the default)" : "",
        section, cmpsrv_conf_known_names(l, section));
    return NULL;
}

/* NULL without an error where there is no name: none was given, or it was refused already. */
void *cmpsrv_conf_check_name(CONF_LOAD *l, const CONF_ENTRY *e, const char *key,
                             const char *section, const char *name)
{
    if (name == NULL)
        return NULL;
    return find_named(l, e, key, cmpsrv_conf_pos(e, key), section, name);
}

void cmpsrv_conf_check_names(CONF_LOAD *l, const CONF_ENTRY *e, const char *key,
                             const char *section, const CMPSRV_CONF_LIST *names)
{
    const CONF_NODE *node = cmpsrv_conf_given(e, key);

    if (node == NULL || cmpsrv_conf_is_bad(e, key))
        return;
    for (size_t i = 0; i < names->n; i++)
        find_named(l, e, key, node->kind == CONF_LIST ? node->items[i]->pos : node->pos, section,
                   names->v[i]);
}

/* ---- the sections -----------------------------------------------------------------------------
 */

/* A certificate without its key is of no use, nor is the reverse. */
static void check_signer(CONF_LOAD *l, const CONF_ENTRY *e, CMPSRV_CONF_SIGNER *signer,
                         const char *certificate, const char *key, const char *passphrase)
{
    const char *has = NULL, *lacks = NULL;

    signer->pos = cmpsrv_conf_pos(e, certificate);
    if (cmpsrv_conf_given(e, certificate) == NULL) {
        lacks = certificate;
        has = cmpsrv_conf_given(e, key) != NULL ? key : passphrase;
    } else if (cmpsrv_conf_given(e, key) == NULL) {
        has = certificate;
        lacks = key;
    }
    if (has != NULL && cmpsrv_conf_given(e, has) != NULL)
        complain_at(l, e, has, "stands without %s", lacks);
}

static void check_ca(CONF_LOAD *l, CONF_ENTRY *e)
{
    CMPSRV_CONF_CA *ca = e->pub;

    ca->issuer.pos = cmpsrv_conf_pos(e, "certificate");
    check_signer(l, e, &ca->cmp_signer, "cmp_signer.certificate", "cmp_signer.key",
                 "cmp_signer.passphrase");
}

static void check_cert_profile(CONF_LOAD *l, CONF_ENTRY *e)
{
    const CMPSRV_CONF_CERT_PROFILE *p = e->pub;

    cmpsrv_conf_check_names(l, e, "available_cas", "cas", &p->available_cas);
    if (p->overridable_extensions.n > 0 && !p->allow_extension_override &&
        !cmpsrv_conf_is_bad(e, "allow_extension_override"))
        complain_at(l, e, "overridable_extensions", "stands without allow_extension_override: yes");
}

static void check_ee_profile(CONF_LOAD *l, CONF_ENTRY *e)
{
    const CMPSRV_CONF_EE_PROFILE *p = e->pub;
    const CMPSRV_CONF_CERT_PROFILE *cp =
        cmpsrv_conf_check_name(l, e, "default_certificate_profile", "certificate_profiles",
                               p->default_certificate_profile);
    const CMPSRV_CONF_CA *ca = cmpsrv_conf_check_name(l, e, "default_ca", "cas", p->default_ca);

    cmpsrv_conf_check_names(l, e, "available_cas", "cas", &p->available_cas);
    cmpsrv_conf_check_names(l, e, "available_certificate_profiles", "certificate_profiles",
                            &p->available_certificate_profiles);
    if (ca != NULL && !cmpsrv_conf_is_listed(&p->available_cas, ca->name))
        complain_at(l, e, "default_ca", "is not one of available_cas");
    if (cp != NULL && !cmpsrv_conf_is_listed(&p->available_certificate_profiles, cp->name))
        complain_at(l, e, "default_certificate_profile",
                    "is not one of available_certificate_profiles");
}

/* ---- RAs --------------------------------------------------------------------------------------
 */

static void check_ra(CONF_LOAD *l, CONF_ENTRY *e)
{
    static const char *const who[] = {"certificate", "subject", "ski"};
    const CMPSRV_CONF_RA *ra = e->pub;
    size_t given = 0;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(who); i++)
        given += cmpsrv_conf_given(e, who[i]) != NULL;
    if (given != 1)
        cmpsrv_conf_complain(l, e->pos, e->section->name, e->name, NULL,
                             "%zu of certificate, subject, ski are given; allowed: one", given);
    cmpsrv_conf_check_names(l, e, "cas", "cas", &ra->cas);
    cmpsrv_conf_check_names(l, e, "end_entity_profiles", "end_entity_profiles",
                            &ra->end_entity_profiles);
    cmpsrv_conf_check_names(l, e, "aliases", "aliases", &ra->aliases);
}

/* ---- the server -------------------------------------------------------------------------------
 */

static int same_listen(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    if (a->listen.n != b->listen.n)
        return 0;
    for (size_t i = 0; i < a->listen.n; i++)
        if (strcmp(a->listen.v[i], b->listen.v[i]) != 0)
            return 0;
    return 1;
}

static int same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int same_admin(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return same_text(a->admin_listen, b->admin_listen);
}

static int same_store(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return strcmp(a->store, b->store) == 0;
}

static int same_store_key(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    if (a->store_key == NULL || b->store_key == NULL)
        return a->store_key == b->store_key;
    return cmpsrv_secret_eq(a->store_key, b->store_key);
}

static int same_workers(const CMPSRV_CONF_SERVER *a, const CMPSRV_CONF_SERVER *b)
{
    return a->workers == b->workers;
}

static int is_https(const char *url)
{
    return url != NULL && strncmp(url, "https://", 8) == 0;
}

static void check_https(CONF_LOAD *l, const CONF_ENTRY *e, const CMPSRV_CONF_SERVER *s)
{
    int wanted = 0;

    for (size_t i = 0; i < s->listen.n; i++)
        wanted |= is_https(s->listen.v[i]);
    if (cmpsrv_conf_given(e, "tls.certificate") == NULL && (wanted || is_https(s->admin_listen)))
        complain_at(l, e, wanted ? "listen" : "admin_listen", "https:// needs tls.certificate");
    if (s->tls_client_required && cmpsrv_conf_given(e, "tls.client_ca") == NULL)
        complain_at(l, e, "tls.require_client_certificate", "stands without tls.client_ca");
}

/* What a running server has built itself on. */
static void check_server(CONF_LOAD *l, CONF_ENTRY *e)
{
    static const struct {
        const char *key;
        int (*same)(const CMPSRV_CONF_SERVER *, const CMPSRV_CONF_SERVER *);
    } fixed[] = {{"listen", same_listen},
                 {"admin_listen", same_admin},
                 {"store", same_store},
                 {"store_key", same_store_key},
                 {"workers", same_workers}};
    CMPSRV_CONF_SERVER *s = e->pub;

    check_signer(l, e, &s->tls, "tls.certificate", "tls.key", "tls.passphrase");
    check_https(l, e, s);
    for (size_t i = 0; l->current != NULL && i < CMPSRV_ARRAY_SIZE(fixed); i++)
        if (!cmpsrv_conf_is_bad(e, fixed[i].key) && !fixed[i].same(&l->current->server, e->pub))
            complain_at(l, e, fixed[i].key, "a reload cannot change it; restart the server");
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int has_section(const CONF_LOAD *l, const char *name)
{
    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next)
        for (size_t i = 0; i + 1 < d->root->n; i += 2)
            if (d->root->items[i]->kind == CONF_SCALAR &&
                strcmp(d->root->items[i]->text, name) == 0 && d->root->items[i + 1]->n > 0)
                return 1;
    return 0;
}

void cmpsrv_conf_check(CONF_LOAD *l)
{
    static const struct {
        const char *section;
        void (*check)(CONF_LOAD *l, CONF_ENTRY *e);
    } checks[] = {{"server", check_server},
                  {"cas", check_ca},
                  {"certificate_profiles", check_cert_profile},
                  {"end_entity_profiles", check_ee_profile},
                  {"aliases", cmpsrv_conf_check_alias},
                  {"ras", check_ra}};

    for (CONF_ENTRY *e = l->entries; e != NULL; e = e->next)
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(checks); i++)
            if (strcmp(e->section->name, checks[i].section) == 0)
                checks[i].check(l, e);
    if (!has_section(l, "aliases"))
        cmpsrv_conf_complain(l, (CMPSRV_CONF_POS){l->docs->file, 1}, "aliases", NULL, NULL,
                             "there is none: nobody could ask for anything");
}
