"""Seeded crashes of the real command against a real server, judged by what the server truly recorded.

One ``Trial`` is a project of some rows, a server that fails on the wire, a list that lags, calls that somebody
else places, and a row of applies that are killed at planned steps; then applies until nothing moves any more.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.domain.times import format_instant
from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import AGENT, NUMBER, ZYGOTE, clean_environment, contact, foreign
from tests.crash.victim import POINTS
from tests.settings_file import keep_only_the_state
from tests.zygote import VICTIM

KEY = "crash-key"
LAGS = (0, 1, 30)
LOSSES = ("drop-before", "drop-after", "error-before", "error-after", "half-answer", "not-json", "no-call-id")
RULES = (*(f"{fault}=0.04" for fault in LOSSES), "reject=0.02")  # 28% of answers are lost on the wire
AFTER_A_LOSS = ("before-lookup", "before-adoption", "after-adoption")
EACH_CALL = ("inside-intent", "before-send", "after-send", "inside-answer")


class Clock:
    """The server's clock: the real one, and what the trial adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Verdict:
    """What a trial came to. ``wrong`` is empty where every promise was kept."""

    seed: int
    lag: int
    placed: int = 0
    uncertain: int = 0
    adopted: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    planned: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    duplicates: int = 0


class Trial:
    def __init__(self, seed: int, folder: Path, mutant: str | None = None, lag: int | None = None) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.mutant = mutant
        self.clock = Clock()
        self.first = self.random.choice(POINTS)
        chosen = self.random.choice(LAGS) if lag is None else lag
        self.verdict = Verdict(seed, 0 if self.first in AFTER_A_LOSS else chosen)
        self.rows = self.random.randint(3, 10)
        self.people: list[str] = []
        self.strangers: set[str] = set()
        self.env = clean_environment() | {"CONTACTSHIP_API_KEY": KEY}

    def run(self) -> Verdict:
        self._write_project()
        config = SandboxConfig(
            port=0, api_key=KEY, clock=self.clock, list_lag=self.verdict.lag, db=self.folder / "server.db"
        )
        with running(config) as server:
            self._go(server)
        config = SandboxConfig(
            port=0, api_key=KEY, clock=self.clock, echo_metadata=True, db=self.folder / "server.db"
        )
        with running(config) as server:
            self._judge_with_tags(server)
        return self.verdict

    def _go(self, server: RunningSandbox) -> None:
        self.server = server
        self.env["CONTACTSHIP_BASE_URL"] = server.url
        self._command("init")
        keep_only_the_state(self.folder)
        self._foreign(server)
        server.set_faults(*(["drop-after"] if self.first in AFTER_A_LOSS else self._shuffled()))
        free = sum(person not in self.strangers for person in self.people)  # the others are held by preflight
        nth = self.random.randint(1, min(2, free)) if free and self.first in EACH_CALL else 1
        self._apply(self.first if free else "before-end", nth)
        self._check(server)
        for _ in range(self.random.randint(0, 2)):
            self.clock.ahead += timedelta(seconds=self.random.choice((0, 2, 31)))
            server.set_faults(*self._shuffled())
            if self._creates():
                self._apply(self.random.choice([point for point in POINTS if point not in AFTER_A_LOSS]), 1)
                self._check(server)
        if self.random.random() < 0.5:
            server.set_faults()
        before = None
        for _ in range(6):
            self._apply(None, 0)
            self.clock.ahead += timedelta(seconds=31)
            self._check(server)
            now = (len(server.calls()), self._entries())
            if now == before:
                break
            before = now
            server.set_faults()
        self._check_end(server)

    def _shuffled(self) -> list[str]:
        return self.random.sample(RULES, len(RULES))

    def _creates(self) -> bool:
        """Whether an apply now would place anything: then every step of the journal is passed."""
        planned = self._command("plan", "--json")
        changes = json.loads(planned.stdout)["changes"]
        people = {call.body["contact_id"] for call in self.server.calls()}
        return any(
            change["action"] == "create" and change["request"]["body"]["contact_id"] not in people
            for change in changes
        )

    def _write_project(self) -> None:
        lines = ["version: 1", "plan: june", "defaults:", f"  agent: {AGENT}", f"  from: {NUMBER}", "calls:"]
        for number in range(self.rows):
            shared = self.first not in AFTER_A_LOSS and self.random.random() < 0.2
            person = contact(self.random.randint(0, number) if shared else number)
            self.people.append(person)
            lines += [f"  - key: k{number}", f"    contact_id: {person}"]
            if self.random.random() < 0.7:
                lines.append(f"    schedule: {{at: 2031-06-01 10:{number:02d}, timezone: UTC}}")
            else:
                lines += ["    delay_minutes: 0", "    place_by: 2031-06-01T00:00:00Z", "    distinct: true"]
        (self.folder / "calls").mkdir(parents=True)
        (self.folder / "calls" / "june.yaml").write_text("\n".join(lines) + "\n")

    def _foreign(self, server: RunningSandbox) -> None:
        """Calls that somebody placed in the dashboard before we ran: to strangers, sometimes to one of ours."""
        people = [9000 + number for number in range(3)]
        if self.first not in AFTER_A_LOSS and self.random.random() < 0.3:
            people.append(self.random.randint(0, self.rows - 1))
        self.strangers = {contact(person) for person in people}
        for person in people:
            created_at = format_instant(self.clock() - timedelta(seconds=self.random.choice((3, 20, 200))))
            foreign(server, person, created_at=created_at)

    def _command(self, *args: str) -> subprocess.CompletedProcess[str]:
        return ZYGOTE.run(list(args), self.folder, self.env, timeout=120)

    def _apply(self, point: str | None, nth: int) -> None:
        fired = self.folder / "fired"
        fired.unlink(missing_ok=True)
        spec = {"mutant": self.mutant, "point": point, "nth": nth, "fired": str(fired)}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        command = ["spec.json", "apply", "--auto-approve", "--json"]
        options = ["--rate", "none", "--concurrency", str(self.random.randint(1, 4)), "--timeout", "5s"]
        if point is not None:  # a check call that is lost would hold all others back, and the kill with them
            options.append("--no-schedule-check")
        done = ZYGOTE.run([*command, *options], self.folder, self.env, module=VICTIM)
        if point is not None:
            self.verdict.planned[point] += 1
        if done.returncode == -signal.SIGKILL:
            self.verdict.killed[fired.read_text()] += 1
        elif point is not None and self.mutant is None:
            self.verdict.wrong.append(
                f"the kill at {point} did not fire: {done.stdout[-300:]}{done.stderr[-300:]}"
            )
        elif done.returncode not in {0, 3} or "Traceback" in done.stderr:
            self.verdict.wrong.append(f"apply ended with {done.returncode}: {done.stderr[-500:]}")

    def _entries(self) -> dict[str, tuple[str, str | None]]:
        listed = self._command("state", "list", "--json")
        if listed.returncode:
            self.verdict.wrong.append(f"the state cannot be read: {listed.stderr}")
            return {}
        return {
            item["address"]: (item["status"], item["call_id"]) for item in json.loads(listed.stdout)["entries"]
        }

    def _check(self, server: RunningSandbox) -> None:
        """What holds after every single run."""
        entries = self._entries()
        if audited := SqliteState(self.folder / ".reconciler" / "state.db").verify().problems:
            self.verdict.wrong.append(f"the ledger and the state disagree: {audited[:3]}")
        ours = [call for call in server.calls() if "metadata" in call.body]
        counts = Counter(address_of(call.body) for call in ours)
        for address, count in counts.items():
            if count > 1:
                self.verdict.duplicates += count - 1
                self.verdict.wrong.append(f"{address} was placed {count} times")
        known = {call_id for _, call_id in entries.values()}
        for call in ours:
            address = address_of(call.body)
            if call.call_id not in known and entries.get(address, ("", None))[0] != "uncertain":
                self.verdict.wrong.append(
                    f"{call.call_id} of {address} is unknown to the state: {entries.get(address)}"
                )
        truth = {call.call_id: address_of(call.body) for call in server.calls()}
        for address, (status, call_id) in entries.items():
            if call_id is not None and truth.get(call_id) != address:
                self.verdict.wrong.append(
                    f"{address} ({status}) was given {call_id}, a call of {truth.get(call_id)}"
                )

    def _check_end(self, server: RunningSandbox) -> None:
        """What holds once nothing moves: every row is placed, failed, or reported as open."""
        entries = self._entries()
        last = self._command("apply", "--auto-approve", "--json", "--rate", "none")
        told = {json.loads(line).get("address") for line in last.stdout.splitlines()}
        for number in range(self.rows):
            address = f"june/k{number}"
            status = entries.get(address, ("absent", None))[0]
            if status not in {"placed", "adopted"} and address not in told:
                self.verdict.wrong.append(f"{address} is {status}, and nobody was told")
        statuses = Counter(status for status, _ in entries.values())
        self.verdict.placed = statuses["placed"] + statuses["adopted"]
        self.verdict.adopted = statuses["adopted"]
        self.verdict.uncertain = statuses["uncertain"]
        self._check(server)

    def _judge_with_tags(self, server: RunningSandbox) -> None:
        """With tags returned, whatever exists is found, and only what does not exist stays open."""
        self.env["CONTACTSHIP_BASE_URL"] = server.url
        self._command("resolve")
        placed = {address_of(call.body) for call in server.calls()}
        left = [address for address, (status, _) in self._entries().items() if status == "uncertain"]
        self.verdict.wrong += [
            f"{address} exists and is not found by its tags" for address in left if address in placed
        ]
        self._check(server)


def address_of(body: dict[str, Any]) -> str:
    """The address that the tags of a recorded body name; a stranger's call has none."""
    metadata = body.get("metadata", {})
    return f"{metadata.get('reconciler_plan')}/{metadata.get('reconciler_key')}"


def run_trial(seed: int, folder: Path, mutant: str | None = None, lag: int | None = None) -> Verdict:
    """One trial in a new folder below ``folder``."""
    place = folder / f"trial-{seed}-{mutant or 'real'}-{os.getpid()}"
    place.mkdir(parents=True)
    return Trial(seed, place, mutant, lag).run()
