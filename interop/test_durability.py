# SPDX-License-Identifier: Apache-2.0
"""None is lost and none doubled: kill -9 at random moments, a full disk, a disk that cannot sync."""
import http.client
import os
import pathlib
import random
import signal
import threading
import time

import pytest

import forge
import oracle
from conftest import BUILD, Server, wait_for

ROUNDS = int(os.environ.get("CMPSRV_ROUNDS", "200"))
CLIENTS = 6
FAULT_BUILD = os.environ.get("CMPSRV_FAULT_BUILD")
SHIM = BUILD / "tests" / "store" / ".libs" / "faultshim.so"


class Device:
    """A client that enrols until it has a confirmed certificate, and then begins again as another device."""

    def __init__(self, server, journals, number, keys, implicit=None):
        self.server, self.number, self.keys, self.made = server, number, keys, 0
        self.implicit = implicit  # None: every third certificate
        self.journal = oracle.Journal(journals / f"{number}.journal")
        self.credential = forge.Secret(server.secret, kid=b"device%d" % number)
        self.enrolled, self.next()

    enrolled = 0
    # After a kill the client cannot know how far its transaction got; nothing else may be refused.
    EXPECTED = {"transactionIdInUse", "certConfirmed"}

    def refused(self, answer):
        """A refusal that the protocol lets happen ends the attempt; any other one is a fault of the server."""
        assert answer.body == "error" and set(answer.fail_info) <= self.EXPECTED, (
            answer.body, answer.fail_info, answer.text)
        assert answer.kind() == "mac" and answer.mac_is_right(self.server.secret)
        self.msg = None
        return False

    def next(self):
        self.made += 1
        self.key = self.keys[self.made % len(self.keys)]
        self.name = f"device-{self.number}-{self.made}"
        self.msg = None

    def exchange(self, der):
        """One message and its answer; None when the server was not there or died."""
        self.journal.write("sent", der)
        try:
            status, _, body = self.server.post(der, timeout=5)
        except (OSError, http.client.HTTPException):  # half an answer is none
            return None
        if status != 200:
            return None
        self.journal.write("answer", body)
        return forge.Answer(body)

    def step(self):
        """One attempt. Half of the time a retransmission, else a new start with the same key."""
        implicit = self.made % 3 == 0 if self.implicit is None else self.implicit
        if self.msg is None or random.random() < 0.5:
            self.msg = forge.Msg("ir", forge.cert_req_msg(self.key, self.name), implicit=implicit)
            self.der = self.msg.der(self.credential)
        answer = self.exchange(self.der)
        if answer is None:
            return False
        if answer.body != "ip" or answer.status not in (0, 1):
            return self.refused(answer)
        if not answer.implicit:
            conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=self.msg.tid, recip_nonce=answer.nonce)
            der = conf.der(self.credential)
            done = self.exchange(der) or self.exchange(der)
            if done is None:
                return False
            if done.body != "pkiconf":
                return self.refused(done)
        self.enrolled += 1
        self.next()
        return True


def run_clients(devices, stop, failures):
    def loop(device):
        try:
            while not stop.is_set():
                if not device.step():
                    time.sleep(0.005)  # the server is away; not a synchronisation
        except Exception as e:  # a thread that ends in silence would look like one that is content
            failures.append(e)

    threads = [threading.Thread(target=loop, args=(d,)) for d in devices]
    for thread in threads:
        thread.start()
    return threads


def load_with_kills(server, journals, rounds, keys, env=None, implicit=None):
    """Load, and the server killed and started `rounds` times; then every device ends enrolled."""
    journals.mkdir()
    devices = [Device(server, journals, i, keys, implicit) for i in range(CLIENTS)]
    stop, failures = threading.Event(), []
    threads = run_clients(devices, stop, failures)
    try:
        for _ in range(rounds):
            time.sleep(random.uniform(0.01, 0.4))  # the random moment
            server.kill()
            server.start(env)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if not env:
        assert not failures, failures
    else:  # a planted fault would never let them, and contradicts itself
        server.kill()
        server.start()
    for device in devices:
        wait_for(f"device {device.number} to be enrolled", device.step)
        device.journal.close()
    return devices


@pytest.fixture(scope="module")
def many_keys():
    return [forge.make_key("ec:P-256" if i % 2 else "ed25519") for i in range(40)]


def test_kill_at_random_moments(make_server, tmp_path, many_keys):
    seed = random.randrange(2**32)
    random.seed(seed)
    server = make_server()
    devices = load_with_kills(server, tmp_path / "journals", ROUNDS, many_keys)
    wrong, received = oracle.judge(tmp_path / "journals", server.dir / "cmp-server.db")
    assert not wrong, f"seed {seed}: {wrong[:5]}"
    assert received >= ROUNDS / 2 and all(d.enrolled for d in devices)
    server.admin("store", "verify")
    server.admin("audit", "verify")
    print(f"seed {seed}, {ROUNDS} kills, {received} certificates received, {server.counts()}")


@pytest.mark.skipif(not FAULT_BUILD, reason="CMPSRV_FAULT_BUILD names no build with planted faults")
def test_the_oracle_sees_an_answer_before_its_commit(tmp_path, many_keys):
    """The self-check: a server that answers before COMMIT loses certificates, and the oracle says so."""
    server = Server(tmp_path / "pki", build=pathlib.Path(FAULT_BUILD))
    env = {"CMPSRV_FAULT": "answer-before-commit"}
    server.start(env)
    try:
        for attempt in range(5):
            journals = tmp_path / f"journals{attempt}"
            server.kill()
            server.start(env)
            load_with_kills(server, journals, 20, many_keys, env, implicit=True)
            wrong, _ = oracle.judge(journals, server.dir / "cmp-server.db")
            if any("not in the store" in w for w in wrong):
                return
    finally:
        if server.alive():
            server.kill()
    pytest.fail("100 kills of a server that answers too early, and the oracle found nothing")


@pytest.fixture
def shim():
    if not SHIM.exists():
        pytest.skip(f"{SHIM} is not built: make tests/store/faultshim.la")


def shim_env(mode, switch, file):
    return {"LD_PRELOAD": str(SHIM), "FS_MODE": mode, "FS_SWITCH": str(switch), "FS_FILE": file}


def test_full_disk_loses_nothing(shim, make_server, tmp_path, keys):
    switch = tmp_path / "full"
    server = make_server(start=False)
    server.start(shim_env("enospc", switch, "cmp-server.db"))
    _, first_der, first = server.enrol(keys(), implicit=True)
    assert first.body == "ip"
    before = server.counts()
    switch.touch()
    for _ in range(10):
        _, der, answer = server.enrol(keys("ec:P-384"), cn="while-full")
        assert (answer.body, answer.fail_info, answer.kind()) == ("error", ["systemFailure"], "mac")
    assert server.alive() and server.counts() == before
    switch.unlink()
    again = server.send(der)  # the very message that failed
    assert again.body == "ip" and again.status == 0
    assert server.send(first_der).der == first.der
    server.restart()
    server.admin("store", "verify")
    server.admin("audit", "verify")
    assert server.counts()["certificate"] == 2


def test_certconf_to_a_full_disk_can_be_sent_again(shim, make_server, tmp_path, keys):
    switch = tmp_path / "full"
    server = make_server(start=False)
    server.start(shim_env("enospc", switch, "cmp-server.db"))
    msg, _, answer = server.enrol(keys())
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert), tid=msg.tid, recip_nonce=answer.nonce)
    der, before = conf.der(server.credential), server.dump()
    switch.touch()
    refused = server.send(der)
    assert (refused.body, refused.fail_info, refused.kind()) == ("error", ["systemFailure"], "mac")
    assert server.dump() == before
    switch.unlink()
    assert server.send(der).body == "pkiconf"
    assert server.query("SELECT der, status FROM certificate") == [(answer.cert, oracle.ACTIVE)]


def test_failing_sync_ends_the_process_and_loses_nothing(shim, make_server, tmp_path, keys):
    switch = tmp_path / "broken"
    server = make_server(start=False)
    server.start(shim_env("eio", switch, "cmp-server.db"))
    _, _, first = server.enrol(keys(), implicit=True)
    switch.touch()
    der = forge.Msg("ir", forge.cert_req_msg(keys("ec:P-384"), "broken"), implicit=True).der(server.credential)
    try:
        status, _, body = server.post(der)
    except (OSError, http.client.HTTPException):
        pass  # it died before it answered
    else:
        assert status != 200 or forge.Answer(body).cert is None
    assert server.process.wait(10) == -signal.SIGABRT
    switch.unlink()
    server.start()
    answer = server.send(der)
    assert answer.body == "ip"
    stored = {row[0] for row in server.query("SELECT der FROM certificate")}
    assert stored == {first.cert, answer.cert}
    server.admin("store", "verify")
    server.admin("audit", "verify")
