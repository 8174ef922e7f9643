"""Power cuts: what was sent and reported is in every state that a disk may have then. Mistakes are found out."""

from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Workbench, plan_text
from tests.crash.power.command import MUTANTS
from tests.crash.power.disk import Contents, Disk, read_folder
from tests.crash.power.judge import STATE, Judge
from tests.crash.power.recording import Operation, record, unavailable
from tests.crash.power.story import run_story
from tests.zygote import clean_environment

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    figures = run_story(1, tmp_path, cuts=12, again=1)
    assert figures.wrong == []
    assert figures.cuts > 40
    assert figures.journals > 20
    assert figures.sent > 2
    assert figures.placed > 1
    assert figures.applied == 1


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mistake_that_loses_data_is_found_out(mutant: str, tmp_path: Path) -> None:
    figures = run_story(1, tmp_path, mutant, cuts=8)
    assert figures.wrong
    assert figures.cuts < 40


class Machine:
    """A project whose commands are recorded, and the disk under it."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.disk = Disk(read_folder(bench.root))

    def steps(self, *args: str) -> Iterator[Operation]:
        """Run Python with these arguments, and then do what it did, one operation after the other."""
        env = clean_environment() | self.bench.env
        log = self.bench.root.with_name(f"{self.bench.root.name}-operations")
        recording = record([sys.executable, *args], self.bench.root, env, log)
        assert recording.code == 0, recording.err
        for operation in recording.operations:
            self.disk.apply(operation)
            yield operation
        assert self.disk.now() == read_folder(self.bench.root)

    def run(self, *args: str) -> None:
        for _ in self.steps("-m", "reconciler", *args):
            pass

    def after_cut(self, chance: float = 0.0) -> Contents:
        """What a power cut leaves, if this share of what was not synced is kept."""
        chances = random.Random(1)
        return self.disk.after_cut(lambda: chances.random() < chance, chances)


def essential(contents: Contents) -> Contents:
    """Without the files of locks, which are made again, and without empty journals, which roll nothing back."""
    return {
        path: content
        for path, content in contents.items()
        if not (path.endswith(".lock") or (path.endswith("-journal") and not content))
    }


COMMANDS = {
    "a saved plan": ("plan", "--out", "june.plan"),
    "a backup": ("state", "backup", "copy.db"),
    "a decision file": ("resolve", "--export", "decisions.csv"),
    "a pause": ("pause", "--reason", "wrong prices"),
    "a redaction": ("state", "redact", "--before", "2026-01-01"),
    "a moved state": ("state", "migrate", str(STATE), "far/away/state.db"),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_what_a_command_wrote_is_on_the_disk_when_it_ends(placed: Workbench, what: str) -> None:
    placed.write(f"{STATE}.before-create_conflicts", "the numbers of persons")  # an upgrade leaves such a copy
    machine = Machine(placed)
    before = essential(machine.disk.now())
    machine.run(*COMMANDS[what])
    written = essential(machine.disk.now())
    assert written != before
    assert essential(machine.after_cut()) == written
    assert essential(machine.after_cut(0.5)) == written


def test_an_upgrade_is_on_the_disk_with_the_copy_that_it_made(placed: Workbench) -> None:
    with closing(sqlite3.connect(placed.root / STATE)) as db, db:
        db.execute("drop table overrides")
        db.execute("delete from _sqlite_migrations where name = 'create_overrides'")
    machine = Machine(placed)
    machine.run("state", "migrate")
    written = essential(machine.disk.now())
    assert f"{STATE}.before-create_overrides" in written
    assert essential(machine.after_cut()) == written


LOST = """
from pathlib import Path
from reconciler.domain.ledger import Head
from reconciler.state.ledger.entries import Latest
from reconciler.state.sqlite.lost_state import LostState, record_lost
record_lost(Path(".reconciler/state.db"), LostState("run-1", Latest("another", Head(9, "0" * 64))))
"""


def test_an_older_copy_stays_refused_after_a_power_cut(placed: Workbench, tmp_path: Path) -> None:
    """Until the rebuilt state is on the disk, the record of the lost one is, too."""
    machine = Machine(placed)
    for _ in machine.steps("-c", LOST):
        pass
    record_file = f"{STATE}.lost"
    assert machine.after_cut()[record_file] == machine.disk.now()[record_file] != b""
    (placed.root / STATE).rename(placed.root / "older.db")
    machine, judge, cuts = Machine(placed), Judge(tmp_path), 0
    for _ in machine.steps("-m", "reconciler", "state", "rebuild", "--auto-approve"):
        for chance in (0.0, 0.3, 0.7):
            left, cuts = machine.after_cut(chance), cuts + 1
            assert record_file in left or judge.open(left).entries
    assert cuts > 100
    assert record_file not in machine.after_cut()


def test_a_pushed_state_is_on_the_disk_before_a_request_leaves(project: Workbench) -> None:
    """It may be the checkpoint of a machine that loses its own disk."""
    project.write("calls/june.yaml", plan_text())
    machine, sent = Machine(project), 0
    command = ("apply", "--auto-approve", "--rate", "none", "--no-schedule-check", "--checkpoint")
    for operation in machine.steps(
        "-m", "reconciler", *command, f"{sys.executable} -m reconciler state push pushed"
    ):
        if operation.kind == "N" and operation.data.startswith(b"POST "):
            sent += 1
            assert machine.after_cut()["pushed"] == machine.disk.now()["pushed"]
    assert sent == 3
