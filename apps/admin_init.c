/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-admin init: a deployment to try things with. Root and issuing CA, CMP signer, secrets,
 * configuration, store. Good keys and no shared secrets, but keys lie in files without a
 * passphrase: throw it away, or read docs before you keep it.
 */
#include "config.h"

#include "apps/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#define DAYS(n) ((int64_t)(n)*24 * 3600 * 1000)

static char *path_in(const char *dir, const char *file)
{
    size_t n = strlen(dir) + strlen(file) + 2;
    char *p = OPENSSL_malloc(n);

    if (p != NULL)
        snprintf(p, n, "%s/%s", dir, file);
    return p;
}

/* One certificate with its key; `issuer` names the files of the one above ("root"), NULL:
 * self-signed. */
static int make_cert(const char *dir, const char *name, const char *subject, const char *key_type,
                     int is_ca, const char *eku, const char *issuer, const char *chain)
{
    char cert[64], key[64], up_cert[64], up_key[64];
    CMPSRV_SETUP_CERT what = {.subject = subject, .key_type = key_type, .is_ca = is_ca, .eku = eku};
    char *files[5] = {NULL};
    CMPSRV_REFUSAL why = {0};
    int ok = 0;

    snprintf(cert, sizeof(cert), "%s.crt", name);
    snprintf(key, sizeof(key), "%s.key", name);
    snprintf(up_cert, sizeof(up_cert), "%s.crt", issuer == NULL ? name : issuer);
    snprintf(up_key, sizeof(up_key), "%s.key", issuer == NULL ? name : issuer);
    files[0] = path_in(dir, cert);
    files[1] = path_in(dir, key);
    files[2] = path_in(dir, up_cert);
    files[3] = path_in(dir, up_key);
    files[4] = chain == NULL ? NULL : path_in(dir, chain);
    what.cert_file = files[0];
    what.key_file = files[1];
    what.issuer_cert = issuer == NULL ? NULL : files[2];
    what.issuer_key = issuer == NULL ? NULL : files[3];
    what.append_chain = files[4];
    what.validity = DAYS(issuer == NULL ? 7300 : is_ca ? 3650 : 1825);
    ok = cmpsrv_setup_cert(NULL, NULL, &what, &why);
    if (!ok)
        admin_fail("%s: %s", cert, why.detail);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(files); i++)
        OPENSSL_free(files[i]);
    return ok;
}

static int make_secret(const char *dir, const char *file)
{
    char *path = path_in(dir, file);
    CMPSRV_REFUSAL why = {0};
    int ok = path != NULL && cmpsrv_setup_secret(path, &why);

    if (!ok)
        admin_fail("%s: %s", file, why.detail);
    OPENSSL_free(path);
    return ok;
}

static const char configuration[] =
    "# Made by `cmp-admin init`: a deployment to try things with. Keys lie in files without a "
    "passphrase.\n"
    "server:\n"
    "  listen: [%s]\n"
    "  store: sqlite:cmp-server.db\n"
    "  store_key: {file: store.key}\n"
    "\n"
    "cas:\n"
    "  ManagementCA:\n"
    "    certificate: issuing.crt          # its chain after it\n"
    "    key: \"file:issuing.key\"\n"
    "    cmp_signer: {certificate: signer.crt, key: \"file:signer.key\"}\n"
    "    crl: {file: issuing.crl, validity: 7d}\n"
    "\n"
    "certificate_profiles:\n"
    "  ENDUSER:\n"
    "    key_algorithms: [ec:P-256, ec:P-384, rsa:2048, rsa:3072, rsa:4096, ed25519]\n"
    "    validity: 730d\n"
    "    key_usage: [digitalSignature, keyEncipherment]\n"
    "    extended_key_usage: [clientAuth, serverAuth]\n"
    "\n"
    "end_entity_profiles:\n"
    "  EMPTY:\n"
    "    default_certificate_profile: ENDUSER\n"
    "    default_ca: ManagementCA\n"
    "\n"
    "aliases:\n"
    "  ra:                                 # http://HOST:PORT/cmp/ra\n"
    "    operationmode: ra\n"
    "    authenticationmodule: [HMAC]\n"
    "    authenticationparameters: [{file: ra.secret}]\n"
    "    ra.endentityprofile: EMPTY\n"
    "    ra.certificateprofile: ENDUSER\n"
    "    ra.caname: ManagementCA\n"
    "  client:                             # end entities of cmp-admin entity add\n"
    "    operationmode: client\n"
    "    authenticationmodule: [HMAC, EndEntityCertificate]\n"
    "    defaultca: ManagementCA\n";

static int write_configuration(const char *dir, const char *listen)
{
    char *path = path_in(dir, "cmp-server.yaml");
    FILE *f = path == NULL ? NULL : fopen(path, "wx");
    int ok = f != NULL && fprintf(f, configuration, listen) > 0;

    if (f != NULL && fclose(f) != 0)
        ok = 0;
    if (!ok)
        admin_fail("cannot write %s: %s", path, strerror(errno));
    OPENSSL_free(path);
    return ok;
}

/* Opens the store through the configuration just written, which checks both, and makes the first
 * CRL. */
static int make_store(ADMIN *a, const char *dir)
{
    CMPSRV_REFUSAL why = {0};
    char *config = path_in(dir, "cmp-server.yaml");
    CMPSRV_CA *ca = NULL;
    int ok = 0;

    a->config = config;
    if (admin_open(a, 1) && (ca = admin_load_ca(a, "ManagementCA")) != NULL) {
        ok = cmpsrv_store_ca_register(a->store, ca->id, ca->conf->name, &why) &&
             cmpsrv_ca_crl(ca, a->store, NULL, &why);
        if (!ok)
            admin_fail("%s", why.detail);
    }
    cmpsrv_ca_free(ca);
    a->config = NULL;
    OPENSSL_free(config);
    return ok;
}

static int print_made(const char *dir, int json)
{
    static const char *const columns[] = {"File", "What"};
    static const char *const made[][2] = {
        {"cmp-server.yaml", "the configuration"},
        {"root.crt", "root CA: the trust anchor of clients"},
        {"issuing.crt", "issuing CA ManagementCA, with its chain"},
        {"signer.crt", "signer of CMP messages"},
        {"issuing.crl", "CRL of the issuing CA (DER)"},
        {"ra.secret", "secret of alias ra (senderKID: any)"},
        {"store.key", "key of the store"},
        {"cmp-server.db", "the store"},
    };
    ADMIN_TABLE *t = admin_table_new(columns, 2);

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(made); i++) {
        char *path = path_in(dir, made[i][0]);
        const char *cells[] = {path, made[i][1]};

        admin_table_row(t, cells);
        OPENSSL_free(path);
    }
    return admin_table_print(t, json);
}

int admin_init(ADMIN *a)
{
    int bad = 0, ok;
    const char *dir = admin_option(a, "--dir", 1, &bad);
    const char *listen = admin_option(a, "--listen", 1, &bad);
    const char *key_type = admin_option(a, "--ca-key", 1, &bad);

    if (bad || !admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (dir == NULL)
        return admin_usage_error("init needs --dir DIR");
    if (listen == NULL)
        listen = "http://127.0.0.1:8080";
    if (key_type == NULL)
        key_type = "ec:P-256";
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return admin_fail("cannot make %s: %s", dir, strerror(errno));
    ok = make_cert(dir, "root", "CN=Throw-away Root CA", key_type, 1, NULL, NULL, NULL) &&
         make_cert(dir, "issuing", "CN=ManagementCA", key_type, 1, NULL, "root", "root.crt") &&
         make_cert(dir, "signer", "CN=CMP signer of ManagementCA", key_type, 0,
                   "1.3.6.1.5.5.7.3.27", "issuing", "issuing.crt") &&
         make_secret(dir, "ra.secret") && make_secret(dir, "store.key") &&
         write_configuration(dir, listen) && make_store(a, dir);
    return ok ? print_made(dir, a->json) : ADMIN_FAILED;
}
