/* SPDX-License-Identifier: Apache-2.0 */
/* CRMF, RFC 4211: certificate requests, proof of possession, controls, encrypted keys. */
#include "config.h"

#include "show/show_local.h"

#define LAST_OID                                                                                   \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* ---- CertTemplate ------------------------------------------------------------------------------
 */

static const SHOW_WORD versions[] = {{0, "v1"}, {1, "v2"}, {2, "v3"}, {0, NULL}};
static const SHOW_TYPE t_version = SHOW_INTEGER_WITH(versions);
static const SHOW_FIELD f_validity[] = {
    {"notBefore", EO(0), &show_time}, {"notAfter", EO(1), &show_time}, END};
static const SHOW_TYPE t_validity = SHOW_SEQUENCE_WITH("OptionalValidity", f_validity);
static const SHOW_FIELD f_template[] = {{"version", IO(0), &t_version},
                                        {"serialNumber", IO(1), &show_serial},
                                        {"signingAlg", CO(2), &show_algorithm},
                                        {"issuer", EO(3), &show_name},
                                        {"validity", CO(4), &t_validity},
                                        {"subject", EO(5), &show_name},
                                        {"publicKey", CO(6), &show_spki},
                                        {"issuerUID", IO(7), &show_bits},
                                        {"subjectUID", IO(8), &show_bits},
                                        {"extensions", CO(9), &show_extensions},
                                        END};
const SHOW_TYPE show_cert_template = SHOW_SEQUENCE_WITH("CertTemplate", f_template);

static const SHOW_FIELD f_cert_id[] = {
    {"issuer", U, &show_general_name}, {"serialNumber", U, &show_serial}, END};
const SHOW_TYPE show_cert_id = SHOW_SEQUENCE_WITH("CertId", f_cert_id);

/* ---- encrypted keys ----------------------------------------------------------------------------
 */

static const SHOW_FIELD f_encrypted_value[] = {{"intendedAlg", CO(0), &show_algorithm},
                                               {"symmAlg", CO(1), &show_algorithm},
                                               {"encSymmKey", IO(2), &show_bits},
                                               {"keyAlg", CO(3), &show_algorithm},
                                               {"valueHint", IO(4), &show_octets},
                                               {"encValue", U, &show_bits},
                                               END};
static const SHOW_TYPE t_encrypted_value = SHOW_SEQUENCE_WITH("EncryptedValue", f_encrypted_value);
static const SHOW_FIELD f_encrypted_key[] = {
    {"encryptedValue", U, &t_encrypted_value}, {"envelopedData", C(0), &show_enveloped_data}, END};
const SHOW_TYPE show_encrypted_key = SHOW_CHOICE_WITH("EncryptedKey", f_encrypted_key);

/* ---- controls and regInfo ----------------------------------------------------------------------
 */

static const SHOW_WORD actions[] = {{0, "dontPublish"}, {1, "pleasePublish"}, {0, NULL}};
static const SHOW_WORD methods[] = {
    {0, "dontCare"}, {1, "x500"}, {2, "web"}, {3, "ldap"}, {0, NULL}};
static const SHOW_TYPE t_action = SHOW_INTEGER_WITH(actions), t_method = SHOW_INTEGER_WITH(methods);
static const SHOW_FIELD f_pub_info[] = {
    {"pubMethod", U, &t_method}, {"pubLocation", UO, &show_general_name}, END};
static const SHOW_TYPE t_pub_info = SHOW_SEQUENCE_WITH("SinglePubInfo", f_pub_info);
static const SHOW_TYPE t_pub_infos = SHOW_LIST_OF("pubInfos", t_pub_info);
static const SHOW_FIELD f_publication[] = {
    {"action", U, &t_action}, {"pubInfos", UO, &t_pub_infos}, END};
const SHOW_TYPE show_publication_info = SHOW_SEQUENCE_WITH("PKIPublicationInfo", f_publication);
static const SHOW_FIELD f_archive[] = {{"encryptedPrivKey", E(0), &show_encrypted_key},
                                       {"keyGenParameters", I(1), &show_octets},
                                       {"archiveRemGenPrivKey", I(2), &show_boolean},
                                       END};
static const SHOW_TYPE t_archive = SHOW_CHOICE_WITH("PKIArchiveOptions", f_archive);

static const SHOW_TYPE t_cert_request;
static const SHOW_OID_TYPE controls[] = {
    {"1.3.6.1.5.5.7.5.1.1", &show_utf8}, /* regToken */
    {"1.3.6.1.5.5.7.5.1.2", &show_utf8}, /* authenticator */
    {"1.3.6.1.5.5.7.5.1.3", &show_publication_info},
    {"1.3.6.1.5.5.7.5.1.4", &t_archive},
    {"1.3.6.1.5.5.7.5.1.5", &show_cert_id},       /* oldCertID */
    {"1.3.6.1.5.5.7.5.1.6", &show_spki},          /* protocolEncrKey */
    {"1.3.6.1.5.5.7.5.1.7", &show_cert_template}, /* altCertTemplate */
    {"1.3.6.1.5.5.7.5.1.11", &show_algorithm},    /* algId */
    {"1.3.6.1.5.5.7.5.1.12", &show_integer},      /* rsaKeyLen */
    {"1.3.6.1.5.5.7.5.2.1", &show_utf8},          /* utf8Pairs */
    {"1.3.6.1.5.5.7.5.2.2", &t_cert_request},     /* certReq */
    LAST_OID,
};
static const SHOW_TYPE t_control_value = {.kind = SHOW_BY_OID, .name = "value", .oids = controls};
static const SHOW_FIELD f_control[] = {{"type", U, &show_oid}, {"value", U, &t_control_value}, END};
static const SHOW_TYPE t_control = SHOW_SEQUENCE_WITH("AttributeTypeAndValue", f_control);
const SHOW_TYPE show_controls = SHOW_LIST_OF("Controls", t_control);

/* ---- proof of possession -----------------------------------------------------------------------
 */

static const SHOW_FIELD f_mac_value[] = {
    {"algId", U, &show_algorithm}, {"value", U, &show_bits}, END};
static const SHOW_TYPE t_mac_value = SHOW_SEQUENCE_WITH("PKMACValue", f_mac_value);
static const SHOW_FIELD f_auth_info[] = {
    {"sender", E(0), &show_general_name}, {"publicKeyMAC", U, &t_mac_value}, END};
static const SHOW_TYPE t_auth_info = SHOW_CHOICE_WITH("authInfo", f_auth_info);
static const SHOW_FIELD f_popo_input[] = {
    {"authInfo", U, &t_auth_info}, {"publicKey", U, &show_spki}, END};
static const SHOW_TYPE t_popo_input = SHOW_SEQUENCE_WITH("POPOSigningKeyInput", f_popo_input);
static const SHOW_FIELD f_popo_signing[] = {{"poposkInput", CO(0), &t_popo_input},
                                            {"algorithmIdentifier", U, &show_algorithm},
                                            {"signature", U, &show_bits},
                                            END};
static const SHOW_TYPE t_popo_signing = SHOW_SEQUENCE_WITH("POPOSigningKey", f_popo_signing);
static const SHOW_WORD subsequent[] = {{0, "encrCert"}, {1, "challengeResp"}, {0, NULL}};
static const SHOW_TYPE t_subsequent = SHOW_INTEGER_WITH(subsequent);
static const SHOW_FIELD f_popo_priv[] = {{"thisMessage", I(0), &show_bits},
                                         {"subsequentMessage", I(1), &t_subsequent},
                                         {"dhMAC", I(2), &show_bits},
                                         {"agreeMAC", C(3), &t_mac_value},
                                         {"encryptedKey", C(4), &show_enveloped_data},
                                         END};
static const SHOW_TYPE t_popo_priv = SHOW_CHOICE_WITH("POPOPrivKey", f_popo_priv);
static const SHOW_FIELD f_popo[] = {{"raVerified", I(0), &show_null},
                                    {"signature", C(1), &t_popo_signing},
                                    {"keyEncipherment", E(2), &t_popo_priv},
                                    {"keyAgreement", E(3), &t_popo_priv},
                                    END};
static const SHOW_TYPE t_popo = SHOW_CHOICE_WITH("ProofOfPossession", f_popo);

/* ---- CertReqMessages ---------------------------------------------------------------------------
 */

static const SHOW_FIELD f_cert_request[] = {{"certReqId", U, &show_integer},
                                            {"certTemplate", U, &show_cert_template},
                                            {"controls", UO, &show_controls},
                                            END};
static const SHOW_TYPE t_cert_request = SHOW_SEQUENCE_WITH("CertRequest", f_cert_request);
static const SHOW_TYPE t_reg_info = SHOW_LIST_OF("regInfo", t_control);
static const SHOW_FIELD f_cert_req_msg[] = {
    {"certReq", U, &t_cert_request}, {"popo", UO, &t_popo}, {"regInfo", UO, &t_reg_info}, END};
static const SHOW_TYPE t_cert_req_msg = SHOW_SEQUENCE_WITH("CertReqMsg", f_cert_req_msg);
const SHOW_TYPE show_cert_req_messages = SHOW_LIST_OF("CertReqMessages", t_cert_req_msg);
