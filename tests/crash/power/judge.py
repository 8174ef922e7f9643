"""Opens what a power cut left with the real code, and compares it with what was sent and printed before."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.domain.model import PLACED_STATUSES, UNKNOWN_STATUSES
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import StateError
from reconciler.state.sqlite.state import SqliteState
from tests.crash.judge import address_of
from tests.crash.power.disk import Contents, write_folder
from tests.crash.power.recording import Operation

STATE = Path(".reconciler/state.db")
_NEVER_SENT_AGAIN = PLACED_STATUSES | UNKNOWN_STATUSES


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that was true outside of the disk from an operation on: a request was ``sent``, a call was
    reported as ``placed`` with its id, or the state was reported as ``created``."""

    at: int
    kind: str
    address: str = ""
    call_id: str = ""


def promises(operations: Sequence[Operation]) -> list[Promise]:
    """All promises of a recording, in order. A request counts from its first byte on."""
    return sorted([*_sent(operations), *_printed(operations)], key=lambda promise: promise.at)


def _sent(operations: Sequence[Operation]) -> Iterator[Promise]:
    open_requests: dict[tuple[int, int], tuple[int, bytes]] = {}
    for index, operation in enumerate(operations):
        if operation.kind != "N":
            continue
        socket = (operation.process, operation.file)
        start, data = open_requests.get(socket, (index, b""))
        if operation.data.startswith((b"POST ", b"GET ")):
            start, data = index, b""
        data += operation.data
        open_requests[socket] = (start, data)
        head, separator, body = data.partition(b"\r\n\r\n")
        if separator and head.startswith(b"POST ") and len(body) == _length(head):
            yield Promise(start, "sent", address_of(json.loads(body)))


def _length(head: bytes) -> int:
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2])


def _printed(operations: Sequence[Operation]) -> Iterator[Promise]:
    line = b""
    for index, operation in enumerate(operations):
        if operation.kind != "P":
            continue
        *lines, line = (line + operation.data).split(b"\n")
        for text in lines:
            if text.startswith(b"{"):
                event = json.loads(text)
                if event["type"] in {"placed", "adopted"}:
                    yield Promise(index, "placed", event["address"], event["call_id"])
            elif text.startswith(b"Created reconciler.yaml"):
                yield Promise(index, "created")


@dataclass(frozen=True, slots=True)
class Opened:
    """A state after a cut: why it cannot be opened, what is wrong in it, and its entries by address."""

    refused: str | None = None
    problems: Sequence[str] = ()
    entries: dict[str, tuple[str, str | None]] = field(default_factory=dict)


class Judge:
    """Opens states, each different one once, in folders below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, Opened] = {}
        self._recovered: dict[bytes, Opened] = {}
        self.journals = 0  # how many of them had a journal, which SQLite has to judge and may roll back

    @property
    def states(self) -> int:
        """How many different states were opened."""
        return len(self._opened)

    def open(self, contents: Contents) -> Opened:
        digest = _digest(contents)
        if digest not in self._opened:
            place = self._folder / "cut"
            write_folder(place, contents)
            self.journals += bool(contents.get(f"{STATE}-journal"))
            self._opened[digest] = self._recover(place / STATE)
            shutil.rmtree(place)
        return self._opened[digest]

    def _recover(self, path: Path) -> Opened:
        """Open the state, so that its journal is rolled back. Many disks are the same afterwards."""
        state = SqliteState(path)
        try:
            with state.reader():
                pass
            content = hashlib.sha256(path.read_bytes()).digest()
            if content not in self._recovered:
                self._recovered[content] = _examine(state)
            return self._recovered[content]
        except StateError as error:
            return Opened(refused=error.message)

    def broken(self, contents: Contents, acknowledged: Sequence[Promise]) -> list[str]:
        """Which promises the disk does not keep."""
        opened = self.open(contents)
        if opened.refused is not None:
            return [f"the state is lost: {opened.refused}"] if acknowledged else []
        if acknowledged and not contents.get(PROJECT_FILE):
            return [f"{PROJECT_FILE} is lost, which pins the state"]
        wrong = [f"the state is damaged: {problem}" for problem in opened.problems]
        for promise in acknowledged:
            status, call_id = opened.entries.get(promise.address, ("absent", None))
            if promise.kind == "sent" and status not in _NEVER_SENT_AGAIN:
                wrong.append(f"lost intent: {promise.address} was sent, and is {status}")
            if promise.kind == "placed" and call_id != promise.call_id:
                wrong.append(f"lost answer: {promise.address} was reported as placed, and is {status}")
        return wrong


def _examine(state: SqliteState) -> Opened:
    with state.reader() as reader:
        entries = {str(entry.address): (entry.status.value, entry.call_id) for entry in reader.entries()}
    return Opened(problems=state.check(datetime.now(UTC)), entries=entries)


def _digest(contents: Contents) -> str:
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(f"{path}:{'folder' if content is None else len(content)}\n".encode())
        digest.update(content or b"")
    return digest.hexdigest()
