# SPDX-License-Identifier: Apache-2.0
"""Scenarios of EJBCA's own system tests that no other file has; docs/ejbca.md lists all of them with the test that shows each."""
import pathlib
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import forge
from conftest import wait_for
from der import explicit, seq
from test_answers import certificates
from test_client_mode import add, entity, without_what_differs
from test_http import Raw, request
from test_modules import Device, configure
from test_stock_client import write_key

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
        c["aliases"]["cmp"] = dict(ra, authenticationparameters=[WIDE])
        c["aliases"]["ten-thousand"] = dict(ra, authenticationparameters=[WIDE], pbm_iterations="1..10000")
        for name, ca in (("unique-1", "ManagementCA"), ("unique-2", "SecondCA")):
            c["aliases"][name] = dict(ra, authenticationparameters=[WIDE], unique_public_key=True, **{"ra.caname": ca})
        c["certificate_profiles"]["SERIAL"] = dict(c["certificate_profiles"]["ENDUSER"], allow_serial_override=True)
        for alias in ("no", "yes"):
            for profile in ("ENDUSER", "SERIAL"):
                c["aliases"][f"serial-{alias}-{profile}"] = dict(ra, authenticationparameters=[WIDE], conformance="ejbca", **{
                    "ra.allowcustomcertserno": alias == "yes", "ra.certificateprofile": profile})
        client = {"operationmode": "client", "conformance": "ejbca", "defaultca": "ManagementCA", "responseprotection": "signature"}
        c["aliases"]["crmf"] = dict(client, authenticationmodule=["HMAC"])
        c["aliases"]["crmf-eec"] = dict(client, authenticationmodule=["EndEntityCertificate"])
        c["aliases"]["sn"] = dict(client, authenticationmodule=["HMAC"], extractusernamecomponent="SN")
        c["aliases"]["two-tries"] = dict(client, authenticationmodule=["HMAC"], login_attempts=2)
        c["aliases"]["renewal"] = dict(client, authenticationmodule=["HMAC", "EndEntityCertificate"])
        c["certificate_profiles"]["BRIEF"] = dict(c["certificate_profiles"]["ENDUSER"], validity="3d")
        for name, days in (("WINDOW", 5), ("LATER", 1)):
            c["end_entity_profiles"][name] = {"default_ca": "ManagementCA", "default_certificate_profile": "BRIEF",
                                              "renew_days_before_expiry": days}
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


# ---- the alias of EJBCA's guide to RA mode ----------------------------------------------------------------------------------

SAMPLE = {"conformance": "ejbca", "operationmode": "ra", "allowraverifypopo": True, "responseprotection": "pbe",
          "authenticationmodule": "HMAC", "authenticationparameters": "password", "ra.namegenerationscheme": "DN",
          "ra.namegenerationparameters": "UID", "ra.namegenerationprefix": "cmp", "ra.endentityprofile": "CMP_ENTITY",
          "ra.certificateprofile": "CMP_CERT", "ra.caname": "ManagementCA"}


@pytest.fixture(scope="module", params=["the secret of the alias", "the secret of the CA"])
def sample(tmp_path_factory, request):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("sample") / "pki")

    def change(c):
        c["certificate_profiles"]["CMP_CERT"] = {}
        c["end_entity_profiles"]["CMP_ENTITY"] = {"available_cas": ["ManagementCA"], "available_certificate_profiles": ["CMP_CERT"]}
        c["aliases"] = {"cmp": dict(SAMPLE)}
        if request.param == "the secret of the CA":
            c["aliases"]["cmp"]["authenticationparameters"] = "-"
            c["cas"]["ManagementCA"]["cmp_ra_auth_secret"] = "password"
    s.configure(change)
    yield s.start()
    s.stop()


@pytest.mark.parametrize("more", [[], ["-implicit_confirm"], ["-popo", "0"]], ids=["certConf", "implicitConfirm", "raVerified"])
@pytest.mark.parametrize("cmd, path", [("ir", "ejbca/publicweb/cmp/cmp"), ("cr", "ejbca/publicweb/cmp"), ("p10cr", "cmp/cmp")])
def test_the_sample(sample, keys, tmp_path, cmd, path, more):
    """As EJBCA's documentation has it, with the stock client. test_alias_import::test_the_sample_loads_and_serves has it imported."""
    if cmd == "p10cr" and "-popo" in more:
        more = []  # a PKCS #10 request has its own proof
    write_key(keys(), tmp_path / "device.key")
    what = ["-newkey", tmp_path / "device.key", "-subject", "/UID=4711/CN=device"]
    if cmd == "p10cr":
        subprocess.run(["openssl", "req", "-new", "-key", tmp_path / "device.key", "-subj", "/UID=4711/CN=device", "-out",
                        tmp_path / "device.csr"], check=True)
        what = ["-csr", tmp_path / "device.csr"]
    before = len(sample.certs("--entity", "cmp4711"))
    done = sample.client(cmd, *what, *more, "-certout", tmp_path / "device.crt", "-rspout", tmp_path / "rsp.der", secret="password",
                         path=path)
    assert done.returncode == 0, done.stderr
    answer = forge.Answer((tmp_path / "rsp.der").read_bytes())
    assert answer.kind() == "mac" and answer.mac_is_right("password")
    cert = x509.load_pem_x509_certificate((tmp_path / "device.crt").read_bytes())
    assert cert.subject.rfc4514_string() == "CN=device,UID=4711"
    assert len(sample.certs("--entity", "cmp4711")) == before + 1 and sample.certs("--entity", "cmp4711", "--status", "unconfirmed") == []
    shown = entity(sample, "cmp4711")
    assert (shown["end entity profile"], shown["certificate profile"], shown["ca"]) == ("CMP_ENTITY", "CMP_CERT", "ManagementCA")
    wrong = sample.client(cmd, *what, "-certout", tmp_path / "none.crt", secret="passwort", path=path)
    assert wrong.returncode != 0 and "badMessageCheck" in wrong.stdout + wrong.stderr and not (tmp_path / "none.crt").exists()


def test_the_sample_revokes(sample, keys, tmp_path):
    write_key(keys(), tmp_path / "device.key")
    for args in (["ir", "-newkey", tmp_path / "device.key", "-subject", "/UID=0815/CN=revoked", "-certout", tmp_path / "device.crt"],
                 ["rr", "-oldcert", tmp_path / "device.crt", "-revreason", "1"]):
        done = sample.client(*args, secret="password", path="ejbca/publicweb/cmp/cmp")
        assert done.returncode == 0, done.stdout + done.stderr
    assert [c["status"] for c in sample.certs("--entity", "cmp0815")] == ["revoked"]


# ---- by class and number -----------------------------------------------------------------------------------------------------

# CmpAliasTest 1
@pytest.mark.parametrize("path, status", [
    ("/wide", 200), ("/wide??&!!foo", 200), ("", 200), ("/", 200), ("??!!&", 200), ("/?wide", 200), ("/nobody??&!!foo", 404),
    ("/Wide", 404), ("/wide/foo", 404), ("/wide/", 404), ("//wide", 404), ("/wide!", 404), ("/" + "a" * 33, 400),
    ("??##!!&", 400)])  # RFC 9112 3.2: a target has no fragment
def test_paths_as_ejbca_reads_them(server, keys, path, status):
    der = forge.Msg("ir", forge.cert_req_msg(keys(), next(server.names)), implicit=True).der(forge.Secret(WIDE))
    answer = Raw(server).send(request(der, path="/ejbca/publicweb/cmp" + path)).answer()
    assert answer[0] == status and (status != 200 or forge.Answer(answer[3]).status == 0)
    assert status != 404 or answer[1] == "No such CMP alias"


# CmpAliasTest 2
def test_an_alias_comes_goes_and_is_renamed(make_server, keys):
    s = make_server()

    def ask(alias):
        der = forge.Msg("ir", forge.cert_req_msg(keys()), implicit=True).der(s.credential)
        return s.post(der, f"/cmp/{alias}")[0]

    s.configure(lambda c: c["aliases"].update(clone=dict(c["aliases"]["ra"])))
    s.hang_up()
    wait_for("the clone", lambda: ask("clone") == 200)
    s.configure(lambda c: c["aliases"].update(renamed=c["aliases"].pop("clone")))
    s.hang_up()
    wait_for("the new name", lambda: ask("renamed") == 200)
    assert ask("clone") == 404 and ask("ra") == 200
    s.configure(lambda c: c["aliases"].pop("renamed"))
    s.hang_up()
    wait_for("the alias to go", lambda: ask("renamed") == 404)


# CrmfRequestTest 1, 2; P10CrRequestTest 1, 2
@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
def test_an_unknown_user(server, keys, body):
    """EJBCA tells that the user is unknown, in ip; here an error that says the same to everybody, signed by the alias's CA."""
    content = forge.pkcs10(keys(), "nobody") if body == "p10cr" else forge.cert_req_msg(keys(), "nobody")
    answer = server.send(forge.Msg(body, content).der(forge.Secret("foo123")), "/cmp/crmf")
    assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"]) and answer.signature_is_right()
    assert x509.load_der_x509_certificate(answer.extra_certs[0]).issuer == server.issuers["ManagementCA"].subject
    device = Device(server, keys, signs=True)
    for digest in ("sha256", "sha384", "sha512"):
        signer = forge.Signer(keys(), device.signer.cert, digest)
        answer = server.send(forge.Msg(body, content).der(signer), "/cmp/crmf-eec")
        assert (answer.body, answer.fail_info) == ("ip" if body == "ir" else "cp", ["notAuthorized"]) and answer.signature_is_right()
        assert forge.parse(answer.alg)[0].raw == forge.oid(forge.ECDSA_OIDS[digest])


# CrmfRequestTest 3; P10CrRequestTest 3
@pytest.mark.parametrize("body", ["ir", "p10cr"])
def test_a_known_user(server, keys, body):
    """Issue, confirm, an rr that nobody has authenticated, implicitConfirm in the next one."""
    device = Device(server, keys)
    msg = device.message(body, implicit=False)
    answer = server.send(msg.der(device.mac), "/cmp/crmf")
    assert answer.status == 0 and not answer.implicit and answer.signature_is_right() and answer.cert_req_id == 0
    assert server.confirm(msg, answer, device.mac, "/cmp/crmf").signature_is_right()
    refused = server.send(forge.Msg("rr", forge.rev_details(answer.x509())).der(), "/cmp/crmf")
    assert (refused.body, refused.fail_info) == ("error", ["badMessageCheck"])
    assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(1,)]
    again = device.ask(body, "crmf", device.mac, implicit=True)
    assert again.status == 0 and again.implicit
    assert server.query("SELECT status FROM certificate WHERE der = ?", again.cert) == [(1,)]


# CrmfRequestTest 8; P10CrRequestTest 4
@pytest.mark.parametrize("body", ["ir", "p10cr"])
@pytest.mark.parametrize("written", ["SN", "SERIALNUMBER", "serialNumber", "2.5.4.5"])
def test_names_of_the_serial_number(server, keys, body, written):
    """All of them are the attribute of X.520 2.5.4.5, SN too: not surname."""
    name = next(server.names)
    credential = forge.Secret(add(server, name, dn=f"{written}={name}, CN=numbered"))
    subject = seq(forge.rdn("2.5.4.3", "numbered"), forge.rdn("2.5.4.5", name))
    content = forge.pkcs10(keys(), subject=subject) if body == "p10cr" else forge.cert_req_msg(keys(), subject=subject)
    answer = server.send(forge.Msg(body, content, implicit=True).der(credential), "/cmp/sn")
    assert answer.status in (0, 1)  # as registered, in another string type than asked for
    assert answer.x509().subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)[0].value == name


# CrmfRequestTest 11; P10CrRequestTest 6
@pytest.mark.parametrize("body", ["ir", "p10cr"])
def test_the_chain_of_a_sub_ca(server, keys, body):
    """The signer, then the CA that has issued; the root is in caPubs or the client's own."""
    device = Device(server, keys)
    answer = device.ask(body, "crmf", device.mac)
    signer, issuing = [x509.load_der_x509_certificate(c) for c in answer.extra_certs]
    assert answer.status == 0 and answer.signature_is_right(signer)
    assert issuing == server.issuers["ManagementCA"] and issuing.issuer != issuing.subject
    root = x509.load_pem_x509_certificate((server.dir / "root.crt").read_bytes())
    for cert, by in ((signer, issuing), (answer.x509(), issuing), (issuing, root)):
        assert cert.issuer == by.subject
        by.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))


# CrmfRAPbeRequestTest 5
def test_rr_without_a_reason(server, keys):
    answer, _, revoked = whole(server, keys, "wide", WIDE)
    assert revoked.status == 0
    assert server.query("SELECT status, reason FROM certificate WHERE der = ?", answer.cert) == [(2, 0)]
    crl = x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(answer.x509().serial_number)
    assert entry is not None and len(entry.extensions) == 0  # RFC 5280 5.3.1: no reasonCode for unspecified


# CrmfRAPbeRequestTest 7
def test_iterations_over_the_limit(server, keys):
    for iterations, good in ((10000, True), (10001, False)):
        msg = forge.Msg("ir", forge.cert_req_msg(keys(), next(server.names)), implicit=True)
        answer = server.send(msg.der(forge.Secret(WIDE, iterations=iterations)), "/cmp/ten-thousand")
        assert answer.status == 0 if good else (answer.body, answer.fail_info) == ("error", ["badAlg"])


# CrmfRARequestCustomSerialNoTest
@pytest.mark.parametrize("alias, profile, outcome", [
    ("no", "ENDUSER", "ignored"), ("no", "SERIAL", "ignored"), ("yes", "ENDUSER", "refused"), ("yes", "SERIAL", "taken")])
def test_a_serial_number_of_its_own(server, keys, alias, profile, outcome):
    number = 0x4711000000000000 + len(alias + profile)
    public = forge.parse(forge.spki(keys())).content
    template = forge.tlv(0x81, forge.parse(forge.integer(number)).content) + explicit(5, forge.name(next(server.names))) + forge.tlv(0xA6, public)
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), template=template), implicit=True)
    answer = server.send(msg.der(forge.Secret(WIDE)), f"/cmp/serial-{alias}-{profile}")
    if outcome == "refused":
        assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"])
    else:
        assert answer.status == (0 if outcome == "taken" else 1)
        assert (answer.x509().serial_number == number) is (outcome == "taken")


# ---- what is different --------------------------------------------------------------------------------------------------------

def test_what_is_unique_is_so_in_one_ca(server):
    key = forge.make_key("ec:P-256")
    outcomes = []
    for alias, cn in (("unique-1", "first of the key"), ("unique-1", "second of the key"), ("unique-2", "third of the key")):
        msg = forge.Msg("ir", forge.cert_req_msg(key, cn), implicit=True)
        outcomes.append(server.send(msg.der(forge.Secret(WIDE)), f"/cmp/{alias}").fail_info)
    assert outcomes == [[], ["badCertTemplate"], []]


def test_login_attempts(server, keys):
    """Counted for one end entity; who is locked gets the answer to a wrong code, until there is a new code."""
    device, other = Device(server, keys), Device(server, keys)
    kid = b"reference"  # the same header in all answers

    def ask(who, secret):
        return server.send(who.message().der(forge.Secret(secret, kid=kid)), "/cmp/two-tries")

    assert ask(device, "wrong").fail_info == ["badMessageCheck"] and ask(device, device.code).status == 0
    wrong = ask(device, "wrong"), ask(device, "wrong")
    locked, nobody = ask(device, device.code), ask(device, "wrong")
    assert locked.fail_info == ["badMessageCheck"]
    assert len({tuple(without_what_differs(a)) for a in (*wrong, locked, nobody)}) == 1
    assert ask(other, other.code).status == 0
    wait_for("the count in the store", lambda: server.query("SELECT attempts FROM end_entity WHERE name = ?", device.name)[0][0] >= 2)
    assert ask(device, device.code).fail_info == ["badMessageCheck"]
    server.admin("entity", "set", device.name, "--code", "a new one", "--status", "new")
    assert ask(device, "a new one").status == 0


@pytest.mark.parametrize("profile, status", [("WINDOW", 0), ("LATER", 2)])
def test_the_renewal_window(server, keys, profile, status):
    """Certificates of three days: within the window of five their owner signs for the next, in that of one not yet. The code is
    good for nothing in either."""
    device = Device(server, keys, "--ca", "ManagementCA", "--end-entity-profile", profile, "--allowed-requests", "1")
    first = device.ask("ir", "renewal", device.mac)
    assert first.status == 0
    assert server.query("SELECT code IS NULL FROM end_entity WHERE name = ?", device.name) == [(1,)]
    assert device.ask("ir", "renewal", device.mac).fail_info == ["badMessageCheck"]
    again = device.ask("cr", "renewal", forge.Signer(keys(), first.x509()))
    assert again.status == status and again.fail_info == ([] if status == 0 else ["notAuthorized"])
    assert entity(server, device.name)["status"] == "generated"


def test_the_page_names_tests_that_exist():
    top = pathlib.Path(__file__).resolve().parent
    page = (top.parent / "docs" / "ejbca.md").read_text()
    named = set(re.findall(r"`(test_\w+)::(test_\w+)", page))
    assert len(named) > 120
    texts = {}
    for path in (*top.glob("test_*.py"), *top.parent.glob("tests/*/test_*.c")):
        texts[path.stem] = texts.get(path.stem, "") + path.read_text()
    for file, test in named:
        assert re.search(rf"^(def|static void) {test}\(", texts[file], re.M), f"{file}::{test}"
