"""Running a sandbox: the key, control endpoints, the file of calls, the thread, and the command."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from reconciler.sandbox import FaultPlan, SandboxConfig, SandboxError, running
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTACT = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}
PHONE = {
    "from_number": NUMBERS[0].phone_number,
    "to_number": "+12025550177",
    "full_name": "Contact 77",
    "agent_id": AGENTS[0].id,
}
PATHS = ["/v1/calls", "/v1/calls/x", "/v1/phone-numbers", "/v1/agents", "/v1/agents/x", "/v1/contacts", "/v1/none"]


def client(url: str, key: str | None = "k") -> httpx.Client:
    headers = {} if key is None else {"x-api-key": key}
    return httpx.Client(base_url=url, headers=headers, trust_env=False)


def post(http: httpx.Client, body: object = CONTACT) -> httpx.Response:
    return http.post("/v1/calls/single-contact-call", json=body)


@pytest.mark.parametrize("key", [None, "", "wrong", "s3cre", "s3crets"])
def test_a_wrong_key_opens_nothing(key: str | None) -> None:
    with running(SandboxConfig(api_key="s3cret")) as sandbox, client(sandbox.url, key) as http:
        for answer in [http.get(path) for path in PATHS] + [post(http)]:
            assert answer.status_code == 401
            assert answer.json()["error"] == "Unauthorized"
        assert sandbox.calls() == ()


def test_a_right_key_opens() -> None:
    with running(SandboxConfig(api_key="s3cret")) as sandbox, client(sandbox.url, "s3cret") as http:
        assert post(http).status_code == 200
    assert "s3cret" not in repr(SandboxConfig(api_key="s3cret"))


def test_without_a_set_key_any_but_an_empty_one_opens() -> None:
    with running() as sandbox, client(sandbox.url, "whatever") as http, client(sandbox.url, None) as nobody:
        assert http.get("/v1/calls").status_code == 200
        assert [nobody.get(path).status_code for path in PATHS] == [401] * len(PATHS)
        assert nobody.get("/v1/calls", headers={"x-api-key": ""}).status_code == 401
        assert nobody.get("/_sandbox/health").json() == {"ok": True}


def test_calls_in_parallel_are_each_recorded_once() -> None:
    with running() as sandbox:

        def worker(number: int) -> list[str]:
            with client(sandbox.url) as http:
                return [post(http, {**CONTACT, "metadata": {"n": number}}).json()["call_id"] for _ in range(10)]

        with ThreadPoolExecutor(8) as pool:
            placed = [call for calls in pool.map(worker, range(8)) for call in calls]
        assert sorted(call.call_id for call in sandbox.calls()) == sorted(set(placed))
        assert len(placed) == 80


def test_unknown_paths_and_methods_are_refused_in_json() -> None:
    with running() as sandbox, client(sandbox.url) as http:
        for answer, status in (
            (http.get("/"), 404),
            (http.get("/v1/none"), 404),
            (http.get("/_sandbox/none"), 404),
            (http.delete("/v1/calls"), 405),
            (http.put("/v1/calls/single-contact-call", json=CONTACT), 405),
        ):
            assert answer.status_code == answer.json()["statusCode"] == status
        assert http.delete("/v1/calls").headers["Allow"]


def test_the_record_tells_the_truth_in_order() -> None:
    config = SandboxConfig(clock=lambda: NOON, faults=FaultPlan.from_rules("drop-after#2", "error-before#3"))
    with running(config) as sandbox, client(sandbox.url) as http:
        bodies = [{**CONTACT, "metadata": {"n": n}} for n in range(3)]
        assert post(http, bodies[0]).status_code == 200
        with pytest.raises(httpx.TransportError):
            post(http, bodies[1])
        assert post(http, bodies[2]).status_code == 500
        assert http.post("/v1/calls/single-phone-call", json=PHONE).status_code == 200
        record = http.get("/_sandbox/calls").json()
        assert record["count"] == 3
        assert [call["call_id"] for call in record["data"]] == [call.call_id for call in sandbox.calls()]
        assert [{name: call[name] for name in call if name != "call_id"} for call in record["data"]] == [
            {
                "endpoint": endpoint,
                "body": body,
                "created_at": "2026-06-01T12:00:00Z",
                "answered": answered,
                "status": status,
            }
            for endpoint, body, answered, status in [
                ("single-contact-call", bodies[0], "ok", 200),
                ("single-contact-call", bodies[1], "dropped", None),
                ("single-phone-call", PHONE, "ok", 200),
            ]
        ]


def test_requests_are_counted_by_route_and_answer() -> None:
    with running(SandboxConfig(faults=FaultPlan.from_rules("too-many#1"))) as sandbox, client(sandbox.url) as http:
        for _ in range(3):
            post(http)
        for path in ("/v1/calls/a", "/v1/calls/b", "/v1/calls", "/elsewhere"):
            http.get(path)
        counts = http.get("/_sandbox/requests").json()
        assert counts == sandbox.requests()
        assert counts["total"] == 7
        assert counts["too_many"] == 1
        assert counts["answered"] == {"429": 1, "200": 3, "404": 3}
        assert counts["requests"] == {
            "POST /v1/calls/single-contact-call": {"total": 3, "answered": {"429": 1, "200": 2}},
            "GET /v1/calls/{id}": {"total": 2, "answered": {"404": 2}},
            "GET /v1/calls": {"total": 1, "answered": {"200": 1}},
            "GET /elsewhere": {"total": 1, "answered": {"404": 1}},
        }


def test_a_foreign_call_takes_its_place_by_creation() -> None:
    with running(SandboxConfig(clock=lambda: NOON)) as sandbox, client(sandbox.url) as http:
        ours = post(http).json()["call_id"]
        old = http.post("/_sandbox/calls", json={**PHONE, "created_at": "2026-05-01T10:00:00+02:00"})
        assert old.json()["created_at"] == "2026-05-01T08:00:00Z"
        new = http.post("/_sandbox/calls", json=CONTACT).json()["call_id"]
        assert [call["id"] for call in http.get("/v1/calls").json()["data"]] == [new, ours, old.json()["call_id"]]
        assert [(call.answered, call.endpoint) for call in sandbox.calls()] == [
            ("ok", "single-contact-call"),
            ("foreign", "single-phone-call"),
            ("foreign", "single-contact-call"),
        ]
        assert "created_at" not in sandbox.calls()[1].body
        for wrong in ({**PHONE, "created_at": "yesterday"}, {**PHONE, "created_at": None}, {**PHONE, "x": 1}, {}):
            assert http.post("/_sandbox/calls", json=wrong).status_code == 400


def test_faults_are_set_and_cleared_over_http() -> None:
    with running() as sandbox, client(sandbox.url) as http:
        plan = {
            "faults": ["too-many#1", "redirect#2"],
            "seed": 3,
            "retry_after": 9,
            "redirect_to": "/x",
            "stall_seconds": 1,
        }
        assert http.post("/_sandbox/faults", json=plan).json() == {"ok": True, "faults": 2}
        first, second, third = (post(http) for _ in range(3))
        assert (first.status_code, first.headers["Retry-After"]) == (429, "9")
        assert (second.status_code, second.headers["Location"]) == (307, "/x")
        assert third.status_code == 200
        http.post("/_sandbox/faults", json={"faults": ["reject"]})
        assert post(http).status_code == 400
        assert http.delete("/_sandbox/faults").json() == {"ok": True, "faults": 0}
        assert post(http).status_code == 200
        for wrong in (
            {},
            {"faults": "reject"},
            {"faults": ["nope"]},
            {"faults": [1]},
            {"faults": [], "x": 1},
            {"faults": [], "seed": "1"},
            {"faults": [], "retry_after": -1},
            {"faults": [], "stall_seconds": "1"},
            {"faults": [], "redirect_to": "/a\r\nb: c"},
        ):
            assert http.post("/_sandbox/faults", json=wrong).status_code == 400, wrong


def test_a_seed_gives_the_same_call_ids() -> None:
    seen = []
    for seed in (7, 7, 8, None, None):
        with running(SandboxConfig(seed=seed)) as sandbox, client(sandbox.url) as http:
            seen.append(tuple(post(http).json()["call_id"] for _ in range(2)))
    assert seen[0] == seen[1]
    assert len({call for pair in seen for call in pair}) == 8


def test_calls_survive_a_restart(tmp_path: Path) -> None:
    config = SandboxConfig(
        db=tmp_path / "calls.db", clock=lambda: NOON, seed=7, faults=FaultPlan.from_rules("drop-after#2")
    )
    made_up = {**CONTACT, "contact_id": "0a0b0c0d-0000-4000-8000-00000000000a"}
    scheduled = {**made_up, "schedule": {"date": "2026-06-15 14:30:00", "timezone": "UTC"}}
    with running(config) as sandbox, client(sandbox.url) as http:
        post(http, scheduled)
        odd = json.dumps({**CONTACT, "metadata": {"text": "\ud800 é"}})
        with pytest.raises(httpx.TransportError):
            http.post("/v1/calls/single-contact-call", content=odd, headers={"Content-Type": "application/json"})
        before, listed, people = sandbox.calls(), http.get("/v1/calls").json(), http.get("/v1/contacts").json()
    assert [call.answered for call in before] == ["ok", "dropped"]
    with running(config) as sandbox, client(sandbox.url) as http:
        assert sandbox.calls() == before
        assert http.get("/v1/calls").json() == listed
        assert http.get("/v1/contacts").json() == people
        assert post(http).status_code == 200
        assert len({call.call_id for call in sandbox.calls()}) == 3


def test_two_sandboxes_never_share_a_file(tmp_path: Path) -> None:
    config = SandboxConfig(db=tmp_path / "calls.db")
    with running(config), pytest.raises(SandboxError, match="locked"), running(config):
        pass
    with running(config):
        pass


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "text.db"
    broken.write_text("not a database, " * 100)
    for path in (broken, tmp_path / "none" / "calls.db"):
        with pytest.raises(SandboxError, match=path.name), running(SandboxConfig(db=path)):
            pass


def test_nothing_is_left_running() -> None:
    threads = threading.active_count()
    with running() as sandbox, client(sandbox.url) as http:
        post(http)
        assert sandbox.url.startswith("http://127.0.0.1:")
    assert threading.active_count() == threads
    assert len(sandbox.calls()) == 1
    with pytest.raises(httpx.ConnectError), client(sandbox.url) as http:
        http.get("/_sandbox/health")


def test_a_sandbox_ends_when_the_block_raises() -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), running():
        raise ZeroDivisionError
    assert threading.active_count() == threads


def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"port {port}"), running(SandboxConfig(port=port)):
            pass
