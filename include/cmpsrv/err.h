/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reason table: every way in which cmpsrv says no, in one place. A reason maps to the one
 * PKIFailureInfo bit (RFC 9810 5.2.3), the text that the client sees (statusString), the HTTP
 * status and the class under which log, audit and metrics count it. What is logged beside it (the
 * detail) is another string and never sent.
 */
#ifndef CMPSRV_ERR_H
#define CMPSRV_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(name, failInfo bit or -1, HTTP status, class, text for the client)
 * A reason with failInfo -1 has no CMP answer: HTTP says it all.
 */
/* clang-format off */
#define CMPSRV_REASONS(X) \
    X(NONE,                    -1, 200, "ok",             "") \
    X(ALIAS_TOO_LONG,          -1, 400, "alias",          "alias longer than 32 characters") \
    X(NO_SUCH_ALIAS,           -1, 404, "alias",          "No such CMP alias") \
    X(BAD_DATA_FORMAT,          5, 200, "format",         "not a valid DER-encoded PKIMessage") \
    X(LIMIT_EXCEEDED,           5, 200, "format",         "the message exceeds a limit of this server") \
    X(UNSUPPORTED_VERSION,     22, 200, "version",        "pvno not supported: 2 and 3 are") \
    X(BAD_SENDER,               1, 200, "header",         "sender is not usable: a NULL-DN needs a senderKID") \
    X(BODY_NOT_SERVED,          2, 200, "body",           "this message type is not served here") \
    X(WRONG_PATH_OPERATION,     2, 200, "body",           "the message type does not fit the operation in the path") \
    X(NO_TRANSACTION_ID,        5, 200, "header",         "transactionID is missing") \
    X(BAD_TRANSACTION_ID,       5, 200, "header",         "transactionID has a length that is not allowed") \
    X(TRANSACTION_ID_IN_USE,   21, 200, "transaction",    "transactionID is in use") \
    X(NO_SUCH_TRANSACTION,      2, 200, "transaction",    "no such transaction is open") \
    X(WRONG_STATE,              2, 200, "transaction",    "the transaction is not in a state for this message") \
    X(ALREADY_CONFIRMED,       11, 200, "transaction",    "the certificate has been confirmed already") \
    X(BAD_SENDER_NONCE,        18, 200, "header",         "senderNonce is missing or shorter than 16 octets") \
    X(BAD_RECIPIENT_NONCE,     13, 200, "header",         "recipNonce is not the one expected") \
    X(NOT_PROTECTED,            1, 200, "protection",     "the message must be protected") \
    X(WRONG_INTEGRITY,         12, 200, "protection",     "this kind of protection is not allowed here") \
    X(BAD_ALG,                  0, 200, "algorithm",      "algorithm or its parameters not supported or not allowed") \
    X(NO_SENDER_KID,            1, 200, "protection",     "senderKID is missing") \
    X(BAD_MESSAGE_CHECK,        1, 200, "authentication", "the protection of the message could not be verified") \
    X(SIGNER_NOT_TRUSTED,      20, 200, "authentication", "the signer of the message is not trusted") \
    X(BAD_TIME,                 3, 200, "header",         "messageTime is too far from the server's clock") \
    X(BAD_GENERAL_INFO,         2, 200, "header",         "generalInfo is not well-formed") \
    X(NOT_AUTHORIZED,          23, 200, "authorization",  "not authorized for this operation") \
    X(FOREIGN_TRANSACTION,     23, 200, "authorization",  "the transaction belongs to somebody else") \
    X(BAD_REQUEST,              2, 200, "request",        "the request is not acceptable") \
    X(ONE_REQUEST_ONLY,         2, 200, "request",        "exactly one request a message is supported") \
    X(BAD_CERT_REQ_ID,          2, 200, "request",        "certReqId is not the one expected") \
    X(BAD_CERT_TEMPLATE,       19, 200, "template",       "the certificate template is not acceptable") \
    X(BAD_KEY,                 19, 200, "template",       "the public key is not allowed") \
    X(BAD_NAME,                19, 200, "template",       "the subject name is not acceptable") \
    X(PROFILE_NOT_FULFILLED,    7, 200, "template",       "the request does not fulfil its end entity profile") \
    X(NOT_UNIQUE,              19, 200, "template",       "the public key or the subject belongs to another end entity") \
    X(KEY_ID_NOT_ACCEPTED,      2, 200, "header",         "this senderKID is not accepted here") \
    X(NO_SUCH_PROFILE,         24, 200, "authority",      "no such profile") \
    X(UNKNOWN_KEY_ALG,          0, 200, "algorithm",      "the algorithm of the public key is not supported") \
    X(BAD_POP,                  9, 200, "pop",            "proof of possession is missing or wrong") \
    X(BAD_CERT_ID,              4, 200, "certificate",    "no such certificate, or not the one expected") \
    X(ADD_INFO_NOT_AVAILABLE,  17, 200, "request",        "issuer and serialNumber are needed") \
    X(CERT_REVOKED,            10, 200, "certificate",    "the certificate is revoked or expired") \
    X(WRONG_AUTHORITY,          6, 200, "authority",      "this CA does not serve the request") \
    X(DUPLICATE_CERT_REQ,      26, 200, "template",       "the serial number is taken") \
    X(BAD_CRL_ENTRY_DETAILS,    5, 200, "request",        "crlEntryDetails has a reason that is not allowed") \
    X(SYSTEM_UNAVAIL,          24, 200, "system",         "the server cannot do this at present") \
    X(SYSTEM_FAILURE,          25, 200, "system",         "the server failed; try again later") \
    X(OVERLOADED,              -1, 503, "system",         "Service Unavailable") \
    X(BAD_CONFIG,              -1, 500, "config",         "the configuration is not usable")
/* clang-format on */

typedef enum {
#define X(name, bit, http, cls, text) CMPSRV_R_##name,
    CMPSRV_REASONS(X)
#undef X
        CMPSRV_R__COUNT
} CMPSRV_REASON;

/* One row of the table. Static storage. */
typedef struct {
    const char *name; /* "BAD_POP" */
    int fail_info;    /* bit of PKIFailureInfo, or -1 */
    int http_status;  /* 200 wherever there is a CMP answer */
    const char *cls;  /* class in log, audit and metrics */
    const char *text; /* what the client sees */
} CMPSRV_REASON_INFO;

/* The row of `reason`; an unknown one gives that of SYSTEM_FAILURE. Never NULL. */
const CMPSRV_REASON_INFO *CMPSRV_reason_info(CMPSRV_REASON reason);
/* Name of a PKIFailureInfo bit ("badPOP"), or "none" for one that does not exist. */
const char *CMPSRV_failinfo_name(int bit);

#ifdef __cplusplus
}
#endif
#endif
