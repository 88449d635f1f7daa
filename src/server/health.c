/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the server can do its work, and what its gauges show: asked for over the admin listener,
 * looks at the store, the CAs and their CRLs as they are now. Changes nothing but the store's row
 * of this node, to see that it can be written.
 */
#include "config.h"

#include "server/server_local.h"

#include <stdio.h>
#include <string.h>

#define STORE_MS INT64_C(1000) /* within which the store must have written */
#define DAY_MS   INT64_C(86400000)

/* ---- readiness: one function a check -----------------------------------------------------------
 */

static int check_store(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, int64_t now,
                       CMPSRV_REFUSAL *why)
{
    int64_t start = cmpsrv_time_mono();

    (void)snap;
    (void)now;
    if (!cmpsrv_store_probe(srv->store, why))
        return 0;
    start = cmpsrv_time_mono() - start;
    return start <= STORE_MS || cmpsrv_fail(why, "a write took %lld ms, more than %lld",
                                            (long long)start, (long long)STORE_MS);
}

/* A signature, so that a token that has gone is seen. */
static int signs(const CMPSRV_CA *ca, const CMPSRV_SIGNER *s, const char *what, int64_t now,
                 CMPSRV_REFUSAL *why)
{
    static const unsigned char probe[] = "cmpsrv: ready?";
    CMPSRV_BYTES sig = {NULL, 0};
    int ok = cmpsrv_sig_key_make(s->sign, cmpsrv_slice(probe, sizeof(probe)), &sig, why);

    cmpsrv_bytes_clear(&sig);
    if (!ok)
        return 0;
    if (now >= s->not_before && now <= s->not_after)
        return 1;
    return cmpsrv_fail(why, "the certificate of the %s of %s is not valid now", what,
                       ca->conf->name);
}

static int check_keys(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, int64_t now,
                      CMPSRV_REFUSAL *why)
{
    (void)srv;
    for (size_t i = 0; i < snap->cas_n; i++)
        if (!signs(snap->cas[i], &snap->cas[i]->issuer, "CA", now, why) ||
            (snap->cas[i]->cmp_signer != &snap->cas[i]->issuer &&
             !signs(snap->cas[i], snap->cas[i]->cmp_signer, "CMP signer", now, why)))
            return 0;
    return 1;
}

static int check_crls(CMPSRV_SERVER *srv, const CMPSRV_SNAPSHOT *snap, int64_t now,
                      CMPSRV_REFUSAL *why)
{
    if (atomic_load(&srv->crl_failed))
        return cmpsrv_fail(why, "a CRL could not be made");
    for (size_t i = 0; i < snap->cas_n; i++)
        if (snap->cas[i]->conf->crl_file != NULL && !cmpsrv_ca_crl_is_fresh(snap->cas[i], now))
            return cmpsrv_fail(why, "the CRL of %s is missing or over", snap->cas[i]->conf->name);
    return 1;
}

static const struct {
    const char *name;
    int (*check)(CMPSRV_SERVER *, const CMPSRV_SNAPSHOT *, int64_t now, CMPSRV_REFUSAL *);
} checks[] = {{"store", check_store}, {"keys", check_keys}, {"crls", check_crls}};

int cmpsrv_server_ready(CMPSRV_SERVER *srv, CMPSRV_JSON *out)
{
    CMPSRV_SNAPSHOT *snap = cmpsrv_server_get1_snapshot(srv);
    int64_t now = cmpsrv_time_now();
    int all = 1;

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(checks); i++) {
        CMPSRV_REFUSAL why = {0};
        int ok = checks[i].check(srv, snap, now, &why);

        cmpsrv_json_raw(out, checks[i].name);
        cmpsrv_json_raw(out, ok ? ": ok\n" : ": not ready\n");
        if (!ok) /* the reason may name files: it is for the log */
            cmpsrv_log(srv->log, CMPSRV_LOG_WARNING, "not ready: %s: %s", checks[i].name,
                       why.detail);
        all &= ok;
    }
    cmpsrv_snapshot_free(snap);
    return all;
}

/* ---- gauges ------------------------------------------------------------------------------------
 */

static void write_pending(CMPSRV_SERVER *srv, CMPSRV_JSON *out)
{
    static const struct {
        const char *name;
        CMPSRV_TXN_STATE state;
    } states[] = {{"wait_conf", CMPSRV_TXN_WAIT_CONF}, {"polling", CMPSRV_TXN_POLLING}};
    static const char name[] = "cmpsrv_transactions_pending";

    cmpsrv_metrics_head(out, name, "gauge", "Transactions that wait for the client, by state");
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(states); i++) {
        CMPSRV_METRIC_LABEL label = {"state", states[i].name};
        int64_t n;

        if (cmpsrv_store_txn_count(srv->store, states[i].state, &n, NULL) == 1)
            cmpsrv_metrics_value(out, name, &label, 1, (double)n);
    }
}

static void write_store(CMPSRV_SERVER *srv, CMPSRV_JSON *out)
{
    static const char queue[] = "cmpsrv_store_queue", group[] = "cmpsrv_store_group_size";
    static const double upper[CMPSRV_STORE_GROUPS] = {1, 2, 4, 8, 16, 32, 64};
    uint64_t counts[CMPSRV_STORE_GROUPS + 1] = {0};
    CMPSRV_STORE_STATS stats;

    cmpsrv_store_stats(srv->store, &stats);
    cmpsrv_metrics_head(out, queue, "gauge", "Store transactions that wait for the writer");
    cmpsrv_metrics_value(out, queue, NULL, 0, (double)stats.queued);
    memcpy(counts, stats.groups, sizeof(stats.groups));
    cmpsrv_metrics_head(out, group, "histogram", "Store transactions in one commit");
    cmpsrv_metrics_histogram(out, group, NULL, upper, counts, CMPSRV_STORE_GROUPS,
                             (double)stats.transactions);
}

static void write_expiry(const CMPSRV_SNAPSHOT *snap, int64_t now, CMPSRV_JSON *out)
{
    static const char name[] = "cmpsrv_certificate_expiry_days";

    cmpsrv_metrics_head(out, name, "gauge", "Days until a certificate of the server expires");
    for (size_t i = 0; i < snap->cas_n; i++) {
        const CMPSRV_CA *ca = snap->cas[i];
        const struct {
            const char *role;
            const CMPSRV_SIGNER *signer;
        } t[] = {{"issuer", &ca->issuer}, {"cmp_signer", ca->cmp_signer}};

        for (size_t k = 0; k < (ca->cmp_signer == &ca->issuer ? 1 : CMPSRV_ARRAY_SIZE(t)); k++) {
            CMPSRV_METRIC_LABEL labels[] = {{"ca", ca->conf->name}, {"role", t[k].role}};

            cmpsrv_metrics_value(out, name, labels, CMPSRV_ARRAY_SIZE(labels),
                                 (double)(t[k].signer->not_after - now) / (double)DAY_MS);
        }
    }
}

void cmpsrv_server_metrics(CMPSRV_SERVER *srv, CMPSRV_JSON *out)
{
    static const char build[] = "cmpsrv_build_info";
    CMPSRV_METRIC_LABEL version = {"version", CMPSRV_version()};
    CMPSRV_SNAPSHOT *snap = cmpsrv_server_get1_snapshot(srv);

    cmpsrv_metrics_head(out, build, "gauge", "The version of the server");
    cmpsrv_metrics_value(out, build, &version, 1, 1);
    cmpsrv_metrics_write(srv->metrics, out);
    write_pending(srv, out);
    write_store(srv, out);
    write_expiry(snap, cmpsrv_time_now(), out);
    cmpsrv_snapshot_free(snap);
}
