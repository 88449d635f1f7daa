/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin ca and crl: the CAs of the configuration and their CRLs. */
#include "config.h"

#include "apps/admin.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>

int admin_ca_list(ADMIN *a)
{
    static const char *const columns[] = {"Name", "Subject", "Not after", "CMP signer", "CRL"};
    ADMIN_TABLE *t;

    if (!admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (!admin_open(a, -1))
        return ADMIN_FAILED;
    t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    for (size_t i = 0; i < a->conf->cas_n; i++) {
        CMPSRV_CA *ca = admin_load_ca(a, a->conf->cas[i].name);
        char when[25] = "", *subject = NULL;
        const char *cells[] = {a->conf->cas[i].name, "not usable", "", "", ""};

        if (ca != NULL) {
            subject = cmpsrv_name_text(cmpsrv_bytes_slice(&ca->issuer.subject));
            cells[1] = subject;
            cells[2] = cmpsrv_time_iso(ca->issuer.not_after, when);
            cells[3] =
                ca->cmp_signer == &ca->issuer ? "the CA itself" : ca->conf->cmp_signer.certificate;
            cells[4] = ca->conf->crl_file;
        }
        admin_table_row(t, cells);
        OPENSSL_free(subject);
        cmpsrv_ca_free(ca);
    }
    return admin_table_print(t, a->json);
}

static int print_chain(const CMPSRV_CA *ca)
{
    const CMPSRV_BYTES *certs[12] = {&ca->issuer.der};
    size_t n = 1;

    for (size_t i = 0; i < ca->issuer.chain_n; i++)
        certs[n++] = &ca->issuer.chain[i];
    if (ca->issuer.root.p != NULL &&
        !cmpsrv_slice_eq(cmpsrv_bytes_slice(&ca->issuer.root), cmpsrv_bytes_slice(&ca->issuer.der)))
        certs[n++] = &ca->issuer.root;
    for (size_t i = 0; i < n; i++)
        if (!PEM_write(stdout, "CERTIFICATE", "", certs[i]->p, (long)certs[i]->n))
            return ADMIN_FAILED;
    return ADMIN_OK;
}

int admin_ca_show(ADMIN *a)
{
    int bad = 0, chain = admin_option(a, "--chain", 0, &bad) != NULL, status;
    CMPSRV_CA *ca;

    if (!admin_has_arguments(a, 1, "the name of a CA"))
        return ADMIN_USAGE;
    if (!admin_open(a, -1) || (ca = admin_load_ca(a, a->argv[0])) == NULL)
        return ADMIN_FAILED;
    status = chain                                    ? print_chain(ca)
             : X509_print_fp(stdout, ca->issuer.cert) ? ADMIN_OK
                                                      : ADMIN_FAILED;
    cmpsrv_ca_free(ca);
    return status;
}

int admin_crl_generate(ADMIN *a)
{
    int bad = 0, ok;
    const char *out = admin_option(a, "--out", 1, &bad);
    CMPSRV_BYTES der = {0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CA *ca;
    FILE *f;

    if (bad || !admin_has_arguments(a, 1, "the name of a CA"))
        return ADMIN_USAGE;
    if (!admin_open(a, 1) || (ca = admin_load_ca(a, a->argv[0])) == NULL)
        return ADMIN_FAILED;
    ok = cmpsrv_ca_crl(ca, a->store, &der, &why);
    if (!ok)
        admin_fail("%s", why.detail);
    if (ok && out != NULL) {
        f = fopen(out, "wb");
        ok = f != NULL && fwrite(der.p, 1, der.n, f) == der.n;
        if (f != NULL && fclose(f) != 0)
            ok = 0;
        if (!ok)
            admin_fail("cannot write %s: %s", out, strerror(errno));
    }
    if (ok)
        printf("CRL of %s: %zu octets%s%s\n", ca->conf->name, der.n, ca->conf->crl_file ? ", " : "",
               ca->conf->crl_file ? ca->conf->crl_file : "");
    cmpsrv_bytes_clear(&der);
    cmpsrv_ca_free(ca);
    return ok ? ADMIN_OK : ADMIN_FAILED;
}
