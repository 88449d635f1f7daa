/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-server: what its files know of each other. */
#ifndef CMPSRV_SERVING_H
#define CMPSRV_SERVING_H

#include "http/http.h"
#include "server/server.h"

enum { EXIT_CANNOT_START = 1, EXIT_USAGE = 2 };

/* serving.c: reads the configuration, serves until a signal says stop; an exit status. */
int serving_run(const char *file, CMPSRV_LOG *log);
/* Reads configuration, certificates and keys, prints every error; an exit status. */
int serving_check(const char *file, CMPSRV_LOG *log);

/* admin_pages.c: the pages of the admin listener. */
typedef struct {
    const char *path;
    int (*answer)(CMPSRV_SERVER *srv, CMPSRV_HTTP *http,
                  CMPSRV_JSON *out); /* 0: not ready, a 503 */
} ADMIN_PAGE;
/* The page of that path (a query is ignored), or NULL. */
const ADMIN_PAGE *admin_page(const char *path);

/* systemd.c: what systemd hands over and wants to hear; nothing happens without it. */
void systemd_notify(const char *state);
/* Listens on the sockets of LISTEN_FDS, by their names http, https, admin. The number, or -1 with
 * *why. */
int systemd_listen(CMPSRV_HTTP *http, CMPSRV_REFUSAL *why);
/* ms between signs of life, 0: nobody waits for them. */
int64_t systemd_watchdog(void);

#endif
