# SPDX-License-Identifier: Apache-2.0
"""The oracle finds nothing in a store that is right, and what is wrong in one that was damaged on purpose."""
import contextlib
import sqlite3

import pytest

import forge
import oracle


@pytest.fixture
def history(make_server, tmp_path, keys):
    """Journals of three transactions (confirmed, implicitly confirmed, lost and started over), and the database."""
    server, journals = make_server(), tmp_path / "journals"
    journals.mkdir()
    journal = oracle.Journal(journals / "0.journal")

    def exchange(msg):
        der = msg.der(server.credential)
        journal.write("sent", der)
        answer = server.send(der)
        journal.write("answer", answer.der)
        return answer

    def enrol(cn, implicit=False):
        msg = forge.Msg("ir", forge.cert_req_msg(keys(), cn), implicit=implicit)
        return msg, exchange(msg)

    def confirm(msg, answer):
        exchange(forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce))

    confirm(*enrol("confirmed"))
    enrol("implicit", implicit=True)
    enrol("lost")
    confirm(*enrol("lost"))
    journal.close()
    server.stop()
    return journals, server.dir / "cmp-server.db"


def test_what_is_right(history):
    assert oracle.judge(*history) == ([], 3)


DAMAGES = [
    ("a lost certificate", ["DELETE FROM certificate WHERE end_entity = 'implicit'"], "not in the store"),
    ("all lost", ["DELETE FROM certificate", "DELETE FROM tid"], "not in the store"),
    ("one octet", ["UPDATE certificate SET der = CAST(substr(der, 1, length(der) - 1) || x'00' AS BLOB)"
                   " WHERE end_entity = 'confirmed'"], "not in the store"),
    ("no certificate at all", ["UPDATE certificate SET der = x'3000' WHERE end_entity = 'lost'"], "or none"),
    ("another serial", ["UPDATE certificate SET serial = x'01' WHERE end_entity = 'implicit'"], "is another one"),
    ("a forgotten transactionID", ["DELETE FROM tid"], "not recorded with its certificate"),
    ("another transactionID", ["UPDATE tid SET tid = zeroblob(16) WHERE certificate = (SELECT n FROM certificate WHERE end_entity = 'implicit')"],
     "not recorded with its certificate"),
    ("a certConf that was lost", ["UPDATE certificate SET status = 0 WHERE end_entity = 'confirmed'"], "not active"),
    ("a revoked one", ["UPDATE certificate SET status = 2 WHERE end_entity = 'implicit'"], "not active"),
    ("a transactionID with two certificates",
     ["ALTER TABLE tid RENAME TO unique_tid", "CREATE TABLE tid AS SELECT * FROM unique_tid",
      "INSERT INTO tid SELECT tid, alias, certificate + 1 FROM tid"], "two certificates"),
    ("a serial twice", ["INSERT INTO certificate SELECT n + 99, ca + 99, serial, der, status, issued_at, revoked_at, reason,"
                        " not_after, end_entity, subject_hash, spki_hash, alias, node"
                        " FROM certificate WHERE end_entity = 'implicit'"], "serial number stands twice"),
    ("a dangling reference", ["DELETE FROM ca"], "dangles"),
]


@pytest.mark.parametrize("what, sql, told", DAMAGES, ids=[d[0] for d in DAMAGES])
def test_what_is_wrong(history, tmp_path, what, sql, told):
    journals, database = history
    damaged = tmp_path / "damaged.db"
    with contextlib.closing(sqlite3.connect(database)) as db, contextlib.closing(sqlite3.connect(damaged)) as copy:
        db.backup(copy)
        changed = sum(copy.execute(line).rowcount for line in sql)
        copy.commit()
    assert changed > 0
    wrong, _ = oracle.judge(journals, damaged)
    assert any(told in w for w in wrong), wrong
