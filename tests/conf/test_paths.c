/* SPDX-License-Identifier: Apache-2.0 */
/* Which alias and operation an HTTP path means. */
#include "config.h"

#include <stdio.h>

#include "conf/conf.h"
#include "test.h"

#define NAME32 "a2345678901234567890123456789012"

static CMPSRV_CONF_ALIAS aliases[] = {{.name = (char *)"cmp"},
                                      {.name = (char *)"factory"},
                                      {.name = (char *)NAME32},
                                      {.name = (char *)"A.b_c-1"}};
static const CMPSRV_CONF all = {.aliases = aliases, .aliases_n = CMPSRV_ARRAY_SIZE(aliases)};
static const CMPSRV_CONF without_cmp = {.aliases = aliases + 1, .aliases_n = 1};

static void test_found(void)
{
    static const struct {
        const char *path, *alias, *operation;
    } cases[] = {
        {"/ejbca/publicweb/cmp/factory", "factory", ""},
        {"/cmp/factory", "factory", ""},
        {"/.well-known/cmp/p/factory", "factory", ""},
        {"/.well-known/cmp/p/factory/initialization", "factory", "initialization"},
        {"/.well-known/cmp/p/factory/certification", "factory", "certification"},
        {"/.well-known/cmp/p/factory/keyupdate", "factory", "keyupdate"},
        {"/.well-known/cmp/p/factory/pkcs10", "factory", "pkcs10"},
        {"/.well-known/cmp/p/factory/revocation", "factory", "revocation"},
        {"/.well-known/cmp/p/factory/getcacerts", "factory", "getcacerts"},
        {"/.well-known/cmp/p/factory/getrootupdate", "factory", "getrootupdate"},
        {"/.well-known/cmp/p/factory/getcertreqtemplate", "factory", "getcertreqtemplate"},
        {"/.well-known/cmp/p/factory/getcrls", "factory", "getcrls"},
        {"/.well-known/cmp/p/factory/nested", "factory", "nested"},
        {"/cmp/" NAME32, NAME32, ""},
        {"/cmp/A.b_c-1", "A.b_c-1", ""},
        {"/cmp/cmp", "cmp", ""},
        {"/cmp/factory?x=%00", "factory", ""},
        {"/cmp/factory??&!!foo", "factory", ""},
        {"/", "cmp", ""},
        {"/?a", "cmp", ""},
        {"/cmp", "cmp", ""},
        {"/cmp/", "cmp", ""},
        {"/cmp?x", "cmp", ""},
        {"/pkix/", "cmp", ""},
        {"/ejbca/publicweb/cmp", "cmp", ""},
        {"/ejbca/publicweb/cmp/", "cmp", ""},
        {"/.well-known/cmp", "cmp", ""},
        {"/.well-known/cmp/", "cmp", ""},
        {"/.well-known/cmp/pkcs10", "cmp", "pkcs10"},
        {"/.well-known/cmp/initialization?x", "cmp", "initialization"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_REFUSAL why = {0};
        const char *operation = NULL;
        const CMPSRV_CONF_ALIAS *a =
            cmpsrv_conf_alias_by_path(&all, cases[i].path, &operation, &why);

        CU_ASSERT(a != NULL && strcmp(a->name, cases[i].alias) == 0);
        CU_ASSERT(operation != NULL && strcmp(operation, cases[i].operation) == 0);
        if (a == NULL || operation == NULL)
            fprintf(stderr, "\n%s\n", cases[i].path);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *path;
        CMPSRV_REASON reason;
    } cases[] = {
        {"", CMPSRV_R_NO_SUCH_ALIAS},
        {"cmp", CMPSRV_R_NO_SUCH_ALIAS},
        {"//", CMPSRV_R_NO_SUCH_ALIAS},
        {"/x", CMPSRV_R_NO_SUCH_ALIAS},
        {"/pkix", CMPSRV_R_NO_SUCH_ALIAS},
        {"/pkix/factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmpx", CMPSRV_R_NO_SUCH_ALIAS},
        {"/CMP/factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/Factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factory/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factory/pkcs10", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp//factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp//", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/..", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/../factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/%66actory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factory%00", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factory#x", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factor", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/factoryy", CMPSRV_R_NO_SUCH_ALIAS},
        {"/ejbca/publicweb/cmp/factory/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p/factory/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p/factory/x", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p/factory/PKCS10", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p/factory/pkcs10/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/p//pkcs10", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/cmp/pkcs10/", CMPSRV_R_NO_SUCH_ALIAS},
        {"/.well-known/est/p/factory", CMPSRV_R_NO_SUCH_ALIAS},
        {"/cmp/" NAME32 "x", CMPSRV_R_ALIAS_TOO_LONG},
        {"/ejbca/publicweb/cmp/" NAME32 NAME32, CMPSRV_R_ALIAS_TOO_LONG},
        {"/.well-known/cmp/p/" NAME32 "x/pkcs10", CMPSRV_R_ALIAS_TOO_LONG},
        {"/cmp/" NAME32 "x?y", CMPSRV_R_ALIAS_TOO_LONG},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_REFUSAL why = {0};
        const char *operation = NULL;

        CU_ASSERT(cmpsrv_conf_alias_by_path(&all, cases[i].path, &operation, &why) == NULL);
        CU_ASSERT_EQUAL(why.reason, cases[i].reason);
        CU_ASSERT(operation == NULL);
        if (why.reason != cases[i].reason)
            fprintf(stderr, "\n%s\n", cases[i].path);
    }
}

static void test_no_default_alias(void)
{
    CMPSRV_REFUSAL why = {0};
    const char *operation = NULL;

    CU_ASSERT(cmpsrv_conf_alias_by_path(&without_cmp, "/", &operation, &why) == NULL);
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_NO_SUCH_ALIAS);
    CU_ASSERT(cmpsrv_conf_alias_by_path(&without_cmp, "/cmp/factory", &operation, NULL) != NULL);
    CU_ASSERT(cmpsrv_conf_alias_by_path(&without_cmp, "/cmp/x", &operation, NULL) == NULL);
}

TEST_MAIN("conf paths", TEST(test_found), TEST(test_refused), TEST(test_no_default_alias))
