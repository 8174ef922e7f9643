"""List the service's calls for a rebuild, and record the results in a new state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.domain.facts import Conflict
from reconciler.domain.model import Status
from reconciler.domain.ports import Decision, Result, Seen, StateStore
from reconciler.domain.service import CallDirectory, Listing, RemoteCall
from reconciler.evidence.matching import CLOCK_SKEW, LONGEST_ATTEMPT
from reconciler.evidence.rebuild import Certainty, RebuildFinding, RebuildResult
from reconciler.evidence.refresh import PENDING_CALLS, list_calls


async def list_all_calls(directory: CallDirectory, since: datetime | None) -> Sequence[RemoteCall]:
    """Every call that was created since ``since`` (None: ever), and every pending call of any age.

    Raises:
        LookupFailed: the service could not be queried.
    """
    pending = () if since is None else PENDING_CALLS
    return [*(await list_calls(directory, *pending, Listing(since=since))).values()]


def record(store: StateStore, run_id: str, rebuilt: RebuildResult, now: datetime) -> None:
    """Write the results into an empty state.

    All attempts are recorded as unknown first, so that no call is placed again if this is interrupted.
    """
    recorded = [item for item in rebuilt.findings if item.certainty is not Certainty.ABSENT]
    recent = now - CLOCK_SKEW - LONGEST_ATTEMPT
    others = [call for item in rebuilt.with_certainty(Certainty.UNKNOWN) for call in item.others]
    unclaimed = frozenset(call.id for call in (*rebuilt.strangers, *others) if call.created_at > recent)
    store.note_seen(run_id, Seen(unclaimed), now)
    if not recorded:
        return
    store.intend(run_id, [item.intent for item in recorded], now)
    adopted = [
        Result(item.address, Status.ADOPTED, now, item.remote.id, evidence=item.message)
        for item in recorded
        if item.remote is not None
    ]
    uncertain = [
        Result(item.address, Status.UNCERTAIN, now, error=f"the state was rebuilt: {item.message}")
        for item in recorded
        if item.remote is None
    ]
    if adopted:
        store.adopt(run_id, adopted)
    if uncertain:
        store.record(run_id, uncertain)
    _clear_repeated(store, run_id, [item for item in recorded if item.repeated], now)


def _clear_repeated(store: StateStore, run_id: str, repeated: Sequence[RebuildFinding], now: datetime) -> None:
    """Mark further calls with the tags of a row as known, so that they are no sign of another copy of the
    state.
    """
    conflicts = [
        Conflict(
            item.address,
            tuple(call.id for call in item.others),
            item.intent.call.target,
            item.message,
            now,
            run_id,
        )
        for item in repeated
    ]
    if conflicts:
        store.note_conflicts(run_id, conflicts, now)
    why = "found when the state was rebuilt"
    store.decide(run_id, [Decision(item.address, now, why, distinct=True) for item in repeated])
