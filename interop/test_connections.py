# SPDX-License-Identifier: Apache-2.0
"""Slow and idle connections by the thousand: good clients do not wait for them, and descriptors come back."""
import os
import resource
import socket
import struct
import subprocess
import time

import forge
from conftest import server_binary, wait_for

SLOW = IDLE = 5000
GOOD = 200


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def raise_limit(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n:
        assert hard == resource.RLIM_INFINITY or hard >= n, f"the limit of open files is {hard}, want {n}"
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def crowd(server, n, begun):
    """n connections, spread over source addresses so that ports do not run out."""
    sockets = []
    for i in range(n):
        s = socket.socket()
        s.bind((f"127.0.1.{1 + i % 200}", 0))
        s.connect(("127.0.0.1", server.port))
        s.sendall(begun)
        sockets.append(s)
    return sockets


def hang_up(sockets):
    """With a reset: thousands of connections in TIME_WAIT would be in the way of other tests."""
    for s in sockets:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


def quantile(times, q):
    return sorted(times)[min(len(times) - 1, int(len(times) * q))]


def p99(server, keys):
    times = []
    for i in range(GOOD):
        der = forge.Msg("ir", forge.cert_req_msg(keys(), f"good {i}"), implicit=True).der(server.credential)
        start = time.monotonic()
        assert server.send(der).body == "ip"
        times.append(time.monotonic() - start)
    return quantile(times, 0.99)


def test_good_clients_among_slow_and_idle_ones(make_server, keys, figure):
    raise_limit(SLOW + IDLE + 500)
    # fewer than come: some have to make room
    server = make_server(change=lambda c: c["server"].update(max_connections=6000, message_timeout="20s"))
    alone = p99(server, keys)
    before = descriptors(server)
    others = crowd(server, IDLE, b"") + crowd(server, SLOW, b"POST /cmp/ra HTTP/1.1\r\nHost: x\r\n")
    among = p99(server, keys)
    most = descriptors(server)
    figure(f"{SLOW} slow, {IDLE} idle: p99 {among * 1000:.0f} ms, alone {alone * 1000:.0f} ms, "
           f"{most} descriptors")
    assert most > 5900 and most < 6100
    assert among < 0.5
    hang_up(others)
    wait_for("the descriptors to return", lambda: descriptors(server) <= before + 20)  # the store may have opened some


def test_few_descriptors_do_not_make_it_spin(make_server, keys):
    server = make_server(start=False)
    limited = ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", str(server_binary(server.build)), "--config",
               str(server.config)]
    with open(server.log, "ab") as log:
        server.process = subprocess.Popen(limited, stderr=log, stdout=log)
    wait_for("the server", lambda: f"port {server.port}" in server.log_text())
    others = crowd(server, 400, b"POST /cmp/ra HTTP/1.1\r\n")
    wait_for("a full house", lambda: descriptors(server) > 150)
    before, start = server.cpu(), time.monotonic()
    time.sleep(2)  # the time in which it may not burn the CPU
    assert server.cpu() - before < 0.2 * (time.monotonic() - start)
    assert server.enrol(keys())[2].body == "ip"
    hang_up(others)
    wait_for("the descriptors to return", lambda: descriptors(server) < 60)
