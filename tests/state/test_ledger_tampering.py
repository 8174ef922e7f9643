"""Hundreds of ways to falsify a state: every one of them is found, and its place is named."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain import ledger
from reconciler.domain.ledger import Head
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Result, Seen
from reconciler.errors import StateError
from reconciler.state import session, tables
from reconciler.state.ledger import entries
from reconciler.state.sqlite.connection import connect
from reconciler.state.sqlite.state import SqliteState
from reconciler.state.tables import read_rows
from tests.contract.conftest import NOW, RUN
from tests.contract.test_facts import APPROVAL, CONFLICT, FACT
from tests.contract.test_state import LATER, A, B, bring

TAMPERINGS = 320  # forty of each way
TABLES = (
    *("ledger", "ledger", "ledger_texts", "ledger_head", "meta"),
    *("runs", "approvals", "overrides", "calls", "attempts", "attempts", "decisions", "cleared", "renames"),
    *("seen", "preflights"),
    *("pauses", "conflicts", "approved_rows", "applied_commits", "service_facts", "to_stop"),
)
UNJUDGED = {("meta", "id"), ("ledger_head", "id")}  # of one row, and always 1


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state in which everything happened that a ledger can tell of."""
    path = tmp_path_factory.mktemp("honest") / "state.db"
    SqliteState(path).create({})
    statuses = (Status.INTENDED, Status.PLACED, Status.UNCERTAIN, Status.FAILED, Status.RULED_OUT, Status.MISSED)
    keys = [Address("june", f"k{number}") for number in range(30)]
    with SqliteState(path).store(RUN) as store:
        store.note_seen(RUN.id, Seen(frozenset({"call-a", "call-b"}), NOW), NOW)
        for number, address in enumerate(keys):
            bring(store, statuses[number % len(statuses)], address)
        store.decide(RUN.id, [Decision(keys[2], LATER, "in the dashboard", Status.PLACED, "call-x")])
        store.decide(RUN.id, [Decision(keys[1], LATER, "deleted there", stopped=True)])
        store.adopt(RUN.id, [Result(keys[0], Status.ADOPTED, LATER, "call-y", None, "its tags")])
        store.decide(RUN.id, [Decision(A, NOW, "a survey", distinct=True)])
        store.move(RUN.id, [(keys[7], Address("july", "k7"))], NOW)
        store.forget(RUN.id, keys[3], "a mistake", NOW)
        bring(store, Status.FAILED, keys[3])
        store.redact(RUN.id, [keys[13], keys[2]], LATER + timedelta(days=1))
        store.decide(RUN.id, [Decision(keys[19], NOW, "agreed", let_ring=True)])
        store.pause(RUN.id, None, "rings at once", NOW)
        store.pause(RUN.id, "june", "wrong prices", NOW)
        store.note_conflicts(RUN.id, [CONFLICT, replace(CONFLICT, address=B)], NOW)
        store.approve(RUN.id, [structs.replace(APPROVAL, address=key) for key in keys], NOW)
        store.note_commit(RUN.id, "aaa", NOW)
        store.note_commit(RUN.id, "bbb", NOW, "a rollback")
        store.note_fact(RUN.id, FACT, NOW)
        store.note_to_stop(RUN.id, keys[:2], NOW)
        store.end_run(RUN.id, LATER, 0, {"placed": 3, "failed": 1})
    assert SqliteState(path).verify().ok
    return path


def pick(db: sqlite3.Connection, rng: random.Random, table: str) -> dict[str, Any]:
    rows = [dict(row) for row in db.execute(f"select * from {table}")]
    return rng.choice(rows)


def where(row: dict[str, Any]) -> tuple[str, list[Any]]:
    return " and ".join(f"{name} is ?" for name in row), list(row.values())


def flip(db: sqlite3.Connection, rng: random.Random) -> str:
    """One bit of one cell; a number or nothing becomes another value."""
    table = rng.choice(TABLES)
    row = pick(db, rng, table)
    name = rng.choice([name for name in row if (table, name) not in UNJUDGED])
    value = row[name]
    if isinstance(value, str) and value:
        data = bytearray(value.encode())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        new: Any = bytes(data)
    else:
        new = rng.randrange(2, 10**6) if isinstance(value, int) else "x"
    condition, values = where(row)
    cell = "cast(? as text)" if isinstance(new, bytes) else "?"
    db.execute(f"update {table} set {name} = {cell} where {condition}", [new, *values])
    return f"{table}.{name}: {value!r} -> {new!r}"


def delete(db: sqlite3.Connection, rng: random.Random) -> str:
    table = rng.choice(TABLES)
    row = pick(db, rng, table)
    condition, values = where(row)
    db.execute(f"delete from {table} where {condition}", values)
    return f"{table} without {row}"


def truncate(db: sqlite3.Connection, rng: random.Random) -> str:
    """The end of the ledger goes; half of the time its kept head is moved along."""
    (last,) = db.execute("select max(number) from ledger").fetchone()
    left = rng.randrange(0, last)
    db.execute("delete from ledger_texts where number > ?", (left,))
    db.execute("delete from ledger where number > ?", (left,))
    if left and rng.random() < 0.5:
        head = "(select number, hash from ledger where number = ?)"
        db.execute(f"update ledger_head set (number, hash) = {head}", (left,))
    return f"only {left} of {last}"


def reorder(db: sqlite3.Connection, rng: random.Random) -> str:
    """Two rows of the ledger or the journal change places."""
    table = rng.choice(["ledger", "ledger_texts", "attempts", "decisions", "runs"])
    names = [name for name in pick(db, rng, table) if name != "number"]
    numbers = [row[0] for row in db.execute(f"select rowid from {table}")]
    one, two = rng.sample(numbers, 2) if len(numbers) > 1 else (numbers[0], numbers[0])
    rows = {
        n: db.execute(f"select {', '.join(names)} from {table} where rowid = ?", (n,)).fetchone()
        for n in (one, two)
    }
    if one == two or tuple(rows[one]) == tuple(rows[two]):
        return flip(db, rng)
    for target, source in ((one, two), (two, one)):
        db.execute(
            f"update {table} set ({', '.join(names)}) = ({', '.join('?' * len(names))}) where rowid = ?",
            [*rows[source], target],
        )
    return f"{table}: {one} and {two}"


def rehash(db: sqlite3.Connection, rng: random.Random) -> str:
    """One entry is edited, and its own hash is made right."""
    row = pick(db, rng, "ledger")
    entry = json.loads(row["entry"])
    entry["at"] = "2020-01-01T00:00:00Z"
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    db.execute(
        "update ledger set entry = ?, hash = ? where number = ?", (text, ledger.entry_hash(text), row["number"])
    )
    return f"entry {row['number']} edited, its hash made right"


def swap_calls(db: sqlite3.Connection, rng: random.Random) -> str:
    """Two attempts, and half of the time their calls too, change their call ids."""
    found = [
        dict(row)
        for row in db.execute("select number, plan, key, call_id from attempts where call_id is not null")
    ]
    one, two = rng.sample(found, 2)
    for row, other in ((one, two), (two, one)):
        db.execute("update attempts set call_id = ? where number = ?", (other["call_id"], row["number"]))
    if rng.random() < 0.5:
        for row in (one, two):
            db.execute("update calls set call_id = null where plan = ? and key = ?", (row["plan"], row["key"]))
        for row, other in ((one, two), (two, one)):
            db.execute(
                "update calls set call_id = ? where plan = ? and key = ?",
                (other["call_id"], row["plan"], row["key"]),
            )
    return f"{one['call_id']} and {two['call_id']}"


def insert(db: sqlite3.Connection, rng: random.Random) -> str:
    """A row that never happened."""
    table = rng.choice(["attempts", "decisions", "calls", "seen", "ledger", "runs"])
    row = pick(db, rng, table)
    for name in ("number", "key", "id", "call_id"):
        if name in row:
            row[name] = 10**6 if name == "number" else f"new-{rng.randrange(10**6)}"
    db.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
    return f"{table} with {row}"


WAYS: list[Callable[[sqlite3.Connection, random.Random], str]] = [
    flip,
    flip,
    delete,
    truncate,
    reorder,
    rehash,
    swap_calls,
    insert,
]


def tamper(path: Path, seed: int) -> str:
    rng = random.Random(seed)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("pragma synchronous = off")
        db.row_factory = sqlite3.Row
        way = WAYS[seed % len(WAYS)]
        return f"{way.__name__}: {way(db, rng)}"


def test_every_tampering_is_found(honest: Path, tmp_path: Path) -> None:
    copy = tmp_path / "state.db"
    missed = []
    for seed in range(TAMPERINGS):
        shutil.copy(honest, copy)
        what = tamper(copy, seed)
        if not found(copy):
            missed.append((seed, what))
    assert not missed


def found(path: Path) -> bool:
    try:
        return not SqliteState(path).verify().ok
    except StateError:  # not even a state any more
        return True


def rewrite(path: Path) -> None:
    """What somebody with all the time in the world does: one answer is falsified, and everything made to fit."""
    with closing(sqlite3.connect(path)) as db, db:
        (lineage,) = db.execute("select lineage from meta").fetchone()
        before = ledger.genesis(lineage).hash
        for number, old in db.execute("select number, entry from ledger order by number").fetchall():
            entry = json.loads(old) | {"prev": before}
            if entry["content"].get("call_id") == "call-x":
                entry["content"]["call_id"] = "call-forged"
            text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            before = ledger.entry_hash(text)
            db.execute("update ledger set entry = ?, hash = ? where number = ?", (text, before, number))
        db.execute("update ledger_head set hash = ?", (before,))
        for table in ("attempts", "calls", "decisions"):
            db.execute(f"update {table} set call_id = 'call-forged' where call_id = 'call-x'")


def test_a_ledger_that_was_rewritten_as_a_whole_is_found_by_a_head_kept_elsewhere(
    honest: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "state.db"
    shutil.copy(honest, copy)
    kept = SqliteState(copy).verify().head
    rewrite(copy)
    assert SqliteState(copy).verify().ok, "whoever can write all of the file can make it fit"
    for anchor in (kept, Head(0, kept.hash)):
        [problem] = SqliteState(copy).verify([anchor]).problems
        assert "kept elsewhere" in problem
        assert SqliteState(honest).verify([anchor]).ok


@pytest.mark.parametrize(
    ("sql", "problems"),
    [
        (
            "alter table calls add column extra text default 'x'",
            ["table calls: its column extra is unknown to this version"],
        ),
        (
            "alter table to_stop add column extra text",
            ["table to_stop: its column extra is unknown to this version"],
        ),
        (
            "alter table preflights add column digest text",
            ["table preflights: its column digest is unknown to this version"],
        ),
        ("alter table attempts drop column error", ["table attempts: its column error is missing"]),
        ("alter table conflicts drop column target", ["table conflicts: its column target is missing"]),
    ],
)
def test_a_column_that_was_added_or_removed_is_named(
    honest: Path, tmp_path: Path, sql: str, problems: list[str]
) -> None:
    path = tmp_path / "state.db"
    shutil.copy(honest, path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(sql)
    assert SqliteState(path).verify().problems == problems


@pytest.mark.parametrize("page", [1, 7])
def test_rows_are_the_same_on_pages_of_any_size(honest: Path, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    with closing(connect(honest, "ro")) as connection:
        complete = {table: list(read_rows(connection, table)) for table in tables.TABLES}
        links = list(entries.links(connection))
        monkeypatch.setattr(session, "PAGE", page)
        assert {table: list(read_rows(connection, table)) for table in tables.TABLES} == complete
        assert list(entries.links(connection)) == links
        assert len(links) == len(complete["ledger"]) > 7
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        next(iter(entries.links(connection)))
        assert len(statements) == 1, "the ledger is not read as a whole"
    assert SqliteState(honest).verify().ok
