"""What a state keeps besides calls: pauses, conflicts, approved rows, applied commits, how a service behaves.

``ports.StateReader`` and ``ports.StateStore`` include the two protocols here. Where a method takes ``at`` and
``run_id``, those are recorded; the same fields of what is passed in are ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.model import Address, Entry, JsonObject, Word

UNLOCKED_COMMANDS = frozenset({"pause", "resume"})
"""The commands whose runs write without holding the lock: never named as its holder."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for ``plan`` (None: any plan) until somebody resumes it. ``actor`` on ``host`` paused it."""

    plan: str | None
    reason: str
    actor: str
    host: str
    at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The service has calls that may be this row's, and that the state does not know.

    ``target`` is whom the row called when the conflict was found (contact id or number), in clear. ``message`` is
    for people.
    """

    address: Address
    call_ids: tuple[str, ...]
    target: str
    message: str
    at: datetime
    run_id: str


def check_candidate(conflict: Conflict | None, call_id: str | None) -> None:
    """Raises ``ValueError`` where a person says that a call is the one of a conflict, and it is none of those that
    were found."""
    if conflict is None or call_id is None or not conflict.call_ids or call_id in conflict.call_ids:
        return
    candidates = ", ".join(conflict.call_ids)
    raise ValueError(f"{conflict.address}: {call_id} is none of the calls that were found: {candidates}")


class ConflictReader(Protocol):
    def conflicts(self) -> Mapping[Address, Conflict]:
        """The conflicts that nobody resolved yet."""
        ...

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        """As in ``ports.StateReader``."""
        ...


def unresolved(reader: ConflictReader) -> Mapping[Address, Conflict]:
    """The conflicts about a call that no row of the state has. The others are over: somebody said, or tags proved,
    whose call it is."""
    conflicts = reader.conflicts()
    owned = reader.entries_of_calls({call_id for item in conflicts.values() for call_id in item.call_ids}).keys()
    return {
        address: item
        for address, item in conflicts.items()
        if not item.call_ids or not owned >= set(item.call_ids)
    }


class RowApproval(Word, frozen=True):
    """A reviewer approved this row. ``content`` is a digest of everything that they saw of it.

    ``plan_id`` and ``commit`` are those of the plan that they reviewed.
    """

    address: Address
    content: str
    plan_id: str
    commit: str | None
    at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class AppliedCommit:
    """The files of this commit were applied. ``reason`` is why, where it was not newer than those before it."""

    commit: str
    run_id: str
    at: datetime
    reason: str | None = None


class Verdict(StrEnum):
    """What is known of a ``ServiceFact``: nothing yet, that the service does it, or that it does not."""

    PENDING = "pending"
    PROVED = "proved"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """How a service behaves, as calls have shown.

    ``service`` is its origin (``https://host``), ``name`` what was observed, such as ``tags`` or
    ``schedule:date,timezone``. ``evidence`` holds call ids, addresses and times only: the ledger keeps it.
    """

    service: str
    name: str
    verdict: Verdict
    evidence: JsonObject
    at: datetime
    run_id: str


class PauseReader(Protocol):
    def pauses(self) -> Sequence[Pause]:
        """Every pause in force: that of all plans first, then by plan. Read anew at each call."""
        ...


class PauseStore(PauseReader, Protocol):
    def pause(self, run_id: str, plan: str | None, reason: str, at: datetime) -> None:
        """Pause a plan (None: all). Where it is paused already, this reason, run and time replace the earlier."""
        ...

    def resume(self, run_id: str, plan: str | None, reason: str | None, at: datetime) -> None:
        """End a pause. Refused (``StateError``) where exactly this plan, or all plans for None, is not paused."""
        ...


class FactReader(PauseReader, Protocol):
    def conflicts(self) -> Mapping[Address, Conflict]:
        """The conflicts that nobody resolved yet."""
        ...

    def approved(self) -> Mapping[Address, RowApproval]:
        """The approvals in force."""
        ...

    def applied_commits(self) -> Sequence[AppliedCommit]:
        """Each commit that was applied, once, as it was applied last; newest first."""
        ...

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        """What is known of a service, by the fact's name."""
        ...

    def to_stop_known(self) -> frozenset[Address]:
        """The calls to stop by hand that a run has shown before."""
        ...


class FactStore(FactReader, PauseStore, Protocol):
    """None of these writes changes what was placed, and so none changes the serial."""

    def note_conflicts(self, run_id: str, conflicts: Collection[Conflict], at: datetime) -> None:
        """Keep conflicts. One that is known with the same call ids and target is left as it is."""
        ...

    def end_conflicts(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        """Drop conflicts; ``why`` is in the tool's own words, and tells of no person.

        ``adopt`` and ``decide`` do this by themselves.
        """
        ...

    def approve(self, run_id: str, approvals: Collection[RowApproval], at: datetime) -> None:
        """Record approvals, in place of earlier ones of the same rows."""
        ...

    def end_approvals(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        """Drop approvals; ``why`` as for ``end_conflicts``. A renamed or forgotten row loses its own by itself."""
        ...

    def note_commit(self, run_id: str, commit: str, at: datetime, reason: str | None = None) -> None:
        """Record that a commit is applied. Without a reason, the one applied last is not recorded again."""
        ...

    def note_fact(self, run_id: str, fact: ServiceFact, at: datetime) -> None:
        """Record what was observed, in place of what was known under the same name."""
        ...

    def note_to_stop(self, run_id: str, addresses: Collection[Address], at: datetime) -> None:
        """Record the calls to stop by hand as they are now; those that are no longer among them are dropped."""
        ...
