# SPDX-License-Identifier: Apache-2.0
"""Client mode with HMAC: an end entity gets what it was registered for, as often as its code is good for, and nobody is
told who is registered."""
import concurrent.futures
import json

import pytest
from cryptography import x509

import forge
from conftest import wait_for
from der import octets, seq
from test_stock_client import write_csr, write_key

PATH = "/cmp/client"
REVOKED = 2


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
    """64 requests with one code: as many certificates as it is good for, whoever is first."""
    name = f"many at once {allowed}"
    credential = code(add(server, name, "--allowed-requests", str(allowed)))

    def one(i):
        return ask(server, credential, keys, name, implicit=True)[1]

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(one, range(64)))
    granted = [a for a in answers if a.status == 0]
    refused = [a for a in answers if a.body == "error"]
    assert len(granted) == allowed == len(server.certs("--entity", name)) and len(refused) == 64 - allowed
    assert {tuple(a.fail_info) for a in refused} == {("badMessageCheck",)}
    assert entity(server, name)["requests left"] == "0"


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
    records = [json.loads(r[0]) for r in server.query("SELECT record FROM audit")]
    assert [r["event"] for r in records if r.get("entity") == "audited"] == ["entity added", "entity changed", "entity deleted"]
    server.admin("audit", "verify")


def test_usage(server):
    for args in (["add", "x"], ["add", "x", "--dn", "CN=x", "--code", "c", "--generate"], ["set", "x", "--clear"],
                 ["add", "x", "--dn", "CN=x", "--allowed-requests", "many"], ["set", "x", "--status", "odd"], ["show"], ["list", "x"]):
        assert server.admin("entity", *args, check=False).returncode == 2, args
    for args in (["add", "x", "--dn", "nonsense"], ["add", "x", "--dn", "CN=x", "--ca", "Nobody"], ["show", "nobody"],
                 ["add", "x", "--dn", "CN=x", "--certificate-profile", "Nobody"], ["delete", "nobody"]):
        assert server.admin("entity", *args, check=False).returncode == 1, args
