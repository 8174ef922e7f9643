"""The world of one story: users, their files, machines, disks and the service; and what everybody was told."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from reconciler.domain.model import Address
from reconciler.domain.wire import ScheduleFields
from tests.simulation.disk import Disk, SimulatedState, StateFile, empty_state
from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import Machine
from tests.simulation.project import Files, Repository
from tests.simulation.service import Service, Traits

START = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday
FRESH = 5.0  # seconds that a check of the state is valid; guide "promises", 4


@dataclass
class Session:
    """What a machine knows and may do in one run, for the judge.

    ``commit`` is that of its rows, None for a command that places nothing. ``allowed`` are the bodies that may be
    sent, and until when, by address. ``left_out``: the service left a call out of a listing, unnoticed.
    ``without_tags`` are the phases in which it listed calls without their metadata.
    """

    machine: Machine
    disk: Disk
    files: Files
    allowed: Mapping[str, Sequence[tuple[Mapping[str, Any], datetime | None]]] = field(default_factory=dict)
    left_out: bool = False
    without_tags: set[str] = field(default_factory=set)
    store: Any = None
    run_id: str = ""
    commit: str | None = None
    file: StateFile | None = None
    began: float = 0.0
    taken: float | None = None

    def begin(self, store: Any, run_id: str) -> None:
        """The run has the state's lock."""
        self.store, self.run_id, self.file, self.began = store, run_id, self.disk.file, self.machine.elapsed()

    def taken_at(self) -> float | None:
        """When the state was replaced, or lost something that the run wrote; None if it did not."""
        if self.taken is None and self.file is not None:
            replaced = None if self.disk.file is self.file else self.disk.replaced_at
            self.taken = self.file.taken_from.get(self.machine.name, replaced)
        return self.taken


class LastApply(Protocol):
    def left_to_place(self) -> list[str]:
        """The rows that could be placed after the run; none if it said why it placed nothing more."""


class World:
    """``true_now`` is the time; machines may believe another one. ``wrong`` are broken promises, ``trace`` is
    everything that happened, in the words of the documentation. ``replays``: the ledger is replayed at the end,
    which takes as long as the rest of a story.
    """

    def __init__(self, loop: SimulatedLoop, source: random.Random, traits: Traits, *, replays: bool) -> None:
        self.loop = loop
        self.replays = replays
        self.random = source
        self.service = Service(self.true_now, traits)
        first = Disk(StateFile(empty_state()))
        self.disks = {"ci": first, "laptop": first}
        self.ahead = {"ci": 0.0, "laptop": 0.0}
        self.repository = Repository()
        self.fields = ScheduleFields()
        self.saved: dict[str, bytes] = {}
        self.approved: set[str] = set()
        self.granted: dict[Address, str] = {}  # the plan that approved a row, as the state has it
        self.withdrawn: set[tuple[str, Address]] = set()  # plans and their rows that were removed or disabled
        self.senders: dict[int, Session] = {}  # by the identity of a request's body
        self.travelling: Counter[str] = Counter()  # requests that have left, by marker
        self.latest_commit = ""  # of which calls were sent
        self.renamed: set[int] = set()  # rows that got another name without saying so
        self.last_apply: LastApply | None = None
        self.rang_at_once: list[str] = []
        self.copies = False  # whether there are, or were, copies of the state with different contents
        self.excused: dict[str, str] = {}
        self.trace: list[str] = []
        self.wrong: list[tuple[str, str]] = []
        self.met: Counter[tuple[str, str, bool]] = Counter()
        self.runs = 0

    def true_now(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    def machine(self, place: str) -> Machine:
        self.runs += 1
        return Machine(f"{place}-{self.runs}", self.loop.time, START, self.ahead[place])

    def state(self, place: str) -> SimulatedState:
        return SimulatedState(self.disks[place])

    def say(self, text: str) -> None:
        self.trace.append(f"{self.loop.time():10.3f}  {text}")

    def break_promise(self, promise: str, how: str) -> None:
        self.wrong.append((promise, how))
        self.say(f"BROKEN: {promise}: {how}")

    def happened(self, what: str, phase: str) -> None:
        """A fault, or something else, happened in this phase of a run."""
        self.met[what, phase, self.service.traits.tags] += 1

    def excuse_if_travelling(self, marker: str) -> None:
        """A person says that a call was not placed while its request is still on its way."""
        if self.travelling[marker]:
            self.excuse(marker, "a request that was on its way arrived after a person looked")

    def excuse(self, marker: str, why: str) -> None:
        """A promise about this call no longer holds, because of a documented limit."""
        self.excused.setdefault(marker, why)
