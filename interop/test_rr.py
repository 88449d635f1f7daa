# SPDX-License-Identifier: Apache-2.0
"""Revocation by the RA: of its own CA's certificates, with a reason that is one, and shown on the CRL."""
import pytest
from cryptography import x509

import forge
from der import explicit, octets, oid, seq, tlv


@pytest.fixture
def server(make_server, tmp_path):
    """Two CAs of one name, as after a rollover, each with an alias."""
    other = make_server(start=False)

    def change(c):
        d = other.dir
        c["cas"]["Other"] = {"certificate": f"{d}/issuing.crt", "key": f"file:{d}/issuing.key",
                             "crl": {"file": f"{d}/issuing.crl"},
                             "cmp_signer": {"certificate": f"{d}/signer.crt", "key": f"file:{d}/signer.key"}}
        c["aliases"]["ra"]["allow_mac_rr"] = True
        c["aliases"]["other"] = dict(c["aliases"]["ra"])
        c["aliases"]["other"]["ra.caname"] = "Other"

    return make_server(change=change)


def enrol(server, key, path="/cmp/ra", cn="device"):
    msg = forge.Msg("ir", forge.cert_req_msg(key, cn), implicit=True)
    return server.send(msg.der(server.credential), path).x509()


def revoke(server, content, path="/cmp/ra"):
    return server.send(forge.Msg("rr", content).der(server.credential), path)


def entry(server, cert):
    crl = x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    return crl.get_revoked_certificate_by_serial_number(cert.serial_number)


def test_each_alias_revokes_what_its_ca_issued(server, keys):
    mine, foreign = enrol(server, keys()), enrol(server, keys(), "/cmp/other", "foreign")
    assert mine.issuer == foreign.issuer
    refused = revoke(server, forge.rev_details(foreign))
    assert (refused.body, refused.status, refused.fail_info) == ("rp", 2, ["notAuthorized"])
    assert revoke(server, forge.rev_details(mine)).status == 0
    assert revoke(server, forge.rev_details(foreign), "/cmp/other").status == 0
    assert {r["status"] for r in server.certs()} == {"revoked"}


def test_hold_and_release(server, keys):
    cert = enrol(server, keys())
    assert revoke(server, forge.rev_details(cert, 8)).fail_info == ["badCertId"]  # not on hold
    assert revoke(server, forge.rev_details(cert, 6)).status == 0
    assert entry(server, cert) is not None
    assert revoke(server, forge.rev_details(cert, 6)).fail_info == ["certRevoked"]
    assert revoke(server, forge.rev_details(cert, 8)).status == 0
    assert entry(server, cert) is None and server.certs()[0]["status"] == "active"
    assert revoke(server, forge.rev_details(cert, 1)).status == 0
    assert revoke(server, forge.rev_details(cert, 8)).fail_info == ["badCertId"] or entry(server, cert)


def template(*fields):
    return seq(seq(seq(*fields)))


def test_what_is_refused(server, keys):
    cert = enrol(server, keys())
    issuer = explicit(3, cert.issuer.public_bytes())
    serial = forge.parse(forge.integer(cert.serial_number)).content
    one = forge.parse(forge.rev_details(cert)).content
    reason = seq(oid("2.5.29.21"), octets(tlv(0x0A, b"\1")))
    cases = [
        (template(issuer), "addInfoNotAvailable"),
        (template(tlv(0x81, serial)), "addInfoNotAvailable"),
        (template(tlv(0x81, b"\5"), issuer), "badCertId"),
        (template(tlv(0x81, serial), explicit(3, forge.name("nobody"))), "badCertId"),
        (template(tlv(0x81, serial), issuer, explicit(5, forge.name("somebody else"))), "badCertId"),
        (template(tlv(0x81, serial), issuer, tlv(0xA6, forge.parse(forge.spki(keys("ec:P-384"))).content)), "badCertId"),
        (forge.rev_details(cert, 7), "badDataFormat"),
        (forge.rev_details(cert, 11), "badDataFormat"),
        (seq(one, one), "badRequest"),
        (seq(seq(seq(tlv(0x81, serial), issuer), seq(reason, reason))), "badRequest"),
    ]
    for content, fail in cases:
        answer = revoke(server, content)
        assert (answer.body, answer.status, answer.fail_info, answer.kind()) == ("rp", 2, [fail], "mac"), fail
    assert server.certs()[0]["status"] == "active" and entry(server, cert) is None
