"""No scheduled call but one is sent before the service has shown that it understands schedules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.wire import ScheduleFields
from reconciler.sandbox import RunningSandbox, SandboxConfig, recorded, running
from tests.conftest import AGENT, KEY, NUMBER, ZYGOTE, Result, Workbench, clean_environment, contact, plan_text
from tests.crash.driver import Clock
from tests.zygote import VICTIM

ROWS = 20
OTHER_NAMES = ScheduleFields("date_time", "tz")
APPLY = ("apply", "--auto-approve", "--json", "--rate", "none")
DELAYED = f"""\
version: 1
plan: later
calls:
  - key: a
    agent: {AGENT}
    from: {NUMBER}
    contact_id: {contact(900)}
    delay_minutes: 5
    place_by: 2031-06-01T00:00:00Z
"""


@contextmanager
def service(bench: Workbench, rows: int = ROWS, **config: Any) -> Iterator[RunningSandbox]:
    """A new project, and a service of its own."""
    with running(SandboxConfig(port=0, api_key=KEY, **config)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=rows))
        yield sandbox


def apply(bench: Workbench, *args: str, patience: float = 0.3, **spec: Any) -> Result:
    """Apply, with less patience than a minute."""
    bench.write("spec.json", json.dumps({"patience": patience, **spec}))
    done = ZYGOTE.run(["spec.json", *APPLY, *args], bench.root, clean_environment() | bench.env, module=VICTIM)
    assert "Traceback" not in done.stderr, done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def keys(sandbox: RunningSandbox) -> list[str]:
    return [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()]


def lookups(sandbox: RunningSandbox) -> int:
    """How often a call was asked for by its id."""
    requests: Any = sandbox._backend.traffic.as_json()["requests"]
    return int(requests.get("GET /v1/calls/{id}", {}).get("total", 0))


def test_the_call_furthest_ahead_proves_it_once(bench: Workbench) -> None:
    with service(bench) as sandbox:
        done = bench.apply(schedule_check=True)
        assert (done.code, done.summary["placed"]) == (0, ROWS)
        assert keys(sandbox)[0] == f"inv-{ROWS}", "the furthest ahead"
        assert sorted(keys(sandbox)) == sorted(f"inv-{number}" for number in range(1, ROWS + 1))
        assert lookups(sandbox) == 1
        bench.write("calls/june.yaml", plan_text(rows=ROWS + 2))
        assert bench.apply(schedule_check=True).summary["placed"] == 2
        assert lookups(sandbox) == 1, "it is proved for this service and these names"
        assert '"proved"' in bench.ok("audit", "log", "--json").out


def test_other_names_are_proved_by_themselves(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        settings = bench.root / "reconciler.yaml"
        text = settings.read_text()
        settings.write_text(f"{text}\nprovider: {{schedule_fields: {{at: date_time, timezone: tz}}}}\n")
        assert bench.apply(schedule_check=True).summary["placed"] == ROWS
        settings.write_text(text)
        bench.write("calls/july.yaml", plan_text("july", rows=2, first=50))
        wrong = bench.apply(schedule_check=True)
        assert (wrong.code, wrong.summary["placed"]) == (3, 1)
        assert len(sandbox.calls()) == ROWS + 1


@pytest.mark.parametrize("lag", [0.0, 100.0])
def test_a_service_that_rings_at_once_rings_one_person_ever(bench: Workbench, lag: float) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True, list_lag=lag) as sandbox:
        first = bench.apply(schedule_check=True)
        assert (first.code, first.summary["placed"], first.summary["not_sent"]) == (3, 1, ROWS - 1)
        assert keys(sandbox) == [f"inv-{ROWS}"]
        assert f"june/inv-{ROWS}" in first.summary["stopped"]
        assert "provider.schedule_fields (date, timezone)" in first.summary["stopped"]
        for _ in range(3):  # the hourly job
            assert bench.apply(schedule_check=True).code == 5
        assert len(sandbox.calls()) == 1
        [pause] = bench.ok("state", "show", "--json").json["pauses"]
        assert (pause["plan"], "did not schedule" in pause["reason"]) == (None, True)
        bench.ok("audit", "verify")


def test_a_single_call_that_rings_at_once_is_no_success(bench: Workbench) -> None:
    with service(bench, rows=1, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        assert (bench.apply(schedule_check=True).code, len(sandbox.calls())) == (3, 1)
        bench.ok("resume")
        assert bench.apply(schedule_check=True).code == 0, "nothing is left to send"


def test_a_call_that_is_not_found_is_looked_up_again_and_not_placed_again(bench: Workbench) -> None:
    clock = Clock()
    with service(bench, get_lag=600, clock=clock) as sandbox:
        bench.write("calls/later.yaml", DELAYED)
        first = apply(bench)
        assert (first.code, first.summary["placed"]) == (3, 2), first.err
        assert keys(sandbox) == [f"inv-{ROWS}", "a"], "a delayed call does not wait for the proof"
        assert "it is unknown whether" in first.summary["stopped"]
        assert '"pending"' in bench.ok("audit", "log", "--json").out
        second = apply(bench)
        assert (second.code, len(sandbox.calls())) == (3, 2)
        clock.ahead += timedelta(seconds=600)
        third = apply(bench)
        assert (third.code, len(sandbox.calls())) == (0, ROWS + 1), third.err
        assert len(set(keys(sandbox))) == ROWS + 1


def near_row(seconds: float) -> str:
    """A plan of one row that rings in so many seconds."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"""\
version: 1
plan: near
calls:
  - key: a
    agent: {AGENT}
    from: {NUMBER}
    contact_id: {contact(901)}
    schedule: {{at: "{at:%Y-%m-%d %H:%M:%S}", timezone: UTC}}
"""


def pass_time(sandbox: RunningSandbox, clock: Clock, seconds: float) -> float:
    """Let time pass for the service; the machine's clock follows with ``apply(seconds_ahead=...)``."""
    clock.ahead += timedelta(seconds=seconds)
    sandbox._backend.date_offset = clock.ahead.total_seconds()
    return clock.ahead.total_seconds()


@contextmanager
def near_check_call(bench: Workbench, **config: Any) -> Iterator[tuple[RunningSandbox, Clock]]:
    """A service that got a check call 200 seconds before its time, and has not answered yet what it did."""
    clock = Clock()
    with service(bench, rows=1, get_lag=100, clock=clock, **config) as sandbox:
        (bench.root / "calls" / "june.yaml").unlink()
        bench.write("calls/near.yaml", near_row(200))
        first = apply(bench)
        assert (first.code, first.summary["placed"]) == (3, 1), first.err
        assert "it is unknown" in first.summary["stopped"]
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        yield sandbox, clock


@pytest.mark.parametrize("passed", [145, 190, 230, 900])
def test_a_check_call_that_is_looked_up_late_is_judged_by_its_start(bench: Workbench, passed: int) -> None:
    with near_check_call(bench, schedule_fields=OTHER_NAMES, lenient=True) as (sandbox, clock):
        second = apply(bench, seconds_ahead=pass_time(sandbox, clock, passed))
        assert (second.code, keys(sandbox)) == (3, ["a"]), second.err
        assert "it started at 20" in second.summary["stopped"]
        assert apply(bench, seconds_ahead=passed).code == 5


@pytest.mark.parametrize("words", [{}, {"schedule_fields": OTHER_NAMES, "lenient": True}])
def test_without_a_start_nothing_far_ahead_is_sent(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, words: dict[str, Any]
) -> None:
    shown = recorded.observe
    monkeypatch.setattr(recorded, "observe", lambda *args, **more: replace(shown(*args, **more), started_at=None))
    with near_check_call(bench, **words) as (sandbox, clock):
        if words:
            held = apply(bench, seconds_ahead=pass_time(sandbox, clock, 150))
            assert (held.code, keys(sandbox)) == (3, ["a"]), held.err
            assert "Apply again after 20" in held.summary["stopped"]
            assert bench.ok("state", "show", "--json").json["pauses"] == []
            pass_time(sandbox, clock, -150)
        refuted = apply(bench, seconds_ahead=pass_time(sandbox, clock, 900))
        assert (refuted.code, keys(sandbox)) == (3, ["a"]), refuted.err
        assert "does not report that it started then" in refuted.summary["stopped"]


def test_a_check_call_that_rang_at_its_time_lets_another_one_check(bench: Workbench) -> None:
    with near_check_call(bench) as (sandbox, clock):
        again = apply(bench, seconds_ahead=pass_time(sandbox, clock, 300))
        assert (again.code, keys(sandbox)) == (3, ["a", f"inv-{ROWS}"]), again.err
        done = apply(bench, seconds_ahead=pass_time(sandbox, clock, 120))
        assert done.code == 0, done.err
        assert len(set(keys(sandbox))) == ROWS + 1
        assert '"proved"' in bench.ok("audit", "log", "--json").out


def test_a_check_call_that_is_still_scheduled_just_before_its_time_proves_it(bench: Workbench) -> None:
    with near_check_call(bench) as (sandbox, clock):
        done = apply(bench, seconds_ahead=pass_time(sandbox, clock, 150))
        assert (done.code, len(sandbox.calls())) == (0, ROWS + 1), done.err


def test_names_that_were_refuted_ring_nobody_else_after_a_resume(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        first = bench.run("apply", "--auto-approve")
        assert (first.code, len(sandbox.calls())) == (3, 1)
        assert "reconciler doctor" not in first.err
        bench.ok("pause", "--reason", "lunch break")
        bench.ok("resume")
        bench.write("calls/later.yaml", DELAYED)
        refused = bench.apply(schedule_check=True)
        assert (refused.code, keys(sandbox)) == (5, [f"inv-{ROWS}", "a"]), "the delayed call goes on"
        assert f"did not schedule june/inv-{ROWS} (" in refused.err
        assert "provider.schedule_fields (date, timezone)" in refused.err
        assert "--no-schedule-check" in refused.err
        text = bench.run("apply", "--auto-approve")
        assert (text.code, len(sandbox.calls())) == (5, 2)
        assert "reconciler doctor" not in text.err
        settings = bench.root / "reconciler.yaml"
        fixed = "provider: {schedule_fields: {at: date_time, timezone: tz}}\n"
        settings.write_text(f"{settings.read_text()}\n{fixed}")
        assert bench.apply(schedule_check=True).code == 0, "other names are another fact"
        assert len(set(keys(sandbox))) == len(keys(sandbox)) == ROWS + 1


def test_what_was_refuted_can_be_overruled(bench: Workbench) -> None:
    with service(bench, rows=2, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        bench.apply(schedule_check=True)
        bench.ok("resume")
        assert (bench.apply(schedule_check=True).code, len(sandbox.calls())) == (5, 1)
        assert (bench.apply().code, len(sandbox.calls())) == (0, 2)


def test_a_late_answer_that_it_rings_pauses_too(bench: Workbench) -> None:
    with service(bench, get_lag=1.0, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        done = apply(bench, patience=20)
        assert (done.code, len(sandbox.calls())) == (3, 1)
        assert apply(bench).code == 5


def test_a_run_that_was_killed_leaves_the_check_to_the_next(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        for point in ("before-intent", "after-answer", "before-verdict"):
            fired = bench.root / point
            bench.write("spec.json", json.dumps({"point": point, "nth": 1, "fired": str(fired)}))
            env = clean_environment() | bench.env
            killed = ZYGOTE.run(["spec.json", *APPLY], bench.root, env, module=VICTIM)
            assert (killed.returncode, fired.exists()) == (-9, True)
        assert len(sandbox.calls()) == 1
        assert apply(bench).code == 3
        assert (apply(bench).code, len(sandbox.calls())) == (5, 1)


def test_an_unknown_outcome_of_the_check_call_stops_all_others(bench: Workbench) -> None:
    with service(bench, list_lag=10_000_000) as sandbox:
        bench.write("calls/later.yaml", DELAYED)
        sandbox.set_faults("drop-after#1")
        first = bench.apply(schedule_check=True)
        assert (first.code, len(sandbox.calls()), first.summary["uncertain"]) == (3, 1, 1)
        assert (bench.apply(schedule_check=True).code, len(sandbox.calls())) == (3, 1)
        call = sandbox.calls()[0].call_id
        bench.run("resolve", f"june/inv-{ROWS}", "--placed", call, "--reason", "seen in the dashboard")
        assert (bench.apply(schedule_check=True).code, len(sandbox.calls())) == (0, ROWS + 1)


def test_a_check_call_that_is_refused_leaves_the_check_to_the_next_furthest(bench: Workbench) -> None:
    with service(bench) as sandbox:
        sandbox.set_faults("reject#1-2")
        done = bench.apply(schedule_check=True)
        assert (done.code, done.summary["failed"], done.summary["placed"]) == (3, 2, ROWS - 2)
        assert keys(sandbox)[0] == f"inv-{ROWS - 2}"


def test_a_service_that_rejects_the_names_is_asked_a_few_times_only(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES) as sandbox:
        done = bench.apply(schedule_check=True)
        assert (done.code, done.summary["failed"], done.summary["not_sent"]) == (3, 5, ROWS - 5)
        assert len(sandbox.calls()) == 0


def test_calls_without_a_schedule_need_no_proof(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        (bench.root / "calls" / "june.yaml").unlink()
        bench.write("calls/later.yaml", DELAYED)
        assert (bench.apply(schedule_check=True).code, len(sandbox.calls()), lookups(sandbox)) == (0, 1, 0)


def test_it_can_be_skipped_and_that_is_recorded(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        assert (bench.apply("--no-schedule-check").code, len(sandbox.calls())) == (0, ROWS)
        assert '"schedule_check": false' in bench.ok("audit", "log", "--json").out.replace('":false', '": false')


def test_runners_of_one_plan_send_one_check_call(bench: Workbench, postgres: Any) -> None:
    bench.env["RECONCILER_STATE"] = postgres.url()
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True, get_lag=1.0) as sandbox:
        bench.ok("plan", "--out", "june.plan")
        runs = [bench.fork("apply", "june.plan", "--join", "--json", "--rate", "none") for _ in range(3)]
        codes = []
        for run in runs:
            run.communicate()
            codes.append(run.wait())
        assert len(sandbox.calls()) == 1
        assert set(codes) <= {3, 5}


def test_runners_of_one_plan_wait_for_the_proof(bench: Workbench, postgres: Any) -> None:
    bench.env["RECONCILER_STATE"] = postgres.url()
    with service(bench, get_lag=1.0) as sandbox:
        bench.ok("plan", "--out", "june.plan")
        runs = [bench.fork("apply", "june.plan", "--join", "--json", "--rate", "none") for _ in range(3)]
        for run in runs:
            run.communicate()
        assert [run.wait() for run in runs] == [0, 0, 0]
        assert (len(sandbox.calls()), len(set(keys(sandbox))), keys(sandbox)[0]) == (ROWS, ROWS, f"inv-{ROWS}")


def test_an_apply_without_the_check_is_found_out(bench: Workbench) -> None:
    with service(bench, schedule_fields=OTHER_NAMES, lenient=True) as sandbox:
        apply(bench, mutant="no-schedule-check")
        assert len(sandbox.calls()) > 1
