/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process costs, under the names that Prometheus' own clients use for it: cmp-bench and
 * dashboards know them. Called for /metrics; asks the system each time and keeps nothing. A figure
 * that the system does not give is left out.
 */
#include "config.h"

#include "watch/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int cpu_seconds(double *value)
{
    struct timespec t;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        return 0;
    *value = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    return 1;
}

/* proc(5): the second number of statm is the resident set in pages. */
static int resident_bytes(double *value)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages;
    int ok;

    if (f == NULL)
        return 0;
    ok = fscanf(f, "%*u %lu", &pages) == 1;
    fclose(f);
    *value = (double)pages * (double)sysconf(_SC_PAGESIZE);
    return ok;
}

static int open_fds(double *value)
{
    DIR *d = opendir("/proc/self/fd");
    const struct dirent *e;

    if (d == NULL)
        return 0;
    *value = -1; /* the one that looks */
    while ((e = readdir(d)) != NULL)
        *value += e->d_name[0] != '.';
    closedir(d);
    return 1;
}

void cmpsrv_metrics_process(CMPSRV_JSON *out)
{
    static const struct {
        const char *name, *type, *help;
        int (*get)(double *value);
    } figures[] = {
        {"process_cpu_seconds_total", "counter", "User and system CPU time of the process",
         cpu_seconds},
        {"process_resident_memory_bytes", "gauge", "Resident memory of the process",
         resident_bytes},
        {"process_open_fds", "gauge", "Open file descriptors of the process", open_fds},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(figures); i++) {
        double value = 0;

        if (!figures[i].get(&value))
            continue;
        cmpsrv_metrics_head(out, figures[i].name, figures[i].type, figures[i].help);
        cmpsrv_metrics_value(out, figures[i].name, NULL, 0, value);
    }
}
