# SPDX-License-Identifier: Apache-2.0
"""EndEntityCertificate in RA mode: who may sign a request, what it may ask for, and how it is answered."""
import hashlib
import json

import pytest
from cryptography import x509

import forge
import tlspki
from conftest import a_day_later, wait_for
from der import explicit
from test_answers import certificates
from test_stock_client import write_csr, write_key

KEYS = ["ec:P-256", "ec:P-384", "rsa:2048", "ed25519", "ed448"]


def configure(conf):
    ra = conf["aliases"]["ra"]
    signed = dict(ra, authenticationmodule=["HMAC", "EndEntityCertificate"],
                  authenticationparameters=[{"file": "ra.secret"}, "ManagementCA"])
    conf["aliases"]["signed"] = signed
    conf["aliases"]["pbe"] = dict(signed, responseprotection="pbe")
    conf["aliases"]["signature"] = dict(signed, responseprotection="signature")
    conf["aliases"]["only"] = dict(ra, authenticationmodule=["EndEntityCertificate"], authenticationparameters=["ManagementCA"])
    conf["aliases"]["explicit"] = dict(signed, implicit_confirm=False)
    conf["certificate_profiles"]["ENCRYPTION"] = dict(conf["certificate_profiles"]["ENDUSER"], key_usage=["keyEncipherment"])
    conf["aliases"]["encryption"] = dict(ra, **{"ra.certificateprofile": "ENCRYPTION"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("signed") / "pki")
    s.configure(configure)
    s.line1 = s.ra("line1")
    s.start()
    yield s
    s.stop()


def ask(server, credential, keys, body="ir", path="/cmp/signed", implicit=True, cn=None, **fields):
    cn = cn or "device of " + path  # an end entity is of one CA
    content = forge.pkcs10(keys(), cn) if body == "p10cr" else forge.cert_req_msg(keys(), cn)
    msg = forge.Msg(body, content, implicit=implicit, **fields)
    return msg, server.send(msg.der(credential), path)


# ---- what an RA may do -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KEYS)
def test_signed_transactions(server, keys, kind):
    ra = server.ra(f"kind-{kind.replace(':', '-')}", "--key", kind)
    for body in ("ir", "cr", "p10cr"):
        msg, answer = ask(server, ra, keys, body, implicit=False)
        assert answer.status == 0 and answer.kind() == "signature" and answer.signature_is_right(), answer.fail_info
        assert answer.recipient == explicit(4, ra.cert.subject.public_bytes())
        conf = server.confirm(msg, answer, ra, "/cmp/signed")
        assert conf.body == "pkiconf" and conf.signature_is_right()
        rr = server.send(forge.Msg("rr", forge.rev_details(answer.x509(), 1)).der(ra), "/cmp/signed")
        assert (rr.body, rr.status) == ("rp", 0) and rr.signature_is_right()
        assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(2,)]


def test_both_modules_of_an_alias(server, keys):
    assert ask(server, server.credential, keys)[1].kind() == "mac"
    assert ask(server, server.line1, keys)[1].kind() == "signature"
    assert ask(server, server.credential, keys, path="/cmp/only")[1].fail_info == ["wrongIntegrity"]
    assert ask(server, server.line1, keys, path="/cmp/ra")[1].fail_info == ["wrongIntegrity"]


@pytest.mark.parametrize("digest, answered", [("sha256", "sha256"), ("sha384", "sha384"), ("sha512", "sha512")])
def test_the_digest_of_the_answer_is_the_requests(server, keys, digest, answered):
    signer = forge.Signer(server.line1.key, server.line1.cert, digest)
    answer = ask(server, signer, keys)[1]
    assert answer.signature_is_right() and forge.parse(answer.alg)[0].raw == forge.oid(forge.ECDSA_OIDS[answered])


def test_a_weak_digest_is_refused_and_not_answered_with(server, keys):
    answer = ask(server, forge.Signer(server.line1.key, server.line1.cert, "sha1"), keys)[1]
    assert answer.fail_info == ["badAlg"] and answer.signature_is_right()
    assert forge.parse(answer.alg)[0].raw == forge.oid(forge.ECDSA_OIDS["sha256"])


def test_follow_ups_need_no_certificates(server, keys):
    msg, answer = ask(server, server.line1, keys, implicit=False)
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce, extra_certs=[])
    assert server.send(conf.der(server.line1), "/cmp/signed").body == "pkiconf"


def test_the_signer_is_found_among_many(server, keys):
    chain = certificates(server.dir / "issuing.crt") + [tlspki.issue("another")[1].public_bytes(forge.serialization.Encoding.DER)]
    der = server.line1.cert.public_bytes(forge.serialization.Encoding.DER)
    assert ask(server, server.line1, keys, extra_certs=chain + [der])[1].status == 0


def test_another_identity_is_another_transaction(server, keys):
    other = server.ra("line2")
    msg, answer = ask(server, server.line1, keys, implicit=False)
    assert server.confirm(msg, answer, other, "/cmp/signed").fail_info == ["notAuthorized"]
    assert server.confirm(msg, answer, server.credential, "/cmp/signed").fail_info == ["wrongIntegrity"]
    assert server.confirm(msg, answer, server.line1, "/cmp/signed").body == "pkiconf"


def test_the_audit_names_the_ra(server, keys):
    answer = ask(server, server.line1, keys)[1]
    serial = f"{answer.x509().serial_number:040x}"
    records = [json.loads(r[0]) for r in server.query("SELECT audit_text(record) FROM audit")]
    record = next(r for r in records if r.get("serial") == serial)
    assert (record["module"], record["source"], record["identity"]) == ("EndEntityCertificate", "ca:ManagementCA", "CN=line1")


# ---- who is no RA ------------------------------------------------------------------------------------------------------

def end_entity(server, keys, path="/cmp/ra", implicit=True, kind="ec:P-256"):
    msg = forge.Msg("ir", forge.cert_req_msg(keys(kind), f"end entity {path}"), implicit=implicit)
    answer = server.send(msg.der(server.credential), path)
    assert answer.status == 0, answer.fail_info
    return forge.Signer(keys(kind), answer.x509())


def test_an_ordinary_end_entity(server, keys):
    signer, before = end_entity(server, keys), len(server.certs())
    for body in ("ir", "cr", "p10cr"):
        answer = ask(server, signer, keys, body)[1]
        assert (answer.body, answer.fail_info) == ("ip" if body == "ir" else "cp", ["notAuthorized"]) and answer.signature_is_right()
    rr = server.send(forge.Msg("rr", forge.rev_details(server.line1.cert)).der(signer), "/cmp/signed")
    assert (rr.body, rr.fail_info) == ("rp", ["notAuthorized"])
    assert len(server.certs()) == before and server.certs("--entity", "line1")[0]["status"] == "active"


def forged_twin(server, keys):
    """The RA's name and key identifier, signed by somebody else."""
    cert = server.line1.cert
    return forge.Signer(*tlspki.twin(cert, keys()))


REFUSED = {  # fields of the message, or its signer, and the failInfo
    "no senderKID": (dict(kid=forge.ABSENT), None, "badMessageCheck"),
    "another senderKID": (dict(kid=b"x" * 20), None, "badMessageCheck"),
    "another sender": (dict(sender=explicit(4, forge.name("line2"))), None, "badMessageCheck"),
    "no extraCerts": (dict(extra_certs=[]), None, "badMessageCheck"),
    "a damaged certificate": (dict(extra_certs=[forge.seq(forge.seq())]), None, "badMessageCheck"),
    "a wrong signature": (dict(protection=b"\x30\x06\x02\x01\x01\x02\x01\x01"), None, "badMessageCheck"),
    "another's signature": ({}, lambda s, k: forge.Signer(k(), s.line1.cert), "badMessageCheck"),
    "a forged twin": ({}, forged_twin, "signerNotTrusted"),
    "a self-signed certificate": ({}, lambda s, k: forge.Signer(*tlspki.issue("self")), "signerNotTrusted"),
    "the CA itself": ({}, lambda s, k: s.signer("issuing"), "signerNotTrusted"),
    "the CMP signer": ({}, lambda s, k: s.signer("signer"), "signerNotTrusted"),
    "a certificate not confirmed": ({}, lambda s, k: end_entity(s, k, "/cmp/explicit", False, "ec:P-384"), "signerNotTrusted"),
    "keyUsage without digitalSignature": ({}, lambda s, k: end_entity(s, k, "/cmp/encryption", kind="rsa:2048"), "signerNotTrusted"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(server, keys, case):
    fields, make, fail_info = REFUSED[case]
    signer = make(server, keys) if make else server.line1
    before = server.dump()
    answer = ask(server, signer, keys, **fields)[1]
    assert (answer.body, answer.fail_info) == ("error", [fail_info])
    assert answer.kind() == "signature" and answer.signature_is_right()
    assert server.dump() == before


@pytest.mark.parametrize("reason", ["certificateHold", "keyCompromise"])
def test_revoked_takes_effect_at_once(server, keys, reason):
    ra = server.ra(f"revoked for {reason}")
    assert ask(server, ra, keys)[1].status == 0
    serial = f"{ra.cert.serial_number:x}"
    server.admin("cert", "revoke", serial, "--ca", "ManagementCA", "--reason", reason)
    assert ask(server, ra, keys)[1].fail_info == ["certRevoked"]
    if reason == "certificateHold":
        server.admin("cert", "unhold", serial, "--ca", "ManagementCA")
        assert ask(server, ra, keys)[1].status == 0


def test_expired(make_server, keys):
    server = make_server(start=False)
    server.configure(configure)
    ra = server.ra("line1")
    server.start(dict(a_day_later(), FAKETIME="+800d"))
    answer = ask(server, ra, keys)[1]
    assert answer.fail_info == ["signerNotTrusted"] and "not valid after" in server.log_text()


def test_a_signed_transaction_that_nobody_confirms(make_server, keys):
    server = make_server(start=False)
    server.configure(configure)
    server.configure(lambda c: c["aliases"]["signed"].update(confirm_wait_time="1s", transaction_retention="1s"))
    ra = server.ra("line1")
    server.start()
    answers = [ask(server, ra, keys, implicit=False, cn=f"device {i}")[1] for i in range(3)]
    wait_for("the transactions to go", lambda: server.counts()["txn"] == 0)
    assert {server.query("SELECT status FROM certificate WHERE der = ?", a.cert)[0][0] for a in answers} == {2}
    assert ask(server, ra, keys)[1].status == 0


# ---- rows of `ras` -----------------------------------------------------------------------------------------------------

ROWS = {
    "certificate": lambda cert: {"certificate": "row.crt"},
    "subject": lambda cert: {"subject": "cn=ROW,  o=example"},
    "ski": lambda cert: {"ski": cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex().upper()},
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A server that can be given rows of `ras`, and an RA that is none without them."""
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("rows") / "pki")
    s.configure(configure)

    def second_ca(c):
        s.admin("init", "--dir", str(s.dir / "second"), config=False)
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key"}
        c["aliases"]["second"] = dict(c["aliases"]["only"], **{"ra.caname": "SecondCA"})
    s.configure(second_ca)
    s.good = s.config.read_text()
    s.start()
    key = forge.make_key("ec:P-256")
    msg = forge.Msg("ir", forge.cert_req_msg(key, subject=forge.seq(forge.rdn("2.5.4.10", "example"), forge.rdn("2.5.4.3", "row"))),
                    implicit=True)
    answer = s.send(msg.der(s.credential))
    s.row = forge.Signer(key, answer.x509())
    (s.dir / "row.crt").write_bytes(answer.x509().public_bytes(forge.serialization.Encoding.PEM))
    yield s
    s.stop()


def set_rows(server, **ras):
    server.config.write_text(server.good)
    server.configure(lambda c: c.update(ras=ras))
    seen = len(server.log_text())
    server.hang_up()
    wait_for("the rows", lambda: ".yaml reloaded" in server.log_text()[seen:])


@pytest.mark.parametrize("how", ROWS)
def test_a_row_makes_an_ra(rows, keys, how):
    set_rows(rows)
    assert ask(rows, rows.row, keys)[1].fail_info == ["notAuthorized"]
    set_rows(rows, line=ROWS[how](rows.row.cert))
    assert ask(rows, rows.row, keys)[1].status == 0
    assert ask(rows, rows.row, keys, path="/cmp/second")[1].status == 0  # any CA


@pytest.mark.parametrize("limit, refused", [
    ({"operations": ["ir"]}, [("cr", "/cmp/signed")]), ({"operations": ["cr", "rr"]}, [("ir", "/cmp/signed"), ("p10cr", "/cmp/signed")]),
    ({"cas": ["SecondCA"]}, [("ir", "/cmp/signed")]), ({"aliases": ["only"]}, [("ir", "/cmp/signed"), ("ir", "/cmp/second")]),
    ({"end_entity_profiles": ["other"]}, [("ir", "/cmp/signed")])], ids=str)
def test_a_row_limits(rows, keys, limit, refused):
    if "end_entity_profiles" in limit:
        rows.good = rows.good.replace("end_entity_profiles:\n", "end_entity_profiles:\n  other: {}\n", 1) if "  other:" not in rows.good \
            else rows.good
    set_rows(rows, line=dict(subject="CN=row, O=example", **limit))
    before = len(rows.certs())
    for body, path in refused:
        assert ask(rows, rows.row, keys, body, path)[1].fail_info == ["notAuthorized"]
    assert len(rows.certs()) == before


def test_a_row_is_the_last_word(rows, keys):
    """EKU cmcRA makes an RA of its own CA; a row that names the certificate says what it may do instead."""
    ra = rows.ra("eku", "--ca", "ManagementCA")
    set_rows(rows)
    assert ask(rows, ra, keys)[1].status == 0
    assert ask(rows, ra, keys, path="/cmp/second")[1].fail_info == ["notAuthorized"]  # not its CA
    set_rows(rows, eku={"subject": "CN=eku", "aliases": ["second"]})
    assert ask(rows, ra, keys)[1].fail_info == ["notAuthorized"]
    assert ask(rows, ra, keys, path="/cmp/second")[1].status == 0


def test_rr_of_another_cas_certificate(rows, keys):
    set_rows(rows, line={"subject": "CN=row, O=example"})
    _, answer = ask(rows, rows.row, keys, path="/cmp/second")
    rr = forge.Msg("rr", forge.rev_details(answer.x509())).der(rows.row)
    assert rows.send(rr, "/cmp/signed").fail_info == ["notAuthorized"]
    rr = forge.Msg("rr", forge.rev_details(answer.x509())).der(rows.row)
    assert rows.send(rr, "/cmp/second").status == 0


# ---- the stock client --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("kind", ["rsa:2048", "ec:P-256", "ed25519"])
@pytest.mark.parametrize("alias", ["signed", "pbe", "signature"])
def test_stock_client_signs(server, keys, tmp_path, cmd, kind, alias):
    name = f"stock-{alias}-{cmd}-{kind.replace(':', '-')}"
    server.admin("ra", "issue", name, "--dir", str(server.dir), "--key", kind)
    key = write_key(keys(), tmp_path / "key.pem")
    args = ["-csr", write_csr(key, "/CN=stock", tmp_path / "csr.pem")] if cmd == "p10cr" else ["-newkey", key, "-subject", "/CN=stock"]
    done = server.client(cmd, *args, "-certout", tmp_path / "cert.pem", "-cert", server.dir / f"{name}.crt", "-key",
                         server.dir / f"{name}.key", secret=False, path=f"cmp/{alias}")
    if kind == "ed25519" and "unsupported key type" in done.stdout + done.stderr:
        pytest.skip("the client of OpenSSL 3.0 signs no message with Ed25519")
    assert done.returncode == 0, done.stderr
    cert = x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    der = cert.public_bytes(forge.serialization.Encoding.DER)
    assert server.query("SELECT c.status, t.identity FROM certificate c JOIN txn t USING (serial) WHERE c.der = ?", der) == [
        (1, hashlib.sha256(server.signer(name).cert.public_bytes(forge.serialization.Encoding.DER)).digest())]
