"""Read a paginated listing completely, or fail.

Pages are cut from a listing that changes: items are added and removed while it is read, and a service may
miscount, cut or repeat items. A reading is complete if

- each page is consistent: no item twice, and no more items than its ``count``;
- no ``count`` was higher than the number of items known at the end; and
- each page began with an item that is older than the newest item of the page before. Then no item that was there
  all the time can have been skipped between two pages, whatever was added or removed, and however the service
  orders items of the same moment. If items have no times, or too many share one, then instead the count must not
  change and two consecutive readings must return the same items.

An incomplete reading is repeated, until one is complete and so is the one after it; after ``READINGS`` readings
the listing fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct, ValidationError

from reconciler.contactship.answers import read
from reconciler.contactship.reader import Reader
from reconciler.domain.model import JsonValue
from reconciler.errors import LookupFailed

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

PAGE = 100
READINGS = 5
PAUSE = 0.1  # seconds before the second reading; doubled for each further one
MOST_ITEMS = 1_000_000
_FULL_PAGE = 20  # the documented default of a page: a shorter page was not cut by a limit
_STEPS_BACK = 50  # in one reading
_HINT = "try again in a few minutes. If the problem persists, contact the service's support"


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One item of a listing. ``created_at`` is None if the service does not return it."""

    id: str
    created_at: datetime | None
    value: T


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer: some items, and the total number of items."""

    items: Sequence[Item[T]]
    count: int


class _Paged(Struct):
    data: list[Any]
    count: Annotated[int, Meta(ge=0)]


class _Unpaged(Struct):
    data: list[Any]
    count: Any = None


def read_page(answer: JsonValue, what: str, read_item: Callable[[JsonValue], Item[T]]) -> Page[T]:
    """An answer of the form ``{"data": [...], "count": n}``. Raises ``LookupFailed`` for any other form."""
    [paged] = read_items([answer], what, lambda value: read(value, _Paged))
    return Page(read_items(paged.data, what, read_item), paged.count)


def read_items(values: Iterable[JsonValue], what: str, read_item: Callable[[JsonValue], T]) -> list[T]:
    """Values of a list. Raises ``LookupFailed`` if ``read_item`` raises ``ValidationError``."""
    try:
        return list(map(read_item, values))
    except ValidationError as error:
        raise LookupFailed(f"the service's list of {what} does not match its documentation: {error}") from error


async def read_all(ask: Callable[[int], Awaitable[Page[T]]], what: str) -> list[T]:
    """Every item once, in the order in which they were read, including those that were removed meanwhile.

    ``ask`` returns the page that starts at an offset, oldest item first.

    Raises:
        LookupFailed: an answer is missing or malformed, or no reading was complete.
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
            # a first reading without times needs a second one
            calm, in_a_row = calm and gap == _UNCONFIRMED, 0
            problem = gap
        before = reading
    raise _incomplete(what, problem)


async def read_unpaged(reader: Reader, path: str, what: str, kind: type[S]) -> list[S]:
    """A listing without pages: an array, or ``{"data": [...]}``. Complete if it agrees with its ``count``, if any.

    Raises:
        LookupFailed: as for ``read_all``.
    """
    problem = ""
    for number in range(READINGS):
        if number:
            await asyncio.sleep(PAUSE * 2 ** (number - 1))
        answer = await reader.get(path, {}, f"for its {what}")
        whole: JsonValue = answer if isinstance(answer, dict) else {"data": answer}
        [unpaged] = read_items([whole], what, lambda value: read(value, _Unpaged))
        items = read_items(unpaged.data, what, lambda value: read(value, kind))
        if unpaged.count is None or unpaged.count == len(items):
            return items
        problem = f"its count is {unpaged.count}, but it lists {len(items):,}"
    raise _incomplete(what, problem)


def _incomplete(what: str, problem: str) -> LookupFailed:
    message = f"the service's list of {what} is incomplete after {READINGS} readings: {problem}"
    return LookupFailed(message, hint=_HINT)


_UNCONFIRMED = "two readings in a row returned different items"


@dataclass(slots=True)
class _Reading(Generic[T]):
    """One reading, from the first page to the last.

    Every item older than ``covered`` that was there all the time was read; None once this cannot be guaranteed.
    """

    found: dict[str, Item[T]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    pages: int = 0
    proven: bool = True
    covered: datetime | None = None
    steps_back: int = 0

    async def run(self, ask: Callable[[int], Awaitable[Page[T]]]) -> str | None:
        """Read to the end; returns the problem with a page, if any."""
        offset, back = 0, 0
        while True:
            page = await ask(offset)
            fresh = [item for item in page.items if item.id not in self.found]
            if (problem := self._problem(page, offset, len(fresh), stepping=back > 0)) is not None:
                return problem
            if not self.proven and page.count != self.counts[0]:
                return f"its pages changed while they were read (count {page.count:,} after {self.counts[0]:,})"
            gone = self.counts[-1] - page.count if self.counts else 0
            self.counts.append(page.count)
            self.pages += 1
            self.found |= {item.id: item for item in page.items}
            if self.proven and offset and not self._joins(page):
                back = max(2 * back, gone, 1)
                offset, self.steps_back = max(0, offset - back), self.steps_back + 1
                self.proven = self.steps_back <= _STEPS_BACK
                continue
            # a page that may have been cut by a limit does not prove that it is the last one
            asked_again = self.pages > 1 or not _FULL_PAGE <= len(page.items) <= PAGE
            if offset + len(page.items) >= page.count and asked_again:
                return None
            back = 0
            offset += self._step(page.items)

    def gap(self, known: dict[str, Item[T]], before: _Reading[T] | None) -> str | None:
        """Why a reading with consistent pages is incomplete; None if it is complete."""
        highest, number = max(self.counts), len(self.found)
        if number < self.counts[-1] or len(known) < highest:
            return f"its count is {highest:,}, but it lists {len(known):,}"
        if self.proven:
            return None
        if set(self.counts) != {number}:
            return f"its pages changed while they were read (count {min(self.counts):,} to {highest:,})"
        same = before is not None and before.found.keys() == self.found.keys()
        return None if same else _UNCONFIRMED

    def _problem(self, page: Page[T], offset: int, fresh: int, *, stepping: bool) -> str | None:
        number, ids = len(page.items), {item.id for item in page.items}
        if len(ids) < number:
            return f"one page has {number - len(ids):,} of its items twice"
        if number and offset + number > page.count:
            return f"its count is {page.count:,}, but a page ends at {offset + number:,}"
        if number > PAGE and (offset or number < page.count):
            return f"a page has {number:,} items, but {PAGE} were requested"
        if not number and offset < page.count:
            return f"its count is {page.count:,}, but it lists nothing from {offset + 1:,} on"
        if offset + number < page.count and not fresh and not stepping:
            return f"it repeats the same items from {offset + 1:,} on"
        most = 2 * (self.counts[0] if self.counts else page.count) + 1000
        if len(self.found) + fresh > min(most, MOST_ITEMS):
            return f"it does not end: it lists more than {len(self.found):,}"
        return None

    def _joins(self, page: Page[T]) -> bool:
        """Whether the page begins with an item older than the newest one that was read before."""
        first = page.items[0].created_at if page.items else None
        if first is None or self.covered is None:
            return not page.items and self.covered is None
        return first < self.covered

    def _step(self, items: Sequence[Item[T]]) -> int:
        """The distance to the next page: if possible, to an item older than the newest one of this page."""
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
