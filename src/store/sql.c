/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All SQL that more than one database takes: the schema as a list of migrations, and the statements
 * by name. Knows the tables, not who asks. SQLite and PostgreSQL both take these texts: parameters
 * are $n (sqlite.c turns them into ?n), integers are BIGINT, and a database without a type BLOB
 * gets one as a domain before the first migration. Two words are SQLite's, and another database
 * reads them so: INTEGER PRIMARY KEY is a BIGINT that numbers the rows, WITHOUT ROWID is nothing.
 */
#include "config.h"

#include "store/store_local.h"

/*
 * Version 1. Times are ms UTC. ca.id is SHA-256 of the CA certificate, so a renamed or rolled-over
 * CA keeps its rows. certificate.tid is NULL where no transaction asked (UNIQUE lets those be
 * many). audit_head.vouched: up to which record another chain's opening record names this chain.
 */
static const char schema_1[] =
    "CREATE TABLE meta(schema_version BIGINT NOT NULL, store_id BLOB NOT NULL);"
    "CREATE TABLE node(id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " started BIGINT NOT NULL);"
    "CREATE TABLE ca(id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
    " crl_number BIGINT NOT NULL DEFAULT 0);"
    "CREATE TABLE certificate(ca_id BLOB NOT NULL REFERENCES ca(id), serial BLOB NOT NULL,"
    " der BLOB NOT NULL, status BIGINT NOT NULL, issued_at BIGINT NOT NULL,"
    " revoked_at BIGINT NOT NULL, reason BIGINT NOT NULL, not_after BIGINT NOT NULL,"
    " end_entity TEXT NOT NULL, subject_hash BLOB NOT NULL, spki_hash BLOB NOT NULL,"
    " identity BLOB NOT NULL, alias TEXT NOT NULL, tid BLOB, node BIGINT NOT NULL,"
    " PRIMARY KEY(ca_id, serial), UNIQUE(alias, tid));"
    "CREATE INDEX certificate_end_entity ON certificate(end_entity);"
    "CREATE INDEX certificate_spki ON certificate(spki_hash);"
    "CREATE INDEX certificate_revoked ON certificate(ca_id, serial) WHERE status >= 2;"
    "CREATE TABLE tid_spent(alias TEXT NOT NULL, tid BLOB NOT NULL, ca_id BLOB NOT NULL,"
    " serial BLOB NOT NULL, PRIMARY KEY(alias, tid),"
    " FOREIGN KEY(ca_id, serial) REFERENCES certificate(ca_id, serial));"
    "CREATE TABLE end_entity(name TEXT NOT NULL PRIMARY KEY, subject BLOB NOT NULL,"
    " subject_hash BLOB NOT NULL, ca_id BLOB NOT NULL, end_entity_profile TEXT NOT NULL,"
    " certificate_profile TEXT NOT NULL, status BIGINT NOT NULL, updated_at BIGINT NOT NULL);"
    "CREATE TABLE txn(alias TEXT NOT NULL, tid BLOB NOT NULL, version BIGINT NOT NULL,"
    " state BIGINT NOT NULL, ended_as BIGINT NOT NULL, identity BLOB NOT NULL,"
    " kind BIGINT NOT NULL, body_type BIGINT NOT NULL, cert_req_id BIGINT NOT NULL,"
    " pvno BIGINT NOT NULL, sender_nonce BLOB NOT NULL, mac_alg BLOB, ca_id BLOB NOT NULL,"
    " serial BLOB, request_hash BLOB NOT NULL, answer BLOB, expires BIGINT NOT NULL,"
    " node BIGINT NOT NULL, PRIMARY KEY(alias, tid));"
    "CREATE INDEX txn_expires ON txn(expires);"
    "CREATE INDEX txn_serial ON txn(serial, ca_id);"
    "CREATE TABLE audit(chain_id TEXT NOT NULL, seq BIGINT NOT NULL, prev BLOB NOT NULL,"
    " hash BLOB NOT NULL, time BIGINT NOT NULL, node TEXT NOT NULL, record TEXT NOT NULL,"
    " mac BLOB, PRIMARY KEY(chain_id, seq));"
    "CREATE INDEX audit_time ON audit(time);"
    "CREATE TABLE audit_head(chain_id TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL,"
    " hash BLOB NOT NULL, vouched BIGINT NOT NULL);";

/* Version 2: enrolment codes of end entities (client mode). remaining NULL: not limited. */
static const char schema_2[] = "ALTER TABLE end_entity ADD COLUMN code BLOB;"
                               "ALTER TABLE end_entity ADD COLUMN code_kind BIGINT;"
                               "ALTER TABLE end_entity ADD COLUMN remaining BIGINT;"
                               "ALTER TABLE end_entity ADD COLUMN attempts BIGINT NOT NULL"
                               " DEFAULT 0;";

/* Version 3: who signed the first message of a transaction, for the others. */
static const char schema_3[] = "ALTER TABLE txn ADD COLUMN signer BLOB;";

/* Version 4: end entities by their subject. */
static const char schema_4[] = "CREATE INDEX end_entity_subject ON end_entity(subject_hash);";

/*
 * Version 5: what an end entity's certificates carry, who made it, certificates by their subject.
 * RA mode used to leave code_kind and remaining out, which read as a code that is good for ever.
 */
static const char schema_5[] =
    "ALTER TABLE end_entity ADD COLUMN san BLOB;"
    "ALTER TABLE end_entity ADD COLUMN alias TEXT NOT NULL DEFAULT '';"
    "UPDATE end_entity SET code_kind = 0, remaining = 0 WHERE code_kind IS NULL;"
    "ALTER TABLE txn ADD COLUMN must_confirm BIGINT NOT NULL DEFAULT 0;"
    "CREATE INDEX certificate_subject ON certificate(subject_hash);";

/*
 * Version 6: a certificate takes little more than its DER. CAs and aliases have numbers; a
 * transactionID is kept once, with its certificate, whoever it came from; of the hashes that rows
 * are found by 16 octets are kept and 8 are indexed. Only transactions that are open are found by
 * their certificate. An audit record has the number of its chain and its own in one, id; what can
 * be computed again is not kept: of its hash 8 octets, to name the first bad record, and of the
 * HMAC 16. record may be packed (audit_text.c).
 */
static const char schema_6[] =
    "ALTER TABLE ca RENAME TO ca_5;"
    "ALTER TABLE certificate RENAME TO certificate_5;"
    "ALTER TABLE audit RENAME TO audit_5;"
    "ALTER TABLE audit_head RENAME TO audit_head_5;"
    "CREATE TABLE ca(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
    " crl_number BIGINT NOT NULL DEFAULT 0);"
    "INSERT INTO ca(id, name, crl_number) SELECT id, name, crl_number FROM ca_5 ORDER BY id;"
    "CREATE TABLE alias(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "INSERT INTO alias(name) SELECT alias FROM certificate_5 UNION SELECT alias FROM tid_spent;"
    "CREATE TABLE certificate(n INTEGER PRIMARY KEY, ca BIGINT NOT NULL REFERENCES ca(n),"
    " serial BLOB NOT NULL, der BLOB NOT NULL, status BIGINT NOT NULL, issued_at BIGINT NOT NULL,"
    " revoked_at BIGINT NOT NULL, reason BIGINT NOT NULL, not_after BIGINT NOT NULL,"
    " end_entity TEXT NOT NULL, subject_hash BLOB NOT NULL, spki_hash BLOB NOT NULL,"
    " alias BIGINT NOT NULL REFERENCES alias(n), node BIGINT NOT NULL);"
    "INSERT INTO certificate(ca, serial, der, status, issued_at, revoked_at, reason, not_after,"
    " end_entity, subject_hash, spki_hash, alias, node) SELECT ca.n, c.serial, c.der, c.status,"
    " c.issued_at, c.revoked_at, c.reason, c.not_after, c.end_entity, substr(c.subject_hash, 1, "
    "16),"
    " substr(c.spki_hash, 1, 16), a.n, c.node FROM certificate_5 c JOIN ca ON ca.id = c.ca_id"
    " JOIN alias a ON a.name = c.alias ORDER BY c.issued_at;"
    "CREATE UNIQUE INDEX certificate_serial ON certificate(ca, serial);"
    "CREATE TABLE tid(tid BLOB NOT NULL, alias BIGINT NOT NULL REFERENCES alias(n),"
    " certificate BIGINT NOT NULL REFERENCES certificate(n), PRIMARY KEY(tid, alias)) WITHOUT "
    "ROWID;"
    "INSERT INTO tid SELECT o.tid, a.n, c.n FROM (SELECT tid, alias, ca_id, serial"
    " FROM certificate_5 WHERE tid IS NOT NULL UNION ALL SELECT tid, alias, ca_id, serial"
    " FROM tid_spent) o JOIN alias a ON a.name = o.alias JOIN ca ON ca.id = o.ca_id"
    " JOIN certificate c ON c.ca = ca.n AND c.serial = o.serial ORDER BY o.tid;"
    "DROP TABLE tid_spent;"
    "DROP TABLE certificate_5;"
    "DROP TABLE ca_5;"
    "CREATE INDEX certificate_end_entity ON certificate(end_entity);"
    "CREATE INDEX certificate_spki ON certificate(substr(spki_hash, 1, 8));"
    "CREATE INDEX certificate_subject ON certificate(substr(subject_hash, 1, 8));"
    "CREATE INDEX certificate_revoked ON certificate(ca, serial) WHERE status >= 2;"
    "DROP INDEX txn_serial;"
    "CREATE INDEX txn_open ON txn(serial, ca_id) WHERE state <> 3;"
    "CREATE TABLE audit_chain(n INTEGER PRIMARY KEY, chain_id TEXT NOT NULL UNIQUE,"
    " node TEXT NOT NULL);"
    "INSERT INTO audit_chain(chain_id, node) SELECT chain_id, MIN(node) FROM audit_5"
    " GROUP BY chain_id ORDER BY MIN(time), chain_id;"
    "INSERT INTO audit_chain(chain_id, node) SELECT chain_id, '' FROM audit_head_5"
    " WHERE chain_id NOT IN (SELECT chain_id FROM audit_chain);"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, time BIGINT NOT NULL, record BLOB NOT NULL,"
    " hash BLOB NOT NULL, mac BLOB);"
    "INSERT INTO audit(id, time, record, hash, mac) SELECT c.n * 4294967296 + a.seq, a.time,"
    " CAST(a.record AS BLOB), substr(a.hash, 1, 8), substr(a.mac, 1, 16) FROM audit_5 a"
    " JOIN audit_chain c ON c.chain_id = a.chain_id ORDER BY c.n, a.seq;"
    "CREATE TABLE audit_head(chain INTEGER PRIMARY KEY, seq BIGINT NOT NULL, hash BLOB NOT NULL,"
    " vouched BIGINT NOT NULL);"
    "INSERT INTO audit_head(chain, seq, hash, vouched) SELECT c.n, h.seq, h.hash, h.vouched"
    " FROM audit_head_5 h JOIN audit_chain c ON c.chain_id = h.chain_id;"
    "DROP TABLE audit_5;"
    "DROP TABLE audit_head_5;";

/*
 * Version 7: a certificate touches fewer pages in random places. Its transaction has its number, so
 * that it is found by `tid` alone; one that has no certificate, or not the first that asked for it,
 * stands apart: it counts down from -1 and has an index of its own. So do those from before, until
 * they expire. subject_hash of a certificate is empty while it is that of its end entity. Only
 * certificates that wait to be confirmed are found by their key; all of them where that is asked
 * for (CMPSRV_ST_CERT_INDEX_KEYS).
 */
#define TXN_DATA                                                                                   \
    "alias, tid, version, state, ended_as, identity, kind, body_type, cert_req_id, pvno,"          \
    " sender_nonce, mac_alg, ca_id, serial, request_hash, answer, expires, signer, must_confirm,"  \
    " node"

static const char schema_7[] =
    "ALTER TABLE txn RENAME TO txn_6;"
    "CREATE TABLE txn(n INTEGER PRIMARY KEY, alias TEXT NOT NULL, tid BLOB NOT NULL,"
    " version BIGINT NOT NULL, state BIGINT NOT NULL, ended_as BIGINT NOT NULL,"
    " identity BLOB NOT NULL, kind BIGINT NOT NULL, body_type BIGINT NOT NULL,"
    " cert_req_id BIGINT NOT NULL, pvno BIGINT NOT NULL, sender_nonce BLOB NOT NULL, mac_alg BLOB,"
    " ca_id BLOB NOT NULL, serial BLOB, request_hash BLOB NOT NULL, answer BLOB,"
    " expires BIGINT NOT NULL, signer BLOB, must_confirm BIGINT NOT NULL, node BIGINT NOT NULL);"
    "INSERT INTO txn(n, " TXN_DATA ") SELECT -ROW_NUMBER() OVER (ORDER BY expires), " TXN_DATA
    " FROM txn_6;"
    "DROP TABLE txn_6;"
    "CREATE UNIQUE INDEX txn_apart ON txn(tid, alias) WHERE n < 0;"
    "CREATE INDEX txn_expires ON txn(expires);"
    "CREATE INDEX txn_open ON txn(serial, ca_id) WHERE state <> 3;"
    "DROP INDEX certificate_spki;"
    "CREATE INDEX certificate_unconfirmed ON certificate(substr(spki_hash, 1, 8))"
    " WHERE status = 0;"
    "DROP INDEX certificate_subject;"
    "CREATE INDEX certificate_subject ON certificate(substr(subject_hash, 1, 8))"
    " WHERE length(subject_hash) > 0;"
    "DROP INDEX end_entity_subject;"
    "CREATE INDEX end_entity_subject ON end_entity(substr(subject_hash, 1, 8));";

const CMPSRV_MIGRATION cmpsrv_migrations[] = {
    {1, schema_1}, {2, schema_2}, {3, schema_3}, {4, schema_4},
    {5, schema_5}, {6, schema_6}, {7, schema_7},
};
const size_t cmpsrv_migrations_count = CMPSRV_ARRAY_SIZE(cmpsrv_migrations);

int cmpsrv_schema_version(void)
{
    return cmpsrv_migrations[CMPSRV_ARRAY_SIZE(cmpsrv_migrations) - 1].version;
}

int cmpsrv_schema_usable(int64_t version, int read_only, CMPSRV_REFUSAL *why)
{
    int known = cmpsrv_schema_version();

    if (version < 0 || version > known)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "the store has schema version %lld, this program knows up to %d",
                             (long long)version, known);
    if (read_only && version < known)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "the store has schema version %lld, this program needs %d: run "
                             "cmp-admin store migrate",
                             (long long)version, known);
    return 1;
}

/* As much of an end entity's subject_hash as a certificate keeps. */
#define ENTITY_SUBJECT(name)                                                                       \
    "(SELECT substr(subject_hash, 1, 16) FROM end_entity WHERE name = " name ")"

#define CERT_SUBJECT                                                                               \
    "CASE WHEN length(c.subject_hash) > 0 THEN c.subject_hash"                                     \
    " ELSE " ENTITY_SUBJECT("c.end_entity") " END"

/* The columns that cmpsrv_cert_from_sql() and cmpsrv_txn_from_sql() expect. */
#define CERT_COLS                                                                                  \
    "(SELECT id FROM ca WHERE n = c.ca), c.serial, c.der, c.status, c.issued_at, c.revoked_at,"    \
    " c.reason, c.not_after, c.end_entity, " CERT_SUBJECT ", c.spki_hash,"                         \
    " (SELECT name FROM alias WHERE n = c.alias)"
#define TXN_COLS                                                                                   \
    "t.alias, t.tid, t.version, t.state, t.ended_as, t.identity, t.kind, t.body_type,"             \
    " t.cert_req_id, t.pvno, t.sender_nonce, t.mac_alg, t.ca_id, t.serial, t.request_hash,"        \
    " t.answer, t.expires, t.signer, t.must_confirm, t.node"

#define ENTITY_COLS                                                                                \
    "e.name, e.subject, e.subject_hash, e.ca_id, e.end_entity_profile, e.certificate_profile,"     \
    " e.status, e.updated_at, e.code_kind, e.code, e.remaining, e.san, e.alias, e.attempts"

#define ENTITY_INSERT                                                                              \
    "INSERT INTO end_entity(name, subject, subject_hash, ca_id, end_entity_profile,"               \
    " certificate_profile, status, updated_at, code_kind, code, remaining, san, alias, attempts)"  \
    " VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT"

/* updated_at moves with each write, in whatever millisecond: an operator's change names it. */
#define ENTITY_TOUCH "updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at + 1 END"

/* A condition on an indexed column that the planner of SQLite, which does not know how many rows it
 * leaves, shall not take for its start. */
#define NO_INDEX(condition) "(" condition ") IS TRUE"

/* Numbers of what the parameter names; NULL, which equals nothing, if there is no such. */
#define CA_N(parameter)    "(SELECT n FROM ca WHERE id = " parameter ")"
#define ALIAS_N(parameter) "(SELECT n FROM alias WHERE name = " parameter ")"

/* By the 8 octets that are indexed, and then by all that are kept. */
#define BY_HASH(column, parameter)                                                                 \
    "substr(" column ", 1, 8) = substr(" parameter ", 1, 8) AND " column " = " parameter

/* CROSS JOIN keeps SQLite from starting at the transactions of the alias, which are many. Newest
 * first, by a column that the index has: it is asked for each certificate, and sorting nothing
 * would cost more than finding nothing. clang-format would break it into single letters. */
/* clang-format off */
#define CERT_UNCONFIRMED                                                                           \
    "SELECT " CERT_COLS " FROM certificate c CROSS JOIN txn t"                                     \
    " WHERE t.serial = c.serial AND t.ca_id = $3 AND t.state <> 3 AND t.state = 1"                 \
    " AND t.alias = $2 AND t.identity = $4 AND t.expires > $6"                                     \
    " AND " BY_HASH("c.spki_hash", "$1") " AND c.status = 0"                                       \
    " AND " NO_INDEX("c.ca = " CA_N("$3"))                                                         \
    " AND c.alias = " ALIAS_N("$2") " AND " CERT_SUBJECT " = $5"                                  \
    " ORDER BY c.n DESC LIMIT 1"
/* clang-format on */

/* Of another end entity of that CA, and not revoked. */
#define CERT_OF_ANOTHER NO_INDEX("c.ca = " CA_N("$1")) " AND c.end_entity <> $2 AND c.status <> 2"

/* The number of the transaction ($1 alias, $2 transactionID); NULL if there is none. */
#define TXN_APART "(SELECT n FROM txn WHERE tid = $2 AND alias = $1 AND n < 0)"
#define TXN_OF_TID                                                                                 \
    "(SELECT t.n FROM tid d CROSS JOIN txn t WHERE d.tid = $2 AND d.alias = " ALIAS_N(             \
        "$1") " AND t.n = d.certificate AND t.tid = $2 AND t.alias = $1)"
#define TXN_N "COALESCE(" TXN_APART ", " TXN_OF_TID ")"

/* The two numbers of an audit record, as one. */
#define AUDIT_ID(chain, seq) chain " * 4294967296 + " seq
#define AUDIT_COLS                                                                                 \
    "c.chain_id, a.id % 4294967296, a.hash, a.time, c.node, a.record, a.mac FROM audit a"          \
    " LEFT JOIN audit_chain c ON c.n = a.id / 4294967296"

/* What is left of a filter when the index has been chosen by what stands before it. */
#define CERT_FILTER                                                                                \
    "(c.ca = " CA_N("$1") " OR $1 IS NULL) AND (c.serial = $2 OR $2 IS NULL)"                      \
                          " AND (c.end_entity = $3 OR $3 IS NULL) AND (c.status = $4 OR $4 < 0)"   \
                          " AND c.issued_at >= $5 AND c.not_after >= $6 ORDER BY c.ca, c.serial"
#define CERT_EACH "SELECT " CERT_COLS " FROM certificate c WHERE "

static const char *const texts[CMPSRV_ST__COUNT] = {
    [CMPSRV_ST_META_GET] = "SELECT schema_version, store_id FROM meta",
    [CMPSRV_ST_META_INSERT] = "INSERT INTO meta(schema_version, store_id) VALUES($1, $2)",
    [CMPSRV_ST_META_UPDATE] = "UPDATE meta SET schema_version = $1",

    [CMPSRV_ST_NODE_UPSERT] = "INSERT INTO node(id, name, started)"
                              " VALUES((SELECT COALESCE(MAX(id), 0) + 1 FROM node), $1, $2)"
                              " ON CONFLICT(name) DO UPDATE SET started = excluded.started",
    [CMPSRV_ST_NODE_GET] = "SELECT id FROM node WHERE name = $1",

    [CMPSRV_ST_NODE_TOUCH] = "UPDATE node SET started = started WHERE name = $1",

    [CMPSRV_ST_CA_GET] = "SELECT name FROM ca WHERE id = $1",
    [CMPSRV_ST_CA_UPSERT] = "INSERT INTO ca(id, name) VALUES($1, $2)"
                            " ON CONFLICT(id) DO UPDATE SET name = excluded.name",
    [CMPSRV_ST_CA_NEXT_CRL] = "UPDATE ca SET crl_number = crl_number + 1 WHERE id = $1",
    [CMPSRV_ST_CA_CRL_NUMBER] = "SELECT crl_number FROM ca WHERE id = $1",

    /* $15 to $17: alias, CA and profile of the row that was decided on. */
    [CMPSRV_ST_ENTITY_UPSERT] = ENTITY_INSERT
    "(name) DO UPDATE SET subject = excluded.subject,"
    " subject_hash = excluded.subject_hash, ca_id = excluded.ca_id,"
    " end_entity_profile = excluded.end_entity_profile,"
    " certificate_profile = excluded.certificate_profile, status = excluded.status,"
    " updated_at = CASE WHEN end_entity.updated_at < excluded.updated_at"
    " THEN excluded.updated_at ELSE end_entity.updated_at + 1 END,"
    " code_kind = CASE WHEN excluded.code IS NULL THEN end_entity.code_kind"
    " ELSE excluded.code_kind END, code = COALESCE(excluded.code, end_entity.code),"
    " remaining = excluded.remaining, san = excluded.san, alias = excluded.alias, attempts = 0"
    " WHERE (end_entity.alias = excluded.alias AND end_entity.ca_id = excluded.ca_id"
    " AND end_entity.end_entity_profile = excluded.end_entity_profile)"
    " OR (end_entity.alias = $15 AND end_entity.ca_id = $16"
    " AND end_entity.end_entity_profile = $17)",
    [CMPSRV_ST_ENTITY_HAS_CODE] = "SELECT 1 FROM end_entity WHERE name = $1 AND code IS NOT NULL",

    [CMPSRV_ST_ENTITY_INSERT] = ENTITY_INSERT " DO NOTHING",
    [CMPSRV_ST_ENTITY_UPDATE] =
        "UPDATE end_entity SET subject = $2, subject_hash = $3, ca_id = $4,"
        " end_entity_profile = $5, certificate_profile = $6, status = $7, updated_at = $8,"
        " code_kind = $9, code = $10, remaining = $11, san = $12, alias = $13, attempts = $14"
        " WHERE name = $1 AND updated_at = $15",
    [CMPSRV_ST_ENTITY_DELETE] = "DELETE FROM end_entity WHERE name = $1 AND updated_at = $2",
    /* $3: 1 if it is counted, else 0. */
    [CMPSRV_ST_ENTITY_USE] =
        "UPDATE end_entity SET remaining = remaining - $3,"
        " status = CASE WHEN remaining <= $3 THEN 40 ELSE status END, attempts = "
        "0, " ENTITY_TOUCH " WHERE name = $1 AND status IN (10, 11, 20, 30, 70)"
        " AND (remaining IS NULL OR remaining > 0)",
    [CMPSRV_ST_ENTITY_RENEW] =
        "UPDATE end_entity SET attempts = 0, " ENTITY_TOUCH " WHERE name = $1 AND status = 40",
    [CMPSRV_ST_ENTITY_ATTEMPTS] = "UPDATE end_entity SET attempts = attempts + $2"
                                  " WHERE name = $1 AND updated_at = $3",
    [CMPSRV_ST_ENTITY_ERASE] =
        "UPDATE end_entity SET code = NULL, code_kind = 0, " ENTITY_TOUCH
        " WHERE name = $1 AND code IS NOT NULL AND remaining <= 0"
        " AND NOT EXISTS (SELECT 1 FROM certificate c CROSS JOIN txn t WHERE t.serial = "
        "c.serial"
        " AND t.ca_id = (SELECT id FROM ca WHERE n = c.ca) AND c.end_entity = $1"
        " AND t.state <> 3)",
    [CMPSRV_ST_ENTITY_GET] = "SELECT " ENTITY_COLS " FROM end_entity e WHERE e.name = $1",
    [CMPSRV_ST_ENTITY_BY_SUBJECT] =
        "SELECT " ENTITY_COLS " FROM end_entity e WHERE " BY_HASH("e.subject_hash", "$1"),
    [CMPSRV_ST_ENTITY_EACH] = "SELECT " ENTITY_COLS " FROM end_entity e ORDER BY e.name",

    [CMPSRV_ST_CERT_INSERT] =
        "INSERT INTO certificate(ca, serial, der, status, issued_at, revoked_at, reason, "
        "not_after, end_entity, subject_hash, spki_hash, alias, node)"
        " VALUES(" CA_N("$1") ", $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN " ENTITY_SUBJECT(
            "$9") " = $10 THEN substr($10, 1, 0) ELSE $10 END, $11, " ALIAS_N("$12") ", $13) ON "
                                                                                     "CONFLICT DO "
                                                                                     "NOTHING",
    [CMPSRV_ST_CERT_STATUS] = "UPDATE certificate SET status = $4, revoked_at = $5, reason = $6"
                              " WHERE ca = " CA_N("$1") " AND serial = $2 AND status = $3",
    [CMPSRV_ST_CERT_GET] = CERT_EACH "c.ca = " CA_N("$1") " AND c.serial = $2",
    [CMPSRV_ST_CERT_UNCONFIRMED] = CERT_UNCONFIRMED,
    [CMPSRV_ST_CERT_INDEX_KEYS] = "CREATE INDEX IF NOT EXISTS certificate_spki"
                                  " ON certificate(substr(spki_hash, 1, 8))",
    [CMPSRV_ST_CERT_KEY_TAKEN] = "SELECT 1 FROM certificate c WHERE " BY_HASH(
        "c.spki_hash", "$3") " AND " CERT_OF_ANOTHER " LIMIT 1",
    [CMPSRV_ST_CERT_SUBJECT_TAKEN] =
        "SELECT 1 FROM certificate c WHERE length(c.subject_hash) > 0 AND " BY_HASH(
            "c.subject_hash",
            "substr($3, 1, 16)") " AND " CERT_OF_ANOTHER
                                 " UNION ALL SELECT 1 FROM end_entity e CROSS JOIN certificate c "
                                 "WHERE " BY_HASH(
                                     "e.subject_hash",
                                     "$3") " AND c.end_entity = e.name AND length(c.subject_hash) "
                                           "= 0 AND " CERT_OF_ANOTHER " LIMIT 1",
    /* Before the end entity's becomes $2, or goes ($2 NULL). */
    [CMPSRV_ST_CERT_KEEP_SUBJECT] = "UPDATE certificate SET subject_hash = " ENTITY_SUBJECT(
        "$1") " WHERE end_entity = $1"
              " AND length(subject_hash) = 0 AND EXISTS (SELECT 1 FROM end_entity WHERE name = $1"
              " AND ($2 IS NULL OR subject_hash <> $2))",
    [CMPSRV_ST_CERT_OTHERS] = "SELECT 1 FROM certificate WHERE end_entity = $1 AND " NO_INDEX(
        "ca = " CA_N("$2")) " AND serial <> $3 AND status IN (1, 3) AND not_after >= $4"
                            " LIMIT 1",
    [CMPSRV_ST_CERT_EACH_SERIAL] =
        CERT_EACH "c.ca = " CA_N("$1") " AND c.serial = $2 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_ENTITY] = CERT_EACH "c.end_entity = $3 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_REVOKED] =
        CERT_EACH "c.ca = " CA_N("$1") " AND c.status >= 2 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_CA] = CERT_EACH "c.ca = " CA_N("$1") " AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH] = CERT_EACH CERT_FILTER,

    [CMPSRV_ST_ALIAS_PUT] = "INSERT INTO alias(name) VALUES($1) ON CONFLICT DO NOTHING",
    [CMPSRV_ST_TID_INSERT] = "INSERT INTO tid(alias, tid, certificate) SELECT " ALIAS_N(
        "$1") ", $2, c.n"
              " FROM certificate c WHERE c.ca = " CA_N(
                  "$3") " AND c.serial = $4 ON CONFLICT DO NOTHING",

    /* Under the number of its certificate if that is no other transaction's, else apart; with the
     * number that it has already it is a conflict. */
    [CMPSRV_ST_TXN_INSERT] =
        "INSERT INTO txn(n, " TXN_DATA ") VALUES(COALESCE(" TXN_APART ", (SELECT d.certificate"
        " FROM tid d WHERE d.tid = $2 AND d.alias = " ALIAS_N(
            "$1") " AND NOT EXISTS"
                  " (SELECT 1 FROM txn t WHERE t.n = d.certificate AND (t.tid <> $2 OR t.alias <> "
                  "$1))),"
                  " (SELECT CASE WHEN MIN(n) < 0 THEN MIN(n) - 1 ELSE -1 END FROM txn)),"
                  " $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
                  "$18, $19,"
                  " $20) ON CONFLICT DO NOTHING",
    [CMPSRV_ST_TXN_UPDATE] =
        "UPDATE txn SET version = $3 + 1, state = $4, ended_as = $5, identity = $6, kind = $7,"
        " body_type = $8, cert_req_id = $9, pvno = $10, sender_nonce = $11, mac_alg = $12,"
        " ca_id = $13, serial = $14, request_hash = $15, answer = $16, expires = $17, signer = "
        "$18,"
        " must_confirm = $19, node = $20"
        " WHERE n = " TXN_N " AND version = $3",
    [CMPSRV_ST_TXN_REPLACE] =
        "UPDATE txn SET version = version + 1, state = 3, ended_as = 7, expires = $4, node = $5"
        " WHERE serial = $1 AND ca_id = $2 AND alias = $3 AND state <> 3 AND state = 1"
        " AND (SELECT status FROM certificate WHERE ca = " CA_N("$2") " AND serial = $1) = 0",
    [CMPSRV_ST_TXN_DELETE] = "DELETE FROM txn WHERE n = " TXN_N " AND version = $3",
    /* One row in any case: NULLs where there is no transaction, and then whether it is spent. */
    [CMPSRV_ST_TXN_GET] =
        "SELECT " TXN_COLS ", o.used FROM (SELECT " TXN_APART " AS apart, (SELECT certificate"
        " FROM tid WHERE tid = $2 AND alias = " ALIAS_N(
            "$1") ") AS used) o"
                  " LEFT JOIN txn t ON t.n = COALESCE(o.apart, o.used) AND t.tid = $2 AND t.alias "
                  "= $1",
    [CMPSRV_ST_TXN_EXPIRED] =
        "SELECT " TXN_COLS " FROM txn t WHERE t.expires <= $1 ORDER BY t.expires LIMIT $2",

    [CMPSRV_ST_TXN_COUNT] = "SELECT COUNT(*) FROM txn WHERE state = $1",

    [CMPSRV_ST_CHAIN_INSERT] = "INSERT INTO audit_chain(chain_id, node) VALUES($1, $2)",
    [CMPSRV_ST_CHAIN_GET] = "SELECT n FROM audit_chain WHERE chain_id = $1",
    [CMPSRV_ST_AUDIT_INSERT] = "INSERT INTO audit(id, time, record, hash, mac)"
                               " VALUES(" AUDIT_ID("$1", "$2") ", $3, $4, $5, $6)",
    [CMPSRV_ST_AUDIT_SINCE] = "SELECT id FROM audit WHERE time >= $1 ORDER BY time, id",
    [CMPSRV_ST_AUDIT_ONE] = "SELECT " AUDIT_COLS " WHERE a.id = $1",
    [CMPSRV_ST_AUDIT_WALK] = "SELECT " AUDIT_COLS " ORDER BY a.id",
    [CMPSRV_ST_AUDIT_OPENINGS] =
        "SELECT a.record FROM audit_chain c CROSS JOIN audit a WHERE a.id = " AUDIT_ID("c.n", "1"),
    [CMPSRV_ST_AUDIT_AT] = "SELECT 1 FROM audit WHERE id = " AUDIT_ID(
        "(SELECT n FROM audit_chain WHERE chain_id = $1)", "$2"),
    [CMPSRV_ST_HEAD_INSERT] =
        "INSERT INTO audit_head(chain, seq, hash, vouched) VALUES($1, $2, $3, 0)",
    [CMPSRV_ST_HEAD_UPDATE] =
        "UPDATE audit_head SET seq = $2, hash = $3 WHERE chain = $1 AND seq = $4",
    [CMPSRV_ST_HEAD_GET] = "SELECT h.seq, h.hash FROM audit_head h JOIN audit_chain c"
                           " ON c.n = h.chain WHERE c.chain_id = $1",
    [CMPSRV_ST_HEAD_EACH] = "SELECT c.chain_id, h.seq, h.hash FROM audit_head h"
                            " LEFT JOIN audit_chain c ON c.n = h.chain ORDER BY h.chain",
    [CMPSRV_ST_HEAD_UNVOUCHED] =
        "SELECT c.chain_id, h.seq, h.hash FROM audit_head h JOIN audit_chain c ON c.n = h.chain"
        " WHERE h.vouched < h.seq ORDER BY h.chain LIMIT $1",
    [CMPSRV_ST_HEAD_VOUCH] = "UPDATE audit_head SET vouched = $2"
                             " WHERE chain = (SELECT n FROM audit_chain WHERE chain_id = $1)",

    [CMPSRV_ST_MEMBER] = "SAVEPOINT member",
    [CMPSRV_ST_MEMBER_DONE] = "RELEASE SAVEPOINT member",
};

const char *cmpsrv_sql_text(CMPSRV_STMT st)
{
    return texts[st];
}
