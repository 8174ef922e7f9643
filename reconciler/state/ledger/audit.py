"""Verifies a state: its ledger, and its tables against what the ledger says, in one read of the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from reconciler.domain import identity
from reconciler.domain.blinding import derived_key
from reconciler.domain.ledger import ChainVerifier, Head, LedgerRecord, Link, promised_texts
from reconciler.state.ledger import entries
from reconciler.state.ledger.replay import Replay
from reconciler.state.records import call_text
from reconciler.state.redaction import redacted
from reconciler.state.session import Connection
from reconciler.state.tables import ADDRESS, TABLES, columns


@dataclass(frozen=True, slots=True)
class AuditResult:
    """``problems`` are messages that name their place. ``head`` is the end of the chain that was verified."""

    problems: Sequence[str]
    head: Head
    lineage: str

    @property
    def ok(self) -> bool:
        return not self.problems


def examine(connection: Connection, anchors: Iterable[Head]) -> AuditResult:
    """Verify everything that a connection sees, which must be as of one moment, and the heads that were kept
    elsewhere (``anchors``)."""
    meta = entries.meta(connection)
    lineage = str(meta["lineage"])
    verifier = ChainVerifier(lineage)
    with closing(Replay()) as replay:
        last = verify_chain(entries.links(connection), verifier, replay)
        problems = verifier.problems
        if replay.state is not None and replay.state != entries.describe_state(connection):
            problems.append("meta: created_at or the secret does not match the first entry of the ledger")
        if replay.moved_to != meta["moved_to"]:
            problems.append("meta: moved_to does not match the ledger")
        verifier.check_head(entries.stored_head(connection))
        for anchor in anchors:
            verifier.check_anchor(anchor)
        if last is None:
            problems.append("the ledger is empty: even its first entry is missing")
        elif last.serial != meta["serial"]:
            problems.append(f"the state's serial is {meta['serial']}, but the ledger ends with {last.serial}")
        problems += _orphans(connection)
        recorded, stored = (_run_ids(one) for one in (replay.connection, connection))
        if stored != recorded and set(stored) == set(recorded):
            problems.append("runs: they are not in the order in which they began")
        for table in TABLES:
            if TABLES[table].label:
                problems += _compare(table, replay, connection)
    return AuditResult(problems, verifier.head, lineage)


def verify_chain(links: Iterable[Link], verifier: ChainVerifier, replay: Replay) -> LedgerRecord | None:
    """Verify and replay each entry; return the last one that could be read."""
    last: LedgerRecord | None = None
    without_texts: set[int] = set()
    with_texts: set[int] = set()
    for link in links:
        record = verifier.step(link)
        if record is None:
            continue
        last = record
        if promised_texts(record) and link.texts is None:
            without_texts.add(link.number)
        elif link.texts is not None:
            with_texts.add(link.number)
        try:
            replay.step(record, link.texts or {})
        except (ValueError, TypeError, LookupError) as error:
            verifier.problems.append(
                f"ledger entry {link.number}: it does not follow from the entries before it ({error})"
            )
    for number in sorted(without_texts - replay.redacted):
        verifier.problems.append(f"ledger entry {number}: its texts are missing, but it was not redacted")
    for number in sorted(with_texts & replay.redacted):
        verifier.problems.append(f"ledger entry {number}: it was redacted, but its texts are still there")
    return last


def _run_ids(connection: Connection) -> list[str]:
    return [row["id"] for row in connection.execute("select id from runs order by rowid")]


def _orphans(connection: Connection) -> Iterator[str]:
    sql = "select number from ledger_texts where number not in (select number from ledger) order by number"
    for row in connection.execute(sql):
        yield f"ledger_texts {row['number']}: the ledger has no such entry"
    seen = "select distinct run_id from seen where run_id not in (select run_id from preflights)"
    for row in connection.execute(seen):
        yield f"preflight {row['run_id']}: it is missing, but the calls that it saw are there"


def _compare(table: str, replay: Replay, connection: Connection) -> Iterator[str]:
    """The differences between a table and what the ledger says. Removes the rows of the replay."""
    known, stored = replay.columns(table), set(columns(connection, table))
    if table == "preflights":
        known -= Replay.COMPUTED
    yield from (f"table {table}: its column {name} is unknown to this version" for name in sorted(stored - known))
    if missing := sorted(known - stored):
        yield from (f"table {table}: its column {name} is missing" for name in missing)
        return
    for row in _rows(connection, table, known):
        if replay.remove_same(table, row):
            continue
        expected = replay.remove(table, [row[name] for name in TABLES[table].key])
        if expected is None:
            yield f"{_name(table, row)}: the ledger does not have it"
            continue
        for name, value in row.items():
            if not _is_same(name, value, expected[name]):
                yield f"{_name(table, row)}: {name} does not match the ledger"
    for row in map(dict, replay.rows(table)):
        yield f"{_name(table, row)}: it is missing, but the ledger has it"


def _rows(connection: Connection, table: str, known: set[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table, with hashes in place of what the ledger has no text of."""
    key = derived_key(str(entries.meta(connection)["secret"]), entries.PURPOSE)
    for stored in connection.execute(f"select * from {table}"):  # noqa: S608 - our own names
        row = {name: value for name, value in dict(stored).items() if name in known}
        if table == "preflights":
            ids = connection.execute("select call_id from seen where run_id = ?", (row["run_id"],)).fetchall()
            row |= {"calls": len(ids), "digest": _ids_digest(item["call_id"] for item in ids)}
        if table == "conflicts":
            row["target"] = entries.pseudonym(key, str(row["target"]))
        if table == "calls":
            row["call"] = _call_digest(row)
        yield row


def _call_digest(row: Mapping[str, Any]) -> str | None:
    """The digest of a call's own text, which is in the ledger; None if the text is not what this tool writes.

    A redacted call has no such digest: its text must be exactly what a redaction leaves.
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


def _ids_digest(call_ids: Iterable[object]) -> str | None:
    try:
        return entries.ids_digest(str(item) for item in call_ids)
    except (UnicodeEncodeError, ValueError):
        return None


def _is_same(name: str, stored: object, expected: object) -> bool:
    """Counts are JSON objects, and the ledger sorts their names."""
    if name != "counts" or stored is None or expected is None:
        return stored == expected
    try:
        return bool(json.loads(str(stored)) == json.loads(str(expected)))
    except ValueError:
        return False


def _name(table: str, row: Mapping[str, Any]) -> str:
    label, key = TABLES[table].label, TABLES[table].key
    address = f"{row['plan']}/{row['key']}@{row['revision']}" if row.keys() >= set(ADDRESS) else ""
    if key == ADDRESS:
        return f"{label} {address}"
    return f"{label} {' '.join(str(row[name]) for name in key)}" + (f" ({address})" if address else "")
