"""A cache of ended calls beside the state, so that they are not queried again.

It is not part of the state: it has no lock and no serial, and plans and applies do not read it. If it cannot be
written, is damaged or was deleted, those calls are queried again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli.output import write_private
from reconciler.domain import documents
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.service import RemoteCall
from reconciler.domain.settings import STATE_FOLDER
from reconciler.domain.times import format_instant
from reconciler.errors import ReconcilerError
from reconciler.state.files import make_folder
from reconciler.system.files import MAX_DOCUMENT, read_in_project

_VERSION = 1


def file_cache_path(state: Path) -> Path:
    """The path of the cache for a state in a file."""
    return state.with_name(f"{state.name}.ended.json")


def server_cache_path(project: Path, lineage: str) -> Path:
    """The path of the cache for a state on a server: in the project's own folder, which git ignores."""
    return project / STATE_FOLDER / f"{hashlib.sha256(lineage.encode()).hexdigest()[:32]}.ended.json"


def read(path: Path, lineage: str) -> dict[str, RemoteCall]:
    """The cached calls of this state, by id; empty if there is no readable cache."""
    try:
        document = documents.members(json.loads(read_in_project(path.parent, path, MAX_DOCUMENT)))
        if document.get("version") != _VERSION or document.get("lineage") != lineage:
            return {}
        calls = documents.members(document["calls"])
        return {call_id: _call(call_id, documents.members(item)) for call_id, item in calls.items()}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def write(path: Path, lineage: str, calls: Mapping[str, RemoteCall]) -> None:
    """Replace the cache with these calls."""
    listed: JsonObject = {call_id: _document(call) for call_id, call in sorted(calls.items())}
    document: JsonObject = {"version": _VERSION, "lineage": lineage, "calls": listed}
    with contextlib.suppress(ReconcilerError, OSError):
        if path.parent.name == STATE_FOLDER:
            make_folder(path.parent)
        write_private(path.parent, path, documents.to_bytes(document))


def _document(call: RemoteCall) -> JsonValue:
    return {
        "created_at": format_instant(call.created_at),
        "status": call.status,
        "result": call.result,
        "reason": call.reason,
        "duration": call.duration,
    }


def _call(call_id: str, item: JsonObject) -> RemoteCall:
    duration = item["duration"]
    if isinstance(duration, bool) or not isinstance(duration, int | float | None):
        raise TypeError("a duration must be a number")
    return RemoteCall(
        id=call_id,
        status=documents.text(item["status"]),
        created_at=documents.instant(item["created_at"]),
        result=documents.maybe(documents.text, item["result"]),
        reason=documents.maybe(documents.text, item["reason"]),
        duration=duration,
    )
