/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf: YAML to one immutable configuration, through one schema table (interfaces.md 3). Every
 * error has file and line. Knows what a key means as far as a table can say; whether a private key
 * fits its certificate is for ca to find out.
 */
#ifndef CMPSRV_CONF_H
#define CMPSRV_CONF_H

#include "base/model.h"

/* Where something stands in the configuration, so that a later check can still name it. */
typedef struct {
    const char *file; /* owned by the configuration */
    int line;
} CMPSRV_CONF_POS;

typedef struct { /* a list of strings; owned */
    char **v;
    size_t n;
} CMPSRV_CONF_LIST;

typedef struct { /* 100..100000 */
    int64_t min, max;
} CMPSRV_CONF_RANGE;

/* Errors of one load, in order of file and line. */
typedef struct cmpsrv_conf_errors_st {
    char **v; /* "FILE:LINE: kind name: key: what is wrong, what is allowed" */
    size_t n;
} CMPSRV_CONF_ERRORS;
/* kind "cas", name "ManagementCA", key "certificate"; name or key may be NULL. */
void cmpsrv_conf_error(CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos, const char *kind,
                       const char *name, const char *key, const char *fmt, ...) CMPSRV_PRINTF(6, 7);
void cmpsrv_conf_errors_clear(CMPSRV_CONF_ERRORS *e);

typedef struct cmpsrv_conf_signer_st {
    char *certificate; /* file; NULL: none configured */
    char *key;         /* OSSL_STORE URI */
    CMPSRV_SECRET *passphrase;
    CMPSRV_CONF_POS pos;
} CMPSRV_CONF_SIGNER;

typedef struct cmpsrv_conf_server_st {
    CMPSRV_CONF_POS pos;
    CMPSRV_CONF_LIST listen; /* http://HOST:PORT, https://HOST:PORT, unix:PATH */
    char *admin_listen;      /* the same, one; NULL: none */
    char *store;             /* sqlite:PATH, PATH made absolute by the file's directory */
    CMPSRV_SECRET *store_key;
    int64_t workers;  /* 0: by cores */
    int64_t max_body; /* octets */
    int64_t max_connections;
    int64_t message_timeout; /* ms: all of a message, from its first octet */
    int64_t idle_timeout;    /* ms: a connection without a message */
    int log_level;           /* CMPSRV_LOG_LEVEL */
    int log_format;          /* CMPSRV_LOG_FORMAT */
    int log_syslog;          /* instead of stderr */
    CMPSRV_CONF_SIGNER tls;  /* of https; certificate NULL: none */
    char *tls_client_ca;     /* file; NULL: no client certificates */
    int tls_client_required;
} CMPSRV_CONF_SERVER;

typedef struct cmpsrv_conf_ca_st {
    CMPSRV_CONF_POS pos;
    char *name;
    CMPSRV_CONF_SIGNER issuer;             /* certificate (PEM, its chain after it) and key */
    CMPSRV_CONF_SIGNER cmp_signer;         /* certificate NULL: the CA itself signs messages */
    CMPSRV_SECRET *cmp_ra_auth_secret;     /* NULL: none */
    char *crl_file;                        /* NULL: none is written */
    int64_t crl_validity;                  /* ms */
    char *url_crl, *url_ocsp, *url_issuer; /* NULL: extension left out */
    unsigned signature_digest; /* bits 256, 384, 512 of the SHA-2 size: see cmpsrv_md_* (value 4, 8,
                                  16) */
    int finish_user;           /* a certificate uses up one of the code's requests */
} CMPSRV_CONF_CA;

/* A CA of somebody else whose certificates may be enrolled with (3GPP); has no key. */
typedef struct cmpsrv_conf_vendor_ca_st {
    CMPSRV_CONF_POS pos;
    char *name;
    char *certificate; /* file: PEM, the CA's certificate first, then what it is under, if any */
} CMPSRV_CONF_VENDOR_CA;

typedef struct cmpsrv_conf_cert_profile_st {
    CMPSRV_CONF_POS pos;
    char *name;
    CMPSRV_CONF_LIST key_algorithms;     /* "ec:P-256", "rsa:2048", "ed25519", "ed448": as
                                            cmpsrv_pubkey_decode names them */
    int64_t validity;                    /* ms */
    unsigned key_usage;                  /* bit 0 digitalSignature ... bit 8 decipherOnly */
    CMPSRV_CONF_LIST extended_key_usage; /* dotted OIDs */
    CMPSRV_CONF_LIST available_cas;      /* n == 0: any */
    /* what a request may choose */
    int allow_validity_override, allow_key_usage_override, allow_extension_override,
        allow_dn_override, allow_serial_override;
    CMPSRV_CONF_LIST overridable_extensions;     /* dotted OIDs; n == 0: any */
    CMPSRV_CONF_LIST non_overridable_extensions; /* dotted OIDs */
} CMPSRV_CONF_CERT_PROFILE;

/* One row of subject_dn or subject_alt_name of an end entity profile. */
typedef struct cmpsrv_conf_field_st {
    char *name;   /* a DN attribute ("CN", "1.2.3"), or a type of GeneralName ("dNSName") */
    int required; /* must be there at least once */
    char *value;  /* each must be exactly this; NULL: any */
    char *regex;  /* each must match this POSIX extended regular expression as a whole; NULL: any */
    void *pattern; /* regex_t *: the same, compiled */
    int64_t max;   /* how often it may be there */
} CMPSRV_CONF_FIELD;
typedef struct { /* n == 0: any */
    CMPSRV_CONF_FIELD *v;
    size_t n;
} CMPSRV_CONF_FIELDS;

typedef struct cmpsrv_conf_ee_profile_st {
    CMPSRV_CONF_POS pos;
    char *name;
    CMPSRV_CONF_LIST available_certificate_profiles; /* n == 0: any */
    char *default_certificate_profile;               /* may be NULL */
    CMPSRV_CONF_LIST available_cas;                  /* n == 0: any */
    char *default_ca;                                /* may be NULL */
    CMPSRV_CONF_FIELDS subject_dn, subject_alt_name;
    int allow_multi_value_rdns; /* where subject_dn lists attributes */
    int64_t allowed_requests;   /* certificates for one enrolment code */
    int64_t renewal_window; /* ms before notAfter in which a generated one may enrol; 0: never */
    int allow_merge_dn;     /* attributes that only the end entity has are added */
} CMPSRV_CONF_EE_PROFILE;

typedef enum {
    CMPSRV_RESPONSE_MIRROR,
    CMPSRV_RESPONSE_SIGNATURE,
    CMPSRV_RESPONSE_PBE
} CMPSRV_RESPONSE_PROTECTION;
typedef enum { CMPSRV_UNCONFIRMED_REVOKE, CMPSRV_UNCONFIRMED_KEEP } CMPSRV_UNCONFIRMED;
typedef enum {
    CMPSRV_CAPUBS_IP,
    CMPSRV_CAPUBS_ALL
} CMPSRV_CAPUBS_IN; /* [ip] = the root only; [ip, cp, kup] = issuing CA */
typedef enum {
    CMPSRV_USERNAME_DN,
    CMPSRV_USERNAME_RANDOM,
    CMPSRV_USERNAME_USERNAME,
    CMPSRV_USERNAME_FIXED
} CMPSRV_USERNAME_SCHEME;

typedef struct cmpsrv_conf_module_st { /* one row of authenticationmodule with its parameter */
    char *name;                        /* "HMAC" */
    CMPSRV_SECRET *parameter;          /* NULL: "-" */
    const CMPSRV_CONF_CA *ca; /* EndEntityCertificate in RA mode: the CA that the parameter names */
    char *attribute;          /* DnPartPwd: the DN attribute that the parameter names */
} CMPSRV_CONF_MODULE;

typedef struct cmpsrv_conf_alias_st {
    CMPSRV_CONF_POS pos;
    char *name;
    int ra_mode;
    CMPSRV_CONF_MODULE *modules;
    size_t modules_n;
    CMPSRV_RESPONSE_PROTECTION response_protection;
    char *default_ca;         /* NULL: none */
    char *username_component; /* client mode: DN attribute that is the username; "DN": none is, end
                                 entities are found by their subject */
    CMPSRV_USERNAME_SCHEME namegeneration_scheme;
    CMPSRV_CONF_LIST namegeneration_parameters;
    char *namegeneration_prefix, *namegeneration_postfix; /* "" when absent */
    /* resolved references; NULL: ProfileDefault, or KeyId */
    const CMPSRV_CONF_EE_PROFILE *ee_profile; /* NULL in client mode */
    const CMPSRV_CONF_CERT_PROFILE *cert_profile;
    const CMPSRV_CONF_CA *ca;
    int ee_profile_is_key_id, cert_profile_is_key_id, ca_is_key_id; /* senderKID names it */
    CMPSRV_CONF_LIST cas, end_entity_profiles; /* client mode: whose end entities; n == 0: any */
    CMPSRV_SECRET *password;  /* ra.passwordgenparams: code of end entities; NULL: random */
    int allow_custom_serial;  /* RA mode: the template's serialNumber counts */
    int allow_ra_verified;    /* raVerified is taken from whoever asks */
    int popo_input_identical; /* poposkInput beside subject and key is taken if it is the same */
    int64_t login_attempts;   /* wrong codes until an end entity is locked; -1: no limit */
    int unique_public_key, unique_subject_dn; /* among the end entities of a CA */
    int single_active_certificate;            /* of an end entity and a CA */
    int vendor_mode;                          /* client mode, EndEntityCertificate */
    CMPSRV_CONF_LIST vendor_cas;              /* names */
    int root_in_ip_extracerts;
    int implicit_confirm;
    int64_t confirm_wait_time;     /* ms */
    int64_t transaction_retention; /* ms: how long a finished transaction keeps its answer */
    unsigned signature_digests;    /* CMPSRV_MD bits of wire.h */
    unsigned macs, pbm_owf;        /* the same */
    CMPSRV_CONF_RANGE pbm_iterations, pbmac1_iterations;
    int64_t min_rsa_bits;
    int mac_parameters_fresh; /* 0: repeat the request's */
    int sign_errors_to_mac;
    /* switches with two defaults */
    int ejbca_conformance;
    CMPSRV_UNCONFIRMED unconfirmed;
    int allow_mac_rr;
    int require_protection; /* 0: RegTokenPwd and DnPartPwd take unprotected requests */
    CMPSRV_CAPUBS_IN capubs_in;
    int capubs_issuing_ca;
    CMPSRV_CONF_LIST capubs_cas, extracerts_cas; /* names */
    int64_t p10cr_certreqid;                     /* -1 or 0 */
    int64_t transaction_id_min;                  /* octets */
    int64_t message_time_tolerance;              /* ms, -1: off */
    int certreqid_any;                           /* certReqId other than 0 is echoed */
} CMPSRV_CONF_ALIAS;

/* Who may act as an RA; exactly one of certificate, subject, ski is given. */
typedef struct cmpsrv_conf_ra_st {
    CMPSRV_CONF_POS pos;
    char *name;
    char *certificate;                                  /* file, PEM */
    char *subject;                                      /* text of a DN */
    char *ski;                                          /* hex */
    unsigned operations;                                /* 1u << CMPSRV_BODY */
    CMPSRV_CONF_LIST cas, end_entity_profiles, aliases; /* n == 0: any */
} CMPSRV_CONF_RA;

typedef struct cmpsrv_conf_st {
    CMPSRV_CONF_SERVER server;
    CMPSRV_CONF_CA *cas;
    size_t cas_n;
    CMPSRV_CONF_CERT_PROFILE *cert_profiles;
    size_t cert_profiles_n;
    CMPSRV_CONF_EE_PROFILE *ee_profiles;
    size_t ee_profiles_n;
    CMPSRV_CONF_ALIAS *aliases;
    size_t aliases_n;
    CMPSRV_CONF_RA *ras;
    size_t ras_n;
    CMPSRV_CONF_VENDOR_CA *vendor_cas;
    size_t vendor_cas_n;
    CMPSRV_CONF_LIST files; /* read; owner of the names in CMPSRV_CONF_POS */
} CMPSRV_CONF;

/* Reads a file and what it includes. NULL with at least one error. Relative paths are made absolute
 * by the file they stand in. With `current`, what a running server is built on must be as it is
 * there (listeners, store, workers). */
CMPSRV_CONF *cmpsrv_conf_load(const char *file, const CMPSRV_CONF *current,
                              CMPSRV_CONF_ERRORS *errors);
void cmpsrv_conf_free(CMPSRV_CONF *c);

/* Whether the list has the name, or is empty: any. */
int cmpsrv_conf_is_listed(const CMPSRV_CONF_LIST *list, const char *name);
const CMPSRV_CONF_CA *cmpsrv_conf_ca(const CMPSRV_CONF *c, const char *name);
const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias(const CMPSRV_CONF *c, const char *name, size_t len);

/* What a setting of an alias is, as the file could have it, for whoever shows it; "" where nothing
 * is set, never a secret. NULL without memory, and for those that the alias does not keep as they
 * were written: modules with their parameters, ra.caname and the profiles. The caller frees it. */
char *cmpsrv_conf_alias_value(const CMPSRV_CONF_ALIAS *a, const char *key);

/*
 * paths.c: the alias that an HTTP path names (interfaces.md 4): /ejbca/publicweb/cmp/ALIAS,
 * /cmp/ALIAS, /.well-known/cmp/p/ALIAS[/OPERATION]; without a name, /.well-known/cmp[/OPERATION],
 * /ejbca/publicweb/cmp, /cmp, /pkix/, /: the alias `cmp`. A query ("?...") is dropped. *operation
 * gets the RFC 9811 label or "". NULL with *why NO_SUCH_ALIAS or ALIAS_TOO_LONG. No
 * percent-decoding: aliases need none.
 */
const CMPSRV_CONF_ALIAS *cmpsrv_conf_alias_by_path(const CMPSRV_CONF *c, const char *path,
                                                   const char **operation, CMPSRV_REFUSAL *why);

/* The schema table, for --help, the man page and tests that walk it. */
typedef struct cmpsrv_conf_key_st {
    const char *section; /* "server", "cas", "certificate_profiles", "end_entity_profiles",
                            "aliases", "ras", "vendor_cas" */
    const char *key;     /* dotted for nested maps: "cmp_signer.certificate" */
    const char
        *type; /* "string", "bool", "integer", "duration", "list", ...: what is allowed, in words */
    const char *dflt; /* default as text, "" none, "required" */
    const char *help; /* one line */
    int supported;    /* 0: refused as "not supported yet" unless it has its off value */
} CMPSRV_CONF_KEY;
const CMPSRV_CONF_KEY *cmpsrv_conf_schema(size_t *n);

#endif
