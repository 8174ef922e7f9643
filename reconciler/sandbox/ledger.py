"""The recorded calls in the order of their arrival, and by time of creation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import datetime

from reconciler.sandbox.journal import Journal
from reconciler.sandbox.recorded import RecordedCall


class Ledger:
    """All calls of a sandbox. With a journal, a call is in its file before ``add`` returns."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._calls: list[RecordedCall] = []
        self._by_creation: list[RecordedCall] = []
        self._by_id: dict[str, RecordedCall] = {}
        for call in journal.load() if journal else ():
            self._keep(call)

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: RecordedCall) -> None:
        """Record a call. Raises ``Refusal`` 500 if it cannot be written to its file; then it is not recorded."""
        if self._journal is not None:
            self._journal.append(call)
        self._keep(call)

    def _keep(self, call: RecordedCall) -> None:
        self._calls.append(call)
        insort(self._by_creation, call, key=_creation)
        self._by_id[call.call_id] = call

    def all(self) -> tuple[RecordedCall, ...]:
        """Every call in the order it was recorded. May be called from another thread."""
        return tuple(self._calls)

    def find(self, call_id: str) -> RecordedCall | None:
        """The call with that id."""
        return self._by_id.get(call_id)

    @property
    def last_answered(self) -> str | None:
        """The id that was last returned to a client."""
        return next((call.call_id for call in reversed(self._calls) if call.answered == "ok"), None)

    def created(self, first: datetime | None, last: datetime | None) -> Sequence[RecordedCall]:
        """Calls created from ``first`` to ``last``, both inclusive, oldest first."""
        start = 0 if first is None else bisect_left(self._by_creation, first, key=_creation)
        end = len(self._by_creation) if last is None else bisect_right(self._by_creation, last, key=_creation)
        return self._by_creation[start:end]

    def close(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()


def _creation(call: RecordedCall) -> datetime:
    return call.created_at
