"""Read a saved plan line by line, so that its length does not matter and every changed byte is detected.

Each change is written again as it is read, and the rest at the end; the result must equal the bytes of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import IO

import msgspec
from msgspec.structs import astuple

from reconciler.domain import identity
from reconciler.domain.changes import Changes
from reconciler.domain.merging import ascending
from reconciler.domain.model import Address, Diagnostic, Location
from reconciler.domain.plan import CallToStop, Change, Plan
from reconciler.domain.sensitive import may_name_person
from reconciler.domain.times import UNKNOWN_TIME, ZONE_RULES, in_range, scheduled_instant
from reconciler.errors import Refused
from reconciler.savedplan import planfile
from reconciler.savedplan.documents import (
    CallToStopDocument,
    ChangeDocument,
    DiagnosticDocument,
    FrameDocument,
)

_CHANGE = msgspec.json.Decoder(ChangeDocument)
_CHANGES = b'  "changes": [\n'
_INDENT = b"    "
_NEXT, _LAST = b",\n", b"\n"
_SHOWN_VERSION = 20
_AGAIN = "create it again: reconciler plan --out FILE"
_SIGN_HINT = "create it with the key: RECONCILER_PLAN_KEY=... reconciler plan --out FILE"


class _OtherTime(ValueError):  # noqa: N818 - converted to a Refused error
    """A call rings at another time than the plan states."""


class _Altered(ValueError):  # noqa: N818 - converted to a Refused error
    """The content does not give the bytes of the file."""


def read(file: IO[bytes], *, signing_key: str | None = None) -> Plan:
    """The saved plan in ``file``, which must be seekable. With ``signing_key``, it must be signed with it.

    Raises:
        Refused: it is not a plan, was made by a newer version, was changed, or lacks the required signature.
    """
    digest, frame = hashlib.sha256(), bytearray()
    try:
        changes = Changes.from_items(_changes(_hashed(file, digest), frame))
        document = msgspec.convert(json.loads(frame), FrameDocument)
        plan = _plan(document, changes)
        own_id = planfile.id_from_digest(digest)
        if planfile.frame(plan, own_id, document.signature) != frame:
            raise _Altered
    except (ValueError, OverflowError, RecursionError) as error:
        raise _refusal(file, error) from error
    if signing_key is not None:
        _check_signature(document.signature, own_id, signing_key)
    return plan


def _hashed(file: IO[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """The lines of the file; ``digest`` receives everything that the plan's id covers: all except id and
    signature.
    """
    before = b""
    for line in file:
        if line.startswith(b'  "signature": '):
            before = before.removesuffix(_NEXT) + _LAST
        elif not line.startswith(b'  "plan_id": '):
            digest.update(before)
            before = line
        yield line
    digest.update(before)


def _changes(lines: Iterator[bytes], frame: bytearray) -> Iterator[Change]:
    """The changes in order; ``frame`` receives the file as it would be without changes."""
    for line in lines:
        if line != _CHANGES:
            frame += line
            continue
        frame += line.removesuffix(b"\n")
        yield from ascending(_parse_change(*item) for item in _items(lines))
        frame += next(lines, b"").removeprefix(b"  ")


def _items(lines: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The lines of a non-empty list, each with its expected ending."""
    for line in lines:
        end = _NEXT if line.endswith(_NEXT) else _LAST
        yield line, end
        if end is _LAST:
            return


def _parse_change(line: bytes, end: bytes) -> Change:
    try:
        change = _checked(_change(_CHANGE.decode(line.removesuffix(end))))
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise _Altered from error
    if _INDENT + planfile.change_line(change) + end != line:
        raise _Altered
    return change


def _refusal(file: IO[bytes], error: Exception) -> Refused:
    """Why the file is not a valid saved plan: it is read again completely for a better message than ``error``."""
    file.seek(0)
    try:
        document = json.load(file)
    except (ValueError, RecursionError) as wrong:
        return Refused(f"not a saved plan: {wrong}", hint=_AGAIN)
    if not isinstance(document, dict) or "format_version" not in document:
        return Refused("not a saved plan: it has no format_version", hint=_AGAIN)
    version = document["format_version"]
    if version != planfile.FORMAT_VERSION:
        by = str(document.get("tool_version", "unknown"))[:_SHOWN_VERSION]
        message = f"the plan was made by another version of reconciler ({by}, format {version!r}), "
        return Refused(f"{message}but this one reads format {planfile.FORMAT_VERSION!r}", hint=_AGAIN)
    if isinstance(error, _Altered | json.JSONDecodeError):
        return Refused(
            "the saved plan was changed after it was written: its bytes do not match its content", hint=_AGAIN
        )
    if isinstance(error, _OtherTime) and document.get("zone_rules") != ZONE_RULES:
        made = f"the plan was made with time zone rules {str(document.get('zone_rules'))!r}"
        return Refused(
            f"{made}, but with this machine's rules {ZONE_RULES!r} a call rings at another time: {error}",
            hint=_AGAIN,
        )
    return Refused(f"the saved plan is damaged: {error}", hint=_AGAIN)


def _check_signature(signature: str | None, own_id: str, signing_key: str) -> None:
    if signature is None:
        raise Refused("the saved plan is not signed, but a signature is required", hint=_SIGN_HINT)
    if not planfile.is_signature(signature, own_id, signing_key):
        raise Refused("the saved plan is not signed with this RECONCILER_PLAN_KEY", hint=_SIGN_HINT)


def _plan(document: FrameDocument, changes: Changes) -> Plan:
    state = document.state
    return Plan(
        created_at=in_range(document.created_at),
        tool_version=document.tool_version,
        lineage=state.lineage,
        serial=state.serial,
        zone_rules=document.zone_rules,
        changes=changes,
        diagnostics=tuple(map(_diagnostic, document.diagnostics)),
        git=document.git,
        moves=tuple((Address.parse(move.old), Address.parse(move.new)) for move in document.moves),
        base=document.base,
        snapshot_at=_instant(state.snapshot_at),
        to_stop=tuple(map(_to_stop, document.to_stop)),
        skipped=document.skipped,
        lifted=document.overrides,
        next_apply_by=_instant(document.next_apply_by),
    )


def _instant(moment: datetime | None) -> datetime | None:
    return None if moment is None else in_range(moment)


def _to_stop(item: CallToStopDocument) -> CallToStop:
    address = Address.parse(item.address)
    return CallToStop(
        address=address,
        action=item.action,
        reasons=tuple(item.reasons),
        why=item.why,
        rings_at=_instant(item.rings_at) or UNKNOWN_TIME,
        timezone=item.timezone,
        call_id=item.call_id,
        target=item.person,
        private=_private(address),
    )


def _private(address: Address) -> tuple[str, ...]:
    """The key of a row without a call in the plan, if the key may be a person's name."""
    return (address.key,) if may_name_person(address.key) else ()


def _change(item: ChangeDocument) -> Change:
    address = Address.parse(f"{item.plan}/{item.key}@{item.revision}")
    return Change(
        address=address,
        action=item.action,
        digest=item.digest,
        source=None if item.source is None else Location(*astuple(item.source)),
        call=None if item.call is None else identity.check_target(item.call),
        request=item.request,
        scheduled_at=_instant(item.scheduled_at),
        place_by=_instant(item.place_by),
        distinct=item.distinct,
        diff=tuple(item.diff),
        reasons=tuple(item.reasons),
        message=item.message,
        private=_private(address) if item.call is None else (),
        introduced=item.introduced,
        called_timezone=item.called_timezone,
    )


def _checked(change: Change) -> Change:
    """Check that a call in a plan matches its digest and its time.

    Raises:
        ValueError: it does not.
    """
    call = change.call
    if call is None:
        return change
    if identity.digest(call) != change.digest:
        raise ValueError(f"the digest of {change.address} does not match its call")
    schedule = call.schedule
    moment = scheduled_instant(schedule.at, schedule.timezone) if schedule is not None else None
    if moment != change.scheduled_at:
        raise _OtherTime(f"scheduled_at of {change.address} does not match its schedule")
    return change


def _diagnostic(item: DiagnosticDocument) -> Diagnostic:
    location = None
    if item.file is not None and item.line is not None and item.column is not None:
        location = Location(item.file, item.line, item.column, item.cell)
    return Diagnostic(item.severity, item.code, item.message, location, item.hint)
