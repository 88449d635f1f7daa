/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: bytes to views and back. Parses PKIMessages into slices of the received buffer, checks and
 * makes protection, compares names, builds answers. No policy: what is allowed comes in as a
 * parameter.
 */
#ifndef CMPSRV_WIRE_H
#define CMPSRV_WIRE_H

#include "base/model.h"
#include "wire/der.h"

/* ---- pkimsg.c: PKIMessage, RFC 9810 5.1 --------------------------------------------------------
 */

#define CMPSRV_MAX_DEPTH    40
#define CMPSRV_MAX_ELEMENTS 20000

/* A message in slices; borrows from the received buffer and must not outlive it. Absent fields have
 * p == NULL. */
typedef struct cmpsrv_pkimsg_st {
    CMPSRV_SLICE der;        /* all of it */
    CMPSRV_SLICE header;     /* TLV as received: what protection covers, ... */
    CMPSRV_SLICE body;       /* ... with the body's [n] TLV */
    CMPSRV_SLICE body_value; /* the TLV inside [n] */
    int body_type;           /* CMPSRV_BODY, or -1 before it was read */
    CMPSRV_SLICE protection; /* octets of the BIT STRING */
    CMPSRV_SLICE extra_certs[CMPSRV_MAX_EXTRA_CERTS]; /* Certificate TLVs */
    size_t extra_certs_n;
    /* header */
    int64_t pvno;
    CMPSRV_SLICE sender;    /* GeneralName TLV */
    CMPSRV_SLICE sender_dn; /* Name TLV if it is a directoryName */
    CMPSRV_SLICE recipient; /* GeneralName TLV */
    CMPSRV_SLICE recipient_dn;
    int has_message_time;
    int64_t message_time;        /* ms UTC */
    CMPSRV_SLICE protection_alg; /* AlgorithmIdentifier TLV */
    CMPSRV_SLICE sender_kid, recip_kid, transaction_id, sender_nonce, recip_nonce; /* octets */
    CMPSRV_SLICE free_text;    /* PKIFreeText TLV */
    CMPSRV_SLICE general_info; /* content of the SEQUENCE OF InfoTypeAndValue */
    int implicit_confirm;      /* generalInfo asks for it */
} CMPSRV_PKIMSG;

/*
 * H0 of cmp-conformance.md 1.1: strict DER of all of `der`, limits, every header field of the right
 * type. On failure *msg holds what could be read (an error answer copies transactionID and nonce),
 * *why is BAD_DATA_FORMAT, LIMIT_EXCEEDED, BAD_TRANSACTION_ID (not 1 to 64 octets),
 * BAD_GENERAL_INFO or BAD_ALG (protectionAlg has parameters of a type its OID does not have). Every
 * AlgorithmIdentifier's and GeneralName's shape is checked here, before any of it reaches
 * libcrypto. Returns 1/0.
 */
int cmpsrv_pkimsg_parse(CMPSRV_SLICE der, CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why);
/* "ir", "certConf", ...; "?" for none. Static. */
const char *cmpsrv_body_name(int body_type);

/* The header of an answer, cmp-conformance.md 1.3. Slices are borrowed. */
typedef struct cmpsrv_answer_head_st {
    int64_t pvno;
    CMPSRV_SLICE sender;         /* GeneralName TLV; absent: NULL-DN */
    CMPSRV_SLICE recipient;      /* GeneralName TLV; absent: NULL-DN */
    int64_t message_time;        /* ms UTC */
    CMPSRV_SLICE protection_alg; /* AlgorithmIdentifier TLV; absent: unprotected */
    CMPSRV_SLICE sender_kid, transaction_id, sender_nonce, recip_nonce;
    int implicit_confirm;       /* put id-it-implicitConfirm with NULL */
    int64_t confirm_wait_until; /* ms UTC, 0: none */
} CMPSRV_ANSWER_HEAD;

/* Makes the protection octets over header and body; *out is owned by the caller afterwards. */
typedef int (*CMPSRV_PROTECT_CB)(void *arg, CMPSRV_SLICE header, CMPSRV_SLICE body,
                                 CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/*
 * Puts a PKIMessage together: header, `body` (the [n] TLV), protection by cb if
 * head->protection_alg is present, extraCerts (Certificate TLVs, may be none). 1, or 0 with *why.
 */
int cmpsrv_pkimsg_build(const CMPSRV_ANSWER_HEAD *head, CMPSRV_SLICE body, CMPSRV_PROTECT_CB cb,
                        void *arg, const CMPSRV_SLICE *extra_certs, size_t extra_certs_n,
                        CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);

/* ---- body.c: bodies of answers -----------------------------------------------------------------
 */

/* PKIStatus */
enum {
    CMPSRV_STATUS_ACCEPTED = 0,
    CMPSRV_STATUS_GRANTED_WITH_MODS = 1,
    CMPSRV_STATUS_REJECTION = 2,
    CMPSRV_STATUS_WAITING = 3
};

/* Each gives the body's [n] TLV in *out; 1, or 0 without memory. fail_info is one bit number, -1:
 * none. */
int cmpsrv_body_error(int fail_info, const char *text, CMPSRV_BYTES *out);
/* ip, cp, kup with one CertResponse that rejects. */
int cmpsrv_body_cert_rejection(int body_type, int64_t cert_req_id, int fail_info, const char *text,
                               CMPSRV_BYTES *out);
int cmpsrv_body_rp_rejection(int fail_info, const char *text, CMPSRV_BYTES *out);
int cmpsrv_body_pkiconf(CMPSRV_BYTES *out);
/* Accepted; issuer: Name TLV, serial: content of its INTEGER. */
int cmpsrv_body_rp(CMPSRV_SLICE issuer, CMPSRV_SLICE serial, CMPSRV_BYTES *out);
/* What a CertRepMessage with one CertResponse is to say; slices are borrowed. */
typedef struct cmpsrv_certrep_st {
    int64_t cert_req_id;
    int status;
    CMPSRV_SLICE cert;           /* Certificate TLV, or ... */
    CMPSRV_SLICE encrypted_cert; /* ... EncryptedKey as encrypt.c makes it */
    const CMPSRV_SLICE *ca_pubs; /* Certificate TLVs; none: the field is absent */
    size_t ca_pubs_n;
} CMPSRV_CERTREP;
int cmpsrv_body_certrep(int body_type, const CMPSRV_CERTREP *rep, CMPSRV_BYTES *out);

/* ---- body.c: bodies of requests ----------------------------------------------------------------
 */

typedef struct cmpsrv_cert_status_st { /* CertStatus, RFC 9810 5.3.18 */
    int present;                       /* 0: an empty certConf, which rejects everything */
    CMPSRV_SLICE cert_hash;
    int64_t cert_req_id;
    int status;     /* CMPSRV_STATUS_ACCEPTED (also when statusInfo is absent) or _REJECTION */
    char text[256]; /* first statusString, escaped; "" */
    CMPSRV_SLICE hash_alg; /* AlgorithmIdentifier TLV, or absent */
} CMPSRV_CERT_CONF;
/* More than one CertStatus: ONE_REQUEST_ONLY; other status values, or failInfo with accepted:
 * BAD_REQUEST. */
int cmpsrv_certconf_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_CONF *out, CMPSRV_REFUSAL *why);

typedef struct cmpsrv_rev_details_st { /* RevDetails, RFC 9810 5.3.9 */
    CMPSRV_SLICE issuer;               /* Name TLV */
    CMPSRV_SLICE serial;               /* content octets */
    CMPSRV_SLICE subject;              /* Name TLV, if given */
    CMPSRV_SLICE spki;                 /* content of the SEQUENCE, if given */
    int reason;                        /* CRLReason; 0 when absent */
} CMPSRV_REV_DETAILS;
/* Two RevDetails: ONE_REQUEST_ONLY; issuer or serialNumber missing: ADD_INFO_NOT_AVAILABLE; reason
 * twice: BAD_REQUEST; reason outside 0-6, 8-10: BAD_CRL_ENTRY_DETAILS. */
int cmpsrv_rr_parse(CMPSRV_SLICE body_value, CMPSRV_REV_DETAILS *out, CMPSRV_REFUSAL *why);

/* PKIStatusInfo of an error body from a client, as escaped text for the log; "" if unreadable. */
void cmpsrv_error_text(CMPSRV_SLICE body_value, char *out, size_t size);

/* ---- crmf.c, p10.c, extension.c: ir, cr, kur (RFC 4211), p10cr (RFC 2986) in one shape ----------
 */

typedef enum {
    CMPSRV_POP_ABSENT,
    CMPSRV_POP_RA_VERIFIED,
    CMPSRV_POP_SIGNATURE,
    CMPSRV_POP_SIGNATURE_INPUT,
    CMPSRV_POP_KEY_ENCIPHERMENT,
    CMPSRV_POP_KEY_AGREEMENT,
    CMPSRV_POP_PKCS10
} CMPSRV_POP_KIND;

/* POPOPrivKey, RFC 9810 5.2.8.3; the only one that is served is ENCR_CERT. */
typedef enum {
    CMPSRV_POP_THIS_MESSAGE,
    CMPSRV_POP_ENCR_CERT,      /* subsequentMessage encrCert */
    CMPSRV_POP_CHALLENGE_RESP, /* subsequentMessage challengeResp */
    CMPSRV_POP_DH_MAC,
    CMPSRV_POP_AGREE_MAC,
    CMPSRV_POP_ENCRYPTED_KEY
} CMPSRV_POP_METHOD;

typedef struct cmpsrv_cert_request_st {
    int64_t cert_req_id; /* -1 for p10cr */
    /* CertTemplate */
    int has_version;
    int64_t version;
    CMPSRV_SLICE serial;          /* content octets */
    CMPSRV_SLICE signing_alg;     /* content */
    CMPSRV_SLICE issuer, subject; /* Name TLV */
    int has_not_before, has_not_after, has_validity;
    int64_t not_before, not_after;
    CMPSRV_SLICE spki; /* content octets of the SEQUENCE: write it with tag 30; absent: no key */
    int has_unique_ids;
    CMPSRV_SLICE extensions; /* content of the SEQUENCE OF Extension; each is checked for shape */
    CMPSRV_SLICE controls;   /* content of the SEQUENCE OF AttributeTypeAndValue */
    CMPSRV_SLICE reg_info;   /* the same */
    /* proof of possession */
    CMPSRV_POP_KIND pop;
    CMPSRV_SLICE pop_signed; /* what is signed: CertRequest TLV, CertificationRequestInfo TLV; only
                                with SIGNATURE and PKCS10 */
    CMPSRV_SLICE pop_alg;    /* AlgorithmIdentifier TLV */
    CMPSRV_SLICE pop_signature; /* octets */
    struct {                    /* poposkInput: SIGNATURE_INPUT only */
        CMPSRV_SLICE content;   /* of POPOSigningKeyInput: what is signed, with tag 30 in front */
        CMPSRV_SLICE sender_dn; /* authInfo: directoryName of sender (Name TLV), or ... */
        CMPSRV_SLICE mac_alg, mac; /* ... publicKeyMAC; all absent: sender is another GeneralName */
        CMPSRV_SLICE spki;         /* content of publicKey */
        int is_only_key;           /* the template has none: `spki` above is this one */
    } input;
    CMPSRV_POP_METHOD pop_method; /* KEY_ENCIPHERMENT and KEY_AGREEMENT only */
} CMPSRV_CERT_REQUEST;
/* body_value of ir, cr, kur: exactly one CertReqMsg, else ONE_REQUEST_ONLY; wrong shapes
 * BAD_DATA_FORMAT, an extension twice or with an encoded DEFAULT BAD_CERT_TEMPLATE, popo with
 * parameters of a wrong type BAD_ALG. On failure out->cert_req_id is the first request's as far as
 * it could be read (the answer repeats it), everything else is empty; p10cr: -1. */
int cmpsrv_crmf_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why);
/* The text of id-regCtrl-regToken (RFC 4211 6.1) in regInfo, where EJBCA's clients have it, else in
 * controls; absent: there is none. */
CMPSRV_SLICE cmpsrv_crmf_reg_token(const CMPSRV_CERT_REQUEST *cr);
/* body_value of p10cr. Extensions come from the attribute extensionRequest (two:
 * BAD_CERT_TEMPLATE). */
int cmpsrv_p10_parse(CMPSRV_SLICE body_value, CMPSRV_CERT_REQUEST *out, CMPSRV_REFUSAL *why);
#define CMPSRV_MAX_EXTENSIONS 64 /* of a request */
typedef struct cmpsrv_extension_st {
    CMPSRV_SLICE oid, value, critical; /* critical: content of the BOOLEAN, or absent */
} CMPSRV_EXTENSION;
/* The next one of the content of an Extensions SEQUENCE; *in goes on behind it. 1, 0: damaged. */
int cmpsrv_extension_next(CMPSRV_SLICE *in, CMPSRV_EXTENSION *e);
int cmpsrv_extension_is_critical(const CMPSRV_EXTENSION *e);
/* Finds one extension in the content of an Extensions SEQUENCE by OID content octets: 1 found
 * (value = octets inside extnValue), 0 not there. A second one with that OID, or damage: -1. */
int cmpsrv_extension_find(CMPSRV_SLICE extensions, CMPSRV_SLICE oid, int *critical,
                          CMPSRV_SLICE *value);

/* Appends one Extension (RFC 5280 4.1) with that value, or with what `value` has written (it is
 * finished and empty afterwards). */
void cmpsrv_extension_put(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_SLICE value);
void cmpsrv_extension_put_built(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_DERW *value);

/* ---- pubkey.c: SubjectPublicKeyInfo -------------------------------------------------------------
 */

/* The named curves of one library context, set up once, and keys on them that are ready for a
 * point: making one takes OpenSSL three times as long as reading the point. For any thread; NULL
 * stands for none. */
typedef struct cmpsrv_curves_st CMPSRV_CURVES;
CMPSRV_CURVES *cmpsrv_curves_new(OSSL_LIB_CTX *libctx, const char *propq);
void cmpsrv_curves_free(CMPSRV_CURVES *c);
/*
 * Decodes content octets of a SubjectPublicKeyInfo after checking its shape by table: RSA (NULL or
 * absent parameters, modulus odd, 512..16384 bits, 3 <= e odd), EC on a named curve (uncompressed
 * or compressed point), Ed25519, Ed448; any other OID by the provider that offers keys of octets
 * under it. Unknown algorithm: UNKNOWN_KEY_ALG; damaged or explicit parameters: BAD_KEY. *name gets
 * "rsa:2048", "rsa-pss:2048", "ec:P-256", "ed25519", or the provider's name in lower case (size
 * 32). The length limits are checked before any arithmetic. `curves` may be NULL. The caller frees
 * *key, or releases it.
 */
int cmpsrv_pubkey_decode(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_CURVES *curves,
                         CMPSRV_SLICE spki_content, EVP_PKEY **key, char name[32],
                         CMPSRV_REFUSAL *why);
/* Instead of EVP_PKEY_free() for a key decoded with these curves, which may then become another
 * one's: nobody may hold a reference, or anything made of it. Either may be NULL. */
void cmpsrv_pubkey_release(CMPSRV_CURVES *curves, EVP_PKEY *key);
/* An RSA key, also one for RSASSA-PSS alone. */
int cmpsrv_key_is_rsa(const EVP_PKEY *key);
/* Whether a provider offers keys by that name, written as cmpsrv_pubkey_decode writes it. */
int cmpsrv_pubkey_is_offered(OSSL_LIB_CTX *libctx, const char *propq, const char *name);

/* ---- popo.c ------------------------------------------------------------------------------------
 */

/* What may prove possession, and for whom. Slices and pointers are borrowed. */
typedef struct cmpsrv_popo_rules_st {
    unsigned digests; /* of signatures, CMPSRV_MD bits */
    int allow_ra_verified;
    int input_identical;         /* poposkInput although the template has subject and key: taken if
                                    they are the same; else BAD_POP */
    CMPSRV_SLICE senders[2];     /* Name TLVs, one of which authInfo's sender must be */
    const CMPSRV_SECRET *secret; /* of publicKeyMAC; NULL: there is none, BAD_POP */
    const struct cmpsrv_mac_policy_st *macs; /* what publicKeyMAC may be made with */
    int64_t pvno;                            /* of the message */
} CMPSRV_POPO_RULES;

/*
 * Verifies the proof of possession with the key that was decoded from the request: a signature over
 * CertRequest or POPOSigningKeyInput (RFC 4211 4.1), PKCS#10's own, raVerified as allowed; for
 * encrCert (RFC 9810 5.2.8.3.2) that the certificate can be encrypted to the key. Any failure:
 * BAD_POP; an algorithm that is not allowed: BAD_ALG; raVerified where it is not allowed:
 * NOT_AUTHORIZED.
 */
int cmpsrv_popo_verify(OSSL_LIB_CTX *libctx, const char *propq, const CMPSRV_CERT_REQUEST *cr,
                       EVP_PKEY *key, const CMPSRV_POPO_RULES *rules, CMPSRV_REFUSAL *why);

/* ---- encrypt.c ---------------------------------------------------------------------------------
 */

/* Whether a certificate can be encrypted to that key: RSA; with pvno 3 also EC. */
int cmpsrv_can_encrypt_to(const EVP_PKEY *key, int64_t pvno);
/* The Certificate `der` encrypted to the key in it, as it stands in encryptedCert: with pvno 3
 * EnvelopedData (RFC 5652) under its tag [0], with pvno 2 EncryptedValue (RFC 4211 2.1; RSA). 1, or
 * 0 with *why. */
int cmpsrv_encrypt_cert(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE der, int64_t pvno,
                        CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);

/* ---- digest.c, mac_params.c, protect_mac.c, protect_sig.c
 * ---------------------------------------------------------------
 */

/* Digests, as bits for sets. */
typedef enum {
    CMPSRV_MD_SHA1 = 1,
    CMPSRV_MD_SHA224 = 2,
    CMPSRV_MD_SHA256 = 4,
    CMPSRV_MD_SHA384 = 8,
    CMPSRV_MD_SHA512 = 16
} CMPSRV_MD;
/* "sha256" (as in the configuration, case folded) to its bit, 0 if unknown; and back. */
unsigned cmpsrv_md_from_name(const char *name);
const char *cmpsrv_md_name(unsigned md);
/* Size in octets. */
size_t cmpsrv_md_size(unsigned md);
/* Digest of an AlgorithmIdentifier of a hash (parameters absent or NULL), 0 if unknown or
 * parameters are of a wrong type. */
unsigned cmpsrv_md_from_algid(CMPSRV_SLICE algid_tlv);
/* One-shot hash. 1/0. out has cmpsrv_md_size octets. */
int cmpsrv_md_hash(unsigned md, CMPSRV_SLICE data, unsigned char *out);
/* One-shot HMAC. 1/0. out has cmpsrv_md_size octets. */
int cmpsrv_hmac(unsigned md, CMPSRV_SLICE key, CMPSRV_SLICE data, unsigned char *out);
/* SHA-256. */
int cmpsrv_sha256(CMPSRV_SLICE data, unsigned char out[CMPSRV_HASH]);

/* What a message is protected with, by the OID of protectionAlg: MAC (PasswordBasedMac, PBMAC1,
 * DHBasedMac, KemBasedMac) or signature. */
CMPSRV_PROTECTION cmpsrv_protection_kind(CMPSRV_SLICE protection_alg);

typedef struct cmpsrv_mac_policy_st { /* what an alias allows */
    unsigned macs;                    /* HMAC digests, CMPSRV_MD bits */
    unsigned pbm_owf;                 /* CMPSRV_MD bits */
    int64_t pbm_iterations_min, pbm_iterations_max;
    int64_t pbmac1_iterations_min, pbmac1_iterations_max;
} CMPSRV_MAC_POLICY;

typedef enum { CMPSRV_MAC_PBM, CMPSRV_MAC_PBMAC1 } CMPSRV_MAC_SCHEME;

/* Parameters of PasswordBasedMac (RFC 9810 5.1.3.1) or PBMAC1 (RFC 8018 A.5 with PBKDF2 and HMACs
 * of SHA-2, keyLength given), checked: BAD_ALG for anything unknown or out of bounds. */
typedef struct cmpsrv_mac_params_st {
    CMPSRV_SLICE salt;
    unsigned owf; /* CMPSRV_MD: one-way function; of PBMAC1 the digest of the prf */
    unsigned mac; /* CMPSRV_MD of the HMAC */
    int64_t iterations;
    CMPSRV_MAC_SCHEME scheme;
    size_t key_len; /* PBMAC1: octets */
} CMPSRV_MAC_PARAMS;
int cmpsrv_mac_params_parse(CMPSRV_SLICE protection_alg, const CMPSRV_MAC_POLICY *policy,
                            CMPSRV_MAC_PARAMS *out, CMPSRV_REFUSAL *why);

/* A derived MAC key: the derivation is done once and serves request and answer. Wiped on free. */
typedef struct cmpsrv_mac_key_st CMPSRV_MAC_KEY;
CMPSRV_MAC_KEY *cmpsrv_mac_key_derive(const CMPSRV_MAC_PARAMS *params, const CMPSRV_SECRET *secret);
void cmpsrv_mac_key_free(CMPSRV_MAC_KEY *k);
/* The MAC over SEQUENCE { header, body } (RFC 9810 5.1.3, from the received octets). */
int cmpsrv_mac_compute(const CMPSRV_MAC_KEY *k, CMPSRV_SLICE header, CMPSRV_SLICE body,
                       CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* Constant-time; BAD_MESSAGE_CHECK when it does not match. */
int cmpsrv_mac_verify(const CMPSRV_MAC_KEY *k, const CMPSRV_PKIMSG *msg, CMPSRV_REFUSAL *why);
/* AlgorithmIdentifier of `params` with that salt. */
int cmpsrv_mac_algid(const CMPSRV_MAC_PARAMS *params, CMPSRV_SLICE salt, CMPSRV_BYTES *out);

/* The AlgorithmIdentifier with which `key` signs under digest `md`, never below SHA-256 (0: the
 * default, SHA-256 or what the curve's size asks for). EdDSA and what only a provider knows have
 * their own; a key for RSASSA-PSS alone signs by it. 1/0. */
int cmpsrv_sig_algid(EVP_PKEY *key, unsigned md, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* The one with which `key` answers a message signed under `algid`: its digest if that is good
 * enough, and RSASSA-PSS to RSASSA-PSS. 1/0. */
int cmpsrv_sig_algid_like(EVP_PKEY *key, CMPSRV_SLICE algid, CMPSRV_BYTES *out);
/* A key of ours under the AlgorithmIdentifier that it signs with, set up once; holds a reference to
 * the key. Immutable, for any thread. NULL with *why. */
typedef struct cmpsrv_sig_key_st CMPSRV_SIG_KEY;
CMPSRV_SIG_KEY *cmpsrv_sig_key_new(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key,
                                   CMPSRV_SLICE algid, CMPSRV_REFUSAL *why);
void cmpsrv_sig_key_free(CMPSRV_SIG_KEY *k);
/* Signs data; also for certificates. 1/0. */
int cmpsrv_sig_key_make(const CMPSRV_SIG_KEY *k, CMPSRV_SLICE data, CMPSRV_BYTES *signature,
                        CMPSRV_REFUSAL *why);
/* The same once, for a key that was not set up. */
int cmpsrv_sig_make(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                    CMPSRV_SLICE data, CMPSRV_BYTES *signature, CMPSRV_REFUSAL *why);
/* Verifies: the algorithm must fit the key and have an allowed digest (one with a digest of its
 * own, as EdDSA, is always allowed), and parameters as they must be: BAD_ALG. A wrong signature is
 * `bad` (BAD_POP, BAD_MESSAGE_CHECK). */
int cmpsrv_sig_verify(OSSL_LIB_CTX *libctx, const char *propq, EVP_PKEY *key, CMPSRV_SLICE algid,
                      unsigned digests, CMPSRV_SLICE data, CMPSRV_SLICE signature,
                      CMPSRV_REASON bad, CMPSRV_REFUSAL *why);
/* Its digest: CMPSRV_MD, 0 if it has its own or is unknown. */
unsigned cmpsrv_sig_md(CMPSRV_SLICE algid);
/* Whether it is a signature algorithm of RFC 9481 3 or one that a provider offers under its OID. */
int cmpsrv_sig_is_known(OSSL_LIB_CTX *libctx, const char *propq, CMPSRV_SLICE algid);
/* SEQUENCE { header, body } of received slices, what a signature covers. */
int cmpsrv_protected_part(CMPSRV_SLICE header, CMPSRV_SLICE body, CMPSRV_BYTES *out);
/* Digest for certHash when hashAlg is absent: from a Certificate's signatureAlgorithm (RFC
 * 9810 5.3.18, RFC 9481 3.3: SHA-512 for Ed25519). 0: the algorithm defines none. */
unsigned cmpsrv_certhash_md(CMPSRV_SLICE certificate);

/* ---- names.c: distinguished names --------------------------------------------------------------
 */

/* Shape and limits of a Name TLV (32 RDNs, 4 KiB, attribute values strings; no NUL, no control
 * characters): BAD_NAME. */
int cmpsrv_name_check(CMPSRV_SLICE name, CMPSRV_REFUSAL *why);
/* No RDNs at all. */
int cmpsrv_name_is_empty(CMPSRV_SLICE name);
/*
 * Canonical form for comparison: each value to UTF-8 whatever its string type, ASCII case folded,
 * white space at the ends dropped and runs collapsed to one, attributes of an RDN sorted.
 * `Deviation:` RFC 5280 7.1 asks for Unicode folding; we do not.
 */
int cmpsrv_name_canonical(CMPSRV_SLICE name, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* SHA-256 of the canonical form. */
int cmpsrv_name_hash(CMPSRV_SLICE name, unsigned char out[CMPSRV_HASH], CMPSRV_REFUSAL *why);
/* Canonical forms equal; 0 also when one is not usable. */
int cmpsrv_name_eq(CMPSRV_SLICE a, CMPSRV_SLICE b);
/* RFC 4514 text ("CN=a,O=b": most specific first as LDAP; here in the order of the DER reversed),
 * UTF-8, special characters escaped. OPENSSL_malloc'ed. */
char *cmpsrv_name_text(CMPSRV_SLICE name);
/* UTF-8 value of the i-th attribute of that type ("CN", "UID", "serialNumber", or dotted OID), case
 * of the type ignored. OPENSSL_malloc'ed, NULL: not there. */
char *cmpsrv_name_get(CMPSRV_SLICE name, const char *attribute, size_t i);
/* The Name without any attribute of that type; what it was in goes with it. 1/0. */
int cmpsrv_name_cut(CMPSRV_SLICE name, const char *attribute, CMPSRV_BYTES *rest);
/* "CN=a, O=b" or "/O=b/CN=a" to a Name; values become UTF8String (PrintableString for C,
 * serialNumber). BAD_NAME with what is wrong. */
int cmpsrv_name_parse(const char *text, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* Whether cmpsrv_name_get knows that attribute type. */
int cmpsrv_name_has_attribute(const char *attribute);

/* ---- san.c: subject alternative names as text, RFC 5280 4.2.1.6 --------------------------------
 */

#define CMPSRV_MAX_SAN 100
/*
 * "TYPE:VALUE" each, 1 to CMPSRV_MAX_SAN of them, to a GeneralNames TLV: dNSName (DNS), rfc822Name
 * (email), uniformResourceIdentifier (URI), iPAddress (IP), directoryName (dirName, a name as for
 * cmpsrv_name_parse), registeredID (RID), otherName ("OID;UTF8:text") and upn, EJBCA's word for the
 * otherName 1.3.6.1.4.1.311.20.2.3. Case of the type is ignored. BAD_NAME says what is allowed.
 */
int cmpsrv_san_parse(const char *const *texts, size_t n, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why);
/* A GeneralNames TLV for people: "dNSName:a.example, iPAddress:192.0.2.1"; what has no text is
 * #hex. UTF-8 without control characters, OPENSSL_malloc'ed; NULL: these are no GeneralNames. */
char *cmpsrv_san_text(CMPSRV_SLICE san);

/* ---- cert.c: what is read out of a Certificate without libcrypto --------------------------------
 */

typedef struct cmpsrv_cert_view_st {
    CMPSRV_SLICE der, tbs;             /* TLVs */
    int64_t version;                   /* 2 = v3 */
    CMPSRV_SLICE serial;               /* content octets */
    CMPSRV_SLICE tbs_sig_alg, sig_alg; /* AlgorithmIdentifier TLVs */
    CMPSRV_SLICE issuer, subject;      /* Name TLVs */
    int64_t not_before, not_after;     /* ms UTC */
    CMPSRV_SLICE spki;                 /* TLV */
    CMPSRV_SLICE extensions;           /* content of the SEQUENCE OF Extension; absent: none */
    CMPSRV_SLICE signature;            /* octets */
} CMPSRV_CERT_VIEW;
/* Any damage: BAD_DATA_FORMAT. A TBSCertificate alone is read by _tbs (sig_alg, signature, der
 * absent). */
int cmpsrv_cert_view(CMPSRV_SLICE der, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why);
/* Octets of its subjectKeyIdentifier. 1/0. */
int cmpsrv_cert_ski(const CMPSRV_CERT_VIEW *view, CMPSRV_SLICE *ski);
int cmpsrv_cert_view_tbs(CMPSRV_SLICE tbs, CMPSRV_CERT_VIEW *out, CMPSRV_REFUSAL *why);

/* OIDs that several layers name. */
extern const CMPSRV_SLICE CMPSRV_OID_SUBJECT_KEY_ID, CMPSRV_OID_AUTHORITY_KEY_ID,
    CMPSRV_OID_KEY_USAGE, CMPSRV_OID_EXT_KEY_USAGE, CMPSRV_OID_BASIC_CONSTRAINTS,
    CMPSRV_OID_SUBJECT_ALT_NAME, CMPSRV_OID_CRL_DISTRIBUTION_POINTS,
    CMPSRV_OID_AUTHORITY_INFO_ACCESS, CMPSRV_OID_CRL_REASON;

#endif
