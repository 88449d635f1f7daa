# SPDX-License-Identifier: Apache-2.0
"""Certificate profiles and end entity profiles: what a request may choose where it may, and what it never gets."""
import datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU

import forge
from der import bits, explicit, null, octets, oid, seq, set_of, tlv, utf8
from test_client_mode import add

CN, O, OU, UID, C, SERIAL = "2.5.4.3", "2.5.4.10", "2.5.4.11", "0.9.2342.19200300.100.1.1", "2.5.4.6", "2.5.4.5"
DAY = datetime.timedelta(days=1)
EVERYTHING = {f"allow_{what}_override": True for what in ("validity", "key_usage", "extension", "dn", "serial")}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("profiles") / "pki")

    def change(c):
        ra, base = c["aliases"]["ra"], c["certificate_profiles"]["ENDUSER"]
        profiles = {
            "open": dict(base, **EVERYTHING),
            "validity": dict(base, validity="100d", allow_validity_override=True),
            "usage": dict(base, allow_key_usage_override=True, key_usage=["digitalSignature", "keyEncipherment"]),
            "extensions": dict(base, allow_extension_override=True),
            "listed": dict(base, allow_extension_override=True, overridable_extensions=["2.5.29.32", "1.2.3.4", "2.5.29.37"],
                           non_overridable_extensions=["1.2.3.4"]),
            "denied": dict(base, allow_extension_override=True, non_overridable_extensions=["2.5.29.32"]),
            "dn": dict(base, allow_dn_override=True),
            "forever": dict(base, validity="36000d"),
            "cmc": dict(base, allow_extension_override=True, extended_key_usage=["clientAuth", "cmcRA"]),
        }
        for name, profile in profiles.items():
            c["certificate_profiles"][name] = profile
            c["aliases"][name] = dict(ra, **{"ra.certificateprofile": name})
        c["aliases"]["client-uid"] = dict(c["aliases"]["client"], extractusernamecomponent="UID")
        rows = [{"attribute": "CN", "required": True, "max": 1}, {"attribute": "O", "required": True, "value": "Example"},
                {"attribute": "OU", "max": 2, "regex": "[A-Z]{3}"}, {"attribute": "UID"}]
        sans = [{"type": "dNSName", "required": True, "max": 2, "regex": r"[a-z]+\.example"},
                {"type": "iPAddress", "regex": r"192\.0\.2\.[0-9]+"}]
        defaults = {"default_ca": "ManagementCA", "default_certificate_profile": "ENDUSER"}
        c["end_entity_profiles"]["RULES"] = dict(defaults, subject_dn=rows)
        c["end_entity_profiles"]["MULTI"] = dict(defaults, subject_dn=rows, allow_multi_value_rdns=True)
        c["end_entity_profiles"]["SANS"] = dict(defaults, subject_alt_name=sans)
        c["aliases"]["random"] = dict(ra, **{"ra.namegenerationscheme": "RANDOM"})
        for name in ("RULES", "MULTI", "SANS"):
            c["aliases"][name.lower()] = dict(ra, **{"ra.endentityprofile": name, "ra.namegenerationscheme": "RANDOM"})
    s.configure(change)
    s.start()
    yield s
    s.stop()


def extension(dotted, value, critical=False):
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", octets(value))


def request(key, extensions=None, subject=None, validity=b"", body="ir", attribute="1.2.840.113549.1.9.14", cn="device", **kwargs):
    if body == "p10cr":
        attributes = tlv(0xA0, seq(oid(attribute), set_of(seq(*extensions))) if extensions else b"")
        info = seq(forge.integer(0), subject or forge.name(cn), forge.spki(key), attributes)
        alg, signature = forge.sign(key, info)
        return seq(info, alg, bits(signature))
    public = forge.parse(forge.spki(key)).content
    template = validity + explicit(5, subject or forge.name(cn)) + tlv(0xA6, public)
    template += tlv(0xA9, b"".join(extensions)) if extensions else b""
    return forge.cert_req_msg(key, template=template, **kwargs)


def ask(server, key, alias, *args, body="ir", credential=None, **kwargs):
    kwargs.setdefault("cn", f"{alias} device")  # an end entity belongs to one alias, or one CA and profile
    msg = forge.Msg(body, request(key, *args, body=body, **kwargs), implicit=True)
    return server.send(msg.der(credential or server.credential), f"/cmp/{alias}")


def get(answer, kind):
    try:
        return answer.x509().extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def oids_of(answer):
    return {e.oid.dotted_string for e in answer.x509().extensions}


# ---- validity ----------------------------------------------------------------------------------------------------------

def times(start=None, end=None):
    now = datetime.datetime.utcnow().replace(microsecond=0)
    parts = [explicit(i, forge.gentime(now + t)) if abs(t.days) > 9000 else explicit(i, tlv(0x17, (now + t).strftime("%y%m%d%H%M%SZ").encode()))
             for i, t in ((0, start), (1, end)) if t is not None]
    return tlv(0xA4, b"".join(parts)), (now + start if start is not None else None), (now + end if end is not None else None)


@pytest.mark.parametrize("start, end, status", [
    (DAY, 5 * DAY, 0), (None, 5 * DAY, 1), (DAY, None, 1), (-3 * DAY, 5 * DAY, 1), (None, 400 * DAY, 1)])
def test_a_validity_of_its_own(server, keys, start, end, status):
    """Honoured inside the profile's 100 days and the CA's validity; clipped, not refused, beyond. A part that is absent is the
    profile's; notBefore is never before the CA's."""
    ca = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
    validity, not_before, not_after = times(start, end)
    answer = ask(server, keys(), "validity", validity=validity)
    cert, now = answer.x509(), datetime.datetime.utcnow()
    if not_before:
        assert cert.not_valid_before == max(not_before, ca.not_valid_before)
    limit = now + 100 * DAY
    assert abs(cert.not_valid_after - min(not_after or limit, limit)) < datetime.timedelta(seconds=10)
    wanted = (not_before in (None, cert.not_valid_before)) and (not_after in (None, cert.not_valid_after))
    assert answer.status == (0 if wanted else 1)


@pytest.mark.parametrize("start, end", [(-5 * DAY, -DAY), (5 * DAY, DAY)])
def test_a_validity_that_is_none(server, keys, start, end):
    answer = ask(server, keys(), "validity", validity=times(start, end)[0])
    assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"])


def test_no_validity_of_its_own(server, keys):
    answer = ask(server, keys(), "ra", validity=times(DAY, 5 * DAY)[0])
    assert answer.status == 1 and answer.x509().not_valid_after > datetime.datetime.utcnow() + 6 * DAY


@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
def test_never_beyond_the_ca(server, keys, body):
    ca = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
    assert ask(server, keys(), "forever", body=body).x509().not_valid_after == ca.not_valid_after


# ---- key usage ---------------------------------------------------------------------------------------------------------

def key_usage(*names):
    order = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign",
             "encipherOnly", "decipherOnly"]
    value = sum(1 << (15 - order.index(n)) for n in names)
    raw = value.to_bytes(2, "big").rstrip(b"\0")
    unused = next((i for i in range(8) if raw[-1] >> i & 1), 0) if raw else 0
    return extension("2.5.29.15", tlv(3, bytes([unused]) + raw), True)


def usages(answer):
    usage = get(answer, x509.KeyUsage)
    names = {"digital_signature": "digitalSignature", "content_commitment": "nonRepudiation", "key_encipherment": "keyEncipherment",
             "data_encipherment": "dataEncipherment", "key_agreement": "keyAgreement"}
    return {n for attribute, n in names.items() if getattr(usage, attribute)}


@pytest.mark.parametrize("alias, kind, asked, given", [
    ("usage", "rsa:2048", ["dataEncipherment"], {"dataEncipherment"}),
    ("usage", "rsa:2048", ["digitalSignature", "nonRepudiation"], {"digitalSignature", "nonRepudiation"}),
    ("usage", "ec:P-256", ["digitalSignature", "keyAgreement", "keyEncipherment"], {"digitalSignature", "keyAgreement"}),
    ("usage", "ec:P-256", ["keyEncipherment"], {"digitalSignature"}),
    ("ra", "rsa:2048", ["dataEncipherment"], {"digitalSignature", "keyEncipherment"})])
def test_key_usage(server, keys, alias, kind, asked, given):
    answer = ask(server, keys(kind), alias, [key_usage(*asked)])
    assert usages(answer) == given and answer.status == (0 if set(asked) == given else 1)


# ---- extensions --------------------------------------------------------------------------------------------------------

POLICIES = extension("2.5.29.32", seq(seq(oid("1.2.3.99"))))
OWN = extension("1.2.3.5", utf8("of my own"))
DENIED = extension("1.2.3.4", utf8("of my own"))


@pytest.mark.parametrize("body, attribute", [("ir", ""), ("cr", ""), ("p10cr", "1.2.840.113549.1.9.14"),
                                             ("p10cr", "1.3.6.1.4.1.311.2.1.14")])
@pytest.mark.parametrize("alias, extensions, has, has_not", [
    ("ra", [POLICIES, OWN], [], ["2.5.29.32", "1.2.3.5"]),
    ("extensions", [POLICIES, OWN], ["2.5.29.32", "1.2.3.5"], []),
    ("listed", [POLICIES, OWN, DENIED], ["2.5.29.32"], ["1.2.3.5", "1.2.3.4"]),
    ("denied", [POLICIES, OWN], ["1.2.3.5"], ["2.5.29.32"])])
def test_extensions(server, keys, body, attribute, alias, extensions, has, has_not):
    answer = ask(server, keys(), alias, extensions, body=body, attribute=attribute)
    assert set(has) <= oids_of(answer) and not set(has_not) & oids_of(answer)
    assert answer.status == (1 if has_not else 0)
    for raw in (POLICIES, OWN):  # what is taken is taken octet by octet
        if forge.parse(raw)[0].raw in {oid(o) for o in has}:
            assert raw in answer.cert


def test_extended_key_usage(server, keys):
    asked = extension("2.5.29.37", seq(oid("1.3.6.1.5.5.7.3.4"), oid("1.2.3.6")))
    assert [e.dotted_string for e in get(ask(server, keys(), "extensions", [asked]), x509.ExtendedKeyUsage)] == ["1.3.6.1.5.5.7.3.4", "1.2.3.6"]
    assert list(get(ask(server, keys(), "ra", [asked]), x509.ExtendedKeyUsage)) == [EKU.CLIENT_AUTH, EKU.SERVER_AUTH]


def eku(*purposes):
    return extension("2.5.29.37", seq(*(oid(p) for p in purposes)))


ESCALATIONS = {
    "a CA": [extension("2.5.29.19", seq(tlv(1, b"\xff")), True)],
    "a CA with a path length": [extension("2.5.29.19", seq(tlv(1, b"\xff"), forge.integer(3)), True)],
    "a path length": [extension("2.5.29.19", seq(forge.integer(3)))],
    "keyCertSign": [key_usage("keyCertSign")],
    "keyCertSign among others": [key_usage("digitalSignature", "keyCertSign", "cRLSign")],
    "cRLSign": [key_usage("digitalSignature", "cRLSign")],
    "cmcCA": [eku("1.3.6.1.5.5.7.3.27")],
    "cmcRA": [eku("1.3.6.1.5.5.7.3.28")],
    "cmKGA": [eku("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.32")],
    "anyExtendedKeyUsage": [eku("2.5.29.37.0")],
    "OCSPSigning": [eku("1.3.6.1.5.5.7.3.9")],
    "OCSPSigning last": [eku("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.9")],
    "another subjectKeyIdentifier": [extension("2.5.29.14", octets(b"x" * 20))],
    "another authorityKeyIdentifier": [extension("2.5.29.35", seq(tlv(0x80, b"x" * 20)))],
    "name constraints": [extension("2.5.29.30", seq(explicit(0, seq(seq(tlv(0x82, b"example"))))), True)],
    "policy mappings": [extension("2.5.29.33", seq(seq(oid("1.2.3"), oid("1.2.4"))), True)],
    "policy constraints": [extension("2.5.29.36", seq(tlv(0x80, b"\0")), True)],
    "inhibitAnyPolicy": [extension("2.5.29.54", forge.integer(0), True)],
    "a CRL of its own": [extension("2.5.29.31", seq(seq(explicit(0, explicit(0, tlv(0x86, b"http://evil.example/crl"))))))],
    "an OCSP responder of its own": [extension("1.3.6.1.5.5.7.1.1", seq(seq(oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, b"http://evil.example"))))],
    "OCSP no check": [extension("1.3.6.1.5.5.7.48.1.5", null())],
    "a critical one that nobody knows": [extension("1.2.3.7", utf8("?"), True)],
    "a CA in Netscape's words": [extension("2.16.840.1.113730.1.1", tlv(3, b"\1\x06"))],
    "one twice": [extension("2.5.29.19", seq()), extension("2.5.29.19", seq(tlv(1, b"\xff")), True)],
    "one twice, none of ours": [OWN, extension("1.2.3.5", utf8("another"))],
    "damaged": [extension("1.2.3.5", b"\x30\x05\x01")],
    "BER": [extension("1.2.3.5", b"\x30\x80\0\0")],
}
NEVER = {"2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.54", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.48.1.5", "1.2.3.7",
         "2.16.840.1.113730.1.1"}
PURPOSES = {"1.3.6.1.5.5.7.3.27", "1.3.6.1.5.5.7.3.28", "1.3.6.1.5.5.7.3.32", "2.5.29.37.0", "1.3.6.1.5.5.7.3.9"}


def reg_info(inner):
    """regInfo certReq (RFC 4211 7.2): a request in the place of the one that is signed."""
    return seq(seq(oid("1.3.6.1.5.5.7.5.2.2"), inner))


@pytest.mark.parametrize("how", ["template", "p10cr", "p10cr of Microsoft", "regInfo", "client"])
@pytest.mark.parametrize("what", ESCALATIONS)
def test_escalation(server, keys, what, how):
    """With every override on: refused, or granted without it. Whatever else is checked, interop/lint.py looks at each."""
    key, extensions, body = keys(), ESCALATIONS[what], "p10cr" if how.startswith("p10cr") else "ir"
    attribute = "1.3.6.1.4.1.311.2.1.14" if "Microsoft" in how else "1.2.840.113549.1.9.14"
    credential, alias, kwargs, subject = None, "open", {}, None
    if how == "regInfo":
        inner = forge.parse(request(key, extensions))[0][0].raw
        extensions, kwargs = None, {"reg_info": reg_info(inner)}
    if how == "client":
        name = "escalates " + what.replace(",", "")
        credential = forge.Secret(add(server, name, "--certificate-profile", "open"), kid=name.encode())
        alias, subject = "client", forge.name(name)
    answer = ask(server, key, alias, extensions, body=body, credential=credential, attribute=attribute, subject=subject, **kwargs)
    if answer.cert is None:
        assert answer.fail_info in (["badCertTemplate"], ["badRequest"], ["badDataFormat"]), answer.fail_info
        return
    assert answer.status == 1 and not NEVER & oids_of(answer)
    cert, ca = answer.x509(), x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
    constraints, usage = get(answer, x509.BasicConstraints), get(answer, x509.KeyUsage)
    assert not constraints.ca and constraints.path_length is None and not usage.key_cert_sign and not usage.crl_sign
    assert not PURPOSES & {p.dotted_string for p in get(answer, x509.ExtendedKeyUsage)}
    assert get(answer, x509.SubjectKeyIdentifier).digest == x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert get(answer, x509.AuthorityKeyIdentifier).key_identifier == own and b"evil" not in answer.cert
    assert not [e for e in cert.extensions if e.critical and e.oid.dotted_string not in ("2.5.29.15", "2.5.29.19", "2.5.29.17", "2.5.29.37")]


def test_the_subject_of_the_ca(server, keys):
    for alias in ("ra", "open"):
        ca = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
        answer = ask(server, keys(), alias, subject=ca.subject.public_bytes())
        assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"])


def test_a_purpose_that_the_profile_has(server, keys):
    """cmcRA where the profile lists it: it is the operator's own doing."""
    assert "1.3.6.1.5.5.7.3.28" in {p.dotted_string for p in get(ask(server, keys(), "cmc", [eku("1.3.6.1.5.5.7.3.28")]), x509.ExtendedKeyUsage)}


# ---- subjects ----------------------------------------------------------------------------------------------------------

def dn(*rdns):
    return seq(*(set_of(*sorted(seq(oid(a), utf8(t)) for a, t in ([r] if isinstance(r, tuple) else r))) for r in rdns))


@pytest.mark.parametrize("what, subject, alias, good", [
    ("all of it", dn((O, "Example"), (OU, "ABC"), (OU, "XYZ"), (CN, "a"), (UID, "1")), "rules", True),
    ("what is required", dn((O, "Example"), (CN, "a")), "rules", True),
    ("no O", dn((CN, "a")), "rules", False),
    ("no CN", dn((O, "Example")), "rules", False),
    ("another O", dn((O, "Exampl"), (CN, "a")), "rules", False),
    ("another O in other letters", dn((O, "EXAMPLE"), (CN, "a")), "rules", False),
    ("two CNs", dn((O, "Example"), (CN, "a"), (CN, "b")), "rules", False),
    ("three OUs", dn((O, "Example"), (OU, "ABC"), (OU, "ABD"), (OU, "ABE"), (CN, "a")), "rules", False),
    ("an OU that does not match", dn((O, "Example"), (OU, "ABCD"), (CN, "a")), "rules", False),
    ("an OU of which a part matches", dn((O, "Example"), (OU, "xABC"), (CN, "a")), "rules", False),
    ("an attribute that is not listed", dn((O, "Example"), (CN, "a"), (C, "DE")), "rules", False),
    ("two in one RDN", dn((O, "Example"), [(CN, "a"), (UID, "1")]), "rules", False),
    ("two in one RDN, allowed", dn((O, "Example"), [(CN, "a"), (UID, "1")]), "multi", True),
    ("two in one RDN, allowed, no O", dn([(CN, "a"), (UID, "1")]), "multi", False)])
def test_subject_rules(server, keys, what, subject, alias, good):
    """CrmfRAPbeRequestTest, CrmfRARequestTest: incorrectData where the profile is not fulfilled."""
    before = server.counts()["certificate"]
    answer = ask(server, keys(), alias, subject=subject)
    if good:
        assert answer.status == 0 and answer.x509().subject.public_bytes() == subject
    else:
        assert (answer.body, answer.fail_info) == ("ip", ["incorrectData"]) and server.counts()["certificate"] == before
        assert answer.kind() == "mac"


def san(*names, critical=False):
    return extension("2.5.29.17", seq(*names), critical)


@pytest.mark.parametrize("what, names, good", [
    ("one", [tlv(0x82, b"a.example")], True),
    ("two and an address", [tlv(0x82, b"a.example"), tlv(0x82, b"b.example"), tlv(0x87, b"\xc0\0\2\1")], True),
    ("none", None, False),
    ("three", [tlv(0x82, b"a.example"), tlv(0x82, b"b.example"), tlv(0x82, b"c.example")], False),
    ("another domain", [tlv(0x82, b"a.example.com")], False),
    ("the last one is another", [tlv(0x82, b"a.example"), tlv(0x82, b"bank.com")], False),
    ("another address", [tlv(0x82, b"a.example"), tlv(0x87, b"\x0a\0\0\1")], False),
    ("a type that is not listed", [tlv(0x82, b"a.example"), tlv(0x81, b"a@a.example")], False)])
def test_san_rules(server, keys, what, names, good):
    answer = ask(server, keys(), "sans", [san(*names)] if names else None)
    assert (answer.status, answer.fail_info) == ((0, []) if good else (2, ["incorrectData"]))


def test_sans(server, keys):
    """CrmfRARequestTest: otherName of any type, IPv4 and IPv6; CrmfRAPbeRequestTest: SAN copied."""
    names = [tlv(0xA0, oid("1.2.3.8") + explicit(0, utf8("anything"))), tlv(0x87, b"\xc0\0\2\1"),
             tlv(0x87, bytes.fromhex("20010db8000000000000000000000001")), tlv(0x81, b"a@example.com"), tlv(0x82, b"a.example"),
             tlv(0x86, b"https://a.example/"), explicit(4, forge.name("a directory")), tlv(0x88, forge.parse(oid("1.2.3.9")).content)]
    for body in ("ir", "p10cr"):
        answer = ask(server, keys(), "ra", [san(*names)], body=body)
        assert answer.status == 0 and seq(*names) in answer.cert


def test_an_empty_subject(server, keys):
    """CrmfRAPbeRequestTest: with a subjectAltName, which is critical then; user names come from elsewhere."""
    assert ask(server, keys(), "random", subject=seq()).fail_info == ["badCertTemplate"]
    answer = ask(server, keys(), "random", [san(tlv(0x82, b"a.example"))], subject=seq())
    assert answer.status in (0, 1) and answer.x509().subject.public_bytes() == seq()
    assert answer.x509().extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_odd_attributes(server, keys):
    """CrmfRARequestTest: serialNumber, Matter's vendor and product ids; as they are."""
    subject = dn((CN, "odd"), (SERIAL, "0815"), ("1.3.6.1.4.1.37244.2.1", "FFF1"), ("1.3.6.1.4.1.37244.2.2", "8000"))
    answer = ask(server, keys(), "ra", subject=subject)
    assert answer.status == 0 and answer.x509().subject.public_bytes() == subject


@pytest.mark.parametrize("text", ["a, b", "a+b=c", 'a "quoted" \\ name', "#leading", " both ends ", "<a>;b", "caf\u00e9 \u4e2d"])
def test_escaped_characters(server, keys, text):
    """CrmfRARequestTest, CrmfRequestTest, P10CrRequestTest: what text has to escape is in the certificate as it came."""
    for body in ("ir", "p10cr"):
        answer = ask(server, keys(), "ra", subject=dn((CN, text)), body=body)
        assert answer.status == 0 and forge.common_name(answer.x509()) == text


def test_teletex(server, keys):
    """CmpRaThrowAwayTest: a name in an odd string type stays as it is, octet by octet."""
    subject = seq(set_of(seq(oid(CN), tlv(0x14, b"caf\xe9"))))
    answer = ask(server, keys(), "dn", subject=subject)
    assert answer.status == 0 and subject in answer.cert


def test_dn_override_in_client_mode(server, keys):
    """The request's subject where the profile says so, if it is the end entity's by its username; else the one registered."""
    for profile in ("dn", "ENDUSER"):
        name = "dn " + profile
        code = add(server, name, "--certificate-profile", profile, "--allowed-requests", "3", dn=f"CN=registered,UID={name}")
        credential = forge.Secret(code, kid=name.encode())
        asked = dn((UID, name), (CN, "of its own"))
        answer = ask(server, keys(), "client-uid", credential=credential, subject=asked)
        assert answer.status == (0 if profile == "dn" else 1)
        assert (answer.x509().subject.public_bytes() == asked) is (profile == "dn")
        other = ask(server, keys("ec:P-384"), "client-uid", credential=credential, subject=dn((UID, "somebody else")))
        assert (other.body, other.fail_info) == ("ip", ["notAuthorized"])
