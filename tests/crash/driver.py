"""Seeded kills of the real command against a real server, judged by what the server truly recorded.

One ``Trial`` is a project whose rows grow, a server that fails on the wire, a list that lags, calls that somebody
else places, and a series of commands that are killed; then applies until nothing changes any more.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.domain.times import format_instant
from reconciler.sandbox import SandboxConfig, running
from tests.conftest import ZYGOTE, clean_environment, contact, foreign
from tests.crash.drills import DRILLS
from tests.crash.judge import Judge, Verdict
from tests.crash.killers import BY_CHANCE, Kill, draw_kill
from tests.crash.plan_rows import PlanRows
from tests.crash.victim import POINTS
from tests.settings_file import keep_only_the_state
from tests.zygote import VICTIM

KEY = "crash-key"
KILLS = 12  # commands that are to be killed in a trial
LAGS = (0, 1, 30)
LOSSES = ("drop-before", "drop-after", "error-before", "error-after", "half-answer", "not-json", "no-call-id")
RULES = (*(f"{fault}=0.04" for fault in LOSSES), "reject=0.02")  # 28% of answers are lost on the wire
AFTER_A_LOSS = ("before-lookup", "before-adoption", "after-adoption")
EACH_CALL = ("inside-intent", "before-send", "after-send", "inside-answer")
APPLY = ("apply", "--auto-approve", "--json", "--rate", "none")
HOT = bytes.fromhex("d9d505f920a163d7")  # how a journal begins from its sync to the end of its commit:
# https://sqlite.org/fileformat2.html#the_rollback_journal
TOOK = 50_000  # microseconds, of a command that has not run yet


class Clock:
    """The server's clock: the real one, and what the trial adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Trial:
    """``strike`` kills a command; ``command`` and ``apply`` let one end."""

    def __init__(
        self, seed: int, folder: Path, mutant: str | None = None, lag: int | None = None, kills: int = KILLS
    ) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.mutant = mutant
        self.clock = Clock()
        self.verdict = Verdict(seed, self.random.choice(LAGS) if lag is None else lag)
        self.judge = Judge(folder / ".reconciler" / "state.db", self.verdict)
        self.rows = PlanRows(folder / "calls" / "june.yaml")
        self.kills = kills
        self.env = clean_environment() | {"CONTACTSHIP_API_KEY": KEY}
        self.took: dict[str, int] = {}  # microseconds of the latest undisturbed run, by command

    def run(self) -> Verdict:
        with running(SandboxConfig(port=0, api_key=KEY, clock=self.clock)) as self.server:
            self.env["CONTACTSHIP_BASE_URL"] = self.server.url
            self.command("init")
            keep_only_the_state(self.folder)
            self._go()
        if not self.verdict.wrong:
            shutil.rmtree(self.folder)
        return self.verdict

    def _go(self) -> None:
        self._place_foreign_calls()
        for kind in planned_kinds(self.verdict.seed, self.kills):
            if kind in DRILLS:
                self.rows.add(self.random.randint(0, 1), self.random)
                self.serve(*self._faults())
                DRILLS[kind](self)
                self.check(kind)
            else:
                self._kill_an_apply(kind)
            self.clock.ahead += timedelta(seconds=self.random.choice((0, 2, 31)))
            if self.random.random() < 0.1:
                self.apply()
            if self.verdict.wrong:
                return
        self._settle()

    def _place_foreign_calls(self) -> None:
        """Calls that somebody placed in the dashboard before: to strangers, and sometimes to one of ours."""
        self.rows.add(self.random.randint(1, 3), self.random)
        people = [contact(9000 + number) for number in range(3)]
        if self.random.random() < 0.3:
            people.append(self.random.choice(self.rows.people))
        for person in people:
            created_at = format_instant(self.clock() - timedelta(seconds=self.random.choice((3, 20, 200))))
            foreign(self.server, int(person[-12:]), created_at=created_at)

    def _kill_an_apply(self, kind: str) -> None:
        """With a row that nothing holds back, so that every step is passed."""
        fresh = self.random.randint(1, 2)
        self.rows.add(fresh, self.random, shared=False)
        if kind in AFTER_A_LOSS:
            self.serve("drop-after", lag=0)
        else:
            self.rows.add(self.random.randint(0, 1), self.random)
            self.serve(*self._faults())
        if kind in BY_CHANCE:
            kill = self.draw_kill("apply", kind)
        else:
            kill = Kill(kind, self.random.randint(1, fresh) if kind in EACH_CALL else 1)
        # a check call that is lost would hold all others back, and the kill with them
        options = ("--no-schedule-check", "--concurrency", str(self.random.randint(1, 4)), "--timeout", "5s")
        self.strike(kill, kind, *APPLY, *options)
        self.check(f"apply, {kill}")

    def draw_kill(self, command: str, kind: str | None = None) -> Kill:
        return draw_kill(self.random, command, self.took.get(command, TOOK), kind)

    def strike(self, kill: Kill, name: str, *args: str) -> None:
        """Run a command that is to die; ``name`` is what it counts as."""
        fired = self.folder / "fired"
        fired.unlink(missing_ok=True)
        self.verdict.planned[name] += 1
        done = self.victim(args, kill.spec(fired))
        if done.returncode == -signal.SIGKILL:
            self.verdict.killed[fired.read_text() if kill.kind in POINTS else name] += 1
        elif kill.kind in BY_CHANCE:
            self.verdict.survived[name] += 1
        elif self.mutant is None:
            self.report(f"the kill at {kill} did not occur: {done.stdout[-300:]}{done.stderr[-300:]}")
        if "Traceback" in done.stderr:
            self.report(f"{' '.join(args)}: {done.stderr[-500:]}")
        self.verdict.hot_journals += self._journal().startswith(HOT)

    def _journal(self) -> bytes:
        """The journal that a killed transaction left."""
        journal = self.judge.path.with_name("state.db-journal")
        return journal.read_bytes() if journal.exists() else b""

    def command(self, *args: str, expected: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Let a command end, and look at how it ended."""
        start = time.monotonic()
        done = self.victim(args, {})
        self.took[_name(args)] = int((time.monotonic() - start) * 1e6)
        if done.returncode not in expected or "Traceback" in done.stderr:
            self.report(f"{' '.join(args)} ended with {done.returncode}: {done.stdout[-300:]}{done.stderr[-500:]}")
        return done

    def apply(self) -> set[str]:
        """Let an apply end. Returns the addresses that it names."""
        done = self.command(*APPLY, "--concurrency", "2", "--timeout", "5s", expected=(0, 3))
        self.check("apply")
        return {json.loads(line).get("address") for line in done.stdout.splitlines()}

    def victim(self, args: Sequence[str], spec: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        spec |= {"mutant": self.mutant, "seconds_ahead": self.clock.ahead.total_seconds()}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        return ZYGOTE.run(["spec.json", *args], self.folder, self.env, module=VICTIM, timeout=120)

    def check(self, step: str) -> None:
        """Judge; or, half the time, leave the journal of a transaction for the next command to find."""
        if self._journal() and self.random.random() < 0.5:
            return
        before = len(self.verdict.wrong)
        self.judge.check(self.server.calls())
        self.verdict.wrong[before:] = [f"after {step}: {wrong}" for wrong in self.verdict.wrong[before:]]

    def report(self, wrong: str) -> None:
        self.verdict.wrong.append(wrong)

    def _faults(self) -> list[str]:
        return self.random.sample(RULES, len(RULES))

    def serve(self, *faults: str, lag: int | None = None, tags: bool = False) -> None:
        """Set the server's faults, how late its list is, and whether it returns tags."""
        backend = self.server._backend
        lag = self.verdict.lag if lag is None else lag
        backend.config = replace(backend.config, list_lag=lag, echo_metadata=tags)
        backend.date_offset = self.clock.ahead.total_seconds()
        self.server.set_faults(*faults)

    def _settle(self) -> None:
        """Apply until nothing changes; then let the server return tags, and look everything up again."""
        self.serve(*(self._faults() if self.random.random() < 0.5 else ()))
        before, named = None, set[str]()
        for _ in range(6):
            named = self.apply()
            self.clock.ahead += timedelta(seconds=31)
            self.serve()
            now = (len(self.server.calls()), self.judge.entries())
            if now == before:
                break
            before = now
        self.judge.check_end(self.server.calls(), self.rows.addresses, named)
        self.serve(tags=True, lag=0)
        self.command("resolve", expected=(0, 3))
        self.judge.check_tags(self.server.calls())


def _name(args: Sequence[str]) -> str:
    """``apply`` or ``state pull``: the command without its options."""
    return " ".join(args[:2]) if args[0] == "state" else args[0]


def planned_kinds(seed: int, kills: int) -> list[str]:
    """What is killed in a trial: half of it applies at named points. Trials that follow each other differ."""
    others = [*BY_CHANCE * 3, *DRILLS]
    return [_deal(POINTS if number % 2 else others, (seed * kills + number) // 2) for number in range(kills)]


def _deal(cards: Sequence[str], position: int) -> str:
    """The card at a position of endless decks, each shuffled in its own way."""
    deck, card = divmod(position, len(cards))
    return random.Random(deck).sample(cards, len(cards))[card]


def run_trial(
    seed: int, folder: Path, mutant: str | None = None, lag: int | None = None, kills: int = KILLS
) -> Verdict:
    """One trial in a new folder below ``folder``, which is left there if a promise was broken."""
    place = folder / f"trial-{seed}-{mutant or 'real'}-{os.getpid()}"
    place.mkdir(parents=True)
    return Trial(seed, place, mutant, lag, kills).run()
