# SPDX-License-Identifier: Apache-2.0
"""lint.py finds nothing in a certificate that is right, and what is wrong in one that was made wrong on purpose."""
import datetime

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import forge
import lint
import tlspki
from der import bits, explicit, integer, octets, oid, parse, seq, tlv

USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
          "crl_sign", "encipher_only", "decipher_only")
DAY = datetime.timedelta(days=1)
PROFILE = {"key_usage": ["digitalSignature", "keyEncipherment"], "extended_key_usage": ["clientAuth"]}


@pytest.fixture(scope="module")
def ca():
    return tlspki.issue("lint CA")


@pytest.fixture
def deployment(ca, tmp_path):
    """A function: the deployment of such profiles."""
    def read(*profiles):
        tlspki.write(tmp_path, "ca", ca)
        (tmp_path / "profiles.yaml").write_text(yaml.safe_dump({"certificate_profiles": dict(enumerate(profiles or [PROFILE]))}))
        (tmp_path / "server.yaml").write_text(yaml.safe_dump({"include": ["*s.yaml"], "cas": {"CA": {"certificate": "ca.crt"}}}))
        made = lint.Deployment()
        made.read(tmp_path / "server.yaml")
        return made

    return read


def make(ca, keys, key="ec:P-256", subject="device", usage=("digital_signature",), extended="clientAuth", san=None, is_ca=False,
         ski=None, aki=None, begin=0, end=10, edit=None, outer=None, signer=None):
    """A certificate in DER. edit changes the list of fields of the TBSCertificate, outer the algorithm behind it."""
    ca_key, ca_cert = ca
    key, ca_public = keys(key), ca_key.public_key()
    now = datetime.datetime.utcnow().replace(microsecond=0)
    builder = (x509.CertificateBuilder(ca_cert.subject, tlspki.name(subject) if subject else x509.Name([]), key.public_key(),
                                       x509.random_serial_number(), now + begin * DAY, now + end * DAY)
               .add_extension(x509.BasicConstraints(is_ca, None), True)
               .add_extension(x509.KeyUsage(**{name: name in usage for name in USAGES}), True)
               .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(lint.EXTENDED.get(extended, extended))]), False)
               .add_extension(x509.SubjectKeyIdentifier(ski) if ski else
                              x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
               .add_extension(x509.AuthorityKeyIdentifier(aki, None, None) if aki else
                              x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_public), False))
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("device.example")]), critical=san)
    tbs, algorithm, _ = parse(builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
    fields = [field.raw for field in tbs]
    if edit:
        edit(fields)
    tbs = seq(*fields)
    return seq(tbs, outer or algorithm.raw, bits(forge.sign(signer or ca_key, tbs)[1]))


def put(i, value):
    return lambda fields: fields.__setitem__(i, value)


def extend(*extensions):
    """Further extensions behind those that are there."""
    def edit(fields):
        fields[7] = explicit(3, seq(parse(fields[7])[0].content, *extensions))
    return edit


def to_version_1(fields):
    del fields[7], fields[0]


GOOD = {
    "plain": {}, "no subject": dict(subject=None, san=True), "a subject and names": dict(san=False),
    "RSA": dict(key="rsa:2048", usage=("digital_signature", "key_encipherment")),
    "20 octets": dict(edit=put(1, integer((1 << 159) - 1))), "1 octet": dict(edit=put(1, integer(1))),
    "an extension that nobody knows": dict(edit=extend(seq(oid("1.2.3.4"), tlv(1, b"\xff"), octets(b"?")))),
}
BAD = {
    "cA": (dict(is_ca=True), "cA is TRUE"),
    "keyCertSign": (dict(usage=("digital_signature", "key_cert_sign")), "keyUsage has keyCertSign"),
    "cRLSign": (dict(usage=("crl_sign",)), "keyUsage has cRLSign"),
    "encipherment with EC": (dict(usage=("key_encipherment",)), "keyUsage has keyEncipherment, which"),
    "agreement with RSA": (dict(key="rsa:2048", usage=("key_agreement",)), "keyUsage has keyAgreement, which"),
    "agreement with Ed25519": (dict(key="ed25519", usage=("key_agreement",)), "keyUsage has keyAgreement, which"),
    "another AKI": (dict(aki=b"x" * 20), "authorityKeyIdentifier is not"),
    "another SKI": (dict(ski=b"x" * 20), "subjectKeyIdentifier is not"),
    "21 octets": (dict(edit=put(1, integer(1 << 160))), "serial number is not"),
    "no octet": (dict(edit=put(1, tlv(2, b""))), "serial number is not"),
    "zero": (dict(edit=put(1, integer(0))), "serial number is not"),
    "negative": (dict(edit=put(1, integer(-5))), "serial number is not"),
    "an extension twice": (dict(edit=extend(*[seq(oid("1.2.3.4"), octets(b"?"))] * 2)), "has an extension twice"),
    "an empty subjectAltName": (dict(edit=extend(seq(oid("2.5.29.17"), octets(seq())))), "subjectAltName is empty"),
    "an extension with garbage": (dict(edit=extend(seq(oid("2.5.29.31"), octets(b"\5\0")))), "python-cryptography does not read"),
    "neither subject nor names": (dict(subject=None), "subject is empty without"),
    "no subject, names not critical": (dict(subject=None, san=False), "subject is empty without"),
    "past the CA's end": (dict(end=31), ", the CA from"),
    "before the CA's beginning": (dict(begin=-1), ", the CA from"),
    "ends before it begins": (dict(edit=put(4, seq(*[tlv(0x17, b"300101000000Z")] * 2))), "is valid from"),
    "version 1": (dict(edit=to_version_1), "is not version 3"),
    "two algorithms": (dict(outer=seq(oid(forge.ECDSA_OIDS["sha384"]))), "two different AlgorithmIdentifiers"),
    "the issuer in another string type": (dict(edit=put(3, seq(forge.set_of(seq(oid("2.5.4.3"), tlv(0x13, b"lint CA")))))),
                                          "issuer is the subject of no CA"),
    "signed by another": (dict(signer=forge.make_key("ec:P-256")), "openssl verify: "),
    "a usage that no profile has": (dict(usage=("key_agreement",)), "no profile allows ['keyAgreement']"),
    "a purpose that no profile has": (dict(extended="serverAuth"), "no profile allows"),
    "cmcRA": (dict(extended="cmcRA"), "extKeyUsage has cmcRA"),
    "anyExtendedKeyUsage": (dict(extended="2.5.29.37.0"), "extKeyUsage has anyExtendedKeyUsage"),
    **{name: (dict(extended=name), f"extKeyUsage has {name}") for name in ("OCSPSigning", "cmcCA", "cmKGA")},
}


@pytest.mark.parametrize("what", GOOD)
def test_what_is_right(deployment, ca, keys, what):
    assert lint.check([make(ca, keys, **GOOD[what])], deployment()) == []


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong(deployment, ca, keys, what):
    how, told = BAD[what]
    others = [make(ca, keys) for _ in range(2)]
    wrong = lint.check([others[0], make(ca, keys, **how), others[1]], deployment())
    assert any(told in line for line in wrong), wrong
    assert not any(line.endswith(lint.base64.b64encode(der).decode()) for der in others for line in wrong)


def test_what_is_no_certificate(deployment, ca, keys):
    good = make(ca, keys)
    for der in (b"", b"\x30\0", good[:-1], good + b"\0"):
        assert any("cannot be read" in line for line in lint.check([good, der], deployment())), der


def test_a_serial_number_twice(deployment, ca, keys):
    one, two, three = (make(ca, keys, edit=put(1, integer(n))) for n in (7, 8, 7))
    assert lint.check([one, two], deployment()) == []
    assert [line.split(":")[0] for line in lint.check([one, two, three], deployment())] == ["has a serial number that was there before"]


def test_what_a_profile_may_let_a_request_choose(deployment, ca, keys):
    usage, purpose = make(ca, keys, usage=("key_agreement",)), make(ca, keys, extended="codeSigning")
    free_usage, free = dict(PROFILE, allow_key_usage_override=True), dict(PROFILE, allow_extension_override=True)
    assert lint.check([usage], deployment(free_usage)) == [] and lint.check([usage, purpose], deployment(PROFILE, free)) == []
    assert lint.check([purpose], deployment(free_usage)) != []
    for forbidden in ("cmcRA", "cmcCA", "2.5.29.37.0"):
        assert lint.check([make(ca, keys, extended=forbidden)], deployment(free)) != []
    # one profile has to allow both
    signs, agrees = dict(PROFILE, extended_key_usage=["codeSigning"]), dict(PROFILE, key_usage=["keyAgreement"])
    both = make(ca, keys, usage=("key_agreement",), extended="codeSigning")
    assert lint.check([usage, purpose], deployment(signs, agrees)) == [] != lint.check([both], deployment(signs, agrees))


def test_who_may_be_an_ra(deployment, ca, keys):
    ra, more = make(ca, keys, extended="cmcRA"), make(ca, keys, usage=("key_agreement",), extended="cmcRA")
    listed, made = deployment(dict(PROFILE, extended_key_usage=["cmcRA"])), deployment()
    assert lint.check([ra], listed) == [] != lint.check([ra], made)
    made.ras = {ra, more}
    assert lint.check([ra], made) == [] != lint.check([more], made)


def test_of_a_server(make_server, keys):
    """What conftest hands over: the certificates, the CAs and profiles of all configurations so far, the RAs."""
    server = make_server(start=False)
    server.ra("line1", "--ca", "ManagementCA")
    server.start()
    server.enrol(keys(), implicit=True)
    server.configure(lambda c: c["certificate_profiles"]["ENDUSER"].update(extended_key_usage=["codeSigning"]))
    server.restart()
    server.enrol(keys("ec:P-384"), "another", implicit=True)
    server.stop()
    server.deployment.profiles = server.deployment.profiles[1:]
    with pytest.raises(AssertionError, match="no profile allows"):
        server.check_certificates()
    server.lint = False  # the first profile has been forgotten on purpose


