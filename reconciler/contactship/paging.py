"""Reading a listing that comes in pages: all of it, or none.

Pages are cut from a list that lives: items come and go while it is read, and a service may miscount, cut or
repeat. A reading is whole where

- each page agrees with itself: no item twice, and no more than its ``count`` says;
- no ``count`` on the way was higher than the number of items known by the end; and
- each page began with an item that is older than the newest one of the page before. Then no item that was there
  all the time can have slipped through between two pages, whatever came or went, and however the service orders
  items of one moment. Where items have no times, or too many share one, the count must stand still and two
  readings in a row must find the same items instead.

A reading that is not whole is followed by others, until one is, and the one after it too; after ``READINGS`` of
them there is no listing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Generic, TypeVar

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.errors import LookupFailed

T = TypeVar("T")

PAGE = 100
READINGS = 5
PAUSE = 0.1  # seconds before the second reading; before each further one twice as long
MOST_ITEMS = 1_000_000
_FULL_PAGE = 20  # the documented default of a page: what is shorter was not cut by a limit
_STEPS_BACK = 50  # in one reading
_HINT = "try again in a few minutes; if it stays so, ask the service's support"


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One item of a listing. ``created_at`` is None where the service does not say."""

    id: str
    created_at: datetime | None
    value: T


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer: some items, and how many there are in all."""

    items: Sequence[Item[T]]
    count: int


def read_page(answer: JsonValue, what: str, read: Callable[[JsonValue], Item[T]]) -> Page[T]:
    """An answer of the form ``{"data": [...], "count": n}``. Raises ``LookupFailed`` where it is none."""
    members: JsonObject = answer if isinstance(answer, dict) else {}
    data, count = members.get("data"), members.get("count")
    if not isinstance(data, list) or isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise LookupFailed(f"the service's list of {what} is not what it documents")
    return Page([read(item) for item in data], count)


async def read_whole(ask: Callable[[int], Awaitable[Page[T]]], what: str) -> list[T]:
    """Every item once, in the order in which they were found; also those that left meanwhile.

    ``ask`` returns the page that starts at an offset, oldest item first.

    Raises:
        LookupFailed: an answer is missing or malformed, or no reading was whole.
    """
    known: dict[str, Item[T]] = {}
    before: _Reading[T] | None = None
    problem, calm, in_a_row = "", True, 0
    for number in range(READINGS):
        if number:
            await asyncio.sleep(PAUSE * 2 ** (number - 1))
        reading = _Reading[T]()
        gap = await reading.run(ask)
        known |= reading.found
        gap = gap or reading.gap(known, before)
        if gap is None:
            in_a_row += 1
            if in_a_row == (1 if calm else 2):
                return [item.value for item in known.values()]
        else:
            # a first reading without times only waits for its second one
            calm, in_a_row = calm and gap == _UNCONFIRMED, 0
            problem = gap
        before = reading
    raise _not_whole(what, problem)


async def read_unpaged(ask: Callable[[], Awaitable[JsonValue]], what: str) -> list[JsonObject]:
    """A listing without pages: an array, or ``{"data": [...]}``. Whole where its ``count``, if any, says so.

    Raises:
        LookupFailed: as for ``read_whole``.
    """
    problem = ""
    for number in range(READINGS):
        if number:
            await asyncio.sleep(PAUSE * 2 ** (number - 1))
        answer = await ask()
        members: JsonObject = answer if isinstance(answer, dict) else {"data": answer}
        data, count = members.get("data"), members.get("count")
        objects = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
        if not isinstance(data, list) or len(objects) < len(data):
            raise LookupFailed(f"the service's list of {what} is not what it documents")
        if count is None or count == len(objects):
            return objects
        problem = f"it says that there are {count}, and lists {len(objects):,}"
    raise _not_whole(what, problem)


def _not_whole(what: str, problem: str) -> LookupFailed:
    message = f"the service's list of {what} is not whole, read {READINGS} times: {problem}"
    return LookupFailed(message, hint=_HINT)


_UNCONFIRMED = "two readings in a row did not find the same"


@dataclass(slots=True)
class _Reading(Generic[T]):
    """One reading, from the first page to the last.

    Everything older than ``covered`` that was there all the time is found; None once that cannot be said.
    """

    found: dict[str, Item[T]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    pages: int = 0
    proven: bool = True
    covered: datetime | None = None
    steps_back: int = 0

    async def run(self, ask: Callable[[int], Awaitable[Page[T]]]) -> str | None:
        """Read to the end; what is wrong with a page, where anything is."""
        offset, back = 0, 0
        while True:
            page = await ask(offset)
            fresh = [item for item in page.items if item.id not in self.found]
            if (problem := self._problem(page, offset, len(fresh), stepping=back > 0)) is not None:
                return problem
            if not self.proven and page.count != self.counts[0]:
                return f"its pages changed while they were read, {page.count:,} after {self.counts[0]:,} in all"
            gone = self.counts[-1] - page.count if self.counts else 0
            self.counts.append(page.count)
            self.pages += 1
            self.found |= {item.id: item for item in page.items}
            if self.proven and offset and not self._joins(page):
                back = max(2 * back, gone, 1)
                offset, self.steps_back = max(0, offset - back), self.steps_back + 1
                self.proven = self.steps_back <= _STEPS_BACK
                continue
            # one page that may have been cut by a limit is no end by its own word alone
            asked_again = self.pages > 1 or not _FULL_PAGE <= len(page.items) <= PAGE
            if offset + len(page.items) >= page.count and asked_again:
                return None
            back = 0
            offset += self._step(page.items)

    def gap(self, known: dict[str, Item[T]], before: _Reading[T] | None) -> str | None:
        """Why a reading in which each page was in order is not whole; None where it is."""
        highest, number = max(self.counts), len(self.found)
        if number < self.counts[-1] or len(known) < highest:
            return f"it says that there are {highest:,}, and lists {len(known):,}"
        if self.proven:
            return None
        if set(self.counts) != {number}:
            return f"its pages changed while they were read, {min(self.counts):,} to {highest:,} in all"
        same = before is not None and before.found.keys() == self.found.keys()
        return None if same else _UNCONFIRMED

    def _problem(self, page: Page[T], offset: int, fresh: int, *, stepping: bool) -> str | None:
        number, ids = len(page.items), {item.id for item in page.items}
        if len(ids) < number:
            return f"one page has {number - len(ids):,} of its items twice"
        if number and offset + number > page.count:
            return f"it says that there are {page.count:,}, and a page ends at {offset + number:,}"
        if number > PAGE and (offset or number < page.count):
            return f"a page has {number:,} items, where {PAGE} were asked for"
        if not number and offset < page.count:
            return f"it says that there are {page.count:,}, and lists nothing from {offset + 1:,} on"
        if offset + number < page.count and not fresh and not stepping:
            return f"it gives the same items again, from {offset + 1:,} on"
        most = 2 * (self.counts[0] if self.counts else page.count) + 1000
        if len(self.found) + fresh > min(most, MOST_ITEMS):
            return f"it has no end: more than {len(self.found):,} are listed"
        return None

    def _joins(self, page: Page[T]) -> bool:
        """Whether the page begins with something older than the newest one that was read before."""
        first = page.items[0].created_at if page.items else None
        if first is None or self.covered is None:
            return not page.items and self.covered is None
        return first < self.covered

    def _step(self, items: Sequence[Item[T]]) -> int:
        """How far ahead the next page is: where it can be, at an item older than the newest of this one."""
        times = [item.created_at for item in items if item.created_at is not None]
        if self.proven and len(times) == len(items) and _ascending(times):
            self.covered = max(times[-1], self.covered or times[-1])
            step = next((at for at in range(len(times) - 1, 0, -1) if times[at] < self.covered), 0)
            if step:
                return step
        self.proven = False
        return len(items)


def _ascending(moments: Iterable[datetime]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(moments))
