# SPDX-License-Identifier: Apache-2.0
"""A device gets its certificate with the stock `openssl cmp` client."""
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import forge

KEYS = ["rsa:2048", "rsa:3072", "ec:P-256", "ec:P-384", "ed25519"]
CA_KEYS = ["ec:P-256", "rsa:2048", "rsa:3072", "ed25519"]


@pytest.fixture(scope="module", params=CA_KEYS)
def server(request, tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("stock") / "pki", ca_key=request.param)
    s.configure(lambda c: c["aliases"].update(
        signed=dict(c["aliases"]["ra"], responseprotection="signature"),
        pbe=dict(c["aliases"]["ra"], responseprotection="pbe")))
    s.start()
    yield s
    s.stop()


def write_key(key, path):
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return path


def write_csr(key_file, subject, path):
    subprocess.run(["openssl", "req", "-new", "-key", key_file, "-subj", subject, "-out", path], check=True,
                   capture_output=True)
    return path


def verify(server, cert_file):
    done = subprocess.run(["openssl", "verify", "-CAfile", server.dir / "root.crt", "-untrusted",
                           server.dir / "issuing.crt", cert_file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def enrol(server, tmp_path, keys, cmd, kind, *args, path="cmp/ra"):
    key_file = write_key(keys(kind), tmp_path / "key.pem")
    cn = f"{cmd}-{kind.replace(':', '-')}-{len(args)}-{path[-2:]}"
    cert_file = tmp_path / "cert.pem"
    extra = ["-csr", write_csr(key_file, f"/CN={cn}", tmp_path / "csr.pem")] if cmd == "p10cr" else [
        "-newkey", key_file, "-subject", f"/CN={cn}"]
    done = server.client(cmd, *extra, "-certout", cert_file, *args, path=path)
    assert done.returncode == 0, done.stderr
    verify(server, cert_file)
    cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
    assert forge.common_name(cert) == cn
    assert forge.spki(keys(kind)) == cert.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    rows = [r for r in server.certs() if int(r["serial"], 16) == cert.serial_number]
    assert [r["status"] for r in rows] == ["active"] and rows[0]["entity"] == cn
    return cert, done


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
def test_enrol_with_cert_conf(server, tmp_path, keys, cmd, kind):
    _, done = enrol(server, tmp_path, keys, cmd, kind)
    assert "received PKICONF" in done.stdout + done.stderr


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
def test_enrol_with_implicit_confirm(server, tmp_path, keys, cmd, kind):
    _, done = enrol(server, tmp_path, keys, cmd, kind, "-implicit_confirm")
    assert "CERTCONF" not in done.stdout + done.stderr


@pytest.mark.parametrize("implicit", [[], ["-implicit_confirm"]], ids=["certConf", "implicit"])
@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("alias", ["signed", "pbe"])
def test_enrol_with_answers_under(server, tmp_path, keys, cmd, implicit, alias):
    enrol(server, tmp_path, keys, cmd, "ec:P-256", *implicit, path=f"cmp/{alias}")


@pytest.mark.parametrize("path, kind", [("/cmp/ra", "mac"), ("/cmp/signed", "signature"), ("/cmp/pbe", "mac")])
def test_how_answers_are_protected(server, keys, path, kind):
    """The client takes either under -secret and -trusted, so it cannot tell what it got."""
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), f"protected by {kind}"))
    answer = server.send(msg.der(server.credential), path)
    # RFC 9481 3.3: Ed25519 goes with SHA-512
    digest = "sha512" if answer.x509().signature_hash_algorithm is None else "sha256"
    content = forge.cert_conf(answer.cert, cert_hash=forge.hashlib.new(digest, answer.cert).digest())
    conf = forge.Msg("certConf", content, tid=msg.tid, recip_nonce=answer.nonce)
    done = server.send(conf.der(server.credential), path)
    for got, body in (answer, "ip"), (done, "pkiconf"):
        assert (got.body, got.kind()) == (body, kind)
        assert got.mac_is_right(server.secret) if kind == "mac" else got.signature_is_right()


def revoke(server, cert, tmp_path, reason="1"):
    file = tmp_path / "revoke.pem"
    file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return server.client("rr", "-oldcert", file, "-revreason", reason)


def crl_of(server):
    return x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())


def test_revocation_by_the_ra(make_server, tmp_path, keys):
    server = make_server(change=lambda c: c["aliases"]["ra"].update(allow_mac_rr=True))
    cert, _ = enrol(server, tmp_path, keys, "ir", "ec:P-256")
    other, _ = enrol(server, tmp_path, keys, "cr", "ec:P-384")
    before = crl_of(server)
    assert before.get_revoked_certificate_by_serial_number(cert.serial_number) is None
    done = revoke(server, cert, tmp_path)
    assert done.returncode == 0, done.stderr
    crl = crl_of(server)
    entry = crl.get_revoked_certificate_by_serial_number(cert.serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert crl.get_revoked_certificate_by_serial_number(other.serial_number) is None
    issuer = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
    assert crl.is_signature_valid(issuer.public_key())
    number = [c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for c in (before, crl)]
    assert number[0] < number[1]
    status = {int(r["serial"], 16): r["status"] for r in server.certs()}
    assert status == {cert.serial_number: "revoked", other.serial_number: "active"}
    again = revoke(server, cert, tmp_path)
    assert again.returncode != 0 and "certRevoked" in again.stderr + again.stdout


def test_revocation_under_a_mac_is_refused_by_default(make_server, tmp_path, keys):
    server = make_server()
    cert, _ = enrol(server, tmp_path, keys, "ir", "ec:P-256")
    done = revoke(server, cert, tmp_path)
    assert done.returncode != 0 and "wrongIntegrity" in done.stderr + done.stdout
    assert [r["status"] for r in server.certs()] == ["active"]
    assert crl_of(server).get_revoked_certificate_by_serial_number(cert.serial_number) is None


def test_wrong_secret_says_why(shared, tmp_path, keys):
    key = write_key(keys(), tmp_path / "key.pem")
    before = shared.counts()
    done = shared.client("ir", "-newkey", key, "-subject", "/CN=x", "-certout", tmp_path / "c.pem", secret="wrong")
    out = done.stdout + done.stderr
    assert done.returncode != 0 and "badMessageCheck" in out
    assert "the protection of the message could not be verified" in out
    assert shared.counts() == before


def test_missing_sender_kid_says_why(shared, tmp_path, keys):
    key = write_key(keys(), tmp_path / "key.pem")
    done = shared.client("ir", "-newkey", key, "-subject", "/CN=x", "-certout", tmp_path / "c.pem", ref=None)
    out = done.stdout + done.stderr
    assert done.returncode != 0 and "badMessageCheck" in out and "senderKID is missing" in out


def test_unknown_alias(shared, tmp_path, keys):
    key = write_key(keys(), tmp_path / "key.pem")
    done = shared.client("ir", "-newkey", key, "-subject", "/CN=x", "-certout", tmp_path / "c.pem", path="cmp/nobody")
    assert done.returncode != 0 and "404" in done.stdout + done.stderr
    status, reason, _ = shared.post(b"\x30\x00", "/cmp/nobody")
    assert (status, reason) == (404, "No such CMP alias")
