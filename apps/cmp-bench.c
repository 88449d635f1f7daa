/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-bench: load for a CMP server. Finds the subcommand in a table, reads the common options, and
 * hands over.
 */
#include "config.h"

#include "apps/bench.h"
#include "apps/options.h"
#include "cmpsrv/cmpsrv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *command;
    int (*run)(BENCH_ARGS *);
    const char *arguments;
    const char *help;
} commands[] = {
    {"prepare", bench_prepare,
     "--workload NAME --out FILE [--count N] [--key-type TYPE] [--subject DN] [--recipient DN] "
     "[--ref KEYID] [--secret SOURCE] [--cert FILE] [--key FILE] [--iterations N] [--threads N]",
     "make a pack of requests with distinct keys"},
    {"run", bench_run,
     "--pack FILE --url URL [--against URL] [--connections N] [--threads N] [--rate R] "
     "[--seconds S] [--requests N] [--warmup S] [--rounds N] [--steps N] [--timeout S] [--pid PID] "
     "[--metrics URL] [--ca FILE] [--trusted FILE] [--check-every N] [--any-certificate] [--tls-ca "
     "FILE] "
     "[--tls-cert FILE] [--tls-key FILE] [--limit] [--limit-threads N] [--must X] "
     "[--fdatasync DIR] [--progress]",
     "send a pack to a server and measure"},
};

static int usage(FILE *to, const char *command, int status)
{
    fputs("Usage: cmp-bench COMMAND [ARGUMENTS] [--json]\n"
          "       cmp-bench --version | --help\n\n",
          to);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(commands); i++)
        if (command == NULL || strcmp(commands[i].command, command) == 0)
            fprintf(to, "  %s %s\n        %s\n", commands[i].command, commands[i].arguments,
                    commands[i].help);
    fputs("\nWorkloads:\n", to);
    for (size_t i = 0; i < bench_workloads_n; i++)
        fprintf(to, "    %-16s %s\n", bench_workloads[i].name, bench_workloads[i].help);
    fputs("\nExit status: 0 done, 1 failed, 2 usage.\n", to);
    return status;
}

CMPSRV_PRINTF(1, 0)
static void complain(const char *fmt, va_list ap, const char *after)
{
    fputs("cmp-bench: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs(after, stderr);
}

int bench_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(fmt, ap, "\n");
    va_end(ap);
    return BENCH_FAILED;
}

int bench_usage_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(fmt, ap, " (see cmp-bench --help)\n");
    va_end(ap);
    return BENCH_USAGE;
}

const char *bench_option(BENCH_ARGS *a, const char *name, int has_value, int *bad)
{
    const char *value = NULL;

    if (option_take(&a->argc, a->argv, name, has_value, &value) < 0) {
        *bad = 1;
        bench_usage_error("%s needs a value", name);
    }
    return value;
}

int64_t bench_option_int(BENCH_ARGS *a, const char *name, int64_t otherwise, int64_t min,
                         int64_t max, int *bad)
{
    const char *text = bench_option(a, name, 1, bad);
    char *end;
    int64_t v;

    if (text == NULL)
        return otherwise;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (*text != '\0' && *end == '\0' && errno == 0 && v >= min && v <= max)
        return v;
    *bad = 1;
    bench_usage_error("%s %s: want an integer from %lld to %lld", name, text, (long long)min,
                      (long long)max);
    return otherwise;
}

int bench_no_more(BENCH_ARGS *a)
{
    if (a->argc > 0)
        bench_usage_error("%s %s", a->argv[0][0] == '-' ? "unknown option" : "unexpected argument",
                          a->argv[0]);
    return a->argc == 0;
}

int main(int argc, char **argv)
{
    BENCH_ARGS a = {.argc = argc - 1, .argv = argv + 1};
    int bad = 0;

    a.json = bench_option(&a, "--json", 0, &bad) != NULL;
    if (bench_option(&a, "--version", 0, &bad) != NULL)
        return printf("cmp-bench %s\n", CMPSRV_version()) < 0;
    if (bench_option(&a, "--help", 0, &bad) != NULL)
        return usage(stdout, a.argc > 0 ? a.argv[0] : NULL, BENCH_OK);
    if (a.argc == 0)
        return usage(stderr, NULL, BENCH_USAGE);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].command, a.argv[0]) == 0) {
            a.argv++, a.argc--;
            return commands[i].run(&a);
        }
    return bench_usage_error("unknown command %s", a.argv[0]);
}
