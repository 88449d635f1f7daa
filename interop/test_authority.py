# SPDX-License-Identifier: Apache-2.0
"""Every body x every identity: what is allowed stands in a table, everything else is refused and changes nothing."""
import pytest

import forge
from conftest import wait_for
from test_client_mode import add, code
from test_modules import configure

IDENTITIES = ["RA by secret", "RA by certificate", "end entity by code", "end entity by certificate", "RA of another alias",
              "RA of another CA", "ordinary end entity at an RA's alias", "revoked RA", "expired RA", "nobody"]
RA, CLIENT = IDENTITIES[:2], IDENTITIES[2:4]
ALLOWED = {  # body: who may; a body that is not here nobody may send
    "ir": RA + CLIENT, "cr": RA + CLIENT, "p10cr": RA + CLIENT, "rr": RA + CLIENT,
    # of a transaction of their own, which every one of these has opened
    "certConf": RA + CLIENT, "error": RA + CLIENT,
}
LATER = {"kur", "nested", "genm", "pollReq"}  # come with later issues
NEVER = set(forge.BODIES) - set(ALLOWED) - LATER


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("authority") / "pki")
    s.configure(configure)

    def change(c):
        s.admin("init", "--dir", str(s.dir / "second"), config=False)
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key"}
        c["certificate_profiles"]["BRIEF"] = dict(c["certificate_profiles"]["ENDUSER"], validity="1s")
        c["aliases"]["brief"] = dict(c["aliases"]["ra"], **{"ra.certificateprofile": "BRIEF"})
        c["aliases"]["second"] = dict(c["aliases"]["ra-eec"], authenticationparameters=["SecondCA"], **{"ra.caname": "SecondCA"})
        c["aliases"]["other"] = dict(c["aliases"]["ra"], authenticationparameters=["the secret of another alias"])
        c["ras"] = {"brief": {"subject": "CN=brief"}, "elsewhere": {"subject": "CN=elsewhere", "aliases": ["second"]}}
    s.configure(change)
    s.line1, s.revoked = (s.ra(name, "--ca", "ManagementCA") for name in ("line1", "revoked"))
    s.second, s.elsewhere = s.ra("of the second", "--ca", "SecondCA"), s.ra("elsewhere", "--ca", "ManagementCA")
    s.admin("cert", "revoke", f"{s.revoked.cert.serial_number:x}", "--ca", "ManagementCA", "--reason", "keyCompromise")
    s.start()
    yield s
    s.stop()


@pytest.fixture(scope="module")
def who(server, keys):
    """By identity: the credential and the path it goes to. Some need a certificate first."""
    def certificate(cn, credential, path):
        answer = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), cn), implicit=True).der(credential), path)
        assert answer.status == 0, answer.fail_info
        return forge.Signer(keys(), answer.x509())

    # enough for each test, and never used up
    device = code(add(server, "device", "--allowed-requests", "unlimited"), "device")
    signer = certificate("device", device, "/cmp/hmac")
    ordinary, brief = certificate("ordinary", server.credential, "/cmp/ra"), certificate("brief", server.credential, "/cmp/brief")
    wait_for("a certificate to expire", lambda: server.send(
        forge.Msg("ir", forge.cert_req_msg(keys(), pop=False)).der(brief), "/cmp/ra-eec").fail_info == ["signerNotTrusted"])
    return {"RA by secret": (server.credential, "/cmp/ra-hmac"), "RA by certificate": (server.line1, "/cmp/ra-eec"),
            "end entity by code": (device, "/cmp/hmac"), "end entity by certificate": (signer, "/cmp/eec"),
            "RA of another alias": (server.elsewhere, "/cmp/ra-eec"), "RA of another CA": (server.second, "/cmp/ra-eec"),
            "ordinary end entity at an RA's alias": (ordinary, "/cmp/ra-eec"), "revoked RA": (server.revoked, "/cmp/ra-eec"),
            "expired RA": (brief, "/cmp/ra-eec"), "nobody": (None, "/cmp/ra-eec")}


def content(keys, body, target, cn):
    if body == "p10cr":
        return forge.pkcs10(keys(), cn)
    if body == "rr":
        return forge.rev_details(target)
    if body == "error":
        return forge.seq(forge.seq(forge.integer(2)))
    if body == "pkiconf":
        return forge.null()
    return forge.cert_req_msg(keys(), cn)


def test_the_tables_have_every_body():
    assert len(forge.BODIES) == 27 and set(ALLOWED) | LATER | NEVER == set(forge.BODIES)
    assert not LATER & set(ALLOWED) and not NEVER & (LATER | set(ALLOWED))


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("body", forge.BODIES)
def test_who_may(server, keys, who, identity, body):
    credential, path = who[identity]
    may = identity in ALLOWED.get(body, [])
    # the certificate to revoke: the end entity's own, which an RA may revoke as well
    device, to = who["end entity by code"]
    victim = server.send(forge.Msg("ir", forge.cert_req_msg(keys(), "device"), implicit=True).der(device), to).x509()
    opener = (credential, path) if may else (server.line1, "/cmp/ra-eec")
    cn = "asked for by an RA" if opener[1].startswith("/cmp/ra") else "device"
    first = forge.Msg("ir", forge.cert_req_msg(keys(), cn))
    opened = server.send(first.der(opener[0]), opener[1])
    if body in ("certConf", "error"):
        fields = dict(tid=first.tid, recip_nonce=opened.nonce)
        what = forge.cert_conf(opened.cert) if body == "certConf" else content(keys, body, victim, cn)
    else:
        fields, what = {}, content(keys, body, victim, cn)
    before = server.query("SELECT hex(der), status FROM certificate ORDER BY der")
    answer = server.send(forge.Msg(body, what, implicit=True, **fields).der(credential), path)
    after = server.query("SELECT hex(der), status FROM certificate ORDER BY der")
    if may:
        assert answer.body in ("ip", "cp", "rp", "pkiconf") and answer.status in (None, 0), answer.fail_info
        assert after != before
    else:
        assert answer.body in ("error", "ip", "cp", "rp") and answer.status == 2 and len(answer.fail_info) == 1
        assert answer.cert is None and after == before
        if identity in RA + CLIENT:
            assert answer.fail_info == ["badRequest"]  # whoever they are: the body is not served
        assert answer.kind() is not None
