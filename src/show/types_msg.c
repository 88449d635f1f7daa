/* SPDX-License-Identifier: Apache-2.0 */
/* PKIMessage, RFC 9810 5: header, the 27 bodies, general messages. Tags are EXPLICIT here. */
#include "config.h"

#include "show/show_local.h"

#define LAST_OID                                                                                   \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* ---- what many bodies have ---------------------------------------------------------------------
 */

static const SHOW_WORD statuses[] = {{0, "accepted"},          {1, "grantedWithMods"},
                                     {2, "rejection"},         {3, "waiting"},
                                     {4, "revocationWarning"}, {5, "revocationNotification"},
                                     {6, "keyUpdateWarning"},  {0, NULL}};
static const SHOW_WORD failures[] = {{0, "badAlg"},
                                     {1, "badMessageCheck"},
                                     {2, "badRequest"},
                                     {3, "badTime"},
                                     {4, "badCertId"},
                                     {5, "badDataFormat"},
                                     {6, "wrongAuthority"},
                                     {7, "incorrectData"},
                                     {8, "missingTimeStamp"},
                                     {9, "badPOP"},
                                     {10, "certRevoked"},
                                     {11, "certConfirmed"},
                                     {12, "wrongIntegrity"},
                                     {13, "badRecipientNonce"},
                                     {14, "timeNotAvailable"},
                                     {15, "unacceptedPolicy"},
                                     {16, "unacceptedExtension"},
                                     {17, "addInfoNotAvailable"},
                                     {18, "badSenderNonce"},
                                     {19, "badCertTemplate"},
                                     {20, "signerNotTrusted"},
                                     {21, "transactionIdInUse"},
                                     {22, "unsupportedVersion"},
                                     {23, "notAuthorized"},
                                     {24, "systemUnavail"},
                                     {25, "systemFailure"},
                                     {26, "duplicateCertReq"},
                                     {0, NULL}};
static const SHOW_TYPE t_status = SHOW_INTEGER_WITH(statuses),
                       t_failures = SHOW_BITS_WITH(failures),
                       t_free_text = SHOW_LIST_OF("PKIFreeText", show_utf8);
static const SHOW_FIELD f_status_info[] = {{"status", U, &t_status},
                                           {"statusString", UO, &t_free_text},
                                           {"failInfo", UO, &t_failures},
                                           END};
static const SHOW_TYPE t_status_info = SHOW_SEQUENCE_WITH("PKIStatusInfo", f_status_info);
static const SHOW_FIELD f_cmp_certificate[] = {
    {"x509v3PKCert", U, &show_certificate}, {"x509v2AttrCert", C(1), &show_any}, END};
static const SHOW_TYPE t_cmp_certificate = SHOW_CHOICE_WITH("CMPCertificate", f_cmp_certificate);
static const SHOW_TYPE t_certificates = SHOW_LIST_OF("CMPCertificates", t_cmp_certificate),
                       t_crls = SHOW_LIST_OF("CertificateLists", show_crl),
                       t_algorithms = SHOW_LIST_OF("AlgorithmIdentifiers", show_algorithm),
                       t_oids = SHOW_LIST_OF("OIDs", show_oid);

/* RFC 9810 5.3.19.15 and 5.3.13 */
static const SHOW_FIELD f_root_update[] = {{"newWithNew", U, &t_cmp_certificate},
                                           {"newWithOld", EO(0), &t_cmp_certificate},
                                           {"oldWithNew", EO(1), &t_cmp_certificate},
                                           END};
static const SHOW_TYPE t_root_update = SHOW_SEQUENCE_WITH("RootCaKeyUpdateContent", f_root_update);
static const SHOW_FIELD f_key_update[] = {{"oldWithNew", U, &t_cmp_certificate},
                                          {"newWithOld", U, &t_cmp_certificate},
                                          {"newWithNew", U, &t_cmp_certificate},
                                          END};
static const SHOW_TYPE t_key_update = SHOW_SEQUENCE_WITH("CAKeyUpdAnnContent", f_key_update);
static const SHOW_FIELD f_key_update_any[] = {
    {"cAKeyUpdAnnV2", U, &t_key_update}, {"cAKeyUpdAnnV3", E(0), &t_root_update}, END};
static const SHOW_TYPE t_key_update_any = SHOW_CHOICE_WITH("CAKeyUpdContent", f_key_update_any);

/* ---- InfoTypeAndValue --------------------------------------------------------------------------
 */

static const SHOW_FIELD f_template_content[] = {
    {"certTemplate", U, &show_cert_template}, {"keySpec", UO, &show_controls}, END};
static const SHOW_FIELD f_point_name[] = {
    {"fullName", C(0), &show_general_names}, {"nameRelativeToCRLIssuer", C(1), &show_any}, END};
static const SHOW_TYPE t_point_name = SHOW_CHOICE_WITH("DistributionPointName", f_point_name);
static const SHOW_FIELD f_crl_source[] = {
    {"dpn", E(0), &t_point_name}, {"issuer", E(1), &show_general_names}, END};
static const SHOW_TYPE t_crl_source = SHOW_CHOICE_WITH("CRLSource", f_crl_source);
static const SHOW_FIELD f_crl_status[] = {
    {"source", U, &t_crl_source}, {"thisUpdate", UO, &show_time}, END};
static const SHOW_TYPE t_crl_status = SHOW_SEQUENCE_WITH("CRLStatus", f_crl_status);
static const SHOW_FIELD f_kem[] = {{"kem", U, &show_algorithm}, {"ct", U, &show_octets}, END};
static const SHOW_TYPE t_template_content =
                           SHOW_SEQUENCE_WITH("CertReqTemplateContent", f_template_content),
                       t_crl_statuses = SHOW_LIST_OF("CRLStatusList", t_crl_status),
                       t_kem = SHOW_SEQUENCE_WITH("KemCiphertextInfo", f_kem),
                       t_texts = SHOW_LIST_OF("UTF8Strings", show_utf8);
static const SHOW_TYPE t_messages = SHOW_LIST_OF("PKIMessages", show_pki_message);

static const SHOW_OID_TYPE infos[] = {
    {"1.3.6.1.5.5.7.4.1", &t_cmp_certificate},      /* caProtEncCert */
    {"1.3.6.1.5.5.7.4.2", &t_algorithms},           /* signKeyPairTypes */
    {"1.3.6.1.5.5.7.4.3", &t_algorithms},           /* encKeyPairTypes */
    {"1.3.6.1.5.5.7.4.4", &show_algorithm},         /* preferredSymmAlg */
    {"1.3.6.1.5.5.7.4.5", &t_key_update_any},       /* caKeyUpdateInfo */
    {"1.3.6.1.5.5.7.4.6", &show_crl},               /* currentCRL */
    {"1.3.6.1.5.5.7.4.7", &t_oids},                 /* unsupportedOIDs */
    {"1.3.6.1.5.5.7.4.10", &show_oid},              /* keyPairParamReq */
    {"1.3.6.1.5.5.7.4.11", &show_algorithm},        /* keyPairParamRep */
    {"1.3.6.1.5.5.7.4.12", &show_encrypted_key},    /* revPassphrase */
    {"1.3.6.1.5.5.7.4.13", &show_null},             /* implicitConfirm */
    {"1.3.6.1.5.5.7.4.14", &show_generalized_time}, /* confirmWaitTime */
    {"1.3.6.1.5.5.7.4.15", &t_messages},            /* origPKIMessage */
    {"1.3.6.1.5.5.7.4.16", &t_texts},               /* suppLangTags */
    {"1.3.6.1.5.5.7.4.17", &t_certificates},        /* caCerts */
    {"1.3.6.1.5.5.7.4.18", &t_root_update},         /* rootCaKeyUpdate */
    {"1.3.6.1.5.5.7.4.19", &t_template_content},    /* certReqTemplate */
    {"1.3.6.1.5.5.7.4.20", &t_cmp_certificate},     /* rootCaCert */
    {"1.3.6.1.5.5.7.4.21", &t_texts},               /* certProfile */
    {"1.3.6.1.5.5.7.4.22", &t_crl_statuses},        /* crlStatusList */
    {"1.3.6.1.5.5.7.4.23", &t_crls},                /* crls */
    {"1.3.6.1.5.5.7.4.24", &t_kem},                 /* KemCiphertextInfo */
    LAST_OID,
};
static const SHOW_TYPE t_info_value = {.kind = SHOW_BY_OID, .name = "infoValue", .oids = infos};
static const SHOW_FIELD f_info[] = {
    {"infoType", U, &show_oid}, {"infoValue", UO, &t_info_value}, END};
static const SHOW_TYPE t_info = SHOW_SEQUENCE_WITH("InfoTypeAndValue", f_info);
static const SHOW_TYPE t_infos = SHOW_LIST_OF("InfoTypeAndValues", t_info);

/* ---- PKIHeader ---------------------------------------------------------------------------------
 */

static const SHOW_WORD pvnos[] = {{1, "cmp1999"}, {2, "cmp2000"}, {3, "cmp2021"}, {0, NULL}};
static const SHOW_TYPE t_pvno = SHOW_INTEGER_WITH(pvnos);
static const SHOW_FIELD f_header[] = {{"pvno", U, &t_pvno},
                                      {"sender", U, &show_general_name},
                                      {"recipient", U, &show_general_name},
                                      {"messageTime", EO(0), &show_generalized_time},
                                      {"protectionAlg", EO(1), &show_algorithm},
                                      {"senderKID", EO(2), &show_octets},
                                      {"recipKID", EO(3), &show_octets},
                                      {"transactionID", EO(4), &show_octets},
                                      {"senderNonce", EO(5), &show_octets},
                                      {"recipNonce", EO(6), &show_octets},
                                      {"freeText", EO(7), &t_free_text},
                                      {"generalInfo", EO(8), &t_infos},
                                      END};
static const SHOW_TYPE t_header = SHOW_SEQUENCE_WITH("PKIHeader", f_header);

/* ---- CertRepMessage, KeyRecRepContent ----------------------------------------------------------
 */

static const SHOW_FIELD f_cert_or_enc[] = {
    {"certificate", E(0), &t_cmp_certificate}, {"encryptedCert", E(1), &show_encrypted_key}, END};
static const SHOW_TYPE t_cert_or_enc = SHOW_CHOICE_WITH("CertOrEncCert", f_cert_or_enc);
static const SHOW_FIELD f_key_pair[] = {{"certOrEncCert", U, &t_cert_or_enc},
                                        {"privateKey", EO(0), &show_encrypted_key},
                                        {"publicationInfo", EO(1), &show_publication_info},
                                        END};
static const SHOW_TYPE t_key_pair = SHOW_SEQUENCE_WITH("CertifiedKeyPair", f_key_pair);
static const SHOW_TYPE t_key_pairs = SHOW_LIST_OF("CertifiedKeyPairs", t_key_pair);
static const SHOW_FIELD f_response[] = {{"certReqId", U, &show_integer},
                                        {"status", U, &t_status_info},
                                        {"certifiedKeyPair", UO, &t_key_pair},
                                        {"rspInfo", UO, &show_octets},
                                        END};
static const SHOW_TYPE t_response = SHOW_SEQUENCE_WITH("CertResponse", f_response);
static const SHOW_TYPE t_responses = SHOW_LIST_OF("CertResponses", t_response);
static const SHOW_FIELD f_cert_rep[] = {
    {"caPubs", EO(1), &t_certificates}, {"response", U, &t_responses}, END};
static const SHOW_TYPE t_cert_rep = SHOW_SEQUENCE_WITH("CertRepMessage", f_cert_rep);
static const SHOW_FIELD f_key_rec[] = {{"status", U, &t_status_info},
                                       {"newSigCert", EO(0), &t_cmp_certificate},
                                       {"caCerts", EO(1), &t_certificates},
                                       {"keyPairHist", EO(2), &t_key_pairs},
                                       END};
static const SHOW_TYPE t_key_rec = SHOW_SEQUENCE_WITH("KeyRecRepContent", f_key_rec);

/* ---- challenges --------------------------------------------------------------------------------
 */

static const SHOW_FIELD f_challenge[] = {{"owf", UO, &show_algorithm},
                                         {"witness", U, &show_octets},
                                         {"challenge", U, &show_octets},
                                         {"encryptedRand", EO(0), &show_enveloped_data},
                                         END};
static const SHOW_TYPE t_challenge = SHOW_SEQUENCE_WITH("Challenge", f_challenge);
static const SHOW_TYPE t_challenges = SHOW_LIST_OF("POPODecKeyChallContent", t_challenge),
                       t_integers = SHOW_LIST_OF("POPODecKeyRespContent", show_integer);

/* ---- revocation --------------------------------------------------------------------------------
 */

static const SHOW_FIELD f_rev_details[] = {
    {"certDetails", U, &show_cert_template}, {"crlEntryDetails", UO, &show_extensions}, END};
static const SHOW_TYPE t_rev_details = SHOW_SEQUENCE_WITH("RevDetails", f_rev_details);
static const SHOW_TYPE t_rev_req = SHOW_LIST_OF("RevReqContent", t_rev_details),
                       t_status_infos = SHOW_LIST_OF("PKIStatusInfos", t_status_info),
                       t_cert_ids = SHOW_LIST_OF("CertIds", show_cert_id);
static const SHOW_FIELD f_rev_rep[] = {{"status", U, &t_status_infos},
                                       {"revCerts", EO(0), &t_cert_ids},
                                       {"crls", EO(1), &t_crls},
                                       END};
static const SHOW_TYPE t_rev_rep = SHOW_SEQUENCE_WITH("RevRepContent", f_rev_rep);
static const SHOW_FIELD f_rev_ann[] = {{"status", U, &t_status},
                                       {"certId", U, &show_cert_id},
                                       {"willBeRevokedAt", U, &show_generalized_time},
                                       {"badSinceDate", U, &show_generalized_time},
                                       {"crlDetails", UO, &show_extensions},
                                       END};
static const SHOW_TYPE t_rev_ann = SHOW_SEQUENCE_WITH("RevAnnContent", f_rev_ann);

/* ---- confirmation, polling, errors -------------------------------------------------------------
 */

static const SHOW_FIELD f_cert_status[] = {{"certHash", U, &show_octets},
                                           {"certReqId", U, &show_integer},
                                           {"statusInfo", UO, &t_status_info},
                                           {"hashAlg", EO(0), &show_algorithm},
                                           END};
static const SHOW_FIELD f_poll_req[] = {{"certReqId", U, &show_integer}, END};
static const SHOW_FIELD f_poll_rep[] = {{"certReqId", U, &show_integer},
                                        {"checkAfter", U, &show_integer},
                                        {"reason", UO, &t_free_text},
                                        END};
static const SHOW_FIELD f_error[] = {{"pKIStatusInfo", U, &t_status_info},
                                     {"errorCode", UO, &show_integer},
                                     {"errorDetails", UO, &t_free_text},
                                     END};
static const SHOW_TYPE t_cert_status = SHOW_SEQUENCE_WITH("CertStatus", f_cert_status),
                       t_poll_req = SHOW_SEQUENCE_WITH("pollReq", f_poll_req),
                       t_poll_rep = SHOW_SEQUENCE_WITH("pollRep", f_poll_rep),
                       t_error = SHOW_SEQUENCE_WITH("ErrorMsgContent", f_error);
static const SHOW_TYPE t_cert_conf = SHOW_LIST_OF("CertConfirmContent", t_cert_status),
                       t_poll_reqs = SHOW_LIST_OF("PollReqContent", t_poll_req),
                       t_poll_reps = SHOW_LIST_OF("PollRepContent", t_poll_rep);

/* ---- PKIBody, PKIMessage -----------------------------------------------------------------------
 */

static const SHOW_FIELD f_body[] = {{"ir", E(0), &show_cert_req_messages},
                                    {"ip", E(1), &t_cert_rep},
                                    {"cr", E(2), &show_cert_req_messages},
                                    {"cp", E(3), &t_cert_rep},
                                    {"p10cr", E(4), &show_pkcs10},
                                    {"popdecc", E(5), &t_challenges},
                                    {"popdecr", E(6), &t_integers},
                                    {"kur", E(7), &show_cert_req_messages},
                                    {"kup", E(8), &t_cert_rep},
                                    {"krr", E(9), &show_cert_req_messages},
                                    {"krp", E(10), &t_key_rec},
                                    {"rr", E(11), &t_rev_req},
                                    {"rp", E(12), &t_rev_rep},
                                    {"ccr", E(13), &show_cert_req_messages},
                                    {"ccp", E(14), &t_cert_rep},
                                    {"ckuann", E(15), &t_key_update_any},
                                    {"cann", E(16), &t_cmp_certificate},
                                    {"rann", E(17), &t_rev_ann},
                                    {"crlann", E(18), &t_crls},
                                    {"pkiconf", E(19), &show_null},
                                    {"nested", E(20), &t_messages},
                                    {"genm", E(21), &t_infos},
                                    {"genp", E(22), &t_infos},
                                    {"error", E(23), &t_error},
                                    {"certConf", E(24), &t_cert_conf},
                                    {"pollReq", E(25), &t_poll_reqs},
                                    {"pollRep", E(26), &t_poll_reps},
                                    END};
static const SHOW_TYPE t_body = SHOW_CHOICE_WITH("PKIBody", f_body);
static const SHOW_FIELD f_message[] = {{"header", U, &t_header},
                                       {"body", U, &t_body},
                                       {"protection", EO(0), &show_bits},
                                       {"extraCerts", EO(1), &t_certificates},
                                       END};
const SHOW_TYPE show_pki_message = SHOW_SEQUENCE_WITH("PKIMessage", f_message);
