"""``state push`` and ``pull``: a state that goes from machine to machine in a file, and never loses a call."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text

PLAN = "calls/june.yaml"


@pytest.fixture
def first(placed: Workbench) -> Workbench:
    """A machine that placed three calls."""
    return placed


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file that both machines see."""
    return str(tmp_path_factory.mktemp("shared") / "calls.state")


@pytest.fixture
def second(first: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Another machine with the same files and no state."""
    root = tmp_path_factory.mktemp("second")
    shutil.copytree(first.root, root, ignore=shutil.ignore_patterns(".reconciler"), dirs_exist_ok=True)
    return Workbench(root, dict(first.env))


def known(bench: Workbench) -> set[str]:
    return {item["address"] for item in bench.ok("state", "list", "--json").json["entries"]}


def more(bench: Workbench, rows: int) -> None:
    bench.write(PLAN, plan_text(rows=rows))
    assert bench.apply().summary["placed"] > 0


def test_two_machines_take_turns(first: Workbench, shared: str, second: Workbench, sandbox: Any) -> None:
    first.ok("state", "push", shared)
    assert (Path(shared)).stat().st_mode & 0o777 == 0o600
    assert second.run("plan").code == 1, "it has no state yet"
    assert "the state has 3 calls" in second.ok("state", "pull", shared).out
    assert set(second.actions().values()) == {"unchanged"}
    more(second, 5)
    second.ok("state", "push", shared)
    first.ok("state", "pull", shared)
    assert known(first) == known(second)
    first.write(PLAN, plan_text(rows=5))
    assert first.apply().code == 0
    assert len(sandbox.calls()) == 5
    for bench in (first, second):
        bench.ok("audit", "verify")
        bench.ok("state", "check")
    assert "Nothing new" in first.ok("state", "pull", shared).out


def test_it_goes_to_a_server_and_from_one(
    first: Workbench, shared: str, second: Workbench, sandbox: Any, postgres: Any
) -> None:
    first.ok("state", "push", shared)
    second.env["RECONCILER_STATE"] = postgres.url()
    second.ok("state", "pull", shared)
    more(second, 4)
    second.ok("state", "push", shared)
    first.ok("state", "pull", shared)
    assert known(first) == known(second)
    more(first, 6)
    first.ok("state", "push", shared)
    second.ok("state", "pull", shared)
    assert known(first) == known(second)
    assert len(sandbox.calls()) == 6
    second.ok("audit", "verify")


def test_what_the_other_does_not_know_is_never_dropped(first: Workbench, shared: str, second: Workbench) -> None:
    first.ok("state", "push", shared)
    second.ok("state", "pull", shared)
    more(second, 4)
    told = second.run("state", "pull", shared)
    assert (told.code, "push FILE first" in told.err) == (5, True)
    second.ok("state", "push", shared)
    told = first.run("state", "push", shared)
    assert (told.code, "pull FILE first" in told.err) == (5, True)
    more(first, 5)
    for command in ("push", "pull"):
        told = first.run("state", command, shared)
        assert (told.code, "the other way round" in told.err) == (5, True)
    assert "june/inv-5" in known(first) - known(second)
    assert "june/inv-4" in known(second) - known(first), "which the preflight kept from being placed again"


def test_runs_that_placed_nothing_are_dropped_and_told_of(
    first: Workbench, shared: str, second: Workbench
) -> None:
    first.ok("state", "push", shared)
    second.ok("state", "pull", shared)
    assert first.apply().code == 0
    more(second, 4)
    second.ok("state", "push", shared)
    told = first.ok("state", "pull", shared)
    assert "that placed nothing" in told.err
    assert known(first) == known(second)
    first.ok("audit", "verify")


def broken(lines: list[str]) -> dict[str, list[str]]:
    head = json.loads(lines[0])
    longer = json.dumps(head | {"steps": [*head["steps"], "something_new"]})
    shorter = json.dumps(head | {"steps": head["steps"][:-1]})
    return {
        "not whole": lines[:-2],
        "was changed": [line.replace('"call_id":"', '"call_id":"x') for line in lines],
        "no state that was pushed": ["{}", *lines[1:]],
        "newer version": [longer, *lines[1:]],
        "older version": [shorter, *lines[1:]],
    }


def test_a_file_that_cannot_be_trusted_is_refused(first: Workbench, shared: str, second: Workbench) -> None:
    first.ok("state", "push", shared)
    path = Path(shared)
    for said, lines in broken(path.read_text().splitlines()).items():
        path.write_text("\n".join(lines) + "\n")
        for bench in (first, second):
            told = bench.run("state", "pull", shared)
            assert (told.code, said in told.err) == (1, True), (said, told.err)
            assert "Traceback" not in told.err
    assert not (second.root / ".reconciler" / "state.db").exists()
    assert first.run("state", "pull", "nothing.state").code == 1


def test_another_project_s_state_is_refused(
    first: Workbench, shared: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first.ok("state", "push", shared)
    other = Workbench(tmp_path_factory.mktemp("other"), dict(first.env))
    other.create_project()
    for command in ("push", "pull"):
        told = other.run("state", command, shared)
        assert (told.code, "pinned to" in told.err) == (1, True), told.err


def test_apply_carries_it_at_each_step(first: Workbench, shared: str, second: Workbench, sandbox: Any) -> None:
    first.ok("state", "push", shared)
    first.write(PLAN, plan_text(rows=5))
    carried = first.apply("--checkpoint", f"{sys.executable} -m reconciler state push {shared}")
    assert (carried.code, carried.summary["placed"]) == (0, 2)
    second.ok("state", "pull", shared)
    second.write(PLAN, plan_text(rows=5))
    assert set(second.actions().values()) == {"unchanged"}
