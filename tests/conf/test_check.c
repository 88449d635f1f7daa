/* SPDX-License-Identifier: Apache-2.0 */
/* What takes more than one key: references, lists that go together, names, and that all errors come
 * out, in order. */
#include "config.h"

#include "conf_test.h"

#define SERVER "server: {store: 'sqlite:x'}\n" /* line 1 */
#define CAS                                                                                        \
    "cas: {CA1: {certificate: ca.crt, key: ca.key}, CA2: {certificate: ca.crt, key: ca.key, "      \
    "cmp_ra_auth_secret: " CANARY "}}\n"
#define CPS "certificate_profiles: {CP1: {}, CP2: {available_cas: [CA2]}}\n"
#define EES                                                                                        \
    "end_entity_profiles: {EE1: {}, EE2: {available_cas: CA2, available_certificate_profiles: "    \
    "CP2, default_ca: CA2, default_certificate_profile: CP2}}\n"
#define MODE     "operationmode: ra, authenticationmodule: HMAC, "
#define ALIAS(x) SERVER CAS CPS EES "aliases: {a: {" MODE x "}}\n" /* line 5 */
#define GOOD     "ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: CA1, "
#define KEY      ", store_key: " CANARY
#define CLIENT(key, x)                                                                             \
    "server: {store: 'sqlite:x'" key "}\n" CAS CPS "aliases: {a: {" x "}}\n" /* line 4 */
#define MODULES(x)                                                                                 \
    SERVER CAS CPS EES "aliases: {a: {operationmode: ra, " GOOD "authenticationmodule: " x "}}\n"
#define VENDOR(x)                                                                                  \
    CLIENT(KEY, "authenticationmodule: [EndEntityCertificate, HMAC], " x)                          \
    "vendor_cas: {V1: {certificate: ca.crt}, V2: {certificate: ca.crt}}\n"
#define VENDOR_MODE "vendorcertificatemode: yes, "
#define BY_NUMBER   "extractusernamecomponent: serialNumber, "
#define SECRET      "authenticationparameters: " CANARY

#define CPS1 "certificate_profiles: {CP1: {}}\n"
/* The request names the end entity profile; line 5. */
#define KEY_ID(ees, x)                                                                             \
    SERVER CAS CPS "end_entity_profiles: " ees "\naliases: {a: {" MODE                             \
                   "ra.endentityprofile: KeyId, " x "}}\n"
#define OVERRIDE(x)                                                                                \
    SERVER CAS "certificate_profiles: {CP1: {" x "}}\n" EES1 "aliases: {a: {" MODE GOOD SECRET     \
               "}}\n"
#define EES1 "end_entity_profiles: {EE1: {}}\n"

static const struct {
    const char *text, *head, *part; /* head NULL: loads */
} cases[] = {
    {ALIAS(GOOD SECRET), NULL, NULL},
    {ALIAS("ra.endentityprofile: EE2, ra.certificateprofile: ProfileDefault, ra.caname: "
           "ProfileDefault"),
     NULL, NULL},
    /* references */
    {ALIAS(SECRET ", ra.endentityprofile: EE1, ra.certificateprofile: CP1"),
     "5: aliases a: ra.caname: \"ManagementCA\" does not exist (the default)", "cas: CA1, CA2"},
    {ALIAS(SECRET ", ra.endentityprofile: EE1, ra.caname: CA1"),
     "5: aliases a: ra.certificateprofile: \"ENDUSER\" does not exist (the default)", "CP1, CP2"},
    {ALIAS(SECRET ", ra.certificateprofile: CP1, ra.caname: CA1"),
     "5: aliases a: ra.endentityprofile: \"EMPTY\" does not exist (the default)", "EE1, EE2"},
    {ALIAS(GOOD SECRET ", defaultca: X"), "5: aliases a: defaultca: \"X\" does not exist", "CA1"},
    {ALIAS(SECRET ", ra.endentityprofile: ProfileDefault, ra.certificateprofile: CP1, ra.caname: "
                  "CA1"),
     "5: aliases a: ra.endentityprofile: ", "does not exist"},
    {ALIAS(SECRET ", ra.endentityprofile: EE1, ra.certificateprofile: ProfileDefault, ra.caname: "
                  "CA1"),
     "5: aliases a: ra.certificateprofile: ", "EE1 has no default_certificate_profile"},
    {ALIAS(SECRET ", ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: "
                  "ProfileDefault"),
     "5: aliases a: ra.caname: ", "EE1 has no default_ca"},
    {SERVER CAS "certificate_profiles:\n  P:\n    available_cas:\n    - CA1\n    - X\n",
     "7: certificate_profiles P: available_cas: \"X\"", "does not exist"},
    {SERVER CAS CPS "end_entity_profiles:\n  E:\n    available_cas: [CA1, X]\n",
     "6: end_entity_profiles E: available_cas: \"X\"", "does not exist"},
    {SERVER CAS CPS "end_entity_profiles:\n  E:\n    available_certificate_profiles: X\n",
     "6: end_entity_profiles E: available_certificate_profiles: \"X\"", "does not exist"},
    {SERVER CAS CPS "end_entity_profiles:\n  E:\n    default_ca: X\n",
     "6: end_entity_profiles E: default_ca: \"X\"", "does not exist"},
    {SERVER CAS CPS "end_entity_profiles:\n  E:\n    default_certificate_profile: X\n",
     "6: end_entity_profiles E: default_certificate_profile: \"X\"", "does not exist"},
    {SERVER CAS CPS "end_entity_profiles:\n  E: {default_ca: CA1, available_cas: CA2}\n",
     "5: end_entity_profiles E: default_ca: ", "not one of available_cas"},
    {SERVER CAS CPS "end_entity_profiles:\n  E: {default_certificate_profile: CP1, "
                    "available_certificate_profiles: CP2}\n",
     "5: end_entity_profiles E: default_certificate_profile: ", "not one of available"},
    /* what profiles allow */
    {ALIAS(SECRET ", ra.endentityprofile: EE2, ra.certificateprofile: CP2, ra.caname: CA1"),
     "5: aliases a: ra.caname: \"CA1\" is not one of available_cas of profile EE2", ""},
    {ALIAS(SECRET ", ra.endentityprofile: EE2, ra.certificateprofile: CP1, ra.caname: CA2"),
     "5: aliases a: ra.certificateprofile: \"CP1\" is not one of", "of profile EE2"},
    {ALIAS(SECRET ", ra.endentityprofile: EE1, ra.certificateprofile: CP2, ra.caname: CA1"),
     "5: aliases a: ra.caname: \"CA1\" is not one of available_cas of profile CP2", ""},
    {ALIAS(SECRET ", ra.endentityprofile: EE2, ra.certificateprofile: ProfileDefault, ra.caname: "
                  "CA1"),
     "5: aliases a: ra.caname: \"CA1\" is not one of available_cas of profile CP2", ""},
    /* KeyId */
    {ALIAS(SECRET ", ra.endentityprofile: KeyId, ra.certificateprofile: KeyId, ra.caname: KeyId"),
     NULL, NULL},
    {ALIAS(SECRET ", ra.endentityprofile: KeyId, ra.certificateprofile: CP2, ra.caname: CA2"), NULL,
     NULL},
    {ALIAS(SECRET ", ra.endentityprofile: KeyId, ra.certificateprofile: ProfileDefault, ra.caname: "
                  "ProfileDefault"),
     NULL, NULL},
    {ALIAS(SECRET ", ra.endentityprofile: EE2, ra.certificateprofile: KeyId, ra.caname: KeyId"),
     NULL, NULL},
    {ALIAS(SECRET ", ra.endentityprofile: KeyId, ra.certificateprofile: CP2, ra.caname: CA1"),
     "5: aliases a: ra.caname: \"CA1\" is not one of available_cas of profile CP2", ""},
    {ALIAS(SECRET ", ra.endentityprofile: KeyId, ra.certificateprofile: CP1, ra.caname: X"),
     "5: aliases a: ra.caname: \"X\" does not exist", "CA1"},
    {ALIAS(SECRET ", ra.endentityprofile: keyid, ra.certificateprofile: CP1, ra.caname: CA1"),
     "5: aliases a: ra.endentityprofile: \"keyid\" does not exist", ""},
    {KEY_ID("{EE1: {default_ca: CA1}}", SECRET ", ra.certificateprofile: ProfileDefault, "
                                               "ra.caname: ProfileDefault"),
     "5: aliases a: ra.certificateprofile: ProfileDefault, but no end entity profile has a "
     "default_certificate_profile",
     ""},
    {KEY_ID("{EE1: {default_certificate_profile: CP1}}",
            SECRET ", ra.certificateprofile: ProfileDefault, ra.caname: ProfileDefault"),
     "5: aliases a: ra.caname: ProfileDefault, but no end entity profile has a default_ca", ""},
    {SERVER "cas: {KeyId: {}}\n", "2: cas KeyId: this name has", ""},
    {SERVER CAS "certificate_profiles: {KeyId: {}}\n", "3: certificate_profiles KeyId: this", ""},
    /* KeyId and the secret of the CA */
    {KEY_ID("{EE1: {}}", "ra.certificateprofile: CP1, ra.caname: KeyId"), NULL, NULL},
    {SERVER "cas: {CA1: {certificate: ca.crt, key: ca.key}}\n" CPS1
            "end_entity_profiles: {EE1: {}}\naliases: {a: {" MODE
            "ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: KeyId}}\n",
     "5: aliases a: authenticationmodule: HMAC has no secret", "no CA that requests can lead to"},
    {SERVER "cas: {CA1: {certificate: ca.crt, key: ca.key}}\n" CPS1
            "end_entity_profiles: {EE1: {}}\naliases: {a: {" MODE SECRET
            ", ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: KeyId}}\n",
     NULL, NULL},
    {KEY_ID("{EE1: {default_ca: CA1}, EE2: {default_ca: CA2}}",
            "ra.certificateprofile: CP1, ra.caname: ProfileDefault"),
     NULL, NULL},
    {KEY_ID("{EE1: {default_ca: CA1}, EE2: {}}",
            "ra.certificateprofile: CP1, ra.caname: ProfileDefault"),
     "5: aliases a: authenticationmodule: HMAC has no secret", "no CA that requests can lead to"},
    {KEY_ID("{EE1: {}}",
            "authenticationparameters: '-', ra.certificateprofile: CP1, ra.caname: CA1"),
     "5: aliases a: authenticationparameters: HMAC has no secret", "CA CA1"},
    /* whose end entities */
    {CLIENT(KEY, "authenticationmodule: HMAC, cas: CA1, end_entity_profiles: any"), NULL, NULL},
    {CLIENT(KEY, "authenticationmodule: HMAC, cas: [CA1, X]"),
     "4: aliases a: cas: \"X\" does not exist", "CA2"},
    {CLIENT(KEY, "authenticationmodule: HMAC, end_entity_profiles: [X]"),
     "4: aliases a: end_entity_profiles: \"X\" does not exist", ""},
    {CLIENT(KEY, "authenticationmodule: HMAC, cas: []"), "4: aliases a: cas: ", "not be empty"},
    {ALIAS(GOOD SECRET ", cas: CA1"), "5: aliases a: cas: for client mode", "ra.caname"},
    {ALIAS(GOOD SECRET ", cas: any, end_entity_profiles: any"), NULL, NULL},
    {ALIAS(GOOD SECRET ", end_entity_profiles: EE1"),
     "5: aliases a: end_entity_profiles: for client mode", "ra.endentityprofile"},
    {CLIENT(KEY, "authenticationmodule: HMAC, ra.caname: X"),
     "4: aliases a: ra.caname: \"X\" does not exist", ""},
    {CLIENT(KEY, "authenticationmodule: HMAC, ra.caname: KeyId, ra.endentityprofile: KeyId, "
                 "ra.certificateprofile: KeyId"),
     NULL, NULL},
    /* overrides */
    {SERVER CAS "certificate_profiles:\n  P:\n    overridable_extensions: 1.2.3\n",
     "5: certificate_profiles P: overridable_extensions: stands without allow_extension_override",
     ""},
    {SERVER CAS "certificate_profiles:\n  P:\n    overridable_extensions: []\n",
     "5: certificate_profiles P: overridable_extensions: must not be empty", "any or a list"},
    {SERVER CAS "certificate_profiles:\n  P:\n    overridable_extensions:\n    - 1.2.3\n"
                "    - keyUsage\n",
     "7: certificate_profiles P: overridable_extensions: \"keyUsage\" is not known", "tlsFeature"},
    {SERVER CAS "certificate_profiles:\n  P:\n    non_overridable_extensions: 3.1\n",
     "5: certificate_profiles P: non_overridable_extensions: \"3.1\" is not known", "tlsFeature"},
    {OVERRIDE("overridable_extensions: [1.2.3], allow_extension_override: yes"), NULL, NULL},
    {OVERRIDE("overridable_extensions: any, allow_extension_override: no"), NULL, NULL},
    {OVERRIDE("non_overridable_extensions: [1.2.3]"), NULL, NULL},
    {OVERRIDE("allow_serial_override: yes"), NULL, NULL},
    /* modules and secrets */
    {ALIAS(GOOD "authenticationparameters: [" CANARY ", x]"),
     "5: aliases a: authenticationparameters: 2 parameters for 1 modules", ""},
    {ALIAS(GOOD "authenticationparameters: ''"),
     "5: aliases a: authenticationparameters: ", "must not be empty"},
    {ALIAS(GOOD), "5: aliases a: authenticationmodule: HMAC has no secret", "CA1"},
    {ALIAS(GOOD "authenticationparameters: '-'"),
     "5: aliases a: authenticationparameters: HMAC has no secret", "CA CA1"},
    {ALIAS("ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: CA2, "
           "authenticationparameters: '-'"),
     NULL, NULL},
    /* client mode */
    {CLIENT(KEY, "authenticationmodule: HMAC"), NULL, NULL},
    {CLIENT(KEY, "authenticationmodule: HMAC, extractusernamecomponent: UID, defaultca: CA1"), NULL,
     NULL},
    {CLIENT("", "authenticationmodule: HMAC"),
     "4: aliases a: operationmode: client needs server.store_key", ""},
    {CLIENT(KEY, "authenticationmodule: HMAC, authenticationparameters: " CANARY),
     "4: aliases a: authenticationparameters: HMAC takes the end entity's code in client mode", ""},
    {CLIENT(KEY, "authenticationmodule: HMAC, responseprotection: pbe"),
     "4: aliases a: responseprotection: pbe in client mode", "signature or mirror"},
    {CLIENT(KEY, "authenticationmodule: HMAC, extractusernamecomponent: XYZ"),
     "4: aliases a: extractusernamecomponent: \"XYZ\" is no DN attribute", ""},
    {CLIENT(KEY, "authenticationmodule: EndEntityCertificate"), NULL, NULL},
    {CLIENT(KEY, "authenticationmodule: EndEntityCertificate, authenticationparameters: CA1"),
     "4: aliases a: authenticationparameters: EndEntityCertificate takes the end entity's own", ""},
    {CLIENT(KEY, "authenticationmodule: RegTokenPwd"), NULL, NULL},
    {CLIENT(KEY, "require_protection: no"), NULL, NULL}, /* the modules by default */
    {CLIENT(KEY, "authenticationmodule: RegTokenPwd, authenticationparameters: " CANARY),
     "4: aliases a: authenticationparameters: RegTokenPwd takes no parameter", ""},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd, authenticationparameters: OU"), NULL, NULL},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd, authenticationparameters: 1.2.3"), NULL, NULL},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd;DnPartPwd, authenticationparameters: OU;UID"),
     "4: aliases a: authenticationmodule: DnPartPwd twice", "once"},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd"),
     "4: aliases a: authenticationmodule: DnPartPwd needs the DN attribute", "OU"},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd, authenticationparameters: " CANARY),
     "4: aliases a: authenticationparameters: DnPartPwd needs the DN attribute", "OU"},
    {CLIENT(KEY, "authenticationmodule: DnPartPwd, authenticationparameters: UID, "
                 "extractusernamecomponent: uid"),
     "4: aliases a: extractusernamecomponent: UID holds the code", ""},
    {SERVER CAS CPS EES "aliases:\n  a:\n    operationmode: ra\n",
     "6: aliases a: authenticationmodule: RegTokenPwd in RA mode", "HMAC"},
    {MODULES("DnPartPwd;HMAC, authenticationparameters: OU;secret"),
     "5: aliases a: authenticationmodule: DnPartPwd in RA mode", "EndEntityCertificate"},
    {ALIAS(GOOD SECRET ", response.capubsca: [CA1, CA2], response.extracertsca: CA2;CA1"), NULL,
     NULL},
    {ALIAS(GOOD SECRET ", response.capubsca: [CA1, Nobody]"),
     "5: aliases a: response.capubsca: \"Nobody\" does not exist", "CA2"},
    {ALIAS(GOOD SECRET ", response.extracertsca: [Nobody]"),
     "5: aliases a: response.extracertsca: \"Nobody\" does not exist", "CA2"},
    {MODULES("EndEntityCertificate, authenticationparameters: CA1"), NULL, NULL},
    {MODULES("EndEntityCertificate;HMAC, authenticationparameters: CA2;secret"), NULL, NULL},
    {MODULES("EndEntityCertificate"),
     "5: aliases a: authenticationmodule: EndEntityCertificate needs the name of the CA", "CA1"},
    {MODULES("EndEntityCertificate, authenticationparameters: '-'"),
     "5: aliases a: authenticationparameters: EndEntityCertificate needs the name of the CA", ""},
    {MODULES("EndEntityCertificate, authenticationparameters: " CANARY),
     "5: aliases a: authenticationparameters: the parameter of EndEntityCertificate is the name of "
     "no CA",
     "CA1"},
    /* usernames */
    {ALIAS(GOOD SECRET ", ra.namegenerationparameters: CN;UID;1.2.3"), NULL, NULL},
    {ALIAS(GOOD SECRET ", ra.namegenerationparameters: CN;XYZ"),
     "5: aliases a: ra.namegenerationparameters: \"XYZ\" is no DN attribute", ""},
    {ALIAS(GOOD SECRET ", ra.namegenerationscheme: FIXED"),
     "5: aliases a: ra.namegenerationscheme: FIXED needs ra.namegenerationparameters", ""},
    {ALIAS(GOOD SECRET ", ra.namegenerationscheme: FIXED, ra.namegenerationparameters: [a, b]"),
     "5: aliases a: ra.namegenerationparameters: 2 names", ""},
    {ALIAS(GOOD SECRET ", ra.namegenerationscheme: RANDOM, ra.namegenerationparameters: xyz"), NULL,
     NULL},
    /* signers */
    {SERVER "cas: {A: {certificate: ca.crt, key: ca.key,\n cmp_signer: {certificate: ca.crt}}}\n",
     "3: cas A: cmp_signer.certificate: stands without cmp_signer.key", ""},
    {SERVER "cas: {A: {certificate: ca.crt, key: ca.key,\n cmp_signer: {key: ca.key}}}\n",
     "3: cas A: cmp_signer.key: stands without cmp_signer.certificate", ""},
    {SERVER "cas: {A: {certificate: ca.crt, key: ca.key,\n cmp_signer: {passphrase: " CANARY
            "}}}\n",
     "3: cas A: cmp_signer.passphrase: stands without cmp_signer.certificate", ""},
    {SERVER "cas:\n  A: {certificate: ca.crt}\n", "3: cas A: key: missing", "OSSL_STORE"},
    {SERVER "cas:\n  A: {key: ca.key}\n", "3: cas A: certificate: missing", "readable file"},
    {CAS CPS EES, "1: server: store: missing", "sqlite:PATH"},
    {SERVER CAS CPS EES, "1: aliases: there is none", ""},
    {SERVER CAS CPS EES "aliases: {}\n", "1: aliases: there is none", ""},
    /* vendor mode */
    {VENDOR(VENDOR_MODE BY_NUMBER "vendorca: V2"), NULL, NULL},
    {VENDOR(VENDOR_MODE BY_NUMBER "vendorca: V1;V2"), NULL, NULL},
    {VENDOR(VENDOR_MODE "extractusernamecomponent: 2.5.4.5, vendorca: [V1, V2]"), NULL, NULL},
    {VENDOR("vendorcertificatemode: no, vendorca: [], root_in_ip_extracerts: yes"), NULL, NULL},
    {VENDOR(VENDOR_MODE BY_NUMBER "vendorca:\n  [V1,\n  V3]"),
     "6: aliases a: vendorca: \"V3\" does not exist", "vendor_cas: V1, V2"},
    {VENDOR(VENDOR_MODE BY_NUMBER "vendorca: V1;CA1"),
     "4: aliases a: vendorca: \"CA1\" does not exist", "vendor_cas: V1, V2"},
    {VENDOR(VENDOR_MODE BY_NUMBER "defaultca: CA1"),
     "4: aliases a: vendorcertificatemode: yes needs vendorca", "vendor_cas: V1, V2"},
    {VENDOR("vendorca: V1"), "4: aliases a: vendorca: stands without vendorcertificatemode", ""},
    {VENDOR("vendorcertificatemode: no, vendorca: V1"),
     "4: aliases a: vendorca: stands without vendorcertificatemode", ""},
    {VENDOR(VENDOR_MODE "vendorca: V1"),
     "4: aliases a: vendorcertificatemode: vendorcertificatemode needs the attribute", "UID"},
    {VENDOR(VENDOR_MODE "vendorca: V1,\n  extractusernamecomponent: DN"),
     "5: aliases a: extractusernamecomponent: vendorcertificatemode needs the attribute", "UID"},
    {CLIENT(KEY, "authenticationmodule: HMAC, " VENDOR_MODE BY_NUMBER "vendorca: V1"),
     "4: aliases a: vendorcertificatemode: yes needs EndEntityCertificate", ""},
    {ALIAS(GOOD SECRET ", vendorcertificatemode: yes"),
     "5: aliases a: vendorcertificatemode: yes in RA mode", "client"},
    {SERVER CAS CPS EES "vendor_cas: {V: {}}\n", "5: vendor_cas V: certificate: missing",
     "readable file"},
    /* RAs */
    {SERVER CAS CPS EES "ras: {r: {}}\n",
     "5: ras r: 0 of certificate, subject, ski are given; allowed: one", ""},
    {SERVER CAS CPS EES "ras: {r: {subject: CN=r, ski: '00'}}\n",
     "5: ras r: 2 of certificate, subject, ski are given", ""},
    {SERVER CAS CPS EES "ras: {r: {subject: CN=r, operations: [genm]}}\n",
     "5: ras r: operations: ", "ir, cr, p10cr, kur, rr"},
    {SERVER CAS CPS EES "ras: {r: {subject: CN=r, cas: [CA3]}}\n",
     "5: ras r: cas: \"CA3\" does not exist", "CA1"},
    {SERVER CAS CPS EES "ras: {r: {subject: CN=r, aliases: [b]}}\n",
     "5: ras r: aliases: \"b\" does not exist", ""},
    {SERVER CAS CPS EES "ras: {r: {subject: CN=r, end_entity_profiles: [b]}}\n",
     "5: ras r: end_entity_profiles: \"b\" does not exist", "EE1"},
    /* names and kinds */
    {SERVER CAS CPS EES "aliases: {'a b': {}}\n", "5: aliases a b: not a name", "A-Za-z0-9._-"},
    {SERVER CAS CPS EES "aliases: {'..': {}}\n", "5: aliases ..: not a name", ""},
    {SERVER CAS CPS EES "aliases: {'.': {}}\n", "5: aliases .: not a name", ""},
    {SERVER CAS CPS EES "aliases: {a23456789012345678901234567890123: {}}\n",
     "5: aliases a23456789012345678901234567890123: not a name", "1 to 32"},
    {SERVER CAS CPS EES "aliases: {'': {}}\n", "5: aliases: not a name", ""},
    {SERVER CAS CPS EES "aliases: {[a]: {}}\n", "5: aliases: a name must be", ""},
    {SERVER CAS CPS EES "aliases: {a: {[a]: b}}\n", "5: aliases a: a key must be", ""},
    {"[a]: {}\n", "1: a section must be", ""},
    {SERVER "cas: {\"a\\nb\": {}}\n", "2: cas a\\x0ab: not a name", ""},
    {SERVER "cas: {ProfileDefault: {}}\n", "2: cas ProfileDefault: this name has", ""},
    {SERVER "cas:\n  A: {}\n  A: {}\n", "4: cas A: given twice", "cmp-server.yaml:3"},
    {SERVER "cas: [A]\n", "2: cas: must be a map of names", ""},
    {SERVER "cas: {A: b}\n", "2: cas A: must be a map of keys", ""},
    {"server: [A]\n", "1: server: must be a map of keys", ""},
    {"server:\n  log: info\n", "2: server: log: must be a map", ""},
    {"server:\n  log: {level: info}\n  log.level: info\n", "3: server: log.level: given twice",
     "cmp-server.yaml:2"},
    {"server: {}\nserver: {}\n", "2: server: given twice in this file", ""},
    {"server:\n  workers:\n\n    x\n", "2: server: workers: \"x\" is not a number", ""},
    {"sever: {}\n", "1: sever: unknown section", "did you mean server?"},
    {"zzzzzzzzzz: {}\n", "1: zzzzzzzzzz: unknown section", ""},
    {"server:\n  stor: x\n", "2: server: stor: unknown key", "did you mean store?"},
    {"server:\n  log: {levl: x}\n", "2: server: log.levl: unknown key", "log.level?"},
    {"server:\n  qqqqqqqqqqqq: x\n", "2: server: qqqqqqqqqqqq: unknown key", ""},
    {ALIAS(GOOD SECRET ", authenticationmodul: x"), "5: aliases a: authenticationmodul: unknown",
     "did you mean authenticationmodule?"},
};

static void test_cases(void)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cases); i++) {
        char head[256];

        load_text(cases[i].text);
        CU_ASSERT_EQUAL(conf != NULL, cases[i].head == NULL);
        if (cases[i].head == NULL && conf == NULL)
            fprintf(stderr, "\n%s\n%s\n", cases[i].text, errors.v[0]);
        if (cases[i].head == NULL)
            continue;
        snprintf(head, sizeof(head), "cmp-server.yaml:%s", cases[i].head);
        CU_ASSERT(has_error(head, cases[i].part));
    }
    unload();
}

/* One error a mistake: what follows from another is not reported. */
static void test_no_errors_that_follow(void)
{
    load_text(ALIAS(SECRET ", ra.endentityprofile: EE1, ra.certificateprofile: CP1, ra.caname: X"));
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text(ALIAS(SECRET ", ra.endentityprofile: X, ra.certificateprofile: ProfileDefault, "
                           "ra.caname: ProfileDefault"));
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text(KEY_ID("{EE1: {}}", "ra.certificateprofile: CP1, ra.caname: ProfileDefault"));
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text(SERVER CAS "certificate_profiles: {CP1: {overridable_extensions: 1.2.3,\n"
                         "allow_extension_override: perhaps}}\n" EES1
                         "aliases: {a: {" MODE GOOD SECRET "}}\n");
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text(ALIAS(GOOD "authenticationparameters: {file: missing}"));
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text(SERVER "cas: {CA1: {certificate: ca.crt, key: ca.key, cmp_ra_auth_secret: []}}\n" CPS
                     "end_entity_profiles: {EE1: {}}\naliases: {a: {" MODE GOOD "}}\n");
    CU_ASSERT(has_error("cmp-server.yaml:2: cas CA1: cmp_ra_auth_secret: ", "list"));
    for (size_t i = 0; i < errors.n; i++)
        CU_ASSERT(strstr(errors.v[i], "no secret") == NULL);
    unload();
}

static void test_long_username(void)
{
    char text[2048], name[201];

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text),
             ALIAS(GOOD SECRET ", ra.namegenerationscheme: FIXED, ra.namegenerationparameters: %s, "
                               "ra.namegenerationprefix: %.60s"),
             name, name);
    load_text(text);
    CU_ASSERT(has_error("cmp-server.yaml:5: aliases a: ra.namegenerationparameters: ", "260"));
    unload();
}

static void test_all_errors_in_order(void)
{
    static const char *const heads[] = {
        "cmp-server.yaml:2: server: store: missing",
        "cmp-server.yaml:3: server: workers: ",
        "cmp-server.yaml:4: server: wrkers: ",
        "cmp-server.yaml:7: cas A: certificate: ",
        "cmp-server.yaml:8: cas A: key: ",
        "cmp-server.yaml:9: cas A: cmp_ra_auth_secret: ",
        "cmp-server.yaml:12: certificate_profiles P: validity: ",
        "cmp-server.yaml:13: certificate_profiles P: available_cas: ",
        "cmp-server.yaml:16: aliases a: operationmode: ",
        "cmp-server.yaml:17: aliases a: authenticationmodule: ",
        "cmp-server.yaml:18: aliases a: pbm_iterations: ",
        "cmp-server.yaml:19: aliases a: ra.certificateprofile: ",
        "cmp-server.yaml:20: aliases a: ra.caname: ",
    };

    load_text("# a comment\nserver:\n  workers: x\n  wrkers: 1\n"
              "cas:\n  A:\n    certificate: missing\n    key: missing\n"
              "    cmp_ra_auth_secret: {" CANARY "}\n"
              "certificate_profiles:\n  P:\n    validity: 0\n    available_cas: X\n"
              "aliases:\n# aliases\n  a:\n    authenticationmodule: " CANARY "\n"
              "    pbm_iterations: 5..1\n    ra.certificateprofile: X\n    ra.caname: X\n");
    CU_ASSERT_EQUAL(errors.n, CMPSRV_ARRAY_SIZE(heads));
    for (size_t i = 0; i < errors.n && i < CMPSRV_ARRAY_SIZE(heads); i++) {
        char full[256];

        snprintf(full, sizeof(full), "%s/%s", dir, heads[i]);
        CU_ASSERT(strncmp(errors.v[i], full, strlen(full)) == 0);
        if (strncmp(errors.v[i], full, strlen(full)) != 0)
            fprintf(stderr, "\nwanted %s\n   got %s\n", full, errors.v[i]);
    }
    unload();
}

static void test_error_text(void)
{
    CMPSRV_CONF_POS pos = {"f.yaml", 7};

    cmpsrv_conf_error(&errors, pos, "cas", "CA\n", "key", "bad %d", 5);
    cmpsrv_conf_error(&errors, pos, "cas", NULL, NULL, "bad");
    cmpsrv_conf_error(&errors, pos, NULL, NULL, NULL, "bad");
    CU_ASSERT_EQUAL_FATAL(errors.n, 3);
    CU_ASSERT_STRING_EQUAL(errors.v[0], "f.yaml:7: cas CA\\x0a: key: bad 5");
    CU_ASSERT_STRING_EQUAL(errors.v[1], "f.yaml:7: cas: bad");
    CU_ASSERT_STRING_EQUAL(errors.v[2], "f.yaml:7: bad");
    unload();
}

TEST_MAIN("conf check", TEST(test_cases), TEST(test_no_errors_that_follow),
          TEST(test_long_username), TEST(test_all_errors_in_order), TEST(test_error_text))
