"""The state: there, ours, private, free and whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checkup.finding import Finding, Health, failed, skipped
from reconciler.domain.times import tell_instant
from reconciler.errors import ReconcilerError
from reconciler.placing.orders import describe_pause, resume_command
from reconciler.render.words import counted
from reconciler.state import snapshot
from reconciler.state.place import told

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.state.place import Place

_LATER = ("state-mode", "state-lock", "state-integrity", "state-pauses")


def examine(workspace: Workspace, now: datetime) -> list[Finding]:
    """One finding where the state cannot be opened, and the reason for the rest to be skipped."""
    if not workspace.trusted:
        return skipped("reconciler.yaml has errors: which state is meant, nobody knows", "state", *_LATER)
    try:
        opened = _snapshot(workspace) if workspace.snapshot else _open(workspace)
    except ReconcilerError as error:
        return [failed("state", error), *skipped("the state cannot be opened", *_LATER)]
    if workspace.snapshot:
        return [opened, *skipped("a snapshot is not the state", *_LATER)]
    mode = skipped("the state is on a server", "state-mode") if workspace.file is None else [_mode(workspace.file)]
    found = [_lock(workspace.place, now), _integrity(workspace.place, now), _pauses(workspace)]
    return [opened, *mode, *found]


def _open(workspace: Workspace) -> Finding:
    with workspace.reader() as reader:
        pin = "as pinned" if workspace.lineage is not None else "not pinned"
        told = f"{workspace.place}: serial {reader.serial}, lineage {reader.lineage}, {pin}"
        return Finding("state", Health.OK, told)


def _pauses(workspace: Workspace) -> Finding:

    with workspace.reader() as reader:
        pauses = reader.pauses()
    if not pauses:
        return Finding("state-pauses", Health.OK, "nothing is paused")
    message = "; ".join(map(describe_pause, pauses))
    commands = "; ".join(map(resume_command, pauses))
    return Finding("state-pauses", Health.WARN, message, f"once that is settled: {commands}")


def _snapshot(workspace: Workspace) -> Finding:

    taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
    told = f"{workspace.state_path}: snapshot of {tell_instant(taken.created_at)}, serial {taken.serial}"
    return Finding("state", Health.OK, told)


def _mode(path: Path) -> Finding:
    try:
        found = path.stat()
    except OSError as error:
        return Finding("state-mode", Health.FAIL, f"{path}: {error.strerror}", "is it being replaced?")
    if found.st_nlink > 1:
        told = f"{path} has {found.st_nlink} names (hard links), and each would have its own lock"
        return Finding("state-mode", Health.FAIL, told, "keep one of them; to copy: reconciler state backup FILE")
    mode = found.st_mode & 0o777
    if mode & 0o077:
        return Finding("state-mode", Health.WARN, f"others may read {path} (mode {mode:04o})", f"chmod 600 {path}")
    return Finding("state-mode", Health.OK, f"mode {mode:04o}")


def _lock(place: Place, now: datetime) -> Finding:

    try:
        lock = place.lock()
    except ReconcilerError as error:
        return failed("state-lock", error)
    if not lock.held:
        return Finding("state-lock", Health.OK, "free")
    who = told(lock.run, now) if lock.run is not None else "a run that the state does not name"
    hint = "wait for it; the lock is gone as soon as that process is"
    return Finding("state-lock", Health.WARN, f"held by {who}", hint)


def _integrity(place: Place, now: datetime) -> Finding:
    try:
        problems = place.check(now)
    except ReconcilerError as error:
        return failed("state-integrity", error)
    if problems:
        told = f"{counted(len(problems), 'problem')}, the first: {problems[0]}"
        return Finding("state-integrity", Health.FAIL, told, "reconciler state check lists them; restore a backup")
    return Finding("state-integrity", Health.OK, "no damage, no orphans, no clock that ran backwards")
