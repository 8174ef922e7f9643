"""Too soon, too far, too late, too many at once, and not yet: each at its edge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from msgspec import structs

from reconciler.cli.guides import guide_text
from reconciler.domain import identity
from reconciler.domain.blinding import BlindedView
from reconciler.domain.model import Entry, Row, Status
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.policy import GUARD_CODES, OVERRIDABLE, Policy, Strictness
from reconciler.planning.context import Context
from reconciler.planning.guards.registry import GUARDS, NAMES
from reconciler.planning.plan import make_plan
from reconciler.source.rows.fields import schema_of
from reconciler.source.schema.packaged import schema_text
from reconciler.source.settings.policy import _GOES_BY
from tests.planning.test_plan_engine import HOUR, NOW, entry, row

SECOND = timedelta(seconds=1)
Rows: TypeAlias = Sequence[Row]
Entries: TypeAlias = Sequence[Entry]


def plan_of(rows: Rows, policy: Policy, entries: Entries = (), **context: Any) -> Plan:
    return make_plan(rows, entries, Context(**({"now": NOW, "tool_version": "test", "policy": policy} | context)))


def judged(rows: Rows, policy: Policy, entries: Entries = (), **context: Any) -> dict[str, Change]:
    return {item.address.key: item for item in plan_of(rows, policy, entries, **context).changes}


def actions(rows: Rows, policy: Policy, entries: Entries = (), **context: Any) -> dict[str, str]:
    found = judged(rows, policy, entries, **context)
    return {key: " ".join((item.action, *item.reasons)) for key, item in found.items()}


@pytest.mark.parametrize(
    ("policy", "at", "expected"),
    [
        (Policy(min_lead=HOUR), NOW + HOUR - SECOND, "blocked G004"),
        (Policy(min_lead=HOUR), NOW + HOUR, "create"),
        (Policy(min_lead=HOUR), None, "create"),
        (Policy(horizon=HOUR), NOW + HOUR, "create"),
        (Policy(horizon=HOUR), NOW + HOUR + SECOND, "blocked G005"),
        (Policy(horizon=HOUR), None, "create"),
        (Policy(place_within=HOUR), NOW + HOUR, "create"),
        (Policy(place_within=HOUR), NOW + HOUR + SECOND, "waiting place-within"),
        (Policy(place_within=HOUR), None, "create"),
        (Policy(), NOW, "expired time-passed"),
        (Policy(strictness={"G020": Strictness.ERROR}), NOW, "blocked G020"),
        (Policy(), None, "create"),
        (Policy(strictness={"G024": Strictness.ERROR}), None, "blocked G024"),
        (Policy(strictness={"G024": Strictness.ERROR}), NOW + SECOND, "create"),
        (Policy(strictness={"G020": Strictness.ERROR}), NOW + SECOND, "create"),
    ],
)
def test_edges(policy: Policy, at: datetime | None, expected: str) -> None:
    assert actions([row(at=at)], policy) == {"k": expected}


def test_a_delayed_call_is_judged_by_when_it_would_ring() -> None:
    policy = Policy(horizon=HOUR)
    assert actions([row(at=None, delay_minutes=60)], policy) == {"k": "create"}
    assert actions([row(at=None, delay_minutes=60.5)], policy) == {"k": "blocked G005"}


def test_a_deadline_is_all_that_an_immediate_call_needs() -> None:
    strict = Policy(strictness={"G024": Strictness.ERROR})
    assert actions([row(at=None, place_by=NOW + SECOND)], strict) == {"k": "create"}
    assert actions([row(at=None, delay_minutes=5)], strict) == {"k": "blocked G024"}


def test_what_was_recorded_as_missed_blocks_no_more() -> None:
    strict = Policy(strictness={"G020": Strictness.ERROR})
    missed = entry(row(at=NOW), Status.MISSED)
    assert actions([row(at=NOW)], strict, [missed]) == {"k": "expired time-passed recorded"}
    late = row(at=None, place_by=NOW - SECOND)
    assert actions([late], strict) == {"k": "blocked G020"}


def test_a_waiting_call_is_judged_as_well_and_keeps_its_call() -> None:
    waiting = judged([row()], Policy(place_within=SECOND))["k"]
    assert (waiting.call, waiting.request) == (row().call, None)
    assert actions([row()], Policy(place_within=SECOND, horizon=SECOND)) == {"k": "blocked G005"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("a", at=NOW + 3 * HOUR), row("b", at=NOW + 5 * HOUR)], NOW + 3 * HOUR),
        ([row("a", at=NOW + 3 * HOUR, place_by=NOW + 2 * HOUR)], NOW + 2 * HOUR),
        ([row("a", at=NOW + HOUR)], None),
        ([], None),
    ],
)
def test_when_the_first_waiting_call_is_lost(rows: list[Row], expected: datetime | None) -> None:
    assert plan_of(rows, Policy(place_within=HOUR)).next_apply_by == expected
    lead = plan_of(rows, Policy(place_within=HOUR, min_lead=SECOND)).next_apply_by
    assert lead == (expected - SECOND if expected == NOW + 3 * HOUR else expected)


def minute(second: int, **changes: Any) -> Row:
    return row(f"k{second:02}", at=NOW + HOUR + second * SECOND, contact_id=f"c{second}", **changes)


def test_a_minute_is_full_after_so_many_calls_by_address() -> None:
    rows = [minute(second) for second in (0, 30, 59, 60)]
    found = actions(rows, Policy(peak=2))
    assert found == {"k00": "create", "k30": "create", "k59": "blocked G021", "k60": "create"}
    message = judged(rows, Policy(peak=2))["k59"].message or ""
    assert message == (
        "at 2026-06-01 13:00:59 UTC 3 calls would ring in one minute; policy.peak.per_minute allows 2"
    )


def test_calls_that_were_placed_count_and_stopped_ones_do_not() -> None:
    placed = entry(row("old", at=NOW + HOUR, contact_id="x"))
    assert actions([minute(1)], Policy(peak=1), [placed])["k01"] == "blocked G021"
    stopped = structs.replace(placed, stopped_at=NOW)
    assert actions([minute(1)], Policy(peak=1), [stopped])["k01"] == "create"


def test_a_peak_of_one_number_leaves_the_others() -> None:
    rows = [minute(1), minute(2), minute(3, sender="another")]
    found = actions(rows, Policy(number_peak=1))
    assert found == {"k01": "create", "k02": "blocked G022", "k03": "create"}


def test_against_a_snapshot_the_numbers_are_still_told_apart() -> None:
    view = BlindedView(b"key" * 11)
    plain = entry(row("old", at=NOW + HOUR, contact_id="x"))
    hidden = structs.replace(plain, call=view.call(plain.call), digest=view.digest(plain.digest))
    found = actions([minute(1), minute(2, sender="another")], Policy(number_peak=1), [hidden], view=view)
    assert (found["k01"], found["k02"]) == ("blocked G022", "create")


def test_immediate_calls_have_no_minute() -> None:
    rows = [row(f"k{number}", at=None, contact_id=f"c{number}") for number in range(3)]
    assert set(actions(rows, Policy(peak=1)).values()) == {"create"}


def test_two_guards_are_both_told() -> None:
    change = judged([row()], Policy(min_lead=2 * HOUR, horizon=SECOND))["k"]
    assert change.reasons == ("G004", "G005")
    assert (change.message or "").startswith("G004: it would ring at 2026-06-01 13:00:00 UTC, in 60 min; ")
    assert "; G005: it would ring" in (change.message or "")


@pytest.mark.parametrize(
    ("strictness", "action", "warned"),
    [(Strictness.ERROR, "blocked", 0), (Strictness.WARNING, "create", 1), (Strictness.OFF, "create", 0)],
)
def test_strictness(strictness: Strictness, action: str, warned: int) -> None:
    plan = plan_of([row()], Policy(strictness={"G005": strictness}, horizon=SECOND))
    assert plan.changes[0].action == action
    assert [(item.code, item.location) for item in plan.diagnostics] == [("G005", row().source)] * warned


def test_of_very_many_warnings_the_first_are_told_and_the_rest_counted() -> None:
    rows = [minute(second) for second in range(50)]
    plan = plan_of(rows, Policy(strictness={"G005": Strictness.WARNING}, horizon=SECOND))
    assert len(plan.diagnostics) == 21
    assert plan.diagnostics[0].message == "and 30 more of these (a call that would ring too far ahead)"


def test_only_what_would_be_placed_is_judged() -> None:
    strict = Policy(min_lead=99 * HOUR, horizon=SECOND, peak=1, number_peak=1)
    rows = [row("placed"), row("held", enabled=False), row("lost")]
    entries = [entry(row("placed")), entry(row("lost"), Status.UNCERTAIN), entry(row("gone"))]
    found = judged(rows, strict, entries)
    assert {key: item.action for key, item in found.items()} == {
        "placed": Action.UNCHANGED,
        "held": Action.HELD,
        "lost": Action.UNCERTAIN,
        "gone": Action.REMOVED,
    }


def test_every_guard_is_in_the_catalogue_and_in_the_schema() -> None:
    codes = [guard.code for guard in GUARDS]
    assert codes == sorted(GUARD_CODES) == list(dict.fromkeys(codes))
    policy = json.loads(schema_text("project"))["properties"]["policy"]["properties"]
    assert {code: item["default"] for code, item in policy["guards"]["properties"].items()} == {
        guard.code: guard.strictness for guard in GUARDS
    }
    assert policy["overridable"]["default"] == sorted(OVERRIDABLE)
    assert policy["overridable"]["items"]["enum"] == codes
    assert GUARD_CODES.keys() - _GOES_BY.keys() == {"G020", "G023", "G024"}, "these need no setting of their own"
    assert schema_of("called_timezone") is not None


@pytest.mark.parametrize("code", GUARD_CODES)
def test_the_schema_and_the_guide_begin_with_the_text_of_the_catalogue(code: str) -> None:
    text = GUARD_CODES[code]
    policy = json.loads(schema_text("project"))["properties"]["policy"]["properties"]
    assert policy["guards"]["properties"][code]["description"].startswith(text[0].upper() + text[1:])
    assert f"| {code} | {NAMES[code]} | {text}" in guide_text("guards")


def test_the_digest_is_not_of_where_the_person_is() -> None:
    there = structs.replace(row(), called_timezone="America/Bogota")
    assert identity.digest(there.call) == identity.digest(row().call)
    assert actions([there], Policy(), [entry(row())]) == {"k": "unchanged"}
    assert NOW.tzinfo is UTC
