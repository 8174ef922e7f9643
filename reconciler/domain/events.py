"""The events of an apply: one for each address that is finished, and a summary at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.domain.model import Address, JsonObject


class Kind(StrEnum):
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

    kind: Kind
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
    """Counts of a run. ``stopped`` says why it ended before its last row, or is None.

    ``changed_ahead`` counts edited rows whose new call will not be placed, ``expired_before`` rows that an earlier
    run recorded as missed. ``too_late`` counts those of ``changed_ahead`` whose old call does not need to be
    stopped. ``to_stop`` counts the calls to stop by hand, ``to_stop_new`` those that no earlier run has shown.
    ``unchecked``: the check for another copy of the state failed at the end, although the service returns tags.
    ``unproved``: the service has not yet proved that it understands schedules. ``refused``: the run ended with an
    error that says why. ``paused`` counts the rows that a pause held back.
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
        """Count an event. An address that was uncertain in this run and is adopted no longer counts as
        uncertain."""
        self.counts[event.kind] += 1
        self.paused += event.kind is Kind.NOT_SENT and "paused" in event.reasons
        if event.kind is Kind.UNCERTAIN:
            self._uncertain.add(event.address)
        elif event.kind is Kind.ADOPTED and event.address in self._uncertain:
            self._uncertain.discard(event.address)
            self.counts[Kind.UNCERTAIN] -= 1

    @property
    def incomplete(self) -> bool:
        """Whether something that was approved did not happen. Rows that an earlier run recorded as expired, or as
        calls to stop, do not count."""
        more = self.unchecked or self.unproved or self.too_late > 0 or self.to_stop_new > 0
        return more or any(self.counts[kind] for kind in _INCOMPLETE)

    @property
    def unexplained(self) -> bool:
        """Whether rows were not sent, and no message so far explains what to do about them."""
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
