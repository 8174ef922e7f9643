"""A state that was taken away from the run that used it: an older copy must not take its place unnoticed.

What that run placed is known to nobody else, and an older copy would have it placed again. So a file beside the
state says up to where a state must reach. It is gone as soon as one that does is opened, or was made from the
service; nothing but that or a person removes it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Result
from reconciler.errors import StateError
from reconciler.state.ledger.entries import Latest
from reconciler.state.session import Connection
from reconciler.state.sqlite import files

_NAMED = 10  # calls


class Loss(msgspec.Struct, frozen=True):
    """The run that lost its state, and the last entry that it wrote to it."""

    run_id: str
    latest: Latest


class PlacedCalls:
    """The calls that a run placed: how many, and the last of them.

    Some are known only here: their answers came, and could not be recorded any more.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last: deque[str] = deque(maxlen=_NAMED)
        self._unrecorded: dict[Address, str] = {}

    def add(self, results: Iterable[Result]) -> None:
        """Add what was recorded; all but placed calls are left out."""
        for result in _placed(results):
            self._unrecorded.pop(result.address, None)
            self._count += 1
            self._last.append(_name(result))

    def add_unrecorded(self, results: Iterable[Result]) -> None:
        """Add answers that could not be recorded; all but placed calls are left out."""
        self._unrecorded.update({result.address: _name(result) for result in _placed(results)})

    def describe(self) -> str:
        count, named = self._count + len(self._unrecorded), [*self._last, *self._unrecorded.values()]
        if count == 0:
            return "This run had placed no call."
        calls = "1 call" if count == 1 else f"{count:,} calls"
        rest = ", the last of them" if count > len(named) else ""
        return f"This run had placed {calls}{rest}: {', '.join(named)}."


def _placed(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if result.status is Status.PLACED)


def _name(result: Result) -> str:
    return f"{result.address} ({result.call_id})"


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
