"""What the engine needs from the outside world, as protocols. Adapters live in ``state`` and ``provider``.

What a state keeps besides calls (pauses, approvals, …) is in ``facts``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.chain import LedgerReader
from reconciler.domain.facts import FactReader, FactStore, Pause
from reconciler.domain.model import Address, Call, Entry, JsonObject, Request, Status


class Clock(Protocol):
    """The time, always aware and in UTC."""

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Run:
    """One command that writes the state: who, where, when, with which plan. ``details`` go to the ledger only."""

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
    """A guard that a person lifted for a run, with their reason. ``plan_id`` is the plan it was meant for."""

    code: str
    plan_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent, made durable before the first byte leaves.

    ``attempted_at`` is set where it was sent before, by a state that is lost. ``digest`` is that of ``call``,
    unless the call is known only as the service lists it (``blinding.is_partial``).
    """

    address: Address
    call: Call
    digest: str
    endpoint: str
    rings_at: datetime
    attempted_at: datetime | None = None


DUPLICATE_CALL_ID = "the answer named a call of another address"
"""The evidence of an attempt that only tags or a person may settle, whatever else looks like its call."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an intent: placed, failed, uncertain, ruled_out (proven not sent), missed (nor in time)."""

    address: Address
    status: Status
    at: datetime
    call_id: str | None = None
    error: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on one address, with the reason they gave.

    ``status`` placed (with ``call_id``) or ruled_out settles an uncertain attempt; None with ``stopped`` says
    that a placed call was stopped by hand, with ``let_ring`` that a call which is still ahead is to ring, and with
    ``distinct`` that the calls which the service has are other calls.
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
    """One line of the journal, as ``state show`` prints it."""

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
    """Reads what has been placed. Works beside a running apply."""

    @property
    def lineage(self) -> str:
        """The state's own id (a UUID), made once by ``state init``."""
        ...

    @property
    def serial(self) -> int:
        """Grows by one with each committed write of what was placed; beginning and ending a run do not count."""
        ...

    def entries(self) -> Iterable[Entry]:
        """Every address the state knows, sorted by address."""
        ...

    def entry(self, address: Address) -> Entry | None: ...

    def entries_at(self, addresses: Collection[Address]) -> Mapping[Address, Entry]:
        """The entries of these addresses, by address; without those that the state does not know."""
        ...

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        """The entries whose call is one of these, by call id; without calls that no entry has."""
        ...

    def unknown_entries(self) -> Sequence[Entry]:
        """The entries whose outcome is unknown, sorted by address."""
        ...

    def entries_ahead(self, now: datetime) -> Iterable[Entry]:
        """The entries whose call will ring after ``now`` (``Entry.will_ring``), in any order."""
        ...

    def latest_own_entry(self) -> Entry | None:
        """The placed call that the service named last in its answer to a request; None where there is none, or
        the latest 20 such calls were all forgotten."""
        ...

    def attempts(self, address: Address) -> Sequence[Attempt]:
        """The journal of one address, oldest first."""
        ...

    def seen(self, run_id: str) -> Seen:
        """What ``note_seen`` kept of a run."""
        ...

    def renames(self) -> Mapping[Address, Address]:
        """Every address that was moved, to where it went at that time: old tags stay valid evidence."""
        ...

    def cleared(self) -> frozenset[Address]:
        """The addresses whose look-alikes a person said are other calls (``Decision.distinct``)."""
        ...

    def runs(self, limit: int = 20) -> Sequence[Run]:
        """The latest runs, newest first."""
        ...

    def key_for(self, purpose: str) -> bytes:
        """A key made of the state's secret, the same each time; the secret itself is never given out."""
        ...


class StateStore(StateReader, FactStore, Protocol):
    """Writes the state. Exists only while its lock is held; each method is one durable transaction.

    The run that opened it is recorded as begun: others are told who holds the lock. Every method raises
    ``StateError`` where the write cannot be made durable; nothing of it is kept then.
    """

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None: ...

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        """Make intents durable. An address that is placed or unknown is refused, and the whole batch with it."""
        ...

    def record(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        """Make answers durable. Each address must have an open (intended) attempt of this run.

        Returns the results as they were recorded, in the same order: a call id that another address has makes
        an attempt uncertain, with ``DUPLICATE_CALL_ID`` as its evidence.
        """
        ...

    def untouched(self) -> bool:
        """Whether nobody else has written the state since this run did: then ``prove`` would find nothing. Takes
        microseconds; False where finding that out takes a question to the database.

        Raises:
            StateError: the lock or the state was taken away from this run.
        """
        ...

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        """Asked before a request is sent: this run still holds the lock and the state it began with, and the
        intents of these addresses are still open and its own. Others may have added to the ledger.

        Raises:
            StateError: something of that is not so, or cannot be found out. Nothing may be sent.
        """
        ...

    @property
    def latest_pauses(self) -> Sequence[Pause]:
        """The pauses as of the latest write or proof of this run. Asks nothing: where ``untouched`` holds, they
        are those in force.
        """
        ...

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        """``record``, and then ``intend``, as one: where either is refused, both are."""
        ...

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        """Record rows whose time passed before anything placed them."""
        ...

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        """Settle unknown addresses by evidence, as adopted. Refused (``StateError``) for any other address."""
        ...

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        """Re-key addresses (old, new), journal and all. Refused where an old one is absent or a new one taken."""
        ...

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        """Keep what the service listed before this run sent anything. Once a run."""
        ...

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        """Drop what is known of an address, by a person's word; its attempts stay in the journal."""
        ...

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        """Record a person's words, all or none. ``intents`` are made first: a call that exists for an address
        which the state does not know needs one.

        Raises:
            StateError: one of the words does not fit what the state holds.
        """
        ...

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        """Take out all that tells of the persons called. Refused while a call is ahead or its outcome unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The service's answer to a placed call. ``created_at`` is as the service wrote it."""

    call_id: str
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call as the service lists it. ``tags`` are ours among its metadata, None where it shows no metadata.

    ``foreign_metadata``: it shows metadata, and no name among it is ours. Whether such a call may be ours is
    decided for the service (``engine.tagging``), never by that alone.

    ``name`` is the called person's, for comparison only: it is neither shown nor kept.
    ``status``, ``result`` and ``reason`` are its own words, ``duration`` is in seconds. ``started_at`` is when it
    rang, None where it has not, or the service does not say.
    """

    id: str
    status: str
    created_at: datetime
    agent: str | None = None
    contact_id: str | None = None
    number: str | None = None
    name: str | None = None
    tags: Mapping[str, str] | None = None
    foreign_metadata: bool = False
    result: str | None = None
    reason: str | None = None
    duration: float | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which calls to list: those created in a span, or of one status and any age."""

    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw before it sent anything: unclaimed calls, and the service's own time at that moment.

    None of the calls is the run's, and no call of the run was created before that time, by the service's clock.
    """

    call_ids: frozenset[str] = frozenset()
    server_time: datetime | None = None


class CallDirectory(Protocol):
    """Looks calls up. An empty answer proves nothing: how soon a new call is listed is not documented."""

    @property
    def server_time(self) -> datetime | None:
        """The service's time at its latest answer, in whole seconds rounded down; None where it does not tell."""
        ...

    @property
    def service(self) -> str:
        """The origin of the service, as ``facts.ServiceFact`` has it."""
        ...

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        """A whole listing, oldest first.

        Raises:
            LookupFailed: the service could not be asked, its answer is not what it documents, or its listing
                could not be had whole.
        """
        ...

    async def aclose(self) -> None: ...


class CallRegister(CallDirectory, Protocol):
    """A directory that tells of one call as well."""

    async def call(self, call_id: str) -> RemoteCall | None:
        """The call of that id; None where the service says that it has none.

        Raises:
            LookupFailed: as for ``calls``.
        """
        ...

    async def ask_time(self) -> None:
        """Ask something cheap, so that the service tells its time. Raises ``LookupFailed``."""
        ...


class Phase(StrEnum):
    """What the state holds at a checkpoint: intents before they are sent, their answers, or a run that ended."""

    INTENDED = "intended"
    RECORDED = "recorded"
    ENDED = "ended"


class Checkpoint(Protocol):
    """Carries the state to where it outlives this machine."""

    async def carry(self, phase: Phase) -> None:
        """Return once the state is safe elsewhere.

        Raises:
            CheckpointFailed: it is not, or somebody else's came first; nothing may be sent on the strength of it.
        """
        ...


class CallProvider(Protocol):
    """Places calls, one at a time: each worker has its own."""

    async def place(self, request: Request) -> Receipt:
        """Send the request once.

        Raises:
            NotSent: proven that nothing was taken.
            Rejected: the service refused.
            OutcomeUnknown: anything else.
        """
        ...

    async def aclose(self) -> None: ...
