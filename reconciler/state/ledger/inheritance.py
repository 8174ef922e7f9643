"""The first entries of a ledger whose state is older than it: one for each row that the state had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import Address, JsonObject
from reconciler.state.ledger import entries
from reconciler.state.session import Connection, Value
from reconciler.state.tables import ADDRESS, TABLES, read_rows

_TEXTS = ("error", "evidence", "reason")
_LEFT_OUT = frozenset({"call", "redacted_at"})  # the digest of a call stands for it


def inheritance(connection: Connection) -> Iterator[Note]:
    """The entries, as of now."""
    now = datetime.now(UTC)
    rows = {name: list(read_rows(connection, name)) for name, table in TABLES.items() if table.inherited}
    counts: JsonObject = {name: len(items) for name, items in rows.items()}
    yield Note(EntryKind.MIGRATED, now, None, {"state": entries.describe_state(connection), "rows": counts})
    for name, items in rows.items():
        for row in items:
            if name == "preflights":
                ids = connection.execute("select call_id from seen where run_id = ?", (row["run_id"],)).fetchall()
                row |= {"calls": len(ids), "digest": entries.ids_digest(item["call_id"] for item in ids)}
            yield _inherited(name, row, now)


def _inherited(table: str, row: dict[str, Value], now: datetime) -> Note:
    texts = {name: text for name in _TEXTS if isinstance(text := row.get(name), str) and table != "overrides"}
    permanent: JsonObject = {name: row[name] for name in row.keys() - _LEFT_OUT - texts.keys()}
    content: JsonObject = {"table": table, "row": permanent}
    plan, key, revision = (row.get(name) for name in ADDRESS)
    if isinstance(plan, str) and isinstance(key, str) and isinstance(revision, int):
        content["address"] = str(Address(plan, key, revision))
    return Note(EntryKind.INHERITED, now, None, content, texts)
