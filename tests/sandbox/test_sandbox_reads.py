"""The sandbox's GET endpoints over real HTTP: shapes, filters, paging, lag, and calls as time passes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS
from reconciler.sandbox.timeline import RESULTS, STATUSES, observe

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTACT = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}
PHONE = {
    "from_number": NUMBERS[1].phone_number,
    "to_number": "+12025550177",
    "full_name": "Contact 77",
    "agent_id": AGENTS[1].id,
}
FIELDS = [
    "id",
    "direction",
    "from",
    "call_record",
    "call_status",
    "call_result",
    "disconnection_reason",
    "finished_at",
    "start_at",
    "duration",
    "call_analysis",
    "type",
    "created_at",
    "agent_id",
    "campaign_id",
    "contact",
]


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **parts: float) -> None:
        self.time += timedelta(**parts)


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"x-api-key": "k"}, trust_env=False)


def place(http: httpx.Client, body: dict[str, object]) -> str:
    endpoint = "single-phone-call" if "to_number" in body else "single-contact-call"
    answer = http.post(f"/v1/calls/{endpoint}", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["call_id"])


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def http(clock: HandClock) -> Iterator[httpx.Client]:
    with running(SandboxConfig(clock=clock, seed=1)) as sandbox, client(sandbox.url) as http:
        yield http


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[httpx.Client, list[str]]]:
    """Six calls, an hour apart: four contact calls, a phone call, a scheduled one; seen two hours later."""
    clock = HandClock()
    with running(SandboxConfig(clock=clock, seed=5)) as sandbox, client(sandbox.url) as http:
        placed = []
        for number in range(6):
            body: dict[str, object] = (
                dict(PHONE) if number == 4 else {**CONTACT, "contact_id": str(uuid.UUID(int=number))}
            )
            if number == 5:
                body["schedule"] = {"date": "2026-12-01 09:00:00", "timezone": "UTC"}
            placed.append(place(http, body))
            clock.forward(hours=1)
        clock.forward(hours=1)
        yield http, placed


def ids(http: httpx.Client, query: str) -> tuple[list[str], int]:
    answer = http.get(f"/v1/calls?{query}")
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["data", "count"]
    return [call["id"] for call in answer.json()["data"]], answer.json()["count"]


@pytest.mark.parametrize(
    ("query", "wanted", "count"),
    [
        ("", [5, 4, 3, 2, 1, 0], 6),
        ("order=desc", [5, 4, 3, 2, 1, 0], 6),
        ("order=asc", [0, 1, 2, 3, 4, 5], 6),
        ("limit=2", [5, 4], 6),
        ("limit=2&offset=4", [1, 0], 6),
        ("limit=2&offset=5&order=asc", [5], 6),
        ("offset=9", [], 6),
        ("date_from=2026-06-01T14:00:00Z", [5, 4, 3, 2], 4),
        ("date_from=2026-06-01T16:00:00%2B02:00", [5, 4, 3, 2], 4),
        ("date_to=2026-06-01T14:00:00.000Z&order=asc", [0, 1, 2], 3),
        ("date_from=2026-06-01T13:00:00&date_to=2026-06-01T14:00:00", [2, 1], 2),
        ("date_from=2026-06-02", [], 0),
        ("date_to=2026-06-02&limit=1", [5], 6),
        ("call_status=scheduled", [5], 1),
        (f"agent_id={AGENTS[1].id}", [4], 1),
        ("agent_id=none", [], 0),
        ("phoneNumber=%2B12025550177", [4], 1),
        ("campaign_id=6f1c0000-0000-4000-8000-000000000000", [], 0),
        (f"agent_id={AGENTS[0].id}&date_to=2026-06-01T13:00:00Z", [1, 0], 2),
    ],
)
def test_list_filters(filled: tuple[httpx.Client, list[str]], query: str, wanted: list[int], count: int) -> None:
    http, placed = filled
    assert ids(http, query) == ([placed[number] for number in wanted], count)


def test_list_splits_by_status_and_result(filled: tuple[httpx.Client, list[str]]) -> None:
    http, placed = filled
    by_status = [call for status in STATUSES for call in ids(http, f"call_status={status}")[0]]
    assert sorted(by_status) == sorted(placed)
    by_result = [call for result in RESULTS for call in ids(http, f"call_result={result}")[0]]
    assert sorted(by_result) == sorted(placed[:5])


def test_list_answers_twenty_by_default(http: httpx.Client) -> None:
    placed = [place(http, CONTACT) for _ in range(23)]
    assert ids(http, "") == (placed[:2:-1], 23)
    assert ids(http, "offset=20") == (placed[2::-1], 23)
    assert ids(http, "order=asc&limit=1000") == (placed, 23)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=1e3",
        "limit=%C2%B2",
        "offset=-1",
        "order=up",
        "date_from=yesterday",
        "date_to=2026-13-01",
        "date_from=2026-06-01T10:00:00+02:00",  # an unquoted plus is a blank
        "call_status=done",
        "call_result=completed",
        "phoneNumber=2025550177",
        "phoneNumber=+12025550177",
        "include_transcript=yes",
        "page=2",
        "limit=1&limit=2",
    ],
)
def test_list_refuses_malformed_parameters(filled: tuple[httpx.Client, list[str]], query: str) -> None:
    answer = filled[0].get(f"/v1/calls?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_a_listed_call_has_exactly_the_documented_fields(http: httpx.Client, clock: HandClock) -> None:
    call_id = place(http, {**CONTACT, "metadata": {"invoice": "1"}})
    call = http.get("/v1/calls").json()["data"][0]
    assert list(call) == FIELDS
    assert call["id"] == call_id
    assert call["from"] == NUMBERS[0].phone_number
    assert call["created_at"] == "2026-06-01T12:00:00Z"
    assert call["contact"] == {
        "id": CONTACTS[0].id,
        "full_name": "Contact 1",
        "phone_number": CONTACTS[0].phone_number,
        "email": "contact1@example.com",
        "country": "US",
    }
    assert [call[name] for name in ("call_status", "start_at", "finished_at", "duration")] == [
        "in-queue",
        None,
        None,
        None,
    ]
    clock.forward(hours=1)
    call = http.get("/v1/calls?include_transcript=true").json()["data"][0]
    assert list(call) == [*FIELDS, "chat_history"]
    assert call["start_at"] == "2026-06-01T12:00:02Z"
    assert call["finished_at"] > call["start_at"]


def test_a_phone_call_has_no_contact_record(http: httpx.Client) -> None:
    answer = http.post("/v1/calls/single-phone-call", json={**PHONE, "email": "a@example.com", "country": "US"})
    assert answer.json()["contact_id"] is None
    assert http.get("/v1/calls").json()["data"][0]["contact"] == {
        "id": None,
        "full_name": "Contact 77",
        "phone_number": "+12025550177",
        "email": "a@example.com",
        "country": "US",
    }


def test_one_call(http: httpx.Client) -> None:
    call_id = place(http, CONTACT)
    assert list(http.get(f"/v1/calls/{call_id}").json()) == [*FIELDS, "chat_history"]
    assert list(http.get(f"/v1/calls/{call_id}?include_transcript=false").json()) == FIELDS
    assert http.get(f"/v1/calls/{call_id}?include_transcript=no").status_code == 400
    missing = http.get("/v1/calls/call-unknown")
    assert missing.status_code == 404
    assert missing.json() == {"statusCode": 404, "message": "call not found", "error": "Not Found"}


def test_metadata_is_echoed_only_where_asked_for() -> None:
    with running(SandboxConfig(echo_metadata=True)) as sandbox, client(sandbox.url) as http:
        call_id = place(http, {**CONTACT, "metadata": {"invoice": "1"}})
        assert http.get(f"/v1/calls/{call_id}").json()["metadata"] == {"invoice": "1"}
        assert http.get("/v1/calls").json()["data"][0]["metadata"] == {"invoice": "1"}


def test_scheduled_and_delayed_calls_wait(http: httpx.Client, clock: HandClock) -> None:
    schedule = {"date": "2026-06-01 09:00:00", "timezone": "America/Mexico_City"}  # 15:00 UTC
    scheduled, delayed = place(http, {**CONTACT, "schedule": schedule}), place(http, {**CONTACT, "delay": 5})

    def statuses() -> list[str]:
        return [http.get(f"/v1/calls/{call}").json()["call_status"] for call in (scheduled, delayed)]

    assert statuses() == ["scheduled", "in-queue"]
    clock.forward(minutes=5, seconds=2)
    assert statuses() == ["scheduled", "in-progress"]
    clock.forward(hours=2, minutes=54, seconds=57)
    assert statuses()[0] == "scheduled"
    clock.forward(seconds=3)
    assert statuses()[0] == "in-progress"
    clock.forward(hours=1)
    assert not {"scheduled", "in-queue", "in-progress"} & set(statuses())


def test_calls_end_the_same_way_each_time_and_mostly_answered() -> None:
    later = NOON + timedelta(hours=1)
    ends = [observe(f"call-{number}", NOON, later, scheduled=False) for number in range(500)]
    assert ends == [observe(f"call-{number}", NOON, later, scheduled=True) for number in range(500)]
    counts = {status: sum(end.status == status for end in ends) for status in STATUSES}
    assert counts["completed"] > 300
    assert all(counts[status] for status in ("no-answer", "voice_mail", "busy", "failed"))
    assert {end.result for end in ends} == set(RESULTS)


def test_a_new_call_is_listed_after_the_lag() -> None:
    clock = HandClock()
    with running(SandboxConfig(clock=clock, list_lag=2)) as sandbox, client(sandbox.url) as http:
        call_id = place(http, CONTACT)
        assert ids(http, "") == ([], 0)
        assert ids(http, "date_to=2026-06-02") == ([], 0)
        assert http.get(f"/v1/calls/{call_id}").status_code == 200
        clock.forward(seconds=1.9)
        assert ids(http, "") == ([], 0)
        clock.forward(seconds=0.1)
        assert ids(http, "") == ([call_id], 1)


def test_a_page_can_be_capped() -> None:
    with running(SandboxConfig(page_cap=2)) as sandbox, client(sandbox.url) as http:
        placed = [place(http, CONTACT) for _ in range(3)]
        assert ids(http, "limit=100&order=asc") == (placed[:2], 3)
