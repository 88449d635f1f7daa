# SPDX-License-Identifier: Apache-2.0
"""Secrets and enrolment codes as canaries: secrets are nowhere but in the files they were given in, codes nowhere at all."""
import contextlib
import http.client
import os
import pathlib
import resource
import secrets
import signal
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

import forge
import memory
import tlspki
from conftest import Server, free_port, wait_for
from test_modules import CN, OU
from test_modules import configure as add_aliases

ALIAS, CA, STORE, ENV = "canary-of-the-alias-5f1c", "canary-of-the-CA-key-77d2", "canary-of-the-store-e09b", "canary-of-the-other-alias-3a"
CANARIES = [ALIAS, CA, STORE, ENV]


def encrypt_key(path, passphrase):
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.BestAvailableEncryption(passphrase.encode())))


def configure(server):
    encrypt_key(server.dir / "issuing.key", CA)
    (server.dir / "store.key").write_text(STORE + "\n")
    (server.dir / "cmp-server.db").unlink()
    for rest in server.dir.glob("cmp-server.db-*"):
        rest.unlink()

    def change(c):
        c["server"]["log"] = {"format": "json", "level": "debug"}
        c["cas"]["ManagementCA"]["passphrase"] = CA
        c["aliases"]["ra"]["authenticationparameters"] = [ALIAS]
        c["aliases"]["second"] = dict(c["aliases"]["ra"], authenticationparameters=[{"file": "second.secret"}])

    (server.dir / "second.secret").write_text(ENV)
    server.configure(change)
    server.secret, server.credential = ALIAS, forge.Secret(ALIAS)


def live(server, keys):
    """Good and bad requests, reloads good and bad, every page and tool; what all of them said."""
    said = []
    msg, der, answer = server.enrol(keys())
    server.confirm(msg, answer)
    for secret, path in ((ALIAS[:-1], "/cmp/ra"), (ENV, "/cmp/ra"), (ALIAS, "/cmp/second"), (ENV, "/cmp/second")):
        said.append(server.post(forge.Msg("ir", forge.cert_req_msg(keys(), "x")).der(forge.Secret(secret)), path)[2])
    said += [server.get(page)[2].encode() for page in ("/metrics", "/readyz", "/healthz")]
    for args in (["alias", "show", "ra"], ["alias", "show", "second", "--json"], ["alias", "list"], ["audit", "list"],
                 ["ca", "show", "ManagementCA"], ["cert", "list", "--json"], ["store", "verify"]):
        done = server.admin(*args)
        said.append((done.stdout + done.stderr).encode())
    good = server.config.read_text()
    for broken in (good.replace("ra.caname: ManagementCA", "ra.caname: Nobody"),
                   good.replace(f"passphrase: {CA}", f"passphrase: {CA}x"),
                   good.replace(f"- {ALIAS}\n", f"- {{{ALIAS}: x}}\n"),
                   good.replace(f"- {ALIAS}\n", f"- [{ALIAS}\n")):
        assert broken != good
        server.config.write_text(broken)
        seen = len(server.log_text())
        server.hang_up()
        wait_for("the refusal", lambda: "not reloaded" in server.log_text()[seen:])
        done = subprocess.run([server.build / "cmp-server", "--config", server.config, "--check-config"], capture_output=True)
        assert done.returncode == 1
        said += [done.stdout, done.stderr]
    server.config.write_text(good)
    return said


def test_canaries(make_server, keys):
    server = make_server(start=False).listen_admin()
    configure(server)
    server.start()
    said = b"\n".join(live(server, keys))
    process = pathlib.Path(f"/proc/{server.process.pid}")
    places = {"what was said": said, "log": server.log.read_bytes(), "environment": (process / "environ").read_bytes(),
              "command line": (process / "cmdline").read_bytes()}
    for path in server.dir.glob("cmp-server.db*"):
        places[path.name] = path.read_bytes()
    assert "cmp-server.db-wal" in places and len(said) > 5000
    found = [(c, where) for c in CANARIES for where, data in places.items() if c.encode() in data]
    assert not found
    # the search finds what is there
    assert b"not reloaded" in places["log"] and b"ManagementCA" in said and b"device" in places["cmp-server.db-wal"]


# ---- enrolment codes -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """A server with aliases of client mode, over http and https, that logs all it can."""
    server = Server(tmp_path_factory.mktemp("codes") / "pki").listen_admin()
    server.https = free_port()
    tlspki.server_certificate(server.dir, tlspki.issue("TLS CA"))
    server.configure(add_aliases)
    server.configure(lambda c: c["server"].update(
        listen=[*c["server"]["listen"], f"https://127.0.0.1:{server.https}"], tls={"certificate": "tls.crt", "key": "file:tls.key"},
        log={"format": "json", "level": "debug"}))
    server.start()
    yield server
    server.stop()


def in_a_mac(keys, name, code):
    return forge.Msg("ir", forge.cert_req_msg(keys(), name))


def in_reg_token(keys, name, code):
    return forge.Msg("ir", forge.cert_req_msg(keys(), name, regular=forge.reg_token(code)))


def in_reg_info(keys, name, code):
    return forge.Msg("cr", forge.cert_req_msg(keys(), name, reg_info=forge.reg_token(code)))


def subject_with(name, code):
    return forge.seq(forge.rdn(CN, name), forge.rdn(OU, code))


def in_subject(keys, name, code):
    subject = subject_with(name, code)
    return forge.Msg("ir", forge.cert_req_msg(keys(), subject=subject), sender=forge.explicit(4, subject))


def in_p10(keys, name, code):
    return forge.Msg("p10cr", forge.pkcs10(keys(), subject=subject_with(name, code)))


def nothing(code, kid):
    return None


WAYS = {  # where the code is in the request, what protects that, to which alias it goes, how, and how the code is kept
    "HMAC": (in_a_mac, forge.Secret, "hmac", "http", "--clear"),
    "PBMAC1": (in_a_mac, forge.Pbmac1, "hmac", "http", "--clear"),
    "regToken": (in_reg_token, forge.Secret, "reg", "http", "--clear"),
    "regToken alone": (in_reg_token, nothing, "reg-open", "http", "--clear"),
    "regToken, https": (in_reg_token, nothing, "reg-open", "https", "--clear"),
    "regToken, in small pieces": (in_reg_token, nothing, "reg-open", "pieces", "--clear"),
    "regToken, hashed": (in_reg_info, nothing, "reg-open", "https", "--hashed"),
    "DN part": (in_subject, forge.Secret, "dn", "http", "--clear"),
    "DN part alone": (in_subject, nothing, "dn-open", "http", "--clear"),
    "DN part, p10cr": (in_p10, forge.Secret, "dn", "https", "--clear"),
    "DN part, p10cr, hashed": (in_p10, nothing, "dn-open", "pieces", "--hashed"),
}


def send(server, how, alias, der):
    body, headers, connection = der, {"Content-Type": "application/pkixcmp"}, http.client.HTTPConnection("127.0.0.1", server.port)
    if how == "https":
        connection = http.client.HTTPSConnection("127.0.0.1", server.https, context=ssl._create_unverified_context())
    elif how == "pieces":
        body, headers["Transfer-Encoding"] = (der[i:i + 100] for i in range(0, len(der), 100)), "chunked"
    with contextlib.closing(connection):
        connection.request("POST", f"/cmp/{alias}", body, headers, encode_chunked=how == "pieces")
        return forge.Answer(connection.getresponse().read())


def files(server):
    return b"".join(path.read_bytes() for path in server.dir.glob("cmp-server.db*"))


def places(server, name):
    """All that can be seen from outside, but for the configuration's own files."""
    process = pathlib.Path(f"/proc/{server.process.pid}")
    found = {f"/proc {file}": (process / file).read_bytes() for file in ("environ", "cmdline")}
    found.update({"log": server.log.read_bytes(), "store": files(server)})
    for page in ("/metrics", "/readyz"):
        found[page] = server.get(page)[2].encode()
    for line in (["entity", "list"], ["entity", "show", name], ["cert", "list"], ["audit", "list"], ["alias", "list"],
                 ["alias", "show", "dn"], ["alias", "show", "reg"]):
        done = server.admin(*line, "--json")
        found[" ".join(line)] = (done.stdout + done.stderr).encode()
    return found


def find(server, name, codes):
    """Where they are, and where the secret of the RA is, which belongs into the memory alone."""
    seen = places(server, name)
    told = {"store", "entity list", f"entity show {name}", "audit list"}
    assert {where for where, octets in seen.items() if name.encode() in octets} >= told and b"refused" in seen["log"]
    inside = memory.search(server.process.pid, [server.secret.encode(), *codes])
    assert 0 in [number for number, _ in inside]  # the search finds what is there
    return ([where for where, octets in seen.items() for word in (server.secret.encode(), *codes) if word in octets] +
            [where for number, where in inside if number > 0])


@pytest.mark.parametrize("way", WAYS)
def test_codes(clients, keys, way):
    """One that is wrong, and the right one: while the transaction is open and when it has ended."""
    server, name, (put, protect, alias, how, kept_as) = clients, f"device of {way}".replace(",", ""), WAYS[way]
    right, wrong = (f"canary-{word}-{secrets.token_hex(8)}" for word in ("right", "wrong"))
    server.admin("entity", "add", name, "--dn", f"CN={name}", "--code", right, kept_as)
    kept = server.query("SELECT code FROM end_entity WHERE name = ?", name)[0][0]
    assert kept in files(server)
    for code, status in ((wrong, 2), (right, 0)):
        credential = protect(code, name.encode())
        msg = put(keys, name, code)
        answer = send(server, how, alias, msg.der(credential))
        assert answer.status == status, answer.fail_info
        assert find(server, name, [right.encode(), wrong.encode()]) == []
    conf = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id), tid=msg.tid, recip_nonce=answer.nonce)
    assert send(server, how, alias, conf.der(credential)).body == "pkiconf"
    assert find(server, name, [right.encode(), wrong.encode()]) == []
    wait_for("what the code was kept as to leave the files", lambda: kept not in files(server))


@pytest.mark.parametrize("announced, held", [(1000, True), (10 ** 6, False)], ids=["never ends", "too long"])
def test_a_request_that_is_not_dispatched(clients, announced, held):
    code = f"canary-broken-{secrets.token_hex(8)}".encode()

    def is_there():
        return memory.search(clients.process.pid, [code]) != []

    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", clients.port)) as connection:
        connection.request("POST", "/cmp/reg", code * 10, {"Content-Type": "application/pkixcmp", "Content-Length": str(announced)})
        if held:
            wait_for("the server to have it", is_there)
        else:
            assert connection.getresponse().status == 413
    wait_for("its memory to be wiped", lambda: not is_there())


# ---- the process -----------------------------------------------------------------------------------------------------------

def test_no_core(make_server):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    server = make_server(start=False)
    server.start(wrapper=["prlimit", f"--core={hard}:{hard}".replace("-1", "unlimited")])
    text = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in text.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
    server.process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(server.process.pid, 0)
    server.process.returncode = -signal.SIGKILL  # ended by us
    assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status), hard


def test_its_user_cannot_look_into_it(make_server):
    """It is not dumpable, so that another process of its user is nobody special to it."""
    ordinary = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    server = make_server(start=False)
    server.start(wrapper=ordinary)

    def can_look(pid):
        return subprocess.run([*ordinary, "cat", f"/proc/{pid}/environ"], capture_output=True).returncode == 0

    with subprocess.Popen([*ordinary, "sleep", "60"]) as other:
        wait_for("sleep", lambda: pathlib.Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n")
        seen = can_look(other.pid)
        other.kill()
    assert seen and not can_look(server.process.pid)
