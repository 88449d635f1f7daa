/* SPDX-License-Identifier: Apache-2.0 */
/* advice.c: each check, on a configuration where it is so and on one where it is not. */
#include "conf/advice.h"
#include "conf_test.h"

static CMPSRV_ADVICE advice[CMPSRV_MAX_ADVICE];
static size_t advice_n;

static const char base[] =
    "server: {store: 'sqlite:x.db', store_key: key}\n"
    "cas:\n"
    "  CA1: {certificate: ca.crt, key: 'file:ca.key'}\n"
    "  CA2: {certificate: ca.crt, key: 'file:ca.key'}\n"
    "certificate_profiles: {ENDUSER: {}, CP1: {available_cas: [CA1]}}\n"
    "end_entity_profiles: {EMPTY: {}, EE1: {available_cas: [CA1], default_ca: CA1, "
    "default_certificate_profile: CP1}}\n";

#define LONG "authenticationparameters: " CANARY "-and-long, "
#define RA                                                                                         \
    "operationmode: ra, ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: CA1, "
#define HMAC   RA "authenticationmodule: HMAC, "
#define CLIENT "operationmode: client, "

/* Loads the alias, and what else stands in the file. */
static CMPSRV_CONF_ALIAS *load_alias(const char *alias, const char *more)
{
    char text[2048];

    snprintf(text, sizeof(text), "%saliases: {a: {%s}}\n%s", base, alias, more);
    CU_ASSERT_FATAL(load_text(text) != NULL || has_error("no error", ""));
    return &conf->aliases[0];
}

static void advise(void)
{
    advice_n = cmpsrv_conf_advise(conf, &conf->aliases[0], advice);
    for (size_t i = 0; i < advice_n; i++) {
        CU_ASSERT(strstr(advice[i].what, CANARY) == NULL);
        CU_ASSERT(advice[i].what[0] != '\0' && advice[i].todo[0] != '\0');
    }
}

/* 'w', 'h', or '-': there is no such row. */
static char severity(const char *setting, const char *part)
{
    for (size_t i = 0; i < advice_n; i++)
        if (strcmp(advice[i].setting, setting) == 0 && strstr(advice[i].what, part) != NULL)
            return advice[i].severity == CMPSRV_ADVICE_WARNING ? 'w' : 'h';
    return '-';
}

static const struct {
    const char *alias, *setting, *part;
    char severity;
} cases[] = {
    {HMAC "authenticationparameters: " CANARY, "authenticationparameters", "less than 16", 'w'},
    {HMAC LONG, "authenticationparameters", "", '-'},
    {CLIENT "authenticationmodule: RegTokenPwd, require_protection: no", "require_protection",
     "in the clear", 'w'},
    {CLIENT "authenticationmodule: DnPartPwd, authenticationparameters: OU, conformance: ejbca",
     "require_protection", "in the clear", 'w'},
    {CLIENT "authenticationmodule: RegTokenPwd", "require_protection", "", '-'},
    {HMAC LONG "require_protection: no", "require_protection", "no module", 'h'},
    {HMAC LONG, "require_protection", "", '-'},
    {HMAC LONG "allow_mac_rr: yes", "allow_mac_rr", "every certificate of the alias", 'h'},
    {HMAC LONG "conformance: ejbca", "allow_mac_rr", "", 'h'},
    {CLIENT "authenticationmodule: HMAC, allow_mac_rr: yes", "allow_mac_rr", "enrolment code", 'h'},
    {CLIENT "authenticationmodule: EndEntityCertificate, allow_mac_rr: yes", "allow_mac_rr", "",
     '-'},
    {HMAC LONG, "allow_mac_rr", "", '-'},
    {HMAC LONG "signature_digests: [sha1, sha256]", "signature_digests", "sha1", 'w'},
    {HMAC LONG "signature_digests: [sha224, sha256]", "signature_digests", "", '-'},
    {HMAC LONG "pbm_iterations: 99..500", "pbm_iterations", "from 99", 'w'},
    {HMAC LONG "pbm_iterations: 100..500", "pbm_iterations", "", '-'},
    {CLIENT "authenticationmodule: EndEntityCertificate, pbm_iterations: 9..500", "pbm_iterations",
     "", '-'},
    {RA "responseprotection: pbe, authenticationmodule: EndEntityCertificate, "
        "authenticationparameters: CA1",
     "responseprotection", "every answer is signed", 'w'},
    {HMAC LONG "responseprotection: pbe", "responseprotection", "", '-'},
    {HMAC LONG "confirm_wait_time: 86401s", "confirm_wait_time", "86401 s", 'w'},
    {HMAC LONG "confirm_wait_time: 1d", "confirm_wait_time", "", '-'},
    {HMAC LONG "confirm_wait_time: 9s", "confirm_wait_time", "revoked before", 'h'},
    {HMAC LONG "confirm_wait_time: 9s, unconfirmed: keep", "confirm_wait_time", "", '-'},
    {HMAC LONG "conformance: ejbca", "unconfirmed", "conformance: ejbca", 'h'},
    {HMAC LONG "conformance: ejbca, unconfirmed: revoke", "unconfirmed", "", '-'},
    {HMAC LONG "unconfirmed: keep", "unconfirmed", "stays valid", 'h'},
};

static void test_cases(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        load_alias(cases[i].alias, "");
        advise();
        if (severity(cases[i].setting, cases[i].part) != cases[i].severity)
            fprintf(stderr, "\n%s\n", cases[i].alias);
        CU_ASSERT_EQUAL(severity(cases[i].setting, cases[i].part), cases[i].severity);
    }
}

static void test_nothing_to_say(void)
{
    load_alias(HMAC LONG, "");
    advise();
    CU_ASSERT_EQUAL(advice_n, 0);
    load_alias(CLIENT "authenticationmodule: [HMAC, EndEntityCertificate]", "");
    advise();
    CU_ASSERT_EQUAL(advice_n, 0);
}

static void test_rows_of_ras(void)
{
    static const struct {
        const char *ras;
        char severity;
    } rows[] = {
        {"", '-'},
        {"ras: {r: {subject: CN=r}}\n", '-'},
        {"ras: {r: {subject: CN=r, aliases: [a]}}\n", '-'},
        {"ras: {r: {subject: CN=r, aliases: [b]}}\n", 'h'},
        {"ras: {r: {subject: CN=r, aliases: [b]}, s: {subject: CN=s, cas: [CA1]}}\n", '-'},
        {"ras: {r: {subject: CN=r, cas: [CA2]}}\n", 'h'},
        {"ras: {r: {subject: CN=r, end_entity_profiles: [EMPTY]}}\n", 'h'},
        {"ras: {r: {subject: CN=r, end_entity_profiles: [EE1]}}\n", '-'},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        load_alias(RA "authenticationmodule: EndEntityCertificate, authenticationparameters: CA1}, "
                      "b: {operationmode: client, authenticationmodule: HMAC",
                   rows[i].ras);
        advise();
        CU_ASSERT_EQUAL(severity("ras", "cmcRA"), rows[i].severity);
    }
    load_alias(HMAC LONG "}, b: {authenticationmodule: HMAC", rows[3].ras);
    advise();
    CU_ASSERT_EQUAL(severity("ras", ""), '-');
}

static void test_ra_verified(void)
{
    CMPSRV_CONF_ALIAS *a = load_alias(HMAC LONG, "");

    a->allow_ra_verified = 1;
    advise();
    CU_ASSERT_EQUAL(severity("allowraverifypopo", "RA vouches"), 'h');
    a = load_alias(CLIENT "authenticationmodule: HMAC", "");
    a->allow_ra_verified = 1;
    advise();
    CU_ASSERT_EQUAL(severity("allowraverifypopo", "vouches for itself"), 'w');
}

static CMPSRV_CONF_CERT_PROFILE *find_profile(const char *name)
{
    for (size_t i = 0; i < conf->cert_profiles_n; i++)
        if (strcmp(conf->cert_profiles[i].name, name) == 0)
            return &conf->cert_profiles[i];
    return NULL;
}

static void test_extension_override(void)
{
    CMPSRV_CONF_ALIAS *a = load_alias(HMAC LONG, "");
    char *oid = "1.2.3";

    find_profile("ENDUSER")->allow_extension_override = 1; /* not the alias's */
    advise();
    CU_ASSERT_EQUAL(severity("allow_extension_override", ""), '-');
    find_profile("CP1")->allow_extension_override = 1;
    advise();
    CU_ASSERT_EQUAL(severity("allow_extension_override", "CP1"), 'w');
    a->cert_profile = NULL; /* ProfileDefault: it is CP1, too */
    advise();
    CU_ASSERT_EQUAL(severity("allow_extension_override", "CP1"), 'w');
    find_profile("CP1")->overridable_extensions = (CMPSRV_CONF_LIST){&oid, 1};
    advise();
    CU_ASSERT_EQUAL(severity("allow_extension_override", ""), '-');
    a->cert_profile_is_key_id = 1; /* any of them */
    advise();
    CU_ASSERT_EQUAL(severity("allow_extension_override", "ENDUSER"), 'w');
    find_profile("CP1")->overridable_extensions = (CMPSRV_CONF_LIST){NULL, 0};
}

static CMPSRV_CONF_ALIAS *load_key_id(int ee, int cp, int ca)
{
    CMPSRV_CONF_ALIAS *a = load_alias(HMAC LONG, "");

    a->ee_profile_is_key_id = ee;
    a->cert_profile_is_key_id = cp;
    a->ca_is_key_id = ca;
    a->ee_profile = ee ? NULL : a->ee_profile;
    a->cert_profile = cp ? NULL : a->cert_profile;
    a->ca = ca ? NULL : a->ca;
    return a;
}

static void test_key_id(void)
{
    CMPSRV_CONF_ALIAS *a = load_key_id(0, 0, 1); /* EE1 and CP1 leave CA1 */

    advise();
    CU_ASSERT_EQUAL(severity("ra.caname", ""), '-');
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", ""), '-');
    conf->cas_n = 1;
    advise();
    conf->cas_n = 2;
    CU_ASSERT_EQUAL(severity("ra.caname", "1 CA to choose"), 'h');

    a = load_key_id(1, 0, 0); /* EMPTY is not accepted, EE1 is left */
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", ""), '-');
    conf->ee_profiles_n = 1;
    advise();
    conf->ee_profiles_n = 2;
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", "1 end entity profile to choose"), 'h');
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", "no senderKID"), 'w');
    a->ca = cmpsrv_conf_ca(conf, "CA2"); /* not available to EE1 */
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", "no senderKID"), 'w');

    a = load_key_id(0, 1, 0); /* ENDUSER is not accepted, CP1 is left */
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", ""), '-');
    a->ca = NULL; /* ProfileDefault: CA1 */
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", ""), '-');
    a->ca = cmpsrv_conf_ca(conf, "CA2"); /* not available to CP1 */
    for (size_t i = 0; i < conf->ee_profiles_n; i++)
        if (strcmp(conf->ee_profiles[i].name, "EMPTY") == 0)
            a->ee_profile = &conf->ee_profiles[i];
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", "no senderKID"), 'w');

    load_key_id(1, 0, 1); /* no name is both a profile's and a CA's */
    advise();
    CU_ASSERT_EQUAL(severity("ra.endentityprofile", "no senderKID"), 'w');
}

static void test_clean_up(void)
{
    unload();
    CU_ASSERT(conf == NULL);
}

TEST_MAIN("conf/advice", TEST(test_cases), TEST(test_nothing_to_say), TEST(test_rows_of_ras),
          TEST(test_ra_verified), TEST(test_extension_override), TEST(test_key_id),
          TEST(test_clean_up))
