/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject_dn and subject_alt_name of end entity profiles: rows that are taken, every way in which
 * one can be wrong, and what a regular expression may be. Loads and frees, which leaks nothing.
 */
#include "config.h"

#include <regex.h>

#include "conf/conf_local.h"
#include "conf_test.h"
#include "wire/wire.h"

#define HEAD                                                                                       \
    "server: {store: 'sqlite:x'}\ncas: {CA: {certificate: ca.crt, key: ca.key}}\n"                 \
    "certificate_profiles: {CP: {}}\n"                                                             \
    "aliases: {a: {operationmode: ra, authenticationmodule: HMAC, authenticationparameters: x, "   \
    "ra.endentityprofile: E, ra.certificateprofile: CP, ra.caname: CA}}\n"
/* What follows begins at line 7. */
#define PROFILE "end_entity_profiles:\n  E:\n"

static const CMPSRV_CONF_EE_PROFILE *load_rows(const char *rows)
{
    char text[8192];

    snprintf(text, sizeof(text), HEAD PROFILE "%s", rows);
    load_text(text);
    return conf == NULL ? NULL : &conf->ee_profiles[0];
}

static void test_rows(void)
{
    const CMPSRV_CONF_EE_PROFILE *p =
        load_rows("    subject_dn:\n"
                  "    - {attribute: CN, required: yes, regex: '[a-z0-9-]{1,32}', max: 2}\n"
                  "    - attribute: O\n"
                  "      value: Example\n"
                  "      regex: Ex.*\n"
                  "    - {attribute: 1.2.3.4, required: no}\n"
                  "    subject_alt_name:\n"
                  "    - {type: dNSName, required: true, regex: '.*\\.example\\.org', max: 100}\n"
                  "    - {type: iPAddress}\n");
    const CMPSRV_CONF_FIELD *f;

    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "\n%s", errors.v[i]);
    CU_ASSERT_FATAL(p != NULL && p->subject_dn.n == 3 && p->subject_alt_name.n == 2);
    f = p->subject_dn.v;
    CU_ASSERT_STRING_EQUAL(f[0].name, "CN");
    CU_ASSERT(f[0].required && f[0].value == NULL && f[0].max == 2 && f[0].pattern != NULL);
    CU_ASSERT_STRING_EQUAL(f[0].regex, "[a-z0-9-]{1,32}");
    CU_ASSERT_STRING_EQUAL(f[1].name, "O");
    CU_ASSERT_STRING_EQUAL(f[1].value, "Example");
    CU_ASSERT(!f[1].required && f[1].max == 1);
    CU_ASSERT_STRING_EQUAL(f[2].name, "1.2.3.4");
    CU_ASSERT(f[2].regex == NULL && f[2].pattern == NULL && !f[2].required);
    f = p->subject_alt_name.v;
    CU_ASSERT_STRING_EQUAL(f[0].name, "dNSName");
    CU_ASSERT(f[0].required && f[0].max == 100);
    CU_ASSERT_EQUAL(regexec(f[0].pattern, "a.example.org", 0, NULL, 0), 0);
    CU_ASSERT_NOT_EQUAL(regexec(f[0].pattern, "a.example.org.evil", 0, NULL, 0), 0);
    CU_ASSERT_STRING_EQUAL(f[1].name, "iPAddress");
    unload();
}

static void test_any_and_one(void)
{
    static const char *const any[] = {"    subject_dn: any\n    subject_alt_name: any\n",
                                      "    subject_dn: [any]\n    subject_alt_name: [any]\n",
                                      "    allow_merge_dn: no\n"};
    const CMPSRV_CONF_EE_PROFILE *p;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(any); i++) {
        p = load_rows(any[i]);
        CU_ASSERT_FATAL(p != NULL);
        CU_ASSERT(p->subject_dn.n == 0 && p->subject_alt_name.n == 0);
    }
    p = load_rows("    subject_dn: {attribute: UID}\n");
    CU_ASSERT_FATAL(p != NULL && p->subject_dn.n == 1);
    CU_ASSERT_STRING_EQUAL(p->subject_dn.v[0].name, "UID");
    unload();
}

static void test_all_types_of_name(void)
{
    const CMPSRV_CONF_EE_PROFILE *p =
        load_rows("    subject_alt_name: [{type: rfc822Name}, {type: dNSName},\n"
                  "      {type: uniformResourceIdentifier}, {type: iPAddress}, {type: otherName},\n"
                  "      {type: directoryName}, {type: registeredID}]\n");

    CU_ASSERT_FATAL(p != NULL);
    CU_ASSERT_EQUAL(p->subject_alt_name.n, 7);
    unload();
}

/* Each with the line of its row. */
static void test_wrong_rows(void)
{
    static const struct {
        const char *rows;
        int line;
        const char *key, *what, *allowed;
    } cases[] = {
#define DN(line, row, what)                                                                        \
    {"    subject_dn:\n    - {attribute: OU}\n    - " row "\n", line, "subject_dn", what,          \
     "attribute: CN"}
#define SAN(line, row, what)                                                                       \
    {                                                                                              \
        "    subject_alt_name:\n    - {type: dNSName}\n    - " row "\n", line, "subject_alt_name", \
            what, "registeredID"                                                                   \
    }
        DN(9, "{attribute: CN, colour: red}", "unknown key \"colour\" in a row"),
        DN(9, "{type: dNSName}", "unknown key \"type\" in a row"),
        SAN(9, "{attribute: CN}", "unknown key \"attribute\" in a row"),
        DN(9, "{[attribute]: CN}", "a key of a row must be a word"),
        DN(9, "attribute: CN\n      max: 2\n      colour: red", "unknown key \"colour\" in a row"),
        DN(9, "attribute: CN\n\n      regex: (", "\"(\" is no regular expression"),
        DN(9, "{required: yes}", "attribute is missing in a row"),
        SAN(9, "{required: yes}", "type is missing in a row"),
        DN(9, "{}", "attribute is missing in a row"),
        DN(9, "{attribute: }", "attribute: 0 octets"),
        DN(9, "{attribute: XYZ}", "\"XYZ\" is no DN attribute"),
        DN(9, "{attribute: DN}", "\"DN\" is no DN attribute"),
        DN(9, "{attribute: 3.1}", "\"3.1\" is no DN attribute"),
        DN(9, "{attribute: [CN]}", "attribute: must be one value"),
        DN(9, "{attribute: \"C\\x01N\"}", "attribute: a control character"),
        SAN(9, "{type: dnsname}", "\"dnsname\" is no type of name"),
        SAN(9, "{type: x400Address}", "\"x400Address\" is no type of name"),
        DN(9, "{attribute: OU}", "OU has a row already; max"),
        DN(9, "{attribute: ou}", "ou has a row already; max"),
        DN(9, "{attribute: 2.5.4.11}", "2.5.4.11 has a row already; max"),
        DN(10, "{attribute: CN}\n    - {attribute: commonName}", "commonName has a row already"),
        SAN(9, "{type: dNSName}", "dNSName has a row already; max"),
        DN(9, "{attribute: CN, required: perhaps}", "required: \"perhaps\" is neither yes nor no"),
        DN(9, "{attribute: CN, required: }", "required: 0 octets"),
        DN(9, "{attribute: CN, max: 0}", "max: \"0\" is not 1 to 100"),
        DN(9, "{attribute: CN, max: 101}", "max: \"101\" is not 1 to 100"),
        DN(9, "{attribute: CN, max: -1}", "max: \"-1\" is not 1 to 100"),
        DN(9, "{attribute: CN, max: 1x}", "max: \"1x\" is not 1 to 100"),
        DN(9, "{attribute: CN, max: 99999999999999999999}", "is not 1 to 100"),
        DN(9, "{attribute: CN, max: 1, max: 2}", "max twice in a row"),
        DN(9, "{attribute: CN, attribute: O}", "attribute twice in a row"),
        DN(9, "{attribute: CN, value: ''}", "value: 0 octets"),
        DN(9, "{attribute: CN, value: {file: x}}", "value: must be one value"),
        DN(9, "{attribute: CN, value: abc, regex: b}", "value \"abc\" does not match regex"),
        DN(9, "{attribute: CN, regex: 'a|b', value: ab}", "value \"ab\" does not match regex"),
        DN(9, "CN", "a row must be a map"),
        DN(9, "any", "a row must be a map"),
        DN(9, "[{attribute: CN}]", "a row must be a map"),
        {"    subject_dn: []\n", 7, "subject_dn", "0 rows, not 1 to 100", "any or a list"},
        {"    subject_alt_name: []\n", 7, "subject_alt_name", "0 rows", "any or a list"},
        {"    subject_dn: none\n", 7, "subject_dn", "is neither any nor a list", "any or a list"},
        {"    subject_dn:\n", 7, "subject_dn", "is neither any nor a list", "any or a list"},
        {"    subject_dn: {max: 1}\n", 7, "subject_dn", "attribute is missing", "any or a list"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        char head[256];

        CU_ASSERT(load_rows(cases[i].rows) == NULL);
        CU_ASSERT_EQUAL(errors.n, 1);
        snprintf(head, sizeof(head),
                 "cmp-server.yaml:%d: end_entity_profiles E: %s: ", cases[i].line, cases[i].key);
        CU_ASSERT(has_error(head, cases[i].what));
        CU_ASSERT(has_error(head, "; allowed: any or a list"));
        CU_ASSERT(has_error(head, cases[i].allowed));
    }
    unload();
}

static void test_too_long(void)
{
    char rows[8192], value[502];

    memset(value, 'x', sizeof(value) - 1);
    value[501] = '\0';
    snprintf(rows, sizeof(rows), "    subject_dn: {attribute: CN, value: %s}\n", value);
    CU_ASSERT(load_rows(rows) == NULL);
    CU_ASSERT(has_error("cmp-server.yaml:7: ", "value: 501 octets, not 1 to 500"));
    value[500] = '\0';
    snprintf(rows, sizeof(rows), "    subject_dn: {attribute: CN, value: %s}\n", value);
    CU_ASSERT(load_rows(rows) != NULL);
    snprintf(rows, sizeof(rows), "    subject_dn: [");
    for (int i = 0; i <= 100; i++)
        snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows), "%s{attribute: 1.2.%d}",
                 i == 0 ? "" : ", ", i);
    strcat(rows, "]\n");
    CU_ASSERT(load_rows(rows) == NULL);
    CU_ASSERT(has_error("cmp-server.yaml:7: ", "101 rows, not 1 to 100"));
    unload();
}

/* One row's error does not hide the next one's. */
static void test_every_row_is_read(void)
{
    CU_ASSERT(load_rows("    subject_dn:\n    - {attribute: XYZ, max: 0}\n    - {attribute: CN}\n"
                        "    - {regex: '['}\n") == NULL);
    CU_ASSERT_EQUAL(errors.n, 3);
    CU_ASSERT(has_error("cmp-server.yaml:8: ", "XYZ"));
    CU_ASSERT(has_error("cmp-server.yaml:8: ", "max"));
    CU_ASSERT(has_error("cmp-server.yaml:10: ", "regular expression"));
    unload();
}

static const CMPSRV_CONF_FIELD *load_regex(const char *regex)
{
    char rows[2048];
    const CMPSRV_CONF_EE_PROFILE *p;

    snprintf(rows, sizeof(rows), "    subject_dn: [{attribute: CN, regex: '%s'}]\n", regex);
    p = load_rows(rows);
    return p == NULL ? NULL : &p->subject_dn.v[0];
}

/* The expression has to match all of the text. */
static void test_patterns(void)
{
    static const struct {
        const char *regex, *yes, *no;
    } cases[] = {
        {"abc", "abc", "abcd"},
        {"abc", "abc", "xabc"},
        {"a|b", "b", "ab"},
        {"a|b", "a", "b\nc"},
        {"(a|b)*c?", "abac", "ca"},
        {"", NULL, NULL},
        {"[])]x", ")x", "x"},
        {"[^])]x", "ax", ")x"},
        {"[[:alpha:])(]+", "a)(", "a1"},
        {"[[.).]]", ")", "("},
        {"[(]", "(", ")"},
        {"\\(a\\)", "(a)", "a"},
        {"\\{2\\}", "{2}", "22"},
        {"[a-z]{3}", "abc", "ab"},
        {"[a-z]{2,}", "abcdef", "a"},
        {"([0-9A-F]{2}:){5}[0-9A-F]{2}", "00:11:22:AA:BB:CC", "00:11:22:AA:BB"},
        {"(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,7}:|([0-9a-f]{1,4}:){1,6}:"
         "[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,5}(:[0-9a-f]{1,4}){1,2}|([0-9a-f]{1,4}:){1,4}"
         "(:[0-9a-f]{1,4}){1,3}|([0-9a-f]{1,4}:){1,3}(:[0-9a-f]{1,4}){1,4})",
         "2001:db8::1", "2001:db8::1::"},
        {".{1,500}", "x", ""},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        const CMPSRV_CONF_FIELD *f = load_regex(cases[i].regex);

        if (cases[i].yes == NULL) {
            CU_ASSERT(f == NULL);
            continue;
        }
        for (size_t k = 0; k < errors.n; k++)
            fprintf(stderr, "\n%s", errors.v[k]);
        CU_ASSERT_FATAL(f != NULL);
        CU_ASSERT_EQUAL(regexec(f->pattern, cases[i].yes, 0, NULL, 0), 0);
        CU_ASSERT_EQUAL(regexec(f->pattern, cases[i].no, 0, NULL, 0), REG_NOMATCH);
    }
    unload();
}

/* Not compiled, or not what it seems: "a)|(b" would escape from the group around it. */
static void test_bad_patterns(void)
{
    static const struct {
        const char *regex, *part;
    } cases[] = {
        {"(", "\"(\" is no regular expression: "},
        {"(a", "is no regular expression: "},
        {"[a", "is no regular expression: "},
        {"[[:alpha", "is no regular expression: "},
        {"[[:nothing:]]", "is no regular expression: "},
        {"[z-a]", "is no regular expression: "},
        {"a{2,1}", "is no regular expression: "},
        {"*a", "is no regular expression: "},
        {")", "unmatched )"},
        {"a)|(b", "unmatched )"},
        {"[(]a)|(b", "unmatched )"},
        {"a\\", "trailing backslash"},
        {"(a)\\1", "back-reference"},
        {"a{2001}", "repeats too much"},
        {"a{0,2001}", "repeats too much"},
        {"a{2000,}", "repeats too much"},
        {"a{50}{50}", "repeats too much"},
        {"a{50}*{50}", "repeats too much"},
        {"(a{50}){50}", "repeats too much"},
        {"(((x{255}){255}){255}){255}", "repeats too much"},
        {"((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)", "repeats too much"},
        {"a{99999999999999999999}", ""},
        {"((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))", "too deep"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CU_ASSERT(load_regex(cases[i].regex) == NULL);
        CU_ASSERT_EQUAL(errors.n, 1);
        CU_ASSERT(
            has_error("cmp-server.yaml:7: end_entity_profiles E: subject_dn: ", cases[i].part));
        CU_ASSERT(has_error("cmp-server.yaml:7: ", "; allowed: any or a list"));
    }
    unload();
}

/* What conf takes for an attribute, wire can find in a name. */
static void test_attributes_of_wire(void)
{
    static const char *const taken[] = {"CN",
                                        "commonName",
                                        "cn",
                                        "surname",
                                        "serialNumber",
                                        "SN",
                                        "C",
                                        "L",
                                        "ST",
                                        "street",
                                        "O",
                                        "OU",
                                        "title",
                                        "T",
                                        "description",
                                        "businessCategory",
                                        "postalCode",
                                        "givenName",
                                        "GN",
                                        "initials",
                                        "dnQualifier",
                                        "pseudonym",
                                        "organizationIdentifier",
                                        "UID",
                                        "DC",
                                        "emailAddress",
                                        "E",
                                        "EMAIL",
                                        "unstructuredName",
                                        "unstructuredAddress",
                                        "1.2.3"};
    static const char *const refused[] = {"DN", "XYZ", "", "C N", "1", "1.2.", "3.1", "NAME"};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(taken); i++) {
        CU_ASSERT(cmpsrv_conf_attribute_oid(taken[i]) != NULL);
        CU_ASSERT(cmpsrv_name_has_attribute(taken[i]));
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(refused); i++)
        CU_ASSERT(cmpsrv_conf_attribute_oid(refused[i]) == NULL);
}

TEST_MAIN("conf field", TEST(test_rows), TEST(test_any_and_one), TEST(test_all_types_of_name),
          TEST(test_wrong_rows), TEST(test_too_long), TEST(test_every_row_is_read),
          TEST(test_patterns), TEST(test_bad_patterns), TEST(test_attributes_of_wire))
