# SPDX-License-Identifier: Apache-2.0
"""Ways to a certificate, or to what others have, that nobody has a right to: what end entities, RAs and strangers try."""
import concurrent.futures
import contextlib
import json
import sqlite3

import forge
from conftest import wait_for
from der import explicit, octets, oid, parse, seq, tlv
from test_client_mode import add, entity, without_what_differs
from test_pop import ENCR_CERT
from test_stock_client import write_key
from test_vendor import PEM, Vendor, ask as vendor_ask, granted, issue, lay_out, names

UNCONFIRMED, ACTIVE, REVOKED = 0, 1, 2


def status(server, serial):
    number = parse(forge.integer(serial)).content
    return server.query("SELECT status FROM certificate WHERE serial = ?", number)[0][0]


def template(key, cn, serial):
    number = parse(forge.integer(serial)).content
    return tlv(0x81, number) + explicit(5, forge.name(cn)) + tlv(0xA6, parse(forge.spki(key)).content)


# ---- renewal ---------------------------------------------------------------------------------------------------------

def test_a_vendors_certificate_renews_nothing(make_server, keys):
    """It is not the end entity's own, however soon it expires."""
    acme = Vendor("Acme")
    server = make_server(start=False)
    lay_out(server, acme, Vendor("Bolt"))
    server.configure(lambda c: c["end_entity_profiles"]["BASE_STATIONS"].update(renew_days_before_expiry=3650))
    server.start()
    server.admin("entity", "add", "acme-1", "--dn", "/O=Operator/CN=bs-1", "--ca", "OperatorCA",
                 "--end-entity-profile", "BASE_STATIONS")
    device = acme.device("1", days=(-2, 5))
    msg, first = vendor_ask(server, device, keys)
    assert server.confirm(msg, first, forge.Signer(device.key, device.cert), "/cmp/acme").body == "pkiconf"
    for body, answered in (("ir", "ip"), ("cr", "cp")):
        answer = vendor_ask(server, device, keys, body)[1]
        assert (answer.body, answer.fail_info) == (answered, ["notAuthorized"])
    own = forge.Signer(keys(), granted(first))
    own.number, own.certs = "1", [first.cert]
    assert vendor_ask(server, own, keys, "cr")[1].status == 0


# ---- encrCert ----------------------------------------------------------------------------------------------------------

def test_hold_confirms_nothing(make_server, keys):
    """Who chose the serial number of a certificate that it cannot decrypt may revoke it, not put it on hold and take it off."""
    def change(c):
        c["certificate_profiles"]["ENDUSER"].update(allow_serial_override=True,
                                                    key_usage=["digitalSignature", "keyEncipherment"])
        c["aliases"]["ra"].update({"ra.allowcustomcertserno": True, "allow_mac_rr": True})
    server = make_server(change=change)
    key = keys("rsa:2048")
    content = forge.cert_req_msg(key, template=template(key, "held", 0x123456), pop=ENCR_CERT["keyEncipherment"])
    answer = server.send(forge.Msg("ir", content, pvno=3).der(server.credential))
    assert answer.encrypted_cert is not None, (answer.fail_info, answer.text)
    ca = server.signer("issuing").cert
    held = type("Held", (), {"issuer": ca.subject, "serial_number": 0x123456})

    def rr(reason):
        return server.send(forge.Msg("rr", forge.rev_details(held, reason)).der(server.credential))
    assert rr(6).fail_info == ["badCertId"]
    assert rr(8).fail_info == ["badCertId"]
    assert status(server, 0x123456) == UNCONFIRMED
    assert rr(1).status == 0
    assert status(server, 0x123456) == REVOKED


# ---- p10cr and defaultca -------------------------------------------------------------------------------------------------

def two_cas(server):
    """A second CA with a name of its own."""
    key = forge.make_key("ec:P-256")
    server.second = issue(names("Second CA"), key, None, ca=True)
    (server.dir / "second.crt").write_bytes(server.second.public_bytes(PEM))
    write_key(key, server.dir / "second.key")

    def change(c):
        c["cas"]["SecondCA"] = {"certificate": "second.crt", "key": "file:second.key", "cmp_ra_auth_secret": "secret of the second"}
        c["cas"]["ManagementCA"]["cmp_ra_auth_secret"] = "secret of the first"
        c["aliases"]["two"] = dict(c["aliases"]["ra"], authenticationparameters=["-"], defaultca="SecondCA")
        c["aliases"]["signs"] = dict(c["aliases"]["client"], authenticationmodule=["EndEntityCertificate"],
                                     authenticationparameters=["-"], cas=["SecondCA"])
        c["aliases"]["first"] = dict(c["aliases"]["client"], cas=["ManagementCA"])
    server.configure(change)
    return server


def test_a_p10cr_to_the_default_ca_is_confirmed_there(make_server, keys):
    """What follows a message is judged by the CA that the message went to."""
    server = two_cas(make_server(start=False)).start()
    credential = forge.Secret("secret of the second")
    msg = forge.Msg("p10cr", forge.pkcs10(keys(), "p10"))
    answer = server.send(msg.der(credential), "/cmp/two")
    assert answer.status == 0, (answer.fail_info, server.log_text()[-600:])
    assert server.confirm(msg, answer, forge.Secret("secret of the first"), "/cmp/two").fail_info == ["badMessageCheck"]
    conf = server.confirm(msg, answer, credential, "/cmp/two")
    assert (conf.body, conf.kind()) == ("pkiconf", "mac") and conf.mac_is_right(credential.secret)


# ---- what is told ------------------------------------------------------------------------------------------------------

def test_end_entities_of_others_are_as_none(make_server, keys):
    """A code that is right is found by the subject, whatever name of another tenant's end entity senderKID has."""
    server = two_cas(make_server(start=False)).start()
    add(server, "theirs", "--ca", "SecondCA")
    code = add(server, "ours", "--allowed-requests", "10")
    answers = [server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "ours"), implicit=True)
                           .der(forge.Secret(code, kid=kid)), "/cmp/first") for kid in (b"nobody", b"theirs")]
    assert [(a.body, a.status) for a in answers] == [("ip", 0)] * 2, [a.fail_info for a in answers]


def test_subjects_of_others_are_no_obstacle(make_server, keys):
    """Two end entities of one subject are nobody, unless the alias serves one of them only."""
    server = two_cas(make_server(start=False)).start()
    code = add(server, "ours", "--allowed-requests", "10", dn="CN=of both")
    add(server, "theirs", "--ca", "SecondCA", dn="CN=of both")

    def ask(alias):
        return server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "of both"), implicit=True)
                           .der(forge.Secret(code, kid=b"nobody")), f"/cmp/{alias}")
    assert ask("first").status == 0
    assert ask("client").fail_info == ["badMessageCheck"]


def test_cas_of_others_say_nothing(make_server, keys):
    """An alias of one CA does not let another speak, whichever the recipient is."""
    server = two_cas(make_server(start=False)).start()
    first = server.signer("issuing").cert

    def senders(recipient):
        msg = forge.Msg("ir", forge.cert_req_msg(keys(), "nobody"), recipient=explicit(4, recipient.public_bytes()))
        return server.send(msg.der(forge.Secret("wrong")), "/cmp/first")
    nobodys = names("No such CA")
    theirs, none = senders(server.second.subject), senders(nobodys)
    assert (theirs.body, theirs.sender, theirs.kind()) == (none.body, none.sender, none.kind())
    assert senders(first.subject).kind() == "signature"


# ---- codes -------------------------------------------------------------------------------------------------------------

def test_no_code_is_tried_under_a_signature(make_server, keys):
    """Anybody has the certificate of a device: under a signature that is none every code gets the same answer."""
    def change(c):
        c["aliases"]["token"] = dict(c["aliases"]["client"], authenticationmodule=["RegTokenPwd"],
                                     authenticationparameters=["-"], login_attempts=3)
    server = make_server(change=change)
    code = add(server, "victim", "--allowed-requests", "2")
    cert = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "victim"), implicit=True)
                       .der(forge.Secret(code, kid=b"victim")), "/cmp/client").x509()
    stranger = forge.Signer(forge.make_key("ec:P-256"), cert)
    server.admin("entity", "set", "victim", "--status", "new")

    def guess(text, signer, **fields):
        content = forge.cert_req_msg(keys("ec:P-384"), "victim", regular=forge.reg_token(text))
        answer = server.send(forge.Msg("ir", content, **fields).der(signer), "/cmp/token")
        return answer.body, answer.status, tuple(answer.fail_info), answer.text
    sha1 = forge.Signer(stranger.key, cert, digest="sha1")
    for how in ({"signer": stranger}, {"signer": sha1}, {"signer": stranger, "kid": forge.ABSENT},
                {"signer": stranger, "sender": explicit(4, forge.name("another"))}):
        assert guess("wrong", **how) == guess(code, **how)
        assert guess(code, **how)[0] == "error"
    owner = forge.Signer(keys(), cert)
    assert guess("wrong", owner)[0] == "error"
    assert guess(code, owner)[:2] == ("ip", 0)


def test_the_same_answer_to_the_locked(make_server, keys):
    """Too many wrong codes, an end entity of another alias, one that is revoked, and none: one answer, to the octet; and a
    restart, a message that is no guess, or a certificate of the end entity unlocks nobody."""
    server = two_cas(make_server(start=False))
    server.configure(lambda c: [c["aliases"][a].update(login_attempts=3) for a in ("first", "client")])
    server.start()
    codes = {name: add(server, name, "--ca", ca, "--allowed-requests", "9")
             for name, ca in (("locked", "ManagementCA"), ("theirs", "SecondCA"), ("revoked", "ManagementCA"))}
    server.admin("entity", "set", "revoked", "--status", "revoked")

    def ask(name, text, alias="first", implicit=True, key=keys("ec:P-384")):
        msg = forge.Msg("ir", forge.cert_req_msg(key, name), implicit=implicit, pvno=2)
        return msg, server.send(msg.der(forge.Secret(text, kid=b"reference")), f"/cmp/{alias}")
    opened, waits = ask("locked", codes["locked"], implicit=False, key=keys())
    assert waits.status == 0
    answers = [ask("locked", "wrong")[1] for _ in range(3)]
    answers += [ask("locked", codes["locked"])[1], ask("theirs", codes["theirs"])[1], ask("nobody", "wrong")[1],
                ask("revoked", codes["revoked"])[1]]
    assert answers[0].fail_info == ["badMessageCheck"]
    assert len({tuple(without_what_differs(a)) for a in answers}) == 1
    assert ask("locked", codes["locked"], "client")[1].fail_info == ["badMessageCheck"]  # whichever alias counted
    conf = server.confirm(opened, waits, forge.Secret(codes["locked"], kid=b"reference"), "/cmp/first")
    assert conf.fail_info == ["badMessageCheck"]
    wait_for("the attempts in the store", lambda: int(entity(server, "locked")["wrong codes"]) >= 3, 60)
    server.restart()
    assert ask("locked", codes["locked"])[1].fail_info == ["badMessageCheck"]
    server.admin("entity", "set", "locked", "--code", "a new one of it")
    assert ask("locked", "a new one of it")[1].status == 0
    assert entity(server, "locked")["wrong codes"] == "0"


def test_what_is_no_guess_locks_nobody(make_server, keys):
    """Messages that no code is tried with: unprotected, signed, damaged in the parameters of the MAC."""
    server = make_server(change=lambda c: c["aliases"]["client"].update(login_attempts=1))
    code = add(server, "careful", "--allowed-requests", "2")
    cert = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "careful"), implicit=True)
                       .der(forge.Secret(code, kid=b"careful")), "/cmp/client").x509()
    content = forge.cert_req_msg(keys("ec:P-384"), "careful")
    for credential, fields in ((None, {}), (forge.Signer(forge.make_key("ec:P-256"), cert), {}),
                               (forge.Secret("wrong", kid=b"careful", iterations=1), {}), (None, {"kid": b"careful"})):
        assert server.send(forge.Msg("ir", content, **fields).der(credential), "/cmp/client").body == "error"
    assert server.send(forge.Msg("ir", content, implicit=True).der(forge.Secret(code, kid=b"careful")), "/cmp/client").status == 0


# ---- what an end entity may choose -------------------------------------------------------------------------------------

def test_an_end_entity_chooses_what_its_profile_takes(make_server, keys):
    """allow_dn_override and an overridable subjectAltName lift no rule that holds for an RA."""
    def change(c):
        c["certificate_profiles"]["ENDUSER"].update(allow_dn_override=True, allow_extension_override=True,
                                                    overridable_extensions=["2.5.29.17"])
        c["end_entity_profiles"]["EMPTY"].update(
            subject_dn=[{"attribute": "CN", "required": True}, {"attribute": "OU", "regex": "line [0-9]"}],
            subject_alt_name=[{"type": "dNSName", "regex": "[a-z]+[.]example"}])
        c["aliases"]["client"].update(extractusernamecomponent="CN")
    server = make_server(change=change)
    code = add(server, "chooses", "--allowed-requests", "9", dn="O=Registered,CN=chooses")

    def ask(subject, host):
        san = seq(oid("2.5.29.17"), octets(seq(tlv(0x82, host)))) if host else None
        content = forge.cert_req_msg(keys(), subject=subject, extensions=[san] if san else None)
        answer = server.send(forge.Msg("ir", content, implicit=True).der(forge.Secret(code, kid=b"chooses")), "/cmp/client")
        return answer.fail_info if answer.cert is None else answer.status
    cn = forge.rdn("2.5.4.3", "chooses")
    assert ask(seq(cn, forge.rdn("2.5.4.11", "line 1")), b"device.example") == 0
    assert ask(seq(cn, forge.rdn("2.5.4.11", "management")), None) == ["incorrectData"]
    assert ask(seq(cn, forge.rdn("2.5.4.10", "Another")), None) == ["incorrectData"]
    assert ask(seq(cn), b"bank.test") == ["incorrectData"]
    assert ask(seq(cn, forge.rdn("2.5.4.10", "Registered")), None) == 0  # the operator's own word


# ---- certificates that are sent again ----------------------------------------------------------------------------------

def test_a_certificate_sent_again_supersedes_its_owners(make_server, keys):
    """The subject of another end entity that differs in case only gets the same certificate again, and loses none."""
    server = make_server(start=False)
    server.alias(single_active_certificate=True)
    server.start()
    other = server.enrol(keys("ec:P-384"), "DEVICE", implicit=True)[2]
    old = server.enrol(keys("rsa:2048"), "device", implicit=True)[2]
    first = server.enrol(keys(), "device")[2]
    again = server.enrol(keys(), "DEVICE", implicit=True)[2]
    assert again.cert == first.cert
    assert [status(server, a.x509().serial_number) for a in (other, old, first)] == [ACTIVE, REVOKED, ACTIVE]
    record = json.loads(server.query("SELECT audit_text(record) FROM audit ORDER BY id DESC")[0][0])
    assert (record["event"], record["entity"]) == ("resent", "device"), record


# ---- names that are used again -----------------------------------------------------------------------------------------

def test_a_name_that_is_used_again(make_server, keys):
    """The certificate of an end entity that is gone is not the one's that has its name now."""
    server = two_cas(make_server(start=False)).start()
    code = add(server, "again", "--ca", "ManagementCA")
    cert = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "again"), implicit=True)
                       .der(forge.Secret(code, kid=b"again")), "/cmp/first").x509()
    server.admin("entity", "delete", "again")
    add(server, "another", "--ca", "SecondCA")  # `entity add` would not take the name while the certificate is good
    with contextlib.closing(sqlite3.connect(server.dir / "cmp-server.db", timeout=10)) as db, db:
        db.execute("UPDATE end_entity SET name = 'again' WHERE name = 'another'")
    answer = server.send(forge.Msg("cr", forge.cert_req_msg(keys("ec:P-384"), "again")).der(forge.Signer(keys(), cert)), "/cmp/signs")
    assert answer.cert is None and answer.fail_info == ["notAuthorized"]


# ---- all at once -------------------------------------------------------------------------------------------------------

def test_many_at_once(make_server, keys):
    """64 requests at once: as many certificates as the code is good for, one of them active at the end."""
    def change(c):
        c["server"]["workers"] = 32
        c["aliases"]["client"].update(unique_public_key=True, single_active_certificate=True)
    server = make_server(change=change)
    code = add(server, "many", "--allowed-requests", "5")
    made = [forge.make_key("ec:P-256") for _ in range(64)]

    def one(key):
        msg = forge.Msg("ir", forge.cert_req_msg(key, "many"), implicit=True)
        return server.send(msg.der(forge.Secret(code, kid=b"many")), "/cmp/client")
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(one, made))
    granted_ones = [a for a in answers if (a.body, a.status) == ("ip", 0)]
    assert len(granted_ones) == 5
    assert {tuple(a.fail_info) for a in answers} <= {(), ("badMessageCheck",), ("systemFailure",)}
    assert sorted(server.query("SELECT status FROM certificate")) == [(ACTIVE,)] + [(REVOKED,)] * 4
    assert entity(server, "many")["requests left"] == "0"
