# SPDX-License-Identifier: Apache-2.0
"""Sixteen clients at once, with reloads, CRLs and metrics between them: what they were told is what the store says.

The run that matters is the one of `scripts/check --ci` with ThreadSanitizer, whose first report ends the server with a
status of its own: Server.stop() wants 0.
"""
import collections
import concurrent.futures
import os
import threading
import time

import forge

SECONDS = float(os.environ.get("CMPSRV_RACE_SECONDS", "5"))
CLIENTS = 16
ACTIVE, REVOKED, SUPERSEDED = 1, 2, 4
ALLOWED, ATTEMPTS = 3, 5


class Client:
    """Every fourth is an RA with a certificate, every fourth an end entity with a code, the others share the RA's secret."""

    def __init__(self, server, n, keys):
        self.server, self.n, self.rounds = server, n, 0
        self.credential, self.path, self.cn = server.credential, "/cmp/ra", None
        if n % 4 == 1:
            self.credential = server.ra(f"ra {n}")
        if n % 4 == 2:
            self.path, self.cn = "/cmp/client", f"client {n}"
            server.admin("entity", "add", self.cn, "--dn", f"CN={self.cn}", "--code", f"code {n}", "--allowed-requests", "unlimited")
            self.credential = forge.Secret(f"code {n}", kid=self.cn.encode())
        self.key = keys("ec:P-256" if n % 4 else "ed25519")
        self.status = {}  # serial: what the store must say in the end
        self.singles = set()  # serials of which one is active in the end
        self.did = collections.Counter()

    def send(self, msg):
        return self.server.send(msg.der(self.credential), self.path)

    def enrol(self, body, **kwargs):
        msg = forge.Msg(body, forge.cert_req_msg(self.key, self.cn or f"client {self.n} round {self.rounds}"), **kwargs)
        der = msg.der(self.credential)
        answer = self.server.send(der, self.path)
        assert (answer.body, answer.status) == ({"ir": "ip", "cr": "cp"}[body], 0), answer.fail_info
        return msg, der, answer

    def confirmed(self):
        msg, der, answer = self.enrol("ir")
        assert self.server.send(der, self.path).der == answer.der  # a retransmission
        assert self.server.confirm(msg, answer, self.credential, self.path).body == "pkiconf"
        self.status[answer.x509().serial_number] = ACTIVE

    def revoked(self):
        _, _, answer = self.enrol("cr", implicit=True)
        assert self.send(forge.Msg("rr", forge.rev_details(answer.x509(), 1))).status == 0
        self.status[answer.x509().serial_number] = REVOKED

    def rejected(self):
        msg, _, answer = self.enrol("ir")
        assert self.server.confirm(msg, answer, self.credential, self.path, status=2).body == "pkiconf"
        self.status[answer.x509().serial_number] = REVOKED

    def refused(self):
        bad = forge.Msg("ir", forge.cert_req_msg(self.key, "x")).der(forge.Secret("another"))
        assert self.server.send(bad, self.path).fail_info == ["badMessageCheck"]
        assert self.server.send(b"0\x03\x02\x01").body == "error"

    def run(self, end):
        steps = [self.confirmed, self.revoked, self.rejected, self.refused]
        while time.monotonic() < end:
            step = steps[(self.rounds + self.n) % len(steps)]
            step()
            SHARED[(self.rounds + self.n) % len(SHARED)](self)
            self.did.update([step.__name__, SHARED[(self.rounds + self.n) % len(SHARED)].__name__])
            self.rounds += 1
        return self


# ---- what all of them do to one end entity: who comes first is not known, what must hold in the end is -----------------

def same_username(client):
    """An RA makes one end entity again and again."""
    msg = forge.Msg("ir", forge.cert_req_msg(client.key, "everybody"), implicit=True)
    answer = client.server.send(msg.der(client.server.credential))
    assert answer.status == 0, answer.fail_info
    client.status[answer.x509().serial_number] = ACTIVE


def same_code(client):
    """One code that is good for ALLOWED certificates."""
    credential = forge.Secret("code of all", kid=b"few")
    msg = forge.Msg("ir", forge.cert_req_msg(client.key, "few"), implicit=True)
    answer = client.server.send(msg.der(credential), "/cmp/client")
    if answer.status == 0:
        client.status[answer.x509().serial_number] = ACTIVE
        client.did["few"] += 1
    else:
        assert answer.fail_info in (["badMessageCheck"], ["notAuthorized"]), answer.fail_info


def wrong_code(client):
    """Wrong codes, where there is a limit."""
    msg = forge.Msg("ir", forge.cert_req_msg(client.key, "guessed"), implicit=True)
    answer = client.server.send(msg.der(forge.Secret("a guess", kid=b"guessed")), "/cmp/limited")
    assert (answer.body, answer.fail_info) == ("error", ["badMessageCheck"])


def single(client):
    """Only one certificate of an end entity stays active: no client knows which."""
    msg = forge.Msg("cr", forge.cert_req_msg(client.key, "only one"), implicit=True)
    answer = client.server.send(msg.der(client.server.credential), "/cmp/single")
    assert answer.status == 0, answer.fail_info
    client.singles.add(answer.x509().serial_number)


SHARED = [same_username, same_code, wrong_code, single]


def disturb(server, over):
    """What an operator does meanwhile, all of it again and again."""
    n = 0
    while not over.wait(0.05):
        server.hang_up()
        assert all(server.get(page)[0] == 200 for page in ("/metrics", "/readyz", "/healthz"))
        if n % 10 == 0:
            server.admin("crl", "generate", "ManagementCA")
            server.admin("cert", "list", "--json")
        n += 1
    return n


def check_shared(server, clients, stored):
    """The code was good for so many, the guesses have locked their end entity, and one certificate of all is active."""
    assert sum(c.did["few"] for c in clients) == ALLOWED == len(server.certs("--entity", "few"))
    assert server.query("SELECT status, remaining FROM end_entity WHERE name = 'few'")[0][1] == 0
    assert server.query("SELECT attempts FROM end_entity WHERE name = 'guessed'")[0][0] >= ATTEMPTS
    right = forge.Msg("ir", forge.cert_req_msg(clients[0].key, "guessed")).der(forge.Secret("not guessed", kid=b"guessed"))
    assert server.send(right, "/cmp/limited").fail_info == ["badMessageCheck"]
    assert server.certs("--entity", "guessed") == []
    singles = set().union(*(c.singles for c in clients))
    states = collections.Counter(stored.pop(serial) for serial in singles)
    assert states[ACTIVE] == 1 and states[REVOKED] == len(singles) - 1 > 0, states
    assert server.query("SELECT DISTINCT reason FROM certificate WHERE end_entity = 'only one' AND status = ?",
                        REVOKED) == [(SUPERSEDED,)]


def test_sixteen_clients(make_server, keys, figure):
    server = make_server(start=False).listen_admin()
    server.alias(allow_mac_rr=True, authenticationmodule=["HMAC", "EndEntityCertificate"],
                 authenticationparameters=[{"file": "ra.secret"}, "ManagementCA"])

    def change(c):
        c["aliases"]["client"].update(allow_mac_rr=True)
        c["aliases"]["limited"] = dict(c["aliases"]["client"], login_attempts=ATTEMPTS)
        c["aliases"]["single"] = dict(c["aliases"]["ra"], single_active_certificate=True)
    server.configure(change)
    server.start()
    server.admin("entity", "add", "few", "--dn", "CN=few", "--code", "code of all", "--allowed-requests", str(ALLOWED))
    server.admin("entity", "add", "guessed", "--dn", "CN=guessed", "--code", "not guessed")
    clients = [Client(server, n, keys) for n in range(CLIENTS)]
    over, end = threading.Event(), time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
        operator = pool.submit(disturb, server, over)
        running = [pool.submit(client.run, end) for client in clients]
        try:
            for done in running:
                done.result()
        finally:
            over.set()
        disturbed = operator.result()
    expected = {k: v for c in clients for k, v in c.status.items()}
    stored = {int.from_bytes(serial, "big"): status
              for serial, status in server.query("SELECT serial, status FROM certificate WHERE n IN (SELECT certificate FROM tid)")}
    check_shared(server, clients, stored)
    assert stored == expected and len(expected) >= CLIENTS
    did = sum((c.did for c in clients), collections.Counter())
    server.stop()  # 0, or a sanitizer has found something
    assert "WARNING: ThreadSanitizer" not in server.log_text()
    figure(f"{CLIENTS} clients, {SECONDS:.0f} s: {dict(did)}, {disturbed} reloads")
