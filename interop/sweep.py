# SPDX-License-Identifier: Apache-2.0
"""Every element of a message replaced in turn, outer lengths mended, and the protection made anew if wanted."""
import der
import forge

REPLACEMENTS = {
    "absent": lambda e: b"",
    "NULL": lambda e: b"\x05\x00",
    "BOOLEAN": lambda e: b"\x01\x01\xff",
    "INTEGER": lambda e: b"\x02\x01\x07",
    "OID": lambda e: b"\x06\x03\x2a\x03\x04",
    "SEQUENCE": lambda e: b"\x30\x00",
    "SET": lambda e: b"\x31\x00",
    "OCTET STRING": lambda e: b"\x04\x02\x00\x01",
    "BIT STRING": lambda e: b"\x03\x02\x00\x80",
    "UTF8String": lambda e: b"\x0c\x01x",
    "empty": lambda e: bytes([e.tag, 0]),
    "duplicated": lambda e: e.raw + e.raw,
    "zeroed": lambda e: e.raw[:len(e.raw) - len(e.content)] + bytes(len(e.content)),
}

HEADER = {0xA0: "messageTime", 0xA1: "protectionAlg", 0xA2: "senderKID", 0xA3: "recipKID", 0xA4: "transactionID",
          0xA5: "senderNonce", 0xA6: "recipNonce", 0xA7: "freeText", 0xA8: "generalInfo"}


def children(element):
    """What is inside a constructed element; none if it is primitive."""
    return der.read_all(element.content) if element.tag & 0x20 else []


def paths(element, at=()):
    """Every element by its place, the outermost first."""
    yield at
    for i, child in enumerate(children(element)):
        yield from paths(child, at + (i,))


def replace(element, path, make):
    """The element's encoding with the one at `path` replaced."""
    if not path:
        return make(element)
    inside = b"".join(replace(c, path[1:], make) if i == path[0] else c.raw
                      for i, c in enumerate(children(element)))
    return der.tlv(element.tag, inside)


def region(message, path):
    """Which part of a PKIMessage a path lies in: a header field, body, protection, extraCerts, or message."""
    if not path:
        return "message"
    part = children(message)[path[0]]
    if path[0] > 1:
        return "protection" if part.tag == 0xA0 else "extraCerts"
    if path[0] == 1:
        return "body" if path != (1,) else "body tag"
    if len(path) == 1:
        return "header"
    field = children(part)[path[1]]
    return ("pvno", "sender", "recipient")[path[1]] if path[1] < 3 else HEADER[field.tag]


def protect_again(mutant, make_mac):
    """The same parts with protection that is right for them; as it is if it has no parts any more."""
    try:
        outer = der.parse(mutant)
        parts = children(outer)
        if len(parts) < 2:
            return mutant
        protection = der.explicit(0, der.bits(make_mac(der.seq(parts[0].raw, parts[1].raw))))
        return der.tlv(outer.tag, parts[0].raw + parts[1].raw + protection + b"".join(p.raw for p in parts[2:] if p.tag != 0xA0))
    except (ValueError, IndexError):
        return mutant


def mutants(build, credential=None):
    """(path, replacement, region, DER, message) for each element of what build() makes; with a credential each is a
    message of its own, protected again unless the mutation is of the protection."""
    count = len(list(paths(der.parse(build().der(credential)))))
    for n in range(count):
        for name, make in REPLACEMENTS.items():
            message = build()
            whole = der.parse(message.der(credential))
            path = list(paths(whole))[n]
            where = region(whole, path)
            out = replace(whole, path, make)
            if credential and where not in ("message", "protection", "extraCerts"):
                out = protect_again(out, credential.again)
            yield path, name, where, out, message


class Again:
    """A credential that remembers the key of its last message, to protect what became of it."""

    def __init__(self, credential):
        self.credential = credential

    def protect(self, msg):
        self.again = self.credential.protect(msg)
        return self.again
