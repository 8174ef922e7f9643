"""The events of an apply: one for each address that is finished, and a summary at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.domain.model import Address, JsonObject


class EventKind(StrEnum):
    """The outcome of an address in this run.

    ``conflict``: the service has a call that may be this one. ``stale``: the files or the state have changed since
    the plan was approved.
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
    """The outcome of one address. ``call_id`` is set if it was placed, ``message`` says why if it was not, and
    ``reasons`` are guard codes."""

    kind: EventKind
    address: Address
    call_id: str | None = None
    message: str | None = None
    reasons: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The event in the form of ``schemas/event.schema.json``; absent members are left out."""
        members: JsonObject = {"type": self.kind.value, "address": str(self.address)}
        if self.call_id is not None:
            members["call_id"] = self.call_id
        if self.message is not None:
            members["message"] = self.message
        if self.reasons:
            members["reasons"] = list(self.reasons)
        return members


_INCOMPLETE = (
    EventKind.FAILED,
    EventKind.UNCERTAIN,
    EventKind.EXPIRED,
    EventKind.CONFLICT,
    EventKind.STALE,
    EventKind.BLOCKED,
    EventKind.NOT_SENT,
)
Emit: TypeAlias = Callable[[Event], None]


@dataclass(slots=True)
class Tally:
    """Counts of a run. ``stopped`` says why it ended before its last row, or is None.

    ``changed_ahead`` counts edited rows whose new call will not be placed, ``expired_before`` rows that an earlier
    run recorded as missed. ``too_late`` counts those of ``changed_ahead`` whose old call does not need to be
    stopped. ``to_stop`` counts the calls to stop by hand, ``to_stop_new`` those that no earlier run has shown.
    ``unchecked``: the check for another copy of the state failed at the end, although the service returns tags.
    ``unproved``: the service has not yet proved that it understands schedules. ``refused``: the run ended with an
    error that says why. ``paused`` counts the rows that a pause held back.
    """

    counts: dict[EventKind, int] = field(default_factory=lambda: dict.fromkeys(EventKind, 0))
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
        """Count an event. An address that was uncertain in this run and is adopted no longer counts as
        uncertain."""
        self.counts[event.kind] += 1
        self.paused += event.kind is EventKind.NOT_SENT and "paused" in event.reasons
        if event.kind is EventKind.UNCERTAIN:
            self._uncertain.add(event.address)
        elif event.kind is EventKind.ADOPTED and event.address in self._uncertain:
            self._uncertain.discard(event.address)
            self.counts[EventKind.UNCERTAIN] -= 1

    @property
    def incomplete(self) -> bool:
        """Whether something that was approved did not happen. Rows that an earlier run recorded as expired, or as
        calls to stop, do not count."""
        more = self.unchecked or self.unproved or self.too_late > 0 or self.to_stop_new > 0
        return more or any(self.counts[kind] for kind in _INCOMPLETE)

    @property
    def sent(self) -> bool:
        """Whether a call was placed, or may have been."""
        return any(self.counts[kind] for kind in (EventKind.PLACED, EventKind.UNCERTAIN, EventKind.ADOPTED))

    @property
    def unexplained(self) -> bool:
        """Whether rows were not sent, and no message so far explains what to do about them."""
        return self.counts[EventKind.NOT_SENT] > self.paused and not (self.unproved or self.refused)

    def summary(self) -> dict[str, int]:
        """The counts of the summary event, in the order of the contract."""
        return {
            "placed": self.counts[EventKind.PLACED] + self.counts[EventKind.ADOPTED],
            "adopted": self.counts[EventKind.ADOPTED],
            "skipped": self.counts[EventKind.SKIPPED],
            "failed": self.counts[EventKind.FAILED],
            "uncertain": self.counts[EventKind.UNCERTAIN],
            "expired": self.counts[EventKind.EXPIRED] + self.expired_before,
            "conflicts": self.counts[EventKind.CONFLICT],
            "stale": self.counts[EventKind.STALE],
            "blocked": self.counts[EventKind.BLOCKED],
            "not_sent": self.counts[EventKind.NOT_SENT],
            "changed": self.changed_ahead,
            "to_stop": self.to_stop,
            "to_stop_new": self.to_stop_new,
        }
