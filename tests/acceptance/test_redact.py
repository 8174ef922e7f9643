"""Taking what tells of a person out of the state: gone from every byte, and nothing else is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.domain.times import format_instant
from tests.conftest import AGENT, Workbench, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
PEOPLE = ("4155552678", "4155550100", "Jane Canary", "jane@canary.example")
PRIVATE = (*PEOPLE, "98765", "canary-invoice", "canary words")
ROW = f"""\
version: 1
plan: june
calls:
  - key: past
    agent: {AGENT}
    from: +14155550100
    to_number: +14155552678
    full_name: Jane Canary
    email: jane@canary.example
    delay_minutes: 0
    place_by: 2031-01-01T00:00:00Z
    additional_data: {{debt: 98765}}
    metadata: {{invoice: canary-invoice}}
"""


@pytest.fixture
def june(project: Workbench) -> Workbench:
    """A call that rang, one that is ahead, and a person's words on the first."""
    project.write(PLAN, ROW)
    project.write("calls/ahead.yaml", plan_text("ahead", 1))
    assert project.apply().summary["placed"] == 2
    project.ok("resolve", "june/past", "--stopped", "--reason", "canary words")
    return project


def redact(bench: Workbench, *args: str) -> Any:
    return bench.ok("state", "redact", "--before", format_instant(datetime.now(UTC)), "--json", *args).json


def leftovers(bench: Workbench) -> list[tuple[str, str]]:
    """The private texts that stand in any file of the state's folder, in UTF-8 or UTF-16."""
    files = [path for path in (bench.root / ".reconciler").iterdir() if path.is_file()]
    return [
        (path.name, text)
        for path in files
        for text in PRIVATE
        if any(text.encode(code) in path.read_bytes() for code in ("utf-8", "utf-16-le"))
    ]


def test_nothing_of_a_person_is_left_in_any_byte(june: Workbench, sandbox: Any) -> None:
    (june.root / f"{STATE}.before-create_ledger").write_bytes((june.root / STATE).read_bytes())
    assert {text for _, text in leftovers(june)} == set(PRIVATE)
    kept = june.ok("audit", "head").out.strip()
    assert redact(june, "--dry-run")["addresses"] == ["june/past"]
    assert leftovers(june)
    told = redact(june)
    assert (told["addresses"], told["removed"]) == (["june/past"], ["state.db.before-create_ledger"])
    assert leftovers(june) == []
    june.ok("audit", "verify", "--head", kept)
    june.ok("state", "check")
    life = june.ok("audit", "show", "june/past").out
    assert [line.split()[2] for line in life.splitlines()][-1] == "redacted"
    assert "person redacted" in life
    call_id = next(call.call_id for call in sandbox.calls() if "to_number" in call.body)
    assert call_id in life, "which call it was stays"
    assert redact(june)["addresses"] == []
    june.ok("audit", "verify", "--head", kept)


def test_a_plan_after_it_knows_what_is_the_same_and_what_is_hidden(june: Workbench, sandbox: Any) -> None:
    redact(june)
    assert june.actions() == {"june/past": "unchanged", "ahead/inv-1": "unchanged"}
    assert june.apply().code == 0
    assert len(sandbox.calls()) == 2
    june.write(PLAN, ROW.replace("98765", "5"))
    [change] = [item for item in june.plan("--reveal")["changes"] if item["address"] == "june/past"]
    assert change["action"] == "changed"
    [cell] = [item for item in change["diff"] if item["field"] == "additional_data.debt"]
    assert cell == {"field": "additional_data.debt", "before": "(redacted)", "after": "5", "hidden": True}
    assert june.run("state", "export", "--public", "public.json").code == 0
    june.ok("state", "list")
    june.ok("state", "show", "june/past")


def test_a_call_that_was_moved_or_forgotten_is_redacted_with_its_journal(june: Workbench) -> None:
    june.write(PLAN, ROW.replace("plan: june", "plan: july") + "moved: [{from: june, to: july}]\n")
    june.apply()
    june.ok("state", "forget", "july/past", "--reason", "canary words")
    assert redact(june)["addresses"] == ["july/past"]
    assert leftovers(june) == []
    june.ok("audit", "verify")


def test_a_refused_call_keeps_no_message(project: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("reject#1")
    project.write(PLAN, ROW)
    assert project.apply().summary["failed"] == 1
    assert redact(project)["addresses"] == ["june/past"]
    assert leftovers(project) == []
    assert project.actions() == {"june/past": "create"}
    assert project.apply().summary["placed"] == 1
    project.ok("audit", "verify")


def test_only_what_is_over_can_be_redacted(june: Workbench) -> None:
    assert june.run("state", "redact", "--before", "2099-01-01").code == 64
    assert june.run("state", "redact", "--before", "soon").code == 64
    assert june.ok("state", "redact", "--before", "2020-01-01").out == "0 calls redacted.\n"


def test_an_unknown_outcome_refuses_all(blind: Any, bench: Workbench) -> None:
    blind.set_faults("drop-after#1")
    bench.write(PLAN, ROW)
    assert bench.apply().summary["uncertain"] == 1
    refused = bench.run("state", "redact", "--before", format_instant(datetime.now(UTC)))
    assert refused.code == 5
    assert "june/past" in refused.err
    assert leftovers(bench)
    bench.ok("audit", "verify")


def test_a_damaged_ledger_is_not_redacted(june: Workbench) -> None:
    with closing(sqlite3.connect(june.root / STATE)) as db, db:
        db.execute("update ledger set entry = '{}' where number = 2")
    refused = june.run("state", "redact", "--before", format_instant(datetime.now(UTC)))
    assert refused.code == 1
    assert "audit verify" in refused.err
