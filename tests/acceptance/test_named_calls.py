"""A call id that a person names is looked up, where that is possible: the service has to know it, as this call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, Result, Workbench, contact, foreign, plan_text
from tests.rawservice import NO_CALLS, answer, raw_service

PLAN = "calls/june.yaml"
WHY = ("--reason", "seen in the dashboard")
LOST = "june/inv-2"


@pytest.fixture
def lost(bench: Workbench, blind: Any) -> Workbench:
    """A project whose second call was placed, and its answer lost."""
    bench.write(PLAN, plan_text())
    blind.set_faults("drop-after#2")
    assert bench.apply("--concurrency", "1").summary["uncertain"] == 1
    blind.set_faults()
    return bench


def placed(bench: Workbench, call_id: str, *args: str) -> Result:
    return bench.run("resolve", LOST, "--placed", call_id, *WHY, *args)


def call_of(service: Any, key: str) -> str:
    return next(str(call.call_id) for call in service.calls() if call.body["metadata"]["reconciler_key"] == key)


def test_the_call_of_the_row_is_recorded_as_checked(lost: Workbench, blind: Any) -> None:
    done = placed(lost, call_of(blind, "inv-2"), "--json")
    assert (done.code, done.json["checked"], done.err) == (0, True, "")
    assert lost.actions()[LOST] == "unchanged"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"contact_id": contact(9)}, "it calls another person"),
        ({"agent_id": "agent-00000000-0000-0000-0000-00000000000f"}, "another agent makes it"),
    ],
)
def test_the_call_of_another_person_or_agent_is_refused(
    lost: Workbench, blind: Any, body: dict[str, str], reason: str
) -> None:
    other = foreign(blind, 2, **body)
    refused = placed(lost, other)
    assert refused.code == 1
    assert f"{LOST}: {other} is another call: {reason}" in refused.err
    assert lost.actions()[LOST] == "uncertain"
    lost.write("d.csv", f"address,decision,call_id,reason\n{LOST},placed,{other},seen\n")
    assert reason in lost.run("resolve", "--from", "d.csv").err
    assert lost.actions()[LOST] == "uncertain"


def test_an_id_that_the_service_does_not_know_is_refused(lost: Workbench, blind: Any) -> None:
    refused = placed(lost, "call-typo")
    assert refused.code == 1
    assert "the service has no outgoing call call-typo" in refused.err
    assert "check the id in the dashboard" in refused.err
    lost.write(PLAN, plan_text(rows=4))
    assert lost.run("state", "import", "june/inv-4", "call-typo").code == 1
    assert lost.actions() == {
        "june/inv-1": "unchanged",
        LOST: "uncertain",
        "june/inv-3": "unchanged",
        "june/inv-4": "create",
    }
    made = foreign(blind, 4)
    lost.ok("state", "import", "june/inv-4", made)
    assert lost.actions()["june/inv-4"] == "unchanged"


def test_a_call_whose_tags_name_another_address_is_refused(bench: Workbench) -> None:
    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=True)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        _refuse_other_tags(bench, sandbox)


def _refuse_other_tags(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=1))
    assert project.apply().code == 0
    (call,) = sandbox.calls()
    project.ok("state", "forget", "june/inv-1", "--reason", "a test")
    moved = plan_text(rows=1).replace("key: inv-1", "key: inv-8")
    project.write(PLAN, moved.replace("2031-06-", "2031-07-"))
    refused = project.run("resolve", "june/inv-8", "--placed", call.call_id, *WHY)
    assert (refused.code, "its tags name june/inv-1" in refused.err) == (1, True)
    project.write(PLAN, moved)
    project.ok("resolve", "june/inv-8", "--placed", call.call_id, *WHY)


def test_without_a_key_it_says_that_nothing_was_checked(lost: Workbench, blind: Any) -> None:
    del lost.env["CONTACTSHIP_API_KEY"]
    done = placed(lost, call_of(blind, "inv-2"), "--json")
    assert (done.code, done.json["checked"]) == (0, False)
    assert "not checked with the service" in done.err
    assert "there is no API key" in done.err


@pytest.mark.parametrize(
    "listing",
    [
        NO_CALLS,
        answer("500 Oops", {}),
        answer("401 No", {}),
        answer(
            "200 OK", {"data": {"id": "call-9", "call_status": "scheduled", "created_at": "2026-06-01T12:00:00Z"}}
        ),
    ],
)
def test_what_the_service_does_not_say_is_no_reason_to_refuse(lost: Workbench, blind: Any, listing: bytes) -> None:
    with raw_service(lambda *_: None, lambda _: [listing]) as service:  # type: ignore[arg-type,return-value]
        lost.env["CONTACTSHIP_BASE_URL"] = service.url
        done = placed(lost, "call-9", "--json")
    assert (done.code, done.json["checked"]) == (0, False)
    assert "note: not checked with the service: call-9, because" in done.err


def test_a_service_that_cannot_be_reached_is_said(lost: Workbench, blind: Any) -> None:
    lost.env["CONTACTSHIP_BASE_URL"] = "http://127.0.0.1:9"
    done = placed(lost, call_of(blind, "inv-2"), "--json")
    assert (done.code, json.loads(done.out)["checked"]) == (0, False)
    assert "could not be queried" in done.err


def test_the_real_service_is_not_asked_for_a_call_of_the_sandbox(lost: Workbench, blind: Any) -> None:
    lost.env["CONTACTSHIP_BASE_URL"] = "https://api.example.com"
    done = placed(lost, call_of(blind, "inv-2"))
    assert done.code == 0
    assert "the calls of this state were placed at http://127.0.0.1" in done.err
