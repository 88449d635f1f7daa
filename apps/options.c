/* SPDX-License-Identifier: Apache-2.0 */
/* What cmp-admin and cmp-bench do to their command lines alike; says nothing to anybody. */
#include "config.h"

#include "apps/options.h"

#include <string.h>

int option_take(int *argc, char **argv, const char *name, int has_value, const char **value)
{
    int n = has_value ? 2 : 1, at = 0;

    while (at < *argc && strcmp(argv[at], name) != 0)
        at++;
    if (at == *argc)
        return 0;
    if (at + n > *argc)
        return -1;
    *value = has_value ? argv[at + 1] : "";
    for (int i = at; i + n < *argc; i++)
        argv[i] = argv[i + n];
    *argc -= n;
    return 1;
}
