"""Agents, numbers and contacts over real HTTP: the seeded ones and those made up."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from reconciler.sandbox import running
from reconciler.sandbox.directory import made_up_number
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS

CONTACT = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with running() as sandbox:
        options = {"base_url": sandbox.url, "headers": {"x-api-key": "k"}}
        with httpx.Client(**options, trust_env=False) as http:
            yield http


def test_phone_numbers(http: httpx.Client) -> None:
    answer = http.get("/v1/phone-numbers").json()
    assert answer["count"] == len(NUMBERS) == 6
    assert [number["id"] for number in answer["data"]] == [number.id for number in NUMBERS[:5]]
    assert list(answer["data"][0]) == ["id", "phone_number", "type", "organization_id", "created_at"]
    rest = http.get("/v1/phone-numbers?offset=5&limit=5").json()["data"]
    assert [number["id"] for number in rest] == [NUMBERS[5].id]
    assert http.get("/v1/phone-numbers?order=desc&limit=1").json()["data"] == rest
    assert http.get("/v1/phone-numbers?type=inbound").json()["count"] == 2
    assert http.get("/v1/phone-numbers?type=outbound&limit=9").json()["count"] == 4
    for query in ("type=both", "limit=0", "offset=x", "order=1", "kind=x"):
        assert http.get(f"/v1/phone-numbers?{query}").status_code == 400


def test_agents(http: httpx.Client) -> None:
    answer = http.get("/v1/agents").json()
    assert answer["statusCode"] == 200
    assert [agent["id"] for agent in answer["data"]] == [agent.id for agent in AGENTS]
    one = http.get(f"/v1/agents/{AGENTS[0].id}").json()
    assert one == {"statusCode": 200, "data": {"id": AGENTS[0].id, "name": "Collections", "language": "en-US"}}
    made_up = "agent-00000000-0000-4000-8000-000000000000"
    assert http.get(f"/v1/agents/{made_up}").json()["data"]["id"] == made_up
    assert http.get("/v1/agents/nobody").status_code == 404


def test_contacts(http: httpx.Client) -> None:
    def found(query: str) -> list[str]:
        return [contact["id"] for contact in http.get(f"/v1/contacts?{query}").json()]

    everybody = [contact.id for contact in CONTACTS]
    assert found("") == everybody
    assert found("full_name=contact%203") == [CONTACTS[2].id]
    assert found("full_name=contact") == everybody
    assert found("email=TACT2@") == [CONTACTS[1].id]
    assert found("phone_number=0111") == [CONTACTS[0].id]
    assert found("full_name=1&phone_number=0112") == []
    assert http.get("/v1/contacts?name=x").status_code == 400


def test_an_unknown_contact_is_made_up_once_with_a_fictional_number(http: httpx.Client) -> None:
    contact_id = "contact-0a0b0c0d-0000-4000-8000-00000000000a"
    for _ in range(2):
        body = {**CONTACT, "contact_id": contact_id}
        assert http.post("/v1/calls/single-contact-call", json=body).status_code == 200
    one, two = (call["contact"] for call in http.get("/v1/calls").json()["data"])
    assert one == two
    assert one["phone_number"][5:10] == "55501"
    assert [contact for contact in http.get("/v1/contacts").json() if contact["id"] == contact_id] == [one]


def test_made_up_numbers_are_fictional() -> None:
    for number in range(2000):
        text = made_up_number(str(number))
        assert re.fullmatch(r"\+1[2-9](?!11)[0-8]\d55501\d\d", text), text
