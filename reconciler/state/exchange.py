"""``push`` and ``pull``: a state and a copy of it in a file, told apart by their ledgers. Neither loses a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from reconciler.domain import ledger
from reconciler.domain.ledger import EntryKind, Head
from reconciler.domain.ports import Run
from reconciler.errors import ExitCode, Refused, StateError
from reconciler.state import audit, copying, portable, rules
from reconciler.state.database import Connection
from reconciler.state.place import Place
from reconciler.state.portable import Portable
from reconciler.state.store import Store

# Runs that did nothing else may be dropped: no call is lost with them.
_IDLE = frozenset({EntryKind.BEGAN, EntryKind.ENDED, EntryKind.LOOKED})


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a ledger, as far as it matters here."""

    hash: str
    kind: str


@dataclass(frozen=True, slots=True)
class Apart:
    """What each of two ledgers has that the other does not."""

    ours: Sequence[Step]
    theirs: Sequence[Step]

    @property
    def we_are_ahead(self) -> bool:
        """Whether this state tells of something that the other does not know."""
        return any(step.kind not in _IDLE for step in self.ours)

    @property
    def they_are_ahead(self) -> bool:
        return any(step.kind not in _IDLE for step in self.theirs)


def compare(ours: Sequence[Step], theirs: Sequence[Step]) -> Apart:
    """Where two ledgers of one lineage part."""
    same = 0
    for one, other in zip(ours, theirs, strict=False):
        if one.hash != other.hash:
            break
        same += 1
    return Apart(ours[same:], theirs[same:])


def push(place: Place, known: Portable | None, file: IO[bytes]) -> tuple[Head, Apart]:
    """Write the state at ``place`` into ``file``, in place of the one that was pushed before (``known``).

    Raises:
        Refused: the one before tells of calls that this state does not know, or is of another lineage.
    """
    with place.reader() as reader, reader.whole() as connection:
        apart = Apart((), ())
        if known is not None:
            rules.check_lineage(known.lineage, reader.lineage)
            apart = compare(_steps(copying.records(connection, "ledger")), _steps(known.records("ledger")))
            if apart.they_are_ahead:
                raise _parted(apart, f"{known.path} tells of what this state does not know", "pull")
        return portable.write(connection, file), apart


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did: how many ``calls`` the state holds now, None where it knew all before."""

    calls: int | None
    apart: Apart


def pull(place: Place, source: Portable, run: Run, now: datetime, lock_timeout: float) -> Pulled:
    """Make the state at ``place`` the one in a file; or make one of it, where there is none.

    Raises:
        Refused: this state tells of calls that the file does not know.
        StateLocked: a run holds it.
        StateError: the file is of another lineage, or its ledger does not hold; nothing is changed then.
    """
    if not place.is_there():
        place = place.with_lineage(source.lineage)
        with place.receive(again=False) as connection:
            return Pulled(_take(connection, source, run, now), Apart((), ()))
    with place.store(run, lock_timeout) as store:
        rules.check_lineage(source.lineage, store.lineage)
        head, ours = store.head, _steps(copying.records(store.connection, "ledger"))
        apart = compare(ours, _steps(source.records("ledger")))
        code = ExitCode.REFUSED if apart.we_are_ahead else ExitCode.DONE
        if apart.we_are_ahead or not apart.theirs:
            store.end_run(run.id, now, code, {})
        if apart.we_are_ahead:
            raise _parted(apart, f"this state tells of what {source.path} does not know", "push")
        if not apart.theirs:
            return Pulled(None, apart)
        with store.rewriting(head) as connection:
            calls = _take(connection, source, run, now)
    return Pulled(calls, apart)


def _take(connection: Connection, source: Portable, run: Run, now: datetime) -> int:
    """Fill empty tables from the file, check them, and go on with their ledger."""
    calls = source.fill(connection)
    if problems := audit.examine(connection, [source.head]).problems:
        raise StateError(f"the ledger in {source.path} does not hold: {problems[0]}")
    store = Store(copying.Within(connection, str(source.path)))
    store.begin_run(run)
    store.end_run(run.id, now, ExitCode.DONE, {"calls": calls})
    return calls


def _steps(rows: Iterable[copying.Record]) -> list[Step]:
    return [Step(str(row["hash"]), str(ledger.read(str(row["entry"])).kind)) for row in rows]


def _parted(apart: Apart, said: str, other: str) -> Refused:
    if apart.we_are_ahead and apart.they_are_ahead:
        hint = (
            "two runners placed calls apart from each other: keep both, and make one of them from the service: "
            "reconciler state rebuild"
        )
        return Refused(f"{said}, and the other way round", hint=hint)
    return Refused(said, hint=f"reconciler state {other} FILE first")
