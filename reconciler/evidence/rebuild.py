"""A lost state from what is left of it: which listed call is which row, and how sure that is. Pure.

Our tags are proof, likeness is evidence, and what could be read in two ways is left to a person. That no call
is listed proves nothing: a row without one is unknown too, unless its time has passed or a person says that it
is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain import identity
from reconciler.domain.model import Address, Move, Row
from reconciler.domain.moves import Mover
from reconciler.domain.people import exact_id
from reconciler.domain.ports import Intent, RemoteCall
from reconciler.domain.times import passed, ring_time, tell_instant
from reconciler.evidence import attempts
from reconciler.evidence import matching as evidence
from reconciler.evidence.matching import CLOCK_SKEW, Lineage
from reconciler.evidence.outcomes import is_written

RINGS_WITHIN = timedelta(hours=6)  # how late a call may ring and still be taken for that of its row
_SINCE = {"no-row": ", which no row has any more", "edited": ", whose row was edited since"}


class Certainty(StrEnum):
    """How sure it is what became of a row. Nothing is recorded for an ``absent`` one."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one address: of a row, or of a call whose tags name a row that is gone.

    ``reason`` is a stable word, ``message`` says the same to a person. ``remote`` is its call, where it has one;
    ``others`` are further calls that its tags name, or those that it could be. ``intent`` is what is recorded.
    """

    address: Address
    certainty: Certainty
    reason: str
    message: str
    intent: Intent
    in_files: bool
    remote: RemoteCall | None = None
    others: tuple[RemoteCall, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether it was placed more than once."""
        return self.remote is not None and bool(self.others)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """All findings by address, and the listed calls that belong to none of them: nobody's, or a stranger's."""

    findings: tuple[Finding, ...]
    strangers: tuple[RemoteCall, ...]

    def of(self, certainty: Certainty) -> list[Finding]:
        return [item for item in self.findings if item.certainty is certainty]

    @property
    def settled(self) -> bool:
        """Whether nobody has to say anything."""
        return not any(item.certainty is Certainty.UNKNOWN for item in self.findings)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a rebuild starts from. ``absent_are_new`` is a person's word on the rows without any call."""

    rows: Sequence[Row]
    lineage: str
    now: datetime
    moves: Sequence[Move] = ()
    absent_are_new: bool = False


def rebuild(ground: Ground, listed: Iterable[RemoteCall]) -> Rebuilt:
    """What became of every row, and of every call whose tags are of this lineage.

    Rows have unique addresses. The order of ``listed`` does not matter.

    Raises:
        ValueError: the moves go round in a circle.
    """
    calls = sorted({call.id: call for call in listed}.values(), key=lambda call: (call.created_at, call.id))
    work = _Work(ground, calls)
    work.read_tags()
    work.follow_digests()
    work.compare()
    claimed = {call.id for item in work.found.values() for call in (item.remote, *item.others) if call is not None}
    findings = tuple(work.found[address] for address in sorted(work.found))
    return Rebuilt(findings, tuple(call for call in calls if call.id not in claimed))


@dataclass(slots=True)
class _Work:
    ground: Ground
    calls: Sequence[RemoteCall]
    found: dict[Address, Finding] = field(default_factory=dict)
    tags_seen: bool = False

    def read_tags(self) -> None:
        """Every address that tags name. Where its row was moved since, the files say where it is now."""
        lineage, mover = Lineage(self.ground.lineage), Mover(self.ground.moves)
        tagged: dict[Address, list[RemoteCall]] = {}
        for call in self.calls:
            address = evidence.tagged_address(call, lineage)
            if address is not None and is_written(address):
                tagged.setdefault(mover.follow(address), []).append(call)
        self.tags_seen = bool(tagged)
        rows = {row.address: row for row in self.ground.rows}
        bodies = {identity.digest(row.call): row for row in self.ground.rows}
        for address, calls in tagged.items():
            row = rows.get(address)
            wanted = None if row is None else identity.digest(row.call)
            first, *others = sorted(calls, key=lambda call: attempts.tagged_digest(call) != wanted)
            digest = attempts.tagged_digest(first)
            body = row if digest == wanted else bodies.get(digest or "")
            self.found[address] = _certain(address, first, others, row, body)

    def follow_digests(self) -> None:
        """Rows that were renamed without a word: the same digest, tagged with an address that has no row."""
        gone: dict[str, list[Finding]] = {}
        for item in self.found.values():
            if not item.in_files:
                gone.setdefault(item.intent.digest, []).append(item)
        open_rows: dict[str, list[Row]] = {}
        for row in self._open():
            if not row.distinct:
                open_rows.setdefault(identity.digest(row.call), []).append(row)
        for digest in gone.keys() & open_rows.keys():
            olds, rows = gone[digest], open_rows[digest]
            if len(olds) == len(rows) == 1:
                del self.found[olds[0].address]
                self.found[rows[0].address] = _renamed(rows[0], olds[0])
                continue
            named = ", ".join(str(item.address) for item in olds)
            message = f"the same call was placed as {named}, of which no row is left: was it renamed?"
            for row in rows:
                self._leave(row, "renamed", message)

    def compare(self) -> None:
        """Rows of which no tags tell, against the calls without tags: also those whose metadata is empty."""
        lineage = Lineage(self.ground.lineage)
        near: dict[str, list[RemoteCall]] = {}
        for call in self.calls:
            if evidence.is_untagged(call, lineage, tags_returned=False):
                for target in filter(None, (call.contact_id, call.number)):
                    near.setdefault(exact_id(target), []).append(call)
        rows = list(self._open())
        fits = {
            row.address: [
                call for call in near.get(exact_id(row.call.target), ()) if _fits(row, call, self.ground.now)
            ]
            for row in rows
        }
        pairs = evidence.mutual(fits)
        for row in rows:
            self._judge(row, fits[row.address], pairs.get(row.address))

    def _judge(self, row: Row, candidates: Sequence[RemoteCall], own: RemoteCall | None) -> None:
        listed = ", ".join(f"{call.id} ({call.status})" for call in candidates[:3])
        if own is not None and self.tags_seen:
            message = f"{listed} fits it, but has none of our tags, which the service returns for other calls"
            self._leave(row, "untagged", message, candidates)
        elif own is not None and row.address.revision == 1:
            intent = attempts.of_row(row, own.created_at, earlier=True)
            found = Finding(
                row.address, Certainty.PROBABLE, "alike", _likeness(own), intent, in_files=True, remote=own
            )
            self.found[row.address] = found
        elif own is not None:
            message = f"{listed} fits it, and may be the call of an earlier revision"
            self._leave(row, "earlier-revision", message, candidates)
        elif len(candidates) > 1:
            more = f" and {len(candidates) - 3} more" if len(candidates) > 3 else ""
            self._leave(row, "several", f"several listed calls could be it: {listed}{more}", candidates)
        elif candidates:
            self._leave(row, "shared", f"{listed} could be it, or the call of another row", candidates)
        elif passed(row.rings_at, row.place_by, self.ground.now) is not None:
            message = "no listed call is its, and its time has passed: nothing is sent for it"
            self._leave(row, "time-passed", message, certainty=Certainty.ABSENT)
        elif self.ground.absent_are_new:
            message = "no listed call is its; a person said that such rows are new"
            self._leave(row, "new", message, certainty=Certainty.ABSENT)
        else:
            message = "no listed call is its, which does not prove that it was never placed"
            self._leave(row, "not-listed", message)

    def _leave(
        self,
        row: Row,
        reason: str,
        message: str,
        candidates: Sequence[RemoteCall] = (),
        certainty: Certainty = Certainty.UNKNOWN,
    ) -> None:
        intent = attempts.of_row(row, self.ground.now, earlier=False)
        self.found[row.address] = Finding(
            row.address, certainty, reason, message, intent, in_files=True, others=tuple(candidates)
        )

    def _open(self) -> Iterable[Row]:
        """The rows of which nothing is found yet."""
        return [row for row in self.ground.rows if row.address not in self.found]


def _certain(
    address: Address,
    call: RemoteCall,
    others: Sequence[RemoteCall],
    row: Row | None,
    body: Row | None,
) -> Finding:
    """A call whose tags name the address. ``body`` is the row that says what was sent, if any still does."""
    intent = (
        attempts.of_listing(address, call, row)
        if body is None
        else attempts.of_row(body, call.created_at, earlier=True)
    )
    message = f"its tags name {address} of this state"
    reason = (
        "no-row"
        if row is None
        else "edited"
        if attempts.tagged_digest(call) != identity.digest(row.call)
        else "tags"
    )
    message += _SINCE.get(reason, "")
    return Finding(
        address,
        Certainty.CERTAIN,
        reason,
        message + _told(others),
        replace(intent, address=address),
        in_files=row is not None,
        remote=call,
        others=tuple(others),
    )


def _renamed(row: Row, old: Finding) -> Finding:
    """The row under whose old name a call was placed."""
    message = f"its tags name {old.address}, of which no row is left, and the digest of this row"
    return replace(
        old,
        address=row.address,
        certainty=Certainty.PROBABLE,
        reason="renamed",
        message=message + _told(old.others),
        intent=replace(old.intent, address=row.address),
        in_files=True,
    )


def _likeness(call: RemoteCall) -> str:
    """What speaks for a call without tags. What it says is not known: the row may have been edited since."""
    return (
        "the only listed call to this person by this agent that fits its time, and it fits no other row: "
        f"created {tell_instant(call.created_at)}, {call.status}"
    )


def _told(others: Sequence[RemoteCall]) -> str:
    """What is to be said of further calls with the same tags."""
    return f"; so do those of {', '.join(item.id for item in others)}: placed more than once" if others else ""


def _fits(row: Row, call: RemoteCall, now: datetime) -> bool:
    """Whether a call without tags can be the row's: person and agent, its status, and what is known of times."""
    rings_at = ring_time(row.rings_at, row.call.delay_minutes, call.created_at)
    latest = min(filter(None, (now, rings_at, row.place_by)))
    if not evidence.is_alike(row.call, call) or call.created_at > latest + CLOCK_SKEW:
        return False
    if call.status == "scheduled" and rings_at + RINGS_WITHIN <= now:
        return False
    if call.started_at is not None and not rings_at - CLOCK_SKEW <= call.started_at <= rings_at + RINGS_WITHIN:
        return False
    return evidence.suits(row.call, rings_at, call, now)
