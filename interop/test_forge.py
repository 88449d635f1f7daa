# SPDX-License-Identifier: Apache-2.0
"""The forge speaks CMP as others do: OpenSSL's mock server takes its messages, and it understands the answers."""
import contextlib
import http.client
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

import forge
from conftest import free_port, wait_for

SECRET = "secret of the mock server"


def self_signed(kind, cn, directory):
    key = forge.make_key(kind)
    key_file, cert_file = directory / f"{cn}.key", directory / f"{cn}.crt"
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    subprocess.run(["openssl", "req", "-x509", "-new", "-key", key_file, "-subj", f"/CN={cn}", "-out", cert_file,
                    "-addext", "keyUsage=digitalSignature"], check=True, capture_output=True)
    return forge.Signer(key, forge.x509.load_pem_x509_certificate(cert_file.read_bytes())), key_file, cert_file


@pytest.fixture
def mock(tmp_path):
    """A function that starts `openssl cmp -port` and gives one that posts to it."""
    started, connections = [], []

    def make(*args):
        port = free_port()
        with open(tmp_path / "mock.log", "wb") as log:
            process = subprocess.Popen(["openssl", "cmp", "-config", "", "-port", str(port), *map(str, args)],
                                       stdout=log, stderr=log)
        started.append(process)

        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connections.append(conn)

        def listens():  # the connection stays: the mock forgets a transaction with it
            with contextlib.suppress(OSError):
                conn.connect()
                return True
            assert process.poll() is None, (tmp_path / "mock.log").read_text()

        def send(der):
            conn.request("POST", "/", der, {"Content-Type": "application/pkixcmp", "Connection": "keep-alive"})
            return forge.Answer(conn.getresponse().read())

        wait_for("the mock server", listens)
        return send

    yield make
    for conn in connections:
        conn.close()
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def mac_mock(mock, tmp_path):
    _, _, cert = self_signed("ec:P-256", "issued", tmp_path)
    return mock("-srv_ref", "forge", "-srv_secret", f"pass:{SECRET}", "-rsp_cert", cert)


@pytest.mark.parametrize("kind", ["rsa:2048", "rsa:3072", "ec:P-256", "ec:P-384", "ed25519"])
@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
def test_enrolment_under_a_mac(mac_mock, keys, kind, body):
    content = forge.pkcs10(keys(kind)) if body == "p10cr" else forge.cert_req_msg(keys(kind))
    msg = forge.Msg(body, content)
    answer = mac_mock(msg.der(forge.Secret(SECRET)))
    assert (answer.body, answer.status) == ("ip" if body == "ir" else "cp", 0), answer.text
    assert answer.kind() == "mac" and answer.mac_is_right(SECRET) and not answer.mac_is_right("another")
    assert answer.tid == msg.tid and answer.recip_nonce == msg.nonce
    assert forge.common_name(answer.x509()) == "issued"
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid,
                     recip_nonce=answer.nonce)
    assert mac_mock(conf.der(forge.Secret(SECRET))).body == "pkiconf"


@pytest.mark.parametrize("owf", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("mac", ["sha1", "sha256", "sha512"])
def test_every_pbm(mac_mock, keys, owf, mac):
    answer = mac_mock(forge.Msg("ir", forge.cert_req_msg(keys())).der(
        forge.Secret(SECRET, owf=owf, mac=mac, iterations=1000)))
    assert (answer.body, answer.status) == ("ip", 0), answer.text


@pytest.mark.parametrize("what", ["wrong secret", "tampered", "wrong key proves possession"])
def test_what_is_wrong_is_refused(mac_mock, keys, what):
    """Were it not, the good cases would prove nothing."""
    key, credential = keys(), forge.Secret("wrong" if what == "wrong secret" else SECRET)
    content = forge.cert_req_msg(key, pop_key=forge.make_key("ec:P-256") if what.startswith("wrong key") else None)
    der = forge.Msg("ir", content).der(credential)
    if what == "tampered":
        der = der.replace(b"device", b"devici", 1)
    answer = mac_mock(der)
    assert (answer.body, answer.status, answer.cert) != ("ip", 0, None) and answer.status == 2
    assert answer.text or answer.fail_info


@pytest.mark.parametrize("kind", ["rsa:2048", "ec:P-256", "ed25519"])
def test_enrolment_under_a_signature(mock, tmp_path, keys, kind):
    client, _, client_cert = self_signed(kind, "client", tmp_path)
    # the mock of OpenSSL 3.0 takes Ed25519 signatures but cannot make them
    server, server_key, server_cert = self_signed("ec:P-256", "server", tmp_path)
    send = mock("-srv_cert", server_cert, "-srv_key", server_key, "-srv_trusted", client_cert,
                "-rsp_cert", client_cert)
    answer = send(forge.Msg("ir", forge.cert_req_msg(keys())).der(client))
    assert (answer.body, answer.status) == ("ip", 0), answer.text
    assert answer.kind() == "signature" and answer.signature_is_right(server.cert)


def test_failinfo_is_read_bit_by_bit(mock, tmp_path, keys):
    _, _, cert = self_signed("ec:P-256", "issued", tmp_path)
    for bit, name in enumerate(forge.FAIL_INFO):
        if bit not in (0, 5, 8, 18, 26):
            continue
        send = mock("-srv_ref", "forge", "-srv_secret", f"pass:{SECRET}", "-rsp_cert", cert, "-pkistatus", 2,
                    "-failure", bit, "-statusstring", "because")
        answer = send(forge.Msg("ir", forge.cert_req_msg(keys())).der(forge.Secret(SECRET)))
        assert (answer.body, answer.status, answer.fail_info, answer.text) == ("ip", 2, [name], "because")
