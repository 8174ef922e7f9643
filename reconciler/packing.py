"""Rows and changes as bytes that this very process reads again, for what is kept on disk while it works.

Plain values by ``marshal``: a third of the time that JSON takes. Nothing that another process wrote is ever read.
"""

from __future__ import annotations

import marshal
from datetime import datetime
from typing import Any, TypeAlias

from reconciler.model import Address, Call, Location, Request, Row, Schedule
from reconciler.plan import Action, CellDiff, Change, Moment, Said

_VERSION = 2  # of the format: later ones look for texts that occur twice, and take longer
_Plain: TypeAlias = Any  # what marshal takes: texts, numbers, None, and tuples, lists and dictionaries of these
_ACTIONS = {action.value: action for action in Action}


def pack_row(row: Row) -> bytes:
    """The inverse of ``unpack_row``."""
    address, where = row.address, row.source
    return marshal.dumps(
        (
            (address.plan, address.key, address.revision),
            _call(row.call),
            (where.file, where.line, where.column, where.cell),
            _moment(row.rings_at),
            row.enabled,
            _moment(row.place_by),
            row.distinct,
            row.called_timezone,
        ),
        _VERSION,
    )


def unpack_row(data: bytes) -> Row:
    """The row that was packed."""
    address, call, where, rings_at, enabled, place_by, distinct, called = marshal.loads(data)  # noqa: S302 - ours
    return Row(
        Address(*address),
        _to_call(call),
        Location(*where),
        None if rings_at is None else datetime.fromisoformat(rings_at),
        enabled,
        None if place_by is None else datetime.fromisoformat(place_by),
        distinct,
        called,
    )


def pack_change(change: Change) -> bytes:
    """The inverse of ``unpack_change``."""
    address, where, request = change.address, change.source, change.request
    return marshal.dumps(
        (
            (address.plan, address.key, address.revision),
            change.action.value,
            change.digest,
            None if where is None else (where.file, where.line, where.column, where.cell),
            None if change.call is None else _call(change.call),
            None if request is None else (request.endpoint, request.body),
            _moment(change.scheduled_at),
            _moment(change.place_by),
            change.distinct,
            tuple((cell.field, cell.before, cell.after, cell.hidden) for cell in change.diff),
            change.reasons,
            change.message,
            change.introduced,
            change.called_timezone,
            None if change.said is None else _said(change.said),
        ),
        _VERSION,
    )


def unpack_change(data: bytes) -> Change:
    """The change that was packed."""
    (
        address, action, digest, where, call, request, scheduled_at, place_by,
        distinct, diff, reasons, message, introduced, called, said,
    ) = marshal.loads(data)  # noqa: S302 - ours  # fmt: skip
    return Change(
        Address(*address),
        _ACTIONS[action],
        digest,
        None if where is None else Location(*where),
        None if call is None else _to_call(call),
        None if request is None else Request(*request),
        None if scheduled_at is None else datetime.fromisoformat(scheduled_at),
        None if place_by is None else datetime.fromisoformat(place_by),
        distinct,
        tuple(CellDiff(*cell) for cell in diff),
        reasons,
        message,
        introduced,
        called,
        None if said is None else _to_said(said),
    )


def _call(call: Call) -> _Plain:
    schedule = call.schedule
    return (
        call.agent,
        call.sender,
        call.contact_id,
        call.to_number,
        call.full_name,
        call.email,
        call.country,
        call.webhook_url,
        None if schedule is None else (schedule.at, schedule.timezone),
        call.delay_minutes,
        dict(call.additional_data),
        dict(call.metadata),
    )


def _to_call(plain: _Plain) -> Call:
    agent, sender, contact, number, name, email, country, webhook, schedule, delay, data, metadata = plain
    when = None if schedule is None else Schedule(*schedule)
    return Call(agent, sender, contact, number, name, email, country, webhook, when, delay, data, metadata)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _said(said: Said) -> _Plain:
    return tuple(part if isinstance(part, str) else (part.at.isoformat(), part.timezone) for part in said)


def _to_said(plain: _Plain) -> Said:
    return tuple(
        part if isinstance(part, str) else Moment(datetime.fromisoformat(part[0]), part[1]) for part in plain
    )
