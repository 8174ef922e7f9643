"""What became of each call, by what the service says of it, and where the service and the state disagree.

Pure. Statuses and results are the documented ones (page list-calls); any other is shown as it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.ports import RemoteCall
from reconciler.domain.times import tell_instant, tell_ring
from reconciler.evidence.matching import LONGEST_ATTEMPT, PENDING, Lineage, tagged_address

PLACED = "placed"
PLACING = "placing"
STOPPED = "stopped"
UNCERTAIN = "uncertain"
UNLISTED = "unlisted"
MISSING = "missing"
# How soon a new call is listed is not documented: until then, its absence says nothing.
LISTED_BY = timedelta(hours=1)
RESULT_BY = timedelta(days=1)

# ``incomplete`` is documented as a word, not as an end: it is asked for again.
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
    """One word: a completed call's is its result, any other's its status."""
    if call.status == "completed" and call.result in _BY_RESULT:
        return _BY_RESULT[call.result]
    return "voicemail" if call.status == "voice_mail" else call.status


def ended(call: RemoteCall, rang: datetime, now: datetime) -> bool:
    """Whether nothing more is to be expected. The result of a completed call may come a day later than its end."""
    awaited = call.status == "completed" and call.result is None and now < rang + RESULT_BY
    return call.status in _ENDED and not awaited


@dataclass(frozen=True, slots=True)
class Answers:
    """What the service said: its calls by id, and the ids of which it said that it has no such call."""

    calls: Mapping[str, RemoteCall] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def tagged(self, entries: Iterable[Entry], lineage: Lineage) -> bool | None:
        """Whether it returns tags, by the calls that this state placed; None where it has none to tell by."""
        own = (self.calls.get(entry.call_id or "") for entry in entries if entry.status is Status.PLACED)
        tagged = [tagged_address(call, lineage) is not None for call in own if call is not None]
        return all(tagged) if tagged else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of one address. ``remote`` is what the service last said of its call."""

    entry: Entry
    outcome: str
    remote: RemoteCall | None = None


def stand(entry: Entry, answers: Answers | None, ended_calls: Mapping[str, RemoteCall], now: datetime) -> Standing:
    """Where an address stands. ``answers`` is None where nobody asked; ``ended_calls`` are from earlier ones."""
    if entry.unknown:
        return Standing(entry, PLACING if in_flight(entry, now) else UNCERTAIN)
    if not entry.placed or entry.call_id is None:
        return Standing(entry, _NEVER_RANG.get(entry.status, entry.status.value))
    remote = (answers.calls if answers else {}).get(entry.call_id) or ended_calls.get(entry.call_id)
    if remote is not None:
        return Standing(entry, outcome(remote), remote)
    if entry.stopped_at is not None:
        return Standing(entry, STOPPED)
    if answers is None:
        return Standing(entry, PLACED)
    gone = entry.call_id in answers.absent and now >= entry.attempted_at + LISTED_BY
    return Standing(entry, MISSING if gone else UNLISTED)


def in_flight(entry: Entry, now: datetime) -> bool:
    """Whether a run may still be at it: nobody who reads can tell from the lock, for to try it is to take it."""
    return entry.unknown and entry.status is not Status.UNCERTAIN and now < entry.attempted_at + LONGEST_ATTEMPT


class Kind(StrEnum):
    """How the service and the state disagree about a call."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"
    NOT_STOPPED = "not-stopped"


@dataclass(frozen=True, slots=True)
class Drift:
    """One disagreement; ``message`` says it to a person, with what to do. ``status`` is the service's word."""

    kind: Kind
    address: Address
    call_id: str
    message: str
    status: str | None = None


def drift(
    standings: Iterable[Standing],
    answers: Answers,
    entries: Collection[Entry],
    lineage: Lineage,
    plans: Collection[str] | None,
    now: datetime,
) -> list[Drift]:
    """Every disagreement, by address. ``entries`` is the whole state; ``plans`` narrows, None to nothing."""
    found = [item for standing in standings if (item := _own(standing, now)) is not None]
    free = [entry for entry in entries if not in_flight(entry, now)]
    busy = {entry.address for entry in entries} - {entry.address for entry in free}
    found += [item for item in _foreign(answers, free, lineage, plans) if item.address not in busy]
    return sorted(found, key=lambda item: (item.address, item.call_id))


def _own(standing: Standing, now: datetime) -> Drift | None:
    """What is wrong with a call that the state knows."""
    entry = standing.entry
    rings = f"rings {tell_ring(entry.rings_at)}" if entry.rings_at > now else "should have rung"
    if standing.outcome == MISSING:
        message = (
            f"the service has no call {entry.call_id}, placed {tell_instant(entry.attempted_at)}, which {rings}. "
            f"Deleted by hand: reconciler resolve {entry.address} --stopped --reason WHY"
        )
        return Drift(Kind.MISSING, entry.address, entry.call_id or "", message)
    if entry.stopped_at is not None and standing.remote is not None and standing.remote.status in PENDING:
        status = standing.remote.status
        message = (
            f"recorded as stopped by hand, but the service has {entry.call_id} as {status}: "
            "delete it in the dashboard"
        )
        return Drift(Kind.NOT_STOPPED, entry.address, standing.remote.id, message, status)
    return None


def _foreign(
    answers: Answers, entries: Collection[Entry], lineage: Lineage, plans: Collection[str] | None
) -> Iterator[Drift]:
    """Calls whose tags are of this state, which does not know them."""
    claimed = {entry.call_id for entry in entries}
    known = {entry.address: entry for entry in entries}
    for call in answers.calls.values():
        address = tagged_address(call, lineage)
        if address is None or call.id in claimed or (plans is not None and address.plan not in plans):
            continue
        if is_written(address):
            yield _unclaimed(call, address, known.get(address))


def is_written(address: Address) -> bool:
    """Whether this tool writes such an address: anybody can write tags, and a hint names it in a command."""
    try:
        return Address.parse(str(address)) == address
    except ValueError:
        return False


def _unclaimed(call: RemoteCall, address: Address, entry: Entry | None) -> Drift:
    if entry is not None and entry.placed:
        message = (
            f"placed twice: the state has {entry.call_id}, and the tags of {call.id} ({call.status}) "
            "name it too. Delete one of them in the dashboard"
        )
        return Drift(Kind.DUPLICATE, address, call.id, message, call.status)
    if entry is not None and entry.unknown:
        command = "reconciler resolve"
    else:
        command = f"reconciler state import {address} {shlex.quote(call.id)}"
    message = (
        f"the service has {call.id} ({call.status}), whose tags name it, and the state does not know it. "
        f"To record it: {command}"
    )
    return Drift(Kind.UNKNOWN, address, call.id, message, call.status)


@dataclass(frozen=True, slots=True)
class Report:
    """Where the placed calls of a state stand, as of one moment.

    ``not_asked`` says why the service was not asked, None where it was. ``tagged`` says
    whether the service returns tags, None where that is not known.
    """

    as_of: datetime
    lineage: str | None
    serial: int | None
    standings: Sequence[Standing] = ()
    drift: Sequence[Drift] = ()
    not_asked: str | None = None
    tagged: bool | None = None

    @property
    def settled(self) -> bool:
        """Whether nobody has to look: no disagreement, nothing uncertain. Not known where nobody asked."""
        return not self.drift and not any(item.outcome == UNCERTAIN for item in self.standings)
