# SPDX-License-Identifier: Apache-2.0
"""Signature algorithms beyond RSA PKCS#1, ECDSA and EdDSA: RSASSA-PSS, and what OpenSSL's providers offer by name."""
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import forge

ALIASES = {"authenticationmodule": ["HMAC", "EndEntityCertificate"],
           "authenticationparameters": [{"file": "ra.secret"}, "ManagementCA"]}


@pytest.fixture(scope="module", params=["rsa:2048", "ec:P-256"])
def server(tmp_path_factory, request):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("algorithms") / "pki", request.param)
    s.ca_key = request.param
    s.alias(**ALIASES)
    s.line1 = s.ra("line1", "--key", "rsa:2048")
    s.start()
    yield s
    s.stop()


def with_alg(server, digest, algid=None):
    return forge.Signer(server.line1.key, server.line1.cert, digest, algid)


def ask(server, signer, keys, body="ir", digest="sha256", kind="ec:P-256", **kwargs):
    make = forge.pkcs10 if body == "p10cr" else forge.cert_req_msg
    msg = forge.Msg(body, make(keys(kind), digest=digest), **kwargs)
    return msg, server.send(msg.der(signer))


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_pss_answers_pss(server, keys, digest):
    signer = with_alg(server, "pss-" + digest)
    msg, answer = ask(server, signer, keys)
    conf = server.confirm(msg, answer, signer)
    assert (answer.status, conf.body) == (0, "pkiconf")
    for a in (answer, conf):
        assert a.signature_is_right()
        if server.ca_key == "rsa:2048":
            assert a.pss_digest() == digest
        else:
            assert forge.parse(a.alg)[0].raw == forge.oid(forge.ECDSA_OIDS[digest])


@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("digest", ["pss-sha256", "pss-sha384", "pss-sha512"])
def test_pss_proves_possession(server, keys, body, digest):
    """To a MAC the answer is a MAC; the certificate is signed as the CA signs."""
    answer = ask(server, server.credential, keys, body, digest, "rsa:2048", implicit=True)[1]
    assert answer.status == 0 and answer.kind() == "mac"
    assert answer.x509().public_key().public_numbers() == keys("rsa:2048").public_key().public_numbers()


BAD_ALG = {
    "another digest in MGF1": forge.pss_algid("sha256", mgf1="sha1"),
    "SHA-1": forge.pss_algid("sha1"),
    "no salt": forge.pss_algid("sha256", salt=0),
    "a salt larger than the key": forge.pss_algid("sha256", salt=223),
    "a negative salt": forge.pss_algid("sha256", salt=-1),
    "another trailer": forge.pss_algid("sha256", trailer=2),
    "NULL": forge.seq(forge.oid(forge.PSS), forge.null()),
    "no parameters": forge.seq(forge.oid(forge.PSS)),
    "defaults, which are SHA-1": forge.seq(forge.oid(forge.PSS), forge.seq()),
}


@pytest.mark.parametrize("case", BAD_ALG)
def test_pss_parameters(server, keys, case):
    before = server.dump()
    answer = ask(server, with_alg(server, "pss-sha256", BAD_ALG[case]), keys)[1]
    assert (answer.body, answer.fail_info) == ("error", ["badAlg"]) and answer.signature_is_right()
    assert server.dump() == before


def test_pss_that_is_not_what_it_says(server, keys):
    for algid in (forge.pss_algid("sha384"), forge.pss_algid("sha256", salt=33), forge.seq(forge.oid(forge.RSA_OIDS["sha256"]))):
        answer = ask(server, with_alg(server, "pss-sha256", algid), keys)[1]
        assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"])


@pytest.mark.parametrize("dotted", ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.4", "1.3.101.110", "1.2.3.4.5",
                                    "2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.14"])
def test_an_algorithm_that_is_none(server, keys, dotted):
    """Names of keys, MD5, key agreement, nobody's, ML-DSA, SHA-3: none of them is what an RSA key of ours signs with."""
    answer = ask(server, with_alg(server, "sha256", forge.seq(forge.oid(dotted))), keys)[1]
    assert (answer.body, answer.fail_info) == ("error", ["badAlg"])


# ---- what only a provider knows ------------------------------------------------------------------------------------------

def has_ml_dsa():
    return subprocess.run(["openssl", "genpkey", "-algorithm", "ML-DSA-44", "-out", "/dev/null"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_ml_dsa(), reason="this OpenSSL has no ML-DSA (3.5 has)")
@pytest.mark.parametrize("level", ["44", "65", "87"])
def test_ml_dsa_all_the_way(make_server, tmp_path, level):
    """An ML-DSA CA, an RA that signs with ML-DSA, and a device with such a key, by the stock client."""
    server = make_server(start=False, ca_key="ec:P-256")
    name = f"ML-DSA-{level}"

    def openssl(*args):
        done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    openssl("req", "-x509", "-newkey", name, "-nodes", "-keyout", server.dir / "pq.key", "-out", server.dir / "pq.crt", "-days", "30",
            "-subj", "/CN=PQ CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")

    def change(c):
        c["cas"]["PQ"] = {"certificate": "pq.crt", "key": "file:pq.key"}
        c["certificate_profiles"]["ENDUSER"]["key_algorithms"].append(name.lower())
        c["aliases"]["ra"].update({"ra.caname": "PQ", "authenticationmodule": ["HMAC", "EndEntityCertificate"],
                                   "authenticationparameters": [{"file": "ra.secret"}, "PQ"]})

    server.configure(change)
    server.start()
    for who in ("line", "device"):
        openssl("genpkey", "-algorithm", name, "-out", tmp_path / f"{who}.key")
    common = ["-recipient", "/CN=PQ CA", "-out_trusted", server.dir / "pq.crt"]
    # the first certificate over HMAC; a row of `ras` makes its owner an RA
    done = server.client("ir", "-newkey", tmp_path / "line.key", "-subject", "/CN=line", "-certout", tmp_path / "line.crt", *common,
                         trusted=False)
    assert done.returncode == 0, done.stderr
    server.configure(lambda c: c.update(ras={"line": {"subject": "CN=line"}}))
    server.restart()
    done = server.client("cr", "-newkey", tmp_path / "device.key", "-subject", "/CN=device", "-certout", tmp_path / "device.crt",
                         "-cert", tmp_path / "line.crt", "-key", tmp_path / "line.key", "-trusted", server.dir / "pq.crt",
                         *common, secret=False, trusted=False)
    assert done.returncode == 0, done.stderr
    openssl("verify", "-CAfile", server.dir / "pq.crt", tmp_path / "device.crt")
    public = subprocess.run(["openssl", "pkey", "-in", tmp_path / "device.key", "-pubout"], capture_output=True).stdout
    certified = subprocess.run(["openssl", "x509", "-in", tmp_path / "device.crt", "-noout", "-pubkey"], capture_output=True).stdout
    assert public and certified == public


def test_a_key_algorithm_that_is_not_offered(make_server):
    server = make_server(start=False)
    server.configure(lambda c: c["certificate_profiles"]["ENDUSER"]["key_algorithms"].append("ml-dsa-45"))
    done = server.admin("alias", "list", check=False)
    assert done.returncode in (0, 1)
    with pytest.raises(AssertionError, match='no crypto provider offers keys called "ml-dsa-45"'):
        server.start()


def test_keys_that_cannot_sign(make_server, keys):
    """X25519 may be listed; no signature proves possession of it."""
    from cryptography.hazmat.primitives.asymmetric import x25519
    server = make_server(change=lambda c: c["certificate_profiles"]["ENDUSER"]["key_algorithms"].append("x25519"))
    public = x25519.X25519PrivateKey.generate().public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), public_key=public, pop_key=keys()))
    answer = server.send(msg.der(server.credential))
    assert (answer.body, answer.fail_info) == ("ip", ["badPOP"]) and answer.cert is None


def test_an_rsa_pss_key(make_server, tmp_path):
    """A key of id-RSASSA-PSS, tied to SHA-384, in a request of the stock tools."""
    server = make_server(change=lambda c: c["certificate_profiles"]["ENDUSER"]["key_algorithms"].append("rsa-pss:2048"))
    key, csr, cert = tmp_path / "pss.key", tmp_path / "pss.csr", tmp_path / "pss.crt"
    for line in (["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_pss_keygen_md:sha384",
                  "-pkeyopt", "rsa_pss_keygen_mgf1_md:sha384", "-pkeyopt", "rsa_pss_keygen_saltlen:48", "-out", key],
                 ["req", "-new", "-key", key, "-sha384", "-subj", "/CN=pss", "-out", csr]):
        done = subprocess.run(["openssl", *map(str, line)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    done = server.client("p10cr", "-csr", csr, "-certout", cert)
    assert done.returncode == 0, done.stderr
    spki = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], capture_output=True).stdout
    assert spki == subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True).stdout
    assert x509.load_pem_x509_certificate(cert.read_bytes()).subject.rfc4514_string() == "CN=pss"
