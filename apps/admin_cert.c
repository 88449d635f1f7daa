/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin cert: the certificates in the store; revoke and unhold go through the same store
 * transactions as rr. */
#include "config.h"

#include "apps/admin.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static const char *const status_names[] = {"unconfirmed", "active", "revoked", "hold"};

static int status_from_name(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(status_names); i++)
        if (strcmp(status_names[i], name) == 0)
            return (int)i;
    return -1;
}

/* The id of a CA by its configured name: from its certificate. */
static int find_ca_id(ADMIN *a, const char *name, unsigned char id[CMPSRV_HASH])
{
    CMPSRV_CA *ca = admin_load_ca(a, name);

    if (ca == NULL)
        return 0;
    memcpy(id, ca->id, CMPSRV_HASH);
    cmpsrv_ca_free(ca);
    return 1;
}

struct list {
    ADMIN *a;
    ADMIN_TABLE *table;
};

static int add_row(void *arg, const CMPSRV_CERT_ROW *row)
{
    struct list *l = arg;
    char serial[2 * CMPSRV_MAX_SERIAL + 1], issued[25], not_after[25], revoked[25] = "",
                                                                       ca[128] = "";
    CMPSRV_CERT_VIEW view;
    char *subject = cmpsrv_cert_view(cmpsrv_bytes_slice(&row->der), &view, NULL)
                        ? cmpsrv_name_text(view.subject)
                        : NULL;
    int is_revoked = row->status >= CMPSRV_CERT_REVOKED;
    const char *cells[] = {
        cmpsrv_hex(cmpsrv_slice(row->serial, row->serial_len), serial, sizeof(serial)),
        status_names[row->status],
        subject,
        row->end_entity,
        ca,
        cmpsrv_time_iso(row->issued_at, issued),
        cmpsrv_time_iso(row->not_after, not_after),
        is_revoked ? cmpsrv_time_iso(row->revoked_at, revoked) : "",
        is_revoked ? cmpsrv_crl_reason_name(row->reason) : "",
        row->alias,
    };

    cmpsrv_store_ca_name(l->a->store, row->ca_id, ca, sizeof(ca), NULL);
    admin_table_row(l->table, cells);
    OPENSSL_free(subject);
    return 1;
}

static int read_filter(ADMIN *a, const char *ca, const char *status, const char *since,
                       CMPSRV_CERT_FILTER *filter, unsigned char id[CMPSRV_HASH])
{
    if (status != NULL && (filter->status = status_from_name(status)) < 0)
        return admin_usage_error("--status is unconfirmed, active, revoked or hold");
    if (since != NULL && !admin_read_date(since, &filter->issued_since))
        return admin_usage_error("--since wants a date, 2026-11-23 or 2026-11-23T14:00:00Z");
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    if (ca != NULL && !find_ca_id(a, ca, id))
        return ADMIN_FAILED;
    filter->ca_id = ca == NULL ? NULL : id;
    return ADMIN_OK;
}

int admin_cert_list(ADMIN *a)
{
    static const char *const columns[] = {"Serial", "Status",    "Subject", "Entity", "CA",
                                          "Issued", "Not after", "Revoked", "Reason", "Alias"};
    int bad = 0, status;
    const char *ca = admin_option(a, "--ca", 1, &bad);
    CMPSRV_CERT_FILTER filter = {.status = -1, .end_entity = admin_option(a, "--entity", 1, &bad)};
    const char *state = admin_option(a, "--status", 1, &bad);
    const char *since = admin_option(a, "--since", 1, &bad);
    unsigned char id[CMPSRV_HASH];
    struct list l = {.a = a};
    CMPSRV_REFUSAL why = {0};

    if (bad || !admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if ((status = read_filter(a, ca, state, since, &filter, id)) != ADMIN_OK)
        return status;
    l.table = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    if (cmpsrv_store_cert_each(a->store, &filter, add_row, &l, &why) != 1) {
        admin_fail("%s", why.detail);
        status = ADMIN_FAILED;
    }
    return admin_table_print(l.table, a->json) == ADMIN_OK ? status : ADMIN_FAILED;
}

struct show {
    int pem, found, ok;
};

static int print_row(void *arg, const CMPSRV_CERT_ROW *row)
{
    struct show *s = arg;
    const unsigned char *p = row->der.p;
    X509 *x = d2i_X509(NULL, &p, (long)row->der.n);

    s->found++;
    s->ok = x != NULL && (s->pem ? PEM_write_X509(stdout, x) : X509_print_fp(stdout, x));
    if (!s->pem)
        printf("    Status: %s%s%s\n    Entity: %s\n    Alias: %s\n", status_names[row->status],
               row->status >= CMPSRV_CERT_REVOKED ? ", " : "",
               row->status >= CMPSRV_CERT_REVOKED ? cmpsrv_crl_reason_name(row->reason) : "",
               row->end_entity, row->alias);
    X509_free(x);
    return s->ok;
}

/* Serial numbers come as hex, with or without colons, leading zeros or 0x. */
static int read_serial(const char *text, unsigned char out[CMPSRV_MAX_SERIAL], CMPSRV_SLICE *serial)
{
    char hex[2 * CMPSRV_MAX_SERIAL + 4] = "";
    unsigned char raw[CMPSRV_MAX_SERIAL + 1];
    size_t n = 0, len, skip = 0;

    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    for (; *text != '\0' && n + 2 < sizeof(hex); text++)
        if (*text != ':')
            hex[n++] = *text;
    if (n % 2 != 0) {
        memmove(hex + 1, hex, n + 1);
        hex[0] = '0';
    }
    len = *text == '\0' ? cmpsrv_unhex(hex, raw, sizeof(raw)) : 0;
    while (skip + 1 < len && raw[skip] == 0 && raw[skip + 1] < 0x80)
        skip++;
    if (len == 0 || len - skip > CMPSRV_MAX_SERIAL)
        return 0;
    memcpy(out, raw + skip, len - skip);
    *serial = cmpsrv_slice(out, len - skip);
    return 1;
}

int admin_cert_show(ADMIN *a)
{
    int bad = 0;
    const char *ca = admin_option(a, "--ca", 1, &bad);
    struct show s = {.pem = admin_option(a, "--pem", 0, &bad) != NULL};
    CMPSRV_CERT_FILTER filter = {.status = -1};
    unsigned char id[CMPSRV_HASH], serial[CMPSRV_MAX_SERIAL];
    CMPSRV_REFUSAL why = {0};

    if (bad || !admin_has_arguments(a, 1, "the serial number of a certificate"))
        return ADMIN_USAGE;
    if (!read_serial(a->argv[0], serial, &filter.serial))
        return admin_usage_error("%s is no serial number (hex)", a->argv[0]);
    if (!admin_open(a, 0) || (ca != NULL && !find_ca_id(a, ca, id)))
        return ADMIN_FAILED;
    filter.ca_id = ca == NULL ? NULL : id;
    if (cmpsrv_store_cert_each(a->store, &filter, print_row, &s, &why) != 1)
        return admin_fail("%s", why.detail);
    if (!s.found)
        return admin_fail("no certificate with serial %s", a->argv[0]);
    return s.ok ? ADMIN_OK : ADMIN_FAILED;
}

/* ---- change of status
 * ------------------------------------------------------------------------------ */

static int add_audit(CMPSRV_CHANGES *changes, const CMPSRV_CA *ca, const CMPSRV_CERT_ROW *row,
                     int reason)
{
    CMPSRV_AUDIT_EVENT e = {
        .event = reason < 0 ? "unheld" : "revoked",
        .body_type = -1,
        .ca = ca->conf->name,
        .serial = cmpsrv_slice(row->serial, row->serial_len),
        .end_entity = row->end_entity,
        .reason = reason,
        .operator_ = admin_operator(),
    };
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(changes, CMPSRV_CHANGE_AUDIT);

    return ch != NULL && (ch->u.audit = cmpsrv_audit_record(&e)) != NULL;
}

/* reason -1: off hold */
static int commit_status(ADMIN *a, const CMPSRV_CA *ca, const CMPSRV_CERT_ROW *row, int reason)
{
    CMPSRV_CHANGES changes = {0};
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(&changes, CMPSRV_CHANGE_CERT_STATUS);
    CMPSRV_COMMIT outcome = CMPSRV_COMMIT_FAILED;
    CMPSRV_REFUSAL why = {0};

    if (ch != NULL) {
        memcpy(ch->u.status.ca_id, row->ca_id, CMPSRV_HASH);
        memcpy(ch->u.status.serial, row->serial, row->serial_len);
        ch->u.status.serial_len = row->serial_len;
        ch->u.status.from = row->status;
        ch->u.status.to = reason < 0    ? CMPSRV_CERT_ACTIVE
                          : reason == 6 ? CMPSRV_CERT_HOLD
                                        : CMPSRV_CERT_REVOKED;
        ch->u.status.revoked_at = reason < 0 ? 0 : cmpsrv_time_now();
        ch->u.status.reason = reason < 0 ? 0 : reason;
        if (add_audit(&changes, ca, row, reason))
            outcome = cmpsrv_store_commit(a->store, &changes, &why);
    }
    cmpsrv_changes_clear(&changes);
    if (outcome == CMPSRV_COMMIT_CONFLICT)
        return admin_fail("somebody else has just changed this certificate; look again");
    if (outcome != CMPSRV_COMMIT_DONE)
        return admin_fail("%s", why.detail);
    if (!cmpsrv_ca_crl(ca, a->store, NULL, &why))
        return admin_fail("done, but no CRL could be made: %s", why.detail);
    return ADMIN_OK;
}

static int change_status(ADMIN *a, const char *ca_name, int reason)
{
    unsigned char octets[CMPSRV_MAX_SERIAL];
    CMPSRV_SLICE serial;
    CMPSRV_CERT_ROW row = {0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CA *ca;
    int status = ADMIN_FAILED, found;

    if (!read_serial(a->argv[0], octets, &serial))
        return admin_usage_error("%s is no serial number (hex)", a->argv[0]);
    if (!admin_open(a, 1) || (ca = admin_load_ca(a, ca_name)) == NULL)
        return ADMIN_FAILED;
    found = cmpsrv_store_cert_get(a->store, ca->id, serial, &row, &why);
    if (found != 1)
        admin_fail("%s", found < 0 ? why.detail : "no such certificate of this CA");
    else if (reason < 0 && row.status != CMPSRV_CERT_HOLD)
        admin_fail("the certificate is %s, not on hold", status_names[row.status]);
    else if (reason >= 0 && row.status == CMPSRV_CERT_REVOKED)
        admin_fail("the certificate is revoked already");
    else if ((status = commit_status(a, ca, &row, reason)) == ADMIN_OK)
        printf("%s: %s\n", a->argv[0], reason < 0 ? "active again" : "revoked");
    cmpsrv_cert_row_clear(&row);
    cmpsrv_ca_free(ca);
    return status;
}

int admin_cert_revoke(ADMIN *a)
{
    int bad = 0, reason;
    const char *ca = admin_option(a, "--ca", 1, &bad);
    const char *text = admin_option(a, "--reason", 1, &bad);

    if (bad || !admin_has_arguments(a, 1, "the serial number of a certificate"))
        return ADMIN_USAGE;
    if (ca == NULL)
        return admin_usage_error("revoke needs --ca CA");
    reason = cmpsrv_crl_reason_from_text(text == NULL ? "unspecified" : text);
    if (reason < 0 || reason == 8)
        return admin_usage_error("%s is no reason to revoke (RFC 5280 5.3.1)", text);
    return change_status(a, ca, reason);
}

int admin_cert_unhold(ADMIN *a)
{
    int bad = 0;
    const char *ca = admin_option(a, "--ca", 1, &bad);

    if (bad || !admin_has_arguments(a, 1, "the serial number of a certificate"))
        return ADMIN_USAGE;
    if (ca == NULL)
        return admin_usage_error("unhold needs --ca CA");
    return change_status(a, ca, -1);
}
