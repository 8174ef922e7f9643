"""What the tags of listed calls prove: that a service returns tags, and that a copy of the state is in use.

Both rely on calls that must have our tags, and on tags that only this lineage writes. A call without tags proves
nothing, because not every service returns what it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from reconciler.domain.facts import Conflict, ServiceFact, Verdict
from reconciler.domain.model import Address, Entry, JsonObject, Status
from reconciler.domain.ports import StateReader, StateStore
from reconciler.domain.service import RemoteCall
from reconciler.errors import Refused
from reconciler.evidence.matching import Lineage, tagged_address, tagged_digest

TAGS = "tags"
"""The name of the service fact that records whether a service returns the tags of calls."""

_SHOWN = 5


def tags_returned(
    store: StateStore, run_id: str, service: str, remote: Iterable[RemoteCall], now: datetime
) -> bool:
    """Whether the service returns the tags of our calls, judged by the current listing and the recorded fact.

    The result for calls of this state is recorded. A service that returns only the tags of some calls counts as
    one that returns none.
    """
    known = store.facts(service).get(TAGS)
    seen = observe(store, remote)
    if seen is None:
        return known is not None and known.verdict is Verdict.PROVED
    verdict, evidence = seen
    if known is None or known.verdict is not verdict or known.evidence.keys() != evidence.keys():
        store.note_fact(run_id, ServiceFact(service, TAGS, verdict, evidence, now, run_id), now)
    return verdict is Verdict.PROVED


def observe(store: StateReader, remote: Iterable[RemoteCall]) -> tuple[Verdict, JsonObject] | None:
    """The verdict from the calls that this state placed, with a call as evidence; None if none of them is listed.

    Adopted calls and calls recorded by a person do not count, because they may be known only by their tags.
    """
    lineage = Lineage(store.lineage, store.renames())
    calls = list(remote)
    owners = store.entries_of_calls([call.id for call in calls])
    evidence: JsonObject = {}
    for call in calls:
        owner = owners.get(call.id)
        if owner is None or not owner.placed:
            continue
        name = "with_tags" if _is_tagged(call, lineage) else "without_tags"
        if name not in evidence and is_own(store, owner):
            evidence[name] = call.id
    if not evidence:
        return None
    return (Verdict.REFUTED if "without_tags" in evidence else Verdict.PROVED), evidence


def shows_tags(store: StateReader, remote: Iterable[RemoteCall], claimed: Collection[str]) -> bool:
    """Whether a recorded call has our tags. Then adopting a call without tags is too uncertain.

    This does not prove that the service returns the tags of every call (``tags_returned``).
    """
    lineage = Lineage(store.lineage, store.renames())
    return any(call.id in claimed and _is_tagged(call, lineage) for call in remote)


def _is_tagged(call: RemoteCall, lineage: Lineage) -> bool:
    return tagged_address(call, lineage) is not None and tagged_digest(call, lineage) is not None


def is_own(store: StateReader, entry: Entry) -> bool:
    """Whether the service named the call in its answer to us, so that it was sent with our tags."""
    if entry.status is not Status.PLACED:
        return False
    attempts = store.attempts(entry.address)
    return bool(attempts) and attempts[-1].call_id == entry.call_id and attempts[-1].evidence is None


def unknown_calls(
    store: StateReader, remote: Iterable[RemoteCall], claimed: Collection[str]
) -> dict[Address, list[RemoteCall]]:
    """Calls with tags of this lineage that this state did not place: another copy of it did.

    A call may belong to an attempt whose call is unknown. A call that a person declared to be a different one is
    known.
    """
    lineage, cleared = Lineage(store.lineage, store.renames()), store.cleared()
    found: dict[Address, list[RemoteCall]] = {}
    for call in remote:
        address = tagged_address(call, lineage) if call.id not in claimed else None
        if address is not None and address not in cleared and not _is_attempted(store, address, call, lineage):
            found.setdefault(address, []).append(call)
    return dict(sorted(found.items()))


def _is_attempted(store: StateReader, address: Address, call: RemoteCall, lineage: Lineage) -> bool:
    digest = tagged_digest(call, lineage)
    return any(
        attempt.call_id == call.id
        or (attempt.call_id is None and attempt.digest == digest and attempt.status is not Status.MISSED)
        for attempt in store.attempts(address)
    )


def keep_copies(
    store: StateStore, run_id: str, found: Mapping[Address, Sequence[RemoteCall]], at: datetime
) -> Sequence[Conflict]:
    """Record the result of ``unknown_calls`` as conflicts, so that a person can resolve each one."""
    conflicts = [
        Conflict(
            address, tuple(call.id for call in calls), _target(calls[0]), _describe(address, calls), at, run_id
        )
        for address, calls in found.items()
    ]
    store.note_conflicts(run_id, conflicts, at)
    return conflicts


def refusal(found: Mapping[Address, Sequence[RemoteCall]]) -> Refused:
    """Why nothing is sent, with the next step."""
    number = sum(map(len, found.values()))
    listed = ", ".join(f"{address} ({calls[0].id})" for address, calls in [*found.items()][:_SHOWN])
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return Refused(
        f"another copy of this state is in use: the service has {number:,} "
        f"{'call' if number == 1 else 'calls'} with its tags not recorded in this state: {listed}{more}. "
        "Nothing was sent",
        hint="stop the other job. If its state is the right one, use it. Otherwise record each call here: "
        "reconciler resolve ADDRESS --placed CALL_ID --reason WHY, or --distinct where the row has another call. "
        "To recover many calls, rebuild the state from the service: reconciler state rebuild",
    )


def _describe(address: Address, calls: Sequence[RemoteCall]) -> str:
    """The description of calls that another copy of the state placed for an address."""
    listed = ", ".join(f"{call.id} ({call.status})" for call in calls[:_SHOWN])
    return (
        f"another copy of this state placed {listed}. Stop the other job and check the dashboard. Then run: "
        f"reconciler resolve {address} --placed CALL_ID --reason WHY, or --distinct where the row has another call"
    )


def _target(call: RemoteCall) -> str:
    return call.contact_id or call.number or ""
