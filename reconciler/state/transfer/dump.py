"""A complete state in one file of JSON lines: a header, each row, and a digest. It is independent of the database.

It contains the state's secret and the calls in clear.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import msgspec

from reconciler import __version__
from reconciler.domain.ledger import Head
from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.ledger import entries
from reconciler.state.migrations import MIGRATIONS
from reconciler.state.session import Connection, Value
from reconciler.state.tables import TABLES, read_rows
from reconciler.state.transfer import copying
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import open_named

FORMAT, VERSION = "reconciler-state", "1.0"


class _Header(msgspec.Struct, frozen=True):
    """``steps`` are the migrations of the state's tables."""

    format: str
    format_version: str
    tool_version: str
    lineage: str
    serial: int
    head: Head
    steps: list[str]


class _Line(msgspec.Struct, frozen=True):
    """A row, or the digest at the end, which has neither member."""

    table: str | None = None
    row: dict[str, Value] = {}


_LINES = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class StateDump:
    """A complete file: its digest was compared. ``head`` is the end of the ledger in it."""

    path: Path
    lineage: str
    head: Head

    def rows(self, table: str) -> Iterator[copying.Record]:
        """The rows of one table, in order."""
        return (row for name, row in self._all_rows() if name == table)

    def fill(self, connection: Connection) -> int:
        """Fill empty tables in the caller's transaction, and count the calls. Raises ``StateError`` as
        ``read``."""
        counts: dict[str, int] = {}
        for table, rows in groupby(self._all_rows(), key=itemgetter(0)):
            counts[table] = copying.fill(connection, table, (row for _, row in rows))
        return counts.get("calls", 0)

    def _all_rows(self) -> Iterator[tuple[str, copying.Record]]:
        """All rows with the names of their tables, in the order of ``TABLES``."""
        with open_named(self.path) as file:
            for number, raw in enumerate(islice(file, 1, None), start=2):
                try:
                    line = _LINES.decode(raw)
                except msgspec.MsgspecError as error:
                    raise StateError(f"{self.path}, line {number}: it is not a row of a state") from error
                if line.table is not None:
                    yield line.table, line.row


def write(connection: Connection, file: IO[bytes]) -> Head:
    """Write what ``connection`` sees, which must be as of one moment, and return the end of its ledger."""
    digest = hashlib.sha256()

    def write_line(document: dict[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(line)
        file.write(line)

    meta = entries.meta(connection)
    head = entries.stored_head(connection)
    if head is None:
        raise StateError("the state is damaged: the head of its ledger is missing")
    header = _Header(FORMAT, VERSION, __version__, meta["lineage"], meta["serial"], head, list(MIGRATIONS))
    write_line(msgspec.to_builtins(header))
    for table in TABLES:
        for row in read_rows(connection, table):
            write_line({"table": table, "row": row})
    file.write(json.dumps({"sha256": digest.hexdigest()}).encode() + b"\n")
    return head


def read(path: Path) -> StateDump:
    """Read the header of a file, and check that the rest of it is complete.

    Raises:
        StateError: it is not such a file, is incomplete or was changed, or has another version.
    """
    digest, last = hashlib.sha256(), b""
    try:
        with open_named(path) as file:
            first = next(file, b"")
            for line in file:
                digest.update(last or first)
                last = line
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error_message(error)}", hint=next_step(error)) from error
    try:
        header = msgspec.json.decode(first, type=_Header)
    except msgspec.MsgspecError:
        header = None
    if header is None or header.format != FORMAT:
        raise StateError(f"{path} is not a pushed state", hint="reconciler state push writes one")
    _check_version(header, path)
    if last.strip() != json.dumps({"sha256": digest.hexdigest()}).encode():
        raise StateError(f"{path} is incomplete or was changed", hint="push it again from its state")
    return StateDump(path, header.lineage, header.head)


def _check_version(header: _Header, path: Path) -> None:
    unknown = set(header.steps) - set(MIGRATIONS)
    if header.format_version != VERSION or unknown:
        raise rules.newer_version(path, unknown or {f"format {header.format_version}"})
    if missing := [name for name in MIGRATIONS if name not in header.steps]:
        raise StateError(
            f"{path} was written by an older version, without {', '.join(missing)}",
            hint="push it again with this version",
        )
