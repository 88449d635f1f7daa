# SPDX-License-Identifier: Apache-2.0
"""What comes with an answer: caPubs, extraCerts, sender and senderKID, for MAC and for signed answers."""
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import forge
from der import explicit


def certificates(path):
    pems = path.read_text().split("-----END CERTIFICATE-----\n")[:-1]
    return [x509.load_pem_x509_certificate((p + "-----END CERTIFICATE-----\n").encode()).public_bytes(
        serialization.Encoding.DER) for p in pems]


EJBCA = dict(conformance="ejbca", responseprotection="mirror")
OFF, CAPUBS, EXTRA = {"response.capubsissuingca": False}, "response.capubsca", "response.extracertsca"
LISTS = [  # settings; what is in caPubs of ip, and of cp; what is in extraCerts of a MAC answer, behind the issuing CA
    dict(EJBCA), dict(EJBCA, **OFF), dict(EJBCA, **{CAPUBS: ["ManagementCA"]}), dict(EJBCA, **{CAPUBS: ["third", "second", "third"]}),
    dict(EJBCA, **OFF, **{CAPUBS: ["second", "third", "ManagementCA"]}), dict(OFF), {CAPUBS: ["second"]}, {EXTRA: ["third", "second"]},
    {EXTRA: ["ManagementCA", "second"]}, {EXTRA: ["third"], "responseprotection": "signature"}]
WANT = [
    (["issuing"], ["issuing"], []), ([], [], []), (["issuing"], ["issuing"], []), (["issuing", "third", "second"],) * 2 + ([],),
    (["second", "third", "issuing"],) * 2 + ([],), ([], [], []), (["root", "second"], [], []), (["root"], [], ["third", "second"]),
    (["root"], [], ["second"]), (["root"], [], ["third"])]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("answers") / "pki")

    def change(c):
        ra = c["aliases"]["ra"]
        c["aliases"]["signed"] = dict(ra, responseprotection="signature")
        c["aliases"]["ejbca"] = dict(ra, conformance="ejbca", responseprotection="mirror")
        c["aliases"]["fresh"] = dict(ra, mac_parameters="fresh")
        c["aliases"]["quiet"] = dict(ra, sign_errors_to_mac=False)
        c["aliases"]["explicit"] = dict(ra, implicit_confirm=False)
        for name in ("second", "third"):
            s.admin("init", "--dir", str(s.dir / name), config=False)
            c["cas"][name] = {"certificate": f"{name}/issuing.crt", "key": f"file:{name}/issuing.key"}
        for i, settings in enumerate(LISTS):
            c["aliases"][f"list{i}"] = dict(ra, **settings)
    s.configure(change)
    s.start()
    yield s
    s.stop()


@pytest.fixture(scope="module")
def files(server):
    signer, issuing, root = certificates(server.dir / "signer.crt")
    assert certificates(server.dir / "issuing.crt") == [issuing, root]
    return signer, issuing, root


def ask(server, keys, body="ir", path="/cmp/ra", **fields):
    content = forge.pkcs10(keys()) if body == "p10cr" else forge.cert_req_msg(keys())
    msg = forge.Msg(body, content, implicit=True, **fields)
    return msg, server.send(msg.der(server.credential), path)


def test_mac_answer(server, keys, files):
    _, issuing, root = files
    msg, answer = ask(server, keys)
    assert answer.kind() == "mac" and answer.extra_certs == [issuing] and answer.ca_pubs == [root]
    assert answer.kid == msg.kid and answer.alg == msg.alg
    assert answer.sender == explicit(4, x509.load_der_x509_certificate(issuing).subject.public_bytes())


def test_signed_answer(server, keys, files):
    signer, issuing, root = files
    _, answer = ask(server, keys, path="/cmp/signed")
    assert answer.kind() == "signature" and answer.signature_is_right()
    assert answer.extra_certs == [signer, issuing] and answer.ca_pubs == [root]


@pytest.mark.parametrize("body", ["cr", "p10cr"])
def test_cp_has_no_ca_pubs(server, keys, files, body):
    _, answer = ask(server, keys, body)
    assert answer.body == "cp" and answer.ca_pubs == [] and answer.extra_certs == [files[1]]


def test_ejbca_puts_the_issuing_ca_everywhere(server, keys, files):
    assert ask(server, keys, "ir", "/cmp/ejbca")[1].ca_pubs == [files[1]]
    _, answer = ask(server, keys, "p10cr", "/cmp/ejbca")
    assert answer.ca_pubs == [files[1]] and answer.cert_req_id == 0


def test_fresh_mac_parameters(server, keys):
    msg, answer = ask(server, keys, path="/cmp/fresh")
    assert answer.alg != msg.alg and answer.mac_is_right(server.secret)
    assert len(forge.parse(answer.alg)[1][0].content) == 16


def test_errors_to_an_unproven_mac_unsigned_where_the_alias_says_so(server, keys):
    der = forge.Msg("ir", forge.cert_req_msg(keys())).der(forge.Secret("wrong"))
    assert server.send(der, "/cmp/quiet").kind() is None
    assert server.send(der, "/cmp/ra").signature_is_right()


def test_implicit_confirm_that_is_not_granted(server, keys):
    msg, answer = ask(server, keys, path="/cmp/explicit")
    assert answer.body == "ip" and not answer.implicit
    assert server.confirm(msg, answer, path="/cmp/explicit").body == "pkiconf"


def test_granted_with_mods_when_an_extension_is_left_out(server, keys):
    extension = forge.seq(forge.oid("1.2.3.4"), forge.octets(b"x"))
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), "mods", extensions=[extension]), implicit=True)
    answer = server.send(msg.der(server.credential))
    assert answer.status == 1 and not answer.fail_info
    assert "1.2.3.4" not in [e.oid.dotted_string for e in answer.x509().extensions]


def test_what_was_asked_and_granted(server, keys):
    san = forge.seq(forge.oid("2.5.29.17"), forge.octets(forge.seq(forge.tlv(0x82, b"device.example"))))
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), "san", extensions=[san]), implicit=True)
    answer = server.send(msg.der(server.credential))
    names = answer.x509().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert answer.status == 0 and names.get_values_for_type(x509.DNSName) == ["device.example"]


@pytest.mark.parametrize("i", range(len(LISTS)), ids=[str(settings) for settings in LISTS])
def test_the_cas_that_an_alias_names(server, keys, files, i):
    """EJBCA's CmpResponseMessageTest: none, the issuing CA, the issuing CA once, the order of the list."""
    cert = {name: certificates(server.dir / name / "issuing.crt")[0] for name in ("second", "third")}
    cert.update(zip(("signer", "issuing", "root"), files))
    for body, want in zip(("ir", "cr"), WANT[i]):
        msg, answer = ask(server, keys, body, f"/cmp/list{i}")
        assert answer.ca_pubs == [cert[name] for name in want]
        first = ["signer", "issuing"] if "responseprotection" in LISTS[i] and "conformance" not in LISTS[i] else ["issuing"]
        assert answer.extra_certs == [cert[name] for name in first + WANT[i][2]]
    refused = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), pop=False)).der(server.credential), f"/cmp/list{i}")
    assert refused.fail_info == ["badPOP"] and refused.ca_pubs == [] and cert["third"] not in refused.extra_certs
