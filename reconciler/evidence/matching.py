"""Match listed calls to attempts: by our tags, or by likeness if only one match is possible.

An empty listing proves nothing, so this module never concludes that a call was not placed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unicodedata import normalize

from reconciler.domain.model import TAG_PREFIX, Address, Call, Entry
from reconciler.domain.people import exact_id, person
from reconciler.domain.plan import Change
from reconciler.domain.ports import Seen
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import format_utc

CLOCK_SKEW = timedelta(minutes=5)
LONGEST_ATTEMPT = timedelta(minutes=11)  # ten minutes of throttling, and the last request's own deadline
LOOK_BACK = timedelta(hours=48)
PENDING = ("scheduled", "in-queue", "in-progress")
_DIGEST = re.compile(r"d[1-9][0-9]*:sha256:[0-9a-f]{64}")
_SHOWN, _LONGEST = 3, 100  # calls in a message, and characters of an id or a status


@dataclass(frozen=True, slots=True)
class Lineage:
    """The state whose tags are ours, and the current names of addresses that were moved since."""

    id: str
    renames: Mapping[Address, Address] = field(default_factory=dict)

    def now(self, address: Address) -> Address:
        """The current address for an address in a tag."""
        for _ in self.renames:
            if address not in self.renames:
                break
            address = self.renames[address]
        return address


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """An attempt with an unknown outcome, and the calls that its run saw before it was sent.

    ``tags_only``: likeness cannot settle it, because its answer named a call of another address.
    """

    entry: Entry
    seen: Seen = field(default_factory=Seen)
    tags_only: bool = False

    @property
    def span(self) -> tuple[datetime, datetime]:
        """When its call may have been created, by the service's clock.

        It starts no earlier than the service's time at the run's preflight, if the service returned it. So a call
        that was placed in the dashboard minutes before, and listed late, is not taken for ours.
        """
        start = self.entry.attempted_at
        return self.seen.server_time or start - CLOCK_SKEW, start + LONGEST_ATTEMPT + CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class Match:
    """An attempt and its listed call, with the evidence."""

    address: Address
    call_id: str
    evidence: str


def match(
    unknowns: Sequence[UnknownAttempt],
    remote: Iterable[RemoteCall],
    claimed: frozenset[str],
    lineage: Lineage,
    now: datetime,
    *,
    tags_returned: bool = False,
) -> list[Match]:
    """The attempts that certainly belong to a listed call.

    Our tags are proof. Without tags, an attempt and a call belong together if each matches no other. If several
    attempts could belong to the same calls, none of them is matched. ``tags_returned``: the service is known to
    return tags, so a call without tags is not ours.
    """
    free = [call for call in remote if call.id not in claimed]
    by_tags = _by_tags(unknowns, free, lineage)
    proven = {found.address for found in by_tags}
    claimed |= {found.call_id for found in by_tags}
    rest = [unknown for unknown in unknowns if unknown.entry.address not in proven]
    untagged = [
        call for call in free if call.id not in claimed and is_untagged(call, lineage, tags_returned=tags_returned)
    ]
    fits = {
        unknown.entry.address: [
            call for call in untagged if call.id not in unknown.seen.call_ids and _fits(unknown, call, now)
        ]
        for unknown in rest
    }
    tags_only = {unknown.entry.address for unknown in rest if unknown.tags_only}
    alike = [
        Match(address, call.id, _likeness(call))
        for address, call in mutual(fits).items()
        if address not in tags_only  # but its call may be this one, so it matches no other attempt either
    ]
    return sorted([*by_tags, *alike], key=lambda found: found.address)


def mutual(fits: Mapping[Address, Sequence[RemoteCall]]) -> dict[Address, RemoteCall]:
    """For each address its matching call, if neither matches anything else."""
    wanted = Counter(call.id for calls in fits.values() for call in calls)
    return {address: calls[0] for address, calls in fits.items() if len(calls) == 1 and wanted[calls[0].id] == 1}


def _by_tags(unknowns: Sequence[UnknownAttempt], free: Sequence[RemoteCall], lineage: Lineage) -> list[Match]:
    found: dict[Address, list[RemoteCall]] = {}
    for call in free:
        address = tagged_address(call, lineage)
        if address is not None:
            found.setdefault(address, []).append(call)
    matches = []
    for unknown in unknowns:
        entry = unknown.entry
        calls = [call for call in found.get(entry.address, ()) if tagged_digest(call) == entry.digest]
        if calls:
            first, *others = sorted(calls, key=lambda call: call.created_at)
            evidence = f"its tags name {entry.address} of this state{describe_duplicates(others)}"
            matches.append(Match(entry.address, first.id, evidence))
    return matches


def is_untagged(call: RemoteCall, lineage: Lineage, *, tags_returned: bool) -> bool:
    """Whether only likeness can show whose call it is.

    True if the service returns no tags, or is not known to: empty metadata does not prove that a call is not ours.
    Tags of this lineage without an address do not count.
    """
    theirs = tagged_lineage(call)
    if theirs is None:
        return not tags_returned
    return theirs == lineage.id and tagged_address(call, lineage) is None


def tagged_lineage(call: RemoteCall) -> str | None:
    """The lineage in a call's tags."""
    return (call.tags or {}).get(f"{TAG_PREFIX}lineage")


def tagged_address(call: RemoteCall, lineage: Lineage) -> Address | None:
    """The address in a call's tags, if they are tags of this lineage; if it was moved, the new one."""
    address = named_address(call) if tagged_lineage(call) == lineage.id else None
    return None if address is None else lineage.now(address)


def named_address(call: RemoteCall) -> Address | None:
    """The address in a call's tags, of any lineage; None if this tool would not write it in this form."""
    tags = call.tags or {}
    plan, key, revision = (tags.get(f"{TAG_PREFIX}{name}", "") for name in ("plan", "key", "revision"))
    try:
        address = Address.parse(f"{plan}/{key}@{revision}")
        return address if Address.parse(str(address)) == address else None
    except ValueError:
        return None


def is_alike(call: Call, remote: RemoteCall) -> bool:
    """Whether it is exactly the same person and the same agent, which counts as proof of the call.

    People who share a number are distinguished by their names, if the service returns one.
    """
    if remote.agent is None or exact_id(remote.agent) != exact_id(call.agent):
        return False
    if call.contact_id is not None:
        return remote.contact_id is not None and exact_id(remote.contact_id) == exact_id(call.contact_id)
    return remote.number == call.to_number and _may_share_name(call.full_name, remote.name)


def _may_share_name(first: str | None, second: str | None) -> bool:
    """Whether two names are equal or one is unknown. Case, spaces and the encoding of accents are ignored."""
    one, other = (" ".join(normalize("NFKC", name).casefold().split()) for name in (first or "", second or ""))
    return one == other or not one or not other


def may_be_alike(call: Call, remote: RemoteCall) -> bool:
    """Whether it is probably the same person, and not certainly another agent, which holds a call back."""
    if remote.agent is not None and exact_id(remote.agent) != exact_id(call.agent):
        return False
    return person(call.target) in _persons(remote)


def _persons(remote: RemoteCall) -> set[str]:
    """Every identifier that the service returns for the called person: the contact, and its number."""
    return {person(target) for target in (remote.contact_id, remote.number) if target}


def _fits(unknown: UnknownAttempt, remote: RemoteCall, now: datetime) -> bool:
    entry = unknown.entry
    start, end = unknown.span
    if not is_alike(entry.call, remote) or not start <= remote.created_at <= end:
        return False
    return suits(entry.call, entry.rings_at, remote, now)


def suits(call: Call, rings_at: datetime, remote: RemoteCall, now: datetime) -> bool:
    """Whether a call that rings at that time can have the status of the listed call."""
    if call.schedule is not None:
        return remote.status == "scheduled" or rings_at <= now
    return remote.status != "scheduled" or call.delay_minutes is not None


def _likeness(remote: RemoteCall) -> str:
    return (
        "the only unrecorded call to this person by this agent around that time: "
        f"created {format_utc(remote.created_at)}, {remote.status}"
    )


def tagged_digest(call: RemoteCall) -> str | None:
    """The digest in a call's tags, of any lineage; None if it is not a digest, because anybody can write tags."""
    digest = (call.tags or {}).get(f"{TAG_PREFIX}digest", "")
    return digest if _DIGEST.fullmatch(digest) else None


def describe_calls(calls: Sequence[RemoteCall]) -> str:
    """``call-1 (scheduled), call-2 (completed)``: the first calls, and the number of the others."""
    listed = ", ".join(f"{call.id[:_LONGEST]} ({call.status[:_LONGEST]})" for call in calls[:_SHOWN])
    return listed + (f" and {len(calls) - _SHOWN:,} more" if len(calls) > _SHOWN else "")


def describe_duplicates(others: Sequence[RemoteCall]) -> str:
    """The text about further calls with the same tags; empty if there are none."""
    if not others:
        return ""
    return f"; so do the tags of {', '.join(call.id for call in others)}: it was placed more than once"


def look_alikes(
    order: Change,
    remote: Iterable[RemoteCall],
    claimed: frozenset[str],
    lineage: Lineage,
    *,
    tags_returned: bool = False,
) -> list[RemoteCall]:
    """Unrecorded calls that may be this one, placed by another copy of the state."""
    return [
        item
        for item in remote
        if item.id not in claimed
        and may_be(item, order.address, order.required_call, order.digest, lineage, tags_returned=tags_returned)
    ]


def may_be(
    item: RemoteCall, address: Address, call: Call, digest: str, lineage: Lineage, *, tags_returned: bool
) -> bool:
    """Whether a listed call may be that of a row, by tags, person and agent.

    Tags of this lineage name the row's address, or its digest under another address, which happens after a rename
    that this state does not have. Tags of another lineage name its address, or its digest for the same person and
    agent, and may be from a lost state. Without tags it is probably the same person, and no other agent, unless
    the service returns tags and the call has other metadata. Empty metadata rules nothing out, because a service
    may return the tags of most calls only. Times are not compared, because the service does not return when a call
    rings.
    """
    if is_untagged(item, lineage, tags_returned=tags_returned and item.foreign_metadata):
        return may_be_alike(call, item)
    if tagged_lineage(item) == lineage.id:
        return tagged_address(item, lineage) == address or tagged_digest(item) == digest
    if tagged_lineage(item) is None:
        return False
    return named_address(item) == address or (tagged_digest(item) == digest and is_alike(call, item))


def names(item: RemoteCall, lineage: Lineage) -> set[str]:
    """Every key by which a listed call may be recognised: the person, and the address and digest in its tags."""
    addresses = {str(address) for address in (tagged_address(item, lineage), named_address(item)) if address}
    return _persons(item) | addresses | {tagged_digest(item) or ""}
