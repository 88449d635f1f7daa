# SPDX-License-Identifier: Apache-2.0
"""Secrets as canaries: after a busy life they are nowhere but in the files they were given in."""
import os
import pathlib
import resource
import signal
import subprocess

from cryptography.hazmat.primitives import serialization

import forge
from conftest import wait_for

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


def test_no_core(make_server):
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    server = make_server()
    text = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in text.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
    server.process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(server.process.pid, 0)
    server.process.returncode = -signal.SIGKILL  # ended by us
    assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status), limit
