/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin ra: certificates of registration authorities. */
#include "config.h"

#include "apps/admin.h"

#include <string.h>

#include <openssl/crypto.h>

#define TWO_YEARS (INT64_C(730) * 24 * 3600 * 1000)

/* The CA that is named, or the only one there is. */
static const char *which_ca(const ADMIN *a, const char *name)
{
    if (name == NULL && a->conf->cas_n == 1)
        return a->conf->cas[0].name;
    if (name == NULL)
        admin_usage_error("there are %zu CAs: say which with --ca CA", a->conf->cas_n);
    return name;
}

static int print_made(const ADMIN *a, const CMPSRV_RA_ISSUE *what)
{
    static const char *const columns[] = {"File", "What"};
    const char *cert[] = {what->cert_file, "certificate, its chain after it"},
               *key[] = {what->key_file, "private key"};
    ADMIN_TABLE *t = admin_table_new(columns, 2);

    admin_table_row(t, cert);
    admin_table_row(t, key);
    return admin_table_print(t, a->json);
}

static int issue(ADMIN *a, const char *ca_name, CMPSRV_RA_ISSUE *what)
{
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CA *ca;
    int ok;

    if (!admin_open(a, 1))
        return ADMIN_FAILED;
    if ((ca_name = which_ca(a, ca_name)) == NULL)
        return ADMIN_USAGE;
    if ((ca = admin_load_ca(a, ca_name)) == NULL)
        return ADMIN_FAILED;
    ok = cmpsrv_ra_issue(ca, a->store, what, &why);
    cmpsrv_ca_free(ca);
    return ok ? print_made(a, what) : admin_fail("%s", why.detail);
}

int admin_ra_issue(ADMIN *a)
{
    int bad = 0;
    const char *ca = admin_option(a, "--ca", 1, &bad), *dir = admin_option(a, "--dir", 1, &bad);
    const char *key = admin_option(a, "--key", 1, &bad);
    CMPSRV_RA_ISSUE what = {.subject = admin_option(a, "--dn", 1, &bad),
                            .key_type = key == NULL ? "ec:P-256" : key,
                            .validity = TWO_YEARS,
                            .operator_ = admin_operator()};
    char subject[300], cert_file[1024], key_file[1024];

    if (bad || !admin_has_arguments(a, 1, "a name for the RA"))
        return ADMIN_USAGE;
    what.name = a->argv[0];
    if (what.name[0] == '\0' || strlen(what.name) > 200 || strchr(what.name, '/') != NULL)
        return admin_usage_error("the name of an RA has 1 to 200 octets and no /");
    if (what.subject == NULL) {
        snprintf(subject, sizeof(subject), "CN=%s", what.name);
        what.subject = subject;
    }
    snprintf(cert_file, sizeof(cert_file), "%s/%s.crt", dir == NULL ? "." : dir, what.name);
    snprintf(key_file, sizeof(key_file), "%s/%s.key", dir == NULL ? "." : dir, what.name);
    what.cert_file = cert_file;
    what.key_file = key_file;
    return issue(a, ca, &what);
}
