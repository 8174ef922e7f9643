"""A state, independent of where it is stored: what commands do with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from reconciler.domain.claims import Runner
from reconciler.domain.facts import PauseStore
from reconciler.domain.ledger import Head
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Run
from reconciler.domain.times import format_instant

if TYPE_CHECKING:
    from reconciler.state.ledger.audit import AuditResult
    from reconciler.state.reader import Reader
    from reconciler.state.session import Connection
    from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class LockStatus:
    """Whether the state's lock is held, and by which run if known. ``runners`` share it."""

    held: bool
    run: Run | None = None
    runners: tuple[Runner, ...] = ()


@dataclass(frozen=True, slots=True)
class DurabilityRisk:
    """Why a power cut may undo what was committed, and what to do about it.

    ``refused``: nothing can be written to such a state.
    """

    message: str
    hint: str
    refused: bool = False


class StateBackend(Protocol):
    """A state in one place. ``str`` gives its name in messages, never with a password.

    Every method raises ``StateMissing`` if there is no state, and ``StateError`` if it cannot be used, has another
    lineage than the pinned one, or was written by another version.
    """

    def with_lineage(self, lineage: str) -> StateBackend:
        """The same place, for the state with this lineage."""
        ...

    def create(self, by: JsonObject) -> str:
        """Create an empty state, never over another, and return its lineage. ``by`` records in the ledger who
        did."""
        ...

    def refuse_existing(self) -> None:
        """Raises ``StateError`` if anything is where a new state would be created."""
        ...

    def new_store(self, run: Run, by: JsonObject) -> AbstractContextManager[Store]:
        """Create a state with this lineage, locked, and write to it. It exists only after the block has ended
        without an error. ``by`` and ``run`` as for ``create`` and ``store``.
        """
        ...

    def reader(self) -> AbstractContextManager[Reader]: ...

    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> AbstractContextManager[Store]:
        """Lock the state and write to it. The beginning of ``run`` is recorded; the caller ends it.

        A state that was moved can only be opened to continue that move, with its target (``moving_to``).

        Raises:
            StateLocked: another run still holds the lock after ``lock_timeout`` seconds.
        """
        ...

    def unlocked(self, run: Run) -> AbstractContextManager[PauseStore]:
        """Open the state to pause or resume once, even while another run holds the lock.

        ``run`` (``pause`` or ``resume``) is recorded in the same transaction.
        """
        ...

    def exists(self) -> bool:
        """Whether there is a complete state. Raises ``StateError`` if that cannot be determined."""
        ...

    def receive(self, *, retry: bool) -> AbstractContextManager[Connection]:
        """The empty tables of a new state, in a transaction that is committed at the end; never over another
        state.

        ``retry``: what an interrupted attempt left behind may be removed.
        """
        ...

    def lock(self) -> LockStatus: ...

    def durability_risks(self) -> Sequence[DurabilityRisk]:
        """What could be found out; none does not mean that the drive keeps what was synced."""
        ...

    def verify(self, anchors: Iterable[Head]) -> AuditResult:
        """Verify the ledger, the tables, and the heads that were kept elsewhere."""
        ...

    def check(self, now: datetime) -> list[str]:
        """All problems of the state, as messages."""
        ...


def describe_holder(run: Run, now: datetime) -> str:
    """A run that holds the lock, for people."""
    age = (now - run.started_at).total_seconds()
    since = format_instant(run.started_at)
    return f"{run.command} (host {run.host}, pid {run.pid}, {run.actor}, since {since}, {age:.0f} s ago)"
