/* SPDX-License-Identifier: Apache-2.0 */
/* Types of RFC 5280 and RFC 2986: certificates, CRLs, PKCS#10, names, extensions, algorithms. */
#include "config.h"

#include "show/show_local.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "wire/wire.h"

#define LAST_OID                                                                                   \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* ---- AlgorithmIdentifier -----------------------------------------------------------------------
 */

static const SHOW_TYPE t_parameters;
static const SHOW_FIELD f_algorithm[] = {
    {"algorithm", U, &show_oid}, {"parameters", UO, &t_parameters}, END};
const SHOW_TYPE show_algorithm = SHOW_SEQUENCE_WITH("AlgorithmIdentifier", f_algorithm);

/* PBMParameter, RFC 9810 5.1.3.1; DHBMParameter 5.1.3.2; KemBMParameter 5.1.3.4 */
static const SHOW_FIELD f_pbm[] = {{"salt", U, &show_octets},
                                   {"owf", U, &show_algorithm},
                                   {"iterationCount", U, &show_integer},
                                   {"mac", U, &show_algorithm},
                                   END};
static const SHOW_FIELD f_dhbm[] = {{"owf", U, &show_algorithm}, {"mac", U, &show_algorithm}, END};
static const SHOW_FIELD f_kembm[] = {{"kdf", U, &show_algorithm},
                                     {"kemContext", EO(0), &show_octets},
                                     {"len", U, &show_integer},
                                     {"mac", U, &show_algorithm},
                                     END};
static const SHOW_TYPE t_pbm = SHOW_SEQUENCE_WITH("PBMParameter", f_pbm),
                       t_dhbm = SHOW_SEQUENCE_WITH("DHBMParameter", f_dhbm),
                       t_kembm = SHOW_SEQUENCE_WITH("KemBMParameter", f_kembm);

/* PBMAC1-params and PBKDF2-params, RFC 8018 */
static const SHOW_FIELD f_pbmac1[] = {
    {"keyDerivationFunc", U, &show_algorithm}, {"messageAuthScheme", U, &show_algorithm}, END};
static const SHOW_FIELD f_salt[] = {
    {"specified", U, &show_octets}, {"otherSource", U, &show_algorithm}, END};
static const SHOW_TYPE t_salt = SHOW_CHOICE_WITH("salt", f_salt);
static const SHOW_FIELD f_pbkdf2[] = {{"salt", U, &t_salt},
                                      {"iterationCount", U, &show_integer},
                                      {"keyLength", UO, &show_integer},
                                      {"prf", UO, &show_algorithm},
                                      END};
static const SHOW_TYPE t_pbmac1 = SHOW_SEQUENCE_WITH("PBMAC1-params", f_pbmac1),
                       t_pbkdf2 = SHOW_SEQUENCE_WITH("PBKDF2-params", f_pbkdf2);

/* RSASSA-PSS-params and RSAES-OAEP-params, RFC 4055; GCMParameters, RFC 5084 */
static const SHOW_FIELD f_pss[] = {{"hashAlgorithm", EO(0), &show_algorithm},
                                   {"maskGenAlgorithm", EO(1), &show_algorithm},
                                   {"saltLength", EO(2), &show_integer},
                                   {"trailerField", EO(3), &show_integer},
                                   END};
static const SHOW_FIELD f_oaep[] = {{"hashFunc", EO(0), &show_algorithm},
                                    {"maskGenFunc", EO(1), &show_algorithm},
                                    {"pSourceFunc", EO(2), &show_algorithm},
                                    END};
static const SHOW_FIELD f_gcm[] = {{"nonce", U, &show_octets}, {"icvLen", UO, &show_integer}, END};
static const SHOW_TYPE t_pss = SHOW_SEQUENCE_WITH("RSASSA-PSS-params", f_pss),
                       t_oaep = SHOW_SEQUENCE_WITH("RSAES-OAEP-params", f_oaep),
                       t_gcm = SHOW_SEQUENCE_WITH("GCMParameters", f_gcm);

static const SHOW_OID_TYPE parameters[] = {
    {"1.2.840.113533.7.66.13", &t_pbm},
    {"1.2.840.113533.7.66.30", &t_dhbm},
    {"1.2.840.113533.7.66.16", &t_kembm},
    {"1.2.840.113549.1.5.14", &t_pbmac1},
    {"1.2.840.113549.1.5.12", &t_pbkdf2},
    {"1.2.840.10045.2.1", &show_oid}, /* ECParameters: a named curve */
    {"1.2.840.113549.1.1.10", &t_pss},
    {"1.2.840.113549.1.1.7", &t_oaep},
    {"1.2.840.113549.1.1.8", &show_algorithm}, /* MGF1 */
    {"2.16.840.1.101.3.4.1.2", &show_octets},  /* AES-CBC: the IV */
    {"2.16.840.1.101.3.4.1.22", &show_octets},
    {"2.16.840.1.101.3.4.1.42", &show_octets},
    {"2.16.840.1.101.3.4.1.6", &t_gcm},
    {"2.16.840.1.101.3.4.1.26", &t_gcm},
    {"2.16.840.1.101.3.4.1.46", &t_gcm},
    {"2.16.840.1.101.3.4.1.9", &t_gcm}, /* GMAC */
    {"2.16.840.1.101.3.4.1.29", &t_gcm},
    {"2.16.840.1.101.3.4.1.49", &t_gcm},
    {"1.2.840.113549.1.9.16.3.9", &show_algorithm}, /* id-alg-PWRI-KEK */
    LAST_OID,
};
static const SHOW_TYPE t_parameters = {
    .kind = SHOW_BY_OID, .name = "parameters", .oids = parameters};

/* ---- SubjectPublicKeyInfo ----------------------------------------------------------------------
 */

static const SHOW_FIELD f_spki[] = {
    {"algorithm", U, &show_algorithm}, {"subjectPublicKey", U, &show_bits}, END};

/* "rsa:2048", "ec:P-256", ... where it is a key that this project knows. */
static void show_key(SHOW *s, const SHOW_TYPE *t, CMPSRV_SLICE content)
{
    EVP_PKEY *key = NULL;
    char name[32];

    (void)t;
    if (cmpsrv_pubkey_decode(NULL, NULL, NULL, content, &key, name, NULL))
        show_text(s, "key", name);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

const SHOW_TYPE show_spki = {.kind = SHOW_SEQUENCE,
                             .name = "SubjectPublicKeyInfo",
                             .tag = DER_SEQUENCE,
                             .fields = f_spki,
                             .after = show_key};

/* ---- GeneralName -------------------------------------------------------------------------------
 */

static const SHOW_FIELD f_other_name[] = {
    {"type-id", U, &show_oid}, {"value", E(0), &show_any}, END};
static const SHOW_FIELD f_edi[] = {
    {"nameAssigner", EO(0), &show_string}, {"partyName", E(1), &show_string}, END};
static const SHOW_TYPE t_other_name = SHOW_SEQUENCE_WITH("OtherName", f_other_name),
                       t_edi = SHOW_SEQUENCE_WITH("EDIPartyName", f_edi);
static const SHOW_FIELD f_general_name[] = {{"otherName", C(0), &t_other_name},
                                            {"rfc822Name", I(1), &show_string},
                                            {"dNSName", I(2), &show_string},
                                            {"x400Address", C(3), &show_any},
                                            {"directoryName", E(4), &show_name},
                                            {"ediPartyName", C(5), &t_edi},
                                            {"uniformResourceIdentifier", I(6), &show_string},
                                            {"iPAddress", I(7), &show_ip},
                                            {"registeredID", I(8), &show_oid},
                                            END};
const SHOW_TYPE show_general_name = SHOW_CHOICE_WITH("GeneralName", f_general_name);
const SHOW_TYPE show_general_names = SHOW_LIST_OF("GeneralNames", show_general_name);

/* ---- extensions --------------------------------------------------------------------------------
 */

static const SHOW_WORD key_usage[] = {{0, "digitalSignature"}, {1, "nonRepudiation"},
                                      {2, "keyEncipherment"},  {3, "dataEncipherment"},
                                      {4, "keyAgreement"},     {5, "keyCertSign"},
                                      {6, "cRLSign"},          {7, "encipherOnly"},
                                      {8, "decipherOnly"},     {0, NULL}};
static const SHOW_WORD reason_flags[] = {
    {1, "keyCompromise"},      {2, "cACompromise"},         {3, "affiliationChanged"},
    {4, "superseded"},         {5, "cessationOfOperation"}, {6, "certificateHold"},
    {7, "privilegeWithdrawn"}, {8, "aACompromise"},         {0, NULL}};
static const SHOW_WORD crl_reasons[] = {{0, "unspecified"},
                                        {1, "keyCompromise"},
                                        {2, "cACompromise"},
                                        {3, "affiliationChanged"},
                                        {4, "superseded"},
                                        {5, "cessationOfOperation"},
                                        {6, "certificateHold"},
                                        {8, "removeFromCRL"},
                                        {9, "privilegeWithdrawn"},
                                        {10, "aACompromise"},
                                        {0, NULL}};
static const SHOW_TYPE t_key_usage = SHOW_BITS_WITH(key_usage),
                       t_reasons = SHOW_BITS_WITH(reason_flags);
static const SHOW_TYPE t_crl_reason = {.kind = SHOW_LEAF,
                                       .name = "CRLReason",
                                       .tag = DER_ENUMERATED,
                                       .write = show_write_integer,
                                       .words = crl_reasons};
static const SHOW_FIELD f_basic[] = {
    {"cA", UO, &show_boolean}, {"pathLenConstraint", UO, &show_integer}, END};
static const SHOW_FIELD f_aki[] = {{"keyIdentifier", IO(0), &show_octets},
                                   {"authorityCertIssuer", CO(1), &show_general_names},
                                   {"authorityCertSerialNumber", IO(2), &show_serial},
                                   END};
static const SHOW_FIELD f_attribute_value[] = {
    {"type", U, &show_oid}, {"value", U, &show_any}, END};
static const SHOW_TYPE t_attribute_value =
    SHOW_SEQUENCE_WITH("AttributeTypeAndValue", f_attribute_value);
static const SHOW_TYPE t_rdn = SHOW_SET_WITH("RelativeDistinguishedName", t_attribute_value);
static const SHOW_FIELD f_point_name[] = {
    {"fullName", C(0), &show_general_names}, {"nameRelativeToCRLIssuer", C(1), &t_rdn}, END};
static const SHOW_TYPE t_point_name = SHOW_CHOICE_WITH("DistributionPointName", f_point_name);
static const SHOW_FIELD f_point[] = {{"distributionPoint", EO(0), &t_point_name},
                                     {"reasons", IO(1), &t_reasons},
                                     {"cRLIssuer", CO(2), &show_general_names},
                                     END};
static const SHOW_FIELD f_access[] = {
    {"accessMethod", U, &show_oid}, {"accessLocation", U, &show_general_name}, END};
static const SHOW_FIELD f_policy[] = {
    {"policyIdentifier", U, &show_oid}, {"policyQualifiers", UO, &show_any}, END};
static const SHOW_FIELD f_mapping[] = {
    {"issuerDomainPolicy", U, &show_oid}, {"subjectDomainPolicy", U, &show_oid}, END};
static const SHOW_FIELD f_subtree[] = {{"base", U, &show_general_name},
                                       {"minimum", IO(0), &show_integer},
                                       {"maximum", IO(1), &show_integer},
                                       END};
static const SHOW_TYPE t_point = SHOW_SEQUENCE_WITH("DistributionPoint", f_point),
                       t_access = SHOW_SEQUENCE_WITH("AccessDescription", f_access),
                       t_policy = SHOW_SEQUENCE_WITH("PolicyInformation", f_policy),
                       t_mapping = SHOW_SEQUENCE_WITH("PolicyMapping", f_mapping),
                       t_subtree = SHOW_SEQUENCE_WITH("GeneralSubtree", f_subtree);
static const SHOW_TYPE t_subtrees = SHOW_LIST_OF("GeneralSubtrees", t_subtree);
static const SHOW_FIELD f_name_constraints[] = {
    {"permittedSubtrees", CO(0), &t_subtrees}, {"excludedSubtrees", CO(1), &t_subtrees}, END};
static const SHOW_FIELD f_policy_constraints[] = {{"requireExplicitPolicy", IO(0), &show_integer},
                                                  {"inhibitPolicyMapping", IO(1), &show_integer},
                                                  END};
static const SHOW_FIELD f_issuing_point[] = {{"distributionPoint", EO(0), &t_point_name},
                                             {"onlyContainsUserCerts", IO(1), &show_boolean},
                                             {"onlyContainsCACerts", IO(2), &show_boolean},
                                             {"onlySomeReasons", IO(3), &t_reasons},
                                             {"indirectCRL", IO(4), &show_boolean},
                                             {"onlyContainsAttributeCerts", IO(5), &show_boolean},
                                             END};
static const SHOW_TYPE t_basic = SHOW_SEQUENCE_WITH("BasicConstraints", f_basic),
                       t_aki = SHOW_SEQUENCE_WITH("AuthorityKeyIdentifier", f_aki),
                       t_eku = SHOW_LIST_OF("ExtKeyUsageSyntax", show_oid),
                       t_points = SHOW_LIST_OF("CRLDistributionPoints", t_point),
                       t_accesses = SHOW_LIST_OF("AuthorityInfoAccessSyntax", t_access),
                       t_policies = SHOW_LIST_OF("CertificatePolicies", t_policy),
                       t_mappings = SHOW_LIST_OF("PolicyMappings", t_mapping),
                       t_name_constraints =
                           SHOW_SEQUENCE_WITH("NameConstraints", f_name_constraints),
                       t_policy_constraints =
                           SHOW_SEQUENCE_WITH("PolicyConstraints", f_policy_constraints),
                       t_issuing_point =
                           SHOW_SEQUENCE_WITH("IssuingDistributionPoint", f_issuing_point),
                       t_features = SHOW_LIST_OF("Features", show_integer);

static const SHOW_OID_TYPE extensions[] = {
    {"2.5.29.14", &show_octets},
    {"2.5.29.15", &t_key_usage},
    {"2.5.29.17", &show_general_names},
    {"2.5.29.18", &show_general_names},
    {"2.5.29.19", &t_basic},
    {"2.5.29.20", &show_integer},
    {"2.5.29.21", &t_crl_reason},
    {"2.5.29.24", &show_generalized_time},
    {"2.5.29.27", &show_integer},
    {"2.5.29.28", &t_issuing_point},
    {"2.5.29.29", &show_general_names},
    {"2.5.29.30", &t_name_constraints},
    {"2.5.29.31", &t_points},
    {"2.5.29.32", &t_policies},
    {"2.5.29.33", &t_mappings},
    {"2.5.29.35", &t_aki},
    {"2.5.29.36", &t_policy_constraints},
    {"2.5.29.37", &t_eku},
    {"2.5.29.46", &t_points},
    {"2.5.29.54", &show_integer},
    {"1.3.6.1.5.5.7.1.1", &t_accesses},
    {"1.3.6.1.5.5.7.1.11", &t_accesses},
    {"1.3.6.1.5.5.7.1.24", &t_features},
    {"1.3.6.1.5.5.7.48.1.5", &show_null},
    LAST_OID,
};
static const SHOW_TYPE t_extension_value = {
    .kind = SHOW_IN_OCTETS, .name = "OCTET STRING", .oids = extensions};
static const SHOW_FIELD f_extension[] = {{"extnID", U, &show_oid},
                                         {"critical", UO, &show_boolean},
                                         {"extnValue", U, &t_extension_value},
                                         END};
static const SHOW_TYPE t_extension = SHOW_SEQUENCE_WITH("Extension", f_extension);
const SHOW_TYPE show_extensions = SHOW_LIST_OF("Extensions", t_extension);

/* ---- attributes of PKCS#10 and CMS -------------------------------------------------------------
 */

static const SHOW_TYPE t_extension_requests = SHOW_SET_WITH("values", show_extensions),
                       t_strings = SHOW_SET_WITH("values", show_string),
                       t_oids = SHOW_SET_WITH("values", show_oid),
                       t_octet_strings = SHOW_SET_WITH("values", show_octets),
                       t_times = SHOW_SET_WITH("values", show_time);
static const SHOW_OID_TYPE attributes[] = {
    {"1.2.840.113549.1.9.14", &t_extension_requests},
    {"1.2.840.113549.1.9.7", &t_strings},
    {"1.2.840.113549.1.9.2", &t_strings},
    {"1.2.840.113549.1.9.3", &t_oids},
    {"1.2.840.113549.1.9.4", &t_octet_strings},
    {"1.2.840.113549.1.9.5", &t_times},
    LAST_OID,
};
static const SHOW_TYPE t_attribute_values = {
    .kind = SHOW_BY_OID, .name = "SET", .oids = attributes};
static const SHOW_FIELD f_attribute[] = {
    {"type", U, &show_oid}, {"values", U, &t_attribute_values}, END};
static const SHOW_TYPE t_attribute = SHOW_SEQUENCE_WITH("Attribute", f_attribute);
const SHOW_TYPE show_attributes = SHOW_SET_WITH("Attributes", t_attribute);

/* ---- Certificate, CertificateList, CertificationRequest ----------------------------------------
 */

static const SHOW_WORD versions[] = {{0, "v1"}, {1, "v2"}, {2, "v3"}, {0, NULL}};
static const SHOW_TYPE t_version = SHOW_INTEGER_WITH(versions);
static const SHOW_FIELD f_validity[] = {
    {"notBefore", U, &show_time}, {"notAfter", U, &show_time}, END};
static const SHOW_TYPE t_validity = SHOW_SEQUENCE_WITH("Validity", f_validity);
static const SHOW_FIELD f_tbs[] = {{"version", EO(0), &t_version},
                                   {"serialNumber", U, &show_serial},
                                   {"signature", U, &show_algorithm},
                                   {"issuer", U, &show_name},
                                   {"validity", U, &t_validity},
                                   {"subject", U, &show_name},
                                   {"subjectPublicKeyInfo", U, &show_spki},
                                   {"issuerUniqueID", IO(1), &show_bits},
                                   {"subjectUniqueID", IO(2), &show_bits},
                                   {"extensions", EO(3), &show_extensions},
                                   END};
static const SHOW_TYPE t_tbs = SHOW_SEQUENCE_WITH("TBSCertificate", f_tbs);
static const SHOW_FIELD f_certificate[] = {{"tbsCertificate", U, &t_tbs},
                                           {"signatureAlgorithm", U, &show_algorithm},
                                           {"signatureValue", U, &show_bits},
                                           END};
const SHOW_TYPE show_certificate = SHOW_SEQUENCE_WITH("Certificate", f_certificate);

static const SHOW_FIELD f_revoked[] = {{"userCertificate", U, &show_serial},
                                       {"revocationDate", U, &show_time},
                                       {"crlEntryExtensions", UO, &show_extensions},
                                       END};
static const SHOW_TYPE t_revoked = SHOW_SEQUENCE_WITH("revokedCertificate", f_revoked);
static const SHOW_TYPE t_revoked_list = SHOW_LIST_OF("revokedCertificates", t_revoked);
static const SHOW_FIELD f_tbs_crl[] = {{"version", UO, &t_version},
                                       {"signature", U, &show_algorithm},
                                       {"issuer", U, &show_name},
                                       {"thisUpdate", U, &show_time},
                                       {"nextUpdate", UO, &show_time},
                                       {"revokedCertificates", UO, &t_revoked_list},
                                       {"crlExtensions", EO(0), &show_extensions},
                                       END};
static const SHOW_TYPE t_tbs_crl = SHOW_SEQUENCE_WITH("TBSCertList", f_tbs_crl);
static const SHOW_FIELD f_crl[] = {{"tbsCertList", U, &t_tbs_crl},
                                   {"signatureAlgorithm", U, &show_algorithm},
                                   {"signatureValue", U, &show_bits},
                                   END};
const SHOW_TYPE show_crl = SHOW_SEQUENCE_WITH("CertificateList", f_crl);

static const SHOW_FIELD f_request_info[] = {{"version", U, &t_version},
                                            {"subject", U, &show_name},
                                            {"subjectPKInfo", U, &show_spki},
                                            {"attributes", CO(0), &show_attributes},
                                            END};
static const SHOW_TYPE t_request_info =
    SHOW_SEQUENCE_WITH("CertificationRequestInfo", f_request_info);
static const SHOW_FIELD f_pkcs10[] = {{"certificationRequestInfo", U, &t_request_info},
                                      {"signatureAlgorithm", U, &show_algorithm},
                                      {"signature", U, &show_bits},
                                      END};
const SHOW_TYPE show_pkcs10 = SHOW_SEQUENCE_WITH("CertificationRequest", f_pkcs10);
