"""The calls that a run placed, for the message of a run that lost its state."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Result

_NAMED = 10  # calls


class PlacedCalls:
    """How many calls a run placed, and the latest of them. Some may be unrecorded: the answer came, but could not
    be written."""

    def __init__(self) -> None:
        self._count = 0
        self._latest: deque[str] = deque(maxlen=_NAMED)
        self._unrecorded: dict[Address, str] = {}

    def add(self, results: Iterable[Result]) -> None:
        """Add recorded results; only placed calls count."""
        for result in _placed(results):
            self._unrecorded.pop(result.address, None)
            self._count += 1
            self._latest.append(_name(result))

    def add_unrecorded(self, results: Iterable[Result]) -> None:
        """Add results that could not be recorded; only placed calls count."""
        self._unrecorded.update({result.address: _name(result) for result in _placed(results)})

    def describe(self) -> str:
        count, named = self._count + len(self._unrecorded), [*self._latest, *self._unrecorded.values()]
        if count == 0:
            return "This run had placed no calls."
        calls = "1 call" if count == 1 else f"{count:,} calls"
        rest = ", the latest of them" if count > len(named) else ""
        return f"This run had placed {calls}{rest}: {', '.join(named)}."


def _placed(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if result.status is Status.PLACED)


def _name(result: Result) -> str:
    return f"{result.address} ({result.call_id})"
