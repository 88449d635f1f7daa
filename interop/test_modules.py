# SPDX-License-Identifier: Apache-2.0
"""The authentication modules: which takes which message in which mode, in which order, and what the others are told."""
import json

import pytest

import forge
import tlspki
from conftest import a_day_later
from der import explicit
from test_client_mode import REVOKED, add, code, entity

OU, CN = "2.5.4.11", "2.5.4.3"
CANARY = "canary-in-the-request"


def configure(c):
    ra, client = c["aliases"]["ra"], dict(c["aliases"]["client"], allow_mac_rr=True)

    def make(name, base, modules, *parameters, **more):
        parameters = {"authenticationparameters": list(parameters)} if parameters else {}
        c["aliases"][name] = dict({k: v for k, v in base.items() if not k.startswith("authentication")}, authenticationmodule=modules,
                                  allow_mac_rr=True, **parameters, **more)

    secret = {"file": "ra.secret"}
    make("ra-hmac", ra, ["HMAC"], secret)
    make("ra-eec", ra, ["EndEntityCertificate"], "ManagementCA")
    make("ra-both", ra, ["HMAC", "EndEntityCertificate"], secret, "ManagementCA")
    make("ra-turned", ra, ["EndEntityCertificate", "HMAC"], "ManagementCA", secret)
    make("hmac", client, ["HMAC"])
    make("eec", client, ["EndEntityCertificate"])
    make("reg", client, ["RegTokenPwd"])
    make("dn", client, ["DnPartPwd"], "OU")
    make("reg-open", client, ["RegTokenPwd"], require_protection=False)
    make("dn-open", client, ["DnPartPwd"], "OU", require_protection=False)
    make("all", client, ["RegTokenPwd", "DnPartPwd", "HMAC", "EndEntityCertificate"], "-", "OU", "-", "-", require_protection=False)
    make("default", {k: v for k, v in client.items() if k != "allow_mac_rr"}, ["RegTokenPwd", "HMAC"])
    make("pbe", ra, ["HMAC", "EndEntityCertificate"], secret, "ManagementCA", responseprotection="pbe")
    make("signature", ra, ["HMAC", "EndEntityCertificate"], secret, "ManagementCA", responseprotection="signature")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("modules") / "pki")
    s.configure(configure)
    s.line1 = s.ra("line1")
    s.start()
    s.names = iter(f"device {i}" for i in range(10000))
    yield s
    s.stop()


class Device:
    """A new end entity with its code, and with a certificate if it shall sign."""

    def __init__(self, server, keys, *args, signs=False):
        self.server, self.keys, self.name = server, keys, next(server.names)
        self.code = add(server, self.name, *(args or ("--allowed-requests", "10")))
        self.mac = code(self.code, self.name)
        self.signer = None
        if signs:
            answer = self.ask("ir", "hmac", self.mac)
            assert answer.status == 0, answer.fail_info
            self.signer = forge.Signer(keys(), answer.x509())
            server.admin("entity", "set", self.name, "--status", "new")

    def message(self, body="ir", token=None, where="controls", part=None, name=None, implicit=True, **fields):
        subject = forge.seq(forge.rdn(CN, name or self.name), *([forge.rdn(OU, part)] if part else []))
        if body == "rr":
            content = forge.rev_details(self.signer.cert)
        elif body == "p10cr":
            content = forge.pkcs10(self.keys(), subject=subject)
        else:
            held = {"controls": "regular", "regInfo": "reg_info"}[where]
            content = forge.cert_req_msg(self.keys(), subject=subject, **({held: forge.reg_token(token)} if token else {}))
        return forge.Msg(body, content, implicit=implicit, **fields)

    def ask(self, body, alias, credential, **kwargs):
        return self.server.send(self.message(body, **kwargs).der(credential), f"/cmp/{alias}")


# ---- module x mode x body --------------------------------------------------------------------------------------------------

GRANTED = {"ir": "ip", "cr": "cp", "p10cr": "cp", "rr": "rp"}
LATER = ("error", ["badRequest"])  # the body is not served yet, whoever asks
NOT_ITS = ("error", ["wrongIntegrity"])  # no module of the alias takes such a message
MATRIX = {  # by module and mode: what becomes of each body, and how the answer is protected
    ("HMAC", "ra"): dict(ir="mac", cr="mac", p10cr="mac", rr="mac", kur=LATER),
    ("EndEntityCertificate", "ra"): dict(ir="signature", cr="signature", p10cr="signature", rr="signature", kur=LATER),
    ("HMAC", "client"): dict(ir="mac", cr="mac", p10cr="mac", rr="mac", kur=LATER),
    ("EndEntityCertificate", "client"): dict(ir="signature", cr="signature", p10cr="signature", rr="signature", kur=LATER),
    ("RegTokenPwd", "client"): dict(ir="mac", cr="mac", p10cr=NOT_ITS, rr=NOT_ITS, kur=LATER),
    ("DnPartPwd", "client"): dict(ir="mac", cr="mac", p10cr="mac", rr=NOT_ITS, kur=LATER),
}
ALIAS = {("HMAC", "ra"): "ra-hmac", ("EndEntityCertificate", "ra"): "ra-eec", ("HMAC", "client"): "hmac",
         ("EndEntityCertificate", "client"): "eec", ("RegTokenPwd", "client"): "reg", ("DnPartPwd", "client"): "dn"}


@pytest.mark.parametrize("module, mode, body", [(*k, b) for k, row in MATRIX.items() for b in row], ids="-".join)
def test_matrix(server, keys, module, mode, body):
    outcome, alias = MATRIX[module, mode][body], ALIAS[module, mode]
    device = Device(server, keys, signs=True)
    if module == "EndEntityCertificate":
        credential = server.line1 if mode == "ra" else device.signer
    else:
        credential = server.credential if mode == "ra" else device.mac
    held = {"token": device.code} if module == "RegTokenPwd" else {"part": device.code} if module == "DnPartPwd" else {}
    before = len(server.certs())
    answer = device.ask(body, alias, credential, **({} if body == "rr" else held))
    if isinstance(outcome, tuple):
        assert (answer.body, answer.fail_info) == outcome
        assert answer.kind() == "signature" and answer.signature_is_right()
        assert len(server.certs()) == before
    else:
        assert (answer.body, answer.status) == (GRANTED[body], 0), answer.fail_info
        assert answer.kind() == outcome
        assert answer.signature_is_right() if outcome == "signature" else answer.mac_is_right(credential.secret)
        assert len(server.certs()) == before + (body != "rr")
    status = server.query("SELECT status FROM certificate WHERE der = ?",
                          device.signer.cert.public_bytes(forge.serialization.Encoding.DER))[0][0]
    assert (status == REVOKED) == (body == "rr" and outcome in ("mac", "signature"))


@pytest.mark.parametrize("module, parameter", [("RegTokenPwd", "-"), ("DnPartPwd", "OU")])
def test_matrix_refused_at_load(make_server, module, parameter):
    """RA mode, all bodies: EJBCA finds out at each request."""
    server = make_server(start=False)
    server.alias(authenticationmodule=["HMAC", module], authenticationparameters=[{"file": "ra.secret"}, parameter])
    with pytest.raises(AssertionError, match=f"authenticationmodule: {module} in RA mode"):
        server.start()


UNPROTECTED = {  # alias, and the bodies it takes without protection
    "reg-open": ("ir", "cr"), "dn-open": ("ir", "cr", "p10cr"), "hmac": (), "eec": (), "reg": (), "dn": (), "ra-both": ()}


@pytest.mark.parametrize("alias, body", [(a, b) for a in UNPROTECTED for b in ("ir", "cr", "p10cr", "rr", "kur")])
def test_unprotected(server, keys, alias, body):
    device = Device(server, keys, signs=True)
    held = {} if body == "rr" else {"token": device.code} if alias.startswith("reg") else {"part": device.code}
    if alias in ("hmac", "eec", "ra-both"):
        held = {}
    msg = device.message(body, implicit=False, sender=explicit(4, forge.name(device.name)), **held)
    answer = server.send(msg.der(), f"/cmp/{alias}")
    assert answer.kind() == "signature" and answer.signature_is_right()
    if body not in UNPROTECTED[alias]:
        assert (answer.body, answer.fail_info) == ("error", ["badRequest"] if body == "kur" else ["badMessageCheck"])
        return
    assert answer.status == 0, answer.fail_info
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid, recip_nonce=answer.nonce)
    other = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid, recip_nonce=b"x" * 16)
    assert server.send(other.der(), f"/cmp/{alias}").fail_info == ["badRecipientNonce"]
    confirmed = server.send(conf.der(), f"/cmp/{alias}")
    assert confirmed.body == "pkiconf" and confirmed.signature_is_right()
    assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(1,)]


# ---- RegTokenPwd and DnPartPwd ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", ["controls", "regInfo"])
def test_where_the_token_is(server, keys, where):
    device = Device(server, keys)
    assert device.ask("ir", "reg", device.mac, token=device.code, where=where).status == 0
    answer = device.ask("ir", "reg", device.mac, token="wrong", where=where)
    assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"]) and answer.kind() == "signature"


def test_the_protection_counts_too(server, keys):
    """EJBCA looks at the token alone."""
    device, other = Device(server, keys, signs=True), Device(server, keys, signs=True)
    for alias, held in (("reg", "token"), ("dn", "part"), ("reg-open", "token"), ("dn-open", "part")):
        right = {held: device.code}
        assert device.ask("ir", alias, device.mac, **right).status == 0
        for credential in (code("another code", device.name), code(other.code, other.name)):
            answer = device.ask("ir", alias, credential, **right)
            assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"]), alias
        assert device.ask("ir", alias, device.signer, **right).kind() == "signature"
        assert device.ask("ir", alias, other.signer, **right).fail_info == ["badMessageCheck"]  # his code, not hers
        mallory = device.ask("ir", alias, other.signer, **{held: other.code})
        assert mallory.fail_info == ["notAuthorized"] and mallory.cert is None


def test_a_hashed_code_is_enough(server, keys):
    for chosen in (None, "a code that somebody chose"):
        device = Device(server, keys, "--hashed", *(["--code", chosen] if chosen else ["--generate"]), "--allowed-requests", "10")
        device.code = chosen or device.code
        assert device.ask("ir", "reg-open", None, token=device.code).status == 0
        assert device.ask("cr", "dn-open", None, part=device.code).status == 0
        for wrong in (device.code + "x", device.code.lower() + "y", "x"):
            assert device.ask("ir", "reg-open", None, token=wrong).fail_info == ["badMessageCheck"]
        answer = device.ask("ir", "reg", code(device.code, device.name), token=device.code)
        assert answer.fail_info == ["badMessageCheck"]  # a MAC needs the code in the clear


def test_the_code_is_cut_out(server, keys):
    """Of subject, recipient, log, audit, certificate and store, whichever module lets the request in."""
    name = next(server.names)
    add(server, name, "--code", CANARY, "--clear", "--allowed-requests", "10")
    device = Device(server, keys)
    device.name, device.mac = name, code(CANARY, name)
    sender = explicit(4, forge.seq(forge.rdn(CN, name), forge.rdn(OU, CANARY)))
    for alias, credential in (("dn", device.mac), ("dn-open", None), ("all", device.mac), ("all", None)):
        for body in ("ir", "p10cr"):
            msg = device.message(body, part=CANARY, implicit=False, sender=sender)
            answer = server.send(msg.der(credential), f"/cmp/{alias}")
            assert answer.status == 0 and answer.x509().subject.rfc4514_string() == f"CN={name}", answer.fail_info
            assert CANARY.encode() not in answer.der and answer.recipient == explicit(4, forge.name(name))
            conf = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid, recip_nonce=answer.nonce,
                             sender=sender)
            assert CANARY.encode() not in server.post(conf.der(credential), f"/cmp/{alias}")[2]
    refused = device.message("ir", part=CANARY, name="somebody else", sender=sender)
    assert CANARY.encode() not in server.post(refused.der(device.mac), "/cmp/all")[2]
    for path in [server.log, *server.dir.iterdir()]:
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("subject, granted", [
    ([("OU", "x")], True), ([("OU", "x"), ("OU", "x")], True), ([], False), ([("OU", "")], False)], ids=str)
def test_parts_of_a_subject(server, keys, subject, granted):
    device = Device(server, keys)
    parts = [forge.rdn(OU, value and device.code) for _, value in subject]
    content = forge.cert_req_msg(keys(), subject=forge.seq(forge.rdn(CN, device.name), *parts))
    answer = server.send(forge.Msg("ir", content, implicit=True).der(device.mac), "/cmp/dn")
    assert answer.fail_info == ([] if granted else ["badMessageCheck"]) and (answer.status == 0) == granted
    if granted:
        assert answer.x509().subject.rfc4514_string() == f"CN={device.name}"


def test_a_multi_valued_rdn_keeps_the_rest(server, keys):
    device = Device(server, keys)
    both = forge.set_of(forge.seq(forge.oid(CN), forge.utf8(device.name)), forge.seq(forge.oid(OU), forge.utf8(device.code)))
    answer = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), subject=forge.seq(both)), implicit=True).der(device.mac), "/cmp/dn")
    assert answer.status == 0 and answer.x509().subject.rfc4514_string() == f"CN={device.name}"


def test_codes_that_are_none(server, keys):
    """Other types of value, an empty one, one that is far too long: refused, and the server goes on."""
    device = Device(server, keys)
    for token in (forge.reg_token(device.code, lambda text: forge.octets(text.encode())), forge.reg_token(""),
                  forge.reg_token("x" * 100000), forge.seq(forge.seq(forge.oid("1.3.6.1.5.5.7.5.1.2"), forge.utf8(device.code)))):
        content = forge.cert_req_msg(keys(), cn=device.name, regular=token)
        answer = server.send(forge.Msg("ir", content).der(device.mac), "/cmp/reg")
        assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"])
    assert device.ask("ir", "reg", device.mac, token=device.code).status == 0


def test_the_server_warns_of_unprotected_codes(server, make_server):
    warned = [line for line in server.log_text().splitlines() if "require_protection: no" in line]
    assert {a for a in UNPROTECTED if any(f"alias {a} " in line for line in warned)} == {"reg-open", "dn-open"}
    quiet = make_server(start=False)
    quiet.configure(configure)
    tlspki.server_certificate(quiet.dir, tlspki.issue("tls ca"))
    quiet.configure(lambda c: c["server"].update(listen=[f"https://127.0.0.1:{quiet.port}"],
                                                 tls={"certificate": "tls.crt", "key": "file:tls.key"}))
    quiet.start()
    assert "require_protection" not in quiet.log_text()


# ---- EndEntityCertificate in client mode -----------------------------------------------------------------------------------

def test_own_certificate_only(server, keys):
    mine, theirs = Device(server, keys, signs=True), Device(server, keys, signs=True)
    for body in ("ir", "cr", "p10cr"):
        answer = mine.ask(body, "eec", mine.signer, name=theirs.name)
        assert (answer.body, answer.fail_info) == (GRANTED[body], ["notAuthorized"]) and answer.signature_is_right()
    rr = server.send(forge.Msg("rr", forge.rev_details(theirs.signer.cert)).der(mine.signer), "/cmp/eec")
    assert (rr.body, rr.fail_info) == ("rp", ["notAuthorized"])
    assert len(server.certs("--entity", theirs.name)) == 1
    # a subject that is nobody's, or none, is the signer's own business
    assert mine.ask("ir", "eec", mine.signer, name="nobody at all").fail_info == ["notAuthorized"]
    content = forge.cert_req_msg(keys(), subject=forge.seq())
    answer = server.send(forge.Msg("ir", content, implicit=True).der(mine.signer), "/cmp/eec")
    assert answer.status == 1 and forge.common_name(answer.x509()) == mine.name


def test_an_ra_is_no_end_entity(server, keys):
    device = Device(server, keys)
    answer = device.ask("ir", "eec", server.line1)  # it is registered, but with no profile to enrol under
    assert answer.fail_info == ["systemUnavail"] and server.certs("--entity", device.name) == []


def test_enrolment_is_counted(server, keys):
    device = Device(server, keys, "--allowed-requests", "2", signs=True)
    assert device.ask("ir", "eec", device.signer).status == 0
    assert entity(server, device.name)["requests left"] == "0"
    refused = device.ask("ir", "eec", device.signer)
    assert (refused.body, refused.fail_info) == ("ip", ["notAuthorized"]) and refused.signature_is_right()
    assert len(server.certs("--entity", device.name)) == 2
    server.admin("entity", "set", device.name, "--status", "new", "--allowed-requests", "1")
    assert device.ask("ir", "eec", device.signer).status == 0


def test_a_hashed_code_does_not_matter(server, keys):
    """EJBCA's test29: the end entity has a hashed code only."""
    device = Device(server, keys, signs=True)
    server.admin("entity", "set", device.name, "--code", "hashed from now on", "--hashed", "--status", "new")
    assert device.ask("ir", "eec", device.signer).status == 0


def test_certificates_that_do_not_count(server, keys):
    device, stranger = Device(server, keys, signs=True), tlspki.issue(next(server.names))
    twin = forge.Signer(*tlspki.twin(device.signer.cert, keys("ec:P-384")))
    for signer in (forge.Signer(*stranger), twin, server.signer("issuing"), server.signer("signer")):
        answer = device.ask("ir", "eec", signer)
        assert (answer.body, answer.fail_info) == ("error", ["signerNotTrusted"])
    server.admin("cert", "revoke", f"{device.signer.cert.serial_number:x}", "--ca", "ManagementCA", "--reason", "superseded")
    assert device.ask("ir", "eec", device.signer).fail_info == ["certRevoked"]


def test_expired_certificate(make_server, keys):
    server = make_server(start=False)
    server.configure(configure)
    server.names = iter(["device"])
    server.start()
    device = Device(server, keys, signs=True)
    server.restart(dict(a_day_later(), FAKETIME="+800d"))
    assert device.ask("ir", "eec", device.signer).fail_info == ["signerNotTrusted"]


def test_a_transaction_under_a_signature(server, keys):
    device, other = Device(server, keys, signs=True), Device(server, keys, signs=True)
    msg = device.message("ir", implicit=False)
    answer = server.send(msg.der(device.signer), "/cmp/eec")
    assert server.confirm(msg, answer, other.signer, "/cmp/eec").fail_info == ["notAuthorized"]
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce, extra_certs=[])
    assert server.send(conf.der(device.signer), "/cmp/eec").body == "pkiconf"


# ---- in which order --------------------------------------------------------------------------------------------------------

def module_of(server, answer):
    serial = f"{answer.x509().serial_number:040x}"
    return next(r["module"] for r in map(json.loads, (row[0] for row in server.query("SELECT audit_text(record) FROM audit ORDER BY id DESC")))
                if r.get("serial") == serial)


def test_the_first_that_succeeds(server, keys):
    device = Device(server, keys, "--allowed-requests", "20", signs=True)
    for held, credential, module in (
            ({"token": device.code}, device.mac, "RegTokenPwd"), ({"part": device.code}, device.mac, "DnPartPwd"),
            ({"token": device.code, "part": device.code}, device.mac, "RegTokenPwd"),
            ({"token": "wrong", "part": device.code}, device.mac, "DnPartPwd"), ({"token": "wrong"}, device.mac, "HMAC"),
            ({}, device.mac, "HMAC"), ({}, device.signer, "EndEntityCertificate"),
            ({"token": "wrong", "part": "wrong"}, device.signer, "EndEntityCertificate"),
            ({"token": device.code}, None, "RegTokenPwd"), ({"token": "wrong", "part": device.code}, None, "DnPartPwd")):
        answer = device.ask("ir", "all", credential, **held)
        assert answer.status == 0 and module_of(server, answer) == module, (held, answer.fail_info)
    for held, credential in (({}, None), ({"token": "wrong"}, None), ({"token": "wrong", "part": "wrong"}, code("wrong", device.name))):
        answer = device.ask("ir", "all", credential, **held)
        assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"]) and answer.signature_is_right()


@pytest.mark.parametrize("alias", ["ra-both", "ra-turned"])
def test_both_of_an_ra_in_any_order(server, keys, alias):
    device = Device(server, keys)
    for credential, kind in ((server.credential, "mac"), (forge.Pbmac1(server.secret), "mac"), (server.line1, "signature")):
        answer = device.ask("ir", alias, credential)
        assert (answer.status, answer.kind()) == (0, kind)
    assert device.ask("ir", alias, forge.Secret("wrong")).fail_info == ["badMessageCheck"]
    assert device.ask("ir", alias, None).fail_info == ["badMessageCheck"]


def test_ejbcas_default_modules(server, keys):
    device = Device(server, keys)
    assert device.ask("ir", "default", device.mac, token=device.code).status == 0
    assert device.ask("ir", "default", forge.Pbmac1(device.code, device.name.encode())).status == 0
    assert device.ask("p10cr", "default", device.mac).status == 0
    assert device.ask("ir", "default", None, token=device.code).fail_info == ["badMessageCheck"]


# ---- how it is answered ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("alias, to_mac, to_signature", [
    ("pbe", "mac", "signature"), ("signature", "signature", "signature"), ("ra-both", "mac", "signature")])
@pytest.mark.parametrize("how", ["pbm", "pbmac1", "signature"])
def test_response_protection(server, keys, alias, to_mac, to_signature, how):
    credential = {"pbm": server.credential, "pbmac1": forge.Pbmac1(server.secret), "signature": server.line1}[how]
    want = to_signature if how == "signature" else to_mac
    for body in ("ir", "cr", "p10cr"):
        content = forge.pkcs10(keys()) if body == "p10cr" else forge.cert_req_msg(keys())
        msg = forge.Msg(body, content)
        answer = server.send(msg.der(credential), f"/cmp/{alias}")
        conf = server.confirm(msg, answer, credential, f"/cmp/{alias}")
        rr = server.send(forge.Msg("rr", forge.rev_details(answer.x509())).der(credential), f"/cmp/{alias}")
        again = server.send(forge.Msg("rr", forge.rev_details(answer.x509())).der(credential), f"/cmp/{alias}")
        assert (answer.status, conf.body, rr.status, again.fail_info) == (0, "pkiconf", 0, ["certRevoked"])
        for a in (answer, conf, rr, again):
            assert a.kind() == want and (a.mac_is_right(server.secret) if want == "mac" else a.signature_is_right())
            if want == "mac":
                assert forge.parse(a.alg)[0].raw == forge.oid(forge.PBMAC1 if how == "pbmac1" else forge.PBM)
