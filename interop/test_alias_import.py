# SPDX-License-Identifier: Apache-2.0
"""cmp-admin alias import: EJBCA's aliases, as its command line dumps them, load and serve here. cmp-admin alias check."""
import json
import stat
import subprocess

import pytest
import yaml

import forge
from conftest import server_binary

# The alias of EJBCA's guide to RA mode, with every key that `config cmp dumpalias` prints.
SAMPLE = """Some line of the log
 factory.operationmode = ra
 factory.authenticationmodule = HMAC
 factory.authenticationparameters = password
 factory.extractusernamecomponent = DN
 factory.vendorcertificatemode = false
 factory.vendorcaids =
 factory.responseprotection = pbe
 factory.response.capubsca =
 factory.response.capubsissuingca = true
 factory.response.extracertsca =
 factory.allowraverifypopo = true
 factory.allowautomatickeyupdate = false
 factory.allowupdatewithsamekey = true
 factory.allowservergenkeys = false
 factory.extendedvalidation = false
 factory.ra.namegenerationscheme = DN
 factory.ra.namegenerationparameters = UID
 factory.ra.namegenerationprefix = cmp
 factory.ra.namegenerationpostfix =
 factory.ra.passwordgenparams = random
 factory.ra.allowcustomcertserno = false
 factory.ra.endentityprofileid = 1356531849
 factory.ra.certificateprofile = CMP_CERT
 factory.ra.caname = ManagementCA
 factory.defaultca = CN=ManagementCA
 factory.racertificatepath =
 factory.ra.endentitycertificate.omitverifications = false
 factory.certreqhandler.class =
"""
MAPPED = ("--map", "eep:1356531849=CMP_ENTITY")
CANARY = "canary-2f6b1d"


@pytest.fixture
def server(make_server):
    def change(c):
        c["certificate_profiles"]["CMP_CERT"] = {}
        c["end_entity_profiles"]["CMP_ENTITY"] = {}
        c["include"] = ["imported.yaml"]

    s = make_server(start=False, change=change)
    (s.dir / "imported.yaml").write_text("aliases:\n")
    return s


@pytest.fixture
def dump(tmp_path):
    def write(text):
        (tmp_path / "dump.properties").write_text(text)
        return str(tmp_path / "dump.properties")

    return write


def outcomes(report):
    return {row["key"]: row["outcome"] for row in report}


def check_config(server):
    return subprocess.run([server_binary(server.build), "--config", server.config, "--check-config"],
                          capture_output=True, text=True, timeout=60)


def test_the_sample_loads_and_serves(server, dump, tmp_path):
    done = server.admin("alias", "import", dump(SAMPLE), *MAPPED, "--json", check=False)
    document = json.loads(done.stdout)
    alias = yaml.safe_load(document["yaml"])["aliases"]["factory"]
    told = outcomes(document["report"])
    lines = [line.split(" = ")[0].strip() for line in SAMPLE.splitlines()[1:]]
    assert set(told) == {line.removesuffix(" =").removeprefix("factory.") for line in lines}
    assert document["skipped_lines"] == 1
    assert not any(row.get("from") == "password" or "[password]" in row.get("to", "") for row in document["report"])

    assert done.returncode == 0 and document["refused"] == 0 and told["allowraverifypopo"] == "taken"
    assert alias == {"conformance": "ejbca", "operationmode": "ra", "authenticationmodule": ["HMAC"],
                     "authenticationparameters": ["password"], "responseprotection": "pbe", "defaultca": "ManagementCA",
                     "response.capubsissuingca": True, "allowautomatickeyupdate": False, "allowupdatewithsamekey": True,
                     "allowservergenkeys": False, "allowraverifypopo": True, "ra.namegenerationscheme": "DN",
                     "ra.namegenerationparameters": ["UID"], "ra.namegenerationprefix": "cmp",
                     "ra.passwordgenparams": "random", "ra.allowcustomcertserno": False, "ra.endentityprofile": "CMP_ENTITY",
                     "ra.certificateprofile": "CMP_CERT", "ra.caname": "ManagementCA",
                     "ra.endentitycertificate.omitverifications": False}

    (server.dir / "imported.yaml").write_text(document["yaml"])
    checked = check_config(server)
    assert checked.returncode == 0, checked.stderr
    server.start()
    cert = tmp_path / "cert.pem"
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    for pop in ([], ["-popo", "0"]):  # signed, and verified by the RA
        done = server.client("ir", "-newkey", key, "-subject", "/UID=4711/CN=device", *pop, "-certout", cert,
                             "-rspout", tmp_path / "rsp.der", secret="password", path="ejbca/publicweb/cmp/factory")
        assert done.returncode == 0, done.stderr
        answer = forge.Answer((tmp_path / "rsp.der").read_bytes())
        assert answer.kind() == "mac" and answer.mac_is_right("password")
    assert [c["entity"] for c in server.certs() if c["entity"].startswith("cmp")] == ["cmp4711", "cmp4711"]


def test_a_secret_stays_in_its_file(server, dump, tmp_path):
    (server.dir / "factory.secret").write_text("password\n")
    out = tmp_path / "out.yaml"
    done = server.admin("alias", "import", dump(SAMPLE.replace("password\n", f"encv1:6b:{CANARY}\n")), *MAPPED,
                        "--secret", "file:factory.secret", "--out", str(out), check=False)
    assert done.stdout == "" and CANARY not in done.stderr and "[password]" not in out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    alias = yaml.safe_load(out.read_text())["aliases"]["factory"]
    assert alias["authenticationparameters"] == [{"file": "factory.secret"}]
    (server.dir / "imported.yaml").write_text(out.read_text())
    assert check_config(server).returncode == 0


def test_a_secret_that_cannot_be_read(server, dump):
    done = server.admin("alias", "import", dump(SAMPLE.replace("password\n", f"encv1:6b:{CANARY}\n")), *MAPPED,
                        check=False)
    assert done.returncode == 1 and CANARY not in done.stderr + done.stdout
    assert "--secret file:FILE" in done.stderr and yaml.safe_load(done.stdout) == {"aliases": None}
    assert "\n  # factory: refused: it could authenticate nobody" in done.stdout


def test_a_clear_secret_is_in_the_yaml_and_nowhere_else(server, dump):
    text = SAMPLE.replace("password\n", CANARY + "\n")
    done = server.admin("alias", "import", dump(text), *MAPPED, check=False)
    assert done.stdout.count(CANARY) == 1 and CANARY not in done.stderr and "in the clear" in done.stderr
    document = json.loads(server.admin("alias", "import", dump(text), *MAPPED, "--json", check=False).stdout)
    assert CANARY in document.pop("yaml") and CANARY not in json.dumps(document)


def test_a_profile_without_a_map_does_not_load_as_another(server, dump):
    """The default profile would allow more."""
    done = server.admin("alias", "import", dump(SAMPLE), check=False)
    assert done.returncode == 1 and "give --map eep:1356531849=NAME" in done.stderr
    (server.dir / "imported.yaml").write_text(done.stdout)
    checked = check_config(server)
    assert checked.returncode == 1 and "ra.endentityprofile" in checked.stderr


def test_what_is_to_be_done_comes_last(server, dump):
    text = SAMPLE.replace("CN=ManagementCA", "CN=Another CA,O=Example,C=SE") + (
        "abc.operationmode = ra\nabc.authenticationmodule = HMAC\nabc.authenticationparameters = password\n")
    told = server.admin("alias", "import", dump(text), "--secret", "file:x", check=False).stderr.splitlines()
    refused = [line for line in told if " refused: " in line]
    assert told[-1 - len(refused):-1] == refused and len(refused) > 2
    assert any('give --map "ca:CN=Another CA,O=Example,C=SE=NAME"' in line for line in refused)
    assert any("and abc has it; import each with --alias NAME" in line for line in refused)
    done = server.admin("alias", "import", dump(text), "--map", "ca:CN=Another CA,O=Example,C=SE=ManagementCA", check=False)
    assert yaml.safe_load(done.stdout)["aliases"]["factory"]["defaultca"] == "ManagementCA"


def test_the_default_ca_by_its_subject(server, dump):
    def default_ca(*args, config=True):
        done = server.admin("alias", "import", dump(SAMPLE), *MAPPED, *args, config=config, check=False)
        return yaml.safe_load(done.stdout)["aliases"]["factory"].get("defaultca"), done.stderr

    assert default_ca()[0] == "ManagementCA"
    name, told = default_ca(config=False)
    assert name is None and "defaultca: refused" in told
    assert default_ca("--map", "ca:CN=ManagementCA=Other", config=False)[0] == "Other"
    assert default_ca("--map", "ca:CN=ManagementCA=Other")[0] == "Other"  # what is said counts more
    server.config.write_text(server.config.read_text() + "nonsense: 1\n")
    name, told = default_ca()
    assert name is None and "does not load" in told


def test_several_aliases(server, dump):
    both = dump(SAMPLE + "client.operationmode=client\nclient.authenticationmodule=HMAC\n"
                         "client.authenticationparameters=-\n")
    done = server.admin("alias", "import", both, *MAPPED, check=False)
    assert set(yaml.safe_load(done.stdout)["aliases"]) == {"factory", "client"} and "2 aliases:" in done.stderr
    done = server.admin("alias", "import", both, "--alias", "client")
    assert set(yaml.safe_load(done.stdout)["aliases"]) == {"client"} and "factory" not in done.stderr
    done = server.admin("alias", "import", both, "--alias", "Client", check=False)
    assert done.returncode == 1 and "no such alias" in done.stderr and done.stdout == ""
    (server.dir / "imported.yaml").write_text(
        server.admin("alias", "import", both, "--alias", "client").stdout.replace("  client:", "  other:"))
    assert check_config(server).returncode == 0


def test_files_and_usage(server, dump, tmp_path):
    sample = dump(SAMPLE)
    for args in ([], [sample, sample], [sample, "--map"], [sample, "--map", "eep:5"], [sample, "--map", "=x"],
                 [sample, "--map", "eep:=x"], [sample, "--map", "eep:5="], [sample, "--map", "cap:5=x"],
                 [sample, "--secret", CANARY], [sample, "--secret", "file:"], [sample, "--odd"]):
        done = server.admin("alias", "import", *args, config=False, check=False)
        assert done.returncode == 2 and done.stdout == "" and CANARY not in done.stderr, args
    done = server.admin("alias", "import", str(tmp_path / "none"), config=False, check=False)
    assert done.returncode == 1 and "none" in done.stderr
    done = server.admin("alias", "import", dump("nothing\nthat.is = an alias\n"), config=False, check=False)
    assert done.returncode == 1 and "2 lines skipped" in done.stderr
    taken = tmp_path / "taken.yaml"
    taken.write_text("mine")
    done = server.admin("alias", "import", dump(SAMPLE), "--out", str(taken), config=False, check=False)
    assert done.returncode == 1 and taken.read_text() == "mine"
    piped = subprocess.run([server.build / "cmp-admin", "alias", "import", "-", *MAPPED], input=SAMPLE, text=True,
                           capture_output=True, timeout=60)
    assert yaml.safe_load(piped.stdout)["aliases"]["factory"]["operationmode"] == "ra"


# ---- alias check


def test_check(server):
    done = server.admin("alias", "check", "ra")
    assert done.returncode == 0 and json.loads(server.admin("alias", "check", "ra", "--json").stdout) == []
    server.alias(conformance="ejbca")
    rows = json.loads(server.admin("alias", "check", "ra", "--json").stdout)
    assert {r["severity"] for r in rows} == {"hint"} and "unconfirmed" in {r["setting"] for r in rows}
    server.alias(signature_digests=["sha1", "sha256"], authenticationparameters=[CANARY])
    done = server.admin("alias", "check", "ra", check=False)
    assert done.returncode == 1 and "sha1" in done.stdout and CANARY not in done.stdout + done.stderr
    assert "warning" in done.stdout and "What to do" in done.stdout


def test_check_of_what_is_not_there(server):
    assert server.admin("alias", "check", "nobody", check=False).returncode == 1
    assert server.admin("alias", "check", check=False).returncode == 2
    server.alias(operationmode="both")
    done = server.admin("alias", "check", "ra", check=False)
    assert done.returncode == 1 and f"{server.config}:" in done.stderr
