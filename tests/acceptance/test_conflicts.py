"""Conflicts: kept in the state, shown by every plan, never sent, until somebody resolves them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.sandbox import SandboxConfig, running
from reconciler.source.schema.packaged import schema_text
from tests.acceptance.test_answers import listed
from tests.conftest import KEY, Result, Workbench, contact, foreign, plan_text
from tests.rawservice import NO_CALLS, Reply, answer, raw_service, receipt

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
WHY = ("--reason", "seen in the dashboard")
LATER = {"schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}


def in_conflict(bench: Workbench, sandbox: Any, rows: int = 2) -> str:
    """Row 1 of some is in conflict with the call of this id; the others are placed."""
    bench.write(PLAN, plan_text(rows=rows))
    foreign(sandbox, 1, **LATER)
    applied = bench.apply()
    assert (applied.code, applied.summary["conflicts"], applied.summary["placed"]) == (3, 1, rows - 1)
    return str(sandbox.calls()[0].call_id)


def the_conflict(result: Result) -> dict[str, Any]:
    [event] = [event for event in result.events if event["type"] == "conflict"]
    return dict(event)


@pytest.fixture(params=["sqlite", "postgres"])
def stored(bench: Workbench, sandbox: Any, request: pytest.FixtureRequest) -> Workbench:
    """A project whose state is of either kind."""
    if request.param == "postgres":
        bench.env["RECONCILER_STATE"] = request.getfixturevalue("postgres").url()
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    return bench


def test_a_conflict_is_kept_and_names_the_command_to_type(stored: Workbench, sandbox: Any) -> None:
    call_id = in_conflict(stored, sandbox)
    plan = stored.plan()
    Draft202012Validator(json.loads(schema_text("plan"))).validate(plan)
    assert (plan["summary"]["conflict"], plan["summary"]["create"]) == (1, 0)
    [change] = [item for item in plan["changes"] if item["action"] == "conflict"]
    assert (change["address"], change["reasons"], change["request"]) == ("june/inv-1", ["may-exist"], None)
    placed = f"reconciler resolve june/inv-1 --placed {call_id} --reason WHY"
    assert placed in change["message"]
    assert "reconciler resolve june/inv-1 --distinct --reason WHY" in change["message"]
    assert "1 in conflict" in stored.ok("status", "--offline").out
    assert stored.run("status").code == 3
    for options in ((), ("--no-preflight",)):
        applied = stored.apply(*options)
        assert (applied.code, applied.summary["conflicts"], applied.summary["placed"]) == (3, 1, 0)
        assert placed in the_conflict(applied)["message"]
    listed = stored.run("resolve")
    assert (listed.code, placed in listed.out, "1 in conflict." in listed.out) == (3, True, True)
    assert len(sandbox.calls()) == 2
    stored.ok("audit", "verify")


def test_a_conflict_outlives_what_the_service_lists(bench: Workbench) -> None:
    listing = [answer("200 OK", {"data": [listed("call-9", 1)], "count": 1})]
    gone = [answer("404 Not Found", {})]

    def look(path: str) -> list[bytes]:
        return gone if path.startswith("/v1/calls/") else listing

    with raw_service(lambda *_: Reply(True, [receipt("call-1")]), look) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text(rows=1))
        assert bench.apply().summary["conflicts"] == 1
        listing[:] = [NO_CALLS]
        assert bench.apply().summary["conflicts"] == 1, "nobody has resolved it"
        assert bench.run("resolve").code == 3, "that it is not listed proves nothing"
        assert service.posts == 0


@pytest.mark.parametrize("said", ["placed", "distinct", "plan"])
def test_a_person_resolves_a_conflict(stored: Workbench, sandbox: Any, said: str) -> None:
    call_id = in_conflict(stored, sandbox)
    what = {
        "placed": ("june/inv-1", "--placed", call_id),
        "distinct": ("june/inv-1", "--distinct"),
        "plan": ("--distinct", "--plan", "june"),
    }
    done = stored.ok("resolve", *what[said], *WHY, "--json").json
    assert (done["unknown"], done["conflicts"]) == (0, 0)
    assert stored.actions()["june/inv-1"] == ("unchanged" if said == "placed" else "create")
    assert stored.apply().summary["placed"] == (0 if said == "placed" else 1)
    assert len(sandbox.calls()) == (2 if said == "placed" else 3)
    if said == "placed":
        [attempt] = stored.ok("state", "show", "june/inv-1", "--json").json["attempts"]
        assert attempt["evidence"] == "a person's word: seen in the dashboard"
    stored.ok("audit", "verify")


def test_resolve_says_what_it_does_not_take(project: Workbench, sandbox: Any) -> None:
    in_conflict(project, sandbox)
    assert project.run("resolve", "--distinct", "--plan", "july", *WHY).code == 1
    assert project.run("resolve", "--plan", "june", *WHY).code == 64
    assert project.run("resolve", "june/inv-1", "--plan", "june", "--distinct", *WHY).code == 64
    assert project.run("resolve", "--plan", "june", "--distinct", "--placed", "x", *WHY).code == 64
    assert project.run("resolve", "--distinct", "--plan", "june").code == 64
    assert project.actions()["june/inv-1"] == "conflict"


def test_a_conflict_is_over_where_its_row_is_gone_or_calls_another_person(
    project: Workbench, sandbox: Any
) -> None:
    text = plan_text(rows=2)
    in_conflict(project, sandbox)
    project.write(PLAN, text.replace(contact(1), contact(9)))
    assert project.actions()["june/inv-1"] == "create"
    project.write(PLAN, text.replace(contact(1), contact(1).upper()))
    assert project.actions()["june/inv-1"] == "conflict", "the same person"
    project.write(PLAN, text.replace("key: inv-1\n", "key: inv-1\n    enabled: false\n"))
    assert project.apply("--no-preflight").summary["placed"] == 0
    project.write(PLAN, text)
    assert project.actions()["june/inv-1"] == "conflict", "a row that is held is still there"
    project.write(PLAN, plan_text(rows=1, first=2))
    assert project.apply().code == 0
    project.write(PLAN, text)
    assert project.actions()["june/inv-1"] == "create"
    assert project.apply().summary["conflicts"] == 1, "and the service is asked again"


def test_only_what_an_apply_reads_can_be_gone(project: Workbench, sandbox: Any) -> None:
    in_conflict(project, sandbox)
    project.write("calls/july.yaml", plan_text("july", rows=1, first=50))
    project.ok("plan", "calls/july.yaml", "--out", "july.plan")
    project.ok("apply", "july.plan")
    project.write("calls/july.yaml", plan_text("july", rows=2, first=50))
    assert project.apply("calls/july.yaml").code == 0
    assert project.actions()["june/inv-1"] == "conflict"
    (project.root / PLAN).unlink()
    project.write("calls/july.yaml", "version: 1\nplan: july\ncalls: [5]\n")
    assert project.run("resolve").code == 3, "nobody knows what files with errors ask for"
    project.write("calls/july.yaml", plan_text("july", rows=2, first=50))
    assert project.ok("resolve").out == "No unknown outcomes.\n"


def test_another_person_is_called_and_the_conflict_is_over(project: Workbench, sandbox: Any) -> None:
    in_conflict(project, sandbox)
    project.write(PLAN, plan_text(rows=2).replace(contact(1), contact(9)))
    project.ok("plan", "--out", "june.plan")
    assert project.ok("apply", "june.plan", "--json").summary["placed"] == 1
    assert project.ok("resolve", "--json").json["conflicts"] == []


def test_a_call_that_is_another_rows_is_no_conflict_any_more(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=2).replace(contact(2), contact(1)))
    foreign(sandbox, 1, **LATER)
    assert project.apply().summary["conflicts"] == 2
    project.run("resolve", "june/inv-1", "--placed", sandbox.calls()[0].call_id, *WHY)
    assert project.actions() == {"june/inv-1": "unchanged", "june/inv-2": "create"}
    assert project.apply().summary["placed"] == 1


def test_a_pull_request_sees_the_conflict(project: Workbench, sandbox: Any) -> None:
    in_conflict(project, sandbox)
    project.ok("state", "export", "--public", "snapshot.json")
    data = json.loads((project.root / "snapshot.json").read_text())
    Draft202012Validator(json.loads(schema_text("snapshot"))).validate(data)
    assert contact(1) not in json.dumps(data)
    snapshot = ("--state", "snapshot:snapshot.json")
    for text in (plan_text(rows=2), plan_text(rows=2).replace(contact(1), contact(9))):
        project.write(PLAN, text)
        assert project.actions(*snapshot) == project.actions()
    project.write(PLAN, plan_text(rows=2))
    for form in ("text", "markdown", "html", "csv", "junit", "sarif", "github"):
        assert "inv-1 --distinct" in project.ok("plan", *snapshot, "--format", form).out, form


def test_a_saved_plan_does_not_place_what_is_in_conflict(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=2))
    project.ok("plan", "--out", "before.plan")
    in_conflict(project, sandbox)
    project.ok("plan", "--out", "during.plan")
    for name in ("before.plan", "during.plan"):
        applied = project.run("apply", name, "--no-preflight", "--json")
        assert (applied.code, applied.summary["conflicts"], applied.summary["placed"]) == (3, 1, 0)
    project.ok("resolve", "june/inv-1", "--distinct", *WHY)
    applied = project.run("apply", "during.plan", "--json")
    assert (applied.code, applied.summary["stale"], applied.summary["placed"]) == (3, 1, 0)
    assert project.ok("apply", "before.plan", "--json").summary["placed"] == 1


@pytest.fixture
def restored(bench: Workbench) -> Iterator[tuple[Workbench, Any]]:
    """A state of before three calls were placed, at a service that returns no tags."""
    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=False)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text())
        shutil.copy(bench.root / STATE, bench.root / "old.db")
        assert bench.apply().summary["placed"] == 3
        shutil.copy(bench.root / "old.db", bench.root / STATE)
        assert bench.apply().summary["conflicts"] == 3
        yield bench, sandbox


def test_many_conflicts_are_resolved_from_one_file_or_none(restored: tuple[Workbench, Any]) -> None:
    bench, sandbox = restored
    ids = [call.call_id for call in sandbox.calls()]
    assert bench.run("resolve", "--export", "decisions.csv").code == 3
    with (bench.root / "decisions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["candidates"] for row in rows) == sorted(ids)
    rows[0] |= {"decision": "placed", "call_id": rows[0]["candidates"], "reason": "placed before"}
    rows[1] |= {"decision": "placed", "call_id": rows[0]["candidates"], "reason": "the same call"}
    rows[2] |= {"decision": "not-placed", "reason": "not for a conflict"}
    refused = decide(bench, rows)
    assert refused.code == 1
    assert "decisions.csv:3: " in refused.err
    assert "is the call of june/inv-1 already" in refused.err
    assert "decisions.csv:4: decision 'not-placed'; expected placed, distinct" in refused.err
    assert set(bench.actions().values()) == {"conflict"}
    rows[1] |= {"call_id": rows[1]["candidates"]}
    rows[2] |= {"decision": "distinct"}
    done = decide(bench, rows)
    assert (done.code, done.out) == (0, "3 recorded, 0 left.\n")
    assert list(bench.actions().values()) == ["unchanged", "unchanged", "create"]
    bench.ok("audit", "verify")


def decide(bench: Workbench, rows: list[dict[str, str]]) -> Result:
    with (bench.root / "decisions.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return bench.run("resolve", "--from", "decisions.csv")


def test_without_a_key_conflicts_are_listed(restored: tuple[Workbench, Any]) -> None:
    bench, sandbox = restored
    del bench.env["CONTACTSHIP_API_KEY"]
    listed = bench.run("resolve", "--json")
    assert listed.code == 3
    assert {item["address"]: item["call_ids"] for item in listed.json["conflicts"]} == {
        f"june/{call.body['metadata']['reconciler_key']}": [call.call_id] for call in sandbox.calls()
    }


@pytest.mark.parametrize("tagged", ["ours", "another's", "another-call's"])
def test_resolve_settles_a_conflict_by_tags_alone(bench: Workbench, tagged: str) -> None:
    """A service that shows no metadata at first, and then does."""
    listing = [NO_CALLS]
    with raw_service(lambda *_: Reply(True, [receipt("call-9")]), lambda _: listing) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text(rows=1))
        shutil.copy(bench.root / STATE, bench.root / "old.db")
        assert bench.apply().code == 0
        shutil.copy(bench.root / "old.db", bench.root / STATE)
        call = listed("call-9", 1)
        listing[:] = [answer("200 OK", {"data": [call], "count": 1})]
        assert bench.apply().summary["conflicts"] == 1
        tags = dict(service.calls[0]["metadata"])
        if tagged == "another's":
            tags["reconciler_lineage"] = "0f8fad5b-d9cb-469f-a165-70867728950e"
        elif tagged == "another-call's":
            tags["reconciler_digest"] = "d1:sha256:" + "0" * 64
        listing[:] = [answer("200 OK", {"data": [call | {"metadata": tags}], "count": 1})]
        asked = bench.run("resolve", "--json")
        if tagged == "ours":
            assert asked.code == 0
            assert [(item["address"], item["call_id"]) for item in asked.json["adopted"]] == [
                ("june/inv-1", "call-9")
            ]
            assert bench.actions() == {"june/inv-1": "unchanged"}
        else:
            assert (asked.code, asked.json["adopted"]) == (3, [])
            assert bench.actions() == {"june/inv-1": "conflict"}
        assert service.posts == 1
        bench.ok("audit", "verify")


def test_likeness_gives_no_row_the_call_of_a_row_in_conflict(project: Workbench, sandbox: Any) -> None:
    """The lost call of row 2 and the call of the conflict are to the same person, by the same agent."""
    project.write(PLAN, plan_text(rows=1))
    foreign(sandbox, 1, created_at=(datetime.now(UTC) + timedelta(seconds=60)).isoformat(), **LATER)
    assert project.apply().summary["conflicts"] == 1
    project.write(PLAN, plan_text(rows=2).replace(contact(2), contact(1)))
    sandbox.set_faults("drop-before#1")
    applied = project.apply("--no-preflight")
    assert (applied.code, applied.summary["uncertain"], applied.summary["adopted"]) == (3, 1, 0)
    sandbox.set_faults()
    assert project.run("resolve").code == 3
    assert project.actions() == {"june/inv-1": "conflict", "june/inv-2": "uncertain"}


def test_a_call_that_was_not_found_does_not_resolve_a_conflict(project: Workbench, sandbox: Any) -> None:
    call_id = in_conflict(project, sandbox)
    refused = project.run("resolve", "june/inv-1", "--placed", "call-typo", *WHY)
    assert refused.code == 1
    assert f"call-typo is not one of the conflicting calls: {call_id}" in refused.err
    assert "--distinct" in refused.err
    decided = project.write("d.csv", "address,decision,call_id,reason\njune/inv-1,placed,call-typo,seen\n")
    imported = project.run("resolve", "--from", str(decided))
    assert imported.code == 1
    assert f"d.csv:2: june/inv-1: call-typo is not one of the conflicting calls: {call_id}" in imported.err
    assert project.actions()["june/inv-1"] == "conflict"
    project.ok("resolve", "june/inv-1", "--placed", call_id, *WHY)
    assert project.actions()["june/inv-1"] == "unchanged"
