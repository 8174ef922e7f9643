"""The words of the domain, as frozen data. No behaviour beyond what a word means by itself."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from types import MappingProxyType
from typing import TypeAlias

PLAN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
ROW_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
TAG_PREFIX = "reconciler_"

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The identity of one call: ``plan/key``, and ``plan/key@revision`` from revision 2 on."""

    plan: str
    key: str
    revision: int = 1

    def __str__(self) -> str:
        suffix = "" if self.revision == 1 else f"@{self.revision}"
        return f"{self.plan}/{self.key}{suffix}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address as it is printed.

        Raises:
            ValueError: ``text`` is no address.
        """
        plan, _, rest = text.partition("/")
        key, at, revision = rest.partition("@")
        if not PLAN_NAME.fullmatch(plan) or not ROW_KEY.fullmatch(key):
            raise ValueError(f"not an address: {text!r} (expected plan/key or plan/key@revision)")
        if at and not re.fullmatch(r"[1-9][0-9]{0,8}", revision):
            raise ValueError(f"not a revision: {revision!r} in {text!r}")
        return cls(plan, key, int(revision) if at else 1)


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file. ``line`` and ``column`` count from 1; ``file`` is relative to the project.

    ``cell`` names a sheet's cell as spreadsheets do: ``B7``, and ``June!B7`` in a workbook, which has no lines:
    there ``line`` and ``column`` are those of the cell.
    """

    file: str
    line: int = 1
    column: int = 1
    cell: str | None = None

    def __str__(self) -> str:
        if self.cell is not None and "!" in self.cell:
            return f"{self.file}!{self.cell}"
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem in one place.

    ``private`` lists parts of the message that masked output must hide. ``address`` is the row it concerns,
    where that is known.
    """

    severity: Severity
    code: str
    message: str
    location: Location | None = None
    hint: str | None = None
    private: tuple[str, ...] = ()
    address: Address | None = None

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class Schedule:
    """Wall time ``at`` (``YYYY-MM-DD HH:MM:SS``) in the IANA zone ``timezone``."""

    at: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Call:
    """The logical call: what a person asked for, with aliases resolved. Exactly one target is set.

    ``sender`` is what plan files call ``from``: a number's id for a contact call, an E.164 number for a phone
    call. ``delay_minutes`` is above 0 where set; no schedule and no delay means now.
    """

    agent: str
    sender: str
    contact_id: str | None = None
    to_number: str | None = None
    full_name: str | None = None
    email: str | None = None
    country: str | None = None
    webhook_url: str | None = None
    schedule: Schedule | None = None
    delay_minutes: float | None = None
    additional_data: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)

    @property
    def target(self) -> str:
        """Whom the call rings: the contact's id or the number."""
        return self.contact_id or self.to_number or ""


@dataclass(frozen=True, slots=True)
class Row:
    """One desired call of a plan file, with defaults and aliases applied.

    ``rings_at`` is the scheduled instant in UTC, None for an immediate or delayed call. ``called_timezone`` is the
    zone of the called person, None where the row does not say.
    """

    address: Address
    call: Call
    source: Location
    rings_at: datetime | None = None
    enabled: bool = True
    place_by: datetime | None = None
    distinct: bool = False
    called_timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A rename: of a whole plan (both keys None), or of one row."""

    plan: str
    key: str | None
    to_plan: str
    to_key: str | None
    source: Location


class Status(StrEnum):
    """Where an attempt stands. ``intended`` at rest (its run is dead) means the same as ``uncertain``."""

    INTENDED = "intended"
    SENT = "sent"
    PLACED = "placed"
    ADOPTED = "adopted"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    RULED_OUT = "ruled_out"
    MISSED = "missed"


PLACED_STATUSES = frozenset({Status.PLACED, Status.ADOPTED})
UNKNOWN_STATUSES = frozenset({Status.INTENDED, Status.SENT, Status.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Entry:
    """What the state knows of one address: its latest attempt.

    ``rings_at`` is when the call rings or rang (UTC): the scheduled instant, or the attempt's time plus the
    delay. ``rejections`` counts refusals in a row of this same digest. ``stopped_at`` is set once a person
    said that the call was stopped by hand.
    """

    address: Address
    status: Status
    call: Call
    digest: str
    attempted_at: datetime
    rings_at: datetime
    call_id: str | None = None
    error: str | None = None
    rejections: int = 0
    stopped_at: datetime | None = None

    @property
    def placed(self) -> bool:
        return self.status in PLACED_STATUSES

    @property
    def unknown(self) -> bool:
        return self.status in UNKNOWN_STATUSES

    def will_ring(self, now: datetime) -> bool:
        """Placed, not stopped by a person, and its time is still ahead."""
        return self.placed and self.stopped_at is None and self.rings_at > now


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: ``endpoint`` is the last part of its path, ``body`` what is sent as JSON."""

    endpoint: str
    body: JsonObject


class Action(StrEnum):
    """What a plan says of one address, in the order in which a reviewer wants to see them."""

    BLOCKED = "blocked"
    UNCERTAIN = "uncertain"
    CHANGED = "changed"
    REMOVED = "removed"
    EXPIRED = "expired"
    CREATE = "create"
    WAITING = "waiting"
    HELD = "held"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class CellDiff:
    """One field that differs. ``before`` and ``after`` are None where the field is absent on that side.

    ``hidden`` says that there was a value and nobody here knows it: ``before`` is then words that say so.
    """

    field: str
    before: str | None
    after: str | None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant that a sentence names, and the zone it is told in to a person."""

    at: datetime
    timezone: str = "UTC"


Said: TypeAlias = tuple[str | Moment, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan says of one address.

    ``reasons`` are stable words for scripts (``superseded``, ``still-rings`` ...), ``message`` says the same
    to a person, the same everywhere; ``said`` is that in parts, to tell its instants otherwise, and None where it
    names none, or the plan was read back. ``call`` is set where the action is ``create``, ``waiting`` or
    ``expired``, or a guard blocks it;
    ``request`` where it is ``create``.
    ``introduced`` says whether the branch brings it, None where the plan has no base to compare with.
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
    said: Said | None = field(default=None, compare=False)


class Changes(Sequence[Change]):
    """Changes that were counted when they were gathered: a few of them are found without a look at all."""

    @abstractmethod
    def of(self, *actions: Action) -> Sequence[Change]:
        """Those with one of these actions."""

    @abstractmethod
    def span(self, action: Action) -> tuple[Change, Change] | None:
        """The first and the last to ring of those that have the action and a time."""

    @abstractmethod
    def mapped(self, make: Callable[[Change], Change]) -> Changes:
        """What ``make`` makes of each, which keeps its action and its time."""


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
    lifted.
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
    next_apply_by: datetime | None = None

    def of(self, *actions: Action) -> Sequence[Change]:
        """The changes with one of these actions."""
        if isinstance(self.changes, Changes):
            return self.changes.of(*actions)
        return [change for change in self.changes if change.action in actions]

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
