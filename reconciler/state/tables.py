"""The tables of a state: one list for copying, for verifying and for the start of a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from reconciler.state.session import Connection, Value, in_pages

ADDRESS = ("plan", "key", "revision")


class Table(Struct, frozen=True):
    """``key`` is the primary key. ``label`` is how an audit names a row; only tables that the ledger describes
    have one. ``inherited``: a state that is older than its ledger may have rows in it."""

    key: tuple[str, ...]
    label: str = ""
    inherited: bool = False


# A table comes after the tables that it refers to.
TABLES: Mapping[str, Table] = {
    "meta": Table(("id",)),
    "runs": Table(("id",), "run", inherited=True),
    "approvals": Table(("run_id", "plan_id"), "approval", inherited=True),
    "overrides": Table(("run_id", "number"), "override", inherited=True),
    "preflights": Table(("run_id",), "preflight", inherited=True),
    "seen": Table(("run_id", "call_id")),
    "calls": Table(ADDRESS, "call", inherited=True),
    "attempts": Table(("number",), "attempt", inherited=True),
    "decisions": Table(("number",), "decision", inherited=True),
    "cleared": Table(ADDRESS, "clearing", inherited=True),
    "renames": Table(("number",), "move", inherited=True),
    "pauses": Table(("plan",), "pause"),
    "conflicts": Table(ADDRESS, "conflict"),
    "approved_rows": Table(ADDRESS, "row approval"),
    "applied_commits": Table(("number",), "applied commit"),
    "service_facts": Table(("service", "name"), "service fact"),
    "to_stop": Table(ADDRESS, "call to stop"),
    "ledger": Table(("number",)),
    "ledger_texts": Table(("number",)),
    "ledger_head": Table(("id",)),
}
# Shared by runners while they place one plan together; meaningless afterwards, so never copied.
TRANSIENT = ("joint", "claims")


def columns(connection: Connection, table: str) -> list[str]:
    """The columns of a table; without ``rowid``, which is the order of ``runs``."""
    cursor = connection.execute(f"select * from {table} limit 0")  # noqa: S608 - our own names
    cursor.fetchall()  # in a pipeline, the result comes with it
    return [item[0] for item in cursor.description or () if item[0] != "rowid"]


def read_rows(connection: Connection, table: str) -> Iterator[dict[str, Value]]:
    """The rows of a table in the order of its key; runs in the order in which they began."""
    in_order = ("rowid",) if table == "runs" else TABLES[table].key
    selected = "rowid, *" if table == "runs" else "*"
    for row in in_pages(connection, f"select {selected} from {table}", in_order):  # noqa: S608 - our own names
        yield {name: row[name] for name in row.keys() if name != "rowid"}  # noqa: SIM118 - an sqlite3.Row's values
