"""A state, wherever it is: what commands ask of it, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterable
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
    from reconciler.state.audit import Verdict
    from reconciler.state.database import Connection
    from reconciler.state.reader import Reader
    from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class Lock:
    """Whether the state's lock is held, and by which run, as far as the state tells; ``runners`` share it."""

    held: bool
    run: Run | None = None
    runners: tuple[Runner, ...] = ()


class Place(Protocol):
    """Where a state is. As text it is what messages call it; never with a password.

    Everything raises ``StateMissing`` where there is no state, and ``StateError`` where it cannot be used, is of
    another lineage than the project is pinned to, or was written by another version.
    """

    def with_lineage(self, lineage: str) -> Place:
        """The same place for the state of this lineage."""
        ...

    def create(self, by: JsonObject) -> str:
        """Make an empty state, never over another; the result is its lineage. ``by`` tells its ledger who did."""
        ...

    def refuse_existing(self) -> None:
        """Raises ``StateError`` where anything is at the place of a new state."""
        ...

    def founded(self, run: Run, by: JsonObject) -> AbstractContextManager[Store]:
        """A new state of this lineage to write, locked; it is there once the block ends without an error.

        ``by`` tells its ledger who made it; ``run`` is recorded as begun, and the caller ends it.
        """
        ...

    def reader(self) -> AbstractContextManager[Reader]: ...

    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> AbstractContextManager[Store]:
        """Lock it; ``run`` is recorded as begun, and the caller ends it.

        A state that was moved elsewhere is opened only to go on with that, by who names where (``moving_to``).

        Raises:
            StateLocked: another run holds it, ``lock_timeout`` seconds later still.
        """
        ...

    def unlocked(self, run: Run) -> AbstractContextManager[PauseStore]:
        """Open it to pause or resume once, also while another run holds the lock.

        ``run`` (``pause`` or ``resume``) begins and ends in the transaction of that write.
        """
        ...

    def is_there(self) -> bool:
        """Whether there is a state, whole as it was made. Raises ``StateError`` where that cannot be told."""
        ...

    def receive(self, *, again: bool) -> AbstractContextManager[Connection]:
        """A new state's tables, all empty, in a transaction that is committed at the end.

        Never over another state; ``again`` says that what an earlier attempt left unfinished is no state.
        """
        ...

    def lock(self) -> Lock: ...

    def verify(self, anchors: Iterable[Head]) -> Verdict:
        """Whether its ledger holds, and fits the heads that were kept elsewhere."""
        ...

    def check(self, now: datetime) -> list[str]:
        """Everything about it that cannot be right, in words."""
        ...


def describe_holder(run: Run, now: datetime) -> str:
    """A run for whoever waits for its end."""
    age = (now - run.started_at).total_seconds()
    since = format_instant(run.started_at)
    return f"{run.command} (host {run.host}, pid {run.pid}, {run.actor}, since {since}, {age:.0f} s ago)"
