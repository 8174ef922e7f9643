"""What an apply tells while it runs: one event for each address that came to an end, and a summary at the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.domain.model import Address, JsonObject


class Kind(StrEnum):
    """What became of an address in this run.

    ``conflict``: the service has a call that may be this one. ``stale``: the files or the state are no longer as
    they were when the plan was approved.
    """

    PLACED = "placed"
    ADOPTED = "adopted"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    STALE = "stale"
    BLOCKED = "blocked"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Event:
    """One address, and what became of it. ``call_id`` where placed; ``message`` says why where it was not, and
    ``reasons`` are the codes of guards."""

    kind: Kind
    address: Address
    call_id: str | None = None
    message: str | None = None
    reasons: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The event as ``schemas/event.schema.json`` has it; absent members are left out."""
        members: JsonObject = {"type": self.kind.value, "address": str(self.address)}
        if self.call_id is not None:
            members["call_id"] = self.call_id
        if self.message is not None:
            members["message"] = self.message
        if self.reasons:
            members["reasons"] = list(self.reasons)
        return members


_INCOMPLETE = (
    Kind.FAILED,
    Kind.UNCERTAIN,
    Kind.EXPIRED,
    Kind.CONFLICT,
    Kind.STALE,
    Kind.BLOCKED,
    Kind.NOT_SENT,
)
Emit: TypeAlias = Callable[[Event], None]


@dataclass(slots=True)
class Tally:
    """Counts of a run. ``stopped`` says why it ended before its last row, where it did.

    ``changed_ahead`` counts edited rows whose wanted call will not happen, ``expired_before`` the rows that an
    earlier run recorded as missed. ``too_late`` are those of ``changed_ahead`` whose old call is none to stop.
    ``to_stop`` counts the calls to stop by hand, ``to_stop_new`` those that no earlier run has shown.
    ``unchecked`` says that nobody could look for another copy of the state at the end, though the service returns
    tags. ``unproved``: the service has not shown that it understands schedules. ``refused``: the run ended with an
    error, which says why. ``paused`` counts the rows that a pause held back.
    """

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    changed_ahead: int = 0
    expired_before: int = 0
    too_late: int = 0
    to_stop: int = 0
    to_stop_new: int = 0
    stopped: str | None = None
    unchecked: bool = False
    unproved: bool = False
    refused: bool = False
    paused: int = 0
    _uncertain: set[Address] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Count an event. An address that was uncertain in this run and is adopted is uncertain no more."""
        self.counts[event.kind] += 1
        self.paused += event.kind is Kind.NOT_SENT and "paused" in event.reasons
        if event.kind is Kind.UNCERTAIN:
            self._uncertain.add(event.address)
        elif event.kind is Kind.ADOPTED and event.address in self._uncertain:
            self._uncertain.discard(event.address)
            self.counts[Kind.UNCERTAIN] -= 1

    @property
    def incomplete(self) -> bool:
        """What was approved is not all that happens. What an earlier run recorded as expired, or as a call to
        stop, no longer counts."""
        more = self.unchecked or self.unproved or self.too_late > 0 or self.to_stop_new > 0
        return more or any(self.counts[kind] for kind in _INCOMPLETE)

    @property
    def unexplained(self) -> bool:
        """Rows were not sent, and nothing that was said about them tells what to do."""
        return self.counts[Kind.NOT_SENT] > self.paused and not (self.unproved or self.refused)

    def summary(self) -> dict[str, int]:
        """The counts of the summary event, in the order of the contract."""
        return {
            "placed": self.counts[Kind.PLACED] + self.counts[Kind.ADOPTED],
            "adopted": self.counts[Kind.ADOPTED],
            "skipped": self.counts[Kind.SKIPPED],
            "failed": self.counts[Kind.FAILED],
            "uncertain": self.counts[Kind.UNCERTAIN],
            "expired": self.counts[Kind.EXPIRED] + self.expired_before,
            "conflicts": self.counts[Kind.CONFLICT],
            "stale": self.counts[Kind.STALE],
            "blocked": self.counts[Kind.BLOCKED],
            "not_sent": self.counts[Kind.NOT_SENT],
            "changed": self.changed_ahead,
            "to_stop": self.to_stop,
            "to_stop_new": self.to_stop_new,
        }
