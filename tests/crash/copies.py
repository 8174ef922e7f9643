"""Copies of one state on a service whose word is not to be trusted: nobody is phoned twice without being named.

The service cuts or shuffles its lists, returns the tags of some calls only, or all of them; then whoever finds
calls of another copy must say so.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from tests.conftest import KEY, ZYGOTE, Workbench, clean_environment, plan_text
from tests.zygote import VICTIM

CUT = ("empty-page", "short-page", "same-page", "hidden-call", "wrong-count", "endless", "other-order")
TAGS = ("empty-metadata", "some-metadata")
FAULTS = {
    "accept-any-listing": CUT[:3],
    "empty-metadata-is-a-stranger": TAGS,
    "ignore-copies": ("none",),
}


@dataclass
class Verdict:
    """What a trial came to. ``wrong`` is empty where every promise was kept."""

    fault: str
    codes: list[int] = field(default_factory=list)
    twice: int = 0
    wrong: list[str] = field(default_factory=list)


def run_trial(seed: int, folder: Path, mutant: str | None = None) -> Verdict:
    """One trial in a new folder below ``folder``."""
    draw = random.Random(seed)
    verdict = Verdict(draw.choice(FAULTS.get(mutant or "", (*CUT, *TAGS, "none"))))
    config = SandboxConfig(port=0, api_key=KEY, page_cap=5, seed=seed, echo_metadata=verdict.fault not in CUT)
    with running(config) as service:
        env = {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        place = folder / f"copies-{seed}-{mutant or 'real'}"
        (place / "first").mkdir(parents=True)
        _Trial(draw, verdict, Workbench(place / "first", env), service, mutant).run()
    return verdict


@dataclass
class _Trial:
    draw: random.Random
    verdict: Verdict
    first: Workbench
    service: RunningSandbox
    mutant: str | None

    def run(self) -> None:
        """Both copies place the same rows; what the second may know of the first's is what the service lists."""
        self.first.create_project()
        self.first.write("calls/june.yaml", plan_text(rows=self.draw.randint(8, 14)))
        second = Workbench(self.first.root.parent / "second", self.first.env)
        shutil.copytree(self.first.root, second.root)
        self._apply(self.first)
        if self.verdict.fault == "none":
            self._apply(second, "--no-preflight")
            self._apply(self.first)
        else:
            self.service.set_faults(f"get:{self.verdict.fault}")
            self._apply(second)
        self._judge()

    def _judge(self) -> None:
        people = Counter(call.body["contact_id"] for call in self.service.calls())
        self.verdict.twice = sum(count - 1 for count in people.values())
        codes = self.verdict.codes
        if self.verdict.fault == "none":
            if codes[1] == 0:
                self.verdict.wrong.append(f"{self.verdict.twice} people were phoned twice, with exit 0")
        elif self.verdict.twice:
            self.verdict.wrong.append(f"{self.verdict.fault}: {self.verdict.twice} people were phoned twice")
        if codes[0] != 0:
            self.verdict.wrong.append(f"the first apply, alone on a sound service, ended with {codes[0]}")

    def _apply(self, bench: Workbench, *options: str) -> subprocess.CompletedProcess[str]:
        (bench.root / "spec.json").write_text(json.dumps({"mutant": self.mutant}))
        command = ["spec.json", "apply", "--auto-approve", "--json", "--rate", "none", *options]
        done = ZYGOTE.run(command, bench.root, clean_environment() | bench.env, module=VICTIM)
        self.verdict.codes.append(done.returncode)
        if done.returncode not in {0, 3, 5} or "Traceback" in done.stderr:
            self.verdict.wrong.append(f"apply ended with {done.returncode}: {done.stderr[-500:]}")
        return done
