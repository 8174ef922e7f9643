"""The context of a plan. Commands create it; the diff, the guards and an apply read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.domain import wire
from reconciler.domain.blinding import ClearView, View
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Call
from reconciler.domain.people import People
from reconciler.domain.plan import GitRevision, Lifted
from reconciler.domain.policy import Policy, Strictness
from reconciler.planning.guards.registry import is_blocking


@dataclass(frozen=True, slots=True)
class Context:
    """What a plan depends on besides rows and entries.

    ``scope`` names the plans whose removed rows are reported (None: all). ``complete`` is false if some row could
    not be read; then no row is reported as removed. ``siblings`` are addresses that were approved together and are
    not treated as renames of each other. ``retried`` are addresses that were approved although the service
    rejected them twice. ``view`` compares rows with entries, which may be masked ones of a snapshot. ``policy``
    configures the guards, ``people`` holds its lists, and ``lifted`` the guards that a person overrode.
    ``overridden`` are the guards that were overridden for the run that placed a call.
    ``conflicts`` are the unresolved ones; their targets are in the form that ``view`` gives them.
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

    def with_overrides(self, lifted: Sequence[Lifted]) -> Context:
        """The same, for a plan for which guards were overridden: they only warn.

        Guards that the policy does not let anybody override still block.
        """
        allowed = [item for item in lifted if item.code in self.policy.overridable]
        eased = {item.code: Strictness.WARNING for item in allowed if is_blocking(item.code, self.policy)}
        policy = replace(self.policy, strictness={**self.policy.strictness, **eased})
        return replace(self, policy=policy, lifted=(*self.lifted, *allowed))

    def find_conflict(self, address: Address, call: Call) -> Conflict | None:
        """The recorded conflict of a row. It no longer applies once the row certainly calls another person."""
        conflict = self.conflicts.get(address)
        if conflict is None:
            return None
        wanted = {self.view.target(name) for name in self.people.names(call.target)}
        same = not wanted.isdisjoint(self.people.names(conflict.target))
        return conflict if same else None
