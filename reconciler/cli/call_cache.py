"""A cache of ended calls beside the state, so that they are not queried again.

It is not part of the state: it has no lock and no serial, and plans and applies do not read it. If it cannot be
written, is damaged or was deleted, those calls are queried again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from reconciler.cli.output_files import write_private
from reconciler.domain import documents
from reconciler.domain.model import JsonObject
from reconciler.domain.service import RemoteCall
from reconciler.domain.settings import STATE_FOLDER
from reconciler.domain.times import format_instant, parse_instant
from reconciler.errors import ReconcilerError
from reconciler.state.sqlite.files import make_folder
from reconciler.system.files import MAX_DOCUMENT, read_in_project


class _CachedCall(msgspec.Struct, kw_only=True):
    created_at: str
    status: str
    result: str | None
    reason: str | None
    duration: int | float | None


class _Cache(msgspec.Struct, kw_only=True):
    version: Literal[1] = 1
    lineage: str
    calls: dict[str, _CachedCall]


def file_cache_path(state: Path) -> Path:
    """The path of the cache for a state in a file."""
    return state.with_name(f"{state.name}.ended.json")


def server_cache_path(project: Path, lineage: str) -> Path:
    """The path of the cache for a state on a server: in the project's own folder, which git ignores."""
    return project / STATE_FOLDER / f"{hashlib.sha256(lineage.encode()).hexdigest()[:32]}.ended.json"


def read(path: Path, lineage: str) -> dict[str, RemoteCall]:
    """The cached calls of this state, by id; empty if there is no readable cache."""
    try:
        cache = msgspec.json.decode(read_in_project(path.parent, path, MAX_DOCUMENT), type=_Cache)
        calls = cache.calls if cache.lineage == lineage else {}
        return {call_id: _call(call_id, item) for call_id, item in calls.items()}
    except (OSError, ValueError, RecursionError):
        return {}


def _call(call_id: str, item: _CachedCall) -> RemoteCall:
    created_at = parse_instant(item.created_at)
    return RemoteCall(
        call_id, item.status, created_at, result=item.result, reason=item.reason, duration=item.duration
    )


def write(path: Path, lineage: str, calls: Mapping[str, RemoteCall]) -> None:
    """Replace the cache with these calls."""
    cached = {
        call_id: _CachedCall(
            created_at=format_instant(call.created_at),
            status=call.status,
            result=call.result,
            reason=call.reason,
            duration=call.duration,
        )
        for call_id, call in sorted(calls.items())
    }
    document: JsonObject = msgspec.to_builtins(_Cache(lineage=lineage, calls=cached))
    with contextlib.suppress(ReconcilerError, OSError):
        if path.parent.name == STATE_FOLDER:
            make_folder(path.parent)
        write_private(path.parent, path, documents.to_bytes(document))
