"""The ground taken from under a running apply: a full disk, and the state or its lock replaced. Nothing is sent
without its intent, nothing is sent twice, and what is told is what happened."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, Workbench, plan_text

ROWS = 12
STATE = ".reconciler/state.db"


@pytest.fixture
def slow(bench: Workbench) -> Iterator[Any]:
    """A service that takes its time, and never lists a call: what becomes uncertain stays so."""
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.2, list_lag=10_000_000)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        yield sandbox


def start(bench: Workbench, limit: int | None = None) -> subprocess.Popen[str]:
    """An apply, whose files may not grow beyond ``limit`` bytes."""

    def no_room() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    options = ["--json", "--rate", "none", "--concurrency", "2"]
    # One thread, and the limit must hold for the child alone.
    return bench.start("apply", "--auto-approve", *options, preexec_fn=no_room)


def told(done: subprocess.Popen[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The last event of each address, and the summary."""
    out, err = done.communicate(timeout=60)
    assert "Traceback" not in err, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["type"] for event in events].count("summary") == 1, err
    ends = {event["address"]: event["type"] for event in events if "address" in event}
    return ends, events[-1]


def check(bench: Workbench, sandbox: Any, ends: dict[str, str], summary: dict[str, Any]) -> None:
    """Every call that the service has is known, once; every row was told of, as what it is."""
    placed = Counter(f"june/{call.body['metadata']['reconciler_key']}" for call in sandbox.calls())
    assert set(placed.values()) <= {1}
    assert len(ends) == ROWS
    assert {address for address, end in ends.items() if end in {"placed", "uncertain"}} >= set(placed)
    assert summary["placed"] + summary["uncertain"] + summary["not_sent"] == ROWS
    actions = bench.actions()
    for address in placed:
        assert actions[address] in {"unchanged", "uncertain"}, "what was sent was intended before"
    for address, end in ends.items():
        assert actions[address] == {"placed": "unchanged", "uncertain": "uncertain", "not_sent": "create"}[end]


@pytest.mark.parametrize("room", [0, 1, 3, 8])
def test_a_full_disk(bench: Workbench, slow: Any, room: int) -> None:
    """``room`` is how many pages of 4 KiB are left for the state or its journal to grow by."""
    slow._backend.config = replace(slow._backend.config, latency=0)  # nothing has to happen meanwhile
    page = 4096
    limit = (bench.root / STATE).stat().st_size + room * page
    apply = start(bench, limit)
    ends, summary = told(apply)
    if room and apply.returncode == 0:
        assert summary["placed"] == ROWS
        return
    assert (apply.returncode, summary["not_sent"] > 0) == (1, True)
    check(bench, slow, ends, summary)
    bench.ok("state", "check")
    assert bench.apply().summary["placed"] == summary["not_sent"], "with room again, what was not sent is sent"
    check_once(slow)


@pytest.mark.parametrize("name", ["state.db.lock", "state.db"])
def test_the_lock_or_the_state_is_replaced(bench: Workbench, slow: Any, name: str) -> None:
    apply = start(bench)
    while not slow.calls():
        time.sleep(0.01)
    path = bench.root / ".reconciler" / name
    shutil.copy(path, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    before = len(slow.calls())
    ends, summary = told(apply)
    assert apply.returncode == 1
    assert len(slow.calls()) <= before + 2, "no more than what was in flight"
    assert summary["uncertain"] + summary["not_sent"] + summary["placed"] == ROWS
    assert summary["not_sent"] > 0
    assert len(ends) == ROWS
    if name == "state.db.lock":  # a copy of a state in use is no state to go on with
        bench.apply("--no-preflight")
    check_once(slow)


def check_once(sandbox: Any) -> None:
    keys = [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()]
    assert len(keys) == len(set(keys))
