# SPDX-License-Identifier: Apache-2.0
"""Throw-away certificates for https: a CA, a server, a client."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import forge


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def issue(cn, issuer=None, eku=None, days=30):
    """(key, certificate); issuer is such a pair, None: self-signed CA."""
    key = forge.make_key("ec:P-256")
    ca_key, ca_cert = issuer or (key, None)
    now = datetime.datetime.utcnow()
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                           "encipher_only", "decipher_only"), False)
    builder = (x509.CertificateBuilder().subject_name(name(cn)).issuer_name(ca_cert.subject if ca_cert else name(cn))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=days))
               .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
               .add_extension(x509.KeyUsage(digital_signature=issuer is not None, key_cert_sign=issuer is None,
                                            crl_sign=issuer is None, **usage), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"),
                                                           x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                              critical=False))
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
    return key, builder.sign(ca_key, hashes.SHA256())


def twin(cert, key):
    """(key, certificate): another key, the same names, serial and subjectKeyIdentifier, signed by itself."""
    builder = x509.CertificateBuilder(cert.issuer, cert.subject, key.public_key(), cert.serial_number, cert.not_valid_before,
                                      cert.not_valid_after)
    for extension in cert.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return key, builder.sign(key, hashes.SHA256())


def write(directory, stem, pair):
    key, cert = pair
    (directory / f"{stem}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (directory / f"{stem}.crt").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return cert


def server_certificate(directory, ca, stem="tls", eku=ExtendedKeyUsageOID.SERVER_AUTH, **kwargs):
    return write(directory, stem, issue("localhost", ca, eku, **kwargs))


def client_certificate(directory, ca, stem="client"):
    return write(directory, stem, issue("a client", ca, ExtendedKeyUsageOID.CLIENT_AUTH))
