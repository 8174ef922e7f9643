"""Who holds a state's lock, as text and as JSON: one run, or several runners of one plan."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.cli.output import to_json
from reconciler.domain.times import format_instant
from reconciler.render.escape import for_terminal
from reconciler.state.backend import describe_holder

if TYPE_CHECKING:
    from reconciler.domain.claims import Runner
    from reconciler.domain.model import JsonObject
    from reconciler.domain.ports import Run
    from reconciler.state.backend import LockStatus

_COUNTS = ("claimed", "flying", "placed", "failed", "uncertain")


def lock_text(lock: LockStatus, now: datetime) -> str:
    """One line, or one for each runner."""
    if not lock.held:
        return "The lock is not held.\n"
    if lock.run is None:
        return "Locked by a run that is not in the state.\n"
    if not lock.runners:
        return for_terminal(f"Locked by {describe_holder(lock.run, now)}.") + "\n"
    count = len(lock.runners)
    who = "1 runner" if count == 1 else f"{count} runners"
    lines = [f"Locked by {who} of the plan {lock.run.plan_id}:"]
    lines += [f"  {describe_holder(item.run, now)}: {_counts(item)}" for item in lock.runners]
    return "".join(for_terminal(line) + "\n" for line in lines)


def _counts(runner: Runner) -> str:
    """``claimed`` are rows to send, ``flying`` requests in flight."""
    counts = [(getattr(runner, name), name) for name in _COUNTS]
    return ", ".join(f"{count:,} {'in flight' if name == 'flying' else name}" for count, name in counts)


def lock_json(lock: LockStatus, *, line: bool = False) -> str:
    """One document; on one line if more of them follow."""
    members = {
        "locked": lock.held,
        "holder": None if lock.run is None else _run(lock.run),
        "runners": [_run(item.run) | _counted(item) for item in lock.runners],
    }
    return to_json(members, indent=None if line else 2)


def _counted(runner: Runner) -> JsonObject:
    return {"in_flight" if name == "flying" else name: getattr(runner, name) for name in _COUNTS}


def _run(run: Run) -> JsonObject:
    started = format_instant(run.started_at)
    who: JsonObject = {"host": run.host, "pid": run.pid, "actor": run.actor}
    return {"run": run.id, "command": run.command, **who, "started_at": started}
