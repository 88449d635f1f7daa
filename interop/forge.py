# SPDX-License-Identifier: Apache-2.0
"""
A forge of CMP messages for what the stock client cannot send: every header field can be left out, doubled or wrong.
Nothing here is shared with the server: DER by hand, MACs by hashlib, keys and certificates by python-cryptography.
"""
import datetime
import hashlib
import hmac
import os

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives import hmac as independent_hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.kdf import pbkdf2
from cryptography.x509.oid import NameOID

from der import bits, explicit, integer, null, octets, oid, parse, read_all, seq, set_of, tlv, utf8

BODIES = ["ir", "ip", "cr", "cp", "p10cr", "popdecc", "popdecr", "kur", "kup", "krr", "krp", "rr", "rp", "ccr", "ccp",
          "ckuann", "cann", "rann", "crlann", "pkiconf", "nested", "genm", "genp", "error", "certConf", "pollReq",
          "pollRep"]
FAIL_INFO = ["badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId", "badDataFormat", "wrongAuthority",
             "incorrectData", "missingTimeStamp", "badPOP", "certRevoked", "certConfirmed", "wrongIntegrity",
             "badRecipientNonce", "timeNotAvailable", "unacceptedPolicy", "unacceptedExtension",
             "addInfoNotAvailable", "badSenderNonce", "badCertTemplate", "signerNotTrusted", "transactionIdInUse",
             "unsupportedVersion", "notAuthorized", "systemUnavail", "systemFailure", "duplicateCertReq"]
NULL_DN = explicit(4, seq())
PBM = "1.2.840.113533.7.66.13"
PBMAC1 = "1.2.840.113549.1.5.14"
SHA = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2",
       "sha512": "2.16.840.1.101.3.4.2.3"}
HMAC = {"sha1": "1.3.6.1.5.5.8.1.2", "sha224": "1.2.840.113549.2.8", "sha256": "1.2.840.113549.2.9",
        "sha384": "1.2.840.113549.2.10", "sha512": "1.2.840.113549.2.11"}
PBKDF2 = "1.2.840.113549.1.5.12"
IMPLICIT_CONFIRM = seq(oid("1.3.6.1.5.5.7.4.13"), null())
EXTENSION_SAN = "2.5.29.17"
ABSENT = object()


# ---- keys -----------------------------------------------------------------------------------------------------

def make_key(kind):
    if kind.startswith("rsa:"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
                                   [kind.split(":")[1]])


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


DIGESTS = {"sha1": hashes.SHA1(), "sha224": hashes.SHA224(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(),
           "sha512": hashes.SHA512()}
RSA_OIDS = {"sha1": "1.2.840.113549.1.1.5", "sha224": "1.2.840.113549.1.1.14", "sha256": "1.2.840.113549.1.1.11",
            "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}
ECDSA_OIDS = {"sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1", "sha256": "1.2.840.10045.4.3.2",
              "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}


PSS, MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"


def pss_algid(digest, mgf1=None, salt=None, trailer=None):
    """RFC 4055 3.1; salt None: as long as the digest."""
    def hash_alg(name):
        return seq(oid(SHA[name]), null())

    return seq(oid(PSS), seq(explicit(0, hash_alg(digest)), explicit(1, seq(oid(MGF1), hash_alg(mgf1 or digest))),
                             explicit(2, integer(DIGESTS[digest].digest_size if salt is None else salt)),
                             explicit(3, integer(trailer)) if trailer else b""))


def sign(key, data, digest="sha256"):
    """AlgorithmIdentifier and signature. digest "pss-sha256": RSASSA-PSS."""
    if isinstance(key, rsa.RSAPrivateKey) and digest.startswith("pss-"):
        md = DIGESTS[digest[4:]]
        return pss_algid(digest[4:]), key.sign(data, padding.PSS(padding.MGF1(md), md.digest_size), md)
    if isinstance(key, rsa.RSAPrivateKey):
        return seq(oid(RSA_OIDS[digest]), null()), key.sign(data, padding.PKCS1v15(), DIGESTS[digest])
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        return seq(oid("1.3.101.112" if isinstance(key, ed25519.Ed25519PrivateKey) else "1.3.101.113")), key.sign(data)
    return seq(oid(ECDSA_OIDS[digest])), key.sign(data, ec.ECDSA(DIGESTS[digest]))


# ---- MAC ---------------------------------------------------------------------------------------------------------

def pbm_algid(salt, owf="sha256", iterations=500, mac="sha1", owf_oid=None, mac_oid=None):
    return seq(oid(PBM), seq(octets(salt), seq(oid(owf_oid or SHA[owf])), integer(iterations),
                             seq(oid(mac_oid or HMAC[mac]))))


def pbm_key(secret, salt, owf, iterations):
    key = secret + salt
    for _ in range(iterations):
        key = hashlib.new(owf, key).digest()
    return key


class Secret:
    """A MAC credential: reference, secret, and how to use it."""

    def __init__(self, secret, kid=b"forge", owf="sha256", iterations=500, mac="sha1", algid=None, salt=None):
        self.secret = secret if isinstance(secret, bytes) else secret.encode()
        self.kid, self.owf, self.iterations, self.mac, self.algid = kid, owf, iterations, mac, algid
        self.salt = salt

    def protect(self, msg):
        salt = os.urandom(16) if self.salt is None else self.salt
        msg.alg = self.algid or pbm_algid(salt, self.owf, self.iterations, self.mac)
        if msg.kid is None:
            msg.kid = self.kid
        count = min(max(self.iterations, 1), 100000)
        key = pbm_key(self.secret, salt, self.owf, count)
        return lambda part: hmac.new(key, part, self.mac).digest()


def pbmac1_algid(salt, prf="sha256", iterations=1000, mac="sha256", length=32, kdf=PBKDF2, salt_der=None, prf_oid=None,
                 mac_oid=None):
    """length or prf None: absent."""
    parts = [salt_der or octets(salt), integer(iterations)]
    parts += [] if length is None else [integer(length)]
    parts += [] if prf is None else [seq(oid(prf_oid or HMAC[prf]), null())]
    return seq(oid(PBMAC1), seq(seq(oid(kdf), seq(*parts)), seq(oid(mac_oid or HMAC[mac]), null())))


class Pbmac1(Secret):
    """The same secret, used as PBMAC1 (RFC 9481 6.1.2) asks."""

    def __init__(self, secret, kid=b"forge", prf="sha256", iterations=1000, mac="sha256", length=32, algid=None):
        super().__init__(secret, kid, prf, iterations, mac, algid)
        self.length = length

    def protect(self, msg):
        salt = os.urandom(16)
        msg.alg = self.algid or pbmac1_algid(salt, self.owf, self.iterations, self.mac, self.length)
        if msg.kid is None:
            msg.kid = self.kid
        key = hashlib.pbkdf2_hmac(self.owf, self.secret, salt, self.iterations, self.length)
        return lambda part: hmac.new(key, part, self.mac).digest()


class Signer:
    """A signature credential. Header fields and extraCerts that a message has already are left as they are; with algid the
    header says something else than was done."""

    def __init__(self, key, cert, digest="sha256", algid=None):
        self.key, self.cert, self.digest, self.algid = key, cert, digest, algid

    def protect(self, msg):
        msg.alg = self.algid or sign(self.key, b"", self.digest)[0]
        if msg.kid is None:
            msg.kid = self.cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        if msg.sender == NULL_DN:
            msg.sender = explicit(4, self.cert.subject.public_bytes())
        if msg.extra_certs is None:
            msg.extra_certs = [self.cert.public_bytes(serialization.Encoding.DER)]
        return lambda part: sign(self.key, part, self.digest)[1]


# ---- messages ------------------------------------------------------------------------------------------------------

def rdn(attribute, value):
    return set_of(seq(oid(attribute), utf8(value)))


def name(cn):
    return seq(set_of(seq(oid("2.5.4.3"), utf8(cn)))) if cn else seq()


def gentime(when):
    return tlv(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())


class Msg:
    """A PKIMessage to be. Set a header field to ABSENT to leave it out, or to raw DER (bytes) with raw[...]."""

    def __init__(self, body, content, tid=None, recip_nonce=None, implicit=False, **fields):
        self.body = BODIES.index(body) if isinstance(body, str) else body
        self.content = content
        self.pvno, self.sender, self.recipient = 2, NULL_DN, NULL_DN
        self.time = datetime.datetime.utcnow()
        self.alg, self.kid = None, None
        self.recip_kid, self.free_text = None, None
        self.tid = os.urandom(16) if tid is None else tid
        self.nonce, self.recip_nonce = os.urandom(16), recip_nonce
        self.general_info = [IMPLICIT_CONFIRM] if implicit else []
        self.extra_certs = None  # []: none, whatever the credential
        self.protection = None
        self.raw = {}
        for key, value in fields.items():
            setattr(self, key, value)

    def header(self):
        def field(key, n, value, make):
            if key in self.raw:
                return self.raw[key]
            return b"" if value is None or value is ABSENT else explicit(n, make(value))

        return seq(
            self.raw.get("pvno", integer(self.pvno)),
            self.raw.get("sender", self.sender),
            self.raw.get("recipient", self.recipient),
            field("time", 0, self.time, gentime),
            field("alg", 1, self.alg, lambda v: v),
            field("kid", 2, self.kid, octets),
            field("recip_kid", 3, self.recip_kid, octets),
            field("tid", 4, self.tid, octets),
            field("nonce", 5, self.nonce, octets),
            field("recip_nonce", 6, self.recip_nonce, octets),
            field("free_text", 7, self.free_text, lambda v: seq(*map(utf8, v))),
            field("general_info", 8, self.general_info or None, lambda v: seq(*v)))

    def der(self, credential=None):
        make = credential.protect(self) if credential else None
        header, body = self.header(), explicit(self.body, self.content)
        protection = self.protection
        if make and protection is None:
            protection = make(seq(header, body))
        extra = explicit(1, seq(*self.extra_certs)) if self.extra_certs else b""
        return seq(header, body, explicit(0, bits(protection)) if protection is not None else b"", extra)


def cert_req_msg(key, cn="device", cert_req_id=0, subject=None, pop=True, extensions=None, template=None,
                 public_key=None, pop_key=None, regular=b"", digest="sha256", reg_info=b""):
    """CertReqMessages with one CertReqMsg."""
    public = parse(public_key or spki(key)).content
    fields = template if template is not None else (
        explicit(5, name(cn) if subject is None else subject) + tlv(0xA6, public) +
        (tlv(0xA9, b"".join(extensions)) if extensions else b""))
    request = seq(integer(cert_req_id), seq(fields), regular)
    popo = b""
    if pop is True:
        alg, signature = sign(pop_key or key, request, digest)
        popo = tlv(0xA1, alg + bits(signature))
    elif pop:
        popo = pop
    return seq(seq(request, popo, reg_info))


def reg_token(text, form=utf8):
    """Controls, or regInfo, with an id-regCtrl-regToken."""
    return seq(seq(oid("1.3.6.1.5.5.7.5.1.1"), form(text)))


def pkcs10(key, cn="device", extensions=None, digest="sha256", subject=None):
    attributes = tlv(0xA0, seq(oid("1.2.840.113549.1.9.14"), set_of(seq(*extensions))) if extensions else b"")
    info = seq(integer(0), subject or name(cn), spki(key), attributes)
    alg, signature = sign(key, info, digest)
    return seq(info, alg, bits(signature))


def cert_conf(cert_der, cert_req_id=0, status=None, cert_hash=None, hash_alg=None):
    if cert_hash is None:
        cert_hash = hashlib.sha256(cert_der).digest()
    info = b"" if status is None else seq(integer(status))
    return seq(seq(octets(cert_hash), integer(cert_req_id), info,
                   explicit(0, seq(oid(SHA[hash_alg]))) if hash_alg else b""))


def rev_details(cert, reason=None, serial=None):
    details = b""
    if reason is not None:
        details = seq(seq(oid("2.5.29.21"), octets(tlv(0x0A, bytes([reason])))))
    number = parse(integer(cert.serial_number if serial is None else serial)).content
    return seq(seq(seq(tlv(0x81, number), explicit(3, cert.issuer.public_bytes())), details))


# ---- answers -----------------------------------------------------------------------------------------------------------

class Answer:
    """A PKIMessage taken apart."""

    def __init__(self, der):
        self.der = der
        header, body, *rest = parse(der)
        self.header_raw, self.body_raw = header.raw, body.raw
        fields = list(header)
        self.pvno = fields[0].int()
        self.sender, self.recipient = fields[1].raw, fields[2].raw
        optional = {f.tag & 0x1F: f for f in fields[3:]}
        self.time = (datetime.datetime.strptime(optional[0][0].content.decode(), "%Y%m%d%H%M%SZ")
                     if 0 in optional else None)
        self.alg = optional[1][0].raw if 1 in optional else None
        self.kid = optional[2][0].content if 2 in optional else None
        self.tid = optional[4][0].content if 4 in optional else None
        self.nonce = optional[5][0].content if 5 in optional else None
        self.recip_nonce = optional[6][0].content if 6 in optional else None
        self.info = [item.raw for item in optional[8][0]] if 8 in optional else []
        self.body = BODIES[body.tag & 0x1F]
        self.content = body[0]
        self.protection = self.extra = None
        self.extra_certs = []
        for part in rest:
            if part.tag == 0xA0:
                self.protection = part[0].content[1:]
            else:
                self.extra_certs = [c.raw for c in part[0]]
        self.status = self.cert_req_id = self.cert = self.encrypted_cert = None
        self.fail_info, self.text, self.ca_pubs = [], "", []
        self._read_body()

    def _read_status(self, node):
        parts = list(node)
        self.status = parts[0].int()
        for part in parts[1:]:
            if part.tag == 0x30:
                self.text = part[0].content.decode()
            elif part.tag == 3:
                octet_bits = part.content[1:]
                self.fail_info = [FAIL_INFO[i] for i in range(8 * len(octet_bits))
                                  if octet_bits[i // 8] & (0x80 >> (i % 8))]

    def _read_body(self):
        if self.body in ("ip", "cp", "kup"):
            parts = list(self.content)
            if parts[0].tag == 0xA1:
                self.ca_pubs = [c.raw for c in parts.pop(0)[0]]
            response = list(parts[0][0])
            self.cert_req_id = response[0].int()
            self._read_status(response[1])
            if len(response) > 2:
                choice = response[2][0]
                if choice.tag == 0xA0:
                    self.cert = choice[0].raw
                else:
                    self.encrypted_cert = choice[0]
        elif self.body == "rp":
            self._read_status(self.content[0][0])
        elif self.body == "error":
            self._read_status(self.content[0])

    @property
    def implicit(self):
        return IMPLICIT_CONFIRM in self.info

    def kind(self):
        """How it is protected: None, "mac" or "signature"."""
        if self.protection is None:
            return None
        return "mac" if parse(self.alg)[0].raw in (oid(PBM), oid(PBMAC1)) else "signature"

    def mac_is_right(self, secret):
        params = parse(self.alg)[1]
        if parse(self.alg)[0].raw == oid(PBMAC1):
            return self._pbmac1_is_right(params, secret if isinstance(secret, bytes) else secret.encode())
        salt, owf, count, mac = params[0].content, params[1][0].raw, params[2].int(), params[3][0].raw
        owf = next(k for k, v in SHA.items() if oid(v) == owf)
        mac = next(k for k, v in HMAC.items() if oid(v) == mac)
        key = pbm_key(secret if isinstance(secret, bytes) else secret.encode(), salt, owf, count)
        return hmac.compare_digest(hmac.new(key, seq(self.header_raw, self.body_raw), mac).digest(), self.protection)

    def _pbmac1_is_right(self, params, secret):
        salt, count, length, prf = params[0][1]
        kinds = {"sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
        digest = {oid(HMAC[name]): kind() for name, kind in kinds.items()}
        key = pbkdf2.PBKDF2HMAC(digest[prf[0].raw], length.int(), salt.content, count.int()).derive(secret)
        mac = independent_hmac.HMAC(key, digest[params[1][0].raw])
        mac.update(seq(self.header_raw, self.body_raw))
        try:
            mac.verify(self.protection)
        except InvalidSignature:
            return False
        return True

    def pss_digest(self):
        """Of an answer under RSASSA-PSS whose parameters are as RFC 4055 3.1 wants them."""
        return next((d for d in SHA if self.alg == pss_algid(d)), None)

    def signature_is_right(self, cert=None):
        """By the certificate in extraCerts[0] if none is given; its subject is the sender, its SKI senderKID."""
        cert = cert or x509.load_der_x509_certificate(self.extra_certs[0])
        key, data = cert.public_key(), seq(self.header_raw, self.body_raw)
        names = {oid(o): name for table in (RSA_OIDS, ECDSA_OIDS) for name, o in table.items()}
        alg = DIGESTS.get(names.get(parse(self.alg)[0].raw))
        if isinstance(key, rsa.RSAPublicKey) and parse(self.alg)[0].raw == oid(PSS):
            alg = DIGESTS[self.pss_digest()]
            key.verify(self.protection, data, padding.PSS(padding.MGF1(alg), alg.digest_size), alg)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(self.protection, data, padding.PKCS1v15(), alg)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(self.protection, data)
        else:
            key.verify(self.protection, data, ec.ECDSA(alg))
        ski = cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        return self.sender == explicit(4, cert.subject.public_bytes()) and self.kid == ski

    def x509(self):
        return x509.load_der_x509_certificate(self.cert)


def common_name(cert):
    return cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


__all__ = [n for n in dir() if not n.startswith("_")] + ["read_all"]
