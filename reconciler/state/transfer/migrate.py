"""A state moves house: to another file, or between SQLite and PostgreSQL. It is never open in two places.

It is closed where it is, copied in one transaction, compared row by row, audited, and opened where it went. Killed
at any moment, it is in one place or closed in both; the same move run again then goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.ports import Run
from reconciler.errors import ExitCode, StateError
from reconciler.state.backend import Place
from reconciler.state.ledger import audit
from reconciler.state.session import Connection
from reconciler.state.store import Store
from reconciler.state.transfer import copying


@dataclass(frozen=True, slots=True)
class Moved:
    """What was copied, rows by table; None where an earlier move that was cut off had copied all."""

    rows: dict[str, int] | None


def move(source: Place, target: Place, run: Run, now: datetime, lock_timeout: float) -> Moved:
    """Move the state at ``source`` to ``target``, where there must be none.

    Raises:
        StateLocked: a run holds it.
        StateError: it is at a third place, ``target`` cannot be made, or the copy is not the same: it stays open
            where it is then. It is closed where nobody knows whether ``target`` has it.
    """
    to = str(target)
    with source.store(run, lock_timeout, moving_to=to) as store:
        target = target.with_lineage(store.lineage)
        again = store.moved_to is not None
        if again and target.is_there():
            store.end_run(run.id, now, ExitCode.DONE, {})
            return Moved(None)
        if not again:
            store.depart(run.id, to, now)
        rows = _carry(store, source, target, run, now, again=again)
        store.end_run(run.id, now, ExitCode.DONE, {"moved": rows["calls"]})
    return Moved(rows)


def _carry(store: Store, source: Place, target: Place, run: Run, now: datetime, *, again: bool) -> dict[str, int]:
    committing = False
    try:
        with target.receive(again=again) as connection:
            rows = copying.copy(store.connection, connection)
            _check(store, connection)
            arrived = Store(copying.Within(connection, str(target)))
            arrived.arrive(run.id, str(source), now)
            arrived.end_run(run.id, now, ExitCode.DONE, {"moved": rows["calls"]})
            committing = True
    except BaseException as error:
        if committing:
            said = f"whether {target} has the state is not known ({error}): it is closed in {source} until then"
            raise StateError(said, hint="run the same state migrate again") from error
        store.arrive(run.id, str(source), now)
        store.end_run(run.id, now, ExitCode.ERROR, {})
        raise
    return rows


def _check(store: Store, connection: Connection) -> None:
    """Raises ``StateError`` where a copy is not what it was made from, or its ledger does not hold."""
    if (where := copying.first_difference(store.connection, connection)) is not None:
        raise StateError(f"the copy differs from the state: {where}")
    if problems := audit.examine(connection, [store.head]).problems:
        raise StateError(f"the state's ledger does not hold: {problems[0]}", hint="reconciler audit verify")
