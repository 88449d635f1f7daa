/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ejbca*.c: dumps of EJBCA's aliases, and what becomes of every key: the YAML word by word, the row
 * of the report, and that the YAML loads.
 */
#include "conf/ejbca.h"
#include "conf_test.h"

static CMPSRV_IMPORT *im;
static CMPSRV_IMPORT_OPTIONS options;

static const CMPSRV_IMPORT_MAP maps[] = {
    {"eep", "77", "EE1"},     {"ca", "-5", "CA1"},
    {"ca", "6", "CA2"},       {"ca", "CN=CA one,O=Example, C=SE", "CA1"},
    {"ca", "OldName", "CA2"}, {"vendorca", "9", "Vendor"},
};

static CMPSRV_IMPORT *run(const char *dump, size_t n)
{
    cmpsrv_conf_import_free(im);
    options.maps = maps;
    options.maps_n = CMPSRV_ARRAY_SIZE(maps);
    im = cmpsrv_conf_import(cmpsrv_slice(dump, n), &options, NULL);
    CU_ASSERT_FATAL(im != NULL);
    for (size_t i = 0; i < im->rows_n; i++) {
        const CMPSRV_IMPORT_ROW *r = &im->rows[i];

        CU_ASSERT(r->from == NULL || strstr(r->from, CANARY) == NULL);
        CU_ASSERT(r->to == NULL || strstr(r->to, CANARY) == NULL);
        CU_ASSERT(strstr(r->why, CANARY) == NULL);
        CU_ASSERT(strchr(r->why, '\n') == NULL);
    }
    return im;
}

static void import(const char *dump)
{
    run(dump, strlen(dump));
}

/* A row for the key with that outcome, whose `to` or reason has `part` in it. */
static int has_row(const char *key, CMPSRV_IMPORT_OUTCOME outcome, const char *part)
{
    for (size_t i = 0; i < im->rows_n; i++) {
        const CMPSRV_IMPORT_ROW *r = &im->rows[i];
        int same = key == NULL ? r->key == NULL : r->key != NULL && strcmp(r->key, key) == 0;

        if (same && r->outcome == outcome &&
            (strstr(r->why, part) != NULL || (r->to != NULL && strstr(r->to, part) != NULL)))
            return 1;
    }
    fprintf(stderr, "\nwanted: %s %s ... %s\n", key, cmpsrv_conf_import_word(outcome), part);
    for (size_t i = 0; i < im->rows_n; i++)
        fprintf(stderr, "   got: %s %s %s: %s\n", im->rows[i].key,
                cmpsrv_conf_import_word(im->rows[i].outcome),
                im->rows[i].to == NULL ? "" : im->rows[i].to, im->rows[i].why);
    return 0;
}

static int has_line(const char *line)
{
    char full[512];

    snprintf(full, sizeof(full), "\n    %s\n", line);
    if (strstr(im->yaml, full) != NULL)
        return 1;
    fprintf(stderr, "\nwanted: %s\n   got: %s\n", line, im->yaml);
    return 0;
}

static int has_text(const char *text)
{
    return strstr(im->yaml, text) != NULL;
}

/* The YAML over two CAs and the profiles of the tests. */
static CMPSRV_CONF *load_yaml(void)
{
    static const char base[] =
        "server: {store: 'sqlite:x.db', store_key: key}\n"
        "cas:\n"
        "  CA1: {certificate: ca.crt, key: 'file:ca.key', cmp_ra_auth_secret: of-the-ca}\n"
        "  CA2: {certificate: ca.crt, key: 'file:ca.key'}\n"
        "  ManagementCA: {certificate: ca.crt, key: 'file:ca.key'}\n"
        "certificate_profiles: {ENDUSER: {}, CP1: {}}\n"
        "end_entity_profiles: {EMPTY: {default_ca: ManagementCA, default_certificate_profile: "
        "ENDUSER}, EE1: {default_ca: CA1, default_certificate_profile: "
        "CP1}}\n";
    static char text[8192];

    snprintf(text, sizeof(text), "%s%s", base, im->yaml);
    return load_text(text);
}

#define RA     "a.operationmode = ra\n"
#define CLIENT "a.operationmode = client\n"
#define SECRET "a.authenticationmodule = HMAC\na.authenticationparameters = " CANARY "\n"
#define T      CMPSRV_IMPORT_TAKEN
#define X      CMPSRV_IMPORT_TRANSLATED
#define D      CMPSRV_IMPORT_DROPPED
#define R      CMPSRV_IMPORT_REFUSED

/* ---- the file ---------------------------------------------------------------------------------
 */

static void test_a_dump(void)
{
    import(" factory.ra.caname = CA1\n factory.operationmode = ra\n factory.defaultca = \n"
           " factory.authenticationmodule = HMAC\n factory.authenticationparameters = -\n"
           " factory.ra.endentityprofileid = 77\n factory.ra.certificateprofile = CP1\n");
    CU_ASSERT_STRING_EQUAL(im->yaml, "aliases:\n"
                                     "  factory:\n"
                                     "    conformance: ejbca\n"
                                     "    operationmode: ra\n"
                                     "    authenticationmodule: [HMAC]\n"
                                     "    authenticationparameters: [\"-\"]\n"
                                     "    ra.endentityprofile: EE1 # ra.endentityprofileid = 77\n"
                                     "    ra.certificateprofile: CP1\n"
                                     "    ra.caname: CA1\n");
    CU_ASSERT(im->rows_n == 7 && im->aliases_n == 1 && im->skipped == 0);
    CU_ASSERT(im->counts[T] == 6 && im->counts[X] == 1);
    CU_ASSERT(im->rows[0].line == 2 && strcmp(im->rows[0].from, "ra") == 0);
    CU_ASSERT_FATAL(load_yaml() != NULL);
    CU_ASSERT(conf->aliases[0].ra_mode && conf->aliases[0].ejbca_conformance);
    CU_ASSERT_STRING_EQUAL(conf->aliases[0].ee_profile->name, "EE1");
}

static void test_aliases(void)
{
    static const char dump[] = "b.operationmode=ra\n" SECRET RA "b.authenticationmodule=HMAC\n"
                               "b.authenticationparameters=other\nin.a.dot.operationmode=ra\n";

    import(dump);
    CU_ASSERT(im->aliases_n == 3 && im->skipped == 0);
    CU_ASSERT(strstr(im->yaml, "  a:\n") < strstr(im->yaml, "  b:\n") && has_text("  in.a.dot:\n"));
    options.alias = "b";
    import(dump);
    CU_ASSERT(im->aliases_n == 1 && has_text("[other]") && !has_text("  a:\n"));
    options.alias = "c";
    import(dump);
    CU_ASSERT(im->aliases_n == 0 && im->rows_n == 0);
    CU_ASSERT_STRING_EQUAL(im->yaml, "aliases:\n");
    options.alias = NULL;
}

/* java.util.Properties, load(Reader). */
static void test_properties(void)
{
    import("# comment = 1 \\\n ! another\n\n\t" RA SECRET "a.ra.caname :  C\\u0041\\\n   1\r\n"
           "a.ra.namegenerationprefix=x\\\\y\\=\\ z\\,\\\\\r"
           "a.ra.namegenerationpostfix first\na.ra.namegenerationpostfix \t = last\n"
           "a.ra.certificateprofile=\\uD83D\\uDE00\xc3\xa9\\ud83d\\u00");
    CU_ASSERT(has_line("ra.caname: CA1"));
    CU_ASSERT(has_line("ra.namegenerationprefix: \"x\\\\y= z\\\\,\\\\\""));
    CU_ASSERT(has_line("ra.namegenerationpostfix: last"));
    CU_ASSERT(has_row("ra.namegenerationpostfix", T, "the last of several"));
    CU_ASSERT(has_line("ra.certificateprofile: \"\xf0\x9f\x98\x80\xc3\xa9\\\\ud83d\\\\u00\""));
    CU_ASSERT(im->skipped == 0 && im->counts[R] == 0);
}

static void test_latin1_and_nul(void)
{
    static const char dump[] = RA SECRET "a.ra.namegenerationprefix = \xe9\0x\n";

    import(RA SECRET "a.ra.caname = G\xf6teborg\n");
    CU_ASSERT(has_line("ra.caname: \"G\xc3\xb6teborg\""));
    run(dump, sizeof(dump) - 1);
    CU_ASSERT(has_row("ra.namegenerationprefix", R, "control character"));
    import("\xef\xbb\xbf" RA SECRET);
    CU_ASSERT(im->aliases_n == 1 && im->skipped == 0 && has_line("operationmode: ra"));
}

static void test_noise(void)
{
    import(
        "Reading aliases\nSLF4J: no binding\norg.jboss.remoting = x\nnothing.\n.operationmode=ra\n"
        "12:00:00,1 INFO  [org.ejbca.ui.cli] (main)  a.operationmode = ra\n"
        "Setting value: a.authenticationmodule=HMAC\nall.done: a.unknown = x\n" SECRET
        "a.later = " CANARY " a.operationmode = client\nb.tcp.portno = 1\n");
    CU_ASSERT(im->aliases_n == 1 && im->skipped == 7);
    CU_ASSERT(has_line("operationmode: ra") && has_line("authenticationmodule: [HMAC]"));
    CU_ASSERT(has_row("later", R, "unknown") &&
              has_line("# later: refused: unknown; take it out of "
                       "the file if you can do without it"));
    import("");
    CU_ASSERT(im->aliases_n == 0 && im->skipped == 0);
    import("\\\n\\\n" RA SECRET "\\");
    CU_ASSERT(im->aliases_n == 1 && has_line("operationmode: ra"));
}

/* ---- keys -------------------------------------------------------------------------------------
 */

/* mode, the property, how it ends, what the row says, the line of the YAML (NULL: none) */
static const struct {
    const char *mode, *key, *value;
    CMPSRV_IMPORT_OUTCOME outcome;
    const char *says, *line;
} keys[] = {
    {RA, "responseprotection", "pbe", T, "", "responseprotection: pbe"},
    {RA, "responseprotection", "signature", T, "", "responseprotection: signature"},
    {RA, "responseprotection", "PBE", X, "all but pbe",
     "responseprotection: signature # responseprotection = PBE"},
    {CLIENT, "responseprotection", "pbe", X, "EJBCA signs in client mode",
     "responseprotection: signature # responseprotection = pbe"},
    /* references */
    {RA, "defaultca", "", T, "nothing to write", NULL},
    {RA, "defaultca", "CN=CA one,O=Example,C=SE", X, "defaultca: CA1",
     "defaultca: CA1 # defaultca = CN=CA one,O=Example,C=SE"},
    {RA, "defaultca", "c=SE, o=example,cn=\"ca  ONE\"", X, "defaultca: CA1",
     "defaultca: CA1 # defaultca = c=SE, o=example,cn=\\x22ca  ONE\\x22"},
    {RA, "defaultca", "CN=CA one,C=SE,O=Example", R, "--config", NULL},
    {RA, "defaultca", "CN=CA one,O=Example", R, "--map", NULL},
    {RA, "defaultca", "CN=CA one,O=Example,C=SE,C=SE", R, "--map", NULL},
    {RA, "defaultca", "CN=CA,O=Example,C=SE", R, "--map", NULL},
    {RA, "defaultca", "CA2", T, "", "defaultca: CA2"},
    {RA, "defaultca", "OldName", X, "CA2", "defaultca: CA2 # defaultca = OldName"},
    {RA, "ra.caname", "CA1", T, "", "ra.caname: CA1"},
    {RA, "ra.caname", "OldName", X, "--map", "ra.caname: CA2 # ra.caname = OldName"},
    {RA, "ra.caname", "KeyId", T, "", "ra.caname: KeyId"},
    {RA, "ra.caname", "ProfileDefault", T, "", "ra.caname: ProfileDefault"},
    {RA, "ra.caname", "", R, "EJBCA refuses every request", "ra.caname: \"refused: ra.caname \""},
    {CLIENT, "ra.caname", "CA1", D, "no effect in client mode", NULL},
    {RA, "ra.certificateprofile", "CP1", T, "", "ra.certificateprofile: CP1"},
    {RA, "ra.certificateprofile", "ProfileDefault", T, "", "ra.certificateprofile: ProfileDefault"},
    {RA, "ra.certificateprofile", "A \"profile\": #1", T, "",
     "ra.certificateprofile: \"A \\\"profile\\\": #1\""},
    {RA, "ra.endentityprofileid", "1", X, "profile 1",
     "ra.endentityprofile: EMPTY # ra.endentityprofileid = 1"},
    {RA, "ra.endentityprofileid", "77", X, "ra.endentityprofile: EE1",
     "ra.endentityprofile: EE1 # ra.endentityprofileid = 77"},
    {RA, "ra.endentityprofileid", "KeyId", X, "ra.endentityprofile: KeyId",
     "ra.endentityprofile: KeyId # ra.endentityprofileid = KeyId"},
    {RA, "ra.endentityprofileid", "-78", R, "--map eep:-78=NAME",
     "ra.endentityprofile: \"refused: ra.endentityprofileid -78\""},
    {RA, "ra.endentityprofileid", "keyid", R, "neither a number nor KeyId",
     "ra.endentityprofile: \"refused: ra.endentityprofileid keyid\""},
    {RA, "ra.endentityprofile", "EE1", T, "", "ra.endentityprofile: EE1"},
    {RA, "response.capubsca", "6;-5", X, "response.capubsca: [CA2, CA1]",
     "response.capubsca: [CA2, CA1] # response.capubsca = 6;-5"},
    {RA, "response.capubsca", "", T, "nothing to write", NULL},
    {RA, "response.extracertsca", "-5", X, "",
     "response.extracertsca: [CA1] # response.extracertsca = -5"},
    {RA, "response.extracertsca", "-5;7;8", R, "give --map ca:7=NAME --map ca:8=NAME", NULL},
    {CLIENT, "vendorcaids", "9", D, "vendorcertificatemode is off", NULL},
    {CLIENT, "vendorca", "Somebody", D, "vendorcertificatemode is off", NULL},
    {RA, "vendorcaids", "9", D, "no effect in RA mode", NULL},
    {RA, "vendorcertificatemode", "true", D, "no effect in RA mode", NULL},
    /* words of Java */
    {RA, "response.capubsissuingca", "true", T, "", "response.capubsissuingca: yes"},
    {RA, "response.capubsissuingca", "TRUE", T, "", "response.capubsissuingca: yes"},
    {RA, "response.capubsissuingca", "false", T, "", "response.capubsissuingca: no"},
    {RA, "response.capubsissuingca", "yes", X, "all but true for false",
     "response.capubsissuingca: no # response.capubsissuingca = yes"},
    {RA, "response.capubsissuingca", "", X, "",
     "response.capubsissuingca: no # response.capubsissuingca = "},
    {RA, "allowraverifypopo", "false", T, "", "allowraverifypopo: no"},
    {RA, "allowautomatickeyupdate", "false", T, "", "allowautomatickeyupdate: no"},
    {RA, "allowupdatewithsamekey", "true", T, "", "allowupdatewithsamekey: yes"},
    {RA, "allowservergenkeys", "false", T, "", "allowservergenkeys: no"},
    {RA, "extendedvalidation", "true", D, "every message is validated", NULL},
    {RA, "extendedvalidation", "false", D, "every message is validated", NULL},
    {RA, "ra.allowcustomcertserno", "false", T, "", "ra.allowcustomcertserno: no"},
    {RA, "ra.endentitycertificate.omitverifications", "false", T, "",
     "ra.endentitycertificate.omitverifications: no"},
    {CLIENT, "ra.endentitycertificate.omitverifications", "true", D, "no effect in client mode",
     NULL},
    /* usernames */
    {CLIENT, "extractusernamecomponent", "UID", T, "", "extractusernamecomponent: UID"},
    {CLIENT, "extractusernamecomponent", "", X, "whole subject",
     "extractusernamecomponent: DN # extractusernamecomponent = "},
    {CLIENT, "extractusernamecomponent", "FOO", R, "no DN attribute", NULL},
    {RA, "extractusernamecomponent", "FOO", D, "no effect in RA mode", NULL},
    {RA, "ra.namegenerationscheme", "RANDOM", T, "", "ra.namegenerationscheme: RANDOM"},
    {RA, "ra.namegenerationscheme", "random", R, "HTTP 500", NULL},
    {RA, "ra.namegenerationparameters", "CN;UID;1.2.3", T, "",
     "ra.namegenerationparameters: [CN, UID, \"1.2.3\"]"},
    {RA, "ra.namegenerationparameters", "CN;FOO", R, "part 2 is no DN attribute", NULL},
    {RA, "ra.namegenerationparameters", "", D, "\"null\"", NULL},
    {CLIENT, "ra.namegenerationparameters", "CN", D, "no effect in client mode", NULL},
    {RA, "ra.namegenerationprefix", "${RANDOM}-", T, "", "ra.namegenerationprefix: \"${RANDOM}-\""},
    {CLIENT, "ra.namegenerationprefix", "yes", T, "", "ra.namegenerationprefix: \"yes\""},
    {CLIENT, "ra.namegenerationpostfix", "", T, "nothing to write", NULL},
    {RA, "ra.namegenerationpostfix",
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xx"
     "xxxxxx",
     R, "longer than 100 octets", NULL},
    {RA, "ra.passwordgenparams", "random", T, "", "ra.passwordgenparams: random"},
    {RA, "ra.passwordgenparams", "", D, "random here", NULL},
    {CLIENT, "ra.passwordgenparams", CANARY, D, "no effect in client mode", NULL},
    /* what went */
    {RA, "racertificatepath", "", T, "nothing to write", NULL},
    {RA, "certreqhandler.class", "", D, "deprecated", NULL},
    {RA, "certreqhandler.class", "org.example.X", R, "class of Java", NULL},
    {RA, "uniddatasource", "java:/X", D, "6.12", NULL},
    {RA, "tcp.portno", "829", D, "HTTP", NULL},
    {RA, "allowextractusernamecomponent", CANARY, R, "unknown", NULL},
};

static void test_keys(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++) {
        char dump[1024];
        int has_yaml;

        snprintf(dump, sizeof(dump),
                 "%sa.%s = %s\na.authenticationmodule = HMAC\n"
                 "a.authenticationparameters = %s\n",
                 keys[i].mode, keys[i].key, keys[i].value,
                 strcmp(keys[i].mode, RA) == 0 ? CANARY : "-");
        import(dump);
        CU_ASSERT(has_row(keys[i].key, keys[i].outcome, keys[i].says));
        CU_ASSERT(keys[i].line == NULL || has_line(keys[i].line));
        snprintf(dump, sizeof(dump), "\n    %s:", keys[i].key);
        has_yaml = has_text(dump);
        CU_ASSERT(keys[i].line != NULL || !has_yaml);
        snprintf(dump, sizeof(dump), "\n    # %s: refused: ", keys[i].key);
        CU_ASSERT_EQUAL(has_text(dump), keys[i].outcome == R);
        CU_ASSERT_EQUAL(im->counts[R], keys[i].outcome == R);
        CU_ASSERT(im->rows_n == 4);
    }
}

/* What is written loads, unless it stands for something that is not there. */
static void test_what_is_written_loads(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++) {
        int is_refused = keys[i].outcome == R && keys[i].line != NULL;
        char dump[1024];

        if (strstr(keys[i].value, "profile\"") != NULL || strcmp(keys[i].value, "KeyId") == 0)
            continue; /* a profile that is not in the configuration; may not be supported yet */
        snprintf(dump, sizeof(dump), "%sa.%s = %s\n" SECRET, keys[i].mode, keys[i].key,
                 keys[i].value);
        import(dump);
        CU_ASSERT_EQUAL(load_yaml() == NULL, is_refused);
        CU_ASSERT(!is_refused || has_error("cmp-server.yaml:", "does not exist"));
    }
}

/* A feature is taken as soon as the schema has it, and refused before: never left out silently. */
static void test_features(void)
{
    static const struct {
        const char *mode, *key, *value, *line, *ours;
    } features[] = {
        {RA, "allowraverifypopo", "true", "allowraverifypopo: yes", NULL},
        {RA, "allowautomatickeyupdate", "true", "allowautomatickeyupdate: yes", NULL},
        {RA, "allowupdatewithsamekey", "false", "allowupdatewithsamekey: no", NULL},
        {RA, "allowservergenkeys", "true", "allowservergenkeys: yes", NULL},
        {RA, "ra.allowcustomcertserno", "true", "ra.allowcustomcertserno: yes", NULL},
        {RA, "ra.endentitycertificate.omitverifications", "true",
         "ra.endentitycertificate.omitverifications: yes", NULL},
        {RA, "racertificatepath", "/ra", "racertificatepath: \"/ra\"", NULL},
        {RA, "ra.passwordgenparams", "fixed", "ra.passwordgenparams: fixed", NULL},
        {CLIENT, "vendorcertificatemode", "true", "vendorcertificatemode: yes", NULL},
        {CLIENT "a.vendorcertificatemode=true\n", "vendorcaids", "9",
         "vendorca: [Vendor] # vendorcaids = 9", "vendorca"},
        {CLIENT "a.vendorcertificatemode=true\n", "vendorca", "Vendor",
         "vendorca: [Vendor] # vendorca = Vendor", NULL},
    };
    size_t n;
    const CMPSRV_CONF_KEY *schema = cmpsrv_conf_schema(&n);

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(features); i++) {
        const char *ours = features[i].ours == NULL ? features[i].key : features[i].ours;
        int supported = -1;
        char dump[256];

        for (size_t k = 0; k < n; k++)
            if (strcmp(schema[k].section, "aliases") == 0 && strcmp(schema[k].key, ours) == 0)
                supported = schema[k].supported;
        CU_ASSERT(supported >= 0);
        snprintf(dump, sizeof(dump), "%sa.%s=%s\n" SECRET, features[i].mode, features[i].key,
                 features[i].value);
        import(dump);
        CU_ASSERT(supported == 1
                      ? has_line(features[i].line)
                      : has_row(features[i].key, R, "not supported yet") && load_yaml() != NULL);
    }
}

static void test_mode(void)
{
    import("a.operationmode = RA\n" SECRET);
    CU_ASSERT(has_row("operationmode", T, "operationmode: ra") && has_line("operationmode: ra"));
    import("a.operationmode = both\n" SECRET);
    CU_ASSERT(has_row("operationmode", X, "all but ra") &&
              has_line("operationmode: client # operationmode = both"));
    import(SECRET); /* without a word it is a client's */
    CU_ASSERT(has_line("authenticationparameters: [\"-\"]"));
}

static void test_keys_that_take_each_other(void)
{
    import(RA SECRET "a.ra.namegenerationscheme=FIXED\na.ra.namegenerationparameters=a;b\n");
    CU_ASSERT(has_line("ra.namegenerationparameters: [\"a;b\"]"));
    CU_ASSERT_FATAL(load_yaml() != NULL && conf->aliases[0].namegeneration_parameters.n == 1);
    import(RA SECRET "a.ra.namegenerationscheme=FIXED\na.ra.namegenerationparameters=\n");
    CU_ASSERT(has_row("ra.namegenerationparameters", R, "without a name"));
    import(RA SECRET "a.ra.namegenerationscheme=USERNAME\na.ra.namegenerationparameters=CN\n");
    CU_ASSERT(has_row("ra.namegenerationparameters", D, "has no parameters"));
    import(RA SECRET "a.ra.endentityprofile=Other\na.ra.endentityprofileid=77\n");
    CU_ASSERT(has_row("ra.endentityprofile", D, "deprecated") && !has_text("Other"));
    import(CLIENT SECRET "a.vendorcertificatemode=true\na.vendorca=Other\na.vendorcaids=9\n");
    CU_ASSERT(has_row("vendorca", D, "deprecated") && !has_text("Other"));
}

/* ---- authentication ---------------------------------------------------------------------------
 */

#define MODULES(m)    "a.authenticationmodule = " m "\n"
#define PARAMETERS(p) "a.authenticationparameters = " p "\n"
#define BROKEN        "CMP module configuration error"

/* the dump, modules and parameters in the YAML (NULL: nobody is left), a row, with what it says */
static const struct {
    const char *dump, *modules, *parameters, *key;
    CMPSRV_IMPORT_OUTCOME outcome;
    const char *says;
} auth[] = {
    /* an RA's secret */
    {RA MODULES("HMAC") PARAMETERS("-"), "HMAC", "\"-\"", "authenticationparameters", T,
     "cmp_ra_auth_secret"},
    {RA MODULES("HMAC") PARAMETERS(CANARY), "HMAC", CANARY, "authenticationparameters", T,
     "in the clear"},
    {RA MODULES("HMAC") PARAMETERS("a: \"b\" #" CANARY), "HMAC", "\"a: \\\"b\\\" #" CANARY "\"",
     "authenticationparameters", T, "in the clear"},
    {RA MODULES("HMAC") PARAMETERS("encv1:6b:100:" CANARY), NULL, NULL, "authenticationparameters",
     R, "--secret file:FILE"},
    {RA MODULES("HMAC") PARAMETERS("OBF:" CANARY), NULL, NULL, "authenticationparameters", R,
     "--secret file:FILE"},
    {RA MODULES("HMAC") PARAMETERS(""), "HMAC", "\"-\"", "authenticationparameters", T,
     "empty secret"},
    {RA, "HMAC", "\"-\"", "authenticationmodule", D, "RegTokenPwd authenticates nobody"},
    {RA PARAMETERS("-;" CANARY), "HMAC", CANARY, "authenticationmodule", D, "RegTokenPwd"},
    /* the CA of RAs */
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS(CANARY ";CA1"),
     "HMAC, EndEntityCertificate", CANARY ", CA1", "authenticationmodule", T,
     "HMAC, EndEntityCertificate"},
    {RA MODULES("EndEntityCertificate;HMAC") PARAMETERS("OldName;-"), "EndEntityCertificate, HMAC",
     "CA2, \"-\"", "authenticationmodule", T, ""},
    {RA MODULES("EndEntityCertificate") PARAMETERS("-"), NULL, NULL, "authenticationmodule", D,
     "no CA"},
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS(CANARY ";-"), "HMAC", CANARY,
     "authenticationmodule", D, "no CA"},
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS("-;encv1:" CANARY), "HMAC", "\"-\"",
     "authenticationparameters", R, "--map ca:EndEntityCertificate=NAME"},
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS("encv1:" CANARY), NULL, NULL,
     "authenticationparameters", R, "--map ca:EndEntityCertificate=NAME"},
    /* modules that are of no use */
    {RA MODULES("RegTokenPwd;DnPartPwd") PARAMETERS("-;OU"), NULL, NULL, "authenticationmodule", D,
     "DnPartPwd authenticates nobody in RA mode"},
    {RA MODULES("hmac;HMAC") PARAMETERS("-;-"), "HMAC", "\"-\"", "authenticationmodule", D,
     "hmac is no module"},
    {RA MODULES("DnPartPwd;HMAC") PARAMETERS("OU;" CANARY), "HMAC", CANARY, "authenticationmodule",
     D, "DnPartPwd"},
    /* lists that do not fit */
    {RA MODULES("HMAC") PARAMETERS("-;-"), "HMAC", "\"-\"", "authenticationparameters", X, BROKEN},
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS(CANARY ";"), "HMAC", CANARY,
     "authenticationparameters", X, "Java drops empty ones at the end"},
    {RA MODULES("HMAC;EndEntityCertificate") PARAMETERS(CANARY), NULL, NULL,
     "authenticationparameters", R, "1 for 2 modules: EJBCA refuses every request"},
    {RA MODULES("HMAC") PARAMETERS("a;" CANARY), NULL, NULL, "authenticationparameters", R,
     "2 for 1 modules"},
    {RA MODULES("HMAC;") PARAMETERS(CANARY ";"), "HMAC", CANARY, "authenticationparameters", T, ""},
    {RA MODULES("") PARAMETERS("-"), NULL, NULL, "authenticationmodule", D, "no module"},
    /* clients */
    {CLIENT MODULES("HMAC") PARAMETERS("-"), "HMAC", "\"-\"", "authenticationparameters", T, ""},
    {CLIENT MODULES("HMAC") PARAMETERS(CANARY), "HMAC", "\"-\"", "authenticationparameters", X,
     "EJBCA ignores the parameter of HMAC"},
    {CLIENT MODULES("HMAC;EndEntityCertificate") PARAMETERS("encv1:" CANARY),
     "HMAC, EndEntityCertificate", "\"-\", \"-\"", "authenticationparameters", X, "ignores"},
    {CLIENT MODULES("EndEntityCertificate") PARAMETERS("CA1"), "EndEntityCertificate", "\"-\"",
     "authenticationparameters", X, "EJBCA ignores"},
    {CLIENT, "RegTokenPwd, HMAC", "\"-\", \"-\"", NULL, T, NULL},
    {CLIENT MODULES("DnPartPwd;HMAC") PARAMETERS("OU;-"), "DnPartPwd, HMAC", "OU, \"-\"",
     "authenticationparameters", T, ""},
    {CLIENT MODULES("DnPartPwd") PARAMETERS(CANARY), NULL, NULL, "authenticationparameters", R,
     "no DN attribute"},
    {CLIENT MODULES("DnPartPwd;HMAC") PARAMETERS("OBF:" CANARY), "HMAC", "\"-\"",
     "authenticationparameters", R, "attribute of DnPartPwd"},
    {CLIENT MODULES("DnPartPwd;DnPartPwd") PARAMETERS("OU;UID"), "DnPartPwd", "OU",
     "authenticationmodule", R, "twice"},
    {CLIENT MODULES("DnPartPwd;HMAC") PARAMETERS("UID;-") "a.extractusernamecomponent=UID\n",
     "HMAC", "\"-\"", "authenticationmodule", R, "no username"},
};

static void test_authentication(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(auth); i++) {
        char line[256], dump[512];

        snprintf(dump, sizeof(dump), "%sa.defaultca=\n%s", auth[i].dump,
                 strncmp(auth[i].dump, RA, strlen(RA)) == 0 ? "a.ra.caname=CA1\n" : "");
        import(dump);
        CU_ASSERT(auth[i].says == NULL || has_row(auth[i].key, auth[i].outcome, auth[i].says));
        if (auth[i].modules == NULL) {
            CU_ASSERT(has_row(NULL, R, "authenticate nobody"));
            CU_ASSERT_STRING_EQUAL(
                im->yaml,
                "aliases:\n  # a: refused: it could authenticate nobody: no module is left\n");
            continue;
        }
        snprintf(line, sizeof(line), "authenticationmodule: [%s]", auth[i].modules);
        CU_ASSERT(has_line(line));
        snprintf(line, sizeof(line), "authenticationparameters: [%s]", auth[i].parameters);
        CU_ASSERT(has_line(line));
        CU_ASSERT(load_yaml() != NULL);
    }
}

static void test_the_secret_of_a_file(void)
{
    static const char dump[] = RA MODULES("HMAC;EndEntityCertificate") PARAMETERS(CANARY ";CA1");
    static const CMPSRV_IMPORT_MAP ca = {"ca", "EndEntityCertificate", "CA2"};

    options.secret_file = "secret";
    import(dump);
    CU_ASSERT(has_line("authenticationparameters: [{file: secret}, CA1]"));
    CU_ASSERT(has_row("authenticationparameters", X, "--secret") && !has_text(CANARY));
    CU_ASSERT_STRING_EQUAL(im->secret_user, "a");
    import(RA SECRET "a.ra.caname = CA1\n");
    CU_ASSERT_FATAL(load_yaml() != NULL);
    CU_ASSERT(cmpsrv_secret_get0(conf->aliases[0].modules[0].parameter).n ==
              strlen(CANARY "-file"));
    import(RA MODULES("HMAC") PARAMETERS("-")); /* that is the CA's */
    CU_ASSERT(has_line("authenticationparameters: [\"-\"]") && im->secret_user == NULL);
    import(RA SECRET "b.operationmode=ra\nb.authenticationmodule=HMAC\n"
                     "b.authenticationparameters=" CANARY "\n");
    CU_ASSERT(has_text("# b: refused") && has_row("authenticationparameters", R, "and a has it"));
    options.secret_file = "it's \"mine\": x";
    import(RA SECRET);
    CU_ASSERT(has_line("authenticationparameters: [{file: \"it's \\\"mine\\\": x\"}]"));
    options.secret_file = "\xc3\xa9\xe9\xff";
    import(RA SECRET);
    CU_ASSERT(has_line("authenticationparameters: [{file: \"\xc3\xa9\\u00e9\\u00ff\"}]"));
    options.secret_file = "secret";
    options.maps = &ca;
    cmpsrv_conf_import_free(im);
    options.maps_n = 1;
    im = cmpsrv_conf_import(
        cmpsrv_slice_str(RA MODULES("HMAC;EndEntityCertificate") PARAMETERS("encv1:x")), &options,
        NULL);
    CU_ASSERT(has_line("authenticationparameters: [{file: secret}, CA2]"));
    options.secret_file = NULL;
}

static void test_names_of_aliases(void)
{
    import("a/b.operationmode=ra\na/b.authenticationmodule=HMAC\na/b.authenticationparameters=x\n");
    CU_ASSERT(has_row(NULL, R, "rename it"));
    CU_ASSERT(has_text("\n  # a/b: refused: ") && !has_text("HMAC]"));
    import("12345678901234567890123456789012.operationmode=client\n");
    CU_ASSERT(has_text("\n  \"12345678901234567890123456789012\":\n"));
    import("123456789012345678901234567890123.operationmode=client\n");
    CU_ASSERT(has_row(NULL, R, "1 to 32"));
    import("no.operationmode=client\n");
    CU_ASSERT(has_text("\n  \"no\":\n") && load_yaml() != NULL);
    cmpsrv_conf_import_free(im);
    im = NULL;
    unload();
}

TEST_MAIN("conf/ejbca", TEST(test_a_dump), TEST(test_aliases), TEST(test_properties),
          TEST(test_latin1_and_nul), TEST(test_noise), TEST(test_keys),
          TEST(test_what_is_written_loads), TEST(test_features), TEST(test_mode),
          TEST(test_keys_that_take_each_other), TEST(test_authentication),
          TEST(test_the_secret_of_a_file), TEST(test_names_of_aliases))
