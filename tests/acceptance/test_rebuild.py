"""A lost state made again, from the service and the plan files: nobody is called twice, and nobody is made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.sandbox import SandboxConfig, running
from reconciler.source.schema.packaged import schema_text
from tests.conftest import AGENT, KEY, NUMBER, Workbench, contact, foreign, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
REBUILD = ("state", "rebuild", "--auto-approve", "--json")
LATER = {"schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}


@pytest.fixture(params=[True, False], ids=["tags", "no-tags"])
def echoes(request: pytest.FixtureRequest) -> bool:
    """Whether the service returns metadata."""
    return bool(request.param)


@pytest.fixture
def service(bench: Workbench, echoes: bool) -> Iterator[Any]:
    yield from _service(bench, echoes=echoes)


@pytest.fixture
def tagging(bench: Workbench) -> Iterator[Any]:
    yield from _service(bench, echoes=True)


@pytest.fixture
def plain(bench: Workbench) -> Iterator[Any]:
    yield from _service(bench, echoes=False)


def _service(bench: Workbench, *, echoes: bool) -> Iterator[Any]:
    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=echoes)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        yield sandbox


def lose(bench: Workbench) -> str:
    """The runner's disk is gone; the result is the lineage of what was on it."""
    lineage = str(bench.ok("state", "show", "--json").json["lineage"])
    shutil.rmtree(bench.root / ".reconciler")
    return lineage


def rebuild(bench: Workbench, *args: str, code: int = 0) -> dict[str, Any]:
    result = bench.run(*REBUILD, *args)
    assert result.code == code, (result.out, result.err)
    document: dict[str, Any] = result.json
    Draft202012Validator(json.loads(schema_text("rebuild"))).validate(document)
    return document


def by_address(document: dict[str, Any], field: str = "certainty") -> dict[str, str]:
    return {item["address"]: item[field] for item in document["findings"]}


def in_order(bench: Workbench) -> None:
    """The ledger holds, and the state with it."""
    for command in ("audit", "verify"), ("state", "check"):
        bench.ok(*command)


def test_a_lost_state_is_made_again(bench: Workbench, service: Any, echoes: bool) -> None:
    bench.write(PLAN, plan_text(rows=5))
    bench.apply()
    before = {item["address"]: item for item in bench.ok("state", "list", "--json").json["entries"]}
    lineage = lose(bench)
    assert bench.run("plan").code == 1, "a missing state is no empty one"
    found = rebuild(bench)
    assert set(by_address(found).values()) == {"certain" if echoes else "probable"}
    assert (found["lineage"], found["tags_returned"], found["written"]) == (lineage, echoes, True)
    assert bench.ok("state", "show", "--json").json["lineage"] == lineage
    after = {item["address"]: item for item in bench.ok("state", "list", "--json").json["entries"]}
    for address, item in after.items():
        for field in ("call_id", "digest", "rings_at", "target"):
            assert item[field] == before[address][field]
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 5
    assert bench.ok("status", "--json").json["drift"] == []
    in_order(bench)


def test_what_was_never_placed_is_not_placed_without_a_word(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.write(PLAN, plan_text(rows=3))
    lose(bench)
    found = rebuild(bench, code=3)
    assert by_address(found, "reason")["june/inv-3"] == "not-listed"
    assert bench.actions()["june/inv-3"] == "uncertain"
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 2
    bench.ok("resolve", "june/inv-3", "--not-placed", "--reason", "merged after the last apply")
    assert bench.apply().summary["placed"] == 1
    in_order(bench)


def test_a_persons_word_makes_rows_without_a_call_new(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.write(PLAN, plan_text(rows=4))
    lose(bench)
    found = rebuild(bench, "--absent-are-new", "--reason", "merged today")
    assert found["summary"]["absent"] == 2
    assert bench.apply().summary["placed"] == 2
    assert len(service.calls()) == 4
    assert "merged today" in bench.ok("audit", "log", "--json").out


def test_the_word_and_its_reason_go_together(project: Workbench) -> None:
    for args in (["--absent-are-new"], ["--reason", "why"], ["--absent-are-new", "--reason", " "]):
        assert project.run("state", "rebuild", *args).code == 64


def test_it_looks_first_and_writes_nothing_that_was_not_agreed_to(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    lineage = lose(bench)
    looked = rebuild(bench, "--dry-run")
    assert (looked["written"], looked["listed"]) == (False, 2)
    asked = bench.run("state", "rebuild")
    assert (asked.code, "no terminal" in asked.err) == (5, True)
    assert not (bench.root / ".reconciler").exists()
    made = bench.run("state", "rebuild", "--auto-approve")
    assert (made.code, f"lineage {lineage}" in made.out) == (0, True)
    assert [path.name for path in (bench.root / ".reconciler").iterdir() if "rebuild" in path.name] == []
    assert (bench.root / STATE).stat().st_mode & 0o777 == 0o600
    again = bench.run(*REBUILD)
    assert (again.code, "never overwritten" in again.err) == (1, True)


def test_a_service_that_cannot_be_asked_leaves_nothing_behind(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text())
    bench.apply()
    lose(bench)
    service.set_faults("get:reject")
    assert bench.run(*REBUILD).code == 1
    assert not (bench.root / ".reconciler").exists()
    service.set_faults()
    bench.write("calls/broken.yaml", "version: 1\nplan: broken\ncalls: [5]\n")
    assert bench.run(*REBUILD).code == 1, "a row that cannot be read would look like a new one"
    assert not (bench.root / ".reconciler").exists()


def test_the_lineage_is_the_pinned_or_the_given_one(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    lineage, other = lose(bench), "6a0d6b1e-3c4b-4f0e-9f5b-0c8e1b1f2a3d"
    assert bench.run(*REBUILD, "--lineage", other).code == 64, "pinned to another one"
    (bench.root / "reconciler.yaml").write_text("version: 1\n")
    assert bench.run(*REBUILD).code == 64, "nobody says"
    assert bench.run(*REBUILD, "--lineage", "june").code == 64
    assert rebuild(bench, "--lineage", other, "--dry-run", code=3)["summary"]["unknown"] == 2, "not its tags"
    assert rebuild(bench, "--lineage", lineage)["summary"]["certain"] == 2


def test_two_projects_in_one_account_are_told_apart_by_tags(bench: Workbench, tagging: Any) -> None:
    other = Workbench(bench.root / "other", bench.env)
    other.root.mkdir()
    other.create_project()
    for project in (bench, other):
        project.write(PLAN, plan_text(rows=2))
        assert project.apply("--no-preflight").summary["placed"] == 2, "of one address in two projects"
    own = {item["call_id"] for item in bench.ok("state", "list", "--json").json["entries"]}
    lose(bench)
    found = rebuild(bench)
    assert {item["call_id"] for item in found["findings"]} == own
    assert len(found["strangers"]) == 2


def test_two_projects_in_one_account_are_left_to_a_person_without_tags(bench: Workbench, plain: Any) -> None:
    other = Workbench(bench.root / "other", bench.env)
    other.root.mkdir()
    other.create_project()
    for project in (bench, other):
        project.write(PLAN, plan_text(rows=2))
        assert project.apply("--no-preflight").summary["placed"] == 2
    own = {item["address"]: item["call_id"] for item in bench.ok("state", "list", "--json").json["entries"]}
    lose(bench)
    found = rebuild(bench, code=3)
    assert set(by_address(found, "reason").values()) == {"several"}
    assert all(len(item["candidates"]) == 2 for item in found["findings"])
    for address, call_id in own.items():
        bench.run("resolve", address, "--placed", call_id, "--reason", "by its time in the dashboard")
    assert bench.run("plan", "--detailed-exitcode").code == 0
    in_order(bench)


def test_a_strangers_call_makes_a_row_unknown(bench: Workbench, plain: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    stranger = foreign(plain, 2, **LATER)
    lose(bench)
    found = rebuild(bench, code=3)
    assert by_address(found) == {"june/inv-1": "probable", "june/inv-2": "unknown"}
    assert stranger in bench.ok("state", "show", "june/inv-2").out, "it names what it could be"
    assert bench.apply().summary["placed"] == 0
    assert len(plain.calls()) == 3


def test_a_call_that_is_not_listed_yet_is_settled_later(bench: Workbench, echoes: bool) -> None:
    clock = {"ahead": timedelta(0)}
    now = lambda: datetime.now(UTC) + clock["ahead"]  # noqa: E731 - a clock
    config = SandboxConfig(port=0, api_key=KEY, echo_metadata=echoes, list_lag=60, clock=now)
    with running(config) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text(rows=3))
        bench.apply()
        lose(bench)
        found = rebuild(bench, code=3)
        assert (found["listed"], found["summary"]["unknown"]) == (0, 3), "an empty list proves nothing"
        assert bench.apply().summary["placed"] == 0
        clock["ahead"] = timedelta(seconds=90)
        assert bench.run("resolve").code == 0
        assert bench.run("plan", "--detailed-exitcode").code == 0
        assert len(sandbox.calls()) == 3
        in_order(bench)


def test_rows_that_were_edited_or_removed_since_are_placed_all_the_same(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=3))
    bench.apply()
    digests = {item["address"]: item["digest"] for item in bench.ok("state", "list", "--json").json["entries"]}
    bench.write(PLAN, plan_text(rows=2).replace("14002", "1"))
    before = bench.actions()
    lose(bench)
    found = rebuild(bench)
    assert by_address(found, "reason") == {"june/inv-1": "tags", "june/inv-2": "edited", "june/inv-3": "no-row"}
    assert by_address(found, "digest") == digests
    assert (
        bench.actions()
        == before
        == {
            "june/inv-1": "unchanged",
            "june/inv-2": "changed",
            "june/inv-3": "removed",
        }
    )
    changes = {change["address"]: change for change in bench.plan("--reveal")["changes"]}
    assert "an unknown time" in changes["june/inv-3"]["message"]
    edited = {cell["field"]: cell for cell in changes["june/inv-2"]["diff"]}
    assert edited["additional_data.amount_debt"]["before"] == "(unknown)"
    assert "contact_id" not in edited, "whom it rings is listed"
    shown = bench.ok("state", "show", "june/inv-3", "--json").json
    assert shown["target"] == contact(3)
    assert bench.apply().summary["placed"] == 0
    for command in (["status", "--json"], ["status", "--format", "html"], ["export", "--output", "all.xlsx"]):
        assert bench.run(*command).code == 0
    bench.ok("state", "export", "--public", "snapshot.json")
    assert bench.actions("--state", "snapshot:snapshot.json") == before
    bench.write(PLAN, plan_text(rows=3))
    assert set(bench.actions().values()) == {"unchanged"}, "the rows are back, and their digests are known"
    in_order(bench)


def test_a_call_known_only_from_the_listing_is_stopped_moved_and_redacted(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    lose(bench)
    bench.write(PLAN, "version: 1\nplan: june\nmoved: [{from: june/inv-2, to: june/b}]\ncalls: []\n")
    rebuild(bench)
    assert set(bench.actions()) == {"june/inv-1", "june/b"}
    bench.ok("resolve", "june/b", "--stopped", "--reason", "deleted")
    assert bench.actions() == {"june/inv-1": "removed"}
    bench.ok("state", "redact", "--before", "2026-01-01")
    in_order(bench)


def test_moved_rows_are_found_under_their_new_names(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=3))
    bench.apply()
    lose(bench)
    moved = "moved: [{from: june/inv-1, to: june/bill-1}]\n"
    text = plan_text(rows=3).replace("key: inv-1\n", "key: bill-1\n").replace("key: inv-2\n", "key: bill-2\n")
    bench.write(PLAN, moved + text)
    found = rebuild(bench)
    assert by_address(found) == {"june/bill-1": "certain", "june/bill-2": "probable", "june/inv-3": "certain"}
    assert by_address(found, "reason")["june/bill-2"] == "renamed"
    assert set(bench.actions().values()) == {"unchanged"}
    assert bench.apply().summary["placed"] == 0
    assert bench.ok("status", "--json").json["drift"] == []
    in_order(bench)


def test_what_was_placed_twice_is_told(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    [first] = tagging.calls()
    second = foreign(tagging, 1, metadata=first.body["metadata"], **LATER)
    lose(bench)
    told = bench.run("state", "rebuild", "--dry-run")
    assert "Placed more than once" in told.out
    assert second in told.out
    found = rebuild(bench)["findings"][0]
    assert (found["call_id"], [item["call_id"] for item in found["duplicates"]]) == (first.call_id, [second])
    assert second in bench.ok("state", "show", "june/inv-1").out
    assert bench.run("status").code == 3, "and again, until one of them is gone"


NOW_PLAN = f"""\
version: 1
plan: leads
defaults: {{agent: {AGENT}, from: {NUMBER}, delay_minutes: 0, place_by: 2031-01-01T00:00:00Z}}
calls:
  - {{key: now, contact_id: {contact(1)}}}
  - {{key: soon, contact_id: {contact(2)}, delay_minutes: 90}}
  - {{key: never, contact_id: {contact(3)}}}
"""


def test_immediate_and_delayed_rows(bench: Workbench, service: Any, echoes: bool) -> None:
    bench.write("calls/leads.yaml", NOW_PLAN.replace("  - {key: never", "  #- {key: never"))
    assert bench.apply().summary["placed"] == 2
    rings = {item["address"]: item["rings_at"] for item in bench.ok("state", "list", "--json").json["entries"]}
    lose(bench)
    bench.write("calls/leads.yaml", NOW_PLAN)
    found = rebuild(bench, code=3)
    sure = "certain" if echoes else "probable"
    assert by_address(found) == {"leads/now": sure, "leads/soon": sure, "leads/never": "unknown"}
    after = {item["address"]: item["rings_at"] for item in bench.ok("state", "list", "--json").json["entries"]}
    gap = datetime.fromisoformat(after["leads/soon"]) - datetime.fromisoformat(rings["leads/soon"])
    assert abs(gap) < timedelta(seconds=30), "it rings when it was to ring, not later by the time that was lost"
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 2


def test_revisions(bench: Workbench, service: Any, echoes: bool) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    bench.ok("resolve", "june/inv-1", "--stopped", "--reason", "deleted in the dashboard")
    second = (
        plan_text(rows=1).replace("  - key: inv-1\n", "  - key: inv-1\n    revision: 2\n").replace("14001", "1")
    )
    bench.write(PLAN, second)
    assert bench.apply("--no-preflight").summary["placed"] == 1
    lose(bench)
    if echoes:
        found = rebuild(bench)
        assert by_address(found, "reason") == {"june/inv-1": "no-row", "june/inv-1@2": "tags"}
        assert bench.actions() == {"june/inv-1": "removed", "june/inv-1@2": "unchanged"}
    else:
        found = rebuild(bench, code=3)
        assert by_address(found, "reason") == {"june/inv-1@2": "several"}
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 2


def test_one_call_of_a_raised_row_may_be_that_of_its_earlier_revision(bench: Workbench, plain: Any) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    bench.write(PLAN, plan_text(rows=1).replace("  - key: inv-1\n", "  - key: inv-1\n    revision: 2\n"))
    lose(bench)
    assert by_address(rebuild(bench, code=3), "reason") == {"june/inv-1@2": "earlier-revision"}


def test_rows_whose_time_has_passed_are_not_asked_about(bench: Workbench, plain: Any) -> None:
    bench.write(PLAN, plan_text(rows=2).replace("2031-06-01 00:02:00", "2021-06-01 00:02:00"))
    bench.apply()
    lose(bench)
    found = rebuild(bench)
    assert by_address(found, "reason") == {"june/inv-1": "alike", "june/inv-2": "time-passed"}
    assert bench.actions()["june/inv-2"] == "expired"


def test_since_bounds_the_listing_but_not_what_is_pending(bench: Workbench, tagging: Any) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    foreign(tagging, 7, created_at="2026-01-01T00:00:00Z")  # rang at once
    lose(bench)
    found = rebuild(bench, "--since", "2030-01-01T00:00:00Z")
    assert (found["listed"], found["summary"]["certain"]) == (1, 1)


def test_the_ledger_and_the_state_tell_of_it(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    lose(bench)
    rebuild(bench)
    shown = bench.ok("state", "show", "--json").json
    assert shown["rebuilt"]["actor"]
    assert "rebuilt" in bench.ok("state", "show").out
    lines = [json.loads(line) for line in bench.ok("audit", "export", "-").out.splitlines()]
    kinds = [line["kind"] for line in lines if line["type"] == "entry"]
    assert kinds == ["created", "began", "looked", "intended", "intended", "adopted", "adopted", "ended"]
    created = next(line["content"] for line in lines if line.get("kind") == "created")
    assert (created["command"], created["rebuilt"]["listed"]) == ("state rebuild", 2)
    assert "rebuilt from 2 listed calls: 2 " in bench.ok("audit", "log").out
    evidence = [line["texts"]["evidence"] for line in lines if line.get("kind") == "adopted"]
    assert all("tags name" in text or "only listed call" in text for text in evidence)


def test_private_data_is_nowhere_in_what_it_prints(bench: Workbench, service: Any) -> None:
    number = "+525512345678"
    row = f"{{key: a, to_number: '{number}', full_name: Jane Smith, schedule: {{at: 2031-06-01 09:00:00}}}}"
    defaults = f"{{agent: {AGENT}, from: '+525500000000', schedule: {{timezone: UTC}}}}"
    bench.write("calls/leads.yaml", f"version: 1\nplan: leads\ndefaults: {defaults}\ncalls:\n  - {row}\n")
    assert bench.apply().summary["placed"] == 1
    lose(bench)
    for args in (["--dry-run"], ["--dry-run", "--json"], ["--auto-approve"]):
        result = bench.ok("state", "rebuild", *args)
        assert number not in result.out + result.err
        assert "Jane" not in result.out + result.err
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_only_yes_is_yes(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    lose(bench)
    declined = bench.on_terminal("state", "rebuild", answer="y")
    assert "declined: nothing was written" in declined
    assert not (bench.root / ".reconciler").exists()
    assert "Created" in bench.on_terminal("state", "rebuild", answer="yes")
    assert set(bench.actions().values()) == {"unchanged"}
