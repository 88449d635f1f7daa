# SPDX-License-Identifier: Apache-2.0
"""The admin listener: health, readiness, and metrics that agree with the audit."""
import collections
import contextlib
import glob
import json
import os
import re
import sqlite3

import pytest

import forge
import tlspki
from conftest import free_port, wait_for

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|\Z)')


def parse(text):
    """Prometheus' text format 0.0.4, strictly: {(name, ((label, value), ...)): number}."""
    assert text.endswith("\n")
    types, values, done, current = {}, {}, set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            assert what in ("HELP", "TYPE") and NAME.match(name)
            if what == "HELP":
                assert name not in done, f"{name} comes twice"
                current, expects_type = name, True
                done.add(name)
            else:
                assert name == current and expects_type and rest in ("counter", "gauge", "histogram")
                types[name], expects_type = rest, False
            continue
        match = re.match(r"([^{ ]+)(?:\{(.*)\})? (\S+)\Z", line)
        assert match, line
        name, labels, number = match.groups()
        base = re.sub(r"_(bucket|sum|count)\Z", "", name) if types[current] == "histogram" else name
        assert NAME.match(name) and base == current, f"{name} stands in the family {current}"
        assert types[current] != "counter" or name.endswith("_total")
        pairs, at = [], 0
        while labels and at < len(labels):
            m = LABEL.match(labels, at)
            assert m, line
            pairs.append(m.groups())
            at = m.end()
        key = (name, tuple(sorted(pairs)))
        assert key not in values, f"{key} comes twice"
        values[key] = float(number)
    check_histograms(types, values)
    return values


def check_histograms(types, values):
    series = collections.defaultdict(dict)
    for (name, labels), value in values.items():
        if name.endswith("_bucket") and types.get(name[:-7]) == "histogram":
            rest = tuple(p for p in labels if p[0] != "le")
            series[name[:-7], rest][float(dict(labels)["le"].replace("+Inf", "inf"))] = value
    assert series
    for (name, rest), buckets in series.items():
        counts = [buckets[le] for le in sorted(buckets)]
        assert counts == sorted(counts) and max(buckets) == float("inf"), name
        assert counts[-1] == values[name + "_count", rest] and (name + "_sum", rest) in values


def metrics(server):
    status, headers, text = server.get("/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(text)


def total(values, name, **labels):
    return sum(v for (n, pairs), v in values.items() if n == name and set(labels.items()) <= set(pairs))


@pytest.fixture
def watched(make_server):
    server = make_server(start=False).listen_admin()
    server.alias(allow_mac_rr=True)
    return server.start()


def test_health(watched):
    assert watched.get("/healthz")[::2] == (200, "ok\n")
    assert watched.get("/readyz")[::2] == (200, "store: ok\nkeys: ok\ncrls: ok\n")


def test_only_what_is_there(watched):
    for path in ("/", "/metrics/", "/healthzz", "/cmp/ra", "/../metrics"):
        status, _, text = watched.get(path)
        assert (status, text) == (404, "Not Found\n")
    status, headers, _ = watched.get("/metrics", "POST")
    assert (status, headers["Allow"]) == (405, "GET")
    watched.admin_port, admin = watched.port, watched.admin_port
    assert watched.get("/metrics")[0] == 405  # the CMP listener has no pages
    watched.admin_port = admin
    assert watched.get("/metrics?x=1")[0] == 200


def test_not_ready_without_the_store(watched):
    with contextlib.closing(sqlite3.connect(watched.dir / "cmp-server.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        status, _, text = watched.get("/readyz")
        assert status == 503 and text == "store: not ready\nkeys: ok\ncrls: ok\n"
        assert watched.get("/healthz")[0] == 200
        db.execute("ROLLBACK")
    assert watched.get("/readyz")[0] == 200
    assert "not ready: store:" in watched.log_text()


def test_not_ready_without_a_crl(watched):
    crl = watched.dir / "issuing.crl"
    crl.unlink()
    crl.mkdir()
    wait_for("the server to see it", lambda: watched.get("/readyz")[0] == 503)
    assert watched.get("/readyz")[2] == "store: ok\nkeys: ok\ncrls: not ready\n"
    crl.rmdir()
    wait_for("the next CRL", lambda: watched.get("/readyz")[0] == 200)


def test_not_ready_when_the_ca_has_expired(make_server, tmp_path):
    server = make_server(start=False).listen_admin()
    clock = tmp_path / "clock"
    clock.write_text("+0d\n")
    lib = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
    server.start({"LD_PRELOAD": lib, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                  "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    assert server.get("/readyz")[0] == 200
    clock.write_text("+40y\n")
    status, _, text = server.get("/readyz")
    assert status == 503 and "keys: not ready" in text
    assert total(metrics(server), "cmpsrv_certificate_expiry_days", role="issuer") < 0


def test_counters_agree_with_the_audit(watched, keys):
    server = watched
    for i in range(3):
        msg, der, answer = server.enrol(keys(), cn=f"device {i}")
        assert server.send(der).body == "ip"  # a repeated one
        server.confirm(msg, answer)
    msg, _, rejected = server.enrol(keys(), cn="rejecting")
    server.confirm(msg, rejected, status=2)
    _, _, implicit = server.enrol(keys(), cn="implicit", implicit=True)
    assert server.send(forge.Msg("rr", forge.rev_details(implicit.x509())).der(server.credential)).body == "rp"
    assert server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "bad POP", pop_key=keys("ec:P-384"))).der(server.credential)).fail_info == ["badPOP"]
    assert server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "x")).der(forge.Secret("wrong"))).fail_info == ["badMessageCheck"]
    server.post(b"nonsense")
    server.post(b"x", "/cmp/nobody")
    server.enrol(keys("ec:P-384"), cn="waiting")

    values = metrics(server)
    records = collections.Counter(json.loads(r[0])["event"] for r in server.query("SELECT audit_text(record) FROM audit")
                                  if "alias" in json.loads(r[0]))
    counted = {dict(labels)["event"]: v for (n, labels), v in values.items() if n == "cmpsrv_audit_records_total"}
    assert counted == records and records["issued"] == 6 and records["refused"] == 1
    rows = server.query("SELECT status, COUNT(*) FROM certificate GROUP BY status")
    assert total(values, "cmpsrv_certificates_issued_total", ca="ManagementCA") == sum(n for _, n in rows) == 6
    assert total(values, "cmpsrv_certificates_revoked_total") == dict(rows)[2] == 2
    assert total(values, "cmpsrv_transactions_pending", state="wait_conf") == 1
    assert total(values, "cmpsrv_requests_total", alias="ra", body="ir", result="repeated") == 3
    assert total(values, "cmpsrv_requests_total", alias="ra", body="ir", result="granted") == 6
    assert total(values, "cmpsrv_requests_total", result="refused", reason="BAD_MESSAGE_CHECK") == 1
    assert total(values, "cmpsrv_requests_total", alias="", body="") == 1  # no such alias
    assert total(values, "cmpsrv_requests_total") == total(values, "cmpsrv_stage_seconds_count", stage="commit")
    assert total(values, "cmpsrv_http_answers_total", status="404") == 1
    assert total(values, "cmpsrv_store_group_size_sum") >= 12
    assert total(values, "cmpsrv_store_queue") == 0
    days = {dict(labels)["role"]: v for (n, labels), v in values.items() if n == "cmpsrv_certificate_expiry_days"}
    assert set(days) == {"issuer", "cmp_signer"} and all(d > 300 for d in days.values())


def test_the_process_is_what_the_system_says(watched, keys):
    before = metrics(watched)
    for i in range(20):
        watched.enrol(keys(), cn=f"device {i}")
    after = metrics(watched)
    pid = watched.process.pid
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        ticks = f.read().rsplit(")", 1)[1].split()[11:13]
    cpu = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    assert total(before, "process_cpu_seconds_total") < total(after, "process_cpu_seconds_total") < cpu + 0.5
    assert total(after, "process_cpu_seconds_total") > cpu / 2
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        resident = int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert 0.5 < total(after, "process_resident_memory_bytes") / resident < 2
    assert abs(total(after, "process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) <= 2


def test_what_expires_is_counted(make_server, keys):
    server = make_server(start=False).listen_admin()
    server.alias(confirm_wait_time="1s")
    server.start()
    server.enrol(keys())
    wait_for("the transaction to expire", lambda: total(metrics(server), "cmpsrv_audit_records_total", event="expired") == 1)
    assert total(metrics(server), "cmpsrv_certificates_revoked_total") == 1
    assert total(metrics(server), "cmpsrv_transactions_pending") == 0


def test_days_of_the_tls_certificate(make_server):
    server = make_server(start=False).listen_admin()
    tlspki.server_certificate(server.dir, tlspki.issue("CA"), days=10)
    server.configure(lambda c: c["server"].update(listen=c["server"]["listen"] + [f"https://127.0.0.1:{free_port()}"],
                                                  tls={"certificate": "tls.crt", "key": "file:tls.key"}))
    server.start()
    assert 9.9 < total(metrics(server), "cmpsrv_tls_certificate_expiry_days") <= 10
