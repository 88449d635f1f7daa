# SPDX-License-Identifier: Apache-2.0
"""KeyId and ProfileDefault: senderKID, or the end entity profile, names the profiles and the CA of a request."""
import pytest
from cryptography import x509

import forge
from der import seq, tlv
from test_client_mode import add, entity
from test_profiles import dn

CN, O = "2.5.4.3", "2.5.4.10"
CDP = {"ManagementCA": "http://crl.example/one", "SecondCA": "http://crl.example/two"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("keyid") / "pki")
    for name in ("second", "third"):
        s.admin("init", "--dir", str(s.dir / name), config=False)

    def change(c):
        ra, base = c["aliases"]["ra"], c["certificate_profiles"]["ENDUSER"]
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key",
                                "cmp_ra_auth_secret": "secret of the second"}
        c["cas"]["ManagementCA"]["cmp_ra_auth_secret"] = "secret of the first"
        c["cas"]["KeyId1"] = {"certificate": "third/issuing.crt", "key": "file:third/issuing.key"}
        for ca, url in CDP.items():
            c["cas"][ca]["urls"] = {"crl": url}
        for n, days in ((1, 10), (2, 20)):
            c["certificate_profiles"][f"KeyId{n}"] = dict(base, validity=f"{days}d")
        c["certificate_profiles"]["00ff4142"] = dict(base, validity="30d")
        defaults = {"default_ca": "ManagementCA", "default_certificate_profile": "ENDUSER"}
        c["end_entity_profiles"]["KeyId1"] = dict(defaults, default_certificate_profile="KeyId1")
        c["end_entity_profiles"]["KeyId2"] = dict(defaults, default_ca="SecondCA", default_certificate_profile="KeyId2",
                                                  subject_dn=[{"attribute": "O", "required": True}, {"attribute": "CN", "required": True}])
        c["end_entity_profiles"]["00ff4142"] = defaults
        c["end_entity_profiles"]["narrow"] = dict(defaults, available_cas=["ManagementCA"])
        keyid = {"ra.endentityprofile": "KeyId", "ra.certificateprofile": "ProfileDefault", "ra.caname": "ProfileDefault"}
        c["aliases"]["eep"] = dict(ra, **keyid)
        c["aliases"]["eep-secret-of-ca"] = dict(ra, authenticationparameters=["-"], **keyid)
        c["aliases"]["all"] = dict(ra, **dict.fromkeys(keyid, "KeyId"))
        c["aliases"]["cp"] = dict(ra, **{"ra.certificateprofile": "KeyId"})
        c["aliases"]["ca"] = dict(ra, authenticationparameters=["-"], defaultca="ManagementCA", **{"ra.caname": "KeyId"})
        c["aliases"]["default"] = dict(ra, **{"ra.endentityprofile": "KeyId2", "ra.certificateprofile": "ProfileDefault", "ra.caname": "ProfileDefault"})
        c["aliases"]["default-eec"] = dict(c["aliases"]["default"], authenticationmodule=["EndEntityCertificate"],
                                           authenticationparameters=["SecondCA"])
        c["aliases"]["eep-eec"] = dict(c["aliases"]["eep"], authenticationmodule=["EndEntityCertificate"],
                                       authenticationparameters=["ManagementCA"])
    s.configure(change)
    s.line1 = s.ra("line1", "--ca", "ManagementCA")
    s.start()
    yield s
    s.stop()


def ask(server, keys, alias, kid, secret=None, subject=None, body="ir", how=forge.Secret):
    subject = subject or dn((O, "Example"), (CN, f"{alias} device"))
    content = forge.pkcs10(keys(), subject=subject) if body == "p10cr" else forge.cert_req_msg(keys(), subject=subject)
    credential = how(secret or server.secret, kid=kid)
    return server.send(forge.Msg(body, content, implicit=True).der(credential), f"/cmp/{alias}")


def days(answer):
    cert = answer.x509()
    return round((cert.not_valid_after - cert.not_valid_before).total_seconds() / 86400)


def cdp(answer):
    points = answer.x509().extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return points[0].full_name[0].value


@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
@pytest.mark.parametrize("kid, want, ca", [(b"KeyId1", 10, "ManagementCA"), (b"KeyId2", 20, "SecondCA"), (b"\x00\xffAB", 730, "ManagementCA")])
def test_the_end_entity_profile(server, keys, body, kid, want, ca):
    """CrmfRAPbeRequestTest: seen by the CRL distribution point; a senderKID that is no text counts as hex."""
    answer = ask(server, keys, "eep", kid, body=body)
    assert answer.status == 0 and days(answer) == want and cdp(answer) == CDP[ca]
    assert entity(server, "eep device")["end entity profile"] == (kid.decode() if kid.isalnum() else kid.hex())


@pytest.mark.parametrize("kid, want", [(b"KeyId1", 10), (b"KeyId2", 20), (b"\x00\xffAB", 30)])
def test_the_certificate_profile(server, keys, kid, want):
    assert days(ask(server, keys, "cp", kid)) == want


def test_one_name_for_all_three(server, keys):
    answer = ask(server, keys, "all", b"KeyId1")
    assert answer.status == 0 and days(answer) == 10
    assert server.query("SELECT name FROM ca WHERE n = (SELECT ca FROM certificate WHERE der = ?)", answer.cert) == [("KeyId1",)]


def test_the_ca_and_its_secret(server, keys):
    for name, secret, other in (("ManagementCA", "secret of the first", "secret of the second"), ("SecondCA", "secret of the second", "secret of the first")):
        answer = ask(server, keys, "ca", name.encode(), secret)
        assert answer.status == 0 and cdp(answer) == CDP[name] and answer.mac_is_right(secret)
        assert ask(server, keys, "ca", name.encode(), other).fail_info == ["badMessageCheck"]


def test_nobody_is_told_which_cas_there_are(server, keys):
    """A CA that does not exist and a secret that is wrong: one answer, from one signer."""
    answers = [ask(server, keys, "ca", kid, "wrong") for kid in (b"SecondCA", b"NoSuchCA", b"ManagementCA", b"\xff\xfe")]
    assert {(a.body, tuple(a.fail_info), a.text, a.sender, a.kid) for a in answers} == {("error", ("badMessageCheck",), answers[0].text,
                                                                                         answers[0].sender, answers[0].kid)}
    assert all(a.kind() == "signature" for a in answers)


@pytest.mark.parametrize("alias", ["eep", "cp", "all"])
@pytest.mark.parametrize("kid", [b"NoSuchProfile", b"keyid1", b"KeyId1 ", b"KeyId1\0", b"x" * 200])
def test_a_name_of_nothing(server, keys, alias, kid):
    """CrmfRARequestTest, CrmfRAPbeMultipleKeyIdRequestTest: systemUnavail, in ip, under the MAC."""
    before = server.counts()["certificate"]
    answer = ask(server, keys, alias, kid)
    assert (answer.body, answer.kind(), server.counts()["certificate"]) == ("ip", "mac", before)
    assert answer.fail_info == ["systemUnavail"]


def test_a_profile_that_wants_more(server, keys):
    """CrmfRARequestTest: a profile that requires O: without it incorrectData, with it a certificate."""
    answer = ask(server, keys, "eep", b"KeyId2", subject=dn((CN, "no O")))
    assert (answer.body, answer.fail_info) == ("ip", ["incorrectData"])
    assert ask(server, keys, "eep", b"KeyId2").status == 0


@pytest.mark.parametrize("how", [forge.Secret, forge.Pbmac1])
@pytest.mark.parametrize("alias, kid, refused", [("eep", b"EMPTY", True), ("cp", b"ENDUSER", True), ("all", b"EMPTY", True), ("all", b"ENDUSER", True),
                                                 ("ra", b"EMPTY", False), ("ra", b"ENDUSER", False)])
def test_names_that_everybody_knows(server, keys, how, alias, kid, refused):
    """AuthenticationModulesTest 34, 35: EMPTY and ENDUSER are refused under a MAC where senderKID is the name of a profile."""
    answer = ask(server, keys, alias, kid, how=how)
    if refused:
        assert (answer.body, answer.fail_info, answer.kind()) == ("error", ["badRequest"], "mac")
    else:
        assert answer.status == 0


def test_profile_default(server, keys):
    """DefaultProfileTest, with HMAC and with EndEntityCertificate."""
    answer = ask(server, keys, "default", b"anything")
    assert answer.status == 0 and days(answer) == 20 and cdp(answer) == CDP["SecondCA"]
    code = add(server, "signs for default", "--ca", "SecondCA", dn="CN=signs for default")
    key = forge.make_key("ec:P-256")
    own = server.send(forge.Msg("ir", forge.cert_req_msg(key, "signs for default"), implicit=True).der(forge.Secret(code)), "/cmp/client")
    server.configure(lambda c: c.update(ras={"default": {"subject": "CN=signs for default"}}))
    server.restart()
    signer = forge.Signer(key, own.x509())
    content = forge.cert_req_msg(keys(), subject=dn((O, "Example"), (CN, "default signed")))
    answer = server.send(forge.Msg("ir", content, implicit=True).der(signer), "/cmp/default-eec")
    assert answer.status == 0 and days(answer) == 20 and cdp(answer) == CDP["SecondCA"]


def test_the_key_identifier_of_a_signature(server, keys):
    """senderKID of a signature is a subjectKeyIdentifier: its hex names a profile, if anything. Without one there is no CA that
    the RA could be of."""
    content = forge.cert_req_msg(keys(), "by ski")
    answer = server.send(forge.Msg("ir", content, implicit=True).der(server.line1), "/cmp/eep-eec")
    assert (answer.body, answer.fail_info) == ("ip", ["notAuthorized"])
    ski = server.line1.cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    server.configure(lambda c: c["end_entity_profiles"].update({ski: {"default_ca": "ManagementCA", "default_certificate_profile": "KeyId1"}}))
    server.restart()
    answer = server.send(forge.Msg("ir", content, implicit=True).der(server.line1), "/cmp/eep-eec")
    assert answer.status == 0 and days(answer) == 10


def test_extensions_by_key_id(server, keys):
    """CrmfRAPbeMultipleKeyIdRequestTest: extension override on under one name, off under another."""
    def change(c):
        c["certificate_profiles"]["KeyId2"]["allow_extension_override"] = True
    server.configure(change)
    server.restart()
    own = seq(forge.oid("1.2.3.5"), forge.octets(tlv(0x0C, b"my own")))
    for kid, has in ((b"KeyId1", False), (b"KeyId2", True)):
        content = forge.cert_req_msg(keys(), "extended", extensions=[own])
        answer = server.send(forge.Msg("ir", content, implicit=True).der(forge.Secret(server.secret, kid=kid)), "/cmp/cp")
        assert (own in answer.cert) is has and answer.status == (0 if has else 1)
