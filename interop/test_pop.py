# SPDX-License-Identifier: Apache-2.0
"""Proof of possession in every form that is served: signatures over the request or over POPOSigningKeyInput, raVerified by who
may, and certificates that only the owner of the key can read."""
import hmac
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import padding as symmetric_padding
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import forge
from conftest import wait_for
from der import bits, explicit, oid, parse, seq, tlv
from test_client_mode import add
from test_stock_client import write_key

UNCONFIRMED, ACTIVE, REVOKED = 0, 1, 2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("pop") / "pki")

    def change(c):
        ra = c["aliases"]["ra"]
        profile = c["certificate_profiles"]["ENDUSER"]
        profile["key_usage"] = ["digitalSignature", "keyEncipherment", "keyAgreement"]
        c["aliases"]["verified"] = dict(ra, allowraverifypopo=True)
        c["aliases"]["eec"] = dict(ra, authenticationmodule=["EndEntityCertificate"], authenticationparameters=["ManagementCA"])
        c["aliases"]["identical"] = dict(ra, popo_input="identical")
        c["aliases"]["keep"] = dict(ra, unconfirmed="keep", confirm_wait_time="1s")
        c["aliases"]["client-input"] = dict(c["aliases"]["client"], popo_input="identical")
        c["aliases"]["client-verified"] = dict(c["aliases"]["client"], allowraverifypopo=True)
    s.configure(change)
    s.line1 = s.ra("line1", "--ca", "ManagementCA")
    s.start()
    yield s
    s.stop()


def send(server, content, alias="ra", credential=None, implicit=True, **fields):
    msg = forge.Msg("ir", content, implicit=implicit, **fields)
    return msg, server.send(msg.der(credential or server.credential), f"/cmp/{alias}")


def refused(answer, *reasons):
    return answer.body == "ip" and answer.cert is None and answer.encrypted_cert is None and answer.fail_info == list(reasons)


# ---- raVerified --------------------------------------------------------------------------------------------------------

RA_VERIFIED = b"\x80\0"


def test_ra_verified(server, keys):
    """By an RA with a certificate, or where the alias says so; a shared secret proves no RA (RFC 9483 5.1.1)."""
    content = forge.cert_req_msg(keys(), "verified", pop=RA_VERIFIED)
    assert refused(send(server, content)[1], "notAuthorized")
    assert send(server, content, "verified")[1].status == 0
    assert send(server, content, "eec", server.line1)[1].status == 0
    code = add(server, "says it itself", "--allowed-requests", "2")
    content = forge.cert_req_msg(keys(), "says it itself", pop=RA_VERIFIED)
    assert refused(send(server, content, "client", forge.Secret(code))[1], "notAuthorized")
    assert send(server, content, "client-verified", forge.Secret(code))[1].status == 0


@pytest.mark.parametrize("alias", ["ra", "verified"])
def test_absent(server, keys, alias):
    assert refused(send(server, forge.cert_req_msg(keys(), pop=False), alias)[1], "badPOP")


def test_by_another_key(server, keys):
    assert refused(send(server, forge.cert_req_msg(keys(), pop_key=keys("ec:P-384")))[1], "badPOP")
    assert refused(send(server, forge.cert_req_msg(keys(), pop_key=keys("rsa:2048")))[1], "badPOP")


@pytest.mark.parametrize("cmd", ["ir", "cr"])
def test_stock_client_ra_verified(server, keys, tmp_path, cmd):
    key = write_key(keys(), tmp_path / "key.pem")
    args = ["-newkey", key, "-subject", "/CN=stock ra verified", "-popo", "0", "-certout", tmp_path / "cert.pem"]
    assert server.client(cmd, *args).returncode != 0
    assert server.client(cmd, *args, path="cmp/verified").returncode == 0


# ---- POPOSigningKeyInput -----------------------------------------------------------------------------------------------

def signing_key_input(key, sender=None, mac=None, public=None):
    auth = explicit(0, explicit(4, sender)) if mac is None else mac
    return auth + (public or forge.spki(key))


def input_pop(key, content, signer=None):
    alg, signature = forge.sign(signer or key, tlv(0x30, content))
    return tlv(0xA1, tlv(0xA0, content) + alg + bits(signature))


def template(key, subject=True, public=True, cn="by input"):
    fields = explicit(5, forge.name(cn)) if subject else b""
    return fields + (tlv(0xA6, parse(forge.spki(key)).content) if public else b"")


def public_key_mac(secret, public, iterations=500):
    salt = b"0123456789abcdef"
    value = hmac.new(forge.pbm_key(secret, salt, "sha256", iterations), public, "sha256").digest()
    return seq(forge.pbm_algid(salt, "sha256", iterations, "sha256"), bits(value))


def test_the_key_in_the_input_only(server, keys):
    key = keys()
    content = signing_key_input(key, forge.name("by input"))
    good = forge.cert_req_msg(key, template=template(key, public=False), pop=input_pop(key, content))
    answer = send(server, good)[1]
    assert answer.status in (0, 1) and answer.x509().public_key().public_numbers() == key.public_key().public_numbers()


@pytest.mark.parametrize("what", ["another sender", "another key signs", "the MAC of another secret", "iterations without end", "no name"])
def test_inputs_that_prove_nothing(server, keys, what):
    key, other = keys(), keys("ec:P-384")
    public, sender, mac, signer = forge.spki(key), forge.name("by input"), None, key
    if what == "another sender":
        sender = forge.name("somebody else")
    if what == "another key signs":
        signer = other
    if what == "the MAC of another secret":
        mac = public_key_mac(b"another secret", public)
    if what == "iterations without end":
        mac = seq(forge.pbm_algid(b"0123456789abcdef", "sha256", 10 ** 9, "sha256"), bits(b"\0" * 32))
    content = signing_key_input(key, sender, mac)
    if what == "no name":
        content = explicit(0, tlv(0x82, b"by.input")) + public
    before = server.cpu()
    answer = send(server, forge.cert_req_msg(key, template=template(key, public=False), pop=input_pop(key, content, signer)))[1]
    assert refused(answer, "badAlg" if what == "iterations without end" else "badPOP") and server.cpu() - before < 0.1


def test_public_key_mac(server, keys):
    key = keys()
    secret = server.secret.encode()
    for public, good in ((forge.spki(key), True), (forge.spki(keys("ec:P-384")), False)):
        content = signing_key_input(key, mac=public_key_mac(secret, public))
        answer = send(server, forge.cert_req_msg(key, template=template(key, public=False), pop=input_pop(key, content)))[1]
        assert answer.status in (0, 1) if good else refused(answer, "badPOP")
    # signed by an RA: there is no secret
    content = signing_key_input(key, mac=public_key_mac(server.secret.encode(), forge.spki(key)))
    content = forge.cert_req_msg(key, template=template(key, public=False), pop=input_pop(key, content))
    assert refused(send(server, content, "eec", server.line1)[1], "badPOP")


def test_an_input_that_is_not_needed(server, keys):
    """RFC 9810 5.2.8.2 forbids it; EJBCA takes it if it is the same."""
    key, other = keys(), keys("ec:P-384")
    same = forge.cert_req_msg(key, template=template(key), pop=input_pop(key, signing_key_input(key, forge.name("by input"))))
    assert refused(send(server, same)[1], "badPOP") and send(server, same, "identical")[1].status == 0
    content = signing_key_input(key, forge.name("another"))
    assert refused(send(server, forge.cert_req_msg(key, template=template(key), pop=input_pop(key, content)), "identical")[1], "badPOP")
    content = signing_key_input(other, forge.name("by input"))
    for signer in (key, other):
        request = forge.cert_req_msg(key, template=template(key), pop=input_pop(key, content, signer))
        assert refused(send(server, request, "identical")[1], "badPOP")


def test_the_input_of_an_end_entity(server, keys):
    """Its registered name is the one that authInfo must have."""
    code = forge.Secret(add(server, "has input", "--allowed-requests", "2"), kid=b"has input")
    key = keys()
    for sender, good in (("somebody else", False), ("has input", True)):
        content = signing_key_input(key, forge.name(sender))
        request = forge.cert_req_msg(key, template=template(key, public=False, cn="has input"), pop=input_pop(key, content))
        answer = send(server, request, "client", code)[1]
        assert answer.status in (0, 1) if good else refused(answer, "badPOP")


# ---- encrypted certificates --------------------------------------------------------------------------------------------

ENCR_CERT = {"keyEncipherment": tlv(0xA2, tlv(0x81, b"\0")), "keyAgreement": tlv(0xA3, tlv(0x81, b"\0"))}


def decrypt_value(node, key):
    """EncryptedValue (RFC 4211 2.1) of RSA, by hand."""
    parts = {p.tag: p for p in node}
    symmetric = parts[0xA1]
    content_key = key.decrypt(parts[0x82].content[1:], padding.PKCS1v15())
    decryptor = Cipher(algorithms.AES(content_key), modes.CBC(symmetric[1].content)).decryptor()
    plain = decryptor.update(parts[0x03].content[1:]) + decryptor.finalize()
    unpadder = symmetric_padding.PKCS7(128).unpadder()
    return unpadder.update(plain) + unpadder.finalize()


def decrypt_enveloped(der, key, tmp_path):
    """EnvelopedData by the stock `openssl cms`."""
    info = seq(oid("1.2.840.113549.1.7.3"), explicit(0, der))
    (tmp_path / "env.der").write_bytes(info)
    write_key(key, tmp_path / "env.key")
    done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-in", tmp_path / "env.der", "-inkey", tmp_path / "env.key",
                           "-binary", "-out", tmp_path / "env.out"], capture_output=True)
    assert done.returncode == 0, done.stderr
    return (tmp_path / "env.out").read_bytes()


@pytest.mark.parametrize("kind, pop, pvno", [("rsa:2048", "keyEncipherment", 2), ("rsa:2048", "keyEncipherment", 3),
                                             ("ec:P-256", "keyAgreement", 3), ("ec:P-384", "keyAgreement", 3)])
def test_only_the_owner_can_read_it(server, keys, tmp_path, kind, pop, pvno):
    key, name = keys(kind), f"reads {kind} {pvno}"
    msg, answer = send(server, forge.cert_req_msg(key, name, pop=ENCR_CERT[pop]), pvno=pvno)
    assert answer.status in (0, 1) and not answer.implicit, answer.fail_info  # certConf is the proof: never implicit
    node = answer.encrypted_cert
    stored = server.query("SELECT der, status FROM certificate WHERE end_entity = ?", name)
    assert stored[0][1] == UNCONFIRMED and stored[0][0] not in answer.der
    plain = decrypt_value(node, key) if pvno == 2 else decrypt_enveloped(seq(node.content), key, tmp_path)
    assert plain == stored[0][0]
    wrong = forge.Msg("certConf", forge.cert_conf(b"not read"), tid=msg.tid, recip_nonce=answer.nonce, pvno=pvno)
    conf = forge.Msg("certConf", forge.cert_conf(plain), tid=msg.tid, recip_nonce=answer.nonce, pvno=pvno)
    if kind == "ec:P-384":  # who cannot read it has not got it
        assert server.send(wrong.der(server.credential)).fail_info == ["badCertId"]
        assert server.query("SELECT status FROM certificate WHERE end_entity = ?", name) == [(REVOKED,)]
    else:
        assert server.send(conf.der(server.credential)).body == "pkiconf"
        assert server.query("SELECT status FROM certificate WHERE end_entity = ?", name) == [(ACTIVE,)]
    cert = x509.load_der_x509_certificate(plain)
    assert cert.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == forge.spki(key)


@pytest.mark.parametrize("what, kind, pop, pvno", [
    ("an EC key in an EncryptedValue", "ec:P-256", ENCR_CERT["keyAgreement"], 2),
    ("a key that only signs", "ed25519", ENCR_CERT["keyAgreement"], 3),
    ("challengeResp", "rsa:2048", tlv(0xA2, tlv(0x81, b"\1")), 3),
    ("thisMessage", "rsa:2048", tlv(0xA2, tlv(0x80, b"\0x")), 2),
    ("dhMAC", "ec:P-256", tlv(0xA3, tlv(0x82, b"\0x")), 3)])
def test_what_is_not_served(server, keys, what, kind, pop, pvno):
    assert refused(send(server, forge.cert_req_msg(keys(kind), what, pop=pop), pvno=pvno)[1], "badPOP")


def test_never_kept_unconfirmed(server, keys):
    """An alias that keeps what nobody has confirmed does not keep a certificate that nobody has proven to read."""
    send(server, forge.cert_req_msg(keys("rsa:2048"), "never read", pop=ENCR_CERT["keyEncipherment"]), "keep")
    send(server, forge.cert_req_msg(keys("rsa:2048"), "kept"), "keep", implicit=False)

    def state(name):
        return server.query("SELECT status FROM certificate WHERE end_entity = ?", name)
    wait_for("both to expire", lambda: state("kept") == [(ACTIVE,)] and state("never read") != [(UNCONFIRMED,)])
    assert state("never read") == [(REVOKED,)]


def test_a_retransmission_is_the_same(server, keys):
    msg = forge.Msg("ir", forge.cert_req_msg(keys("rsa:2048"), "retransmits", pop=ENCR_CERT["keyEncipherment"]))
    der = msg.der(server.credential)
    assert server.send(der).der == server.send(der).der


def test_stock_client_encrypted_certificate(server, keys, tmp_path):
    key = write_key(keys("rsa:2048"), tmp_path / "key.pem")
    done = server.client("ir", "-newkey", key, "-subject", "/CN=stock encrypted", "-popo", "2", "-certout", tmp_path / "cert.pem")
    assert done.returncode == 0, done.stderr
    cert = x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    assert forge.common_name(cert) == "stock encrypted" and [c["status"] for c in server.certs("--entity", "stock encrypted")] == ["active"]


def test_p10cr_signature(server, keys):
    der = bytearray(forge.pkcs10(keys(), "p10"))
    der[-1] ^= 1
    msg = forge.Msg("p10cr", bytes(der))
    answer = server.send(msg.der(server.credential))
    assert (answer.body, answer.fail_info) == ("cp", ["badPOP"])
