"""Removes personal data from a state: from the tables, and from copies of the file."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.blinding import REDACTED
from reconciler.domain.ledger import Link, read
from reconciler.domain.model import Address, Call, Entry
from reconciler.domain.ports import StateReader
from reconciler.domain.times import parse_instant
from reconciler.errors import Refused, StateError
from reconciler.state.ledger.replay import Replay


def texts_by_address(links: Iterable[Link]) -> Mapping[str, Mapping[int, str]]:
    """The ledger entries that have texts: number and time, by the address that each has now.

    Raises:
        StateError: the ledger is damaged, so it is not known what to remove.
    """
    try:
        with closing(Replay()) as replay:
            for link in links:
                replay.step(read(link.entry), link.texts or {})
    except (ValueError, TypeError, LookupError) as error:
        hint = "find the place: reconciler audit verify"
        raise StateError(f"the ledger is damaged: {error}", hint=hint) from error
    return replay.texts_of


def due(reader: StateReader, before: datetime) -> list[Address]:
    """The addresses with personal data whose call rang, failed or was missed before a moment.

    Raises:
        Refused: the outcome of some of them is unknown.
        StateError: the ledger is damaged.
    """
    due_addresses: list[Address] = []
    unknown: list[Address] = []
    conflicts = reader.conflicts()
    for name, texts in texts_by_address(reader.ledger()).items():
        address = Address.parse(name)
        entry = reader.entry(address)
        if not _is_over(reader, address, entry, texts.values(), before):
            continue
        if address in conflicts or (entry is not None and entry.unknown):
            unknown.append(address)
        else:
            due_addresses.append(address)
    if unknown:
        named = ", ".join(map(str, sorted(unknown)[:3]))
        calls = "1 of these calls" if len(unknown) == 1 else f"{len(unknown):,} of these calls"
        raise Refused(
            f"{calls} may or may not have been placed ({named}): nothing was redacted",
            hint="settle them first: reconciler resolve",
        )
    return sorted(due_addresses)


def _is_over(
    reader: StateReader, address: Address, entry: Entry | None, times: Collection[str], before: datetime
) -> bool:
    """``times`` are those of the ledger entries with texts about the address."""
    if entry is not None:
        return entry.rings_at < before
    if attempts := reader.attempts(address):  # the entry was forgotten, but its journal remains
        return all(item.intended_at < before for item in attempts)
    return all(parse_instant(time) < before for time in times)  # it was never sent


def copies(path: Path) -> list[Path]:
    """The complete copies that were made beside a state before its tables were upgraded."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.before-*"))


def redacted(call: Call) -> Call:
    """The call without any text that a person wrote: its kind, agent, times and the names of its fields remain."""
    logical = identity.to_logical(call)
    logical |= {name: REDACTED for name in identity.TEXT_FIELDS if name in logical}
    if call.sender.startswith("+"):
        logical["from"] = REDACTED
    return structs.replace(
        identity.from_logical(logical),
        additional_data=dict.fromkeys(call.additional_data, REDACTED),
        metadata=dict.fromkeys(call.metadata, REDACTED),
    )
