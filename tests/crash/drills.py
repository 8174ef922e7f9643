"""Commands besides ``apply`` that are killed, and what must be possible afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.domain.times import format_instant
from reconciler.state.sqlite.create import is_unfinished
from reconciler.state.sqlite.state import SqliteState

if TYPE_CHECKING:
    from tests.crash.driver import Trial

CARRIED = "carried.state"
SECOND = ".reconciler/second.db"


def _strike(trial: Trial, name: str, *args: str) -> None:
    """Kill a command at a moment, a statement or a commit of its own."""
    trial.strike(trial.draw_kill(name), name, *name.split(), *args)


def _move_away(file: Path) -> None:
    """Do what the message says about the empty file that a killed creation leaves: nothing else touches it."""
    if is_unfinished(file):
        file.unlink()
        file.with_name(f"{file.name}-journal").unlink(missing_ok=True)


def init(trial: Trial) -> None:
    """A project is whole, or can be made again."""
    folder = trial.folder / "another"
    folder.mkdir()
    trial.strike(trial.draw_kill("init"), "init", "-C", folder.name, "init")
    state = folder / ".reconciler" / "state.db"
    if not (folder / "reconciler.yaml").exists():
        if not is_unfinished(state) and state.exists():
            state.unlink()  # an empty state that no project refers to
        _move_away(state)
        trial.command("-C", folder.name, "init")
    trial.command("-C", folder.name, "state", "check")
    shutil.rmtree(folder)


def status(trial: Trial) -> None:
    _strike(trial, "status")
    trial.command("status", expected=(0, 3))


def plan(trial: Trial) -> None:
    """A saved plan is whole, or not there."""
    file = trial.folder / "june.plan"
    file.unlink(missing_ok=True)
    _strike(trial, "plan", "--out", file.name)
    if file.exists():
        trial.command("show", file.name)


def resolve(trial: Trial) -> None:
    _strike(trial, "resolve")
    trial.command("resolve", expected=(0, 3))


def pause(trial: Trial) -> None:
    """A pause is there, or not; if it is, nothing is sent until it is resumed."""
    _strike(trial, "pause", "--reason", "wrong prices")
    if trial.judge.paused():
        trial.command("resume")


def resume(trial: Trial) -> None:
    trial.command("pause", "--reason", "wrong prices")
    _strike(trial, "resume")
    if trial.judge.paused():
        trial.command("resume")


def backup(trial: Trial) -> None:
    """A backup is whole, or not there, and a killed one does not hinder the next."""
    file = trial.folder / "backup.db"
    _strike(trial, "state backup", file.name)
    if not file.exists():
        trial.command("state", "backup", file.name)
    if problems := SqliteState(file).verify().problems:
        trial.verdict.wrong.append(f"a backup is damaged: {problems[:3]}")
    file.unlink()


def push(trial: Trial) -> None:
    """A pushed file is whole, or not there, and a killed push does not hinder the next."""
    file = trial.folder / CARRIED
    file.unlink(missing_ok=True)
    _strike(trial, "state push", CARRIED)
    if file.exists():
        trial.command("state", "pull", CARRIED)
    trial.command("state", "push", CARRIED)


def pull(trial: Trial) -> None:
    """Another machine takes the state over, places calls and hands it back; a pull is killed on the way."""
    first = trial.random.random() < 0.5
    (trial.folder / CARRIED).unlink(missing_ok=True)
    trial.command("state", "push", CARRIED)
    there = ("--state", SECOND)
    if first:
        _strike(trial, "state pull", CARRIED, *there)
        _move_away(trial.folder / SECOND)
    trial.command("state", "pull", CARRIED, *there)
    trial.command("apply", "--auto-approve", "--rate", "none", *there, expected=(0, 3))
    trial.command("state", "push", CARRIED, *there)
    if not first:
        _strike(trial, "state pull", CARRIED)
    trial.command("state", "pull", CARRIED)
    for file in trial.folder.glob(f"{SECOND}*"):
        file.unlink()


def migrate(trial: Trial) -> None:
    """A move that is killed is continued by the same command."""
    source, target = ".reconciler/state.db", trial.folder / SECOND
    _strike(trial, "state migrate", source, SECOND)
    trial.command("state", "migrate", source, SECOND)
    target.rename(trial.judge.path)


def redact(trial: Trial) -> None:
    """Personal data is removed, or not; the ledger and the addresses stay."""
    before = ("--before", format_instant(datetime.now(UTC)))
    _strike(trial, "state redact", *before)
    trial.command("state", "redact", *before, expected=(0, 5))  # 5: a call of that time is still uncertain


def rebuild(trial: Trial) -> None:
    """A lost state is rebuilt from the tags of the calls: whole, or not at all.

    There is a call of ours: its tags show that the service returns them. Otherwise a row may match a call that
    somebody else placed to the same person, which is only probable.
    """
    trial.serve(tags=True, lag=0)
    trial.rows.add(1, trial.random, shared=False)
    trial.apply()
    trial.judge.path.unlink()
    _strike(trial, "state rebuild", "--auto-approve")
    if not trial.judge.path.exists():
        trial.command("state", "rebuild", "--auto-approve", expected=(0, 3))


DRILLS: dict[str, Callable[[Trial], None]] = {
    drill.__name__: drill
    for drill in (init, status, plan, resolve, pause, resume, backup, push, pull, migrate, redact, rebuild)
}
