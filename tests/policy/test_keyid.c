/* SPDX-License-Identifier: Apache-2.0 */
/* senderKID as a name, and what a request is aimed at by it. */
#include "config.h"

#include "policy/policy.h"
#include "test.h"

#define S(text) cmpsrv_slice(text, sizeof(text) - 1)

static void test_text(void)
{
    static const unsigned char octets[] = {0x01, 0xab, 0xff}, accent[] = {'a', 0xc3, 0xa9};
    static const struct {
        CMPSRV_SLICE kid;
        const char *want;
    } t[] = {
        {{NULL, 0}, ""},
        {{(const unsigned char *)"", 0}, ""},
        {{(const unsigned char *)"EMPTY", 5}, "EMPTY"},
        {{(const unsigned char *)" a~", 3}, " a~"}, /* the first and the last that print */
        {{(const unsigned char *)"a\x7f", 2}, "617f"},
        {{(const unsigned char *)"a\0b", 3}, "610062"},
        {{(const unsigned char *)"a\n", 2}, "610a"},
        {{octets, 3}, "01abff"},
        {{accent, 3}, "61c3a9"},
    };
    char out[CMPSRV_KEY_ID_SIZE];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        memset(out, 'x', sizeof(out));
        CU_ASSERT(cmpsrv_key_id(t[i].kid, out) == out);
        CU_ASSERT_STRING_EQUAL(out, t[i].want);
    }
}

/* 128 octets count; what is after them is not looked at. */
static void test_long(void)
{
    unsigned char kid[256];
    char out[CMPSRV_KEY_ID_SIZE];

    for (size_t n = 127; n <= 256; n++) {
        memset(kid, 'k', sizeof(kid));
        cmpsrv_key_id(cmpsrv_slice(kid, n), out);
        CU_ASSERT_EQUAL(strlen(out), n < 128 ? n : 128);
        CU_ASSERT_EQUAL(strspn(out, "k"), strlen(out));
        kid[n - 1] = 0xfe;
        cmpsrv_key_id(cmpsrv_slice(kid, n), out);
        CU_ASSERT_EQUAL(strlen(out), n <= 128 ? 2 * n : 128);
        memset(kid, 0xfe, sizeof(kid));
        cmpsrv_key_id(cmpsrv_slice(kid, n), out);
        CU_ASSERT_EQUAL(strlen(out), n < 128 ? 2 * n : 256);
        CU_ASSERT_EQUAL(strspn(out, "fe"), strlen(out));
    }
}

/* ---- what it names
 * ------------------------------------------------------------------------------------------- */

static CMPSRV_CONF_CA cas[] = {
    {.name = (char *)"CA1"}, {.name = (char *)"k"}, {.name = (char *)"CA3"}};
static CMPSRV_CONF_CERT_PROFILE certs[] = {{.name = (char *)"P1"}, {.name = (char *)"k"}};
static CMPSRV_CONF_EE_PROFILE ees[] = {
    {.name = (char *)"E1",
     .default_ca = (char *)"CA1",
     .default_certificate_profile = (char *)"P1"},
    {.name = (char *)"k", .default_ca = (char *)"CA3", .default_certificate_profile = (char *)"P1"},
    {.name = (char *)"poor"},
};
static CMPSRV_CONF conf = {.cas = cas,
                           .cas_n = 3,
                           .cert_profiles = certs,
                           .cert_profiles_n = 2,
                           .ee_profiles = ees,
                           .ee_profiles_n = 3};

static void test_resolve(void)
{
    static const struct {
        CMPSRV_CONF_ALIAS alias;
        int body;
        const char *kid; /* NULL: absent */
        const CMPSRV_CONF_EE_PROFILE *ee;
        const CMPSRV_CONF_CA *ca;
        const CMPSRV_CONF_CERT_PROFILE *cert;
    } t[] = {
        /* as the alias says, then as its end entity profile says */
        {{.ee_profile = &ees[0], .ca = &cas[2], .cert_profile = &certs[1]},
         0,
         "k",
         &ees[0],
         &cas[2],
         &certs[1]},
        {{.ee_profile = &ees[0]}, 0, "k", &ees[0], &cas[0], &certs[0]},
        {{.ee_profile = &ees[0]}, 0, NULL, &ees[0], &cas[0], &certs[0]},
        {{.ee_profile = &ees[2]}, 0, "k", &ees[2], NULL, NULL},
        {{.ra_mode = 1}, 0, "k", NULL, NULL, NULL},
        /* each KeyId by itself, then all of them */
        {{.ee_profile_is_key_id = 1}, 0, "k", &ees[1], &cas[2], &certs[0]},
        {{.ee_profile = &ees[0], .ca_is_key_id = 1}, 0, "k", &ees[0], &cas[1], &certs[0]},
        {{.ee_profile = &ees[0], .cert_profile_is_key_id = 1}, 0, "k", &ees[0], &cas[0], &certs[1]},
        {{.ee_profile_is_key_id = 1, .ca_is_key_id = 1, .cert_profile_is_key_id = 1},
         0,
         "k",
         &ees[1],
         &cas[1],
         &certs[1]},
        {{.ee_profile_is_key_id = 1, .ca = &cas[0], .cert_profile = &certs[1]},
         0,
         "k",
         &ees[1],
         &cas[0],
         &certs[1]},
        /* a name that nothing has leaves nothing, and no default in its place */
        {{.ee_profile_is_key_id = 1}, 0, "K", NULL, NULL, NULL},
        {{.ee_profile_is_key_id = 1}, 0, NULL, NULL, NULL, NULL},
        {{.ee_profile_is_key_id = 1, .ca = &cas[0]}, 0, "x", NULL, &cas[0], NULL},
        {{.ee_profile = &ees[0], .ca_is_key_id = 1}, 0, "x", &ees[0], NULL, &certs[0]},
        {{.ee_profile = &ees[0], .cert_profile_is_key_id = 1}, 0, "x", &ees[0], &cas[0], NULL},
        {{.ee_profile = &ees[0], .cert_profile_is_key_id = 1}, 0, NULL, &ees[0], &cas[0], NULL},
        /* p10cr goes to the default CA, if there is one */
        {{.ee_profile = &ees[0], .ca = &cas[2], .default_ca = (char *)"k"},
         CMPSRV_BODY_P10CR,
         NULL,
         &ees[0],
         &cas[1],
         &certs[0]},
        {{.ee_profile = &ees[0], .ca_is_key_id = 1, .default_ca = (char *)"CA3"},
         CMPSRV_BODY_P10CR,
         "k",
         &ees[0],
         &cas[2],
         &certs[0]},
        {{.ee_profile = &ees[0], .ca = &cas[2], .default_ca = (char *)"none"},
         CMPSRV_BODY_P10CR,
         NULL,
         &ees[0],
         NULL,
         &certs[0]},
        {{.ee_profile = &ees[0], .ca = &cas[2]},
         CMPSRV_BODY_P10CR,
         NULL,
         &ees[0],
         &cas[2],
         &certs[0]},
        {{.ee_profile = &ees[0], .ca = &cas[2], .default_ca = (char *)"k"},
         CMPSRV_BODY_CR,
         NULL,
         &ees[0],
         &cas[2],
         &certs[0]},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_SLICE kid = t[i].kid == NULL ? cmpsrv_slice(NULL, 0) : cmpsrv_slice_str(t[i].kid);
        CMPSRV_TARGET got;

        cmpsrv_policy_resolve(&conf, &t[i].alias, t[i].body, kid, &got);
        CU_ASSERT(got.alias == &t[i].alias);
        CU_ASSERT(got.ee_profile == t[i].ee);
        CU_ASSERT(got.ca == t[i].ca);
        CU_ASSERT(got.cert_profile == t[i].cert);
    }
}

static void test_resolve_entity(void)
{
    CMPSRV_CONF_ALIAS alias = {.name = (char *)"a"};
    CMPSRV_END_ENTITY_ROW row = {.end_entity_profile = "k", .certificate_profile = "P1"};
    CMPSRV_TARGET got;

    cmpsrv_policy_resolve_entity(&conf, &alias, &row, &cas[0], &got);
    CU_ASSERT(got.alias == &alias && got.ca == &cas[0]);
    CU_ASSERT(got.ee_profile == &ees[1] && got.cert_profile == &certs[0]);
    strcpy(row.end_entity_profile, "gone");
    strcpy(row.certificate_profile, "gone");
    cmpsrv_policy_resolve_entity(&conf, &alias, &row, NULL, &got);
    CU_ASSERT(got.ca == NULL && got.ee_profile == NULL && got.cert_profile == NULL);
}

TEST_MAIN("keyid", TEST(test_text), TEST(test_long), TEST(test_resolve), TEST(test_resolve_entity))
