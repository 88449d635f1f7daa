# SPDX-License-Identifier: Apache-2.0
"""DER written and read by hand, so that the forge can be wrong on purpose."""


def length(n):
    if n < 0x80:
        return bytes([n])
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def tlv(tag, content):
    return bytes([tag]) + length(len(content)) + content


def seq(*parts):
    return tlv(0x30, b"".join(parts))


def set_of(*parts):
    return tlv(0x31, b"".join(parts))


def explicit(n, content):
    return tlv(0xA0 | n, content)


def integer(n):
    octets = (n.bit_length() + 8) // 8 if n >= 0 else ((-n - 1).bit_length() + 8) // 8
    return tlv(2, n.to_bytes(max(octets, 1), "big", signed=True))


def octets(b):
    return tlv(4, b)


def bits(b):
    return tlv(3, b"\0" + b)


def null():
    return b"\5\0"


def utf8(text):
    return tlv(0x0C, text.encode())


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        chunk = bytes([arc & 0x7F])
        while arc > 0x7F:
            arc >>= 7
            chunk = bytes([0x80 | (arc & 0x7F)]) + chunk
        out += chunk
    return tlv(6, out)


class Node:
    """One element: tag, content, all of it; children of what is constructed."""

    def __init__(self, tag, content, raw):
        self.tag, self.content, self.raw = tag, content, raw

    def __iter__(self):
        return iter(read_all(self.content))

    def __getitem__(self, i):
        return read_all(self.content)[i]

    def __len__(self):
        return len(read_all(self.content))

    def int(self):
        return int.from_bytes(self.content, "big", signed=True)


def read(data):
    """The first element and what follows it."""
    n, at = data[1], 2
    if n & 0x80:
        count = n & 0x7F
        n, at = int.from_bytes(data[2:2 + count], "big"), 2 + count
    if at + n > len(data):
        raise ValueError("element is longer than its data")
    return Node(data[0], data[at:at + n], data[:at + n]), data[at + n:]


def read_all(data):
    out = []
    while data:
        node, data = read(data)
        out.append(node)
    return out


def parse(data):
    node, rest = read(data)
    if rest:
        raise ValueError("trailing octets")
    return node
