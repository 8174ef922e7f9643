"""Pauses and resumes a state while another run may hold its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.domain.facts import UNLOCKED_COMMANDS
from reconciler.domain.ledger import EntryKind
from reconciler.domain.ports import Run
from reconciler.errors import ExitCode, StateError
from reconciler.state import rules
from reconciler.state.session import Session
from reconciler.state.store import Store

_KINDS = frozenset({EntryKind.BEGAN, EntryKind.PAUSED, EntryKind.RESUMED, EntryKind.ENDED})


class UnlockedStore(Store):
    """Writes one pause, or the end of one, and its complete run in one transaction. All other writes are refused.

    The session's transaction must keep all other writers out.
    """

    def __init__(self, session: Session, run: Run, lineage: str | None) -> None:
        """``lineage`` is the pinned one. ``run`` is recorded with the write, not before."""
        if run.command not in UNLOCKED_COMMANDS:
            raise ValueError(f"{run.command} needs the lock")
        super().__init__(session)
        self._own_run = run
        self._lineage = lineage

    @contextmanager
    def _transaction(self, *, counts: bool = True) -> Iterator[None]:
        """Checks again what was checked when the state was opened, because another run may have moved it."""
        with super()._transaction(counts=counts):
            rules.check_lineage(self.lineage, self._lineage)
            rules.check_not_moved(self._session.name, self.moved_to)
            self._begin_run(self._own_run)
            yield
            self._end_run(self._own_run.id, self._notes[-1].at, ExitCode.DONE, {})
            if any(note.kind not in _KINDS for note in self._notes):
                raise StateError("this write needs the state's lock")
