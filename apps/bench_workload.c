/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of transactions that cmp-bench knows: a table. Both halves of the program go by its
 * rows; how a message of one looks is bench_message.c's.
 */
#include "config.h"

#include "apps/bench_pack.h"

#include <string.h>

const BENCH_WORKLOAD bench_workloads[] = {
    {"ir-pbm", "ir with PasswordBasedMac, implicit confirmation", CMPSRV_BODY_IR, BENCH_PBM, 0, 40},
    {"ir-pbm-certconf", "ir with PasswordBasedMac, then certConf", CMPSRV_BODY_IR, BENCH_PBM, 1,
     20},
    {"ir-pbmac1", "ir with PBMAC1, implicit confirmation", CMPSRV_BODY_IR, BENCH_PBMAC1, 0, 10},
    {"cr-sig", "cr signed with the key of a certificate, implicit confirmation", CMPSRV_BODY_CR,
     BENCH_SIGNATURE, 0, 20},
    {"p10cr-pbm", "p10cr with PasswordBasedMac, implicit confirmation", CMPSRV_BODY_P10CR,
     BENCH_PBM, 0, 10},
    {"mix", "all of these by their shares", -1, BENCH_PBM, 0, 0},
};
const size_t bench_workloads_n = CMPSRV_ARRAY_SIZE(bench_workloads);

const BENCH_WORKLOAD *bench_workload(const char *name)
{
    for (size_t i = 0; i < bench_workloads_n; i++)
        if (strcmp(bench_workloads[i].name, name) == 0)
            return &bench_workloads[i];
    return NULL;
}

int bench_workload_is_mix(const BENCH_WORKLOAD *w)
{
    return w->body < 0;
}

/*
 * Each row earns its share with every transaction; who has most is next and pays for it. So every
 * hundred in a row have the shares exactly, and no kind comes in a burst.
 */
const BENCH_WORKLOAD *bench_workload_at(const BENCH_WORKLOAD *w, size_t index)
{
    int credit[CMPSRV_ARRAY_SIZE(bench_workloads)] = {0};
    size_t best = 0;

    if (!bench_workload_is_mix(w))
        return w;
    for (size_t i = 0; i <= index % 100; i++) {
        best = 0;
        for (size_t k = 0; k < bench_workloads_n; k++) {
            credit[k] += bench_workloads[k].share;
            if (credit[k] > credit[best])
                best = k;
        }
        credit[best] -= 100;
    }
    return &bench_workloads[best];
}

int bench_workload_needs(const BENCH_WORKLOAD *w, BENCH_PROTECTION protection)
{
    return bench_workload_is_mix(w) || w->protection == protection;
}
