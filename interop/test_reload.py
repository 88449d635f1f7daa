# SPDX-License-Identifier: Apache-2.0
"""SIGHUP under load: no good request fails, whatever happens to the file."""
import concurrent.futures
import os
import threading
import time

import forge
from conftest import wait_for

SECONDS = float(os.environ.get("CMPSRV_RELOAD_SECONDS", "60"))
CLIENTS = 4


def test_reload_ten_times_a_second_under_load(make_server, keys, figure):
    server = make_server()
    good, bad = server.config.read_text(), server.config.read_text().replace("default_ca: ManagementCA", "default_ca: Nobody")
    assert good != bad
    end = time.monotonic() + SECONDS
    granted = [0] * CLIENTS

    def load(n):
        while time.monotonic() < end:
            msg, _, answer = server.enrol(keys(), cn=f"device {n} {granted[n]}")
            assert (answer.body, answer.status) == ("ip", 0), answer.fail_info
            assert server.confirm(msg, answer).body == "pkiconf"
            granted[n] += 1

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        loads = [pool.submit(load, n) for n in range(CLIENTS)]
        hang_ups, pause = 0, threading.Event()
        while time.monotonic() < end:
            replace_file(server, bad if hang_ups % 5 == 4 else good)
            server.hang_up()
            hang_ups += 1
            pause.wait(0.1)
        for done in loads:
            done.result()
    replace_file(server, good)
    log = server.log_text()
    figure(f"{hang_ups} SIGHUPs in {SECONDS:.0f} s: {log.count('.yaml reloaded')} reloads, {log.count('not reloaded')} refused, "
           f"{sum(granted)} certificates")
    assert log.count(".yaml reloaded") > 5 * SECONDS and log.count("not reloaded") > SECONDS
    assert f"{server.config}:" in log and 'default_ca: "Nobody"' in log
    assert len(server.certs("--status", "active")) == sum(granted) > 0


def replace_file(server, text):
    new = server.config.with_suffix(".new")
    new.write_text(text)
    new.replace(server.config)


def test_a_request_in_flight_keeps_its_snapshot(make_server, keys):
    """The alias goes while its transaction is open: certConf finds none, and back again it is confirmed."""
    server = make_server()
    msg, _, answer = server.enrol(keys())
    good = server.config.read_text()
    replace_file(server, good.replace("  ra:  ", "  other:  "))
    server.hang_up()
    wait_for("the alias to go", lambda: server.post(b"x")[0] == 404)
    replace_file(server, good)
    server.hang_up()
    wait_for("the alias to come back", lambda: server.post(b"x")[0] == 200)
    assert server.confirm(msg, answer).body == "pkiconf"


def test_a_changed_secret_ends_open_transactions(make_server, keys):
    server = make_server()
    msg, _, answer = server.enrol(keys())
    (server.dir / "ra.secret").write_text("another secret of the RA\n")
    server.hang_up()
    wait_for("the new secret", lambda: ".yaml reloaded" in server.log_text())
    assert server.confirm(msg, answer).fail_info == ["badMessageCheck"]
    other = forge.Secret("another secret of the RA")
    assert server.confirm(msg, answer, other).fail_info == ["notAuthorized"]  # not who opened it
    assert server.send(forge.Msg("ir", forge.cert_req_msg(keys()), implicit=True).der(other)).body == "ip"
