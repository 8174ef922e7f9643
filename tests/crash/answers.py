"""Trials with a service that answers with another call's id, or sends answers that belong to no request."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from reconciler.sandbox import RunningSandbox
from tests.conftest import ZYGOTE
from tests.crash.driver import Trial, Verdict
from tests.settings_file import keep_only_the_state
from tests.zygote import VICTIM

FAULTS = {"use-connections-again": "stray-answer", "report-what-was-answered": "same-call-id"}
POINTS = (None, "before-end")  # whose call an id is can be known only where the answer before it was recorded


class AnswerTrial(Trial):
    """Applies that may be killed at their end; then what was told is held against the state."""

    def _go(self, server: RunningSandbox) -> None:
        self.server = server
        self.env["CONTACTSHIP_BASE_URL"] = server.url
        self._command("init")
        keep_only_the_state(self.folder)
        fault = FAULTS.get(self.mutant or "") or self.random.choice([*FAULTS.values()])
        for point in (self.random.choice(POINTS), None):
            struck = sorted(self.random.sample(range(1, 10), 5))
            server.set_faults(f"{fault}#{','.join(map(str, struck))}", "error-after=0.1")
            self._told_as_recorded(self._apply_alone(point), killed=point is not None)
            self._check(server)
        server.set_faults()
        self._check_end(server)

    def _apply_alone(self, point: str | None) -> subprocess.CompletedProcess[str]:
        fired = self.folder / "fired"
        spec = {"mutant": self.mutant, "point": point, "nth": 1, "fired": str(fired)}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        command = ["spec.json", "apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "1"]
        done = ZYGOTE.run(command, self.folder, self.env, module=VICTIM)
        if point is not None:
            self.verdict.planned[point] += 1
            self.verdict.killed[point] += done.returncode == -signal.SIGKILL
        return done

    def _told_as_recorded(self, done: subprocess.CompletedProcess[str], *, killed: bool) -> None:
        """Each row ends as the state has it, and exit 0 means that none is uncertain."""
        entries = self._entries()
        for event in map(json.loads, done.stdout.splitlines()):
            known = entries.get(event.get("address", ""), ("", None))
            if event["type"] == "placed" and known != ("placed", event["call_id"]) and known[0] != "adopted":
                self.verdict.wrong.append(f"{event['address']} was told as {event['call_id']}, and is {known}")
        if done.returncode == 0 and any(status == "uncertain" for status, _ in entries.values()):
            self.verdict.wrong.append("exit 0 with calls that are uncertain")
        if not killed and done.returncode not in {0, 3}:
            self.verdict.wrong.append(f"apply ended with {done.returncode}: {done.stderr[-500:]}")


def run_answer_trial(seed: int, folder: Path, mutant: str | None = None) -> Verdict:
    """One trial in a new folder below ``folder``."""
    place = folder / f"answers-{seed}-{mutant or 'real'}"
    place.mkdir(parents=True)
    return AnswerTrial(seed, place, mutant, 0).run()
