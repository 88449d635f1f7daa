/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CUnit suite a file: a table of named tests and TEST_MAIN. The program exits 1 when an
 * assertion failed or no test ran.
 */
#ifndef CMPSRV_TEST_H
#define CMPSRV_TEST_H

#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

typedef struct {
    const char *name;
    void (*fn)(void);
} CMPSRV_TEST;

static int run_tests(const char *suite, const CMPSRV_TEST *tests, size_t n)
{
    CU_pSuite s;
    unsigned bad, ran;

    if (CU_initialize_registry() != CUE_SUCCESS || (s = CU_add_suite(suite, NULL, NULL)) == NULL)
        return 1;
    for (size_t i = 0; i < n; i++)
        if (CU_add_test(s, tests[i].name, tests[i].fn) == NULL)
            return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    bad = CU_get_number_of_failures();
    ran = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return bad > 0 || ran != n;
}

#define TEST(fn)                                                                                   \
    {                                                                                              \
#fn, fn                                                                                    \
    }
#define TEST_MAIN(suite, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        static const CMPSRV_TEST tests[] = {__VA_ARGS__};                                          \
        return run_tests(suite, tests, sizeof(tests) / sizeof(tests[0]));                          \
    }

#endif
