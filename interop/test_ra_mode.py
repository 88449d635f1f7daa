# SPDX-License-Identifier: Apache-2.0
"""RA mode: usernames, end entities that exist already, custom serial numbers, what is unique, what supersedes."""
import concurrent.futures
import json
import re

import pytest

import forge
from der import explicit, integer, seq
from conftest import wait_for
from test_client_mode import add, entity

ACTIVE, REVOKED, SUPERSEDED = 1, 2, 4
UID, O = "0.9.2342.19200300.100.1.1", "2.5.4.10"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("ra") / "pki")
    s.admin("init", "--dir", str(s.dir / "second"), config=False)

    def change(c):
        ra = c["aliases"]["ra"]
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key"}
        c["server"]["workers"] = 32
        c["certificate_profiles"]["SERIAL"] = dict(c["certificate_profiles"]["ENDUSER"], allow_serial_override=True)
        c["end_entity_profiles"]["MERGE"] = {"default_ca": "ManagementCA", "allow_merge_dn": True}
        c["end_entity_profiles"]["THREE"] = {"default_ca": "ManagementCA", "allowed_requests": 3}
        names = {"dn": {"ra.namegenerationparameters": ["UID", "CN"], "ra.namegenerationprefix": "cmp"},
                 "random": {"ra.namegenerationscheme": "RANDOM", "ra.namegenerationpostfix": "-dev"},
                 "whole": {"ra.namegenerationscheme": "USERNAME"},
                 "fixed": {"ra.namegenerationscheme": "FIXED", "ra.namegenerationparameters": ["router"],
                           "ra.namegenerationprefix": "${RANDOM}_"},
                 "uid": {"ra.namegenerationparameters": ["UID"]}}
        for name, settings in names.items():
            c["aliases"][f"name-{name}"] = dict(ra, **settings)
        c["aliases"]["other-ca"] = dict(ra, defaultca="SecondCA")
        c["aliases"]["serial"] = dict(ra, **{"ra.allowcustomcertserno": True, "ra.certificateprofile": "SERIAL"})
        c["aliases"]["serial-alias"] = dict(ra, **{"ra.allowcustomcertserno": True})
        c["aliases"]["serial-profile"] = dict(ra, **{"ra.certificateprofile": "SERIAL"})
        c["aliases"]["unique-key"] = dict(ra, unique_public_key=True)
        c["aliases"]["unique-dn"] = dict(ra, unique_subject_dn=True, **{"ra.namegenerationscheme": "RANDOM"})
        c["aliases"]["single"] = dict(ra, single_active_certificate=True)
        c["aliases"]["single-keep"] = dict(c["aliases"]["single"], unconfirmed="keep", confirm_wait_time="1s")
        c["aliases"]["merge"] = dict(ra, **{"ra.endentityprofile": "MERGE"})
        c["aliases"]["password"] = dict(ra, **{"ra.endentityprofile": "THREE", "ra.passwordgenparams": "a fixed password"})
    s.configure(change)
    s.start()
    yield s
    s.stop()


def ask(server, key, alias="ra", cn="device", body="ir", implicit=True, subject=None, before=b"", **kwargs):
    """before: template fields in front of the subject."""
    if body == "p10cr":
        content = forge.pkcs10(key, cn, subject=subject)
    elif before:
        public = forge.parse(forge.spki(key)).content
        content = forge.cert_req_msg(key, template=before + explicit(5, subject or forge.name(cn)) + forge.tlv(0xA6, public), **kwargs)
    else:
        content = forge.cert_req_msg(key, cn, subject=subject, **kwargs)
    return server.send(forge.Msg(body, content, implicit=implicit).der(server.credential), f"/cmp/{alias}")


def owner(server, answer):
    """Username of the certificate in an answer."""
    return server.query("SELECT end_entity FROM certificate WHERE der = ?", answer.cert)[0][0]


def dn(*pairs):
    return seq(*(forge.rdn(attribute, value) for attribute, value in pairs))


CN = "2.5.4.3"


@pytest.mark.parametrize("alias, subject, want", [
    ("name-dn", dn((UID, "4711"), (CN, "a")), "cmp4711"),
    ("name-dn", dn((O, "x"), (CN, "only CN")), "cmponly CN"),
    ("name-dn", dn((CN, "a;b<c>")), "cmpa/b/c/"),
    ("name-random", dn((CN, "a")), r"[A-Za-z0-9]{12}-dev"),
    ("name-whole", dn((O, "Example"), (CN, "whole")), "CN=whole,O=Example"),
    ("name-fixed", dn((CN, "a")), r"[A-Za-z0-9]{12}_router")])
def test_usernames(server, keys, alias, subject, want):
    answer = ask(server, keys(), alias, subject=subject)
    assert answer.status == 0 and re.fullmatch(want, owner(server, answer))


def test_no_name_to_be_made(server, keys):
    before = server.counts()["certificate"]
    answer = ask(server, keys(), "name-uid", subject=dn((CN, "no UID")))
    assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"]) and server.counts()["certificate"] == before


# ---- end entities that exist -------------------------------------------------------------------------------------------

def test_an_existing_user_is_changed(server, keys):
    assert ask(server, keys(), "name-dn", subject=dn((UID, "changed"), (CN, "before"))).status == 0
    assert entity(server, "cmpchanged")["dn"] == "CN=before,UID=changed"
    assert ask(server, keys("ec:P-384"), "name-dn", subject=dn((UID, "changed"), (CN, "after"), (O, "New"))).status == 0
    shown = entity(server, "cmpchanged")
    assert shown["dn"] == "O=New,CN=after,UID=changed" and shown["status"] == "generated"
    assert [c["status"] for c in server.certs("--entity", "cmpchanged")] == ["active", "active"]


def test_many_at_once(server):
    """EJBCA warns of this one: requests in parallel that make one username. As many certificates, one end entity, no error."""
    before = len(server.log_text())
    made = [forge.make_key("ec:P-256") for _ in range(64)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda key: ask(server, key, cn="one name"), made))
    assert [a.status for a in answers] == [0] * 64
    assert len({a.cert for a in answers}) == 64 == len(server.certs("--entity", "one name"))
    assert server.query("SELECT COUNT(*) FROM end_entity WHERE name = 'one name'") == [(1,)]
    assert not re.search(r"^\S+ (error|warning) ", server.log_text()[before:], re.M)


def test_many_at_once_that_supersede(server):
    """One active certificate is left, whoever was last."""
    made = [forge.make_key("ec:P-256") for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: ask(server, key, "single", cn="one active"), made))
    assert [a.status for a in answers] == [0] * 8
    states = [c["status"] for c in server.certs("--entity", "one active")]
    assert sorted(states) == ["active"] + ["revoked"] * 7


def test_merged_with_what_was_known(server, keys):
    assert ask(server, keys(), "merge", subject=dn((O, "Example"), (CN, "merged"))).status == 0
    answer = ask(server, keys("ec:P-384"), "merge", subject=dn((CN, "merged")))
    assert answer.status == 1 and answer.x509().subject.rfc4514_string() == "O=Example,CN=merged"


def test_its_names_are_those_of_the_last_request(server, keys):
    san = seq(forge.oid("2.5.29.17"), forge.octets(seq(forge.tlv(0x82, b"a.example"))))
    assert ask(server, keys(), cn="has a name", extensions=[san]).status == 0
    assert entity(server, "has a name")["san"] == "dNSName:a.example"
    assert ask(server, keys("ec:P-384"), cn="has a name").status == 0
    assert entity(server, "has a name")["san"] == "none"


def test_what_goes_out_again_says_what_is_other(server, keys):
    """The same key and name while the first answer waits for certConf: that certificate again, with mods if it is not what is
    asked for now."""
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), "asks again"))
    first = server.send(msg.der(server.credential))
    same = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "asks again")).der(server.credential))
    san = seq(forge.oid("2.5.29.17"), forge.octets(seq(forge.tlv(0x82, b"a.example"))))
    other = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "asks again", extensions=[san])).der(server.credential))
    assert first.cert == same.cert == other.cert and [a.status for a in (first, same, other)] == [0, 0, 1]


def test_what_goes_out_again_is_nobody_elses(server):
    """Its serial number is taken, its key another end entity's (the name differs in case only): both are its own."""
    for alias, names, before in (("serial", ["again by number"] * 2, serial(0x7531)), ("unique-key", ["again key", "AGAIN KEY"], b"")):
        key = forge.make_key("ec:P-256")
        first, second = (ask(server, key, alias, cn, implicit=False, before=before) for cn in names)
        assert first.cert is not None and first.cert == second.cert, (alias, first.fail_info, second.fail_info)


def test_the_ra_takes_over(server, keys):
    """An end entity with a code that the RA enrols: the code is good for nothing any more, and leaves the store."""
    code = add(server, "taken over")
    assert server.query("SELECT code IS NULL FROM end_entity WHERE name = 'taken over'") == [(0,)]
    assert ask(server, keys(), cn="taken over").status == 0
    assert server.query("SELECT code IS NULL, remaining FROM end_entity WHERE name = 'taken over'") == [(1, 0)]
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), "taken over"), implicit=True)
    assert server.send(msg.der(forge.Secret(code)), "/cmp/client").fail_info == ["badMessageCheck"]


def test_a_fixed_password(server, keys):
    """allowed_requests 3: one for the RA, two that the end entity may ask for itself, with the alias's password."""
    assert ask(server, keys(), "password", cn="has a password").status == 0
    assert entity(server, "has a password")["requests left"] == "2" and entity(server, "has a password")["status"] == "new"
    own = forge.Secret("a fixed password")

    def enrol(kind):
        msg = forge.Msg("ir", forge.cert_req_msg(keys(kind), "has a password"), implicit=True)
        return server.send(msg.der(own), "/cmp/client")

    assert [enrol("ec:P-256").status, enrol("ec:P-384").status] == [0, 0]
    assert enrol("ec:P-521").fail_info == ["badMessageCheck"] and entity(server, "has a password")["code"] == "none"
    assert ask(server, keys(), cn="has none").status == 0 and entity(server, "has none")["code"] == "none"


# ---- p10cr -------------------------------------------------------------------------------------------------------------

def test_p10cr_goes_to_the_default_ca(server, keys):
    """EJBCA: a PKCS#10 request names no CA, the alias's defaultca is the one."""
    second = forge.x509.load_pem_x509_certificate((server.dir / "second" / "issuing.crt").read_bytes())
    for body, is_second in (("ir", False), ("cr", False), ("p10cr", True)):
        answer = ask(server, keys(), "other-ca", "by " + body, body)
        assert answer.status == 0
        key = answer.x509().extensions.get_extension_for_class(forge.x509.AuthorityKeyIdentifier).value.key_identifier
        ski = second.extensions.get_extension_for_class(forge.x509.SubjectKeyIdentifier).value.digest
        assert (key == ski) is is_second


def test_confirm_and_revoke_what_the_default_ca_issued(server, keys):
    """Under the secret of the CA that p10cr goes to; rr under the alias's secret."""
    both = {"defaultca": "SecondCA", "authenticationparameters": ["-"], "allow_mac_rr": True}
    server.configure(lambda c: (c["cas"]["SecondCA"].update(cmp_ra_auth_secret="secret of the second"),
                                c["cas"]["ManagementCA"].update(cmp_ra_auth_secret="secret of the first"),
                                c["aliases"].update({"by-ca": dict(c["aliases"]["ra"], **both),
                                                     "by-alias": dict(c["aliases"]["ra"], **dict(both, authenticationparameters=["of the alias"]))})))
    server.restart()
    for alias, secret, status in (("by-ca", "secret of the second", 2), ("by-alias", "of the alias", 0)):
        credential = forge.Secret(secret)
        msg = forge.Msg("p10cr", forge.pkcs10(keys(), f"revoked by {alias}"))
        answer = server.send(msg.der(credential), f"/cmp/{alias}")
        assert answer.status == 0 and server.confirm(msg, answer, credential, f"/cmp/{alias}").body == "pkiconf"
        rr = forge.Msg("rr", forge.rev_details(answer.x509(), 1))
        first = forge.Secret("secret of the first") if alias == "by-ca" else credential
        assert server.send(rr.der(first), f"/cmp/{alias}").status == status


# ---- serial numbers ----------------------------------------------------------------------------------------------------

def serial(n):
    return forge.tlv(0x81, forge.parse(integer(n)).content)


def test_a_custom_serial_number(server, keys):
    for n in (1, 0x4711, 2 ** 159 - 1):
        answer = ask(server, keys(), "serial", before=serial(n))
        assert answer.status == 0 and answer.x509().serial_number == n
    again = ask(server, keys("ec:P-384"), "serial", before=serial(0x4711))
    assert (again.body, again.fail_info) == ("ip", ["duplicateCertReq"])


@pytest.mark.parametrize("alias", ["ra", "serial-alias", "serial-profile"])
def test_no_serial_number_where_alias_or_profile_says_no(server, keys, alias):
    answer = ask(server, keys(), alias, before=serial(0x815))
    assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"])


@pytest.mark.parametrize("n", [0, -1, 2 ** 159, 2 ** 160])
def test_serial_numbers_that_are_none(server, keys, n):
    answer = ask(server, keys(), "serial", before=serial(n))
    assert (answer.body, answer.fail_info) == ("ip", ["badCertTemplate"])


def test_one_serial_number_at_once(server):
    """Sixteen ask for one: one has it, the others are told."""
    made = [forge.make_key("ec:P-256") for _ in range(16)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda a: ask(server, a[1], "serial", f"serial {a[0]}", before=serial(0xABCDEF)), enumerate(made)))
    assert sorted(a.status for a in answers) == [0] + [2] * 15
    assert {tuple(a.fail_info) for a in answers if a.status == 2} == {("duplicateCertReq",)}


# ---- what is unique ----------------------------------------------------------------------------------------------------

def test_a_key_belongs_to_one(server):
    """CrmfRARequestTest: the same user may use its key again, another may not."""
    key = forge.make_key("ec:P-256")
    assert server.query("SELECT 1 FROM sqlite_master WHERE name = 'certificate_spki'")  # else each asks all certificates
    assert [ask(server, key, "unique-key", "first owner").status for _ in range(2)] == [0, 0]
    refused = ask(server, key, "unique-key", "second owner")
    assert (refused.body, refused.fail_info) == ("ip", ["badCertTemplate"])
    assert ask(server, key, "ra", "elsewhere").status == 0  # where it is not asked for
    for c in server.certs("--entity", "first owner") + server.certs("--entity", "elsewhere"):
        server.admin("cert", "revoke", c["serial"], "--ca", "ManagementCA", "--reason", "keyCompromise")
    assert ask(server, key, "unique-key", "third owner").status == 0


def test_a_subject_belongs_to_one(server, keys):
    assert ask(server, keys(), "unique-dn", cn="whose subject").status == 0
    refused = ask(server, keys(), "unique-dn", cn="WHOSE  subject")
    assert (refused.body, refused.fail_info) == ("ip", ["badCertTemplate"])


def test_a_key_at_once(server):
    key = forge.make_key("ec:P-256")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: ask(server, key, "unique-key", f"at once {i}"), range(16)))
    assert sorted(a.status for a in answers) == [0] + [2] * 15


# ---- what supersedes ---------------------------------------------------------------------------------------------------

def rows(server, name):
    return server.query("SELECT status, reason FROM certificate WHERE end_entity = ? ORDER BY issued_at", name)


def test_superseded(server, keys):
    credential, name = server.credential, "superseded"
    assert ask(server, keys(), "single", name).status == 0 and rows(server, name) == [(ACTIVE, 0)]
    msg = forge.Msg("ir", forge.cert_req_msg(keys("ec:P-384"), name))
    answer = server.send(msg.der(credential), "/cmp/single")
    assert answer.status == 0 and rows(server, name)[0] == (ACTIVE, 0)  # until it is known that the new one has arrived
    assert server.confirm(msg, answer, path="/cmp/single").body == "pkiconf"
    assert rows(server, name) == [(REVOKED, SUPERSEDED), (ACTIVE, 0)]
    crl = forge.x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    old = next(c for c in server.certs("--entity", name) if c["status"] == "revoked")
    assert crl.get_revoked_certificate_by_serial_number(int(old["serial"], 16)) is not None
    records = [json.loads(r[0]) for r in server.query("SELECT audit_text(record) FROM audit WHERE audit_text(record) LIKE '%superseded%'")]
    assert [r["serial"] for r in records if r["entity"] == name and r["event"] == "superseded"] == [old["serial"]]


def test_one_that_is_kept_supersedes(server, keys):
    """unconfirmed: keep. What is kept counts as confirmed, here too."""
    name = "kept unconfirmed"
    assert ask(server, keys(), "single-keep", name).status == 0
    assert ask(server, keys("ec:P-384"), "single-keep", name, implicit=False).status == 0
    wait_for("the second to be kept", lambda: [s for s, _ in rows(server, name)][1] == ACTIVE)
    assert rows(server, name) == [(REVOKED, SUPERSEDED), (ACTIVE, 0)]


def test_a_rejected_certificate_supersedes_nothing(server, keys):
    name = "rejects the new one"
    assert ask(server, keys(), "single", name).status == 0
    msg = forge.Msg("ir", forge.cert_req_msg(keys("ec:P-384"), name))
    answer = server.send(msg.der(server.credential), "/cmp/single")
    assert server.confirm(msg, answer, path="/cmp/single", status=2).body == "pkiconf"
    assert [s for s, _ in rows(server, name)] == [ACTIVE, REVOKED]
