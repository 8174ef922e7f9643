"""Transactions of a state: a write and its ledger entries become durable together, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from reconciler.domain.facts import Pause
from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.times import format_instant
from reconciler.state import rules
from reconciler.state.fact_reader import ConnectionFacts
from reconciler.state.ledger import entries
from reconciler.state.ledger.projection import LedgerEntry, apply_change, project
from reconciler.state.placed_calls import PlacedCalls
from reconciler.state.reader import Reader
from reconciler.state.session import Session


class Writer(Reader):
    """A reader whose session holds the state's lock; it knows what its run has written so far."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._notes: list[Note] = []
        self._key = self.key_for(entries.PURPOSE)
        self._latest: entries.Latest | None = None
        self.placed = PlacedCalls()
        self._pauses: Sequence[Pause] = ()

    @contextmanager
    def _transaction(self, *, counts: bool = True) -> Iterator[None]:
        """Everything or nothing, including ledger entries, and synced at the end. The serial is increased if it
        ``counts`` and anything was written.
        """
        latest = self._latest
        with self._session.writing():
            self._notes = []
            yield
            if self._notes:
                if counts:
                    self._connection.execute("update meta set serial = serial + 1")
                latest = entries.append(self._connection, self._notes, latest)
            pauses = self.pauses()  # nobody else writes now: true for as long as the state is untouched
        self._latest, self._pauses = latest, pauses

    @property
    def latest_pauses(self) -> Sequence[Pause]:
        return self._pauses

    @property
    def latest(self) -> entries.Latest | None:
        """The latest entry that this run wrote."""
        return self._latest

    def untouched(self) -> bool:
        return self._session.untouched()

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        with self._session.translated(), self._session.rereading() as connection:
            if self._latest is not None:
                entries.check_latest(connection, self._latest)
            missing = set(addresses) - self._open_attempts(connection, run_id, addresses)
            if missing:
                raise rules.lost(f"the recorded intent of {min(missing)} is no longer in the state")
            self._pauses = ConnectionFacts(connection).pauses()

    def _write(
        self,
        kind: EntryKind,
        run_id: str,
        at: datetime,
        content: JsonObject,
        texts: Mapping[str, str | None] | None = None,
        clear: Mapping[str, str] | None = None,
    ) -> None:
        """Add an entry to the ledger, and apply its changes to the tables. Texts that are None are left out; the
        texts in ``clear`` are stored in the tables only.
        """
        present = {name: text for name, text in (texts or {}).items() if text is not None}
        self._notes.append(Note(kind, at, run_id, content, present))
        entry = LedgerEntry(kind, format_instant(at), run_id, content, present, clear or {})
        for change in project(entry):
            apply_change(self._connection, change)
