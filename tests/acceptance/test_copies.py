"""The service's word: lists that are cut, tags that do not come back, and copies of a state at work."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.wrong_lists import shows_metadata
from tests.conftest import KEY, Workbench, contact, foreign, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
AHEAD = {"schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}


@pytest.fixture(params=[False, True], ids=["no-tags", "tags"])
def either(request: pytest.FixtureRequest, bench: Workbench) -> Iterator[Any]:
    yield from _served(bench, SandboxConfig(port=0, api_key=KEY, echo_metadata=request.param))


@pytest.fixture
def echoing(bench: Workbench) -> Iterator[Any]:
    """A sandbox that returns metadata, and a project that talks to it."""
    yield from _served(bench, SandboxConfig(port=0, api_key=KEY, echo_metadata=True, seed=1))


def _served(bench: Workbench, config: SandboxConfig) -> Iterator[Any]:
    with running(config) as handle:
        bench.env |= {"CONTACTSHIP_BASE_URL": handle.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text())
        yield handle


def copy_of(bench: Workbench, name: str = "copy") -> Workbench:
    """The whole project again, state and all."""
    shutil.copytree(bench.root, bench.root.parent / f"{bench.root.name}-{name}")
    return Workbench(bench.root.parent / f"{bench.root.name}-{name}", bench.env)


def twice(service: Any) -> int:
    """How many people were phoned more often than once."""
    people = Counter(call.body["contact_id"] for call in service.calls())
    return sum(count > 1 for count in people.values())


def fact(bench: Workbench) -> list[tuple[str, dict[str, Any]]]:
    """What the ledger says of the service's tags: verdict and evidence, oldest first."""
    entries = [json.loads(line) for line in bench.ok("audit", "log", "--json").out.splitlines()]
    told = [item["content"] for item in entries if item["kind"] == "observed"]
    return [(item["verdict"], item["evidence"]) for item in told if item["name"] == "tags"]


CUT = ["get:empty-page", "get:short-page", "get:same-page", "get:wrong-count", "get:endless"]


@pytest.mark.parametrize("fault", CUT)
def test_a_copy_does_not_trust_a_list_that_is_cut(bench: Workbench, sandbox: Any, fault: str) -> None:
    """Forked before the first apply, on a service that lists less than it has."""
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    bench.write(PLAN, plan_text(rows=120))
    copy = copy_of(bench)
    assert bench.apply().summary["placed"] == 120
    sandbox.set_faults(fault)
    stopped = copy.apply()
    assert (stopped.code, stopped.summary["placed"], stopped.summary["not_sent"]) == (3, 0, 120)
    assert "incomplete" in stopped.summary["stopped"]
    assert copy.run("status").code == 1
    sandbox.set_faults(f"{fault}#1-2")
    held = copy.apply()
    assert (held.code, held.summary["placed"], held.summary["conflicts"]) == (3, 0, 120), "read again"
    assert len(sandbox.calls()) == 120


@pytest.mark.parametrize("fault", ["get:hidden-call", "get:other-order"])
def test_a_list_that_does_not_stand_still_is_read_to_its_end(bench: Workbench, sandbox: Any, fault: str) -> None:
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    bench.write(PLAN, plan_text(rows=120))
    copy = copy_of(bench)
    assert bench.apply().summary["placed"] == 120
    sandbox.set_faults(fault)
    held = copy.apply()
    assert (held.code, held.summary["placed"]) == (3, 0)
    assert held.summary["conflicts"] + held.summary["not_sent"] == 120
    assert len(sandbox.calls()) == 120


def test_nothing_is_adopted_from_a_list_that_is_cut(bench: Workbench, sandbox: Any) -> None:
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    bench.write(PLAN, plan_text(rows=1))
    sandbox.set_faults("drop-after#1", "get:short-page")
    assert bench.apply("--no-preflight").summary["uncertain"] == 1
    assert bench.run("resolve").code == 1
    sandbox.set_faults()
    assert bench.run("resolve").code == 0


@pytest.mark.parametrize("fault", ["get:empty-metadata", "get:some-metadata"])
def test_metadata_that_is_empty_is_no_proof_of_a_stranger(bench: Workbench, echoing: Any, fault: str) -> None:
    bench.write(PLAN, plan_text(rows=10))
    copy = copy_of(bench)
    echoing.set_faults(fault)
    assert bench.apply().code == 0
    held = copy.apply()
    assert held.code in {3, 5}
    assert held.summary["placed"] == 0
    bench.write(PLAN, plan_text(rows=12))
    foreign(echoing, 12, **AHEAD)
    added = bench.apply()
    assert (added.summary["placed"], added.summary["conflicts"]) == (1, 1), "it may be ours: tags do not come back"
    assert twice(echoing) == 0
    verdict, evidence = fact(bench)[-1]
    assert verdict == "refuted"
    assert evidence["without_tags"] in {call.call_id for call in echoing.calls()}
    assert ("with_tags" in evidence) is (fault == "get:some-metadata")


def test_where_tags_come_back_a_call_with_other_metadata_is_a_strangers(bench: Workbench, echoing: Any) -> None:
    """A call whose metadata is empty may still be ours."""
    assert bench.apply().summary["placed"] == 3
    verdict, evidence = fact(bench)[-1]
    assert (verdict, evidence["with_tags"]) == ("proved", echoing.calls()[0].call_id)
    for number in (4, 5):
        foreign(echoing, number, metadata={"source": "crm"}, **AHEAD)
    foreign(echoing, 6, metadata={}, **AHEAD)
    foreign(echoing, 7, **AHEAD)
    bench.write(PLAN, plan_text(rows=8))
    applied = bench.apply()
    assert (applied.code, applied.summary["placed"], applied.summary["conflicts"]) == (3, 3, 2)
    assert {event["address"] for event in applied.events if event["type"] == "conflict"} == {
        "june/inv-6",
        "june/inv-7",
    }
    assert len(fact(bench)) == 1, "what is known already is not recorded again"


@pytest.mark.parametrize("by_hand", [False, True], ids=["adopted", "by-hand"])
def test_calls_of_a_copy_prove_nothing_about_tags(bench: Workbench, echoing: Any, by_hand: bool) -> None:
    """Only those with tags could be recorded, so that they have tags says nothing about the others."""
    bench.write(PLAN, plan_text(rows=10))
    copy = copy_of(bench)
    assert bench.apply().summary["placed"] == 10
    echoing.set_faults("get:some-metadata")
    shown = [call for call in echoing.calls() if shows_metadata(call.call_id, Fault.SOME_METADATA)]
    assert 0 < len(shown) < 10
    assert copy.apply().code == 5
    for call in shown if by_hand else ():
        address = f"june/{call.body['metadata']['reconciler_key']}"
        copy.run("resolve", address, "--placed", call.call_id, "--reason", "placed by the other job")
    if not by_hand:
        copy.run("resolve")
    held = copy.apply()
    assert (held.code, held.summary["placed"], held.summary["conflicts"]) == (3, 0, 10 - len(shown))
    assert (fact(copy), twice(echoing)) == ([], 0)


def test_a_copy_repeats_no_call_that_is_listed_with_empty_metadata(bench: Workbench, echoing: Any) -> None:
    """All calls from before the copy have their tags; the one that was placed since has none."""
    echoing._backend.config = replace(echoing._backend.config, seed=4)  # the third call is the first without
    echoing.set_faults("get:some-metadata")
    for rows in (1, 2):
        bench.write(PLAN, plan_text(rows=rows))
        assert bench.apply().summary["placed"] == 1
    copy = copy_of(bench)
    bench.write(PLAN, plan_text(rows=3))
    assert bench.apply().summary["placed"] == 1
    shown = [shows_metadata(call.call_id, Fault.SOME_METADATA) for call in echoing.calls()]
    assert shown == [True, True, False]
    copy.write(PLAN, plan_text(rows=3))
    held = copy.apply()
    assert (held.code, held.summary["placed"], held.summary["conflicts"]) == (3, 0, 1)
    assert [verdict for verdict, _ in fact(copy)] == ["proved"]
    copy.ok("resolve", "june/inv-3", "--distinct", "--reason", "placed in the dashboard")
    assert copy.apply().summary["placed"] == 1


def test_a_new_state_takes_nobody_for_a_stranger(bench: Workbench, echoing: Any) -> None:
    foreign(echoing, 2, **AHEAD)
    held = bench.apply()
    assert (held.summary["placed"], held.summary["conflicts"]) == (2, 1), "whether tags come back is not known yet"


def test_what_tags_prove_is_asked_for_by_id_where_no_list_shows_it(bench: Workbench, echoing: Any) -> None:
    """The state was written before anybody looked, and its call rang long ago."""
    echoing.set_faults("get:reject")
    bench.write(PLAN, plan_text(rows=1))
    assert bench.apply("--no-preflight").summary["placed"] == 1
    assert fact(bench) == []
    echoing.set_faults()
    echoing._backend.config = replace(echoing._backend.config, list_lag=1_000_000)
    bench.write(PLAN, plan_text(rows=2))
    assert bench.apply().summary["placed"] == 1
    assert fact(bench)[0][0] == "proved"


def test_a_copy_at_work_stops_a_run_at_its_start(bench: Workbench, echoing: Any) -> None:
    copy = copy_of(bench)
    assert bench.apply().summary["placed"] == 3
    copy.write(PLAN, plan_text(rows=4))
    stopped = copy.apply()
    assert (stopped.code, stopped.summary["placed"], stopped.summary["not_sent"]) == (5, 0, 4)
    assert "another copy of this state" in stopped.summary["stopped"]
    assert "june/inv-1" in stopped.err
    assert "state rebuild" in stopped.err
    shown = copy.run("apply", "--auto-approve")
    assert (shown.code, "another copy" in shown.err) == (5, True)
    assert len(echoing.calls()) == 3


def test_an_operator_goes_on_after_a_copy_was_at_work(bench: Workbench, echoing: Any) -> None:
    copy = copy_of(bench)
    copy.write(PLAN, plan_text(rows=4))
    assert copy.apply().summary["placed"] == 4
    bench.write(PLAN, plan_text(rows=3))
    assert bench.apply().code == 5
    reason = ("--reason", "placed by the old machine")
    by_key = {call.body["metadata"]["reconciler_key"]: call.call_id for call in echoing.calls()}
    for key in ("inv-1", "inv-2"):
        left = bench.run("resolve", f"june/{key}", "--placed", by_key[key], *reason)
        assert left.code == 3, "others are left in conflict"
    assert bench.apply().code == 3, "the third row is in conflict, and there is nothing else to place"
    bench.ok("resolve", "june/inv-3", "--placed", by_key["inv-3"], *reason)
    bench.write(PLAN, plan_text(rows=3) + "".join(plan_text(rows=1, first=9).partition("  - key")[1:]))
    assert bench.apply().code == 5, "nobody has said what the fourth call is"
    bench.ok("resolve", "june/inv-4", "--distinct", *reason)  # no row of this project any more
    assert bench.apply().summary["placed"] == 1
    assert (bench.apply().code, len(echoing.calls()), twice(echoing)) == (0, 5, 0)


def test_a_row_that_both_copies_placed_is_settled_by_a_person(bench: Workbench, echoing: Any) -> None:
    copy = copy_of(bench)
    assert copy.apply().summary["placed"] == 3
    ended = bench.apply("--no-preflight")
    assert (ended.code, ended.summary["placed"], ended.summary["conflicts"]) == (3, 3, 3), "named at the end"
    assert bench.apply().code == 0, "there is nothing to place"
    bench.write(PLAN, plan_text(rows=4))
    for number in (1, 2, 3):
        assert bench.apply().code == 5
        left = bench.run("resolve", f"june/inv-{number}", "--distinct", "--reason", "told the customer")
        assert left.code == (0 if number == 3 else 3)
    assert bench.run("resolve", "june/inv-1", "--distinct", "--reason", "again").code == 1
    assert bench.apply().summary["placed"] == 1


def test_a_state_is_made_again_after_copies_were_at_work(bench: Workbench, echoing: Any) -> None:
    copy = copy_of(bench)
    assert copy.apply().summary["placed"] == 3
    assert bench.apply("--no-preflight").code == 3
    (bench.root / STATE).unlink()
    bench.ok("state", "rebuild", "--auto-approve")
    bench.write(PLAN, plan_text(rows=4))
    assert bench.apply().summary["placed"] == 1, "what the rebuild found twice is known"


def test_two_copies_at_work_at_once_both_tell(bench: Workbench, echoing: Any) -> None:
    """Neither sees the other's first calls, which are listed late; each sees some of them at its end."""
    echoing._backend.config = replace(echoing._backend.config, list_lag=1)
    bench.write(PLAN, plan_text(rows=30))
    copy = copy_of(bench)
    runs = [one.fork("apply", "--auto-approve", "--json", "--rate", "12/s") for one in (bench, copy)]
    told = [run.communicate() for run in runs]
    codes = sorted(run.wait() for run in runs)
    if twice(echoing):
        assert codes in ([3, 3], [3, 5]), told
        assert all("another copy of this state" in out + err for out, err in told)
    else:
        assert codes == [0, 5], "one of them began when the other was through"


def test_our_own_uncertain_calls_are_no_copys(bench: Workbench, echoing: Any) -> None:
    echoing.set_faults("drop-after#1", "get:reject")
    assert bench.apply("--no-preflight", "--concurrency", "1").summary["uncertain"] == 1
    echoing.set_faults()
    bench.write(PLAN, plan_text("july") + "moved: [{from: june, to: july}]\n")
    applied = bench.apply()
    assert (applied.code, applied.summary["adopted"], applied.summary["conflicts"]) == (0, 1, 0)
    bench.write(PLAN, plan_text("july", rows=4))
    assert bench.apply().code == 0, "renames are followed"


def test_what_a_person_said_was_not_placed_holds_its_row_only(bench: Workbench, echoing: Any) -> None:
    echoing.set_faults("drop-after#1", "get:reject")
    bench.apply("--no-preflight", "--concurrency", "1")
    echoing.set_faults()
    bench.ok("resolve", "june/inv-1", "--not-placed", "--reason", "not in the dashboard")
    held = bench.apply()
    assert (held.code, held.summary["conflicts"]) == (3, 1)


def test_calls_of_another_lineage(bench: Workbench, echoing: Any) -> None:
    """The same address, or the same person, agent and content, may be ours under a lost state."""
    assert bench.apply().code == 0
    other = Workbench(bench.root / "other", bench.env)
    other.root.mkdir()
    other.create_project()
    other.write(PLAN, plan_text(rows=1).replace(contact(1), contact(7)))
    assert other.apply().summary["conflicts"] == 1, "the same address"
    other.write(PLAN, plan_text("may", rows=1))
    assert other.apply().summary["conflicts"] == 1, "the same person, agent and content"
    other.write(PLAN, plan_text("april", rows=1).replace("14001", "1"))
    assert other.apply().summary["placed"] == 1, "another call to the same person"


def test_an_end_that_cannot_be_looked_at_is_no_success(bench: Workbench, echoing: Any) -> None:
    assert bench.apply().code == 0
    bench.write(PLAN, plan_text(rows=4))
    echoing.set_faults("get:reject#6-99")
    ended = bench.apply()
    assert (ended.code, ended.summary["placed"]) == (3, 1)
    assert "could not check for calls that another copy" in ended.err


def test_state_files_are_where_they_were(bench: Workbench, either: Any) -> None:
    """Right inputs beside the wrong ones: one state, many applies, nothing held."""
    for rows in (3, 40, 45):
        bench.write(PLAN, plan_text(rows=rows))
        assert bench.apply().code == 0
    assert (len(either.calls()), Path(bench.root / STATE).exists()) == (45, True)
