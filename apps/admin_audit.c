/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin audit and store: the chains of records, and every stored certificate against its
 * record. */
#include "config.h"

#include "apps/admin.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

static int add_record(void *arg, const CMPSRV_AUDIT_ROW *row)
{
    char when[25], seq[24];
    const char *cells[] = {cmpsrv_time_iso(row->time, when), row->node, row->chain, seq,
                           row->record};

    snprintf(seq, sizeof(seq), "%lld", (long long)row->seq);
    admin_table_row(arg, cells);
    return 1;
}

int admin_audit_list(ADMIN *a)
{
    static const char *const columns[] = {"Time", "Node", "Chain", "Seq", "Record"};
    int bad = 0;
    const char *text = admin_option(a, "--since", 1, &bad);
    CMPSRV_REFUSAL why = {0};
    int64_t since = 0;
    ADMIN_TABLE *t;

    if (bad || !admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (text != NULL && !admin_read_date(text, &since))
        return admin_usage_error("--since wants a date, 2026-11-23 or 2026-11-23T14:00:00Z");
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    if (cmpsrv_store_audit_each(a->store, since, add_record, t, &why) != 1) {
        admin_fail("%s", why.detail);
        admin_table_print(t, a->json);
        return ADMIN_FAILED;
    }
    return admin_table_print(t, a->json);
}

static int add_head(void *arg, const CMPSRV_AUDIT_ROW *row)
{
    char seq[24], head[2 * CMPSRV_HASH + 1];
    const char *cells[] = {row->chain, seq,
                           cmpsrv_hex(cmpsrv_slice(row->hash, CMPSRV_HASH), head, sizeof(head))};

    snprintf(seq, sizeof(seq), "%lld", (long long)row->seq);
    admin_table_row(arg, cells);
    return 1;
}

int admin_audit_verify(ADMIN *a)
{
    static const char *const columns[] = {"Chain", "Seq", "Head"};
    int bad = 0;
    const char *text = admin_option(a, "--head", 1, &bad);
    unsigned char head[CMPSRV_HASH];
    CMPSRV_REFUSAL why = {0};
    int64_t records = 0;
    ADMIN_TABLE *t;

    if (bad || !admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (text != NULL && cmpsrv_unhex(text, head, sizeof(head)) != CMPSRV_HASH)
        return admin_usage_error("--head wants a head as audit verify prints it, 64 hex digits");
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    if (cmpsrv_store_audit_verify(a->store, text == NULL ? NULL : head, &records, &why) != 1 ||
        cmpsrv_store_audit_heads(a->store, add_head, t, &why) != 1) {
        admin_table_free(t);
        return admin_fail("%s", why.detail);
    }
    if (!a->json)
        printf("audit: %lld records, all chains right; keep the head elsewhere, for --head:\n",
               (long long)records);
    return admin_table_print(t, a->json);
}

/* ---- store
 * -------------------------------------------------------------------------------------------- */

struct verify {
    CMPSRV_CA **cas;
    size_t cas_n;
    int64_t checked, bad;
};

static const CMPSRV_CA *find_ca(const struct verify *v, const unsigned char *id)
{
    for (size_t i = 0; i < v->cas_n; i++)
        if (v->cas[i] != NULL && memcmp(v->cas[i]->id, id, CMPSRV_HASH) == 0)
            return v->cas[i];
    return NULL;
}

/* What is wrong with a stored certificate, NULL if nothing is: its columns are what its DER says,
 * and its CA signed it. */
static const char *check_row(const struct verify *v, const CMPSRV_CERT_ROW *row)
{
    const CMPSRV_CA *ca = find_ca(v, row->ca_id);
    CMPSRV_CERT_VIEW view;
    unsigned char hash[CMPSRV_HASH];
    const unsigned char *p = row->der.p;
    X509 *x;
    int ok;

    if (!cmpsrv_cert_view(cmpsrv_bytes_slice(&row->der), &view, NULL))
        return "the certificate is damaged";
    if (!cmpsrv_slice_eq(view.serial, cmpsrv_slice(row->serial, row->serial_len)))
        return "serial number is not the certificate's";
    if (view.not_after != row->not_after)
        return "not_after is not the certificate's";
    if (!cmpsrv_name_hash(view.subject, hash, NULL) ||
        memcmp(hash, row->subject_hash, CMPSRV_HASH_KEPT) != 0)
        return "subject_hash is not the certificate's";
    if (!cmpsrv_sha256(view.spki, hash) || memcmp(hash, row->spki_hash, CMPSRV_HASH_KEPT) != 0)
        return "spki_hash is not the certificate's";
    if (ca == NULL)
        return NULL; /* a CA that is no longer configured */
    x = d2i_X509(NULL, &p, (long)row->der.n);
    ok = x != NULL && X509_verify(x, ca->issuer.key) == 1;
    X509_free(x);
    return ok ? NULL : "its CA did not sign it";
}

static int verify_row(void *arg, const CMPSRV_CERT_ROW *row)
{
    struct verify *v = arg;
    const char *problem = check_row(v, row);
    char serial[2 * CMPSRV_MAX_SERIAL + 1];

    if (problem != NULL) {
        v->bad++;
        admin_fail("certificate %s: %s",
                   cmpsrv_hex(cmpsrv_slice(row->serial, row->serial_len), serial, sizeof(serial)),
                   problem);
    }
    if (++v->checked % 100000 == 0)
        fprintf(stderr, "%lld certificates checked\n", (long long)v->checked);
    return 1;
}

int admin_store_verify(ADMIN *a)
{
    CMPSRV_CERT_FILTER all = {.status = -1};
    struct verify v = {0};
    CMPSRV_REFUSAL why = {0};
    int ok;

    if (!admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    if ((v.cas = OPENSSL_zalloc((a->conf->cas_n + 1) * sizeof(CMPSRV_CA *))) == NULL)
        return admin_fail("out of memory");
    for (; v.cas_n < a->conf->cas_n; v.cas_n++)
        v.cas[v.cas_n] = admin_load_ca(a, a->conf->cas[v.cas_n].name);
    ok = cmpsrv_store_check(a->store, &why) == 1 &&
         cmpsrv_store_cert_each(a->store, &all, verify_row, &v, &why) == 1;
    for (size_t i = 0; i < v.cas_n; i++)
        cmpsrv_ca_free(v.cas[i]);
    OPENSSL_free(v.cas);
    if (!ok)
        return admin_fail("%s", why.detail);
    printf("store: %lld certificates, %lld wrong\n", (long long)v.checked, (long long)v.bad);
    return v.bad == 0 ? ADMIN_OK : ADMIN_FAILED;
}

int admin_store_migrate(ADMIN *a)
{
    if (!admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (!admin_open(a, 1)) /* opening for writing migrates */
        return ADMIN_FAILED;
    puts("store: the schema is that of this version");
    return ADMIN_OK;
}

int admin_store_backup(ADMIN *a)
{
    CMPSRV_REFUSAL why = {0};

    if (!admin_has_arguments(a, 1, "the file to write"))
        return ADMIN_USAGE;
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    if (!cmpsrv_store_backup(a->store, a->argv[0], &why))
        return admin_fail("%s", why.detail);
    printf("store: copied to %s\n", a->argv[0]);
    return ADMIN_OK;
}
