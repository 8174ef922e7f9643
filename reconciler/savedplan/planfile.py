"""Write saved plans in their canonical form; this is the only place that does (``planreader`` reads them).

The document is ``schemas/plan.schema.json``. ``plan_id`` is the SHA-256 of the canonical bytes of all fields
except itself and the signature. The signature (HMAC-SHA-256 over the plan's id) proves that the writer had the
key, if one is set.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import IO

from msgspec import to_builtins
from msgspec.structs import astuple

from reconciler.bulk.spool import in_parts
from reconciler.domain.documents import (
    END,
    Document,
    Lines,
    joined,
    named_pieces,
    optional_instant,
    pieces,
    to_bytes,
    to_line,
    to_whole_line,
)
from reconciler.domain.masking import mask_diagnostic
from reconciler.domain.model import Diagnostic, JsonObject, JsonValue, Location
from reconciler.domain.plan import Action, Base, CallToStop, CellDiff, Change, Plan
from reconciler.domain.times import UNKNOWN_TIME, format_instant, format_wall, local_time, utc
from reconciler.savedplan.documents import (
    CallToStopDocument,
    ChangeDocument,
    DiagnosticDocument,
    PlaceDocument,
)

FORMAT_VERSION = "1.0"
_ID_PREFIX = "sha256:"
_NO_ID = _ID_PREFIX + 64 * "0"
_NOT_IN_ID = frozenset({"plan_id", "signature"})
_SIGNATURE_PREFIX = "hmac-sha256:"
_TOGETHER = 1 << 16
_SUMMARY_ORDER = (
    Action.CREATE,
    Action.UNCHANGED,
    Action.CHANGED,
    Action.REMOVED,
    Action.HELD,
    Action.WAITING,
    Action.EXPIRED,
    Action.UNCERTAIN,
    Action.BLOCKED,
    Action.FORBIDDEN,
    Action.CONFLICT,
)


def _change(change: Change) -> ChangeDocument:
    address = change.address
    return ChangeDocument(
        address=str(address),
        plan=address.plan,
        key=address.key,
        revision=address.revision,
        action=change.action,
        digest=change.digest,
        source=None if change.source is None else PlaceDocument(*astuple(change.source)),
        request=change.request,
        call=change.call,
        scheduled_at=_utc(change.scheduled_at),
        place_by=_utc(change.place_by),
        called_timezone=change.called_timezone,
        distinct=change.distinct,
        diff=list(change.diff),
        reasons=list(change.reasons),
        message=change.message,
        introduced=change.introduced,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)


def change_document(change: Change) -> JsonObject:
    """One complete change as JSON."""
    document: JsonObject = to_builtins(_change(change))
    return document


def change_line(change: Change) -> bytes:
    """The same as in the file, on one line. A delay is the only number that may be a fraction."""
    if change.call is not None and isinstance(change.call.delay_minutes, float):
        return to_line(change_document(change))
    return to_whole_line(_change(change))


def plan_id(plan: Plan) -> str:
    """``sha256:<hex>`` over the unmasked plan, every field but the id itself."""
    return _plan_id(_body(plan))


def _plan_id(body: Document) -> str:
    digest = hashlib.sha256()
    for piece in pieces(body):
        digest.update(piece)
    return id_from_digest(digest)


def id_from_digest(digest: hashlib._Hash) -> str:
    """The plan's id, from the digest of the hashed bytes."""
    return _ID_PREFIX + digest.hexdigest()


def _named(body: dict[str, JsonValue | Lines], own_id: str, signature: JsonValue) -> Document:
    """The whole document, in the order of its members."""
    head = {name: body[name] for name in ("format_version", "tool_version")}
    return head | {"plan_id": own_id} | body | {"signature": signature}


def _signature(own_id: str, signing_key: str) -> str:
    return _SIGNATURE_PREFIX + hmac.new(signing_key.encode(), own_id.encode(), hashlib.sha256).hexdigest()


def write(plan: Plan, file: IO[bytes], *, signing_key: str | None = None) -> None:
    """Write the canonical bytes: UTF-8 JSON, the frame indented by two spaces, one line for each change.

    The id precedes the bytes that it is computed from, so ``file`` must be seekable.
    """
    digest, places = hashlib.sha256(), {}
    for name, group in groupby(named_pieces(_named(_body(plan), _NO_ID, None)), key=itemgetter(0)):
        places[name] = file.tell()
        for written in _together(piece for _, piece in group):
            if name not in _NOT_IN_ID:
                digest.update(written)
            file.write(written)
    own_id = id_from_digest(digest)
    file.seek(places["plan_id"])
    file.write(_member("plan_id", own_id))
    file.seek(places["signature"])
    file.write(_member("signature", None if signing_key is None else _signature(own_id, signing_key)) + END)


def _together(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _TOGETHER:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def frame(plan: Plan, own_id: str, signature: JsonValue) -> bytes:
    """The whole document as it would be without changes."""
    return to_bytes(_named({**_body(plan), "changes": []}, own_id, signature))


def is_signature(signature: str, own_id: str, signing_key: str) -> bool:
    """Whether the signature of this plan id was made with the key."""
    return hmac.compare_digest(signature.encode(), _signature(own_id, signing_key).encode())


def _member(name: str, value: JsonValue) -> bytes:
    """A member other than the first, as in the file."""
    return b",\n  " + to_line(name) + b": " + to_line(value)


def masked_pieces(plan: Plan, original: Plan, line: Callable[[Change], bytes] = change_line) -> Iterator[bytes]:
    """The output of ``write`` for a masked copy, in pieces, with the id of the original plan (``original``).

    ``line`` may add to a change.
    """
    return pieces(_named(_body(plan, line), plan_id(original), None))


def _body(plan: Plan, line: Callable[[Change], bytes] = change_line) -> dict[str, JsonValue | Lines]:
    git: JsonValue = {"commit": plan.git.commit, "dirty": plan.git.dirty} if plan.git else None
    taken = optional_instant(plan.snapshot_at)
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": plan.tool_version,
        "zone_rules": plan.zone_rules,
        "created_at": format_instant(plan.created_at),
        "git": git,
        "base": None if plan.base is None else _base_document(plan.base),
        "state": {"lineage": plan.lineage, "serial": plan.serial, "snapshot_at": taken},
        "summary": summary(plan),
        "overrides": [{"code": item.code, "reason": item.reason} for item in plan.lifted],
        "next_apply_by": optional_instant(plan.next_apply_by),
        "moves": [{"from": str(old), "to": str(new)} for old, new in plan.moves],
        "to_stop": [to_stop_document(call) for call in plan.to_stop],
        "skipped": [to_builtins(item) for item in plan.skipped],
        "changes": Lines(lambda: _written(plan.changes, line)),
        "diagnostics": [diagnostic_document(item) for item in plan.diagnostics],
    }


def _written(changes: Sequence[Change], line: Callable[[Change], bytes]) -> Iterator[bytes]:
    """The lines of changes, many at a time."""
    return filter(None, in_parts(changes, lambda part: joined(map(line, part))))


def summary(plan: Plan) -> JsonObject:
    """Counts by action, in the order of the contract."""
    return {action.value: plan.count(action) for action in _SUMMARY_ORDER}


def to_stop_document(call: CallToStop) -> JsonObject:
    """A call to stop by hand."""
    known = call.rings_at != UNKNOWN_TIME
    document: JsonObject = to_builtins(
        CallToStopDocument(
            address=str(call.address),
            action=call.action,
            reasons=list(call.reasons),
            why=call.why,
            call_id=call.call_id,
            person=call.target,
            rings_at=utc(call.rings_at) if known else None,
            rings_local=format_wall(local_time(call.rings_at, call.timezone)) if known else None,
            timezone=call.timezone,
        )
    )
    return document


def place_document(where: Location) -> JsonObject:
    """``file``, ``line``, ``column``, and ``cell`` for a place in a sheet."""
    document: JsonObject = to_builtins(PlaceDocument(*astuple(where)))
    return document


def diff_document(cells: Iterable[CellDiff]) -> list[JsonValue]:
    """The cells that differ, as JSON."""
    document: list[JsonValue] = to_builtins(list(cells))
    return document


def _base_document(base: Base) -> JsonObject:
    return {"ref": base.ref, "commit": base.commit, "settings": diff_document(base.settings)}


def diagnostic_document(item: Diagnostic) -> JsonObject:
    """One diagnostic as JSON, masked."""
    item = mask_diagnostic(item)
    file, line, column, cell = (None, None, None, None) if item.location is None else astuple(item.location)
    document: JsonObject = to_builtins(
        DiagnosticDocument(
            severity=item.severity,
            code=item.code,
            message=item.message,
            file=file,
            line=line,
            column=column,
            cell=cell,
            hint=item.hint,
        )
    )
    return document
