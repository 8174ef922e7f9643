"""The state: whether it exists, belongs to the project, is private, is not locked, is intact, and survives a power
cut."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.doctor.check import CheckResult, Health, failed, skipped
from reconciler.domain.times import format_utc
from reconciler.errors import ReconcilerError
from reconciler.placing.send_check import describe_pause, resume_command
from reconciler.quantities import format_count
from reconciler.state import snapshot
from reconciler.state.backend import describe_holder

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.state.backend import StateBackend

_LATER = ("state-mode", "state-lock", "state-integrity", "state-durability", "state-pauses")


def examine(workspace: Workspace, now: datetime) -> list[CheckResult]:
    """One result if the state cannot be opened; the other checks are then skipped with a reason."""
    if not workspace.trusted:
        return skipped("reconciler.yaml has errors, so the state is unknown", "state", *_LATER)
    try:
        opened = _snapshot(workspace) if workspace.snapshot else _open(workspace)
    except ReconcilerError as error:
        return [failed("state", error), *skipped("the state cannot be opened", *_LATER)]
    if workspace.snapshot:
        return [opened, *skipped("a snapshot is not the state", *_LATER)]
    mode = skipped("the state is on a server", "state-mode") if workspace.file is None else [_mode(workspace.file)]
    place = workspace.place
    found = [_lock(place, now), _integrity(place, now), _durability(place), _pauses(workspace)]
    return [opened, *mode, *found]


def _open(workspace: Workspace) -> CheckResult:
    with workspace.reader() as reader:
        pin = "as pinned" if workspace.lineage is not None else "not pinned"
        text = f"{workspace.place}: serial {reader.serial}, lineage {reader.lineage}, {pin}"
        return CheckResult("state", Health.OK, text)


def _pauses(workspace: Workspace) -> CheckResult:
    with workspace.reader() as reader:
        pauses = reader.pauses()
    if not pauses:
        return CheckResult("state-pauses", Health.OK, "nothing is paused")
    message = "; ".join(map(describe_pause, pauses))
    commands = "; ".join(map(resume_command, pauses))
    return CheckResult("state-pauses", Health.WARN, message, f"when this is resolved, run: {commands}")


def _snapshot(workspace: Workspace) -> CheckResult:
    taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
    text = f"{workspace.state_path}: snapshot of {format_utc(taken.created_at)}, serial {taken.serial}"
    return CheckResult("state", Health.OK, text)


def _mode(path: Path) -> CheckResult:
    try:
        found = path.stat()
    except OSError as error:
        return CheckResult(
            "state-mode",
            Health.FAIL,
            f"{path}: {error.strerror}",
            "try again: the file may have just been replaced",
        )
    if found.st_nlink > 1:
        text = f"{path} has {found.st_nlink} names (hard links), each with its own lock"
        return CheckResult(
            "state-mode", Health.FAIL, text, "keep one of them; to make a copy, run: reconciler state backup FILE"
        )
    mode = found.st_mode & 0o777
    if mode & 0o077:
        return CheckResult(
            "state-mode", Health.WARN, f"other users may read {path} (mode {mode:04o})", f"chmod 600 {path}"
        )
    return CheckResult("state-mode", Health.OK, f"mode {mode:04o}")


def _lock(place: StateBackend, now: datetime) -> CheckResult:
    try:
        lock = place.lock()
    except ReconcilerError as error:
        return failed("state-lock", error)
    if not lock.held:
        return CheckResult("state-lock", Health.OK, "free")
    who = describe_holder(lock.run, now) if lock.run is not None else "a run that is not in the state"
    hint = "wait for it: the lock is released when that process ends"
    return CheckResult("state-lock", Health.WARN, f"held by {who}", hint)


def _integrity(place: StateBackend, now: datetime) -> CheckResult:
    try:
        problems = place.check(now)
    except ReconcilerError as error:
        return failed("state-integrity", error)
    if problems:
        text = f"{format_count(len(problems), 'problem')}, the first: {problems[0]}"
        return CheckResult(
            "state-integrity", Health.FAIL, text, "run reconciler state check for the list, and restore a backup"
        )
    return CheckResult("state-integrity", Health.OK, "no damage, no orphans, no timestamps out of order")


def _durability(place: StateBackend) -> CheckResult:
    try:
        risks = sorted(place.durability_risks(), key=lambda risk: not risk.refused)
    except ReconcilerError as error:
        return failed("state-durability", error)
    if not risks:
        text = "each commit is synced, and nothing is known that would undo it at a power cut"
        return CheckResult("state-durability", Health.OK, text)
    health = Health.FAIL if risks[0].refused else Health.WARN
    message = "; ".join(risk.message for risk in risks)
    return CheckResult("state-durability", health, message, "; ".join(risk.hint for risk in risks))
