# SPDX-License-Identifier: Apache-2.0
"""The log: a line a request, in text, in JSON, through syslog; nothing a client sends makes it two."""
import json
import os
import re
import socket

import pytest

import forge
from conftest import wait_for
from der import seq, utf8

EVIL = 'x"\n{"level":"error"}\r\x1b[2J% n%s\x7f'


def lines(server):
    wait_for("the log", lambda: server.log_text().endswith("\n"))
    return server.log_text().splitlines()


def provoke(server, keys):
    """Requests with hostile text wherever a client can put some."""
    server.enrol(keys(), cn=EVIL)
    msg, _, answer = server.enrol(keys(), cn="device")
    server.send(forge.Msg("ir", forge.cert_req_msg(keys())).der(forge.Secret(server.secret, kid=EVIL.encode())))
    server.confirm(msg, answer, status=2)
    server.send(forge.Msg("error", seq(seq(forge.integer(2), seq(utf8(EVIL))))).der(server.credential))
    server.post(b"nonsense")


def test_json(make_server, keys):
    server = make_server(change=lambda c: c["server"].update(log={"format": "json", "level": "debug"}))
    provoke(server, keys)
    start = server.log_text().index('{"time"')
    records = [json.loads(line) for line in server.log_text()[start:].splitlines()]
    requests = [r for r in records if r["message"] == "request"]
    assert len(requests) == 6
    granted = requests[1]
    assert {"alias": "ra", "in": "ir", "out": "ip", "module": "HMAC", "source": "alias", "result": "granted",
            "event": "issued", "level": "info"}.items() <= granted.items()
    assert re.fullmatch("[0-9a-f]{40}", granted["serial"]) and re.fullmatch("[0-9a-f]{32}", granted["transactionID"])
    stages = ["alias", "decode", "unwrap", "transaction", "resolve", "authenticate", "decide", "perform", "respond",
              "protect", "collect", "commit"]
    assert [k for k in granted if k.startswith("ms.")] == ["ms." + s for s in stages]
    assert all(isinstance(granted["ms." + s], float) or granted["ms." + s] == 0 for s in stages)
    assert granted["ms.authenticate"] > 0 and granted["ms.commit"] > 0
    assert requests[-1]["reason"] == "BAD_DATA_FORMAT" and requests[-1]["failInfo"] == "badDataFormat"
    assert all(r["level"] == "info" for r in requests), "a client has made up a level"


def test_text_stays_one_line(make_server, keys):
    server = make_server()
    provoke(server, keys)
    known = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO |WARN |ERROR) ")
    for line in server.log_text().splitlines():
        assert known.match(line), line
        assert all(" " <= c <= "~" for c in line), line
    request = [line for line in lines(server) if " request " in line]
    assert len(request) == 6 and not any("ms.commit" in line for line in request)
    assert all(line.count("INFO") == 1 for line in request)


def test_syslog(make_server, keys, tmp_path):
    if os.path.exists("/dev/log") or os.geteuid() != 0:
        pytest.skip("syslog: /dev/log is not ours to make")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        try:
            log.settimeout(15)
            server = make_server(change=lambda c: c["server"].update(log={"syslog": True}))
            server.enrol(keys(), implicit=True)
            while b" request " not in (got := log.recv(8192)):
                continue
        finally:
            os.unlink("/dev/log")
    assert got.startswith(b"<30>") and b"cmp-server" in got and b"result=granted" in got and b"\n" not in got
    assert " request " not in server.log_text()
