"""The ledger's tables. Entries are added in the same transaction as the changes that they record."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.domain.canonical import canonical_json
from reconciler.domain.ledger import Head, Link, Note, genesis, link
from reconciler.domain.model import JsonObject
from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.session import Connection, Row, in_pages

PURPOSE = "audit"  # of the key for pseudonyms
_END = """
select m.lineage, m.serial, h.number, h.hash, (select hash from ledger where number = ?) as latest_hash
from meta m left join ledger_head h on h.id = m.id
"""
_LINKS = "select number, entry, hash, salt, texts from ledger left join ledger_texts using (number)"


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest entry that a run wrote, and the state whose ledger it is in."""

    lineage: str
    head: Head


def append(connection: Connection, notes: Iterable[Note], latest: Latest | None = None) -> Latest:
    """Add entries in the caller's transaction, store the new head apart from them, and return the latest entry.

    Others may have added entries in the meantime, but the caller's own ``latest`` entry must still be there.

    Raises:
        StateError: it is not, or the state's identity is missing.
    """
    end = check_latest(connection, latest)
    head = genesis(end["lineage"]) if end["number"] is None else Head(end["number"], end["hash"])
    links: list[Link] = []
    for note in notes:
        links.append(link(head, note, end["serial"], secrets.token_hex(16)))
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
    return Latest(end["lineage"], head)


def check_latest(connection: Connection, latest: Latest | None) -> Row:
    """The state's identity and the end of its ledger.

    Raises:
        StateError: this is another state by now, or it lacks what this run has written.
    """
    end = connection.execute(_END, (latest.head.number if latest else 0,)).fetchone()
    if end is None:
        raise _without_identity()
    if latest is not None and end["lineage"] != latest.lineage:
        raise rules.lost(
            f"the state was overwritten by another one (lineage {end['lineage']}) while this run used it"
        )
    if latest is not None and end["latest_hash"] != latest.head.hash:
        raise rules.lost("the state was overwritten by an older copy while this run used it")
    return end


def describe_state(connection: Connection) -> JsonObject:
    """What the first entry records about the state itself, with a hash in place of the secret."""
    identity = meta(connection)
    secret = hashlib.sha256(str(identity["secret"]).encode()).hexdigest()
    return {"created_at": identity["created_at"], "secret": f"sha256:{secret}"}


def meta(connection: Connection) -> Row:
    """The state's identity. Raises ``StateError`` if it is missing."""
    row = connection.execute("select * from meta").fetchone()
    if row is None:
        raise _without_identity()
    return row


def _without_identity() -> StateError:
    return StateError("the state is damaged: its identity (table meta) is missing")


def stored_head(connection: Connection) -> Head | None:
    """The end of the ledger as it is stored apart from the entries; None if the ledger is empty."""
    row = connection.execute("select number, hash from ledger_head").fetchone()
    return None if row is None else Head(row["number"], row["hash"])


def links(connection: Connection) -> Iterator[Link]:
    """All entries, oldest first, read page by page. For a consistent result, call it inside a transaction."""
    return (to_link(row) for row in in_pages(connection, _LINKS, ("number",)))


def to_link(row: Row) -> Link:
    """A row of the ledger. Texts that cannot be read become ``{}``, which is never what an entry was written
    with."""
    try:
        texts = None if row["texts"] is None else json.loads(row["texts"])
    except ValueError:
        texts = {}
    if texts is not None and not (
        isinstance(texts, dict) and all(isinstance(item, str) for item in texts.values())
    ):
        texts = {}
    return Link(row["number"], str(row["entry"]), str(row["hash"]), row["salt"], texts)


def remove_texts(connection: Connection, numbers: Iterable[int]) -> None:
    """Remove the texts of these entries, in the caller's transaction."""
    connection.executemany("delete from ledger_texts where number = ?", [(number,) for number in numbers])


def pseudonym(key: bytes, target: str) -> str:
    """The same text each time for the same person, and not readable without the key."""
    return hmac.digest(key, target.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:16]


def ids_digest(call_ids: Iterable[str]) -> str:
    """One hash for many call ids, in any order."""
    return "sha256:" + hashlib.sha256(canonical_json([*sorted(call_ids)])).hexdigest()
