"""Taking out what tells of a person: in the tables, in place, and then in the file that holds them."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.blinding import REDACTED
from reconciler.domain.ledger import Link, read
from reconciler.domain.model import Address, Call
from reconciler.domain.ports import StateReader
from reconciler.domain.times import parse_instant
from reconciler.errors import Refused, StateError
from reconciler.state.replay import Replay


def written_about(links: Iterable[Link]) -> Mapping[str, Sequence[int]]:
    """The ledger's entries that have texts, by the address that each is now about.

    Raises:
        StateError: the ledger is damaged: nobody can say then what is to be taken out.
    """
    try:
        with closing(Replay()) as replay:
            for link in links:
                replay.step(read(link.entry), link.texts or {})
    except (ValueError, TypeError, LookupError) as error:
        raise StateError(f"the ledger is damaged: {error}", hint="reconciler audit verify tells where") from error
    return replay.texts_of


def due(reader: StateReader, before: datetime) -> list[Address]:
    """The addresses whose call rang, failed or was missed before a moment, and which still tell of a person.

    Raises:
        Refused: the outcome of some of them is unknown.
        StateError: the ledger is damaged.
    """
    found: list[Address] = []
    unknown: list[Address] = []
    links, conflicts = list(reader.ledger()), reader.conflicts()
    for name, numbers in written_about(links).items():
        address = Address.parse(name)
        entry, attempts = reader.entry(address), reader.attempts(address)
        if entry is not None:
            over = entry.rings_at < before
        elif attempts:  # it was forgotten, and its journal was not
            over = all(item.intended_at < before for item in attempts)
        else:  # it was never sent, and the ledger has texts about it
            over = all(parse_instant(read(links[number - 1].entry).at) < before for number in numbers)
        if over:
            is_unknown = address in conflicts or (entry is not None and entry.unknown)
            (unknown if is_unknown else found).append(address)
    if unknown:
        named = ", ".join(map(str, sorted(unknown)[:3]))
        raise Refused(
            f"{len(unknown)} of these calls may or may not have been placed ({named}): nothing was redacted",
            hint="reconciler resolve settles them",
        )
    return sorted(found)


def copies(path: Path) -> list[Path]:
    """The copies that were made beside a state before its tables were brought up to date. They hold everything."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.before-*"))


def redacted(call: Call) -> Call:
    """The call as its kind, agent, times and the names of its fields; no text that a person gave."""
    logical = identity.to_logical(call)
    logical |= {name: REDACTED for name in identity.TEXT_FIELDS if name in logical}
    if call.sender.startswith("+"):
        logical["from"] = REDACTED
    found = identity.from_logical(logical)
    return structs.replace(found, additional_data=_keys(call.additional_data), metadata=_keys(call.metadata))


def _keys(texts: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(texts, REDACTED)
