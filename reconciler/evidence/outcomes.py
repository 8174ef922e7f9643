"""The outcome of each call according to the service, and the differences between the service and the state.

Pure. Statuses and results are the documented ones (page list-calls); any other is passed on unchanged.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import format_ring_time, format_utc
from reconciler.evidence.matching import LONGEST_ATTEMPT, PENDING, Lineage, tagged_address
from reconciler.evidence.tagging import is_own

PLACED = "placed"
PLACING = "placing"
STOPPED = "stopped"
UNCERTAIN = "uncertain"
UNLISTED = "unlisted"
MISSING = "missing"
# It is not documented how soon a new call is listed. Until then, its absence proves nothing.
LISTED_BY = timedelta(hours=1)
RESULT_BY = timedelta(days=1)

# ``incomplete`` is not documented as a final status, so it is queried again.
_ENDED = frozenset({"completed", "no-answer", "failed", "busy", "answering-machine", "voice_mail"})
_BY_RESULT = {
    "answered": "answered",
    "voicemail": "voicemail",
    "no_answer": "no-answer",
    "busy": "busy",
    "failed": "failed",
}
_NEVER_RANG = {Status.FAILED: "refused", Status.RULED_OUT: "not-placed", Status.MISSED: "missed"}


def outcome(call: RemoteCall) -> str:
    """One word: the result of a completed call, the status of any other."""
    if call.status == "completed" and call.result in _BY_RESULT:
        return _BY_RESULT[call.result]
    return "voicemail" if call.status == "voice_mail" else call.status


def ended(call: RemoteCall, rang: datetime, now: datetime) -> bool:
    """Whether the call has its final status. The result of a completed call may arrive up to a day after
    its end.
    """
    awaited = call.status == "completed" and call.result is None and now < rang + RESULT_BY
    return call.status in _ENDED and not awaited


@dataclass(frozen=True, slots=True)
class Answers:
    """The service's answers: its calls by id, and the ids that it does not have."""

    calls: Mapping[str, RemoteCall] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def tagged(self, entries: Iterable[Entry], lineage: Lineage, by_hand: Collection[str]) -> bool | None:
        """Whether the service returns tags, judged by calls that this state placed; None if there are none."""
        own = (self.calls.get(entry.call_id or "") for entry in entries if is_own(entry, by_hand))
        tagged = [tagged_address(call, lineage) is not None for call in own if call is not None]
        return all(tagged) if tagged else None


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of one address. ``remote`` is the latest version of its call from the service."""

    entry: Entry
    outcome: str
    remote: RemoteCall | None = None


def stand(
    entry: Entry, answers: Answers | None, ended_calls: Mapping[str, RemoteCall], now: datetime
) -> CallOutcome:
    """The outcome of an address. ``answers`` is None if the service was not queried; ``ended_calls`` are from
    earlier queries.
    """
    if entry.unknown:
        return CallOutcome(entry, PLACING if in_flight(entry, now) else UNCERTAIN)
    if not entry.placed or entry.call_id is None:
        return CallOutcome(entry, _NEVER_RANG.get(entry.status, entry.status.value))
    remote = (answers.calls if answers else {}).get(entry.call_id) or ended_calls.get(entry.call_id)
    if remote is not None:
        return CallOutcome(entry, outcome(remote), remote)
    if entry.stopped_at is not None:
        return CallOutcome(entry, STOPPED)
    if answers is None:
        return CallOutcome(entry, PLACED)
    gone = entry.call_id in answers.absent and now >= entry.attempted_at + LISTED_BY
    return CallOutcome(entry, MISSING if gone else UNLISTED)


def in_flight(entry: Entry, now: datetime) -> bool:
    """Whether a run may still be sending it. A reader cannot find out from the lock, because testing it would take
    it.
    """
    return entry.unknown and entry.status is not Status.UNCERTAIN and now < entry.attempted_at + LONGEST_ATTEMPT


class DriftKind(StrEnum):
    """How the service and the state differ about a call."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"
    NOT_STOPPED = "not-stopped"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference; ``message`` explains it with the next step. ``status`` is the service's status."""

    kind: DriftKind
    address: Address
    call_id: str
    message: str
    status: str | None = None


def drift(
    standings: Iterable[CallOutcome],
    answers: Answers,
    entries: Collection[Entry],
    lineage: Lineage,
    plans: Collection[str] | None,
    now: datetime,
) -> list[Drift]:
    """Every difference, by address. ``entries`` is the whole state; ``plans`` limits the result (None: all
    plans).
    """
    differences = [item for standing in standings if (item := _own(standing, now)) is not None]
    free = [entry for entry in entries if not in_flight(entry, now)]
    busy = {entry.address for entry in entries} - {entry.address for entry in free}
    differences += [item for item in _foreign(answers, free, lineage, plans) if item.address not in busy]
    return sorted(differences, key=lambda item: (item.address, item.call_id))


def _own(standing: CallOutcome, now: datetime) -> Drift | None:
    """The difference for a call that the state has."""
    entry = standing.entry
    rings = f"rings {format_ring_time(entry.rings_at)}" if entry.rings_at > now else "should have rung"
    if standing.outcome == MISSING:
        message = (
            f"the service does not have {entry.call_id}, placed {format_utc(entry.attempted_at)}, which {rings}"
            f". If it was deleted by hand, run: reconciler resolve {entry.address} --stopped --reason WHY"
        )
        return Drift(DriftKind.MISSING, entry.address, entry.call_id or "", message)
    if entry.stopped_at is not None and standing.remote is not None and standing.remote.status in PENDING:
        status = standing.remote.status
        message = (
            f"recorded as stopped by hand, but the service still has {entry.call_id} ({status}): "
            "delete it in the dashboard"
        )
        return Drift(DriftKind.NOT_STOPPED, entry.address, standing.remote.id, message, status)
    return None


def _foreign(
    answers: Answers, entries: Collection[Entry], lineage: Lineage, plans: Collection[str] | None
) -> Iterator[Drift]:
    """Calls with tags of this state that the state does not have."""
    claimed = {entry.call_id for entry in entries}
    by_address = {entry.address: entry for entry in entries}
    for call in answers.calls.values():
        address = tagged_address(call, lineage)
        if address is None or call.id in claimed or (plans is not None and address.plan not in plans):
            continue
        yield _unclaimed(call, address, by_address.get(address))


def _unclaimed(call: RemoteCall, address: Address, entry: Entry | None) -> Drift:
    if entry is not None and entry.placed:
        message = (
            f"placed twice: the state has {entry.call_id}, but the tags of {call.id} ({call.status}) "
            "name the same row. Delete one of the two calls in the dashboard"
        )
        return Drift(DriftKind.DUPLICATE, address, call.id, message, call.status)
    if entry is not None and entry.unknown:
        command = "reconciler resolve"
    else:
        command = f"reconciler state import {address} {shlex.quote(call.id)}"
    message = (
        f"the service has {call.id} ({call.status}), whose tags name this row, but it is not in the state. "
        f"To record it, run: {command}"
    )
    return Drift(DriftKind.UNKNOWN, address, call.id, message, call.status)


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """The outcomes of the placed calls of a state at one moment.

    ``not_asked`` is the reason why the service was not queried, None if it was. ``tagged``: whether the service
    returns tags, None if unknown.
    """

    as_of: datetime
    lineage: str | None
    serial: int | None
    standings: Sequence[CallOutcome] = ()
    drift: Sequence[Drift] = ()
    not_asked: str | None = None
    tagged: bool | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing needs attention: no difference and no uncertain call. None if the service was not
        queried.
        """
        return not self.drift and not any(item.outcome == UNCERTAIN for item in self.standings)
