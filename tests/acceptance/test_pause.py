"""``pause`` and ``resume``: nothing is sent for what is paused, by any command, also beside a run at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.commands import plan_formats
from tests.conftest import KEY, Result, Workbench, plan_text
from tests.zygote import Forked

WHY = "wrong prices in the script"
WORKERS = 4
ROWS = 160


@pytest.fixture
def two(project: Workbench) -> Workbench:
    """A project of two plans, of two calls each."""
    project.write("calls/june.yaml", plan_text("june", rows=2))
    project.write("calls/july.yaml", plan_text("july", rows=2, first=11))
    return project


def reason_of(result: Result) -> str:
    """The pause that a result names, without the moment."""
    return result.err.partition(" since ")[0]


def test_nothing_is_sent_while_all_plans_are_paused(two: Workbench, sandbox: Any) -> None:
    told = two.ok("pause", "--reason", WHY)
    assert told.out.startswith("Paused all plans. To continue, run: reconciler resume\n")
    refused = two.apply()
    assert (refused.code, len(sandbox.calls())) == (5, 0)
    assert "nothing was sent: all plans are paused by " in refused.err
    assert WHY in refused.err
    assert [(event["type"], event["reasons"]) for event in refused.events[1:-1]] == [("not_sent", ["paused"])] * 4
    assert refused.summary["not_sent"] == 4
    assert two.ok("resume").out == ("Resumed all plans.\nThe next apply places 4 calls.\n")
    assert two.apply().summary["placed"] == len(sandbox.calls()) == 4


def test_a_paused_plan_names_the_command_that_resumes_it(two: Workbench) -> None:
    two.ok("pause", "--plan", "june", "--reason", WHY)
    assert "reconciler resume --plan june" in two.ok("plan").err
    refused = two.run("apply", "calls/june.yaml", "--auto-approve")
    assert (refused.code, "when this is resolved, run: reconciler resume --plan june" in refused.err) == (5, True)
    assert "reconciler doctor" not in refused.err


def test_the_other_plans_go_on(two: Workbench, sandbox: Any) -> None:
    two.ok("pause", "--plan", "june", "--reason", WHY)
    done = two.apply()
    assert (done.code, done.summary["placed"], done.summary["not_sent"]) == (3, 2, 2)
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"july"}
    held = [event for event in done.events if event["type"] == "not_sent"]
    assert all("plan june is paused by " in event["message"] and WHY in event["message"] for event in held)
    assert two.apply("calls/june.yaml").code == 5, "nothing but what is paused is left"
    assert two.ok("resume", "--plan", "june").out.splitlines()[1] == "The next apply places 2 calls."
    assert two.apply().summary["placed"] == 2


def test_a_saved_plan_is_paused_too(two: Workbench, sandbox: Any) -> None:
    two.ok("plan", "--out", "two.plan")
    two.ok("pause", "--reason", WHY)
    assert two.run("apply", "two.plan").code == 5
    two.ok("pause", "--plan", "june", "--reason", WHY)
    two.ok("resume")
    assert two.run("apply", "two.plan").code == 3
    assert len(sandbox.calls()) == 2


def test_a_run_with_nothing_to_send_is_not_refused(two: Workbench) -> None:
    two.apply()
    two.ok("pause", "--reason", WHY)
    assert two.apply().code == 0


@pytest.mark.parametrize("form", plan_formats())
def test_every_form_of_a_plan_can_be_made_while_it_is_paused(two: Workbench, form: str) -> None:
    two.ok("pause", "--plan", "june", "--reason", WHY)
    shown = two.ok("plan", "--format", form, *([] if form != "xlsx" else ["--output", "plan.xlsx"]))
    assert "warning W401: plan june is paused by " in shown.err
    if form in {"json", "html", "sarif"}:
        assert "is paused by" in shown.out


def test_the_rows_of_a_paused_plan_stand_as_they_are(two: Workbench) -> None:
    before = two.actions()
    two.ok("pause", "--reason", WHY)
    plan = two.plan()
    assert {change["address"]: change["action"] for change in plan["changes"]} == before
    [warning] = plan["diagnostics"]
    assert (warning["code"], warning["severity"]) == ("W401", "warning")
    two.ok("pause", "--plan", "june", "--reason", WHY)
    two.ok("resume")
    assert two.plan("calls/july.yaml")["diagnostics"] == []


def test_who_paused_what_is_told_everywhere(two: Workbench) -> None:
    two.ok("pause", "--plan", "june", "--reason", WHY)
    shown = two.ok("state", "show", "--json").json["pauses"]
    assert [(item["plan"], item["reason"]) for item in shown] == [("june", WHY)]
    status = two.ok("status", "--offline", "--json").json
    assert status["pauses"] == shown
    assert f"Paused: plan june is paused by {shown[0]['actor']} on " in two.ok("status", "--offline").out
    finding = next(item for item in two.run("doctor", "--json").json["checks"] if item["check"] == "state-pauses")
    assert (finding["status"], WHY in finding["message"]) == ("warn", True)
    log = two.ok("audit", "log", "--json").out
    assert '"paused"' in log
    two.ok("resume", "--plan", "june", "--reason", "corrected")
    assert "corrected" in two.ok("audit", "log").out
    two.ok("audit", "verify")
    two.ok("state", "check")
    found = two.run("doctor", "--json").json["checks"]
    assert next(item["status"] for item in found if item["check"] == "state-pauses") == "ok"


def test_it_says_what_it_cannot_stop(two: Workbench, sandbox: Any) -> None:
    two.apply("calls/june.yaml")
    sandbox.set_faults("drop-after", "get:unavailable")
    two.apply("calls/july.yaml", "--no-preflight")
    told = two.ok("pause", "--reason", WHY).out
    assert "2 calls placed before still ring, the first at 2031-06-01T06:01:00Z" in told
    assert "2 outcomes unknown" in told
    counted = two.ok("pause", "--plan", "june", "--reason", WHY, "--json").json
    assert (counted["still_ring"], counted["first_rings_at"]) == (2, "2031-06-01T06:01:00Z")
    assert (counted["unknown"], counted["paused"]["plan"]) == (0, "june")
    none = two.ok("pause", "--plan", "july", "--reason", WHY).out
    assert "No call that was placed before is still pending." in none
    assert two.ok("resume", "--json").json == {"plan": None, "due": 0, "still_paused": ["july", "june"]}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("pause",), 64, "--reason"),
        (("pause", "--reason", "  "), 64, "--reason is empty"),
        (("pause", "--plan", "jun", "--reason", "x"), 1, "did you mean june?"),
        (("resume",), 1, "is not paused"),
        (("resume", "--plan", "june"), 1, "is not paused"),
    ],
)
def test_what_cannot_be_paused_or_resumed(two: Workbench, args: tuple[str, ...], code: int, message: str) -> None:
    result = two.run(*args)
    assert (result.code, message in result.err) == (code, True), result
    assert two.ok("state", "show", "--json").json["pauses"] == []


def test_a_plan_is_paused_although_its_files_are_broken(two: Workbench) -> None:
    two.apply()
    two.write("calls/june.yaml", "version: [")
    two.ok("pause", "--plan", "june", "--reason", WHY)
    told = two.ok("resume", "--plan", "june").out
    assert "the files have errors" in told


def test_a_plan_that_is_paused_twice_is_resumed_twice(two: Workbench) -> None:
    two.ok("pause", "--reason", WHY)
    two.ok("pause", "--plan", "june", "--reason", "and this")
    assert "Still paused: all plans" in two.ok("resume", "--plan", "june").out
    assert two.apply().code == 5
    two.ok("resume")
    assert two.apply().code == 0


CARRY = "cp .reconciler/state.db carried.db && echo $RECONCILER_PHASE >> carried.log"


def test_a_state_that_is_carried_is_carried_with_its_pauses(two: Workbench) -> None:
    two.ok("apply", "calls/june.yaml", "--auto-approve", "--checkpoint", CARRY)
    refused = two.run("pause", "--reason", WHY)
    assert (refused.code, "--checkpoint CMD" in refused.err) == (5, True)
    assert two.ok("state", "show", "--json").json["pauses"] == []
    two.ok("pause", "--reason", WHY, "--checkpoint", CARRY)
    shown = two.ok("state", "show", "--state", "carried.db", "--json").json["pauses"]
    assert [item["reason"] for item in shown] == [WHY]
    assert (two.root / "carried.log").read_text().splitlines()[-1] == "ended"
    failed = two.run("resume", "--checkpoint", "exit 7")
    assert (failed.code, "newer than the saved one" in failed.err) == (3, True)
    two.ok("pause", "--reason", WHY, "--checkpoint", "none")


@dataclass
class AtWork:
    """An apply of many rows at full rate, with several workers."""

    bench: Workbench
    sandbox: Any
    run: Forked

    def requests(self) -> int:
        """How many have arrived at the service."""
        return int(self.sandbox._backend.dial._seen[False])

    def until(self, count: int) -> None:
        while self.requests() < count:
            assert self.run.poll() is None
            time.sleep(0.005)

    def ended(self) -> Result:
        out, err = self.run.communicate(timeout=60)
        assert "Traceback" not in err, err
        return Result(self.run.wait(), out, err)


Starts = Callable[..., AtWork]


@pytest.fixture(params=["sqlite", "postgres", "join"])
def at_work(request: pytest.FixtureRequest, bench: Workbench) -> Iterator[Starts]:
    with running(SandboxConfig(port=0, api_key=KEY, faults=FaultPlan(retry_after=1), latency=0.05)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        if request.param != "sqlite":
            bench.env["RECONCILER_STATE"] = request.getfixturevalue("postgres").url()
        bench.create_project()

        def start(rows: int, *faults: str) -> AtWork:
            bench.write("calls/june.yaml", plan_text(rows=rows))
            bench.ok("plan", "--out", "june.plan")
            sandbox.set_faults(*faults)
            args = ["apply", "june.plan", "--json", "--rate", "none", "--concurrency", str(WORKERS)]
            return AtWork(bench, sandbox, bench.fork(*args, *(["--join"] if request.param == "join" else [])))

        yield start


@pytest.mark.parametrize("scope", [(), ("--plan", "june")])
def test_a_run_at_work_sends_at_most_what_is_under_way(at_work: Starts, scope: tuple[str, ...]) -> None:
    work = at_work(ROWS)
    work.until(20)
    work.bench.ok("pause", *scope, "--reason", WHY)
    sent = work.requests()
    done = work.ended()
    assert work.requests() - sent <= WORKERS, "at most one request per worker after pause returned"
    assert done.code == 3
    assert done.summary["placed"] == len(work.sandbox.calls()) == work.requests() < ROWS
    assert done.summary["not_sent"] == ROWS - done.summary["placed"]
    assert {event["reasons"][0] for event in done.events if event["type"] == "not_sent"} == {"paused"}
    work.bench.ok("audit", "verify")
    work.bench.ok("resume", *scope)
    assert work.bench.apply().summary["placed"] == ROWS - done.summary["placed"]


def test_what_waits_to_be_sent_again_is_not_sent(at_work: Starts) -> None:
    """The service throttled it, and its turn comes after the pause."""
    work = at_work(8, "too-many#3-1000")
    work.until(4)
    work.bench.ok("pause", "--reason", WHY)
    work.sandbox.set_faults()
    done = work.ended()
    placed = len(work.sandbox.calls())
    assert (done.code, done.summary["placed"], done.summary["not_sent"]) == (3, placed, 8 - placed)
    assert placed <= 2, "only what was taken before the pause"
    assert done.summary["uncertain"] == 0
