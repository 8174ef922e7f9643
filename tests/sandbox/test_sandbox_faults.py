"""Each fault: what was truly recorded, and what the client saw."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reconciler.sandbox import Fault, FaultPlan, Rate, RunningSandbox, SandboxConfig, running
from reconciler.sandbox.faults import ON_GET, ON_LISTS, RECORDED, FaultDial, FaultRule
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS
from reconciler.sandbox.traffic import Throttle

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BODY = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}
POST = "POST /v1/calls/single-contact-call"
PLAN = FaultPlan(stall_seconds=30, retry_after=7, redirect_to="http://127.0.0.1:1/x")


def client(url: str, timeout: float = 5) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"x-api-key": "k"}, trust_env=False, timeout=timeout)


def post(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/calls/single-contact-call", json=BODY)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running(SandboxConfig(faults=PLAN)) as sandbox:
        yield sandbox


STATUSES = {
    Fault.ERROR_BEFORE: 500,
    Fault.ERROR_AFTER: 500,
    Fault.BAD_GATEWAY: 502,
    Fault.UNAVAILABLE: 503,
    Fault.TOO_MANY: 429,
    Fault.TOO_MANY_BARE: 429,
    Fault.REJECT: 400,
    Fault.NOT_FOUND: 404,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
}
BROKEN = {
    Fault.DROP_BEFORE: "dropped",
    Fault.DROP_AFTER: "dropped",
    Fault.STALL_BEFORE: "stalled",
    Fault.STALL_AFTER: "stalled",
    Fault.HALF_ANSWER: "half-answer",
}


@pytest.mark.parametrize("fault", STATUSES)
def test_faults_that_are_a_status(sandbox: RunningSandbox, fault: Fault) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults(fault)
    with client(sandbox.url) as http:
        answer = post(http)
    assert answer.status_code == answer.json()["statusCode"] == STATUSES[fault]
    assert answer.headers.get("Retry-After") == ("7" if fault is Fault.TOO_MANY else None)
    recorded = [(call.answered, call.status) for call in sandbox.calls()[before:]]
    assert recorded == ([("error", 500)] if fault is Fault.ERROR_AFTER else [])


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER])
def test_a_dropped_connection(sandbox: RunningSandbox, fault: Fault) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults(fault)
    with client(sandbox.url) as http, pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(http)
    recorded = [(call.answered, call.status) for call in sandbox.calls()[before:]]
    assert recorded == ([("dropped", None)] if fault is Fault.DROP_AFTER else [])


@pytest.mark.parametrize("fault", [Fault.STALL_BEFORE, Fault.STALL_AFTER])
def test_a_stall_lasts_until_the_client_gives_up(sandbox: RunningSandbox, fault: Fault) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults(fault)
    with client(sandbox.url, timeout=0.2) as http, pytest.raises(httpx.ReadTimeout):
        post(http)
    recorded = [(call.answered, call.status) for call in sandbox.calls()[before:]]
    assert recorded == ([("stalled", None)] if fault is Fault.STALL_AFTER else [])


def test_a_stall_is_bounded_and_ends_with_the_sandbox() -> None:
    begun = time.monotonic()
    config = SandboxConfig(faults=replace(FaultPlan.from_rules("stall-after"), stall_seconds=0.05))
    with running(config) as sandbox, client(sandbox.url) as http, pytest.raises(httpx.RemoteProtocolError):
        post(http)
    config = SandboxConfig(faults=replace(FaultPlan.from_rules("stall-after"), stall_seconds=600))
    with running(config) as sandbox, client(sandbox.url, timeout=0.1) as http, pytest.raises(httpx.ReadTimeout):
        post(http)
    assert time.monotonic() - begun < 5


def test_half_an_answer(sandbox: RunningSandbox) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults("half-answer")
    with client(sandbox.url) as http, http.stream("POST", "/v1/calls/single-contact-call", json=BODY) as answer:
        assert answer.status_code == 200
        promised = int(answer.headers["Content-Length"])
        got = b""
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):  # noqa: PT012 - the loop is what raises
            for chunk in answer.iter_raw():
                got += chunk
    assert 0 < len(got) < promised
    assert [call.answered for call in sandbox.calls()[before:]] == ["half-answer"]


def test_an_answer_that_is_no_json(sandbox: RunningSandbox) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults("not-json")
    with client(sandbox.url) as http:
        answer = post(http)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert [call.answered for call in sandbox.calls()[before:]] == ["not-json"]


@pytest.mark.parametrize("wrap", [False, True])
def test_an_answer_without_call_id(wrap: bool) -> None:
    with (
        running(SandboxConfig(wrap=wrap, faults=FaultPlan.from_rules("no-call-id"))) as sandbox,
        client(sandbox.url) as http,
    ):
        answer = post(http)
        assert answer.status_code == 200
        assert answer.json()
        assert "call_id" not in answer.text
        assert [call.answered for call in sandbox.calls()] == ["no-call-id"]


def test_the_id_of_another_call(sandbox: RunningSandbox) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults("same-call-id#2-3")
    with client(sandbox.url) as http:
        ids = [post(http).json()["call_id"] for _ in range(3)]
    calls = sandbox.calls()[before:]
    assert ids == [calls[0].call_id] * 3
    assert len({call.call_id for call in calls}) == 3
    assert [call.answered for call in calls] == ["ok", "same-call-id", "same-call-id"]


def test_an_answer_behind_the_answer(sandbox: RunningSandbox) -> None:
    """A client that uses its connection again takes it for the answer to its next request."""
    before = len(sandbox.calls())
    sandbox.set_faults("stray-answer#1")
    with client(sandbox.url) as http:
        assert [post(http).status_code for _ in range(2)] == [200, 429]
    with client(sandbox.url) as http:
        assert post(http).status_code == 200
    assert [call.answered for call in sandbox.calls()[before:]] == ["ok"] * 3


def test_a_redirect(sandbox: RunningSandbox) -> None:
    before = len(sandbox.calls())
    sandbox.set_faults("redirect")
    with client(sandbox.url) as http:
        answer = post(http)
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:1/x")
    assert len(sandbox.calls()) == before


def test_a_client_that_follows_a_redirect_is_seen() -> None:
    with running(SandboxConfig(faults=FaultPlan.from_rules("redirect"))) as sandbox, client(sandbox.url) as http:
        http.post("/v1/calls/single-contact-call", json=BODY, follow_redirects=True)
        assert set(sandbox.requests()["requests"]) == {POST, "POST /elsewhere"}


def test_every_fault_is_tried_above() -> None:
    others = {Fault.NOT_JSON, Fault.NO_CALL_ID, Fault.SAME_CALL_ID, Fault.STRAY_ANSWER, Fault.REDIRECT}
    assert set(STATUSES) | set(BROKEN) | others == set(Fault) - ON_LISTS, "those are tried in test_sandbox_lists"


def test_a_wrong_body_is_refused_whatever_would_follow(sandbox: RunningSandbox) -> None:
    before = len(sandbox.calls())
    for fault in RECORDED:
        sandbox.set_faults(fault)
        with client(sandbox.url) as http:
            assert http.post("/v1/calls/single-contact-call", json={}).status_code == 400
    assert len(sandbox.calls()) == before


@pytest.mark.parametrize("fault", sorted(ON_GET))
def test_faults_of_gets(sandbox: RunningSandbox, fault: Fault) -> None:
    sandbox.set_faults(f"get:{fault}#2")
    with client(sandbox.url, timeout=0.2 if fault is Fault.STALL_BEFORE else 5) as http:
        assert http.get("/v1/agents").status_code == 200
        if fault in BROKEN:
            with pytest.raises(httpx.TransportError):
                http.get("/v1/calls")
        elif fault is Fault.NOT_JSON:
            assert http.get("/v1/calls").text.startswith("<html>")
        else:
            assert http.get("/v1/calls").status_code == STATUSES.get(fault, 307)
        assert http.get("/v1/calls").status_code == 200
        assert post(http).status_code == 200


def test_counted_faults_hit_exactly_these_requests() -> None:
    config = SandboxConfig(faults=FaultPlan.from_rules("error-after#2", "reject#2,4-5", "unavailable#7"))
    with running(config) as sandbox, client(sandbox.url) as http:
        with client(sandbox.url) as stranger:
            stranger.headers["x-api-key"] = ""
            assert post(stranger).status_code == 401  # not counted
        assert [post(http).status_code for _ in range(8)] == [200, 500, 200, 400, 400, 200, 503, 200]
        assert len(sandbox.calls()) == 5
        sandbox.set_faults("reject#1")
        assert [post(http).status_code for _ in range(2)] == [400, 200]
        sandbox.set_faults()
        assert post(http).status_code == 200
        answered = {"401": 1, "200": 6, "500": 1, "400": 3, "503": 1}
        assert sandbox.requests()["requests"] == {POST: {"total": 12, "answered": answered}}


def picks(plan: FaultPlan, count: int) -> list[Fault | None]:
    dial = FaultDial(plan)
    return [dial.pick(on_get=False) for _ in range(count)]


def test_faults_by_chance_follow_the_seed() -> None:
    plan = FaultPlan.from_rules("drop-after=0.2", "error-before=0.5", seed=7)
    hits = picks(plan, 2000)
    assert hits == picks(plan, 2000)
    assert hits != picks(replace(plan, seed=8), 2000)
    assert 320 < hits.count(Fault.DROP_AFTER) < 480
    assert 700 < hits.count(Fault.ERROR_BEFORE) < 900
    assert picks(FaultPlan.from_rules("drop-after=0"), 50) == [None] * 50
    assert picks(FaultPlan.from_rules("drop-after=1"), 50) == [Fault.DROP_AFTER] * 50


def test_gets_and_posts_are_counted_apart() -> None:
    dial = FaultDial(FaultPlan.from_rules("get:unavailable#1", "reject#1"))
    assert [dial.pick(on_get=on_get) for on_get in (False, True, False, True)] == [
        Fault.REJECT,
        Fault.UNAVAILABLE,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "nope", "put:reject", "DROP-AFTER", "get:drop-after", "get:no-call-id"),
        *("drop-after=", "drop-after=2", "reject=-1", "reject=nan", "drop-after=0.1#2"),
        *("drop-after#", "drop-after#0", "drop-after#3-2", "reject#1,"),
    ],
)
def test_wrong_rules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault|probability|numbers|recorded"):
        FaultRule.parse(text)


def test_the_rate_limit() -> None:
    moments = [NOON]
    config = SandboxConfig(rate_limit=Rate.parse("2/s"), clock=lambda: moments[-1])
    with running(config) as sandbox, client(sandbox.url) as http:
        answers = [post(http) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].json()["error"] == "Too Many Requests"
        assert http.get("/_sandbox/health").status_code == 200
        moments.append(NOON + timedelta(seconds=0.5))
        assert [post(http).status_code for _ in range(2)] == [200, 429]
        assert len(sandbox.calls()) == 3
        assert sandbox.requests()["too_many"] == 3


def test_a_throttle_says_how_long_to_wait() -> None:
    moments = [NOON]
    throttle = Throttle(Rate.parse("1/min"), lambda: moments[-1])
    assert [throttle.take(), throttle.take()] == [0, 60]
    moments.append(NOON + timedelta(seconds=45))
    assert throttle.take() == 15
    for moment in (NOON - timedelta(days=1), NOON + timedelta(seconds=45)):
        moments.append(moment)  # a clock set back and forth gives nothing and takes nothing
        assert throttle.take() == 15
    assert Rate.parse("600/h") == Rate(600, 3600)


@pytest.mark.parametrize("text", ["", "5", "0/s", "5/m", "-1/s", "5/s ", "1e3/s"])
def test_wrong_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        Rate.parse(text)


def test_latency_delays_answers() -> None:
    with running(SandboxConfig(latency=0.05)) as sandbox, client(sandbox.url) as http:
        begun = time.monotonic()
        assert post(http).status_code == 200
        assert time.monotonic() - begun >= 0.05
