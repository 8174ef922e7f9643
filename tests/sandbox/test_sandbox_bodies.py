"""What the sandbox takes as a call, to the letter: right bodies beside wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest

from reconciler.domain.wire import ScheduleFields
from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTACT = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}
PHONE = {
    "from_number": NUMBERS[0].phone_number,
    "to_number": "+12025550177",
    "full_name": "Contact 77",
    "agent_id": AGENTS[0].id,
}
OTHER = "0a0b0c0d-0000-4000-8000-00000000000a"
Running = tuple[RunningSandbox, httpx.Client]


def started(config: SandboxConfig) -> Iterator[Running]:
    with (
        running(config) as sandbox,
        httpx.Client(base_url=sandbox.url, headers={"x-api-key": "k"}, trust_env=False) as http,
    ):
        yield sandbox, http


@pytest.fixture(scope="module")
def lenient() -> Iterator[Running]:
    yield from started(SandboxConfig(clock=lambda: NOON))


@pytest.fixture(scope="module")
def strict() -> Iterator[Running]:
    yield from started(SandboxConfig(clock=lambda: NOON, strict_ids=True))


def post(http: httpx.Client, body: object) -> httpx.Response:
    phone = isinstance(body, dict) and "to_number" in body
    return http.post(f"/v1/calls/single-{'phone' if phone else 'contact'}-call", json=body)


def without(body: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in body.items() if key != name}


def at(text: str, zone: str = "UTC") -> dict[str, object]:
    return {"date": text, "timezone": zone}


RIGHT: list[dict[str, object]] = [
    CONTACT,
    {**CONTACT, "contact_id": OTHER, "agent_id": OTHER, "from_number_id": OTHER},
    {**CONTACT, "contact_id": f"contact-{OTHER.upper()}"},
    {**CONTACT, "additional_data": []},
    {
        **CONTACT,
        "additional_data": [{"key": "amount_debt", "value": "14058"}, {"key": "", "value": "é\U0001f600"}],
    },
    {**CONTACT, "delay": 0},
    {**CONTACT, "delay": 0.5},
    {**CONTACT, "schedule": at("2026-06-01 12:00:00")},
    {**CONTACT, "schedule": at("2026-06-15 14:30:00", "America/Mexico_City")},
    {**CONTACT, "schedule": at("2027-03-28 02:30:00", "Europe/Madrid")},  # skipped there
    {**CONTACT, "schedule": at("2026-10-25 02:30:00", "Europe/Madrid")},  # twice there
    {**CONTACT, "metadata": {}},
    {**CONTACT, "metadata": {"n": 1, "deep": {"list": [None, True]}}},
    PHONE,
    {**PHONE, "email": "a@example.com", "country": "MX", "webhook_url": "https://example.com/x"},
    {**PHONE, "delay": 5, "additional_data": [{"key": "a", "value": "b"}], "metadata": {"a": "b"}},
    {**PHONE, "full_name": "lone \ud800 surrogate"},
]


@pytest.mark.parametrize("body", RIGHT)
def test_right_bodies_are_recorded_as_received(lenient: Running, body: dict[str, object]) -> None:
    sandbox, http = lenient
    before = len(sandbox.calls())
    answer = http.post(
        f"/v1/calls/single-{'phone' if 'to_number' in body else 'contact'}-call",
        content=json.dumps(body),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert list(receipt) == ["call_id", "agent_id", "contact_id", "created_at"]
    assert receipt["call_id"].startswith("call-")
    assert receipt["agent_id"] == body["agent_id"]
    assert receipt["contact_id"] == body.get("contact_id")
    assert receipt["created_at"] == "2026-06-01T12:00:00Z"
    (call,) = sandbox.calls()[before:]
    assert (call.body, call.answered, call.status, call.call_id) == (body, "ok", 200, receipt["call_id"])


WRONG: list[tuple[dict[str, object], str]] = [
    *((without(CONTACT, name), name) for name in CONTACT),
    *((without(PHONE, name), name) for name in PHONE if name != "to_number"),
    *(
        ({**CONTACT, name: value}, name)
        for name in CONTACT
        for value in ("", "x", 7, None, f"{OTHER}0", f" {OTHER}")
    ),
    *(
        ({**PHONE, "from_number": value}, "from_number")
        for value in ("2025550100", "+0202", "+1 202 555", 1, None)
    ),
    *(
        ({**PHONE, "to_number": value}, "to_number")
        for value in ("+1202555017x", "", 12025550177, "+1202555017712345")
    ),
    *(({**PHONE, "full_name": value}, "full_name") for value in ("", "  ", 7, None)),
    ({**PHONE, "email": 7}, "email"),
    ({**PHONE, "country": None}, "country"),
    *(({**PHONE, "webhook_url": value}, "webhook_url") for value in ("http://example.com", "https://", "x", 1)),
    ({**CONTACT, "webhook_url": "https://example.com"}, "webhook_url"),
    ({**CONTACT, "full_name": "x"}, "full_name"),
    ({**CONTACT, "extra": 1}, "extra"),
    ({**PHONE, "contact_id": OTHER}, "contact_id"),
    *(
        ({**CONTACT, "additional_data": value}, "additional_data")
        for value in (
            {"a": "b"},
            "a",
            None,
            ["a"],
            [{"key": "a"}],
            [{"key": "a", "value": 1}],
            [{"key": "a", "value": "b", "x": "y"}],
        )
    ),
    *(({**CONTACT, "delay": value}, "delay") for value in (-1, "5", None, True, 1e300, [5])),
    *(
        ({**CONTACT, "schedule": value}, "schedule")
        for value in (
            None,
            "2026-06-15 14:30:00",
            {},
            {"date": "2026-06-15 14:30:00"},
            {"at": "2026-06-15 14:30:00", "timezone": "UTC"},
            {**at("2026-06-15 14:30:00"), "x": 1},
            at("2026-06-15T14:30:00"),
            at("2026-06-15 14:30"),
            at("2026-02-30 14:30:00"),
            at("2026-06-15 14:30:00", "Mexico"[:-1]),
            at("2026-06-15 14:30:00", "+02:00"),
            at("2026-06-15 14:30:00", ""),
            {"date": 1, "timezone": "UTC"},
            {"date": "2026-06-15 14:30:00", "timezone": None},
            at("0001-01-01 00:00:00", "Asia/Tokyo"),
            at("9999-12-31 23:59:59", "America/New_York"),
            at("2026-06-01 11:59:59"),
            at("2026-06-01 13:59:59", "Europe/Madrid"),
        )
    ),
    ({**CONTACT, "delay": 5, "schedule": at("2026-06-15 14:30:00")}, "delay and schedule"),
    ({**CONTACT, "metadata": []}, "metadata"),
    ({**CONTACT, "metadata": "x"}, "metadata"),
]


@pytest.mark.parametrize(("body", "named"), WRONG)
def test_wrong_bodies_are_refused_by_name(lenient: Running, body: dict[str, object], named: str) -> None:
    sandbox, http = lenient
    before = len(sandbox.calls())
    answer = post(http, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["statusCode"] == 400
    assert answer.json()["error"] == "Bad Request"
    assert named in answer.json()["message"]
    assert len(sandbox.calls()) == before


def test_every_wrong_field_is_named_at_once(lenient: Running) -> None:
    message = post(lenient[1], {"agent_id": 1, "delay": -1, "nope": 1}).json()["message"]
    assert all(name in message for name in ("contact_id", "from_number_id", "agent_id", "delay", "nope"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"delay": NaN}',
        b'{"delay": Infinity}',
        b"{'a': 1}",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"agent_id": "a", "agent_id": "b"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(lenient: Running, raw: bytes) -> None:
    sandbox, http = lenient
    before = len(sandbox.calls())
    answer = http.post("/v1/calls/single-contact-call", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "body" in answer.json()["message"]
    assert len(sandbox.calls()) == before


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused(lenient: Running, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = lenient[1].post("/v1/calls/single-contact-call", content=json.dumps(CONTACT), headers=headers)
    assert answer.status_code == 400
    assert "Content-Type" in answer.json()["message"]


def test_a_body_without_end_is_refused(lenient: Running) -> None:
    answer = post(lenient[1], {**CONTACT, "metadata": {"a": "x" * 2_000_000}})
    assert answer.status_code == 413
    assert answer.json()["error"] == HTTPStatus(413).phrase


@pytest.mark.parametrize(
    ("schedule", "rings_at"),
    [
        (at("2026-06-15 14:30:00", "America/Mexico_City"), datetime(2026, 6, 15, 20, 30, tzinfo=UTC)),
        (at("2027-03-28 02:30:00", "Europe/Madrid"), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # 03:30 there
        (at("2026-10-25 02:30:00", "Europe/Madrid"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first
    ],
)
def test_a_schedule_is_an_instant(lenient: Running, schedule: dict[str, object], rings_at: datetime) -> None:
    sandbox, http = lenient
    assert post(http, {**CONTACT, "schedule": schedule}).status_code == 200
    assert sandbox.calls()[-1].rings_at == rings_at


def test_the_names_inside_schedule_can_be_set() -> None:
    for _, http in started(SandboxConfig(clock=lambda: NOON, schedule_fields=ScheduleFields("at", "tz"))):
        right, wrong = {"at": "2026-06-15 14:30:00", "tz": "UTC"}, at("2026-06-15 14:30:00")
        assert post(http, {**CONTACT, "schedule": right}).status_code == 200
        assert "at and tz" in post(http, {**CONTACT, "schedule": wrong}).json()["message"]


def test_an_answer_can_be_wrapped() -> None:
    for sandbox, http in started(SandboxConfig(clock=lambda: NOON, wrap=True)):
        answer = post(http, CONTACT).json()
        assert answer["statusCode"] == 200
        assert answer["data"]["call_id"] == sandbox.calls()[0].call_id


def test_strict_ids_know_the_seeds(strict: Running) -> None:
    assert post(strict[1], CONTACT).status_code == 200
    assert post(strict[1], PHONE).status_code == 200
    assert strict[1].get(f"/v1/agents/{AGENTS[0].id}").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**CONTACT, "contact_id": OTHER}, 404),
        ({**CONTACT, "from_number_id": OTHER}, 404),
        ({**CONTACT, "agent_id": OTHER}, 400),
        ({**PHONE, "agent_id": OTHER}, 400),
        ({**PHONE, "from_number": "+12025550199"}, 400),
    ],
)
def test_strict_ids_know_nothing_else(strict: Running, body: dict[str, object], status: int) -> None:
    sandbox, http = strict
    before = len(sandbox.calls())
    assert post(http, body).status_code == status
    assert len(sandbox.calls()) == before
    assert http.get(f"/v1/agents/{OTHER}").status_code == 404
