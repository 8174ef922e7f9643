"""Stories: a project is created and applied several times, all recorded, and the power is cut at many moments.

Some of the states that are left are then applied by the real command, which is recorded and cut again.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, plan_text
from tests.crash.power.disk import Contents, Disk, read_folder, write_folder
from tests.crash.power.judge import Judge, Promise, promises
from tests.crash.power.recording import Recording, record
from tests.settings_file import keep_only_the_state
from tests.zygote import clean_environment

APPLY = ("apply", "--auto-approve", "--json", "--rate", "none", "--no-schedule-check")
FAULTS = ("drop-after=0.15", "drop-before=0.05")  # no request is refused: what was sent is never sent again
KILLS = ("inside-intent", "before-send", "after-send", "inside-answer", "after-answer")
PLAN = "calls/june.yaml"
NEVER = 10_000_000  # seconds until a new call is listed: nothing but the state knows it


@dataclass
class Figures:
    """What a story came to. ``wrong`` is empty where every promise was kept."""

    operations: int = 0
    cuts: int = 0
    built: int = 0
    states: int = 0
    journals: int = 0  # states with a journal that is not empty
    sent: int = 0
    placed: int = 0
    lookups: int = 0  # how often an acknowledged intent or answer was looked for
    applied: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


class Story:
    """``cuts`` is how many moments of each command are tried besides those of a promise (None: all). ``again`` is
    how many of the states that are left are applied.
    """

    def __init__(
        self, seed: int, folder: Path, mutant: str | None = None, cuts: int | None = None, again: int = 0
    ) -> None:
        self.random = random.Random(seed)
        self.mutant = mutant
        self.cuts = cuts
        self.again = again
        self.candidates = 0
        self.folder = folder
        self.root = folder / "project"
        self.judge = Judge(folder)
        self.figures = Figures()
        self.env = clean_environment() | {"CONTACTSHIP_API_KEY": KEY}
        self.acknowledged: list[Promise] = []
        self.left: list[tuple[Contents, list[Promise]]] = []

    def run(self) -> Figures:
        """Tell the story until a promise is broken."""
        rows = self.random.randint(2, 4)
        self._write_rows(self.root, rows)
        disk = Disk(read_folder(self.root))
        lag = self.random.choice((0, NEVER))
        with running(SandboxConfig(port=0, api_key=KEY, list_lag=lag)) as server:
            self.env["CONTACTSHIP_BASE_URL"] = server.url
            self._command(disk, "init")
            keep_only_the_state(self.root)
            disk.edit("reconciler.yaml", (self.root / "reconciler.yaml").read_bytes())
            server.set_faults(*FAULTS)
            self._apply(disk, self.random.choice((None, *KILLS)))
            server.set_faults()
            self._write_rows(self.root, rows + 2)
            disk.edit(PLAN, (self.root / PLAN).read_bytes())
            self._apply(disk, None)
        if not self.figures.wrong:
            chosen, self.again = self.left, 0
            for contents, acknowledged in chosen:
                self._apply_again(contents, acknowledged, rows + 2)
        self.figures.states, self.figures.journals = self.judge.states, self.judge.journals
        return self.figures

    def _write_rows(self, root: Path, rows: int) -> None:
        (root / "calls").mkdir(parents=True, exist_ok=True)
        (root / PLAN).write_text(plan_text(rows=rows))

    def _apply(self, disk: Disk, point: str | None) -> None:
        self._command(disk, *APPLY, "--concurrency", str(self.random.randint(1, 3)), point=point)

    def _command(self, disk: Disk, *args: str, point: str | None = None) -> None:
        if self.figures.wrong:
            return
        self._cut(disk, self._record(self.root, args, point), self.root)

    def _record(self, root: Path, args: Sequence[str], point: str | None = None) -> Recording:
        spec = self.folder / "spec.json"
        fired = str(self.folder / "fired")
        spec.write_text(json.dumps({"mutant": self.mutant, "point": point, "nth": 1, "fired": fired}))
        command = [sys.executable, "-m", "tests.crash.power.command", str(spec), *args]
        recording = record(command, root, self.env, self.folder / "operations")
        assert "Traceback" not in recording.err, recording.err
        assert recording.operations
        return recording

    def _cut(self, disk: Disk, recording: Recording, root: Path) -> None:
        """Do what was recorded, and cut the power on the way."""
        made = promises(recording.operations)
        count = len(recording.operations)
        self.figures.operations += count
        chosen = set(self.random.sample(range(count), count if self.cuts is None else min(self.cuts, count)))
        chosen |= {promise.at for promise in made} | {count - 1}
        for index, operation in enumerate(recording.operations):
            disk.apply(operation)
            while made and made[0].at == index:
                self._hold(made.pop(0))
            if index in chosen and not self.figures.wrong:
                self._cut_here(disk)
        assert disk.now() == read_folder(root), "everything that changed a file was recorded"

    def _hold(self, promise: Promise) -> None:
        self.acknowledged.append(promise)
        self.figures.sent += promise.kind == "sent"
        self.figures.placed += promise.kind == "placed"

    def _cut_here(self, disk: Disk) -> None:
        self.figures.cuts += 1
        chances = (0.0, 1.0, 0.5, self.random.random()) if disk.unsynced else (0.0,)
        for chance in chances:
            contents = disk.after_cut(partial(self._happens, chance), self.random)
            self.figures.built += 1
            self.figures.lookups += sum(promise.kind != "created" for promise in self.acknowledged)
            self.figures.wrong += self.judge.broken(contents, self.acknowledged)
            if self.acknowledged:
                self._choose_for_again(contents)

    def _choose_for_again(self, contents: Contents) -> None:
        """Each state with the same chance; only the chosen ones stay in memory (reservoir sampling)."""
        self.candidates += 1
        if len(self.left) < self.again:
            self.left.append((contents, list(self.acknowledged)))
        elif (place := self.random.randrange(self.candidates)) < self.again:
            self.left[place] = (contents, list(self.acknowledged))

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    def _apply_again(self, contents: Contents, acknowledged: list[Promise], rows: int) -> None:
        """After the cut, the real command sends what was not sent, and nothing else."""
        root = self.folder / "again"
        write_folder(root, contents)
        self._write_rows(root, rows)
        keep_only_the_state(root)
        disk, self.acknowledged = Disk(read_folder(root)), list(acknowledged)
        before = {promise.address for promise in acknowledged if promise.kind == "sent"}
        with running(SandboxConfig(port=0, api_key=KEY, list_lag=NEVER)) as server:
            self.env["CONTACTSHIP_BASE_URL"] = server.url
            recording = self._record(root, APPLY)
        self._cut(disk, recording, root)
        self.figures.applied += 1
        sent = [promise.address for promise in promises(recording.operations) if promise.kind == "sent"]
        self.figures.wrong += [f"{address} was sent a second time" for address in sent if address in before]
        reported = {event.get("address") for event in map(json.loads, recording.out.splitlines())}
        silent = {f"june/inv-{number}" for number in range(1, rows + 1)} - before - set(sent) - reported
        self.figures.wrong += [f"{address} was neither sent nor reported" for address in sorted(silent)]
        shutil.rmtree(root)


def run_story(
    seed: int, folder: Path, mutant: str | None = None, cuts: int | None = None, again: int = 0
) -> Figures:
    """One story in a new folder below ``folder``."""
    place = folder / f"story-{seed}-{mutant or 'real'}"
    place.mkdir()
    figures = Story(seed, place, mutant, cuts, again).run()
    shutil.rmtree(place)
    return figures
