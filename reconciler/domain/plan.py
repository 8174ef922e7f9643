"""The types of a plan, as frozen data: a change for each address, and what the plan was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import astuple

from reconciler.domain.model import Address, Call, Diagnostic, Location, Record, Request
from reconciler.domain.times import ZONE_RULES

if TYPE_CHECKING:
    from reconciler.domain.changes import Changes


class Action(StrEnum):
    """The planned action for one address, in the order of display."""

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


class CellDiff(Record, frozen=True, array_like=False):
    """One field that differs. ``before`` or ``after`` is None if the field is absent on that side.

    ``hidden``: the old value is not known; ``before`` then holds a text that says so.
    """

    field: str
    before: str | None
    after: str | None
    hidden: bool = False


class Moment(Record, frozen=True):
    """An instant in a message, and the zone in which it is shown."""

    at: datetime
    timezone: str = "UTC"


MessageParts: TypeAlias = tuple[str | Moment, ...]


class Change(Record, frozen=True, eq=False):
    """The planned change of one address.

    ``reasons`` are stable codes for scripts (``superseded``, ``still-rings`` ...), ``message`` is the same for a
    person. ``advice`` is the end of the message: what to do, the same for all rows of a kind but for their address
    and ids. ``message_parts`` is the part before it, so that its instants can be shown in another zone; None if it
    has no instants, or the plan was read from a file. ``call`` is set for the actions ``create``, ``waiting``
    and ``expired``, and if a guard blocks the row; ``request`` is set for ``create``.
    ``introduced`` says whether the branch adds it, None if the plan has no base to compare with.
    ``private`` are values, besides those of ``call``, that identify the called person and may occur in the key or
    the message. ``shown_call`` is the call to show where ``call`` is not set: that of the row, or the placed one
    if there is no row; None for unchanged rows. A saved plan contains none of these four.
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
    message_parts: MessageParts | None = None
    private: tuple[str, ...] = ()
    shown_call: Call | None = None
    advice: str = ""

    @property
    def required_call(self) -> Call:
        """The call of a row that has one. Raises ``ValueError`` for another row."""
        if self.call is None:
            raise ValueError(f"{self.address} has no call")
        return self.call

    @property
    def required_request(self) -> Request:
        """The request of a call that is placed now. Raises ``ValueError`` for another row."""
        if self.request is None:
            raise ValueError(f"{self.address} has no request")
        return self.request

    def __eq__(self, other: object) -> bool:
        """Compare everything except the last four fields, which a saved plan does not contain."""
        return isinstance(other, Change) and astuple(self)[:-4] == astuple(other)[:-4]

    __hash__ = None  # type: ignore[assignment]


class CallToStop(Record, frozen=True, eq=False):
    """A placed call that will ring although it should not. The API cannot cancel it: only a person can stop it.

    ``action`` is forbidden, removed or changed; ``reasons`` are all stable codes that apply, ``why`` is the same
    for a person. ``rings_at`` is ``times.UNKNOWN_TIME`` if it is not known. With a snapshot there is no
    ``call_id``, and ``target`` (a contact's id or a number) is set only if a row of the files has exactly this
    call. ``private`` are values that identify the called person and may occur in the key, ``shown_call`` is the
    placed call if it can be read; a saved plan contains neither.
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
    shown_call: Call | None = None

    def __eq__(self, other: object) -> bool:
        """Compare everything except the last two fields, which a saved plan does not contain."""
        return isinstance(other, CallToStop) and astuple(self)[:-2] == astuple(other)[:-2]

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a branch is compared with; ``ref`` resolved to it.

    ``settings`` are the fields of ``reconciler.yaml`` that the branch changes.
    """

    ref: str
    commit: str
    settings: tuple[CellDiff, ...] = ()


@dataclass(frozen=True, slots=True)
class GitRevision:
    """The commit of the files, and whether the work tree differs from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Lifted:
    """The code of a guard that a person lifted for one plan, and the reason."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan is data only. ``changes`` are sorted by address; ``lineage`` and ``serial`` identify the state.

    ``moves`` are the address changes (old, new) that an apply makes in the state. ``snapshot_at`` is the time of
    the snapshot, if the plan was made against one. ``next_apply_by`` is the time by which an apply must run, or
    the first waiting call is missed. ``lifted`` are guards that would block the plan, but were lifted. ``to_stop``
    are the calls to stop by hand, the soonest first. ``zone_rules`` is the tz database release used for all times.
    ``public_metadata`` are names of metadata whose values may be published. ``show`` is the field that is shown of
    each call, ``aliases`` are the project's names of agents and numbers, by ``exact_id``. All three come from the
    settings; a saved plan does not contain them.
    """

    created_at: datetime
    tool_version: str
    lineage: str | None
    serial: int | None
    changes: Changes
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
    show: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def with_action(self, *actions: Action) -> Sequence[Change]:
        """The changes with one of these actions."""
        return self.changes.with_action(*actions)

    def by_time(self, action: Action) -> Sequence[Change]:
        """The changes with this action, the soonest to ring first."""
        return self.changes.by_time(action)

    def count(self, action: Action) -> int:
        return self.changes.count_action(action)

    def span(self, action: Action) -> tuple[Change, Change] | None:
        """The first and the last to ring of the changes that have the action and a time."""
        return self.changes.span(action)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.diagnostics if item.is_error)
