# SPDX-License-Identifier: Apache-2.0
"""The element sweep: what no mutant of any message may do to the server, its store, or its answers."""
import collections
import datetime
import hashlib
import http.client
import os
import pathlib
import signal
import sqlite3
import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import der
import forge
import sweep
from der import explicit, tlv
from test_pop import ENCR_CERT, decrypt_value, input_pop, public_key_mac
FAULT_BUILD = os.environ.get("CMPSRV_FAULT_BUILD") and pathlib.Path(os.environ["CMPSRV_FAULT_BUILD"])
UNCONFIRMED, ACTIVE, REVOKED = 0, 1, 2  # certificate.status

# What a refusal may say, by the part of the message that was changed. badMessageCheck: the change was harmless and
# the message has no protection, or none that is right.
FORM = {"badDataFormat"}
CLASSES = {
    "message": FORM, "header": FORM, "sender": FORM, "recipient": FORM, "recipKID": FORM, "freeText": FORM,
    "pvno": FORM | {"unsupportedVersion"},
    "messageTime": FORM | {"badTime"},
    "protectionAlg": FORM | {"badAlg", "badMessageCheck"},
    "senderKID": FORM | {"badMessageCheck", "notAuthorized"},
    "transactionID": FORM | {"badRequest"},
    "senderNonce": FORM | {"badSenderNonce"},
    "recipNonce": FORM | {"badRecipientNonce"},
    "generalInfo": FORM | {"badRequest"},
    "body tag": FORM | {"badRequest", "badRecipientNonce"},  # what follows is the body then
    "body": FORM | {"badRequest", "badCertTemplate", "badPOP", "badAlg", "badCertId", "wrongAuthority", "certRevoked",
                    "addInfoNotAvailable"},
    "protection": FORM | {"badMessageCheck"},
    "extraCerts": FORM,
}
SIGNED = {"sender": {"badMessageCheck"}, "extraCerts": {"badMessageCheck", "signerNotTrusted"}}  # and by whom it is signed


class Line:
    """A server, one connection to it, and its store read by somebody else."""

    def __init__(self, server, key, rsa):
        self.server, self.key, self.rsa, self.credential = server, key, rsa, server.credential
        self.conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.db = sqlite3.connect(f"file:{server.dir}/cmp-server.db?mode=ro", uri=True)
        self.n, self.granted, self.refused = 0, 0, collections.Counter()

    def post(self, message):
        self.conn.request("POST", "/cmp/ra", message, {"Content-Type": "application/pkixcmp"})
        response = self.conn.getresponse()
        body = response.read()
        assert response.status == 200, response.status
        return forge.Answer(body)

    def rows(self):
        """How many rows there have ever been: certificates, transactions, audit records."""
        return self.db.execute("SELECT (SELECT COUNT(*) FROM certificate), (SELECT COUNT(*) FROM txn),"
                               " (SELECT COUNT(*) FROM audit)").fetchone()

    def newest(self):
        """The certificate that was issued last, and its status."""
        return self.db.execute("SELECT der, status FROM certificate ORDER BY rowid DESC LIMIT 1").fetchone()

    def status_of(self, serial):
        return self.db.execute("SELECT status FROM certificate WHERE serial = ?",
                               (serial.to_bytes(20, "big"),)).fetchone()[0]

    def enrol(self, implicit=True):
        """A good ir: the message and its answer."""
        self.n += 1
        message = forge.Msg("ir", forge.cert_req_msg(self.key, f"good {self.n}"), implicit=implicit)
        answer = self.post(message.der(self.credential))
        assert (answer.body, answer.status) == ("ip", 0), answer.fail_info
        return message, answer


@pytest.fixture
def make_line(make_server, keys):
    lines = []

    def make(fault=None, usage=None, **kwargs):
        server = make_server(start=False, **kwargs)
        if usage:
            server.configure(lambda c: c["certificate_profiles"]["ENDUSER"].update(key_usage=usage))
        server.alias(allow_mac_rr=True, confirm_wait_time="1h", transaction_retention="1h",
                     authenticationmodule=["HMAC", "EndEntityCertificate"],
                     authenticationparameters=[{"file": "ra.secret"}, "ManagementCA"])
        server.start({"CMPSRV_FAULT": fault} if fault else None)
        lines.append(Line(server, keys(), keys("rsa:2048")))
        return lines[-1]

    yield make
    for line in lines:
        line.conn.close()
        line.db.close()


@pytest.fixture
def line(make_line):
    return make_line()


# ---- the messages, and what a mutant that is granted must still be ----------------------------------------------------

def spki_of(key):
    return forge.spki(key)


def verify_pop(key, signature, data):
    key.public_key().verify(signature.content[1:], data, ec.ECDSA(hashes.SHA256()))


def check_certificate(line, cn, cert):
    assert forge.common_name(cert) == cn and len(list(cert.subject)) == 1
    assert cert.public_key().public_bytes(serialization.Encoding.DER,
                                          serialization.PublicFormat.SubjectPublicKeyInfo) == spki_of(line.key)
    ca = x509.load_pem_x509_certificate((line.server.dir / "issuing.crt").read_bytes())
    ca.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))
    assert cert.issuer == ca.subject
    assert not cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign and not usage.crl_sign
    eku = {e.dotted_string for e in cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value}
    assert eku == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}
    assert cert.not_valid_after <= ca.not_valid_after
    assert cert.not_valid_after - cert.not_valid_before <= datetime.timedelta(days=730, hours=2)


class CertRequest:
    """ir and cr: a certificate only for the name and key that are asked for, by who has the key."""

    always = set()

    def __init__(self, line, body):
        self.line, self.body, self.n = line, body, 0

    def build(self):
        self.n += 1  # a name of its own: an unconfirmed certificate would be sent again
        self.cn = f"swept {self.body} {self.n}"
        return self.make()

    def make(self):
        return forge.Msg(self.body, forge.cert_req_msg(self.line.key, self.cn), implicit=True)

    def is_right(self, message):
        request = message[1][0][0][0]
        template = {f.tag: f for f in request[1]}
        verify_pop(self.line.key, message[1][0][0][1][1], request.raw)
        return template[0xA5][0].raw == forge.name(self.cn) and template[0xA6].content == der.parse(
            spki_of(self.line.key)).content

    def check_granted(self, mutant, message, answer):
        assert answer.status == 0 and self.is_right(der.parse(mutant))
        check_certificate(self.line, self.cn, answer.x509())
        assert self.line.status_of(answer.x509().serial_number) == (ACTIVE if answer.implicit else UNCONFIRMED)


class Pkcs10(CertRequest):
    def make(self):
        return forge.Msg("p10cr", forge.pkcs10(self.line.key, self.cn), implicit=True)

    def is_right(self, message):
        csr = x509.load_der_x509_csr(message[1][0].raw)
        return csr.is_signature_valid and csr.subject.public_bytes() == forge.name(self.cn)


class ByInput(CertRequest):
    """An ir whose key stands in poposkInput only, with the sender's name or a MAC of the key beside it. The signature is
    over that, so the MAC lets the template have any name."""

    def __init__(self, line, has_mac):
        super().__init__(line, "ir")
        self.has_mac = has_mac

    def make(self):
        public = spki_of(self.line.key)
        beside = explicit(0, explicit(4, forge.name(self.cn)))
        if self.has_mac:
            beside = public_key_mac(self.line.server.secret.encode(), public)
        return forge.Msg("ir", forge.cert_req_msg(self.line.key, template=explicit(5, forge.name(self.cn)),
                                                  pop=input_pop(self.line.key, beside + public)), implicit=True)

    def is_right(self, message):
        request, popo = message[1][0][0][0], message[1][0][0][1]
        verify_pop(self.line.key, popo[2], tlv(0x30, popo[0].content))
        template = {f.tag: f for f in request[1]}
        named = self.has_mac or template[0xA5][0].raw == forge.name(self.cn)
        return named and 0xA6 not in template and popo[0][1].raw == spki_of(self.line.key)

    def check_granted(self, mutant, message, answer):
        name = {f.tag: f for f in der.parse(mutant)[1][0][0][0][1]}[0xA5][0].raw
        if name == forge.name(self.cn):
            return super().check_granted(mutant, message, answer)
        assert self.has_mac and self.is_right(der.parse(mutant))
        assert name in answer.cert and spki_of(self.line.key) in answer.cert


class Encrypted(CertRequest):
    """An ir that is answered with a certificate that only the owner of the key can read: never in the clear, never active
    without certConf. Nothing signs the template: what it says is what is asked for."""

    def make(self):
        self.key = self.line.rsa
        return forge.Msg("ir", forge.cert_req_msg(self.key, self.cn, pop=ENCR_CERT["keyEncipherment"]))

    def check_granted(self, mutant, message, answer):
        template = {f.tag: f for f in der.parse(mutant)[1][0][0][0][1]}
        stored, status = self.line.newest()
        assert answer.status in (0, 1) and answer.cert is None and not answer.implicit
        assert status == UNCONFIRMED and stored not in answer.der
        assert decrypt_value(answer.encrypted_cert, self.key) == stored
        cert = x509.load_der_x509_certificate(stored)
        assert template[0xA5][0].raw in cert.tbs_certificate_bytes and template[0xA6].content in cert.tbs_certificate_bytes


class Follow:
    """Messages about a certificate that the sender has got: one for each mutant."""

    always = set()

    def build(self):
        self.opened, self.answer = self.line.enrol(implicit=self.implicit)
        self.cert = self.answer.x509()
        return self.make()

    def __init__(self, line):
        self.line = line

    def follow(self, body, content):
        return forge.Msg(body, content, tid=self.opened.tid, recip_nonce=self.answer.nonce)


class CertConf(Follow):
    implicit = False

    def make(self):
        return self.follow("certConf", forge.cert_conf(self.answer.cert))

    def check_granted(self, mutant, message, answer):
        status = self.line.status_of(self.cert.serial_number)
        entries = list(der.parse(mutant)[1][0])
        if not entries:  # RFC 9810 5.3.18: an empty one rejects
            assert status == REVOKED
            return
        assert entries[0][0].content == hashlib.sha256(self.answer.cert).digest() and entries[0][1].int() == 0
        assert len(entries) == 1 and status == ACTIVE


class Error(Follow):
    implicit = False

    def make(self):
        return self.follow("error", forge.seq(forge.seq(forge.integer(2))))

    def check_granted(self, mutant, message, answer):
        header = {f.tag: f for f in der.parse(mutant)[0]}
        is_ours = header[0xA4][0].content == self.opened.tid  # else there was nothing to give up
        assert self.line.status_of(self.cert.serial_number) == (REVOKED if is_ours else UNCONFIRMED)


class Revocation(Follow):
    implicit = True

    def make(self):
        return forge.Msg("rr", forge.rev_details(self.cert, 1))

    def check_granted(self, mutant, message, answer):
        if answer.status == 0:
            template = {f.tag: f for f in der.parse(mutant)[1][0][0][0]}
            assert int.from_bytes(template[0x81].content, "big") == self.cert.serial_number
            assert template[0xA3][0].raw == self.cert.issuer.public_bytes()
        assert self.line.status_of(self.cert.serial_number) == (REVOKED if answer.status == 0 else ACTIVE)


class NotServed:
    """Bodies that are refused whatever is in them."""

    always = {"badRequest"}

    def __init__(self, line, body):
        self.line, self.body = line, body

    def build(self):
        inner = {"genm": forge.seq(forge.seq(der.oid("1.3.6.1.5.5.7.4.2"))),
                 "pollReq": forge.seq(forge.seq(forge.integer(0))),
                 "nested": forge.seq(forge.Msg("ir", forge.cert_req_msg(self.line.key, "inner")).der(self.line.server.credential)),
                 "kur": forge.cert_req_msg(self.line.key, "update")}
        return forge.Msg(self.body, inner[self.body])

    def check_granted(self, mutant, message, answer):
        raise AssertionError(f"{self.body} was granted: {answer.body}")


SEEDS = {
    "ir": lambda line: CertRequest(line, "ir"), "cr": lambda line: CertRequest(line, "cr"), "p10cr": lambda line: Pkcs10(line, "p10cr"),
    "certConf": CertConf, "rr": Revocation, "error": Error,
    "genm": lambda line: NotServed(line, "genm"), "pollReq": lambda line: NotServed(line, "pollReq"),
    "nested": lambda line: NotServed(line, "nested"), "kur": lambda line: NotServed(line, "kur"),
}


# ---- the sweep ----------------------------------------------------------------------------------------------------

def is_granted(answer):
    return answer.body != "error" and answer.status in (None, 0, 1)


def check_refusal(line, seed, where, answer, protected):
    assert answer.status == 2 and len(answer.fail_info) == 1, (answer.body, answer.status, answer.fail_info)
    allowed = CLASSES[where] | seed.always | (set() if protected else {"badMessageCheck"})
    allowed |= SIGNED.get(where, set()) if protected is signature else set()
    assert answer.fail_info[0] in allowed, f"{answer.fail_info}, allowed {sorted(allowed)}"
    line.refused[answer.fail_info[0]] += 1


def check_mutant(line, seed, mutant, where, message, protected):
    before = line.rows()
    answer = line.post(mutant)
    if is_granted(answer):
        assert protected and where != "protection", "granted without a right MAC"
        line.granted += 1
        try:
            seed.check_granted(mutant, message, answer)
        except (InvalidSignature, ValueError, IndexError, KeyError) as e:
            raise AssertionError(f"granted to a message that {e!r}") from e
    else:
        check_refusal(line, seed, where, answer, protected)
    certs, txns, records = (after - was for after, was in zip(line.rows(), before))
    assert certs == (1 if is_granted(answer) and (answer.cert or answer.encrypted_cert) else 0)
    if not protected or answer.fail_info == ["badMessageCheck"]:
        assert (certs, txns, records) == (0, 0, 0), "a stranger has left something in the store"
    assert txns <= 1 and records <= 1


def pbm(server):
    return forge.Secret(server.secret)


def pbmac1(server):
    return forge.Pbmac1(server.secret)


def signature(server):
    return server.ra("sweeper")


def run_sweep(line, name, protected, regions=None):
    """How many mutants; after each the same process answers a good ir. protected: how to make a credential, or None."""
    if protected:
        line.credential = protected(line.server)
    seed = {**SEEDS, **POPS}[name](line)
    credential = sweep.Again(line.credential) if protected else None
    n = 0
    for path, replacement, where, mutant, message in sweep.mutants(seed.build, credential):
        if regions and where not in regions:
            continue
        try:
            check_mutant(line, seed, mutant, where, message, protected)
            line.enrol()
        except (AssertionError, OSError, http.client.HTTPException) as e:
            raise AssertionError(f"{name}, element {path} in {where}, {replacement}: {e}\n{mutant.hex()}\n"
                                 f"{line.server.log_text()[-1500:]}") from e
        n += 1
    return n


POPS = {"input": lambda line: ByInput(line, False), "publicKeyMAC": lambda line: ByInput(line, True),
        "encrCert": lambda line: Encrypted(line, "ir")}


@pytest.mark.parametrize("protected", [None, pbm, pbmac1, signature])
@pytest.mark.parametrize("name", SEEDS)
def test_sweep(line, name, protected, figure):
    start = time.monotonic()
    pid = line.server.process.pid
    n = run_sweep(line, name, protected)
    assert n > 200 and line.server.alive() and line.server.process.pid == pid
    assert protected or line.granted == 0
    assert line.refused["badDataFormat"] > 150
    line.server.admin("store", "verify")
    line.server.admin("audit", "verify")
    figure(f"sweep of {name}, {protected.__name__ if protected else 'unprotected'}: {n} mutants in "
           f"{time.monotonic() - start:.0f} s, {line.granted} granted, {dict(line.refused)}")


@pytest.mark.parametrize("name", POPS)
def test_sweep_of_pop(make_line, name, figure):
    """The other forms of proof of possession: what is in the body is all that differs from ir."""
    line, start = make_line(usage=["digitalSignature", "keyEncipherment"]), time.monotonic()
    n = run_sweep(line, name, pbm, {"body"})
    assert n > 200 and line.server.alive() and line.refused["badDataFormat"] > 50 and line.granted > 0
    figure(f"sweep of {name}: {n} mutants in {time.monotonic() - start:.0f} s, {line.granted} granted, {dict(line.refused)}")


PLANTED = [  # the fault, the seed whose sweep finds it, and in which parts of the message
    ("no-parameter-check", "ir", pbm, {"protectionAlg"}, ""),
    ("no-pop", "ir", pbm, {"body"}, "InvalidSignature"),
    ("no-mac", "ir", pbm, {"protection"}, "granted without a right MAC"),
    ("keep-refused", "ir", None, {"body"}, "a stranger has left something"),
    ("absent-optional", "ir", pbm, {"body"}, ""),
]


@pytest.mark.skipif(not FAULT_BUILD, reason="CMPSRV_FAULT_BUILD names no build with planted faults")
@pytest.mark.parametrize("fault, name, protected, regions, found", PLANTED, ids=[p[0] for p in PLANTED])
def test_planted_faults_are_found(make_line, fault, name, protected, regions, found, figure):
    run_sweep(make_line(build=FAULT_BUILD), name, protected, regions)  # nothing is found where nothing is planted
    line, start = make_line(fault, build=FAULT_BUILD), time.monotonic()
    line.enrol()  # the fault alone breaks nothing
    with pytest.raises(AssertionError, match=found):
        run_sweep(line, name, protected, regions)
    seconds = time.monotonic() - start
    if not found:  # it is found because the process has ended: by a signal, or by AddressSanitizer
        assert line.server.process.wait(10) != 0
        line.server.process.returncode = -signal.SIGKILL
    figure(f"planted {fault}: found after {seconds:.1f} s")
    assert seconds < 60
