"""The rows of one list as text: its columns and their widths, which rows are shown, and what the heading says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from reconciler.bulk.spool import Subset
from reconciler.domain.model import Address
from reconciler.domain.plan import Change
from reconciler.quantities import format_count
from reconciler.render import formats
from reconciler.render.console import OutputStyle, StyledLine, cell_width
from reconciler.render.escape import for_terminal
from reconciler.render.formats import shorten
from reconciler.render.subject import Subject

SHOWN = 10
_SLACK = 5  # hiding fewer items than this does not shorten the output
_PLANS = 3
_SAMPLE = 200  # rows that decide how wide the columns of a file are
_WIDE = 120
_LEAST = 12  # characters of a name or a value, before the address moves to a line of its own
_MOST = 40
_CALL_IDS = re.compile(r"--placed (?!CALL_ID)\S+(?: \(or [^)]*\))?")
_STOPPED = "--stopped --reason WHY. "
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """After a sign or a word: when, where, whom, the chosen field, and the address, in cells of these widths; 0:
    no such column.

    ``zone`` is the time zone of all rows, which the heading names; None if they differ. ``own_line``: addresses
    have a line of their own. ``right``: values are aligned as numbers. ``short_ids``: ids are shortened.
    """

    rings: int
    place: int
    person: int
    target: int
    value: int
    address: int
    zone: str | None
    own_line: bool = False
    right: bool = False
    lead: int = 2
    short_ids: bool = True

    @classmethod
    def for_rows(
        cls, rows: Iterable[tuple[Subject, str]], look: OutputStyle, value: str, *, lead: int = 2
    ) -> Columns:
        """``rows`` are subjects with their addresses; the first ones decide, if they are many. ``value`` is the
        heading of the chosen field."""
        sample = list(islice(rows, _SAMPLE))
        zones = {subject.zone for subject, _ in sample if subject.zone}
        wide = look.width >= _WIDE
        named = wide and any(subject.target != subject.person for subject, _ in sample)
        values = _widest(subject.value for subject, _ in sample)
        columns = cls(
            rings=_widest(subject.rings for subject, _ in sample),
            place=_widest(subject.place for subject, _ in sample) if len(zones) > 1 else 0,
            person=min(_widest(_person(subject, short=not wide or named) for subject, _ in sample), _MOST),
            target=_widest(subject.target for subject, _ in sample) if named else 0,
            value=min(max(values, cell_width(value)), _MOST) if values else 0,
            address=_widest(address for _, address in sample),
            zone=zones.pop() if len(zones) == 1 else None,
            lead=lead,
            short_ids=not wide or named,
            right=all(_NUMBER.fullmatch(subject.value) for subject, _ in sample if subject.value),
        )
        return columns._fitted(look.width)

    def _fitted(self, width: int) -> Columns:
        """The same within ``width``: names and values are cut before addresses move to a line of their own."""
        fixed = 2 + self.lead + sum(size + 2 for size in (self.rings, self.place, self.target) if size)
        sizes = [size + 2 for size in (self.person, self.value) if size]
        excess = fixed + sum(sizes) + self.address - width
        least = min(self.person, _LEAST), min(self.value, _LEAST)
        own_line = excess > self.person - least[0] + self.value - least[1]
        if own_line:
            excess -= self.address
        cut = max(0, min(excess, self.person - least[0]))
        value = self.value - max(0, min(excess - cut, self.value - least[1]))
        return replace(self, person=self.person - cut, value=value, own_line=own_line)

    def heading(self, words: str) -> str:
        """``to place, times in Mexico City``."""
        return words if self.zone is None else f"{words}, times {formats.zone_place(self.zone)}"

    def header(self, value: str) -> str:
        """The names of the columns."""
        names = (("when", self.rings), ("where", self.place), ("whom", self.person), ("number or id", self.target))
        cells = [_fit(name, size) for name, size in names if size]
        cells += [_fit(value, self.value, right=self.right)] if self.value else []
        return f"{'':{self.lead + 2}}{'  '.join([*cells, '' if self.own_line else 'address'])}".rstrip()

    def plain_line(self) -> Callable[[str, Subject, str], str | None]:
        """A faster ``line`` without colour. It returns None unless the line is printable ASCII that fits."""
        sizes = enumerate((self.rings, self.place, self.person, self.target), start=1)
        cells = [f"  {{0:<{self.lead}}}", *(f"{{{number}:<{size}}}  " for number, size in sizes if size)]
        if self.value:
            cells.append(f"{{5:{'>' if self.right else '<'}{self.value}}}  ")
        if not self.own_line:
            cells.append(f"{{6:<{self.address}}}")
        form = "".join(cells).format

        def draw(symbol: str, subject: Subject, address: str) -> str | None:
            person = _person(subject, short=self.short_ids)
            if len(person) > self.person or len(subject.value) > self.value:
                return None
            place = subject.place if self.place else ""
            target = subject.target if subject.target != person else ""
            line = form(symbol, self._rings(subject), place, person, target, subject.value, address)
            return line if line.isascii() and for_terminal(line) is line else None

        return draw

    def line(self, symbol: str, style: str, subject: Subject, address: str) -> StyledLine:
        """One row, without what belongs on the next line."""
        line = StyledLine(f"  {symbol:<{self.lead}}", style)
        person = _person(subject, short=self.short_ids)
        for text, size, shade, cut in (
            (self._rings(subject), self.rings, "", False),
            (subject.place, self.place, "", False),
            (person, self.person, "bold", True),
            (subject.target if subject.target != person else "", self.target, "", False),
        ):
            if size:
                line.append(f"{_fit(for_terminal(text), size, cut=cut)}  ", style=shade)
        if self.value:
            line.append(f"{_fit(for_terminal(subject.value), self.value, right=self.right)}  ")
        if not self.own_line:
            line.append(_fit(for_terminal(address), self.address, cut=False), style="cyan")
        return line

    def _rings(self, subject: Subject) -> str:
        """When a call rings, with its zone if neither the heading nor a column names it."""
        if self.place or not subject.zone or subject.zone == self.zone:
            return subject.rings
        return f"{subject.rings} {formats.zone_place(subject.zone)}"


def _person(subject: Subject, *, short: bool) -> str:
    """The name, or the id."""
    return shorten(subject.person) if short and subject.person == subject.target else subject.person


def _widest(texts: Iterable[str]) -> int:
    return max((cell_width(for_terminal(text)) for text in texts), default=0)


def _fit(text: str, size: int, *, right: bool = False, cut: bool = True) -> str:
    """The text in ``size`` terminal cells, padded, and cut unless it must be read as a whole."""
    width = cell_width(text)
    if width > size and cut:
        while text and cell_width(text) >= size:
            text = text[:-1]
        text += "\N{HORIZONTAL ELLIPSIS}"
        width = cell_width(text)
    padding = " " * (size - width)
    return padding + text if right else text + padding


def by_advice(changes: Sequence[Change], listed: Collection[Address]) -> list[tuple[str, Sequence[Change]]]:
    """The changes by what to do about them, so that it is said once for all of them. If there is only
    one row, the advice names its address and its call. How to stop a call is said where the calls are ``listed``.
    """
    groups: dict[str, list[int]] = {}
    for place, change in enumerate(changes):
        groups.setdefault(_advice(change, listed), []).append(place)
    single = len(changes) == 1 and changes[0].address not in listed
    if len(groups) == 1:
        return [(changes[0].advice if single else advice, changes) for advice in groups]
    return [(advice, Subset(changes, places)) for advice, places in groups.items()]


def _advice(change: Change, listed: Collection[Address]) -> str:
    if change.address in listed:
        return f"First stop the old call (see above). {change.advice.partition(_STOPPED)[2]}".rstrip()
    return _CALL_IDS.sub("--placed CALL_ID", change.advice.replace(str(change.address), "ADDRESS"))


def fold(items: Sequence[T], *, full: bool) -> tuple[Sequence[T], Sequence[T]]:
    """The items to show, and the hidden ones."""
    if full or len(items) <= SHOWN + _SLACK:
        return items, ()
    return items[:SHOWN], items[SHOWN:]


def hidden_text(hidden: Sequence[Change]) -> str:
    """``and 1,990 more (june 1,500, may 490): --full shows all``, the largest plans first."""
    plans = Counter(change.address.plan for change in hidden)
    parts = [f"{name} {count:,}" for name, count in plans.most_common(_PLANS)]
    if len(plans) > _PLANS:
        parts.append(format_count(len(plans) - _PLANS, "other plan"))
    where = f" ({', '.join(parts)})" if len(plans) > 1 else ""
    return f"and {len(hidden):,} more{where}: --full shows all"
