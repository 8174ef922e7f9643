"""The members of a saved plan as they are written and read (``schemas/plan.schema.json``).

Instants are in UTC, written as by ``format_instant``. Members that are absent in some files have a default.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from reconciler.domain.model import Call, Request, Severity
from reconciler.domain.plan import Action, Base, CellDiff, GitRevision, Lifted, SkippedRows

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]


class PlaceDocument(Struct, omit_defaults=True):
    """A place in a file, and the cell of a sheet."""

    file: str
    line: int
    column: int
    cell: str | None = None


class ChangeDocument(Struct, gc=False):
    """A change, on one line of the file."""

    address: str
    plan: str
    key: str
    revision: int
    action: Action
    digest: str
    source: PlaceDocument | None
    request: Request | None
    call: Call | None
    scheduled_at: Instant | None
    place_by: Instant | None
    called_timezone: str | None
    distinct: bool
    diff: list[CellDiff]
    reasons: list[str]
    message: str | None
    introduced: bool | None


class MoveDocument(Struct, rename={"old": "from", "new": "to"}):
    """An address that changes in the state."""

    old: str
    new: str


class CallToStopDocument(Struct):
    """A call to stop by hand. ``rings_local`` is in ``timezone``; without a time if it is unknown."""

    address: str
    action: Action
    reasons: list[str]
    why: str
    call_id: str | None
    person: str | None
    rings_at: Instant | None
    rings_local: str | None
    timezone: str


class DiagnosticDocument(Struct, omit_defaults=True, kw_only=True):
    """A diagnostic. ``file``, ``line`` and ``column`` are null if it has no place."""

    severity: Severity
    code: str
    message: str
    file: str | None
    line: int | None
    column: int | None
    cell: str | None = None
    hint: str | None


class StateDocument(Struct):
    """The state that the plan was made from."""

    lineage: str | None
    serial: int | None
    snapshot_at: Instant | None


class FrameDocument(Struct):
    """The plan without its changes."""

    tool_version: str
    zone_rules: str
    created_at: Instant
    git: GitRevision | None
    base: Base | None
    state: StateDocument
    overrides: tuple[Lifted, ...]
    next_apply_by: Instant | None
    moves: list[MoveDocument]
    to_stop: list[CallToStopDocument]
    skipped: tuple[SkippedRows, ...]
    diagnostics: list[DiagnosticDocument]
    signature: str | None
