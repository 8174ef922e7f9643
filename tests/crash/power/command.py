"""The real command, for a recording; or one that makes a mistake which loses data at a power cut.

``python -m tests.crash.power.command SPEC ARGS...``; ``SPEC`` is a JSON file as for ``tests.crash.victim``, whose
kills can be planned here too.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler import cli
from reconciler.placing.journal import Journal
from reconciler.state.sqlite import connection, create, state
from reconciler.system import files as system_files
from tests.crash.victim import Killer, arm, spoil_the_proof


def _use_pragmas(*pragmas: str) -> None:
    def make_durable(connection: sqlite3.Connection) -> None:
        for pragma in ("journal_mode = truncate", "synchronous = full", "foreign_keys = on", *pragmas):
            connection.execute(f"pragma {pragma}")

    connection.make_durable = make_durable
    state.make_durable = make_durable  # type: ignore[attr-defined]


def _send_before_the_commit() -> None:
    turn = Journal.turn
    unwritten: list[tuple[Any, Any]] = []

    async def late(self: Journal, results: Any, intents: Any, at: Any, recorded: Any, intended: Any) -> None:
        while unwritten:
            earlier, moment = unwritten.pop()
            await turn(self, (), earlier, moment, lambda _: None, lambda: None)
        if results:
            await turn(self, results, (), at, recorded, lambda: None)
        intended()
        if intents:
            unwritten.append((intents, at))

    spoil_the_proof()
    Journal.turn = late  # type: ignore[method-assign]


def _sync_no_folder() -> None:
    def nothing(folder: Path) -> None:
        """The names in the folder may be lost."""

    for module in (system_files, create):
        module.sync_folder = nothing  # type: ignore[attr-defined]


MUTANTS: dict[str, Callable[[], Any]] = {
    "synchronous-off": lambda: _use_pragmas("synchronous = off"),
    "synchronous-normal": lambda: _use_pragmas("synchronous = normal"),
    "journal-in-memory": lambda: _use_pragmas("journal_mode = memory"),
    "journal-deleted": lambda: _use_pragmas("journal_mode = delete"),
    "send-before-the-commit": _send_before_the_commit,
    "sync-no-folder": _sync_no_folder,
}


def main(args: list[str]) -> int:
    spec = json.loads(Path(args[0]).read_text())
    if spec.get("mutant"):
        MUTANTS[spec["mutant"]]()
    if spec.get("point"):
        arm(Killer(spec["point"], spec["nth"], Path(spec["fired"])))
    return cli.main(args[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
