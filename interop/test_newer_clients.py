# SPDX-License-Identifier: Apache-2.0
"""The stock clients of newer Debian suites, unpacked beside the machine's own by openssl-from, run the exchanges of the own one."""
import os
import pathlib
import subprocess

import pytest
from cryptography import x509

import forge
from conftest import BUILD
from test_client_mode import add
from test_stock_client import verify, write_csr, write_key

SUITES = os.environ.get("CMPSRV_SUITES", "trixie sid experimental").split()
SCRIPT = pathlib.Path(__file__).resolve().parent / "openssl-from"


@pytest.fixture(scope="module", params=SUITES)
def openssl(request):
    target = BUILD / f"openssl-{request.param}"
    done = subprocess.run([SCRIPT, request.param, target], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        pytest.skip(f"no OpenSSL of Debian {request.param} to be had: {done.stderr.strip().splitlines()[-1:]}")
    return target / "openssl"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("newer") / "pki")

    def change(c):
        c["aliases"]["ra"].update(allow_mac_rr=True)
        c["aliases"]["signed"] = dict(c["aliases"]["ra"], authenticationmodule=["HMAC", "EndEntityCertificate"],
                                      authenticationparameters=[{"file": "ra.secret"}, "ManagementCA"])
        c["aliases"]["signature"] = dict(c["aliases"]["signed"], responseprotection="signature")
    s.configure(change)
    s.start()
    yield s
    s.stop()


def run(server, openssl, cmd, *args, **kwargs):
    done = server.client(cmd, *args, openssl=openssl, **kwargs)
    assert done.returncode == 0, done.stderr
    return done


def request(cmd, key, tmp_path, cn="newer"):
    return ["-csr", write_csr(key, f"/CN={cn}", tmp_path / "csr.pem")] if cmd == "p10cr" else ["-newkey", key, "-subject", f"/CN={cn}"]


@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("implicit", [[], ["-implicit_confirm"]], ids=["certConf", "implicit"])
@pytest.mark.parametrize("path", ["cmp/ra", "cmp/signature"])
def test_under_a_mac(server, keys, openssl, tmp_path, cmd, implicit, path):
    key, cert = write_key(keys(), tmp_path / "key.pem"), tmp_path / "cert.pem"
    run(server, openssl, cmd, *request(cmd, key, tmp_path), *implicit, "-certout", cert, path=path)
    verify(server, cert)


@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("kind", ["rsa:2048", "ec:P-256", "ed25519", "ed448"])
def test_signed(server, keys, openssl, tmp_path, cmd, kind):
    name = f"newer {kind.replace(':', ' ')}"
    if not (server.dir / f"{name}.crt").exists():
        server.admin("ra", "issue", name, "--dir", str(server.dir), "--key", kind)
    key, cert = write_key(keys(), tmp_path / "key.pem"), tmp_path / "cert.pem"
    run(server, openssl, cmd, *request(cmd, key, tmp_path), "-certout", cert, "-cert", server.dir / f"{name}.crt", "-key",
        server.dir / f"{name}.key", secret=False, path="cmp/signed")
    verify(server, cert)


def test_rr(server, keys, openssl, tmp_path):
    key, cert = write_key(keys(), tmp_path / "key.pem"), tmp_path / "cert.pem"
    run(server, openssl, "ir", *request("ir", key, tmp_path, "to revoke"), "-certout", cert)
    run(server, openssl, "rr", "-oldcert", cert, "-revreason", "1")
    der = x509.load_pem_x509_certificate(cert.read_bytes()).public_bytes(forge.serialization.Encoding.DER)
    assert server.query("SELECT status FROM certificate WHERE der = ?", der) == [(2,)]


def test_client_mode(server, keys, openssl, tmp_path):
    version = subprocess.run([openssl, "version"], capture_output=True, text=True).stdout.split()[1]
    name = f"device {version} {tmp_path.name}"
    secret, key, cert = add(server, name), write_key(keys(), tmp_path / "key.pem"), tmp_path / "cert.pem"
    run(server, openssl, "ir", *request("ir", key, tmp_path, name), "-certout", cert, secret=secret, ref=name, path="cmp/client")
    again = server.client("ir", *request("ir", key, tmp_path, name), "-certout", cert, secret=secret, ref=name, path="cmp/client",
                          openssl=openssl)
    assert again.returncode != 0 and "badMessageCheck" in again.stdout + again.stderr


def test_a_wrong_secret_says_why(server, keys, openssl, tmp_path):
    key = write_key(keys(), tmp_path / "key.pem")
    done = server.client("ir", *request("ir", key, tmp_path), "-certout", tmp_path / "cert.pem", secret="wrong", openssl=openssl)
    assert done.returncode != 0 and "badMessageCheck" in done.stdout + done.stderr
