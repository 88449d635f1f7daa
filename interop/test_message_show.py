# SPDX-License-Identifier: Apache-2.0
"""cmp-admin message show: every message is shown, a second decoder agrees, and damage does no harm."""
import datetime
import ipaddress
import json
import os
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

import conftest
import der
import forge
import sweep
import tlspki
from conftest import BUILD
from test_stock_client import write_csr, write_key

HEADER = {0xA0: "messageTime", 0xA1: "protectionAlg", 0xA2: "senderKID", 0xA3: "recipKID", 0xA4: "transactionID",
          0xA5: "senderNonce", 0xA6: "recipNonce", 0xA7: "freeText", 0xA8: "generalInfo"}


def text_of(name):
    """RFC 4514, with names that its list of nine does not have."""
    names = {x509.NameOID.SERIAL_NUMBER: "serialNumber", x509.NameOID.EMAIL_ADDRESS: "emailAddress"}
    return name.rfc4514_string(attr_name_overrides=names) or "NULL-DN"


def agree_on_name(shown, get):
    """python-cryptography takes T61String for UTF-8, sorts what is in one RDN by itself, and newer ones make no name of more
    than 64 characters."""
    try:
        text = text_of(get())
    except ValueError:
        return
    assert [sorted(rdn.split("+")) for rdn in shown.split(",")] == [sorted(rdn.split("+")) for rdn in text.split(",")]


def run(*args, data=None):
    return subprocess.run([BUILD / "cmp-admin", "message", "show", *map(str, args)], capture_output=True, input=data, timeout=120)


def show(message):
    done = run("-", "--json", data=message)
    assert done.returncode == 0, done.stdout[-2000:].decode() + done.stderr.decode()
    text = run("-", data=message)
    assert text.returncode == 0 and b"DAMAGED" not in text.stdout
    assert all(c >= 0x20 or c == 0x0A for c in text.stdout)
    return json.loads(done.stdout)["message"]


# ---- the second decoder: knows the header, the bodies that matter, and certificates ------------------------------------

def dotted(content):
    arcs, n, out = [], 0, []
    for octet in content:
        n = n << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(n)
            n = 0
    first = min(arcs[0] // 40, 2)
    out = [first, arcs[0] - 40 * first] + arcs[1:]
    return ".".join(map(str, out))


def oid_of(shown):
    """The dotted OID of "name (1.2.3)" or "1.2.3"."""
    match = re.search(r"\(([\d.]+)\)\Z", shown)
    return match.group(1) if match else shown


def unescape(shown):
    return re.sub(rb"\\x(..)", lambda m: bytes.fromhex(m.group(1).decode()), shown.encode())


def number_of(shown):
    return shown if isinstance(shown, int) else int(re.search(r"\((-?\d+)\)\Z", shown).group(1))


def agree_on_time(shown, content):
    when = datetime.datetime.strptime(content.decode(), "%Y%m%d%H%M%SZ")
    assert shown == when.strftime("%Y-%m-%dT%H:%M:%SZ")


def agree_on_algorithm(shown, node):
    assert oid_of(shown["algorithm"]) == dotted(node[0].content)
    assert ("parameters" in shown) == (len(node) > 1)
    if dotted(node[0].content) == "1.2.840.113533.7.66.13" and len(node) > 1:
        salt, owf, count, mac = node[1]
        parameters = shown["parameters"]
        assert parameters["salt"] == salt.content.hex()
        assert parameters["iterationCount"] in (count.int(), count.content.hex())  # what fits no int64 is hex
        agree_on_algorithm(parameters["owf"], owf)
        agree_on_algorithm(parameters["mac"], mac)


STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


def agree_on_odd_value(shown, node):
    if node.tag == 2:
        assert shown == node.int()
    elif node.tag in (0x0C, 0x13, 0x14, 0x16):
        assert unescape(shown) in (node.content, node.content.decode("latin-1").encode(), node.content.decode(errors="replace").encode())
    else:
        assert shown


def agree_on_general_name(shown, node):
    if node.tag != 0xA4:
        assert shown == {{0x81: "rfc822Name", 0x82: "dNSName", 0x86: "uniformResourceIdentifier"}[node.tag]: node.content.decode()}
        return
    if isinstance(shown["directoryName"], list):  # a name that RFC 4514 has no safe text for: its parts, escaped
        for shown_rdn, rdn in zip(shown["directoryName"], node[0], strict=True):
            for a, attribute in zip(shown_rdn, rdn, strict=True):
                assert oid_of(a["type"]) == dotted(attribute[0].content)
                agree_on_odd_value(a["value"], attribute[1])
        return
    assert list(shown) == ["directoryName"]
    agree_on_name(shown["directoryName"], lambda: x509.Name([x509.RelativeDistinguishedName([
        x509.NameAttribute(x509.ObjectIdentifier(dotted(attribute[0].content)), attribute[1].content.decode(STRINGS[attribute[1].tag]))
        for attribute in rdn])
        for rdn in node[0]]))


def agree_on_header(shown, node):
    fields = list(node)
    assert number_of(shown["pvno"]) == fields[0].int()
    agree_on_general_name(shown["sender"], fields[1])
    agree_on_general_name(shown["recipient"], fields[2])
    assert {"pvno", "sender", "recipient"} | {HEADER[f.tag] for f in fields[3:]} == set(shown)
    for field in fields[3:]:
        name, inner = HEADER[field.tag], field[0]
        if name == "messageTime":
            agree_on_time(shown[name], inner.content)
        elif name == "protectionAlg":
            agree_on_algorithm(shown[name], inner)
        elif name == "freeText":
            assert shown[name] == [text.content.decode() for text in inner]
        elif name == "generalInfo":
            agree_on_infos(shown[name], inner)
        else:
            assert shown[name] == inner.content.hex()


def agree_on_infos(shown, node):
    assert [oid_of(i["infoType"]) for i in shown] == [dotted(i[0].content) for i in node]
    for one, info in zip(shown, node):
        assert ("infoValue" in one) == (len(info) > 1)
        if len(info) > 1 and info[1].tag == 5:
            assert one["infoValue"] is None
        elif len(info) > 1 and info[1].tag == 0x18:
            agree_on_time(one["infoValue"], info[1].content)


def agree_on_key(shown, key):
    want = {ec.EllipticCurvePublicKey: lambda k: {"secp256r1": "ec:P-256", "secp384r1": "ec:P-384", "secp521r1": "ec:P-521"}[k.curve.name],
            rsa.RSAPublicKey: lambda k: f"rsa:{k.key_size}", ed25519.Ed25519PublicKey: lambda k: "ed25519",
            ed448.Ed448PublicKey: lambda k: "ed448", x25519.X25519PublicKey: lambda k: "x25519"}
    assert shown["key"] == next(f for c, f in want.items() if isinstance(key, c))(key)


# ---- extensions, as python3-cryptography reads them

USAGES = {"digitalSignature": "digital_signature", "nonRepudiation": "content_commitment", "keyEncipherment": "key_encipherment",
          "dataEncipherment": "data_encipherment", "keyAgreement": "key_agreement", "keyCertSign": "key_cert_sign",
          "cRLSign": "crl_sign", "encipherOnly": "encipher_only", "decipherOnly": "decipher_only"}
GENERAL_NAMES = {x509.DNSName: "dNSName", x509.IPAddress: "iPAddress", x509.RFC822Name: "rfc822Name", x509.RegisteredID: "registeredID",
                 x509.UniformResourceIdentifier: "uniformResourceIdentifier", x509.DirectoryName: "directoryName"}


def is_used(value, name):
    if name in ("encipherOnly", "decipherOnly") and not value.key_agreement:
        return False
    return getattr(value, USAGES[name])


def agree_on_names(shown, names):
    if any(isinstance(n, x509.OtherName) for n in names):  # what is in it only who knows its type can say
        names = [n for n in names if not isinstance(n, x509.OtherName)]
        shown = [s for s in shown if "otherName" not in s]

    def text(value):
        return value.dotted_string if isinstance(value, x509.ObjectIdentifier) else (
            text_of(value) if isinstance(value, x509.Name) else str(value))
    assert shown == [{GENERAL_NAMES[type(n)]: text(n.value)} for n in names]


def agree_on_points(shown, points):
    assert len(shown) == len(points)
    for one, point in zip(shown, points):
        agree_on_names(one["distributionPoint"]["fullName"], point.full_name)


def agree_on_access(shown, descriptions):
    assert [oid_of(s["accessMethod"]) for s in shown] == [d.access_method.dotted_string for d in descriptions]
    agree_on_names([s["accessLocation"] for s in shown], [d.access_location for d in descriptions])


def agree_on_basic_constraints(shown, value):
    assert (shown.get("cA", False), shown.get("pathLenConstraint")) == (value.ca, value.path_length)


def agree_on_usage(shown, value):
    assert shown == [name for name in USAGES if is_used(value, name)]


def agree_on_extended_usage(shown, value):
    assert [oid_of(s) for s in shown] == [oid.dotted_string for oid in value]


def agree_on_key_identifier(shown, value):
    assert shown == value.digest.hex()


def agree_on_authority_key_identifier(shown, value):
    assert shown["keyIdentifier"] == value.key_identifier.hex()


EXTENSIONS = {x509.KeyUsage: agree_on_usage, x509.BasicConstraints: agree_on_basic_constraints,
              x509.ExtendedKeyUsage: agree_on_extended_usage, x509.SubjectAlternativeName: agree_on_names,
              x509.SubjectKeyIdentifier: agree_on_key_identifier, x509.AuthorityKeyIdentifier: agree_on_authority_key_identifier,
              x509.CRLDistributionPoints: agree_on_points, x509.AuthorityInformationAccess: agree_on_access}


def agree_on_certificate(shown, raw):
    cert = x509.load_der_x509_certificate(raw)
    tbs = shown["tbsCertificate"]
    assert int(tbs["serialNumber"], 16) == cert.serial_number
    agree_on_name(tbs["issuer"], lambda: cert.issuer)
    agree_on_name(tbs["subject"], lambda: cert.subject)
    assert tbs["validity"] == {"notBefore": cert.not_valid_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
                               "notAfter": cert.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")}
    agree_on_key(tbs["subjectPublicKeyInfo"], cert.public_key())
    extensions = [(e.oid.dotted_string, e.critical) for e in cert.extensions]
    assert [(oid_of(e["extnID"]), e.get("critical", False)) for e in tbs["extensions"]] == extensions
    for one, extension in zip(tbs["extensions"], cert.extensions):
        EXTENSIONS.get(type(extension.value), lambda *_: True)(one["extnValue"], extension.value)
    assert shown["signatureValue"] == cert.signature.hex()
    assert oid_of(shown["signatureAlgorithm"]["algorithm"]) == cert.signature_algorithm_oid.dotted_string


def agree_on_status(shown, node):
    parts = list(node)
    assert number_of(shown["status"]) == parts[0].int()
    for part in parts[1:]:
        if part.tag == 0x30:
            assert shown["statusString"] == [text.content.decode() for text in part]
        else:
            octets = part.content[1:]
            assert shown["failInfo"] == [forge.FAIL_INFO[i] for i in range(8 * len(octets)) if octets[i // 8] & 0x80 >> i % 8]


def agree_on_requests(shown, node):
    assert len(shown) == len(node)
    for one, message in zip(shown, node):
        request, template = message[0], {f.tag: f for f in message[0][1]}
        assert one["certReq"]["certReqId"] == request[0].int()
        agree_on_general_name({"directoryName": one["certReq"]["certTemplate"]["subject"]},
                              der.Node(0xA4, template[0xA5].content, b""))
        assert ("publicKey" in one["certReq"]["certTemplate"]) == (0xA6 in template)
        if 0xA6 in template:
            public = load_der_public_key(der.seq(template[0xA6].content))
            agree_on_key(one["certReq"]["certTemplate"]["publicKey"], public)
        assert ("popo" in one) == (len(message) > 1)
        if len(message) < 2 or message[1].tag != 0xA1:
            assert len(message) < 2 or message[1].tag != 0x80 or one["popo"] == {"raVerified": None}
            continue
        signature, (*start, algorithm, octets) = one["popo"]["signature"], message[1]
        assert ("poposkInput" in signature) == bool(start)
        if start and start[0][0].tag == 0xA0:
            agree_on_general_name(signature["poposkInput"]["authInfo"]["sender"], start[0][0][0])
        agree_on_algorithm(signature["algorithmIdentifier"], algorithm)
        assert signature["signature"] == octets.content[1:].hex()


def agree_on_cert_rep(shown, node):
    parts = list(node)
    if parts[0].tag == 0xA1:
        for one, cert in zip(shown["caPubs"], parts.pop(0)[0]):
            agree_on_certificate(one["x509v3PKCert"], cert.raw)
    for one, response in zip(shown["response"], parts[0]):
        assert one["certReqId"] == response[0].int()
        agree_on_status(one["status"], response[1])
        assert ("certifiedKeyPair" in one) == (len(response) > 2)
        if len(response) > 2 and response[2][0].tag == 0xA1:
            assert list(one["certifiedKeyPair"]["certOrEncCert"]) == ["encryptedCert"]
        elif len(response) > 2:
            agree_on_certificate(one["certifiedKeyPair"]["certOrEncCert"]["certificate"]["x509v3PKCert"],
                                 response[2][0][0].raw)


def agree_on_cert_conf(shown, node):
    for one, status in zip(shown, node):
        assert (one["certHash"], one["certReqId"]) == (status[0].content.hex(), status[1].int())


def agree_on_rev_req(shown, node):
    for one, details in zip(shown, node):
        template = {f.tag: f for f in details[0]}
        assert ("serialNumber" in one["certDetails"]) == (0x81 in template)
        if 0x81 in template:
            assert int(one["certDetails"]["serialNumber"], 16) == int.from_bytes(template[0x81].content, "big")


def agree_on_csr(shown, node):
    csr = x509.load_der_x509_csr(node.raw)
    info = shown["certificationRequestInfo"]
    agree_on_name(info["subject"], lambda: csr.subject)
    agree_on_key(info["subjectPKInfo"], csr.public_key())
    assert shown["signature"] == csr.signature.hex()


def agree_on_nested(shown, node):
    for one, message in zip(shown, node):
        agree(one, message)


BODIES = {**dict.fromkeys(("ir", "cr", "kur", "krr", "ccr"), agree_on_requests), "ip": agree_on_cert_rep,
          "cp": agree_on_cert_rep, "p10cr": agree_on_csr, "certConf": agree_on_cert_conf, "rr": agree_on_rev_req,
          "rp": lambda shown, node: agree_on_status(shown["status"][0], node[0][0]),
          "error": lambda shown, node: agree_on_status(shown["pKIStatusInfo"], node[0]), "genm": agree_on_infos,
          "nested": agree_on_nested, "pkiconf": lambda shown, node: node.tag == 5 and shown is None,
          "pollReq": lambda shown, node: [s["certReqId"] for s in shown] == [n[0].int() for n in node]}


def agree(shown, message):
    parts = list(message)
    agree_on_header(shown["header"], parts[0])
    name = forge.BODIES[parts[1].tag & 0x1F]
    assert list(shown["body"]) == [name]
    assert BODIES[name](shown["body"][name], parts[1][0]) is not False
    rest = {p.tag: p for p in parts[2:]}
    assert ("protection" in shown, "extraCerts" in shown) == (0xA0 in rest, 0xA1 in rest)
    if 0xA0 in rest:
        assert shown["protection"] == rest[0xA0][0].content[1:].hex()
    if 0xA1 in rest:
        for one, cert in zip(shown["extraCerts"], rest[0xA1][0]):
            agree_on_certificate(one["x509v3PKCert"], cert.raw)


# ---- messages ------------------------------------------------------------------------------------------------------

def rich_certificate():
    """A certificate with every extension that the second decoder reads, all of it at its fullest."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rich")])
    url, begin = x509.UniformResourceIdentifier("http://a.example/"), datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 2**150 + 5, begin, begin + datetime.timedelta(days=9))
    usages = [x509.ObjectIdentifier(f"1.3.6.1.5.5.7.3.{i}") for i in (1, 2, 3, 4, 8, 9, 27, 28, 32, 99)]
    names = [x509.DNSName("a.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.1")), x509.RFC822Name("a@b.example"),
             x509.IPAddress(ipaddress.ip_address("2001:db8::1")), url, x509.DirectoryName(name),
             x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]
    for value, critical in ((x509.KeyUsage(*[True] * 9), True), (x509.BasicConstraints(True, 3), True), (x509.ExtendedKeyUsage(usages), False),
                            (x509.SubjectAlternativeName(names), False), (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
                            (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
                            (x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False),
                            (x509.AuthorityInformationAccess([x509.AccessDescription(x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1"), url)]), False)):
        builder = builder.add_extension(value, critical)
    return key, builder.sign(key, hashes.SHA256())


def test_every_extension():
    message = forge.Msg("pkiconf", der.null()).der(forge.Signer(*rich_certificate()))
    agree(show(message), der.parse(message))


@pytest.mark.parametrize("bit", range(len(forge.FAIL_INFO)))
def test_every_fail_info(bit):
    named = bytes([7 - bit % 8]) + bytes(bit // 8) + bytes([0x80 >> bit % 8])
    message = forge.Msg("error", der.seq(der.seq(der.integer(2), der.tlv(3, named)))).der()
    agree(show(message), der.parse(message))


def forged(keys):
    secret = forge.Secret("secret")
    cert = tlspki.issue("a signer")
    key = keys()
    contents = {"ir": forge.cert_req_msg(key), "cr": forge.cert_req_msg(keys("rsa:2048")), "p10cr": forge.pkcs10(keys("ed25519")),
                "kur": forge.cert_req_msg(keys("ec:P-384")), "certConf": forge.cert_conf(b"x"), "rr": forge.rev_details(cert[1], 1),
                "error": der.seq(der.seq(der.integer(2), der.seq(der.utf8("no")), der.bits(b"\x40"))),
                "genm": der.seq(der.seq(der.oid("1.3.6.1.5.5.7.4.2")), der.seq(der.oid("1.2.3.4"), der.null())),
                "pollReq": der.seq(der.seq(der.integer(0))), "pkiconf": der.null()}
    contents["nested"] = der.seq(forge.Msg("ir", contents["ir"]).der(secret), forge.Msg("rr", contents["rr"]).der(secret))
    for body, content in contents.items():
        yield body, forge.Msg(body, content, implicit=body == "ir", free_text=["one", "two"], recip_nonce=b"n" * 16,
                              recip_kid=b"kid").der(secret)
        yield body + " signed", forge.Msg(body, content).der(forge.Signer(*cert))
        yield body + " unprotected", forge.Msg(body, content).der()


def test_forged_messages(keys):
    names = []
    for name, message in forged(keys):
        agree(show(message), der.parse(message))
        names.append(name)
    assert len(names) == 33


@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr", "rr", "refused"])
def test_messages_of_the_stock_client(shared, tmp_path, keys, cmd):
    key = write_key(keys(), tmp_path / "key.pem")
    req, rsp = ([tmp_path / f"{kind}{i}.der" for i in range(2)] for kind in ("req", "rsp"))
    record = ["-reqout", ",".join(map(str, req)), "-rspout", ",".join(map(str, rsp))]
    args = ["-newkey", key, "-subject", "/CN=shown", "-certout", tmp_path / "cert.pem"]
    if cmd == "p10cr":
        args = ["-csr", write_csr(key, "/CN=shown", tmp_path / "csr.pem"), "-certout", tmp_path / "cert.pem"]
    if cmd == "rr":
        assert shared.client("ir", *args).returncode == 0
        args = ["-oldcert", tmp_path / "cert.pem", "-revreason", "1"]
    done = shared.client("ir" if cmd == "refused" else cmd, *args, *record, secret="wrong" if cmd == "refused" else None)
    assert (done.returncode == 0) == (cmd != "refused"), done.stderr
    files = [f for f in req + rsp if f.exists()]
    assert len(files) == (2 if cmd in ("rr", "refused") else 4)
    for file in files:
        agree(show(file.read_bytes()), der.parse(file.read_bytes()))


def test_several_files_and_pem(tmp_path, keys):
    message = forge.Msg("ir", forge.cert_req_msg(keys())).der()
    (tmp_path / "a").write_bytes(message)
    done = subprocess.run(["openssl", "base64", "-in", tmp_path / "a"], capture_output=True, check=True)
    (tmp_path / "b").write_bytes(b"-----BEGIN CMP MESSAGE-----\n" + done.stdout + b"-----END CMP MESSAGE-----\n")
    done = run(tmp_path / "a", tmp_path / "b", "--json")
    assert done.returncode == 0
    first, second = json.loads(done.stdout)
    assert first == second and list(first["message"]["body"]) == ["ir"]
    assert run(tmp_path / "nothing").returncode == 1 and run().returncode == 2
    assert run(tmp_path / "a", "--nonsense").returncode == 2


# ---- damage ----------------------------------------------------------------------------------------------------------

def batches(tmp_path, messages, size=250):
    batch = []
    for n, message in enumerate(messages):
        file = tmp_path / str(n)
        file.write_bytes(message)
        batch.append(file)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def check_all(tmp_path, messages):
    """(shown, damaged) for each: nothing crashes, JSON is JSON, the exit status says whether something was wrong."""
    n = damaged = 0
    for batch in batches(tmp_path, messages):
        done = run("--json", *batch)
        assert done.returncode in (0, 1), done.stderr[-2000:]
        shown = json.loads(done.stdout)
        assert len(shown) == len(batch)
        bad = sum("damaged_places" in s for s in shown)
        assert (bad > 0) == (done.returncode == 1)
        assert all(0 <= d["offset"] for s in shown for d in find_damage(s))
        n, damaged = n + len(batch), damaged + bad
        text = run(*batch)
        assert text.returncode == done.returncode and all(c >= 0x20 or c == 0x0A for c in text.stdout)
    return n, damaged


@pytest.mark.parametrize("octets, said", [(2**24, "damaged in 2 places"), (2**24 + 1, "more than 16 MiB")])
def test_the_longest_file(tmp_path, octets, said):
    file = tmp_path / "long"
    file.touch()
    os.truncate(file, octets)
    with file.open("rb") as stdin:
        for name in file, "-":
            done = subprocess.run([BUILD / "cmp-admin", "message", "show", name], stdin=stdin, capture_output=True)
            assert done.returncode == 1 and said in done.stderr.decode()


def test_every_message_captured(shared, tmp_path, keys, figure):
    """Of all tests of this run (conftest puts this one last), and of the runs before it with the same CMPSRV_CAPTURED."""
    shared.confirm(*shared.enrol(keys())[::2])
    messages, agreed = sorted(conftest.all_captured()), 0
    for batch in batches(tmp_path, messages):
        for file, shown in zip(batch, json.loads(run("--json", *batch).stdout)):
            if "damaged_places" not in shown:
                agree(shown["message"], der.parse(file.read_bytes()))
                agreed += 1
    figure(f"message show: {len(messages)} messages captured, {agreed} of them whole")
    assert agreed >= 4


def find_damage(value):
    if isinstance(value, dict):
        if "damaged" in value:
            yield value
        for inner in value.values():
            yield from find_damage(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from find_damage(inner)


def test_every_mutant_of_the_sweep(tmp_path, keys, figure):
    secret = forge.Secret("secret")
    seeds = [message for name, message in forged(keys) if " " not in name]
    mutants = (m for seed in seeds for _, _, _, m, _ in sweep.mutants(lambda s=seed: Fixed(s)))
    n, damaged = check_all(tmp_path, mutants)
    figure(f"message show: {n} mutants of {len(seeds)} messages, {damaged} of them damaged")
    assert n > 5000 and damaged > n / 2 and secret


class Fixed:
    """A message that is there already, for sweep.mutants."""

    def __init__(self, message):
        self.message = message

    def der(self, credential=None):
        return self.message


def test_every_prefix_and_every_octet(tmp_path, keys, figure):
    message = forge.Msg("ir", forge.cert_req_msg(keys()), implicit=True).der(forge.Secret("secret"))
    prefixes = [message[:n] for n in range(len(message))]
    n, damaged = check_all(tmp_path, prefixes)
    assert n == damaged == len(message)
    changed = [message[:i] + bytes([message[i] ^ bit]) + message[i + 1:] for i in range(len(message)) for bit in (1, 0x20, 0x80)]
    n, damaged = check_all(tmp_path, changed)
    figure(f"message show: {len(prefixes)} prefixes, {n} messages with one octet changed, {damaged} of them damaged")


def test_the_offset_is_the_one_of_the_damage(tmp_path, keys):
    message = forge.Msg("ir", forge.cert_req_msg(keys())).der()
    pvno = message.index(b"\x02\x01\x02")
    done = run("-", "--json", data=message[:pvno] + b"\x01" + message[pvno + 1:])
    shown = json.loads(done.stdout)
    assert done.returncode == 1 and shown["damaged_places"] == 1
    assert shown["message"]["header"]["pvno"] == {"damaged": "want INTEGER, have BOOLEAN", "offset": pvno, "octets": "010102"}
    assert list(shown["message"]["body"]) == ["ir"]
