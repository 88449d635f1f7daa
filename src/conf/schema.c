/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table of settings: name, type, default, meaning, and the field it fills. The loader, the
 * checks, the tests and the manual walk it; a new setting is a row. Rows without a function are
 * known but not supported yet: they are refused at load, but for the value that means "off".
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "conf/conf_local.h"

#define DIGEST_WORDS "sha1=1|sha224=2|sha256=4|sha384=8|sha512=16"
#define MAC_WORDS    "hmac-sha1=1|hmac-sha224=2|hmac-sha256=4|hmac-sha384=8|hmac-sha512=16"
#define KU_WORDS                                                                                   \
    "digitalSignature=1|nonRepudiation=2|contentCommitment=2|keyEncipherment=4|dataEncipherment="  \
    "8|"                                                                                           \
    "keyAgreement=16|encipherOnly=128|decipherOnly=256"
#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)
#define YEARS  (36500 * DAY)

#define SRV(f) offsetof(CMPSRV_CONF_SERVER, f)
#define CA(f)  offsetof(CMPSRV_CONF_CA, f)
#define CP(f)  offsetof(CMPSRV_CONF_CERT_PROFILE, f)
#define EEP(f) offsetof(CMPSRV_CONF_EE_PROFILE, f)
#define AL(f)  offsetof(CONF_ALIAS, alias.f)
#define ALX(f) offsetof(CONF_ALIAS, extra.f)

/* clang-format off */
#define ROW(sec, k, fn, off, t, ...) {.section = sec, .key = k, .set = fn, .offset = off, .type = t, __VA_ARGS__}
#define LATER(sec, k, offval, t, h) {.section = sec, .key = k, .off = offval, .type = t, .help = h}

const CONF_ROW cmpsrv_conf_rows[] = {
    ROW("server", "listen", cmpsrv_set_listen, SRV(listen), "list of http://HOST:PORT", .dflt = "http://127.0.0.1:8080", .help = "where to listen"),
    LATER("server", "admin_listen", NULL, "http://HOST:PORT", "listener of /healthz, /readyz and /metrics"),
    ROW("server", "store", cmpsrv_set_store, SRV(store), "sqlite:PATH", .required = 1, .help = "the store"),
    ROW("server", "store_key", cmpsrv_set_secret, SRV(store_key), "secret", .help = "keys the audit chain"),
    ROW("server", "workers", cmpsrv_set_integer, SRV(workers), "integer", .dflt = "0", .min = 0, .max = 4096, .help = "worker threads; 0: by cores"),
    ROW("server", "max_body", cmpsrv_set_integer, SRV(max_body), "integer", .dflt = "131072", .min = 1024, .max = 16777216, .help = "largest message in octets"),
    ROW("server", "max_connections", cmpsrv_set_integer, SRV(max_connections), "integer", .dflt = "4096", .min = 1, .max = 1000000, .help = "connections at once"),
    ROW("server", "message_timeout", cmpsrv_set_duration, SRV(message_timeout), "duration", .dflt = "10s", .min = 100, .max = DAY, .help = "for all of a message to arrive"),
    ROW("server", "idle_timeout", cmpsrv_set_duration, SRV(idle_timeout), "duration", .dflt = "60s", .min = 100, .max = DAY, .help = "for a connection without a message"),
    LATER("server", "log.format", "text", "text", "form of log lines"),
    ROW("server", "log.level", cmpsrv_set_word, SRV(log_level), "error, warning, info or debug", .dflt = "info", .words = "error=0|warning=1|info=2|debug=3", .help = "what is logged"),
    LATER("server", "log.syslog", "no", "yes or no", "log to syslog"),
    LATER("server", "tls.certificate", NULL, "file", "certificate of https listeners"),
    LATER("server", "tls.key", NULL, "URI", "key of https listeners"),
    LATER("server", "tls.client_ca", NULL, "file", "CAs of TLS client certificates"),

    ROW("cas", "certificate", cmpsrv_set_existing_file, CA(issuer.certificate), "file", .required = 1, .help = "PEM, its chain after it"),
    ROW("cas", "key", cmpsrv_set_key_uri, CA(issuer.key), "URI", .required = 1, .help = "private key, an OSSL_STORE URI"),
    ROW("cas", "passphrase", cmpsrv_set_secret, CA(issuer.passphrase), "secret", .help = "of the key"),
    ROW("cas", "cmp_signer.certificate", cmpsrv_set_existing_file, CA(cmp_signer.certificate), "file", .help = "delegated signer of CMP messages; default: the CA itself"),
    ROW("cas", "cmp_signer.key", cmpsrv_set_key_uri, CA(cmp_signer.key), "URI", .help = "its key"),
    ROW("cas", "cmp_signer.passphrase", cmpsrv_set_secret, CA(cmp_signer.passphrase), "secret", .help = "of its key"),
    LATER("cas", "keygen_signer.certificate", NULL, "file", "signer of server-generated keys"),
    LATER("cas", "keygen_signer.key", NULL, "URI", "its key"),
    ROW("cas", "cmp_ra_auth_secret", cmpsrv_set_secret, CA(cmp_ra_auth_secret), "secret", .help = "for aliases whose HMAC has the parameter -"),
    ROW("cas", "crl.file", cmpsrv_set_file, CA(crl_file), "file", .help = "where the CRL goes (DER)"),
    ROW("cas", "crl.validity", cmpsrv_set_duration, CA(crl_validity), "duration", .dflt = "7d", .min = 60 * SECOND, .max = YEARS, .help = "of a CRL; renewed at half"),
    ROW("cas", "urls.crl", cmpsrv_set_string, CA(url_crl), "URL", .help = "cRLDistributionPoints of certificates"),
    ROW("cas", "urls.ocsp", cmpsrv_set_string, CA(url_ocsp), "URL", .help = "OCSP in authorityInfoAccess"),
    ROW("cas", "urls.issuer", cmpsrv_set_string, CA(url_issuer), "URL", .help = "caIssuers in authorityInfoAccess"),
    LATER("cas", "finish_user", "yes", "yes", "an end entity is done after its certificate"),
    ROW("cas", "signature_digest", cmpsrv_set_words, CA(signature_digest), "sha256, sha384 or sha512", .words = "sha256=4|sha384=8|sha512=16", .help = "of certificates and CRLs; default: as the key asks for"),

    ROW("certificate_profiles", "key_algorithms", cmpsrv_set_key_algorithms, CP(key_algorithms), "list of rsa:BITS, ec:P-256, ec:P-384, ec:P-521, ed25519, ed448", .dflt = "ec:P-256, ec:P-384, rsa:2048, rsa:3072, rsa:4096, ed25519", .help = "keys that get a certificate"),
    ROW("certificate_profiles", "validity", cmpsrv_set_duration, CP(validity), "duration", .dflt = "730d", .min = 60 * SECOND, .max = YEARS, .help = "of certificates, never beyond the CA's"),
    LATER("certificate_profiles", "allow_validity_override", "no", "no", "requested validity counts"),
    ROW("certificate_profiles", "key_usage", cmpsrv_set_words, CP(key_usage), "list of key usages of RFC 5280 4.2.1.3, not keyCertSign and cRLSign", .dflt = "digitalSignature, keyEncipherment", .words = KU_WORDS, .help = "what does not fit the key is left out"),
    LATER("certificate_profiles", "allow_key_usage_override", "no", "no", "requested key usage counts"),
    ROW("certificate_profiles", "extended_key_usage", cmpsrv_set_eku, CP(extended_key_usage), "list of names or OIDs", .help = "extended key usage"),
    LATER("certificate_profiles", "allow_extension_override", "no", "no", "requested extensions count"),
    LATER("certificate_profiles", "overridable_extensions", NULL, "list of OIDs", "extensions a request may set"),
    LATER("certificate_profiles", "non_overridable_extensions", NULL, "list of OIDs", "extensions a request may not set"),
    LATER("certificate_profiles", "allow_dn_override", "no", "no", "the request's subject counts in client mode"),
    LATER("certificate_profiles", "allow_serial_override", "no", "no", "a requested serial number counts"),
    ROW("certificate_profiles", "available_cas", cmpsrv_set_names, CP(available_cas), "any, or a list of CAs", .dflt = "any", .help = "CAs it may be used with"),

    LATER("end_entity_profiles", "subject_dn", "any", "any", "attributes of the subject"),
    LATER("end_entity_profiles", "subject_alt_name", "any", "any", "types of subject alternative names"),
    ROW("end_entity_profiles", "available_certificate_profiles", cmpsrv_set_names, EEP(available_certificate_profiles), "any, or a list of certificate profiles", .dflt = "any", .help = "certificate profiles it may be used with"),
    ROW("end_entity_profiles", "default_certificate_profile", cmpsrv_set_string, EEP(default_certificate_profile), "certificate profile", .help = "for ProfileDefault"),
    ROW("end_entity_profiles", "available_cas", cmpsrv_set_names, EEP(available_cas), "any, or a list of CAs", .dflt = "any", .help = "CAs it may be used with"),
    ROW("end_entity_profiles", "default_ca", cmpsrv_set_string, EEP(default_ca), "CA", .help = "for ProfileDefault"),
    LATER("end_entity_profiles", "allowed_requests", "1", "1", "certificates an enrolment code is good for"),
    LATER("end_entity_profiles", "renew_days_before_expiry", "0", "0", "renewal window"),
    LATER("end_entity_profiles", "allow_merge_dn", "no", "no", "merge registered and requested subject"),

    ROW("aliases", "operationmode", cmpsrv_set_word, ALX(mode), "ra", .dflt = "client", .words = "ra=1|client=0", .help = "RA mode: the sender asks for others"),
    ROW("aliases", "authenticationmodule", cmpsrv_set_modules, AL(modules), "list of HMAC", .required = 1, .help = "tried in this order"),
    ROW("aliases", "authenticationparameters", cmpsrv_set_parameters, ALX(parameters), "list of secrets, one a module; - for none", .help = "HMAC: the alias's secret; -: the CA's"),
    ROW("aliases", "responseprotection", cmpsrv_set_word, AL(response_protection), "mirror, signature or pbe", .dflt = "mirror", .ejbca = "signature", .words = "mirror=0|signature=1|pbe=2", .help = "of answers to a MAC"),
    ROW("aliases", "defaultca", cmpsrv_set_string, AL(default_ca), "CA", .help = "signs errors when nothing else says whose"),
    LATER("aliases", "extractusernamecomponent", "DN", "DN", "client mode: attribute that names the end entity"),
    LATER("aliases", "allowraverifypopo", "no", "no", "take raVerified for proof of possession"),
    LATER("aliases", "allowautomatickeyupdate", "no", "no", "kur resets the end entity"),
    LATER("aliases", "allowupdatewithsamekey", "yes", "yes", "kur with the same key"),
    LATER("aliases", "allowservergenkeys", "no", "no", "server-generated keys"),
    LATER("aliases", "extendedvalidation", "no", "no", "validation in front of the CA"),
    LATER("aliases", "vendorcertificatemode", "no", "no", "3GPP vendor certificates"),
    LATER("aliases", "vendorca", NULL, "list of CAs", "vendor CAs"),
    LATER("aliases", "response.capubsca", NULL, "list of CAs", "further CAs in caPubs"),
    LATER("aliases", "response.capubsissuingca", "yes", "yes", "the issuing CA in caPubs"),
    LATER("aliases", "response.extracertsca", NULL, "list of CAs", "further CAs in extraCerts"),
    LATER("aliases", "racertificatepath", NULL, "directory", "RAs of nested messages"),
    ROW("aliases", "ra.namegenerationscheme", cmpsrv_set_word, AL(namegeneration_scheme), "DN, RANDOM, USERNAME or FIXED", .dflt = "DN", .words = "DN=0|RANDOM=1|USERNAME=2|FIXED=3", .help = "how the end entity is named"),
    ROW("aliases", "ra.namegenerationparameters", cmpsrv_set_list, AL(namegeneration_parameters), "list of DN attributes, or the fixed name", .dflt = "CN", .help = "DN: the first that is there; FIXED: the name"),
    ROW("aliases", "ra.namegenerationprefix", cmpsrv_set_string, AL(namegeneration_prefix), "text", .dflt = "", .help = "${RANDOM} is replaced"),
    ROW("aliases", "ra.namegenerationpostfix", cmpsrv_set_string, AL(namegeneration_postfix), "text", .dflt = "", .help = "${RANDOM} is replaced"),
    LATER("aliases", "ra.passwordgenparams", "random", "random", "password of new end entities"),
    LATER("aliases", "ra.allowcustomcertserno", "no", "no", "a requested serial number counts"),
    ROW("aliases", "ra.endentityprofile", cmpsrv_set_reference, ALX(ee_profile), "end entity profile", .dflt = "EMPTY", .help = "profile of end entities"),
    ROW("aliases", "ra.certificateprofile", cmpsrv_set_reference, ALX(cert_profile), "certificate profile or ProfileDefault", .dflt = "ENDUSER", .help = "profile of certificates"),
    ROW("aliases", "ra.caname", cmpsrv_set_reference, ALX(ca), "CA or ProfileDefault", .dflt = "ManagementCA", .help = "the CA that issues"),
    LATER("aliases", "ra.endentitycertificate.omitverifications", "no", "no", "EJBCA's setting of that name"),
    ROW("aliases", "conformance", cmpsrv_set_word, AL(ejbca_conformance), "rfc9483 or ejbca", .dflt = "rfc9483", .words = "rfc9483=0|ejbca=1", .help = "defaults of the switches"),
    ROW("aliases", "implicit_confirm", cmpsrv_set_bool, AL(implicit_confirm), "yes or no", .dflt = "yes", .help = "grant implicitConfirm when it is asked for"),
    ROW("aliases", "confirm_wait_time", cmpsrv_set_duration, AL(confirm_wait_time), "duration", .dflt = "300s", .min = SECOND, .max = 30 * DAY, .help = "for certConf to arrive"),
    ROW("aliases", "transaction_retention", cmpsrv_set_duration, AL(transaction_retention), "duration", .dflt = "600s", .min = SECOND, .max = 30 * DAY, .help = "how long a finished transaction keeps its answer"),
    LATER("aliases", "approval", "no", "no", "an operator approves requests"),
    ROW("aliases", "signature_digests", cmpsrv_set_words, AL(signature_digests), "list of sha1, sha224, sha256, sha384, sha512", .dflt = "sha256, sha384, sha512", .words = DIGEST_WORDS, .help = "digests in signatures of requests"),
    ROW("aliases", "macs", cmpsrv_set_words, AL(macs), "list of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512", .dflt = "hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512", .words = MAC_WORDS, .help = "MACs of requests"),
    ROW("aliases", "pbm_owf", cmpsrv_set_words, AL(pbm_owf), "list of sha1, sha224, sha256, sha384, sha512", .dflt = "sha1, sha256, sha384, sha512", .words = DIGEST_WORDS, .help = "one-way functions of PasswordBasedMac"),
    ROW("aliases", "pbm_iterations", cmpsrv_set_range, AL(pbm_iterations), "MIN..MAX within 100..100000", .dflt = "100..100000", .min = 100, .max = 100000, .help = "iterationCount of PasswordBasedMac"),
    LATER("aliases", "pbmac1_iterations", "1000..100000", "1000..100000", "iterations of PBMAC1"),
    ROW("aliases", "min_rsa_bits", cmpsrv_set_integer, AL(min_rsa_bits), "integer", .dflt = "2048", .min = 1024, .max = 16384, .help = "smallest RSA key that gets a certificate"),
    ROW("aliases", "mac_parameters", cmpsrv_set_word, AL(mac_parameters_fresh), "request or fresh", .dflt = "request", .words = "request=0|fresh=1", .help = "of MAC answers: repeated, or with a salt of their own"),
    ROW("aliases", "sign_errors_to_mac", cmpsrv_set_bool, AL(sign_errors_to_mac), "yes or no", .dflt = "yes", .help = "sign an error to a MAC that was not proven"),
    LATER("aliases", "login_attempts", "-1", "-1", "wrong secrets before an end entity is locked"),
    LATER("aliases", "unique_public_key", "no", "no", "a key gets one certificate"),
    LATER("aliases", "unique_subject_dn", "no", "no", "a subject gets one end entity"),
    LATER("aliases", "single_active_certificate", "no", "no", "a new certificate revokes the old"),
    LATER("aliases", "keygen_package", "rfc", "rfc", "form of server-generated keys"),
    LATER("aliases", "encrypted_value", "ejbca", "ejbca", "form of server-generated keys"),
    LATER("aliases", "pwri", "rfc9483", "rfc9483", "form of server-generated keys"),
    LATER("aliases", "root_in_ip_extracerts", "no", "no", "the root in extraCerts of ip (3GPP)"),
    ROW("aliases", "unconfirmed", cmpsrv_set_word, AL(unconfirmed), "revoke or keep", .dflt = "revoke", .ejbca = "keep", .words = "revoke=0|keep=1", .help = "a certificate without certConf in time"),
    ROW("aliases", "allow_mac_rr", cmpsrv_set_bool, AL(allow_mac_rr), "yes or no", .dflt = "no", .ejbca = "yes", .help = "rr under a MAC"),
    LATER("aliases", "allow_mac_kur", "no", "no", "kur under a MAC"),
    LATER("aliases", "require_protection", "yes", "yes", "refuse unprotected requests"),
    ROW("aliases", "capubs_in", cmpsrv_set_capubs, AL(capubs_in), "[ip] or [ip, cp, kup]", .dflt = "ip", .ejbca = "ip, cp, kup", .help = "caPubs: ip, the root; all three, the issuing CA"),
    ROW("aliases", "p10cr_certreqid", cmpsrv_set_number_word, AL(p10cr_certreqid), "-1 or 0", .dflt = "-1", .ejbca = "0", .words = "-1=-1|0=0", .help = "certReqId in cp to p10cr"),
    ROW("aliases", "transaction_id_min", cmpsrv_set_integer, AL(transaction_id_min), "integer", .dflt = "16", .ejbca = "1", .min = 1, .max = 64, .help = "octets of a transactionID"),
    ROW("aliases", "message_time_tolerance", cmpsrv_set_duration, AL(message_time_tolerance), "duration or off", .dflt = "300s", .ejbca = "off", .min = SECOND, .max = 3650 * DAY, .words = "off", .help = "how far messageTime may be off"),
    LATER("aliases", "popo_input", "badPOP|if identical", "badPOP or if identical", "poposkInput beside subject and key"),
    ROW("aliases", "certreqid", cmpsrv_set_word, AL(certreqid_any), "badRequest or echoed", .dflt = "badRequest", .ejbca = "echoed", .words = "badRequest=0|echoed=1", .help = "certReqId other than 0"),

    LATER("ras", "certificate", NULL, "file", "certificate of an RA"),
    LATER("ras", "subject", NULL, "DN", "subject of an RA"),
    LATER("ras", "ski", NULL, "hex", "key identifier of an RA"),
    LATER("ras", "operations", NULL, "list of messages", "what the RA may ask for"),
    LATER("ras", "cas", NULL, "any, or a list of CAs", "CAs of the RA"),
    LATER("ras", "end_entity_profiles", NULL, "any, or a list", "profiles of the RA"),
    LATER("ras", "aliases", NULL, "list of aliases", "aliases of the RA"),
};
/* clang-format on */
const size_t cmpsrv_conf_rows_n = CMPSRV_ARRAY_SIZE(cmpsrv_conf_rows);

const CONF_ROW *cmpsrv_conf_row(const char *section, const char *key, size_t len)
{
    for (size_t i = 0; i < cmpsrv_conf_rows_n; i++)
        if (strcmp(cmpsrv_conf_rows[i].section, section) == 0 &&
            strlen(cmpsrv_conf_rows[i].key) == len &&
            memcmp(cmpsrv_conf_rows[i].key, key, len) == 0)
            return &cmpsrv_conf_rows[i];
    return NULL;
}

const CMPSRV_CONF_KEY *cmpsrv_conf_schema(size_t *n)
{
    static CMPSRV_CONF_KEY keys[CMPSRV_ARRAY_SIZE(cmpsrv_conf_rows)];

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++) {
        const CONF_ROW *r = &cmpsrv_conf_rows[i];

        keys[i] =
            (CMPSRV_CONF_KEY){r->section, r->key,
                              r->type,    r->required ? "required" : r->dflt == NULL ? "" : r->dflt,
                              r->help,    r->set != NULL};
    }
    *n = CMPSRV_ARRAY_SIZE(keys);
    return keys;
}
