/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the schema, broken in every way that its type knows: the cases are made by walking
 * cmpsrv_conf_schema(), so that a new key is tested by being there, and a new type fails here until
 * somebody says what is wrong for it.
 */
#include "config.h"

#include "conf/conf_local.h"
#include "conf_test.h"

/* What has to be there for a configuration to load; a key under test takes the place of its row. */
static const struct {
    const char *section, *name, *key, *value;
} base[] = {
    {"server", NULL, "store", "sqlite:cmp.db"},
    {"cas", "ManagementCA", "certificate", "ca.crt"},
    {"cas", "ManagementCA", "key", "'file:ca.key'"},
    {"certificate_profiles", "ENDUSER", "validity", "1d"},
    {"end_entity_profiles", "EMPTY", "subject_dn", "any"},
    {"aliases", "line", "operationmode", "ra"},
    {"aliases", "line", "authenticationmodule", "HMAC"},
    {"aliases", "line", "authenticationparameters", CANARY},
    {"ras", "r1", "", NULL},
    {"vendor_cas", "v1", "certificate", "ca.crt"},
};

static const char *const sections[] = {
    "server", "cas", "certificate_profiles", "aliases", "ras", "end_entity_profiles", "vendor_cas"};

static const char *name_in(const char *section)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(base); i++)
        if (strcmp(base[i].section, section) == 0)
            return base[i].name;
    return NULL;
}

/* The base with one key set to a value. Returns the line of the key. */
static int load_with(const CMPSRV_CONF_KEY *k, const char *value)
{
    char text[8192] = "";
    size_t n = 0;
    int line = 1, found = 0;

#define PUT(...)                                                                                   \
    do {                                                                                           \
        n += (size_t)snprintf(text + n, sizeof(text) - n, __VA_ARGS__);                            \
        line++;                                                                                    \
    } while (0)
    for (size_t s = 0; s < CMPSRV_ARRAY_SIZE(sections); s++) {
        const char *name = name_in(sections[s]), *in = name == NULL ? "  " : "    ";
        int is_here = strcmp(sections[s], k->section) == 0;

        if (strcmp(sections[s], "ras") == 0 && !is_here)
            continue;
        PUT("%s:\n", sections[s]);
        if (name != NULL)
            PUT("  %s:\n", name);
        for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(base); i++)
            if (strcmp(base[i].section, sections[s]) == 0 && base[i].value != NULL &&
                !(is_here && strcmp(base[i].key, k->key) == 0))
                PUT("%s%s: %s\n", in, base[i].key, base[i].value);
        if (is_here) {
            found = line;
            PUT("%s%s: %s\n", in, k->key, value);
        }
    }
#undef PUT
    load_text(text);
    return found;
}

/* Loads with the value and wants an error at the key's line that has `part` in it. */
static int is_refused(const CMPSRV_CONF_KEY *k, const char *value, const char *part)
{
    const char *name = name_in(k->section);
    int line = load_with(k, value);
    char head[256];

    snprintf(head, sizeof(head), "cmp-server.yaml:%d: %s%s%s: %s: ", line, k->section,
             name == NULL ? "" : " ", name == NULL ? "" : name, k->key);
    if (has_error(head, part))
        return 1;
    fprintf(stderr, "  with: %s: %s\n", k->key, value);
    return 0;
}

/* What is wrong for a type, by how its description begins. */
#define WRONG(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const struct {
    const char *type;
    const char *const *values;
} wrong[] = {
    {"yes or no", WRONG("perhaps", "1", "''")},
    {"integer ", WRONG("many", "1x", "''", "'-'", "99999999999999999999", "18446744073709551617",
                       "99999999999", "-2", "+1")},
    {"duration ", WRONG("5x", "0", "0s", "-1s", "s", "''", "9223372036854775807d",
                        "18014398509481985d", "2305843009213693953s", "100000d", "1h30m", "1.5h")},
    {"range ", WRONG("5", "9..1", "0..5", "1..", "..1", "1..2..3", "1..99999999", "a..b", "''")},
    {"readable file", WRONG("missing", "''", "\"a\\tb\"", ".")},
    {"file", WRONG("''", "\"a\\nb\"")},
    {"OSSL_STORE URI",
     WRONG("file:missing", "missing", "''", "file:///missing", "'file://localhost/missing'")},
    {"sqlite:PATH", WRONG("cmp.db", "'sqlite:'", "mysql://u:" CANARY "@h/d",
                          "postgresql://u:" CANARY "@h/d", "postgres://h")},
    {"URL", WRONG("example.org", "gopher://h/", "'http://'", "'http:///x'", "'http://h/a b'",
                  "'http://h/\xc3\xa4'", "''")},
    {"text, {file: PATH}", WRONG("''", "", "{file: empty}", "{file: missing}", "{file: ''}",
                                 "{env: CMPSRV_TEST_UNSET_" CANARY "}", "{" CANARY ": x}",
                                 "{file: secret, env: " CANARY "}", "[" CANARY "]",
                                 "{file: [" CANARY "]}", "{" CANARY "}")},
    {"random, or text", WRONG("''", "", "{file: empty}", "{file: missing}", "[random]",
                              "{env: CMPSRV_TEST_UNSET_" CANARY "}", "{" CANARY ": x}")},
    {"DN, or a DN attribute", WRONG("''", "\"a\\x01b\"")},
    {"text of a DN", WRONG("\"a\\x01b\"", "''")},
    {"octets in hex", WRONG("0", "0x00", "zz", "''", "00 11")},
    {"list with a parameter", WRONG("''", "[]", "[{file: missing}]", "[['" CANARY "']]", "[a, b]",
                                    "a;b", "{file: empty}", "[{env: CMPSRV_TEST_UNSET}]")},
    {"text of at most 100",
     WRONG("\"a\\x01b\"", "1234567890123456789012345678901234567890123456789012345678901234"
                          "5678901234567890123456789012345678901")},
    {"name of ", WRONG("nowhere")},
    {"any or a list of ", WRONG("nowhere", "[any, nowhere]", "[]", "''", "[[any]]")},
    {"list of http://", WRONG("No sense", "http://h", "http://h:x", "http://h:65536", "'http://:1'",
                              "http://h:1/", "[]", "'http://[::1:1'", "'http://[]:1'",
                              "http://h h:1", "https://h:1", "'unix:'", "[http://h:1, x]")},
    {"list of ", WRONG("No sense", "[No sense]", "[[sha1]]", "[rsa:2048, rsa:1]", "rsa:x",
                       "rsa:2049", "1.2.", "3.1.2", "1.40", "1", "01.2", "[HMAC, x]")},
    {"[ip] or ", WRONG("cp", "[ip, cp]", "No sense", "[]", "[ip, x]")},
    {"", WRONG("No sense", "''", "' '", "YES")}, /* the words */
};

static const char *const *wrong_for(const char *type)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(wrong); i++)
        if (strncmp(type, wrong[i].type, strlen(wrong[i].type)) == 0)
            return wrong[i].values;
    return NULL;
}

static void test_wrong_kind(void)
{
    size_t n;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    for (size_t i = 0; i < n; i++)
        if (k[i].supported) {
            CU_ASSERT(is_refused(&k[i], "{a: " CANARY "}", "; allowed: "));
            CU_ASSERT(is_refused(&k[i], "[{a: " CANARY "}]", "; allowed: "));
        }
    unload();
}

static void test_wrong_value(void)
{
    size_t n, cases = 0;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    unsetenv("CMPSRV_TEST_UNSET");
    for (size_t i = 0; i < n; i++) {
        const char *const *values = wrong_for(k[i].type);

        CU_ASSERT_FATAL(values != NULL);
        for (; k[i].supported && *values != NULL; values++, cases++)
            CU_ASSERT(is_refused(&k[i], *values, ""));
    }
    CU_ASSERT(cases > 200);
    unload();
}

static void test_bounds(void)
{
    static const struct {
        const char *section, *key, *value;
        int is_good;
    } cases[] = {
        {"aliases", "login_attempts", "-1", 1},
        {"aliases", "login_attempts", "1", 1},
        {"aliases", "login_attempts", "1000", 1},
        {"aliases", "login_attempts", "0", 0},
        {"aliases", "login_attempts", "-2", 0},
        {"aliases", "login_attempts", "1001", 0},
        {"end_entity_profiles", "allowed_requests", "1", 1},
        {"end_entity_profiles", "allowed_requests", "1000000", 1},
        {"end_entity_profiles", "allowed_requests", "0", 0},
        {"end_entity_profiles", "allowed_requests", "-1", 0},
        {"end_entity_profiles", "allowed_requests", "1000001", 0},
        {"end_entity_profiles", "renew_days_before_expiry", "0", 1},
        {"end_entity_profiles", "renew_days_before_expiry", "3650", 1},
        {"end_entity_profiles", "renew_days_before_expiry", "-1", 0},
        {"end_entity_profiles", "renew_days_before_expiry", "3651", 0},
        {"end_entity_profiles", "renew_days_before_expiry", "7d", 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_CONF_KEY k = {cases[i].section, cases[i].key, "", "", "", 1};

        if (!cases[i].is_good) {
            CU_ASSERT(is_refused(&k, cases[i].value, "; allowed: integer "));
            continue;
        }
        load_with(&k, cases[i].value);
        CU_ASSERT(conf != NULL);
    }
    unload();
}

static void test_long_password(void)
{
    CMPSRV_CONF_KEY k = {"aliases", "ra.passwordgenparams", "", "", "", 1};
    char text[1026];

    memset(text, 'x', sizeof(text) - 1);
    text[1025] = '\0';
    CU_ASSERT(is_refused(&k, text, "longer than 1024 octets; allowed: random, or text"));
    text[1024] = '\0';
    load_with(&k, text);
    CU_ASSERT_FATAL(conf != NULL);
    CU_ASSERT_EQUAL(cmpsrv_secret_get0(conf->aliases[0].password).n, 1024);
    unload();
}

static void test_not_supported_yet(void)
{
    static const char *const values[] = {CANARY, "[" CANARY "]", "{a: " CANARY "}", "12345"};
    size_t n;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; !k[i].supported && v < CMPSRV_ARRAY_SIZE(values); v++)
            CU_ASSERT(is_refused(&k[i], values[v], "not supported yet"));
    unload();
}

/* The default as documented: accepted, and of keys to come the way to say that they are not wanted.
 */
static void test_default_is_accepted(void)
{
    size_t n;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    for (size_t i = 0; i < n; i++) {
        char value[256];

        if (k[i].dflt[0] == '\0' || strcmp(k[i].dflt, "required") == 0 ||
            strcmp(k[i].section, "ras") == 0 || strcmp(k[i].key, "operationmode") == 0 ||
            strcmp(k[i].key, "authenticationmodule") == 0)
            continue;
        snprintf(value, sizeof(value), "[%.*s]", (int)strcspn(k[i].dflt, "("), k[i].dflt);
        if (strncmp(k[i].type, "list", 4) != 0 && k[i].type[0] != '[') {
            memmove(value, value + 1, strlen(value));
            value[strcspn(value, "]")] = '\0';
        }
        load_with(&k[i], value);
        CU_ASSERT(conf != NULL);
        if (conf == NULL)
            fprintf(stderr, "\n%s\n", errors.v[0]);
    }
    unload();
}

static void test_off_values(void)
{
    static const struct {
        const char *key, *value;
        int is_off;
    } cases[] = {
        {"approval", "false", 1},
        {"approval", "No", 1},
        {"approval", "yes", 0},
        {"allowupdatewithsamekey", "true", 1},
        {"allowupdatewithsamekey", "no", 0},
        {"keygen_package", "rfc", 1},
        {"keygen_package", "rfc|privatekeyinfo", 0},
        {"racertificatepath", "/x", 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_CONF_KEY k = {"aliases", cases[i].key, "", "", "", 0};

        if (cases[i].is_off) {
            load_with(&k, cases[i].value);
            CU_ASSERT(conf != NULL);
        } else {
            CU_ASSERT(is_refused(&k, cases[i].value, "not supported yet"));
        }
    }
    unload();
}

static void test_later_words(void)
{
    static const struct {
        const char *section, *key, *value, *part;
    } cases[] = {
        {"server", "store", "postgresql://h/d", "postgresql://: not supported yet"},
        {"aliases", "operationmode", "proxy", "is not known"},
        {"aliases", "authenticationmodule", CANARY, "unknown module"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        CMPSRV_CONF_KEY k = {cases[i].section, cases[i].key, "", "", "", 1};

        CU_ASSERT(is_refused(&k, cases[i].value, cases[i].part));
    }
    unload();
}

static void test_table_is_sound(void)
{
    size_t n;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    CU_ASSERT(n > 100);
    for (size_t i = 0, in_section = 0; i < n; i++) {
        in_section = i > 0 && strcmp(k[i].section, k[i - 1].section) == 0 ? in_section + 1 : 1;
        CU_ASSERT(in_section <= CONF_MAX_KEYS);
        CU_ASSERT(k[i].help != NULL && k[i].help[0] != '\0' && strchr(k[i].help, '\n') == NULL);
        CU_ASSERT(k[i].type != NULL && k[i].type[0] != '\0' && k[i].dflt != NULL);
        /* the rows of a section stand together, each key once */
        for (size_t j = 0; j < i; j++) {
            CU_ASSERT(strcmp(k[i].section, k[j].section) != 0 || strcmp(k[i].key, k[j].key) != 0);
            CU_ASSERT(strcmp(k[i].section, k[j].section) != 0 ||
                      strcmp(k[i].section, k[i - 1].section) == 0);
        }
    }
}

TEST_MAIN("conf schema", TEST(test_table_is_sound), TEST(test_wrong_kind), TEST(test_wrong_value),
          TEST(test_bounds), TEST(test_long_password), TEST(test_not_supported_yet),
          TEST(test_default_is_accepted), TEST(test_off_values), TEST(test_later_words))
