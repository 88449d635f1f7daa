/* SPDX-License-Identifier: Apache-2.0 */
/* EnvelopedData, RFC 5652 6, as CMP uses it for private keys and certificates; tags are IMPLICIT.
 */
#include "config.h"

#include "show/show_local.h"

static const SHOW_FIELD f_issuer_serial[] = {
    {"issuer", U, &show_name}, {"serialNumber", U, &show_serial}, END};
static const SHOW_TYPE t_issuer_serial =
    SHOW_SEQUENCE_WITH("IssuerAndSerialNumber", f_issuer_serial);
static const SHOW_FIELD f_rid[] = {{"issuerAndSerialNumber", U, &t_issuer_serial},
                                   {"subjectKeyIdentifier", I(0), &show_octets},
                                   END};
static const SHOW_TYPE t_rid = SHOW_CHOICE_WITH("RecipientIdentifier", f_rid);
static const SHOW_FIELD f_ktri[] = {{"version", U, &show_integer},
                                    {"rid", U, &t_rid},
                                    {"keyEncryptionAlgorithm", U, &show_algorithm},
                                    {"encryptedKey", U, &show_octets},
                                    END};

/* KeyAgreeRecipientInfo */
static const SHOW_FIELD f_originator_key[] = {
    {"algorithm", U, &show_algorithm}, {"publicKey", U, &show_bits}, END};
static const SHOW_TYPE t_originator_key =
    SHOW_SEQUENCE_WITH("OriginatorPublicKey", f_originator_key);
static const SHOW_FIELD f_originator[] = {{"issuerAndSerialNumber", U, &t_issuer_serial},
                                          {"subjectKeyIdentifier", I(0), &show_octets},
                                          {"originatorKey", C(1), &t_originator_key},
                                          END};
static const SHOW_TYPE t_originator = SHOW_CHOICE_WITH("OriginatorIdentifierOrKey", f_originator);
static const SHOW_FIELD f_recipient_key_id[] = {{"subjectKeyIdentifier", U, &show_octets},
                                                {"date", UO, &show_generalized_time},
                                                {"other", UO, &show_any},
                                                END};
static const SHOW_TYPE t_recipient_key_id =
    SHOW_SEQUENCE_WITH("RecipientKeyIdentifier", f_recipient_key_id);
static const SHOW_FIELD f_kari_rid[] = {
    {"issuerAndSerialNumber", U, &t_issuer_serial}, {"rKeyId", C(0), &t_recipient_key_id}, END};
static const SHOW_TYPE t_kari_rid = SHOW_CHOICE_WITH("KeyAgreeRecipientIdentifier", f_kari_rid);
static const SHOW_FIELD f_kari_key[] = {
    {"rid", U, &t_kari_rid}, {"encryptedKey", U, &show_octets}, END};
static const SHOW_TYPE t_kari_key = SHOW_SEQUENCE_WITH("RecipientEncryptedKey", f_kari_key);
static const SHOW_TYPE t_kari_keys = SHOW_LIST_OF("RecipientEncryptedKeys", t_kari_key);
static const SHOW_FIELD f_kari[] = {{"version", U, &show_integer},
                                    {"originator", E(0), &t_originator},
                                    {"ukm", EO(1), &show_octets},
                                    {"keyEncryptionAlgorithm", U, &show_algorithm},
                                    {"recipientEncryptedKeys", U, &t_kari_keys},
                                    END};

/* KEKRecipientInfo, PasswordRecipientInfo, OtherRecipientInfo (KEM: RFC 9629) */
static const SHOW_FIELD f_kekid[] = {{"keyIdentifier", U, &show_octets},
                                     {"date", UO, &show_generalized_time},
                                     {"other", UO, &show_any},
                                     END};
static const SHOW_TYPE t_kekid = SHOW_SEQUENCE_WITH("KEKIdentifier", f_kekid);
static const SHOW_FIELD f_kekri[] = {{"version", U, &show_integer},
                                     {"kekid", U, &t_kekid},
                                     {"keyEncryptionAlgorithm", U, &show_algorithm},
                                     {"encryptedKey", U, &show_octets},
                                     END};
static const SHOW_FIELD f_pwri[] = {{"version", U, &show_integer},
                                    {"keyDerivationAlgorithm", CO(0), &show_algorithm},
                                    {"keyEncryptionAlgorithm", U, &show_algorithm},
                                    {"encryptedKey", U, &show_octets},
                                    END};
static const SHOW_FIELD f_kemri[] = {
    {"version", U, &show_integer},     {"rid", U, &t_rid},
    {"kem", U, &show_algorithm},       {"kemct", U, &show_octets},
    {"kdf", U, &show_algorithm},       {"kekLength", U, &show_integer},
    {"ukm", EO(0), &show_octets},      {"wrap", U, &show_algorithm},
    {"encryptedKey", U, &show_octets}, END};
static const SHOW_TYPE t_kemri = SHOW_SEQUENCE_WITH("KEMRecipientInfo", f_kemri);
static const SHOW_OID_TYPE others[] = {{"1.2.840.113549.1.9.16.13.3", &t_kemri}, {NULL, NULL}};
static const SHOW_TYPE t_other_value = {.kind = SHOW_BY_OID, .name = "oriValue", .oids = others};
static const SHOW_FIELD f_ori[] = {{"oriType", U, &show_oid}, {"oriValue", U, &t_other_value}, END};
static const SHOW_TYPE t_ktri = SHOW_SEQUENCE_WITH("KeyTransRecipientInfo", f_ktri),
                       t_kari = SHOW_SEQUENCE_WITH("KeyAgreeRecipientInfo", f_kari),
                       t_kekri = SHOW_SEQUENCE_WITH("KEKRecipientInfo", f_kekri),
                       t_pwri = SHOW_SEQUENCE_WITH("PasswordRecipientInfo", f_pwri),
                       t_ori = SHOW_SEQUENCE_WITH("OtherRecipientInfo", f_ori);
static const SHOW_FIELD f_recipient[] = {{"ktri", U, &t_ktri},      {"kari", C(1), &t_kari},
                                         {"kekri", C(2), &t_kekri}, {"pwri", C(3), &t_pwri},
                                         {"ori", C(4), &t_ori},     END};
static const SHOW_TYPE t_recipient = SHOW_CHOICE_WITH("RecipientInfo", f_recipient);
static const SHOW_TYPE t_recipients = SHOW_SET_WITH("RecipientInfos", t_recipient);

static const SHOW_FIELD f_content[] = {{"contentType", U, &show_oid},
                                       {"contentEncryptionAlgorithm", U, &show_algorithm},
                                       {"encryptedContent", IO(0), &show_octets},
                                       END};
static const SHOW_TYPE t_content = SHOW_SEQUENCE_WITH("EncryptedContentInfo", f_content);
static const SHOW_FIELD f_enveloped[] = {{"version", U, &show_integer},
                                         {"originatorInfo", CO(0), &show_any},
                                         {"recipientInfos", U, &t_recipients},
                                         {"encryptedContentInfo", U, &t_content},
                                         {"unprotectedAttrs", CO(1), &show_attributes},
                                         END};
const SHOW_TYPE show_enveloped_data = SHOW_SEQUENCE_WITH("EnvelopedData", f_enveloped);
