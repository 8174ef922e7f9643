"""Settling the unknown and looking before sending: nothing is adopted that could be another call, nothing sent
that may exist already."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import AGENT, KEY, Workbench, contact, foreign, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    return project


@pytest.fixture
def echoing(bench: Workbench) -> Iterator[Any]:
    """A sandbox that returns metadata, and a project that talks to it."""
    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=True)) as handle:
        bench.env |= {"CONTACTSHIP_BASE_URL": handle.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text())
        yield handle


def later(number: int) -> dict[str, Any]:
    return {"schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}


def uncertain(bench: Workbench) -> list[str]:
    return [address for address, action in bench.actions().items() if action == "uncertain"]


@pytest.mark.parametrize(
    "fault", ["drop-after", "error-after", "half-answer", "not-json", "no-call-id", "stall-after"]
)
def test_a_lost_answer_is_looked_up_and_adopted(june: Workbench, sandbox: Any, fault: str) -> None:
    june.write(PLAN, plan_text(rows=1))
    sandbox.set_faults(f"{fault}#1")
    applied = june.apply("--timeout", "1s")
    assert applied.code == 0, applied.out
    assert (applied.summary["placed"], applied.summary["adopted"], applied.summary["uncertain"]) == (1, 1, 0)
    [shown] = june.ok("state", "show", "june/inv-1", "--json").json["attempts"]
    assert shown["status"] == "adopted"
    assert "only unrecorded call" in shown["evidence"]
    assert shown["call_id"] == sandbox.calls()[0].call_id
    assert june.run("plan", "--detailed-exitcode").code == 0


def test_what_was_never_placed_is_not_made_up(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("drop-before#1", "error-before#2")
    applied = june.apply("--concurrency", "1")
    assert (applied.summary["placed"], applied.summary["uncertain"]) == (1, 2)
    sandbox.set_faults()
    assert june.apply().summary["uncertain"] == 2
    assert len(sandbox.calls()) == 1, "an empty list is no proof, so it is not sent again"


def test_tags_are_proof_where_they_are_returned(bench: Workbench, echoing: Any) -> None:
    echoing.set_faults("drop-after")
    applied = bench.apply()
    assert applied.code == 0
    assert applied.summary["adopted"] == 3
    evidence = bench.ok("state", "show", "june/inv-1", "--json").json["attempts"][0]["evidence"]
    assert "tags" in evidence


def test_where_tags_come_back_calls_with_other_metadata_are_never_ours(bench: Workbench, echoing: Any) -> None:
    bench.write(PLAN, plan_text(rows=1, first=9))
    assert bench.apply().code == 0, "from here on it is known that tags come back"
    bench.write(PLAN, plan_text())
    echoing.set_faults("drop-before#1")
    foreign(echoing, 1, metadata={"source": "crm"}, **later(1))
    applied = bench.apply("--concurrency", "1")
    assert applied.summary["conflicts"] == 0, "it returns metadata, and has none of our tags"
    assert applied.summary["uncertain"] == 1
    foreign(echoing, 1, metadata={"source": "crm"}, **later(1))
    assert bench.run("resolve").code == 3
    foreign(echoing, 1, **later(1))
    assert bench.run("resolve").code == 3, "it may be ours and it may not: it is not adopted"


def test_calls_without_tags_are_not_adopted_beside_tagged_ones(bench: Workbench, echoing: Any) -> None:
    """Adopted calls with tags are too little to call another a stranger's, and enough not to adopt it."""
    echoing.set_faults("drop-after")
    assert bench.apply().summary["adopted"] == 3
    bench.write(PLAN, plan_text(rows=4))
    echoing.set_faults("drop-before#1", "get:reject")
    assert bench.apply("--no-preflight").summary["uncertain"] == 1
    echoing.set_faults()
    foreign(echoing, 4, **later(4))
    assert bench.run("resolve").code == 3
    assert uncertain(bench) == ["june/inv-4"]


def test_two_candidates_are_not_guessed_at(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    sandbox.set_faults("drop-after#1", "get:reject")
    june.apply("--no-preflight")
    assert uncertain(june) == ["june/inv-1"]
    foreign(sandbox, 1, **later(1))
    sandbox.set_faults()
    assert june.run("resolve").code == 3
    call_id = sandbox.calls()[0].call_id
    june.ok("resolve", "june/inv-1", "--placed", call_id, "--reason", "its time is the row's")
    assert june.run("plan", "--detailed-exitcode").code == 0


def test_two_attempts_at_the_same_person_are_not_told_apart(june: Workbench, sandbox: Any) -> None:
    text = plan_text(rows=2).replace(contact(2), contact(1))
    june.write(PLAN, text)
    sandbox.set_faults("drop-after#1", "drop-before#2")
    applied = june.apply("--concurrency", "1")
    assert applied.summary["uncertain"] == 2, "one call, two attempts that fit it"
    assert len(sandbox.calls()) == 1


@pytest.mark.parametrize(("name", "settled"), [("Bruno Example", False), ("ANA  Example", True)])
def test_a_relative_at_the_same_number_is_another_person(
    june: Workbench, sandbox: Any, name: str, settled: bool
) -> None:
    schedule = "{at: 2031-06-01 09:00, timezone: UTC}"
    head = f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: +525500000000, schedule: {schedule}}}\n"
    june.write(PLAN, head + "calls:\n  - {key: inv-1, to_number: +525512345678, full_name: Ana Example}\n")
    sandbox.set_faults("drop-before#1")
    assert june.apply().summary["uncertain"] == 1
    call = {"to_number": "+525512345678", "from_number": "+525500000000", "full_name": name, "agent_id": AGENT}
    placed = httpx.post(
        f"{sandbox.url}/_sandbox/calls", json=call | later(1), verify=False
    )  # reads no certificates
    assert placed.status_code == 200, placed.text
    sandbox.set_faults()
    assert june.run("resolve").code == (0 if settled else 3)
    assert uncertain(june) == ([] if settled else ["june/inv-1"])


def test_a_call_of_the_wrong_kind_is_no_evidence(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    sandbox.set_faults("drop-before#1")
    june.apply()
    foreign(sandbox, 1)  # rings at once, and the row is scheduled
    foreign(sandbox, 2, **later(2))  # another person
    other = {"agent_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    foreign(sandbox, 1, **later(1), **other)  # another agent
    old = {"created_at": "2026-01-01T00:00:00Z", "schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}
    foreign(sandbox, 1, **old)  # long before
    assert june.run("resolve").code == 3
    assert uncertain(june) == ["june/inv-1"]


def test_what_was_listed_before_sending_is_no_candidate(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    foreign(sandbox, 1, **later(1))
    held = june.apply()
    assert held.summary["conflicts"] == 1
    june.ok("resolve", "june/inv-1", "--distinct", "--reason", "that one is a survey")
    sandbox.set_faults("drop-before#1")
    applied = june.apply()
    assert (applied.summary["uncertain"], applied.summary["adopted"]) == (1, 0)
    sandbox.set_faults()
    assert june.run("resolve").code == 3
    assert len(sandbox.calls()) == 1


def test_an_older_copy_of_the_state_calls_nobody_again(june: Workbench, sandbox: Any) -> None:
    shutil.copy(june.root / STATE, june.root / "old.db")
    assert june.apply().code == 0
    shutil.copy(june.root / "old.db", june.root / STATE)
    held = june.apply()
    assert held.code == 3
    assert (held.summary["placed"], held.summary["conflicts"]) == (0, 3)
    assert len(sandbox.calls()) == 3
    for left, call in zip((2, 1, 0), sandbox.calls(), strict=True):
        address = f"june/{call.body['metadata']['reconciler_key']}"
        told = june.run("resolve", address, "--placed", call.call_id, "--reason", "placed before", "--json")
        assert (told.code, told.json["conflicts"]) == (3 if left else 0, left)
    assert june.run("plan", "--detailed-exitcode").code == 0
    assert june.apply().code == 0
    assert len(sandbox.calls()) == 3


def test_a_new_state_for_an_old_project_calls_nobody_again(june: Workbench, sandbox: Any) -> None:
    assert june.apply().code == 0
    (june.root / STATE).unlink()
    (june.root / "reconciler.yaml").write_text("version: 1\n")
    june.ok("state", "init")
    assert june.apply().summary["conflicts"] == 3
    assert len(sandbox.calls()) == 3


def test_a_distinct_call_is_placed(june: Workbench, sandbox: Any) -> None:
    foreign(sandbox, 2, **later(2))
    applied = june.apply()
    assert (applied.summary["placed"], applied.summary["conflicts"]) == (2, 1)
    june.ok("resolve", "june/inv-2", "--distinct", "--reason", "a survey")
    assert june.apply().summary["placed"] == 1
    assert len(sandbox.calls()) == 4


def test_preflight_can_be_skipped_and_that_is_recorded(june: Workbench, sandbox: Any) -> None:
    foreign(sandbox, 2, **later(2))
    assert june.apply("--no-preflight").summary["placed"] == 3


def test_two_projects_in_one_account_leave_each_other_alone(bench: Workbench, echoing: Any) -> None:
    assert bench.apply().code == 0
    other = Workbench(bench.root / "other", bench.env)
    other.root.mkdir()
    other.create_project()
    other.write(PLAN, plan_text("surveys").replace("14", "15"))
    applied = other.apply()
    assert (applied.summary["placed"], applied.summary["adopted"], applied.summary["conflicts"]) == (3, 0, 0)


@pytest.mark.parametrize("fault", ["get:reject", "get:not-json", "get:unavailable", "get:drop-before"])
def test_nothing_is_sent_unseen(june: Workbench, sandbox: Any, fault: str) -> None:
    sandbox.set_faults(fault)
    stopped = june.apply()
    assert stopped.code == 3
    assert (stopped.summary["placed"], stopped.summary["not_sent"]) == (0, 3)
    assert "preflight" in stopped.summary["stopped"]
    sandbox.set_faults()
    assert june.apply().code == 0


def test_many_pages_are_read(june: Workbench, sandbox: Any) -> None:
    for number in range(250):
        foreign(sandbox, 1000 + number, **later(1))
    foreign(sandbox, 2, **later(2))
    assert june.apply().summary["conflicts"] == 1


def test_a_call_that_was_placed_before_and_is_listed_late_is_not_ours(bench: Workbench) -> None:
    clock = {"ahead": timedelta(0)}
    config = SandboxConfig(port=0, api_key=KEY, list_lag=30, clock=lambda: datetime.now(UTC) + clock["ahead"])
    with running(config) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text(rows=1))
        created = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
        foreign(sandbox, 1, created_at=created, **later(1))
        sandbox.set_faults("drop-after#1")
        assert bench.apply().summary["uncertain"] == 1
        clock["ahead"] = timedelta(seconds=27)  # the stranger's call is listed by now, ours is not yet
        assert bench.run("resolve").code == 3
        clock["ahead"] = timedelta(seconds=60)
        assert bench.run("resolve").code == 0
        ours = next(call for call in sandbox.calls() if "metadata" in call.body)
        assert bench.ok("state", "show", "june/inv-1", "--json").json["call_id"] == ours.call_id


def test_a_state_restored_after_weeks_repeats_no_pending_call(bench: Workbench) -> None:
    clock = {"ahead": timedelta(days=-45)}
    with running(SandboxConfig(port=0, api_key=KEY, clock=lambda: datetime.now(UTC) + clock["ahead"])) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text())
        shutil.copy(bench.root / STATE, bench.root / "old.db")
        assert bench.apply().summary["placed"] == 3
        clock["ahead"] = timedelta(0)
        shutil.copy(bench.root / "old.db", bench.root / STATE)
        assert bench.apply().summary["conflicts"] == 3
        assert len(sandbox.calls()) == 3


def test_too_many_unknowns_in_a_row_stop_the_run(bench: Workbench, blind: Any) -> None:
    bench.write(PLAN, plan_text(rows=20))
    blind.set_faults("error-before")
    stopped = bench.apply("--concurrency", "1")
    assert stopped.code == 3
    assert (stopped.summary["uncertain"], stopped.summary["not_sent"]) == (5, 15)
    assert "in a row" in stopped.summary["stopped"]
    blind.set_faults()
    assert bench.apply().summary["placed"] == 15


def test_an_agent_is_known_in_both_its_forms(june: Workbench, sandbox: Any) -> None:
    """The service names agents ``<uuid>`` or ``agent-<uuid>``: what it has is recognised all the same."""
    foreign(sandbox, 2, agent_id=AGENT.removeprefix("agent-"), **later(2))
    assert june.apply().summary["conflicts"] == 1


def test_a_distinct_call_is_one_that_can_be_placed(june: Workbench, sandbox: Any) -> None:
    reason = ("--reason", "a survey")
    assert june.run("resolve", "june/typo", "--distinct", *reason).code == 1
    sandbox.set_faults("drop-before#1", "get:reject")
    june.apply("--no-preflight", "--concurrency", "1")
    for address in ("june/inv-1", "june/inv-2"):
        assert june.run("resolve", address, "--distinct", *reason).code == 1, "uncertain, and placed"


def test_a_word_on_look_alikes_is_forgotten_with_its_address(june: Workbench, sandbox: Any) -> None:
    foreign(sandbox, 2, **later(2))
    june.ok("resolve", "june/inv-2", "--distinct", "--reason", "a survey")
    assert june.apply().summary["placed"] == 3
    june.ok("state", "forget", "june/inv-2", "--reason", "a test")
    assert june.apply().summary["conflicts"] == 1, "its own call is a look-alike now"


def test_a_word_on_one_address_leaves_the_others_open(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("drop-before#1,2", "get:reject")
    june.apply("--no-preflight", "--concurrency", "1")
    first = june.run("resolve", "june/inv-1", "--not-placed", "--reason", "looked")
    assert (first.code, "1 left" in first.out) == (3, True)
    last = june.run("resolve", "june/inv-2", "--not-placed", "--reason", "looked", "--json")
    assert (last.code, last.json["unknown"]) == (0, 0)


def test_calls_of_the_last_two_days_are_looked_at_whatever_became_of_them(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=2))
    for number, hours in ((1, 47), (2, 49)):
        created = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        foreign(sandbox, number, created_at=created)  # rang at once
    applied = june.apply()
    assert (applied.summary["conflicts"], applied.summary["placed"]) == (1, 1)
    assert [event["address"] for event in applied.events if event["type"] == "conflict"] == ["june/inv-1"]


def test_what_is_settled_first_holds_no_other_row(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    sandbox.set_faults("drop-after#1", "get:reject")
    assert june.apply("--no-preflight").summary["uncertain"] == 1
    sandbox.set_faults()
    june.write(PLAN, plan_text(rows=2).replace(contact(2), contact(1)))
    applied = june.apply()
    assert (applied.code, applied.summary["adopted"], applied.summary["placed"]) == (0, 1, 2)


def test_a_key_that_is_refused_on_the_way_stops_the_run(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=10))
    sandbox.set_faults("unauthorized#3")
    stopped = june.apply("--concurrency", "1")
    assert (stopped.code, stopped.summary["placed"], stopped.summary["not_sent"]) == (3, 2, 8)
    sandbox.set_faults()
    assert june.apply().summary["placed"] == 8
