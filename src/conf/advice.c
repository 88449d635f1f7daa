/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is legal and probably not meant: a table of checks of one alias, each a small function that
 * says whether it is so, and what. Called by cmp-admin alias check.
 */
#include "config.h"

#include "conf/advice.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#define SECONDS     INT64_C(1000)
#define DAY         (86400 * SECONDS)
#define MD_SHA1     1u /* CMPSRV_MD_SHA1 of wire.h, as the schema has it */
#define MIN_SECRET  16
#define MIN_CONFIRM (10 * SECONDS)

typedef struct advise_st {
    const CMPSRV_CONF *conf;
    const CMPSRV_CONF_ALIAS *a;
    CMPSRV_ADVICE *out; /* `what` is the check's to fill */
} ADVISE;

static int say(ADVISE *x, const char *fmt, ...) CMPSRV_PRINTF(2, 3);

/* It is so: 1, with what. */
static int say(ADVISE *x, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(x->out->what, sizeof(x->out->what), fmt, ap);
    va_end(ap);
    return 1;
}

static const CMPSRV_CONF_MODULE *module_of(const CMPSRV_CONF_ALIAS *a, const char *name)
{
    for (size_t i = 0; i < a->modules_n; i++)
        if (strcmp(a->modules[i].name, name) == 0)
            return &a->modules[i];
    return NULL;
}

/* n == 0: any. */
/* ---- KeyId ------------------------------------------------------------------------------------
 */

static int has_key_id(const CMPSRV_CONF_ALIAS *a)
{
    return a->ra_mode && (a->ee_profile_is_key_id || a->cert_profile_is_key_id || a->ca_is_key_id);
}

static const CMPSRV_CONF_EE_PROFILE *find_ee_profile(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->ee_profiles_n; i++)
        if (strcmp(c->ee_profiles[i].name, name) == 0)
            return &c->ee_profiles[i];
    return NULL;
}

static const CMPSRV_CONF_CERT_PROFILE *find_cert_profile(const CMPSRV_CONF *c, const char *name)
{
    for (size_t i = 0; name != NULL && i < c->cert_profiles_n; i++)
        if (strcmp(c->cert_profiles[i].name, name) == 0)
            return &c->cert_profiles[i];
    return NULL;
}

/* Whether a senderKID of that text names an end entity profile, a certificate profile and a CA, as
 * far as the alias asks for each, that go together. */
static int leads_somewhere(const ADVISE *x, const char *kid)
{
    const CMPSRV_CONF_ALIAS *a = x->a;
    const CMPSRV_CONF_EE_PROFILE *ee =
        a->ee_profile_is_key_id ? find_ee_profile(x->conf, kid) : a->ee_profile;
    const CMPSRV_CONF_CERT_PROFILE *cp = a->cert_profile;
    const CMPSRV_CONF_CA *ca = a->ca;

    /* EJBCA: these two are for all, and nobody's to ask for. */
    if (ee == NULL || (a->ee_profile_is_key_id && strcmp(kid, "EMPTY") == 0) ||
        (a->cert_profile_is_key_id && strcmp(kid, "ENDUSER") == 0))
        return 0;
    if (cp == NULL)
        cp = find_cert_profile(x->conf,
                               a->cert_profile_is_key_id ? kid : ee->default_certificate_profile);
    if (ca == NULL && (a->ca_is_key_id || ee->default_ca != NULL))
        ca = cmpsrv_conf_ca(x->conf, a->ca_is_key_id ? kid : ee->default_ca);
    return cp != NULL && ca != NULL && cmpsrv_conf_is_listed(&ee->available_cas, ca->name) &&
           cmpsrv_conf_is_listed(&ee->available_certificate_profiles, cp->name) &&
           cmpsrv_conf_is_listed(&cp->available_cas, ca->name);
}

/* How many senderKIDs lead somewhere: all are names of whichever the alias asks for. */
static size_t count_key_ids(const ADVISE *x)
{
    const CMPSRV_CONF *c = x->conf;
    size_t n = 0;

    if (x->a->ee_profile_is_key_id)
        for (size_t i = 0; i < c->ee_profiles_n; i++)
            n += (size_t)leads_somewhere(x, c->ee_profiles[i].name);
    else if (x->a->cert_profile_is_key_id)
        for (size_t i = 0; i < c->cert_profiles_n; i++)
            n += (size_t)leads_somewhere(x, c->cert_profiles[i].name);
    else
        for (size_t i = 0; i < c->cas_n; i++)
            n += (size_t)leads_somewhere(x, c->cas[i].name);
    return n;
}

static int check_key_id_empty(ADVISE *x)
{
    if (!has_key_id(x->a) || count_key_ids(x) > 0)
        return 0;
    return say(x, "KeyId: no senderKID names CA and profiles that are there and go together: every "
                  "request is refused");
}

static int check_key_id_ca(ADVISE *x)
{
    if (!x->a->ra_mode || !x->a->ca_is_key_id || x->conf->cas_n >= 2)
        return 0;
    return say(x, "KeyId with %zu CA to choose from", x->conf->cas_n);
}

static int check_key_id_ee_profile(ADVISE *x)
{
    if (!x->a->ra_mode || !x->a->ee_profile_is_key_id || x->conf->ee_profiles_n >= 2)
        return 0;
    return say(x, "KeyId with %zu end entity profile to choose from", x->conf->ee_profiles_n);
}

static int check_key_id_cert_profile(ADVISE *x)
{
    if (!x->a->ra_mode || !x->a->cert_profile_is_key_id || x->conf->cert_profiles_n >= 2)
        return 0;
    return say(x, "KeyId with %zu certificate profile to choose from", x->conf->cert_profiles_n);
}

/* ---- who may ask ------------------------------------------------------------------------------
 */

static int check_short_secret(ADVISE *x)
{
    const CMPSRV_CONF_MODULE *m = module_of(x->a, "HMAC");

    if (!x->a->ra_mode || m == NULL || m->parameter == NULL ||
        cmpsrv_secret_get0(m->parameter).n >= MIN_SECRET)
        return 0;
    return say(x,
               "the secret of HMAC has less than %d octets: who records one message can guess it "
               "at leisure",
               MIN_SECRET);
}

static int takes_unprotected(const CMPSRV_CONF_ALIAS *a)
{
    return !a->require_protection &&
           (module_of(a, "RegTokenPwd") != NULL || module_of(a, "DnPartPwd") != NULL);
}

static int check_unprotected(ADVISE *x)
{
    if (!takes_unprotected(x->a))
        return 0;
    return say(x, "no: requests come unprotected, with the enrolment code in the clear: who reads "
                  "along has it, and can change the rest");
}

static int check_unprotected_nobody(ADVISE *x)
{
    if (x->a->require_protection || takes_unprotected(x->a))
        return 0;
    return say(x, "no, but no module of the alias takes a request without protection");
}

static int check_mac_rr(ADVISE *x)
{
    if (!x->a->allow_mac_rr || module_of(x->a, "HMAC") == NULL)
        return 0;
    return say(x, "yes: %s",
               x->a->ra_mode ? "who knows the secret can revoke every certificate of the alias"
                             : "who knows an enrolment code can revoke with it");
}

static int is_row_for(const CMPSRV_CONF_RA *ra, const CMPSRV_CONF_ALIAS *a)
{
    return cmpsrv_conf_is_listed(&ra->aliases, a->name) &&
           (a->ca == NULL || cmpsrv_conf_is_listed(&ra->cas, a->ca->name)) &&
           (a->ee_profile == NULL ||
            cmpsrv_conf_is_listed(&ra->end_entity_profiles, a->ee_profile->name));
}

static int check_ras(ADVISE *x)
{
    if (!x->a->ra_mode || module_of(x->a, "EndEntityCertificate") == NULL || x->conf->ras_n == 0)
        return 0;
    for (size_t i = 0; i < x->conf->ras_n; i++)
        if (is_row_for(&x->conf->ras[i], x->a))
            return 0;
    return say(x,
               "none of the %zu rows is for this alias with its CA and profile: only "
               "certificates with EKU cmcRA of its CA may sign",
               x->conf->ras_n);
}

/* ---- what is taken ----------------------------------------------------------------------------
 */

static int check_sha1(ADVISE *x)
{
    if ((x->a->signature_digests & MD_SHA1) == 0)
        return 0;
    return say(x, "sha1: signatures of requests can be forged by who finds collisions");
}

static int check_pbm_iterations(ADVISE *x)
{
    if (x->a->pbm_iterations.min >= 100 || module_of(x->a, "HMAC") == NULL)
        return 0;
    return say(x, "from %lld on: RFC 4211 4.4 asks for 100 or more",
               (long long)x->a->pbm_iterations.min);
}

static int check_ra_verified_by_ra(ADVISE *x)
{
    if (!x->a->allow_ra_verified || !x->a->ra_mode)
        return 0;
    return say(x, "yes: the RA vouches that the key is the requester's; nobody here looks");
}

static int check_ra_verified_by_client(ADVISE *x)
{
    if (!x->a->allow_ra_verified || x->a->ra_mode)
        return 0;
    return say(x, "yes in client mode: an end entity vouches for itself that it has the key");
}

/* The profile that the alias's requests get; NULL: senderKID says. */
static const CMPSRV_CONF_CERT_PROFILE *profile_of(const ADVISE *x)
{
    const CMPSRV_CONF_ALIAS *a = x->a;

    if (a->cert_profile != NULL || a->cert_profile_is_key_id || a->ee_profile == NULL)
        return a->cert_profile;
    return find_cert_profile(x->conf, a->ee_profile->default_certificate_profile);
}

static int check_extension_override(ADVISE *x)
{
    const CMPSRV_CONF_CERT_PROFILE *only = profile_of(x), *p;
    char name[80];

    for (size_t i = 0; i < x->conf->cert_profiles_n; i++) {
        p = &x->conf->cert_profiles[i];
        if ((only == NULL || only == p) && p->allow_extension_override &&
            p->overridable_extensions.n == 0 && p->non_overridable_extensions.n == 0)
            return say(x, "certificate profile %s takes every extension that a request brings",
                       cmpsrv_escape(cmpsrv_slice_str(p->name), name, sizeof(name)));
    }
    return 0;
}

/* ---- how it is answered -----------------------------------------------------------------------
 */

static int check_pbe(ADVISE *x)
{
    if (x->a->response_protection != CMPSRV_RESPONSE_PBE || module_of(x->a, "HMAC") != NULL)
        return 0;
    return say(x, "pbe, but no request has a MAC without the module HMAC: every answer is signed");
}

static int check_confirm_wait_long(ADVISE *x)
{
    if (x->a->confirm_wait_time <= DAY)
        return 0;
    return say(x, "%lld s: a certificate that never arrived stays valid for so long",
               (long long)(x->a->confirm_wait_time / SECONDS));
}

static int check_confirm_wait_short(ADVISE *x)
{
    if (x->a->confirm_wait_time >= MIN_CONFIRM || x->a->unconfirmed == CMPSRV_UNCONFIRMED_KEEP)
        return 0;
    return say(x, "%lld s: the certificate of a slow client is revoked before its certConf is here",
               (long long)(x->a->confirm_wait_time / SECONDS));
}

static int check_unconfirmed(ADVISE *x)
{
    if (x->a->unconfirmed != CMPSRV_UNCONFIRMED_KEEP)
        return 0;
    return say(x, "keep%s: a certificate that nobody confirmed stays valid",
               x->a->ejbca_conformance ? ", as conformance: ejbca has it" : "");
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* clang-format off */
#define H CMPSRV_ADVICE_HINT
#define W CMPSRV_ADVICE_WARNING
static const struct {
    CMPSRV_ADVICE_SEVERITY severity;
    const char *setting;
    int (*is_so)(ADVISE *x); /* fills x->out->what */
    const char *todo;
} checks[] = {
    {W, "ra.endentityprofile", check_key_id_empty, "give CA and profiles that KeyId shall name one name, and see to available_cas and available_certificate_profiles"},
    {H, "ra.caname", check_key_id_ca, "name the CA, or add one"},
    {H, "ra.endentityprofile", check_key_id_ee_profile, "name the profile, or add one"},
    {H, "ra.certificateprofile", check_key_id_cert_profile, "name the profile, or add one"},
    {W, "authenticationparameters", check_short_secret, "a longer one; cmp-admin init makes some of 128 bits"},
    {W, "require_protection", check_unprotected, "require_protection: yes, or serve the alias over https:// only"},
    {H, "require_protection", check_unprotected_nobody, "nothing; or say yes, so that it stays so with other modules"},
    {H, "allow_mac_rr", check_mac_rr, "allow_mac_rr: no, if nobody revokes that way"},
    {H, "ras", check_ras, "add the alias to the row of the RA that uses it, if it has one"},
    {W, "signature_digests", check_sha1, "take sha1 out as soon as the last client can do better"},
    {W, "pbm_iterations", check_pbm_iterations, "100 or more as the minimum"},
    {H, "allowraverifypopo", check_ra_verified_by_ra, "no, if the RA passes the proofs of its clients on"},
    {W, "allowraverifypopo", check_ra_verified_by_client, "allowraverifypopo: no"},
    {W, "allow_extension_override", check_extension_override, "list overridable_extensions in the profile"},
    {W, "responseprotection", check_pbe, "signature or mirror, or add HMAC"},
    {W, "confirm_wait_time", check_confirm_wait_long, "an hour is much for a client that is there"},
    {H, "confirm_wait_time", check_confirm_wait_short, "30s or more"},
    {H, "unconfirmed", check_unconfirmed, "unconfirmed: revoke, if the clients confirm"},
};
#undef H
#undef W
/* clang-format on */

size_t cmpsrv_conf_advise(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias,
                          CMPSRV_ADVICE out[CMPSRV_MAX_ADVICE])
{
    ADVISE x = {conf, alias, out};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(checks) && x.out < out + CMPSRV_MAX_ADVICE; i++) {
        *x.out = (CMPSRV_ADVICE){checks[i].severity, checks[i].setting, checks[i].todo, ""};
        x.out += checks[i].is_so(&x);
    }
    return (size_t)(x.out - out);
}
