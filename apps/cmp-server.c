/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-server: options, and then serving.c. Runs in the foreground and logs to stderr or syslog. */
#include "config.h"

#include "apps/serving.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

static int usage(FILE *to, int status)
{
    fputs("Usage: cmp-server --config FILE [--check-config]\n"
          "       cmp-server --version | --help\n\n"
          "A CMP server (RFC 9810, RFC 9483) over HTTP and HTTPS. Runs in the foreground, logs to "
          "stderr.\n\n"
          "  --config FILE    the configuration (YAML, see cmp-server.yaml(5))\n"
          "  --check-config   read configuration, certificates and keys, print every error, and "
          "exit\n"
          "  --version        print the version and exit\n"
          "  --help           print this and exit\n\n"
          "SIGHUP reloads the configuration, all of it or nothing; SIGTERM and SIGINT stop.\n\n"
          "Exit status: 0 after SIGTERM or SIGINT, 1 cannot start, 2 usage.\n",
          to);
    return status;
}

/* Keys and secrets are in memory: neither a core file nor a debugger of the same user gets them. */
static void protect_memory(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file = NULL;
    int check = 0, c, status;
    CMPSRV_LOG *log;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'c')
            file = optarg;
        else if (c == 'k')
            check = 1;
        else if (c == 'v')
            return printf("cmp-server %s\n", CMPSRV_version()) < 0;
        else
            return usage(c == 'h' ? stdout : stderr, c == 'h' ? EXIT_SUCCESS : EXIT_USAGE);
    }
    if (file == NULL || optind != argc)
        return usage(stderr, EXIT_USAGE);
    protect_memory();
    if ((log = cmpsrv_log_new(CMPSRV_LOG_INFO, STDERR_FILENO)) == NULL)
        return EXIT_CANNOT_START;
    status = check ? serving_check(file, log) : serving_run(file, log);
    cmpsrv_log_free(log);
    return status;
}
