"""Sequences that are sorted by address, read side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from reconciler.domain.model import Address


class _Addressed(Protocol):
    @property
    def address(self) -> Address: ...


_A = TypeVar("_A", bound=_Addressed)


def ascending(items: Iterable[_A]) -> Iterator[_A]:
    """The items unchanged. Raises ``ValueError`` if an address is repeated or not in ascending order."""
    last: Address | None = None
    for item in items:
        if last is not None and item.address <= last:
            raise ValueError(f"{item.address} is out of order")
        last = item.address
        yield item


class MergeCursor(Generic[_A]):
    """Finds items by address. Both the items and the requested addresses must be in ascending order."""

    def __init__(self, items: Iterable[_A]) -> None:
        self._items = iter(items)
        self._next = next(self._items, None)

    def at(self, address: Address) -> _A | None:
        while self._next is not None and self._next.address < address:
            self._next = next(self._items, None)
        return self._next if self._next is not None and self._next.address == address else None
