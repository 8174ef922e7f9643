"""Why a plan says what it says: stable words for scripts, and one sentence for a person, with what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from reconciler.domain.facts import Conflict
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Diagnostic, Entry, Row, Severity
from reconciler.domain.plan import CallToStop, Change, MessageParts, Moment
from reconciler.domain.times import UNKNOWN_TIME, tell_instant, tell_ring, zone

Reasons: TypeAlias = tuple[tuple[str, ...], str | MessageParts | None]

_LONGEST_ID = 100  # a longer one is no id that anybody types
_MOST_IDS = 5
_AFTER_LET_RING = ". A new call can be asked for after it rang, or once --stopped is recorded"
HELD: Reasons = (("disabled",), "enabled: false, so it is kept in the file and not placed")


def plain(said: str | MessageParts) -> str:
    """A sentence as it stands in a file: instants in UTC."""
    if isinstance(said, str):
        return said
    return "".join(part if isinstance(part, str) else tell_instant(part.at) for part in said)


def message(why: Reasons) -> str:
    """The sentence of a reason that has one, as it stands in a file."""
    return plain(why[1] or "")


def _rings(entry: Entry) -> Moment | str:
    if entry.rings_at == UNKNOWN_TIME:
        return tell_ring(entry.rings_at)
    return Moment(entry.rings_at, _zone(entry))


def _zone(entry: Entry) -> str:
    """The zone of a call's schedule; UTC where it has none, or a snapshot does not tell it."""
    name = "UTC" if entry.call.schedule is None else entry.call.schedule.timezone
    return name if zone(name) is not None else "UTC"


def _named(entry: Entry) -> str:
    return f"{entry.address} ({entry.call_id})" if entry.call_id else str(entry.address)


def _still_rings(entry: Entry) -> MessageParts:
    if entry.let_ring_at is not None:
        return (f"{_named(entry)} rings at ", _rings(entry), ", as a person decided (resolve --let-ring)")
    return (
        f"{_named(entry)} still rings at ",
        _rings(entry),
        f": the API cannot change or cancel it. {how_to_stop(entry)}",
    )


def how_to_stop(call: Entry | CallToStop) -> str:
    """What a person has to do so that a placed call does not ring."""
    return (
        "To stop it, delete it in the ContactShip dashboard and record that: "
        f"reconciler resolve {call.address} --stopped --reason WHY"
    )


_WHY_STOP = {
    "no-row": "no row asks for it any more",
    "disabled": "its row says enabled: false",
    "superseded": "a later revision of its row replaces it",
    "edited": "its row was edited after it was placed",
}


def why_stop(reasons: Iterable[str], objections: str | None) -> str:
    """Why a placed call is to be stopped: what guards object to it, then what became of its row."""
    return "; ".join(filter(None, (objections, *(_WHY_STOP.get(reason) for reason in reasons))))


def forbidden(entry: Entry, change: Change, codes: tuple[str, ...], objections: str) -> Reasons:
    """A call that is still ahead and that guards object to; ``change`` is what the plan says of it otherwise."""
    reasons = tuple(reason for reason in change.reasons if reason != "still-rings")
    said = (f"it must not ring: {objections}. ", *_still_rings(entry))
    return (*codes, *reasons, "still-rings"), said


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
    return ("disabled", "rang"), ("disabled after its call rang at ", _rings(entry))


def uncertain(entry: Entry) -> Reasons:
    detail = f": {entry.error}" if entry.error else ""
    said = (
        "the attempt of ",
        Moment(entry.attempted_at, _zone(entry)),
        (
            f" may or may not have placed the call{detail}. "
            "It is not sent again. Look it up in the ContactShip dashboard, then say which: "
            f"reconciler resolve {entry.address} --placed CALL_ID (or --not-placed) --reason WHY"
        ),
    )
    return ("outcome-unknown",), said


def conflict(item: Conflict) -> Reasons:
    """A call of the service may be this one. A snapshot does not say which call that is."""
    address = item.address
    found = item.message or "the service has a call that this state does not know"
    ids = [shlex.quote(call_id) for call_id in item.call_ids if len(call_id) <= _LONGEST_ID]
    first, *others = ids or ["CALL_ID"]
    more = f" (or {', '.join(others[:_MOST_IDS])})" if others else ""
    message = (
        f"it may exist already: {found}. It is not sent until that is resolved. "
        f"If it is this call: reconciler resolve {address} --placed {first}{more} --reason WHY. "
        f"If it is another call: reconciler resolve {address} --distinct --reason WHY"
    )
    return ("may-exist",), message


def removed(entry: Entry, why: str) -> Reasons:
    """``why`` is disabled, superseded or no-row."""
    return (why, "still-rings"), _still_rings(entry)


def changed_pending(entry: Entry) -> Reasons:
    then = (
        _AFTER_LET_RING
        if entry.let_ring_at is not None
        else ". Then raise the row's revision to ask for the new call"
    )
    return ("edited", "still-rings"), (*_still_rings(entry), then)


def changed_stopped(entry: Entry) -> Reasons:
    message = f"{_named(entry)} was stopped by hand; raise the row's revision to ask for the new call"
    return ("stopped",), message


def changed_rang(entry: Entry) -> Reasons:
    return ("new-occurrence",), (f"{_named(entry)} rang at ", _rings(entry), "; nothing will be placed")


def changed_past(entry: Entry) -> Reasons:
    return ("past",), (f"edited after {_named(entry)} rang at ", _rings(entry), "; nothing to do")


def new_occurrence(row: Row, entry: Entry) -> Diagnostic:
    """The call of this key has rung and the row asks for a later one."""
    wanted = row.call.schedule.at[:10] if row.call.schedule is not None else "2"
    return Diagnostic(
        Severity.ERROR,
        "E501",
        f"{row.address} already rang at {tell_instant(entry.rings_at)}, and the row now asks for a later time",
        row.source,
        f"a new occurrence? put its date in `key` (such as {row.address.key}-{wanted}) and keep the old row",
        tuple(personal_values(row.call)),
    )


def expired(since: datetime, timezone: str = "UTC", *, recorded: bool = False) -> Reasons:
    """``timezone`` is the row's."""
    said = ("its time passed at ", Moment(since, timezone), " before anything placed it")
    return (("time-passed", "recorded") if recorded else ("time-passed",)), said


def waiting(place_from: datetime, timezone: str = "UTC") -> Reasons:
    """A call that rings later than the policy lets it be placed; ``timezone`` is the row's."""
    moment, until = Moment(place_from, timezone), " on (policy.place_within): until then it can be edited"
    return ("place-within",), ("to be placed from ", moment, until)


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
    return ("earlier-revision-uncertain",), ("an earlier revision is not settled: ", *_parts(uncertain(other)))


def earlier_pending(other: Entry) -> Reasons:
    then = (_AFTER_LET_RING,) if other.let_ring_at is not None else ()
    return ("earlier-revision-pending",), ("an earlier revision is still ahead: ", *_still_rings(other), *then)


def _parts(why: Reasons) -> MessageParts:
    said = why[1] or ()
    return (said,) if isinstance(said, str) else said


def same_call(row: Row, twin: Entry) -> Reasons:
    """The row is a call that the state has under another name."""
    move = f"{{from: {twin.address.plan}/{twin.address.key}, to: {row.address.plan}/{row.address.key}}}"
    return ("same-call",), f"{_same_call(twin)} {_moved(move)}. {_DISTINCT}"


def same_plan(twin: Entry, new: str) -> Reasons:
    """The rows of a plan are calls that the state has under another plan's name, which has no rows any more."""
    old = twin.address.plan
    message = f"the same calls were placed as plan {old}: same persons, same times."
    if twin.stopped_at is not None:
        message = _same_call(twin)
    return ("same-call",), f"{message} {_moved(f'{{from: {old}, to: {new}}}')}. {_DISTINCT}"


def same_as_row(twin: Entry) -> Reasons:
    """The row is a call that the state has under the name of another row, which is still there."""
    return ("same-call",), f"{_same_call(twin)} Its row is still there: remove one of the two. {_DISTINCT}"


_DISTINCT = "If a second call is meant, say distinct: true in the row"


def _same_call(twin: Entry) -> str:
    what = "was placed" if twin.placed else "may have been placed"
    if twin.stopped_at is not None:
        what = "was stopped by hand"
    return f"the same call {what} as {_named(twin)}: same person, same time."


def _moved(move: str) -> str:
    return f"If it was renamed, say in its file moved: [{move}]"
