"""Whether the ledger holds, and whether the state's tables are what it tells: both, from one read of the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.domain import identity
from reconciler.domain.blinding import derived_key
from reconciler.domain.ledger import ChainVerifier, Head, LedgerRecord, Link, promised_texts
from reconciler.errors import StateError
from reconciler.state import facts, ledger, notes
from reconciler.state.database import Connection, Row
from reconciler.state.files import check_file, check_schema, connect_reader, refuse_outdated, translated
from reconciler.state.records import call_text
from reconciler.state.redaction import redacted
from reconciler.state.replay import KEYS, Replay

Columns: TypeAlias = dict[str, Any]  # what they hold is compared, not used

_WORDS = {
    "runs": "run",
    "approvals": "approval",
    "overrides": "override",
    "preflights": "preflight",
    "calls": "call",
    "attempts": "attempt",
    "decisions": "decision",
    "cleared": "clearing",
    "renames": "move",
    "pauses": "pause",
    "conflicts": "conflict",
    "approved_rows": "row approval",
    "applied_commits": "applied commit",
    "service_facts": "service fact",
    "to_stop": "call to stop",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: ``problems`` in words, each with its place, and how far the chain goes."""

    problems: Sequence[str]
    head: Head
    lineage: str

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: Path, anchors: Iterable[Head] = ()) -> Verdict:
    """Check the state at ``path``: the chain, the tables, and the heads that were kept elsewhere.

    Raises:
        StateError: it cannot be opened at all.
    """
    check_file(path)
    with translated(path), closing(connect_reader(path)) as connection:
        check_schema(connection, path)
        refuse_outdated(connection, path)
        connection.text_factory = _text
        connection.execute("begin")  # all of it as of one moment
        return examine(connection, anchors)


def _text(data: bytes) -> str:
    """What is no UTF-8 is a change to be told of, not an end."""
    return data.decode("utf-8", "surrogateescape")


def examine(connection: Connection, anchors: Iterable[Head]) -> Verdict:
    """Check what a connection sees, which must be as of one moment."""
    meta = connection.execute("select * from meta").fetchone()
    if meta is None:
        raise StateError("the state is damaged: it does not say which state it is")
    with closing(Replay()) as replay:
        return _examine(connection, meta, replay, anchors)


def _examine(connection: Connection, meta: Row, replay: Replay, anchors: Iterable[Head]) -> Verdict:
    lineage, serial = str(meta["lineage"]), meta["serial"]
    walk = ChainVerifier(lineage)
    last = walk_along(ledger.links(connection), walk, replay)
    if replay.state is not None and replay.state != ledger.about(connection):
        walk.problems.append("meta: its created_at or its secret is not what the ledger begins with")
    if replay.moved_to != meta["moved_to"]:
        walk.problems.append("meta: where the state was moved to is not what the ledger says")
    walk.check_head(ledger.kept_head(connection))
    for anchor in anchors:
        walk.check_anchor(anchor)
    problems = walk.problems
    if last is None:
        problems.append("the ledger is empty: not even its beginning is left")
    elif last.serial != serial:
        problems.append(f"the state's serial is {serial}, and the ledger ends with {last.serial}")
    problems += _loose_ends(connection)
    began, order = (_run_ids(one) for one in (replay.connection, connection))
    if order != began and set(order) == set(began):
        problems.append("runs: they are not in the order in which they began")
    for table in KEYS:
        problems += _compare(table, replay, _rows(connection, table))
    return Verdict(problems, walk.head, lineage)


def walk_along(links: Iterable[Link], walk: ChainVerifier, replay: Replay) -> LedgerRecord | None:
    """Check each entry, and play it; the result is the last that could be read."""
    last: LedgerRecord | None = None
    bare: set[int] = set()
    told: set[int] = set()
    for link in links:
        record = walk.step(link)
        if record is None:
            continue
        last = record
        if promised_texts(record) and link.texts is None:
            bare.add(link.number)
        elif link.texts is not None:
            told.add(link.number)
        try:
            replay.step(record, link.texts or {})
        except (ValueError, TypeError, LookupError) as error:
            walk.problems.append(f"ledger entry {link.number}: it does not follow from those before it ({error})")
    for number in sorted(bare - replay.redacted):
        walk.problems.append(f"ledger entry {number}: its texts are gone, and nobody redacted them")
    for number in sorted(told & replay.redacted):
        walk.problems.append(f"ledger entry {number}: it was redacted, and its texts are there")
    return last


def _run_ids(connection: Connection) -> list[str]:
    return [row["id"] for row in connection.execute("select id from runs order by rowid")]


def _loose_ends(connection: Connection) -> Iterator[str]:
    sql = "select number from ledger_texts where number not in (select number from ledger) order by number"
    for row in connection.execute(sql):
        yield f"the ledger's texts of entry {row['number']} belong to no entry"
    unseen = "select distinct run_id from seen where run_id not in (select run_id from preflights)"
    for row in connection.execute(unseen):
        yield f"preflight {row['run_id']}: it is gone, and calls it saw are there"


def _rows(connection: Connection, table: str) -> Iterator[Columns]:
    key = derived_key(str(ledger.meta(connection)["secret"]), notes.PURPOSE)
    for found in connection.execute(f"select * from {table}"):  # noqa: S608 - from the table above
        row = dict(found)
        row.pop("rowid", None)  # the order of runs, where a database has none of its own
        if table == "preflights":
            ids = connection.execute("select call_id from seen where run_id = ?", (row["run_id"],)).fetchall()
            row |= {"calls": len(ids), "digest": _digest(item["call_id"] for item in ids)}
        if table == "conflicts":
            row["target"] = notes.pseudonym(key, str(row["target"]))
        if table == "calls":
            row["call"] = _stands_for(row)
        yield row


def _stands_for(row: Columns) -> str | None:
    """The digest of a call's own text, which the ledger knows; None where it is not as it was written.

    A redacted call has none: it must hold nothing but what a redaction leaves.
    """
    try:
        call = identity.from_text(row["call"])
        if call_text(call) != row["call"]:
            return None
        if row["redacted_at"] is None:
            return identity.digest(call)
        return str(row["digest"]) if redacted(call) == call else None
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


def _digest(call_ids: Iterable[object]) -> str | None:
    try:
        return notes.ids_digest(str(item) for item in call_ids)
    except (UnicodeEncodeError, ValueError):
        return None


def _compare(table: str, replay: Replay, rows: Iterable[Columns]) -> Iterator[str]:
    """How the rows of a table differ from what the ledger tells of it. The replay's rows are used up."""
    for row in rows:
        if replay.remove_same(table, row):
            continue
        expected = replay.remove(table, [row[name] for name in KEYS[table]])
        if expected is None:
            yield f"{_place(table, row)}: the ledger does not know it"
            continue
        for name, value in row.items():
            if not _same(name, value, expected[name]):
                yield f"{_place(table, row)}: its {name} is not what the ledger tells"
    for row in map(dict, replay.rows(table)):
        yield f"{_place(table, row)}: it is gone, and the ledger tells of it"


def _same(name: str, found: object, expected: object) -> bool:
    """Counts are JSON, whose names the ledger puts in order."""
    if name != "counts" or found is None or expected is None:
        return found == expected
    try:
        return bool(json.loads(str(found)) == json.loads(str(expected)))
    except ValueError:
        return False


def _place(table: str, row: Columns) -> str:
    named = f"{row['plan']}/{row['key']}@{row['revision']}" if "plan" in row and "key" in row else ""
    if KEYS[table] == facts.ADDRESS:
        return f"{_WORDS[table]} {named}"
    key = " ".join(str(row[name]) for name in KEYS[table])
    return f"{_WORDS[table]} {key}" + (f" ({named})" if named else "")
