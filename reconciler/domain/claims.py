"""Several runners that apply one plan: what they need from the state besides writing it, as a protocol.

Runners distribute the rows of one plan through the state. A runner counts as alive as long as it holds a lock that
ends with its database session; no clock is used. Claims have no meaning once no runner is left: the state itself
records which calls were sent.
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
    """Rows that no other runner has claimed. ``wait`` is in seconds, until the first of them may be sent."""

    addresses: Sequence[Address] = ()
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One shared row: ``sent``, or ended unsent with an ``event``. Neither is set if it is still to be sent."""

    address: Address
    sent: bool = False
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class JointProgress:
    """The progress of all runners: ``unsent`` rows can still be sent, ``flying`` rows are in progress
    elsewhere."""

    total: int
    unsent: int
    flying: int

    @property
    def over(self) -> bool:
        return not self.unsent and not self.flying


@dataclass(frozen=True, slots=True)
class Runner:
    """A live runner: rows it has ``claimed`` but not sent, requests in progress (``flying``), and its results."""

    run: Run
    claimed: int
    flying: int
    placed: int
    failed: int
    uncertain: int


class JointStore(StateStore, Protocol):
    """A state that several runners write at once. Every guarantee of ``StateStore`` holds for all of them.

    ``intend`` removes a row from those to be sent; ``record`` returns it if it was proven not sent.
    """

    def alone(self) -> bool:
        """Become the only runner that opens or settles, until ``not_alone``. False if another runner is."""
        ...

    def not_alone(self) -> None: ...

    @property
    def begun(self) -> bool:
        """Whether another live runner has entered, so that this one can join."""
        ...

    def open(self, wanted: Sequence[Address], ended: Sequence[Event], rate: float | None) -> None:
        """Share rows, in their order, and enter. Every runner reports ``ended``. Only while ``alone``."""
        ...

    def enter(self, rate: float | None) -> Seen:
        """Join an apply that another runner opened; the lower rate applies to all. Only while ``alone``.

        Returns what the runner that opened it saw before anything was sent.
        """
        ...

    def claim(self, count: int) -> Claim:
        """Claim up to ``count`` rows that no live runner has; fewer, or later, if the common rate requires it."""
        ...

    def drop(self, events: Sequence[Event]) -> None:
        """End rows of this runner unsent."""
        ...

    def standing(self) -> JointProgress: ...

    def lots(self) -> Sequence[SharedRow]:
        """Every shared row, in order."""
        ...

    def orphans(self) -> frozenset[Address]:
        """Unknown outcomes that may be settled: all except those that another live runner is sending."""
        ...
