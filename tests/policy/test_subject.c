/* SPDX-License-Identifier: Apache-2.0 */
/* Whose name a certificate has: rows of subject_dn, merging, and what an end entity may ask for. */
#include "config.h"

#include "world.h"

static int is_named(const CMPSRV_DECISION *d, const char *want)
{
    char *text = cmpsrv_name_text(cmpsrv_bytes_slice(&d->subject));
    int ok = text != NULL && strcmp(text, want) == 0;

    if (!ok)
        fprintf(stderr, "want %s, have %s\n", want, text);
    OPENSSL_free(text);
    return ok;
}

/* ---- rows
 * ----------------------------------------------------------------------------------------------------
 */

enum { MAX_ROWS = 5 };

/* The reason for that subject under rows; they are freed. */
static CMPSRV_REASON judge_rows(struct world *w, CMPSRV_CONF_FIELD rows[MAX_ROWS],
                                const char *subject)
{
    CMPSRV_REASON reason;

    begin(w);
    w->ee.subject_dn.v = rows;
    while (w->ee.subject_dn.n < MAX_ROWS && rows[w->ee.subject_dn.n].name != NULL)
        w->ee.subject_dn.n++;
    set_subject(w, subject);
    w->alias.namegeneration_scheme = CMPSRV_USERNAME_RANDOM;
    reason = judge(w);
    w->ee.subject_dn.n = 0;
    for (size_t i = 0; i < MAX_ROWS; i++)
        field_clear(&rows[i]);
    end(w);
    return reason;
}

#define OK CMPSRV_R_NONE
#define NO CMPSRV_R_PROFILE_NOT_FULFILLED

static void test_rows(void)
{
    static const struct {
        const char *subject, *name;
        int required;
        const char *value, *regex;
        int64_t max;
        CMPSRV_REASON reason;
        const char *detail;
    } t[] = {
        /* CN is listed beside it, so that it is the row that is judged */
        {"CN=a,O=b", "O", 0, NULL, NULL, 1, OK, ""},
        {"CN=a", "O", 0, NULL, NULL, 1, OK, ""},
        {"CN=a,O=b", "OU", 0, NULL, NULL, 1, NO,
         "end entity profile E: subject_dn: O=b: not listed"},
        {"CN=a,O=b,1.2.3=c", "O", 0, NULL, NULL, 1, NO, "subject_dn: 1.2.3=c: not listed"},
        {"CN=a,1.2.3=c", "1.2.3", 0, NULL, NULL, 1, OK, ""},
        {"CN=a,2.5.4.10=c", "o", 1, "c", NULL, 1, OK, ""},
        {"CN=a", "O", 1, NULL, NULL, 1, NO,
         "end entity profile E: subject_dn: O: required and missing"},
        {"CN=a,O=b,O=c", "O", 0, NULL, NULL, 1, NO, "subject_dn: O: more often than max"},
        {"CN=a,O=b,O=c", "O", 0, NULL, NULL, 2, OK, ""},
        {"CN=a,O=b", "O", 0, NULL, NULL, 0, NO, "more often than max"},
        {"CN=a,O=b", "O", 0, "b", NULL, 1, OK, ""},
        {"CN=a,O=B", "O", 0, "b", NULL, 1, NO, "subject_dn: O: another value"},
        {"CN=a,O=bb", "O", 0, "b", NULL, 1, NO, "another value"},
        {"CN=a,O=b,O=c", "O", 0, "b", NULL, 2, NO, "another value"},
        {"CN=a,O=c,O=b", "O", 0, "b", NULL, 2, NO, "another value"},
        {"CN=a,O=\xc3\xa9t\xc3\xa9", "O", 0, "\xc3\xa9t\xc3\xa9", NULL, 1, OK, ""},
        {"CN=a,O=x7", "O", 0, NULL, "[a-z][0-9]", 1, OK, ""},
        {"CN=a,O=x77", "O", 0, NULL, "[a-z][0-9]", 1, NO, "subject_dn: O: does not match regex"},
        {"CN=a,O=yx7", "O", 0, NULL, "[a-z][0-9]", 1, NO, "does not match"},
        {"CN=a,O=7", "O", 0, NULL, "[a-z][0-9]", 1, NO, "does not match"},
        {"CN=a,O=ab", "O", 0, NULL, "a|ab", 1, OK, ""}, /* the longer one is whole */
        {"CN=a,O=ab", "O", 0, NULL, "b|a", 1, NO, "does not match"},
        {"CN=a,O=\xc3\xa9", "O", 0, NULL, "\xc3\xa9", 1, OK, ""},
        {"CN=a,O=x7,O=evil", "O", 0, NULL, "x[0-9]", 9, NO, "does not match"},
        {"CN=a,O=x7", "O", 0, "x7", "[a-z]+", 1, NO, "does not match"}, /* both count */
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_CONF_FIELD rows[MAX_ROWS] = {
            field("CN", 0, NULL, NULL, 1),
            field(t[i].name, t[i].required, t[i].value, t[i].regex, t[i].max)};
        struct world w;

        CU_ASSERT_EQUAL(judge_rows(&w, rows, t[i].subject), t[i].reason);
        CU_ASSERT(has(w.detail, t[i].detail));
    }
}

/* Rows that say something else of one attribute both hold. */
static void test_two_rows_of_one_attribute(void)
{
    CMPSRV_CONF_FIELD good[MAX_ROWS] = {field("CN", 0, NULL, "a.*", 1),
                                        field("cn", 0, NULL, ".*z", 1)};
    CMPSRV_CONF_FIELD bad[MAX_ROWS] = {field("CN", 0, NULL, "a.*", 1),
                                       field("cn", 0, NULL, ".*z", 1)};
    struct world w;

    CU_ASSERT_EQUAL(judge_rows(&w, good, "CN=a-z"), OK);
    CU_ASSERT_EQUAL(judge_rows(&w, bad, "CN=a-y"), NO);
}

static void test_multi_value(void)
{
    struct world w;
    CMPSRV_CONF_FIELD rows[2] = {field("CN", 0, NULL, NULL, 1), field("O", 0, NULL, NULL, 1)};

    BROKEN(NONE, set_subject(&w, "CN=device+O=b")); /* nothing is listed */
    BROKEN(PROFILE_NOT_FULFILLED, set_subject(&w, "CN=device+O=b");
           w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 2}));
    CU_ASSERT(has(w.detail, "end entity profile E: allow_multi_value_rdns"));
    BROKEN(NONE, set_subject(&w, "CN=device+O=b"); w.ee.allow_multi_value_rdns = 1;
           w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 2}));
    BROKEN(PROFILE_NOT_FULFILLED, set_subject(&w, "CN=device+O=b"); w.ee.allow_multi_value_rdns = 1;
           w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1}));
}

/* One name in two encodings gets one answer. */
static void test_encodings(void)
{
    static const CMPSRV_SLICE names[] = {
        {(const unsigned char *)"\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x13\x06"
                                "Device",
         19},
        {(const unsigned char
              *)"\x30\x17\x31\x15\x30\x13\x06\x03\x55\x04\x03\x1e\x0c\0D\0e\0v\0i\0c\0e",
         25},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(names); i++) {
        CMPSRV_CONF_FIELD rows[2] = {field("CN", 1, "Device", "D[a-z]+", 1)};
        struct world w;

        BROKEN(NONE, w.req.subject = names[i]; w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1}));
        rows[0].value = (char *)"device";
        BROKEN(PROFILE_NOT_FULFILLED, w.req.subject = names[i];
               w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1}));
        field_clear(&rows[0]);
    }
}

static void test_empty_subject_with_rows(void)
{
    CMPSRV_CONF_FIELD rows[1] = {field("CN", 0, NULL, NULL, 1)};
    struct world w;

#define EMPTY_SUBJECT                                                                              \
    w.req.subject = S("\x30\x00");                                                                 \
    w.req.extensions = S(SAN_DNS);                                                                 \
    w.alias.namegeneration_scheme = CMPSRV_USERNAME_RANDOM;                                        \
    w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1})
    BROKEN(NONE, EMPTY_SUBJECT);
    rows[0].required = 1;
    BROKEN(PROFILE_NOT_FULFILLED, EMPTY_SUBJECT);
}

/* ---- merging
 * -------------------------------------------------------------------------------------------------
 */

static void test_merge(void)
{
    static const struct {
        const char *asked, *old, *want; /* want NULL: as asked */
    } t[] = {
        {"CN=device", "O=Old,CN=x", "O=Old,CN=device"},
        {"CN=device,O=New", "CN=x,O=Old,C=DE", "C=DE,CN=device,O=New"},
        {"CN=device", "OU=b,OU=a", "OU=b,OU=a,CN=device"},
        {"CN=device", "CN=x+OU=y", "OU=y,CN=device"},
        {"CN=device", "O=p+OU=q", "O=p+OU=q,CN=device"},
        {"CN=device,O=a", "CN=x,O=Old", NULL},
        {"CN=device,O=a", "CN=device,O=a", NULL},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int may = 0; may < 2; may++) {
            struct world w;
            CMPSRV_DECISION *d;
            const char *want = may && t[i].want != NULL ? t[i].want : t[i].asked;

            begin(&w);
            set_subject(&w, t[i].asked);
            has_entity(&w, "device", t[i].old);
            w.ee.allow_merge_dn = may;
            d = decide(&w);
            CU_ASSERT(is_named(d, want));
            CU_ASSERT_EQUAL(d->with_mods, may && t[i].want != NULL);
            CU_ASSERT_STRING_EQUAL(d->end_entity, "device");
            cmpsrv_decision_free(d);
            end(&w);
        }
}

/* Nobody to merge with, nothing registered of the one there is, or client mode. */
static void test_nothing_to_merge(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    w.ee.allow_merge_dn = 1;
    d = decide(&w);
    CU_ASSERT(is_named(d, "CN=device,O=Example") && d->with_mods == 0);
    cmpsrv_decision_free(d);
    strcpy(w.row.name, "device");
    w.in.existing = &w.row;
    d = decide(&w);
    CU_ASSERT(is_named(d, "CN=device,O=Example") && d->with_mods == 0);
    cmpsrv_decision_free(d);
    w.in.existing = NULL;
    be_entity(&w, "device", "CN=device,O=Registered,C=DE");
    d = decide(&w);
    CU_ASSERT(is_named(d, "CN=device,O=Registered,C=DE"));
    cmpsrv_decision_free(d);
    end(&w);
}

/* What comes out is what is checked, and what the certificate is found by. */
static void test_merged_is_checked(void)
{
    CMPSRV_CONF_FIELD rows[2] = {field("CN", 0, NULL, NULL, 1), field("O", 1, "Old", NULL, 1)};
    unsigned char hash[CMPSRV_HASH];
    CMPSRV_DECISION *d;
    struct world w;

    begin(&w);
    w.ee.allow_merge_dn = 1;
    w.ee.subject_dn = (CMPSRV_CONF_FIELDS){rows, 2};
    set_subject(&w, "CN=device");
    has_entity(&w, "device", "O=Old");
    d = decide(&w);
    CU_ASSERT(cmpsrv_name_hash(cmpsrv_bytes_slice(&d->subject), hash, NULL));
    CU_ASSERT_EQUAL(memcmp(hash, d->subject_hash, CMPSRV_HASH), 0);
    cmpsrv_decision_free(d);
    cmpsrv_name_parse("O=Other", &w.row.subject, NULL);
    CU_ASSERT_EQUAL(judge(&w), NO);
    cmpsrv_name_parse("O=Old,C=DE", &w.row.subject, NULL);
    CU_ASSERT_EQUAL(judge(&w), NO);
    w.ee.subject_dn.n = 0;
    set_subject(&w, "CN=CA1"); /* with the rest it would not be the CA's any more; but so it is */
    cmpsrv_name_parse("CN=x", &w.row.subject, NULL);
    CU_ASSERT_EQUAL(judge(&w), CMPSRV_R_BAD_NAME);
    end(&w);
}

static void test_merged_too_long(void)
{
    char many[600] = "OU=0";
    struct world w;

    for (int i = 1; i < 31; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), ",OU=%d", i);
    BROKEN(NONE, w.ee.allow_merge_dn = 1; set_subject(&w, "CN=device");
           has_entity(&w, "device", many));
    BROKEN(BAD_NAME, w.ee.allow_merge_dn = 1; set_subject(&w, "CN=device,O=b");
           has_entity(&w, "device", many));
    BROKEN(SYSTEM_FAILURE, w.ee.allow_merge_dn = 1; has_entity(&w, "device", "O=b");
           w.row.subject.n--);
}

/* The name is made of what was asked for, not of what is merged into it. */
static void test_name_of_merged(void)
{
    static char *any[] = {"UID", "CN"};
    CMPSRV_DECISION *d;
    struct world w;

    begin(&w);
    w.ee.allow_merge_dn = 1;
    w.alias.namegeneration_parameters = (CMPSRV_CONF_LIST){any, 2};
    set_subject(&w, "CN=device");
    has_entity(&w, "device", "UID=other");
    d = decide(&w);
    CU_ASSERT(is_named(d, "UID=other,CN=device"));
    CU_ASSERT_STRING_EQUAL(d->end_entity, "device");
    cmpsrv_decision_free(d);
    end(&w);
}

/* The name that was made for the look-up is the one, however names are made. */
static void test_name_given(void)
{
    CMPSRV_DECISION *d;
    struct world w;

    begin(&w);
    w.alias.namegeneration_scheme = CMPSRV_USERNAME_RANDOM;
    w.in.username = "abcdefABCDEF";
    d = decide(&w);
    CU_ASSERT_STRING_EQUAL(d->end_entity, "abcdefABCDEF");
    cmpsrv_decision_free(d);
    w.in.username = NULL;
    d = decide(&w);
    CU_ASSERT_STRING_NOT_EQUAL(d->end_entity, "abcdefABCDEF");
    cmpsrv_decision_free(d);
    end(&w);
}

/* ---- client mode
 * --------------------------------------------------------------------------------------------- */

static void test_client_subject(void)
{
    static const struct {
        const char *asked, *plain, *override; /* NULL: NOT_AUTHORIZED */
    } t[] = {
        {"CN=dev1,O=Registered", "CN=dev1,O=Registered", "CN=dev1,O=Registered"},
        {"CN=DEV1,O=Registered", "CN=dev1,O=Registered", "CN=DEV1,O=Registered"},
        {"CN=dev1,O=Other", "CN=dev1,O=Registered", "CN=dev1,O=Other"},
        {"CN=dev1", "CN=dev1,O=Registered", "CN=dev1"},
        {"", "CN=dev1,O=Registered", "CN=dev1,O=Registered"},
        {"CN=dev2,O=Registered", NULL, NULL},
        {"O=Registered", NULL, NULL},
        {"CN=dev1,CN=dev2", NULL, NULL}, /* which of them? */
        {"CN=dev2,CN=dev1", NULL, NULL},
        {"CN=dev1,CN=dev1", NULL, NULL},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int may = 0; may < 2; may++) {
            const char *want = may ? t[i].override : t[i].plain;
            CMPSRV_REFUSAL why = {0};
            CMPSRV_DECISION *d;
            struct world w;

            begin(&w);
            be_entity(&w, "dev1", "CN=dev1,O=Registered");
            w.profile.allow_dn_override = may;
            set_subject(&w, t[i].asked);
            d = cmpsrv_policy_decide_cert(&w.in, &why);
            CU_ASSERT_EQUAL(why.reason, want == NULL ? CMPSRV_R_NOT_AUTHORIZED : CMPSRV_R_NONE);
            CU_ASSERT_EQUAL(d != NULL, want != NULL);
            if (d != NULL && want != NULL) {
                CU_ASSERT(is_named(d, want));
                CU_ASSERT_EQUAL(d->with_mods, strcmp(want, t[i].asked) != 0);
                CU_ASSERT_STRING_EQUAL(d->end_entity, "dev1");
            }
            cmpsrv_decision_free(d);
            end(&w);
        }
}

/* Not even an end entity that is called, or registered, so. */
static void test_never_the_cas(void)
{
    struct world w;

    BROKEN(BAD_NAME, be_entity(&w, "CA1", "CN=x"); w.profile.allow_dn_override = 1;
           set_subject(&w, "CN=CA1"));
    BROKEN(BAD_NAME, be_entity(&w, "CA1", "CN=CA1"); set_subject(&w, "CN=CA1"));
    BROKEN(NONE, be_entity(&w, "CA1", "CN=x"); w.profile.allow_dn_override = 1;
           set_subject(&w, "CN=CA1,O=b"));
    BROKEN(BAD_NAME, w.profile.allow_dn_override = 1; set_subject(&w, "CN=CA1"));
}

/* Rows are for RAs: an end entity was registered by somebody who knew. */
static void test_client_mode_has_no_rows(void)
{
    CMPSRV_CONF_FIELD rows[1] = {field("OU", 1, NULL, NULL, 1)};
    struct world w;

    BROKEN(NONE, be_entity(&w, "device", "CN=device");
           w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1}));
    BROKEN(PROFILE_NOT_FULFILLED, w.ee.subject_dn = ((CMPSRV_CONF_FIELDS){rows, 1}));
}

TEST_MAIN("subject", TEST(test_rows), TEST(test_two_rows_of_one_attribute), TEST(test_multi_value),
          TEST(test_encodings), TEST(test_empty_subject_with_rows), TEST(test_merge),
          TEST(test_nothing_to_merge), TEST(test_merged_is_checked), TEST(test_merged_too_long),
          TEST(test_name_of_merged), TEST(test_name_given), TEST(test_client_subject),
          TEST(test_never_the_cas), TEST(test_client_mode_has_no_rows))
