"""The tables of what a state keeps besides calls, and how the ledger's entries make them.

An entry is turned into rows in one place (``project``), for every store and for the replay that checks them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from reconciler.domain.blinding import REDACTED
from reconciler.domain.chain import EntryKind, canonical
from reconciler.domain.facts import AppliedCommit, Conflict, Pause, RowApproval, ServiceFact, Verdict
from reconciler.domain.model import Address
from reconciler.domain.ports import Run
from reconciler.domain.times import parse_instant
from reconciler.errors import StateError
from reconciler.state.database import Connection, Row, Value, insert
from reconciler.state.records import intact, to_address, to_run

ADDRESS = ("plan", "key", "revision")
KEYS: Mapping[str, tuple[str, ...]] = {
    "pauses": ("plan",),
    "conflicts": ADDRESS,
    "approved_rows": ADDRESS,
    "applied_commits": ("number",),
    "service_facts": ("service", "name"),
    "to_stop": ADDRESS,
}
"""Each table and its primary key."""

Record: TypeAlias = Mapping[str, Value]
Key: TypeAlias = tuple[Any, ...]


class Tables(Protocol):
    """Where rows are put. ``applied_commits`` numbers its own."""

    def get(self, table: str, key: Key) -> Row | None: ...

    def put(self, table: str, rows: Sequence[Record]) -> None:
        """Add rows of the same columns, each in place of the one with its key."""
        ...

    def drop(self, table: str, keys: Iterable[Key]) -> None:
        """Delete the rows of these keys, where they exist."""
        ...


@dataclass(frozen=True, slots=True)
class SqlTables:
    """``Tables`` in a database, inside a transaction that the caller ends."""

    connection: Connection

    def get(self, table: str, key: Key) -> Row | None:
        sql = f"select * from {table} where {_matching(table)}"  # noqa: S608 - our own names
        return self.connection.execute(sql, key).fetchone()

    def put(self, table: str, rows: Sequence[Record]) -> None:
        if not rows or table == "applied_commits":
            insert(self.connection, table, *rows)
            return
        names, key = list(rows[0]), KEYS[table]
        new = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
        sql = (
            f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"  # noqa: S608 - as above
            f" on conflict ({', '.join(key)}) do update set {new}"
        )
        self.connection.executemany(sql, [tuple(row.values()) for row in rows])

    def drop(self, table: str, keys: Iterable[Key]) -> None:
        self.connection.executemany(f"delete from {table} where {_matching(table)}", list(keys))  # noqa: S608 - as above


def _matching(table: str) -> str:
    return " and ".join(f"{name} = ?" for name in KEYS[table])


@dataclass(frozen=True, slots=True)
class DictTables:
    """``Tables`` in dictionaries, by key. Rows are never changed in place."""

    tables: dict[str, dict[Key, dict[str, Any]]]

    def get(self, table: str, key: Key) -> Row | None:
        return self.tables[table].get(key)

    def put(self, table: str, rows: Sequence[Record]) -> None:
        found = self.tables[table]
        for row in rows:
            new = dict(row)
            if table == "applied_commits":
                new["number"] = len(found) + 1
            found[tuple(new[name] for name in KEYS[table])] = new

    def drop(self, table: str, keys: Iterable[Key]) -> None:
        for key in keys:
            self.tables[table].pop(key, None)


@dataclass(frozen=True, slots=True)
class Written:
    """A ledger entry as ``project`` reads it. ``at`` is as it is stored."""

    at: str
    run_id: str | None
    content: Mapping[str, Any]
    texts: Mapping[str, str]

    @property
    def origin(self) -> dict[str, Value]:
        return {"run_id": self.run_id, "at": self.at}

    def text(self, name: str) -> str:
        return self.texts.get(name, REDACTED)

    def keys(self, member: str) -> list[Key]:
        """The addresses that a member lists, as the columns of each."""
        return [_key(text) for text in self.content[member]]


def project(kind: str, entry: Written, tables: Tables) -> None:
    """Put into the tables what an entry says; entries of other kinds say nothing of them.

    Raises:
        ValueError, TypeError, LookupError: it is not what this version writes.
    """
    if (apply := _PROJECTIONS.get(kind)) is not None:
        apply(entry, tables)


def _key(address: object) -> Key:
    found = Address.parse(str(address))
    return (found.plan, found.key, found.revision)


def _columns(key: Key) -> dict[str, Value]:
    return dict(zip(ADDRESS, key, strict=True))


def _paused(entry: Written, tables: Tables) -> None:
    tables.put("pauses", [{"plan": entry.content["plan"] or "", "reason": entry.text("reason"), **entry.origin}])


def _resumed(entry: Written, tables: Tables) -> None:
    tables.drop("pauses", [(entry.content["plan"] or "",)])


def _conflict(entry: Written, tables: Tables) -> None:
    """The ledger knows the target by a pseudonym only; a store passes it in clear, and ``audit`` compares."""
    row = _columns(_key(entry.content["address"]))
    row |= {"call_ids": json.dumps(entry.content["call_ids"]), "target": entry.text("person")}
    tables.put("conflicts", [row | {"message": entry.text("message"), **entry.origin}])


def _conflict_ended(entry: Written, tables: Tables) -> None:
    tables.drop("conflicts", entry.keys("addresses"))


def _approved(entry: Written, tables: Tables) -> None:
    of_plan = {"plan_id": entry.content["plan_id"], "git_commit": entry.content["commit"], **entry.origin}
    rows = [
        {**_columns(_key(address)), "content": content, **of_plan} for address, content in entry.content["rows"]
    ]
    tables.put("approved_rows", rows)


def _approval_ended(entry: Written, tables: Tables) -> None:
    tables.drop("approved_rows", entry.keys("addresses"))


def _applied_from(entry: Written, tables: Tables) -> None:
    row = {"git_commit": entry.content["commit"], "reason": entry.texts.get("reason"), **entry.origin}
    tables.put("applied_commits", [row])


def _observed(entry: Written, tables: Tables) -> None:
    row = {name: entry.content[name] for name in ("service", "name", "verdict")}
    evidence = canonical(entry.content["evidence"]).decode()
    tables.put("service_facts", [{**row, "evidence": evidence, **entry.origin}])


def _to_stop(entry: Written, tables: Tables) -> None:
    tables.put("to_stop", [{**_columns(key), **entry.origin} for key in entry.keys("new")])
    tables.drop("to_stop", entry.keys("over"))


def _moved(entry: Written, tables: Tables) -> None:
    """An approval holds for the address that its reviewer saw: it does not follow a rename."""
    old, new = _key(entry.content["from"]), _key(entry.content["address"])
    for table in ("conflicts", "to_stop"):
        if (row := tables.get(table, old)) is not None:
            tables.drop(table, [old])
            tables.put(table, [{name: row[name] for name in row.keys()} | _columns(new)])  # noqa: SIM118 - an sqlite3.Row
    tables.drop("approved_rows", [old])


def _forgotten(entry: Written, tables: Tables) -> None:
    """A conflict stays: the service still has those calls."""
    for table in ("approved_rows", "to_stop"):
        tables.drop(table, [_key(entry.content["address"])])


_PROJECTIONS: Mapping[str, Callable[[Written, Tables], None]] = {
    EntryKind.PAUSED: _paused,
    EntryKind.RESUMED: _resumed,
    EntryKind.CONFLICT: _conflict,
    EntryKind.CONFLICT_ENDED: _conflict_ended,
    EntryKind.APPROVED: _approved,
    EntryKind.APPROVAL_ENDED: _approval_ended,
    EntryKind.APPLIED_FROM: _applied_from,
    EntryKind.OBSERVED: _observed,
    EntryKind.TO_STOP: _to_stop,
    EntryKind.MOVED: _moved,
    EntryKind.FORGOTTEN: _forgotten,
}


class ConnectionFacts:
    """What ``facts.FactReader`` promises, over any connection. ``translated`` turns the database's own errors into
    ``StateError``."""

    def __init__(
        self, connection: Connection, translated: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._connection = connection
        self._translated = translated

    def _all(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
        with self._translated():
            return self._connection.execute(sql, values).fetchall()

    def pauses(self) -> Sequence[Pause]:
        rows = self._all("select * from pauses order by plan")
        return [to_pause(row, self._run_by_id(row["run_id"])) for row in rows]

    def _run_by_id(self, run_id: str) -> Run:
        rows = self._all("select * from runs where id = ?", (run_id,))
        if not rows:
            raise StateError(f"the state is damaged: run {run_id} is missing")
        return to_run(rows[0])

    def conflicts(self) -> Mapping[Address, Conflict]:
        return {item.address: item for item in map(to_conflict, self._all("select * from conflicts"))}

    def approved(self) -> Mapping[Address, RowApproval]:
        return {item.address: item for item in map(to_approval, self._all("select * from approved_rows"))}

    def applied_commits(self) -> Sequence[AppliedCommit]:
        rows = self._all("select * from applied_commits order by number desc")
        latest: dict[str, AppliedCommit] = {}
        for item in map(to_commit, rows):
            latest.setdefault(item.commit, item)
        return list(latest.values())

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        rows = self._all("select * from service_facts where service = ?", (service,))
        return {item.name: item for item in map(to_fact, rows)}

    def to_stop_known(self) -> frozenset[Address]:
        return frozenset(map(to_address, self._all("select * from to_stop")))


def to_pause(row: Row, run: Run) -> Pause:
    """One row of ``pauses``, of ``run``. This and the following raise ``StateError`` for a damaged row."""
    with intact(f"pause {row['plan']}"):
        at = parse_instant(row["at"])
    return Pause(row["plan"] or None, row["reason"], run.actor, run.host, at, run.id)


def to_conflict(row: Row) -> Conflict:
    address = to_address(row)
    with intact(f"conflict {address}"):
        call_ids, at = tuple(map(str, json.loads(row["call_ids"]))), parse_instant(row["at"])
    return Conflict(address, call_ids, row["target"], row["message"], at, row["run_id"])


def to_approval(row: Row) -> RowApproval:
    address = to_address(row)
    with intact(f"approval {address}"):
        at = parse_instant(row["at"])
    return RowApproval(address, row["content"], row["plan_id"], row["git_commit"], at, row["run_id"])


def to_commit(row: Row) -> AppliedCommit:
    with intact(f"applied commit {row['git_commit']}"):
        at = parse_instant(row["at"])
    return AppliedCommit(row["git_commit"], row["run_id"], at, row["reason"])


def to_fact(row: Row) -> ServiceFact:
    with intact(f"fact {row['name']} of {row['service']}"):
        verdict, evidence, at = Verdict(row["verdict"]), json.loads(row["evidence"]), parse_instant(row["at"])
        if not isinstance(evidence, dict):
            raise ValueError("its evidence is no object")
    return ServiceFact(row["service"], row["name"], verdict, evidence, at, row["run_id"])
