"""What guards find without a state, as ``validate`` reports it."""

from __future__ import annotations

import pytest
from msgspec import structs

from reconciler.domain.diagnostics import problem_count
from reconciler.domain.model import Location, Row, Severity
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile
from reconciler.domain.policy import Hours, Policy, Strictness, Window
from reconciler.planning.guarding import MOST_OF_A_GUARD, guard_rows
from tests.planning.test_plan_engine import HERE, HOUR, NOW, row

HOURS = Hours(((Window(0, 12 * 60 + 30),),) * 7)  # calls may ring until 12:30, an hour before rows do


def asked(rows: list[Row], strictness: Strictness = Strictness.ERROR) -> list[tuple[Severity, str]]:
    local = [structs.replace(item, called_timezone="Etc/UTC") for item in rows]
    policy = Policy(hours=HOURS, strictness={"G001": strictness})
    found = guard_rows(local, policy, People(), NOW)
    assert all(item.location == HERE and item.address in {row.address for row in rows} for item in found[:20])
    return [(item.severity, item.code) for item in found]


@pytest.mark.parametrize(
    ("strictness", "severity"), [(Strictness.ERROR, Severity.ERROR), (Strictness.WARNING, Severity.WARNING)]
)
def test_a_guard_that_blocks_is_an_error(strictness: Strictness, severity: Severity) -> None:
    assert asked([row()], strictness) == [(severity, "G001")]


def test_rows_that_place_nothing_are_not_asked_about() -> None:
    assert asked([row(enabled=False), row("past", at=NOW - HOUR), row("late", place_by=NOW - HOUR)]) == []


def test_a_call_without_a_schedule_rings_at_an_unknown_time() -> None:
    assert asked([row(at=None)]) == []


def test_many_findings_of_a_guard_are_counted() -> None:
    rows = [row(f"{number:03}") for number in range(MOST_OF_A_GUARD + 5)]
    assert asked(rows[:MOST_OF_A_GUARD]) == [(Severity.ERROR, "G001")] * MOST_OF_A_GUARD
    local = [structs.replace(item, called_timezone="Etc/UTC") for item in rows]
    found = guard_rows(local, Policy(hours=HOURS), People(), NOW)
    assert (len(found), found[-1].omitted, problem_count(found)) == (MOST_OF_A_GUARD + 1, 5, len(rows))
    assert "5 more" in found[-1].message


def test_people_on_a_list_are_found_whenever_they_are_called() -> None:
    file = SuppressionFile(ListFile("dnc.csv", Location("reconciler.yaml")), NOW.date())
    people = People((Suppressed(file, frozenset({"listed"})),), {})
    rows = [row("a", contact_id="listed"), row("b", at=None, contact_id="listed"), row("c")]
    found = guard_rows(rows, Policy(), people, NOW)
    assert [(item.code, str(item.address)) for item in found] == [("G010", "p/a"), ("G010", "p/b")]
