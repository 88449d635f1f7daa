/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table: every section, key, type and default of the configuration file (interfaces.md 3), with
 * what this version does not serve yet. The loader, the checks, the man page and the tests walk it;
 * a new key is a new row. The rows of a section stand together, and `conformance`, which chooses
 * between the two defaults of other keys, is the first of its section.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* cmpsrv_conf_set_word writes an int, and the loader fills pos and name without knowing the type.
 */
static_assert(sizeof(CMPSRV_RESPONSE_PROTECTION) == sizeof(int), "enum");
static_assert(sizeof(CMPSRV_UNCONFIRMED) == sizeof(int), "enum");
static_assert(sizeof(CMPSRV_USERNAME_SCHEME) == sizeof(int), "enum");
#define SAME_HEAD(t)                                                                               \
    static_assert(offsetof(t, pos) == 0 && offsetof(t, name) == sizeof(CMPSRV_CONF_POS), "head")
SAME_HEAD(CMPSRV_CONF_CA);
SAME_HEAD(CMPSRV_CONF_CERT_PROFILE);
SAME_HEAD(CMPSRV_CONF_EE_PROFILE);
SAME_HEAD(CMPSRV_CONF_ALIAS);
SAME_HEAD(CMPSRV_CONF_RA);
SAME_HEAD(CMPSRV_CONF_VENDOR_CA);

/* clang-format off */

/* ---- words ------------------------------------------------------------------------------------ */

#define WORDS(name, ...) static const CONF_WORD name[] = {__VA_ARGS__, {NULL, 0, 0}}

WORDS(w_conformance, {"rfc9483", 0, 0}, {"ejbca", 1, 0});
WORDS(w_log_level, {"error", CMPSRV_LOG_ERROR, 0}, {"warning", CMPSRV_LOG_WARNING, 0},
      {"info", CMPSRV_LOG_INFO, 0}, {"debug", CMPSRV_LOG_DEBUG, 0});
WORDS(w_log_format, {"text", CMPSRV_LOG_TEXT, 0}, {"json", CMPSRV_LOG_JSON, 0});
WORDS(w_listen, {"http://", 0, 0}, {"https://", 0, 0}, {"unix:", 0, 0});
WORDS(w_store, {"sqlite:", 0, 0}, {"postgresql://", 0, 1}, {"postgres://", 0, 1});
WORDS(w_url, {"http://", 0, 0}, {"https://", 0, 0}, {"ldap://", 0, 0}, {"ldaps://", 0, 0});
/* The values of CMPSRV_MD in wire.h. */
WORDS(w_signature_digest, {"sha256", 4, 0}, {"sha384", 8, 0}, {"sha512", 16, 0});
WORDS(w_digests, {"sha1", 1, 0}, {"sha224", 2, 0}, {"sha256", 4, 0}, {"sha384", 8, 0},
      {"sha512", 16, 0});
WORDS(w_macs, {"hmac-sha1", 1, 0}, {"hmac-sha224", 2, 0}, {"hmac-sha256", 4, 0},
      {"hmac-sha384", 8, 0}, {"hmac-sha512", 16, 0});
WORDS(w_key_usage, {"digitalSignature", 1, 0}, {"nonRepudiation", 2, 0},
      {"contentCommitment", 2, 0}, {"keyEncipherment", 4, 0}, {"dataEncipherment", 8, 0},
      {"keyAgreement", 16, 0}, {"keyCertSign", 32, 0}, {"cRLSign", 64, 0},
      {"encipherOnly", 128, 0}, {"decipherOnly", 256, 0});
WORDS(w_key_algorithms, {"ec:P-256", 0, 0}, {"ec:P-384", 0, 0}, {"ec:P-521", 0, 0},
      {"ed25519", 0, 0}, {"ed448", 0, 0});
WORDS(w_operationmode, {"ra", 1, 0}, {"client", 0, 0});
WORDS(w_modules, {"HMAC", 0, 0}, {"EndEntityCertificate", 0, 0}, {"RegTokenPwd", 0, 0},
      {"DnPartPwd", 0, 0});
WORDS(w_responseprotection, {"signature", CMPSRV_RESPONSE_SIGNATURE, 0},
      {"pbe", CMPSRV_RESPONSE_PBE, 0}, {"mirror", CMPSRV_RESPONSE_MIRROR, 0});
WORDS(w_namegeneration, {"DN", CMPSRV_USERNAME_DN, 0}, {"RANDOM", CMPSRV_USERNAME_RANDOM, 0},
      {"USERNAME", CMPSRV_USERNAME_USERNAME, 0}, {"FIXED", CMPSRV_USERNAME_FIXED, 0});
WORDS(w_mac_parameters, {"request", 0, 0}, {"fresh", 1, 0});
WORDS(w_unconfirmed, {"keep", CMPSRV_UNCONFIRMED_KEEP, 0},
      {"revoke", CMPSRV_UNCONFIRMED_REVOKE, 0});
WORDS(w_capubs_in, {"ip", 1, 0}, {"cp", 2, 0}, {"kup", 4, 0});
WORDS(w_operations, {"ir", 1 << CMPSRV_BODY_IR, 0}, {"cr", 1 << CMPSRV_BODY_CR, 0},
      {"p10cr", 1 << CMPSRV_BODY_P10CR, 0}, {"kur", 1 << CMPSRV_BODY_KUR, 0},
      {"rr", 1 << CMPSRV_BODY_RR, 0});
WORDS(w_popo_input, {"identical", 1, 0}, {"badPOP", 0, 0});
WORDS(w_name_types, {"rfc822Name", 0, 0}, {"dNSName", 0, 0}, {"uniformResourceIdentifier", 0, 0},
      {"iPAddress", 0, 0}, {"directoryName", 0, 0}, {"otherName", 0, 0}, {"registeredID", 0, 0});
WORDS(w_certreqid, {"echoed", 1, 0}, {"badRequest", 0, 0});

/* ---- types ------------------------------------------------------------------------------------ */

#define MS(seconds) (INT64_C(1000) * (seconds))
#define DAY         INT64_C(86400)
#define TYPE(name)  static const CONF_TYPE name
#define WORD_TYPE(name, words_, allowed_) \
    TYPE(name) = {.allowed = allowed_, .set = cmpsrv_conf_set_word, .words = words_}
#define BITS_TYPE(name, words_, allowed_, flags_)                                                 \
    TYPE(name) = {.allowed = "list of " allowed_, .set = cmpsrv_conf_set_bits, .words = words_,    \
                  .flags = flags_}
#define INT_TYPE(name, min_, max_)                                                                 \
    TYPE(name) = {.allowed = "integer " #min_ " to " #max_, .set = cmpsrv_conf_set_int,            \
                  .min = min_, .max = max_}
#define DURATION_TYPE(name, min_, max_, allowed_, flags_)                                          \
    TYPE(name) = {.allowed = "duration such as 300s, 10m, 12h, 7d" allowed_,                       \
                  .set = cmpsrv_conf_set_duration, .min = MS(min_), .max = MS(max_),               \
                  .flags = flags_}
#define LIST_TYPE(name, item_, allowed_, max_, flags_)                                             \
    TYPE(name) = {.allowed = allowed_, .set = cmpsrv_conf_set_list,                                \
                  .clear = cmpsrv_conf_clear_list, .item = item_, .max = max_, .flags = flags_}
#define STRING_TYPE(name, set_, words_, allowed_, max_, flags_)                                    \
    TYPE(name) = {.allowed = allowed_, .set = set_, .clear = cmpsrv_conf_clear_string,             \
                  .words = words_, .max = max_, .flags = flags_}
/* What the value of a key that is not supported yet will be. */
#define LATER_TYPE(name, allowed_) TYPE(name) = {.allowed = allowed_}

TYPE(t_bool) = {.allowed = "yes or no", .set = cmpsrv_conf_set_bool};
WORD_TYPE(t_conformance, w_conformance, "rfc9483 or ejbca");
WORD_TYPE(t_log_level, w_log_level, "error, warning, info or debug");
WORD_TYPE(t_log_format, w_log_format, "text or json");
WORD_TYPE(t_signature_digest, w_signature_digest, "sha256, sha384 or sha512");
WORD_TYPE(t_operationmode, w_operationmode, "ra or client");
WORD_TYPE(t_responseprotection, w_responseprotection, "signature, pbe or mirror");
WORD_TYPE(t_namegeneration, w_namegeneration, "DN, RANDOM, USERNAME or FIXED");
WORD_TYPE(t_mac_parameters, w_mac_parameters, "request or fresh");
WORD_TYPE(t_unconfirmed, w_unconfirmed, "keep or revoke");
WORD_TYPE(t_popo_input, w_popo_input, "identical or badPOP");
WORD_TYPE(t_certreqid, w_certreqid, "echoed or badRequest");

#define DIGESTS "sha1, sha224, sha256, sha384, sha512"
BITS_TYPE(t_digests, w_digests, DIGESTS, 0);
BITS_TYPE(t_macs, w_macs, "hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512", 0);
BITS_TYPE(t_key_usage, w_key_usage, "digitalSignature, nonRepudiation, keyEncipherment, "
          "dataEncipherment, keyAgreement, keyCertSign, cRLSign, encipherOnly, decipherOnly",
          CONF_EMPTY_OK);
BITS_TYPE(t_operations, w_operations, "ir, cr, p10cr, kur, rr", 0);
TYPE(t_capubs_in) = {.allowed = "[ip] or [ip, cp, kup]", .set = cmpsrv_conf_set_capubs,
                     .words = w_capubs_in};

INT_TYPE(t_workers, 0, 1024);
INT_TYPE(t_max_body, 1024, 16777216);
INT_TYPE(t_max_connections, 1, 1000000);
INT_TYPE(t_rsa_bits, 2048, 16384);
INT_TYPE(t_tid_min, 1, 64);
INT_TYPE(t_p10cr, -1, 0);
INT_TYPE(t_allowed_requests, 1, 1000000);
TYPE(t_login_attempts) = {.allowed = "integer 1 to 1000, or -1", .set = cmpsrv_conf_set_int,
                          .min = 1, .max = 1000, .flags = CONF_MINUS_ONE};
TYPE(t_days) = {.allowed = "integer 0 to 3650", .set = cmpsrv_conf_set_days, .min = 0, .max = 3650};

DURATION_TYPE(t_timeout, 1, 3600, ", 1s to 1h", 0);
DURATION_TYPE(t_wait, 1, 30 * DAY, ", 1s to 30d", 0);
DURATION_TYPE(t_tolerance, 1, 30 * DAY, ", 1s to 30d, or off", CONF_OFF);
DURATION_TYPE(t_crl_validity, 60, 3660 * DAY, ", 1m to 3660d", 0);
DURATION_TYPE(t_validity, 1, 36600 * DAY, ", 1s to 36600d", 0);
TYPE(t_iterations) = {.allowed = "range MIN..MAX within 1..1000000", .set = cmpsrv_conf_set_range,
                      .min = 1, .max = 1000000};

STRING_TYPE(t_store, cmpsrv_conf_set_store, w_store, "sqlite:PATH", 0, 0);
STRING_TYPE(t_file_in, cmpsrv_conf_set_file, NULL, "readable file", 0, CONF_MUST_EXIST);
STRING_TYPE(t_file_out, cmpsrv_conf_set_file, NULL, "file", 0, 0);
STRING_TYPE(t_key_uri, cmpsrv_conf_set_key_uri, NULL, "OSSL_STORE URI such as file:PATH", 0, 0);
STRING_TYPE(t_url, cmpsrv_conf_set_url, w_url, "URL: http://, https://, ldap:// or ldaps://",
            2000, 0);
STRING_TYPE(t_ca, cmpsrv_conf_set_reference, NULL, "name of a CA", CONF_MAX_NAME, CONF_EMPTY_OK);
STRING_TYPE(t_cert_profile, cmpsrv_conf_set_reference, NULL, "name of a certificate profile",
            CONF_MAX_NAME, CONF_EMPTY_OK);
STRING_TYPE(t_alias_ca, cmpsrv_conf_set_reference, NULL, "name of a CA, KeyId or ProfileDefault",
            CONF_MAX_NAME, 0);
STRING_TYPE(t_alias_cert_profile, cmpsrv_conf_set_reference, NULL,
            "name of a certificate profile, KeyId or ProfileDefault", CONF_MAX_NAME, 0);
STRING_TYPE(t_alias_ee_profile, cmpsrv_conf_set_reference, NULL,
            "name of an end entity profile, or KeyId", CONF_MAX_NAME, 0);
STRING_TYPE(t_component, cmpsrv_conf_set_string, NULL, "DN, or a DN attribute such as CN, UID or a "
            "dotted OID", 100, 0);
STRING_TYPE(t_affix, cmpsrv_conf_set_string, NULL, "text of at most 100 octets", 100,
            CONF_EMPTY_OK);

#define SECRET "text, {file: PATH} or {env: NAME}, not empty"
TYPE(t_secret) = {.allowed = SECRET, .set = cmpsrv_conf_set_secret,
                  .clear = cmpsrv_conf_clear_secret};
TYPE(t_password) = {.allowed = "random, or " SECRET ", at most 1024 octets",
                    .set = cmpsrv_conf_set_password, .clear = cmpsrv_conf_clear_secret,
                    .max = 1024}; /* what the store takes for a code */
TYPE(t_parameters) = {.allowed = "list with a parameter for each module: of HMAC a secret (" SECRET
                      ") or \"-\", of EndEntityCertificate in RA mode the name of a CA, of "
                      "DnPartPwd a DN attribute, of RegTokenPwd \"-\"",
                      .set = cmpsrv_conf_set_secrets, .clear = cmpsrv_conf_clear_secrets,
                      .flags = CONF_SEMICOLONS | CONF_MAP_ITEM};
TYPE(t_address) = {.allowed = "http://HOST:PORT, https://HOST:PORT or unix:PATH",
                   .set = cmpsrv_conf_set_address, .clear = cmpsrv_conf_clear_string,
                   .words = w_listen};
TYPE(t_listen) = {.allowed = "list of http://HOST:PORT, https://HOST:PORT or unix:PATH", .set = cmpsrv_conf_set_list,
                  .clear = cmpsrv_conf_clear_list, .item = cmpsrv_conf_item_listen,
                  .words = w_listen};
TYPE(t_key_algorithms) = {.allowed = "list of rsa:N, rsa-pss:N (N = 2048, 3072, 4096, ... 16384), "
                          "ec:P-256, ec:P-384, ec:P-521, ed25519, ed448, or what a provider offers, "
                          "such as ml-dsa-44", .set = cmpsrv_conf_set_list,
                          .clear = cmpsrv_conf_clear_list,
                          .item = cmpsrv_conf_item_key_algorithm, .words = w_key_algorithms};
TYPE(t_modules) = {.allowed = "list of HMAC, EndEntityCertificate, RegTokenPwd, DnPartPwd", .set = cmpsrv_conf_set_list, .clear = cmpsrv_conf_clear_list,
                   .item = cmpsrv_conf_item_module, .words = w_modules, .flags = CONF_SEMICOLONS};
LIST_TYPE(t_eku, cmpsrv_conf_item_eku, "list of clientAuth, serverAuth, codeSigning, "
          "emailProtection, timeStamping, OCSPSigning, cmcCA, cmcRA, cmKGA or dotted OIDs", 0,
          CONF_EMPTY_OK);
#define EXTENSIONS "subjectAltName, extKeyUsage, certificatePolicies, tlsFeature, qcStatements or " \
                   "dotted OIDs"
LIST_TYPE(t_any_extensions, cmpsrv_conf_item_extension, "any or a list of " EXTENSIONS, 0, CONF_ANY);
LIST_TYPE(t_extensions, cmpsrv_conf_item_extension, "list of " EXTENSIONS, 0, CONF_EMPTY_OK);
#define ROW_KEYS ", required: yes or no, value: text, regex: regular expression, max: 1 to 100"
TYPE(t_subject_dn) = {.allowed = "any or a list of maps {attribute: CN, OU, O, C, ... or a dotted OID"
                      ROW_KEYS "}", .set = cmpsrv_conf_set_fields,
                      .clear = cmpsrv_conf_clear_fields};
TYPE(t_subject_alt_name) = {.allowed = "any or a list of maps {type: rfc822Name, dNSName, "
                            "uniformResourceIdentifier, iPAddress, directoryName, otherName or "
                            "registeredID" ROW_KEYS "}", .set = cmpsrv_conf_set_fields,
                            .clear = cmpsrv_conf_clear_fields, .words = w_name_types};
LIST_TYPE(t_cas, cmpsrv_conf_item_text, "any or a list of CAs", CONF_MAX_NAME, CONF_ANY);
LIST_TYPE(t_ca_list, cmpsrv_conf_item_text, "list of CAs", CONF_MAX_NAME,
          CONF_SEMICOLONS | CONF_EMPTY_OK);
LIST_TYPE(t_vendor_ca_list, cmpsrv_conf_item_text, "list of vendor_cas", CONF_MAX_NAME,
          CONF_SEMICOLONS | CONF_EMPTY_OK);
LIST_TYPE(t_cert_profiles, cmpsrv_conf_item_text, "any or a list of certificate profiles",
          CONF_MAX_NAME, CONF_ANY);
LIST_TYPE(t_ee_profiles, cmpsrv_conf_item_text, "any or a list of end entity profiles",
          CONF_MAX_NAME, CONF_ANY);
LIST_TYPE(t_aliases, cmpsrv_conf_item_text, "any or a list of aliases", CMPSRV_MAX_ALIAS, CONF_ANY);
STRING_TYPE(t_dn, cmpsrv_conf_set_string, NULL, "text of a DN such as CN=ra, O=Example", 1000, 0);
STRING_TYPE(t_hex, cmpsrv_conf_set_hex, NULL, "octets in hex", 128, 0);
LIST_TYPE(t_name_parameters, cmpsrv_conf_item_text, "list of DN attributes (DN), or one name "
          "(FIXED)", CONF_MAX_USERNAME, CONF_SEMICOLONS);

LATER_TYPE(t_later_text, "text");
LATER_TYPE(t_later_package, "rfc or privatekeyinfo");
LATER_TYPE(t_later_value, "ejbca or bare");
LATER_TYPE(t_later_pwri, "rfc9483 or pwri-kek");

/* ---- rows ------------------------------------------------------------------------------------- */

#define DFLT(d)       d, d, d
#define DFLT2(r, e)   r " (conformance ejbca: " e ")", r, e
#define NEEDED        CONF_REQUIRED, NULL, NULL
#define AT(t, field)  NULL, offsetof(t, field)
#define LATER(off)    off, CONF_NOWHERE    /* accepted with that value, or its default */

static const CONF_ROW rows[] = {
#define S "server"
#define F(field) AT(CMPSRV_CONF_SERVER, field)
{S, "listen", &t_listen, DFLT("http://127.0.0.1:8080"), F(listen), "addresses to serve CMP on"},
{S, "admin_listen", &t_address, DFLT(""), F(admin_listen), "address for /healthz, /readyz and /metrics; off if absent"},
{S, "store", &t_store, NEEDED, F(store), "database of certificates and transactions"},
{S, "store_key", &t_secret, DFLT(""), F(store_key), "encrypts what the store must keep readable, keys the audit chain"},
{S, "workers", &t_workers, DFLT("0"), F(workers), "threads that process requests; 0: by the number of cores"},
{S, "max_body", &t_max_body, DFLT("131072"), F(max_body), "largest request, in octets"},
{S, "max_connections", &t_max_connections, DFLT("4096"), F(max_connections), "connections at a time"},
{S, "message_timeout", &t_timeout, DFLT("10s"), F(message_timeout), "time for a message to arrive whole"},
{S, "idle_timeout", &t_timeout, DFLT("60s"), F(idle_timeout), "time after which a connection without a message is closed"},
{S, "log.format", &t_log_format, DFLT("text"), F(log_format), "lines for people or JSON"},
{S, "log.level", &t_log_level, DFLT("info"), F(log_level), "least level that is logged"},
{S, "log.syslog", &t_bool, DFLT("no"), F(log_syslog), "log to syslog instead of stderr"},
{S, "tls.certificate", &t_file_in, DFLT(""), F(tls.certificate), "certificate of https, PEM, its chain after it"},
{S, "tls.key", &t_key_uri, DFLT(""), F(tls.key), "its private key"},
{S, "tls.passphrase", &t_secret, DFLT(""), F(tls.passphrase), "passphrase of tls.key"},
{S, "tls.client_ca", &t_file_in, DFLT(""), F(tls_client_ca), "CAs whose client certificates are taken, PEM; none is asked for if absent"},
{S, "tls.require_client_certificate", &t_bool, DFLT("no"), F(tls_client_required), "nobody connects to https without a client certificate"},
#undef S
#undef F
#define S "cas"
#define F(field) AT(CMPSRV_CONF_CA, field)
{S, "certificate", &t_file_in, NEEDED, F(issuer.certificate), "the CA's certificate, PEM, its chain after it"},
{S, "key", &t_key_uri, NEEDED, F(issuer.key), "the CA's private key"},
{S, "passphrase", &t_secret, DFLT(""), F(issuer.passphrase), "passphrase of key"},
{S, "cmp_signer.certificate", &t_file_in, DFLT(""), F(cmp_signer.certificate), "certificate (EKU cmcCA) that signs CMP messages in the CA's place"},
{S, "cmp_signer.key", &t_key_uri, DFLT(""), F(cmp_signer.key), "its private key"},
{S, "cmp_signer.passphrase", &t_secret, DFLT(""), F(cmp_signer.passphrase), "passphrase of cmp_signer.key"},
{S, "keygen_signer.certificate", &t_later_text, DFLT(""), LATER(NULL), "certificate (EKU cmKGA) that signs generated keys"},
{S, "keygen_signer.key", &t_later_text, DFLT(""), LATER(NULL), "its private key"},
{S, "keygen_signer.passphrase", &t_later_text, DFLT(""), LATER(NULL), "passphrase of keygen_signer.key"},
{S, "cmp_ra_auth_secret", &t_secret, DFLT(""), F(cmp_ra_auth_secret), "secret of HMAC in RA mode where the alias has none (EJBCA's CMP RA Authentication Secret)"},
{S, "crl.file", &t_file_out, DFLT(""), F(crl_file), "where the CRL is written; none is if absent"},
{S, "crl.validity", &t_crl_validity, DFLT("7d"), F(crl_validity), "time from thisUpdate to nextUpdate"},
{S, "urls.crl", &t_url, DFLT(""), F(url_crl), "CRL distribution point in certificates; left out if absent"},
{S, "urls.ocsp", &t_url, DFLT(""), F(url_ocsp), "OCSP responder in certificates; left out if absent"},
{S, "urls.issuer", &t_url, DFLT(""), F(url_issuer), "CA issuers in certificates; left out if absent"},
{S, "finish_user", &t_bool, DFLT("yes"), F(finish_user), "an enrolment code is used up by a certificate"},
{S, "signature_digest", &t_signature_digest, DFLT("sha256"), F(signature_digest), "digest of the CA's signatures"},
#undef S
#undef F
#define S "certificate_profiles"
#define F(field) AT(CMPSRV_CONF_CERT_PROFILE, field)
{S, "key_algorithms", &t_key_algorithms, DFLT("ec:P-256, ec:P-384, rsa:2048, rsa:3072, rsa:4096, ed25519"), F(key_algorithms), "public keys that are certified"},
{S, "validity", &t_validity, DFLT("730d"), F(validity), "how long certificates are valid"},
{S, "allow_validity_override", &t_bool, DFLT("no"), F(allow_validity_override), "the request may choose the validity"},
{S, "key_usage", &t_key_usage, DFLT("digitalSignature, keyEncipherment"), F(key_usage), "keyUsage of certificates; [] leaves it out"},
{S, "allow_key_usage_override", &t_bool, DFLT("no"), F(allow_key_usage_override), "the request may choose keyUsage"},
{S, "extended_key_usage", &t_eku, DFLT("clientAuth, serverAuth"), F(extended_key_usage), "extKeyUsage of certificates; [] leaves it out"},
{S, "allow_extension_override", &t_bool, DFLT("no"), F(allow_extension_override), "the request may bring extensions"},
{S, "overridable_extensions", &t_any_extensions, DFLT("any"), F(overridable_extensions), "extensions that the request may bring"},
{S, "non_overridable_extensions", &t_extensions, DFLT(""), F(non_overridable_extensions), "extensions that the request may not bring; they win"},
{S, "allow_dn_override", &t_bool, DFLT("no"), F(allow_dn_override), "the request's subject replaces the end entity's"},
{S, "allow_serial_override", &t_bool, DFLT("no"), F(allow_serial_override), "the request may choose the serial number"},
{S, "available_cas", &t_cas, DFLT("any"), F(available_cas), "CAs that issue under this profile"},
#undef S
#undef F
#define S "end_entity_profiles"
#define F(field) AT(CMPSRV_CONF_EE_PROFILE, field)
{S, "subject_dn", &t_subject_dn, DFLT("any"), F(subject_dn), "attributes that the subject may have"},
{S, "subject_alt_name", &t_subject_alt_name, DFLT("any"), F(subject_alt_name), "names that subjectAltName may have"},
{S, "allow_multi_value_rdns", &t_bool, DFLT("no"), F(allow_multi_value_rdns), "an RDN may have more than one attribute where subject_dn lists them"},
{S, "available_certificate_profiles", &t_cert_profiles, DFLT("any"), F(available_certificate_profiles), "certificate profiles of end entities"},
{S, "default_certificate_profile", &t_cert_profile, DFLT(""), F(default_certificate_profile), "what ProfileDefault means in ra.certificateprofile"},
{S, "available_cas", &t_cas, DFLT("any"), F(available_cas), "CAs of end entities"},
{S, "default_ca", &t_ca, DFLT(""), F(default_ca), "what ProfileDefault means in ra.caname"},
{S, "allowed_requests", &t_allowed_requests, DFLT("1"), F(allowed_requests), "certificates for one enrolment code"},
{S, "renew_days_before_expiry", &t_days, DFLT("0"), F(renewal_window), "days before expiry in which an end entity that has its certificate may enrol again; 0: never"},
{S, "allow_merge_dn", &t_bool, DFLT("no"), F(allow_merge_dn), "attributes that only the end entity has are added to the subject of the request"},
#undef S
#undef F
#define S "aliases"
#define F(field) AT(CONF_ALIAS_ENTRY, field)
{S, "conformance", &t_conformance, DFLT("rfc9483"), F(a.ejbca_conformance), "whose side wins where EJBCA and RFC 9483 differ: the default of the switches that name it"},
{S, "operationmode", &t_operationmode, DFLT("client"), F(a.ra_mode), "who asks: an RA for others, or clients for themselves"},
{S, "authenticationmodule", &t_modules, DFLT("RegTokenPwd, HMAC"), F(modules), "how requests are authenticated, tried in this order"},
{S, "authenticationparameters", &t_parameters, DFLT(""), F(parameters), "one for each module; \"-\" for HMAC: the CA's cmp_ra_auth_secret; default: all \"-\""},
{S, "responseprotection", &t_responseprotection, DFLT2("mirror", "signature"), F(a.response_protection), "how answers are protected; mirror: as the request was"},
{S, "defaultca", &t_ca, DFLT(""), F(a.default_ca), "CA of p10cr, and of errors that no other CA signs"},
{S, "extractusernamecomponent", &t_component, DFLT("DN"), F(a.username_component), "client mode: which attribute of the subject is the username; DN: end entities are found by the whole subject"},
{S, "allowraverifypopo", &t_bool, DFLT("no"), F(a.allow_ra_verified), "take raVerified for proof of possession"},
{S, "allowautomatickeyupdate", &t_bool, DFLT("no"), LATER("no"), "kur without a new enrolment code"},
{S, "allowupdatewithsamekey", &t_bool, DFLT("yes"), LATER("yes"), "kur may keep the key"},
{S, "allowservergenkeys", &t_bool, DFLT("no"), LATER("no"), "generate keys for clients that ask for it"},
{S, "extendedvalidation", &t_bool, DFLT("no"), F(extended_validation), "changes nothing: every message is validated, which EJBCA does with yes only"},
{S, "vendorcertificatemode", &t_bool, DFLT("no"), F(a.vendor_mode), "client mode, EndEntityCertificate: ir and cr may be signed with certificates of vendor CAs (3GPP)"},
{S, "vendorca", &t_vendor_ca_list, DFLT(""), F(a.vendor_cas), "those vendor CAs"},
{S, "response.capubsca", &t_ca_list, DFLT(""), F(a.capubs_cas), "further CAs in caPubs"},
{S, "response.capubsissuingca", &t_bool, DFLT("yes"), F(a.capubs_issuing_ca), "the issuing CA, or its root as capubs_in says, in caPubs"},
{S, "response.extracertsca", &t_ca_list, DFLT(""), F(a.extracerts_cas), "further CAs in extraCerts"},
{S, "racertificatepath", &t_later_text, DFLT(""), LATER(""), "directory with certificates of RAs"},
{S, "ra.namegenerationscheme", &t_namegeneration, DFLT("DN"), F(a.namegeneration_scheme), "where usernames come from"},
{S, "ra.namegenerationparameters", &t_name_parameters, DFLT("CN"), F(a.namegeneration_parameters), "of the scheme: DN attributes, the first that is there counts, or the FIXED name"},
{S, "ra.namegenerationprefix", &t_affix, DFLT(""), F(a.namegeneration_prefix), "in front of usernames; ${RANDOM} is replaced"},
{S, "ra.namegenerationpostfix", &t_affix, DFLT(""), F(a.namegeneration_postfix), "behind usernames; ${RANDOM} is replaced"},
{S, "ra.passwordgenparams", &t_password, DFLT("random"), F(a.password), "enrolment code of the end entities that requests make"},
{S, "ra.allowcustomcertserno", &t_bool, DFLT("no"), F(a.allow_custom_serial), "the request may choose the serial number"},
{S, "ra.endentityprofile", &t_alias_ee_profile, DFLT("EMPTY"), F(ee_profile), "end entity profile; KeyId: the one that senderKID names"},
{S, "ra.certificateprofile", &t_alias_cert_profile, DFLT("ENDUSER"), F(cert_profile), "certificate profile; KeyId: the one that senderKID names"},
{S, "ra.caname", &t_alias_ca, DFLT("ManagementCA"), F(ca), "CA that issues; KeyId: the one that senderKID names"},
{S, "cas", &t_cas, DFLT("any"), F(a.cas), "client mode: CAs whose end entities are served"},
{S, "end_entity_profiles", &t_ee_profiles, DFLT("any"), F(a.end_entity_profiles), "client mode: profiles whose end entities are served"},
{S, "ra.endentitycertificate.omitverifications", &t_bool, DFLT("no"), LATER("no"), "EndEntityCertificate in RA mode trusts the vendor CAs alone"},
{S, "implicit_confirm", &t_bool, DFLT("yes"), F(a.implicit_confirm), "grant implicitConfirm to who asks for it"},
{S, "confirm_wait_time", &t_wait, DFLT("300s"), F(a.confirm_wait_time), "time for certConf to arrive"},
{S, "transaction_retention", &t_wait, DFLT("600s"), F(a.transaction_retention), "how long the answer of a finished transaction is kept, for a client that repeats its request"},
{S, "approval", &t_bool, DFLT("no"), LATER("no"), "requests wait for somebody's approval"},
{S, "signature_digests", &t_digests, DFLT("sha256, sha384, sha512"), F(a.signature_digests), "digests accepted in signatures of requests"},
{S, "macs", &t_macs, DFLT("hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512"), F(a.macs), "MACs accepted in PasswordBasedMac and, hmac-sha1 apart, in PBMAC1"},
{S, "pbm_owf", &t_digests, DFLT("sha1, sha256, sha384, sha512"), F(a.pbm_owf), "one-way functions accepted in PasswordBasedMac"},
{S, "pbm_iterations", &t_iterations, DFLT("100..100000"), F(a.pbm_iterations), "iterations accepted in PasswordBasedMac"},
{S, "pbmac1_iterations", &t_iterations, DFLT("1000..100000"), F(a.pbmac1_iterations), "iterations accepted in PBMAC1"},
{S, "min_rsa_bits", &t_rsa_bits, DFLT("2048"), F(a.min_rsa_bits), "least size of RSA keys, whatever the profile says"},
{S, "mac_parameters", &t_mac_parameters, DFLT("request"), F(a.mac_parameters_fresh), "salt of MAC answers: repeat the request's (RFC 9483) or fresh"},
{S, "sign_errors_to_mac", &t_bool, DFLT("yes"), F(a.sign_errors_to_mac), "sign the error for a MAC that was not proven"},
{S, "unconfirmed", &t_unconfirmed, DFLT2("revoke", "keep"), F(a.unconfirmed), "what happens to a certificate without certConf in time"},
{S, "allow_mac_rr", &t_bool, DFLT2("no", "yes"), F(a.allow_mac_rr), "rr may be protected by a MAC"},
{S, "allow_mac_kur", &t_bool, DFLT("no"), LATER("no"), "kur may be protected by a MAC"},
{S, "require_protection", &t_bool, DFLT2("yes", "no"), F(a.require_protection), "no: requests of RegTokenPwd and DnPartPwd may come unprotected"},
{S, "capubs_in", &t_capubs_in, DFLT2("ip", "ip, cp, kup"), F(a.capubs_in), "answers with caPubs: [ip] the root only, [ip, cp, kup] the issuing CA"},
{S, "p10cr_certreqid", &t_p10cr, DFLT2("-1", "0"), F(a.p10cr_certreqid), "certReqId in the answer to p10cr"},
{S, "transaction_id_min", &t_tid_min, DFLT2("16", "1"), F(a.transaction_id_min), "least length of transactionID, in octets"},
{S, "message_time_tolerance", &t_tolerance, DFLT2("300s", "off"), F(a.message_time_tolerance), "how far messageTime may be from the server's clock"},
{S, "popo_input", &t_popo_input, DFLT2("badPOP", "identical"), F(a.popo_input_identical), "poposkInput although subject and key are in the template: take it if identical"},
{S, "certreqid", &t_certreqid, DFLT2("badRequest", "echoed"), F(a.certreqid_any), "a certReqId other than 0 is echoed or refused"},
{S, "login_attempts", &t_login_attempts, DFLT("-1"), F(a.login_attempts), "wrong codes until an end entity is locked; -1: no limit"},
{S, "unique_public_key", &t_bool, DFLT("no"), F(a.unique_public_key), "a public key belongs to one end entity"},
{S, "unique_subject_dn", &t_bool, DFLT("no"), F(a.unique_subject_dn), "a subject belongs to one end entity"},
{S, "single_active_certificate", &t_bool, DFLT("no"), F(a.single_active_certificate), "a new certificate revokes the older ones"},
{S, "keygen_package", &t_later_package, DFLT("rfc"), LATER("rfc"), "how generated keys are wrapped"},
{S, "encrypted_value", &t_later_value, DFLT("ejbca"), LATER("ejbca"), "content of EncryptedValue"},
{S, "pwri", &t_later_pwri, DFLT("rfc9483"), LATER("rfc9483"), "key derivation in PasswordRecipientInfo"},
{S, "root_in_ip_extracerts", &t_bool, DFLT("no"), F(a.root_in_ip_extracerts), "the root of the issuing CA in extraCerts of ip (3GPP)"},
#undef S
#undef F
#define S "ras"
#define F(field) AT(CMPSRV_CONF_RA, field)
{S, "certificate", &t_file_in, DFLT(""), F(certificate), "the RA's certificate, PEM"},
{S, "subject", &t_dn, DFLT(""), F(subject), "or its subject"},
{S, "ski", &t_hex, DFLT(""), F(ski), "or its subjectKeyIdentifier"},
{S, "operations", &t_operations, DFLT("ir, cr, p10cr, kur, rr"), F(operations), "what it may ask for"},
{S, "cas", &t_cas, DFLT("any"), F(cas), "CAs it may ask"},
{S, "end_entity_profiles", &t_ee_profiles, DFLT("any"), F(end_entity_profiles), "end entity profiles it may use"},
{S, "aliases", &t_aliases, DFLT("any"), F(aliases), "aliases it may use"},
#undef S
#undef F
#define S "vendor_cas"
#define F(field) AT(CMPSRV_CONF_VENDOR_CA, field)
{S, "certificate", &t_file_in, NEEDED, F(certificate), "the CA's certificate, PEM, and what is above it after it"},
#undef S
#undef F
};

#define NAMED(name, t, public_t, array_, count_, max)                                              \
    {name, 1, sizeof(t), sizeof(public_t), offsetof(CMPSRV_CONF, array_),                       \
     offsetof(CMPSRV_CONF, count_), max}
static const CONF_SECTION sections[] = {
    {"server", 0, sizeof(CMPSRV_CONF_SERVER), sizeof(CMPSRV_CONF_SERVER),
     offsetof(CMPSRV_CONF, server), 0, 0},
    NAMED("cas", CMPSRV_CONF_CA, CMPSRV_CONF_CA, cas, cas_n, CONF_MAX_NAME),
    NAMED("certificate_profiles", CMPSRV_CONF_CERT_PROFILE, CMPSRV_CONF_CERT_PROFILE,
          cert_profiles, cert_profiles_n, CONF_MAX_NAME),
    NAMED("end_entity_profiles", CMPSRV_CONF_EE_PROFILE, CMPSRV_CONF_EE_PROFILE, ee_profiles,
          ee_profiles_n, CONF_MAX_NAME),
    NAMED("aliases", CONF_ALIAS_ENTRY, CMPSRV_CONF_ALIAS, aliases, aliases_n, CMPSRV_MAX_ALIAS),
    NAMED("ras", CMPSRV_CONF_RA, CMPSRV_CONF_RA, ras, ras_n, CONF_MAX_NAME),
    NAMED("vendor_cas", CMPSRV_CONF_VENDOR_CA, CMPSRV_CONF_VENDOR_CA, vendor_cas, vendor_cas_n,
          CONF_MAX_NAME),
};
/* clang-format on */

/* ---- looking things up ------------------------------------------------------------------------
 */

const CONF_ROW *cmpsrv_conf_rows(size_t *n)
{
    *n = CMPSRV_ARRAY_SIZE(rows);
    return rows;
}

const CONF_SECTION *cmpsrv_conf_sections(size_t *n)
{
    *n = CMPSRV_ARRAY_SIZE(sections);
    return sections;
}

const CONF_SECTION *cmpsrv_conf_section(const char *name)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(sections); i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

const CONF_ROW *cmpsrv_conf_section_rows(const CONF_SECTION *s, size_t *n)
{
    size_t first = 0, end;

    while (first < CMPSRV_ARRAY_SIZE(rows) && strcmp(rows[first].section, s->name) != 0)
        first++;
    for (end = first; end < CMPSRV_ARRAY_SIZE(rows); end++)
        if (strcmp(rows[end].section, s->name) != 0)
            break;
    *n = end - first > CONF_MAX_KEYS ? CONF_MAX_KEYS : end - first;
    return rows + first;
}

const CONF_ROW *cmpsrv_conf_row(const CONF_SECTION *s, const char *key, size_t *index)
{
    size_t n;
    const CONF_ROW *r = cmpsrv_conf_section_rows(s, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(r[i].key, key) == 0) {
            *index = i;
            return &r[i];
        }
    return NULL;
}

int cmpsrv_conf_has_prefix(const CONF_SECTION *s, const char *prefix)
{
    size_t n, len = strlen(prefix);
    const CONF_ROW *r = cmpsrv_conf_section_rows(s, &n);

    for (size_t i = 0; i < n; i++)
        if (strncmp(r[i].key, prefix, len) == 0 && r[i].key[len] == '.')
            return 1;
    return 0;
}

/* Levenshtein; words beyond 60 characters are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t d[64], la = strlen(a), lb = strlen(b);

    if (la > 60 || lb > 60)
        return 99;
    for (size_t j = 0; j <= lb; j++)
        d[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = d[0];

        d[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = d[j];
            if (d[j] + 1 < best)
                best = d[j] + 1;
            if (d[j - 1] + 1 < best)
                best = d[j - 1] + 1;
            d[j] = best;
        }
    }
    return d[lb];
}

const char *cmpsrv_conf_nearest(const CONF_SECTION *s, const char *key)
{
    size_t n = CMPSRV_ARRAY_SIZE(sections), best = strlen(key) / 4 + 2;
    const CONF_ROW *r = s == NULL ? NULL : cmpsrv_conf_section_rows(s, &n);
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        const char *known = r == NULL ? sections[i].name : r[i].key;
        size_t d = distance(key, known);

        if (d < best) {
            best = d;
            found = known;
        }
    }
    return found;
}

/* ---- the public view --------------------------------------------------------------------------
 */

static CMPSRV_CONF_KEY public_keys[CMPSRV_ARRAY_SIZE(rows)];
static CRYPTO_ONCE public_once = CRYPTO_ONCE_STATIC_INIT;

static void make_public_keys(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++)
        public_keys[i] =
            (CMPSRV_CONF_KEY){rows[i].section, rows[i].key,  rows[i].type->allowed,
                              rows[i].shown,   rows[i].help, rows[i].offset != CONF_NOWHERE};
}

const CMPSRV_CONF_KEY *cmpsrv_conf_schema(size_t *n)
{
    if (!CRYPTO_THREAD_run_once(&public_once, make_public_keys))
        return NULL;
    *n = CMPSRV_ARRAY_SIZE(rows);
    return public_keys;
}
