"""Kills at every step and at random moments: no duplicates, nothing lost; and wrong strategies are found out."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.state.sqlite.state import SqliteState
from tests.conftest import ZYGOTE, Workbench, clean_environment, plan_text
from tests.crash.answers import run_answer_trial
from tests.crash.drills import DRILLS
from tests.crash.driver import KILLS, planned_kinds, run_trial
from tests.crash.killers import BY_CHANCE, COMMIT, MOMENT, STATEMENT, Kill
from tests.crash.victim import ANSWER_MUTANTS, MUTANTS, POINTS
from tests.zygote import VICTIM

SEEDS = range(1, 7)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(seed: int, tmp_path: Path) -> None:
    verdict = run_trial(seed, tmp_path)
    assert verdict.wrong == []
    assert verdict.killed + verdict.survived == verdict.planned, "every kill at a named point did occur"
    assert not verdict.survived.keys() & set(POINTS)


def test_the_seeds_reach_every_point_and_every_command() -> None:
    kinds = {kind for seed in SEEDS for kind in planned_kinds(seed, KILLS)}
    assert kinds == {*POINTS, *BY_CHANCE, *DRILLS}


@pytest.mark.parametrize("kill", [Kill(MOMENT, microseconds=5_000), Kill(STATEMENT, 60), Kill(COMMIT, 4)], ids=str)
def test_a_command_dies_at_its_moment(kill: Kill, project: Workbench, sandbox: object) -> None:
    project.write("calls/june.yaml", plan_text(rows=3))
    project.write("spec.json", json.dumps(kill.spec(project.root / "fired")))
    command = ["spec.json", "apply", "--auto-approve", "--rate", "none"]
    done = ZYGOTE.run(command, project.root, clean_environment() | project.env, module=VICTIM)
    assert done.returncode == -signal.SIGKILL
    if kill.kind == COMMIT:
        assert (project.root / ".reconciler" / "state.db-journal").stat().st_size > 0, "an open transaction"
    assert project.apply().code == 0


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_strategy_is_found_out(mutant: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        verdict = run_trial(seed, tmp_path, mutant, lag=1)
        if verdict.duplicates or any("unknown to the state" in wrong for wrong in verdict.wrong):
            return
    pytest.fail(f"{mutant} went unnoticed")


@pytest.mark.parametrize("seed", range(1, 7))
def test_an_answer_belongs_to_its_request(seed: int, tmp_path: Path) -> None:
    verdict = run_answer_trial(seed, tmp_path)
    assert verdict.wrong == []
    assert verdict.killed == verdict.planned


@pytest.mark.parametrize("mutant", ANSWER_MUTANTS)
def test_wrong_trust_in_answers_is_found_out(mutant: str, tmp_path: Path) -> None:
    fault = "was placed" if mutant == "use-connections-again" else "was reported as"
    wrong: list[str] = []
    for seed in range(1, 7):
        wrong += run_answer_trial(seed, tmp_path, mutant).wrong
        if any(fault in item for item in wrong):
            return
    pytest.fail(f"{mutant} went unnoticed: {wrong}")


MIGRATION = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from reconciler.domain.ports import Run
from reconciler.state.migrations import MIGRATIONS
from reconciler.state.sqlite.state import SqliteState

def die_half_way(db):
    db.execute("alter table calls add column note text")
    db.execute("update meta set serial = serial + 1000")
    os.kill(os.getpid(), signal.SIGKILL)

MIGRATIONS["die_half_way"] = die_half_way
with SqliteState(Path(sys.argv[1])).store(Run("r", "apply", datetime.now(UTC), "h", os.getpid(), "a", "0")):
    pass
"""


def test_a_migration_that_is_killed_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).create({})
    done = subprocess.run([sys.executable, "-c", MIGRATION, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with SqliteState(path).reader() as reader:
        assert reader.serial == 0
    with closing(sqlite3.connect(path)) as db:
        assert "note" not in [row[1] for row in db.execute("pragma table_info(calls)")]
    assert path.with_name("state.db.before-die_half_way").exists()
