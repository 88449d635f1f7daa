/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-server under systemd: the sockets it was given (sd_listen_fds(3)) and the messages it owes
 * (sd_notify(3)). Both protocols are documented as stable; with neither variable in the environment
 * nothing happens.
 */
#include "config.h"

#include "apps/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

void systemd_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = path == NULL ? 0 : strlen(path);
    int fd;

    if (n < 2 || n >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(a.sun_path, path, n);
    if (path[0] == '@')
        a.sun_path[0] = '\0';
    if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

/* A variable that holds a number and is meant for this process. */
static long long number_for_us(const char *variable, const char *pid_variable)
{
    const char *text = getenv(variable), *pid = getenv(pid_variable);

    if (text == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    return strtoll(text, NULL, 10);
}

int64_t systemd_watchdog(void)
{
    return number_for_us("WATCHDOG_USEC", "WATCHDOG_PID") / 2000; /* half of it, in ms */
}

static int listen_named(CMPSRV_HTTP *http, const char *name, int fd, CMPSRV_REFUSAL *why)
{
    static const struct {
        const char *name;
        CMPSRV_HTTP_SERVICE service;
        int tls;
    } kinds[] = {{"http", CMPSRV_HTTP_CMP, 0},
                 {"https", CMPSRV_HTTP_CMP, 1},
                 {"admin", CMPSRV_HTTP_ADMIN, 0}};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return cmpsrv_http_listen_fd(http, kinds[i].service, kinds[i].tls, fd, why);
    return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                         "LISTEN_FDNAMES: descriptor %d has another name than http, https or admin",
                         fd);
}

int systemd_listen(CMPSRV_HTTP *http, CMPSRV_REFUSAL *why)
{
    long long n = getenv("LISTEN_PID") == NULL ? 0 : number_for_us("LISTEN_FDS", "LISTEN_PID");
    const char *names = getenv("LISTEN_FDNAMES");
    char name[16];

    for (int i = 0; i < n; i++) {
        size_t length = names == NULL ? 0 : strcspn(names, ":");

        snprintf(name, sizeof(name), "%.*s", (int)length, names == NULL ? "" : names);
        if (!listen_named(http, names == NULL ? "http" : name, FIRST_FD + i, why))
            return -1;
        if (names != NULL)
            names += length + (names[length] == ':');
    }
    return (int)n;
}
