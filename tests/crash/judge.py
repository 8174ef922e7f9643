"""Judges a trial by what the server recorded, and what the state says; reads the state without a command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.domain.model import Entry, JsonObject, Status
from reconciler.errors import StateError
from reconciler.sandbox import RecordedCall
from reconciler.state.sqlite.state import SqliteState


@dataclass
class Verdict:
    """What a trial came to. ``wrong`` is empty where every promise was kept.

    ``lost`` has the calls that the state does not know, and the rows that no message named and that are open.
    ``survived`` counts commands that ended before their moment came, and ``hot_journals`` the kills that left a
    commit half written, which the next connection has to roll back.
    """

    seed: int
    lag: int = 0
    calls: int = 0
    placed: int = 0
    uncertain: int = 0
    adopted: int = 0
    duplicates: int = 0
    lost: set[str] = field(default_factory=set)
    killed: Counter[str] = field(default_factory=Counter)
    planned: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    hot_journals: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Judge:
    """What holds for the state at ``path``, after each run and at the end. Adds to ``verdict``."""

    path: Path
    verdict: Verdict

    def entries(self) -> dict[str, Entry]:
        try:
            with SqliteState(self.path).reader() as reader:
                return {str(entry.address): entry for entry in reader.entries()}
        except StateError as error:
            self.verdict.wrong.append(f"the state cannot be read: {error}")
            return {}

    def paused(self) -> bool:
        with SqliteState(self.path).reader() as reader:
            return bool(reader.pauses())

    def check(self, calls: Sequence[RecordedCall]) -> dict[str, Entry]:
        """What holds after every single run. Returns the entries."""
        entries = self.entries()
        if problems := SqliteState(self.path).verify().problems:
            self.verdict.wrong.append(f"the ledger and the state disagree: {problems[:3]}")
        addresses = {call.call_id: address_of(call.body) for call in calls}
        self._check_calls([call for call in calls if "metadata" in call.body], entries)
        for address, entry in entries.items():
            if entry.call_id is not None and addresses.get(entry.call_id) != address:
                self.verdict.wrong.append(
                    f"{address} ({entry.status}) was given {entry.call_id}, a call of "
                    f"{addresses.get(entry.call_id)}"
                )
        return entries

    def _check_calls(self, ours: Sequence[RecordedCall], entries: dict[str, Entry]) -> None:
        counts = Counter(address_of(call.body) for call in ours)
        self.verdict.calls = len(ours)
        self.verdict.duplicates = len(ours) - len(counts)
        for address, count in counts.items():
            if count > 1:
                self.verdict.wrong.append(f"{address} was placed {count} times")
        recorded = {entry.call_id for entry in entries.values()}
        for call in ours:
            entry = entries.get(address_of(call.body))
            if call.call_id not in recorded and not (entry is not None and entry.unknown):
                self.verdict.lost.add(call.call_id)
                status = None if entry is None else entry.status
                self.verdict.wrong.append(
                    f"{call.call_id} of {address_of(call.body)} is unknown to the state: {status}"
                )

    def check_end(self, calls: Sequence[RecordedCall], wanted: Collection[str], named: Collection[str]) -> None:
        """What holds once nothing changes: every row is placed, or was named by the last apply."""
        entries = self.check(calls)
        for address in wanted:
            entry = entries.get(address)
            if not (entry is not None and entry.placed) and address not in named:
                self.verdict.lost.add(address)
                status = "absent" if entry is None else entry.status
                self.verdict.wrong.append(f"{address} is {status}, and no message named it")
        statuses = Counter(entry.status for entry in entries.values())
        self.verdict.placed = statuses[Status.PLACED] + statuses[Status.ADOPTED]
        self.verdict.adopted = statuses[Status.ADOPTED]
        self.verdict.uncertain = sum(entry.unknown for entry in entries.values())

    def check_tags(self, calls: Sequence[RecordedCall]) -> None:
        """What holds after a lookup with tags: a call that exists is found."""
        placed = {address_of(call.body) for call in calls}
        self.verdict.wrong += [
            f"{address} exists and is not found by its tags"
            for address, entry in self.check(calls).items()
            if entry.unknown and address in placed
        ]


def address_of(body: JsonObject) -> str:
    """The address that the tags of a recorded body name; a stranger's call has none."""
    metadata = body.get("metadata", {})
    assert isinstance(metadata, dict)
    return f"{metadata.get('reconciler_plan')}/{metadata.get('reconciler_key')}"
