"""One trial for each rule of what may be placed; what it comes to is what the sandbox recorded, person by person.

A strategy that breaks the rule (``wrong_rules.py``) rings somebody whom the real command leaves alone.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.conftest import KEY, ZYGOTE, Workbench, clean_environment, contact, foreign, plan_text
from tests.gitrepo import commit, git
from tests.zygote import VICTIM, Forked

PLAN = "calls/june.yaml"
DAY = timedelta(days=1)
APPLY = ("apply", "--auto-approve", "--rate", "none", "--no-schedule-check")


@dataclass
class Trial:
    """A project at a sandbox, whose clock is ``ahead`` of the real one, and the command with its mistake."""

    bench: Workbench
    mutant: str | None
    ahead: timedelta = timedelta(0)
    sandbox: RunningSandbox = field(init=False)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def start(self, *args: str) -> Forked:
        self.bench.write("spec.json", json.dumps({"mutant": self.mutant}))
        command = ["spec.json", *args]
        return ZYGOTE.start(command, self.bench.root, clean_environment() | self.bench.env, module=VICTIM)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = self.start(*args)
        out, err = command.communicate()
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(args, command.wait(), out, err)

    def apply(self, *options: str) -> None:
        self.run(*APPLY, *options)

    def rows(self, count: int, extra: str = "") -> None:
        self.bench.write(PLAN, plan_text(rows=count, extra=extra))


def run_trial(rule: Callable[[Trial], None], folder: Path, mutant: str | None) -> dict[int, int]:
    """How many calls each person has, by number; the calls of the dashboard count too."""
    trial = Trial(Workbench(folder), mutant)
    config = SandboxConfig(port=0, api_key=KEY, clock=trial.now, faults=FaultPlan(retry_after=1))
    with running(config) as trial.sandbox:
        trial.bench.env |= {"CONTACTSHIP_BASE_URL": trial.sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        trial.bench.create_project()
        rule(trial)
        people = Counter(call.body["contact_id"] for call in trial.sandbox.calls())
    return {number: people[contact(number)] for number in (1, 2, 3) if people[contact(number)]}


def conflict_is_kept(trial: Trial) -> None:
    """A call of the dashboard stands against a row; when it has rung, it is too old to be listed."""
    schedule = {"date": f"{trial.now() + DAY:%Y-%m-%d %H:%M:%S}", "timezone": "UTC"}
    foreign(trial.sandbox, 1, created_at=(trial.now() - 3 * DAY).isoformat(), schedule=schedule)
    trial.rows(2)
    trial.apply()
    trial.ahead = 2 * DAY
    trial.apply()


def newer_stays(trial: Trial) -> None:
    """The job of an old commit runs again, after the row of a person was taken out."""
    trial.bench.write(".gitignore", ".reconciler/\nspec.json\n")
    git(trial.bench.root, "init", "--quiet")
    trial.rows(3)
    old = commit(trial.bench.root, "three rows")
    trial.rows(2)
    commit(trial.bench.root, "two rows")
    trial.apply()
    git(trial.bench.root, "checkout", "--quiet", old)
    trial.apply()


def approval_is_needed(trial: Trial) -> None:
    """A row is added after a plan with the others was approved."""
    trial.rows(2)
    trial.bench.ok("plan", "--out", "june.plan")
    trial.rows(3)
    trial.run("apply", "--approved", trial.bench.reviewed("june.plan"), "--rate", "none", "--no-schedule-check")
    trial.apply("--only-approved")


def earlier_call_is_stopped_first(trial: Trial) -> None:
    """A person's row has its revision raised while the call of the earlier revision is still ahead."""
    trial.rows(2)
    trial.apply()
    trial.rows(2, extra="    revision: 2\n")
    trial.apply()


def list_counts_after_planning(trial: Trial) -> None:
    """A person is put on a suppression list after the plan was saved."""
    listed = f"contact_id\n{contact(77)}\n"
    rules = f"suppression: [{{file: dnc.csv, as_of: {trial.now() - DAY:%Y-%m-%d}}}]"
    trial.bench.write("reconciler.yaml", f"version: 1\npolicy: {{{rules}}}\n")
    trial.bench.write("dnc.csv", listed)
    trial.rows(3)
    trial.bench.ok("plan", "--out", "june.plan")
    trial.bench.write("dnc.csv", f"{listed}{contact(2)}\n")
    trial.run("apply", "june.plan", "--rate", "none", "--no-schedule-check")


def guards_count_when_sending(trial: Trial) -> None:
    """A call has its least lead when it is first sent, and no more when it may be sent again."""
    for patience in (2, 5, 15):  # seconds in which the first attempt must leave; a busy machine needs more
        trial.sandbox.set_faults("too-many")
        start = trial.now().replace(microsecond=0)
        trial.bench.write("reconciler.yaml", f"version: 1\npolicy: {{min_lead: {86_400 - patience}s}}\n")
        text = plan_text(rows=1).replace("America/Mexico_City", "UTC")
        trial.bench.write(PLAN, text.replace("2031-06-01 00:01:00", f"{start + DAY:%Y-%m-%d %H:%M:%S}"))
        run = trial.start(*APPLY)
        over = start + timedelta(seconds=patience + 1)  # whatever left in time has been answered
        while run.poll() is None and trial.now() < over:
            time.sleep(0.01)
        attempts = trial.sandbox._backend.dial._seen[False]
        trial.sandbox.set_faults()
        run.communicate()
        if attempts:
            return


@dataclass(frozen=True)
class Rule:
    """A trial, and how many calls each person has after it: by the real command, and by the strategy."""

    trial: Callable[[Trial], None]
    right: dict[int, int]
    wrong: dict[int, int]


RULES = {
    "forget-conflicts": Rule(conflict_is_kept, {1: 1, 2: 1}, {1: 2, 2: 1}),
    "accept-any-commit": Rule(newer_stays, {1: 1, 2: 1}, {1: 1, 2: 1, 3: 1}),
    "approve-everything": Rule(approval_is_needed, {1: 1, 2: 1}, {1: 1, 2: 1, 3: 1}),
    "ignore-earlier-revisions": Rule(earlier_call_is_stopped_first, {1: 1, 2: 1}, {1: 1, 2: 2}),
    "trust-the-plan": Rule(list_counts_after_planning, {1: 1, 3: 1}, {1: 1, 2: 1, 3: 1}),
    "never-object-when-sending": Rule(guards_count_when_sending, {}, {1: 1}),
}
