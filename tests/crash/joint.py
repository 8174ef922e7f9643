"""Many runners on one plan while runners and their database sessions are killed at random.

By hand: ``python -m tests.crash.joint --runners 8 --rows 5000 --rounds 20 --seed 1``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from tests.conftest import KEY, ZYGOTE, clean_environment, plan_text
from tests.postgres import PostgresServer
from tests.settings_file import keep_only_the_state
from tests.zygote import Forked

_BACKENDS = "select pid from pg_stat_activity where application_name like 'reconciler apply%'"
_ENDS = {0, 1, 3}  # done, the connection was lost, something is left


@dataclass
class Verdict:
    """What a round came to. ``wrong`` is empty where every promise was kept."""

    seed: int
    placed: int = 0
    adopted: int = 0
    uncertain: int = 0
    duplicates: int = 0
    lost: int = 0
    killed: int = 0
    cut: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.placed} placed ({self.adopted} adopted), {self.uncertain} uncertain, "
            f"{self.duplicates} duplicates, {self.lost} lost; {self.killed} runners and {self.cut} sessions "
            f"killed; {self.seconds:.0f} s"
        )


class Round:
    """One plan, ``runners`` at work on it at any time, and ``blows`` against them or their sessions."""

    def __init__(
        self, seed: int, folder: Path, server: PostgresServer, runners: int, rows: int, blows: int
    ) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.server = server
        self.runners = runners
        self.rows = rows
        self.blows = blows
        self.verdict = Verdict(seed)
        self.running: list[Forked] = []
        self.env = clean_environment() | {
            "CONTACTSHIP_API_KEY": KEY,
            "RECONCILER_STATE": server.url(),
        }

    def run(self) -> Verdict:
        (self.folder / "calls").mkdir(parents=True)
        (self.folder / "calls" / "june.yaml").write_text(plan_text(rows=self.rows))
        config = SandboxConfig(port=0, api_key=KEY, latency=0.02, list_lag=self.random.choice((0, 1)))
        with running(config) as sandbox:
            self.env["CONTACTSHIP_BASE_URL"] = sandbox.url
            self._command("init")
            keep_only_the_state(self.folder)
            self._command("plan", "--out", "june.plan")
            sandbox.set_faults("drop-after=0.005", "drop-before=0.005", "error-after=0.005")
            started = time.monotonic()
            self._fight(sandbox)
            self.verdict.seconds = time.monotonic() - started
            sandbox.set_faults()
            for _ in range(3):  # what a breaker or a lost connection left is placed now
                told = self._settled()
            self._judge(sandbox, told)
        return self.verdict

    def _fight(self, sandbox: RunningSandbox) -> None:
        """Strike again and again, once so many calls have been placed."""
        self.running = [self._start() for _ in range(self.runners)]
        for placed in sorted(self.random.sample(range(self.rows), self.blows)):
            while len(sandbox.calls()) < placed and any(run.poll() is None for run in self.running):
                time.sleep(0.01)
            self._strike()
            missing = self.runners - len(self.running)
            self.running += [self._start() for _ in range(self.random.randint(min(1, missing), missing))]
        for run in list(self.running):
            self._ended(run)

    def _strike(self) -> None:
        for run in [run for run in self.running if run.poll() is not None]:
            self._ended(run)
        if self.random.random() < 0.5 and self.running:
            victim = self.random.choice(self.running)
            victim.kill()
            self._ended(victim)
        elif backends := [row["pid"] for row in self.server.sql(_BACKENDS)]:
            self.server.sql(f"select pg_terminate_backend({self.random.choice(backends)})")
            self.verdict.cut += 1

    def _ended(self, run: Forked) -> None:
        self.running.remove(run)
        _, errors = run.communicate(timeout=600)
        if "Traceback" in errors or ": nothing is sent for it" in errors:
            self.verdict.wrong.append(errors[-2000:])
        code = run.returncode
        if code == -signal.SIGKILL:
            self.verdict.killed += 1
        elif code not in _ENDS:
            self.verdict.wrong.append(f"a runner ended with {code}")

    def _start(self) -> Forked:
        command = ["apply", "june.plan", "--join", "--json"]
        options = ["--rate", "none", "--concurrency", str(self.random.randint(1, 8)), "--timeout", "5s"]
        return ZYGOTE.start([*command, *options], self.folder, self.env)

    def _command(self, *args: str) -> str:
        done = ZYGOTE.run(list(args), self.folder, self.env, timeout=300)
        if done.returncode not in {0, 3}:
            self.verdict.wrong.append(f"{args} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def _settled(self) -> set[str]:
        """Apply the plan again; the addresses that were named."""
        lines = self._command("apply", "june.plan", "--join", "--json", "--rate", "none").splitlines()
        return {json.loads(line).get("address") for line in lines}

    def _judge(self, sandbox: RunningSandbox, told: set[str]) -> None:
        listed = json.loads(self._command("state", "list", "--json"))["entries"]
        entries = {item["address"]: (item["status"], item["call_id"]) for item in listed}
        calls = {call.call_id: f"june/{call.body['metadata']['reconciler_key']}" for call in sandbox.calls()}
        counts = Counter(calls.values())
        self.verdict.duplicates = sum(count - 1 for count in counts.values())
        known = {call_id for _, call_id in entries.values()}
        statuses = Counter(status for status, _ in entries.values())
        self.verdict.placed = statuses["placed"] + statuses["adopted"]
        self.verdict.adopted, self.verdict.uncertain = (
            statuses["adopted"],
            statuses["uncertain"] + statuses["intended"],
        )
        wrong = [f"{address} was placed {count} times" for address, count in counts.items() if count > 1]
        for call_id, address in calls.items():
            if call_id not in known and entries.get(address, ("",))[0] not in {"uncertain", "intended"}:
                wrong.append(f"{call_id} of {address} is unknown to the state: {entries.get(address)}")
        for address, (status, call_id) in entries.items():
            if call_id is not None and calls.get(call_id) != address:
                wrong.append(f"{address} ({status}) was given {call_id}, a call of {calls.get(call_id)}")
        for number in range(1, self.rows + 1):
            address = f"june/inv-{number}"
            status, _ = entries.get(address, ("absent", None))
            if status in {"absent", "ruled_out", "failed"}:
                self.verdict.lost += 1
                wrong.append(f"{address} is {status}")
            if address not in told:
                wrong.append(f"{address} ({status}) was not told")
        self._command("audit", "verify")
        self._command("state", "check")
        self.verdict.wrong += wrong


def run_round(seed: int, folder: Path, server: PostgresServer, *, runners: int, rows: int, blows: int) -> Verdict:
    """One round in a new folder below ``folder``."""
    place = folder / f"round-{seed}-{os.getpid()}"
    return Round(seed, place, server, runners=runners, rows=rows, blows=blows).run()


@click.command()
@click.option("--runners", default=8, show_default=True)
@click.option("--rows", default=5000, show_default=True)
@click.option("--rounds", default=20, show_default=True)
@click.option("--blows", default=20, show_default=True, help="Runners or sessions killed in a round.")
@click.option("--seed", default=1, show_default=True)
def joint(runners: int, rows: int, rounds: int, blows: int, seed: int) -> None:
    """Play rounds and say what became of them. Exit 1 where a promise was broken."""
    server, broken = PostgresServer(), 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(seed, seed + rounds):
                verdict = run_round(number, Path(folder), server, runners=runners, rows=rows, blows=blows)
                broken += bool(verdict.wrong)
                for wrong in verdict.wrong[:20]:
                    click.echo(f"seed {number}: {wrong}")
                click.echo(str(verdict))
    finally:
        server.close()
    click.echo(f"{rounds} rounds, {broken} with a broken promise.")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    joint()
