"""The same call under another name: what a renamed plan or an edited key would phone a second time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reconciler.blinding import View
from reconciler.model import Address, Entry, Row

WINDOW = timedelta(hours=24)


class Twins:
    """Entries indexed by what makes a call recognisable: its digest, its target and its time.

    Calls that a person stopped, and attempts that came to nothing, are no twins. ``siblings`` were approved
    together with the row that asks. ``view`` is how the state has a row's call.
    """

    def __init__(self, entries: Iterable[Entry], siblings: frozenset[Address], view: View) -> None:
        self._view = view
        self._by_digest: dict[str, list[Entry]] = {}
        self._by_target: dict[str, list[Entry]] = {}
        for entry in entries:
            live = entry.unknown or (entry.placed and entry.stopped_at is None)
            if live and entry.address not in siblings:
                self._by_digest.setdefault(entry.digest, []).append(entry)
                self._by_target.setdefault(entry.call.target, []).append(entry)

    def find(self, row: Row, digest: str, now: datetime) -> Entry | None:
        """The entry of another plan or key that is the same call as ``row``, the first by address.

        Same digest; or same target and ring instant; or, for immediate and delayed rows, the same target in an
        immediate or delayed call attempted within 24 hours.
        """
        if not self._by_target:
            return None
        found = [entry for entry in self._by_digest.get(self._view.digest(digest), ()) if _other(entry, row)]
        target = self._view.target(row.call.target)
        found += [entry for entry in self._by_target.get(target, ()) if _collides(entry, row, now)]
        return min(found, key=lambda entry: entry.address, default=None)


def _other(entry: Entry, row: Row) -> bool:
    return (entry.address.plan, entry.address.key) != (row.address.plan, row.address.key)


def _collides(entry: Entry, row: Row, now: datetime) -> bool:
    if not _other(entry, row):
        return False
    if row.rings_at is not None:
        return entry.rings_at == row.rings_at
    return entry.call.schedule is None and abs(now - entry.attempted_at) < WINDOW
