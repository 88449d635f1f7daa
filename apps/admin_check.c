/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin alias check: what an alias that loads may not be meant to say. */
#include "config.h"

#include "apps/admin.h"

#include <string.h>

#include "conf/advice.h"

int admin_alias_check(ADMIN *a)
{
    static const char *const columns[] = {"Severity", "Setting", "What", "What to do"};
    CMPSRV_ADVICE advice[CMPSRV_MAX_ADVICE];
    const CMPSRV_CONF_ALIAS *al;
    int status = ADMIN_OK, printed;
    ADMIN_TABLE *t;
    size_t n;

    if (!admin_has_arguments(a, 1, "the name of an alias"))
        return ADMIN_USAGE;
    if (!admin_open(a, -1))
        return ADMIN_FAILED;
    if ((al = cmpsrv_conf_alias(a->conf, a->argv[0], strlen(a->argv[0]))) == NULL)
        return admin_fail("no alias %s in %s", a->argv[0], a->config);
    n = cmpsrv_conf_advise(a->conf, al, advice);
    t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    for (size_t i = 0; i < n; i++) {
        int is_warning = advice[i].severity == CMPSRV_ADVICE_WARNING;
        const char *cells[] = {is_warning ? "warning" : "hint", advice[i].setting, advice[i].what,
                               advice[i].todo};

        if (is_warning)
            status = ADMIN_FAILED;
        admin_table_row(t, cells);
    }
    printed = admin_table_print(t, a->json);
    return printed == ADMIN_OK ? status : printed;
}
