# SPDX-License-Identifier: Apache-2.0
"""A deployment made by cmp-admin init, a server that can be killed, and the stock client."""
import collections
import contextlib
import glob
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

sys.path.insert(0, os.path.dirname(__file__))

import audit_text  # noqa: E402
import forge  # noqa: E402
import lint  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CMPSRV_BUILD", TOP / "build"))
DEADLINE = 15
LONGEST = ["test_sweep.py", "test_message_show.py", "test_reload.py", "test_durability.py"]
CAPTURED = os.environ.get("CMPSRV_CAPTURED")  # a directory: what earlier runs captured, and these will leave
linted = collections.Counter()  # certificates, servers and seconds of all lint.py checks
figures = []  # lines of the tests for people
captured = collections.defaultdict(set)  # by test, the messages it sent and got through a Server: the first 500


def pytest_collection_modifyitems(items):
    """The longest files come first, so that no process of pytest-xdist is left alone with one; what looks at all messages
    captured comes last."""
    items.sort(key=lambda item: (item.name == "test_every_message_captured", item.path.name not in LONGEST))


def pytest_sessionfinish(session):
    """A process of pytest-xdist tells the one that reports what it knows."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update(linted=dict(linted), figures=figures)
    for message in set().union(*captured.values()) if CAPTURED else ():
        pathlib.Path(CAPTURED, hashlib.sha256(message).hexdigest()).write_bytes(message)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    told = getattr(node, "workeroutput", {})  # nothing, if it has crashed
    linted.update(told.get("linted", {}))
    figures.extend(told.get("figures", []))


def pytest_terminal_summary(terminalreporter):
    for line in figures:
        terminalreporter.write_line(line)
    terminalreporter.write_line("lint: {certificates} certificates, {checks} checks of a store, {seconds:.1f} s".format_map(linted))


def all_captured():
    earlier = (file.read_bytes() for file in pathlib.Path(CAPTURED).iterdir()) if CAPTURED else ()
    return set(earlier).union(*captured.values()) - {b""}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s for {what}")
        time.sleep(0.02)


def server_binary(build):
    return next(p for p in (build / ".libs" / "cmp-server", build / "cmp-server") if p.exists())


class Server:
    """A deployment in a directory and its cmp-server process."""

    def __init__(self, directory, ca_key="ec:P-256", build=BUILD):
        self.dir, self.build, self.port = pathlib.Path(directory), build, free_port()
        self.process = None
        self.lint = True  # False: the test damages the certificates in the store, or has them damaged
        self.deployment = lint.Deployment()
        self.log = self.dir.parent / (self.dir.name + ".log")
        self.admin("init", "--dir", str(self.dir), "--listen", f"http://127.0.0.1:{self.port}", "--ca-key", ca_key,
                   config=False)
        self.secret = (self.dir / "ra.secret").read_text().strip()
        self.credential = forge.Secret(self.secret)

    # ---- configuration and tools
    @property
    def config(self):
        return self.dir / "cmp-server.yaml"

    def configure(self, change):
        self.note_configuration()
        conf = yaml.safe_load(self.config.read_text())
        change(conf)
        plain = yaml.SafeDumper
        plain.ignore_aliases = lambda *_: True
        self.config.write_text(yaml.dump(conf, Dumper=plain))

    def note_configuration(self):
        """For lint.py: a later configuration may have other CAs and profiles; one that is broken issues nothing."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            self.deployment.read(self.config)

    def check_certificates(self):
        """Every certificate in the store is as lint.py wants it."""
        self.note_configuration()
        database = self.dir / "cmp-server.db"
        if not self.lint or not database.exists():
            return
        begun = time.monotonic()
        stored = [row[0] for row in self.query("SELECT der FROM certificate")]
        wrong = lint.check(stored, self.deployment)
        linted.update(certificates=len(stored), checks=1, seconds=time.monotonic() - begun)
        assert not wrong, wrong

    def listen_admin(self):
        self.admin_port = free_port()
        self.configure(lambda c: c["server"].update(admin_listen=f"http://127.0.0.1:{self.admin_port}"))
        return self

    def alias(self, **settings):
        self.configure(lambda c: c["aliases"]["ra"].update(settings))

    def admin(self, *args, config=True, check=True):
        line = [str(self.build / "cmp-admin")] + (["--config", str(self.config)] if config else []) + list(args)
        done = subprocess.run(line, capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(line)}: {done.stdout}{done.stderr}")
        if args[:2] == ("ra", "issue") and done.returncode == 0:
            directory = args[args.index("--dir") + 1] if "--dir" in args else "."
            self.deployment.ras.add(lint.first_of(pathlib.Path(directory) / f"{args[2]}.crt"))
        return done

    def ra(self, name, *args):
        """A new RA certificate of cmp-admin: what signs with it."""
        self.admin("ra", "issue", name, "--dir", str(self.dir), *args)
        return self.signer(name)

    def signer(self, name):
        return forge.Signer(serialization.load_pem_private_key((self.dir / f"{name}.key").read_bytes(), None),
                            x509.load_pem_x509_certificate((self.dir / f"{name}.crt").read_bytes()))

    def certs(self, *args):
        return json.loads(self.admin("cert", "list", "--json", *args).stdout)

    # ---- the process
    def start(self, env=None, deadline=DEADLINE, wrapper=()):
        """wrapper: a program that execs the server, and its arguments."""
        self.note_configuration()
        env = dict(env or {})
        if "LD_PRELOAD" in env:  # a sanitizer's runtime wants to be the first library: has to be allowed
            env["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*wrapper, str(server_binary(self.build)), "--config", str(self.config)],
                                            stderr=log, stdout=log, env=dict(os.environ, **env))
        end = time.monotonic() + deadline
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"cmp-server ended with {self.process.returncode}: {self.log_text()[-2000:]}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            if time.monotonic() > end:
                raise AssertionError("cmp-server does not listen: " + self.log_text()[-2000:])
            time.sleep(0.01)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        code = self.process.wait()
        assert code == -signal.SIGKILL, f"cmp-server had ended by itself with {code}: {self.log_text()[-2000:]}"

    def stop(self):
        self.end()
        self.check_certificates()

    def end(self):
        code = self.process.poll() if self.process else 0
        if code is None:
            self.process.terminate()
            code = self.process.wait(DEADLINE)
            assert code == 0, f"cmp-server ended with {code}: {self.log_text()[-4000:]}"
        else:  # killed by us, or never started; not by a signal of its own
            assert code >= 0 or code == -signal.SIGKILL, f"cmp-server ended with {code}: {self.log_text()[-2000:]}"

    def restart(self, env=None):
        self.end()
        return self.start(env)

    def alive(self):
        return self.process.poll() is None

    def log_text(self):
        return self.log.read_text(errors="replace")

    def cpu(self):
        """Seconds of CPU so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- the store, read by somebody else
    def query(self, sql, *args):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/cmp-server.db?mode=ro", uri=True)) as db:
            db.create_function("audit_text", 1, audit_text.unpack)
            return db.execute(sql, args).fetchall()

    def counts(self):
        return {t: self.query(f"SELECT COUNT(*) FROM {t}")[0][0]
                for t in ("certificate", "txn", "end_entity", "audit", "tid")}

    def dump(self):
        """Every row of every table: equal before and after what must change nothing."""
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/cmp-server.db?mode=ro", uri=True)) as db:
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            return {t: sorted(map(repr, db.execute(f"SELECT * FROM {t}"))) for t in tables}

    # ---- messages
    def post(self, der, path="/cmp/ra", timeout=DEADLINE):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            conn.request("POST", path, der, {"Content-Type": "application/pkixcmp"})
            response = conn.getresponse()
            body = response.read()
        finally:
            conn.close()
        seen = captured[os.environ.get("PYTEST_CURRENT_TEST")]
        if len(seen) < 500:
            seen.update((der, body))
        return response.status, response.reason, body

    def get(self, path, method="GET"):
        """Of the admin listener."""
        conn = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=DEADLINE)
        try:
            conn.request(method, path)
            response = conn.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            conn.close()

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def send(self, der, path="/cmp/ra"):
        status, reason, body = self.post(der, path)
        assert status == 200, (status, reason)
        return forge.Answer(body)

    def enrol(self, key, cn="device", body="ir", implicit=False, **fields):
        """One ir (cr) under the alias's secret: the message sent and its answer."""
        msg = forge.Msg(body, forge.cert_req_msg(key, cn), implicit=implicit, **fields)
        der = msg.der(self.credential)
        return msg, der, self.send(der)

    def confirm(self, msg, answer, credential=None, path="/cmp/ra", **kwargs):
        conf = forge.Msg("certConf", forge.cert_conf(answer.cert, answer.cert_req_id, **kwargs), tid=msg.tid,
                         recip_nonce=answer.nonce)
        return self.send(conf.der(credential or self.credential), path)

    # ---- the stock client
    def client(self, cmd, *args, secret=None, ref="client", path="cmp/ra", trusted=True, timeout=60, openssl="openssl"):
        """secret False: none, the arguments have another credential."""
        line = [str(openssl), "cmp", "-cmd", cmd, "-server", f"127.0.0.1:{self.port}", "-path", path]
        line += ["-secret", f"pass:{secret or self.secret}"] if secret is not False else []
        line += ["-ref", ref] if ref and secret is not False else []
        line += ["-trusted", str(self.dir / "root.crt")] if trusted else []
        line += ["-untrusted", str(self.dir / "issuing.crt"), "-config", ""]
        return subprocess.run(line + [str(a) for a in args], capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def figure():
    """figure(LINE): what the test has measured, above the last line of pytest."""
    return figures.append


@pytest.fixture
def make_server(tmp_path):
    """A function that makes (and by default starts) a server; all of them end with the test."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        def make(start=True, change=None, **kwargs):
            server = Server(tmp_path / f"pki{next(numbers)}", **kwargs)
            stack.callback(server.stop)
            if change:
                server.configure(change)
            return server.start() if start else server

        yield make


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """One server for tests that leave nothing behind that another would mind."""
    server = Server(tmp_path_factory.mktemp("shared") / "pki")
    # nothing expires while a test compares the store before and after
    server.alias(allow_mac_rr=True, confirm_wait_time="1h", transaction_retention="1h")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keys():
    """Keys made once: they are slow, and no test cares which one it gets."""
    made = {}

    def get(kind="ec:P-256"):
        if kind not in made:
            made[kind] = forge.make_key(kind)
        return made[kind]

    return get


def a_day_later():
    """The environment of a server whose clock is a day ahead."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "libfaketime is missing"
    return {"LD_PRELOAD": found[0], "FAKETIME": "+1d"}
