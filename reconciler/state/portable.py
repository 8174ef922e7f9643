"""A whole state as one file, whatever kept it: JSON lines, a head first, then each row, then a digest.

It holds all that the state holds, its secret and the calls in clear: who has it has the state.
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

from reconciler import __version__
from reconciler.domain.ledger import Head
from reconciler.errors import StateError
from reconciler.state import copying, ledger, rules
from reconciler.state.database import Connection
from reconciler.state.steps import STEPS
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import open_named

FORMAT, VERSION = "reconciler-state", "1.0"


@dataclass(frozen=True, slots=True)
class Portable:
    """A file that is whole: its digest was compared. ``serial`` and ``head`` are those of the state in it."""

    path: Path
    lineage: str
    serial: int
    head: Head

    def records(self, table: str) -> Iterator[copying.Record]:
        """The rows of one table, in their order."""
        return (row for name, row in self._rows() if name == table)

    def fill(self, connection: Connection) -> int:
        """Put all of it into empty tables, in the caller's transaction; the result counts the calls."""
        counts: dict[str, int] = {}
        for table, rows in groupby(self._rows(), key=itemgetter(0)):
            counts[table] = copying.fill(connection, table, (row for _, row in rows))
        return counts.get("calls", 0)

    def _rows(self) -> Iterator[tuple[str, copying.Record]]:
        """All rows, table by table in the order of ``copying.TABLES``, each with its table's name."""
        with open_named(self.path) as file:
            for document in map(json.loads, islice(file, 1, None)):
                if "table" in document:
                    yield document["table"], document["row"]


def write(connection: Connection, file: IO[bytes]) -> Head:
    """Write what ``connection`` sees, which must be as of one moment; the result is where its ledger ends."""
    digest = hashlib.sha256()

    def put(document: dict[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(line)
        file.write(line)

    meta = ledger.meta(connection)
    head = ledger.kept_head(connection)
    if head is None:
        raise StateError("the state is damaged: nothing says where its ledger ends")
    put(
        {
            "format": FORMAT,
            "format_version": VERSION,
            "tool_version": __version__,
            "lineage": meta["lineage"],
            "serial": meta["serial"],
            "head": {"number": head.number, "hash": head.hash},
            "steps": list(STEPS),
        }
    )
    for table in copying.TABLES:
        for row in copying.records(connection, table):
            put({"table": table, "row": row})
    file.write(json.dumps({"sha256": digest.hexdigest()}).encode() + b"\n")
    return head


def read(path: Path) -> Portable:
    """Read a file's head, and whether the rest of it is what was written.

    Raises:
        StateError: it is no such file, not whole, or of a newer version.
    """
    digest, last = hashlib.sha256(), b""
    try:
        with open_named(path) as file:
            first = next(file, b"")
            for line in file:
                digest.update(last or first)
                last = line
    except OSError as error:
        raise StateError(f"cannot read {path}: {error_message(error)}", hint=next_step(error)) from error
    try:
        head: dict[str, Any] = json.loads(first)
        if head["format"] != FORMAT:
            raise ValueError(head["format"])
        _refuse_newer(head, path)
        found = Portable(path, str(head["lineage"]), int(head["serial"]), Head(**head["head"]))
    except (ValueError, TypeError, LookupError) as error:
        hint = "reconciler state push writes one"
        raise StateError(f"{path} is no state that was pushed", hint=hint) from error
    if last.strip() != json.dumps({"sha256": digest.hexdigest()}).encode():
        raise StateError(f"{path} is not whole, or was changed", hint="push it again from the state it is of")
    return found


def _refuse_newer(head: dict[str, Any], path: Path) -> None:
    if head["format_version"] != VERSION or set(head["steps"]) - set(STEPS):
        raise rules.of_newer(path, set(head["steps"]) - set(STEPS) or {f"format {head['format_version']}"})
    if missing := [step for step in STEPS if step not in head["steps"]]:
        raise StateError(
            f"{path} was written by an older version ({', '.join(missing)} came later)",
            hint="push it again with this version",
        )
