"""The saved plan: one canonical byte form, written and read here and nowhere else.

The document is ``schemas/plan.schema.json``. ``plan_id`` is the SHA-256 of the canonical bytes of all other
fields but the signature. Reading serialises the plan again and compares bytes, so that no changed byte goes
unnoticed; a signature (HMAC-SHA-256 over the plan's id) tells who could write it, where a key is set.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from reconciler import identity
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
    Location,
    Plan,
    Request,
    Severity,
)
from reconciler.times import format_instant, parse_instant, scheduled_instant

FORMAT_VERSION = "1.0"
_ID_PREFIX = "sha256:"
_SIGNATURE_PREFIX = "hmac-sha256:"
_SIGN_HINT = "make it where the key is: RECONCILER_PLAN_KEY=... reconciler plan --out FILE"
_T = TypeVar("_T")


def plan_id(plan: Plan) -> str:
    """``sha256:<hex>`` over the unmasked plan, every field but the id itself."""
    return _ID_PREFIX + hashlib.sha256(_bytes(_body(plan))).hexdigest()


def to_document(plan: Plan, *, id_of: Plan | None = None, signing_key: str | None = None) -> JsonObject:
    """The plan as JSON values. ``id_of`` is the unmasked plan where ``plan`` is a masked copy."""
    body = _body(plan)
    head: JsonObject = {key: body.pop(key) for key in ("format_version", "tool_version")}
    own_id = plan_id(id_of or plan)
    signature = None if signing_key is None else _signature(own_id, signing_key)
    return head | {"plan_id": own_id} | body | {"signature": signature}


def _signature(own_id: str, signing_key: str) -> str:
    return _SIGNATURE_PREFIX + hmac.new(signing_key.encode(), own_id.encode(), hashlib.sha256).hexdigest()


def dumps(plan: Plan, *, id_of: Plan | None = None, signing_key: str | None = None) -> bytes:
    """The canonical bytes: UTF-8 JSON, two spaces deep for the frame, one line for each change."""
    return _bytes(to_document(plan, id_of=id_of, signing_key=signing_key))


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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"the saved plan is damaged: {error}") from error
    written = to_document(plan) | {"signature": document.get("signature")}
    if _bytes(written) != data:
        raise Refused(
            "the saved plan was changed after it was written: its bytes are not what its content gives",
            hint="make it again: reconciler plan --out FILE",
        )
    if signing_key is not None:
        _check_signature(written, signing_key)
    return plan


def _check_signature(document: JsonObject, signing_key: str) -> None:
    signature, own_id = document["signature"], document["plan_id"]
    if not isinstance(signature, str):
        raise Refused("the saved plan is not signed, and RECONCILER_PLAN_KEY asks for it", hint=_SIGN_HINT)
    if not hmac.compare_digest(signature.encode(), _signature(str(own_id), signing_key).encode()):
        raise Refused("the saved plan is not signed with this RECONCILER_PLAN_KEY", hint=_SIGN_HINT)


def _body(plan: Plan) -> JsonObject:
    git: JsonValue = {"commit": plan.git.commit, "dirty": plan.git.dirty} if plan.git else None
    taken = _optional(format_instant, plan.snapshot_at)
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": plan.tool_version,
        "created_at": format_instant(plan.created_at),
        "git": git,
        "base": None if plan.base is None else _base_document(plan.base),
        "state": {"lineage": plan.lineage, "serial": plan.serial, "snapshot_at": taken},
        "summary": summary(plan),
        "moves": [{"from": str(old), "to": str(new)} for old, new in plan.moves],
        "changes": [_change_document(change) for change in plan.changes],
        "diagnostics": [diagnostic_document(item) for item in plan.diagnostics],
    }


def summary(plan: Plan) -> JsonObject:
    """Counts by action, in the order of the contract."""
    order = ("create", "unchanged", "changed", "removed", "held", "waiting", "expired", "uncertain", "blocked")
    return {name: plan.count(Action(name)) for name in order}


def _change_document(change: Change) -> JsonObject:
    source: JsonValue = None if change.source is None else _place_document(change.source)
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
        "scheduled_at": _optional(format_instant, change.scheduled_at),
        "place_by": _optional(format_instant, change.place_by),
        "distinct": change.distinct,
        "diff": _diff_document(change.diff),
        "reasons": list(change.reasons),
        "message": change.message,
        "introduced": change.introduced,
    }


def _place_document(where: Location) -> JsonObject:
    place: JsonObject = {"file": where.file, "line": where.line, "column": where.column}
    return place if where.cell is None else {**place, "cell": where.cell}


def _diff_document(cells: Iterable[CellDiff]) -> list[JsonValue]:
    return [{"field": cell.field, "before": cell.before, "after": cell.after} for cell in cells]


def _base_document(base: Base) -> JsonObject:
    return {"ref": base.ref, "commit": base.commit, "settings": _diff_document(base.settings)}


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
        **(nowhere if item.location is None else _place_document(item.location)),
        "hint": item.hint,
    }


def _optional(convert: Callable[[datetime], str], value: datetime | None) -> str | None:
    return None if value is None else convert(value)


def _bytes(document: JsonObject) -> bytes:
    return b"".join(_pieces(document))


def _pieces(document: JsonObject) -> Iterable[bytes]:
    """One member a line; lists of objects one item a line."""
    opening = "{\n  "
    for name, value in document.items():
        yield f"{opening}{_compact(name)}: ".encode()
        if isinstance(value, list) and value:
            yield b"[\n    " + b",\n    ".join(_compact(item).encode() for item in value) + b"\n  ]"
        else:
            yield _compact(value).encode()
        opening = ",\n  "
    yield b"\n}\n"


def _compact(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


def _plan(document: JsonObject) -> Plan:
    state, git = _object(document["state"]), document["git"]
    return Plan(
        created_at=_instant(document["created_at"]),
        tool_version=_text(document["tool_version"]),
        lineage=_maybe(_text, state["lineage"]),
        serial=_maybe(_integer, state["serial"]),
        changes=tuple(_checked(_change(_object(item))) for item in _list(document["changes"])),
        diagnostics=tuple(_diagnostic(_object(item)) for item in _list(document["diagnostics"])),
        git=None if git is None else _git(_object(git)),
        moves=tuple(_move(_object(item)) for item in _list(document["moves"])),
        base=_maybe(_base, document["base"]),
        snapshot_at=_maybe(_instant, state["snapshot_at"]),
    )


def _base(value: JsonValue) -> Base:
    item = _object(value)
    return Base(_text(item["ref"]), _text(item["commit"]), _cells(item["settings"]))


def _instant(value: JsonValue) -> datetime:
    return parse_instant(_text(value))


def _move(item: JsonObject) -> tuple[Address, Address]:
    return Address.parse(_text(item["from"])), Address.parse(_text(item["to"]))


def _git(item: JsonObject) -> GitRevision:
    return GitRevision(_text(item["commit"]), item["dirty"] is True)


def _change(item: JsonObject) -> Change:
    request = _maybe(_object, item["request"])
    call = _maybe(_object, item["call"])
    return Change(
        address=Address(_text(item["plan"]), _text(item["key"]), _integer(item["revision"])),
        action=Action(_text(item["action"])),
        digest=_text(item["digest"]),
        source=_maybe(_location, item["source"]),
        call=None if call is None else identity.from_logical(call),
        request=None if request is None else Request(_text(request["endpoint"]), _object(request["body"])),
        scheduled_at=_maybe(_instant, item["scheduled_at"]),
        place_by=_maybe(_instant, item["place_by"]),
        distinct=item["distinct"] is True,
        diff=_cells(item["diff"]),
        reasons=tuple(_text(reason) for reason in _list(item["reasons"])),
        message=_maybe(_text, item["message"]),
        introduced=None if item["introduced"] is None else item["introduced"] is True,
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
    instant = scheduled_instant(schedule.at, schedule.timezone) if schedule is not None else None
    if instant != change.scheduled_at:
        raise ValueError(f"scheduled_at of {change.address} is not the time of its schedule")
    return change


def _cells(value: JsonValue) -> tuple[CellDiff, ...]:
    return tuple(_cell(_object(cell)) for cell in _list(value))


def _cell(item: JsonObject) -> CellDiff:
    return CellDiff(_text(item["field"]), _maybe(_text, item["before"]), _maybe(_text, item["after"]))


def _location(value: JsonValue) -> Location:
    item = _object(value)
    cell = _maybe(_text, item.get("cell"))
    return Location(_text(item["file"]), _integer(item["line"]), _integer(item["column"]), cell)


def _diagnostic(item: JsonObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity(_text(item["severity"])),
        code=_text(item["code"]),
        message=_text(item["message"]),
        location=None if item["file"] is None else _location(item),
        hint=_maybe(_text, item["hint"]),
    )


def _maybe(convert: Callable[[JsonValue], _T], value: JsonValue) -> _T | None:
    return None if value is None else convert(value)


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def _integer(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {value!r}")
    return value


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {value!r}")
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return value
