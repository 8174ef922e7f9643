"""The types of the page's table: one line for each call, and the labels that belong to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.model import Address, Call
from reconciler.domain.plan import CellDiff, Moment
from reconciler.domain.times import UNKNOWN_TIME
from reconciler.render import formats
from reconciler.render.formats import shorten
from reconciler.render.load_context import MinuteLoad
from reconciler.render.origins import Origins
from reconciler.render.subject import UNKNOWN, Subject


@dataclass(frozen=True, slots=True)
class CallKind:
    """The action or outcome of a call: ``name`` for styles, ``word`` and ``mark`` for readers."""

    name: str
    word: str
    mark: str


@dataclass(frozen=True, slots=True)
class Series:
    """One series of bars in the chart: ``tone`` for styles, ``name`` for readers."""

    tone: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One call. ``kind`` and ``load`` are positions in the book's ``kinds`` and ``series`` (0: not in the chart).

    ``call`` is what would be placed, None if that is not known; ``subject`` describes it for people. ``rings`` is
    None if the time is not known. ``on_base``: the base already has it. ``past``: it needs no action any more.
    """

    address: Address
    kind: int
    load: int
    call: Call | None
    subject: Subject
    rings: datetime | None
    when: str
    place: str
    message: str = ""
    reasons: tuple[str, ...] = ()
    diff: tuple[CellDiff, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    on_base: bool = False
    past: bool = False
    floating: bool = False

    @property
    def person(self) -> str:
        """The name; without one, the number, or the short form of a contact's id."""
        subject = self.subject
        return shorten(subject.person) if subject.person == subject.target else subject.person


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionGroup:
    """Calls that need attention for one reason, which the heading states and ``explanation`` explains.

    ``instruction`` is what to do. ``reason`` selects them in the sheet, together with ``kind`` if that is set.
    """

    name: str
    heading: str
    explanation: str
    lines: tuple[CallLine, ...]
    instruction: str = ""
    kind: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBook:
    """The calls in the order of the page, and the labels for them.

    ``now`` is the time of the page. ``unlisted`` are calls that ring but have no line, as the last of the
    ``series``. ``limit`` is the limit of calls in one minute. ``fullest`` is the highest number of calls from one
    number in one minute, that minute, and the limit. ``origins`` are the origins of values, for the calls that
    they were requested for. ``kind``, ``changes`` and ``place`` are labels of columns, ``reason`` the label of
    another filter. ``show`` is the field that each line shows, and ``value`` the heading of its column.
    """

    now: datetime
    lines: tuple[CallLine, ...]
    kinds: tuple[CallKind, ...]
    series: tuple[Series, ...]
    attention: tuple[AttentionGroup, ...]
    kind: str
    changes: str
    place: str
    reason: str
    show: str = ""
    value: str = ""
    branch: bool = False
    unlisted: tuple[MinuteLoad, ...] = ()
    limit: int | None = None
    fullest: tuple[int, int, int] | None = None
    origins: Origins = field(default_factory=dict)


def in_order(lines: Iterable[CallLine]) -> tuple[CallLine, ...]:
    """The lines by kind, then by time."""
    return tuple(sorted(lines, key=lambda line: (line.on_base, line.kind, line.rings or UNKNOWN_TIME)))


def ring_text(subject: Subject, now: datetime) -> str:
    """``Mon 15 Jun 10:00 Mexico City``; empty if nothing is known of the call."""
    if subject.rings:
        return f"{subject.rings} {subject.place or 'UTC'}" if known_time(subject.rings_at) else subject.rings
    if subject.rings_at is None:
        return ""
    return local_text(subject.rings_at, "UTC", now)


def local_text(moment: datetime, timezone: str, now: datetime) -> str:
    """``Mon 15 Jun 10:00 in Mexico City``. It is not relative to now, because a page is also read later."""
    if moment == UNKNOWN_TIME:
        return UNKNOWN
    return formats.format_moment(Moment(moment, timezone), now)


def known_time(moment: datetime | None) -> datetime | None:
    """The moment, or None for one that stands for an unknown time."""
    return None if moment == UNKNOWN_TIME else moment
