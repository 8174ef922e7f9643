"""Read a saved plan line by line, so that its length does not matter and every changed byte is detected.

Each change is written again as it is read, and the rest at the end; the result must equal the bytes of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import IO

from reconciler.domain import identity
from reconciler.domain.changes import Changes
from reconciler.domain.documents import instant, integer, items, maybe, members, text
from reconciler.domain.merging import ascending
from reconciler.domain.model import Address, Diagnostic, JsonObject, JsonValue, Location, Request, Severity
from reconciler.domain.plan import Action, Base, CallToStop, CellDiff, Change, GitRevision, Lifted, Plan
from reconciler.domain.sensitive import may_name_person
from reconciler.domain.times import UNKNOWN_TIME, ZONE_RULES, scheduled_instant
from reconciler.errors import Refused
from reconciler.savedplan import planfile

_CHANGES = b'  "changes": [\n'
_INDENT = b"    "
_NEXT, _LAST = b",\n", b"\n"
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
        document = json.loads(frame)
        plan = _plan(members(document), changes)
        own_id = planfile.id_from_digest(digest)
        if planfile.frame(plan, own_id, document["signature"]) != frame:
            raise _Altered
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise _refusal(file, error) from error
    if signing_key is not None:
        _check_signature(document["signature"], own_id, signing_key)
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
    change = _checked(_change(members(json.loads(line.removesuffix(end)))))
    if _INDENT + planfile.change_line(change) + end != line:
        raise _Altered
    return change


def _refusal(file: IO[bytes], error: Exception) -> Refused:
    """Why the file is not a valid saved plan: it is read again completely for a better message than ``error``."""
    file.seek(0)
    try:
        document = json.load(file)
    except (ValueError, RecursionError) as wrong:
        return Refused(f"not a saved plan: {wrong}")
    if not isinstance(document, dict) or "format_version" not in document:
        return Refused("not a saved plan: it has no format_version")
    version = document["format_version"]
    if version != planfile.FORMAT_VERSION:
        return Refused(f"the plan has format {version!r}, but this version reads {planfile.FORMAT_VERSION}")
    if isinstance(error, _Altered | json.JSONDecodeError):
        return Refused(
            "the saved plan was changed after it was written: its bytes do not match its content",
            hint="create it again: reconciler plan --out FILE",
        )
    if isinstance(error, _OtherTime) and document.get("zone_rules") != ZONE_RULES:
        made = f"the plan was made with time zone rules {str(document.get('zone_rules'))!r}"
        return Refused(
            f"{made}, but with this machine's rules {ZONE_RULES!r} a call rings at another time: {error}",
            hint="create it again: reconciler plan --out FILE",
        )
    return Refused(f"the saved plan is damaged: {error}")


def _check_signature(signature: JsonValue, own_id: str, signing_key: str) -> None:
    if not isinstance(signature, str):
        raise Refused("the saved plan is not signed, but a signature is required", hint=_SIGN_HINT)
    if not planfile.is_signature(signature, own_id, signing_key):
        raise Refused("the saved plan is not signed with this RECONCILER_PLAN_KEY", hint=_SIGN_HINT)


def _plan(document: JsonObject, changes: Changes) -> Plan:
    state, git = members(document["state"]), document["git"]
    return Plan(
        created_at=instant(document["created_at"]),
        tool_version=text(document["tool_version"]),
        lineage=maybe(text, state["lineage"]),
        serial=maybe(integer, state["serial"]),
        zone_rules=text(document["zone_rules"]),
        changes=changes,
        diagnostics=tuple(_diagnostic(members(item)) for item in items(document["diagnostics"])),
        git=None if git is None else _git(members(git)),
        moves=tuple(_move(members(item)) for item in items(document["moves"])),
        base=maybe(_base, document["base"]),
        snapshot_at=maybe(instant, state["snapshot_at"]),
        to_stop=tuple(_to_stop(members(item)) for item in items(document["to_stop"])),
        lifted=tuple(_lifted(members(item)) for item in items(document["overrides"])),
        next_apply_by=maybe(instant, document["next_apply_by"]),
    )


def _base(value: JsonValue) -> Base:
    item = members(value)
    return Base(text(item["ref"]), text(item["commit"]), _cells(item["settings"]))


def _lifted(item: JsonObject) -> Lifted:
    return Lifted(text(item["code"]), text(item["reason"]))


def _move(item: JsonObject) -> tuple[Address, Address]:
    return Address.parse(text(item["from"])), Address.parse(text(item["to"]))


def _to_stop(item: JsonObject) -> CallToStop:
    address = Address.parse(text(item["address"]))
    return CallToStop(
        address=address,
        action=Action(text(item["action"])),
        reasons=tuple(text(reason) for reason in items(item["reasons"])),
        why=text(item["why"]),
        rings_at=maybe(instant, item["rings_at"]) or UNKNOWN_TIME,
        timezone=text(item["timezone"]),
        call_id=maybe(text, item["call_id"]),
        target=maybe(text, item["person"]),
        private=_private(address),
    )


def _private(address: Address) -> tuple[str, ...]:
    """The key of a row without a call in the plan, if the key may be a person's name."""
    return (address.key,) if may_name_person(address.key) else ()


def _git(item: JsonObject) -> GitRevision:
    return GitRevision(text(item["commit"]), item["dirty"] is True)


def _change(item: JsonObject) -> Change:
    request = maybe(members, item["request"])
    call = maybe(members, item["call"])
    address = Address.parse(f"{text(item['plan'])}/{text(item['key'])}@{integer(item['revision'])}")
    return Change(
        address=address,
        action=Action(text(item["action"])),
        digest=text(item["digest"]),
        source=maybe(_location, item["source"]),
        call=None if call is None else identity.from_logical(call),
        request=None if request is None else Request(text(request["endpoint"]), members(request["body"])),
        scheduled_at=maybe(instant, item["scheduled_at"]),
        place_by=maybe(instant, item["place_by"]),
        distinct=item["distinct"] is True,
        diff=_cells(item["diff"]),
        reasons=tuple(text(reason) for reason in items(item["reasons"])),
        message=maybe(text, item["message"]),
        private=_private(address) if call is None else (),
        introduced=None if item["introduced"] is None else item["introduced"] is True,
        called_timezone=maybe(text, item["called_timezone"]),
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


def _cells(value: JsonValue) -> tuple[CellDiff, ...]:
    return tuple(_cell(members(cell)) for cell in items(value))


def _cell(item: JsonObject) -> CellDiff:
    before, after = maybe(text, item["before"]), maybe(text, item["after"])
    return CellDiff(text(item["field"]), before, after, hidden=item["hidden"] is True)


def _location(value: JsonValue) -> Location:
    item = members(value)
    cell = maybe(text, item.get("cell"))
    return Location(text(item["file"]), integer(item["line"]), integer(item["column"]), cell)


def _diagnostic(item: JsonObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity(text(item["severity"])),
        code=text(item["code"]),
        message=text(item["message"]),
        location=None if item["file"] is None else _location(item),
        hint=maybe(text, item["hint"]),
    )
