/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-server: the pages of the admin listener; what they say is the server's. */
#include "config.h"

#include "apps/serving.h"

#include <string.h>

/* The process lives: it answers. */
static int answer_healthz(CMPSRV_SERVER *srv, CMPSRV_HTTP *http, CMPSRV_JSON *out)
{
    (void)srv;
    (void)http;
    cmpsrv_json_raw(out, "ok\n");
    return 1;
}

static int answer_readyz(CMPSRV_SERVER *srv, CMPSRV_HTTP *http, CMPSRV_JSON *out)
{
    (void)http;
    return cmpsrv_server_ready(srv, out);
}

static int answer_metrics(CMPSRV_SERVER *srv, CMPSRV_HTTP *http, CMPSRV_JSON *out)
{
    cmpsrv_server_metrics(srv, out);
    cmpsrv_http_metrics(http, out);
    cmpsrv_metrics_process(out);
    return 1;
}

static const ADMIN_PAGE pages[] = {
    {"/healthz", answer_healthz},
    {"/readyz", answer_readyz},
    {"/metrics", answer_metrics},
};

const ADMIN_PAGE *admin_page(const char *path)
{
    size_t n = strcspn(path, "?");

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(pages); i++)
        if (strlen(pages[i].path) == n && memcmp(path, pages[i].path, n) == 0)
            return &pages[i];
    return NULL;
}
