# SPDX-License-Identifier: Apache-2.0
"""A broken configuration is told with file, line and reason, and never serves a request."""
import subprocess

import pytest
import yaml

from conftest import server_binary

CANARY = "canary-secret-0123456789"


def check(server):
    return subprocess.run([server_binary(server.build), "--config", server.config, "--check-config"],
                          capture_output=True, text=True, timeout=60)


def line_of(server, text):
    return next(i for i, line in enumerate(server.config.read_text().splitlines(), 1) if text in line)


def replace(server, old, new):
    text = server.config.read_text()
    assert old in text
    server.config.write_text(text.replace(old, new))


def test_the_configuration_of_init_is_fine(make_server):
    done = check(make_server(start=False))
    assert done.returncode == 0 and "fine" in done.stdout


BROKEN = [
    ("a wrong type", "validity: 730d", "validity: soon", "validity: soon", "validity"),
    ("an unknown setting", "    ra.caname: ManagementCA", "    ra.canam: ManagementCA", "ra.canam", "ra.canam"),
    ("a dangling reference", "default_ca: ManagementCA", "default_ca: Nobody", "Nobody", "Nobody"),
    ("a setting that is not supported yet", "    ra.caname:", "    approval: yes\n    ra.caname:", "approval",
     "not supported yet"),
    ("a missing certificate", "certificate: signer.crt", "certificate: nothing.crt", "nothing.crt", "nothing.crt"),
    ("a key that is not the certificate's", "file:signer.key", "file:issuing.key", "issuing.key", "fit"),
    ("a missing secret", "{file: ra.secret}", "{file: no.secret}", "no.secret", "no.secret"),
    ("no YAML", "aliases:", "aliases: [", "aliases: [", ""),
]


@pytest.mark.parametrize("what, old, new, at, reason", BROKEN, ids=[b[0] for b in BROKEN])
def test_broken(make_server, what, old, new, at, reason):
    server = make_server(start=False)
    replace(server, old, new)
    done = check(server)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith(str(server.config) + ":")]
    assert lines and reason in done.stderr
    if what not in ("a key that is not the certificate's", "no YAML", "a missing certificate"):
        assert any(line.startswith(f"{server.config}:{line_of(server, at)}:") for line in lines), done.stderr
    with pytest.raises(AssertionError, match="ended with 1"):
        server.start()


def test_every_error_is_told(make_server):
    server = make_server(start=False)
    replace(server, "validity: 730d", "validity: soon")
    replace(server, "default_ca: ManagementCA", "default_ca: Nobody")
    replace(server, "operationmode: ra", "operationmode: both")
    done = check(server)
    assert done.returncode == 1 and len(done.stderr.splitlines()) >= 3


def test_no_secret_in_any_error(make_server):
    server = make_server(start=False)

    def change(c):
        c["aliases"]["ra"]["authenticationparameters"] = [CANARY, CANARY]
        c["server"]["store_key"] = CANARY
        c["cas"]["ManagementCA"]["validity"] = "x"
    server.configure(change)
    done = check(server)
    assert done.returncode == 1 and CANARY not in done.stderr + done.stdout
    assert yaml.safe_load(server.config.read_text())["server"]["store_key"] == CANARY


def test_usage(make_server):
    binary = server_binary(make_server(start=False).build)
    for args, status in ([], 2), (["--nothing"], 2), (["--help"], 0), (["--version"], 0), (["--config", "/no"], 1):
        assert subprocess.run([binary] + args, capture_output=True, timeout=30).returncode == status, args


def test_a_store_from_the_future_is_refused(make_server):
    import sqlite3
    server = make_server()
    server.stop()
    with sqlite3.connect(server.dir / "cmp-server.db") as db:
        db.execute("UPDATE meta SET schema_version = 99")
    with pytest.raises(AssertionError, match="99"):
        server.start()
