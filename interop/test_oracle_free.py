# SPDX-License-Identifier: Apache-2.0
"""How long a refusal takes tells nobody who is registered. By rank, so that outliers count little; the answers themselves
are compared in test_client_mode.py."""
import math
import os
import pathlib
import statistics
import time

import pytest

import forge
from test_client_mode import PATH, add, ask, code

REQUESTS = 300
ITERATIONS = 20000  # so that a derivation left out would be most of the time
FAULT_BUILD = os.environ.get("CMPSRV_FAULT_BUILD") and pathlib.Path(os.environ["CMPSRV_FAULT_BUILD"])


def mann_whitney(a, b):
    """Two-sided p by the normal approximation, ties aside: times have hardly any."""
    ranks = {}
    for rank, (_, which, i) in enumerate(sorted([(x, 0, i) for i, x in enumerate(a)] + [(x, 1, i) for i, x in enumerate(b)]), 1):
        ranks[which, i] = rank
    u = sum(r for (which, _), r in ranks.items() if which == 0) - len(a) * (len(a) + 1) / 2
    mean, deviation = len(a) * len(b) / 2, math.sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)
    return math.erfc(abs(u - mean) / deviation / math.sqrt(2))


def with_mac(keys, secret, cn):
    return forge.Msg("ir", forge.cert_req_msg(keys(), cn), implicit=True).der(
        forge.Secret(secret, kid=b"reference", iterations=ITERATIONS))


def with_token(keys, token, cn):
    return forge.Msg("ir", forge.cert_req_msg(keys(), cn, regular=forge.reg_token(token)), implicit=True).der()


def measure(server, cases, keys, make=with_mac, path=PATH, requests=REQUESTS):
    """Seconds of each request, the cases in turn, so that whatever else happens happens to all of them."""
    times = {case: [] for case in cases}
    for _ in range(requests):
        for case, (secret, cn) in cases.items():
            der = make(keys, secret, cn)
            begun = time.perf_counter()
            answer = server.send(der, path)
            times[case].append(time.perf_counter() - begun)
            assert answer.fail_info == ["badMessageCheck"]
    return times


def told_apart(times):
    """Pairs of cases that differ: p below 1e-4, and medians more than 5 % apart."""
    cases = list(times)
    return {(a, b) for i, a in enumerate(cases) for b in cases[i + 1:]
            if mann_whitney(times[a], times[b]) < 1e-4 and
            abs(statistics.median(times[a]) / statistics.median(times[b]) - 1) > 0.05}


def show(figure, runs):
    for times in runs:
        figure("median ms: " + ", ".join(f"{case} {1000 * statistics.median(t):.2f}" for case, t in times.items()))


def make_cases(server, keys):
    used = code(add(server, "oracle used"))
    assert ask(server, used, keys, "oracle used")[1].status == 0
    add(server, "oracle open")
    return {"unknown user": ("x", "nobody"), "wrong secret": ("x", "oracle open"), "used code": (used.secret, "oracle used")}


def test_refusals_take_the_same_time(make_server, keys, figure):
    server = make_server()
    cases = make_cases(server, keys)
    runs = [measure(server, cases, keys) for _ in range(2)]
    show(figure, runs)
    assert not told_apart(runs[0]) & told_apart(runs[1])


@pytest.mark.skipif(not FAULT_BUILD, reason="CMPSRV_FAULT_BUILD names no build with planted faults")
def test_a_derivation_left_out_is_found(make_server, keys):
    server = make_server(start=False, build=FAULT_BUILD)
    server.start({"CMPSRV_FAULT": "no-dummy-derivation"})
    cases = make_cases(server, keys)
    assert ("unknown user", "wrong secret") in told_apart(measure(server, cases, keys))


# ---- a code in the request itself: every "no" is a scrypt ---------------------------------------------------------------

TOKENS = 60  # requests of each case


def token_server(make_server, keys, **kwargs):
    server = make_server(start=False, **kwargs)
    server.configure(lambda c: c["aliases"].update(reg=dict(c["aliases"]["client"], authenticationmodule=["RegTokenPwd"],
                                                            require_protection=False)))
    return server


def token_cases(server, keys):
    for kind in ("clear", "hashed"):
        add(server, f"token {kind}", f"--{kind}", "--generate")
    add(server, "token chosen", "--hashed", "--code", "chosen by somebody")
    used = code(add(server, "token used"))
    assert ask(server, used, keys, "token used")[1].status == 0
    return {"unknown user": ("x", "nobody"), "wrong, clear": ("x", "token clear"), "wrong, hashed": ("x", "token hashed"),
            "wrong, chosen": ("x", "token chosen"), "used code": (used.secret.decode(), "token used")}


def test_wrong_tokens_take_the_same_time(make_server, keys, figure):
    server = token_server(make_server, keys).start()
    cases = token_cases(server, keys)
    runs = [measure(server, cases, keys, with_token, "/cmp/reg", TOKENS) for _ in range(2)]
    show(figure, runs)
    assert not told_apart(runs[0]) & told_apart(runs[1])


@pytest.mark.skipif(not FAULT_BUILD, reason="CMPSRV_FAULT_BUILD names no build with planted faults")
def test_a_scrypt_left_out_is_found(make_server, keys):
    server = token_server(make_server, keys, build=FAULT_BUILD)
    server.start({"CMPSRV_FAULT": "no-dummy-scrypt"})
    cases = token_cases(server, keys)
    assert ("unknown user", "wrong, chosen") in told_apart(measure(server, cases, keys, with_token, "/cmp/reg", TOKENS))
