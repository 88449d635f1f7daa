# SPDX-License-Identifier: Apache-2.0
"""Two tenants on one server: nothing that the identities of one can send, at whichever alias, changes a row of the other,
whether they have a CA of their own each or share one under end entity profiles of their own."""
import pytest

import forge
from der import explicit
from test_client_mode import add

BODIES = ["ir", "cr", "p10cr", "kur", "rr", "certConf"]
TENANTS = {"x": ("ManagementCA", "X"), "y": ("SecondCA", "Y"), "z": ("ManagementCA", "Z")}


def aliases_of(tenant):
    return [f"{tenant}-ra", f"{tenant}-eec", f"{tenant}-client"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    s = Server(tmp_path_factory.mktemp("tenants") / "pki")
    s.admin("init", "--dir", str(s.dir / "second"), config=False)

    def change(c):
        c["cas"]["SecondCA"] = {"certificate": "second/issuing.crt", "key": "file:second/issuing.key"}
        for tenant, (ca, profile) in TENANTS.items():
            c["end_entity_profiles"][profile] = {"default_ca": ca, "default_certificate_profile": "ENDUSER", "available_cas": [ca]}
            ra = {"operationmode": "ra", "ra.endentityprofile": profile, "ra.caname": ca, "ra.certificateprofile": "ENDUSER"}
            c["aliases"][f"{tenant}-ra"] = dict(ra, authenticationmodule=["HMAC"], authenticationparameters=["secret of " + tenant],
                                                allow_mac_rr=True)
            c["aliases"][f"{tenant}-eec"] = dict(ra, authenticationmodule=["EndEntityCertificate"], authenticationparameters=[ca])
            c["aliases"][f"{tenant}-client"] = {"operationmode": "client", "authenticationmodule": ["HMAC", "EndEntityCertificate"],
                                                "cas": [ca], "end_entity_profiles": [profile], "defaultca": ca, "allow_mac_rr": True}
        c["ras"] = {f"ra of {t}": {"subject": f"CN=line {t}", "aliases": [f"{t}-eec"]} for t in TENANTS}
    s.configure(change)
    s.start()
    s.who = {tenant: make_identities(s, tenant) for tenant in TENANTS}
    yield s
    s.stop()


def make_identities(server, tenant):
    """Name of each identity to its credential and the alias it belongs to."""
    ca, profile = TENANTS[tenant]
    secret = forge.Secret("secret of " + tenant)
    line = enrol(server, f"{tenant}-ra", secret, f"line {tenant}")
    device = enrol(server, f"{tenant}-ra", secret, f"{tenant}-signs")
    code = add(server, f"{tenant}-has-a-code", "--ca", ca, "--end-entity-profile", profile, "--allowed-requests", "1000")
    own = forge.Secret(code, kid=f"{tenant}-has-a-code".encode())
    return {"RA's secret": secret, "RA's certificate": line, "code": own, "certificate": device}


def enrol(server, alias, credential, cn):
    key = forge.make_key("ec:P-256")
    answer = server.send(forge.Msg("ir", forge.cert_req_msg(key, cn), implicit=True).der(credential), f"/cmp/{alias}")
    assert answer.status == 0, (answer.fail_info, server.log_text()[-500:])
    return forge.Signer(key, answer.x509())


def victims(server, tenant):
    """What a tenant has: an end entity with a certificate, one with a code, a transaction that waits for certConf."""
    if not hasattr(server, "victims"):
        server.victims = {}
    if tenant not in server.victims:
        who = server.who[tenant]
        enrolled = enrol(server, f"{tenant}-ra", who["RA's secret"], f"{tenant}-device")
        msg = forge.Msg("ir", forge.cert_req_msg(forge.make_key("ec:P-256"), f"{tenant}-waits"))
        answer = server.send(msg.der(who["RA's secret"]), f"/cmp/{tenant}-ra")
        assert answer.status == 0
        server.victims[tenant] = (enrolled.cert, msg, answer)
    return server.victims[tenant]


def rows_of(server, tenant):
    """All that belongs to a tenant, as the database has it."""
    own = server.query("SELECT n FROM ca WHERE name = ?", TENANTS[tenant][0])[0][0]
    everything = {
        "end_entity": server.query("SELECT * FROM end_entity WHERE name LIKE ? OR name = ? ORDER BY name", f"{tenant}-%", f"line {tenant}"),
        "certificate": server.query("SELECT * FROM certificate WHERE alias IN (SELECT n FROM alias WHERE name LIKE ?) ORDER BY serial", f"{tenant}-%"),
        "txn": server.query("SELECT * FROM txn WHERE alias LIKE ? AND state <> 3 ORDER BY tid", f"{tenant}-%")}
    if tenant == "y":  # nobody else issues with its CA
        everything["issued"] = server.query("SELECT serial FROM certificate WHERE ca = ? ORDER BY serial", own)
    return everything


def attacks(server, tenant, body):
    """Messages about what belongs to a tenant: contents, and further fields of the message."""
    cert, msg, answer = victims(server, tenant)
    issuer = cert.issuer.public_bytes()
    key = forge.make_key("ec:P-256")
    public = forge.parse(forge.spki(key)).content
    if body == "rr":
        return [(forge.rev_details(c, 1), {}) for c in (cert, answer.x509())]
    if body == "certConf":
        return [(forge.cert_conf(answer.cert, status=status), {"tid": msg.tid, "recip_nonce": answer.nonce}) for status in (None, 2)]
    if body == "p10cr":
        return [(forge.pkcs10(key, cn), {}) for cn in (f"{tenant}-device", f"{tenant}-has-a-code")]
    requests = [(forge.cert_req_msg(key, cn), {}) for cn in (f"{tenant}-device", f"{tenant}-has-a-code", f"line {tenant}")]
    template = explicit(3, issuer) + explicit(5, forge.name("somebody new")) + forge.tlv(0xA6, public)
    return requests + [(forge.cert_req_msg(key, template=template), {"recipient": explicit(4, issuer)})]


def grants(answer):
    return answer.status in (0, 1) or answer.body == "pkiconf"


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("identity", ["RA's secret", "RA's certificate", "code", "certificate"])
@pytest.mark.parametrize("of, against", [("x", "y"), ("y", "x"), ("x", "z"), ("z", "x")])
def test_nothing_of_another(server, of, against, identity, body):
    """At its own alias and at all of the other's."""
    credential = server.who[of][identity]
    messages, before = attacks(server, against, body), rows_of(server, against)
    for alias in aliases_of(of) + aliases_of(against):
        for content, fields in messages:
            answer = server.send(forge.Msg(body, content, implicit=True, **fields).der(credential), f"/cmp/{alias}")
            if grants(answer) and answer.cert:  # its own alias may give it something of its own
                alias_of, entity = server.query("SELECT (SELECT name FROM alias WHERE n = alias), end_entity FROM certificate WHERE der = ?", answer.cert)[0]
                assert alias_of in aliases_of(of) and not entity.startswith(against + "-"), (alias, entity)
            else:
                assert not grants(answer), (alias, answer.body)
            assert rows_of(server, against) == before, (alias, answer.body, answer.fail_info)


@pytest.mark.parametrize("tenant", sorted(TENANTS))
def test_its_own(server, tenant):
    """The same messages are good where they belong, so that the ones above are refused for the tenant alone."""
    who = server.who[tenant]
    name = f"{tenant}-revocable"
    for identity, alias in (("RA's secret", "ra"), ("RA's certificate", "eec")):
        signer = enrol(server, f"{tenant}-{alias}", who[identity], name)
        again = enrol(server, f"{tenant}-{alias}", who[identity], name)
        for c in (signer.cert, again.cert):
            answer = server.send(forge.Msg("rr", forge.rev_details(c, 1)).der(who[identity]), f"/cmp/{tenant}-{alias}")
            assert answer.body == "rp" and answer.status == 0, answer.fail_info
    first = enrol(server, f"{tenant}-ra", who["RA's secret"], name)  # an alias of the tenant revokes what another has issued
    answer = server.send(forge.Msg("rr", forge.rev_details(first.cert, 1)).der(who["RA's certificate"]), f"/cmp/{tenant}-eec")
    assert answer.status == 0, answer.fail_info
    key = forge.make_key("ec:P-256")
    msg = forge.Msg("ir", forge.cert_req_msg(key, f"{tenant}-has-a-code"), implicit=True)
    assert server.send(msg.der(who["code"]), f"/cmp/{tenant}-client").status == 0
