"""The real command, which writes down every statement that it runs on a SQLite state.

``main([FILE, ARGS...])`` is the command; ``FILE`` gets the statements as JSON, one a line, with their values.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from reconciler import cli
from reconciler.state.sqlite import connection as connections


def main(args: list[str]) -> int:
    """The command with the arguments after the first, which is where the statements go."""
    connect = connections.connect
    with Path(args[0]).open("w", encoding="utf-8") as trace:

        def traced(path: Path, mode: str, busy: float | None = None) -> sqlite3.Connection:
            connection = connect(path, mode, busy)
            connection.set_trace_callback(lambda sql: print(json.dumps(sql), file=trace))
            return connection

        connections.connect = traced
        return cli.main(args[1:])
