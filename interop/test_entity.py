# SPDX-License-Identifier: Apache-2.0
"""End entities as an operator registers them: names, what a code is good for, who made them, and what is refused."""
import ipaddress
import json
import sqlite3

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from conftest import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    def change(conf):
        conf["cas"]["Other"] = dict(conf["cas"]["ManagementCA"])
        conf["certificate_profiles"]["NARROW"] = {"available_cas": ["Other"]}
        conf["end_entity_profiles"] = {
            "EMPTY": {"default_ca": "ManagementCA", "default_certificate_profile": "ENDUSER"},
            "DEVICE": {"default_ca": "ManagementCA", "default_certificate_profile": "ENDUSER",
                       "available_cas": ["ManagementCA"], "available_certificate_profiles": ["ENDUSER"]},
            "WIDE": {}}
    s = Server(tmp_path_factory.mktemp("entity") / "pki")  # nobody has to serve
    s.configure(change)
    return s


def table(done):
    return {row["setting"]: row["value"] for row in json.loads(done.stdout)}


def add(server, name, *args, **kwargs):
    return server.admin("entity", "add", name, "--dn", f"CN={name}", *args, **kwargs)


def entity(server, name):
    return table(server.admin("entity", "show", name, "--json"))


def change(server, sql, *args):
    with sqlite3.connect(server.dir / "cmp-server.db") as db:
        assert db.execute(sql, args).rowcount == 1


# ---- names -------------------------------------------------------------------------------------------------------------

def test_names_of_every_type(server):
    names = ["DNS:a.example", "dNSName:*.b.example", "URI:urn:x", "IP:192.0.2.1", "IP:2001:db8::1", "dirName:CN=a,O=b",
             "RID:1.2.3", "upn:u@d", "otherName:1.2.3.4;UTF8:text"]
    args = [a for n in names for a in ("--san", n)]
    shown = table(add(server, "names", *args[:4], "--email", "a@b.example", *args[4:], "--json"))
    assert shown["san"] == entity(server, "names")["san"] == (
        "dNSName:a.example, dNSName:*.b.example, uniformResourceIdentifier:urn:x, iPAddress:192.0.2.1, "
        "iPAddress:2001:db8::1, directoryName:CN=a,O=b, registeredID:1.2.3, upn:u@d, otherName:1.2.3.4;UTF8:text, "
        "rfc822Name:a@b.example")
    dn = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b"), x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    expected = x509.SubjectAlternativeName([
        x509.DNSName("a.example"), x509.DNSName("*.b.example"), x509.UniformResourceIdentifier("urn:x"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")), x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.DirectoryName(dn), x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x03u@d"),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c\x04text"), x509.RFC822Name("a@b.example")])
    assert server.query("SELECT san FROM end_entity WHERE name = 'names'") == [(expected.public_bytes(),)]


def test_set_replaces_all_names_or_none(server):
    add(server, "renamed", "--san", "DNS:a", "--san", "IP:192.0.2.1")
    server.admin("entity", "set", "renamed", "--status", "failed")
    assert entity(server, "renamed")["san"] == "dNSName:a, iPAddress:192.0.2.1"
    server.admin("entity", "set", "renamed", "--email", "a@b", "--email", "c@d")
    assert entity(server, "renamed")["san"] == "rfc822Name:a@b, rfc822Name:c@d"
    add(server, "nameless")
    assert entity(server, "nameless")["san"] == "none"
    assert server.query("SELECT san FROM end_entity WHERE name = 'nameless'") == [(None,)]


@pytest.mark.parametrize("args, allowed", [
    (["--san", "a.example"], "TYPE:VALUE"), (["--san", "dns"], "dNSName (DNS)"), (["--san", "DNS:-"], "host name"),
    (["--san", "DNS:192.0.2.1"], "no number"), (["--san", "IP:a"], "IPv4 or IPv6"), (["--san", "URI:a"], "scheme:"),
    (["--san", "dirName:a"], "CN=a,O=b"), (["--san", "RID:x"], "1.2.3"), (["--san", "otherName:1.2.3"], "OID;UTF8:text"),
    (["--email", "a"], "user@host"), (["--san", "DNS:a", "--email", "a b@c"], "user@host")])
def test_names_that_are_none(server, args, allowed):
    add(server, "kept", "--san", "DNS:kept", check=False)
    for command in (["add", "wrong", "--dn", "CN=wrong"], ["set", "kept"]):
        done = server.admin("entity", *command, *args, check=False)
        assert done.returncode == 1 and allowed in done.stderr, done.stderr
    assert server.query("SELECT count(*) FROM end_entity WHERE name = 'wrong'") == [(0,)]
    assert entity(server, "kept")["san"] == "dNSName:kept"


def test_how_many_names(server):
    many = [a for i in range(100) for a in ("--san", f"DNS:n{i}")]
    add(server, "a hundred", *many)
    assert entity(server, "a hundred")["san"].count("dNSName") == 100
    done = add(server, "more", *many, "--email", "a@b", check=False)
    assert done.returncode == 1 and "100" in done.stderr
    done = add(server, "more", *many, "--san", "DNS:b", check=False)
    assert done.returncode == 2 and "--san can be given 100 times" in done.stderr
    for option in ("--san", "--email"):
        assert add(server, "more", option, check=False).returncode == 2


# ---- who, and how often ------------------------------------------------------------------------------------------------

def test_who_made_it(server):
    add(server, "whose")
    assert entity(server, "whose")["made by"] == "operator"
    change(server, "UPDATE end_entity SET alias = 'factory' WHERE name = 'whose'")
    assert entity(server, "whose")["made by"] == "alias factory"
    server.admin("entity", "set", "whose", "--allowed-requests", "2")
    assert entity(server, "whose")["made by"] == "operator"


@pytest.mark.parametrize("args, left", [(["--status", "new"], "0"), (["--code", "c"], "0"), (["--generate"], "0"),
                                        (["--allowed-requests", "3"], "7"), (["--san", "DNS:a"], "7")])
def test_wrong_codes(server, args, left):
    name = f"wrong {' '.join(args)}"
    add(server, name)
    assert entity(server, name)["wrong codes"] == "0"
    change(server, "UPDATE end_entity SET attempts = 7 WHERE name = ?", name)
    assert entity(server, name)["wrong codes"] == "7"
    shown = table(server.admin("entity", "set", name, *args, "--json"))
    assert shown["wrong codes"] == entity(server, name)["wrong codes"] == left


def test_requests_of_the_profile(server):
    assert table(add(server, "one", "--json"))["requests left"] == "1"
    assert table(add(server, "five", "--allowed-requests", "5", "--json"))["requests left"] == "5"
    assert table(add(server, "any", "--allowed-requests", "unlimited", "--json"))["requests left"] == "unlimited"


# ---- what the profiles have --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("args, named", [
    (["--end-entity-profile", "DEVICE", "--ca", "Other"], ["CA Other", "end entity profile DEVICE", "available_cas", "ManagementCA"]),
    (["--end-entity-profile", "DEVICE", "--certificate-profile", "NARROW"],
     ["certificate profile NARROW", "end entity profile DEVICE", "available_certificate_profiles", "ENDUSER"]),
    (["--certificate-profile", "NARROW"], ["CA ManagementCA", "certificate profile NARROW", "available_cas", ": Other"]),
    (["--end-entity-profile", "WIDE", "--ca", "ManagementCA", "--certificate-profile", "NARROW"], ["CA ManagementCA", "NARROW"])])
def test_not_available(server, args, named):
    done = add(server, "nowhere", *args, check=False)
    assert done.returncode == 1 and all(n in done.stderr for n in named), done.stderr
    assert server.query("SELECT count(*) FROM end_entity WHERE name = 'nowhere'") == [(0,)]


def test_available(server):
    add(server, "in device", "--end-entity-profile", "DEVICE")
    add(server, "in narrow", "--end-entity-profile", "WIDE", "--ca", "Other", "--certificate-profile", "NARROW")
    assert entity(server, "in narrow")["certificate profile"] == "NARROW"


# ---- RAs ---------------------------------------------------------------------------------------------------------------

def test_an_ra_takes_nobodys_name(server):
    add(server, "somebody")
    before = server.query("SELECT * FROM end_entity WHERE name = 'somebody'")
    done = server.admin("ra", "issue", "somebody", "--ca", "ManagementCA", "--dir", str(server.dir), check=False)
    assert done.returncode == 1 and "somebody is the name of an end entity that is no RA" in done.stderr
    assert server.query("SELECT * FROM end_entity WHERE name = 'somebody'") == before
    assert not list(server.dir.glob("somebody.*"))
    for i in (1, 2):  # another certificate for the same RA
        server.admin("ra", "issue", "line", "--ca", "ManagementCA", "--dir", str(server.dir))
        for file in server.dir.glob("line.*"):
            file.rename(server.dir / f"{i}{file.name}")
    assert len(server.certs("--entity", "line")) == 2


def test_a_name_that_was_somebodys(shared, keys):
    """Whose certificates are good could sign for the next one of that name."""
    name = "was somebody's"
    assert shared.enrol(keys(), name, implicit=True)[2].status == 0
    shared.admin("entity", "delete", name)
    done = shared.admin("entity", "add", name, "--dn", f"CN={name}", check=False)
    assert done.returncode == 1 and "1 of its certificates are good yet" in done.stderr
    shared.admin("cert", "revoke", shared.certs("--entity", name)[0]["serial"], "--ca", "ManagementCA", "--reason", "unspecified")
    shared.admin("entity", "add", name, "--dn", f"CN={name}")
    assert "already" in shared.admin("entity", "add", name, "--dn", f"CN={name}", check=False).stderr
