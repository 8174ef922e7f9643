"""The reasons for each action: a stable code for scripts, and a sentence with the next step for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from reconciler.domain.facts import Conflict
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Diagnostic, Entry, Row, Severity
from reconciler.domain.plan import CallToStop, Change, MessageParts, Moment
from reconciler.domain.times import UNKNOWN_TIME, format_ring_time, format_utc, zone

Reasons: TypeAlias = tuple[tuple[str, ...], str | MessageParts | None]

_LONGEST_ID = 100  # characters; longer ids are left out of the suggested command
_MOST_IDS = 5
_AFTER_LET_RING = ". You can request a new call after it has rung, or after you record it with --stopped"
DISABLED: Reasons = (("disabled",), "the row has enabled: false, so it is not placed")


def plain(said: str | MessageParts) -> str:
    """The sentence as written to a file: instants in UTC."""
    if isinstance(said, str):
        return said
    return "".join(part if isinstance(part, str) else format_utc(part.at) for part in said)


def message(why: Reasons) -> str:
    """The sentence of a reason as written to a file, empty if it has none."""
    return plain(why[1] or "")


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count:,} times"


def _rings(entry: Entry) -> Moment | str:
    if entry.rings_at == UNKNOWN_TIME:
        return format_ring_time(entry.rings_at)
    return Moment(entry.rings_at, _zone(entry))


def _zone(entry: Entry) -> str:
    """The time zone of a call's schedule; UTC if it has none, or if a snapshot omits it."""
    name = "UTC" if entry.call.schedule is None else entry.call.schedule.timezone
    return name if zone(name) is not None else "UTC"


def _named(entry: Entry) -> str:
    return f"{entry.address} ({entry.call_id})" if entry.call_id else str(entry.address)


def _still_rings(entry: Entry) -> MessageParts:
    if entry.let_ring_at is not None:
        return (f"{_named(entry)} rings at ", _rings(entry), ", as recorded with resolve --let-ring")
    return (
        f"{_named(entry)} will still ring at ",
        _rings(entry),
        f", because the API cannot change or cancel it. {how_to_stop(entry)}",
    )


def how_to_stop(call: Entry | CallToStop) -> str:
    """The steps that stop a placed call from ringing."""
    return (
        "To stop it, delete it in the ContactShip dashboard, then run: "
        f"reconciler resolve {call.address} --stopped --reason WHY"
    )


_WHY_STOP = {
    "no-row": "its row was removed",
    "disabled": "its row has enabled: false",
    "superseded": "a later revision of its row replaces it",
    "edited": "its row was edited after it was placed",
}


def why_stop(reasons: Iterable[str], objections: str | None) -> str:
    """Why a placed call must be stopped: the objections of guards, then what happened to its row."""
    return "; ".join(filter(None, (objections, *(_WHY_STOP.get(reason) for reason in reasons))))


def forbidden(entry: Entry, change: Change, codes: tuple[str, ...], objections: str) -> Reasons:
    """A pending call that guards object to. ``change`` is the change without the objections."""
    reasons = tuple(reason for reason in change.reasons if reason != "still-rings")
    said = (f"this call must not ring: {objections}. ", *_still_rings(entry))
    return (*codes, *reasons, "still-rings"), said


RETRIED = "retry-failed"


def create(entry: Entry | None, *, retried: bool = False) -> Reasons:
    """A row that is not in the state, or whose earlier attempt placed no call."""
    if entry is None:
        return (), None
    if entry.rejections:
        reasons = ("rejected-before", RETRIED) if retried else ("rejected-before",)
        return (
            reasons,
            f"the service rejected it before ({_times(entry.rejections)}): {entry.error or 'no reason given'}",
        )
    return (entry.status.value.replace("_", "-"),), entry.error


def unchanged(entry: Entry) -> Reasons:
    return (("stopped",), "stopped by hand") if entry.stopped_at is not None else ((), None)


def over(entry: Entry) -> Reasons:
    """A disabled row whose call has rung or was stopped."""
    if entry.stopped_at is not None:
        return ("disabled", "stopped"), "the row is disabled, and its call was stopped by hand"
    return ("disabled", "rang"), ("the row was disabled after its call rang at ", _rings(entry))


def uncertain(entry: Entry) -> Reasons:
    detail = f": {entry.error}" if entry.error else ""
    said = (
        "the attempt at ",
        Moment(entry.attempted_at, _zone(entry)),
        (
            f" may or may not have placed the call{detail}. "
            "It will not be sent again. Check the ContactShip dashboard, then record the result: "
            f"reconciler resolve {entry.address} --placed CALL_ID (or --not-placed) --reason WHY"
        ),
    )
    return ("outcome-unknown",), said


def conflict(item: Conflict) -> Reasons:
    """The service may already have this call. A snapshot does not say which call that is."""
    address = item.address
    found = item.message or "the service has a call that is not in this state"
    ids = [shlex.quote(call_id) for call_id in item.call_ids if len(call_id) <= _LONGEST_ID]
    first, *others = ids or ["CALL_ID"]
    more = f" (or {', '.join(others[:_MOST_IDS])})" if others else ""
    message = (
        f"this call may already exist: {found}. It is not sent until you resolve this. "
        f"If it is the same call, run: reconciler resolve {address} --placed {first}{more} --reason WHY. "
        f"If it is a different call, run: reconciler resolve {address} --distinct --reason WHY"
    )
    return ("may-exist",), message


def removed(entry: Entry, why: str) -> Reasons:
    """``why`` is disabled, superseded or no-row."""
    return (why, "still-rings"), _still_rings(entry)


def changed_pending(entry: Entry) -> Reasons:
    then = (
        _AFTER_LET_RING
        if entry.let_ring_at is not None
        else ". Then increase the row's revision to request the new call"
    )
    return ("edited", "still-rings"), (*_still_rings(entry), then)


def changed_stopped(entry: Entry) -> Reasons:
    message = f"{_named(entry)} was stopped by hand. Increase the row's revision to request the new call"
    return ("stopped",), message


def changed_rang(entry: Entry) -> Reasons:
    return ("new-occurrence",), (f"{_named(entry)} rang at ", _rings(entry), ". No new call is placed")


def changed_past(entry: Entry) -> Reasons:
    return ("past",), (f"the row was edited after {_named(entry)} rang at ", _rings(entry))


def new_occurrence(row: Row, entry: Entry) -> Diagnostic:
    """The error for a row whose call has rung and that now has a later time."""
    wanted = row.call.schedule.at[:10] if row.call.schedule is not None else "2"
    return Diagnostic(
        Severity.ERROR,
        "E501",
        f"{row.address} already rang at {format_utc(entry.rings_at)}, but the row now has a later time",
        row.source,
        f"for a new occurrence, add a row with its date in `key` (such as {row.address.key}-{wanted}) "
        "and keep this one",
        tuple(personal_values(row.call)),
    )


def expired(since: datetime, timezone: str = "UTC", *, recorded: bool = False) -> Reasons:
    """``timezone`` is the row's."""
    said = ("its time passed at ", Moment(since, timezone), " before it was placed")
    return (("time-passed", "recorded") if recorded else ("time-passed",)), said


def waiting(place_from: datetime, timezone: str = "UTC") -> Reasons:
    """A call that rings too late to be placed now. ``timezone`` is the row's."""
    moment, until = Moment(place_from, timezone), " on (policy.place_within). Until then you can edit it"
    return ("place-within",), ("it will be placed from ", moment, until)


def rejected_twice(entry: Entry) -> Reasons:
    message = (
        f"the service rejected this call {_times(entry.rejections)}: {entry.error or 'no reason given'}. "
        "Edit the row, or retry it with --retry-failed"
    )
    return ("rejected-twice",), message


def revision_lowered(other: Entry) -> Reasons:
    message = f"{other.address} is already in the state: a revision can only increase"
    return ("revision-lowered",), message


def earlier_uncertain(other: Entry) -> Reasons:
    return ("earlier-revision-uncertain",), (
        "the outcome of an earlier revision is unknown: ",
        *_parts(uncertain(other)),
    )


def earlier_pending(other: Entry) -> Reasons:
    then = (_AFTER_LET_RING,) if other.let_ring_at is not None else ()
    return ("earlier-revision-pending",), ("an earlier revision has not rung yet: ", *_still_rings(other), *then)


def _parts(why: Reasons) -> MessageParts:
    said = why[1] or ()
    return (said,) if isinstance(said, str) else said


def same_call(row: Row, duplicate: Entry) -> Reasons:
    """The state has the call of this row under another name."""
    move = f"{{from: {duplicate.address.plan}/{duplicate.address.key}, to: {row.address.plan}/{row.address.key}}}"
    return ("same-call",), f"{_same_call(duplicate)} {_moved(move)}. {_DISTINCT}"


def same_plan(duplicate: Entry, new: str) -> Reasons:
    """The state has the calls of this plan under the name of another plan, which has no rows any more."""
    old = duplicate.address.plan
    message = f"the same calls were already placed in plan {old}: same people, same times."
    if duplicate.stopped_at is not None:
        message = _same_call(duplicate)
    return ("same-call",), f"{message} {_moved(f'{{from: {old}, to: {new}}}')}. {_DISTINCT}"


def same_as_row(duplicate: Entry) -> Reasons:
    """The state has the call of this row under the name of another row, which still exists."""
    return ("same-call",), f"{_same_call(duplicate)} That row still exists: remove one of the two. {_DISTINCT}"


_DISTINCT = "To place a second call, set distinct: true in the row"


def _same_call(duplicate: Entry) -> str:
    what = "was already placed" if duplicate.placed else "may have been placed"
    if duplicate.stopped_at is not None:
        what = "was stopped by hand"
    return f"the same call {what} as {_named(duplicate)}: same person, same time."


def _moved(move: str) -> str:
    return f"If it was renamed, add this to its file: moved: [{move}]"
