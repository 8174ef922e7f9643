"""The basic types of the domain, as frozen data without dependencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct, field

PLAN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
ROW_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
TAG_PREFIX = "reconciler_"

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


class Record(Struct, frozen=True, gc=False, array_like=True):
    """Base of frozen data that a process may hold by the million: compiled code makes, copies and packs it.

    Use ``msgspec.structs.replace`` to copy it with other values.
    """


class Address(Record, frozen=True, order=True):
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
            ValueError: ``text`` is not an address.
        """
        plan, _, rest = text.partition("/")
        key, at, revision = rest.partition("@")
        if not PLAN_NAME.fullmatch(plan) or not ROW_KEY.fullmatch(key):
            raise ValueError(f"not an address: {text!r} (expected plan/key or plan/key@revision)")
        if at and not re.fullmatch(r"[1-9][0-9]{0,8}", revision):
            raise ValueError(f"not a revision: {revision!r} in {text!r}")
        return cls(plan, key, int(revision) if at else 1)


class Location(Record, frozen=True, order=True):
    """A place in a file. ``line`` and ``column`` count from 1; ``file`` is relative to the project.

    ``cell`` names a sheet's cell as spreadsheets do: ``B7``, or ``June!B7`` in a workbook. A workbook has no
    lines, so there ``line`` and ``column`` are the row and column of the cell.
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

    ``private`` lists parts of the message that masked output must hide. ``address`` is the row it concerns, or
    None. ``cause`` is the field, if there is one. ``omitted``: it stands for so many further ones, which were only
    counted.
    """

    severity: Severity
    code: str
    message: str
    location: Location | None = None
    hint: str | None = None
    private: tuple[str, ...] = ()
    address: Address | None = None
    cause: str = ""
    omitted: int = 0

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


class Schedule(Record, frozen=True, array_like=False, forbid_unknown_fields=True):
    """Wall time ``at`` (``YYYY-MM-DD HH:MM:SS``) in the IANA zone ``timezone``."""

    at: str
    timezone: str


class Call(
    Record,
    frozen=True,
    array_like=False,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"sender": "from"},
):
    """The logical call: what a person asked for, with aliases resolved. It has exactly one target.

    ``sender`` is what plan files call ``from``: a number's id for a contact call, an E.164 number for a phone
    call. ``delay_minutes`` is above 0 if set. Without a schedule and a delay, the call is immediate.
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
    delay_minutes: int | float | None = None
    additional_data: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The called person: the contact's id or the number."""
        return self.contact_id or self.to_number or ""


class Row(Record, frozen=True):
    """One desired call of a plan file, with defaults and aliases applied.

    ``rings_at`` is the scheduled instant in UTC, None for an immediate or delayed call. ``called_timezone`` is the
    zone of the called person, None if the row does not set it.
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
    """The status of an attempt. ``intended`` means the same as ``uncertain`` once its run has ended."""

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


class Entry(Record, frozen=True):
    """A state entry: the latest attempt of one address.

    ``rings_at`` is when the call rings or rang (UTC): the scheduled instant, or the attempt's time plus the
    delay. ``rejections`` counts consecutive refusals of the same digest. ``stopped_at`` is set when a person
    confirms that the call was stopped by hand, ``let_ring_at`` when a person decides that it should ring anyway.
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
    let_ring_at: datetime | None = None

    @property
    def placed(self) -> bool:
        return self.status in PLACED_STATUSES

    @property
    def unknown(self) -> bool:
        return self.status in UNKNOWN_STATUSES

    def will_ring(self, now: datetime) -> bool:
        """Whether the call was placed, not stopped by a person, and rings in the future."""
        return self.placed and self.stopped_at is None and self.rings_at > now


class Request(Record, frozen=True, array_like=False):
    """One POST request: ``endpoint`` is the last part of its path, ``body`` (a ``JsonObject``) is sent as JSON."""

    endpoint: str
    body: dict[str, Any]
