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
from reconciler.evidence.matching import Lineage, describe_calls, tagged_address, tagged_digest
from reconciler.quantities import format_count

TAGS = "tags"
"""The name of the service fact that records whether a service returns the tags of calls."""

_SHOWN = 5


def current_lineage(store: StateReader) -> Lineage:
    return Lineage(store.lineage, store.renames())


def tags_returned(
    store: StateStore, run_id: str, service: str, remote: Iterable[RemoteCall], now: datetime
) -> bool:
    """Whether the service returns the tags of our calls, judged by the current listing and the recorded fact.

    The result for calls of this state is recorded. A service that returns only the tags of some calls counts as
    one that returns none.
    """
    fact = store.facts(service).get(TAGS)
    observed = observe(store, remote)
    if observed is None:
        return fact is not None and fact.verdict is Verdict.PROVED
    verdict, evidence = observed
    if fact is None or fact.verdict is not verdict or fact.evidence.keys() != evidence.keys():
        store.note_fact(run_id, ServiceFact(service, TAGS, verdict, evidence, now, run_id), now)
    return verdict is Verdict.PROVED


def observe(store: StateReader, remote: Iterable[RemoteCall]) -> tuple[Verdict, JsonObject] | None:
    """The verdict from the calls that this state placed, with a call as evidence; None if none of them is listed.

    Adopted calls and calls recorded by a person do not count, because they may be known only by their tags.
    """
    lineage = current_lineage(store)
    calls = list(remote)
    owners, by_hand = store.entries_of_calls([call.id for call in calls]), store.calls_recorded_by_hand()
    evidence: JsonObject = {}
    for call in calls:
        owner = owners.get(call.id)
        if owner is not None and is_own(owner, by_hand):
            evidence.setdefault("with_tags" if _is_tagged(call, lineage) else "without_tags", call.id)
    if not evidence:
        return None
    return (Verdict.REFUTED if "without_tags" in evidence else Verdict.PROVED), evidence


def shows_tags(store: StateReader, remote: Iterable[RemoteCall], claimed: Collection[str]) -> bool:
    """Whether a recorded call has our tags. Then adopting a call without tags is too uncertain.

    This does not prove that the service returns the tags of every call (``tags_returned``).
    """
    lineage = current_lineage(store)
    return any(call.id in claimed and _is_tagged(call, lineage) for call in remote)


def _is_tagged(call: RemoteCall, lineage: Lineage) -> bool:
    return tagged_address(call, lineage) is not None and tagged_digest(call) is not None


def is_own(entry: Entry, by_hand: Collection[str]) -> bool:
    """Whether the service named the call in its answer to us, so that it was sent with our tags.

    ``by_hand`` are the calls that a person recorded (``StateReader.calls_recorded_by_hand``).
    """
    return entry.status is Status.PLACED and entry.call_id not in by_hand


def unknown_calls(
    store: StateReader, remote: Iterable[RemoteCall], claimed: Collection[str]
) -> dict[Address, list[RemoteCall]]:
    """Calls with tags of this lineage that this state did not place: another copy of it did.

    A call may belong to an attempt whose call is unknown. A call that a person declared to be a different one is
    known.
    """
    lineage, cleared = current_lineage(store), store.cleared()
    copies: dict[Address, list[RemoteCall]] = {}
    for call in remote:
        address = tagged_address(call, lineage) if call.id not in claimed else None
        if address is not None and address not in cleared and not _is_attempted(store, address, call):
            copies.setdefault(address, []).append(call)
    return dict(sorted(copies.items()))


def _is_attempted(store: StateReader, address: Address, call: RemoteCall) -> bool:
    digest = tagged_digest(call)
    return any(
        attempt.call_id == call.id
        or (attempt.call_id is None and attempt.digest == digest and attempt.status is not Status.MISSED)
        for attempt in store.attempts(address)
    )


def keep_copies(
    store: StateStore, run_id: str, copies: Mapping[Address, Sequence[RemoteCall]], at: datetime
) -> Sequence[Conflict]:
    """Record the result of ``unknown_calls`` as conflicts, so that a person can resolve each one."""
    conflicts = [
        Conflict(
            address, tuple(call.id for call in calls), _target(calls[0]), _describe(address, calls), at, run_id
        )
        for address, calls in copies.items()
    ]
    store.note_conflicts(run_id, conflicts, at)
    return conflicts


def refusal(copies: Mapping[Address, Sequence[RemoteCall]]) -> Refused:
    """Why nothing is sent, with the next step."""
    number = format_count(sum(map(len, copies.values())), "call")
    listed = ", ".join(f"{address} ({calls[0].id})" for address, calls in [*copies.items()][:_SHOWN])
    more = f" and {len(copies) - _SHOWN:,} more" if len(copies) > _SHOWN else ""
    return Refused(
        f"another copy of this state is in use: the service has {number} with its tags not recorded in this "
        f"state: {listed}{more}. Nothing was sent",
        hint="stop the other job. If its state is the right one, use it. Otherwise record each call here: "
        "reconciler resolve ADDRESS --placed CALL_ID --reason WHY, or --distinct where the row has another call. "
        "To recover many calls, rebuild the state from the service: reconciler state rebuild",
    )


def _describe(address: Address, calls: Sequence[RemoteCall]) -> str:
    """The description of calls that another copy of the state placed for an address."""
    return (
        f"another copy of this state placed {describe_calls(calls)}. Stop the other job and check the dashboard. "
        f"Then run: reconciler resolve {address} --placed CALL_ID --reason WHY, "
        "or --distinct where the row has another call"
    )


def _target(call: RemoteCall) -> str:
    return call.contact_id or call.number or ""
