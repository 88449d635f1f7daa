/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server object: load and reload, one message through the line. The only file that knows both
 * the public interface and the insides.
 */
#include "config.h"

#include "server/server_local.h"

#include <string.h>

#include <openssl/crypto.h>

CMPSRV_EXPORT const char *CMPSRV_version(void)
{
    return PACKAGE_VERSION;
}

CMPSRV_EXPORT CMPSRV_SERVER *CMPSRV_SERVER_new(OSSL_LIB_CTX *libctx, const char *propq)
{
    CMPSRV_SERVER *srv = OPENSSL_zalloc(sizeof(*srv));

    if (srv == NULL)
        return NULL;
    srv->libctx = libctx;
    pthread_mutex_init(&srv->lock, NULL);
    atomic_init(&srv->crl_failed, 0);
    if ((srv->metrics = cmpsrv_metrics_new(cmpsrv_stage_name)) == NULL ||
        (srv->attempts = cmpsrv_attempts_new()) == NULL ||
        (propq != NULL && (srv->propq = OPENSSL_strdup(propq)) == NULL) ||
        (srv->curves = cmpsrv_curves_new(libctx, propq)) == NULL ||
        !cmpsrv_server_set_node(srv, "cmp-server")) {
        CMPSRV_SERVER_free(srv);
        return NULL;
    }
    return srv;
}

CMPSRV_EXPORT void CMPSRV_SERVER_free(CMPSRV_SERVER *srv)
{
    if (srv == NULL)
        return;
    cmpsrv_snapshot_free(srv->snapshot);
    cmpsrv_store_free(srv->store);
    cmpsrv_metrics_free(srv->metrics);
    cmpsrv_attempts_free(srv->attempts);
    pthread_mutex_destroy(&srv->lock);
    cmpsrv_curves_free(srv->curves);
    OPENSSL_free(srv->propq);
    OPENSSL_free(srv->node);
    OPENSSL_free(srv->error);
    OPENSSL_cleanse(srv->binding_key, sizeof(srv->binding_key));
    OPENSSL_free(srv);
}

void cmpsrv_server_set_log(CMPSRV_SERVER *srv, CMPSRV_LOG *log)
{
    srv->log = log;
}

int cmpsrv_server_set_node(CMPSRV_SERVER *srv, const char *node)
{
    char *copy = OPENSSL_strdup(node);

    if (copy == NULL)
        return 0;
    OPENSSL_free(srv->node);
    srv->node = copy;
    return 1;
}

void cmpsrv_server_set_prepare(CMPSRV_SERVER *srv, CMPSRV_PREPARE prepare, void *arg)
{
    srv->prepare = prepare;
    srv->prepare_arg = arg;
}

const CMPSRV_CONF_SERVER *cmpsrv_server_conf(CMPSRV_SERVER *srv)
{
    return srv->snapshot == NULL ? NULL : &srv->snapshot->conf->server;
}

CMPSRV_SNAPSHOT *cmpsrv_server_get1_snapshot(CMPSRV_SERVER *srv)
{
    CMPSRV_SNAPSHOT *s;

    pthread_mutex_lock(&srv->lock);
    if ((s = srv->snapshot) != NULL)
        atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&srv->lock);
    return s;
}

/* ---- load
 * ----------------------------------------------------------------------------------------- */

static void keep_errors(CMPSRV_SERVER *srv, const CMPSRV_CONF_ERRORS *errors)
{
    size_t n = 1;

    OPENSSL_free(srv->error);
    for (size_t i = 0; i < errors->n; i++)
        n += strlen(errors->v[i]) + 1;
    if ((srv->error = OPENSSL_zalloc(n)) == NULL)
        return;
    for (size_t i = 0; i < errors->n; i++) {
        OPENSSL_strlcat(srv->error, errors->v[i], n);
        if (i + 1 < errors->n)
            OPENSSL_strlcat(srv->error, "\n", n);
    }
}

static void store_error(CMPSRV_CONF_ERRORS *errors, const CMPSRV_SNAPSHOT *s,
                        const CMPSRV_REFUSAL *why)
{
    cmpsrv_conf_error(errors, s->conf->server.pos, "server", NULL, "store", "%s", why->detail);
}

/* The store of the first load stays: conf refuses to load another one after it. */
static int open_store(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *s, CMPSRV_CONF_ERRORS *errors)
{
    const CMPSRV_CONF_SERVER *conf = &s->conf->server;
    CMPSRV_STORE_OPTIONS options = {.key = conf->store_key, .log = srv->log, .node = srv->node};
    CMPSRV_REFUSAL why = {0};

    if (srv->store != NULL)
        return 1;
    if ((srv->store = cmpsrv_store_open(conf->store, &options, &why)) == NULL) {
        store_error(errors, s, &why);
        return 0;
    }
    cmpsrv_store_derive_key(srv->store, "identity binding", srv->binding_key);
    return 1;
}

/* An index that costs each certificate a page is there only for who has a use for it. */
static int index_keys(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *s, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_REFUSAL why = {0};
    size_t i = 0;

    while (i < s->conf->aliases_n && !s->conf->aliases[i].unique_public_key)
        i++;
    if (i == s->conf->aliases_n || cmpsrv_store_index_keys(srv->store, &why))
        return 1;
    store_error(errors, s, &why);
    return 0;
}

static int register_cas(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *s, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_REFUSAL why = {0};

    for (size_t i = 0; i < s->cas_n; i++)
        if (!cmpsrv_store_ca_register(srv->store, s->cas[i]->id, s->cas[i]->conf->name, &why)) {
            store_error(errors, s, &why);
            return 0;
        }
    return 1;
}

CMPSRV_EXPORT int CMPSRV_SERVER_load(CMPSRV_SERVER *srv, const char *yaml_file)
{
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_SNAPSHOT *old = srv->snapshot, *s;
    int ok;

    s = cmpsrv_snapshot_load(srv, yaml_file, old == NULL ? NULL : old->conf, &errors);
    ok = s != NULL && open_store(srv, s, &errors) && register_cas(srv, s, &errors) &&
         index_keys(srv, s, &errors);
    keep_errors(srv, &errors);
    cmpsrv_conf_errors_clear(&errors);
    if (!ok) {
        cmpsrv_snapshot_free(s);
        return 0;
    }
    cmpsrv_log_set(srv->log, (CMPSRV_LOG_LEVEL)s->conf->server.log_level,
                   (CMPSRV_LOG_FORMAT)s->conf->server.log_format, s->conf->server.log_syslog);
    pthread_mutex_lock(&srv->lock);
    srv->snapshot = s;
    pthread_mutex_unlock(&srv->lock);
    cmpsrv_snapshot_free(old);
    return 1;
}

CMPSRV_EXPORT const char *CMPSRV_SERVER_get0_error(const CMPSRV_SERVER *srv)
{
    return srv->error == NULL ? "" : srv->error;
}

int cmpsrv_server_check(CMPSRV_SERVER *srv, const char *file, CMPSRV_CONF_ERRORS *errors)
{
    CMPSRV_SNAPSHOT *s = cmpsrv_snapshot_load(srv, file, NULL, errors);

    cmpsrv_snapshot_free(s);
    return s != NULL;
}

/* ---- one message
 * ------------------------------------------------------------------------------------ */

CMPSRV_EXPORT int CMPSRV_process(CMPSRV_SERVER *srv, const char *path, const unsigned char *req_der,
                                 size_t req_len, unsigned char **rsp, size_t *rsp_len,
                                 int *http_status)
{
    int ok = 0, status = 503;
    CMPSRV_BYTES answer = {0};
    CMPSRV_REQUEST *req;
    sem_t told;

    if (sem_init(&told, 0, 0) == 0) {
        req = cmpsrv_request_new(srv, path, cmpsrv_slice(req_der, req_len), cmpsrv_sem_post, &told);
        while (req != NULL && !cmpsrv_request_run(req))
            cmpsrv_sem_wait(&told);
        ok = req != NULL && cmpsrv_request_end(req, &answer, &status);
        sem_destroy(&told);
    }
    if (ok) {
        *rsp = answer.p;
        *rsp_len = answer.n;
    }
    if (http_status != NULL)
        *http_status = status;
    return ok;
}
