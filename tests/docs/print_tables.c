/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the table of settings and the table of reasons as lines with tabs between the fields, for
 * tests/check-docs.sh, which compares them with the man page and with docs/operations.md.
 */
#include "config.h"

#include <stdio.h>
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

/* name failInfo HTTP text */
static void print_reasons(void)
{
    for (int i = CMPSRV_R_NONE + 1; i < CMPSRV_R__COUNT; i++) {
        const CMPSRV_REASON_INFO *info = CMPSRV_reason_info((CMPSRV_REASON)i);

        printf("%s\t%s\t%d\t%s\n", info->name, CMPSRV_failinfo_name(info->fail_info),
               info->http_status, info->text);
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
