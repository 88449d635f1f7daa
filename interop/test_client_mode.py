# SPDX-License-Identifier: Apache-2.0
"""Client mode with HMAC: an end entity gets what it was registered for, as often as its code is good for, and nobody is
told who is registered."""
import concurrent.futures
import json
import os

import pytest
from cryptography import x509

import forge
from conftest import wait_for
from der import octets, seq
from test_stock_client import write_csr, write_key

PATH = "/cmp/client"
REVOKED, GENERATED = 2, 40


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("client") / "pki")

    def change(c):
        client = c["aliases"]["client"]
        c["aliases"]["uid"] = dict(client, extractusernamecomponent="UID", **{"ra.namegenerationprefix": "p-"})
        c["aliases"]["signed"] = dict(client, responseprotection="signature")
        c["aliases"]["rr"] = dict(client, allow_mac_rr=True)
        c["aliases"]["short"] = dict(client, confirm_wait_time="1s", transaction_retention="1s")
        c["aliases"]["locks"] = dict(client, login_attempts=3, authenticationmodule=["HMAC", "RegTokenPwd", "EndEntityCertificate"])
        c["aliases"]["elsewhere"] = dict(client, end_entity_profiles=["RENEWS"])
        profile = c["end_entity_profiles"]["EMPTY"]
        c["end_entity_profiles"]["RENEWS"] = dict(profile, renew_days_before_expiry=30)
        c["end_entity_profiles"]["RENEWS LATER"] = dict(profile, renew_days_before_expiry=1)
        c["certificate_profiles"]["SHORT"] = dict(c["certificate_profiles"]["ENDUSER"], validity="20d")
        s.admin("init", "--dir", str(s.dir / "keeps"), config=False)
        c["cas"]["KeepsUsers"] = {"certificate": "keeps/issuing.crt", "key": "file:keeps/issuing.key", "finish_user": False}
        c["server"]["workers"] = 32
    s.configure(change)
    s.start()
    yield s
    s.stop()


def add(server, name, *args, dn=None):
    """The code of a new end entity."""
    shown = json.loads(server.admin("entity", "add", name, "--dn", dn or f"CN={name}", "--json", *args).stdout)
    return {row["setting"]: row["value"] for row in shown}.get("code")


def entity(server, name):
    return {row["setting"]: row["value"] for row in json.loads(server.admin("entity", "show", name, "--json").stdout)}


def ask(server, credential, keys, cn, body="ir", path=PATH, implicit=True, **kwargs):
    content = forge.pkcs10(keys(), cn) if body == "p10cr" else forge.cert_req_msg(keys(), cn, **kwargs)
    msg = forge.Msg(body, content, implicit=implicit)
    return msg, server.send(msg.der(credential), path)


def code(text, name="forge"):
    return forge.Secret(text, kid=name.encode())


# ---- what an end entity gets -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("body", ["ir", "cr", "p10cr"])
def test_a_code_is_good_once(server, keys, body):
    name = f"once {body}"
    credential = code(add(server, name))
    msg, answer = ask(server, credential, keys, name, body, implicit=False)
    assert answer.status == 0 and answer.kind() == "mac" and answer.mac_is_right(credential.secret), answer.fail_info
    assert forge.common_name(answer.x509()) == name
    assert entity(server, name)["status"] == "generated" and entity(server, name)["requests left"] == "0"
    assert entity(server, name)["code"].startswith("in the clear")  # certConf is to come
    assert server.confirm(msg, answer, credential, PATH).body == "pkiconf"
    assert entity(server, name)["code"] == "none"
    again = ask(server, credential, keys, name, body)[1]
    assert (again.body, again.fail_info) == ("error", ["badMessageCheck"])
    assert len(server.certs("--entity", name)) == 1


def test_by_sender_kid(server, keys):
    credential = code(add(server, "known by reference", dn="CN=somebody,O=Example"), "known by reference")
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), subject=seq()), implicit=True)
    answer = server.send(msg.der(credential), PATH)
    assert answer.status == 1 and forge.common_name(answer.x509()) == "somebody"  # grantedWithMods


def test_the_subject_of_another(server, keys):
    mine = code(add(server, "mallory"), "mallory")
    add(server, "alice")
    for cn in ("alice", "nobody"):
        answer = ask(server, mine, keys, cn)[1]
        assert (answer.body, answer.fail_info) == ("ip", ["notAuthorized"])
    assert server.certs("--entity", "alice") == [] and entity(server, "mallory")["requests left"] == "1"


def test_by_username_component(server, keys):
    credential = code(add(server, "p-4711", dn="CN=device,UID=4711,O=Example"))
    subject = seq(forge.rdn("0.9.2342.19200300.100.1.1", "4711"), forge.rdn("2.5.4.3", "whatever"))
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), subject=subject), implicit=True)
    answer = server.send(msg.der(credential), "/cmp/uid")
    assert answer.status == 1 and "O=Example" in answer.x509().subject.rfc4514_string()


def test_by_subject_however_written(server, keys):
    credential = code(add(server, "written", dn="CN=Some  Device, O=Example"))
    subject = seq(forge.rdn("2.5.4.10", "EXAMPLE"), forge.rdn("2.5.4.3", "some device"))
    msg = forge.Msg("ir", forge.cert_req_msg(keys(), subject=subject), implicit=True)
    assert server.send(msg.der(credential), PATH).status in (0, 1)


def test_no_extension_of_its_own(server, keys):
    credential = code(add(server, "extended"))
    san = seq(forge.oid("2.5.29.17"), octets(seq(forge.tlv(0x82, b"bank.example"))))
    answer = ask(server, credential, keys, "extended", extensions=[san])[1]
    assert answer.status == 1
    with pytest.raises(x509.ExtensionNotFound):
        answer.x509().extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_several_requests(server, keys):
    credential = code(add(server, "three", "--allowed-requests", "3"))
    for left in "210":
        assert ask(server, credential, keys, "three")[1].status == 0
        assert entity(server, "three")["requests left"] == left
    assert ask(server, credential, keys, "three")[1].fail_info == ["badMessageCheck"]
    server.admin("entity", "set", "three", "--status", "new", "--allowed-requests", "1", "--code", "a new code")
    assert ask(server, code("a new code"), keys, "three")[1].status == 0
    unlimited = code(add(server, "unlimited", "--allowed-requests", "unlimited"))
    assert [ask(server, unlimited, keys, "unlimited")[1].status for _ in range(5)] == [0] * 5


def test_a_client_that_starts_over(server, keys):
    """It lost the answer: the same certificate again, and the counter stays."""
    credential = code(add(server, "starts over"))
    _, first = ask(server, credential, keys, "starts over", implicit=False)
    msg, second = ask(server, credential, keys, "starts over", implicit=False)
    assert second.status == 0 and second.cert == first.cert
    other = forge.Msg("ir", forge.cert_req_msg(keys("ec:P-384"), "starts over"))
    assert server.send(other.der(credential), PATH).fail_info == ["badMessageCheck"]  # another key is another request
    assert server.confirm(msg, second, credential, PATH).body == "pkiconf"
    assert entity(server, "starts over")["code"] == "none"


def test_the_transaction_id_of_another(server, keys):
    one, two = code(add(server, "tid one")), code(add(server, "tid two"))
    msg, answer = ask(server, one, keys, "tid one", implicit=False)
    theirs = forge.Msg("ir", forge.cert_req_msg(keys(), "tid two"), tid=msg.tid)
    assert server.send(theirs.der(two), PATH).fail_info == ["transactionIdInUse"]
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    assert server.send(conf.der(two), PATH).fail_info == ["badMessageCheck"]
    assert server.confirm(msg, answer, one, PATH).body == "pkiconf"


@pytest.mark.parametrize("status", ["generated", "revoked", "historical"])
def test_the_status_counts(server, keys, status):
    name = f"is {status}"
    credential = code(add(server, name))
    server.admin("entity", "set", name, "--status", status)
    assert ask(server, credential, keys, name)[1].fail_info == ["badMessageCheck"]
    server.admin("entity", "set", name, "--status", "new")
    assert ask(server, credential, keys, name)[1].status == 0


def test_rr_of_its_own(server, keys):
    mine, other = code(add(server, "rr mine", "--allowed-requests", "2")), code(add(server, "rr other", "--allowed-requests", "2"))
    cert = ask(server, mine, keys, "rr mine")[1].x509()
    theirs = ask(server, other, keys, "rr other")[1].x509()
    details = forge.rev_details(cert, 1)
    assert server.send(forge.Msg("rr", details).der(mine), PATH).fail_info == ["wrongIntegrity"]  # allow_mac_rr: no
    wrong = forge.Msg("rr", forge.rev_details(theirs)).der(code(mine.secret, "rr mine"))
    assert server.send(wrong, "/cmp/rr").fail_info == ["notAuthorized"]
    assert server.send(forge.Msg("rr", details).der(mine), "/cmp/rr").status == 0
    assert server.certs("--entity", "rr mine")[0]["status"] == "revoked"
    assert server.certs("--entity", "rr other")[0]["status"] == "active"


def test_signed_answers(server, keys):
    credential = code(add(server, "signed answers"))
    answer = ask(server, credential, keys, "signed answers", path="/cmp/signed")[1]
    assert answer.status == 0 and answer.signature_is_right()


def test_pbmac1(server, keys):
    credential = forge.Pbmac1(add(server, "pbmac1"))
    answer = ask(server, credential, keys, "pbmac1")[1]
    assert answer.status == 0 and answer.mac_is_right(credential.secret)


@pytest.mark.parametrize("cmd", ["ir", "cr", "p10cr"])
def test_stock_client(server, keys, tmp_path, cmd):
    name = f"stock-{cmd}"
    secret = add(server, name)
    key = write_key(keys(), tmp_path / "key.pem")
    subject = f"/CN={name}"
    args = ["-csr", write_csr(key, subject, tmp_path / "csr.pem")] if cmd == "p10cr" else ["-newkey", key, "-subject", subject]
    done = server.client(cmd, *args, "-certout", tmp_path / "cert.pem", secret=secret, ref=name, path="cmp/client")
    assert done.returncode == 0, done.stderr
    assert [c["status"] for c in server.certs("--entity", name)] == ["active"] and entity(server, name)["code"] == "none"


# ---- too many wrong codes ----------------------------------------------------------------------------------------------

def test_too_many_wrong_codes(server, keys):
    """Three wrong codes lock an end entity: the right one gets the answer of a wrong one, until an operator has a look."""
    name = "locks"
    right, wrong = code(add(server, name, "--allowed-requests", "5"), name), code("wrong", name)
    path = "/cmp/locks"
    assert ask(server, right, keys, name, path=path)[1].status == 0
    answers = [ask(server, wrong, keys, name, path=path)[1] for _ in range(2)]
    assert ask(server, right, keys, name, path=path)[1].status == 0  # a good one in between: they start anew
    answers += [ask(server, wrong, keys, name, path=path)[1] for _ in range(3)]
    answers += [ask(server, right, keys, name, path=path)[1], ask(server, code("x", "nobody of that name"), keys, "nobody", path=path)[1]]
    assert len({b"".join(without_what_differs(a)[:-1][:2]) + a.body_raw for a in answers}) == 1
    wait_for("the count to be stored", lambda: entity(server, name)["wrong codes"] == "3")
    server.restart()  # and it stays
    assert ask(server, right, keys, name, path=path)[1].fail_info == ["badMessageCheck"]
    server.admin("entity", "set", name, "--status", "new")
    assert ask(server, right, keys, name, path=path)[1].status == 0


def test_an_operator_is_faster_than_the_count(server, keys):
    """Unlocked before the wrong codes were stored: they do not lock it again."""
    name = "unlocked at once"
    right, wrong = code(add(server, name, "--allowed-requests", "5"), name), code("wrong", name)
    for _ in range(3):
        ask(server, wrong, keys, name, path="/cmp/locks")
    assert ask(server, right, keys, name, path="/cmp/locks")[1].fail_info == ["badMessageCheck"]
    server.admin("entity", "set", name, "--status", "new")
    assert ask(server, right, keys, name, path="/cmp/locks")[1].status == 0


def test_wrong_tokens_lock_too(server, keys):
    name = "locks by tokens"
    text = add(server, name, "--allowed-requests", "5")
    own = code(text, name)
    signer = forge.Signer(keys(), ask(server, own, keys, name)[1].x509())
    for _ in range(3):
        content = forge.cert_req_msg(keys(), name, reg_info=forge.reg_token("wrong"))
        assert server.send(forge.Msg("ir", content, implicit=True).der(code("wrong", name)), "/cmp/locks").fail_info == ["badMessageCheck"]
    assert ask(server, own, keys, name, path="/cmp/locks")[1].fail_info == ["badMessageCheck"]
    assert ask(server, signer, keys, name, path="/cmp/locks")[1].status == 0  # a certificate is no code


# ---- renewals ----------------------------------------------------------------------------------------------------------

def test_renewal_window(server, keys):
    """Generated, and its certificate expires within the days of the profile: it may ask for the next with it, in its name."""
    results = {}
    for name, profile, validity in (("renews", "RENEWS", "SHORT"), ("renews later", "RENEWS LATER", "SHORT"),
                                    ("renews long", "RENEWS", "ENDUSER"), ("renews never", "EMPTY", "SHORT")):
        own = code(add(server, name, "--end-entity-profile", profile, "--certificate-profile", validity), name)
        signer = forge.Signer(keys(), ask(server, own, keys, name)[1].x509())
        assert entity(server, name)["status"] == "generated"
        msg = forge.Msg("cr", forge.cert_req_msg(keys("ec:P-384"), name), implicit=True)
        answer = server.send(msg.der(signer), PATH)
        results[name] = answer.status if answer.status == 0 else answer.fail_info
        assert ask(server, own, keys, name)[1].fail_info == ["badMessageCheck"]  # the code is gone
    assert results == {"renews": 0, "renews later": ["notAuthorized"], "renews long": ["notAuthorized"], "renews never": ["notAuthorized"]}
    assert entity(server, "renews")["status"] == "generated" and len(server.certs("--entity", "renews")) == 2


def test_a_ca_that_does_not_finish_users(server, keys):
    """finish_user: no: the code is good until an operator says else."""
    credential = code(add(server, "not finished", "--ca", "KeepsUsers"))
    assert [ask(server, credential, keys, "not finished")[1].status for _ in range(4)] == [0] * 4
    assert entity(server, "not finished")["requests left"] == "1" and entity(server, "not finished")["status"] == "new"


def test_an_alias_for_some(server, keys):
    """Whom an alias does not serve it does not know."""
    served, other = code(add(server, "served", "--end-entity-profile", "RENEWS")), code(add(server, "not served"), "not served")
    assert ask(server, served, keys, "served", path="/cmp/elsewhere")[1].status == 0
    answers = [ask(server, other, keys, "not served", path="/cmp/elsewhere")[1],
               ask(server, code("x", "nobody of that name"), keys, "nobody", path="/cmp/elsewhere")[1]]
    assert {(a.body, tuple(a.fail_info), a.text, a.sender) for a in answers} == {("error", ("badMessageCheck",), answers[0].text, answers[0].sender)}
    assert ask(server, other, keys, "not served")[1].status == 0


def test_registered_names(server, keys):
    """subjectAltName as registered, whatever is asked for."""
    args = ["--san", "DNS:a.example", "--san", "IP:192.0.2.1", "--email", "a@example.com"]
    credential = code(add(server, "has names", *args, "--allowed-requests", "2"))
    san = seq(forge.oid("2.5.29.17"), octets(seq(forge.tlv(0x82, b"bank.example"))))
    for extensions in (None, [san]):
        answer = ask(server, credential, keys, "has names", extensions=extensions)[1]
        names = answer.x509().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(n.value) for n in names] == ["a.example", "192.0.2.1", "a@example.com"]
        assert answer.status == (1 if extensions else 0)


def test_the_ca_is_its_own(server, keys):
    """A template that names another issuer: wrongAuthority."""
    other = x509.load_pem_x509_certificate((server.dir / "root.crt").read_bytes()).subject.public_bytes()
    credential = code(add(server, "its own CA"))
    public = forge.parse(forge.spki(keys())).content
    template = forge.explicit(3, other) + forge.explicit(5, forge.name("its own CA")) + forge.tlv(0xA6, public)
    answer = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), template=template)).der(credential), PATH)
    assert (answer.body, answer.fail_info) == ("ip", ["wrongAuthority"])


# ---- codes -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("args", [["--hashed"], ["--hashed", "--code", "chosen by somebody"]], ids=["made", "chosen"])
def test_a_hashed_code_is_no_good_for_a_mac(server, keys, args):
    name = f"hashed {len(args)}"
    secret = add(server, name, *args) or args[-1]
    assert ask(server, code(secret), keys, name)[1].fail_info == ["badMessageCheck"]
    assert "HMAC refuses it" in entity(server, name)["code"] and "a hashed code only" in server.log_text()
    assert secret.encode() not in b"".join(f.read_bytes() for f in server.dir.glob("cmp-server.db*"))


def files_of(server):
    return b"".join(f.read_bytes() for f in server.dir.glob("cmp-server.db*"))


def test_the_code_leaves_every_file(server, keys):
    """In the clear it is nowhere; what it was kept as is gone soon after the last transaction has ended."""
    name = "leaves every file"
    credential = code(add(server, name))
    kept = server.query("SELECT code FROM end_entity WHERE name = ?", name)[0][0]
    assert credential.secret not in files_of(server) and kept in files_of(server)
    msg, answer = ask(server, credential, keys, name, implicit=False)
    server.hang_up()
    wait_for("the reload", lambda: ".yaml reloaded" in server.log_text())
    assert server.confirm(msg, answer, credential, PATH).body == "pkiconf"
    assert server.query("SELECT code FROM end_entity WHERE name = ?", name) == [(None,)]
    wait_for("the code to leave the files", lambda: kept not in files_of(server))


def test_the_code_goes_with_a_transaction_that_expires(server, keys):
    name = "never confirms"
    credential = code(add(server, name))
    answer = ask(server, credential, keys, name, path="/cmp/short", implicit=False)[1]
    wait_for("the transaction to expire", lambda: entity(server, name)["code"] == "none")
    assert server.query("SELECT status FROM certificate WHERE der = ?", answer.cert) == [(REVOKED,)]


@pytest.mark.parametrize("allowed", [1, 3])
def test_many_at_once(server, keys, allowed):
    """64 requests with one code, 50 rounds: as many certificates as it is good for, whoever is first, and nothing left of it."""
    rounds = int(os.environ.get("CMPSRV_CODE_ROUNDS", "50"))
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for i in range(rounds):
            name = f"many at once {allowed} {i}"
            credential = code(add(server, name, "--allowed-requests", str(allowed)))
            answers = list(pool.map(lambda _: ask(server, credential, keys, name, implicit=True)[1], range(64)))
            granted = [a for a in answers if a.status == 0]
            refused = [a for a in answers if a.body == "error"]
            assert len({a.cert for a in granted}) == len(granted) == allowed and len(refused) == 64 - allowed
            assert {tuple(a.fail_info) for a in refused} == {("badMessageCheck",)}
            assert server.query("SELECT remaining, code IS NULL, status FROM end_entity WHERE name = ?", name) == [(0, 1, GENERATED)]
            assert len(server.query("SELECT 1 FROM certificate WHERE end_entity = ?", name)) == allowed


def test_restart_in_between(make_server, keys):
    server = make_server()
    credential = code(add(server, "restarts"))
    msg, answer = ask(server, credential, keys, "restarts", implicit=False)
    server.restart()
    assert server.confirm(msg, answer, credential, PATH).body == "pkiconf"


def test_another_store_key(make_server, keys):
    server = make_server()
    credential = code(add(server, "another key"))
    server.stop()
    (server.dir / "store.key").write_text("0" * 64)
    server.start()
    assert ask(server, credential, keys, "another key")[1].fail_info == ["badMessageCheck"]
    assert "is store_key the one it was added with?" in server.log_text()


# ---- nobody is told who is registered ----------------------------------------------------------------------------------

def without_what_differs(answer):
    """Header and body less nonces, times and transactionID; protection left away."""
    header, body = forge.parse(answer.der)[0], forge.parse(answer.der)[1]
    return [f.raw for f in header if f.tag not in (0xA0, 0xA4, 0xA5, 0xA6)] + [body.raw]


def test_the_same_answer_to_everybody(server, keys):
    used = code(add(server, "oracle used"), "oracle used")
    assert ask(server, used, keys, "oracle used")[1].status == 0
    open_code = code(add(server, "oracle open"), "oracle open")
    server.admin("entity", "add", "oracle hashed", "--dn", "CN=oracle hashed", "--hashed")
    _, waiting = ask(server, open_code, keys, "oracle open", implicit=False)
    cases = {"unknown": (code("x", "nobody"), "nobody"), "wrong secret": (code("x", "oracle open"), "oracle open"),
             "used code": (used, "oracle used"), "hashed": (code("x", "oracle hashed"), "oracle hashed"),
             "used, still to confirm, another key": (open_code, "oracle open")}
    answers = {}
    for case, (credential, cn) in cases.items():
        kid = forge.Secret(credential.secret, kid=b"reference")  # the same header in all of them
        key = keys("ec:P-384")
        msg = forge.Msg("ir", forge.cert_req_msg(key, cn), implicit=True)
        answers[case] = without_what_differs(server.send(msg.der(kid), PATH))
    assert waiting.status == 0 and len({tuple(a) for a in answers.values()}) == 1, answers


def test_one_name_twice(server):
    add(server, "twice")
    done = server.admin("entity", "add", "twice", "--dn", "CN=another", check=False)
    assert done.returncode == 1 and "already" in done.stderr


def test_one_subject_twice(server, keys):
    one, two = add(server, "subject one", dn="CN=of two"), add(server, "subject two", dn="CN=of two")
    assert ask(server, code(one), keys, "of two")[1].fail_info == ["badMessageCheck"]
    assert "several end entities" in server.log_text()
    assert ask(server, code(two, "subject two"), keys, "of two")[1].status == 0  # named by senderKID


def test_what_the_operator_does_is_audited(server):
    add(server, "audited")
    server.admin("entity", "set", "audited", "--status", "failed")
    server.admin("entity", "delete", "audited")
    assert server.admin("entity", "show", "audited", check=False).returncode == 1
    records = [json.loads(r[0]) for r in server.query("SELECT audit_text(record) FROM audit")]
    assert [r["event"] for r in records if r.get("entity") == "audited"] == ["entity added", "entity changed", "entity deleted"]
    server.admin("audit", "verify")


def test_usage(server):
    for args in (["add", "x"], ["add", "x", "--dn", "CN=x", "--code", "c", "--generate"], ["set", "x", "--clear"],
                 ["add", "x", "--dn", "CN=x", "--allowed-requests", "many"], ["set", "x", "--status", "odd"], ["show"], ["list", "x"]):
        assert server.admin("entity", *args, check=False).returncode == 2, args
    for args in (["add", "x", "--dn", "nonsense"], ["add", "x", "--dn", "CN=x", "--ca", "Nobody"], ["show", "nobody"],
                 ["add", "x", "--dn", "CN=x", "--certificate-profile", "Nobody"], ["delete", "nobody"]):
        assert server.admin("entity", *args, check=False).returncode == 1, args
