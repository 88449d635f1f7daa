/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the table of settings as lines with tabs between the fields and the table of reasons as
 * rows of docs/errors.md, for tests/check-docs.sh, which compares them with the documentation.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmpsrv/err.h"
#include "conf/conf_local.h"

/* section key yes|no allowed default default-under-ejbca off; an empty field is "-". */
static void print_settings(void)
{
    size_t n;
    const CONF_ROW *r = cmpsrv_conf_rows(&n);

    for (size_t i = 0; i < n; i++) {
        const char *dflt = r[i].dflt == NULL ? CONF_REQUIRED : r[i].dflt;
        const char *ejbca = r[i].dflt_ejbca == NULL ? dflt : r[i].dflt_ejbca;
        int supported = r[i].offset != CONF_NOWHERE;

        printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r[i].section, r[i].key, supported ? "yes" : "no",
               r[i].type->allowed, dflt[0] == '\0' ? "none" : dflt,
               ejbca[0] == '\0' ? "none" : ejbca,
               r[i].off == NULL      ? "nothing"
               : r[i].off[0] == '\0' ? "\"\""
                                     : r[i].off);
    }
}

/* By class, and in a class as in the table. */
static int compare(const void *a, const void *b)
{
    const CMPSRV_REASON *x = a, *y = b;
    int order = strcmp(CMPSRV_reason_info(*x)->cls, CMPSRV_reason_info(*y)->cls);

    return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* All columns but the last, what to do: that is written by hand. */
static void print_reasons(void)
{
    CMPSRV_REASON reasons[CMPSRV_R__COUNT - CMPSRV_R_NONE - 1];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(reasons); i++)
        reasons[i] = (CMPSRV_REASON)(CMPSRV_R_NONE + 1 + i);
    qsort(reasons, CMPSRV_ARRAY_SIZE(reasons), sizeof(reasons[0]), compare);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(reasons); i++) {
        const CMPSRV_REASON_INFO *info = CMPSRV_reason_info(reasons[i]);

        printf("| %s | `%s` | %s | %d | %s |\n", info->cls, info->name,
               CMPSRV_failinfo_name(info->fail_info), info->http_status, info->text);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "settings") == 0)
        print_settings();
    else if (argc == 2 && strcmp(argv[1], "reasons") == 0)
        print_reasons();
    else
        return fprintf(stderr, "usage: print_tables settings|reasons\n") < 0 ? 1 : 2;
    return 0;
}
