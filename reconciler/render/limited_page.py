"""Fill a page of limited size: the most important parts first, and every omission is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Part:
    """A part of a page: ``head``, as many of the ``total`` ``items`` as fit, and ``tail``.

    Parts with a lower ``rank`` get room first. Items are rendered only when they are shown.
    """

    rank: int
    head: str
    items: Iterable[str] = ()
    total: int = 0
    tail: str = ""
    _shown: list[str] = field(default_factory=list)
    _rest: Iterator[str] | None = None
    _next: str | None = None

    def frame(self) -> int:
        """The size in bytes without any item."""
        return _size(self.head) + _size(self.tail) + _size(_hidden_text(self.total))

    def take(self, room: int) -> int:
        """Show more items in up to ``room`` bytes; returns the bytes used."""
        if self._rest is None:
            self._rest = iter(self.items)
        used = 0
        while (item := self._next or next(self._rest, None)) is not None:
            self._next = item
            if used + _size(item) > room:
                break
            self._shown.append(item)
            self._next = None
            used += _size(item)
        return used

    @property
    def hidden(self) -> int:
        """The number of items that are not shown."""
        return self.total - len(self._shown)

    def text(self) -> str:
        more = _hidden_text(self.hidden) if self.hidden else ""
        return f"{self.head}{''.join(self._shown)}{more}{self.tail}"


def fill(parts: Sequence[Part], room: int) -> tuple[str, int]:
    """The parts in their order, in at most ``room`` bytes of UTF-8, and the number of omitted items.

    First every part gets room for its frame. Then each in turn may take half of the remaining room, so that no
    part displaces the next ones; the rest goes to the first part that can use it.
    """
    ranked = sorted(parts, key=lambda part: part.rank)
    kept: list[Part] = []
    for part in ranked:
        if part.frame() <= room:
            room -= part.frame()
            kept.append(part)
    for share in (2, 1):
        for part in kept:
            room -= part.take(room // share)
    chosen = {id(part) for part in kept}
    text = "".join(part.text() for part in parts if id(part) in chosen)
    return text, sum(part.hidden for part in parts)


def _hidden_text(count: int) -> str:
    return f"\n\N{HORIZONTAL ELLIPSIS} and {count:,} more\n" if count else ""


def _size(text: str) -> int:
    return len(text.encode())
