# SPDX-License-Identifier: Apache-2.0
"""A broken configuration is told with file, line and reason, and never serves a request."""
import signal
import subprocess

import pytest
import yaml

from conftest import server_binary, wait_for

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
    ("a key that is not the certificate's", "file:signer.key", "file:issuing.key", "issuing.key", "does not match"),
    ("a missing secret", "{file: ra.secret}", "{file: no.secret}", "no.secret", "no.secret"),
    ("a key algorithm that nobody offers", "ed25519]", "ed25518]", "  ENDUSER:", "no crypto provider"),
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


NO_NAME = "x" * 33
# what, old, new, the text in whose line it is wrong, what stands between FILE:LINE and the reason
PROMISED = [
    ("a key twice", "    ra.caname: ManagementCA", "    ra.caname: ManagementCA\n    ra.caname: Again", ": Again",
     "aliases ra: ra.caname"),
    ("a name twice", "aliases:\n", "aliases:\n  other: {}\n  other: {operationmode: ra}\n", "other: {operationmode", "aliases other: given twice"),
    ("an unknown kind", "aliases:\n", "printers:\n  lp: {}\naliases:\n", "printers:", "printers"),
    ("unequal lists", "[{file: ra.secret}]", "[{file: ra.secret}, another]", "another]",
     "aliases ra: authenticationparameters"),
    ("neither yes nor no", "    ra.caname:", "    implicit_confirm: maybe\n    ra.caname:", "maybe",
     "aliases ra: implicit_confirm"),
    ("a duration below zero", "    ra.caname:", "    confirm_wait_time: -1s\n    ra.caname:", "-1s",
     "aliases ra: confirm_wait_time"),
    ("a value that is none of those", "    ra.caname:", "    responseprotection: none\n    ra.caname:", ": none",
     "aliases ra: responseprotection"),
    ("a range upside down", "    ra.caname:", "    pbm_iterations: 200..100\n    ra.caname:", "200..100",
     "aliases ra: pbm_iterations"),
    ("an alias that cannot authenticate anybody", "[{file: ra.secret}]", '["-"]', '"-"',
     "aliases ra: authenticationparameters"),
    ("a number that is none", "  listen: [", "  max_connections: many\n  listen: [", "many",
     "server: max_connections"),
    ("an alias of 33 characters", "  ra:  ", f"  {NO_NAME}:  ", NO_NAME, f"aliases {NO_NAME}"),
    ("a key that is too short", "rsa:4096", "rsa:1024", "rsa:1024", "certificate_profiles ENDUSER: key_algorithms"),
    ("a key of another certificate", "certificate: issuing.crt", "certificate: root.crt", "certificate: root.crt",
     "cas ManagementCA: key"),
    ("a certificate that is none", "certificate: signer.crt", "certificate: cmp-server.yaml", "cmp_signer",
     "cas ManagementCA: cmp_signer"),
]


@pytest.mark.parametrize("what, old, new, at, where", PROMISED, ids=[p[0] for p in PROMISED])
def test_every_promised_check_names_its_line(make_server, what, old, new, at, where):
    server = make_server(start=False)
    replace(server, old, new)
    done = check(server)
    assert done.returncode == 1
    assert f"{server.config}:{line_of(server, at)}: {where}" in done.stderr, done.stderr


def test_check_config_touches_nothing(make_server):
    server = make_server(start=False)
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in server.dir.iterdir()}
    assert check(server).returncode == 0
    assert {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in server.dir.iterdir()} == before


def reload(server, said):
    """SIGHUP, and the log line that ends it."""
    seen = len(server.log_text())
    server.process.send_signal(signal.SIGHUP)
    wait_for(f"{said} in the log", lambda: said in server.log_text()[seen:] or not server.alive())
    assert server.alive(), f"SIGHUP ended cmp-server: {server.process.returncode}"


def test_a_bad_file_at_reload_changes_nothing(make_server, keys):
    server = make_server()
    good = server.config.read_text()
    replace(server, "default_ca: ManagementCA", "default_ca: Nobody")
    replace(server, "  ra:  ", "  renamed:  ")
    reload(server, "Nobody")
    assert server.alive() and server.enrol(keys(), cn="one")[2].body == "ip"
    assert server.post(b"x", "/cmp/renamed")[0] == 404
    server.config.write_text(good.replace("  ra:  ", "  renamed:  "))
    server.process.send_signal(signal.SIGHUP)
    wait_for("the new alias", lambda: server.post(b"x", "/cmp/renamed")[0] == 200)
    assert server.post(b"x", "/cmp/ra")[0] == 404


def test_a_reload_keeps_what_the_server_is_built_on(make_server):
    server = make_server()
    replace(server, "sqlite:", "sqlite:other-")
    reload(server, f"{server.config}:{line_of(server, 'other-')}: server: store: a reload cannot change it")
    assert not list(server.dir.glob("*other-*"))


def test_a_reload_takes_limits_and_log_level(make_server):
    server = make_server(change=lambda c: c["server"].update({"log.level": "error", "max_body": 2048}))
    assert server.post(b"\x30" * 3000)[0] == 413
    replace(server, "max_body: 2048", "max_body: 4096")
    replace(server, "log.level: error", "log.level: debug")
    reload(server, "reloaded")
    assert server.post(b"\x30" * 3000)[0] == 200
