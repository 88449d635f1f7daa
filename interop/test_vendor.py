# SPDX-License-Identifier: Apache-2.0
"""Vendor certificate mode (3GPP TS 33.310), on docs/examples/3gpp-base-stations.yaml as it is distributed: a device signs
its first request with its vendor's certificate, and nobody else gets anything that way."""
import datetime
import itertools
import json
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

import forge
from conftest import TOP
from der import seq
from test_client_mode import entity
from test_stock_client import write_key

EXAMPLE = TOP / "docs" / "examples" / "3gpp-base-stations.yaml"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
REFUSED = ("error", ["signerNotTrusted"])
NOBODY = ("ip", ["notAuthorized"])
STRANGER = ("error", ["notAuthorized"])
numbers = itertools.count(1000)


# ---- a vendor's PKI ------------------------------------------------------------------------------------------------

def names(cn, number=None):
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vendor"), x509.NameAttribute(NameOID.COMMON_NAME, cn)]
    return x509.Name(attributes + ([x509.NameAttribute(NameOID.SERIAL_NUMBER, number)] if number else []))


USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


def issue(subject, key, by, ca=False, path_length=None, usage=None, days=(-2, 365), digest=None, public=None, aki=True,
          constraints=None):
    """by: (certificate, key), None: itself."""
    now = datetime.datetime.utcnow()
    issuer = by[0].subject if by else subject
    signing = by[1] if by else key
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public or key.public_key())
         .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days[0]))
         .not_valid_after(now + datetime.timedelta(days[1]))
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(public or key.public_key()), False))
    if ca is not None:
        b = b.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
    if aki:
        b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False)
    usage = usage if usage is not None else ["key_cert_sign", "crl_sign"] if ca else ["digital_signature"]
    if usage:
        b = b.add_extension(x509.KeyUsage(**{u: u in usage for u in USAGES}), True)
    if constraints:
        b = b.add_extension(constraints, True)
    return b.sign(signing, digest or hashes.SHA256())


def under_sha1(cert, key):
    """The same signed anew: newer python-cryptography signs no certificate with SHA-1."""
    algorithm = forge.sign(key, b"", "sha1")[0]
    tbs = seq(*(algorithm if i == 2 else field.raw for i, field in enumerate(forge.parse(cert.tbs_certificate_bytes))))
    return x509.load_der_x509_certificate(seq(tbs, algorithm, forge.bits(forge.sign(key, tbs, "sha1")[1])))


def der(cert):
    return cert.public_bytes(DER)


class Vendor:
    """A root with a sub-CA and one below that; `device` makes what signs as a device with that serialNumber."""

    def __init__(self, name, kind="ec:P-256"):
        self.name, self.kind = name, kind
        self.root = self.ca(f"{name} root", None)
        self.sub = self.ca(f"{name} sub", self.root)
        self.subsub = self.ca(f"{name} plant", self.sub)

    def ca(self, cn, by, **more):
        key = forge.make_key(self.kind)
        return issue(names(cn), key, by, ca=True, **more), key

    def device(self, number, by=None, chain=None, key=None, subject=None, **more):
        by = by or self.root
        key = key or forge.make_key(self.kind)
        signer = forge.Signer(key, issue(subject or names(f"{self.name} device", number), key, by, **more))
        signer.number = number
        between = {self.root[0]: [], self.sub[0]: [self.sub], self.subsub[0]: [self.subsub, self.sub]}.get(by[0], [])
        signer.certs = [der(signer.cert)] + (chain if chain is not None else [der(c[0]) for c in between])
        return signer


# ---- the operator --------------------------------------------------------------------------------------------------

def lay_out(s, acme, bolt):
    """The files of the example, and a port that is free."""
    for part in ("operator", "vendors"):
        (s.dir / part).mkdir()
    for file in ("issuing.crt", "issuing.key", "issuing.crl", "signer.crt", "signer.key"):
        shutil.copy(s.dir / file, s.dir / "operator" / file)
    (s.dir / "vendors" / "acme.crt").write_bytes(acme.root[0].public_bytes(PEM))
    (s.dir / "vendors" / "bolt.crt").write_bytes(bolt.sub[0].public_bytes(PEM) + bolt.root[0].public_bytes(PEM))
    text = EXAMPLE.read_text()
    for old, new in (("http://127.0.0.1:8080", f"http://127.0.0.1:{s.port}"), ("base-stations.db", "cmp-server.db")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    s.config.write_text(text)


@pytest.fixture(scope="module")
def acme():
    return Vendor("Acme")


@pytest.fixture(scope="module")
def bolt():
    return Vendor("Bolt", "rsa:2048")


@pytest.fixture
def make_operator(make_server, acme, bolt):
    def make(change=None):
        s = make_server(start=False)
        lay_out(s, acme, bolt)
        if change:
            s.configure(change)
        return s.start()
    return make


@pytest.fixture(scope="module")
def server(tmp_path_factory, acme, bolt):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("vendor") / "pki")
    lay_out(s, acme, bolt)
    s.start()
    yield s
    s.stop()


def register(server, prefix="acme-"):
    """The number of a new device that the operator knows."""
    number = str(next(numbers))
    server.admin("entity", "add", prefix + number, "--dn", f"/O=Operator/CN=bs-{number}", "--ca", "OperatorCA",
                 "--end-entity-profile", "BASE_STATIONS")
    return number


def subject(number):
    return seq(forge.rdn("2.5.4.10", "Operator"), forge.rdn("2.5.4.3", f"bs-{number}"))


def ask(server, signer, keys, body="ir", path="/cmp/acme", name=None, extra=None, **fields):
    name = subject(signer.number) if name is None else name
    content = forge.pkcs10(keys(), subject=name) if body == "p10cr" else forge.cert_req_msg(keys(), subject=name)
    msg = forge.Msg(body, content, extra_certs=signer.certs if extra is None else extra, **fields)
    return msg, server.send(msg.der(signer), path)


def check_refused(server, signer, keys, outcome=REFUSED, **kwargs):
    before = server.counts()["certificate"]
    answer = ask(server, signer, keys, **kwargs)[1]
    assert (answer.body, answer.fail_info) == outcome
    assert answer.kind() == "signature" and answer.signature_is_right()
    assert server.counts()["certificate"] == before


def granted(answer, body="ip"):
    assert (answer.body, answer.status) == (body, 0), (answer.fail_info, answer.text)
    assert answer.kind() == "signature" and answer.signature_is_right()
    return answer.x509()


def last_reason(server):
    return [json.loads(r[0]) for r in server.query("SELECT audit_text(record) FROM audit ORDER BY time, id")][-1]


# ---- those who get something -------------------------------------------------------------------------------------

@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("body, answered", [("ir", "ip"), ("cr", "cp")])
def test_a_device_enrols(server, keys, acme, levels, body, answered):
    number = register(server)
    device = acme.device(number, by={2: acme.root, 3: acme.sub, 4: acme.subsub}[levels])
    msg, answer = ask(server, device, keys, body)
    cert = granted(answer, answered)
    assert cert.subject.rfc4514_string() == f"CN=bs-{number},O=Operator"
    usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment
    assert [o.dotted_string for o in cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value] == [
        "1.3.6.1.5.5.7.3.17"]
    conf = server.confirm(msg, answer, forge.Signer(device.key, device.cert), "/cmp/acme")
    assert conf.body == "pkiconf" and conf.signature_is_right()
    record = last_reason(server)
    assert (record["module"], record["source"]) == ("EndEntityCertificate", "vendor:Acme")
    assert entity(server, f"acme-{number}")["status"] == "generated"


@pytest.mark.parametrize("levels", [2, 3])
def test_the_stock_client(server, keys, acme, tmp_path, levels):
    number = register(server)
    device = acme.device(number, by={2: acme.root, 3: acme.sub}[levels])
    (tmp_path / "device.crt").write_bytes(device.cert.public_bytes(PEM))
    (tmp_path / "chain.pem").write_bytes(acme.sub[0].public_bytes(PEM) + acme.root[0].public_bytes(PEM))
    new = write_key(keys("ec:P-384"), tmp_path / "new.key")
    issuing = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes()).subject
    done = server.client("ir", "-cert", tmp_path / "device.crt", "-key", write_key(device.key, tmp_path / "device.key"),
                         "-extracerts", tmp_path / "chain.pem", "-newkey", new, "-subject", f"/O=Operator/CN=bs-{number}",
                         "-issuer", "/" + "/".join(r.rfc4514_string() for r in issuing.rdns),
                         "-certout", tmp_path / "bs.crt", "-extracertsout", tmp_path / "extra.pem", secret=False,
                         path="cmp/acme")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PKICONF" in done.stdout + done.stderr
    cert = x509.load_pem_x509_certificate((tmp_path / "bs.crt").read_bytes())
    assert forge.common_name(cert) == f"bs-{number}"
    assert server.query("SELECT status FROM certificate WHERE der = ?", der(cert)) == [(1,)]
    assert (server.dir / "root.crt").read_text().strip() in (tmp_path / "extra.pem").read_text()


def test_another_vendor_whose_ca_is_no_root(server, keys, bolt):
    """The file has the sub-CA, and the root behind it, which is no anchor."""
    number = register(server, "bolt-")
    granted(ask(server, bolt.device(number, by=bolt.sub, chain=[]), keys, path="/cmp/bolt")[1])
    number = register(server, "bolt-")
    granted(ask(server, bolt.device(number, by=bolt.subsub), keys, path="/cmp/bolt")[1])
    check_refused(server, bolt.device(register(server, "bolt-"), by=bolt.root), keys, path="/cmp/bolt")


def test_any_order_of_extra_certs(server, keys, acme, bolt):
    device = acme.device(register(server), by=acme.subsub)
    noise = [der(bolt.root[0]), der(acme.root[0]), der(issue(names("Acme sub"), forge.make_key("ec:P-256"), None, ca=True))]
    orders = list(itertools.permutations(device.certs + noise))[::120]
    answers = []
    for order in orders:
        server.admin("entity", "set", f"acme-{device.number}", "--status", "new", "--allowed-requests", "1")
        answers.append(ask(server, device, keys, extra=list(order))[1].status)
    assert len(orders) == 6 and answers == [0] * 6


def test_cross_signed(server, keys, acme, bolt):
    """The sub-CA has a certificate of two roots, and those have signed each other: any order, no loop."""
    crossed = der(issue(acme.sub[0].subject, acme.sub[1], bolt.root, ca=True))
    loop = [der(issue(acme.root[0].subject, acme.root[1], bolt.root, ca=True)),
            der(issue(bolt.root[0].subject, bolt.root[1], acme.root, ca=True))]
    for chain in ([crossed, der(acme.sub[0])] + loop, loop + [der(acme.sub[0]), crossed]):
        granted(ask(server, acme.device(register(server), by=acme.sub, chain=chain), keys)[1])
    one, two = forge.make_key("ec:P-256"), forge.make_key("ec:P-256")
    a, b = names("loop a"), names("loop b")
    ab, ba = issue(a, one, (issue(b, two, None, ca=True), two), ca=True), issue(b, two, (issue(a, one, None, ca=True), one), ca=True)
    lost = acme.device(register(server), by=(ab, one), chain=[der(ab), der(ba)] + loop)
    check_refused(server, lost, keys)


def test_no_key_identifiers(server, keys, acme):
    sub = acme.ca("Acme plain", acme.root, aki=False)
    granted(ask(server, acme.device(register(server), by=sub, chain=[der(sub[0])], aki=False, usage=[]), keys)[1])


def test_the_second_message_may_come_without_certificates(server, keys, acme):
    device = acme.device(register(server), by=acme.sub)
    msg, answer = ask(server, device, keys)
    granted(answer)
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce, extra_certs=[])
    assert server.send(conf.der(device), "/cmp/acme").body == "pkiconf"


@pytest.mark.parametrize("extra", [[], "signer", "all"])
def test_a_restart_before_cert_conf(make_operator, keys, acme, extra):
    server = make_operator()
    device = acme.device(register(server), by=acme.sub)
    msg, answer = ask(server, device, keys)
    granted(answer)
    server.kill()
    server.start()
    certs = {"signer": device.certs[:1], "all": device.certs}.get(extra, []) if extra else []
    other = acme.device(device.number, by=acme.sub)
    for signer, outcome in ((other, ("error", ["notAuthorized"])), (device, ("pkiconf", []))):
        conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce,
                         extra_certs=other.certs if signer is other else certs)
        confirmed = server.send(conf.der(signer), "/cmp/acme")
        assert (confirmed.body, confirmed.fail_info) == outcome
        assert confirmed.signature_is_right()


def test_an_error_ends_the_transaction(server, keys, acme):
    device = acme.device(register(server), by=acme.sub)
    msg, answer = ask(server, device, keys)
    error = forge.Msg("error", seq(seq(forge.integer(2))), tid=msg.tid, recip_nonce=answer.nonce, extra_certs=[])
    assert server.send(error.der(device), "/cmp/acme").body == "pkiconf"
    assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(2,)]


def test_the_operators_certificate_signs_afterwards(server, keys, acme):
    device = acme.device(register(server), by=acme.sub)
    msg, answer = ask(server, device, keys)
    own = forge.Signer(keys(), granted(answer))
    own.number, own.certs = device.number, [answer.cert]
    assert server.confirm(msg, answer, forge.Signer(device.key, device.cert), "/cmp/acme").body == "pkiconf"
    check_refused(server, own, keys, ("cp", ["notAuthorized"]), body="cr")  # registered once
    server.admin("entity", "set", f"acme-{device.number}", "--status", "new", "--allowed-requests", "1")
    msg, second = ask(server, own, keys, "cr")
    granted(second, "cp")
    assert server.confirm(msg, second, own, "/cmp/acme").body == "pkiconf"
    rr = forge.Msg("rr", forge.rev_details(second.x509(), 1), extra_certs=[answer.cert])
    assert server.send(rr.der(own), "/cmp/acme").status == 0


def test_the_root_is_in_extra_certs_of_ip_only(make_operator, keys, acme):
    server = make_operator(lambda c: c["aliases"].update(
        plain=dict(c["aliases"]["acme"], root_in_ip_extracerts=False)))
    root = x509.load_pem_x509_certificate((server.dir / "root.crt").read_bytes())
    issuing = x509.load_pem_x509_certificate((server.dir / "issuing.crt").read_bytes())
    for path, body, is_there in (("/cmp/acme", "ir", True), ("/cmp/acme", "cr", False), ("/cmp/plain", "ir", False)):
        device = acme.device(register(server), by=acme.sub)
        msg, answer = ask(server, device, keys, body, path)
        assert answer.status == 0
        assert (der(root) in answer.extra_certs) == is_there
        assert answer.extra_certs[1] == der(issuing)
        if is_there:
            assert answer.extra_certs.index(der(root)) == 2
        assert der(root) not in server.confirm(msg, answer, forge.Signer(device.key, device.cert), path).extra_certs
    check = ask(server, acme.device("unknown", by=acme.sub), keys)[1]
    assert (check.body, check.fail_info) == STRANGER and der(root) not in check.extra_certs


# ---- those who do not --------------------------------------------------------------------------------------------

def test_another_vendor(server, keys, acme, bolt):
    stranger = Vendor("Acme")  # the same names, other keys
    number = register(server)
    for device in (stranger.device(number), stranger.device(number, by=stranger.sub),
                   stranger.device(number, by=stranger.subsub), acme.device(number, by=(acme.root[0], stranger.root[1])),
                   acme.device(number, by=stranger.sub, chain=[der(acme.sub[0]), der(stranger.sub[0])]),
                   bolt.device(number, by=bolt.sub)):  # whose alias is the other
        check_refused(server, device, keys)
    check_refused(server, acme.device(register(server, "bolt-")), keys, path="/cmp/bolt")
    granted(ask(server, acme.device(number), keys)[1])


@pytest.mark.parametrize("why", ["expired", "not yet", "expired between", "is a CA", "is a CA without usage", "no signature",
                                 "nothing between", "no CA between", "no basicConstraints between", "may not sign between",
                                 "path length", "name constraints", "sha512", "sha1 between", "self-signed", "too deep"])
def test_no_such_certificate(server, keys, acme, why):
    number, more, by, chain = register(server), {}, acme.sub, None
    if why in ("expired", "not yet"):
        more["days"] = (-20, -1) if why == "expired" else (1, 20)
    elif why.startswith("is a CA"):
        more.update(ca=True, usage=["digital_signature"] if why == "is a CA" else [])
    elif why == "no signature":
        more["usage"] = ["key_encipherment"]
    elif why == "nothing between":
        chain = []
    elif why == "sha512":
        more["digest"] = hashes.SHA512()
    elif why == "self-signed":
        key = forge.make_key("ec:P-256")
        more["key"], by = key, (issue(names("Acme device", number), key, None), key)
    elif why == "too deep":
        chain = []
        for i in range(10):
            by = acme.ca(f"Acme {i}", by if i else acme.root)
            chain.append(der(by[0]))
    elif why == "path length":
        short = acme.ca("Acme short", acme.root, path_length=0)
        by = acme.ca("Acme below", short)
        chain = [der(by[0]), der(short[0])]
    else:
        settings = {"expired between": {"days": (-20, -1)}, "no CA between": {"ca": False},
                    "no basicConstraints between": {"ca": None},
                    "may not sign between": {"usage": ["crl_sign", "digital_signature"]},
                    "sha1 between": {},
                    "name constraints": {"constraints": x509.NameConstraints(None, [x509.DirectoryName(names("Acme device"))])}}[why]
        key = forge.make_key("ec:P-256")
        by = issue(names("Acme odd"), key, acme.root, **{"ca": True, "usage": ["key_cert_sign"], **settings}), key
        if why == "sha1 between":
            by = under_sha1(by[0], acme.root[1]), key
        chain = [der(by[0])]
    check_refused(server, acme.device(number, by=by, chain=chain, **more), keys)


def test_nine_between_are_not_too_deep(server, keys, acme):
    by, chain = acme.root, []
    for i in range(9):
        by = acme.ca(f"Acme {i}", by)
        chain.append(der(by[0]))
    granted(ask(server, acme.device(register(server), by=by, chain=chain), keys)[1])


def test_a_small_rsa_key(make_operator, keys, bolt):
    server = make_operator(lambda c: c["aliases"]["bolt"].update(min_rsa_bits=3072))
    check_refused(server, bolt.device(register(server, "bolt-"), by=bolt.sub), keys, ("error", ["badAlg"]), path="/cmp/bolt")
    check_refused(server, bolt.device(register(server, "bolt-"), by=bolt.subsub), keys, path="/cmp/bolt")  # the CA's counts too


def test_who_the_device_is(server, keys, acme):
    """Registered, for itself, once."""
    check_refused(server, acme.device("not-registered"), keys, STRANGER)
    check_refused(server, acme.device(None, subject=names("no number")), keys, STRANGER, name=seq())
    check_refused(server, acme.device("x" * 300), keys, STRANGER)
    number, other = register(server), register(server)
    device = acme.device(number)
    check_refused(server, device, keys, NOBODY, name=subject(other))
    msg, answer = ask(server, device, keys)
    granted(answer)
    check_refused(server, device, lambda: keys("ec:P-384"), NOBODY)
    check_refused(server, acme.device(number), keys, NOBODY)  # another certificate of the same device
    assert server.confirm(msg, answer, forge.Signer(device.key, device.cert), "/cmp/acme").body == "pkiconf"
    check_refused(server, device, keys, NOBODY)
    assert ask(server, acme.device(other), keys, name=seq())[1].status == 1  # grantedWithMods: its own subject
    assert len(server.certs("--entity", f"acme-{number}")) == 1


def test_the_whole_subject_is_no_name(server, keys, acme):
    """An end entity with the subject of a vendor's certificate, under another name, is not found by it."""
    device = acme.device("nobodys", subject=names("taken", "nobodys"))
    server.admin("entity", "add", f"bait-{next(numbers)}", "--dn", "/O=Vendor/CN=taken/serialNumber=nobodys", "--ca",
                 "OperatorCA", "--end-entity-profile", "BASE_STATIONS")
    check_refused(server, device, keys, STRANGER, name=device.cert.subject.public_bytes())


@pytest.mark.parametrize("body", ["p10cr", "rr"])
def test_initial_requests_only(server, keys, acme, body):
    device = acme.device(register(server))
    if body == "p10cr":
        check_refused(server, device, keys, body=body)
        return
    cert = granted(ask(server, device, keys)[1])
    answer = server.send(forge.Msg("rr", forge.rev_details(cert, 1), extra_certs=device.certs).der(device), "/cmp/acme")
    assert (answer.body, answer.fail_info) == REFUSED and answer.signature_is_right()
    conf = forge.Msg("certConf", forge.cert_conf(der(cert)), recip_nonce=b"n" * 16, extra_certs=device.certs)
    assert server.send(conf.der(device), "/cmp/acme").body == "error"  # of no transaction


def test_the_mode_is_the_aliases(make_operator, keys, acme):
    def change(c):
        c["aliases"]["off"] = {k: v for k, v in c["aliases"]["acme"].items() if not k.startswith("vendor")}
    server = make_operator(change)
    device = acme.device(register(server))
    check_refused(server, device, keys, path="/cmp/off")
    granted(ask(server, device, keys)[1])
    check_refused(server, device, keys, path="/cmp/off")  # although its path is known by now


def test_the_signature_counts(server, keys, acme):
    device = acme.device(register(server))
    forger = forge.Signer(forge.make_key("ec:P-256"), device.cert)
    forger.number, forger.certs = device.number, device.certs
    for _ in range(2):
        check_refused(server, forger, keys, ("error", ["badMessageCheck"]))
    granted(ask(server, device, keys)[1])
    check_refused(server, forger, keys, ("error", ["badMessageCheck"]))


def test_what_was_good_at_one_alias_is_judged_again_at_another(make_operator, keys, acme):
    """A table of paths must not lend the weaker alias's rules to the stronger."""
    server = make_operator(lambda c: c["aliases"].update(
        weak=dict(c["aliases"]["acme"], signature_digests=["sha256", "sha384", "sha512"])))
    device = acme.device(register(server), by=acme.sub, digest=hashes.SHA512())
    check_refused(server, device, keys)
    granted(ask(server, device, keys, path="/cmp/weak")[1])
    check_refused(server, device, keys)


def test_a_reload_forgets_vendors(make_operator, keys, acme):
    server = make_operator()
    device = acme.device(register(server))
    granted(ask(server, device, keys)[1])
    (server.dir / "vendors" / "acme.crt").write_bytes(Vendor("Acme").root[0].public_bytes(PEM))
    server.restart()
    check_refused(server, device, keys)


@pytest.mark.parametrize("kind", ["decoys", "real"])
def test_thirty_two_extra_certs_are_cheap(server, keys, acme, kind):
    """All of them might be the CA between, and are signed by nobody; or they really are a vendor's."""
    device = acme.device(register(server), by=acme.sub, chain=[])
    if kind == "decoys":
        key = forge.make_key("ec:P-256")
        sub = acme.sub[0]
        made = [issue(sub.subject, key, (acme.root[0], key), ca=True, public=sub.public_key(), aki=False) for _ in range(31)]
    else:
        made = [issue(acme.sub[0].subject, acme.sub[1], acme.root, ca=True) for _ in range(31)]
    device.certs += [der(c) for c in made]
    rounds = 20
    before = server.cpu()
    for _ in range(rounds):
        if kind == "decoys":
            check_refused(server, device, keys)
        else:
            ask(server, device, keys)
    assert (server.cpu() - before) / rounds < 0.1


# ---- at load -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("what, message", [
    ("no CA", "not a CA"), ("no usage", "keyCertSign"), ("expired", "expired at"), ("not yet", "not valid before"),
    ("empty", "no PEM certificate"), ("damaged", "no PEM certificate"), ("stranger above", "certificate 2 is not the issuer"),
    ("damaged above", "damaged certificate after the first"), ("by subject", None)])
def test_files_of_vendors(make_server, acme, bolt, what, message):
    server = make_server(start=False)
    lay_out(server, acme, bolt)
    key = forge.make_key("ec:P-256")
    settings = {"no CA": {"ca": False}, "no usage": {"usage": ["crl_sign"]}, "expired": {"days": (-9, -1)},
                "not yet": {"days": (1, 9)}}.get(what, {})
    cert = issue(names("Acme root"), key, None, **{"ca": True, **settings}).public_bytes(PEM)
    content = {"empty": b"", "damaged": cert[:200] + b"\n-----END CERTIFICATE-----\n",
               "stranger above": cert + bolt.root[0].public_bytes(PEM), "damaged above": cert + cert[:200] + b"\n"}.get(what, cert)
    (server.dir / "vendors" / "acme.crt").write_bytes(content)
    lines = server.config.read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if text.startswith("  Acme:"))
    if message is None:
        server.start()
        return
    with pytest.raises(AssertionError, match=f"cmp-server.yaml:{line}: vendor_cas Acme: certificate: .*{message}"):
        server.start()


def test_a_renewal_is_not_for_vendor_certificates(make_operator, keys, acme):
    """Where the profile takes renewals: with the operator's certificate only, however soon the vendor's expires."""
    server = make_operator(lambda c: c["end_entity_profiles"]["BASE_STATIONS"].update(renew_days_before_expiry=3650))
    device = acme.device(register(server))
    msg, answer = ask(server, device, keys)
    granted(answer)
    assert server.confirm(msg, answer, device, "/cmp/acme").body == "pkiconf"
    check_refused(server, device, keys, NOBODY)
    own = forge.Signer(keys(), answer.x509())
    content = forge.cert_req_msg(keys("ec:P-384"), subject=subject(device.number))
    granted(server.send(forge.Msg("cr", content).der(own), "/cmp/acme"), "cp")


def test_a_device_that_nobody_knows_leaves_nothing(server, keys, acme):
    before = server.dump()
    check_refused(server, acme.device("nobody knows it"), keys, STRANGER)
    assert server.dump() == before
