"""``state push`` and ``pull``: a state that goes from machine to machine in a file, and never loses a call."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
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
        "incomplete": lines[:-2],
        "was changed": [line.replace('"call_id":"', '"call_id":"x') for line in lines],
        "not a pushed state": ["{}", *lines[1:]],
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


def edited(lines: list[str], table: str, change: Callable[[dict[str, Any]], Any]) -> str:
    """A pushed state, its first row of a table changed and its digest computed again."""
    place = next(number for number, line in enumerate(lines) if line.startswith(f'{{"table":"{table}"'))
    changed = [*lines[:place], json.dumps(change(json.loads(lines[place]))), *lines[place + 1 : -1]]
    body = "".join(f"{line}\n" for line in changed)
    return body + json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest()}) + "\n"


def reordered(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"row": dict(reversed(line["row"].items()))}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line | {"table": "_sqlite_migrations"}, "a state has no table '_sqlite_migrations'"),
        (lambda line: line | {"row": line["row"] | {"x) values (1) --": 1}}, "does not have the columns"),
        (lambda line: line | {"row": {}}, "does not have the columns"),
        (lambda line: line | {"row": [1]}, "it is not a row of a state"),
        (lambda line: [line], "it is not a row of a state"),
    ],
)
def test_an_edited_row_is_refused(
    first: Workbench, shared: str, second: Workbench, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    """Even if the digest of the file was computed again."""
    first.ok("state", "push", shared)
    path = Path(shared)
    lines = path.read_text().splitlines()
    path.write_text(edited(lines, "calls", change))
    told = second.run("state", "pull", shared)
    assert (told.code, said in told.err, "Traceback" in told.err) == (1, True, False), told.err
    assert not (second.root / ".reconciler" / "state.db").exists()
    path.write_text(edited(lines, "calls", reordered))
    second.ok("state", "pull", shared)
    assert known(second) == known(first), "the order of columns means nothing"


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
