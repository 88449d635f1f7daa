# SPDX-License-Identifier: Apache-2.0
"""The HTTP side (RFC 9811), with raw sockets: every status of the list, and nothing of the input in any of them."""
import itertools
import socket
import time

import pytest

import forge
from conftest import Server

TYPE = "Content-Type: application/pkixcmp\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("http") / "pki")

    def change(c):
        c["server"]["message_timeout"] = "1s"
        c["aliases"]["cmp"] = dict(c["aliases"]["ra"])
        c["aliases"]["a" * 32] = dict(c["aliases"]["ra"])
    s.configure(change)
    s.start()
    yield s
    s.stop()


class Raw:
    def __init__(self, server):
        self.s = socket.create_connection(("127.0.0.1", server.port), 10)
        self.buffer = b""

    def send(self, data):
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def read_more(self):
        try:
            data = self.s.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self):
        """Status, phrase, headers, body; None if the connection was closed."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.read_more():
                return None
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        _, status, phrase = lines[0].split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines[1:])
        n = int(headers["Content-Length"])
        while len(rest) < n:
            assert self.read_more()
            rest = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.buffer = rest[n:]
        return int(status), phrase, headers, rest[:n]


def request(body=b"", path="/cmp/ra", method="POST", head=None, version="1.1", length=True):
    lines = f"{method} {path} HTTP/{version}\r\nHost: x\r\n"
    lines += TYPE if head is None else head
    if length:
        lines += f"Content-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + body


NUMBERS = itertools.count()


def good(server, keys):
    """An ir that is granted; each of another device."""
    return forge.Msg("ir", forge.cert_req_msg(keys(), f"device-{next(NUMBERS)}")).der(server.credential)


CANARY = "canary-of-the-request"
REFUSED = [
    ("a body of 10 MiB", request(b"", length=False, head=TYPE + "Content-Length: 10485760\r\n") + bytes(10485760), 413),
    ("two Content-Lengths", request(b"abc", head=TYPE + "Content-Length: 3\r\n"), 400),
    ("two different Content-Lengths", request(b"abc", head=TYPE + "Content-Length: 4\r\n"), 400),
    ("a signed Content-Length", request(length=False, head=TYPE + "Content-Length: +3\r\n") + b"abc", 400),
    ("a negative Content-Length", request(length=False, head=TYPE + "Content-Length: -3\r\n"), 400),
    ("a Content-Length of 2^64", request(length=False, head=TYPE + "Content-Length: 18446744073709551616\r\n"), 400),
    ("a Content-Length of 10^17", request(length=False, head=TYPE + "Content-Length: 100000000000000000\r\n"), 413),
    ("length and chunked", request(b"abc", head=TYPE + "Transfer-Encoding: chunked\r\n"), 400),
    ("an unknown Transfer-Encoding", request(length=False, head=TYPE + "Transfer-Encoding: gzip, chunked\r\n"), 501),
    ("neither length nor chunked", request(length=False), 411),
    ("no Content-Type", request(b"abc", head=""), 415),
    ("another Content-Type", request(b"abc", head=f"Content-Type: text/{CANARY}\r\n"), 415),
    ("GET", request(method="GET", length=False), 405),
    ("PUT", request(b"abc", method="PUT"), 405),
    ("FOO", request(b"abc", method="FOO"), 501),
    ("../", request(b"abc", path=f"/cmp/../{CANARY}"), 404),
    ("%00", request(b"abc", path="/cmp/ra%00"), 404),
    ("%2e%2e", request(b"abc", path="/cmp/%2e%2e/ra"), 404),
    ("an unknown path", request(b"abc", path=f"/{CANARY}"), 404),
    ("an unknown alias", request(b"abc", path=f"/cmp/{CANARY}"), 404),
    ("an alias in another case", request(b"abc", path="/cmp/RA"), 404),
    ("an unknown operation", request(b"abc", path="/.well-known/cmp/p/ra/nothing"), 404),
    ("an alias of 33 characters", request(b"abc", path="/cmp/" + "a" * 33), 400),
    ("a header over 8 KiB", request(b"abc", head=TYPE + "X: " + "y" * 9000 + "\r\n"), 400),
    ("NUL in a header", request(b"abc", head=TYPE + "X: a\0b\r\n"), 400),
    ("CR alone in a header", request(b"abc", head=TYPE + "X: a\rb\r\n"), 400),
    ("a bare LF", b"POST /cmp/ra HTTP/1.1\nHost: x\n\n", 400),
    ("a folded header", request(b"abc", head=TYPE + "X: a\r\n b\r\n"), 400),
    ("HTTP/2.0", request(b"abc", version="2.0"), 505),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
]


@pytest.mark.parametrize("what, data, status", REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(server, keys, what, data, status):
    answer = Raw(server).send(data).answer()
    assert answer is not None and answer[0] == status
    assert "Content-Length" in answer[2] and "Transfer-Encoding" not in answer[2]
    assert CANARY.encode() not in answer[3] and CANARY not in str(answer[2])
    if status == 405:
        assert answer[2]["Allow"] == "POST"
    if status == 404:
        assert answer[1] == "No such CMP alias"
    assert server.send(good(server, keys)).body == "ip"


PATHS = ["/cmp/ra", "/ejbca/publicweb/cmp/ra", "/.well-known/cmp/p/ra", "/.well-known/cmp/p/ra/initialization",
         "/.well-known/cmp", "/.well-known/cmp/initialization", "/ejbca/publicweb/cmp", "/cmp", "/pkix/", "/",
         "/cmp/" + "a" * 32, "/cmp/ra?query"]


@pytest.mark.parametrize("path", PATHS)
def test_paths(server, keys, path):
    assert server.send(good(server, keys), path).body == "ip"


def test_an_operation_takes_its_messages_only(server, keys):
    answer = server.send(good(server, keys), "/.well-known/cmp/p/ra/revocation")
    assert (answer.body, answer.fail_info) == ("error", ["badRequest"])


def test_chunked(server, keys):
    der = good(server, keys)
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(der[i:i + 100]), der[i:i + 100]) for i in range(0, len(der), 100))
    head = request(length=False, head=TYPE + "Transfer-Encoding: chunked\r\n")
    answer = Raw(server).send(head + body + b"0\r\nTrailer: x\r\n\r\n").answer()
    assert answer[0] == 200 and forge.Answer(answer[3]).body == "ip"


def test_chunks_over_the_limit(server):
    head = request(length=False, head=TYPE + "Transfer-Encoding: chunked\r\n")
    chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    assert Raw(server).send(head + chunk * 5).answer()[0] == 413


def test_keep_alive_and_pipelining(server, keys):
    raw = Raw(server)
    raw.send(request(good(server, keys)))
    assert forge.Answer(raw.answer()[3]).body == "ip"
    raw.send(request(good(server, keys)) + request(good(server, keys)))
    assert [forge.Answer(raw.answer()[3]).body for _ in range(2)] == ["ip", "ip"]


@pytest.mark.parametrize("connection", ["", "Connection: keep-alive\r\n"])
def test_http_1_0(server, keys, connection):
    raw = Raw(server).send(request(good(server, keys), version="1.0", head=TYPE + connection))
    status, _, headers, body = raw.answer()
    assert status == 200 and headers["Content-Type"] == "application/pkixcmp" and forge.Answer(body).body == "ip"
    assert headers["Connection"] == ("keep-alive" if connection else "close")
    if not connection:
        assert raw.answer() is None


def test_expect_continue(server, keys):
    der = good(server, keys)
    data = request(der, head=TYPE + "Expect: 100-continue\r\n")
    raw = Raw(server).send(data[:-len(der)])
    while b"100 Continue\r\n\r\n" not in raw.buffer:
        assert raw.read_more()
    raw.buffer = raw.buffer.split(b"\r\n\r\n", 1)[1]
    assert raw.send(der).answer()[0] == 200


@pytest.mark.parametrize("part", [20, -10])
def test_slow_sender_is_cut(server, keys, part):
    data, begun = request(good(server, keys)), time.monotonic()
    raw = Raw(server).send(data[:part])
    answer = raw.answer()
    assert answer is None or answer[0] == 408
    assert 0.8 < time.monotonic() - begun < 5


def test_trickling_sender_is_cut_at_the_same_deadline(server, keys):
    data, begun = request(good(server, keys)), time.monotonic()
    raw = Raw(server)
    raw.s.settimeout(0.05)
    for octet in data:
        raw.send(bytes([octet]))
        try:
            if not raw.read_more() or b"408" in raw.buffer:
                break
        except socket.timeout:
            pass
    assert time.monotonic() - begun < 5 and raw.buffer[:12] in (b"", b"HTTP/1.1 408")


@pytest.mark.parametrize("body", [b"garbage", b"", b"\x30\x00", b"\x30\x03\x02\x01\x02"])
def test_garbage_is_answered_with_cmp(server, body):
    answer = server.send(body)
    assert (answer.body, answer.status, answer.fail_info, answer.pvno) == ("error", 2, ["badDataFormat"], 2)
    assert len(answer.tid) == 16


def test_a_client_that_goes_away(server, keys):
    for _ in range(20):
        Raw(server).send(request(good(server, keys))).s.close()
        Raw(server).send(request(good(server, keys))[:50]).s.close()
    assert server.send(good(server, keys)).body == "ip" and server.alive()


def test_stop_answers_what_is_in_flight(make_server, keys):
    server = make_server()
    raws = [Raw(server).send(request(good(server, keys))) for _ in range(8)]
    server.process.terminate()
    answers = [r.answer() for r in raws]
    assert server.process.wait(10) == 0
    issued = [forge.Answer(a[3]).cert for a in answers if a is not None and a[0] == 200]
    stored = {row[0] for row in server.query("SELECT der FROM certificate")}
    assert set(issued) <= stored


OPERATIONS = {"initialization": "ir", "certification": "cr", "pkcs10": "p10cr"}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("prefix", ["/.well-known/cmp/p/ra/", "/.well-known/cmp/"])
def test_every_operation_takes_its_message(server, keys, prefix, operation):
    for other, body in OPERATIONS.items():
        cn = f"device-{next(NUMBERS)}"
        content = forge.pkcs10(keys(), cn) if body == "p10cr" else forge.cert_req_msg(keys(), cn)
        msg = forge.Msg(body, content)
        answer = server.send(msg.der(server.credential), prefix + operation)
        if other != operation:
            assert (answer.body, answer.fail_info) == ("error", ["badRequest"])
            continue
        assert (answer.body, answer.status) == ("ip" if body == "ir" else "cp", 0)
        done = server.confirm(msg, answer, path=prefix + operation)  # RFC 9811 3.6: at the path it began at
        assert done.body == "pkiconf"


UNNAMED = ["/.well-known/cmp", "/.well-known/cmp/initialization", "/ejbca/publicweb/cmp", "/cmp", "/pkix/", "/"]


@pytest.mark.parametrize("path", UNNAMED)
def test_no_name_and_no_alias_cmp(shared, keys, path):
    der = forge.Msg("ir", forge.cert_req_msg(keys())).der(shared.credential)
    assert shared.post(der, path)[:2] == (404, "No such CMP alias")


def test_headers_of_an_answer(server, keys):
    status, phrase, headers, body = Raw(server).send(request(good(server, keys))).answer()
    assert (status, phrase, headers["Content-Type"]) == (200, "OK", "application/pkixcmp")
    assert "Transfer-Encoding" not in headers and len(body) == int(headers["Content-Length"])


def test_content_type_with_parameters_and_in_other_case(server, keys):
    for kind in ("application/PKIXCMP", "application/pkixcmp; charset=binary"):
        answer = Raw(server).send(request(good(server, keys), head=f"content-TYPE: {kind}\r\n")).answer()
        assert answer[0] == 200 and forge.Answer(answer[3]).body == "ip", kind


def test_the_body_limit_to_the_octet(server):
    limit = 131072
    assert forge.Answer(Raw(server).send(request(bytes(limit))).answer()[3]).fail_info == ["badDataFormat"]
    head = TYPE + f"Content-Length: {limit + 1}\r\n"
    assert Raw(server).send(request(head=head, length=False)).answer()[0] == 413  # before the body is sent


def test_a_slow_chunked_body_is_cut(server, keys):
    der, begun = good(server, keys), time.monotonic()
    head = request(length=False, head=TYPE + "Transfer-Encoding: chunked\r\n")
    answer = Raw(server).send(head + b"%x\r\n" % len(der) + der[:10]).answer()
    assert answer is None or answer[0] == 408
    assert time.monotonic() - begun < 5


def test_an_idle_connection_goes(make_server, keys):
    server = make_server(change=lambda c: c["server"].update(idle_timeout="1s"))
    raw, begun = Raw(server).send(request(good(server, keys))), time.monotonic()
    assert raw.answer()[0] == 200
    assert raw.answer() is None and time.monotonic() - begun < 5


def test_more_connections_than_allowed(make_server, keys):
    server = make_server(change=lambda c: c["server"].update(max_connections=4))
    held = [Raw(server) for _ in range(4)]
    for raw in held:  # one after the other: two workers would answer in any order
        assert raw.send(request(good(server, keys))).answer()[0] == 200
    extra = Raw(server).send(request(good(server, keys)))  # the one that has been idle longest makes room
    assert extra.answer()[0] == 200 and held[0].answer() is None
    assert held[1].send(request(good(server, keys))).answer()[0] == 200
