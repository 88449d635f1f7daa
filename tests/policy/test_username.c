/* SPDX-License-Identifier: Apache-2.0 */
/* User names of RA mode: EJBCA's schemes and examples, and what is refused. */
#include "config.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "policy/policy.h"
#include "test.h"

static char *make(CMPSRV_USERNAME_SCHEME scheme, char *parameters[], size_t n, const char *prefix,
                  const char *postfix, const char *dn, CMPSRV_REASON *reason)
{
    CMPSRV_CONF_ALIAS alias = {.namegeneration_scheme = scheme,
                               .namegeneration_parameters = {parameters, n},
                               .namegeneration_prefix = (char *)prefix,
                               .namegeneration_postfix = (char *)postfix};
    CMPSRV_BYTES der = {0};
    CMPSRV_REFUSAL why = {0};
    char *name;

    CU_ASSERT_FATAL(cmpsrv_name_parse(dn, &der, NULL));
    name = cmpsrv_username_make(&alias, cmpsrv_bytes_slice(&der), &why);
    cmpsrv_bytes_clear(&der);
    *reason = why.reason;
    return name;
}

static char *uid[] = {"UID"}, *cn_uid[] = {"CN", "UID"}, *router[] = {"router"}, *cn[] = {"CN"};

static void test_schemes(void)
{
    static const struct {
        CMPSRV_USERNAME_SCHEME scheme;
        char **parameters;
        size_t n;
        const char *prefix, *postfix, *dn, *want;
    } t[] = {
        {CMPSRV_USERNAME_DN, uid, 1, "cmp", "", "UID=4711,CN=a", "cmp4711"},
        {CMPSRV_USERNAME_DN, cn_uid, 2, "", "", "UID=7,O=x", "7"},
        {CMPSRV_USERNAME_DN, cn, 1, "", "-dev", "CN=a", "a-dev"},
        {CMPSRV_USERNAME_DN, cn, 1, "${x}", "", "CN=a",
         "/{x}a"}, /* only ${RANDOM} is known; $ is a forbidden character */
        {CMPSRV_USERNAME_DN, cn, 1, "", "", "CN=a\\;b", "a/b"},
        {CMPSRV_USERNAME_DN, cn, 1, "", "", "CN=\\<a\\>%!", "/a///"},
        {CMPSRV_USERNAME_DN, cn, 1, " ", "", "CN=a b", "a b"},
        {CMPSRV_USERNAME_USERNAME, NULL, 0, "", "", "CN=a,O=b", "CN=a,O=b"},
        {CMPSRV_USERNAME_FIXED, router, 1, "x-", "", "CN=a", "x-router"},
    };
    CMPSRV_REASON reason;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        char *name =
            make(t[i].scheme, t[i].parameters, t[i].n, t[i].prefix, t[i].postfix, t[i].dn, &reason);

        CU_ASSERT_FATAL(name != NULL);
        CU_ASSERT_STRING_EQUAL(name, t[i].want);
        OPENSSL_free(name);
    }
}

static int is_alphanumeric(const char *s, size_t n)
{
    return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") >= n;
}

static void test_random(void)
{
    CMPSRV_REASON reason;
    char *a = make(CMPSRV_USERNAME_RANDOM, NULL, 0, "", "-dev", "CN=a", &reason);
    char *b = make(CMPSRV_USERNAME_FIXED, router, 1, "${RANDOM}_", "_${RANDOM}", "CN=a", &reason);

    CU_ASSERT_FATAL(a != NULL && b != NULL);
    CU_ASSERT(strlen(a) == 16 && is_alphanumeric(a, 12) && strcmp(a + 12, "-dev") == 0);
    CU_ASSERT(strlen(b) == 12 + 8 + 12 && is_alphanumeric(b, 12) &&
              strncmp(b + 12, "_router_", 8) == 0);
    CU_ASSERT(strncmp(b, b + 20, 12) != 0); /* each for itself */
    OPENSSL_free(a);
    OPENSSL_free(b);
}

static void test_refused(void)
{
    char longest[200], dn[220];
    CMPSRV_REASON reason;

    CU_ASSERT_PTR_NULL(make(CMPSRV_USERNAME_DN, uid, 1, "", "", "CN=a",
                            &reason)); /* EJBCA calls this user "null" */
    CU_ASSERT_EQUAL(reason, CMPSRV_R_BAD_CERT_TEMPLATE);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    snprintf(dn, sizeof(dn), "CN=%s", longest);
    CU_ASSERT_PTR_NULL(make(CMPSRV_USERNAME_DN, cn, 1, longest, "", dn, &reason));
    CU_ASSERT_EQUAL(reason, CMPSRV_R_BAD_CERT_TEMPLATE);
}

/* Client mode: the attribute must be there once. RA mode takes the first of two, as EJBCA. */
static void test_of_subject(void)
{
    static const struct {
        const char *component, *dn, *want; /* NULL: none */
    } t[] = {
        {"CN", "CN=a,O=b", "p-a-q"},     {"cn", "CN=a,O=b", "p-a-q"},
        {"O", "CN=a,O=b", "p-b-q"},      {"UID", "CN=a,O=b", NULL},
        {"DN", "CN=a,O=b", NULL},        {"CN", "CN=a,CN=b", NULL},
        {"CN", "CN=a,CN=a", NULL},       {"CN", "CN=a+CN=b", NULL},
        {"CN", "CN=a,O=x,CN=b", NULL},   {"2.5.4.3", "CN=a,CN=b", NULL},
        {"O", "CN=a,CN=b,O=c", "p-c-q"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_CONF_ALIAS alias = {.username_component = (char *)t[i].component,
                                   .namegeneration_prefix = (char *)"p-",
                                   .namegeneration_postfix = (char *)"-q"};
        CMPSRV_BYTES der = {0};
        char *name;

        CU_ASSERT_FATAL(cmpsrv_name_parse(t[i].dn, &der, NULL));
        name = cmpsrv_username_of(&alias, cmpsrv_bytes_slice(&der));
        CU_ASSERT_EQUAL(name == NULL, t[i].want == NULL);
        CU_ASSERT(name == NULL || t[i].want == NULL || strcmp(name, t[i].want) == 0);
        OPENSSL_free(name);
        cmpsrv_bytes_clear(&der);
    }
}

static void test_first_of_two(void)
{
    CMPSRV_REASON reason;
    char *name = make(CMPSRV_USERNAME_DN, cn, 1, "", "", "/CN=first/CN=second", &reason);

    CU_ASSERT_FATAL(name != NULL);
    CU_ASSERT_STRING_EQUAL(name, "first");
    OPENSSL_free(name);
}

TEST_MAIN("username", TEST(test_schemes), TEST(test_random), TEST(test_refused),
          TEST(test_of_subject), TEST(test_first_of_two))
