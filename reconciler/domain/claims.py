"""Many runners, one plan: what a runner needs of the state besides writing it, as a protocol.

Runners share out the rows of one plan through the state. Who is alive is told by locks that die with their
sessions, never by a clock. What is shared out is of no meaning once no runner is left: what was sent is in the
state itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.domain.events import Event
from reconciler.domain.model import Address
from reconciler.domain.ports import Run, Seen, StateStore


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that no other runner has, and in how many seconds the first of them may be sent."""

    addresses: Sequence[Address] = ()
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Lot:
    """One shared row: ``sent``, or ended unsent with an event; neither where it is still to be sent."""

    address: Address
    sent: bool = False
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far all runners are: ``unsent`` rows may still be sent, ``flying`` are under way with others."""

    total: int
    unsent: int
    flying: int

    @property
    def over(self) -> bool:
        return not self.unsent and not self.flying


@dataclass(frozen=True, slots=True)
class Runner:
    """A living runner: rows it has ``claimed`` and not sent, requests ``flying``, and what came of the others."""

    run: Run
    claimed: int
    flying: int
    placed: int
    failed: int
    uncertain: int


class JointStore(StateStore, Protocol):
    """A state that several runners write at once: every promise of ``StateStore`` holds for all of them.

    ``intend`` takes a row out of what is to be sent; ``record`` puts it back where it was proven not sent.
    """

    def alone(self) -> bool:
        """Be the only one who opens or settles, until ``not_alone``; False where another is."""
        ...

    def not_alone(self) -> None: ...

    @property
    def begun(self) -> bool:
        """Whether another living runner has entered, so that there is something to join."""
        ...

    def open(self, wanted: Sequence[Address], ended: Sequence[Event], rate: float | None) -> None:
        """Share out rows, in their order, and enter. ``ended`` are told by every runner. Only while ``alone``."""
        ...

    def enter(self, rate: float | None) -> Seen:
        """Take part in what another has opened, at ``rate`` for all if theirs was higher. Only while ``alone``.

        The result is what the one who opened it saw before anything was sent.
        """
        ...

    def claim(self, count: int) -> Claim:
        """Up to ``count`` rows that no living runner has; fewer, or later, where the rate of all says so."""
        ...

    def drop(self, events: Sequence[Event]) -> None:
        """Rows of this runner end unsent."""
        ...

    def standing(self) -> Standing: ...

    def lots(self) -> Sequence[Lot]:
        """Every row that was shared out, in order."""
        ...

    def orphans(self) -> frozenset[Address]:
        """Unknown outcomes that may be settled: all but what another living runner has under way."""
        ...
