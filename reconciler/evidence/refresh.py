"""Query the service for the outcomes of calls: first in bulk, then by date, then one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.domain.model import Entry
from reconciler.domain.service import CallDirectory, CallRegister, Listing, RemoteCall
from reconciler.evidence.matching import CLOCK_SKEW, LONGEST_ATTEMPT, LOOK_BACK, PENDING
from reconciler.evidence.outcomes import Answers

ONE_BY_ONE = 100  # the most single calls to query; if more are not listed, something else is wrong
PENDING_CALLS = tuple(Listing(status=status) for status in PENDING)
_NEAR = timedelta(hours=1)


async def list_calls(directory: CallDirectory, *listings: Listing) -> dict[str, RemoteCall]:
    """The calls of all listings by id; of a call that several list, the latest version, with the tags that any of
    them showed.

    ``PENDING_CALLS`` come before other listings. They are in the order in which a call has their statuses, so that
    no call is missed between two of them.

    Raises:
        LookupFailed: the service could not be queried.
    """
    calls: dict[str, RemoteCall] = {}
    for listing in listings:
        for call in await directory.calls(listing):
            earlier = calls.get(call.id)
            calls[call.id] = (
                replace(call, tags=earlier.tags) if earlier and earlier.tags and not call.tags else call
            )
    return calls


async def query_calls(register: CallRegister, entries: Iterable[Entry], now: datetime) -> Answers:
    """The service's current version of the calls of ``entries``, and all its pending or recent calls.

    A call that is in no listing (an imported call is older than its record) is queried by its id, oldest first.

    Raises:
        LookupFailed: the service could not be queried.
    """
    calls = await list_calls(register, *PENDING_CALLS, Listing(since=now - LOOK_BACK))
    wanted = sorted(entries, key=lambda entry: entry.attempted_at)
    times = spans(entry.attempted_at for entry in wanted if entry.call_id not in calls)
    calls |= await list_calls(register, *(Listing(since, until) for since, until in times))
    absent = set()
    unlisted = [entry.call_id for entry in wanted if entry.call_id and entry.call_id not in calls]
    for call_id in unlisted[:ONE_BY_ONE]:
        call = await register.call(call_id)
        if call is None:
            absent.add(call_id)
        else:
            calls[call_id] = call
    return Answers(calls, frozenset(absent))


def spans(attempts: Iterable[datetime]) -> Sequence[tuple[datetime, datetime]]:
    """The time spans in which the calls of these attempts (oldest first) were created, by the service's clock.
    Overlapping spans are merged.
    """
    merged: list[tuple[datetime, datetime]] = []
    for moment in attempts:
        since, until = moment - CLOCK_SKEW, moment + LONGEST_ATTEMPT + CLOCK_SKEW
        if merged and since <= merged[-1][1] + _NEAR:
            merged[-1] = (merged[-1][0], until)
        else:
            merged.append((since, until))
    return merged
