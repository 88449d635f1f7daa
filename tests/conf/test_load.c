/* SPDX-License-Identifier: Apache-2.0 */
/* A complete configuration and the defaults of both conformances; what is not YAML as we take it.
 */
#include "config.h"

#include <openssl/crypto.h>

#include "conf_test.h"

static const char complete[] =
    "server:\n"
    "  listen: [http://127.0.0.1:8080, 'http://[::1]:8081']\n"
    "  store: sqlite:db/cmp.db\n"
    "  store_key: {file: secret}\n"
    "  workers: 4\n"
    "  max_body: 65536\n"
    "  max_connections: 100\n"
    "  message_timeout: 5s\n"
    "  idle_timeout: 2m\n"
    "  log: {format: text, level: debug, syslog: no}\n"
    "cas:\n"
    "  ManagementCA:\n"
    "    certificate: ca.crt\n"
    "    key: 'file:ca.key'\n"
    "    passphrase: " CANARY "-pass\n"
    "    cmp_signer: {certificate: ca.crt, key: ca.key, passphrase: {env: CMPSRV_TEST_SECRET}}\n"
    "    cmp_ra_auth_secret: {file: secret}\n"
    "    crl: {file: out.crl, validity: 12h}\n"
    "    urls: {crl: 'http://a/crl', ocsp: 'http://a/ocsp', issuer: 'https://a/ca'}\n"
    "    finish_user: no\n"
    "    signature_digest: sha384\n"
    "  Other CA:\n"
    "    certificate: ca.crt\n"
    "    key: 'pkcs11:object=x?pin-value=1234'\n"
    "certificate_profiles:\n"
    "  ENDUSER:\n"
    "    key_algorithms: [ec:P-256, rsa:2048, ed448]\n"
    "    validity: 30d\n"
    "    key_usage: [digitalSignature, contentCommitment, decipherOnly]\n"
    "    extended_key_usage: [clientAuth, cmcRA, 1.2.3.4]\n"
    "    available_cas: [ManagementCA]\n"
    "    allow_validity_override: yes\n"
    "    allow_key_usage_override: yes\n"
    "    allow_extension_override: yes\n"
    "    overridable_extensions: [extKeyUsage, 1.2.3, subjectAltName, certificatePolicies]\n"
    "    non_overridable_extensions: [tlsFeature, qcStatements]\n"
    "    allow_dn_override: yes\n"
    "    allow_serial_override: yes\n"
    "  PLAIN:\n"
    "end_entity_profiles:\n"
    "  EMPTY:\n"
    "    subject_dn: any\n"
    "    available_certificate_profiles: [ENDUSER, PLAIN]\n"
    "    default_certificate_profile: ENDUSER\n"
    "    available_cas: ManagementCA\n"
    "    default_ca: ManagementCA\n"
    "    allowed_requests: 3\n"
    "    renew_days_before_expiry: 30\n"
    "    allow_merge_dn: yes\n"
    "    allow_multi_value_rdns: yes\n"
    "  PLAIN:\n"
    "aliases:\n"
    "  factory:\n"
    "    operationmode: ra\n"
    "    authenticationmodule: HMAC;HMAC\n"
    "    authenticationparameters: -;" CANARY "-alias\n"
    "    responseprotection: pbe\n"
    "    defaultca: Other CA\n"
    "    ra.namegenerationscheme: FIXED\n"
    "    ra.namegenerationparameters: device\n"
    "    ra.namegenerationprefix: a-\n"
    "    ra.namegenerationpostfix: -z\n"
    "    ra.endentityprofile: EMPTY\n"
    "    ra.certificateprofile: ProfileDefault\n"
    "    ra.caname: ProfileDefault\n"
    "    ra.passwordgenparams: {file: secret}\n"
    "    ra.allowcustomcertserno: yes\n"
    "    allowraverifypopo: yes\n"
    "    extendedvalidation: yes\n"
    "    login_attempts: 5\n"
    "    unique_public_key: yes\n"
    "    unique_subject_dn: yes\n"
    "    single_active_certificate: yes\n"
    "    popo_input: identical\n"
    "    implicit_confirm: no\n"
    "    confirm_wait_time: 60\n"
    "    transaction_retention: 10m\n"
    "    signature_digests: sha512\n"
    "    macs: [hmac-sha256, hmac-sha512]\n"
    "    pbm_owf: [sha1, sha224]\n"
    "    pbm_iterations: 500..600\n"
    "    min_rsa_bits: 3072\n"
    "    mac_parameters: fresh\n"
    "    sign_errors_to_mac: no\n"
    "    unconfirmed: keep\n"
    "    allow_mac_rr: yes\n"
    "    capubs_in: [ip, cp, kup]\n"
    "    p10cr_certreqid: 0\n"
    "    transaction_id_min: 8\n"
    "    message_time_tolerance: off\n"
    "    certreqid: echoed\n"
    "  short:\n"
    "    operationmode: ra\n"
    "    authenticationmodule: [HMAC]\n"
    "  import:\n"
    "    conformance: ejbca\n"
    "    operationmode: ra\n"
    "    authenticationmodule: [HMAC]\n"
    "    require_protection: no\n"
    "  clients:\n"
    "    authenticationmodule: HMAC\n"
    "    cas: [Other CA]\n"
    "    end_entity_profiles: EMPTY\n"
    "    ra.caname: KeyId\n";

static int is_secret(const CMPSRV_SECRET *s, const char *text)
{
    return cmpsrv_slice_eq(cmpsrv_secret_get0(s), cmpsrv_slice_str(text));
}

static int is_in_dir(const char *text, const char *prefix, const char *name)
{
    char full[128];

    snprintf(full, sizeof(full), "%s%s/%s", prefix, dir, name);
    return text != NULL && strcmp(text, full) == 0;
}

static void load_complete(void)
{
    setenv("CMPSRV_TEST_SECRET", CANARY "-env", 1);
    load_text(complete);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "\n%s", errors.v[i]);
    CU_ASSERT_FATAL(conf != NULL);
}

static void test_complete_server(void)
{
    const CMPSRV_CONF_SERVER *s;

    load_complete();
    s = &conf->server;
    CU_ASSERT_EQUAL_FATAL(s->listen.n, 2);
    CU_ASSERT_STRING_EQUAL(s->listen.v[1], "http://[::1]:8081");
    CU_ASSERT(is_in_dir(s->store, "sqlite:", "db/cmp.db"));
    CU_ASSERT(is_secret(s->store_key, CANARY "-file"));
    CU_ASSERT(s->workers == 4 && s->max_body == 65536 && s->max_connections == 100);
    CU_ASSERT(s->message_timeout == 5000 && s->idle_timeout == 120000);
    CU_ASSERT_EQUAL(s->log_level, CMPSRV_LOG_DEBUG);
    CU_ASSERT_EQUAL(s->pos.line, 1);
    CU_ASSERT_STRING_EQUAL(s->pos.file, path);
    CU_ASSERT(conf->files.n == 1 && strcmp(conf->files.v[0], path) == 0);
    unload();
}

static void test_complete_ca(void)
{
    const CMPSRV_CONF_CA *ca;

    load_complete();
    CU_ASSERT_EQUAL(conf->cas_n, 2);
    ca = cmpsrv_conf_ca(conf, "ManagementCA");
    CU_ASSERT_FATAL(ca != NULL);
    CU_ASSERT(is_in_dir(ca->issuer.certificate, "", "ca.crt"));
    CU_ASSERT(is_in_dir(ca->issuer.key, "file:", "ca.key"));
    CU_ASSERT(is_secret(ca->issuer.passphrase, CANARY "-pass"));
    CU_ASSERT_EQUAL(ca->issuer.pos.line, 13);
    CU_ASSERT(is_in_dir(ca->cmp_signer.key, "file:", "ca.key"));
    CU_ASSERT(is_secret(ca->cmp_signer.passphrase, CANARY "-env"));
    CU_ASSERT_EQUAL(ca->cmp_signer.pos.line, 16);
    CU_ASSERT(is_secret(ca->cmp_ra_auth_secret, CANARY "-file"));
    CU_ASSERT(is_in_dir(ca->crl_file, "", "out.crl"));
    CU_ASSERT_EQUAL(ca->crl_validity, 12 * 3600000);
    CU_ASSERT_STRING_EQUAL(ca->url_issuer, "https://a/ca");
    CU_ASSERT_EQUAL(ca->signature_digest, 8);
    CU_ASSERT(!ca->finish_user);
    ca = cmpsrv_conf_ca(conf, "Other CA");
    CU_ASSERT_FATAL(ca != NULL);
    CU_ASSERT_STRING_EQUAL(ca->issuer.key, "pkcs11:object=x?pin-value=1234");
    CU_ASSERT(ca->cmp_signer.certificate == NULL && ca->cmp_ra_auth_secret == NULL);
    CU_ASSERT(ca->crl_file == NULL && ca->url_crl == NULL);
    CU_ASSERT(ca->crl_validity == 7 * 86400000LL && ca->signature_digest == 4);
    CU_ASSERT(ca->finish_user);
    CU_ASSERT(cmpsrv_conf_ca(conf, "managementca") == NULL);
    unload();
}

static void test_complete_profiles(void)
{
    const CMPSRV_CONF_CERT_PROFILE *p;

    load_complete();
    CU_ASSERT_EQUAL_FATAL(conf->cert_profiles_n, 2);
    p = &conf->cert_profiles[0];
    CU_ASSERT(p->key_algorithms.n == 3 && strcmp(p->key_algorithms.v[2], "ed448") == 0);
    CU_ASSERT_EQUAL(p->validity, 30 * 86400000LL);
    CU_ASSERT_EQUAL(p->key_usage, 1 | 2 | 256);
    CU_ASSERT_EQUAL_FATAL(p->extended_key_usage.n, 3);
    CU_ASSERT_STRING_EQUAL(p->extended_key_usage.v[0], "1.3.6.1.5.5.7.3.2");
    CU_ASSERT_STRING_EQUAL(p->extended_key_usage.v[1], "1.3.6.1.5.5.7.3.28");
    CU_ASSERT_STRING_EQUAL(p->extended_key_usage.v[2], "1.2.3.4");
    CU_ASSERT_EQUAL(p->available_cas.n, 1);
    p = &conf->cert_profiles[1];
    CU_ASSERT(p->key_algorithms.n == 6 && p->validity == 730 * 86400000LL);
    CU_ASSERT(p->key_usage == (1 | 4) && p->extended_key_usage.n == 2 && p->available_cas.n == 0);
    CU_ASSERT_EQUAL_FATAL(conf->ee_profiles_n, 2);
    CU_ASSERT_EQUAL(conf->ee_profiles[0].available_certificate_profiles.n, 2);
    CU_ASSERT_EQUAL(conf->ee_profiles[0].available_cas.n, 1);
    CU_ASSERT_STRING_EQUAL(conf->ee_profiles[0].default_ca, "ManagementCA");
    CU_ASSERT_STRING_EQUAL(conf->ee_profiles[0].default_certificate_profile, "ENDUSER");
    unload();
}

static void test_complete_overrides(void)
{
    static const char *const may[] = {"2.5.29.37", "1.2.3", "2.5.29.17", "2.5.29.32"};
    static const char *const may_not[] = {"1.3.6.1.5.5.7.1.24", "1.3.6.1.5.5.7.1.3"};
    const CMPSRV_CONF_CERT_PROFILE *p;

    load_complete();
    p = &conf->cert_profiles[0];
    CU_ASSERT(p->allow_validity_override && p->allow_key_usage_override);
    CU_ASSERT(p->allow_extension_override && p->allow_dn_override && p->allow_serial_override);
    CU_ASSERT_EQUAL_FATAL(p->overridable_extensions.n, CMPSRV_ARRAY_SIZE(may));
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(may); i++)
        CU_ASSERT_STRING_EQUAL(p->overridable_extensions.v[i], may[i]);
    CU_ASSERT_EQUAL_FATAL(p->non_overridable_extensions.n, CMPSRV_ARRAY_SIZE(may_not));
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(may_not); i++)
        CU_ASSERT_STRING_EQUAL(p->non_overridable_extensions.v[i], may_not[i]);
    p = &conf->cert_profiles[1];
    CU_ASSERT(!p->allow_validity_override && !p->allow_key_usage_override);
    CU_ASSERT(!p->allow_extension_override && !p->allow_dn_override && !p->allow_serial_override);
    CU_ASSERT(p->overridable_extensions.n == 0 && p->non_overridable_extensions.n == 0);
    unload();
}

static void test_complete_ee_profiles(void)
{
    const CMPSRV_CONF_EE_PROFILE *p;

    load_complete();
    p = &conf->ee_profiles[0];
    CU_ASSERT(p->allowed_requests == 3 && p->renewal_window == 30 * 86400000LL);
    CU_ASSERT(p->allow_merge_dn && p->allow_multi_value_rdns);
    p = &conf->ee_profiles[1];
    CU_ASSERT(p->allowed_requests == 1 && p->renewal_window == 0);
    CU_ASSERT(!p->allow_merge_dn && !p->allow_multi_value_rdns);
    CU_ASSERT(p->subject_dn.n == 0 && p->subject_alt_name.n == 0);
    unload();
}

static void test_complete_alias(void)
{
    const CMPSRV_CONF_ALIAS *a;

    load_complete();
    CU_ASSERT_EQUAL(conf->aliases_n, 4);
    a = cmpsrv_conf_alias(conf, "factory-not", 7);
    CU_ASSERT_FATAL(a != NULL);
    CU_ASSERT(a->ra_mode && a->modules_n == 2);
    CU_ASSERT(strcmp(a->modules[1].name, "HMAC") == 0 && a->modules[0].parameter == NULL);
    CU_ASSERT(is_secret(a->modules[1].parameter, CANARY "-alias"));
    CU_ASSERT_EQUAL(a->response_protection, CMPSRV_RESPONSE_PBE);
    CU_ASSERT_STRING_EQUAL(a->default_ca, "Other CA");
    CU_ASSERT_EQUAL(a->namegeneration_scheme, CMPSRV_USERNAME_FIXED);
    CU_ASSERT_STRING_EQUAL(a->namegeneration_parameters.v[0], "device");
    CU_ASSERT_STRING_EQUAL(a->namegeneration_prefix, "a-");
    CU_ASSERT_STRING_EQUAL(a->namegeneration_postfix, "-z");
    CU_ASSERT(a->ee_profile == &conf->ee_profiles[0] && a->ca == NULL && a->cert_profile == NULL);
    CU_ASSERT(!a->implicit_confirm && a->confirm_wait_time == 60000);
    CU_ASSERT(a->transaction_retention == 600000 && a->signature_digests == 16);
    CU_ASSERT(a->macs == (4 | 16) && a->pbm_owf == (1 | 2));
    CU_ASSERT(a->pbm_iterations.min == 500 && a->pbm_iterations.max == 600);
    CU_ASSERT(a->min_rsa_bits == 3072 && a->mac_parameters_fresh && !a->sign_errors_to_mac);
    CU_ASSERT(a->unconfirmed == CMPSRV_UNCONFIRMED_KEEP && a->allow_mac_rr);
    CU_ASSERT(a->capubs_in == CMPSRV_CAPUBS_ALL && a->p10cr_certreqid == 0);
    CU_ASSERT(a->transaction_id_min == 8 && a->message_time_tolerance == -1 && a->certreqid_any);
    CU_ASSERT(is_secret(a->password, CANARY "-file") && a->allow_custom_serial);
    CU_ASSERT(a->allow_ra_verified && a->popo_input_identical && a->login_attempts == 5);
    CU_ASSERT(a->unique_public_key && a->unique_subject_dn && a->single_active_certificate);
    CU_ASSERT(!a->ee_profile_is_key_id && !a->cert_profile_is_key_id && !a->ca_is_key_id);
    unload();
}

static void test_client_scope(void)
{
    const CMPSRV_CONF_ALIAS *a;

    load_complete();
    a = cmpsrv_conf_alias(conf, "clients", 7);
    CU_ASSERT_FATAL(a != NULL && a->cas.n == 1 && a->end_entity_profiles.n == 1);
    CU_ASSERT_STRING_EQUAL(a->cas.v[0], "Other CA");
    CU_ASSERT_STRING_EQUAL(a->end_entity_profiles.v[0], "EMPTY");
    CU_ASSERT(!a->ca_is_key_id && a->ca == NULL && a->ee_profile == NULL);
    unload();
}

/* As the file could have them; no secret. */
static void test_values_shown(void)
{
    static const struct {
        const char *alias, *key, *value;
    } cases[] = {
        {"factory", "conformance", "rfc9483"},
        {"factory", "operationmode", "ra"},
        {"factory", "responseprotection", "pbe"},
        {"factory", "defaultca", "Other CA"},
        {"factory", "implicit_confirm", "no"},
        {"factory", "confirm_wait_time", "60s"},
        {"factory", "message_time_tolerance", "off"},
        {"factory", "pbm_iterations", "500..600"},
        {"factory", "macs", "hmac-sha256, hmac-sha512"},
        {"factory", "capubs_in", "ip, cp, kup"},
        {"factory", "p10cr_certreqid", "0"},
        {"factory", "popo_input", "identical"},
        {"factory", "login_attempts", "5"},
        {"factory", "ra.passwordgenparams", "a secret"},
        {"factory", "ra.namegenerationparameters", "device"},
        {"factory", "cas", "any"},
        {"short", "capubs_in", "ip"},
        {"short", "defaultca", ""},
        {"short", "login_attempts", "-1"},
        {"short", "popo_input", "badPOP"},
        {"short", "ra.passwordgenparams", "random"},
        {"clients", "cas", "Other CA"},
        {"clients", "operationmode", "client"},
        /* elsewhere, or nowhere */
        {"factory", "authenticationmodule", NULL},
        {"factory", "authenticationparameters", NULL},
        {"factory", "ra.caname", NULL},
        {"factory", "ra.endentityprofile", NULL},
        {"factory", "ra.certificateprofile", NULL},
        {"factory", "extendedvalidation", NULL},
        {"factory", "approval", NULL},
        {"factory", "no_such_key", NULL},
    };

    load_complete();
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        const CMPSRV_CONF_ALIAS *a =
            cmpsrv_conf_alias(conf, cases[i].alias, strlen(cases[i].alias));
        char *value;

        CU_ASSERT_FATAL(a != NULL);
        value = cmpsrv_conf_alias_value(a, cases[i].key);
        CU_ASSERT((value == NULL) == (cases[i].value == NULL));
        if (value != NULL && cases[i].value != NULL)
            CU_ASSERT_STRING_EQUAL(value, cases[i].value);
        OPENSSL_free(value);
    }
    unload();
}

/* Every setting of an alias that is served is shown, but for those that it keeps in another form.
 */
static void test_all_values_shown(void)
{
    size_t n, hidden = 0;
    const CMPSRV_CONF_KEY *k = cmpsrv_conf_schema(&n);

    load_complete();
    for (size_t i = 0; i < n; i++) {
        char *value;

        if (strcmp(k[i].section, "aliases") != 0 || !k[i].supported)
            continue;
        value = cmpsrv_conf_alias_value(&conf->aliases[0], k[i].key);
        hidden += value == NULL;
        CU_ASSERT(value == NULL || strstr(value, CANARY) == NULL);
        OPENSSL_free(value);
    }
    CU_ASSERT_EQUAL(hidden, 6);
    unload();
}

static void test_defaults_rfc9483(void)
{
    const CMPSRV_CONF_ALIAS *a;

    load_complete();
    a = cmpsrv_conf_alias(conf, "short", 5);
    CU_ASSERT_FATAL(a != NULL);
    CU_ASSERT(!a->ejbca_conformance && a->response_protection == CMPSRV_RESPONSE_MIRROR);
    CU_ASSERT(a->unconfirmed == CMPSRV_UNCONFIRMED_REVOKE && !a->allow_mac_rr);
    CU_ASSERT(a->capubs_in == CMPSRV_CAPUBS_IP && a->p10cr_certreqid == -1);
    CU_ASSERT(a->transaction_id_min == 16 && a->message_time_tolerance == 300000);
    CU_ASSERT(!a->certreqid_any && a->implicit_confirm && a->confirm_wait_time == 300000);
    CU_ASSERT(a->transaction_retention == 600000 && a->signature_digests == (4 | 8 | 16));
    CU_ASSERT(a->macs == (1 | 4 | 8 | 16) && a->pbm_owf == (1 | 4 | 8 | 16));
    CU_ASSERT(a->pbm_iterations.min == 100 && a->pbm_iterations.max == 100000);
    CU_ASSERT(a->min_rsa_bits == 2048 && !a->mac_parameters_fresh && a->sign_errors_to_mac);
    CU_ASSERT(a->default_ca == NULL && a->namegeneration_scheme == CMPSRV_USERNAME_DN);
    CU_ASSERT(a->namegeneration_parameters.n == 1);
    CU_ASSERT_STRING_EQUAL(a->namegeneration_parameters.v[0], "CN");
    CU_ASSERT_STRING_EQUAL(a->namegeneration_prefix, "");
    CU_ASSERT_STRING_EQUAL(a->namegeneration_postfix, "");
    CU_ASSERT(a->ca == &conf->cas[0] && a->cert_profile == &conf->cert_profiles[0]);
    CU_ASSERT(a->modules_n == 1 && a->modules[0].parameter == NULL);
    CU_ASSERT(a->password == NULL && !a->allow_custom_serial && !a->allow_ra_verified);
    CU_ASSERT(!a->popo_input_identical && a->login_attempts == -1 && !a->unique_public_key);
    CU_ASSERT(!a->unique_subject_dn && !a->single_active_certificate);
    CU_ASSERT(a->cas.n == 0 && a->end_entity_profiles.n == 0);
    unload();
}

static void test_defaults_ejbca(void)
{
    const CMPSRV_CONF_ALIAS *a;

    load_complete();
    a = cmpsrv_conf_alias(conf, "import", 6);
    CU_ASSERT_FATAL(a != NULL);
    CU_ASSERT(a->ejbca_conformance && a->response_protection == CMPSRV_RESPONSE_SIGNATURE);
    CU_ASSERT(a->unconfirmed == CMPSRV_UNCONFIRMED_KEEP && a->allow_mac_rr);
    CU_ASSERT(a->capubs_in == CMPSRV_CAPUBS_ALL && a->p10cr_certreqid == 0);
    CU_ASSERT(a->transaction_id_min == 1 && a->message_time_tolerance == -1 && a->certreqid_any);
    CU_ASSERT(a->popo_input_identical);
    unload();
}

static void test_server_defaults(void)
{
    const CMPSRV_CONF_SERVER *s;

    load_text("server: {store: 'sqlite:/var/x.db'}\n"
              "cas: {ManagementCA: {certificate: ca.crt, key: ca.key}}\n"
              "certificate_profiles: {ENDUSER: {key_usage: [], extended_key_usage: []}}\n"
              "end_entity_profiles: {EMPTY: {}}\n"
              "aliases: {a: {operationmode: ra, authenticationmodule: HMAC,\n"
              "  authenticationparameters: {file: secret}}}\n"
              "ras:\n");
    CU_ASSERT_FATAL(conf != NULL);
    s = &conf->server;
    CU_ASSERT(s->listen.n == 1 && strcmp(s->listen.v[0], "http://127.0.0.1:8080") == 0);
    CU_ASSERT_STRING_EQUAL(s->store, "sqlite:/var/x.db");
    CU_ASSERT(s->store_key == NULL && s->workers == 0 && s->max_body == 131072);
    CU_ASSERT(s->max_connections == 4096 && s->message_timeout == 10000);
    CU_ASSERT(s->idle_timeout == 60000 && s->log_level == CMPSRV_LOG_INFO);
    CU_ASSERT(conf->cert_profiles[0].key_usage == 0);
    CU_ASSERT(conf->cert_profiles[0].extended_key_usage.n == 0);
    CU_ASSERT(is_secret(conf->aliases[0].modules[0].parameter, CANARY "-file"));
    unload();
}

/* As OSSL_STORE reads file: URIs; of others nothing is known. */
static void test_key_uris(void)
{
    static const struct {
        const char *before, *after; /* DIR stands between them; "" no DIR */
    } good[] = {{"", "ca.key"},
                {"file:", "ca.key"},
                {"file:", "/ca.key"},
                {"file:///", "/ca.key"},
                {"FILE:", "/ca.key"},
                {"", "/ca.key"},
                {"file://localhost", "/ca.key"}};
    char text[1024], uri[256];

    make_dir();
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(good); i++) {
        int is_absolute = good[i].after[0] == '/';

        snprintf(uri, sizeof(uri), "%s%s%s", good[i].before,
                 !is_absolute ? "" : dir + (strcmp(good[i].before, "file:///") == 0),
                 good[i].after);
        snprintf(text, sizeof(text),
                 "server: {store: 'sqlite:x'}\ncas: {A: {certificate: ca.crt, key: '%s'}}\n"
                 "certificate_profiles: {P: {}}\nend_entity_profiles: {E: {}}\n"
                 "aliases: {a: {operationmode: ra, authenticationmodule: HMAC, "
                 "authenticationparameters: x, ra.caname: A, ra.certificateprofile: P, "
                 "ra.endentityprofile: E}}\n",
                 uri);
        load_text(text);
        CU_ASSERT(conf != NULL && is_in_dir(conf->cas[0].issuer.key, "file:", "ca.key"));
        if (conf == NULL)
            fprintf(stderr, "\n%s\n", errors.v[0]);
    }
    unload();
}

static void test_not_our_yaml(void)
{
    static const struct {
        const char *text, *head, *part;
    } bad[] = {
        {"server:\n  a: [1\nb: 2\n", "cmp-server.yaml:3: ", "not YAML"},
        {"server: &x\n  store: a\n", "cmp-server.yaml:1: ", "anchors"},
        {"server:\n  store: &" CANARY " a\n", "cmp-server.yaml:2: ", "anchors"},
        {"server:\n  store: *" CANARY "\n", "cmp-server.yaml:2: ", "aliases"},
        {"server:\n  store: !" CANARY " a\n", "cmp-server.yaml:2: ", "tags"},
        {"server:\n  store: \"a\\0b\"\n", "cmp-server.yaml:2: ", "NUL"},
        {"server:\n  store: \xff\n", "cmp-server.yaml:2: ", "not YAML"},
        {"server: {}\n---\nserver: {}\n", "cmp-server.yaml:2: ", "more than one"},
        {"- a\n", "cmp-server.yaml:1: ", "map of sections"},
        {"a: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n", "cmp-server.yaml:1: ", "too deep"},
        {"", "cmp-server.yaml:1: server: store: missing", "sqlite:PATH"},
        {"# nothing\n---\n", "cmp-server.yaml:1: aliases: ", "there is none"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(bad); i++) {
        load_text(bad[i].text);
        CU_ASSERT(conf == NULL);
        CU_ASSERT(has_error(bad[i].head, bad[i].part));
    }
    unload();
}

static void test_file_limits(void)
{
    static char big[1024 * 1024 + 8];

    memset(big, '#', sizeof(big) - 1);
    load_text(big);
    CU_ASSERT(has_error("cmp-server.yaml:1: ", "larger than 1 MiB"));
    CU_ASSERT(load_file("missing.yaml") == NULL);
    CU_ASSERT(has_error("missing.yaml:1: cannot read ", "No such file"));
    CU_ASSERT(load_file(".") == NULL);
    CU_ASSERT(has_error(".:1: cannot read ", "directory"));
    unload();
}

TEST_MAIN("conf load", TEST(test_complete_server), TEST(test_complete_ca),
          TEST(test_complete_profiles), TEST(test_complete_overrides),
          TEST(test_complete_ee_profiles), TEST(test_client_scope), TEST(test_values_shown),
          TEST(test_all_values_shown), TEST(test_complete_alias), TEST(test_defaults_rfc9483),
          TEST(test_defaults_ejbca), TEST(test_server_defaults), TEST(test_key_uris),
          TEST(test_not_our_yaml), TEST(test_file_limits))
