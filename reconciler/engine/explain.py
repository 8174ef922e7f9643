"""Why a plan says what it says: stable words for scripts, and one sentence for a person, with what to do next."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from reconciler.model import Diagnostic, Entry, Row, Severity
from reconciler.times import tell_instant, tell_ring

Reasons: TypeAlias = tuple[tuple[str, ...], str | None]

HELD: Reasons = (("disabled",), "enabled: false, so it is kept in the file and not placed")


def _named(entry: Entry) -> str:
    return f"{entry.address} ({entry.call_id})" if entry.call_id else str(entry.address)


def _still_rings(entry: Entry) -> str:
    return (
        f"{_named(entry)} still rings at {tell_ring(entry.rings_at)}: the API cannot change or cancel it. "
        "To stop it, delete it in the ContactShip dashboard and record that: "
        f"reconciler resolve {entry.address} --stopped --reason WHY"
    )


RETRIED = "retry-failed"


def create(entry: Entry | None, *, retried: bool = False) -> Reasons:
    """A row not in state, or one whose earlier attempt came to nothing."""
    if entry is None:
        return (), None
    if entry.rejections:
        reasons = ("rejected-before", RETRIED) if retried else ("rejected-before",)
        return reasons, f"refused before ({entry.rejections}x): {entry.error or 'no reason given'}"
    return (entry.status.value.replace("_", "-"),), entry.error


def unchanged(entry: Entry) -> Reasons:
    return (("stopped",), "stopped by hand") if entry.stopped_at is not None else ((), None)


def over(entry: Entry) -> Reasons:
    """A disabled row whose call rang or was stopped."""
    if entry.stopped_at is not None:
        return ("disabled", "stopped"), "disabled, and its call was stopped by hand"
    return ("disabled", "rang"), f"disabled after its call rang at {tell_instant(entry.rings_at)}"


def uncertain(entry: Entry) -> Reasons:
    detail = f": {entry.error}" if entry.error else ""
    message = (
        f"the attempt of {tell_instant(entry.attempted_at)} may or may not have placed the call{detail}. "
        "It is not sent again. Look it up in the ContactShip dashboard, then say which: "
        f"reconciler resolve {entry.address} --placed CALL_ID (or --not-placed) --reason WHY"
    )
    return ("outcome-unknown",), message


def removed(entry: Entry, why: str) -> Reasons:
    """``why`` is disabled, superseded or no-row."""
    return (why, "still-rings"), _still_rings(entry)


def changed_pending(entry: Entry) -> Reasons:
    return ("still-rings",), f"{_still_rings(entry)}. Then raise the row's revision to ask for the new call"


def changed_stopped(entry: Entry) -> Reasons:
    message = f"{_named(entry)} was stopped by hand; raise the row's revision to ask for the new call"
    return ("stopped",), message


def changed_rang(entry: Entry) -> Reasons:
    return ("new-occurrence",), f"{_named(entry)} rang at {tell_instant(entry.rings_at)}; nothing will be placed"


def changed_past(entry: Entry) -> Reasons:
    return ("past",), f"edited after {_named(entry)} rang at {tell_instant(entry.rings_at)}; nothing to do"


def new_occurrence(row: Row, entry: Entry) -> Diagnostic:
    """The call of this key has rung and the row asks for a later one."""
    wanted = row.call.schedule.at[:10] if row.call.schedule is not None else "2"
    return Diagnostic(
        Severity.ERROR,
        "E501",
        f"{row.address} already rang at {tell_instant(entry.rings_at)}, and the row now asks for a later time",
        row.source,
        f"a new occurrence? put its date in `key` (such as {row.address.key}-{wanted}) and keep the old row",
    )


def expired(since: datetime, *, recorded: bool = False) -> Reasons:
    message = f"its time passed at {tell_instant(since)} before anything placed it"
    return (("time-passed", "recorded") if recorded else ("time-passed",)), message


def waiting(place_from: datetime) -> Reasons:
    """A call that rings later than the policy lets it be placed."""
    message = f"to be placed from {tell_instant(place_from)} on (policy.place_within): until then it can be edited"
    return ("place-within",), message


def rejected_twice(entry: Entry) -> Reasons:
    message = (
        f"refused {entry.rejections} times as it stands: {entry.error or 'no reason given'}. "
        "Edit the row, or try again with --retry-failed"
    )
    return ("rejected-twice",), message


def revision_lowered(other: Entry) -> Reasons:
    message = f"{other.address} is in the state already: a revision only ever goes up"
    return ("revision-lowered",), message


def earlier_uncertain(other: Entry) -> Reasons:
    return ("earlier-revision-uncertain",), f"an earlier revision is not settled: {uncertain(other)[1]}"


def earlier_pending(other: Entry) -> Reasons:
    return ("earlier-revision-pending",), f"an earlier revision is still ahead: {_still_rings(other)}"


def same_call(row: Row, twin: Entry) -> Reasons:
    what = "was placed" if twin.placed else "may have been placed"
    message = (
        f"the same call {what} as {_named(twin)}: same person, same time. If the row was renamed, say in its file "
        f"moved: [{{from: {twin.address.plan}/{twin.address.key}, to: {row.address.plan}/{row.address.key}}}]. "
        "If a second call is meant, say distinct: true in the row"
    )
    return ("same-call",), message
