"""``push`` and ``pull``: a state and its copy in a file, compared by their ledgers so that no call is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from reconciler.domain import ledger
from reconciler.domain.ledger import EntryKind, Head
from reconciler.domain.ports import Run
from reconciler.errors import ExitCode, Refused, StateError
from reconciler.state import rules
from reconciler.state.backend import StateBackend
from reconciler.state.ledger import audit
from reconciler.state.session import Connection
from reconciler.state.store import Store
from reconciler.state.tables import read_rows
from reconciler.state.transfer import copying, dump
from reconciler.state.transfer.dump import StateDump

# A run with only these entries can be dropped without losing a call.
_IDLE = frozenset({EntryKind.BEGAN, EntryKind.ENDED, EntryKind.LOOKED})


@dataclass(frozen=True, slots=True)
class Step:
    """A ledger entry, reduced to what is compared."""

    hash: str
    kind: str


@dataclass(frozen=True, slots=True)
class Divergence:
    """The entries that only one of two ledgers has."""

    ours: Sequence[Step]
    theirs: Sequence[Step]

    @property
    def we_are_ahead(self) -> bool:
        """Whether this state has something that the other does not."""
        return any(step.kind not in _IDLE for step in self.ours)

    @property
    def they_are_ahead(self) -> bool:
        return any(step.kind not in _IDLE for step in self.theirs)


def compare(ours: Sequence[Step], theirs: Sequence[Step]) -> Divergence:
    """The entries of two ledgers with the same lineage after their common start."""
    same = 0
    for one, other in zip(ours, theirs, strict=False):
        if one.hash != other.hash:
            break
        same += 1
    return Divergence(ours[same:], theirs[same:])


def push(backend: StateBackend, before: StateDump | None, file: IO[bytes]) -> tuple[Head, Divergence]:
    """Write the state to ``file``, in place of the one that was pushed ``before``.

    Raises:
        Refused: the earlier one has calls that are not in this state, or another lineage.
    """
    with backend.reader() as reader, reader.whole() as connection:
        divergence = Divergence((), ())
        if before is not None:
            rules.check_lineage(before.lineage, reader.lineage)
            divergence = compare(_steps(read_rows(connection, "ledger")), _steps(before.rows("ledger")))
            if divergence.they_are_ahead:
                raise _refused(divergence, f"{before.path} has calls that are not in this state", "pull")
        return dump.write(connection, file), divergence


@dataclass(frozen=True, slots=True)
class Pulled:
    """``calls`` is how many the state has now; None if it already had everything."""

    calls: int | None
    divergence: Divergence


def pull(backend: StateBackend, source: StateDump, run: Run, now: datetime, lock_timeout: float) -> Pulled:
    """Replace the state with the one in a file, or create it.

    Raises:
        Refused: this state has calls that are not in the file.
        StateLocked: another run holds the lock.
        StateError: the file has another lineage, or its ledger is not intact. Nothing is changed.
    """
    if not backend.exists():
        backend = backend.with_lineage(source.lineage)
        with backend.receive(retry=False) as connection:
            return Pulled(_fill(connection, source, run, now), Divergence((), ()))
    with backend.store(run, lock_timeout) as store:
        rules.check_lineage(source.lineage, store.lineage)
        head, ours = store.head, _steps(read_rows(store.connection, "ledger"))
        divergence = compare(ours, _steps(source.rows("ledger")))
        code = ExitCode.REFUSED if divergence.we_are_ahead else ExitCode.DONE
        if divergence.we_are_ahead or not divergence.theirs:
            store.end_run(run.id, now, code, {})
        if divergence.we_are_ahead:
            raise _refused(divergence, f"this state has calls that are not in {source.path}", "push")
        if not divergence.theirs:
            return Pulled(None, divergence)
        with store.rewriting(head) as connection:
            calls = _fill(connection, source, run, now)
    return Pulled(calls, divergence)


def _fill(connection: Connection, source: StateDump, run: Run, now: datetime) -> int:
    """Fill empty tables from the file, verify them, and record the run."""
    calls = source.fill(connection)
    if problems := audit.examine(connection, [source.head]).problems:
        raise StateError(f"the ledger in {source.path} is not intact: {problems[0]}")
    store = Store(copying.NestedSession(connection, str(source.path)))
    store.begin_run(run)
    store.end_run(run.id, now, ExitCode.DONE, {"calls": calls})
    return calls


def _steps(rows: Iterable[copying.Record]) -> list[Step]:
    return [Step(str(row["hash"]), str(ledger.read(str(row["entry"])).kind)) for row in rows]


def _refused(divergence: Divergence, message: str, command: str) -> Refused:
    if divergence.we_are_ahead and divergence.they_are_ahead:
        hint = (
            "two runners placed calls independently. Keep both files, and rebuild one state from the service: "
            "reconciler state rebuild"
        )
        return Refused(f"{message}, and the other way round", hint=hint)
    return Refused(message, hint=f"reconciler state {command} FILE first")
