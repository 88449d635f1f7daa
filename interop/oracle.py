# SPDX-License-Identifier: Apache-2.0
"""
Decides whether anything was lost or doubled, from the clients' journals and the database alone: no code of the server,
no tool of it. A journal is a list of lines, each synced before the next step of its client.
"""
import contextlib
import os
import sqlite3

import forge

ACTIVE = 1  # certificate.status


class Journal:
    """What one client sent and got, on disk before it goes on."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "ab", buffering=0)

    def write(self, what, data):
        self.file.write(f"{what} {data.hex()}\n".encode())
        os.fdatasync(self.file.fileno())

    def close(self):
        self.file.close()


def read_journals(directory):
    for path in sorted(directory.glob("*.journal")):
        for line in path.read_text().splitlines():
            what, data = line.split(" ")
            yield what, bytes.fromhex(data)


def serial_of(der):
    try:
        return forge.x509.load_der_x509_certificate(der).serial_number
    except ValueError:
        return None


def judge(journals, database):
    """The list of what is wrong, empty when all is right; and how many certificates were received."""
    wrong, received, final = [], {}, set()
    for what, data in read_journals(journals):
        if what != "answer":
            continue
        answer = forge.Answer(data)
        if answer.cert:
            received.setdefault(answer.cert, set()).add(answer.tid)
        if answer.body == "pkiconf" or (answer.cert and answer.implicit):
            final.add(answer.tid)
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT n, serial, der, status FROM certificate").fetchall()
        spent = db.execute("SELECT a.name, t.tid, t.certificate FROM tid t JOIN alias a ON a.n = t.alias").fetchall()
        if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            wrong.append("the database is damaged")
        if db.execute("PRAGMA foreign_key_check").fetchall():
            wrong.append("a reference in the database dangles")
    stored = {row[2]: row for row in rows}
    serials = [serial_of(row[2]) for row in rows]
    for row, serial in zip(rows, serials):
        if serial is None or serial != int.from_bytes(row[1], "big"):
            wrong.append(f"the certificate recorded under serial {row[1].hex()} is another one, or none")
    if len(serials) != len(set(serials)):
        wrong.append("a serial number stands twice")
    if len(spent) != len({s[:2] for s in spent}):
        wrong.append("a transactionID got two certificates")
    serial_by_n = {row[0]: row[1] for row in rows}
    by_tid = {s[1]: serial_by_n.get(s[2]) for s in spent}
    for cert, answered in received.items():
        row = stored.get(cert)
        if row is None:
            wrong.append(f"a client has a certificate that is not in the store, transactionID "
                         f"{', '.join(t.hex() for t in answered)}")
            continue
        for tid in answered:
            if by_tid.get(tid) != row[1]:
                wrong.append(f"transactionID {tid.hex()} is not recorded with its certificate")
    active = {row[1] for row in rows if row[3] == ACTIVE}
    for tid in final:
        if by_tid.get(tid) not in active:
            wrong.append(f"transactionID {tid.hex()} was confirmed, and its certificate is not active")
    return wrong, len(received)
