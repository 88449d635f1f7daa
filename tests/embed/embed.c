/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embedding without any HTTP: OpenSSL's CMP client talks to CMPSRV_process() through a transfer
 * callback. Built against the installed tree, with public headers only. embed CONFIG SECRET-FILE
 * ROOT.crt
 */
#include <stdio.h>
#include <string.h>

#include <openssl/cmp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmpsrv/cmpsrv.h>
#include <cmpsrv/err.h>

static CMPSRV_SERVER *server;
static int messages;

/* The wire between the two: one DER message there, one back. */
static OSSL_CMP_MSG *transfer(OSSL_CMP_CTX *ctx, const OSSL_CMP_MSG *req)
{
    unsigned char *der = NULL, *rsp = NULL;
    const unsigned char *p;
    OSSL_CMP_MSG *msg = NULL;
    size_t rsp_len = 0;
    int len = i2d_OSSL_CMP_MSG(req, &der), status = 0;

    (void)ctx;
    if (len > 0 && CMPSRV_process(server, "/cmp/ra", der, (size_t)len, &rsp, &rsp_len, &status)) {
        p = rsp;
        msg = d2i_OSSL_CMP_MSG(NULL, &p, (long)rsp_len);
        messages++;
    }
    OPENSSL_free(der);
    OPENSSL_free(rsp);
    return msg;
}

static size_t read_secret(const char *file, char *out, size_t size)
{
    FILE *f = fopen(file, "r");
    size_t n = f == NULL ? 0 : fread(out, 1, size - 1, f);

    if (f != NULL)
        fclose(f);
    while (n > 0 && out[n - 1] == '\n')
        n--;
    return n;
}

static X509 *read_cert(const char *file)
{
    FILE *f = fopen(file, "r");
    X509 *x = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);

    if (f != NULL)
        fclose(f);
    return x;
}

/* ir and, as implicitConfirm is not asked for, certConf. */
static X509 *enrol(const char *secret_file, X509 *root)
{
    OSSL_CMP_CTX *ctx = OSSL_CMP_CTX_new(NULL, NULL);
    X509_STORE *trusted = X509_STORE_new();
    X509_NAME *subject = X509_NAME_new();
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    char secret[256];
    size_t n = read_secret(secret_file, secret, sizeof(secret));
    X509 *cert = NULL;

    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"embedded", -1,
                               -1, 0);
    if (n > 0 && X509_STORE_add_cert(trusted, root) &&
        OSSL_CMP_CTX_set_transfer_cb(ctx, transfer) &&
        OSSL_CMP_CTX_set1_referenceValue(ctx, (const unsigned char *)"embed", 5) &&
        OSSL_CMP_CTX_set1_secretValue(ctx, (const unsigned char *)secret, (int)n) &&
        OSSL_CMP_CTX_set1_subjectName(ctx, subject) && OSSL_CMP_CTX_set0_newPkey(ctx, 1, key) &&
        OSSL_CMP_CTX_set0_trustedStore(ctx, trusted))
        cert = OSSL_CMP_exec_IR_ses(ctx);
    if (cert != NULL)
        X509_up_ref(cert);
    else
        OSSL_CMP_CTX_print_errors(ctx);
    X509_NAME_free(subject);
    OSSL_CMP_CTX_free(ctx);
    return cert;
}

static int is_issued_for(X509 *cert, X509 *root)
{
    char cn[64] = "";

    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    return strcmp(cn, "embedded") == 0 && X509_cmp(cert, root) != 0;
}

int main(int argc, char **argv)
{
    X509 *root = argc == 4 ? read_cert(argv[3]) : NULL, *cert = NULL;
    unsigned char *rsp = NULL;
    size_t rsp_len = 0;
    int status = 0, ok = 0;

    server = CMPSRV_SERVER_new(NULL, NULL);
    if (root == NULL || server == NULL)
        return 2;
    if (!CMPSRV_SERVER_load(server, argv[1])) {
        fprintf(stderr, "%s\n", CMPSRV_SERVER_get0_error(server));
        return 1;
    }
    cert = enrol(argv[2], root);
    ok = cert != NULL && messages == 2 && is_issued_for(cert, root) && CMPSRV_tick(server) &&
         !CMPSRV_process(server, "/cmp/nobody", (const unsigned char *)"", 0, &rsp, &rsp_len,
                         &status) &&
         status == 404;
    printf("embed: %s after %d messages, version %s, badPOP is bit %d\n",
           ok ? "certificate enrolled and confirmed" : "FAILED", messages, CMPSRV_version(),
           CMPSRV_reason_info(CMPSRV_R_BAD_POP)->fail_info);
    X509_free(cert);
    X509_free(root);
    CMPSRV_SERVER_free(server);
    return ok ? 0 : 1;
}
