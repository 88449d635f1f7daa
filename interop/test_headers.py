# SPDX-License-Identifier: Apache-2.0
"""
The header rules of RFC 9483 3.5, a row each (H0 to H17 of the server's table): what is sent, which failInfo, how the
refusal is protected. A refusal before authentication leaves nothing in the store; one after it, a finished transaction
and an audit record. After each row a good ir works.
"""
import datetime
import os

import pytest

import forge
from der import explicit, integer, null, octets, oid, seq, set_of, tlv, utf8

MAC, SIGNATURE = "mac", "signature"
BEFORE, AFTER = SIGNATURE, MAC  # how a refusal before, and after authentication is protected


def ir(key, **fields):
    return forge.Msg("ir", forge.cert_req_msg(key), **fields)


def plain(msg, server):
    return msg.der(server.credential)


def self_signed_signer():
    key = forge.make_key("ec:P-256")
    name = forge.x509.Name([forge.x509.NameAttribute(forge.NameOID.COMMON_NAME, "stranger")])
    now = datetime.datetime.utcnow()
    builder = forge.x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(forge.x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return forge.Signer(key, builder.sign(key, forge.hashes.SHA256()))


def drop_protection(msg, server):
    der = forge.parse(msg.der(server.credential))
    return seq(der[0].raw, der[1].raw)


def drop_alg(msg, server):
    """protection without protectionAlg"""
    msg.kid = b"forge"
    msg.protection = bytes(20)
    return msg.der()


def truncate(msg, server):
    return msg.der(server.credential)[:-1]


def trail(msg, server):
    return msg.der(server.credential) + b"\0"


def indefinite(msg, server):
    der = msg.der(server.credential)
    return b"\x30\x80" + forge.parse(der).content + b"\0\0"


HOUR = datetime.timedelta(hours=1)
# rule, fields of the message, how it is encoded, failInfo, protection of the answer, pvno of the answer
ROWS = [
    ("H0 truncated", {}, truncate, "badDataFormat", BEFORE, 2),
    ("H0 trailing octets", {}, trail, "badDataFormat", BEFORE, 2),
    ("H0 indefinite length", {}, indefinite, "badDataFormat", BEFORE, 2),
    ("H0 body tag 27", dict(body=27), plain, "badDataFormat", BEFORE, 2),
    ("H0 messageTime as UTCTime", dict(raw={"time": explicit(0, tlv(0x17, b"261123141958Z"))}), plain,
     "badDataFormat", BEFORE, 2),
    ("H0 messageTime with fractions", dict(raw={"time": explicit(0, tlv(0x18, b"20261123141958.5Z"))}), plain,
     "badDataFormat", BEFORE, 2),
    ("H0 senderNonce of 65 octets", dict(nonce=bytes(65)), plain, "badDataFormat", BEFORE, 2),
    ("H0 senderKID of 257 octets", dict(kid=bytes(257)), plain, "badDataFormat", BEFORE, 2),
    ("H1 pvno 0", dict(pvno=0), plain, "unsupportedVersion", BEFORE, 2),
    ("H1 pvno 1", dict(pvno=1), plain, "unsupportedVersion", BEFORE, 2),
    ("H1 pvno 4", dict(pvno=4), plain, "unsupportedVersion", BEFORE, 3),
    ("H1 pvno 2^31", dict(pvno=2**31), plain, "unsupportedVersion", BEFORE, 3),
    ("H2 NULL-DN without senderKID", dict(kid=forge.ABSENT), plain, "badMessageCheck", BEFORE, 2),
    ("H2 NUL in the sender", dict(sender=explicit(4, forge.name("a\0b"))), plain, "badMessageCheck", BEFORE, 2),
    ("H4 genm", dict(body=21, content=seq()), plain, "badRequest", BEFORE, 2),
    ("H4 ip", dict(body=1), plain, "badRequest", BEFORE, 2),
    ("H4 nested", dict(body=20, content=seq(seq())), plain, "badRequest", BEFORE, 2),
    ("H4 kur", dict(body=7), plain, "badRequest", BEFORE, 2),
    ("H4 pollReq", dict(body=25, content=seq(seq(integer(0)))), plain, "badRequest", BEFORE, 2),
    ("H4 pkiconf", dict(body=19, content=null()), plain, "badRequest", BEFORE, 2),
    ("H5a no transactionID", dict(tid=forge.ABSENT), plain, "badDataFormat", BEFORE, 2),
    ("H5b transactionID of 15 octets", dict(tid=bytes(15)), plain, "badDataFormat", BEFORE, 2),
    ("H5b transactionID of 65 octets", dict(tid=bytes(65)), plain, "badDataFormat", BEFORE, 2),
    ("H5d certConf of nobody", dict(body=24, content=forge.cert_conf(b"x"), recip_nonce=bytes(16)), plain,
     "badRequest", AFTER, 2),
    ("H6 no senderNonce", dict(nonce=forge.ABSENT), plain, "badSenderNonce", BEFORE, 2),
    ("H6 senderNonce of 15 octets", dict(nonce=bytes(15)), plain, "badSenderNonce", BEFORE, 2),
    ("H7a recipNonce in ir", dict(recip_nonce=bytes(16)), plain, "badRecipientNonce", BEFORE, 2),
    ("H8 unprotected", dict(kid=b"forge"), lambda m, s: m.der(), "badMessageCheck", BEFORE, 2),
    ("H8 protectionAlg without protection", {}, drop_protection, "badMessageCheck", BEFORE, 2),
    ("H8 protection without protectionAlg", {}, drop_alg, "badMessageCheck", BEFORE, 2),
    ("H8 empty protection", dict(protection=b""), plain, "badMessageCheck", BEFORE, 2),
    ("H9 signature where only HMAC is", {}, lambda m, s: m.der(self_signed_signer()), "wrongIntegrity", BEFORE, 2),
    ("H10 unknown MAC", {}, lambda m, s: m.der(forge.Secret(s.secret, algid=seq(oid("1.2.840.113549.1.1.4"), null()))),
     "badAlg", BEFORE, 2),
    ("H10 PBMAC1 without parameters of PBKDF2", {}, lambda m, s: m.der(forge.Secret(s.secret, algid=seq(
        oid(forge.PBMAC1), seq(seq(oid(forge.PBKDF2)), seq(oid(forge.HMAC["sha256"])))))), "badAlg", BEFORE, 2),
    ("H10 DHBasedMac", {}, lambda m, s: m.der(forge.Secret(s.secret, algid=seq(oid("1.2.840.113533.7.66.30")))),
     "badAlg", BEFORE, 2),
    ("H11 MAC without senderKID", dict(kid=forge.ABSENT, sender=explicit(4, forge.name("device"))), plain,
     "badMessageCheck", BEFORE, 2),
    ("H13 wrong secret", {}, lambda m, s: m.der(forge.Secret("wrong")), "badMessageCheck", BEFORE, 2),
    ("H13 MAC of one octet", dict(protection=b"x"), plain, "badMessageCheck", BEFORE, 2),
    ("H15 messageTime an hour ago", dict(time=-HOUR), plain, "badTime", AFTER, 2),
    ("H15 messageTime in an hour", dict(time=HOUR), plain, "badTime", AFTER, 2),
    ("H16 implicitConfirm with a value", dict(general_info=[seq(oid("1.3.6.1.5.5.7.4.13"), integer(1))]), plain,
     "badRequest", BEFORE, 2),
    ("H16 implicitConfirm and confirmWaitTime", dict(general_info=[
        forge.IMPLICIT_CONFIRM, seq(oid("1.3.6.1.5.5.7.4.14"), tlv(0x18, b"20300101000000Z"))]), plain,
     "badRequest", BEFORE, 2),
]


def build(row, server, keys):
    fields = dict(row[1])
    if isinstance(fields.get("time"), datetime.timedelta):
        fields["time"] = datetime.datetime.utcnow() + fields["time"]
    msg = ir(keys())
    for key, value in fields.items():
        setattr(msg, key, value)
    return msg, row[2](msg, server)


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_header_rule(shared, keys, row):
    before, rows = shared.counts(), shared.dump()
    msg, der = build(row, shared, keys)
    answer = shared.send(der)
    assert answer.body == "error" and answer.status == 2
    assert answer.fail_info == [row[3]]
    assert answer.kind() == row[4] and answer.pvno == row[5]
    assert answer.mac_is_right(shared.secret) if row[4] == MAC else answer.signature_is_right()
    if not row[0].startswith("H0") and msg.tid is not forge.ABSENT and len(msg.tid) <= 64:
        assert answer.tid == msg.tid
    if not row[0].startswith("H0") and msg.nonce is not forge.ABSENT:
        assert answer.recip_nonce == msg.nonce
    assert len(answer.nonce) == 16 and answer.nonce != msg.nonce
    after = shared.counts()
    if row[4] == BEFORE:
        assert shared.dump() == rows
    else:
        assert after["certificate"] == before["certificate"] and after["audit"] == before["audit"] + 1
    _, _, good = shared.enrol(keys())
    assert good.body == "ip" and good.status == 0


def test_h7b_recip_nonce(shared, keys):
    msg, _, answer = shared.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=os.urandom(16))
    refused = shared.send(conf.der(shared.credential))
    assert (refused.body, refused.fail_info, refused.kind()) == ("error", ["badRecipientNonce"], MAC)
    assert shared.confirm(msg, answer).body == "pkiconf"


@pytest.mark.parametrize("field", [
    dict(recipient=explicit(4, forge.name("somebody else"))),
    dict(recipient=tlv(0x82, b"ca.example")),
    dict(recip_kid=b"whoever"),
    dict(free_text=["en", "hello", "\x1b[31mred\n"]),
    dict(general_info=[seq(oid("1.2.3.4.5"), utf8("unknown")), seq(oid("1.2.3.4.6"))]),
    dict(time=None),
    dict(nonce=bytes(range(64))),
    dict(tid=bytes(64)),
    dict(sender=explicit(4, forge.name("device"))),
    dict(sender=tlv(0x81, b"device@example.org")),
], ids=lambda f: " ".join(f))
def test_h3_and_fields_that_are_nobodys_business(shared, keys, field):
    """A header that is unusual but legal is served (RFC 9483 3.5: handle gracefully)."""
    if "tid" in field:  # one that was not used by an earlier test
        field = dict(tid=os.urandom(len(field["tid"])))
    msg, _, answer = shared.enrol(keys(), **field)
    assert (answer.body, answer.status, answer.fail_info) == ("ip", 0, []), answer.text
    assert answer.tid == msg.tid and answer.recip_nonce == msg.nonce and answer.recipient == msg.sender
    assert shared.confirm(msg, answer).body == "pkiconf"


def test_implicit_confirm_without_a_value(shared, keys):
    """Bouncy Castle leaves the NULL out."""
    _, _, answer = shared.enrol(keys(), general_info=[seq(oid("1.3.6.1.5.5.7.4.13"))])
    assert answer.body == "ip" and answer.implicit


def test_h5c_used_transaction_id(shared, keys):
    msg, _, first = shared.enrol(keys())
    before = shared.counts()
    _, _, refused = shared.enrol(keys("ec:P-384"), tid=msg.tid)
    assert (refused.body, refused.fail_info, refused.kind()) == ("error", ["transactionIdInUse"], MAC)
    assert refused.mac_is_right(shared.secret) and shared.counts()["certificate"] == before["certificate"]
    assert shared.confirm(msg, first).body == "pkiconf"


def test_h9_rr_under_a_mac(make_server, keys):
    server = make_server()
    _, _, issued = server.enrol(keys(), implicit=True)
    answer = server.send(forge.Msg("rr", forge.rev_details(issued.x509(), 1)).der(server.credential))
    assert (answer.fail_info, answer.status, answer.kind()) == (["wrongIntegrity"], 2, MAC)
    assert answer.body in ("error", "rp") and answer.mac_is_right(server.secret)
    assert server.query("SELECT status FROM certificate") == [(1,)]


def test_h9_certconf_under_another_kind_of_protection(shared, keys):
    msg, _, answer = shared.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    rows = shared.dump()
    refused = shared.send(conf.der(self_signed_signer()))
    assert (refused.body, refused.fail_info) == ("error", ["wrongIntegrity"])
    assert refused.kind() == SIGNATURE and refused.signature_is_right() and shared.dump() == rows
    assert shared.confirm(msg, answer).body == "pkiconf"


def test_h17_ra_verified_by_who_is_no_ra(shared, keys):
    answer = shared.send(forge.Msg("ir", forge.cert_req_msg(keys(), pop=tlv(0x80, b""))).der(shared.credential))
    assert (answer.body, answer.status, answer.fail_info) == ("ip", 2, ["notAuthorized"])
    assert answer.kind() == MAC and answer.mac_is_right(shared.secret)


def test_a_tampered_body_is_not_authenticated(shared, keys):
    """The MAC covers the body as well as the header: one octet of the name, and nothing happens."""
    der, rows = ir(keys()).der(shared.credential), shared.dump()
    answer = shared.send(der.replace(b"device", b"devici", 1))
    assert (answer.body, answer.fail_info, answer.kind()) == ("error", ["badMessageCheck"], SIGNATURE)
    assert shared.dump() == rows


def test_second_certconf(shared, keys):
    msg, _, answer = shared.enrol(keys())
    done = shared.confirm(msg, answer)
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=done.nonce)
    assert shared.send(conf.der(shared.credential)).fail_info == ["certConfirmed"]


def test_certconf_after_implicit_confirm(shared, keys):
    msg, _, answer = shared.enrol(keys(), implicit=True)
    assert answer.implicit
    assert shared.confirm(msg, answer).fail_info == ["badRequest"]


@pytest.mark.parametrize("pvno", [2, 3])
def test_the_answer_repeats_pvno_and_header(shared, keys, pvno):
    msg, _, answer = shared.enrol(keys(), pvno=pvno, sender=explicit(4, forge.name("me")))
    assert (answer.body, answer.pvno) == ("ip", pvno)
    assert answer.recipient == msg.sender and answer.tid == msg.tid and answer.recip_nonce == msg.nonce
    assert answer.kid == msg.kid and answer.alg == msg.alg  # mac_parameters: request
    assert any(oid("1.3.6.1.5.5.7.4.14") in item for item in answer.info)  # confirmWaitTime
    shared.confirm(msg, answer)


def test_body_refusals_answer_with_their_body(shared, keys):
    key = keys()
    cases = [
        (forge.cert_req_msg(key, pop=False), "badPOP"),
        (forge.cert_req_msg(key, pop=tlv(0x80, b"")), "notAuthorized"),
        (forge.cert_req_msg(key, pop_key=keys("ec:P-384")), "badPOP"),
        (forge.cert_req_msg(key, cert_req_id=7), "badRequest"),
        (forge.cert_req_msg(key, template=tlv(0x81, b"\5") + explicit(5, forge.name("x")) +
                            tlv(0xA6, forge.parse(forge.spki(key)).content)), "badCertTemplate"),
        (forge.cert_req_msg(key, extensions=[seq(oid("2.5.29.19"), tlv(1, b"\xff"),
                                                 octets(seq(tlv(1, b"\xff"))))]), "badCertTemplate"),
        (forge.cert_req_msg(key, extensions=[seq(oid("2.5.29.15"), octets(tlv(3, b"\x02\x04")))]), "badCertTemplate"),
        (forge.cert_req_msg(key, cn="a\0b"), "badCertTemplate"),
        (forge.cert_req_msg(key, subject=seq()), "badCertTemplate"),
    ]
    for content, fail in cases:
        before = shared.counts()["certificate"]
        answer = shared.send(forge.Msg("ir", content).der(shared.credential))
        assert (answer.body, answer.status, answer.fail_info, answer.kind()) == ("ip", 2, [fail], MAC), fail
        assert answer.cert is None and shared.counts()["certificate"] == before


def test_two_requests_in_one_message(shared, keys):
    one = forge.parse(forge.cert_req_msg(keys())).content
    answer = shared.send(forge.Msg("ir", seq(one, one)).der(shared.credential))
    assert (answer.body, answer.fail_info) == ("ip", ["badRequest"])


# ---- parameters of MACs ------------------------------------------------------------------------------------------------

ODD = [("iterations", n, forge.pbm_algid(bytes(16), iterations=n)) for n in (-1, 0, 99, 100001, 2**31, 2**63)] + [
    ("salt", n, forge.pbm_algid(bytes(n))) for n in (0, 7, 65)] + [
    ("owf", "MD5", forge.pbm_algid(bytes(16), owf_oid="1.2.840.113549.2.5")),
    ("owf", "SHA3-256", forge.pbm_algid(bytes(16), owf_oid="2.16.840.1.101.3.4.2.8")),
    ("mac", "HMAC-MD5", forge.pbm_algid(bytes(16), mac_oid="1.3.6.1.5.5.8.1.1")),
    ("mac", "AES-GMAC", forge.pbm_algid(bytes(16), mac_oid="2.16.840.1.101.3.4.1.9")),
] + [(f"PBMAC1 {what}", value, forge.pbmac1_algid(bytes(salt), **kwargs)) for what, value, salt, kwargs in (
    [("iterations", n, 16, dict(iterations=n)) for n in (-1, 0, 999, 100001, 2**31, 2**63)] +
    [("salt", n, n, {}) for n in (0, 7, 65)] + [("keyLength", n, 16, dict(length=n)) for n in (-1, 0, 19, 65, 4096, 2**31, None)] +
    [("salt", "otherSource", 16, dict(salt_der=seq(oid("1.2.3")))), ("prf", "absent", 16, dict(prf=None)),
     ("prf", "HMAC-SHA1", 16, dict(prf="sha1")), ("prf", "HMAC-SHA1 of PKCS 5", 16, dict(prf_oid="1.2.840.113549.2.7")),
     ("prf", "unknown", 16, dict(prf_oid="1.2.3.4")), ("mac", "HMAC-SHA1", 16, dict(mac="sha1")),
     ("mac", "AES-GMAC", 16, dict(mac_oid="2.16.840.1.101.3.4.1.9")), ("kdf", "scrypt", 16, dict(kdf="1.3.6.1.4.1.11591.4.11"))])]


@pytest.mark.parametrize("what, value, algid", ODD, ids=[f"{w} {v}" for w, v, _ in ODD])
def test_odd_mac_parameters_cost_nothing(shared, keys, what, value, algid):
    der = ir(keys()).der(forge.Secret(shared.secret, algid=algid, iterations=100))
    rounds, before, cpu = 20, shared.dump(), shared.cpu()
    for _ in range(rounds):
        answer = shared.send(der)
        assert (answer.body, answer.fail_info) == ("error", ["badAlg"])
    assert (shared.cpu() - cpu) / rounds < 0.05
    assert shared.dump() == before


@pytest.mark.parametrize("iterations", [100, 100000])
def test_pbm_iterations_at_the_limits(shared, keys, iterations):
    answer = shared.send(ir(keys()).der(forge.Secret(shared.secret, iterations=iterations)))
    assert answer.body == "ip" and answer.mac_is_right(shared.secret)


@pytest.mark.parametrize("parameters", [dict(iterations=1000), dict(iterations=100000), dict(prf="sha512", mac="sha384", length=64),
                                        dict(prf="sha384", mac="sha512", length=20)], ids=str)
@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
def test_pbmac1(shared, keys, body, parameters):
    credential = forge.Pbmac1(shared.secret, **parameters)
    content = forge.pkcs10(keys()) if body == "p10cr" else forge.cert_req_msg(keys())
    msg = forge.Msg(body, content)
    answer = shared.send(msg.der(credential))
    assert answer.status == 0 and answer.alg == msg.alg and answer.mac_is_right(shared.secret), answer.fail_info
    assert not answer.mac_is_right("another secret")
    conf = shared.confirm(msg, answer, credential)
    assert conf.body == "pkiconf" and conf.mac_is_right(shared.secret)
    rr = forge.Msg("rr", forge.rev_details(answer.x509())).der(credential)
    answer = shared.send(rr)
    assert (answer.body, answer.status) == ("rp", 0) and answer.mac_is_right(shared.secret)


def test_pbmac1_with_a_wrong_secret(shared, keys):
    answer = shared.send(ir(keys()).der(forge.Pbmac1("another secret")))
    assert answer.fail_info == ["badMessageCheck"] and answer.kind() == "signature"


@pytest.mark.parametrize("first, second", [(forge.Secret, forge.Pbmac1), (forge.Pbmac1, forge.Secret)])
def test_one_mac_algorithm_a_transaction(shared, keys, first, second):
    msg = ir(keys())
    answer = shared.send(msg.der(first(shared.secret)))
    assert shared.confirm(msg, answer, second(shared.secret)).fail_info == ["badMessageCheck"]
    assert shared.confirm(msg, answer, first(shared.secret)).body == "pkiconf"


def test_salt_of_a_mebibyte_is_over_the_body_limit(shared, keys):
    der = ir(keys()).der(forge.Secret(shared.secret, algid=forge.pbm_algid(bytes(1 << 20)), iterations=1))
    assert shared.post(der)[0] == 413


TYPES = {"absent": b"", "NULL": null(), "BOOLEAN": tlv(1, b"\xff"), "INTEGER": integer(5), "OID": oid("1.2.3"),
         "empty SEQUENCE": seq(), "SET": set_of(integer(1)), "OCTET STRING": octets(bytes(20)),
         "BIT STRING": forge.bits(b"x"), "UTF8String": utf8("x"), "SEQUENCE of others": seq(null(), null())}
ALGS = {"PasswordBasedMac": forge.PBM, "PBMAC1": forge.PBMAC1, "rsa-sha256": "1.2.840.113549.1.1.11",
        "ecdsa-sha256": "1.2.840.10045.4.3.2", "RSASSA-PSS": "1.2.840.113549.1.1.10"}


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("kind", TYPES)
def test_protection_alg_parameters_of_every_type(shared, keys, alg, kind):
    msg = ir(keys(), kid=b"forge", protection=bytes(32))
    msg.alg = seq(oid(ALGS[alg]), TYPES[kind])
    before = shared.dump()
    answer = shared.send(msg.der())
    allowed = {"badAlg", "badDataFormat"}
    if alg in ("rsa-sha256", "ecdsa-sha256", "RSASSA-PSS"):
        allowed.add("wrongIntegrity")  # a signature, where this alias takes none
    assert answer.body == "error" and set(answer.fail_info) <= allowed and len(answer.fail_info) == 1
    assert answer.kind() == BEFORE and answer.signature_is_right()
    assert shared.alive() and shared.dump() == before
