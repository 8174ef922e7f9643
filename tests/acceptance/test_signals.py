"""Signals at every stage of an apply: what is in flight is recorded, the summary is told, the exit code fits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.conftest import KEY, Workbench, clean_environment, plan_text

ROWS = 8


@pytest.fixture
def patient(bench: Workbench) -> Iterator[Any]:
    """A service that stalls for long and asks for patience, where it is told to."""
    faults = FaultPlan(stall_seconds=60, retry_after=300)
    with running(SandboxConfig(port=0, api_key=KEY, faults=faults)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        yield sandbox


def interrupted(
    bench: Workbench, reached: Callable[[], bool], *signals: signal.Signals
) -> tuple[int, dict[str, Any]]:
    """The exit code and the summary of an apply that gets the signals once it got somewhere."""
    apply = bench.fork(
        "apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "2", "--no-schedule-check"
    )
    while not reached():
        assert apply.poll() is None
        time.sleep(0.02)
    for number in signals:
        apply.send_signal(number)
        time.sleep(0.3)
    out, err = apply.communicate(timeout=20)
    assert "Traceback" not in err, err
    events = [json.loads(line) for line in out.splitlines()]
    addresses = [event["address"] for event in events if "address" in event]
    assert len(addresses) == len(set(addresses)) == ROWS, "every row is told of, once"
    return apply.returncode, events[-1]


def counted(sandbox: Any, at_least: int, *, on_get: bool) -> Callable[[], bool]:
    """Whether that many requests have come in, also those that are not answered yet."""
    return lambda: sandbox._backend.dial._seen[on_get] >= at_least


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_before_anything_is_sent(bench: Workbench, patient: Any, number: signal.Signals, code: int) -> None:
    patient.set_faults("get:stall-before")
    found, summary = interrupted(bench, counted(patient, 1, on_get=True), number)
    assert (found, summary["not_sent"], len(patient.calls())) == (code, ROWS, 0)


def test_a_hang_up_is_ignored_under_nohup(bench: Workbench, patient: Any) -> None:
    patient.set_faults("get:stall-before")
    bench.write("reconciler.yaml", (bench.root / "reconciler.yaml").read_text() + "\nprovider: {timeout: 2s}\n")
    script = "trap '' HUP; exec \"$0\" -m reconciler apply --auto-approve --no-schedule-check --no-preflight"
    with subprocess.Popen(
        ["sh", "-c", script, sys.executable], cwd=bench.root, env=clean_environment() | bench.env
    ) as apply:
        while not counted(patient, 1, on_get=True)():
            assert apply.poll() is None
            time.sleep(0.02)
        apply.send_signal(signal.SIGHUP)
        patient.set_faults()
        assert apply.wait(30) == 0
    assert len(patient.calls()) == ROWS


def test_while_the_service_asks_for_patience(bench: Workbench, patient: Any) -> None:
    patient.set_faults("too-many")
    code, summary = interrupted(bench, counted(patient, 2, on_get=False), signal.SIGTERM)
    assert (code, summary["not_sent"], summary["failed"]) == (143, ROWS, 0)
    patient.set_faults()
    assert bench.apply().summary["placed"] == ROWS


def test_twice_while_requests_are_in_flight(bench: Workbench, patient: Any) -> None:
    patient.set_faults("stall-after")
    code, summary = interrupted(bench, lambda: len(patient.calls()) == 2, signal.SIGHUP, signal.SIGTERM)
    assert (code, summary["uncertain"], summary["not_sent"]) == (129, 2, ROWS - 2)
    patient.set_faults()
    after = bench.apply().summary
    assert (after["adopted"], after["placed"], len(patient.calls())) == (2, ROWS, ROWS)


def test_what_is_in_flight_is_finished(bench: Workbench, patient: Any) -> None:
    patient.set_faults("stall-before")
    bench.write("reconciler.yaml", (bench.root / "reconciler.yaml").read_text() + "\nprovider: {timeout: 2s}\n")
    code, summary = interrupted(bench, counted(patient, 2, on_get=False), signal.SIGTERM)
    assert (code, summary["uncertain"], summary["not_sent"]) == (143, 2, ROWS - 2)
