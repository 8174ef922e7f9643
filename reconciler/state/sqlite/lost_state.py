"""A run lost its state because the file was replaced; an older copy must not take its place unnoticed.

Only the lost file has the calls that this run placed, and an older copy would place them again. So a file beside
the state records which ledger entry a state must have. It is removed when a state with this entry is opened, when
the state is rebuilt from the service, or by a person.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from reconciler.errors import StateError
from reconciler.state.ledger.entries import Latest
from reconciler.state.session import Connection
from reconciler.state.sqlite import connection as connections
from reconciler.system.files import sync_folder, write_synced


class LostState(msgspec.Struct, frozen=True):
    """The run that lost its state, and the latest entry that it wrote."""

    run_id: str
    latest: Latest


def record_file(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f"{real.name}.lost")


def is_lost(path: Path, latest: Latest) -> bool:
    """Whether the state at ``path`` does not have this entry, or cannot be read."""
    try:
        with closing(connections.connect(path, "ro")) as connection:
            return not _has(connection, latest)
    except sqlite3.Error:
        return True


def _has(connection: Connection, latest: Latest) -> bool:
    meta = connection.execute("select lineage from meta").fetchone()
    row = connection.execute("select hash from ledger where number = ?", (latest.head.number,)).fetchone()
    stored = None if meta is None or row is None else (meta["lineage"], row["hash"])
    return stored == (latest.lineage, latest.head.hash)


def record_lost(path: Path, lost: LostState) -> None:
    """Have older copies refused from now on. If this cannot be written, the run's own error still says so."""
    with suppress(OSError):
        file = record_file(path)
        write_synced(file, msgspec.json.encode(lost), replace=True)  # in place: half of a record refuses, too
        sync_folder(file.parent)


def refuse_older_copy(path: Path, connection: Connection) -> None:
    """Raises ``StateError`` if a run lost its state here, and this one does not have what the run wrote."""
    file = record_file(path)
    with connections.translated(path):
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return
        try:
            lost = msgspec.json.decode(content, type=LostState)
        except msgspec.MsgspecError:
            lost = None
        if lost is not None and _has(connection, lost.latest):
            file.unlink()
            return
    run = "a run" if lost is None else f"the run {lost.run_id}"
    raise StateError(
        f"the state {path} may be an older copy: {run} lost its state here, and this one lacks what it wrote",
        hint="restore the newest copy of the state. Or move this one away, and rebuild it from the service: "
        f"reconciler state rebuild. If you are sure that it has every placed call, delete {file}",
    )
