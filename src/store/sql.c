/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All SQL that more than one database takes: the schema as a list of migrations, and the statements
 * by name. Knows the tables, not who asks. SQLite and PostgreSQL both take these texts: parameters
 * are $n (sqlite.c turns them into ?n), integers are BIGINT, and a database without a type BLOB
 * gets one as a domain before the first migration.
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

const CMPSRV_MIGRATION cmpsrv_migrations[] = {
    {1, schema_1}, {2, schema_2}, {3, schema_3}, {4, schema_4}, {5, schema_5},
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

/* The columns that cmpsrv_cert_from_sql() and cmpsrv_txn_from_sql() expect. */
#define CERT_COLS                                                                                  \
    "c.ca_id, c.serial, c.der, c.status, c.issued_at, c.revoked_at, c.reason, c.not_after,"        \
    " c.end_entity, c.subject_hash, c.spki_hash, c.identity, c.alias, c.tid, c.node"
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

/* Of another end entity of that CA, and not revoked. */
#define CERT_OF_ANOTHER NO_INDEX("ca_id = $1") " AND end_entity <> $2 AND status <> 2"

/* What is left of a filter when the index has been chosen by what stands before it. */
#define CERT_FILTER                                                                                \
    "(c.ca_id = $1 OR $1 IS NULL) AND (c.serial = $2 OR $2 IS NULL)"                               \
    " AND (c.end_entity = $3 OR $3 IS NULL) AND (c.status = $4 OR $4 < 0)"                         \
    " AND c.issued_at >= $5 AND c.not_after >= $6 ORDER BY c.ca_id, c.serial"
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
        " status = CASE WHEN remaining <= $3 THEN 40 ELSE status END, attempts = 0, " ENTITY_TOUCH
        " WHERE name = $1 AND status IN (10, 11, 20, 30, 70)"
        " AND (remaining IS NULL OR remaining > 0)",
    [CMPSRV_ST_ENTITY_RENEW] =
        "UPDATE end_entity SET attempts = 0, " ENTITY_TOUCH " WHERE name = $1 AND status = 40",
    [CMPSRV_ST_ENTITY_ATTEMPTS] = "UPDATE end_entity SET attempts = attempts + $2"
                                  " WHERE name = $1 AND updated_at = $3",
    [CMPSRV_ST_ENTITY_ERASE] =
        "UPDATE end_entity SET code = NULL, code_kind = 0, " ENTITY_TOUCH
        " WHERE name = $1 AND code IS NOT NULL AND remaining <= 0"
        " AND NOT EXISTS (SELECT 1 FROM certificate c JOIN txn t ON t.serial = c.serial"
        " AND t.ca_id = c.ca_id WHERE c.end_entity = $1 AND t.state <> 3)",
    [CMPSRV_ST_ENTITY_GET] = "SELECT " ENTITY_COLS " FROM end_entity e WHERE e.name = $1",
    [CMPSRV_ST_ENTITY_BY_SUBJECT] =
        "SELECT " ENTITY_COLS " FROM end_entity e WHERE e.subject_hash = $1",
    [CMPSRV_ST_ENTITY_EACH] = "SELECT " ENTITY_COLS " FROM end_entity e ORDER BY e.name",

    [CMPSRV_ST_CERT_INSERT] =
        "INSERT INTO certificate(ca_id, serial, der, status, issued_at, revoked_at, reason,"
        " not_after, end_entity, subject_hash, spki_hash, identity, alias, tid, node)"
        " VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        " ON CONFLICT DO NOTHING",
    [CMPSRV_ST_CERT_STATUS] = "UPDATE certificate SET status = $4, revoked_at = $5, reason = $6"
                              " WHERE ca_id = $1 AND serial = $2 AND status = $3",
    [CMPSRV_ST_CERT_GET] = CERT_EACH "c.ca_id = $1 AND c.serial = $2",
    /* CROSS JOIN keeps SQLite from starting at the transactions of the alias, which are many. */
    [CMPSRV_ST_CERT_UNCONFIRMED] =
        "SELECT " CERT_COLS " FROM certificate c CROSS JOIN txn t"
        " WHERE t.serial = c.serial AND t.ca_id = c.ca_id AND t.alias = c.alias"
        " AND t.identity = c.identity AND c.spki_hash = $1 AND c.status = 0 AND c.alias = $2 AND "
        "c.ca_id = $3 AND c.identity = $4 AND " NO_INDEX(
            "c.subject_hash = $5") " AND t.state = 1 AND t.expires > $6"
                                   " ORDER BY c.issued_at DESC, t.expires DESC LIMIT 1",
    [CMPSRV_ST_CERT_KEY_TAKEN] =
        "SELECT 1 FROM certificate WHERE spki_hash = $3 AND " CERT_OF_ANOTHER " LIMIT 1",
    [CMPSRV_ST_CERT_SUBJECT_TAKEN] =
        "SELECT 1 FROM certificate WHERE subject_hash = $3 AND " CERT_OF_ANOTHER " LIMIT 1",
    [CMPSRV_ST_CERT_OTHERS] = "SELECT 1 FROM certificate WHERE end_entity = $1 AND ca_id = $2"
                              " AND serial <> $3 AND status IN (1, 3) AND not_after >= $4"
                              " LIMIT 1",
    [CMPSRV_ST_CERT_EACH_SERIAL] = CERT_EACH "c.ca_id = $1 AND c.serial = $2 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_ENTITY] = CERT_EACH "c.end_entity = $3 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_REVOKED] = CERT_EACH "c.ca_id = $1 AND c.status >= 2 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH_CA] = CERT_EACH "c.ca_id = $1 AND " CERT_FILTER,
    [CMPSRV_ST_CERT_EACH] = CERT_EACH CERT_FILTER,

    [CMPSRV_ST_TID_USED] = "SELECT 1 FROM certificate WHERE alias = $1 AND tid = $2"
                           " UNION ALL SELECT 1 FROM tid_spent WHERE alias = $1 AND tid = $2"
                           " LIMIT 1",
    [CMPSRV_ST_TID_SPENT] = "INSERT INTO tid_spent(alias, tid, ca_id, serial)"
                            " VALUES($1, $2, $3, $4) ON CONFLICT DO NOTHING",

    [CMPSRV_ST_TXN_INSERT] =
        "INSERT INTO txn(alias, tid, version, state, ended_as, identity, kind, body_type,"
        " cert_req_id, pvno, sender_nonce, mac_alg, ca_id, serial, request_hash, answer, expires,"
        " signer, must_confirm, node) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
        " $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT DO NOTHING",
    [CMPSRV_ST_TXN_UPDATE] =
        "UPDATE txn SET version = $3 + 1, state = $4, ended_as = $5, identity = $6, kind = $7,"
        " body_type = $8, cert_req_id = $9, pvno = $10, sender_nonce = $11, mac_alg = $12,"
        " ca_id = $13, serial = $14, request_hash = $15, answer = $16, expires = $17, signer = $18,"
        " must_confirm = $19, node = $20"
        " WHERE alias = $1 AND tid = $2 AND version = $3",
    [CMPSRV_ST_TXN_REPLACE] =
        "UPDATE txn SET version = version + 1, state = 3, ended_as = 7, expires = $4, node = $5"
        " WHERE serial = $1 AND ca_id = $2 AND alias = $3 AND state = 1"
        " AND (SELECT status FROM certificate WHERE ca_id = $2 AND serial = $1) = 0",
    [CMPSRV_ST_TXN_DELETE] = "DELETE FROM txn WHERE alias = $1 AND tid = $2 AND version = $3",
    [CMPSRV_ST_TXN_GET] = "SELECT " TXN_COLS " FROM txn t WHERE t.alias = $1 AND t.tid = $2",
    [CMPSRV_ST_TXN_EXPIRED] =
        "SELECT " TXN_COLS " FROM txn t WHERE t.expires <= $1 ORDER BY t.expires LIMIT $2",

    [CMPSRV_ST_TXN_COUNT] = "SELECT COUNT(*) FROM txn WHERE state = $1",

    [CMPSRV_ST_AUDIT_INSERT] =
        "INSERT INTO audit(chain_id, seq, prev, hash, time, node, record, mac)"
        " VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
    [CMPSRV_ST_AUDIT_EACH] = "SELECT chain_id, seq, hash, time, node, record FROM audit"
                             " WHERE time >= $1 ORDER BY time, chain_id, seq",
    [CMPSRV_ST_AUDIT_WALK] = "SELECT chain_id, seq, prev, hash, time, node, record, mac FROM audit"
                             " ORDER BY chain_id, seq",
    [CMPSRV_ST_AUDIT_AT] = "SELECT hash FROM audit WHERE chain_id = $1 AND seq = $2",
    [CMPSRV_ST_HEAD_INSERT] =
        "INSERT INTO audit_head(chain_id, seq, hash, vouched) VALUES($1, $2, $3, 0)",
    [CMPSRV_ST_HEAD_UPDATE] =
        "UPDATE audit_head SET seq = $2, hash = $3 WHERE chain_id = $1 AND seq = $2 - 1",
    [CMPSRV_ST_HEAD_GET] = "SELECT seq, hash FROM audit_head WHERE chain_id = $1",
    [CMPSRV_ST_HEAD_EACH] = "SELECT chain_id, seq, hash FROM audit_head ORDER BY chain_id",
    [CMPSRV_ST_HEAD_UNVOUCHED] = "SELECT chain_id, seq, hash FROM audit_head WHERE vouched < seq"
                                 " ORDER BY chain_id LIMIT $1",
    [CMPSRV_ST_HEAD_VOUCH] = "UPDATE audit_head SET vouched = $2 WHERE chain_id = $1",
};

const char *cmpsrv_sql_text(CMPSRV_STMT st)
{
    return texts[st];
}
