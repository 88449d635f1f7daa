# SPDX-License-Identifier: Apache-2.0
"""
What every certificate must be, whoever asked for it and however (RFC 5280, RFC 9810 8.10): read by DER, by
python-cryptography and by OpenSSL's verifier, and judged by the files of the configuration. No code of the server, no
tool of it.
"""
import base64
import concurrent.futures
import hashlib
import pathlib
import subprocess
import tempfile

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from der import oid, parse, read_all

KEY_USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
              "cRLSign", "encipherOnly", "decipherOnly"]
ENCIPHER, AGREE = {"keyEncipherment", "dataEncipherment"}, {"keyAgreement", "encipherOnly", "decipherOnly"}
SIGN = {"digitalSignature", "nonRepudiation"}
NEVER_FOR = {  # by the algorithm of the key: RFC 3279 2.3.1, RFC 4055 1.2, RFC 8813 3, RFC 8410 5, RFC 9881 5
    "1.2.840.113549.1.1.1": AGREE, "1.2.840.10045.2.1": ENCIPHER, "1.2.840.113549.1.1.10": ENCIPHER | AGREE,
    "1.3.101.110": ENCIPHER | SIGN, "1.3.101.111": ENCIPHER | SIGN, "1.3.101.112": ENCIPHER | AGREE,
    "1.3.101.113": ENCIPHER | AGREE, **{f"2.16.840.1.101.3.4.3.{n}": ENCIPHER | AGREE for n in (17, 18, 19)}}
NEVER_FOR = {oid(key): usages for key, usages in NEVER_FOR.items()}
EXTENDED = {"serverAuth": 1, "clientAuth": 2, "codeSigning": 3, "emailProtection": 4, "timeStamping": 8, "OCSPSigning": 9,
            "cmcCA": 27, "cmcRA": 28, "cmKGA": 32}
EXTENDED = {name: f"1.3.6.1.5.5.7.3.{n}" for name, n in EXTENDED.items()}
NEVER = {EXTENDED[name]: name for name in ("OCSPSigning", "cmcCA", "cmKGA")} | {"2.5.29.37.0": "anyExtendedKeyUsage"}
SKI, KEY_USAGE, SAN, BASIC, AKI = (oid(f"2.5.29.{n}") for n in (14, 15, 17, 19, 35))


def time_of(node):
    """YYYYMMDDHHMMSSZ; of a UTCTime too."""
    text = node.content.decode()
    return text if node.tag == 0x18 else ("19" if text >= "5" else "20") + text


def key_id(spki):
    return hashlib.sha1(spki[1].content[1:]).digest()


class Certificate:
    """The fields of one, by DER."""

    def __init__(self, der):
        self.der = der
        tbs, self.outer_algorithm, _ = parse(der)
        fields = list(tbs)
        self.version = fields.pop(0)[0].int() if fields[0].tag == 0xA0 else 0
        self.serial, self.algorithm, self.issuer, validity, self.subject, self.spki = fields[:6]
        self.not_before, self.not_after = map(time_of, validity)
        self.extensions = [(e[0].raw, len(e) == 3 and e[1].content != b"\0", e[-1].content)
                           for f in fields[6:] if f.tag == 0xA3 for e in f[0]]

    def extension(self, which):
        """Critical or not, and the value."""
        return next(((critical, value) for extension, critical, value in self.extensions if extension == which), (None, None))

    def key_usage(self):
        bits = self.extension(KEY_USAGE)[1]
        octets = parse(bits).content[1:] if bits else b""
        return {name for i, name in enumerate(KEY_USAGES) if i // 8 < len(octets) and octets[i // 8] & 0x80 >> i % 8}


class Deployment:
    """What a server may issue: the CAs and profiles that its configuration has had so far, and the certificates that
    `cmp-admin ra issue` made."""

    def __init__(self):
        self.cas, self.profiles, self.ras = {}, [], set()

    def read(self, config):
        conf = yaml.safe_load(config.read_text())
        for pattern in [conf["include"]] if isinstance(conf.get("include"), str) else conf.get("include", []):
            for path in sorted(config.parent.glob(pattern)):
                for section, entries in yaml.safe_load(path.read_text()).items():
                    conf.setdefault(section, {}).update(entries)
        for ca in conf["cas"].values():
            der = first_of(config.parent / ca["certificate"])
            self.cas[der] = Certificate(der)
        self.profiles += [p for p in conf["certificate_profiles"].values() if p not in self.profiles]

    def allows(self, key_usage, extended):
        """Whether one profile allows both."""
        return any(is_allowed(key_usage, p.get("key_usage", ["digitalSignature", "keyEncipherment"]),
                              p.get("allow_key_usage_override") or p.get("allow_extension_override")) and
                   is_allowed(extended, extended_of(p), p.get("allow_extension_override")) for p in self.profiles)


def first_of(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)


def extended_of(profile):
    return [EXTENDED.get(name, name) for name in profile.get("extended_key_usage", ["clientAuth", "serverAuth"])]


def is_allowed(used, listed, override):
    return bool(override) or used <= {"nonRepudiation" if name == "contentCommitment" else name for name in listed}


# ---- rules: each yields what is wrong ----------------------------------------------------------------------------------

def fields(c, deployment):
    if c.version != 2:
        yield "is not version 3"
    serial = c.serial.content
    if not 1 <= len(serial) <= 20 or serial[0] & 0x80 or not any(serial):
        yield f"serial number is not positive with 1 to 20 octets: {serial.hex()}"
    if c.algorithm.raw != c.outer_algorithm.raw:
        yield "has two different AlgorithmIdentifiers"
    if c.not_before >= c.not_after:
        yield f"is valid from {c.not_before} to {c.not_after}"


def issuer(c, deployment):
    cas = [ca for ca in deployment.cas.values() if ca.subject.raw == c.issuer.raw]
    if not cas:
        yield "issuer is the subject of no CA"
        return
    identifier = c.extension(AKI)[1]
    identifier = identifier and next((f.content for f in parse(identifier) if f.tag == 0x80), None)
    ca = next((ca for ca in cas if identifier == parse(ca.extension(SKI)[1] or b"\4\0").content), None)
    if ca is None:
        yield "authorityKeyIdentifier is not the CA's subjectKeyIdentifier"
    elif c.not_before < ca.not_before or c.not_after > ca.not_after:
        yield f"is valid from {c.not_before} to {c.not_after}, the CA from {ca.not_before} to {ca.not_after}"


def extensions(c, deployment):
    names = [e[0] for e in c.extensions]
    if len(names) != len(set(names)):
        yield "has an extension twice"
    basic = c.extension(BASIC)[1]
    if basic and any(f.tag == 1 and f.content != b"\0" for f in parse(basic)):
        yield "cA is TRUE"
    if parse(c.extension(SKI)[1] or b"\4\0").content != key_id(c.spki):
        yield "subjectKeyIdentifier is not the SHA-1 of the key"
    critical, names = c.extension(SAN)
    if not c.subject.content and not critical:
        yield "subject is empty without a critical subjectAltName"
    if names and not read_all(parse(names).content):
        yield "subjectAltName is empty"


def usages(c, deployment):
    key_usage = c.key_usage()
    for usage in sorted(key_usage & {"keyCertSign", "cRLSign"}):
        yield f"keyUsage has {usage}"
    for usage in sorted(key_usage & NEVER_FOR.get(c.spki[0][0].raw, set())):
        yield f"keyUsage has {usage}, which its key cannot do"


def as_python_has_it(c, deployment):
    """Every extension read by python-cryptography; extKeyUsage as it reads it."""
    try:
        found = {e.oid.dotted_string: e.value for e in x509.load_der_x509_certificate(c.der).extensions}
    except (ValueError, x509.DuplicateExtension) as e:
        yield f"python-cryptography does not read it: {e}"
        return
    extended = {usage.dotted_string for usage in found.get("2.5.29.37", [])}
    for usage in sorted(extended & set(NEVER)):
        yield f"extKeyUsage has {NEVER[usage]}"
    if c.der in deployment.ras:
        if c.key_usage() != {"digitalSignature"} or extended != {EXTENDED["cmcRA"]}:
            yield "is an RA's and has other usages than digitalSignature and cmcRA"
        return
    if EXTENDED["cmcRA"] in extended and not any(EXTENDED["cmcRA"] in extended_of(p) for p in deployment.profiles):
        yield "extKeyUsage has cmcRA, and no profile lists it"
    if not deployment.allows(c.key_usage(), extended):
        yield f"no profile allows {sorted(c.key_usage())} with {sorted(extended)}"


RULES = [fields, issuer, extensions, usages, as_python_has_it]


def pem(der):
    return "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode() + "-----END CERTIFICATE-----\n"


def by_openssl(ders, deployment):
    """What `openssl verify` does not take: signature, extensions and what else it wants. One process for many."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "cas").write_text("".join(map(pem, deployment.cas)))
        for i, der in enumerate(ders):
            (directory / str(i)).write_text(pem(der))
        for begin in range(0, len(ders), 1000):
            names = [str(i) for i in range(begin, min(begin + 1000, len(ders)))]
            done = subprocess.run(["openssl", "verify", "-x509_strict", "-no_check_time", "-partial_chain", "-ignore_critical",
                                   "-auth_level", "0", "-trusted", "cas", *names], cwd=directory, capture_output=True, text=True)
            taken = set(done.stdout.splitlines())
            for name in names:
                if f"{name}: OK" not in taken:
                    yield ders[int(name)], "openssl verify: " + reason(done.stderr, name)


def reason(text, name):
    """The line in front of the one that names the file; there is none for a file that could not be read."""
    lines = text.splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith(f"error {name}: verification failed")), 0)
    return lines[end - 1] if end > 0 else text


def by_rules(ders, deployment):
    seen = set()
    for der in ders:
        try:
            c = Certificate(der)
            yield from ((der, line) for rule in RULES for line in rule(c, deployment))
        except (ValueError, IndexError, TypeError) as e:
            yield der, f"cannot be read: {e!r}"
            continue
        if (c.issuer.raw, c.serial.content) in seen:
            yield der, "has a serial number that was there before"
        seen.add((c.issuer.raw, c.serial.content))


def check(ders, deployment):
    """Everything that is wrong with the certificates of a server, a line each."""
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        openssl = beside.submit(lambda: list(by_openssl(ders, deployment)))
        wrong = list(by_rules(ders, deployment)) + openssl.result()
    return [f"{line}: {base64.b64encode(der).decode()}" for der, line in wrong]
