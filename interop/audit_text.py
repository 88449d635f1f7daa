# SPDX-License-Identifier: Apache-2.0
"""Audit records as the store keeps them, unpacked (src/store/audit_text.c): the same words, which never change."""
WORDS = ['{"event":"issued","alias":"', '{"event":"confirmed","alias":"', '{"event":"', '","alias":"', '","tid":"', '","body":"',
         '","module":"HMAC","source":"alias","identity":"', '","module":"EndEntityCertificate","source":"', '","module":"',
         '","source":"', '","identity":"', '","ca":"', '","serial":"', '","entity":"', '","subject":"CN=', '","subject":"',
         '","reason":"', '","failInfo":"', '","detail":"', '","crlReason":', '","operator":"', '"}']
HEX, COPY = 0x1f, 0x1e


def unpack(packed):
    text, at = b"", 0
    while at < len(packed):
        first = packed[at]
        if first == HEX:
            text += packed[at + 2:at + 2 + packed[at + 1]].hex().encode()
            at += 2 + packed[at + 1]
        elif first == COPY:
            start = len(text) - packed[at + 1]
            text += text[start:start + packed[at + 2]]
            at += 3
        else:
            text += WORDS[first - 1].encode() if first < HEX - 1 else packed[at:at + 1]
            at += 1
    return text.decode()
