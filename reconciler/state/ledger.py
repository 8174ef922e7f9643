"""The ledger's tables: entries are added in the transaction of what they record, and read in their order."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.domain.ledger import Head, Link, Note, genesis, link
from reconciler.domain.model import JsonObject
from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.database import Connection, Row

_END = """
select m.lineage, m.serial, h.number, h.hash, (select hash from ledger where number = ?) as kept
from meta m left join ledger_head h on h.id = m.id
"""
_LINKS = """
select l.number, l.entry, l.hash, t.salt, t.texts from ledger l left join ledger_texts t on t.number = l.number
order by l.number
"""


@dataclass(frozen=True, slots=True)
class Latest:
    """The last entry that a run wrote, and to the ledger of which state."""

    lineage: str
    head: Head


def append(connection: Connection, notes: Iterable[Note], latest: Latest | None = None) -> Latest:
    """Add entries, inside a transaction that the caller ends; their head is kept apart from them.

    Others may have added some meanwhile, but what the caller wrote last (``latest``) must be there still. The
    result is what it has written now.

    Raises:
        StateError: it is not, or the state does not say which state it is.
    """
    meta = connection.execute(_END, (latest.head.number if latest else 0,)).fetchone()
    if meta is None:
        raise _damaged()
    _check(meta, latest)
    head = genesis(meta["lineage"]) if meta["number"] is None else Head(meta["number"], meta["hash"])
    links: list[Link] = []
    for note in notes:
        links.append(link(head, note, meta["serial"], new_salt()))
        head = Head(links[-1].number, links[-1].hash)
    connection.executemany(
        "insert into ledger (number, entry, hash) values (?, ?, ?)",
        [(item.number, item.entry, item.hash) for item in links],
    )
    connection.executemany(
        "insert into ledger_texts (number, salt, texts) values (?, ?, ?)",
        [(item.number, item.salt, json.dumps(item.texts)) for item in links if item.texts is not None],
    )
    connection.execute(
        "insert into ledger_head (id, number, hash) values (1, ?, ?)"
        " on conflict (id) do update set number = excluded.number, hash = excluded.hash",
        (head.number, head.hash),
    )
    return Latest(meta["lineage"], head)


def check_kept(connection: Connection, latest: Latest) -> None:
    """Raises ``StateError`` where this is another state by now, or lacks what this run has written."""
    meta = connection.execute(_END, (latest.head.number,)).fetchone()
    if meta is None:
        raise _damaged()
    _check(meta, latest)


def _check(meta: Row, latest: Latest | None) -> None:
    if latest is None:
        return
    if meta["lineage"] != latest.lineage:
        raise rules.lost(
            f"the state was overwritten by another one (lineage {meta['lineage']}) while this run used it"
        )
    if meta["kept"] != latest.head.hash:
        raise rules.lost("the state was overwritten by an older copy while this run used it")


def about(connection: Connection) -> JsonObject:
    """What the first entry says of the state itself: whose key its pseudonyms are made with is told by a hash."""
    found = meta(connection)
    secret = hashlib.sha256(str(found["secret"]).encode()).hexdigest()
    return {"created_at": found["created_at"], "secret": f"sha256:{secret}"}


def meta(connection: Connection) -> Row:
    """Which state it is. Raises ``StateError`` where it does not say."""
    row = connection.execute("select * from meta").fetchone()
    if row is None:
        raise _damaged()
    return row


def _damaged() -> StateError:
    return StateError("the state is damaged: it does not say which state it is")


def kept_head(connection: Connection) -> Head | None:
    """Where the ledger ends; None where it has not begun."""
    row = connection.execute("select number, hash from ledger_head").fetchone()
    return None if row is None else Head(row["number"], row["hash"])


def links(connection: Connection) -> Iterator[Link]:
    """All entries as of one moment; read at once, so that no cursor left open holds up a writer."""
    rows = connection.execute(_LINKS).fetchall()
    return (_link(row) for row in rows)


def _link(row: Row) -> Link:
    try:
        told = None if row["texts"] is None else json.loads(row["texts"])
    except ValueError:
        told = {}
    if told is not None and not (isinstance(told, dict) and all(isinstance(item, str) for item in told.values())):
        told = {}
    return Link(row["number"], str(row["entry"]), str(row["hash"]), row["salt"], told)


def remove_texts(connection: Connection, numbers: Iterable[int]) -> None:
    """Take out the texts beside these entries, inside a transaction that the caller ends."""
    connection.executemany("delete from ledger_texts where number = ?", [(number,) for number in numbers])


def new_salt() -> str:
    """16 random bytes, in hex."""
    return secrets.token_hex(16)
