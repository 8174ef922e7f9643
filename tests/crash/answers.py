"""Trials with a service that answers with another call's id, or sends answers that belong to no request."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from reconciler.domain.model import Status
from tests.crash.driver import APPLY, Trial
from tests.crash.judge import Verdict
from tests.crash.killers import Kill

FAULTS = {"use-connections-again": "stray-answer", "report-what-was-answered": "same-call-id"}
POINTS = (None, "before-end")  # whose call an id is can be known only where the answer before it was recorded


class AnswerTrial(Trial):
    """Applies that may be killed at their end; then their messages are compared with the state."""

    def _go(self) -> None:
        self.rows.add(self.random.randint(3, 10), self.random)
        self._place_foreign_calls()
        fault = FAULTS.get(self.mutant or "") or self.random.choice([*FAULTS.values()])
        for point in (self.random.choice(POINTS), None):
            numbers = sorted(self.random.sample(range(1, 10), 5))
            self.serve(f"{fault}#{','.join(map(str, numbers))}", "error-after=0.1")
            self._compare(self._apply_alone(point), killed=point is not None)
            self.check("apply")
            if self.verdict.wrong:
                return
        self.serve()
        named = self.apply()
        self.judge.check_end(self.server.calls(), self.rows.addresses, named)

    def _apply_alone(self, point: str | None) -> subprocess.CompletedProcess[str]:
        spec = {} if point is None else Kill(point).spec(self.folder / "fired")
        done = self.victim((*APPLY, "--no-schedule-check", "--concurrency", "1"), spec)
        if point is not None:
            self.verdict.planned[point] += 1
            self.verdict.killed[point] += done.returncode == -signal.SIGKILL
        return done

    def _compare(self, done: subprocess.CompletedProcess[str], *, killed: bool) -> None:
        """Each row ends as the state has it, and exit 0 means that none is uncertain."""
        entries = self.judge.entries()
        for event in map(json.loads, done.stdout.splitlines()):
            entry = entries.get(event.get("address", ""))
            recorded = entry and (entry.status, entry.call_id)
            if event["type"] != "placed" or recorded == (Status.PLACED, event["call_id"]):
                continue
            if entry is None or entry.status is not Status.ADOPTED:
                self.report(f"{event['address']} was reported as {event['call_id']}, and is {recorded}")
        if done.returncode == 0 and any(entry.unknown for entry in entries.values()):
            self.report("exit 0 with calls that are uncertain")
        if not killed and done.returncode not in {0, 3}:
            self.report(f"apply ended with {done.returncode}: {done.stderr[-500:]}")


def run_answer_trial(seed: int, folder: Path, mutant: str | None = None) -> Verdict:
    """One trial in a new folder below ``folder``."""
    place = folder / f"answers-{seed}-{mutant or 'real'}"
    place.mkdir(parents=True)
    return AnswerTrial(seed, place, mutant, 0).run()
