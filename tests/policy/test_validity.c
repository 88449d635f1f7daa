/* SPDX-License-Identifier: Apache-2.0 */
/* From when to when, with and without validity override. */
#include "config.h"

#include "world.h"

#define NOW_S   INT64_C(1800000000000) /* in whole seconds */
#define FROM    (NOW_S - 600000)
#define TO      (NOW_S + 100 * DAY_MS)
#define CA_FROM (NOW_S - 1000 * DAY_MS)
#define CA_TO   (NOW_S + 1000 * DAY_MS)

enum { NO_DATE = 0 };

static void set_dates(struct world *w, int64_t not_before, int64_t not_after)
{
    w->req.has_not_before = not_before != NO_DATE;
    w->req.has_not_after = not_after != NO_DATE;
    w->req.has_validity = w->req.has_not_before || w->req.has_not_after;
    w->req.not_before = not_before;
    w->req.not_after = not_after;
}

static void test_table(void)
{
    static const struct {
        int may;
        int64_t ask_from, ask_to, from, to; /* from 0: BAD_CERT_TEMPLATE */
        int with_mods;
    } t[] = {
        {0, NO_DATE, NO_DATE, FROM, TO, 0},
        {0, NO_DATE, NOW_S + DAY_MS, FROM, TO, 1},
        {0, NOW_S, TO, FROM, TO, 1},
        {0, FROM, TO, FROM, TO, 0},
        {0, NO_DATE, NOW_S - DAY_MS, FROM, TO, 1}, /* not looked at */
        {1, NO_DATE, NO_DATE, FROM, TO, 0},
        {1, NO_DATE, NOW_S + DAY_MS, FROM, NOW_S + DAY_MS, 0},
        {1, NOW_S + DAY_MS, NO_DATE, NOW_S + DAY_MS, TO, 0},
        {1, NOW_S - 30 * DAY_MS, NOW_S + 30 * DAY_MS, NOW_S - 30 * DAY_MS, NOW_S + 30 * DAY_MS, 0},
        {1, NO_DATE, TO, FROM, TO, 0},
        {1, NO_DATE, TO + 1000, FROM, TO, 1}, /* the profile's end */
        {1, NO_DATE, CA_TO + 2000 * DAY_MS, FROM, TO, 1},
        {1, CA_FROM, NO_DATE, CA_FROM, TO, 0},
        {1, CA_FROM - 1000, NO_DATE, CA_FROM, TO, 1},         /* the CA's begin */
        {1, INT64_C(-631152000000), NO_DATE, CA_FROM, TO, 1}, /* 1950 */
        {1, NO_DATE, NOW_S + 1000, FROM, NOW_S + 1000, 0},
        {1, NO_DATE, NOW_S, 0, 0, 0}, /* half a second ago */
        {1, NO_DATE, NOW_S - DAY_MS, 0, 0, 0},
        {1, NOW_S - 9 * DAY_MS, NOW_S - DAY_MS, 0, 0, 0},
        {1, TO - 1000, NO_DATE, TO - 1000, TO, 0},
        {1, TO, NO_DATE, 0, 0, 0}, /* begins when the profile's ends */
        {1, TO + DAY_MS, TO + 2 * DAY_MS, 0, 0, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++) {
        CMPSRV_REFUSAL why = {0};
        CMPSRV_DECISION *d;
        struct world w;

        begin(&w);
        w.profile.allow_validity_override = t[i].may;
        set_dates(&w, t[i].ask_from, t[i].ask_to);
        d = cmpsrv_policy_decide_cert(&w.in, &why);
        CU_ASSERT_EQUAL(why.reason, t[i].from == 0 ? CMPSRV_R_BAD_CERT_TEMPLATE : CMPSRV_R_NONE);
        CU_ASSERT_EQUAL(d == NULL, t[i].from == 0);
        if (d != NULL) {
            if (d->not_before != t[i].from || d->not_after != t[i].to)
                fprintf(stderr, "row %zu\n", i);
            CU_ASSERT_EQUAL(d->not_before, t[i].from);
            CU_ASSERT_EQUAL(d->not_after, t[i].to);
            CU_ASSERT_EQUAL(d->with_mods, t[i].with_mods);
        }
        cmpsrv_decision_free(d);
        end(&w);
    }
}

/* A CA that ends before the profile does. */
static void test_short_ca(void)
{
    for (int may = 0; may < 2; may++) {
        struct world w;
        CMPSRV_DECISION *d;

        begin(&w);
        w.profile.allow_validity_override = may;
        w.in.ca_not_before = NOW_S - 1000;
        w.in.ca_not_after = NOW_S + DAY_MS;
        d = decide(&w);
        CU_ASSERT_EQUAL(d->not_before, w.in.ca_not_before);
        CU_ASSERT_EQUAL(d->not_after, w.in.ca_not_after);
        CU_ASSERT_EQUAL(d->with_mods, 0);
        cmpsrv_decision_free(d);
        set_dates(&w, NOW_S - DAY_MS, NOW_S + 5 * DAY_MS);
        d = decide(&w);
        CU_ASSERT_EQUAL(d->not_before, w.in.ca_not_before);
        CU_ASSERT_EQUAL(d->not_after, w.in.ca_not_after);
        CU_ASSERT_EQUAL(d->with_mods, 1); /* asked for, not given */
        cmpsrv_decision_free(d);
        end(&w);
    }
}

TEST_MAIN("validity", TEST(test_table), TEST(test_short_ca))
