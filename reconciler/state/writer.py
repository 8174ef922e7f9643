"""Transactions of a state: a write and the ledger's entries about it become durable together, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from reconciler.domain.facts import Pause
from reconciler.domain.ledger import Note
from reconciler.domain.model import Address
from reconciler.domain.times import format_instant
from reconciler.state import ledger, notes, rules
from reconciler.state.database import Session
from reconciler.state.facts import ConnectionFacts
from reconciler.state.loss import PlacedCalls
from reconciler.state.projection import LedgerEntry, project, run
from reconciler.state.reader import Reader


class Writer(Reader):
    """A reader whose session holds the state's lock, and what its run has written so far."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._notes: list[Note] = []
        self._key = self.key_for(notes.PURPOSE)
        self._latest: ledger.Latest | None = None
        self.placed = PlacedCalls()
        self._pauses: Sequence[Pause] = ()

    @contextmanager
    def _transaction(self, *, counts: bool = True) -> Iterator[None]:
        """Everything or nothing, its entries in the ledger too, synced when it ends. The serial grows by one where
        it ``counts``, and anything was done.
        """
        latest = self._latest
        with self._session.writing():
            self._notes = []
            yield
            if self._notes:
                if counts:
                    self._connection.execute("update meta set serial = serial + 1")
                latest = ledger.append(self._connection, self._notes, latest)
            pauses = self.pauses()  # nobody writes meanwhile: true for as long as the state is untouched
        self._latest, self._pauses = latest, pauses

    @property
    def latest_pauses(self) -> Sequence[Pause]:
        return self._pauses

    @property
    def latest(self) -> ledger.Latest | None:
        """The last entry that this run wrote."""
        return self._latest

    def untouched(self) -> bool:
        return self._session.untouched()

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        with self._session.translated(), self._session.rereading() as connection:
            if self._latest is not None:
                ledger.check_kept(connection, self._latest)
            left = set(addresses) - self._waiting(connection, run_id, addresses)
            if left:
                raise rules.lost(f"{min(left)} was recorded as about to be sent, and is not any more")
            self._pauses = ConnectionFacts(connection).pauses()

    def _write(self, note: Note, clear: Mapping[str, str] | None = None) -> None:
        """Add an entry to the ledger, and make its changes to the tables. Only these hold what is ``clear``."""
        self._notes.append(note)
        at = format_instant(note.at)
        entry = LedgerEntry(note.kind, at, note.run_id, note.content, note.texts, clear or {})
        for change in project(entry):
            run(self._connection, change)
