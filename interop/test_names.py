# SPDX-License-Identifier: Apache-2.0
"""One name, however it is written, finds one end entity or is refused: string types, case, spaces, order in an RDN; and names
that only look like it."""
import itertools
import random

import pytest

import forge
from der import oid, seq, set_of, tlv
from test_client_mode import add, entity

CN, O, OU, UID, C = "2.5.4.3", "2.5.4.10", "2.5.4.11", "0.9.2342.19200300.100.1.1", "2.5.4.6"
STRINGS = {"UTF8String": (0x0C, "utf-8"), "PrintableString": (0x13, "ascii"), "IA5String": (0x16, "ascii"),
           "T61String": (0x14, "latin-1"), "BMPString": (0x1E, "utf-16-be"), "UniversalString": (0x1C, "utf-32-be")}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("names") / "pki")

    def change(c):
        c["aliases"]["uid"] = dict(c["aliases"]["client"], extractusernamecomponent="UID")
        c["aliases"]["cn"] = dict(c["aliases"]["client"], extractusernamecomponent="CN")
    s.configure(change)
    s.start()
    yield s
    s.stop()


def atv(attribute, text, string="UTF8String"):
    tag, encoding = STRINGS[string]
    return seq(oid(attribute), tlv(tag, text.encode(encoding)))


def name(*rdns, string="UTF8String"):
    """rdns: lists of (attribute, text)."""
    return seq(*(set_of(*sorted(atv(a, t, string) for a, t in rdn)) for rdn in rdns))


def ask(server, secret, keys, subject, alias="client", body="ir"):
    content = forge.pkcs10(keys(), subject=subject) if body == "p10cr" else forge.cert_req_msg(keys(), subject=subject)
    return server.send(forge.Msg(body, content, implicit=True).der(forge.Secret(secret)), f"/cmp/{alias}")


@pytest.fixture(scope="module")
def device(server):
    return add(server, "the device", "--allowed-requests", "unlimited", dn="CN=Some Device+UID=4711, OU=Lab, O=Example")


RDNS = [[(O, "Example")], [(OU, "Lab")], [(CN, "Some Device"), (UID, "4711")]]


def folded(rdns, change):
    return [[(a, change(t)) for a, t in rdn] for rdn in rdns]


@pytest.mark.parametrize("body", ["ir", "p10cr"])
@pytest.mark.parametrize("string", STRINGS)
@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda t: "  " + t.replace(" ", "    ") + " "],
                         ids=["as it is", "upper", "lower", "spaces"])
def test_however_it_is_written(server, keys, device, string, change, body):
    answer = ask(server, device, keys, name(*folded(RDNS, change), string=string), body=body)
    assert answer.status in (0, 1), answer.fail_info
    # as registered, octet by octet, whatever was asked for
    assert answer.x509().subject.public_bytes() == server.query("SELECT subject FROM end_entity WHERE name = 'the device'")[0][0]


def test_mixed_string_types(server, keys, device):
    for tags in itertools.islice(itertools.product(STRINGS, repeat=2), 0, 36, 5):
        rdn = sorted([atv(CN, "some device", tags[0]), atv(UID, "4711", tags[1])])
        subject = seq(set_of(atv(O, "EXAMPLE", tags[1])), set_of(atv(OU, "lab", tags[0])), set_of(*rdn))
        assert ask(server, device, keys, subject).status in (0, 1)


OTHERS = {
    "another order of RDNs": name(*reversed(RDNS)),
    "an RDN for each attribute": name([(O, "Example")], [(OU, "Lab")], [(CN, "Some Device")], [(UID, "4711")]),
    "an attribute more": name(*RDNS, [(C, "DE")]),
    "an attribute less": name(*RDNS[1:]),
    "two common names": name(*RDNS[:2], [(CN, "Some Device"), (CN, "Another"), (UID, "4711")]),
    "NUL in the end": name(RDNS[0], RDNS[1], [(CN, "Some Device\0"), (UID, "4711")]),
    "NUL inside": name(RDNS[0], RDNS[1], [(CN, "Some Device\0.evil"), (UID, "4711")]),
    "NUL in a BMPString": name(RDNS[0], RDNS[1], [(CN, "Some\0Device"), (UID, "4711")], string="BMPString"),
    "a homoglyph": name(RDNS[0], RDNS[1], [(CN, "S\u043eme Device"), (UID, "4711")]),
    "a plus that is text": name(RDNS[0], RDNS[1], [(CN, "Some Device+UID=4711")]),
    "a comma that is text": name([(O, "Example, OU=Lab")], RDNS[2]),
    "no name": seq(),
    "damaged UTF-8": seq(set_of(seq(oid(CN), tlv(0x0C, b"Some\xffDevice")))),
    "half a BMPString": seq(set_of(seq(oid(CN), tlv(0x1E, b"\0S\0o\0m\0e\0")))),
    "an INTEGER": seq(set_of(seq(oid(CN), tlv(0x02, b"\1")))),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_names(server, keys, device, what):
    before = entity(server, "the device"), server.counts()["certificate"]
    answer = ask(server, device, keys, OTHERS[what])
    assert answer.status != 0 and not answer.cert and answer.fail_info == ["badMessageCheck"], answer.fail_info
    assert (entity(server, "the device"), server.counts()["certificate"]) == before


@pytest.mark.parametrize("alias, attribute", [("uid", UID), ("cn", CN)])
def test_a_username_that_is_there_twice(server, keys, alias, attribute):
    """Neither of the two: it could be anybody's choice."""
    first = add(server, f"{alias} first", "--allowed-requests", "unlimited", dn=f"CN=a {alias}")
    add(server, f"{alias} second", "--allowed-requests", "unlimited", dn=f"CN=b {alias}")
    assert ask(server, first, keys, name([(attribute, f"{alias} first")]), alias).status in (0, 1)
    for values in itertools.permutations([f"{alias} first", f"{alias} second"]):
        for rdns in ([[(attribute, v)] for v in values], [[(attribute, v) for v in values]]):
            assert ask(server, first, keys, name(*rdns), alias).fail_info == ["badMessageCheck"]


def test_at_random(server, keys, device):
    """Encodings, case and spaces drawn with a seed; every one is the device's, and the same with one letter changed is nobody's."""
    seed = random.randrange(2 ** 32)
    draw = random.Random(seed)

    def shake(text):
        text = "".join(draw.choice((c.upper(), c.lower())) for c in text)
        return " " * draw.randrange(3) + text.replace(" ", " " * draw.randrange(1, 4)) + " " * draw.randrange(3)

    def subject(rdns):
        return seq(*(set_of(*sorted(atv(a, shake(t), draw.choice(list(STRINGS))) for a, t in rdn)) for rdn in rdns))

    for _ in range(60):
        assert ask(server, device, keys, subject(RDNS)).status in (0, 1), f"seed {seed}"
        where = draw.randrange(3)
        wrong = [rdn if i != where else [(a, t + "x") for a, t in rdn] for i, rdn in enumerate(RDNS)]
        assert ask(server, device, keys, subject(wrong)).fail_info == ["badMessageCheck"], f"seed {seed}"
