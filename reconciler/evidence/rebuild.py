"""Rebuild a lost state: match the rows with the listed calls, and rate how certain each match is. Pure.

Our tags are proof, likeness is evidence, and ambiguous matches are left to a person. A missing call in the listing
proves nothing: such a row is unknown too, unless its time has passed or a person confirms that it is new.
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
from reconciler.domain.ports import Intent
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import format_utc, passed, ring_time
from reconciler.evidence import attempts, matching
from reconciler.evidence.matching import CLOCK_SKEW, Lineage, describe_calls, describe_duplicates, tagged_digest

RINGS_WITHIN = timedelta(hours=6)  # how late a call may ring and still match its row
_SINCE = {"no-row": ", which has no row any more", "edited": ", whose row was edited since"}


class Certainty(StrEnum):
    """How certain the outcome of a row is. Nothing is recorded for an ``absent`` one."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class RebuildFinding:
    """The result for one address: of a row, or of a call whose tags name a removed row.

    ``reason`` is a stable code, ``message`` the text for people. ``remote`` is its call, if it has one; ``others``
    are further calls with its tags, or the calls that could be its own. ``intent`` is what is recorded.
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
class RebuildResult:
    """All results by address, and the listed calls that belong to no row."""

    findings: tuple[RebuildFinding, ...]
    strangers: tuple[RemoteCall, ...]

    def with_certainty(self, certainty: Certainty) -> list[RebuildFinding]:
        return [item for item in self.findings if item.certainty is certainty]

    @property
    def settled(self) -> bool:
        """Whether no decision is left to a person."""
        return not any(item.certainty is Certainty.UNKNOWN for item in self.findings)


@dataclass(frozen=True, slots=True)
class RebuildInput:
    """The input of a rebuild. ``absent_are_new``: a person confirmed that rows without any call are new."""

    rows: Sequence[Row]
    lineage: str
    now: datetime
    moves: Sequence[Move] = ()
    absent_are_new: bool = False


def rebuild(inputs: RebuildInput, listed: Iterable[RemoteCall]) -> RebuildResult:
    """The outcome of every row, and of every call with tags of this lineage.

    Rows have unique addresses. The order of ``listed`` does not matter.

    Raises:
        ValueError: the moves form a cycle.
    """
    calls = sorted({call.id: call for call in listed}.values(), key=lambda call: (call.created_at, call.id))
    matcher = _Rebuild(inputs, calls)
    matcher.read_tags()
    matcher.follow_digests()
    matcher.compare()
    claimed = {
        call.id for item in matcher.findings.values() for call in (item.remote, *item.others) if call is not None
    }
    findings = tuple(matcher.findings[address] for address in sorted(matcher.findings))
    return RebuildResult(findings, tuple(call for call in calls if call.id not in claimed))


@dataclass(slots=True)
class _Rebuild:
    inputs: RebuildInput
    calls: Sequence[RemoteCall]
    findings: dict[Address, RebuildFinding] = field(default_factory=dict)
    tags_seen: bool = False

    def read_tags(self) -> None:
        """Match the calls whose tags name an address. If its row was moved since, the files have the new
        address.
        """
        lineage, mover = Lineage(self.inputs.lineage), Mover(self.inputs.moves)
        tagged: dict[Address, list[RemoteCall]] = {}
        for call in self.calls:
            address = matching.tagged_address(call, lineage)
            if address is not None:
                tagged.setdefault(mover.follow(address), []).append(call)
        self.tags_seen = bool(tagged)
        rows = {row.address: row for row in self.inputs.rows}
        bodies = {identity.digest(row.call): row for row in self.inputs.rows}
        for address, calls in tagged.items():
            row = rows.get(address)
            wanted = None if row is None else identity.digest(row.call)
            first, *others = sorted(calls, key=lambda call: tagged_digest(call) != wanted)
            digest = tagged_digest(first)
            body = row if digest == wanted else bodies.get(digest or "")
            self.findings[address] = _certain(address, first, others, row, body)

    def follow_digests(self) -> None:
        """Match rows that were renamed without a declaration: the same digest, tagged with an address without a
        row.
        """
        gone: dict[str, list[RebuildFinding]] = {}
        for item in self.findings.values():
            if not item.in_files:
                gone.setdefault(item.intent.digest, []).append(item)
        open_rows: dict[str, list[Row]] = {}
        for row in self._open():
            if not row.distinct:
                open_rows.setdefault(identity.digest(row.call), []).append(row)
        for digest in gone.keys() & open_rows.keys():
            olds, rows = gone[digest], open_rows[digest]
            if len(olds) == len(rows) == 1:
                del self.findings[olds[0].address]
                self.findings[rows[0].address] = _renamed(rows[0], olds[0])
                continue
            named = ", ".join(str(item.address) for item in olds)
            message = f"the same call was placed as {named}, which has no row any more: was the row renamed?"
            for row in rows:
                self._leave(row, "renamed", message)

    def compare(self) -> None:
        """Match rows without tagged calls with the calls without tags, including those with empty metadata."""
        lineage = Lineage(self.inputs.lineage)
        near: dict[str, list[RemoteCall]] = {}
        for call in self.calls:
            if matching.is_untagged(call, lineage, tags_returned=False):
                for target in filter(None, (call.contact_id, call.number)):
                    near.setdefault(exact_id(target), []).append(call)
        rows = list(self._open())
        fits = {
            row.address: [
                call for call in near.get(exact_id(row.call.target), ()) if _fits(row, call, self.inputs.now)
            ]
            for row in rows
        }
        pairs = matching.mutual(fits)
        for row in rows:
            self._judge(row, fits[row.address], pairs.get(row.address))

    def _judge(self, row: Row, candidates: Sequence[RemoteCall], own: RemoteCall | None) -> None:
        listed = describe_calls(candidates)
        if own is not None and self.tags_seen:
            message = f"{listed} matches, but does not have our tags, which the service returns for other calls"
            self._leave(row, "untagged", message, candidates)
        elif own is not None and row.address.revision == 1:
            intent = attempts.from_row(row, own.created_at, earlier=True)
            finding = RebuildFinding(
                row.address, Certainty.PROBABLE, "alike", _likeness(own), intent, in_files=True, remote=own
            )
            self.findings[row.address] = finding
        elif own is not None:
            message = f"{listed} matches, but may be the call of an earlier revision"
            self._leave(row, "earlier-revision", message, candidates)
        elif len(candidates) > 1:
            self._leave(row, "several", f"several listed calls match: {listed}", candidates)
        elif candidates:
            self._leave(row, "shared", f"{listed} matches this row and another one", candidates)
        elif passed(row.rings_at, row.place_by, self.inputs.now) is not None:
            message = "no listed call matches, and its time has passed, so it is not placed"
            self._leave(row, "time-passed", message, certainty=Certainty.ABSENT)
        elif self.inputs.absent_are_new:
            message = "no listed call matches, and you confirmed that such rows are new"
            self._leave(row, "new", message, certainty=Certainty.ABSENT)
        else:
            message = "no listed call matches, which does not prove that it was never placed"
            self._leave(row, "not-listed", message)

    def _leave(
        self,
        row: Row,
        reason: str,
        message: str,
        candidates: Sequence[RemoteCall] = (),
        certainty: Certainty = Certainty.UNKNOWN,
    ) -> None:
        intent = attempts.from_row(row, self.inputs.now, earlier=False)
        self.findings[row.address] = RebuildFinding(
            row.address, certainty, reason, message, intent, in_files=True, others=tuple(candidates)
        )

    def _open(self) -> Iterable[Row]:
        """The rows without a result."""
        return [row for row in self.inputs.rows if row.address not in self.findings]


def _certain(
    address: Address,
    call: RemoteCall,
    others: Sequence[RemoteCall],
    row: Row | None,
    body: Row | None,
) -> RebuildFinding:
    """A call whose tags name the address. ``body`` is the row with the content that was sent, if one still
    has it.
    """
    intent = (
        attempts.from_listing(address, call, row)
        if body is None
        else attempts.from_row(body, call.created_at, earlier=True)
    )
    message = f"its tags name {address} of this state"
    reason = "no-row" if row is None else "edited" if tagged_digest(call) != identity.digest(row.call) else "tags"
    message += _SINCE.get(reason, "")
    return RebuildFinding(
        address,
        Certainty.CERTAIN,
        reason,
        message + describe_duplicates(others),
        replace(intent, address=address),
        in_files=row is not None,
        remote=call,
        others=tuple(others),
    )


def _renamed(row: Row, old: RebuildFinding) -> RebuildFinding:
    """The row whose call was placed under its old name."""
    message = f"its tags name {old.address}, which has no row any more, and the digest of this row"
    return replace(
        old,
        address=row.address,
        certainty=Certainty.PROBABLE,
        reason="renamed",
        message=message + describe_duplicates(old.others),
        intent=replace(old.intent, address=row.address),
        in_files=True,
    )


def _likeness(call: RemoteCall) -> str:
    """The evidence for a call without tags. Its content is unknown: the row may have been edited since."""
    return (
        "the only listed call to this person by this agent that matches its time, and it matches no other row: "
        f"created {format_utc(call.created_at)}, {call.status}"
    )


def _fits(row: Row, call: RemoteCall, now: datetime) -> bool:
    """Whether a call without tags can be the row's: same person and agent, a matching status, and matching times
    if known.
    """
    rings_at = ring_time(row.rings_at, row.call.delay_minutes, call.created_at)
    latest = min(filter(None, (now, rings_at, row.place_by)))
    if not matching.is_alike(row.call, call) or call.created_at > latest + CLOCK_SKEW:
        return False
    if call.status == "scheduled" and rings_at + RINGS_WITHIN <= now:
        return False
    if call.started_at is not None and not rings_at - CLOCK_SKEW <= call.started_at <= rings_at + RINGS_WITHIN:
        return False
    return matching.suits(row.call, rings_at, call, now)
