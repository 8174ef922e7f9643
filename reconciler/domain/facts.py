"""What a state stores besides calls: pauses, conflicts, approved rows, applied commits, facts about a service.

``ports.StateReader`` and ``ports.StateStore`` include the two protocols here. If a method takes ``at`` and
``run_id``, these are recorded; the same fields of the objects passed in are ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.model import Address, Entry, JsonObject, Record

UNLOCKED_COMMANDS = frozenset({"pause", "resume"})
"""The commands that write without the lock. They are never reported as its holder."""


@dataclass(frozen=True, slots=True)
class Pause:
    """No call of ``plan`` (None: of any plan) is sent until it is resumed. ``actor`` on ``host`` paused it."""

    plan: str | None
    reason: str
    actor: str
    host: str
    at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The service has calls that may belong to this row, but are not in the state.

    ``target`` is the row's target when the conflict was detected (contact id or number), in clear. ``message`` is
    for people.
    """

    address: Address
    call_ids: tuple[str, ...]
    target: str
    message: str
    at: datetime
    run_id: str


def check_candidate(conflict: Conflict | None, call_id: str | None) -> None:
    """Raises ``ValueError`` if a person names a call that is not one of the conflict's candidates."""
    if conflict is None or call_id is None or not conflict.call_ids or call_id in conflict.call_ids:
        return
    candidates = ", ".join(conflict.call_ids)
    raise ValueError(f"{conflict.address}: {call_id} is not one of the conflicting calls: {candidates}")


class ConflictReader(Protocol):
    def conflicts(self) -> Mapping[Address, Conflict]:
        """The unresolved conflicts."""
        ...

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        """As in ``ports.StateReader``."""
        ...


def unresolved(reader: ConflictReader) -> Mapping[Address, Conflict]:
    """The conflicts about calls that no state entry has. The others are resolved, by a person's decision or by
    tags."""
    conflicts = reader.conflicts()
    owned = reader.entries_of_calls({call_id for item in conflicts.values() for call_id in item.call_ids}).keys()
    return {
        address: item
        for address, item in conflicts.items()
        if not item.call_ids or not owned >= set(item.call_ids)
    }


class RowApproval(Record, frozen=True):
    """A reviewer approved this row. ``content`` is a digest of everything they saw of it.

    ``plan_id`` and ``commit`` are those of the plan they reviewed.
    """

    address: Address
    content: str
    plan_id: str
    commit: str | None
    at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class AppliedCommit:
    """The files of this commit were applied. ``reason`` is required if it was not newer than earlier commits."""

    commit: str
    run_id: str
    at: datetime
    reason: str | None = None


class Verdict(StrEnum):
    """Whether the service shows a behaviour: not known yet, yes, or no."""

    PENDING = "pending"
    PROVED = "proved"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """An observed behaviour of a service.

    ``service`` is its origin (``https://host``), ``name`` the behaviour, such as ``tags`` or
    ``schedule:date,timezone``. ``evidence`` may hold only call ids, addresses and times, because it is written to
    the ledger.
    """

    service: str
    name: str
    verdict: Verdict
    evidence: JsonObject
    at: datetime
    run_id: str


class PauseReader(Protocol):
    def pauses(self) -> Sequence[Pause]:
        """Every pause in force: the one for all plans first, then by plan. Each call reads the state again."""
        ...


class PauseStore(PauseReader, Protocol):
    def pause(self, run_id: str, plan: str | None, reason: str, at: datetime) -> None:
        """Pause a plan (None: all). If it is paused already, this reason, run and time replace the earlier
        ones."""
        ...

    def resume(self, run_id: str, plan: str | None, reason: str | None, at: datetime) -> None:
        """End a pause. Raises ``StateError`` if there is no pause for exactly this plan (None: for all plans)."""
        ...


class FactReader(PauseReader, Protocol):
    def conflicts(self) -> Mapping[Address, Conflict]:
        """The unresolved conflicts."""
        ...

    def approved(self) -> Mapping[Address, RowApproval]:
        """The approvals in force."""
        ...

    def applied_commits(self) -> Sequence[AppliedCommit]:
        """The latest application of each commit, newest first."""
        ...

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        """The facts about a service, by name."""
        ...

    def last_service(self) -> str | None:
        """The origin of the service at which the latest call was placed; None if none was, or it is unknown."""
        ...

    def to_stop_known(self) -> frozenset[Address]:
        """The calls to stop by hand that an earlier run has shown."""
        ...


class FactStore(FactReader, PauseStore, Protocol):
    """None of these writes changes what was placed, so none changes the serial."""

    def note_conflicts(self, run_id: str, conflicts: Collection[Conflict], at: datetime) -> None:
        """Record conflicts. A recorded one with the same call ids and target is not changed."""
        ...

    def end_conflicts(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        """Remove conflicts. ``why`` is a text of this tool without personal data.

        ``adopt`` and ``decide`` call this themselves.
        """
        ...

    def approve(self, run_id: str, approvals: Collection[RowApproval], at: datetime) -> None:
        """Record approvals. They replace earlier ones of the same rows."""
        ...

    def end_approvals(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        """Remove approvals; ``why`` as for ``end_conflicts``. Renaming or forgetting a row removes its
        approval."""
        ...

    def note_commit(self, run_id: str, commit: str, at: datetime, reason: str | None = None) -> None:
        """Record that a commit is applied. Without a reason, the latest one is not recorded again."""
        ...

    def note_fact(self, run_id: str, fact: ServiceFact, at: datetime) -> None:
        """Record an observation. It replaces an earlier fact of the same name."""
        ...

    def note_to_stop(self, run_id: str, addresses: Collection[Address], at: datetime) -> None:
        """Record the current calls to stop by hand; those not among them are removed."""
        ...
