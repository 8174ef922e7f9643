"""The reasons for each action: a stable code for scripts, and a sentence with the next step for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import structs

from reconciler.domain.facts import Conflict
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Diagnostic, Entry, Row, Severity
from reconciler.domain.plan import Action, Change, MessageParts, Moment
from reconciler.domain.times import UNKNOWN_TIME, format_ring_time, format_utc, zone
from reconciler.quantities import format_count

_LONGEST_ID = 100  # characters; longer ids are left out of the suggested command
_MOST_IDS = 5
_AFTER_LET_RING = ". You can request a new call after it has rung, or after you record it with --stopped"


class Reason(NamedTuple):
    """Stable codes for scripts, and the sentence for people: a text, or its parts if it has instants.

    ``advice`` is the end of the message: what to do, the same for all rows but for their addresses and ids.
    """

    codes: tuple[str, ...] = ()
    sentence: str | MessageParts | None = None
    advice: str = ""

    @property
    def text(self) -> str:
        """The message as written to a file, with instants in UTC; empty if there is none."""
        parts = (
            (self.sentence or "",) if self.sentence is None or isinstance(self.sentence, str) else self.sentence
        )
        return "".join(part if isinstance(part, str) else format_utc(part.at) for part in parts) + self.advice


DISABLED = Reason(("disabled",), "the row has enabled: false, so it is not placed")


def with_reason(change: Change, action: Action, reason: Reason, **fields: Any) -> Change:  # fields of a Change
    """The change with an action, its reason, and more fields."""
    parts = None if isinstance(reason.sentence, str) else reason.sentence
    message = None if reason.sentence is None else reason.text
    return structs.replace(
        change,
        action=action,
        reasons=reason.codes,
        message=message,
        message_parts=parts,
        advice=reason.advice,
        **fields,
    )


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
    return (f"{_named(entry)} will still ring at ", _rings(entry), ", because the API cannot change or cancel it")


def _how_to_stop(entry: Entry) -> str:
    if entry.let_ring_at is not None:
        return ""
    return (
        ". To stop it, delete it in the ContactShip dashboard, then run: "
        f"reconciler resolve {entry.address} --stopped --reason WHY"
    )


_WHY_STOP = {
    "no-row": "its row was removed",
    "disabled": "its row has enabled: false",
    "superseded": "a later revision of its row replaces it",
    "edited": "its row was edited after it was placed",
}


def why_stop(reasons: Iterable[str], objections: str) -> str:
    """Why a placed call must be stopped: the objections of guards, then what happened to its row."""
    return "; ".join(filter(None, (objections, *(_WHY_STOP.get(reason) for reason in reasons))))


def forbidden(entry: Entry, change: Change, codes: tuple[str, ...], objections: str) -> Reason:
    """A pending call that guards object to. ``change`` is the change without the objections."""
    reasons = tuple(reason for reason in change.reasons if reason != "still-rings")
    sentence = (f"this call must not ring: {objections}. ", *_still_rings(entry))
    return Reason((*codes, *reasons, "still-rings"), sentence, _how_to_stop(entry))


RETRIED = "retry-failed"


def create(entry: Entry | None, *, retried: bool = False) -> Reason:
    """A row that is not in the state, or whose earlier attempt placed no call."""
    if entry is None:
        return Reason()
    if entry.rejections:
        reasons = ("rejected-before", RETRIED) if retried else ("rejected-before",)
        why = entry.error or "no reason given"
        return Reason(reasons, f"the service rejected it before ({format_count(entry.rejections, 'time')}): {why}")
    return Reason((entry.status.value.replace("_", "-"),), entry.error)


def unchanged(entry: Entry) -> Reason:
    return Reason(("stopped",), "stopped by hand") if entry.stopped_at is not None else Reason()


def over(entry: Entry) -> Reason:
    """A disabled row whose call has rung or was stopped."""
    if entry.stopped_at is not None:
        return Reason(("disabled", "stopped"), "the row is disabled, and its call was stopped by hand")
    return Reason(("disabled", "rang"), ("the row was disabled after its call rang at ", _rings(entry)))


def uncertain(entry: Entry) -> Reason:
    return Reason(("outcome-unknown",), _may_be_placed(entry), _how_to_settle(entry))


def _may_be_placed(entry: Entry) -> MessageParts:
    detail = f": {entry.error}" if entry.error else ""
    moment = Moment(entry.attempted_at, _zone(entry))
    return ("the attempt at ", moment, f" may or may not have placed the call{detail}")


def _how_to_settle(entry: Entry) -> str:
    return (
        ". It will not be sent again. Check the ContactShip dashboard, then record the result: "
        f"reconciler resolve {entry.address} --placed CALL_ID (or --not-placed) --reason WHY"
    )


def conflict(item: Conflict) -> Reason:
    """The service may already have this call. A snapshot does not say which call that is."""
    address = item.address
    detail = item.message or "the service has a call that is not in this state"
    ids = [shlex.quote(call_id) for call_id in item.call_ids if len(call_id) <= _LONGEST_ID]
    first, *others = ids or ["CALL_ID"]
    more = f" (or {', '.join(others[:_MOST_IDS])})" if others else ""
    advice = (
        ". It is not sent until you resolve this. "
        f"If it is the same call, run: reconciler resolve {address} --placed {first}{more} --reason WHY. "
        f"If it is a different call, run: reconciler resolve {address} --distinct --reason WHY"
    )
    return Reason(("may-exist",), f"this call may already exist: {detail}", advice)


def removed(entry: Entry, why: str) -> Reason:
    """``why`` is disabled, superseded or no-row."""
    return Reason((why, "still-rings"), _still_rings(entry), _how_to_stop(entry))


def changed_pending(entry: Entry) -> Reason:
    then = (
        _AFTER_LET_RING
        if entry.let_ring_at is not None
        else ". Then increase the row's revision to request the new call"
    )
    return Reason(("edited", "still-rings"), _still_rings(entry), _how_to_stop(entry) + then)


def changed_stopped(entry: Entry) -> Reason:
    advice = ". Increase the row's revision to request the new call"
    return Reason(("stopped",), f"{_named(entry)} was stopped by hand", advice)


def changed_rang(entry: Entry) -> Reason:
    return Reason(("new-occurrence",), (f"{_named(entry)} rang at ", _rings(entry)), ". No new call is placed")


def changed_past(entry: Entry) -> Reason:
    return Reason(("past",), (f"the row was edited after {_named(entry)} rang at ", _rings(entry)))


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


def expired(since: datetime, timezone: str = "UTC", *, recorded: bool = False) -> Reason:
    """``timezone`` is the row's."""
    codes = ("time-passed", "recorded") if recorded else ("time-passed",)
    return Reason(codes, ("its time passed at ", Moment(since, timezone), " before it was placed"))


def waiting(place_from: datetime, timezone: str = "UTC") -> Reason:
    """A call that rings too late to be placed now. ``timezone`` is the row's."""
    sentence = ("it will be placed from ", Moment(place_from, timezone), " on (policy.place_within)")
    return Reason(("place-within",), sentence, ". Until then you can edit it")


def rejected_twice(entry: Entry) -> Reason:
    times, why = format_count(entry.rejections, "time"), entry.error or "no reason given"
    advice = ". Edit the row, or retry it with --retry-failed"
    return Reason(("rejected-twice",), f"the service rejected this call {times}: {why}", advice)


def revision_lowered(other: Entry) -> Reason:
    message = f"{other.address} is already in the state: a revision can only increase"
    return Reason(("revision-lowered",), message)


def earlier_uncertain(other: Entry) -> Reason:
    sentence = ("the outcome of an earlier revision is unknown: ", *_may_be_placed(other))
    return Reason(("earlier-revision-uncertain",), sentence, _how_to_settle(other))


def earlier_pending(other: Entry) -> Reason:
    then = _AFTER_LET_RING if other.let_ring_at is not None else ""
    sentence = ("an earlier revision has not rung yet: ", *_still_rings(other))
    return Reason(("earlier-revision-pending",), sentence, _how_to_stop(other) + then)


def same_call(row: Row, duplicate: Entry) -> Reason:
    """The state has the call of this row under another name."""
    move = f"{{from: {duplicate.address.plan}/{duplicate.address.key}, to: {row.address.plan}/{row.address.key}}}"
    return Reason(("same-call",), f"{_same_call(duplicate)} {_moved(move)}. {_DISTINCT}")


def same_plan(duplicate: Entry, new: str) -> Reason:
    """The state has the calls of this plan under the name of another plan, which has no rows any more."""
    old = duplicate.address.plan
    message = f"the same calls were already placed in plan {old}: same people, same times."
    if duplicate.stopped_at is not None:
        message = _same_call(duplicate)
    return Reason(("same-call",), f"{message} {_moved(f'{{from: {old}, to: {new}}}')}. {_DISTINCT}")


def same_as_row(duplicate: Entry) -> Reason:
    """The state has the call of this row under the name of another row, which still exists."""
    message = f"{_same_call(duplicate)} That row still exists: remove one of the two. {_DISTINCT}"
    return Reason(("same-call",), message)


_DISTINCT = "To place a second call, set distinct: true in the row"


def _same_call(duplicate: Entry) -> str:
    what = "was already placed" if duplicate.placed else "may have been placed"
    if duplicate.stopped_at is not None:
        what = "was stopped by hand"
    return f"the same call {what} as {_named(duplicate)}: same person, same time."


def _moved(move: str) -> str:
    return f"If it was renamed, add this to its file: moved: [{move}]"
