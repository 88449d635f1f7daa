# SPDX-License-Identifier: Apache-2.0
"""HTTPS: who gets in, how long a handshake may take, and a certificate that changes under way."""
import contextlib
import http.client
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

import forge
import tlspki
from conftest import free_port, wait_for
from test_stock_client import write_key


def make_https(make_server, start=True, timeout="10s", **tls):
    """A server with a plain and an https listener."""
    server = make_server(start=False)
    server.https, server.ca = free_port(), tlspki.issue("TLS CA")
    tlspki.write(server.dir, "tlsca", server.ca)
    server.tls_cert = tlspki.server_certificate(server.dir, server.ca)

    def change(conf):
        conf["server"]["listen"].append(f"https://127.0.0.1:{server.https}")
        conf["server"].update(message_timeout=timeout,
                              tls=dict({"certificate": "tls.crt", "key": "file:tls.key"}, **tls))

    server.configure(change)
    return server.start() if start else server


@pytest.fixture
def https(make_server):
    return make_https(make_server)


def context(server, version=None, client=None):
    c = ssl.create_default_context(cafile=str(server.dir / "tlsca.crt"))
    if version:
        c.minimum_version = c.maximum_version = version
    if client:
        c.load_cert_chain(server.dir / f"{client}.crt", server.dir / f"{client}.key")
    return c


def connect(server, *args, **kwargs):
    raw = socket.create_connection(("127.0.0.1", server.https), 10)
    return context(server, *args, **kwargs).wrap_socket(raw, server_hostname="localhost")


def request(der):
    return (f"POST /cmp/ra HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkixcmp\r\n"
            f"Content-Length: {len(der)}\r\n\r\n").encode() + der


def ask(sock, der):
    sock.sendall(request(der))
    response = http.client.HTTPResponse(sock)
    response.begin()
    assert response.status == 200
    return forge.Answer(response.read())


def a_good_ir(server, keys, cn="over TLS"):
    return forge.Msg("ir", forge.cert_req_msg(keys(), cn), implicit=True).der(server.credential)


def stock(server, tmp_path, keys, *args):
    key = write_key(keys(), tmp_path / "key.pem")
    return server.client("ir", "-server", f"https://localhost:{server.https}", "-tls_used", "-tls_trusted",
                         server.dir / "tlsca.crt", "-newkey", key, "-subject", "/CN=tls", "-certout",
                         tmp_path / "cert.pem", *args)


def test_the_stock_client(https, tmp_path, keys):
    done = stock(https, tmp_path, keys)
    assert done.returncode == 0, done.stderr
    assert x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    assert len(https.certs()) == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(https, keys, version):
    with connect(https, version) as s:
        assert ask(s, a_good_ir(https, keys)).body == "ip"
        assert ask(s, a_good_ir(https, keys)).body == "ip"  # keep-alive


def test_old_versions_are_refused(https):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{https.https}", "-tls1_1", "-cipher",
                           "ALL:@SECLEVEL=0"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    assert done.returncode == 1 and "alert protocol version" in done.stderr


def test_plain_http_to_https(https, keys):
    with socket.create_connection(("127.0.0.1", https.https), 10) as s:
        s.sendall(request(a_good_ir(https, keys)))
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/" not in s.recv(100)
    wait_for("the reason in the log", lambda: "TLS handshake: http request" in https.log_text())
    assert https.counts()["certificate"] == 0


@pytest.mark.parametrize("required", ["no", "yes"])
def test_client_certificates(make_server, tmp_path, keys, required):
    server = make_https(make_server, start=False, client_ca="tlsca.crt", require_client_certificate=required == "yes")
    server.start()
    tlspki.client_certificate(server.dir, server.ca)
    tlspki.client_certificate(server.dir, tlspki.issue("another CA"), "stranger")
    with_one = stock(server, tmp_path, keys, "-tls_cert", server.dir / "client.crt", "-tls_key", server.dir / "client.key")
    assert with_one.returncode == 0, with_one.stderr
    without = stock(server, tmp_path, keys, "-keep_alive", "0")
    assert (without.returncode == 0) == (required == "no"), without.stderr
    before = server.counts()
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)), connect(server, client="stranger") as s:
        ask(s, a_good_ir(server, keys))
    assert server.counts() == before


def is_closed(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_stalled_handshake_is_cut_at_the_deadline(make_server):
    server = make_https(make_server, timeout="1s")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for begun in (b"", hello):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.https), 10) as s:
            s.sendall(begun)
            assert is_closed(s)
        assert 0.9 < time.monotonic() - start < 3


def test_a_trickling_sender_is_cut_at_the_deadline(make_server, keys):
    server = make_https(make_server, timeout="1s")
    start = time.monotonic()
    with connect(server) as s:
        s.settimeout(0.1)
        answer = b""
        for octet in request(a_good_ir(server, keys)):
            s.sendall(bytes([octet]))
            with contextlib.suppress(TimeoutError):
                answer = s.recv(1000)
                break
    assert answer.startswith(b"HTTP/1.1 408 ") and 0.9 < time.monotonic() - start < 3
    assert server.counts()["certificate"] == 0


def served_certificate(server):
    with connect(server) as s:
        return x509.load_der_x509_certificate(s.getpeercert(binary_form=True))


def test_a_reload_takes_a_new_certificate(https, keys):
    with connect(https) as old:
        assert ask(old, a_good_ir(https, keys)).body == "ip"
        new = tlspki.server_certificate(https.dir, https.ca, days=60)
        https.hang_up()
        wait_for("the new certificate", lambda: served_certificate(https).serial_number == new.serial_number)
        assert ask(old, a_good_ir(https, keys)).body == "ip"  # goes on as it began


@pytest.mark.parametrize("what", ["key", "eku", "expired", "nothing"])
def test_a_bad_certificate_at_reload_changes_nothing(https, what):
    said = {"key": "tls.key", "eku": "extKeyUsage without serverAuth", "expired": "expired", "nothing": "tls.crt"}[what]
    if what == "nothing":
        (https.dir / "tls.crt").write_text("nothing")
    else:
        tlspki.server_certificate(https.dir, https.ca, stem="new" if what == "key" else "tls",
                                  eku=ExtendedKeyUsageOID.CODE_SIGNING if what == "eku" else None,
                                  days=-0.01 if what == "expired" else 30)
    if what == "key":
        (https.dir / "new.key").rename(https.dir / "tls.key")
    seen = len(https.log_text())
    https.hang_up()
    wait_for("the reason in the log", lambda: "not reloaded" in https.log_text()[seen:])
    assert f"{https.config}:" in https.log_text()[seen:] and said in https.log_text()[seen:]
    assert served_certificate(https).serial_number == https.tls_cert.serial_number
