# SPDX-License-Identifier: Apache-2.0
"""Transactions outlive a restart, a retransmission gets the same answer, nobody ends somebody else's."""
import concurrent.futures
import datetime
import os
import socket

import pytest
from cryptography import x509

import forge
from conftest import a_day_later, wait_for

REVOKED, ACTIVE, UNCONFIRMED = 2, 1, 0


def status_of(server, answer):
    serial = answer.x509().serial_number
    rows = server.query("SELECT serial, status FROM certificate")
    return next(s for number, s in rows if int.from_bytes(number, "big") == serial)


def conf_of(msg, answer, **fields):
    return forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid,
                     recip_nonce=answer.nonce, **fields)


def is_on_crl(server, answer):
    crl = x509.load_der_x509_crl((server.dir / "issuing.crl").read_bytes())
    return crl.get_revoked_certificate_by_serial_number(answer.x509().serial_number) is not None


def test_kill_between_ip_and_certconf(make_server, keys):
    server = make_server()
    msg, _, answer = server.enrol(keys())
    server.kill()
    server.start()
    assert server.confirm(msg, answer).body == "pkiconf"
    assert status_of(server, answer) == ACTIVE


def test_identical_certconf_across_a_kill(make_server, keys):
    server = make_server()
    msg, _, answer = server.enrol(keys())
    der = conf_of(msg, answer).der(server.credential)
    first = server.send(der)
    assert first.body == "pkiconf"
    server.kill()
    server.start()
    assert server.send(der).der == first.der
    assert status_of(server, answer) == ACTIVE


def test_the_wait_for_certconf_ends_while_the_server_is_down(make_server, keys):
    server = make_server()
    _, _, answer = server.enrol(keys())
    server.kill()
    server.start(a_day_later())
    wait_for("the end of the transaction", lambda: status_of(server, answer) == REVOKED)


def test_identical_ir_five_times(make_server, keys):
    server = make_server()
    _, der, first = server.enrol(keys())
    answers = [server.send(der).der for _ in range(2)]
    server.kill()
    server.start()
    answers += [server.send(der).der for _ in range(2)]
    assert set(answers) == {first.der}
    assert server.counts()["certificate"] == 1


def test_identical_certconf_gets_the_same_answer(shared, keys):
    msg, _, answer = shared.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    der = conf.der(shared.credential)
    assert shared.send(der).der == shared.send(der).der


def test_another_ir_with_a_used_id(shared, keys):
    msg, _, first = shared.enrol(keys())
    before = shared.counts()
    _, _, second = shared.enrol(keys("ec:P-384"), tid=msg.tid)
    assert (second.body, second.fail_info) == ("error", ["transactionIdInUse"])
    assert second.kind() == "mac" and shared.counts()["certificate"] == before["certificate"]
    assert shared.confirm(msg, first).body == "pkiconf"


@pytest.mark.parametrize("who", ["other senderKID", "other alias", "unprotected", "wrong secret"])
def test_certconf_by_somebody_else(make_server, keys, who):
    def other_alias(c):
        c["aliases"]["other"] = dict(c["aliases"]["ra"], authenticationparameters=["another secret"])

    server = make_server(change=other_alias)
    msg, _, answer = server.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    credential, path, fail = {
        "other senderKID": (forge.Secret(server.secret, kid=b"somebody else"), "/cmp/ra", "notAuthorized"),
        "other alias": (forge.Secret("another secret"), "/cmp/other", "badRequest"),
        "unprotected": (None, "/cmp/ra", "badMessageCheck"),
        "wrong secret": (forge.Secret("wrong"), "/cmp/ra", "badMessageCheck"),
    }[who]
    rows = server.dump()
    refused = server.send(conf.der(credential), path)
    assert (refused.body, refused.fail_info) == ("error", [fail])
    after = server.dump()
    assert after["certificate"] == rows["certificate"] and set(rows["txn"]) <= set(after["txn"])
    if who in ("unprotected", "wrong secret"):
        assert after == rows
    assert status_of(server, answer) == UNCONFIRMED
    assert server.confirm(msg, answer).body == "pkiconf"
    assert status_of(server, answer) == ACTIVE


def test_error_message_by_somebody_else_ends_nothing(shared, keys):
    msg, _, answer = shared.enrol(keys())
    error = forge.Msg("error", forge.seq(forge.seq(forge.integer(2))), tid=msg.tid, recip_nonce=answer.nonce)
    assert shared.send(error.der(forge.Secret(shared.secret, kid=b"other"))).fail_info == ["notAuthorized"]
    assert shared.confirm(msg, answer).body == "pkiconf"


def test_error_message_of_the_owner_gives_the_certificate_up(shared, keys):
    msg, _, answer = shared.enrol(keys())
    error = forge.Msg("error", forge.seq(forge.seq(forge.integer(2), forge.seq(forge.utf8("no\nroom")))), tid=msg.tid, recip_nonce=answer.nonce)
    assert shared.send(error.der(shared.credential)).body == "pkiconf"
    assert status_of(shared, answer) == REVOKED
    assert 'client_says="status 2: no\\x0aroom"' in shared.log_text()


def test_rejected_certificate_is_revoked(make_server, keys):
    server = make_server()
    msg, _, answer = server.enrol(keys())
    assert server.confirm(msg, answer, status=2).body == "pkiconf"
    assert status_of(server, answer) == REVOKED and is_on_crl(server, answer)


def test_empty_certconf_rejects(shared, keys):
    msg, _, answer = shared.enrol(keys())
    conf = forge.Msg("certConf", forge.seq(), tid=msg.tid, recip_nonce=answer.nonce)
    assert shared.send(conf.der(shared.credential)).body == "pkiconf"
    assert status_of(shared, answer) == REVOKED


@pytest.mark.parametrize("fault, fail", [
    (dict(cert_hash=bytes(32)), "badCertId"),
    (dict(cert_hash=b""), "badCertId"),
    (dict(cert_req_id=1), "badRequest"),
    (dict(hash_alg="sha256"), "badCertId"),       # needs pvno 3
    (dict(status=3), "badRequest"),
])
def test_certconf_that_does_not_fit(shared, keys, fault, fail):
    msg, _, answer = shared.enrol(keys())
    args = dict(cert_req_id=answer.cert_req_id)
    args.update(fault)
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, **args), tid=msg.tid, recip_nonce=answer.nonce)
    refused = shared.send(conf.der(shared.credential))
    assert (refused.body, refused.fail_info, refused.kind()) == ("error", [fail], "mac")
    if fault != dict(status=3):  # a negative answer ends the transaction (RFC 9483 3.6.4)
        assert status_of(shared, answer) == REVOKED
        assert shared.confirm(msg, answer).fail_info in (["badRecipientNonce"], ["badRequest"])


def test_hash_alg_with_pvno_3(shared, keys):
    msg, _, answer = shared.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, hash_alg="sha256"), tid=msg.tid,
                     recip_nonce=answer.nonce, pvno=3)
    done = shared.send(conf.der(shared.credential))
    assert (done.body, done.pvno) == ("pkiconf", 3)


@pytest.mark.parametrize("sent", [0, -1])
def test_p10cr_is_confirmed_with_either_id(shared, keys, sent):
    msg = forge.Msg("p10cr", forge.pkcs10(keys(), "p10"))
    answer = shared.send(msg.der(shared.credential))
    assert (answer.body, answer.cert_req_id) == ("cp", -1)
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, sent), tid=msg.tid, recip_nonce=answer.nonce)
    assert shared.send(conf.der(shared.credential)).body == "pkiconf"


@pytest.mark.parametrize("unconfirmed, status", [("revoke", REVOKED), ("keep", ACTIVE)])
def test_no_certconf_in_time(make_server, keys, unconfirmed, status):
    server = make_server(change=lambda c: c["aliases"]["ra"].update(confirm_wait_time="1s", unconfirmed=unconfirmed))
    msg, _, answer = server.enrol(keys())
    wait_for("the end of the transaction", lambda: status_of(server, answer) != UNCONFIRMED)
    assert status_of(server, answer) == status
    if status == REVOKED:
        wait_for("the CRL", lambda: is_on_crl(server, answer))
    late = server.confirm(msg, answer)
    assert (late.body, late.fail_info) == ("error", ["badRequest"])
    assert status_of(server, answer) == status


def test_64_identical_requests_at_once(make_server, keys):
    server = make_server()
    der = forge.Msg("ir", forge.cert_req_msg(keys())).der(server.credential)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: server.post(der), range(64)))
    assert {a[0] for a in answers} == {200} and len({a[2] for a in answers}) == 1
    assert forge.Answer(answers[0][2]).body == "ip"
    assert server.counts()["certificate"] == 1


def test_64_requests_with_one_id_at_once(make_server, keys):
    server = make_server()
    tid = os.urandom(16)
    ders = [forge.Msg("ir", forge.cert_req_msg(keys(), f"device {i}"), tid=tid).der(server.credential)
            for i in range(64)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(server.send, ders))
    granted = [a for a in answers if a.cert]
    assert len(granted) == 1 and granted[0].body == "ip"
    assert {(a.body, *a.fail_info) for a in answers if not a.cert} == {("error", "transactionIdInUse")}
    assert server.query("SELECT der FROM certificate") == [(granted[0].cert,)]


def test_16_identical_certconfs_at_once(make_server, keys):
    server = make_server()
    msg, _, answer = server.enrol(keys())
    der = conf_of(msg, answer).der(server.credential)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = {a.der for a in pool.map(server.send, [der] * 16)}
    assert len(answers) == 1 and forge.Answer(answers.pop()).body == "pkiconf"
    assert status_of(server, answer) == ACTIVE


@pytest.mark.parametrize("implicit", [False, True], ids=["certConf", "implicit"])
@pytest.mark.parametrize("with_time", [True, False], ids=["messageTime", "no messageTime"])
def test_replay_after_the_tombstone_and_a_day_later(make_server, keys, with_time, implicit):
    server = make_server(change=lambda c: c["aliases"]["ra"].update(transaction_retention="1s"))
    fields = {} if with_time else {"time": None}
    msg, der, answer = server.enrol(keys(), implicit=implicit, **fields)
    assert answer.implicit == implicit
    if not implicit:
        assert server.confirm(msg, answer).body == "pkiconf"
    wait_for("the tombstone to go", lambda: server.counts()["txn"] == 0)
    again = server.send(der)
    assert (again.body, again.fail_info) == ("error", ["transactionIdInUse"])
    server.restart(a_day_later())
    wait_for("the second tombstone to go", lambda: server.counts()["txn"] == 0)
    later = server.send(der)
    assert later.time - answer.time > datetime.timedelta(hours=23)  # it does live a day later
    assert later.body == "error" and later.fail_info in (["badTime"], ["transactionIdInUse"])
    assert server.counts()["certificate"] == 1 and status_of(server, answer) == ACTIVE


def test_a_lost_answer_and_a_new_id(make_server, keys):
    server = make_server()
    _, _, first = server.enrol(keys())
    msg, der, second = server.enrol(keys())
    assert second.cert == first.cert and server.counts()["certificate"] == 1
    assert server.confirm(msg, second).body == "pkiconf"
    assert status_of(server, first) == ACTIVE
    _, _, third = server.enrol(keys())
    assert third.cert != first.cert  # confirmed: the device wants another one


def test_an_answer_that_a_kill_swallowed(make_server, keys):
    server = make_server()
    der = forge.Msg("ir", forge.cert_req_msg(keys())).der(server.credential)
    head = ("POST /cmp/ra HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkixcmp\r\n"
            f"Content-Length: {len(der)}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(head.encode() + der)
        wait_for("the certificate", lambda: server.counts()["certificate"] == 1)
        server.kill()
    server.start()
    msg, _, answer = server.enrol(keys())
    assert [(answer.cert,)] == server.query("SELECT der FROM certificate")
    assert server.confirm(msg, answer).body == "pkiconf"
    assert server.send(der).cert == answer.cert and server.counts()["certificate"] == 1


def start_over_at_once(server, key, n):
    """A client that does not wait long enough and starts over while its first request is on its way."""
    ders = [forge.Msg("ir", forge.cert_req_msg(key)).der(server.credential) for _ in range(n)]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(server.send, ders))


def test_new_ids_at_once_are_all_granted(make_server, keys):
    server = make_server()
    answers = [a for kind in ("ec:P-256", "ec:P-384", "ed25519") for a in start_over_at_once(server, keys(kind), 32)]
    assert {(a.body, a.status, *a.fail_info) for a in answers} == {("ip", 0)}


def test_new_ids_at_once_give_one_certificate(make_server, keys):
    server = make_server()
    answers = [start_over_at_once(server, keys(kind), 2) for kind in ("ec:P-256", "ec:P-384", "ed25519")]
    assert [len({a.cert for a in pair}) for pair in answers] == [1, 1, 1]
    assert server.counts()["certificate"] == 3


def test_the_second_id_is_spent_too(make_server, keys):
    server = make_server(change=lambda c: c["aliases"]["ra"].update(transaction_retention="1s"))
    server.enrol(keys())
    msg, der, answer = server.enrol(keys())
    server.confirm(msg, answer)
    wait_for("the tombstones to go", lambda: server.counts()["txn"] == 0)
    assert server.send(der).fail_info == ["transactionIdInUse"]
    assert server.counts()["certificate"] == 1


@pytest.mark.parametrize("other", ["identity", "key", "subject"])
def test_a_new_id_of_another_request_is_another_certificate(make_server, keys, other):
    server = make_server()
    _, _, first = server.enrol(keys())
    key = keys("ec:P-384") if other == "key" else keys()
    cn = "another" if other == "subject" else "device"
    credential = forge.Secret(server.secret, kid=b"other") if other == "identity" else server.credential
    second = server.send(forge.Msg("ir", forge.cert_req_msg(key, cn)).der(credential))
    assert second.body == "ip" and second.cert != first.cert
    assert server.counts()["certificate"] == 2


def test_a_request_from_the_past(shared, keys):
    old = datetime.datetime.utcnow() - datetime.timedelta(hours=1)
    _, _, answer = shared.enrol(keys(), time=old)
    assert (answer.body, answer.fail_info, answer.kind()) == ("error", ["badTime"], "mac")
    assert os.path.exists(shared.dir)
