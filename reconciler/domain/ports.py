"""The protocol of a state, and what is written to it.

What a state stores besides calls (pauses, approvals, …) is in ``facts``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.domain.facts import FactReader, FactStore, Pause
from reconciler.domain.ledger import LedgerReader
from reconciler.domain.model import Address, Call, Entry, JsonObject, Status


@dataclass(frozen=True, slots=True)
class Run:
    """One command that writes the state: by whom, where, when, with which plan. ``details`` are for the ledger."""

    id: str
    command: str
    started_at: datetime
    host: str
    pid: int
    actor: str
    tool_version: str
    plan_id: str | None = None
    commit: str | None = None
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()
    details: JsonObject = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Approval:
    """A plan that people approved before the files were merged, and the commit it was made from."""

    plan_id: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class Override:
    """A guard that a person lifted for a run, with the reason. ``plan_id`` is the plan it was meant for."""

    code: str
    plan_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to be sent, recorded before the first byte is sent.

    ``attempted_at`` is set if a lost state had already sent it. ``digest`` is that of ``call``, unless only what
    the service lists is known of the call (``blinding.is_partial``).
    """

    address: Address
    call: Call
    digest: str
    endpoint: str
    rings_at: datetime
    attempted_at: datetime | None = None


DUPLICATE_CALL_ID = "the answer named a call of another address"
"""The evidence of an attempt that only tags or a person may settle, even if another call looks like its call."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an intent: placed, failed, uncertain, ruled_out (proven not sent), missed (and too late).

    ``reasons`` are the codes of the guards, or ``paused``, that held the call back. They are not recorded.
    """

    address: Address
    status: Status
    at: datetime
    call_id: str | None = None
    error: str | None = None
    evidence: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision about one address, with the reason.

    ``status`` placed (with ``call_id``) or ruled_out settles an uncertain attempt. If it is None, ``stopped``
    means that a placed call was stopped by hand, ``let_ring`` that a future call should ring, and ``distinct``
    that the service's similar calls are other calls.
    """

    address: Address
    at: datetime
    reason: str
    status: Status | None = None
    call_id: str | None = None
    stopped: bool = False
    let_ring: bool = False
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt in the journal, as ``state show`` prints it."""

    number: int
    run_id: str
    address: Address
    status: Status
    digest: str
    endpoint: str
    intended_at: datetime
    finished_at: datetime | None = None
    call_id: str | None = None
    error: str | None = None
    evidence: str | None = None


class StateReader(LedgerReader, FactReader, Protocol):
    """Reads the state. Works while an apply is running."""

    @property
    def lineage(self) -> str:
        """The state's unique id (a UUID), created by ``state init``."""
        ...

    @property
    def serial(self) -> int:
        """Increases by one with each committed write of calls; beginning and ending a run do not count."""
        ...

    def entries(self) -> Iterable[Entry]:
        """All entries, sorted by address."""
        ...

    def entry(self, address: Address) -> Entry | None: ...

    def entries_at(self, addresses: Collection[Address]) -> Mapping[Address, Entry]:
        """The entries of these addresses, by address; addresses without an entry are left out."""
        ...

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        """The entries with these calls, by call id; calls without an entry are left out."""
        ...

    def unknown_entries(self) -> Sequence[Entry]:
        """The entries whose outcome is unknown, sorted by address."""
        ...

    def entries_ahead(self, now: datetime) -> Iterable[Entry]:
        """The entries whose call will ring after ``now`` (``Entry.will_ring``), in any order."""
        ...

    def latest_own_entry(self) -> Entry | None:
        """The latest placed call whose id was in the service's answer to a request. None if there is none, or if
        the latest 20 such calls were all forgotten."""
        ...

    def calls_recorded_by_hand(self) -> frozenset[str]:
        """The ids of the calls that a person recorded as placed. They may have been placed without our tags."""
        ...

    def attempts(self, address: Address) -> Sequence[Attempt]:
        """The journal of one address, oldest first."""
        ...

    def seen(self, run_id: str) -> Seen:
        """What ``note_seen`` recorded for a run."""
        ...

    def renames(self) -> Mapping[Address, Address]:
        """Every moved address, with its new address at that time. Tags with the old one are still valid
        evidence."""
        ...

    def cleared(self) -> frozenset[Address]:
        """The addresses whose similar calls are other calls, as a person decided (``Decision.distinct``)."""
        ...

    def runs(self, limit: int = 20) -> Sequence[Run]:
        """The latest runs, newest first."""
        ...

    def key_for(self, purpose: str) -> bytes:
        """A key derived from the state's secret, always the same. The secret itself is never returned."""
        ...


class StateStore(StateReader, FactStore, Protocol):
    """Writes the state. Exists only while its lock is held; each method is one durable transaction.

    Opening it records the beginning of the run, so that other commands can report who holds the lock. Every method
    raises ``StateError`` if the write cannot be made durable; it then has no effect.
    """

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None: ...

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        """Record intents durably. The whole batch is refused if an address is already placed or unknown."""
        ...

    def record(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        """Record answers durably. Each address must have an open (intended) attempt of this run.

        Returns the results as recorded, in the same order: if another address already has the call id, or if
        ``note_seen`` recorded it for this run, the attempt becomes uncertain, with ``DUPLICATE_CALL_ID`` as its
        evidence.
        """
        ...

    def untouched(self) -> bool:
        """Whether only this run has written the state since its last write, so that ``prove`` is not needed. Takes
        microseconds; False if it would take a database query to find out.

        Raises:
            StateError: this run has lost the lock or the state.
        """
        ...

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        """Check before a request is sent that this run still holds the lock and the same state, and that the
        intents of these addresses are still open and its own. Others may have added to the ledger.

        Raises:
            StateError: one of these is false, or cannot be checked. Nothing may be sent.
        """
        ...

    @property
    def latest_pauses(self) -> Sequence[Pause]:
        """The pauses as of the latest write or ``prove`` of this run, without a query. They are current if
        ``untouched`` is true.
        """
        ...

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        """``record`` and then ``intend`` in one transaction: if either is refused, both are."""
        ...

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        """Record rows whose time passed before they were placed."""
        ...

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        """Settle unknown addresses as adopted, by evidence. Raises ``StateError`` for any other address."""
        ...

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        """Rename addresses (old, new), with their journal. Refused if an old one is absent or a new one in use."""
        ...

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        """Record what the service listed before this run sent anything. Once per run."""
        ...

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        """Remove the entry of an address, by a person's decision. Its attempts stay in the journal."""
        ...

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        """Record a person's decisions, all or none. ``intents`` are recorded first: a call for an address without
        a state entry needs one.

        Raises:
            StateError: a decision does not fit the state.
        """
        ...

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        """Remove all personal data of these addresses. Refused if a call is still to ring or its outcome is
        unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw before it sent anything: calls that are in no entry, and the service's time at that moment.

    None of these calls belongs to the run, and every call of the run is created after that time.
    """

    call_ids: frozenset[str] = frozenset()
    server_time: datetime | None = None
