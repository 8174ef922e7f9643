"""Query the service for the outcomes of calls: first in bulk, then by date, then one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from reconciler.domain.model import Entry
from reconciler.domain.service import CallRegister, Listing, RemoteCall
from reconciler.evidence.matching import CLOCK_SKEW, LONGEST_ATTEMPT, LOOK_BACK, PENDING
from reconciler.evidence.outcomes import Answers

ONE_BY_ONE = 100  # the most single calls to query; if more are not listed, something else is wrong
_NEAR = timedelta(hours=1)


async def query_calls(register: CallRegister, entries: Iterable[Entry], now: datetime) -> Answers:
    """The service's current version of the calls of ``entries``, and all its pending or recent calls.

    Pending calls are listed by the order of their statuses, so that no call is missed between two listings. A call
    that is in no listing (an imported call is older than its record) is queried by its id, the oldest first.

    Raises:
        LookupFailed: the service could not be queried.
    """
    found: dict[str, RemoteCall] = {}

    async def look(listing: Listing) -> None:
        found.update((call.id, call) for call in await register.calls(listing))

    for status in PENDING:
        await look(Listing(status=status))
    await look(Listing(since=now - LOOK_BACK))
    wanted = sorted(entries, key=lambda entry: entry.attempted_at)
    for since, until in spans(entry.attempted_at for entry in wanted if entry.call_id not in found):
        await look(Listing(since, until))
    absent = set()
    unlisted = [entry.call_id for entry in wanted if entry.call_id and entry.call_id not in found]
    for call_id in unlisted[:ONE_BY_ONE]:
        call = await register.call(call_id)
        if call is None:
            absent.add(call_id)
        else:
            found[call_id] = call
    return Answers(found, frozenset(absent))


def spans(attempts: Iterable[datetime]) -> Sequence[tuple[datetime, datetime]]:
    """The time spans in which the calls of these attempts (oldest first) were created, by the service's clock.
    Overlapping spans are merged.
    """
    found: list[tuple[datetime, datetime]] = []
    for moment in attempts:
        since, until = moment - CLOCK_SKEW, moment + LONGEST_ATTEMPT + CLOCK_SKEW
        if found and since <= found[-1][1] + _NEAR:
            found[-1] = (found[-1][0], until)
        else:
            found.append((since, until))
    return found
