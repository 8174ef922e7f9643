"""A state that was taken away from the run that used it: an older copy must not take its place unnoticed.

What that run placed is known to nobody else, and an older copy would have it placed again. So a file beside the
state says up to where a state must reach. It is gone as soon as one that does is opened, or was made from the
service; nothing but that or a person removes it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from reconciler.errors import StateError
from reconciler.ports import Result
from reconciler.state import files
from reconciler.state.database import Connection
from reconciler.state.ledger import Latest

_NAMED = 10  # calls


class Loss(msgspec.Struct, frozen=True):
    """The run that lost its state, and the last entry that it wrote to it."""

    run_id: str
    latest: Latest


class PlacedCalls:
    """The calls that a run placed: how many, and the last of them."""

    def __init__(self) -> None:
        self._count = 0
        self._last: deque[str] = deque(maxlen=_NAMED)

    def add(self, result: Result) -> None:
        self._count += 1
        self._last.append(f"{result.address} ({result.call_id})")

    def describe(self) -> str:
        if self._count == 0:
            return "This run had placed no call."
        calls = "1 call" if self._count == 1 else f"{self._count:,} calls"
        rest = ", the last of them" if self._count > _NAMED else ""
        return f"This run had placed {calls}{rest}: {', '.join(self._last)}."


def loss_file(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f"{real.name}.lost")


def is_lost(path: Path, latest: Latest) -> bool:
    """Whether the state at ``path`` lacks what a run wrote to it, or cannot be read."""
    try:
        with closing(files.connect(path, "ro")) as connection:
            return not _reaches(connection, latest)
    except sqlite3.Error:
        return True


def _reaches(connection: Connection, latest: Latest) -> bool:
    meta = connection.execute("select lineage from meta").fetchone()
    row = connection.execute("select hash from ledger where number = ?", (latest.head.number,)).fetchone()
    found = None if meta is None or row is None else (meta["lineage"], row["hash"])
    return found == (latest.lineage, latest.head.hash)


def note_loss(path: Path, loss: Loss) -> None:
    """Have older copies refused from now on. Where that cannot be written, the error of the run must do."""
    with suppress(OSError):
        loss_file(path).write_bytes(msgspec.json.encode(loss))
        files.sync_folder(loss_file(path).parent)


def refuse_older_copy(path: Path, connection: Connection) -> None:
    """Raises ``StateError`` where a run lost a state here that knew more than this one."""
    file = loss_file(path)
    with files.translated(path):
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return
        try:
            loss = msgspec.json.decode(content, type=Loss)
        except msgspec.MsgspecError:
            loss = None
        if loss is not None and _reaches(connection, loss.latest):
            file.unlink()
            return
    run = "a run" if loss is None else f"the run {loss.run_id}"
    raise StateError(
        f"the state {path} may be an older copy: {run} lost its state here, and this one lacks what it wrote",
        hint="put the newest copy of the state back; or move this one away and make it again from the service: "
        f"reconciler state rebuild. If you are sure that every call that was placed is in it, delete {file}",
    )


def forget_loss(path: Path) -> None:
    loss_file(path).unlink(missing_ok=True)
