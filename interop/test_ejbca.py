# SPDX-License-Identifier: Apache-2.0
"""Scenarios of EJBCA's own system tests that no other file has; docs/ejbca.md lists all of them with the test that shows each."""
import pathlib
import re
import subprocess

import pytest
from cryptography import x509

import forge
from der import explicit
from test_answers import certificates
from test_modules import Device, configure

CA1, CA2, WIDE = "the secret of the first CA", "the secret of the second CA", "the secret of the alias"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("ejbca") / "pki")
    s.configure(configure)

    def change(c):
        s.admin("init", "--dir", str(s.dir / "second"), config=False)
        c["cas"]["ManagementCA"]["cmp_ra_auth_secret"] = CA1
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key", "cmp_ra_auth_secret": CA2}
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                               "-subj", "/O=Example/CN=Two RDNs", "-keyout", s.dir / "two.key", "-out", s.dir / "two.crt",
                               "-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"], capture_output=True)
        assert done.returncode == 0, done.stderr
        c["cas"]["Two"] = {"certificate": "two.crt", "key": "file:two.key"}
        c["end_entity_profiles"]["SECOND"] = {"default_ca": "SecondCA", "default_certificate_profile": "ENDUSER"}
        ra = dict(c["aliases"]["ra-hmac"], responseprotection="pbe", defaultca="ManagementCA")
        c["aliases"]["ca1"] = dict(ra, authenticationparameters=["-"])
        c["aliases"]["ca2"] = dict(ra, authenticationparameters=["-"], **{"ra.caname": "SecondCA"})
        c["aliases"]["profile"] = dict(ra, authenticationparameters=["-"],
                                       **{"ra.endentityprofile": "SECOND", "ra.caname": "ProfileDefault", "ra.certificateprofile": "ProfileDefault"})
        c["aliases"]["two"] = dict(ra, authenticationparameters=[WIDE], **{"ra.caname": "Two"})
        c["aliases"]["wide"] = dict(ra, authenticationparameters=[WIDE])
        c["aliases"]["wide-signed"] = dict(ra, authenticationparameters=[WIDE], responseprotection="signature")
    s.configure(change)
    s.line1 = s.ra("line1", "--ca", "ManagementCA")
    s.start()
    s.names = iter(f"device {i}" for i in range(10000))
    s.issuers = {name: x509.load_der_x509_certificate(certificates(path)[0])
                 for name, path in (("ManagementCA", s.dir / "issuing.crt"), ("SecondCA", s.dir / "second" / "issuing.crt"))}
    yield s
    s.stop()


def whole(server, keys, alias, secret, body="ir", template=None, recipient=forge.NULL_DN):
    """Issue, confirm, revoke; the answers."""
    credential = forge.Secret(secret)
    content = forge.cert_req_msg(keys(), next(server.names), template=template)
    msg = forge.Msg(body, content, recipient=recipient)
    answer = server.send(msg.der(credential), f"/cmp/{alias}")
    if answer.status != 0:
        return [answer]
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce, recipient=recipient)
    rr = forge.Msg("rr", forge.rev_details(answer.x509()), recipient=recipient)
    return [answer, server.send(conf.der(credential), f"/cmp/{alias}"), server.send(rr.der(credential), f"/cmp/{alias}")]


# CmpRAAuthenticationTest
@pytest.mark.parametrize("alias, secret, issuer", [
    ("ca1", CA1, "ManagementCA"), ("ca2", CA2, "SecondCA"), ("profile", CA2, "SecondCA"), ("wide", WIDE, "ManagementCA")])
def test_the_secret_of_ca_or_alias(server, keys, alias, secret, issuer):
    answers = whole(server, keys, alias, secret)
    assert [a.body for a in answers] == ["ip", "pkiconf", "rp"] and answers[2].status == 0
    assert all(a.kind() == "mac" and a.mac_is_right(secret) for a in answers)
    assert answers[0].x509().issuer == server.issuers[issuer].subject
    for other in {CA1, CA2, WIDE} - {secret}:  # EJBCA tries the CA's after the alias's; here one overrides the other
        assert whole(server, keys, alias, other)[0].fail_info == ["badMessageCheck"]


def test_the_issuer_in_another_order(server, keys):
    """EJBCA takes a template's issuer with its RDNs reversed. A Name is a SEQUENCE: RFC 5280 7.1 makes it another one."""
    subject = x509.load_pem_x509_certificate((server.dir / "two.crt").read_bytes()).subject
    public = forge.parse(forge.spki(keys())).content

    def ask(issuer):
        template = explicit(3, issuer.public_bytes()) + explicit(5, forge.name("by issuer")) + forge.tlv(0xA6, public)
        return whole(server, keys, "two", WIDE, template=template)[0]

    assert len(subject.rdns) == 2 and ask(subject).status == 0
    refused = ask(x509.Name(reversed(subject.rdns)))
    assert (refused.body, refused.fail_info) == ("ip", ["wrongAuthority"])


# CmpConfirmMessageTest
def test_who_confirms(server, keys):
    """The CA that has issued, whatever the recipient says: under its MAC or its signature, as the alias answers."""
    issuers = {name: explicit(4, cert.subject.public_bytes()) for name, cert in server.issuers.items()}
    for recipient in (issuers["ManagementCA"], issuers["SecondCA"], explicit(4, forge.name("no CA")), forge.NULL_DN):
        signed = whole(server, keys, "wide-signed", WIDE, recipient=recipient)[1]
        assert signed.body == "pkiconf" and signed.signature_is_right()
        assert x509.load_der_x509_certificate(signed.extra_certs[0]).issuer == server.issuers["ManagementCA"].subject
        assert whole(server, keys, "wide", WIDE, recipient=recipient)[1].mac_is_right(WIDE)
        assert whole(server, keys, "ca1", CA1, recipient=recipient)[1].mac_is_right(CA1)


# AuthenticationModulesTest 11
def test_a_signed_rr_for_a_ca_that_does_not_exist(server, keys):
    answer = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), next(server.names)), implicit=True).der(server.line1), "/cmp/ra-eec")
    number = forge.parse(forge.integer(answer.x509().serial_number)).content
    rr = forge.seq(forge.seq(forge.seq(forge.tlv(0x81, number), explicit(3, forge.name("no CA")))))
    refused = server.send(forge.Msg("rr", rr).der(server.line1), "/cmp/ra-eec")
    assert (refused.body, refused.fail_info) == ("rp", ["badCertId"]) and refused.signature_is_right()
    assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(1,)]


# AuthenticationModulesTest 23-24
@pytest.mark.parametrize("how", [forge.Secret, forge.Pbmac1])
def test_a_token_in_a_message_under_a_mac(server, keys, how):
    device = Device(server, keys)
    credential = how(device.code, device.name.encode())
    assert device.ask("ir", "reg", credential, token="wrong").fail_info == ["badMessageCheck"]
    answer = device.ask("ir", "reg", credential, token=device.code)
    assert answer.status == 0 and answer.mac_is_right(device.code)


# AuthenticationModulesTest 32
def test_the_signature_algorithm_of_an_ecdsa_ca(server, keys):
    device = Device(server, keys, signs=True)
    msg = device.message("ir", token=device.code, implicit=False)
    answer = server.send(msg.der(), "/cmp/reg-open")
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    confirmed = server.send(conf.der(), "/cmp/reg-open")
    revoked = server.send(forge.Msg("rr", forge.rev_details(device.signer.cert)).der(device.signer), "/cmp/eec")
    for a in (answer, confirmed, revoked):
        assert a.signature_is_right() and forge.parse(a.alg)[0].raw == forge.oid(forge.ECDSA_OIDS["sha256"])


def test_the_page_names_tests_that_exist():
    top = pathlib.Path(__file__).resolve().parent
    page = (top.parent / "docs" / "ejbca.md").read_text()
    named = re.findall(r"`(test_\w+)(?:\.py)?::(test_\w+)", page)
    assert len(named) > 40
    for file, test in named:
        assert re.search(rf"^def {test}\(", (top / f"{file}.py").read_text(), re.M), f"{file}::{test}"
