"""The saved plan: one canonical byte form, written and read here and nowhere else.

The document is ``schemas/plan.schema.json``. ``plan_id`` is the SHA-256 of the canonical bytes of all other
fields but the signature. Reading serialises the plan again and compares bytes, so that no changed byte goes
unnoticed; a signature (HMAC-SHA-256 over the plan's id) tells who could write it, where a key is set.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import IO

from reconciler import identity
from reconciler.documents import (
    END,
    Document,
    Lines,
    instant,
    integer,
    items,
    maybe,
    members,
    named_pieces,
    optional_instant,
    pieces,
    text,
    to_bytes,
    to_line,
)
from reconciler.errors import Refused
from reconciler.masking import mask_diagnostic
from reconciler.model import (
    Action,
    Address,
    Base,
    CellDiff,
    Change,
    Diagnostic,
    GitRevision,
    JsonObject,
    JsonValue,
    Lifted,
    Location,
    Plan,
    Request,
    Severity,
)
from reconciler.times import format_instant, scheduled_instant

FORMAT_VERSION = "1.0"
_ID_PREFIX = "sha256:"
_NO_ID = _ID_PREFIX + 64 * "0"
_NOT_IN_ID = frozenset({"plan_id", "signature"})
_SIGNATURE_PREFIX = "hmac-sha256:"
_SIGN_HINT = "make it where the key is: RECONCILER_PLAN_KEY=... reconciler plan --out FILE"


def change_document(change: Change) -> JsonObject:
    """One change as JSON, with all it holds."""
    source: JsonValue = None if change.source is None else place_document(change.source)
    request: JsonValue = None
    if change.request is not None:
        request = {"endpoint": change.request.endpoint, "body": change.request.body}
    return {
        "address": str(change.address),
        "plan": change.address.plan,
        "key": change.address.key,
        "revision": change.address.revision,
        "action": change.action.value,
        "digest": change.digest,
        "source": source,
        "request": request,
        "call": identity.to_logical(change.call) if change.call is not None else None,
        "scheduled_at": optional_instant(change.scheduled_at),
        "place_by": optional_instant(change.place_by),
        "called_timezone": change.called_timezone,
        "distinct": change.distinct,
        "diff": diff_document(change.diff),
        "reasons": list(change.reasons),
        "message": change.message,
        "introduced": change.introduced,
    }


def plan_id(plan: Plan) -> str:
    """``sha256:<hex>`` over the unmasked plan, every field but the id itself."""
    return _id_of(_body(plan))


def _id_of(body: Document) -> str:
    digest = hashlib.sha256()
    for piece in pieces(body):
        digest.update(piece)
    return _ID_PREFIX + digest.hexdigest()


def _named(body: dict[str, JsonValue | Lines], own_id: str, signature: JsonValue) -> Document:
    """The whole document, in the order in which its members stand."""
    head = {name: body[name] for name in ("format_version", "tool_version")}
    return head | {"plan_id": own_id} | body | {"signature": signature}


def _signature(own_id: str, signing_key: str) -> str:
    return _SIGNATURE_PREFIX + hmac.new(signing_key.encode(), own_id.encode(), hashlib.sha256).hexdigest()


def write(plan: Plan, file: IO[bytes], *, signing_key: str | None = None) -> None:
    """Write the canonical bytes: UTF-8 JSON, two spaces deep for the frame, one line for each change.

    The id stands before what it is taken over, so ``file`` must be one that can go back.
    """
    digest, places = hashlib.sha256(), {}
    for name, piece in named_pieces(_named(_body(plan), _NO_ID, None)):
        if name in _NOT_IN_ID:
            places[name] = file.tell()
        else:
            digest.update(piece)
        file.write(piece)
    own_id = _ID_PREFIX + digest.hexdigest()
    file.seek(places["plan_id"])
    file.write(_member("plan_id", own_id))
    file.seek(places["signature"])
    file.write(_member("signature", None if signing_key is None else _signature(own_id, signing_key)) + END)


def _member(name: str, value: JsonValue) -> bytes:
    """A member that is not the first, as it stands in the file."""
    return b",\n  " + to_line(name) + b": " + to_line(value)


def dumps(plan: Plan, *, signing_key: str | None = None) -> bytes:
    """What ``write`` writes."""
    file = BytesIO()
    write(plan, file, signing_key=signing_key)
    return file.getvalue()


def shown(plan: Plan, of: Plan, told: Callable[[Change], JsonObject] = change_document) -> Iterator[bytes]:
    """The same of a masked copy, piece by piece, under the id of the plan itself (``of``).

    ``told`` may say more of a change.
    """
    return pieces(_named(_body(plan, told), plan_id(of), None))


def loads(data: bytes, *, signing_key: str | None = None) -> Plan:
    """Read a saved plan. Where ``signing_key`` is set, the plan must be signed with it.

    Raises:
        Refused: not a plan, made by a newer version, not byte for byte what was written, or not signed as asked.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a saved plan: {error}") from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise Refused("not a saved plan: it has no format_version")
    version = document["format_version"]
    if version != FORMAT_VERSION:
        raise Refused(f"the plan has format {version!r}; this version reads {FORMAT_VERSION}")
    try:
        plan = _plan(document)
        body = _body(plan)
        rewritten = to_bytes(_named(body, _id_of(body), document.get("signature")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"the saved plan is damaged: {error}") from error
    if rewritten != data:
        raise Refused(
            "the saved plan was changed after it was written: its bytes are not what its content gives",
            hint="make it again: reconciler plan --out FILE",
        )
    if signing_key is not None:
        _check_signature(document, signing_key)
    return plan


def _check_signature(document: JsonObject, signing_key: str) -> None:
    signature, own_id = document["signature"], document["plan_id"]
    if not isinstance(signature, str):
        raise Refused("the saved plan is not signed, and RECONCILER_PLAN_KEY asks for it", hint=_SIGN_HINT)
    if not hmac.compare_digest(signature.encode(), _signature(str(own_id), signing_key).encode()):
        raise Refused("the saved plan is not signed with this RECONCILER_PLAN_KEY", hint=_SIGN_HINT)


def _body(plan: Plan, told: Callable[[Change], JsonObject] = change_document) -> dict[str, JsonValue | Lines]:
    git: JsonValue = {"commit": plan.git.commit, "dirty": plan.git.dirty} if plan.git else None
    taken = optional_instant(plan.snapshot_at)
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": plan.tool_version,
        "created_at": format_instant(plan.created_at),
        "git": git,
        "base": None if plan.base is None else _base_document(plan.base),
        "state": {"lineage": plan.lineage, "serial": plan.serial, "snapshot_at": taken},
        "summary": summary(plan),
        "overrides": [{"code": item.code, "reason": item.reason} for item in plan.lifted],
        "next_apply_by": optional_instant(plan.next_apply_by),
        "moves": [{"from": str(old), "to": str(new)} for old, new in plan.moves],
        "changes": Lines(lambda: (to_line(told(change)) for change in plan.changes)),
        "diagnostics": [diagnostic_document(item) for item in plan.diagnostics],
    }


def summary(plan: Plan) -> JsonObject:
    """Counts by action, in the order of the contract."""
    order = ("create", "unchanged", "changed", "removed", "held", "waiting", "expired", "uncertain", "blocked")
    return {name: plan.count(Action(name)) for name in order}


def place_document(where: Location) -> JsonObject:
    """``file``, ``line``, ``column``, and ``cell`` where the place is in a sheet."""
    place: JsonObject = {"file": where.file, "line": where.line, "column": where.column}
    return place if where.cell is None else {**place, "cell": where.cell}


def diff_document(cells: Iterable[CellDiff]) -> list[JsonValue]:
    """The cells that differ, as JSON."""
    return [
        {"field": cell.field, "before": cell.before, "after": cell.after, "hidden": cell.hidden} for cell in cells
    ]


def _base_document(base: Base) -> JsonObject:
    return {"ref": base.ref, "commit": base.commit, "settings": diff_document(base.settings)}


def diagnostic_document(item: Diagnostic) -> JsonObject:
    """One diagnostic as JSON, masked. ``file``, ``line`` and ``column`` are null where it has no place.

    ``cell`` is there where the place is in a sheet.
    """
    item = mask_diagnostic(item)
    nowhere: JsonObject = {"file": None, "line": None, "column": None}
    return {
        "severity": item.severity.value,
        "code": item.code,
        "message": item.message,
        **(nowhere if item.location is None else place_document(item.location)),
        "hint": item.hint,
    }


def _plan(document: JsonObject) -> Plan:
    state, git = members(document["state"]), document["git"]
    return Plan(
        created_at=instant(document["created_at"]),
        tool_version=text(document["tool_version"]),
        lineage=maybe(text, state["lineage"]),
        serial=maybe(integer, state["serial"]),
        changes=tuple(_checked(_change(members(item))) for item in items(document["changes"])),
        diagnostics=tuple(_diagnostic(members(item)) for item in items(document["diagnostics"])),
        git=None if git is None else _git(members(git)),
        moves=tuple(_move(members(item)) for item in items(document["moves"])),
        base=maybe(_base, document["base"]),
        snapshot_at=maybe(instant, state["snapshot_at"]),
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


def _git(item: JsonObject) -> GitRevision:
    return GitRevision(text(item["commit"]), item["dirty"] is True)


def _change(item: JsonObject) -> Change:
    request = maybe(members, item["request"])
    call = maybe(members, item["call"])
    return Change(
        address=Address(text(item["plan"]), text(item["key"]), integer(item["revision"])),
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
        introduced=None if item["introduced"] is None else item["introduced"] is True,
        called_timezone=maybe(text, item["called_timezone"]),
    )


def _checked(change: Change) -> Change:
    """A call that a plan carries must be the one its digest and its time say.

    Raises:
        ValueError: it is not.
    """
    call = change.call
    if call is None:
        return change
    if identity.digest(call) != change.digest:
        raise ValueError(f"the digest of {change.address} is not that of its call")
    schedule = call.schedule
    moment = scheduled_instant(schedule.at, schedule.timezone) if schedule is not None else None
    if moment != change.scheduled_at:
        raise ValueError(f"scheduled_at of {change.address} is not the time of its schedule")
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
