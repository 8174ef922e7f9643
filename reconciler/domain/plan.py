"""The words of a plan, as frozen data: what it says of each address, and what it was made from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import TypeAlias

from msgspec.structs import astuple

from reconciler.domain.model import Address, Call, Diagnostic, Location, Request, Word
from reconciler.domain.times import ZONE_RULES


class Action(StrEnum):
    """What a plan says of one address, in the order in which a reviewer wants to see them."""

    BLOCKED = "blocked"
    FORBIDDEN = "forbidden"
    UNCERTAIN = "uncertain"
    CONFLICT = "conflict"
    CHANGED = "changed"
    REMOVED = "removed"
    EXPIRED = "expired"
    CREATE = "create"
    WAITING = "waiting"
    HELD = "held"
    UNCHANGED = "unchanged"


class CellDiff(Word, frozen=True):
    """One field that differs. ``before`` and ``after`` are None where the field is absent on that side.

    ``hidden`` says that there was a value and nobody here knows it: ``before`` is then words that say so.
    """

    field: str
    before: str | None
    after: str | None
    hidden: bool = False


class Moment(Word, frozen=True):
    """An instant that a sentence names, and the zone it is told in to a person."""

    at: datetime
    timezone: str = "UTC"


Said: TypeAlias = tuple[str | Moment, ...]


class Change(Word, frozen=True, eq=False):
    """What a plan says of one address.

    ``reasons`` are stable words for scripts (``superseded``, ``still-rings`` ...), ``message`` says the same
    to a person, the same everywhere; ``said`` is that in parts, to tell its instants otherwise, and None where it
    names none, or the plan was read back. ``call`` is set where the action is ``create``, ``waiting`` or
    ``expired``, or a guard blocks it;
    ``request`` where it is ``create``.
    ``introduced`` says whether the branch brings it, None where the plan has no base to compare with.
    ``private`` are values that tell who is called and that the key or the message may hold, besides those of
    ``call``; no saved plan holds them.
    """

    address: Address
    action: Action
    digest: str
    source: Location | None = None
    call: Call | None = None
    request: Request | None = None
    scheduled_at: datetime | None = None
    place_by: datetime | None = None
    distinct: bool = False
    diff: tuple[CellDiff, ...] = ()
    reasons: tuple[str, ...] = ()
    message: str | None = None
    introduced: bool | None = None
    called_timezone: str | None = None
    said: Said | None = None
    private: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether all is equal but ``said`` and ``private``, which are lost where a plan is saved."""
        return isinstance(other, Change) and astuple(self)[:-2] == astuple(other)[:-2]

    __hash__ = None  # type: ignore[assignment]


class CallToStop(Word, frozen=True, eq=False):
    """A placed call that will ring although it should not. The API cannot cancel it: only a person can stop it.

    ``action`` is forbidden, removed or changed; ``reasons`` are all stable words that apply, and ``why`` says them
    to a person. ``rings_at`` is ``times.UNKNOWN_TIME`` where nobody knows it. A snapshot has no ``call_id``, and
    ``target`` (a contact's id or a number) only where a row of the files is this very call. ``private`` are values
    that tell who is called and that the key may hold; no saved plan holds them.
    """

    address: Address
    action: Action
    reasons: tuple[str, ...]
    why: str
    rings_at: datetime
    timezone: str = "UTC"
    call_id: str | None = None
    target: str | None = None
    private: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether all is equal but ``private``, which is lost where a plan is saved."""
        return isinstance(other, CallToStop) and astuple(self)[:-1] == astuple(other)[:-1]

    __hash__ = None  # type: ignore[assignment]


class Changes(Sequence[Change]):
    """Changes that were counted when they were gathered: a few of them are found without a look at all."""

    @abstractmethod
    def of(self, *actions: Action) -> Sequence[Change]:
        """Those with one of these actions."""

    @abstractmethod
    def span(self, action: Action) -> tuple[Change, Change] | None:
        """The first and the last to ring of those that have the action and a time."""

    @abstractmethod
    def mapped(self, make: Callable[[Change], Change], *, requests: bool = True) -> Changes:
        """What ``make`` makes of each, which keeps its action and its time. Without ``requests`` it may be given a
        change that has none yet."""

    @abstractmethod
    def requested(self, make: Callable[[Change], Change]) -> Changes:
        """The same, where ``make`` adds nothing but requests."""


def of(changes: Sequence[Change], *actions: Action) -> Sequence[Change]:
    """Those with one of these actions."""
    if isinstance(changes, Changes):
        return changes.of(*actions)
    return [change for change in changes if change.action in actions]


@dataclass(frozen=True, slots=True)
class Base:
    """What a branch is compared with: the commit that ``ref`` led to.

    ``settings`` are the fields of ``reconciler.yaml`` that the branch changes.
    """

    ref: str
    commit: str
    settings: tuple[CellDiff, ...] = ()


@dataclass(frozen=True, slots=True)
class GitRevision:
    """The commit the files came from, and whether the work tree differs from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Lifted:
    """A guard, by its code, that a person lifted for one plan, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan is data only. ``changes`` are sorted by address; ``lineage`` and ``serial`` name the state.

    ``moves`` are the addresses (old, new) that the state is re-keyed by when the plan is applied. ``snapshot_at``
    is when the snapshot was taken, where the plan was made against one. ``next_apply_by`` is when the first of the
    waiting calls is lost, unless an apply placed it before. ``lifted`` are guards that would block it, and were
    lifted. ``to_stop`` are the calls to stop by hand, the soonest first. ``zone_rules`` is the release of the tz
    database that gave all times. ``public_metadata`` are names of metadata
    whose values may be published; no saved plan holds them.
    """

    created_at: datetime
    tool_version: str
    lineage: str | None
    serial: int | None
    changes: Sequence[Change] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    git: GitRevision | None = None
    moves: tuple[tuple[Address, Address], ...] = ()
    base: Base | None = None
    snapshot_at: datetime | None = None
    lifted: tuple[Lifted, ...] = ()
    to_stop: tuple[CallToStop, ...] = ()
    zone_rules: str = ZONE_RULES
    next_apply_by: datetime | None = None
    public_metadata: frozenset[str] = frozenset()

    def of(self, *actions: Action) -> Sequence[Change]:
        """The changes with one of these actions."""
        return of(self.changes, *actions)

    def count(self, action: Action) -> int:
        return len(self.of(action))

    def span(self, action: Action) -> tuple[Change, Change] | None:
        """The first and the last to ring of those that have the action and a time."""
        if isinstance(self.changes, Changes):
            return self.changes.span(action)
        timed = [(item.scheduled_at, item) for item in self.of(action) if item.scheduled_at is not None]
        if not timed:
            return None
        return min(timed, key=itemgetter(0))[1], max(timed, key=itemgetter(0))[1]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.diagnostics if item.is_error)
