"""What a ledger begins with where the state is older than it: every row that the state held, one entry each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import Address, JsonObject
from reconciler.state import ledger, notes
from reconciler.state.database import Connection

# The columns that hold texts, and ``call``, which its digest stands for.
TEXT_COLUMNS = ("error", "evidence", "reason")
LEFT_OUT = frozenset({"call", "redacted_at"})
TABLES = ("runs", "approvals", "overrides", "preflights", "calls", "attempts", "decisions", "cleared", "renames")


def inheritance(connection: Connection) -> Iterator[Note]:
    """The notes to begin with, as of now."""
    now = datetime.now(UTC)
    rows: JsonObject = {name: len(_rows(connection, name)) for name in TABLES}
    yield Note(EntryKind.MIGRATED, now, None, {"state": ledger.about(connection), "rows": rows})
    for name in TABLES:
        for row in _rows(connection, name):
            if name == "preflights":
                ids = connection.execute("select call_id from seen where run_id = ?", (row["run_id"],)).fetchall()
                row |= {"calls": len(ids), "digest": notes.ids_digest(item["call_id"] for item in ids)}
            yield _inherited(name, row, now)


def _rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    order = "rowid" if table == "runs" else "1"
    return [dict(row) for row in connection.execute(f"select * from {table} order by {order}")]  # noqa: S608 - from above


def _inherited(table: str, row: dict[str, str | int | None], now: datetime) -> Note:
    texts = {
        name: text for name in TEXT_COLUMNS if isinstance(text := row.get(name), str) and table != "overrides"
    }
    kept: JsonObject = {name: value for name, value in row.items() if name not in LEFT_OUT and name not in texts}
    content: JsonObject = {"table": table, "row": kept}
    plan, key, revision = row.get("plan"), row.get("key"), row.get("revision")
    if isinstance(plan, str) and isinstance(key, str) and isinstance(revision, int):
        content["address"] = str(Address(plan, key, revision))
    return Note(EntryKind.INHERITED, now, None, content, texts)
