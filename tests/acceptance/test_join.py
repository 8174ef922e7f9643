"""Many runners, one plan: ``apply PLAN --join``, through the command line."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, Result, Workbench, foreign, plan_text
from tests.zygote import Forked

ROWS = 40
FEW = 24  # where each call takes its time
JOIN = ("apply", "june.plan", "--join", "--json", "--rate", "none")


def prepare(bench: Workbench, sandbox: Any, postgres: Any, rows: int) -> Workbench:
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.create_project()
    bench.write("calls/june.yaml", plan_text(rows=rows))
    bench.ok("plan", "--out", "june.plan")
    return bench


@pytest.fixture
def shared(bench: Workbench, sandbox: Any, postgres: Any) -> Workbench:
    """A project whose state is in PostgreSQL, and a saved plan of some rows."""
    return prepare(bench, sandbox, postgres, ROWS)


@pytest.fixture
def slow(bench: Workbench, postgres: Any) -> Iterator[tuple[Workbench, Any]]:
    """The same with few rows, and a service that takes its time and is slow to list a call."""
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.4, list_lag=10_000)) as sandbox:
        yield prepare(bench, sandbox, postgres, FEW), sandbox


def keys(sandbox: Any) -> Counter[str]:
    return Counter(call.body["metadata"]["reconciler_key"] for call in sandbox.calls())


def once_each(rows: int) -> Counter[str]:
    return Counter(f"inv-{number}" for number in range(1, rows + 1))


def ended(run: Forked) -> Result:
    out, err = run.communicate(timeout=60)
    assert "Traceback" not in err, err
    return Result(run.wait(), out, err)


def at_work(bench: Workbench, count: int = 1) -> Any:
    """Wait until so many runners have something in flight; the result is who holds the lock."""
    for _ in range(400):
        found = bench.run("state", "lock", "--json").json
        if sum(item["in_flight"] > 0 for item in found["runners"]) >= count:
            return found
        time.sleep(0.05)  # and leave the processor to the runners
    raise AssertionError(found)


def hurry(sandbox: Any) -> None:
    """From now on the service takes no time: what had to happen while calls take theirs has happened."""
    sandbox._backend.config = replace(sandbox._backend.config, latency=0)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_runners_share_a_plan_out(shared: Workbench, sandbox: Any) -> None:
    runs = [ended(run) for run in [shared.fork(*JOIN) for _ in range(3)]]
    assert [run.code for run in runs] == [0, 0, 0], runs
    assert keys(sandbox) == once_each(ROWS)
    assert sum(run.summary["placed"] for run in runs) == ROWS
    assert [run.summary["placed"] + run.summary["skipped"] for run in runs] == [ROWS] * 3
    shared.ok("audit", "verify")
    shared.ok("state", "check")
    again = shared.ok(*JOIN)
    assert (again.summary["placed"], again.summary["skipped"]) == (0, ROWS)


def test_who_is_at_work_is_told_and_a_run_alone_waits(slow: tuple[Workbench, Any]) -> None:
    bench, sandbox = slow
    runs = [bench.fork(*JOIN, "--concurrency", "2") for _ in range(2)]
    found = at_work(bench, 2)
    assert sorted(item["pid"] for item in found["runners"]) == sorted(run.pid for run in runs)
    text = bench.run("state", "lock")
    assert text.code == 4
    assert "Locked by 2 runners of the plan sha256:" in text.out
    assert text.out.count("in flight") == 2
    met = bench.apply()
    assert (met.code, "and 1 other of the same plan" in met.err) == (4, True)
    assert bench.run("resolve", "june/inv-1", "--not-placed", "--reason", "a guess").code == 4
    hurry(sandbox)
    assert [ended(run).code for run in runs] == [0, 0]
    assert keys(sandbox) == once_each(FEW)
    assert bench.ok("state", "lock").out == "The lock is not held.\n"


def test_what_a_killed_runner_leaves_is_placed_by_the_others_and_what_it_sent_is_named(
    slow: tuple[Workbench, Any],
) -> None:
    bench, sandbox = slow
    sandbox.set_faults("stall-after#2-3")  # the first one proves the schedule, and is answered
    victim = bench.fork(*JOIN, "--concurrency", "2")
    until(lambda: len(sandbox.calls()) == 3)
    other = bench.fork(*JOIN, "--concurrency", "2")
    at_work(bench, 2)
    victim.kill()
    victim.communicate()
    hurry(sandbox)
    left = ended(other)
    assert left.code == 3
    uncertain = {event["address"] for event in left.events if event["type"] == "uncertain"}
    assert left.summary["uncertain"] == len(uncertain) == 2
    assert max(keys(sandbox).values()) == 1
    listed = bench.ok("state", "list", "--json").json["entries"]
    assert {item["address"] for item in listed if item["call_id"] is None} == uncertain
    assert len(listed) == FEW


def test_what_a_lost_session_leaves_is_placed_by_the_others(slow: tuple[Workbench, Any], postgres: Any) -> None:
    bench, sandbox = slow
    runs = [bench.fork(*JOIN, "--concurrency", "2") for _ in range(2)]
    at_work(bench, 2)
    sql = "select pid from pg_stat_activity where application_name like 'reconciler apply%' limit 1"
    postgres.terminate(f"pid = ({sql})")
    hurry(sandbox)
    codes = {run.code: run for run in (ended(run) for run in runs)}
    assert set(codes) == {1, 3}
    assert "was lost" in codes[1].err
    assert max(keys(sandbox).values()) == 1
    assert len(bench.ok("state", "list", "--json").json["entries"]) == FEW


def test_a_runner_that_is_stopped_leaves_its_rows_to_the_others(slow: tuple[Workbench, Any]) -> None:
    bench, sandbox = slow
    stopped, other = (bench.fork(*JOIN, "--concurrency", "2") for _ in range(2))
    at_work(bench, 2)
    stopped.send_signal(signal.SIGTERM)
    assert ended(stopped).code == 143
    hurry(sandbox)
    assert ended(other).code == 0
    assert keys(sandbox) == once_each(FEW)


def test_every_runner_says_what_failed_anywhere(slow: tuple[Workbench, Any]) -> None:
    bench, sandbox = slow
    sandbox.set_faults("reject#3", "drop-before#5")
    started = [bench.fork(*JOIN, "--concurrency", "2") for _ in range(3)]
    at_work(bench, 3)  # who comes when the others are done begins anew, and tries again what was refused
    hurry(sandbox)
    runs = [ended(run) for run in started]
    assert [run.code for run in runs] == [3, 3, 3]
    named = [
        {(event["type"], event["address"]) for event in run.events if event["type"] in {"failed", "uncertain"}}
        for run in runs
    ]
    assert named[0] == named[1] == named[2]
    assert sorted(kind for kind, _ in named[0]) == ["failed", "uncertain"]


def test_what_preflight_finds_is_told_by_all(shared: Workbench, sandbox: Any) -> None:
    foreign(sandbox, 7)
    runs = [ended(run) for run in [shared.fork(*JOIN) for _ in range(2)]]
    assert [run.code for run in runs] == [3, 3]
    for run in runs:
        assert [event["address"] for event in run.events if event["type"] == "conflict"] == ["june/inv-7"]
    placed = keys_of(sandbox)
    assert "inv-7" not in placed
    assert len(placed) == ROWS - 1


def keys_of(sandbox: Any) -> set[str]:
    return {call.body["metadata"]["reconciler_key"] for call in sandbox.calls() if "metadata" in call.body}


def test_all_runners_together_keep_the_rate(shared: Workbench, sandbox: Any) -> None:
    runs = [ended(run) for run in [shared.fork(*JOIN[:4], "--rate", "20/s") for _ in range(3)]]
    assert [run.code for run in runs] == [0, 0, 0]
    times = sorted(call.created_at for call in sandbox.calls())
    windows = [sum(start <= at < start + 1 for at in stamps(times)) for start in stamps(times)]
    assert max(windows) <= 24, windows
    assert min(b - a for a, b in pairwise(stamps(times))) >= 0
    assert stamps(times)[-1] - stamps(times)[0] >= 0.9 * (ROWS - 1) / 20


def stamps(times: list[Any]) -> list[float]:
    return [time.timestamp() for time in times]


def test_runners_of_another_plan_are_kept_out(slow: tuple[Workbench, Any]) -> None:
    bench, sandbox = slow
    bench.write("calls/june.yaml", plan_text(rows=FEW + 1))
    bench.ok("plan", "--out", "july.plan")
    run = bench.fork(*JOIN, "--concurrency", "4")
    at_work(bench)
    other = bench.run("apply", "july.plan", "--join", "--json")
    assert (other.code, "locked by runners of another plan" in other.err) == (4, True)
    hurry(sandbox)
    assert ended(run).code == 0


def test_it_needs_a_saved_plan_and_a_server(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text())
    unsaved = project.run("apply", "--join", "--auto-approve")
    assert (unsaved.code, "--join needs a saved plan" in unsaved.err) == (64, True)
    project.ok("plan", "--out", "june.plan")
    file = project.run("apply", "june.plan", "--join")
    assert (file.code, "--join needs a state in PostgreSQL" in file.err) == (64, True)
    assert "an SQLite state has one runner at a time" in file.err


def test_a_log_tells_how_far_all_are(shared: Workbench) -> None:
    run = ended(shared.fork("apply", "june.plan", "--join", "--rate", "none", "--concurrency", "2"))
    assert "all runners: " in run.err
    assert f"of {ROWS}; this one: " in run.err


def test_the_ledger_says_that_a_run_joined(shared: Workbench) -> None:
    shared.ok(*JOIN)
    lines = shared.ok("audit", "log", "--json").out
    assert json.dumps("joined") in lines
