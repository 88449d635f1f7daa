# SPDX-License-Identifier: Apache-2.0
"""Under systemd: sockets that are handed over, and the messages it waits for."""
import os
import signal
import socket
import subprocess

import pytest

from conftest import free_port, server_binary, wait_for


def start_with(server, sockets, names, env=None):
    """Starts the server with these listening sockets as descriptors 3, 4, ..."""
    line = ['LISTEN_PID=$$ exec "$@"']
    def place():
        high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
    with open(server.log, "ab") as log:
        server.process = subprocess.Popen(
            ["sh", "-c", "export LISTEN_PID=$$; " + line[0], "sh", str(server_binary(server.build)), "--config", str(server.config)],
            stderr=log, stdout=log, preexec_fn=place, close_fds=False,
            env=dict(os.environ, LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=":".join(names), **(env or {})))


def listening():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return s


def test_sockets_that_are_handed_over(make_server, keys):
    server = make_server(start=False)
    http, admin = listening(), listening()
    configured, server.port = server.port, http.getsockname()[1]
    server.admin_port = admin.getsockname()[1]
    start_with(server, [admin, http], ["admin", "http"])
    assert server.enrol(keys(), implicit=True)[2].body == "ip"
    assert server.get("/readyz")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", configured))  # they take the place of those in the file


def test_a_socket_of_an_unknown_name(make_server):
    server = make_server(start=False)
    start_with(server, [listening()], ["ftp"])
    assert server.process.wait(15) == 1
    assert "another name than http, https or admin" in server.log_text()


def test_https_without_a_certificate(make_server):
    server = make_server(start=False)
    start_with(server, [listening()], ["https"])
    assert server.process.wait(15) == 1
    assert "no certificate is configured" in server.log_text()


def test_what_systemd_is_told(make_server, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(15)
        server = make_server(start=False)
        server.start({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
        assert notify.recv(100) == b"READY=1"
        assert notify.recv(100) == b"WATCHDOG=1"
        server.hang_up()
        while (got := notify.recv(100)) == b"WATCHDOG=1":
            continue
        assert got.startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert notify.recv(100) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        while (got := notify.recv(100)) == b"WATCHDOG=1":
            continue
        assert got == b"STOPPING=1"
    assert server.process.wait(15) == 0


def test_a_unix_socket(make_server, keys):
    server = make_server(start=False, change=None)
    server.configure(lambda c: c["server"].update(listen=["unix:cmp.sock", f"http://127.0.0.1:{server.port}"]))
    path = server.dir / "cmp.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()  # left over from a crash
    server.start()
    assert path.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"POST /cmp/nobody HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkixcmp\r\nContent-Length: 1\r\n\r\nx")
        assert s.recv(1000).startswith(b"HTTP/1.1 404 No such CMP alias\r\n")
    second = make_server(start=False)
    second.configure(lambda c: c["server"].update(listen=[f"unix:{path}", f"http://127.0.0.1:{free_port()}"]))
    with pytest.raises(AssertionError, match="Address already in use"):
        second.start()
    server.stop()
    wait_for("the socket to go", lambda: not path.exists())
