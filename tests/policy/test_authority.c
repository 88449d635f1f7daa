/* SPDX-License-Identifier: Apache-2.0 */
/* Who may send which body: all 27 of them for every identity. A body that is served and has no row
 * here fails the test. */
#include "config.h"

#include <stdio.h>

#include "policy/policy.h"
#include "test.h"

static CMPSRV_CONF_CA own = {.name = (char *)"own"}, other = {.name = (char *)"other"};
static CMPSRV_CONF_EE_PROFILE devices = {.name = (char *)"devices"};
static CMPSRV_CONF_ALIAS alias = {.name = (char *)"a", .ra_mode = 1};
static char *own_name[] = {"own"}, *other_name[] = {"other"}, *devices_name[] = {"devices"};

#define BIT(body) (1u << CMPSRV_BODY_##body)
#define REQUESTS  (BIT(IR) | BIT(CR) | BIT(P10CR) | BIT(RR))
#define FOLLOW    (BIT(CERTCONF) | BIT(ERROR))

static CMPSRV_CONF_RA ra_all = {.name = (char *)"all", .operations = REQUESTS | BIT(KUR)},
                      ra_ir = {.name = (char *)"ir", .operations = BIT(IR)},
                      ra_own = {.name = (char *)"own",
                                .operations = REQUESTS,
                                .cas = {own_name, 1},
                                .end_entity_profiles = {devices_name, 1}},
                      ra_other = {.name = (char *)"other",
                                  .operations = REQUESTS,
                                  .cas = {other_name, 1}},
                      ra_profile = {.name = (char *)"profile",
                                    .operations = REQUESTS,
                                    .end_entity_profiles = {other_name, 1}},
                      ra_nothing = {.name = (char *)"nothing"};

static const struct {
    const char *who;
    CMPSRV_IDENTITY id;
    unsigned may; /* bits by body */
} identities[] = {
    {"nobody", {0}, 0},
    {"nobody who says to be an RA", {.is_ra = 1, .ra = &ra_all}, 0},
    {"an end entity", {.proven = 1}, FOLLOW},
    {"who has the RA's secret", {.proven = 1, .is_ra = 1}, REQUESTS | FOLLOW},
    {"an RA by EKU", {.proven = 1, .is_ra = 1, .ra_ca = &own}, REQUESTS | FOLLOW},
    {"another CA's RA by EKU", {.proven = 1, .is_ra = 1, .ra_ca = &other}, FOLLOW},
    {"an RA for all", {.proven = 1, .is_ra = 1, .ra = &ra_all}, REQUESTS | FOLLOW},
    {"an RA for ir", {.proven = 1, .is_ra = 1, .ra = &ra_ir}, BIT(IR) | FOLLOW},
    {"an RA for this CA", {.proven = 1, .is_ra = 1, .ra = &ra_own}, REQUESTS | FOLLOW},
    {"an RA for another CA", {.proven = 1, .is_ra = 1, .ra = &ra_other}, FOLLOW},
    {"an RA for another profile", {.proven = 1, .is_ra = 1, .ra = &ra_profile}, FOLLOW},
    {"an RA for nothing", {.proven = 1, .is_ra = 1, .ra = &ra_nothing}, FOLLOW},
    {"a row that lost its RA", {.proven = 1, .ra = &ra_all}, FOLLOW},
};

static void test_every_body(void)
{
    CMPSRV_TARGET t = {.alias = &alias, .ee_profile = &devices, .ca = &own};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(identities); i++)
        for (int body = -2; body < CMPSRV_BODY__COUNT + 2; body++) {
            int want = body >= 0 && (identities[i].may & 1u << body) != 0;
            CMPSRV_REFUSAL why = {0};
            int may = cmpsrv_policy_authorize(&identities[i].id, body, &t, &why);

            if (may != want)
                fprintf(stderr, "%s: %s: %d %s\n", identities[i].who, cmpsrv_body_name(body), may,
                        why.detail);
            CU_ASSERT_EQUAL(may, want);
            CU_ASSERT_EQUAL(why.reason, want ? CMPSRV_R_NONE : CMPSRV_R_NOT_AUTHORIZED);
        }
}

/* In client mode an end entity asks for itself; in RA mode it is nobody, as above. */
static void test_client_mode(void)
{
    CMPSRV_CONF_ALIAS client = {.name = (char *)"c", .ra_mode = 0};
    CMPSRV_TARGET t = {.alias = &client, .ca = &own}, ra = {.alias = &alias, .ca = &own};
    CMPSRV_IDENTITY entity = {.proven = 1, .entity = "device"}, nobody = {.proven = 1},
                    unproven = {.entity = "device"};

    for (int body = 0; body < CMPSRV_BODY__COUNT; body++) {
        int served = ((REQUESTS | FOLLOW) & 1u << body) != 0, follow = (FOLLOW & 1u << body) != 0;

        CU_ASSERT_EQUAL(cmpsrv_policy_authorize(&entity, body, &t, NULL), served);
        CU_ASSERT_EQUAL(cmpsrv_policy_authorize(&entity, body, &ra, NULL), follow);
        CU_ASSERT_EQUAL(cmpsrv_policy_authorize(&nobody, body, &t, NULL), follow);
        CU_ASSERT_EQUAL(cmpsrv_policy_authorize(&unproven, body, &t, NULL), 0);
    }
}

static void test_no_ca(void)
{
    CMPSRV_TARGET t = {.alias = &alias, .ee_profile = &devices};
    CMPSRV_IDENTITY id = {.proven = 1, .is_ra = 1};
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_FALSE(cmpsrv_policy_authorize(&id, CMPSRV_BODY_IR, &t, &why));
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_WRONG_AUTHORITY);
}

/* KeyId that names nothing is refused before anything else is said of the target; an RA whose
 * profiles are listed has no right to one that nobody knows. */
static void test_no_profile(void)
{
    CMPSRV_CONF_ALIAS client = {.name = (char *)"c"};
    CMPSRV_TARGET t = {.alias = &alias}, c = {.alias = &client, .ca = &own};
    CMPSRV_IDENTITY ra = {.proven = 1, .is_ra = 1},
                    listed = {.proven = 1, .is_ra = 1, .ra = &ra_own},
                    any = {.proven = 1, .is_ra = 1, .ra = &ra_all}, nobody = {.proven = 1};
    static const int bodies[] = {CMPSRV_BODY_IR, CMPSRV_BODY_P10CR, CMPSRV_BODY_RR};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bodies); i++) {
        CMPSRV_REFUSAL a = {0}, b = {0}, d = {0};

        CU_ASSERT_FALSE(cmpsrv_policy_authorize(&ra, bodies[i], &t, &a));
        CU_ASSERT_EQUAL(a.reason, CMPSRV_R_NO_SUCH_PROFILE);
        CU_ASSERT_FALSE(cmpsrv_policy_authorize(&nobody, bodies[i], &t, &b));
        CU_ASSERT_EQUAL(b.reason, CMPSRV_R_NOT_AUTHORIZED); /* tells nothing to who is no RA */
        CU_ASSERT_FALSE(cmpsrv_policy_authorize(&listed, bodies[i], &c, &d));
        CU_ASSERT_EQUAL(d.reason, CMPSRV_R_NOT_AUTHORIZED);
        CU_ASSERT_TRUE(cmpsrv_policy_authorize(&any, bodies[i], &c, NULL));
    }
    CU_ASSERT_TRUE(cmpsrv_policy_authorize(&ra, CMPSRV_BODY_CERTCONF, &t, NULL));
}

static void test_owns_entity(void)
{
    static const struct {
        const char *made_by, *profile;
        int is_ca, owns;
    } t[] = {
        {"a", "devices", 1, 1}, {"a", "others", 0, 1},  {"a", "", 0, 1},
        {"b", "devices", 1, 1}, {"b", "devices", 0, 0}, {"b", "others", 1, 0},
        {"b", "", 1, 0},        {"", "devices", 1, 1},  {"", "devices", 0, 0},
        {"", "others", 1, 0},   {"aa", "others", 0, 0}, {"A", "others", 0, 0},
    };
    static char *mine[] = {(char *)"devices"};
    const CMPSRV_CONF_RA row_of_ras = {.name = (char *)"r", .end_entity_profiles = {mine, 1}};
    const CMPSRV_IDENTITY id = {.is_ra = 1}, limited = {.is_ra = 1, .ra = &row_of_ras};
    CMPSRV_TARGET with = {.alias = &alias, .ee_profile = &devices, .ca = &own};
    CMPSRV_TARGET without = {.alias = &alias, .ca = &own};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_END_ENTITY_ROW row = {.name = "device"};
        CMPSRV_REFUSAL why = {0};

        strcpy(row.alias, t[i].made_by);
        strcpy(row.end_entity_profile, t[i].profile);
        CU_ASSERT_EQUAL(
            cmpsrv_policy_owns_entity(&id, &with, &row, t[i].is_ca ? &own : &other, &why),
            t[i].owns);
        CU_ASSERT_EQUAL(why.reason, t[i].owns ? CMPSRV_R_NONE : CMPSRV_R_NOT_AUTHORIZED);
        CU_ASSERT_EQUAL(
            cmpsrv_policy_owns_entity(&id, &without, &row, t[i].is_ca ? &own : &other, NULL),
            strcmp(t[i].made_by, "a") == 0);
        CU_ASSERT_EQUAL(
            cmpsrv_policy_owns_entity(&limited, &with, &row, t[i].is_ca ? &own : &other, NULL),
            t[i].owns && strcmp(t[i].profile, "devices") == 0);
    }
}

TEST_MAIN("authority", TEST(test_every_body), TEST(test_client_mode), TEST(test_no_ca),
          TEST(test_no_profile), TEST(test_owns_entity))
