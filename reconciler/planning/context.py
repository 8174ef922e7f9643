"""The context of a plan: made by commands, read by the diff, the guards and an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain import wire
from reconciler.domain.blinding import ClearView, View
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address
from reconciler.domain.people import People
from reconciler.domain.plan import GitRevision, Lifted
from reconciler.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Context:
    """What a plan depends on besides rows and entries.

    ``scope`` names the plans whose vanished rows are judged (None: all). ``complete`` is false where some row
    could not be read: then nothing is called removed. ``siblings`` are addresses approved together, which are
    not taken for renames of each other; ``retried`` those approved although they were refused twice. ``view`` is
    how rows are compared with entries: as they are, or with those of a snapshot. ``policy`` is what guards hold,
    ``people`` what its lists say, ``lifted`` what a person lifted of it (see ``guarding.lift``), ``overridden``
    what was lifted for the run that placed a call. ``conflicts`` are those that hold, each with its target as
    ``view`` has a person.
    """

    now: datetime
    tool_version: str
    lineage: str | None = None
    serial: int | None = None
    fields: wire.ScheduleFields = field(default_factory=wire.ScheduleFields)
    scope: frozenset[str] | None = None
    complete: bool = True
    retry_failed: bool = False
    siblings: frozenset[Address] = frozenset()
    retried: frozenset[Address] = frozenset()
    git: GitRevision | None = None
    view: View = field(default_factory=ClearView)
    snapshot_at: datetime | None = None
    policy: Policy = field(default_factory=Policy)
    people: People = field(default_factory=People)
    lifted: tuple[Lifted, ...] = ()
    conflicts: Mapping[Address, Conflict] = field(default_factory=dict)
    overridden: Mapping[Address, frozenset[str]] = field(default_factory=dict)
