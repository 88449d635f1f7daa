# SPDX-License-Identifier: Apache-2.0
"""cmp-admin on a live store: what it shows, what it changes, and what it finds wrong."""
import json
import shutil
import sqlite3

import pytest
from cryptography import x509

import forge


@pytest.fixture
def server(make_server, keys):
    s = make_server()
    s.msg, _, s.answer = s.enrol(keys(), implicit=True)
    s.serial = f"{s.answer.x509().serial_number:x}"
    return s


def crl_entry(server):
    crl = x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    return crl.get_revoked_certificate_by_serial_number(server.answer.x509().serial_number)


def test_init_keeps_what_is_there(server):
    done = server.admin("init", "--dir", str(server.dir), config=False, check=False)
    assert done.returncode == 1 and "root" in done.stderr


def test_lists(server):
    aliases = json.loads(server.admin("alias", "list", "--json").stdout)
    assert [(a["name"], a["mode"], a["ca"]) for a in aliases] == [("ra", "ra", "ManagementCA"), ("client", "client", "the end entity's")]
    cas = json.loads(server.admin("ca", "list", "--json").stdout)
    assert cas[0]["subject"] == "CN=ManagementCA"
    shown = server.admin("alias", "show", "ra").stdout
    assert "confirm_wait_time" in shown and server.secret not in shown
    assert server.admin("ca", "show", "ManagementCA", "--chain").stdout.count("BEGIN CERTIFICATE") == 2
    assert len(server.certs("--status", "active")) == 1 and not server.certs("--status", "revoked")
    assert len(server.certs("--entity", "device")) == 1 and not server.certs("--entity", "nobody")
    assert not server.certs("--since", "2999-01-01")
    pem = server.admin("cert", "show", server.serial, "--pem").stdout
    assert x509.load_pem_x509_certificate(pem.encode()) == server.answer.x509()


def test_revoke_and_unhold(server):
    ca = ("--ca", "ManagementCA")
    server.admin("cert", "revoke", server.serial, *ca, "--reason", "certificateHold")
    assert crl_entry(server) is not None and server.certs()[0]["status"] == "hold"
    server.admin("cert", "unhold", server.serial, *ca)
    assert crl_entry(server) is None and server.certs()[0]["status"] == "active"
    assert server.admin("cert", "unhold", server.serial, *ca, check=False).returncode == 1
    server.admin("cert", "revoke", server.serial, *ca, "--reason", "keyCompromise")
    assert crl_entry(server) is not None and server.certs()[0]["reason"] == "keyCompromise"
    assert server.admin("cert", "revoke", server.serial, *ca, "--reason", "superseded", check=False).returncode == 1
    events = [json.loads(r["record"])["event"] for r in json.loads(server.admin("audit", "list", "--json").stdout)]
    assert [e for e in events if e != "chain"] == ["issued", "revoked", "unheld", "revoked"]
    server.admin("audit", "verify")


def test_crl_generate(server, tmp_path):
    before = x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    server.admin("crl", "generate", "ManagementCA", "--out", str(tmp_path / "crl"))
    after = x509.load_der_x509_crl((tmp_path / "crl").read_bytes())
    number = [c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for c in (before, after)]
    assert number[0] < number[1] and (server.dir / "issuing.crl").read_bytes() == (tmp_path / "crl").read_bytes()


def test_store_verify_finds_what_was_changed(server, keys):
    assert "1 certificates, 0 wrong" in server.admin("store", "verify").stdout
    _, _, other = server.enrol(keys("ec:P-384"), "other", implicit=True)
    server.lint = False  # a certificate stands twice
    with sqlite3.connect(server.dir / "cmp-server.db") as db:
        db.execute("UPDATE certificate SET der = ? WHERE der = ?", (other.cert, server.answer.cert))
    done = server.admin("store", "verify", check=False)
    assert done.returncode == 1 and server.serial in done.stderr


@pytest.mark.parametrize("sql", ["UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE id % 4294967296 = 2",
                                 "DELETE FROM audit WHERE id % 4294967296 = 2"])
def test_audit_verify_finds_what_was_changed(server, keys, sql):
    server.enrol(keys("ec:P-384"), "other", implicit=True)
    server.admin("audit", "verify")
    server.stop()
    with sqlite3.connect(server.dir / "cmp-server.db") as db:
        assert db.execute(sql).rowcount == 1
    done = server.admin("audit", "verify", check=False)
    assert done.returncode == 1 and "2" in done.stderr


def test_audit_heads_find_an_older_copy(server, keys, tmp_path):
    database, copy = server.dir / "cmp-server.db", tmp_path / "copy.db"
    server.admin("store", "backup", str(copy))
    server.enrol(keys("ec:P-384"), "other", implicit=True)
    server.stop()
    heads = [row["head"] for row in json.loads(server.admin("audit", "verify", "--json").stdout)]
    server.admin("crl", "generate", "ManagementCA")
    assert len(heads) == 1 and heads[0][:16] in {r[0] for r in server.query("SELECT lower(hex(hash)) FROM audit")}
    server.admin("audit", "verify", "--head", heads[0])
    for rest in server.dir.glob("cmp-server.db*"):
        rest.unlink()
    shutil.copy(copy, database)
    server.admin("audit", "verify")  # an older copy is right in itself
    done = server.admin("audit", "verify", "--head", heads[0], check=False)
    assert done.returncode == 1 and "missing" in done.stderr
    assert server.admin("audit", "verify", "--head", "12", check=False).returncode == 2


def test_backup_is_a_store(server, tmp_path):
    copy = tmp_path / "copy.db"
    server.admin("store", "backup", str(copy))
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT der FROM certificate").fetchall() == [(server.answer.cert,)]
    assert server.admin("store", "backup", str(copy), check=False).returncode == 1


def test_usage(server):
    for args in ([], ["nothing"], ["cert"], ["cert", "show"], ["cert", "revoke", "05"], ["alias", "show", "a", "b"],
                 ["cert", "list", "--since", "tomorrow"], ["cert", "list", "--status", "odd"], ["cert", "list", "--odd"]):
        assert server.admin(*args, check=False).returncode == 2, args
    assert server.admin("--help").returncode == 0
    assert server.admin("alias", "show", "nobody", check=False).returncode == 1


def test_alias_show_key_id(make_server):
    canary = "canary-0c6b7e92"

    def change(c):
        c["aliases"]["kid"] = {"operationmode": "ra", "authenticationmodule": "HMAC", "authenticationparameters": canary,
                               "ra.endentityprofile": "KeyId", "ra.certificateprofile": "ProfileDefault", "ra.caname": "KeyId",
                               "ra.passwordgenparams": canary + "-code", "login_attempts": 7}
        c["aliases"]["client"]["end_entity_profiles"] = ["EMPTY"]

    server = make_server(start=False, change=change)
    done = server.admin("alias", "show", "kid", "--json")
    shown = {row["setting"]: row["value"] for row in json.loads(done.stdout)}
    assert (shown["ra.endentityprofile"], shown["ra.certificateprofile"], shown["ra.caname"]) == ("KeyId", "ProfileDefault", "KeyId")
    assert (shown["login_attempts"], shown["ra.passwordgenparams"], shown["popo_input"]) == ("7", "a secret", "badPOP")
    assert canary not in done.stdout and "end_entity_profiles" not in shown and "authenticationparameters" not in shown
    shown = {row["setting"]: row["value"] for row in json.loads(server.admin("alias", "show", "client", "--json").stdout)}
    assert (shown["end_entity_profiles"], shown["cas"]) == ("EMPTY", "any") and "ra.caname" not in shown
    aliases = json.loads(server.admin("alias", "list", "--json").stdout)
    assert {a["name"]: a["ca"] for a in aliases}["kid"] == "KeyId"


def test_no_secret_leaves_the_server(make_server, keys):
    canary = "canary-5d9f3c1e"
    server = make_server(change=lambda c: c["aliases"]["ra"].update(authenticationparameters=[canary]))
    server.credential = forge.Secret(canary)
    assert server.enrol(keys())[2].body == "ip"
    server.send(forge.Msg("ir", forge.cert_req_msg(keys())).der(forge.Secret("wrong")))
    for args in (["alias", "list"], ["alias", "show", "ra"], ["audit", "list"], ["cert", "list"]):
        assert canary not in server.admin(*args).stdout
    files = [f for f in server.dir.iterdir() if f.name != "cmp-server.yaml"] + [server.log]
    assert all(canary.encode() not in f.read_bytes() for f in files)
