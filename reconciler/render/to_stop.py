"""The calls to stop by hand, shared by every format: one list, the soonest first, each call once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from reconciler.domain.masking import mask_to_stop
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.domain.times import UNKNOWN_TIME, format_instant, format_wall, local_time
from reconciler.quantities import format_count
from reconciler.render.subject import Display, Subject
from reconciler.render.table import Table, TableRow
from reconciler.savedplan.planfile import to_stop_document

COLUMNS = (
    *("action", "address", "call_id", "person", "rings_at", "rings_local", "timezone", "why", "reasons", "to_do"),
    *("decision", "reason"),  # filled in by a person, read by resolve --from
)
_ONLY_LISTED = frozenset({Action.FORBIDDEN, Action.REMOVED})


def heading(calls: Sequence[CallToStop]) -> str:
    """``2 calls to stop by hand, the soonest first``."""
    return f"{format_count(len(calls), 'call')} to stop by hand{', the soonest first' if len(calls) > 1 else ''}"


def rings(call: CallToStop) -> str:
    """When it rings, in local time with the name of the zone."""
    if call.rings_at == UNKNOWN_TIME:
        return "at an unknown time"
    return f"{format_wall(local_time(call.rings_at, call.timezone))} {call.timezone}"


def subject(call: CallToStop, display: Display) -> Subject:
    """The columns of a call."""
    described = display.subject(call.shown_call, call.rings_at)
    if described.person:
        return described
    return structs.replace(described, person=call.target or "", target=call.target or "")


def advice(calls: Sequence[CallToStop]) -> str:
    """What to do about all of them, in one sentence."""
    if len(calls) == 1:
        return f"It will still ring: the API cannot change or cancel a call. To stop it, {to_do(calls[0])}."
    return (
        "They will still ring: the API cannot change or cancel a call. To stop one, delete it in the ContactShip "
        "dashboard, then run: reconciler resolve ADDRESS --stopped --reason WHY (or --let-ring). For many: "
        "reconciler status --to-stop --format csv --output stop.csv, then reconciler resolve --from stop.csv."
    )


def to_do(call: CallToStop) -> str:
    """The steps to stop the call, in one line."""
    command = f"reconciler resolve {call.address} --stopped --reason WHY"
    return f"delete {call.call_id or 'it'} in the ContactShip dashboard, then run: {command} (or --let-ring)"


def sentence(call: CallToStop) -> str:
    """The whole entry in one line, without the address."""
    who = "" if call.target is None else f" calls {call.target} and"
    return f"{call.call_id or 'the call'}{who} rings {rings(call)}: {call.why}. To stop it, {to_do(call)}"


def elsewhere(plan: Plan, action: Action, changes: Sequence[Change]) -> Sequence[Change]:
    """The changes of an action that are shown outside the list. An edited call also shows its cells there."""
    if action not in _ONLY_LISTED or not plan.to_stop:
        return changes
    listed = addresses(plan)
    return [change for change in changes if change.address not in listed]


def addresses(plan: Plan) -> frozenset[Address]:
    return frozenset(call.address for call in plan.to_stop)


def table(calls: Iterable[CallToStop], *, masked: bool) -> Table:
    """One row for each call, with empty cells for a person's decision."""
    lines = [TableRow(_texts(mask_to_stop(call) if masked else call)) for call in calls]
    return Table("To stop", COLUMNS, lines, len(lines))


def _texts(call: CallToStop) -> tuple[str, ...]:
    known = call.rings_at != UNKNOWN_TIME
    return (
        call.action.value,
        str(call.address),
        call.call_id or "",
        call.target or "",
        format_instant(call.rings_at) if known else "",
        format_wall(local_time(call.rings_at, call.timezone)) if known else "",
        call.timezone,
        call.why,
        ", ".join(call.reasons),
        to_do(call),
        "",
        "",
    )


def documents(calls: Iterable[CallToStop], *, masked: bool) -> list[JsonObject]:
    """The members of ``to_stop`` in ``schemas/plan.schema.json``."""
    return [to_stop_document(mask_to_stop(call) if masked else call) for call in calls]
