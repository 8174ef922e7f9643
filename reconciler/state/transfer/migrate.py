"""Moves a state to another file, or between SQLite and PostgreSQL. It is never open in two places.

It is closed where it is, copied in one transaction, compared row by row, verified, and opened where it was moved
to. If this is interrupted at any moment, the state is open in one place, or closed in both; the same move can then
continue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.ports import Run
from reconciler.errors import ExitCode, StateError
from reconciler.state.backend import StateBackend
from reconciler.state.ledger import audit
from reconciler.state.session import Connection
from reconciler.state.store import Store
from reconciler.state.transfer import copying


@dataclass(frozen=True, slots=True)
class Moved:
    """The number of copied rows by table; None if an interrupted move had already copied everything."""

    rows: dict[str, int] | None


def move(source: StateBackend, target: StateBackend, run: Run, now: datetime, lock_timeout: float) -> Moved:
    """Move the state at ``source`` to ``target``, where there must be none.

    Raises:
        StateLocked: another run holds the lock.
        StateError: the state was moved to a third place, ``target`` cannot be created, or the copy differs. The
            state then stays open at ``source``, unless it is unknown whether ``target`` has it.
    """
    to = str(target)
    with source.store(run, lock_timeout, moving_to=to) as store:
        target = target.with_lineage(store.lineage)
        retry = store.moved_to is not None
        if retry and target.exists():
            store.end_run(run.id, now, ExitCode.DONE, {})
            return Moved(None)
        if not retry:
            store.depart(run.id, to, now)
        rows = _copy(store, source, target, run, now, retry=retry)
        store.end_run(run.id, now, ExitCode.DONE, {"moved": rows["calls"]})
    return Moved(rows)


def _copy(
    store: Store, source: StateBackend, target: StateBackend, run: Run, now: datetime, *, retry: bool
) -> dict[str, int]:
    committing = False
    try:
        with target.receive(retry=retry) as connection:
            rows = copying.copy(store.connection, connection)
            _check(store, connection)
            arrived = Store(copying.NestedSession(connection, str(target)))
            arrived.arrive(run.id, str(source), now)
            arrived.end_run(run.id, now, ExitCode.DONE, {"moved": rows["calls"]})
            committing = True
    except BaseException as error:
        if committing:
            message = f"it is not known whether {target} has the state ({error}), so it stays closed in {source}"
            raise StateError(message, hint="run the same state migrate again") from error
        store.arrive(run.id, str(source), now)
        store.end_run(run.id, now, ExitCode.ERROR, {})
        raise
    return rows


def _check(store: Store, connection: Connection) -> None:
    """Raises ``StateError`` if the copy differs from the state, or if its ledger is not intact."""
    if (difference := copying.first_difference(store.connection, connection)) is not None:
        raise StateError(f"the copy differs from the state: {difference}")
    if problems := audit.examine(connection, [store.head]).problems:
        raise StateError(f"the state's ledger is not intact: {problems[0]}", hint="reconciler audit verify")
